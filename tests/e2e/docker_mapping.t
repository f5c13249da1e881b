#!/bin/sh
# What a job definition says of its container, as a real engine sees it, and what the plan says of images. Of several
# containers the first by name has the log of the job.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/docker.sh"

mkdir -p "$WORK/bind" "$WORK/docker"
echo "s3cret-of-file" >"$WORK/token"
SECRET_OF_ENVIRONMENT=s3cret-of-environment DOCKER_CONFIG=$WORK/docker
export SECRET_OF_ENVIRONMENT DOCKER_CONFIG

source_begin src
{
    definition members '[sh, -c, "echo $FROM_FILE $FROM_ENVIRONMENT; cat /proc/self/limits /proc/mounts; sleep 0"]' "user: '1000:100', readonlyRootFilesystem: true,
      networkMode: none, cpuQuota: true,
      secrets: [{name: FROM_FILE, valueFrom: 'file:$WORK/token'}, {name: FROM_ENVIRONMENT, valueFrom: 'env:SECRET_OF_ENVIRONMENT'}],
      ulimits: [{name: nofile, softLimit: 100, hardLimit: 200}],
      volumes: [{name: made, host: {sourcePath: '$WORK/bind/made'}}, {name: empty}],
      mountPoints: [{sourceVolume: made, containerPath: /made, readOnly: true}, {sourceVolume: empty, containerPath: /empty}],
      linuxParameters: {initProcessEnabled: true, sharedMemorySize: 3, maxSwap: 0, tmpfs: [{containerPath: /scratch, size: 2, mountOptions: [exec]}],
        devices: [{hostPath: /dev/null, containerPath: /dev/nothing, permissions: [READ]}]},"
    definition lost '[\"true\"]' "secrets: [{name: LOST, valueFrom: 'file:$WORK/lost'}]," "retryStrategy: {attempts: 2, evaluateOnExit: [{onReason: 'ResourceInitializationError*', action: EXIT}]},"
    resource JobDefinition far "{type: container, containerProperties: {image: '127.0.0.1:5999/far:1', command: [x], resourceRequirements: [{type: VCPU, value: '1'}, {type: MEMORY, value: '32'}]}}"
    echo ---
    definition owned '[sh, -c, "echo root >$MUSTER_WORKSPACE/one"]'
    definition foreign '[sh, -c, "cat $MUSTER_WORKSPACE/one && id -u >$MUSTER_WORKSPACE/two"]' "user: '1000:100',"
    resource Pipeline shared "{jobQueue: q, workspace: true, triggers: [manual], jobs: [{name: one, jobDefinition: owned}, {name: two, jobDefinition: foreign, dependsOn: [{job: one}]}]}"
    echo ---
    resource JobDefinition several "{type: container, ecsProperties: {taskProperties: [{volumes: [{name: shared}], containers: [
      {name: after, image: busybox, command: [cat, /out/file], dependsOn: [{containerName: first, condition: SUCCESS}], mountPoints: [{sourceVolume: shared, containerPath: /out}], resourceRequirements: [{type: VCPU, value: '1'}, {type: MEMORY, value: '16'}]},
      {name: first, image: busybox, essential: false, command: [sh, -c, 'echo handed over >/in/file'], mountPoints: [{sourceVolume: shared, containerPath: /in}], resourceRequirements: [{type: VCPU, value: '1'}, {type: MEMORY, value: '16'}]}]}]}}"
} >>src/all.yaml

run muster plan src --state st --no-forecast
like "the plan says which image is there" "$out" '*docker: there already: docker.io/library/busybox:latest*'
like "and which will be pulled" "$out" '*docker: pulled when a job first needs them: 127.0.0.1:5999/far:1*'
is "without the other" "$(printf '%s\n' "$out" | grep -c 'needs them:.*busybox')" 0

STATE=st
start_daemon src --state st
until_ok muster plan src --no-forecast --state st >/dev/null
MUSTER_STATE=$WORK/st
export MUSTER_STATE
submit() { muster submit --queue q --definition "$@"; }
container_of() { run muster describe job "$1" --output json && engine_call GET "/containers/$(json attempts.0.task)/json"; }

job=$(submit members)
exits "a job with all kinds of members runs" 0 muster wait "$job"
run muster logs "$job"
like "its secrets are in its environment" "$out" 's3cret-of-file s3cret-of-environment*'
like "a ulimit counts" "$out" '*Max open files            100                  200*'
like "a directory that was missing was made, and is read only" "$out" '* /made * ro,*'
like "tmpfs has its size" "$out" '*tmpfs /scratch tmpfs *size=2048k*'
ok "it was made on this machine" test -d "$WORK/bind/made"
container_of "$job" >"$WORK/inspected"
inspected() { grep -oE "\"$1\":(\"[^\"]*\"|[^,}]*)" "$WORK/inspected" | head -n 1 | cut -d: -f2-; }
is "memory in bytes" "$(inspected Memory)" 33554432
is "no swap beside it" "$(inspected MemorySwap)" 33554432
is "shares for its vCPUs" "$(inspected CpuShares)" 1024
is "a quota, as asked for" "$(inspected CpuQuota)" 100000
is "shared memory in bytes" "$(inspected ShmSize)" 3145728
is "an init process" "$(inspected Init)" true
is "the network that was named" "$(inspected NetworkMode)" '"none"'
is "its user" "$(inspected User)" '"1000:100"'
is "a device under another name" "$(inspected PathInContainer) $(inspected CgroupPermissions)" '"/dev/nothing" "r"'
is "no secret in a label" "$(grep -oE '"Labels":\{[^}]*' "$WORK/inspected" | grep -c s3cret)" 0
is "none in what the daemon wrote" "$(grep -rlc s3cret "$WORK/st" --include='*.log' --include='serve*' 2>/dev/null | grep -v logs/ | wc -l)" 0

job=$(submit lost)
exits "a secret that is not there fails the attempt" 7 muster wait "$job"
run muster describe job "$job" --output json
is "for a reason that retry rules can name, without its path" "$(json attempts.0.reason)" "ResourceInitializationError: secret LOST: No such file or directory"

job=$(submit several)
exits "a job of several containers" 0 muster wait "$job"
run muster logs "$job"
like "shares an empty volume among them" "$out" '*handed over*'

exits "a pipeline whose second step is of another user" 0 muster start shared --wait jobs
is "each writes to the workspace" "$(cat st/workspaces/*/one st/workspaces/*/two | tr '\n' ' ')" "root 1000 "
is "which is behind a directory of muster's alone" "$(stat -c %a st/workspaces)" 700

finish
