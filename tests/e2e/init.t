#!/bin/sh
# init writes a set that validates, plans, applies and runs; it never overwrites.
set -u
. "$(dirname "$0")/lib.sh"

exits "init writes" 0 muster init hello
is "it lists what it wrote" "$out" "hello/muster.yaml
hello/environments.yaml
hello/jobs.yaml
hello/pipeline.yaml
hello/.gitignore"
exits "what it wrote validates" 0 muster validate hello
is "and says how many" "$out" "7 manifests are valid"
exits "plan has changes" 2 muster plan hello
like "plan creates the queue" "$out" "*+ JobQueue/default *"
like "plan runs the job" "$out" "*> Job/first *"
like "the summary line" "$out" "*Plan: 6 to add, 0 to change, 0 to destroy*"
ok "plan made no state directory" test ! -e hello/.muster
exits "apply runs everything" 0 muster apply hello --yes --wait jobs --timeout 2m
like "apply tells of the pipeline" "$out" "*Pipeline/squares run 1: SUCCEEDED*"
like "and of the job" "$out" "*Job/first run 1: SUCCEEDED*"
exits "plan is empty afterwards" 0 muster plan hello
exits "apply again has nothing to do" 0 muster apply hello --yes --wait jobs --timeout 1m

cd hello || exit 1
exits "jobs are listed" 0 muster get jobs -o json
id=$(printf '%s' "$out" | perl -MJSON::PP -e 'local $/; for (@{decode_json(<STDIN>)->{jobs}}) { print $_->{jobId} if $_->{jobName} eq "first" }')
exits "its log is there" 0 muster logs "$id"
is "it says what the manifest says" "$out" "hello, muster"
sum=$(muster get jobs -o json 2>/dev/null | perl -MJSON::PP -e 'local $/; for (@{decode_json(<STDIN>)->{jobs}}) { print $_->{jobId} if ($_->{step} // "") eq "sum" }')
exits "the last step's log too" 0 muster logs "$sum"
is "0 + 1 + 4 + 9" "$out" "sum of squares: 14"
cd .. || exit 1

echo "name: mine" >hello/muster.yaml
exits "init refuses where something is" 3 muster init hello
is "it wrote nothing" "$(cat hello/muster.yaml)" "name: mine"
printf 'provider: local\n' >hello/muster.yaml
exits "export" 0 muster export --state hello/.muster
like "it has the queue" "$out" "*kind: JobQueue*"
exits "destroy takes all of it away" 0 muster destroy hello --yes --timeout 1m
exits "nothing is left" 0 muster get queues --state hello/.muster -o json
is "no queue" "$(json items)" "[]"
finish
