"""What a service refuses, and what a request or an answer has wrong."""


class AwsError(Exception):
    """Answered to the client with code, message and HTTP status."""

    def __init__(self, code, message, status=400):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def dry_run():
    """What a call with DryRun that would have worked is answered with."""
    text = "Request would have succeeded, but DryRun flag is set."
    return AwsError("DryRunOperation", text, 412)


class AnswerFault(Exception):
    """An answer of the double that does not fit the service's model: a fault of the double
    itself."""


class ControlError(Exception):
    """A request to the scripting port that cannot be understood."""
