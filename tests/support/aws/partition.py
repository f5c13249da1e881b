"""Partitions, regions and ARNs."""
import re

PARTITIONS = {
    "aws": re.compile(r"(us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+"),
    "aws-cn": re.compile(r"cn-\w+-\d+"),
    "aws-us-gov": re.compile(r"us-gov-\w+-\d+"),
}
HOME = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
SUFFIX = {"aws": "amazonaws.com", "aws-cn": "amazonaws.com.cn", "aws-us-gov": "amazonaws.com"}
ZONES = {"cn-north-1": "ab"}


def of_region(region):
    """The partition of a region, or None."""
    for name, pattern in PARTITIONS.items():
        if pattern.fullmatch(region):
            return name
    return None


def zones(region):
    return [region + letter for letter in ZONES.get(region, "abc")]


def zone_id(region, zone):
    """use1-az1 for us-east-1a: the id that is the same in every account."""
    parts = region.split("-")
    directions = {"north": "n", "south": "s", "east": "e", "west": "w", "central": "c"}
    middle = "".join(letter for word, letter in directions.items() if word in parts[-2])
    return f"{''.join(parts[:-2])}{middle}{parts[-1]}-az{ord(zone[-1]) - ord('a') + 1}"


def arn(partition, service, region, account, resource):
    return f"arn:{partition}:{service}:{region}:{account}:{resource}"
