"""botocore's service models: what every request and every answer is judged by."""
import functools

import botocore.loaders
import botocore.model

SERVICES = ("ec2", "ecs", "ssm", "logs", "iam", "sts", "service-quotas", "ecr", "efs", "sqs")

# What the model of Debian 12's botocore (1.29, November 2022) does not know. A newer model wins.
NEWER_MEMBERS = {
    ("ecs", "RunTaskRequest"): {"clientToken": {"shape": "String"}},
    ("ec2", "InstanceTypeInfo"): {
        "NeuronInfo": {"shape": "NeuronInfo", "locationName": "neuronInfo"},
    },
    ("ec2", "GpuDeviceInfo"): {
        "LogicalGpuCount": {"shape": "FractionalGpuCount", "locationName": "logicalGpuCount"},
        "GpuPartitionSize": {"shape": "GpuPartitionSize", "locationName": "gpuPartitionSize"},
    },
    ("ec2", "FleetLaunchTemplateOverridesRequest"): {
        "BlockDeviceMappings": {
            "shape": "BlockDeviceMappingRequestList",
            "locationName": "BlockDeviceMapping",
        },
    },
}
NEWER_SHAPES = {
    "ecs": {
        "DeleteTaskDefinitionsRequest": {
            "type": "structure",
            "required": ["taskDefinitions"],
            "members": {"taskDefinitions": {"shape": "StringList"}},
        },
        "DeleteTaskDefinitionsResponse": {
            "type": "structure",
            "members": {
                "taskDefinitions": {"shape": "TaskDefinitionList"},
                "failures": {"shape": "Failures"},
            },
        },
        "TaskDefinitionList": {"type": "list", "member": {"shape": "TaskDefinition"}},
    },
    "ec2": {
        "FractionalGpuCount": {"type": "double"},
        "GpuPartitionSize": {"type": "double"},
        "NeuronInfo": {
            "type": "structure",
            "members": {
                "NeuronDevices": {
                    "shape": "NeuronDeviceInfoList",
                    "locationName": "neuronDevices",
                },
            },
        },
        "NeuronDeviceInfoList": {
            "type": "list",
            "member": {"shape": "NeuronDeviceInfo", "locationName": "item"},
        },
        "NeuronDeviceInfo": {
            "type": "structure",
            "members": {
                "Count": {"shape": "Integer", "locationName": "count"},
                "Name": {"shape": "String", "locationName": "name"},
                "CoreInfo": {"shape": "NeuronDeviceCoreInfo", "locationName": "coreInfo"},
            },
        },
        "NeuronDeviceCoreInfo": {
            "type": "structure",
            "members": {"Count": {"shape": "Integer", "locationName": "count"}},
        },
    },
}
NEWER_OPERATIONS = {
    "ecs": {
        "DeleteTaskDefinitions": {
            "name": "DeleteTaskDefinitions",
            "http": {"method": "POST", "requestUri": "/"},
            "input": {"shape": "DeleteTaskDefinitionsRequest"},
            "output": {"shape": "DeleteTaskDefinitionsResponse"},
        },
    },
}
# SQS has talked JSON since November 2023.
NEWER_METADATA = {"sqs": {"protocol": "json", "targetPrefix": "AmazonSQS", "jsonVersion": "1.0"}}
NEWER_VALUES = {
    ("ec2", "SpotAllocationStrategy"): ["price-capacity-optimized"],
    ("ecs", "TaskStopCode"): ["TerminationNotice"],
    ("ecs", "TaskDefinitionStatus"): ["DELETE_IN_PROGRESS"],
}


def _amend(name, description):
    shapes = description["shapes"]
    description["metadata"].update(NEWER_METADATA.get(name, {}))
    for operation, body in NEWER_OPERATIONS.get(name, {}).items():
        description["operations"].setdefault(operation, body)
    for shape, body in NEWER_SHAPES.get(name, {}).items():
        shapes.setdefault(shape, body)
    for (service, shape), members in NEWER_MEMBERS.items():
        if service == name and shape in shapes:
            for member, body in members.items():
                shapes[shape]["members"].setdefault(member, body)
    for (service, shape), values in NEWER_VALUES.items():
        if service == name and shape in shapes:
            known = shapes[shape]["enum"]
            known.extend(value for value in values if value not in known)


@functools.lru_cache(maxsize=None)
def service(name):
    """The model of a service, as a botocore.model.ServiceModel."""
    loader = botocore.loaders.Loader()
    description = loader.load_service_model(name, "service-2")
    _amend(name, description)
    return botocore.model.ServiceModel(description, name)


@functools.lru_cache(maxsize=None)
def shape(service_name, name):
    """A shape of a service; always the same object, so that what botocore caches in it lasts."""
    return service(service_name).shape_for(name)


@functools.lru_cache(maxsize=None)
def operation(service_name, name):
    """The model of an operation, or None where the service has none of that name."""
    model = service(service_name)
    return model.operation_model(name) if name in model.operation_names else None


@functools.lru_cache(maxsize=None)
def protocol(service_name):
    """ec2, query or json: botocore's name of how the service talks; REST answers with JSON too."""
    metadata = service(service_name).metadata
    return metadata["protocol"] if metadata["protocol"] in ("ec2", "query", "json") else "json"


def json_version(service_name):
    """What a request's Content-Type ends with."""
    return service(service_name).metadata.get("jsonVersion", "1.1")


@functools.lru_cache(maxsize=None)
def targets():
    """What stands before the dot of X-Amz-Target, by service."""
    found = {}
    for name in SERVICES:
        prefix = service(name).metadata.get("targetPrefix")
        if prefix:
            found[prefix] = name
    return found


@functools.lru_cache(maxsize=None)
def signing_names():
    """The name in the scope of a signature, by service."""
    return {service(name).signing_name: name for name in SERVICES}
