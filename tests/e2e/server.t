#!/bin/sh
# --server: commands as clients of a daemon elsewhere, with a key: what works, what does not and says so.
set -u
. "$(dirname "$0")/lib.sh"
mt() { timeout 60 "$MUSTER" "$@"; }
there=$WORK/there
STATE=$there
mkdir src
printf 'provider: local\nname: team\n' >src/muster.yaml
resource ComputeEnvironment here '{type: MANAGED}' >src/here.yaml
queue fast 1 >src/fast.yaml
resource JobDefinition ok '{type: container, containerProperties: {command: ["true"], resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "16"}]}}' >src/ok.yaml
start_daemon src --state "$there" --listen 127.0.0.1:0 || { is "daemon starts" no yes; finish; }
url=$(sed -n 's,.*listening at \(http://[^ ]*\)/ .*,\1,p' "$WORK/daemon.log")
mkdir -p "$HOME/.config/muster"
unset XDG_CONFIG_HOME
exits "without a key" 1 mt get queues --server "$url"
like "it says where one would be taken from" "$err" "*no key to sign with*muster key create*$HOME/.config/muster/credentials*"
exits "a key" 0 mt key create me --scope submit --state "$there"
printf '%s\n' "$out" >"$HOME/.config/muster/credentials"
exits "where nobody is" 1 mt status --server http://127.0.0.1:1
like "it says so" "$err" "*http://127.0.0.1:1: *connect*"
exits "what is no address" 1 mt status --server ftp://example.org
like "is told the form" "$err" "*https://batch.example.org*"

export MUSTER_SERVER="$url/"
exits "status" 0 mt status
like "is that of the daemon" "$out" "*state directory: $there*"
exits "get" 0 mt get queues
like "its queues" "$out" "*fast*"
exits "submit and wait" 0 mt submit --queue fast --definition ok --wait
id=$out
exits "describe" 0 mt describe job "$id"
like "the job" "$out" "*SUCCEEDED*"
exits "a job that prints" 0 mt submit --queue fast --definition ok --wait -- sh -c 'echo one; echo two'
id=$out
exits "its log" 0 mt logs "$id"
is "is what it printed" "$out" "one
two"
exits "a job that prints on and on" 0 mt submit --queue fast --definition ok -- sh -c 'echo begin; while [ ! -e '"$WORK"'/go ]; do :; done; echo end'
id=$out
{ mt logs "$id" -f >followed; echo $? >followed.code; } &
follower=$!
until grep -q begin followed 2>/dev/null; do kill -0 "$follower" || break; done
touch go
wait "$follower"
is "is followed to its end" "$(cat followed followed.code)" "begin
end
0"
exits "an array" 0 mt submit --queue fast --definition ok --array 2 --wait -- sh -c 'echo $AWS_BATCH_JOB_ARRAY_INDEX'
exits "a child's" 0 mt logs "$out:1"
is "too" "$out" 1
exits "submit with a command" 0 mt submit --queue fast --definition ok -- sleep 600
id=$out
exits "terminate" 0 mt terminate "$id" --reason "not needed"
exits "wait for it" 7 mt wait "$id"
printf '{"jobQueue":"fast","jobDefinition":"ok"}\n{"jobQueue":"fast","jobDefinition":"ok"}\n' >jobs.jsonl
exits "lines" 0 mt submit --file jobs.jsonl --wait
is "are two jobs" "$(printf '%s\n' "$out" | wc -l)" 2
{ printf '{"jobQueue":"fast",'; head -c 300000 /dev/zero | tr '\0' ' '; printf '"jobDefinition":"ok"}\n'; } >padded.jsonl # is checked beside the loop
exits "a large body" 0 mt submit --file padded.jsonl --wait
is "is a job" "$(printf '%s\n' "$out" | wc -l)" 1
exits "one that is signed with another secret" 3 env MUSTER_ACCESS_KEY_ID="$(sed -n 's/AWS_ACCESS_KEY_ID=//p' "$HOME/.config/muster/credentials")" MUSTER_SECRET_ACCESS_KEY=wrong "$MUSTER" submit --file padded.jsonl
like "is refused" "$err" "*does not match the signature*"
head -c 17000000 /dev/zero | tr '\0' ' ' >large.jsonl
exits "too many" 1 mt submit --file large.jsonl
like "is told what to do" "$err" "*16 MiB at once*several parts*"
exits "events" 0 mt events
like "are those of the daemon" "$out" "*key/me*"
exits "no such job" 6 mt describe job 00000000-0000-4000-8000-000000000000
exits "a plan of what is there" 0 mt plan src --no-forecast
like "is empty" "$out" "*No changes*"
mkdir next && cp src/* next
queue fast 9 >next/fast.yaml
exits "a plan of a change" 2 mt plan next --no-forecast
like "shows it" "$out" "*JobQueue/fast*priority: 1*9*"
id=$(printf '%s' "$out" | sed -n 's/.*(plan \([0-9a-f]*\)).*/\1/p')
exits "the same plan where the state is" 2 env -u MUSTER_SERVER "$MUSTER" plan next --state "$there" --no-forecast
like "has the same id" "$out" "*(plan $id)*"
exits "snapshot" 0 mt snapshot
is "is that of there" "$out" "$(env -u MUSTER_SERVER "$MUSTER" snapshot --state "$there")"
exits "what the key may not" 3 mt override JobQueue/fast priority=3 --for 1h --reason r
like "is told why" "$err" "*not authorized*needs admin*"
for command in "rollback src" "backup f" "doctor" "export"; do
    exits "$command" 1 mt $command
    like "is for where the daemon runs" "$err" "*works where the daemon runs*unset MUSTER_SERVER*"
done
exits "validate is for here" 0 mt validate src
exits "asked for by name" 1 env -u MUSTER_SERVER "$MUSTER" rollback src --server "$url"
like "it says no more than that" "$err" "*not with --server ($url)"

# ---- a wait that is longer than a long poll may be
exits "a job that sleeps" 0 mt submit --queue fast --definition ok -- sleep 25
exits "is waited for" 0 mt wait "$out"
stop_daemon "$daemon"
finish
