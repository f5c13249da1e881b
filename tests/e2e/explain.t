#!/bin/sh
# Why a job is where it is, through the real binary: what it says is so, and what it suggests helps.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/semantics.sh"
manifest limited ComputeEnvironment narrow '{type: MANAGED, computeResources: {type: EC2, maxvCpus: 1}}'
manifest limited JobQueue thin '{priority: 1, computeEnvironmentOrder: [narrow]}'
manifest licenses ConsumableResource license '{resourceType: REPLENISHABLE, totalQuantity: 1}'
manifest fair SchedulingPolicy fair '{fairsharePolicy: {shareDecaySeconds: 600}, shareLimits: [{shareIdentifier: a, maxvCpus: 1}]}'
manifest fair JobQueue shares '{priority: 1, schedulingPolicy: fair, computeEnvironmentOrder: [here]}'
definition licensed 1 16 ', consumableResourceProperties: {consumableResourceList: [{consumableResource: license, quantity: 1}]}'
ready
# to QUEUE DEFINITION DO OPTIONS…: prints the id
to() {
    to_queue=$1 to_definition=$2 command=$3
    shift 3
    mt submit --queue "$to_queue" --definition "$to_definition" --parameter "do=$command" "$@"
}
explained() {
    mt explain "$1" -o json >.explained 2>.explain_error
    shift
    picked .explained "$@"
}

# ---- a job that is not there, and one that has ended
exits "no such job" 6 mt explain 00000000-0000-4000-8000-000000000000
exits "no id" 1 mt explain thing
like "it says what is wanted" "$err" "*a job's id*"
done=$(to main sh true)
ended "$done"
exits "what has ended" 0 mt explain "$done"
is "has nothing to explain" "$out" "SUCCEEDED in queue main: Essential container in task exited"
failed=$(to main sh 'exit 3')
ended "$failed"
exits "what has failed" 0 mt explain "$failed"
like "says why" "$out" "FAILED in queue main: *"

# ---- dependencies
gate=$(to thin sh "$(hold gate)")
began gate
exits "a job that runs" 0 mt explain "$gate"
is "does not wait" "$out" "RUNNING in queue thin"
after=$(to main sh true --depends-on "$gate")
exits "a job with a dependency" 0 mt explain "$after"
like "names it" "$out" "PENDING in queue main*needs 1 vCPU, 16 MiB*job $gate (*) must SUCCEED; it is RUNNING*"

# ---- full, and who is ahead
first=$(to thin sh true)
second=$(to thin sh true)
exits "a full environment" 0 mt explain "$second"
like "is said in numbers" "$out" "RUNNABLE* in queue thin, 2nd in line, behind $first
  needs 1 vCPU, 16 MiB
  narrow  at maxvCpus: 1 of 1 vCPU used, 1 needed
Expected to start: not known
Smallest change: maxvCpus 3 of ComputeEnvironment/narrow; it would then start at about *"
is "the change is data too" "$(explained "$second" explanation.changes.0.edits)" \
    '[{"kind":"ComputeEnvironment","name":"narrow","path":"spec.computeResources.maxvCpus","value":3}]'
is "yaml is the same" "$(mt explain "$second" -o yaml | sed -n 's/^  *verdict: //p')" MAX
exits "by the first digits" 0 mt explain "$(echo "$second" | cut -c1-13)"
sed -i 's/maxvCpus: 1/maxvCpus: 3/' src/limited.yaml
if [ "$(nproc)" -ge 2 ]; then
    exits "make the change" 0 mt apply src --yes
    exits "and it runs" 0 mt wait "$first" "$second" --timeout 20s
fi
go gate
ended "$gate" "$after" "$first" "$second"

# ---- arrays
gate=$(to thin sh "$(hold array)" --vcpus 1)
began array
sed -i 's/maxvCpus: 3/maxvCpus: 1/' src/limited.yaml
exits "one vCPU again" 0 mt apply src --yes
array=$(to thin sh true --array 20)
exits "an array" 0 mt explain "$array"
like "is explained by its next child" "$out" "RUNNABLE* 1st in line (the next child of the array: $array:0)*"
like "a child" "$(mt explain "$array:7")" "RUNNABLE* 8th in line, behind $array:6*"
go array
ended "$gate" "$array"

# ---- consumable resources
gate=$(to main licensed "$(hold license)")
began license
waits=$(to main licensed true)
exits "a resource in use" 0 mt explain "$waits"
like "is counted" "$out" "*needs 1 of license: 0 of 1 available, 1 in use: it waits for them*Smallest change: totalQuantity 2 of ConsumableResource/license; *"
go license
ended "$gate" "$waits"

# ---- shares
gate=$(to shares sh "$(hold share)" --share-identifier a)
began share
waits=$(to shares sh true --share-identifier a)
exits "a share at its limit" 0 mt explain "$waits"
like "says so" "$out" "*1st in line of its share
  needs *share a: 1st of 1 by use, holds 1 vCPU, weight 1; at its limit of 1 vCPU*Smallest change: maxvCpus 2 for share a in SchedulingPolicy/fair; *"
go share
ended "$gate" "$waits"

# ---- never
memory=$(mt status -o json >.status && picked .status instance.memoryMib)
never=$(to main sh true --memory $((memory + 1000)))
exits "what can never run" 4 mt explain "$never"
like "is said so" "$out" "RUNNABLE* out of line: it can never run as things are*1,000 MiB short*Batch says: MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - *Smallest change: memory $memory; *"
value=$(explained "$never" explanation.changes.0.edits.0.value.0.value)
changed=$(to main sh true --memory "$value")
exits "with the change it runs" 0 mt wait "$changed" --timeout 20s
stop_daemon "$daemon"
daemons=
exits "without a daemon" 4 mt explain "$never"
like "it is read from the store" "$err" "*nothing hosts*"
like "and says the same" "$out" "*1,000 MiB short*Smallest change: memory $memory; *"
finish
