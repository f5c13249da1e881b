#!/bin/sh
# Multinode jobs as containers of one engine, on the network of its host.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/docker.sh"
. "$ROOT/tests/e2e/nodes.sh"
[ "$(getconf _NPROCESSORS_ONLN)" -ge 2 ] || { echo "1..0 # SKIP two nodes of one vCPU each need two processors"; exit 0; }
source_begin src
MEMBERS="image: busybox, volumes: [{name: meet, host: {sourcePath: '$WORK/meet'}}], mountPoints: [{sourceVolume: meet, containerPath: '$WORK/meet'}],"
nodes_running() { running; }
ln -s busybox "$ENGINE/root/bin/env" 2>/dev/null
for name in grep sort touch; do ln -s busybox "$ENGINE/root/bin/$name"; done
import_image busybox
nodes_points
finish
