#!/bin/sh
# One job: retry strategy, attempts, cancel and terminate, exit codes of wait and logs, parameters, environment. The
# texts are Batch's.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/semantics.sh"
exited="Essential container in task exited"
manifest base ComputeEnvironment narrow '{type: MANAGED, computeResources: {type: EC2, maxvCpus: 1}}'
manifest base JobQueue narrow '{priority: 1, computeEnvironmentOrder: [narrow]}'
definition thrice 1 16 ', retryStrategy: {attempts: 3}'
manifest definitions JobDefinition words "{type: container, parameters: {first: one, second: two words, third: 'Ref::first'}, containerProperties: {command: [printf, '<%s>', 'Ref::first', 'Ref::second', '--in=Ref::first.txt', 'Ref::none', 'Ref::third', 'Ref::first-1'], environment: [{name: KEPT, value: definition}, {name: OTHER, value: 'Ref::first'}], $(needs 1 16)}}"
export SECRET_OF_THE_DAEMON=leaked
ready

# ---- retry strategy
id=$(submit_json '"parameters":{"do":"echo $AWS_BATCH_JOB_ATTEMPT; exit 3"},"retryStrategy":{"attempts":3}')
exits "all attempts fail" 7 mt wait "$id" --timeout 30s
like "wait shows the exit code and the reason" "$out" "*FAILED     3  $exited"
is "three attempts" "$(of "$id" status statusReason attempts.# attempts.0.attempt attempts.2.attempt)" "FAILED | $exited | 3 | 1 | 3"
is "each with its end" "$(of "$id" attempts.0.exitCode attempts.0.statusReason attempts.0.environment attempts.1.exitCode attempts.0.reason)" "3 | $exited | here | 3 | -"
is "each with its log" "$(output "$id" --attempt 1) $(output "$id" --attempt 2) $(output "$id" --attempt 3) $(output "$id")" "1 2 3 3"
exits "describe lists them" 0 mt describe "$id"
is "in rows" "$(printf '%s\n' "$out" | grep -c "^ *[123]  .*  3  here  *$exited")" 3
id=$(submit 'test $AWS_BATCH_JOB_ATTEMPT = 2' --attempts 10)
exits "an attempt that succeeds ends it" 0 mt wait "$id" --timeout 30s
is "SUCCEEDED has the same words" "$(of "$id" status statusReason attempts.# attempts.0.exitCode attempts.1.exitCode)" "SUCCEEDED | $exited | 2 | 1 | 0"
id=$(mt submit --queue main --definition thrice --parameter do=false)
ended "$id"
is "the definition's strategy" "$(of "$id" attempts.# retryStrategy.attempts)" "3 | 3"
id=$(mt submit --queue main --definition thrice --parameter do=false --attempts 1)
ended "$id"
is "is replaced as a whole" "$(of "$id" attempts.# retryStrategy.attempts)" "1 | 1"

# tried NAME ATTEMPTS DO RULES: how many of four attempts are made
tried() {
    id=$(submit_json "\"parameters\":{\"do\":\"$3\"},\"retryStrategy\":{\"attempts\":4,\"evaluateOnExit\":[$4]}")
    ended "$id"
    is "$1" "$(of "$id" status attempts.#)" "FAILED | $2"
}
tried "onExitCode, EXIT in any case" 1 'exit 34' '{"onExitCode":"3*","action":"exIT"}'
tried "a whole number, not a prefix" 4 'exit 34' '{"onExitCode":"3","action":"EXIT"}'
tried "no match is a retry" 4 'exit 8' '{"onExitCode":"9","action":"EXIT"},{"onReason":"Host*","action":"EXIT"}'
tried "the first match wins: RETRY" 4 'exit 7' '{"onExitCode":"7","action":"retry"},{"onExitCode":"*","action":"EXIT"}'
tried "the first match wins: EXIT" 1 'exit 7' '{"onExitCode":"*","action":"Exit"},{"onExitCode":"7","action":"RETRY"}'
tried "onStatusReason" 1 'exit 1' '{"onStatusReason":"Essential container*","action":"EXIT"}'
tried "is compared with the whole text" 4 'exit 1' '{"onStatusReason":"Essential","action":"EXIT"}'
tried "and by case" 4 'exit 1' '{"onStatusReason":"essential*","action":"EXIT"}'
tried "* matches a reason that is not there" 1 'exit 1' '{"onReason":"*","action":"EXIT"}'
tried "all patterns of a rule must match" 4 'exit 1' '{"onExitCode":"1","onReason":"Host*","action":"EXIT"}'
tried "and do" 1 'exit 1' '{"onExitCode":"1","onStatusReason":"Essential*","action":"EXIT"}'
id=$(submit_json '"parameters":{"do":"exit $((AWS_BATCH_JOB_ATTEMPT + 4))"},"retryStrategy":{"attempts":9,"evaluateOnExit":[{"onExitCode":"7","action":"EXIT"}]}')
ended "$id"
is "rules look at each attempt" "$(of "$id" attempts.# attempts.2.exitCode)" "3 | 7"
id=$(submit_json '"containerOverrides":{"command":["/no/such"]},"retryStrategy":{"attempts":2,"evaluateOnExit":[{"onExitCode":"*","onReason":"Other*","action":"EXIT"}]}')
ended "$id"
is "what cannot start is an attempt" "$(of "$id" status statusReason attempts.# attempts.0.statusReason attempts.0.reason)" \
    'FAILED | Task failed to start | 2 | Task failed to start | CannotStartContainerError: exec "/no/such": No such file or directory'
is "without exit code and start" "$(of "$id" attempts.0.exitCode attempts.0.startedAt startedAt)" "- | - | -"
id=$(submit_json '"containerOverrides":{"command":["/no/such"]},"retryStrategy":{"attempts":2,"evaluateOnExit":[{"onReason":"CannotStartContainerError:*","action":"EXIT"}]}')
ended "$id"
is "onReason" "$(of "$id" attempts.#)" 1
mt status >status.out
if grep -q 'memory limits: cgroup' status.out; then
    id=$(submit_json '"parameters":{"do":"exec tail /dev/zero"},"retryStrategy":{"attempts":3,"evaluateOnExit":[{"onReason":"OutOfMemoryError*","action":"EXIT"}]}')
    ended "$id"
    is "too much memory" "$(of "$id" attempts.# attempts.0.exitCode attempts.0.reason)" "1 | 137 | OutOfMemoryError: Container killed due to memory usage"
else
    skip "too much memory" "no cgroup to limit it"
fi
id=$(submit 'kill -9 $$')
ended "$id"
is "killed by itself is no OutOfMemoryError" "$(of "$id" attempts.0.exitCode attempts.0.reason)" "137 | -"
# The launcher is this provider's host: what it ran is lost with it.
id=$(submit_json "\"parameters\":{\"do\":\"echo \$\$ >>$WORK/pids; $(hold lost)\"},\"retryStrategy\":{\"attempts\":3,\"evaluateOnExit\":[{\"onStatusReason\":\"Host EC2*\",\"action\":\"RETRY\"},{\"onReason\":\"*\",\"action\":\"EXIT\"}]}")
began lost
read -r pid _ <"$(find "$STATE" -path '*launcher*' -name lock)"
ok "kill the launcher" kill -9 "$pid"
began lost
ok "the first attempt is gone when the second runs" gone "$(head -n 1 pids)"
go lost
exits "a lost attempt is tried again by rule" 0 mt wait "$id" --timeout 20s
is "and says so in Batch's words" "$(of "$id" attempts.# attempts.0.statusReason attempts.0.exitCode attempts.1.exitCode)" "2 | Host EC2 (instance local) terminated. | - | 0"
for strategy in '{"evaluateOnExit":[{"onExitCode":"1","action":"EXIT"}]}' '{"attempts":11}' '{"attempts":0}' \
    '{"attempts":2,"evaluateOnExit":[{"action":"EXIT"}]}' '{"attempts":2,"evaluateOnExit":[{"onExitCode":"1","action":"STOP"}]}' \
    '{"attempts":2,"evaluateOnExit":[{"onExitCode":"1*3","action":"EXIT"}]}'; do
    exits "refused: $strategy" 1 submit_json "\"retryStrategy\":$strategy"
done
exits "an attempt runs a minute at least" 1 submit true --timeout 59
is "it says so" "$err" "muster: timeout.attemptDurationSeconds: timeout.attemptDurationSeconds must be at least 60, is 59"

# ---- cancel and terminate
first=$(mt submit --queue narrow --definition sh --parameter "do=$(hold first)")
second=$(mt submit --queue narrow --definition sh --attempts 3)
third=$(mt submit --queue main --definition sh --depends-on "$second")
late=$(mt submit --queue main --definition sh --depends-on "$first")
began first
is "who waits says for what" "$(of "$second" status waiting)" "RUNNABLE | waits for 1 vCPU; 0 of 1 free (maxvCpus)"
is "a dependent waits in PENDING" "$(of "$late" status statusReason)" "PENDING | -"
exits "cancel a RUNNABLE job" 0 mt cancel "$second" --reason "not needed"
is "cancel tells what became of it" "$out" "$second FAILED"
is "FAILED with the caller's reason" "$(of "$second" status statusReason attempts.#)" "FAILED | not needed | 0"
exits "what waited for it" 7 mt wait "$third"
is "fails with it" "$(of "$third" statusReason)" "Dependent Job failed"
exits "cancel a PENDING job" 0 mt cancel "$late" --reason "nor that"
is "needs no end of what it waits for" "$(of "$late" status statusReason)" "FAILED | nor that"
exits "cancel a RUNNING job" 0 mt cancel "$first" --reason "no effect"
is "has no effect" "$(of "$first" status statusReason)" "RUNNING | -"
batch describejobs "{\"jobs\":[\"$first\",\"$second\"]}"
is "the marks of Batch" "$(picked .batch jobs.0.isCancelled jobs.0.isTerminated jobs.1.isCancelled jobs.1.isTerminated)" "false | false | true | false"
go first
exits "it ends in its own time" 0 mt wait "$first" --timeout 30s
exits "terminate a finished job" 0 mt terminate "$first" --reason late
is "changes nothing" "$(of "$first" status statusReason)" "SUCCEEDED | $exited"

mkfifo trap.up
id=$(submit "trap 'echo asked; exit 9' TERM; sleep 60 & echo \$! >sleeper; cp sleeper $WORK/sleeper; echo up >$WORK/trap.up; wait" --attempts 3)
began trap
exits "terminate a RUNNING job" 0 mt terminate "$id" --reason "seen enough: 1"
exits "wait" 7 mt wait "$id" --timeout 20s
like "shows the reason" "$out" "*FAILED     9  seen enough: 1"
is "it is asked first, and not tried again" "$(of "$id" status statusReason attempts.# attempts.0.exitCode) $(output "$id")" "FAILED | seen enough: 1 | 1 | 9 asked"
ok "what it left behind is gone" gone "$(cat sleeper)"
batch describejobs "{\"jobs\":[\"$id\"]}"
is "terminated, not cancelled" "$(picked .batch jobs.0.isCancelled jobs.0.isTerminated jobs.0.statusReason)" "false | true | seen enough: 1"
first=$(mt submit --queue narrow --definition sh --parameter "do=$(hold fourth)")
second=$(mt submit --queue narrow --definition sh)
began fourth
exits "terminate of a RUNNABLE job" 0 mt terminate "$second" --reason "is a cancel"
batch describejobs "{\"jobs\":[\"$second\"]}"
is "and is marked so" "$(picked .batch jobs.0.status jobs.0.statusReason jobs.0.isCancelled jobs.0.isTerminated)" "FAILED | is a cancel | true | false"
exits "several at once" 0 mt terminate "$first" "$second"
exits "wait for both" 7 mt wait "$first" "$second" --timeout 20s

# ---- exit codes
id=$(submit "$(hold slow)")
began slow
exits "wait that ends first" 5 mt wait "$id" --timeout 10ms
like "says that the work goes on" "$err" "muster: wait: not done after * the work goes on"
go slow
exits "then it is done" 0 mt wait "$id" --timeout 20s
for what in wait logs cancel "describe job"; do
    # shellcheck disable=SC2086
    exits "$what of an unknown job" 6 mt $what 00000000-0000-4000-8000-000000000000
    is "says so" "$err" 'muster: there is no job "00000000-0000-4000-8000-000000000000"'
done
exits "logs of what never ran" 6 mt logs "$second"

# ---- parameters
id=$(mt submit --queue main --definition words)
ended "$id"
is "a definition's values" "$(output "$id")" "<one><two words><--in=one.txt><Ref::none><Ref::first><Ref::first-1>"
id=$(mt submit --queue main --definition words --parameter first=1 --parameter "second=a b" --parameter none=some --parameter extra=x --parameter 'third=$HOME')
ended "$id"
is "a job's values win, one by one" "$(output "$id")" '<1><a b><--in=1.txt><some><$HOME><Ref::first-1>'
is "describe has the command as it ran" "$(of "$id" container.command)" '["printf","<%s>","1","a b","--in=1.txt","some","$HOME","Ref::first-1"]'
batch describejobs "{\"jobs\":[\"$id\"]}"
is "and the parameters merged" "$(picked .batch jobs.0.parameters.second jobs.0.parameters.extra)" "a b | x"
id=$(mt submit --queue main --definition words --parameter first=X -- echo Ref::first Ref::second)
ended "$id"
is "another command is substituted too" "$(output "$id")" "X two words"

# ---- environment
id=$(mt submit --queue main --definition words --env ADDED=1 --env KEPT=job -- env)
ended "$id"
is "nothing but this" "$(output "$id" | sed -E 's/=[0-9a-f]{32}$/=TOKEN/; s|=/.*/work/|=WORK/|; s/'"$id"'/ID/' | grep -v '^PATH=' | sort)" "ADDED=1
AWS_BATCH_CE_NAME=here
AWS_BATCH_JOB_ATTEMPT=1
AWS_BATCH_JOB_ID=ID
AWS_BATCH_JQ_NAME=main
HOME=WORK/ID.1
KEPT=job
MUSTER_LAUNCH_TOKEN=TOKEN
OTHER=Ref::first"
id=$(mt submit --queue narrow --definition sh --attempts 2 --parameter 'do=echo $AWS_BATCH_JQ_NAME $AWS_BATCH_CE_NAME $AWS_BATCH_JOB_ATTEMPT $SECRET_OF_THE_DAEMON; pwd | grep -c "^$HOME$"; test $AWS_BATCH_JOB_ATTEMPT = 2')
ended "$id"
is "queue, environment and attempt" "$(output "$id" --attempt 1) $(output "$id")" "narrow narrow 1
1 narrow narrow 2
1"
exits "AWS_BATCH is Batch's" 1 submit true --env AWS_BATCH_MINE=1
like "it says so" "$err" "*AWS_BATCH*"
stop_daemon "$daemon"
is "the daemon ends with 0" "$?" 0
finish
