"""EC2's state in one region: the network that is there from the start, instances, fleets,
templates, tokens."""
import copy
import fnmatch

import catalogue
import partition
from answer import fragment
from errors import AwsError
from images import Images

STATE_CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
VPC = "vpc-00000000000000001"
GROUP = "sg-00000000000000001"
SUBNET_ADDRESSES = 4091


class Subnet:
    """route: public (an internet gateway), nat, transit, blackhole, none, or main (a table of
    its own it has not: the VPC's main one leads to an internet gateway)."""

    def __init__(self, subnet_id, zone, cidr, vpc=VPC, route="public", free=SUBNET_ADDRESSES):
        self.id = subnet_id
        self.zone = zone
        self.cidr = cidr
        self.vpc = vpc
        self.route = route
        self.free = free
        self.is_public = route in ("public", "main")
        self.next_address = 10

    def take_address(self):
        self.free -= 1
        self.next_address += 1
        head = self.cidr.split("/")[0].split(".")
        number = self.next_address % 4096
        return f"{head[0]}.{head[1]}.{int(head[2]) + number // 256}.{number % 256}"


class Pool:
    """Capacity of one type in one zone and market. left: how many more can be started; None: as
    many as one likes."""

    def __init__(self, left=None, price=None, rank=None, error=None):
        self.left = left
        self.price = price
        self.rank = rank  # 1 is interrupted least; None: drawn from the pool's name
        self.error = error  # (code, message) of every launch


class Instance:
    """One EC2 instance. launch: the Launch it was made by."""

    def __init__(self, region, launch, pool_key, reservation):
        self.region = region
        self.seq = region.next_sequence()
        self.id = region.new_id("i")
        self.launch = launch
        self.type, self.zone, self.market = pool_key
        self.reservation = reservation
        self.launched_at = region.double.clock.now()
        self.state = "pending"
        self.state_reason = None
        self.reason = ""
        self.ended_at = None
        self.tags = dict(launch.tags("instance"))
        self.subnet = launch.subnet
        self.address = self.subnet.take_address()
        self.spot_request = region.new_id("sir")[:12] if self.market == "spot" else None
        self.text = None

    @property
    def is_live(self):
        return self.state not in ("shutting-down", "terminated")

    def change(self, state, code=None, message=None):
        self.state = state
        if code:
            self.state_reason = {"Code": code, "Message": message}
            self.reason = message
        self.text = None

    def set_tags(self, tags):
        self.tags = tags
        self.text = None

    @property
    def host_name(self):
        return f"ip-{self.address.replace('.', '-')}.{self.region.name}.compute.internal"

    def answer(self):
        """As DescribeInstances has it."""
        if not self.text:
            self.text = fragment("ec2", "Instance", self.members())
        return self.text

    def members(self):
        launch = self.launch
        there = self.state != "terminated"
        return {
            "InstanceId": self.id,
            "ImageId": launch.image["ImageId"],
            "State": {"Code": STATE_CODES[self.state], "Name": self.state},
            "PrivateDnsName": self.host_name if there else "",
            "PublicDnsName": "",
            "StateTransitionReason": self.reason,
            "KeyName": launch.key,
            "AmiLaunchIndex": 0,
            "InstanceType": self.type,
            "LaunchTime": int(self.launched_at),
            "Placement": {
                "AvailabilityZone": self.zone,
                "GroupName": launch.placement_group,
                "Tenancy": launch.tenancy,
            },
            "Monitoring": {"State": "disabled"},
            "SubnetId": self.subnet.id if there else None,
            "VpcId": self.subnet.vpc if there else None,
            "PrivateIpAddress": self.address if there else None,
            "StateReason": self.state_reason,
            "Architecture": launch.image["Architecture"],
            "RootDeviceName": launch.image["RootDeviceName"],
            "RootDeviceType": "ebs",
            "SecurityGroups": [
                {"GroupId": group, "GroupName": "default"} for group in launch.groups
            ]
            if there
            else [],
            "ClientToken": launch.token or "",
            "Tags": [{"Key": key, "Value": value} for key, value in self.tags.items()]
            if self.tags
            else None,
            "IamInstanceProfile": {"Arn": launch.profile_arn, "Id": "AIPA" + self.region.account}
            if launch.profile_arn
            else None,
            "InstanceLifecycle": "spot" if self.market == "spot" else None,
            "SpotInstanceRequestId": self.spot_request,
            "EbsOptimized": False,
            "Hypervisor": "xen",
            "VirtualizationType": "hvm",
            "MetadataOptions": {
                "State": "applied",
                "HttpTokens": launch.metadata.get("HttpTokens", "optional"),
                "HttpPutResponseHopLimit": launch.metadata.get("HttpPutResponseHopLimit", 1),
                "HttpEndpoint": "enabled",
            },
        }


def is_of(key, patterns):
    return all(fnmatch.fnmatchcase(part, pattern) for part, pattern in zip(key, patterns))


class Ec2:
    """pools: what a test set, for patterns of (type, zone, market); each pool counts for itself,
    the last that fits rules."""

    def __init__(self, region):
        self.region = region
        self.subnets = {}
        for at, zone in enumerate(region.zones):
            self.add_subnet(
                Subnet(f"subnet-0000000000000000{zone[-1]}", zone, f"172.31.{16 * at}.0/20")
            )
        self.groups = {GROUP: VPC}
        self.keys = {"default"}
        self.placement_groups = {}
        self.group_rules = {}  # id -> {"in": […], "out": […]}; none: all out, nothing in
        self.nat_gateways = {
            "nat-00000000000000001": {
                "subnet": "subnet-0000000000000000a",
                "vpc": VPC,
                "state": "available",
                "connectivity": "public",
            }
        }
        self.vpc_endpoints = []
        self.images = Images(region.name)
        self.parameters = {}  # of SSM, besides those of the images
        self.templates = {}
        self.instances = {}
        self.fleets = {}
        self.tokens = {}
        self.pools = []
        self.pool_cache = {}
        self.quotas = {}  # (group, market) -> vCPUs; none: as many as one likes
        self.used_vcpus = {}

    def add_subnet(self, subnet):
        self.subnets[subnet.id] = subnet

    # ---- client tokens
    def replayed(self, call, token, parameters):
        """What a call with the same token gave, or None; AwsError where it was asked for something
        else."""
        if token and (len(token) > 64 or not token.isascii()):
            raise AwsError(
                "InvalidParameterValue", "A client token has at most 64 ASCII characters"
            )
        known = self.tokens.get((call.name, token)) if token else None
        if not known:
            return None
        if known[0] != parameters:
            raise AwsError(
                "IdempotentParameterMismatch",
                f"The client token {token} was used with other parameters before.",
            )
        return known[1]

    def remember(self, call, token, parameters, result):
        if token:
            self.tokens[call.name, token] = (parameters, result)

    # ---- capacity
    def set_pool(self, type_pattern, zone_pattern, market_pattern, pool):
        patterns = (type_pattern, zone_pattern, market_pattern)
        self.pools.append((*patterns, pool))
        for key in [key for key in self.pool_cache if is_of(key, patterns)]:
            del self.pool_cache[key]

    def pool(self, key):
        """The Pool of (type, zone, market)."""
        if key not in self.pool_cache:
            self.pool_cache[key] = self.find_pool(key)
        return self.pool_cache[key]

    def find_pool(self, key):
        for *patterns, pool in reversed(self.pools):
            if is_of(key, patterns):
                return copy.copy(pool)
        return Pool()

    def price(self, key):
        """Of the pool, an hour."""
        pool = self.pool(key)
        if pool.price is not None:
            return pool.price
        if key[2] == "spot":
            return catalogue.spot_price(self.region.name, key[0], key[1])
        return catalogue.region_prices(self.region.name)[key[0]]

    def rank(self, key):
        """1 to 10: how soon instances of the pool are interrupted."""
        pool = self.pool(key)
        return (
            pool.rank
            if pool.rank is not None
            else 1 + int(10 * catalogue.chance("rank", key[0], key[1]))
        )

    def is_offered(self, name, zone):
        """Whether a zone has the type: a pool may say that it does not (error Unsupported)."""
        pool = self.pool((name, zone, "on-demand"))
        return not (pool.error and pool.error[0] == "Unsupported")

    def has_route(self, subnet):
        """Whether an agent in it can reach ECS."""
        services = {endpoint["service"] for endpoint in self.vpc_endpoints}
        return subnet.route not in ("none", "blackhole") or {"ecs", "ecs-agent", "ecs-telemetry"} <= services

    def live(self):
        return [instance for instance in self.instances.values() if instance.is_live]

    def zone_id(self, zone):
        return partition.zone_id(self.region.name, zone)
