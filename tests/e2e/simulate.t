#!/bin/sh
# muster simulate, and the forecast of a plan: figures that can be worked out by hand, through the real program.
set -u
. "$(dirname "$0")/lib.sh"
# resource KIND NAME SPEC [METADATA]
resource() { printf 'apiVersion: muster/v1\nkind: %s\nmetadata: {name: %s%s}\nspec: %s\n---\n' "$1" "$2" "${4:-}" "$3"; }
# definition NAME VCPUS MIB [METADATA] [MEMBERS]
definition() {
    resource JobDefinition "$1" "{type: container, containerProperties: {image: i, command: [x], resourceRequirements: [{type: VCPU, value: \"$2\"}, {type: MEMORY, value: \"$3\"}]}${5:-}}" "${4:-}"
}
queue() { resource JobQueue "$1" "{priority: ${3:-1}, computeEnvironmentOrder: [$2]${4:-}}"; }
# source NAME: a directory with muster.yaml and the manifests of standard input
source() {
    mkdir -p "$1"
    printf 'name: %s\nprovider: simulated\n' "$1" >"$1/muster.yaml"
    cat >"$1/all.yaml"
}
# near VALUE WANTED PART: "near", or both
near() { perl -e 'my ($v, $w, $p) = @ARGV; print abs($v - $w) <= $w * $p ? "near\n" : "$v is not near $w\n"' "$1" "$2" "$3"; }

# ---- machines that are there: 2 hosts of 4 vCPUs, jobs of 2 vCPUs and 100 s: 4 at a time
source hosts <<E
$(resource ComputeEnvironment rack '{type: UNMANAGED, simulatedHosts: [{count: 2, vcpus: 4, memoryMiB: 16000}]}')
$(queue main rack)
$(definition two 2 1000)
$(definition huge 64 1000)
E
printf '{"submitTime": 0, "jobQueue": "main", "jobDefinition": "two", "jobName": "many", "arraySize": 8, "durationSeconds": 100}\n' >eight.jsonl
exits "hosts that are there" 0 muster simulate hosts --workload eight.jsonl --output json
first=$out
is "two waves of 100 s" "$(near "$(json makespanSeconds)" 220 0.1)" near
is "all succeed" "$(json jobs.succeeded) $(json jobs.failed) $(json jobs.infeasible)" "8 0 0"
is "half of them wait for the first wave" "$(near "$(json waitSeconds.p95)" 105 0.15) $(json waitSeconds.p50 | cut -c 1)" "near 0"
is "the hosts are full" "$(near "$(json utilisation.vcpu)" 0.95 0.08)" near
for member in makespanSeconds jobs.succeeded jobs.failed jobs.infeasible waitSeconds.p50 waitSeconds.p95 waitSeconds.p99 \
    utilisation.vcpu utilisation.memory cost.amount instances.1.startSeconds series.0.points.0; do
    is "$member is there" "$(json $member | grep -c .)" 1
done
is "machines" "$(json instancesStarted) $(json instances.0.environment)" "2 rack"
exits "again" 0 muster simulate hosts --workload eight.jsonl --output json
is "the same bytes" "$out" "$first"
exits "another seed" 0 muster simulate hosts --workload eight.jsonl --output json --seed 7
is "another chance, the same work" "$(json jobs.succeeded) $(json seed)" "8 7"
exits "the text" 0 muster simulate hosts --workload eight.jsonl
like "says how it went" "$out" "*8 jobs*8 succeeded, 0 failed*main*rack*"
exits "a page" 0 muster simulate hosts --workload eight.jsonl --html page.html
is "which needs nothing else" "$(grep -cE '(src|href)="?https?:' page.html) $(grep -c '<svg' page.html | sed 's/[1-9][0-9]*/some/')" "0 some"

# ---- what can never run, and what is wrong
printf '{"submitTime": 0, "jobQueue": "main", "jobDefinition": "huge", "durationSeconds": 5}\n' >huge.jsonl
exits "a job that can never run" 4 muster simulate hosts --workload huge.jsonl --output json
is "is counted" "$(json jobs.infeasible)" 1
like "with its reason" "$(json infeasible.0.reason)" "*64 vCPU*"
printf '{"submitTime": 0, "jobQueue": "mian", "jobDefinition": "two"}\n' >wrong.jsonl
exits "a queue that is not there" 1 muster simulate hosts --workload wrong.jsonl
like "by its line" "$err" "*wrong.jsonl:1:*mian*did you mean \"main\"*"
source odd <<E
$(definition odd 1 100 ', annotations: {muster/simulated-duration: uniform 90 30}')
E
exits "an annotation that means nothing" 1 muster simulate odd
like "by its line" "$err" "*all.yaml:3:*error: annotation muster/simulated-duration: the longest, 30, is below the shortest, 90*"
printf '; Version: 2.2\n1 0 -1 100 2 -1 -1 2 200 -1 1 3 1 1 1 1 -1 -1\n2 50 -1 100 2 -1 -1 2 200 -1 1 4 1 1 1 1 -1 -1\n' >trace.swf
exits "a trace" 0 muster simulate hosts --workload trace.swf --definition two --output json
is "as it was" "$(json jobs.succeeded) $(near "$(json makespanSeconds)" 155 0.1)" "2 near"

# ---- machines that are bought
source cloud <<E
$(resource ComputeEnvironment od '{computeResources: {type: EC2, allocationStrategy: BEST_FIT_PROGRESSIVE, maxvCpus: 8, instanceTypes: [m6i.xlarge]}}')
$(queue main od)
$(definition two 2 2000)
E
exits "machines that are bought" 0 muster simulate cloud --workload eight.jsonl --output json
is "two of 4 vCPUs, never more" "$(json instancesStarted) $(json environments.0.vcpusAllocatedMax | cut -c 1)" "2 8"
is "they boot, work for 200 s, idle for a minute" "$(near "$(json makespanSeconds)" 320 0.2)" near
# us-east-1: 0.192 USD an hour each, for about 380 s
is "and cost what they cost" "$(json cost.currency) $(near "$(json cost.amount)" 0.041 0.25)" "USD near"
source budget <<E
$(resource ComputeEnvironment od '{budget: {perDay: 0.2}, computeResources: {type: EC2, allocationStrategy: BEST_FIT_PROGRESSIVE, maxvCpus: 64, instanceTypes: [m6i.xlarge]}}')
$(queue main od)
$(definition two 2 2000)
E
exits "a budget" 0 muster simulate budget --workload eight.jsonl --output json --until 20h
is "buys one machine, not four" "$(json instancesStarted) $(json jobs.succeeded)" "1 8"
exits "side by side" 0 muster simulate cloud --compare budget --workload eight.jsonl
like "with the difference" "$out" "*cloud*budget*makespan*cost*"

# ---- Spot: its prices are not known, it may go and not be there
source spot <<E
$(resource ComputeEnvironment spot '{computeResources: {type: SPOT, allocationStrategy: SPOT_CAPACITY_OPTIMIZED, maxvCpus: 16, instanceTypes: [m6i.xlarge]}}')
$(resource ComputeEnvironment od '{computeResources: {type: EC2, allocationStrategy: BEST_FIT_PROGRESSIVE, maxvCpus: 8, instanceTypes: [m6i.xlarge]}}')
$(queue main 'spot, od' 1 ', assert: {costPerDay: 9}')
$(definition two 2 2000 ', annotations: {muster/simulated-duration: "fixed 1000"}' ', retryStrategy: {attempts: 9}')
E
printf '{"submitTime": 0, "arraySize": 200}\n' >many.jsonl
exits "Spot, as it comes, below what is asserted" 0 muster simulate spot --workload many.jsonl
like "costs at most what On-Demand costs, beside what is known" "$out" "*Cost: at least \$*, at most \$*; * without a known price*Spot capacity is taken to be there, and is never reclaimed*"
exits "in numbers" 0 muster simulate spot --workload many.jsonl --output json
is "nothing is lost" "$(json instancesLost) $(json spot.reclaimsPerHour)" "0 0"
ok "the bound is above what is known" perl -e 'exit !($ARGV[0] > $ARGV[1])' "$(json cost.atMost)" "$(json cost.amount)"
exits "taken away twice an hour, not there every second time" 0 muster simulate spot --workload many.jsonl --spot-reclaim 2 --spot-refuse 0.5 --output json
once=$out
ok "machines are lost, and what ran there is tried again" perl -e 'exit !($ARGV[0] > 3 && $ARGV[1] > 200 && $ARGV[2] == 200)' "$(json instancesLost)" "$(json jobs.attempts)" "$(json jobs.succeeded)"
is "as the result says" "$(json spot.reclaimsPerHour) $(json spot.refused)" "2 0.5"
exits "again" 0 muster simulate spot --workload many.jsonl --spot-reclaim 2 --spot-refuse 0.5 --output json
is "the same" "$out" "$once"
exits "a rate that is none" 1 muster simulate spot --spot-reclaim often
is "is refused with what may be" "$err" 'muster: --spot-reclaim "often" is not a number from 0 to 100 with at most four decimal places'
sed -i 's/costPerDay: 9/costPerDay: 0.1/' spot/all.yaml
exits "an assertion that even the known part breaks" 3 muster simulate spot --workload many.jsonl
like "says between what it is" "$out" "*queue main: at least \$*, at most \$* on its costliest day, asserted \$0.10*"

# ---- the forecast of a plan
source plan <<E
$(resource ComputeEnvironment rack '{type: UNMANAGED, simulatedHosts: [{count: 2, vcpus: 4, memoryMiB: 16000}]}')
$(queue main rack 1 ', assert: {p95WaitSeconds: 600}')
$(definition two 2 1000 ', annotations: {muster/simulated-duration: "fixed 100"}')
$(resource Job many '{jobQueue: main, jobDefinition: two, arrayProperties: {size: 8}}')
E
exits "a plan" 2 muster plan plan
like "tells when the queue drains" "$out" "*Plan: 3 to add, 0 to change, 0 to destroy, 1 to run.*Schedule: queue main drains in 3 min*seed 1*To apply: *"
exits "for programs" 2 muster plan plan --format json
is "in numbers" "$(near "$(json forecast.queues.0.drainSeconds)" 220 0.1) $(json forecast.queues.0.jobs)" "near 8"
exits "without" 2 muster plan plan --no-forecast
plain=$out
exits "again" 2 muster plan plan --no-forecast
is "the same bytes" "$out" "$plain"
like "no forecast" "$(printf %s "$plain" | grep -c Schedule)" 0
sed -i 's/p95WaitSeconds: 600/p95WaitSeconds: 60/' plan/all.yaml
exits "what a queue asserts" 3 muster plan plan
like "with the counter-example" "$out" "*Assertion failed: queue main: p95 wait *, asserted 1 min; e.g. job many*"
exits "is not applied" 3 muster apply plan --yes --wait none
is "nothing is there" "$(ls -A plan/.muster 2>/dev/null)" ""
exits "simulate says it too" 3 muster simulate plan
if [ "$(nproc)" -ge 2 ]; then
    source live <<E
$(resource ComputeEnvironment here '{computeResources: {type: EC2, maxvCpus: 2}}')
$(queue main here)
$(definition one 1 16 ', annotations: {muster/simulated-duration: "fixed 100"}')
$(resource Job many '{jobQueue: main, jobDefinition: one, arrayProperties: {size: 8}}')
E
    sed -i 's/simulated/local/' live/muster.yaml
    exits "apply" 0 muster apply live --yes --wait none
    sed -i 's/maxvCpus: 2/maxvCpus: 1/' live/all.yaml
    exits "less room" 2 muster plan live
    like "compared with what is" "$out" "*Schedule: queue main drains in 13 min* (now: 6 min*); jobs of queue main wait * longer (p95)*"
else
    skip "a forecast against what is" "two jobs of one vCPU must run side by side"
fi
finish
