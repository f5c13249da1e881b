#!/bin/sh
# What people see and do at a terminal, on one of tmux: the question of apply, live bars, failures as they happen, colours, Ctrl-C; and
# logs -f. Jobs that shall be found running hold a fifo open: nothing here depends on how fast a machine is.
set -u
. "$(dirname "$0")/lib.sh"
command -v tmux >/dev/null || { echo "1..0 # SKIP tmux is missing"; exit 0; }
mt() { timeout 60 "$MUSTER" "$@"; }
unset TMUX NO_COLOR MUSTER_LAUNCHER
tm() { timeout 10 tmux -S "$WORK/tmux" -u -f /dev/null "$@"; }
end_terminal() { tm kill-server 2>/dev/null; }
trap 'end_terminal; cleanup' EXIT
# What the shell at the terminal runs is followed by its exit code; a shell of its own would drop the rest of a line at Ctrl-C.
cat >coded <<'END'
#!/usr/bin/perl
system("sh", "-c", "exec $ARGV[0]");
print "code=", $? & 127 ? 128 + ($? & 127) : $? >> 8, "\n";
END
chmod +x coded
LC_ALL=C.UTF-8 PS1='' ENV='' tm new-session -d -x 100 -y 50 "exec env PATH=$BUILD:$PATH sh" || { echo "1..0 # SKIP tmux does not start"; exit 0; }
tm set-option -g status off
screen() { tm capture-pane -p -t 0 "$@" | sed 's/ *$//'; }
# types TEXT: a command line, on a screen that is clean at once: nothing that is seen is from before
types() {
    tm send-keys -t 0 -R
    tm send-keys -t 0 -l "./coded '$1'"
    tm send-keys -t 0 Enter
}
keys() { tm send-keys -t 0 "$@"; }
# sees PATTERN: waits until the screen is like it; half a minute at most
sees() {
    end=$(($(date +%s) + 30))
    while [ "$(date +%s)" -lt "$end" ]; do
        said=$(screen)
        case $said in $1) return 0 ;; esac
        sleep 0.05
    done
    printf '%s\n' "$said"
    return 1
}

resource() { printf 'apiVersion: muster/v1\nkind: %s\nmetadata: {name: %s}\nspec: %s\n---\n' "$1" "$2" "$3"; }
needs='resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "16"}]'
mkdir src
{
    resource ComputeEnvironment here '{type: MANAGED}'
    resource JobQueue main '{priority: 1, computeEnvironmentOrder: [here]}'
    resource JobDefinition hold "{type: container, containerProperties: {command: [sh, -c, 'echo up >$WORK/up; read x <$WORK/go; echo over >$WORK/over'], $needs}}"
    resource JobDefinition fail "{type: container, containerProperties: {command: [sh, -c, 'echo the disk is full; exit 3'], $needs}}"
    resource Pipeline nightly '{jobQueue: main, jobs: [{name: bad, jobDefinition: fail}, {name: long, jobDefinition: hold, dependsOn: [{job: bad, condition: completion}]}]}'
    resource Job alone '{jobQueue: main, jobDefinition: fail, dependsOn: [{job: never}]}'
} >src/all.yaml
# A Job that waits for one that waits: both are there when the first frame is drawn.
resource JobDefinition gate "{type: container, containerProperties: {command: [sh, -c, 'echo up >$WORK/gate.up; read x <$WORK/gate.go'], $needs}}" >>src/all.yaml
sed -i 's/jobDefinition: fail, dependsOn: ..job: never../jobDefinition: gate/' src/all.yaml
printf 'provider: local\nname: e2e\n' >src/muster.yaml
mkfifo up go gate.up gate.go
began() { timeout 20 head -n 1 "$WORK/$1"; }
go() { timeout 20 sh -c "echo >$WORK/$1"; }

# ---- the question
apply="muster apply src --wait jobs"
unchanged() { is "$1" "$(mt get queues --state src/.muster -o json 2>/dev/null | tr -d ' \n')" "$nothing"; }
nothing=$(mt get queues --state src/.muster -o json 2>/dev/null | tr -d ' \n')
for answer in no y YES ''; do
    types "$apply"
    ok "apply asks" sees "*JobQueue/main*Only 'yes' is accepted:*"
    [ -z "$answer" ] || keys -l "$answer"
    keys Enter
    ok "\"$answer\": refused" sees '*nothing was changed*code=3*'
    unchanged "\"$answer\": nothing was changed"
done
types "$apply"
ok "apply asks" sees "*Only 'yes' is accepted:*"
keys C-d
ok "end of input: refused" sees '*nothing was changed*code=3*'
unchanged "end of input: nothing was changed"
types "$apply"
ok "apply asks" sees "*Only 'yes' is accepted:*"
keys C-c
ok "Ctrl-C at the question: 130" sees '*code=130*'
unchanged "Ctrl-C: nothing was changed"

# ---- bars
types "$apply"
ok "apply asks" sees "*Only 'yes' is accepted:*"
keys -l yes
keys Enter
ok "a failing job is named as it fails, with its log, above the bars" \
    sees '*FAILED nightly-bad *log: /*pipeline nightly \[*\] 1 of 2 done, 1 running, 1 failed*'
is "the other runs" "$(began up) $(began gate.up)" "up up"
ok "a bar for the queue too" sees '*queue main *\[▓*\] 0 of 1 done, 1 running*'
seen=$(screen)
is "each bar is drawn in its place, not again and again" "$(printf '%s\n' "$seen" | grep -c '^pipeline nightly ')" 1
like "cells by state: failed, running" "$(printf '%s\n' "$seen" | grep '^pipeline nightly ')" "*\[xx*▓▓*\]*"
like "in colours" "$(screen -e | grep 'pipeline nightly')" "*$(printf '\033')\[31mx*$(printf '\033')\[36m▓*"

# ---- Ctrl-C while waiting
keys C-c
ok "Ctrl-C while waiting: 130" sees '*code=130*'
like "and a word on what goes on" "$(screen)" "*go on*"
run mt get jobs --state src/.muster --status RUNNING -o json
is "the jobs are still running" "$(printf '%s' "$out" | grep -c '"jobId"')" 2
go go
end=$(($(date +%s) + 20))
until [ -s over ] || [ "$(date +%s)" -gt $end ]; do sleep 0.05; done
is "and end by themselves" "$(cat over)" over
types "env NO_COLOR=1 $apply"
ok "apply waits for what runs, without a question" sees '*queue main *\[▓*\] 0 of 1 done, 1 running*'
is "NO_COLOR: bars without colours" "$(screen -e | grep 'queue main' | tr -d '\033')" "$(screen | grep 'queue main')"
go gate.go
ok "and tells what has failed meanwhile: 7" sees '*FAILED nightly-bad*the disk is full*Pipeline/nightly run 1: FAILED*Job/alone run 1: SUCCEEDED*1 job failed*code=7*'
like "the bars are full at the end" "$(screen)" "*queue main *\[██*\] 1 of 1 done*"

# ---- colours only on a terminal
escape=$(printf '\033')
resource JobQueue second '{priority: 2, computeEnvironmentOrder: [here]}' >src/second.yaml
types "muster plan src"
ok "a plan on a terminal" sees '*JobQueue/second*code=2*'
like "has colours" "$(screen -e)" "*$escape\[32m*+ JobQueue/second*"
types "env NO_COLOR=1 muster plan src"
ok "NO_COLOR" sees '*JobQueue/second*code=2*'
is "has none" "$(screen -e | grep -c "$escape")" 0
types "env NO_COLOR= muster plan src"
ok "NO_COLOR that is empty counts as not set" sees '*JobQueue/second*code=2*'
like "as no-color.org has it" "$(screen -e)" "*$escape\[32m*"
types "env TERM=dumb muster plan src"
ok "a dumb terminal" sees '*JobQueue/second*code=2*'
is "has no colours" "$(screen -e | grep -c "$escape")" 0
types "sh -c \"muster plan src | cat\""
ok "a pipe" sees '*JobQueue/second*code=0*'
is "has none" "$(screen -e | grep -c "$escape")" 0
types "muster plan src >plan.txt"
ok "a file" sees '*code=2*'
is "has none" "$(grep -c "$escape" plan.txt)" 0

# ---- logs -f
STATE=$WORK/src/.muster
start_daemon src --state "$STATE" || { is "daemon starts" no yes; finish; }
mkfifo told.go told.up
id=$(mt submit --state "$STATE" --queue main --definition fail --attempts 1 -- sh -c "echo first; echo up >$WORK/told.up; read x <$WORK/told.go; echo second; exit 4")
is "the job runs" "$(began told.up)" up
types "muster logs -f $id --state $STATE"
ok "logs -f shows what is there" sees '*first*'
case $(screen) in *code=*) is "and goes on" ended "goes on" ;; esac
go told.go
ok "shows what comes, and ends with the job" sees '*first*second*code=0*'
id=$(mt submit --state "$STATE" --queue main --definition fail -- sh -c "echo begun; echo up >$WORK/told.up; read x <$WORK/told.go")
is "another job runs" "$(began told.up)" up
types "muster logs -f $id --state $STATE"
ok "logs -f follows it" sees "*begun*"
keys C-c
ok "Ctrl-C ends logs -f: 130" sees '*code=130*'
exits "not the job" 0 mt describe job "$id" --state "$STATE" -o json
is "it runs" "$(json status)" RUNNING
go told.go
exits "to its end" 0 mt wait "$id" --state "$STATE"
types "muster submit --state $STATE --queue main --definition hold --wait"
is "submit --wait: its job runs" "$(began up)" up
keys C-c
ok "Ctrl-C ends submit --wait: 130" sees '*code=130*'
go go
exits "the job goes on" 0 mt wait "$(mt get jobs --state "$STATE" --name hold -o json | sed -n 's/.*"jobId": "\(.*\)".*/\1/p')" --state "$STATE"
stop_daemon "$daemon"
is "the daemon ends with 0" "$?" 0
finish
