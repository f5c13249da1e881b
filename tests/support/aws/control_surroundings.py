"""Verbs of the scripting port for what surroundings.py reads, and for IAM's simulator."""
from control import verb
from ec2_state import GROUP, VPC
from identity import DEFAULT_ACCOUNT
from sqs import SPOT, TASK, Queue, told


@verb("nat-gateway")
def nat_gateway(control, given):
    """id, state, subnet, connectivity (public, private); delete."""
    gateways = control.region(given).ec2.nat_gateways
    if given.get("delete"):
        gateways.pop(given["id"], None)
        return
    old = gateways.setdefault(
        given["id"],
        {
            "subnet": "subnet-0000000000000000a",
            "vpc": VPC,
            "state": "available",
            "connectivity": "public",
        },
    )
    old.update({key: given[key] for key in ("state", "subnet", "connectivity") if key in given})


@verb("group-rules")
def group_rules(control, given):
    """id; in, out: [{"protocol", "from", "to", "cidr" or "group"}…]; what is not given is as for a new group."""
    control.region(given).ec2.group_rules[given.get("id", GROUP)] = {
        way: given[way] for way in ("in", "out") if way in given
    }


@verb("repository")
def repository(control, given):
    """name, images: tags and digests that it holds."""
    control.region(given).repositories[given["name"]] = given.get("images", [])


@verb("file-system")
def file_system(control, given):
    """id, targets: [{"zone", "groups", "state"}…]."""
    control.region(given).file_systems[given["id"]] = given.get("targets", [])


@verb("queue")
def queue(control, given):
    """name, kinds (detail types), copies, retention: a queue of SQS that EventBridge fills; delete. Answers with what is
    in it."""
    region = control.region(given)
    queues = region.events.queues
    if given.get("delete"):
        queues.pop(given["name"], None)
        return
    if given["name"] not in queues or len(given) > 1:
        queues[given["name"]] = Queue(
            region,
            given["name"],
            given.get("kinds", [TASK, SPOT]),
            given.get("copies", 1),
            given.get("retention", 4 * 86400),
        )
    return {"messages": len(queues[given["name"]].messages)}


@verb("event")
def event(control, given):
    """task (ARN), members, detail: news of a task that differ from the truth; text: a message that is none."""
    events = control.region(given).events
    if "text" in given:
        for each in events.queues.values():
            each.put(given["text"])
        return
    task = next(each for each in control.world.tasks() if each.arn == given["task"])
    events.tell(
        TASK, [task.arn], {**told(task), **given.get("detail", {})}, **given.get("members", {})
    )


@verb("role-policies")
def role_policies(control, given):
    """role, policies: names of AWS's own that are attached (service-role/…)."""
    key = (given.get("account", DEFAULT_ACCOUNT), given["role"])
    control.world.identity.attached[key] = given["policies"]


@verb("role-trust")
def role_trust(control, given):
    """role, service: whom it trusts."""
    key = (given.get("account", DEFAULT_ACCOUNT), given["role"])
    control.world.identity.trusted[key] = given["service"]


@verb("simulated-policy")
def simulated_policy(control, given):
    """document: what SimulatePrincipalPolicy decides by, conditions included; none: everything is allowed."""
    control.world.identity.simulated = given.get("document")
