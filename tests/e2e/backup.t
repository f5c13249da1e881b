#!/bin/sh
# A backup under a daemon that works, and a state directory made of it: jobs go on, names and history are there, what is damaged, newer or
# in use is refused, and nothing is lost that was there before.
set -u
. "$(dirname "$0")/lib.sh"
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mt() { timeout 60 "$MUSTER" "$@"; }
mkdir src "$STATE"
printf 'provider: local\nname: team\n' >src/muster.yaml
resource ComputeEnvironment here '{type: MANAGED}' >src/here.yaml
queue first 1 >src/first.yaml
resource JobDefinition d '{type: container, containerProperties: {command: [sh, -c, "exit 0"], vcpus: 1, memory: 32}}' >src/d.yaml
start_daemon || { is "daemon starts" no yes; finish; }
exits "applied" 0 mt apply src --yes
done=$(mt submit --queue first --definition d)
exits "a job has ended" 0 mt wait "$done"
long=$(mt submit --queue first --definition d -- sh -c 'sleep 600')
running() { run mt get jobs "$1" -o json; json status; }
ok "one runs" until_like RUNNING running "$long"

# ---- making one
exits "a backup beside a daemon" 0 mt backup one.db
like "tells its size and its time" "$out" "one.db: *, the state of 20*"
is "is its owner's alone" "$(stat -c %a one.db)" 600
is "stands alone" "$(ls one.db-* 2>/dev/null | wc -l)" 0
is "is whole" "$(sqlite3 one.db 'pragma integrity_check')" ok
exits "it is not replaced" 1 mt backup one.db
like "unless that is said" "$err" "*--force replaces it*"
exits "which it is then" 0 mt backup one.db --force -o json
is "with its size" "$(json bytes)" "$(stat -c %s one.db)"
exits "where nothing can be written" 1 mt backup /nonexistent/one.db
is "nothing half is left" "$(ls | grep -c partial)" 0

# ---- what is not restored
later=$(mt submit --queue first --definition d -- sh -c 'sleep 600')
ok "one more runs, which the backup does not know" until_like RUNNING running "$later"
exits "not under a daemon" 3 mt restore one.db
like "which is told" "$err" "*in use by*muster serve*"
stop_daemon "$daemon"
exits "not over a state" 1 mt restore one.db
like "unless that is said" "$err" "*holds a state already*--force*"
head -c 4096 one.db >half.db
exits "not what is damaged" 1 mt restore half.db --state other
like "which is told" "$err" "*half.db*"
printf 'hello' >text.db
exits "nor what is none" 1 mt restore text.db --state other
cp one.db newer.db && sqlite3 newer.db 'pragma user_version = 99'
exits "nor what is newer" 1 mt restore newer.db --state other
like "which is told" "$err" "*made by a newer muster (format 99*"
exits "nor what is not there" 1 mt restore none.db --state other
is "and nothing of it is left" "$(ls other 2>/dev/null | grep -v lease)" ""

# ---- over the state: the processes that run are those of jobs that the backup knows, or are ended
term() { sqlite3 "$1/muster.db" 'select term from fence'; }
before=$(term "$STATE")
exits "restored over it" 0 mt restore one.db --force
like "what was there is renamed" "$out" "*What was there is $STATE/muster.db.before-restore-*"
ok "and not removed" [ "$(sqlite3 "$STATE"/muster.db.before-restore-*Z "select count(*) from jobs")" = 3 ]
ok "the term is far above" [ "$(term "$STATE")" -gt "$((before + 900000))" ]
run mt status
like "status knows that it was restored" "$out" "*restored from one.db, the state of 20*"
start_daemon || { is "daemon starts" no yes; finish; }
ok "the job that it knows goes on" until_like RUNNING running "$long"
is "in its first attempt" "$(run mt get jobs "$long" -o json; json attempts.1.attempt)" null
exits "the job that it does not know is not there" 6 mt get jobs "$later"
ended() { pgrep -fxc 'sleep 600'; }
ok "and its process was ended" until_like 1 ended
run mt events
like "which is an event" "$out" "*state.restored*was restored from one.db*"
run mt status
case $out in *"restored from"*) printf '%s\n' "$out" | sed 's/^/# /'; is "from then on it is a state like any other" no yes ;; *) is "from then on it is a state like any other" yes yes ;; esac
exits "what had ended has ended" 0 mt wait "$done"
exits "what runs can be ended" 0 mt terminate "$long"
exits "and new jobs run" 0 mt submit --queue first --definition d --wait
exits "and the source is as it was" 0 mt apply src --yes
like "with nothing to do" "$out" "*o changes*"
stop_daemon "$daemon"
exits "it can be replayed" 0 mt simulate --replay "$STATE"

# ---- elsewhere
exits "on a new machine" 0 mt restore one.db --state "$WORK/new"
STATE=$WORK/new
start_daemon --state "$STATE" || { is "daemon starts" no yes; finish; }
lost() { run mt get jobs "$long" --state "$WORK/new" -o json; json status; }
ok "what ran on the other machine is a lost attempt" until_like FAILED lost
exits "what had ended has ended" 0 mt wait "$done" --state "$WORK/new"
stop_daemon "$daemon"
finish
