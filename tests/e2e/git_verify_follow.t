#!/bin/sh
# A repository that the daemon follows, with `verify`: what is not signed keeps the last verified commit and says why, also
# after a restart; a verified one takes over; keys that are taken away are found by SIGHUP, and a plan that waits is not approved.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/git.sh"
command -v ssh-keygen >/dev/null || { echo "1..0 # SKIP ssh-keygen is not installed"; exit 0; }
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mkdir "$STATE"
at="git+file://$WORK/jobs.git"
key() { ssh-keygen -q -t ed25519 -N '' -f "$WORK/$1" -C "$1"; }
allow() { printf '%s@example.org %s\n' "$1" "$(cut -d' ' -f1,2 "$WORK/$1.pub")"; }
fingerprint() { ssh-keygen -lf "$WORK/$1.pub" | cut -d' ' -f2; }
settings() { printf 'sources:\n- {url: "file://%s/", interval: %s, verify: {allowedSigners: %s/allowed%s}}\n' "$WORK" "$1" "$WORK" "${2:-}" >"$STATE/sources.yaml"; }
sign_with() { git config --global user.signingkey "$WORK/$1.pub"; git config --global commit.gpgsign true; }
change() { queue "$1" "${2:-1}" >"jobs/$1.yaml" && push jobs "$1"; }
source_of() { run mt status -o json; json "sources.0.$1"; }
row() { run mt history e2e -o json; json "reconciles.$1"; }
git config --global gpg.format ssh
key ada
key eve
allow ada >allowed
settings 50ms
sign_with ada
make_repository "$WORK/jobs" || { is "a repository is made" no yes; finish; }
start_daemon "$at@main" || { is "daemon starts" no yes; finish; }
ok "what ada signed is applied" until_ok mt get JobQueue first
good=$(head_of jobs)
is "with author" "$(row 0.author)" "Test <test@example.org>"
is "and signature" "$(row 0.signature)" "ada@example.org (ssh $(fingerprint ada))"
like "which the table shows" "$(mt history -o wide)" "*AUTHOR *SIGNATURE*Test <test@example.org> *ada@example.org (ssh $(fingerprint ada))*"

git config --global commit.gpgsign false
change second
unsigned=$(head_of jobs)
ok "an unsigned commit is held, and says so" until_like "*e2e *held *commit $(git -C jobs rev-parse --short=8 HEAD) by Test <test@example.org> is not signed; git commit --amend -S signs it; $(git -C jobs rev-parse --short=8 HEAD~1) stays in force*" mt status
like "with the commit that stays" "$(mt status)" "*e2e *held *$good*"
like "and is behind the remote" "$(mt status)" "*behind its remote, which is at $unsigned*"
exits "what it brought is not there" 6 mt get JobQueue second
like "an event tells it" "$(mt events)" "*source.held*is not signed*"
is "and the history, as refused" "$(row 0.state)" REFUSED
like "of that revision" "$(row 0.revision)" "$unsigned*"
is "with its author" "$(row 0.author)" "Test <test@example.org>"
like "and why" "$(row 0.message)" "*is not signed*"
stop_daemon "$daemon"
start_daemon "$at@main" || { is "daemon starts" no yes; finish; }
ok "a restart holds it, too" until_like "*e2e *held *$good*is not signed*" mt status
exits "nothing else is there" 6 mt get JobQueue second
exits "and what was is" 0 mt get JobQueue first
sign_with eve
change third
ok "a commit that eve signed is held, with her key" until_like "*e2e *held *is signed with the ssh key $(fingerprint eve), which is not in $WORK/allowed; *stays in force*" mt status
sign_with ada
change fourth
ok "the next that ada signs takes over" until_in_force e2e "$(head_of jobs)"
exits "with what came before it" 0 mt get JobQueue third
is "the history has what was refused, once for each start" "$(mt history e2e | grep -c ' refused ')" 3

# Keys that come and go. Nothing but SIGHUP asks for an hour.
settings 1h
kill -HUP "$daemon"
allow eve >allowed
kill -HUP "$daemon"
ok "a key that is taken away is found by SIGHUP" until_like "*e2e *held *$(head_of jobs)*is signed with the ssh key $(fingerprint ada), which is not in*what is in force stays*" mt status
exits "and takes nothing back" 0 mt get JobQueue fourth
sign_with eve
change fifth
ok "eve's next commit is taken then" until_like "*e2e *ok *$(head_of jobs)  yes *" sh -c "kill -HUP $daemon; '$MUSTER' status"
exits "with what it brought" 0 mt get JobQueue fifth
sed -i 's/^name: e2e/name: e2e\napproval: required/' jobs/muster.yaml && change sixth
ok "a plan waits" until_like "*e2e *waiting *to apply it: muster approve *" sh -c "kill -HUP $daemon; '$MUSTER' status"
plan=$(source_of waiting.planId)
allow ada >allowed
kill -HUP "$daemon"
ok "its key is taken away" until_like "*which is not in $WORK/allowed*" mt status
exits "then it is not approved" 3 mt approve "$plan"
exits "and not carried out" 6 mt get JobQueue sixth
allow eve >>allowed
kill -HUP "$daemon"
ok "until the key is back" until_ok mt approve "$plan" --wait none
ok "and it is carried out" until_ok mt get JobQueue sixth
stop_daemon "$daemon"

# Tags, and a start at one that is not signed: there is nothing that could be in force.
tag() { git -C tags tag "$@" && git -C tags push -q origin --tags 2>/dev/null; }
tagged="git+file://$WORK/tags.git@semver:1.x"
settings 50ms ', what: tag'
sign_with ada
git config --global commit.gpgsign false
make_repository "$WORK/tags" || { is "a repository is made" no yes; finish; }
sed -i 's/^name: e2e/name: tagged/' tags/muster.yaml
sed -i 's/name: first/name: tagged/; s/here/there/' tags/first.yaml && sed -i 's/here/there/' tags/here.yaml && push tags mine
tag v1.0.0
start_daemon "$tagged" || { is "daemon starts" no yes; finish; }
ok "a tag that is not signed is held" until_like "*held *tag v1.0.0 of commit *lightweight*what is in force stays*" mt status
exits "and nothing is made of it" 6 mt get JobQueue tagged
tag -s -m one v1.0.1
ok "a signed one is taken" until_in_force tagged "$(head_of tags)"
ok "with what it names" until_ok mt get JobQueue tagged
is "and its signature is recorded" "$(run mt history tagged -o json; json reconciles.0.signature)" "ada@example.org (ssh $(fingerprint ada))"
good=$(head_of tags)
sed -i 's/priority: 1/priority: 2/' tags/first.yaml && push tags newer && tag -a -m two v1.1.0
ok "a newer one that is not signed is held" until_like "*tagged *held *$good*tag v1.1.0 of commit *is not signed; git tag -s makes a tag that is; *stays in force*" mt status
stop_daemon "$daemon"
start_daemon "$tagged" || { is "daemon starts" no yes; finish; }
ok "after a restart too" until_like "*tagged *held *$good*tag v1.1.0 of commit *stays in force*" mt status
git -C tags tag -s -m three v1.2.0 && git -C tags push -q origin --tags
ok "the next takes over" until_in_force tagged "$(head_of tags)"
git -C tags.git update-ref refs/tags/v1.9.0 "$(git -C tags rev-parse refs/tags/v1.0.1)"
ok "an old tag by a new name takes nothing back" until_like "*tagged *held *$(head_of tags)*tag v1.9.0 of commit *is the tag v1.0.1 by another name; *stays in force*" mt status
stop_daemon "$daemon"
sign_with ada
settings 1h

# What has to hang is ended, and another start of the daemon finds the same.
nap="sleep 1$$" # no other script's
mkdir hanging && printf '#!/bin/sh\nexec %s\n' "$nap" >hanging/ssh-keygen && chmod +x hanging/ssh-keygen
change seventh
PATH_BEFORE=$PATH PATH=$WORK/hanging:$PATH
start_daemon "$at@main" || { is "daemon starts" no yes; finish; }
PATH=$PATH_BEFORE
queue eighth 1 >jobs/eighth.yaml && push jobs eighth
ok "a check that hangs holds up nothing" until_ok mt get JobQueue first
ok "it is started" until_ok pgrep -fx "$nap"
stop_daemon "$daemon"
is "and the daemon ends while it hangs" "$?" 0
ok "with all that it started" sh -c "! pgrep -fx '$nap'"
exits "all that was recorded runs again, with every refusal" 0 mt simulate --replay "$STATE"
finish
