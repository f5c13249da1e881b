#!/bin/sh
# A Spot instance is taken back, against the double: told by EventBridge through a queue, and without one by ECS's agent, which drains it.
# Nothing is placed there any more, another one is bought before it is lost, and what ran there is tried again as of a host that was lost.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/aws.sh"
mt() { timeout 100 "$MUSTER" "$@"; }
start_aws || { is "the double starts" no yes; finish; }
double settings '{"runner": "process"}' >/dev/null
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mkdir "$STATE"
queue=arn:aws:sqs:us-east-1:123456789012:muster
cloud cheap 'bidPercentage: 100'
sed -i 's/^spec:/&\n  provider: {type: aws, region: us-east-1}/; s/type: EC2/type: SPOT/; s/BEST_FIT_PROGRESSIVE/SPOT_CAPACITY_OPTIMIZED/' src/environment.yaml
resource JobDefinition again '{type: container, retryStrategy: {attempts: 3, evaluateOnExit: [{onStatusReason: "Host EC2*", action: RETRY}, {onReason: "*", action: EXIT}]},
  containerProperties: {image: busybox, command: [sleep, "300"], resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "64"}]}}' >src/again.yaml
start_daemon || { is "daemon starts" no yes; finish; }
exits "a Spot environment" 0 mt apply src --yes
# warned HOW DRAINS: a job's host is warned, and lost a while later.
warned() {
    id=$(mt submit --queue q --definition again)
    ok "$1: a job runs" until_like RUNNING job "$id"
    is "$1: on one instance" "$(instances_left)" 1
    host=$(in_aws "[i['id'] for r in regions for i in r['instances'] if i['state'] == 'running'][0]")
    double spot-notice "{\"noticeSeconds\": 3600, \"drains\": $2}" >/dev/null
    ok "$1: another one is bought while it is still there" until_like 2 instances_left
    is "$1: the job runs on" "$(job "$id")" RUNNING
    ok "$1: explain says what comes" until_like "*its host $host will be lost: EC2 takes this Spot instance back*" mt explain "$id"
    exits "$1: describe as well" 0 mt describe ComputeEnvironment/cheap
    like "$1: with how many it hits" "$out" "*Leaving:*$host, with 1 attempt: EC2 takes this Spot instance back*"
    like "$1: as a state of it" "$out" "*DRAINING*"
    next=$(mt submit --queue q --definition hello -- sleep 300)
    ok "$1: the next job runs" until_like RUNNING job "$next"
    is "$1: not on it" "$(in_aws "sum(t['instance'] == '$host' for r in regions for c in r['clusters'] for t in c['tasks'] if t['lastStatus'] == 'RUNNING')")" 1
    is "$1: nothing more is bought" "$(instances_left)" 2
    double advance '{"seconds": 3600}' >/dev/null
    ok "$1: it is lost, and the job tried again" until_like 2 job "$id" attempts.1.attempt
    like "$1: as of a host that was lost" "$(job "$id" attempts.0.statusReason)" "Host EC2 (instance $host) terminated."
    ok "$1: it runs again" until_like RUNNING job "$id"
    is "$1: beside the other" "$(instances_left)" 1
    mt terminate "$id" --reason enough >/dev/null
    mt terminate "$next" --reason enough >/dev/null
    mt wait "$id" "$next" >/dev/null 2>&1
    double end-instance '{"all": true}' >/dev/null
    ok "$1: all instances are gone" until_like 0 instances_left
}
warned "without a queue" true
double queue '{"name": "muster"}' >/dev/null
sed -i "s|region: us-east-1|&, events: {queue: \"$queue\"}|" src/environment.yaml
exits "a queue" 0 mt apply src --yes
like "is no other environment" "$out" "*1 to change, 0 to destroy*"
warned "with a queue" false

back_to_nothing src
finish
