"""The compiled codec keeps what it still needs, whatever the code that it calls does meanwhile."""

from __future__ import annotations

import datetime
import gc
import sys
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from spreadlite import jelly
from spreadlite.core import codec, graph, wire
from spreadlite.core.errors import BananaError, InsecureJelly
from spreadlite.core.vocabulary import WORDS

KINDS: list[Any] = [] if codec.compiled is None else [codec.compiled.Decoder]
UNJELLIES: list[Any] = [graph.unjelly] if codec.compiled is None else [graph.unjelly, codec.compiled.unjelly]
ENCODES: list[Any] = [wire.encode] if codec.compiled is None else [wire.encode, codec.compiled.encode]
PACKS: list[Any] = [codec.pure_pack] if codec.compiled is None else [codec.pure_pack, codec.compiled.pack]


class Asked:
    """A taster of the application's own, which does something when it is asked."""

    def __init__(self, then: Callable[[bytes], object]) -> None:
        self.then = then

    def isTypeAllowed(self, tag: bytes) -> bool:
        """Yes."""
        self.then(tag)
        return True

    def isModuleAllowed(self, name: bytes) -> bool:
        """No."""
        return False


class Endless(jelly.Jellyable):
    """Its hook returns what is in itself."""

    def jellyFor(self, jellier: Any) -> Any:
        """A list that has itself for an item."""
        endless: list[Any] = [b"x"]
        endless.append(endless)
        return endless


def fill() -> None:
    """Have CPython keep no list for later that is let go of now."""
    [[] for _ in range(300)].clear()


class KeepingTests(SynchronousTestCase):
    """What is borrowed from an object that other code may change."""

    def test_a_taster_takes_the_list(self) -> None:
        """A list stays until it is read, also if the taster takes it out of the one around it."""
        for unjelly in UNJELLIES:
            for inner, text in (
                ([b"boolean", b"maybe"], "neither true nor false: b'maybe'"),
                ([b"nonesuch.Class", [b"dictionary"]], "nonesuch"),
            ):
                whole: list[Any] = [b"list", list(inner)]

                def take(tag: bytes, whole: list[Any] = whole, name: bytes = inner[0]) -> None:
                    if tag == name:
                        fill()
                        del whole[1:]

                error = self.assertRaises(InsecureJelly, unjelly, whole, Asked(take))
                self.assertIn(text, str(error))

    def test_a_registry_takes_the_tag(self) -> None:
        """A tag stays until it is looked up, also if the registry takes it out of its list."""
        for unjelly in UNJELLIES:
            for turn in range(1, 9):
                turns = [0]

                class Registry:
                    factories: dict[bytes, Any] = {}

                    @property
                    def classes(self, turns: list[int] = turns, turn: int = turn) -> dict[bytes, Any]:
                        """None; the tag goes when it is asked the so manieth time."""
                        turns[0] += 1
                        if turns[0] == turn:
                            whole[2][0] = None  # noqa: B023 - called before that changes
                        return {}

                day = graph.jelly(datetime.datetime(2020, 1, 1), jelly.globalSecurity)
                whole: list[Any] = [b"list", day, [b"abc" * (turn + 200), 1]]
                self.assertRaises(InsecureJelly, unjelly, whole, Asked(lambda tag: None), registry=Registry())

    def test_a_collection_while_encoding(self) -> None:
        """A large string stays until it is sent, also if a collection has its list emptied."""
        for encode in ENCODES:
            for turn in range(1, 5):
                expression: list[Any] = [1, bytes(20_000) + b"1", bytes(20_000) + b"2", 3]
                turns = [0]

                def empty(phase: str, info: Any, turns: list[int] = turns, turn: int = turn) -> None:
                    turns[0] += phase == "start"
                    if turns[0] == turn:
                        expression.clear()  # noqa: B023 - called before that changes

                before = gc.get_threshold()
                gc.collect()
                gc.callbacks.append(empty)
                try:
                    gc.set_threshold(1)
                    sent = encode(expression, None)
                finally:
                    gc.set_threshold(*before)
                    gc.callbacks.remove(empty)
                self.assertEqual(type(sent), bytes)

    def test_an_endless_expression(self) -> None:
        """What a hook returns that has no end is refused, and does not take all memory."""
        self.patch(jelly, "globalSecurity", jelly.SecurityOptions())
        jelly.globalSecurity.allowInstancesOf(Endless)
        for pack, encode in zip(PACKS, ENCODES, strict=True):
            error = self.assertRaises(
                BananaError, lambda pack=pack, encode=encode: encode(pack([Endless()], jelly.globalSecurity), WORDS)
            )
            self.assertIn("deep are not sent", str(error))

    def test_depths_below_all(self) -> None:
        """A depth below what a machine's numbers hold allows nothing."""
        for depth in (-(2**70), -(2**63), float("-inf"), -1, 0):
            for pack in PACKS:
                self.assertRaises(BananaError, lambda pack=pack: pack([[1]], jelly.globalSecurity, None, depth))  # noqa: B023
            for unjelly in UNJELLIES:
                self.assertRaises(InsecureJelly, unjelly, [b"list", [b"list"]], jelly.globalSecurity, depth=depth)

    def test_what_is_fed_as_it_goes(self) -> None:
        """Bytes with a finalizer that feeds the decoder lose nothing."""

        for kind in KINDS:

            class Feeding(bytes):
                def __del__(self) -> None:
                    decoder.feed(b"\x05\x81")  # noqa: B023 - called before that changes

            decoder = kind()
            decoder.feed(Feeding(b"\x01\x81"))
            found = [decoder.next(None)]
            decoder.feed(b"\x02\x81")
            while (item := decoder.next(None)) is not codec.NEED_DATA:
                found.append(item)
            self.assertEqual([1, 2, 5], sorted(found))


class MemoryTests(SynchronousTestCase):
    """Where there is no memory for a moment."""

    def setUp(self) -> None:
        """Find the allocators that fail."""
        try:
            import _testcapi
        except ImportError:
            raise SkipTest("this Python has no failing allocators") from None
        if not hasattr(_testcapi, "set_nomemory") or sys.version_info >= (3, 12):
            # CPython 3.12 and 3.13 crash by themselves where a function cannot be made.
            raise SkipTest("this Python has no failing allocators")
        self.failing = _testcapi

    def test_a_first_write(self) -> None:
        """What cannot be gathered for want of memory does not have the rest gathered for ever."""
        from spreadlite._flow import Output
        from tests.test_shortcut import Wired

        transport = Wired(100_000)
        self.addCleanup(transport.connectionLost, None)
        for turn in range(20):
            output = Output()
            output.gather(transport)
            output.flush(transport)
            gc.collect()
            try:
                self.failing.set_nomemory(turn, turn + 1)
                try:
                    output.write(transport, b"it", False)
                finally:
                    self.failing.remove_mem_hooks()
            except MemoryError:
                pass
            self.assertFalse(output.gathering, turn)

    def test_a_call(self) -> None:
        """A call that fails for want of memory does not keep the next from being sent."""
        from tests import pairs
        from tests.test_shortcut import Wired
        from tests.vectors import memory

        class Pipe(Wired):
            aborted = disconnected = streaming = False

            def __init__(self) -> None:
                super().__init__(100_000)

        Pipe.__module__ = Wired.__module__
        self.patch(memory, "Pipe", Pipe)

        failed = 0
        for turn in range(80):
            pair = pairs.Pair()
            self.addCleanup(lambda pair=pair: [pipe.connectionLost(None) for pipe in pair.link.pipes])
            gc.collect()
            try:
                self.failing.set_nomemory(turn, turn + 1)
                try:
                    question = pair.root.callRemote("nonesuch", 1)
                finally:
                    self.failing.remove_mem_hooks()
            except MemoryError:
                failed += 1
            else:
                question.addErrback(lambda failure: None)
            self.assertFalse(pair.client._output.gathering, turn)
            pair.link.pipes[0].out = b""
            pair.root.callRemote("other", 2).addErrback(lambda failure: None)
            self.assertIn(b"other", pair.link.pipes[0].out, turn)
            pair.link.cut()
        self.flushLoggedErrors()
        self.assertGreater(failed, 3)
