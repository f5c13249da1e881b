#!/bin/sh
# Arrays: children, the parent's state, what sizes there are, cancel and terminate. The texts are Batch's.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/semantics.sh"
exited="Essential container in task exited"
manifest base ComputeEnvironment narrow '{type: MANAGED, computeResources: {type: EC2, maxvCpus: 1}}'
manifest base JobQueue narrow '{priority: 1, computeEnvironmentOrder: [narrow]}'
ready
narrow() { # narrow DO OPTIONS…: one job at a time
    command=$1
    shift
    mt submit --queue narrow --definition sh --parameter "do=$command" "$@"
}
S=SUCCEEDED F=FAILED

# ---- children and their parent
id=$(submit 'echo $AWS_BATCH_JOB_ARRAY_INDEX of $AWS_BATCH_JOB_ARRAY_SIZE is $AWS_BATCH_JOB_ID' --array 2 --name pair)
exits "an array of two" 0 mt wait "$id" --timeout 30s
is "the parent" "$(of "$id" status statusReason arrayProperties.size attempts.# startedAt) $(summary "$id")" "$S | - | 2 | 0 | - SUCCEEDED=2"
is "all states are counted" "$(of "$id" arrayProperties.statusSummary)" '{"FAILED":0,"PENDING":0,"RUNNABLE":0,"RUNNING":0,"STARTING":0,"SUBMITTED":0,"SUCCEEDED":2}'
is "a child's variables" "$(output "$id:0"); $(output "$id:1")" "0 of 2 is $id:0; 1 of 2 is $id:1"
is "a child" "$(of "$id:1" jobId status statusReason arrayProperties attempts.#)" "$id:1 | $S | $exited | {\"index\":1,\"size\":2} | 1"
exits "there is no third" 6 mt describe job "$id:2"
id=$(submit 'exit $AWS_BATCH_JOB_ARRAY_INDEX' --array 3 --attempts 2)
exits "children that fail" 7 mt wait "$id" --timeout 30s
is "fail the parent" "$(of "$id" status statusReason) $(summary "$id")" "FAILED | Array Child Job failed FAILED=2 SUCCEEDED=1"
is "each child is tried by itself" "$(of "$id:0" attempts.#) $(of "$id:1" attempts.# attempts.1.exitCode) $(of "$id:2" attempts.# attempts.1.exitCode)" "1 2 | 1 2 | 2"
id=$(submit 'test $AWS_BATCH_JOB_ARRAY_INDEX = 0 || test $AWS_BATCH_JOB_ATTEMPT = 2' --array 3 --attempts 2)
exits "children that succeed when tried again" 0 mt wait "$id" --timeout 30s
is "do not fail it" "$(of "$id" status statusReason) $(children "$id" 2)" "$S | - $S $S $S"

for size in 0 1 10001; do
    exits "no array of $size" 1 submit true --array $size
    is "says what is possible: $size" "$err" "muster: --array \"$size\" is not a whole number between 2 and 10,000"
done
exits "nor through SubmitJob" 1 submit_json '"arrayProperties":{"size":1}'
is "it says so" "$err" "muster: line 1: arrayProperties.size: arrayProperties.size must be at least 2, is 1"
exits "nor too many" 1 submit_json '"arrayProperties":{"size":10001}'
is "it says so" "$err" "muster: line 1: arrayProperties.size: arrayProperties.size must be at most 10000, is 10001"

# ---- cancel and terminate
gate=$(narrow "$(hold gate)")
began gate
large=$(narrow 'echo large' --array 10000 --name large)
is "10,000 children wait" "$(of "$large" status) $(summary "$large") $(of "$large:9999" status)" "PENDING RUNNABLE=10000 RUNNABLE"
is "the parent says for what" "$(of "$large" waiting)" "waits for 1 vCPU; 0 of 1 free (maxvCpus)"
exits "cancel one of them" 0 mt cancel "$large:7777" --reason "this one"
is "it alone" "$(of "$large" status) $(summary "$large") $(of "$large:7777" status statusReason) $(of "$large:7778" status)" "PENDING FAILED=1 RUNNABLE=9999 FAILED | this one RUNNABLE"
exits "cancel the parent" 0 mt cancel "$large" --reason "all of them"
exits "ends it" 7 mt wait "$large"
is "and all children" "$(of "$large" status statusReason) $(summary "$large") $(of "$large:9999" status statusReason) $(of "$large:7777" statusReason)" "FAILED | all of them FAILED=10000 FAILED | all of them this one"
batch describejobs "{\"jobs\":[\"$large\",\"$large:3\"]}"
is "with the marks of Batch" "$(picked .batch jobs.0.isCancelled jobs.0.isTerminated jobs.1.isCancelled jobs.1.attempts.#)" "true | false | true | 0"
batch listjobs "{\"arrayJobId\":\"$large\",\"jobStatus\":\"FAILED\"}"
is "listed by state" "$(picked .batch jobSummaryList.# jobSummaryList.0.jobId jobSummaryList.0.status)" "1000 | $large:0 | FAILED"
go gate
ended "$gate"

id=$(narrow "[ \$AWS_BATCH_JOB_ARRAY_INDEX = 1 ] || exit 0; $(hold middle)" --array 4)
began middle
is "one at a time" "$(children "$id" 3)" "$S RUNNING RUNNABLE RUNNABLE"
exits "cancel the parent" 0 mt cancel "$id" --reason "no more"
is "what runs goes on" "$(of "$id" status) $(children "$id" 3)" "PENDING $S RUNNING $F $F"
go middle
exits "it ends with the last" 7 mt wait "$id" --timeout 20s
is "the parent keeps the caller's reason" "$(of "$id" status statusReason) $(children "$id" 3)" "FAILED | no more $S $S $F $F"
id=$(narrow "[ \$AWS_BATCH_JOB_ARRAY_INDEX = 1 ] || exit 0; $(hold second)" --array 4 --attempts 3)
began second
exits "terminate the parent" 0 mt terminate "$id" --reason "stop it"
exits "all ends" 7 mt wait "$id" --timeout 20s
is "with the reason" "$(of "$id" status statusReason) $(children "$id" 3) $(of "$id:1" statusReason attempts.#) $(of "$id:3" statusReason attempts.#)" "FAILED | stop it $S $F $F $F stop it | 1 stop it | 0"
batch describejobs "{\"jobs\":[\"$id\",\"$id:1\",\"$id:3\"]}"
is "terminated what ran, cancelled what waited" "$(picked .batch jobs.0.isTerminated jobs.1.isTerminated jobs.1.isCancelled jobs.2.isTerminated jobs.2.isCancelled)" "true | true | false | false | true"
id=$(submit "[ \$AWS_BATCH_JOB_ARRAY_INDEX = 0 ] || exit 0; $(hold child)" --array 2)
began child
exits "terminate a child" 0 mt terminate "$id:0" --reason "just you"
exits "wait" 7 mt wait "$id" --timeout 20s
is "fails its parent" "$(of "$id" statusReason) $(children "$id" 1) $(of "$id:0" statusReason)" "Array Child Job failed $F $S just you"

stop_daemon "$daemon"
is "the daemon ends with 0" "$?" 0
finish
