"""Runs the tests of the double and prints TAP."""
import sys

sys.dont_write_bytecode = True

import os
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = ("wire_check", "ec2_check", "ecs_check", "agent_check", "script_check", "moto_check")


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


def main():
    sys.path[:0] = [HERE, os.path.dirname(HERE)]
    import harness

    suite = unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:] or MODULES)
    print(f"1..{suite.countTestCases()}", flush=True)
    result = Tap()
    try:
        suite.run(result)
    finally:
        harness.end_all()
    return 0 if result.wasSuccessful() else 1


sys.exit(main())
