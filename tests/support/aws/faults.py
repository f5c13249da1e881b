"""What goes wrong on purpose: scripted errors, lost answers, latency, throttling."""
import fnmatch
import re

from errors import ControlError

# The limits that AWS publishes: (size, refill per second).
EC2_MUTATING = ("mutating", 50, 5)
EC2_READING = ("reading", 100, 20)
EC2_UNFILTERED = ("unfiltered", 50, 10)
EC2_OWN = {
    "RunInstances": (5, 2),
    "TerminateInstances": (100, 5),
    "CreateTags": (100, 10),
    "DeleteTags": (100, 10),
    "CreateLaunchTemplateVersion": (100, 5),
    "ModifyLaunchTemplate": (100, 5),
}
EC2_RESOURCES = {"RunInstances": (1000, 2), "TerminateInstances": (1000, 20)}
EC2_COSTLY = {"DescribeInstances", "DescribeInstanceStatus", "DescribeSecurityGroups"}
ECS_BUCKETS = (
    (
        "tasks",
        100,
        40,
        "RunTask StartTask StopTask DeregisterContainerInstance UpdateContainerInstancesState "
        "PutAttributes",
    ),
    (
        "reading",
        100,
        20,
        "DescribeTasks ListTasks DescribeContainerInstances ListContainerInstances ListAttributes",
    ),
    ("definitions", 20, 1, "RegisterTaskDefinition DeregisterTaskDefinition"),
    (
        "definitions read",
        50,
        20,
        "DescribeTaskDefinition ListTaskDefinitions ListTaskDefinitionFamilies",
    ),
    ("definitions deleted", 5, 1, "DeleteTaskDefinitions"),
    ("clusters", 20, 1, "CreateCluster DeleteCluster UpdateCluster PutClusterCapacityProviders"),
    ("clusters read", 50, 20, "DescribeClusters ListClusters"),
    ("tagging", 20, 10, "TagResource UntagResource"),
    ("tags read", 50, 20, "ListTagsForResource"),
)
ECS_OF = {
    name: (bucket, size, refill)
    for bucket, size, refill, names in ECS_BUCKETS
    for name in names.split()
}


class Bucket:
    def __init__(self, size, refill, now):
        self.size = size
        self.refill = refill
        self.tokens = float(size)
        self.at = now

    def take(self, count, now):
        self.tokens = min(self.size, self.tokens + (now - self.at) * self.refill)
        self.at = now
        if self.tokens < count:
            return False
        self.tokens -= count
        return True


def published(service, operation, parameters):
    """The bucket that a call counts against: (name, size, refill), or None."""
    if service == "ecs":
        return ECS_OF.get(operation)
    if service != "ec2":
        return None
    if operation in EC2_OWN:
        return (operation, *EC2_OWN[operation])
    if not operation.startswith(("Describe", "Get", "List")):
        return (operation, *EC2_MUTATING[1:])
    narrowed = any(
        parameters.get(name)
        for name in ("Filters", "MaxResults", "InstanceIds", "GroupIds", "NextToken")
    )
    return (
        operation,
        *(EC2_READING if narrowed or operation not in EC2_COSTLY else EC2_UNFILTERED)[1:],
    )


def resources(operation, parameters):
    """How many tokens of the resource bucket a call of EC2 takes."""
    if operation == "RunInstances":
        return parameters.get("MaxCount", 1)
    return len(parameters.get("InstanceIds", ()))


class Throttle:
    """off; the published limits; and limits of a test, by operation."""

    def __init__(self):
        self.is_published = False
        self.scale = 1.0
        self.own = {}
        self.buckets = {}

    def refuses(self, key, service, operation, parameters, now):
        """Whether a call of the account and region in key is one too many."""
        limits = []
        own = self.own.get(operation)
        if own:
            limits.append(("own " + operation, own[0], own[1], 1))
        elif self.is_published:
            limit = published(service, operation, parameters)
            if limit:
                limits.append((*limit, 1))
            if service == "ec2" and operation in EC2_RESOURCES:
                limits.append(
                    (
                        "resource " + operation,
                        *EC2_RESOURCES[operation],
                        resources(operation, parameters),
                    )
                )
        return any(
            not self.take((key, service, name), size, refill, count, now)
            for name, size, refill, count in limits
        )

    def take(self, key, size, refill, count, now):
        if key not in self.buckets:
            self.buckets[key] = Bucket(size * self.scale, refill * self.scale, now)
        return self.buckets[key].take(count, now)


class Script:
    """The next `count` calls of an operation: fail, are lost, or wait. after: so many go well
    before."""

    MEMBERS = {
        "operation",
        "service",
        "region",
        "count",
        "after",
        "code",
        "status",
        "message",
        "lost",
        "work",
        "match",
        "retryAfterMs",
        "delay",
        "html",
    }

    def __init__(self, given):
        unknown = set(given) - self.MEMBERS
        if unknown or "operation" not in given:
            raise ControlError(
                f"a fault has operation and of {sorted(self.MEMBERS)}, not {sorted(unknown)}"
            )
        self.operation = given["operation"]
        self.service = given.get("service", "*")
        self.region = given.get("region", "*")
        self.count = given.get("count", 1)
        self.after = given.get("after", 0)
        self.code = given.get("code")
        self.status = given.get("status", 400)
        self.message = given.get("message", "scripted by the test")
        self.is_lost = given.get("lost", False)
        self.does_work = given.get("work", self.is_lost and self.code is None)
        self.match = re.compile(given["match"]) if "match" in given else None
        self.retry_after_ms = given.get("retryAfterMs")
        self.delay = given.get("delay", 0.0)
        self.html = given.get("html", False)

    def applies(self, service, operation, region, body):
        if not (
            fnmatch.fnmatchcase(operation, self.operation)
            and fnmatch.fnmatchcase(service, self.service)
        ):
            return False
        if not fnmatch.fnmatchcase(region, self.region):
            return False
        return not self.match or bool(self.match.search(body.decode("utf-8", "replace")))


class Faults:
    def __init__(self):
        self.reset()

    def reset(self):
        self.scripts = []
        self.latency = {}
        self.throttle = Throttle()

    def next(self, service, operation, region, body):
        """The Script for this call, used up by one; None: nothing goes wrong."""
        for script in self.scripts:
            if not script.applies(service, operation, region, body):
                continue
            if script.after > 0:
                script.after -= 1
                continue
            script.count -= 1
            if script.count == 0:
                self.scripts.remove(script)
            return script
        return None

    def delay(self, operation):
        """Seconds of latency of an operation."""
        for pattern, seconds in self.latency.items():
            if fnmatch.fnmatchcase(operation, pattern):
                return seconds
        return 0.0
