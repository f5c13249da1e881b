#!/bin/sh
# Events told to others: signed webhooks, programs, commit statuses. At least once, in order, whoever dies or is down; the receivers are
# real ones on loopback, the forges' are held against the addresses and members that these document.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/git.sh"
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mkdir "$STATE" got forge
(umask 077; printf 'whsec_%s\n' "$(printf 'a key of the test, 32 bytes long' | base64)" >secret; printf 'token-of-the-test\n' >token)
receiver() { serve_in_background "$1" perl "$ROOT/tests/e2e/receiver.pl" "$1" "$WORK/$2"; }
hooks=$(free_port)
receiver "$hooks" got || { is "a receiver listens" no yes; finish; }
told=$server
forge=$(free_port)
receiver "$forge" forge || { is "a forge listens" no yes; finish; }
cat >hook <<'HOOK'
#!/bin/sh
cat >>"$0.got"
printf '\n%s %s %s\n' "$MUSTER_EVENT_ID" "$MUSTER_EVENT_TYPE" "$(env | grep -c .)" >>"$0.names"
HOOK
nap="sleep 1$$" # no other script's
printf '#!/bin/sh\n%s & echo waiting >&2; wait\n' "$nap" >hanging
chmod +x hook hanging
config() {
    cat >"$STATE/notify.yaml" <<END
destinations:
- {name: chat, events: ["source.*", "apply.*", "job.failed", "notify.*"], webhook: {url: "http://127.0.0.1:$hooks/hook?key=1", secretFile: $WORK/secret}}
- {name: run, events: [apply.converged], exec: {command: [$WORK/hook, an argument]}}
- {name: stuck, events: [apply.converged], exec: {command: [$WORK/hanging], timeout: 2s}}
- {name: forge, commitStatus: {github: {url: "http://127.0.0.1:$forge/api/v1", repository: team/jobs, tokenFile: $WORK/token}}}
- {name: lab, commitStatus: {gitlab: {url: "http://127.0.0.1:$forge/api/v4", project: team/jobs, tokenFile: $WORK/token, context: "batch/{source}"}}}
END
}

# ---- what is wrong with the file is told where it is
printf 'destinations:\n- {name: a, webhook: {url: "http://elsewhere.example/x", secretFile: /s}, events: ["*"]}\n' >"$STATE/notify.yaml"
exits "an address that is not encrypted" 1 mt serve
like "is an error with its place" "$err" '*notify.yaml:2:*allowUnencrypted*'
printf 'destinations:\n- {name: a, events: ["*"]}\n' >"$STATE/notify.yaml"
exits "a destination that is none" 1 mt serve
like "too" "$err" '*notify.yaml:2:*exactly one of webhook, exec and commitStatus*'
config
chmod g+w "$STATE/notify.yaml"
exits "a file that others may write" 1 mt serve
chmod 600 "$STATE/notify.yaml"
exits "a file that was asked for and is not there" 1 mt serve --notify "$WORK/nowhere.yaml"

# ---- told
make_repository "$WORK/jobs" || { is "a repository is made" no yes; finish; }
at="git+file://$WORK/jobs.git@main"
start_daemon "$at" || { is "daemon starts" no yes; finish; }
ok "the daemon says who is told" until_like '*chat *ok *webhook*forge *ok *github*' mt status
queue second 1 >jobs/second.yaml && push jobs second
bodies() { for file in "$WORK/$1"/[0-9]*[0-9]; do [ -e "$file" ] && sed '1,/^$/d' "$file" && echo; done; }
ok "a commit is told" until_like "*apply.converged*$(git -C jobs rev-parse HEAD)*" bodies got
first=$(grep -l apply.converged got/[0-9]*[0-9] | head -1)
header() { sed -n "s/^$2: //Ip" "$1" | head -1; }
signed() { printf '%s.%s.%s' "$(header "$1" webhook-id)" "$(header "$1" webhook-timestamp)" "$(sed '1,/^$/d' "$1")" |
    openssl dgst -sha256 -mac HMAC -macopt "hexkey:$(printf 'a key of the test, 32 bytes long' | od -An -tx1 | tr -d ' \n')" -binary | base64; }
is "signed, as Standard Webhooks says" "$(header "$first" webhook-signature)" "v1,$(signed "$first")"
out=$(sed '1,/^$/d' "$first")
is "the id stands in it, too" "$(json id)" "$(header "$first" webhook-id)"
is "with whose doing it is" "$(json source.name) $(json source.location)" "e2e $at"
sequences=$(bodies got | grep -o '"sequence":[0-9]*' | cut -d: -f2)
is "in order" "$sequences" "$(printf '%s\n' "$sequences" | sort -n)"
ok "a program is run" until_like '*"type":"apply.converged"*' cat hook.got
like "with the id, and little else around it" "$(cat hook.names)" '*muster-* apply.converged [0-9]*'
ok "one that hangs is ended and tried again" until_like '*stuck *failing*' mt status
like "which status says" "$(mt status)" '*stuck: *not done within*it is tried again*'
ok "without a trace of it" until_ok sh -c "! pgrep -fx '$nap'"

# ---- commit statuses, in the forms that the forges document
forged() { cat forge/[0-9]*[0-9]; } # a function: what came since the last look is in it
head=$(git -C jobs rev-parse HEAD)
ok "a forge has the state of the commit" until_like "*POST /api/v1/repos/team/jobs/statuses/$head HTTP/1.1*success*" forged
one=$(grep -l "POST /api/v1/.*$head" forge/[0-9]*[0-9] | tail -1)
is "with its token" "$(header "$one" authorization)" "Bearer token-of-the-test"
out=$(sed '1,/^$/d' "$one")
is "its members" "$(json state) $(json context)" "success muster/e2e"
like "and what the plan was" "$(json description)" '1 to add, 0 to change, 0 to destroy*; plan *'
ok "GitLab's" until_like "*POST /api/v4/projects/team%2Fjobs/statuses/$head HTTP/1.1*\"name\":\"batch/e2e\"*" forged
printf 'kind: JobQueue\n' >>jobs/second.yaml && push jobs broken
broken=$(git -C jobs rev-parse HEAD)
ok "a commit that is broken has failed" until_like "*statuses/$broken*failure*second.yaml:*" forged

# ---- down, and killed: nothing is lost, and what may have been told is told again by its id
kill "$told" && wait "$told" 2>/dev/null
git -C jobs revert --no-edit HEAD >/dev/null 2>&1 && git -C jobs push -q origin HEAD
ok "a receiver that is down" until_like '*chat *failing*' mt status
kill -9 "$daemon" && wait "$daemon" 2>/dev/null
printf 'hang\n' >got/answer
receiver "$hooks" got || { is "the receiver is back" no yes; finish; }
told=$server
rm -f got/[0-9]*[0-9]
start_daemon "$at" || { is "daemon starts again" no yes; finish; }
ok "is told by the next daemon" until_ok test -e got/hanging
kill -9 "$daemon" && wait "$daemon" 2>/dev/null
kill "$told" && wait "$told" 2>/dev/null
rm got/answer
receiver "$hooks" got || { is "the receiver is back" no yes; finish; }
start_daemon "$at" || { is "daemon starts again" no yes; finish; }
ok "what was under way comes again" until_like "*apply.converged*$(git -C jobs rev-parse HEAD)*" bodies got
ids() { sed -n 's/^webhook-id: //Ip' "$WORK"/got/[0-9]*[0-9]; }
like "by the same id" "$(ids)" "*$(header got/hanging webhook-id)*"
is "nothing comes twice" "$(ids | sort | uniq -d)" ""
sequences=$(bodies got | grep -o '"sequence":[0-9]*' | cut -d: -f2)
is "in order" "$sequences" "$(printf '%s\n' "$sequences" | sort -n)"

# ---- what a receiver says
printf '429 Retry-After: 1\n' >got/answer
queue third 1 >jobs/third.yaml && push jobs third
ok "one that asks to wait" until_ok sh -c "grep -l '^429' $WORK/got/[0-9]*[0-9]"
rm got/answer
ok "gets it later" until_like "*apply.converged*$(git -C jobs rev-parse HEAD)*" sh -c "grep -L '^429' $WORK/got/[0-9]*[0-9] | xargs cat"
printf '410\n' >got/answer
queue fourth 1 >jobs/fourth.yaml && push jobs fourth
ok "one that refuses" until_like '*notify.failed*destination chat*HTTP 410*' mt events
ok "is not asked again" until_like '*chat *refuses *' mt status
rm got/answer

# ---- who is told is read again
printf 'destinations: []\n' >"$STATE/notify.yaml" && chmod 600 "$STATE/notify.yaml" && kill -HUP "$daemon"
nobody() { ! mt status | grep -q '^chat '; }
ok "SIGHUP reads the file again" until_ok nobody
printf 'destinations: [\n' >"$STATE/notify.yaml" && kill -HUP "$daemon"
ok "a faulty one changes nothing" until_like '*notify.yaml*whoever was told before is told*' cat daemon.log
stop_daemon "$daemon"
is "the daemon ends with 0" "$?" 0
is "no secret is anywhere" "$(cat "$STATE"/muster.db* "$STATE"/recording/*/inputs daemon.log | grep -acE 'token-of-the-test|whsec_|key=1')" 0
config && chmod 600 "$STATE/notify.yaml"
exits "the recording decides the same" 0 mt simulate --replay "$STATE"
finish
