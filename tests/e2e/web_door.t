#!/bin/sh
# Who may use the web page: links of muster web, sessions and their forms, keys, a proxy's header, TLS; the token of /metrics. The judge is curl.
set -u
. "$(dirname "$0")/lib.sh"
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mt() { timeout 60 "$MUSTER" "$@"; }
base() { sed -n 's,.*listening at \(https\{0\,1\}://[^ ]*\)/ .*,\1,p' "$WORK/daemon.log" | tail -1; }
# web ARGUMENTS…: a request; its status is in $status, its answer with headers in $out
web() {
    out=$(curl -s -i -m 30 --cacert "$WORK/cert.pem" "$@" </dev/null | tr -d '\r')
    status=$(printf '%s\n' "$out" | sed -n '1s/^[^ ]* \([0-9]*\).*/\1/p')
}
# sign_in JAR ARGUMENTS…: by a link of muster web
sign_in() {
    jar=$1
    shift
    web -c "$jar" "$(mt web "$@" 2>/dev/null)"
}
csrf() { curl -s -m 30 "$@" | sed -n 's/.*name="csrf" value="\([0-9a-f]*\)".*/\1/p'; }
mkdir -p src "$STATE"
cat >src/all.yaml <<'Y'
apiVersion: muster/v1
kind: ComputeEnvironment
metadata: {name: here}
spec: {type: MANAGED}
---
apiVersion: muster/v1
kind: JobQueue
metadata: {name: fast}
spec: {priority: 5, computeEnvironmentOrder: [here]}
---
apiVersion: muster/v1
kind: JobQueue
metadata: {name: slow}
spec: {priority: 1, computeEnvironmentOrder: [here]}
Y
printf 'provider: local\nname: team\n' >src/muster.yaml
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
    -keyout key.pem -out cert.pem 2>/dev/null

# ---- no daemon, no page
exits "apply" 0 mt apply src --yes
exits "without a daemon there is no link" 1 mt web
like "which says what is missing" "$err" "*muster serve --listen*"
start_daemon src || { is "daemon starts" no yes; finish; }
exits "nor where it does not listen" 3 mt web
like "which says so" "$err" "*listens at no address*--listen :8080*"
stop_daemon "$daemon"

# ---- options that would let anybody in
exits "a header of anybody" 1 mt serve src --listen 127.0.0.1:0 --web-header X-Forwarded-User
like "is not believed" "$err" "*--web-header X-Forwarded-User: anybody can send that header*--behind-proxy*"
exits "groups of nobody" 1 mt serve src --listen 127.0.0.1:0 --web-groups-header X-Groups
exits "rules for nothing" 1 mt serve src --web-users rules.yaml
like "want an address" "$err" "*--web-users*--listen*"
exits "rules that are not there" 1 mt serve src --listen 127.0.0.1:0 --web-users none.yaml
printf 'rules: [{scopes: [read]}]\n' >rules.yaml
exits "a rule that fits nobody" 1 mt serve src --listen 127.0.0.1:0 --web-users rules.yaml
like "is named with its place" "$err" "*rules.yaml:1:*one of user, group, email and claim is needed*"
printf 'short\n' >token
exits "a token that can be guessed" 1 mt serve src --listen 127.0.0.1:0 --metrics-token-file token

# ---- links and sessions
printf 'a-token-of-metrics-0001\n' >token
start_daemon src --listen 127.0.0.1:0 --metrics-token-file "$WORK/token" || { is "daemon starts" no yes; finish; }
url=$(base)
web "$url/"
is "who has not signed in" "$status" 303
like "is sent to the sign-in page" "$out" "*Location: /sign-in*"
web "$url/sign-in"
is "which is there" "$status" 200
like "and says how one gets in" "$out" "*<code>muster web</code>*muster web --server*"
unlike() { case $2 in $3) is "$1" "it does" "it does not" ;; *) is "$1" "" "" ;; esac; }
unlike "it has no script" "$out" "*<script*"
web "$url$(printf %s "$out" | sed -n 's/.*rel="stylesheet" href="\([^"]*\)".*/\1/p')"
is "and its style" "$status" 200
web "$url/live" -H 'Accept: text/event-stream'
is "a stream is for who has signed in" "$status" 403
web "$url/nothing"
is "there is nothing else" "$status" 404
link=$(mt web 2>/dev/null)
like "a link" "$link" "$url/sign-in[?]token=????????????????????????????????*"
web -c jar "$link"
is "signs in" "$status" 303
like "with a cookie for this server alone" "$out" "*Set-Cookie: muster_*; Path=/;*HttpOnly; SameSite=Lax*"
web -b jar "$url/"
is "then the page is there" "$status" 200
like "and says who it is" "$out" "*$(id -un)*Sign out*"
web "$link"
is "a link is good once" "$status" 403
like "and says so" "$out" "*used already*"
web "$url/sign-in?token=$(printf %064d 0)"
is "another one is none" "$status" 403
is "nothing of a link is kept" "$(grep -rlF -- "${link#*token=}" "$STATE" "$WORK/daemon.log" | wc -l)" 0
cookie=$(sed -n 's/.*muster_[0-9]*[[:space:]]//p' jar)
is "nor of a cookie" "$(grep -rlF -- "$cookie" "$STATE" "$WORK/daemon.log" | wc -l)" 0
like "the log tells who came" "$(cat "$WORK/daemon.log")" "*signed in to the web page: $(id -un) (uid $(id -u), web)*"

# ---- forms
token=$(csrf -b jar "$url/")
web -b jar "$url/sign-out" -d x=y
is "a form without a token" "$status" 403
web -b jar "$url/sign-out" -d "csrf=$token" -H 'Origin: http://evil.example'
is "one from another page" "$status" 403
web -b jar "$url/sign-out" -d "csrf=$token" -H 'Origin: null'
is "one from nowhere" "$status" 403
web -b jar "$url/sign-out" -d "csrf=$token" -H 'Sec-Fetch-Site: cross-site'
is "one that the browser says is another's" "$status" 403
sign_in other
web -b other "$url/sign-out" -d "csrf=$token"
is "one of another session" "$status" 403
web -b jar "$url/"
is "none of them has signed out" "$status" 200
web -b jar "$url/sign-out" -d "csrf=$token" -H "Origin: $url" -H 'Sec-Fetch-Site: same-origin'
is "the page's own signs out" "$status" 303
web -b jar "$url/"
is "then the cookie is none any more" "$status" 303
web -b other "$url/"
is "another session goes on" "$status" 200
web -X POST -b other "$url/"
is "what is posted where nothing is taken: CloudWatch's place asks for a signature" "$status" 403

# ---- keys
exits "a key of one queue" 0 mt key create ci --scope read --allow-queue fast
printf '%s\n' "$out" >ci.env
like "the secret" "$out" "AWS_ACCESS_KEY_ID=*"
far() { (. "$WORK/ci.env" && export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY && timeout 60 "$MUSTER" web --server "$url" "$@"); }
exits "asks for a link" 0 far
link=$out
like "at the address that it used" "$link" "$url/sign-in*"
web -c keyjar "$link"
is "which signs in" "$status" 303
web -b keyjar "$url/"
like "by the name of the key" "$out" "*<span>ci</span>*"
exits "more than the key may" 3 far --scope admin
exits "what is no scope" 1 far --scope all
exits "the key is revoked" 0 mt key revoke ci
web -b keyjar "$url/"
is "and its session is over" "$status" 303

# ---- metrics
web "$url/metrics"
is "metrics want their token" "$status" 401
like "of this kind" "$out" "*WWW-Authenticate: Bearer*"
web "$url/metrics" -H 'Authorization: Bearer a-token-of-metrics-0002'
is "another one is none" "$status" 401
web "$url/metrics" -H 'Authorization: Bearer a-token-of-metrics-0001'
is "this is it" "$status" 200
like "they are there" "$out" "*muster_*"
web "$url/healthz"
is "health is open" "$status" 200
printf 'another-token-of-metrics\n' >token
kill -HUP "$daemon"
new() { web "$url/metrics" -H 'Authorization: Bearer another-token-of-metrics'; [ "$status" = 200 ]; }
ok "a token is read again on SIGHUP" until_ok new
web "$url/metrics" -H 'Authorization: Bearer a-token-of-metrics-0001'
is "the one before is none any more" "$status" 401
stop_daemon "$daemon"
start_daemon src --listen 127.0.0.1:0 || { is "daemon starts" no yes; finish; }
web -b other "$(base)/"
is "a restart ends sessions" "$status" 303
web "$(base)/metrics"
is "without a token metrics are open" "$status" 200
stop_daemon "$daemon"

# ---- a proxy that says who it is
cat >rules.yaml <<'Y'
rules:
  - {user: anna, scopes: [admin]}
  - {group: operators, scopes: [submit]}
  - {user: "guest-*", scopes: [read], queues: [fast]}
Y
start_daemon src --listen 127.0.0.1:0 --behind-proxy 127.0.0.2 --web-header X-Forwarded-User --web-groups-header X-Forwarded-Groups \
    --web-users "$WORK/rules.yaml" || { is "daemon starts" no yes; finish; }
url=$(base)
proxy() { web --interface 127.0.0.2 "$@"; }
web "$url/" -H 'X-Forwarded-User: anna'
is "nobody but the proxy is believed" "$status" 303
proxy "$url/" -H 'X-Forwarded-User: anna'
is "the proxy is" "$status" 200
like "it is anna" "$out" "*<span>anna</span>*"
proxy "$url/" -H 'X-Forwarded-User: bert'
is "who fits no rule does not get in" "$status" 403
like "and is told" "$out" "*no rule of this muster fits you*"
proxy "$url/" -H 'X-Forwarded-User: bert' -H 'X-Forwarded-Groups: users, operators'
is "by a group" "$status" 200
proxy "$url/" -H 'X-Forwarded-User: guest-7'
like "by a pattern" "$out" "*<span>guest-7</span>*"
proxy "$url/"
is "without a name nobody is in" "$status" 303
sign_in jar
web -b jar "$url/"
is "a link does as ever" "$status" 200
proxy -b jar "$url/" -H 'X-Forwarded-User: bert'
is "but the proxy's word counts more than a cookie" "$status" 403
token=$(csrf --interface 127.0.0.2 -H 'X-Forwarded-User: anna' "$url/")
is "who needs no session has nothing to sign out of" "$token" ""
printf 'rules: [{user: bert, scopes: [read]}]\n' >rules.yaml
kill -HUP "$daemon"
bert() { proxy "$url/" -H 'X-Forwarded-User: bert'; [ "$status" = 200 ]; }
ok "rules are read again on SIGHUP" until_ok bert
proxy "$url/" -H 'X-Forwarded-User: anna'
is "and those before are none any more" "$status" 403
printf 'rules: [{user: anna, scopes: [all]}]\n' >rules.yaml
kill -HUP "$daemon"
ok "a file that is faulty" until_like "*the rules before hold*" cat "$WORK/daemon.log"
proxy "$url/" -H 'X-Forwarded-User: bert'
is "changes nothing" "$status" 200
stop_daemon "$daemon"

# ---- what is done is somebody's
printf 'rules: [{user: anna, scopes: [admin]}, {user: bert, scopes: [read]}]\n' >rules.yaml
printf 'provider: local\nname: team\napproval: required\n' >src/muster.yaml
resource JobQueue more '{priority: 2, computeEnvironmentOrder: [here]}' >src/more.yaml
start_daemon src --listen 127.0.0.1:0 --behind-proxy 127.0.0.2 --web-header X-Forwarded-User --web-users "$WORK/rules.yaml" || { is "daemon starts" no yes; finish; }
url=$(base)
waiting() { mt status | sed -n 's/.*to apply it: muster approve \([0-9a-f]*\).*/\1/p'; }
ok "a plan waits" until_like "????????*" waiting
plan=$(waiting)
as() { user=$1; shift; curl -s -m 30 --interface 127.0.0.2 -H "X-Forwarded-User: $user" "$@"; }
token=$(as anna "$url/sources" | sed -n 's/.*name="csrf" value="\([0-9a-f]*\)".*/\1/p')
post() { user=$1; shift; as "$user" -o page -w '%{http_code}' "$url/sources" -H "Origin: $url" -d "planId=$plan" "$@"; }
is "a form without its token" "$(post anna)" 403
is "with another user's" "$(post bert -d "csrf=$token")" 403
is "of nobody whom the proxy names" "$(curl -s -m 30 -o page -w '%{http_code}' "$url/sources" -H 'X-Forwarded-User: anna' -d "planId=$plan&csrf=$token")" 403
is "none of them approved it" "$(waiting)" "$plan"
is "anna approves" "$(post anna -d "csrf=$token")" 303
exits "events" 0 mt events
like "tell who it was, and how" "$out" "*source.approved*plan $plan*approved by anna (web, by proxy)*"
exits "the new queue is there" 0 mt get JobQueue more
stop_daemon "$daemon"

# ---- TLS
start_daemon src --listen 127.0.0.1:0 --tls-cert cert.pem --tls-key key.pem || { is "daemon starts" no yes; finish; }
url=$(base)
path=$(mt web -o json 2>/dev/null | sed -n 's/.*"url": "https:[^"]*\(\/sign-in[^"]*\)".*/\1/p')
web -c jar "$url$path"
is "a link over TLS" "$status" 303
like "has a cookie that goes nowhere else" "$out" "*Set-Cookie: __Host-muster_*; Path=/;*HttpOnly; SameSite=Lax; Secure*"
web -b jar "$url/"
is "and is good" "$status" 200
stop_daemon "$daemon"
finish
