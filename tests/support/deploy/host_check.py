"""host.yaml: what it makes, and what its machine does when it starts (with stand-ins for the programs that it calls)."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import botocore.session

import cloudformation
import iam
import place

GIVEN = {
    "Vpc": "vpc-1",
    "Subnet": "subnet-1",
    "Zone": "us-east-1a",
    "Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/muster:1",
    "MachineImage": "ami-1",
    "Source": "git+https://git.example.org/team/jobs.git@main:envs/prod",
}
# What the agent of Session Manager calls; no model has it.
SESSIONS = re.compile("ssmmessages:|ssm:UpdateInstanceInformation$")
USER_DATA_MAX = 16384

# Each writes what it was asked for into $LOG. What the paths of the machine are to them is below $ROOT.
STAND_INS = {
    "curl": 'case "$*" in *api/token*) echo TOKEN ;; *"aws-ec2-metadata-token: TOKEN"*instance-id*) echo i-0123 ;; *) exit 22 ;; esac',
    "aws": 'case "$*" in *attach-volume*) n=$(cat $LOG.tries 2>/dev/null || echo 0); echo $((n + 1)) >$LOG.tries; [ $n -ge ${BUSY:-0} ] || exit 254 ;; *get-login-password*) echo SECRET ;; esac',
    "blkid": "exit ${FOUND:-2}",
    "mkfs.xfs": "",
    "mount": "[ -z ${BROKEN:-} ]",
    "chown": "",
    "dnf": "",
    "systemctl": "",
    "sleep": "",
    "docker": """case "$*" in "exec muster muster status"*) echo '{"mode": "serve"}' ;; login*) cat >$LOG.password; echo kept >$(dirname $LOG)/root/.docker/config.json ;; esac""",
    "cfn-signal": "",
}


def stack(partition="aws", **given):
    template = cloudformation.load(place.path("deploy/aws/host.yaml"))
    return cloudformation.Stack(
        template, {**GIVEN, **given}, partition, place.REGIONS[partition], "hpc"
    )


def launched(made):
    return made.resources("AWS::EC2::LaunchTemplate")["Template"]["LaunchTemplateData"]


class Template(unittest.TestCase):
    def test_resolves(self):
        """every reference of host.yaml leads somewhere, in each partition"""
        for partition in place.PARTITIONS:
            for volume in ("", "vol-0123"):
                made = stack(partition, ExistingVolume=volume)
                made.check()
                text = str(made.resources("AWS::IAM::Policy"))
                self.assertEqual(
                    {part.split(":")[0] for part in text.split("arn:")[1:]}, {partition}
                )

    def test_volume(self):
        """the volume stays when the stack goes, and is encrypted; an older one is taken"""
        volume = stack().template["Resources"]["State"]
        self.assertEqual(
            (volume["DeletionPolicy"], volume["UpdateReplacePolicy"]), ("Retain", "Retain")
        )
        self.assertIs(volume["Properties"]["Encrypted"], True)
        self.assertEqual(stack(ExistingVolume="vol-0123").resources("AWS::EC2::Volume"), {})
        policy = stack(ExistingVolume="vol-0123").resources("AWS::IAM::Policy")["Machine"][
            "PolicyDocument"
        ]
        arn = "arn:aws:ec2:us-east-1:123456789012:"
        self.assertTrue(iam.allows(policy, "ec2:AttachVolume", arn + "volume/vol-0123"))
        self.assertFalse(iam.allows(policy, "ec2:AttachVolume", arn + "volume/vol-4567"))
        self.assertTrue(
            iam.allows(
                policy,
                "ec2:AttachVolume",
                arn + "instance/i",
                {"aws:ResourceTag/muster/host": "hpc"},
            )
        )
        self.assertFalse(iam.allows(policy, "ec2:AttachVolume", arn + "instance/i"))

    def test_closed(self):
        """nothing comes in; credentials need a token and do not go further than the machine"""
        made = stack()
        (group,) = made.resources("AWS::EC2::SecurityGroup").values()
        self.assertNotIn("SecurityGroupIngress", group)
        self.assertEqual({rule["FromPort"] for rule in group["SecurityGroupEgress"]}, {22, 443})
        kinds = {resource["Type"] for resource in made.template["Resources"].values()}
        self.assertNotIn("AWS::EC2::SecurityGroupIngress", kinds)
        data = launched(made)
        self.assertEqual(data["MetadataOptions"]["HttpTokens"], "required")
        self.assertEqual(data["MetadataOptions"]["HttpPutResponseHopLimit"], 1)
        self.assertNotIn("KeyName", data)
        self.assertTrue(all(mapping["Ebs"]["Encrypted"] for mapping in data["BlockDeviceMappings"]))

    def test_actions(self):
        """what the machine may besides is spelled as AWS does, and reads no parameter"""
        session = botocore.session.Session()
        (policy,) = stack().resources("AWS::IAM::Policy").values()
        for action in iam.actions(policy["PolicyDocument"]):
            service, name = action.split(":")
            if not SESSIONS.match(action):
                self.assertIn(name, session.get_service_model(service).operation_names)
            self.assertNotRegex(action, "^ssm:Get")

    def test_patterns(self):
        """what is given can say nothing to the shell or to systemd"""
        for name in ("Image", "Source", "ExistingVolume"):
            pattern = stack().template["Parameters"][name]["AllowedPattern"]
            self.assertTrue(re.match(pattern, {**GIVEN, "ExistingVolume": "vol-0123"}[name]))
            for bad in "'\"$`\\;&|<>()%*? \n":
                for text in (bad, f"git+a{bad}b", f"a{bad}b", f"vol-0{bad}1"):
                    self.assertFalse(re.fullmatch(pattern, text), f"{name}: {text!r}")


class Machine(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)
        os.makedirs(self.root + "/bin")
        for folder in (
            "/etc/systemd/system",
            "/var/lib",
            "/usr/local/bin",
            "/root/.docker",
            "/dev/disk/by-id",
            "/opt/aws/bin",
        ):
            os.makedirs(self.root + folder)
        self.log = self.root + "/log"
        open(self.log, "w").close()
        for name, does in STAND_INS.items():
            file = f"{self.root}/bin/{name}"
            with open(file, "w") as out:
                out.write(f'#!/bin/sh\necho "{name} $*" >>"$LOG"\n{does}\n')
            os.chmod(file, 0o755)
        os.symlink("../../../bin/cfn-signal", self.root + "/opt/aws/bin/cfn-signal")

    def moved(self, text):
        """The script with its paths below root, but for what it writes into files."""
        lines, is_file = [], False
        for line in text.splitlines():
            is_file = line != "END" and (is_file or line.endswith("<<'END'"))
            is_first = line.endswith("<<'END'")
            moved = re.sub(
                r"(?<![\w/.:])/(?=(etc|usr/local|root|dev/disk|opt|var/lib)\b)",
                self.root + "/",
                line,
            )
            lines.append(line if is_file and not is_first else moved)
            if not is_file or is_first:
                # As root this would really happen.
                self.assertNotRegex(
                    moved.replace(self.root, "ROOT"), r"(?<!ROOT)/(etc|usr|root|opt|var|home|boot)/"
                )
        return "\n".join(lines)

    def start(self, volume="vol-0123", has_device=True, **environment):
        """Exit code, what was called in its order."""
        script = self.moved(launched(stack(ExistingVolume=volume))["UserData"])
        name = (volume or "id-of-State").replace("-", "")
        if has_device:
            open(f"{self.root}/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{name}", "w").close()
        environment = {"PATH": f"{self.root}/bin:/usr/bin:/bin", "LOG": self.log, **environment}
        done = subprocess.run(
            ["bash", "-c", script],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        with open(self.log) as file:
            calls = [line.replace(self.root, "").rstrip("\n") for line in file]
        self.said = done.stdout
        return done.returncode, calls

    def signal(self, calls):
        return [call for call in calls if call.startswith("cfn-signal")]

    def test_size(self):
        """it is as short as EC2 takes"""
        self.assertLess(len(launched(stack())["UserData"].encode()), USER_DATA_MAX)

    def test_first(self):
        """a new volume is formatted once, then muster is started and the stack told"""
        code, calls = self.start(volume="", FOUND="2")
        self.assertEqual(code, 0, self.said)
        order = [
            next(at for at, call in enumerate(calls) if call.startswith(what))
            for what in (
                "aws ec2 attach-volume",
                "mkfs.xfs",
                "mount /var/lib/muster",
                "dnf",
                "docker pull",
                "systemctl enable --now muster",
                "cfn-signal --exit-code 0",
            )
        ]
        self.assertEqual(order, sorted(order))
        self.assertIn("--volume-id id-of-State --instance-id i-0123", calls[order[0]])
        self.assertEqual(len(self.signal(calls)), 1)

    def test_again(self):
        """a volume with a state is never formatted"""
        for volume, found in (("", "0"), ("", "8"), ("vol-0123", "0"), ("vol-0123", "2")):
            code, calls = self.start(volume=volume, FOUND=found)
            self.assertEqual(code, 0, self.said)
            self.assertFalse(
                [call for call in calls if call.startswith("mkfs")], f"{volume} {found}"
            )

    def test_busy(self):
        """a volume that the machine before still has is waited for"""
        code, calls = self.start(BUSY="5")
        self.assertEqual(code, 0, self.said)
        self.assertEqual(len([call for call in calls if "attach-volume" in call]), 6)

    def test_never(self):
        """without its volume nothing is formatted, mounted or started, and the stack is told why"""
        for given, why in (
            ({"BUSY": "1000"}, "attaching vol-0123"),
            ({"has_device": False}, "attaching vol-0123"),
            ({"BROKEN": "1"}, "mounting vol-0123"),
        ):
            open(self.log, "w").close()
            for left in os.listdir(self.root + "/dev/disk/by-id"):
                os.remove(f"{self.root}/dev/disk/by-id/{left}")
            code, calls = self.start(**given)
            self.assertNotEqual(code, 0)
            self.assertFalse(
                [call for call in calls if call.startswith(("mkfs", "docker", "systemctl enable"))],
                str(calls),
            )
            (told,) = self.signal(calls)
            self.assertIn("--exit-code 1", told)
            self.assertIn(why, told)

    def test_unit(self):
        """systemd starts the container with the state and nothing more"""
        code, calls = self.start(volume="")
        with open(self.root + "/etc/systemd/system/muster.service") as file:
            unit = file.read()
        start = re.search(r"^ExecStart=((?:.*\\\n)*.*)$", unit, re.M).group(1).replace("\\\n", "")
        words = start.split()
        self.assertEqual(words[:2], ["/usr/bin/docker", "run"])
        self.assertEqual(words[words.index("--volume") + 1], "/var/lib/muster:/var/lib/muster")
        self.assertEqual(words.count("--volume"), 1)
        self.assertIn("--read-only", words)
        self.assertEqual(words[-2:], ["serve", GIVEN["Source"]])
        self.assertIn(f"'{GIVEN['Image']}'", words)
        self.assertIn("AssertPathIsMountPoint=/var/lib/muster", unit)
        with open(self.root + "/etc/fstab") as file:
            self.assertRegex(
                file.read(),
                r"^\S*by-id/nvme-Amazon_Elastic_Block_Store_idofState \S*/var/lib/muster xfs \S*nofail\S* 0 2\n$",
            )
        owner = next(call for call in calls if call.startswith("chown")).split()[1]
        self.assertIn(f"USER {owner}\n", place.read("deploy/Containerfile"))

    def test_secret(self):
        """the registry's password stands in no command line, and is not kept"""
        _, calls = self.start()
        self.assertFalse([call for call in calls if "SECRET" in call])
        with open(self.log + ".password") as file:
            self.assertEqual(file.read(), "SECRET\n")
        self.assertFalse(os.path.exists(self.root + "/root/.docker/config.json"))
