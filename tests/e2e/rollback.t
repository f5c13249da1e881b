#!/bin/sh
# suspend, rollback, resume: a source that is followed rests, an older commit is in force, and the branch again.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/git.sh"
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mkdir "$STATE"
at="git+file://$WORK/jobs.git"
printf 'sources:\n- {url: "file://%s/", interval: 50ms}\n' "$WORK" >"$STATE/sources.yaml"
source_of() { run mt status -o json; json "sources.0.$1"; }
user=$(id -un)
make_repository "$WORK/jobs" || { is "a repository is made" no yes; finish; }
one=$(head_of jobs)
start_daemon "$at@main" || { is "daemon starts" no yes; finish; }
ok "the first commit" until_like "*follow*converged*" mt history
queue second 2 >jobs/second.yaml && queue first 10 >jobs/first.yaml && push jobs two
git -C jobs tag v2 && git -C jobs push -q origin v2
two=$(head_of jobs)
ok "the second" until_like "*$two*converged*$one*converged*" mt history
queue third 3 >jobs/third.yaml && queue first 11 >jobs/first.yaml && push jobs three
three=$(head_of jobs)
ok "the third" until_like "*$three*converged*$two*converged*" mt history

# What is followed is not fought with.
exits "no rollback of what is followed" 3 mt rollback previous --yes
like "it says what to do" "$err" "*source e2e is followed*muster suspend source/e2e --reason*"
exits "a reason is needed" 1 mt suspend e2e
like "it says so" "$err" "*source e2e cannot be suspended: a reason is expected*"
exits "no time without a reason" 1 mt suspend e2e --for 1h
exits "no time that is over" 1 mt suspend e2e --reason r --until 2020-01-01
like "it says so" "$err" "*its end is over already*"
exits "no source of that name" 6 mt suspend nothing --reason r
exits "none to resume" 6 mt resume nothing

# Suspended: what is new is seen and told, and stays out, over a restart too.
exits "nor one that is too long" 1 mt suspend e2e --reason r --for 400d
exits "suspend" 0 mt suspend e2e --reason "release 7"
is "it says until when" "$out" "source e2e suspended until it is resumed"
like "status shows it" "$(mt status)" "*e2e *suspended *$three*e2e: suspended for *until it is resumed: release 7 (by $user)*to go on: muster resume source/e2e*"
queue fourth 4 >jobs/fourth.yaml && push jobs four
four=$(head_of jobs)
ok "a push is told" until_like "*behind its remote, which is at $four*its newest revision $four is not carried out; $three is in force*" mt status
is "as JSON" "$(source_of newest) $(source_of suspended.reason)" "$(git -C jobs rev-parse HEAD) release 7"
like "by an event" "$(mt events)" "*source.suspended*release 7*source.resting*revision $four is not carried out*"
exits "and not carried out" 6 mt get JobQueue fourth
queue broken five >jobs/fifth.yaml && push jobs five
ok "a fault in it is told" until_like '*suspended*fifth.yaml:4*' mt status
git -C jobs revert --no-edit HEAD >/dev/null && git -C jobs push -q
six=$(head_of jobs)
ok "and its end" until_like "*is at $six*newest revision $six*" mt status
kill -9 "$daemon"
wait "$daemon" 2>/dev/null
start_daemon "$at@main" || { is "daemon starts again" no yes; finish; }
ok "a restart changes nothing" until_like "*suspended *$three*yes*newest revision $six*" mt status
exits "nothing was carried out" 6 mt get JobQueue fourth

# Back.
exits "what it would do" 2 mt rollback previous --dry-run
like "is a plan against the old tree" "$out" "*~ JobQueue/first*priority: 11 -> 10*- JobQueue/third*Plan: 0 to add, 1 to change, 1 to destroy*"
exits "nobody can be asked here" 3 mt rollback previous
exits "rollback" 0 mt rollback previous --yes
like "it says to what" "$err" "*source e2e: rolling back to commit $two*"
exits "what came later is gone" 6 mt get JobQueue third
like "what changed is as it was" "$(mt describe JobQueue first)" "*priority: 10*"
like "history tells how" "$(mt history --limit 1 -o wide)" "*$two*rollback*converged*~1 -1*$user*"
like "and when it was suspended" "$(mt history)" "*rollback*suspend*noted*until it is resumed: release 7*"
like "of a resource too" "$(mt history JobQueue/first)" "*priority*10*$two*"
like "an event" "$(mt events)" "*source.rolledback*to revision $two by $user*"
like "status has the older revision" "$(mt status)" "*suspended *$two*behind its remote, which is at $six*newest revision $six is not carried out; $two is in force*"
exits "previous again is forward again" 2 mt rollback previous --dry-run
like "to the one before" "$err" "*to commit $three*"
exits "by a tag, with nothing to change" 0 mt rollback v2 --yes
exits "by digits" 0 mt rollback "$(git -C jobs rev-parse --short=7 HEAD~5)" --yes
like "the first again" "$(mt status)" "*suspended *$one*"
exits "what the second made is gone" 6 mt get JobQueue second
exits "no such name" 6 mt rollback v3 --yes
like "it says so" "$err" "*no branch or tag is named \"v3\"*"
exits "no such commit" 6 mt rollback 0123456789012345678901234567890123456789 --yes
like "what is missing" "$err" "*leads to this commit any more*"
exits "no name of anything" 1 mt rollback -- '-x y' --yes
exits "the first is the oldest that there was" 2 mt rollback "$two" --dry-run

# Forward.
exits "resume" 0 mt resume e2e
is "it says so" "$out" "source e2e resumed"
ok "the branch is in force" until_in_force e2e "$six"
ok "with all it has" until_ok mt get JobQueue fourth
exits "resume what is not suspended" 0 mt resume e2e
like "says so" "$out" "source e2e is not suspended"
exits "for a while" 0 mt suspend e2e --reason short --for 1s
ok "it goes on by itself" until_like "*resume*the time of its suspension is over*suspend*short*" mt history
ok "status" until_in_force e2e "$six"

# A commit that no branch leads to, and that the mirror lacks.
git -C jobs checkout -q -b side && queue aside 7 >jobs/aside.yaml && push jobs side
side=$(git -C jobs rev-parse HEAD)
git -C jobs push -q origin :side && git -C jobs checkout -q main
exits "suspend" 0 mt suspend e2e --reason side
exits "it is fetched by its id" 0 mt rollback "$side" --yes
exits "and in force" 0 mt get JobQueue aside
git -C jobs branch -D side -q
git -C jobs checkout -q --detach && queue gone 7 >jobs/gone.yaml && git -C jobs add -A && git -C jobs commit -q -m gone
gone=$(git -C jobs rev-parse HEAD)
git -C jobs checkout -q main
exits "one that the remote never had" 6 mt rollback "$gone" --yes
like "is said to be missing" "$err" "*leads to this commit any more, and it does not hand it out*"

# A guard, and an end in the middle.
for n in 1 2 3 4 5; do queue "many$n" "$n" >"jobs/many$n.yaml"; done
push jobs many
exits "resume" 0 mt resume source/e2e
ok "many are there" until_ok mt get JobQueue many5
exits "suspend" 0 mt suspend source/e2e --reason guard
exits "a guard holds" 3 mt rollback "$one" --yes
like "it says how many" "$err" "*--allow-deletes*"
exits "allowed" 0 mt rollback "$one" --yes --allow-deletes 20
exits "they are gone" 6 mt get JobQueue many5

# kill -9 while it is entered: what was entered holds, the same rollback does the rest.
n=0
while [ $((n += 1)) -le 2000 ]; do queue "bulk$n" 1; echo ---; done >jobs/bulk.yaml
push jobs bulk
exits "resume" 0 mt resume source/e2e
ok "all are there" until_ok mt get JobQueue bulk2000
exits "suspend" 0 mt suspend source/e2e --reason kill
"$MUSTER" rollback "$one" --yes --allow-deletes 3000 >/dev/null 2>&1 &
client=$!
ok "a large one begins" until_like "*$one*rollback*" mt history --limit 1
kill -9 "$client" "$daemon" 2>/dev/null
wait "$client" "$daemon" 2>/dev/null
start_daemon "$at@main" || { is "daemon starts" no yes; finish; }
ok "the source still rests" until_like "*suspended*yes*" mt status
like "what came of it is known" "$(mt history --limit 1)" "*$one*rollback*[cf]*ed*"
exits "the same again" 0 mt rollback "$one" --yes --allow-deletes 3000
exits "does the rest" 6 mt get JobQueue bulk2000
exits "and nothing is left to do" 0 mt plan "$at@$(git -C jobs rev-parse "$one")" --no-forecast

# Without a daemon a daemon.
stop_daemon "$daemon"
exits "rollback without a daemon" 0 mt rollback v2 --yes
like "history" "$(mt history --limit 1)" "*$two*rollback*converged*"
like "status" "$(mt status 2>/dev/null)" "*suspended *$two*no*"
exits "resume without one" 0 mt resume e2e
exits "and back once more" 0 mt rollback "$one" --yes
like "it warns" "$err" "*source e2e is not suspended: whoever follows or applies it next takes its branch again*"

# A directory has no old tree.
mkdir src && printf 'provider: local\nname: dir\n' >src/muster.yaml && resource ComputeEnvironment there '{type: MANAGED}' >src/there.yaml
exits "apply" 0 mt apply src --yes
exits "two sources" 1 mt rollback previous
like "which" "$err" "*--source NAME is expected: e2e, dir*"
exits "a directory" 1 mt rollback previous --source dir
like "has no old manifests" "$err" "*source dir is a directory*only digests are kept*git+file*"
exits "no such source" 6 mt rollback previous --source nothing
exits "all that daemons did is done again alike" 0 mt simulate --replay "$STATE"
finish
