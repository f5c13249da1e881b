#!/bin/sh
# The Batch API against the AWS SDK for JavaScript. `make deps` installs it below tests/support/js.
set -u
. "$(dirname "$0")/lib.sh"
JS=$ROOT/tests/support/js
command -v node >/dev/null || { echo "1..0 # SKIP node is not installed (make deps)"; exit 0; }
[ -d "$JS/node_modules/@aws-sdk/client-batch" ] || { echo "1..0 # SKIP the AWS SDK for JavaScript is not installed (make deps)"; exit 0; }
STATE=$WORK/state
mkdir "$STATE"
start_daemon --state "$STATE" --listen 127.0.0.1:0 || { is "daemon starts" no yes; finish; }
MUSTER_ENDPOINT=$(sed -n 's,.*listening at \(http://[^ ]*\)/ .*,\1,p' "$WORK/daemon.log" | tail -1)
"$MUSTER" key create js --scope admin --state "$STATE" >js.env 2>/dev/null
. ./js.env
export MUSTER_ENDPOINT AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_EC2_METADATA_DISABLED=true
timeout 200 node "$JS/batch.mjs"
