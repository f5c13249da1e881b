#!/bin/sh
# An environment on AWS is renamed: its cluster, its machines and its jobs stay, over a daemon that is killed; what is made anew under the
# old name has a cluster of its own; and all of it goes in the end.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/aws.sh"
mt() { timeout 60 "$MUSTER" "$@"; }
start_aws || { is "the double starts" no yes; finish; }
double settings '{"runner": "process"}' >/dev/null
STATE=$WORK/st
MUSTER_STATE=$STATE
export MUSTER_STATE
mkdir "$STATE"
clusters() { in_aws 'sorted(c["name"] for r in regions for c in r["clusters"] if c["status"] == "ACTIVE")'; }
machines() { in_aws 'sorted(i["id"] for r in regions for i in r["instances"] if i["state"] not in ("terminated", "shutting-down"))'; }
cloud here 'minvCpus: 2'
start_daemon || { is "daemon starts" no yes; finish; }
exits "manifests are applied" 0 mt apply src --yes
id=$(mt submit --queue q --definition hello -- sh -c 'sleep 12; exit 4')
ok "a job runs" until_like RUNNING job "$id"
cluster=$(clusters) machine=$(machines) made=$(calls ecs:CreateCluster)
cloud there 'minvCpus: 2'
sed -i 's/{name: there}/{name: there, formerly: here}/' src/environment.yaml
exits "the plan" 2 mt plan src --no-forecast
like "renames" "$out" "*~ ComputeEnvironment/there  renamed from here*0 to add, 2 to change, 0 to destroy*"
exits "it is renamed" 0 mt apply src --yes
kill -9 "$daemon" && wait "$daemon" 2>/dev/null
start_daemon || { is "daemon starts again" no yes; finish; }
ok "the environment is valid" until_like '*VALID*' mt get ComputeEnvironment there
is "the job runs on" "$(job "$id")" RUNNING
exits "another one runs" 0 mt submit --queue q --definition hello --wait
is "in the same cluster" "$(clusters)" "$cluster"
is "which nobody made anew" "$(calls ecs:CreateCluster)" "$made"
is "on the same machine" "$(machines)" "$machine"
exits "the job ends" 7 mt wait "$id"
is "as it did" "$(job "$id" attempts.0.exitCode)" 4
is "once" "$(job "$id" attempts.1.attempt)" null
exits "nothing is left to do" 0 mt plan src --no-forecast
like "what it bought is its account's" "$(mt describe ComputeEnvironment there)" "*c5.large*"

# ---- the old name is free
sed 's/{name: there, formerly: here}/{name: here}/; s/minvCpus: 2/minvCpus: 0/' src/environment.yaml >src/again.yaml
sed -i 's/, formerly: here//' src/environment.yaml
exits "it is somebody else's" 0 mt apply src --yes
ok "who has a cluster of its own" until_like 2 in_aws 'sum(c["status"] == "ACTIVE" for r in regions for c in r["clusters"])'
like "beside the one that there was" "$(clusters)" "*here*here-2*"
rm src/again.yaml
exits "it goes" 0 mt apply src --yes --timeout 50s
ok "with its cluster" until_like 1 in_aws 'sum(c["status"] == "ACTIVE" for r in regions for c in r["clusters"])'
is "and not the other one's" "$(clusters)" "$cluster"
is "alone" "$(machines)" "$machine"
exits "all of it is destroyed" 0 mt destroy src --yes --timeout 50s
ok "nothing is left" until_like 0 left
stop_daemon "$daemon"
exits "all that the daemons did is done again alike" 0 mt simulate --replay "$STATE"
ok "every request was as AWS takes it" no_violations
finish
