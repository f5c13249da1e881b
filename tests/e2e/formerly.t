#!/bin/sh
# formerly: a queue, a policy, a pipeline and a job go on under another name: nothing is made anew, nothing runs again.
set -u
. "$(dirname "$0")/lib.sh"
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mt() { timeout 60 "$MUSTER" "$@"; }
# named KIND NAME FORMERLY SPEC
named() { printf 'apiVersion: muster/v1\nkind: %s\nmetadata: {name: %s%s}\nspec: %s\n' "$1" "$2" "${3:+, formerly: $3}" "$4"; }
queue_of() { named JobQueue "$1" "$2" "{priority: $3, schedulingPolicy: $4, computeEnvironmentOrder: [here]}"; }
policy_of() { named SchedulingPolicy "$1" "$2" "{fairsharePolicy: {shareDecaySeconds: 600}}"; }
job_of() { named Job "$1" "$2" "{jobQueue: $3, jobDefinition: ok, shareIdentifier: a}"; }
pipeline_of() { named Pipeline "$1" "$2" "{jobQueue: $3, shareIdentifier: a, jobs: [{name: x, jobDefinition: ok}], triggers: [change, {schedule: \"0 0 1 1 *\"}]}"; }
mkdir src
printf 'provider: local\nname: team\n' >src/muster.yaml
resource ComputeEnvironment here '{type: MANAGED}' >src/here.yaml
resource JobDefinition ok '{type: container, containerProperties: {command: ["true"], resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "16"}]}}' >src/def.yaml
resource JobDefinition long '{type: container, containerProperties: {command: ["sh", "-c", "while ! test -e '"$WORK"'/go; do sleep 0.1; done"], resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "16"}]}}' >src/long.yaml
policy_of fair "" >src/policy.yaml
queue_of old "" 5 fair >src/queue.yaml
job_of first "" old >src/job.yaml
pipeline_of nightly "" old >src/pipeline.yaml
job_of stays "" old >src/stays.yaml
start_daemon src --state "$STATE" 2>/dev/null || { is "daemon starts" no yes; finish; }
ok "all is there, and ran" until_like '*nightly*SUCCEEDED*' mt get runs
ok "the jobs too" until_like '*first*SUCCEEDED*stays*SUCCEEDED*' mt get runs
id=$(mt submit --queue old --definition long --share-identifier a)
ok "a job runs" until_like '*RUNNING*' mt get job "$id"
created=$(mt get JobQueue old -o json | grep -c createdAt)
exits "suspend" 0 mt suspend source/team --reason "one change"
policy_of even fair >src/policy.yaml
queue_of new old 5 even >src/queue.yaml
job_of second first new >src/job.yaml
pipeline_of daily nightly new >src/pipeline.yaml
job_of stays "" new >src/stays.yaml
exits "the plan" 2 mt plan src --no-forecast
like "renames" "$out" "*~ SchedulingPolicy/even  renamed from fair*~ JobQueue/new  renamed from old*schedulingPolicy*~ Pipeline/daily  renamed from nightly*~ Job/second  renamed from first*~ Job/stays  its names changed; what ran by the former ones stands for it*jobQueue: old -> new*Plan: 0 to add, 5 to change, 0 to destroy*"
exits "as JSON" 2 mt plan src --no-forecast --format json
is "with the former name" "$(json changes.1.formerly) $(json changes.1.action)" "old update"
exits "apply" 0 mt apply src --yes
exits "nothing is left to do" 0 mt plan src --no-forecast
exits "the queue has the new name" 0 mt describe JobQueue new
exits "and not the old" 6 mt get JobQueue old
like "the job goes on" "$(mt get job "$id")" "*RUNNING*"
like "in the queue" "$(mt get jobs --queue new)" "*RUNNING*"
exits "what had run has not again" 0 mt get runs -o json
is "three runs" "$(printf '%s' "$out" | grep -c '"number": 1') $(printf '%s' "$out" | grep -c '"number": 2')" "3 0"
like "under the new names" "$(mt get runs)" "*daily*SUCCEEDED*"
like "history goes back before it" "$(mt history JobQueue/new)" "*update*renamed from old*create*"
like "an event" "$(mt events)" "*resource.renamed*JobQueue/new*formerly old*"
touch go
exits "the job ends" 0 mt wait "$id"
kill -9 "$daemon" && wait "$daemon" 2>/dev/null
start_daemon src --state "$STATE" 2>/dev/null || { is "daemon starts again" no yes; finish; }
exits "resume" 0 mt resume team
ok "after a restart" until_like '*team *ok*' mt status
like "all is as it was" "$(mt get JobQueue)" "*new*5*"
exits "submit" 0 mt submit --queue new --definition ok --share-identifier a --wait
exits "the old name is gone" 6 mt submit --queue old --definition ok --share-identifier a
queue_of new "" 6 even >src/queue.yaml
ok "without formerly it stays" until_like '*follow*converged*~1*' mt history --limit 1
exits "nothing ran again" 0 mt get runs -o json
is "still" "$(printf '%s' "$out" | grep -c '"number": 2')" 0

# What cannot be.
queue_of third new 5 even >src/third.yaml
exits "declared and former" 1 mt validate src
like "both places" "$err$out" "*third.yaml:3:*JobQueue/new is declared at *queue.yaml:1*"
queue_of third gone 5 even >src/third.yaml && queue_of fourth gone 5 even >src/fourth.yaml
exits "two claim a name" 1 mt validate src
like "both" "$err$out" "*JobQueue/fourth at *fourth.yaml:1 says that it was formerly gone, too*"
rm src/third.yaml src/fourth.yaml
queue_of new '[old, old, "no name"]' 5 even >src/queue.yaml
exits "no name" 1 mt validate src
stop_daemon "$daemon"

# An environment, what jobs take, a definition: machines, jobs and what they hold hang on them.
mkdir deep && printf 'provider: local\nname: deep\n' >deep/muster.yaml
before=$STATE
STATE=$WORK/deep-state
MUSTER_STATE=$STATE
# deep_is ENVIRONMENT FORMERLY CONSUMABLE FORMERLY DEFINITION FORMERLY
deep_is() {
    named ComputeEnvironment "$1" "$2" '{type: MANAGED}' >deep/ce.yaml
    named ConsumableResource "$3" "$4" '{totalQuantity: 3}' >deep/seats.yaml
    named JobDefinition "$5" "$6" "{type: container, consumableResourceProperties: {consumableResourceList: [{consumableResource: $3, quantity: 2}]}, containerProperties: {command: [sh, -c, \"while ! test -e $WORK/deep-go; do sleep 0.1; done\"], resourceRequirements: [{type: VCPU, value: \"1\"}, {type: MEMORY, value: \"16\"}]}}" >deep/def.yaml
    named JobQueue q "" "{priority: 1, computeEnvironmentOrder: [$1]}" >deep/q.yaml
    named Job once "" "{jobQueue: q, jobDefinition: $5, rerunOn: [definition], parameters: {a: b}}" >deep/once.yaml
}
deep_is old "" seats "" sit ""
start_daemon deep --state "$STATE" 2>/dev/null || { is "daemon starts" no yes; finish; }
ok "a job runs and holds seats" until_like '*once*RUNNING*' mt get jobs
running=$(mt get jobs -o json | sed -n 's/.*"jobId": "\([^"]*\)".*/\1/p' | head -1)
waiting=$(mt submit --queue q --definition sit)
exits "for a while with fewer" 0 mt override ComputeEnvironment/old maxvCpus=7 --for 1h --reason "a rename keeps it"
exits "suspend" 0 mt suspend source/deep --reason "one change"
deep_is new old chairs seats take sit
exits "the plan" 2 mt plan deep --no-forecast
like "renames all three" "$out" "*~ ConsumableResource/chairs  renamed from seats*~ ComputeEnvironment/new  renamed from old*~ JobDefinition/take  renamed from sit*~ Job/once  its names changed; what ran by the former ones stands for it*Plan: 0 to add, 5 to change, 0 to destroy*"
exits "apply" 0 mt apply deep --yes
kill -9 "$daemon" && wait "$daemon" 2>/dev/null
start_daemon deep --state "$STATE" 2>/dev/null || { is "daemon starts again" no yes; finish; }
exits "nothing is left to do" 0 mt plan deep --no-forecast
like "the job goes on" "$(mt get job "$running")" "*RUNNING*"
is "and shows what it was submitted with" "$(mt get job "$running" -o json | grep -c 'sit:1')" 1
like "it holds what it took" "$(mt explain "$waiting")" "*chairs*"
like "the environment has its override" "$(mt describe ComputeEnvironment new)" "*7*"
exits "the old name is gone" 6 mt get ComputeEnvironment old
exits "by the old definition nothing is submitted" 6 mt submit --queue q --definition sit
later=$(mt submit --queue q --definition take)
touch deep-go
exits "all end" 0 mt wait "$running" "$waiting" "$later"
like "nothing ran again" "$(mt get runs once -o json | grep -c '"number"')" 1
exits "resume" 0 mt resume deep
ok "and it is followed" until_like '*deep *ok*' mt status
like "its history goes back" "$(mt history ComputeEnvironment/new)" "*renamed from old*create*"
named ComputeEnvironment old "" '{type: MANAGED}' >deep/again.yaml
ok "the name is free" until_like '*old*' mt get ComputeEnvironment
stop_daemon "$daemon"
exits "all that they did is done again alike" 0 mt simulate --replay "$MUSTER_STATE"
STATE=$before
MUSTER_STATE=$STATE

# With a prefix, former names have it too.
mkdir blue && printf 'provider: local\nname: blue\nnamePrefix: blue-\n' >blue/muster.yaml
resource ComputeEnvironment here '{type: MANAGED}' >blue/here.yaml
queue one 1 >blue/queue.yaml
exits "apply" 0 mt apply blue --yes
named JobQueue two '[zero, one]' '{priority: 1, computeEnvironmentOrder: [here]}' >blue/queue.yaml
exits "the plan" 2 mt plan blue --no-forecast
like "renames" "$out" "*~ JobQueue/blue-two  renamed from blue-one*Plan: 0 to add, 1 to change, 0 to destroy*"
exits "all that daemons did is done again alike" 0 mt simulate --replay "$STATE"
finish
