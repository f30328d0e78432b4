"""The package ships py.typed: a program that uses it is checked by mypy, as its author would."""

from __future__ import annotations

import os
import re
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.processes import ROOT, python

FOLDER = os.path.join(ROOT, "tests", "typing")


class TypingTests(SynchronousTestCase):
    """What mypy says."""

    def check(self, name: str) -> list[tuple[int, str]]:
        """The lines of the program *name* that mypy finds fault with, each with the kind of fault."""
        # Without the project's own settings: those are for the package, this is a user.
        cache = os.path.join(self.mktemp(), "cache")
        ended = python(
            "-m", "mypy", "--strict", "--config-file=", "--cache-dir", cache, "--python-executable",
            sys.executable, "--allow-subclassing-any", "--untyped-calls-exclude", "spreadlite",
            "--follow-imports", "silent", os.path.join(FOLDER, name), cwd=ROOT, patience=300,
        )  # fmt: skip
        self.assertNotIn("INTERNAL ERROR", ended.stdout + ended.stderr)
        self.assertEqual("", ended.stderr)
        found = re.findall(r"(?m)^(.+?):(\d+): error: .*\[([\w-]+)\]$", ended.stdout)
        self.assertTrue(all(path.endswith(name) for path, _, _ in found), ended.stdout)
        self.assertEqual(bool(found), bool(ended.returncode), ended.stdout)
        return [(int(line), kind) for _, line, kind in found]

    def test_uses(self) -> None:
        """Factories, references, flavours, limits and functions may be used as the documents say, in strict mode."""
        self.assertEqual([], self.check("api.py"))

    def test_mistakes(self) -> None:
        """Names, arguments and keywords that are wrong are found, and nothing else is complained of."""
        with open(os.path.join(FOLDER, "mistakes.py"), encoding="utf-8") as source:
            marked = [re.search(r"# error: ([\w-]+)", line) for line in source]
        expected = [(number, mark[1]) for number, mark in enumerate(marked, 1) if mark is not None]
        self.assertEqual(expected, self.check("mistakes.py"))
