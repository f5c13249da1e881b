#!/bin/sh
# drift: what was changed outside is shown first and apart, kept over processes, and goes with its annotation. No provider of a real daemon
# holds something outside yet: what one would have found is written into the state.
set -u
. "$(dirname "$0")/lib.sh"
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mt() { timeout 60 "$MUSTER" "$@"; }
environment() {
    printf 'apiVersion: muster/v1\nkind: ComputeEnvironment\nmetadata: {name: here%s}\nspec: {type: MANAGED, computeResources: {type: EC2, maxvCpus: %s}}\n' \
        "$2" "$1" >src/here.yaml
}
annotated() { environment 4 ", annotations: {muster/drift: $1}"; }
drifted() {
    sqlite3 "$STATE/muster.db" "REPLACE INTO drifts VALUES (2, 'here',
        '[{\"applied\":4,\"observed\":512,\"path\":\"spec.computeResources.maxvCpus\"}]', $1, $1, $1, $2, 0, $1, $3, '$4')"
}
rows() { sqlite3 "$STATE/muster.db" 'SELECT count(*) FROM drifts'; }
now=$(date +%s)000
mkdir src
printf 'provider: local\nname: team\n' >src/muster.yaml
environment 4 ''
exits "apply" 0 mt apply src --yes
exits "a plan" 0 mt plan src --no-forecast --format json
is "has no drift" "$(json drift)" "[]"
id=$(json id)

drifted "$now" 1 0 ''
exits "drift alone is no change pending" 0 mt plan src --no-forecast
like "it comes first" "$out" "*Source team*Changed outside since 20*UTC:*~ ComputeEnvironment/here  computeResources.maxvCpus: 4 was set to 512; will be 4 again*No changes*"
exits "as JSON" 0 mt plan src --no-forecast --format json
is "the plan is the same" "$(json id)" "$id"
is "its path" "$(json drift.0.fields.0.path)" spec.computeResources.maxvCpus
is "what was found" "$(json drift.0.fields.0.observed)" 512
is "and what is done" "$(json drift.0.mode)" correct
exits "as a comment" 0 mt plan src --no-forecast --format markdown
like "too" "$out" "*Changed outside since*ComputeEnvironment/here*4 was set to 512*"
exits "status" 0 mt status
like "shows it" "$out" "*Changed outside:*ComputeEnvironment/here  computeResources.maxvCpus: 4 was set to 512*since *, last seen *to be put back*"
exits "describe" 0 mt describe ComputeEnvironment here
like "too" "$out" "*Changed outside*4 was set to 512*maxvCpus: 4*"
exits "get as JSON" 0 mt get ComputeEnvironment here -o json
like "too" "$(printf '%s' "$out" | tr -d '\n ')" '*"drift":*"observed":512*'

environment 9 ''
exits "a plan that changes the field" 2 mt plan src --no-forecast
like "says so" "$out" "*4 was set to 512; this plan changes it*~ computeResources.maxvCpus: 4 -> 9*"
drifted "$now" 6 1 'given up after 6 tries: AccessDenied'
environment 4 ''
exits "what was given up" 0 mt plan src --no-forecast
like "is said" "$out" "*4 was set to 512; stays so*! ComputeEnvironment/here  given up after 6 tries: AccessDenied*"

drifted "$now" 1 0 ''
many=$(seq 1000 1149 | sed 's/.*/{"observed":"x","path":"spec.computeResources.tags.t&"}/' | paste -sd, -)
sqlite3 "$STATE/muster.db" "UPDATE drifts SET fields = '[$many]'"
exits "more fields than people read" 0 mt plan src --no-forecast --format json
is "are counted" "$(json drift.0.fields.100.omitted)" 50
exits "in the status" 0 mt status -o json
is "too" "$(json drift.0.fields.100.omitted)" 50
drifted "$now" 6 1 'given up after 6 tries: AccessDenied'

annotated warn
exits "a plan to leave it" 2 mt plan src --no-forecast
like "says so" "$out" "*4 was set to 512; left so (muster/drift: warn)*annotations*"
exits "apply" 0 mt apply src --yes --wait none
exits "status" 0 mt status
like "what was wrong is not any more" "$out" "*4 was set to 512*left so (muster/drift: warn)*"
unlike_given_up=$(printf '%s' "$out" | grep -c 'given up')
is "nor is it said" "$unlike_given_up" 0
annotated ignore
exits "a plan to ignore it" 2 mt plan src --no-forecast
is "does not show it" "$(printf '%s' "$out" | grep -c 'Changed outside')" 0
exits "apply" 0 mt apply src --yes --wait none
exits "status" 0 mt status -o json
is "nor does that" "$(json drift)" "[]"
is "it is known to the next process" "$(rows)" 1
environment 9 ', annotations: {muster/drift: ignore}'
exits "apply of the very field" 0 mt apply src --yes --wait none
is "which ends it" "$(rows)" 0
exits "history" 0 mt history ComputeEnvironment/here
like "tells" "$out" "*undrift*not looked at any more: muster/drift: ignore*"
exits "events" 0 mt events
like "too" "$out" "*resource.undrifted*ComputeEnvironment/here*"

environment 4 ''
exits "apply" 0 mt apply src --yes --wait none
drifted "$now" 0 0 ''
start_daemon src --state "$STATE" 2>/dev/null || { is "daemon starts" no yes; finish; }
ok "a provider that holds nothing outside lets it go" until_like '*undrift*its provider holds nothing of it*' mt history ComputeEnvironment/here
exits "status" 0 mt status -o json
is "has none" "$(json drift)" "[]"
stop_daemon "$daemon"
finish
