#!/bin/sh
# Runs: what a pipeline's steps are given, once per run key, start and rerun, concurrencyPolicy, onFailure, onDelete.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/semantics.sh"
[ "$(nproc)" -ge 2 ] || { echo "1..0 # SKIP two jobs of one vCPU must run side by side"; exit 0; }
exited="Essential container in task exited"
dependent="Dependent Job failed"
ready

# ---- what a step is given
pipeline given 'workspace: true, parameters: {name: pipeline, other: given},' \
    "$(step first 'echo $MUSTER_RUN_ID >$MUSTER_WORKSPACE/id; env | grep -c ^MUSTER_SCHEDULED_AT=20..-..-..T..:..:..Z; env | grep ^MUSTER | cut -d= -f1 | sort'),
     {name: second, jobDefinition: sh, dependsOn: [{job: first}], parameters: {name: step}, containerOverrides: {command: [sh, -c, 'cat \$MUSTER_WORKSPACE/id; echo Ref::name Ref::other']}}"
pipeline plain '' "$(step only 'echo ${MUSTER_WORKSPACE:-none}')"
exits "apply runs pipelines" 0 apply
is "once" "$(runs given) $(runs plain)" "SUCCEEDED SUCCEEDED"
run_id=$(mt describe Pipeline given -o json | perl -MJSON::PP -e 'local $/; print decode_json(<STDIN>)->{runs}[0]{id}')
second=$(job_of given-second)
is "a step is a job of its run" "$(of "$second" jobName run step status)" "given-second | $run_id | second | SUCCEEDED"
is "steps share a directory; a step's value wins over the pipeline's" "$(output "$second")" "$run_id
step given"
is "Muster's variables" "$(output "$(job_of given-first)" | paste -sd ' ')" "1 MUSTER_LAUNCH_TOKEN MUSTER_RUN_ID MUSTER_SCHEDULED_AT MUSTER_WORKSPACE"
is "no directory without workspace" "$(output "$(job_of plain-only)")" none
is "a step depends on another's job" "$(of "$second" dependsOn.0.jobId)" "$(job_of given-first)"
exits "start with parameters" 0 mt start given --parameter other=start --wait jobs --timeout 30s
like "tells the run" "$out" "Pipeline/given run 2 ????????-????-????-????-????????????*"
is "they win over the pipeline's" "$(output "$(job_of given-second)" | tail -n 1)" "step start"
ok "in a run and a directory of its own" test "$(output "$(job_of given-second)" | head -n 1)" != "$run_id"
exits "start of what is not there" 6 mt start nobody
is "it says so" "$err" 'muster: there is no Pipeline "nobody"'

# ---- once per run key
exits "nothing is left to do" 0 mt plan src --no-forecast
exits "apply again" 0 apply
is "nothing ran again" "$(runs plain)" SUCCEEDED
printf '\n# a comment\n' >>src/plain.yaml
exits "nor for a comment" 0 mt plan src --no-forecast
stop_daemon "$daemon"
start_daemon --state "$STATE"
exits "nor after a restart" 0 apply
is "still one" "$(runs plain)" SUCCEEDED
pipeline plain '' "$(step only 'echo two')"
exits "another content is planned" 2 mt plan src --no-forecast
like "as a run" "$out" "*> Pipeline/plain*first run of this content; run 1 had another*"
exits "and runs" 0 apply
is "once more" "$(runs plain) $(output "$(job_of plain-only)")" "SUCCEEDED SUCCEEDED two"
pipeline plain '' "$(step only 'echo ${MUSTER_WORKSPACE:-none}')"
exits "what ran before" 0 apply
is "does not run again" "$(runs plain)" "SUCCEEDED SUCCEEDED"
manifest rerun JobDefinition mine "{type: container, containerProperties: {command: [echo, one], $(needs 1 16)}}"
manifest rerun Pipeline follows '{jobQueue: main, rerunOn: [definition], jobs: [{name: a, jobDefinition: mine}]}'
manifest rerun Pipeline ignores '{jobQueue: main, jobs: [{name: a, jobDefinition: mine}]}'
exits "two on one definition" 0 apply
sed -i 's/echo, one/echo, two/' src/rerun.yaml
exits "the definition changes" 0 apply
is "rerunOn decides" "$(runs follows), $(runs ignores), $(output "$(job_of follows-a)")" "SUCCEEDED SUCCEEDED, SUCCEEDED, two"
pipeline byhand 'triggers: [manual],' "$(step only 'exit 0')"
exits "a manual one" 0 apply
is "does not run by itself" "$(jobs_of byhand-only)" 0
exits "but by start" 0 mt start byhand --wait jobs --timeout 30s
is "it ran" "$(runs byhand)" SUCCEEDED

# ---- failures, rerun
fails="$(step a 'echo $MUSTER_RUN_ID >>$MUSTER_WORKSPACE/a'), $(step b "test -e $WORK/mended"), $(step c true ', dependsOn: [{job: a}, {job: b}]'), $(step d true ', dependsOn: [{job: c}]'), $(step e 'cat $MUSTER_WORKSPACE/a' ', dependsOn: [{job: a}]')"
pipeline fails 'workspace: true,' "$fails, $(step last true ', dependsOn: [{job: d, condition: completion}]'), $(step sum 'wc -l <$MUSTER_WORKSPACE/a' ', dependsOn: [{job: last}]')"
exits "a pipeline that fails" 7 apply
is "a failed step" "$(of "$(job_of fails-b)" status statusReason)" "FAILED | $exited"
is "fails what depends on it" "$(of "$(job_of fails-c)" status statusReason) $(of "$(job_of fails-d)" status statusReason attempts.#)" "FAILED | $dependent FAILED | $dependent | 0"
is "not the rest, nor what waits for its end only" "$(of "$(job_of fails-e)" status) $(of "$(job_of fails-last)" status)" "SUCCEEDED SUCCEEDED"
mt describe Pipeline fails -o json >.one
is "the run's reason is its first failure" "$(picked .one runs.0.state runs.0.statusReason)" "FAILED | step b: $exited"
exits "nothing repeats what failed" 0 apply
exits "rerun --failed fails again" 7 mt rerun Pipeline/fails --failed --wait jobs --timeout 30s
is "with only what failed and what depends on it" "$(for s in a b c d e last sum; do jobs_of fails-$s; done | paste -sd ' ')" "1 2 2 2 1 2 2"
touch mended
exits "mended" 0 mt rerun Pipeline/fails --failed --wait jobs --timeout 30s
is "no step that had succeeded" "$(for s in a b c d e last sum; do jobs_of fails-$s; done | paste -sd ' ') $(runs fails)" "1 3 3 3 1 3 3 FAILED FAILED SUCCEEDED"
is "the steps see what the others left" "$(output "$(job_of fails-sum)")" 1
exits "nothing failed" 3 mt rerun Pipeline/fails --failed
like "it says so" "$err" "muster: nothing failed in run 3 of fails*"
exits "rerun after that" 0 mt rerun Pipeline/fails --wait jobs --timeout 30s
is "runs all steps, in a new directory" "$(for s in a b c d e last sum; do jobs_of fails-$s; done | paste -sd ' ') $(output "$(job_of fails-sum)")" "2 4 4 4 2 4 4 1"
exits "and the plan is empty" 0 mt plan src --no-forecast
exits "rerun" 0 mt rerun Pipeline/plain --wait jobs --timeout 30s
is "runs all" "$(runs plain)" "SUCCEEDED SUCCEEDED SUCCEEDED"
exits "rerun of what never ran" 6 mt rerun Pipeline/nobody
manifest job Job once '{jobQueue: main, jobDefinition: sh, parameters: {do: "exit 4"}}'
exits "a Job manifest" 7 apply
exits "does not repeat" 0 apply
exits "but by rerun" 7 mt rerun Job/once --wait jobs --timeout 30s
is "twice" "$(jobs_of once) $(of "$(job_of once)" attempts.0.exitCode)" "2 4"

# stop: what has not started is cancelled, what runs goes on
pipeline stops 'onFailure: stop,' "$(step runs "$(hold runs)"), $(step fails "read x <$WORK/fail.go; exit 1"), $(step next true ', dependsOn: [{job: runs}]'), $(step big true ', containerOverrides: {resourceRequirements: [{type: VCPU, value: "2"}]}')"
mkfifo fail.go
exits "onFailure: stop" 0 mt apply src --yes --wait none
began runs
go fail
ended "$(job_of stops-big)" "$(job_of stops-next)"
is "cancels what waits" "$(of "$(job_of stops-next)" status statusReason) $(of "$(job_of stops-big)" statusReason)" "FAILED | Pipeline stops stopped: step fails failed Pipeline stops stopped: step fails failed"
is "not what runs" "$(status_of "$(job_of stops-runs)") $(runs stops)" "RUNNING RUNNING"
go runs
ended "$(job_of stops-runs)"
is "then the run has failed" "$(status_of "$(job_of stops-runs)") $(runs stops)" "SUCCEEDED FAILED"

# arrays in a pipeline
pipeline arrays 'parameters: {n: "3", none: "0"},' "$(step split 'exit 0' ', array: {fromParameter: n}'), $(step each 'exit $AWS_BATCH_JOB_ARRAY_INDEX' ', array: {fromParameter: n}, dependsOn: [{job: split, type: N_TO_N}]'), $(step skipped true ', array: {fromParameter: none}'), $(step after 'echo reached' ', dependsOn: [{job: each, condition: completion}, {job: skipped}]')"
exits "arrays" 7 apply
each=$(job_of arrays-each)
is "N_TO_N among steps" "$(of "$each" status arrayProperties.size dependsOn.0.type) $(of "$each:0" status) $(of "$each:2" status)" "FAILED | 3 | N_TO_N SUCCEEDED FAILED"
is "0 skips a step; completion takes a failed array" "$(jobs_of arrays-skipped) $(output "$(job_of arrays-after)")" "0 reached"
stop_daemon "$daemon"
is "the daemon ends with 0" "$?" 0
finish
