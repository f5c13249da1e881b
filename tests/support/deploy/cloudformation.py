"""Templates of CloudFormation: read with their tags, and what their functions come to with parameters given."""
import re

import yaml

import place

FUNCTIONS = {"Ref": "Ref", "Condition": "Condition"}  # all others are Fn::NAME
NO_VALUE = object()
RETURNED = {  # what !GetAtt gives, of the types that are used here
    "AWS::IAM::Role": ("Arn", "RoleId"),
    "AWS::IAM::InstanceProfile": ("Arn",),
    "AWS::SQS::Queue": ("Arn", "QueueName"),
    "AWS::Events::Rule": ("Arn",),
    "AWS::EC2::LaunchTemplate": ("LatestVersionNumber", "DefaultVersionNumber", "LaunchTemplateId"),
}


class Loader(yaml.SafeLoader):
    """Twice the same key is an error, as it is for CloudFormation."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key} twice", node.start_mark)
        return super().construct_mapping(node, deep)


def construct(loader, suffix, node):
    name = FUNCTIONS.get(suffix, f"Fn::{suffix}")
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


Loader.add_multi_constructor("!", construct)
# "2012-10-17" is a text wherever it stands here.
Loader.yaml_implicit_resolvers = {
    letter: [(tag, regexp) for tag, regexp in resolvers if not tag.endswith(":timestamp")]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load(path):
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, Loader)


class Stack:
    """A template with parameters given, in a place."""

    def __init__(self, template, given=None, partition="aws", region="us-east-1", name="muster"):
        self.template = template
        self.parameters = {
            key: (given or {}).get(key, parameter.get("Default"))
            for key, parameter in template.get("Parameters", {}).items()
        }
        self.partition = partition
        self.pseudo = {
            "AWS::AccountId": "123456789012",
            "AWS::NoValue": NO_VALUE,
            "AWS::Partition": partition,
            "AWS::Region": region,
            "AWS::StackName": name,
            "AWS::URLSuffix": place.PARTITIONS[partition],
        }

    def arn(self, logical):
        resource = self.template["Resources"][logical]
        names = {
            "AWS::IAM::Role": ("role", "RoleName"),
            "AWS::IAM::InstanceProfile": ("instance-profile", "InstanceProfileName"),
        }
        regional = {"AWS::SQS::Queue": ("sqs", "QueueName", ""), "AWS::Events::Rule": ("events", "Name", "rule/")}
        if resource["Type"] in regional:
            service, key, prefix = regional[resource["Type"]]
            name = self.resolve(resource["Properties"][key])
            return f"arn:{self.partition}:{service}:{self.pseudo['AWS::Region']}:123456789012:{prefix}{name}"
        kind, key = names[resource["Type"]]
        return f"arn:{self.partition}:iam::123456789012:{kind}/{resource['Properties'][key]}"

    def refer(self, name):
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.parameters:
            if self.parameters[name] is None:
                raise KeyError(f"parameter {name} has no value")
            return self.parameters[name]
        resource = self.template["Resources"][name]
        names = ("RoleName", "InstanceProfileName", "ManagedPolicyName")
        known = next(
            (resource["Properties"][key] for key in names if key in resource.get("Properties", {})),
            None,
        )
        return known or f"id-of-{name}"

    def attribute(self, logical, attribute):
        kind = self.template["Resources"][logical]["Type"]
        if attribute not in RETURNED[kind]:
            raise KeyError(f"{kind} has no {attribute}")
        return self.arn(logical) if attribute == "Arn" else f"{attribute}-of-{logical}"

    def substitute(self, given):
        text, variables = (given, {}) if isinstance(given, str) else given
        variables = {key: self.resolve(value) for key, value in variables.items()}

        def value(match):
            name = match.group(1)
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in variables:
                return str(variables[name])
            return str(self.attribute(*name.split(".", 1)) if "." in name else self.refer(name))

        return re.sub(r"\$\{([^}]*)\}", value, text)

    def holds(self, condition):
        ((function, given),) = condition.items()
        if function == "Fn::Not":
            return not self.holds(given[0])
        if function == "Fn::Equals":
            return self.resolve(given[0]) == self.resolve(given[1])
        raise KeyError(function)

    def is_true(self, name):
        return self.holds(self.template["Conditions"][name])

    def resolve(self, value):
        if isinstance(value, list):
            resolved = [self.resolve(item) for item in value]
            return [item for item in resolved if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, given),) = value.items()
            if function == "Ref":
                return self.refer(given)
            if function == "Fn::GetAtt":
                return self.attribute(*given)
            if function == "Fn::Sub":
                return self.substitute(given)
            if function == "Fn::If":
                return self.resolve(given[1 if self.is_true(given[0]) else 2])
            if function == "Fn::Base64":
                return self.resolve(given)
            if function.startswith("Fn::"):
                raise KeyError(function)
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}

    def resources(self, kind):
        """Logical name and properties, of what would be made."""
        return {
            logical: self.resolve(resource.get("Properties", {}))
            for logical, resource in self.template["Resources"].items()
            if resource["Type"] == kind
            and ("Condition" not in resource or self.is_true(resource["Condition"]))
        }

    def check(self):
        """Everything in it comes to something; KeyError where it does not."""
        for resource in self.template["Resources"].values():
            self.resolve(resource.get("Properties", {}))
            depends = resource.get("DependsOn", [])
            for other in [depends] if isinstance(depends, str) else depends:
                self.template["Resources"][other]
        for output in self.template.get("Outputs", {}).values():
            self.resolve(output["Value"])
