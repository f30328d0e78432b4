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

The decoder is resumable: it takes bytes as they come, gives one expression at a time, and is linear in its input however
that is cut.  It raises only `BananaError`, and after that nothing but the same error again, because what follows a broken
element has no meaning.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from .errors import BananaError, UnknownElement, UnknownWord
from .limits import DEFAULT_LIMITS, ITEM_COST, LIST_COST, WORD_COST, Limits
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
    SIZE_LIMIT,
    SMALLEST_INT,
    STRING,
    UNICODE,
    VOCAB,
    WORDS,
)

#: What banana carries.  (A recursive alias would need a newer Python.)
Expression = list[Any] | bytes | int | float


class _NeedData:
    """The type of `NEED_DATA`."""

    def __repr__(self) -> str:
        return "NEED_DATA"


#: Bytes of a string beyond which a copy of it costs more than the objects around it.
LARGE: Final = 16_384

#: What `Decoder.next` answers when the bytes at hand end before an expression does.
NEED_DATA: Final = _NeedData()

_double = struct.Struct("!d")

# What a list of two strings costs beside their bytes, and its own head; and as the first item of another list.
_TEXT_COST = 2 * ITEM_COST
_PAIRED_COST = LIST_COST + _TEXT_COST


# Bytes of a part of an unfinished string up to which it is put together with others.
_SHORT = 4_096


class Decoder:
    """Gives the expressions of a stream of bytes, one by one.

    Args:
        limits: bounds of what one unfinished expression may hold.

    Call `feed` with what arrived, then `next` until it answers `NEED_DATA`.
    """

    __slots__ = ("_broken", "_data", "_held", "_items", "_limits", "_missing", "_partial", "_position", "_room", "_stack")

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._data = b""
        self._position = 0
        # The list that is being filled and the number of items that it lacks; the same of the lists around it.
        self._items: list[Any] | None = None
        self._room = 0
        self._stack: list[tuple[list[Any] | None, int]] = []
        # A string whose body has not arrived whole, and the number of bytes that it lacks.
        self._partial: list[bytes | bytearray] | None = None
        self._missing = 0
        self._held = 0
        self._broken: str | None = None

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        if self._broken is not None:
            return
        if self._missing:
            # The body of an unfinished string is kept by itself, so that no byte of it is looked at twice.
            if len(data) <= self._missing:
                self._keep(data)
                self._missing -= len(data)
                return
            self._keep(data[: self._missing])
            data = data[self._missing :]
            self._missing = 0
        if self._position < len(self._data):
            self._data = self._data[self._position :] + data
        else:
            self._data = data
        self._position = 0

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
        return self._partial is not None or self._items is not None or self._position < len(self._data)

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
        if self._position == len(self._data) and self._partial is None:
            return NEED_DATA
        try:
            return self._next(words, size_limit, prefix_limit)
        except BananaError as error:
            self._broken = str(error)
            self._data = b""
            self._position = 0
            self._items = self._partial = None
            self._missing = 0
            self._stack = []
            raise

    def _next(
        self, words: Mapping[int, bytes] | None, size_limit: int, prefix_limit: int
    ) -> Expression | _NeedData:
        data = self._data
        position = start = self._position
        end = len(data)
        items = self._items
        room = self._room
        stack = self._stack
        held = self._held
        most = self._limits.expression_bytes
        depth = self._limits.expression_depth
        small = min(size_limit, 0x7F) if prefix_limit >= 1 else -1
        item: Any
        try:
            while True:
                if self._partial is not None:
                    if self._missing:
                        return NEED_DATA
                    item = b"".join(self._partial)
                    self._partial = None
                else:
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
                        if position - start - 1 > prefix_limit:
                            raise BananaError(f"a prefix of more than {prefix_limit} bytes")

                    if kind == STRING:
                        if number > size_limit:
                            raise BananaError(f"a string of {_figure(number)} bytes; the limit is {size_limit}")
                        held += ITEM_COST + number
                        if held > most:
                            raise BananaError(f"an expression that takes more than {most} bytes of memory")
                        stop = position + number
                        if stop > end:
                            self._partial = [data[position:]]
                            self._missing = stop - end
                            position = start = end
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
                        if held > most:
                            raise BananaError(f"an expression that takes more than {most} bytes of memory")
                    elif kind == LIST:
                        if number > size_limit:
                            raise BananaError(f"a list of {_figure(number)} items; the limit is {size_limit}")
                        held += LIST_COST
                        if held > most:
                            raise BananaError(f"an expression that takes more than {most} bytes of memory")
                        if number:
                            if len(stack) >= depth:
                                raise BananaError(f"lists nested more than {depth} deep")
                            if number == 2 and position + 3 < end:
                                # Most lists of two items are text, [unicode bytes], or a pair that begins with text.
                                # Two strings that are short and all there are not taken one by one.
                                paired = data[position] == 2 and data[position + 1] == LIST
                                first = position + 4 if paired else position + 2
                                if data[first - 1] == STRING:
                                    size = data[first - 2]
                                    middle = first + size
                                    if middle + 1 < end and data[middle + 1] == STRING and size <= small:
                                        more = data[middle]
                                        stop = middle + 2 + more
                                        cost = held + size + more + (_PAIRED_COST if paired else _TEXT_COST)
                                        if more <= small and stop <= end and cost <= most:
                                            if not paired:
                                                item = [data[first:middle], data[middle + 2 : stop]]
                                                number = 0
                                                held = cost
                                                position = stop
                                            elif len(stack) + 1 < depth:
                                                stack.append((items, room))
                                                items = [[data[first:middle], data[middle + 2 : stop]]]
                                                room = 1
                                                held = cost
                                                start = position = stop
                                                continue
                            if number:
                                stack.append((items, room))
                                items = []
                                room = number
                                continue
                        else:
                            item = []
                    elif kind == INT or kind == LONGINT:
                        item = number
                        held += ITEM_COST
                        if held > most:
                            raise BananaError(f"an expression that takes more than {most} bytes of memory")
                    elif kind == NEG or kind == LONGNEG:
                        item = -number
                        held += ITEM_COST
                        if held > most:
                            raise BananaError(f"an expression that takes more than {most} bytes of memory")
                    elif kind == FLOAT:
                        if position + 8 > end:
                            return NEED_DATA
                        item = _double.unpack_from(data, position)[0]
                        position += 8
                        held += ITEM_COST
                        if held > most:
                            raise BananaError(f"an expression that takes more than {most} bytes of memory")
                    else:
                        raise UnknownElement(f"no element has the type byte 0x{kind:02x}")

                while items is not None:
                    items.append(item)
                    room -= 1
                    if room:
                        break
                    item = items
                    items, room = stack.pop()
                else:
                    start = position
                    held = 0
                    return item  # type: ignore[no-any-return]
                start = position
        except IndexError:
            # The data ended within a prefix; the bytes from its start on are looked at again when more have come.
            if end - start > prefix_limit:
                raise BananaError(f"a prefix of more than {prefix_limit} bytes") from None
            return NEED_DATA
        finally:
            self._position = start
            self._items = items
            self._room = room
            self._held = held


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


def _heads(kind: int) -> tuple[bytes, ...]:
    return tuple(prefix(number) + bytes((kind,)) for number in range(1024))


# The heads of short lists and strings, and whole small integers, made once.
_LIST_HEADS = _heads(LIST)
_STRING_HEADS = _heads(STRING)
_INTS = _heads(INT)
# The list and its tag that stand before a text's bytes, with the head of those.
_TEXT_HEADS = tuple(_LIST_HEADS[2] + _STRING_HEADS[len(UNICODE)] + UNICODE + head for head in _STRING_HEADS)
_VOCAB_HEADS = _heads(VOCAB)
_TYPE = {kind: bytes((kind,)) for kind in (LIST, INT, STRING, NEG, FLOAT, LONGINT, LONGNEG, VOCAB)}
_PAIR = _LIST_HEADS[2]
_FLOAT_HEAD = _TYPE[FLOAT]
# By the text that is a pair's first item: what is written up to the second.  Programs send the same keys all the time.
_BEGUN_PAIRS: dict[bytes, bytes] = {}
_LONGEST_KEY = 64
_MOST_KEYS = 2_000
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
    chunks = _Chunks()
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
    chunks = _Chunks()
    chunks.large = False
    _encode(expression, chunks, words, size_limit, prefix_limit, depth, 0)
    if not chunks.large:
        return b"".join(chunks)
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


class _Chunks(list[bytes]):
    """What was written.

    Attributes:
        large: whether one of them is a string of more than `LARGE` bytes; true, or what it was before.
    """

    __slots__ = ("large",)
    large: bool


def _encode(
    expression: Any,
    chunks: _Chunks,
    words: Mapping[bytes, int] | None,
    size_limit: int,
    prefix_limit: int,
    depth: int,
    level: int,
) -> None:
    """Write what stands for *expression*, which is *level* lists deep."""
    write = chunks.append
    stack: list[Iterator[Any]] = []
    push = stack.append
    todo: Iterator[Any]
    if type(expression) is tuple and len(expression) <= size_limit and level < depth:
        # A message, for the most part.
        size = len(expression)
        write(_LIST_HEADS[size] if size < 1024 else prefix(size) + _TYPE[LIST])
        level += 1
        todo = iter(expression)
    else:
        todo = iter((expression,))
    # What the tables of heads have.
    small = size_limit if size_limit < 1023 else 1023
    # Whether text, which is [unicode bytes], may be written at once: it may, where the tag is no word and not too long.
    at_once = small >= len(UNICODE) and (words is None or UNICODE not in words)
    while True:
        for item in todo:
            kind = type(item)
            if kind is bytes:
                size = len(item)
                # None of the usual words is long, and looking for one takes as long as the string is.
                if words is not None and (size < 1024 or words is not WORDS):
                    number = words.get(item)
                    if number is not None:
                        write(_VOCAB_HEADS[number] if number < 1024 else prefix(number) + _TYPE[VOCAB])
                        continue
                if size <= small:
                    write(_STRING_HEADS[size])
                elif size > size_limit:
                    raise BananaError(f"a byte string of {size} bytes is too long to send; the limit is {size_limit}")
                else:
                    if size > LARGE:
                        chunks.large = True
                    write(prefix(size) + _TYPE[STRING])
                write(item)
            elif kind is list:
                size = len(item)
                if size > size_limit:
                    raise BananaError(f"a list of {size} items is too long to send; the limit is {size_limit}")
                if level >= depth:
                    raise BananaError(f"lists nested more than {depth} deep are not sent")
                if size and at_once:
                    tag = item[0]
                    if tag is UNICODE:
                        if size == 2:
                            text = item[1]
                            if type(text) is bytes and len(text) <= small and (words is None or text not in words):
                                write(_TEXT_HEADS[len(text)])
                                write(text)
                                continue
                    elif tag is DICTIONARY and size > 1 and level < _RECURSIVE and level + 3 <= depth:
                        write(_LIST_HEADS[size] if size < 1024 else prefix(size) + _TYPE[LIST])
                        _encode_pairs(item, chunks, words, size_limit, prefix_limit, depth, level + 1)
                        continue
                write(_LIST_HEADS[size] if size < 1024 else prefix(size) + _TYPE[LIST])
                if size:
                    push(todo)
                    level += 1
                    todo = iter(item)
                    break
            elif kind is int:
                write(_INTS[item] if 0 <= item < 1024 else _encode_int(item, prefix_limit))
            elif kind is float:
                write(_FLOAT_HEAD + _double.pack(item))
            else:
                _encode(_carried_as(item), chunks, words, size_limit, prefix_limit, depth, level)
        else:
            if not stack:
                return
            level -= 1
            todo = stack.pop()


def _encode_pairs(
    dictionary: list[Any],
    chunks: _Chunks,
    words: Mapping[bytes, int] | None,
    size_limit: int,
    prefix_limit: int,
    depth: int,
    level: int,
) -> None:
    """Write what is in a list whose head is ``dictionary``: that word, and pairs.  They are most of most messages."""
    write = chunks.append
    small = size_limit if size_limit < 1023 else 1023
    # With other words than the usual, other texts are sent as words.
    begun = _BEGUN_PAIRS if words is None or words is WORDS else {}
    pairs = iter(dictionary)
    _encode(next(pairs), chunks, words, size_limit, prefix_limit, depth, level)
    for pair in pairs:
        if type(pair) is not list or len(pair) != 2:
            _encode(pair, chunks, words, size_limit, prefix_limit, depth, level)
            continue
        key, value = pair
        text = key[1] if type(key) is list and len(key) == 2 and key[0] is UNICODE else None
        if type(text) is bytes and len(text) <= small:
            head = begun.get(text)
            if head is not None:
                write(head)
            elif text in WORDS or begun is not _BEGUN_PAIRS:
                write(_PAIR)
                _encode(key, chunks, words, size_limit, prefix_limit, depth, level + 1)
            else:
                head = _PAIR + _TEXT_HEADS[len(text)] + text
                if len(text) <= _LONGEST_KEY:
                    if len(begun) >= _MOST_KEYS:
                        begun.clear()
                    begun[text] = head
                write(head)
        else:
            write(_PAIR)
            _encode(key, chunks, words, size_limit, prefix_limit, depth, level + 1)
        kind = type(value)
        if kind is list:
            if len(value) == 2 and value[0] is UNICODE:
                text = value[1]
                if type(text) is bytes and len(text) <= small and (words is None or text not in words):
                    write(_TEXT_HEADS[len(text)])
                    write(text)
                    continue
        elif kind is int:
            if 0 <= value < 1024:
                write(_INTS[value])
                continue
        elif kind is float:
            write(_FLOAT_HEAD + _double.pack(value))
            continue
        _encode(value, chunks, words, size_limit, prefix_limit, depth, level + 1)


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


def _encode_int(number: int, prefix_limit: int) -> bytes:
    if 0 <= number < 1024:
        return _INTS[number]
    if number.bit_length() > prefix_limit * 7:
        raise BananaError(
            f"int is too large to send: it has {number.bit_length()} bits; the limit is {prefix_limit * 7}"
        )
    if number < SMALLEST_INT:
        return prefix(-number) + _TYPE[LONGNEG]
    if number < 0:
        return prefix(-number) + _TYPE[NEG]
    return prefix(number) + _TYPE[INT if number <= LARGEST_INT else LONGINT]
