"""Processes on the event loop: their lines as they come, their end when both the process and its
output have ended."""
import os
import signal
import subprocess

LINE_MAX = 256 * 1024
# What runs ends with the double, however that ends.
DIES_WITH_PARENT = ("/usr/bin/setpriv", "--pdeathsig", "KILL", "--")


class Process:
    def __init__(self, loop, argv, directory, environment, line, ended):
        self.loop = loop
        self.line = line
        self.ended = ended
        self.buffer = b""
        self.code = None
        self.child = subprocess.Popen(
            [*DIES_WITH_PARENT, *argv],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.pipe = self.child.stdout.fileno()
        os.set_blocking(self.pipe, False)
        loop.add_reader(self.pipe, self.read)
        self.pid_descriptor = os.pidfd_open(self.child.pid)
        loop.add_reader(self.pid_descriptor, self.reap)

    def read(self):
        try:
            data = os.read(self.pipe, 65536)
        except BlockingIOError:
            return
        if not data:
            self.loop.remove_reader(self.pipe)
            return
        self.take(data)
        if len(self.buffer) > LINE_MAX:
            self.line(self.buffer.decode("utf-8", "replace"))
            self.buffer = b""

    def take(self, data):
        *lines, self.buffer = (self.buffer + data).split(b"\n")
        for line in lines:
            self.line(line.decode("utf-8", "replace"))

    def reap(self):
        self.loop.remove_reader(self.pid_descriptor)
        os.close(self.pid_descriptor)
        self.code = self.child.wait()
        self.drain()
        # What the container left behind ends with it.
        self.kill_group(signal.SIGKILL)
        self.ended(self.code)

    def drain(self):
        """What the process wrote before its end."""
        try:
            while data := os.read(self.pipe, 65536):
                self.take(data)
        except BlockingIOError:
            pass
        self.loop.remove_reader(self.pipe)
        self.child.stdout.close()
        if self.buffer:
            self.line(self.buffer.decode("utf-8", "replace"))

    def signal(self, number):
        """SIGTERM to the process alone, SIGKILL to all that it started."""
        if self.code is not None:
            return
        if number == signal.SIGKILL:
            self.kill_group(number)
        else:
            self.child.send_signal(number)

    def kill_group(self, number):
        try:
            os.killpg(self.child.pid, number)
        except (ProcessLookupError, PermissionError):
            pass
