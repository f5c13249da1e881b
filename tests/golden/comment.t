#!/bin/sh
# tests/golden/comment/NAME/: what plan --format markdown writes for source/, where before/ (if there is one) was applied; expected holds
# it and the exit code. A file `against` makes it a plan against a snapshot. MUSTER_GOLDEN=write rewrites.
set -u
golden=$(cd "$(dirname "$0")" && pwd)
. "$golden/../e2e/lib.sh"
for directory in "$golden"/comment/*/; do
    name=$(basename "$directory")
    rm -rf source state snapshot.json
    # The salt of digests is the installation's: the same each time here.
    mkdir state && echo 0123456789abcdef0123456789abcdef >state/installation
    if [ -d "$directory/before" ]; then
        cp -R "$directory/before" source
        run muster apply source --state state --provider local --yes --wait none
        is "$name: what was before is applied" "$code" 0
        rm -rf source
    fi
    cp -R "$directory/source" source
    set -- plan source --no-forecast --format markdown
    if [ -e "$directory/against" ]; then
        muster snapshot --state state --out snapshot.json
        set -- "$@" --state elsewhere --against snapshot.json
    else
        set -- "$@" --state state
    fi
    run muster "$@"
    printf '%s\n' "$out" | sed 's/at 20[0-9T:-]*Z/at TIME/' >actual
    printf 'exit code %s\n' "$code" >>actual
    [ "${MUSTER_GOLDEN:-}" != write ] || cp actual "$directory/expected"
    ok "$name" diff -u "$directory/expected" actual
done
finish
