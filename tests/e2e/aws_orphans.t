#!/bin/sh
# What carries this installation's tags and is of no environment that the state has ever heard of: clusters with their tasks, instances, launch
# templates. Found and ended after two whole looks; never what is somebody else's, never after half a look, never what a newer process drives.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/aws.sh"
mt() { timeout 60 "$MUSTER" "$@"; }
start_aws || { is "the double starts" no yes; finish; }
double settings '{"runner": "process"}' >/dev/null
export MUSTER_TEST_AWS_SETTLE_MS=2000 # else ten minutes, looked for every five
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mkdir "$STATE"
cloud here
start_daemon || { is "daemon starts" no yes; finish; }
exits "an environment" 0 mt apply src --yes
long=$(mt submit --queue q --definition hello -- sleep 300)
ok "a job runs" until_like RUNNING job "$long"
exits "a backup" 0 mt backup yesterday.db
owner=$(sqlite3 "$STATE/muster.db" "select value from settings where name = 'installation'")
cp src/environment.yaml later.yaml
sed 's/{name: here}/{name: later}/' later.yaml >src/later.yaml
resource JobQueue l '{priority: 1, computeEnvironmentOrder: [later]}' >src/later-queue.yaml
exits "another one, later" 0 mt apply src --yes
lost=$(mt submit --queue l --definition hello -- sleep 300)
ok "where a job runs" until_like RUNNING job "$lost"
instance=$(job "$lost" attempts.0.instance) task=$(job "$lost" attempts.0.task)
stop_daemon "$daemon"

# ---- others that look like it
cluster() { # NAME INSTALLATION TERM
    aws ecs CreateCluster "{\"clusterName\": \"muster-$1\", \"tags\": [{\"key\": \"muster/installation\", \"value\": \"$2\"}, {\"key\": \"muster/compute-environment\", \"value\": \"$1\"}, {\"key\": \"muster/term\", \"value\": \"$3\"}]}" >/dev/null
}
template() { # NAME INSTALLATION ENVIRONMENT
    aws ec2 CreateLaunchTemplate "{\"LaunchTemplateName\": \"$1\", \"LaunchTemplateData\": {\"InstanceType\": \"c5.large\"}, \"TagSpecifications\": [{\"ResourceType\": \"launch-template\", \"Tags\": [{\"Key\": \"muster/installation\", \"Value\": \"$2\"}, {\"Key\": \"muster/compute-environment\", \"Value\": \"$3\"}]}]}" >/dev/null
}
cluster theirs 0123456789abcdef 1
template theirs 0123456789abcdef theirs
cluster newer "$owner" 999999999
template newer "$owner" newer
template untold "$owner" ""
aws ecs CreateCluster '{"clusterName": "muster-nobodys"}' >/dev/null
clusters() { in_aws "' '.join(sorted(c['name'] for r in regions for c in r['clusters'] if c['status'] == 'ACTIVE'))"; }
templates() { in_aws "' '.join(sorted(t['tags'].get('muster/compute-environment', '-') for r in regions for t in r['templates']))"; }
state_of() { in_aws "[i['state'] for r in regions for i in r['instances'] if i['id'] == '$1'][0]"; }
wanted() { in_aws "[t['desiredStatus'] for r in regions for c in r['clusters'] for t in c['tasks'] if t['arn'] == '$1'][0]"; }
is "so far" "$(clusters)/$(templates)" "muster-here muster-later muster-newer muster-nobodys muster-theirs/ here later newer theirs"

# ---- half a look ends nothing
exits "yesterday's state" 0 mt restore yesterday.db --force
double fault '{"operation": "DescribeLaunchTemplates", "count": 1000, "code": "InternalError", "status": 500}' >/dev/null
start_daemon || { is "daemon starts again" no yes; finish; }
looked=$(calls ecs:ListClusters)
several() { [ "$(calls ecs:ListClusters)" -gt "$((looked + 3))" ]; }
ok "looks fail at their end" until_ok several
is "nothing was ended" "$(state_of "$instance")/$(wanted "$task")/$(clusters)" "running/RUNNING/muster-here muster-later muster-newer muster-nobodys muster-theirs"
double faults '{"clear": true}' >/dev/null

# ---- whole ones
ok "an instance of an environment that nobody knows is ended" until_like terminated state_of "$instance"
ok "its cluster is deleted" until_like "muster-here muster-newer muster-nobodys muster-theirs" clusters
is "after its task" "$(wanted "$task")" STOPPED
ok "its launch template is deleted" until_like " here newer theirs" templates
is "what is known goes on" "$(job "$long")/$(job "$long" attempts.1.attempt)" RUNNING/null
run mt events
like "each is an event: the instance" "$out" "*environment.collected*ComputeEnvironment/later*instance $instance: it carries this installation's tag, and its environment is known to nobody here: ended*"
like "the cluster" "$out" "*environment.collected*ComputeEnvironment/later*cluster muster-later*"
like "the template" "$out" "*environment.collected*ComputeEnvironment/later*launch template lt-*"
is "that is all" "$(printf '%s\n' "$out" | grep environment.collected | grep -vc ComputeEnvironment/later)" 0

# ---- templates of former generations
former=$(in_aws "[t['id'] for r in regions for t in r['templates'] if t['tags'].get('muster/compute-environment') == 'here'][0]")
rm src/later.yaml src/later-queue.yaml
printf '    ec2KeyPair: default\n' >>src/environment.yaml
exits "another key" 0 mt apply src --yes
exits "a job on it" 0 mt submit --queue q --definition hello --wait
here() { in_aws "' '.join(t['id'] for r in regions for t in r['templates'] if t['tags'].get('muster/compute-environment') == 'here')"; }
gone() { case "$(here)" in *"$former"* | "") return 1 ;; esac; }
ok "what nothing is made from any more goes" until_ok gone
like "that is told" "$(mt events)" "*environment.collected*ComputeEnvironment/here*launch template $former: it carries this installation's tag, and nothing is made from it any more: ended*"
looked=$(calls ecs:ListClusters)
ok "some looks later" until_ok several
like "the present one is there" "$(here)" 'lt-*'
exits "and good" 0 mt submit --queue q --definition hello --wait

# ---- an environment that was removed as it should be leaves nothing to collect
mt terminate "$long" >/dev/null
for one in theirs newer untold; do aws ec2 DeleteLaunchTemplate "{\"LaunchTemplateName\": \"$one\"}" >/dev/null; done
for one in theirs newer nobodys; do aws ecs DeleteCluster "{\"cluster\": \"muster-$one\"}" >/dev/null; done
back_to_nothing src
finish
