"""The agents on the hosts, and Fargate: instances register, tasks run, end, are stopped, die with
their host."""
import email
import re
import uuid

from ecs_state import Host, host_facts
from local_process import ProcessWork
from outcome import TimerWork

SETTING = re.compile(r"^\s*(?:echo\s+|export\s+)?[\"']?(ECS_[A-Z0-9_]+)=(.*)$", re.MULTILINE)
EXITED = "EssentialContainerExited"
NO_LOG_GROUP = (
    "failed to create Cloudwatch log stream: ResourceNotFoundException: "
    "The specified log group does not exist."
)


def parts_of(user_data):
    """The texts of user data: one, or those of a MIME archive."""
    text = user_data.decode("utf-8", "replace")
    if not re.match(r"(content-type|mime-version):", text, re.IGNORECASE):
        return [text]
    message = email.message_from_string(text)
    return [
        part.get_payload(decode=True).decode("utf-8", "replace")
        for part in message.walk()
        if not part.is_multipart()
    ]


def agent_config(user_data):
    """ecs.config as the scripts write it: {name: value}, the last line of a name counts."""
    config = {}
    for part in parts_of(user_data):
        if not part.startswith(("#!", "#cloud")):
            continue
        for name, value in SETTING.findall(part):
            value = re.sub(r"[\"']?\s*>>?\s*/etc/ecs/ecs\.config.*$", "", value.strip())
            config[name] = value.strip("'") if value.startswith("'") else value
    return config


class Agents:
    def __init__(self, double):
        self.double = double

    def after(self, setting, function):
        return self.double.clock.after(self.double.settings[setting], function)

    # ---- instances
    def instance_started(self, instance):
        self.after("pendingSeconds", lambda: self.instance_runs(instance))

    def instance_runs(self, instance):
        if instance.state != "pending":
            return
        instance.change("running")
        config = agent_config(instance.launch.user_data)
        if self.can_register(instance, config):
            self.after("registerSeconds", lambda: self.register(instance, config))

    def can_register(self, instance, config):
        """An agent needs an image that has one, a profile, and a way to ECS; a test may hold it
        back."""
        return (
            instance.launch.image["has_agent"]
            and instance.launch.profile_arn
            and instance.region.ec2.has_route(instance.subnet)
            and self.double.settings["agentsRegister"]
            and not config.get("ECS_DISABLED")
        )

    def register(self, instance, config):
        ecs = instance.region.ecs
        cluster = ecs.clusters.get(config.get("ECS_CLUSTER", "default"))
        if instance.state != "running":
            return
        if not cluster or cluster.status != "ACTIVE":  # the agent tries again until there is one
            self.double.clock.after(1.0, lambda: self.register(instance, config))
            return
        host = Host(cluster, instance, host_facts(instance, config, self.double.settings))
        cluster.hosts[host.arn] = host
        cluster.host_of[instance.id] = host

    def host_of(self, instance):
        for cluster in instance.region.ecs.clusters.values():
            if instance.id in cluster.host_of:
                return cluster.host_of[instance.id]
        return None

    def instance_ending(self, instance):
        """The host shuts down: its agent is gone, its processes die."""
        host = self.host_of(instance)
        if not host:
            return
        host.is_connected = False
        host.version += 1
        for task in list(host.tasks.values()):
            self.drop_work(task)

    def instance_ended(self, instance):
        host = self.host_of(instance)
        if not host:
            return
        for task in list(host.tasks.values()):
            self.lose(task, f"Host EC2 (instance {instance.id}) terminated.")
        self.deregister(host)

    def deregister(self, host):
        host.status = "INACTIVE"
        host.is_connected = False
        host.version += 1
        host.cluster.host_of.pop(host.instance.id, None)
        self.double.clock.after(
            self.double.settings["inactiveHostSeconds"],
            lambda: host.cluster.hosts.pop(host.arn, None),
        )

    def set_connected(self, host, is_connected):
        """A test's doing: what was to be stopped or ended meanwhile is when the agent is back."""
        host.is_connected = is_connected
        host.version += 1
        if is_connected:
            for task in list(host.tasks.values()):
                self.catch_up(task)

    def catch_up(self, task):
        if task.untold:
            untold, task.untold = task.untold, []
            for each in untold:
                self.container_ended(task, *each)
        elif task.desired_status == "STOPPED":
            self.kill(task)
        elif not task.work:
            self.start(task)

    # ---- tasks
    def task_placed(self, task):
        rule = self.double.outcomes.of(task)
        task.outcome = rule
        if rule.stays_pending:
            return
        delay = (
            self.double.settings["taskStartSeconds"]
            if rule.start_seconds is None
            else rule.start_seconds
        )
        if task.last_status == "PROVISIONING":
            task.timers.append(
                self.double.clock.after(delay / 2, lambda: self.pulls(task, delay / 2))
            )
        else:
            self.pulls(task, delay)

    def pulls(self, task, delay):
        if task.desired_status == "RUNNING":
            task.change("PENDING", "connectivityAt", "pullStartedAt")
            task.connected = True
            task.timers.append(self.double.clock.after(delay, lambda: self.start(task)))

    def start(self, task):
        if (
            task.desired_status != "RUNNING"
            or task.work
            or (task.host and not task.host.is_connected)
        ):
            return
        task.change(None, "pullStoppedAt")
        fault = task.outcome.start_fault or self.initialization_fault(task)
        if fault:
            self.fail_start(task, *fault)
            return
        work = ProcessWork if task.outcome.runner == "process" else TimerWork
        task.work = work(self, task)
        for container in task.containers:
            container.status = "RUNNING"
            container.runtime_id = uuid.uuid4().hex + uuid.uuid4().hex
        task.change("RUNNING", "startedAt")
        task.work.begin()

    def initialization_fault(self, task):
        """(stopped reason, reason of the container) of logs, secrets and volumes that are not
        there; or None."""
        region = task.cluster.region
        for container in task.containers:
            log = container.definition.get("logConfiguration") or {}
            options = log.get("options") or {}
            if log.get("logDriver") == "awslogs" and options.get("awslogs-create-group") != "true":
                home = self.double.region(region.account, options["awslogs-region"])
                if options["awslogs-group"] not in home.logs.groups:
                    text = NO_LOG_GROUP
                    if task.is_fargate:
                        return (
                            f"ResourceInitializationError: failed to validate logger args: {text}",
                            None,
                        )
                    return (
                        "Task failed to start",
                        "CannotStartContainerError: Error response from daemon: failed to "
                        f"initialize logging driver: {text}",
                    )
            for secret in container.definition.get("secrets") or ():
                if self.double.secret(region, secret["valueFrom"]) is None:
                    return (
                        "ResourceInitializationError: unable to pull secrets or registry auth: "
                        f"unable to retrieve secret {secret['valueFrom']}",
                        None,
                    )
        return None

    def fail_start(self, task, stopped_reason, reason):
        task.desired_status = "STOPPED"
        task.containers[0].reason = reason
        for container in task.containers:
            container.status = "STOPPED"
        self.stopping(task, "TaskFailedToStart", stopped_reason)

    def container_ended(self, task, container, exit_code, reason):
        """Called by the task's work; the end of an essential container is that of the task."""
        if container.status == "STOPPED":
            return
        if task.host and not task.host.is_connected:  # nobody hears of it before the agent is back
            task.untold.append((container, exit_code, reason))
            return
        container.status, container.exit_code, container.reason = "STOPPED", exit_code, reason
        task.change()
        left = [each for each in task.containers if each.status != "STOPPED"]
        is_end = container.is_essential or not left
        if is_end and task.desired_status == "RUNNING":
            self.end(
                task,
                task.outcome.stop_code or EXITED,
                task.outcome.stopped_reason or "Essential container in task exited",
            )
        elif not left and task.desired_status == "STOPPED" and task.stop_code:
            self.stopping(task, task.stop_code, task.stopped_reason)

    def end(self, task, code, reason):
        """An essential container ended: the others are stopped."""
        task.desired_status = "STOPPED"
        task.stop_code, task.stopped_reason = code, reason
        task.change("DEACTIVATING", "stoppingAt", "executionStoppedAt")
        if all(each.status == "STOPPED" for each in task.containers):
            self.stopping(task, code, reason)
        else:
            task.work.stop()

    def stop(self, task, reason):
        """StopTask: the tags go at once, the task ends when its containers have."""
        if task.last_status == "STOPPED" or task.desired_status == "STOPPED":
            return
        task.desired_status = "STOPPED"
        task.stop_code, task.stopped_reason = "UserInitiated", reason
        task.set_tags({})
        task.change(None, "stoppingAt")
        if not task.host or task.host.is_connected:
            self.kill(task)

    def kill(self, task):
        if task.work:
            task.change("DEACTIVATING")
            task.work.stop()
            return
        for container in task.containers:
            container.status = "STOPPED"
        self.stopping(task, task.stop_code, task.stopped_reason)

    def stopping(self, task, code, reason):
        """All containers have ended: through the last states to STOPPED."""
        task.stop_code, task.stopped_reason = code, reason
        self.cancel(task)
        task.change(
            "DEPROVISIONING" if task.last_status == "PROVISIONING" else "STOPPING",
            "stoppingAt",
            "executionStoppedAt",
        )
        task.timers.append(self.after("taskStopSeconds", lambda: self.stopped(task)))

    def stopped(self, task):
        for container in task.containers:
            container.status = "STOPPED"
        task.change("STOPPED", "stoppingAt", "stoppedAt")
        if task.interface:
            task.interface.subnet.free += 1
        if task.host:
            task.host.give_back(task)
        else:
            self.give_fargate_back(task)
        self.after("stoppedTaskSeconds", lambda: task.cluster.tasks.pop(task.arn, None))

    @staticmethod
    def give_fargate_back(task):
        ecs = task.cluster.region.ecs
        member = (
            "fargate_spot_capacity"
            if task.launch.get("capacityProvider") == "FARGATE_SPOT"
            else "fargate_capacity"
        )
        room = getattr(ecs, member)
        if room is not None:
            setattr(ecs, member, room + 1)

    def lose(self, task, reason, code="TerminationNotice"):
        """Its host is gone: no exit code is known."""
        if task.last_status == "STOPPED":
            return
        self.drop_work(task)
        self.cancel(task)
        task.desired_status = "STOPPED"
        if not task.stop_code:
            task.stop_code, task.stopped_reason = code, reason
        self.stopped(task)

    def interrupt(self, task):
        """Fargate Spot takes its capacity back: SIGTERM, then the end."""
        if task.desired_status == "STOPPED":
            return
        task.desired_status = "STOPPED"
        task.stop_code, task.stopped_reason = "SpotInterruption", "Your Spot Task was interrupted."
        task.change(None, "stoppingAt")
        self.kill(task)

    def drop_work(self, task):
        if task.work:
            task.work.drop()

    @staticmethod
    def cancel(task):
        for timer in task.timers:
            timer.cancel()
        task.timers.clear()

    def clear(self):
        """Ends every process: of a reset, and of the end of the double."""
        for task in self.double.tasks():
            self.drop_work(task)
