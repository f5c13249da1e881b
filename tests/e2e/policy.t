#!/bin/sh
# What a policy allows a source is all that it gets: from plan and apply, and from a daemon that follows it; the last good
# state stays. The policy is read again by SIGHUP, and a faulty one takes nobody's bounds away.
set -u
. "$(dirname "$0")/lib.sh"
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mt() { timeout 120 "$MUSTER" "$@"; }
UNTIL=60
# waiting_plan: the id of the plan that waits, of whatever source, out of the last output
waiting_plan() { printf '%s' "$out" | perl -MJSON::PP -e 'local $/; print map { $_->{waiting}{planId} // () } @{decode_json(<STDIN>)->{sources}}'; }
policy() { printf 'sources:\n  team:\n%s\n' "$1" >policy.yaml; }

mkdir src other
printf 'provider: local\nname: team\n' >src/muster.yaml
resource ComputeEnvironment here '{type: MANAGED}' >src/here.yaml
queue team-a 1 >src/a.yaml
printf 'provider: local\nname: other\n' >other/muster.yaml
resource ComputeEnvironment elsewhere '{type: MANAGED}' >other/elsewhere.yaml

policy '    allow: {names: [here], kinds: [ComputeEnvironment, JobQueue]}'
exits "plan says what goes too far" 3 mt plan src --policy policy.yaml --no-forecast
like "with its place and what would be needed" "$err" "*src/a.yaml:3:*team-a*sources.team.allow.names of policy.yaml*"
exits "apply does nothing of it" 3 mt apply src --policy policy.yaml --yes
exits "neither of it" 1 mt get ComputeEnvironment here
cp policy.yaml src/policy.yaml
exits "a policy that the source holds is none" 3 mt plan src --policy src/policy.yaml --no-forecast
like "is told why" "$err" "*lies in source*whoever may change that source*"
exits "nor for the daemon" 3 mt serve src --policy src/policy.yaml
rm src/policy.yaml
exits "one that is not there is an error" 1 mt serve src --policy nowhere.yaml
printf 'sources: {team: {allow: {name: [x]}}}\n' >faulty.yaml
exits "and one that is faulty" 1 mt serve src --policy faulty.yaml
like "with its place" "$err" '*faulty.yaml:1:*"name"*'

policy '    allow: {names: [here, team-*]}'
start_daemon src --state "$STATE" --policy policy.yaml || { is "daemon starts" no yes; finish; }
ok "what is allowed is applied" until_ok mt get JobQueue team-a
queue stolen 1 >src/stolen.yaml
rm src/a.yaml
ok "what is not is told with its place" until_like '*stolen.yaml:3:*sources.team.allow.names*' mt status
exits "nothing of it is there" 6 mt get JobQueue stolen
exits "the last good state is" 0 mt get JobQueue team-a

# Wider bounds, by SIGHUP; then a faulty file, which changes nothing.
policy '    allow: {names: [here, team-*, stolen]}'
kill -HUP "$daemon"
ok "a policy that allows it lets it go on" until_ok mt get JobQueue stolen
policy '    allow: {names: {}}'
kill -HUP "$daemon"
ok "a faulty one is told" until_like '*the last good policy holds*' cat "$WORK/daemon.log"
queue beyond 1 >src/beyond.yaml
ok "and the last good one holds" until_like '*beyond.yaml:3:*' mt status
exits "nothing of it is there" 6 mt get JobQueue beyond
rm src/beyond.yaml

# A narrower one holds the whole source back, whatever part of it changes; what is there stays.
policy '    allow: {names: [here, team-*]}'
kill -HUP "$daemon"
ok "a narrower policy is told what is beyond it" until_like '*stolen.yaml:3:*' mt status
queue team-c 1 >src/c.yaml
revision() { run mt status -o json; json sources.0.message; }
ok "a change that is allowed waits for it" until_like '*1 thing is beyond*' revision
touch src/here.yaml
exits "nothing of it is there" 6 mt get JobQueue team-c
policy '    allow: {names: [here, team-*, stolen]}'
kill -HUP "$daemon"
ok "until it is wide enough" until_ok mt get JobQueue team-c
exits "what was there stayed" 0 mt get JobQueue stolen
rm src/c.yaml

# A source that takes another name does not get out of its bounds.
printf 'sources:\n  team: {source: %s/src, allow: {names: [here, team-*, stolen]}}\n' "$WORK" >policy.yaml
kill -HUP "$daemon"
printf 'provider: local\nname: free\n' >src/muster.yaml
queue beyond 1 >src/beyond.yaml
ok "another name for the same place is refused" until_like '*is source team and not free*' mt status
exits "nothing of it is there" 6 mt get JobQueue beyond
rm src/beyond.yaml
printf 'provider: local\nname: team\n' >src/muster.yaml

# What the daemon's policy says holds for who applies through it.
printf 'sources:\n  team: {approval: required}\n  "*": {allow: {kinds: []}}\n' >policy.yaml
kill -HUP "$daemon"
queue team-b 1 >src/b.yaml
ok "the policy can ask for an approval" until_like '*approval: required, in the policy*' mt status
exits "nothing of it is there" 6 mt get JobQueue team-b
exits "an apply through the daemon" 3 mt apply other --yes
like "is told its place" "$err" '*elsewhere.yaml:*sources.\*.allow.kinds*'
run mt status -o json
exits "and the approval carries it out" 0 mt approve "$(waiting_plan)"
exits "it is there" 0 mt get JobQueue team-b
stop_daemon "$daemon"
is "the daemon ends with 0" "$?" 0
exits "what it recorded replays" 0 mt simulate --replay "$STATE"
finish
