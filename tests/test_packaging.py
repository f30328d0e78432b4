"""Tests of what is installed, and that its two descriptions agree."""

import glob
import os
import re
import shutil
import sysconfig
import tarfile
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

import spreadlite
from tests.processes import ROOT, python


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


class BuildTests(SynchronousTestCase):
    """What setuptools makes of the project, in a copy of it."""

    def setUp(self):
        """A copy, as it is in a repository."""
        self.copy = os.path.abspath(self.mktemp())
        ignored = shutil.ignore_patterns("__pycache__", "*.so", "dropin.cache", "_build", ".*_cache", ".hypothesis")
        os.mkdir(self.copy)
        for name in ("MANIFEST.in", "NEWS.rst", "CONTRIBUTING.rst", "README.rst", "LICENSE", "pyproject.toml", "setup.py",
                     "setup.cfg"):  # fmt: skip
            shutil.copy(os.path.join(ROOT, name), self.copy)
        for name in (".ci", "benchmarks", "docs", "examples", "spreadlite", "tests", "twisted"):
            shutil.copytree(os.path.join(ROOT, name), os.path.join(self.copy, name), ignore=ignored)

    def setup(self, *arguments):
        """Run setup.py."""
        return python("setup.py", "-q", *arguments, cwd=self.copy)

    def test_source(self):
        """The archive of the source has all that the suite and the documents need."""
        ended = self.setup("sdist")
        self.assertEqual(0, ended.returncode, ended.stderr)
        (archive,) = glob.glob(os.path.join(self.copy, "dist", "*.tar.gz"))
        with tarfile.open(archive) as opened:
            found = {name.partition("/")[2] for name in opened.getnames()}
        expected = set()
        for folder, _, files in os.walk(self.copy):
            place = os.path.relpath(folder, self.copy)
            if place.split(os.sep)[0] not in ("build", "dist", "spreadlite.egg-info"):
                expected |= {os.path.normpath(os.path.join(place, name)) for name in files}
        self.assertEqual(set(), expected - found)

    def test_other_pythons(self):
        """A Python that is not CPython runs the pure codec: the compiled one is not even tried."""
        program = (
            "import runpy, sys; sys.implementation.name = 'pypy'; "
            "sys.argv = ['setup.py', 'build_ext', '--build-lib', 'built']; runpy.run_path('setup.py', run_name='__main__')"
        )
        for required in ("", "1"):
            with mock.patch.dict(os.environ, {"SPREADLITE_REQUIRE_COMPILED": required}):
                ended = python("-c", program, cwd=self.copy)
            self.assertEqual(bool(required), bool(ended.returncode), ended.stderr)
            self.assertIn("it is for CPython alone", ended.stdout + ended.stderr)
            self.assertEqual([], glob.glob(os.path.join(self.copy, "**", "_compiled*.so"), recursive=True))

    def test_no_compiler(self):
        """Where the compiled codec cannot be built, none is installed that was built from an older source; unless that is
        an error."""
        suffix = sysconfig.get_config_var("EXT_SUFFIX")
        for required in ("", "1"):
            places = [
                os.path.join(self.copy, folder, "spreadlite", "core", "_compiled" + suffix) for folder in ("built", "")
            ]
            for place in places:
                os.makedirs(os.path.dirname(place), exist_ok=True)
                with open(place, "w") as file:
                    file.write("of an older source")
                os.utime(place, (0, 0))
            no_compiler = {"CC": "false", "LDSHARED": "false", "SPREADLITE_REQUIRE_COMPILED": required}
            with mock.patch.dict(os.environ, no_compiler):
                ended = self.setup("build_ext", "--build-lib", "built")
            self.assertEqual(bool(required), bool(ended.returncode), ended.stderr)
            self.assertEqual([], [place for place in places if os.path.exists(place)])
