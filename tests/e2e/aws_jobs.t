#!/bin/sh
# Jobs on AWS, from manifests to their ends, against the double, which judges every request and verifies every signature: in each partition;
# stopped, late, refused; over a daemon that is killed; with answers that are lost; beside another installation.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/aws.sh"
mt() { timeout 60 "$MUSTER" "$@"; }
start_aws || { is "the double starts" no yes; finish; }
double settings '{"runner": "process"}' >/dev/null

# ---- from nothing to finished jobs and back to nothing, in each partition
cloud here
for region in cn-north-1 us-gov-west-1 us-east-1; do
    export AWS_REGION=$region
    STATE=$WORK/st-$region
    export MUSTER_STATE="$STATE"
    mkdir "$STATE"
    start_daemon || { is "daemon starts" no yes; finish; }
    exits "$region: manifests are applied" 0 mt apply src --yes
    exits "$region: a job runs" 0 mt submit --queue q --definition hello --wait
    exits "$region: one that fails has failed" 7 mt submit --queue q --definition hello --wait -- sh -c 'exit 3'
    [ "$region" = us-east-1 ] && break
    exits "$region: all of it is destroyed" 0 mt destroy src --yes --timeout 50s
    ok "$region: its instances, its cluster and its templates are gone" until_like 0 left
    stop_daemon "$daemon"
done

# ---- what is there
region=us-east-1
is "one instance was enough" "$(instances_left)" 1
like "which says whose it is" "$(in_aws '[i["tags"] for r in regions for i in r["instances"] if i["state"] == "running"]')" "*'muster/compute-environment': 'here'*"
like "the cluster has the environment's tags" "$(in_aws '[c["tags"] for r in regions for c in r["clusters"] if c["status"] == "ACTIVE"]')" "*'team': 'research'*"
is "one task definition serves both jobs" "$(in_aws '[len(r["taskDefinitions"]) for r in regions if r["region"] == "us-east-1"]')" "[1]"
like "describe shows where it runs" "$(mt describe computeenvironment here)" '*c5.large*On-Demand*REGISTERED*'

# ---- how jobs end
id=$(mt submit --queue q --definition hello -- sh -c 'sleep 60')
ok "a job runs" until_like RUNNING job "$id"
exits "and is ended" 0 mt terminate "$id" --reason "enough of it"
exits "it has failed" 7 mt wait "$id"
is "for the reason that was given" "$(job "$id" statusReason)" "enough of it"
double outcome '{"match": {"command": "*burst*"}, "runner": "timer", "seconds": 1, "oom": true}' >/dev/null
id=$(mt submit --queue q --definition hello -- burst)
exits "one that is out of memory" 7 mt wait "$id"
like "says so" "$(job "$id" attempts.0.reason)" 'OutOfMemoryError*'
double outcome '{"match": {"command": "*nowhere*"}, "startFault": "CannotPullContainerError: not found"}' >/dev/null
id=$(mt submit --queue q --definition hello -- nowhere)
exits "an image that is not there" 7 mt wait "$id"
like "is the attempt's reason" "$(mt describe job "$id")" '*CannotPullContainerError*'

# ---- what jobs print
id=$(mt submit --queue q --definition hello -- sh -c 'echo "one of $AWS_BATCH_JQ_NAME in $AWS_BATCH_CE_NAME"; echo two >&2; sleep 3; echo three')
exits "a log is followed until the job has ended" 0 mt logs "$id" -f
is "all of it is there" "$out" "one of q in here
two
three"
exits "and read later" 0 mt logs "$id"
like "it is the same" "$out" "one of q in here*three"
exits "a job that printed nothing" 0 mt logs "$(mt submit --queue q --definition hello --wait -- true)"
is "has an empty log" "$out" ""

# ---- more than fits
id=$(mt submit --queue q --definition hello --array 12 -- sh -c 'echo $AWS_BATCH_JOB_ARRAY_INDEX; exit 0')
exits "an array runs, on more instances" 0 mt wait "$id"
id=$(mt submit --queue q --definition hello --env "LONG=$(head -c 9000 /dev/zero | tr '\0' x)" -- sh -c 'exit ${#LONG}')
mt wait "$id" >/dev/null
is "what an override cannot hold is in a definition of its own" "$(job "$id" attempts.0.exitCode)" $((9000 % 256))

# ---- killed
id=$(mt submit --queue q --definition hello -- sh -c 'sleep 5; exit 4')
ok "a job runs" until_like RUNNING job "$id"
before=$(tasks)
kill -9 "$daemon" && wait "$daemon" 2>/dev/null
start_daemon || { is "daemon starts again" no yes; finish; }
is "it is found running" "$(job "$id")" RUNNING
mt wait "$id" >/dev/null
is "and has ended as it did" "$(job "$id" attempts.0.exitCode)" 4
is "without another task" "$(tasks)" "$before"
id=$(mt submit --queue q --definition hello -- sh -c 'exit 5')
mt wait "$id" >/dev/null
is "new ones go on" "$(job "$id" attempts.0.exitCode)" 5

# ---- answers that are lost: the token makes the call one
before=$(tasks)
double fault '{"operation": "RunTask", "lost": true, "count": 2}' >/dev/null
exits "RunTask without an answer" 0 mt submit --queue q --definition hello --wait
is "is one task" "$(tasks)" $((before + 1))
double fault '{"operation": "RunTask", "code": "ThrottlingException", "status": 400, "count": 5}' >/dev/null
exits "and is asked again when it was throttled" 0 mt submit --queue q --definition hello --wait
double fault '{"operation": "DescribeTasks", "code": "ServerException", "status": 500, "count": 8}' >/dev/null
exits "tasks that cannot be looked at for a while" 0 mt submit --queue q --definition hello --wait

# ---- the host is gone
id=$(mt submit --queue q --definition hello --attempts 5 -- sh -c 'sleep 4') # all hosts go at once, and are found one by one
ok "a job runs" until_like RUNNING job "$id"
double end-instance '{"all": true, "code": "Server.InternalError", "message": "Server.InternalError: hardware"}' >/dev/null
exits "is tried again elsewhere" 0 mt wait "$id" --timeout 60s
is "as another attempt" "$(job "$id" attempts.1.attempt)" 2

# ---- another installation, and nothing of muster's
mkdir other
"$MUSTER" serve --state "$WORK/other" 2>other.log &
other=$!
daemons="$daemons $other"
until [ -S other/muster.sock ]; do kill -0 "$other" || break; done
exits "a second installation does not get the environment" 5 mt apply src --state other --yes --timeout 4s
like "and is told why" "$out$err" '*belongs to another installation of muster*'
like "status says it, too" "$(mt status --state other)" '*belongs to another installation*'
kept=$(mt submit --state other --queue q --definition hello)
like "a job there says what it waits for" "$(mt explain "$kept" --state other)" '*compute environment here is not made: *belongs to another installation*'
mt cancel "$kept" --state other >/dev/null
is "and no instance is asked for in vain" "$(sqlite3 other/muster.db 'select count(*) from instances')" 0
exits "and it can be taken back there" 0 mt destroy src --state other --yes --timeout 20s
ok "without harm to the first one" until_like 1 in_aws 'sum(c["status"] == "ACTIVE" for r in regions for c in r["clusters"])'
stop_daemon "$other"
aws_cli() { AWS_DEFAULT_REGION=us-east-1 "$aws_python" -c 'import botocore.session, os, sys, json
client = botocore.session.get_session().create_client("ecs", region_name="us-east-1", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
print(client._make_api_call(sys.argv[1], json.loads(sys.argv[2])))' "$@"; }
aws_cli CreateCluster '{"clusterName": "muster-theirs"}' >/dev/null
sed 's/name: here/name: theirs/' src/environment.yaml >theirs.yaml
mkdir theirs && mv theirs.yaml theirs/ && printf 'name: theirs\nprovider: aws\n' >theirs/muster.yaml
exits "a cluster that muster did not make" 5 mt apply theirs --yes --timeout 4s
like "is not taken" "$out$err" '*that muster did not make*'
is "nor touched" "$(in_aws '[c["tags"] for r in regions for c in r["clusters"] if c["name"] == "muster-theirs"]')" "[{}]"

# ---- and back to nothing
exits "its environment can be deleted" 0 mt destroy theirs --yes --timeout 20s
back_to_nothing src
is "no secret is anywhere" "$(cat "$STATE"/muster.db* "$STATE"/recording/*/inputs daemon.log | grep -ac wJalrXUtnFEMI)" 0
finish
