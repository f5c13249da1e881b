#!/bin/sh
# Plans of a followed source that wait: for approval: required, and for a guard. What was not approved is never carried
# out, whatever is killed; what is approved is exactly that plan.
set -u
. "$(dirname "$0")/lib.sh"
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mt() { timeout 120 "$MUSTER" "$@"; }
settings() { printf 'provider: local\nname: team\n%s\n' "$1" >src/muster.yaml; }
UNTIL=60
# The id that waits now: of the source's member in status.
waiting() { run mt status -o json; json sources.0.waiting.planId | cut -c1-8; }
other_waits() { [ "$(waiting)" != "$1" ] && [ "$(waiting)" != null ]; }
until_other() { until_ok other_waits "$1"; }
none_waits() { waiting | sed s/null/none/; }

mkdir src
settings 'approval: required'
resource ComputeEnvironment here '{type: MANAGED}' >src/here.yaml
queue first 1 >src/first.yaml
start_daemon src --state "$STATE" || { is "daemon starts" no yes; finish; }
ok "a first plan waits" until_like '*waiting*' mt status
run mt status
like "with what it would do" "$out" "*plan ???????? of revision ???????????? waits for *: 2 to add, 0 to change, 0 to destroy*"
like "why" "$out" "*team: approval: required, in muster.yaml*"
like "and how to let it go on" "$out" "*to apply it: muster approve ????????*"
exits "nothing of it is there" 6 mt get JobQueue first
first=$(waiting)
is "muster plan gives the same id" "$(mt plan src --no-forecast --format json | sed -n 's/.*"id": *"\(........\).*/\1/p' | head -1)" "$first"
run mt events
like "it is an event" "$out" "*source.waiting*plan $first*"

exits "an id that nobody has" 6 mt approve 0123456789
like "is told so" "$err" "*no plan 01234567 waits*"
exits "no id at all" 1 mt approve first
like "is told what an id is" "$err" "*first 8 characters*"

# kill -9 while it waits: it waits again, and is the same plan.
kill -9 "$daemon"; wait "$daemon" 2>/dev/null
run mt status
like "without a daemon it is shown too" "$out" "*to apply it: muster approve $first*"
exits "but cannot be approved" 1 mt approve "$first"
like "is told what to start" "$err" "*start muster serve*"
start_daemon src --state "$STATE" || { is "daemon starts again" no yes; finish; }
exits "still nothing of it is there" 6 mt get JobQueue first
exits "approved after kill -9, as soon as it is there" 0 mt approve "$first"
like "it says what was approved" "$out" "*Approved plan $first of source team: 2 to add, 0 to change, 0 to destroy.*Applied.*"
exits "it is carried out" 0 mt get JobQueue first
ok "nothing waits any more" until_like none none_waits
run mt events
like "who approved it is an event, by the kernel's word" "$out" "*source.approved*plan $first*approved by *uid $(id -u)*"
exits "a second time" 3 mt approve "$first"
like "is told that it was carried out" "$err" "*carried out already*"

# A newer revision takes a waiting plan's place; the older id is stale.
queue second 2 >src/second.yaml
ok "a change waits" until_other "$first"
second=$(waiting)
queue third 3 >src/third.yaml
ok "a newer one takes its place" until_other "$second"
third=$(waiting)
exits "the older is stale" 3 mt approve "$second"
like "with what differs" "$err" "*plan $second of source team is stale: plan $third waits now*create JobQueue/third: not in plan $second*"
exits "nothing of both is there" 6 mt get JobQueue second
# A squash: other bytes and another history, the same content.
queue third 3 | sed '1i# comment' >src/third.yaml
cat src/second.yaml >>src/.joined && { echo ---; cat src/third.yaml; } >>src/.joined && rm src/second.yaml src/third.yaml
mv src/.joined src/both.yaml
ok "the same content under other files is the same plan" until_like "$third" waiting
exits "which the id approves" 0 mt approve "$third" --wait none
ok "both are there" until_ok mt get JobQueue third
exits "the second too" 0 mt get JobQueue second

# What is broken keeps the last good state, and takes the place of what waits.
queue fourth 4 >src/fourth.yaml
ok "the next waits" until_other null
fourth=$(waiting)
queue fourth four >src/fourth.yaml
ok "a broken revision is told" until_like '*fourth.yaml:4*' mt status
exits "and what waited cannot be approved" 3 mt approve "$fourth"
rm src/fourth.yaml
ok "mended" until_like none none_waits

# Too many deletions, with approval and without.
rm src/first.yaml src/both.yaml
for i in 1 2 3 4 5 6; do queue "more$i" "$i"; echo ---; done >src/more.yaml
ok "three deletions wait for the approval alone" until_like '*3 to destroy*' mt status
exits "approved" 0 mt approve "$(waiting)"
rm src/more.yaml
queue left 1 >src/left.yaml
ok "six at once wait for both" until_like '*muster approve ???????? --allow-deletes 6*' mt status
exits "not with the approval alone" 3 mt approve "$(waiting)"
like "it says what is missing" "$err" "*6 of 6 job-queues*--allow-deletes 6*"
exits "nor with fewer" 3 mt approve "$(waiting)" --allow-deletes 5
exits "nothing went" 0 mt get JobQueue more1
exits "with as many" 0 mt approve "$(waiting)" --allow-deletes 6
ok "they go" until_like '*no JobQueue*' mt get JobQueue more1

# Taking the approval away needs one.
settings 'approval: automatic'
ok "lifting it waits" until_like '*takes approval: required away*' mt status
queue sneaked 1 >src/sneaked.yaml
ok "with what comes along" until_like '*1 to add*' mt status
exits "that is not there" 6 mt get JobQueue sneaked
exits "approved" 0 mt approve "$(waiting)"
exits "now it is" 0 mt get JobQueue sneaked
queue later 1 >src/later.yaml
ok "and what comes later needs none" until_ok mt get JobQueue later
# A guard holds an automatic source too.
settings ""
rm src/sneaked.yaml src/later.yaml src/left.yaml
for i in 1 2 3 4 5; do queue "new$i" "$i"; echo ---; done >src/new.yaml
ok "automatic" until_ok mt get JobQueue new5
rm src/new.yaml
queue only 1 >src/only.yaml
ok "a guard holds it" until_like '*--allow-deletes 5*' mt status
exits "nothing went" 0 mt get JobQueue new1
exits "approved" 0 mt approve "$(waiting)" --allow-deletes 5 --wait resources --timeout 60s
exits "they went" 6 mt get JobQueue new1
stop_daemon "$daemon"
is "the daemon ends with 0" "$?" 0
run mt simulate --replay "$STATE"
is "what it recorded replays" "$code" 0
finish
