#!/bin/sh
# The files of examples/ci/ do what docs/ci.md says: the shell parts of each are run as they stand, against a snapshot and a state, and with
# a server that answers as GitLab's API does; the JavaScript of the GitHub workflow with an object in place of GitHub.
set -u
. "$(dirname "$0")/lib.sh"
PATH=$BUILD:$PATH
STATE=$WORK/state
github=$ROOT/examples/ci/github-actions.yml gitlab=$ROOT/examples/ci/gitlab-ci.yml
ci() { perl "$ROOT/tests/e2e/ci.pl" "$@"; }
resource() { printf -- '---\napiVersion: muster/v1\nkind: %s\nmetadata: {name: %s}\nspec: %s\n' "$1" "$2" "$3"; }
mkdir -p batch
printf 'provider: local\nname: prod\n' >batch/muster.yaml
{ resource ComputeEnvironment here '{type: MANAGED}'; resource JobQueue high '{priority: 1, computeEnvironmentOrder: [here]}'; } >batch/all.yaml
muster apply batch --state "$STATE" --yes >/dev/null 2>&1
muster snapshot --state "$STATE" --out snapshot.json
sed 's/priority: 1/priority: 7/' batch/all.yaml >new && mv new batch/all.yaml

# ---- every command line is one
grep -ho '^ *muster [a-z].*\|`muster [^`]*`' "$github" "$gitlab" | sed 's/^ *//; s/`//g' >lines
for word in plan apply serve; do ok "the files use muster $word" grep -q "^muster $word" lines; done
sed 's/^\(.*\)$/`\1`/' lines >docs.md
ok "every command and option of them is there" perl "$ROOT/tests/e2e/docs.pl" mentions "$MUSTER" "$ROOT/Makefile" docs.md

# ---- GitHub
ci block "$github" Plan run >plan.sh
ci block "$github" Apply run >apply.sh
exits "github: the plan's step" 0 env SNAPSHOT=snapshot.json GITHUB_OUTPUT="$WORK/output" MUSTER_STATE="$WORK/none" sh -eu plan.sh
ok "writes the comment" grep -q '^\*\*Plan: 0 to add, 1 to change, 0 to destroy\.\*\*$' comment.md
ok "and no failure" sh -c '! grep -q failed output 2>/dev/null'
id=$(sed -n 's/^Plan id `\([0-9a-f]*\)`.*/\1/p' comment.md)
cp comment.md reviewed.md
cp batch/all.yaml good.yaml
echo 'priority: [' >>batch/all.yaml
exits "with errors" 0 env SNAPSHOT=snapshot.json GITHUB_OUTPUT="$WORK/output" MUSTER_STATE="$WORK/none" sh -eu plan.sh
ok "they are in the comment" grep -q '^\*\*No plan: 1 error' comment.md
is "and fail the check" "$(cat output)" "failed=1"
cp good.yaml batch/all.yaml
if command -v node >/dev/null; then
    cat >run.js <<'END'
const fs = require('fs'), [body, script] = process.argv.slice(2).map(f => fs.readFileSync(f, 'utf8'));
const log = [], state = JSON.parse(fs.readFileSync('comments.json', 'utf8'));
const call = name => async p => { log.push(name + ' ' + (p.comment_id || p.issue_number)); state.push({ id: 9, user: { login: 'github-actions[bot]' }, body: p.body }) };
const github = { paginate: async () => state, rest: { issues: { listComments: {}, updateComment: call('update'), createComment: call('create') },
  repos: { listPullRequestsAssociatedWithCommit: async () => ({ data: [{ number: 5, merged_at: 'x' }] }) } } };
const context = { repo: { owner: 'o', repo: 'r' }, issue: { number: 5 }, sha: 'abc' }, core = { warning: m => log.push(m), setFailed: m => log.push(m) };
const run = Object.getPrototypeOf(async function () {}).constructor;
new run('github', 'context', 'core', 'require', script)(github, context, core, require).then(result => console.log(result || log.join(',')));
END
    ci block "$github" Comment script >comment.js
    ci block "$github" Reviewed script >reviewed.js
    cp reviewed.md comment.md
    echo '[]' >comments.json
    is "github: a first comment" "$(node run.js comment.md comment.js)" "create 5"
    perl -MJSON::PP -e 'local $/; open my $in, "<", "reviewed.md"; my $body = <$in>; my $bot = {login => "github-actions[bot]"};
        print encode_json([{id => 1, user => $bot, body => "hello"}, {id => 3, user => {login => "eve"}, body => $body =~ s/[0-9a-f]{64}/"0" x 64/er},
            {id => 2, user => $bot, body => $body}])' >comments.json
    is "the next replaces it" "$(node run.js comment.md comment.js)" "update 2"
    is "what was reviewed is the bot's" "$(node run.js comment.md reviewed.js)" "$id"
else
    skip "github: the JavaScript" "node is missing"
fi
exits "github: another plan than the one reviewed" 3 env REVIEWED=0123 MUSTER_STATE="$STATE" sh -eu apply.sh
like "is refused" "$err" "*what would be done is plan $id, what was reviewed is plan 0123*"
like "and not applied" "$(muster get queues --state "$STATE" -o json)" '*"priority": 1*'
exits "the one reviewed is applied" 0 env REVIEWED="$id" MUSTER_STATE="$STATE" sh -eu apply.sh
like "exactly" "$(muster get queues --state "$STATE" -o json)" '*"priority": 7*'
exits "again there is nothing to do" 0 env REVIEWED="$id" MUSTER_STATE="$STATE" sh -eu apply.sh

# ---- GitLab
if ! command -v jq >/dev/null || ! command -v bash >/dev/null; then
    skip "gitlab: its scripts" "jq or bash is missing"
    finish
fi
cat >server.pl <<'END'
use strict; use IO::Socket::INET; use JSON::PP;
my $server = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1", ReuseAddr => 1) or die;
open(my $out, ">", "port.tmp"); print $out $server->sockport; close $out; rename("port.tmp", "port");
my @notes = ({id => 1, body => "looks good"});
while (my $client = $server->accept) {
    my ($verb, $path) = split / /, <$client> // ""; my ($len, $token) = (0, "");
    while (my $line = <$client>) { $len = $1 if $line =~ /^Content-Length: (\d+)/i; $token = $1 if $line =~ /^PRIVATE-TOKEN: (\S+)/i; last if $line =~ /^\r?$/ }
    read($client, my $body, $len) if $len;
    my $text = ($body // "") =~ s/^body=//r =~ tr/+/ /r =~ s/%([0-9a-fA-F]{2})/chr hex $1/ger;
    my $answer = "{}"; my $code = $token eq "t0ken" ? 200 : 401;
    if ($path =~ m{/repository/commits/abc/merge_requests$}) { $answer = '[{"iid":4,"state":"opened"},{"iid":5,"state":"merged"}]' }
    elsif ($verb eq "GET" && $path =~ m{/merge_requests/5/notes\?}) { $answer = JSON::PP->new->utf8(0)->encode(\@notes) }
    elsif ($verb eq "POST") { push @notes, {id => 7, body => $text} }
    elsif ($verb eq "PUT" && $path =~ m{/notes/(\d+)$}) { $_->{id} == $1 and $_->{body} = $text for @notes }
    open(my $log, ">>", "log"); print $log "$verb $path\n"; close $log;
    print $client "HTTP/1.0 $code X\r\nContent-Length: " . length($answer) . "\r\n\r\n$answer"; close $client;
}
END
perl server.pl &
daemons="$daemons $!"
end=$(($(date +%s) + 30))
until [ -s port ] || [ "$(date +%s)" -gt "$end" ]; do :; done
job() { # JOB VARIABLE=VALUE…: as the runner does
    ci script "$gitlab" "$1" >job.sh
    shift
    env CI_API_V4_URL="http://127.0.0.1:$(cat port)" CI_PROJECT_ID=3 CI_MERGE_REQUEST_IID=5 CI_COMMIT_SHA=abc COMMENT_TOKEN=t0ken \
        MUSTER_SNAPSHOT=snapshot.json "$@" bash -eo pipefail job.sh
}
muster snapshot --state "$STATE" --out snapshot.json
sed 's/priority: 7/priority: 9/' batch/all.yaml >new && mv new batch/all.yaml
exits "gitlab: the plan" 0 job plan MUSTER_STATE="$WORK/none"
ok "a first comment" grep -q '^POST /projects/3/merge_requests/5/notes$' log
exits "again" 0 job plan MUSTER_STATE="$WORK/none"
ok "replaces it" grep -q '^PUT /projects/3/merge_requests/5/notes/7$' log
is "once" "$(grep -c POST log)" 1
sed 's/priority: 9/priority: 8/' batch/all.yaml >other && cp batch/all.yaml reviewed.yaml && cp other batch/all.yaml
exits "another plan than the one reviewed" 3 job apply MUSTER_STATE="$STATE"
like "is refused" "$err" "*what was reviewed is plan*"
cp reviewed.yaml batch/all.yaml
exits "the one reviewed is applied" 0 job apply MUSTER_STATE="$STATE"
like "exactly" "$(muster get queues --state "$STATE" -o json)" '*"priority": 9*'
echo 'priority: [' >>batch/all.yaml
exits "errors are commented, and fail the job" 1 job plan MUSTER_STATE="$WORK/none"
is "as a change of the comment" "$(grep -c PUT log)" 2
finish
