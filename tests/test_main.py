"""Tests of ``python -m spreadlite run``."""

import os

from twisted.trial.unittest import SynchronousTestCase

from tests.processes import python

PROGRAM = """\
import sys
from twisted.spread import pb
print(pb.__name__, __name__, sys.argv[1:], sys.path[0])
sys.exit(7)
"""


class RunTests(SynchronousTestCase):
    """Programs, run unchanged."""

    def setUp(self):
        self.folder = os.path.abspath(self.mktemp())
        os.makedirs(self.folder)
        self.program = os.path.join(self.folder, "program.py")
        with open(self.program, "w") as file:
            file.write(PROGRAM)

    def test_file(self):
        """A file runs as Python would run it, with ours in place: arguments, path and exit status are its own."""
        ended = python("-m", "spreadlite", "run", self.program, "-m", "--help", "x")
        self.assertEqual(
            (7, f"spreadlite.pb __main__ ['-m', '--help', 'x'] {self.folder}\n", ""),
            (ended.returncode, ended.stdout, ended.stderr),
        )

    def test_module(self):
        """So does a module, from the working directory."""
        ended = python("-m", "spreadlite", "run", "-m", "program", "y", cwd=self.folder)
        self.assertEqual(
            (7, f"spreadlite.pb __main__ ['y'] {self.folder}\n", ""), (ended.returncode, ended.stdout, ended.stderr)
        )

    def test_script(self):
        """So does a console script."""
        ended = python("-m", "spreadlite", "run", "twistd", "--help")
        self.assertEqual((0, ""), (ended.returncode, ended.stderr))
        self.assertIn("twistd", ended.stdout)

    def test_misuse(self):
        """What is no program ends with one line and the status 2."""
        for arguments, why in (
            (["no-such-program"], "there is no program no-such-program"),
            (["-m", "no_such_module"], "no module named no_such_module"),
            (["ls"], "is not a program in Python"),
        ):
            ended = python("-m", "spreadlite", "run", *arguments)
            self.assertEqual((2, ""), (ended.returncode, ended.stdout))
            self.assertIn(why, ended.stderr)
            self.assertEqual(1, ended.stderr.count("\n"))
        self.assertEqual(2, python("-m", "spreadlite").returncode)
