"""What one account has in one region, and how ids are made there."""
import random

import partition
from ec2_state import Ec2
from ecs_state import Ecs
from logs import Logs
from sqs import Events


class Region:
    """partition, account, name; ec2, ecs and logs hold what the services hold."""

    def __init__(self, double, account, name):
        self.double = double
        self.account = account
        self.name = name
        self.partition = partition.of_region(name)
        self.zones = partition.zones(name)
        self.random = random.Random(f"{account}/{name}")
        self.sequence = 0
        self.ec2 = Ec2(self)
        self.ecs = Ecs(self)
        self.logs = Logs(self)
        self.events = Events(self)
        self.repositories = {}  # of ECR: name -> tags and digests of its images
        self.file_systems = {}  # of EFS: id -> its mount targets

    def arn(self, service, resource):
        return partition.arn(self.partition, service, self.name, self.account, resource)

    def next_sequence(self):
        self.sequence += 1
        return self.sequence

    def hexadecimal(self, digits):
        return f"{self.random.getrandbits(4 * digits):0{digits}x}"

    def new_id(self, prefix):
        return f"{prefix}-0{self.hexadecimal(16)}"

    def is_visible(self, since):
        """Whether what was made at since is seen yet: eventual consistency."""
        return self.double.clock.now() - since >= self.double.settings["consistencySeconds"]
