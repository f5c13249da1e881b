#!/bin/sh
# /metrics of a daemon whose environments are on AWS, against the double: instances, money, calls with their errors and throttles, drift,
# instances that are not given.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/aws.sh"
command -v curl >/dev/null || { echo "1..0 # SKIP curl is not installed (make deps)"; exit 0; }
mt() { timeout 60 "$MUSTER" "$@"; }
start_aws || { is "the double starts" no yes; finish; }
double settings '{"runner": "process"}' >/dev/null
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mkdir "$STATE"
cloud here
sed -i 's/^spec:/spec:\n  provider: {type: aws, region: us-east-1}/' src/environment.yaml # whose prices count
sed -i 's/{name: here}/{name: here, annotations: {muster\/drift: warn}}/' src/environment.yaml
start_daemon --listen :0 || { is "daemon starts" no yes; finish; }
base=$(sed -n 's,.*listening at \(http://[^ ]*\)/ .*,\1,p' "$WORK/daemon.log" | tail -1)
scrape() { curl -s --noproxy '*' -m 20 -o scraped -w '%{http_code}' "$base/metrics"; }
judge() { "$aws_python" "$ROOT/tests/support/prometheus.py" "$@"; }
value() { scrape >/dev/null && judge value scraped "$@"; }
is "figures are served" "$(scrape)" 200
is "no provider was called" "$(judge value scraped muster_provider_calls_total)" ""
exits "manifests are applied" 0 mt apply src --yes
[ "$code" = 0 ] || finish
ok "the environment can be used" until_like 1 value muster_environment_usable environment=here
is "and has no instance" "$(value muster_environment_instances environment=here)" 0
double fault '{"operation": "RunTask", "count": 1, "code": "ThrottlingException", "status": 400}' >/dev/null
double fault '{"operation": "RegisterTaskDefinition", "count": 2, "lost": true, "work": false, "code": "ServerException"}' >/dev/null
exits "a job runs there" 0 mt submit --queue q --definition hello --wait
job_of() { value muster_attempts_ended_total queue=q outcome=succeeded; }
ok "it is counted" until_like 1 job_of
is "one instance was asked for" "$(value muster_instances_asked_total) $(value muster_instances_refused_total)" "1 0"
is "it is there, in its state" "$(value muster_environment_instances environment=here) $(value muster_environment_instances environment=here state=REGISTERED)" "1 1"
is "with its vCPUs" "$(value muster_environment_vcpus environment=here state=bought) $(value muster_environment_vcpus environment=here state=used) $(value muster_environment_vcpus environment=here state=most)" "2 0 8"
is "what it costs in an hour" "$(value muster_environment_cost_per_hour environment=here currency=USD)" 0.085
ok "what it has cost" until_like '0.0*[1-9]*' value muster_environment_spent_total environment=here
is "its price is known" "$(value muster_environment_unpriced_instances environment=here)" 0
ok "calls are told by service and operation" until_like '[1-9]*' value muster_provider_calls_total provider=aws service=ec2 outcome=ok
is "as often as AWS was asked" "$(value muster_provider_calls_total provider=aws operation=CreateCluster outcome=ok)" "$(calls ecs:CreateCluster)"
is "a throttle apart" "$(value muster_provider_calls_total service=ecs operation=RunTask outcome=throttled)" 1
ok "an answer that did not come, too" until_like '[1-9]*' value muster_provider_calls_total outcome=lost
is "how long calls took" "$(value muster_provider_call_seconds_count provider=aws)" "$(judge value scraped muster_provider_calls_total provider=aws)"
is "how long an attempt took to begin" "$(value muster_attempt_start_seconds_count provider=aws)" 1
ok "all that is what Prometheus reads" judge check scraped

# ---- what is not as declared
is "nothing drifts so far" "$(value muster_drift_resources kind=ComputeEnvironment)" 0
cluster=$(in_aws "[c['name'] for r in regions for c in r['clusters'] if c['status'] == 'ACTIVE'][0]")
"$aws_python" -c 'import botocore.session, os, sys
botocore.session.get_session().create_client("ecs", region_name="us-east-1", endpoint_url=os.environ["AWS_ENDPOINT_URL"])._make_api_call("TagResource", {"resourceArn": "arn:aws:ecs:us-east-1:123456789012:cluster/" + sys.argv[1], "tags": [{"key": "team", "value": "finance"}]})' "$cluster"
stop_daemon "$daemon"
start_daemon --listen :0 || { is "daemon starts again" no yes; finish; }
base=$(sed -n 's,.*listening at \(http://[^ ]*\)/ .*,\1,p' "$WORK/daemon.log" | tail -1)
ok "what was changed by hand is told" until_like 1 value muster_drift_resources kind=ComputeEnvironment
ok "money is kept over a restart" until_like '0.0*[1-9]*' value muster_environment_spent_total environment=here

# ---- an instance that is not given
double pool '{"type": "*", "zone": "*", "market": "*", "code": "InsufficientInstanceCapacity"}' >/dev/null
exits "jobs for more than there is" 0 mt submit --queue q --definition hello --array 8 --vcpus 2 -- sh -c 'sleep 60'
many=$out
ok "instances are refused" until_like '[1-9]*' value muster_instances_refused_total
exits "they are ended" 0 mt terminate "$many" --reason enough
double pool '{"type": "*", "zone": "*", "market": "*", "code": ""}' >/dev/null
back_to_nothing src
finish
