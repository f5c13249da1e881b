"""Which function answers which operation. A handler gets (Call, parameters) and returns the
answer's members."""
HANDLERS = {}


def operation(service, *names):
    def register(function):
        for name in names:
            HANDLERS[service, name] = function
        return function

    return register


class Call:
    """One request on its way through a handler."""

    __slots__ = ("double", "region", "credential", "name", "delay")

    def __init__(self, double, region, credential, name):
        self.double = double
        self.region = region  # of the caller's account
        self.credential = credential
        self.name = name
        self.delay = 0.0  # seconds that the answer waits
