"""CreateFleet of type instant: which pools it takes, and what it says of those that gave
nothing."""
import catalogue
from ec2_launch import Launch, check_quota, end, pool_fault, quota_room, start
from ec2_templates import find_template, specified_tags
from errors import AwsError
from registry import operation

OVERRIDES_MAX = 300
SPOT_STRATEGIES = {
    "price-capacity-optimized",
    "capacity-optimized",
    "capacity-optimized-prioritized",
    "lowest-price",
    "diversified",
}
ON_DEMAND_STRATEGIES = {"lowest-price", "prioritized"}


class Choice:
    """One override of a fleet as a pool: a type in a subnet."""

    def __init__(self, call, config, override, market, order):
        self.config = config
        self.override = override
        self.order = order
        request = {
            "LaunchTemplate": config["LaunchTemplateSpecification"],
            "TagSpecifications": override["tags"],
        }
        if override.get("InstanceType"):
            request["InstanceType"] = override["InstanceType"]
        if override.get("ImageId"):
            request["ImageId"] = override["ImageId"]
        placement = override.get("Placement")
        if placement or override.get("AvailabilityZone"):
            request["Placement"] = {
                **(placement or {}),
                "AvailabilityZone": override.get("AvailabilityZone")
                or placement.get("AvailabilityZone"),
            }
        self.launch = Launch(call, request, override["token"])
        self.launch.market = market
        self.max_price = override.get("MaxPrice")
        self.weight = override.get("WeightedCapacity") or 1.0
        self.priority = override.get("Priority", float("inf"))
        self.fault = None
        self.ids = []

    def settle(self, region):
        """Finds the pool; a fault of the members is one of this pool alone."""
        try:
            self.launch.place(self.override.get("SubnetId"))
        except AwsError as error:
            self.fault = (error.code, error.message)
            return
        self.key = (self.launch.type_name, self.launch.subnet.zone, self.launch.market)
        if not region.ec2.is_offered(*self.key[:2]):
            self.fault = (
                "Unsupported",
                f"Your requested instance type ({self.key[0]}) is not supported in your "
                f"requested Availability Zone ({self.key[1]}).",
            )
            return
        self.price = region.ec2.price(self.key) / self.weight
        self.rank = region.ec2.rank(self.key)

    def answer(self, lifecycle):
        specification = self.config["LaunchTemplateSpecification"]
        template = find_template(self.launch.region, specification)
        overrides = {
            key: self.override.get(key)
            for key in ("InstanceType", "MaxPrice", "WeightedCapacity", "Priority", "ImageId")
        }
        overrides["SubnetId"] = self.override.get("SubnetId") or (
            self.launch.subnet.id if self.launch.subnet else None
        )
        overrides["AvailabilityZone"] = (
            self.launch.subnet.zone if self.launch.subnet else self.override.get("AvailabilityZone")
        )
        overrides["InstanceType"] = self.launch.type_name
        return {
            "LaunchTemplateAndOverrides": {
                "LaunchTemplateSpecification": {
                    "LaunchTemplateId": template.id,
                    "Version": str(template.number(specification.get("Version", "$Default"))),
                },
                "Overrides": overrides,
            },
            "Lifecycle": lifecycle,
        }


def ordered(choices, strategy):
    """The pools in the order in which a strategy takes from them."""
    keys = {
        "lowest-price": lambda each: (each.price, each.order),
        "prioritized": lambda each: (each.priority, each.order),
        "capacity-optimized": lambda each: (each.rank, each.order),
        "capacity-optimized-prioritized": lambda each: (
            (each.rank + 2) // 3,
            each.priority,
            each.order,
        ),
        "price-capacity-optimized": lambda each: (
            (each.rank + 1) // 2 + 5 * each.price,
            each.order,
        ),
        "diversified": lambda each: each.order,
    }
    return sorted(choices, key=keys[strategy])


class Filling:
    """Takes from pools until the target is met."""

    def __init__(self, call, fleet_id, target, market, strategy):
        self.call = call
        self.region = call.region
        self.fleet_id = fleet_id
        self.target = target
        self.market = market
        self.strategy = strategy
        self.filled = 0.0
        self.started = []

    def fault(self, choice):
        entry = catalogue.types()[choice.key[0]]
        room = quota_room(self.region, entry, self.market)
        if room == 0:
            try:
                check_quota(self.region, entry, self.market, 1)
            except AwsError as error:
                return error.code, error.message
        return pool_fault(self.region, choice.key, choice.launch.subnet, choice.max_price)

    def take(self, choice):
        """One instance of the pool; False, with its fault kept, where it has none."""
        fault = self.fault(choice)
        if fault:
            choice.fault = fault
            return False
        reservation = self.region.new_id("r")
        choice.launch.extra_tags = {"aws:ec2:fleet-id": self.fleet_id}
        instance = start(choice.launch, choice.key, reservation)
        choice.ids.append(instance.id)
        self.started.append(instance)
        self.filled += choice.weight
        return True

    def run(self, choices):
        left = ordered([choice for choice in choices if not choice.fault], self.strategy)
        while left and self.filled < self.target:
            if self.strategy == "diversified":
                left = [
                    choice for choice in left if self.filled < self.target and self.take(choice)
                ]
            elif not self.take(left[0]):
                left.pop(0)


def options_of(parameters, market):
    """(strategy, options) of a market; AwsError where the strategy is none of it."""
    options = parameters.get("SpotOptions" if market == "spot" else "OnDemandOptions") or {}
    strategy = options.get("AllocationStrategy") or "lowest-price"
    known = SPOT_STRATEGIES if market == "spot" else ON_DEMAND_STRATEGIES
    if strategy not in known:
        raise AwsError(
            "InvalidParameterValue",
            f"The allocation strategy {strategy} is none of a fleet of {market} instances",
        )
    return strategy, options


def choices_of(call, parameters, market):
    configs = parameters["LaunchTemplateConfigs"]
    tags = [
        each
        for each in parameters.get("TagSpecifications") or ()
        if each.get("ResourceType") in ("instance", "volume")
    ]
    token = parameters.get("ClientToken")
    overrides = [
        (config, override) for config in configs for override in config.get("Overrides") or [{}]
    ]
    if len(configs) > 50 or len(overrides) > OVERRIDES_MAX:
        raise AwsError(
            "InvalidParameterValue",
            f"{len(configs)} configurations with {len(overrides)} overrides are too many",
        )
    if any(
        bool(override.get("WeightedCapacity")) != bool(overrides[0][1].get("WeightedCapacity"))
        for _, override in overrides
    ):
        raise AwsError(
            "InvalidParameterCombination", "Either each override has a WeightedCapacity or none has"
        )
    places = set()
    for _, override in overrides:
        place = (
            override.get("InstanceType"),
            override.get("SubnetId"),
            override.get("AvailabilityZone"),
        )
        if place in places:
            raise AwsError(
                "InvalidFleetConfig", f"The override {place[0]} in {place[1]} stands twice"
            )
        places.add(place)
    for config in configs:
        if "Version" not in (config.get("LaunchTemplateSpecification") or {}):
            raise AwsError("MissingParameter", "LaunchTemplateSpecification needs a Version")
        find_template(call.region, config["LaunchTemplateSpecification"])
    return [
        Choice(call, config, {**override, "tags": tags, "token": token}, market, order)
        for order, (config, override) in enumerate(overrides)
    ]


def narrowed(choices, options):
    """To one type or one zone where the options say so: to that of the pool that comes first."""
    good = [choice for choice in choices if not choice.fault]
    if options.get("SingleInstanceType") and good:
        choices = [
            choice for choice in choices if choice.launch.type_name == good[0].launch.type_name
        ]
    if options.get("SingleAvailabilityZone") and good:
        choices = [
            choice
            for choice in choices
            if not choice.launch.subnet or choice.launch.subnet.zone == good[0].launch.subnet.zone
        ]
    return choices


@operation("ec2", "CreateFleet")
def create_fleet(call, parameters):
    ec2 = call.region.ec2
    again = ec2.replayed(call, parameters.get("ClientToken"), parameters)
    if again:
        return again
    if parameters.get("Type") != "instant":
        raise AwsError("InvalidParameterValue", "The double knows fleets of the type instant only")
    capacity = parameters["TargetCapacitySpecification"]
    total = capacity["TotalTargetCapacity"]
    market = capacity.get("DefaultTargetCapacityType", "on-demand")
    if market not in ("spot", "on-demand"):
        raise AwsError("InvalidParameterValue", f"DefaultTargetCapacityType {market} is not known")
    other = capacity.get("OnDemandTargetCapacity" if market == "spot" else "SpotTargetCapacity", 0)
    if total < 1 or other:
        raise AwsError("InvalidParameterValue", "A target of at least 1 in one market is expected")
    strategy, options = options_of(parameters, market)
    if options.get("MinTargetCapacity") and not (
        options.get("SingleInstanceType") or options.get("SingleAvailabilityZone")
    ):
        raise AwsError(
            "InvalidParameterCombination",
            "MinTargetCapacity needs SingleInstanceType or SingleAvailabilityZone",
        )
    answer = fill(call, parameters, total, market, strategy, options)
    ec2.remember(call, parameters.get("ClientToken"), parameters, answer)
    return answer


def fill(call, parameters, total, market, strategy, options):
    fleet_id = "fleet-" + "-".join(call.region.hexadecimal(digits) for digits in (8, 4, 4, 4, 12))
    choices = choices_of(call, parameters, market)
    for choice in choices:
        choice.settle(call.region)
    good = ordered([choice for choice in choices if not choice.fault], strategy)
    choices = narrowed(good + [choice for choice in choices if choice.fault], options)
    filling = Filling(call, fleet_id, total, market, strategy)
    filling.run(choices)
    errors = [choice for choice in choices if choice.fault]
    if filling.filled < options.get("MinTargetCapacity", 0):
        for instance in filling.started:
            end(instance, "Server.InternalError", "The fleet's minimum was not met")
        for choice in choices:
            choice.ids.clear()
            choice.fault = choice.fault or (
                "UnfulfillableCapacity",
                "Unable to fulfill the minimum target capacity",
            )
        errors = choices
    call.region.ec2.fleets[fleet_id] = {
        "tags": specified_tags(parameters, "fleet"),
        "instances": [each.id for each in filling.started],
    }
    return fleet_answer(fleet_id, choices, errors, market)


def fleet_answer(fleet_id, choices, errors, market):
    instances = [
        {
            **choice.answer(market),
            "InstanceIds": choice.ids,
            "InstanceType": choice.launch.type_name,
        }
        for choice in choices
        if choice.ids
    ]
    faults = [
        {**choice.answer(market), "ErrorCode": choice.fault[0], "ErrorMessage": choice.fault[1]}
        for choice in errors
    ]
    return {"FleetId": fleet_id, "Instances": instances, "Errors": faults}
