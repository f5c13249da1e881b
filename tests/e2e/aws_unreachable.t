#!/bin/sh
# A daemon that starts while AWS cannot be reached: this machine's environments go on as ever, those on AWS say what they wait for,
# and nothing is taken for gone.
set -u
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/aws.sh"
mt() { timeout 60 "$MUSTER" "$@"; }
start_aws || { is "the double starts" no yes; finish; }
double settings '{"runner": "process"}' >/dev/null
STATE=$WORK/state
export MUSTER_STATE="$STATE"
cloud far
resource ComputeEnvironment near '{provider: local, computeResources: {maxvCpus: 2}}' >src/near.yaml
resource JobQueue n '{priority: 1, computeEnvironmentOrder: [near]}' >>src/near-queue.yaml
resource JobDefinition pair '{type: container, parameters: {how: well}, ecsProperties: {taskProperties: [{containers: [
  {name: aside, essential: false, image: busybox, command: [sh, -c, "exit 3"], resourceRequirements: [{type: VCPU, value: "0.25"}, {type: MEMORY, value: "64"}]},
  {name: main, image: busybox, command: [sh, -c, "sleep 6; test Ref::how = well"], resourceRequirements: [{type: VCPU, value: "0.25"}, {type: MEMORY, value: "64"}]}]}]}}' >src/pair.yaml
start_daemon || { is "daemon starts" no yes; finish; }
exits "environments here and on AWS" 0 mt apply src --yes
long=$(mt submit --queue q --definition hello -- sh -c 'sleep 6')
pair=$(mt submit --queue q --definition pair)
ok "a job runs on AWS" until_like RUNNING job "$long"
ok "and one of several containers" until_like RUNNING job "$pair"
stop_daemon "$daemon"

there=$AWS_ENDPOINT_URL
export AWS_ENDPOINT_URL=http://127.0.0.1:9
start_daemon || { is "daemon starts again" no yes; finish; }
exits "a job here runs" 0 mt submit --queue n --definition hello --wait -- true
stopped=$(mt submit --queue n --definition hello -- sleep 60)
ok "one that is too long" until_like RUNNING job "$stopped"
exits "can be ended" 0 mt terminate "$stopped"
exits "at once" 7 mt wait "$stopped"
is "the one on AWS is not taken for lost" "$(job "$long")" RUNNING
waiting=$(mt submit --queue q --definition hello)
ok "one that is submitted there says what it waits for" until_like '*waits for provider aws of compute environment far to report*' mt explain "$waiting"
ok "and so does the environment" until_like '*far *aws *CREATING*its provider has not told yet*' mt status
stop_daemon "$daemon"

export AWS_ENDPOINT_URL="$there"
start_daemon || { is "daemon starts once more" no yes; finish; }
exits "the one on AWS ends well" 0 mt wait "$long"
exits "so does the one of several containers, by that which is essential" 0 mt wait "$pair"
is "in its first attempt" "$(job "$long" attempts.1.attempt)" null
exits "and the other runs" 0 mt wait "$waiting"
back_to_nothing src
finish
