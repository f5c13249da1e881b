"""Task definitions: checked as ECS checks them, registered, listed, taken back, deleted."""
import copy
import json
import re

from ecs_state import as_tags, gpus_of, read_tags
from errors import AwsError
from pages import cut
from registry import operation

SIZE_MAX = 64 * 1024
# CPU units of Fargate: (least MiB, most MiB, step).
FARGATE_GRID = {
    256: (512, 2048, 512),
    512: (1024, 4096, 1024),
    1024: (2048, 8192, 1024),
    2048: (4096, 16384, 1024),
    4096: (8192, 30720, 1024),
    8192: (16384, 61440, 4096),
    16384: (32768, 122880, 8192),
}
STILL_ACTIVE = (
    "The specified task definition is still in ACTIVE status. "
    "Please deregister the target and try again."
)
CAPABILITY = "com.amazonaws.ecs.capability."


def is_fargate_size(cpu, memory):
    if cpu not in FARGATE_GRID:
        return False
    least, most, step = FARGATE_GRID[cpu]
    if cpu == 256:
        return memory in (512, 1024, 2048)
    return least <= memory <= most and (memory - least) % step == 0


def bad(text):
    return AwsError("ClientException", text)


def units(text, what):
    """Task-level cpu or memory in units; 1 vCPU and 2 GB are understood as well."""
    if text is None:
        return None
    found = re.fullmatch(r"([0-9.]+)\s*(vcpu|gb|mb)?", str(text).strip().lower())
    if not found:
        raise bad(f"Invalid '{what}' setting for task.")
    factor = 1024 if found[2] in ("vcpu", "gb") else 1
    return int(float(found[1]) * factor)


def check_container(container, parameters):
    name = container.get("name", "")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", name):
        raise bad(
            "Container.name contains invalid characters."
            if name
            else "Container.name should not be null or empty."
        )
    if not container.get("image"):
        raise bad("Container.image should not be null or empty.")
    if not (
        container.get("memory") or container.get("memoryReservation") or parameters.get("memory")
    ):
        raise bad(
            f"Invalid setting for container '{name}'. At least one of 'memory' or "
            "'memoryReservation' must be specified."
        )
    if (container.get("memory") or 6) < 6:
        raise bad("Memory must be at least 6 MiB")
    volumes = {volume.get("name") for volume in parameters.get("volumes") or ()}
    for mount in container.get("mountPoints") or ():
        if mount.get("sourceVolume") not in volumes:
            raise bad(f"Unknown volume '{mount.get('sourceVolume')}'.")
    for need in container.get("resourceRequirements") or ():
        if need["type"] == "GPU" and not re.fullmatch(r"[1-9][0-9]?", need["value"]):
            raise bad("Invalid value for GPU resource requirement.")
    names = {each["name"] for each in parameters["containerDefinitions"] if "name" in each}
    for dependency in container.get("dependsOn") or ():
        if dependency["containerName"] not in names:
            raise bad(
                f"Container {name} depends on {dependency['containerName']}, which is not there."
            )
    log = container.get("logConfiguration") or {}
    if log.get("logDriver") == "awslogs" and not {"awslogs-group", "awslogs-region"} <= set(
        log.get("options") or {}
    ):
        raise bad("Log driver awslogs requires options: awslogs-group, awslogs-region")


def check_fargate(parameters):
    if parameters.get("networkMode") != "awsvpc":
        raise bad("Fargate only supports network mode 'awsvpc'.")
    cpu, memory = units(parameters.get("cpu"), "cpu"), units(parameters.get("memory"), "memory")
    if cpu is None or memory is None:
        raise bad("Fargate requires that 'cpu' and 'memory' be defined at the task level.")
    if not is_fargate_size(cpu, memory):
        raise bad("No Fargate configuration exists for given values.")
    for container in parameters["containerDefinitions"]:
        if gpus_of(container):
            raise bad("Fargate does not support GPU resource requirements.")
        if container.get("privileged"):
            raise bad(
                "When networkMode=awsvpc and Fargate, privileged containers are not supported."
            )
        log = container.get("logConfiguration") or {}
        options = log.get("options") or {}
        if log.get("logDriver") == "awslogs" and "awslogs-stream-prefix" not in options:
            raise bad("When you are using awslogs with Fargate, awslogs-stream-prefix is required.")
        if (log or container.get("secrets")) and not parameters.get("executionRoleArn"):
            raise bad(
                "Fargate requires task definition to have execution role ARN to support log "
                "driver awslogs."
            )
    for volume in parameters.get("volumes") or ():
        if (volume.get("host") or {}).get("sourcePath") or volume.get("dockerVolumeConfiguration"):
            raise bad("host.sourcePath should not be set for volumes in Fargate.")


def check_volumes(parameters):
    for volume in parameters.get("volumes") or ():
        efs = volume.get("efsVolumeConfiguration")
        if not efs:
            continue
        authorization = efs.get("authorizationConfig") or {}
        if authorization.get("accessPointId"):
            if efs.get("transitEncryption") != "ENABLED":
                raise bad(
                    "Transit encryption must be enabled for EFS volumes with an access point."
                )
            if efs.get("rootDirectory", "/") != "/":
                raise bad("The root directory must be / where an access point is given.")


def check(parameters):
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", parameters["family"]):
        raise bad("Family contains invalid characters.")
    containers = parameters["containerDefinitions"]
    if not containers or len(containers) > 10:
        raise bad("TaskDefinition must contain 1 to 10 container definitions.")
    names = [each.get("name") for each in containers]
    if len(set(names)) != len(names):
        raise bad("Container names are not unique.")
    if not any(each.get("essential", True) for each in containers):
        raise bad("Task definition does not have any essential containers")
    if len(json.dumps(parameters)) > SIZE_MAX:
        raise bad("Actual length of the task definition exceeds the limit of 65536 bytes.")
    for container in containers:
        check_container(container, parameters)
    check_volumes(parameters)
    if "FARGATE" in (parameters.get("requiresCompatibilities") or ()):
        check_fargate(parameters)


def required_attributes(parameters):
    names = {CAPABILITY + "docker-remote-api.1.18"}
    for container in parameters["containerDefinitions"]:
        driver = (container.get("logConfiguration") or {}).get("logDriver")
        if driver:
            names.add(CAPABILITY + "logging-driver." + driver)
        if container.get("privileged"):
            names.add(CAPABILITY + "privileged-container")
        if container.get("secrets"):
            names.add("ecs.capability.secrets.ssm.environment-variables")
    if parameters.get("taskRoleArn"):
        names.add(CAPABILITY + "task-iam-role")
    if parameters.get("networkMode") == "awsvpc":
        names.add("ecs.capability.task-eni")
    if any(volume.get("efsVolumeConfiguration") for volume in parameters.get("volumes") or ()):
        names.add("ecs.capability.efs")
    return [{"name": name} for name in sorted(names)]


@operation("ecs", "RegisterTaskDefinition")
def register_task_definition(call, parameters):
    check(parameters)
    tags = read_tags(parameters)
    ecs = call.region.ecs
    revisions = ecs.definitions.setdefault(parameters["family"], [])
    definition = copy.deepcopy({key: value for key, value in parameters.items() if key != "tags"})
    asked = definition.get("requiresCompatibilities") or []
    for container in definition["containerDefinitions"]:
        for member in ("environment", "mountPoints", "portMappings", "volumesFrom"):
            container.setdefault(member, [])
        container.setdefault("cpu", 0)
        container.setdefault("essential", True)
    definition.setdefault("volumes", [])
    definition.setdefault("placementConstraints", [])
    definition.update(
        taskDefinitionArn=call.region.arn(
            "ecs", f"task-definition/{parameters['family']}:{len(revisions) + 1}"
        ),
        revision=len(revisions) + 1,
        status="ACTIVE",
        requiresAttributes=required_attributes(parameters),
        compatibilities=sorted({"EC2", *asked}),
        registeredAt=call.double.clock.now(),
        registeredBy=call.credential.arn(call.region.partition),
    )
    for member in ("cpu", "memory"):
        if member in definition:
            definition[member] = str(units(definition[member], member))
    revisions.append(definition)
    ecs.definition_tags[definition["taskDefinitionArn"]] = tags
    return {"taskDefinition": definition, "tags": as_tags(tags)}


@operation("ecs", "DescribeTaskDefinition")
def describe_task_definition(call, parameters):
    definition = call.region.ecs.definition(parameters["taskDefinition"])
    if not call.region.is_visible(definition["registeredAt"]):
        raise AwsError("ClientException", "Unable to describe task definition.")
    tags = call.region.ecs.definition_tags[definition["taskDefinitionArn"]]
    return {
        "taskDefinition": definition,
        "tags": as_tags(tags) if "TAGS" in (parameters.get("include") or ()) else [],
    }


@operation("ecs", "DeregisterTaskDefinition")
def deregister_task_definition(call, parameters):
    if ":" not in parameters["taskDefinition"].rsplit("/", 1)[-1]:
        raise AwsError("ClientException", "A revision is expected, as family:revision.")
    definition = call.region.ecs.definition(parameters["taskDefinition"])
    if definition["status"] == "ACTIVE":
        definition.update(status="INACTIVE", deregisteredAt=call.double.clock.now())
    return {"taskDefinition": definition}


@operation("ecs", "DeleteTaskDefinitions")
def delete_task_definitions(call, parameters):
    names = parameters["taskDefinitions"]
    if not 1 <= len(names) <= 10:
        raise AwsError("InvalidParameterException", "1 to 10 task definitions are expected.")
    deleted, failures = [], []
    for name in names:
        try:
            definition = call.region.ecs.definition(name)
        except AwsError:
            failures.append({"arn": name, "reason": "MISSING"})
            continue
        if definition["status"] == "ACTIVE":
            failures.append(
                {
                    "arn": definition["taskDefinitionArn"],
                    "reason": STILL_ACTIVE,
                }
            )
            continue
        definition["status"] = "DELETE_IN_PROGRESS"
        deleted.append(definition)
    return {"taskDefinitions": deleted, "failures": failures}


@operation("ecs", "ListTaskDefinitions")
def list_task_definitions(call, parameters):
    status = parameters.get("status", "ACTIVE")
    wanted = parameters.get("familyPrefix")
    arns = [
        each["taskDefinitionArn"]
        for family, revisions in sorted(call.region.ecs.definitions.items())
        if wanted in (None, family)
        for each in revisions
        if each["status"] == status
    ]
    if parameters.get("sort") == "DESC":
        arns.reverse()
    page, token = cut(
        call, arns, page_size(parameters), parameters.get("nextToken"), "InvalidParameterException"
    )
    return {"taskDefinitionArns": page, "nextToken": token}


@operation("ecs", "ListTaskDefinitionFamilies")
def list_task_definition_families(call, parameters):
    status = parameters.get("status", "ACTIVE")
    families = [
        family
        for family, revisions in sorted(call.region.ecs.definitions.items())
        if family.startswith(parameters.get("familyPrefix") or "")
        and (status == "ALL" or any(each["status"] == status for each in revisions))
    ]
    page, token = cut(
        call,
        families,
        page_size(parameters),
        parameters.get("nextToken"),
        "InvalidParameterException",
    )
    return {"families": page, "nextToken": token}


def page_size(parameters):
    size = parameters.get("maxResults", 100)
    if not 1 <= size <= 100:
        raise AwsError("InvalidParameterException", "maxResults is from 1 to 100.")
    return size
