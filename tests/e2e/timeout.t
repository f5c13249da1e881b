#!/bin/sh
# What takes its time: Batch's shortest timeout is a minute, and 30 s pass between SIGTERM and SIGKILL.
set -u
[ -n "${MUSTER_TEST_SLOW:-}" ] || { echo "1..0 # SKIP takes 90 s: set MUSTER_TEST_SLOW=1"; exit 0; }
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/semantics.sh"
[ "$(nproc)" -ge 2 ] || { echo "1..0 # SKIP two jobs of one vCPU must run side by side"; exit 0; }
timed_out="Job attempt duration exceeded timeout"
definition limited 1 16 ', timeout: {attemptDurationSeconds: 60}, retryStrategy: {attempts: 3}'
ready
# ran ID FROM TO: whether its attempt took FROM to TO milliseconds
ran() { of "$1" startedAt attempts.0.stoppedAt | perl -e '$_ = <STDIN>; my ($from, $to) = split / \| /; exit !($to - $from >= $ARGV[0] && $to - $from <= $ARGV[1])' "$2" "$3"; }

mkfifo deaf.up
polite=$(mt submit --queue main --definition limited --array 2 --parameter 'do=[ $AWS_BATCH_JOB_ARRAY_INDEX = 0 ] || exit 0; trap "echo asked; exit 5" TERM; sleep 300 & wait')
deaf=$(submit "trap 'echo asked' TERM; echo up >$WORK/deaf.up; while :; do sleep 1; done 2>/dev/null") # the shell tells of the sleep that TERM ends
began deaf
exits "terminate what does not listen" 0 mt terminate "$deaf" --reason "go away"
exits "it ends" 7 mt wait "$deaf" --timeout 50s
is "killed" "$(of "$deaf" status statusReason attempts.# attempts.0.exitCode) $(output "$deaf")" "FAILED | go away | 1 | 137 asked"
ok "30 s after it was asked" ran "$deaf" 29500 40000
exits "a timeout" 7 mt wait "$polite" --timeout 80s
is "fails the attempt, and no other follows" "$(of "$polite:0" status statusReason attempts.# attempts.0.statusReason attempts.0.exitCode) $(output "$polite:0")" "FAILED | $timed_out | 1 | $timed_out | 5 asked"
is "and the parent" "$(of "$polite" statusReason) $(of "$polite:1" status)" "Array Child Job failed SUCCEEDED"
ok "after 60 s" ran "$polite:0" 59500 70000
stop_daemon "$daemon"
is "the daemon ends with 0" "$?" 0
finish
