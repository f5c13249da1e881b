#!/bin/sh
# The contract's exit codes, one by one.
set -u
. "$(dirname "$0")/lib.sh"
muster init src >/dev/null 2>&1
rm src/pipeline.yaml
state=$WORK/src/.muster

exits "0: version" 0 muster version
like "it is a version" "$out" "muster [0-9]*"
exits "0: help" 0 muster help apply
exits "0: --help of a command" 0 muster plan --help
exits "1: no command" 1 muster
exits "1: unknown command" 1 muster aply
like "with a suggestion" "$err" "*did you mean \"apply\"?*"
exits "1: unknown option" 1 muster plan src --formt json
exits "1: a git location that is none" 1 muster plan git+ext::sh
like "says what is allowed" "$err" "*no transport that is allowed*"
exits "1: no such source" 1 muster validate missing
exits "1: status without a state" 1 muster status --state "$WORK/none"
ok "which it did not make" test ! -e "$WORK/none"

printf 'apiVersion: muster/v1\nkind: JobQueue\nmetadata: {name: q}\nspec: {priorty: 1, computeEnvironmentOrder: [here]}\n' >src/bad.yaml
exits "1: a fault in a manifest" 1 muster validate src
like "file, line and column" "$err" "src/bad.yaml:4:*error: *priorty*priority*"
exits "1: plan" 1 muster plan src
exits "1: apply" 1 muster apply src --yes
rm src/bad.yaml

exits "2: plan with changes" 2 muster plan src
exits "3: apply without a terminal" 3 muster apply src </dev/null
like "and the cure" "$err" "*--yes*"
exits "3: init over something" 3 muster init src

cat >src/big.yaml <<'END'
apiVersion: muster/v1
kind: Job
metadata: {name: too-big}
spec:
  jobQueue: default
  jobDefinition: greet
  containerOverrides:
    resourceRequirements: [{type: MEMORY, value: "99999999"}]
END
exits "4: validate" 4 muster validate src
like "with the arithmetic" "$err" "*99,999,999*"
exits "4: plan" 4 muster plan src
rm src/big.yaml

muster apply src --yes --wait jobs --timeout 2m >/dev/null 2>&1
exits "0: plan without changes" 0 muster plan src
cd src || exit 1
exits "6: get" 6 muster get queues defualt
like "with a suggestion" "$err" "*did you mean \"default\"?*"
exits "6: describe" 6 muster describe job 00000000-0000-4000-8000-000000000000
exits "6: logs" 6 muster logs 00000000-0000-4000-8000-000000000000
exits "6: wait" 6 muster wait 00000000-0000-4000-8000-000000000000
exits "6: cancel" 6 muster cancel 00000000-0000-4000-8000-000000000000
exits "1: unknown kind" 1 muster get quues
exits "7: a failed job" 7 muster submit --queue default --definition greet --attempts 1 --wait -- sh -c 'exit 3'
exits "5: a wait that is too short" 5 sh -c "$MUSTER submit --queue default --definition greet -- sleep 60 2>/dev/null >id && $MUSTER wait --timeout 100ms \$(cat id)"
exits "terminate it" 0 muster terminate "$(cat id)" --reason enough
exits "7: which wait tells" 7 muster wait "$(cat id)" --timeout 1m
like "with the reason" "$out" "*FAILED*enough*"
cd .. || exit 1

# More than max(3, 20 %) deletions of a kind
for i in 1 2 3 4 5; do
    printf -- '---\napiVersion: muster/v1\nkind: JobQueue\nmetadata: {name: extra-%s}\nspec: {priority: %s, computeEnvironmentOrder: [here]}\n' $i $i
done >src/extra.yaml
exits "five queues more" 0 muster apply src --yes --timeout 1m
rm src/extra.yaml
exits "3: plan shows what a guard would refuse" 3 muster plan src
like "the plan is printed" "$out" "*- JobQueue/extra-1*"
exits "3: apply refuses it" 3 muster apply src --yes
exits "0: with --allow-deletes" 0 muster apply src --yes --allow-deletes 5 --timeout 1m

exits "2: a plan to save" 2 sh -c "sed 's/priority: 1/priority: 2/' src/environments.yaml >e && cp e src/environments.yaml && $MUSTER plan src --out p.json"
sed 's/priority: 2/priority: 3/' src/environments.yaml >e && cp e src/environments.yaml
exits "3: stale" 3 muster apply --plan p.json
like "naming what changed" "$err" "*JobQueue/default*"
sed 's/priority: 3/priority: 2/' src/environments.yaml >e && cp e src/environments.yaml
exits "0: exactly that" 0 muster apply --plan p.json --timeout 1m
exits "0: and nothing is left" 0 muster plan src
finish
