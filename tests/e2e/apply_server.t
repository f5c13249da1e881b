#!/bin/sh
# apply and destroy over --server: the manifests are made here, bases, patches and variables put in, and sent; guards, policy, waiting and history are the
# daemon's.
set -u
. "$(dirname "$0")/lib.sh"
STATE=$WORK/state
ELSEWHERE=$WORK/elsewhere
base() { sed -n 's,.*listening at \(https\{0\,1\}://[^ ]*\)/ .*,\1,p' "$WORK/daemon.log" | tail -1; }
here() { timeout 60 "$MUSTER" "$@" --state "$STATE"; }
# far KEY ARGUMENTS…: a command on a machine that has nothing but the sources and that key
far() {
    key=$1
    shift
    (. "$WORK/$key.env" && export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY MUSTER_STATE="$ELSEWHERE" && timeout 60 "$MUSTER" "$@" --server "$url")
}
mkdir -p common src followed
printf 'name: followed\nprovider: local\n' >followed/muster.yaml
resource JobQueue theirs "{priority: 1, computeEnvironmentOrder: [mine]}" >followed/all.yaml
{ resource ComputeEnvironment mine "{type: MANAGED}"; } >followed/here.yaml
cat >common/muster.yaml <<'Y'
variables: {priority: 3}
Y
{ resource ComputeEnvironment here "{type: MANAGED}"; echo ---; queue work '"${var.priority}"'; } >common/all.yaml
cat >src/muster.yaml <<'Y'
name: team
provider: local
bases: [../common]
variables: {priority: 7}
patches:
  - target: JobQueue/work
    metadata: {labels: {of: team}}
Y
resource JobDefinition ok '{type: container, containerProperties: {command: ["true"], resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "16"}]}}' >src/jobs.yaml
{ echo ---; resource Job once '{jobDefinition: ok, jobQueue: work}'; } >>src/jobs.yaml
cat >policy.yaml <<'Y'
sources:
  - name: team
  - name: followed
Y
start_daemon followed --state "$STATE" --listen 127.0.0.1:0 || { is "daemon starts" no yes; finish; }
url=$(base)
for scope in read submit admin; do here key create "$scope" --scope "$scope" >"$scope.env"; done

exits "a plan of elsewhere as JSON" 2 far read plan src --no-forecast --format json
planned=$(json id)
exits "as text" 2 far read plan src --no-forecast
like "has a priority of the variable" "$out" "*priority*7*"
exits "an apply with a key that may not" 3 far submit apply src --yes
like "is refused with what it needs" "$err" "*needs admin*"
exits "nothing is there" 6 here get JobQueue work -o json
exits "an apply" 0 far admin apply src --yes --wait jobs
like "waits until they have ended" "$out" "*Job/once run 1: SUCCEEDED*"
exits "the queue" 0 here describe JobQueue work
like "is patched, with its variable" "$out" "*of*team*"
like "and of the file it was of" "$out" "*common/all.yaml*"
exits "the job" 0 here get jobs -o json
like "ran" "$out" '*SUCCEEDED*'
exits "history" 0 here history -o json
like "has who" "$out" '*"actor": "key/admin"*'
like "from where" "$out" '*uploaded by key/admin*'
like "and the plan that was shown" "$out" "*\"planId\": \"$planned\"*"
exits "again" 0 far admin apply src --yes
like "is no change" "$out" "*No changes*"
exits "with another value" 0 far admin apply src --yes --set priority=9
exits "counts" 0 here get JobQueue work -o json
like "at once" "$out" '*"priority": 9*'
exits "a saved plan" 2 far admin plan src --set priority=11 --no-forecast --out p.json
exits "is carried out" 0 far admin apply --plan p.json
exits "and once" 3 far admin apply --plan p.json
like "it is stale then" "$err" "*stale*"

# ---- guards, and sources that are others'
exits "another source of that name" 0 sh -c 'mkdir other && cp followed/muster.yaml other/ && sed s/theirs/stolen/ followed/all.yaml >other/all.yaml && cp followed/here.yaml other/'
exits "cannot take it" 3 far admin apply other --yes --allow-deletes 5
like "and is told whose it is" "$err" "*source followed is followed by the running daemon*"
mkdir few
printf 'name: team\nprovider: local\n' >few/muster.yaml
resource ComputeEnvironment here "{type: MANAGED}" >few/all.yaml
for name in a b c d e f; do queue $name 1 >>few/all.yaml; echo --- >>few/all.yaml; done
sed -i 's/^apiVersion/---\napiVersion/' few/all.yaml
exits "more queues" 0 far admin apply few --yes --allow-deletes 9
resource ComputeEnvironment here "{type: MANAGED}" >few/all.yaml
exits "who takes all of them away" 3 far admin apply few --yes
like "is asked how many" "$err" "*--allow-deletes*"
exits "destroy" 0 far admin destroy few --yes
exits "the queues are gone" 6 here get JobQueue a
exits "the daemon's own is not" 0 here get JobQueue theirs
exits "history of it" 0 here history -o json
like "has the destroy" "$out" '*destroy*'

# ---- who sends something else
raw() { (. "$WORK/admin.env" && export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY && timeout 60 "$python" "$ROOT/tests/support/api_client.py" --raw 1 "$url" batch /muster/v1/apply "$1"); }
for python in python3 /usr/bin/python3; do "$python" -c 'import botocore' 2>/dev/null && break; python=; done
if [ -n "$python" ]; then
    for body in '{"upload": 1}' '{"upload": {}}' '{"upload": {"config": {"name": "x"}, "manifests": [1]}}' '{"upload": {"config": {"name": "x", "bases": ["../../etc"]}}}' \
        '{"upload": {"config": {"name": "x"}}, "source": "/etc"}' '{"upload": {"config": {"name": "x"}, "manifests": [{"file": "a", "line": 1, "text": "kind: {"}]}}' \
        '{"upload": {"config": {"name": "x"}, "manifests": [{"file": "../../../etc/passwd", "line": 1, "text": "{\"apiVersion\": \"muster/v1\", \"kind\": \"JobQueue\", \"metadata\": {\"name\": \"q\"}, \"spec\": {\"priority\": \"x\"}}"}]}}'; do
        exits "what is no upload" 0 raw "$body"
        like "is refused" "$out" "400 *"
    done
else
    skip "what is no upload" "python3-botocore is not installed (make deps)"
fi
stop_daemon "$daemon"
exits "a replay" 0 here simulate --replay "$STATE"
like "decides the same" "$out" "*the same as it did then*"
finish
