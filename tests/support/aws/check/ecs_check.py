"""ECS: clusters, task definitions, placement, limits, tokens, tags, the query language."""
import placement
from errors import AwsError
from harness import SUBNETS, DoubleTest

FARGATE = {
    "requiresCompatibilities": ["FARGATE"],
    "networkMode": "awsvpc",
    "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
}
NETWORK = {"awsvpcConfiguration": {"subnets": SUBNETS[:1]}}


class Clusters(DoubleTest):
    def test_life(self):
        """an ACTIVE cluster of a name is returned as it is; a deleted one is made anew"""
        ecs = self.client("ecs")
        tags = [{"key": "owner", "value": "me"}]
        ecs.create_cluster(clusterName="c", tags=tags)
        again = ecs.create_cluster(clusterName="c", tags=[{"key": "owner", "value": "other"}])[
            "cluster"
        ]
        self.assertEqual(again["tags"], tags)
        answer = ecs.describe_clusters(clusters=["c", "none"], include=["TAGS"])
        self.assertEqual(answer["clusters"][0]["tags"], tags)
        self.assertEqual([each["reason"] for each in answer["failures"]], ["MISSING"])
        ecs.delete_cluster(cluster="c")
        self.assertEqual(ecs.describe_clusters(clusters=["c"])["clusters"][0]["status"], "INACTIVE")
        self.refused("ClusterNotFoundException", ecs.list_tasks, cluster="c")
        self.assertEqual(ecs.list_clusters()["clusterArns"], [])
        self.assertEqual(ecs.create_cluster(clusterName="c")["cluster"]["tags"], [])

    def test_in_use(self):
        """a cluster with hosts or tasks cannot be deleted"""
        ecs = self.client("ecs")
        self.hosts()
        self.refused("ClusterContainsContainerInstancesException", ecs.delete_cluster, cluster="c1")
        self.control("settings", taskSeconds=None)
        self.define()
        self.run_task()
        host = ecs.list_container_instances(cluster="c1")["containerInstanceArns"][0]
        self.refused(
            "InvalidParameterException",
            ecs.deregister_container_instance,
            cluster="c1",
            containerInstance=host,
        )
        ecs.deregister_container_instance(cluster="c1", containerInstance=host, force=True)
        self.refused("ClusterContainsTasksException", ecs.delete_cluster, cluster="c1")

    def test_pages(self):
        """lists come in pages, small ones where a test asks"""
        ecs = self.client("ecs")
        self.control("settings", pageMax=3)
        for at in range(8):
            ecs.create_cluster(clusterName=f"c{at}")
        pages = list(ecs.get_paginator("list_clusters").paginate())
        self.assertEqual([len(page["clusterArns"]) for page in pages], [3, 3, 2])
        self.refused("InvalidParameterException", ecs.list_clusters, nextToken="nonsense")
        self.refused("InvalidParameterException", ecs.list_clusters, maxResults=101)

    def test_consistency(self):
        """with a delay a new cluster, definition and task are MISSING"""
        ecs = self.client("ecs")
        self.hosts()
        self.define()
        self.control("settings", consistencySeconds=20, taskSeconds=None)
        self.advance(30)
        task = self.run_task()["taskArn"]
        self.assertEqual(
            ecs.describe_tasks(cluster="c1", tasks=[task])["failures"][0]["reason"], "MISSING"
        )
        self.assertEqual(ecs.list_tasks(cluster="c1")["taskArns"], [])
        ecs.create_cluster(clusterName="c2")
        self.assertEqual(ecs.describe_clusters(clusters=["c2"])["failures"][0]["reason"], "MISSING")
        self.advance(30)
        self.assertEqual(ecs.list_tasks(cluster="c1")["taskArns"], [task])

    def test_tags(self):
        """tags of clusters, definitions and tasks; StopTask takes a task's away"""
        ecs = self.client("ecs")
        self.control("settings", taskSeconds=None)
        self.hosts()
        definition = self.define()
        task = self.run_task(tags=[{"key": "m/job", "value": "7"}])["taskArn"]
        for arn in (
            definition,
            task,
            ecs.describe_clusters(clusters=["c1"])["clusters"][0]["clusterArn"],
        ):
            ecs.tag_resource(
                resourceArn=arn, tags=[{"key": "lease", "value": "a@b"}, {"key": "x", "value": "y"}]
            )
            ecs.untag_resource(resourceArn=arn, tagKeys=["x"])
            self.assertIn(
                {"key": "lease", "value": "a@b"},
                ecs.list_tags_for_resource(resourceArn=arn)["tags"],
            )
        self.assertEqual(len(self.task(task, include=["TAGS"])["tags"]), 2)
        ecs.stop_task(cluster="c1", task=task)
        self.assertEqual(self.task(task, include=["TAGS"])["tags"], [])
        bad = {"resourceArn": definition, "tags": [{"key": "a", "value": "no;semicolon"}]}
        self.refused("InvalidParameterException", ecs.tag_resource, **bad)


class Definitions(DoubleTest):
    def register(self, refused=None, **more):
        body = {
            "family": "f",
            "containerDefinitions": [{"name": "main", "image": "i", "memory": 100}],
            **more,
        }
        call = self.client("ecs").register_task_definition
        return self.refused(refused, call, **body) if refused else call(**body)["taskDefinition"]

    def test_revisions(self):
        """each registration is a revision; INACTIVE ones do not run"""
        ecs = self.client("ecs")
        first, second = self.register(), self.register()
        self.assertEqual((first["revision"], second["revision"]), (1, 2))
        self.assertEqual(
            ecs.describe_task_definition(taskDefinition="f")["taskDefinition"]["revision"], 2
        )
        ecs.deregister_task_definition(taskDefinition="f:2")
        self.assertEqual(
            ecs.describe_task_definition(taskDefinition="f")["taskDefinition"]["revision"], 1
        )
        self.assertEqual(
            ecs.list_task_definitions(status="INACTIVE")["taskDefinitionArns"],
            [second["taskDefinitionArn"]],
        )
        self.assertEqual(ecs.list_task_definition_families()["families"], ["f"])
        ecs.create_cluster(clusterName="c1")
        self.refused("ClientException", ecs.run_task, cluster="c1", taskDefinition="f:2")
        self.refused("ClientException", ecs.run_task, cluster="c1", taskDefinition="none")
        if hasattr(ecs, "delete_task_definitions"):
            answer = ecs.delete_task_definitions(taskDefinitions=["f:1", "f:2", "f:9"])
            self.assertEqual(len(answer["taskDefinitions"]), 1)
            self.assertEqual(len(answer["failures"]), 2)

    def test_refusals(self):
        """definitions that ECS does not take"""

        def container(**more):
            return [{"name": "main", "image": "i", "memory": 100, **more}]

        self.register("ClientException", family="not allowed")
        self.register("ClientException", containerDefinitions=[])
        self.register("ClientException", containerDefinitions=[{"name": "main", "image": "i"}])
        self.register("ClientException", containerDefinitions=container() * 2)
        self.register("ClientException", containerDefinitions=container(essential=False))
        self.register(
            "ClientException", containerDefinitions=container(mountPoints=[{"sourceVolume": "v"}])
        )
        self.register("ClientException", containerDefinitions=container(command=["x" * 70000]))
        needs = [{"type": "GPU", "value": "half"}]
        self.register("ClientException", containerDefinitions=container(resourceRequirements=needs))
        log = {"logDriver": "awslogs", "options": {}}
        self.register("ClientException", containerDefinitions=container(logConfiguration=log))
        efs = {"fileSystemId": "fs-1", "authorizationConfig": {"accessPointId": "fsap-1"}}
        self.register("ClientException", volumes=[{"name": "v", "efsVolumeConfiguration": efs}])

    def test_fargate_grid(self):
        """Fargate takes the sizes of its grid, awsvpc, and neither GPUs nor host volumes"""
        for cpu, memory, is_good in (
            ("256", "512", True),
            ("256", "1536", False),
            ("512", "4096", True),
            ("512", "5120", False),
            ("4096", "30720", True),
            ("8192", "17408", False),
            ("8192", "20480", True),
            ("16384", "122880", True),
            ("300", "512", False),
            ("1 vCPU", "2 GB", True),
        ):
            with self.subTest(cpu=cpu, memory=memory):
                self.register(
                    None if is_good else "ClientException", cpu=cpu, memory=memory, **FARGATE
                )
        size = {"cpu": "256", "memory": "512"}
        self.register("ClientException", **size, **{**FARGATE, "networkMode": "bridge"})
        volume = {"name": "v", "host": {"sourcePath": "/data"}}
        self.register("ClientException", volumes=[volume], **size, **FARGATE)
        gpu = [
            {"name": "main", "image": "i", "resourceRequirements": [{"type": "GPU", "value": "1"}]}
        ]
        self.register("ClientException", containerDefinitions=gpu, **size, **FARGATE)


class Placement(DoubleTest):
    def setUp(self):
        super().setUp()
        self.control("settings", taskSeconds=None)

    def reasons(self, **more):
        answer = self.client("ecs").run_task(**{"cluster": "c1", "taskDefinition": "f", **more})
        self.assertEqual(answer["tasks"], [])
        return [each["reason"] for each in answer["failures"]]

    def on(self, instance_id):
        return [{"type": "memberOf", "expression": f"ec2InstanceId == {instance_id}"}]

    def test_resources(self):
        """a host registers what its type has; tasks take of it and give back"""
        ecs = self.client("ecs")
        (instance_id,) = self.hosts(lines=["ECS_RESERVED_MEMORY=32"])
        self.define(cpu=1024, memory=1000)

        def host():
            arns = ecs.list_container_instances(cluster="c1")["containerInstanceArns"]
            return ecs.describe_container_instances(cluster="c1", containerInstances=arns)[
                "containerInstances"
            ][0]

        def amounts(member):
            return [each["integerValue"] for each in host()[member][:2]]

        cpu, memory = amounts("registeredResources")
        self.assertEqual(cpu, 2048)
        self.assertTrue(7500 < memory < 8192 - 32)
        self.assertEqual(host()["ec2InstanceId"], instance_id)
        tasks = [self.run_task()["taskArn"] for _ in range(2)]
        self.assertEqual(amounts("remainingResources"), [0, memory - 2000])
        self.assertEqual(self.reasons(), ["RESOURCE:CPU"])
        ecs.stop_task(cluster="c1", task=tasks[0])
        self.advance(1)
        self.assertEqual(amounts("remainingResources"), [1024, memory - 1000])
        self.define("big", cpu=1, memory=8192)
        self.assertEqual(self.reasons(taskDefinition="big"), ["RESOURCE:MEMORY"])

    def test_gpus(self):
        """GPUs are whole devices with ids, exclusive to a task; a GPU image is what brings them"""
        self.client("ecs").create_cluster(clusterName="c1")
        self.hosts(kind="g4dn.12xlarge", ImageId=self.image("amazon-linux-2023/gpu"))
        self.hosts(kind="g4dn.12xlarge")
        needs = [{"type": "GPU", "value": "3"}]
        self.define(resourceRequirements=needs)
        first = self.run_task()
        self.assertEqual(len(set(first["containers"][0]["gpuIds"])), 3)
        self.assertEqual(self.reasons(), ["RESOURCE:GPU"] * 2)
        one = {
            "containerOverrides": [
                {"name": "main", "resourceRequirements": [{"type": "GPU", "value": "1"}]}
            ]
        }
        second = self.run_task(overrides=one)
        taken = {*first["containers"][0]["gpuIds"], *second["containers"][0]["gpuIds"]}
        self.assertEqual(len(taken), 4)
        self.assertEqual(second["containerInstanceArn"], first["containerInstanceArn"])

    def test_constraints(self):
        """a task goes where its constraint says, and nowhere else"""
        ids = self.hosts(3, lines=['ECS_INSTANCE_ATTRIBUTES={"pool":"blue"}'])
        self.define()
        for instance_id in ids:
            task = self.run_task(placementConstraints=self.on(instance_id))
            hosts = self.control("state")["regions"][0]["clusters"][0]["hosts"]
            self.assertEqual(
                {each["instance"] for each in hosts if each["arn"] == task["containerInstanceArn"]},
                {instance_id},
            )
        blue = [
            {
                "type": "memberOf",
                "expression": "attribute:pool == blue and attribute:ecs.instance-type =~ m5.*",
            }
        ]
        self.run_task(placementConstraints=blue)
        red = [{"type": "memberOf", "expression": "attribute:pool == red"}]
        self.assertEqual(
            self.reasons(placementConstraints=red), ["MemberOf placement constraint unsatisfied"]
        )
        gone = self.on("i-00000000000000000")
        self.assertEqual(
            self.reasons(placementConstraints=gone), ["MemberOf placement constraint unsatisfied"]
        )

    def test_hosts_that_do_not_take(self):
        """a draining host, one that is not heard of, one without the log driver"""
        ecs = self.client("ecs")
        ids = self.hosts(3)
        self.define()
        arns = ecs.list_container_instances(cluster="c1")["containerInstanceArns"]
        ecs.update_container_instances_state(
            cluster="c1", containerInstances=arns[:1], status="DRAINING"
        )
        self.control("agent", ids=ids[1:2], connected=False)
        self.assertEqual(self.reasons(placementConstraints=self.on(ids[0])), ["INACTIVE"])
        self.assertEqual(self.reasons(placementConstraints=self.on(ids[1])), ["AGENT"])
        log = {
            "logDriver": "awslogs",
            "options": {"awslogs-group": "g", "awslogs-region": "us-east-1"},
        }
        self.define("logged", logConfiguration=log)
        self.assertEqual(
            self.reasons(taskDefinition="logged", placementConstraints=self.on(ids[2])),
            ["ATTRIBUTE"],
        )
        draining = ecs.list_container_instances(cluster="c1", status="DRAINING")[
            "containerInstanceArns"
        ]
        self.assertEqual(draining, arns[:1])
        ecs.put_attributes(
            cluster="c1",
            attributes=[
                {
                    "name": "mine",
                    "value": "1",
                    "targetId": arns[2],
                    "targetType": "container-instance",
                }
            ],
        )
        self.assertEqual(
            ecs.list_container_instances(cluster="c1", filter="attribute:mine == 1")[
                "containerInstanceArns"
            ],
            arns[2:],
        )
        self.assertEqual(
            len(
                ecs.list_attributes(
                    cluster="c1", targetType="container-instance", attributeName="mine"
                )["attributes"]
            ),
            1,
        )

    def test_tokens(self):
        """a client token starts one task, and conflicts with other parameters"""
        ecs = self.client("ecs")
        # botocore 1.29 does not know the member; a string as any other.
        members = ecs.meta.service_model.operation_model("RunTask").input_shape.members
        members.setdefault("clientToken", members["startedBy"])
        self.hosts()
        self.define()
        first = self.run_task(clientToken="t1", startedBy="job-1")
        self.assertEqual(
            self.run_task(clientToken="t1", startedBy="job-1")["taskArn"], first["taskArn"]
        )
        other = {"cluster": "c1", "taskDefinition": "f", "clientToken": "t1", "startedBy": "job-2"}
        self.refused("ConflictException", ecs.run_task, **other)
        self.assertEqual(len(ecs.list_tasks(cluster="c1")["taskArns"]), 1)

    def test_limits(self):
        """limits of RunTask, StartTask, DescribeTasks and of the container instances' calls"""
        ecs = self.client("ecs")
        self.define()
        run = {"cluster": "c1", "taskDefinition": "f"}
        self.refused("ClusterNotFoundException", ecs.run_task, **run)
        ecs.create_cluster(clusterName="c1")
        self.refused("InvalidParameterException", ecs.run_task, **run)  # no container instances
        self.hosts()
        big = {"containerOverrides": [{"name": "main", "command": ["x" * 8192]}]}
        none = {"containerOverrides": [{"name": "none"}]}
        for change in (
            {"count": 11},
            {"count": 0},
            {"startedBy": "x" * 129},
            {"overrides": big},
            {"overrides": none},
        ):
            self.refused("InvalidParameterException", ecs.run_task, **run, **change)
        names = ["x"] * 101
        self.refused("InvalidParameterException", ecs.describe_tasks, cluster="c1", tasks=names)
        self.refused("InvalidParameterException", ecs.describe_tasks, cluster="c1", tasks=[])
        self.refused(
            "InvalidParameterException",
            ecs.describe_container_instances,
            cluster="c1",
            containerInstances=names,
        )
        self.refused(
            "InvalidParameterException", ecs.start_task, **run, containerInstances=names[:11]
        )
        self.refused(
            "InvalidParameterException",
            ecs.start_task,
            **run,
            containerInstances=["x"],
            startedBy="x" * 37,
        )
        drain = {"cluster": "c1", "containerInstances": names[:11], "status": "DRAINING"}
        self.refused("InvalidParameterException", ecs.update_container_instances_state, **drain)
        both = {"startedBy": "x", "family": "f"}
        self.refused("InvalidParameterException", ecs.list_tasks, cluster="c1", **both)
        self.refused("InvalidParameterException", ecs.stop_task, cluster="c1", task="none")

    def test_count(self):
        """count places several, spread over the hosts; the rest are failures"""
        self.hosts(2)
        self.define(cpu=1024, memory=100)
        answer = self.client("ecs").run_task(cluster="c1", taskDefinition="f", count=5)
        self.assertEqual(len(answer["tasks"]), 4)
        self.assertEqual({each["reason"] for each in answer["failures"]}, {"RESOURCE:CPU"})
        hosts = [each["containerInstanceArn"] for each in answer["tasks"]]
        self.assertEqual({hosts.count(each) for each in hosts}, {2})

    def test_start_task(self):
        """StartTask goes to the hosts that it names, with a failure for each that cannot"""
        ecs = self.client("ecs")
        self.hosts()
        self.define(cpu=2048)
        host = ecs.list_container_instances(cluster="c1")["containerInstanceArns"][0]
        more = {"cluster": "c1", "taskDefinition": "f", "startedBy": "attempt-1"}
        answer = ecs.start_task(containerInstances=[host, "0" * 32], **more)
        self.assertEqual(
            (len(answer["tasks"]), [each["reason"] for each in answer["failures"]]),
            (1, ["MISSING"]),
        )
        self.assertEqual(
            [
                each["reason"]
                for each in ecs.start_task(containerInstances=[host], **more)["failures"]
            ],
            ["RESOURCE:CPU"],
        )
        self.assertEqual(
            ecs.list_tasks(cluster="c1", startedBy="attempt-1")["taskArns"],
            [answer["tasks"][0]["taskArn"]],
        )
        self.assertEqual(ecs.list_tasks(cluster="c1", desiredStatus="STOPPED")["taskArns"], [])

    def test_fargate(self):
        """Fargate: a launch type or providers, capacity of its own, no constraints"""
        ecs = self.client("ecs")
        ecs.create_cluster(clusterName="c1", capacityProviders=["FARGATE"])
        body = {
            "family": "f",
            "containerDefinitions": [{"name": "main", "image": "i"}],
            "cpu": "256",
            "memory": "512",
        }
        ecs.register_task_definition(**body, **FARGATE)
        run = {"cluster": "c1", "taskDefinition": "f", "networkConfiguration": NETWORK}
        spot = {"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]}
        self.refused(
            "InvalidParameterException",
            ecs.run_task,
            cluster="c1",
            taskDefinition="f",
            launchType="FARGATE",
        )
        self.refused("InvalidParameterException", ecs.run_task, **run, **spot)
        self.refused("InvalidParameterException", ecs.run_task, **run, **spot, launchType="FARGATE")
        ecs.put_cluster_capacity_providers(
            cluster="c1",
            capacityProviders=["FARGATE", "FARGATE_SPOT"],
            defaultCapacityProviderStrategy=[],
        )
        self.control("fargate", spotCapacity=1)
        answer = ecs.run_task(**run, **spot, count=2)
        self.assertEqual((len(answer["tasks"]), len(answer["failures"])), (1, 1))
        self.assertIn("Capacity is unavailable", answer["failures"][0]["reason"])
        arn = answer["tasks"][0]["taskArn"]
        self.assertEqual(answer["tasks"][0]["lastStatus"], "PROVISIONING")
        self.advance(1)
        self.assertEqual(self.task(arn)["lastStatus"], "RUNNING")
        self.control("interrupt-task", provider="FARGATE_SPOT")
        self.advance(1)
        task = self.task(arn)
        self.assertEqual(
            (task["stopCode"], task["stoppedReason"]),
            ("SpotInterruption", "Your Spot Task was interrupted."),
        )
        self.assertEqual(len(ecs.run_task(**run, **spot)["tasks"]), 1)


class Host:
    def __init__(self, **facts):
        self.facts = facts

    def values(self, subject):
        return self.facts.get(subject.replace("attribute:", ""))


class Language(DoubleTest):
    def test_expressions(self):
        """the query language: comparisons, lists, and, or, not, brackets"""
        host = Host(ec2InstanceId=["i-1"], colour=["red"], size=["7"])
        for text, wanted in (
            ("ec2InstanceId == i-1", True),
            ("ec2InstanceId in ['i-2', i-1]", True),
            ("ec2InstanceId in [i-2,i-3]", False),
            ("attribute:colour != red", False),
            ("attribute:colour not_in [blue]", True),
            ("attribute:size >= 7 and attribute:size < 10", True),
            ("attribute:colour =~ r.d", True),
            ("not (attribute:colour == red or attribute:size == 1)", False),
            ("attribute:none exists", False),
            ("attribute:colour exists", True),
        ):
            self.assertEqual(placement.parse(text)(host), wanted, text)
        for text in ("ec2InstanceId", "ec2InstanceId ==", "a == b c", "a in [b", "(a == b"):
            with self.assertRaises(AwsError):
                placement.parse(text)
