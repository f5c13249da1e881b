"""policy.json: what muster asks AWS for is allowed, and nothing else."""
import glob
import json
import os
import re
import unittest

import botocore.session

import iam
import place

# Service in actions: botocore's name of it.
SERVICES = {
    **{name: name for name in ("ec2", "ecr", "ecs", "iam", "logs", "pricing", "sqs", "ssm", "sts")},
    "elasticfilesystem": "efs",
    "servicequotas": "service-quotas",
}
SESSION = botocore.session.Session()
OPERATIONS = {
    service: set(SESSION.get_service_model(name).operation_names)
    for service, name in SERVICES.items()
}

# Not operations, or ones that Debian's botocore (of November 2022) does not know yet.
NOT_OPERATIONS = {"iam:PassRole"}
# Operations that another action's permission is for.
UNDER = {"sqs:DeleteMessageBatch": "sqs:DeleteMessage"}
NEWER = {"ecs:DeleteTaskDefinitions"}
# Nobody's policy has to allow them; AssumeRole is for environments in another account, which docs/aws.md has a statement for.
FREE = {"sts:GetCallerIdentity", "sts:AssumeRoleWithWebIdentity", "sts:AssumeRole"}
# Allowed although the code does not send it: what AWS asks for beside what is sent, and what the provider will send next.
BESIDE = {
    "ec2:CreateTags": "with tags of what is made",
    "iam:PassRole": "with instance profiles and roles of tasks",
}
NEXT = {
    "ec2:DescribeImages": "root devices of images",
    "ec2:DescribeInstanceStatus": "events that are announced",
    "ec2:DescribeInstanceTypeOfferings": "what a zone has",
    "ec2:DescribeInstanceTypes": "a live account's catalogue",
    "ec2:DescribeSpotPriceHistory": "prices of Spot",
    "ecs:DeleteTaskDefinitions": "collecting what is left",
    "ecs:DeregisterContainerInstance": "hosts that are lost",
    "ecs:DeregisterTaskDefinition": "collecting what is left",
    "ecs:ListTagsForResource": "whose a definition is",
    "ecs:ListTaskDefinitionFamilies": "collecting what is left",
    "ecs:ListTaskDefinitions": "collecting what is left",
    "ecs:PutAttributes": "where tasks go",
    "ecs:UpdateContainerInstancesState": "draining",
    "logs:GetLogEvents": "muster logs",
    "pricing:GetProducts": "prices",
    "ssm:GetParameters": "several images at once",
}
OWNER = {"aws:RequestTag/muster/installation": "0a1b"}
OWNED = {"aws:ResourceTag/muster/installation": "0a1b"}


def policy():
    return json.loads(place.read("deploy/aws/policy.json"))


def doctor():
    """Beside the policy: what only `muster doctor` asks for."""
    return json.loads(place.read("deploy/aws/doctor.json"))


def is_doctors(file):
    return "doctor" in os.path.basename(file)


def sent(of_doctor=False):
    """Each operation that is spelled in the code (the doctor's, or the rest), with the services that have one of
    that name."""
    found = {}
    for file in glob.glob(place.path("reconciler/**/*.c"), recursive=True):
        if file.endswith("/rate_limits.c"):  # names more than is sent
            continue
        if is_doctors(file) != of_doctor:
            continue
        with open(file, encoding="utf-8") as text:
            for name in re.findall(r'"([A-Z][A-Za-z]+)"', text.read()):
                services = {service for service in SERVICES if name in OPERATIONS[service]}
                if services:
                    found.setdefault(name, set()).update(services)
    return found


class Actions(unittest.TestCase):
    def test_known(self):
        """each action of the policies is an operation of its service"""
        for action in set(iam.actions(policy()) + iam.actions(doctor())) - NOT_OPERATIONS - NEWER:
            service, name = action.split(":")
            self.assertIn(name, OPERATIONS[service], action)

    def test_sent(self):
        """each operation that the code can send is allowed"""
        found = sent()
        self.assertIn("RunTask", found)
        allowed = set(iam.actions(policy())) | FREE
        for name, services in found.items():
            actions = {UNDER.get(f"{service}:{name}", f"{service}:{name}") for service in services}
            self.assertTrue(actions & allowed, f"{name} is sent and not allowed")

    def test_least(self):
        """each action of the policy is sent, or is said to come"""
        found, doctors = sent(), sent(of_doctor=True)
        for action in iam.actions(policy()):
            service, name = action.split(":")
            sent_as = [*found, *doctors]
            is_sent = service in found.get(name, ()) or service in doctors.get(name, ())
            is_sent |= any(UNDER.get(f"{service}:{each}") == action for each in sent_as)
            said = action in BESIDE or action in NEXT
            self.assertTrue(is_sent or said, f"{action} is allowed and never sent")

    def test_doctor(self):
        """what the doctor sends is allowed by both policies, and its own allows nothing that it does not send"""
        found = sent(of_doctor=True)
        self.assertIn("SimulatePrincipalPolicy", found)
        own = iam.actions(doctor())
        for name, services in found.items():
            actions = {UNDER.get(f"{service}:{name}", f"{service}:{name}") for service in services}
            self.assertTrue(
                actions & (set(own) | set(iam.actions(policy())) | FREE), f"{name} is not allowed"
            )
        for action in own:
            service, name = action.split(":")
            self.assertIn(service, found.get(name, ()), f"{action} is never sent")

    def test_doctor_reads(self):
        """the doctor's own policy changes nothing"""
        for action in iam.actions(doctor()):
            self.assertRegex(action, ":(Describe|Get|List|Simulate)")

    def test_documented(self):
        """docs/aws.md tells of each action, and of no other"""
        text = place.read("docs/aws.md")
        section = text[text.index("\n## Permissions") :].split("\n## ", 2)[1]
        told = set(
            re.findall(
                r"`((?:%s):[A-Z]\w+)`" % "|".join(SERVICES),
                section.split("### In other accounts")[0],
            )
        )
        self.assertEqual(told - FREE, set(iam.actions(policy()) + iam.actions(doctor())))

    def test_size(self):
        """it fits into a managed policy, in the partition with the longest name"""
        text = place.read("deploy/aws/policy.json").replace("arn:*:", "arn:aws-us-gov:")
        text = text.replace(":iam::*:", ":iam::123456789012:")
        self.assertLessEqual(len(re.sub(r"\s", "", text)), 6144)

    def test_names(self):
        """its tag, prefixes and log group are those of the code"""
        text = place.read("deploy/aws/policy.json")
        tags = set(re.findall(r'"aws:(?:Request|Resource)Tag/([^"]*)"', text))
        self.assertEqual(tags, {place.defined("aws_internal.h", "TAG_INSTALL")})
        cluster = place.defined("aws_internal.h", "CLUSTER_PREFIX")
        for kind in ("cluster/", "container-instance/", "task/"):
            for name in re.findall(rf'ecs:\*:\*:{kind}([^"*]*)', text):
                self.assertEqual(name, cluster)
        families = set(re.findall(r'task-definition/([^"*]*)\*', text))
        self.assertEqual(families, {place.defined("task_definition.c", "FAMILY_PREFIX")})
        groups = set(re.findall(r'log-group:([^"*]*)\*', text))
        self.assertEqual(groups, {place.defined("aws_internal.h", "LOG_GROUP")})


class Decisions(unittest.TestCase):
    """What it comes to, in each partition."""

    def ask(self, wanted, action, kind, context=None):
        service = action.split(":")[0]
        for partition in place.PARTITIONS:
            account = (
                "" if kind.startswith(("image/", "snapshot/", "parameter/aws/")) else "123456789012"
            )
            region = "" if service == "iam" else place.REGIONS[partition]
            arn = f"arn:{partition}:{service}:{region}:{account}:{kind}"
            self.assertEqual(
                iam.allows(policy(), action, arn, context),
                wanted,
                f"{action} on {arn} with {context}",
            )

    def test_launch(self):
        """machines are launched with the owner's tag only, from anything"""
        for kind in (
            "image/ami-1",
            "snapshot/snap-1",
            "subnet/s",
            "security-group/g",
            "network-interface/e",
            "placement-group/p",
            "key-pair/k",
        ):
            self.ask(True, "ec2:RunInstances", kind)
            self.ask(True, "ec2:CreateFleet", kind)
        for kind in ("instance/i", "volume/v"):
            self.ask(True, "ec2:RunInstances", kind, OWNER)
            self.ask(False, "ec2:RunInstances", kind)
            self.ask(False, "ec2:RunInstances", kind, {"aws:RequestTag/muster/intent": "0a1b"})
        for action, kind in (
            ("ec2:CreateFleet", "fleet/f"),
            ("ec2:CreateLaunchTemplate", "launch-template/t"),
        ):
            self.ask(True, action, kind, OWNER)
            self.ask(False, action, kind)
        for action in ("ec2:RunInstances", "ec2:CreateFleet", "ec2:DeleteLaunchTemplate"):
            self.ask(True, action, "launch-template/t", OWNED)
            self.ask(False, action, "launch-template/t")

    def test_end(self):
        """nothing foreign is ended, deleted or tagged"""
        self.ask(True, "ec2:TerminateInstances", "instance/i", OWNED)
        self.ask(False, "ec2:TerminateInstances", "instance/i")
        self.ask(
            False, "ec2:TerminateInstances", "instance/i", {"aws:ResourceTag/Name": "muster-here"}
        )
        self.ask(True, "ec2:CreateTags", "instance/i", {"ec2:CreateAction": "RunInstances"})
        self.ask(True, "ec2:CreateTags", "instance/i", OWNED)
        self.ask(False, "ec2:CreateTags", "instance/i", OWNER)
        self.ask(False, "ec2:CreateTags", "vpc/v", {"ec2:CreateAction": "CreateVpc"})
        self.ask(False, "ec2:StopInstances", "instance/i", OWNED)
        self.ask(True, "ecs:DeleteCluster", "cluster/muster-here", OWNED)
        self.ask(False, "ecs:DeleteCluster", "cluster/muster-here")
        self.ask(False, "ecs:DeleteCluster", "cluster/shop", OWNED)
        self.ask(True, "ecs:TagResource", "cluster/muster-here", OWNED)
        self.ask(True, "ecs:UntagResource", "cluster/muster-here", OWNED)
        self.ask(
            True, "ecs:TagResource", "cluster/muster-here", {"ecs:CreateAction": "CreateCluster"}
        )
        self.ask(False, "ecs:TagResource", "cluster/muster-here")
        self.ask(True, "ecs:StopTask", "task/muster-here/0a1b")
        self.ask(False, "ecs:StopTask", "task/shop/0a1b")

    def test_tasks(self):
        """tasks are those of muster's definitions, with the owner's tag"""
        self.ask(True, "ecs:CreateCluster", "cluster/muster-here", OWNER)
        self.ask(False, "ecs:CreateCluster", "cluster/muster-here")
        self.ask(True, "ecs:RegisterTaskDefinition", "task-definition/muster-align:*", OWNER)
        self.ask(False, "ecs:RegisterTaskDefinition", "task-definition/muster-align:*")
        self.ask(True, "ecs:RunTask", "task-definition/muster-align:3", OWNER)
        self.ask(False, "ecs:RunTask", "task-definition/muster-align:3")
        self.ask(False, "ecs:RunTask", "task-definition/shop:3", OWNER)
        self.ask(True, "ecs:TagResource", "task/muster-here/0a1b", {"ecs:CreateAction": "RunTask"})
        self.ask(
            True,
            "ecs:TagResource",
            "task-definition/muster-align:3",
            {"ecs:CreateAction": "RegisterTaskDefinition"},
        )
        self.ask(
            False, "ecs:TagResource", "service/shop/web", {"ecs:CreateAction": "CreateService"}
        )
        self.ask(False, "ecs:ExecuteCommand", "task/muster-here/0a1b", OWNED)

    def test_roles(self):
        """roles are handed on to whom they are for, the controller's to nobody"""
        ec2, tasks = (
            {"iam:PassedToService": name}
            for name in ("ec2.amazonaws.com", "ecs-tasks.amazonaws.com")
        )
        for name in place.PRINCIPALS.values():
            self.ask(True, "iam:PassRole", "role/muster-instance", {"iam:PassedToService": name})
        self.ask(False, "iam:PassRole", "role/muster-instance", tasks)
        self.ask(False, "iam:PassRole", "role/muster-instance")
        for role in ("role/muster-execution", "role/muster-job-align"):
            self.ask(True, "iam:PassRole", role, tasks)
            self.ask(False, "iam:PassRole", role, ec2)
        for role in ("role/muster-controller", "role/admin", "role/muster-execution-2"):
            for context in (ec2, tasks, {"iam:PassedToService": "lambda.amazonaws.com"}):
                self.ask(False, "iam:PassRole", role, context)
        self.ask(True, "iam:GetInstanceProfile", "instance-profile/muster-instance")
        self.ask(False, "iam:CreateRole", "role/muster-instance")

    def test_reading(self):
        """it reads AWS's own parameters and its jobs' logs, no other's"""
        self.ask(
            True,
            "ssm:GetParameter",
            "parameter/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id",
        )
        self.ask(False, "ssm:GetParameter", "parameter/shop/password")
        self.ask(True, "logs:CreateLogGroup", "log-group:/aws/batch/job")
        self.ask(
            True, "logs:GetLogEvents", "log-group:/aws/batch/job:log-stream:align/default/0a1b"
        )
        self.ask(False, "logs:GetLogEvents", "log-group:/shop:log-stream:web")
        self.ask(True, "ec2:DescribeInstances", "instance/*")
