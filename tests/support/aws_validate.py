#!/usr/bin/env python3
"""Judges request bodies by botocore's service models: lines of "SERVICE OPERATION JSON" on standard input.

Says what is wrong of each and ends with 1; ends with 77 where botocore is not installed."""
import json
import sys

try:
    import botocore.session
    from botocore.validate import ParamValidator
except ImportError:
    sys.exit(77)

# Members that the model of Debian 12's botocore (1.29, November 2022) does not know yet.
NEWER = {("ecs", "RunTask"): {"clientToken"}}


def known(service, operation, shape, body):
    newer = NEWER.get((service, operation), set()) - set(shape.members)
    return {name: value for name, value in body.items() if name not in newer}


def main():
    session = botocore.session.Session()
    models = {}
    faults = 0
    for line in sys.stdin:
        service, operation, text = line.rstrip("\n").split(" ", 2)
        model = models.setdefault(service, session.get_service_model(service))
        shape = model.operation_model(operation).input_shape
        report = ParamValidator().validate(known(service, operation, shape, json.loads(text)), shape)
        if report.has_errors():
            faults += 1
            print(f"{service} {operation}: {report.generate_report()}\n  {text}")
    return 1 if faults else 0


sys.exit(main())
