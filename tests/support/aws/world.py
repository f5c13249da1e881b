"""The whole double: accounts and regions, time, faults, agents; everything that a handler
reaches."""
import gc

from agent import Agents
from clock import Clock
from errors import ControlError
from faults import Faults
from identity import Identity
from local_process import Disks
from outcome import Outcomes
from region import Region
from spawn import Process

# Seconds are of the clock, real or virtual. A test sets what it needs; see README.md.
SETTINGS = {
    "pendingSeconds": 0.1,  # of an instance, until it runs
    "registerSeconds": 0.1,  # from then until its agent has registered
    "agentsRegister": True,
    "shuttingDownSeconds": 0.1,
    "terminatedSeconds": 3600.0,  # how long a terminated instance is still described
    "inactiveHostSeconds": 3600.0,
    "taskStartSeconds": 0.05,  # image pull and start
    "taskStopSeconds": 0.02,  # from the end of the containers to STOPPED
    "stoppedTaskSeconds": 3600.0,  # how long a stopped task is still described
    "stopTimeoutSeconds": 30.0,  # SIGTERM to SIGKILL where a container does not say
    "taskSeconds": 0.1,  # of a task that only takes time; null: it runs until it is stopped
    "runner": "timer",  # or process: the commands run
    "spotNoticeSeconds": 120.0,
    "consistencySeconds": 0.0,  # how long what was made is not seen
    "memoryOverhead": 0.04,  # of the nominal memory, that a host does not register
    "pageMax": 0,  # cap on all pages; 0: the services' own
}
REALISTIC = {
    "pendingSeconds": 15.0,
    "registerSeconds": 90.0,
    "shuttingDownSeconds": 40.0,
    "taskStartSeconds": 10.0,
    "taskStopSeconds": 2.0,
    "consistencySeconds": 2.0,
}


class World:
    def __init__(self, loop, directory, has_roots, is_virtual=False):
        self.loop = loop
        self.clock = Clock(loop, is_virtual)
        self.disks = Disks(directory, has_roots)
        self.agents = Agents(self)
        self.start_over()

    def start_over(self):
        self.settings = dict(SETTINGS)
        self.identity = Identity()
        self.faults = Faults()
        self.outcomes = Outcomes(self.settings)
        self.regions = {}
        self.told = []  # seconds from tasks' ends to the first DescribeTasks that told of them

    def reset(self):
        """As freshly started: nothing runs, nothing is there."""
        self.agents.clear()
        self.clock.clear()
        self.clock.wire_offset = 0.0
        self.start_over()
        gc.collect()

    def change_settings(self, changes):
        for name, value in changes.items():
            if name not in SETTINGS:
                raise ControlError(f"there is no setting {name}: {', '.join(SETTINGS)}")
            self.settings[name] = value

    def region(self, account, name):
        key = (account, name)
        if key not in self.regions:
            self.regions[key] = Region(self, account, name)
        return self.regions[key]

    def tasks(self):
        return [
            task
            for region in self.regions.values()
            for cluster in region.ecs.clusters.values()
            for task in cluster.tasks.values()
        ]

    def instances(self):
        return [
            instance
            for region in self.regions.values()
            for instance in region.ec2.instances.values()
        ]

    # ---- what tasks need
    def spawn(self, argv, directory, environment, line, ended):
        return Process(self.loop, argv, directory, environment, line, ended)

    def log_lines(self, container, lines):
        """Lines of a container, to the stream that its log configuration names."""
        log = container.definition.get("logConfiguration") or {}
        options = log.get("options") or {}
        if log.get("logDriver") != "awslogs" or not lines:
            return
        task = container.task
        prefix = options.get("awslogs-stream-prefix")
        stream = f"{prefix}/{container.name}/{task.id}" if prefix else container.runtime_id
        logs = self.region(task.cluster.region.account, options["awslogs-region"]).logs
        for line in lines:
            logs.write(options["awslogs-group"], stream, line)

    def secret(self, region, value_from):
        """The value of an SSM parameter by name or ARN, or None."""
        name = value_from.partition(":parameter")[2] or value_from
        return region.ec2.parameters.get(name)
