"""Bytes to expressions and back: banana.

The grammar, as every peer of twisted.spread speaks it (a prefix is an unsigned integer in base 128, least significant
digit first, a byte below 0x80 each; it may be empty, which is 0, and need not be the shortest)::

    expression = prefix LIST expression*prefix      a list of that many expressions
               | prefix STRING byte*prefix          bytes
               | prefix INT | prefix LONGINT        an integer, 0 or more
               | prefix NEG | prefix LONGNEG        an integer, 0 or less
               | prefix FLOAT byte*8                a float, IEEE 754 double, big-endian; the prefix means nothing
               | prefix VOCAB                       a word of the vocabulary; dialect pb only

In Python an expression is a list, bytes, int or float.  Nothing else: text and every other value are graph's business.
Where nobody but graph looks at an expression, it may be `Packed`: then it has less to make and to take apart.

The decoder is resumable: it takes bytes as they come, gives one expression at a time, and is linear in its input however
that is cut.  It raises only `BananaError`, and after that nothing but the same error again, because what follows a broken
element has no meaning.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from .errors import BananaError, UnknownElement, UnknownWord
from .limits import BESIDE_STRING, DEFAULT_LIMITS, EXPRESSION_BYTES, ITEM_COST, LIST_COST, WORD_COST, Limits
from .vocabulary import (
    DICTIONARY,
    FLOAT,
    INT,
    LARGEST_INT,
    LIST,
    LONGINT,
    LONGNEG,
    NEG,
    PREFIX_LIMIT,
    REMOTE,
    SIZE_LIMIT,
    SMALLEST_INT,
    STRING,
    UNICODE,
    VOCAB,
    WORDS,
)

#: What banana carries.  (A recursive alias would need a newer Python.)
Expression = list[Any] | bytes | int | float


class _Flat:
    """The type of `FLAT`."""

    def __repr__(self) -> str:
        return "FLAT"


#: In a `Packed`, the head of a list that is a dictionary: its keys and values follow in turns, without pairs around them.
FLAT: Final = _Flat()


class Packed(list[Any]):
    """An expression (a list) for nobody's eyes but the codec's.

    It may have, at any depth, a str that has bytes in UTF-8 in the place of ``[unicode x]``; None, True and False in the
    places of ``[None]`` and ``[boolean x]``; and lists that begin with `FLAT`, of which all keys are str.
    """

    __slots__ = ()

    def expression(self) -> list[Any]:
        """The list."""
        return spelled_out(self)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<Packed {self.expression()!r}>"


class Plain:
    """Stands, as long as a `Packed` is being made, in it for what an application made: an expression as it is."""

    __slots__ = ("expression",)

    def __init__(self, expression: Any) -> None:
        self.expression = expression


def spelled_out(item: Any) -> Any:
    """What *item*, which is or was to be a part of a `Packed`, stands for: an expression, of which the lists are new."""
    made: list[Any] = []
    # The lists that are being made, and what is still to be put into them.
    stack: list[tuple[list[Any], Iterator[Any]]] = [(made, iter((item,)))]
    while stack:
        into, items = stack[-1]
        for each in items:
            kind = type(each)
            if kind is list or kind is Packed:
                inner: list[Any] = []
                into.append(inner)
                stack.append((inner, iter(_in_pairs(each))))
                break
            if kind is str:
                each = [UNICODE, each.encode()]
            elif kind is bool:
                each = [b"boolean", b"true" if each else b"false"]
            elif each is None:
                each = [b"None"]
            elif kind is Plain:
                each = each.expression
            into.append(each)
        else:
            stack.pop()
    return made[0]


def _in_pairs(items: list[Any]) -> list[Any]:
    """A list of a `Packed`; where it is `FLAT`, with pairs."""
    if items and items[0] is FLAT:
        return [DICTIONARY, *map(list, zip(items[1::2], items[2::2]))]  # noqa: B905 - a key may lack its value yet
    return items


class _NeedData:
    """The type of `NEED_DATA`."""

    def __repr__(self) -> str:
        return "NEED_DATA"


#: Bytes of a string beyond which a copy of it costs more than the objects around it.
LARGE: Final = 16_384

#: What `Decoder.next` answers when the bytes at hand end before an expression does.
NEED_DATA: Final = _NeedData()

_double = struct.Struct("!d")
_pack_float = struct.Struct("!Bd").pack

# What stands in text and in a boolean, after the head of the list; and where the bytes of the text begin.
_TEXT_BEGINS = bytes((len(UNICODE), STRING)) + UNICODE
_BOOLEAN_BEGINS = bytes((len(b"boolean"), STRING)) + b"boolean"
_BOOLEANS = ((bytes((4, STRING)) + b"true", True), (bytes((5, STRING)) + b"false", False))
_TEXT_AT = len(_TEXT_BEGINS) + 2
# What text costs beside its bytes, and the head of its list; the list that is in a pair; and a pair that begins with text.
_TEXT_COST = 2 * ITEM_COST + len(UNICODE)
_PAIRED_TEXT_COST = LIST_COST + _TEXT_COST
_PAIR_COST = LIST_COST + _PAIRED_TEXT_COST
# What follows the head of [None], where the words are the usual ones.
_NONE = bytes((WORDS[b"None"], VOCAB))
# What stands in a pair before the length of the text that is its first item; and where that text begins.
_PAIR_BEGINS = bytes((2, LIST, 2, LIST)) + _TEXT_BEGINS
KEY_AT = len(_PAIR_BEGINS) + 2
# The text, by all that stands in a pair up to the end of it.  Programs send the same keys all the time.
KNOWN_KEYS: dict[bytes, str] = {}
_LONGEST_KEY = 64
_MOST_KEYS = 2_000


#: An integer of up to 28 bits, in as few bytes as it can have, in a regular expression that finds its digits.
NUMBER: Final = rb"([\x00-\x7f]{0,3}[\x01-\x7f])\x81"
# References that follow one another, and the ids in them.
_REMOTE_WORD = WORDS[REMOTE]
_REFERENCE = re.escape(bytes((2, LIST, _REMOTE_WORD, VOCAB))) + NUMBER
_are_references = re.compile(b"(?:%b){1,256}" % _REFERENCE).match
_ids_of_references = re.compile(_REFERENCE).findall
_LONGEST_REFERENCE = 9
_REFERENCE_COST = LIST_COST + WORD_COST + ITEM_COST


def number_of(digits: bytes) -> int:
    """The integer of which these, four at the most, are the digits."""
    size = len(digits)
    number = digits[0]
    if size > 1:
        number |= digits[1] << 7
        if size > 2:
            number |= digits[2] << 14
            if size > 3:
                number |= digits[3] << 21
    return number


def numbers_of(ids: list[bytes]) -> list[int]:
    """`number_of` each of them.  Ids that follow one another mostly have as many digits, and these are two or three."""
    sizes = set(map(len, ids))
    if sizes == {2}:
        digits = b"".join(ids)
        return [first | second << 7 for first, second in zip(digits[::2], digits[1::2], strict=True)]
    if sizes == {3}:
        digits = b"".join(ids)
        return [
            first | second << 7 | third << 14
            for first, second, third in zip(digits[::3], digits[1::3], digits[2::3], strict=True)
        ]
    return list(map(number_of, ids))


# Bytes of a part of an unfinished string up to which it is put together with others.
_SHORT = 4_096


class Decoder:
    """Gives the expressions of a stream of bytes, one by one.

    Args:
        limits: bounds of what one unfinished expression may hold.

    Call `feed` with what arrived, then `next` until it answers `NEED_DATA`.

    Attributes:
        shallow: whether the lists in a list are to come as `Packed`.
        data, position: what was taken in, and how much of it has come out.  Where no expression has begun (`between`), a
            caller may read messages from there by itself, and move *position* behind them; `shortcut` does.
    """

    __slots__ = (
        "_broken", "_flat", "_held", "_items", "_level", "_limits", "_missing", "_packs", "_partial", "_room", "_stack",
        "data", "position", "shallow",
    )  # fmt: skip

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.shallow = False
        self._limits = limits
        self.data = b""
        self.position = 0
        # The list that is being filled; the number of items that it lacks; the number of lists that will be around the
        # next item; and whether it is `FLAT`, with all keys text.  The same of the lists around it.
        self._items: list[Any] | None = None
        self._room = 0
        self._level = 0
        self._flat = False
        self._stack: list[tuple[list[Any] | None, int, int, bool]] = []
        # Whether what is being read is to be shallow, or was when it began.
        self._packs = False
        # A string whose body has not arrived whole, and the number of bytes that it lacks.
        self._partial: list[bytes | bytearray | memoryview] | None = None
        self._missing = 0
        self._held = 0
        self._broken: str | None = None

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream: bytes, or anything else with a buffer, which is copied."""
        if self._broken is not None:
            return
        data = bytes(data)
        if self._missing:
            # The body of an unfinished string is kept by itself, so that no byte of it is looked at twice.
            if len(data) <= self._missing:
                self._keep(data)
                self._missing -= len(data)
                return
            self._keep(data[: self._missing])
            data = data[self._missing :]
            self._missing = 0
        if self.position < len(self.data):
            self.data = self.data[self.position :] + data
        else:
            self.data = data
        self.position = 0

    def _keep(self, data: bytes) -> None:
        """Keep the next part of an unfinished string."""
        assert self._partial is not None
        if len(data) > _SHORT:
            self._partial.append(data)
        else:
            # As objects of their own they would take many times what is in them.
            last = self._partial[-1]
            if type(last) is bytearray:
                last.extend(data)
            else:
                self._partial.append(bytearray(data))

    def bound(self, limits: Limits) -> None:
        """Have *limits* from now on, for an expression that has begun too."""
        self._limits = limits

    @property
    def unfinished(self) -> bool:
        """Whether bytes were taken in that have not come out as part of an expression."""
        return self._partial is not None or self._items is not None or self.position < len(self.data)

    @property
    def between(self) -> bool:
        """Whether no expression has begun that has not come out."""
        return self._items is None and self._partial is None

    def next(
        self,
        words: Mapping[int, bytes] | None,
        size_limit: int = SIZE_LIMIT,
        prefix_limit: int = PREFIX_LIMIT,
    ) -> Expression | _NeedData:
        """The next whole expression, or `NEED_DATA`.

        Args:
            words: the vocabulary, or None in a dialect that has none.
            size_limit: bytes of a string, and items of a list, at the most.
            prefix_limit: bytes of a prefix at the most.

        Raises:
            BananaError: the bytes break the grammar or a limit.
        """
        if self._broken is not None:
            raise BananaError(self._broken)
        data = self.data
        position = start = self.position
        end = len(data)
        partial = self._partial
        if position == end and partial is None:
            # What was read is not kept until there is more.
            self.data = b""
            self.position = 0
            return NEED_DATA
        items = self._items
        room = self._room
        level = self._level
        flat = self._flat
        stack = self._stack
        held = self._held
        if items is None and partial is None:
            self._packs = self.shallow
        packs = self._packs
        most = self._limits.expression_bytes
        if size_limit > most and most == EXPRESSION_BYTES:
            # See Limits.expression_bytes.
            most = size_limit + BESIDE_STRING
        depth = self._limits.expression_depth
        # Whether no string with a prefix of one byte is too long.
        quick = size_limit >= 0x7F and prefix_limit >= 1
        item: Any
        try:
            while True:
                if partial is not None:
                    if self._missing:
                        return NEED_DATA
                    item = b"".join(partial)
                    self._partial = partial = None
                else:
                    if flat and len(items) & 1:  # type: ignore[arg-type]
                        # A pair is next.  That its first is text, short and all there is seen in one go.
                        first = position + KEY_AT
                        if first <= end:
                            size = data[first - 2]
                            stop = first + size
                            item = KNOWN_KEYS.get(data[position:stop])
                            if item is None:
                                item, stop, size = text_key(data, position, words)
                        else:
                            item = None
                        if item is not None:
                            held += _PAIR_COST + size
                            if held > most:
                                raise BananaError(f"an expression that takes more than {most} bytes of memory")
                            items.append(item)  # type: ignore[union-attr]
                            position = stop
                        else:
                            items[:] = _in_pairs(items)  # type: ignore[index, arg-type]
                            flat = False
                            level -= 1
                    start = position
                    number = data[position]
                    position += 1
                    if number >= 0x80:
                        kind = number
                        number = 0
                    else:
                        kind = data[position]
                        position += 1
                        if kind < 0x80:
                            shift = 7
                            while kind < 0x80:
                                if position - start > prefix_limit:
                                    raise BananaError(f"a prefix of more than {prefix_limit} bytes")
                                number |= kind << shift
                                shift += 7
                                kind = data[position]
                                position += 1
                        elif prefix_limit < 1:
                            raise BananaError(f"a prefix of more than {prefix_limit} bytes")

                    if kind == LIST:
                        if number > size_limit:
                            raise BananaError(f"a list of {_figure(number)} items; the limit is {size_limit}")
                        held += LIST_COST
                        if held > most:
                            raise BananaError(f"an expression that takes more than {most} bytes of memory")
                        if number:
                            if level >= depth:
                                raise BananaError(f"lists nested more than {depth} deep")
                            follows = data[position] if number == 2 and position < end else 0
                            if follows == _REMOTE_WORD and (level > 1 or not packs):
                                # There may be very many references, one after the other.
                                found, stop = _references(data, position - 2, 1 if flat else room, words, prefix_limit)
                                cost = held + len(found) * _REFERENCE_COST - LIST_COST
                                if found and cost <= most:
                                    item = found.pop()
                                    items += found  # type: ignore[operator]
                                    room -= len(found)
                                    number = 0
                                    held = cost
                                    position = stop
                            elif number == 2 and quick and position + _TEXT_AT < end:
                                # Most lists of two items are text, [unicode bytes], or a pair that begins with text.
                                # Where that is short and all there, its parts are not taken one by one.
                                paired = follows == 2 and data[position + 1] == LIST
                                first = position + _TEXT_AT
                                if paired:
                                    first += 2
                                begins = data[first - _TEXT_AT : first - 2] if paired or follows == 7 else b""
                                if begins == _TEXT_BEGINS:
                                    if first <= end and data[first - 1] == STRING:
                                        size = data[first - 2]
                                        stop = first + size
                                        cost = held + size + (_PAIRED_TEXT_COST if paired else _TEXT_COST)
                                        if size < 0x80 and stop <= end and cost <= most:
                                            item = data[first:stop]
                                            if not packs:
                                                item = [UNICODE, item]
                                            elif level > 1:
                                                item = _as_text(item)
                                            else:
                                                item = Packed((UNICODE, item))
                                            if not paired:
                                                number = 0
                                                held = cost
                                                position = stop
                                            elif level + 1 < depth and (level > 1 or not packs):
                                                stack.append((items, room, level, flat))
                                                items = [item]
                                                room = 1
                                                level += 1
                                                flat = False
                                                held = cost
                                                start = position = stop
                                                continue
                                elif begins == _BOOLEAN_BEGINS and not paired and (level > 1 or not packs):
                                    for word, truth in _BOOLEANS:
                                        stop = first - 2 + len(word)
                                        if data[first - 2 : stop] == word:
                                            cost = held + _TEXT_COST + len(word) - 2
                                            if cost <= most:
                                                item = truth if packs else [b"boolean", word[2:]]
                                                number = 0
                                                held = cost
                                                position = stop
                            elif (
                                number == 1
                                and packs
                                and level > 1
                                and data[position : position + 2] == _NONE
                                and words is not None
                                and words.get(_NONE[0]) == b"None"
                            ):
                                held += WORD_COST
                                item = None
                                number = 0
                                position += 2
                            if number:
                                stack.append((items, room, level, flat))
                                items = Packed() if packs and level == 1 else []
                                room = number
                                level += 1
                                flat = False
                                continue
                        else:
                            item = Packed() if packs and level == 1 else []
                    elif kind == STRING:
                        if number > size_limit:
                            raise BananaError(f"a string of {_figure(number)} bytes; the limit is {size_limit}")
                        held += ITEM_COST + number
                        if held > most:
                            raise BananaError(f"an expression that takes more than {most} bytes of memory")
                        stop = position + number
                        if stop > end:
                            # What is large is copied when the whole is there, and not before: unless there is more of what
                            # it came with, which would be kept as long.
                            few = end - position < max(_SHORT, len(data) // 2)
                            self._partial = [data[position:] if few else memoryview(data)[position:]]
                            self._missing = stop - end
                            self.data = b""
                            position = start = 0
                            return NEED_DATA
                        item = data[position:stop]
                        position = stop
                    elif kind == VOCAB:
                        if words is None:
                            raise UnknownElement("a word of the vocabulary in a dialect that has none")
                        item = words.get(number)
                        if item is None:
                            raise UnknownWord(f"no word has the number {_figure(number)}")
                        held += WORD_COST
                        if packs and level > 1 and not items and item == DICTIONARY:
                            # Where a text is too long, or too deep, it is not read in one go.
                            if room > 1 and quick and level + 1 < depth:
                                item = FLAT
                                flat = True
                                level += 1
                    elif kind == INT or kind == LONGINT:
                        item = number
                        held += ITEM_COST
                    elif kind == NEG or kind == LONGNEG:
                        item = -number
                        held += ITEM_COST
                    elif kind == FLOAT:
                        if position + 8 > end:
                            return NEED_DATA
                        item = _double.unpack_from(data, position)[0]
                        position += 8
                        held += ITEM_COST
                    else:
                        raise UnknownElement(f"no element has the type byte 0x{kind:02x}")
                    if held > most:
                        raise BananaError(f"an expression that takes more than {most} bytes of memory")

                while items is not None:
                    items.append(item)
                    room -= 1
                    if room:
                        break
                    item = items
                    items, room, level, flat = stack.pop()
                else:
                    start = position
                    held = 0
                    if packs and not self.shallow and type(item) is list:
                        # It is not to be, any more.
                        item = list(map(spelled_out, item))
                    return item  # type: ignore[no-any-return]
                start = position
        except IndexError:
            # The data ended within a prefix; the bytes from its start on are looked at again when more have come.
            if end - start <= prefix_limit:
                return NEED_DATA
            start, items = 0, None
            raise self._breaks(BananaError(f"a prefix of more than {prefix_limit} bytes")) from None
        except BananaError as error:
            start, items = 0, None
            self._breaks(error)
            raise
        finally:
            self.position = start
            self._items = items
            self._room = room
            self._level = level
            self._flat = flat
            self._held = held

    def _breaks(self, error: BananaError) -> BananaError:
        """What follows has no meaning, because of *error*."""
        self._broken = str(error)
        self.data = b""
        self._partial = None
        self._missing = 0
        self._stack = []
        return error


def _references(
    data: bytes, position: int, most: int, words: Mapping[int, bytes] | None, prefix_limit: int
) -> tuple[list[Any], int]:
    """The lists ``[remote id]`` that follow one another at *position*, *most* of them or fewer, and where they end."""
    found: list[Any] = []
    # No more is looked at than is wanted: the same bytes may be looked at for each of the lists that end among them.
    run = _are_references(data, position, position + most * _LONGEST_REFERENCE)
    if run is not None and prefix_limit >= 4 and words is not None and words.get(_REMOTE_WORD) == REMOTE:
        ids = _ids_of_references(data, position, run.end())[:most]
        found = [[REMOTE, luid] for luid in numbers_of(ids)]
        position += 5 * len(ids) + sum(map(len, ids))
    return found, position


def text_key(data: bytes, position: int, words: Mapping[int, bytes] | None) -> tuple[str | None, int, int]:
    """The text with which the pair at *position* begins, where that ends, and what it takes of memory beyond what an empty
    one does; None and zeros if the pair begins with something else, or with a text that is long or not all there."""
    first = position + KEY_AT
    number, kind = data[first - 2], data[first - 1]
    if number > 0x7F or not data.startswith(_PAIR_BEGINS, position):
        return None, 0, 0
    text: bytes | None = None
    stop, size = first, WORD_COST - ITEM_COST
    if kind == STRING:
        stop, size = first + number, number
        if stop <= len(data):
            text = data[first:stop]
    elif kind == VOCAB and words is not None:
        text = words.get(number)
    try:
        key = None if text is None else text.decode()
    except UnicodeDecodeError:
        key = None
    if key is None:
        return None, 0, 0
    if kind == STRING and number <= _LONGEST_KEY:
        if len(KNOWN_KEYS) >= _MOST_KEYS:
            KNOWN_KEYS.clear()
        KNOWN_KEYS[data[position:stop]] = key
    return key, stop, size


def _as_text(data: bytes) -> Any:
    """Text in the spelling of a `Packed`."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        # Whoever reads it refuses it.
        return [UNICODE, data]


def _figure(number: int) -> str:
    """*number* for a message: a peer's integers can have more digits than a log line."""
    return str(number) if number < 10**15 else "a great many"


def prefix(number: int) -> bytes:
    """The shortest prefix that stands for *number*, which is 0 or more."""
    if number < 0x80:
        return bytes((number,))
    if number < 0x4000:
        return bytes((number & 0x7F, number >> 7))
    digits = bytearray()
    while number:
        digits.append(number & 0x7F)
        number >>= 7
    return bytes(digits)


#: What the tables of heads have, and that of whole integers, from 0 on.
MOST_HEADS: Final = 1023


def _heads(kind: int) -> tuple[bytes, ...]:
    return tuple(prefix(number) + bytes((kind,)) for number in range(MOST_HEADS + 1))


# The heads of short lists and strings, and whole small integers, made once.
LIST_HEADS = _heads(LIST)
STRING_HEADS = _heads(STRING)
INTS = _heads(INT)
# The list and its tag that stand before a text's bytes, with the head of those.
TEXT_HEADS = tuple(LIST_HEADS[2] + STRING_HEADS[len(UNICODE)] + UNICODE + head for head in STRING_HEADS)
VOCAB_HEADS = _heads(VOCAB)
#: What is written for a text that is one of the usual words.
WORD_TEXTS: Final = {
    word.decode(): LIST_HEADS[2] + STRING_HEADS[len(UNICODE)] + UNICODE + VOCAB_HEADS[number]
    for word, number in WORDS.items()
}
_TYPE = {kind: bytes((kind,)) for kind in (LIST, INT, STRING, NEG, FLOAT, LONGINT, LONGNEG, VOCAB)}
_PAIR = LIST_HEADS[2]
# By the bytes of the text that is a pair's first item: what is written up to the second.
_BEGUN_PAIRS: dict[bytes, bytes] = {}
# The lists that stand for None, True and False, where words are the usual ones.
NONE_LIST = LIST_HEADS[1] + VOCAB_HEADS[WORDS[b"None"]]
TRUE_LIST, FALSE_LIST = (
    LIST_HEADS[2] + STRING_HEADS[7] + b"boolean" + STRING_HEADS[len(word)] + word for word in (b"true", b"false")
)


class _Begun(dict[str, "bytes | None"]):
    """By the text that is a pair's first item, what is written up to the second where the words are the usual ones; None
    for one that is very long.

    Raises:
        UnicodeEncodeError: it has no bytes.
    """

    def __missing__(self, key: str) -> bytes | None:
        text = key.encode()
        if len(text) > MOST_HEADS:
            return None
        head = _PAIR + (WORD_TEXTS.get(key) or TEXT_HEADS[len(text)] + text)
        if len(text) <= _LONGEST_KEY:
            if len(self) >= _MOST_KEYS:
                self.clear()
            self[key] = head
        return head


BEGUN_PAIRS: Final = _Begun()
_NOT_BEGUN: dict[str, bytes] = {}


class _Ends(dict[int, bytes]):
    """What is written of an id after its first digit, by what is left of it then: ids that follow one another share it."""

    def __missing__(self, rest: int) -> bytes:
        if len(self) >= _MOST_KEYS:
            self.clear()
        self[rest] = end = (prefix(rest) if rest else b"") + _TYPE[INT]
        return end


ID_ENDS: Final = _Ends()
#: Ids that are written by these are less than this, and have no more digits than that.
MOST_IDS, LONGEST_ID = 1 << 28, 4
_REMOTES = tuple(bytes((2, LIST, _REMOTE_WORD, VOCAB, digit)) for digit in range(0x80))

# Dictionaries within dictionaries that are written by calls within calls; deeper ones by the stack alone.
_RECURSIVE = 100


def encode(
    expression: object,
    words: Mapping[bytes, int] | None,
    size_limit: int = SIZE_LIMIT,
    prefix_limit: int = PREFIX_LIMIT,
    depth: int = DEFAULT_LIMITS.expression_depth,
) -> bytes:
    """The bytes of *expression*; a tuple is sent as a list, a bool as an int.

    Args:
        expression: what to send.
        words: the vocabulary, or None in a dialect that has none.
        size_limit: bytes of a string, and items of a list, at the most.
        prefix_limit: bytes of an integer's prefix at the most.
        depth: lists within lists at the most.

    Raises:
        BananaError: something in the expression is of a type that banana does not carry, or breaks a limit.
    """
    chunks = Chunks()
    _encode(expression, chunks, words, size_limit, prefix_limit, depth, 0)
    return b"".join(chunks)


def encode_parts(
    expression: object,
    words: Mapping[bytes, int] | None,
    size_limit: int = SIZE_LIMIT,
    prefix_limit: int = PREFIX_LIMIT,
    depth: int = DEFAULT_LIMITS.expression_depth,
) -> bytes | list[bytes]:
    """`encode`, without a copy of strings of more than `LARGE` bytes: where there are any, the bytes come in parts, and
    each of them is one."""
    chunks = Chunks()
    chunks.large = False
    _encode(expression, chunks, words, size_limit, prefix_limit, depth, 0)
    return parts_of(chunks) if chunks.large else b"".join(chunks)


class Chunks(list[bytes]):
    """What was written.

    Attributes:
        large: whether one of them is a string of more than `LARGE` bytes; true, or what it was before.
    """

    __slots__ = ("large",)
    large: bool


def parts_of(chunks: list[bytes]) -> list[bytes]:
    """The same: each string of more than `LARGE` bytes by itself, and what is between two of them in one piece."""
    parts: list[bytes] = []
    begun = 0
    for index, chunk in enumerate(chunks):
        if len(chunk) > LARGE:
            # A head is before it, so this is not empty.
            parts += b"".join(chunks[begun:index]), chunk
            begun = index + 1
    if begun < len(chunks):
        parts.append(b"".join(chunks[begun:]))
    return parts


def _encode(
    expression: Any,
    chunks: Chunks,
    words: Mapping[bytes, int] | None,
    size_limit: int,
    prefix_limit: int,
    depth: int,
    level: int,
    packed: bool = False,
) -> None:
    """Write what stands for *expression*, which is *level* lists deep; *packed*: it is a `Packed`, or a part of one."""
    stack: list[Iterator[Any]] = []
    push = stack.append
    todo: Iterator[Any]
    if type(expression) is tuple and len(expression) <= size_limit and level < depth:
        # A message, for the most part.
        size = len(expression)
        chunks.append(LIST_HEADS[size] if size < 1024 else prefix(size) + _TYPE[LIST])
        level += 1
        todo = iter(expression)
    else:
        todo = iter((expression,))
    # What the tables of heads have.
    small = size_limit if size_limit < 1023 else 1023
    # Whether text, which is [unicode bytes], may be written at once: it may, where the tag is no word and not too long.
    at_once = small >= len(UNICODE) and (words is None or UNICODE not in words)
    # Whether a tag of the usual vocabulary is sent as its number, and an id in as many digits as it has.
    usual = words is WORDS and prefix_limit >= LONGEST_ID
    while True:
        for item in todo:
            kind = type(item)
            if kind is bytes:
                size = len(item)
                # None of the usual words is long, and looking for one takes as long as the string is.
                if words is not None and (size < 1024 or words is not WORDS):
                    number = words.get(item)
                    if number is not None:
                        chunks.append(VOCAB_HEADS[number] if number < 1024 else prefix(number) + _TYPE[VOCAB])
                        continue
                if size <= small:
                    chunks.append(STRING_HEADS[size])
                elif size > size_limit:
                    raise BananaError(f"a byte string of {size} bytes is too long to send; the limit is {size_limit}")
                else:
                    if size > LARGE:
                        chunks.large = True
                    chunks.append(prefix(size) + _TYPE[STRING])
                chunks.append(item)
            elif kind is list or packed and kind is Packed:
                size = len(item)
                tag = item[0] if size else None
                if tag is FLAT:
                    size = (size + 1) // 2
                    if at_once and 1 < size <= size_limit and level < _RECURSIVE and level + 3 <= depth:
                        chunks.append(LIST_HEADS[size] if size < 1024 else prefix(size) + _TYPE[LIST])
                        _encode_flat(item, chunks, words, size_limit, prefix_limit, depth, level + 1)
                        continue
                    item = _in_pairs(item)
                if size > size_limit:
                    raise BananaError(f"a list of {size} items is too long to send; the limit is {size_limit}")
                if level >= depth:
                    raise BananaError(f"lists nested more than {depth} deep are not sent")
                if size and at_once:
                    if tag is REMOTE and size == 2 and usual:
                        luid = item[1]
                        if type(luid) is int and 0 <= luid < MOST_IDS:
                            # There may be very many of these.
                            chunks.append(_REMOTES[luid & 0x7F] + ID_ENDS[luid >> 7])
                            continue
                    elif tag is UNICODE:
                        if size == 2:
                            text = item[1]
                            if type(text) is bytes and len(text) <= small and (words is None or text not in words):
                                chunks.append(TEXT_HEADS[len(text)])
                                chunks.append(text)
                                continue
                    elif tag is DICTIONARY and size > 1 and level < _RECURSIVE and level + 3 <= depth:
                        chunks.append(LIST_HEADS[size] if size < 1024 else prefix(size) + _TYPE[LIST])
                        _encode_pairs(item, chunks, words, size_limit, prefix_limit, depth, level + 1, packed)
                        continue
                chunks.append(LIST_HEADS[size] if size < 1024 else prefix(size) + _TYPE[LIST])
                if size:
                    push(todo)
                    level += 1
                    todo = iter(item)
                    break
            elif kind is str and packed and at_once and level < depth:
                text = item.encode()
                if len(text) <= small and (words is None or text not in words):
                    chunks.append(TEXT_HEADS[len(text)])
                    chunks.append(text)
                else:
                    _encode([UNICODE, text], chunks, words, size_limit, prefix_limit, depth, level)
            elif kind is int:
                chunks.append(INTS[item] if 0 <= item < 1024 else encode_int(item, prefix_limit))
            elif kind is float:
                chunks.append(_pack_float(FLOAT, item))
            elif kind is Packed:
                _encode(item, chunks, words, size_limit, prefix_limit, depth, level, True)
            elif packed:
                # What is spelled shorter still, and what banana does not carry.
                _encode(spelled_out(item), chunks, words, size_limit, prefix_limit, depth, level)
            else:
                _encode(_carried_as(item), chunks, words, size_limit, prefix_limit, depth, level)
        else:
            if not stack:
                return
            level -= 1
            todo = stack.pop()


def _encode_pairs(
    dictionary: list[Any],
    chunks: Chunks,
    words: Mapping[bytes, int] | None,
    size_limit: int,
    prefix_limit: int,
    depth: int,
    level: int,
    packed: bool,
) -> None:
    """Write what is in a list whose head is ``dictionary``: that word, and pairs.  They are most of most messages."""
    small = size_limit if size_limit < 1023 else 1023
    # With other words than the usual, other texts are sent as words.
    begun = _BEGUN_PAIRS if words is None or words is WORDS else {}
    pairs = iter(dictionary)
    _encode(next(pairs), chunks, words, size_limit, prefix_limit, depth, level)
    for pair in pairs:
        if type(pair) is not list or len(pair) != 2:
            _encode(pair, chunks, words, size_limit, prefix_limit, depth, level, packed)
            continue
        key, value = pair
        text = key[1] if type(key) is list and len(key) == 2 and key[0] is UNICODE else None
        if type(text) is bytes and len(text) <= small:
            head = begun.get(text)
            if head is not None:
                chunks.append(head)
            elif text in WORDS or begun is not _BEGUN_PAIRS:
                chunks.append(_PAIR)
                _encode(key, chunks, words, size_limit, prefix_limit, depth, level + 1, packed)
            else:
                head = _PAIR + TEXT_HEADS[len(text)] + text
                if len(text) <= _LONGEST_KEY:
                    if len(begun) >= _MOST_KEYS:
                        begun.clear()
                    begun[text] = head
                chunks.append(head)
        else:
            chunks.append(_PAIR)
            _encode(key, chunks, words, size_limit, prefix_limit, depth, level + 1, packed)
        kind = type(value)
        if kind is list:
            if len(value) == 2 and value[0] is UNICODE:
                text = value[1]
                if type(text) is bytes and len(text) <= small and (words is None or text not in words):
                    chunks.append(TEXT_HEADS[len(text)])
                    chunks.append(text)
                    continue
        elif kind is int:
            chunks.append(INTS[value] if 0 <= value < 1024 else encode_int(value, prefix_limit))
            continue
        elif kind is float:
            chunks.append(_pack_float(FLOAT, value))
            continue
        elif kind is bytes and len(value) <= small and (words is None or value not in words):
            chunks.append(STRING_HEADS[len(value)])
            chunks.append(value)
            continue
        _encode(value, chunks, words, size_limit, prefix_limit, depth, level + 1, packed)


def _encode_flat(
    dictionary: list[Any],
    chunks: Chunks,
    words: Mapping[bytes, int] | None,
    size_limit: int,
    prefix_limit: int,
    depth: int,
    level: int,
) -> None:
    """Write what is in a list whose head is `FLAT`."""
    small = size_limit if size_limit < 1023 else 1023
    usual = words is WORDS
    # With other words than the usual, other texts are sent as words.
    begun = BEGUN_PAIRS.__getitem__ if usual and small == MOST_HEADS else _NOT_BEGUN.get
    _encode(DICTIONARY, chunks, words, size_limit, prefix_limit, depth, level)
    level += 1
    keys = dictionary[1::2]
    for head, key, value in zip(map(begun, keys), keys, dictionary[2::2]):  # noqa: B905 - there are as many of all
        if head is None:
            chunks.append(_PAIR)
            _encode([UNICODE, key.encode()], chunks, words, size_limit, prefix_limit, depth, level)
        else:
            chunks.append(head)
        kind = type(value)
        if kind is str:
            text = value.encode()
            if len(text) <= small and (words is None or text not in words):
                chunks.append(TEXT_HEADS[len(text)])
                chunks.append(text)
            else:
                _encode([UNICODE, text], chunks, words, size_limit, prefix_limit, depth, level)
        elif kind is int:
            chunks.append(INTS[value] if 0 <= value < 1024 else encode_int(value, prefix_limit))
        elif kind is float:
            chunks.append(_pack_float(FLOAT, value))
        elif usual and (kind is bool or value is None):
            chunks.append(NONE_LIST if value is None else TRUE_LIST if value else FALSE_LIST)
        elif kind is bytes and len(value) <= small and (words is None or value not in words):
            chunks.append(STRING_HEADS[len(value)])
            chunks.append(value)
        else:
            _encode(value, chunks, words, size_limit, prefix_limit, depth, level, True)


def _carried_as(item: object) -> Expression:
    """What banana sends for *item*: subclasses are sent as what they are made of, tuples as lists."""
    for kind in (list, int, float, bytes):
        if isinstance(item, kind):
            # Not as the subclass would have it: by what it is made of.
            return _MADE_OF[kind](item)  # type: ignore[no-any-return]
    if isinstance(item, tuple):
        return list(item)
    name = f"{type(item).__module__}.{type(item).__qualname__}"
    raise BananaError(f"Banana cannot send {name} objects: {_shortened(item)}")


_MADE_OF: dict[type, Callable[[Any], Any]] = {
    list: list,
    int: int.__int__,
    float: float.__float__,
    bytes: lambda item: bytes.__getitem__(item, slice(None)),
}


def _shortened(item: object) -> str:
    try:
        text = repr(item)
    except Exception as error:
        text = f"<no repr: {type(error).__name__}>"
    return text if len(text) <= 200 else text[:200] + "…"


def encode_int(number: int, prefix_limit: int) -> bytes:
    """The bytes of an integer.

    Raises:
        BananaError: it is too large.
    """
    if 0 <= number < 1024:
        return INTS[number]
    if 0 < number < 0x200000 and prefix_limit >= 3:
        if number < 0x4000:
            return bytes((number & 0x7F, number >> 7, INT))
        return bytes((number & 0x7F, number >> 7 & 0x7F, number >> 14, INT))
    if number.bit_length() > prefix_limit * 7:
        raise BananaError(
            f"int is too large to send: it has {number.bit_length()} bits; the limit is {prefix_limit * 7}"
        )
    if number < SMALLEST_INT:
        return prefix(-number) + _TYPE[LONGNEG]
    if number < 0:
        return prefix(-number) + _TYPE[NEG]
    return prefix(number) + _TYPE[INT if number <= LARGEST_INT else LONGINT]
