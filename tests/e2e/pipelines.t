#!/bin/sh
# Pipelines: schedules through the real clock, array sizes from files and parameters, start with parameters, steps in
# describe, suspend, graph.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/semantics.sh"
[ "$(nproc)" -ge 2 ] || { echo "1..0 # SKIP two jobs of one vCPU must run side by side"; exit 0; }
# steps NAME: STEP=STATUS of each step of its newest run
steps() {
    mt describe Pipeline "$1" -o json >.steps
    perl -MJSON::PP -e 'local $/; print join(" ", map { "$_->{name}=$_->{status}" } @{decode_json(<STDIN>)->{steps}}), "\n"' <.steps
}
# Schedules are a source of their own: an apply waits for older runs of its source, whenever the minute comes.
mkdir clocks
printf 'provider: local\nname: clocks\n' >clocks/muster.yaml
manifest ../clocks/clock Pipeline clock "{jobQueue: main, triggers: [{schedule: \"* * * * *\"}], jobs: [{name: tick, jobDefinition: sh, parameters: {do: \"echo \$MUSTER_SCHEDULED_AT; $(hold tick)\"}}]}"
manifest ../clocks/clock Pipeline still "{jobQueue: main, triggers: [{schedule: \"* * * * *\"}], jobs: [{name: tick, jobDefinition: sh}]}"
ready
# the first minute is at most one away; what follows is done meanwhile
exits "schedules" 0 mt apply clocks --yes
exits "suspend" 0 mt suspend still
is "it says so" "$out" "Pipeline/still suspended"
is "creation fires no schedule" "$(mt describe Pipeline clock -o json | perl -MJSON::PP -e 'local $/; my $p = decode_json(<STDIN>); print scalar @{$p->{runs}}, " ", scalar @{$p->{schedules}}, " ", $p->{schedules}[0]{nextAt} % 60000, " ", $p->{schedules}[0]{nextAt} > time * 1000')" "0 1 0 1"

# ---- sizes from the source
printf 'one\n\n  \ntwo\r\nthree' >src/shards.txt
printf '\n' >src/empty.txt
pipeline source 'parameters: {n: "2"},' \
    "$(step all 'echo $AWS_BATCH_JOB_ARRAY_INDEX of $AWS_BATCH_JOB_ARRAY_SIZE' ', array: {fromFile: shards.txt}'),
     $(step none true ', array: {fromFile: empty.txt}, dependsOn: [{job: all}]'),
     $(step last true ', dependsOn: [{job: none}]'),
     $(step sized 'echo $AWS_BATCH_JOB_ARRAY_INDEX' ', array: {fromParameter: n}')"
exits "apply counts lines" 0 apply
is "of a file of the source" "$(of "$(job_of source-all)" arrayProperties.size status) $(output "$(job_of source-all):2")" "3 | SUCCEEDED 2 of 3"
is "an array of none is skipped, in its turn" "$(jobs_of source-none) $(steps source) $(of "$(job_of source-last)" dependsOn.0.jobId)" \
    "0 all=SUCCEEDED none=SKIPPED last=SUCCEEDED sized=SUCCEEDED $(job_of source-all)"
is "of a parameter" "$(of "$(job_of source-sized)" arrayProperties.size)" 2
exits "nothing is left to do" 0 mt plan src --no-forecast
printf 'one\n' >src/shards.txt
exits "other lines are a change" 2 mt plan src --no-forecast
like "that the plan shows" "$out" "*jobs*array.size: 3 -> 1*"
exits "applied" 0 apply
is "one line is still an array" "$(of "$(job_of source-all)" arrayProperties.size) $(output "$(job_of source-all):0")" "1 0 of 1"
exits "start with a size" 0 mt start source --parameter n=1 --wait jobs --timeout 30s
is "one child" "$(of "$(job_of source-sized)" arrayProperties.size)" 1
exits "start with none" 0 mt start source --parameter n=0 --wait jobs --timeout 30s
is "is skipped" "$(steps source)" "all=SUCCEEDED none=SKIPPED last=SUCCEEDED sized=SKIPPED"
exits "start with too many" 1 mt start source --parameter n=10001
is "says so" "$err" 'muster: sized: array.fromParameter: n is "10001", and must be a number from 0 to 10000'
exits "start with an unknown parameter" 1 mt start source --parameter nn=1
is "suggests one" "$err" 'muster: Pipeline/source has no parameter "nn"; did you mean "n"?'
seq 10001 >src/shards.txt
exits "more than 10,000 lines" 1 mt validate src
like "are refused with file and line" "$err" '*source.yaml:*error: "shards.txt" has 10001 lines, and an array at most 10000 children*'
rm src/shards.txt
exits "no such file" 1 mt validate src
like "says so" "$err" '*error: the source has no file "shards.txt", and this pipeline no workspace*a step can write it where the pipeline has workspace: true*' 
rm src/source.yaml

# ---- sizes from the workspace
pipeline late 'workspace: true,' \
    "$(step split "$(hold late); cd \$MUSTER_WORKSPACE \&\& seq 3 >list.txt"),
     $(step work 'sed -n \"$((AWS_BATCH_JOB_ARRAY_INDEX + 1))p\" $MUSTER_WORKSPACE/list.txt' ', array: {fromFile: list.txt}, dependsOn: [{job: split}]'),
     $(step check true ', array: {fromFile: list.txt}, dependsOn: [{job: work, type: N_TO_N}]'),
     $(step sum true ', dependsOn: [{job: check}]')"
sed -i 's/\\&/\&/g' src/late.yaml
mt apply src --yes --wait none >/dev/null
began late
is "what is not known waits" "$(steps late) $(picked .steps steps.1.waitsFor steps.1.size)" 'split=RUNNING work=PENDING check=PENDING sum=PENDING ["split"] | -'
stop_daemon "$daemon"
start_daemon --state "$STATE"
go late
ended "$(job_of late-sum)"
is "until its turn comes, after a restart too" "$(steps late) $(picked .steps steps.1.size steps.2.counts)" 'split=SUCCEEDED work=SUCCEEDED check=SUCCEEDED sum=SUCCEEDED 3 | {"SUCCEEDED":3}'
is "each child has its line" "$(for i in 0 1 2; do output "$(job_of late-work):$i"; done | paste -sd ' ')" "1 2 3"
pipeline never 'workspace: true,' "$(step work true ', array: {fromFile: list.txt}')"
exits "a file that nobody wrote" 7 apply
is "says so" "$(of "$(job_of never-work)" statusReason)" "array.fromFile: list.txt: No such file or directory"

# ---- a source that is followed sees the file too
stop_daemon "$daemon"
echo one >src/shards.txt
pipeline follows '' "$(step each "$(hold follows)" ', array: {fromFile: shards.txt}')"
start_daemon src --state "$STATE"
began follows
go follows
ended "$(job_of follows-each)"
printf 'one\ntwo\n' >src/shards.txt
began follows
is "a change of the file alone begins a run" "$(of "$(job_of follows-each)" arrayProperties.size) $(runs follows)" "2 SUCCEEDED RUNNING"
go follows
began follows
go follows
ended "$(job_of follows-each)"
stop_daemon "$daemon"
start_daemon --state "$STATE"

# ---- steps for people
mt describe Pipeline late >.described
ok "describe has a table of steps" grep -q '^work  *SUCCEEDED  3 of 3 ' .described
ok "and of schedules" sh -c '"$0" describe Pipeline clock | grep -q "^  [*] [*] [*] [*] [*]  UTC  next: 20"' "$MUSTER"

# ---- graph
exits "graph of a source" 0 mt graph src
like "names what is there" "$out" 'digraph "e2e" {*"JobQueue/main" -> "ComputeEnvironment/here";*}'
exits "graph of a pipeline" 0 mt graph Pipeline/late
like "says how far it is" "$out" 'digraph "Pipeline/late run 1 SUCCEEDED" {*"work" \[label="work\\nsh\\n3 children\\nSUCCEEDED 3 done, 0 failed"*"work" -> "check" \[label="N_TO_N"\];*}'
exits "of one that is not there" 6 mt graph Pipeline/nobody
exits "of a manifest" 0 mt graph src --only Pipeline/late
like "before it runs" "$out" '*"work" \[label="work\\nsh\\nchildren: lines of list.txt"*'
mkdir bin
printf '#!/bin/sh\n[ "$1" = -Tsvg ] && echo "<svg>" && head -n 1 "$2"\n' >bin/dot
chmod +x bin/dot
exits "svg by Graphviz's dot" 0 env PATH="$WORK/bin:$PATH" "$MUSTER" graph late --format svg
is "is what that writes" "$out" '<svg>
digraph "Pipeline/late run 1 SUCCEEDED" {'
printf '#!/bin/sh\necho "syntax error" >&2; exit 1\n' >bin/dot
exits "a fault of dot" 1 env PATH="$WORK/bin:$PATH" "$MUSTER" graph late --format svg
like "is told" "$err" "muster: *dot failed: syntax error"
exits "without dot" 1 env PATH=/nowhere "$MUSTER" graph late --format svg
is "it names the package" "$err" 'muster: --format svg needs the program "dot": install the package graphviz, or take --format dot'

# ---- the clock
timeout 70 head -n 1 "$WORK/tick.up" >/dev/null
id=$(job_of clock-tick)
is "a schedule starts a run at its minute" "$(runs clock) $(output "$id" | sed 's/T.*:\(..\)Z$/ at \1/; s/^20..-..-../DAY/')" "RUNNING DAY at 00"
is "not one that is suspended" "$(jobs_of still-tick)" 0
exits "resume" 0 mt resume still
like "events tell" "$(mt events)" "*schedule.started*Pipeline/clock*Z: started run 1*"
go tick
stop_daemon "$daemon"
is "the daemon ends with 0" "$?" 0
finish
