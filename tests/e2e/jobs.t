#!/bin/sh
# submit, wait, logs, cancel, terminate, get, describe, events: without a daemon, then with one.
set -u
. "$(dirname "$0")/lib.sh"
muster init src >/dev/null 2>&1
rm src/pipeline.yaml
muster apply src --yes --timeout 1m --first-run record >/dev/null 2>&1
cd src || exit 1
STATE=$WORK/src/.muster

exits "submit commits" 0 muster submit --queue default --definition greet --name one -- sh -c 'echo out; echo err >&2'
one=$out
like "an id" "$one" "????????-????-????-????-????????????"
like "nothing starts yet, it says" "$err" "*nothing starts until something hosts*"
exits "offline get" 0 muster get jobs -o json
is "it waits" "$(json jobs.0.status)" RUNNABLE
like "and says how old that is" "$err" "*nothing hosts*ago*"
exits "logs has none" 6 muster logs "$one"
exits "wait hosts" 0 muster wait "$one" --timeout 1m
like "it succeeded" "$out" "*SUCCEEDED*"
exits "logs has it now" 0 muster logs "$one"
is "both streams" "$(printf '%s\n' "$out" | sort)" "err
out"
exits "a prefix names it" 0 muster describe "$(printf %.8s "$one")"
like "describe" "$out" "*Status:*SUCCEEDED*Attempts:*"
exits "cancel of a finished job changes nothing" 0 muster cancel "$one"

exits "submit a second" 0 muster submit --queue default --definition greet --name two
two=$out
exits "and cancel it" 0 muster cancel "$two" --reason "not needed"
exits "wait needs no host for it" 7 muster wait "$two"
like "the reason" "$out" "*not needed*"

exits "bulk" 0 sh -c "for i in 1 2 3; do echo '{\"jobName\":\"b'\$i'\",\"jobQueue\":\"default\",\"jobDefinition\":\"greet\"}'; done | $MUSTER submit --file -"
is "three ids" "$(printf '%s\n' "$out" | wc -l | tr -d ' ')" 3
# shellcheck disable=SC2086
exits "wait for all three" 0 muster wait $out --timeout 1m
exits "a bad line" 1 sh -c "printf '{\"jobName\":\"c\",\"jobQueue\":\"default\",\"jobDefinition\":\"greet\"}\n{\"jobName\":1}\n' >bad.jsonl; $MUSTER submit --file bad.jsonl"
like "names its number" "$err" "*line 2*"
exits "nothing of it was submitted" 0 muster get jobs --name c -o json
is "none" "$(json jobs)" "[]"

exits "a failure with retries" 7 muster submit --queue default --definition greet --attempts 2 --wait -- sh -c 'echo try; exit 3'
failed=$(printf '%s\n' "$out" | head -n 1)
exits "describe it" 0 muster describe job "$failed" -o json
is "two attempts" "$(json attempts.1.attempt)" 2
is "exit code" "$(json attempts.1.exitCode)" 3
exits "the first attempt's log" 0 muster logs "$failed" --attempt 1
is "is its own" "$out" try
exits "there is no third" 6 muster logs "$failed" --attempt 3

exits "an array" 0 muster submit --queue default --definition greet --array 4 --wait -- sh -c 'echo "I am $AWS_BATCH_JOB_ARRAY_INDEX"'
array=$(printf '%s\n' "$out" | head -n 1)
exits "a child's log" 0 muster logs "$array:2"
is "has its index" "$out" "I am 2"
exits "the parent has none" 1 muster logs "$array"
exits "children by state" 0 muster get jobs "$array" --status SUCCEEDED -o json
is "four of them" "$(printf '%s' "$out" | grep -c '"jobId"')" 4

# With a daemon
start_daemon . --state "$STATE" || { is "daemon starts" no yes; finish; }
daemon_pid=$daemon
exits "status" 0 muster status -o json
is "it serves" "$(json mode)" serve
is "no note of age" "$err" ""
exits "submit to it" 0 muster submit --queue default --definition greet --name live -- sh -c 'echo begin; sleep 60; echo end'
live=$out
is "no note of hosting" "$err" ""
mkfifo follow
"$MUSTER" logs -f "$live" >follow 2>logs.err &
logs_pid=$!
{ read -r first; muster terminate "$live" --reason "seen it" >/dev/null; cat >/dev/null; } <follow
is "logs -f shows the first line while it runs" "$first" begin
wait "$logs_pid"
is "and ends with the job" "$?" 0
exits "wait tells it failed" 7 muster wait "$live" --timeout 1m
exits "apply of a followed source is refused" 3 muster apply . --yes --wait jobs
exits "events" 0 muster events -o json --limit 1000
like "have the job's end" "$out" "*$live*"
mkfifo watched
"$MUSTER" events -f --limit 0 -o json >watched 2>/dev/null &
events_pid=$!
# One after the other: the first may be done before the follower listens.
while kill -0 "$events_pid"; do muster submit --queue default --definition greet --name seen; done >/dev/null 2>&1 &
submits_pid=$!
{
    read -r event
    kill "$events_pid"
    cat >/dev/null
} <watched
like "events -f shows what happens" "$event" '*"type"*'
wait "$events_pid" "$submits_pid" 2>/dev/null
stop_daemon "$daemon_pid"
is "SIGTERM ends the daemon with 0" "$?" 0
finish
