#!/bin/sh
# GET /events: what happens, told as it happens, to many, without gaps and nothing twice, also to who comes again.
set -u
. "$(dirname "$0")/lib.sh"
STATE=$WORK/state
export MUSTER_STATE="$STATE"
for python in python3 /usr/bin/python3; do "$python" -c 'import botocore' 2>/dev/null && break; python=; done
[ -n "$python" ] || { echo "1..0 # SKIP python3-botocore is not installed (make deps)"; exit 0; }
export PYTHONDONTWRITEBYTECODE=1
mt() { timeout 120 "$MUSTER" "$@"; }
use() { . "$WORK/$1.env"; export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY; }
listen() { timeout 200 "$python" "$ROOT/tests/support/event_client.py" "$url" "$@"; }
# hear NAME ARGUMENTS…: the same in the background; its exit code goes to NAME.code
hear() {
    name=$1
    shift
    { listen "$@" >"$WORK/$name.out" 2>"$WORK/$name.err"; echo $? >"$WORK/$name.code"; } &
    heard=$!
}
mkdir src
printf 'provider: local\nname: team\n' >src/muster.yaml
resource ComputeEnvironment here '{type: MANAGED}' >src/here.yaml
queue fast 1 >src/fast.yaml
resource JobDefinition ok '{type: container, containerProperties: {command: ["true"], resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "16"}]}}' >src/ok.yaml
start_daemon src --listen 127.0.0.1:0 || { is "daemon starts" no yes; finish; }
url=$(sed -n 's,.*listening at \(http://[^ ]*\)/ .*,\1,p' "$WORK/daemon.log")
mt key create all --scope read >all.env 2>/dev/null
mt key create some --scope read --allow-queue fast >some.env 2>/dev/null
exits "a job" 0 mt submit --queue fast --definition ok --wait
use all

# ---- from the beginning, and again from the middle
# sequences AFTER: of all events after it, as muster events has them
sequences() {
    mt events -o json | "$python" -c '
import json, sys
all = [json.loads(line)["sequence"] for line in sys.stdin]
print(" ".join(str(number) for number in all if number > int(sys.argv[1])))' "$1"
}
# What is there before "last" was made by nobody else than this script: an event that ends the listening.
end() { mt key create "$1" --scope read >/dev/null 2>&1; }
end first
exits "what was missed" 0 listen 1 0 30 key/first
is "is all, in order, each once" "$out" "$(sequences 0)"
middle=$(echo "$out" | cut -d" " -f4)
exits "who comes again" 0 listen 1 "$middle" 30 key/first
is "is told the rest" "$out" "$(sequences "$middle")"

# ---- as it happens, to many
hear many 40 - 180 key/second
many=$heard
hear late 1 "$middle" 180 key/second
late=$heard
until [ "$(grep -c listening many.err)" = 40 ]; do kill -0 "$many" || break; done
exits "jobs" 0 mt submit --queue fast --definition ok --array 50 --wait
end second
wait "$many" "$late"
is "each heard the end" "$(cat many.code late.code | tr '\n' ' ')" "0 0 "
is "and the same" "$(sort -u many.out | wc -l)" 1
is "without a gap" "$("$python" -c '
ids = [int(word) for word in open("many.out").readline().split()]
print(ids == list(range(ids[0], ids[0] + len(ids))) and len(ids) > 50)')" True
is "who was behind, too" "$("$python" -c '
ids = [int(word) for word in open("late.out").readline().split()]
print(ids == list(range('"$middle"' + 1, ids[-1] + 1)))')" True

# ---- who may not, and what is no number
exits "a number that is none" 1 listen 1 x 10
is "400" "$out" "HTTP 400"
use some
exits "a key of some queues" 1 listen 1 - 10
is "hears nothing" "$out" "HTTP 403"
use all

# ---- one that never reads holds nobody up, and the end of the daemon is the end of the streams
"$python" - "$url" <<'P' &
import socket, sys, time, urllib.parse, os
import botocore.auth, botocore.awsrequest, botocore.credentials
url = sys.argv[1]
where = urllib.parse.urlsplit(url)
for _ in range(5):
    request = botocore.awsrequest.AWSRequest("GET", url + "/events", headers={"Last-Event-ID": "0"})
    credentials = botocore.credentials.Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    botocore.auth.SigV4Auth(credentials, "muster", "us-east-1").add_auth(request)
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    s.connect((where.hostname, where.port))
    head = "GET /events HTTP/1.1\r\nHost: " + where.netloc + "\r\n"
    s.sendall((head + "".join(f"{k}: {v}\r\n" for k, v in request.headers.items()) + "\r\n").encode())
    globals().setdefault("kept", []).append(s)
open("deaf", "w").close()
time.sleep(200)
P
deaf=$!
until [ -e deaf ]; do kill -0 "$deaf" || break; done
hear hearing 3 - 180 key/third
hearing=$heard
until [ "$(grep -c listening hearing.err)" = 3 ]; do kill -0 "$hearing" || break; done
exits "many events" 0 mt submit --queue fast --definition ok --array 400 --wait
end third
wait "$hearing"
is "are heard beside those who do not read" "$(cat hearing.code)" 0
hear last 2 - 180 never
last=$heard
until [ "$(grep -c listening last.err)" = 2 ]; do kill -0 "$last" || break; done
stop_daemon "$daemon"
wait "$last"
is "the daemon's end is the end" "$(cat last.code)" 1
kill "$deaf" 2>/dev/null
finish
