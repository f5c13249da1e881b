#!/bin/sh
# What happens to jobs when their engine is killed, or says nothing for a while, and what a later muster finds.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/docker.sh"
UNTIL=300

source_begin src
{
    definition mark "$MARK" "$MARKED"
    definition bounded '[sh, -c, "trap \"exit 5\" TERM; while true; do sleep 0.1; done"]'
} >>src/all.yaml
STATE=st
MUSTER_STATE=$WORK/st
export MUSTER_STATE
start_daemon src --state st
until_ok muster plan src --no-forecast --state st >/dev/null

job=$(muster submit --queue q --definition mark --array 200 --attempts 3)
ok "some of 200 have run" until_ok at_least 70
kill -9 "$engine"
wait "$engine" 2>/dev/null
ok "the engine is killed, which is told" until_ok grep -q 'docker: the engine at .* does not answer' "$WORK/daemon.log"
ok "and starts again" start_engine
exits "all end well" 0 muster wait "$job"
is "each has run" "$(ran)" 200
twice=$(cat "$WORK"/ran/* | sort | uniq -d)
is "no attempt twice" "$twice" ""

rm -f "$WORK"/ran/*
job=$(muster submit --queue q --definition mark --array 30)
ok "some of 30 more have run" until_ok at_least 5
kill -STOP "$engine"
ok "while the engine says nothing, muster answers" muster status
[ -n "${MUSTER_TEST_SLOW:-}" ] && silent=60 || silent=10
exits "for as long as it lasts ($silent s)" 5 muster wait "$job" --timeout $silent
kill -CONT "$engine"
exits "when it goes on, so do they" 0 muster wait "$job"
is "each has run, once" "$(ran) $(lines)" "30 30"

# What ended while nobody looked is recorded as it was.
job=$(muster submit --queue q --definition bounded --timeout 60)
ok "one with a time limit runs" until_like RUNNING status_of "$job"
run muster describe job "$job" --output json
task=$(json attempts.0.task)
kill_daemon
engine_call POST "/containers/$task/kill?signal=TERM" >/dev/null
ok "it ends while nobody looks" until_like 0 running
ok "muster starts again" start_daemon src --state st
exits "and knows" 7 muster wait "$job"
run muster describe job "$job" --output json
is "how" "$(json attempts.0.exitCode) $(json attempts.0.statusReason)" "5 Essential container in task exited"

# What nobody knows is ours is ended, what is another's is not.
installation=$(engine_call GET "/containers/$task/json" | grep -o '"muster.installation":"[0-9a-f]*"' | cut -d'"' -f4)
make_container() {
    engine_call POST "/containers/create?name=$1" -H 'Content-Type: application/json' -d "{\"Image\": \"busybox\", \"Cmd\": [\"sleep\", \"1000\"],
        \"HostConfig\": {\"NetworkMode\": \"none\"}, \"Labels\": {\"muster.installation\": \"$2\", \"muster.token\": \"$3\"}}" >/dev/null
    engine_call POST "/containers/$1/start"
}
make_container orphan "$installation" 00112233445566778899aabbccddeeff
make_container other 0123456789abcdef 00112233445566778899aabbccddeef0
stop_daemon "$daemon"
ok "muster starts once more" start_daemon src --state st
gone() { engine_call GET "/containers/orphan/json" | grep -q 'No such container'; }
ok "a container that carries our label and no job's token is removed" until_ok gone
run muster events
like "which is told" "$out" '*environment.collected*'
run engine_call GET /containers/other/json
like "that of another installation runs on" "$out" '*"Status":"running"*'

job=$(muster submit --queue q --definition bounded --timeout 60)
ok "one more with a time limit" until_like RUNNING status_of "$job"
muster terminate "$job" --reason enough
exits "is terminated" 7 muster wait "$job"
finish
