#!/usr/bin/perl
# What docs.t asks of the Markdown files. Not a test of its own.
#   docs.pl commands FILE DIR        the commands of FILE's fenced sh blocks: DIR/script runs them in one bash, one after the other
#   docs.pl compare EXPECTED OUTPUT  whether OUTPUT is what a fenced text block shows
#   docs.pl links ROOT FILE…         links that lead nowhere
#   docs.pl examples FILE TEST…      examples (quoted blocks) of FILE that stand in no comment of the tests, or whose heading no test is named after
#   docs.pl mentions MUSTER MAKEFILE FILE…  `muster …` and `make …` that do not exist
use strict;
use warnings;
use File::Basename qw(dirname);
my %verbs = (commands => \&commands, compare => \&compare, links => \&links, mentions => \&mentions, examples => \&examples);
my $verb = shift @ARGV or die "docs.pl: no verb\n";
exit $verbs{$verb}->(@ARGV);

sub lines { my $file = shift; open(my $in, "<", $file) or die "docs.pl: $file: $!\n"; chomp(my @all = <$in>); return @all }
sub put { my ($file, $text) = @_; open(my $out, ">", $file) or die "docs.pl: $file: $!\n"; print $out $text; close $out or die "docs.pl: $file: $!\n" }
sub quoted { my $text = shift; $text =~ s/'/'\\''/g; return "'$text'" }

# The fenced blocks of a file: [language, first line's number, lines…].
sub blocks {
    my (@blocks, $block);
    my $at = 0;
    for (lines(shift)) {
        $at++;
        if (/^```(\S*)$/) {
            if ($block) { push @blocks, $block; $block = undef } else { $block = [$1, $at + 1] }
        } elsif ($block) { push @$block, $_ }
    }
    die "docs.pl: a block does not end\n" if $block;
    return @blocks;
}

# DIR/N.command, N.line and N.exit (the code that a comment ending in "exit code N" promises, else 0); DIR/B.shown is what the text
# shows of block B's output, which the script leaves in DIR/B.out. What asks for a yes gets a terminal and says it. Building
# and installing is what brought us here: `make` lines are left out.
sub commands {
    my ($file, $dir) = @_;
    my ($n, $b) = (0, 0);
    my $script = "";
    for my $block (blocks($file)) {
        my ($language, $line, @lines) = @$block;
        put(sprintf("%s/%02d.shown", $dir, $b), join("\n", @lines) . "\n") if $language eq "text";
        next unless $language eq "sh";
        $b++;
        for (@lines) {
            my $number = $line++;
            next if /^\s*$/ || /^make\b/;
            my $command = $_;
            my $name = sprintf("%s/%03d", $dir, ++$n);
            my $code = $command =~ /#.*\bexit code (\d)$/ ? $1 : 0;
            my $out = sprintf("%s/%02d.out", $dir, $b);
            put("$name.command", "$command\n");
            put("$name.line", "$number\n");
            put("$name.exit", "$code\n");
            my $asks = $command =~ /\bmuster (apply|destroy)\b/ && $command !~ /--yes|--plan/;
            my $run = $asks ? "(until grep -qs 'accepted: ' $out || [ -e $name.end ]; do sleep 0.05; done; echo yes) |\n"
                . "{ script -qec " . quoted($command) . " /dev/null; code=\$?; : >$name.end; (exit \$code); }" : $command;
            $script .= "{ $run\n} >>$out 2>&1 </dev/null\necho \$? >$name.code\n";
        }
    }
    put("$dir/script", "trap 'kill \$(jobs -p) 2>/dev/null; wait' EXIT\n$script");
    return 0;
}

# `…` stands for anything in a line, and as a line of its own for any lines. The number of blanks depends on the terminal's width.
sub compare {
    my ($shown, $output) = @_;
    my $plain = sub { my $text = shift; $text =~ s/\r|\e\[[0-9;]*[A-Za-z]//g; $text =~ s/[ \t]+/ /g; $text =~ s/ +$//; $text };
    my $got = join("", map { $plain->($_) . "\n" } lines($output));
    my $pattern = "";
    for (map { $plain->($_) } lines($shown)) {
        $pattern .= $_ eq "…" ? "(?:.*\\n)*?" : join("[^\\n]*?", map { quotemeta } split(/ ?… ?/, $_, -1)) . "\\n";
    }
    return 0 if $got =~ /\A$pattern\z/;
    print "shown:\n", (map { "  $_\n" } lines($shown)), "printed:\n", (map { "  $_\n" } split(/\n/, $got));
    return 1;
}

sub anchors {
    my %anchors;
    for (grep { /^#+ / } lines(shift)) {
        my $anchor = lc(s/^#+ //r);
        $anchor =~ s/[^\w -]//g;
        $anchor =~ s/ /-/g;
        $anchors{$anchor} = 1;
    }
    return \%anchors;
}

sub links {
    my ($root, @files) = @_;
    my $bad = 0;
    my $seen = 0;
    for my $file (@files) {
        my ($at, $fenced) = (0, 0);
        for (lines("$root/$file")) {
            $at++;
            $fenced = !$fenced if /^```/;
            next if $fenced;
            for my $link (s/`[^`]*`//gr =~ /\]\(([^)\s]+)\)/g) {
                next if $link =~ /^(https?|mailto):/;
                $seen++;
                my ($path, $anchor) = split(/#/, $link, 2);
                my $target = $path eq "" ? "$root/$file" : "$root/" . dirname($file) . "/$path";
                next if -e $target && (!defined $anchor || anchors($target)->{$anchor});
                print "$file:$at: $link leads nowhere\n";
                $bad = 1;
            }
        }
    }
    print "no link was found\n" unless $seen;
    return $bad || !$seen;
}

# Blanks and line ends do not count. A test stands below its example and is named /examples/ANCHOR/…, by the heading.
sub examples {
    my ($file, @tests) = @_;
    my (%texts, $heading, @blocks);
    for my $test (@tests) { $texts{$test} = join(" ", lines($test)) =~ s/[\s*]+/ /gr =~ s/ > / /gr }
    my $quoted = 0;
    for (lines($file)) {
        if (/^#+ (.*)/) { $heading = lc($1) =~ s/[^\w -]//gr =~ s/ /-/gr }
        if (/^> (.*)/) { push @blocks, [$heading, ""] unless $quoted; $blocks[-1][1] .= "$1 "; $quoted = 1 } else { $quoted = 0 }
    }
    my $bad = 0;
    for (@blocks) {
        my ($anchor, $text) = ($_->[0], $_->[1] =~ s/[\s*]+/ /gr);
        my @in = grep { index($texts{$_}, $text) >= 0 } @tests;
        $bad = print("$file: $anchor: no test has this example in a comment: $text\n") unless @in;
        $bad = print("$in[0]: no test is named /examples/$anchor/\n") if @in && $texts{$in[0]} !~ m{"/examples/\Q$anchor\E/};
    }
    print "$file has no example\n" unless @blocks;
    return $bad || !@blocks;
}

# Every command, with its options, and every target that the texts speak of.
sub mentions {
    my ($muster, $makefile, @files) = @_;
    my %targets = map { /^([a-z-]+):/ ? ($1 => 1) : () } lines($makefile);
    my (%help, $bad);
    for my $file (@files) {
        my ($at, $fenced) = (0, 0);
        for my $line (lines($file)) {
            $at++;
            if ($line =~ /^```/) { $fenced = !$fenced; next }
            my @codes = $fenced ? ($line) : $line =~ /`([^`]+)`/g;
            for (@codes) {
                if (/^(?:\S*\/)?muster ([a-z]+)\b(.*)/) {
                    my ($command, $rest) = ($1, $2);
                    $rest =~ s/ -- .*| #.*//;
                    $help{$command} //= qx('$muster' $command --help 2>&1);
                    $bad = print("$file:$at: no command $command\n") if $help{$command} !~ /^Usage: muster \Q$command\E\b/m;
                    for my $option ($rest =~ /(?<![\w-])(--[a-z-]+)/g) {
                        $bad = print("$file:$at: muster $command has no $option\n") if $help{$command} !~ /^ .*\Q$option\E\b/m;
                    }
                }
                $bad = print("$file:$at: no target $1\n") if /^make ([a-z-]+)/ && !$targets{$1};
            }
        }
    }
    return $bad ? 1 : 0;
}
