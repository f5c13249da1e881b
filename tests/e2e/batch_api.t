#!/bin/sh
# The Batch API against the clients that people have: boto3 (or botocore) and the aws CLI. Every answer is compared with the service model,
# member by member. An operation that the client at hand does not know is a skip with its reason.
root=${MUSTER_SOURCE_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
MUSTER=${BUILD:-$root/build}/muster
export MUSTER
[ -x "$MUSTER" ] || { echo "1..0 # SKIP $MUSTER is not built"; exit 0; }
unset MUSTER_STATE XDG_STATE_HOME MUSTER_SERVER
for python in python3 /usr/bin/python3; do
    "$python" -c 'import botocore' 2>/dev/null && exec "$python" "$root/tests/support/batch_api/run.py"
done
echo "1..0 # SKIP python3-botocore is not installed (make deps)"
