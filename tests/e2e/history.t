#!/bin/sh
# What was reconciled and what came of it; which reconcile set which field; with and without a daemon, over restarts.
set -u
. "$(dirname "$0")/lib.sh"
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mt() { timeout 60 "$MUSTER" "$@"; }
definition() {
    resource JobDefinition secret "{type: container, containerProperties: {command: [\"true\"], environment: [{name: TOKEN, value: $1}, {name: KEPT, value: plain-kept}], resourceRequirements: [{type: VCPU, value: \"1\"}, {type: MEMORY, value: \"16\"}]}}"
}
user=$(id -un)

exits "no state yet" 1 mt history
mkdir src
printf 'provider: local\nname: e2e\n' >src/muster.yaml
resource ComputeEnvironment here '{type: MANAGED}' >src/here.yaml
queue high 1 >src/high.yaml
queue low 2 >src/low.yaml
definition plain-first >src/secret.yaml

# Reconciles by command
exits "first apply" 0 mt apply src --yes
queue high 10 >src/high.yaml
definition plain-second >src/secret.yaml
exits "a change" 0 mt apply src --yes
exits "what was reconciled" 0 mt history -o json
is "newest first" "$(json reconciles.0.state) $(json reconciles.1.state)" "CONVERGED CONVERGED"
is "who asked" "$(json reconciles.0.actor)" "$user"
is "how" "$(json reconciles.0.how)" apply
is "changes are counted" "$(json reconciles.0.summary.update) $(json reconciles.1.summary.create)" "2 4"
exits "as a table" 0 mt history
like "has the outcome" "$out" "*STARTED*e2e*apply*converged*~2*e2e*apply*converged*+4*"
exits "at most" 0 mt history e2e --limit 1 -o json
is "one" "$(json reconciles.0.summary.update) $(json reconciles.1)" "2 null"
exits "another source has none" 0 mt history other
like "it says so" "$out" "Nothing has been reconciled*"

# Blame
exits "history of a queue" 0 mt history JobQueue/high -o json
first=$(json changes.1.revision) second=$(json changes.0.revision)
is "its changes" "$(json changes.0.action) $(json changes.1.action)" "update create"
is "old and new" "$(json changes.0.fields.0.path) $(json changes.0.fields.0.before) $(json changes.0.fields.0.after)" "spec.priority 1 10"
# The revision that set each field.
setter() { printf '%s' "$out" | perl -MJSON::PP -e 'local $/; for (@{decode_json(<STDIN>)->{fields}}) { print $_->{change}{revision} if $_->{path} eq $ARGV[0] }' "$1"; }
is "the priority was set by the second" "$(setter spec.priority)" "$second"
is "the order by the first" "$(setter 'spec.computeEnvironmentOrder[here]')" "$first"
ok "they differ" test "$first" != "$second"
exits "for people" 0 mt history JobQueue/high
like "fields and changes" "$out" "*FIELD*priority*10*Changes:*update*priority: 1 -> 10*create*"
exits "environment values" 0 mt history JobDefinition/secret -o json
like "are digests" "$out" "*sha256:*"
is "and nowhere plain" "$(printf '%s' "$out" | grep -c plain-)" 0
exits "a changed value" 0 mt history JobDefinition/secret
like "is told as changed" "$out" '*environment?TOKEN?.value: sha256:* -> sha256:*'
exits "an unknown one" 6 mt history JobQueue/none
exits "a Job" 1 mt history Job/x
like "is its runs" "$err" "*muster get runs x*"

# Deleted
rm src/low.yaml
exits "delete one" 0 mt apply src --yes
exits "its history stays" 0 mt history JobQueue/low
like "to its end" "$out" "*not there any more*Changes:*delete*create*"
exits "back again" 0 sh -c "printf 'apiVersion: muster/v1\nkind: JobQueue\nmetadata: {name: low}\nspec: {priority: 7, computeEnvironmentOrder: [here]}\n' >src/low.yaml; timeout 60 '$MUSTER' apply src --yes"
exits "made anew" 0 mt history JobQueue/low -o json
is "the new create set it" "$(setter spec.priority)" "$(json changes.0.revision)"

# A daemon that follows
start_daemon src --state "$STATE" 2>/dev/null || { is "daemon starts" no yes; finish; }
ok "it is there" until_like '*e2e*' mt status
queue high 11 >src/high.yaml
ok "a followed change is recorded" until_like '*follow*converged*~1*' mt history --limit 1
queue high eleven >src/high.yaml
ok "a broken edit too, with its place" until_like '*follow*broken*high.yaml:4*' mt history --limit 1
queue high 12 >src/high.yaml
ok "and the mending" until_like '*follow*converged*~1*broken*' mt history --limit 2
printf 'apiVersion: muster/v1\nkind: JobQueue\nmetadata: {name: stays, annotations: {muster/deletion: refuse}}\nspec: {priority: 1, computeEnvironmentOrder: [here]}\n' >src/stays.yaml
ok "what refuses to be deleted" until_like '*follow*converged*+1*' mt history --limit 1
rm src/stays.yaml
ok "is refused, and why" until_like '*follow*refused*-1*refused by its annotation*' mt history --limit 1
printf 'apiVersion: muster/v1\nkind: JobQueue\nmetadata: {name: stays}\nspec: {priority: 1, computeEnvironmentOrder: [here]}\n' >src/stays.yaml
ok "until it may be" until_like '*follow*converged*~1*' mt history --limit 1
rm src/stays.yaml
ok "deleted" until_like '*follow*converged*-1*' mt history --limit 1
exits "blame with a daemon" 0 mt history JobQueue/high
like "priority 12" "$out" "*priority*12*update*priority: 11 -> 12*"
stop_daemon "$daemon"
exits "all of it without" 0 mt history -o json
is "still there" "$(json reconciles.0.how)" follow
exits "destroyed" 0 mt destroy src --yes
exits "that is recorded" 0 mt history --limit 1
like "as such" "$out" "*destroy*converged*-4*"
finish
