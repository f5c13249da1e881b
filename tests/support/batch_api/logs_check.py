"""GetLogEvents of the streams that DescribeJobs names."""
from harness import ApiTest

GROUP = "/aws/batch/job"


class Logs(ApiTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        resources = {"type": "EC2", "maxvCpus": 4, "subnets": ["s"], "instanceRole": "r", "instanceTypes": ["optimal"]}
        cls.client.create_compute_environment(computeEnvironmentName="e", type="MANAGED", computeResources=resources)
        order = [{"order": 1, "computeEnvironment": "e"}]
        cls.client.create_job_queue(jobQueueName="q", priority=1, computeEnvironmentOrder=order)

    def printed(self, script, **members):
        self.register("prints", ["sh", "-c", script])
        job = self.client.submit_job(jobName="j", jobQueue="q", jobDefinition="prints", **members)["jobId"]
        return self.ended(job)

    def events(self, stream, **members):
        return self.logs.get_log_events(logGroupName=GROUP, logStreamName=stream, **members)

    def messages(self, stream, **members):
        return [each["message"] for each in self.events(stream, **members)["events"]]

    def test_whole(self):
        """all that a job printed, with the time of its start"""
        job = self.printed(r"printf 'one\ntwo\n\nfour \303\244 \377\nno end'")
        stream = job["container"]["logStreamName"]
        lines = ["one", "two", "", "four \u00e4 \ufffd", "no end"]
        for head in (True, False):
            self.assertEqual(self.messages(stream, startFromHead=head), lines)
        self.assertEqual({each["timestamp"] for each in self.events(stream)["events"]}, {job["startedAt"]})
        self.assertEqual(self.messages(stream, startTime=job["startedAt"], endTime=job["startedAt"] + 1), lines)
        self.assertEqual(self.messages(stream, endTime=job["startedAt"]), [])

    def test_tokens(self):
        """forward and backward in pages; the end gives the same token again"""
        stream = self.printed("seq 1 1000")["container"]["logStreamName"]
        token, seen = None, []
        while True:
            answer = self.events(stream, startFromHead=True, limit=300, **({"nextToken": token} if token else {}))
            seen += [each["message"] for each in answer["events"]]
            if answer["nextForwardToken"] == token:
                break
            token = answer["nextForwardToken"]
        self.assertEqual(seen, [str(i) for i in range(1, 1001)])
        last = self.events(stream, limit=10)
        self.assertEqual([each["message"] for each in last["events"]], [str(i) for i in range(991, 1001)])
        before = self.events(stream, limit=10, nextToken=last["nextBackwardToken"])
        self.assertEqual([each["message"] for each in before["events"]], [str(i) for i in range(981, 991)])
        after = self.events(stream, limit=10, nextToken=before["nextForwardToken"])
        self.assertEqual(after["events"], last["events"])
        first = self.events(stream, limit=10, startFromHead=True)
        self.assertEqual(self.events(stream, nextToken=first["nextBackwardToken"])["events"], [])

    def test_large(self):
        """more than is read at once"""
        stream = self.printed("seq -f '%0100.0f' 1 30000")["container"]["logStreamName"]
        token, count, last = None, 0, None
        while True:
            answer = self.events(stream, startFromHead=True, **({"nextToken": token} if token else {}))
            count, last = count + len(answer["events"]), answer["events"][-1:] or last
            if answer["nextForwardToken"] == token:
                break
            token = answer["nextForwardToken"]
        self.assertEqual((count, int(last[0]["message"])), (30000, 30000))
        token, backward = None, 0
        while True:
            answer = self.events(stream, **({"nextToken": token} if token else {}))
            backward += len(answer["events"])
            if answer["nextBackwardToken"] == token:
                break
            token = answer["nextBackwardToken"]
        self.assertEqual(backward, 30000)

    def test_running(self):
        """a job that runs: what is printed so far, by whole lines"""
        self.register("runs", ["sh", "-c", r"printf 'begun\nnot yet'; exec sleep 600"])
        job = self.client.submit_job(jobName="j", jobQueue="q", jobDefinition="runs")["jobId"]

        def running():
            (one,) = self.client.describe_jobs(jobs=[job])["jobs"]
            return one["status"] == "RUNNING" and one["container"].get("logStreamName")

        stream = self.until(running)
        self.assertEqual(self.until(lambda: self.messages(stream, startFromHead=True)), ["begun"])
        token = self.events(stream, startFromHead=True)["nextForwardToken"]
        self.client.terminate_job(jobId=job, reason="enough")
        self.ended(job)
        self.assertEqual(self.messages(stream, nextToken=token), ["not yet"])

    def test_children(self):
        """children of an array, and attempts, have streams of their own"""
        job = self.printed("echo $AWS_BATCH_JOB_ARRAY_INDEX", arrayProperties={"size": 2})
        for index in range(2):
            (child,) = self.client.describe_jobs(jobs=[f"{job['jobId']}:{index}"])["jobs"]
            self.assertEqual(self.messages(child["container"]["logStreamName"]), [str(index)])
        job = self.printed("echo $AWS_BATCH_JOB_ATTEMPT; exit 1", retryStrategy={"attempts": 2})
        streams = [each["container"]["logStreamName"] for each in job["attempts"]]
        self.assertEqual([self.messages(each) for each in streams], [["1"], ["2"]])

    def test_faults(self):
        """streams and groups that are not there, and wrong members"""
        stream = self.printed("true")["container"]["logStreamName"]
        self.assertEqual(self.events(stream)["events"], [])
        call, missing = self.logs.get_log_events, "ResourceNotFoundException"
        self.refused("log group", call, logGroupName="other", logStreamName=stream, code=missing)
        wrong = ["none", "x/default/00000000-0000-4000-8000-000000000000.1", stream[:-1] + "2", "other" + stream,
                 "../" + stream, stream + "/..", stream.replace("default", "..")]
        for each in wrong:
            self.refused("log stream", call, logGroupName=GROUP, logStreamName=each, code=missing)
        invalid = "InvalidParameterException"
        self.refused("token", call, logGroupName=GROUP, logStreamName=stream, nextToken="x", code=invalid)
        self.refused("limit", call, logGroupName=GROUP, logStreamName=stream, limit=10001, code=invalid)
