"""The one place that chooses the codec."""

from __future__ import annotations

import os
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from spreadlite.core import codec, graph, wire
from spreadlite.core.policy import DummySecurityOptions
from spreadlite.core.vocabulary import WORDS
from tests.processes import ROOT, python


class CodecTests(SynchronousTestCase):
    """`codec`."""

    def test_choice(self) -> None:
        """``implementation`` says truly which codec runs: the compiled one where there is one that may run."""
        compiled = codec.compiled is not None and os.environ.get("SPREADLITE_PURE", "0") in ("", "0")
        self.assertEqual("compiled" if compiled else "pure", codec.implementation)
        self.assertIs(wire.NEED_DATA, codec.NEED_DATA)
        for module, name in ((wire, "encode"), (graph, "jelly"), (graph, "unjelly")):
            self.assertIs(getattr(codec.compiled if compiled else module, name), getattr(codec, name), name)
        self.assertEqual(not compiled, issubclass(codec.Decoder, wire.Decoder))

    def test_pure(self) -> None:
        """``SPREADLITE_PURE=1`` has the pure codec run; a program runs the same with it."""
        program = (
            "from spreadlite import jelly; from spreadlite.core import codec; "
            "print(codec.implementation, jelly.jelly({'a': 1}))"
        )
        environment = {**os.environ, "SPREADLITE_PURE": "1"}
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, cwd=ROOT)
        self.assertEqual("", done.stderr)
        self.assertEqual("pure [b'dictionary', [[b'unicode', b'a'], 1]]", done.stdout.strip())

    def test_there_and_back(self) -> None:
        """What it gives out is enough to send an object and to have it again."""
        shared = ["a", 1]
        expression = codec.jelly({"k": (shared, shared)}, DummySecurityOptions())
        data = codec.encode(expression, WORDS)
        decoder = codec.Decoder()
        decoder.feed(data)
        words = {number: word for word, number in WORDS.items()}
        arrived = codec.unjelly(decoder.next(words), DummySecurityOptions())
        self.assertEqual({"k": (["a", 1], ["a", 1])}, arrived)
        self.assertIs(arrived["k"][0], arrived["k"][1])
        self.assertIs(codec.NEED_DATA, decoder.next(words))

    def test_packed(self) -> None:
        """An expression, or what stands for one in bytes, is read the same way."""
        packed = codec.pack(["a", 1], DummySecurityOptions(), None, 10, 100, 64)
        self.assertEqual([b"list", [b"unicode", b"a"], 1], codec.expression_of(packed))
        self.assertEqual(["a", 1], codec.unpack(packed, DummySecurityOptions(), None, 10))
        self.assertEqual([b"tuple"], codec.expression_of([b"tuple"]))
        self.assertEqual((), codec.unpack([b"tuple"], DummySecurityOptions(), None, 10))

    def test_names(self) -> None:
        """It gives out these names and no others."""
        self.assertEqual(
            [
                "Decoder", "NEED_DATA", "Packed", "Tally", "answer", "ask", "caller", "class_version", "encode",
                "encode_parts", "expression_of", "finalizer", "implementation", "jelly", "leaf", "leaves", "pack",
                "pack_light", "read", "release", "serve", "unjelly", "unpack",
            ],
            sorted(codec.__all__),
        )  # fmt: skip


#: What a program of a subinterpreter does; what it says is in the exception that it ends by, if it does.
IN_ANOTHER = """
import datetime, sys
sys.path[:] = PATH
from spreadlite.core import codec
from spreadlite.core.errors import BananaError
from spreadlite.core.policy import DummySecurityOptions
from spreadlite.core.vocabulary import WORDS

assert codec.implementation == IMPLEMENTATION
shared = [1]
value = [shared, shared, "text", {"k": (1.5, None, True)}, datetime.datetime(2020, 1, 2), {1, 2}, 2**70]
words = {number: word for word, number in WORDS.items()}
for _ in range(20):
    packed = codec.pack(value, DummySecurityOptions(), None, 100, 1000, 64)
    decoder = codec.Decoder()
    decoder.feed(codec.encode([packed], WORDS))
    assert codec.unpack(decoder.next(words)[0], DummySecurityOptions(), None, 100) == value
decoder.feed(b"\\xff")
try:
    decoder.next(words)
except BananaError:
    pass
else:
    raise AssertionError("it has taken what is no banana")
"""

MANY_INTERPRETERS = """
import sys
try:
    import _interpreters as interpreters
    kinds, run = ("isolated", "legacy"), interpreters.exec
    create = interpreters.create
except ImportError:
    import _xxsubinterpreters as interpreters
    kinds, run = (True, False), interpreters.run_string
    create = lambda kind: interpreters.create(isolated=kind)
program = sys.argv[1]
exec(program)
for kind in kinds:
    # Two at once, and one after another.
    for _ in range(2):
        several = [create(kind), create(kind)]
        for each in several:
            failed = run(each, program)
            assert failed is None, failed
        for each in several:
            interpreters.destroy(each)
    exec(program)
print("done")
"""


class SubinterpreterTests(SynchronousTestCase):
    """More than one interpreter in a process."""

    def test_several(self) -> None:
        """The codec works in each of several interpreters, whether they share the lock or not, and when they have gone."""
        if sys.implementation.name != "cpython":
            self.skipTest("such interpreters are CPython's")
        program = IN_ANOTHER.replace("PATH", repr([ROOT, *sys.path])).replace("IMPLEMENTATION", repr(codec.implementation))
        done = python("-c", MANY_INTERPRETERS, program)
        self.assertEqual((0, "done"), (done.returncode, done.stdout.strip()), done.stderr)
