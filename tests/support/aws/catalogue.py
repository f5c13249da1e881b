"""Instance types and prices from the project's own tables (reconciler/scale/*.csv)."""
import functools
import hashlib
import os

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
PRICED_AS = {
    "cn-northwest-1": "cn-north-1"
}  # regions that no table has take these; the others us-east-1
# Name and MiB of one GPU, by family; what is not here answers as "GPU" of 16 GiB.
GPUS = {
    "p2": ("K80", 12288),
    "p3": ("V100", 16384),
    "p3dn": ("V100", 32768),
    "p4d": ("A100", 40960),
    "p4de": ("A100", 81920),
    "p5": ("H100", 81920),
    "p5e": ("H200", 144384),
    "p5en": ("H200", 144384),
    "g3": ("M60", 8192),
    "g3s": ("M60", 8192),
    "g4dn": ("T4", 16384),
    "g5": ("A10G", 24576),
    "g6": ("L4", 24576),
    "gr6": ("L4", 24576),
    "g6e": ("L40S", 49152),
}
NEURON = {
    "inf1.xlarge": ("Inferentia", 1, 4),
    "inf1.2xlarge": ("Inferentia", 1, 4),
    "inf1.6xlarge": ("Inferentia", 4, 4),
    "inf1.24xlarge": ("Inferentia", 16, 4),
    "inf2.xlarge": ("Inferentia2", 1, 2),
    "inf2.8xlarge": ("Inferentia2", 1, 2),
    "inf2.24xlarge": ("Inferentia2", 6, 2),
    "inf2.48xlarge": ("Inferentia2", 12, 2),
    "trn1.2xlarge": ("Trainium", 1, 2),
    "trn1.32xlarge": ("Trainium", 16, 2),
    "trn1n.32xlarge": ("Trainium", 16, 2),
    "trn2.3xlarge": ("Trainium2", 1, 8),
    "trn2.48xlarge": ("Trainium2", 16, 8),
}
QUOTA_GROUPS = (
    ("G", ("g", "vt")),
    ("HPC", ("hpc",)),
    ("HighMemory", ("u",)),
    ("Inf", ("inf",)),
    ("Trn", ("trn",)),
    ("DL", ("dl",)),
    ("P", ("p",)),
    ("F", ("f",)),
    ("X", ("x",)),
    ("Standard", ("a", "c", "d", "h", "i", "m", "r", "t", "z", "im", "is", "cc", "cr", "hs")),
)


class InstanceType:
    __slots__ = ("name", "vcpus", "memory_mib", "architecture", "gpus", "flags")

    def __init__(self, name, vcpus, memory_mib, architecture, gpus, flags):
        self.name = name
        self.vcpus = int(vcpus)
        self.memory_mib = int(memory_mib)
        self.architecture = architecture
        self.gpus = int(gpus)
        self.flags = flags

    @property
    def family(self):
        return self.name.partition(".")[0]

    @property
    def usage_classes(self):
        return ["on-demand", "spot"] if "s" in self.flags else ["on-demand"]

    @property
    def gpu(self):
        """(name, MiB) of one of its GPUs."""
        return GPUS.get(self.family, ("GPU", 16384))

    @property
    def quota_group(self):
        letters = (
            self.family.split("-")[0].rstrip("abcdefghijklmnopqrstuvwxyz").rstrip("0123456789")
            or self.family
        )
        for group, heads in QUOTA_GROUPS:
            if letters in heads:
                return group
        return "Standard"


def rows(name):
    with open(os.path.join(ROOT, "reconciler", "scale", name), encoding="utf-8") as table:
        lines = [line.rstrip("\n").split(",") for line in table if not line.startswith("#")]
    return lines[0], lines[1:]


@functools.lru_cache(maxsize=None)
def types():
    """{name: InstanceType} of all there are, by name."""
    _, lines = rows("instance_types.csv")
    return {line[0]: InstanceType(*line) for line in sorted(lines)}


@functools.lru_cache(maxsize=None)
def prices():
    """{region: {type: price an hour}} of the regions that the table has."""
    header, lines = rows("prices.csv")
    regions = [column.partition(":")[0] for column in header[1:]]
    return {
        region: {line[0]: int(line[at]) / 1e6 for line in lines if line[at]}
        for at, region in enumerate(regions, 1)
    }


def region_prices(region):
    table = prices()
    return table.get(region) or table[PRICED_AS.get(region, "us-east-1")]


@functools.lru_cache(maxsize=None)
def offered(region):
    """Names of the types that a region has, sorted: those it has a price for."""
    return [name for name in types() if name in region_prices(region)]


def chance(*parts):
    """A number from 0 to 1 that is always the same for the same parts."""
    return int.from_bytes(hashlib.sha256("/".join(parts).encode()).digest()[:4], "big") / 2**32


def spot_price(region, name, zone):
    """0.3 to 0.6 of the on-demand price, always the same for a pool."""
    return round(region_prices(region)[name] * (0.3 + 0.3 * chance("spot", name, zone)), 6)
