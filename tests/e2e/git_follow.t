#!/bin/sh
# A repository that the daemon follows: pushes are applied, SIGHUP asks at once, what must not be followed keeps the last
# good commit and says why, and status tells how far behind the remote that is.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/git.sh"
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mkdir "$STATE"
at="git+file://$WORK/jobs.git"
settings() { printf 'sources:\n- {url: "file://%s/", interval: %s%s}\n' "$WORK" "$1" "${2:-}" >"$STATE/sources.yaml"; }
source_of() { run mt status -o json; json "sources.0.$1"; }
settings 50ms
make_repository "$WORK/jobs" || { is "a repository is made" no yes; finish; }
start_daemon "$at@main" || { is "daemon starts" no yes; finish; }
ok "what is there is applied" until_ok mt get JobQueue first
queue second 2 >jobs/second.yaml && push jobs two
ok "a push is applied" until_ok mt get JobQueue second
ok "status has the commit" until_in_force e2e "$(head_of jobs)"
is "and is behind by nothing" "$(source_of remote.behindSeconds)" 0
is "of the remote's head" "$(source_of remote.head)" "$(git -C jobs rev-parse HEAD)"
exits "apply of a source that is followed, with something to do" 0 mt apply "$at@main" --yes

# What does not validate keeps the last good state, with its place, and how long.
good=$(head_of jobs)
queue second two >jobs/second.yaml && push jobs broken
ok "a broken commit is told with its place" until_like '*second.yaml:4*' mt status
like "the commit before stays" "$(mt status)" "*$good*"
like "and it is behind the remote" "$(mt status)" "*behind its remote, which is at $(head_of jobs)*"
git -C jobs revert --no-edit HEAD >/dev/null && git -C jobs push -q
ok "reverted, it goes on" until_in_force e2e "$(head_of jobs)"

# History that is rewritten.
git -C jobs branch keep && good=$(head_of jobs)
git -C jobs reset -q --hard HEAD~2 && queue fourth 4 >jobs/fourth.yaml && git -C jobs add -A && git -C jobs commit -q -m rewritten
git -C jobs push -q -f origin main
ok "a force-push is held, and says so" until_like '*e2e *held *history was rewritten*' mt status
like "with the commit that stays" "$(mt status)" "*e2e *held *$good*"
exits "what it brought is not there" 6 mt get JobQueue fourth
like "an event tells it" "$(mt events)" "*source.held*history was rewritten*"
settings 50ms ', rewrites: follow'
ok "unless it is to be followed" until_ok mt get JobQueue fourth
ok "then all is well" until_in_force e2e "$(head_of jobs)"
settings 50ms

# A branch that goes, a remote that goes.
good=$(head_of jobs)
git -C jobs.git update-ref -d refs/heads/main
ok "a deleted branch is held" until_like "*e2e *held *no branch or tag is named \"main\"*stays in force*" mt status
exits "and deletes nothing" 0 mt get JobQueue fourth
git -C jobs push -q origin main
ok "it comes back" until_in_force e2e "$good"
mv jobs.git gone.git
ok "a remote that is gone is told" until_like '*e2e *unreachable *cannot be fetched*answered last*ago*' mt status
like "by an event" "$(mt events)" "*source.unreachable*"
exits "and deletes nothing" 0 mt get JobQueue fourth
mv gone.git jobs.git
ok "it comes back, too" until_like "*e2e *ok *" mt status

# Commits that would take everything away.
git -C jobs rm -q ./*.yaml && git -C jobs commit -q -m nothing && git -C jobs push -q
ok "a commit without a manifest is held" until_like '*no manifest is in it*' mt status
exits "and deletes nothing" 0 mt get JobQueue fourth
git -C jobs revert --no-edit HEAD >/dev/null
for n in 1 2 3 4 5; do queue "many$n" "$n" >"jobs/many$n.yaml"; done
push jobs many && ok "many are there" until_like '*many5*' mt get JobQueue
git -C jobs rm -q ./many*.yaml && git -C jobs commit -q -m fewer && git -C jobs push -q
ok "a commit that deletes too much is refused by the guard" until_like '*allow-deletes*' mt status
exits "and deletes nothing" 0 mt get JobQueue many5
git -C jobs revert --no-edit HEAD >/dev/null && git -C jobs push -q
ok "reverted, all is well" until_in_force e2e "$(head_of jobs)"

# SIGHUP asks now; nothing else does for an hour.
settings 1h
kill -HUP "$daemon"
queue hup 9 >jobs/hup.yaml && push jobs hup
ok "SIGHUP asks at once" until_ok sh -c "kill -HUP $daemon; '$MUSTER' get JobQueue hup"

# A restart without the remote goes on from the mirror.
stop_daemon "$daemon"
mv jobs.git gone.git
start_daemon "$at@main" || { is "daemon starts" no yes; finish; }
ok "a restart without the remote" until_like "*e2e *unreachable *$(head_of jobs)*" mt status
exits "has what was there" 0 mt get JobQueue hup
mv gone.git jobs.git
kill -HUP "$daemon"
ok "the remote is reached again" until_like "*e2e *ok *" mt status
stop_daemon "$daemon"
is "it ends with 0" "$?" 0
finish
