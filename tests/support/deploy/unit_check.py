"""docs/muster.service and deploy/systemd/: systemd knows every word of them, and what they leave open is measured."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import place

# What systemd 252 says ("systemd-analyze security"), rounded up: more than that is a step back.
OPEN = {"muster": 8.5, "elsewhere": 1.5}
# What would take something away from jobs of the local provider: /tmp of those that outlive the daemon, devices, containers, programs of another user.
KEEPS = (
    "PrivateTmp",
    "PrivateDevices",
    "ProtectClock",
    "NoNewPrivileges",
    "ProtectControlGroups",
    "RestrictNamespaces",
    "ProtectHome",
    "MemoryDenyWriteExecute",
    "UMask",
    "ProtectProc",
    "ProtectKernelLogs",
    "ProtectKernelTunables",
    "RestrictSUIDSGID",
    "SystemCallFilter",
    "User",
    "DynamicUser",
)


def units():
    """muster.service by itself, and with the file for daemons whose jobs run elsewhere."""
    unit = place.read("docs/muster.service")
    service = place.read("deploy/systemd/elsewhere.conf").split("[Service]\n", 1)[1]
    return {"muster": unit, "elsewhere": f"{unit}\n[Service]\n{service}"}


def said(unit, name):
    """What counts of a setting: the last one."""
    return (re.findall(rf"^{name}=(.*)$", unit, re.M) or [None])[-1]


class Units(unittest.TestCase):
    def analyze(self, *arguments):
        """For each unit: exit code and what was said."""
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not installed")
        found = {}
        with tempfile.TemporaryDirectory() as folder:
            for name, unit in units().items():
                file = os.path.join(folder, f"{name}.service")
                with open(file, "w") as out:
                    out.write(
                        unit.replace("/usr/local/bin/muster", os.path.join(place.BUILD, "muster"))
                    )
                done = subprocess.run(
                    ["systemd-analyze", *arguments, file],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
                found[name] = (done.returncode, done.stdout)
        return found

    def test_known(self):
        """systemd knows each of their settings"""
        for name, (code, text) in self.analyze("verify", "--man=no").items():
            ours = [line for line in text.splitlines() if name in line]
            self.assertEqual((code, ours), (0, []))

    def test_open(self):
        """they leave no more open than they did"""
        for name, (_, text) in self.analyze("security", "--offline=true", "--no-pager").items():
            exposure = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", text).group(1))
            self.assertLessEqual(exposure, OPEN[name], name)

    def test_jobs(self):
        """jobs of the local provider keep what they need, and outlive the daemon"""
        unit = units()["muster"]
        for name in KEEPS:
            self.assertIsNone(said(unit, name), name)
        wanted = {
            "KillMode": "process",
            "Delegate": "yes",
            "OOMPolicy": "continue",
            "TasksMax": "infinity",
        }
        for name, value in wanted.items():
            self.assertEqual(said(unit, name), value)
        self.assertRegex(
            said(unit, "ProtectSystem"), "^(yes|full)$"
        )  # strict: results could be written nowhere
        # A job that names a user passes through the state to its directory.
        self.assertTrue(int(said(unit, "StateDirectoryMode"), 8) & 0o001)
        closed = re.findall(r"^ExecStartPre=/usr/bin/install -d -m (\d+) (.*)$", unit, re.M)
        modes = {path: int(mode, 8) for mode, paths in closed for path in paths.split()}
        self.assertEqual(
            modes,
            {
                "/var/lib/muster/work": 0o711,
                "/var/lib/muster/workspaces": 0o711,
                "/var/lib/muster/logs": 0o700,
            },
        )

    def test_elsewhere(self):
        """where jobs run elsewhere the daemon has no privilege, and nothing outlives it"""
        unit = units()["elsewhere"]
        wanted = {
            "DynamicUser": "yes",
            "CapabilityBoundingSet": "",
            "KillMode": "mixed",
            "Delegate": "no",
            "ProtectSystem": "strict",
        }
        for name, value in wanted.items():
            self.assertEqual(said(unit, name), value)
