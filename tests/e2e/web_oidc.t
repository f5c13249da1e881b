#!/bin/sh
# Signing in to the web page with OpenID Connect: the provider is oidc-provider, which its authors certified and nobody here wrote.
set -u
. "$(dirname "$0")/lib.sh"
PROVIDER=$ROOT/tests/support/oidc
command -v node >/dev/null && [ -d "$PROVIDER/node_modules/oidc-provider" ] || { echo "1..0 # SKIP oidc-provider is not installed (make deps)"; exit 0; }
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mt() { timeout 60 "$MUSTER" "$@"; }
base() { sed -n 's,.*listening at \(https\{0\,1\}://[^ ]*\)/ .*,\1,p' "$WORK/daemon.log" | tail -1; }
# fetch JAR ARGUMENTS…: follows what it is told; the status and address of the last answer are in $status and $at, its text in $out
fetch() {
    jar=$1
    shift
    said=$(curl -s -L --max-redirs 10 -m 30 -b "$jar" -c "$jar" -o "$WORK/page" -w '%{http_code} %{url_effective}' "$@" </dev/null)
    status=${said%% *} at=${said#* } out=$(cat "$WORK/page")
}
# sign_in JAR USER: at the provider, with its own forms
sign_in() {
    rm -f "$1"
    fetch "$1" "$url/sign-in/oidc"
    case $at in "$issuer"/*) fetch "$1" "$at" -d prompt=login --data-urlencode "login=$2" -d password=x ;; esac
    case $at in "$issuer"/*) fetch "$1" "$at" -d prompt=consent ;; esac
}
# rules CLIENT RULE…: who may do what from now on
rules() {
    client=$1
    shift
    printf 'url: %s\noidc: {issuer: "%s", clientId: %s, clientSecretFile: %s, scopes: [profile, email, groups], label: The Office}\nrules:\n' "$url" "$issuer" "$client" "$WORK/secret" >web.yaml
    printf '  - %s\n' "$@" >>web.yaml
    kill -HUP "$daemon"
}
mkdir -p "$STATE" src
printf 'provider: local\nname: team\n' >src/muster.yaml
printf 'a secret: of 32 characters & more\n' >secret
printf 'rules: []\n' >web.yaml
start_daemon src --listen 127.0.0.1:0 --web-users "$WORK/web.yaml" || { is "daemon starts" no yes; finish; }
url=$(base)
mkfifo issuer
node "$PROVIDER/provider.mjs" "$url/sign-in/callback" >issuer 2>provider.log &
provider=$!
daemons="$daemons $provider"
exec 3<issuer
read -r issuer <&3
like "a provider that nobody here wrote" "$issuer" "http://127.0.0.1:*"

# ---- files that say nothing of use
printf 'oidc: {issuer: "http://login.example.org", clientId: a, clientSecretFile: /s}\n' >bad.yaml
exits "an issuer in the clear" 1 mt serve src --state "$WORK/x" --listen 127.0.0.1:0 --web-users bad.yaml
like "is refused, with its place" "$err" "*bad.yaml:1:*whoever is on the way could sign in as anybody*"
like "and a page without an address" "$err" "*url is needed with oidc*"

# ---- signing in, by each algorithm
rules muster-RS256 '{user: anna, scopes: [admin]}' '{email: "*@example.org", scopes: [read]}'
linked() { curl -s -m 30 "$url/sign-in" | grep -q 'Sign in with The Office'; }
ok "the sign-in page links to the provider" until_ok linked
for algorithm in RS256 PS256 ES256; do
    rules "muster-$algorithm" '{user: anna, scopes: [admin]}' '{email: "*@example.org", scopes: [read]}'
    begun() { curl -s -m 30 -o /dev/null -w '%{redirect_url}' "$url/sign-in/oidc" | grep -q "client_id=muster-$algorithm"; }
    ok "$algorithm: the provider is asked" until_ok begun
    sign_in jar anna
    is "$algorithm: anna is signed in" "$status $at" "200 $url/"
    like "$algorithm: by her name" "$out" "*<span>Anna A.</span>*"
done
sign=$(curl -s -m 30 -o /dev/null -w '%{redirect_url}' "$url/sign-in/oidc")
like "with a state, a nonce and a challenge" "$sign" "*state=*nonce=*code_challenge=*code_challenge_method=S256*"
like "the log tells who, so that nobody else can be meant" "$(cat daemon.log)" "*signed in to the web page: Anna A. (anna of $issuer, web, by oidc)*"
is "nothing of the secret is in it" "$(grep -c 'a secret' daemon.log)" 0

# ---- who does not get in
sign_in bertjar bert
is "an address that is not verified is none" "$status" 403
like "and is told" "$out" "*no rule of this muster fits you*"
sign_in carlajar carla
is "a verified one is" "$status $at" "200 $url/"
rules muster-RS256 '{group: users, scopes: [read]}' '{claim: {name: department, value: "res*"}, scopes: [read]}'
begun() { curl -s -m 30 -o /dev/null -w '%{redirect_url}' "$url/sign-in/oidc" | grep -q "client_id=muster-RS256"; }
ok "other rules" until_ok begun
sign_in bertjar bert
is "by a group" "$status $at" "200 $url/"
sign_in carlajar carla
is "by another claim" "$status $at" "200 $url/"
rules muster-HS256 '{user: "*", scopes: [admin]}'
begun() { curl -s -m 30 -o /dev/null -w '%{redirect_url}' "$url/sign-in/oidc" | grep -q "client_id=muster-HS256"; }
ok "a client whose tokens are signed with its secret" until_ok begun
sign_in jar anna
is "is not believed" "$status" 502
like "and it is told why" "$out" "*signed by none of RS256, PS256 and ES256*"

# ---- rules that change
rules muster-RS256 '{user: carla, scopes: [read]}'
out_again() { fetch bertjar "$url/" && [ "$at" = "$url/sign-in" ]; }
ok "whom no rule fits any more is out" until_ok out_again
fetch carlajar "$url/"
is "who fits another one stays" "$status $at" "200 $url/"

# ---- what others send
rules muster-RS256 '{user: anna, scopes: [admin]}'
begun() { curl -s -m 30 -o /dev/null -w '%{redirect_url}' "$url/sign-in/oidc" | grep -q "client_id=muster-RS256"; }
ok "the first client again" until_ok begun
fetch none "$url/sign-in/callback?code=x&state=y"
is "a return that nobody began" "$status" 502
like "signs in nobody" "$out" "*this browser has begun none*"
# The provider's answer to one browser, in another one: whoever sends it wants somebody to work under their name.
rm -f jar
fetch jar "$url/sign-in/oidc"
fetch jar "$at" -d prompt=login -d login=anna -d password=x
back=$(curl -s -m 30 -b jar -c jar -o /dev/null -w '%{redirect_url}' "$at" -d prompt=consent)
while [ -n "$back" ] && [ "${back#"$url"}" = "$back" ]; do back=$(curl -s -m 30 -b jar -c jar -o /dev/null -w '%{redirect_url}' "$back"); done
like "the provider sends a browser back" "$back" "$url/sign-in/callback[?]*code=*"
rm -f thief
curl -s -m 30 -c thief -o /dev/null "$url/sign-in/oidc"
fetch thief "$back"
is "another browser is not let in by it" "$status" 502
fetch jar "$back"
is "and it is over for the first one, too" "$status" 502
sign_in jar anna
is "a sign-in of one's own" "$status $at" "200 $url/"
fetch jar "$url/sign-in/callback?error=access_denied&state=x"
is "what the provider refuses" "$status" 502

# ---- keys that turn
kill -USR1 "$provider"
turned=
while [ "${turned#keys}" = "$turned" ] && read -r turned <&3; do :; done # it has other things to say
is "the provider has other keys" "$turned" "keys 2"
turn() { sign_in jar anna && [ "$status $at" = "200 $url/" ]; }
UNTIL=60
ok "they are looked up anew, half a minute after the last look at the latest" until_ok turn

# ---- a secret that is wrong, a provider that is gone
printf 'another secret\n' >secret
sign_in jar anna
is "a wrong secret" "$status" 502
like "is the provider's to refuse" "$out" "*the provider answers with status 401*"
rm secret
sign_in jar anna
like "none at all is named" "$out" "*clientSecretFile: *"
kill "$provider" && wait "$provider" 2>/dev/null
rules muster-ES256 '{user: anna, scopes: [admin]}'
gone() { curl -s -m 30 "$url/sign-in/oidc" | grep -q 'the provider does not answer'; }
ok "a provider that is gone is told" until_ok gone
link=$(mt web 2>/dev/null)
fetch own "$link"
is "a link does as ever" "$status" 200
stop_daemon "$daemon"
finish
