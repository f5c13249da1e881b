"""Consumable resources, and the jobs that take of them."""
import unittest

from harness import MODELS, ApiTest

ARN = "arn:aws:batch:us-east-1:000000000000:"
MANIFESTS = """
apiVersion: muster/v1
kind: ConsumableResource
metadata: {name: ours}
spec: {totalQuantity: 3}
"""


@unittest.skipUnless(
    "CreateConsumableResource" in MODELS["batch"].operation_names, "this botocore knows no consumable resources"
)
class Consumables(ApiTest):
    manifests = MANIFESTS

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        resources = {"type": "EC2", "maxvCpus": 4, "subnets": ["s"], "instanceRole": "r", "instanceTypes": ["optimal"]}
        cls.client.create_compute_environment(computeEnvironmentName="here", type="MANAGED", computeResources=resources)
        cls.client.create_job_queue(
            jobQueueName="queue", priority=1, computeEnvironmentOrder=[{"order": 1, "computeEnvironment": "here"}]
        )

    def described(self, name):
        return self.client.describe_consumable_resource(consumableResource=name)

    def update(self, name, **members):
        return self.client.update_consumable_resource(consumableResource=name, **members)["totalQuantity"]

    def test_life(self):
        """made, changed by SET, ADD and REMOVE, deleted"""
        made = self.client.create_consumable_resource(consumableResourceName="licence", totalQuantity=5, tags={"a": "b"})
        self.assertEqual(made["consumableResourceArn"], ARN + "consumable-resource/licence")
        one = self.described("licence")
        self.assertEqual((one["totalQuantity"], one["inUseQuantity"], one["availableQuantity"]), (5, 0, 5))
        self.assertEqual((one["resourceType"], one["tags"]), ("REPLENISHABLE", {"a": "b"}))
        self.assertEqual(self.update("licence", operation="ADD", quantity=2), 7)
        self.assertEqual(self.update("licence", operation="REMOVE", quantity=3), 4)
        self.assertEqual(self.update(ARN + "consumable-resource/licence", operation="SET", quantity=9), 9)
        self.assertEqual(self.update("licence", operation="REMOVE", quantity=100), 0)
        self.client.delete_consumable_resource(consumableResource="licence")
        self.until(lambda: "licence" not in str(self.client.list_consumable_resources()["consumableResources"]))

    def test_token(self):
        """a clientToken that was seen changes nothing again"""
        self.client.create_consumable_resource(consumableResourceName="token", totalQuantity=1)
        self.assertEqual(self.update("token", operation="ADD", quantity=1, clientToken="t1"), 2)
        self.assertEqual(self.update("token", operation="ADD", quantity=1, clientToken="t1"), 2)
        self.assertEqual(self.update("token", operation="ADD", quantity=1, clientToken="t2"), 3)
        type(self).stop()
        type(self).start()
        self.assertEqual(self.update("token", operation="ADD", quantity=1, clientToken="t1"), 3)

    def test_jobs(self):
        """ListJobsByConsumableResource: who takes of it"""
        create = self.client.create_consumable_resource
        create(consumableResourceName="seat", totalQuantity=1)
        create(consumableResourceName="paper", totalQuantity=9, resourceType="NON_REPLENISHABLE")
        takes = {"consumableResourceList": [{"consumableResource": "seat", "quantity": 1},
                                            {"consumableResource": "paper", "quantity": 2}]}
        self.register("takes", ["sleep", "600"], consumableResourceProperties=takes)
        ids = [
            self.client.submit_job(jobName=f"taker{i}", jobQueue="queue", jobDefinition="takes")["jobId"] for i in range(3)
        ]
        self.until(lambda: self.described("seat")["inUseQuantity"] == 1)
        self.assertEqual(self.described("seat")["availableQuantity"], 0)
        self.assertEqual(self.described("paper")["inUseQuantity"], 2)
        listed = self.client.list_jobs_by_consumable_resource
        jobs = listed(consumableResource="seat")["jobs"]
        self.assertEqual([each["jobArn"] for each in jobs], [f"{ARN}job/{each}" for each in ids])
        self.assertEqual({each["quantity"] for each in listed(consumableResource="paper")["jobs"]}, {2})
        self.assertEqual(jobs[0]["jobQueueArn"], ARN + "job-queue/queue")
        named = listed(consumableResource="seat", filters=[{"name": "JOB_NAME", "values": ["TAKER1*"]}])["jobs"]
        self.assertEqual([each["jobName"] for each in named], ["taker1"])
        waiting = listed(consumableResource="seat", filters=[{"name": "JOB_STATUS", "values": ["RUNNABLE"]}])["jobs"]
        self.assertEqual(len(waiting), 2)
        pages = self.client.get_paginator("list_jobs_by_consumable_resource").paginate(
            consumableResource="seat", PaginationConfig={"PageSize": 2}
        )
        self.assertEqual([[each["jobName"] for each in page["jobs"]] for page in pages], [["taker0", "taker1"], ["taker2"]])
        for each in ids:
            self.client.terminate_job(jobId=each, reason="enough")
        for each in ids:
            self.ended(each)
        self.until(lambda: self.described("seat")["inUseQuantity"] == 0)

    def test_list(self):
        """ListConsumableResources: in pages, by name"""
        for i in range(3):
            self.client.create_consumable_resource(consumableResourceName=f"list{i}")
        listed = self.client.list_consumable_resources
        named = listed(filters=[{"name": "CONSUMABLE_RESOURCE_NAME", "values": ["LIST*"]}])["consumableResources"]
        self.assertEqual([each["consumableResourceName"] for each in named], ["list0", "list1", "list2"])
        self.assertEqual(named[0]["totalQuantity"], 0)
        pages = self.client.get_paginator("list_consumable_resources").paginate(PaginationConfig={"PageSize": 1})
        names = [each["consumableResourceName"] for page in pages for each in page["consumableResources"]]
        self.assertEqual([each for each in names if each.startswith("list")], ["list0", "list1", "list2"])
        self.assertIn("ours", names)

    def test_faults(self):
        """what is wrong is named"""
        create, update = self.client.create_consumable_resource, self.client.update_consumable_resource
        create(consumableResourceName="taken")
        self.refused("Object already exists", create, consumableResourceName="taken", http=409)
        self.refused("totalQuantity", create, consumableResourceName="x", totalQuantity=-1)
        self.refused("resourceType", create, consumableResourceName="x", resourceType="OTHER")
        self.refused("not one of SET | ADD | REMOVE", update, consumableResource="taken", operation="ADDS", quantity=1)
        self.refused("quantity", update, consumableResource="taken", operation="ADD", quantity=-1)
        self.refused("clientToken", update, consumableResource="taken", quantity=1, clientToken="t" * 65)
        for call in (update, self.client.delete_consumable_resource, self.client.describe_consumable_resource,
                     self.client.list_jobs_by_consumable_resource):
            self.refused("does not exist", call, consumableResource="none")
        place = "ConsumableResource ours belongs to source team"
        self.refused(place, update, consumableResource="ours", quantity=1)
        self.refused(place, self.client.delete_consumable_resource, consumableResource="ours")
        wrong = [{"name": "JOB_STATUS", "values": ["OTHER"]}]
        self.refused("there is no state", self.client.list_jobs_by_consumable_resource, consumableResource="ours", filters=wrong)
