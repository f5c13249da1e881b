#!/bin/sh
# The web page in a browser without a screen: every view in both colour schemes at a desk and on a phone, without a word in the console,
# judged by axe-core; clicks, live news, hostile texts, an approval, the keyboard, and no script at all. Pictures are left in BUILD/web.
set -u
. "$(dirname "$0")/lib.sh"
STATE=$WORK/state
export MUSTER_STATE="$STATE"
WEB=$ROOT/tests/support/web
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || { echo "1..0 # SKIP chromium is not installed (make deps)"; exit 0; }
command -v node >/dev/null || { echo "1..0 # SKIP node is not installed (make deps)"; exit 0; }
[ -d "$WEB/node_modules/playwright-core" ] || { echo "1..0 # SKIP playwright-core is not installed (make deps)"; exit 0; }
mt() { timeout 120 "$MUSTER" "$@"; }
pictures=$BUILD/web
mkdir -p "$pictures" src

# ---- what is looked at
printf 'provider: local\nname: team\napproval: required\n' >src/muster.yaml
resource ComputeEnvironment here '{type: MANAGED}' >src/here.yaml
queue fast 10 >src/fast.yaml
queue slow 1 >src/slow.yaml
resource JobDefinition sh '{type: container, containerProperties: {command: ["true"], resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "16"}]}}' >src/sh.yaml
resource Pipeline chain '{jobQueue: fast, triggers: [{schedule: "0 3 1 1 *"}], jobs: [{name: one, jobDefinition: sh}, {name: two, jobDefinition: sh, arrayProperties: {size: 2}, dependsOn: [{job: one, condition: completion}]}]}' >src/chain.yaml
start_daemon src || { is "daemon starts" no yes; finish; }
until plan=$(mt status -o json | python3 -c 'import json, sys; print(json.load(sys.stdin)["sources"][0]["waiting"]["planId"])' 2>/dev/null); do kill -0 "$daemon" || break; done
exits "the first plan is approved" 0 mt approve "$plan" --first-run start
cores=$(nproc)
hostile='</pre></main><script>window.hacked=1</script><img src=/x onerror="window.hacked=1">'
exits "a job with a hostile log" 7 mt submit --queue fast --definition sh --name hostile --wait -- sh -c 'printf "%s\n" "$0"; printf "\033[31m\001\377\342\200\256end\n"; exit 3' "$hostile"
hostile_id=$out
exits "one that ends well" 0 mt submit --queue fast --definition sh --name good --wait -- sh -c 'echo done'
printing=$(mt submit --queue fast --definition sh --name printing -- sh -c 'echo first line; while [ ! -e '"$WORK"'/on ]; do :; done; echo second line')
for _ in $(seq 2 "$cores"); do mt submit --queue fast --definition sh --name blocking -- sleep 600 >/dev/null; done
array=$(mt submit --queue fast --definition sh --name many --array 150)
after=$(mt submit --queue slow --definition sh --name after --depends-on "$array")
exits "what prints has begun" 0 until_like '*RUNNING*' mt describe job "$printing"
queue fast 20 >src/fast.yaml
exits "a plan waits" 0 until_like "*0 to add, 1 to change*" mt status

cat >plan.json <<P
{"chromium": "$chromium", "muster": "$MUSTER", "queue": "fast", "array": "$array", "printing": "$printing", "printOn": "$WORK/on",
 "submit": ["submit", "--queue", "slow", "--definition", "sh", "--name", "news"],
 "hostile": "$hostile_id", "hostileText": $(printf '%s' "$hostile" | python3 -c 'import json, sys; print(json.dumps(sys.stdin.read()))'),
 "diff": ["~ update JobQueue/fast", "- spec.priority: 10", "+ spec.priority: 20"],
 "navigation": [["Jobs", "Jobs"], ["Sources", "Sources"], ["Events", "Events"], ["Overview", "Overview"]],
 "views": [
  {"name": "overview", "path": "/", "has": ["fast", "slow", "here", "ENABLED", "VALID", "has a plan that waits for an approval"]},
  {"name": "queue", "path": "/queues/fast", "has": ["What waits, in order", "many", "vCPU", "printing", "What ended last", "hostile"]},
  {"name": "jobs", "path": "/jobs", "has": ["hostile", "many", "FAILED", "RUNNING", "array of 150"]},
  {"name": "jobs-filtered", "path": "/jobs?queue=fast&status=FAILED&name=host*", "has": ["hostile"]},
  {"name": "job-failed", "path": "/jobs/$hostile_id", "has": ["FAILED", "Its life", "Attempts", "here", "3"]},
  {"name": "job-running", "path": "/jobs/$printing", "has": ["RUNNING", "first line", "It was started"]},
  {"name": "job-waiting", "path": "/jobs/$array:140", "has": ["Why it waits", "RUNNABLE", "waits for"]},
  {"name": "job-dependent", "path": "/jobs/$after", "has": ["It depends on", "$array"]},
  {"name": "sources", "path": "/sources", "has": ["team", "A plan waits for an approval", "1 to change", "Last reconcile"]},
  {"name": "pipelines", "path": "/pipelines", "has": ["chain", "fast", "NONE"]},
  {"name": "pipeline", "path": "/pipelines/chain", "has": ["Pipeline chain", "however it ends", "It has not run yet"]},
  {"name": "timeline", "path": "/timeline?span=15m", "has": ["hostile", "good", "RUNNING", "FAILED", "The same as a table"]},
  {"name": "guide", "path": "/guide?place=spot&subnets=subnet-0a1b2c3d&groups=sg-0a1b2c3d&write=1", "has": ["Plan: 3 to add", "environment.yaml", "SPOT_PRICE_CAPACITY_OPTIMIZED"]},
  {"name": "events", "path": "/activity", "has": ["job.state", "source.waiting", "RUNNABLE -> STARTING"]}
 ]}
P
# The last views are looked at without a script, after the approval: what they say then stands in "still".
python3 - <<'P'
import json
plan = json.load(open("plan.json"))
for view in plan["views"]:
    if view["name"] == "sources": view["still"] = ["team", "Last reconcile"]
    if view["name"] == "overview": view["still"] = ["fast", "slow", "here"]
    if view["name"] == "job-running": view["still"] = ["SUCCEEDED", "first line", "second line"]
    if view["name"] == "queue": view["still"] = ["What waits, in order"]
    if view["name"] == "events": view["still"] = ["job.state"]
    if view["name"] == "job-waiting": view["still"] = ["Its life"]
json.dump(plan, open("plan.json", "w"))
P
PLAYWRIGHT_BROWSERS_PATH=0 timeout 900 node "$WEB/browse.mjs" "$STATE/muster.sock" "$pictures" plan.json >points 2>browse.err
while read -r line; do
    case $line in
    "ok "*) is "${line#ok }" ok ok ;;
    *) name=${line#not ok }; is "${name%%: *}" "${name#*: }" ok ;;
    esac
done <points
is "it came to its end" "$(tail -n 1 points | cut -d' ' -f1)$(tail -n 3 browse.err)" ok
exits "what was approved is in force" 0 until_like '*priority: 20*' mt describe queue fast

# ---- on the wire
get() { curl -s -i --unix-socket "$STATE/muster.sock" "http://muster$1"; }
page=$(get /)
like "no script but ours can run" "$page" "*Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'*frame-ancestors 'none'*"
like "types are not guessed" "$page" "*X-Content-Type-Options: nosniff*"
like "what is not there is told as a page" "$(get /queues/none)" "*404 *There is no such thing*there is no queue*"
like "what no view is, is no page" "$(get /nothing)" "*404 *there is no such operation*"
style=$(printf '%s' "$page" | sed -n 's,.*href="\(/assets/[^"]*\)".*,\1,p' | head -n 1)
like "the style sheet is kept for good" "$(get "$style")" "*200 OK*max-age=31536000, immutable*"
like "another one is not there" "$(get /assets/0000000000000000/style.css)" "*404 *"
like "nothing can be sent to a view that takes nothing" "$(curl -s -i --unix-socket "$STATE/muster.sock" -d a=b http://muster/jobs)" "*405 *nothing can be sent*"
ok "the overview is small" test "$(get / | wc -c)" -lt 100000
is "what was left is a picture of each view" "$(find "$pictures" -name '*-phone-dark.png' | wc -l)" 14
finish
