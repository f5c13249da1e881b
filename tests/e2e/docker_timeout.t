#!/bin/sh
# What takes its time in containers: Batch's shortest timeout is a minute, and 30 s pass between SIGTERM and SIGKILL.
set -u
[ -n "${MUSTER_TEST_SLOW:-}" ] || { echo "1..0 # SKIP takes 90 s: set MUSTER_TEST_SLOW=1"; exit 0; }
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/docker.sh"
[ "$(nproc)" -ge 2 ] || { echo "1..0 # SKIP two jobs of one vCPU must run side by side"; exit 0; }

source_begin src
{
    definition polite '[sh, -c, "trap \"echo asked; exit 5\" TERM; while true; do sleep 0.1; done"]' "" "timeout: {attemptDurationSeconds: 60}, retryStrategy: {attempts: 3},"
    definition deaf '[sh, -c, "trap \"echo asked\" TERM; while true; do sleep 0.1; done"]'
} >>src/all.yaml
STATE=st
MUSTER_STATE=$WORK/st
export MUSTER_STATE
start_daemon src --state st
ok "what is declared is in force" until_ok muster describe JobQueue q
described() { run muster describe job "$1" --output json; }
# took FROM TO: whether the attempt of the job described last took so many milliseconds.
took() {
    took=$(($(json attempts.0.stoppedAt) - $(json attempts.0.startedAt)))
    [ "$took" -ge "$1" ] && [ "$took" -le "$2" ]
}

polite=$(muster submit --queue q --definition polite)
deaf=$(muster submit --queue q --definition deaf)
ok "one with a time limit runs" until_like RUNNING status_of "$polite"
ok "and one that does not listen" until_like RUNNING status_of "$deaf"
ok "which is told to end" muster terminate "$deaf" --reason "go away"
kill_daemon
ok "muster starts again" start_daemon src --state st
exits "it ends" 7 muster wait "$deaf" --timeout 60s
described "$deaf"
is "killed" "$(json status) $(json statusReason) $(json attempts.0.exitCode)" "FAILED go away 137"
ok "half a minute after it was asked" took 29000 50000
exits "the limit is reached" 7 muster wait "$polite" --timeout 90s
described "$polite"
timed_out="Job attempt duration exceeded timeout"
is "it was asked, and no other attempt follows" "$(json status) $(json statusReason) $(json attempts.0.exitCode) $(json attempts.1)" "FAILED $timed_out 5 null"
ok "after a minute" took 59500 75000
finish
