#!/usr/bin/env python3
"""Judges signatures by botocore's signer: a JSON object a line on standard input.

Says what differs and ends with 1; ends with 77 where botocore is not installed."""
import json
import sys

try:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
except ImportError:
    sys.exit(77)


def authorization(line):
    credentials = Credentials(line["key"], line["secret"], line.get("token"))
    signer = SigV4Auth(credentials, line["service"], line["region"])
    query = "?" + line["query"] if line["query"] else ""
    request = AWSRequest(method=line["method"], url="https://host" + line["path"] + query, data=line["body"].encode())
    for name, value in line["headers"]:
        request.headers[name] = value
    request.context["timestamp"] = line["time"]
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    names = signer.signed_headers(signer.headers_to_sign(request))
    scope = signer.scope(request)
    return canonical, f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={signature}"


def main():
    faults = 0
    for text in sys.stdin:
        line = json.loads(text)
        canonical, expected = authorization(line)
        if expected != line["authorization"]:
            print(f"{text}ours:   {line['authorization']}\ntheirs: {expected}\n{canonical}")
            faults += 1
    sys.exit(1 if faults else 0)


main()
