#!/usr/bin/perl
# Watches the real system calls: a flush of the database lies between the intent to start a job and its spawn (invariant 2), and between its
# end and the report of its end (invariant 1); and a job costs at most two flushes.
use strict;
use warnings;
use File::Temp qw(tempdir);
use Time::HiRes qw(sleep);

my $build = $ENV{BUILD} or die "BUILD is not set\n";
my $muster = "$build/muster";
if (system("strace -f -o /dev/null true >/dev/null 2>&1") != 0) { print "1..0 # SKIP strace cannot trace here\n"; exit 0 }
if (($ENV{MUSTER_TEST_VARIANT} || "") eq "asan") { print "1..0 # SKIP LeakSanitizer does not work under strace; the release build is traced\n"; exit 0 }

my $dir = tempdir(CLEANUP => 1);
my ($state, $log, $test) = ("$dir/state", "$dir/strace", 0);
sub ok { my ($good, $what) = @_; $test++; print(($good ? "" : "not ") . "ok $test - $what\n"); return $good }
sub lines { open(my $in, "<", $log) or return (); my @all = <$in>; return @all }

mkdir "$dir/source";
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

# -D: the tracer is the grandchild, so that the process here is muster itself.
my $daemon = fork() // die;
if (!$daemon) {
    open STDERR, ">", "$dir/serve.log";
    exec "strace", "-D", "-f", "-y", "-s", "4000", "-o", $log, "-e", "trace=fdatasync,fsync,execve,wait4,waitid,sendto,sendmsg,write,writev", $muster, "serve",
        "$dir/source", "--source", "flush", "--state", $state, "--provider", "local";
    exit 127;
}
# The queue exists once the source has been applied. Only the daemon may answer: a submit of its own would take the lease.
for (1 .. 300) {
    last if -S "$state/muster.sock" && `$muster get job-queues q --state $state 2>/dev/null` =~ /^q\b/m;
    sleep 0.05;
}
my $id = `$muster submit --state $state --queue q --definition one --wait -- /bin/echo MARKER-OF-THIS-TEST 2>/dev/null`;
chomp $id;
ok(scalar($id =~ /^[0-9a-f-]{36}/), "a job ran under the tracer");

my @all = lines();
my ($exec) = grep { $all[$_] =~ /execve\("\/bin\/echo", \["\/bin\/echo", "MARKER/ } 0 .. $#all;
ok(defined $exec, "its execve is in the trace");
my $sync = qr/(fdatasync|fsync)\(\d+<[^>]*muster\.db-wal>\)?.*(= 0|unfinished)/;
# The launch message is the last thing written to the launcher before the execve.
my $sent = -1;
for my $i (0 .. ($exec // 0)) { $sent = $i if $all[$i] =~ /(sendto|sendmsg|write|writev)\(\d+<[^>]*>/ && $all[$i] =~ /MARKER-OF-THIS-TEST/ && $all[$i] !~ /HTTP|POST|muster\.db/ }
my @before = grep { $all[$_] =~ $sync } 0 .. ($sent >= 0 ? $sent : $exec // 0);
ok($sent >= 0, "the launch message is in the trace");
ok(scalar(@before) > 0, "a flush of the write-ahead log precedes the launch message");
# Between the HTTP request of this submission and the launch lies its own flush, not only an older one.
my $request = -1;
for my $i (0 .. $sent) { $request = $i if $all[$i] =~ /execve\("[^"]*muster-launcher"/ }
my @own = grep { $_ > $request } @before;
ok(scalar(@own) > 0, "and it is later than the launcher's start: a flush of this run's own");

my ($reaped) = grep { $_ > ($exec // 0) && $all[$_] =~ /(wait4|waitid)\(.*(WIFEXITED|CLD_EXITED|si_status)/ } 0 .. $#all;
ok(defined $reaped, "the launcher reaped it");
my ($report) = grep { defined $reaped && $_ > $reaped && $all[$_] =~ /(sendto|sendmsg|write|writev)\(.*SUCCEEDED/ && $all[$_] !~ /muster\.db|serve\.log/ } 0 .. $#all;
my @between = grep { defined $reaped && defined $report && $_ > $reaped && $_ < $report && $all[$_] =~ $sync } 0 .. $#all;
ok(defined $report && @between > 0, "a flush lies between the end and its report");

my $flushes = grep { $_ =~ $sync } @all;
my $array = `$muster submit --state $state --queue q --definition one --array 200 --wait`;
my $after = grep { $_ =~ $sync } lines();
my $spent = $after - $flushes;
ok($? == 0 && $spent <= 2 * 200, "200 jobs cost $spent flushes, at most two a job");

kill 15, $daemon;
waitpid $daemon, 0;
# The launcher lingers for the next reconciler, and the tracer with it.
if (open(my $lock, "<", "$state/launcher/lock")) { my ($pid) = (<$lock> // "") =~ /(\d+)/; kill 9, $pid if $pid && (readlink("/proc/$pid/exe") // "") =~ /muster-launcher/ }
print "1..$test\n";
