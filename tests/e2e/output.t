#!/bin/sh
# Every listing parses as JSON, every table has aligned columns, no colour leaves a pipe.
set -u
. "$(dirname "$0")/lib.sh"
muster init src >/dev/null 2>&1
muster apply src --yes --wait jobs --timeout 2m >/dev/null 2>&1
cd src || exit 1

exits "get lists kinds" 0 muster get
like "jobs and runs first" "$out" "jobs
runs
*"
for kind in $out; do
    exits "get $kind" 0 muster get "$kind"
    is "get $kind has no colour" "$(printf '%s' "$out" | tr -d '\033')" "$out"
    exits "get $kind -o json" 0 muster get "$kind" -o json
    ok "get $kind parses" perl -MJSON::PP -e 'decode_json($ARGV[0])' "$out"
    exits "get $kind -o yaml" 0 muster get "$kind" -o yaml
    exits "get $kind -o wide" 0 muster get "$kind" -o wide
done
exits "one queue" 0 muster get jobqueue default -o json
is "whole" "$(json spec.priority)" 1
exits "KIND/NAME" 0 muster get JobQueue/default -o json
exits "describe" 0 muster describe Pipeline squares
like "with its runs" "$out" "*Runs:*Pipeline/squares*SUCCEEDED*"
exits "describe as json" 0 muster describe Pipeline squares -o json
is "the run's state" "$(json runs.0.state)" SUCCEEDED
exits "get runs" 0 muster get runs -o json
is "of the job and the pipeline" "$(printf '%s' "$out" | grep -c '"number"')" 2
exits "get runs, as a table" 0 muster get runs
like "of what has ended no jobs are counted, not even none" "$(printf '%s\n' "$out" | tr -s ' ' | grep squares)" "Pipeline/squares 1 SUCCEEDED - [0-9]*"
exits "status" 0 muster status -o json
is "offline" "$(json mode)" offline
exits "plan as json" 0 muster plan . --format json
is "its version" "$(json formatVersion)" 1
is "nothing to do" "$(json summary.create)" 0
exits "validate as json" 0 muster validate . --format json
is "no diagnostics" "$out" "[]"
printf 'apiVersion: muster/v1\nkind: JobQueu\nmetadata: {name: a}\n' >wrong
exits "validate what is wrong on standard input" 1 sh -c "$MUSTER validate - <wrong"
like "what cannot be looked at again is not counted" "$err" "*
1 error; no manifest is valid"
exits "schema" 0 muster schema JobQueue
is "is a JSON Schema" "$(json '$schema')" "https://json-schema.org/draft/2020-12/schema"
exits "a closed pipe is quiet" 0 sh -c "$MUSTER schema JobDefinition | head -n 1 >/dev/null"
is "no complaint" "$err" ""

# A long list is cut in status, and says so.
mkdir many
printf 'name: many\nprovider: local\n' >many/muster.yaml
{
    printf 'apiVersion: muster/v1\nkind: ComputeEnvironment\nmetadata: {name: room}\nspec: {type: MANAGED}\n'
    i=0
    while [ $i -lt 205 ]; do
        i=$((i + 1))
        printf -- '---\napiVersion: muster/v1\nkind: JobQueue\nmetadata: {name: q%s}\nspec: {priority: 1, computeEnvironmentOrder: [room]}\n' $i
    done
} >many/all.yaml
exits "205 queues" 0 muster apply many --state many.state --yes
exits "status tells of them" 0 muster status --state many.state
like "how many it left out" "$out" "*and 5 more (muster get queues)*"
exits "where they are" 0 muster get queues --state many.state
is "all of them" "$(printf '%s\n' "$out" | grep -c '^q')" 205

for shell in bash zsh fish; do exits "completion $shell" 0 muster completion "$shell"; done
finish
