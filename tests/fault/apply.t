#!/usr/bin/perl
# kill -9 while a first apply is being staged. What it left is no history: --first-run means the same when the apply is tried again, so that
# `record` starts nothing, and the source converges.
use strict;
use warnings;
use File::Temp qw(tempdir);
use Time::HiRes qw(sleep);

my $build = $ENV{BUILD} or die "BUILD is not set\n";
my $muster = "$build/muster";
my $dir = tempdir(CLEANUP => 1);
my ($state, $source, $test, $jobs) = ("$dir/state", "$dir/source", 0, 20000);
sub ok { my ($good, $what) = @_; $test++; print(($good ? "" : "not ") . "ok $test - $what\n"); return $good }
sub note { print "# $_\n" for split /\n/, "@_" }
sub run { my $text = `@_ 2>&1`; return ($? >> 8, $text) }

mkdir $source;
open(my $yaml, ">", "$source/all.yaml") or die;
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
metadata: {name: touch}
spec:
  type: container
  containerProperties:
    command: [/bin/sh, -c, "echo started >>$TRACE"]
    environment: [{name: TRACE, value: DIR/trace}]
    resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "16"}]
YAML
for my $i (1 .. $jobs) { print $yaml "---\napiVersion: muster/v1\nkind: Job\nmetadata: {name: job-$i}\nspec: {jobQueue: q, jobDefinition: touch}\n" }
close $yaml;
system("sed", "-i", "s,DIR/trace,$dir/trace,", "$source/all.yaml");
open(my $config, ">", "$source/muster.yaml"); print $config "name: interrupted\nprovider: local\n"; close $config;

# The daemon holds the state; the kill falls between two of its commits, when some runs are recorded and some are not.
sub apply_state { my ($code, $text) = run($muster, "status", "--state", $state, "--output", "json"); return $text =~ /"state":\s*"(STAGING|ACTIVE|CONVERGED|FAILED)"/ ? $1 : "" }
my @apply = ($muster, "apply", $source, "--state", $state, "--yes", "--first-run", "record");
my $interrupted = 0;
for my $try (1 .. 20) {
    system("rm", "-rf", $state);
    my $pid = fork() // die;
    if (!$pid) { open STDIN, "<", "/dev/null"; open STDOUT, ">", "$dir/apply.log"; open STDERR, ">&STDOUT"; exec @apply or exit 127 }
    for (1 .. 2000) { last if apply_state() eq "STAGING"; last if kill(0, $pid) == 0; sleep 0.002 }
    kill 9, $pid; waitpid $pid, 0;
    if (apply_state() eq "STAGING") { $interrupted = 1; last }
}
ok($interrupted, "the apply was killed while it was staged");
my ($code, $text) = run(@apply);
ok($code == 0, "the same apply, tried again, succeeds") or note($text);
ok(apply_state() eq "CONVERGED", "and converges") or note(apply_state());
($code, $text) = run($muster, "plan", $source, "--state", $state);
ok($code == 0, "then the plan is empty") or note($text);
($code, $text) = run($muster, "get", "jobs", "--state", $state, "--output", "json");
ok($text !~ /jobId/, "no job was made of what --first-run record took as done") or note(substr($text, 0, 500));
ok(!-e "$dir/trace", "and none ran");
print "1..$test\n";
