"""muster proxy: clients with credentials that muster does not know."""
import http.client
import json
import re
import signal
import socket
import subprocess
import threading

import cli_check
from botocore.exceptions import ClientError
from harness import MUSTER, REGION, WAIT_S, ApiTest, make_client

FOREIGN = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
           "AWS_SESSION_TOKEN": "a/session/token=="}
MANIFESTS = """
apiVersion: muster/v1
kind: ComputeEnvironment
metadata: {name: here}
spec: {type: MANAGED}
---
apiVersion: muster/v1
kind: JobQueue
metadata: {name: fast}
spec: {priority: 1, computeEnvironmentOrder: [here]}
"""
SIGNED = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/batch/aws4_request, SignedHeaders=host, Signature=" + "0" * 64


def proxy_start(test, server, key):
    """(process, endpoint)"""
    variables = dict(test.variables, MUSTER_ACCESS_KEY_ID=key["AWS_ACCESS_KEY_ID"],
                     MUSTER_SECRET_ACCESS_KEY=key["AWS_SECRET_ACCESS_KEY"])
    process = subprocess.Popen([MUSTER, "proxy", "--listen", ":0", "--server", server], env=variables, text=True,
                               stderr=subprocess.PIPE)
    line = process.stderr.readline()
    found = re.search(r"listening at (http://\S+) for AWS Batch, passed on to \S+ as MUSTER", line)
    assert found, line
    return process, found[1]


def proxy_stop(process):
    process.send_signal(signal.SIGTERM)
    process.stderr.close()
    return process.wait(WAIT_S)


class Cli(cli_check.Cli):
    """The aws CLI's own test, through the proxy."""

    @classmethod
    def start(cls):
        super().start()
        cls.proxy, cls.endpoint = proxy_start(cls, cls.endpoint, cls.key)
        cls.key = FOREIGN

    @classmethod
    def tearDownClass(cls):
        code = proxy_stop(cls.proxy)
        super().tearDownClass()
        assert code == 0, code


class Proxy(ApiTest):
    manifests = MANIFESTS

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.daemon_url, cls.muster_key = cls.endpoint, cls.key
        cls.proxy, cls.endpoint = proxy_start(cls, cls.endpoint, cls.key)
        cls.key = FOREIGN
        cls.client, cls.logs = cls.foreign("batch"), cls.foreign("logs")

    @classmethod
    def tearDownClass(cls):
        code = proxy_stop(cls.proxy)
        super().tearDownClass()
        assert code == 0, code

    @classmethod
    def foreign(cls, service):
        return make_client(service, endpoint_url=cls.endpoint, region_name="eu-central-1", aws_access_key_id=FOREIGN["AWS_ACCESS_KEY_ID"],
                           aws_secret_access_key=FOREIGN["AWS_SECRET_ACCESS_KEY"], aws_session_token=FOREIGN["AWS_SESSION_TOKEN"])

    def raw(self, method, path, body=b"{}", **headers):
        address = self.endpoint.split("//")[1]
        connection = http.client.HTTPConnection(address, timeout=WAIT_S)
        sent = {"Authorization": SIGNED, "Content-Type": "application/json"}
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        connection.request(method, path, body, {name: value for name, value in sent.items() if value is not None})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers

    # ---- what is passed on

    def test_jobs(self):
        """boto3 with foreign credentials and a session token registers, submits, tags, pages and reads a log"""
        arn = self.register("ok", ("echo", "hello"))["jobDefinitionArn"]
        jobs = [self.client.submit_job(jobName=f"paged{i}", jobQueue="fast", jobDefinition="ok")["jobId"] for i in range(3)]
        for job in jobs:
            self.assertEqual(self.ended(job)["status"], "SUCCEEDED")
        pages = self.client.get_paginator("list_jobs").paginate(
            jobQueue="fast", filters=[{"name": "JOB_NAME", "values": ["paged*"]}], PaginationConfig={"PageSize": 2})
        self.assertEqual(sorted(each["jobId"] for page in pages for each in page["jobSummaryList"]), sorted(jobs))
        stream = self.client.describe_jobs(jobs=jobs[:1])["jobs"][0]["container"]["logStreamName"]
        events = self.logs.get_log_events(logGroupName="/aws/batch/job", logStreamName=stream)["events"]
        self.assertEqual([each["message"] for each in events], ["hello"])
        self.client.tag_resource(resourceArn=arn, tags={"a b": "ä", "c": "d"})
        self.client.untag_resource(resourceArn=arn, tagKeys=["c", "x&y=z"])
        self.assertEqual(self.client.list_tags_for_resource(resourceArn=arn)["tags"], {"a b": "ä"})
        self.refused("Job queue none does not exist", self.client.submit_job, jobName="j", jobQueue="none", jobDefinition="ok")

    def test_equal(self):
        """two equal submissions within a second are two jobs, and none of them is refused first"""
        self.register("equal")
        config = {"jobName": "j", "jobQueue": "fast", "jobDefinition": "equal"}
        answers = [self.client.submit_job(**config) for _ in range(5)]
        self.assertEqual(len({each["jobId"] for each in answers}), 5)
        self.assertEqual([each["ResponseMetadata"]["RetryAttempts"] for each in answers], [0] * 5)

    def test_many(self):
        """200 clients at once"""
        self.register("many")
        ids, faults = [], []

        def submit(index):
            try:
                status, text, _ = self.raw("POST", "/v1/submitjob", json.dumps(
                    {"jobName": f"m{index}", "jobQueue": "fast", "jobDefinition": "many"}))
                ids.append(json.loads(text)["jobId"] if status == 200 else faults.append(text))
            except Exception as error:  # pylint: disable=broad-except
                faults.append(repr(error))

        threads = [threading.Thread(target=submit, args=(index,)) for index in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(faults, [])
        self.assertEqual(len(set(ids)), 200)

    def test_scope(self):
        """what the key of muster may not do is refused by the daemon, and its words come back"""
        made = self.muster("key", "create", "looks", "--scope", "read")
        process, endpoint = proxy_start(self, self.daemon_url, dict(line.split("=", 1) for line in made.splitlines() if line.startswith("AWS_")))
        client = make_client("batch", endpoint_url=endpoint, region_name=REGION, aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
                             aws_secret_access_key="x")
        client.describe_job_queues()
        with self.assertRaises(ClientError) as caught:
            client.submit_job(jobName="j", jobQueue="fast", jobDefinition="ok")
        self.assertEqual(caught.exception.response["Error"]["Code"], "AccessDeniedException")
        self.assertIn("User: key/looks is not authorized", caught.exception.response["Error"]["Message"])
        self.assertEqual(proxy_stop(process), 0)

    # ---- what is not

    def test_others(self):
        """S3, STS, EC2 and the rest of Logs are refused in the form that each client reads, by their names"""
        calls = [("s3", "get_object", {"Bucket": "b", "Key": "k"}, "GET /b/k of s3"),
                 ("s3", "put_object", {"Bucket": "b", "Key": "k", "Body": b"x" * 3_000_000}, "PUT /b/k of s3"),
                 ("sts", "get_caller_identity", {}, "POST / of sts"), ("ec2", "describe_instances", {}, "POST / of ec2"),
                 ("ecs", "list_clusters", {}, "AmazonEC2ContainerServiceV20141113.ListClusters of ecs"),
                 ("logs", "create_log_group", {"logGroupName": "g"}, "Logs_20140328.CreateLogGroup of logs")]
        for service, name, members, text in calls:
            with self.subTest(service), self.assertRaises(ClientError) as caught:
                getattr(self.foreign(service), name)(**members)
            error = caught.exception.response["Error"]
            self.assertEqual(error["Code"], "AccessDeniedException")
            self.assertIn(f"and nothing else: not {text}. AWS_ENDPOINT_URL_BATCH", error["Message"])

    def test_own(self):
        """neither muster's own operations nor a path that could be read as one of them"""
        for path in ("/muster/v1/keys", "/v1/../muster/v1/keys", "/v1/tags/../../muster/v1/keys", "/v1/tags/%2e%2e/%2E./muster/v1/keys",
                     "/events", "/v1/nothing", "/", "//muster/v1/keys"):
            status, text, _ = self.raw("POST", path)
            self.assertEqual((status, json.loads(text)["__type"]), (403, "AccessDeniedException"), path)
        self.assertEqual(self.raw("GET", "/v1/describejobqueues")[0], 403)
        self.assertEqual(self.raw("POST", "/v1/describejobqueues")[0], 200)

    def test_browsers(self):
        """a page in a browser is not heard: not by another host's name, not with an origin, not without a signature"""
        port = self.endpoint.rsplit(":", 1)[1]
        for headers in ({"Host": f"evil.example:{port}"}, {"Origin": "http://evil.example"}, {"Authorization": None},
                        {"Authorization": "Bearer x"}, {"Host": f"localhost.evil.example:{port}"}):
            status, text, _ = self.raw("POST", "/v1/describejobqueues", **headers)
            self.assertEqual(status, 403, text)
        status, _, headers = self.raw("OPTIONS", "/v1/describejobqueues", Origin="http://evil.example", Authorization=None)
        self.assertEqual((status, headers.get("Access-Control-Allow-Origin")), (403, None))
        self.assertEqual(self.raw("POST", "/v1/describejobqueues", Host=f"localhost:{port}")[0], 200)

    def test_unreachable(self):
        """where the daemon cannot be reached that is told, with its address, and that nothing was sent"""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        process, endpoint = proxy_start(self, f"http://127.0.0.1:{port}", self.muster_key)
        kept, type(self).endpoint = self.endpoint, endpoint
        try:
            status, text, _ = self.raw("POST", "/v1/submitjob")
        finally:
            type(self).endpoint = kept
        self.assertEqual(status, 502)
        self.assertRegex(json.loads(text)["message"], rf"muster proxy: http://127.0.0.1:{port}: .*; nothing was sent")
        self.assertEqual(proxy_stop(process), 0)

    def test_listen(self):
        """it listens on loopback only, and needs a server and a key"""
        for words, text in ((("--listen", "0.0.0.0:0", "--server", "http://127.0.0.1:1"), "other machines reach that"),
                            (("--listen", ":0"), "--server URL (or MUSTER_SERVER)"),
                            (("--listen", ":0", "--server", "http://127.0.0.1:1"), "no key to sign with")):
            self.assertIn(text, self.muster("proxy", *words, check=False))
