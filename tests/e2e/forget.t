#!/bin/sh
# forget: a resource is let go and goes on working; what its source's next plan makes of it; another source takes it over.
set -u
. "$(dirname "$0")/lib.sh"
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mt() { timeout 60 "$MUSTER" "$@"; }
# manifest FILE KIND NAME SPEC [ANNOTATIONS]
manifest() {
    printf 'apiVersion: muster/v1\nkind: %s\nmetadata: {name: %s, annotations: {%s}}\nspec: %s\n' "$2" "$3" "${5:-}" "$4" >"$1"
}
queue() { manifest "$1" JobQueue high "{priority: $2, computeEnvironmentOrder: [here]}" "${3:-}"; }

mkdir src other
printf 'provider: local\nname: team\n' >src/muster.yaml
printf 'provider: local\nname: platform\n' >other/muster.yaml
manifest src/here.yaml ComputeEnvironment here '{type: MANAGED}'
manifest src/def.yaml JobDefinition ok '{type: container, containerProperties: {command: ["true"], resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "16"}]}}'
queue src/high.yaml 5
exits "apply" 0 mt apply src --yes

exits "not KIND/NAME" 1 mt forget high
exits "unknown" 6 mt forget JobQueue/none
exits "a Job" 1 mt forget Job/x
exits "forget" 0 mt forget JobQueue/high
is "it says what that means" "$out" "JobQueue/high forgotten: it stays as it is, and is not source team's any more"
exits "again" 0 mt forget JobQueue/high
like "nothing to do" "$out" "*of no source already*"
exits "what it is now" 0 mt describe JobQueue high
like "nobody's" "$out" "*none: unmanaged*Kept:*let go (muster forget)*"
exits "it works" 0 mt submit --queue high --definition ok --wait

# The source's next plan
exits "plan changes nothing" 0 mt plan src --no-forecast
like "and says what it does about it" "$out" "*Unmanaged*JobQueue/high*let go by muster forget: its manifest (src/high.yaml:1) agrees with it*muster/adopt: always*"
queue src/high.yaml 6
exits "nor an edit" 0 mt plan src --no-forecast
like "says so" "$out" "*JobQueue/high*differs from it and is not carried out*"
exits "applied" 0 mt apply src --yes
exits "it is as it was" 0 mt get JobQueue high -o json
like "priority 5" "$out" '*"priority": 5*'
rm src/high.yaml
exits "without its manifest" 0 mt plan src --no-forecast
like "it is let go" "$out" "*JobQueue/high*let go by muster forget*"
exits "history" 0 mt history JobQueue/high
like "tells it" "$out" "*of no source*forget*team*let go by source team*create*team*"
exits "an event" 0 mt events
like "too" "$out" "*resource.forgotten*JobQueue/high*let go by source team*"

# Another source takes it over
queue other/high.yaml 7 'muster/adopt: if-identical'
exits "if-identical: it differs" 0 mt plan other --no-forecast
like "so it is not adopted" "$out" "*muster/adopt: if-identical*differs*"
queue other/high.yaml 7 'muster/adopt: always'
exits "always" 2 mt plan other --no-forecast
like "adopts" "$out" "*~ JobQueue/high*adopted; in-place*priority: 5 -> 7*"
exits "apply" 0 mt apply other --yes
exits "the plan is empty then" 0 mt plan other --no-forecast
exits "whose it is" 0 mt get JobQueue high -o json
like "the other's" "$out" '*"owner": "platform"*'
queue src/high.yaml 6
exits "the first may not claim it" 3 mt plan src --no-forecast
rm src/high.yaml
exits "blame crosses owners" 0 mt history JobQueue/high
like "by the other" "$out" "*priority*7*platform*update*platform*forget*create*"

# With a daemon that follows it
start_daemon other --state "$STATE" 2>/dev/null || { is "daemon starts" no yes; finish; }
ok "it follows" until_like '*platform*' mt status
exits "forget" 0 mt forget JobQueue/high
queue other/high.yaml 8
manifest other/low.yaml JobQueue low '{priority: 1, computeEnvironmentOrder: [here]}'
ok "the next change is carried out" until_ok mt get JobQueue low
exits "and not what was let go" 0 mt get JobQueue high -o json
like "priority 7" "$out" '*"priority": 7*'
stop_daemon "$daemon"

# An environment that cannot go yet, since what was let go refers to it, holds up nobody else's.
exits "destroy" 0 mt destroy src --yes --wait none
exits "destroy the other's" 0 mt destroy other --yes
exits "leaves it" 0 mt get JobQueue high
finish
