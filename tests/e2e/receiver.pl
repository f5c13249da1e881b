#!/usr/bin/perl
# receiver.pl PORT DIRECTORY: a server that keeps what it is sent. Each request becomes a file DIRECTORY/NNNN (request line, headers, an
# empty line, the body); DIRECTORY/answer says what is answered ("200", "429 Retry-After: 1"), 200 without it. With "hang" nothing is,
# and DIRECTORY/hanging has the head of the request.
use strict;
use warnings;
use IO::Socket::INET;
my ($port, $directory) = @ARGV;
my $server = IO::Socket::INET->new(Listen => 64, LocalAddr => "127.0.0.1:$port", ReuseAddr => 1) or die "receiver: $!\n";
$SIG{PIPE} = "IGNORE";
my ($count, @held) = (0);
while (my $client = $server->accept) {
    my ($head, $body, $length) = ("", "", 0);
    while (my $line = <$client>) {
        $length = $1 if $line =~ /^content-length:\s*(\d+)/i;
        last if $line =~ /^\r?\n$/;
        $line =~ s/\r?\n$/\n/;
        $head .= $line;
    }
    read $client, $body, $length if $length;
    next if !length $head;
    my $answer = "200";
    if (open my $in, "<", "$directory/answer") { chomp($answer = <$in> // "200") }
    if ($answer eq "hang") { push @held, $client; open my $out, ">", "$directory/hanging.new"; print $out $head; close $out; rename "$directory/hanging.new", "$directory/hanging"; next }
    my $name = sprintf "%s/%04d", $directory, ++$count;
    open my $out, ">", "$name.new" or die "receiver: $!\n";
    print $out "$answer\n$head\n$body";
    close $out;
    rename "$name.new", $name;
    my ($code, $more) = split / /, $answer, 2;
    print $client "HTTP/1.1 $code Said\r\n", $more ? "$more\r\n" : "", "Content-Length: 0\r\nConnection: close\r\n\r\n";
    close $client;
}
