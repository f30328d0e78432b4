"""What a fuzzer does with bytes: they are what a peer says, to a server and to a client, cut as they come.

A conversation holds if nothing but a refusal comes of it: no exception out of ``dataReceived``, every Deferred fires once,
and nothing is left when the connection goes.
"""

from __future__ import annotations

import json
import os
from typing import Any

from spreadlite import banana, jelly
from spreadlite.core import codec, wire
from spreadlite.core.errors import BananaError, InsecureJelly
from spreadlite.core.limits import Limits
from tests.compat.rawcodec import pack
from tests.hostile.bench import MESSAGES, ODD, ROLES, Bench

#: Small, so that a fuzzer comes to them.
LIMITS = Limits(expression_bytes=100_000, login_expression_bytes=50_000, log_lines=1, references=20)
VECTORS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "vectors", "sessions.json")


def decoded(data: bytes, step: int) -> list[Any]:
    """What a decoder makes of *data*, so many bytes at a time; the error's text comes last, if there is one."""
    found: list[Any] = []
    decoder = codec.Decoder(LIMITS)
    words = banana.Banana.incomingVocabulary
    try:
        for start in range(0, len(data), step):
            decoder.feed(data[start : start + step])
            while (item := decoder.next(words)) is not codec.NEED_DATA:
                found.append(item)
    except BananaError as error:
        found.append(str(error))
    return found


def check_decoder(data: bytes) -> None:
    """However *data* is cut, the same expressions come out of it; what can be read can be made into objects, or is
    refused, and can be written again."""
    whole = decoded(data, max(1, len(data)))
    assert repr(whole) == repr(decoded(data, 1)) == repr(decoded(data, 7))
    for item in whole:
        if not isinstance(item, str):
            wire.encode(item, banana.Banana.outgoingVocabulary, prefix_limit=100)
            try:
                jelly.unjelly(item, jelly.globalSecurity)
            except InsecureJelly:
                pass


def check_broker(data: bytes, role: str, size: int | None = None) -> None:
    """What a peer in that role says is answered, refused, or waited for."""
    bench = Bench(role, limits=LIMITS, size=size)
    bench.peer.raw(data)
    if bench.ended:
        bench.peer.heard()
        bench.peer.say(["message", 1, "root", "echo", 1, ["tuple", 1], ["dictionary"]])
        assert not bench.peer.heard()
    bench.close()
    left = bench.leftovers()
    assert not left, left


def check(data: bytes) -> None:
    """Everything, by the first byte."""
    if not data:
        return
    kind = data[0] % 5
    if kind == 4:
        check_decoder(data[1:])
    else:
        check_broker(data[1:], ROLES[kind], None if data[0] & 0x40 else 3)


def corpus() -> list[bytes]:
    """Where to start from: recorded sessions, and odd messages."""
    found = []
    with open(VECTORS, encoding="utf-8") as file:
        sessions = _hexes(json.load(file))
    found += [bytes((kind,)) + data for kind in range(5) for data in sessions]
    for name, arguments in MESSAGES.items():
        for kind in range(5):
            found.append(bytes((kind,)) + pack([name, *arguments], True))
            found.append(bytes((kind,)) + b"".join(pack([name, odd], True) for odd in ODD.values()))
    return found


def _hexes(value: Any) -> list[bytes]:
    """The bytes that a record of sessions has, as hexadecimal digits."""
    if isinstance(value, dict):
        return [data for part in value.values() for data in _hexes(part)]
    if isinstance(value, list):
        return [data for part in value for data in _hexes(part)]
    if isinstance(value, str) and len(value) > 8 and len(value) % 2 == 0:
        try:
            return [bytes.fromhex(value)]
        except ValueError:
            pass
    return []
