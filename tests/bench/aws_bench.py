#!/usr/bin/env python3
"""What AWS is asked for and what asking costs, against the double of tests/support/aws with AWS's published throttles. Prints
name<TAB>value<TAB>unit.

    aws_bench.py MUSTER many    a queue of JOBS jobs (10,000) for HOSTS instances (1,000) that are there, until all tasks are asked for; then
                                a steady minute (WATCHED seconds) with all of them running
    aws_bench.py MUSTER waves   JOBS jobs (10,000) of SECONDS (60), ROOM (1,000) at a time

Jobs are made up: the double has no process for them. PROFILE=COMMAND runs with {pid} of the daemon during the steady minute.
"""
import contextlib
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TASKS_A_HOST = 10
MANIFESTS = """\
apiVersion: muster/v1
kind: ComputeEnvironment
metadata: {{name: cloud}}
spec:
  computeResources:
    type: EC2
    allocationStrategy: BEST_FIT_PROGRESSIVE
    instanceTypes: [c6i.4xlarge]
    minvCpus: {least}
    maxvCpus: {most}
    instanceRole: ecsInstanceRole
    subnets: [subnet-0000000000000000a, subnet-0000000000000000b]
    securityGroupIds: [sg-00000000000000001]
---
apiVersion: muster/v1
kind: JobQueue
metadata: {{name: q}}
spec: {{priority: 1, computeEnvironmentOrder: [cloud]}}
---
apiVersion: muster/v1
kind: JobDefinition
metadata: {{name: work}}
spec:
  type: container
  containerProperties:
    image: busybox
    command: [work, --input, "s3://bucket/some/where/Ref::number.fastq"]
    resourceRequirements: [{{type: VCPU, value: "1"}}, {{type: MEMORY, value: "3000"}}]
"""


def number(name, otherwise):
    return int(os.environ.get(name, otherwise))


def say(name, value, unit=""):
    print(f"{name}\t{value}\t{unit}", flush=True)


class Double:
    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, f"{ROOT}/tests/support/aws/double.py", "--no-read-back"],
            stdout=subprocess.PIPE,
            text=True,
        )
        words = self.process.stdout.readline().split()
        self.port, self.control = words[1], words[3]

    def ask(self, verb, **members):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.control}/double/{verb}", json.dumps(members).encode()
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    def environment(self):
        return {
            **os.environ,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def hosts(self):
        return sum(
            len(cluster["hosts"])
            for region in self.ask("state")["regions"]
            for cluster in region["clusters"]
        )

    def end(self):
        self.process.terminate()
        self.process.wait()


class Daemon:
    """A muster over a source of its own. CPU seconds are those of the process, all threads."""

    def __init__(self, muster, double, directory, **room):
        self.muster, self.environment = muster, double.environment()
        self.state, self.source = f"{directory}/state", f"{directory}/source"
        os.makedirs(self.source)
        with open(f"{self.source}/muster.yaml", "w", encoding="utf-8") as file:
            file.write("name: bench\nprovider: aws\n")
        with open(f"{self.source}/all.yaml", "w", encoding="utf-8") as file:
            file.write(MANIFESTS.format(**room))
        with open(f"{directory}/serve.log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [muster, "serve", "--state", self.state],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.pid = self.process.pid
        until(lambda: os.path.exists(f"{self.state}/muster.sock"), 0.05, 20)
        self.run("apply", self.source, "--yes", "--first-run", "record")

    def run(self, *arguments):
        done = subprocess.run(
            [self.muster, *arguments, "--state", self.state],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"aws_bench: {arguments[0]}: {done.returncode}: {done.stderr[:500]}")
        return done.stdout

    def submit(self, directory, jobs):
        with open(f"{directory}/jobs.jsonl", "w", encoding="utf-8") as file:
            for at in range(jobs):
                job = {"jobName": f"j{at}", "jobQueue": "q", "jobDefinition": "work"}
                file.write(json.dumps({**job, "parameters": {"number": str(at)}}) + "\n")
        self.run("submit", "--file", f"{directory}/jobs.jsonl")

    def counts(self):
        """Of the queue: {state: jobs}, of those that have not ended."""
        queue = json.loads(self.run("status", "-o", "json"))["queues"][0]
        return queue.get("counts", queue)

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mib(self, name):
        with open(f"/proc/{self.pid}/status", encoding="utf-8") as file:
            return int(re.search(rf"{name}:\s+(\d+)", file.read())[1]) / 1024

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def until(holds, every, limit):
    begun = time.monotonic()
    while not holds():
        if time.monotonic() - begun > limit:
            sys.exit("aws_bench: it takes too long")
        time.sleep(every)
    return time.monotonic() - begun


def say_calls(counters, jobs):
    calls = counters["calls"]
    run = calls.get("ecs:RunTask", 0)
    others = sum(calls.values()) - run
    refused = {
        name: count for name, count in counters["answers"].items() if not name.endswith(":200")
    }
    say("RunTask", f"{run / jobs:.4f}", "a job")
    say("other calls", f"{others / jobs:.4f}", "a job")
    say("  which are", ", ".join(f"{name.partition(':')[2]} {count}" for name, count in sorted(calls.items())))
    say("throttled and failed answers", sum(refused.values()), f"{refused or ''}")


def say_load(name):
    say(f"load of the machine, {name}", f"{os.getloadavg()[0]:.2f}", "others included")


def many(start, double, directory):
    jobs, hosts, watched = number("JOBS", 10000), number("HOSTS", 1000), number("WATCHED", 60)
    daemon = start(least=16 * hosts, most=16 * hosts)
    double.ask("settings", taskSeconds=None)
    took = until(lambda: double.hosts() == hosts, 2, 1000)
    say(f"{hosts} instances bought and registered", f"{took:.0f}", "s")
    say("resident before the jobs", f"{daemon.memory_mib('VmRSS'):.1f}", "MiB")
    double.ask("counters", clear=True)
    begun_cpu, begun = daemon.cpu_seconds(), time.monotonic()
    daemon.submit(directory, jobs)
    until(lambda: double.ask("counters")["calls"].get("ecs:RunTask", 0) >= jobs, 1, 2000)
    took = time.monotonic() - begun
    counters = double.ask("counters")
    say(f"{jobs} jobs: submission to the last RunTask", f"{took:.1f}", "s")
    permitted, span = max(jobs - 100, 1) / 40, counters["spans"]["ecs:RunTask"]
    say("first to last RunTask", f"{span:.1f}", f"s; permitted: {permitted:.1f} s")
    rate = counters["calls"]["ecs:RunTask"] - 100
    say("of the permitted call rate", f"{100 * rate / 40 / span:.1f}", "%")
    say_calls(counters, jobs)
    say("the double was busy", f"{100 * counters['busySeconds'] / took:.0f}", "% of a core")
    say("processor time of muster meanwhile", f"{daemon.cpu_seconds() - begun_cpu:.2f}", "s")
    until(lambda: daemon.counts().get("RUNNING", 0) == jobs, 5, 300)
    say("peak by then", f"{daemon.memory_mib('VmHWM'):.1f}", "MiB")
    time.sleep(30)
    steady(daemon, double, watched)


def steady(daemon, double, watched):
    double.ask("counters", clear=True)
    cpu, begun = daemon.cpu_seconds(), time.monotonic()
    command = os.environ.get("PROFILE")
    profile = subprocess.Popen(command.format(pid=daemon.pid), shell=True) if command else None
    time.sleep(watched)
    took, counters = time.monotonic() - begun, double.ask("counters")
    say("steady: processor time", f"{100 * (daemon.cpu_seconds() - cpu) / took:.2f}", f"% of a core over {took:.0f} s")
    loop = json.loads(daemon.run("status", "-o", "json"))["loop"]
    say("the loop's longest slice since it began", f"{loop['longestMs']:.1f}", f"ms; {loop['over5Ms']} above 5 ms")
    say("steady: resident", f"{daemon.memory_mib('VmRSS'):.1f}", "MiB")
    say("peak", f"{daemon.memory_mib('VmHWM'):.1f}", "MiB")
    say("steady: calls", ", ".join(f"{name} {count}" for name, count in sorted(counters["calls"].items())), f"in {took:.0f} s")
    if profile:
        profile.wait()
    double.ask("counters", clear=True)
    double.ask("end-task", all=True)
    begun = time.monotonic()
    until(lambda: daemon.counts().get("RUNNING", 0) == 0, 2, 600)
    say("all end at once: until none is RUNNING", f"{time.monotonic() - begun:.0f}", "s")
    say_told(double.ask("counters")["told"])


def say_told(told):
    if told:
        say("a task's end is told after: median", f"{statistics.median(told):.1f}", f"s; p95 {told[len(told) * 95 // 100]:.1f}, most {told[-1]:.1f}, {len(told)} ends")


def waves(start, double, directory):
    jobs, room, seconds = number("JOBS", 10000), number("ROOM", 1000), number("SECONDS", 60)
    daemon = start(least=0, most=16 * room // TASKS_A_HOST)
    double.ask("settings", taskSeconds=seconds)
    double.ask("counters", clear=True)
    begun, begun_cpu = time.monotonic(), daemon.cpu_seconds()
    daemon.submit(directory, jobs)
    until(lambda: not any(daemon.counts().values()), 3, 3000)
    took, counters = time.monotonic() - begun, double.ask("counters")
    say(f"{jobs} jobs of {seconds} s, {room} at a time", f"{took:.0f}", f"s; {jobs / room * seconds:.0f} s of them the jobs'")
    say_calls(counters, jobs)
    say_told(counters["told"])
    say("processor time of muster", f"{100 * (daemon.cpu_seconds() - begun_cpu) / took:.2f}", "% of a core")
    say("peak", f"{daemon.memory_mib('VmHWM'):.1f}", "MiB")
    say("the double was busy", f"{100 * counters['busySeconds'] / took:.0f}", "% of a core")


def main():
    muster, load = os.path.abspath(sys.argv[1]), {"many": many, "waves": waves}[sys.argv[2]]
    with contextlib.ExitStack() as stack:
        directory = tempfile.mkdtemp(prefix="aws-bench.")
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        double = Double()
        stack.callback(double.end)

        def start(**room):
            daemon = Daemon(muster, double, directory, **room)
            stack.callback(daemon.end)
            return daemon

        double.ask("throttle", published=True)
        say_load("before")
        load(start, double, directory)
        say_load("after")
        violations = double.ask("violations")["violations"]
        if violations:
            sys.exit(f"aws_bench: {len(violations)} requests were wrong: {violations[0]}")


if __name__ == "__main__":
    main()
