#!/bin/sh
# The habits of the tree: `make help` knows every target, compile_commands.json compiles, what is generated is up to date, every operation
# of the API is fuzzed.
set -u
. "$(dirname "$0")/lib.sh"
variant=${MUSTER_TEST_VARIANT:-}
cd "$ROOT" || exit 1
# `all` is old: nothing may be built by a test. A make around this one is not to be heard.
make_() { (unset MAKEFLAGS MFLAGS MAKELEVEL && timeout 60 make -o all BUILD="$BUILD" "$@"); }

# ---- make help
exits "make help" 0 make_ help
helped=$(printf '%s\n' "$out" | sed -n 's/^  make \([a-z-]*\) .*/\1/p' | sort)
inner='asan-run fuzz-run valgrind-run no-libs'
is "lists every target, but for those that others call" "$helped" \
    "$(sed -n '/^\.PHONY/{:a;/\\$/{N;ba};s/\\\n//g;s/^\.PHONY: *//;s/  */\n/g;p}' Makefile | grep -vxF "$(printf '%s\n' $inner)" | sort -u)"
for target in $helped; do
    exits "make $target is one" 0 make_ -n "$target"
done
is "the README's two commands come first" "$(sed -n '/^```sh/,/^```/p' README.md | sed -n 's/^make \([a-z]*\) .*/\1/p' | head -n 2 | tr '\n' ' ')" "demo test "
exits "without a compiler" 2 make_ CC=no-such-compiler BUILD="$WORK/build" "$WORK/build/obj/spec/document.o"
like "it says what installs it" "$err" "*missing*make deps*"

# ---- compile_commands.json
make_ compile_commands.json >"$WORK/.made" 2>&1 # a sanitizer build alone leaves none, or an old one
cp compile_commands.json "$WORK/commands.json" 2>/dev/null
ok "is JSON" perl -MJSON::PP -e 'local $/; decode_json(<STDIN>)' <"$WORK/commands.json"
commands() { perl -MJSON::PP -e 'local $/; for (@{decode_json(<STDIN>)}) { '"$1"' }' <"$WORK/commands.json"; }
is "has every source once" "$(commands 'print "$_->{file}\n"' | sort)" "$(find spec reconciler tests -name '*.c' | sort)"
is "in this directory" "$(commands 'print "$_->{directory}\n"' | sort -u)" "$ROOT"
for file in spec/base/arena.c reconciler/api/operations_status.c reconciler/provider/local/launcher_main.c tests/unit/base/arena_test.c; do
    command=$(commands "print \$_->{command} if \$_->{file} eq '$file'")
    ok "its command compiles $file" sh -c "$command -fsyntax-only"
done

# ---- what is generated
tools/reference "$MUSTER" "$WORK/reference"
ok "docs/reference/ is what \`make reference\` writes" diff -r "$WORK/reference" docs/reference
for schema in schemas/*.json; do
    ok "$schema is JSON" perl -MJSON::PP -e 'local $/; decode_json(<STDIN>)' <"$schema"
done
is "every schema has a page" "$(ls docs/reference | grep -v README | wc -l)" "$(ls schemas/*.json | grep -vc common)"

# ---- fuzzing
is "every fuzz target has a corpus" "$(cd tests/fuzz && ls *_fuzz.c | sed 's/_fuzz.c//')" "$(ls tests/fuzz/corpus)"
sed -n 's/^    {"\([a-z]*\)", \(true\|false\), .*_step, .*/\1 \2/p' reconciler/api/operations.c | while read -r name batch; do
    [ "$batch" = true ] && echo "/v1/$name" || echo "/muster/v1/$name"
done | sort >"$WORK/operations"
ok "there are operations" test "$(wc -l <"$WORK/operations")" -gt 20
is "the corpus of request_fuzz calls every operation" "$(grep -hxF -f "$WORK/operations" tests/fuzz/corpus/request/* | sort -u)" "$(cat "$WORK/operations")"
finish
