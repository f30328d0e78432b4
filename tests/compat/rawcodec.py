"""A banana of its own, written from the grammar alone: a second opinion for the tests."""

from __future__ import annotations

import struct
from typing import Any

WORDS = (
    b"None class dereference reference dictionary function instance list module persistent tuple unpersistable copy "
    b"cache cached remote local lcache version login password challenge logged_in not_logged_in cachemessage message "
    b"answer error decref decache uncache"
).split()


class Short(Exception):
    """The bytes end before an expression does."""


def number(value: int) -> bytes:
    """The shortest prefix of *value*."""
    digits = [value & 127]
    while value := value >> 7:
        digits.append(value & 127)
    return bytes(digits)


def pack(item: Any, words: bool = False) -> bytes:
    """The bytes of *item*, with the vocabulary if *words*; a str is taken for its UTF-8."""
    if isinstance(item, str):
        item = item.encode()
    if isinstance(item, bytes):
        if words and item in WORDS:
            return number(WORDS.index(item) + 1) + b"\x87"
        return number(len(item)) + b"\x82" + item
    if isinstance(item, float):
        return b"\x84" + struct.pack(">d", item)
    if isinstance(item, int):
        wide = not -(2**31) <= item < 2**31
        return number(abs(item)) + ((b"\x86" if wide else b"\x83") if item < 0 else b"\x85" if wide else b"\x81")
    return number(len(item)) + b"\x80" + b"".join(pack(inner, words) for inner in item)


def unpack(data: bytes, start: int = 0) -> tuple[Any, int]:
    """One expression of *data* and where the next begins; a word is given as the bytes it stands for."""
    end = start
    while end < len(data) and data[end] < 128:
        end += 1
    if end == len(data):
        raise Short
    value = sum(digit << 7 * place for place, digit in enumerate(data[start:end]))
    kind = data[end]
    end += 1
    if kind == 0x80:
        items = []
        for _ in range(value):
            item, end = unpack(data, end)
            items.append(item)
        return items, end
    if kind in (0x82, 0x84):
        size = value if kind == 0x82 else 8
        if len(data) < end + size:
            raise Short
        body = data[end : end + size]
        return (body if kind == 0x82 else struct.unpack(">d", body)[0]), end + size
    if kind == 0x87:
        return WORDS[value - 1], end
    return (-value if kind in (0x83, 0x86) else value), end


def unpack_all(data: bytes) -> list[Any]:
    """Every whole expression of *data*; what is left over comes last, as hex in a str."""
    found, position = [], 0
    while position < len(data):
        try:
            item, position = unpack(data, position)
        except Short:
            found.append(data[position:].hex())
            break
        found.append(item)
    return found
