#!/bin/sh
# What carries this installation's tags and is known to nobody: found, and ended after two whole looks; never what is somebody else's, never
# after half a look. (A state from yesterday: aws_restore.t.)
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/aws.sh"
mt() { timeout 60 "$MUSTER" "$@"; }
start_aws || { is "the double starts" no yes; finish; }
double settings '{"runner": "process"}' >/dev/null
export MUSTER_TEST_AWS_SETTLE_MS=2000 # else ten minutes, looked for every five
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mkdir "$STATE"
cloud here
start_daemon || { is "daemon starts" no yes; finish; }
exits "an environment" 0 mt apply src --yes
long=$(mt submit --queue q --definition hello -- sleep 300)
ok "a job runs" until_like RUNNING job "$long"
owner=$(sqlite3 "$STATE/muster.db" "select value from settings where name = 'installation'")
image=$(in_aws "1" >/dev/null; aws ec2 DescribeImages '{"Owners": ["amazon"]}' | "$aws_python" -c 'import json, sys; print([i["ImageId"] for i in json.load(sys.stdin)["Images"] if i.get("Architecture") == "x86_64"][0])')
# instance TAGS: one that somebody makes; its id.
instance() {
    aws ec2 RunInstances "{\"ImageId\": \"$image\", \"InstanceType\": \"c5.large\", \"MinCount\": 1, \"MaxCount\": 1, \"SubnetId\": \"subnet-0000000000000000a\"$1}" |
        "$aws_python" -c 'import json, sys; print(json.load(sys.stdin)["Instances"][0]["InstanceId"])'
}
tagged() { echo ", \"TagSpecifications\": [{\"ResourceType\": \"instance\", \"Tags\": [{\"Key\": \"muster/installation\", \"Value\": \"$1\"}, {\"Key\": \"muster/compute-environment\", \"Value\": \"here\"}, {\"Key\": \"muster/intent\", \"Value\": \"$2\"}]}]"; }
# task OWNER TOKEN: one in our cluster; its ARN.
task() {
    aws ecs RunTask "{\"cluster\": \"muster-here\", \"taskDefinition\": \"muster-hello\", \"startedBy\": \"$2\", \"tags\": [{\"key\": \"muster/installation\", \"value\": \"$1\"}], \"overrides\": {\"containerOverrides\": [{\"name\": \"default\", \"command\": [\"sleep\", \"300\"], \"cpu\": 128, \"cpu\": 128}]}}" |
        "$aws_python" -c 'import json, sys; print(json.load(sys.stdin)["tasks"][0]["taskArn"])'
}
state_of() { in_aws "[i['state'] for r in regions for i in r['instances'] if i['id'] == '$1'][0]"; }
wanted() { in_aws "[t['desiredStatus'] for r in regions for c in r['clusters'] for t in c['tasks'] if t['arn'] == '$1'][0]"; }

# ---- half a look ends nothing
double fault '{"operation": "ListTasks", "count": 1000, "code": "ServerException", "status": 500}' >/dev/null
double fault '{"operation": "DescribeInstances", "match": "instance-state-name", "count": 1000, "code": "InternalError", "status": 500}' >/dev/null
leaked=$(instance "$(tagged "$owner" 00000000000000000000000000000001)")
theirs=$(instance "")
another=$(instance "$(tagged 0123456789abcdef 00000000000000000000000000000002)")
orphan=$(task "$owner" 00000000000000000000000000000003)
foreign=$(task 0123456789abcdef 00000000000000000000000000000004)
nobodys=$(task "$owner" some-service)
looked=$(calls ec2:DescribeInstances)
several() { [ "$(calls ec2:DescribeInstances)" -gt "$((looked + 4))" ]; }
ok "looks fail" until_ok several
is "nothing was ended" "$(state_of "$leaked")/$(wanted "$orphan")" running/RUNNING
double faults '{"clear": true}' >/dev/null

# ---- whole ones
ok "an instance that nobody knows is ended" until_like terminated state_of "$leaked"
ok "a task that nobody knows is stopped" until_like STOPPED wanted "$orphan"
is "what is not ours is left: instances" "$(state_of "$theirs")/$(state_of "$another")" running/running
is "tasks" "$(wanted "$foreign")/$(wanted "$nobodys")" RUNNING/RUNNING
is "what is known goes on" "$(job "$long")" RUNNING
run mt events
like "it is an event" "$out" "*environment.collected*ComputeEnvironment/here*instance $leaked: it carries this installation's tag*"
like "each is" "$out" "*environment.collected*task $orphan*"

for one in "$foreign" "$nobodys"; do aws ecs StopTask "{\"cluster\": \"muster-here\", \"task\": \"$one\"}" >/dev/null; done

mt terminate "$long" >/dev/null
exits "new jobs run" 0 mt submit --queue q --definition hello --wait
aws ec2 TerminateInstances "{\"InstanceIds\": [\"$theirs\", \"$another\"]}" >/dev/null
back_to_nothing src
finish
