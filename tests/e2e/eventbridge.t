#!/bin/sh
# Job state events as AWS Batch sends them through EventBridge, at a receiver: the envelope, a detail for each state that a job goes
# through, what it holds of single jobs, of children of arrays, and of children that never ran; and what is no job's.
set -u
. "$(dirname "$0")/lib.sh"
for program in python3 openssl; do
    command -v "$program" >/dev/null || { echo "1..0 # SKIP $program is not installed (make deps)"; exit 0; }
done
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mt() { timeout 60 "$MUSTER" "$@"; }
mkdir "$STATE" src got
printf 'provider: local\nname: e2e\n' >src/muster.yaml
resource ComputeEnvironment here '{type: MANAGED}' >src/here.yaml
queue first 1 >src/first.yaml
resource JobDefinition works '{type: container, parameters: {what: everything}, retryStrategy: {attempts: 2}, timeout: {attemptDurationSeconds: 60}, containerProperties: {command: [sh, -c, "exit 0", "Ref::what"], environment: [{name: A, value: b}], resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "64"}]}}' >src/works.yaml
resource JobDefinition fails '{type: container, containerProperties: {command: [sh, -c, "exit 7"], resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "64"}]}}' >src/fails.yaml
port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
perl "$ROOT/tests/e2e/receiver.pl" "$port" "$WORK/got" 2>receiver.err &
daemons="$daemons $!"
echo "a secret of the test" >secret
cat >"$STATE/notify.yaml" <<YAML
destinations:
- {name: bus, events: [job.state, apply.converged], webhook: {url: "http://127.0.0.1:$port/bus", secretFile: $WORK/secret, form: eventbridge, eventSource: lab.batch}}
YAML
chmod 600 "$STATE/notify.yaml"
# told EXPRESSION: what Python makes of what came: events is the list of the envelopes, of(JOB) those of a job, states(JOB) theirs.
told() {
    python3 -c '
import glob, json, re, sys
def body(path):
    return open(path, encoding="utf-8").read().split("\n\n", 1)[1]
events = [json.loads(body(path)) for path in sorted(glob.glob("got/[0-9]*[0-9]"))]
MEMBERS = {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}
for event in events:
    assert set(event) == MEMBERS and event["version"] == "0" and event["source"] == "lab.batch", event
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", event["id"]), event
    assert re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z", event["time"]), event
    assert re.fullmatch(r"[0-9]{12}", event["account"]) and event["region"], event
    if event["detail-type"] == "Batch Job State Change":
        detail = event["detail"]
        assert event["resources"] == [detail["jobArn"]] == [detail["tags"]["resourceArn"]], event
        assert detail["jobArn"].endswith(":job/" + detail["jobId"]) and ":job-queue/first" in detail["jobQueue"], event
        assert {"jobName", "status", "attempts", "createdAt", "jobDefinition", "parameters", "container"} <= set(detail), event
        assert ("stoppedAt" in detail) <= (detail["status"] in ("SUCCEEDED", "FAILED")), event
def of(job):
    return [e["detail"] for e in events if e["detail"].get("jobId") == job]
def states(job):
    return " ".join(d["status"] for d in of(job))
print(eval(sys.argv[1]))' "$1"
}
start_daemon src || { is "daemon starts" no yes; finish; }
ok "what is there is applied" until_ok mt get JobQueue first
ok "who is told is known" until_like '*bus *ok *webhook*' mt status
is "each envelope is one so far" "$(told 'len(events)')" "$(find got -name '[0-9]*[0-9]' | wc -l)"

# ---- a single job
exits "a job runs" 0 mt submit --queue first --definition works --wait
job=$out
ok "each state that it went through is told" until_like "STARTING RUNNING SUCCEEDED" told "states('$job')"
is "with its definition" "$(told "of('$job')[0]['jobDefinition'].split(':')[-2:]")" "['job-definition/works', '1']"
is "its parameters" "$(told "of('$job')[0]['parameters']")" "{'what': 'everything'}"
is "how often it is tried" "$(told "of('$job')[0]['retryStrategy']['attempts']")" 2
is "how long it may take" "$(told "of('$job')[0]['timeout']")" "{'attemptDurationSeconds': 60}"
is "its variables" "$(told "of('$job')[0]['container']['environment']")" "[{'name': 'A', 'value': 'b'}]"
is "its need" "$(told "sorted((r['type'], r['value']) for r in of('$job')[0]['container']['resourceRequirements'])")" "[('MEMORY', '64'), ('VCPU', '1')]"
is "when it began and ended, once it has" "$(told "['stoppedAt' in d for d in of('$job')]")" "[False, False, True]"
is "its times are in order" "$(told "of('$job')[-1]['createdAt'] <= of('$job')[-1]['startedAt'] <= of('$job')[-1]['stoppedAt']")" True

# ---- one that fails, an array, children that never ran
exits "a job fails" 7 mt submit --queue first --definition fails --wait
job=$out
ok "which is told" until_like "* FAILED" told "states('$job')"
is "with its attempt" "$(told "[a['container']['exitCode'] for a in of('$job')[-1]['attempts']]")" "[7]"
exits "an array runs" 0 mt submit --queue first --definition works --array 2 --wait
array=$out
ok "each child is told" until_like "*SUCCEEDED" told "states('$array:1')"
is "with its place" "$(told "of('$array:1')[-1]['arrayProperties']['index'], of('$array:1')[-1]['arrayProperties']['size']")" "(1, 2)"
ok "and the array itself" until_like "*SUCCEEDED" told "states('$array')"
exits "another one fails before it begins" 7 mt submit --queue first --definition works --array 5 --depends-on "$job" --wait
never=$out
ok "its children are one event" until_like "*FAILED" told "states('$never:0')"
is "which says up to which" "$(told "of('$never:0')[-1]['arrayProperties']['index'], of('$never:0')[-1]['arrayProperties']['lastIndex']")" "(0, 4)"

# ---- the rest
like "what is no job's comes as ours" "$(told "[e['detail']['type'] for e in events if e['detail-type'] == 'Muster Event']")" "*apply.converged*"
is "ids are unique" "$(told "len({e['id'] for e in events}) == len(events)")" True
one=$(find got -name '[0-9]*[0-9]' | sort | head -1)
head_of() { sed -n "s/^$1: //Ip" "$one" | head -1; }
is "signed as other webhooks are" "$(head_of webhook-signature)" "v1,$(printf '%s.%s.%s' "$(head_of webhook-id)" "$(head_of webhook-timestamp)" "$(sed '1,/^$/d' "$one")" | openssl dgst -sha256 -hmac "a secret of the test" -binary | base64)"
stop_daemon "$daemon"
is "the daemon ends with 0" "$?" 0
exits "its recording holds" 0 mt simulate --replay "$STATE"
finish
