"""Runs the checks of deploy/ and prints TAP."""
import sys

sys.dont_write_bytecode = True

import os
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = sorted(name[:-3] for name in os.listdir(HERE) if name.endswith("_check.py"))


def main():
    sys.path[:0] = [HERE, os.path.dirname(HERE)]
    from tap import Tap

    suite = unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:] or MODULES)
    print(f"1..{suite.countTestCases()}", flush=True)
    result = Tap()
    suite.run(result)
    return 0 if result.wasSuccessful() else 1


sys.exit(main())
