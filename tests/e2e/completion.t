#!/bin/sh
# Completion completes: bash through the function that it calls at a tab, fish through `complete -C`, zsh at a prompt of its own. What is
# offered is what the command takes.
set -u
. "$(dirname "$0")/lib.sh"
PATH=$BUILD:$PATH
mkdir -p "my batch" src
echo '{}' >"my batch/plan.json"

# ---- bash
muster completion bash >muster.bash
# bash_ WORD…: what is offered for the last word, one a line
cat >offers.bash <<'END'
. "$WORK/muster.bash"
words=() # as bash splits the line: = is a word of its own
for word; do
    case $word in
    --*=*) words+=("${word%%=*}" = ${word#*=}) ;;
    *) words+=("$word") ;;
    esac
done
registered=$(complete -p muster)
case $registered in *"-F _muster muster") ;; *) echo "not registered: $registered" ;; esac
COMP_WORDS=("${words[@]}") COMP_CWORD=$((${#words[@]} - 1))
_muster
printf '%s\n' "${COMPREPLY[@]}"
END
bash_() { WORK=$WORK bash "$WORK/offers.bash" muster "$@" 2>&1; }
if command -v bash >/dev/null; then
    is "bash: a command" "$(bash_ pl)" plan
    is "bash: every command" "$(bash_ '' | sort)" "$(muster help | sed -n 's/^  \([a-z]*\)  .*/\1/p' | sort)"
    is "bash: an option" "$(bash_ plan --no)" --no-forecast
    is "bash: an option's values" "$(bash_ plan --format '')" "text
json
markdown"
    is "bash: the beginning of one" "$(bash_ plan --format m)" markdown
    is "bash: after =" "$(bash_ plan --format=m)" markdown
    is "bash: right after =" "$(bash_ apply --wait= | tr '\n' ' ')" "resources jobs none "
    is "bash: after a letter" "$(bash_ get -o w)" wide
    is "bash: a kind" "$(bash_ get job-q)" job-queues
    is "bash: a source is a file, blanks and all" "$(bash_ validate my)" "my batch"
    is "bash: a directory of an option" "$(bash_ get --state sr)" src
    is "bash: a file of an option" "$(bash_ apply --plan "my batch/p")" "my batch/plan.json"
    is "bash: a snapshot is a file" "$(bash_ plan --against "my batch/p")" "my batch/plan.json"
    is "bash: nothing where any text may be" "$(bash_ submit --queue '')" ""
    is "bash: no file where a job belongs" "$(bash_ wait s)" ""
    ok "bash parses it without a word" sh -c "test -z \"\$(bash -n '$WORK/muster.bash' 2>&1)\""
    # What is offered is taken.
    refused=
    for word in $(bash_ schema ''); do muster schema "$word" >/dev/null 2>&1 || refused="$refused $word"; done
    is "bash: every word for schema is one" "$refused" ""
    printf 'provider: local\n' >src/muster.yaml
    printf 'apiVersion: muster/v1\nkind: ComputeEnvironment\nmetadata: {name: here}\nspec: {type: MANAGED}\n' >src/here.yaml
    muster apply src --yes >/dev/null 2>&1
    for command in get export; do
        for word in $(bash_ $command ''); do muster $command "$word" --state src/.muster >/dev/null 2>&1 || refused="$refused $command/$word"; done
    done
    is "bash: every word for get and export too" "$refused" ""
    for command in $(bash_ ''); do
        for option in $(bash_ "$command" -); do
            muster "$command" --help | grep -q -e "$option\b" || refused="$refused $command/$option"
        done
    done
    is "bash: every option is in the help" "$refused" ""
else
    skip "bash" "bash is not installed"
fi

# ---- fish
if command -v fish >/dev/null; then
    muster completion fish >muster.fish
    fish_() { fish --no-config -c "source $WORK/muster.fish; complete -C '$1'" 2>&1 | cut -f 1; }
    ok "fish parses it" fish --no-execute muster.fish
    is "fish: a command" "$(fish_ 'muster pla')" plan
    is "fish: an option" "$(fish_ 'muster plan --no')" --no-forecast
    is "fish: an option's values" "$(fish_ 'muster plan --format m')" markdown
    is "fish: a kind" "$(fish_ 'muster get job-q')" job-queues
    is "fish: a source is a file" "$(fish_ 'muster validate sr')" src/
    is "fish: a directory of an option" "$(fish_ 'muster get --state sr')" src/
    is "fish: no file where a kind belongs" "$(fish_ 'muster get src/')" ""
    is "fish: no file where a job belongs" "$(fish_ 'muster wait sr')" ""
    is "fish: nothing where any text may be" "$(fish_ 'muster submit --queue sr')" ""
else
    skip "fish" "fish is not installed"
fi

# ---- zsh: a shell on a pseudo-terminal; ^X prints the line as completion left it
if command -v zsh >/dev/null && zsh -fc 'zmodload zsh/zpty' 2>/dev/null; then
    mkdir functions
    muster completion zsh >functions/_muster
    cat >typed.zsh <<'END'
zmodload zsh/zpty
zpty shell "TERM=dumb PS1= zsh -f -i"
zpty -w shell "fpath=($WORK/functions \$fpath) LISTMAX=0; autoload -U compinit; compinit -u -D; cd $WORK"
zpty -w shell "shown() { print -r -- \"<<\$BUFFER>>\"; zle kill-buffer }; zle -N shown; bindkey '^X' shown; bindkey '^I' complete-word; echo re''ady"
zpty -r shell line '*ready*'
zpty -w -n shell "$1"$'\t\x18'
zpty -r shell line '*<<*>>*'
[[ $line =~ '<<(.*)>>' ]] && print -r -- $match[1]
zpty -d shell
END
    zsh_() { WORK=$WORK timeout 20 zsh -f "$WORK/typed.zsh" "$1" 2>&1; }
    ok "zsh parses it" zsh -n functions/_muster
    is "zsh: a command" "$(zsh_ 'muster pla')" "muster plan "
    is "zsh: an option" "$(zsh_ 'muster plan --no')" "muster plan --no-forecast "
    is "zsh: an option's values" "$(zsh_ 'muster plan --format m')" "muster plan --format markdown "
    is "zsh: after =" "$(zsh_ 'muster plan --format=m')" "muster plan --format=markdown "
    is "zsh: after a letter" "$(zsh_ 'muster get -o w')" "muster get -o wide "
    is "zsh: a kind" "$(zsh_ 'muster get job-q')" "muster get job-queues "
    is "zsh: a source is a file" "$(zsh_ 'muster validate sr')" "muster validate src/"
    is "zsh: a directory of an option" "$(zsh_ 'muster get --state sr')" "muster get --state src/"
    is "zsh: nothing where any text may be" "$(zsh_ 'muster submit --queue sr')" "muster submit --queue sr"
    is "zsh: sourced, it registers" "$(zsh -fc "autoload -U compinit; compinit -u -D; source $WORK/functions/_muster; echo \$_comps[muster]" 2>&1)" _muster
else
    skip "zsh" "zsh with zpty is not installed"
fi
finish
