"""Bytes to expressions and back: against twisted.spread's Banana, against the grammar, and at the limits."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from spreadlite.core import wire
from spreadlite.core.errors import BananaError, UnknownElement, UnknownWord
from spreadlite.core.limits import ITEM_COST, LIST_COST, Limits
from spreadlite.core.vocabulary import REMOTE, WORDS
from spreadlite.core.wire import NEED_DATA, Decoder, encode, encode_parts, prefix
from tests.strategies import CUTS, EXPRESSION, STREAM, cut, searched
from tests.vectors import notation
from tests.vectors.expressions import WORDS as RECORDED_WORDS
from tests.vectors.rows import Rows, each
from tests.vectors.speakers import DIALECTS, Speaker
from tests.vectors.spreads import TWISTED, load

NUMBERS = {number: word for word, number in WORDS.items()}
READ_WORDS = {"pb": NUMBERS, "none": None}
SENT_WORDS = {"pb": WORDS, "none": None}
MANNERS = ("whole", "by bytes")


def pieces(data: bytes, manner: str) -> list[bytes]:
    """*data* as it may arrive."""
    return [data] if manner == "whole" else [data[place : place + 1] for place in range(len(data))]


def heard(
    chunks: Iterable[bytes], decoder: Decoder | None = None, words: Any = NUMBERS, **bounds: int
) -> tuple[list[Any], str | None]:
    """The expressions that *chunks* hold, and the text of the error that ends them, if one does."""
    decoder = decoder or Decoder()
    found: list[Any] = []
    for chunk in chunks:
        decoder.feed(chunk)
        while True:
            try:
                item = decoder.next(words, **bounds)
            except BananaError as error:
                return found, str(error)
            if item is NEED_DATA:
                break
            found.append(item)
    return found, None


class Weighed(bytes):
    """Bytes that count what is done with them: one for each byte that is looked at or moved."""

    work = 0

    def _moved(self, data: bytes) -> Weighed:
        Weighed.work += len(data)
        return Weighed(data)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return self._moved(super().__getitem__(place))
        Weighed.work += 1
        return super().__getitem__(place)

    def __add__(self, other: bytes) -> Weighed:
        return self._moved(super().__add__(other))

    def __radd__(self, other: bytes) -> Weighed:
        return self._moved(bytes(other) + bytes(self))


def work_of(chunks: list[bytes], limits: Limits | None = None) -> int:
    """How much a decoder does for *chunks*."""
    Weighed.work = 0
    heard([Weighed(chunk) for chunk in chunks], Decoder(limits) if limits else None)
    return Weighed.work


class Colour(enum.IntEnum):
    """An int that is more."""

    RED = 3


class Name(bytes):
    """Bytes that are more."""


class Half(float):
    """A float that is more."""


class Items(list):  # type: ignore[type-arg]
    """A list that is more."""


class Unshowable:
    """An object whose repr fails."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


class EncodeTests(Rows, SynchronousTestCase):
    """`encode`."""

    @each(DIALECTS)
    def test_known_bytes(self, dialect: str) -> None:
        """Each kind of element has the bytes of the grammar."""
        word = b"\x0b\x87" if dialect == "pb" else b"\x05\x82tuple"
        rows = [
            (0, b"\x00\x81"), (127, b"\x7f\x81"), (128, b"\x00\x01\x81"), (1023, b"\x7f\x07\x81"),
            (1024, b"\x00\x08\x81"), (2**31 - 1, b"\x7f\x7f\x7f\x7f\x07\x81"), (2**31, b"\x00\x00\x00\x00\x08\x85"),
            (-1, b"\x01\x83"), (-(2**31), b"\x00\x00\x00\x00\x08\x83"), (-(2**31) - 1, b"\x01\x00\x00\x00\x08\x86"),
            (1.0, b"\x84?\xf0\0\0\0\0\0\0"), (-0.0, b"\x84\x80\0\0\0\0\0\0\0"), (b"", b"\x00\x82"), (b"ab", b"\x02\x82ab"),
            ([], b"\x00\x80"), ([[], 1], b"\x02\x80\x00\x80\x01\x81"), (b"tuple", word),
            (b"x" * 1024, b"\x00\x08\x82" + b"x" * 1024), ([1] * 1024, b"\x00\x08\x80" + b"\x01\x81" * 1024),
        ]  # fmt: skip
        for expression, data in rows:
            self.assertEqual(data, encode(expression, SENT_WORDS[dialect]), repr(expression)[:50])

    @each(DIALECTS)
    def test_parts(self, dialect: str) -> None:
        """In parts, the bytes are those of `encode`, with large strings as they are."""
        words = SENT_WORDS[dialect]
        large, at_most = b"x" * (wire.LARGE + 1), b"y" * wire.LARGE
        pairs = [b"dictionary", [b"a", large]]
        for expression in (large, [large], (b"tuple", [large, at_most, [large], large], 5), [pairs]):
            parts = encode_parts(expression, words)
            self.assertEqual(encode(expression, words), b"".join(parts))
            self.assertTrue(all(len(part) <= wire.LARGE + 100 or part is large for part in parts))
            self.assertIn(id(large), map(id, parts))
        self.assertEqual(encode([at_most, 1], words), encode_parts([at_most, 1], words))
        error = self.assertRaises(BananaError, encode_parts, [large, large + b"x"], words, wire.LARGE + 1)
        self.assertIn(f"a byte string of {wire.LARGE + 2} bytes is too long to send", str(error))

    @each(DIALECTS)
    def test_as_what_they_are_made_of(self, dialect: str) -> None:
        """Tuples, bools and subclasses are sent as list, int, float and bytes, as twisted.spread sends them."""
        odd = (True, False, (1, (2,)), Colour.RED, Name(b"nom"), Name(b"tuple"), Half(0.5), Items([1]))
        plain = [1, 0, [1, [2]], 3, b"nom", b"tuple", 0.5, [1]]
        data = encode(odd, SENT_WORDS[dialect])
        self.assertEqual(encode(plain, SENT_WORDS[dialect]), data)
        self.assertEqual(Speaker(load(TWISTED), dialect).say(odd), data)

    def test_large_word_numbers(self) -> None:
        """A vocabulary of one's own may have numbers that take more bytes."""
        self.assertEqual(b"\x7f\x07\x87", encode(b"w", {b"w": 1023}))
        self.assertEqual(b"\x00\x08\x87", encode(b"w", {b"w": 1024}))
        self.assertEqual(([b"w"], None), heard([b"\x00\x08\x87"], words={1024: b"w"}))

    @each(["None", "str", "dict", "object", "bytearray", "set"])
    def test_not_carried(self, what: str) -> None:
        """What is no expression is refused with its type's name and what it looks like."""
        value = {"None": None, "str": "t", "dict": {}, "object": object, "bytearray": bytearray(b"x"), "set": set()}[what]
        error = self.assertRaises(BananaError, encode, [1, [value]], None)
        kind = type(value)
        self.assertEqual(f"Banana cannot send {kind.__module__}.{kind.__qualname__} objects: {value!r}", str(error))

    def test_message_is_short(self) -> None:
        """A huge value, or one whose repr fails, does not make a huge message, nor another error."""
        error = self.assertRaises(BananaError, encode, "x" * 5000, None)
        self.assertEqual("Banana cannot send builtins.str objects: '" + "x" * 199 + "…", str(error))
        error = self.assertRaises(BananaError, encode, Unshowable(), None)
        self.assertTrue(str(error).endswith("Unshowable objects: <no repr: RuntimeError>"), str(error))

    def test_string_limit(self) -> None:
        """Bytes as long as the limit are sent, one more is refused with both figures, below and above 1024."""
        for limit in (3, 1023, 1024, 2000):
            self.assertEqual(b"x" * limit, encode(b"x" * limit, None, limit)[-limit:])
            error = self.assertRaises(BananaError, encode, [b"x" * (limit + 1)], None, limit)
            self.assertEqual(
                f"a byte string of {limit + 1} bytes is too long to send; the limit is {limit}", str(error)
            )

    def test_list_limit(self) -> None:
        """A list, and a tuple, of as many items as the limit are sent, one more is refused."""
        for kind in (list, tuple):
            self.assertEqual(b"\x03\x80" + b"\x01\x81" * 3, encode(kind([1] * 3), None, 3))
            error = self.assertRaises(BananaError, encode, kind([1] * 4), None, 3)
            self.assertEqual("a list of 4 items is too long to send; the limit is 3", str(error))

    def test_integer_limit(self) -> None:
        """Integers of as many bits as a prefix has are sent, one more is refused, of either sign."""
        for limit in (2, 5, 64):
            most = 2 ** (7 * limit) - 1
            for sign in (1, -1):
                self.assertEqual(limit + 1, len(encode(sign * most, None, prefix_limit=limit)))
                error = self.assertRaises(BananaError, encode, sign * (most + 1), None, prefix_limit=limit)
                bits = 7 * limit + 1
                self.assertEqual(
                    f"int is too large to send: it has {bits} bits; the limit is {7 * limit}", str(error)
                )

    def test_ids(self) -> None:
        """The id of a reference is written as any other integer is, whatever the limits."""
        edges = [2**bits + more for bits in (0, 7, 14, 21, 28, 31, 500) for more in (-1, 0, 1)]
        for luid in (-1, *edges):
            for limit in (1, 2, 3, 4, 5, 64):
                outcomes = []
                for expression in ([b"remote", luid], [b"decref", luid]):
                    try:
                        outcomes.append(encode(expression, WORDS, 1_000, limit)[4:])
                    except BananaError as error:
                        outcomes.append(str(error).encode())
                self.assertEqual(outcomes[1], outcomes[0], f"{luid} with {limit}")

    def test_depth_limit(self) -> None:
        """As many lists within lists as the limit are sent, one more is refused."""
        self.assertEqual(b"\x01\x80" * 3 + b"\x07\x81", encode([[[7]]], None, depth=3))
        error = self.assertRaises(BananaError, encode, [[[[7]]]], None, depth=3)
        self.assertEqual("lists nested more than 3 deep are not sent", str(error))

    @each(range(1, 5))
    def test_depth_limits_agree(self, depth: int) -> None:
        """What `encode` sends under a limit of depth, a decoder with the same limit reads."""
        for innermost in ([], [7]):
            value: Any = innermost
            for _ in range(6):
                try:
                    data = encode(value, None, depth=depth)
                except BananaError:
                    break
                found = heard([data], Decoder(Limits(expression_depth=depth)))
                self.assertEqual(([value], None), found, f"{value} under {depth}")
                value = [value]
            else:
                self.fail("nothing was refused")

    def test_very_deep(self) -> None:
        """Python's recursion limit plays no part: a cycle or a deep list is our own error."""
        cycle: list[Any] = []
        cycle.append(cycle)
        self.assertRaises(BananaError, encode, cycle, None)
        deep: list[Any] = []
        for _ in range(20_000):
            deep = [deep]
        self.assertEqual(40_002, len(encode(deep, None, depth=30_000)))

    def test_prefix(self) -> None:
        """The prefix is the shortest, and one byte for zero."""
        self.assertEqual(
            [b"\0", b"\x7f", b"\0\1", b"\x7f\x7f", b"\0\0\1"], [prefix(n) for n in (0, 127, 128, 16383, 16384)]
        )

    @searched(150)
    @given(EXPRESSION)
    def test_same_bytes_as_twisted(self, expression: Any) -> None:
        """Any expression has the bytes that twisted.spread's Banana sends, in both dialects."""
        for dialect in DIALECTS:
            self.assertEqual(
                Speaker(load(TWISTED), dialect).say(expression), encode(expression, SENT_WORDS[dialect]), dialect
            )


class DecoderTests(Rows, SynchronousTestCase):
    """`Decoder`."""

    @searched(150)
    @given(EXPRESSION, EXPRESSION, CUTS)
    def test_there_and_back(self, first: Any, second: Any, cuts: list[int]) -> None:
        """Any expressions come back as they were sent, to the bit, wherever the bytes were cut."""
        for dialect in DIALECTS:
            data = encode(first, SENT_WORDS[dialect]) + encode(second, SENT_WORDS[dialect])
            decoder = Decoder()
            found, error = heard(cut(data, cuts), decoder, READ_WORDS[dialect])
            self.assertIsNone(error)
            self.assertTrue(notation.same([first, second], found), repr(found))
            self.assertFalse(decoder.unfinished)

    @searched(300)
    @given(STREAM, CUTS)
    def test_any_bytes(self, data: bytes, cuts: list[int]) -> None:
        """Whatever arrives, the decoder gives expressions or a BananaError, and how it was cut makes no difference."""
        for words in (NUMBERS, None):
            whole = heard([data], words=words)
            for chunks in (pieces(data, "by bytes"), cut(data, cuts)):
                found = heard(chunks, words=words)
                self.assertTrue(notation.same(whole[0], found[0]), f"{whole} {found}")
                self.assertEqual(whole[1], found[1])

    @searched(200)
    @given(STREAM)
    def test_any_bytes_as_twisted(self, data: bytes) -> None:
        """Any bytes are heard as twisted.spread hears them, and an error is one of the kind that it raises."""
        speaker = Speaker(load(TWISTED), "pb")
        theirs: Exception | None = None
        try:
            speaker.hear(data)
        except Exception as error:
            theirs = error
        decoder = Decoder()
        found, ours = heard([data], decoder)
        self.assertTrue(notation.same(list(speaker.heard), found), f"{speaker.heard} {found}")
        if theirs is None:
            self.assertIsNone(ours)
            return
        if ours is None:
            # twisted.spread complains of a prefix one byte later or earlier only at the very end of what is there.
            self.fail(f"twisted.spread refuses: {theirs!r}")
        self.assertRaises(BananaError, decoder.next, NUMBERS)

    @each(MANNERS)
    def test_odd_forms(self, manner: str) -> None:
        """Prefixes that are empty or longer than they need be are understood; a float's prefix means nothing."""
        rows: list[tuple[bytes, Any]] = [
            (b"\x81", 0), (b"\x83", 0), (b"\x82", b""), (b"\x80", []), (b"\x05\x00\x00\x81", 5), (b"\x05\x86", -5),
            (b"\x09\x09\x84?\xf0\0\0\0\0\0\0", 1.0), (b"\x02\x00\x80\x81\x80", [0, []]), (b"\x0b\x00\x87", b"tuple"),
        ]  # fmt: skip
        for data, expected in rows:
            self.assertEqual(([expected], None), heard(pieces(data, manner)), repr(data))
        self.assertEqual(([row[1] for row in rows], None), heard(pieces(b"".join(row[0] for row in rows), manner)))

    @each(RECORDED_WORDS)
    def test_words(self, word: bytes) -> None:
        """Each word is read by its number."""
        self.assertEqual(([word], None), heard([prefix(WORDS[word]) + b"\x87"]))

    @each(MANNERS)
    def test_resumed_everywhere(self, manner: str) -> None:
        """Between an expression's bytes the decoder only says that it needs data, and knows that it is not done."""
        data = encode([b"body", [1, [2.5, b"tuple"], -(2**40)], []], WORDS)
        decoder = Decoder()
        self.assertFalse(decoder.unfinished)
        for byte in pieces(data, manner)[:-1]:
            decoder.feed(byte)
            self.assertIs(NEED_DATA, decoder.next(NUMBERS))
            self.assertTrue(decoder.unfinished)
            decoder.feed(b"")
            self.assertIs(NEED_DATA, decoder.next(NUMBERS))
        decoder.feed(pieces(data, manner)[-1])
        self.assertEqual([b"body", [1, [2.5, b"tuple"], -(2**40)], []], decoder.next(NUMBERS))
        self.assertFalse(decoder.unfinished)

    def test_fed_before_it_is_asked(self) -> None:
        """Bytes may be fed several times before the first question, also beyond the end of a string's body."""
        decoder = Decoder()
        for chunk in (b"\x04\x82a", b"bc", b"d\x07", b"\x81\x01\x81"):
            decoder.feed(chunk)
        self.assertEqual([b"abcd", 7, 1, NEED_DATA], [decoder.next(None) for _ in range(4)])
        decoder.feed(b"\x04\x82a")
        self.assertIs(NEED_DATA, decoder.next(None))
        decoder.feed(b"bcd\x07")
        decoder.feed(b"\x81")
        self.assertEqual([b"abcd", 7, NEED_DATA], [decoder.next(None) for _ in range(3)])

    def test_bytes_type(self) -> None:
        """A string is bytes, whether it came whole or in parts."""
        for chunks in ([b"\x03\x82abc"], [b"\x03\x82a", b"bc"]):
            self.assertIs(bytes, type(heard(chunks)[0][0]))

    def test_need_data_shows(self) -> None:
        """The mark for more bytes reads well in a log, and is no expression."""
        self.assertEqual("NEED_DATA", repr(NEED_DATA))
        self.assertNotIsInstance(NEED_DATA, (list, bytes, int, float))

    @each(MANNERS)
    def test_unknown_elements(self, manner: str) -> None:
        """Type bytes and words that nobody has are errors of the kinds that twisted.spread raises, and ours."""
        for kind in range(0x88, 0x100):
            decoder = Decoder()
            self.assertEqual(
                ([], f"no element has the type byte 0x{kind:02x}"), heard(pieces(bytes((1, kind)), manner), decoder)
            )
        for number, shown in ((0, "0"), (32, "32"), (10**15, "a great many")):
            self.assertEqual(([], f"no word has the number {shown}"), heard(pieces(prefix(number) + b"\x87", manner)))
        self.assertEqual(
            ([], "a word of the vocabulary in a dialect that has none"), heard(pieces(b"\x01\x87", manner), words=None)
        )

    def test_kinds_of_errors(self) -> None:
        """The errors are BananaErrors, and also what twisted.spread raises."""
        for data, words, kind in (
            (b"\x63\x87", NUMBERS, UnknownWord),
            (b"\x01\x87", None, UnknownElement),
            (b"\x88", NUMBERS, UnknownElement),
        ):
            decoder = Decoder()
            decoder.feed(data)
            self.assertRaises(kind, decoder.next, words)

    @each(MANNERS)
    def test_broken_for_good(self, manner: str) -> None:
        """After an error there is only that error: what follows is not read, and not kept."""
        decoder = Decoder()
        data = b"\x01\x81\x05\x80\x02\x82\x61\x62\x99"
        self.assertEqual(([1], "no element has the type byte 0x99"), heard(pieces(data, manner), decoder))
        self.assertFalse(decoder.unfinished)
        for chunk in (b"", b"\x01\x81", b"\x03\x81\x03\x82"):
            decoder.feed(chunk)
            error = self.assertRaises(BananaError, decoder.next, NUMBERS)
            self.assertEqual("no element has the type byte 0x99", str(error))

    def test_broken_keeps_nothing(self) -> None:
        """A decoder that has given up does not hold on to what a peer goes on sending."""
        decoder = Decoder()
        heard([b"\x99"], decoder)
        for _ in range(3):
            decoder.feed(b"x" * 1000)
        self.assertFalse(decoder.unfinished)


class LimitTests(Rows, SynchronousTestCase):
    """The bounds of `Decoder`: exactly there passes, one more is refused, whole and byte by byte."""

    @each(MANNERS)
    def test_string(self, manner: str) -> None:
        """Bytes of a string."""
        self.assertEqual(([b"xxxxx"], None), heard(pieces(b"\x05\x82xxxxx", manner), size_limit=5))
        for data in (b"\x06\x82xxxxxx", b"\x06\x82"):
            self.assertEqual(
                ([], "a string of 6 bytes; the limit is 5"), heard(pieces(data, manner), size_limit=5)
            )

    @each(MANNERS)
    def test_list(self, manner: str) -> None:
        """Items of a list; refused at its head, before any item has come."""
        self.assertEqual(([[1] * 5], None), heard(pieces(b"\x05\x80" + b"\x01\x81" * 5, manner), size_limit=5))
        self.assertEqual(([], "a list of 6 items; the limit is 5"), heard(pieces(b"\x06\x80", manner), size_limit=5))

    @each(MANNERS)
    def test_default_size(self, manner: str) -> None:
        """By default 640 Ki of each, as twisted.spread has it; figures with too many digits are not written out."""
        at = prefix(655360)
        over = prefix(655361)
        self.assertEqual(([], None), heard(pieces(at + b"\x80", manner)))
        self.assertEqual(([], None), heard(pieces(at + b"\x82", manner)))
        self.assertEqual(([], "a list of 655361 items; the limit is 655360"), heard(pieces(over + b"\x80", manner)))
        self.assertEqual(([], "a string of 655361 bytes; the limit is 655360"), heard(pieces(over + b"\x82", manner)))
        huge = b"\x7f" * 60
        self.assertEqual(
            ([], "a list of a great many items; the limit is 655360"), heard(pieces(huge + b"\x80", manner))
        )
        self.assertEqual(
            ([], "a string of a great many bytes; the limit is 655360"), heard(pieces(huge + b"\x82", manner))
        )

    @each(MANNERS, range(0x80, 0x88))
    def test_prefix(self, manner: str, kind: int) -> None:
        """Bytes of a prefix, of any element; one over is refused although its type byte has not come."""
        tail = {0x80: b"\x09\x81", 0x82: b"z", 0x84: bytes(8)}.get(kind, b"")
        expected = {
            0x80: [9], 0x81: 1, 0x82: b"z", 0x83: -1, 0x84: 0.0, 0x85: 1, 0x86: -1, 0x87: b"None"
        }[kind]  # fmt: skip
        for limit in (2, 64):
            at = b"\x01" + bytes(limit - 1)
            found = heard(pieces(at + bytes((kind,)) + tail, manner), prefix_limit=limit)
            self.assertEqual(([expected], None), found)
            message = f"a prefix of more than {limit} bytes"
            for over in (at + b"\0" + bytes((kind,)) + tail, at + b"\0"):
                self.assertEqual(([], message), heard(pieces(over, manner), prefix_limit=limit))

    @each(MANNERS)
    def test_largest_integers(self, manner: str) -> None:
        """The largest integers of the default limit arrive, of either sign."""
        for number in (2**448 - 1, -(2**448) + 1):
            self.assertEqual(([number], None), heard(pieces(encode(number, None), manner)))

    @each(MANNERS)
    def test_depth(self, manner: str) -> None:
        """Lists within lists."""
        limits = Limits(expression_depth=3)
        self.assertEqual(([[[[1]]]], None), heard(pieces(b"\x01\x80" * 3 + b"\x01\x81", manner), Decoder(limits)))
        self.assertEqual(
            ([], "lists nested more than 3 deep"), heard(pieces(b"\x01\x80" * 4 + b"\x01\x81", manner), Decoder(limits))
        )
        # Beside one another they are not within one another.
        wide = b"\x02\x80" + b"\x01\x80\x01\x80\x01\x81" * 2
        self.assertEqual(([[[[1]], [[1]]]], None), heard(pieces(wide, manner), Decoder(limits)))

    ITEMS = {
        "integers": (b"\x01\x81", ITEM_COST),
        "negatives": (b"\x01\x83", ITEM_COST),
        "strings": (b"\x03\x82abc", ITEM_COST + 3),
        "floats": (b"\x84" + bytes(8), ITEM_COST),
        "empty lists": (b"\x80", LIST_COST),
        "lists": (b"\x01\x80\x01\x81", LIST_COST + ITEM_COST),
    }

    @each(MANNERS, ITEMS)
    def test_memory(self, manner: str, what: str) -> None:
        """The memory of one expression: an item that takes it to the limit passes, one that takes it over does not."""
        data, cost = self.ITEMS[what]
        most = LIST_COST + 4 * cost
        found, error = heard(pieces(b"\x04\x80" + data * 4, manner), Decoder(Limits(expression_bytes=most)))
        self.assertEqual((1, None), (len(found), error))
        message = f"an expression that takes more than {most - 1} bytes of memory"
        refusing = Decoder(Limits(expression_bytes=most - 1))
        self.assertEqual(([], message), heard(pieces(b"\x04\x80" + data * 4, manner), refusing))

    @each(MANNERS)
    def test_memory_of_words(self, manner: str) -> None:
        """Words of the vocabulary take memory as well: two bytes of a peer's become the slot of an item."""
        limits = Limits(expression_bytes=10 * ITEM_COST)
        found = heard(pieces(b"\x64\x80" + b"\x01\x87" * 100, manner), Decoder(limits))
        self.assertEqual(([], "an expression that takes more than 320 bytes of memory"), found)

    @each(MANNERS)
    def test_memory_is_freed(self, manner: str) -> None:
        """The limit is for one expression: any number of them may follow one another."""
        decoder = Decoder(Limits(expression_bytes=LIST_COST + ITEM_COST + 3))
        self.assertEqual(([[b"abc"]] * 50, None), heard(pieces(b"\x01\x80\x03\x82abc" * 50, manner), decoder))

    def test_memory_at_a_strings_head(self) -> None:
        """A string that would go over the limit is refused at its head, before its bytes have come."""
        limits = Limits(expression_bytes=1000)
        self.assertEqual(
            ([], "an expression that takes more than 1000 bytes of memory"),
            heard([prefix(1000) + b"\x82"], Decoder(limits)),
        )


class WorkTests(Rows, SynchronousTestCase):
    """The decoder is linear in what it is given, counted in bytes looked at or moved rather than by a clock."""

    STREAMS = {
        "integers": b"\x01\x81",
        "long integers": b"\x7f" * 60 + b"\x85",
        "short strings": b"\x02\x82ab",
        "words": b"\x01\x87",
        "floats": b"\x84" + bytes(8),
        "lists": b"\x02\x80\x01\x81\x80",
    }

    @each(STREAMS, (1, 7, 4096))
    def test_linear(self, what: str, size: int) -> None:
        """Ten times as much takes ten times the work, in pieces of any size (both of many pieces)."""

        def cost(times: int) -> int:
            data = self.STREAMS[what] * times
            return work_of([data[place : place + size] for place in range(0, len(data), size)])

        self.assertLessEqual(cost(10_000), 20 * cost(1_000))  # quadratic would be 100

    @each((1, 100, 4096))
    def test_long_string(self, size: int) -> None:
        """The bytes of a long string are taken in once, however they come."""
        data = prefix(100_000) + b"\x82" + b"x" * 100_000
        work = work_of([data[place : place + size] for place in range(0, len(data), size)])
        self.assertLess(work, 2 * len(data))

    def test_nested(self) -> None:
        """A deep list of many small chunks is not begun anew with each chunk."""
        data = (b"\x01\x80" * 1000) + b"\x01\x81"
        self.assertLess(work_of(pieces(data, "by bytes")), 6 * len(data))

    def test_endless_prefix(self) -> None:
        """Of a prefix that does not end, no more is looked at than the limit allows."""
        for data in (b"\x01" * 50_000, b"\x01" * 50_000 + b"\x81"):
            self.assertLess(work_of([data]), 200)


class PackedTests(SynchronousTestCase):
    """`Packed`, and the decoder's attribute ``shallow``."""

    MESSAGE = [
        b"answer", 7, [b"list", [b"unicode", b"text"], [b"None"], [b"boolean", b"true"], [b"unicode", b"\xff"], 2.5],
        [b"dictionary", [[b"unicode", b"key"], [b"unicode", b"value"]], [[b"unicode", b"list"], [b"list", b"x"]]],
        [b"dictionary", [[b"unicode", b"key"], 1], [2, 3], [[b"unicode", b"last"], [b"dictionary"]]], [b"unicode", b"x"],
    ]  # fmt: skip

    def test_spelling(self) -> None:
        """A shallow decoder gives the lists in a list in a shorter spelling, and each knows what it stands for."""
        decoder = Decoder()
        decoder.shallow = True
        decoder.feed(encode(self.MESSAGE, WORDS))
        message: Any = decoder.next(NUMBERS)
        self.assertEqual([wire.Packed] * 4, list(map(type, message[2:])))
        self.assertEqual([b"list", "text", None, True, [b"unicode", b"\xff"], 2.5], message[2])
        self.assertEqual([wire.FLAT, "key", "value", "list", [b"list", b"x"]], message[3])
        self.assertEqual([b"dictionary", ["key", 1], [2, 3], ["last", [b"dictionary"]]], message[4])
        self.assertEqual(self.MESSAGE[2:], [part.expression() for part in message[2:]])
        self.assertEqual("<Packed [b'unicode', b'x']>", repr(message[5]))
        self.assertEqual(encode(self.MESSAGE, WORDS), encode(message, WORDS))

    def test_given_up(self) -> None:
        """Whoever wants expressions gets them as soon as they say so, also of a message that has begun to arrive: an
        application may put a method of its own in a method's place at any time."""
        data = encode(self.MESSAGE, WORDS)
        for place in range(len(data)):
            decoder = Decoder()
            decoder.shallow = True
            decoder.feed(data[:place])
            self.assertIs(NEED_DATA, decoder.next(NUMBERS))
            decoder.shallow = False
            decoder.feed(data[place:])
            message: Any = decoder.next(NUMBERS)
            self.assertEqual(self.MESSAGE, message)
            self.assertEqual({list}, set(map(type, message[2:])))

    def test_keys(self) -> None:
        """However many different keys a peer sends, and an application, no more than some are kept for the next time."""
        keys = [b"%d" % number for number in range(5_000)]
        message = [b"answer", [b"dictionary", *([[b"unicode", key], 1] for key in keys)]]
        decoder = Decoder()
        decoder.shallow = True
        for _ in range(2):
            decoder.feed(encode(message, WORDS))
            packed: Any = decoder.next(NUMBERS)
            self.assertEqual(message[1], packed[1].expression())
            self.assertEqual(encode(message, WORDS), encode(packed, WORDS))
        self.assertLessEqual(len(wire.KNOWN_KEYS), 2_000)
        self.assertLessEqual(len(wire._BEGUN_PAIRS), 2_000)
        self.assertLessEqual(len(wire.BEGUN_PAIRS), 2_000)
        self.assertEqual([wire.FLAT, keys[0].decode(), 1], packed[1][:3])

    def test_ids(self) -> None:
        """However many different ids a peer has us give back, no more than some are kept for the next time."""
        for number in range(5_000):
            luid = number * 300
            local, remote = (encode([word, luid], WORDS) for word in (b"local", REMOTE))
            self.assertEqual(local[4:], remote[4:])
        self.assertLessEqual(len(wire.ID_ENDS), 2_000)

    def test_long_keys(self) -> None:
        """A key of more bytes than may be sent is refused, as any other text."""
        packed = wire.Packed((wire.FLAT, "k" * 500, 1))
        encode((b"answer", packed), WORDS, 500)
        self.assertRaises(BananaError, encode, (b"answer", packed), WORDS, 499)

    def test_long_dictionaries(self) -> None:
        """A dictionary of more pairs than a list may have items is refused, as any other list."""
        packed = wire.Packed((wire.FLAT, *(item for number in range(10) for item in (str(number), number))))
        encode((b"answer", packed), WORDS, 11)
        self.assertRaises(BananaError, encode, (b"answer", packed), WORDS, 10)

    def test_other_words(self) -> None:
        """A vocabulary of the application's own, in which the usual numbers mean something else, is looked at."""
        words = {1: b"one", 15: b"fifteen", 16: b"sixteen"}
        numbers = {word: number for number, word in words.items()}
        message = [b"fifteen", [[b"sixteen", 5], [b"sixteen", 6], [b"one"]], [b"one"]]
        for shallow in (False, True):
            decoder = Decoder()
            decoder.shallow = shallow
            decoder.feed(encode(message, numbers))
            self.assertEqual(message, decoder.next(words))

    def test_short_prefixes(self) -> None:
        """References are no way around the limit of prefixes, in either direction."""
        message = [b"list", [REMOTE, 5], [REMOTE, 70_000], [REMOTE, 6]]
        self.assertEqual(encode(message, WORDS), encode(message, WORDS, prefix_limit=3))
        self.assertRaises(BananaError, encode, message, WORDS, prefix_limit=2)
        for shallow in (False, True):
            for limit in (2, 3):
                decoder = Decoder()
                decoder.shallow = shallow
                decoder.feed(encode([b"answer", message], WORDS))
                if limit == 3:
                    self.assertEqual([b"answer", message], decoder.next(NUMBERS, prefix_limit=3))
                else:
                    self.assertRaises(BananaError, decoder.next, NUMBERS, prefix_limit=2)

    def test_nothing_kept(self) -> None:
        """What was read, and has come out, is not kept until there is more."""
        decoder = Decoder()
        decoder.feed(encode([b"x" * 1000], WORDS))
        self.assertEqual([b"x" * 1000], decoder.next(NUMBERS))
        self.assertIs(NEED_DATA, decoder.next(NUMBERS))
        self.assertEqual((b"", 0), (decoder.data, decoder.position))

    def test_limits_in_any_pieces(self) -> None:
        """What an expression takes of memory, and how deep it is, does not depend on the pieces in which it comes, nor on
        who is to look at it."""
        values: list[Any] = [
            [b"list", *([b"remote", number] for number in range(40))],
            [b"list", [b"unicode", b"text"], [b"boolean", b"true"], [b"None"], [b"boolean", b"false"]],
            [b"dictionary", [[b"unicode", b"k"], [b"list", [b"list", [b"remote", 5]]]], [2, [b"list", [b"list"]]]],
            [b"dictionary", [[b"unicode", b"k"], 1], [2, [b"list", [b"dictionary", [[b"unicode", b"a"], b"x"]]]]],
            [b"dictionary", *([[b"unicode", b"k%d" % number], [b"remote", number]] for number in range(20))],
            [[[[b"unicode", b"a"], [b"unicode", b"b"]], [[b"unicode", b"c"], 1]]],
        ]

        def passes(value: Any, shallow: bool, size: int, limits: Limits) -> bool:
            decoder = Decoder(limits)
            decoder.shallow = shallow
            data = encode([b"answer", value], WORDS)
            try:
                for place in range(0, len(data), size):
                    decoder.feed(data[place : place + size])
                    found = decoder.next(NUMBERS)
            except BananaError:
                return False
            self.assertIsNot(NEED_DATA, found)
            return True

        for value in values:
            for name in ("expression_bytes", "expression_depth"):
                least = set()
                for shallow in (False, True):
                    for size in (1, 7, 10**6):
                        low, high = 1, 10_000
                        while low < high:
                            middle = (low + high) // 2
                            if passes(value, shallow, size, Limits(**{name: middle})):
                                high = middle
                            else:
                                low = middle + 1
                        least.add(low)
                self.assertEqual(1, len(least), (value, name, least))

    def test_text_alone(self) -> None:
        """What is short for something in a `Packed` is nothing that banana carries by itself."""
        for item, sent in (("text", None), (None, None), (True, 1)):
            if sent is None:
                self.assertRaises(BananaError, encode, [b"answer", [item]], WORDS)
            else:
                self.assertEqual(encode([b"answer", [sent]], WORDS), encode([b"answer", [item]], WORDS))
