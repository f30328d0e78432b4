"""The two codecs do the same: values, with what is shared in them, bytes and errors.

The pure one (`core.wire`, `core.graph`) is the specification, and is what the compiled one is compared with here.  Where
the compiled one was not built, there is nothing to compare.
"""

from __future__ import annotations

import contextlib
import datetime
import decimal
import gc
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from spreadlite import jelly, pb
from spreadlite.core import codec, graph, wire
from spreadlite.core.errors import BananaError, InsecureJelly
from spreadlite.core.graph import Jellyable, Unjellyable
from spreadlite.core.limits import ITEM_COST, LIST_COST, WORD_COST, Limits
from spreadlite.core.policy import DummySecurityOptions, SecurityOptions
from spreadlite.core.registry import Registry
from spreadlite.core.vocabulary import PREFIX_LIMIT, SIZE_LIMIT, WORDS
from tests.hostile.test_limits import crowd
from tests.strategies import BYTES, CUTS, EXPRESSION, FLOAT, INTEGER, STREAM, TEXT, built, cut, plans, searched, shape

compiled = codec.compiled
NUMBERS = {number: word for word, number in WORDS.items()}
OWN_WORDS = {b"list": 300, b"abc": 2, b"": 1, b"error": 7}
OWN_NUMBERS = {number: word for word, number in OWN_WORDS.items()}
#: How long some strings are: on both sides of what is treated as large.
LARGE_STRINGS = st.lists(
    st.one_of(
        st.sampled_from((0, 1, 16_383, 16_384, 16_385, wire.LARGE - 1, wire.LARGE, wire.LARGE + 1, 200_000)),
        st.integers(0, 100_000),
    ),
    max_size=5,
)
NOT_BUILT = None if compiled is not None else "the compiled codec was not built"


class Invoker:
    """As much of a broker as hooks ask for; it notes what is registered."""

    serializingPerspective = "for"
    unserializingPerspective = "from"

    def __init__(self) -> None:
        self.registered: list[int] = []
        self.number = 0

    def registerReference(self, object: Any) -> int:
        self.registered.append(id(object))
        self.number += 1
        return self.number

    def sendDecRef(self, luid: Any) -> None:
        pass


class Copied(pb.Copyable):
    """A copy with nothing of its own."""


class OwnState(pb.Copyable):
    """A copy whose state, and whose tag, are made when they are asked for."""

    def getTypeToCopyFor(self, perspective: Any) -> Any:
        return "own state" if perspective == "for" else "?"

    def getStateToCopy(self) -> Any:
        return {b"bytes": 1, "held": dict(self.__dict__), "again": self}


class Received(pb.RemoteCopy):
    """A copy that arrived."""


class Told(pb.RemoteCopy):
    """A copy that arrived, with a method for its state, and one for when all is there."""

    def setCopyableState(self, state: Any) -> None:
        self.told = sorted(map(repr, state or ()))
        self.__dict__.update((str(name), value) for name, value in (state or {}).items())

    def postUnjelly(self) -> None:
        self.posted = len(self.__dict__)


class Jellied(Jellyable, Unjellyable):
    """An object with the plain hooks."""


class Custom(Jellyable):
    """An object that makes its own expression, with each of the means that it has."""

    def jellyFor(self, jellier: Any) -> Any:
        expression = jellier.prepare(self)
        expression.append(b"custom")
        for name, value in self.__dict__.items():
            expression.append([name.encode(), jellier.jelly(value)])
        met = jellier._checkMutable(self)
        expression.append(met if met is not None else 0)
        return jellier.preserve(self, expression)


class CustomRead(Unjellyable):
    """What stands for `Custom`."""

    def unjellyFor(self, unjellier: Any, expression: Any) -> Any:
        for pair in expression[1:-1]:
            self.__dict__[pair[0].decode()] = None
            unjellier.unjellyInto(self.__dict__, pair[0].decode(), pair[1])
        self.me = unjellier.unjelly(expression[-1])
        return self


class Plain:
    """An object of a class that nobody registered."""


def make(state: Any) -> Any:
    """A factory."""
    result = Received()
    result.made = state
    return result


def registry() -> Registry:
    """What the objects of this module are read as."""
    found = Registry()
    found.classes.update(jelly.unjellyableRegistry)
    for cls in (Copied, OwnState, Jellied, Custom):
        name = "own state" if cls is OwnState else f"{cls.__module__}.{cls.__qualname__}"
        found.classes[name.encode()] = {Copied: Received, OwnState: Told, Jellied: Jellied, Custom: CustomRead}[cls]
    found.classes[b"custom"] = CustomRead
    found.factories[b"made"] = make
    return found


def options() -> SecurityOptions:
    """Security options for what `registry` has."""
    taster = SecurityOptions()
    taster.allowBasicTypes()
    taster.allowTypes("custom", "made", "own state", "remote", "copy", "class", "module", "function", "method")
    taster.allowInstancesOf(Plain)
    return taster


class Asked(SecurityOptions):
    """Security options of an application, which note what they are asked."""

    def __init__(self, refused: frozenset[bytes] = frozenset()) -> None:
        super().__init__()
        self.allowBasicTypes()
        self.asked: list[Any] = []
        self.refused = refused

    def isTypeAllowed(self, typeName: Any) -> bool:
        self.asked.append(typeName)
        return typeName not in self.refused


CLASSES: dict[str, type] = {"copy": Copied, "jellied": Jellied, "custom": Custom, "remote": pb.Referenceable}
OWN_CLASSES: dict[str, type] = {"copy": OwnState, "jellied": Jellied, "custom": Plain, "remote": pb.Root}


def outcome(call: Callable[..., Any], *args: Any, **kw: Any) -> tuple[Any, ...]:
    """What a call comes to: its value, or its error's type and text."""
    try:
        return ("value", call(*args, **kw))
    except Exception as error:
        return ("error", type(error), str(error), type(error.__cause__))


def seen(result: tuple[Any, ...]) -> Any:
    """An outcome in a form that shows identities and bits."""
    return ("value", shape(result[1])) if result[0] == "value" else result


def bits(expression: Any) -> Any:
    """An expression in a form that shows the bits of floats and the types of integers."""
    if isinstance(expression, list):
        return [bits(item) for item in expression]
    return (type(expression).__name__, shape(expression))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Warnings are not looked at."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Odd(int):
    """An integer of an application."""


class Day(datetime.date):
    """A date of an application's."""


class OddList(list):  # type: ignore[type-arg]
    """A list of an application."""


ODD = st.one_of(
    st.none(), st.booleans(), st.text(max_size=3), st.integers(-5, 5).map(Odd), st.just(OddList([1, b"list"]))
)
SENT = st.recursive(
    st.one_of(INTEGER, FLOAT, BYTES, BYTES, ODD),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.lists(inner, max_size=5), st.lists(inner).map(tuple)),
    max_leaves=20,
)
WORD_TABLES = st.sampled_from([None, WORDS, dict(WORDS), OWN_WORDS, {**WORDS, b"abc": 99}])
BOUNDS = st.fixed_dictionaries(
    {"size_limit": st.sampled_from([0, 1, 5, 23, 24, 127, 128, 1024, SIZE_LIMIT, 2.5]),
     "prefix_limit": st.sampled_from([0, 1, 5, 9, 10, PREFIX_LIMIT, 100])}
)  # fmt: skip


class EncodeTests(SynchronousTestCase):
    """`encode`."""

    skip = NOT_BUILT

    @searched(400)
    @given(SENT, WORD_TABLES, BOUNDS, st.sampled_from([0, 1, 2, 3, 1250]))
    def test_alike(self, expression: Any, words: Any, bounds: dict[str, int], depth: int) -> None:
        """The bytes are the same, and so are the errors, at any limits."""
        expected = outcome(wire.encode, expression, words, depth=depth, **bounds)
        self.assertEqual(expected, outcome(compiled.encode, expression, words, depth=depth, **bounds))

    @searched(100)
    @given(LARGE_STRINGS, st.booleans())
    def test_parts(self, sizes: list[int], text: bool) -> None:
        """In parts, the bytes are the same too, whichever makes them, and large strings are not copied."""
        strings = [b"x" * size for size in sizes]
        expression = [b"answer", 7, [[b"unicode", string] if text else string for string in strings], b"more"]
        expected = wire.encode(expression, WORDS)
        for encode_parts in (wire.encode_parts, compiled.encode_parts):
            parts = encode_parts(expression, WORDS)
            large = [string for string in strings if len(string) > wire.LARGE]
            if not large:
                self.assertEqual(expected, parts)
                continue
            self.assertEqual(expected, b"".join(parts))
            wanted = [id(string) for string in large]
            self.assertEqual(wanted, [id(part) for part in parts if id(part) in wanted])
            self.assertNotIn(b"", parts)

    def test_limits(self) -> None:
        """Each limit holds exactly: what is at it is sent, and one more is refused."""
        nested: Any = []
        for _ in range(1249):
            nested = [nested]
        for expression, refused, bounds in (
            (b"x" * 30, b"x" * 31, {"size_limit": 30}),
            ([0] * 30, [0] * 31, {"size_limit": 30}),
            (2**448 - 1, 2**448, {}),
            (-(2**448) + 1, -(2**448), {}),
            (2**14 - 1, 2**14, {"prefix_limit": 2}),
            (nested, [nested], {}),
        ):
            for value in (expression, refused):
                expected = outcome(wire.encode, value, WORDS, **bounds)
                self.assertEqual(expected, outcome(compiled.encode, value, WORDS, **bounds))
                self.assertEqual("value" if value is expression else "error", expected[0])

    def test_prefixes(self) -> None:
        """An integer is sent if its prefix is no longer than may be, and else refused."""
        for limit in range(13):
            for size in range(13):
                for value in (2 ** (7 * size) - 1, 2 ** (7 * size)):
                    for number in (value, -value):
                        expected = outcome(wire.encode, [number], WORDS, prefix_limit=limit)
                        self.assertEqual(expected, outcome(compiled.encode, [number], WORDS, prefix_limit=limit))
                        packed = outcome(compiled.pack, [number], options(), prefix_limit=limit)
                        sent = outcome(wire.encode, [[b"list", number]], WORDS, prefix_limit=limit)
                        if limit > 1 or sent[0] == "error":
                            self.assertEqual(sent, outcome(compiled.encode, [packed[1]], WORDS, prefix_limit=limit))

    def test_other_numbers(self) -> None:
        """The words of the stock vocabulary may have other numbers, and some of them none, or others beside them."""
        numbers = list(WORDS.values())
        less = dict(WORDS)
        less.popitem()
        for words in (dict(zip(WORDS, reversed(numbers), strict=True)), less, {**WORDS, b"abc": 300}, dict(WORDS)):
            for expression in ([b"message", [b"list", b"error"]], [*WORDS, b"abc"]):
                self.assertEqual(wire.encode(expression, words), compiled.encode(expression, words))
                packed = [compiled.pack([], options()), *expression]
                self.assertEqual(wire.encode([[b"list"], *expression], words), compiled.encode(packed, words))

    def test_arguments(self) -> None:
        """Arguments have the same names."""
        for args, kw in (((), {}), (([],), {}), (([], None, 1, 2, 3, 4), {}), (([], None), {"no": 1})):
            self.assertRaises(TypeError, compiled.encode, *args, **kw)
        self.assertEqual(b"\x00\x80", compiled.encode(expression=[], words=None, size_limit=1, prefix_limit=1, depth=1))


def events(decoder: Any, chunks: list[bytes], words: Any, bounds: dict[str, int]) -> list[Any]:
    """Everything that a decoder says while it is fed."""
    said: list[Any] = []
    for chunk in chunks:
        decoder.feed(chunk)
        while True:
            result = outcome(decoder.next, words, **bounds)
            if result[0] == "value" and result[1] is not wire.NEED_DATA:
                item = result[1]
                if isinstance(item, list):
                    packed = (wire.Packed, compiled.Packed)
                    item = [part.expression() if type(part) in packed else part for part in item]
                said.append(bits(item))
                continue
            said.append("more" if result[0] == "value" else result)
            break
        said.append(decoder.unfinished)
    return said


TAG = st.sampled_from(
    [b"unicode", b"None", b"boolean", b"list", b"tuple", b"dictionary", b"set", b"frozenset", b"reference", b"dereference",
     b"reference", b"dereference", b"decimal", b"datetime", b"date", b"time", b"timedelta", b"custom", b"made",
     b"own state", b"remote", b"local", b"cached", b"lcache", b"unpersistable", b"persistent", b"instance", b"class",
     b"module", b"method", b"nothing", b"a.b", b"tests.core.test_twins.Copied", b"tests.core.test_twins.Plain",
     b"tests.core.test_twins.Jellied", b"copy"]
)  # fmt: skip
SMALL = st.one_of(st.integers(-1, 4), st.sampled_from([b"true", b"false", b"a", b"\xff", b"k", b"1 2 3"]), FLOAT)


def tagged(inner: Any) -> Any:
    """Lists that are often what a tag asks for, and often not."""
    part = st.one_of(inner, inner, SMALL)
    pair = st.tuples(part, part).map(list)
    return st.one_of(
        st.builds(lambda tag, rest: [tag, *rest], TAG, st.lists(part, max_size=4)),
        st.builds(lambda pairs: [b"dictionary", *pairs], st.lists(pair, max_size=4)),
        st.builds(lambda number, item: [b"reference", number, item], st.integers(1, 3), part),
        st.builds(lambda number: [b"dereference", number], st.integers(1, 3)),
        st.builds(lambda text: [b"unicode", text.encode()], TEXT),
        st.builds(lambda tag, state: [tag, state], st.sampled_from([b"own state", b"tests.core.test_twins.Copied"]), part),
        st.lists(part, max_size=3),
    )


JELLIED = tagged(st.recursive(tagged(SMALL), tagged, max_leaves=12))


@st.composite
def mutated(draw: Any, items: Any = EXPRESSION) -> bytes:
    """Bytes that were right, with some of them changed, removed or put in."""
    data = bytearray(b"".join(wire.encode(item, WORDS) for item in draw(st.lists(items, max_size=3))))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(data)))
        change = draw(st.integers(0, 2))
        if change == 0:
            data[place:place] = draw(st.binary(min_size=1, max_size=2))
        elif change == 1:
            del data[place : place + 1]
        else:
            data[place : place + 1] = bytes((draw(st.integers(0, 255)),))
    return bytes(data)


@st.composite
def messages(draw: Any) -> bytes:
    """Messages with values in them, most of them right."""
    rows = st.dictionaries(st.one_of(TEXT, TEXT, st.just("k" * 130), SMALL), st.one_of(TEXT, SMALL, st.none()), max_size=4)
    value = st.one_of(JELLIED, rows.map(lambda row: graph.jelly([row, row.copy(), True], DummySecurityOptions())))
    message = st.lists(value, max_size=2).map(lambda values: [b"message", 7, *values])
    return draw(mutated(message)) if draw(st.booleans()) else wire.encode(draw(message), WORDS)


READ_TABLES = st.sampled_from([None, NUMBERS, NUMBERS, dict(NUMBERS), OWN_NUMBERS])
LIMITS = st.sampled_from(
    [Limits(), Limits(), Limits(expression_bytes=200), Limits(expression_bytes=90), Limits(expression_depth=2),
     Limits(expression_depth=1), Limits(expression_bytes=100.5, expression_depth=2.5)]  # type: ignore[arg-type]
)  # fmt: skip


class DecoderTests(SynchronousTestCase):
    """`Decoder`."""

    skip = NOT_BUILT

    def check(self, data: bytes, cuts: list[int], words: Any, bounds: Any, limits: Limits) -> None:
        chunks = cut(data, cuts)
        expected = events(wire.Decoder(limits), chunks, words, bounds)
        self.assertEqual(expected, events(compiled.Decoder(limits), chunks, words, bounds))
        for shallow in (compiled.Decoder(limits), wire.Decoder(limits)):
            shallow.shallow = True
            self.assertEqual(expected, events(shallow, chunks, words, bounds))

    @searched(400)
    @given(STREAM, CUTS, READ_TABLES, BOUNDS, LIMITS)
    def test_anything(self, data: bytes, cuts: list[int], words: Any, bounds: Any, limits: Limits) -> None:
        """Of any bytes, however they come, the same expressions are made, and the same error ends them."""
        self.check(data, cuts, words, bounds, limits)

    @searched(400)
    @given(mutated(), CUTS, READ_TABLES, BOUNDS, LIMITS)
    def test_nearly_right(self, data: bytes, cuts: list[int], words: Any, bounds: Any, limits: Limits) -> None:
        """The same where the bytes are nearly right, or altogether."""
        self.check(data, cuts, words, bounds, limits)

    @searched(600)
    @given(messages(), CUTS, READ_TABLES, BOUNDS, LIMITS)
    def test_messages(self, data: bytes, cuts: list[int], words: Any, bounds: Any, limits: Limits) -> None:
        """The same of what jelly makes, or nearly: what is read in one go is what it is when it comes in pieces."""
        self.check(data, cuts, words, bounds, limits)

    @searched(150)
    @given(
        LARGE_STRINGS,
        st.lists(st.one_of(st.integers(1, 100), st.integers(1, 100_000)), min_size=1, max_size=30),
        st.sampled_from((NUMBERS, None)),
        st.booleans(),
        st.one_of(st.just(Limits()), st.builds(Limits, expression_bytes=st.integers(1, 400_000))),
    )
    def test_long_strings(self, sizes: list[int], steps: list[int], words: Any, deep: bool, limits: Limits) -> None:
        """Strings that do not arrive whole are the same, wherever they are, and so is what stands around them."""
        strings: Any = [bytes((65 + place % 26,)) * size for place, size in enumerate(sizes)]
        if deep:
            strings = [b"tuple", [strings, b"x"], *strings]
        message = [b"message", 7, strings, 2.5, strings, []]
        data = 2 * wire.encode(message, WORDS if words else None)
        cuts = []
        place = 0
        while place < len(data):
            # The same steps over and over, longer each time, so that they are not too many.
            place += steps[len(cuts) % len(steps)] * (1 + len(cuts) // len(steps))
            cuts.append(place)
        self.check(data, cuts, words, {"size_limit": 1_000_000}, limits)

    def test_limits(self) -> None:
        """Each limit holds exactly, whether lists are made or kept as bytes."""
        inner = [b"12345", 7, [b"list", []]]
        cost = LIST_COST + ITEM_COST + LIST_COST + 5 + 2 * ITEM_COST + LIST_COST + WORD_COST + LIST_COST
        data = wire.encode([b"message", inner], WORDS)
        cost += WORD_COST - ITEM_COST
        for limits, bounds, good in (
            (Limits(expression_bytes=cost), {}, True),
            (Limits(expression_bytes=cost - 1), {}, False),
            (Limits(expression_depth=3), {}, True),
            (Limits(expression_depth=2), {}, False),
            (Limits(), {"size_limit": 5}, True),
            (Limits(), {"size_limit": 4}, False),
            (Limits(), {"size_limit": 5, "prefix_limit": 1}, True),
            (Limits(), {"prefix_limit": 0}, False),
        ):
            for cuts in ([], list(range(len(data)))):
                self.check(data, cuts, NUMBERS, bounds, limits)
            said = events(wire.Decoder(limits), [data], NUMBERS, bounds)
            self.assertEqual(good, said[-2] == "more", (limits, bounds, said))

    def test_limits_of_text(self) -> None:
        """Each limit holds exactly for text too, however deep it is."""
        for size in (3, 126, 127, 128, 300):
            message: Any = [b"message", [b"unicode", b"x" * size]]
            for depth in range(2, 6):
                data = wire.encode(message, WORDS)
                # And a little less than it costs.
                cost = (depth - 1) * (LIST_COST + WORD_COST) + size
                told = set()
                for limits, bounds in (
                    *((Limits(expression_depth=limit), {}) for limit in range(1, 7)),
                    *((Limits(expression_bytes=cost + more), {}) for more in range(0, 150)),
                    *((Limits(), {"size_limit": size + more}) for more in (-1, 0, 1)),
                ):
                    self.check(data, [], NUMBERS, bounds, limits)
                    told.add(events(wire.Decoder(limits), [data], NUMBERS, bounds)[-2])
                self.assertLess(1, len(told))
                message = [b"message", [b"list", *message[1:]]]

    def test_packed(self) -> None:
        """A shallow decoder leaves the lists in a list as they are, for whoever wants them; the scalars are made."""
        decoder = compiled.Decoder()
        decoder.shallow = True
        decoder.feed(wire.encode([b"message", 5, 2.5, [b"list", [b"x"]], []], WORDS))
        word, number, real, packed, empty = decoder.next(NUMBERS)
        self.assertEqual((b"message", 5, 2.5), (word, number, real))
        self.assertEqual([b"list", [b"x"]], packed.expression())
        self.assertIsNot(packed.expression(), packed.expression())
        self.assertEqual("<Packed [b'list', [b'x']]>", repr(packed))
        self.assertEqual([], empty.expression())
        self.assertRaises(TypeError, compiled.Packed)

    def test_packed_depths(self) -> None:
        """What was left as it is may be sent on where it is no deeper than may be sent."""
        for leaf in (5, b"x", [], [b"list"], [b"unicode", b"text"], [b"unicode", b"x" * 200], [b"None"], [[], 5], [[5]]):
            expression: Any = leaf if type(leaf) is list else [leaf]
            for _ in range(5):
                data = wire.encode([b"message", expression], WORDS)
                for cuts in ([], list(range(len(data)))):
                    decoder = compiled.Decoder()
                    decoder.shallow = True
                    *_, message = [decoder.feed(chunk) or decoder.next(NUMBERS) for chunk in cut(data, cuts)]
                    for depth in range(1, 10):
                        expected = outcome(wire.encode, [b"message", expression], WORDS, depth=depth)
                        self.assertEqual(expected, outcome(compiled.encode, message, WORDS, depth=depth))
                expression = [b"list", expression]

    def test_other_words(self) -> None:
        """With another vocabulary than the stock one, or none, lists are made: bytes would mean something else."""
        for words, sent in ((None, None), (OWN_NUMBERS, OWN_WORDS)):
            decoder = compiled.Decoder()
            decoder.shallow = True
            decoder.feed(wire.encode([b"list", [b"list"]], sent))
            self.assertEqual([b"list", [b"list"]], decoder.next(words))

    def test_bound(self) -> None:
        """New limits hold for an expression that has begun."""
        for decoder in (wire.Decoder(), compiled.Decoder()):
            decoder.feed(b"\x02\x80\x01\x81")
            self.assertIs(wire.NEED_DATA, decoder.next(None))
            decoder.bound(Limits(expression_bytes=100))
            decoder.feed(b"\x02\x81")
            error = self.assertRaises(BananaError, decoder.next, None)
            self.assertEqual("an expression that takes more than 100 bytes of memory", str(error))

    def test_longer_strings(self) -> None:
        """Whoever has assigned more to ``SIZE_LIMIT`` than one message may take has strings that long, and a MiB beside
        them, unless they gave a bound, or nobody has logged in yet."""
        size, text = 70 << 20, bytes(70 << 20)
        head = b"\x02\x80" + wire.prefix(size) + b"\x82"
        beside = b"x" * ((1 << 20) - LIST_COST - 2 * ITEM_COST)
        for kind in (wire.Decoder, compiled.Decoder):
            for more in (b"", b"x"):
                last = wire.encode(beside + more, None, size)
                decoder = kind()
                decoder.feed(head)
                self.assertIs(wire.NEED_DATA, decoder.next(None, size))
                decoder.feed(text)
                decoder.feed(last)
                if more:
                    error = self.assertRaises(BananaError, decoder.next, None, size)
                    self.assertEqual(f"an expression that takes more than {71 << 20} bytes of memory", str(error))
                else:
                    # Not by assertEqual, which would show how they differ.
                    self.assertTrue(decoder.next(None, size) == [text, beside])
            for limits in (Limits(expression_bytes=(64 << 20) + 1), Limits().before_login()):
                decoder = kind(limits)
                decoder.feed(head)
                error = self.assertRaises(BananaError, decoder.next, None, size)
                self.assertIn(f"more than {limits.expression_bytes} bytes", str(error))

    def test_claims(self) -> None:
        """A length that is only claimed takes no memory."""
        for data in (b"\x7f\x7f\x27\x82", b"\x7f\x7f\x27\x80" * 300, b"\x40\x80" * 1000):
            decoder = compiled.Decoder()
            decoder.feed(data)
            self.assertIs(wire.NEED_DATA, decoder.next(NUMBERS, 2**30))
            self.assertTrue(decoder.unfinished)


def as_lists(expression: Any) -> Any:
    """An expression without tuples in it."""
    return list(map(as_lists, expression)) if isinstance(expression, (list, tuple)) else expression


class Compared(SynchronousTestCase):
    """What both codecs do with objects, and with expressions."""

    skip = NOT_BUILT

    def check(self, make: Callable[[], Any], taster: Any, invoked: bool = True, **bounds: Any) -> None:
        """What *make* makes is sent alike and read alike by both."""
        value = make()
        depth = bounds.pop("depth", 400)
        brokers = [Invoker() if invoked else None for _ in range(4)]
        expected = outcome(graph.jelly, value, taster, None, brokers[0], depth)
        listed = outcome(compiled.jelly, value, taster, None, brokers[1], depth)
        packed = outcome(compiled.pack, value, taster, brokers[2], depth, **bounds)
        short = outcome(graph.pack, value, taster, brokers[3], depth)
        light = outcome(compiled.pack_light, value, taster, depth, **bounds)
        if light[0] == "error":
            self.assertEqual(packed, light)
        elif light[1] is not None:
            message, other = [b"message", packed[1]], [b"message", light[1]]
            self.assertEqual(
                outcome(compiled.encode, message, WORDS, **bounds), outcome(compiled.encode, other, WORDS, **bounds)
            )
        if expected[0] == "error":
            self.assertEqual([expected] * 3, [listed, packed, short])
        else:
            self.assertEqual(shape(expected[1]), shape(listed[1]))
            sent = outcome(wire.encode, [b"message", expected[1]], WORDS, **bounds)
            self.assertEqual(sent, outcome(compiled.encode, [b"message", listed[1]], WORDS, **bounds))
            self.assertEqual(sent, outcome(compiled.encode, [b"message", packed[1]], WORDS, **bounds))
            self.short(short[1], expected[1], bounds)
            if sent[0] == "value" and type(packed[1]) is compiled.Packed:
                plain = outcome(wire.encode, [b"message", expected[1]], OWN_WORDS, **bounds)
                self.assertEqual(plain, outcome(compiled.encode, [b"message", packed[1]], OWN_WORDS, **bounds))
                self.read(packed[1].expression(), taster, invoked, depth)
        if invoked:
            first, *others = [broker.registered for broker in brokers if broker is not None]
            self.assertEqual([first] * 3, others)

    def short(self, packed: Any, expression: Any, bounds: Any) -> None:
        """What the pure codec packed is sent as the expression is, and stands for it."""
        for words in (WORDS, None, OWN_WORDS):
            for depth in (1250, 3, 5):
                sent = [
                    outcome(wire.encode, (b"message", it), words, depth=depth, **bounds) for it in (expression, packed)
                ]
                self.assertEqual(sent[0], sent[1])
        if type(packed) is wire.Packed:
            self.assertEqual(bits(as_lists(expression)), bits(packed.expression()))

    def read(self, expression: Any, taster: Any, invoked: bool = True, depth: int = 400, found: Any = None) -> Any:
        """The expression is read alike, as a list and as bytes."""
        found = found or registry()
        results = []
        decoder = compiled.Decoder(Limits(expression_depth=10**6))
        decoder.shallow = True
        decoder.feed(wire.encode([b"message", expression], WORDS, depth=10**6))
        packed = decoder.next(NUMBERS)[1]
        short = wire.Decoder(Limits(expression_depth=10**6))
        short.shallow = True
        short.feed(wire.encode([b"message", expression], WORDS, depth=10**6))
        asked = []
        for call, source in (
            (lambda *args: graph.unjelly(args[0], args[1], None, args[2], found, depth), expression),
            (lambda *args: compiled.unjelly(args[0], args[1], None, args[2], found, depth), expression),
            (lambda *args: compiled.unpack(args[0], args[1], args[2], depth, found), packed),
            (lambda *args: compiled.unpack(args[0], args[1], args[2], depth, found), expression),
            (lambda *args: graph.unpack(args[0], args[1], args[2], found, depth), short.next(NUMBERS)[1]),
        ):
            if isinstance(taster, Asked):
                taster.asked.clear()
            broker = Invoker() if invoked else None
            result = outcome(call, source, taster, broker)
            results.append(without_broker(seen(result)))
            if isinstance(taster, Asked):
                asked.append(list(taster.asked))
        self.assertEqual([results[0]] * 4, results[1:])
        if expression not in ([b"tuple"], [b"dictionary"]):
            # Of these the pure codec may ask twice.
            self.assertEqual(asked[:1] * len(asked), asked)
        return results[0]


class GraphTests(Compared):
    """`jelly`, `pack`, `unjelly` and `unpack`, for graphs of objects."""

    @searched(400)
    @given(plans(), st.booleans(), st.booleans())
    def test_graphs(self, plan: Any, own: bool, invoked: bool) -> None:
        """Any graph of objects: shared ones, cycles, copies, hooks, references."""
        self.check(lambda: built(plan, OWN_CLASSES if own else CLASSES), options(), invoked)

    @searched(100)
    @given(plans(), st.sampled_from([0, 1, 2, 3]), st.sampled_from([8, 23, 24, 30]), st.sampled_from([2, 9, 10]))
    def test_limits(self, plan: Any, depth: int, size: int, prefix: int) -> None:
        """Any graph, at limits that it is near to."""
        self.check(lambda: built(plan, CLASSES), options(), depth=depth)
        self.check(lambda: built(plan, CLASSES), options(), size_limit=size, prefix_limit=prefix)

    @searched(100)
    @given(plans(), st.sets(st.sampled_from([b"list", b"tuple", b"unicode", b"builtins.str", b"builtins.list"])))
    def test_asked(self, plan: Any, refused: Any) -> None:
        """Security options of an application are asked the same, in the same order."""
        self.check(lambda: built(plan, CLASSES), Asked(frozenset(refused)))
        taster = options()
        for name in refused:
            taster.allowedTypes.pop(name, None)
        self.check(lambda: built(plan, CLASSES), taster)
        everything = DummySecurityOptions()
        self.check(lambda: built(plan, CLASSES), everything)

    def test_light(self) -> None:
        """Without hooks is packed what has none in it; where one would be called, or a taster asked, nothing is."""
        shared = [1, 2.5, "text", b"bytes", None, True, datetime.date(2026, 1, 2), decimal.Decimal("1.5")]
        plain = {"a": shared, "b": (shared, {1, 2}), "c": frozenset((b"x",))}
        packed = compiled.pack_light(plain, options())
        self.assertEqual(compiled.pack(plain, options()).expression(), packed.expression())
        for same in (b"bytes", 7, 2.5):
            self.assertIs(same, compiled.pack_light(same, options()))
        for hooked in (Copied(), Jellied(), pb.Referenceable(), Copied().getStateToCopy):
            for value in (hooked, [1, {"a": (hooked,)}], [hooked] * 3):
                self.assertIs(None, compiled.pack_light(value, options()))
        large = b"x" * (wire.LARGE + 1)
        self.assertIs(large, compiled.pack_light(large, options()))
        for held, light in (((large[1:],), True), ((large, [1]), True), ([large], True), ([large * 4], False)):
            self.assertEqual(light, compiled.pack_light(held, options()) is not None, "it would be copied")
        leaves = compiled.pack_light((1, large, "x"), options())
        self.assertEqual([b"tuple", 1, large, [b"unicode", b"x"]], leaves)
        self.assertIs(large, leaves[2], "it was copied")
        taster = Asked(frozenset())
        self.assertIs(None, compiled.pack_light(plain, taster))
        self.assertEqual([], taster.asked)
        self.assertEqual([[b"tuple", 1, [b"unicode", b"x"]], [b"None"]], [
            codec.pure_pack_light((1, "x"), options()), codec.pure_pack_light(None, options())
        ])  # fmt: skip
        self.assertIs(None, codec.pure_pack_light((1, Copied()), options()))

    def test_held_once(self) -> None:
        """What is referred to once, twice, or by what it has in it, is sent as that, whoever else refers to it."""
        shared: list[Any] = []
        inner: list[Any] = [[], (), {}]
        # A cycle to which nothing refers but the list around it.
        cycle: Any = [[[1]]]
        cycle[0][0].append(cycle[0])
        around: Any = [[{"me": None}]]
        around[0][0]["me"] = around[0]
        keys = {((1, 2), (3,)): [[4]], frozenset(((5,),)): {(6,)}}
        own: Any = []
        own.append(own)
        tied: Any = []
        tied.append((tied,))
        for value in ([shared, shared], ([[]], [[], []]), [inner, inner[0]], cycle, [cycle], around, [around, [around]],
                      keys, [keys, dict(keys)], own, [own], tied, tied[0], (tied[0], 1), [[1], [shared]] * 2):  # fmt: skip
            self.check(lambda value=value: value, options())
        for kept in (False, True):
            made = [[[number], {"a": [number]}] for number in range(20)]
            holders = made[3] if kept else None
            self.check(lambda made=made: made, options())
            self.assertEqual(kept, holders is not None)
        self.assertEqual(
            [b"list", [b"list", [b"list", 1]], [b"reference", 1, [b"list", 2]], [b"dereference", 1]],
            compiled.pack_light([[[1]], *[[2]] * 2], options()).expression(),
        )

    def test_depth(self) -> None:
        """Values within values: at the limit they go through, and one more is refused; in both directions."""
        nested: Any = []
        for _ in range(9):
            nested = [nested]
        self.check(lambda: nested, options(), depth=10)
        self.check(lambda: nested, options(), depth=9)
        expression = graph.jelly(nested, options())
        self.assertEqual("value", self.read(expression, options(), depth=10)[0])
        self.assertEqual("error", self.read(expression, options(), depth=9)[0])

    def test_recursion(self) -> None:
        """Where the limits allow more than Python's recursion, the error is of the same type, and says why."""
        nested: Any = []
        for _ in range(50_000):
            nested = [nested]
        expression: Any = [b"list"]
        for _ in range(50_000):
            expression = [b"list", expression]
        for call in (graph.jelly, compiled.jelly):
            error = self.assertRaises(BananaError, call, nested, options(), None, None, 10**6)
            self.assertIn("values nested too deep to be sent: maximum recursion depth exceeded", str(error))
            self.assertIsInstance(error.__cause__, RecursionError)
        self.assertRaises(BananaError, compiled.pack, nested, options(), None, 10**6)
        for call in (graph.unjelly, compiled.unjelly):
            error = self.assertRaises(InsecureJelly, call, expression, options(), None, None, Registry(), 10**6)
            self.assertIn("values nested too deep: maximum recursion depth exceeded", str(error))
            self.assertIsInstance(error.__cause__, RecursionError)
        # Taken apart here, because the interpreter's own way of letting go of it is as deep.
        while nested:
            nested = nested.pop()

    def test_cases(self) -> None:
        """Cases that once told codecs apart."""
        shared: list[Any] = [1]
        cycle: list[Any] = []
        cycle.append((cycle, {"k": cycle}))
        frozen: list[Any] = []
        frozen.append(frozenset((b"list", "list", ())))
        copied, holder, shadow = Copied(), OwnState(), Copied()
        copied.__dict__.update({"a": copied, "b": [copied, shared], b"bytes": holder})
        holder.__dict__.update({"a": shared, "c": copied})
        shadow.__dict__["jellyFor"] = lambda jellier: [b"unicode", b"shadow"]
        typed, stated = Copied(), Copied()
        typed.__dict__["getTypeToCopy"] = lambda: b"own state"
        stated.__dict__["getStateToCopyFor"] = lambda perspective: {"p": perspective}
        remote = pb.Referenceable()
        remote.__dict__["jellyFor"] = lambda jellier: [b"unicode", b"shadow"]
        same = pb.Referenceable()
        custom = Custom()
        custom.__dict__.update({"x": [shared, custom], "y": copied})
        jellied = Jellied()
        jellied.__dict__.update({"x": custom, "y": shared})
        for value in (
            None, True, False, 0, -0.0, float("nan"), float("inf"), b"", "", "é", "\U0001f600", "error", b"error",
            {b"error": "version", "password": "list", "list": b"list", None: (), 1: 2, 1.5: 3, False: 4},
            [(), (), (), [], [], frozenset(), set()], [shared, shared, (shared, {"a": shared})], cycle, frozen,
            {1, "a", b"a", 2.5, None, (1, 2)}, frozenset(range(300)), {str(n) for n in range(300)},
            {n: str(n) for n in range(300)}, {float(n): n for n in range(300)}, 2**447, -(2**448) + 1, 2**448, 10**400,
            [2**448, "x" * 700_000], ["x" * 700_000, 2**448], [copied, 2**448, custom], "\ud800", ["a", "\ud800"],
            datetime.datetime(2020, 1, 1, fold=1), datetime.timedelta(-1, 5), datetime.time(fold=1), datetime.time(23, 59),
            datetime.datetime.max, datetime.datetime.min, datetime.date.max, datetime.timedelta.min,
            datetime.timedelta.max, [datetime.date(1, 2, 3)] * 3, [datetime.time(tzinfo=datetime.timezone.utc)],
            Day(2026, 11, 28), [Day(1, 1, 1)], decimal.Decimal("-0.0"),
            decimal.Decimal("NaN"), decimal.Decimal(10**500), [decimal.Decimal(10**500), 2**448],
            datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc), datetime.time(1, 2, 3), datetime.date(1, 1, 1),
            copied, holder, [holder, copied, holder], shadow, [shadow, shadow], typed, stated, [typed, stated, typed],
            remote, same, [same, same, remote], custom, [shared, custom, shared, jellied], jellied, [jellied, copied],
            Plain(), [Plain(), 1], int, Custom, datetime, outcome, custom.jellyFor, [1].append, object(), Odd(3),
            OddList([1]), ..., [b"x" * 1_000_000], (copied, {"a": (shared, [custom])}, shared, custom),
        ):  # fmt: skip
            for invoked in (True, False):
                for taster in (options(), DummySecurityOptions(), Asked()):
                    with quiet():
                        self.check(lambda value=value: value, taster, invoked)

    def test_exact_limits(self) -> None:
        """What is as long, or as deep, as may be sent is sent, and what is longer by one is not."""
        for size in (29, 30, 31, 126, 127, 128, 129, 130):
            for bound in (size - 1, size, size + 1):
                for value in (
                    b"x" * size, "x" * size, "é" * (size // 2), [0] * size, (0,) * size, set(range(size)),
                    frozenset(range(size)), dict.fromkeys(range(size)),
                    {"k": b"x" * size}, [[0] * size], Holder(b"x" * size), Holder([0] * size),
                ):  # fmt: skip
                    self.check(lambda value=value: [value], options(), size_limit=bound)
        shared: list[Any] = [[[1]]]
        cycle: list[Any] = [[]]
        cycle[0].append(cycle)
        chain: list[Any] = [[1]]
        for _ in range(4):
            chain.insert(0, [chain[0]])
        remote, moment = pb.Referenceable(), datetime.date(2026, 11, 28)
        for value in (
            [shared, shared], [[shared], {"k": shared}], cycle, [cycle, cycle], [remote], [[remote, remote]], [[moment]],
            [["text"]], [[None]], [[True]], chain, Holder(chain),
            Holder(shared), [Holder([shared]), shared], Holder(Holder([])),
        ):  # fmt: skip
            expression = [b"message", graph.jelly(value, options(), None, Invoker())]
            packed = [b"message", compiled.pack(value, options(), Invoker())]
            for depth in range(1, 14):
                expected = outcome(wire.encode, expression, WORDS, depth=depth)
                self.assertEqual(expected, outcome(compiled.encode, packed, WORDS, depth=depth))

    def test_hooks_of_its_own(self) -> None:
        """An instance may have any of its class's hooks for itself."""
        for name, returned in (
            ("jellyFor", [b"None"]), ("getTypeToCopyFor", "own state"), ("getTypeToCopy", "own state"),
            ("getStateToCopyFor", {"state": 1}), ("getStateToCopy", {"state": 2}),
        ):  # fmt: skip
            for cls in (Copied, OwnState, pb.Referenceable):
                value: Any = cls()
                plain = shape(graph.jelly(value, options(), None, Invoker()))
                value.__dict__[name] = lambda *args, returned=returned: returned
                self.check(lambda value=value, cls=cls: [value, cls(), value], options())
                if cls is not pb.Referenceable:
                    self.assertNotEqual(plain, shape(compiled.jelly(value, options(), None, Invoker())), name)

    def test_exact_depths(self) -> None:
        """Values of whatever kind are sent as deep as limits say, whatever stands beside them, and no deeper."""
        copied = Copied()
        copied.__dict__["k"] = [1]
        for depth in range(1, 7):
            for value in (
                [(), (1,), ((2,),), [(3,)], (4,), {5: (6,)}], [{}, {1: {}}, {1: 2}, [[3]]],
                [{1}, frozenset((2,)), {(3,)}, [4]], [copied, (copied, [1])], [Holder([1]), Holder((2,)), [[3]]],
                [[pb.Referenceable()], [[None]], "x"],
            ):  # fmt: skip
                self.check(lambda value=value: value, options(), depth=depth)

    def test_first_error(self) -> None:
        """Of what cannot be sent, the first is told, whether a hook has made it or not."""
        huge, long, many = 2**448, b"x" * 101, [0] * 101
        for values in ((huge, long), (long, huge), (huge,), (long,), (5, huge, long), (many, huge), (huge, many, long)):
            for hooked in range(2 ** len(values)):
                items = [Returning(value) if hooked >> place & 1 else value for place, value in enumerate(values)]
                self.check(lambda items=items: [Returning(0), *items, Returning(1)], options(), size_limit=100)
                self.check(lambda items=items: [*items, items], options(), size_limit=100)

    def test_collections(self) -> None:
        """Garbage is collected while hooks run, and after what was sent or read, if it was before; else it is not."""
        seen: list[bool] = []

        def noting(*args: Any) -> int:
            seen.append(gc.isenabled())
            return 1

        found = registry()
        found.classes[b"custom"], found.factories[b"made"] = noting, noting

        class Noting(pb.RemoteCopy):
            """A copy that looks."""

            def setCopyableState(self, state: Any) -> None:
                noting()

        class Posted(pb.RemoteCopy):
            """Another."""

            def postUnjelly(self) -> None:
                noting()

        found.classes[b"noting"], found.classes[b"posted"] = Noting, Posted
        taster = options()
        taster.allowTypes("noting", "posted")
        self.addCleanup(gc.enable)
        for on in (True, False):
            (gc.enable if on else gc.disable)()
            seen.clear()
            for tag in (b"custom", b"made", b"noting", b"posted"):
                for expression in (
                    [tag, [b"dictionary"]],
                    [b"list", [b"reference", 1, [tag, [b"dictionary"]]], [tag, [b"list"]], [b"nonesuch"]],
                    [b"tuple", [b"dereference", 1], [tag, [b"dictionary"]], [b"reference", 1, [b"list"]]],
                ):  # fmt: skip
                    outcome(compiled.unjelly, expression, taster, None, Invoker(), found)
                    self.assertEqual(on, gc.isenabled())
            for value in ([Changing(noting), 1], [OwnState(), Changing(noting)], [Changing(lambda: 1 / 0)], [2**448]):
                outcome(compiled.pack, value, options(), Invoker())
                self.assertEqual(on, gc.isenabled())
                outcome(compiled.jelly, value, options(), None, Invoker())
                self.assertEqual(on, gc.isenabled())
            self.assertEqual({on}, set(seen))

    def test_moments(self) -> None:
        """Dates and times near what may be sent."""
        for moment in (datetime.datetime(2026, 11, 28), datetime.date.max, datetime.time(), datetime.timedelta.min):
            for bounds in ({"size_limit": size} for size in (4, 8, 9, 10, 24, 79, 80, 81)):
                self.check(lambda value=moment: [value, value], options(), **bounds)
            for prefix_limit in (0, 1, 2):
                self.check(lambda value=moment: [value], options(), prefix_limit=prefix_limit)
            for depth in range(1, 4):
                self.check(lambda value=moment: [value], options(), depth=depth)

    def test_changed_meanwhile(self) -> None:
        """A container that a hook changes while it is sent: the same items, or the same error."""
        for change in (lambda held: held.append(5), lambda held: held.clear(), lambda held: held.pop()):
            def changing(change: Any = change) -> Any:
                held: list[Any] = [1, None, 2, 3]
                held[1] = Changing(lambda: change(held))
                return held

            self.compare(changing)
        for change in (
            lambda held: held.clear(),
            lambda held: held.update(z=1),
            lambda held: held.update(a=9),
            # As many as before, but not the same.
            lambda held: held.update(z=held.pop("a")),
            lambda held: held.update(z=held.pop("c")),
        ):
            def changing_too(change: Any = change) -> Any:
                mapping: dict[str, Any] = {"a": 1, "b": None, "c": 2}
                mapping["b"] = Changing(lambda: change(mapping))
                return mapping

            self.compare(changing_too)

        def changing_set() -> Any:
            members: set[Any] = set()
            members.add(Changing(lambda: members.add(1)))
            return members

        self.compare(changing_set)

    def test_changed_and_too_long(self) -> None:
        """A list that is too long, and that a hook makes longer while it is sent, is refused like any other."""
        for many, bounds in ((200, {"size_limit": 100}), (20_000, {"size_limit": 15_000}), (SIZE_LIMIT, {})):
            for shared in ([], {}, ()):
                held: list[Any] = [shared, shared, *[1] * many]
                held.insert(2, Changing(lambda held=held: held.append(1)))
                packed = compiled.pack([held, shared], options(), Invoker(), **bounds)
                sent = outcome(compiled.encode, [b"message", packed], WORDS, **bounds)
                self.assertEqual(("error", BananaError), sent[:2])
                self.assertIn("items is too long to send; the limit is", str(sent))

    def compare(self, make: Callable[[], Any]) -> None:
        expected = outcome(graph.jelly, make(), options(), None, Invoker())
        self.assertEqual(seen(expected), seen(outcome(compiled.jelly, make(), options(), None, Invoker())))
        packed = outcome(compiled.pack, make(), options(), Invoker())
        if expected[0] == "value":
            packed = ("value", packed[1].expression())
        self.assertEqual(seen(expected), seen(packed))

    def test_collisions(self) -> None:
        """Members and keys that share one hash are refused as often as by the pure codec."""
        step = sys.hash_info.modulus
        for many in (64, 65, 66):
            numbers = [*range(1, 250), *(7 + step * n for n in range(1, many))]
            for expression in (
                [b"set", *numbers], [b"frozenset", *numbers], [b"dictionary", *([number, 1] for number in numbers)],
                [b"dictionary", *([[b"unicode", b"k"], n] for n in range(200 + many)), *([n, n] for n in range(200))],
                [b"set", *[b"a"] * many, *range(250)],
            ):  # fmt: skip
                self.read(expression, options())


class Changing(Jellyable):
    """A hook that does something else as well."""

    def __init__(self, change: Callable[[], Any]) -> None:
        self.change = change

    def jellyFor(self, jellier: Any) -> Any:
        self.change()
        return [b"None"]


class Returning(Jellyable):
    """A hook that makes what it is told."""

    def __init__(self, expression: Any) -> None:
        self.expression = expression

    def jellyFor(self, jellier: Any) -> Any:
        return self.expression


class Holder(Jellyable):
    """A hook that has something else sent."""

    def __init__(self, held: Any) -> None:
        self.held = held

    def jellyFor(self, jellier: Any) -> Any:
        return [b"list", jellier.jelly(self.held)]


def without_broker(result: Any) -> Any:
    """The shape of a result, but for the brokers that references hold."""
    if isinstance(result, (list, tuple)):
        if len(result) == 2 and isinstance(result[0], list) and result[0][:2] == ["str", "'broker'"]:
            return "broker"
        return [without_broker(item) for item in result]
    return re.sub(r"\b0x[0-9a-f]+", "0x", result) if isinstance(result, str) else result


class ReadTests(Compared):
    """`unjelly` and `unpack`, for what a peer may send."""

    @searched(1000)
    @given(JELLIED, st.booleans(), st.sampled_from([2, 3, 400]), st.integers(0, 2))
    def test_anything(self, expression: Any, invoked: bool, depth: int, which: int) -> None:
        """Any expression is read as the same object, or refused with the same error."""
        taster = (options(), DummySecurityOptions(), Asked(frozenset((b"tuple", b"None"))))[which]
        with quiet():
            self.read(expression, taster, invoked, depth)

    def test_factories(self) -> None:
        """A factory is given the state, whatever that holds; what it makes is read, and what it raises is raised."""

        def factory(state: Any) -> Any:
            if state == 1:
                raise KeyError(state)
            if type(state) is int:
                made = Received()
                made.__dict__["postUnjelly"] = lambda: made.__dict__.update(told=state)
                return made
            return [state] if type(state) is str else Told() if state is None else (state, state)

        found = registry()
        found.factories[b"made"] = factory
        for state in (
            1, 2, b"x", [b"unicode", b"x"], [b"None"], [b"list", 5], [b"list", [b"made", 3], [b"made", 4]],
            [b"reference", 7, [b"list", 5]], [b"dereference", 6], [b"list", [b"dereference", 6]], [b"unicode", b"\xff"],
        ):  # fmt: skip
            made = [b"made", state]
            for expression in (
                made, [b"list", made, made], [b"reference", 6, made], [b"made"], [*made, 5],
                [b"list", [b"reference", 6, [b"list", made]], made], [b"reference", 6, [b"list", [b"tuple", made]]],
                [b"reference", 6, [b"tuple", made]], [b"dictionary", [[b"unicode", b"k"], made]],
            ):  # fmt: skip
                for depth in (400, 3, 2):
                    self.read(expression, options(), depth=depth, found=found)

    def test_registered(self) -> None:
        """What is registered under the tag of a container or scalar is what reads it."""
        found = registry()
        found.classes[b"list"] = Received
        found.factories[b"unicode"] = make
        found.classes[b"None"] = lambda unjellier, expression: ("none", len(expression))
        for expression in ([b"list", [b"dictionary", [[b"unicode", 1], 2]]], [b"tuple", [b"None"], [b"unicode", 5]]):
            self.read(expression, options(), found=found)

    def test_policy_changes(self) -> None:
        """What is allowed or registered in between holds from the next reading on, for the one whose policy it is."""
        expression = [b"tuple", [b"list", [b"unicode", b"x"], [b"None"]], [b"dictionary"]]
        taster, other, found = options(), options(), registry()

        def same(*expected: Any) -> None:
            for each, result in zip((taster, other, DummySecurityOptions()), expected, strict=True):
                self.assertEqual(result, tuple(self.read(expression, each, found=found)[:2]))

        self.assertEqual((["x", None], {}), compiled.unjelly(expression, taster))
        good = tuple(self.read(expression, taster, found=found)[:2])
        self.assertEqual("value", good[0])
        for tag in (b"list", b"unicode", b"None", b"dictionary", b"tuple"):
            same(good, good, good)
            del taster.allowedTypes[tag]
            same(("error", InsecureJelly), good, good)
            taster.allowedTypes[tag] = 1
            same(good, good, good)
            found.classes[tag] = lambda unjellier, expression: "registered"
            self.assertNotEqual(good, tuple(self.read(expression, taster, found=found)[:2]))
            del found.classes[tag]
        taster.allowedTypes = {b"tuple": 1, b"dictionary": 1}
        same(("error", InsecureJelly), good, good)
        found.classes = {**found.classes, b"list": lambda unjellier, expression: "registered"}
        self.assertEqual(("registered", {}), compiled.unjelly(expression, other, None, None, found))
        found.factories = {b"dictionary": lambda state: "made"}
        self.assertNotEqual(good, tuple(self.read(expression, other, found=found)[:2]))

    def test_policy_of_its_own(self) -> None:
        """Tables that are asked for each time anew, by a class or in place of the object's own, are asked each time."""

        class Turning(SecurityOptions):
            turn = 0

            @property
            def allowedTypes(self) -> Any:
                self.turn += 1
                return {b"list": 1} if self.turn % 2 else {}

            @allowedTypes.setter
            def allowedTypes(self, value: Any) -> None:
                pass

        class Tables(Registry):
            pass

        taster: Any = Turning()
        outcomes = [outcome(compiled.unjelly, [b"list"], taster)[0] for _ in range(4)]
        self.assertEqual(["value", "error"] * 2, outcomes)
        taster, tables = options(), Tables()
        for _ in range(2):
            self.assertEqual([], compiled.unjelly([b"list"], taster, None, None, tables))
        Tables.classes = property(lambda self: {b"list": lambda unjellier, expression: "read"})  # type: ignore[assignment]
        self.assertEqual("read", compiled.unjelly([b"list"], taster, None, Invoker(), tables))
        taster.isTypeAllowed = lambda name: False
        self.assertRaises(InsecureJelly, compiled.unjelly, [b"list"], taster)
        self.assertIs(None, compiled.pack_light([1], taster))
        del taster.isTypeAllowed
        self.assertEqual([], compiled.unjelly([b"list"], taster))

    def test_hooks_change_the_policy(self) -> None:
        """What a hook changes about the policy holds for what is read after it."""
        results = []
        for unjelly in (graph.unjelly, compiled.unjelly):
            taster, found = options(), registry()

            def close(unjellier: Any, expression: Any, taster: Any = taster) -> Any:
                taster.allowedTypes.pop(b"tuple", None)
                return 1

            found.classes[b"custom"] = close
            results.append(
                outcome(unjelly, [b"list", [b"tuple"], [b"custom"], [b"tuple"]], taster, None, Invoker(), found)
            )
        self.assertEqual(results[0], results[1])
        self.assertEqual("error", results[0][0])

    def test_hooks_change_what_is_packed(self) -> None:
        """The same where the expression is in bytes, for whatever comes after the hook."""
        for tag, after in (
            (b"unicode", [b"unicode", b"some text"]), (b"None", [b"None"]), (b"boolean", [b"boolean", b"false"]),
            (b"list", [b"list"]), (b"dictionary", [b"dictionary"]), (b"date", [b"date", b"2026 11 28"]),
            (b"made", [b"made", 5]),
        ):  # fmt: skip
            taster, found = options(), registry()

            def close(unjellier: Any, expression: Any, taster: Any = taster, tag: Any = tag) -> Any:
                taster.allowedTypes.pop(tag, None)
                return 1

            found.classes[b"custom"] = close
            padding = [5] * 12
            for middle, kind in (([b"set", 1], "value"), ([b"custom", 1], "error")):
                expression = [b"tuple", after, after, middle, after, *padding]
                packed = compiled.Decoder()
                packed.shallow = True
                packed.feed(wire.encode([b"message", expression], WORDS))
                source = packed.next(NUMBERS)[1]
                self.assertEqual(kind, outcome(compiled.unpack, source, taster, Invoker(), 400, found)[0])

    def test_seen_by_hooks(self) -> None:
        """What a hook sees of what is around it, which is still being read."""
        for make in (
            lambda hook: [b"reference", 1, [b"dictionary", [b"a", 1], [b"b", hook], [b"c", 3], [b"d", hook]]],
            lambda hook: [b"reference", 1, [b"list", 1, hook, [b"list", 2], hook]],
            lambda hook: [b"reference", 1, [b"set", 1, [b"tuple", 1, 2], 3]],
            lambda hook: [b"reference", 1, [b"tuple", 1, hook]],
            lambda hook: [b"reference", 1, [b"tests.core.test_twins.Copied", [b"dictionary", [[b"unicode", b"k"], hook]]]],
        ):  # fmt: skip
            told = []
            for unjelly in (graph.unjelly, compiled.unjelly):
                seen_here: list[Any] = []

                class Noting(pb.RemoteCopy):
                    def setCopyableState(self, state: Any, seen_here: Any = seen_here) -> None:
                        seen_here.append(shape(state))

                found = registry()
                found.classes[b"custom"] = Noting
                hook = [b"custom", [b"list", [b"dereference", 1]]]
                result = outcome(unjelly, make(hook), options(), None, Invoker(), found)
                self.assertEqual("value", result[0])
                told.append(seen_here)
            self.assertEqual(told[0], told[1])

    def test_copies_of_what_is_to_come(self) -> None:
        """A copy that holds what holds it has it in the end, wherever it is."""
        name = b"tests.core.test_twins.Copied"
        again, key = [b"dereference", 1], [b"unicode", b"k"]
        for held in (again, [b"list", again], 5):
            state = [b"dictionary", [key, held]]
            for around in (
                lambda copy: [b"tuple", copy], lambda copy: [b"tuple", [b"tuple", again], copy],
                lambda copy: [b"list", copy], lambda copy: [b"tuple", again, [b"list", copy], copy],
            ):  # fmt: skip
                for copy in ([name, state], [b"reference", 2, [name, state]]):
                    self.read([b"reference", 1, around(copy)], options())
                    self.read([b"list", again, copy, [b"reference", 1, around(copy)]], options())

    def test_lengths_of_text(self) -> None:
        """Texts of every length, in ASCII or not, or not even UTF-8, as keys and as values, which differ anywhere."""
        pairs, again = [], []
        for length in (*range(40), 254, 255, 256, 257, 300):
            plain = bytes(97 + place % 23 for place in range(length))
            texts = [plain]
            for place in sorted({0, length // 2, length - 1} & set(range(length))):
                texts.append(plain[:place] + b"z" + plain[place + 1 :])
                texts.append(plain[:place] + "é".encode() + plain[place + 2 :])
            pairs += [[[b"unicode", text], [b"unicode", text]] for text in texts]
            again += [[[b"unicode", text], [b"unicode", text]] for text in reversed(texts)]
        for _ in range(2):
            for some in (pairs, again):
                self.read([b"dictionary", *some], options())
                self.read([b"list", *[[b"dictionary", pair] for pair in some]], options())
        for broken in (b"\xff", b"abc\xff", b"\xffabcdefghijk", b"abcdefgh\xc3", b"k" * 300 + b"\x80"):
            for expression in ([b"unicode", broken], [b"dictionary", [[b"unicode", broken], 1]]):
                self.read(expression, options())
                self.read([b"list", expression, 1], options())

    def test_keys(self) -> None:
        """Keys that are equal, that refer to what is around them or that have no hash, after others and before."""
        number = [b"dereference", 1]
        for keys in (
            [1, 1, [b"tuple", 2]], [[b"tuple"], 1, 1], [b"a", [b"unicode", b"a"], b"a"], [1, 1.0, [b"None"], 1],
            [[b"unicode", b"a"], [b"unicode", b"a"], [b"list"]], [1, [b"tuple", 1, 2], 1, [b"tuple", 1, 2]],
            [[b"unicode", b"a"], number], [[b"tuple", number], 1, 1], [2**70, 2**70, 0.5, 0.5, [b"None"], [b"None"]],
        ):  # fmt: skip
            pairs = [[key, place] for place, key in enumerate(keys)]
            later = [[key, number if place == 1 else place] for place, key in enumerate(keys)]
            for some in (pairs, later):
                self.read([b"dictionary", *some], options())
                self.read([b"tuple", [b"dictionary", *some], 7], options())
                self.read([b"reference", 1, [b"dictionary", *some]], options())
                self.read([b"reference", 1, [b"tuple", [b"dictionary", *some]]], options())
        for many in (255, 256, 257):
            pairs = [[[b"unicode", b"%d" % (place % 254)], place] for place in range(many)]
            self.read([b"dictionary", *pairs], options())

    def test_moments(self) -> None:
        """The texts of dates and times, right, nearly right and wrong."""
        texts = [
            b"", b" ", b"1", b"1 2", b"2026 11 28", b"2026 11 28 ", b" 2026 11 28", b"2026  11 28", b"2026\t11 28",
            b"2026 11 +28", b"2026 +11 28", b"+2026 11 28", b"2026 11 -28", b"-1 2 3", b"-1 -2 -3", b"2026 13 28",
            b"0 1 1", b"9999 12 31", b"10000 1 1", b"2026 2 29", b"2024 2 29", b"007 08 009", b"1_0 1 1", b"1 1 1x", b"x",
            b"2026 11 28 13", b"2026 11 28 13 30", b"2026 11 28 13 30 59", b"2026 11 28 13 30 59 999999",
            b"2026 11 28 13 30 59 +999999", b"2026 11 28 13 30 60 0", b"2026 11 28 24 0 0 0", b"2026 11 28 1 2 3 1000000",
            b"2026 11 28 1 2 3 4 5", b"2026 11 28 1 2 +3", b"1 2 3 4", b"1 2 3 +4", b"23 59 59 999999", b"24 0 0 0",
            b"0 0 0 +0", b"999999999 86399 999999", b"-999999999 0 0", b"999999999 86400 0", b"-999999999 0 -1",
            b"1000000000 0 0", b"0 999999999 999999999", b"0 -999999999 -999999999", b"9999999999 0 0", b"1 2147483648 0",
            b"--1 2 3", b"- 1 2", b"+ 1 2", b"1 + 2", b"1 2 +", b"1 2 -", b"1 2 +-3", b"\xd9\xa1 1 1", "١ 1 1".encode(),
            b"1 1 1\x00", b"1" * 90, b"0" * 70 + b"1 1 1", b"1 1 1" + b" " * 90, b"1 1 1 1 1 1 0000001",
            b"2026 11 28\n", [], 5, 1.5, [b"unicode", b"1 1 1"],
        ]  # fmt: skip
        read = set()
        for tag in (b"datetime", b"date", b"time", b"timedelta"):
            for text in texts:
                kind, found = self.read([tag, text], options())[:2]
                if kind == "value":
                    read.add(found[0])
            for expression in ([tag], [tag, b"1 1 1", 5], [b"list", [tag, b"1 1 1"], [tag, b"1 1 1"]]):
                self.read(expression, options())
                self.read([b"list", [b"reference", 3, expression], [b"dereference", 3]], options())
        self.assertEqual({"datetime", "date", "time", "timedelta"}, read)

    def test_ids(self) -> None:
        """An id, of whatever size, stands for its value, of whatever kind, and no other id stands for that."""
        ids = (0, 1, 254, 255, 256, 257, 2**31, 2**62, 2**63 - 1, 2**63, 2**64, 2**70)
        for number in (*ids, *(-number for number in ids)):
            for made in (
                [b"unicode", b"text"], b"bytes", [b"list", 5], [b"tuple", 5], [b"dictionary", [b"k", 5]], [b"set", 5],
                [b"None"], [b"date", b"2026 11 28"], [b"remote", 3], [b"tests.core.test_twins.Copied", [b"dictionary"]],
                [b"tuple", [b"dereference", number]], [b"list", [b"dereference", number]],
            ):  # fmt: skip
                first, again = [b"reference", number, made], [b"dereference", number]
                for expression in (
                    [b"list", first, again, again], [b"list", again, first, again], [b"tuple", [b"tuple", again], first],
                    [b"dictionary", [1, first], [2, again]], [b"list", first, [b"dereference", number + 1]],
                    [b"list", first, first], [b"reference", 7, first], [b"list", [b"reference", 7, first], again],
                ):  # fmt: skip
                    self.read(expression, options())

    def test_exact_depths(self) -> None:
        """Values of whatever kind are as deep as limits say, and none is deeper by one."""
        # The same ones, of which it is known what they say.
        taster, found = options(), registry()
        for leaf in (
            5, b"x", [b"unicode", b"text"], [b"None"], [b"boolean", b"true"], [b"list"], [b"tuple", 1], [b"set"],
            [b"dictionary"], [b"date", b"2026 11 28"], [b"remote", 3], [b"made", 1],
            [b"tests.core.test_twins.Copied", [b"dictionary"]],
            [b"reference", 1, [b"unicode", b"text"]], [b"dereference", 1], [b"custom", 1],
        ):  # fmt: skip
            for around in (
                [b"list", leaf, leaf], [b"tuple", leaf, leaf], [b"dictionary", [leaf, 1], [1, leaf]],
                [b"reference", 1, leaf],
                [b"tests.core.test_twins.Copied", [b"dictionary", [[b"unicode", b"k"], leaf]]], [b"made", leaf],
                [b"list", [b"list", leaf], leaf], [b"tuple", [b"tuple", [b"unicode", b"x"]], leaf], leaf,
            ):  # fmt: skip
                told = [self.read([b"list", around], taster, depth=depth, found=found)[0] for depth in range(1, 7)]
                self.assertEqual(sorted(told), told, "what is read at a depth is read at a greater one")

    def test_crowds(self) -> None:
        """Keys that crowd a dictionary are refused at the same number, exactly, and so are equal ones."""

        def refused(make: Callable[[int], Any], many: int) -> bool:
            return outcome(graph.unjelly, make(many), options())[0] == "error"

        for make in (
            lambda many: [b"dictionary", *([number, 1] for number in crowd(10, 400, many))],
            lambda many: [b"dictionary", *([number, 1] for number in crowd(11, 800, many))],
            lambda many: [b"dictionary", *([float(number), 1] for number in crowd(11, 800, many))],
            lambda many: [b"dictionary", [b"k", 1], *([number, 1] for number in crowd(12, 1500, many))],
            lambda many: [b"dictionary", *[[[b"unicode", b"k"], 1]] * many, *([b"%d" % n, 1] for n in range(300))],
            lambda many: [b"dictionary", *[[b"k", 1]] * many, *([n, 1] for n in range(300))],
            lambda many: [b"set", *[[b"unicode", b"k"]] * many, *range(300)],
        ):
            least, most = 0, 300
            self.assertEqual((False, True), (refused(make, least), refused(make, most)))
            while most - least > 1:
                middle = (least + most) // 2
                least, most = (least, middle) if refused(make, middle) else (middle, most)
            for many in (least - 1, least, most, most + 1):
                self.read(make(max(0, many)), options())

    def test_again(self) -> None:
        """Text and bytes to which a peer refers again and again are refused at the same number of times."""
        for made in (b"x" * 600_000, [b"unicode", b"x" * 600_000], [b"list", b"x" * 600_000]):
            told = []
            for many in (1, 27, 28):
                expression = [b"list", [b"reference", 1, made], *[[b"dereference", 1]] * many]
                told.append(self.read(expression, options())[0])
            self.assertEqual("value", told[0])
            self.assertEqual("error" if made[0] != b"list" else "value", told[-1])

    def test_texts(self) -> None:
        """Expressions that are no peer's: tags in text, tuples, other objects, as callers of unjelly may have them."""
        for expression in (["list", 1], ["unicode", b"a"], [b"list", (b"list",), "text", None], [b"unicode", "text"], [],
                           [5], [None], [[b"list"]], OddList([b"list"]), (b"list",), "x", 5, None,
                           [b"boolean", "true"], [b"dictionary", (1, 2)], [b"dictionary", [1]]):  # fmt: skip
            results = [
                seen(outcome(call, expression, options(), None, Invoker())) for call in (graph.unjelly, compiled.unjelly)
            ]
            self.assertEqual(results[0], results[1])


class LeakTests(SynchronousTestCase):
    """Nothing is left behind, whatever the outcome."""

    skip = NOT_BUILT

    def rounds(self) -> None:
        shared: list[Any] = ["shared"]
        copied, holder, custom = Copied(), OwnState(), Custom()
        copied.__dict__.update({"a": shared, "b": "text", "me": copied})
        custom.__dict__.update({"a": shared, "b": copied})
        values = (
            [shared, shared, {"k": (1, 2.5, None, True)}, {1, 2}, frozenset("a")], copied, [holder, custom, shared],
            [2**448], ["\ud800"], datetime.datetime(2020, 1, 1), [Changing(lambda: 1 / 0)], [decimal.Decimal("NaN")],
            [1, [2, [3, [4, [5]]]]], pb.Referenceable(), [b"x" * 700_000, custom],
        )  # fmt: skip
        found = registry()
        for value in values:
            for depth in (400, 2):
                for taster in (options(), Asked(frozenset((b"unicode", b"builtins.list")))):
                    packed = outcome(compiled.pack, value, taster, Invoker(), depth)
                    outcome(compiled.pack_light, value, taster, depth)
                    outcome(compiled.jelly, value, taster, None, Invoker(), depth)
                    if packed[0] == "error":
                        continue
                    outcome(compiled.encode, [b"a", packed[1]], WORDS)
                    outcome(compiled.encode, [b"a", packed[1]], OWN_WORDS)
                    repr(packed[1])
                    expression = outcome(codec.expression_of, packed[1])
                    for taster in (options(), Asked(frozenset((b"unicode",)))):
                        for deep in (400, 2):
                            outcome(compiled.unpack, packed[1], taster, Invoker(), deep, found)
                            if expression[0] == "value":
                                outcome(compiled.unjelly, expression[1], taster, None, Invoker(), found, deep)
        for expression in (
            [b"list", [b"dereference", 1]], [b"reference", 1, [b"tuple", [b"dereference", 1]]], [b"unicode", b"\xff"],
            [b"dictionary", [[b"list"], 1]], [b"dictionary", [1, [b"list"], 2]], [b"set", [b"list"]], [b"own state", 1],
            [b"dictionary", [[b"unicode", b"k"], [b"nothing"]]], [b"tuple", 1, [b"nothing"]], [b"remote"], [b"remote", 5],
            [b"tests.core.test_twins.Copied", [b"nothing"]], [b"tests.core.test_twins.Copied", [b"dictionary", [b"k", 1]]],
        ):  # fmt: skip
            outcome(compiled.unjelly, expression, options(), None, Invoker(), found)
        for data in (
            wire.encode([b"a", [b"list", 2**200, 2.5, [b"message"]], -5], WORDS), b"\x02\x80\x01\x81\x02\x80\x01\x81\xff",
            b"\x01\x80" * 2000, b"\x05\x80\x05\x82ab", b"\x01\x80\x63\x87", b"\x7f" * 70, b"\x02\x80\x63\x80\x01\x81\x99",
        ):  # fmt: skip
            for shallow in (False, True):
                decoder = compiled.Decoder()
                decoder.shallow = shallow
                for piece in (data[:5], data[5:7], data[7:]):
                    decoder.feed(piece)
                    outcome(decoder.next, NUMBERS)
                    outcome(decoder.next, OWN_NUMBERS)

    def test_counts(self) -> None:
        """After a hundred rounds there are as many objects as after two, and constants are referred to as often."""
        constants = [None, True, b"", (), 1, WORDS, NUMBERS, wire.NEED_DATA, BananaError, compiled.Packed, b"reference"]
        for _ in range(2):
            self.rounds()
        gc.collect()
        blocks, objects = sys.getallocatedblocks(), len(gc.get_objects())
        counts = [sys.getrefcount(constant) for constant in constants]
        for _ in range(100):
            self.rounds()
        gc.collect()
        self.assertLess(len(gc.get_objects()) - objects, 80)
        self.assertLess(sys.getallocatedblocks() - blocks, 150)
        for constant, count in zip(constants, counts, strict=True):
            self.assertLess(abs(sys.getrefcount(constant) - count), 60, constant)
