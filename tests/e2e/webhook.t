#!/bin/sh
# Webhooks over a real listener, for repositories behind git daemon that are asked hourly otherwise: only a webhook can bring
# a commit. Each form; what is wrong, sent twice, old, large, slow or too much; the figures; and the same once more in a replay.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/git.sh"
for program in curl openssl python3; do
    command -v "$program" >/dev/null || { echo "1..0 # SKIP $program is not installed (make deps)"; exit 0; }
done
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mkdir "$STATE" team
secret=a-secret-of-the-test-0123456789
signing=whsec_$(printf 'a key of the test, 32 bytes long' | base64)
printf '%s\n%s\n' "$secret" "$signing" >secret

# ---- where it may listen
exits "not at an address" 1 mt serve --listen 8080
like "which is told, with the form" "$err" "*8080*ADDRESS:PORT*127.0.0.1:8080*"
exits "not for other machines" 1 mt serve --listen 0.0.0.0:8080
like "unless a proxy does TLS" "$err" "*0.0.0.0:8080*nothing is encrypted*--behind-proxy*"
taken=$(free_port)
serve_in_background "$taken" perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(Listen => 9, LocalAddr => "127.0.0.1", LocalPort => $ARGV[0]) or die; $s->accept while 1' "$taken"
exits "not where somebody else does" 1 mt serve --listen "127.0.0.1:$taken"
like "which is told" "$err" "*--listen 127.0.0.1:$taken: Address already in use*"

# ---- two sources of one repository
make_repository "$WORK/team/jobs" || { is "a repository is made" no yes; finish; }
cd team/jobs || exit 1
git checkout -q --orphan other && git rm -rfq . && printf 'provider: local\nname: other\n' >muster.yaml
resource SchedulingPolicy fair '{fairsharePolicy: {}}' >fair.yaml
push . other && git checkout -q main
cd "$WORK" || exit 1
port=$(free_port)
serve_in_background "$port" git daemon --base-path="$WORK" --export-all --listen=127.0.0.1 --port="$port" --reuseaddr "$WORK"
at="git+git://127.0.0.1:$port/team/jobs.git"
settings() { printf 'sources:\n- {url: "git://127.0.0.1:%s/", interval: 1h%s}\n' "$port" "$1" >"$STATE/sources.yaml"; }
settings ", webhook: {secretFile: $WORK/secret}"
start_daemon "$at@main" "$at@other" --listen :0 || { is "daemon starts" no yes; finish; }
listening() { sed -n 's,.*listening at \(http://[^ ]*\)/ .*,\1,p' "$WORK/daemon.log" | tail -1; }
base=$(listening)
ok "what is there is applied" until_ok mt get JobQueue first
ok "of both" until_ok mt get SchedulingPolicy fair

# ask PATH OPTIONS…: the status; what else came is in answer.
ask() { path=$1 && shift && curl -s -m 60 -o answer -D headers -w '%{http_code}' "$@" "$base/$path"; }
mac() { openssl dgst -sha256 -hmac "$secret" | sed 's/.* //'; }
github() { # BODY [EVENT [PATH]]
    ask "hooks/${3:-e2e}" -d "$1" -H "X-GitHub-Event: ${2:-push}" -H "X-Hub-Signature-256: sha256=$(printf %s "$1" | mac)"
}
gitlab() { ask hooks/e2e -d "$1" -H 'X-Gitlab-Event: Push Hook' -H "X-Gitlab-Token: $secret"; }
signed() {
    now=$(date +%s)
    key=$(printf 'a key of the test, 32 bytes long' | od -An -tx1 | tr -d ' \n')
    mac=$(printf 'msg_%s.%s.%s' "$now$$" "$now" "$1" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64)
    ask hooks/e2e -d "$1" -H "webhook-id: msg_$now$$" -H "webhook-timestamp: $now" -H "webhook-signature: v1,$mac"
}
gitea() { ask hooks/e2e -d "$1" -H 'X-Gitea-Event: push' -H "X-Gitea-Signature: $(printf %s "$1" | mac)"; }
forgejo() { ask hooks/e2e -d "$1" -H 'X-Forgejo-Event: push' -H "X-Forgejo-Signature: $(printf %s "$1" | mac)"; }
plain() { # BODY [TIME]
    now=${2:-$(date +%s)}
    ask hooks/e2e -d "$1" -H "X-Muster-Timestamp: $now" -H "X-Muster-Signature: sha256=$(printf '%s.%s' "$now" "$1" | mac)"
}
of_github() { printf '{"ref":"%s","after":"%s","repository":{"full_name":"%s","default_branch":"main"},"number":"%s"}' "$1" "$2" "${3:-team/jobs}" "${4:-}"; }
of_gitlab() { printf '{"object_kind":"push","ref":"%s","after":"%s","project":{"path_with_namespace":"team/jobs"}}' "$1" "$2"; }
of_plain() { printf '{"ref":"%s","commit":"%s"}' "$1" "$2"; }
tip() { git -C team/jobs rev-parse "${1:-HEAD}"; }
add() { queue "$1" 1 >"team/jobs/$1.yaml" && push team/jobs "$1"; }
source_of() { run mt status -o json; json "sources.$1.$2"; }
figure() { ask metrics >/dev/null && sed -n "s/^muster_$1{source=\"e2e\"} //p" answer; }

# ---- each form brings a commit
add hub && is "a webhook of GitHub" "$(github "$(of_github refs/heads/main "$(tip)")")" 202
ok "brings the commit" until_ok mt get JobQueue hub
add lab && is "of GitLab, with a token" "$(gitlab "$(of_gitlab refs/heads/main "$(tip)")")" 202
ok "brings the commit" until_ok mt get JobQueue lab
add sign && is "of GitLab, signed" "$(signed "$(of_gitlab refs/heads/main "$(tip)")")" 202
ok "brings the commit" until_ok mt get JobQueue sign
add tea && is "of Gitea" "$(gitea "$(of_github refs/heads/main "$(tip)")")" 202
ok "brings the commit" until_ok mt get JobQueue tea
add forge && is "of Forgejo" "$(forgejo "$(of_github refs/heads/main "$(tip)")")" 202
ok "brings the commit" until_ok mt get JobQueue forge
add own && is "of our own" "$(plain "$(of_plain refs/heads/main "$(tip)")")" 202
ok "brings the commit" until_ok mt get JobQueue own
like "status says when one came" "$(mt status)" "*e2e: a webhook came last * ago (plain, refs/heads/main)*"
is "and of what" "$(source_of 0 webhook.commit)" "$(tip)"

# ---- one does for all sources of a repository
git -C team/jobs checkout -q other
resource SchedulingPolicy fairer '{fairsharePolicy: {}}' >team/jobs/fairer.yaml && push team/jobs fairer
is "a push to the branch of another source" "$(github "$(of_github refs/heads/other "$(tip)")")" 202
ok "is brought to it" until_ok mt get SchedulingPolicy fairer
like "which status says of both" "$(mt status)" "*e2e: a webhook came last * ago (github, refs/heads/other, not followed)*other: a webhook came last * ago (github, refs/heads/other)*"
git -C team/jobs checkout -q main

# ---- the hook of docs/gitops.md
awk '/^```/ { on = 0 } on; /^```sh$/ { on = 1 }' "$ROOT/docs/gitops.md" |
    sed "s,^url=.*,url=$base/hooks/e2e,; s,^secret=.*,secret=$WORK/secret," >team/jobs.git/hooks/post-receive
chmod +x team/jobs.git/hooks/post-receive
add hooked
ok "a repository that tells of its pushes by the documented hook" until_ok mt get JobQueue hooked
like "in the plain form" "$(mt status)" "*e2e: a webhook came last * ago (plain, refs/heads/main)*"
rm team/jobs.git/hooks/post-receive

# ---- what is not followed
is "a ping" "$(github '{"zen":"Keep it logically awesome."}' ping) $(cat answer)" "200 pong"
is "another event" "$(github '{}' issues) $(cat answer)" "200 not followed: no push"
is "another branch" "$(github "$(of_github refs/heads/feature "$(tip)")") $(cat answer)" "200 not followed: another reference"
is "another repository" "$(github "$(of_github refs/heads/main "$(tip)" team/others)") $(cat answer)" "200 not followed: another repository"
is "of no use" "$(github 'payload=%7B%7D') $(cut -c1-26 answer)" "400 its body is no JSON object"

# ---- a server that is behind its own webhook, and a newer push that ends the wait for an older one
queue late 1 >team/jobs/late.yaml && git -C team/jobs add -A && git -C team/jobs commit -q -m late
is "told before it is there" "$(plain "$(of_plain refs/heads/main "$(tip)")")" 202
git -C team/jobs push -q origin HEAD
ok "it is asked for again" until_ok mt get JobQueue late
is "one that never comes" "$(plain "$(of_plain refs/heads/main da1560886d4f094c3e6c9ef40349f7d38b5d27d7)")" 202
add newer && is "and a newer one" "$(plain "$(of_plain refs/heads/main "$(tip)")")" 202
ok "which is brought" until_ok mt get JobQueue newer

# ---- sent again, and old
body=$(of_github refs/heads/main "$(tip)")
is "a push, sent again" "$(github "$body") $(github "$body") $(cat answer)" "202 200 already taken"
ok "until it was looked at" until_like "*$(tip)*" sh -c "'$MUSTER' status -o json"
checked=$(figure source_head_checked_timestamp_seconds)
is "an old one that nobody remembers" "$(plain "$(of_plain refs/heads/main "$(tip HEAD~3)")")" 202
looked_again() { [ "$(figure source_head_checked_timestamp_seconds)" != "$checked" ]; }
ok "leads to a look" until_ok looked_again
is "and takes nothing back" "$(source_of 0 revision) $(source_of 0 remote.head)" "$(tip) $(tip)"
exits "of what is in force" 0 mt get JobQueue newer

# ---- what is wrong: the sender learns nothing but that
now=$(date +%s)
refused() { is "$1" "$2 $(cat answer)" "401 refused"; }
refused "a body that is another" "$(ask hooks/e2e -d "$body " -H 'X-GitHub-Event: push' -H "X-Hub-Signature-256: sha256=$(printf %s "$body" | mac)")"
refused "a signature that is none" "$(ask hooks/e2e -d "$body" -H 'X-GitHub-Event: push' -H 'X-Hub-Signature-256: sha256=abc')"
refused "an older kind of signature" "$(ask hooks/e2e -d "$body" -H 'X-GitHub-Event: push' -H "X-Hub-Signature: sha1=$(printf %s "$body" | openssl dgst -sha1 -hmac "$secret" | sed 's/.* //')")"
refused "none at all" "$(ask hooks/e2e -d "$body")"
refused "a token that is another" "$(ask hooks/e2e -d "$body" -H "X-Gitlab-Token: ${secret}x")"
refused "a time long ago" "$(plain "$(of_plain refs/heads/main "$(tip)")" $((now - 1000)))"
refused "a source that is none" "$(github "$body" push nobody)"
is "another method" "$(ask hooks/e2e)" 405
like "is told to muster's owner, with why" "$(mt events)" "*source.webhook_refused*its signature is of another secret or body*"
like "in status, too" "$(mt status)" "*e2e: a webhook was refused * ago: *"
like "and in the log, for whom no source has the name" "$(cat daemon.log)" '*no source is called "nobody"*'
is "status has when" "$(source_of 0 webhook.refusedAt | tr -d 0-9)" ""

# ---- too large, too slow, too much
head -c 5000000 /dev/zero >large
is "a body that is too large" "$(ask hooks/e2e --data-binary @large -H "X-Gitlab-Token: $secret")" 413
is "in chunks" "$(ask hooks/e2e --data-binary @large -H "X-Gitlab-Token: $secret" -H 'Transfer-Encoding: chunked')" 413
perl -MIO::Socket::INET -e 'my @held = map { my $s = IO::Socket::INET->new(PeerAddr => $ARGV[0]) or die; print $s "POST /hooks/e2e HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n"; $s } 1 .. 100;
    open my $f, ">", "held" or die; close $f; sleep 1000' "${base#http://}" &
slow=$!
ok "a hundred clients that do not go on" until_ok test -e held
is "hold up nobody" "$(ask healthz) $(cat answer)" "200 ok"
add despite && is "nor a push" "$(github "$(of_github refs/heads/main "$(tip)")")" 202
ok "which is brought" until_ok mt get JobQueue despite
kill "$slow" && wait "$slow" 2>/dev/null
# flood TOKEN: different bodies, one after the other as fast as they are answered, until one is answered with 429; its headers come out.
flood() {
    perl -MIO::Socket::INET -e 'my ($at, $token) = @ARGV;
        for my $n (1 .. 100000) {
            my $s = IO::Socket::INET->new(PeerAddr => $at) or die "$!";
            my $body = "{\"n\":$n}";
            print $s "POST /hooks/e2e HTTP/1.1\r\nHost: h\r\nX-Gitlab-Token: $token\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
            my $answer = join "", <$s>;
            if ($answer =~ m{^HTTP/1.1 429 }) { print $answer; exit }
        }' "${base#http://}" "$1"
}
like "many that are refused are told when to come again" "$(flood another-token-0123)" "*Retry-After: *"
add genuine && is "who can sign is not kept out by them" "$(github "$(of_github refs/heads/main "$(tip)")")" 202
ok "and brings a commit" until_ok mt get JobQueue genuine
like "many that are signed are told so, too" "$(flood "$secret")" "*Retry-After: *"
is "while another source's are taken" "$(ask hooks/other -d '{}' -H "X-Gitlab-Token: $secret")" 200

# ---- a branch that is deleted is held, as when it is looked for
git -C team/jobs.git update-ref -d refs/heads/other
deleted() { ask hooks/other -d '{"object_kind":"push","ref":"refs/heads/other","after":"0000000000000000000000000000000000000000","project":{"path_with_namespace":"team/jobs"}}' -H "X-Gitlab-Token: $secret"; }
is "a branch that is deleted" "$(deleted)" 202
ok "is held" until_like '*other *held *no branch or tag is named "other"*' mt status
exits "and deletes nothing" 0 mt get SchedulingPolicy fairer

# ---- health and figures, and nothing else
is "ready" "$(ask readyz) $(cat answer)" "200 ready"
is "figures" "$(ask metrics)" 200
is "nothing behind" "$(figure source_behind_seconds)" 0
is "when one was taken, and refused" "$(figure source_webhook_accepted_timestamp_seconds | tr -d 0-9.)$(figure source_webhook_refused_timestamp_seconds | tr -d 0-9.)" ""
figures() { ask metrics >/dev/null && cat answer; } # as of a second ago at most
ok "states" until_like '*muster_source_remote_state{source="other",state="held"} 1*muster_queue_jobs{queue="first",status="RUNNABLE"} 0*' figures
ok "of the format" python3 "$ROOT/tests/support/prometheus.py" check answer
queue broken x >team/jobs/broken.yaml && push team/jobs broken
taken() { plain "$(of_plain refs/heads/main "$(tip)")"; } # again where so many came that it is asked to wait
ok "and a broken one" until_like 202 taken
is_behind() { [ "$(figure source_behind_seconds)" -ge 1 ]; }
ok "a commit that is not taken is behind, in seconds" until_ok is_behind
is "the operations are not there for who does not sign" "$(ask muster/v1/status -d '{}') $(ask v1/submitjob -d '{}')" "403 403"

# ---- a secret is replaced
old=$secret secret=another-secret-of-the-test-0123
printf '%s\n' "$secret" >secret && kill -HUP "$daemon"
pings() { [ "$(github "{\"n\":\"$(date +%s%N)\"}" ping)" = 200 ]; }
ok "SIGHUP reads a new secret" until_ok pings
secret=$old
like "the old one is no good any more" "$(github '{"zen":"Speak like a human."}' ping)" "4[02][19]"
settings ''
kill -HUP "$daemon"
none() { ask hooks/e2e -d '{}' -H "X-Gitlab-Token: another-secret-of-the-test-0123" | grep -q '4[02][19]'; }
ok "without one none is taken" until_ok none

stop_daemon "$daemon"
is "it ends with 0" "$?" 0
is "no secret is anywhere" "$(mt events >events.txt 2>events.err; cat events.txt daemon.log "$STATE"/recording/*/inputs "$STATE"/muster.db* | grep -acE "a-secret-of-the-test|${signing#whsec_}")" 0
exits "with webhooks in it, the recording decides the same" 0 mt simulate --replay "$STATE"
like "to its end" "$out" "*the same as it did then*"
finish
