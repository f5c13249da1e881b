"""ECS's state in one region: clusters with their container instances and tasks, and task
definitions."""
import collections
import json
import re
import uuid

import catalogue
from answer import fragment
from errors import AwsError


def as_tags(tags):
    return [{"key": key, "value": value} for key, value in tags.items()]


def read_tags(parameters):
    """{key: value} of the member tags; AwsError where ECS takes no such tags."""
    given = parameters.get("tags") or []
    tags = {tag["key"]: tag.get("value", "") for tag in given if "key" in tag}
    if len(given) > 50 or len(tags) != len(given):
        raise AwsError(
            "InvalidParameterException", "At most 50 tags with keys of their own are expected"
        )
    for key, value in tags.items():
        if not re.fullmatch(r"[\w\s+\-=.:/@]{1,128}", key) or key.lower().startswith("aws:"):
            raise AwsError("InvalidParameterException", f"The tag key {key[:140]!r} is invalid")
        if not re.fullmatch(r"[\w\s+\-=.:/@]{0,256}", value):
            raise AwsError("InvalidParameterException", f"The tag value {value[:260]!r} is invalid")
    return tags


class Cluster:
    def __init__(self, region, name):
        self.region = region
        self.seq = region.next_sequence()
        self.name = name
        self.arn = region.arn("ecs", f"cluster/{name}")
        self.created_at = region.double.clock.now()
        self.status = "ACTIVE"
        self.tags = {}
        self.settings = []
        self.providers = []
        self.strategy = []
        self.hosts = {}  # ARN -> Host
        self.host_of = {}  # EC2 id -> Host
        self.tasks = {}  # ARN -> Task
        self.tokens = {}

    def task_counts(self):
        """How many tasks are in each state."""
        return collections.Counter(task.last_status for task in self.tasks.values())

    def short(self, arn_or_id):
        return arn_or_id.rsplit("/", 1)[-1]


class Host:
    """A container instance."""

    def __init__(self, cluster, instance, facts):
        region = cluster.region
        self.cluster = cluster
        self.seq = region.next_sequence()
        self.instance = instance
        self.arn = region.arn("ecs", f"container-instance/{cluster.name}/{region.hexadecimal(32)}")
        self.registered_at = region.double.clock.now()
        self.status = "ACTIVE"
        self.is_connected = True
        self.version = 1
        self.cpu = facts["cpu"]
        self.memory = facts["memory"]
        self.ports = set(facts["ports"])
        self.gpu_ids = facts["gpu_ids"]
        self.attributes = facts["attributes"]
        self.tags = facts["tags"]
        self.config = facts["config"]
        self.used_cpu = 0
        self.used_memory = 0
        self.used_ports = collections.Counter()
        self.used_gpus = {}  # GPU id -> Task
        self.tasks = {}  # those that have not stopped, ARN -> Task

    def set_tags(self, tags):
        self.tags = tags

    def values(self, subject):
        """What the query language sees; None where there is no such thing."""
        if subject == "ec2InstanceId":
            return [self.instance.id]
        if subject.startswith("attribute:"):
            name = subject[len("attribute:") :]
            return [self.attributes[name] or ""] if name in self.attributes else None
        own = {
            "agentConnected": "true" if self.is_connected else "false",
            "runningTasksCount": str(
                sum(task.last_status == "RUNNING" for task in self.tasks.values())
            ),
            "pendingTasksCount": str(
                sum(task.last_status == "PENDING" for task in self.tasks.values())
            ),
            "registeredAt": str(self.registered_at),
            "status": self.status,
        }
        if subject == "task:group":
            return [task.group for task in self.tasks.values()]
        return [own[subject]] if subject in own else None

    def lacks(self, need):
        """The reason why a task that needs so much has no place, as in failures[]; or None."""
        if self.status != "ACTIVE":
            return "INACTIVE"
        if not self.is_connected:
            return "AGENT"
        if any(name not in self.attributes for name in need.attributes) or not need.fits_platform(
            self.attributes
        ):
            return "ATTRIBUTE"
        if self.used_cpu + need.cpu > self.cpu:
            return "RESOURCE:CPU"
        if self.used_memory + need.memory > self.memory:
            return "RESOURCE:MEMORY"
        if need.gpus > len(self.gpu_ids) - len(self.used_gpus):
            return "RESOURCE:GPU"
        if any(port in self.ports or self.used_ports[port] for port in need.ports):
            return "RESOURCE:PORTS"
        return None

    def take(self, task):
        """Reserves what a task needs; lacks() said that it has a place."""
        need = task.need
        self.used_cpu += need.cpu
        self.used_memory += need.memory
        self.used_ports.update(need.ports)
        free = [gpu for gpu in self.gpu_ids if gpu not in self.used_gpus]
        for container in task.containers:
            container.gpu_ids = [
                free.pop(0) for _ in range(need.container_gpus.get(container.name, 0))
            ]
            self.used_gpus.update({gpu: task for gpu in container.gpu_ids})
        self.tasks[task.arn] = task
        self.version += 1

    def give_back(self, task):
        if self.tasks.pop(task.arn, None) is None:
            return
        self.used_cpu -= task.need.cpu
        self.used_memory -= task.need.memory
        self.used_ports.subtract(task.need.ports)
        self.used_gpus = {gpu: owner for gpu, owner in self.used_gpus.items() if owner is not task}
        self.version += 1

    def resources(self, is_remaining):
        def number(name, amount):
            return {
                "name": name,
                "type": "INTEGER",
                "doubleValue": 0.0,
                "longValue": 0,
                "integerValue": amount,
            }

        def names(name, values):
            return {
                "name": name,
                "type": "STRINGSET",
                "doubleValue": 0.0,
                "longValue": 0,
                "integerValue": 0,
                "stringSetValue": values,
            }

        used_ports = (
            [port for port, count in self.used_ports.items() if count] if is_remaining else []
        )
        answers = [
            number("CPU", self.cpu - (self.used_cpu if is_remaining else 0)),
            number("MEMORY", self.memory - (self.used_memory if is_remaining else 0)),
            names("PORTS", [str(port) for port in sorted({*self.ports, *used_ports})]),
            names("PORTS_UDP", []),
        ]
        if self.gpu_ids:
            answers.append(
                names(
                    "GPU",
                    [gpu for gpu in self.gpu_ids if not is_remaining or gpu not in self.used_gpus],
                )
            )
        return answers

    def answer(self, includes_tags):
        states = collections.Counter(task.last_status for task in self.tasks.values())
        return {
            "containerInstanceArn": self.arn,
            "ec2InstanceId": self.instance.id,
            "version": self.version,
            "versionInfo": {
                "agentVersion": "1.89.3",
                "agentHash": "e4e2b1a1",
                "dockerVersion": "DockerVersion: 25.0.8",
            },
            "remainingResources": self.resources(True),
            "registeredResources": self.resources(False),
            "status": self.status,
            "agentConnected": self.is_connected,
            "runningTasksCount": states["RUNNING"],
            "pendingTasksCount": states["PENDING"],
            "attributes": [
                {"name": name, "value": value} for name, value in self.attributes.items()
            ],
            "registeredAt": self.registered_at,
            "attachments": [],
            "tags": as_tags(self.tags) if includes_tags else [],
        }


class Need:
    """What a task takes of a host."""

    def __init__(self, definition, overrides):
        by_name = {each.get("name"): each for each in overrides.get("containerOverrides") or ()}
        containers = definition["containerDefinitions"]
        merged = [{**container, **by_name.get(container["name"], {})} for container in containers]
        task_cpu = overrides.get("cpu") or definition.get("cpu")
        task_memory = overrides.get("memory") or definition.get("memory")
        self.cpu = int(task_cpu) if task_cpu else sum(each.get("cpu") or 0 for each in merged)
        self.memory = (
            int(task_memory) if task_memory else sum(reserved_memory(each) for each in merged)
        )
        self.container_gpus = {each["name"]: gpus_of(each) for each in merged}
        self.gpus = sum(self.container_gpus.values())
        is_host = definition.get("networkMode") == "host"
        self.ports = [
            port.get("hostPort") or (port.get("containerPort") if is_host else 0)
            for each in containers
            for port in each.get("portMappings") or ()
            if port.get("hostPort") or is_host
        ]
        self.attributes = [each["name"] for each in definition.get("requiresAttributes") or ()]
        self.platform = definition.get("runtimePlatform") or {}

    def fits_platform(self, attributes):
        wanted = {"ARM64": "arm64", "X86_64": "x86_64"}.get(self.platform.get("cpuArchitecture"))
        return not wanted or attributes.get("ecs.cpu-architecture") == wanted


def reserved_memory(container):
    return container.get("memoryReservation") or container.get("memory") or 0


def gpus_of(container):
    return sum(
        int(each["value"])
        for each in container.get("resourceRequirements") or ()
        if each["type"] == "GPU"
    )


class Container:
    def __init__(self, task, definition, override):
        self.task = task
        self.definition = definition
        self.override = override
        self.name = definition["name"]
        region = task.cluster.region
        self.arn = region.arn(
            "ecs", f"container/{task.cluster.name}/{task.id}/{region.hexadecimal(32)}"
        )
        self.runtime_id = None
        self.status = "PENDING"
        self.exit_code = None
        self.reason = None
        self.gpu_ids = []

    @property
    def is_essential(self):
        return self.definition.get("essential", True)

    def answer(self):
        return {
            "containerArn": self.arn,
            "taskArn": self.task.arn,
            "name": self.name,
            "image": self.definition["image"],
            "lastStatus": self.status,
            "runtimeId": self.runtime_id,
            "exitCode": self.exit_code,
            "reason": self.reason[:1024] if self.reason else None,
            "networkBindings": [],
            "networkInterfaces": [self.task.interface.of_container()]
            if self.task.interface
            else [],
            "healthStatus": "UNKNOWN",
            "cpu": str(self.override.get("cpu", self.definition.get("cpu") or 0)),
            "memory": str(
                self.override["memory"]
                if "memory" in self.override
                else self.definition.get("memory") or 0
            ),
            "gpuIds": self.gpu_ids or None,
        }


class Interface:
    """The network interface of an awsvpc task."""

    def __init__(self, region, subnet):
        self.id = region.new_id("eni")
        self.attachment = str(uuid.uuid4())
        self.subnet = subnet
        self.address = subnet.take_address()

    def answer(self):
        details = {
            "subnetId": self.subnet.id,
            "networkInterfaceId": self.id,
            "macAddress": "02:00:00:00:00:01",
            "privateIPv4Address": self.address,
        }
        return {
            "id": self.attachment,
            "type": "ElasticNetworkInterface",
            "status": "ATTACHED",
            "details": [{"name": name, "value": value} for name, value in details.items()],
        }

    def of_container(self):
        return {"attachmentId": self.attachment, "privateIpv4Address": self.address}


class Task:
    """One task. host: the container instance, None on Fargate."""

    def __init__(self, cluster, definition, parameters, need, host, launch):
        region = cluster.region
        self.cluster = cluster
        self.seq = region.next_sequence()
        self.id = region.hexadecimal(32)
        self.arn = region.arn("ecs", f"task/{cluster.name}/{self.id}")
        self.definition = definition
        self.need = need
        self.host = host
        self.launch = launch  # {"launchType", "capacityProvider", "platformVersion", "subnet"}
        self.overrides = parameters.get("overrides") or {}
        self.started_by = parameters.get("startedBy")
        self.group = parameters.get("group") or f"family:{definition['family']}"
        self.tags = {}
        self.created_at = region.double.clock.now()
        self.times = {}
        self.interface = None  # of a task with a network interface of its own
        if definition.get("networkMode") == "awsvpc" and launch.get("subnet"):
            subnet = host.instance.subnet if host else launch["subnet"]
            self.interface = Interface(region, subnet)
        self.last_status = "PENDING" if self.host and not self.interface else "PROVISIONING"
        self.desired_status = "RUNNING"
        self.stop_code = None
        self.stopped_reason = None
        self.version = 1
        self.connected = False
        by_name = {
            each.get("name"): each for each in self.overrides.get("containerOverrides") or ()
        }
        self.containers = [
            Container(self, each, by_name.get(each["name"], {}))
            for each in definition["containerDefinitions"]
        ]
        self.timers = []
        self.outcome = None  # how it is to end: outcome.Outcome
        self.work = None  # what runs: TimerWork or ProcessWork
        self.is_told = False  # DescribeTasks has told of its end
        self.untold = []  # ends of containers on a host that nobody hears of
        self.texts = {}

    @property
    def is_fargate(self):
        return self.host is None

    def set_tags(self, tags):
        self.tags = tags
        self.texts.clear()

    def change(self, status=None, *times):
        """A step of its life; times: names of times that are now, as startedAt; each is set
        once."""
        now = self.cluster.region.double.clock.now()
        if status:
            self.last_status = status
        for name in times:
            self.times.setdefault(name, now)
        self.version += 1
        self.texts.clear()
        if status:
            self.cluster.region.events.task_changed(self)

    def answer(self, includes_tags):
        """As DescribeTasks has it."""
        if includes_tags not in self.texts:
            self.texts[includes_tags] = fragment("ecs", "Task", self.members(includes_tags))
        return self.texts[includes_tags]

    def members(self, includes_tags):
        definition, overrides = self.definition, self.overrides
        by_name = {each.get("name"): each for each in overrides.get("containerOverrides") or ()}
        return {
            "taskArn": self.arn,
            "clusterArn": self.cluster.arn,
            "taskDefinitionArn": definition["taskDefinitionArn"],
            "containerInstanceArn": self.host.arn if self.host else None,
            "overrides": {
                **overrides,
                "containerOverrides": [
                    by_name.get(each.name, {"name": each.name}) for each in self.containers
                ],
                "inferenceAcceleratorOverrides": [],
            },
            "lastStatus": self.last_status,
            "desiredStatus": self.desired_status,
            "cpu": str(overrides.get("cpu") or definition.get("cpu") or self.need.cpu),
            "memory": str(overrides.get("memory") or definition.get("memory") or self.need.memory),
            "containers": [container.answer() for container in self.containers],
            "startedBy": self.started_by,
            "version": self.version,
            "stopCode": self.stop_code,
            "stoppedReason": self.stopped_reason,
            "connectivity": "CONNECTED" if self.connected else None,
            "createdAt": self.created_at,
            **self.times,
            "group": self.group,
            "launchType": self.launch["launchType"],
            "capacityProviderName": self.launch.get("capacityProvider"),
            "platformVersion": "1.4.0" if self.is_fargate else None,
            "platformFamily": "Linux" if self.is_fargate else None,
            "availabilityZone": self.host.instance.zone
            if self.host
            else self.launch["subnet"].zone,
            "attachments": [self.interface.answer()] if self.interface else [],
            "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}],
            "enableExecuteCommand": False,
            "healthStatus": "UNKNOWN",
            "tags": as_tags(self.tags) if includes_tags else [],
            "ephemeralStorage": {"sizeInGiB": 20} if self.is_fargate else None,
        }


class Ecs:
    def __init__(self, region):
        self.region = region
        self.clusters = {}
        self.definition_tags = {}  # ARN -> tags
        self.definitions = {}  # family -> [definition…], at revision - 1
        self.fargate_capacity = None  # how many more Fargate tasks there is room for; None: any
        self.fargate_spot_capacity = None

    def cluster(self, name_or_arn=None, needs_active=True):
        """The cluster; AwsError where there is none."""
        name = (name_or_arn or "default").rsplit("/", 1)[-1]
        cluster = self.clusters.get(name)
        if (
            not cluster
            or (needs_active and cluster.status != "ACTIVE")
            or not self.is_mine(name_or_arn, cluster.arn)
        ):
            raise AwsError("ClusterNotFoundException", "Cluster not found.")
        return cluster

    @staticmethod
    def is_mine(given, arn):
        return not given or not given.startswith("arn:") or given == arn

    def definition(self, name):
        """family, family:revision or an ARN; AwsError where there is none."""
        short = name.rsplit("/", 1)[-1]
        family, _, revision = short.partition(":")
        revisions = self.definitions.get(family) or []
        if revision:
            at = int(revision) - 1 if revision.isdigit() else -1
            found = revisions[at] if 0 <= at < len(revisions) else None
        else:
            found = next((each for each in reversed(revisions) if each["status"] == "ACTIVE"), None)
        if not found or (name.startswith("arn:") and found["taskDefinitionArn"] != name):
            raise AwsError("ClientException", "Unable to describe task definition.")
        return found


def registered_memory(entry, overhead):
    """MiB that the kernel of a host sees: below the nominal size, less so on big hosts."""
    return (
        int(entry.memory_mib * (1 - overhead))
        if entry.memory_mib < 65536
        else int(entry.memory_mib * (1 - overhead / 2))
    )


def host_facts(instance, config, settings):
    """What an agent with this ecs.config registers of its host."""
    entry = catalogue.types()[instance.type]
    image = instance.launch.image
    drivers = json.loads(config.get("ECS_AVAILABLE_LOGGING_DRIVERS", '["json-file","none"]'))
    attributes = {
        "ecs.instance-type": instance.type,
        "ecs.availability-zone": instance.zone,
        "ecs.ami-id": image["ImageId"],
        "ecs.os-type": "linux",
        "ecs.os-family": "LINUX",
        "ecs.cpu-architecture": entry.architecture,
        "ecs.vpc-id": instance.subnet.vpc,
        "ecs.subnet-id": instance.subnet.id,
        "ecs.capability.docker-remote-api.1.44": None,
        "com.amazonaws.ecs.capability.docker-remote-api.1.18": None,
        "com.amazonaws.ecs.capability.docker-remote-api.1.19": None,
        "com.amazonaws.ecs.capability.docker-remote-api.1.21": None,
        "com.amazonaws.ecs.capability.docker-remote-api.1.25": None,
        "com.amazonaws.ecs.capability.privileged-container": None,
        "com.amazonaws.ecs.capability.ecr-auth": None,
        "ecs.capability.execution-role-ecr-pull": None,
        "ecs.capability.execution-role-awslogs": None,
        "ecs.capability.secrets.ssm.environment-variables": None,
        "ecs.capability.secrets.asm.environment-variables": None,
        "ecs.capability.efs": None,
        "ecs.capability.efsAuth": None,
        "ecs.capability.task-eni": None,
        "ecs.capability.container-ordering": None,
        "ecs.capability.task-cpu-mem-limit": None,
        **{f"com.amazonaws.ecs.capability.logging-driver.{driver}": None for driver in drivers},
    }
    if config.get("ECS_ENABLE_TASK_IAM_ROLE") == "true":
        attributes["com.amazonaws.ecs.capability.task-iam-role"] = None
    if config.get("ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST") == "true":
        attributes["com.amazonaws.ecs.capability.task-iam-role-network-host"] = None
    has_gpus = entry.gpus and image["accelerator"] == "gpu"
    attributes.update(json.loads(config.get("ECS_INSTANCE_ATTRIBUTES", "{}")))
    return {
        "cpu": entry.vcpus * 1024,
        "memory": registered_memory(entry, settings["memoryOverhead"])
        - int(config.get("ECS_RESERVED_MEMORY", "0")),
        "ports": json.loads(config.get("ECS_RESERVED_PORTS", "[22,2375,2376,51678,51679]")),
        "gpu_ids": [
            f"GPU-{instance.id[2:10]}-{at:04d}-4000-8000-{instance.id[-12:]}"
            for at in range(entry.gpus)
        ]
        if has_gpus
        else [],
        "attributes": attributes,
        "tags": json.loads(config.get("ECS_CONTAINER_INSTANCE_TAGS", "{}")),
        "config": config,
    }
