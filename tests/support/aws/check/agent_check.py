"""Agents and tasks: registration, states, exit codes, stops, lost hosts, and tasks as real
processes."""
import os

import harness
from agent import agent_config
from harness import DoubleTest
from outcome import OOM

STOPPED = {
    "stopCode": "EssentialContainerExited",
    "stoppedReason": "Essential container in task exited",
}


class Registration(DoubleTest):
    def hosts_of(self, cluster="c1"):
        return self.client("ecs").list_container_instances(cluster=cluster)["containerInstanceArns"]

    def test_forms(self):
        """ecs.config is read of a script and of a MIME archive; the last line of a name counts"""
        self.assertEqual(
            agent_config(b"#!/bin/bash\necho ECS_CLUSTER=one >> /etc/ecs/ecs.config\n"),
            {"ECS_CLUSTER": "one"},
        )
        quoted = b"#!/bin/sh\necho 'ECS_CLUSTER=one' >>/etc/ecs/ecs.config\n"
        self.assertEqual(agent_config(quoted), {"ECS_CLUSTER": "one"})
        archive = (
            b'Content-Type: multipart/mixed; boundary="B"\nMIME-Version: 1.0\n\n'
            b"--B\nContent-Type: text/x-shellscript\n\n"
            b"#!/bin/sh\necho ECS_CLUSTER=users >>/etc/ecs/ecs.config\n"
            b"--B\nContent-Type: text/x-shellscript\n\n#!/bin/sh\ncat >>/etc/ecs/ecs.config <<'E'\n"
            b'ECS_CLUSTER=ours\nECS_INSTANCE_ATTRIBUTES={"a":"b"}\nE\n--B--\n'
        )
        self.assertEqual(
            agent_config(archive), {"ECS_CLUSTER": "ours", "ECS_INSTANCE_ATTRIBUTES": '{"a":"b"}'}
        )
        self.assertEqual(agent_config(b"[settings.ecs]\ncluster = 'bottlerocket'\n"), {})

    def test_delay(self):
        """an instance registers after its delay, with attributes and tags of its configuration"""
        self.control("settings", registerSeconds=60)
        ecs = self.client("ecs")
        self.hosts(lines=['ECS_CONTAINER_INSTANCE_TAGS={"owner":"me"}'])
        self.assertEqual(self.hosts_of(), [])
        self.advance(60)
        hosts = ecs.describe_container_instances(
            cluster="c1", containerInstances=self.hosts_of(), include=["TAGS"]
        )
        host = hosts["containerInstances"][0]
        self.assertEqual((host["status"], host["agentConnected"]), ("ACTIVE", True))
        self.assertEqual(host["tags"], [{"key": "owner", "value": "me"}])
        attributes = {each["name"]: each.get("value") for each in host["attributes"]}
        self.assertEqual(attributes["ecs.instance-type"], "m5.large")

    def test_hosts_that_never_come(self):
        """without a profile, an agent, a route, or the test's leave, no host registers"""
        self.client("ecs").create_cluster(clusterName="c1")
        self.control("subnet", id="subnet-alone", route="none")
        self.control("image", id="ami-0123456789abcdef0", agent=False)
        self.launch(IamInstanceProfile=None)
        self.launch(ImageId="ami-0123456789abcdef0")
        self.launch(SubnetId="subnet-alone")
        self.launch(cluster="elsewhere")
        self.advance(60)
        self.assertEqual(self.hosts_of(), [])
        self.control("settings", agentsRegister=False)
        self.launch()
        self.advance(60)
        self.assertEqual(self.hosts_of(), [])

    def test_late_cluster(self):
        """an agent whose cluster is not there yet tries again"""
        self.launch()
        self.advance(10)
        self.client("ecs").create_cluster(clusterName="c1")
        self.advance(2)
        self.assertEqual(len(self.hosts_of()), 1)


class Tasks(DoubleTest):
    def ended(self, arn, **wanted):
        task = self.task(arn)
        self.assertEqual(task["lastStatus"], "STOPPED")
        self.assertEqual({name: task.get(name) for name in wanted}, wanted)
        return task

    def test_life(self):
        """PENDING, RUNNING, STOPPED with times and an exit code; forgotten after an hour"""
        self.hosts()
        self.define()
        self.control("outcome", match={"family": "f"}, seconds=10, exitCode=7)
        task = self.run_task()
        arn = task["taskArn"]
        self.assertEqual((task["lastStatus"], task["desiredStatus"]), ("PENDING", "RUNNING"))
        self.advance(1)
        running = self.task(arn)
        self.assertEqual(running["lastStatus"], "RUNNING")
        self.assertGreater(running["version"], task["version"])
        self.assertNotIn("exitCode", running["containers"][0])
        self.advance(10)
        task = self.ended(arn, **STOPPED, desiredStatus="STOPPED")
        self.assertEqual(task["containers"][0]["exitCode"], 7)
        self.assertTrue(
            task["createdAt"] <= task["startedAt"] <= task["stoppingAt"] <= task["stoppedAt"]
        )
        self.assertEqual(
            self.client("ecs").list_tasks(cluster="c1", desiredStatus="STOPPED")["taskArns"], [arn]
        )
        self.advance(3600)
        missing = self.client("ecs").describe_tasks(cluster="c1", tasks=[arn])["failures"]
        self.assertEqual([each["reason"] for each in missing], ["MISSING"])

    def test_outcomes(self):
        """rules by family, command, environment and tag; for so many tasks; the newest counts"""
        self.hosts(kind="m5.4xlarge")
        self.define(command=["sh", "-c", "good"])
        self.control("outcome", match={"command": "*bad*"}, exitCode=2, reason="bad")
        self.control("outcome", match={"environment": {"JOB": "a*"}}, oom=True, count=1)
        self.control(
            "outcome",
            match={"tags": {"job": "7"}},
            startFault="CannotPullContainerError: no such image",
        )
        bad = {"containerOverrides": [{"name": "main", "command": ["bad"]}]}
        job = {
            "containerOverrides": [
                {"name": "main", "environment": [{"name": "JOB", "value": "a1"}]}
            ]
        }
        arns = [self.run_task(overrides=each)["taskArn"] for each in ({}, bad, job, job)]
        arns.append(self.run_task(tags=[{"key": "job", "value": "7"}])["taskArn"])
        self.advance(5)
        ends = [self.ended(arn) for arn in arns]
        codes = [
            (each["containers"][0].get("exitCode"), each["containers"][0].get("reason"))
            for each in ends
        ]
        self.assertEqual(codes[:4], [(0, None), (2, "bad"), (137, OOM), (0, None)])
        self.assertEqual(codes[4], (None, "CannotPullContainerError: no such image"))
        self.assertEqual(ends[4]["stopCode"], "TaskFailedToStart")
        self.assertNotIn("startedAt", ends[4])

    def test_stop(self):
        """StopTask: the reason, UserInitiated, SIGTERM's code, or SIGKILL's after stopTimeout"""
        ecs = self.client("ecs")
        self.hosts()
        self.control("settings", taskSeconds=None)
        self.control("outcome", match={"family": "deaf"}, stopSeconds=100)
        self.define()
        self.define("deaf", stopTimeout=20)
        arns = [self.run_task(family)["taskArn"] for family in ("f", "deaf")]
        self.advance(1)
        for arn in arns:
            ecs.stop_task(cluster="c1", task=arn, reason="no longer wanted")
        self.advance(1)
        self.assertEqual(
            self.ended(arns[0], stopCode="UserInitiated", stoppedReason="no longer wanted")[
                "containers"
            ][0]["exitCode"],
            143,
        )
        self.assertEqual(self.task(arns[1])["lastStatus"], "DEACTIVATING")
        self.advance(20)
        self.assertEqual(self.ended(arns[1])["containers"][0]["exitCode"], 137)

    def test_stop_before_start(self):
        """a task that is stopped before it starts has no exit code"""
        self.hosts()
        self.control("settings", taskStartSeconds=60)
        self.define()
        arn = self.run_task()["taskArn"]
        self.client("ecs").stop_task(cluster="c1", task=arn)
        self.advance(1)
        self.assertNotIn("exitCode", self.ended(arn, stopCode="UserInitiated")["containers"][0])
        self.advance(100)
        self.assertEqual(self.ended(arn)["stopCode"], "UserInitiated")

    def test_host_lost(self):
        """tasks of a terminated instance stop with its text and without an exit code"""
        ecs = self.client("ecs")
        self.control("settings", taskSeconds=None)
        (instance_id,) = self.hosts()
        self.define()
        arn = self.run_task()["taskArn"]
        self.advance(1)
        self.client("ec2").terminate_instances(InstanceIds=[instance_id])
        self.assertEqual(self.task(arn)["lastStatus"], "RUNNING")
        self.advance(1)
        task = self.ended(arn, stoppedReason=f"Host EC2 (instance {instance_id}) terminated.")
        self.assertNotIn("exitCode", task["containers"][0])
        self.assertEqual(ecs.list_container_instances(cluster="c1")["containerInstanceArns"], [])
        (host,) = ecs.describe_container_instances(
            cluster="c1", containerInstances=[task["containerInstanceArn"]]
        )["containerInstances"]
        self.assertEqual((host["status"], host["agentConnected"]), ("INACTIVE", False))

    def test_spot(self):
        """a notice drains the host, whose tasks run on until it is reclaimed"""
        ecs = self.client("ecs")
        self.control("settings", taskSeconds=None)
        spot = {"InstanceMarketOptions": {"MarketType": "spot"}}
        ids = self.hosts(2, lines=["ECS_ENABLE_SPOT_INSTANCE_DRAINING=true"], **spot)
        self.define()
        arn = self.run_task()["taskArn"]
        self.advance(1)
        self.assertEqual(
            sorted(self.control("spot-notice", market="spot")["instances"]), sorted(ids)
        )
        self.assertEqual(
            len(
                ecs.list_container_instances(cluster="c1", status="DRAINING")[
                    "containerInstanceArns"
                ]
            ),
            2,
        )
        self.advance(119)
        self.assertEqual(self.task(arn)["lastStatus"], "RUNNING")
        self.advance(2)
        self.assertIn("terminated.", self.ended(arn)["stoppedReason"])
        self.assertEqual(
            self.instance(ids[0])["StateReason"]["Code"], "Server.SpotInstanceTermination"
        )

    def test_disconnected(self):
        """what happens on a host that is not heard of is told when it is back"""
        (instance_id,) = self.hosts()
        self.control("settings", taskSeconds=5)
        self.define()
        arns = [self.run_task()["taskArn"] for _ in range(2)]
        self.advance(1)
        self.control("agent", ids=[instance_id], connected=False)
        self.client("ecs").stop_task(cluster="c1", task=arns[1])
        self.advance(10)
        self.assertEqual(self.task(arns[0])["lastStatus"], "RUNNING")
        self.control("agent", ids=[instance_id], connected=True)
        self.advance(1)
        self.ended(arns[0], **STOPPED)
        self.ended(arns[1], stopCode="UserInitiated")

    def test_containers(self):
        """the end of an essential container stops the others, that of another one does not"""
        self.hosts()
        containers = [
            {"name": name, "image": "i", "memory": 100, "essential": name != "side"}
            for name in ("main", "side", "watch")
        ]
        self.client("ecs").register_task_definition(family="many", containerDefinitions=containers)
        own = {
            "main": {"seconds": 10, "exitCode": 3},
            "side": {"seconds": 2, "exitCode": 9},
            "watch": {"seconds": None},
        }
        self.control("outcome", match={"family": "many"}, containers=own)
        arn = self.run_task("many")["taskArn"]
        self.advance(5)
        task = self.task(arn)
        self.assertEqual((task["lastStatus"], task["containers"][1]["exitCode"]), ("RUNNING", 9))
        self.advance(6)
        self.assertEqual(
            [each["exitCode"] for each in self.ended(arn, **STOPPED)["containers"]], [3, 9, 143]
        )

    def test_scripted_end(self):
        """a test ends tasks, and instances, as it likes"""
        self.control("settings", taskSeconds=None)
        (instance_id,) = self.hosts()
        self.define()
        arns = [self.run_task()["taskArn"] for _ in range(2)]
        self.advance(1)
        self.control("end-task", ids=arns[:1], exitCode=4)
        self.advance(1)
        self.assertEqual(self.ended(arns[0])["containers"][0]["exitCode"], 4)
        self.control("end-instance", ids=[instance_id], code="Server.InternalError")
        self.advance(1)
        self.ended(arns[1])
        self.assertEqual(self.instance(instance_id)["StateReason"]["Code"], "Server.InternalError")


class ChinaTasks(Tasks):
    REGION = "cn-north-1"


class GovernmentTasks(Tasks):
    REGION = "us-gov-west-1"


class Processes(DoubleTest):
    """Tasks as real processes, in real time."""

    OPTIONS = ()

    def setUp(self):
        super().setUp()
        self.start_hosts()

    def start_hosts(self):
        self.control("settings", runner="process")
        self.client("ecs").create_cluster(clusterName="c1")
        self.launch(2, lines=['ECS_AVAILABLE_LOGGING_DRIVERS=["json-file","awslogs","none"]'])
        self.until("a host", lambda: len(self.state()["hosts"]) == 2)

    def state(self):
        return self.control("state")["regions"][0]["clusters"][0]

    def shell(self, text, family="f", volumes=(), **container):
        """Registers a definition that runs text with sh."""
        options = {
            "awslogs-group": "jobs",
            "awslogs-region": "us-east-1",
            "awslogs-stream-prefix": family,
            "awslogs-create-group": "true",
        }
        body = {
            "name": "main",
            "image": "busybox",
            "memory": 100,
            "command": ["sh", "-c", text],
            "logConfiguration": {"logDriver": "awslogs", "options": options},
            **container,
        }
        self.client("ecs").register_task_definition(
            family=family, containerDefinitions=[body], volumes=list(volumes)
        )
        return family

    def end_of(self, arn):
        return self.until(
            "the end of a task",
            lambda: self.task(arn)["lastStatus"] == "STOPPED" and self.task(arn),
        )

    def lines(self, task, family="f"):
        stream = f"{family}/main/{task['taskArn'].rsplit('/', 1)[1]}"
        events = self.client("logs").get_log_events(
            logGroupName="jobs", logStreamName=stream, startFromHead=True
        )
        return [each["message"] for each in events["events"]]

    def test_command(self):
        """a command runs with its environment, its lines are logged, its exit code is told"""
        self.shell(
            'echo "$GREETING $0"; echo to-stderr >&2; exit 5',
            environment=[{"name": "GREETING", "value": "hello"}],
        )
        task = self.end_of(self.run_task()["taskArn"])
        self.assertEqual(task["containers"][0]["exitCode"], 5)
        self.assertEqual(self.lines(task), ["hello sh", "to-stderr"])
        override = {
            "containerOverrides": [
                {"name": "main", "command": ["sh", "-c", "echo $GREETING; kill -9 $$"]}
            ]
        }
        override["containerOverrides"][0]["environment"] = [{"name": "GREETING", "value": "bye"}]
        task = self.end_of(self.run_task(overrides=override)["taskArn"])
        self.assertEqual((self.lines(task), task["containers"][0]["exitCode"]), (["bye"], 137))
        log = self.client("logs").filter_log_events(logGroupName="jobs", filterPattern="hello")
        self.assertEqual(len(log["events"]), 1)

    def test_own_disk(self):
        """nothing is shared between tasks but a directory of EFS"""
        if not self.double.has_roots:
            self.skipTest("roots of their own need root and unshare")
        efs = {"name": "shared", "efsVolumeConfiguration": {"fileSystemId": "fs-12345678"}}
        mounts = [{"sourceVolume": "shared", "containerPath": "/mnt/shared"}]
        self.shell(
            "echo one >/tmp/own; echo two >/mnt/shared/both; echo three >/left",
            "write",
            [efs],
            mountPoints=mounts,
        )
        self.shell(
            "ls /tmp; ls /left; cat /mnt/shared/both; pwd; touch /usr/x",
            "read",
            [efs],
            mountPoints=mounts,
        )
        self.assertEqual(
            self.end_of(self.run_task("write")["taskArn"])["containers"][0]["exitCode"], 0
        )
        lines = self.lines(self.end_of(self.run_task("read")["taskArn"]), "read")
        self.assertEqual(
            [line for line in lines if "cannot" not in line and "No such" not in line], ["two", "/"]
        )
        self.assertTrue(any("/left" in line for line in lines))
        self.assertTrue(any("Read-only" in line for line in lines), lines)

    def test_stop(self):
        """StopTask sends SIGTERM, and SIGKILL after stopTimeout"""
        self.shell(
            'trap "echo stopping; exit 9" TERM; echo up; while :; do sleep 0.05; done', "polite"
        )
        self.shell('trap "" TERM; echo up; while :; do sleep 0.05; done', "deaf", stopTimeout=2)
        for family, code in (("polite", 9), ("deaf", 137)):
            task = self.run_task(family)
            self.until("the start", lambda: self.logged(task, family))
            self.client("ecs").stop_task(cluster="c1", task=task["taskArn"])
            self.assertEqual(self.end_of(task["taskArn"])["containers"][0]["exitCode"], code)

    def logged(self, task, family):
        names = self.control("state")["regions"][0]["logGroups"].get("jobs", [])
        return any(task["taskArn"].rsplit("/", 1)[1] in name for name in names) and self.lines(
            task, family
        )

    def test_missing(self):
        """a missing command ends with 127; a missing log group or secret fails the start"""
        self.shell("", command=["/no/such/command"])
        self.assertEqual(self.end_of(self.run_task()["taskArn"])["containers"][0]["exitCode"], 127)
        options = {"awslogs-group": "none", "awslogs-region": "us-east-1"}
        self.shell("true", logConfiguration={"logDriver": "awslogs", "options": options})
        task = self.end_of(self.run_task()["taskArn"])
        self.assertEqual(task["stopCode"], "TaskFailedToStart")
        self.assertIn("CannotStartContainerError", task["containers"][0]["reason"])
        self.shell("echo $PASSWORD", secrets=[{"name": "PASSWORD", "valueFrom": "/secret"}])
        self.assertIn(
            "ResourceInitializationError", self.end_of(self.run_task()["taskArn"])["stoppedReason"]
        )
        self.control("parameter", name="/secret", value="hunter2")
        self.assertEqual(self.lines(self.end_of(self.run_task()["taskArn"])), ["hunter2"])

    def test_lost_host(self):
        """the processes of a host die with it"""
        self.shell("echo up; while :; do sleep 0.05; done")
        task = self.run_task()
        self.until("the start", lambda: self.logged(task, "f"))
        instance_id = next(each["instance"] for each in self.state()["tasks"])
        self.control("end-instance", ids=[instance_id])
        self.assertIn(instance_id, self.end_of(task["taskArn"])["stoppedReason"])

    def test_killed(self):
        """a double that is killed leaves no process behind"""
        double = harness.Double()
        try:
            self.double, self.control = double, double.control
            self.start_hosts()
            self.shell("echo $$; exec sleep 1000")
            task = self.run_task()
            (pid,) = self.until("the start", lambda: self.logged(task, "f"))
        finally:
            double.process.kill()
            double.end()
            self.double = harness.double()
            self.control = self.double.control
        self.until("its end", lambda: not os.path.exists(f"/proc/{pid}"))

    def test_order(self):
        """a container waits for the success of the one that it depends on"""
        log = {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": "jobs",
                "awslogs-region": "us-east-1",
                "awslogs-stream-prefix": "f",
                "awslogs-create-group": "true",
            },
        }

        def container(name, text, **more):
            return {
                "name": name,
                "image": "i",
                "memory": 100,
                "command": ["sh", "-c", text],
                "logConfiguration": log,
                **more,
            }

        before = [{"containerName": "first", "condition": "SUCCESS"}]
        containers = [
            container("main", "echo second", dependsOn=before),
            container("first", "sleep 0.2; echo first", essential=False),
        ]
        self.client("ecs").register_task_definition(family="two", containerDefinitions=containers)
        task = self.end_of(self.run_task("two")["taskArn"])
        self.assertEqual([each["exitCode"] for each in task["containers"]], [0, 0])
        events = self.client("logs").filter_log_events(logGroupName="jobs")["events"]
        self.assertEqual([each["message"] for each in events], ["first", "second"])
