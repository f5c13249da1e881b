#!/bin/sh
# What happens to jobs when muster is killed in the middle of them: none is lost, and none runs twice.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/docker.sh"
UNTIL=240

source_begin src
{
    definition mark "$MARK" "$MARKED"
} >>src/all.yaml
STATE=st
MUSTER_STATE=$WORK/st
export MUSTER_STATE
start_daemon src --state st
until_ok muster plan src --no-forecast --state st >/dev/null

job=$(muster submit --queue q --definition mark --array 200)
for mark in 20 60 110; do
    ok "$mark of 200 have run" until_ok at_least $mark
    kill_daemon
    ok "muster is killed, and starts again" start_daemon src --state st
done
exits "all end well" 0 muster wait "$job"
is "each has run" "$(ran)" 200
is "and once" "$(lines)" 200

finish
