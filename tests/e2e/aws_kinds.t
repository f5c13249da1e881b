#!/bin/sh
# Environments of each kind on AWS, against the double: Fargate, Spot that is taken back, hosts of one's own, GPUs and ARM, several containers,
# RunInstances for BEST_FIT; zones without room.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/aws.sh"
mt() { timeout 60 "$MUSTER" "$@"; }
start_aws || { is "the double starts" no yes; finish; }
double settings '{"runner": "process"}' >/dev/null
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mkdir "$STATE" src
printf 'name: kinds\nprovider: aws\n' >src/muster.yaml
PLACE='subnets: [subnet-0000000000000000a, subnet-0000000000000000b], securityGroupIds: [sg-00000000000000001]'
HOSTS="instanceRole: ecsInstanceRole, $PLACE"
environment() { # NAME COMPUTE-RESOURCES: and a queue of the same name
    resource ComputeEnvironment "$1" "{computeResources: {$2}}" >"src/$1.yaml"
    resource JobQueue "$1" "{priority: 1, computeEnvironmentOrder: [$1]}" >>"src/$1-queue.yaml"
}
environment fargate "type: FARGATE_SPOT, maxvCpus: 8, $PLACE"
environment spot "type: SPOT, allocationStrategy: SPOT_PRICE_CAPACITY_OPTIMIZED, maxvCpus: 8, instanceTypes: [c5.large], $HOSTS"
environment alone "type: EC2, maxvCpus: 8, instanceTypes: [m5.large], $HOSTS"
environment arm "type: EC2, allocationStrategy: BEST_FIT_PROGRESSIVE, maxvCpus: 8, instanceTypes: [c6g.large], $HOSTS"
environment gpu "type: EC2, allocationStrategy: BEST_FIT_PROGRESSIVE, maxvCpus: 16, instanceTypes: [g4dn.xlarge], $HOSTS"
environment wrong "type: EC2, allocationStrategy: BEST_FIT_PROGRESSIVE, maxvCpus: 8, instanceTypes: [c5.large], instanceRole: ecsInstanceRole, \
subnets: [subnet-0badbadbadbadbad0], securityGroupIds: [sg-00000000000000001]"
resource ComputeEnvironment own '{type: UNMANAGED}' >src/own.yaml
resource JobQueue own '{priority: 1, computeEnvironmentOrder: [own]}' >src/own-queue.yaml
definition hello 'echo hello' >src/hello.yaml
resource JobDefinition small '{type: container, platformCapabilities: [FARGATE], containerProperties: {image: busybox, command: [sh, -c, "exit 0"],
  executionRoleArn: "arn:aws:iam::123456789012:role/execution", networkConfiguration: {assignPublicIp: ENABLED},
  resourceRequirements: [{type: VCPU, value: "0.25"}, {type: MEMORY, value: "512"}]}}' >src/small.yaml
resource JobDefinition train '{type: container, containerProperties: {image: busybox, command: [sh, -c, "echo devices $NVIDIA_VISIBLE_DEVICES"],
  resourceRequirements: [{type: VCPU, value: "2"}, {type: MEMORY, value: "1024"}, {type: GPU, value: "1"}]}}' >src/train.yaml
resource JobDefinition pair '{type: container, ecsProperties: {taskProperties: [{containers: [
  {name: main, image: busybox, command: [sh, -c, "exit $CODE"], environment: [{name: CODE, value: "6"}], resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "64"}]},
  {name: side, image: busybox, essential: false, command: [sh, -c, "exit 0"], resourceRequirements: [{type: VCPU, value: "0.5"}, {type: MEMORY, value: "64"}]}]}]}}' >src/pair.yaml
start_daemon || { is "daemon starts" no yes; finish; }
exits "environments of each kind" 0 mt apply src --yes

double fault '{"operation": "RunTask", "match": "\"assignPublicIp\": ?\"ENABLED\"", "delay": 0.01}' >/dev/null
exits "a job on Fargate" 0 mt submit --queue fargate --definition small --wait
is "has a public address where its definition says so" "$(double faults)" '{"faults": []}'
is "needs no instance" "$(instances_left)" 0
exits "one alone in its zone (RunInstances)" 0 mt submit --queue alone --definition hello --wait
is "by RunInstances" "$(calls ec2:RunInstances)" 1
exits "one on ARM" 0 mt submit --queue arm --definition hello --wait
like "has an image for it" "$(in_aws '[t["name"] for r in regions for t in r["templates"]]')" '*muster-arm-*-arm64*'
id=$(mt submit --queue gpu --definition train)
exits "one with a GPU" 0 mt wait "$id"
exits "is told which" 0 mt logs "$id"
like "by its id" "$out" 'devices GPU-*'
id=$(mt submit --queue alone --definition pair)
exits "several containers" 7 mt wait "$id"
is "the first that counts says how it ended" "$(job "$id" attempts.0.exitCode)" 6

# ---- Spot is taken back: every instance at once
id=$(mt submit --queue spot --definition hello --attempts 3 -- sh -c 'sleep 4')
ok "a job runs on Spot" until_like RUNNING job "$id"
double spot-notice '{"market": "spot", "noticeSeconds": 1}' >/dev/null
exits "all of it is taken back" 0 mt wait "$id"
like "the first attempt says so" "$(job "$id" attempts.0.statusReason)" 'Host EC2*'

# ---- a zone without room, then none with any
double pool '{"type": "m5.large", "zone": "us-east-1a", "capacity": 0}' >/dev/null
mt submit --queue alone --definition hello --array 8 >array.id -- sh -c 'sleep 1'
exits "without room in one zone" 0 mt wait "$(cat array.id)"
like "the other is used" "$(in_aws '[i["zone"] for r in regions for i in r["instances"] if i["type"] == "m5.large"]')" '*us-east-1b*'

# ---- what can never be launched as it is configured
id=$(mt submit --queue wrong --definition hello)
ok "an environment that is wrong is INVALID, and says what AWS said" until_like '*wrong *aws *INVALID*wrong: its instances cannot be launched as it is configured: InvalidSubnetID.NotFound: *' mt status
exits "its job can be taken back" 0 mt cancel "$id"

# ---- hosts of one's own: whatever registers
id=$(mt submit --queue own --definition hello)

like "where no host is, a job waits" "$(mt explain "$id")" '*RUNNABLE*'
"$aws_python" - <<'P'
import botocore.session, os
ec2 = botocore.session.get_session().create_client("ec2", region_name="us-east-1", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
data = "#!/bin/sh\necho ECS_CLUSTER=muster-own >>/etc/ecs/ecs.config\necho 'ECS_AVAILABLE_LOGGING_DRIVERS=[\"json-file\",\"awslogs\"]' >>/etc/ecs/ecs.config\n"  # encoded by botocore
images = [i["ImageId"] for i in ec2.describe_images(Owners=["amazon"])["Images"] if i.get("Architecture") == "x86_64"]
ec2.run_instances(ImageId=images[0], InstanceType="c5.large", MinCount=1, MaxCount=1, UserData=data, SubnetId="subnet-0000000000000000a",
                  IamInstanceProfile={"Name": "ecsInstanceRole"})
P
exits "a host that joins takes it" 0 mt wait "$id"
double end-instance '{"cluster": "muster-own"}' >/dev/null
ok "and one that leaves is gone" until_like '*vCPUs: *0 in use, 0 free*' mt describe computeenvironment own

back_to_nothing src
finish
