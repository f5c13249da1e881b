#!/bin/sh
# The examples, unchanged, on AWS in each partition, against the double: their steps run as processes with file systems of their own, which
# share nothing but the file system that the environment names.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/aws.sh"
start_aws || { is "the double starts" no yes; finish; }
double settings '{"runner": "process"}' >/dev/null
on_aws() { # EXAMPLE COMMAND…
    example=$1
    shift
    timeout 250 "$MUSTER" "$@" "$ROOT/examples/$example" --state "$STATE" --provider aws --set 'subnets=[subnet-0000000000000000a, subnet-0000000000000000b]' \
        --set 'securityGroups=[sg-00000000000000001]' --set fileSystem=fs-0123456789abcdef0
}
# What tasks of a log stream's name printed.
printed() { "$aws_python" - "$1" "$AWS_REGION" <<'P'
import botocore.session, os, sys
logs = botocore.session.get_session().create_client("logs", region_name=sys.argv[2], endpoint_url=os.environ["AWS_ENDPOINT_URL"])
for stream in logs.describe_log_streams(logGroupName="/aws/batch/job", logStreamNamePrefix=sys.argv[1])["logStreams"]:
    for event in logs.get_log_events(logGroupName="/aws/batch/job", logStreamName=stream["logStreamName"], startFromHead=True)["events"]:
        print(event["message"])
P
}
for region in us-east-1 cn-north-1 us-gov-west-1; do
    export AWS_REGION=$region
    STATE=$WORK/st-$region
    exits "$region: monte-carlo" 0 on_aws monte-carlo apply --yes --first-run start --wait jobs
    like "$region: its steps shared their files" "$(printed reduce-losses/)" '*value at risk *result: /mnt/muster-workspace/*'
    exits "$region: render" 0 on_aws render apply --yes --first-run start --wait jobs
    like "$region: its steps, too" "$(printed assemble-picture/)" '*result: /mnt/muster-workspace/*/picture.bmp*'
done
ok "nothing that was sent was wrong" no_violations
finish
