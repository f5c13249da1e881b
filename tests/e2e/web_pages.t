#!/bin/sh
# The pages of pipelines, of the time line and of the guide, as a browser without a script gets them: what they say of real jobs, that no name
# becomes an element, who may see which queue's attempts, and that the guide's manifests are what its plan says they are.
set -u
. "$(dirname "$0")/lib.sh"
STATE=$WORK/state
export MUSTER_STATE="$STATE"
command -v curl >/dev/null || { echo "1..0 # SKIP curl is not installed (make deps)"; exit 0; }
mt() { timeout 120 "$MUSTER" "$@"; }
page() { curl -s --unix-socket "$STATE/muster.sock" "http://localhost$1"; }
status_of() { curl -s -o /dev/null -w '%{http_code}' --unix-socket "$STATE/muster.sock" "http://localhost$1"; }
call() { curl -s --unix-socket "$STATE/muster.sock" -d "$2" "http://localhost/muster/v1/$1"; }

mkdir src
printf 'provider: local\nname: team\n' >src/muster.yaml
resource ComputeEnvironment here '{type: MANAGED}' >src/here.yaml
queue fast 10 >src/fast.yaml
queue slow 1 >src/slow.yaml
resource JobDefinition sh '{type: container, parameters: {do: "true"}, containerProperties: {command: [sh, -c, "Ref::do"], resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "16"}]}}' >src/sh.yaml
resource Pipeline build '{jobQueue: fast, triggers: [{schedule: "0 3 1 1 *"}], jobs: [
  {name: first, jobDefinition: sh},
  {name: many, jobDefinition: sh, arrayProperties: {size: 3}, dependsOn: [{job: first}]},
  {name: broken, jobDefinition: sh, parameters: {do: "exit 3"}, dependsOn: [{job: first}]},
  {name: last, jobDefinition: sh, dependsOn: [{job: many}, {job: broken, condition: completion}]},
  {name: never, jobDefinition: sh, dependsOn: [{job: broken}]}]}' >src/build.yaml
start_daemon src || { is "daemon starts" no yes; finish; }
exits "a first run" 7 mt start build --wait jobs --timeout 60s

# ---- pipelines
list=$(page /pipelines)
like "the list names it, with its queue, its state and its schedule" "$list" '*href="/pipelines/build"*href="/queues/fast"*FAILED*-01-01 03:00:00 UTC*'
graph=$(page /pipelines/build)
like "a step is a box that leads to its job, with name, state and counts" "$graph" '*<svg *<a href="/jobs/*"*class="step good"*<title>many: SUCCEEDED, 3 of 3 done</title>*</svg>*'
like "what failed has its colour and its word" "$graph" '*class="step bad"*broken: FAILED*'
is "an arrow for each dependency" "$(printf '%s' "$graph" | grep -o 'class="edge[^"]*"' | LC_ALL=C sort | uniq -c | sed 's/^ *//' | tr '\n' ' ')" '1 class="edge loose" 4 class="edge" '
like "the same as a table" "$graph" '*<table>*many*3 of 3 done*first*many, broken (however it ends)*'
exits "it runs again" 7 mt start build --wait jobs --timeout 60s
like "the newest run is shown, the older one is a link" "$(page /pipelines/build)" '*/pipelines/build?run=1"*'
like "which shows that one" "$(page '/pipelines/build?run=1')" '*<dd>1 *href="/pipelines/build?run=1" aria-current="true"*'
is "a pipeline that is not there" "$(status_of /pipelines/none)" 404
is "a number that is none" "$(status_of '/pipelines/build?run=x')" 400
hostile='%3Cscript%3Ealert(1)%3C%2Fscript%3E'
case $(page "/pipelines/$hostile") in *'<script>alert'*) found=yes ;; *) found=no ;; esac
is "a hostile name stays a text" "$found" no

# ---- time line
exits "a job of the other queue" 0 mt submit --queue slow --definition sh --name elsewhere --wait
line=$(page '/timeline?span=15m')
like "a bar is a link with all there is to say, coloured by its end" "$line" '*<svg *class="run bad"*build-broken: FAILED, queue fast, attempt 1, from *</svg>*'
like "the table says the same" "$line" '*</svg>*<table>*elsewhere*SUCCEEDED*slow*here*'
case $(page '/timeline?span=15m&queue=slow') in *build-first*) found=yes ;; *elsewhere*) found=no ;; *) found=nothing ;; esac
is "one queue's" "$found" no
like "earlier nothing ran" "$(page "/timeline?span=1h&to=$((($(date +%s) - 7200) * 1000))")" '*later*Nothing ran in this time*'
is "a time that is none" "$(status_of '/timeline?to=x')" 400
# build ran twice: first, three of many, broken, last; and elsewhere
is "the operation tells each attempt once" "$(call timeline '{}' | python3 -c 'import json, sys; a = json.load(sys.stdin); print(len(a["attempts"]), len({(x["jobId"], x["attempt"]) for x in a["attempts"]}), a["isWhole"])')" "13 13 True"
is "or says that there are more" "$(call timeline '{"limit": 4}' | python3 -c 'import json, sys; a = json.load(sys.stdin); print(len(a["attempts"]), a["isWhole"])')" "4 False"
like "from behind to" "$(call timeline '{"from": 5, "to": 4}')" '*from before to*'

# ---- the guide
like "the form" "$(page /guide)" '*<form method="get" action="/guide"*name="environment"*'
written='place=local&source=fresh&environment=desk&queue=q&definition=hello&command=echo+hello&vcpus=1&memory=64&write=1'
guide=$(page "/guide?$written")
like "what they would change" "$guide" '*Plan: 3 to add*create ComputeEnvironment/desk*create JobQueue/q*'
like "the files" "$guide" '*muster.yaml*name: fresh*environment.yaml*name: desk*queue.yaml*computeEnvironmentOrder: \[desk\]*definition.yaml*'
mkdir fresh
printf '%s' "$guide" | python3 -c '
import html, re, sys
for name, text in re.findall(r"<h3>([a-z.]+)</h3><pre[^>]*>(.*?)</pre>", sys.stdin.read(), re.S):
    open("fresh/" + name, "w").write(html.unescape(text))'
exits "they are valid" 0 mt validate fresh
exits "applied as they stand" 0 mt apply fresh --yes
like "then nothing is left to do" "$(page "/guide?$written")" '*Plan: no change*'
for place in docker ec2 spot fargate; do
    like "$place: a plan" "$(page "/guide?place=$place&definition=other&subnets=subnet-0a1b2c3d&groups=sg-0a1b2c3d&executionrole=arn:aws:iam::123456789012:role/e&vcpus=1&memory=2048&write=1")" '*Plan: 3 to add*'
done
like "a fault by file, line and field" "$(page '/guide?place=local&environment=a+b&vcpus=none&memory=64&write=1')" '*environment.yaml:*metadata.name*'
case $(page "/guide?place=docker&environment=$hostile&image=$hostile&command=$hostile&write=1") in *'<script>alert'*) found=yes ;; *) found=no ;; esac
is "hostile fields stay texts" "$found" no
like "a field is one scalar, whatever it holds" "$(page '/guide?place=local&environment=x%0Aspec:+1&write=1')" '*name: &quot;x\\x0aspec: 1&quot;*'
like "no name leads to a file of this machine" "$(call preview '{"files": [{"name": "../src/here.yaml", "text": ""}]}')" '*a name has letters*'
finish
