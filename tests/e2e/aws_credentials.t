#!/bin/sh
# A daemon with the credentials of a role, which end in the middle of everything: refused ones are renewed and what was asked is asked again;
# as long as none can be had nothing is lost, and nothing runs twice.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/aws.sh"
mt() { timeout 60 "$MUSTER" "$@"; }
start_aws || { is "the double starts" no yes; finish; }
double settings '{"runner": "process"}' >/dev/null
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mkdir "$STATE"
cat >config <<END
[default]
region = us-east-1
role_arn = arn:aws:iam::123456789012:role/muster-controller
source_profile = base
[profile base]
aws_access_key_id = $AWS_ACCESS_KEY_ID
aws_secret_access_key = $AWS_SECRET_ACCESS_KEY
END
cloud here
export AWS_CONFIG_FILE="$WORK/config" AWS_SHARED_CREDENTIALS_FILE="$WORK/none"
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
start_daemon || { is "daemon starts" no yes; finish; }
exits "an environment, by a role" 0 mt apply src --yes
assumed=$(calls sts:AssumeRole)
ok "which is assumed" [ "$assumed" -ge 1 ]

id=$(mt submit --queue q --definition hello --array 20 -- sh -c 'sleep 2')
ok "jobs run" until_like RUNNING job "$id:0"
for _ in 1 2 3; do double expire '{}' >/dev/null; done
exits "its credentials end in the middle" 0 mt wait "$id"
ok "others were asked for" [ "$(calls sts:AssumeRole)" -gt "$assumed" ]
is "no job ran twice" "$(tasks)" 20

# ---- none can be had for a while
double expire '{}' >/dev/null
double fault '{"operation": "AssumeRole", "count": 1000, "code": "AccessDenied", "status": 403}' >/dev/null
id=$(mt submit --queue q --definition hello --array 4)
refused=$(calls sts:AssumeRole)
more() { [ "$(calls sts:AssumeRole)" -gt "$((refused + 2))" ]; }
ok "it asks again" until_ok more
is "nothing has failed for that" "$(job "$id" status)" PENDING
double faults '{"clear": true}' >/dev/null
exits "until there are some" 0 mt wait "$id"
is "no job ran twice" "$(tasks)" 24
AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY
back_to_nothing src
finish
