#!/bin/sh
# Dependencies: the three forms of dependsOn, on one child, and how a failure travels along them. The texts are Batch's.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/semantics.sh"
dependent="Dependent Job failed"
manifest base ComputeEnvironment narrow '{type: MANAGED, computeResources: {type: EC2, maxvCpus: 1}}'
manifest base JobQueue narrow '{priority: 1, computeEnvironmentOrder: [narrow]}'
ready
narrow() { # narrow DO OPTIONS…: one job at a time
    command=$1
    shift
    mt submit --queue narrow --definition sh --parameter "do=$command" "$@"
}
# after ONE OTHER: whether ONE started when OTHER had ended
after() { [ "$(of "$1" startedAt)" -ge "$(of "$2" stoppedAt)" ] && echo after || echo before; }
S=SUCCEEDED F=FAILED

# ---- dependsOn a job
gate=$(submit "$(hold first)")
plain=$(submit 'echo after' --depends-on "$gate")
both=$(submit true --depends-on "$gate" --depends-on "$plain")
array=$(submit true --array 2 --depends-on "$gate" --name array)
late=$(submit true --depends-on "$array")
began first
is "all wait" "$(of "$plain" status dependsOn) $(of "$both" status) $(of "$array" status) $(summary "$array") $(of "$late" status)" "PENDING | [{\"jobId\":\"$gate\"}] PENDING PENDING PENDING=2 PENDING"
go first
exits "and run when it has succeeded" 0 mt wait "$plain" "$both" "$array" "$late" --timeout 30s
is "not before" "$(after "$plain" "$gate") $(after "$both" "$plain") $(after "$array:1" "$gate") $(after "$late" "$array")" "after after after after"
exits "on what has ended long ago" 0 mt submit --queue main --definition sh --depends-on "$gate" --wait
fails=$(submit "[ \$AWS_BATCH_JOB_ATTEMPT = 2 ] && exit 1; $(hold fails); exit 1" --attempts 2)
a=$(submit true --depends-on "$fails")
b=$(submit true --depends-on "$a")
c=$(submit true --depends-on "$b" --array 3)
began fails
is "all wait, through each attempt" "$(of "$a" status) $(of "$b" status) $(of "$c" status)" "PENDING PENDING PENDING"
go fails
exits "a failure travels" 7 mt wait "$c" --timeout 30s
is "along the chain" "$(of "$a" status statusReason attempts.#); $(of "$b" status statusReason); $(of "$c" status statusReason); $(summary "$c"); $(of "$c:2" statusReason)" \
    "FAILED | $dependent | 0; FAILED | $dependent; FAILED | $dependent; FAILED=3; $dependent"
id=$(submit true --depends-on "$fails")
is "at once where it has failed before" "$(of "$id" status statusReason)" "FAILED | $dependent"
exits "on an unknown job" 6 submit true --depends-on 00000000-0000-4000-8000-000000000000
is "says so" "$err" "muster: Dependent job 00000000-0000-4000-8000-000000000000 does not exist"
many=$(for i in $(seq 21); do printf '{"jobId":"%s"},' "$gate"; done)
exits "more than 20" 1 submit_json "\"dependsOn\":[${many%,}]"
is "say so" "$err" "muster: line 1: dependsOn: dependsOn must have at most 20 items, has 21"

# ---- on one child
id=$(submit "[ \$AWS_BATCH_JOB_ARRAY_INDEX = 1 ] && { $(hold one); exit 1; }; $(hold zero)" --array 2)
zero=$(submit true --depends-on "$id:0")
one=$(submit true --depends-on "$id:1")
began zero
began one
is "waits for it" "$(of "$one" status)" PENDING
go one
ended "$one"
is "its failure" "$(of "$one" status statusReason dependsOn.0.jobId)" "FAILED | $dependent | $id:1"
is "is not that of the other" "$(of "$zero" status)" PENDING
go zero
exits "whose success counts though the parent fails" 0 mt wait "$zero" --timeout 20s
ended "$id"
is "the parent failed" "$(of "$id" status)" FAILED
exits "afterwards too" 0 mt submit --queue main --definition sh --depends-on "$id:0" --wait
exits "there is no third child" 6 submit true --depends-on "$id:2"
is "it says so" "$err" "muster: Dependent job $id:2 does not exist"

# ---- SEQUENTIAL
id=$(submit "echo \$AWS_BATCH_JOB_ARRAY_INDEX >>$WORK/order; [ \$AWS_BATCH_JOB_ARRAY_INDEX != 1 ] || { $(hold order); }" --array 4 --depends-on SEQUENTIAL)
began order
is "one after the other" "$(children "$id" 3) $(of "$id" dependsOn)" "$S RUNNING PENDING PENDING [{\"type\":\"SEQUENTIAL\"}]"
go order
exits "to the end" 0 mt wait "$id" --timeout 20s
is "in order" "$(paste -sd ' ' order)" "0 1 2 3"
id=$(submit '[ $AWS_BATCH_JOB_ARRAY_INDEX != 1 ]' --array 4 --depends-on SEQUENTIAL --attempts 2)
exits "a failure" 7 mt wait "$id" --timeout 20s
is "ends what comes behind" "$(of "$id" statusReason) $(children "$id" 3) $(of "$id:1" attempts.#) $(of "$id:2" statusReason attempts.#) $(of "$id:3" statusReason)" \
    "Array Child Job failed $S $F $F $F 2 $dependent | 0 $dependent"
exits "SEQUENTIAL is for arrays" 1 submit true --depends-on SEQUENTIAL
is "it says so" "$err" "muster: dependencies of type N_TO_N and SEQUENTIAL are for array jobs"
exits "with an id it is a plain dependency" 0 mt submit --queue main --definition sh --array 2 --depends-on "$gate:SEQUENTIAL" --wait

# ---- N_TO_N
left=$(narrow "case \$AWS_BATCH_JOB_ARRAY_INDEX in 0) exit 1 ;; 2) $(hold left) ;; esac" --array 3)
right=$(submit true --array 3 --depends-on "$left:N_TO_N")
began left
ended "$right:0" "$right:1"
is "each child waits for its own" "$(of "$right" status dependsOn.0.type) $(children "$right" 2) $(of "$right:0" statusReason)" "PENDING | N_TO_N $F $S PENDING $dependent"
go left
exits "both end" 7 mt wait "$left" "$right" --timeout 20s
is "FAILED" "$(of "$left" statusReason) $(of "$right" statusReason) $(children "$right" 2)" "Array Child Job failed Array Child Job failed $F $S $S"
again=$(submit true --array 3 --depends-on "$left:N_TO_N")
ended "$again"
is "on what has ended long ago" "$(children "$again" 2) $(of "$again:0" statusReason)" "$F $S $S $dependent"
again=$(submit_json "\"arrayProperties\":{\"size\":3},\"dependsOn\":[{\"jobId\":\"$left\",\"type\":\"N_TO_N\"}]")
ended "$again"
is "also in bulk" "$(children "$again" 2)" "$F $S $S"
exits "not on another size" 1 submit true --array 2 --depends-on "$left:N_TO_N"
is "it says so" "$err" "muster: Dependent job $left is N_TO_N, but not an array of the same size"
exits "not of a single job" 1 submit true --depends-on "$left:N_TO_N"
is "it says so" "$err" "muster: dependencies of type N_TO_N and SEQUENTIAL are for array jobs"
exits "not on a single job" 1 submit true --array 2 --depends-on "$gate:N_TO_N"
is "it says so" "$err" "muster: Dependent job $gate is N_TO_N, but not an array of the same size"
stop_daemon "$daemon"
is "the daemon ends with 0" "$?" 0
finish
