#!/usr/bin/env python3
"""AWS Batch for the tests of export: answers from a file (argument), a page for each item. Every signature is verified
with botocore's own signer, every request and every answer by the service model. Prints "listening PORT"."""
import http.server
import json
import os
import sys
import threading
import time

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.validate import ParamValidator

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
MODEL = botocore.session.get_session().get_service_model("batch")
OPERATIONS = {MODEL.operation_model(name).http["requestUri"]: name for name in MODEL.operation_names}
with open(sys.argv[1], encoding="utf-8") as file:
    HELD = json.load(file)


class Refused(Exception):
    def __init__(self, status, code, message):
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


def judge_signature(request, body):
    text = request.headers.get("Authorization", "")
    parts = dict(each.strip().split("=", 1) for each in text.split(" ", 1)[-1].split(",") if "=" in each)
    _, _, region, service, _ = parts.get("Credential", "////").split("/")
    signed = parts.get("SignedHeaders", "").split(";")
    again = AWSRequest(
        method=request.command,
        url=f"http://{request.headers['Host']}{request.path}",
        data=body,
        headers={each: request.headers[each] for each in signed if each not in ("host", "x-amz-date")},
    )
    date = request.headers["x-amz-date"]
    again.context["timestamp"] = date
    again.headers["X-Amz-Date"] = date
    signer = SigV4Auth(Credentials(KEY, SECRET), "batch", region)
    signature = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
    if service != "batch" or signature != parts.get("Signature"):
        raise Refused(403, "SignatureDoesNotMatch", "The signature is another one.")


def judge(shape, value, what):
    report = ParamValidator().validate(value, shape)
    if report.has_errors():
        raise Refused(400, "ClientException", f"{what}: {report.generate_report()}")


def page(member, parameters, wanted=None):
    """The item that nextToken says, and the next token."""
    items = [each for each in HELD.get(member, ()) if wanted is None or wanted(each)]
    at = int(parameters.get("nextToken") or 0)
    answer = {member: items[at : at + 1]}
    if at + 1 < len(items):
        answer["nextToken"] = str(at + 1)
    return answer


def answer_of(name, parameters):
    if name == "ListSchedulingPolicies":
        listed = page("schedulingPolicies", parameters)
        listed["schedulingPolicies"] = [{"arn": each["arn"]} for each in listed["schedulingPolicies"]]
        return listed
    if name == "DescribeSchedulingPolicies":
        held = HELD.get("schedulingPolicies", ())
        return {"schedulingPolicies": [each for each in held if each["arn"] in parameters["arns"]]}
    member = {
        "DescribeComputeEnvironments": "computeEnvironments",
        "DescribeJobQueues": "jobQueues",
        "DescribeJobDefinitions": "jobDefinitions",
    }.get(name)
    if not member:
        raise Refused(404, "UnknownOperationException", name)
    status = parameters.get("status")
    return page(member, parameters, lambda each: not status or each.get("status") == status)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            judge_signature(self, body)
            name = OPERATIONS.get(self.path)
            if not name:
                raise Refused(404, "UnknownOperationException", self.path)
            parameters = json.loads(body)
            judge(MODEL.operation_model(name).input_shape, parameters, "the request")
            answer = answer_of(name, parameters)
            judge(MODEL.operation_model(name).output_shape, answer, "the answer")
            status, text = 200, json.dumps(answer)
        except Refused as refused:
            status, text = refused.status, json.dumps({"message": refused.message})
            code = refused.code
        self.send_response(status)
        if status != 200:
            self.send_header("x-amzn-ErrorType", code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


def end_with_parent():
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=end_with_parent, daemon=True).start()
print("listening", server.server_address[1], flush=True)
sys.stdout.close()
server.serve_forever()
