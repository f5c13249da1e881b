#!/bin/sh
# The transports, against real servers on loopback: sshd with keys and known_hosts, git http-backend behind lighttpd with
# and without TLS and passwords, git daemon. Each with a real push and a refusal that names its cure.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/git.sh"
PATH=$PATH:/usr/sbin
for program in sshd lighttpd openssl; do
    command -v "$program" >/dev/null || { echo "1..0 # SKIP $program is not installed (make deps)"; exit 0; }
done
STATE=$WORK/state
mkdir "$STATE"
make_repository "$WORK/jobs" || { is "a repository is made" no yes; finish; }
settings() { printf 'sources:\n- {url: "%s", interval: 50ms, %s}\n' "$1" "$2" >"$STATE/sources.yaml"; }
see() { mt plan "$1" --state "$STATE" --no-forecast; }

# ---- ssh
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
ssh-keygen -q -t ed25519 -N '' -f host_key && ssh-keygen -q -t ed25519 -N '' -f key && ssh-keygen -q -t ed25519 -N '' -f stranger
cp key.pub authorized
port=$(free_port) user=$(id -un)
cat >sshd_config <<CONF
ListenAddress 127.0.0.1
Port $port
HostKey $WORK/host_key
AuthorizedKeysFile $WORK/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
PidFile none
CONF
ok "sshd starts" serve_in_background "$port" "$(command -v sshd)" -D -e -f "$WORK/sshd_config"
printf '[127.0.0.1]:%s %s\n' "$port" "$(cut -d' ' -f1,2 host_key.pub)" >known
printf '[127.0.0.1]:%s %s\n' "$port" "$(cut -d' ' -f1,2 stranger.pub)" >other
at="ssh://$user@127.0.0.1:$port$WORK/jobs.git"
settings "$at" "sshKey: $WORK/key, knownHosts: $WORK/known"
exits "ssh" 2 see "git+$at@main"
like "reads the commit" "$out" "*revision $(git -C jobs rev-parse --short=8 HEAD)*"
settings "$at" "sshKey: $WORK/key, knownHosts: $WORK/other"
exits "a host with another key" 1 see "git+$at@main"
like "is refused, with the cure" "$err" "*Host key verification failed*knownHosts in sources.yaml*"
settings "$at" "sshKey: $WORK/stranger, knownHosts: $WORK/known"
exits "a key that it does not take" 1 see "git+$at@main"
like "is told, with the cure" "$err" "*Permission denied (publickey*sshKey in sources.yaml*"
settings "$at" "sshKey: $WORK/nowhere"
exits "a key that is not there" 1 see "git+$at@main"
like "is told by its name" "$err" "*nowhere*sshKey*"
# The same as user@host:path; ssh's own configuration gives the port.
settings "$user@" "sshKey: $WORK/key"
like "the form user@host:path is ssh" "$(see "git+$user@127.0.0.1:x.git" 2>&1)" "*cannot be fetched*"

# ---- http
mkdir www
cat >backend.cgi <<CGI
#!/bin/sh
export GIT_PROJECT_ROOT="$WORK" GIT_HTTP_EXPORT_ALL=1 HOME="$HOME"
exec git http-backend
CGI
chmod +x backend.cgi && git -C jobs.git config http.receivepack true
printf 'bot:s3cret-token\n' >users
plain=$(free_port)
cat >http.conf <<CONF
server.modules = ("mod_alias", "mod_auth", "mod_authn_file", "mod_cgi", "mod_redirect", "mod_openssl")
server.document-root = "$WORK/www"
server.bind = "127.0.0.1"
server.port = $plain
server.errorlog = "$WORK/http.log"
alias.url = ("/git" => "$WORK/backend.cgi", "/private" => "$WORK/backend.cgi")
cgi.assign = ("" => "")
auth.backend = "plain"
auth.backend.plain.userfile = "$WORK/users"
\$HTTP["url"] =~ "^/private/" { auth.require = ("" => ("method" => "basic", "realm" => "git", "require" => "valid-user")) }
CONF
ok "lighttpd starts" serve_in_background "$plain" lighttpd -D -f "$WORK/http.conf"
at="http://127.0.0.1:$plain/git/jobs.git"
settings "http://127.0.0.1:$plain/" "interval: 50ms" && settings "http://127.0.0.1:$plain/" "timeout: 20s"
git -C jobs remote set-url --push origin "$at"
start_daemon "git+$at@main" --state "$STATE" || { is "daemon starts" no yes; finish; }
ok "serve over http" until_ok mt get JobQueue first --state "$STATE"
queue second 2 >jobs/second.yaml
ok "a push over http" push jobs two
ok "is applied" until_ok mt get JobQueue second --state "$STATE"
stop_daemon "$daemon"
git -C jobs remote set-url --push origin "$WORK/jobs.git"
exits "no such repository" 1 see "git+http://127.0.0.1:$plain/git/none.git"
like "is told" "$err" "*cannot be fetched: *not found*"

at="http://127.0.0.1:$plain/private/jobs.git"
exits "without a password" 1 see "git+$at"
like "it wants one" "$err" "*tokenFile or credentialHelper*"
printf 's3cret-token\n' >token
settings "http://127.0.0.1:$plain/" "user: bot, tokenFile: $WORK/token"
exits "a token from a file" 0 see "git+$at"
settings "http://127.0.0.1:$plain/" "user: bot, tokenEnv: BOT_TOKEN"
exits "that is not set" 1 see "git+$at"
like "is told by its name" "$err" "*BOT_TOKEN*not set*"
exits "a token from the environment" 0 env BOT_TOKEN=s3cret-token "$MUSTER" plan "git+$at" --state "$STATE" --no-forecast
settings "http://127.0.0.1:$plain/" 'credentialHelper: "!f() { echo username=bot; echo password=s3cret-token; }; f"'
exits "a credential helper" 0 see "git+$at"
printf 'wrong-secret\n' >token
settings "http://127.0.0.1:$plain/" "user: bot, tokenFile: $WORK/token"
exits "a wrong token" 1 see "git+$at"
like "is told, with the cure" "$err" "*credentials were refused*"
is "and no token anywhere" "$(printf %s "$err" | cat - http.log | grep -c 's3cret-token\|wrong-secret')" 0
ok "nor in the mirror" sh -c "! grep -r 's3cret-token\|wrong-secret' '$STATE/git'"

# ---- https: a certificate of our own authority; a redirect to another host must not take the token along
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-ca -keyout ca.key -out ca.pem 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout tls.key -out tls.csr 2>/dev/null
printf 'subjectAltName=IP:127.0.0.1\n' >tls.ext
openssl x509 -req -in tls.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile tls.ext -out tls.pem 2>/dev/null
tls=$(free_port)
sed "s/^server.port.*/server.port = $tls/" http.conf >https.conf
cat >>https.conf <<CONF
ssl.engine = "enable"
ssl.pemfile = "$WORK/tls.pem"
ssl.privkey = "$WORK/tls.key"
url.redirect = ("^/moved/(.*)" => "http://localhost:$plain/private/\$1")
CONF
ok "lighttpd starts with TLS" serve_in_background "$tls" lighttpd -D -f "$WORK/https.conf"
printf 's3cret-token\n' >token
at="https://127.0.0.1:$tls/private/jobs.git"
settings "https://127.0.0.1:$tls/" "user: bot, tokenFile: $WORK/token, caFile: $WORK/ca.pem"
exits "https with our own authority" 0 see "git+$at"
settings "https://127.0.0.1:$tls/" "user: bot, tokenFile: $WORK/token"
exits "https without it" 1 see "git+$at"
like "is refused, with the cure" "$err" "*certificate*caFile in sources.yaml*"
settings "https://127.0.0.1:$tls/" "user: bot, tokenFile: $WORK/token, caFile: $WORK/ca.pem"
exits "a redirect to http elsewhere" 1 see "git+https://127.0.0.1:$tls/moved/jobs.git"
like "is not followed" "$err" "*cannot be fetched*"
settings "https://127.0.0.1:$tls/" "user: bot, tokenFile: $WORK/token, caFile: $WORK/ca.pem, proxy: 'http://127.0.0.1:$(free_port)'"
exits "a proxy" 1 see "git+$at"
like "is asked" "$err" "*cannot be fetched*"

# ---- git daemon
port=$(free_port)
ok "git daemon starts" serve_in_background "$port" git daemon --base-path="$WORK" --export-all --listen=127.0.0.1 --port="$port" --reuseaddr "$WORK"
exits "git daemon" 0 see "git+git://127.0.0.1:$port/jobs.git@main"
finish
