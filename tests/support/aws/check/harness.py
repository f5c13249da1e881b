"""What the tests of the double share: doubles as processes, clients, the scripting port."""
import json
import os
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request

import botocore.config
import botocore.exceptions
import botocore.session

from identity import DEFAULT_KEY, DEFAULT_SECRET

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "double.py")
SUBNETS = ["subnet-0000000000000000" + letter for letter in "abc"]
PATIENCE = 60
SESSION = botocore.session.Session()
DOUBLES = {}
CONFIG = {
    "retries": {"total_max_attempts": 1},
    "parameter_validation": False,
    "read_timeout": 60,
}


class Double:
    def __init__(self, *options):
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, *options], stdout=subprocess.PIPE, text=True
        )
        words = self.process.stdout.readline().split()
        self.port, self.control_port, self.has_roots = (
            int(words[1]),
            int(words[3]),
            words[5] == "yes",
        )
        self.clients = {}

    def control(self, verb, **given):
        """The answer of the scripting port; AssertionError where it refuses."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.control_port}/double/{verb}", json.dumps(given).encode()
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as fault:
            raise AssertionError(fault.read().decode()) from None

    def client(
        self, service, region="us-east-1", key=DEFAULT_KEY, secret=DEFAULT_SECRET, token=None
    ):
        known = (service, region, key, secret, token)
        if known not in self.clients:
            self.clients[known] = SESSION.create_client(
                service,
                region_name=region,
                endpoint_url=f"http://127.0.0.1:{self.port}",
                aws_access_key_id=key,
                aws_secret_access_key=secret,
                aws_session_token=token,
                config=botocore.config.Config(**CONFIG),
            )
        return self.clients[known]

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


def double(*options):
    """The double with these options; one process serves all tests that ask for the same."""
    if options not in DOUBLES:
        DOUBLES[options] = Double(*options)
    return DOUBLES[options]


def end_all():
    for each in DOUBLES.values():
        each.end()


def user_data(cluster, *lines):
    """A script as text: RunInstances of botocore encodes it, launch templates want it encoded."""
    head = ["#!/bin/sh", "cat >>/etc/ecs/ecs.config <<'END'", f"ECS_CLUSTER={cluster}"]
    return "\n".join([*head, *lines, "END", ""])


class DoubleTest(unittest.TestCase):
    """A test with a double in virtual time, which is reset before each; no test may leave a
    violation."""

    OPTIONS = ("--virtual-time",)
    REGION = "us-east-1"
    expects_violations = False

    def setUp(self):
        self.double = double(*self.OPTIONS)
        self.control = self.double.control
        self.control("reset")

    def tearDown(self):
        if not self.expects_violations:
            self.assertEqual(self.control("violations")["violations"], [])

    def client(self, service, **more):
        return self.double.client(service, **{"region": self.REGION, **more})

    def advance(self, seconds):
        self.control("advance", seconds=seconds)

    def until(self, what, condition):
        """The first true value of condition(), within a minute."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            time.sleep(0.02)
        raise self.failureException(f"{what} did not come")

    def refused(self, code, call, http_status=400, **parameters):
        """The call is refused with this code and HTTP status; returns the error."""
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            call(**parameters)
        answer = caught.exception.response
        self.assertEqual(answer["Error"]["Code"], code, answer["Error"])
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], http_status)
        return caught.exception

    # ---- what many tests need
    def image(self, flavour="amazon-linux-2023"):
        name = f"/aws/service/ecs/optimized-ami/{flavour}/recommended/image_id"
        return self.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]

    def launch(self, count=1, kind="m5.large", cluster="c1", lines=(), **more):
        """RunInstances; the ids."""
        parameters = {
            "ImageId": self.image(),
            "InstanceType": kind,
            "MinCount": count,
            "MaxCount": count,
            "IamInstanceProfile": {"Name": "ecsInstanceRole"},
            "UserData": user_data(cluster, *lines),
            **more,
        }
        given = {name: value for name, value in parameters.items() if value is not None}
        answer = self.client("ec2").run_instances(**given)
        return [instance["InstanceId"] for instance in answer["Instances"]]

    def hosts(self, count=1, kind="m5.large", cluster="c1", **more):
        """A cluster with so many hosts; the EC2 ids."""
        self.client("ecs").create_cluster(clusterName=cluster)
        ids = self.launch(count, kind, cluster, **more)
        self.advance(1)
        return ids

    def define(self, family="f", **container):
        body = {"name": "main", "image": "busybox", "cpu": 256, "memory": 100, **container}
        answer = self.client("ecs").register_task_definition(
            family=family, containerDefinitions=[body]
        )
        return answer["taskDefinition"]["taskDefinitionArn"]

    def run_task(self, definition="f", cluster="c1", **more):
        """RunTask of one task, which starts; the task."""
        answer = self.client("ecs").run_task(cluster=cluster, taskDefinition=definition, **more)
        self.assertEqual(answer["failures"], [])
        return answer["tasks"][0]

    def task(self, arn, cluster="c1", include=()):
        answer = self.client("ecs").describe_tasks(
            cluster=cluster, tasks=[arn], include=list(include)
        )
        self.assertEqual(answer["failures"], [])
        return answer["tasks"][0]

    def instance(self, instance_id):
        answer = self.client("ec2").describe_instances(InstanceIds=[instance_id])
        return answer["Reservations"][0]["Instances"][0]
