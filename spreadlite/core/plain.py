"""Plain values, between their objects and their bytes at once.

Most of what programs say to one another is plain: numbers, bytes, text, None, True and False, dates and times, and lists,
tuples, dictionaries and sets of them.  No hook is asked about such a value, and nothing can come of looking at it; so it
is read from its bytes without an expression in between, and written so.  What `wire` and `graph` make of the same is the
specification: whatever is in any way out of the ordinary is left to them, before anything was done.

References are not plain, but they are what the protocol is for: `passing` has them written and read among plain values.

All words are those of the usual vocabulary.
"""

from __future__ import annotations

import datetime
import decimal
import re
import struct
from collections.abc import Callable, Iterable
from itertools import chain, cycle, repeat
from typing import Any, Final

from .errors import InsecureJelly
from .graph import READERS, WRITERS
from .passing import LOCAL_WORD, REMOTE_WORD, Giver
from .vocabulary import (
    DICTIONARY,
    FLOAT,
    INT,
    LIST,
    LONGINT,
    LONGNEG,
    NEG,
    PREFIX_LIMIT,
    SIZE_LIMIT,
    STRING,
    UNICODE,
    VOCAB,
    WORDS,
)
from .wire import (
    BEGUN_PAIRS,
    FALSE_LIST,
    INTS,
    KEY_AT,
    KNOWN_KEYS,
    LARGE,
    LIST_HEADS,
    MOST_HEADS,
    NONE_LIST,
    NUMBER,
    STRING_HEADS,
    TEXT_HEADS,
    TRUE_LIST,
    VOCAB_HEADS,
    WORD_TEXTS,
    encode_int,
    number_of,
    prefix,
    text_key,
)

#: Items of what holds some, if it is to be read, at the most: one of more may well not be there as a whole, and would be
#: read in vain.
MOST_ITEMS: Final = 63
#: Such values within one another at the most.
DEEPEST: Final = 16
#: Lists within lists in the expression of what is so deep.
DEEPEST_EXPRESSION: Final = 3 * DEEPEST + 2
#: Bytes of a string that is read at the most.
LONGEST: Final = SIZE_LIMIT
#: Bytes of an integer's prefix at the most.
LONGEST_PREFIX: Final = PREFIX_LIMIT
#: What a byte of what is read here takes of memory, as `wire` counts it, at the most.
COST: Final = 40

_STRING = bytes((STRING,))
_LIST = bytes((LIST,))
_double = struct.Struct("!d")
_unpack = _double.unpack_from
_pack = struct.Struct("!Bd").pack

_NONE_WORD = WORDS[b"None"]
_LIST_WORD = WORDS[b"list"]
_TUPLE_WORD = WORDS[b"tuple"]
_DICTIONARY_WORD = WORDS[DICTIONARY]
_BOOLEAN = b"boolean"

# What has a list of plain values in an expression, by type and by tag: how that is written and read, which needs nothing
# but it.
_FIGURES = {
    kind: WRITERS[kind]
    for kind in (datetime.datetime, datetime.date, datetime.time, datetime.timedelta, decimal.Decimal)
}
_READ_FIGURES = {tag: READERS[tag] for tag in (b"datetime", b"date", b"time", b"timedelta", b"decimal")}
_BARE = frozenset((int, float, bytes))
_READ_SETS: dict[bytes, Callable[[list[Any]], Any]] = {b"set": set, b"frozenset": frozenset}

#: The tags of which plain values are made.
TAGS: Final = frozenset((b"None", b"list", b"tuple", DICTIONARY, _BOOLEAN, UNICODE, *_READ_SETS, *_READ_FIGURES))
#: The words of the usual vocabulary by number, and how many there are.
BY_NUMBER: Final = {number: word for word, number in WORDS.items()}
USUAL_WORDS: Final = len(WORDS)

# The words, by number, as text.
_TEXTS = {number: word.decode() for word, number in WORDS.items()}

# What follows the head of a list that is text, up to the text's size; and what follows the heads of True and False.
_TEXT = bytes((len(UNICODE), STRING)) + UNICODE
_TRUE, _FALSE = (
    bytes((len(_BOOLEAN), STRING)) + _BOOLEAN + bytes((len(word), STRING)) + word for word in (b"true", b"false")
)
# The same up to the bytes of a short text, by which its size is known; and how long that is.
_TEXT_SIZES = {_TEXT + bytes((size, STRING)): size for size in range(0x80)}
_TO_TEXT = len(_TEXT) + 2
_TEXT_BEGINS = _TEXT[0]
# From the beginning of a pair, whose first item is text, to the size of that.
_TO_SIZE = KEY_AT - 2
# What is written before the size of a text.
_TEXT_HEAD = LIST_HEADS[2] + _TEXT

# The tags of what holds values.
_HOLDERS: dict[type, bytes] = {
    list: VOCAB_HEADS[_LIST_WORD],
    tuple: VOCAB_HEADS[_TUPLE_WORD],
    dict: VOCAB_HEADS[_DICTIONARY_WORD],
    set: STRING_HEADS[3] + b"set",
    frozenset: STRING_HEADS[9] + b"frozenset",
}
_UNCHANGING = (tuple, frozenset)
#: The heads of short tuples with their tags, by the number of their items.
TUPLE_HEADS: Final = [LIST_HEADS[size + 1] + _HOLDERS[tuple] for size in range(MOST_ITEMS + 1)]
TEXT_ALONE = frozenset((str,))
_NOTHING: Final[Iterable[bytes]] = repeat(b"")
# What stands before the items of a dictionary, in turns a key and a value.
_IN_PAIRS = LIST_HEADS[2], b""
#: An integer of so many bits may have a prefix that is too long; a size of so many is too much.
_BITS = 7 * (LONGEST_PREFIX - 1)
_LONG = 7 * 4


_is_number = re.compile(NUMBER).match


class NotPlain(Exception):
    """What is read is not plain, or not all there."""


class Refers(NotPlain):
    """What is read may be plain but for a reference among it."""


#: What `read` raises.
UNREADABLE = (NotPlain, IndexError, struct.error, UnicodeDecodeError)


def are_usual(allowed: dict[bytes, int] | None, classes: dict[bytes, Any], factories: dict[bytes, Any]) -> bool:
    """Whether what a peer sends as plain values is allowed, and stands for them and nothing else.

    Args:
        allowed: what `policy.allowed_names` said.
        classes, factories: of the registry.
    """
    return (
        allowed is not None
        and allowed.keys() >= TAGS
        and classes.keys().isdisjoint(TAGS)
        and factories.keys().isdisjoint(TAGS)
    )


def read(
    data: bytes,
    position: int,
    count: int,
    pairs: bool = False,
    level: int = DEEPEST,
    refer: Callable[[int, int], Any] | None = None,
) -> tuple[Any, int]:
    """A list of the *count* values at *position*; with *pairs*, the dictionary of so many pairs; and where that ends.

    Args:
        data, position, count, pairs: what to read.
        level: such values within one another that may be read still.
        refer: gives what a reference stands for; see `passing.referrer`.

    Raises:
        Refers: there is a reference, and nobody who gives what that stands for.
        one of `UNREADABLE`: not all of it is plain, short, and there.
    """
    values: list[Any] = []
    keys: list[Any] = []
    known = KNOWN_KEYS
    # This is a loop of its own rather than a function for each value, for calls would cost more than the values.
    while count:
        count -= 1
        if pairs:
            try:
                stop = position + KEY_AT + data[position + _TO_SIZE]
            except IndexError:
                # Little is left, which may be enough for something else than text.
                stop = position
            key = known.get(data[position:stop])
            if key is None:
                key, stop = _read_key(data, position, level, refer)
            keys.append(key)
            position = stop
        number = data[position]
        kind = data[position + 1]
        position += 2
        if kind == LIST:
            first = data[position]
            if first == _TEXT_BEGINS and number == 2:
                size = _TEXT_SIZES.get(data[position : position + _TO_TEXT])
                if size is not None:
                    position += _TO_TEXT
                    stop = position + size
                    if stop > len(data):
                        raise NotPlain
                    values.append(data[position:stop].decode())
                    position = stop
                    continue
            second = data[position + 1]
            if second == STRING:
                if number == 2 and data[position : position + 9] == _TEXT:
                    # A longer one, or a word.
                    size = data[position + 9]
                    kind = data[position + 10]
                    position += 11
                    if size > 0x7F:
                        raise NotPlain
                    if kind == VOCAB:
                        if size not in _TEXTS:
                            raise NotPlain
                        values.append(_TEXTS[size])
                        continue
                    shift = 7
                    while kind < 0x80 and shift < _LONG:
                        size |= kind << shift
                        shift += 7
                        kind = data[position]
                        position += 1
                    stop = position + size
                    if kind != STRING or size > LONGEST or stop > len(data):
                        raise NotPlain
                    values.append(data[position:stop].decode())
                    position = stop
                elif number == 2 and data[position : position + len(_TRUE)] == _TRUE:
                    values.append(True)
                    position += len(_TRUE)
                elif number == 2 and data[position : position + len(_FALSE)] == _FALSE:
                    values.append(False)
                    position += len(_FALSE)
                else:
                    value, position = _read_tagged(data, position, number - 1, level, refer)
                    values.append(value)
            elif second == VOCAB and 0 < number <= MOST_ITEMS + 1:
                position += 2
                if first == _DICTIONARY_WORD and level:
                    value, position = read(data, position, number - 1, True, level - 1, refer)
                elif first == _LIST_WORD and level:
                    value, position = read(data, position, number - 1, False, level - 1, refer)
                elif first == _TUPLE_WORD and level:
                    value, position = read(data, position, number - 1, False, level - 1, refer)
                    value = tuple(value)
                elif first == _NONE_WORD and number == 1:
                    value = None
                elif number == 2 and (first == REMOTE_WORD or first == LOCAL_WORD):
                    if refer is None:
                        raise Refers
                    match = _is_number(data, position)
                    if match is None:
                        raise NotPlain
                    value = refer(first, number_of(match[1]))
                    if value is None:
                        raise NotPlain
                    position = match.end()
                else:
                    raise NotPlain
                values.append(value)
            else:
                raise NotPlain
        elif number > 0x7F:
            if number != FLOAT:
                raise NotPlain
            values.append(_unpack(data, position - 1)[0])
            position += 7
        else:
            if kind < 0x80:
                number |= kind << 7
                kind = data[position]
                position += 1
                shift = 14
                while kind < 0x80:
                    if shift == _BITS:
                        raise NotPlain
                    number |= kind << shift
                    shift += 7
                    kind = data[position]
                    position += 1
            if kind == INT or kind == LONGINT:
                values.append(number)
            elif kind == STRING:
                stop = position + number
                if number > LONGEST or stop > len(data):
                    raise NotPlain
                values.append(data[position:stop])
                position = stop
            elif kind == NEG or kind == LONGNEG:
                values.append(-number)
            elif kind == VOCAB and number in BY_NUMBER:
                values.append(BY_NUMBER[number])
            else:
                raise NotPlain
    if pairs:
        try:
            return dict(zip(keys, values)), position  # noqa: B905 - there are as many of both
        except TypeError:
            raise NotPlain from None
    return values, position


def _read_key(
    data: bytes, position: int, level: int, refer: Callable[[int, int], Any] | None
) -> tuple[Any, int]:
    """The first of the pair that begins at *position*, and where it ends."""
    try:
        key, stop, _ = text_key(data, position, BY_NUMBER)
    except IndexError:
        # Little is left, as in `read`.
        key, stop = None, position
    if key is not None:
        return key, stop
    if data[position] != 2 or data[position + 1] != LIST:
        raise NotPlain
    (key,), stop = read(data, position + 2, 1, False, level, refer)
    return key, stop


def _read_tagged(
    data: bytes, position: int, count: int, level: int, refer: Callable[[int, int], Any] | None
) -> tuple[Any, int]:
    """What the list stands for whose tag, which is no word, is at *position*, with *count* values after it; and where it
    ends."""
    start = position + 2
    position = start + data[position]
    tag = data[start:position]
    if position > len(data):
        raise NotPlain
    try:
        if tag in _READ_SETS and level and 0 <= count <= MOST_ITEMS:
            values, position = read(data, position, count, False, level - 1, refer)
            return _READ_SETS[tag](values), position
        if tag in _READ_FIGURES and 0 < count < 3:
            values, position = read(data, position, count, False, 0)
            # They stand as they are in the list, too: a text would be a list there.
            if not _BARE.issuperset(map(type, values)):
                raise NotPlain
            return _READ_FIGURES[tag](None, [tag, *values], None), position  # type: ignore[arg-type]
    except (TypeError, InsecureJelly):
        # Whoever reads it otherwise says so.
        pass
    raise NotPlain


def write(
    values: Iterable[Any],
    chunks: list[bytes],
    notes: list[Any],
    most: int,
    before: Iterable[bytes | None] = _NOTHING,
    level: int = DEEPEST,
    seen: set[int] | None = None,
) -> bool:
    """Add the bytes of *values* to *chunks*; false if not all of them are plain, and then what was added has no meaning.

    Args:
        values: what to write.
        chunks: gets the bytes.
        notes: the connection, or None, and False.  Where there is a reference among the values, the former becomes the
            `passing.Giver` that has put it into the tables; where there is a string of more than `wire.LARGE` bytes, the
            latter becomes True.
        most: bytes of a byte string, and items of a list, at the most.
        before: what stands before each value; None if that is not known.
        level: such values within one another that may be written still.
        seen: the ids of what holds some and was written, if there was any: of one that is met again only a reference is
            sent, for which this is not the place.

    Raises:
        UnicodeEncodeError: a text has no bytes.
    """
    giver: Any = None
    for head, value in zip(before, values):  # noqa: B905 - before each value stands something
        if head:
            chunks.append(head)
        elif head is None:
            return False
        kind = type(value)
        if kind is str:
            # By the text, which is hashed once however often it is sent.
            if value in WORD_TEXTS:
                chunks.append(WORD_TEXTS[value])
            else:
                text = value.encode()
                size = len(text)
                if size <= MOST_HEADS:
                    chunks.append(TEXT_HEADS[size])
                elif size > most:
                    return False
                else:
                    if size > LARGE:
                        notes[1] = True
                    chunks.append(_TEXT_HEAD + prefix(size) + _STRING)
                chunks.append(text)
        elif kind is int:
            if 0 <= value <= MOST_HEADS:
                chunks.append(INTS[value])
            elif value.bit_length() > _BITS:
                return False
            else:
                chunks.append(encode_int(value, LONGEST_PREFIX))
        elif kind is float:
            chunks.append(_pack(FLOAT, value))
        elif value is None:
            chunks.append(NONE_LIST)
        elif kind is bool:
            chunks.append(TRUE_LIST if value else FALSE_LIST)
        elif kind is bytes:
            size = len(value)
            if size <= MOST_HEADS:
                if value in WORDS:
                    chunks.append(VOCAB_HEADS[WORDS[value]])
                    continue
                chunks.append(STRING_HEADS[size])
            elif size > most:
                return False
            else:
                if size > LARGE:
                    notes[1] = True
                chunks.append(prefix(size) + _STRING)
            chunks.append(value)
        elif kind in _HOLDERS:
            # A copy: what a finalizer or another thread adds or takes away meanwhile has been counted, or has not.  Not by
            # the methods named copy: these may run finalizers after they have looked how much there is.
            items: Any = value if kind in _UNCHANGING else {**value} if kind is dict else [*value]
            size = len(items) + 1
            if seen is None:
                seen = set()
            if size > most or not level or id(value) in seen:
                return False
            seen.add(id(value))
            chunks.append(LIST_HEADS[size] if size <= MOST_HEADS else prefix(size) + _LIST)
            chunks.append(_HOLDERS[kind])
            heads: Iterable[bytes | None] = _NOTHING
            if kind is dict:
                if TEXT_ALONE.issuperset(map(type, items)):
                    heads, items = map(BEGUN_PAIRS.__getitem__, items), items.values()
                else:
                    heads, items = cycle(_IN_PAIRS), chain.from_iterable(items.items())
            if not write(items, chunks, notes, most, heads, level - 1, seen):
                return False
        elif kind in _FIGURES:
            try:
                # Nobody is asked for anything in it.
                items = _FIGURES[kind](None, value)  # type: ignore[arg-type]
            except (NotImplementedError, ValueError):
                # Whoever writes it otherwise says so.
                return False
            chunks.append(LIST_HEADS[len(items)])
            if not write(items, chunks, notes, most):
                return False
        else:
            if giver is None:
                giver = notes[0]
                if giver is None:
                    return False
                if type(giver) is not Giver:
                    giver = notes[0] = Giver(giver)
            said = giver.said(value)
            if said is None:
                return False
            chunks.append(said)
    return True
