#!/bin/sh
# Images that have to be fetched: once for all who wait, with the credentials of Docker's own configuration, and what is said
# when that fails.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/docker.sh"
command -v python3 >/dev/null || no_engine "python3 is not installed (make deps)"

registry() {
    python3 "$ROOT/tests/support/registry.py" "$@" >"$WORK/registry.$#" 2>&1 &
    daemons="$daemons $!"
    ok "a registry is there" until_ok grep -qE '^[0-9]+$' "$WORK/registry.$#"
    port=$(head -n 1 "$WORK/registry.$#")
}
registry
open=$port
registry ann:secret
closed=$port
mkdir -p "$HOME/.docker"
printf '{"auths": {"127.0.0.1:%s": {"auth": "%s"}}}\n' "$closed" "$(printf 'ann:secret' | base64)" >"$HOME/.docker/config.json"

source_begin src
image() { resource JobDefinition "$1" "{type: container, containerProperties: {image: '$2', command: [echo, fetched], resourceRequirements: [{type: VCPU, value: '1'}, {type: MEMORY, value: '16'}]}}"; echo ---; }
{
    image open "127.0.0.1:$open/busybox:1"
    image closed "127.0.0.1:$closed/busybox:1"
    image missing "127.0.0.1:$open/busybox:2"
} >>src/all.yaml
STATE=st
MUSTER_STATE=$WORK/st
export MUSTER_STATE
start_daemon src --state st
until_ok muster plan src --no-forecast --state st >/dev/null
fetches() { grep -c "HEAD /v2/busybox/manifests/1 200" "$WORK/registry.$1"; }

job=$(muster submit --queue q --definition open --array 4)
exits "an array whose image is not here runs" 0 muster wait "$job"
is "it was fetched once" "$(fetches 0)" 1
job=$(muster submit --queue q --definition open)
exits "what is here" 0 muster wait "$job"
is "is not fetched again" "$(fetches 0)" 1

job=$(muster submit --queue q --definition closed)
exits "a registry that asks who it is" 0 muster wait "$job"
is "is told what Docker's configuration says" "$(fetches 1)" 1

job=$(muster submit --queue q --definition missing)
exits "an image that is not there" 7 muster wait "$job"
run muster describe job "$job" --output json
like "is named by Batch's words" "$(json attempts.0.reason)" 'CannotPullContainerError: *manifest*'
run cat "$WORK/daemon.log" st/*.db
case $out in *ann:secret* | *YW5uOnNlY3JldA*) found=yes ;; *) found=no ;; esac
is "the password is nowhere" $found no
finish
