"""How tasks run and end: rules of a test, by family, command, environment and tags; and work that
only takes time."""
import fnmatch

from errors import ControlError

OOM = "OutOfMemoryError: Container killed due to memory usage"


def merged_command(container):
    return container.override.get("command") or container.definition.get("command") or []


def merged_environment(container):
    """{name: value}, the override's over the definition's."""
    environment = {
        each["name"]: each.get("value", "")
        for each in container.definition.get("environment") or ()
    }
    environment.update(
        {
            each["name"]: each.get("value", "")
            for each in container.override.get("environment") or ()
        }
    )
    return environment


class Outcome:
    """One rule. What it does not say is as the settings say."""

    MATCHERS = {"family", "command", "environment", "startedBy", "group", "cluster", "task", "tags"}
    MEMBERS = {
        "runner",
        "seconds",
        "exitCode",
        "reason",
        "oom",
        "stopCode",
        "stoppedReason",
        "startFault",
        "staysPending",
        "startSeconds",
        "stopSeconds",
        "stopExitCode",
        "containers",
        "lines",
    }

    def __init__(self, given, settings):
        self.match = given.get("match") or {}
        unknown = (set(given) - self.MEMBERS - {"match", "count"}) | (
            set(self.match) - self.MATCHERS
        )
        if unknown:
            raise ControlError(f"an outcome has no {sorted(unknown)}")
        self.count = given.get("count")
        self.runner = given.get("runner", settings["runner"])
        self.seconds = given.get("seconds", settings["taskSeconds"])
        self.exit_code = 137 if given.get("oom") else given.get("exitCode", 0)
        self.reason = OOM if given.get("oom") else given.get("reason")
        self.stop_code = given.get("stopCode")
        self.stopped_reason = given.get("stoppedReason")
        self.stays_pending = given.get("staysPending", False)
        self.start_seconds = given.get("startSeconds")
        self.stop_seconds = given.get("stopSeconds", 0.0)
        self.stop_exit_code = given.get("stopExitCode", 143)
        self.containers = given.get("containers") or {}
        self.lines = given.get("lines") or []
        fault = given.get("startFault")
        self.start_fault = (
            (given.get("stoppedReason") or "Task failed to start", fault) if fault else None
        )

    def fits(self, task):
        facts = {
            "family": task.definition["family"],
            "command": " ".join(merged_command(task.containers[0])),
            "startedBy": task.started_by or "",
            "group": task.group,
            "cluster": task.cluster.name,
            "task": task.id,
        }
        for name, pattern in self.match.items():
            if name in ("environment", "tags"):
                there = (
                    merged_environment(task.containers[0]) if name == "environment" else task.tags
                )
                if not all(
                    key in there and fnmatch.fnmatchcase(there[key], each)
                    for key, each in pattern.items()
                ):
                    return False
            elif not fnmatch.fnmatchcase(facts[name], pattern):
                return False
        return True


class Outcomes:
    """The rules in force; the newest that fits counts."""

    def __init__(self, settings):
        self.settings = settings
        self.rules = []

    def add(self, given):
        self.rules.append(Outcome(given, self.settings))

    def of(self, task):
        for rule in reversed(self.rules):
            if not rule.fits(task):
                continue
            if rule.count is not None:
                rule.count -= 1
                if rule.count <= 0:
                    self.rules.remove(rule)
            return rule
        return Outcome({}, self.settings)


class TimerWork:
    """Containers that take their time and end as the outcome says."""

    def __init__(self, agents, task):
        self.agents = agents
        self.task = task
        self.timers = []

    def begin(self):
        for container in self.task.containers:
            own = self.task.outcome.containers.get(container.name, {})
            seconds = own.get("seconds", self.task.outcome.seconds)
            self.agents.double.log_lines(container, self.task.outcome.lines)
            if seconds is not None:
                self.timers.append(
                    self.agents.double.clock.after(seconds, self.ending(container, own))
                )

    def ending(self, container, own):
        outcome = self.task.outcome
        code, reason = own.get("exitCode", outcome.exit_code), own.get("reason", outcome.reason)
        return lambda: self.agents.container_ended(self.task, container, code, reason)

    def stop(self):
        """SIGTERM: the containers left end in their time, or by SIGKILL after their stopTimeout."""
        self.drop()
        outcome = self.task.outcome
        for container in self.task.containers:
            limit = (
                container.definition.get("stopTimeout")
                or self.agents.double.settings["stopTimeoutSeconds"]
            )
            is_late = outcome.stop_seconds > limit
            code = 137 if is_late else outcome.stop_exit_code
            seconds = min(outcome.stop_seconds, limit)
            self.timers.append(
                self.agents.double.clock.after(seconds, self.stopped(container, code))
            )

    def stopped(self, container, code):
        return lambda: self.agents.container_ended(self.task, container, code, None)

    def drop(self):
        for timer in self.timers:
            timer.cancel()
        self.timers.clear()
