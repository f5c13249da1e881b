#!/usr/bin/env python3
"""A small S3 for the tests: PutObject and GetObject, with the bucket in the path. Every signature is verified with
botocore's own signer, every body against its digest. Prints "listening PORT"; ends with the process that started it.

Buckets: "lab", and "far", which is in eu-west-1 and says so to whoever asks elsewhere."""
import hashlib
import http.server
import os
import sys
import threading
import time
import urllib.parse

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
REGIONS = {"lab": "us-east-1", "far": "eu-west-1"}
objects = {}


class Refused(Exception):
    def __init__(self, status, code, message, **headers):
        super().__init__(code)
        self.status, self.code, self.message, self.headers = status, code, message, headers


def expected_signature(request, body, region, signed, date, token):
    """What botocore signs of the same request."""
    url = f"http://{request.headers['Host']}{request.path}"
    headers = {
        name: request.headers[name]
        for name in signed
        if name not in ("host", "x-amz-date", "x-amz-security-token")
    }
    again = AWSRequest(method=request.command, url=url, data=body, headers=headers)
    signer = S3SigV4Auth(Credentials(KEY, SECRET, token), "s3", region)
    again.context["timestamp"] = date
    again.headers["X-Amz-Date"] = date
    if token:
        again.headers["X-Amz-Security-Token"] = token
    canonical = signer.canonical_request(again)
    return signer.signature(signer.string_to_sign(again, canonical), again)


def judge(request, body):
    """Refused where the request is not signed as S3 wants it. Returns the region of the signature."""
    text = request.headers.get("Authorization", "")
    if not text.startswith("AWS4-HMAC-SHA256 "):
        raise Refused(403, "AccessDenied", "Access Denied")
    parts = dict(each.strip().split("=", 1) for each in text.split(" ", 1)[1].split(","))
    key, _, region, service, _ = parts["Credential"].split("/")
    if key != KEY or service != "s3":
        raise Refused(403, "InvalidAccessKeyId", "The key is not there.")
    digest = request.headers.get("x-amz-content-sha256")
    if digest != hashlib.sha256(body).hexdigest():
        raise Refused(400, "XAmzContentSHA256Mismatch", "The digest is not that of the body.")
    signed = parts["SignedHeaders"].split(";")
    for name in ("host", "x-amz-date", "x-amz-content-sha256"):
        if name not in signed:
            raise Refused(403, "AccessDenied", f"{name} is not signed.")
    token = request.headers.get("x-amz-security-token")
    want = expected_signature(request, body, region, signed, request.headers["x-amz-date"], token)
    if want != parts["Signature"]:
        raise Refused(403, "SignatureDoesNotMatch", "The signature is another one.")
    return region


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            region = judge(self, body)
            _, bucket, key = self.path.split("/", 2)
            if bucket not in REGIONS:
                raise Refused(404, "NoSuchBucket", "The specified bucket does not exist")
            if region != REGIONS[bucket]:
                raise Refused(
                    301, "PermanentRedirect", "Another endpoint.", x_amz_bucket_region=REGIONS[bucket]
                )
            name = bucket + "/" + urllib.parse.unquote(key)
            if self.command == "PUT":
                objects[name] = body
                self.answer(200)
            elif name in objects:
                self.answer(200, objects[name])
            else:
                raise Refused(404, "NoSuchKey", "The specified key does not exist.")
        except Refused as refused:
            text = (
                '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>'
                f"{refused.code}</Code><Message>{refused.message}</Message></Error>"
            )
            self.answer(refused.status, text.encode(), **refused.headers)

    do_PUT = do_GET = serve


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
