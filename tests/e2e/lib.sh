# lib.sh: what the end-to-end scripts share. A script sources it, calls ok/is/like for each point and ends with `finish`.
# BUILD names the directory with the binaries; everything a script makes lives in $WORK and goes with it; daemons that
# were started with start_daemon are stopped. Nothing here sleeps: waiting is done by muster wait, events -f or a fifo.
BUILD=${BUILD:-build}
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
ROOT=${MUSTER_SOURCE_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
MUSTER=$BUILD/muster
[ -x "$MUSTER" ] || { echo "1..0 # SKIP $MUSTER is not built"; exit 0; }
WORK=$(mktemp -d "${TMPDIR:-/tmp}/muster-e2e.XXXXXX") || exit 1
unset MUSTER_STATE XDG_STATE_HOME MUSTER_SERVER
HOME=$WORK/home
export HOME
mkdir -p "$HOME"
cd "$WORK" || exit 1
points=0
daemons=

muster() { "$MUSTER" "$@"; }

cleanup() {
    for daemon in $daemons; do kill "$daemon" 2>/dev/null && wait "$daemon" 2>/dev/null; done
    daemons=
    # A launcher outlives its reconciler on purpose while it runs jobs; its pid stands in its lock file.
    for lock in $(find "$WORK" -path '*launcher*' -name lock 2>/dev/null); do
        read -r pid _ <"$lock" && [ "$(readlink "/proc/$pid/exe" 2>/dev/null)" = "$BUILD/muster-launcher" ] && kill "$pid"
    done 2>/dev/null
    cd / && rm -rf "$WORK"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# ok NAME COMMAND…: passes when the command succeeds.
ok() {
    name=$1
    shift
    points=$((points + 1))
    if "$@" >"$WORK/.ok.out" 2>&1; then
        echo "ok $points - $name"
    else
        status=$?
        echo "not ok $points - $name"
        echo "# status $status of: $*"
        sed 's/^/# /' "$WORK/.ok.out"
    fi
}
# is NAME GOT EXPECTED
is() {
    points=$((points + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $points - $1"
    else
        echo "not ok $points - $1"
        printf '%s\n' "$2" | sed 's/^/#      got: /'
        printf '%s\n' "$3" | sed 's/^/# expected: /'
    fi
}
# like NAME GOT PATTERN (a shell pattern)
like() {
    points=$((points + 1))
    case $2 in
    $3) echo "ok $points - $1" ;;
    *)
        echo "not ok $points - $1"
        printf '%s\n' "$2" | sed 's/^/#      got: /'
        printf '# not like: %s\n' "$3"
        ;;
    esac
}
# run COMMAND…: $out, $err and $code are what it left.
run() {
    "$@" >"$WORK/.out" 2>"$WORK/.err"
    code=$?
    out=$(cat "$WORK/.out")
    err=$(cat "$WORK/.err")
}
# exits NAME CODE COMMAND…: runs it and compares the exit code.
exits() {
    name=$1 expected=$2
    shift 2
    run "$@"
    points=$((points + 1))
    if [ "$code" = "$expected" ]; then
        echo "ok $points - $name"
    else
        echo "not ok $points - $name"
        echo "# exit code $code instead of $expected of: $*"
        printf '%s\n' "$out" | sed 's/^/# out: /'
        printf '%s\n' "$err" | sed 's/^/# err: /'
    fi
}
skip() {
    points=$((points + 1))
    echo "ok $points - $1 # SKIP $2"
}
# json FILTER: a value out of $out; needs only perl, which prove needs too. FILTER: "a.b.0.c".
json() {
    printf '%s' "$out" | perl -MJSON::PP -e '
        local $/; my $value = decode_json(<STDIN>);
        for my $part (split /\./, $ARGV[0]) { $value = ref $value eq "ARRAY" ? $value->[$part] : $value->{$part} }
        print ref $value ? JSON::PP->new->canonical->encode($value) : defined $value ? $value : "null"' "$1"
}
# until_like PATTERN COMMAND…: asks again until the output is like it (a shell pattern); $UNTIL seconds at most.
UNTIL=30
until_like() {
    pattern=$1 end=$(($(date +%s) + UNTIL))
    shift
    while [ "$(date +%s)" -lt "$end" ]; do
        said=$("$@" 2>&1)
        case $said in $pattern) return 0 ;; esac
    done
    printf '%s\n' "$said"
    return 1
}
# until_ok COMMAND…: asks again until it succeeds; as long.
until_ok() {
    end=$(($(date +%s) + UNTIL))
    while [ "$(date +%s)" -lt "$end" ]; do
        said=$("$@" 2>&1) && return 0
    done
    printf '%s\n' "$said"
    return 1
}
# resource KIND NAME SPEC: a manifest; queue NAME PRIORITY: one of a queue over the environment "here".
resource() { printf 'apiVersion: muster/v1\nkind: %s\nmetadata: {name: %s}\nspec: %s\n' "$1" "$2" "$3"; }
queue() { resource JobQueue "$1" "{priority: $2, computeEnvironmentOrder: [here]}"; }
# start_daemon ARGUMENTS…: muster serve in the background; returns when it answers.
start_daemon() {
    "$MUSTER" serve "$@" 2>"$WORK/daemon.log" &
    daemon=$!
    daemons="$daemons $daemon"
    # The log is followed until the socket is served; tail ends with the daemon, so that a failure ends this too.
    state=${STATE:-}
    until [ -S "$state/muster.sock" ] && "$MUSTER" status --state "$state" -o json 2>/dev/null | grep -q '"mode": "serve"'; do
        kill -0 "$daemon" 2>/dev/null || { echo "# the daemon ended:"; sed 's/^/# /' "$WORK/daemon.log"; return 1; }
    done
}
stop_daemon() {
    kill "$1" && wait "$1"
}
finish() {
    echo "1..$points"
    exit 0
}
