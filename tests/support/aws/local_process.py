"""A task as real local processes: each container has a root of its own, and shares only what a
volume of the task maps.

As root a container is a mount namespace with chroot: /usr and /etc of this machine are there to
read, all else is empty and the container's own. Without root it is a working directory, HOME and
TMPDIR: an absolute path is then this machine's."""
import os
import shutil
import signal
import subprocess

from outcome import merged_command, merged_environment

READ_ONLY = ("usr", "etc", "bin", "sbin", "lib", "lib32", "lib64", "libx32")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# $1: new root, $2: user, $3: working directory; then SOURCE TARGET pairs up to --, then the command.
ENTER = r"""
set -e
root=$1 user=$2 directory=$3
shift 3
mount --make-rprivate /
for name in %s; do
    if [ -L "/$name" ]; then ln -s "$(readlink "/$name")" "$root/$name"
    elif [ -d "/$name" ]; then mkdir -p "$root/$name"; mount --bind -o ro "/$name" "$root/$name"; fi
done
mount --bind /dev "$root/dev"
mount --bind /proc "$root/proc"
while [ "$1" != -- ]; do
    mkdir -p "$2"
    mount --bind "$1" "$2"
    shift 2
done
shift
mkdir -p "$root$directory"
exec chroot ${user:+--userspec=$user} "$root" /bin/sh -c 'cd "$0" && exec "$@"' "$directory" "$@"
""" % " ".join(
    READ_ONLY
)


def has_namespaces():
    """Whether this process can make roots for containers."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return False
    return (
        subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode
        == 0
    )


class Disks:
    """Directories that stand for disks: of tasks, of instances, of EFS."""

    def __init__(self, directory, has_roots):
        self.directory = directory
        self.has_roots = has_roots

    def make(self, *parts):
        path = os.path.join(self.directory, *[part.strip("/").replace("..", "") for part in parts])
        os.makedirs(path, exist_ok=True)
        return path

    def volume(self, task, volume):
        """The directory that a volume of the definition is."""
        efs = volume.get("efsVolumeConfiguration")
        if efs:
            point = (efs.get("authorizationConfig") or {}).get("accessPointId")
            return self.make(
                "efs",
                efs["fileSystemId"],
                f"points/{point}" if point else f"root{efs.get('rootDirectory', '/')}",
            )
        path = (volume.get("host") or {}).get("sourcePath")
        if path and task.host:
            return self.make("instances", task.host.instance.id, path)
        return self.make("tasks", task.id, "volumes", volume["name"])

    def remove_task(self, task):
        shutil.rmtree(os.path.join(self.directory, "tasks", task.id), ignore_errors=True)


class ProcessWork:
    """Runs each container's command; stdout and stderr go to its log stream."""

    def __init__(self, agents, task):
        self.agents = agents
        self.double = agents.double
        self.task = task
        self.processes = {}
        self.timers = []
        self.is_dropped = False

    def begin(self):
        for container in self.task.containers:
            if not self.conditions(container):
                self.start(container)

    def conditions(self, container):
        """What it still waits for: dependsOn of others that have not got so far."""
        by_name = {each.name: each for each in self.task.containers}
        waits = []
        for each in container.definition.get("dependsOn") or ():
            other = by_name[each["containerName"]]
            has_ended = other.status == "STOPPED"
            met = {
                "START": other.name in self.processes or has_ended,
                "HEALTHY": other.name in self.processes,
                "COMPLETE": has_ended,
                "SUCCESS": has_ended and other.exit_code == 0,
            }
            if not met[each["condition"]]:
                waits.append(each)
        return waits

    def start(self, container):
        command = list(container.definition.get("entryPoint") or []) + list(
            merged_command(container)
        )
        if not command:
            self.timers.append(self.double.clock.after(0, lambda: self.ended(container, 0, None)))
            return
        argv, directory, environment = self.launch(container, command)
        self.processes[container.name] = self.double.spawn(
            argv,
            directory,
            environment,
            lambda line: self.double.log_lines(container, [line]),
            lambda code: self.exited(container, code),
        )

    def launch(self, container, command):
        """(argv, working directory, environment) of a container's process."""
        disks = self.double.disks
        definition = container.definition
        root = disks.make("tasks", self.task.id, container.name)
        environment = {
            "PATH": PATH,
            "HOSTNAME": container.runtime_id[:12],
            "HOME": "/root",
            **merged_environment(container),
        }
        environment[
            "ECS_CONTAINER_METADATA_URI_V4"
        ] = f"http://169.254.170.2/v4/{container.runtime_id}"
        for secret in definition.get("secrets") or ():
            environment[secret["name"]] = self.double.secret(
                self.task.cluster.region, secret["valueFrom"]
            )
        if container.gpu_ids:
            environment["NVIDIA_VISIBLE_DEVICES"] = ",".join(container.gpu_ids)
        volumes = {
            volume["name"]: disks.volume(self.task, volume)
            for volume in self.task.definition["volumes"]
        }
        mounts = [
            (volumes[each["sourceVolume"]], each["containerPath"])
            for each in definition.get("mountPoints") or ()
        ]
        if not disks.has_roots:
            environment.update(HOME=root, TMPDIR=root)
            return command, root, environment
        for name in ("dev", "proc", "root"):
            os.makedirs(os.path.join(root, name), exist_ok=True)
        for name in ("tmp", "var/tmp"):
            os.makedirs(os.path.join(root, name), exist_ok=True)
            os.chmod(os.path.join(root, name), 0o1777)
        pairs = [part for source, target in mounts for part in (source, root + target)]
        enter = [
            shutil.which("unshare"),
            "--mount",
            "--",
            "/bin/sh",
            "-c",
            ENTER,
            "enter",
            root,
            definition.get("user") or "",
            definition.get("workingDirectory") or "/",
            *pairs,
            "--",
            *command,
        ]
        return enter, "/", environment

    def exited(self, container, code):
        self.ended(container, 128 - code if code < 0 else code, None)

    def ended(self, container, code, reason):
        outcome = self.task.outcome
        if self.is_dropped:
            return
        self.agents.container_ended(self.task, container, code, reason or outcome.reason)
        if self.task.desired_status == "RUNNING":
            for other in self.task.containers:
                if (
                    other.name not in self.processes
                    and other.status != "STOPPED"
                    and not self.conditions(other)
                ):
                    self.start(other)
        if all(each.status == "STOPPED" for each in self.task.containers):
            self.double.disks.remove_task(self.task)

    def stop(self):
        """SIGTERM to what runs, SIGKILL after its stopTimeout."""
        for container in self.task.containers:
            if container.status == "STOPPED":
                continue
            process = self.processes.get(container.name)
            if not process:
                self.timers.append(
                    self.double.clock.after(0, lambda each=container: self.ended(each, None, None))
                )
                continue
            process.signal(signal.SIGTERM)
            limit = (
                container.definition.get("stopTimeout")
                or self.double.settings["stopTimeoutSeconds"]
            )
            self.timers.append(
                self.double.clock.after(limit, lambda each=process: each.signal(signal.SIGKILL))
            )

    def drop(self):
        """The host is gone: so are its processes, and nobody hears how they ended."""
        self.is_dropped = True
        for timer in self.timers:
            timer.cancel()
        for process in self.processes.values():
            process.signal(signal.SIGKILL)
        self.double.disks.remove_task(self.task)
