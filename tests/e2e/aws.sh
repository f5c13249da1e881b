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
# double VERB [JSON]: the answer of the double's scripting port.
double() { curl -s --noproxy '*' --max-time 60 --data-binary "${2:-{\}}" "http://127.0.0.1:$aws_control/double/$1"; }
# no_violations: whether every request so far was as AWS takes it.
no_violations() {
    double violations >"$WORK/violations"
    grep -qx '{"violations": \[\]}' "$WORK/violations" || { cat "$WORK/violations"; return 1; }
}
