"""Jobs: submitted, described, listed, ended; arrays, nodes; filters and pages."""
from harness import NEEDS, ApiTest

ARN = "arn:aws:batch:us-east-1:000000000000:"


class Jobs(ApiTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        resources = {"type": "EC2", "maxvCpus": 4, "subnets": ["s"], "instanceRole": "r", "instanceTypes": ["optimal"]}
        # Nobody runs what is simulated outside of a simulation: jobs stay RUNNABLE there.
        for name, environment, tags in (("queue", "here", {}), ("still", "nowhere", {"muster/provider": "simulated"})):
            cls.client.create_compute_environment(
                computeEnvironmentName=environment, type="MANAGED", computeResources=resources, tags=tags
            )
            cls.client.create_job_queue(
                jobQueueName=name, priority=1, computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}]
            )
        cls.register(cls, "true")
        cls.register(cls, "waits", ["sleep", "600"])

    def described(self, job_id):
        (job,) = self.client.describe_jobs(jobs=[job_id])["jobs"]
        return job

    def submit(self, **members):
        return self.client.submit_job(**{"jobName": "j", "jobQueue": "queue", "jobDefinition": "true", **members})["jobId"]

    def listed(self, **members):
        return self.client.list_jobs(**members)["jobSummaryList"]

    def test_detail(self):
        """DescribeJobs: the job as it runs, with all that the service tells"""
        container = {
            "image": "busybox",
            "command": ["sh", "-c", "echo $A $B Ref::what"],
            "resourceRequirements": NEEDS,
            "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        }
        self.client.register_job_definition(
            jobDefinitionName="detail", type="container", containerProperties=container,
            parameters={"what": "default", "other": "o"}, tags={"of": "definition"}, propagateTags=True,
            timeout={"attemptDurationSeconds": 100},
        )
        job_id = self.submit(
            jobDefinition="detail",
            parameters={"what": "said"},
            containerOverrides={
                "environment": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}],
                "resourceRequirements": [{"type": "MEMORY", "value": "32"}],
            },
            retryStrategy={"attempts": 2, "evaluateOnExit": [{"onExitCode": "9", "action": "EXIT"}]},
            tags={"of": "job"},
        )
        job = self.ended(job_id)
        self.assertEqual(job["jobArn"], ARN + "job/" + job_id)
        self.assertEqual(job["jobQueue"], ARN + "job-queue/queue")
        self.assertEqual(job["jobDefinition"], ARN + "job-definition/detail:1")
        self.assertEqual((job["status"], job["statusReason"]), ("SUCCEEDED", "Essential container in task exited"))
        self.assertEqual(job["parameters"], {"what": "said", "other": "o"})
        self.assertEqual((job["tags"], job["propagateTags"]), ({"of": "job"}, True))
        self.assertEqual((job["timeout"], job["platformCapabilities"]), ({"attemptDurationSeconds": 100}, ["EC2"]))
        self.assertEqual(job["retryStrategy"], {"attempts": 2, "evaluateOnExit": [{"onExitCode": "9", "action": "EXIT"}]})
        self.assertEqual((job["dependsOn"], job["eksAttempts"]), ([], []))
        held = job["container"]
        self.assertEqual(held["command"], ["sh", "-c", "echo $A $B said"])
        self.assertEqual({each["name"]: each["value"] for each in held["environment"]}, {"A": "1", "B": "3", "C": "4"})
        self.assertEqual({each["type"]: each["value"] for each in held["resourceRequirements"]}, {"VCPU": "1", "MEMORY": "32"})
        self.assertEqual((held["image"], held["exitCode"]), ("busybox", 0))
        (attempt,) = job["attempts"]
        self.assertEqual(attempt["container"]["exitCode"], 0)
        self.assertEqual(attempt["container"]["logStreamName"], held["logStreamName"])
        self.assertRegex(held["logStreamName"], f"^detail/default/{job_id}[.]1$")
        self.assertLessEqual(job["createdAt"], attempt["startedAt"])
        self.assertLessEqual(attempt["startedAt"], attempt["stoppedAt"])

    def test_failed(self):
        """one that fails has attempts with their exit codes"""
        self.register("three", ["sh", "-c", "exit 3"])
        job = self.ended(self.submit(jobDefinition="three", retryStrategy={"attempts": 2}))
        self.assertEqual([each["container"]["exitCode"] for each in job["attempts"]], [3, 3])
        self.assertEqual(len({each["container"]["logStreamName"] for each in job["attempts"]}), 2)
        (summary,) = [each for each in self.listed(jobQueue="queue", jobStatus="FAILED") if each["jobId"] == job["jobId"]]
        self.assertEqual(summary["container"], {"exitCode": 3})

    def test_aliases(self):
        """the deprecated vcpus and memory are shown as they were said"""
        self.client.register_job_definition(
            jobDefinitionName="old", type="container",
            containerProperties={"image": "i", "command": ["true"], "vcpus": 1, "memory": 16},
        )
        job = self.ended(self.submit(jobDefinition="old", containerOverrides={"memory": 24}))
        self.assertEqual((job["container"]["vcpus"], job["container"]["memory"]), (1, 24))
        self.assertEqual(job["container"]["resourceRequirements"], [])

    def test_array(self):
        """an array, its children, and who waits for it"""
        parent = self.submit(arrayProperties={"size": 3}, jobName="array", tags={"a": "b"})
        later = self.submit(dependsOn=[{"jobId": parent}])
        job = self.ended(parent)
        summary = job["arrayProperties"]["statusSummary"]
        self.assertEqual((job["arrayProperties"]["size"], summary["SUCCEEDED"], summary["FAILED"]), (3, 3, 0))
        self.assertEqual(job["attempts"], [])
        child = self.described(parent + ":1")
        self.assertEqual((child["jobId"], child["arrayProperties"]["index"], child["tags"]), (parent + ":1", 1, {}))
        self.assertEqual(child["container"]["logStreamName"], f"true/default/{parent}.1.1")
        children = self.listed(arrayJobId=parent, jobStatus="SUCCEEDED")
        self.assertEqual([each["jobId"] for each in children], [f"{parent}:{i}" for i in range(3)])
        self.assertEqual([each["container"]["exitCode"] for each in children], [0, 0, 0])
        self.assertEqual(self.listed(arrayJobId=parent), [])
        self.assertEqual(self.ended(later)["dependsOn"], [{"jobId": parent}])
        pages = self.client.get_paginator("list_jobs").paginate(
            arrayJobId=parent, jobStatus="SUCCEEDED", PaginationConfig={"PageSize": 2}
        )
        self.assertEqual([each["arrayProperties"]["index"] for page in pages for each in page["jobSummaryList"]], [0, 1, 2])

    def test_nodes(self):
        """a multinode job, and its nodes by ID#NODE"""
        container = {"image": "i", "command": ["echo", "Ref::x"], "resourceRequirements": NEEDS}
        self.client.register_job_definition(
            jobDefinitionName="nodes", type="multinode", parameters={"x": "y"},
            nodeProperties={
                "numNodes": 3,
                "mainNode": 1,
                "nodeRangeProperties": [
                    {"targetNodes": "0:1", "container": container},
                    {"targetNodes": "2:", "container": dict(container, image="other")},
                ],
            },
        )
        override = {"targetNodes": "2:", "containerOverrides": {"environment": [{"name": "E", "value": "1"}]}}
        job_id = self.submit(
            jobDefinition="nodes", jobQueue="still", nodeOverrides={"numNodes": 4, "nodePropertyOverrides": [override]}
        )
        job = self.described(job_id)
        self.assertEqual((job["nodeProperties"]["numNodes"], job["nodeProperties"]["mainNode"]), (4, 1))
        ranges = job["nodeProperties"]["nodeRangeProperties"]
        self.assertEqual(ranges[1]["container"]["environment"], [{"name": "E", "value": "1"}])
        self.assertEqual(ranges[0]["container"]["environment"], [])
        self.assertNotIn("container", job)
        node = self.described(job_id + "#3")
        self.assertEqual(node["nodeDetails"], {"nodeIndex": 3, "isMainNode": False})
        self.assertEqual((node["container"]["image"], node["jobId"]), ("other", job_id + "#3"))
        self.assertEqual(node["container"]["command"], ["echo", "y"])
        self.assertTrue(self.described(job_id + "#1")["nodeDetails"]["isMainNode"])
        self.assertEqual(self.client.describe_jobs(jobs=[job_id + "#4"])["jobs"], [])
        nodes = self.listed(multiNodeJobId=job_id, jobStatus=job["status"])
        self.assertEqual([each["jobId"] for each in nodes], [f"{job_id}#{i}" for i in range(4)])
        self.assertEqual(nodes[1]["nodeProperties"], {"isMainNode": True, "numNodes": 4, "nodeIndex": 1})
        pages = self.client.get_paginator("list_jobs").paginate(
            multiNodeJobId=job_id, jobStatus=job["status"], PaginationConfig={"PageSize": 3}
        )
        self.assertEqual([len(page["jobSummaryList"]) for page in pages], [3, 1])
        self.client.terminate_job(jobId=job_id, reason="enough")

    def test_filters(self):
        """ListJobs: filters by name, definition, time"""
        self.register("filtered")
        ids = [self.submit(jobName=f"Filter-{i}", jobDefinition="filtered") for i in range(3)]
        for each in ids:
            self.ended(each)
        named = lambda name, value, **more: [  # noqa: E731
            each["jobId"] for each in self.listed(jobQueue="queue", filters=[{"name": name, "values": [value]}], **more)
        ]
        self.assertEqual(named("JOB_NAME", "filter-*"), ids[::-1])
        self.assertEqual(named("JOB_NAME", "FILTER-1"), [ids[1]])
        self.assertEqual(named("JOB_DEFINITION", "filtered"), ids[::-1])
        self.assertEqual(named("JOB_DEFINITION", ARN + "job-definition/filtered:1"), ids[::-1])
        self.assertEqual(named("JOB_DEFINITION", ARN + "job-definition/filtered:2"), [])
        created = self.described(ids[0])["createdAt"]
        self.assertNotIn(ids[0], named("BEFORE_CREATED_AT", str(created)))
        self.assertTrue(set(ids) <= set(named("AFTER_CREATED_AT", str(created - 1))))
        pages = self.client.get_paginator("list_jobs").paginate(
            jobQueue="queue", filters=[{"name": "JOB_NAME", "values": ["filter-*"]}], PaginationConfig={"PageSize": 1}
        )
        self.assertEqual([each["jobId"] for page in pages for each in page["jobSummaryList"]], ids[::-1])

    def test_pages(self):
        """a token stays good while jobs come"""
        ids = [self.submit(jobName="paged") for _ in range(4)]
        for each in ids:
            self.ended(each)
        members = {"jobQueue": "queue", "filters": [{"name": "JOB_NAME", "values": ["paged"]}], "maxResults": 2}
        first = self.client.list_jobs(**members)
        self.ended(self.submit(jobName="paged"))
        second = self.client.list_jobs(nextToken=first["nextToken"], **members)
        found = [each["jobId"] for page in (first, second) for each in page["jobSummaryList"]]
        self.assertEqual(found, ids[::-1])
        self.assertNotIn("nextToken", second)
        self.refused("not a token", self.client.describe_job_queues, nextToken=first["nextToken"])

    def test_end(self):
        """CancelJob, TerminateJob"""
        job_id = self.submit(jobDefinition="waits")
        self.until(lambda: self.described(job_id)["status"] == "RUNNING")
        self.client.cancel_job(jobId=job_id, reason="no effect")
        self.assertEqual(self.described(job_id)["status"], "RUNNING")
        self.assertIn(job_id, [each["jobId"] for each in self.listed(jobQueue="queue")])
        self.client.terminate_job(jobId=job_id, reason="enough")
        job = self.ended(job_id)
        self.assertEqual((job["status"], job["statusReason"]), ("FAILED", "enough"))
        self.assertTrue(job.get("isTerminated", True))  # older clients do not know it
        unknown = "00000000-0000-4000-8000-000000000000"
        self.client.cancel_job(jobId=unknown, reason="r")
        self.client.terminate_job(jobId=unknown, reason="r")
        for call in (self.client.cancel_job, self.client.terminate_job):
            self.refused("'jobId' is a required field", call, jobId="", reason="r")
            self.refused("'reason' is a required field", call, jobId=job_id, reason="")
            self.refused("1,024", call, jobId=job_id, reason="r" * 1025)

    def test_faults(self):
        """what is wrong is named"""
        submit, listed = self.client.submit_job, self.client.list_jobs
        self.refused("ame", submit, jobName="not a name", jobQueue="queue", jobDefinition="true")
        self.refused("queue", submit, jobName="j", jobQueue="none", jobDefinition="true")
        self.refused("does not exist or is not in ACTIVE status", submit, jobName="j", jobQueue="queue", jobDefinition="none")
        self.refused("size", submit, jobName="j", jobQueue="queue", jobDefinition="true", arrayProperties={"size": 1})
        depends = [{"jobId": f"00000000-0000-4000-8000-0000000000{i:02}"} for i in range(21)]
        self.refused("20", submit, jobName="j", jobQueue="queue", jobDefinition="true", dependsOn=depends)
        self.refused("Maximum number of jobs supported is 100", self.client.describe_jobs, jobs=["x"] * 101)
        self.assertEqual(self.client.describe_jobs(jobs=["x", "00000000-0000-4000-8000-000000000000"])["jobs"], [])
        self.refused("exactly one of", listed)
        self.refused("exactly one of", listed, jobQueue="queue", arrayJobId="00000000-0000-4000-8000-000000000000")
        self.refused("Job status is not one of SUBMITTED", listed, jobQueue="queue", jobStatus="OTHER")
        self.refused("is not a job id", listed, arrayJobId="x")
        self.refused("is not a job id", listed, multiNodeJobId="x")
        two = [{"name": "JOB_NAME", "values": ["a"]}, {"name": "JOB_DEFINITION", "values": ["b"]}]
        self.refused("one filter", listed, jobQueue="queue", filters=two)
        self.refused("is not one of JOB_NAME", listed, jobQueue="queue", filters=[{"name": "job_name", "values": ["a"]}])
        self.refused("milliseconds", listed, jobQueue="queue", filters=[{"name": "AFTER_CREATED_AT", "values": ["a"]}])
        self.refused("cannot be filtered", listed, arrayJobId="00000000-0000-4000-8000-000000000000", filters=two[:1])
        self.refused("not a token", listed, jobQueue="queue", nextToken="5")
        self.refused("1 to 1000", listed, jobQueue="queue", maxResults=1001)
