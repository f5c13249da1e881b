#!/bin/sh
# Who may use the API over TCP: keys and what they may do, signatures, clocks, replays, limits, TLS. The client is botocore.
set -u
. "$(dirname "$0")/lib.sh"
STATE=$WORK/state
export MUSTER_STATE="$STATE"
for python in python3 /usr/bin/python3; do "$python" -c 'import botocore' 2>/dev/null && break; python=; done
[ -n "$python" ] || { echo "1..0 # SKIP python3-botocore is not installed (make deps)"; exit 0; }
export AWS_EC2_METADATA_DISABLED=true PYTHONDONTWRITEBYTECODE=1
mt() { timeout 60 "$MUSTER" "$@"; }
# api KEY ARGUMENTS…: a call with that key
api() {
    key=$1
    shift
    (. "$WORK/$key.env" && export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY && timeout 60 "$python" "$ROOT/tests/support/api_client.py" "$@")
}
make_key() { name=$1; shift; mt key create "$name" "$@" >"$WORK/$name.env" 2>"$WORK/.err"; }
base() { sed -n 's,.*listening at \(https\{0\,1\}://[^ ]*\)/ .*,\1,p' "$WORK/daemon.log" | tail -1; }
mkdir src
printf 'provider: local\nname: team\n' >src/muster.yaml
cat >src/all.yaml <<'Y'
apiVersion: muster/v1
kind: ComputeEnvironment
metadata: {name: here}
spec: {type: MANAGED}
---
apiVersion: muster/v1
kind: JobQueue
metadata: {name: fast}
spec: {priority: 5, computeEnvironmentOrder: [here]}
---
apiVersion: muster/v1
kind: JobQueue
metadata: {name: slow}
spec: {priority: 1, computeEnvironmentOrder: [here]}
---
apiVersion: muster/v1
kind: JobDefinition
metadata: {name: ok}
spec: {type: container, containerProperties: {command: ["true"], resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "16"}]}}
Y

# ---- keys
exits "apply" 0 mt apply src --yes
exits "no keys yet" 0 mt key list
like "it says how one is made" "$out" "*muster key create*"
exits "a key without a scope" 1 mt key create x
like "is told what is missing" "$err" "*--scope is expected*"
exits "a scope that is none" 1 mt key create x --scope all
exits "what is no action" 1 mt key delete x
ok "a key that looks" make_key reader --scope read
ok "one that submits to a queue" make_key ci --scope submit --allow-queue fast --for 90d
ok "one that may do everything" make_key admin --scope admin
ok "a slow one" make_key slow --scope read --rate 1
exits "a name is one key's" 3 mt key create ci --scope read
like "and says so" "$err" "*there is a key \"ci\" already*"
exits "list" 0 mt key list
like "shows what they may" "$out" "*NAME*ci*MUSTER*submit*queues fast*reader*read*"
exits "events" 0 mt events
like "who made them" "$out" "*key.created*key/ci*(submit): created by $(id -un)*"
secret=$(sed -n 's/AWS_SECRET_ACCESS_KEY=//p' ci.env)
is "the secret is kept nowhere" "$(grep -rlF -- "$secret" "$STATE" | wc -l)" 0
is "the key file is its owner's" "$(stat -c %a "$STATE/key-file")" 600

# ---- the API
start_daemon src --listen 127.0.0.1:0 || { is "daemon starts" no yes; finish; }
url=$(base)
exits "a signed read" 0 api reader "$url" batch DescribeJobQueues
like "is answered" "$out" '*"jobQueueName": "fast"*'
submit='{"jobName": "a", "jobQueue": "fast", "jobDefinition": "ok"}'
exits "a signed submission" 0 api ci --retries 8 "$url" batch SubmitJob "$submit"
id=$(printf %s "$out" | sed -n 's/.*"jobId": "\([^"]*\)".*/\1/p')
exits "is a job" 0 mt wait "$id"

# ---- who is refused
printf 'AWS_ACCESS_KEY_ID=MUSTERAAAAAAAAAAAAAA\nAWS_SECRET_ACCESS_KEY=x\n' >unknown.env
sed 's/SECRET_ACCESS_KEY=.*/SECRET_ACCESS_KEY=wrong/' reader.env >wrong.env
exits "an unknown key" 1 api unknown "$url" batch DescribeJobQueues
like "is told as AWS tells it" "$out" "UnrecognizedClientException: *"
exits "a wrong secret" 1 api wrong "$url" batch DescribeJobQueues
like "too" "$out" "InvalidSignatureException: The request signature we calculated*"
exits "a clock ten minutes ahead" 1 api reader --skew 600 "$url" batch DescribeJobQueues
like "is told that its time is wrong" "$out" "InvalidSignatureException: Signature expired*"
exits "one behind" 1 api reader --skew -600 "$url" batch DescribeJobQueues
exits "two minutes are fine" 0 api reader --skew 120 "$url" batch DescribeJobQueues
exits "without a signature" 0 curl -s -o /dev/null -w '%{http_code}' -d '{}' "$url/v1/describejobqueues"
is "403" "$out" 403
exits "half of one" 0 curl -s -H 'Authorization: AWS4-HMAC-SHA256 Credential=x' -d '{}' "$url/v1/describejobqueues"
like "is told what is missing" "$out" "*Credential, SignedHeaders, Signature*"
exits "of another path" 0 api reader --raw 1 "$url" batch /v1/nothing '{}'
like "404" "$out" "404 *"
exits "a reader that submits" 1 api reader "$url" batch SubmitJob "$submit"
like "is told what it may" "$out" "AccessDeniedException: User: key/reader is not authorized*may read*needs submit*"
exits "another queue" 1 api ci "$url" batch SubmitJob '{"jobName": "a", "jobQueue": "slow", "jobDefinition": "ok"}'
like "is told which" "$out" 'AccessDeniedException:*does not allow the queue "slow"*'
exits "what is not JSON" 0 api reader --raw 1 "$url" batch /v1/describejobqueues '{'
like "400" "$out" "400 *the body is not JSON*"
exits "too large" 0 api reader --raw 1 "$url" batch /v1/describejobqueues "$(head -c 100000 /dev/zero | tr '\0' ' ')"
like "is fine below its limit" "$out" "200 *"
head -c 1100000 /dev/zero | tr '\0' ' ' >large
exits "above it" 0 curl -s -o /dev/null -w '%{http_code}' -H 'Expect:' --data-binary @large "$url/v1/describejobqueues"
is "413 or 403, before it is read" "$(printf %s "$out" | tr 0-9 x)" xxx
exits "keys over TCP" 0 api reader --raw 1 "$url" batch /muster/v1/keys '{}'
like "are an administrator's" "$out" "403 *needs admin*"
exits "who is one" 0 api admin --raw 1 "$url" batch /muster/v1/keys '{}'
like "sees them, without what seals them" "$out" '200 {"keys":*"name":"ci"*'
case $out in *sealed*) is "nothing sealed" yes no ;; *) is "nothing sealed" no no ;; esac

# ---- a key of some queues
slow_job=$(mt submit --queue slow --definition ok -- sleep 600)
fast_job=$(mt submit --queue fast --definition ok -- sleep 600)
exits "jobs by id" 0 api ci "$url" batch DescribeJobs "{\"jobs\": [\"$slow_job\", \"$fast_job\"]}"
like "those of its queue" "$out" "*$fast_job*"
case $out in *"$slow_job"*) is "no others" yes no ;; *) is "no others" no no ;; esac
exits "the jobs of another queue" 1 api ci "$url" batch ListJobs '{"jobQueue": "slow"}'
like "are not listed" "$out" 'AccessDeniedException:*the queue "slow"*'
exits "those of its own" 0 api ci "$url" batch ListJobs '{"jobQueue": "fast", "jobStatus": "RUNNING"}'
like "are" "$out" "*$fast_job*"
exits "its queues" 0 api ci "$url" batch DescribeJobQueues
case $out in *slow*) is "are all that it sees" yes no ;; *) is "are all that it sees" no no ;; esac
exits "to end a job of another" 1 api ci "$url" batch TerminateJob "{\"jobId\": \"$slow_job\", \"reason\": \"r\"}"
like "is refused" "$out" "*$slow_job is of a queue that the key does not allow*"
exits "one of its own" 0 api ci "$url" batch TerminateJob "{\"jobId\": \"$fast_job\", \"reason\": \"r\"}"
exits "what is about everything" 0 api ci --raw 1 "$url" batch /muster/v1/status '{}'
like "is refused" "$out" "403 *the key allows some queues only*"
exits "the log of another's job" 1 api ci "$url" logs GetLogEvents "{\"logGroupName\": \"/aws/batch/job\", \"logStreamName\": \"ok/default/$slow_job.1\"}"
like "is not there" "$out" "ResourceNotFoundException: *"
exits "the other job goes on" 0 mt terminate "$slow_job" --reason "not needed"

# ---- once
exits "the same submission twice" 0 api ci --raw 2 "$url" batch /v1/submitjob "$submit"
like "is one job" "$out" "200 *429 *sign it anew*"
exits "the same look twice" 0 api ci --raw 2 "$url" batch /v1/describejobqueues '{}'
like "does no harm" "$out" "200 *200 *"
exits "two submissions alike" 0 api ci --retries 8 "$url" batch SubmitJob "$submit"
exits "are two" 0 api ci --retries 8 "$url" batch SubmitJob "$submit"
exits "too often" 0 api slow --raw 4 "$url" batch /v1/describejobqueues '{}'
like "is slowed down" "$out" "200 *200 *429 *Too Many Requests*"

# ---- lines
lines=$(printf '{"jobName":"l1","jobQueue":"fast","jobDefinition":"ok"}\n{"jobName":"l2","jobQueue":"fast","jobDefinition":"ok"}\n')
exits "jobs as lines" 0 api ci --raw 1 --type application/x-ndjson "$url" batch /muster/v1/jobs "$lines"
like "are answered by lines" "$out" '200 {"jobId":"*","jobName":"l1"}
{"jobId":"*","jobName":"l2"}'
exits "a line of another queue" 0 api ci --raw 1 --type application/x-ndjson "$url" batch /muster/v1/jobs "$(printf '%s' "$lines" | sed 's/fast/slow/')"
like "is refused with all" "$out" '403 *the queue *slow*'
exits "as JSON it lists" 0 api ci --raw 1 "$url" batch /muster/v1/jobs '{"queue": "fast", "limit": 1}'
like "jobs" "$out" '200 {"jobs":*"jobName":"l2"*'

# ---- no more
exits "revoke" 0 mt key revoke reader
exits "is at once" 1 api reader "$url" batch DescribeJobQueues
like "unknown now" "$out" "UnrecognizedClientException: *"
exits "revoke what is gone" 6 mt key revoke reader
ok "one for a moment" make_key short --scope read --for 1ms
exits "is over" 1 api short "$url" batch DescribeJobQueues
like "the log says what was refused" "$(cat "$WORK/daemon.log")" "*the API refused a request: UnrecognizedClientException*"
stop_daemon "$daemon"
ok "another key file" mv "$STATE/key-file" kept
start_daemon src --listen 127.0.0.1:0 || { is "daemon starts" no yes; finish; }
exits "opens nothing" 1 api ci "$(base)" batch DescribeJobQueues
ok "the right one, elsewhere" chmod 600 kept
stop_daemon "$daemon"
start_daemon src --listen 127.0.0.1:0 --key-file "$WORK/kept" || { is "daemon starts" no yes; finish; }
exits "opens them again" 0 api ci "$(base)" batch DescribeJobQueues
stop_daemon "$daemon"

# ---- TLS
certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" -addext 'subjectAltName=IP:127.0.0.1' \
        -keyout key.pem.new -out cert.pem.new 2>/dev/null && mv key.pem.new key.pem && mv cert.pem.new cert.pem
}
subject() { echo | openssl s_client -connect "${1#https://}" 2>/dev/null | openssl x509 -noout -subject; }
certificate first
exits "a certificate without its key" 1 mt serve src --listen 127.0.0.1:0 --tls-cert cert.pem
like "is told" "$err" "*--tls-cert and --tls-key belong together*"
exits "not for other machines" 1 mt serve src --listen 0.0.0.0:0
like "without one" "$err" "*--tls-cert*--behind-proxy*"
exits "a proxy that is no range" 1 mt serve src --listen 127.0.0.1:0 --behind-proxy 10.0.0/8
like "is told the form" "$err" "*10.0.0.0/8*"
start_daemon src --listen 0.0.0.0:0 --key-file "$WORK/kept" --tls-cert cert.pem --tls-key key.pem || { is "daemon starts" no yes; finish; }
url=$(base | sed 's/0\.0\.0\.0/127.0.0.1/')
like "speaks TLS" "$url" "https://*"
exits "a client that trusts it" 0 api ci --retries 8 --ca cert.pem "$url" batch SubmitJob "$submit"
ok "nothing in the clear" sh -c "! curl -s 'http://${url#https://}/healthz'"
like "its name" "$(subject "$url")" "*CN*=*first*"
certificate second
kill -HUP "$daemon"
until subject "$url" | grep -q second; do kill -0 "$daemon" || break; done
exits "the renewed one" 0 api ci --ca cert.pem "$url" batch DescribeJobQueues
echo nonsense >cert.pem
kill -HUP "$daemon"
until grep -q 'the certificate before stays' "$WORK/daemon.log"; do kill -0 "$daemon" || break; done
like "what is no certificate changes nothing" "$(subject "$url")" "*CN*=*second*"
stop_daemon "$daemon"

# ---- in the clear, from elsewhere
outside=$(hostname -I 2>/dev/null | tr ' ' '\n' | grep -v : | head -1)
if [ -n "$outside" ]; then
    start_daemon src --listen "0.0.0.0:0" --key-file "$WORK/kept" --behind-proxy 198.51.100.0/24 || { is "daemon starts" no yes; finish; }
    url=$(base | sed "s/0\.0\.0\.0/$outside/")
    exits "who is no proxy" 1 api ci "$url" batch DescribeJobQueues
    like "is told why" "$out" "AccessDeniedException: *over TLS*--behind-proxy*"
    exits "this machine" 0 api ci "$(base | sed 's/0\.0\.0\.0/127.0.0.1/')" batch DescribeJobQueues
    stop_daemon "$daemon"
    start_daemon src --listen "0.0.0.0:0" --key-file "$WORK/kept" --behind-proxy "$outside/32" || { is "daemon starts" no yes; finish; }
    exits "the proxy" 0 api ci "$(base | sed "s/0\.0\.0\.0/$outside/")" batch DescribeJobQueues
    stop_daemon "$daemon"
else
    points=$((points + 1))
    echo "ok $points - from elsewhere # SKIP this machine has no address but loopback"
fi
finish
