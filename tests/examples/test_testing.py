"""Tests of a program that uses Perspective Broker: ``examples/testing``."""

import os
import sys
import tempfile

from tests.examples.programs import EXAMPLES, ExampleCase, environment


class TestingTests(ExampleCase):
    """A lamp and its tests."""

    folder = "testing"

    def test_lamp(self):
        """The tests that a reader is shown pass, and there are as many as it seems."""
        path = os.pathsep.join([os.path.join(EXAMPLES, self.folder), environment()["PYTHONPATH"]])
        with tempfile.TemporaryDirectory() as folder:
            words = ["--temp-directory", os.path.join(folder, "trial"), "test_lamp"]
            program = self.launch([sys.executable, "-W", "error", "-m", "twisted.trial", *words], PYTHONPATH=path)
            status, lines = program.finish()
        self.assertEqual((0, "PASSED (successes=5)"), (status, lines[-1]), lines)
