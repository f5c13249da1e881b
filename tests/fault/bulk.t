#!/usr/bin/perl
# kill -9 of the daemon between two commits of one `submit --file`: the first lines are there, without a gap, and the command says how to see it.
use strict;
use warnings;
use File::Temp qw(tempdir);
use Time::HiRes qw(sleep);

my $build = $ENV{BUILD} or die "BUILD is not set\n";
my $muster = "$build/muster";
my $dir = tempdir(CLEANUP => 1);
my ($state, $source, $test, $lines) = ("$dir/state", "$dir/source", 0, 50000);
sub ok { my ($good, $what) = @_; $test++; print(($good ? "" : "not ") . "ok $test - $what\n"); return $good }
sub note { print "# $_\n" for split /\n/, "@_" }
sub run { my $text = `@_ 2>&1`; return ($? >> 8, $text) }
sub put { open(my $out, ">", $_[0]) or die; print $out $_[1]; close $out }

# The environment is closed: what is submitted only waits.
mkdir $source;
put("$source/muster.yaml", "name: bulk\nprovider: local\n");
put("$source/all.yaml", <<'YAML');
apiVersion: muster/v1
kind: ComputeEnvironment
metadata: {name: here}
spec: {type: MANAGED, state: DISABLED}
---
apiVersion: muster/v1
kind: JobQueue
metadata: {name: q}
spec: {priority: 1, computeEnvironmentOrder: [here]}
---
apiVersion: muster/v1
kind: JobDefinition
metadata: {name: d}
spec: {containerProperties: {command: ["true"], vcpus: 1, memory: 16}}
YAML
put("$dir/lines", join("", map { "{\"jobName\":\"job-$_\",\"jobQueue\":\"q\",\"jobDefinition\":\"d\"}\n" } 1 .. $lines));
sub newest { my ($code, $text) = run("$muster get jobs --limit 1 --state $state -o json 2>/dev/null"); return $text =~ /"jobName":\s*"job-(\d+)"/ ? $1 : 0 }
sub serve { my $pid = fork() // die; if (!$pid) { open STDIN, "<", "/dev/null"; open STDOUT, ">", "$dir/log"; open STDERR, ">&STDOUT"; exec $muster, "serve", $source, "--state", $state or exit 127 } return $pid }
sub answers { for (1 .. 1000) { my ($c, $t) = run($muster, "status", "--state", $state, "-o", "json"); return 1 if $t =~ /"mode":\s*"serve"/; sleep 0.01 } return 0 }

my ($interrupted, $code, $said, $there) = (0, 0, "", 0);
for my $try (1 .. 8) {
    system("rm", "-rf", $state);
    run($muster, "apply", $source, "--state", $state, "--yes") ;
    my $daemon = serve();
    answers() or last;
    my $submit = fork() // die;
    if (!$submit) { open STDIN, "<", "/dev/null"; open STDOUT, ">", "$dir/ids"; open STDERR, ">", "$dir/err"; exec $muster, "submit", "--file", "$dir/lines", "--state", $state or exit 127 }
    for (1 .. 4000) { last if newest() > 0 || kill(0, $submit) == 0; sleep 0.001 }
    kill 9, $daemon; waitpid $daemon, 0;
    waitpid $submit, 0;
    $code = $? >> 8;
    $said = `cat $dir/err`;
    $there = newest();
    if ($code != 0 && $there > 0 && $there < $lines) { $interrupted = 1; last }
}
ok($interrupted, "the daemon was killed between two commits") or note("exit code $code, newest $there", $said);
ok($code == 1 && -s "$dir/ids" == 0, "the command fails and prints no id") or note($code, $said);
ok($said =~ /the daemon went away before it answered/ ? 1 : 0, "it says why") or note($said);
my ($since) = $said =~ /the first lines may have been submitted.*`muster get jobs --created-after (\S+) --limit 1000000`/;
ok(defined $since, "and how to see what there is") or note($said);
my ($c, $text) = run("$muster get jobs --created-after " . ($since // "1h") . " --limit 1000000 --state $state -o json 2>/dev/null");
my %names = map { $_ => 1 } $text =~ /"jobName":\s*"job-(\d+)"/g;
ok(keys(%names) == $there && !grep({ !$names{$_} } 1 .. $there), "these are the first lines, without a gap") or note(scalar(keys %names), $there);
put("$dir/wrong", join("", map { "{\"jobName\":\"more-$_\",\"jobQueue\":\"q\",\"jobDefinition\":\"" . ($_ == 20000 ? "none" : "d") . "\"}\n" } 1 .. 20000));
($c, $text) = run($muster, "submit", "--file", "$dir/wrong", "--state", $state);
ok($c != 0 && $text =~ /line 20000/ && $text !~ /may have been submitted/, "a line at fault leaves none, and none is spoken of") or note($c, $text);
ok(newest() == $there, "none is there");
print "1..$test\n";
