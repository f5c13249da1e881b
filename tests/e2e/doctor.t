#!/bin/sh
# doctor: what muster would use of AWS: where it comes from, whose it is, and what it may, against the double, which verifies every signature.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/aws.sh"
export HOME="$WORK/home"
mkdir -p "$HOME/.aws"
mt() { timeout 60 "$MUSTER" "$@"; }
status_of() { printf '%s' "$out" | awk -v check="$1" '$1 == check { print $2 }'; }
start_aws || { is "the double starts" no yes; finish; }
unset AWS_REGION AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE AWS_CA_BUNDLE

exits "all is well" 0 mt doctor --region eu-central-1
like "the region and its partition" "$out" "*region *ok *eu-central-1 (--region), partition aws*"
like "whose the credentials are" "$out" "*identity *ok *account 123456789012, arn:aws:*"
like "each service that is needed" "$out" "*ec2:DescribeInstances *ok*ecs:ListClusters *ok*ssm:GetParameter *ok*logs:DescribeLogGroups *ok*"
like "what is not looked at is said" "$out" "*not checked *subnets*"
for region in cn-north-1 us-gov-west-1; do
    exits "in $region" 0 mt doctor --region "$region"
done
like "with its own ARNs" "$out" "*arn:aws-us-gov:*"
exits "as JSON" 0 mt doctor --region eu-central-1 -o json
is "for scripts" "$(json checks.0.status)" ok

# What is wrong has its place and a cure, and what needs it is not guessed.
exits "no region" 1 mt doctor
like "says where one is looked for" "$out" "*region *failed *give --region, AWS_REGION, or region in the profile*identity *not checked*"
exits "another account" 1 mt doctor --region eu-central-1 --account 999999999999
like "is not taken for this one" "$out" "*identity *failed *of account 123456789012, not of 999999999999*"
double deny '{"actions": ["ecs:ListClusters"]}' >/dev/null
exits "a permission that is missing" 1 mt doctor --region eu-central-1
like "is named" "$out" "*ec2:DescribeInstances *ok*ecs:ListClusters *failed *AccessDenied*"
double deny >/dev/null
exits "a wrong secret" 1 env AWS_SECRET_ACCESS_KEY=another "$MUSTER" doctor --region eu-central-1
like "is refused" "$out" "*identity *failed *SignatureDoesNotMatch*"
is "and is not repeated" "$(printf '%s%s' "$out" "$err" | grep -c another)" 0
double clock '{"offset": 600}' >/dev/null
exits "a clock that is off is corrected" 0 mt doctor --region eu-central-1
double clock '{"offset": 0}' >/dev/null
double violations '{"clear": true}' >/dev/null # those that were meant
double fault '{"operation": "ListClusters", "code": "ServerException", "status": 500, "count": 2}' >/dev/null
exits "faults are tried again" 0 mt doctor --region eu-central-1

# Files, profiles, roles.
printf '[profile ci]\nregion = eu-west-1\nrole_arn = arn:aws:iam::123456789012:role/ci\nsource_profile = keys\n' >"$HOME/.aws/config"
printf '[keys]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" >"$HOME/.aws/credentials"
exits "a role of a profile" 0 mt doctor --profile ci
like "is assumed" "$out" "*region of profile ci*credentials *role arn:aws:iam::123456789012:role/ci, good for*assumed-role/ci/muster*"
exits "a role that is asked for" 0 mt doctor --profile keys --region eu-west-1 --role arn:aws:iam::123456789012:role/other
like "with what was found" "$out" "*assumed-role/other/muster*"
double deny '{"roles": ["*role/ci"]}' >/dev/null
exits "one that may not be assumed" 1 mt doctor --profile ci
like "says so" "$out" "*credentials *failed *role arn:aws:iam::123456789012:role/ci cannot be assumed: AccessDenied*identity *not checked*"
exits "a profile that is not there" 1 mt doctor --profile cii
like "names those that are" "$out" "*settings *failed *cii*there is ci, keys*"
echo nonsense >>"$HOME/.aws/config"
exits "a file that cannot be read" 1 mt doctor --region eu-west-1
like "has its line" "$out" "*settings *failed */.aws/config:5: NAME = VALUE is expected*"
ok "every request is one that botocore knows" no_violations
finish
