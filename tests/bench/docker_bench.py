#!/usr/bin/env python3
"""Containers on a real engine of its own. Prints NAME <tab> VALUE <tab> UNIT. Usage:
docker_bench.py MUSTER [CONTAINERS [ROUNDS]]: short ones: muster, and a bare loop that makes the same calls as many at a time.
docker_bench.py MUSTER watch [CONTAINERS [SECONDS]]: long ones, as many as there is memory for: what it takes to watch them."""
import http.client, io, json, os, shutil, socket, subprocess, sys, tarfile, tempfile, threading, time

MUSTER = os.path.abspath(sys.argv[1])
WATCHES = sys.argv[2:3] == ["watch"]
NUMBERS = [int(text) for text in sys.argv[3 if WATCHES else 2:]]
COUNT, ROUNDS = (NUMBERS + [1000, 180][len(NUMBERS):]) if WATCHES else (NUMBERS + [100, 3][len(NUMBERS):])
SHIM_MIB = 18  # of each container that runs: its shim, and the engine's share
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
---
apiVersion: muster/v1
kind: JobDefinition
metadata: {name: long}
spec:
  type: container
  ecsProperties:
    taskProperties:
      - networkMode: none
        containers: [{name: long, image: busybox, command: [sleep, "1000000"], resourceRequirements: [{type: MEMORY, value: "8"}]}]
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
        for name in "true", "sleep":
            link = tarfile.TarInfo("bin/" + name)
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


def compare(place, daemon):
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


def members(pid):
    lines = (line.split(":", 1) for line in open(f"/proc/{pid}/status"))
    return {name: value.strip() for name, value in lines}


def loop_of(state):
    said = subprocess.run([MUSTER, "status", "--state", state, "-o", "json"], check=True, capture_output=True).stdout
    return json.loads(said)["loop"]


def watch(place, daemon):
    free_mib = int(next(line for line in open("/proc/meminfo") if line.startswith("MemAvailable")).split()[1]) // 1024
    count = min(COUNT, free_mib // SHIM_MIB)
    begin, used = time.time(), ticks(daemon.pid)
    subprocess.run([MUSTER, "submit", "--state", f"{place}/st", "--queue", "q", "--definition", "long", "--array", str(count)],
                   check=True, stdout=subprocess.DEVNULL)
    filters = "?filters=%7B%22label%22%3A%5B%22muster.token%22%5D%7D"
    engine = Engine(f"{place}/sock")
    while len(json.loads(engine.call("GET", "/containers/json" + filters))) < count:
        time.sleep(2)
    seconds = time.time() - begin
    print(f"{count} containers that run, started\t{count / seconds:.2f}\tcontainers/s")
    print(f"processor time of muster meanwhile\t{100 * (ticks(daemon.pid) - used) / seconds:.1f}\t% of a core")
    listed = len(engine.call("GET", "/containers/json?all=1&" + filters[1:]))
    time.sleep(15)  # what began with the last of them
    before, begin, used = loop_of(f"{place}/st"), time.time(), ticks(daemon.pid)
    time.sleep(ROUNDS)
    seconds, after = time.time() - begin, loop_of(f"{place}/st")
    print(f"processor time of muster while {count} run\t{100 * (ticks(daemon.pid) - used) / seconds:.2f}\t% of a core")
    print(f"a list of them\t{listed / 1e6:.1f}\tMB")
    print(f"slices of the loop above 5 ms in {seconds:.0f} s\t{after['over5Ms'] - before['over5Ms']}\t")
    print(f"memory of muster\t{int(members(daemon.pid)['VmRSS'].split()[0]) / 1024:.0f}\tMiB")


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
        while subprocess.run([MUSTER, "get", "jobdefinitions", "long", "--state", f"{place}/st"], capture_output=True).returncode:
            time.sleep(0.1)
        (watch if WATCHES else compare)(place, daemon)
    finally:
        end(place, daemon, engine)


# An engine that ends stops what runs there one after the other, and each by force after its grace: all are killed before.
def end(place, daemon, engine):
    if daemon:
        daemon.terminate()
        daemon.wait()
    if WATCHES:
        ours = {item["Id"] for item in json.loads(Engine(f"{place}/sock").call("GET", "/containers/json"))}
        kill_all(lambda pid, words: container_of(pid) in ours)
        wait_for_none(place)
    engine.terminate()
    engine.wait()
    kill_all(lambda pid, words: words[0].endswith(b"containerd-shim-runc-v2") and place.encode() in b" ".join(words))
    for line in reversed(list(open("/proc/mounts"))):
        if line.split()[1].startswith(place + "/"):
            subprocess.run(["umount", "-l", line.split()[1]])
    shutil.rmtree(place, ignore_errors=True)


def wait_for_none(place):
    for _ in range(150):
        if json.loads(Engine(f"{place}/sock").call("GET", "/containers/json")) == []:
            return
        time.sleep(2)


def kill_all(is_meant):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open(f"/proc/{pid}/cmdline", "rb").read().split(b"\x00")[:-1]
            if words and is_meant(pid, words):
                os.kill(int(pid), 9)
        except OSError:
            pass


def container_of(pid):
    return open(f"/proc/{pid}/cgroup").readline().strip().rsplit("/", 1)[-1]


main()
