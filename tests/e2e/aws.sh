# aws.sh: what the scripts that need AWS share: its double (tests/support/aws), started and asked. Source it after lib.sh.
for double_python in python3 /usr/bin/python3; do
    "$double_python" -c 'import botocore' 2>/dev/null && break
    double_python=
done
[ -n "$double_python" ] || { echo "1..0 # SKIP python3-botocore is not installed (make deps)"; exit 0; }
unset AWS_PROFILE AWS_REGION AWS_DEFAULT_REGION AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE AWS_CA_BUNDLE AWS_SESSION_TOKEN AWS_ENDPOINT_URL
# start_double: sets $double_port and $control_port, and the variables that have muster ask it.
start_double() {
    "$double_python" "$ROOT/tests/support/aws/double.py" "$@" >"$WORK/double.out" 2>"$WORK/double.err" &
    double=$!
    daemons="$daemons $double"
    until [ -s "$WORK/double.out" ]; do
        kill -0 "$double" 2>/dev/null || { echo "# the double ended:"; sed 's/^/# /' "$WORK/double.err"; return 1; }
        sleep 0.02
    done
    read -r _ double_port _ control_port _ <"$WORK/double.out"
    AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY
    AWS_ENDPOINT_URL=http://127.0.0.1:$double_port AWS_EC2_METADATA_DISABLED=true
    export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_ENDPOINT_URL AWS_EC2_METADATA_DISABLED
}
# script VERB [JSON]: of the scripting port; prints its answer.
script() { curl -s --noproxy '*' "http://127.0.0.1:$control_port/double/$1" -d "${2:-{\}}"; }
# No request that botocore's models would not have made.
no_violations() { is "${1:-every request is one that botocore knows}" "$(script violations | tr -d ' \n')" '{"violations":[]}'; }
