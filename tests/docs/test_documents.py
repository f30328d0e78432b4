"""Tests of ``docs/`` and of the README: programs, doctests, and the bytes that are shown."""

import ast
import doctest
import os
import re
import shutil
import socket
import tempfile
import textwrap

from twisted.trial.unittest import SynchronousTestCase

from spreadlite import pb
from spreadlite.core.vocabulary import WORDS
from spreadlite.core.wire import Decoder
from tests.docs.lamps import conversation
from tests.examples.programs import EXAMPLES, OURS, ExampleCase, runner
from tests.pairs import Pair
from tests.processes import ROOT
from tests.vectors.spreads import TWISTED

DOCS = os.path.join(ROOT, "docs")
#: The documents whose programs are all in ``examples/``.
TUTORIALS = """
    async cacheable chat copyable cred finger managing-clients paging quotes sizes testing tls tutorial wire
""".split()


class Room(pb.Root):
    """A root for a conversation."""

    def remote_light(self):
        return "on"


def read(*names):
    """The text of a file of the project."""
    with open(os.path.join(ROOT, *names), encoding="utf-8") as file:
        return file.read()


def literal_blocks(text):
    """The indented blocks after lines that end in a double colon."""
    for match in re.finditer(r"(?m)::\n\n((?:(?: {4}.*)?\n)+)", text):
        yield textwrap.dedent(match[1]).strip("\n") + "\n"


class ReadmeTests(ExampleCase):
    """What a newcomer does first."""

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    def program(self, name, source):
        """Start a program that was copied from the README."""
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(source.replace("8787", str(self.port)))
        return self.launch([*runner(OURS), path])

    def test_tour(self):
        """The server and the client of the tour run as they stand, and tell one another what they should."""
        server_source, client_source = [block for block in literal_blocks(read("README.rst")) if "class " in block]
        server = self.program("server.py", server_source)
        # It says nothing when it listens, so it is knocked at.
        while server.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=30).close()
                break
            except ConnectionRefusedError:
                continue
        client = self.program("client.py", client_source)
        self.assertEqual(["2", "I heard {'news': [1, 2.5, None]}"], self.ends_well(client))
        self.assertEqual([], self.stops_well(server))

    def test_one_line(self):
        """The line that a program of twisted.spread changes is a line of Python, before and after."""
        (line,) = [block for block in literal_blocks(read("README.rst")) if "# was: " in block]
        new, old = line.split("# was: ")
        self.assertEqual("spreadlite", ast.parse(new).body[0].module)
        self.assertEqual("twisted.spread", ast.parse(old.strip()).body[0].module)


class DocumentTests(SynchronousTestCase):
    """What the documents show is what happens."""

    def test_programs(self):
        """Programs are included from ``examples/``, where they are tested, not repeated."""
        for name in TUTORIALS:
            text = read("docs", f"{name}.rst")
            self.assertNotIn("code-block:: python", text, name)
            for path in re.findall(r"literalinclude:: (\S+)", text):
                self.assertTrue(os.path.exists(os.path.join(DOCS, path)), f"{name}: {path}")

    def test_commands(self):
        """Every program that a document tells to start is there."""
        for name in TUTORIALS:
            for path in re.findall(r"examples/[\w/]+\.(?:py|tac)", read("docs", f"{name}.rst")):
                self.assertTrue(os.path.exists(os.path.join(ROOT, path)), f"{name}: {path}")

    def test_explained(self):
        """Every folder of examples has a document that shows it."""
        shown = "".join(read("docs", f"{name}.rst") for name in TUTORIALS)
        for name in sorted(os.listdir(EXAMPLES)):
            self.assertIn(f"examples/{name}", shown)

    def test_output(self):
        """What a document says that a program prints is what the program's test expects."""
        for document, test in (("copyable", "test_copyable"), ("sizes", "test_limits")):
            expected = read("tests", "examples", f"{test}.py")
            for block in literal_blocks(read("docs", f"{document}.rst")):
                for line in block.splitlines():
                    self.assertIn(f'"{line}",', expected)

    def test_doctests(self):
        """Everything after a >>> is run, and gives what is written below it."""
        for name in TUTORIALS:
            failed, tried = doctest.testfile(
                os.path.join(DOCS, f"{name}.rst"), module_relative=False, encoding="utf-8"
            )
            self.assertEqual(0, failed, name)
            self.assertEqual(name == "wire", tried > 0, name)


def turns(said):
    """The same conversation, with what one side says in a row as one."""
    joined = []
    for speaker, data in said:
        if joined and joined[-1][0] == speaker:
            data = joined.pop()[1] + data
        joined.append((speaker, data))
    return joined


class WireTests(SynchronousTestCase):
    """The conversation in ``docs/wire.rst``."""

    def shown(self):
        """Who says what there: "S" or "C", bytes, and the expression as it is written."""
        for block in re.findall(r"code-block:: text\n\n((?:(?: {4}.*)?\n)+)", read("docs", "wire.rst")):
            for entry in re.split(r"\n\n", block.rstrip()):
                *lines, expression = [line.strip() for line in entry.strip().splitlines()]
                speaker, lines[0] = lines[0].split("  ")
                yield speaker, bytes.fromhex("".join(lines)), expression

    def test_expressions(self):
        """Each run of bytes is the expression that stands below it."""
        words = {number: word for word, number in WORDS.items()}
        for _speaker, data, expression in self.shown():
            decoder = Decoder()
            decoder.feed(data)
            self.assertEqual(ast.literal_eval(expression), decoder.next(words))
            self.assertFalse(decoder.unfinished)

    def test_listening(self):
        """A broker's `expressionReceived` can be overridden to see what a connection says."""
        heard = []

        class Curious(pb.Broker):
            def expressionReceived(self, expression):
                heard.append(expression)
                super().expressionReceived(expression)

        factory = pb.PBServerFactory(Room())
        factory.protocol = Curious
        both = Pair(serving=factory)
        self.assertEqual("on", both.value("light"))
        self.assertEqual([b"version", 6], heard[0])
        self.assertEqual([b"message", 1, b"root", b"light", 1, [b"tuple"], [b"dictionary"]], heard[1])

    def test_bytes(self):
        """Two peers say that to one another, whoever made them, and nothing else."""
        shown = turns((speaker, data) for speaker, data, _expression in self.shown())
        for server in (OURS, TWISTED):
            for client in (OURS, TWISTED):
                self.assertEqual(shown, turns(conversation(server, client)), (server, client))
