#!/bin/sh
# Planning without access to what runs: a snapshot, by hand and by the daemon, and plans against it from a file, standard input and
# a web server; what is wrong with one is said.
set -u
. "$(dirname "$0")/lib.sh"
STATE=$WORK/state
resource() { printf -- '---\napiVersion: muster/v1\nkind: %s\nmetadata: {name: %s%s}\nspec: %s\n' "$1" "$2" "${4:-}" "$3"; }
# plan_id ARGUMENTS…: of a plan without its forecast
plan_id() { run muster plan "$@" --no-forecast --format json; json id; }
mkdir src elsewhere
printf 'provider: local\nname: prod\n' >src/muster.yaml
{
    resource ComputeEnvironment here '{type: MANAGED}'
    resource JobQueue high '{priority: 1, computeEnvironmentOrder: [here]}'
    resource JobDefinition align '{type: container, containerProperties: {command: ["true"], resourceRequirements: [{type: VCPU, value: "1"},
  {type: MEMORY, value: "64"}], environment: [{name: TOKEN, value: s3cr3t}, {name: LEVEL, value: debug}]}}' \
        ', annotations: {muster/public-environment: LEVEL}'
    resource Job once '{jobQueue: high, jobDefinition: align, containerOverrides: {environment: [{name: TOKEN, value: 0ther}]}}'
} >src/all.yaml

# ---- without anything
run muster plan src --state "$STATE" --no-forecast
like "without a state the plan says so" "$out" "*Compared with: empty state.*"
exits "a snapshot of nothing" 1 muster snapshot --state "$STATE"
like "is none" "$err" "*$STATE*"

# ---- by hand
run muster apply src --state "$STATE" --yes --wait none
exits "a snapshot on standard output" 0 muster snapshot --state "$STATE"
printf '%s\n' "$out" >first.json
exits "into a file" 0 muster snapshot --state "$STATE" --out snap.json
ok "the same bytes" cmp first.json snap.json
ok "no value that is not public" sh -c '! grep -E "s3cr3t|0ther" snap.json'
ok "no place of the source" sh -c '! grep -F "$1" snap.json' - "$WORK"
ok "what is public" grep -q debug snap.json
ok "valid JSON" perl -MJSON::PP -e 'local $/; open my $in, "<", "snap.json"; decode_json(<$in>)'
exits "a plan against it, where there is no state" 0 muster plan src --state elsewhere/none --against snap.json
like "names what it is compared with" "$out" "*Compared with: snapshot of prod at 20??-??-??T??:??:??Z.*No changes.*"

sed 's/priority: 1/priority: 7/; s/s3cr3t/n3w/; s/debug/info/' src/all.yaml >new.yaml && mv new.yaml src/all.yaml
real=$(plan_id src --state "$STATE")
is "a plan against it has the id of the plan against the state" "$(plan_id src --state elsewhere/none --against snap.json)" "$real"
run muster plan src --state elsewhere/none --against snap.json --no-forecast --format json
like "and says what it is compared with" "$out" '*"comparedWith":"snapshot of prod at *'
is "from standard input too" "$(plan_id src --state elsewhere/none --against - <snap.json)" "$real"
run muster plan src --state elsewhere/none --against snap.json
like "values that were redacted are digests" "$out" "*environment?TOKEN?.value: sha256:* -> n3w*"
like "public ones are not" "$out" "*environment?LEVEL?.value: debug -> info*"
exits "as a comment" 2 muster plan src --state elsewhere/none --against snap.json --format markdown
like "it shows digests alone" "$out" "<!-- muster-plan key=* source=prod -->*environment?TOKEN?.value: sha256:* -> sha256:*"
ok "and no secret" sh -c 'case $1 in *s3cr3t* | *n3w*) exit 1 ;; esac' - "$out"
like "and the plan's id" "$out" "*Plan id \`$real\`*"
against=$out
run muster plan src --state "$STATE" --format markdown --no-forecast
is "against the state the digests are the same" "$(printf '%s\n' "$out" | grep sha256)" "$(printf '%s\n' "$against" | grep sha256)"
(cd / && run muster plan "$WORK/src" --state "$STATE" --format markdown --no-forecast; printf '%s' "$out") >comment
ok "a comment holds no absolute path" sh -c '! grep -F "$1" comment' - "$WORK"

cp -r src more && sed 's/0ther/an0ther/' src/all.yaml >more/all.yaml
run muster plan more --state elsewhere/none --against snap.json
like "its forecast is of what is new" "$out" "*1 to run*Schedule: queue high drains in *as if nothing else were there*"

# A plan that was saved against the snapshot is what apply does.
exits "saved against a snapshot" 2 muster plan src --state elsewhere/none --against snap.json --out p.json
exits "it can be applied" 0 muster apply --plan p.json --state "$STATE" --wait none
muster snapshot --state "$STATE" --out newer.json

# ---- what is wrong with one
head -c 700 snap.json >cut.json
exits "cut" 1 muster plan src --against cut.json
like "it says so" "$err" "*--against cut.json: the snapshot is cut short*"
sed 's/"stateSnapshot":1/"stateSnapshot":9/' snap.json >later.json
exits "of a later format" 1 muster plan src --against later.json
like "it says which" "$err" "*format 9*reads format 1*"
sed 's/align/alien/' snap.json >changed.json
exits "changed" 1 muster plan src --against changed.json
like "it says that" "$err" "*was changed*"
exits "something else" 1 muster plan src --against src/all.yaml
like "is none" "$err" "*no snapshot of a state*"
exits "not there" 1 muster plan src --against nowhere.json
like "not there" "$err" "*nowhere.json: No such file*"
# ---- of another installation
mkdir other && printf 'provider: local\nname: staging\n' >other/muster.yaml && resource ComputeEnvironment here '{type: MANAGED}' >other/all.yaml
run muster apply other --state "$WORK/state2" --yes
run muster snapshot --state "$WORK/state2" --out other.json
exits "of another installation than the state" 1 muster plan src --state "$STATE" --against other.json
like "it names both" "$err" "*a snapshot of installation *, but the state in $STATE is that of *"
id=$(sed -n 's/.*"installation":"\([0-9a-f]*\)".*/\1/p' snap.json)
exits "of another installation than the one named" 1 muster plan src --state elsewhere/none --against other.json --installation "$id"
like "it names both" "$err" "*not of $id*"
exits "of the one named" 2 muster plan src --state elsewhere/none --against snap.json --installation "$id"
exits "no identity" 1 muster plan src --against snap.json --installation 12
exits "--installation alone" 1 muster plan src --installation "$id"
run muster plan src --state elsewhere/none --against other.json
like "one that knows nothing of the source is told" "$out" "*the snapshot knows nothing of source prod (it is of: staging)*"

# ---- from a web server
cat >server.pl <<'END'
use IO::Socket::INET;
my $server = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1", ReuseAddr => 1) or die;
open(my $port, ">", "port.tmp"); print $port $server->sockport; close $port; rename("port.tmp", "port");
while (my $client = $server->accept) {
    my $request = <$client> // ""; while (my $line = <$client>) { last if $line =~ /^\r?$/ }
    if ($request =~ m{^GET /(\w+\.json) }) { local $/; open(my $in, "<", $1); my $text = <$in>;
        print $client "HTTP/1.0 200 OK\r\nContent-Length: " . length($text) . "\r\n\r\n" . ($1 eq "half.json" ? substr($text, 0, 900) : $text) }
    elsif ($request =~ m{^GET /endless }) { print $client "HTTP/1.0 200 OK\r\n\r\n"; my $mib = "x" x 1048576; $SIG{PIPE} = "IGNORE";
        for (1 .. 300) { print $client $mib or last } }
    elsif ($request =~ m{^GET /moved }) { print $client "HTTP/1.0 302 Found\r\nLocation: /newer.json\r\n\r\n" }
    elsif ($request =~ m{^GET /away }) { print $client "HTTP/1.0 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n" }
    else { print $client "HTTP/1.0 404 Not Found\r\n\r\n" }
    close $client;
}
END
cp newer.json half.json
perl server.pl &
server=$!
daemons="$daemons $server"
until_ok test -s port
url=http://127.0.0.1:$(cat port)
exits "a plan against a URL" 0 muster plan src --state elsewhere/none --against "$url/newer.json"
exits "that leads to another" 0 muster plan src --state elsewhere/none --against "$url/moved"
exits "not out of HTTP" 1 muster plan src --against "$url/away"
exits "a URL without anything" 1 muster plan src --against "http://me:pass@127.0.0.1:$(cat port)/none"
like "says what the server said" "$err" "*404*"
ok "and no password" sh -c 'case $1 in *pass*) exit 1 ;; esac' - "$err"
exits "an answer that is cut" 1 muster plan src --against "$url/half.json"
exits "one that does not end" 1 muster plan src --against "$url/endless"
like "is not read to the end" "$err" "*larger than a snapshot may be*"
exits "nobody there" 1 muster plan src --against "http://127.0.0.1:1/x"

# ---- by the daemon
exits "a place that is none" 1 muster serve src --state "$STATE" --publish-snapshot nowhere/x.json
like "is refused at once" "$err" "*--publish-snapshot nowhere/x.json*No such file*"
mkdir www
start_daemon src --state "$STATE" --publish-snapshot "$WORK/www/published.json" || { is "daemon starts" no yes; finish; }
ok "it publishes what is there" until_ok test -s www/published.json
sed 's/priority: 7/priority: 8/' src/all.yaml >new.yaml && mv new.yaml src/all.yaml
ok "and what is applied" until_ok grep -q '"priority":8' www/published.json
rm -r www
sed 's/priority: 8/priority: 6/' src/all.yaml >new.yaml && mv new.yaml src/all.yaml
ok "that it cannot is in the log" until_ok grep -q 'the snapshot is not published: .*/www/published.json' daemon.log
mkdir www
sed 's/priority: 6/priority: 5/' src/all.yaml >new.yaml && mv new.yaml src/all.yaml
ok "the next change tries again" until_ok grep -q '"priority":5' www/published.json
stop_daemon "$daemon"
muster snapshot --state "$STATE" --out hand.json
ok "the last is what is there" cmp www/published.json hand.json
exits "a plan against it" 0 muster plan src --state elsewhere/none --against www/published.json
finish
