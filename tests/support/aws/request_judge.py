"""Reads the parameters of a request by the service's model, and lists what is wrong of them.

Holds: everything that the client sent is accounted for; what the model does not know is a fault."""
import base64
import binascii
import datetime
import functools
import json
import re
import urllib.parse

UNKNOWN, MISSING, TYPE, VALUE = "unknown", "missing", "type", "value"
# Enumerations that grow faster than the models, which are as old as the installed botocore.
OPEN_ENUMS = {"InstanceType", "TransportProtocol", "ResourceType"}
INTEGERS = {"integer": 31, "long": 63}


class Fault:
    """One thing that is wrong of a request."""

    def __init__(self, kind, path, text):
        self.kind = kind
        self.path = path
        self.text = text

    def __str__(self):
        return f"{self.path}: {self.text}" if self.path else self.text


class Judge:
    """Decodes one request; faults holds what was found."""

    def __init__(self, protocol):
        self.protocol = protocol
        self.faults = []

    def fault(self, kind, path, text):
        self.faults.append(Fault(kind, path, text))

    # ---- names on the wire
    def name(self, member, shape):
        serialization = shape.serialization
        if self.protocol == "ec2":
            if "queryName" in serialization:
                return serialization["queryName"]
            if "name" in serialization:
                return serialization["name"][0].upper() + serialization["name"][1:]
            return member
        if (
            self.protocol == "query"
            and shape.type_name == "list"
            and shape.serialization.get("flattened")
        ):
            return shape.member.serialization.get("name", serialization.get("name", member))
        return serialization.get("name", member)

    # ---- values
    def value(self, shape, given, path):
        return getattr(self, shape.type_name, self.other)(shape, given, path)

    def other(self, shape, given, path):
        self.fault(TYPE, path, f"the double does not know how to read a {shape.type_name}")

    def structure(self, shape, given, path):
        if not isinstance(given, dict):
            return self.fault(TYPE, path, "a structure is expected")
        left = dict(given)
        read = {}
        for member, member_shape in shape.members.items():
            wire = self.name(member, member_shape)
            if wire not in left:
                continue
            inner = left.pop(wire)
            if inner is None and self.protocol == "json":
                continue
            read[member] = self.value(member_shape, inner, f"{path}.{wire}" if path else wire)
        for wire in left:
            self.fault(
                UNKNOWN, f"{path}.{wire}" if path else wire, "the model knows no such member"
            )
        for member in shape.required_members:
            if member not in read:
                wire = self.name(member, shape.members[member])
                self.fault(MISSING, f"{path}.{wire}" if path else wire, "is required")
        return read

    def list(self, shape, given, path):
        items = self.items(shape, given, path)
        if items is None:
            return []
        self.length(shape, len(items), path)
        return [self.value(shape.member, item, f"{path}.{at}") for at, item in enumerate(items, 1)]

    def items(self, shape, given, path):
        if self.protocol == "json":
            if not isinstance(given, list):
                return self.fault(TYPE, path, "a list is expected")
            return given
        if given == "":
            return []
        if self.protocol == "query" and not shape.serialization.get("flattened"):
            member = shape.member.serialization.get("name", "member")
            if not isinstance(given, dict) or set(given) != {member}:
                return self.fault(TYPE, path, f"a list is expected, as {path}.{member}.N")
            given = given[member]
        return self.numbered(given, path)

    def numbered(self, given, path):
        if not isinstance(given, dict):
            return self.fault(TYPE, path, "a list is expected, as NAME.1, NAME.2 and on")
        wanted = [str(at) for at in range(1, len(given) + 1)]
        if set(wanted) != set(given):
            return self.fault(TYPE, path, "the items of a list are numbered from 1 without gaps")
        return [given[at] for at in wanted]

    def map(self, shape, given, path):
        if self.protocol == "json":
            if not isinstance(given, dict):
                return self.fault(TYPE, path, "an object is expected")
            return {
                key: self.value(shape.value, inner, f"{path}.{key}") for key, inner in given.items()
            }
        entries = self.numbered(given.get("entry") if isinstance(given, dict) else None, path) or []
        return {
            entry.get("key"): self.value(shape.value, entry.get("value"), path) for entry in entries
        }

    def string(self, shape, given, path):
        if not isinstance(given, str):
            return self.fault(TYPE, path, "a string is expected")
        allowed = shape.enum
        if allowed and given not in allowed and shape.name not in OPEN_ENUMS:
            self.fault(VALUE, path, f"{given!r} is none of {', '.join(allowed)}")
        self.length(shape, len(given), path)
        pattern = compiled(shape.metadata.get("pattern"))
        if pattern and not pattern.fullmatch(given):
            self.fault(VALUE, path, f"{given[:80]!r} does not match {shape.metadata['pattern']}")
        return given

    character = string

    def integer(self, shape, given, path):
        if self.protocol != "json":
            if not isinstance(given, str) or not re.fullmatch(r"-?[0-9]{1,20}", given):
                return self.fault(TYPE, path, "an integer is expected")
            given = int(given)
        if not isinstance(given, int) or isinstance(given, bool):
            return self.fault(TYPE, path, "an integer is expected")
        if not -(2 ** INTEGERS[shape.type_name]) <= given < 2 ** INTEGERS[shape.type_name]:
            self.fault(VALUE, path, "the integer is out of range")
        self.range(shape, given, path)
        return given

    long = integer

    def double(self, shape, given, path):
        if self.protocol != "json":
            if not isinstance(given, str) or not re.fullmatch(
                r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?", given
            ):
                return self.fault(TYPE, path, "a number is expected")
            given = float(given)
        if not isinstance(given, (int, float)) or isinstance(given, bool):
            return self.fault(TYPE, path, "a number is expected")
        self.range(shape, given, path)
        return float(given)

    float = double

    def boolean(self, shape, given, path):
        if self.protocol != "json":
            if given not in ("true", "false"):
                return self.fault(TYPE, path, "true or false is expected")
            return given == "true"
        if not isinstance(given, bool):
            return self.fault(TYPE, path, "true or false is expected")
        return given

    def blob(self, shape, given, path):
        try:
            return base64.b64decode(given, validate=True)
        except (TypeError, ValueError, binascii.Error):
            return self.fault(TYPE, path, "base64 is expected")

    def timestamp(self, shape, given, path):
        if self.protocol == "json":
            if not isinstance(given, (int, float)) or isinstance(given, bool):
                return self.fault(TYPE, path, "seconds since 1970 are expected")
            return float(given)
        try:
            read = datetime.datetime.strptime(
                given, "%Y-%m-%dT%H:%M:%S" + (".%fZ" if "." in given else "Z")
            )
        except (TypeError, ValueError):
            return self.fault(TYPE, path, "a time as 2026-01-01T00:00:00Z is expected")
        return read.replace(tzinfo=datetime.timezone.utc).timestamp()

    # ---- bounds
    def length(self, shape, length, path):
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if least is not None and length < least:
            self.fault(VALUE, path, f"has length {length}, at least {least} is expected")
        if most is not None and length > most:
            self.fault(VALUE, path, f"has length {length}, at most {most} is expected")

    def range(self, shape, number, path):
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if (least is not None and number < least) or (most is not None and number > most):
            self.fault(VALUE, path, f"{number} is not between {least} and {most}")


@functools.lru_cache(maxsize=None)
def compiled(pattern):
    try:
        return re.compile(pattern) if pattern else None
    except re.error:  # the models are written for another dialect
        return None


def query_pairs(body):
    """[(name, value)…] of a form; ValueError where it is none."""
    return urllib.parse.parse_qsl(
        body.decode("utf-8"),
        keep_blank_values=True,
        strict_parsing=bool(body),
        max_num_fields=20000,
    )


def query_tree(pairs):
    """Dotted names as nested dictionaries; ValueError where a name stands twice."""
    tree = {}
    for name, value in pairs:
        node = tree
        *above, last = name.split(".")
        for part in above:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                raise ValueError(f"{name}: a part of the name has a value of its own")
        if last in node:
            raise ValueError(f"{name}: is given twice")
        node[last] = value
    return tree


def read_query(protocol, operation_model, pairs):
    """(parameters, faults) of a query without Action and Version."""
    judge = Judge(protocol)
    shape = operation_model.input_shape
    try:
        tree = query_tree(pairs)
    except ValueError as fault:
        judge.fault(VALUE, "", str(fault))
        return {}, judge.faults
    if shape is None:
        for name in tree:
            judge.fault(UNKNOWN, name, "the operation takes no parameters")
        return {}, judge.faults
    return judge.structure(shape, tree, ""), judge.faults


def read_json(operation_model, body):
    """(parameters, faults) of a JSON body."""
    judge = Judge("json")
    try:
        given = json.loads(body or b"{}", object_pairs_hook=without_doubles)
    except ValueError as fault:
        judge.fault(TYPE, "", f"the body is not JSON: {fault}")
        return {}, judge.faults
    shape = operation_model.input_shape
    if shape is None:
        return {}, judge.faults
    return judge.structure(shape, given, "") or {}, judge.faults


def without_doubles(pairs):
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError("a member is given twice")
    return read
