"""events.yaml and events.tf: the same queue, filled by the same rules, in each partition."""
import json
import unittest

import cloudformation
import iam
import place
import terraform


def of_template(stack):
    (queue,) = stack.resources("AWS::SQS::Queue").values()
    (policy,) = stack.resources("AWS::SQS::QueuePolicy").values()
    rules = stack.resources("AWS::Events::Rule").values()
    return {
        "queue": [
            queue["QueueName"],
            queue["MessageRetentionPeriod"],
            queue["ReceiveMessageWaitTimeSeconds"],
            queue["VisibilityTimeout"],
            queue["SqsManagedSseEnabled"],
        ],
        "policy": iam.canonical(policy["PolicyDocument"]),
        "rules": {
            rule["Name"]: [rule["Description"], rule["EventPattern"], rule["Targets"]] for rule in rules
        },
    }


def of_module(module):
    (queue,) = module.resources("aws_sqs_queue").values()
    (policy,) = module.resources("aws_sqs_queue_policy").values()
    targets = {}
    for target in module.resources("aws_cloudwatch_event_target").values():
        targets[target["rule"]] = [{"Id": target["target_id"], "Arn": target["arn"]}]
    return {
        "queue": [
            queue["name"],
            queue["message_retention_seconds"],
            queue["receive_wait_time_seconds"],
            queue["visibility_timeout_seconds"],
            queue["sqs_managed_sse_enabled"],
        ],
        "policy": iam.canonical(json.loads(policy["policy"])),
        "rules": {
            rule["name"]: [rule["description"], json.loads(rule["event_pattern"]), targets[rule["name"]]]
            for rule in module.resources("aws_cloudwatch_event_rule").values()
        },
    }


class Events(unittest.TestCase):
    def each(self):
        template = cloudformation.load(place.path("deploy/aws/events/events.yaml"))
        for partition, suffix in place.PARTITIONS.items():
            region = place.REGIONS[partition]
            stack = cloudformation.Stack(template, {}, partition, region)
            path = place.path("deploy/aws/events/events.tf")
            yield stack, terraform.Module(path, {}, partition, suffix, region=region), partition

    def test_same(self):
        """events.yaml and events.tf make the same queue and rules"""
        for stack, module, where in self.each():
            stack.check()
            self.maxDiff = None
            self.assertEqual(of_template(stack), of_module(module), where)

    def test_read(self):
        """the queue is one that the controller's policy lets muster read, and no other"""
        policy = json.loads(place.read("deploy/aws/policy.json"))
        for stack, _, where in self.each():
            (queue,) = stack.resources("AWS::SQS::Queue")
            for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage"):
                self.assertTrue(iam.allows(policy, action, stack.arn(queue), None), where)
                other = stack.arn(queue).replace("muster-", "shop-")
                self.assertFalse(iam.allows(policy, action, other, None), where)

    def test_names(self):
        """the rules tell of muster's clusters, by the events that muster reads"""
        code = place.read("reconciler/provider/aws", "cloud_event.c")
        for stack, _, _ in self.each():
            for rule in stack.resources("AWS::Events::Rule").values():
                for name in rule["EventPattern"]["source"] + rule["EventPattern"]["detail-type"]:
                    self.assertIn(f'"{name}"', code)
                for cluster in rule["EventPattern"].get("detail", {}).get("clusterArn", ()):
                    prefix = place.defined("aws_internal.h", "CLUSTER_PREFIX")
                    self.assertTrue(cluster["prefix"].endswith(f":cluster/{prefix}"))
