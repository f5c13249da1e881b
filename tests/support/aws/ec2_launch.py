"""Starts instances: what a request and its launch template ask for together, and whether a pool
has it."""
import base64
import binascii

import catalogue
from ec2_state import GROUP, Instance
from ec2_templates import find_template
from errors import AwsError
from images import find_image

USER_DATA_MAX = 16384


class Launch:
    """What an instance is made by: the template's members with those of the request over them."""

    def __init__(self, call, request, token=None):
        self.region = call.region
        self.token = token
        reference = request.get("LaunchTemplate")
        template, self.template_tags = {}, {}
        if reference:
            found = find_template(call.region, reference)
            number = found.number(reference.get("Version", "$Default"))
            template = found.versions[number]["data"]
            self.template_tags = {
                "aws:ec2launchtemplate:id": found.id,
                "aws:ec2launchtemplate:version": str(number),
            }
        self.template = template
        self.request = request
        merged = {**template, **{key: value for key, value in request.items() if value is not None}}
        self.interfaces = merged.get("NetworkInterfaces") or []
        self.type_name = merged.get("InstanceType") or "m1.small"
        self.image_id = merged.get("ImageId")
        self.subnet_id = (
            self.interfaces[0].get("SubnetId") if self.interfaces else merged.get("SubnetId")
        )
        self.groups = list(
            (
                self.interfaces[0].get("Groups")
                if self.interfaces
                else merged.get("SecurityGroupIds")
            )
            or [GROUP]
        )
        self.profile = merged.get("IamInstanceProfile")
        self.profile_arn = None
        self.user_data_text = merged.get("UserData") or ""
        self.user_data = b""
        self.key = merged.get("KeyName")
        placement = merged.get("Placement") or {}
        self.placement_group = placement.get("GroupName") or ""
        self.tenancy = placement.get("Tenancy") or "default"
        self.zone = placement.get("AvailabilityZone")
        self.metadata = merged.get("MetadataOptions") or {}
        self.shutdown_behaviour = merged.get("InstanceInitiatedShutdownBehavior") or "stop"
        options = merged.get("InstanceMarketOptions") or {}
        self.market = "spot" if options.get("MarketType") == "spot" else "on-demand"
        self.max_price = (options.get("SpotOptions") or {}).get("MaxPrice")
        self.image = None
        self.subnet = None
        self.extra_tags = {}

    def tags(self, resource_type):
        """Of what is made, the request's over the template's."""
        tags = {}
        for source in (self.template, self.request):
            for each in source.get("TagSpecifications") or ():
                if each.get("ResourceType") == resource_type:
                    tags.update(
                        {tag["Key"]: tag.get("Value", "") for tag in each.get("Tags") or ()}
                    )
        if resource_type == "instance":
            tags.update(self.template_tags)
            tags.update(self.extra_tags)
        return tags

    def place(self, subnet_id=None):
        """Checks the members and settles image, subnet, profile and user data; AwsError where one
        is wrong."""
        ec2 = self.region.ec2
        if not self.image_id:
            raise AwsError("MissingParameter", "The request must contain the parameter ImageId")
        if self.image_id.startswith("resolve:ssm:"):
            self.image_id = (
                ec2.images.parameter(self.image_id[len("resolve:ssm:") :]) or self.image_id
            )
        self.image = find_image(self.region, self.image_id)
        self.check_type()
        self.subnet = self.find_subnet(subnet_id or self.subnet_id)
        self.check_network()
        self.check_profile()
        self.check_user_data()
        if self.key and self.key not in ec2.keys:
            raise AwsError("InvalidKeyPair.NotFound", f"The key pair '{self.key}' does not exist")
        if self.placement_group and self.placement_group not in ec2.placement_groups:
            raise AwsError(
                "InvalidPlacementGroup.Unknown",
                f"The placement group '{self.placement_group}' is unknown.",
            )
        self.check_tags()
        return self

    def check_type(self):
        if self.type_name not in catalogue.offered(self.region.name):
            raise AwsError(
                "InvalidParameterValue", f"Invalid value '{self.type_name}' for InstanceType."
            )
        entry = catalogue.types()[self.type_name]
        if entry.architecture != self.image["Architecture"]:
            raise AwsError(
                "InvalidParameterValue",
                f"The architecture '{entry.architecture}' of the specified instance type does "
                f"not match the architecture '{self.image['Architecture']}' of the specified AMI.",
            )
        if self.market == "spot" and "s" not in entry.flags:
            raise AwsError(
                "UnsupportedOperation",
                f"The instance type {self.type_name} is not supported as Spot.",
            )

    def find_subnet(self, subnet_id):
        subnets = self.region.ec2.subnets
        if subnet_id and subnet_id not in subnets:
            raise AwsError(
                "InvalidSubnetID.NotFound", f"The subnet ID '{subnet_id}' does not exist"
            )
        if subnet_id:
            return subnets[subnet_id]
        if self.zone and self.zone not in self.region.zones:
            raise AwsError("InvalidParameterValue", f"Invalid availability zone: [{self.zone}]")
        return next(
            subnet for subnet in subnets.values() if subnet.zone == (self.zone or subnet.zone)
        )

    def check_network(self):
        if self.interfaces and (
            self.request.get("SubnetId") or self.request.get("SecurityGroupIds")
        ):
            raise AwsError(
                "InvalidParameterCombination",
                "Network interfaces and an instance-level subnet ID or security groups may not "
                "be specified on the same request",
            )
        for group in self.groups:
            vpc = self.region.ec2.groups.get(group)
            if vpc is None:
                raise AwsError(
                    "InvalidGroup.NotFound", f"The security group '{group}' does not exist"
                )
            if vpc != self.subnet.vpc:
                raise AwsError(
                    "InvalidParameter",
                    f"Security group {group} and subnet {self.subnet.id} belong to different "
                    "networks.",
                )

    def check_profile(self):
        if not self.profile:
            return
        name = self.profile.get("Name") or self.profile.get("Arn", "").rsplit("/", 1)[-1]
        arn = f"arn:{self.region.partition}:iam::{self.region.account}:instance-profile/{name}"
        given = self.profile.get("Arn", arn)
        if (self.region.account, name) not in self.region.double.identity.profiles or given != arn:
            raise AwsError(
                "InvalidParameterValue",
                f"Value ({given}) for parameter "
                f"iamInstanceProfile.{'arn' if 'Arn' in self.profile else 'name'} is invalid. "
                "Invalid IAM Instance Profile",
            )
        self.profile_arn = arn

    def check_user_data(self):
        try:
            self.user_data = base64.b64decode(self.user_data_text, validate=True)
        except (ValueError, binascii.Error):
            raise AwsError(
                "InvalidUserData.Malformed", "Invalid BASE64 encoding of user data."
            ) from None
        if len(self.user_data) > USER_DATA_MAX:
            raise AwsError("InvalidParameterValue", "User data is limited to 16384 bytes")

    def check_tags(self):
        for kind in ("instance", "volume"):
            tags = {
                key: value
                for key, value in self.tags(kind).items()
                if key not in self.template_tags and key not in self.extra_tags
            }
            check_tags(tags)


def check_tags(tags):
    """AwsError where EC2 takes no such tags."""
    if len(tags) > 50:
        raise AwsError(
            "TagLimitExceeded", "The maximum number of Tags for a resource has been reached."
        )
    for key, value in tags.items():
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise AwsError("InvalidParameterValue", f"Tag key or value is too long: {key[:40]}")
        if key.lower().startswith("aws:"):
            raise AwsError(
                "InvalidParameterValue",
                "Tag keys starting with 'aws:' are reserved for internal use",
            )


def check_quota(region, entry, market, count):
    """AwsError where so many more vCPUs are over the account's quota."""
    key = (entry.quota_group, market)
    quota = region.ec2.quotas.get(key)
    if quota is None or region.ec2.used_vcpus.get(key, 0) + entry.vcpus * count <= quota:
        return
    if market == "spot":
        raise AwsError("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
    raise AwsError(
        "VcpuLimitExceeded",
        f"You have requested more vCPU capacity than your current vCPU limit of {quota} allows "
        "for the instance bucket that the specified instance type belongs to.",
    )


def quota_room(region, entry, market):
    key = (entry.quota_group, market)
    quota = region.ec2.quotas.get(key)
    return (
        None if quota is None else max(0, quota - region.ec2.used_vcpus.get(key, 0)) // entry.vcpus
    )


def pool_fault(region, pool_key, subnet, max_price=None):
    """(code, message) of why the pool starts no instance now, or None."""
    name, zone, market = pool_key
    pool = region.ec2.pool(pool_key)
    if pool.error:
        return pool.error
    if market == "spot" and max_price and float(max_price) < region.ec2.price(pool_key):
        return (
            "SpotMaxPriceTooLow",
            f"Your Spot request price of {max_price} is lower than the minimum required Spot "
            f"request fulfillment price of {region.ec2.price(pool_key):.6f}.",
        )
    if pool.left is not None and pool.left <= 0:
        return (
            "InsufficientInstanceCapacity",
            f"We currently do not have sufficient {name} capacity in the Availability Zone you "
            f"requested ({zone}).",
        )
    if subnet.free <= 0:
        return (
            "InsufficientFreeAddressesInSubnet",
            f"There are not enough free addresses in subnet '{subnet.id}' to satisfy the "
            "requested number of instances.",
        )
    return None


def start(launch, pool_key, reservation):
    """One instance in the pool, which has room."""
    region = launch.region
    ec2 = region.ec2
    pool = ec2.pool(pool_key)
    if pool.left is not None:
        pool.left -= 1
    entry = catalogue.types()[pool_key[0]]
    key = (entry.quota_group, pool_key[2])
    ec2.used_vcpus[key] = ec2.used_vcpus.get(key, 0) + entry.vcpus
    instance = Instance(region, launch, pool_key, reservation)
    ec2.instances[instance.id] = instance
    region.double.agents.instance_started(instance)
    return instance


def end(instance, code, message):
    """Shuts an instance down: shutting-down, then terminated, then forgotten."""
    if not instance.is_live:
        return
    region = instance.region
    clock, settings = region.double.clock, region.double.settings
    instance.change("shutting-down", code, message)
    give_back(instance)
    region.double.agents.instance_ending(instance)
    clock.after(settings["shuttingDownSeconds"], lambda: ended(instance))


def give_back(instance):
    ec2 = instance.region.ec2
    entry = catalogue.types()[instance.type]
    key = (entry.quota_group, instance.market)
    ec2.used_vcpus[key] -= entry.vcpus
    pool = ec2.pool((instance.type, instance.zone, instance.market))
    if pool.left is not None:
        pool.left += 1
    instance.subnet.free += 1


def ended(instance):
    region = instance.region
    instance.ended_at = region.double.clock.now()
    instance.change("terminated")
    region.double.agents.instance_ended(instance)
    region.double.clock.after(
        region.double.settings["terminatedSeconds"],
        lambda: region.ec2.instances.pop(instance.id, None),
    )
