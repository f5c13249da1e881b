#!/bin/sh
# Where and when jobs run: priority, order, environments, what fits, and what never will.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/semantics.sh"
[ "$(nproc)" -ge 2 ] || { echo "1..0 # SKIP two jobs of one vCPU must run side by side"; exit 0; }
environment() { manifest "${2:-environments}" ComputeEnvironment "$1" "{type: MANAGED, ${3:-} computeResources: {type: EC2, maxvCpus: 1}}"; }
# queue NAME PRIORITY ENVIRONMENTS [MEMBERS] [FILE]
queue() { manifest "${5:-queues}" JobQueue "$1" "{priority: $2, computeEnvironmentOrder: [$3]${4:-}}"; }
# to QUEUE DO OPTIONS…: a job there; prints its id
to() {
    to_queue=$1 command=$2
    shift 2
    mt submit --queue "$to_queue" --definition sh --parameter "do=$command" "$@"
}
# most FILE: how many of the jobs that wrote + and - into it ran at the same time
most() { perl -e 'local $/; my ($now, $most) = (0, 0); for (split //, <STDIN>) { $now += $_ eq "+" ? 1 : $_ eq "-" ? -1 : 0; $most = $now if $now > $most } print "$most $now\n"' <"$1"; }
beside() { printf 'printf + >>%s; sleep 0.05; printf - >>%s' "$WORK/$1" "$WORK/$1"; }
definition unknown 1 16
environment one
environment two
environment three
queue low 1 one
queue high 10 one
queue middle 5 one
queue ordered 1 'one, two'
queue reversed 1 '{order: 2, computeEnvironment: one}, {order: 1, computeEnvironment: two}'
queue shut 1 three
queue outage 1 three '' shut
ready
mt status -o json >status.json
memory=$(picked status.json instance.memoryMib) vcpus=$(picked status.json instance.vcpus | sed 's/\.0$//')

# ---- order
gate=$(to low "$(hold gate)")
began gate
jobs=
for number in 1 2 3; do
    for queue in low middle high; do jobs="$jobs $(to $queue "echo $queue$number >>$WORK/order")"; done
done
go gate
# shellcheck disable=SC2086
ended $jobs
is "by priority across queues, by submission in each" "$(paste -sd ' ' order)" "high1 high2 high3 middle1 middle2 middle3 low1 low2 low3"
first=$(to low "echo a\$AWS_BATCH_JOB_ATTEMPT >>$WORK/front; [ \$AWS_BATCH_JOB_ATTEMPT = 3 ] || { [ \$AWS_BATCH_JOB_ATTEMPT = 2 ] || { $(hold front); }; exit 1; }" --attempts 3)
began front
second=$(to low "echo b >>$WORK/front")
go front
ended "$first" "$second"
is "what is tried again goes to the front" "$(paste -sd ' ' front)" "a1 a2 a3 b"

# ---- environments of a queue
first=$(to ordered "$(hold ordered1)")
began ordered1
second=$(to ordered "$(hold ordered2)")
began ordered2
third=$(to ordered true)
is "in their order, the next when one is full" "$(of "$first" attempts.0.environment) $(of "$second" attempts.0.environment)" "one two"
is "then a job waits" "$(of "$third" status waiting)" "RUNNABLE | one: waits for 1 vCPU; 0 of 1 free (maxvCpus); two: waits for 1 vCPU; 0 of 1 free (maxvCpus)"
like "describe says so" "$(mt describe "$third")" "*Waiting:*one: waits for 1 vCPU; 0 of 1 free (maxvCpus); two: *"
go ordered2
exits "for the first that is free" 0 mt wait "$third" --timeout 20s
is "which is the second" "$(of "$third" attempts.0.environment)" two
go ordered1
ended "$first"
exits "by their numbers" 0 mt submit --queue reversed --definition sh --wait
is "not by their place" "$(of "$out" attempts.0.environment)" two

# ---- DISABLED
id=$(to shut "$(hold shut)")
began shut
waits=$(to shut true) kept=$(to outage true)
rm src/shut.yaml src/queues.yaml
for name in low high middle; do queue $name 1 one; done
queue ordered 1 'one, two'
queue shut 1 three ', state: DISABLED'
queue outage 1 three
exits "disable a queue" 0 mt apply src --yes
exits "it takes no job" 3 to shut true
is "it says so" "$err" "muster: Job queue shut is DISABLED"
is "what runs goes on" "$(status_of "$id") $(of "$waits" status)" "RUNNING RUNNABLE"
go shut
exits "and what waits is run" 0 mt wait "$id" "$waits" "$kept" --timeout 20s
gate=$(to outage "$(hold outage)")
began outage
sed -i '/name: three/{n;s/MANAGED,/MANAGED, state: DISABLED,/;};/name: one/{n;s/MANAGED,/MANAGED, state: DISABLED,/;}' src/environments.yaml
exits "disable environments" 0 mt apply src --yes
is "what runs there goes on" "$(status_of "$gate")" RUNNING
go outage
exits "to its end" 0 mt wait "$gate" --timeout 20s
waits=$(to outage true)
exits "a queue goes to its next one" 0 mt submit --queue ordered --definition sh --wait
is "which is enabled" "$(of "$out" attempts.0.environment)" two
is "or its jobs wait" "$(of "$waits" status waiting)" "RUNNABLE | compute environment three is DISABLED"
sed -i 's/state: DISABLED, //' src/environments.yaml
exits "enable them" 0 mt apply src --yes
exits "the job runs" 0 mt wait "$waits" --timeout 20s

# ---- capacity
id=$(to low "$(beside narrow)" --array 5)
all=$(to main "$(beside wide)" --array 12)
exits "many jobs" 0 mt wait "$id" "$all" --timeout 60s
is "maxvCpus is not exceeded" "$(most narrow)" "1 0"
is "nor is the machine, and it is used" "$(most wide)" "$vcpus 0"
big=$(to main "$(beside large)" --array 4 --memory $((memory * 6 / 10)))
exits "jobs that need more than half of the memory" 0 mt wait "$big" --timeout 60s
is "run one by one" "$(most large)" "1 0"
whole=$(to main "$(beside whole)" --array 3 --vcpus "$vcpus")
exits "and those that need all vCPUs" 0 mt wait "$whole" --timeout 60s
is "too" "$(most whole)" "1 0"
# Of a definition that never ran nobody knows when it ends: nothing can be kept free by that.
gate=$(mt submit --queue main --definition unknown --parameter "do=$(hold room)")
began room
whole=$(to main true --vcpus "$vcpus")
small=$(to main true)
exits "what fits passes what does not yet" 0 mt wait "$small" --timeout 20s
is "which says what it waits for" "$(of "$whole" status waiting)" "RUNNABLE | waits for $vcpus vCPU; $((vcpus - 1)) of $vcpus free"
large=$(to main true --memory "$memory")
is "memory too" "$(of "$large" status waiting)" "RUNNABLE | waits for $(perl -e '$_ = reverse $ARGV[0]; s/(\d{3})(?=\d)/$1,/g; print scalar reverse' "$memory") MiB; $(perl -e '$_ = reverse $ARGV[0]; s/(\d{3})(?=\d)/$1,/g; print scalar reverse' $((memory - 16))) of $(perl -e '$_ = reverse $ARGV[0]; s/(\d{3})(?=\d)/$1,/g; print scalar reverse' "$memory") MiB free"
go room
exits "until there is room" 0 mt wait "$gate" "$whole" "$large" --timeout 20s

# ---- never
resource="MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement (vCPU/memory/GPU) is higher than that can be met by the CE(s) attached to the job queue."
never=$(to main true --vcpus 500)
is "more vCPUs than the machine has" "$(of "$never" status waiting)" "RUNNABLE | $resource needs 500 vCPU; this machine has $vcpus: $((500 - vcpus)) short"
like "describe says so" "$(mt describe "$never")" "*Status:*RUNNABLE*Waiting:*needs 500 vCPU; this machine has $vcpus*"
batch describejobs "{\"jobs\":[\"$never\"]}"
is "and so does Batch's answer" "$(picked .batch jobs.0.status jobs.0.statusReason)" "RUNNABLE | $resource needs 500 vCPU; this machine has $vcpus: $((500 - vcpus)) short"
never="$never $(to main true --gpus 100)"
like "more GPUs" "$(of "${never##* }" waiting)" "$resource needs 100 GPU*; this machine has *"
never="$never $(to low true --vcpus 2)"
is "more than maxvCpus" "$(of "${never##* }" waiting)" "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job queue cannot meet the CPU requirement of the job. needs 2 vCPU; maxvCpus is 1"
exits "others run past it" 0 mt submit --queue low --definition sh --wait
# shellcheck disable=SC2086
exits "it can be cancelled" 0 mt cancel $never

# ---- said before it runs
mkdir never && cp src/muster.yaml src/base.yaml src/definitions.yaml never
cat >never/p.yaml <<'Y'
apiVersion: muster/v1
kind: Pipeline
metadata: {name: never}
spec:
  jobQueue: main
  jobs:
    - {name: fine, jobDefinition: sh}
    - name: huge
      jobDefinition: sh
      containerOverrides:
        resourceRequirements:
          - {type: MEMORY, value: "99999999"}
---
apiVersion: muster/v1
kind: Job
metadata: {name: wide}
spec:
  jobQueue: main
  jobDefinition: sh
  containerOverrides:
    resourceRequirements:
      - {type: VCPU, value: "500"}
Y
for command in "validate never" "plan never --no-forecast --state $WORK/other" "apply never --yes --state $WORK/other"; do
    # shellcheck disable=SC2086
    exits "${command%% *}: infeasible" 4 mt $command
    printf '%s\n' "$err" >.err
    is "at the line" "$(grep -c 'never/p.yaml:12:.*error: no environment of queue "main" can ever run step "huge" of Pipeline/never' .err) $(grep -c 'never/p.yaml:22:.*error: no environment of queue "main" can ever run Job/wide' .err)" "1 1"
    is "with the arithmetic" "$(grep -c 'needs 99,999,999 MiB; this machine ' .err) $(grep -c "needs 500 vCPU; this machine has $vcpus: $((500 - vcpus)) short" .err)" "1 1"
done
exits "nothing of it is there" 6 mt get JobQueue main --state "$WORK/other"
stop_daemon "$daemon"
is "the daemon ends with 0" "$?" 0
finish
