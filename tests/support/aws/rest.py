"""Services that speak REST with JSON: which operation a GET is, and its parameters, by the model."""
import re
import urllib.parse

import models
from errors import AwsError

# Signing name: service.
SERVICES = {"elasticfilesystem": "efs"}


def pattern_of(template):
    """"/a/{Id}/b" as an expression with a group for each part."""
    parts = re.split(r"\{(\w+)\}", template)
    return "".join(
        f"(?P<{part}>[^/]+)" if at % 2 else re.escape(part) for at, part in enumerate(parts)
    )


def operation_of(service, path):
    """(name, {member: text} of the path); AwsError where the service has no such GET."""
    model = models.service(service)
    for name in model.operation_names:
        http = model.operation_model(name).http
        found = re.fullmatch(pattern_of(http["requestUri"]), path)
        if http["method"] == "GET" and found:
            return name, found.groupdict()
    raise AwsError("UnknownOperationException", f"GET {path} is unknown", 404)


def read(request, signing_name):
    """(service, operation, parameters, faults) of a GET."""
    service = SERVICES.get(signing_name)
    if not service or request.body:
        raise AwsError("InvalidRequest", f"GET {request.path} of {signing_name} is not expected")
    name, parameters = operation_of(service, request.path)
    shape = models.operation(service, name).input_shape
    by_wire = {
        member.serialization["name"]: key
        for key, member in shape.members.items()
        if member.serialization.get("location") == "querystring"
    }
    faults = []
    for wire, value in urllib.parse.parse_qsl(request.query, keep_blank_values=True):
        if wire in by_wire:
            parameters[by_wire[wire]] = value
        else:
            faults.append(f"{wire}: the model knows no such member")
    faults += [f"{key}: it is required" for key in shape.required_members if key not in parameters]
    return service, name, parameters, faults
