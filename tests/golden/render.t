#!/bin/sh
# tests/golden/render/NAME: what `muster render` prints of an example, as it stands in its file `command`. MUSTER_GOLDEN=write rewrites.
set -u
golden=$(cd "$(dirname "$0")" && pwd)
. "$golden/../e2e/lib.sh"
cp -R "$ROOT/examples/variants" . && find variants -name .muster -prune -exec rm -rf {} +
for directory in "$golden"/render/*/; do
    name=$(basename "$directory")
    eval "run muster render $(cat "$directory/arguments")"
    printf '%s\n' "$out" >actual
    [ -z "$err" ] || printf 'stderr: %s\n' "$err" >>actual
    printf 'exit code %s\n' "$code" >>actual
    [ "${MUSTER_GOLDEN:-}" != write ] || cp actual "$directory/expected"
    ok "$name" diff -u "$directory/expected" actual
done
finish
