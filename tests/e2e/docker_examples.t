#!/bin/sh
# The examples in containers, unchanged: their image is a small one here, which goes by the name that they use.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/docker.sh"

# This machine's awk, since busybox's knows no mathematics, and its shell, since busybox's takes its own awk.
for program in awk sh; do
    path=$(readlink -f "$(command -v $program)")
    rm "$ENGINE/root/bin/$program" 2>/dev/null
    cp "$path" "$ENGINE/root/bin/$program"
    for library in $(ldd "$path" | grep -o '/[^ ]*'); do
        mkdir -p "$ENGINE/root${library%/*}"
        cp -L "$library" "$ENGINE/root$library"
    done
done
for name in sort mkdir wc cp mv rm ls head tail cut printf rmdir tee; do ln -sf busybox "$ENGINE/root/bin/$name"; done
ok "an image by the name of the examples' own" import_image public.ecr.aws/docker/library/debian 12-slim
cp -r "$ROOT/examples" .
find examples -name .muster -prune -exec rm -rf {} +

# example NAME RESULT: runs it, and what it made is there.
example() {
    exits "$1 runs in containers" 0 muster apply "examples/$1" --provider docker --wait jobs --yes
    run find "examples/$1/.muster/workspaces" -name "$2" -size +0
    like "and made its result" "$out" "*/$2"
}
example monte-carlo value-at-risk.txt
example genomics kmers.tsv
example render picture.bmp

# said PATH TEXT: one whose job only says something
said() {
    exits "$1 runs in containers" 0 muster apply "examples/$1" --provider docker --wait jobs --yes
    run find "examples/$1/.muster" -name '*.log' -exec cat '{}' +
    like "and said it" "$out" "*$2*"
}
said gitops/manifests 'hello, '
said variants/envs/dev 'report for s3://dev-data/input with '
finish
