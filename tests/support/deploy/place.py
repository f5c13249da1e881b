"""Where what is looked at lies."""
import os
import re

ROOT = os.environ["MUSTER_SOURCE_ROOT"]
BUILD = os.environ["BUILD"]


def path(*parts):
    return os.path.join(ROOT, *parts)


def read(*parts):
    with open(path(*parts), encoding="utf-8") as file:
        return file.read()


def defined(file, name):
    """The text of a #define in the provider."""
    return re.search(rf'#define {name}\s+"([^"]*)"', read("reconciler/provider/aws", file)).group(1)


# The table of aws_partition.c: name → suffix of hosts, a region, the principal of EC2.
_ROW = r'\{"(aws[a-z-]*)", "([^"]*)", "[^"]*", "[^"]*", "([^"]*)",\s*"([^"]*)"\}'
_ROWS = re.findall(_ROW, read("reconciler/provider/aws/aws_partition.c"))
PARTITIONS = {name: suffix for name, suffix, _, _ in _ROWS}
REGIONS = {name: region for name, _, region, _ in _ROWS}
PRINCIPALS = {name: principal for name, _, _, principal in _ROWS}
assert {"aws", "aws-cn", "aws-us-gov"} <= set(PARTITIONS)
