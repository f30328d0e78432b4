"""Tests of ``python -m spreadlite run``."""

import os
import signal
import sys
import time
import zipfile

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.processes import python

NAME = "from twisted.spread import pb; print(pb.__name__)"

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

    # What the program finds

    def write(self, name, text):
        """Write a file of the folder; returns its path."""
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path

    def run_text(self, text, *arguments, options=()):
        """Run a program of this text, which has to end well; returns its output."""
        ended = python("-m", "spreadlite", "run", *options, self.write("text.py", text), *arguments, cwd=self.folder)
        self.assertEqual((0, ""), (ended.returncode, ended.stderr))
        return ended.stdout

    def test_dashes(self):
        """A double dash among the arguments is the program's."""
        ended = python("-m", "spreadlite", "run", self.program, "--", "-x", "--")
        self.assertIn("['--', '-x', '--']", ended.stdout)

    def test_attributes(self):
        """The program's ``__main__`` says what Python's own would: its file, its arguments, that it is no import."""
        text = (
            "import sys\nprint(__file__, sys.argv[0], __spec__, __package__, type(__loader__).__name__,"
            " sorted(globals()))\nprint(sys.modules['__main__'].__dict__ is globals())\n"
        )
        plain = python(self.write("text.py", text), cwd=self.folder)
        self.assertEqual(plain.stdout, self.run_text(text))
        self.assertEqual([], [name for name in os.listdir(self.folder) if name == "__pycache__"])

    def test_stays(self):
        """``__main__`` is the program to the very end: pickles that are made at exit find its classes."""
        text = (
            "import atexit, pickle\nclass Kept: pass\n"
            "atexit.register(lambda: print(type(pickle.loads(pickle.dumps(Kept()))) is Kept))\n"
        )
        self.assertEqual("True\n", self.run_text(text))

    def test_module_attributes(self):
        """A module that is run has its spec and its file; a package is run by its ``__main__``."""
        text = "import sys\nprint(__name__, __spec__.name, __package__, sys.argv, __file__, sys.path[0])\n"
        for name, module in (("mod.py", "mod"), ("pack/__main__.py", "pack"), ("pack/sub.py", "pack.sub")):
            self.write("pack/__init__.py", "")
            self.write(name, text)
            plain = python("-m", module, "a", cwd=self.folder)
            ended = python("-m", "spreadlite", "run", "-m", module, "a", cwd=self.folder)
            self.assertEqual((plain.stdout, ""), (ended.stdout, ended.stderr))

    def test_broken_package(self):
        """A package that cannot be imported, because of what is missing there, says what is missing."""
        self.write("broken/__init__.py", "import no_such_module_either")
        self.write("broken/part.py", "")
        ended = python("-m", "spreadlite", "run", "-m", "broken.part", cwd=self.folder)
        self.assertEqual((1, ""), (ended.returncode, ended.stdout))
        self.assertIn("ModuleNotFoundError: No module named 'no_such_module_either'", ended.stderr)
        ended = python("-m", "spreadlite", "run", "-m", "no_such.part", cwd=self.folder)
        self.assertEqual((2, ""), (ended.returncode, ended.stdout))
        self.assertIn("no module named no_such.part", ended.stderr)

    def test_own_future(self):
        """A program has the features of the language that it asks for, and no others: its annotations have values."""
        self.assertEqual("{'x': <class 'int'>}\n", self.run_text("x: int = 1\nprint(__annotations__)\n"))

    def test_folder_and_zip(self):
        """A folder and a zip file with a ``__main__`` are programs, as they are for Python."""
        path = self.write("app/__main__.py", "import sys, beside\nprint(__name__, sys.argv[1:], sys.path[0])\n" + NAME)
        self.write("app/beside.py", "")
        archive = os.path.join(self.folder, "app.pyz")
        with zipfile.ZipFile(archive, "w") as file:
            file.write(path, "__main__.py")
            file.write(os.path.join(self.folder, "app", "beside.py"), "beside.py")
        for program in (os.path.dirname(path), archive):
            ended = python("-m", "spreadlite", "run", program, "a")
            self.assertEqual((f"__main__ ['a'] {program}\nspreadlite.pb\n", ""), (ended.stdout, ended.stderr))

    def test_path(self):
        """Imports look where they would look if Python ran the program, and nowhere else."""
        text = "import sys\nprint(sys.path)\n"
        plain = python(self.write("text.py", text), cwd=self.folder)
        self.assertEqual(plain.stdout, self.run_text(text, options=("--alone",)))

    def test_safe_path(self):
        """Also where Python is told to put no folder of the program's on its path, a zip file finds what is in it."""
        if sys.version_info < (3, 11):
            raise SkipTest("this Python cannot be told so")
        archive = os.path.join(self.folder, "app.pyz")
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("__main__.py", "import beside, sys\nprint(sys.path[0])\n" + NAME)
            file.writestr("beside.py", "")
        self.write("beside_text.py", "")
        ended = python("-P", "-m", "spreadlite", "run", archive)
        self.assertEqual((f"{archive}\nspreadlite.pb\n", ""), (ended.stdout, ended.stderr))
        program = self.write("text.py", "import beside_text\n")
        ended = python("-P", "-m", "spreadlite", "run", program)
        self.assertIn("No module named 'beside_text'", ended.stderr)

    def test_entry_point(self):
        """A console script that is installed without a file of its own is found among the entry points."""
        self.write("tool.py", f"import sys\ndef main():\n    {NAME}\n    return len(sys.argv)\n")
        self.write("tool-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tool\nVersion: 1.0\n")
        self.write("tool-1.0.dist-info/entry_points.txt", "[console_scripts]\nsome-tool = tool:main\n")
        ended = python("-m", "spreadlite", "run", "some-tool", "a", cwd=self.folder)
        self.assertEqual((2, "spreadlite.pb\n", ""), (ended.returncode, ended.stdout, ended.stderr))

    # How it ends

    def test_traceback(self):
        """What is printed of an exception begins with the program's own lines, as without us."""
        for text in ("def fail():\n    1 / 0\nfail()\n", "what is this\n", "raise SystemExit('so')\n", "import no_such\n"):
            path = self.write("text.py", text)
            plain, ended = python(path), python("-m", "spreadlite", "run", path)
            self.assertEqual((plain.returncode, plain.stderr), (ended.returncode, ended.stderr))
        self.write("broken.py", "1 / 0\n")
        ended = python("-m", "spreadlite", "run", "-m", "broken", cwd=self.folder)
        self.assertIn('Traceback (most recent call last):\n  File "' + self.folder, ended.stderr)

    def test_interrupted(self):
        """A program that is interrupted ends by the signal, and one that looks at its own exceptions is asked."""
        text = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n"
        self.assertEqual(-signal.SIGINT, python("-m", "spreadlite", "run", self.write("text.py", text)).returncode)
        text = "import sys\nsys.excepthook = lambda kind, value, trace: print(kind.__name__, trace.tb_lineno)\n1 / 0\n"
        ended = python("-m", "spreadlite", "run", self.write("text.py", text))
        self.assertEqual((1, "ZeroDivisionError 3\n", ""), (ended.returncode, ended.stdout, ended.stderr))

    # The processes that it starts

    START = "import subprocess, sys\nsubprocess.run([sys.executable, *sys.argv[1:]], check=True)\n"

    def test_children(self):
        """Pythons that the program starts follow, and those that these start; not where they are told to be left alone."""
        self.assertEqual("spreadlite.pb\n", self.run_text(self.START, "-c", NAME))
        again = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {NAME!r}], check=True)"
        self.assertEqual("spreadlite.pb\n", self.run_text(self.START, "-c", again))
        self.assertEqual("twisted.spread.pb\n", self.run_text(self.START, "-c", NAME, options=["--alone"]))

    def test_children_are_left_alone(self):
        """A child that has no use for twisted.spread loads nothing of it; the package itself looks as always."""
        text = "import sys; print(*sorted(m for m in sys.modules if m.startswith('twisted') or m == 'spreadlite.pb'))"
        self.assertEqual("\n", self.run_text(self.START, "-c", text))
        text = (
            "import importlib.util; importlib.util.find_spec('twisted.spread'); import twisted.spread as s\n"
            "print(type(s.__loader__).__name__, s.__spec__.loader is s.__loader__, s.pb.__name__)"
        )
        self.assertEqual("SourceFileLoader True spreadlite.pb\n", self.run_text(self.START, "-c", text))
        text = f"import spreadlite; spreadlite.install(); spreadlite.uninstall(); {NAME}"
        self.assertEqual("twisted.spread.pb\n", self.run_text(self.START, "-c", text))

    def test_other_environments(self):
        """A Python of another environment that the program starts goes on as if we were not there."""
        text = f"import os\nos.environ['SPREADLITE_RUN'] = '/elsewhere'\n{self.START}"
        self.assertEqual("twisted.spread.pb\n", self.run_text(text, "-c", NAME))

    def test_sitecustomize(self):
        """The sitecustomize that a child would have had is imported all the same, and is the one that it finds."""
        self.write("own/sitecustomize.py", "print('customized')\n")
        text = f"import os\nos.environ['PYTHONPATH'] += os.pathsep + {os.path.join(self.folder, 'own')!r}\n{self.START}"
        shown = self.run_text(text, "-c", f"import sitecustomize; print(sitecustomize.__file__); {NAME}")
        self.assertEqual(
            ["customized", os.path.join(self.folder, "own", "sitecustomize.py"), "spreadlite.pb"], shown.splitlines()
        )

    def test_multiprocessing(self):
        """Functions of the program run in processes that multiprocessing spawns."""
        text = (
            "import multiprocessing\ndef name(_):\n    from twisted.spread import pb\n    return pb.__name__\n"
            "if __name__ == '__main__':\n    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
            "        print(pool.map(name, [1]))\n"
        )
        self.assertEqual("['spreadlite.pb']\n", self.run_text(text))

    def test_trial_jobs(self):
        """The workers of ``trial -j`` run their tests with ours, too."""
        self.write(
            "test_it.py",
            "from twisted.trial.unittest import TestCase\nfrom twisted.spread import pb\nclass It(TestCase):\n"
            "    def test_it(self):\n        self.assertEqual('spreadlite.pb', pb.__name__)\n    test_again = test_it\n",
        )
        ended = python("-m", "spreadlite", "run", "-m", "twisted.trial", "-j2", "test_it", cwd=self.folder)
        self.assertIn("PASSED (successes=2)", ended.stdout)

    def test_daemon(self):
        """twistd that goes to the background goes there with ours, also for what it imports later."""
        tac = self.write(
            "app.tac",
            "from twisted.application.service import Application, Service\n"
            "class Late(Service):\n    def startService(self):\n        from twisted.spread import pb\n"
            "        with open('found.new', 'w') as file:\n            file.write(pb.__name__)\n"
            "        import os\n        os.rename('found.new', 'found')\n"
            "application = Application('app')\nLate().setServiceParent(application)\n",
        )
        ended = python("-m", "spreadlite", "run", "twistd", "-y", tac, cwd=self.folder)
        self.assertEqual((0, ""), (ended.returncode, ended.stderr))
        found = os.path.join(self.folder, "found")
        for _ in range(600):
            if os.path.exists(found):
                break
            time.sleep(0.1)
        with open(os.path.join(self.folder, "twistd.pid")) as file:
            number = int(file.read())
        os.kill(number, signal.SIGTERM)
        with open(found) as file:
            self.assertEqual("spreadlite.pb", file.read())
