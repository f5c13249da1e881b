#!/usr/bin/env python3
"""Short containers on a real engine of its own: muster, and a bare loop that makes the same calls as many at a time. Prints
NAME <tab> VALUE <tab> UNIT. Usage: docker_bench.py MUSTER [CONTAINERS [ROUNDS]]"""
import http.client, io, json, os, shutil, socket, subprocess, sys, tarfile, tempfile, threading, time

MUSTER, COUNT, ROUNDS = os.path.abspath(sys.argv[1]), int((sys.argv + ["", "100"])[2] or 100), int((sys.argv + ["", "", "3"])[3] or 3)
PARALLEL = len(os.sched_getaffinity(0))
SOURCE = """apiVersion: muster/v1
kind: ComputeEnvironment
metadata: {name: here}
spec: {type: MANAGED, provider: docker, computeResources: {type: EC2, maxvCpus: 1000}}
---
apiVersion: muster/v1
kind: JobQueue
metadata: {name: q}
spec: {priority: 1, computeEnvironmentOrder: [here]}
---
apiVersion: muster/v1
kind: JobDefinition
metadata: {name: short}
spec: {type: container, containerProperties: {image: busybox, command: ["true"], resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "16"}]}}
"""


class Engine(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("docker")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)

    def call(self, method, path, body=None, kind="application/json"):
        data = json.dumps(body) if isinstance(body, dict) else body
        self.request(method, path, data, {"Content-Type": kind} if data is not None else {})
        answer = self.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:200]!r}")
        return text


def start_engine(place):
    process = subprocess.Popen(
        ["dockerd", "--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs", "-H", f"unix://{place}/sock",
         "--data-root", f"{place}/data", "--exec-root", f"{place}/exec", "--pidfile", f"{place}/pid"],
        stdout=open(f"{place}/log", "wb"), stderr=subprocess.STDOUT)
    for _ in range(300):
        try:
            Engine(f"{place}/sock").call("GET", "/_ping")
            return process
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("dockerd does not start")


def import_busybox(sock):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.add("/bin/busybox", "bin/busybox")
        link = tarfile.TarInfo("bin/true")
        link.type, link.linkname = tarfile.SYMTYPE, "busybox"
        tar.addfile(link)
    Engine(sock).call("POST", "/images/create?fromSrc=-&repo=busybox&tag=latest", out.getvalue(), "application/x-tar")


def one(engine):
    body = {"Image": "busybox", "Cmd": ["true"], "HostConfig": {"NetworkMode": "host", "CpuShares": 1024, "Memory": 16 << 20}}
    name = json.loads(engine.call("POST", "/containers/create", body))["Id"]
    for method, path in ("POST", "start"), ("POST", "wait"), ("GET", "logs?stdout=1&stderr=1"):
        engine.call(method, f"/containers/{name}/{path}")
    engine.call("DELETE", f"/containers/{name}?v=1")


def bare(sock):
    left, lock = iter(range(COUNT)), threading.Lock()

    def work():
        engine = Engine(sock)
        while True:
            with lock:
                if next(left, None) is None:
                    return
            one(engine)

    begin = time.time()
    threads = [threading.Thread(target=work) for _ in range(PARALLEL)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return COUNT / (time.time() - begin)


def ticks(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def through_muster(daemon, state):
    begin, used = time.time(), ticks(daemon.pid)
    command = [MUSTER, "submit", "--state", state, "--queue", "q", "--definition", "short", "--array", str(COUNT), "--wait"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds = time.time() - begin
    return COUNT / seconds, 100 * (ticks(daemon.pid) - used) / seconds


def main():
    place = tempfile.mkdtemp(prefix="muster-docker-")
    engine = start_engine(place)
    daemon = None
    try:
        import_busybox(f"{place}/sock")
        os.mkdir(f"{place}/src")
        open(f"{place}/src/all.yaml", "w").write(SOURCE)
        daemon = subprocess.Popen([MUSTER, "serve", f"{place}/src", "--state", f"{place}/st"], stderr=open(f"{place}/serve", "wb"),
                                  env={**os.environ, "DOCKER_HOST": f"unix://{place}/sock"})
        while subprocess.run([MUSTER, "get", "jobdefinitions", "short", "--state", f"{place}/st"], capture_output=True).returncode:
            time.sleep(0.1)
        floors, rates, loads = [], [], []
        for _ in range(ROUNDS):
            floors.append(bare(f"{place}/sock"))
            rate, load = through_muster(daemon, f"{place}/st")
            rates.append(rate)
            loads.append(load)
        floor, rate, load = (sorted(values)[len(values) // 2] for values in (floors, rates, loads))
        print(f"bare loop, {PARALLEL} at a time\t{floor:.2f}\tcontainers/s")
        print(f"muster\t{rate:.2f}\tcontainers/s")
        print(f"of the bare loop\t{100 * rate / floor:.0f}\t%")
        print(f"processor time of muster\t{load:.1f}\t% of a core")
    finally:
        for process in daemon, engine:
            if process:
                process.terminate()
                process.wait()
        shutil.rmtree(place, ignore_errors=True)


main()
