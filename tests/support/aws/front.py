"""One request from its bytes to the bytes of its answer: judged, its signature checked, refused or
worked on, judged again."""
import calendar
import collections
import json
import time
import traceback
import uuid

import answer
import models
import partition
import request_judge
import rest
import sigv4
from errors import AnswerFault, AwsError, dry_run
from http_server import Reply
from identity import Credential
from registry import HANDLERS, Call

UNSIGNED = {("sts", "AssumeRoleWithWebIdentity")}
SKEW = 300
VIOLATIONS_MAX = 1000
DENIED = {
    "ec2": ("UnauthorizedOperation", 403),
    "iam": ("AccessDenied", 403),
    "sts": ("AccessDenied", 403),
}
# How each kind of service says what is wrong of a request's parameters.
FAULT_CODES = {
    "ec2": {
        "unknown": "UnknownParameter",
        "missing": "MissingParameter",
        "type": "InvalidParameterValue",
        "value": "InvalidParameterValue",
    },
    "query": {
        "unknown": "ValidationError",
        "missing": "ValidationError",
        "type": "ValidationError",
        "value": "ValidationError",
    },
    "json": {
        "unknown": "SerializationException",
        "missing": "InvalidParameterException",
        "type": "SerializationException",
        "value": "InvalidParameterException",
    },
}
# Signature faults by protocol: code and status.
AUTHENTICATION = {
    "missing": {
        "ec2": ("AuthFailure", 401),
        "query": ("MissingAuthenticationToken", 403),
        "json": ("MissingAuthenticationTokenException", 400),
    },
    "unknown": {
        "ec2": ("AuthFailure", 401),
        "query": ("InvalidClientTokenId", 403),
        "json": ("UnrecognizedClientException", 400),
    },
    "signature": {
        "ec2": ("AuthFailure", 401),
        "query": ("SignatureDoesNotMatch", 403),
        "json": ("InvalidSignatureException", 400),
    },
    "skew": {
        "ec2": ("RequestExpired", 400),
        "query": ("SignatureDoesNotMatch", 403),
        "json": ("InvalidSignatureException", 400),
    },
    "expired": {
        "ec2": ("RequestExpired", 400),
        "query": ("ExpiredToken", 403),
        "json": ("ExpiredTokenException", 400),
    },
}


class Asked:
    """What a request asks for, read before anything is decided on it."""

    def __init__(self, service, name, pairs=None, read=None):
        self.service = service
        self.name = name
        self.pairs = pairs
        self.read = read  # (parameters, faults) of a GET


class Front:
    def __init__(self, double, reads_back=True):
        self.double = double
        self.reads_back = reads_back
        self.reset()

    def reset(self):
        self.violations = []
        self.counters = collections.Counter()
        self.codes = collections.Counter()
        self.spans = {}
        self.busy_seconds = 0.0

    def violation(self, kind, service, name, text):
        if len(self.violations) < VIOLATIONS_MAX:
            self.violations.append(
                {"kind": kind, "service": service, "operation": name, "text": text}
            )

    # ---- the way through
    def answer(self, request):
        begun = time.perf_counter()
        reply = self.work(request, begun)
        self.busy_seconds += time.perf_counter() - begun
        return reply

    def work(self, request, begun):
        request_id = str(uuid.uuid4())
        signature = sigv4.parse(request.headers.get("authorization", ""))
        try:
            asked = self.asked(request, signature)
        except AwsError as error:
            self.violation("request", "", "", str(error))
            return self.refusal(
                "ecs" if "x-amz-target" in request.headers else "ec2", error, request_id
            )
        service, name = asked.service, asked.name
        self.counters[f"{service}:{name}"] += 1
        self.spans.setdefault(f"{service}:{name}", [begun, begun])[1] = begun
        region_name = signature.region if signature else ""
        script = self.double.faults.next(service, name, region_name, request.body)
        reply = self.judged(request, signature, asked, request_id, script)
        reply.delay += self.double.faults.delay(name) + (script.delay if script else 0.0)
        reply.lost = bool(script and script.is_lost)
        self.codes[f"{service}:{name}:{reply.status}"] += 1
        return reply

    def judged(self, request, signature, asked, request_id, script):
        if script and not script.does_work and script.html:
            return Reply(
                script.status,
                {"Content-Type": "text/html"},
                b"<html><body>scripted by the test</body></html>",
            )
        try:
            credential = self.authenticated(request, signature, asked)
            parameters = self.parameters(request, asked)
            if script and not script.does_work and script.code:
                raise AwsError(script.code, script.message, script.status)
            return self.handled(asked, signature, credential, parameters, request_id)
        except AwsError as error:
            reply = self.refusal(asked.service, error, request_id)
            if script and script.retry_after_ms is not None:
                reply.headers["x-amz-retry-after"] = str(script.retry_after_ms)
            return reply
        except Exception:  # what the double cannot do is told to the test, never to nobody
            self.violation("double", asked.service, asked.name, traceback.format_exc(limit=-4))
            return self.refusal(
                asked.service, AwsError("InternalFailure", "a fault of the double", 500), request_id
            )

    def handled(self, asked, signature, credential, parameters, request_id):
        service, name = asked.service, asked.name
        region = self.region(asked, signature, credential, parameters)
        self.permitted(service, name, credential, region)
        now = self.double.clock.now()
        if self.double.faults.throttle.refuses(
            (credential.account, region.name), service, name, parameters, now
        ):
            if service == "ec2":
                raise AwsError("RequestLimitExceeded", "Request limit exceeded.", 503)
            raise AwsError("ThrottlingException", "Rate exceeded")
        if parameters.get("DryRun") and (service, name) != ("ec2", "RunInstances"):
            raise dry_run()
        handler = HANDLERS.get((service, name))
        if not handler:
            raise AnswerFault(f"{service} {name}: the double does not know it")
        call = Call(self.double, region, credential, name)
        reply = self.good(asked, handler(call, parameters), request_id)
        reply.delay = call.delay
        return reply

    def permitted(self, service, name, credential, region):
        if self.double.identity.is_denied(service, name):
            code, status = DENIED.get(service, ("AccessDeniedException", 400))
            raise AwsError(
                code,
                f"User: {credential.arn(region.partition)} is not authorized to perform: "
                f"{service}:{name}",
                status,
            )

    def good(self, asked, members, request_id):
        operation = models.operation(asked.service, asked.name)
        content_type, body = answer.body_of(asked.service, operation, members or {}, request_id)
        if self.reads_back:
            answer.read_back(asked.service, operation, members or {}, body)
        return Reply(200, {"Content-Type": content_type, "x-amzn-RequestId": request_id}, body)

    def refusal(self, service, error, request_id):
        content_type, headers, body = answer.error_body(service, error, request_id)
        return Reply(
            error.status,
            {"Content-Type": content_type, "x-amzn-RequestId": request_id, **headers},
            body,
        )

    # ---- what is asked
    def asked(self, request, signature):
        if request.method == "GET" and signature and signature.service in rest.SERVICES:
            service, name, *read = rest.read(request, signature.service)
            return Asked(service, name, read=read)
        if request.method != "POST" or request.path != "/" or request.query:
            raise AwsError(
                "InvalidRequest",
                f"POST / is expected, not {request.method} {request.path}?{request.query}",
            )
        target = request.headers.get("x-amz-target")
        return self.asked_json(request, target) if target else self.asked_query(request, signature)

    def asked_json(self, request, target):
        prefix, _, name = target.partition(".")
        service = models.targets().get(prefix)
        if not service or not models.operation(service, name):
            raise AwsError("UnknownOperationException", f"{target} is unknown")
        wanted = f"application/x-amz-json-{models.json_version(service)}"
        if request.headers.get("content-type") != wanted:
            self.violation(
                "request", service, name, f"Content-Type is {request.headers.get('content-type')}"
            )
        return Asked(service, name)

    def asked_query(self, request, signature):
        if not request.headers.get("content-type", "").startswith(
            "application/x-www-form-urlencoded"
        ):
            raise AwsError(
                "InvalidRequest", f"Content-Type is {request.headers.get('content-type')}"
            )
        try:
            pairs = request_judge.query_pairs(request.body)
        except ValueError as fault:
            raise AwsError("MalformedQueryString", f"{fault}") from None
        given = dict(pairs)
        service = models.signing_names().get(signature.service, "") if signature else "sts"
        name = given.get("Action", "")
        if not service or models.protocol(service) == "json" or not models.operation(service, name):
            raise AwsError("InvalidAction", f"The action {name} is not valid for this web service.")
        wanted = models.service(service).api_version
        if given.get("Version") != wanted:
            self.violation(
                "request", service, name, f"Version is {given.get('Version')}, not {wanted}"
            )
        return Asked(
            service, name, [pair for pair in pairs if pair[0] not in ("Action", "Version")]
        )

    def parameters(self, request, asked):
        operation = models.operation(asked.service, asked.name)
        protocol = models.protocol(asked.service)
        if asked.read:
            parameters, faults = asked.read
            if faults:
                self.violation("parameters", asked.service, asked.name, "; ".join(faults))
                raise AwsError("BadRequest", "; ".join(faults))
            return parameters
        if asked.pairs is None:
            parameters, faults = request_judge.read_json(operation, request.body)
        else:
            parameters, faults = request_judge.read_query(protocol, operation, asked.pairs)
        if faults:
            text = "; ".join(str(fault) for fault in faults)
            self.violation("parameters", asked.service, asked.name, text)
            raise AwsError(FAULT_CODES[protocol][faults[0].kind], text)
        return parameters

    # ---- who asks
    def authenticated(self, request, signature, asked):
        if (asked.service, asked.name) in UNSIGNED and "authorization" not in request.headers:
            return Credential("", "", "")
        headers = request.headers
        if not signature:
            self.violation(
                "signature", asked.service, asked.name, "there is none, or it cannot be read"
            )
            raise self.unauthenticated("missing", asked, "Missing Authentication Token")
        credential = self.double.identity.credentials.get(signature.access_key)
        in_partition = partition.of_region(signature.region)
        if not credential or (credential.partition or in_partition) != in_partition:
            raise self.unauthenticated(
                "unknown", asked, "The security token included in the request is invalid."
            )
        self.check_scope(signature, asked)
        self.check_date(headers.get("x-amz-date", ""), signature, asked)
        left_out = sigv4.unsigned_headers(signature, headers)
        canonical = sigv4.canonical_request(
            request.method,
            request.path,
            request.query,
            headers,
            signature.signed_headers,
            request.body,
        )
        wanted = sigv4.expected(
            credential.secret, signature, headers.get("x-amz-date", ""), canonical
        )
        if left_out or wanted != signature.signature:
            text = f"headers not signed: {left_out}" if left_out else "the signature does not match"
            self.violation("signature", asked.service, asked.name, text)
            raise self.unauthenticated(
                "signature",
                asked,
                "The request signature we calculated does not match the signature you provided.",
            )
        if credential.token != headers.get("x-amz-security-token"):
            raise self.unauthenticated(
                "unknown", asked, "The security token included in the request is invalid."
            )
        if credential.expires is not None and self.double.clock.wire_now() >= credential.expires:
            raise self.unauthenticated(
                "expired", asked, "The security token included in the request is expired"
            )
        return credential

    def check_scope(self, signature, asked):
        wanted = models.service(asked.service).signing_name
        in_partition = partition.of_region(signature.region)
        text = None
        if signature.service != wanted:
            text = f"the scope's service is {signature.service}, not {wanted}"
        elif not in_partition:
            text = f"the scope's region is {signature.region}, which is none"
        elif asked.service == "iam" and signature.region != partition.HOME[in_partition]:
            text = f"IAM is signed for {partition.HOME[in_partition]}, not {signature.region}"
        if text:
            self.violation("signature", asked.service, asked.name, text)
            raise self.unauthenticated(
                "signature",
                asked,
                f"Credential should be scoped to a valid region and service: {text}",
            )

    def check_date(self, date, signature, asked):
        now = self.double.clock.wire_now()
        try:
            sent = time.strptime(date, "%Y%m%dT%H%M%SZ")
        except ValueError:
            raise self.unauthenticated(
                "signature", asked, "X-Amz-Date is missing or malformed"
            ) from None
        if date[:8] != signature.day:
            raise self.unauthenticated(
                "signature",
                asked,
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date",
            )
        if abs(calendar.timegm(sent) - now) > SKEW:
            server = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
            raise self.unauthenticated(
                "skew", asked, f"Signature expired: {date} is now earlier than {server} - 5 min."
            )

    @staticmethod
    def unauthenticated(kind, asked, text):
        code, status = AUTHENTICATION[kind][models.protocol(asked.service)]
        return AwsError(code, text, status)

    def region(self, asked, signature, credential, parameters):
        if signature:
            return self.double.region(credential.account, signature.region)
        arn = parameters["RoleArn"].split(":")
        return self.double.region(
            credential.account, partition.HOME.get(arn[1] if len(arn) > 1 else "", "us-east-1")
        )


def control_reply(status, value):
    return Reply(
        status,
        {"Content-Type": "application/json"},
        json.dumps(value, default=str).encode() + b"\n",
    )
