"""TagResource, UntagResource, ListTagsForResource."""
from harness import ApiTest

ARN = "arn:aws:batch:us-east-1:000000000000:"
MANIFESTS = """
apiVersion: muster/v1
kind: SchedulingPolicy
metadata: {name: ours}
spec: {tags: {of: source}}
"""


class Tags(ApiTest):
    manifests = MANIFESTS

    def tags(self, arn):
        return self.client.list_tags_for_resource(resourceArn=arn)["tags"]

    def changed(self, arn):
        self.client.tag_resource(resourceArn=arn, tags={"a": "1", "b/c": "2 3"})
        self.client.tag_resource(resourceArn=arn, tags={"a": "4", "d": ""})
        self.assertEqual(self.tags(arn), {"a": "4", "b/c": "2 3", "d": ""})
        self.client.untag_resource(resourceArn=arn, tagKeys=["b/c", "d", "none"])
        self.assertEqual(self.tags(arn), {"a": "4"})
        self.client.untag_resource(resourceArn=arn, tagKeys=["a"])
        self.assertEqual(self.tags(arn), {})
        self.client.tag_resource(resourceArn=arn, tags={"kept": "yes"})

    def test_resources(self):
        """tags of environments, queues, policies"""
        resources = {"type": "EC2", "maxvCpus": 4, "subnets": ["s"], "instanceRole": "r", "instanceTypes": ["optimal"]}
        self.client.create_compute_environment(computeEnvironmentName="e", type="MANAGED", computeResources=resources)
        order = [{"order": 1, "computeEnvironment": "e"}]
        self.client.create_job_queue(jobQueueName="q", priority=1, computeEnvironmentOrder=order)
        self.client.create_scheduling_policy(name="p")
        for each in ("compute-environment/e", "job-queue/q", "scheduling-policy/p"):
            self.changed(ARN + each)
        self.assertEqual(self.client.describe_job_queues(jobQueues=["q"])["jobQueues"][0]["tags"], {"kept": "yes"})
        self.assertIn("tags.kept", self.muster("history", "JobQueue/q"))

    def test_revisions(self):
        """each revision of a definition has its own"""
        for _ in range(2):
            self.register("d", tags={"team": "x"})
        arn = ARN + "job-definition/d:"
        self.client.untag_resource(resourceArn=arn + "1", tagKeys=["team"])
        self.changed(arn + "1")
        self.assertEqual(self.tags(arn + "2"), {"team": "x"})
        self.client.tag_resource(resourceArn=arn + "2", tags={"new": "tag"})
        described = self.client.describe_job_definitions(jobDefinitions=["d:2"])["jobDefinitions"][0]
        self.assertEqual((described["tags"], described["revision"]), ({"team": "x", "new": "tag"}, 2))
        self.assertIn("new: tag", self.muster("export", "job-definitions"))
        type(self).stop()
        type(self).start()
        self.assertEqual((self.tags(arn + "1"), self.tags(arn + "2")), ({"kept": "yes"}, {"team": "x", "new": "tag"}))
        self.assertEqual(self.register("d")["revision"], 3)
        self.assertEqual(self.tags(arn + "3"), {})

    def test_jobs(self):
        """tags of a job are those of its submission"""
        resources = {"type": "EC2", "maxvCpus": 4, "subnets": ["s"], "instanceRole": "r", "instanceTypes": ["optimal"]}
        self.client.create_compute_environment(computeEnvironmentName="je", type="MANAGED", computeResources=resources)
        order = [{"order": 1, "computeEnvironment": "je"}]
        self.client.create_job_queue(jobQueueName="jq", priority=1, computeEnvironmentOrder=order)
        self.register("j")
        job = self.client.submit_job(jobName="j", jobQueue="jq", jobDefinition="j", tags={"x": "y"})
        self.assertEqual(self.tags(job["jobArn"]), {"x": "y"})
        self.ended(job["jobId"])
        self.assertEqual(self.tags(job["jobArn"]), {"x": "y"})
        self.refused("those of its submission", self.client.tag_resource, resourceArn=job["jobArn"], tags={"a": "b"})

    def test_faults(self):
        """what is wrong is named"""
        arn = ARN + "scheduling-policy/ours"
        self.assertEqual(self.tags(arn), {"of": "source"})
        self.refused("belongs to source team", self.client.tag_resource, resourceArn=arn, tags={"a": "b"})
        self.refused("belongs to source team", self.client.untag_resource, resourceArn=arn, tagKeys=["of"])
        self.client.create_scheduling_policy(name="free")
        arn = ARN + "scheduling-policy/free"
        tag = self.client.tag_resource
        self.refused("tags", tag, resourceArn=arn, tags={"aws:x": "b"})
        self.refused("tags", tag, resourceArn=arn, tags={"k" * 129: "b"})
        self.refused("tags", tag, resourceArn=arn, tags={"k": "b" * 257})
        self.refused("tags", tag, resourceArn=arn, tags={f"k{i}": "v" for i in range(51)})
        tag(resourceArn=arn, tags={f"k{i}": "v" for i in range(50)})
        self.refused("tags", tag, resourceArn=arn, tags={"more": "v"})
        for name in ("scheduling-policy/none", "job-definition/none:1", "job/00000000-0000-4000-8000-000000000000"):
            self.refused("there is no", self.client.list_tags_for_resource, resourceArn=ARN + name)
        self.refused("not an ARN", self.client.list_tags_for_resource, resourceArn="free")
