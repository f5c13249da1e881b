#!/bin/sh
# What a daemon did, once more: real jobs, a kill -9 and a restart, edits and requests; the replay decides the same, and says where it does not.
set -u
. "$(dirname "$0")/lib.sh"
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mt() { timeout 60 "$MUSTER" "$@"; }
resource() { printf -- '---\napiVersion: muster/v1\nkind: %s\nmetadata: {name: %s}\nspec: %s\n' "$1" "$2" "$3"; }
mkdir src
printf 'provider: local\nname: e2e\n' >src/muster.yaml
{
    resource ComputeEnvironment here '{type: MANAGED}'
    resource JobQueue main '{priority: 1, computeEnvironmentOrder: [here]}'
    resource JobDefinition sh '{type: container, containerProperties: {image: i, command: ["true"], resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "64"}]}, retryStrategy: {attempts: 2}}'
    resource Job once '{jobQueue: main, jobDefinition: sh}'
} >src/all.yaml

exits "nothing is recorded yet" 1 mt simulate --replay "$STATE"
like "and that is said" "$err" "*nothing is recorded*muster serve*"
exits "a source and a recording are two things" 1 mt simulate src --replay "$STATE"

# ---- a daemon that is killed
start_daemon src --state "$STATE" || { is "daemon starts" no yes; finish; }
ok "jobs of the source run" until_like '*SUCCEEDED*' mt get jobs --name once
fails=$(mt submit --queue main --definition sh -- false)
ends=$(mt submit --queue main --definition sh --array 20)
exits "a job that fails twice" 7 mt wait "$fails" --timeout 50s
exits "an array" 0 mt wait "$ends" --timeout 50s
long=$(mt submit --queue main --definition sh -- sleep 1000)
ok "a long one" until_like '*RUNNING*' mt get jobs --name sh --status RUNNING
exits "while it runs, its recording can be replayed" 0 mt simulate --replay "$STATE"
like "up to here" "$out" "*the same as it did then*"
kill -9 "$daemon" && wait "$daemon" 2>/dev/null

# ---- the next one takes over
start_daemon src --state "$STATE" || { is "daemon starts again" no yes; finish; }
resource Job another '{jobQueue: main, jobDefinition: sh}' >src/more.yaml
ok "an edit" until_like '*SUCCEEDED*' mt get jobs --name another
printf 'kind: [' >src/broken.yaml
resource JobQueue second '{priority: two, computeEnvironmentOrder: [here]}' >src/broken.yaml
ok "an edit that is broken" until_like '*broken.yaml*' mt status
rm src/broken.yaml
exits "the long one is ended" 0 mt terminate "$long" --reason enough
exits "and has ended" 7 mt wait "$long" --timeout 50s
exits "run again" 0 mt rerun Job/another
mkdir other && printf 'provider: local\nname: other\n' >other/muster.yaml
resource JobQueue third '{priority: 3, computeEnvironmentOrder: [here]}' >other/all.yaml
exits "another source is applied" 0 mt apply other --yes --no-forecast
exits "and destroyed" 0 mt destroy other --yes
many=$(perl -e 'printf "%08x-0000-4000-8000-000000000000 ", $_ for 1 .. 400')
before=$(cat "$STATE"/recording/*/inputs | wc -c)
for time in 1 2 3; do exits "a large request, time $time" 6 mt wait $many --timeout 1s; done
stop_daemon "$daemon"
is "what repeats is kept once" "$((($(cat "$STATE"/recording/*/inputs | wc -c) - before) / 15000))" 1
start_daemon src --state "$STATE" || { is "daemon starts a third time" no yes; finish; }
for name in list status explain; do
    case $name in list) mt get jobs ;; status) mt status -o json ;; explain) mt explain "$ends" ;; esac >"$WORK/.looked" 2>&1
done
stop_daemon "$daemon"

exits "all are replayed" 0 mt simulate --replay "$STATE" --output json
is "three daemons" "$(json same) $(json runs.0.same) $(json runs.1.same) $(json runs.2.same) $(json runs.3)" "true true true true null"
is "one was killed, two were stopped" "$(json runs.0.end), $(json runs.1.end), $(json runs.2.end)" "cut off, stopped, stopped"
is "every launch was decided again" "$(json runs.0.launches) $(json runs.1.launches)" "24 2"
is "the second was told to stop one" "$(json runs.1.stops)" 1
exits "for people too" 0 mt simulate --replay "$STATE"
like "with what was taken in" "$out" "*Daemon of term 1*ticks*requests*the same*Daemon of term 2*to its stop*"

# ---- from one of them on
exits "from a term on" 0 mt simulate --replay "$STATE" --from 2 --output json
is "is without those before" "$(json runs.0.term) $(json runs.1.term) $(json runs.2)" "2 3 null"
exits "from a time between two beginnings" 0 mt simulate --replay "$STATE" --output json \
    --from "$(perl -MPOSIX -e 'print strftime("%Y-%m-%dT%H:%M:%SZ", gmtime($ARGV[0] / 1000 + 1))' "$(json runs.1.startMs)")"
is "is with who began last by then" "$(json runs.0.term)" 3
exits "from a time before all" 0 mt simulate --replay "$STATE" --from 2020-01-01T00:00:00Z --output json
is "is all of it" "$(json runs.0.term) $(json runs.2.term)" "1 3"
exits "from a term that is not there" 1 mt simulate --replay "$STATE" --from 9
like "says what is" "$err" "*no daemon of term 9*begins with term 1*ends with term 3*"
exits "from neither" 1 mt simulate --replay "$STATE" --from yesterdayish
like "says so" "$err" "*--from*yesterdayish*"
exits "--from is of replays" 1 mt simulate src --from 1
like "and says so" "$err" "*needs --replay*"

# ---- only for who may read the state
is "nobody else may read it" "$(find "$STATE/recording" ! -perm 700 ! -perm 600 | wc -l | tr -d ' ')" 0
exits "replaying leaves nothing behind" 0 env TMPDIR="$(mkdir -p "$WORK/tmp" && echo "$WORK/tmp")" "$MUSTER" simulate --replay "$STATE"
is "nothing" "$(ls "$WORK/tmp")" ""

# ---- from another state it differs: that is said, with the tick
first=$(find "$STATE/recording" -mindepth 1 | sort | sed -n 1p)
second=$(find "$STATE/recording" -mindepth 1 -type d | sort | sed -n 2p)
cp -r "$second" copy
exits "a single recording, anywhere" 0 mt simulate --replay copy
cp "$first/muster.db" copy/muster.db
exits "what is decided otherwise is told" 3 mt simulate --replay copy --output json
like "where" "$(json runs.0.difference)" '*"message":"*"tick":*'
exits "in words" 3 mt simulate --replay copy
like "with the tick" "$out" "*differs*in tick *UTC):*"

# ---- cut off, damaged
cp -r "$second" torn
perl -e 'truncate "torn/inputs", (-s "torn/inputs") - 11 or die'
exits "a recording that is cut off ends there" 0 mt simulate --replay torn --output json
is "so it says" "$(json runs.0.end)" "cut off"
cp -r "$second" damaged
perl -e 'open my $f, "+<", "damaged/inputs" or die; seek $f, (-s $f) / 2, 0; read $f, my $byte, 1; seek $f, (-s $f) / 2, 0; print $f chr(ord($byte) ^ 64)'
exits "a damaged one is a fault" 1 mt simulate --replay damaged
like "with its place, and what is before it is replayed" "$out $err" "*until the recording is damaged*ticks*damaged at byte *"
: >damaged/inputs
exits "an empty one" 1 mt simulate --replay damaged
like "says so" "$err" "*nothing whole is in it*"
rm torn/muster.db
exits "one without its state" 1 mt simulate --replay torn
like "names it" "$err" "*muster.db*"

early=$STATE/recording/00000000000000000000
mkdir "$early" && cp "$first/muster.db" "$early" && : >"$early/inputs"
exits "one that was killed before anything was written is told" 0 mt simulate --replay "$STATE"
like "and the others are replayed" "$out" "*term 0: not replayed: *nothing whole is in it*term 1*the same*"
rm -r "$early"

# ---- bounded
start_daemon src --state "$STATE" --record 1 || { is "daemon starts with a limit" no yes; finish; }
perl -e 'print "{\"jobName\": \"a\", \"jobQueue\": \"main\", \"jobDefinition\": \"none\", \"parameters\": {\"p\": \"" . "x" x 1000 . "\"}}\n" for 1 .. 1500' >large.jsonl
exits "a large request, of no use" 1 mt submit --file large.jsonl
like "for its definition" "$err" "*none*"
exits "more than the limit: the run goes on" 0 mt submit --queue main --definition sh --wait
like "the log says it" "$(cat "$WORK/daemon.log")" "*the recording for *ends here: it is as large as it may be*"
stop_daemon "$daemon"
exits "it is replayed until then" 0 mt simulate --replay "$STATE" --output json
is "four by now" "$(json runs.3.end)" "full"
start_daemon src --state "$STATE" --record 0 || { is "daemon starts without a recording" no yes; finish; }
stop_daemon "$daemon"
is "--record 0 records nothing" "$(find "$STATE/recording" -mindepth 1 -type d | wc -l | tr -d ' ')" 4
finish
