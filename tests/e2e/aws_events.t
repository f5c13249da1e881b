#!/bin/sh
# What AWS tells by itself, through EventBridge and a queue of SQS, against the double: a daemon that was down for 25 hours knows afterwards
# how each task ended, what is nobody's changes nothing, and a message is deleted once what it told is committed.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/aws.sh"
mt() { timeout 100 "$MUSTER" "$@"; }
start_aws || { is "the double starts" no yes; finish; }
double settings '{"runner": "process"}' >/dev/null
export MUSTER_TEST_AWS_SETTLE_MS=6000 # else a minute: so long what was asked for may be unseen
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mkdir "$STATE"
queue=arn:aws:sqs:us-east-1:123456789012:muster
# told QUEUE: the environment's events are in that queue.
told() { sed -i "/^  provider:/d; s|^spec:|&\n  provider: {type: aws, region: us-east-1, events: {queue: \"$1\"}}|" src/environment.yaml; }
messages() { double queue '{"name": "muster"}' | "$aws_python" -c 'import json, sys; print(json.load(sys.stdin)["messages"])'; }
cloud here
sed -i 's/maxvCpus: .*/maxvCpus: 16/' src/environment.yaml
start_daemon || { is "daemon starts" no yes; finish; }

# ---- which queue
told arn:aws:sqs:eu-west-1:123456789012:muster
exits "a queue of another region" 5 mt apply src --yes --timeout 5s
like "says why" "$out" "*a queue of us-east-1 is needed, where the environment is*"
told "$queue.fifo"
exits "or one that keeps an order" 1 mt plan src
like "says what is asked for" "$err" "*write it as the queue's ARN or URL; a standard queue, not a FIFO one*"
told "$queue"
exits "one that is not there" 0 mt apply src --yes --timeout 50s
exits "does not hold jobs up" 0 mt submit --queue q --definition hello --wait
said() { cat "$WORK"/*.log daemon.log 2>/dev/null; }
ok "and is told of" until_like "*queue $queue cannot be read: QueueDoesNotExist*" said
double queue '{"name": "muster", "copies": 2}' >/dev/null

# ---- down for 25 hours
submit() { mt submit --queue q --definition hello --attempts "$1" -- sh -c "sleep 4; exit $2"; }
good=$(submit 1 0) bad=$(submit 1 3) again=$(submit 2 5)
many=$(mt submit --queue q --definition hello --array 6 -- sh -c 'sleep 4; exit $((AWS_BATCH_JOB_ARRAY_INDEX % 2))')
running() { in_aws "sum(t['lastStatus'] == 'RUNNING' for r in regions for c in r['clusters'] for t in c['tasks'])"; }
ok "jobs run" until_like 9 running
kill -9 "$daemon" && wait "$daemon" 2>/dev/null
ok "and end unseen" until_like 0 running
double advance '{"seconds": 90000}' >/dev/null
is "ECS has forgotten them" "$(tasks)" 0
ran=$(calls ecs:RunTask)
start_daemon || { is "daemon starts again" no yes; finish; }
exits "one ended well" 0 mt wait "$good"
exits "one did not" 7 mt wait "$bad"
is "it is known how" "$(job "$bad" attempts.0.exitCode)" 3
is "it was one attempt" "$(job "$bad" attempts.1.attempt)" null
exits "the array as its children did" 7 mt wait "$many"
is "each of them by itself" "$(job "$many:2")$(job "$many:3")$(job "$many:3" attempts.0.exitCode)" SUCCEEDEDFAILED1
ok "one is tried again, as it failed" until_like 2 job "$again" attempts.1.attempt
is "with what it ended" "$(job "$again" attempts.0.exitCode)" 5
is "nothing else was run again" "$(calls ecs:RunTask)" "$((ran + 1))"
exits "its second attempt fails, too" 7 mt wait "$again"
ok "what was committed is deleted" until_like 0 messages

# ---- what is nobody's
id=$(mt submit --queue q --definition hello -- sleep 60)
ok "a job runs" until_like RUNNING job "$id"
task=$(in_aws "[t['arn'] for r in regions for c in r['clusters'] for t in c['tasks'] if t['lastStatus'] == 'RUNNING'][0]")
ended='"detail": {"lastStatus": "STOPPED", "desiredStatus": "STOPPED", "stopCode": "EssentialContainerExited"}'
double event "{\"task\": \"$task\", $ended, \"members\": {\"account\": \"210987654321\"}}" >/dev/null
double event "{\"task\": \"$task\", $ended, \"members\": {\"source\": \"mine\"}}" >/dev/null
double event "{\"task\": \"$task\", $ended, \"members\": {\"region\": \"eu-west-1\"}}" >/dev/null
double event '{"text": "no event at all"}' >/dev/null
ok "events of others are read" until_like 0 messages
is "and change nothing" "$(job "$id")" RUNNING
asked=$(calls ecs:DescribeTasks)
double end-task "{\"ids\": [\"$task\"], \"exitCode\": 7}" >/dev/null
exits "its own end is told" 7 mt wait "$id"
is "as it was" "$(job "$id" attempts.0.exitCode)" 7
is "and nobody asked for it" "$(calls ecs:DescribeTasks)" "$asked"

back_to_nothing src
finish
