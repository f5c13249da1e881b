#!/bin/sh
# Who hosts: a client takes over from a host that is killed, serve waits for a short command, long paths, retention.
# Jobs that shall be found running hold a fifo open: nothing here depends on how fast a machine is.
set -u
. "$(dirname "$0")/lib.sh"
mt() { timeout 60 "$MUSTER" "$@"; }
resource() { printf 'apiVersion: muster/v1\nkind: %s\nmetadata: {name: %s}\nspec: %s\n---\n' "$1" "$2" "$3"; }
mkdir src
STATE=$WORK/src/.muster
printf 'provider: local\nname: e2e\n' >src/muster.yaml
{
    resource ComputeEnvironment here '{type: MANAGED}'
    resource JobQueue main '{priority: 1, computeEnvironmentOrder: [here]}'
    resource JobDefinition hold '{type: container, parameters: {gate: none}, containerProperties: {command: [sh, -c, "echo up >$1.up; read x <$1.go", sh, "Ref::gate"], resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "16"}]}}'
} >src/base.yaml
began() { timeout 20 head -n 1 "$WORK/$1.up"; }
go() { timeout 20 sh -c "echo >$WORK/$1.go"; }
submit() { mkfifo "$WORK/$1.up" "$WORK/$1.go" && mt submit --queue main --definition hold --name "$1" --parameter "gate=$WORK/$1" 2>/dev/null; }
exits "apply" 0 mt apply src --yes
cd src/ || exit 1

# serve waits for a command that hosts for a while
first=$(submit first)
"$MUSTER" wait "$first" >wait.out 2>&1 &
host=$!
is "the job runs, hosted by wait" "$(began first)" up
"$MUSTER" serve . >"$WORK/daemon.log" 2>&1 &
daemon=$!
daemons="$daemons $daemon"
ok "serve says whom it waits for" until_like '*muster wait*waiting for it to end*' cat "$WORK/daemon.log"
go first
wait "$host"
is "wait ends" "$?" 0
ok "serve goes on" until_like '*"mode": "serve"*' mt status -o json
exits "a second serve is refused at once" 3 mt serve .
like "it is told by whom" "$err" "*in use by pid*muster serve*"
stop_daemon "$daemon"

# A command that only commits hosts too, for as long as it takes: it knows the machine it stands on.
mkfifo lines
"$MUSTER" submit --file - <lines >bulk.out 2>&1 &
bulk=$!
exec 9>lines
ok "submit hosts while it reads" until_like '*"mode": "submit"*' mt status -o json
run mt status -o json
ok "the instance is this machine" test "$(json instance.vcpus)" -ge 1 -a "$(json instance.memoryMib)" -ge 1
exec 9>&-
wait "$bulk"

# A client takes over from a host that is killed
second=$(submit second)
"$MUSTER" wait "$second" >host.out 2>&1 &
host=$!
is "the job runs" "$(began second)" up
"$MUSTER" wait "$second" >client.out 2>&1 &
client=$!
ok "a host and a client" until_like '*"mode": "wait"*' mt status -o json
{ kill -9 "$host"; wait "$host"; } 2>/dev/null
go second
wait "$client"
is "the client ends with the job" "$?" 0
like "which succeeded" "$(cat client.out)" "*SUCCEEDED*"
exits "it was started once" 0 mt describe job "$second" -o json
is "one attempt" "$(json attempts | grep -o '"attempt"' | wc -l | tr -d ' ')" 1

# A wait that meets a daemon just as it ends goes on with the next host, which is itself
stopping=
for try in 1 2 3 4 5 6 7 8; do
    start_daemon --state "$STATE" || { is "daemon starts" no yes; finish; }
    brief=$(mt submit --queue main --definition hold -- true)
    kill "$daemon"
    mt wait "$brief" --timeout 20s >wait.out 2>&1 || stopping="$stopping $try: $(cat wait.out)"
    wait "$daemon" 2>/dev/null
done
is "waits beside daemons that end" "$stopping" ""

# A state directory whose socket's path is longer than sun_path
long=$WORK/$(printf 'd%.0s' 1 2 3 4 5 6 7 8 9 10)
for _ in 1 2 3 4; do long=$long/dddddddddddddddddddddddddddddddddddddddd; done
exits "apply into a long path" 0 mt apply . --state "$long" --yes
exits "run a job there" 0 mt submit --queue main --definition hold --wait --state "$long" -- true

# Retention: finished jobs and their logs go; that they ran is remembered
printf 'provider: local\nname: e2e\nretention: 1s\n' >muster.yaml
resource Job once '{jobQueue: main, jobDefinition: greet}' >job.yaml
resource JobDefinition greet '{type: container, containerProperties: {command: [echo, hello], resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "16"}]}}' >>job.yaml
exits "a Job runs" 0 mt apply . --yes --wait jobs
start_daemon . --state "$STATE" || { is "daemon starts" no yes; finish; }
ok "finished jobs expire" until_like '[[]]' sh -c "'$MUSTER' get jobs -o json | tr -d ' \n' | sed 's/.*\"jobs\":\(\[\]\).*/\1/'"
ok "their logs too" until_like '' find "$STATE" -path '*log*' -type f -size +0
exits "it does not run again" 0 mt plan . --no-forecast
stop_daemon "$daemon"
is "the daemon ends with 0" "$?" 0
finish
