#!/bin/sh
# The double of AWS as the scripts use it, with curl's own Signature Version 4 as one more judge of the double's.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/aws.sh"
curl --help all | grep -q -- --aws-sigv4 || { echo "1..0 # SKIP this curl cannot sign"; exit 0; }
ok "it starts" start_aws
# call TARGET JSON [REGION]: an operation of ECS.
call() {
    curl -s --noproxy '*' --max-time 60 --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" --aws-sigv4 "aws:amz:${3:-us-east-1}:ecs" \
        -H 'Content-Type: application/x-amz-json-1.1' -H "X-Amz-Target: AmazonEC2ContainerServiceV20141113.$1" -d "$2" "$AWS_ENDPOINT_URL/"
}
like "a call signed by curl is answered" "$(call CreateCluster '{"clusterName":"c"}')" '*"clusterArn":"arn:aws:ecs:us-east-1:123456789012:cluster/c"*'
like "in China too" "$(call CreateCluster '{"clusterName":"c"}' cn-north-1)" '*"arn:aws-cn:ecs:cn-north-1:123456789012:cluster/c"*'
ok "nothing was wrong" no_violations
like "it counts" "$(double counters)" '*"ecs:CreateCluster": 2*'
double fault '{"operation": "ListClusters", "code": "ServerException", "status": 500}' >/dev/null
like "a scripted fault comes" "$(call ListClusters '{}')" '*ServerException*'
like "and goes" "$(call ListClusters '{}')" '*"clusterArns":*'
call ListClusters '{"colour": 1}' >/dev/null
is "a wrong request is a violation" "$(no_violations >/dev/null && echo none || echo some)" some
like "a wrong verb is told" "$(double nothing)" '*"error": "nothing*'
finish
