"""The scripting port: faults, lost answers, latency, throttles, counters, resets; and the double
as a process."""
import json
import os
import subprocess
import sys
import threading
import time
import unittest

import botocore.exceptions

from harness import PROGRAM, SUBNETS, DoubleTest


STARTER = """
import subprocess, sys
child = subprocess.Popen([sys.executable, sys.argv[1]], stdout=subprocess.PIPE, text=True)
print(child.pid, child.stdout.readline(), flush=True)
"""


class Faults(DoubleTest):
    def test_codes(self):
        """the next calls of an operation fail with a code and status, after so many that go well"""
        ecs, ec2 = self.client("ecs"), self.client("ec2")
        self.control(
            "fault", operation="ListClusters", code="ServerException", status=500, count=2, after=1
        )
        ecs.list_clusters()
        for _ in range(2):
            self.refused("ServerException", ecs.list_clusters, http_status=500)
        ecs.list_clusters()
        self.control(
            "fault",
            operation="Run*",
            service="ec2",
            code="InsufficientInstanceCapacity",
            status=500,
            match="m5.large",
        )
        launch = {"ImageId": self.image(), "MinCount": 1, "MaxCount": 1}
        ec2.run_instances(InstanceType="c5.large", **launch)
        self.refused(
            "InsufficientInstanceCapacity",
            ec2.run_instances,
            http_status=500,
            InstanceType="m5.large",
            **launch,
        )
        self.control("fault", operation="GetCallerIdentity", status=503, html=True)
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            self.client("sts").get_caller_identity()
        self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 503)
        self.assertEqual(self.control("faults")["faults"], [])

    def test_lost_answer(self):
        """a lost answer: the work is done, and the token makes the repetition harmless"""
        launch = {
            "ImageId": self.image(),
            "InstanceType": "m5.large",
            "MinCount": 2,
            "MaxCount": 2,
            "ClientToken": "t",
        }
        self.control("fault", operation="RunInstances", lost=True)
        with self.assertRaises(botocore.exceptions.HTTPClientError):
            self.client("ec2").run_instances(**launch)
        there = [each["id"] for each in self.control("state")["regions"][0]["instances"]]
        again = self.client("ec2").run_instances(**launch)["Instances"]
        self.assertEqual([each["InstanceId"] for each in again], there)
        self.control("fault", operation="CreateCluster", lost=True, work=False, code="Lost")
        with self.assertRaises(botocore.exceptions.HTTPClientError):
            self.client("ecs").create_cluster(clusterName="c")
        self.assertEqual(self.client("ecs").list_clusters()["clusterArns"], [])

    def test_latency(self):
        """an operation is slow, and others are not held up by it"""
        self.control("latency", DescribeClusters=3)
        ecs = self.client("ecs")
        ended = []

        def slow():
            ecs.describe_clusters(clusters=["c"])
            ended.append("slow")

        worker = threading.Thread(target=slow)
        worker.start()
        self.until(
            "the slow call", lambda: self.control("counters")["calls"].get("ecs:DescribeClusters")
        )
        ecs.list_clusters()
        ended.append("fast")
        worker.join()
        self.assertEqual(ended, ["fast", "slow"])

    def test_throttles(self):
        """published limits: the bucket's size at once, then its refill; each service's own code"""
        ec2, ecs = self.client("ec2"), self.client("ecs")
        self.control("throttle", published=True)
        launch = {"ImageId": self.image(), "InstanceType": "m5.large", "MinCount": 1, "MaxCount": 1}
        for _ in range(5):
            ec2.run_instances(**launch)
        self.refused("RequestLimitExceeded", ec2.run_instances, http_status=503, **launch)
        ec2.describe_instances(MaxResults=5)
        self.advance(1)
        for _ in range(2):
            ec2.run_instances(**launch)
        self.refused("RequestLimitExceeded", ec2.run_instances, http_status=503, **launch)
        ec2_elsewhere = self.client("ec2", region="eu-west-1")
        self.refused("InvalidAMIID.NotFound", ec2_elsewhere.run_instances, **launch)
        for _ in range(20):
            ecs.create_cluster(clusterName="c")
        self.refused("ThrottlingException", ecs.create_cluster, clusterName="c")
        self.control("throttle", own={"ListClusters": [1, 0]})
        ecs.list_clusters()
        self.refused("ThrottlingException", ecs.list_clusters)
        self.control("throttle")
        ecs.list_clusters()

    def test_resource_bucket(self):
        """one call may not take more instances than the resource bucket has"""
        ec2 = self.client("ec2")
        self.control("throttle", published=True)
        launch = {"ImageId": self.image(), "InstanceType": "m5.large"}
        ec2.run_instances(MinCount=1000, MaxCount=1000, **launch)
        self.refused(
            "RequestLimitExceeded",
            ec2.run_instances,
            http_status=503,
            MinCount=3,
            MaxCount=3,
            **launch,
        )
        self.advance(1)
        ec2.run_instances(MinCount=2, MaxCount=2, **launch)

    def test_counters(self):
        """calls are counted by operation, answers by status"""
        ecs = self.client("ecs")
        for _ in range(3):
            ecs.list_clusters()
        self.refused("ClusterNotFoundException", ecs.list_tasks, cluster="none")
        counters = self.control("counters", clear=True)
        self.assertEqual(counters["calls"], {"ecs:ListClusters": 3, "ecs:ListTasks": 1})
        self.assertEqual(counters["answers"], {"ecs:ListClusters:200": 3, "ecs:ListTasks:400": 1})
        self.assertEqual(self.control("counters")["calls"], {})

    def test_reset(self):
        """a reset leaves nothing"""
        self.hosts()
        self.control("fault", operation="*", code="X")
        self.control("settings", taskSeconds=None)
        self.control("reset")
        self.assertEqual(self.control("state")["regions"], [])
        self.assertEqual(self.control("settings")["taskSeconds"], 0.1)
        self.assertEqual(self.client("ecs").list_clusters()["clusterArns"], [])

    def test_refusals(self):
        """the scripting port says what it does not understand"""
        for verb, given in (
            ("nothing", {}),
            ("settings", {"colour": 1}),
            ("fault", {"code": "X"}),
            ("fault", {"operation": "X", "colour": 1}),
            ("outcome", {"colour": 1}),
            ("outcome", {"match": {"colour": "*"}}),
            ("agent", {"connected": True}),
            ("end-task", {}),
        ):
            with self.assertRaises(AssertionError, msg=verb):
                self.control(verb, **given)
        self.assertGreater(self.control("settings", preset="realistic")["registerSeconds"], 60)

    def test_leaks(self):
        """what is there is told, for checks of leaks"""
        ids = self.hosts(
            2,
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}],
        )
        self.define()
        self.run_task(startedBy="job-1")
        (region,) = self.control("state")["regions"]
        self.assertEqual(
            [(each["id"], each["tags"]) for each in region["instances"]],
            [(each, {"a": "b"}) for each in ids],
        )
        (cluster,) = region["clusters"]
        self.assertEqual([each["startedBy"] for each in cluster["tasks"]], ["job-1"])
        self.assertEqual(sorted(each["tasks"] for each in cluster["hosts"]), [0, 1])

    def test_subnet_addresses(self):
        """a subnet without addresses takes no instance"""
        self.control("subnet", id=SUBNETS[0], free=1)
        launch = {"ImageId": self.image(), "InstanceType": "m5.large", "SubnetId": SUBNETS[0]}
        ec2 = self.client("ec2")
        refused = {"MinCount": 2, "MaxCount": 2, **launch}
        self.refused("InsufficientFreeAddressesInSubnet", ec2.run_instances, **refused)
        self.assertEqual(len(ec2.run_instances(MinCount=1, MaxCount=2, **launch)["Instances"]), 1)


class Logs(DoubleTest):
    def test_events(self):
        """events in order, from both ends, by time; the end is reached when the token repeats"""
        logs = self.client("logs")
        logs.create_log_group(logGroupName="g")
        self.refused("ResourceAlreadyExistsException", logs.create_log_group, logGroupName="g")
        logs.create_log_stream(logGroupName="g", logStreamName="s")
        events = [{"timestamp": 1000 * at, "message": f"line {at}"} for at in range(1, 8)]
        logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)
        stream = {"logGroupName": "g", "logStreamName": "s"}
        found, token = [], None
        while True:
            more = {"nextToken": token} if token else {}
            answer = logs.get_log_events(**stream, startFromHead=True, limit=3, **more)
            found += [each["message"] for each in answer["events"]]
            if answer["nextForwardToken"] == token:
                break
            token = answer["nextForwardToken"]
        self.assertEqual(found, [f"line {at}" for at in range(1, 8)])
        tail = logs.get_log_events(**stream, limit=2)["events"]
        self.assertEqual([each["message"] for each in tail], ["line 6", "line 7"])
        middle = logs.get_log_events(**stream, startTime=3000, endTime=5000, startFromHead=True)[
            "events"
        ]
        self.assertEqual([each["message"] for each in middle], ["line 3", "line 4"])
        self.assertEqual(
            len(logs.filter_log_events(logGroupName="g", filterPattern="line 7")["events"]), 1
        )
        self.assertEqual(len(logs.describe_log_streams(logGroupName="g")["logStreams"]), 1)
        self.assertEqual(len(logs.describe_log_groups()["logGroups"]), 1)
        self.refused(
            "ResourceNotFoundException", logs.get_log_events, logGroupName="g", logStreamName="none"
        )
        self.refused(
            "InvalidParameterException", logs.get_log_events, nextToken="nonsense", **stream
        )
        logs.delete_log_group(logGroupName="g")
        self.refused("ResourceNotFoundException", logs.filter_log_events, logGroupName="g")


class Process(unittest.TestCase):
    def test_ends_with_parent(self):
        """the double ends when the process that started it does"""
        starter = subprocess.run(
            [sys.executable, "-c", STARTER, PROGRAM],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        pid = int(starter.stdout.split()[0])
        self.assertIn("listening", starter.stdout)
        end = time.monotonic() + 60
        while os.path.exists(f"/proc/{pid}") and time.monotonic() < end:
            time.sleep(0.05)
        self.assertFalse(os.path.exists(f"/proc/{pid}"))

    def test_help(self):
        """--help tells the options"""
        answer = subprocess.run(
            [sys.executable, PROGRAM, "--help"], capture_output=True, text=True, check=True
        )
        self.assertIn("--virtual-time", answer.stdout)


class Parallel(DoubleTest):
    OPTIONS = ()

    def test_clients(self):
        """several clients at once, each on a connection of its own"""
        faults = []

        def work(at):
            try:
                client = self.client("ecs", key=f"AKID{at}", secret="s")
                for turn in range(20):
                    client.create_cluster(clusterName=f"c{at}-{turn}")
            except Exception as fault:
                faults.append(json.dumps(str(fault)))

        for at in range(8):
            self.control("credential", accessKeyId=f"AKID{at}", secret="s")
            self.client("ecs", key=f"AKID{at}", secret="s")
        workers = [threading.Thread(target=work, args=(at,)) for at in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertEqual(faults, [])
        pages = self.client("ecs").get_paginator("list_clusters").paginate()
        self.assertEqual(sum(len(page["clusterArns"]) for page in pages), 160)
