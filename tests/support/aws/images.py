"""Machine images and the SSM parameters that name them."""
import hashlib
import json

from errors import AwsError
from registry import operation

PREFIX = "/aws/service/ecs/optimized-ami/"
# Path below PREFIX: (architecture, accelerator).
FLAVOURS = {
    "amazon-linux-2023": ("x86_64", None),
    "amazon-linux-2023/arm64": ("arm64", None),
    "amazon-linux-2023/gpu": ("x86_64", "gpu"),
    "amazon-linux-2023/neuron": ("x86_64", "neuron"),
    "amazon-linux-2": ("x86_64", None),
    "amazon-linux-2/arm64": ("arm64", None),
    "amazon-linux-2/gpu": ("x86_64", "gpu"),
    "amazon-linux-2/inf": ("x86_64", "neuron"),
    "amazon-linux-2/kernel-5.10": ("x86_64", None),
}


class Images:
    """The images of one region; release() makes newer ones, as a vendor does."""

    def __init__(self, region_name):
        self.region_name = region_name
        self.by_id = {}
        self.current = {}
        self.version = 0
        self.release()

    def release(self):
        self.version += 1
        for flavour, (architecture, accelerator) in FLAVOURS.items():
            name = f"{flavour.replace('/', '-')}-ecs-{self.version}"
            digest = hashlib.sha256(f"{self.region_name}/{name}".encode()).hexdigest()
            image_id = f"ami-0{digest[:16]}"
            self.add(image_id, name, architecture, accelerator, has_agent=True)
            self.current[flavour] = image_id

    def add(
        self,
        image_id,
        name,
        architecture="x86_64",
        accelerator=None,
        has_agent=True,
        state="available",
    ):
        self.by_id[image_id] = {
            "ImageId": image_id,
            "Name": name,
            "Architecture": architecture,
            "RootDeviceName": "/dev/xvda",
            "accelerator": accelerator,
            "has_agent": has_agent,
            "State": state,
        }

    def parameter(self, path):
        """The value of an SSM parameter, or None."""
        if not path.startswith(PREFIX):
            return None
        flavour, _, member = path[len(PREFIX) :].partition("/recommended")
        image_id = self.current.get(flavour)
        if not image_id:
            return None
        facts = {
            "ecs_agent_version": "1.89.3",
            "ecs_runtime_version": "Docker version 25.0.8",
            "image_id": image_id,
            "image_name": self.by_id[image_id]["Name"],
            "image_version": str(self.version),
            "os": "Amazon Linux 2023",
            "schema_version": 1,
            "source_image_name": "al2023-ami-minimal",
        }
        if not member:
            return json.dumps(facts)
        value = facts.get(member[1:])
        return None if value is None else str(value)


def image_answer(call, image):
    return {
        "ImageId": image["ImageId"],
        "Name": image["Name"],
        "Architecture": image["Architecture"],
        "RootDeviceName": image["RootDeviceName"],
        "RootDeviceType": "ebs",
        "State": image["State"],
        "CreationDate": "2026-06-01T00:00:00.000Z",
        "DeprecationTime": "2028-06-01T00:00:00.000Z",
        "OwnerId": "591542846629",
        "ImageOwnerAlias": "amazon",
        "Public": True,
        "ImageType": "machine",
        "Hypervisor": "xen",
        "VirtualizationType": "hvm",
        "EnaSupport": True,
        "BlockDeviceMappings": [
            {
                "DeviceName": image["RootDeviceName"],
                "Ebs": {
                    "DeleteOnTermination": True,
                    "VolumeSize": 30,
                    "VolumeType": "gp3",
                    "Encrypted": False,
                },
            }
        ],
    }


def find_image(region, image_id):
    """The image of an id; AwsError where there is none."""
    if not image_id.startswith("ami-"):
        raise AwsError("InvalidAMIID.Malformed", f'Invalid id: "{image_id}"')
    image = region.ec2.images.by_id.get(image_id)
    if not image:
        raise AwsError("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
    return image


@operation("ec2", "DescribeImages")
def describe_images(call, parameters):
    images = call.region.ec2.images.by_id
    ids = parameters.get("ImageIds")
    chosen = (
        [find_image(call.region, image_id) for image_id in ids] if ids else list(images.values())
    )
    owners = parameters.get("Owners")
    if owners and not {"amazon", "591542846629"} & set(owners):
        chosen = []
    return {"Images": [image_answer(call, image) for image in chosen]}


def parameter_answer(call, path, value):
    return {
        "Name": path,
        "Type": "String",
        "Value": value,
        "Version": call.region.ec2.images.version,
        "LastModifiedDate": 1780000000.0,
        "ARN": f"arn:{call.region.partition}:ssm:{call.region.name}::parameter{path}",
        "DataType": "text",
    }


def value_of(call, path):
    own = call.region.ec2.parameters.get(path)
    return own if own is not None else call.region.ec2.images.parameter(path)


@operation("ssm", "GetParameter")
def get_parameter(call, parameters):
    value = value_of(call, parameters["Name"])
    if value is None:
        raise AwsError("ParameterNotFound", f"Parameter {parameters['Name']} not found.")
    return {"Parameter": parameter_answer(call, parameters["Name"], value)}


@operation("ssm", "GetParameters")
def get_parameters(call, parameters):
    found = {path: value_of(call, path) for path in parameters["Names"]}
    return {
        "Parameters": [
            parameter_answer(call, path, value)
            for path, value in found.items()
            if value is not None
        ],
        "InvalidParameters": [path for path, value in found.items() if value is None],
    }
