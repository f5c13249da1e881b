#!/bin/sh
# What apply removes and what it keeps: no state yet, runs by onDelete, queues that drain, prune "false", guards,
# saved plans. Jobs that shall be found running hold a fifo open: nothing here depends on how fast a machine is.
set -u
. "$(dirname "$0")/lib.sh"
[ "$(nproc)" -ge 2 ] || { echo "1..0 # SKIP two jobs of one vCPU must run side by side"; exit 0; }
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mt() { timeout 60 "$MUSTER" "$@"; }
# manifest FILE KIND NAME SPEC [ANNOTATION]: all in flow style
manifest() {
    printf 'apiVersion: muster/v1\nkind: %s\nmetadata: {name: %s, annotations: {%s}}\nspec: %s\n---\n' \
        "$2" "$3" "${5:-}" "$4" >>"src/$1.yaml"
}
began() { timeout 20 head -n 1 "$1.up"; }
go() { timeout 20 sh -c "echo >$1.go"; }
queue() { manifest "$1" JobQueue "$1" '{priority: 1, computeEnvironmentOrder: [here]}' "${2:-}"; }
job() { manifest "$1" Job "$1" "{jobQueue: $2, jobDefinition: hold, onDelete: $3, parameters: {gate: $WORK/$1}}"; }

# Nothing is there yet
for command in "submit --queue main --definition d" "start p" "get jobs" \
    "wait 00000000-0000-0000-0000-000000000000" "cancel 00000000-0000-0000-0000-000000000000"; do
    # shellcheck disable=SC2086
    exits "no state: ${command%% *}" 1 mt $command
    like "it says so" "$err" "*there is no state yet*"
done
ok "nothing was created" test ! -e "$STATE"

mkdir src
printf 'provider: local\nname: e2e\n' >src/muster.yaml
manifest base ComputeEnvironment here '{type: MANAGED}'
# The job says in its own words that it runs (a line into the fifo), and ends when somebody writes to the second one.
manifest base JobDefinition hold '{type: container, parameters: {gate: none}, containerProperties: {command: [sh, -c, "echo up >$1.up; read x <$1.go", sh, "Ref::gate"], resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "16"}]}}'
queue main
for name in stops goes; do mkfifo "$name.up" "$name.go"; done
job stops main terminate
job goes main cancel

# Runs of a Job whose manifest goes
start_daemon --state "$STATE" 2>/dev/null || { is "daemon starts" no yes; finish; }
exits "apply" 0 mt apply src --yes
is "both run" "$(began stops) $(began goes)" "up up"
exits "ids" 0 mt get jobs -o json
stops=$(printf '%s' "$out" | perl -MJSON::PP -e 'local $/; for (@{decode_json(<STDIN>)->{jobs}}) { print $_->{jobId} if $_->{jobName} eq "stops" }')
goes=$(printf '%s' "$out" | perl -MJSON::PP -e 'local $/; for (@{decode_json(<STDIN>)->{jobs}}) { print $_->{jobId} if $_->{jobName} eq "goes" }')
rm src/stops.yaml src/goes.yaml
exits "a plan to delete them" 2 mt plan src --no-forecast
like "names both" "$out" "*Job/stops*Job/goes*"
exits "apply it" 0 mt apply src --yes
exits "the plan is empty although a job still runs" 0 mt plan src --no-forecast
exits "terminate ended one" 7 mt wait "$stops"
exits "cancel lets run what runs" 0 mt describe job "$goes" -o json
is "it runs" "$(json status)" RUNNING
stop_daemon "$daemon"
start_daemon --state "$STATE" 2>/dev/null || { is "daemon starts again" no yes; finish; }
exits "the plan is empty after a restart too" 0 mt plan src --no-forecast
go goes
exits "it ends in its own time" 0 mt wait "$goes"
exits "and nothing is planned again" 0 mt plan src --no-forecast

# A queue that goes drains first; wanted again meanwhile, it comes back
mkfifo late.up late.go
queue side
job late side keep
exits "a second queue with a job" 0 mt apply src --yes
is "it runs" "$(began late)" up
exits "its id" 0 mt get jobs --name late -o json
late=$(json jobs.0.jobId)
rm src/side.yaml
mv src/late.yaml late.kept
exits "deleting it does not wait for the job" 0 mt apply src --yes --wait none
exits "it is pending, not a change" 0 mt plan src --no-forecast --format json
is "nothing to change" "$(json changes)" "[]"
like "pending" "$(json pending)" '*"side"*'
exits "no new job enters" 3 mt submit --queue side --definition hold
go late
exits "the job ends well" 0 mt wait "$late"
exits "then the queue goes" 0 mt apply src --yes
exits "it is gone" 6 mt get JobQueue side

# prune "false"
queue dear 'muster/prune: "false"'
exits "a dear queue" 0 mt apply src --yes
mv src/dear.yaml dear.yaml
exits "its manifest goes" 0 mt apply src --yes
exits "it stays" 0 mt get JobQueue dear
exits "and the plan says kept" 0 mt plan src --no-forecast --format json
like "kept" "$(json kept)" '*"dear"*'
mv dear.yaml src/dear.yaml
exits "it is wanted again" 0 mt apply src --yes
exits "and nothing is left to do" 0 mt plan src --no-forecast --format json
is "not kept any more" "$(json kept)" "[]"

# Guards: nothing goes by accident
for name in q1 q2 q3 q4 q5; do queue $name; done
exits "five more" 0 mt apply src --yes
mkdir away && mv src/q?.yaml away
exits "too many deletions" 3 mt apply src --yes
like "names the cure" "$err" "*--allow-deletes*"
exits "not enough allowed" 3 mt apply src --yes --allow-deletes 4
exits "nothing went" 0 mt get JobQueue q5
exits "allowed" 0 mt apply src --yes --allow-deletes 5
exits "they went" 6 mt get JobQueue q5
mkdir empty && printf 'provider: local\nname: e2e\n' >empty/muster.yaml
run mt apply empty --yes
is "an empty source is refused" "$([ "$code" = 1 ] || [ "$code" = 3 ] && echo refused)" refused
exits "and deletes nothing" 0 mt get JobQueue main

# A saved plan does what it says or nothing
queue one
exits "save a plan" 2 mt plan src --no-forecast --out saved.json
queue two
exits "it is stale" 3 mt apply --plan saved.json --yes
like "and says what changed" "$err" "*JobQueue/two*"
rm src/two.yaml
exits "as it was" 0 mt apply --plan saved.json --yes
exits "the queue is there" 0 mt get JobQueue one

# refuse, and destroy
rm src/one.yaml
queue one 'muster/deletion: refuse'
exits "a queue that refuses" 0 mt apply src --yes
rm src/one.yaml
exits "is not deleted" 3 mt apply src --yes
like "it says why" "$err" "*refuse*"
queue one
exits "until it may" 0 mt apply src --yes
exits "another source" 0 sh -c "mkdir other && printf 'provider: local\nname: other\n' >other/muster.yaml && printf 'apiVersion: muster/v1\nkind: JobQueue\nmetadata: {name: main}\nspec: {priority: 9, computeEnvironmentOrder: [here]}\n' >other/q.yaml"
exits "may not take what is owned" 3 mt apply other --yes
exits "destroy" 0 mt destroy src --yes --timeout 30s
exits "all gone" 6 mt get JobQueue main
stop_daemon "$daemon"
is "the daemon ends with 0" "$?" 0
finish
