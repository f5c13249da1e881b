#!/bin/sh
# doctor SOURCE: each environment of a source in its own region and account: a healthy account, then each defect by itself and what is
# said of it, against the double, whose IAM simulator decides by deploy/aws/policy.json, conditions included.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/aws.sh"
export HOME="$WORK/home"
mkdir -p "$HOME/.aws" src
mt() { timeout 60 "$MUSTER" "$@"; }
start_aws || { is "the double starts" no yes; finish; }
unset AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE AWS_CA_BUNDLE

# environment NAME TYPE PROVIDER [LINE…]: further lines of computeResources.
environment() {
    printf 'apiVersion: muster/v1\nkind: ComputeEnvironment\nmetadata: {name: %s}\nspec:\n  provider: %s\n' "$1" "$3"
    printf '  computeResources:\n    type: %s\n    maxvCpus: 64\n    subnets: [subnet-0000000000000000a, subnet-0000000000000000b]\n' "$2"
    printf '    securityGroupIds: [sg-00000000000000001]\n'
    shift 3
    for line in "$@"; do printf '    %s\n' "$line"; done
}
machines="instanceTypes: [c5.large, c5.xlarge]"
role="instanceRole: muster-instance"
ecr=123456789012.dkr.ecr.us-east-1.amazonaws.com
printf 'name: prod\nprovider: aws\n' >src/muster.yaml
{
    environment cpu EC2 aws "$machines" "$role" "ec2KeyPair: default"
    printf '  workspace: {fileSystemId: fs-0a1b2c3d}\n---\n'
    environment spot SPOT '{type: aws, region: cn-north-1}' "$machines" "$role" 'allocationStrategy: SPOT_PRICE_CAPACITY_OPTIMIZED'
    printf -- '---\n'
    environment small FARGATE '{type: aws, region: us-gov-west-1}'
} >src/environments.yaml
{
    printf 'apiVersion: muster/v1\nkind: JobDefinition\nmetadata: {name: align}\nspec:\n  type: container\n  containerProperties:\n'
    printf '    image: %s/align:1\n    executionRoleArn: arn:aws:iam::123456789012:role/muster-execution\n' "$ecr"
    printf '    resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "64"}]\n'
} >src/align.yaml

# A healthy account.
well() {
    double profile '{"name": "muster-instance"}' >/dev/null
    double repository '{"name": "align", "images": ["1"]}' >/dev/null
    double file-system '{"id": "fs-0a1b2c3d", "targets": [{"zone": "us-east-1a", "groups": ["sg-efs"]}, {"zone": "us-east-1b", "groups": ["sg-efs"]}]}' >/dev/null
    double network '{"groups": {"sg-efs": "vpc-00000000000000001"}}' >/dev/null
    double group-rules '{"id": "sg-efs", "in": [{"protocol": "tcp", "from": 2049, "to": 2049, "group": "sg-00000000000000001"}]}' >/dev/null
    double subnet '{"region": "us-gov-west-1", "id": "subnet-0000000000000000a", "route": "nat"}' >/dev/null
    double subnet '{"region": "us-gov-west-1", "id": "subnet-0000000000000000b", "route": "nat"}' >/dev/null
    double nat-gateway '{"region": "us-gov-west-1", "id": "nat-00000000000000001", "subnet": "subnet-0000000000000000c"}' >/dev/null
    double simulated-policy "{\"document\": $(cat "$ROOT/deploy/aws/policy.json")}" >/dev/null
}
well
exits "all is well" 0 mt doctor src
like "each place and each environment has its line" "$out" "*account 123456789012 in us-east-1: *6 ok*environment cpu in us-east-1: 11 ok*\
account 123456789012 in us-gov-west-1: 1 not checked, 5 ok*not checked  image $ecr/align:1: its registry is in another partition*environment small in us-gov-west-1: 5 ok*\
account 123456789012 in cn-north-1: 1 not checked, 6 ok*environment spot in cn-north-1: 8 ok*"
is "nothing else is shown" "$(printf '%s\n' "$out" | grep -c '^  \(failed\|warning\)')" 0
exits "with --all" 0 mt doctor src --all
like "what is ok is shown too" "$out" "*ok *permissions: all that muster asks for is allowed*quota standard instances, On-Demand: *L-1216C47A*64*\
image $ecr/align:1: it is in ECR*way out of subnet-0000000000000000a: by igw-*with a public address*image: ami-*x86_64*file system: fs-0a1b2c3d can be mounted from*"
like "in GovCloud by a NAT gateway" "$out" "*environment small in us-gov-west-1*way out of subnet-0000000000000000a: by nat-00000000000000001*"
like "Spot has its role and its quota" "$out" "*role of Spot: AWSServiceRoleForEC2Spot*quota standard instances, Spot: *L-34B43A08*"
like "Fargate its own" "$out" "*quota Fargate: *L-3032A538*"
ok "nothing that was sent was wrong" no_violations
is "nothing was changed" "$(in_aws "sum(len(r['instances']) + len(r['clusters']) + len(r['templates']) + len(r['logGroups']) for r in regions)")" 0

# Only the environment in us-east-1 from here on, which is quick.
environment cpu EC2 aws "$machines" "$role" "ec2KeyPair: default" >src/environments.yaml
printf '  workspace: {fileSystemId: fs-0a1b2c3d}\n' >>src/environments.yaml
# defect WHAT VERB JSON LINE: what is said with it; then it is mended by the settings that follow.
defect() {
    double "$2" "$3" >/dev/null
    exits "$1" 1 mt doctor src
    like "is said, with a cure" "$out" "*failed *$4*→ *"
}
a=subnet-0000000000000000a
subnet() { double subnet "{\"id\": \"$a\", $1}" >/dev/null; }
defect "a subnet without a route" subnet "{\"id\": \"$a\", \"route\": \"none\"}" \
    "way out of $a: it has no way out, and no VPC endpoints for ecs, ecs-agent, ecs-telemetry, ecr.api, ecr.dkr, s3, logs"
all='{"service": "ecs"}, {"service": "ecs-agent"}, {"service": "ecs-telemetry"}, {"service": "ecr.api"}, {"service": "ecr.dkr"}'
double group-rules '{"in": [{"protocol": "tcp", "from": 443, "to": 443, "cidr": "172.31.0.0/16"}]}' >/dev/null
defect "one of the endpoints is missing, and S3's is in no route table" network "{\"endpoints\": [$all, {\"service\": \"s3\", \"type\": \"Gateway\"}]}" \
    "no VPC endpoints for s3 (vpce-*is not in the subnet's route table), logs"
double network "{\"endpoints\": [$all, {\"service\": \"s3\", \"type\": \"Gateway\", \"routeTables\": [\"rtb-0000000000000000a\"]}, {\"service\": \"logs\"}]}" >/dev/null
exits "with all of them" 0 mt doctor src --all
like "it is well" "$out" "*way out of $a: by VPC endpoints*"
defect "endpoints that let nothing in" group-rules '{"in": []}' "logs (vpce-*does not let TCP 443 in from there)"
double group-rules '{}' >/dev/null
double network '{"endpoints": []}' >/dev/null
defect "a route that leads nowhere" subnet "{\"id\": \"$a\", \"route\": \"blackhole\"}" "way out of $a: its default route goes to nat-*(blackhole)"
defect "no public addresses" subnet "{\"id\": \"$a\", \"route\": \"public\", \"mapPublic\": false}" "way out of $a: its way out is igw-*, and instances there get no public address"
subnet '"route": "nat"'
defect "a NAT gateway that is gone" nat-gateway '{"id": "nat-00000000000000001", "delete": true}' "way out of $a: its default route goes to nat-00000000000000001, which is not there"
defect "one in a subnet that has no way out" nat-gateway "{\"id\": \"nat-00000000000000001\", \"subnet\": \"$a\"}" "by nat-00000000000000001, whose own subnet $a has no route to an internet gateway"
subnet '"route": "transit"'
exits "another network" 0 mt doctor src
like "is not looked into" "$out" "*not checked *way out of $a: by tgw-*was not looked at*"
exits "which --strict takes for a fault" 1 mt doctor src --strict
subnet '"route": "main"'
exits "the main route table counts where there is no other" 0 mt doctor src
subnet '"route": "public", "free": 0'
double subnet '{"id": "subnet-0000000000000000b", "free": 9}' >/dev/null
exits "few free addresses" 1 mt doctor src
like "are told against what maxvCpus takes" "$out" "*failed *addresses: 9 are free, and maxvCpus takes 16 with the largest instances*"
subnet '"free": 11'
exits "some more" 0 mt doctor src
like "are enough for large machines" "$out" "*warning *addresses: 20 are free, and maxvCpus takes up to 32 with the smallest instances*"
subnet '"free": 4000'
defect "no such group" network '{"groups": {"sg-00000000000000001": "vpc-other"}}' "security groups: sg-00000000000000001 is of vpc-other, and the subnets are of vpc-00000000000000001"
double network '{"groups": {"sg-00000000000000001": "vpc-00000000000000001"}}' >/dev/null
defect "nothing out" group-rules '{"out": [{"protocol": "tcp", "from": 80, "to": 80, "cidr": "0.0.0.0/0"}]}' "security groups: none of them lets TCP 443 out"
like "NFS neither" "$out" "*failed *file system: fs-0a1b2c3d: the environment's security groups do not let NFS out*"
double group-rules '{}' >/dev/null
defect "NFS is not let in" group-rules '{"id": "sg-efs"}' "file system: *mount target fsmt-* do not let NFS in from $a"
defect "a zone without a mount target" file-system '{"id": "fs-0a1b2c3d", "targets": [{"zone": "us-east-1a", "groups": ["sg-efs"]}]}' "file system: fs-0a1b2c3d has no mount target in us-east-1b"
well

# What instances are made of.
defect "an instance profile that is not there" profile '{"name": "muster-instance", "delete": true}' "instance profile: *muster-instance cannot be found"
well
defect "a role that trusts another service" role-trust '{"role": "muster-instance", "service": "lambda.amazonaws.com"}' \
    "instance profile: its role muster-instance does not trust ec2.amazonaws.com"
double role-trust '{"role": "muster-instance", "service": "ec2.amazonaws.com"}' >/dev/null
double role-policies '{"role": "muster-instance", "policies": []}' >/dev/null
exits "a role without the policy of ECS's hosts may have its own" 0 mt doctor src
like "which is said" "$out" "*warning *instance role: muster-instance has not the policy*"
double role-policies '{"role": "muster-instance", "policies": ["service-role/AmazonEC2ContainerServiceforEC2Role"]}' >/dev/null
environment cpu EC2 aws "$machines" "$role" "ec2KeyPair: mine" "placementGroup: near" "launchTemplate: {launchTemplateName: base, version: \"7\"}" \
    "imageId: ami-0123456789abcdef0" >src/environments.yaml
double image '{"id": "ami-0123456789abcdef0", "architecture": "arm64"}' >/dev/null
exits "things that are named and not there" 1 mt doctor src
like "are all said" "$out" "*image: ami-0123456789abcdef0 is for arm64, and some instance types of the environment are x86_64*\
launch template: base is not there*key pair: mine is not there*placement group: near is not there*"
double image '{"id": "ami-0123456789abcdef0", "state": "failed"}' >/dev/null
exits "an image that is not available" 1 mt doctor src
like "is no image" "$out" "*image: ami-0123456789abcdef0 is failed*"
environment cpu EC2 aws "$machines" "$role" >src/environments.yaml
double fault '{"operation": "GetParameter", "code": "ParameterNotFound", "message": "none", "count": 1}' >/dev/null
exits "no image of that kind in the region" 1 mt doctor src
like "is said with its parameter" "$out" "*image: this region has no parameter /aws/service/ecs/optimized-ami/*"
defect "an image of jobs that is not in ECR" repository '{"name": "align", "images": ["2"]}' "image $ecr/align:1: ImageNotFoundException*"
well
defect "a role of ECS that was never made" role '{"name": "AWSServiceRoleForECS", "delete": true}' "role of ECS: AWSServiceRoleForECS is not there"
double role '{"name": "AWSServiceRoleForECS"}' >/dev/null
double quota '{"vcpus": 32}' >/dev/null
exits "a quota below maxvCpus" 0 mt doctor src
like "is a warning with the command that raises it" "$out" "*warning *quota standard instances, On-Demand: 32 vCPUs (L-1216C47A), and*64*--quota-code L-1216C47A --desired-value 64*"
defect "none at all" quota '{"vcpus": 0}' "quota standard instances, On-Demand: 0 vCPUs"
double quota '{"vcpus": null}' >/dev/null

# Permissions: what is missing, as a policy.
double deny '{"actions": ["ec2:CreateFleet", "iam:PassRole"]}' >/dev/null
exits "permissions that are missing" 1 mt doctor src -o json
policy() { printf '%s' "$out" | "$aws_python" -c '
import json, sys
for check in json.load(sys.stdin)["checks"]:
    if check["check"] == "permissions":
        print(eval(sys.argv[1], {"said": check["policy"]["Statement"]}))' "$1"; }
is "are the statements of a policy" "$(policy 'sorted({action for each in said for action in each["Action"]})')" "['ec2:CreateFleet', 'iam:PassRole']"
is "with the roles that are handed on, to instances and to tasks" "$(policy 'sorted(each["Resource"] for each in said if each["Action"] == ["iam:PassRole"])')" \
    "[['arn:aws:iam::123456789012:role/muster-execution'], ['arn:aws:iam::123456789012:role/muster-instance']]"
is "and their conditions" "$(policy '[each["Condition"]["StringEquals"] for each in said if "muster-execution" in each["Resource"][0]]')" "[{'iam:PassedToService': 'ecs-tasks.amazonaws.com'}]"
printf '{"document": %s}' "$(printf '%s' "$out" | "$aws_python" -c '
import json, sys
missing = [check["policy"] for check in json.load(sys.stdin)["checks"] if "policy" in check][0]
own = json.load(open(sys.argv[1]))
for statement in own["Statement"]:
    statement["Action"] = [each for each in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]) if each not in ("ec2:CreateFleet", "iam:PassRole")]
own["Statement"] += missing["Statement"]
print(json.dumps(own))' "$ROOT/deploy/aws/policy.json")" >mended.json
double deny >/dev/null
double simulated-policy "$(cat mended.json)" >/dev/null
exits "added to the rest, all is allowed" 0 mt doctor src
double deny '{"actions": ["iam:SimulatePrincipalPolicy", "ec2:DescribeRouteTables"]}' >/dev/null
exits "what may not be asked" 0 mt doctor src --all
like "is not checked" "$out" "*not checked *permissions: *SimulatePrincipalPolicy*not checked *way out of $a: *ec2:DescribeRouteTables*"
like "and a launch is tried without launching" "$out" "*ok *launch: a dry run of RunInstances would have succeeded*"
is "nothing was launched" "$(instances_left)" 0
double deny '{"actions": ["iam:SimulatePrincipalPolicy", "ec2:RunInstances"]}' >/dev/null
exits "one that is refused" 1 mt doctor src
like "is a fault" "$out" "*failed *launch: a dry run of RunInstances was refused: UnauthorizedOperation*"
double deny >/dev/null
ok "nothing that was sent was wrong either" no_violations

# Accounts and roles.
environment cpu EC2 '{type: aws, accountId: "999999999999"}' "$machines" "$role" >src/environments.yaml
exits "another account" 1 mt doctor src
like "is not looked into" "$out" "*failed *identity: these credentials are of account 123456789012, and environment cpu is to be in 999999999999*not checked *environment: *"
environment cpu EC2 '{type: aws, accountId: "999999999999", roleArn: "arn:aws:iam::999999999999:role/paths/muster-controller"}' "$machines" "$role" >src/environments.yaml
well
double profile '{"account": "999999999999", "name": "muster-instance"}' >/dev/null
double role '{"account": "999999999999", "name": "muster-controller", "path": "paths/"}' >/dev/null
exits "by a role there" 0 mt doctor src --all
like "it is, and the role's own permissions are asked for" "$out" "*account 999999999999 in us-east-1*assumed-role/muster-controller/*permissions: all*environment cpu*"
double deny '{"roles": ["*"]}' >/dev/null
exits "a role that may not be assumed" 1 mt doctor src
like "says so" "$out" "*failed *credentials: role arn:aws:iam::999999999999:role/paths/muster-controller cannot be assumed*not checked *environment*"
double deny >/dev/null
printf 'provider: local\nname: prod\n' >src/muster.yaml
resource ComputeEnvironment cpu '{computeResources: {maxvCpus: 2}}' >src/environments.yaml
exits "a source without AWS" 0 mt doctor src
like "has nothing to look at" "$out" "*not checked *environments: none of the source is on aws*"
exits "a source with faults" 1 mt doctor /nowhere
finish
