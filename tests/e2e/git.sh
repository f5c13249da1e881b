# git.sh: what the scripts with git sources share: a repository to push from, real servers on loopback, waiting.
# Source it after lib.sh. Servers that were started with serve_in_background are ended with the script.
command -v git >/dev/null || { echo "1..0 # SKIP git is not installed"; exit 0; }
git config --global user.name Test
git config --global user.email test@example.org
git config --global init.defaultBranch main
git config --global advice.detachedHead false
unset SSH_AUTH_SOCK GIT_DIR http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
mt() { timeout 60 "$MUSTER" "$@"; }
# make_repository DIR: DIR.git, and a clone of it in DIR with one commit of an environment and a queue "first".
make_repository() {
    git init -q --bare "$1.git" && git clone -q "$1.git" "$1" 2>/dev/null || return 1
    printf 'provider: local\nname: e2e\n' >"$1/muster.yaml"
    resource ComputeEnvironment here '{type: MANAGED}' >"$1/here.yaml"
    queue first 1 >"$1/first.yaml"
    push "$1" one
}
# push DIR MESSAGE: commits all that is there and pushes it; prints nothing.
push() { git -C "$1" add -A && git -C "$1" commit -q -m "$2" && git -C "$1" push -q origin HEAD 2>/dev/null; }
head_of() { git -C "$1" rev-parse --short=12 "${2:-HEAD}"; }
# until_in_force SOURCE COMMIT: the followed source is at COMMIT (as of head_of), which is more than knowing of it.
until_in_force() { until_like "*$1 *ok *$2  yes *" mt status; }
free_port() { perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport'; }
# serve_in_background PORT COMMAND…: returns when something listens there.
serve_in_background() {
    port=$1
    shift
    "$@" >>"$WORK/server.log" 2>&1 &
    server=$!
    daemons="$daemons $server"
    perl -MIO::Socket::INET -e 'my ($port, $pid) = @ARGV;
        until (IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port")) { kill(0, $pid) or exit 1; select undef, undef, undef, 0.01 }' "$port" "$server" ||
        { echo "# the server ended:"; tail -5 "$WORK/server.log" | sed 's/^/# /'; return 1; }
}
