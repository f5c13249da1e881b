#!/bin/sh
# muster proxy: boto3 (or botocore) and the aws CLI with credentials of their own, which muster does not know, use a daemon through it. What it does not
# pass on is refused in the form in which each client reads errors.
root=${MUSTER_SOURCE_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
MUSTER=${BUILD:-$root/build}/muster
export MUSTER
[ -x "$MUSTER" ] || { echo "1..0 # SKIP $MUSTER is not built"; exit 0; }
unset MUSTER_STATE XDG_STATE_HOME MUSTER_SERVER
for python in python3 /usr/bin/python3; do
    "$python" -c 'import botocore' 2>/dev/null && exec "$python" "$root/tests/support/batch_api/run.py" proxy
done
echo "1..0 # SKIP python3-botocore is not installed (make deps)"
