"""GetJobQueueSnapshot; what serves SageMaker alone."""
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from harness import MODELS, REGION, ApiTest

ARN = "arn:aws:batch:us-east-1:000000000000:"


class Snapshot(ApiTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        resources = {"type": "EC2", "maxvCpus": 2, "subnets": ["s"], "instanceRole": "r", "instanceTypes": ["optimal"]}
        create = cls.client.create_compute_environment
        create(computeEnvironmentName="e", type="MANAGED", computeResources=resources)
        # Nobody runs what is simulated outside of a simulation: jobs stay RUNNABLE there.
        tags = {"muster/provider": "simulated"}
        create(computeEnvironmentName="still", type="MANAGED", computeResources=resources, tags=tags)
        cls.register(cls, "true")
        cls.register(cls, "sleeps", ["sleep", "600"])

    def queue(self, name, environment, **members):
        order = [{"order": 1, "computeEnvironment": environment}]
        self.client.create_job_queue(jobQueueName=name, priority=1, computeEnvironmentOrder=order, **members)

    def submit(self, queue, **members):
        members = {"jobName": "j", "jobQueue": queue, "jobDefinition": "true", **members}
        return self.client.submit_job(**members)["jobId"]

    def front(self, queue):
        snapshot = self.client.get_job_queue_snapshot(jobQueue=queue)
        return [each["jobArn"].split("/")[-1] for each in snapshot["frontOfQueue"]["jobs"]]

    def test_fifo(self):
        """a FIFO queue: as it was submitted, children one by one, 100 at most"""
        self.known("GetJobQueueSnapshot")
        self.queue("fifo", "still")
        first = self.submit("fifo")
        array = self.submit("fifo", arrayProperties={"size": 3})
        last = self.submit("fifo")
        self.assertEqual(self.front("fifo"), [first] + [f"{array}:{i}" for i in range(3)] + [last])
        snapshot = self.client.get_job_queue_snapshot(jobQueue=ARN + "job-queue/fifo")["frontOfQueue"]
        created = self.client.describe_jobs(jobs=[first])["jobs"][0]["createdAt"]
        self.assertLessEqual(created, snapshot["jobs"][0]["earliestTimeAtPosition"])
        self.assertLessEqual(snapshot["jobs"][0]["earliestTimeAtPosition"], snapshot["lastUpdatedAt"])
        many = self.submit("fifo", arrayProperties={"size": 200})
        self.assertEqual(len(self.front("fifo")), 100)
        self.assertEqual(self.front("fifo")[-1], f"{many}:94")
        self.client.cancel_job(jobId=first, reason="r")
        self.assertEqual(self.front("fifo")[0], f"{array}:0")

    def test_shares(self):
        """a fair-share queue: the share with the least use, in it by priority"""
        self.known("GetJobQueueSnapshot")
        arn = self.client.create_scheduling_policy(
            name="fair", fairsharePolicy={"shareDistribution": [{"shareIdentifier": "A", "weightFactor": 1},
                                                                {"shareIdentifier": "B", "weightFactor": 0.5}]}
        )["arn"]
        self.queue("fair", "still", schedulingPolicyArn=arn)
        a = [self.submit("fair", shareIdentifier="A") for _ in range(2)]
        urgent = self.submit("fair", shareIdentifier="A", schedulingPriorityOverride=5)
        b = [self.submit("fair", shareIdentifier="B") for _ in range(3)]
        self.assertEqual(self.front("fair"), [urgent, b[0], b[1], a[0], b[2], a[1]])

    def test_use(self):
        """what is in use, by share"""
        self.known("GetJobQueueSnapshot")
        arn = self.client.create_scheduling_policy(name="used")["arn"]
        self.queue("used", "e", schedulingPolicyArn=arn)
        job = self.submit("used", jobDefinition="sleeps", shareIdentifier="A")
        self.until(lambda: self.client.describe_jobs(jobs=[job])["jobs"][0]["status"] == "RUNNING")
        snapshot = self.client.get_job_queue_snapshot(jobQueue="used")
        self.assertEqual(snapshot["frontOfQueue"]["jobs"], [])
        use = [{"capacityUnit": "VCPU", "quantity": 1.0}]
        if "queueUtilization" in snapshot:
            shares = snapshot["queueUtilization"]["fairshareUtilization"]
            self.assertEqual(snapshot["queueUtilization"]["totalCapacityUsage"], use)
            self.assertEqual(shares["topCapacityUtilization"], [{"shareIdentifier": "A", "capacityUsage": use}])
            self.assertEqual(shares["activeShareCount"], 1)
        self.client.terminate_job(jobId=job, reason="enough")
        self.ended(job)

    def test_faults(self):
        """a queue that is not there"""
        self.known("GetJobQueueSnapshot")
        self.refused("does not exist", self.client.get_job_queue_snapshot, jobQueue="none")


SERVICE = {
    "create_service_environment": ("are not supported", dict(
        serviceEnvironmentName="s", serviceEnvironmentType="SAGEMAKER_TRAINING",
        capacityLimits=[{"maxCapacity": 1, "capacityUnit": "NUM_INSTANCES"}])),
    "update_service_environment": ("does not exist", dict(serviceEnvironment="s")),
    "delete_service_environment": ("does not exist", dict(serviceEnvironment="s")),
    "submit_service_job": ("are not supported", dict(
        jobName="j", jobQueue="q", serviceRequestPayload="{}", serviceJobType="SAGEMAKER_TRAINING")),
    "update_service_job": ("does not exist", dict(jobId="j", schedulingPriority=1)),
    "terminate_service_job": ("does not exist", dict(jobId="j", reason="r")),
    "describe_service_job": ("does not exist", dict(jobId="j")),
    "create_quota_share": ("are not supported", dict(
        quotaShareName="s", jobQueue="q", capacityLimits=[{"maxCapacity": 1, "capacityUnit": "u"}],
        resourceSharingConfiguration={"strategy": "RESERVE"}, preemptionConfiguration={"inSharePreemption": "DISABLED"})),
    "update_quota_share": ("does not exist", dict(quotaShareArn="s")),
    "delete_quota_share": ("does not exist", dict(quotaShareArn="s")),
    "describe_quota_share": ("does not exist", dict(quotaShareArn="s")),
}
LISTS = {
    "describe_service_environments": ("serviceEnvironments", {}),
    "list_service_jobs": ("jobSummaryList", {"jobQueue": "q"}),
    "list_quota_shares": ("quotaShares", {"jobQueue": "q"}),
}


class Services(ApiTest):
    """A test for each operation."""


def known_call(self, operation):
    if not hasattr(self.client, operation):
        self.skipTest(f"this botocore does not know {operation}")


def refuses(operation, text, members):
    def test(self):
        known_call(self, operation)
        self.refused(text, getattr(self.client, operation), **members)

    test.__doc__ = f"{operation} is refused"
    return test


def lists(operation, member, members):
    def test(self):
        known_call(self, operation)
        self.assertEqual(getattr(self.client, operation)(**members)[member], [])

    test.__doc__ = f"{operation} is empty"
    return test


for name, (expected, arguments) in SERVICE.items():
    setattr(Services, f"test_{name}", refuses(name, expected, arguments))
for name, (key, arguments) in LISTS.items():
    setattr(Services, f"test_{name}", lists(name, key, arguments))


class Operations(ApiTest):
    def test_judged(self):
        """answers are compared with the service model"""
        before = type(self).judged
        self.client.describe_job_queues()
        if type(self).judged == before:
            self.skipTest("this botocore shows no answer before it is parsed")

    def test_all(self):
        """every operation of the service model is answered"""
        for operation in MODELS["batch"].operation_names:
            model = MODELS["batch"].operation_model(operation)
            request = AWSRequest(
                method=model.http["method"],
                url=self.endpoint + model.http["requestUri"].split("?")[0].replace("{resourceArn}", "x"),
                data=b"{}",
                headers={"Content-Type": "application/json"},
            )
            credentials = Credentials(self.key["AWS_ACCESS_KEY_ID"], self.key["AWS_SECRET_ACCESS_KEY"])
            SigV4Auth(credentials, "batch", REGION).add_auth(request)
            answer = URLLib3Session().send(request.prepare())
            self.assertIn(answer.status_code, (200, 400), operation)
            self.assertNotIn(b"no such operation", answer.content, operation)
            self.assertNotIn(b"UnknownOperation", answer.content, operation)
