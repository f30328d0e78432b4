"""Tests of `spreadlite.install`, each in an interpreter of its own."""

from twisted.trial.unittest import SynchronousTestCase

from tests.processes import python


class InstallTests(SynchronousTestCase):
    """What happens to a process."""

    def check(self, code, warnings="error"):
        """Run *code*, which must end well and say nothing on standard error; returns what it prints."""
        ended = python("-W", warnings, "-c", "import sys\n" + code)
        self.assertEqual((0, ""), (ended.returncode, ended.stderr))
        return ended.stdout.split()

    def test_light(self):
        """Importing spreadlite imports none of its doors, nothing of Twisted, and no reactor."""
        self.assertEqual(
            ["spreadlite", "spreadlite._install"],
            self.check("import spreadlite\nprint(*sorted(m for m in sys.modules if m.startswith(('spread', 'twisted'))))"),
        )

    def test_takes_the_place(self):
        """Every way of importing twisted.spread's modules finds ours, and no original is loaded, nor a reactor."""
        self.assertEqual(
            ["spreadlite.pb"] * 4 + ["True", "False", "True"],
            self.check(
                "import spreadlite\n"
                "import twisted.spread\npath = list(twisted.spread.__path__)\n"
                "spreadlite.install()\n"
                "import twisted.spread.pb as one\nfrom twisted.spread import pb as two\nimport spreadlite.pb as three\n"
                "import importlib\nfour = importlib.import_module('twisted.spread.pb')\n"
                "print(one.__name__, two.__name__, three.__name__, four.__name__, one is two is three is four)\n"
                "print('twisted.internet.reactor' in sys.modules, path == list(twisted.spread.__path__))"
            ),
        )

    def test_all_seven(self):
        """All seven modules are replaced, in sys.modules and as attributes of the package."""
        names = "interfaces banana jelly flavors pb util publish".split()
        self.assertEqual(
            ["True"] * 7,
            self.check(
                "import spreadlite\nspreadlite.install()\nimport twisted.spread\n"
                f"for name in {names!r}:\n"
                "    ours = sys.modules['spreadlite.' + name]\n"
                "    print(sys.modules['twisted.spread.' + name] is ours is getattr(twisted.spread, name))"
            ),
        )

    def test_twice_and_back(self):
        """Installing twice is installing once; uninstalling, once or twice, leaves the process as it was."""
        self.assertEqual(
            ["False", "False", "twisted.spread.pb"],
            self.check(
                "import spreadlite\nspreadlite.install()\nspreadlite.install()\n"
                "spreadlite.uninstall()\nspreadlite.uninstall()\n"
                "import twisted.spread\n"
                "print('twisted.spread.pb' in sys.modules, hasattr(twisted.spread, 'pb'))\n"
                "from twisted.spread import pb\nprint(pb.__name__)"
            ),
        )

    def test_gives_originals_back(self):
        """Where the originals were loaded, and nobody holds them, uninstalling brings the very same ones back."""
        self.assertEqual(
            ["spreadlite.pb", "True"],
            self.check(
                "import spreadlite\nimport twisted.spread.pb\noriginal = id(sys.modules['twisted.spread.pb'])\n"
                "spreadlite.install()\nprint(twisted.spread.pb.__name__)\n"
                "spreadlite.uninstall()\nprint(id(twisted.spread.pb) == original)"
            ),
        )

    def test_too_late(self):
        """A module that holds an original class is named, and nothing is changed."""
        self.assertEqual(
            ["True", "True", "twisted.spread.pb"],
            self.check(
                "import spreadlite\nimport twisted.web.server\n"
                "try:\n    spreadlite.install()\nexcept spreadlite.TooLateError as error:\n"
                "    print('twisted.web.server' in error.modules, 'twisted.web.server' in str(error))\n"
                "from twisted.spread import pb\nprint(pb.__name__)"
            ),
        )

    def test_pretenders(self):
        """Objects that say that they are classes, as ``list[int]`` does on Python 3.10, are no obstacle."""
        self.assertEqual(
            ["spreadlite.pb"],
            self.check(
                "import spreadlite, types\nimport twisted.spread.pb\n"
                "class Pretender:\n    __class__ = property(lambda self: type)\n"
                "pretender, alias = Pretender(), list[int]\n"
                "spreadlite.install()\nprint(twisted.spread.pb.__name__)"
            ),
        )

    def test_on_purpose(self):
        """Told to go on, it does, with a warning that names the modules which keep the originals."""
        self.assertEqual(
            ["True", "spreadlite.pb"],
            self.check(
                "import spreadlite, warnings\nimport twisted.web.server\n"
                "with warnings.catch_warnings(record=True) as told:\n"
                "    warnings.simplefilter('always')\n    spreadlite.install(force=True)\n"
                "print('twisted.web.server' in str(told[0].message))\n"
                "from twisted.spread import pb\nprint(pb.__name__)"
            ),
        )

    def test_in_time(self):
        """Twisted's own users of twisted.spread, imported afterwards, are built on ours."""
        self.assertEqual(
            ["True", "True"],
            self.check(
                "import spreadlite\nspreadlite.install()\n"
                "from twisted.web import distrib, server\nfrom spreadlite import pb\n"
                "print(issubclass(server.Request, pb.Copyable), issubclass(distrib.ResourcePublisher, pb.Root))",
                # twisted.web warns of itself.
                warnings="ignore",
            ),
        )

    def test_in_threads(self):
        """Threads that import at the same time all find ours."""
        self.assertEqual(
            ["{('spreadlite.publish',", "True)}"],
            self.check(
                "import spreadlite, threading\nspreadlite.install()\nfound = set()\n"
                "def look():\n    from twisted.spread import publish, pb\n    import twisted.spread.pb as again\n"
                "    found.add((publish.__name__, pb is again))\n"
                "threads = [threading.Thread(target=look) for _ in range(8)]\n"
                "[one.start() for one in threads]\n[one.join() for one in threads]\nprint(found)"
            ),
        )

    def test_other_modules_of_the_package(self):
        """What else is in twisted.spread can be imported as ever, and finds ours."""
        self.assertEqual(
            ["twisted.spread.test.test_banana", "True"],
            self.check(
                "import spreadlite\nspreadlite.install()\nfrom twisted.spread.test import test_banana\n"
                "from spreadlite import banana\nprint(test_banana.__name__, test_banana.banana is banana)"
            ),
        )

    def test_loaded_again(self):
        """`importlib.reload` and ``twisted.python.rebuild`` leave each module in its place, under its own name."""
        self.assertEqual(
            ["spreadlite.util", "True", "True"],
            self.check(
                "import spreadlite, importlib\nspreadlite.install()\nfrom twisted.spread import util, publish\n"
                "print(importlib.reload(util).__name__, sys.modules['twisted.spread.util'] is util)\n"
                "from twisted.python.rebuild import rebuild\nprint(rebuild(publish, doLog=0) is publish)",
                # The module imp, which Twisted's rebuild may use, warns of itself.
                warnings="ignore",
            ),
        )

    def test_pickles(self):
        """A pickle that was made with the originals is read with ours in their place."""
        made = "import pickle\nfrom twisted.spread import {0}\nprint(pickle.dumps({1}, 0).hex())"
        read = "import pickle\nfrom twisted.spread import {0}\nprint(type(pickle.loads(bytes.fromhex({1!r}))) is {2})"
        install = "import spreadlite\nspreadlite.install()\n"
        for module, value, kind in (
            ("jelly", "jelly.SecurityOptions()", "jelly.SecurityOptions"),
            ("pb", "pb.Error('x')", "pb.Error"),
            ("flavors", "flavors.NoSuchMethod('x')", "flavors.NoSuchMethod"),
        ):
            (pickled,) = self.check(made.format(module, value))
            self.assertEqual(["True"], self.check(install + read.format(module, pickled, kind)))
