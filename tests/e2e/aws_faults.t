#!/bin/sh
# What goes wrong with AWS, against the double: a daemon killed at each call that changes something, answers lost, throttling, what was made
# unseen for a while, quotas, credentials that end, a clock that is off, a daemon that was down for a day. After each: all jobs have ended,
# nothing ran twice, nothing is left.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/aws.sh"
mt() { timeout 100 "$MUSTER" "$@"; }
start_aws || { is "the double starts" no yes; finish; }
double settings '{"runner": "process"}' >/dev/null
export MUSTER_TEST_AWS_SETTLE_MS=6000 # else a minute: so long what was asked for may be unseen
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mkdir "$STATE"
cloud here
restart() {
    kill -9 "$daemon" && wait "$daemon" 2>/dev/null
    start_daemon
}
# killed_at OPERATION COMMAND…: what the command sets off is under way, and done, when the daemon is killed.
killed_at() {
    operation=$1
    shift
    before=$(calls "$operation")
    double fault "{\"operation\": \"${operation#*:}\", \"delay\": 2}" >/dev/null
    "$@" >/dev/null 2>&1 &
    command=$!
    more() { [ "$(calls "$operation")" -gt "$before" ]; }
    until_ok more || return 1
    restart
    kill "$command" 2>/dev/null
    wait "$command" 2>/dev/null
    return 0
}
start_daemon || { is "daemon starts" no yes; finish; }

# ---- killed
for operation in ecs:CreateCluster logs:CreateLogGroup ecs:TagResource; do
    ok "killed at $operation" killed_at "$operation" mt apply src --yes
    sed -i 's/maxvCpus: .*/&0/' src/environment.yaml # another spec each time
done
exits "the environment is made all the same" 0 mt apply src --yes --timeout 60s
is "it is one cluster" "$(in_aws 'sum(c["status"] == "ACTIVE" for r in regions for c in r["clusters"])')" 1
submit() { mt submit --queue q --definition "$2" -- sh -c "exit 0; $1" >>submitted; }
definition other 'exit 0' >src/other.yaml
mt apply src --yes >/dev/null
ok "killed at ec2:CreateLaunchTemplate" killed_at ec2:CreateLaunchTemplate submit 1 hello
exits "the job runs all the same" 0 mt wait $(cat submitted)
double end-instance '{"all": true}' >/dev/null
ok "without an instance" until_like 0 instances_left
ok "killed at ec2:CreateFleet" killed_at ec2:CreateFleet submit 2 hello
exits "the job runs all the same" 0 mt wait $(cat submitted)
ok "killed at ecs:RegisterTaskDefinition" killed_at ecs:RegisterTaskDefinition submit 3 other
exits "the job runs all the same" 0 mt wait $(cat submitted)
ok "killed at ecs:RunTask" killed_at ecs:RunTask submit 4 other
exits "all jobs have ended well" 0 mt wait $(cat submitted)
is "each ran once" "$(tasks)" "$(wc -l <submitted | tr -d " ")"
is "on one instance at a time" "$(instances_left)" 1
id=$(mt submit --queue q --definition hello -- sleep 60)
ok "a job runs" until_like RUNNING job "$id"
ok "killed at ecs:StopTask" killed_at ecs:StopTask mt terminate "$id" --reason enough
exits "it was ended" 7 mt wait "$id"

# ---- answers that are lost, calls that are too many
for operation in CreateFleet RunTask DescribeInstances DescribeTasks ListContainerInstances; do
    double fault "{\"operation\": \"$operation\", \"lost\": true, \"count\": 2}" >/dev/null
done
id=$(mt submit --queue q --definition hello --array 12)
exits "answers are lost" 0 mt wait "$id"
double throttle '{"published": true, "scale": 0.05}' >/dev/null
id=$(mt submit --queue q --definition hello --array 10)
exits "few calls are let through" 0 mt wait "$id"
double throttle '{"published": false}' >/dev/null

# ---- what was made is not seen for a while
double settings '{"consistencySeconds": 5}' >/dev/null
double end-instance '{"all": true}' >/dev/null
exits "what was made is not seen at once" 0 mt submit --queue q --definition hello --attempts 2 --wait
double settings '{"consistencySeconds": 0}' >/dev/null

# ---- a clock that is off, credentials that end
stop_daemon "$daemon"
double clock '{"offset": 600}' >/dev/null
start_daemon || { is "daemon starts again" no yes; finish; }
exits "a clock that is off by ten minutes" 0 mt submit --queue q --definition hello --wait
double clock '{"offset": 0}' >/dev/null
exits "and set right" 0 mt submit --queue q --definition hello --wait

# ---- down for a day: tasks that ended meanwhile are forgotten
id=$(mt submit --queue q --definition hello --attempts 2 -- sleep 3)
ok "a job runs" until_like RUNNING job "$id"
kill -9 "$daemon" && wait "$daemon" 2>/dev/null
ended() { in_aws "sum(t['lastStatus'] != 'STOPPED' for r in regions for c in r['clusters'] for t in c['tasks'])"; }
ok "its task ends unseen" until_like 0 ended
double advance '{"seconds": 90000}' >/dev/null
start_daemon || { is "daemon starts again" no yes; finish; }
exits "an end that nobody saw is a lost attempt, which is repeated" 0 mt wait "$id"
is "which is the first of two" "$(job "$id" attempts.1.exitCode)" 0

# ---- a quota: nothing can be bought for some time
double end-instance '{"all": true}' >/dev/null
ok "all instances are gone" until_like 0 instances_left
double quota '{"group": "Standard", "market": "on-demand", "vcpus": 0}' >/dev/null
id=$(mt submit --queue q --definition hello)
ok "is told to who asks why" until_like '*no capacity at present*' mt explain "$id"
mt cancel "$id" >/dev/null

back_to_nothing src
finish
