#!/bin/sh
# The texts are true: every command of the README files and of the quick start is run as it stands, in a copy, one after the other in one
# shell, as a reader would; it ends with the exit code that its comment promises (0 where it promises none) and prints what
# the text shows. Links lead somewhere; every command, option and target that is spoken of is there.
set -u
. "$(dirname "$0")/lib.sh"
for tool in bash script; do
    command -v $tool >/dev/null || { echo "1..0 # SKIP $tool is missing"; exit 0; }
done
pl() { perl "$ROOT/tests/e2e/docs.pl" "$@"; }
SHELL=/bin/sh
export SHELL
unset MUSTER_LAUNCHER

# runs FILE: a new folder holds what a clone has and `make` made.
runs() {
    copy=$WORK/clone.$(echo "$1" | tr / .)
    steps=$copy.steps
    mkdir "$copy" "$steps"
    ln -s "$BUILD" "$copy/build"
    cp -r "$ROOT/examples" "$copy/"
    find "$copy/examples" -name .muster -prune -exec rm -rf {} +
    pl commands "$ROOT/$1" "$steps"
    case $1 in examples/*) path=$BUILD:$PATH ;; *) path=$PATH ;; esac
    (cd "$copy" && PATH=$path timeout 120 bash "$steps/script")
    for step in "$steps"/*.command; do
        name=${step%.command}
        is "$1:$(cat "$name.line"): $(cat "$step")" "exit code $(cat "$name.code")" "exit code $(cat "$name.exit")"
    done
    for shown in "$steps"/*.shown; do
        [ ! -e "$shown" ] || ok "$1: what its block $(basename "$shown" .shown) shows" pl compare "$shown" "${shown%.shown}.out"
    done
}
for file in README.md docs/quick-start.md examples/monte-carlo/README.md examples/render/README.md examples/genomics/README.md examples/capacity-planning/README.md examples/batch-api/README.md examples/gitops/README.md examples/teams/README.md examples/variants/README.md; do
    runs $file
done
is "no other example has a README" "$(cd "$ROOT" && echo examples/*/README.md)" \
    "examples/batch-api/README.md examples/capacity-planning/README.md examples/genomics/README.md examples/gitops/README.md examples/monte-carlo/README.md examples/render/README.md examples/teams/README.md examples/variants/README.md"

texts=$(cd "$ROOT" && echo README.md docs/*.md deploy/README.md examples/*/README.md)
ok "links lead somewhere" pl links "$ROOT" $texts $(cd "$ROOT" && echo docs/reference/*.md)
cd "$ROOT" || exit 1
ok "each worked example of docs/scheduling.md is a test" pl examples docs/scheduling.md tests/unit/*/examples_test.c
ok "commands, options and targets that are spoken of are there" pl mentions "$MUSTER" Makefile $texts
finish
