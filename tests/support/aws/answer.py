"""Writes answers by the service's model, and reads them back with botocore's own parser.

A value that the model does not know raises AnswerFault: the double is at fault."""
import base64
import datetime
import json
import re

import botocore.parsers

import models
from errors import AnswerFault

NAMESPACES = {
    "ec2": "http://ec2.amazonaws.com/doc/2016-11-15/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
}
XML_UNSAFE = re.compile(r"[&<>\"\r\x00-\x08\x0b\x0c\x0e-\x1f]")
XML_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}


class Fragment:
    """A value with its text: written once, sent often. Made by fragment() for a member of a
    list."""

    __slots__ = ("value", "text")

    def __init__(self, value, text):
        self.value = value
        self.text = text


def iso_time(seconds):
    milliseconds = round(seconds * 1000)
    moment = datetime.datetime.fromtimestamp(milliseconds // 1000, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03d}Z"


def xml_text(text):
    return (
        XML_UNSAFE.sub(lambda found: XML_ESCAPES.get(found[0], ""), text)
        if XML_UNSAFE.search(text)
        else text
    )


def scalar_text(shape, value, path):
    kind = shape.type_name
    if kind in ("string", "character") and isinstance(value, str):
        return xml_text(value)
    if kind == "boolean" and isinstance(value, bool):
        return "true" if value else "false"
    if kind in ("integer", "long") and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if kind in ("double", "float") and isinstance(value, (int, float)):
        return repr(float(value))
    if kind == "timestamp" and isinstance(value, (int, float)):
        return iso_time(value)
    if kind == "blob" and isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise AnswerFault(f"{path}: {value!r} is not a {kind}")


def write_xml(shape, value, name, out, path):
    if isinstance(value, Fragment):
        out.append(value.text)
        return
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            raise AnswerFault(f"{path}: {value!r} is not a structure")
        out.append(f"<{name}>")
        write_xml_members(shape, value, out, path)
        out.append(f"</{name}>")
    elif kind == "list":
        write_xml_list(shape, value, name, out, path)
    else:
        out.append(f"<{name}>{scalar_text(shape, value, path)}</{name}>")


def write_xml_members(shape, value, out, path):
    members = shape.members
    for member, inner in value.items():
        if inner is None:
            continue
        if member not in members:
            raise AnswerFault(f"{path}.{member}: the model knows no such member")
        member_shape = members[member]
        write_xml(
            member_shape,
            inner,
            member_shape.serialization.get("name", member),
            out,
            f"{path}.{member}",
        )


def write_xml_list(shape, value, name, out, path):
    item = shape.member.serialization.get("name", "member")
    if shape.serialization.get("flattened"):
        for inner in value:
            write_xml(shape.member, inner, name, out, path)
        return
    out.append(f"<{name}>")
    for inner in value:
        write_xml(shape.member, inner, item, out, path)
    out.append(f"</{name}>")


def write_json(shape, value, out, path):
    if isinstance(value, Fragment):
        out.append(value.text)
        return
    kind = shape.type_name
    if kind == "structure":
        write_json_members(shape, value, out, path)
    elif kind == "list":
        out.append("[")
        for at, inner in enumerate(value):
            if at:
                out.append(",")
            write_json(shape.member, inner, out, path)
        out.append("]")
    elif kind == "map":
        out.append("{")
        for at, (key, inner) in enumerate(value.items()):
            out.append(("," if at else "") + json.dumps(key) + ":")
            write_json(shape.value, inner, out, path)
        out.append("}")
    elif kind == "timestamp":
        out.append(json.dumps(round(value, 3)))
    elif kind in ("string", "character", "blob"):
        out.append(json.dumps(scalar_json(shape, value, path)))
    else:
        out.append(scalar_text(shape, value, path))


def scalar_json(shape, value, path):
    if shape.type_name == "blob":
        return base64.b64encode(value).decode()
    if not isinstance(value, str):
        raise AnswerFault(f"{path}: {value!r} is not a string")
    return value


def write_json_members(shape, value, out, path):
    if not isinstance(value, dict):
        raise AnswerFault(f"{path}: {value!r} is not a structure")
    members = shape.members
    out.append("{")
    is_first = True
    for member, inner in value.items():
        if inner is None:
            continue
        if member not in members:
            raise AnswerFault(f"{path}.{member}: the model knows no such member")
        member_shape = members[member]
        out.append(
            ("" if is_first else ",") + f'"{member_shape.serialization.get("name", member)}":'
        )
        is_first = False
        write_json(member_shape, inner, out, f"{path}.{member}")
    out.append("}")


def fragment(service, shape_name, value, item="item"):
    """value as a Fragment: an element <item> of EC2, an object of a JSON service."""
    shape = models.shape(service, shape_name)
    out = []
    if models.protocol(service) == "json":
        write_json(shape, value, out, shape_name)
    else:
        write_xml(shape, value, item, out, shape_name)
    return Fragment(value, "".join(out))


def body_of(service, operation_model, value, request_id):
    """(content type, bytes) of a good answer."""
    protocol = models.protocol(service)
    shape = operation_model.output_shape
    out = []
    if protocol == "json":
        if shape is None:
            return "application/x-amz-json-1.1", b"{}" if service == "ecs" else b""
        write_json(shape, value, out, operation_model.name)
        return "application/x-amz-json-1.1", "".join(out).encode()
    name = operation_model.name
    out.append('<?xml version="1.0" encoding="UTF-8"?>\n')
    out.append(f'<{name}Response xmlns="{NAMESPACES[service]}">')
    if protocol == "ec2":
        out.append(f"<requestId>{request_id}</requestId>")
        if shape is None:
            out.append("<return>true</return>")
        else:
            write_xml_members(shape, value, out, name)
    else:
        write_result(shape, value, out, name)
        out.append(f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>")
    out.append(f"</{name}Response>")
    return "text/xml;charset=UTF-8", "".join(out).encode()


def write_result(shape, value, out, name):
    if shape is None:
        return
    wrapper = shape.serialization.get("resultWrapper", f"{name}Result")
    out.append(f"<{wrapper}>")
    write_xml_members(shape, value, out, name)
    out.append(f"</{wrapper}>")


def error_body(service, error, request_id):
    """(content type, headers, bytes) of an error, in the service's own form."""
    protocol = models.protocol(service)
    if protocol == "json":
        body = json.dumps({"__type": error.code, "message": error.message}).encode()
        return "application/x-amz-json-1.1", {"x-amzn-errortype": error.code}, body
    code, message = xml_text(error.code), xml_text(error.message)
    if protocol == "ec2":
        text = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error>"
            f"</Errors><RequestID>{request_id}</RequestID></Response>"
        )
    else:
        side = "Sender" if error.status < 500 else "Receiver"
        text = (
            f'<ErrorResponse xmlns="{NAMESPACES[service]}"><Error><Type>{side}</Type>'
            f"<Code>{code}</Code><Message>{message}</Message></Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    return (
        "text/xml;charset=UTF-8",
        {},
        ('<?xml version="1.0" encoding="UTF-8"?>\n' + text).encode(),
    )


# ---- reading back
def plain(value):
    """What botocore's parser makes of value: no Fragments, no None; times to the millisecond."""
    if isinstance(value, Fragment):
        return plain(value.value)
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime.datetime):
        return round(value.timestamp(), 3)
    if isinstance(value, float):
        return round(value, 3)
    return value


def read_back(service, operation_model, value, body):
    """AnswerFault where botocore reads another value than the one that was written."""
    shape = operation_model.output_shape
    if shape is None:
        return
    parser = botocore.parsers.create_parser(models.protocol(service))
    read = parser.parse({"status_code": 200, "headers": {}, "body": body}, shape)
    read.pop("ResponseMetadata", None)
    wanted, got = plain(value), plain(read)
    if wanted != got:
        raise AnswerFault(f"{operation_model.name}: botocore reads back {difference(wanted, got)}")


def difference(wanted, got, path=""):
    if isinstance(wanted, dict) and isinstance(got, dict):
        for key in sorted(set(wanted) | set(got)):
            if wanted.get(key) != got.get(key):
                return difference(wanted.get(key), got.get(key), f"{path}.{key}")
    if isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for at, (left, right) in enumerate(zip(wanted, got)):
            if left != right:
                return difference(left, right, f"{path}[{at}]")
    return f"{path}: {got!r} for {wanted!r}"[:400]
