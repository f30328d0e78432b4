"""Tests that the benchmarks measure what they say.  None asserts a time."""

import contextlib
import importlib.util
import io
import json
import os
import re
import xml.etree.ElementTree as ElementTree

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import busy, codecs, control, endtoend, peers, picture, report, serializers
from benchmarks.__main__ import main, parser
from benchmarks.endtoend import BASELINE, COMPILED, FLOOR, PURE, Figure, Memory
from benchmarks.workloads import WORKLOADS
from tests.processes import ROOT, python

#: Who is here: the compiled codec need not be built.
HERE = {BASELINE, PURE, FLOOR} | ({COMPILED} if importlib.util.find_spec("spreadlite.core._compiled") else set())


def silent(what):
    """What is told while it is measured is nobody's business here."""


class OptionsTests(SynchronousTestCase):
    """What the command line takes."""

    def test_refused(self):
        """Numbers that nothing can be measured with, and files that cannot be written, are refused at once."""
        nowhere = os.path.join(self.mktemp(), "figures.json")
        for option, value in [
            ("--rounds", "0"),
            ("--rounds", "-1"),
            ("--seconds", "0"),
            ("--seconds", "-1"),
            ("--seconds", "nan"),
            ("--seconds", "inf"),
            ("--busy", "-1"),
            ("--connections", "0"),
            ("--json", nowhere),
            ("--profile", __file__),
        ]:
            said = io.StringIO()
            with contextlib.redirect_stderr(said):
                ended = self.assertRaises(SystemExit, parser().parse_args, [f"{option}={value}"])
            self.assertEqual(2, ended.code)
            self.assertIn(f"argument {option}", said.getvalue())

    def test_no_valgrind(self):
        """Without valgrind, who asks for instructions is told so at once, before anything is measured."""
        self.patch(os, "environ", {**os.environ, "PATH": self.mktemp()})
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            ended = self.assertRaises(SystemExit, main, ["-p", "instructions", "--quick"])
        self.assertEqual(2, ended.code)
        self.assertIn("valgrind", said.getvalue())

    def test_floor_alone(self):
        """The floor moves the bytes of another contender: who asks for it alone is told so."""
        for options in (["-w", "small"], ["-p", "growth"], ["--profile", self.mktemp()]):
            said = io.StringIO()
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
                ended = self.assertRaises(SystemExit, main, ["--quick", "-c", FLOOR, "-c", FLOOR, *options])
            self.assertEqual(2, ended.code)
            self.assertIn("name one", said.getvalue())

    def test_not_built(self):
        """Who asks for the compiled codec where it is not built is told so."""
        found = importlib.util.find_spec
        self.patch(importlib.util, "find_spec", lambda name: None if name.endswith("._compiled") else found(name))
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            ended = self.assertRaises(SystemExit, main, ["--quick", "-c", COMPILED])
        self.assertEqual(2, ended.code)
        self.assertIn("not built", said.getvalue())


class Small(SynchronousTestCase):
    """With fewer objects and fewer clients than are measured else."""

    def setUp(self):
        environment = {**os.environ, "BENCHMARKS_OBJECTS": "5", "BENCHMARKS_OBSERVERS": "3"}
        self.patch(os, "environ", environment)
        self.patch(endtoend, "OBSERVERS", 3)


class CallsTests(Small):
    """Calls from end to end."""

    def test_every_workload(self):
        """Every workload runs with every contender that is here, and its answers are right."""
        figures = endtoend.measure(endtoend.CONTENDERS, list(WORKLOADS), 1, 0.0001, silent)
        self.assertEqual(list(WORKLOADS), list(figures))
        for workload, contenders in figures.items():
            self.assertEqual(HERE, set(contenders), workload)
            for figure in contenders.values():
                self.assertEqual([1, 1, 1], [len(figure.server), len(figure.client), len(figure.elapsed)])
                self.assertGreater(figure.total(), 0)

    def test_pure(self):
        """The contender called pure runs the pure codec, whatever is built."""
        contender = endtoend.start(PURE)
        self.addCleanup(contender.stop)
        self.assertEqual("pure", contender.server.hello["implementation"])
        self.assertEqual("pure", contender.client.hello["implementation"])

    def test_wrong_answers(self):
        """Who gives a wrong answer is not measured: the run ends."""
        self.patch(endtoend, "start", lambda name: endtoend.Contender(name, "tests.benchmarks.liar"))
        broken = self.assertRaises(control.Broken, endtoend.measure, [PURE], ["small"], 1, 0.0001, silent)
        self.assertEqual("spreadlite pure gave a wrong answer to small", str(broken))

    def test_busy(self):
        """What is to compute beside the calls does, for as long as they are measured, and ends when they do."""
        with busy.beside(2) as processes:
            self.assertEqual([None, None], [process._process.poll() for process in processes])
        self.assertEqual([0, 0], [process._process.poll() for process in processes])

    def test_floor_moves_the_same_bytes(self):
        """The floor is given the bytes of twisted.spread's call and answer."""
        contender = endtoend.start(BASELINE)
        self.addCleanup(contender.stop)
        sizes = endtoend.traffic([contender], ["small", "bytes64", "cache"])
        sent, received = sizes["small"]
        self.assertIn(sent, range(40, 70))
        self.assertIn(received, range(15, 40))
        for size in sizes["bytes64"]:
            self.assertIn(size, range(65536, 65536 + 100))
        # An update goes to the client, and its short answer back.
        self.assertGreater(sizes["cache"][1], sizes["cache"][0])

    def test_memory(self):
        """Memory of connections is measured, where the system tells of any."""
        figures = endtoend.memory([BASELINE, PURE], 2, 1, silent)
        if control.resident() is None:
            self.assertEqual({}, figures)
        else:
            self.assertEqual([BASELINE, PURE], list(figures))
            for figure in figures.values():
                self.assertEqual([1, 1], [len(figure.idle), len(figure.active)])

    def test_peers(self):
        """What is installed of what users might pick instead does the same work, and gives the right answers."""
        told = []
        here = endtoend.measure([BASELINE, FLOOR], ["small", "fields"], 1, 0.0001, told.append, True)["small"]
        for name, package, _ in peers.PEERS.values():
            if importlib.util.find_spec(package) is None:
                self.assertIn(f"{name}: left out, it is not installed", told)
                self.assertNotIn(name, here)
            else:
                self.assertIn(name, here)
        self.assertIn("AMP", here)

    def test_profiles(self):
        """With --profile, a profile of either process is written for each workload."""
        folder = self.mktemp()
        endtoend.profile([PURE], ["small"], 0.001, folder, silent)
        self.assertEqual(
            ["spreadlite-pure-small-client.prof", "spreadlite-pure-small-server.prof"], sorted(os.listdir(folder))
        )


class CodecsTests(Small):
    """Codecs alone."""

    def test_every_payload(self):
        """Every payload is dumped and loaded by every contender that is here, and comes back as it was."""
        chosen = [*serializers.PAYLOADS, *serializers.DEPTHS]
        times = codecs.measure((*codecs.CONTENDERS, "pickle", "json"), chosen, 1, 0.0001, silent)
        expected = {BASELINE, PURE, codecs.PURE_FUSED, "pickle", "json"}
        if COMPILED in HERE:
            expected |= {COMPILED, codecs.FUSED}
        for payload in chosen:
            # Text does not hold bytes.
            without = {"json"} if payload.startswith("bytes") else set()
            self.assertEqual(expected - without, set(times[payload]), payload)

    def test_growth(self):
        """What is decoded comes out right however it is cut; what would take too long (years, here) is left out."""
        found = codecs.growth([BASELINE, PURE], [1, 2, 10**12], 0.0001, 10, silent)
        for kind in serializers.KINDS:
            for name in (BASELINE, PURE):
                self.assertEqual(set(serializers.CUTS), set(found[kind][name]))
                for points in found[kind][name].values():
                    self.assertEqual({1, 2}, set(points))

    def test_instructions(self):
        """What is done once is not counted: the difference between more and less is divided."""
        # Of the small call, 10 and 60 times: 1,000 for each dump and 50 beside; 3,000 for each load and 70 beside.
        self.patch(codecs, "_callgrind", lambda name, chosen: [10_050, 60_050, 30_070, 180_070])
        found = codecs.instructions([PURE], ["small"], silent)
        self.assertEqual({"small": {PURE: {"dump": 1000, "load": 3000}}}, found)


class ReportTests(SynchronousTestCase):
    """What is made of the figures."""

    figures = {
        "small": {
            BASELINE: Figure([110, 100, 300], [190, 200, 100], [500, 500, 1000]),
            PURE: Figure([70, 40, 60], [70, 80, 60], [250, 260, 270]),
            FLOOR: Figure([20, 30, 40], [10, 30, 40], [100, 100, 100]),
        }
    }

    def rows(self, text):
        return [[cell for cell in line.split("  ") if cell] for line in text.splitlines()]

    def test_calls(self):
        """The table gives the cheapest round, its ratio to twisted.spread and the share that the floor has of it."""
        rows = [[cell.strip() for cell in row] for row in self.rows(report.calls(self.figures, "minimum"))]
        self.assertIn(["spreadlite pure", "40.0", "80.0", "120", "x2.50", "0.25", "4,000"], rows)
        self.assertIn(["floor", "20.0", "10.0", "30.0", "x10.0", "1.00", "10,000"], rows)

    def test_median(self):
        """Or the median of each side."""
        rows = [[cell.strip() for cell in row] for row in self.rows(report.calls(self.figures, "median"))]
        self.assertIn(["spreadlite pure", "60.0", "70.0", "130", "x2.31", "0.46", "4,000"], rows)

    def test_memory(self):
        """Memory of so few connections that the system had it already has no ratio."""
        for base, ratio in ((0.0, []), (2048.0, ["0.50"])):
            held = {BASELINE: Memory([base], [2048.0]), PURE: Memory([1024.0], [0.0])}
            rows = [[cell.strip() for cell in row] for row in self.rows(report.memory(held))]
            self.assertIn(["spreadlite pure", "1.00", "0.00", *ratio], rows)

    def test_picture(self):
        """The picture says of each contender how many times less CPU it takes."""
        results = {
            "about": {"python": "CPython 3", "twisted": "26", "processor": "a <fast> one"},
            "calls": report.as_data(self.figures),
        }
        tree = ElementTree.fromstring(picture.picture(results))
        texts = [element.text for element in tree.iter("{http://www.w3.org/2000/svg}text")]
        self.assertIn("×2.5", texts)
        self.assertIn("small call", texts)
        self.assertIn("CPython 3, Twisted 26, a <fast> one; python -m benchmarks", texts)

    def test_summary(self):
        """The table of the documents says the same, beside the microseconds."""
        lines = picture.summary({"calls": report.as_data(self.figures)}).splitlines()
        self.assertEqual(["twisted.spread", "spreadlite pure", "floor"], re.split("  +", lines[1].strip()))
        self.assertEqual(["small call", "300", "120 (×2.5)", "30.0 (×10)"], re.split("  +", lines[3].strip()))

    def test_refreshed(self):
        """New figures take the place of the old ones in the document, and nothing else changes."""
        with open(os.path.join(ROOT, "docs", "performance.rst"), encoding="utf-8") as file:
            document = file.read()
        about = {"python": "CPython 3", "twisted": "26", "processor": "a fast one", "cpus": "2", "system": "Linux"}
        results = {"about": about, "calls": report.as_data(self.figures)}
        refreshed = picture.refreshed(document, results)
        self.assertIn("120 (×2.5)", refreshed)
        self.assertIn("on 2 CPUs (a fast one) under Linux", refreshed)
        gone = re.compile(r"(?s)\.\. (figures|machine) begin.*?\.\. \1 end")
        self.assertEqual(gone.sub("", document), gone.sub("", refreshed))
        self.assertEqual(refreshed, picture.refreshed(refreshed, results))

    def test_committed_picture(self):
        """The picture that the documents show is well-formed."""
        tree = ElementTree.parse(os.path.join(ROOT, "docs", "performance.svg"))
        self.assertEqual("{http://www.w3.org/2000/svg}svg", tree.getroot().tag)


class CommandTests(Small):
    """The command line."""

    def test_command(self):
        """``python -m benchmarks`` prints a table, and writes every figure as JSON."""
        target = os.path.abspath(self.mktemp())
        done = python("-m", "benchmarks", "-w", "small", "--rounds", "2", "--seconds", "0.001", "--json", target)
        self.assertEqual("", done.stderr)
        self.assertIn("small call, one after another", done.stdout)
        with open(target, encoding="utf-8") as file:
            results = json.load(file)
        self.assertEqual(HERE, set(results["calls"]["small"]))
        self.assertEqual(2, len(results["calls"]["small"][PURE]["server"]))
        self.assertIn("python", results["about"])
