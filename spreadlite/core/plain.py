"""Plain values, between their objects and their bytes at once.

Most of what programs say to one another is plain: numbers, bytes, text, None, True and False, and lists, tuples and
dictionaries of them, the keys of which are text.  No hook is asked about such a value, and nothing can come of looking at
it; so it is read from its bytes without an expression in between, and written so.  What `wire` and `graph` make of the
same is the specification: whatever is in any way out of the ordinary is left to them, before anything was done.

All words are those of the usual vocabulary.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import repeat
from typing import Any, Final

from . import wire
from .vocabulary import DICTIONARY, FLOAT, INT, LIST, LONGINT, LONGNEG, NEG, SIZE_LIMIT, STRING, UNICODE, VOCAB, WORDS

#: Items of a list, tuple or dictionary that is read at the most: one of more may well not be there as a whole, and would
#: be read in vain.
MOST_ITEMS: Final = 63
#: Such values within one another at the most.
DEEPEST: Final = 16
#: Lists within lists in the expression of what is so deep.
DEEPEST_EXPRESSION: Final = 3 * DEEPEST + 2
#: Bytes of a string that is read at the most.
LONGEST: Final = SIZE_LIMIT
#: Bytes of an integer's prefix at the most.
LONGEST_PREFIX: Final = 10
#: What a byte of what is read here takes of memory, as `wire` counts it, at the most.
COST: Final = 40

_STRING = bytes((STRING,))
_LIST = bytes((LIST,))
_double = struct.Struct("!d")
_unpack = _double.unpack_from
_pack = _double.pack

_NONE_WORD = WORDS[b"None"]
_LIST_WORD = WORDS[b"list"]
_TUPLE_WORD = WORDS[b"tuple"]
_DICTIONARY_WORD = WORDS[DICTIONARY]
_BOOLEAN = b"boolean"

#: The tags of which plain values are made.
TAGS: Final = frozenset((b"None", b"list", b"tuple", DICTIONARY, _BOOLEAN, UNICODE))
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
# From the beginning of a pair, whose first item is text, to the size of that.
_TO_SIZE = wire.KEY_AT - 2

# The tags of what holds values.
_HOLDERS: dict[type, bytes] = {
    list: wire.VOCAB_HEADS[_LIST_WORD],
    tuple: wire.VOCAB_HEADS[_TUPLE_WORD],
    dict: wire.VOCAB_HEADS[_DICTIONARY_WORD],
}
#: The heads of short tuples with their tags, by the number of their items.
TUPLE_HEADS: Final = [wire.LIST_HEADS[size + 1] + _HOLDERS[tuple] for size in range(MOST_ITEMS + 1)]
_TEXT_ALONE = frozenset((str,))
_NOTHING: Final[Iterable[bytes]] = repeat(b"")
#: An integer of so many bits may have a prefix that is too long.
_BITS = 7 * (LONGEST_PREFIX - 1)


class NotPlain(Exception):
    """What is read is not plain, or not all there."""


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


def read(data: bytes, position: int, count: int, pairs: bool = False, level: int = DEEPEST) -> tuple[Any, int]:
    """A list of the *count* values at *position*; with *pairs*, the dictionary of so many pairs; and where that ends.

    Raises:
        one of `UNREADABLE`: not all of it is plain, short, and there.
    """
    values: list[Any] = []
    add = values.append
    keys: list[str] = []
    known = wire.KNOWN_KEYS
    # This is a loop of its own rather than a function for each value, for calls would cost more than the values.
    while count:
        count -= 1
        if pairs:
            stop = position + wire.KEY_AT + data[position + _TO_SIZE]
            key = known.get(data[position:stop])
            if key is None:
                key, stop, _ = wire.text_key(data, position, BY_NUMBER)
                if key is None:
                    raise NotPlain
            keys.append(key)
            position = stop
        number = data[position]
        kind = data[position + 1]
        position += 2
        if kind == LIST:
            first = data[position]
            second = data[position + 1]
            if second == STRING:
                if number != 2:
                    raise NotPlain
                if data[position : position + 9] == _TEXT:
                    size = data[position + 9]
                    kind = data[position + 10]
                    position += 11
                    if kind == VOCAB:
                        if size not in _TEXTS:
                            raise NotPlain
                        add(_TEXTS[size])
                        continue
                    if kind != STRING:
                        if size > 0x7F or kind > 0x7F or data[position] != STRING:
                            raise NotPlain
                        size |= kind << 7
                        position += 1
                    stop = position + size
                    if stop > len(data):
                        raise NotPlain
                    add(data[position:stop].decode())
                    position = stop
                elif data[position : position + len(_TRUE)] == _TRUE:
                    add(True)
                    position += len(_TRUE)
                elif data[position : position + len(_FALSE)] == _FALSE:
                    add(False)
                    position += len(_FALSE)
                else:
                    raise NotPlain
            elif second == VOCAB and 0 < number <= MOST_ITEMS + 1:
                position += 2
                if first == _DICTIONARY_WORD and level:
                    value, position = read(data, position, number - 1, True, level - 1)
                elif first == _LIST_WORD and level:
                    value, position = read(data, position, number - 1, False, level - 1)
                elif first == _TUPLE_WORD and level:
                    value, position = read(data, position, number - 1, False, level - 1)
                    value = tuple(value)
                elif first == _NONE_WORD and number == 1:
                    value = None
                else:
                    raise NotPlain
                add(value)
            else:
                raise NotPlain
        elif number > 0x7F:
            if number != FLOAT:
                raise NotPlain
            add(_unpack(data, position - 1)[0])
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
                add(number)
            elif kind == STRING:
                stop = position + number
                if number > LONGEST or stop > len(data):
                    raise NotPlain
                add(data[position:stop])
                position = stop
            elif kind == NEG or kind == LONGNEG:
                add(-number)
            elif kind == VOCAB and number in BY_NUMBER:
                add(BY_NUMBER[number])
            else:
                raise NotPlain
    return (dict(zip(keys, values)) if pairs else values), position  # noqa: B905 - there are as many of both


def write(
    values: Iterable[Any],
    chunks: wire.Chunks,
    seen: set[int],
    most: int,
    before: Iterable[bytes | None] = _NOTHING,
    level: int = DEEPEST,
) -> bool:
    """Add the bytes of *values* to *chunks*; false if not all of them are plain, and then what was added has no meaning.

    Args:
        values: what to write.
        chunks: gets the bytes.
        seen: the ids of the lists and dictionaries that were written: of one that is met again only a reference is
            sent, for which this is not the place.
        most: bytes of a byte string, and items of a list, at the most.
        before: what stands before each value; None if that is not known.
        level: such values within one another that may be written still.

    Raises:
        UnicodeEncodeError: a text has no bytes.
    """
    add = chunks.append
    for head, value in zip(before, values):  # noqa: B905 - before each value stands something
        if head is None:
            return False
        add(head)
        kind = type(value)
        if kind is str:
            # By the text, which is hashed once however often it is sent.
            if value in wire.WORD_TEXTS:
                add(wire.WORD_TEXTS[value])
            else:
                text = value.encode()
                if len(text) > wire.MOST_HEADS:
                    return False
                add(wire.TEXT_HEADS[len(text)])
                add(text)
        elif kind is int:
            if 0 <= value <= wire.MOST_HEADS:
                add(wire.INTS[value])
            elif value.bit_length() > _BITS:
                return False
            else:
                add(wire.encode_int(value, LONGEST_PREFIX))
        elif kind is float:
            add(wire.FLOAT_HEAD + _pack(value))
        elif value is None:
            add(wire.NONE_LIST)
        elif kind is bool:
            add(wire.TRUE_LIST if value else wire.FALSE_LIST)
        elif kind is bytes:
            size = len(value)
            if size <= wire.MOST_HEADS:
                if value in WORDS:
                    add(wire.VOCAB_HEADS[WORDS[value]])
                    continue
                add(wire.STRING_HEADS[size])
            elif size > most:
                return False
            else:
                if size > wire.LARGE:
                    chunks.large = True
                add(wire.prefix(size) + _STRING)
            add(value)
        elif kind in _HOLDERS:
            # A copy: what a finalizer or another thread adds or takes away meanwhile has been counted, or has not.  Not by
            # the methods named copy: these may run finalizers after they have looked how much there is.
            items: Any = value if kind is tuple else [*value] if kind is list else {**value}
            size = len(items) + 1
            if size > most or not level or id(value) in seen:
                return False
            seen.add(id(value))
            add(wire.LIST_HEADS[size] if size <= wire.MOST_HEADS else wire.prefix(size) + _LIST)
            add(_HOLDERS[kind])
            if kind is not dict:
                if not write(items, chunks, seen, most, _NOTHING, level - 1):
                    return False
            elif not _TEXT_ALONE.issuperset(map(type, items)) or not write(
                items.values(), chunks, seen, most, map(wire.BEGUN_PAIRS.__getitem__, items), level - 1
            ):
                return False
        else:
            return False
    return True
