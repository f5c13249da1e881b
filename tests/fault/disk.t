#!/usr/bin/perl
# A full disk and a read-only state directory: a clear error that names the directory, nothing that was acknowledged is lost, and work goes on
# once there is room again.
use strict;
use warnings;
use File::Temp qw(tempdir);
use Time::HiRes qw(sleep);

my $build = $ENV{BUILD} or die "BUILD is not set\n";
my $muster = "$build/muster";
# A mount namespace of our own, so that nothing is left mounted whatever happens.
if (!$ENV{MUSTER_DISK_INSIDE}) {
    if (system("unshare -m true >/dev/null 2>&1") != 0) { print "1..0 # SKIP needs a mount namespace (root)\n"; exit 0 }
    $ENV{MUSTER_DISK_INSIDE} = 1;
    exec "unshare", "-m", "--propagation", "private", $^X, $0;
}
my $dir = tempdir(CLEANUP => 1);
my ($disk, $test) = ("$dir/disk", 0);
my $state = "$disk/state";
sub ok { my ($good, $what) = @_; $test++; print(($good ? "" : "not ") . "ok $test - $what\n"); return $good }
sub note { print "# $_\n" for split /\n/, "@_" }
sub run { my $text = `@_ 2>&1`; return ($? >> 8, $text) }

mkdir $disk; mkdir "$dir/source";
if (system("mount -t tmpfs -o size=24m tmpfs $disk 2>/dev/null") != 0) { print "1..0 # SKIP cannot mount a tmpfs here\n"; exit 0 }
open(my $yaml, ">", "$dir/source/all.yaml") or die;
print $yaml <<'YAML';
apiVersion: muster/v1
kind: ComputeEnvironment
metadata: {name: here}
spec: {type: MANAGED, provider: local}
---
apiVersion: muster/v1
kind: JobQueue
metadata: {name: q}
spec: {priority: 1, computeEnvironmentOrder: [here]}
---
apiVersion: muster/v1
kind: JobDefinition
metadata: {name: one}
spec:
  type: container
  containerProperties:
    command: ["true"]
    resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "16"}]
YAML
close $yaml;
my ($code, $text) = run($muster, "apply", "$dir/source", "--source", "disk", "--provider", "local", "--state", $state, "--yes");
ok($code == 0, "applied while there is room") or note($text);
my @ids;
for (1 .. 5) { my ($c, $t) = run("$muster submit --state $state --queue q --definition one 2>/dev/null"); push @ids, $t =~ /([0-9a-f-]{36})/ }
ok(@ids == 5, "five jobs acknowledged");

system("dd if=/dev/zero of=$disk/fill bs=64k >/dev/null 2>&1");
system("dd if=/dev/zero of=$disk/fill2 bs=512 >/dev/null 2>&1");
my $refused = 0;
my $last = "";
for (1 .. 40) {
    my ($c, $t) = run($muster, "submit", "--state", $state, "--queue", "q", "--definition", "one", "--array", "10000");
    if ($c != 0) { $refused++; $last = $t; ok($c == 1, "a full disk: exit 1") or note("exit $c"); last }
    push @ids, $t =~ /([0-9a-f-]{36})/;
}
ok($refused && $last =~ /full|no space/i && index($last, $disk) >= 0, "the error says that the disk is full, and where") or note($last);
unlink "$disk/fill", "$disk/fill2";
($code, $text) = run($muster, "submit", "--state", $state, "--queue", "q", "--definition", "one");
ok($code == 0, "with room again it goes on") or note($text);
push @ids, $text =~ /([0-9a-f-]{36})/;
my $known = 0;
for my $id (@ids) { my ($c) = run($muster, "describe", "job", $id, "--state", $state); $known++ if $c == 0 }
ok($known == @ids, "every acknowledged job is known ($known of " . scalar(@ids) . ")");

# The launcher keeps its journal open for writing for a while; a file system with writers cannot become read-only.
for my $proc (glob "/proc/[0-9]*") {
    next unless (readlink("$proc/exe") // "") =~ /muster-launcher$/;
    open(my $in, "<", "$proc/cmdline") or next;
    kill 9, $1 if index(scalar(<$in>) // "", $state) >= 0 && $proc =~ /(\d+)$/;
}
for (1 .. 100) { last if system("mount -o remount,ro $disk 2>/dev/null") == 0; sleep 0.05 }
($code, $text) = run($muster, "submit", "--state", $state, "--queue", "q", "--definition", "one");
ok($code == 1 && $text =~ /read-only|write permission|permission/i && index($text, $disk) >= 0, "a read-only state directory: a clear error") or note("exit $code", $text);
($code, $text) = run($muster, "get", "jobs", "--state", $state);
ok($code == 1 && $text =~ /read-only|write permission|permission/i || $code == 0, "reading says why it cannot, or answers") or note("exit $code", $text);
system("mount -o remount,rw $disk");
($code, $text) = run($muster, "get", "queues", "--state", $state);
($code, $text) = run($muster, "submit", "--state", $state, "--queue", "q", "--definition", "one");
ok($code == 0, "writable again it goes on") or note($text);
system("umount", "-l", $disk);
print "1..$test\n";
