# docker.sh: what the scripts share that run jobs in containers of a real engine: one of their own, with its own socket
# and its own data below $WORK, so that it meets no other; it needs neither a bridge nor the network. After lib.sh.
PATH=$PATH:/usr/sbin:/sbin
ENGINE=$WORK/engine
SOCKET=$ENGINE/docker.sock
engine=

no_engine() {
    echo "1..0 # SKIP $1"
    exit 0
}
SERVICE=${SERVICE:-dockerd} # or podman: a script may say so before it sources this
command -v "$SERVICE" >/dev/null || no_engine "$SERVICE is not installed (make deps)"
[ -x /bin/busybox ] || no_engine "/bin/busybox is not installed (make deps)"
[ "$(id -u)" = 0 ] || no_engine "an engine of its own needs root"

# engine_call METHOD PATH [ARGUMENTS of curl…]: what the engine answers.
engine_call() {
    method=$1 path=$2
    shift 2
    curl -s --max-time 60 --unix-socket "$SOCKET" -X "$method" "http://docker$path" "$@"
}
engine_answers() { engine_call GET /_ping | grep -q OK; }
# Limits of its own: Podman 4.3 hands on soft and hard ones of this process for each other.
podman_service() {
    printf '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n[containers]\nnetns = "host"\ndefault_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]\n' >"$ENGINE/containers.conf"
    CONTAINERS_CONF=$ENGINE/containers.conf TMPDIR=$ENGINE podman --root "$ENGINE/data" --runroot "$ENGINE/exec" --tmpdir "$ENGINE/tmp" --storage-driver vfs \
        system service --time 0 "unix://$SOCKET"
}
# start_engine [ARGUMENTS of dockerd…]: returns when it answers.
start_engine() {
    mkdir -p "$ENGINE"
    rm -f "$ENGINE/pid" "$ENGINE/exec/containerd/containerd.pid" # of one that was killed: nobody may have reaped it yet
    if [ "$SERVICE" = podman ]; then
        podman_service >>"$ENGINE/log" 2>&1 &
    else
        dockerd --iptables=false --ip6tables=false --bridge=none --storage-driver=vfs --host "unix://$SOCKET" \
            --data-root "$ENGINE/data" --exec-root "$ENGINE/exec" --pidfile "$ENGINE/pid" "$@" >>"$ENGINE/log" 2>&1 &
    fi
    engine=$!
    until engine_answers; do
        kill -0 "$engine" 2>/dev/null || return 1
    done
    DOCKER_HOST=unix://$SOCKET
    export DOCKER_HOST
}
# What outlives an engine that was killed: its containerd, and a shim for each container.
engine_rest() {
    for process in /proc/[0-9]*; do
        tr '\0' ' ' 2>/dev/null <"$process/cmdline" | grep -qE "^[^ ]*(containerd[^ ]*|dockerd|podman|conmon) .*$ENGINE/" && echo "${process#/proc/}"
    done
}
stop_engine() {
    [ -n "$engine" ] || return 0
    kill -CONT "$engine" 2>/dev/null
    kill "$engine" 2>/dev/null
    wait "$engine" 2>/dev/null
    engine=
}
# The test's own, in reverse: first what asks the engine, then the engine with what it runs.
engine_cleanup() {
    for daemon in $daemons; do kill "$daemon" 2>/dev/null && wait "$daemon" 2>/dev/null; done
    daemons=
    if [ -n "$engine" ] && engine_answers 2>/dev/null; then
        for id in $(engine_call GET '/containers/json?all=1' | grep -o '"Id":"[0-9a-f]*"' | cut -d'"' -f4); do
            engine_call DELETE "/containers/$id?force=1" >/dev/null
        done
    fi
    stop_engine
    for pid in $(engine_rest); do kill -9 "$pid" 2>/dev/null; done
    for mount in $(awk -v dir="$ENGINE/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -r); do umount -l "$mount"; done
    cleanup
}
trap engine_cleanup EXIT

# import_image NAME [TAG]: busybox, and nothing else.
import_image() {
    mkdir -p "$ENGINE/root/bin" "$ENGINE/root/tmp"
    cp /bin/busybox "$ENGINE/root/bin/"
    for name in sh sleep echo cat env true false dd kill seq test; do [ -e "$ENGINE/root/bin/$name" ] || ln -s busybox "$ENGINE/root/bin/$name"; done
    tar -C "$ENGINE/root" -c . | engine_call POST "/images/create?fromSrc=-&repo=$1&tag=${2:-latest}" -H 'Content-Type: application/x-tar' --data-binary @- |
        grep -q sha256
}
# containers [QUERY]: how many there are that are ours.
containers() { engine_call GET "/containers/json?all=1&filters=%7B%22label%22%3A%5B%22muster.token%22%5D${1:-}%7D" | grep -o '"Id":"' | wc -l; }
running() { containers '%2C%22status%22%3A%5B%22running%22%5D'; }

# ENGINE_DISK: a script may set how large the engine's disk is ("32m"), before it sources this.
if [ -n "${ENGINE_DISK:-}" ]; then
    mkdir -p "$ENGINE/data"
    mount -t tmpfs -o "size=$ENGINE_DISK" tmpfs "$ENGINE/data" || no_engine "a disk of its own cannot be mounted"
fi
start_engine || no_engine "$SERVICE does not start here: $(tail -n 1 "$ENGINE/log")"
import_image busybox || no_engine "the engine takes no image"

# definition NAME COMMAND-JSON [MEMBERS of the container…] [-- MEMBERS of the definition]: a manifest in the image.
definition() {
    name=$1 command=$2 more=${3:-} beside=${4:-}
    resource JobDefinition "$name" "{type: container, $beside containerProperties: {image: busybox, $more command: $command, resourceRequirements: [{type: VCPU, value: '1'}, {type: MEMORY, value: '32'}]}}"
    echo ---
}
# Of jobs that leave a line each time that they run, in a file of $WORK/ran for each.
MARK='[sh, -c, "echo $AWS_BATCH_JOB_ARRAY_INDEX.$AWS_BATCH_JOB_ATTEMPT >>/ran/$AWS_BATCH_JOB_ARRAY_INDEX"]'
MARKED="volumes: [{name: ran, host: {sourcePath: '$WORK/ran'}}], mountPoints: [{sourceVolume: ran, containerPath: /ran}],"
mkdir -p "$WORK/ran"
ran() { find "$WORK/ran" -type f | wc -l; }
lines() { cat "$WORK"/ran/* 2>/dev/null | wc -l; }
at_least() { [ "$(ran)" -ge "$1" ]; }
status_of() {
    run muster describe job "$1" --output json
    json status
}
kill_daemon() {
    kill -9 "$daemon"
    wait "$daemon" 2>/dev/null
    return 0
}
# source_begin DIR: with an environment of Docker and a queue.
source_begin() {
    mkdir -p "$1"
    printf 'name: %s\nprovider: docker\n' "$1" >"$1/muster.yaml"
    { resource ComputeEnvironment here "{type: MANAGED, computeResources: {type: EC2, maxvCpus: 16}}"; echo ---; queue q 1; echo ---; } >"$1/all.yaml"
}
