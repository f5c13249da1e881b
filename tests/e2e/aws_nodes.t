#!/bin/sh
# Multinode jobs on AWS: each node an instance for itself; the main one first, whose address the others are told; what becomes of them when it
# ends, when the daemon is killed in between, and when a node's instance is lost.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/aws.sh"
mt() { timeout 60 "$MUSTER" "$@"; }
start_aws || { is "the double starts" no yes; finish; }
double settings '{"runner": "process"}' >/dev/null
export MUSTER_TEST_AWS_SETTLE_MS=3000
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mkdir "$STATE"
cloud here
nodes() { # NAME MAIN-COMMAND OTHER-COMMAND: of three, the second is the main one
    resource JobDefinition "$1" "{type: multinode, nodeProperties: {numNodes: 3, mainNode: 1, nodeRangeProperties: [
  {targetNodes: \"0:\", container: {image: busybox, command: [sh, -c, '$3'], resourceRequirements: [{type: VCPU, value: \"1\"}, {type: MEMORY, value: \"64\"}]}},
  {targetNodes: \"1\", container: {image: busybox, command: [sh, -c, '$2'], resourceRequirements: [{type: VCPU, value: \"1\"}, {type: MEMORY, value: \"64\"}]}}]}}" >"src/$1.yaml"
}
SAYS='env | grep AWS_BATCH_JOB_ | sort'
nodes talk "$SAYS; echo I am main; sleep 3" "$SAYS; echo I am Ref::who"
nodes steady 'sleep 4' 'sleep 60'
sed -i 's/maxvCpus: 8/maxvCpus: 16/' src/environment.yaml
start_daemon || { is "daemon starts" no yes; finish; }
exits "an environment and definitions of several nodes" 0 mt apply src --yes

id=$(mt submit --queue q --definition talk --parameter who=another)
exits "a job of three nodes" 0 mt wait "$id"
is "is three tasks" "$(tasks)" 3
is "each on an instance of its own" "$(instances_left)" 3
exits "what a node printed is there" 0 mt logs "$id" --node 0
like "it is told which it is" "$out" '*AWS_BATCH_JOB_NODE_INDEX=0*'
like "of how many" "$out" '*AWS_BATCH_JOB_NUM_NODES=3*'
like "which is the main one" "$out" '*AWS_BATCH_JOB_MAIN_NODE_INDEX=1*'
address=$(in_aws "[t['address'] for r in regions for c in r['clusters'] for t in c['tasks']][0]")
like "and where that is" "$out" "*AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS=$address*"
like "it runs what its range says, with the job's parameters" "$out" '*I am another*'
mt logs "$id" >main
is "which the main one is not" "$(grep -c NODE_INDEX=1 main)/$(grep -c PRIVATE_IPV4 main)/$(grep -c 'I am main' main)" 2/0/1

id=$(mt submit --queue q --definition steady)
exits "when the main node ends, the job has ended" 0 mt wait "$id"
running() { in_aws "sum(t['lastStatus'] != 'STOPPED' for r in regions for c in r['clusters'] for t in c['tasks'])"; }
ok "and the others are stopped" until_like 0 running

# ---- killed while the main one begins: the others were not asked for yet
double outcome '{"match": {"environment": {"AWS_BATCH_JOB_NODE_INDEX": "1"}}, "count": 1, "startSeconds": 3}' >/dev/null
before=$(calls ecs:RunTask)
id=$(mt submit --queue q --definition steady)
one_more() { [ "$(calls ecs:RunTask)" -gt "$before" ]; }
ok "the main one is asked for" until_ok one_more
kill -9 "$daemon" && wait "$daemon" 2>/dev/null
is "and no other" "$(calls ecs:RunTask)" "$((before + 1))"
start_daemon || { is "daemon starts again" no yes; finish; }
exits "a daemon that comes back goes on" 0 mt wait "$id"
is "with the others" "$(calls ecs:RunTask)" "$((before + 3))"
is "in the same attempt" "$(job "$id" attempts.1.attempt)" null
ok "all are over" until_like 0 running

# ---- the main one's instance is lost before the others have begun
double outcome '{"match": {"environment": {"AWS_BATCH_JOB_NODE_INDEX": "1"}}, "count": 1, "staysPending": true}' >/dev/null
before=$(calls ecs:RunTask)
id=$(mt submit --queue q --definition talk --attempts 2)
ok "the main one is asked for" until_ok one_more
double end-instance '{"all": true, "code": "Server.InternalError", "message": "Server.InternalError: hardware"}' >/dev/null
exits "all of it is tried again" 0 mt wait "$id" --timeout 50s

back_to_nothing src
finish
