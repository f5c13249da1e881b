"""Compute environments, job queues, scheduling policies: made, changed, deleted, described."""
from harness import ACTOR, ApiTest

MANIFESTS = """
apiVersion: muster/v1
kind: ComputeEnvironment
metadata: {name: ours}
spec: {type: MANAGED, computeResources: {type: EC2, maxvCpus: 4}}
---
apiVersion: muster/v1
kind: SchedulingPolicy
metadata: {name: ours}
spec: {fairsharePolicy: {shareDistribution: [{shareIdentifier: A, weightFactor: 0.5}]}}
---
apiVersion: muster/v1
kind: JobQueue
metadata: {name: ours}
spec: {priority: 3, computeEnvironmentOrder: [ours], schedulingPolicy: ours, backfill: false}
"""
ARN = "arn:aws:batch:us-east-1:000000000000:"


class ResourceTest(ApiTest):
    manifests = MANIFESTS

    def environment(self, name, **members):
        resources = {"type": "EC2", "maxvCpus": 4, "subnets": ["subnet-1"], "instanceTypes": ["optimal"], "instanceRole": "role"}
        resources.update(members.pop("computeResources", {}))
        return self.client.create_compute_environment(
            computeEnvironmentName=name, type="MANAGED", computeResources=resources, **members
        )

    def queue(self, name, *environments, **members):
        order = [{"order": 10 * (i + 1), "computeEnvironment": each} for i, each in enumerate(environments)]
        return self.client.create_job_queue(
            **{"jobQueueName": name, "priority": 1, "computeEnvironmentOrder": order, **members}
        )

    def described(self, name):
        (one,) = self.client.describe_compute_environments(computeEnvironments=[name])["computeEnvironments"]
        return one

    def described_queue(self, name):
        (one,) = self.client.describe_job_queues(jobQueues=[name])["jobQueues"]
        return one

    def described_policy(self, arn):
        (one,) = self.client.describe_scheduling_policies(arns=[arn])["schedulingPolicies"]
        return one


class Resources(ResourceTest):
    # ---- environments

    def test_environment(self):
        """CreateComputeEnvironment: what it says is described; a job runs in it"""
        made = self.environment("made", tags={"team": "a"}, serviceRole="role/x")
        self.assertEqual(made["computeEnvironmentArn"], ARN + "compute-environment/made")
        self.assertEqual(made["computeEnvironmentName"], "made")
        one = self.described("made")
        self.assertEqual((one["state"], one["status"], one["type"]), ("ENABLED", "VALID", "MANAGED"))
        self.assertEqual(one["statusReason"], "ComputeEnvironment Healthy")
        self.assertEqual((one["tags"], one["serviceRole"]), ({"team": "a"}, "role/x"))
        resources = one["computeResources"]
        self.assertEqual((resources["type"], resources["minvCpus"], resources["maxvCpus"]), ("EC2", 0, 4))
        self.assertEqual((resources["subnets"], resources["allocationStrategy"]), (["subnet-1"], "BEST_FIT"))
        self.assertRegex(one["uuid"], "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
        self.queue("runs", "made")
        self.register("hello")
        job = self.client.submit_job(jobName="j", jobQueue="runs", jobDefinition="hello")
        self.assertEqual(self.ended(job["jobId"])["status"], "SUCCEEDED")
        self.assertIn("made", self.muster("get", "environments"))
        history = self.muster("history", "ComputeEnvironment/made")
        self.assertRegex(history, f"create .*by {ACTOR}|create .*{ACTOR}")
        self.assertIn("subnet-1", self.muster("export", "compute-environments"))

    def test_unmanaged(self):
        """an UNMANAGED one has no computeResources"""
        self.client.create_compute_environment(
            computeEnvironmentName="unmanaged", type="UNMANAGED", state="DISABLED", unmanagedvCpus=8
        )
        one = self.described(ARN + "compute-environment/unmanaged")
        self.assertEqual((one["type"], one["state"], one["unmanagedvCpus"]), ("UNMANAGED", "DISABLED", 8))
        self.assertNotIn("computeResources", one)
        self.refused(
            "an UNMANAGED environment has none", self.client.update_compute_environment,
            computeEnvironment="unmanaged", computeResources={"maxvCpus": 1},
        )

    def test_fargate(self):
        """a Fargate one has what Fargate has"""
        resources = {"type": "FARGATE", "maxvCpus": 4, "subnets": ["subnet-1"], "securityGroupIds": ["sg-1"]}
        create = self.client.create_compute_environment
        create(computeEnvironmentName="fargate", type="MANAGED", computeResources=resources)
        held = self.described("fargate")["computeResources"]
        self.assertEqual(held, resources)
        self.client.update_compute_environment(
            computeEnvironment="fargate", computeResources={"securityGroupIds": [], "maxvCpus": 5}
        )
        held = self.described("fargate")["computeResources"]
        self.assertEqual((held["securityGroupIds"], held["maxvCpus"]), (["sg-1"], 5))
        self.refused(
            "computeResources.type cannot be changed", self.client.update_compute_environment,
            computeEnvironment="fargate", computeResources={"type": "EC2"},
        )
        self.refused(
            "minvCpus does not apply to Fargate", create, computeEnvironmentName="x", type="MANAGED",
            computeResources=dict(resources, minvCpus=1),
        )
        self.environment("ec2")
        self.refused(
            "cannot mix EC2 and Fargate", self.client.create_job_queue, jobQueueName="mixed", priority=1,
            computeEnvironmentOrder=[
                {"order": 1, "computeEnvironment": "ec2"}, {"order": 2, "computeEnvironment": "fargate"}
            ],
        )

    def test_update_environment(self):
        """UpdateComputeEnvironment: what is absent stays, what is empty goes"""
        self.environment("changes", computeResources={"ec2KeyPair": "key", "minvCpus": 1, "securityGroupIds": ["sg-1"]})
        update = self.client.update_compute_environment
        answer = update(
            computeEnvironment="changes", state="DISABLED", serviceRole="other",
            computeResources={"maxvCpus": 6, "ec2KeyPair": "", "securityGroupIds": []},
            updatePolicy={"terminateJobsOnUpdate": True, "jobExecutionTimeoutMinutes": 10},
        )
        self.assertEqual(answer["computeEnvironmentName"], "changes")
        one = self.described("changes")
        self.assertEqual((one["state"], one["serviceRole"]), ("DISABLED", "other"))
        self.assertEqual(one["updatePolicy"], {"terminateJobsOnUpdate": True, "jobExecutionTimeoutMinutes": 10})
        held = one["computeResources"]
        self.assertEqual((held["maxvCpus"], held["minvCpus"], held["subnets"]), (6, 1, ["subnet-1"]))
        self.assertNotIn("ec2KeyPair", held)
        self.assertEqual(held["securityGroupIds"], [])
        update(computeEnvironment="changes", computeResources={"desiredvCpus": 3})
        self.refused("desiredvCpus should be between", update, computeEnvironment="changes", computeResources={"desiredvCpus": 7})
        self.refused("minvCpus", update, computeEnvironment="changes", computeResources={"minvCpus": 7})
        self.refused("bidPercentage", update, computeEnvironment="changes", computeResources={"bidPercentage": 50})
        self.refused("does not exist", update, computeEnvironment="none")
        history = self.muster("history", "ComputeEnvironment/changes")
        self.assertIn("computeResources.maxvCpus: 4 -> 6", history)

    def test_delete_environment(self):
        """DeleteComputeEnvironment: disabled and in no queue"""
        delete = self.client.delete_compute_environment
        self.environment("leaves")
        self.queue("holds", "leaves")
        self.refused("Cannot delete, state must be DISABLED", delete, computeEnvironment="leaves")
        self.client.update_compute_environment(computeEnvironment="leaves", state="DISABLED")
        self.refused("Cannot delete, found existing JobQueue relationship", delete, computeEnvironment="leaves")
        self.client.update_job_queue(jobQueue="holds", state="DISABLED")
        self.client.delete_job_queue(jobQueue="holds")
        delete(computeEnvironment=ARN + "compute-environment/leaves")
        self.until(
            lambda: not self.client.describe_compute_environments(computeEnvironments=["leaves"])["computeEnvironments"]
        )
        delete(computeEnvironment="leaves")
        self.assertIn("delete", self.muster("history", "ComputeEnvironment/leaves"))
        self.environment("leaves")
        self.assertEqual(self.described("leaves")["status"], "VALID")

    def test_environment_faults(self):
        """what is wrong with an environment is named"""
        create = self.client.create_compute_environment
        resources = {"type": "EC2", "maxvCpus": 4, "subnets": []}
        self.environment("taken")
        self.refused("Object already exists", self.environment, name="taken", http=409)
        self.refused("computeResources must be provided", create, computeEnvironmentName="x", type="MANAGED")
        self.refused("type", create, computeEnvironmentName="x", type="OTHER", computeResources=resources)
        self.refused("computeResources", create, computeEnvironmentName="x", type="UNMANAGED", computeResources=resources)
        self.refused("name", create, computeEnvironmentName="-x", type="UNMANAGED")
        self.refused("'computeEnvironmentName' is a required", create, computeEnvironmentName="", type="UNMANAGED")
        self.refused(
            "eksConfiguration", create, computeEnvironmentName="x", type="MANAGED", computeResources=resources,
            eksConfiguration={"eksClusterArn": "arn:aws:eks:us-east-1:000000000000:cluster/c", "kubernetesNamespace": "n"},
        )
        self.refused("muster/provider", self.environment, name="x", tags={"muster/provider": "nowhere"})
        self.refused("is not the name or the ARN", self.client.delete_compute_environment, computeEnvironment=ARN + "job-queue/x")
        describe = self.client.describe_compute_environments
        self.refused("1 to 100", describe, maxResults=1000)
        self.refused("not a token", describe, nextToken="x")
        self.assertEqual(describe(computeEnvironments=["none", ARN + "compute-environment/none"])["computeEnvironments"], [])

    def test_provider(self):
        """where an environment runs is a tag: Batch has no member for it"""
        self.environment("simulated", tags={"muster/provider": "simulated"})
        self.assertIn("simulated", [line.split()[1] for line in self.muster("get", "environments").splitlines()])
        self.assertEqual(self.described("simulated")["tags"], {"muster/provider": "simulated"})
        arn = ARN + "compute-environment/simulated"
        said = "is said when it is made"
        self.refused(said, self.client.tag_resource, resourceArn=arn, tags={"muster/provider": "docker"})
        self.refused(said, self.client.untag_resource, resourceArn=arn, tagKeys=["muster/provider"])
        self.client.tag_resource(resourceArn=arn, tags={"other": "tag"})

    # ---- queues

    def test_queue(self):
        """CreateJobQueue, UpdateJobQueue: lists are replaced"""
        self.known("CreateJobQueue", "jobStateTimeLimitActions")
        self.environment("first")
        self.environment("second")
        action = {"reason": "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", "state": "RUNNABLE", "maxTimeSeconds": 600, "action": "CANCEL"}
        made = self.queue("queue", "first", ARN + "compute-environment/second", tags={"a": "b"}, jobStateTimeLimitActions=[action])
        self.assertEqual(made, made | {"jobQueueName": "queue", "jobQueueArn": ARN + "job-queue/queue"})
        one = self.described_queue("queue")
        self.assertEqual((one["state"], one["status"], one["statusReason"], one["priority"]), ("ENABLED", "VALID", "JobQueue Healthy", 1))
        self.assertEqual(
            one["computeEnvironmentOrder"],
            [
                {"order": 10, "computeEnvironment": ARN + "compute-environment/first"},
                {"order": 20, "computeEnvironment": ARN + "compute-environment/second"},
            ],
        )
        self.assertEqual((one["tags"], one["jobStateTimeLimitActions"]), ({"a": "b"}, [action]))
        self.assertNotIn("schedulingPolicyArn", one)
        self.client.update_job_queue(
            jobQueue=ARN + "job-queue/queue", priority=5, state="DISABLED",
            computeEnvironmentOrder=[{"order": 1, "computeEnvironment": "second"}],
        )
        one = self.described_queue(ARN + "job-queue/queue")
        self.assertEqual((one["state"], one["priority"], len(one["computeEnvironmentOrder"])), ("DISABLED", 5, 1))
        self.assertEqual(one["jobStateTimeLimitActions"], [action])
        self.client.update_job_queue(jobQueue="queue", jobStateTimeLimitActions=[])
        self.assertEqual(self.described_queue("queue")["jobStateTimeLimitActions"], [])
        self.register("waits")
        self.refused("queue", self.client.submit_job, jobName="j", jobQueue="queue", jobDefinition="waits")

    def test_delete_queue(self):
        """DeleteJobQueue: disabled; what is in it is terminated"""
        self.environment("busy")
        self.queue("goes", "busy")
        self.register("sleeps", ["sleep", "600"])
        job = self.client.submit_job(jobName="j", jobQueue="goes", jobDefinition="sleeps")["jobId"]
        self.until(lambda: self.client.describe_jobs(jobs=[job])["jobs"][0]["status"] == "RUNNING")
        delete = self.client.delete_job_queue
        self.refused("Cannot delete, state must be DISABLED", delete, jobQueue="goes")
        self.client.update_job_queue(jobQueue="goes", state="DISABLED")
        self.assertEqual(self.client.describe_jobs(jobs=[job])["jobs"][0]["status"], "RUNNING")
        delete(jobQueue="goes")
        self.assertEqual(self.ended(job)["status"], "FAILED")
        self.until(lambda: not self.client.describe_job_queues(jobQueues=["goes"])["jobQueues"])
        delete(jobQueue="goes")

    def test_queue_faults(self):
        """what is wrong with a queue is named"""
        create = self.client.create_job_queue
        self.environment("there")
        self.queue("present", "there")
        self.refused("Object already exists", self.queue, name="present", http=409)
        self.refused("1 to 3 compute environments", self.queue, name="x")
        order = [{"order": 1, "computeEnvironment": "there"}]
        self.refused("does not exist", create, jobQueueName="x", priority=1,
                     computeEnvironmentOrder=[{"order": 1, "computeEnvironment": "none"}])
        self.refused("priority", create, jobQueueName="x", priority=-1, computeEnvironmentOrder=order)
        self.refused("computeEnvironment", create, jobQueueName="x", priority=1, computeEnvironmentOrder=order * 2)
        self.refused("is not the ARN of a scheduling policy", create, jobQueueName="x", priority=1,
                     computeEnvironmentOrder=order, schedulingPolicyArn=ARN + "scheduling-policy/none")
        update = self.client.update_job_queue
        self.refused("does not exist", update, jobQueue="none", priority=1)
        self.refused("made without a scheduling policy", update, jobQueue="present",
                     schedulingPolicyArn=ARN + "scheduling-policy/ours")
        self.refused("state", update, jobQueue="present", state="OFF")
        if "jobQueueType" in create.__self__.meta.service_model.operation_model("CreateJobQueue").input_shape.members:
            self.refused("EKS is not supported", create, jobQueueName="x", priority=1,
                         computeEnvironmentOrder=order, jobQueueType="EKS")
            self.refused("service environments are not supported", create, jobQueueName="x", priority=1,
                         serviceEnvironmentOrder=[{"order": 1, "serviceEnvironment": "s"}])

    # ---- policies

    def test_policy(self):
        """scheduling policies: made, used by a queue, changed, deleted when none uses them"""
        fair = {"shareDecaySeconds": 3600, "computeReservation": 5,
                "shareDistribution": [{"shareIdentifier": "A", "weightFactor": 0.25}, {"shareIdentifier": "B*"}]}
        arn = self.client.create_scheduling_policy(name="fair", fairsharePolicy=fair, tags={"x": "y"})["arn"]
        self.assertEqual(arn, ARN + "scheduling-policy/fair")
        one = self.described_policy(arn)
        fair["shareDistribution"][1]["weightFactor"] = 1.0
        self.assertEqual((one["fairsharePolicy"], one["tags"], one["name"]), (fair, {"x": "y"}, "fair"))
        self.environment("shared")
        self.queue("fairly", "shared", schedulingPolicyArn=arn)
        self.assertEqual(self.described_queue("fairly")["schedulingPolicyArn"], arn)
        self.register("shares")
        submit = self.client.submit_job
        self.refused("hare", submit, jobName="j", jobQueue="fairly", jobDefinition="shares")
        job = submit(jobName="j", jobQueue="fairly", jobDefinition="shares", shareIdentifier="A")["jobId"]
        self.assertEqual(self.ended(job)["status"], "SUCCEEDED")
        self.client.update_scheduling_policy(arn=arn, fairsharePolicy={"shareDecaySeconds": 60})
        self.assertEqual(
            self.described_policy(arn)["fairsharePolicy"],
            {"shareDecaySeconds": 60, "computeReservation": 0, "shareDistribution": []},
        )
        self.refused("found existing JobQueue relationship", self.client.delete_scheduling_policy, arn=arn)
        other = self.client.create_scheduling_policy(name="other")["arn"]
        self.client.update_job_queue(jobQueue="fairly", schedulingPolicyArn=other)
        self.client.delete_scheduling_policy(arn=arn)
        self.until(lambda: not self.client.describe_scheduling_policies(arns=[arn])["schedulingPolicies"])

    def test_policy_faults(self):
        """what is wrong with a policy is named"""
        create, overlap = self.client.create_scheduling_policy, [{"shareIdentifier": "A*"}, {"shareIdentifier": "A1"}]
        self.client.create_scheduling_policy(name="used")
        self.refused("Object already exists", create, name="used", http=409)
        self.refused("overlap", create, name="x", fairsharePolicy={"shareDistribution": overlap})
        self.refused("shareDecaySeconds", create, name="x", fairsharePolicy={"shareDecaySeconds": 604801})
        self.refused("computeReservation", create, name="x", fairsharePolicy={"computeReservation": 100})
        self.refused("is not the ARN", self.client.update_scheduling_policy, arn="used")
        self.refused("is not the ARN", self.client.delete_scheduling_policy, arn=ARN + "scheduling-policy/none")
        shape = self.client.meta.service_model.operation_model("CreateSchedulingPolicy").input_shape
        if "quotaSharePolicy" in shape.members:
            self.refused("quota shares are not supported", create, name="x",
                         quotaSharePolicy={"idleResourceAssignmentStrategy": "FIFO"})

    # ---- all of them

    def test_source(self):
        """what a source owns is described without muster's own members, and refused to be changed"""
        one = self.described_queue("ours")
        self.assertEqual(one["schedulingPolicyArn"], ARN + "scheduling-policy/ours")
        self.assertEqual(self.described("ours")["computeResources"]["maxvCpus"], 4)
        place = "belongs to source team (" + self.source
        self.refused("JobQueue ours " + place, self.client.update_job_queue, jobQueue="ours", priority=1)
        self.refused(place, self.client.delete_job_queue, jobQueue="ours")
        self.refused(place, self.client.update_compute_environment, computeEnvironment="ours", state="DISABLED")
        self.refused(place, self.client.delete_compute_environment, computeEnvironment="ours")
        arn = ARN + "scheduling-policy/ours"
        self.refused(place, self.client.update_scheduling_policy, arn=arn, fairsharePolicy={})
        self.refused(place, self.client.delete_scheduling_policy, arn=arn)
        self.assertEqual(self.described_policy(arn)["fairsharePolicy"]["shareDistribution"],
                         [{"shareIdentifier": "A", "weightFactor": 0.5}])

    def test_not_pruned(self):
        """an apply of a source leaves alone what was made through the API"""
        self.environment("stays")
        self.queue("remains", "stays")
        self.muster("apply", self.source, "--yes")
        self.assertEqual(self.described_queue("remains")["status"], "VALID")
        self.assertIn("made through the API or by hand", self.muster("plan", self.source))

    def test_pages(self):
        """paginators go through all of them"""
        for i in range(3):
            self.environment(f"e{i}")
            self.queue(f"q{i}", f"e{i}")
            self.client.create_scheduling_policy(name=f"p{i}")
        kinds = {
            "describe_compute_environments": ("computeEnvironments", "computeEnvironmentName", "e"),
            "describe_job_queues": ("jobQueues", "jobQueueName", "q"),
            "list_scheduling_policies": ("schedulingPolicies", "arn", ARN + "scheduling-policy/p"),
        }
        for operation, (member, name, prefix) in kinds.items():
            if not self.client.can_paginate(operation):
                continue
            pages = self.client.get_paginator(operation).paginate(PaginationConfig={"PageSize": 2})
            names = [each[name] for page in pages for each in page[member]]
            self.assertEqual(len(names), len(set(names)), operation)
            self.assertTrue({f"{prefix}{i}" for i in range(3)} <= set(names), operation)

    def test_restart(self):
        """all of it is there after a restart"""
        self.environment("again", tags={"a": "b"})
        self.queue("again", "again")
        before = self.described("again"), self.described_queue("again")
        type(self).stop()
        type(self).start()
        self.assertEqual((self.described("again"), self.described_queue("again")), before)


class Forgotten(ResourceTest):
    def test_forgotten(self):
        """what a source let go can be changed, and stays let go"""
        self.muster("forget", "JobQueue/ours")
        self.client.update_job_queue(jobQueue="ours", priority=8)
        self.assertEqual(self.described_queue("ours")["priority"], 8)
        self.muster("apply", self.source, "--yes")
        self.assertEqual(self.described_queue("ours")["priority"], 8)
