# semantics.sh: what the scripts about the semantics of jobs share. Source it after lib.sh: it makes a source with one
# environment, one queue, and the definition `sh`, whose command is its parameter `do`. Jobs that must be seen running
# hold a fifo open (hold, began, go), so that nothing depends on how fast a machine is.
STATE=$WORK/state
export MUSTER_STATE="$STATE"
TAB=$(printf '\t')
mt() { timeout 60 "$MUSTER" "$@"; }
# manifest FILE KIND NAME SPEC: all in flow style
manifest() {
    printf 'apiVersion: muster/v1\nkind: %s\nmetadata: {name: %s}\nspec: %s\n---\n' "$2" "$3" "$4" >>"src/$1.yaml"
}
# needs VCPUS MIB: for a definition's containerProperties
needs() { printf 'resourceRequirements: [{type: VCPU, value: "%s"}, {type: MEMORY, value: "%s"}]' "$1" "$2"; }
# definition NAME VCPUS MIB [MEMBERS]: its command is the parameter `do`
definition() {
    manifest definitions JobDefinition "$1" "{type: container, parameters: {do: \"true\"}, containerProperties: {command: [sh, -c, \"Ref::do\"], $(needs "$2" "$3")}${4:-}}"
}
# ready: applies src and starts a daemon
ready() {
    mt apply src --yes >apply.out 2>&1 || { sed 's/^/# /' apply.out; is "apply" failed ok; finish; }
    start_daemon --state "$STATE" || { is "the daemon starts" no yes; finish; }
}
# submit DO [OPTIONS…]: a job of `sh` in `main` that does DO; prints its id
submit() {
    command=$1
    shift
    mt submit --queue main --definition sh --parameter "do=$command" "$@"
}
# submit_json MEMBERS: the same through SubmitJob's own members
submit_json() {
    printf '{"jobQueue":"main","jobDefinition":"sh","jobName":"j",%s}\n' "$1" | mt submit --file -
}
# hold NAME: what a job does that tells began NAME that it runs, and ends well after go NAME
hold() {
    mkfifo "$1.up" "$1.go"
    printf 'echo up >%s.up; read x <%s.go' "$WORK/$1" "$WORK/$1"
}
began() { timeout 20 head -n 1 "$WORK/$1.up" >/dev/null; }
go() { timeout 20 sh -c "echo >$WORK/$1.go"; }
ended() { mt wait "$@" --timeout 30s >/dev/null 2>&1; }
# status_of ID: its status. A job's own output may be here before the engine is told that it started.
status_of() {
    for _ in $(seq 100); do
        status=$(of "$1" status)
        [ "$status" = STARTING ] || break
        sleep 0.1
    done
    echo "$status"
}
# of ID PATH…: what `describe` says of a job, joined by " | "; a path ending in # counts a list
of() {
    mt describe job "$1" -o json >"$WORK/.of" 2>&1 || { cat "$WORK/.of"; return 1; }
    shift
    picked "$WORK/.of" "$@"
}
# picked FILE PATH…: the same of a file with JSON
picked() {
    perl -MJSON::PP -e '
        my $file = shift; open(my $in, "<", $file); local $/; my $root = decode_json(<$in>);
        print join(" | ", map {
            my ($path, $count) = /^(.*?)(\.?#)?$/; my $value = $root;
            for my $part (split /\./, $path) { $value = ref $value eq "ARRAY" ? $value->[$part] : $value->{$part} }
            $count ? scalar @{$value || []} : ref $value ? JSON::PP->new->canonical->encode($value) : defined $value ? $value : "-"
        } @ARGV), "\n"' "$@"
}
# summary ID: the parent's counts that are not 0
summary() { of "$1" arrayProperties.statusSummary | perl -MJSON::PP -e 'my $all = decode_json(<STDIN>); print join(" ", map { "$_=$all->{$_}" } grep { $all->{$_} } sort keys %$all), "\n"'; }
# children ID LAST: their states, in order
children() { for i in $(seq 0 "$2"); do of "$1:$i" status; done | paste -sd ' '; }
# batch OPERATION BODY: what the Batch API answers, into $WORK/.batch
batch() {
    curl -sS --max-time 10 --unix-socket "$STATE/muster.sock" "http://localhost/v1/$1" -d "$2" >"$WORK/.batch"
}
# gone PID: no process has that number, but for one that only waits to be reaped
gone() {
    process=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -c1)
    [ "${process:-Z}" = Z ]
}
output() { mt logs "$@" 2>&1; }
# pipeline NAME MEMBERS JOBS
pipeline() {
    rm -f "src/$1.yaml"
    manifest "$1" Pipeline "$1" "{jobQueue: main, $2 jobs: [$3]}"
}
# step NAME DO [MEMBERS]
step() { printf '{name: %s, jobDefinition: sh, parameters: {do: "%s"}%s}' "$1" "$2" "${3:-}"; }
apply() { mt apply src --yes --wait jobs --timeout 30s; }
# runs NAME: the states of its runs, oldest first
runs() {
    mt describe Pipeline "$1" -o json >.runs
    perl -MJSON::PP -e 'local $/; my $all = decode_json(<STDIN>)->{runs}; print join(" ", map { $_->{state} } sort { $a->{number} <=> $b->{number} } @$all), "\n"' <.runs
}
# job_of NAME [NTH]: the id of the NTH newest job of that name; steps' jobs are called PIPELINE-STEP
job_of() {
    mt get jobs --name "$1" -o json >.jobs
    perl -MJSON::PP -e 'local $/; my @all = sort { $b->{createdAt} <=> $a->{createdAt} } @{decode_json(<STDIN>)->{jobs}}; print $all[$ARGV[0] - 1]{jobId}, "\n"' "${2:-1}" <.jobs
}
# jobs_of NAME: how many jobs of that name there are
jobs_of() {
    mt get jobs --name "$1" -o json >.jobs
    picked .jobs jobs.#
}

mkdir src
printf 'provider: local\nname: e2e\n' >src/muster.yaml
manifest base ComputeEnvironment here '{type: MANAGED}'
manifest base JobQueue main '{priority: 1, computeEnvironmentOrder: [here]}'
definition sh 1 16
