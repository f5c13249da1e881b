#!/bin/sh
# Several places of AWS in one daemon, against the double: two accounts by their roles, two regions of which one cannot be reached when the
# daemon starts. What is there waits; the rest goes on.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/aws.sh"
mt() { timeout 100 "$MUSTER" "$@"; }
start_aws || { is "the double starts" no yes; finish; }
double settings '{"runner": "process"}' >/dev/null
export MUSTER_TEST_AWS_SETTLE_MS=3000
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mkdir "$STATE"
cloud near
first=210987654321 second=345678901234
# place NAME PROVIDER: an environment like "near" elsewhere, with a queue of the same name.
place() {
    sed "s/name: near/name: $1/; s|^spec:|&\n  provider: {type: aws, $2}|" src/environment.yaml >"src/$1.yaml"
    resource JobQueue "$1" "{priority: 1, computeEnvironmentOrder: [$1]}" >"src/queue-$1.yaml"
}
place one "region: us-east-1, accountId: \"$first\", roleArn: \"arn:aws:iam::$first:role/muster-controller\""
place two "region: us-east-1, accountId: \"$second\", roleArn: \"arn:aws:iam::$second:role/muster-controller\""
place far 'region: eu-west-1'
start_daemon || { is "daemon starts" no yes; finish; }

# ---- two accounts, and the daemon's own
exits "environments in three accounts and two regions" 0 mt apply src --yes --timeout 60s
in_account() { in_aws "sum(c['status'] == 'ACTIVE' and c['name'] == 'muster-$2' for r in regions if r['account'] == '$1' for c in r['clusters'])"; }
is "one is in the first account" "$(in_account $first one)" 1
is "one in the second" "$(in_account $second two)" 1
is "the others in the daemon's own" "$(in_account 123456789012 near)$(in_account 123456789012 far)" 11
for where in q one two far; do
    exits "a job of $where runs" 0 mt submit --queue $where --definition hello --wait
done
is "each in its account" "$(in_aws "sorted((r['account'], r['region'], len(c['tasks'])) for r in regions for c in r['clusters'])")" \
    "[('123456789012', 'eu-west-1', 1), ('123456789012', 'us-east-1', 1), ('$first', 'us-east-1', 1), ('$second', 'us-east-1', 1)]"
place three "region: us-east-1, accountId: \"$second\", roleArn: \"arn:aws:iam::$first:role/muster-controller\""
before=$(in_aws "sum(len(r['clusters']) for r in regions)")
exits "a role of another account than the one that is named" 5 mt apply src --yes --timeout 6s
like "is refused" "$out" "*the credentials are of account $first, and the environment is to be in $second*"
is "before anything is made" "$(in_aws "sum(len(r['clusters']) for r in regions)")" "$before"
rm src/three.yaml src/queue-three.yaml
exits "without it all is well" 0 mt apply src --yes --timeout 60s

# ---- a region that cannot be reached
here=$(mt submit --queue q --definition hello -- sleep 300)
there=$(mt submit --queue far --definition hello -- sleep 300)
gone=$(mt submit --queue one --definition hello --attempts 1 -- sleep 300)
for id in $here $there $gone; do ok "a job runs" until_like RUNNING job "$id"; done
kill -9 "$daemon" && wait "$daemon" 2>/dev/null
double end-task '{"all": true, "exitCode": 3}' >/dev/null
double fault '{"operation": "*", "region": "eu-west-1", "code": "ServiceUnavailable", "status": 503, "count": 1000000}' >/dev/null
start_daemon || { is "daemon starts again" no yes; finish; }
exits "a new job runs where AWS can be reached" 0 mt submit --queue two --definition hello --wait
exits "a job that ran there ends" 7 mt wait "$here"
is "as it did" "$(job "$here" attempts.0.exitCode)" 3
exits "and in another account" 7 mt wait "$gone"
is "what is in the other region is not taken for lost" "$(job "$there")" RUNNING
waiting=$(mt submit --queue far --definition hello)
ok "a job for it says what it waits for" until_like '*waits for provider aws of compute environment far to report*' mt explain "$waiting"
stopped=$(mt submit --queue q --definition hello -- sleep 300)
ok "another one here runs" until_like RUNNING job "$stopped"
exits "and can be ended" 0 mt terminate "$stopped"
exits "at once" 7 mt wait "$stopped"
is "still the other is not taken for lost" "$(job "$there")" RUNNING
double faults '{"clear": true}' >/dev/null
exits "once it is reached its job ends as it did" 7 mt wait "$there"
is "in its first attempt" "$(job "$there" attempts.0.exitCode)$(job "$there" attempts.1.attempt)" 3null
exits "and the one that waited runs" 0 mt wait "$waiting"

exits "all of it is destroyed" 0 mt destroy src --yes --timeout 60s
ok "in all accounts and regions" until_like 0 in_aws "sum(i['state'] != 'terminated' for r in regions for i in r['instances']) + sum(c['status'] == 'ACTIVE' for r in regions for c in r['clusters']) + sum(len(r['templates']) for r in regions)"
ok "nothing that was sent was wrong" no_violations
stop_daemon "$daemon"
is "the daemon ends with 0" "$?" 0
exits "the recording decides the same" 0 mt simulate --replay "$STATE"
finish
