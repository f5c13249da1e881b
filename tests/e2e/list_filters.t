#!/bin/sh
# The filters of ListJobs and of `muster get jobs`, with a daemon and without.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/semantics.sh"
definition other 1 16
manifest fair SchedulingPolicy fair '{fairsharePolicy: {}}'
manifest fair JobQueue shared '{priority: 1, computeEnvironmentOrder: [here], schedulingPolicy: fair}'
ready
# named WHAT: the names of the jobs in $WORK/.batch or of get jobs, newest first
named() { perl -MJSON::PP -e 'local $/; my $all = decode_json(<STDIN>); print join(" ", map { $_->{jobName} } @{$all->{jobs} || $all->{jobSummaryList} || [$all->{message}]}), "\n"'; }
# filtered NAME VALUE [MEMBERS]
filtered() { batch listjobs "{\"jobQueue\":\"${queue:-main}\",\"filters\":[{\"name\":\"$1\",\"values\":[\"$2\"]}]${3:-}}"; named <"$WORK/.batch"; }
# got OPTIONS…
got() { mt get jobs -o json "$@" 2>/dev/null | named; }

one=$(submit true --name Align-1)
two=$(mt submit --queue main --definition other --name align-2 --parameter do=true)
ended "$one" "$two"
mt submit --queue shared --definition sh --share-identifier a --name for-a --parameter do=true >shared.ids
mt submit --queue shared --definition sh --share-identifier ab --name for-ab --parameter do=false >>shared.ids
ended $(cat shared.ids)
created=$(of "$two" createdAt)
is "JOB_NAME in any case, of any status" "$(filtered JOB_NAME aLIGN-2)" align-2
is "a prefix" "$(filtered JOB_NAME 'ALIGN*')" "align-2 Align-1"
is "JOB_DEFINITION" "$(filtered JOB_DEFINITION sh)" Align-1
is "a revision" "$(filtered JOB_DEFINITION other:1) $(filtered JOB_DEFINITION other:2)" "align-2 "
is "as it is written" "$(filtered JOB_DEFINITION SH)" ""
is "its prefix" "$(filtered JOB_DEFINITION 'o*')" align-2
is "its ARN" "$(filtered JOB_DEFINITION arn:aws:batch:us-east-1:000000000000:job-definition/sh:1)" Align-1
is "BEFORE_CREATED_AT" "$(filtered BEFORE_CREATED_AT "$created")" Align-1
is "AFTER_CREATED_AT" "$(filtered AFTER_CREATED_AT "$((created - 1))")" align-2
is "SHARE_IDENTIFIER is exact" "$(queue=shared && filtered SHARE_IDENTIFIER a)" for-a
is "and may go with a status" "$(queue=shared && filtered SHARE_IDENTIFIER ab ',"jobStatus":"FAILED"'),$(queue=shared && filtered SHARE_IDENTIFIER ab ',"jobStatus":"SUCCEEDED"')" "for-ab,"
batch listjobs '{"jobQueue":"main","filters":[{"name":"JOB_NAMES","values":["a"]}]}'
like "another name" "$(picked .batch message)" 'filters: "JOB_NAMES" is not one of JOB_NAME | JOB_DEFINITION*'
batch listjobs '{"jobQueue":"main","filters":[{"name":"BEFORE_CREATED_AT","values":["yesterday"]}]}'
like "no time" "$(picked .batch message)" 'filters: BEFORE_CREATED_AT: "yesterday" is not a time in milliseconds*'
batch listjobs "{\"arrayJobId\":\"$one\",\"filters\":[{\"name\":\"JOB_NAME\",\"values\":[\"a\"]}]}"
like "children" "$(picked .batch message)" "filters: the children of an array and the nodes of a job cannot be filtered"
for where in daemon store; do
    is "$where: get jobs --name" "$(got --name 'align*')" "align-2 Align-1"
    is "$where: --definition" "$(got --definition other) $(got --definition sh:1)" "align-2 for-ab for-a Align-1"
    is "$where: --share-identifier" "$(got --share-identifier ab)" for-ab
    is "$where: --created-before, --created-after" "$(got --created-after 1h --created-before 2001-01-01) $(got --created-after 1h --queue main)" " align-2 Align-1"
    [ $where = store ] || stop_daemon "$daemon"
done
exits "no time" 1 mt get jobs --created-after yesterday
finish
