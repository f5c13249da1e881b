#!/bin/sh
# override: a field holds another value for a while: at once, no source takes it back, it ends by itself, also over a restart.
set -u
. "$(dirname "$0")/lib.sh"
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mt() { timeout 60 "$MUSTER" "$@"; }
manifest() { printf 'apiVersion: muster/v1\nkind: %s\nmetadata: {name: %s}\nspec: %s\n' "$2" "$3" "$4" >"$1"; }
queue() { manifest src/high.yaml JobQueue high "{priority: $1, computeEnvironmentOrder: [here]}"; }
user=$(id -un)
mkdir src
printf 'provider: local\nname: team\n' >src/muster.yaml
manifest src/here.yaml ComputeEnvironment here '{type: MANAGED}'
manifest src/def.yaml JobDefinition ok '{type: container, containerProperties: {command: ["true"], resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "16"}]}}'
queue 5
exits "apply" 0 mt apply src --yes

# What is not an override
exits "without a time" 1 mt override JobQueue/high priority=9 --reason r
like "is told how" "$err" "*--for and --reason are expected*"
exits "unknown" 6 mt override JobQueue/none priority=9 --for 1h --reason r
exits "another field" 1 mt override JobQueue/high computeEnvironmentOrder=x --for 1h --reason r
like "is told which" "$err" "*cannot be overridden; state and priority of a JobQueue*"
exits "no number" 1 mt override JobQueue/high priority=much --for 1h --reason r
exits "nothing to clear" 0 mt override JobQueue/high --clear
like "it says so" "$out" "*has no such override*"

# Without a daemon
exits "override" 0 mt override JobQueue/high priority=100 --for 1h --reason "release 7"
like "until when" "$out" "JobQueue/high priority=100 until 20*"
exits "and the state" 0 mt override JobQueue/high state=DISABLED --for 2h --reason "release 7"
exits "status" 0 mt status
like "shows it, and the priority in force" "$out" "*Overridden for now:*JobQueue/high  priority is 100 until *: release 7 (by $user)*QUEUE*high*DISABLED*100*"
exits "describe" 0 mt describe JobQueue high
like "too, beside what is declared" "$out" "*Overridden for now*priority is 100*priority: 5*"
exits "the plan has nothing to correct" 0 mt plan src --no-forecast
like "and shows it" "$out" "*Overridden for now*^ JobQueue/high  priority is 100 until *UTC: release 7 (by $user)*No changes*"
exits "as JSON" 0 mt plan src --no-forecast --format json
like "too" "$(json overridden.0.message)" "priority is 100 until*"
exits "it is in force" 3 mt submit --queue high --definition ok
like "the queue takes no jobs" "$err" "*high is DISABLED*"
exits "clear one field" 0 mt override JobQueue/high state --clear
exits "it takes jobs" 0 mt submit --queue high --definition ok --wait
queue 6
exits "an apply" 0 mt apply src --yes
exits "does not take it back" 0 mt status
like "100" "$out" "*high*ENABLED*100*"
exits "clear" 0 mt override JobQueue/high --clear
exits "as declared" 0 mt status
like "6" "$out" "*high*ENABLED*6*"
exits "history" 0 mt history JobQueue/high
like "tells all of it" "$out" "*priority*6*Changes:*restore*its override was cleared*update*5 -> 6*override*priority is 100*"
exits "and who set the priority" 0 mt history JobQueue/high -o json
like "the source" "$(printf '%s' "$out" | tr -d '\n ')" '*"path":"spec.priority","value":6,"change":{"action":"update"*'
exits "events" 0 mt events
like "too" "$out" "*resource.overridden*JobQueue/high*priority is 100*resource.restored*"

# Its time ends without a daemon and with one
exits "a short one" 0 mt override JobQueue/high priority=77 --for 1s --reason short
start_daemon src --state "$STATE" 2>/dev/null || { is "daemon starts" no yes; finish; }
ok "it ends by itself" until_like '*high*ENABLED*6*' mt status
exits "another, of the daemon" 0 mt override ComputeEnvironment/here state=DISABLED --for 1s --reason short
ok "it ends too" until_like '*restore*state is again what is declared: the time of its override is over*override*' mt history ComputeEnvironment/here
exits "a longer one" 0 mt override JobQueue/high priority=88 --for 1h --reason longer
queue 7
ok "a followed change" until_like '*follow*converged*~1*' mt history --limit 1
exits "leaves it" 0 mt status
like "88" "$out" "*high*ENABLED*88*"
stop_daemon "$daemon"
start_daemon src --state "$STATE" 2>/dev/null || { is "daemon starts again" no yes; finish; }
ok "so does a restart" until_like '*high*ENABLED*88*' mt status
rm src/high.yaml
ok "it goes with its queue" until_like '*no JobQueue*' mt get JobQueue high
exits "status" 0 mt status -o json
is "has none" "$(json overrides)" "[]"
stop_daemon "$daemon"
finish
