"""Results of unittest as TAP."""
import traceback
import unittest


class Tap(unittest.TestResult):
    """One line a test, its tracebacks as comments; a skip with its reason."""

    def startTest(self, test):
        super().startTest(test)
        self.skip = ""
        self.faults = []

    def addSkip(self, test, reason):
        self.skip = f" # SKIP {reason}"

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.faults.append(err)

    def addError(self, test, err):
        super().addError(test, err)
        self.faults.append(err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.faults.append(err)

    def stopTest(self, test):
        region = getattr(test, "REGION", "us-east-1")
        name = test.shortDescription() or test.id()
        name += "" if region == "us-east-1" else f" ({region})"
        print(
            f"{'not ok' if self.faults else 'ok'} {self.testsRun} - {name}{self.skip}", flush=True
        )
        for fault in self.faults:
            for line in "".join(traceback.format_exception(*fault)).splitlines()[-12:]:
                print(f"# {line}", flush=True)
