#!/usr/bin/perl
# What ci.t asks of the files in examples/ci/. Not a test of its own.
#   ci.pl block FILE STEP KEY   the text of `KEY: |` in the step (- name: STEP) of a GitHub workflow
#   ci.pl script FILE JOB       the script of a job of GitLab CI, as the runner's shell gets it
use strict;
use warnings;

my ($verb, $file, $name, $key) = @ARGV;
open(my $in, "<", $file) or die "ci.pl: $file: $!\n";
chomp(my @lines = <$in>);

# The lines below line $at that are deeper than $indent, without what they are indented by.
sub below {
    my ($at, $indent) = @_;
    my @block;
    for (@lines[$at + 1 .. $#lines]) { last if /\S/ && /^( *)/ && length $1 <= $indent; push @block, $_ }
    pop @block while @block && $block[-1] !~ /\S/;
    my ($depth) = ($block[0] // "") =~ /^( *)/;
    return map { s/^ {0,${\length $depth}}//r } @block;
}

if ($verb eq "block") {
    my $inside = 0;
    for my $at (0 .. $#lines) {
        $inside = $1 eq $name if $lines[$at] =~ /^ *- name: (.*)$/;
        $inside = 0 if $lines[$at] =~ /^ *- uses:/;
        if ($inside && $lines[$at] =~ /^( *)\Q$key\E: \|$/) { print "$_\n" for below($at, length $1); exit 0 }
    }
    die "ci.pl: $file: no $key in step $name\n";
}
my ($job) = grep { $lines[$_] eq "$name:" } 0 .. $#lines;
my ($script) = grep { $_ > $job && $lines[$_] eq "  script:" } 0 .. $#lines;
for my $at ($script + 1 .. $#lines) {
    last if $lines[$at] =~ /^ {0,3}\S/ && $lines[$at] !~ /^ *#/;
    if ($lines[$at] =~ /^    - \|$/) { print "$_\n" for below($at, 4) }
    elsif ($lines[$at] =~ /^    - (.*)$/) { print "$1\n" }
}
