#!/bin/sh
# An engine over TCP with TLS, which asks for a certificate: jobs, logs, and what is said where that is not right.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/docker.sh"
command -v openssl >/dev/null || no_engine "openssl is not installed (make deps)"

# certificate DIR NAME EXTENSION…: made by the authority in DIR
certificate() {
    dir=$1 name=$2 extension=$3
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" -keyout "$dir/$name.key" -out "$dir/$name.csr" 2>/dev/null
    printf '%s\n' "$extension" >"$dir/$name.ext"
    openssl x509 -req -in "$dir/$name.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 2 -extfile "$dir/$name.ext" -out "$dir/$name.pem" 2>/dev/null
}
# authority DIR: with what Docker's client looks for there: ca.pem, cert.pem, key.pem
authority() {
    mkdir "$1"
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=authority -days 2 -keyout "$1/ca.key" -out "$1/ca.pem" 2>/dev/null
    certificate "$1" cert extendedKeyUsage=clientAuth
    mv "$1/cert.key" "$1/key.pem"
}
authority ours
authority other
certificate ours server 'subjectAltName=IP:127.0.0.1'
port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
stop_engine
start_engine --host "tcp://127.0.0.1:$port" --tlsverify --tlscacert "$WORK/ours/ca.pem" --tlscert "$WORK/ours/server.pem" --tlskey "$WORK/ours/server.key" ||
    no_engine "dockerd does not start with TLS here: $(tail -n 1 "$ENGINE/log")"
DOCKER_HOST=tcp://127.0.0.1:$port
DOCKER_TLS_VERIFY=1
DOCKER_CERT_PATH=$WORK/ours
export DOCKER_HOST DOCKER_TLS_VERIFY DOCKER_CERT_PATH

source_begin src
{
    definition hello '[sh, -c, "echo hello; echo again"]'
    definition slow '[sh, -c, "trap \"exit 3\" TERM; echo begun; while true; do sleep 0.1; done"]'
} >>src/all.yaml
STATE=st
MUSTER_STATE=$WORK/st
export MUSTER_STATE
run muster plan src --no-forecast
like "the plan knows what the engine has" "$out" '*docker: there already: docker.io/library/busybox:latest*'
exits "so does the doctor" 0 muster doctor src --all
like "by its address" "$out" "*engine: tcp://127.0.0.1:$port: version *"
start_daemon src --state st
ok "the definitions are there" until_like '*slow*' muster get jobdefinitions
job=$(muster submit --queue q --definition hello --array 5)
exits "jobs run there" 0 muster wait "$job" --timeout 100
run muster logs "$job:3"
is "and are heard" "$out" "$(printf 'hello\nagain')"
job=$(muster submit --queue q --definition slow)
ok "a log is followed" until_like 'begun*' muster logs "$job"
muster terminate "$job" --reason enough
exits "a job is ended" 7 muster wait "$job" --timeout 100

said() { env "$@" "$MUSTER" doctor src; }
exits "one who shows another's certificate is turned away" 1 said DOCKER_CERT_PATH="$WORK/mixed$(mkdir mixed && cp ours/ca.pem other/cert.pem other/key.pem mixed)"
like "which is told as that" "$out" '*failed *engine: *certificate*'
exits "an engine that another authority vouches for is not talked to" 1 said DOCKER_CERT_PATH="$WORK/other"
like "which is told too" "$out" '*failed *engine: *certificate*'
exits "without certificates nothing is sent" 1 said DOCKER_CERT_PATH="$WORK/src"
like "and it is said where they are looked for" "$out" "*failed *engine: *$WORK/src/*.pem*"
exits "without TLS" 1 env -u DOCKER_TLS_VERIFY "$MUSTER" doctor src
like "the engine says what is wrong" "$out" '*failed *engine: *HTTPS*'
finish
