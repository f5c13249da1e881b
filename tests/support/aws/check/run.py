"""Runs the tests of the double and prints TAP."""
import sys

sys.dont_write_bytecode = True

import os
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = ("wire_check", "ec2_check", "ecs_check", "agent_check", "script_check", "moto_check")


def main():
    sys.path[:0] = [HERE, os.path.dirname(HERE), os.path.dirname(os.path.dirname(HERE))]
    import harness
    from tap import Tap

    suite = unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:] or MODULES)
    print(f"1..{suite.countTestCases()}", flush=True)
    result = Tap()
    try:
        suite.run(result)
    finally:
        harness.end_all()
    return 0 if result.wasSuccessful() else 1


sys.exit(main())
