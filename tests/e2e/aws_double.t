#!/bin/sh
# The double of AWS (tests/support/aws) by itself: botocore is its client, moto the second judge where it is installed.
root=${MUSTER_SOURCE_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
for python in python3 /usr/bin/python3; do
    "$python" -c 'import botocore' 2>/dev/null && exec "$python" "$root/tests/support/aws/check/run.py"
done
echo "1..0 # SKIP python3-botocore is not installed (make deps)"
