"""What workflow managers ask of Batch, in their order: read out of the sources of Nextflow, Snakemake's executor plugin, Airflow's
provider and Metaflow (docs/api.md names them). They are not run here: boto3 plays them."""
import uuid

from harness import NEEDS, ApiTest

MANIFESTS = """
apiVersion: muster/v1
kind: ComputeEnvironment
metadata: {name: here}
spec: {type: MANAGED}
---
apiVersion: muster/v1
kind: JobQueue
metadata: {name: work}
spec: {priority: 1, computeEnvironmentOrder: [here]}
"""
UNFINISHED = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")


class Managers(ApiTest):
    manifests = MANIFESTS

    def lines(self, job):
        """GetLogEvents until the token stays the same, as all of them read."""
        found, token = [], None
        while True:
            answer = self.logs.get_log_events(logGroupName="/aws/batch/job", logStreamName=job["container"]["logStreamName"],
                                              startFromHead=True, **({"nextToken": token} if token else {}))
            found += [event["message"] for event in answer["events"]]
            if answer["nextForwardToken"] == token:
                return found
            token = answer["nextForwardToken"]

    def test_nextflow(self):
        """Nextflow: a definition is looked for by name, registered once, tagged; jobs are described a hundred at a time"""
        name, token = "nf-busybox-latest", uuid.uuid4().hex
        found = self.client.describe_job_definitions(jobDefinitionName=name, status="ACTIVE")["jobDefinitions"]
        self.assertEqual(found, [])
        made = self.client.register_job_definition(
            jobDefinitionName=name, type="container", parameters={"nf-token": token}, tags={"nextflow.io/version": "x"},
            containerProperties={"image": "busybox", "command": ["true"], "resourceRequirements": NEEDS})
        definition = f"{made['jobDefinitionName']}:{made['revision']}"
        found = self.client.describe_job_definitions(jobDefinitionName=name, status="ACTIVE")["jobDefinitions"]
        self.assertEqual([(each["revision"], each["parameters"]["nf-token"]) for each in found], [(1, token)])
        jobs = [self.client.submit_job(
            jobName=f"nf-task_{index}", jobQueue="work", jobDefinition=definition, timeout={"attemptDurationSeconds": 60},
            retryStrategy={"attempts": 5, "evaluateOnExit": [{"action": "RETRY", "onStatusReason": "Host EC2*"},
                                                             {"action": "EXIT", "onReason": "*"}]},
            containerOverrides={"command": ["sh", "-c", f"echo {index} $NXF_TASK"], "resourceRequirements": NEEDS,
                                "environment": [{"name": "NXF_TASK", "value": "t"}]})["jobId"] for index in range(3)]
        for job in jobs:
            self.ended(job)
        described = {each["jobId"]: each for each in self.client.describe_jobs(jobs=jobs + ["00000000-0000-0000-0000-000000000000"])["jobs"]}
        self.assertEqual(sorted(described), sorted(jobs))
        self.assertEqual([described[job]["container"]["exitCode"] for job in jobs], [0, 0, 0])
        self.assertEqual(self.lines(described[jobs[2]]), ["2 t"])

    def test_snakemake(self):
        """Snakemake's executor plugin: a definition for each job, which goes when the job has ended"""
        name = f"snakejob-def-{uuid.uuid4()}"
        made = self.client.register_job_definition(
            jobDefinitionName=name, type="container", platformCapabilities=["EC2"], timeout={"attemptDurationSeconds": 300},
            containerProperties={"image": "snakemake/snakemake:latest", "command": ["/bin/bash", "-c", "echo rule"],
                                 "resourceRequirements": NEEDS}, tags={"snakemake": "x"})
        job = self.client.submit_job(jobName=name, jobQueue="work", jobDefinition=f"{name}:{made['revision']}")["jobId"]
        self.assertEqual(self.ended(job)["status"], "SUCCEEDED")
        self.client.deregister_job_definition(jobDefinition=made["jobDefinitionArn"])
        self.client.terminate_job(jobId=job, reason="terminated by snakemake")
        self.assertEqual(self.ended(job)["status"], "SUCCEEDED")

    def test_airflow(self):
        """Airflow's BatchOperator: submits, polls one id, reads queue and definition for its links, then the log"""
        self.register("airflow", ("echo", "Ref::what"), parameters={"what": "x"})
        job = self.client.submit_job(jobName="task", jobQueue="work", jobDefinition="airflow", parameters={"what": "dag"},
                                     containerOverrides={}, tags={}, arrayProperties={})["jobId"]
        described = self.ended(job)
        self.assertEqual(described["status"], "SUCCEEDED")
        self.assertRegex(described["jobDefinition"], r"^arn:aws:batch:[^:]+:\d+:job-definition/airflow:1$")
        self.assertRegex(described["jobQueue"], r"^arn:aws:batch:[^:]+:\d+:job-queue/work$")
        self.assertEqual(self.lines(described), ["dag"])
        self.client.terminate_job(jobId=job, reason="Task killed by the user")

    def test_metaflow(self):
        """Metaflow: the platform comes of the queue's first environment, definitions are found by a digest, what runs is listed"""
        queue = self.client.describe_job_queues(jobQueues=["work"])["jobQueues"][0]
        first = queue["computeEnvironmentOrder"][0]["computeEnvironment"]
        environment = self.client.describe_compute_environments(computeEnvironments=[first])["computeEnvironments"][0]
        self.assertEqual(environment["computeEnvironmentName"], "here")
        name = f"metaflow_{uuid.uuid4().hex}"
        self.assertEqual(self.client.describe_job_definitions(jobDefinitionName=name, status="ACTIVE")["jobDefinitions"], [])
        arn = self.client.register_job_definition(
            jobDefinitionName=name, type="container", propagateTags=True,
            containerProperties={"image": "python:3.11", "jobRoleArn": "arn:aws:iam::123456789012:role/metaflow", "command": ["echo", "hello"],
                                 "resourceRequirements": NEEDS, "linuxParameters": {}})["jobDefinitionArn"]
        job = self.client.submit_job(
            jobName="flow", jobQueue="work", jobDefinition=arn, timeout={"attemptDurationSeconds": 432000}, retryStrategy={"attempts": 1},
            containerOverrides={"command": ["sleep", "600"], "environment": [{"name": "METAFLOW_USER", "value": "u"}],
                                "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "16"}]},
            parameters={"metaflow.run_id": "1"}, tags={"app": "metaflow"}, propagateTags=True)["jobId"]
        paginator = self.client.get_paginator("list_jobs")
        listed = [each["jobId"] for status in UNFINISHED for page in paginator.paginate(jobQueue="work", jobStatus=status)
                  for each in page["jobSummaryList"]]
        self.assertIn(job, listed)
        self.client.terminate_job(jobId=job, reason="Metaflow initiated job termination.")
        self.assertEqual(self.ended(job)["status"], "FAILED")
