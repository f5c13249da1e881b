#!/bin/sh
# --provider overrides where environments run and nothing else: no digest, no run key, nothing that export shows.
. "$(dirname "$0")/lib.sh"

mkdir src
printf 'name: anywhere\n' >src/muster.yaml
cat >src/all.yaml <<'YAML'
apiVersion: muster/v1
kind: ComputeEnvironment
metadata: {name: cloud}
spec:
  type: MANAGED
  provider: aws
  computeResources:
    type: EC2
    minvCpus: 0
    maxvCpus: 16
    instanceTypes: [optimal]
    instanceRole: ecsInstanceRole
    subnets: [subnet-0a1b2c3d]
    securityGroupIds: [sg-0a1b2c3d]
---
apiVersion: muster/v1
kind: JobQueue
metadata: {name: q}
spec: {priority: 1, computeEnvironmentOrder: [cloud]}
---
apiVersion: muster/v1
kind: JobDefinition
metadata: {name: hello}
spec:
  type: container
  containerProperties:
    command: [echo, hello]
    resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "16"}]
---
apiVersion: muster/v1
kind: Job
metadata: {name: once}
spec: {jobQueue: q, jobDefinition: hello}
YAML

# An engine that is not there holds up what is in it, and nothing else.
sed "s/provider: aws/provider: docker/" src/all.yaml >docker.yaml && mkdir docker && mv docker.yaml docker/all.yaml
printf 'name: engine\n' >docker/muster.yaml
printf '%s\n---\n' "$(resource ComputeEnvironment room '{type: MANAGED, provider: local, computeResources: {type: EC2, maxvCpus: 16}}')" \
    "$(resource JobQueue q3 '{priority: 1, computeEnvironmentOrder: [room]}')" >docker/room.yaml
sed -i 's/name: q}/name: q2}/; s/jobQueue: q,/jobQueue: q2,/' docker/all.yaml
DOCKER_HOST=unix://$WORK/none.sock
export DOCKER_HOST
STATE=st4
start_daemon docker --state st4
ok "an environment in docker says that its engine does not answer" until_like "*the engine at unix://$WORK/none.sock does not answer*" \
    muster describe computeenvironment cloud --state st4
ok "and so does a job that waits for it" until_like "*cloud is not made: the engine at*does not answer*" muster get jobs --state st4 --output wide
exits "what runs elsewhere does not wait" 0 muster submit --state st4 --queue q3 --definition hello --wait
stop_daemon "$daemon"
DOCKER_HOST=ssh://elsewhere
start_daemon docker --state st4
ok "and is told" until_like "*DOCKER_HOST=ssh://elsewhere: only unix:// and tcp:// are served*" muster describe computeenvironment cloud --state st4
exits "what runs elsewhere does not wait for that either" 0 muster submit --state st4 --queue q3 --definition hello --wait
stop_daemon "$daemon"
unset DOCKER_HOST

mkdir any
printf 'name: any\n' >any/muster.yaml
sed 's/  provider: aws/  provider: local/; s/cloud/any/; s/name: q}/name: q4}/; s/jobQueue: q,/jobQueue: q4,/; s/hello/hey/' src/all.yaml >any/all.yaml
DOCKER_HOST=unix://$WORK/none.sock
export DOCKER_HOST
exits "where no engine answers, --provider auto plans" 2 muster plan any --state st5 --provider auto
like "for processes, and says why" "$err" "*--provider auto is local: the engine at unix://$WORK/none.sock does not answer*"
unset DOCKER_HOST
exits "the same runs here with --provider local" 0 muster apply src --state st --provider local --yes --wait jobs
exits "then the plan is empty, with --provider" 0 muster plan src --state st --provider local
exits "and without" 0 muster plan src --state st
run muster export ComputeEnvironment --state st
like "export shows what the manifest says" "$out" "*aws*"
run muster get computeenvironments cloud --state st --output json
like "and so does get" "$out" '*aws*'

# A daemon that starts later knows where the environment runs from the state alone.
STATE=st
start_daemon src --state st --provider local
run muster submit --state st --queue q --definition hello --wait
is "a job runs after a restart" "$code" 0
exits "its run is not repeated" 0 muster plan src --state st --provider local
run muster get runs --state st --output json
is "one run of the Job" "$(printf '%s' "$out" | grep -c '"number"')" 1

# Where everything runs here, a first run needs no word, whether muster.yaml says so or each environment does; for aws it does.
mkdir here
printf 'name: here\n' >here/muster.yaml
sed 's/provider: aws/provider: local/; s/name: cloud/name: room/; s/\[cloud\]/[room]/; s/{name: q}/{name: q2}/; s/jobQueue: q,/jobQueue: q2,/; s/hello/hi/' src/all.yaml >here/all.yaml
exits "provider local in every environment: a first run starts" 0 muster apply here --state st2 --yes --wait jobs
run muster get runs --state st2 --output json
like "and has run" "$out" '*SUCCEEDED*'
STATE=st3
start_daemon here --state st3
ok "under a daemon too" until_like '*"number": 1*' muster get runs --state st3 --output json
finish
