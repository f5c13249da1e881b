#!/usr/bin/perl
# kill -9 of the reconciler, the launcher, or both, at random moments while 1,000 jobs run. Afterwards every job is finished, no attempt was
# started twice, no two attempts of a job overlapped, and no job is gone.
#
# The jobs themselves are the witnesses: each writes "start" and "end" lines with its id, its attempt and the clock into one
# append-only file, and nothing else counts as proof. MUSTER_KILLS (50) and MUSTER_KILL_JOBS (1000) set the size, MUSTER_SEED repeats a run.
use strict;
use warnings;
use File::Temp qw(tempdir);
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep time);

my $build = $ENV{BUILD} or die "BUILD is not set\n";
my $muster = "$build/muster";
my $asan = ($ENV{MUSTER_TEST_VARIANT} || "") eq "asan";
my $kills = $ENV{MUSTER_KILLS} || ($asan ? 12 : 50);
my $jobs = $ENV{MUSTER_KILL_JOBS} || ($asan ? 300 : 1000);
my $seed = $ENV{MUSTER_SEED} || time() * 1000 % 1000003;
srand($seed);
my $dir = tempdir(CLEANUP => 1);
my $state = "$dir/state";
my $trace = "$dir/trace";
my $test = 0;
my $daemon;
my %killed = (reconciler => 0, launcher => 0, both => 0);

sub ok { my ($good, $what) = @_; $test++; print(($good ? "" : "not ") . "ok $test - $what\n"); return $good }
sub note { print "# $_\n" for split /\n/, "@_" }
sub run { my @command = @_; my $pid = open(my $out, "-|"); if (!$pid) { open STDERR, ">&STDOUT"; exec @command or exit 127 } local $/; my $text = <$out>; close $out; return ($? >> 8, $text // "") }

sub serve {
    pipe(my $in, my $out) or die;
    $daemon = fork() // die "fork: $!";
    if (!$daemon) {
        close $in;
        open STDIN, "<", "/dev/null"; open STDOUT, ">>", "$dir/serve.log"; open STDERR, ">>", "$dir/serve.log";
        exec $muster, "serve", "$dir/source", "--state", $state or exit 127;
    }
    close $out;
}
sub launcher_pid {
    # The launcher is the process whose executable is muster-launcher and whose state directory is ours.
    for my $proc (glob "/proc/[0-9]*") {
        my $exe = readlink("$proc/exe") // next;
        next unless $exe =~ /muster-launcher$/;
        open(my $in, "<", "$proc/cmdline") or next; local $/; my $line = <$in> // "";
        return $1 if index($line, $state) >= 0 && $proc =~ /(\d+)$/;
    }
    return 0;
}
sub finished { open(my $in, "<", $trace) or return 0; my %end; while (<$in>) { $end{(split)[0]} = 1 if / end / } return scalar keys %end }

mkdir "$dir/source";
open(my $source, ">", "$dir/source/all.yaml") or die;
print $source <<"YAML";
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
metadata: {name: witness}
spec:
  type: container
  retryStrategy: {attempts: 10}
  containerProperties:
    resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "32"}]
    command:
      - sh
      - -c
      - |
        echo "\$AWS_BATCH_JOB_ID \$AWS_BATCH_JOB_ATTEMPT start \$(date +%s%N)" >> $trace
        i=0; while [ \$i -lt 2000 ]; do i=\$((i+1)); done
        echo "\$AWS_BATCH_JOB_ID \$AWS_BATCH_JOB_ATTEMPT end \$(date +%s%N)" >> $trace
---
apiVersion: muster/v1
kind: Job
metadata: {name: crowd}
spec: {jobQueue: q, jobDefinition: witness, arrayProperties: {size: $jobs}}
YAML
close $source;
open(my $config, ">", "$dir/source/muster.yaml") or die;
print $config "name: kill-test\nprovider: local\n";
close $config;

note("seed $seed, $jobs jobs, $kills kills; repeat with MUSTER_SEED=$seed");
serve();
my $victims = 0;
my $deadline = time() + ($asan ? 600 : 280);
while ($victims < $kills && time() < $deadline) {
    sleep(0.02 + rand(0.28));
    last if finished() >= $jobs;
    my $what = ("reconciler", "launcher", "both")[int rand 3];
    my $launcher = launcher_pid();
    next if $what ne "reconciler" && !$launcher;
    kill 9, $launcher if $what eq "launcher";
    if ($what ne "launcher") {
        kill 9, ($what eq "both" ? ($daemon, $launcher) : ($daemon));
        waitpid $daemon, 0;
        serve();
    }
    $killed{$what}++;
    $victims++;
}
note("killed: " . join(", ", map { "$_ $killed{$_}" } sort keys %killed));
my $id = "";
for (1 .. 100) {
    my ($code, $text) = run($muster, "get", "jobs", "--state", $state, "--name", "crowd", "--output", "json");
    ($id) = $text =~ /"jobId":\s*"([0-9a-f-]{36})"/ and last;
    sleep 0.1;
}
ok($id, "the array is known after $victims kills") or note(`tail -n 20 $dir/serve.log`);
my ($code, $text) = run($muster, "wait", $id, "--state", $state, "--timeout", "200");
ok($code == 0, "every job succeeded") or note($text, "exit $code", `tail -n 20 $dir/serve.log`);

my (%starts, %begin, %end);
open(my $in, "<", $trace) or die "trace: $!";
while (<$in>) {
    my ($job, $attempt, $what, $at) = split;
    if ($what eq "start") { $starts{"$job $attempt"}++; $begin{$job}{$attempt} = $at } else { $end{$job}{$attempt} = $at }
}
my @twice = grep { $starts{$_} > 1 } keys %starts;
ok(!@twice, "no attempt was started twice") or note(@twice[0 .. ($#twice > 4 ? 4 : $#twice)]);
my @gone = grep { !$end{"$id:$_"} } 0 .. $jobs - 1;
ok(!@gone, "all $jobs children ended") or note("missing: @gone[0 .. ($#gone > 9 ? 9 : $#gone)]");
my @overlap;
for my $job (keys %begin) {
    my @attempts = sort { $a <=> $b } keys %{$begin{$job}};
    for my $i (1 .. $#attempts) {
        my ($before, $after) = @attempts[$i - 1, $i];
        push @overlap, "$job: attempt $before ended after $after began" if ($end{$job}{$before} // 0) > $begin{$job}{$after};
    }
}
ok(!@overlap, "no two attempts of a job overlapped") or note(@overlap[0 .. ($#overlap > 4 ? 4 : $#overlap)]);
my @again = grep { keys %{$end{$_}} > 1 } keys %end;
ok(!@again || $killed{launcher} + $killed{both} > 0, "nothing finished ran again") or note(@again);
ok($victims > 0, "$victims kills hit a run of $jobs jobs");

kill 15, $daemon;
waitpid $daemon, 0;
ok($? == 0, "SIGTERM ends serve with 0") or note("status $?");
my $left = launcher_pid();
kill 15, $left if $left;
print "1..$test\n";
exit 0;
