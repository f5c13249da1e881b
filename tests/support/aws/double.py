#!/usr/bin/env python3
"""The double of AWS that the tests of the provider run against; README.md says how it is started
and scripted."""
import sys

sys.dont_write_bytecode = True

try:
    import botocore  # noqa: F401, it is what the models come from
except ImportError:
    sys.exit("double.py: python3-botocore is not installed (make deps)")

import argparse
import asyncio
import os
import shutil
import signal
import tempfile

import control_surroundings  # noqa: F401, its verbs register themselves
import ec2_fleet  # noqa: F401, the handlers of each service register themselves
import ec2_instances  # noqa: F401
import ec2_read  # noqa: F401
import ecs_tasks  # noqa: F401
import models
import quotas  # noqa: F401
import surroundings  # noqa: F401
from control import Control
from front import Front
from http_server import listen
from local_process import has_namespaces
from world import World


def arguments():
    parser = argparse.ArgumentParser(
        description="A double of EC2, ECS, SSM, Logs, IAM and STS on loopback, for tests."
    )
    parser.add_argument("--port", type=int, default=0, help="of the services; 0 takes a free one")
    parser.add_argument("--control-port", type=int, default=0, help="of the scripting paths")
    parser.add_argument(
        "--no-read-back",
        action="store_true",
        help="do not read each answer back with botocore (for scale tests)",
    )
    parser.add_argument(
        "--virtual-time", action="store_true", help="time stands still but for /double/advance"
    )
    parser.add_argument(
        "--no-roots",
        action="store_true",
        help="tasks run in a directory, not in a root of their own, even as root",
    )
    parser.add_argument(
        "--directory", help="for the disks of tasks; a temporary one by default, removed at the end"
    )
    return parser.parse_args()


async def until_over(parent):
    """Until a signal comes or the parent is gone."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, over.set)
    while not over.is_set() and os.getppid() == parent:
        try:
            await asyncio.wait_for(over.wait(), 0.5)
        except asyncio.TimeoutError:
            pass


async def serve(options, directory):
    parent = os.getppid()
    models.signing_names()  # reads the models now, not with the first request
    has_roots = has_namespaces() and not options.no_roots
    world = World(asyncio.get_running_loop(), directory, has_roots, options.virtual_time)
    front = Front(world, reads_back=not options.no_read_back)
    control = Control(world, front)
    _, port = await listen(options.port, front.answer, world.clock.wire_now)
    _, control_port = await listen(options.control_port, control.answer, world.clock.wire_now)
    print(
        f"listening {port} control {control_port} roots {'yes' if has_roots else 'no'}", flush=True
    )
    await until_over(parent)
    world.agents.clear()


def main():
    options = arguments()
    directory = options.directory or tempfile.mkdtemp(prefix="aws-double.")
    try:
        asyncio.run(serve(options, directory))
    finally:
        if not options.directory:
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
