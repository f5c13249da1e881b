#!/bin/sh
# What machines are made from is pinned: a launch template's $Latest, the newest image. What is newer later is shown, and taken with the
# next change of the environment, as soon as it is there, or by muster refresh, as `refresh` says.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/aws.sh"
mt() { timeout 60 "$MUSTER" "$@"; }
start_aws || { is "the double starts" no yes; finish; }
double settings '{"runner": "process"}' >/dev/null
export MUSTER_TEST_AWS_SETTLE_MS=2000 # else every five minutes
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mkdir "$STATE"
# A version of the user's template: its instances say so.
made_by() { echo "{\"TagSpecifications\": [{\"ResourceType\": \"instance\", \"Tags\": [{\"Key\": \"made\", \"Value\": \"$1\"}]}]}"; }
version() { aws ec2 CreateLaunchTemplateVersion "{\"LaunchTemplateName\": \"own\", \"LaunchTemplateData\": $(made_by "$1")}" >/dev/null; }
release() { double image '{"release": true}' >/dev/null; }
newest() { aws ssm GetParameters '{"Names": ["/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"]}' | "$aws_python" -c 'import json, sys; print(json.load(sys.stdin)["Parameters"][0]["Value"])'; }
aws ec2 CreateLaunchTemplate "{\"LaunchTemplateName\": \"own\", \"LaunchTemplateData\": $(made_by v1)}" >/dev/null
cloud here 'launchTemplate: {launchTemplateName: own, version: $Latest}'
on() { job "$1" attempts.0.instance; }
# from ID: which version of the template an instance is of, and its image.
from() { in_aws "[i['tags'].get('made', '-') + ' ' + i['image'] for r in regions for i in r['instances'] if i['id'] == '$1'][0]"; }
state_of() { in_aws "[i['state'] for r in regions for i in r['instances'] if i['id'] == '$1'][0]"; }
live() { in_aws "' '.join(i['id'] for r in regions for i in r['instances'] if i['state'] in ('pending', 'running'))"; }
newer() { mt status | sed -n '/^Newer than/,/^$/p'; }
shown() { mt describe computeenvironment here; }
environment_line() { # SED-EXPRESSION
    sed -i "$1" src/environment.yaml
}
start_daemon || { is "daemon starts" no yes; finish; }
first=$(newest)
exits "an environment" 0 mt apply src --yes
like "what it is made from is pinned by then" "$(shown)" "*Instances are made from*image ECS_AL2023 x86_64: $first*launch template own (\$Latest): 1*"
long=$(mt submit --queue q --definition hello -- sleep 300)
ok "a job runs" until_like RUNNING job "$long"
old=$(on "$long")
is "on an instance of that" "$(from "$old")" "v1 $first"

# ---- onCommit: what is newer is a notice
version v2 && release
second=$(newest)
ok "what is newer is seen" until_like "*ComputeEnvironment/here  image ECS_AL2023 x86_64: $first → $second, launch template own (\$Latest): 1 → 2; taken with its next change, or by muster refresh here*" newer
like "described" "$(shown)" "*image ECS_AL2023 x86_64: $first → $second*launch template own (\$Latest): 1 → 2*what is newer: since*"
exits "it is nothing that a plan would change" 0 mt plan src --no-forecast
like "and stands there" "$out" "*Newer than what is in force:*ComputeEnvironment/here  image*$first → $second, launch template own (\$Latest): 1 → 2; taken with its next change*No changes*"
is "nor is it drift" "$(mt status | grep -c 'Changed outside')" 0
full=$(mt submit --queue q --definition hello --vcpus 2 -- sleep 300)
ok "one that needs another instance" until_like RUNNING job "$full"
is "which is made from what is pinned" "$(from "$(on "$full")")" "v1 $first"
mt terminate "$full" >/dev/null
exits "it ends" 7 mt wait "$full"
stop_daemon "$daemon"
start_daemon || { is "daemon starts again" no yes; finish; }
full=$(mt submit --queue q --definition hello --vcpus 2 -- sleep 300)
ok "a restart later" until_like RUNNING job "$full"
is "it is still pinned" "$(from "$(on "$full")")" "v1 $first"
mt terminate "$full" >/dev/null
exits "it ends" 7 mt wait "$full"

# ---- a commit changes the environment
environment_line 's/maxvCpus: 8/maxvCpus: 16/'
run mt plan src --no-forecast
like "the plan says what comes with it" "$out" "*taken with this plan's change of it*ComputeEnvironment/here*takes what is newer: image*$first → $second, launch template own (\$Latest): 1 → 2*rolling: 1 unfinished job finish first*"
run mt plan src --no-forecast --format json
is "to programs, too" "$(json newer.0.name)" here
exits "a change" 0 mt apply src --yes
like "has what was newest" "$(shown)" "*image ECS_AL2023 x86_64: $second*launch template own (\$Latest): 2*"
is "nothing is newer" "$(newer)" ""
is "the job goes on" "$(job "$long")" RUNNING
short=$(mt submit --queue q --definition hello -- sleep 300)
ok "a new job runs" until_like RUNNING job "$short"
is "on an instance of the newest" "$(from "$(on "$short")")" "v2 $second"
double end-task "{\"ids\": [\"$(job "$long" attempts.0.task)\"], \"exitCode\": 0}" >/dev/null
exits "the older job ends by itself" 0 mt wait "$long"
ok "then its instance goes" until_like terminated state_of "$old"
like "that is told" "$(mt events)" "*environment.outdated*ComputeEnvironment/here*launch template own (\$Latest): 1 → 2*environment.refreshed*ComputeEnvironment/here*launch template own (\$Latest): 1 → 2*"
mt terminate "$short" >/dev/null

# ---- continuous: by itself
environment_line 's/^  computeResources:/  refresh: continuous\n&/; s/maxvCpus: 16/maxvCpus: 16\n    minvCpus: 2/'
exits "from now on by itself" 0 mt apply src --yes
ok "an instance is kept" until_like 'i-*' live
ok "one only" until_like "$(live | cut -d' ' -f1)" live
kept=$(live)
release
third=$(newest)
ok "a newer image replaces it" until_like terminated state_of "$kept"
replaced() { from "$(live)"; }
ok "by one of that" until_like "v2 $third" replaced

# ---- manual: not before somebody asks
environment_line 's/refresh: continuous/refresh: manual/'
exits "from now on by hand" 0 mt apply src --yes
kept=$(live)
version v3
ok "what is newer is seen" until_like '*launch template own ($Latest): 2 → 3; taken by muster refresh here (refresh: manual)*' newer
environment_line 's/maxvCpus: 16/maxvCpus: 12/'
run mt plan src --no-forecast
is "no change takes it" "$(printf '%s' "$out" | grep -c 'takes what is newer')" 0
exits "a change" 0 mt apply src --yes
like "and it is as it was" "$(newer)" '*2 → 3*'
is "with the same instance" "$(live)" "$kept"
run mt refresh here
is "somebody asks" "$code" 0
like "and is told for what" "$out" 'ComputeEnvironment/here  launch template own ($Latest): 2 → 3*'
ok "it is replaced" until_like terminated state_of "$kept"
ok "by one of that" until_like "v3 $third" replaced
is "nothing is newer" "$(newer)" ""

# ---- what there is not
exits "an environment that is not there" 6 mt refresh nowhere
like "is told" "$err" '*there is no ComputeEnvironment "nowhere"*'
exits "a queue" 1 mt refresh JobQueue/q
like "has no images" "$err" '*only a ComputeEnvironment is made from images*'
environment_line '/refresh:/d; /launchTemplate/d; /minvCpus/d; s/^    maxvCpus/    imageId: '"$third"'\n&/'
exits "one that says its image itself" 0 mt apply src --yes
mt refresh here 2>"$WORK/refused"
like "has nothing that could be newer" "$(cat "$WORK/refused")" '*ComputeEnvironment/here names its images and the version of its launch template itself*'
environment_line 's/^    imageId: .*/    launchTemplate: {launchTemplateName: gone, version: $Latest}/'
exits "a launch template that is not there" 5 mt apply src --yes --timeout 5s
like "is told by its environment" "$(mt status)" "*here*UPDATING*the environment's launch template cannot be read*"
environment_line '/launchTemplate/d'
exits "without it all is well" 0 mt apply src --yes
aws ec2 DeleteLaunchTemplate '{"LaunchTemplateName": "own"}' >/dev/null
back_to_nothing src
finish
