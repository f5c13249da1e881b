"""SQS, as far as a reader of events needs it, and EventBridge, which fills its queues."""
import json
import uuid

from answer import iso_time
from errors import AwsError
from registry import operation

BATCH_MAX = 10
LONG_POLL = 0.3  # seconds that an empty queue is waited for at most, so that tests are fast
TASK, SPOT = "ECS Task State Change", "EC2 Spot Instance Interruption Warning"
SOURCES = {TASK: "aws.ecs", SPOT: "aws.ec2"}
TIMES = {"createdAt", "startedAt", "stoppingAt", "stoppedAt", "executionStoppedAt", "pullStartedAt"}


class Message:
    def __init__(self, body, now):
        self.id = str(uuid.uuid4())
        self.body = body
        self.sent_at = now
        self.visible_at = now
        self.handles = set()


class Queue:
    """kinds: detail types that its rule lets through; copies: how often each event comes."""

    def __init__(self, region, name, kinds, copies, retention):
        self.region = region
        self.name = name
        self.kinds = kinds
        self.copies = copies
        self.retention = retention
        self.messages = []

    def now(self):
        return self.region.double.clock.now()

    def put(self, body):
        self.messages.extend(Message(body, self.now()) for _ in range(self.copies))

    def receive(self, most, visibility):
        now = self.now()
        self.messages = [each for each in self.messages if now - each.sent_at < self.retention]
        found = [each for each in self.messages if each.visible_at <= now][:most]
        return [(each, self.show(each, now + visibility)) for each in found]

    @staticmethod
    def show(message, until):
        handle = uuid.uuid4().hex
        message.visible_at = until
        message.handles.add(handle)
        return handle

    def delete(self, handle):
        self.messages = [each for each in self.messages if handle not in each.handles]


def told(task):
    """A task as an event has it: times as text, no tags."""
    detail = {
        name: iso_time(value) if name in TIMES else value
        for name, value in task.members(False).items()
        if value is not None and name != "tags"
    }
    return {**detail, "updatedAt": iso_time(task.cluster.region.double.clock.now())}


class Events:
    """What one account has of both in one region."""

    def __init__(self, region):
        self.region = region
        self.queues = {}

    def tell(self, kind, resources, detail, **others):
        """others: members that are not as they should be."""
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": kind,
            "source": SOURCES[kind],
            "account": self.region.account,
            "time": iso_time(self.region.double.clock.now()),
            "region": self.region.name,
            "resources": resources,
            "detail": detail,
            **others,
        }
        for queue in self.queues.values():
            if kind in queue.kinds:
                queue.put(json.dumps(event))

    def task_changed(self, task):
        if self.queues:
            self.tell(TASK, [task.arn], told(task))

    def spot_warning(self, instance):
        arn = self.region.arn("ec2", f"instance/{instance.id}")
        self.tell(SPOT, [arn], {"instance-id": instance.id, "instance-action": "terminate"})


def queue_of(call, parameters):
    parts = parameters["QueueUrl"].split("/")
    owner, name = parts[-2:] if len(parts) > 3 else ("", "")
    if owner != call.region.account or name not in call.region.events.queues:
        raise AwsError("QueueDoesNotExist", "The specified queue does not exist.")
    return call.region.events.queues[name]


def number(parameters, name, default, least, most):
    value = parameters.get(name, default)
    if not least <= value <= most:
        raise AwsError("InvalidParameterValue", f"{name} has to be from {least} to {most}.")
    return value


@operation("sqs", "ReceiveMessage")
def receive_message(call, parameters):
    queue = queue_of(call, parameters)
    most = number(parameters, "MaxNumberOfMessages", 1, 1, BATCH_MAX)
    visibility = number(parameters, "VisibilityTimeout", 30, 0, 43200)
    wait = number(parameters, "WaitTimeSeconds", 0, 0, 20)
    received = queue.receive(most, visibility)
    if not received:
        call.delay = min(wait, LONG_POLL)
        return {}
    return {
        "Messages": [
            {"MessageId": message.id, "ReceiptHandle": handle, "Body": message.body}
            for message, handle in received
        ]
    }


@operation("sqs", "DeleteMessageBatch")
def delete_message_batch(call, parameters):
    queue = queue_of(call, parameters)
    entries = parameters["Entries"]
    ids = [each["Id"] for each in entries]
    if not 1 <= len(entries) <= BATCH_MAX:
        raise AwsError("TooManyEntriesInBatchRequest", "1 to 10 entries are expected.")
    if len(set(ids)) != len(ids):
        raise AwsError("BatchEntryIdsNotDistinct", "Two or more entries have the same Id.")
    for each in entries:
        queue.delete(each["ReceiptHandle"])
    return {"Successful": [{"Id": each} for each in ids], "Failed": []}
