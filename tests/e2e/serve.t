#!/bin/sh
# The daemon over a source that people edit: changes are applied, a broken edit keeps the last good state and is told
# by status and log with its place, mending it is enough.
set -u
. "$(dirname "$0")/lib.sh"
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mt() { timeout 60 "$MUSTER" "$@"; }
mkdir src
printf 'provider: local\nname: e2e\n' >src/muster.yaml
resource ComputeEnvironment here '{type: MANAGED}' >src/here.yaml
queue first 1 >src/first.yaml
echo 'not: ours' >src/compose.yaml
start_daemon src --state "$STATE" || { is "daemon starts" no yes; finish; }
ok "what is there is applied" until_ok mt get JobQueue first
ok "status tells no fault" until_like '*e2e*' mt status

queue second 2 >src/.second.tmp && mv src/.second.tmp src/second.yaml
ok "an editor's rename is seen" until_ok mt get JobQueue second
mkdir -p src/deep/er && queue third 3 >src/deep/er/third.yaml
ok "a new subdirectory too" until_ok mt get JobQueue third

queue second two >src/second.yaml
rm src/first.yaml
ok "a broken edit is told with its place" until_like '*second.yaml:4*' mt status
like "and in the log" "$(cat "$WORK/daemon.log")" "*second.yaml:4*"
exits "the last good state stays: what was deleted meanwhile" 0 mt get JobQueue first
exits "and what was broken" 0 mt get JobQueue second
printf 'apiVersion: muster/v1\nkind: [JobQueue\n' >src/half.yaml
queue second 22 >src/second.yaml
ok "one of ours that cannot be parsed holds it back too" until_like '*half.yaml:3*' mt status
exits "still the last good state" 0 mt get JobQueue first
# What is not ours need not even be YAML.
echo 'a: [1,' >src/half.yaml
ok "mended, it goes on by itself" until_like '*no JobQueue*' mt get JobQueue first
exits "with the edit" 0 mt get JobQueue second -o json
like "22" "$out" "*22*"
# What is told of the source changes when all is entered, which may take more than the tick that took `first` away.
faults() { mt status | grep -c yaml:; }
ok "status is clean again" until_like 0 faults
exits "apply of a source that is followed, nothing to do" 0 mt apply src --yes
queue fourth 4 >elsewhere.yaml
mv src gone
ok "a root that goes is told" until_like '*No such file*' mt status
exits "and deletes nothing" 0 mt get JobQueue second
cp elsewhere.yaml gone/fourth.yaml
mv gone src
ok "a root that comes back is followed again" until_ok mt get JobQueue fourth
exits "a second daemon" 3 mt serve src --state "$STATE"
like "is told who holds it" "$err" "*in use by pid*muster serve*"
stop_daemon "$daemon"
is "it ends with 0" "$?" 0
finish
