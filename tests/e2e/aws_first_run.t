#!/bin/sh
# The first plan of a followed source that has jobs on AWS waits until somebody says whether they are to start or were done
# elsewhere. What is carried out is the plan that waited, with that answer.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/aws.sh"
mt() { timeout 60 "$MUSTER" "$@"; }
start_aws || { is "the double starts" no yes; finish; }
double settings '{"runner": "process"}' >/dev/null
mkdir src
printf 'name: first\nprovider: aws\n' >src/muster.yaml
resource ComputeEnvironment f '{computeResources: {type: FARGATE, maxvCpus: 8, subnets: [subnet-0000000000000000a], securityGroupIds: [sg-00000000000000001]}}' >src/f.yaml
resource JobQueue q '{priority: 1, computeEnvironmentOrder: [f]}' >src/q.yaml
resource JobDefinition d '{type: container, platformCapabilities: [FARGATE], containerProperties: {image: busybox, command: [sh, -c, "exit 0"],
  executionRoleArn: "arn:aws:iam::123456789012:role/execution", resourceRequirements: [{type: VCPU, value: "0.25"}, {type: MEMORY, value: "512"}]}}' >src/d.yaml
resource Job once '{jobQueue: q, jobDefinition: d}' >src/once.yaml
waiting() { run mt status -o json; json sources.0.waiting.planId | cut -c1-8; }
# follow NAME: a daemon with a new state that follows the source, and what it says when the plan waits.
follow() {
    STATE=$WORK/$1
    export MUSTER_STATE="$STATE"
    start_daemon src --state "$STATE" || { is "daemon starts" no yes; finish; }
    ok "$1: the plan waits" until_like '*waiting*' mt status
    run mt status
    like "$1: and says for what" "$out" "*first has no history in this state directory and 1 runs to start*--first-run start*"
    like "$1: and how it is answered" "$out" "*to apply it: muster approve ???????? --first-run start (or record: *"
    id=$(waiting)
}

follow record
exits "an approval that does not say it" 3 mt approve "$id"
like "is told what to say" "$err" "*--first-run start, or --first-run record*"
exits "an answer that is none" 1 mt approve "$id" --first-run perhaps
exits "nothing of it is there" 6 mt get JobQueue q
exits "they were done elsewhere" 0 mt approve "$id" --first-run record
like "it is the plan that waited" "$out" "*Approved plan $id of source first: 3 to add*"
exits "the queue is there" 0 mt get JobQueue q
run mt get runs
like "its run is recorded" "$out" "*once*RECORDED*"
is "and no job of it began" "$(mt get jobs -o json | tr -d ' \n')" '{"jobs":[]}'
run mt events
like "who said so is an event" "$out" "*source.approved*plan $id*with --first-run record*"
resource JobQueue r '{priority: 2, computeEnvironmentOrder: [f]}' >src/r.yaml
ok "later revisions do not wait" until_ok mt get JobQueue r
rm src/r.yaml
is "no task was asked for" "$(calls ecs:RunTask)" 0
stop_daemon "$daemon"
exits "the recording decides the same" 0 mt simulate --replay "$STATE"
exits "all of it is destroyed" 0 mt destroy src --yes --timeout 50s

follow start
exits "they are to start" 0 mt approve "$id" --first-run start --wait jobs
like "it is the plan that waited, too" "$out" "*Approved plan $id of source first: 3 to add*1 to run*"
run mt get jobs
like "its job ran" "$out" "*once*SUCCEEDED*"
stop_daemon "$daemon"
exits "this recording, too" 0 mt simulate --replay "$STATE"
start_daemon --state "$STATE" || is "daemon starts" no yes
back_to_nothing src
finish
