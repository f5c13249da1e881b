"""CloudWatch Logs: groups, streams, events."""
import base64
import bisect

from errors import AwsError
from pages import cut
from registry import operation

ANSWER_EVENTS = 10000
ANSWER_BYTES = 1024 * 1024


class Stream:
    def __init__(self, now_ms):
        self.created_ms = now_ms
        self.events = []  # (timestamp ms, ingestion ms, message), by time


class Logs:
    def __init__(self, region):
        self.region = region
        self.groups = {}

    def now_ms(self):
        return int(self.region.double.clock.now() * 1000)

    def stream(self, group, stream):
        """The Stream; AwsError where there is none."""
        if group not in self.groups:
            raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
        if stream not in self.groups[group]:
            raise AwsError("ResourceNotFoundException", "The specified log stream does not exist.")
        return self.groups[group][stream]

    def write(self, group, stream, message):
        """A line of a container; makes what is not there yet, as the agent's log driver may."""
        now = self.now_ms()
        streams = self.groups.setdefault(group, {})
        streams.setdefault(stream, Stream(now)).events.append((now, now, message))


def group_name(parameters):
    name = parameters.get("logGroupName") or parameters.get("logGroupIdentifier", "").rpartition(
        ":log-group:"
    )[2].rstrip(":*")
    if not name:
        raise AwsError("InvalidParameterException", "The name of a log group is expected")
    return name


@operation("logs", "CreateLogGroup")
def create_log_group(call, parameters):
    groups = call.region.logs.groups
    if parameters["logGroupName"] in groups:
        raise AwsError("ResourceAlreadyExistsException", "The specified log group already exists")
    groups[parameters["logGroupName"]] = {}


@operation("logs", "DeleteLogGroup")
def delete_log_group(call, parameters):
    if call.region.logs.groups.pop(parameters["logGroupName"], None) is None:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")


@operation("logs", "DescribeLogGroups")
def describe_log_groups(call, parameters):
    prefix = parameters.get("logGroupNamePrefix", "")
    names = sorted(name for name in call.region.logs.groups if name.startswith(prefix))
    page, token = cut(
        call,
        names,
        parameters.get("limit", 50),
        parameters.get("nextToken"),
        "InvalidParameterException",
    )
    return {
        "logGroups": [
            {"logGroupName": name, "arn": call.region.arn("logs", f"log-group:{name}:*")}
            for name in page
        ],
        "nextToken": token,
    }


@operation("logs", "CreateLogStream")
def create_log_stream(call, parameters):
    logs = call.region.logs
    streams = logs.groups.get(parameters["logGroupName"])
    if streams is None:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    if parameters["logStreamName"] in streams:
        raise AwsError("ResourceAlreadyExistsException", "The specified log stream already exists")
    streams[parameters["logStreamName"]] = Stream(logs.now_ms())


@operation("logs", "DescribeLogStreams")
def describe_log_streams(call, parameters):
    streams = call.region.logs.groups.get(group_name(parameters))
    if streams is None:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    names = sorted(
        name for name in streams if name.startswith(parameters.get("logStreamNamePrefix", ""))
    )
    page, token = cut(
        call,
        names,
        parameters.get("limit", 50),
        parameters.get("nextToken"),
        "InvalidParameterException",
    )
    return {
        "logStreams": [
            {"logStreamName": name, "creationTime": streams[name].created_ms} for name in page
        ],
        "nextToken": token,
    }


@operation("logs", "PutLogEvents")
def put_log_events(call, parameters):
    logs = call.region.logs
    stream = logs.stream(parameters["logGroupName"], parameters["logStreamName"])
    times = [event["timestamp"] for event in parameters["logEvents"]]
    if times != sorted(times):
        raise AwsError(
            "InvalidParameterException",
            "Log events in a single PutLogEvents request must be in chronological order.",
        )
    now = logs.now_ms()
    stream.events += [
        (event["timestamp"], now, event["message"]) for event in parameters["logEvents"]
    ]
    stream.events.sort(key=lambda event: event[0])
    return {"nextSequenceToken": str(len(stream.events))}


def in_range(stream, parameters):
    """(first, end) of the events from startTime up to endTime."""
    times = [event[0] for event in stream.events]
    first = bisect.bisect_left(times, parameters.get("startTime", 0))
    return first, bisect.bisect_left(
        times, parameters["endTime"]
    ) if "endTime" in parameters else len(times)


def limited(events, limit):
    """As many of events as one answer holds."""
    size = 0
    for at, event in enumerate(events[:limit]):
        size += len(event[2].encode()) + 26
        if size > ANSWER_BYTES and at:
            return events[:at]
    return events[:limit]


def direction_token(direction, at):
    return f"{direction}/{base64.b32encode(str(at).zfill(20).encode()).decode()}"


def token_place(token):
    try:
        return token[0], int(base64.b32decode(token[2:].encode()))
    except ValueError:
        raise AwsError("InvalidParameterException", "The specified nextToken is invalid.") from None


@operation("logs", "GetLogEvents")
def get_log_events(call, parameters):
    stream = call.region.logs.stream(group_name(parameters), parameters["logStreamName"])
    first, end = in_range(stream, parameters)
    limit = min(
        parameters.get("limit", ANSWER_EVENTS), call.double.settings["pageMax"] or ANSWER_EVENTS
    )
    token = parameters.get("nextToken")
    direction, at = (
        token_place(token)
        if token
        else ("f", first)
        if parameters.get("startFromHead")
        else ("b", end)
    )
    if direction == "f":
        at = max(first, min(at, end))
        events = limited(stream.events[at:end], limit)
    else:
        at = max(first, at - limit)
        events = limited(stream.events[at:end], limit)
    return {
        "events": [
            {"timestamp": event[0], "ingestionTime": event[1], "message": event[2]}
            for event in events
        ],
        "nextForwardToken": direction_token("f", at + len(events)),
        "nextBackwardToken": direction_token("b", at),
    }


@operation("logs", "FilterLogEvents")
def filter_log_events(call, parameters):
    streams = call.region.logs.groups.get(group_name(parameters))
    if streams is None:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    names = parameters.get("logStreamNames") or sorted(streams)
    pattern = parameters.get("filterPattern", "").strip('"')
    entries = []
    for name in names:
        if name not in streams or not name.startswith(parameters.get("logStreamNamePrefix", "")):
            continue
        first, end = in_range(streams[name], parameters)
        entries += [
            {
                "logStreamName": name,
                "timestamp": event[0],
                "message": event[2],
                "ingestionTime": event[1],
                "eventId": f"{at:056d}",
            }
            for at, event in enumerate(streams[name].events[first:end], first)
            if pattern in event[2]
        ]
    entries.sort(key=lambda entry: (entry["timestamp"], entry["logStreamName"], entry["eventId"]))
    page, token = cut(
        call,
        entries,
        parameters.get("limit", ANSWER_EVENTS),
        parameters.get("nextToken"),
        "InvalidParameterException",
    )
    return {"events": page, "searchedLogStreams": [], "nextToken": token}
