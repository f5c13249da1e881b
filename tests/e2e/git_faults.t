#!/bin/sh
# What can go wrong between muster and a remote: it hangs, breaks off in the middle of a pack, the program is killed while it
# fetches, and the mirror is damaged in every place. What was good stays in force, scheduling goes on, and all mends itself.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/git.sh"
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mkdir "$STATE"
make_repository "$WORK/jobs" || { is "a repository is made" no yes; finish; }
behind=$(free_port)
ok "git daemon starts" serve_in_background "$behind" git daemon --base-path="$WORK" --export-all --listen=127.0.0.1 --port="$behind" --reuseaddr "$WORK"
# A proxy before it: the file "mode" says what becomes of each connection: pass, hang (nothing ever comes), stall N or cut N
# (after N bytes of the answer). Each connection that hangs or stalls is told in the file "stuck".
cat >proxy.pl <<'PERL'
use strict; use IO::Socket::INET; use IO::Select;
$SIG{CHLD} = 'IGNORE';
my ($port, $behind) = @ARGV;
my $listener = IO::Socket::INET->new(Listen => 20, LocalAddr => "127.0.0.1:$port", ReuseAddr => 1) or die;
sub stuck { open my $out, ">>", "stuck"; print $out "$$\n"; close $out; alarm 60; sleep 60; exit }
while (my $client = $listener->accept) {
    next if fork;
    open my $in, "<", "mode" or die; my ($mode, $limit) = split ' ', <$in>;
    stuck() if $mode eq "hang";
    my $server = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$behind") or exit;
    my ($both, $passed) = (IO::Select->new($client, $server), 0);
    while (1) {
        for my $from ($both->can_read) {
            sysread($from, my $bytes, 1024) or exit;
            if ($from == $server && $mode ne "pass" && ($passed += length $bytes) > $limit) { stuck() if $mode eq "stall"; exit }
            syswrite($from == $server ? $client : $server, $bytes);
        }
    }
}
PERL
echo pass >mode
port=$(free_port)
ok "a proxy before it" serve_in_background "$port" perl proxy.pl "$port" "$behind"
url="git://127.0.0.1:$port/jobs.git"
settings() { printf 'sources:\n- {url: "%s", interval: 50ms, timeout: %s}\n' "$url" "$1" >"$STATE/sources.yaml"; }
# Too much for one read, and nothing that packs well.
bulky() { perl -e 'print map { chr(33 + rand 90) } 1 .. 300000' >"jobs/$1.txt"; }
mirror() { echo "$STATE"/git/jobs-*.git; }
# No git (nor what it started) works on our mirrors.
is_quiet() {
    for process in /proc/[0-9]*; do
        case $(readlink "$process/exe" 2>/dev/null) in
        */git | */timeout) ! tr '\0' ' ' <"$process/cmdline" 2>/dev/null | grep -F -- "--git-dir=$STATE/git" || return 1 ;;
        esac
    done
}
check_mirror() { git -C "$(mirror)" fsck 2>&1 | grep -v 'dangling\|^notice:'; }

settings 1s
echo hang >mode
exits "a remote that never answers" 1 mt plan "git+$url@main"
like "is given up" "$err" "*not done within 1 s (timeout in sources.yaml)*"
ok "with all that was started" is_quiet
echo pass >mode
settings 20s
exits "it answers" 2 mt plan "git+$url@main" --no-forecast

# The daemon: what is good runs on.
start_daemon "git+$url@main" || { is "daemon starts" no yes; finish; }
ok "what is there is applied" until_ok mt get JobQueue first
rm -f stuck && echo hang >mode
ok "the remote hangs" until_like '[0-9]*' cat stuck
resource JobDefinition nothing '{type: container, containerProperties: {command: ["true"], resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "16"}]}}' >nothing.yaml
printf 'name: other\nprovider: local\n' >muster.yaml && mkdir other && mv muster.yaml nothing.yaml other/
exits "another source is applied meanwhile" 0 mt apply other --yes
exits "and jobs run" 0 mt submit --queue first --definition nothing --wait
settings 1s && kill -9 "$(cat stuck | head -1)"
ok "after its time it is told" until_like '*e2e *unreachable*' mt status
echo pass >mode
ok "it answers again" until_like "*e2e *ok *" mt status

bulky one && echo "cut 100000" >mode && push jobs one
ok "a pack that breaks off is told" until_like '*e2e *unreachable *cannot be fetched*' mt status
like "the commit before stays" "$(mt status)" "*$(head_of jobs HEAD~1)*"
echo pass >mode
ok "it comes whole the next time" until_in_force e2e "$(head_of jobs)"

# kill -9 in the middle of a pack. What git was started for it ends with its time; its leftovers are in nobody's way.
settings 3s
rm -f stuck && echo "stall 100000" >mode && bulky two && queue second 2 >jobs/second.yaml
for n in $(seq 120); do echo "$n" >"jobs/$n.txt"; done # few objects are not kept as a pack
push jobs two
ok "a fetch is in the middle of a pack" until_like '[0-9]*' cat stuck
ok "half a pack is there" until_like '*tmp_pack_*' find "$(mirror)" -name 'tmp_pack_*'
kill -9 "$daemon"
wait "$daemon" 2>/dev/null

touch "$(mirror)/packed-refs.lock" "$(mirror)/refs/heads/main.lock"
echo pass >mode
start_daemon "git+$url@main" || { is "daemon starts" no yes; finish; }
ok "the next one goes on" until_ok mt get JobQueue second
ok "with the whole commit" until_in_force e2e "$(head_of jobs)"
ok "and without the half pack" sh -c "! find '$(mirror)' -name 'tmp_*' | grep ."
is "the mirror is sound" "$(check_mirror)" ""

# Ending while a fetch hangs takes no longer than that.
settings 60s
rm -f stuck && echo hang >mode
ok "the remote hangs once more" until_like '[0-9]*' cat stuck
stop_daemon "$daemon"
is "it ends with 0 all the same" "$?" 0
ok "and leaves no git behind" is_quiet
echo pass >mode
settings 20s

# A damaged mirror, place by place: each time it is made anew by itself.
git -C "$(mirror)" repack -q -a -d
for damage in 'rm -rf objects' 'rm HEAD' 'echo "[core" >config' 'truncate -s 100 objects/pack/*.pack' 'echo 0000 >refs/heads/main; rm -f packed-refs' \
    'perl -e "open my \$f, q(+<), glob q(objects/pack/*.pack) or die; seek \$f, -s(\$f) / 2, 0; print \$f q(x) x 200"'; do
    chmod -R u+w "$(mirror)" && (cd "$(mirror)" && eval "$damage")
    rm -rf "$STATE/cache"
    exits "damage: $damage" 0 mt plan "git+$url@main"
    is "mended" "$(check_mirror)" ""
    git -C "$(mirror)" repack -q -a -d
done
# Many small packs become few.
for n in $(seq 51); do echo "$n" | git -C "$(mirror)" hash-object -w --stdin | git -C "$(mirror)" pack-objects -q objects/pack/pack >/dev/null; done
exits "a mirror of many packs" 0 mt plan "git+$url@main"
is "is packed anew" "$(ls "$(mirror)"/objects/pack/*.pack | wc -l)" 1
is "and sound" "$(check_mirror)" ""
# Under a daemon.
start_daemon "git+$url@main" || { is "daemon starts" no yes; finish; }
ok "it follows" until_in_force e2e "$(head_of jobs)"
find "$(mirror)/objects" -type f -exec chmod u+w {} + -exec truncate -s 20 {} +
queue third 3 >jobs/third.yaml && push jobs three
ok "a daemon's mirror is made anew" until_ok mt get JobQueue third
stop_daemon "$daemon"
# Damage that only shows when a file of the commit is read.
rm -rf "$STATE/cache"
blob=$(git -C jobs rev-parse HEAD:first.yaml)
for pack in "$(mirror)"/objects/pack/*.pack; do mv "$pack" "$WORK/one.pack" && rm -f "${pack%.pack}".* && git -C "$(mirror)" unpack-objects -q <"$WORK/one.pack"; done 2>/dev/null
rm -f "$(mirror)/objects/$(echo "$blob" | cut -c1-2)/$(echo "$blob" | cut -c3-)"
start_daemon "git+$url@main" || { is "daemon starts" no yes; finish; }
ok "a file that cannot be read is told" until_like '*source.broken *source e2e *cannot be read*' mt events
ok "fetched again, and read, without any news" until_like '*source.mended *source e2e*' mt events
ok "there it is" until_ok git -C "$(mirror)" cat-file -e "$blob"
stop_daemon "$daemon"
finish
