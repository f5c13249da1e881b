#!/bin/sh
# Submodules: an error until sources.yaml allows where they are from; then directories like others, fetched with the commit
# that names them, followed by a daemon.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/git.sh"
STATE=$WORK/state
export MUSTER_STATE="$STATE"
git config --global protocol.file.allow always
mkdir "$STATE"
at="git+file://$WORK/jobs.git"
settings() { printf 'sources:\n- {url: "file://%s/", interval: 50ms%s}\n' "$WORK" "${1:-}" >"$STATE/sources.yaml"; }
allowed() { settings ", submodules: \"file://$WORK/\""; }
# library NAME: NAME.git and its clone, with a queue of that name.
library() {
    git init -q --bare "$1.git" && git clone -q "$1.git" "$1" 2>/dev/null && queue "$1" 1 >"$1/$1.yaml" && push "$1" one
}
# bump WHERE: the submodule there is at its remote's newest commit, which is committed and pushed.
bump() { git -C "jobs/$1" pull -q origin main && push jobs "bump $1"; }
settings
make_repository "$WORK/jobs" && library lib && library deep
git -C jobs submodule --quiet add ../lib.git vendor/lib && push jobs "with a library"

# Nobody who may commit decides what is fetched.
run mt validate "$at"
is "a submodule is an error" "$code" 1
like "with its place and the cures" "$err" "*vendor/lib: a submodule, which is not read: allow its URL (submodules in sources.yaml)*musterignore*"
echo vendor/ >jobs/.musterignore && push jobs ignored
exits "unless it is ignored" 0 mt validate "$at"
git -C jobs rm -q .musterignore && push jobs "not ignored"
settings ', submodules: "file:///elsewhere/"'
run mt validate "$at"
like "one from elsewhere is not fetched" "$err" "*vendor/lib: a submodule whose commit is not here*submodules in sources.yaml*"
allowed
exits "one that is allowed is read" 0 mt validate "$at"
like "as part of the source" "$(mt plan "$at" --no-forecast)" '*JobQueue/first*JobQueue/lib*'

# In each other, as a base, behind links, as the source's path.
git -C lib submodule --quiet add "$WORK/deep.git" inner && ln -s lib.yaml lib/linked.yaml && push lib two && bump vendor/lib
like "a submodule's submodule is read" "$(mt plan "$at" --no-forecast)" '*JobQueue/deep*JobQueue/first*JobQueue/lib*'
like "and can be the path" "$(mt validate "$at:vendor/lib/inner" 2>&1)" '*1 manifest*'
mkdir -p jobs/envs/prod && printf 'name: prod\nprovider: local\nbases: [../../vendor/lib]\n' >jobs/envs/prod/muster.yaml
printf 'patches:\n- target: {kind: JobQueue, name: lib}\n  patch: {spec: {priority: 7}}\n' >>jobs/envs/prod/muster.yaml
resource ComputeEnvironment here '{type: MANAGED}' >jobs/envs/prod/here.yaml
push jobs "a base in a library"
like "a base can be one" "$(mt render "$at:envs/prod" 2>&1)" '*name: lib*priority: 7*'
git -C jobs rm -q -r envs && push jobs "no base"

# A fault in it has its place in the whole.
queue lib two >lib/lib.yaml && push lib broken && bump vendor/lib
run mt validate "$at"
like "a fault in it has its place" "$err" '*vendor/lib/lib.yaml:4:*'
queue lib 1 >lib/lib.yaml && push lib mended && bump vendor/lib

# A daemon.
start_daemon "$at@main" || { is "daemon starts" no yes; finish; }
ok "what a library holds is applied" until_ok mt get JobQueue deep
queue later 3 >lib/later.yaml && push lib later && bump vendor/lib
ok "a bump is applied" until_ok mt get JobQueue later
git -C lib rm -q later.yaml && push lib less && bump vendor/lib
ok "also one that takes away" until_like "*there is no*" mt get JobQueue later
good=$(head_of jobs)
mv lib.git gone.git
printf '# new\n' >>lib/lib.yaml && git -C lib commit -qam unseen && git -C jobs/vendor/lib pull -q "$WORK/lib" main && push jobs "not to be had"
ok "one that cannot be fetched is told" until_like '*unreachable*submodule vendor/lib: *lib.git cannot be fetched*' mt status
like "what was in force stays" "$(mt status)" "*$good*"
exits "and nothing is deleted" 0 mt get JobQueue lib
mv gone.git lib.git && git -C lib push -q origin main
ok "it comes back" until_in_force e2e "$(head_of jobs)"
ok "daemon ends" stop_daemon "$daemon"

# A commit that no branch leads to any more: git's own servers give it by its id.
git -C lib reset -q --hard HEAD~1 && git -C lib push -q -f origin main
rm -rf "$STATE/git"
exits "a commit on no branch is fetched by its id" 0 mt validate "$at"
git -C lib.git reflog expire --all --expire=now && git -C lib.git gc -q --prune=now
rm -rf "$STATE/git"
run mt validate "$at"
like "one that is gone says so" "$err" '*submodule vendor/lib: *lib.git has no commit*push a branch or a tag*'

# A repository of another machine names no directory of this one.
port=$(free_port)
serve_in_background "$port" git daemon --listen=127.0.0.1 --port="$port" --base-path="$WORK" --export-all
printf 'sources:\n- {url: "git://127.0.0.1:%s/", submodules: ["file:///", "git://127.0.0.1:%s/"]}\n' "$port" "$port" >"$STATE/sources.yaml"
git -C jobs config -f .gitmodules submodule.vendor/lib.url "$WORK/lib.git" && push jobs "a path"
run mt validate "git+git://127.0.0.1:$port/jobs.git"
like "a path of this machine is refused" "$err" '*.gitmodules, vendor/lib: a directory of this machine, named by a repository of another one*'
git -C jobs config -f .gitmodules submodule.vendor/lib.url "ext::sh -c true" && push jobs "a command"
run mt validate "git+git://127.0.0.1:$port/jobs.git"
like "so is a transport that runs a command" "$err" '*.gitmodules, vendor/lib: *no transport that is allowed*'
git -C jobs config -f .gitmodules submodule.vendor/lib.url "../lib.git" && bump vendor/lib
git -C jobs/vendor/lib fetch -q origin && git -C jobs/vendor/lib checkout -q origin/main && push jobs "what is there"
git -C lib submodule --quiet deinit -f inner && git -C lib rm -q -f inner && push lib "no inner" && bump vendor/lib
exits "a relative URL is the same server's" 0 mt validate "git+git://127.0.0.1:$port/jobs.git"
finish
