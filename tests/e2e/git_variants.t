#!/bin/sh
# One base and an environment of it in a repository: bases are read from the same commit, values are kept under the name
# that the commit gives the source, a daemon follows both; and what it did with the repository is replayed.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/git.sh"
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mkdir "$STATE"
at="git+file://$WORK/jobs.git@main:envs/prod"
printf 'sources:\n- {url: "file://%s/", interval: 50ms}\n' "$WORK" >"$STATE/sources.yaml"
priority() { mt get JobQueue first -o json 2>/dev/null; }
make_repository "$WORK/jobs" || { is "a repository is made" no yes; finish; }
mkdir -p jobs/base jobs/envs/prod
git -C jobs mv here.yaml base/here.yaml && git -C jobs rm -q muster.yaml first.yaml
queue first '"${var.priority}"' >jobs/base/first.yaml
printf 'provider: local\nvariables: {priority: 1}\n' >jobs/base/muster.yaml
printf 'name: shop\nbases: [../../base]\n' >jobs/envs/prod/muster.yaml
queue own 2 >jobs/envs/prod/own.yaml
push jobs variants

# ---- bases
exits "a base of the same commit" 0 mt apply "$at" --set priority=7 --yes
is "is applied, with the value" "$(priority | grep -c '"priority": 7')" 1
queue first '"${var.priorty}"' >jobs/base/first.yaml && push jobs mistake
exits "a fault in the base" 1 mt plan "$at"
like "is told with its place and its line" "$err" '*base/first.yaml:4:*priorty*did you mean "priority"?*'
git -C jobs revert --no-edit HEAD >/dev/null
printf 'name: shop\nbases: [../../../base]\n' >jobs/envs/prod/muster.yaml && push jobs outside
exits "a base outside of the repository" 1 mt plan "$at"
like "is refused with its place and the cure" "$err" '*envs/prod/muster.yaml: base ../../../base: it leaves the repository; copy*'
git -C jobs revert --no-edit HEAD >/dev/null && git -C jobs push -q

# ---- values that were kept, by the name that the commit gives
exits "what the last apply was given holds" 0 mt plan "$at"
like "and is told" "$err" '*values kept from the last apply: priority=7*'
printf 'name: store\nbases: [../../base]\n' >jobs/envs/prod/muster.yaml && push jobs renamed
mt plan "$at" --no-forecast >"$WORK/.out" 2>"$WORK/.err"
is "of another name nothing is kept, from the first commit on that has it" "$(grep -c kept "$WORK/.err")" 0
git -C jobs revert --no-edit HEAD >/dev/null && git -C jobs push -q
rm -rf "$STATE/git"
exits "without a mirror too" 0 mt plan "$at"
like "they hold" "$err" '*priority=7*'

# ---- a comment tells places in the repository, of what is gone too
git -C jobs mv envs/prod/own.yaml envs/prod/own.txt && push jobs gone
exits "a manifest that is gone" 2 mt plan "$at" --format markdown --no-forecast
like "is told with its path in the repository" "$out" '*JobQueue/own*envs/prod/own.yaml*'
is "once" "$(printf %s "$out" | grep -c 'prod/envs/prod')" 0
git -C jobs revert --no-edit HEAD >/dev/null && git -C jobs push -q

# ---- a daemon that begins while its remote cannot be reached
mv jobs.git gone.git
start_daemon "$at" || { is "daemon starts" no yes; finish; }
ok "without its remote" until_like '*shop *unreachable *' mt status
mv gone.git jobs.git
ok "and reads it when it is back" until_in_force shop "$(head_of jobs)"
is "with the values kept" "$(priority | grep -c '"priority": 7')" 1
sed 's/, computeEnvironmentOrder/, state: DISABLED, computeEnvironmentOrder/' jobs/base/first.yaml >new.yaml && mv new.yaml jobs/base/first.yaml
push jobs base
ok "a change of the base alone" until_like '*"state": "DISABLED"*' mt get JobQueue first -o json
like "keeps the value" "$said" '*"priority": 7*'
printf 'patches: [{target: JobQueue/own, spec: {priority: two}}]\n' >>jobs/envs/prod/muster.yaml && push jobs broken
ok "a patch that is at fault" until_like '*shop *broken*envs/prod/muster.yaml:3:*' mt status
git -C jobs revert --no-edit HEAD >/dev/null && printf 'patches: [{target: JobQueue/own, spec: {priority: 5}}]\n' >>jobs/envs/prod/muster.yaml
push jobs patched
ok "mended" until_like '*"priority": 5*' mt get JobQueue own -o json
good=$(head_of jobs)
git -C jobs.git update-ref -d refs/heads/main
ok "a branch that goes is held" until_like "*shop *held *" mt status
git -C jobs push -q origin main
ok "and comes back" until_in_force shop "$good"
exits "while it runs, its recording can be replayed" 0 mt simulate --replay "$STATE"
kill -9 "$daemon" && wait "$daemon" 2>/dev/null

# ---- the next one has neither remote nor mirror: it knows the name, and by it the values, from the state
rm -rf "$STATE/git" && mv jobs.git gone.git
start_daemon "$at" || { is "daemon starts again" no yes; finish; }
like "of the values kept" "$(cat "$WORK/daemon.log")" '*values kept from the last apply: priority=7*'
ok "without its remote" until_like '*shop *unreachable *' mt status
mv gone.git jobs.git
ok "it goes on" until_in_force shop "$good"
is "as it was" "$(priority | grep -c '"priority": 7')" 1

# ---- another name
sed 's/name: shop/name: store/' jobs/envs/prod/muster.yaml >new.yaml && mv new.yaml jobs/envs/prod/muster.yaml && push jobs renamed
ok "another name in muster.yaml" until_like '*store *' mt status
mkdir jobs/envs/test && printf 'name: test\nprovider: local\n' >jobs/envs/test/muster.yaml
queue test 3 >jobs/envs/test/test.yaml && push jobs test
exits "a commit is applied beside it" 0 mt apply "git+file://$WORK/jobs.git:envs/test" --yes --no-forecast
stop_daemon "$daemon"
daemons=
exits "both are replayed" 0 mt simulate --replay "$STATE" --output json
like "equally" "$(json same) $(json runs.1.same)" "true true"
is "with the revisions that they took in" "$([ "$(json runs.0.revisions)" -ge 4 ] && echo enough)" enough
first=$(find "$STATE/recording" -mindepth 1 -type d | sort | sed -n 1p)
rm -rf jobs.git "$STATE/git"
exits "neither the remote nor a mirror is asked" 0 mt simulate --replay "$first"
finish
