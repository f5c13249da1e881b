#!/bin/sh
# Podman's service, which answers the calls of Docker's engine in words of its own: how jobs end there, what they print, what is found again.
SERVICE=podman
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/docker.sh"

source_begin src
{
    definition hello '[sh, -c, "echo hello $WHO; echo on the other >&2; exit 3"]' "environment: [{name: WHO, value: world}],"
    definition child '[sh, -c, "echo child $AWS_BATCH_JOB_ARRAY_INDEX of $AWS_BATCH_JOB_ARRAY_SIZE"]'
    definition flaky '[sh, -c, "test $AWS_BATCH_JOB_ATTEMPT = 3 || exit 7"]' "" "retryStrategy: {attempts: 3},"
    definition slow '[sh, -c, "trap \"echo told to end; exit 0\" TERM; echo begun; while true; do sleep 0.1; done"]'
    definition stubborn '[sh, -c, "trap true TERM; echo begun; while true; do sleep 0.1; done"]'
    definition greedy '[sh, -c, "x=x; while true; do x=$x$x; done"]'
    definition absent '[no-such-program]'
    definition marked "$MARK" "$MARKED"
    resource JobDefinition nowhere "{type: container, retryStrategy: {attempts: 3, evaluateOnExit: [{onReason: 'CannotPullContainer*', action: EXIT}]}, containerProperties: {image: '127.0.0.1:1/no/such:1', command: [x], resourceRequirements: [{type: VCPU, value: '1'}, {type: MEMORY, value: '32'}]}}"
} >>src/all.yaml
STATE=st
start_daemon src --state st
until_ok muster plan src --no-forecast --state st >/dev/null
export MUSTER_STATE="$WORK/st"
submit() { muster submit --queue q --definition "$@"; }
described() { run muster describe job "$1" --output json; }

job=$(submit hello)
exits "a job runs in a container" 7 muster wait "$job"
run muster logs "$job"
is "its log has both of its outputs" "$(printf '%s\n' "$out" | sort)" "$(printf 'hello world\non the other')"
described "$job"
is "its exit code is known" "$(json attempts.0.exitCode)" 3

job=$(submit child --array 10)
exits "an array" 0 muster wait "$job"
run muster logs "$job:7"
is "each child knows which it is" "$out" "child 7 of 10"

job=$(submit flaky)
exits "a third attempt succeeds" 0 muster wait "$job"
described "$job"
is "after two that failed" "$(json attempts.0.exitCode) $(json attempts.1.exitCode) $(json attempts.2.exitCode)" "7 7 0"

job=$(submit slow)
ok "a log is followed while the job runs" until_like 'begun*' muster logs "$job"
muster terminate "$job" --reason "no longer needed"
exits "a job that is terminated has failed" 7 muster wait "$job"
run muster logs "$job"
is "it was told first, and said so" "$out" "$(printf 'begun\ntold to end')"

job=$(submit greedy)
exits "one that takes more memory than it asked for" 7 muster wait "$job"
described "$job"
is "is killed; whether for its memory Podman does not tell everywhere" "$(json attempts.0.exitCode)" 137

job=$(submit absent)
exits "one whose command is not in its image" 7 muster wait "$job"
described "$job"
like "never started" "$(json attempts.0.reason)" 'CannotStartContainerError: *no-such-program*'

job=$(submit nowhere)
exits "one whose image cannot be had" 7 muster wait "$job"
described "$job"
like "says so" "$(json attempts.0.reason)" 'CannotPullContainerError: *'
is "and its strategy acts upon it" "$(json attempts.1)" null

job=$(submit stubborn) # Podman tells it to end before it removes it
ok "one that runs" until_like 'begun*' muster logs "$job"
described "$job"
engine_call DELETE "/containers/$(json attempts.0.task)?force=1" >/dev/null
exits "whose container somebody removes" 7 muster wait "$job"

job=$(submit marked --array 20)
until_ok at_least 3
kill_daemon
ok "muster is killed, and starts again" start_daemon src --state st
exits "all children end well" 0 muster wait "$job" --timeout 300
is "each has run once" "$(ran) $(lines)" "20 20"

job=$(submit marked --array 20)
rm -f "$WORK"/ran/*
until_ok at_least 3
kill -9 "$engine"
wait "$engine" 2>/dev/null
ok "Podman's service is killed, and starts again" start_engine
exits "what ran without it is found, and the rest runs" 0 muster wait "$job" --timeout 300
is "each of it once" "$(ran) $(lines)" "20 20"
is "no container is left running" "$(running)" 0
exits "the plan is empty" 0 muster plan src
finish
