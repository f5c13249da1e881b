#!/bin/sh
# Runs that meet: concurrencyPolicy of pipelines and Jobs, and what becomes of a run when its manifest goes.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/semantics.sh"
[ "$(nproc)" -ge 2 ] || { echo "1..0 # SKIP two jobs of one vCPU must run side by side"; exit 0; }
# started NAME: a run by hand of the pipeline NAME, which begins
started() { mt start "$1" >/dev/null && began "$1"; }
# reasons NAME: why its runs ended, oldest first
reasons() {
    mt describe Pipeline "$1" -o json >.runs
    perl -MJSON::PP -e 'local $/; print join("; ", map { $_->{statusReason} // "-" } sort { $a->{number} <=> $b->{number} } @{decode_json(<STDIN>)->{runs}}), "\n"' <.runs
}
again() { mt apply src --yes --wait none >/dev/null; }
ready

# ---- wait
pipeline waits 'triggers: [manual],' "$(step one "$(hold waits)"), $(step two true ', dependsOn: [{job: one}]')"
exits "a pipeline" 0 mt apply src --yes
started waits
exits "started again" 0 mt start waits
exits "and again" 0 mt start waits
is "one runs, two wait" "$(runs waits) $(jobs_of waits-one)" "RUNNING WAITING WAITING 1"
go waits
began waits
is "the next begins when all of it has ended" "$(runs waits) $(jobs_of waits-two)" "SUCCEEDED RUNNING WAITING 2"
stop_daemon "$daemon"
start_daemon --state "$STATE"
is "what waits survives a restart" "$(runs waits)" "SUCCEEDED RUNNING WAITING"
go waits
began waits
go waits
ended "$(job_of waits-two)"
is "until all have run" "$(runs waits)" "SUCCEEDED SUCCEEDED SUCCEEDED"

# ---- skip
pipeline skips 'triggers: [manual], concurrencyPolicy: skip,' "$(step one "$(hold skips)")"
again
started skips
exits "started again" 0 mt start skips
is "it is skipped" "$(runs skips) $(reasons skips) $(jobs_of skips-one)" "RUNNING CANCELLED -; skipped: run 1 was still RUNNING 1"
go skips
ended "$(job_of skips-one)"
started skips
is "not when nothing runs" "$(runs skips)" "SUCCEEDED CANCELLED RUNNING"
go skips

# ---- allow, then replace all that live
pipeline many 'concurrencyPolicy: allow,' "$(step one "$(hold many)"), $(step two true ', dependsOn: [{job: one}]')"
again
began many
started many
is "side by side" "$(runs many)" "RUNNING RUNNING"
exits "a third finds no room" 0 mt start many
is "but is there" "$(runs many)" "RUNNING RUNNING RUNNING"
rm many.up many.go
pipeline many 'concurrencyPolicy: replace,' "$(step one "$(hold many)"), $(step two true ', dependsOn: [{job: one}]')"
exits "the plan" 2 mt plan src --no-forecast
like "tells" "$out" "*Pipeline/many*is terminated first*"
again
began many
is "replace ends all older ones" "$(runs many)" "CANCELLED CANCELLED CANCELLED RUNNING"
is "and says why" "$(reasons many)" "replaced by run 4; replaced by run 4; replaced by run 4; -"
is "their jobs too" "$(of "$(job_of many-one 4)" status statusReason) $(of "$(job_of many-one 3)" statusReason) $(of "$(job_of many-one 2)" statusReason attempts.#) $(of "$(job_of many-two 4)" statusReason)" \
    "FAILED | replaced by run 4 replaced by run 4 replaced by run 4 | 0 replaced by run 4"
exits "by start" 0 mt start many
began many
is "once more" "$(runs many)" "CANCELLED CANCELLED CANCELLED CANCELLED RUNNING"
go many
ended "$(job_of many-two)"
is "to the end" "$(runs many)" "CANCELLED CANCELLED CANCELLED CANCELLED SUCCEEDED"

# ---- Jobs follow it too
# job_runs NAME: the states of a Job's runs, oldest first
job_runs() {
    mt get runs -o json >.runs
    perl -MJSON::PP -e 'local $/; print join(" ", map { $_->{state} } sort { $a->{number} <=> $b->{number} } grep { $_->{kind} eq "Job" && $_->{name} eq $ARGV[0] } @{decode_json(<STDIN>)->{runs}}), "\n"' "$1" <.runs
}
# job NAME POLICY DO
job() {
    rm -f "src/$1.yaml"
    manifest "$1" Job "$1" "{jobQueue: main, jobDefinition: sh, concurrencyPolicy: $2, parameters: {do: \"$3\"}}"
}
for policy in wait allow skip replace; do job $policy $policy "$(hold $policy.1)"; done
mkfifo wait.2.up wait.2.go allow.2.up allow.2.go replace.2.up replace.2.go
edit() { job "$1" "$1" "echo up >$WORK/$1.2.up; read x <$WORK/$1.2.go" && again; }
mv src/allow.yaml src/skip.yaml src/replace.yaml .
again
began wait.1
edit wait
is "wait" "$(job_runs wait) $(jobs_of wait)" "RUNNING WAITING 1"
manifest late Job late '{jobQueue: main, jobDefinition: sh, dependsOn: [{job: wait}]}'
again
is "a Job that depends on one that waits, waits with it" "$(job_runs late) $(jobs_of late)" "WAITING 0"
go wait.1
began wait.2
is "then it is its turn" "$(job_runs wait) $(job_runs late) $(of "$(job_of late)" dependsOn.0.jobId)" "SUCCEEDED RUNNING RUNNING $(job_of wait)"
go wait.2
ended "$(job_of late)"
is "and both have run" "$(job_runs wait) $(job_runs late)" "SUCCEEDED SUCCEEDED SUCCEEDED"
mv allow.yaml src/allow.yaml
again
began allow.1
edit allow
began allow.2
is "allow" "$(job_runs allow)" "RUNNING RUNNING"
go allow.1
go allow.2
mv skip.yaml src/skip.yaml
again
began skip.1
edit skip
is "skip" "$(job_runs skip) $(jobs_of skip)" "RUNNING CANCELLED 1"
exits "what was skipped is not planned again" 0 mt plan src --no-forecast
go skip.1
mv replace.yaml src/replace.yaml
again
began replace.1
edit replace
began replace.2
is "replace" "$(job_runs replace) $(of "$(job_of replace 2)" status statusReason)" "CANCELLED RUNNING FAILED | replaced by run 2"
go replace.2
ended "$(job_of replace)"

# ---- onDelete
for policy in keep cancel terminate; do
    pipeline $policy "onDelete: $policy," "$(step one "$(hold $policy)"), $(step two true ', dependsOn: [{job: one}]')"
    again
    began $policy
    id=$(job_of $policy-one) next=$(job_of $policy-two)
    rm src/$policy.yaml
    exits "$policy: the manifest goes" 0 mt apply src --yes --wait none
    case $policy in
    keep)
        go keep
        ended "$next"
        is "keep: the run goes on" "$(of "$id" status) $(of "$next" status)" "SUCCEEDED SUCCEEDED"
        ;;
    cancel)
        ended "$next"
        is "cancel: what waits is cancelled, what runs goes on" "$(status_of "$id") $(of "$next" status statusReason)" "RUNNING FAILED | The manifest was deleted"
        exits "cancel: nothing is to be done" 0 mt plan src --no-forecast
        like "cancel: but its run is pending" "$out" "*Pending:*. Pipeline/cancel  run 1 is cancelled, but jobs of it have not ended*"
        exits "cancel: apply --wait jobs waits for it" 5 mt apply src --yes --wait jobs --timeout 300ms
        exits "cancel: rerun waits for the last job" 3 mt rerun Pipeline/cancel
        like "cancel: it names the run and the job" "$err" "muster: run 1 of Pipeline/cancel was cancelled, but still has 1 job that has not ended; \`muster wait $id\` waits*"
        exits "cancel: --failed too" 3 mt rerun Pipeline/cancel --failed
        go cancel
        ended "$id"
        exits "cancel: then no more" 0 mt plan src --no-forecast
        ok "cancel: nothing is pending" sh -c '! grep -q "^Pending" .out'
        exits "cancel: nor waited for" 0 mt apply src --yes --wait jobs --timeout 30s
        is "cancel: to its end" "$(of "$id" status)" SUCCEEDED
        ;;
    terminate)
        ended "$id" "$next"
        is "terminate: all is ended" "$(of "$id" status statusReason) $(of "$next" statusReason attempts.#)" "FAILED | The manifest was deleted The manifest was deleted | 0"
        ;;
    esac
done
stop_daemon "$daemon"
is "the daemon ends with 0" "$?" 0
finish
