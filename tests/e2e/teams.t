#!/bin/sh
# Several sources in one state: names with a prefix, names that another source makes, and two sources that claim the same
# one. What waits for another source goes on by itself: the daemons here look again after an hour.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/git.sh"
UNTIL=60
job() { resource Job "$1" "{jobQueue: $2, jobDefinition: $3}"; }
definition() { resource JobDefinition "$1" "{type: container, containerProperties: {command: ['true'], resourceRequirements: [{type: VCPU, value: 1}, {type: MEMORY, value: 32}]}}"; }
# source_in DIR NAME LINE…: DIR with its muster.yaml
source_in() {
    mkdir -p "$1"
    printf 'provider: local\nname: %s\n' "$2" >"$1/muster.yaml"
    directory=$1
    shift 2
    for line; do printf '%s\n' "$line"; done >>"$directory/muster.yaml"
}
start() { # STATE SOURCE…
    STATE=$1
    export MUSTER_STATE="$STATE"
    shift
    start_daemon "$@" --state "$STATE" --interval 1h || { is "the daemon starts" no yes; finish; }
}

# ---- a prefix
source_in platform platform
resource ComputeEnvironment here '{type: MANAGED}' >platform/here.yaml
queue shared 1 >platform/shared.yaml
source_in team team 'namePrefix: ${var.team}-' 'variables: {team: a}' 'uses: [JobQueue/shared]'
definition count >team/count.yaml
job once shared count >team/once.yaml
job twice shred count >team/twice.yaml
export MUSTER_STATE="$WORK/alone"
exits "a name that is not there is told where it is written" 1 mt validate team
like "with its place, and both names" "$err" '*team/twice.yaml:4:18: error: no JobQueue is named "shred"*it is "a-shred"*'
rm team/twice.yaml
exits "without a state, what another source makes is not known" 0 mt validate team
like "which is a warning" "$err" '*team/once.yaml:4:18: warning: JobQueue/shared, of `uses:`*there is no state*'
mkdir "$WORK/alone"
exits "in a state where nobody makes it" 1 mt apply team --yes --provider local
like "it is an error with its place" "$err" '*team/once.yaml:4:18: *no JobQueue is named "shared": `uses:` in muster.yaml says *none has*'
exits "the platform is applied" 0 mt apply platform --yes
exits "and then the team" 0 mt apply team --yes --wait jobs
exits "what it made has the prefix" 0 mt get JobDefinition a-count
like "so has its job" "$(mt get jobs 2>&1)" '*a-once *shared *SUCCEEDED*'
exits "another look finds nothing to do" 0 mt plan team --no-forecast
exits "jobs are submitted by the whole name" 0 mt submit --queue shared --definition a-count --wait
exits "and not by the one that is written" 6 mt submit --queue shared --definition count
run mt render team
like "render says where a prefix comes from" "$out" '*jobDefinition: a-count *# team/once.yaml:4 <- namePrefix team/muster.yaml:3*'
run mt plan team --set team=b --no-forecast
is "another prefix is another name for everything" "$code" 2
like "which a plan shows" "$out" '*+ JobDefinition/b-count*- JobDefinition/a-count*'
printf 'sources: {team: {allow: {names: [b-*]}}}\n' >policy.yaml
exits "a policy compares whole names" 3 mt plan team --policy policy.yaml --no-forecast
like "at the place of the written one" "$err" '*team/count.yaml:3:*name "a-count"*sources.team.allow.names*'
exits "and allows them" 2 mt plan team --set team=b --policy policy.yaml --no-forecast
for i in 1 2 3 4 5; do definition "d$i"; echo ---; done >team/many.yaml
exits "with more of it" 0 mt apply team --yes
exits "a change of the prefix is held by the guard" 3 mt apply team --set team=b --yes
like "which counts everything that goes" "$err" '*6 of 6 job-definitions would be deleted*--allow-deletes 6*'
exits "until that is meant" 0 mt apply team --set team=b --yes --allow-deletes 7
exits "what was is gone" 6 mt get JobDefinition a-count

# ---- the outermost prefix counts
mkdir -p envs/prod
source_in base base 'namePrefix: base-'
definition low >base/low.yaml
source_in envs/prod prod 'bases: [../../base]'
definition own >envs/prod/own.yaml
run mt render envs/prod
like "a base's prefix holds where the source says none" "$out" '*name: base-low *name: base-own *'
printf 'namePrefix: prod-\n' >>envs/prod/muster.yaml
run mt render envs/prod
like "and else the source's own" "$out" '*name: prod-low *name: prod-own *'

# ---- the order in which sources come
mkdir repos
for name in platform crew rival; do git init -q --bare "repos/$name.git" && git clone -q "repos/$name.git" "repos/$name" 2>/dev/null; done
cp platform/* repos/platform/
source_in repos/crew crew 'namePrefix: crew-' 'uses: [JobQueue/shared]'
definition work >repos/crew/work.yaml
job first shared work >repos/crew/first.yaml
push repos/crew one
at() { echo "git+file://$WORK/repos/$1.git"; }
start "$WORK/state" "$(at crew)" "$(at platform)"
ok "a team that comes before its platform waits" until_like '*crew *broken*first.yaml:4:18*no JobQueue is named "shared"*' mt status
push repos/platform one
ok "until the platform is there, without a push of its own" until_ok mt get JobQueue shared
ok "then its job runs" until_like '*crew-first*SUCCEEDED*' mt get jobs
ok "and it is well" until_like '*crew *ok *' mt status
like "as the events tell" "$(mt events)" '*source.mended*source crew*'

# ---- two that claim the same
stop_daemon "$daemon"
source_in repos/rival rival
queue shared 7 >repos/rival/shared.yaml
resource ComputeEnvironment here '{type: MANAGED}' >repos/rival/here.yaml
queue rivals 1 >repos/rival/rivals.yaml
push repos/rival one
export MUSTER_STATE="$WORK/state"
exits "a plan of what belongs to another source is refused" 3 mt plan "$(at rival)" --no-forecast
like "naming both, with both places" "$err" '*ComputeEnvironment/here (here.yaml:1) belongs to source platform (here.yaml:1), JobQueue/shared (shared.yaml:1) belongs to source platform (shared.yaml:1); name what another*'
cp -r repos/rival copied && rm -r copied/rivals.yaml copied/.git
run mt plan copied --no-forecast
like "a plan with nothing else does not say that all is as wanted" "$out" '*of what source rival declares, 2 belong to another.*'
start "$WORK/state" "$(at rival)" "$(at platform)" "$(at crew)"
ok "so it is by the daemon, whatever comes first" until_like '*rival *refused*JobQueue/shared (shared.yaml:1) belongs to source platform (shared.yaml:1)*' mt status
like "which is an event" "$(mt events)" '*source.refused*source rival*'
exits "nothing of it is made" 6 mt get JobQueue rivals
run mt get JobQueue shared -o json
is "the owner's stays" "$(json spec.priority)" 1
ok "and the owner is well" until_like '*platform *ok *' mt status
git -C repos/rival rm -q here.yaml
printf 'uses: [ComputeEnvironment/here]\n' >>repos/rival/muster.yaml
git -C repos/platform rm -q shared.yaml
queue other 1 >repos/platform/other.yaml
push repos/rival two
push repos/platform two
ok "what its owner gives up is taken over by itself" until_ok mt get JobQueue rivals
ok "all of it" until_like '*rival *ok *' mt status
run mt get JobQueue shared -o json
is "with what the other one says" "$(json spec.priority)" 7
stop_daemon "$daemon"

# ---- both at once, with nothing there
queue shared 1 >repos/platform/shared.yaml
printf 'provider: local\nname: rival\n' >repos/rival/muster.yaml
resource ComputeEnvironment here '{type: MANAGED}' >repos/rival/here.yaml
push repos/platform three
push repos/rival three
for order in "platform rival" "rival platform" "platform rival" "rival platform"; do
    first=${order% *} second=${order#* }
    rm -rf "$WORK/fresh"
    start "$WORK/fresh" "$(at "$first")" "$(at "$second")"
    ok "$second comes second and is refused" until_like "*$second *refused*belongs to source $first*" mt status
    ok "$first comes first and has it" until_like "*$first *ok *" mt status
    stop_daemon "$daemon"
done
rm -rf "$WORK/fresh"
start "$WORK/fresh" "git+file://$WORK/repos/nowhere.git" "$(at platform)"
ok "one that cannot be reached holds nobody up" until_like '*platform *ok *' mt status
stop_daemon "$daemon"
finish
