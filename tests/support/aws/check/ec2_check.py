"""EC2: the catalogue, the network, templates, launches, fleets, filters, tags."""
import base64

import catalogue
from harness import SUBNETS, DoubleTest, user_data

TEMPLATE_DATA = {"InstanceType": "m5.large", "KeyName": "default"}


class Reading(DoubleTest):
    def pages(self, operation, member, **parameters):
        pages = list(self.client("ec2").get_paginator(operation).paginate(**parameters))
        return pages, [item for page in pages for item in page[member]]

    def test_instance_types(self):
        """instance types come in pages of 100, with what a planner reads"""
        pages, types = self.pages("describe_instance_types", "InstanceTypes")
        self.assertEqual(len(types), len(catalogue.offered("us-east-1")))
        self.assertTrue(all(len(page["InstanceTypes"]) == 100 for page in pages[:-1]))
        by_name = {each["InstanceType"]: each for each in types}
        gpus = by_name["p4d.24xlarge"]
        self.assertEqual(gpus["VCpuInfo"]["DefaultVCpus"], 96)
        self.assertEqual(gpus["GpuInfo"]["Gpus"][0]["Count"], 8)
        self.assertEqual(by_name["m5.large"]["ProcessorInfo"]["SupportedArchitectures"], ["x86_64"])
        model = self.client("ec2").meta.service_model
        if "NeuronInfo" in model.shape_for("InstanceTypeInfo").members:  # unknown to botocore 1.29
            neuron = by_name["inf2.24xlarge"]["NeuronInfo"]["NeuronDevices"][0]
            self.assertEqual((neuron["Count"], neuron["CoreInfo"]["Count"]), (6, 2))

    def test_type_filters(self):
        """filters with wildcards, names, and their errors"""
        ec2 = self.client("ec2")
        _, types = self.pages(
            "describe_instance_types",
            "InstanceTypes",
            Filters=[
                {"Name": "instance-type", "Values": ["m5.*", "c5.large"]},
                {"Name": "bare-metal", "Values": ["false"]},
            ],
        )
        names = [each["InstanceType"] for each in types]
        self.assertIn("m5.large", names)
        self.assertIn("c5.large", names)
        self.assertNotIn("m5.metal", names)
        self.assertNotIn("m5d.large", names)
        self.refused("InvalidInstanceType", ec2.describe_instance_types, InstanceTypes=["m5.none"])
        both = {"InstanceTypes": ["m5.large"], "MaxResults": 5}
        self.refused("InvalidParameterCombination", ec2.describe_instance_types, **both)
        unknown = [{"Name": "colour", "Values": ["red"]}]
        self.refused("InvalidParameterValue", ec2.describe_instance_types, Filters=unknown)

    def test_offerings(self):
        """offerings by zone join with the subnets' zones, and a zone may lack a type"""
        self.control("pool", type="m5.large", zone="us-east-1b", code="Unsupported")
        _, offers = self.pages(
            "describe_instance_type_offerings",
            "InstanceTypeOfferings",
            LocationType="availability-zone",
            Filters=[{"Name": "instance-type", "Values": ["m5.large"]}],
        )
        self.assertEqual([each["Location"] for each in offers], ["us-east-1a", "us-east-1c"])
        china = self.client("ec2", region="cn-north-1").describe_subnets()["Subnets"]
        self.assertEqual([each["AvailabilityZoneId"] for each in china], ["cnn1-az1", "cnn1-az2"])

    def test_spot_prices(self):
        """spot prices are per pool, below on-demand, and as a test sets them"""
        self.control("pool", type="c5.large", zone="us-east-1a", market="spot", price="0.5")
        answer = self.client("ec2").describe_spot_price_history(
            InstanceTypes=["m5.large", "c5.large"],
            ProductDescriptions=["Linux/UNIX"],
            StartTime=1800000000,
        )
        prices = {
            (each["InstanceType"], each["AvailabilityZone"]): float(each["SpotPrice"])
            for each in answer["SpotPriceHistory"]
        }
        self.assertEqual(len(prices), 6)
        self.assertEqual(prices["c5.large", "us-east-1a"], 0.5)
        self.assertTrue(0.3 * 0.096 <= prices["m5.large", "us-east-1b"] <= 0.6 * 0.096)

    def test_network(self):
        """subnets, groups, routes, endpoints, images and keys, and what they say of unknown ids"""
        ec2 = self.client("ec2")
        self.control("subnet", id="subnet-private", zone="us-east-1b", route="none")
        self.control("network", endpoints=[{"service": "ecs"}])
        self.assertEqual(
            [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"]],
            [*SUBNETS, "subnet-private"],
        )
        tables = ec2.describe_route_tables(
            Filters=[{"Name": "association.subnet-id", "Values": ["subnet-private", SUBNETS[0]]}]
        )
        routes = [
            [route.get("GatewayId") for route in table["Routes"]] for table in tables["RouteTables"]
        ]
        self.assertEqual(routes, [["local", "igw-00000000000000001"], ["local"]])
        endpoints = ec2.describe_vpc_endpoints()["VpcEndpoints"]
        self.assertEqual(endpoints[0]["ServiceName"], "com.amazonaws.us-east-1.ecs")
        self.assertEqual(len(ec2.describe_vpcs()["Vpcs"]), 1)
        self.assertEqual(len(ec2.describe_availability_zones()["AvailabilityZones"]), 3)
        image = ec2.describe_images(ImageIds=[self.image("amazon-linux-2023/arm64")])["Images"][0]
        self.assertEqual((image["Architecture"], image["RootDeviceName"]), ("arm64", "/dev/xvda"))
        self.refused("InvalidSubnetID.NotFound", ec2.describe_subnets, SubnetIds=["subnet-none"])
        self.refused("InvalidGroup.NotFound", ec2.describe_security_groups, GroupIds=["sg-none"])
        self.refused(
            "InvalidAMIID.NotFound", ec2.describe_images, ImageIds=["ami-00000000000000000"]
        )
        self.refused("InvalidAMIID.Malformed", ec2.describe_images, ImageIds=["image"])
        self.refused("InvalidKeyPair.NotFound", ec2.describe_key_pairs, KeyNames=["none"])

    def test_parameters(self):
        """image paths of SSM, bare and as a text of JSON, and a newer release"""
        ssm = self.client("ssm")
        path = "/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended"
        answer = ssm.get_parameters(Names=[path, path + "/image_id", "/none"])
        self.assertEqual(answer["InvalidParameters"], ["/none"])
        whole, bare = [each["Value"] for each in answer["Parameters"]]
        self.assertIn(f'"image_id": "{bare}"', whole)
        self.refused("ParameterNotFound", ssm.get_parameter, Name="/none")
        self.control("image", release=True)
        self.assertNotEqual(ssm.get_parameter(Name=path + "/image_id")["Parameter"]["Value"], bare)
        # The older image stays, as it does in reality.
        self.assertEqual(len(self.client("ec2").describe_images(ImageIds=[bare])["Images"]), 1)

    def test_quotas(self):
        """vCPU quotas by Service Quotas"""
        quotas = self.client("service-quotas")
        self.control("quota", group="Standard", market="spot", vcpus=64)
        value = quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-34B43A08")["Quota"][
            "Value"
        ]
        self.assertEqual(value, 64.0)
        self.assertGreater(len(quotas.list_service_quotas(ServiceCode="ec2")["Quotas"]), 10)


class Templates(DoubleTest):
    def create(self, name="t", **more):
        data = {"ImageId": self.image(), **TEMPLATE_DATA}
        answer = self.client("ec2").create_launch_template(
            LaunchTemplateName=name, LaunchTemplateData=data, **more
        )
        return answer["LaunchTemplate"]

    def test_versions(self):
        """versions inherit from their source; $Latest and $Default are read and moved"""
        ec2 = self.client("ec2")
        template_id = self.create("tmpl")["LaunchTemplateId"]
        ec2.create_launch_template_version(
            LaunchTemplateId=template_id,
            SourceVersion="1",
            LaunchTemplateData={"InstanceType": "c5.large"},
        )
        ec2.create_launch_template_version(
            LaunchTemplateId=template_id, LaunchTemplateData={"InstanceType": "r5.large"}
        )
        answer = ec2.describe_launch_template_versions(
            LaunchTemplateId=template_id, Versions=["2", "$Latest", "$Default"]
        )
        versions = [
            (each["VersionNumber"], each["LaunchTemplateData"])
            for each in answer["LaunchTemplateVersions"]
        ]
        self.assertEqual([number for number, _ in versions], [2, 3, 1])
        self.assertEqual(
            (versions[0][1]["InstanceType"], versions[0][1]["KeyName"]), ("c5.large", "default")
        )
        self.assertNotIn("KeyName", versions[1][1])
        ec2.modify_launch_template(LaunchTemplateId=template_id, DefaultVersion="2")
        self.assertEqual(
            ec2.describe_launch_templates(LaunchTemplateNames=["tmpl"])["LaunchTemplates"][0][
                "DefaultVersionNumber"
            ],
            2,
        )
        gone = {"LaunchTemplateId": template_id, "Versions": ["9"]}
        self.refused(
            "InvalidLaunchTemplateId.VersionNotFound", ec2.describe_launch_template_versions, **gone
        )

    def test_names_and_tokens(self):
        """a name is there once; a token repeats the answer; what is deleted is gone"""
        ec2 = self.client("ec2")
        tags = [{"ResourceType": "launch-template", "Tags": [{"Key": "owner", "Value": "me"}]}]
        first = self.create("tmpl", ClientToken="one", TagSpecifications=tags)
        self.assertEqual(self.create("tmpl", ClientToken="one", TagSpecifications=tags), first)
        data = {"LaunchTemplateName": "tmpl", "LaunchTemplateData": TEMPLATE_DATA}
        self.refused(
            "InvalidLaunchTemplateName.AlreadyExistsException", ec2.create_launch_template, **data
        )
        self.refused(
            "IdempotentParameterMismatch", ec2.create_launch_template, ClientToken="one", **data
        )
        mine = ec2.describe_launch_templates(Filters=[{"Name": "tag:owner", "Values": ["me"]}])[
            "LaunchTemplates"
        ]
        self.assertEqual(len(mine), 1)
        ec2.delete_launch_template(LaunchTemplateName="tmpl")
        named = {"LaunchTemplateName": "tmpl"}
        self.refused(
            "InvalidLaunchTemplateName.NotFoundException", ec2.delete_launch_template, **named
        )
        by_id = {"LaunchTemplateIds": [first["LaunchTemplateId"]]}
        self.refused("InvalidLaunchTemplateId.NotFound", ec2.describe_launch_templates, **by_id)


class Launches(DoubleTest):
    def test_life(self):
        """pending, running, shutting-down, terminated, and forgotten after an hour"""
        (instance_id,) = self.launch()
        self.assertEqual(self.instance(instance_id)["State"], {"Code": 0, "Name": "pending"})
        self.advance(0.2)
        self.assertEqual(self.instance(instance_id)["State"], {"Code": 16, "Name": "running"})
        change = self.client("ec2").terminate_instances(InstanceIds=[instance_id])[
            "TerminatingInstances"
        ][0]
        self.assertEqual(
            (change["PreviousState"]["Name"], change["CurrentState"]["Name"]),
            ("running", "shutting-down"),
        )
        self.advance(0.2)
        ended = self.instance(instance_id)
        self.assertEqual(ended["State"]["Name"], "terminated")
        self.assertEqual(ended["StateReason"]["Code"], "Client.UserInitiatedShutdown")
        self.advance(3600)
        self.refused(
            "InvalidInstanceID.NotFound",
            self.client("ec2").describe_instances,
            InstanceIds=[instance_id],
        )

    def test_all_or_nothing(self):
        """one bad id fails a whole TerminateInstances"""
        ec2 = self.client("ec2")
        ids = self.launch(2)
        dry = {"InstanceIds": ids, "DryRun": True}
        self.refused("DryRunOperation", ec2.terminate_instances, http_status=412, **dry)
        bad = [*ids, "i-00000000000000000"]
        self.refused("InvalidInstanceID.NotFound", ec2.terminate_instances, InstanceIds=bad)
        self.refused(
            "InvalidInstanceID.Malformed", ec2.terminate_instances, InstanceIds=["instance"]
        )
        self.advance(1)
        self.assertEqual({self.instance(each)["State"]["Name"] for each in ids}, {"running"})

    def test_tokens(self):
        """a client token gives the same instances again, and refuses other parameters"""
        first = self.launch(2, ClientToken="t1")
        self.assertEqual(self.launch(2, ClientToken="t1"), first)
        with self.assertRaisesRegex(Exception, "IdempotentParameterMismatch"):
            self.launch(3, ClientToken="t1")
        found = self.client("ec2").describe_instances(
            Filters=[{"Name": "client-token", "Values": ["t1"]}]
        )
        self.assertEqual(len(found["Reservations"][0]["Instances"]), 2)

    def test_counts(self):
        """as many as there is room for between MinCount and MaxCount; ends give room back"""
        self.control("pool", type="m5.large", zone="us-east-1a", capacity=3)
        ec2 = self.client("ec2")
        ids = self.launch(MinCount=1, MaxCount=5, SubnetId=SUBNETS[0])
        self.assertEqual(len(ids), 3)
        spare = {"ImageId": self.image(), "InstanceType": "m5.large", "MinCount": 1, "MaxCount": 1}
        self.refused(
            "InsufficientInstanceCapacity",
            ec2.run_instances,
            SubnetId=SUBNETS[0],
            http_status=500,
            **spare,
        )
        self.assertEqual(len(self.launch(SubnetId=SUBNETS[1])), 1)
        ec2.terminate_instances(InstanceIds=ids[:2])
        self.assertEqual(len(self.launch(2, SubnetId=SUBNETS[0])), 2)

    def test_quota(self):
        """vCPU quotas by group and market"""
        self.control("quota", group="Standard", market="on-demand", vcpus=4)
        self.launch(2)
        spare = {"ImageId": self.image(), "InstanceType": "m5.large", "MinCount": 1, "MaxCount": 1}
        self.refused("VcpuLimitExceeded", self.client("ec2").run_instances, **spare)
        self.control("quota", group="Standard", market="spot", vcpus=1)
        spot = {"InstanceMarketOptions": {"MarketType": "spot"}}
        self.refused(
            "MaxSpotInstanceCountExceeded", self.client("ec2").run_instances, **spare, **spot
        )

    def test_validation(self):
        """what EC2 refuses, with its codes"""
        ec2 = self.client("ec2")
        good = {"ImageId": self.image(), "InstanceType": "m5.large", "MinCount": 1, "MaxCount": 1}
        huge = "#!" + "x" * 16384
        self.control("network", groups={"sg-elsewhere": "vpc-other"})
        spot = {"MarketType": "spot", "SpotOptions": {"MaxPrice": "0.0001"}}
        for code, change in (
            ("InvalidAMIID.NotFound", {"ImageId": "ami-00000000000000000"}),
            ("InvalidParameterValue", {"InstanceType": "m5.none"}),
            ("InvalidParameterValue", {"InstanceType": "m6g.large"}),
            ("InvalidParameterValue", {"MinCount": 2}),
            ("InvalidParameterValue", {"UserData": huge}),
            ("InvalidUserData.Malformed", {"UserData": "not base64!"}),
            ("InvalidParameterValue", {"IamInstanceProfile": {"Name": "none"}}),
            ("InvalidSubnetID.NotFound", {"SubnetId": "subnet-none"}),
            ("InvalidGroup.NotFound", {"SecurityGroupIds": ["sg-none"]}),
            ("InvalidParameter", {"SecurityGroupIds": ["sg-elsewhere"]}),
            ("InvalidKeyPair.NotFound", {"KeyName": "none"}),
            ("InvalidPlacementGroup.Unknown", {"Placement": {"GroupName": "none"}}),
            ("SpotMaxPriceTooLow", {"InstanceMarketOptions": spot}),
            (
                "InvalidLaunchTemplateId.NotFound",
                {"LaunchTemplate": {"LaunchTemplateId": "lt-0", "Version": "1"}},
            ),
        ):
            with self.subTest(code=code, change=list(change)):
                if code == "InvalidUserData.Malformed":
                    # botocore encodes what it is given; so this one is scripted by a template.
                    data = {"LaunchTemplateName": "bad", "LaunchTemplateData": change}
                    ec2.create_launch_template(**data)
                    change = {"LaunchTemplate": {"LaunchTemplateName": "bad"}}
                self.refused(code, ec2.run_instances, **{**good, **change})
        self.refused("DryRunOperation", ec2.run_instances, DryRun=True, http_status=412, **good)
        self.assertEqual(ec2.describe_instances()["Reservations"], [])

    def test_template(self):
        """a launch template is merged under the request, with its tags"""
        ec2 = self.client("ec2")
        tags = [
            {
                "ResourceType": "instance",
                "Tags": [{"Key": "a", "Value": "template"}, {"Key": "b", "Value": "template"}],
            }
        ]
        data = {"ImageId": self.image(), "InstanceType": "c5.large", "TagSpecifications": tags}
        ec2.create_launch_template(LaunchTemplateName="tmpl", LaunchTemplateData=data)
        own = [{"ResourceType": "instance", "Tags": [{"Key": "b", "Value": "request"}]}]
        answer = ec2.run_instances(
            LaunchTemplate={"LaunchTemplateName": "tmpl"},
            InstanceType="m5.large",
            MinCount=1,
            MaxCount=1,
            TagSpecifications=own,
        )
        (instance,) = answer["Instances"]
        found = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
        self.assertEqual(
            (instance["InstanceType"], found["a"], found["b"]), ("m5.large", "template", "request")
        )
        self.assertEqual(found["aws:ec2launchtemplate:version"], "1")

    def test_filters_and_pages(self):
        """filters, wildcards and pages of DescribeInstances"""
        ec2 = self.client("ec2")
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "team/x", "Value": "one"}]}]
        self.launch(7, TagSpecifications=tags)
        spot = self.launch(2, InstanceMarketOptions={"MarketType": "spot"})

        def found(**filters):
            given = [{"Name": name, "Values": values} for name, values in filters.items()]
            pages = ec2.get_paginator("describe_instances").paginate(Filters=given, MaxResults=5)
            return [
                each["InstanceId"]
                for page in pages
                for group in page["Reservations"]
                for each in group["Instances"]
            ]

        self.assertEqual(len(found()), 9)
        self.assertEqual(len(found(**{"tag:team/x": ["o*"]})), 7)
        self.assertEqual(
            len(found(**{"tag-key": ["team/?"], "instance-state-name": ["pending"]})), 7
        )
        self.assertEqual(found(**{"instance-lifecycle": ["spot"]}), spot)
        self.assertEqual(found(**{"instance-id": spot, "instance-type": ["c5.large"]}), [])
        self.refused("InvalidParameterValue", ec2.describe_instances, MaxResults=4)
        self.refused(
            "InvalidParameterCombination", ec2.describe_instances, InstanceIds=spot, MaxResults=5
        )
        self.refused("InvalidParameterValue", ec2.describe_instances, NextToken="nonsense")

    def test_tags(self):
        """tags are added, replaced and taken; EC2's own prefix is refused"""
        ec2 = self.client("ec2")
        (instance_id,) = self.launch()
        ec2.create_tags(
            Resources=[instance_id], Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
        )
        ec2.create_tags(Resources=[instance_id], Tags=[{"Key": "a", "Value": "3"}])
        ec2.delete_tags(
            Resources=[instance_id], Tags=[{"Key": "b"}, {"Key": "a", "Value": "other"}]
        )
        self.assertEqual(self.instance(instance_id)["Tags"], [{"Key": "a", "Value": "3"}])
        filters = [{"Name": "resource-id", "Values": [instance_id]}]
        self.assertEqual(len(ec2.describe_tags(Filters=filters)["Tags"]), 1)
        own = {"Resources": [instance_id], "Tags": [{"Key": "aws:x", "Value": "1"}]}
        self.refused("InvalidParameterValue", ec2.create_tags, **own)

    def test_user_data_and_status(self):
        """user data is kept, and the status of what runs is told"""
        ec2 = self.client("ec2")
        (instance_id,) = self.launch()
        value = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="userData")[
            "UserData"
        ]["Value"]
        self.assertIn(b"ECS_CLUSTER=c1", base64.b64decode(value))
        self.assertEqual(ec2.describe_instance_status()["InstanceStatuses"], [])
        self.advance(1)
        self.assertEqual(len(ec2.describe_instance_status()["InstanceStatuses"]), 1)

    def test_placement_groups(self):
        """placement groups are made, used and deleted when nothing is in them"""
        ec2 = self.client("ec2")
        ec2.create_placement_group(GroupName="pg", Strategy="cluster")
        (instance_id,) = self.launch(Placement={"GroupName": "pg"})
        self.assertEqual(self.instance(instance_id)["Placement"]["GroupName"], "pg")
        self.refused("InvalidPlacementGroup.Duplicate", ec2.create_placement_group, GroupName="pg")
        self.refused("InvalidPlacementGroup.InUse", ec2.delete_placement_group, GroupName="pg")
        ec2.terminate_instances(InstanceIds=[instance_id])
        ec2.delete_placement_group(GroupName="pg")
        self.assertEqual(ec2.describe_placement_groups()["PlacementGroups"], [])

    def test_consistency(self):
        """with a delay, what was made is not seen, and its ids are unknown to every call"""
        self.control("settings", consistencySeconds=30, pendingSeconds=1)
        ec2 = self.client("ec2")
        (instance_id,) = self.launch()
        self.assertEqual(ec2.describe_instances()["Reservations"], [])
        for call in (ec2.describe_instances, ec2.terminate_instances):
            self.refused("InvalidInstanceID.NotFound", call, InstanceIds=[instance_id])
        tags = {"Resources": [instance_id], "Tags": [{"Key": "a", "Value": "b"}]}
        self.refused("InvalidInstanceID.NotFound", ec2.create_tags, **tags)
        self.advance(31)
        self.assertEqual(self.instance(instance_id)["State"]["Name"], "running")


class Fleets(DoubleTest):
    def setUp(self):
        super().setUp()
        data = {
            "ImageId": self.image(),
            "UserData": base64.b64encode(user_data("c1").encode()).decode(),
            "IamInstanceProfile": {"Name": "ecsInstanceRole"},
        }
        self.template = self.client("ec2").create_launch_template(
            LaunchTemplateName="tmpl", LaunchTemplateData=data
        )["LaunchTemplate"]

    def fleet(self, overrides, target, market="spot", strategy=None, refused=None, **more):
        """CreateFleet; ([(type, subnet letter, count)…], [(code, type)…])."""
        options = {"AllocationStrategy": strategy} if strategy else {}
        options.update(more.pop("options", {}))
        parameters = {
            "Type": "instant",
            "LaunchTemplateConfigs": [
                {
                    "LaunchTemplateSpecification": {
                        "LaunchTemplateId": self.template["LaunchTemplateId"],
                        "Version": "1",
                    },
                    "Overrides": overrides,
                }
            ],
            "TargetCapacitySpecification": {
                "TotalTargetCapacity": target,
                "DefaultTargetCapacityType": market,
            },
            "SpotOptions" if market == "spot" else "OnDemandOptions": options,
            **more,
        }
        if refused:
            return self.refused(refused, self.client("ec2").create_fleet, **parameters)
        answer = self.client("ec2").create_fleet(**parameters)
        self.answer = answer
        started = [
            (
                each["InstanceType"],
                each["LaunchTemplateAndOverrides"]["Overrides"]["SubnetId"][-1],
                len(each["InstanceIds"]),
            )
            for each in answer["Instances"]
        ]
        errors = [
            (each["ErrorCode"], each["LaunchTemplateAndOverrides"]["Overrides"]["InstanceType"])
            for each in answer["Errors"]
        ]
        return started, errors

    @staticmethod
    def pool(name, at=0, **more):
        return {"InstanceType": name, "SubnetId": SUBNETS[at], **more}

    def test_lowest_price(self):
        """lowest-price fills the cheapest pool, then the next, and reports what ran out"""
        self.control("pool", type="t3.micro", zone="us-east-1a", capacity=2)
        started, errors = self.fleet(
            [self.pool("m5.large"), self.pool("t3.micro")], 3, "on-demand", "lowest-price"
        )
        self.assertEqual(sorted(started), [("m5.large", "a", 1), ("t3.micro", "a", 2)])
        self.assertEqual(errors, [("InsufficientInstanceCapacity", "t3.micro")])

    def test_weights(self):
        """with weights prices count per unit, and the last instance may overshoot"""
        overrides = [
            self.pool("m5.large", WeightedCapacity=2),
            self.pool("m5.4xlarge", WeightedCapacity=160),
        ]
        started, _ = self.fleet(overrides, 100, "on-demand", "lowest-price")
        self.assertEqual(started, [("m5.4xlarge", "a", 1)])

    def test_prioritized(self):
        """prioritized goes by Priority, whatever the price"""
        overrides = [self.pool("t3.micro", Priority=2), self.pool("m5.4xlarge", Priority=0)]
        started, _ = self.fleet(overrides, 2, "on-demand", "prioritized")
        self.assertEqual(started, [("m5.4xlarge", "a", 2)])

    def test_spot_strategies(self):
        """capacity strategies take the deepest pool, with prices the cheap one of two alike"""
        self.control(
            "pool", type="m5.large", zone="us-east-1a", market="spot", rank=9, price="0.01"
        )
        self.control(
            "pool", type="c5.large", zone="us-east-1a", market="spot", rank=1, price="0.09"
        )
        self.control(
            "pool", type="r5.large", zone="us-east-1a", market="spot", rank=2, price="0.05"
        )
        overrides = [self.pool(name) for name in ("m5.large", "c5.large", "r5.large")]
        for strategy, wanted in (
            ("lowest-price", "m5.large"),
            ("capacity-optimized", "c5.large"),
            ("price-capacity-optimized", "r5.large"),
        ):
            started, _ = self.fleet(overrides, 2, strategy=strategy)
            self.assertEqual(started, [(wanted, "a", 2)], strategy)
        ranked = [{**each, "Priority": at} for at, each in enumerate(reversed(overrides))]
        self.assertEqual(
            self.fleet(ranked, 1, strategy="capacity-optimized-prioritized")[0],
            [("r5.large", "a", 1)],
        )
        started, _ = self.fleet(overrides, 3, strategy="diversified")
        self.assertEqual(len(started), 3)
        instance = self.instance(self.answer["Instances"][0]["InstanceIds"][0])
        self.assertEqual(instance["InstanceLifecycle"], "spot")

    def test_errors(self):
        """a pool that cannot be tells so beside those that can"""
        self.control("pool", type="r5.large", zone="us-east-1b", code="Unsupported")
        self.control("quota", group="G", market="spot", vcpus=0)
        overrides = [
            self.pool("m6g.large"),
            self.pool("r5.large", 1),
            self.pool("g5.xlarge"),
            self.pool("c5.large", MaxPrice="0.0001"),
            self.pool("m5.large"),
        ]
        started, errors = self.fleet(overrides, 2, strategy="diversified")
        self.assertEqual(started, [("m5.large", "a", 2)])
        wanted = [
            ("InvalidParameterValue", "m6g.large"),
            ("MaxSpotInstanceCountExceeded", "g5.xlarge"),
            ("SpotMaxPriceTooLow", "c5.large"),
            ("Unsupported", "r5.large"),
        ]
        self.assertEqual(sorted(errors), sorted(wanted))

    def test_nothing(self):
        """without capacity anywhere there are no instances and an error for each pool"""
        self.control("pool", market="spot", capacity=0)
        started, errors = self.fleet(
            [self.pool("m5.large"), self.pool("c5.large", 1)], 2, strategy="capacity-optimized"
        )
        self.assertEqual(started, [])
        self.assertEqual({code for code, _ in errors}, {"InsufficientInstanceCapacity"})

    def test_minimum(self):
        """a minimum that is not met leaves nothing behind"""
        self.control("pool", type="m5.large", capacity=1)
        options = {"MinTargetCapacity": 2, "SingleInstanceType": True}
        started, errors = self.fleet(
            [self.pool("m5.large")], 3, strategy="lowest-price", options=options
        )
        self.assertEqual((started, len(errors)), ([], 1))
        self.advance(1)
        states = [each["state"] for each in self.control("state")["regions"][0]["instances"]]
        self.assertEqual(states, ["terminated"])

    def test_token(self):
        """the same token gives the same instances; other parameters are refused"""
        more = {"ClientToken": "fleet-1"}
        first = (
            self.fleet([self.pool("m5.large")], 2, strategy="lowest-price", **more)
            and self.answer["Instances"]
        )
        self.fleet([self.pool("m5.large")], 2, strategy="lowest-price", **more)
        self.assertEqual(self.answer["Instances"], first)
        self.fleet(
            [self.pool("m5.large")],
            3,
            strategy="lowest-price",
            refused="IdempotentParameterMismatch",
            **more,
        )
        self.assertEqual(len(self.control("state")["regions"][0]["instances"]), 2)

    def test_refusals(self):
        """fleets that EC2 does not take"""
        twice = [self.pool("m5.large"), self.pool("m5.large")]
        self.fleet(twice, 1, refused="InvalidFleetConfig")
        self.fleet([self.pool("m5.large")], 0, refused="InvalidParameterValue")
        mixed = [self.pool("m5.large", WeightedCapacity=1), self.pool("c5.large")]
        self.fleet(mixed, 1, refused="InvalidParameterCombination")
