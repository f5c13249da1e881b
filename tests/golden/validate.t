#!/bin/sh
# tests/golden/validate/NAME/: source/ is validated, expected holds what comes out and the exit code. MUSTER_GOLDEN=write rewrites.
set -u
golden=$(cd "$(dirname "$0")" && pwd)
. "$golden/../e2e/lib.sh"
for directory in "$golden"/validate/*/; do
    name=$(basename "$directory")
    # A copy under a short name: paths in the output are those that the user typed.
    rm -rf source && cp -R "$directory/source" source
    # Where it says so, other arguments: options, or a source below.
    if [ -f "$directory/arguments" ]; then eval "set -- $(cat "$directory/arguments")"; else set -- source; fi
    run muster validate "$@"
    printf '%s\n' "$err" >actual
    [ -z "$out" ] || printf 'stdout: %s\n' "$out" >>actual
    printf 'exit code %s\n' "$code" >>actual
    [ "${MUSTER_GOLDEN:-}" != write ] || cp actual "$directory/expected"
    ok "$name" diff -u "$directory/expected" actual
done
finish
