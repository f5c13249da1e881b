#!/bin/sh
# What AWS Batch has becomes manifests: they validate, apply, and plan to no change; what cannot be said is told. Against answers that the service
# model judges, over pages of one item.
set -u
. "$(dirname "$0")/lib.sh"
for python in python3 /usr/bin/python3 ""; do "$python" -c 'import botocore' 2>/dev/null && break; done
[ -n "$python" ] || { echo "1..0 # SKIP python3-botocore is not installed (make deps)"; exit 0; }
mt() { timeout 60 "$MUSTER" "$@"; }
# serve FILE: Batch with what the file holds.
serve_batch() {
    rm -f port && mkfifo port
    "$python" "$ROOT/tests/support/batch.py" "$1" >port 2>batch.log &
    daemons="$daemons $!"
    read -r _ batch_port <port
    export AWS_ENDPOINT_URL_BATCH="http://127.0.0.1:$batch_port"
}
export AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY AWS_EC2_METADATA_DISABLED=true
unset AWS_SESSION_TOKEN AWS_PROFILE AWS_REGION AWS_ENDPOINT_URL
serve_batch "$ROOT/tests/support/batch.json"
exits "what cannot be exported is an end of its own" 3 mt export --from aws-batch --region eu-central-1
printf '%s\n' "$out" >first.yaml
like "and is told" "$err" "*ComputeEnvironment/kubernetes: not exported: it is on EKS*"
like "in the file, too" "$out" "*# ComputeEnvironment/kubernetes*# not exported: it is on EKS*"
like "what looks secret is told" "$err" "*JobDefinition/hello: look at it before it is committed: the value of API_TOKEN*"
like "where it is stands in the manifest" "$out" "*type: aws*region: eu-central-1*accountId: \"123456789012\"*"
like "ARNs are names" "$out" "*computeEnvironmentOrder: ?ondemand?*schedulingPolicy: fair*"
like "of definitions the newest revision" "$out" "*echo, \"Ref::who\"*"
is "and no other" "$(grep -c 'kind: JobDefinition' first.yaml)/$(grep -c old first.yaml)" 1/0
is "nor what Batch says of itself" "$(grep -c 'Healthy\|AWSBatch-\|desiredvCpus\|VALID' first.yaml)" 0
exits "one kind of it" 0 mt export queues --from aws-batch --region eu-central-1
is "is that" "$(printf '%s\n' "$out" | grep -c '^kind:')" 1
exits "without a region" 1 mt export --from aws-batch
like "is told" "$err" "*no region*"
exits "with another secret" 1 env AWS_SECRET_ACCESS_KEY=wrong "$MUSTER" export --from aws-batch --region eu-central-1
like "in Batch's words" "$err" "*batch:DescribeComputeEnvironments: SignatureDoesNotMatch*"

mkdir src && cp first.yaml src/batch.yaml && printf 'name: lab\n' >src/muster.yaml
exits "it validates" 0 mt validate src
export AWS_ENDPOINT_URL=http://127.0.0.1:9 AWS_REGION=eu-central-1
exits "it can be applied" 0 mt apply src --state state --yes --wait none --no-forecast
exits "and plans to no change" 0 mt plan src --state state --no-forecast
exits "what muster holds of it" 0 mt export --state state
mkdir again && printf '%s\n' "$out" >again/all.yaml && printf 'name: lab\n' >again/muster.yaml
exits "plans to no change as well" 0 mt plan again --state state --no-forecast
finish
