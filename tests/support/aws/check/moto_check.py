"""moto as the second judge: the same calls against both, compared where moto does as AWS does."""
import importlib.util
import os
import subprocess
import sys
import time
import unittest

import botocore.config

from harness import CONFIG, SESSION, DoubleTest

HAS_MOTO = importlib.util.find_spec("moto") is not None
SERVER = (
    "from werkzeug.serving import make_server\n"
    "from moto.server import DomainDispatcherApplication, create_backend_app\n"
    "server = make_server('127.0.0.1', 0, DomainDispatcherApplication(create_backend_app), "
    "threaded=True)\n"
    "print(server.server_port, flush=True)\n"
    "server.serve_forever()\n"
)
NEVER_SAME = {"ResponseMetadata"}


def shape_of(value):
    """The names and types of an answer, without its values."""
    if isinstance(value, dict):
        return {name: shape_of(inner) for name, inner in value.items() if name not in NEVER_SAME}
    if isinstance(value, list):
        return [shape_of(value[0])] if value else []
    return type(value).__name__


def lacking(wanted, got, path=""):
    """What of moto's answer the double's does not have: names, and other types."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        faults = [f"{path}.{name}" for name in wanted if name not in got]
        return faults + [
            each
            for name in wanted
            if name in got
            for each in lacking(wanted[name], got[name], f"{path}.{name}")
        ]
    if isinstance(wanted, list) and isinstance(got, list):
        return lacking(wanted[0], got[0], f"{path}[]") if wanted and got else []
    return [] if wanted == got else [f"{path}: {got} for {wanted}"]


@unittest.skipUnless(HAS_MOTO, "moto is not installed")
class Moto(DoubleTest):
    @classmethod
    def setUpClass(cls):
        environment = {**os.environ, "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
        cls.server = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        cls.port = int(cls.server.stdout.readline())
        cls.moto_clients = {}

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        cls.server.wait()
        cls.server.stdout.close()

    def theirs(self, service):
        if service not in self.moto_clients:
            self.moto_clients[service] = SESSION.create_client(
                service,
                region_name=self.REGION,
                endpoint_url=f"http://127.0.0.1:{self.port}",
                aws_access_key_id="k",
                aws_secret_access_key="s",
                config=botocore.config.Config(**CONFIG),
            )
        return self.moto_clients[service]

    def both(self, service):
        return self.theirs(service), self.client(service)

    def same_shape(self, theirs, ours, but=()):
        """Every member of moto's answer is in the double's with the same type, but for those
        named."""
        missing = [
            each
            for each in lacking(shape_of(theirs), shape_of(ours))
            if not any(name in each for name in but)
        ]
        self.assertEqual(missing, [])

    def same_error(self, service, operation, **parameters):
        """Both refuse the call with the same code and status."""
        answers = []
        for client in self.both(service):
            try:
                getattr(client, operation)(**parameters)
                answers.append("no error")
            except client.exceptions.ClientError as fault:
                answers.append(
                    (
                        fault.response["Error"]["Code"],
                        fault.response["ResponseMetadata"]["HTTPStatusCode"],
                    )
                )
        self.assertEqual(answers[1], answers[0])

    def test_types(self):
        """instance types that both have agree in vCPUs, memory, architectures and GPUs"""
        names = ["m5.large", "c5.4xlarge", "r5.metal", "m6g.large", "g4dn.12xlarge", "t3.micro"]
        facts = []
        for client in self.both("ec2"):
            types = client.describe_instance_types(InstanceTypes=names)["InstanceTypes"]
            facts.append(
                {
                    each["InstanceType"]: (
                        each["VCpuInfo"]["DefaultVCpus"],
                        each["MemoryInfo"]["SizeInMiB"],
                        each["ProcessorInfo"]["SupportedArchitectures"],
                        each.get("GpuInfo", {}).get("Gpus", [{}])[0].get("Count"),
                        each["BareMetal"],
                        each["CurrentGeneration"],
                        each["BurstablePerformanceSupported"],
                    )
                    for each in types
                }
            )
        self.assertEqual(facts[0], facts[1])

    def test_network(self):
        """subnets, groups, VPCs, zones and images have the members that moto's have"""
        theirs, ours = self.both("ec2")
        for operation, more, but in (
            (
                "describe_subnets",
                {},
                (
                    "Ipv6",
                    "PrivateDnsNameOptions",
                    "AssignIpv6",
                    "CustomerOwned",
                    "MapCustomer",
                    "EnableDns64",
                    "DefaultForAz",
                    "OutpostArn",
                    "EnableLni",
                    "Type",
                    "BlockPublicAccess",
                ),
            ),
            ("describe_security_groups", {}, ("IpPermissions", "SecurityGroupArn", "Tags")),
            (
                "describe_vpcs",
                {},
                ("CidrBlockAssociationSet", "Ipv6", "DhcpOptionsId", "BlockPublicAccess"),
            ),
            (
                "describe_availability_zones",
                {},
                (
                    "Messages",
                    "ZoneType",
                    "OptInStatus",
                    "GroupName",
                    "NetworkBorderGroup",
                    "GroupLongName",
                    "Geography",
                ),
            ),
        ):
            with self.subTest(operation=operation):
                self.same_shape(
                    getattr(theirs, operation)(**more), getattr(ours, operation)(**more), but
                )

    def test_parameters(self):
        """the image that a path of SSM names is there, in both"""
        path = "/aws/service/ecs/optimized-ami/amazon-linux-2/recommended/image_id"
        answers = [client.get_parameter(Name=path)["Parameter"] for client in self.both("ssm")]
        self.same_shape(*answers)
        for client, answer in zip(self.both("ec2"), answers):
            self.assertEqual(len(client.describe_images(ImageIds=[answer["Value"]])["Images"]), 1)

    def test_templates(self):
        """launch templates: the same answers, and the same errors"""
        data = {"ImageId": "ami-1234567890abcdef0", "InstanceType": "m5.large", "KeyName": "k"}
        tags = [{"ResourceType": "launch-template", "Tags": [{"Key": "a", "Value": "b"}]}]
        made = [
            client.create_launch_template(
                LaunchTemplateName="tmpl", LaunchTemplateData=data, TagSpecifications=tags
            )
            for client in self.both("ec2")
        ]
        self.same_shape(*made, but=("Operator",))
        more = {"LaunchTemplateName": "tmpl", "LaunchTemplateData": {"InstanceType": "c5.large"}}
        answers = [
            client.create_launch_template_version(**more)["LaunchTemplateVersion"]
            for client in self.both("ec2")
        ]
        self.assertEqual([each["VersionNumber"] for each in answers], [2, 2])
        read = {"LaunchTemplateName": "tmpl", "Versions": ["$Latest", "$Default"]}
        versions = [
            client.describe_launch_template_versions(**read)["LaunchTemplateVersions"]
            for client in self.both("ec2")
        ]
        numbers = [sorted(each["VersionNumber"] for each in answer) for answer in versions]
        self.assertEqual(numbers[0], numbers[1])
        self.same_error(
            "ec2", "create_launch_template", LaunchTemplateName="tmpl", LaunchTemplateData=data
        )

    def test_instances(self):
        """an instance launched, described, tagged, terminated: the same members and states"""
        path = "/aws/service/ecs/optimized-ami/amazon-linux-2/recommended/image_id"
        ids, answers = [], []
        for ssm, ec2 in zip(self.both("ssm"), self.both("ec2")):
            image = ssm.get_parameter(Name=path)["Parameter"]["Value"]
            tags = [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}]
            answer = ec2.run_instances(
                ImageId=image,
                InstanceType="m5.large",
                MinCount=1,
                MaxCount=1,
                TagSpecifications=tags,
            )
            ids.append(answer["Instances"][0]["InstanceId"])
            answers.append(answer)
        but = (
            "BlockDeviceMappings",
            "NetworkInterfaces",
            "PublicIpAddress",
            "ProductCodes",
            "EbsOptimized",
            "SourceDestCheck",
            "CapacityReservation",
            "SriovNetSupport",
            "HibernationOptions",
            "InstanceLifecycle",
            "KernelId",
            "MaintenanceOptions",
            "KeyName",
            "Groups",
            "HttpProtocolIpv6",
            "InstanceMetadataTags",
            "StateReason",
            "EnaSupport",
            "CpuOptions",
            "RequesterId",
            "VpcId",
            "OwnerId",
            "Affinity",
        )
        self.same_shape(*answers, but=but)
        for ec2, each in zip(self.both("ec2"), ids):
            ec2.create_tags(Resources=[each], Tags=[{"Key": "c", "Value": "d"}])
            found = ec2.describe_instances(Filters=[{"Name": "tag:c", "Values": ["d"]}])[
                "Reservations"
            ]
            self.assertEqual(found[0]["Instances"][0]["InstanceId"], each)
            change = ec2.terminate_instances(InstanceIds=[each])["TerminatingInstances"][0]
            self.assertEqual(change["CurrentState"]["Name"], "shutting-down")
        self.advance(1)
        states = [
            ec2.describe_instances(InstanceIds=[each])["Reservations"][0]["Instances"][0]
            for ec2, each in zip(self.both("ec2"), ids)
        ]
        self.assertEqual(*[(each["State"], each["StateReason"]["Code"]) for each in states])

    def test_errors(self):
        """codes and statuses of EC2's errors"""
        self.same_error("ec2", "describe_instances", InstanceIds=["i-00000000000000000"])
        self.same_error("ec2", "terminate_instances", InstanceIds=["i-00000000000000000"])
        self.same_error("ec2", "describe_subnets", SubnetIds=["subnet-00000000"])
        self.same_error("ec2", "describe_security_groups", GroupIds=["sg-00000000000000000"])
        self.same_error("ec2", "describe_images", ImageIds=["ami-00000000000000000"])
        self.same_error("ssm", "get_parameter", Name="/none")
        self.same_error("iam", "get_instance_profile", InstanceProfileName="none")
        self.same_error("ecs", "list_tasks", cluster="none")

    def test_identity(self):
        """STS's answers have the same members"""
        theirs, ours = self.both("sts")
        self.same_shape(theirs.get_caller_identity(), ours.get_caller_identity())
        role = {"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "session"}
        self.same_shape(
            theirs.assume_role(**role), ours.assume_role(**role), but=("PackedPolicySize",)
        )

    def test_logs(self):
        """Logs: what is put is read, and the token repeats at the end, in both"""
        now = int(time.time() * 1000)
        found = []
        for client in self.both("logs"):
            client.create_log_group(logGroupName="g")
            client.create_log_stream(logGroupName="g", logStreamName="s")
            events = [{"timestamp": now + at, "message": f"line {at}"} for at in range(3)]
            client.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)
            first = client.get_log_events(logGroupName="g", logStreamName="s", startFromHead=True)
            last = client.get_log_events(
                logGroupName="g",
                logStreamName="s",
                startFromHead=True,
                nextToken=first["nextForwardToken"],
            )
            found.append(
                (
                    [each["message"] for each in first["events"]],
                    last["events"],
                    last["nextForwardToken"] == first["nextForwardToken"],
                )
            )
        self.assertEqual(found[0], found[1])

    def test_ecs(self):
        """clusters and task definitions have the members that moto's have"""
        answers = []
        for client in self.both("ecs"):
            cluster = client.create_cluster(clusterName="c", tags=[{"key": "a", "value": "b"}])
            containers = [
                {"name": "main", "image": "i", "memory": 100, "cpu": 10, "command": ["true"]}
            ]
            definition = client.register_task_definition(
                family="f", containerDefinitions=containers
            )
            answers.append(
                (
                    cluster,
                    definition,
                    client.describe_clusters(clusters=["c"], include=["TAGS"]),
                    client.list_task_definitions(),
                )
            )
        for theirs, ours in zip(*answers):
            self.same_shape(
                theirs, ours, but=("serviceConnectDefaults", "configuration", "networkMode")
            )
