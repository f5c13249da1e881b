"""What stands around an environment and is only ever read: NAT gateways, policies of roles, images in ECR, mount
targets of EFS."""
from errors import AwsError
from pages import matches
from registry import operation

NAT = "nat-00000000000000001"
ECS_POLICY = "service-role/AmazonEC2ContainerServiceforEC2Role"


@operation("ec2", "DescribeNatGateways")
def describe_nat_gateways(call, parameters):
    gateways = [
        {
            "NatGatewayId": gateway_id,
            "SubnetId": gateway["subnet"],
            "VpcId": gateway["vpc"],
            "State": gateway["state"],
            "ConnectivityType": gateway["connectivity"],
        }
        for gateway_id, gateway in call.region.ec2.nat_gateways.items()
        if matches(
            {"vpc-id": [gateway["vpc"]], "state": [gateway["state"]]}, parameters.get("Filter")
        )
    ]
    return {"NatGateways": gateways}


@operation("iam", "ListAttachedRolePolicies")
def list_attached_role_policies(call, parameters):
    role = parameters["RoleName"]
    names = call.double.identity.attached.get((call.credential.account, role), [ECS_POLICY])
    return {
        "AttachedPolicies": [
            {
                "PolicyName": name.rsplit("/", 1)[-1],
                "PolicyArn": f"arn:{call.region.partition}:iam::aws:policy/{name}",
            }
            for name in names
        ],
        "IsTruncated": False,
    }


@operation("ecr", "DescribeImages")
def describe_images(call, parameters):
    name = parameters["repositoryName"]
    repository = call.double.region(
        parameters.get("registryId", call.credential.account), call.region.name
    ).repositories.get(name)
    if repository is None:
        raise AwsError(
            "RepositoryNotFoundException",
            f"The repository with name '{name}' does not exist in the registry",
        )
    answers = []
    for wanted in parameters.get("imageIds", ()):
        tag, digest = wanted.get("imageTag"), wanted.get("imageDigest")
        if (tag or digest) not in repository:
            raise AwsError(
                "ImageNotFoundException",
                f"The image with imageId {{imageDigest:'{digest}', imageTag:'{tag}'}} does not exist",
            )
        answers.append({"repositoryName": name, "imageTags": [tag] if tag else []})
    return {"imageDetails": answers}


def target_id(file_system, at):
    return f"fsmt-{file_system[3:]}{at}"


@operation("efs", "DescribeMountTargets")
def describe_mount_targets(call, parameters):
    file_system = parameters["FileSystemId"]
    targets = call.region.file_systems.get(file_system)
    if targets is None:
        raise AwsError("FileSystemNotFound", f"File system '{file_system}' does not exist.", 404)
    return {
        "MountTargets": [
            {
                "MountTargetId": target_id(file_system, at),
                "FileSystemId": file_system,
                "SubnetId": "subnet-0000000000000000a",
                "LifeCycleState": target.get("state", "available"),
                "AvailabilityZoneName": target["zone"],
            }
            for at, target in enumerate(targets)
        ]
    }


@operation("efs", "DescribeMountTargetSecurityGroups")
def describe_mount_target_security_groups(call, parameters):
    for file_system, targets in call.region.file_systems.items():
        for at, target in enumerate(targets):
            if target_id(file_system, at) == parameters["MountTargetId"]:
                return {"SecurityGroups": target["groups"]}
    raise AwsError(
        "MountTargetNotFound", f"Mount target '{parameters['MountTargetId']}' does not exist.", 404
    )
