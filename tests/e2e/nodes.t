#!/bin/sh
# Multinode jobs as processes of this machine: each node its own command, the main one first, all together or none.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/nodes.sh"
mkdir src
printf 'name: src\nprovider: local\n' >src/muster.yaml
{ resource ComputeEnvironment here "{type: MANAGED, computeResources: {type: EC2, maxvCpus: 16}}"; echo ---; queue q 1; echo ---; } >src/all.yaml
MEMBERS=
nodes_running() { grep -ls "$WORK/meet/[n]ever" /proc/[0-9]*/cmdline | wc -l; }
[ "$(getconf _NPROCESSORS_ONLN)" -ge 2 ] || { echo "1..0 # SKIP two nodes of one vCPU each need two processors"; exit 0; }
nodes_points
finish
