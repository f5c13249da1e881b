"""EC2's reading calls: types, offerings, spot prices, the network."""
import catalogue
from answer import fragment
from ec2_state import GROUP, VPC
from errors import AwsError
from pages import cut, matches, tag_filter
from registry import operation

TYPE_FRAGMENTS = {}


def only_one(parameters, ids):
    """EC2 takes ids or MaxResults, not both."""
    if parameters.get(ids) and parameters.get("MaxResults"):
        raise AwsError(
            "InvalidParameterCombination",
            f"The parameter {ids} cannot be used with the parameter maxResults",
        )


def known(there, ids, code, what):
    """Those of there that ids name, all where ids is empty; AwsError where one is not there."""
    for each in ids or ():
        if each not in there:
            raise AwsError(code, f"The {what} '{each}' does not exist")
    return [there[each] for each in ids] if ids else list(there.values())


def gpu_answer(entry):
    name, memory = entry.gpu
    return {
        "Gpus": [
            {
                "Name": name,
                "Manufacturer": "NVIDIA",
                "Count": entry.gpus,
                "MemoryInfo": {"SizeInMiB": memory},
            }
        ],
        "TotalGpuMemoryInMiB": entry.gpus * memory,
    }


def neuron_answer(entry):
    name, count, cores = catalogue.NEURON[entry.name]
    return {"NeuronDevices": [{"Name": name, "Count": count, "CoreInfo": {"Count": cores}}]}


def type_members(entry):
    has_threads = entry.architecture == "x86_64" and entry.vcpus > 1
    threads = 2 if has_threads else 1
    is_metal = "b" in entry.flags
    return {
        "InstanceType": entry.name,
        "CurrentGeneration": "c" in entry.flags,
        "FreeTierEligible": False,
        "SupportedUsageClasses": entry.usage_classes,
        "SupportedRootDeviceTypes": ["ebs"],
        "SupportedVirtualizationTypes": ["hvm"],
        "BareMetal": is_metal,
        "Hypervisor": None if is_metal else "nitro",
        "ProcessorInfo": {
            "SupportedArchitectures": [entry.architecture],
            "SustainedClockSpeedInGhz": 3.0,
        },
        "VCpuInfo": {
            "DefaultVCpus": entry.vcpus,
            "DefaultCores": entry.vcpus // threads,
            "DefaultThreadsPerCore": threads,
        },
        "MemoryInfo": {"SizeInMiB": entry.memory_mib},
        "InstanceStorageSupported": False,
        "NetworkInfo": {
            "NetworkPerformance": "Up to 10 Gigabit",
            "MaximumNetworkInterfaces": 4,
            "EfaSupported": False,
        },
        "GpuInfo": gpu_answer(entry) if entry.gpus else None,
        "NeuronInfo": neuron_answer(entry) if entry.name in catalogue.NEURON else None,
        "PlacementGroupInfo": {"SupportedStrategies": ["cluster", "partition", "spread"]},
        "HibernationSupported": False,
        "BurstablePerformanceSupported": "t" in entry.flags,
        "DedicatedHostsSupported": True,
        "AutoRecoverySupported": True,
    }


def type_fragment(entry):
    if entry.name not in TYPE_FRAGMENTS:
        TYPE_FRAGMENTS[entry.name] = fragment("ec2", "InstanceTypeInfo", type_members(entry))
    return TYPE_FRAGMENTS[entry.name]


def type_values(entry):
    def word(flag):
        return ["true" if flag in entry.flags else "false"]

    return {
        "instance-type": [entry.name],
        "bare-metal": word("b"),
        "current-generation": word("c"),
        "burstable-performance-supported": word("t"),
        "processor-info.supported-architecture": [entry.architecture],
        "supported-usage-class": entry.usage_classes,
        "vcpu-info.default-vcpus": [str(entry.vcpus)],
        "memory-info.size-in-mib": [str(entry.memory_mib)],
        "hypervisor": [] if "b" in entry.flags else ["nitro"],
    }


@operation("ec2", "DescribeInstanceTypes")
def describe_instance_types(call, parameters):
    only_one(parameters, "InstanceTypes")
    there = catalogue.offered(call.region.name)
    asked = parameters.get("InstanceTypes")
    unknown = sorted(set(asked or ()) - set(there))
    if unknown:
        raise AwsError(
            "InvalidInstanceType",
            f"The following supplied instance types do not exist: [{', '.join(unknown)}]",
        )
    if len(asked or ()) > 100:
        raise AwsError(
            "InvalidParameterValue", "At most 100 instance types can be described by name"
        )
    entries = [catalogue.types()[name] for name in (sorted(asked) if asked else there)]
    entries = [entry for entry in entries if matches(type_values(entry), parameters.get("Filters"))]
    page, token = cut(call, entries, parameters.get("MaxResults", 100), parameters.get("NextToken"))
    return {"InstanceTypes": [type_fragment(entry) for entry in page], "NextToken": token}


@operation("ec2", "DescribeInstanceTypeOfferings")
def describe_instance_type_offerings(call, parameters):
    kind = parameters.get("LocationType", "region")
    ec2 = call.region.ec2
    places = {
        "region": [call.region.name],
        "availability-zone": call.region.zones,
        "availability-zone-id": [ec2.zone_id(zone) for zone in call.region.zones],
    }.get(kind)
    if places is None:
        raise AwsError("InvalidParameterValue", f"The location type {kind} is not known")
    offers = [
        {"InstanceType": name, "LocationType": kind, "Location": place}
        for name in catalogue.offered(call.region.name)
        for place, zone in zip(places, call.region.zones)
        if kind == "region" or ec2.is_offered(name, zone)
    ]
    offers = [
        offer
        for offer in offers
        if matches(
            {"instance-type": [offer["InstanceType"]], "location": [offer["Location"]]},
            parameters.get("Filters"),
        )
    ]
    page, token = cut(call, offers, parameters.get("MaxResults", 1000), parameters.get("NextToken"))
    return {"InstanceTypeOfferings": page, "NextToken": token}


@operation("ec2", "DescribeSpotPriceHistory")
def describe_spot_price_history(call, parameters):
    region = call.region
    products = parameters.get("ProductDescriptions", ["Linux/UNIX"])
    names = parameters.get("InstanceTypes") or catalogue.offered(region.name)
    zones = [zone for zone in region.zones if zone == parameters.get("AvailabilityZone", zone)]
    entries = []
    for name in names:
        if (
            name not in catalogue.region_prices(region.name)
            or "s" not in catalogue.types()[name].flags
        ):
            continue
        for zone in (zone for zone in zones if region.ec2.is_offered(name, zone)):
            entries += [
                {
                    "AvailabilityZone": zone,
                    "InstanceType": name,
                    "ProductDescription": product,
                    "SpotPrice": f"{region.ec2.price((name, zone, 'spot')):.6f}",
                    "Timestamp": int(call.double.clock.now()) - 600,
                }
                for product in products
                if product in ("Linux/UNIX", "Linux/UNIX (Amazon VPC)")
            ]
    entries = [
        entry
        for entry in entries
        if matches(
            {
                "instance-type": [entry["InstanceType"]],
                "availability-zone": [entry["AvailabilityZone"]],
                "product-description": [entry["ProductDescription"]],
                "spot-price": [entry["SpotPrice"]],
            },
            parameters.get("Filters"),
        )
    ]
    page, token = cut(
        call, entries, parameters.get("MaxResults", 1000), parameters.get("NextToken")
    )
    return {"SpotPriceHistory": page, "NextToken": token or ""}


# ---- the network
def subnet_answer(call, subnet):
    return {
        "SubnetId": subnet.id,
        "VpcId": subnet.vpc,
        "AvailabilityZone": subnet.zone,
        "AvailabilityZoneId": call.region.ec2.zone_id(subnet.zone),
        "AvailableIpAddressCount": subnet.free,
        "CidrBlock": subnet.cidr,
        "MapPublicIpOnLaunch": subnet.is_public,
        "State": "available",
        "DefaultForAz": True,
        "OwnerId": call.region.account,
        "SubnetArn": call.region.arn("ec2", f"subnet/{subnet.id}"),
        "Tags": [],
    }


@operation("ec2", "DescribeSubnets")
def describe_subnets(call, parameters):
    only_one(parameters, "SubnetIds")
    subnets = known(
        call.region.ec2.subnets,
        parameters.get("SubnetIds"),
        "InvalidSubnetID.NotFound",
        "subnet ID",
    )
    subnets = [
        subnet
        for subnet in subnets
        if matches(
            {"subnet-id": [subnet.id], "vpc-id": [subnet.vpc], "availability-zone": [subnet.zone]},
            parameters.get("Filters"),
        )
    ]
    page, token = cut(
        call, subnets, parameters.get("MaxResults", 1000), parameters.get("NextToken")
    )
    return {"Subnets": [subnet_answer(call, subnet) for subnet in page], "NextToken": token}


def permissions(call, group, way, otherwise):
    return [
        {
            "IpProtocol": rule["protocol"],
            "FromPort": rule.get("from"),
            "ToPort": rule.get("to"),
            "IpRanges": [{"CidrIp": rule["cidr"]}] if "cidr" in rule else [],
            "UserIdGroupPairs": [{"GroupId": rule["group"]}] if "group" in rule else [],
        }
        for rule in call.region.ec2.group_rules.get(group, {}).get(way, otherwise)
    ]


@operation("ec2", "DescribeSecurityGroups")
def describe_security_groups(call, parameters):
    only_one(parameters, "GroupIds")
    groups = {group: (group, vpc) for group, vpc in call.region.ec2.groups.items()}
    chosen = known(groups, parameters.get("GroupIds"), "InvalidGroup.NotFound", "security group")
    chosen = [
        (group, vpc)
        for group, vpc in chosen
        if matches(
            {"group-id": [group], "vpc-id": [vpc], "group-name": ["default"]},
            parameters.get("Filters"),
        )
    ]
    page, token = cut(call, chosen, parameters.get("MaxResults", 1000), parameters.get("NextToken"))
    answers = [
        {
            "GroupId": group,
            "GroupName": "default" if group == GROUP else group,
            "Description": "of the double",
            "VpcId": vpc,
            "OwnerId": call.region.account,
            "IpPermissions": permissions(call, group, "in", []),
            "Tags": [],
            "IpPermissionsEgress": permissions(
                call, group, "out", [{"protocol": "-1", "cidr": "0.0.0.0/0"}]
            ),
        }
        for group, vpc in page
    ]
    return {"SecurityGroups": answers, "NextToken": token}


@operation("ec2", "DescribeVpcs")
def describe_vpcs(call, parameters):
    vpcs = sorted({subnet.vpc for subnet in call.region.ec2.subnets.values()})
    chosen = known(
        {vpc: vpc for vpc in vpcs}, parameters.get("VpcIds"), "InvalidVpcID.NotFound", "vpc ID"
    )
    return {
        "Vpcs": [
            {
                "VpcId": vpc,
                "State": "available",
                "CidrBlock": "172.31.0.0/16",
                "IsDefault": vpc == VPC,
                "OwnerId": call.region.account,
                "InstanceTenancy": "default",
                "Tags": [],
            }
            for vpc in chosen
        ]
    }


def route_table(call, subnet):
    routes = [
        {
            "DestinationCidrBlock": "172.31.0.0/16",
            "GatewayId": "local",
            "State": "active",
            "Origin": "CreateRouteTable",
        }
    ]
    way = {
        "public": {"GatewayId": "igw-00000000000000001"},
        "nat": {"NatGatewayId": "nat-00000000000000001"},
        "transit": {"TransitGatewayId": "tgw-00000000000000001"},
        "blackhole": {"NatGatewayId": "nat-00000000000000009", "State": "blackhole"},
    }.get(subnet.route)
    if way:
        routes.append(
            {"DestinationCidrBlock": "0.0.0.0/0", "State": "active", "Origin": "CreateRoute", **way}
        )
    table_id = "rtb-" + subnet.id[len("subnet-") :]
    return {
        "RouteTableId": table_id,
        "VpcId": subnet.vpc,
        "OwnerId": call.region.account,
        "Routes": routes,
        "Associations": [
            {
                "Main": False,
                "RouteTableId": table_id,
                "SubnetId": subnet.id,
                "RouteTableAssociationId": "rtbassoc-" + subnet.id[7:],
                "AssociationState": {"State": "associated"},
            }
        ],
        "Tags": [],
    }


def main_table(call, vpc):
    """Of subnets that have none of their own."""
    routes = {"local": "172.31.0.0/16", "igw-00000000000000001": "0.0.0.0/0"}
    return {
        "RouteTableId": f"rtb-main-{vpc[4:]}",
        "VpcId": vpc,
        "OwnerId": call.region.account,
        "Routes": [
            {"DestinationCidrBlock": to, "GatewayId": by, "State": "active"}
            for by, to in routes.items()
        ],
        "Associations": [{"Main": True, "RouteTableId": f"rtb-main-{vpc[4:]}"}],
        "Tags": [],
    }


@operation("ec2", "DescribeRouteTables")
def describe_route_tables(call, parameters):
    tables = [
        route_table(call, subnet)
        for subnet in call.region.ec2.subnets.values()
        if subnet.route != "main"
        and matches(
            {
                "association.subnet-id": [subnet.id],
                "vpc-id": [subnet.vpc],
                "association.main": ["false"],
            },
            parameters.get("Filters"),
        )
    ]
    tables += [
        main_table(call, vpc)
        for vpc in sorted({subnet.vpc for subnet in call.region.ec2.subnets.values()})
        if matches(
            {"association.subnet-id": [], "vpc-id": [vpc], "association.main": ["true"]},
            parameters.get("Filters"),
        )
    ]
    page, token = cut(call, tables, parameters.get("MaxResults", 100), parameters.get("NextToken"))
    return {"RouteTables": page, "NextToken": token}


@operation("ec2", "DescribeVpcEndpoints")
def describe_vpc_endpoints(call, parameters):
    suffix = ".cn" if call.region.partition == "aws-cn" else ""
    reverse = ("cn." if suffix else "") + "com.amazonaws"
    answers = []
    for at, endpoint in enumerate(call.region.ec2.vpc_endpoints, 1):
        name = f"{reverse}.{call.region.name}.{endpoint['service']}"
        values = {"vpc-id": [VPC], "service-name": [name], "vpc-endpoint-state": ["available"]}
        if matches(values, parameters.get("Filters")):
            answers.append(
                {
                    "VpcEndpointId": f"vpce-{at:017x}",
                    "VpcEndpointType": endpoint.get("type", "Interface"),
                    "VpcId": VPC,
                    "ServiceName": name,
                    "State": endpoint.get("state", "available"),
                    "SubnetIds": endpoint.get("subnets", list(call.region.ec2.subnets)),
                    "RouteTableIds": endpoint.get("routeTables", []),
                    "Groups": [
                        {"GroupId": group, "GroupName": group}
                        for group in endpoint.get("groups", [GROUP])
                    ],
                    "PrivateDnsEnabled": endpoint.get("privateDns", True),
                }
            )
    page, token = cut(
        call, answers, parameters.get("MaxResults", 1000), parameters.get("NextToken")
    )
    return {"VpcEndpoints": page, "NextToken": token}


@operation("ec2", "DescribeAvailabilityZones")
def describe_availability_zones(call, parameters):
    return {
        "AvailabilityZones": [
            {
                "ZoneName": zone,
                "ZoneId": call.region.ec2.zone_id(zone),
                "RegionName": call.region.name,
                "State": "available",
            }
            for zone in call.region.zones
        ]
    }


# ---- placement groups and key pairs
@operation("ec2", "CreatePlacementGroup")
def create_placement_group(call, parameters):
    name = parameters.get("GroupName", "")
    groups = call.region.ec2.placement_groups
    if not name:
        raise AwsError("MissingParameter", "The request must contain the parameter groupName")
    if name in groups:
        raise AwsError(
            "InvalidPlacementGroup.Duplicate", f"The Placement Group '{name}' already exists."
        )
    tags = {
        tag["Key"]: tag["Value"]
        for each in parameters.get("TagSpecifications", ())
        for tag in each.get("Tags", ())
    }
    groups[name] = {
        "id": call.region.new_id("pg"),
        "strategy": parameters.get("Strategy", "cluster"),
        "tags": tags,
    }
    return {"PlacementGroup": placement_group_answer(name, groups[name])}


def placement_group_answer(name, group):
    return {
        "GroupName": name,
        "GroupId": group["id"],
        "State": "available",
        "Strategy": group["strategy"],
        "Tags": [{"Key": key, "Value": value} for key, value in group["tags"].items()],
    }


@operation("ec2", "DeletePlacementGroup")
def delete_placement_group(call, parameters):
    ec2 = call.region.ec2
    name = parameters["GroupName"]
    if name not in ec2.placement_groups:
        raise AwsError("InvalidPlacementGroup.Unknown", f"The Placement Group '{name}' is unknown.")
    if any(instance.launch.placement_group == name for instance in ec2.live()):
        raise AwsError(
            "InvalidPlacementGroup.InUse",
            f"The placement group '{name}' is in use and may not be deleted.",
        )
    del ec2.placement_groups[name]


@operation("ec2", "DescribePlacementGroups")
def describe_placement_groups(call, parameters):
    groups = call.region.ec2.placement_groups
    names = parameters.get("GroupNames") or list(groups)
    for name in names:
        if name not in groups:
            raise AwsError(
                "InvalidPlacementGroup.Unknown", f"The Placement Group '{name}' is unknown."
            )
    answers = []
    for name in names:
        group = groups[name]

        def values(filter_name, group=group, name=name):
            own = {"group-name": [name], "strategy": [group["strategy"]], "state": ["available"]}
            return own.get(filter_name, tag_filter(group["tags"], filter_name))

        if matches(values, parameters.get("Filters")):
            answers.append(placement_group_answer(name, group))
    return {"PlacementGroups": answers}


@operation("ec2", "DescribeKeyPairs")
def describe_key_pairs(call, parameters):
    keys = {
        key: {"KeyName": key, "KeyPairId": "key-00000000000000001"}
        for key in sorted(call.region.ec2.keys)
    }
    return {
        "KeyPairs": known(keys, parameters.get("KeyNames"), "InvalidKeyPair.NotFound", "key pair")
    }
