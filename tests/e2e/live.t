#!/bin/sh
# What `describe` and `get` show of environments and queues while a daemon runs jobs, and when nobody hosts the state.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/semantics.sh"
manifest environments ComputeEnvironment one '{type: MANAGED, computeResources: {type: EC2, maxvCpus: 1}}'
manifest environments ComputeEnvironment away '{type: MANAGED, state: DISABLED, computeResources: {type: EC2, maxvCpus: 4}}'
manifest queues JobQueue work '{priority: 1, computeEnvironmentOrder: [away, one]}'
ready
# live KIND NAME PATH…: of what describe says
live() {
    mt describe "$1" "$2" -o json >.live || return 1
    shift 2
    picked .live "$@"
}
exits "once a job has run the machine is known" 0 mt submit --queue work --definition sh --wait
is "all is free" "$(live ComputeEnvironment one live.usedVcpus live.freeVcpus live.launches)" "0 | 1 | 0"
first=$(mt submit --queue work --definition sh --parameter "do=$(hold first)")
second=$(mt submit --queue work --definition sh)
began first
is "vCPUs in use, free, allowed; attempts" "$(live ComputeEnvironment one live.usedVcpus live.freeVcpus live.maxvCpus live.launches)" "1 | 0 | 1 | 1"
is "where one machine is shared no instances are told" "$(live ComputeEnvironment one live.desiredvCpus live.instances live.money)" "- | - | -"
is "a queue shows what its jobs hold, and its environments in order" \
    "$(live JobQueue work live.heldVcpus live.counts.RUNNABLE live.environments.0.name live.environments.0.state live.environments.1.name live.environments.1.usedVcpus)" \
    "1 | 1 | away | DISABLED | one | 1"
like "in words" "$(mt describe ComputeEnvironment one)" "*Live, on provider local:*vCPUs: * 1 in use, 0 free, at most 1*Running: * 1 attempt*"
is "in the table" "$(mt get environments one | tr -s ' ' | cut -d ' ' -f 1-9)" "NAME PROVIDER STATE VCPUS FREE DESIRED MAXVCPUS INSTANCES RUNNING
one local ENABLED 1 0 - 1 - 1"
batch describecomputeenvironments '{"computeEnvironments":["one"]}'
is "the Batch API says VALID, and no desiredvCpus of what has no instances" \
    "$(picked .batch computeEnvironments.0.status computeEnvironments.0.computeResources.desiredvCpus)" "VALID | -"
go first
ended "$first" "$second"
stop_daemon "$daemon"
is "where nobody hosts it, the store says" "$(live ComputeEnvironment one live.usedVcpus live.freeVcpus live.launches)" "0 | 1 | 0"
is "of queues too" "$(live JobQueue work live.heldVcpus live.environments.0.state)" "0 | DISABLED"
like "in words" "$(mt describe ComputeEnvironment one)" "*vCPUs: * 0 in use, 1 free, at most 1*"
finish
