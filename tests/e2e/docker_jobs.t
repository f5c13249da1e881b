#!/bin/sh
# Jobs as containers of a real engine: how each of them ends, what it prints, what is left.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/docker.sh"

source_begin src
{
    definition hello '[sh, -c, "echo hello $WHO; echo on the other >&2"]' "environment: [{name: WHO, value: world}],"
    definition child '[sh, -c, "echo child $AWS_BATCH_JOB_ARRAY_INDEX of $AWS_BATCH_JOB_ARRAY_SIZE"]'
    definition flaky '[sh, -c, "test $AWS_BATCH_JOB_ATTEMPT = 3 || exit 7"]' "" "retryStrategy: {attempts: 3},"
    definition slow '[sh, -c, "trap \"echo told to end; exit 0\" TERM; echo begun; while true; do sleep 0.1; done"]'
    definition late '[sh, -c, "trap \"exit 5\" TERM; while true; do sleep 0.1; done"]'
    definition greedy '[sh, -c, "x=x; while true; do x=$x$x; done"]'
    definition absent '[no-such-program]'
    resource JobDefinition nowhere "{type: container, retryStrategy: {attempts: 3, evaluateOnExit: [{onReason: 'CannotPullContainer*', action: EXIT}]}, containerProperties: {image: '127.0.0.1:1/no/such:1', command: [x], resourceRequirements: [{type: VCPU, value: '1'}, {type: MEMORY, value: '32'}]}}"
} >>src/all.yaml
STATE=st
start_daemon src --state st
until_ok muster plan src --no-forecast --state st >/dev/null
export MUSTER_STATE="$WORK/st"
submit() { muster submit --queue q --definition "$@"; }
described() { run muster describe job "$1" --output json; }

job=$(submit hello)
exits "a job runs in a container" 0 muster wait "$job"
run muster logs "$job"
is "its log has both of its outputs" "$(printf '%s\n' "$out" | sort)" "$(printf 'hello world\non the other')"
described "$job"
is "with its exit code" "$(json attempts.0.exitCode)" 0
like "and what its container is called" "$(json attempts.0.task)" '????????????????????????????????????????????????????????????????'
curl -s --unix-socket "$WORK/st/muster.sock" -d '{}' http://localhost/muster/v1/metrics >figures
counted=$(sed -n 's/^muster_provider_calls_total{provider="docker",service="engine",operation="\([^"]*\)",outcome="ok"} [1-9].*/\1/p' figures | sort | tr '\n' ' ')
like "calls to the engine are counted by what they are" "$counted" '*GET containers/json *POST containers/create *POST containers/start *'
is "not by what they are about" "$(printf '%s' "$counted" | grep -cE '[0-9a-f]{12}|muster')" 0
run engine_call GET "/containers/$(json attempts.0.task)/json"
like "which has the labels of its job" "$out" "*\"muster.job\":\"$job\"*"
case $out in *world\",*muster.*world*) labels=yes ;; *) labels=no ;; esac
is "and none with a value of its environment" $labels no

job=$(submit child --array 50)
exits "an array of 50" 0 muster wait "$job"
run muster logs "$job:17"
is "each child knows which it is" "$out" "child 17 of 50"

job=$(submit flaky)
exits "a third attempt succeeds" 0 muster wait "$job"
described "$job"
is "after two that failed" "$(json attempts.0.exitCode) $(json attempts.1.exitCode) $(json attempts.2.exitCode)" "7 7 0"

job=$(submit slow)
ok "a log is followed while the job runs" until_like 'begun*' muster logs "$job"
muster terminate "$job" --reason "no longer needed"
exits "a job that is terminated has failed" 7 muster wait "$job"
described "$job"
is "for the reason that was given" "$(json statusReason)" "no longer needed"
run muster logs "$job"
is "it was told first, and said so" "$out" "$(printf 'begun\ntold to end')"

job=$(submit greedy)
exits "one that takes more memory than it asked for" 7 muster wait "$job"
described "$job"
like "is known by that" "$(json attempts.0.reason)" 'OutOfMemoryError: Container killed due to memory usage'

job=$(submit absent)
exits "one whose command is not in its image" 7 muster wait "$job"
described "$job"
like "never started" "$(json attempts.0.reason)" 'CannotStartContainerError: *no-such-program*'

job=$(submit nowhere)
exits "one whose image cannot be had" 7 muster wait "$job"
described "$job"
like "says so" "$(json attempts.0.reason)" 'CannotPullContainerError: *'
is "and its strategy acts upon it" "$(json attempts.1)" null
run muster logs "$job"
like "there is no log, and why" "$err" "*attempt 1 of job $job never started: CannotPullContainerError: *"

job=$(submit slow)
ok "one that runs" until_like 'begun*' muster logs "$job"
described "$job"
engine_call DELETE "/containers/$(json attempts.0.task)?force=1" >/dev/null
exits "whose container somebody removes" 7 muster wait "$job"
described "$job"
like "is lost" "$(json attempts.0.statusReason)" 'Host EC2*terminated.'

ok "what has ended is kept, and not much of it" until_like "20" containers
is "no container is left running" "$(running)" 0
exits "the plan is empty" 0 muster plan src
exits "--provider auto is the same" 0 muster plan src --provider auto
like "and says so" "$err" "*--provider auto is docker: an engine answers at $DOCKER_HOST*"

# Containers of one job: one prepares, one is needed only as long as the other runs.
cat >several.yaml <<'YAML'
apiVersion: muster/v1
kind: JobDefinition
metadata: {name: several}
spec:
  type: container
  ecsProperties:
    taskProperties:
      - volumes: [{name: shared}]
        containers:
          - name: main
            image: busybox
            command: [sh, -c, "cat /s/made; exit 3"]
            dependsOn: [{containerName: first, condition: SUCCESS}, {containerName: beside, condition: START}]
            mountPoints: [{sourceVolume: shared, containerPath: /s}]
            resourceRequirements: [{type: VCPU, value: '1'}, {type: MEMORY, value: '16'}]
          - name: first
            essential: false
            image: busybox
            command: [sh, -c, "echo prepared >/s/made"]
            mountPoints: [{sourceVolume: shared, containerPath: /s}]
            resourceRequirements: [{type: MEMORY, value: '16'}]
          - name: beside
            essential: false
            image: busybox
            command: [sh, -c, "trap 'exit 0' TERM; while true; do sleep 0.1; done"]
            resourceRequirements: [{type: MEMORY, value: '16'}]
YAML
mv several.yaml src/several.yaml
ok "a job of several containers" until_like '*several*' muster get jobdefinitions
job=$(submit several)
exits "ends with the essential one" 7 muster wait "$job"
described "$job"
is "and with its exit code" "$(json attempts.0.exitCode)" 3
run muster logs "$job"
is "it saw what the first one left" "$out" prepared
ok "the others are ended" until_like 0 running
finish
