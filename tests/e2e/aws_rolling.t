#!/bin/sh
# Rolling updates of what instances are made from, against the double: the older ones take no new jobs and end when they are idle; jobs run to
# their end, or are ended at once where updatePolicy says so; there and back, so that no order between generations can be taken for one.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/aws.sh"
mt() { timeout 60 "$MUSTER" "$@"; }
start_aws || { is "the double starts" no yes; finish; }
double settings '{"runner": "process"}' >/dev/null
export MUSTER_TEST_AWS_SETTLE_MS=3000
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mkdir "$STATE"
cloud here
start_daemon || { is "daemon starts" no yes; finish; }
exits "an environment" 0 mt apply src --yes
on() { job "$1" attempts.0.instance; }
live() { in_aws "sorted(i['id'] for i in r['instances'] if i['state'] in ('pending', 'running')) if (r := regions[0]) else 0"; }
# roll KEY: another key pair on instances, or none.
roll() {
    sed -i '/ec2KeyPair/d' src/environment.yaml
    [ -z "$1" ] || printf '    ec2KeyPair: %s\n' "$1" >>src/environment.yaml
    run mt plan src --no-forecast
    like "the plan to $2 says how" "$out" "*ComputeEnvironment/here*rolling*ec2KeyPair*rolling: 1 unfinished job finish first*"
    exits "$2" 0 mt apply src --yes
}
drains() { mt describe computeenvironment here; }
there_and_back() { # KEY WORDS
    long=$(mt submit --queue q --definition hello -- sleep 300)
    ok "a job runs" until_like RUNNING job "$long"
    old=$(on "$long")
    roll "$1" "$2"
    short=$(mt submit --queue q --definition hello)
    exits "$2: a new job" 0 mt wait "$short"
    ok "$2: is not on the older instance, which has room" [ "$(on "$short")" != "$old" ]
    is "$2: where the job goes on" "$(job "$long")" RUNNING
    double end-task "{\"ids\": [\"$(job "$long" attempts.0.task)\"], \"exitCode\": 0}" >/dev/null
    exits "$2: to its end" 0 mt wait "$long"
    ok "$2: then the older instance ends" until_like terminated in_aws "[i['state'] for r in regions for i in r['instances'] if i['id'] == '$old'][0]"
}
there_and_back default "a key"
there_and_back "" "no key"

# ---- jobs that are not waited for
printf '  updatePolicy: {terminateJobsOnUpdate: true}\n' >>src/environment.yaml
exits "what happens to jobs is no update of instances" 0 mt apply src --yes
long=$(mt submit --queue q --definition hello --attempts 2 -- sh -c 'sleep 20')
ok "a job runs" until_like RUNNING job "$long"
old=$(on "$long")
sed -i '/ec2KeyPair/d; s/^    maxvCpus: .*/&\n    ec2KeyPair: default/' src/environment.yaml
run mt plan src --no-forecast
like "the plan says what becomes of it" "$out" "*rolling: terminates 1 unfinished job at once (updatePolicy)*"
exits "an update" 0 mt apply src --yes
ok "ends it" until_like terminated in_aws "[i['state'] for r in regions for i in r['instances'] if i['id'] == '$old'][0]"
again() { job "$long" attempts.1.instance; }
ok "and it runs again elsewhere" until_like 'i-*' again
mt terminate "$long" >/dev/null
back_to_nothing src
finish
