"""The aws CLI: from an environment to a job's log, and away again."""
import json
import os
import shutil
import subprocess
import unittest

from harness import REGION, WAIT_S, ApiTest

AWS = shutil.which("aws")


@unittest.skipUnless(AWS, "the aws CLI is not installed")
class Cli(ApiTest):
    def aws(self, *words, code=0):
        """What a command prints as JSON; what it says where it fails."""
        variables = dict(
            os.environ, HOME=self.place.name, AWS_DEFAULT_REGION=REGION, AWS_PAGER="", AWS_EC2_METADATA_DISABLED="true",
            AWS_MAX_ATTEMPTS="10", AWS_RETRY_MODE="standard", **self.key,
        )
        variables.pop("PYTHONPATH", None)  # the CLI has a botocore of its own
        done = subprocess.run(
            [AWS, "--output", "json", "--endpoint-url", self.endpoint, *words], env=variables, capture_output=True,
            text=True, timeout=WAIT_S,
        )
        self.assertEqual(done.returncode == 0, code == 0, done.stdout + done.stderr)
        return done.stderr if code else json.loads(done.stdout or "{}")

    def test_all(self):
        """an environment, a queue, a definition, jobs, logs, tags; then all of it goes"""
        resources = {"type": "EC2", "maxvCpus": 4, "subnets": ["s"], "instanceRole": "r", "instanceTypes": ["optimal"]}
        made = self.aws("batch", "create-compute-environment", "--compute-environment-name", "cli", "--type", "MANAGED",
                        "--compute-resources", json.dumps(resources), "--tags", "team=a")
        said = self.aws("batch", "create-job-queue", "--job-queue-name", "cli", "--priority", "1",
                        "--compute-environment-order", "order=1,computeEnvironment=none", code=1)
        self.assertIn("(ClientException) when calling the CreateJobQueue operation", said)
        self.aws("batch", "create-job-queue", "--job-queue-name", "cli", "--priority", "1",
                 "--compute-environment-order", f"order=1,computeEnvironment={made['computeEnvironmentArn']}")
        container = {"command": ["echo", "hello", "Ref::who"],
                     "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "16"}]}
        definition = self.aws("batch", "register-job-definition", "--job-definition-name", "cli", "--type", "container",
                              "--container-properties", json.dumps(container))
        self.assertEqual(definition["revision"], 1)
        job = self.aws("batch", "submit-job", "--job-name", "j", "--job-queue", "cli", "--job-definition", "cli",
                       "--parameters", "who=you")["jobId"]
        self.ended(job)
        listed = self.aws("batch", "list-jobs", "--job-queue", "cli", "--job-status", "SUCCEEDED")["jobSummaryList"]
        self.assertEqual([each["jobId"] for each in listed], [job])
        stream = self.aws("batch", "describe-jobs", "--jobs", job)["jobs"][0]["container"]["logStreamName"]
        events = self.aws("logs", "get-log-events", "--log-group-name", "/aws/batch/job", "--log-stream-name", stream)
        self.assertEqual([each["message"] for each in events["events"]], ["hello you"])
        arn = definition["jobDefinitionArn"]
        self.aws("batch", "tag-resource", "--resource-arn", arn, "--tags", "a=b,c=d")
        self.aws("batch", "untag-resource", "--resource-arn", arn, "--tag-keys", "a", "x")
        self.assertEqual(self.aws("batch", "list-tags-for-resource", "--resource-arn", arn)["tags"], {"c": "d"})
        definitions = self.aws("batch", "describe-job-definitions", "--status", "ACTIVE", "--page-size", "1")
        self.assertEqual([each["jobDefinitionArn"] for each in definitions["jobDefinitions"]], [arn])
        self.aws("batch", "deregister-job-definition", "--job-definition", "cli:1")
        for kind, name in (("job-queue", "--job-queue"), ("compute-environment", "--compute-environment")):
            self.aws("batch", f"update-{kind}", name, "cli", "--state", "DISABLED")
            self.aws("batch", f"delete-{kind}", name, "cli")
        self.until(lambda: not self.client.describe_compute_environments()["computeEnvironments"])
        self.assertEqual(self.aws("batch", "describe-job-queues")["jobQueues"], [])
