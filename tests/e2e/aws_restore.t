#!/bin/sh
# A state from yesterday, against the double: what was started since is adopted by its tags, the same task in the same attempt; what ended
# since is recorded where AWS still tells of it; instances are kept; tasks of jobs that the state never heard of are held, told of, and end
# by themselves or by command. Nothing runs twice.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/aws.sh"
mt() { timeout 60 "$MUSTER" "$@"; }
start_aws || { is "the double starts" no yes; finish; }
double settings '{"taskSeconds": null}' >/dev/null # until it is ended
export MUSTER_TEST_AWS_SETTLE_MS=2000 # else a minute, and ten until what nobody knows is ended
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mkdir "$STATE"
cloud here
sed -i 's/maxvCpus: 8/maxvCpus: 4/' src/environment.yaml
resource ComputeEnvironment far '{computeResources: {type: FARGATE, maxvCpus: 8, subnets: [subnet-0000000000000000a], securityGroupIds: [sg-00000000000000001]}}' >src/far.yaml
resource JobQueue far '{priority: 1, computeEnvironmentOrder: [far]}' >src/far-queue.yaml
resource JobDefinition small '{type: container, platformCapabilities: [FARGATE], containerProperties: {image: busybox, command: [sh, -c, "exit 0"],
  executionRoleArn: "arn:aws:iam::123456789012:role/execution", resourceRequirements: [{type: VCPU, value: "0.25"}, {type: MEMORY, value: "512"}]}}' >src/small.yaml
resource JobDefinition pair '{type: container, ecsProperties: {taskProperties: [{containers: [
  {name: aside, image: busybox, essential: false, command: [sh, -c, "exit 0"], resourceRequirements: [{type: VCPU, value: "0.5"}, {type: MEMORY, value: "64"}]},
  {name: main, image: busybox, command: [sh, -c, "exit 0"], resourceRequirements: [{type: VCPU, value: "0.5"}, {type: MEMORY, value: "64"}]}]}]}}' >src/pair.yaml
resource JobDefinition gang '{type: multinode, nodeProperties: {numNodes: 2, mainNode: 0, nodeRangeProperties: [{targetNodes: "0:", container: {
  image: busybox, command: [sh, -c, "exit 0"], resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "64"}]}}]}}' >src/gang.yaml
# What ends as soon as it runs, where its containers differ.
double outcome '{"match": {"family": "muster-pair"}, "containers": {"aside": {"seconds": 0.1, "exitCode": 0}, "main": {"seconds": 1, "exitCode": 5}}}' >/dev/null
submit() { mt submit --queue q --definition hello "$@"; }
# end ID EXIT-CODE [ATTEMPT]: the task of its first attempt, or another, ends.
end() { double end-task "{\"ids\": [\"$(job "$1" "attempts.${3:-0}.task")\"], \"exitCode\": $2}" >/dev/null; }
wanted() { in_aws "[t['desiredStatus'] for r in regions for c in r['clusters'] for t in c['tasks'] if t['arn'] == '$1'][0]"; }
running() { in_aws "sum(t['desiredStatus'] == 'RUNNING' for r in regions for c in r['clusters'] for t in c['tasks'])"; }
start_daemon || { is "daemon starts" no yes; finish; }
exits "an environment" 0 mt apply src --yes
known=$(submit) gate=$(submit) flaky=$(submit --attempts 3) forgotten=$(submit --attempts 3)
for one in "$known" "$gate" "$flaky" "$forgotten"; do ok "a job runs" until_like RUNNING job "$one"; done
behind=$(submit --depends-on "$gate") queued=$(submit) quick=$(submit) broken=$(submit) stopped=$(submit) array=$(submit --array 2)
far=$(mt submit --queue far --definition small --depends-on "$gate") pair=$(mt submit --queue q --definition pair --depends-on "$gate")
gang=$(mt submit --queue q --definition gang --depends-on "$gate")
is "others wait: for one that runs" "$(job "$behind")" PENDING
is "and for room" "$(job "$queued")" RUNNABLE
exits "a backup" 0 mt backup yesterday.db

# ---- a day goes by
end "$forgotten" 1
ok "an attempt fails, and another runs" until_like 'arn:*' job "$forgotten" attempts.1.task
ok "for good" until_like RUNNING job "$forgotten"
double advance '{"seconds": 4000}' >/dev/null # of the first one AWS tells nothing any more
sed -i 's/maxvCpus: 4/maxvCpus: 24/' src/environment.yaml
exits "there is more room" 0 mt apply src --yes
for one in "$queued" "$quick" "$broken" "$stopped" "$array:0" "$array:1"; do ok "what waited runs" until_like RUNNING job "$one"; done
end "$gate" 0
for one in "$behind" "$far" "$gang"; do ok "what waited for another runs" until_like RUNNING job "$one"; done
ok "and has ended, by the container that counts" until_like FAILED job "$pair"
is "as it says" "$(job "$pair" attempts.0.exitCode)" 5
end "$flaky" 1
ok "an attempt fails, and another runs" until_like 'arn:*' job "$flaky" attempts.1.task
ok "for good" until_like RUNNING job "$flaky"
end "$quick" 0
ok "one ends well" until_like SUCCEEDED job "$quick"
end "$broken" 3
ok "one fails" until_like FAILED job "$broken"
mt terminate "$stopped" >/dev/null # which takes its task's tags
ok "one is terminated" until_like FAILED job "$stopped"
later=$(submit) gone=$(submit) doomed=$(submit)
for one in "$later" "$gone" "$doomed"; do ok "a job that is submitted since runs" until_like RUNNING job "$one"; done
end "$gone" 0
ok "one of them ends" until_like SUCCEEDED job "$gone"
tasks_of() { for one in "$known" "$far" "$behind" "$queued" "$array:0" "$array:1"; do job "$one" attempts.0.task; done; job "$flaky" attempts.1.task; job "$forgotten" attempts.1.task; }
before=$(tasks_of)
held=$(job "$later" attempts.0.task) ended=$(job "$doomed" attempts.0.task)
hosts() { in_aws "[t['instance'] for r in regions for c in r['clusters'] for t in c['tasks'] if t['desiredStatus'] == 'RUNNING' and t['arn'] in '$(echo $before $held)'.split()]"; }
is "so many tasks run" "$(running)" 12
runs=$(calls ecs:RunTask) on=$(hosts)
kill -9 "$daemon" && wait "$daemon" 2>/dev/null

# ---- the state of before
exits "is restored" 0 mt restore yesterday.db --force
start_daemon || { is "daemon starts again" no yes; finish; }
ok "it looks at what is there" until_like '*state.restored*' mt events
for one in "$known" "$far" "$behind" "$queued" "$array:0" "$array:1" "$flaky" "$forgotten"; do is "what runs goes on" "$(job "$one")" RUNNING; done
is "in the same tasks" "$(tasks_of)" "$before"
is "what ended since has ended: well" "$(job "$gate")/$(job "$quick")" SUCCEEDED/SUCCEEDED
is "or not" "$(job "$broken")/$(job "$broken" attempts.0.exitCode)" FAILED/3
is "what was stopped is not run again" "$(job "$stopped")" FAILED
is "by the container that counts" "$(job "$pair")/$(job "$pair" attempts.0.exitCode)" FAILED/5
is "an attempt that failed has" "$(job "$flaky" attempts.0.exitCode)" 1
like "one that AWS has forgotten is over, and says so" "$(job "$forgotten" attempts.0.statusReason)" "*a later one was found*"
run mt events
like "how many went on is told" "$out" "*state.restored*11 were adopted by their jobs, 2 are held, 2 were ended*"
exits "what is held is listed" 0 mt status
like "with its task and how to end it" "$out" "*Held:*job $later, attempt 1, in here*: $held*muster terminate $later*"
exits "a job that it never heard of is none" 6 mt get jobs "$later"

# ---- nodes begin again, once those that ran are gone
ok "nodes were ended, and run again" until_like RUNNING job "$gang"
nodes() { in_aws "sum(t['tags'].get('muster/job', '').startswith('$gang/') for r in regions for c in r['clusters'] for t in c['tasks'] if t['desiredStatus'] == 'RUNNING')"; }
ok "both" until_like 2 nodes
is "and nothing else" "$(calls ecs:RunTask)" $((runs + 2))

# ---- looks for what nobody knows go on, and another process finds the same
looked=$(calls ec2:DescribeInstances)
several() { [ "$(calls ec2:DescribeInstances)" -gt "$((looked + 8))" ]; }
ok "it is looked for what nobody knows" until_ok several
is "nothing was ended, nothing was run" "$(running)/$(calls ecs:RunTask)" "12/$((runs + 2))"
is "on the same hosts" "$(hosts)" "$on"
stop_daemon "$daemon"
exits "what the daemon did is done again alike" 0 mt simulate --replay "$STATE"
start_daemon || { is "daemon starts again" no yes; finish; }
ok "what is held is held by the next process" until_like "*job $later*" mt status
looked=$(calls ec2:DescribeInstances)
ok "which looks, too" until_ok several
is "and ends nothing" "$(running)/$(calls ecs:RunTask)" "12/$((runs + 2))"

# ---- the ends of what is held
exits "it is ended by its job" 0 mt terminate "$doomed"
ok "so its task is" until_like STOPPED wanted "$ended"
is "and the other one is not" "$(wanted "$held")" RUNNING
double end-task "{\"ids\": [\"$held\"], \"exitCode\": 7}" >/dev/null
ok "how it ended by itself is told" until_like "*environment.released*$later*exit code 7*" mt events
released() { mt status | grep -c '^Held:'; }
is "nothing is held any more" "$(released)" 0

# ---- and those of what was adopted
for one in "$known" "$behind" "$queued" "$array:0" "$array:1"; do end "$one" 0; done
end "$flaky" 0 1
end "$forgotten" 0 1
end "$far" 0
double end-task '{"family": "muster-gang"}' >/dev/null
exits "all jobs end well" 0 mt wait "$far" "$gang" "$known" "$behind" "$queued" "$array" "$flaky" "$forgotten"
is "none ran twice" "$(calls ecs:RunTask)" $((runs + 2))
back_to_nothing src
finish
