#!/bin/sh
# What people change of a cluster on AWS by hand, against the double: left alone where muster/drift says so, whatever else is declared, also
# while no daemon runs; put back where it does not.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/aws.sh"
mt() { timeout 60 "$MUSTER" "$@"; }
start_aws || { is "the double starts" no yes; finish; }
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mkdir "$STATE"
cloud here
cp src/environment.yaml environment.yaml
declared() { # MODE MAXVCPUS TEAM
    sed "s/{name: here}/{name: here, annotations: {muster\/drift: $1}}/; s/maxvCpus: 8/maxvCpus: $2/; s/research/$3/" environment.yaml >src/environment.yaml
}
ecs() { "$aws_python" -c 'import botocore.session, os, sys, json
client = botocore.session.get_session().create_client("ecs", region_name="us-east-1", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
client._make_api_call(sys.argv[1], json.loads(sys.argv[2]))' "$@"; }
of_cluster() { in_aws "[$1 for r in regions for c in r['clusters'] if c['status'] == 'ACTIVE'][0]"; }
tags() { of_cluster "' '.join(k + '=' + v for k, v in sorted(c['tags'].items()) if not k.startswith('muster/'))"; }
# VALID once the newest spec was brought there: that tag comes before others go, the status after that.
made() {
    digest=$(described digest)
    [ "$(of_cluster "c['tags'].get('muster/spec-sha256')")" = "$digest" ] && described status
}
described() { mt describe computeenvironment here -o json 2>/dev/null | sed -n "s/^  \"$1\": \"\(.*\)\",/\1/p"; }
start_daemon || { is "daemon starts" no yes; finish; }
declared warn 8 research
exits "an environment is made" 0 mt apply src --yes
ok "on AWS" until_like VALID made
is "with its tags" "$(tags)" team=research
stop_daemon "$daemon"

by_hand() { ecs TagResource "{\"resourceArn\": \"arn:aws:ecs:us-east-1:123456789012:cluster/$(of_cluster "c['name']")\", \"tags\": $1}"; }
by_hand '[{"key": "team", "value": "finance"}, {"key": "who", "value": "x"}]'
start_daemon || { is "daemon starts again" no yes; finish; }
ok "what somebody tagged is seen" until_like '*tags.team: "research" was set to "finance"*tags.who: was set to "x"*' mt status
declared warn 9 research
exits "another member is declared otherwise" 0 mt apply src --yes
ok "and brought there" until_like VALID made
is "what is left alone stays" "$(tags)" "team=finance who=x"
declared ignore 9 research
exits "it is ignored from now on" 0 mt apply src --yes
stop_daemon "$daemon"

declared ignore 10 research
exits "while no daemon runs another member is declared" 0 mt apply src --yes --wait none
start_daemon || { is "daemon starts again" no yes; finish; }
ok "a daemon brings it there" until_like VALID made
is "and what was ignored stays" "$(tags)" "team=finance who=x"
declared ignore 10 platform
exits "what is left alone is declared itself" 0 mt apply src --yes
ok "that is brought there" until_like VALID made
is "and nothing else" "$(tags)" "team=platform who=x"
declared correct 10 platform
exits "nothing is left alone any more" 0 mt apply src --yes
ok "it is put back" until_like team=platform tags

back_to_nothing src
finish
