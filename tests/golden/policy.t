#!/bin/sh
# tests/golden/policy/NAME/: source/ is planned under policy.yaml; expected holds what is said on stderr and the exit code. MUSTER_GOLDEN=write
# rewrites. The plan itself is not compared: the machine is in it.
set -u
golden=$(cd "$(dirname "$0")" && pwd)
. "$golden/../e2e/lib.sh"
for directory in "$golden"/policy/*/; do
    name=$(basename "$directory")
    rm -rf source policy.yaml && cp -R "$directory/source" source && cp "$directory/policy.yaml" policy.yaml
    run muster plan source --policy policy.yaml --no-forecast --first-run start
    printf '%s\n' "$err" | sed "s|$WORK|WORK|g" >actual
    printf 'exit code %s\n' "$code" >>actual
    [ "${MUSTER_GOLDEN:-}" != write ] || cp actual "$directory/expected"
    ok "$name" diff -u "$directory/expected" actual
done
finish
