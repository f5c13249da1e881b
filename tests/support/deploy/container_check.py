"""Containerfile: what it copies is enough to build, what it installs is what the program is linked against, and how it runs."""
import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import place

NEVER = re.compile(r"(?i)secret|token|password|access_key|credential")


def stages():
    """Of each stage its instructions, (word, rest), with lines joined and comments left out."""
    text = re.sub(r"^#.*\n", "", place.read("deploy/Containerfile"), flags=re.M)
    lines = re.sub(r"\\\n", " ", text).splitlines()
    found = []
    for word, _, rest in (line.strip().partition(" ") for line in lines if line.strip()):
        if word == "FROM":
            found.append([])
        if found:
            found[-1].append((word, rest))
    return found


def installed(stage):
    """Names of the packages that it installs."""
    names = []
    for word, rest in stage:
        if word == "RUN" and "apt-get install" in rest:
            words = rest.split("apt-get install", 1)[1].split("&&")[0].split()
            names += [name for name in words if not name.startswith("-")]
    return names


def one(stage, word):
    (rest,) = [rest for name, rest in stage if name == word]
    return rest


class Container(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.work)

    @unittest.skipUnless(shutil.which("dpkg") and shutil.which("objdump"), "not on Debian")
    def test_libraries(self):
        """the last stage installs every library that the program is linked against"""
        if os.environ.get("MUSTER_TEST_VARIANT"):
            self.skipTest("sanitizers bring their own")
        packages = set(installed(stages()[-1]))
        for program in ("muster", "muster-launcher"):
            heads = subprocess.run(
                ["objdump", "-p", os.path.join(place.BUILD, program)],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            ).stdout
            needed = re.findall(r"NEEDED\s+(\S+)", heads)
            self.assertTrue(needed)
            for library in needed:
                owners = subprocess.run(
                    ["dpkg", "-S", f"*-linux-gnu/{library}"],
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                ).stdout
                names = {line.split(":")[0] for line in owners.splitlines()}
                self.assertTrue(names & (packages | {"libc6"}), f"{library} of {names}")

    def test_headers(self):
        """the first stage installs what the Makefile says that compiling needs"""
        make = place.read("Makefile").replace("\\\n", " ")
        wanted = set(re.search(r"^DEBIAN_DEPS *:= (.*)$", make, re.M).group(1).split())
        wanted = {name for name in wanted if name.endswith("-dev")} | {"gcc", "make", "pkg-config"}
        self.assertLessEqual(wanted, set(installed(stages()[0])))

    def test_copied(self):
        """what is copied is enough for make install"""
        for word, rest in stages()[0]:
            if word != "COPY":
                continue
            *sources, target = rest.split()
            for source in sources:
                to = os.path.join(self.work, target, "") + (
                    "" if os.path.isdir(place.path(source)) else os.path.basename(source)
                )
                os.makedirs(os.path.dirname(to), exist_ok=True)
                if os.path.isdir(place.path(source)):
                    shutil.copytree(place.path(source), to, dirs_exist_ok=True)
                else:
                    shutil.copy(place.path(source), to)
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "BUILD")
        }
        done = subprocess.run(
            ["make", "-n", "install", "DESTDIR=/made"],
            cwd=self.work,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.assertEqual(done.returncode, 0, done.stdout[-500:])
        have = {
            os.path.relpath(file, self.work)
            for file in glob.glob(self.work + "/**/*", recursive=True)
        }
        for folder in ("spec", "reconciler", "schemas", "docs/man"):
            for file in glob.glob(place.path(folder, "**/*"), recursive=True):
                self.assertIn(os.path.relpath(file, place.ROOT), have)

    def test_runs(self):
        """it runs as a user of its own, with its state in a volume, and holds no secret"""
        stage = stages()[-1]
        user, group = map(int, one(stage, "USER").split(":"))
        self.assertGreater(min(user, group), 0)
        state = one(stage, "VOLUME")
        self.assertIn(f"MUSTER_STATE={state}", one(stage, "ENV").split())
        last = [word for word, _ in stage]
        self.assertGreater(
            last.index("USER"), max(at for at, word in enumerate(last) if word in ("RUN", "COPY"))
        )
        for stage in stages():
            for word, rest in stage:
                if word in ("ARG", "ENV", "COPY", "ADD", "LABEL"):
                    self.assertNotRegex(rest, NEVER)
        for name in ("ca-certificates", "git", "openssh-client", "gpg"):
            self.assertIn(name, installed(stages()[-1]))

    def test_health(self):
        """its health check asks a daemon, and fails where none answers"""
        check = one(stages()[-1], "HEALTHCHECK").split("CMD ", 1)[1]
        state = os.path.join(self.work, "state")
        os.mkdir(state)
        environment = {
            **os.environ,
            "MUSTER_STATE": state,
            "PATH": place.BUILD + ":" + os.environ["PATH"],
        }

        def is_healthy():
            return (
                subprocess.run(
                    check,
                    shell=True,
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                ).returncode
                == 0
            )

        self.assertFalse(is_healthy(), "without a state")
        daemon = subprocess.Popen(
            [os.path.join(place.BUILD, "muster"), "serve"],
            env=environment,
            cwd=state,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            for line in daemon.stdout:
                if f"serving {state}/muster.sock" in line:
                    break
            self.assertTrue(is_healthy(), "with a daemon")
        finally:
            daemon.terminate()
            daemon.stdout.close()
            daemon.wait()
        self.assertFalse(is_healthy(), "with a state, and without a daemon")
