"""All checks of the Batch API as TAP. Arguments: names of checks (definitions …); none: all but those through the proxy."""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

from tap import Tap  # noqa: E402

wanted = sys.argv[1:] or sorted(each[: -len("_check.py")] for each in os.listdir(HERE) if each.endswith("_check.py") and each != "proxy_check.py")
suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromName(f"{each}_check") for each in wanted)
result = Tap()
suite.run(result)
for where, text in result.errors:
    if "Class" in str(where):  # setUpClass, tearDownClass: Tap hears of tests only
        print("\n".join(f"# {line}" for line in text.splitlines()))
        print(f"not ok {result.testsRun + 1} - {where}")
        result.testsRun += 1
print(f"1..{result.testsRun}")
sys.exit(not result.wasSuccessful())
