"""Plain values are read and written at once as they are by way of expressions, or not at all."""

from __future__ import annotations

import datetime
import decimal
import gc
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from spreadlite.core import graph, plain, wire
from spreadlite.core.errors import BananaError, InsecureJelly
from spreadlite.core.limits import Limits
from spreadlite.core.policy import SecurityOptions
from spreadlite.core.registry import Registry
from spreadlite.core.vocabulary import SIZE_LIMIT, WORDS
from tests.strategies import ATOM, KEY, STREAM, TEXT, searched, shape

SHORT_TEXT = st.one_of(TEXT, st.sampled_from(("x" * 127, "é" * 64, "x" * 1023, "x" * 1024, "x" * 16_384)))
PLAIN = st.recursive(
    st.one_of(ATOM, SHORT_TEXT, st.sets(KEY, max_size=4), st.frozensets(KEY, max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(TEXT, inner, max_size=4),
        st.dictionaries(st.one_of(KEY, SHORT_TEXT), inner, max_size=3),
    ),
    max_leaves=20,
)
VALUE = st.one_of(
    PLAIN,
    st.lists(st.integers(0, 3), min_size=61, max_size=66),
    st.sets(st.integers(0, 99), min_size=61, max_size=66),
    st.integers(1, 20).map(lambda deep: _nested(deep)),
    PLAIN.map(lambda value: [value, value]),
)
#: What a peer may send in the place of one, or much like it.
ODD = st.sampled_from(
    (
        [b"None"], [b"None", 1], [b"boolean", b"true"], [b"boolean", b"yes"], [b"boolean"], [b"unicode"], [],
        [b"unicode", b"\xff"], [b"unicode", b"x", b"y"], [b"unicode", 5], [b"list"], [b"list", [b"tuple", []]],
        [b"dictionary"], [b"dictionary", []], [b"dictionary", [1, 2]], [b"dictionary", [[b"unicode", b"a"], 1, 2]],
        [b"dictionary", [[b"unicode", b"list"], 1], [[b"unicode", b"list"], 2]], [b"dictionary", [[b"None"], 1]],
        [b"dictionary", [[b"unicode", b"x" * 200], 1]], [b"reference", 1, [b"list"]], [b"set", 1], [b"list", 2**80],
        [b"set", 1, 1, 1.0], [b"set", [b"list"]], [b"frozenset", [b"set"]], [b"set"], [b"dictionary", [[b"list"], 1]],
        [b"dictionary", [1, 2], [1.0, 3]], [b"dictionary", [b"unicode", b"0"]], [b"dictionary", [[b"dictionary"], 1]],
        [b"date", b"2026 11 28"], [b"date", b"2026 13 28"], [b"date", b"x"], [b"date"], [b"date", 5],
        [b"date", b"1 2 3", 4], [b"time", b""], [b"datetime", b"1 2 3 4 5 6 +7"],
        [b"timedelta", b"9999999999 1 1"], [b"datetime", [b"list"]],
        [b"decimal", 5], [b"decimal", 5, -2], [b"decimal", -0.0, 3], [b"decimal", 1.5, 3], [b"decimal", b"5", 3],
        [b"decimal", [b"boolean", b"true"], 1], [b"sets", 1], [b"", 1], [b"x" * 130, 1], [b"date", [b"unicode", b"1 2 3"]],
    )
)  # fmt: skip
TASTER = SecurityOptions()
TASTER.allowBasicTypes()
REGISTRY = Registry()


def _nested(deep: int) -> Any:
    value: Any = 5
    for number in range(deep):
        value = [value] if number % 3 else {"x": value} if number % 2 else (value,)
    return value


def written(value: Any, most: int = SIZE_LIMIT) -> bytes | None:
    """What is written at once, if it is."""
    chunks: list[bytes] = []
    try:
        good = plain.write((value,), chunks, [None, False], most)
    except UnicodeEncodeError:
        return None
    return b"".join(chunks) if good else None


def read(data: bytes, position: int = 0) -> Any:
    """What is read at once, if it is, and where it ends; else None."""
    try:
        (value,), stop = plain.read(data, position, 1)
    except plain.UNREADABLE:
        return None
    return value, stop


def by_expression(data: bytes, limits: Limits) -> Any:
    """What is read by way of an expression, and how many bytes are left."""
    decoder = wire.Decoder(limits)
    decoder.feed(data)
    return graph.unjelly(decoder.next(plain.BY_NUMBER), TASTER), len(data) - decoder.position


class PlainTests(SynchronousTestCase):
    """`plain`."""

    @searched(600)
    @given(VALUE)
    def test_written(self, value: Any) -> None:
        """What is written at once is, byte for byte, what is written by way of an expression."""
        data = written(value)
        if data is not None:
            self.assertEqual(wire.encode(graph.jelly(value, TASTER), WORDS), data)

    @searched(400)
    @given(PLAIN, st.binary(max_size=3))
    def test_read(self, value: Any, after: bytes) -> None:
        """What is written at once is read at once, up to its end, and is the same value, types and all; but for a float
        that looks like the head of a list, such as -0.0."""
        data = written(value)
        if data is not None and b"\x84\x80" not in data:
            found = read(data + after)
            self.assertIsNotNone(found)
            self.assertEqual((shape(value), len(data)), (shape(found[0]), found[1]))

    @searched(600)
    @given(
        st.one_of(VALUE.map(lambda value: graph.jelly(value, TASTER)), ODD),
        st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=2),
    )
    def test_meant(self, sexp: Any, changes: list[tuple[int, int]]) -> None:
        """Whatever a peer sends: what is read at once is what is read by way of an expression, which takes no more memory
        than is expected of it."""
        data = bytearray(wire.encode(sexp, WORDS))
        for place, byte in changes:
            data[place % len(data)] = byte
        self.compare(bytes(data))

    @searched(600)
    @given(STREAM)
    def test_nonsense(self, data: bytes) -> None:
        """So it is with what makes no sense."""
        self.compare(data)

    def compare(self, data: bytes) -> None:
        """Both ways."""
        found = read(data)
        if found is not None:
            value, stop = found
            other, left = by_expression(data, Limits(expression_bytes=plain.COST * stop))
            self.assertEqual((shape(other), left), (shape(value), len(data) - stop))

    def test_most(self) -> None:
        """Most values of everyday programs are read and written at once, up to the sizes that `plain` names."""
        for value in (
            {"name": "Ada", "language": "français", "list": [1, -2, 2.5, None, True, False, b"x"], "version": {}},
            (), [], {}, "", b"", "list", b"list", 0, -(2**62), 2**441 - 1, _nested(plain.DEEPEST),
            [1] * plain.MOST_ITEMS, "x" * wire.MOST_HEADS, b"x" * plain.LONGEST,
            {str(number): number for number in range(plain.MOST_ITEMS)}, set(range(plain.MOST_ITEMS)), {b"x": {1: 2.5}},
            frozenset(("a", (1, frozenset((2,))))), "x" * (wire.MOST_HEADS + 1), "é" * 200_000, {"k" * 500: 1},
            datetime.datetime(2026, 11, 28, 12, 30, fold=1), datetime.date(1, 1, 1), datetime.time(),
            datetime.timedelta(-1), decimal.Decimal("-1.50"), {(1, 2): None},
        ):  # fmt: skip
            data = written(value)
            self.assertIsNotNone(data, value)
            found = read(data or b"")
            self.assertEqual((shape(value), len(data or b"")), (shape(found[0]), found[1]))
        for value in (
            _nested(plain.DEEPEST + 1), "x" * (plain.LONGEST + 1), 2**441, {1: object()}, {object()},
            decimal.Decimal("nan"), datetime.time(tzinfo=datetime.timezone.utc), decimal.Decimal(2**441),
            "\ud800", bytearray(b"x"), object(),
        ):  # fmt: skip
            self.assertIsNone(written(value), value)

    def test_shared(self) -> None:
        """What holds a list or dictionary twice is not written at once: only a reference is sent for the second."""
        for shared in ([], {}, (), set(), frozenset((1,))):
            self.assertIsNone(written([shared, shared]))
        cycle: list[Any] = []
        cycle.append(cycle)
        self.assertIsNone(written(cycle))
        self.assertIsNotNone(written([[], [], {}, {}, set(), set()]))
        moment = datetime.datetime(2026, 11, 28)
        self.assertIsNotNone(written([moment, moment]))

    def test_large(self) -> None:
        """Large byte strings are parts of their own, so that nobody need copy them; longer ones than may be sent are left
        to those who say so."""
        chunks: list[bytes] = []
        notes = [None, False]
        large = bytes(wire.LARGE + 1)
        self.assertTrue(plain.write(([large, b"x", large],), chunks, notes, len(large)))
        self.assertEqual([None, True], notes)
        parts = wire.parts_of(chunks)
        self.assertEqual(2, sum(part is large for part in parts))
        self.assertEqual(wire.encode(graph.jelly([large, b"x", large], TASTER), WORDS), b"".join(parts))
        self.assertIsNone(written(large, len(large) - 1))
        for many in ([1] * 1021, [1] * 1022, [1] * 1023, [1] * 20_000):
            self.assertEqual(wire.encode(graph.jelly(many, TASTER), WORDS), written(many))
            self.assertIsNone(written(many, len(many)))
            self.assertIsNotNone(written(many, len(many) + 1))

    def test_changed_meanwhile(self) -> None:
        """Whatever finalizers do to a list or dictionary as it is written, what is written is whole."""

        class Cycle:
            """Something that a collection finds."""

            def __init__(self, holder: Any) -> None:
                self.me = self
                self.holder = holder

            def __del__(self) -> None:
                if type(self.holder) is list:
                    self.holder.append(1)
                else:
                    self.holder["more"] = 1

        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        # Collections are to look at what is made here, not at all that the tests brought in.
        gc.freeze()
        self.addCleanup(gc.unfreeze)
        kinds: tuple[Any, ...] = (
            lambda: [(number,) for number in range(60)],
            lambda: {f"k{number}": (number,) for number in range(60)},
        )
        for make in kinds:
            sizes = set()
            for threshold in range(1, 150):
                holder = make()
                gc.collect()
                Cycle(holder)
                gc.set_threshold(threshold, 1, 1)
                data = written(holder)
                gc.set_threshold(700, 10, 10)
                if data is not None:
                    value, left = by_expression(data, Limits())
                    self.assertEqual(0, left)
                    sizes.add(len(value))
            self.assertLessEqual(sizes, {60, 61})
            self.assertIn(60, sizes)
        gc.collect()

    def test_cut(self) -> None:
        """What is not all there is not read at once."""
        data = written({"name": ["text", b"bytes", 300, 2.5, None, True, ()]})
        assert data is not None
        for stop in range(len(data)):
            self.assertIsNone(read(data[:stop]), stop)

    def test_no_prefix(self) -> None:
        """A size that is not there is 0, also where what follows could be taken for one."""
        for data in (
            b"\x02\x80\x07\x82unicode\x82\x82", b"\x02\x80\x82\x82", b"\x02\x80\x82\x87", b"\x80\x80\x05\x87", b"\x82\x82",
            b"\x02\x80\x05\x87\x02\x80\x07\x82unicode\x82\x82", b"\x02\x80\x03\x82set\x80", b"\x02\x80\x03\x82set\x82\x82",
        ):  # fmt: skip
            self.compare(data + b"x" * 300)
            self.compare(data)
        for tag in (b"\x80\x82set", b"\x04\x82set", b"\x04\x82set\x05", b"\x05\x82date\x01"):
            self.compare(b"\x01\x80" + tag)
            self.compare(b"\x02\x80" + tag)

    def test_usual(self) -> None:
        """It is known when a tag of a plain value is not allowed, or stands for something else."""
        allowed = TASTER.allowedTypes
        self.assertTrue(plain.are_usual(allowed, {b"x": 1}, {}))
        self.assertFalse(plain.are_usual(None, {}, {}))
        for tag in plain.TAGS:
            self.assertFalse(plain.are_usual({name: 1 for name in allowed if name != tag}, {}, {}), tag)
            self.assertFalse(plain.are_usual(allowed, {tag: dict}, {}), tag)
            self.assertFalse(plain.are_usual(allowed, {}, {tag: dict}), tag)
        for error in (BananaError, InsecureJelly):
            self.assertFalse(issubclass(error, plain.UNREADABLE))
