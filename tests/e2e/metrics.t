#!/bin/sh
# /metrics while jobs run: each family is there and moves with what happens; the format as a strict reader has it, and
# promtool, where Debian's prometheus is installed.
set -u
. "$(dirname "$0")/lib.sh"
for program in curl python3; do
    command -v "$program" >/dev/null || { echo "1..0 # SKIP $program is not installed (make deps)"; exit 0; }
done
python3 -c 'import yaml' 2>/dev/null || { echo "1..0 # SKIP python3-yaml is not installed (make deps)"; exit 0; }
judge() { python3 "$ROOT/tests/support/prometheus.py" "$@"; }
STATE=$WORK/state
export MUSTER_STATE="$STATE"
mt() { timeout 60 "$MUSTER" "$@"; }
mkdir src
printf 'provider: local\nname: e2e\n' >src/muster.yaml
resource ComputeEnvironment here '{type: MANAGED, computeResources: {type: EC2, maxvCpus: 1}}' >src/here.yaml
queue first 1 >src/first.yaml
queue second 2 >src/second.yaml
define() { resource JobDefinition "$1" "{type: container, containerProperties: {command: $2, resourceRequirements: [{type: VCPU, value: '1'}, {type: MEMORY, value: '64'}]}}" >"src/$1.yaml"; }
define good '["true"]'
define bad '["false"]'
define long '[sleep, "1000"]'
start_daemon src --listen :0 --backup "$WORK/backup.db" || { is "daemon starts" no yes; finish; }
until_ok mt get JobQueue second >/dev/null || { is "what is there is applied" "$(cat "$WORK/daemon.log")" yes; finish; }
base=$(sed -n 's,.*listening at \(http://[^ ]*\)/ .*,\1,p' "$WORK/daemon.log" | tail -1)
scrape() { curl -s -m 20 -o scraped -w '%{http_code} %{content_type}' "$base/metrics"; }
like "figures are served, with their type" "$(scrape)" '200 text/plain; version=0.0.4*'
cp scraped before
ok "they are what Prometheus reads" judge check before
# value NAME LABEL=VALUE…: as of a second ago at most.
value() { scrape >/dev/null && judge value scraped "$@"; }
were() { judge value before "$@"; }

# ---- jobs
is "a queue has no job" "$(were muster_queue_jobs queue=first)" 0
is "none was placed" "$(were muster_placements_total)" 0
exits "one that ends well" 0 mt submit --queue first --definition good --wait
exits "one that does not" 7 mt submit --queue second --definition bad --wait
exits "one that runs" 0 mt submit --queue first --definition long
job=$out
ok "it runs" until_like 1 value muster_queue_jobs queue=first status=RUNNING
exits "one that finds no room" 0 mt submit --queue first --definition long
waiting=$out
ok "it waits" until_like 1 value muster_queue_jobs queue=first status=RUNNABLE
cp scraped after
now() { judge value after "$@"; }
is "they were placed, each in its queue" "$(now muster_placements_total queue=first) $(now muster_placements_total queue=second)" "2 1"
is "one ended well" "$(now muster_attempts_ended_total queue=first outcome=succeeded)" 1
is "one did not" "$(now muster_attempts_ended_total queue=second outcome=failed)" 1
is "nothing else ended" "$(now muster_attempts_ended_total)" 2
is "how long they waited" "$(now muster_job_wait_seconds_count queue=first) $(now muster_job_wait_seconds_count queue=second)" "2 1"
is "how long they ran" "$(now muster_job_run_seconds_count queue=first) $(now muster_job_run_seconds_count queue=second)" "1 1"
is "how long it took to start them" "$(now muster_attempt_start_seconds_count provider=local)" 3
is "what they hold" "$(now muster_queue_vcpus queue=first state=held)" 1
is "and want" "$(now muster_queue_vcpus queue=first state=wanted)" 2
is "what the environment has in use" "$(now muster_environment_vcpus environment=here state=used)" 1
is "jobs that have not ended" "$(now muster_jobs_unfinished)" 2

# ---- what the process does
grew() { # NAME LABEL=VALUE…
    old=$(were "$@") new=$(now "$@")
    python3 -c 'import sys; sys.exit(not float(sys.argv[2]) > float(sys.argv[1]))' "${old:-0}" "${new:-0}" || { echo "$* was ${old:-nothing} and is ${new:-nothing}"; return 1; }
}
ok "turns of the loop are timed" grew muster_tick_seconds_count
ok "and take time" grew muster_tick_seconds_sum
for phase in events calls apply settle decide store; do ok "and their part $phase" grew muster_tick_phase_seconds_count phase=$phase; done
ok "what came in was decided on" grew muster_scheduling_latency_seconds_count
ok "batches became durable" grew muster_store_commit_seconds_count
ok "in transactions" grew muster_store_transaction_seconds_count
ok "of rows" grew muster_store_rows_total
ok "the state was committed" grew muster_committed_timestamp_seconds
ok "the clock goes on" grew muster_time_seconds
ok "the processor was used" grew process_cpu_seconds_total
is "nothing failed" "$(now muster_store_commit_failures_total) $(now muster_store_refuses)" "0 0"
is "requests are told by operation and code" "$(now muster_api_requests_total operation=submit code=200)" 4
exits "one for what is not there" 6 mt get jobs 11111111-2222-3333-4444-555555555555
ok "and refusals" until_like 1 value muster_api_requests_total operation=job code=404
ok "and how long they took" grew muster_api_answer_seconds_count
is "the environment can be used" "$(now muster_environment_usable environment=here)" 1
like "the version" "$(grep '^muster_build_info' after)" 'muster_build_info{version="*"} 1'

# ---- ends by force, and queues that come and go
exits "the one that waits is cancelled" 0 mt cancel "$waiting" --reason enough
exits "the other one is ended" 0 mt terminate "$job" --reason enough
ok "which is told apart" until_like 1 value muster_attempts_ended_total queue=first outcome=stopped
is "nothing is wanted any more" "$(value muster_queue_vcpus)" 0
is "no second source of drift" "$(value muster_drift_resources kind=ComputeEnvironment)" 0
reconciled() { value muster_reconcile_seconds_count outcome="$1"; }
is "one reconcile so far changed something" "$(reconciled applied)" 1
rm src/second.yaml
for i in $(seq -w 1 105); do queue "many-$i" 3; echo ---; done >src/many.yaml
ok "another does" until_like 2 reconciled applied
ok "a queue that is gone takes its series along" until_like '' value muster_queue_jobs queue=second
is "all of them" "$(grep -c 'queue="second"' scraped)" 0
is "the first hundred have their own" "$(sed -n 's/^muster_queue_jobs{queue="\([^"]*\)".*/\1/p' scraped | sort -u | grep -vc other)" 100
is "the rest are summed up" "$(value muster_queue_jobs 'queue=(other)' status=RUNNING)" 0
last=$(for i in $(seq -w 1 105); do grep -q "queue=\"many-$i\"" scraped || echo "many-$i"; done | tail -1)
exits "a job in one of these" 0 mt submit --queue "$last" --definition good --wait
ok "is counted there" until_like 1 value muster_job_run_seconds_count 'queue=(other)'
is "with its place" "$(value muster_placements_total 'queue=(other)')" 1
ok "all that is what Prometheus reads" judge check scraped
printf 'apiVersion: muster/v1\nkind: [JobQueue\n' >src/broken.yaml
ok "a broken source is told" until_like 1 value muster_source_state source=e2e state=broken
rm src/broken.yaml
ok "and a mended one" until_like 1 value muster_source_state source=e2e state=ok

ok "a backup is told" until_like '1[0-9]*' value muster_backup_timestamp_seconds
is "with its size" "$(value muster_backup_bytes)" "$(wc -c <backup.db)"

# ---- a state that cannot be written: whoever has a lock on it keeps everything waiting, then it is refused
ready() { curl -s -m 20 -w ' %{http_code}' "$base/readyz" | tr '\n' ' '; }
like "it is ready" "$(ready)" 'ready*200'
mkfifo locked let-go
python3 -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
open(sys.argv[2], "w").close()
open(sys.argv[3]).close()' "$STATE/muster.db" "$WORK/locked" "$WORK/let-go" &
locker=$!
daemons="$daemons $locker"
cat locked
mt submit --queue first --definition good >submitted.out 2>&1 &
ok "it is not ready while nothing becomes durable" until_like '*committed for too long* 503' ready
is "it lives all the same" "$(curl -s -m 20 "$base/healthz")" ok
ok "which is told once it is given up" until_like 1 value muster_store_refuses
ok "and counted" until_like '[1-9]*' value muster_store_commit_failures_total
like "it says why it is not ready" "$(ready)" '*cannot be written* 503'
: >let-go
ok "let go it is ready again" until_like 'ready*200' ready
ok "and can be written" until_like 0 value muster_store_refuses

# ---- who is told and does not listen
printf 'destinations:\n- name: nobody\n  events: ["*"]\n  exec: {command: [/bin/false]}\n' >"$STATE/notify.yaml" && chmod 600 "$STATE/notify.yaml"
kill -HUP "$daemon"
ok "a destination is known" until_like 0 value muster_notify_pending destination=nobody
exits "something happens" 0 mt submit --queue first --definition good --wait
pending() { scrape >/dev/null && value muster_notify_failing_timestamp_seconds destination=nobody; }
ok "since when is told" until_like '?*' pending
like "and how much waits" "$(value muster_notify_pending destination=nobody)" '[1-9]*'
is "each figure is told in the documentation, and no other" "$(judge documented "$ROOT/docs/monitoring.md" scraped)" ""
is "the dashboard asks for nothing that is not there" "$(judge queries "$ROOT/deploy/monitoring/dashboard.json" scraped)" ""
is "nor do the alerts" "$(judge queries "$ROOT/deploy/monitoring/alerts.yaml" scraped)" ""
is "each alert has its reason in the documentation" "$(sed -n 's/^  - alert: //p' "$ROOT/deploy/monitoring/alerts.yaml")" "$(sed -n 's/^| \(Muster[A-Za-z]*\) |.*/\1/p' "$ROOT/docs/monitoring.md")"
# ---- by Prometheus' own tool
judged() { # NAME ARGUMENTS…
    name=$1 && shift
    if command -v promtool >/dev/null; then ok "$name" promtool "$@"; else skip "$name" "promtool is not installed (make deps-lint)"; fi
}
lints() { found=$(promtool check metrics <scraped 2>&1) && [ -z "$found" ] || { echo "$found"; return 1; }; }
if command -v promtool >/dev/null; then ok "promtool finds nothing in the figures" lints; else skip "promtool finds nothing in the figures" "promtool is not installed (make deps-lint)"; fi
judged "promtool takes the alerts" check rules "$ROOT/deploy/monitoring/alerts.yaml"
judged "which fire when they should, and not else" test rules "$ROOT/tests/e2e/alerts_test.yaml"
stop_daemon "$daemon"
is "the daemon ends with 0" "$?" 0
exits "its recording holds, whatever was asked" 0 mt simulate --replay "$STATE"
finish
