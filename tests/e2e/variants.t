#!/bin/sh
# Variables and patches through the commands: which value wins, what an apply keeps, saved plans, what render prints planned again,
# and a daemon that follows a source with values and a base.
set -u
. "$(dirname "$0")/lib.sh"
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mt() { timeout 60 "$MUSTER" "$@"; }
mkdir -p base envs/dev
cat >base/muster.yaml <<'END'
provider: local
variables:
  priority: 1
  name: {type: string}
END
cat >base/all.yaml <<'END'
apiVersion: muster/v1
kind: ComputeEnvironment
metadata: {name: here}
spec: {type: MANAGED}
---
apiVersion: muster/v1
kind: JobQueue
metadata: {name: "${var.name}"}
spec: {priority: "${var.priority}", computeEnvironmentOrder: [here]}
---
apiVersion: muster/v1
kind: JobDefinition
metadata: {name: hello}
spec:
  type: container
  containerProperties: {command: [sh, -c, 'echo $HOME ${HOME} $${HOME} $${var.name}'], memory: 16, vcpus: 1}
END
printf 'name: variants-e2e\nbases: [../../base]\nvariables: {name: main}\n' >envs/dev/muster.yaml
# priority ARGUMENTS…: that of the queue, rendered
priority() { mt render envs/dev -o json "$@" 2>/dev/null | grep '"priority":' | tr -dc '0-9'; }

# ---- which value wins
is "the default" "$(priority)" 1
is "the source's own default over the base's" "$(printf 'variables: {priority: 2, name: main}\nbases: [../../base]\n' >envs/dev/muster.yaml; priority)" 2
printf 'name: variants-e2e\nbases: [../../base]\nvariables: {name: main}\n' >envs/dev/muster.yaml
export MUSTER_VAR_priority=3 MUSTER_VAR_other=x
is "the environment over the default; what nobody declares there is no fault" "$(priority)" 3
echo 'priority: 4' >four.yaml
echo 'priority: 5' >five.yaml
is "--values over the environment, the later over the earlier" "$(priority --values four.yaml --values five.yaml)" 5
is "--set over all" "$(priority --set priority=6 --values four.yaml)" 6
unset MUSTER_VAR_priority MUSTER_VAR_other
exits "--set of what is not declared" 1 mt plan envs/dev --set priorty=1
like "names the nearest" "$err" '*--set: muster.yaml declares no variable "priorty"*did you mean "priority"?*'
exits "--set without a value" 1 mt plan envs/dev --set priority
exits "a file that is not there" 1 mt plan envs/dev --values nowhere.yaml
echo '- 1' >list.yaml
exits "a file that is no mapping" 1 mt plan envs/dev --values list.yaml
like "is told with its place" "$err" '*list.yaml:1:1: error: a file of values is a mapping*'
exits "a file alone declares nothing" 1 mt validate base/all.yaml --set priority=1
for command in "validate envs/dev" "graph envs/dev" "simulate envs/dev" "apply envs/dev --yes"; do
    exits "$command takes values" 1 mt $command --set nme=1
    like "and judges them" "$err" '*declares no variable "nme"*'
done

# ---- what an apply keeps
exits "plan tells how to apply just this" 2 mt plan envs/dev --set priority=7 --no-forecast
like "with its values" "$out" '*muster apply envs/dev --set priority=7 *'
exits "apply with a value" 0 mt apply envs/dev --set priority=7 --yes
exits "a plan without it agrees" 0 mt plan envs/dev
like "and says why" "$err" '*values kept from the last apply: priority=7 (--reset-values leaves them out)*'
exits "render agrees too" 0 mt render envs/dev
like "with the origin" "$out" '*priority: 7 *<- var.priority --set, kept from the last apply*'
exits "what is given now wins, cache or not" 2 mt plan envs/dev --set priority=8 --no-forecast
like "and is planned" "$out" '*priority: 7 -> 8*'
exits "left out, the default is back" 2 mt plan envs/dev --reset-values --no-forecast
like "and planned" "$out" '*priority: 7 -> 1*'
exits "another value keeps the first" 0 mt apply envs/dev --set name=second --yes --allow-deletes 1
exits "both are kept" 0 mt plan envs/dev
like "both are told" "$err" '*name=second, priority=7 (*'
exits "a saved plan holds its values" 2 mt plan envs/dev --set priority=9 --out p.json --no-forecast
exits "--set does not go with it" 1 mt apply --plan p.json --set priority=10
exits "carried out" 0 mt apply --plan p.json --yes
exits "as planned" 0 mt plan envs/dev
like "and kept" "$err" '*priority=9*'
exits "another state knows nothing of it" 2 mt plan envs/dev --state "$WORK/other" --no-forecast
like "the default holds there" "$out" '*priority: 1*'

# ---- what is rendered is the same, planned again, wherever it lies
mkdir again && printf 'name: variants-e2e\nprovider: local\n' >again/muster.yaml
mt render envs/dev >again/all.yaml 2>/dev/null
like "a reference that is meant as it stands is written so" "$(cat again/all.yaml)" '*$HOME ${HOME} $${HOME} $${var.name}*'
exits "what was rendered plans to no change" 0 mt plan again
like "at all" "$out" '*No changes.*'
is "and is the same revision" "$(sed -n '1s/.*revision //p' again/all.yaml)" "$(mt render again 2>/dev/null | sed -n '1s/.*revision //p')"

# ---- a daemon
start_daemon envs/dev --set priority=20 --state "$STATE" || { is "daemon starts" no yes; finish; }
ok "it takes the value" until_like '*"priority": 20*' mt get JobQueue second -o json
exits "a plan beside it agrees" 0 mt plan envs/dev
sed 's/, computeEnvironmentOrder/, state: DISABLED, computeEnvironmentOrder/' base/all.yaml >base/.new && mv base/.new base/all.yaml
ok "a change of the base is seen" until_like '*"state": "DISABLED"*' mt get JobQueue second -o json
like "and the value holds" "$said" '*"priority": 20*'
printf 'patches: [{target: JobQueue/second, spec: {priority: 33}}]\n' >>envs/dev/muster.yaml
ok "a patch too" until_like '*"priority": 33*' mt get JobQueue second -o json
printf 'variables: {priority: , prefix: }\nprovider: local\n' >base/muster.yaml
ok "a fault in the base is told with its place" until_like '*base/muster.yaml:1:25*has no value*' mt status
printf 'provider: local\nvariables: {priority: 1, name: x}\n' >base/muster.yaml
printf 'name: variants-e2e\nbases: [../../base]\n' >envs/dev/muster.yaml
ok "mended, it goes on" until_like '*"priority": 20*' mt get JobQueue second -o json
stop_daemon "$daemon"
daemons=
exits "what it was given is kept for the next" 0 mt plan envs/dev
like "and told" "$err" '*priority=20*'
finish
