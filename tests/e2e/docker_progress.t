#!/bin/sh
# What is said of an image while it is pulled: by get jobs, describe, status and apply --wait; and what --provider auto became, in the plan.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/docker.sh"
command -v python3 >/dev/null || no_engine "python3 is not installed (make deps)"
HOLD=$WORK/hold python3 "$ROOT/tests/support/registry.py" >"$WORK/registry" 2>&1 &
daemons="$daemons $!"
ok "a registry is there" until_ok grep -qE '^[0-9]+$' "$WORK/registry"
image=127.0.0.1:$(head -n 1 "$WORK/registry")/busybox:1

mkdir src
printf 'name: src\n' >src/muster.yaml
{
    resource ComputeEnvironment here "{type: MANAGED, computeResources: {type: EC2, maxvCpus: 16}}"; echo ---; queue q 1; echo ---
    resource JobDefinition fetched "{type: container, containerProperties: {image: '$image', command: [echo, fetched], resourceRequirements: [{type: VCPU, value: '1'}, {type: MEMORY, value: '16'}]}}"; echo ---
    resource Job one "{jobQueue: q, jobDefinition: fetched}"
} >src/all.yaml
MUSTER_STATE=$WORK/st
export MUSTER_STATE

exits "a plan by --provider auto" 2 muster plan src --provider auto --no-forecast
like "says what that is, and why" "$out" "*--provider auto is docker: an engine answers at $DOCKER_HOST*"
run muster plan src --provider docker --no-forecast
case $out in *auto*) said=yes ;; *) said=no ;; esac
is "and one by --provider docker does not" $said no
run env DOCKER_HOST="unix://$WORK/nothing" "$MUSTER" plan src --provider auto --no-forecast
like "where none answers it is local, and the plan says why" "$out" "*--provider auto is local: *$WORK/nothing*"

exits "the doctor looks at the engine" 0 muster doctor src --provider docker --all
like "where it is, and what" "$out" "*engine: $DOCKER_HOST: version *, API 1.*cgroup version*"
like "its storage" "$out" "*warning *storage driver: vfs*"
like "and its images" "$out" "*images: pulled when a job first needs them: $image*"
exits "one that does not answer is a problem" 1 env DOCKER_HOST="unix://$WORK/nothing" "$MUSTER" doctor src --provider docker
like "with a cure" "$out" "*failed *engine: *$WORK/nothing*start it*"
run env DOCKER_HOST="unix://$WORK/nothing" "$MUSTER" doctor src --provider local
case $out in *engine*) said=yes ;; *) said=no ;; esac
is "where nobody needs one, nothing is said" $said no

muster apply src --provider auto --yes --wait jobs >applied 2>&1 &
apply=$!
ok "get jobs says how far a pull is" until_like "*STARTING*the image $image is pulled: * of * MB*" muster get jobs -o wide
run muster get jobs -o json
job=$(json jobs.0.jobId)
run muster describe job "$job"
like "describe does" "$out" "*Waiting:*the image $image is pulled: *"
run muster status
like "status does" "$out" "*wait for:*the image $image is pulled: * of * MB*"
touch "$WORK/hold"
wait "$apply" || { echo "# apply ended with $?:"; sed 's/^/# /' applied; }
run muster get jobs -o json
is "the job ends when it is there" "$(json jobs.0.status)" SUCCEEDED
like "apply --wait said it, once" "$(grep -c "waiting for the image $image is pulled" applied)" 1
run muster get jobs -o json
is "nothing of it is left" "$(json jobs.0.waiting)" null
finish
