"""Job definitions: registered, described, deregistered."""
from harness import NEEDS, ApiTest

MANIFESTS = """
apiVersion: muster/v1
kind: JobDefinition
metadata: {name: ours}
spec: {type: container, containerProperties: {command: ["true"], resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "16"}]}}
"""


class Definitions(ApiTest):
    manifests = MANIFESTS

    def described(self, **members):
        return self.client.describe_job_definitions(**members)["jobDefinitions"]

    def revisions(self, **members):
        return [(each["jobDefinitionName"], each["revision"], each["status"]) for each in self.described(**members)]

    def exported(self, name):
        documents = self.muster("export", "job-definitions").split("---\n")
        return next(each for each in documents if f"name: {name}\n" in each)

    def test_register(self):
        """RegisterJobDefinition: each registration is a revision, also of equal content"""
        first = self.register("twice")
        again = self.register("twice")
        self.assertEqual((first["revision"], again["revision"]), (1, 2))
        self.assertTrue(again["jobDefinitionArn"].endswith(":job-definition/twice:2"))
        self.assertEqual(again["jobDefinitionName"], "twice")
        other = self.register("twice", ["false"])
        self.assertEqual(other["revision"], 3)
        self.assertEqual(
            self.revisions(jobDefinitionName="twice"),
            [("twice", 3, "ACTIVE"), ("twice", 2, "ACTIVE"), ("twice", 1, "ACTIVE")],
        )
        self.assertIn("registered again", self.muster("history", "JobDefinition/twice"))
        self.assertIn("[\"false\"]", self.exported("twice"))

    def test_members(self):
        """what was registered is described, with the empty lists that the service sends"""
        container = {
            "image": "busybox",
            "command": ["echo", "Ref::who"],
            "resourceRequirements": NEEDS,
            "environment": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}],
            "volumes": [{"name": "scratch", "host": {"sourcePath": "/tmp"}}],
            "mountPoints": [{"sourceVolume": "scratch", "containerPath": "/mnt", "readOnly": True}],
            "ulimits": [{"name": "nofile", "softLimit": 10, "hardLimit": 20}],
            "user": "nobody",
            "privileged": True,
            "jobRoleArn": "arn:aws:iam::000000000000:role/job",
            "executionRoleArn": "arn:aws:iam::000000000000:role/execution",
            "secrets": [{"name": "S", "valueFrom": "arn:aws:ssm:us-east-1:000000000000:parameter/s"}],
            "linuxParameters": {"sharedMemorySize": 64, "maxSwap": 10, "swappiness": 5},
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g"}},
        }
        members = {
            "parameters": {"who": "you"},
            "retryStrategy": {"attempts": 3, "evaluateOnExit": [{"onExitCode": "1", "action": "RETRY"}]},
            "timeout": {"attemptDurationSeconds": 60},
            "propagateTags": True,
            "tags": {"team": "a"},
            "schedulingPriority": 7,
            "platformCapabilities": ["EC2"],
        }
        self.client.register_job_definition(
            jobDefinitionName="whole", type="container", containerProperties=container, **members
        )
        (whole,) = self.described(jobDefinitions=["whole:1"])
        for name, value in members.items():
            self.assertEqual(whole[name], value, name)
        held = whole["containerProperties"]
        for name, value in container.items():
            if name == "environment":
                value = sorted(value, key=lambda each: each["name"])
            if name == "resourceRequirements":
                value = sorted(value, key=lambda each: each["type"])
                held[name].sort(key=lambda each: each["type"])
            self.assertEqual(held[name], value, name)

    def test_nodes(self):
        """a multinode definition"""
        node = {"targetNodes": "0:", "container": {"image": "busybox", "command": ["true"], "resourceRequirements": NEEDS}}
        self.client.register_job_definition(
            jobDefinitionName="nodes",
            type="multinode",
            nodeProperties={"numNodes": 2, "mainNode": 0, "nodeRangeProperties": [node]},
        )
        (nodes,) = self.described(jobDefinitions=["nodes"])
        self.assertEqual(nodes["type"], "multinode")
        self.assertEqual(nodes["nodeProperties"]["numNodes"], 2)
        self.assertEqual(nodes["nodeProperties"]["nodeRangeProperties"][0]["targetNodes"], "0:")

    def test_containers(self):
        """a definition of several containers"""
        self.known("RegisterJobDefinition", "ecsProperties")
        task = {"containers": [{"name": "one", "image": "busybox", "essential": True, "resourceRequirements": NEEDS}]}
        self.client.register_job_definition(
            jobDefinitionName="several", type="container", ecsProperties={"taskProperties": [task]}
        )
        (several,) = self.described(jobDefinitions=["several:1"])
        self.assertEqual(several["ecsProperties"]["taskProperties"][0]["containers"][0]["name"], "one")
        self.assertNotIn("containerProperties", several)

    def test_deregister(self):
        """DeregisterJobDefinition: INACTIVE, and the counter goes on"""
        for command in ("a", "b", "c"):
            self.register("gone", [command])
        self.client.deregister_job_definition(jobDefinition="gone:3")
        self.assertEqual(
            self.revisions(jobDefinitionName="gone"), [("gone", 3, "INACTIVE"), ("gone", 2, "ACTIVE"), ("gone", 1, "ACTIVE")]
        )
        self.assertIn("[b]", self.exported("gone"))
        (newest,) = self.described(jobDefinitions=["gone"])
        self.assertEqual(newest["revision"], 2)
        self.client.deregister_job_definition(jobDefinition=newest["jobDefinitionArn"])
        self.client.deregister_job_definition(jobDefinition=newest["jobDefinitionArn"])
        self.assertEqual(self.revisions(jobDefinitionName="gone", status="ACTIVE"), [("gone", 1, "ACTIVE")])
        self.client.deregister_job_definition(jobDefinition="gone:1")
        self.assertEqual(self.revisions(jobDefinitionName="gone", status="ACTIVE"), [])
        self.assertEqual([each[1] for each in self.revisions(jobDefinitionName="gone", status="INACTIVE")], [3, 2, 1])
        self.until(lambda: "gone" not in self.muster("get", "jobdefinitions"))
        self.assertEqual(self.register("gone")["revision"], 4)
        self.assertEqual(self.revisions(jobDefinitions=["gone:2"]), [("gone", 2, "INACTIVE")])
        self.assertIn("revision 3 deregistered", self.muster("history", "JobDefinition/gone"))

    def test_pages(self):
        """DescribeJobDefinitions in pages of one: all of them, each once, while others come"""
        names = [f"page{i}" for i in range(5)]
        for name in names:
            self.register(name)
            self.register(name)
        token, seen = None, []
        while True:
            more = {"nextToken": token} if token else {}
            answer = self.client.describe_job_definitions(maxResults=1, status="ACTIVE", **more)
            seen += [(each["jobDefinitionName"], each["revision"]) for each in answer["jobDefinitions"]]
            token = answer.get("nextToken")
            if not token:
                break
            if seen[-1] == ("page0", 2):
                self.register("page0")
        ours = [each for each in seen if each[0] in names]
        self.assertEqual(ours, [(name, revision) for name in names for revision in (2, 1)])
        paginator = self.client.get_paginator("describe_job_definitions")
        found = [each["revision"] for page in paginator.paginate(jobDefinitionName="page1", PaginationConfig={"PageSize": 1})
                 for each in page["jobDefinitions"]]
        self.assertEqual(found, [2, 1])

    def test_source(self):
        """what a source owns is described, and refused to be changed, naming its place"""
        text = f"JobDefinition ours belongs to source team ({self.source}/all.yaml:2, revision "
        self.refused(text, self.register, name="ours")
        self.refused(text, self.client.deregister_job_definition, jobDefinition="ours:1")
        self.assertEqual(self.revisions(jobDefinitionName="ours"), [("ours", 1, "ACTIVE")])

    def test_faults(self):
        """what is wrong is a ClientException that names it"""
        register = self.client.register_job_definition
        container = {"command": ["true"], "resourceRequirements": NEEDS}
        self.refused("name", register, jobDefinitionName="not a name", type="container", containerProperties=container)
        self.refused("exactly one of containerProperties", register, jobDefinitionName="x", type="container")
        self.refused("nodeProperties", register, jobDefinitionName="x", type="multinode")
        self.refused(
            "eksProperties", register, jobDefinitionName="x", type="container",
            eksProperties={"podProperties": {"containers": [{"image": "i"}]}},
        )
        self.refused("does not exist", self.client.deregister_job_definition, jobDefinition="none:1")
        self.refused("NAME:REVISION", self.client.deregister_job_definition, jobDefinition="ours")
        self.refused("'jobDefinition' is a required field", self.client.deregister_job_definition, jobDefinition="")
        describe = self.client.describe_job_definitions
        self.refused("not one of ACTIVE | INACTIVE", describe, status="active")
        self.refused("not a token", describe, nextToken="bm9uZQ==")
        self.refused("1 to 100", describe, maxResults=0)
        self.refused("1 to 100", describe, maxResults=101)
        self.assertEqual(describe(jobDefinitions=["none", "none:1"])["jobDefinitions"], [])
        self.assertEqual(describe(jobDefinitionName="none")["jobDefinitions"], [])

    def test_reference(self):
        """a consumable resource that is not there"""
        self.known("RegisterJobDefinition", "consumableResourceProperties")
        needs = {"consumableResourceList": [{"consumableResource": "none", "quantity": 1}]}
        self.refused('no ConsumableResource is named "none"', self.register, name="x", consumableResourceProperties=needs)

    def test_restart(self):
        """all of it is there after a restart"""
        self.register("kept", tags={"a": "b"})
        self.register("kept")
        self.client.deregister_job_definition(jobDefinition="kept:2")
        before = self.described(jobDefinitionName="kept")
        type(self).stop()
        type(self).start()
        self.assertEqual(self.described(jobDefinitionName="kept"), before)
