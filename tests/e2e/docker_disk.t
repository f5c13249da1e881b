#!/bin/sh
# An engine whose disk is full: jobs say so, and the next ones run when there is room again.
. "$(dirname "$0")/lib.sh"
ENGINE_DISK=48m
. "$ROOT/tests/e2e/docker.sh"

source_begin src
{
    definition hello '[echo, hello]'
    definition again '[echo, hello]' "" "retryStrategy: {attempts: 10, evaluateOnExit: [{onReason: 'CannotCreateContainer*', action: RETRY}, {onReason: '*', action: EXIT}]},"
} >>src/all.yaml
STATE=st
MUSTER_STATE=$WORK/st
export MUSTER_STATE
start_daemon src --state st
until_ok muster plan src --no-forecast --state st >/dev/null
exits "a job runs" 0 muster submit --queue q --definition hello --wait
dd if=/dev/zero of="$ENGINE/data/full" bs=64k 2>/dev/null
job=$(muster submit --queue q --definition hello)
exits "on a full disk it fails" 7 muster wait "$job"
run muster describe job "$job" --output json
like "and says so" "$(json attempts.0.reason)" 'Cannot*Container*no space left on device*'
rm "$ENGINE/data/full"
exits "the next one runs" 0 muster submit --queue q --definition again --wait
like "with the same muster and the same engine" "$(muster status --output json)" '*"mode": "serve"*'
finish
