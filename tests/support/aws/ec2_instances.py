"""RunInstances, and the life of instances: described, tagged, ended."""
import itertools
import re

from answer import Fragment, iso_time
import catalogue
from ec2_launch import Launch, check_quota, check_tags, end, pool_fault, quota_room, start
from errors import AwsError, dry_run
from pages import cut, matches, tag_filter
from registry import operation

ID = re.compile(r"i-[0-9a-f]{8}([0-9a-f]{9})?")


@operation("ec2", "RunInstances")
def run_instances(call, parameters):
    ec2 = call.region.ec2
    wanted = {key: value for key, value in parameters.items() if key != "DryRun"}
    again = ec2.replayed(call, parameters.get("ClientToken"), wanted)
    if again:
        return reservation_answer(call, *again)
    least, most = parameters["MinCount"], parameters["MaxCount"]
    if not 1 <= least <= most:
        raise AwsError(
            "InvalidParameterValue", f"MinCount {least} and MaxCount {most} do not fit together"
        )
    launch = Launch(call, parameters, parameters.get("ClientToken")).place()
    if parameters.get("DryRun"):
        raise dry_run()
    count = room(call.region, launch, least, most)
    pool_key = (launch.type_name, launch.subnet.zone, launch.market)
    reservation = call.region.new_id("r")
    started = [start(launch, pool_key, reservation) for _ in range(count)]
    ec2.remember(call, parameters.get("ClientToken"), wanted, (reservation, started))
    return reservation_answer(call, reservation, started)


def room(region, launch, least, most):
    """How many instances can be started, at least least; AwsError where they cannot."""
    pool_key = (launch.type_name, launch.subnet.zone, launch.market)
    entry = catalogue.types()[launch.type_name]
    if not region.ec2.is_offered(*pool_key[:2]):
        raise AwsError(
            "Unsupported",
            f"Your requested instance type ({pool_key[0]}) is not supported in your requested "
            f"Availability Zone ({pool_key[1]}).",
        )
    check_quota(region, entry, launch.market, least)
    fault = pool_fault(region, pool_key, launch.subnet, launch.max_price)
    left = region.ec2.pool(pool_key).left
    bounds = [most, launch.subnet.free] + [
        each for each in (left, quota_room(region, entry, launch.market)) if each is not None
    ]
    if fault or min(bounds) < least:
        code, message = fault or (
            "InsufficientInstanceCapacity",
            f"We currently do not have sufficient {pool_key[0]} capacity in the Availability "
            f"Zone you requested ({pool_key[1]}).",
        )
        if not fault and launch.subnet.free < least:
            code = "InsufficientFreeAddressesInSubnet"
        raise AwsError(
            code,
            message,
            500 if code.startswith("Insufficient") and code.endswith("Capacity") else 400,
        )
    return min(bounds)


def reservation_answer(call, reservation, instances):
    return {
        "ReservationId": reservation,
        "OwnerId": call.region.account,
        "Groups": [],
        "Instances": [instance.answer() for instance in instances],
    }


def instance_values(instance):
    """The filters of DescribeInstances, as a function of their names."""
    launch = instance.launch
    own = {
        "instance-id": [instance.id],
        "instance-state-name": [instance.state],
        "instance-type": [instance.type],
        "instance-lifecycle": ["spot"] if instance.market == "spot" else [],
        "client-token": [launch.token] if launch.token else [],
        "availability-zone": [instance.zone],
        "subnet-id": [instance.subnet.id],
        "vpc-id": [instance.subnet.vpc],
        "image-id": [launch.image["ImageId"]],
        "reservation-id": [instance.reservation],
        "launch-time": [iso_time(int(instance.launched_at))],
        "key-name": [launch.key] if launch.key else [],
        "private-ip-address": [instance.address],
        "placement-group-name": [launch.placement_group] if launch.placement_group else [],
        "iam-instance-profile.arn": [launch.profile_arn] if launch.profile_arn else [],
        "spot-instance-request-id": [instance.spot_request] if instance.spot_request else [],
        "instance.group-id": launch.groups,
        "architecture": [launch.image["Architecture"]],
        "state-reason-code": [instance.state_reason["Code"]] if instance.state_reason else [],
    }
    return lambda name: own.get(name, tag_filter(instance.tags, name))


def visible(region):
    return [
        instance
        for instance in region.ec2.instances.values()
        if region.is_visible(instance.launched_at)
    ]


def named(region, ids):
    """The instances of ids; one that is not there, or not seen yet, fails the whole call."""
    malformed = [each for each in ids if not ID.fullmatch(each)]
    if malformed:
        raise AwsError("InvalidInstanceID.Malformed", f'Invalid id: "{malformed[0]}"')
    there = region.ec2.instances
    missing = [
        each for each in ids if each not in there or not region.is_visible(there[each].launched_at)
    ]
    if missing:
        text = f"s '{', '.join(missing)}' do" if len(missing) > 1 else f" '{missing[0]}' does"
        raise AwsError("InvalidInstanceID.NotFound", f"The instance ID{text} not exist")
    return [there[each] for each in dict.fromkeys(ids)]


def check_page_size(parameters, least=5):
    size = parameters.get("MaxResults")
    if size is not None and not least <= size <= 1000:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value between "
            f"{least} and 1000.",
        )


@operation("ec2", "DescribeInstances")
def describe_instances(call, parameters):
    check_page_size(parameters)
    ids = parameters.get("InstanceIds")
    if ids and parameters.get("MaxResults"):
        raise AwsError(
            "InvalidParameterCombination",
            "The parameter instancesSet cannot be used with the parameter maxResults",
        )
    for each in parameters.get("Filters") or ():
        if len(each.get("Values") or ()) > 200:
            raise AwsError(
                "FilterLimitExceeded",
                "The maximum number of filter values specified on a single call is 200",
            )
    found = named(call.region, ids) if ids else visible(call.region)
    filters = parameters.get("Filters")
    if filters:
        found = [instance for instance in found if matches(instance_values(instance), filters)]
    limit = parameters.get("MaxResults") or (
        10**9 if not call.double.settings["pageMax"] else 1000
    )
    page, token = cut(call, found, limit, parameters.get("NextToken"))
    return {
        "Reservations": [
            reservation_fragment(call, *group)
            for group in itertools.groupby(page, lambda each: each.reservation)
        ],
        "NextToken": token,
    }


def reservation_fragment(call, reservation, instances):
    answers = [instance.answer() for instance in instances]
    text = (
        f"<item><reservationId>{reservation}</reservationId>"
        f"<ownerId>{call.region.account}</ownerId><groupSet></groupSet>"
        f"<instancesSet>{''.join(each.text for each in answers)}</instancesSet></item>"
    )
    return Fragment(
        {
            "ReservationId": reservation,
            "OwnerId": call.region.account,
            "Groups": [],
            "Instances": answers,
        },
        text,
    )


@operation("ec2", "TerminateInstances")
def terminate_instances(call, parameters):
    if len(parameters["InstanceIds"]) > 1000:
        raise AwsError("InvalidParameterValue", "At most 1000 instances can be terminated at once")
    changes = []
    for instance in named(call.region, parameters["InstanceIds"]):
        before = state_answer(instance)
        end(
            instance,
            "Client.UserInitiatedShutdown",
            "Client.UserInitiatedShutdown: User initiated shutdown",
        )
        changes.append(
            {
                "InstanceId": instance.id,
                "PreviousState": before,
                "CurrentState": state_answer(instance),
            }
        )
    return {"TerminatingInstances": changes}


def state_answer(instance):
    return instance.members()["State"]


@operation("ec2", "DescribeInstanceStatus")
def describe_instance_status(call, parameters):
    check_page_size(parameters)
    ids = parameters.get("InstanceIds")
    found = named(call.region, ids) if ids else visible(call.region)
    if not parameters.get("IncludeAllInstances"):
        found = [instance for instance in found if instance.state == "running"]
    found = [
        instance
        for instance in found
        if matches(instance_values(instance), parameters.get("Filters"))
    ]
    page, token = cut(call, found, parameters.get("MaxResults", 1000), parameters.get("NextToken"))
    summary = {"Status": "ok", "Details": [{"Name": "reachability", "Status": "passed"}]}
    answers = [
        {
            "InstanceId": each.id,
            "AvailabilityZone": each.zone,
            "InstanceState": state_answer(each),
            "InstanceStatus": summary,
            "SystemStatus": summary,
        }
        for each in page
    ]
    return {"InstanceStatuses": answers, "NextToken": token}


@operation("ec2", "DescribeInstanceAttribute")
def describe_instance_attribute(call, parameters):
    instance = named(call.region, [parameters["InstanceId"]])[0]
    if parameters["Attribute"] != "userData":
        raise AwsError("InvalidParameterValue", "The double knows the attribute userData only")
    return {"InstanceId": instance.id, "UserData": {"Value": instance.launch.user_data_text}}


# ---- tags
def tagged(region, resource):
    """(tags, a function that replaces them) of a resource that has tags here."""
    ec2 = region.ec2
    if resource.startswith("i-"):
        instance = named(region, [resource])[0]
        return instance.tags, instance.set_tags
    if resource in ec2.templates:
        template = ec2.templates[resource]
        return template.tags, lambda tags: setattr(template, "tags", tags)
    if resource in ec2.fleets:
        return ec2.fleets[resource]["tags"], lambda tags: ec2.fleets[resource].update(tags=tags)
    for group in ec2.placement_groups.values():
        if group["id"] == resource:
            return group["tags"], lambda tags, group=group: group.update(tags=tags)
    raise AwsError("InvalidID", f"The ID '{resource}' is not valid")


@operation("ec2", "CreateTags")
def create_tags(call, parameters):
    tags = {tag["Key"]: tag.get("Value", "") for tag in parameters["Tags"]}
    check_tags(tags)
    for current, replace in [tagged(call.region, resource) for resource in parameters["Resources"]]:
        replace({**current, **tags})


@operation("ec2", "DeleteTags")
def delete_tags(call, parameters):
    doomed = {tag["Key"]: tag.get("Value") for tag in parameters.get("Tags") or ()}
    for current, replace in [tagged(call.region, resource) for resource in parameters["Resources"]]:
        kept = {
            key: value
            for key, value in current.items()
            if key.startswith("aws:")
            or (doomed and (key not in doomed or doomed[key] not in (None, value)))
        }
        replace(kept)


@operation("ec2", "DescribeTags")
def describe_tags(call, parameters):
    entries = []
    for instance in visible(call.region):
        entries += [
            {"ResourceId": instance.id, "ResourceType": "instance", "Key": key, "Value": value}
            for key, value in instance.tags.items()
        ]
    entries = [
        entry
        for entry in entries
        if matches(
            {
                "resource-id": [entry["ResourceId"]],
                "resource-type": [entry["ResourceType"]],
                "key": [entry["Key"]],
                "value": [entry["Value"]],
            },
            parameters.get("Filters"),
        )
    ]
    page, token = cut(
        call, entries, parameters.get("MaxResults", 1000), parameters.get("NextToken")
    )
    return {"Tags": page, "NextToken": token}
