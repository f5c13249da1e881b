"""roles.yaml and roles.tf: the same roles, in each partition."""
import itertools
import json
import unittest

import cloudformation
import iam
import place
import terraform

TRUSTED = {"": "nobody", "arn:aws:iam::123456789012:role/ci": "a role"}
DOCTOR = {True: "yes", False: "no"}  # as Terraform has it and as CloudFormation does


def by_name(items, key):
    return {item[key]: item for item in items.values()}


def template_roles(stack):
    """Name → trust, what is attached; profiles → role."""
    policies = {
        item["ManagedPolicyName"]: item["PolicyDocument"]
        for item in stack.resources("AWS::IAM::ManagedPolicy").values()
    }
    roles = {
        name: {
            "trust": iam.canonical(role["AssumeRolePolicyDocument"]),
            "attached": sorted(
                iam.canonical(policies[arn])["Statement"].__repr__() if arn in policies else arn
                for arn in role["ManagedPolicyArns"]
            ),
            "description": role["Description"],
        }
        for name, role in by_name(stack.resources("AWS::IAM::Role"), "RoleName").items()
    }
    profiles = {
        profile["InstanceProfileName"]: profile["Roles"]
        for profile in stack.resources("AWS::IAM::InstanceProfile").values()
    }
    return roles, profiles


def module_roles(module):
    policies = {
        f"arn:{module.partition}:iam::{module.account}:policy/{item['name']}": item["policy"]
        for item in module.resources("aws_iam_policy").values()
    }
    attached = {}
    for item in module.resources("aws_iam_role_policy_attachment").values():
        arn = item["policy_arn"]
        text = (
            iam.canonical(json.loads(policies[arn]))["Statement"].__repr__()
            if arn in policies
            else arn
        )
        attached.setdefault(item["role"], []).append(text)
    roles = {
        name: {
            "trust": iam.canonical(json.loads(role["assume_role_policy"])),
            "attached": sorted(attached.get(name, [])),
            "description": role["description"],
        }
        for name, role in by_name(module.resources("aws_iam_role"), "name").items()
    }
    profiles = {
        item["name"]: [item["role"]]
        for item in module.resources("aws_iam_instance_profile").values()
    }
    return roles, profiles


class Roles(unittest.TestCase):
    def each(self):
        template = cloudformation.load(place.path("deploy/aws/roles.yaml"))
        for partition, suffix in place.PARTITIONS.items():
            for trusted, doctor in itertools.product(TRUSTED, DOCTOR):
                stack = cloudformation.Stack(
                    template,
                    {"Trusted": trusted, "Doctor": DOCTOR[doctor]},
                    partition,
                    place.REGIONS[partition],
                )
                module = terraform.Module(
                    place.path("deploy/aws/roles.tf"),
                    {"trusted": trusted, "doctor": doctor},
                    partition,
                    suffix,
                )
                yield stack, module, f"{partition}, trusting {TRUSTED[trusted]}, doctor {doctor}"

    def test_resolves(self):
        """every reference of roles.yaml leads somewhere"""
        for stack, _, _ in self.each():
            stack.check()

    def test_same(self):
        """roles.yaml and roles.tf make the same roles and profiles"""
        for stack, module, where in self.each():
            self.maxDiff = None
            self.assertEqual(template_roles(stack), module_roles(module), where)

    def test_policy(self):
        """the controller has policy.json, doctor.json unless that is refused, and nothing else"""
        own, doctor = (
            iam.canonical(json.loads(place.read("deploy/aws", name)))
            for name in ("policy.json", "doctor.json")
        )
        for stack, _, where in self.each():
            documents = stack.resources("AWS::IAM::ManagedPolicy")
            self.assertEqual(
                [iam.canonical(item["PolicyDocument"]) for item in documents.values()],
                [own, doctor] if stack.parameters["Doctor"] == "yes" else [own],
                where,
            )
            (role,) = [
                role
                for role in stack.resources("AWS::IAM::Role").values()
                if role["RoleName"] == "muster-controller"
            ]
            self.assertEqual(len(role["ManagedPolicyArns"]), len(documents), where)
            for role in stack.resources("AWS::IAM::Role").values():
                self.assertNotIn("Policies", role)

    def test_arns(self):
        """no ARN names another partition"""
        for stack, module, where in self.each():
            for text in map(
                str,
                (
                    stack.resources("AWS::IAM::ManagedPolicy"),
                    stack.resources("AWS::IAM::Role"),
                    module.resources("aws_iam_policy"),
                    module.resources("aws_iam_role_policy_attachment"),
                ),
            ):
                partitions = set(part.split(":")[0] for part in text.split("arn:")[1:])
                self.assertLessEqual(
                    partitions,
                    {stack.partition, "aws"} if "role/ci" in text else {stack.partition},
                    where,
                )

    def test_trust(self):
        """each role is trusted to whom the policy hands it on"""
        policy = json.loads(place.read("deploy/aws/policy.json"))
        for stack, _, where in self.each():
            for role in stack.resources("AWS::IAM::Role").values():
                services = [
                    statement["Principal"]["Service"]
                    for statement in role["AssumeRolePolicyDocument"]["Statement"]
                    if "Service" in statement["Principal"]
                ]
                arn = f"arn:{stack.partition}:iam::123456789012:role/{role['RoleName']}"
                for service in services if role["RoleName"] != "muster-controller" else []:
                    self.assertTrue(
                        iam.allows(policy, "iam:PassRole", arn, {"iam:PassedToService": service}),
                        f"{where}: {arn} to {service}",
                    )
                tasks = role["RoleName"] == "muster-execution"
                principal = (
                    "ecs-tasks.amazonaws.com" if tasks else place.PRINCIPALS[stack.partition]
                )
                self.assertEqual(services, [principal], where)
