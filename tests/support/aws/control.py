"""The scripting port: POST (or GET) /double/VERB with a JSON object. README.md lists the verbs."""
import fnmatch
import json

from ec2_launch import end
from ec2_state import GROUP, VPC, Pool, Subnet
from errors import ControlError
from faults import Script
from front import control_reply
from identity import DEFAULT_ACCOUNT, Credential
from world import REALISTIC

SPOT_END = (
    "Server.SpotInstanceTermination",
    "Server.SpotInstanceTermination: Spot instance termination",
)
VERBS = {}


def verb(name):
    def register(function):
        VERBS[name] = function
        return function

    return register


class Control:
    def __init__(self, world, front):
        self.world = world
        self.front = front

    def answer(self, request):
        name = request.path.removeprefix("/double/")
        try:
            if not request.path.startswith("/double/") or name not in VERBS:
                raise ControlError(
                    f"{request.path}: /double/ and one of {', '.join(sorted(VERBS))} is expected"
                )
            given = json.loads(request.body or b"{}")
            if not isinstance(given, dict):
                raise ControlError("a JSON object is expected")
            return control_reply(200, VERBS[name](self, given) or {})
        except (ControlError, KeyError, TypeError, ValueError) as fault:
            return control_reply(400, {"error": f"{name}: {type(fault).__name__}: {fault}"})

    def region(self, given):
        return self.world.region(
            given.get("account", DEFAULT_ACCOUNT), given.get("region", "us-east-1")
        )

    def instances(self, given):
        """The live instances that are meant: ids, market, type, zone; at least one of these."""
        if not {"ids", "market", "type", "zone", "cluster", "all"} & set(given):
            raise ControlError("ids, market, type, zone, cluster or all is expected")
        return [
            each for each in self.world.instances() if each.is_live and self.is_meant(each, given)
        ]

    def is_meant(self, instance, given):
        host = self.world.agents.host_of(instance)
        return (
            ("ids" not in given or instance.id in given["ids"])
            and instance.market == given.get("market", instance.market)
            and fnmatch.fnmatchcase(instance.type, given.get("type", "*"))
            and instance.zone == given.get("zone", instance.zone)
            and ("cluster" not in given or bool(host and host.cluster.name == given["cluster"]))
        )

    def tasks(self, given):
        """The tasks that are meant: ids (or ARNs), cluster, family, all."""
        if not {"ids", "cluster", "family", "provider", "all"} & set(given):
            raise ControlError("ids, cluster, family, provider or all is expected")
        ids = {each.rsplit("/", 1)[-1] for each in given.get("ids", ())}
        return [
            task
            for task in self.world.tasks()
            if ("ids" not in given or task.id in ids)
            and task.cluster.name == given.get("cluster", task.cluster.name)
            and task.definition["family"] == given.get("family", task.definition["family"])
            and (
                "provider" not in given or task.launch.get("capacityProvider") == given["provider"]
            )
        ]


# ---- the double itself
@verb("reset")
def reset(control, given):
    control.world.reset()
    control.front.reset()


@verb("settings")
def settings(control, given):
    control.world.change_settings(REALISTIC if given.get("preset") == "realistic" else {})
    control.world.change_settings({key: value for key, value in given.items() if key != "preset"})
    return control.world.settings


@verb("advance")
def advance(control, given):
    """seconds of virtual time, or skipped ones of real time."""
    control.world.clock.advance(float(given["seconds"]))
    return {"now": control.world.clock.now()}


@verb("clock")
def clock(control, given):
    """offset: of the Date header, of signature checks and of the lifetime of credentials."""
    if "offset" in given:
        control.world.clock.wire_offset = float(given["offset"])
    return {"now": control.world.clock.now(), "wireNow": control.world.clock.wire_now()}


@verb("violations")
def violations(control, given):
    found = list(control.front.violations)
    if given.get("clear"):
        control.front.violations.clear()
    return {"violations": found}


@verb("counters")
def counters(control, given):
    """Calls by service:Operation, and how long from the first to the last; answers by
    service:Operation:status; seconds from tasks' ends to the first DescribeTasks that told of
    them; seconds spent on answering."""
    front = control.front
    answer = {
        "calls": dict(front.counters),
        "answers": dict(front.codes),
        "spans": {name: round(last - first, 3) for name, (first, last) in front.spans.items()},
        "told": [round(seconds, 3) for seconds in sorted(control.world.told)],
        "busySeconds": round(front.busy_seconds, 3),
    }
    if given.get("clear"):
        front.counters.clear()
        front.codes.clear()
        front.spans.clear()
        control.world.told.clear()
        front.busy_seconds = 0.0
    return answer


# ---- what goes wrong
@verb("fault")
def fault(control, given):
    """The next calls of an operation fail, are lost, or wait; see faults.Script."""
    control.world.faults.scripts.append(Script(given))


@verb("faults")
def faults(control, given):
    scripts = control.world.faults.scripts
    answer = {
        "faults": [
            {
                "operation": each.operation,
                "code": each.code,
                "count": each.count,
                "after": each.after,
            }
            for each in scripts
        ]
    }
    if given.get("clear"):
        scripts.clear()
    return answer


@verb("latency")
def latency(control, given):
    """{operation pattern: seconds}; replaces what was."""
    control.world.faults.latency = {name: float(seconds) for name, seconds in given.items()}


@verb("throttle")
def throttle(control, given):
    """published: the limits that AWS publishes; scale: times so much; own:
    {operation: [size, refill a second]}."""
    limits = control.world.faults.throttle
    limits.is_published = bool(given.get("published", False))
    limits.scale = float(given.get("scale", 1))
    limits.own = given.get("own", {})
    limits.buckets.clear()


# ---- who may
@verb("credential")
def credential(control, given):
    lifetime = given.get("lifetime")
    now = control.world.clock.wire_now()
    control.world.identity.add(
        Credential(
            given["accessKeyId"],
            given["secret"],
            given.get("account", DEFAULT_ACCOUNT),
            user=given.get("user", "tester"),
            token=given.get("token"),
            expires=None if lifetime is None else now + float(lifetime),
            only_partition=given.get("partition"),
        )
    )


@verb("expire")
def expire(control, given):
    """Every credential with a token (or accessKeyId alone) is over now; sessionSeconds caps those
    to come."""
    identity = control.world.identity
    if "sessionSeconds" in given:
        identity.session_seconds = given["sessionSeconds"]
        return {}
    ended = [
        each
        for each in identity.credentials.values()
        if each.access_key == given.get("accessKeyId", each.access_key)
        and (each.token or "accessKeyId" in given)
    ]
    for each in ended:
        each.expires = control.world.clock.wire_now()
    return {"expired": len(ended)}


@verb("deny")
def deny(control, given):
    """actions: patterns as ec2:RunInstances that nobody may; roles: patterns of ARNs that nobody
    assumes. Both replace what was."""
    control.world.identity.denied = given.get("actions", [])
    control.world.identity.refused_roles = given.get("roles", [])
    return {}


@verb("external-id")
def external_id(control, given):
    control.world.identity.external_ids[given["roleArn"]] = given["externalId"]


@verb("profile")
def profile(control, given):
    """name, role: an instance profile is there; delete: it is not."""
    profiles = control.world.identity.profiles
    key = (given.get("account", DEFAULT_ACCOUNT), given["name"])
    if given.get("delete"):
        profiles.pop(key, None)
    else:
        profiles[key] = given.get("role", given["name"])


@verb("role")
def role(control, given):
    roles = control.world.identity.roles
    key = (given.get("account", DEFAULT_ACCOUNT), given["name"])
    if given.get("delete"):
        roles.pop(key, None)
    else:
        roles[key] = given.get("path", "")


# ---- what a region has
@verb("pool")
def pool(control, given):
    """type, zone, market: patterns; capacity, price, rank, code and message of every launch."""
    error = (
        (given["code"], given.get("message", "scripted by the test")) if "code" in given else None
    )
    price = None if given.get("price") is None else float(given["price"])
    pools = Pool(given.get("capacity"), price, given.get("rank"), error)
    control.region(given).ec2.set_pool(
        given.get("type", "*"), given.get("zone", "*"), given.get("market", "*"), pools
    )


@verb("quota")
def quota(control, given):
    """group (Standard, G, P …), market, vcpus: null takes the quota away."""
    quotas = control.region(given).ec2.quotas
    key = (given.get("group", "Standard"), given.get("market", "on-demand"))
    quotas[key] = given["vcpus"]
    if given["vcpus"] is None:
        del quotas[key]


@verb("fargate")
def fargate(control, given):
    ecs = control.region(given).ecs
    ecs.fargate_capacity = given.get("capacity", ecs.fargate_capacity)
    ecs.fargate_spot_capacity = given.get("spotCapacity", ecs.fargate_spot_capacity)


@verb("subnet")
def subnet(control, given):
    """id, zone, cidr, vpc, route (see Subnet), mapPublic, free; an id that is there is changed."""
    ec2 = control.region(given).ec2
    old = ec2.subnets.get(given["id"])
    if given.get("delete"):
        ec2.subnets.pop(given["id"], None)
        return {}
    if not old:
        old = Subnet(
            given["id"],
            given.get("zone", control.region(given).zones[0]),
            given.get("cidr", "172.31.96.0/20"),
            given.get("vpc", VPC),
        )
        ec2.add_subnet(old)
    old.route = given.get("route", old.route)
    old.is_public = given.get("mapPublic", old.route in ("public", "main"))
    old.free = given.get("free", old.free)
    return {}


@verb("network")
def network(control, given):
    """groups: {id: vpc}, keys: [name…], endpoints: [{"service": "ecs"}…]."""
    ec2 = control.region(given).ec2
    ec2.groups.update(given.get("groups", {}))
    ec2.keys.update(given.get("keys", []))
    ec2.vpc_endpoints = given.get("endpoints", ec2.vpc_endpoints)
    return {"vpc": VPC, "group": GROUP, "subnets": list(ec2.subnets)}


@verb("image")
def image(control, given):
    """release: newer ECS images; or id with architecture, accelerator, agent, state: an image of
    one's own; delete: its end."""
    images = control.region(given).ec2.images
    if given.get("release"):
        images.release()
    elif given.get("delete"):
        images.by_id.pop(given["id"], None)
    else:
        images.add(
            given["id"],
            given.get("name", "own"),
            given.get("architecture", "x86_64"),
            given.get("accelerator"),
            given.get("agent", True),
            given.get("state", "available"),
        )
    return {"current": images.current}


@verb("parameter")
def parameter(control, given):
    control.region(given).ec2.parameters[given["name"]] = given["value"]


# ---- tasks and hosts
@verb("outcome")
def outcome(control, given):
    """How tasks that match run and end; see outcome.Outcome."""
    control.world.outcomes.add(given)


@verb("outcomes")
def outcomes(control, given):
    rules = control.world.outcomes.rules
    count = len(rules)
    if given.get("clear"):
        rules.clear()
    return {"count": count}


@verb("end-task")
def end_task(control, given):
    """Containers of the tasks that are meant end now, with exitCode and reason."""
    ended = [
        task for task in control.tasks(given) if task.work and task.desired_status == "RUNNING"
    ]
    for task in ended:
        task.work.drop()
        for container in task.containers:
            control.world.agents.container_ended(
                task, container, given.get("exitCode", 0), given.get("reason")
            )
    return {"ended": [task.arn for task in ended]}


@verb("interrupt-task")
def interrupt_task(control, given):
    """Fargate Spot takes tasks back."""
    meant = [task for task in control.tasks(given) if task.is_fargate]
    for task in meant:
        control.world.agents.interrupt(task)
    return {"interrupted": [task.arn for task in meant]}


@verb("agent")
def agent(control, given):
    """connected: whether the agents of the instances that are meant are heard of."""
    hosts = [host for host in map(control.world.agents.host_of, control.instances(given)) if host]
    for host in hosts:
        control.world.agents.set_connected(host, given["connected"])
    return {"hosts": [host.arn for host in hosts]}


@verb("spot-notice")
def spot_notice(control, given):
    """Two minutes (noticeSeconds), then the Spot instances that are meant are reclaimed; agents
    that drain say so at once."""
    world = control.world
    seconds = given.get("noticeSeconds", world.settings["spotNoticeSeconds"])
    meant = [
        each for each in control.instances({"market": "spot", **given}) if each.market == "spot"
    ]
    for instance in meant:
        instance.region.events.spot_warning(instance)
        host = world.agents.host_of(instance)
        if (
            host
            and given.get("drains", True)
            and host.config.get("ECS_ENABLE_SPOT_INSTANCE_DRAINING") == "true"
            and host.status == "ACTIVE"
        ):
            host.status = "DRAINING"
            host.version += 1
        world.clock.after(seconds, lambda each=instance: end(each, *SPOT_END))
    return {"instances": [each.id for each in meant]}


@verb("end-instance")
def end_instance(control, given):
    """The instances that are meant end by themselves: code and message of the state's reason."""
    code = given.get("code", "Client.InstanceInitiatedShutdown")
    meant = control.instances(given)
    for instance in meant:
        end(instance, code, given.get("message", f"{code}: scripted by the test"))
    return {"instances": [each.id for each in meant]}


# ---- looking in
@verb("state")
def state(control, given):
    """What is there, for checks of leaks: instances, clusters with hosts and tasks, templates,
    task definitions."""
    return {"regions": [region_state(region) for region in control.world.regions.values()]}


def region_state(region):
    return {
        "account": region.account,
        "region": region.name,
        "instances": [
            {
                "id": each.id,
                "type": each.type,
                "image": each.launch.image_id,
                "zone": each.zone,
                "market": each.market,
                "state": each.state,
                "tags": each.tags,
                "clientToken": each.launch.token,
                "launchedAt": each.launched_at,
            }
            for each in region.ec2.instances.values()
        ],
        "templates": [
            {"id": each.id, "name": each.name, "versions": len(each.versions), "tags": each.tags}
            for each in region.ec2.templates.values()
        ],
        "fleets": len(region.ec2.fleets),
        "placementGroups": list(region.ec2.placement_groups),
        "clusters": [cluster_state(cluster) for cluster in region.ecs.clusters.values()],
        "taskDefinitions": [
            {"arn": each["taskDefinitionArn"], "status": each["status"]}
            for revisions in region.ecs.definitions.values()
            for each in revisions
        ],
        "logGroups": {name: sorted(streams) for name, streams in region.logs.groups.items()},
    }


def cluster_state(cluster):
    return {
        "name": cluster.name,
        "status": cluster.status,
        "tags": cluster.tags,
        "hosts": [
            {
                "arn": host.arn,
                "instance": host.instance.id,
                "status": host.status,
                "connected": host.is_connected,
                "tasks": len(host.tasks),
                "cpu": host.cpu,
                "memory": host.memory,
                "gpus": len(host.gpu_ids),
            }
            for host in cluster.hosts.values()
        ],
        "tasks": [
            {
                "arn": task.arn,
                "family": task.definition["family"],
                "lastStatus": task.last_status,
                "address": task.interface.address if task.interface else None,
                "desiredStatus": task.desired_status,
                "stopCode": task.stop_code,
                "startedBy": task.started_by,
                "instance": task.host.instance.id if task.host else None,
                "exitCodes": {each.name: each.exit_code for each in task.containers},
                "tags": task.tags,
            }
            for task in cluster.tasks.values()
        ],
    }
