# aws.sh: the double of AWS for the scripts that need it; sourced after lib.sh. tests/support/aws/README.md has its verbs.
for aws_python in python3 /usr/bin/python3 ""; do "$aws_python" -c 'import botocore' 2>/dev/null && break; done
[ -n "$aws_python" ] || { echo "1..0 # SKIP python3-botocore is not installed (make deps)"; exit 0; }

# start_aws [OPTIONS…]: the double in the background, and the environment of a client of it; returns when it listens.
start_aws() {
    rm -f "$WORK/aws.port" && mkfifo "$WORK/aws.port" || return 1
    "$aws_python" "$ROOT/tests/support/aws/double.py" "$@" >"$WORK/aws.port" 2>"$WORK/aws.log" &
    daemons="$daemons $!"
    read -r _ aws_port _ aws_control _ <"$WORK/aws.port" || { sed 's/^/# /' "$WORK/aws.log"; return 1; }
    AWS_ENDPOINT_URL=http://127.0.0.1:$aws_port
    AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY
    AWS_REGION=${AWS_REGION:-us-east-1} AWS_EC2_METADATA_DISABLED=true
    export AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION AWS_EC2_METADATA_DISABLED
    unset AWS_SESSION_TOKEN AWS_PROFILE
}
# aws SERVICE CALL JSON: a call of somebody else; its answer.
aws() { "$aws_python" -c 'import botocore.session, os, sys, json
client = botocore.session.get_session().create_client(sys.argv[1], region_name=os.environ["AWS_REGION"], endpoint_url=os.environ["AWS_ENDPOINT_URL"])
print(json.dumps(client._make_api_call(sys.argv[2], json.loads(sys.argv[3])), default=str))' "$@"; }
# double VERB [JSON]: the answer of the double's scripting port.
double() { curl -s --noproxy '*' --max-time 60 --data-binary "${2:-{\}}" "http://127.0.0.1:$aws_control/double/$1"; }
# no_violations: whether every request so far was as AWS takes it.
no_violations() {
    double violations >"$WORK/violations"
    grep -qx '{"violations": \[\]}' "$WORK/violations" || { cat "$WORK/violations"; return 1; }
}
# cloud ENVIRONMENT [COMPUTE-RESOURCES…]: manifests in src/ of an environment on EC2, a queue "q" and a definition "hello"; each
# further argument is a line of computeResources.
cloud() {
    mkdir -p src
    printf 'name: cloud\nprovider: aws\n' >src/muster.yaml
    {
        printf 'apiVersion: muster/v1\nkind: ComputeEnvironment\nmetadata: {name: %s}\nspec:\n' "$1"
        printf '  tags: {team: research}\n  computeResources:\n    type: EC2\n    maxvCpus: 8\n    instanceTypes: [c5.large]\n'
        printf '    allocationStrategy: BEST_FIT_PROGRESSIVE\n    instanceRole: ecsInstanceRole\n'
        printf '    subnets: [subnet-0000000000000000a, subnet-0000000000000000b]\n    securityGroupIds: [sg-00000000000000001]\n'
        env=$1
        shift
        for line in "$@"; do printf '    %s\n' "$line"; done
    } >src/environment.yaml
    resource JobQueue q "{priority: 1, computeEnvironmentOrder: [$env]}" >src/queue.yaml
    definition hello 'echo hello' >src/hello.yaml
}
# definition NAME COMMAND [MEMBERS]: a job definition with a shell command.
definition() {
    resource JobDefinition "$1" "{type: container, containerProperties: {image: busybox, command: [sh, -c, \"$2\"], \
resourceRequirements: [{type: VCPU, value: \"1\"}, {type: MEMORY, value: \"64\"}]}${3:+, $3}}"
}
# in_aws EXPRESSION: what Python makes of the double's state: regions is the list of what is in each.
in_aws() { double state | "$aws_python" -c 'import json, sys; regions = json.load(sys.stdin)["regions"]; print(eval(sys.argv[1]))' "$1"; }
# How many instances are not ended; how many tasks there are; what is left of a region's clusters, templates and instances.
instances_left() { in_aws "sum(i['state'] not in ('terminated', 'shutting-down') for r in regions if r['region'] == '$AWS_REGION' for i in r['instances'])"; }
tasks() { in_aws "sum(len(c['tasks']) for r in regions for c in r['clusters'])"; }
left() {
    in_aws "sum(i['state'] != 'terminated' for r in regions if r['region'] == '$AWS_REGION' for i in r['instances']) + sum(c['status'] == 'ACTIVE' and 'muster/installation' in c['tags'] for r in regions if r['region'] == '$AWS_REGION' for c in r['clusters']) + sum(len(r['templates']) for r in regions if r['region'] == '$AWS_REGION')"
}
# calls SERVICE:OPERATION: how many of them there were.
calls() { double counters | "$aws_python" -c 'import json, sys; print(json.load(sys.stdin)["calls"].get(sys.argv[1], 0))' "$1"; }
# job ID [MEMBER]: a member of what get shows of it, its status otherwise.
job() { out=$(mt get jobs "$1" -o json) && json "${2:-status}"; }
# back_to_nothing SOURCE: it is destroyed, and nothing is left; nothing that was sent was wrong; the daemon ends and its recording holds.
back_to_nothing() {
    exits "all of it is destroyed" 0 mt destroy "$1" --yes --timeout 50s
    ok "its instances, its clusters and its templates are gone" until_like 0 left
    ok "nothing that was sent was wrong" no_violations
    stop_daemon "$daemon"
    is "the daemon ends with 0" "$?" 0
    exits "the recording decides the same" 0 mt simulate --replay "$STATE"
}
