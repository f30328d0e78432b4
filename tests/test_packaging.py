"""Tests of what is installed, and that its two descriptions agree."""

import os
import re

from twisted.trial.unittest import SynchronousTestCase

import spreadlite
from tests.processes import ROOT


class PackagingTests(SynchronousTestCase):
    """The project's files."""

    def read(self, name):
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            return file.read()

    def test_version(self):
        """The package tells the version that is installed."""
        (stated,) = re.findall(r'(?m)^version = "(.*)"$', self.read("pyproject.toml"))
        self.assertEqual(stated, spreadlite.__version__)

    def test_packages(self):
        """Every package of ours is installed."""
        (listed,) = re.findall(r"(?m)^packages = .*spreadlite\.core.*$", self.read("pyproject.toml"))
        found = {
            os.path.relpath(folder, ROOT).replace(os.sep, ".")
            for folder, _, files in os.walk(os.path.join(ROOT, "spreadlite"))
            if "__init__.py" in files
        }
        self.assertEqual({*found, "twisted.plugins"}, set(re.findall(r'"([^"]+)"', listed)))

    def test_plugins_folder(self):
        """The folder of plugins is no package: it would hide Twisted's own."""
        for _folder, _, files in os.walk(os.path.join(ROOT, "twisted")):
            self.assertNotIn("__init__.py", files)

    def test_typed(self):
        """Type checkers find our annotations."""
        self.assertTrue(os.path.exists(os.path.join(ROOT, "spreadlite", "py.typed")))
