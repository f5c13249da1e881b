"""RunTask and StartTask, and what is read and stopped of tasks."""
import json
import re

from ecs_clusters import find_host, missing
from ecs_definitions import page_size
from ecs_state import Need, Task, read_tags
from errors import AwsError
from pages import cut
import placement
from registry import operation

OVERRIDES_MAX = 8192
NO_FARGATE = (
    "Capacity is unavailable at this time. "
    "Please try again later or in a different availability zone"
)
UNSATISFIED = "MemberOf placement constraint unsatisfied"


def bad(text):
    return AwsError("InvalidParameterException", text)


def usable_definition(call, name):
    try:
        definition = call.region.ecs.definition(name)
    except AwsError:
        raise AwsError("ClientException", "TaskDefinition not found.") from None
    if definition["status"] != "ACTIVE":
        raise AwsError("ClientException", "TaskDefinition is inactive")
    if not call.region.is_visible(definition["registeredAt"]):
        raise AwsError("ClientException", "TaskDefinition not found.")
    return definition


def check_common(parameters, definition, started_by_max):
    overrides = parameters.get("overrides") or {}
    if len(json.dumps(overrides, separators=(",", ":"), ensure_ascii=False)) > OVERRIDES_MAX:
        raise bad("Container Overrides length must be at most 8192")
    names = {each["name"] for each in definition["containerDefinitions"]}
    for override in overrides.get("containerOverrides") or ():
        if override.get("name") not in names:
            raise bad(
                f"Override for container named {override.get('name')} is not a container in the "
                "TaskDefinition."
            )
    if not re.fullmatch(
        rf"[A-Za-z0-9_/-]{{0,{started_by_max}}}", parameters.get("startedBy") or ""
    ):
        raise bad(
            f"startedBy has at most {started_by_max} letters, digits, hyphens, slashes and "
            "underscores."
        )
    is_awsvpc = definition.get("networkMode") == "awsvpc"
    if is_awsvpc and not (parameters.get("networkConfiguration") or {}).get("awsvpcConfiguration"):
        raise bad("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    if not is_awsvpc and parameters.get("networkConfiguration"):
        raise bad(
            "Network Configuration is not valid for the given networkMode of this task definition."
        )


def network(call, parameters):
    """The first subnet of the network configuration; AwsError where one of it is not there."""
    configuration = (parameters.get("networkConfiguration") or {}).get("awsvpcConfiguration")
    if not configuration:
        return None
    ec2 = call.region.ec2
    subnets, groups = configuration["subnets"], configuration.get("securityGroups") or ()
    if len(subnets) > 16 or len(groups) > 5:
        raise bad("At most 16 subnets and 5 security groups are expected.")
    for subnet in subnets:
        if subnet not in ec2.subnets:
            raise bad(f"The subnet ID '{subnet}' does not exist")
    for group in groups:
        if group not in ec2.groups:
            raise bad(f"The security group '{group}' does not exist")
    return ec2.subnets[subnets[0]]


@operation("ecs", "RunTask")
def run_task(call, parameters):
    cluster = call.region.ecs.cluster(parameters.get("cluster"))
    token = parameters.get("clientToken")
    if token is not None and not re.fullmatch(r"[!-~]{1,64}", token):
        raise bad("clientToken has 1 to 64 visible ASCII characters.")
    if token in cluster.tokens:
        known, answer = cluster.tokens[token]
        if known != parameters:
            raise AwsError(
                "ConflictException", "The clientToken was used with other parameters before."
            )
        return {
            "tasks": [task.answer(True) for task in answer["tasks"]],
            "failures": answer["failures"],
        }
    if not call.region.is_visible(cluster.created_at):
        raise AwsError("ClusterNotFoundException", "Cluster not found.")
    definition = usable_definition(call, parameters["taskDefinition"])
    check_common(parameters, definition, 128)
    count = parameters.get("count", 1)
    if not 1 <= count <= 10:
        raise bad("Task count must be between 1 and 10.")
    tags = read_tags(parameters)
    launch = launch_of(call, cluster, parameters, definition)
    placer = place_on_fargate if launch["launchType"] == "FARGATE" else place_on_hosts
    answer = placer(call, cluster, definition, parameters, launch, count)
    for task in answer["tasks"]:
        task.tags = task_tags(call, cluster, definition, parameters, tags)
        call.double.agents.task_placed(task)
    # Of a call that started nothing the token is free again: it is for what was started.
    if token is not None and answer["tasks"]:
        cluster.tokens[token] = (parameters, answer)
    return {
        "tasks": [task.answer(True) for task in answer["tasks"]],
        "failures": answer["failures"],
    }


def task_tags(call, cluster, definition, parameters, tags):
    made = {}
    if parameters.get("enableECSManagedTags"):
        made["aws:ecs:clusterName"] = cluster.name
    if parameters.get("propagateTags") == "TASK_DEFINITION":
        made.update(call.region.ecs.definition_tags[definition["taskDefinitionArn"]])
    return {**made, **tags}


def launch_of(call, cluster, parameters, definition):
    """Where a task is to run: launchType, capacityProvider, subnet."""
    strategy = parameters.get("capacityProviderStrategy")
    if strategy and parameters.get("launchType"):
        raise bad(
            "Specifying both a launch type and capacity provider strategy is not supported. "
            "Remove one and try again."
        )
    subnet = network(call, parameters)
    if strategy:
        providers = [each["capacityProvider"] for each in strategy]
        for provider in providers:
            if provider not in cluster.providers:
                raise bad(
                    f"The specified capacity provider '{provider}' was not found in the cluster."
                )
        launch = {"launchType": "FARGATE", "capacityProvider": providers[0], "subnet": subnet}
    else:
        launch = {"launchType": parameters.get("launchType", "EC2"), "subnet": subnet}
    if launch["launchType"] == "FARGATE":
        if "FARGATE" not in definition["compatibilities"]:
            raise bad("Task definition does not support launch_type FARGATE.")
        if parameters.get("placementConstraints") or parameters.get("placementStrategy"):
            raise bad("Placement constraints and strategies are not supported with FARGATE.")
        if parameters.get("platformVersion", "LATEST") not in ("LATEST", "1.4.0", "1.3.0"):
            raise AwsError(
                "PlatformUnknownException", "The specified platform version does not exist."
            )
    return launch


def place_on_fargate(call, cluster, definition, parameters, launch, count):
    ecs = call.region.ecs
    is_spot = launch.get("capacityProvider") == "FARGATE_SPOT"
    member = "fargate_spot_capacity" if is_spot else "fargate_capacity"
    tasks, failures = [], []
    for _ in range(count):
        room = getattr(ecs, member)
        if room is not None and room <= 0:
            failures.append({"reason": NO_FARGATE})
            continue
        if room is not None:
            setattr(ecs, member, room - 1)
        need = Need(definition, parameters.get("overrides") or {})
        tasks.append(Task(cluster, definition, parameters, need, None, launch))
    return {"tasks": [kept(task) for task in tasks], "failures": failures}


def kept(task):
    task.cluster.tasks[task.arn] = task
    return task


def candidates(cluster, constraints):
    """The container instances that the constraints leave."""
    expressions = [
        each.get("expression", "") for each in constraints if each.get("type") == "memberOf"
    ]
    alone = [each for each in map(placement.single_instance, expressions) if each]
    hosts = (
        [cluster.host_of[each] for each in alone[:1] if each in cluster.host_of]
        if alone
        else cluster.hosts.values()
    )
    tests = [placement.parse(expression) for expression in expressions]
    return [
        host
        for host in hosts
        if host.status in ("ACTIVE", "DRAINING") and all(test(host) for test in tests)
    ]


def sorted_hosts(hosts, strategies):
    """In the order in which a placement strategy takes them: spread over hosts by default."""
    first = (strategies or [{"type": "spread", "field": "instanceId"}])[0]
    if first.get("type") == "binpack":
        if first.get("field", "").lower() == "cpu":
            return sorted(hosts, key=lambda host: (host.cpu - host.used_cpu, host.seq))
        return sorted(hosts, key=lambda host: (host.memory - host.used_memory, host.seq))
    return sorted(hosts, key=lambda host: (len(host.tasks), host.seq))


def place_on_hosts(call, cluster, definition, parameters, launch, count):
    constraints = (parameters.get("placementConstraints") or []) + definition[
        "placementConstraints"
    ]
    if len(constraints) > 10:
        raise bad("At most 10 placement constraints are expected.")
    if not cluster.host_of:
        raise bad("No Container Instances were found in your cluster.")
    hosts = candidates(cluster, constraints)
    is_distinct = any(constraint.get("type") == "distinctInstance" for constraint in constraints)
    tasks, failures = [], []
    taken = set()
    for _ in range(count):
        need = Need(definition, parameters.get("overrides") or {})
        reasons = {}
        for host in sorted_hosts(hosts, parameters.get("placementStrategy")):
            reason = "DISTINCT" if is_distinct and host.arn in taken else placing_fault(host, need)
            if not reason:
                break
            reasons[host.arn] = reason
        else:
            failures += [
                {"arn": arn, "reason": reason} for arn, reason in list(reasons.items())[:10]
            ] or [{"reason": UNSATISFIED}]
            continue
        taken.add(host.arn)
        tasks.append(placed(cluster, definition, parameters, need, host, launch))
    return {"tasks": tasks, "failures": failures}


def placing_fault(host, need):
    if host.status == "DRAINING":
        return "INACTIVE"
    return host.lacks(need)


def placed(cluster, definition, parameters, need, host, launch):
    task = Task(cluster, definition, parameters, need, host, launch)
    host.take(task)
    return kept(task)


@operation("ecs", "StartTask")
def start_task(call, parameters):
    cluster = call.region.ecs.cluster(parameters.get("cluster"))
    definition = usable_definition(call, parameters["taskDefinition"])
    check_common(parameters, definition, 36)
    network(call, parameters)
    names = parameters["containerInstances"]
    if not 1 <= len(names) <= 10:
        raise bad("1 to 10 container instances are expected.")
    tags = read_tags(parameters)
    tasks, failures = [], []
    for name in names:
        host = find_host(cluster, name)
        if not host:
            failures.append(missing(call, cluster, "container-instance", name))
            continue
        need = Need(definition, parameters.get("overrides") or {})
        reason = host.lacks(need) if host.status != "DRAINING" else "INACTIVE"
        if reason:
            failures.append({"arn": host.arn, "reason": reason})
            continue
        task = placed(cluster, definition, parameters, need, host, {"launchType": "EC2"})
        task.tags = task_tags(call, cluster, definition, parameters, tags)
        call.double.agents.task_placed(task)
        tasks.append(task)
    return {"tasks": [task.answer(True) for task in tasks], "failures": failures}


def find_task(cluster, name):
    return cluster.tasks.get(
        cluster.region.arn("ecs", f"task/{cluster.name}/{cluster.short(name)}")
    )


@operation("ecs", "StopTask")
def stop_task(call, parameters):
    cluster = call.region.ecs.cluster(parameters.get("cluster"))
    task = find_task(cluster, parameters["task"])
    if not task:
        raise bad("The referenced task was not found.")
    reason = parameters.get("reason") or "Task stopped by user"
    if len(reason) > 1024:
        raise bad("reason has at most 1024 characters.")
    call.double.agents.stop(task, reason)
    return {"task": task.answer(True)}


def note_told(call, task):
    if task.last_status == "STOPPED" and not task.is_told:
        task.is_told = True
        call.double.told.append(call.double.clock.now() - task.times["stoppedAt"])


@operation("ecs", "DescribeTasks")
def describe_tasks(call, parameters):
    cluster = call.region.ecs.cluster(parameters.get("cluster"))
    names = parameters["tasks"]
    if not 1 <= len(names) <= 100:
        raise bad("Tasks: 1 to 100 are expected.")
    includes_tags = "TAGS" in (parameters.get("include") or ())
    found, failures = [], []
    for name in names:
        task = find_task(cluster, name)
        if task and call.region.is_visible(task.created_at):
            found.append(task.answer(includes_tags))
            note_told(call, task)
        else:
            failures.append(missing(call, cluster, "task", name))
    return {"tasks": found, "failures": failures}


@operation("ecs", "ListTasks")
def list_tasks(call, parameters):
    cluster = call.region.ecs.cluster(parameters.get("cluster"))
    started_by = parameters.get("startedBy")
    if started_by and any(
        parameters.get(name) for name in ("family", "containerInstance", "serviceName")
    ):
        raise bad("startedBy can be combined with no other filter.")
    desired = parameters.get("desiredStatus", "RUNNING")
    tasks = cluster.tasks.values()
    if parameters.get("containerInstance"):
        host = find_host(cluster, parameters["containerInstance"])
        if not host:
            raise bad("Referenced container instance not found.")
        tasks = [task for task in tasks if task.host is host]
    family, launch_type = parameters.get("family"), parameters.get("launchType")
    tasks = [
        task
        for task in tasks
        if task.desired_status == desired
        and (not started_by or task.started_by == started_by)
        and (not family or task.definition["family"] == family)
        and (not launch_type or task.launch["launchType"] == launch_type)
        and call.region.is_visible(task.created_at)
    ]
    page, token = cut(
        call, tasks, page_size(parameters), parameters.get("nextToken"), "InvalidParameterException"
    )
    return {"taskArns": [task.arn for task in page], "nextToken": token}
