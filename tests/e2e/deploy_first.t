#!/bin/sh
# The last steps of docs/aws.md, against the double of AWS, in each partition: with deploy/aws/policy.json's permissions and no other, the manifests of
# deploy/aws/first are applied, their job runs, and all of it goes again.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/aws.sh"
mt() { timeout 60 "$MUSTER" "$@"; }
start_aws || { is "the double starts" no yes; finish; }
double settings '{"runner": "process"}' >/dev/null
double profile '{"name": "muster-instance", "role": "muster-instance"}' >/dev/null
# All that the policy does not allow is refused.
"$aws_python" - "$ROOT/deploy/aws/policy.json" >denied <<'E2'
import json, sys, botocore.session
session = botocore.session.Session()
allowed = {"sts:GetCallerIdentity"}
for statement in json.load(open(sys.argv[1]))["Statement"]:
    actions = statement["Action"]
    allowed.update([actions] if isinstance(actions, str) else actions)
services = ("ec2", "ecs", "iam", "logs", "pricing", "ssm", "sts")
everything = {f"{name}:{operation}" for name in services for operation in session.get_service_model(name).operation_names}
print(json.dumps({"actions": sorted(everything - allowed)}))
E2
double deny "$(cat denied)" >/dev/null
set -- --set 'subnets=[subnet-0000000000000000a, subnet-0000000000000000b]' --set 'securityGroups=[sg-00000000000000001]'
for region in cn-north-1 us-gov-west-1 us-east-1; do
    export AWS_REGION=$region
    STATE=$WORK/st-$region
    MUSTER_STATE=$STATE
    export MUSTER_STATE
    mkdir "$MUSTER_STATE"
    start_daemon || { is "daemon starts" no yes; finish; }
    exits "$region: doctor finds nothing wrong" 0 mt doctor --region "$region"
    exits "$region: the manifests are applied" 0 mt apply "$ROOT/deploy/aws/first" "$@" --yes
    exits "$region: the first job runs" 0 mt submit --queue first --definition hello --wait
    id=$(printf '%s\n' "$out" | sed -n 1p)
    is "$region: and has said so" "$(mt logs "${id%% *}")" "the first job"
    exits "$region: all of it goes" 0 mt destroy "$ROOT/deploy/aws/first" "$@" --yes --timeout 50s
    stop_daemon "$daemon"
done
ok "every request was as AWS takes it" no_violations
finish
