"""A client of the API as AWS's SDKs are: botocore signs, sends and reads.

    api_client.py [--skew SECONDS] [--ca FILE] [--retries N] URL SERVICE OPERATION [JSON]     one call; prints the answer as JSON
    api_client.py [--ca FILE] [--type TYPE] --raw COUNT URL SERVICE PATH [BODY]               one request, signed once, sent COUNT
                                                                                times; prints each status and body

The credentials are those of the environment. A fault of the service is printed as "CODE: MESSAGE", exit 1.
"""
import argparse
import datetime
import json
import ssl
import sys
import urllib.error
import urllib.request

import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.exceptions
import botocore.session


def skew_clock(seconds):
    """botocore signs with the time of another clock."""

    class Clock(datetime.datetime):
        @classmethod
        def utcnow(cls):
            return datetime.datetime.utcnow() + datetime.timedelta(seconds=seconds)

    class Module:
        datetime = Clock

    botocore.auth.datetime = Module
    if hasattr(botocore.auth, "get_current_datetime"):
        botocore.auth.get_current_datetime = lambda remove_tzinfo=True: Clock.utcnow()


def call(options, session):
    config = botocore.config.Config(retries={"max_attempts": options.retries})
    client = session.create_client(
        options.service, "us-east-1", endpoint_url=options.url, verify=options.ca, config=config
    )
    method = getattr(client, botocore.xform_name(options.operation))
    try:
        answer = method(**json.loads(options.body or "{}"))
    except botocore.exceptions.ClientError as error:
        print(f"{error.response['Error']['Code']}: {error.response['Error']['Message']}")
        return 1
    if "x-amzn-requestid" not in answer["ResponseMetadata"]["HTTPHeaders"]:
        print("the answer has no request id")
        return 1
    del answer["ResponseMetadata"]
    print(json.dumps(answer))
    return 0


def send(options, session):
    body = (options.body or "").encode()
    headers = {"Content-Type": options.type}
    request = botocore.awsrequest.AWSRequest("POST", options.url + options.operation, headers, body)
    credentials = session.get_credentials().get_frozen_credentials()
    botocore.auth.SigV4Auth(credentials, options.service, "us-east-1").add_auth(request)
    context = ssl.create_default_context(cafile=options.ca) if options.ca else None
    for _ in range(options.raw):
        wire = urllib.request.Request(request.url, data=body, headers=dict(request.headers.items()))
        try:
            with urllib.request.urlopen(wire, context=context, timeout=30) as answer:
                print(answer.status, answer.read().decode())
        except urllib.error.HTTPError as error:
            print(error.code, error.read().decode())
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--skew", type=int, default=0)
    parser.add_argument("--ca")
    parser.add_argument("--raw", type=int, default=0)
    parser.add_argument("--retries", type=int, default=0)
    parser.add_argument("--type", default="application/json")
    for name in ("url", "service", "operation"):
        parser.add_argument(name)
    parser.add_argument("body", nargs="?")
    options = parser.parse_args()
    if options.skew:
        skew_clock(options.skew)
    session = botocore.session.get_session()
    return send(options, session) if options.raw else call(options, session)


sys.exit(main())
