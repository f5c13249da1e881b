#!/bin/sh
# What cannot be changed in place: the old one drains while the new one waits, then takes its place under its name.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/semantics.sh"
manifest policies SchedulingPolicy fair '{fairsharePolicy: {shareDistribution: [{shareIdentifier: a}]}}'
manifest policies SchedulingPolicy fairer '{fairsharePolicy: {shareDistribution: [{shareIdentifier: b}]}}'
# kinds SPEC…: what base.yaml says of the environment, of the queue
kinds() {
    rm -f src/base.yaml
    manifest base ComputeEnvironment here "$1"
    manifest base JobQueue main "$2"
}
ready

# ---- a queue
kinds '{type: MANAGED}' '{priority: 1, computeEnvironmentOrder: [here], schedulingPolicy: fair}'
id=$(submit "$(hold job)")
began job
exits "a queue that gets a policy" 2 mt plan src --no-forecast
like "is replaced" "$out" "*-/+ JobQueue/main  replace: schedulingPolicy*drains first: 1 unfinished job*+ schedulingPolicy: fair  # forces replacement*Plan: 1 to add, 0 to change, 1 to destroy.*"
exits "apply" 0 mt apply src --yes --wait none
exits "nothing more is to be done" 0 mt plan src --no-forecast
like "while it drains" "$out" "*Pending:*JobQueue/main  is being replaced*"
exits "it takes no new job" 3 submit true
go job
ended "$id"
exits "then it is the new one" 0 mt apply src --yes --timeout 30s
is "with its policy" "$(of "$id" status) $(mt get jq main -o json >.one; picked .one spec.schedulingPolicy status)" "SUCCEEDED fair | VALID"
kinds '{type: MANAGED}' '{priority: 1, computeEnvironmentOrder: [here], schedulingPolicy: fairer}'
exits "another policy" 2 mt plan src --no-forecast
like "comes in place" "$out" "*~ JobQueue/main  in-place: schedulingPolicy*"
exits "at once" 0 mt apply src --yes

# ---- an environment
kinds '{type: UNMANAGED}' '{priority: 1, computeEnvironmentOrder: [here], schedulingPolicy: fairer}'
id=$(submit "$(hold other)" --share-identifier b)
began other
exits "an environment of another type" 2 mt plan src --no-forecast
like "is replaced when nothing runs on it" "$out" "*-/+ ComputeEnvironment/here  replace: type*drains first: 1 unfinished job*"
exits "apply it" 0 mt apply src --yes --wait none
exits "and again there is nothing to do" 0 mt plan src --no-forecast
like "but to wait" "$out" "*ComputeEnvironment/here  is being replaced: waits for 1 unfinished job*"
go other
ended "$id"
exits "until it is the new one" 0 mt apply src --yes --timeout 30s
is "of its type" "$(mt get ce here -o json >.one; picked .one spec.type status)" "UNMANAGED | VALID"
stop_daemon "$daemon"
is "the daemon ends with 0" "$?" 0
finish
