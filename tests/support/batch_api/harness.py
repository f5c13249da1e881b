"""What the tests of the Batch API share: a daemon with a state of its own that listens for keys over TCP, the real
clients, and a judge that compares the JSON on the wire with the service model, member by member."""
import itertools
import json
import os
import re
import subprocess
import tempfile
import time
import unittest

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

try:
    from boto3 import client as make_client
except ImportError:  # the same without resources, which nothing here needs
    make_client = botocore.session.get_session().create_client

MUSTER = os.environ.get("MUSTER") or "build/muster"
SESSION = botocore.session.get_session()
MODELS = {name: SESSION.get_service_model(name) for name in ("batch", "logs")}
REGION = "us-east-1"
ACTOR = "tester"  # name of the key
WAIT_S = 60
NEEDS = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "16"}]
# What the service sends with every answer of the kind, whether the model calls it required or not.
ALWAYS = {
    "ComputeEnvironmentDetail": ["type", "state", "status", "statusReason", "tags", "containerOrchestrationType", "uuid"],
    "JobQueueDetail": ["status", "statusReason", "tags", "jobStateTimeLimitActions"],
    "JobDefinition": ["status", "type", "parameters", "tags", "platformCapabilities", "containerOrchestrationType"],
    "SchedulingPolicyDetail": ["tags"],
    "DescribeConsumableResourceResponse": ["totalQuantity", "inUseQuantity", "availableQuantity", "resourceType",
                                           "createdAt", "tags"],
    "ConsumableResourceSummary": ["totalQuantity", "inUseQuantity", "resourceType"],
    "JobDetail": ["jobArn", "createdAt", "attempts", "retryStrategy", "dependsOn", "parameters", "tags", "propagateTags",
                  "platformCapabilities", "isCancelled", "isTerminated", "eksAttempts"],
    "JobSummary": ["jobArn", "status", "createdAt", "jobDefinition"],
    "ContainerDetail": ["command", "volumes", "environment", "mountPoints", "ulimits", "networkInterfaces",
                        "resourceRequirements", "secrets"],
    "ContainerProperties": ["command", "volumes", "environment", "mountPoints", "ulimits", "resourceRequirements",
                            "secrets"],
}
# Required by the model, and left out by the service itself (the reference of the API says so of jobs that have not begun).
OMITTED = {("JobDetail", "startedAt")}


def judge(shape, value, where, faults):
    """Unknown members, missing ones, values of another type."""
    if shape.type_name == "structure":
        if not isinstance(value, dict):
            faults.append(f"{where}: not an object")
            return
        names = {member.serialization.get("name", name): (name, member) for name, member in shape.members.items()}
        faults += [f"{where}: {name} is no member of {shape.name}" for name in value if name not in names]
        wanted = set(shape.required_members) | set(ALWAYS.get(shape.name, []))
        known = {name for name, _ in names.values()}
        faults += [
            f"{where}: {shape.name} without {name}"
            for name in sorted(wanted & known)
            if name not in value and (shape.name, name) not in OMITTED
        ]
        for name, each in value.items():
            if name in names:
                judge(names[name][1], each, f"{where}.{name}", faults)
    elif shape.type_name == "list":
        if not isinstance(value, list):
            faults.append(f"{where}: not a list")
            return
        for index, each in enumerate(value):
            judge(shape.member, each, f"{where}[{index}]", faults)
    elif shape.type_name == "map":
        if not isinstance(value, dict):
            faults.append(f"{where}: not a map")
            return
        for name, each in value.items():
            judge(shape.value, each, f"{where}.{name}", faults)
    else:
        types = {"string": str, "boolean": bool, "integer": int, "long": int, "float": (int, float), "double": (int, float)}
        right = isinstance(value, types[shape.type_name])
        if not right or (isinstance(value, bool) and shape.type_name != "boolean"):
            faults.append(f"{where}: {value!r} is no {shape.type_name}")
        if shape.type_name == "string" and getattr(shape, "enum", None) and value not in shape.enum:
            faults.append(f"{where}: {value!r} is not one of {shape.enum}")


class ApiTest(unittest.TestCase):
    """One daemon for each class. Every answer that goes over the wire is judged by the model."""

    manifests = ""
    key = None
    requests = itertools.count()
    judged = 0

    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory(prefix="muster-api.")
        cls.state = os.path.join(cls.place.name, "state")
        cls.variables = dict(os.environ, HOME=cls.place.name, MUSTER_STATE=cls.state)
        os.mkdir(cls.state)
        if cls.manifests:
            cls.source = os.path.join(cls.place.name, "src")
            os.mkdir(cls.source)
            with open(os.path.join(cls.source, "muster.yaml"), "w") as file:
                file.write("name: team\nprovider: local\n")
            with open(os.path.join(cls.source, "all.yaml"), "w") as file:
                file.write(cls.manifests)
            cls.muster("apply", cls.source, "--yes")
        cls.key, cls.faults = None, []
        cls.start()

    @classmethod
    def start(cls):
        cls.log = os.path.join(cls.place.name, "log")
        with open(cls.log, "wb") as log:
            cls.daemon = subprocess.Popen(
                [MUSTER, "serve", "--state", cls.state, "--listen", "127.0.0.1:0"], env=cls.variables, stderr=log
            )
        cls.endpoint = cls.until(cls.address)
        cls.until(lambda: '"mode": "serve"' in cls.muster("status", "-o", "json", check=False))
        if not cls.key:
            made = cls.muster("key", "create", ACTOR, "--scope", "admin")
            cls.key = dict(line.split("=", 1) for line in made.splitlines() if line.startswith("AWS_"))
        cls.client = cls.client_of("batch")
        cls.logs = cls.client_of("logs")

    @classmethod
    def address(cls):
        with open(cls.log) as log:
            found = re.findall(r"listening at (http://[^ /]*)/ ", log.read())
        assert cls.daemon.poll() is None, open(cls.log).read()
        return found[-1] if found else None

    @classmethod
    def client_of(cls, service):
        client = make_client(
            service,
            endpoint_url=cls.endpoint,
            region_name=REGION,
            aws_access_key_id=cls.key["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=cls.key["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}),
        )
        client.meta.events.register(f"before-parse.{service}", cls.judge_answer)
        client.meta.events.register(f"before-sign.{service}", cls.make_unique)
        return client

    @classmethod
    def make_unique(cls, request, **_):
        """Two equal requests of one second have one signature, and are one request: clients that are refused sign anew a
        second later. Here nobody waits for that."""
        request.headers["X-Test-Request"] = str(next(cls.requests))

    @classmethod
    def judge_answer(cls, operation_model, response_dict, **_):
        ApiTest.judged += 1
        if response_dict["status_code"] == 200 and operation_model.output_shape is not None:
            judge(operation_model.output_shape, json.loads(response_dict["body"]), operation_model.name, cls.faults)

    @classmethod
    def stop(cls):
        cls.daemon.terminate()
        cls.daemon.wait(WAIT_S)

    @classmethod
    def tearDownClass(cls):
        """What the daemon took in and did is done again: a replay must decide the same."""
        cls.stop()
        said = cls.muster("simulate", "--replay", cls.state, check=False)
        cls.stop_launcher()
        cls.place.cleanup()
        if "the same as it did then" not in said:
            raise AssertionError(said)

    @classmethod
    def stop_launcher(cls):
        """It outlives its reconciler on purpose while it runs jobs; its pid stands in its lock file."""
        for place, _, files in os.walk(cls.state):
            if "launcher" in place and "lock" in files:
                with open(os.path.join(place, "lock")) as file:
                    pid = int(file.read().split()[0])
                try:
                    if os.readlink(f"/proc/{pid}/exe").endswith("muster-launcher"):
                        os.kill(pid, 15)
                except OSError:
                    pass

    def tearDown(self):
        faults, type(self).faults[:] = list(self.faults), []
        self.assertEqual(faults, [], "what the model does not know, or misses")

    # ---- helpers

    @classmethod
    def muster(cls, *words, check=True):
        done = subprocess.run(
            [MUSTER, *words], env=cls.variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=WAIT_S
        )
        if check and done.returncode:
            raise AssertionError(f"muster {' '.join(words)}: {done.returncode}: {done.stdout.decode()}")
        return done.stdout.decode()

    @staticmethod
    def until(condition):
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError("what was waited for did not come")

    def known(self, operation, member=None):
        """Skips what the client at hand does not know."""
        if operation not in MODELS["batch"].operation_names:
            self.skipTest(f"this botocore does not know {operation}")
        if member and member not in MODELS["batch"].operation_model(operation).input_shape.members:
            self.skipTest(f"this botocore does not know {member} of {operation}")

    def refused(self, text, call, *, http=400, code="ClientException", **members):
        """The call fails so; text is in its message."""
        with self.assertRaises(ClientError) as caught:
            call(**members)
        answer = caught.exception.response
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], http, answer)
        self.assertEqual(answer["Error"]["Code"], code)
        self.assertIn(text, answer["Error"]["Message"])

    def register(self, name, command=("true",), **members):
        container = {"command": list(command), "resourceRequirements": NEEDS}
        return self.client.register_job_definition(
            jobDefinitionName=name, type="container", containerProperties=container, **members
        )

    def ended(self, job_id):
        def final():
            job = self.client.describe_jobs(jobs=[job_id])["jobs"][0]
            return job if job["status"] in ("SUCCEEDED", "FAILED") else None

        return self.until(final)
