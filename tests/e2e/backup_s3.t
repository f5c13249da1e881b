#!/bin/sh
# Backups in S3, by hand and by the daemon, against a small S3 that verifies every signature with botocore's signer.
set -u
. "$(dirname "$0")/lib.sh"
for python in python3 /usr/bin/python3 ""; do "$python" -c 'import botocore' 2>/dev/null && break; done
[ -n "$python" ] || { echo "1..0 # SKIP python3-botocore is not installed (make deps)"; exit 0; }
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mt() { timeout 60 "$MUSTER" "$@"; }
mkfifo port
"$python" "$ROOT/tests/support/s3.py" >port 2>s3.log &
daemons="$daemons $!"
read -r _ s3_port <port
export AWS_ENDPOINT_URL_S3="http://127.0.0.1:$s3_port" AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
export AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY
unset AWS_SESSION_TOKEN AWS_PROFILE AWS_ENDPOINT_URL
mkdir src "$STATE"
printf 'provider: local\nname: team\n' >src/muster.yaml
resource ComputeEnvironment here '{type: MANAGED}' >src/here.yaml
start_daemon || { is "daemon starts" no yes; finish; }
exits "applied" 0 mt apply src --yes

exits "a backup in S3" 0 mt backup 's3://lab/muster/prod state+1.db'
like "tells what it is" "$out" "s3://lab/muster/prod state+1.db: *, the state of 20*"
is "nothing is left here" "$(ls "$STATE" | grep -c sending)" 0
many() { seq 16 | xargs -P 8 -I{} timeout 60 "$MUSTER" backup "s3://lab/many{}.db"; }
exits "several at once do not disturb each other" 0 many
is "and each is sent" "$(printf "%s\n" "$out" | grep -c "^s3://lab/many[0-9]*.db: ")" 16
is "nor leave anything" "$(ls "$STATE" | grep -c sending)" 0
exits "with the token of a role" 0 env AWS_SESSION_TOKEN=token/with+signs= "$MUSTER" backup s3://lab/role.db
exits "in a bucket of another region" 0 mt backup s3://far/prod.db
exits "in no bucket" 1 mt backup s3://none/prod.db
like "is told in S3's words" "$err" "*s3://none/prod.db: NoSuchBucket: The specified bucket does not exist*"
exits "with another secret" 1 env AWS_SECRET_ACCESS_KEY=wrong "$MUSTER" backup s3://lab/prod.db
like "too" "$err" "*SignatureDoesNotMatch*"
exits "with no credentials" 1 env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY HOME="$WORK" "$MUSTER" backup s3://lab/prod.db
like "is told what is looked for" "$err" "*no credentials for AWS*"
exits "what is no address" 1 mt backup s3://lab
like "is told what one is" "$err" "*s3://BUCKET/KEY is expected*"

exits "restored from there" 0 mt restore 's3://lab/muster/prod state+1.db' --state "$WORK/new"
is "whole" "$(sqlite3 new/muster.db 'select count(*) from resources')" 1
is "nothing is left there" "$(ls new | grep -c fetched)" 0
exits "and from another region" 0 mt restore s3://far/prod.db --state "$WORK/new2"
exits "what is not there" 1 mt restore s3://lab/none.db --state "$WORK/new3"
like "is told" "$err" "*NoSuchKey*"
is "and leaves nothing" "$(ls new3 | grep -v lease)" ""
stop_daemon "$daemon"

# ---- by the daemon
mkdir kept
start_daemon --backup kept/ --backup-interval 1s || { is "daemon starts" no yes; finish; }
several() { [ "$(ls kept | grep -c '^muster-20......T......Z.db$')" -ge 2 ]; }
ok "it makes one after the other" until_ok several
ok "status tells" until_like '*backup: */kept/, made *' mt status
stop_daemon "$daemon"
is "each is whole" "$(for each in kept/*.db; do sqlite3 "$each" 'pragma integrity_check'; done | sort -u)" ok
start_daemon --backup s3://none/here.db --backup-interval 1s || { is "daemon starts" no yes; finish; }
ok "why none is made is told, too" until_like '*backup: s3://none/here.db, none was made yet*the last one was not made: *NoSuchBucket*' mt status
ok "and logged" grep -q 'no backup was made: s3://none/here.db: NoSuchBucket' daemon.log
is "once" "$(grep -c 'no backup was made' daemon.log)" 1
stop_daemon "$daemon"
is "the daemon ends with 0" "$?" 0
start_daemon --backup s3://lab/kept.db || { is "daemon starts" no yes; finish; }
ok "in S3" until_like '*backup: s3://lab/kept.db, made *' mt status
stop_daemon "$daemon"
start_daemon --backup s3://lab/kept.db || { is "daemon starts" no yes; finish; }
ok "a restart does not make one more" until_like '*backup: s3://lab/kept.db, made *' mt status
run mt status -o json
is "before its time" "$(json backup.bytes)" null
stop_daemon "$daemon"
exits "where nothing can be written" 1 mt serve --backup /nonexistent/x.db
like "is told at once" "$err" "*--backup /nonexistent/x.db: no file can be written there*"
finish
