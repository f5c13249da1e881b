#!/bin/sh
# make install puts everything where it belongs, what is installed runs by itself, make uninstall leaves what was there before. The man
# pages are those of the program: every command, every option, no warning of groff.
set -u
. "$(dirname "$0")/lib.sh"
unset MUSTER_LAUNCHER
variant=${MUSTER_TEST_VARIANT:-}
# `all` is old: nothing may be built by a test. A make around this one is not to be heard.
make_() { (unset MAKEFLAGS MFLAGS MAKELEVEL && timeout 60 make -C "$ROOT" -o all BUILD="$BUILD" ${variant:+VARIANT=$variant} "$@"); }
listing() { (cd "$1" && find . ! -type d | sort); }

# ---- a prefix of its own, in which something is already
stage=$WORK/stage
prefix=/opt/muster
mkdir -p "$stage$prefix/bin" "$stage$prefix/share/man/man1"
echo foreign >"$stage$prefix/bin/other"
echo foreign >"$stage$prefix/share/man/man1/muster-other.1"
before=$(listing "$stage")
exits "make install" 0 make_ install DESTDIR="$stage" PREFIX=$prefix
at=$stage$prefix
commands=$("$at/bin/muster" help | sed -n 's/^  \([a-z]*\)  .*/\1/p')
like "commands" "$(echo $commands)" "init validate plan apply *help"
is "what was installed, and nothing else" "$(listing "$at" | grep -v -e other)" "$( (
    printf './%s\n' bin/muster libexec/muster/muster-launcher lib/systemd/system/muster.service \
        share/bash-completion/completions/muster share/zsh/site-functions/_muster share/fish/vendor_completions.d/muster.fish \
        share/man/man1/muster.1 share/man/man5/muster.yaml.5
    for command in $commands; do echo ./share/man/man1/muster-$command.1; done
) | sort)"
is "programs may be run, files may be read" "$(cd "$at" && stat -c '%a %n' bin/muster libexec/muster/muster-launcher lib/systemd/system/muster.service share/man/man1/muster.1)" \
    "755 bin/muster
755 libexec/muster/muster-launcher
644 lib/systemd/system/muster.service
644 share/man/man1/muster.1"
ok "completion of bash" sh -c "'$MUSTER' completion bash | cmp - '$at/share/bash-completion/completions/muster'"
ok "completion of zsh" sh -c "'$MUSTER' completion zsh | cmp - '$at/share/zsh/site-functions/_muster'"
ok "completion of fish" sh -c "'$MUSTER' completion fish | cmp - '$at/share/fish/vendor_completions.d/muster.fish'"
unit=$at/lib/systemd/system/muster.service
is "the unit starts what was installed" "$(sed -n 's/^ExecStart=\([^ ]*\) serve .*/\1/p' "$unit")" $prefix/bin/muster
is "and no other prefix is in it" "$(grep -c /usr/local "$unit")" 0
# The name of every option of systemd's that this unit rests on; without them a restart would end the jobs.
is "jobs outlive the service" "$(grep -e ^KillMode= -e ^Delegate= "$unit")" "KillMode=process
Delegate=yes"

# ---- it runs: with its own launcher, none other being named
mkdir elsewhere
cd elsewhere || exit 1
exits "the installed program writes manifests" 0 "$at/bin/muster" init hello
exits "applies them and runs their jobs" 0 timeout 60 "$at/bin/muster" apply hello --yes --wait jobs
like "to the end" "$out" "*Pipeline/squares run 1: SUCCEEDED*"
cd hello || exit 1
exits "a job looks at its parent" 0 timeout 60 "$at/bin/muster" submit --queue default --definition greet --wait -- sh -c 'readlink /proc/$PPID/exe'
id=$(printf '%s\n' "$out" | sed -n 1p)
exits "and tells" 0 "$at/bin/muster" logs "${id%% *}"
is "it is the installed launcher" "$out" "$at/libexec/muster/muster-launcher"
mv "$at/libexec/muster/muster-launcher" "$WORK/away"
exits "without its launcher" 1 timeout 60 "$at/bin/muster" submit --queue default --definition greet --wait -- true
like "it says where it looked" "$err" "*$at/bin/muster-launcher and $at/libexec/muster/muster-launcher*"
mv "$WORK/away" "$at/libexec/muster/muster-launcher"
cd "$WORK" || exit 1

# ---- the manual
for command in $commands; do
    page=$at/share/man/man1/muster-$command.1
    # As `man` would show it: escaped dashes are dashes.
    text=$(sed 's/\\-/-/g' "$page" 2>/dev/null)
    missing=
    for option in $("$MUSTER" "$command" --help | sed -n '/^Options:/,/^$/s/^  \(-.,\|   \) *\(--[a-z-]*\).*/\2/p'); do
        case $text in *"$option"*) ;; *) missing="$missing $option" ;; esac
    done
    is "options of $command that its page lacks" "$missing" ""
    like "what $command is for" "$text" "*muster-$command - $("$MUSTER" help | sed -n "s/^  $command  *//p")*"
done
is "every command is in muster(1)" "$(sed -n 's/^\.BR muster\\-\([a-z]*\) (1)$/\1/p' "$at/share/man/man1/muster.1")" "$commands"
missing=
for member in $("$MUSTER" schema muster.yaml | perl -MJSON::PP -e 'local $/; print join " ", sort keys %{decode_json(<STDIN>)->{properties}}'); do
    grep -q "^\.B.* $member\b\|^\.B $member" "$at/share/man/man5/muster.yaml.5" || missing="$missing $member"
done
is "members that muster.yaml(5) lacks" "$missing" ""
if command -v groff >/dev/null; then
    for page in "$at"/share/man/man*/*; do
        case $page in *other*) continue ;; esac
        ok "groff reads $(basename "$page") without a warning" sh -c "test -z \"\$(groff -man -Tutf8 -Kutf8 -ww '$page' 2>&1 >/dev/null | tee /dev/stderr)\""
    done
else
    skip "groff reads the pages without a warning" "groff is missing"
fi
mkdir made
"$ROOT/tools/man" "$MUSTER" made
rm -f stale
for page in made/*; do cmp "$page" "$ROOT/docs/man/$(basename "$page")" >>stale 2>&1; done
is "docs/man/ is what \`make man\` writes" "$(cat stale)" ""

# ---- away again
exits "make uninstall" 0 make_ uninstall DESTDIR="$stage" PREFIX=$prefix
is "leaves what was there before" "$(listing "$stage")" "$before"
ok "and no directory of ours" test ! -e "$at/libexec/muster"
exits "make uninstall where nothing is" 0 make_ uninstall DESTDIR="$stage" PREFIX=$prefix
finish
