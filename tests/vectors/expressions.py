"""Expressions whose bytes are recorded, and bytes that no encoder makes and every decoder must have an answer to."""

from __future__ import annotations

import struct
from typing import Any

WORDS = (
    b"None class dereference reference dictionary function instance list module persistent tuple unpersistable copy "
    b"cache cached remote local lcache version login password challenge logged_in not_logged_in cachemessage message "
    b"answer error decref decache uncache"
).split()

_EDGES = [0, 1, 2, 63, 64, 127, 128, 129, 255, 256, 16383, 16384, 2097151, 2097152, 2**28 - 1, 2**28]
_EDGES += [2**31 - 2, 2**31 - 1, 2**31, 2**31 + 1, 2**32, 2**35 - 1, 2**35, 2**53, 2**63 - 1, 2**63, 2**64]
_EDGES += [123456789123456789, 2**447, 2**448 - 2, 2**448 - 1]

_FLOATS = {
    "zero": 0.0,
    "minus zero": -0.0,
    "one": 1.0,
    "minus one and a half": -1.5,
    "tenth": 0.1,
    "infinity": float("inf"),
    "minus infinity": float("-inf"),
    "nan": float("nan"),
    "largest": 1.7976931348623157e308,
    "least": 5e-324,
    "nan with a payload": struct.unpack("!d", bytes.fromhex("7ff8000000c0ffee"))[0],
}


def _nested(depth: int) -> list[Any]:
    inside: list[Any] = []
    for _ in range(depth):
        inside = [inside]
    return inside


def expressions() -> dict[str, Any]:
    """Name to expression."""
    rows: dict[str, Any] = {}
    for edge in _EDGES:
        rows[f"int {edge if edge < 10**20 else hex(edge)}"] = edge
        if edge:
            rows[f"int {-edge if edge < 10**20 else hex(-edge)}"] = -edge
    rows.update((f"float {name}", value) for name, value in _FLOATS.items())
    rows.update((f"word {word.decode()}", word) for word in WORDS)
    rows.update(
        {
            "bytes empty": b"",
            "bytes one": b"x",
            "bytes NUL": b"\0",
            "bytes of every value": bytes(range(256)),
            "bytes 127": b"a" * 127,
            "bytes 128": b"b" * 128,
            "bytes 1023": b"c" * 1023,
            "bytes 1024": b"d" * 1024,
            "bytes nearly a word": b"none",
            "bytes a word and more": b"listed",
            "bytes a dialect": b"pb",
            "bytes that look like banana": b"\x01\x80\x01\x81",
            "list empty": [],
            "list of an empty list": [[]],
            "list of empties": [[], b"", [[], []]],
            "list of every kind": [1, -1, 2**40, -(2**40), 1.5, b"x", b"list", [b"tuple", []]],
            "list of 127": list(range(127)),
            "list of 128": list(range(128)),
            "list of 1024": [0] * 1024,
            "list nested 300 deep": _nested(300),
            "list of words": WORDS,
            "a call": [b"message", 1, b"root", b"echo", 1, [b"tuple", [b"unicode", b"hello"]], [b"dictionary"]],
            "a version": [b"version", 6],
            "the dialects": [b"pb", b"none"],
        }
    )
    return rows


#: Bytes that are read although nobody writes them: name, and the hex of one expression.
ODD_FORMS = {
    "int with a longer prefix than it needs": "01000081",
    "int without a prefix": "81",
    "longint without a prefix": "85",
    "longint that would fit an int": "0585",
    "longneg that would fit a neg": "0586",
    "neg of nothing": "83",
    "neg 0": "0083",
    "longneg 0": "0086",
    "int beyond 31 bits": "000000000181",
    "neg beyond 31 bits": "000000000183",
    "int of 64 prefix bytes": "7f" * 64 + "81",
    "longint of 64 prefix bytes": "7f" * 64 + "85",
    "longneg of 64 prefix bytes": "7f" * 64 + "86",
    "int of 64 prefix bytes that is 1": "01" + "00" * 63 + "81",
    "float with a prefix": "05843ff8000000000000",
    "float signalling nan": "847ff0000000000001",
    "string with a longer prefix than it needs": "0300008278797a",
    "string without a prefix": "82",
    "list without a prefix": "80",
    "list with a longer prefix than it needs": "0200800181" + "0281",
    "a word spelt out": "04826c697374",
    "words spelt out in a list": "0280" + "04826c697374" + "0582" + "7475706c65",
}

#: The same in dialect pb alone.
ODD_WORDS = {
    "word with a longer prefix than it needs": "080087",
    "words in a list": "03800887" + "0b87" + "1f87",
}

#: Bytes that are refused in both dialects.
REFUSED = {
    "65 bytes of prefix": "7f" * 65 + "81",
    "65 bytes of prefix that say 1": "01" + "00" * 64 + "85",
    "65 bytes of prefix and no end": "01" * 65,
    "a string over the limit": "01002882",
    "a list over the limit": "01002880",
    "the type byte 0x88": "0188",
    "the type byte 0xff": "01ff",
    "the type byte 0x88 within a list": "01800188",
}

#: Bytes that are refused in dialect pb.
REFUSED_WORDS = {
    "the word 0": "0087",
    "the word without a number": "87",
    "the word 32": "2087",
    "the word of 2**40": "0000000000200087",
}

#: Bytes that are refused in dialect none.
REFUSED_NONE = {"a word": "0887", "a word in a list": "01800887"}
