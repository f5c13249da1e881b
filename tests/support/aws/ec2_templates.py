"""Launch templates and their versions."""
import copy
import re

import models
from errors import AwsError
from pages import cut, matches, tag_filter
from registry import operation


class Template:
    def __init__(self, region, name, tags):
        self.seq = region.next_sequence()
        self.id = region.new_id("lt")
        self.name = name
        self.tags = tags
        self.created_at = int(region.double.clock.now())
        self.versions = {}
        self.default = 1

    @property
    def latest(self):
        return max(self.versions)

    def number(self, version):
        """The number of "7", "$Latest" or "$Default"; AwsError where there is no such version."""
        number = {"$Latest": self.latest, "$Default": self.default}.get(version)
        if number is None and version.isdigit():
            number = int(version)
        if number not in self.versions:
            raise AwsError(
                "InvalidLaunchTemplateId.VersionNotFound",
                f"Could not find the specified version {version} for the launch template with ID "
                f"{self.id}.",
            )
        return number

    def add(self, data, description, now):
        number = self.latest + 1 if self.versions else 1
        self.versions[number] = {"data": data, "description": description, "created_at": int(now)}
        return number


def find_template(region, parameters):
    """The template that LaunchTemplateId or LaunchTemplateName names."""
    template_id, name = parameters.get("LaunchTemplateId"), parameters.get("LaunchTemplateName")
    if bool(template_id) == bool(name):
        raise AwsError(
            "MissingParameter" if not name else "InvalidParameterCombination",
            "Either the launch template's ID or its name is expected, and not both.",
        )
    for template in region.ec2.templates.values():
        if template_id in (None, "", template.id) and name in (None, "", template.name):
            return template
    if template_id:
        raise AwsError(
            "InvalidLaunchTemplateId.NotFound",
            f"The specified launch template, with template ID {template_id}, does not exist.",
        )
    raise AwsError(
        "InvalidLaunchTemplateName.NotFoundException",
        f"The specified launch template, with template name {name}, does not exist.",
    )


def template_answer(call, template):
    return {
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "CreateTime": template.created_at,
        "CreatedBy": call.credential.arn(call.region.partition),
        "DefaultVersionNumber": template.default,
        "LatestVersionNumber": template.latest,
        "Tags": [{"Key": key, "Value": value} for key, value in template.tags.items()]
        if template.tags
        else None,
    }


def shown(shape, value):
    """The members of a request that the answer's shape has as well."""
    if shape.type_name == "structure":
        return {
            key: shown(shape.members[key], inner)
            for key, inner in value.items()
            if key in shape.members
        }
    if shape.type_name == "list":
        return [shown(shape.member, inner) for inner in value]
    return value


def version_answer(call, template, number):
    version = template.versions[number]
    shape = models.shape("ec2", "ResponseLaunchTemplateData")
    return {
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "VersionNumber": number,
        "VersionDescription": version["description"],
        "CreateTime": version["created_at"],
        "CreatedBy": call.credential.arn(call.region.partition),
        "DefaultVersion": number == template.default,
        "LaunchTemplateData": shown(shape, version["data"]),
    }


def specified_tags(parameters, resource_type):
    return {
        tag["Key"]: tag.get("Value", "")
        for each in parameters.get("TagSpecifications", ())
        if each.get("ResourceType") == resource_type
        for tag in each.get("Tags", ())
    }


@operation("ec2", "CreateLaunchTemplate")
def create_launch_template(call, parameters):
    ec2 = call.region.ec2
    token = parameters.get("ClientToken")
    again = ec2.replayed(call, token, parameters)
    if again:
        return {"LaunchTemplate": template_answer(call, again)}
    name = parameters["LaunchTemplateName"]
    if not re.fullmatch(r"[a-zA-Z0-9().\-/_]{3,128}", name):
        raise AwsError(
            "InvalidLaunchTemplateName.MalformedException",
            f"The launch template name {name} is malformed.",
        )
    if any(template.name == name for template in ec2.templates.values()):
        raise AwsError(
            "InvalidLaunchTemplateName.AlreadyExistsException",
            "Launch template name already in use.",
        )
    template = Template(call.region, name, specified_tags(parameters, "launch-template"))
    template.add(
        parameters["LaunchTemplateData"],
        parameters.get("VersionDescription"),
        call.double.clock.now(),
    )
    ec2.templates[template.id] = template
    ec2.remember(call, token, parameters, template)
    return {"LaunchTemplate": template_answer(call, template)}


@operation("ec2", "CreateLaunchTemplateVersion")
def create_launch_template_version(call, parameters):
    ec2 = call.region.ec2
    token = parameters.get("ClientToken")
    template = find_template(call.region, parameters)
    number = ec2.replayed(call, token, parameters)
    if not number:
        data = {}
        if parameters.get("SourceVersion"):
            data = copy.deepcopy(
                template.versions[template.number(parameters["SourceVersion"])]["data"]
            )
        data.update(parameters["LaunchTemplateData"])
        number = template.add(data, parameters.get("VersionDescription"), call.double.clock.now())
        ec2.remember(call, token, parameters, number)
    return {"LaunchTemplateVersion": version_answer(call, template, number)}


@operation("ec2", "DescribeLaunchTemplates")
def describe_launch_templates(call, parameters):
    templates = list(call.region.ec2.templates.values())
    ids, names = parameters.get("LaunchTemplateIds"), parameters.get("LaunchTemplateNames")
    if ids or names:
        templates = [find_template(call.region, {"LaunchTemplateId": each}) for each in ids or ()]
        templates += [
            find_template(call.region, {"LaunchTemplateName": each}) for each in names or ()
        ]

    def values_of(template):
        own = {"launch-template-name": [template.name], "create-time": [str(template.created_at)]}
        return lambda name: own.get(name, tag_filter(template.tags, name))

    templates = [
        template
        for template in templates
        if matches(values_of(template), parameters.get("Filters"))
    ]
    page, token = cut(
        call, templates, parameters.get("MaxResults", 200), parameters.get("NextToken")
    )
    return {
        "LaunchTemplates": [template_answer(call, template) for template in page],
        "NextToken": token,
    }


@operation("ec2", "DescribeLaunchTemplateVersions")
def describe_launch_template_versions(call, parameters):
    template = find_template(call.region, parameters)
    asked = parameters.get("Versions")
    numbers = (
        [template.number(version) for version in asked]
        if asked
        else sorted(template.versions, reverse=True)
    )
    least, most = int(parameters.get("MinVersion", 0)), int(parameters.get("MaxVersion", 10**9))
    numbers = [number for number in numbers if least <= number <= most]
    page, token = cut(call, numbers, parameters.get("MaxResults", 200), parameters.get("NextToken"))
    return {
        "LaunchTemplateVersions": [version_answer(call, template, number) for number in page],
        "NextToken": token,
    }


@operation("ec2", "ModifyLaunchTemplate")
def modify_launch_template(call, parameters):
    template = find_template(call.region, parameters)
    template.default = template.number(parameters.get("DefaultVersion", "$Latest"))
    return {"LaunchTemplate": template_answer(call, template)}


@operation("ec2", "DeleteLaunchTemplate")
def delete_launch_template(call, parameters):
    template = find_template(call.region, parameters)
    del call.region.ec2.templates[template.id]
    return {"LaunchTemplate": template_answer(call, template)}
