"""Codecs alone: values to bytes and back, in one process, without a connection.

For Perspective Broker a payload is a whole message, in the dialect that has words: ``jelly.jelly`` of each value, then
``Banana.sendEncoded``; and ``Banana.dataReceived`` of all at once, then ``jelly.unjelly`` of each.  What a codec does that
goes from objects to bytes in one pass is measured under a name of its own, ``…, fused``: what a broker uses where it can.

Run as ``python -m benchmarks.serializers CONTENDER``, by the command.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import pickle
import sys
import time
from collections.abc import Callable
from typing import Any

from . import control, payloads

#: What is dumped and loaded: name to title.
PAYLOADS = {
    "small": "small call",
    "fields": "dict of 20 fields",
    "records": "list of 1,000 dicts",
    "copies": "1,000 copies",
    "bytes64": "64 KiB of bytes",
    "bytes600": "600 KiB of bytes",
}

#: What is decoded in growing sizes: name to title.
KINDS = {
    "integers": "list of integers of 2 bytes",
    "strings": "list of byte strings of 8 bytes",
    "bytes": "one byte string",
}
SIZES = (1, 16, 64, 256, 600)
#: How what is decoded is cut: name to bytes of a piece.
CUTS = {"all at once": 0, "64 KiB": 65536, "1,460 bytes": 1460, "single bytes": 1}
#: Lists within lists, as payloads: name to title.
DEPTHS = {f"depth{depth}": f"{depth} nested lists" for depth in (10, 50, 100, 200)}

#: The function of the C library that marks what callgrind is to count.
MARK = "random_r"

FUSED = ", fused"
_NO_KEYWORDS = [b"dictionary"]


def _values(payload: str, copy: Callable[[int], Any]) -> tuple[list[Any], list[Any]]:
    """The words and the values of the message that brings a payload."""
    match payload:
        case "small":
            return [b"message", 7, b"root", b"echo", 1], [(payloads.SMALL,), {}]
        case "fields":
            return [b"answer", 7], [payloads.FIELDS]
        case "records":
            return [b"answer", 7], [payloads.RECORDS]
        case "copies":
            return [b"answer", 7], [[copy(number) for number in range(payloads.OBJECTS)]]
        case "bytes64":
            return [b"answer", 7], [payloads.BYTES_64]
        case "bytes600":
            return [b"answer", 7], [payloads.BYTES_600]
    return [b"answer", 7], [nested(int(payload.removeprefix("depth")))]


def nested(depth: int) -> list[Any]:
    """Lists within lists."""
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


class Spread:
    """jelly and banana: those of the package that ``BENCHMARKS_SPREAD`` names."""

    def __init__(self) -> None:
        # Not above, so that pickle and json are measured in a process without all this.
        self._spread = spread = importlib.import_module("benchmarks.spread")
        jelly = importlib.import_module(spread.PACKAGE + ".jelly")
        banana = importlib.import_module(spread.PACKAGE + ".banana")
        self.implementation = spread.implementation()
        self._jelly, self._unjelly = jelly.jelly, jelly.unjelly
        self._security = jelly.globalSecurity
        # For copies, which ask a broker for whom they are.
        self._broker = spread.pb.Broker()
        self._broker.serializingPerspective = self._broker.unserializingPerspective = None
        self.written: list[bytes] = []
        self.read: list[Any] = []

        class Receiver(banana.Banana):  # type: ignore[misc, name-defined]
            def connectionReady(receiver) -> None:
                pass

            def expressionReceived(receiver, expression: Any) -> None:
                self.read.append(expression)

        class Transport:
            disconnecting = False

            def write(transport, data: bytes) -> None:
                self.written.append(data)

        self.banana = Receiver()
        self.banana.transport = Transport()
        self.banana.connectionMade()
        self.banana.currentDialect = b"pb"

    def values(self, payload: str) -> tuple[list[Any], list[Any]]:
        return _values(payload, self._spread.Record)

    def dump(self, message: tuple[list[Any], list[Any]]) -> bytes:
        head, values = message
        written, broker, security = self.written, self._broker, self._security
        self.banana.sendEncoded([*head, *[self._jelly(value, security, None, broker) for value in values]])
        data = written[0] if len(written) == 1 else b"".join(written)
        written.clear()
        return data

    def load(self, data: bytes) -> list[Any]:
        self.banana.dataReceived(data)
        message = self.read.pop()
        broker, security = self._broker, self._security
        values = message[5:] if message[0] == b"message" else message[2:]
        return [self._unjelly(value, security, None, broker) for value in values]

    def decode(self, pieces: list[bytes]) -> Any:
        """Bytes to an expression, and no further."""
        receive = self.banana.dataReceived
        for piece in pieces:
            receive(piece)
        return self.read.pop()

    def encode(self, expression: Any) -> bytes:
        """An expression to bytes."""
        self.banana.sendEncoded(expression)
        data = b"".join(self.written)
        self.written.clear()
        return data

    def same(self, loaded: list[Any], message: tuple[list[Any], list[Any]]) -> bool:
        """Whether what came back is what was sent."""
        values = message[1]
        if isinstance(values[0], list) and values[0] and isinstance(values[0][0], self._spread.Record):
            return [vars(copy) for copy in loaded[0]] == [vars(record) for record in values[0]]
        return loaded == values


class Fused(Spread):
    """spreadlite's codec in one pass, as its broker uses it."""

    def __init__(self) -> None:
        super().__init__()
        self._codec: Any = importlib.import_module("spreadlite.core.codec")
        self._words = self.banana.outgoingSymbols
        self._received = self.banana.incomingVocabulary
        self._limits = importlib.import_module("spreadlite.core.limits").DEFAULT_LIMITS
        vocabulary = importlib.import_module("spreadlite.core.vocabulary")
        self._bounds = (vocabulary.SIZE_LIMIT, vocabulary.PREFIX_LIMIT)
        self._decoder = self._codec.Decoder(self._limits)
        self._decoder.shallow = True
        # The pure one reads and writes at once what is plain.
        self._shortcut: Any = None
        if self._codec.implementation == "pure":
            self._shortcut = importlib.import_module("spreadlite.core.shortcut")
        self.dump = self._dumper()  # type: ignore[method-assign]
        self.load = self._loader()  # type: ignore[method-assign]

    def _dumper(self) -> Callable[[tuple[list[Any], list[Any]]], Any]:
        """What a broker gives to the transport: bytes, or a list of parts of them.

        A function whose names are at hand: what a broker calls these by is not what is measured.
        """
        pack_light, pack, encode_parts = self._codec.pack_light, self._codec.pack, self._codec.encode_parts
        security, broker, words, (size, prefix) = self._security, self._broker, self._words, self._bounds
        depth, nesting, plainly = self._limits.depth, self._limits.expression_depth, self._plainly_dumped
        has_shortcut = self._shortcut is not None

        def dump(message: tuple[list[Any], list[Any]]) -> Any:
            head, values = message
            if has_shortcut:
                said = plainly(head, values)
                if said is not None:
                    return said
            packed = pack_light(values[0], security, depth, size, prefix)
            if packed is None:
                packed = pack(values[0], security, broker, depth, size, prefix)
            if len(values) == 2:
                # A call has keywords too, here none, of which a broker has the expression.
                word, number, luid, name, wanted = head
                return encode_parts(
                    (word, number, luid, name, wanted, packed, _NO_KEYWORDS), words, size, prefix, nesting
                )
            word, number = head
            return encode_parts((word, number, packed), words, size, prefix, nesting)

        return dump

    def _loader(self) -> Callable[[bytes], list[Any]]:
        """The same of what a broker hears."""
        feed, following, unpack = self._decoder.feed, self._decoder.next, self._codec.unpack
        security, broker, received, (size, prefix) = self._security, self._broker, self._received, self._bounds
        depth, plainly, has_shortcut = self._limits.depth, self._plainly_loaded, self._shortcut is not None

        def load(data: bytes) -> list[Any]:
            feed(data)
            if has_shortcut:
                values = plainly(data)
                if values is not None:
                    return values
            message = following(received, size, prefix)
            if message[0] == b"message":
                return [unpack(message[5], security, broker, depth), unpack(message[6], security, broker, depth)]
            return [unpack(message[2], security, broker, depth)]

        return load

    def _plainly_dumped(self, head: list[Any], values: list[Any]) -> Any:
        """As `shortcut.ask` and `shortcut.serve` have it."""
        shortcut = self._shortcut
        wire, plain, written = shortcut.wire, shortcut.plain, shortcut.written
        if len(values) == 2:
            arguments = values[0]
            if values[1] or len(arguments) > plain.MOST_ITEMS:
                return None
            callee = shortcut.CALLEES[head[2], head[3]]
            begun = [shortcut.MESSAGE, wire.INTS[head[1]], callee, plain.TUPLE_HEADS[len(arguments)]]
            return written(self._broker, begun, arguments, self._bounds[0], {})[0]
        return written(self._broker, [shortcut.ANSWER, wire.INTS[head[1]]], values, self._bounds[0])[0]

    def _plainly_loaded(self, data: bytes) -> list[Any] | None:
        """As `shortcut.serve` has it."""
        shortcut, decoder = self._shortcut, self._decoder
        plain = shortcut.plain
        try:
            if data.startswith(shortcut.MESSAGE):
                call = shortcut.is_call(data, 0)
                arguments, stop = plain.read(data, call.end(), shortcut.CALLED[call[3]][3])
                keywords: dict[str, Any] = {}
                if data[stop : stop + 4] != shortcut.NO_KEYWORDS:
                    return None
                values, stop = [tuple(arguments), keywords], stop + 4
            else:
                (_, *values), stop = plain.read(data, len(shortcut.ANSWER), 2)
        except plain.UNREADABLE:
            return None
        decoder.position = stop
        return values  # type: ignore[no-any-return]

    def decode(self, pieces: list[bytes]) -> Any:
        """Bytes to a message whose lists are left packed."""
        feed, following, words = self._decoder.feed, self._decoder.next, self._received
        item: Any = None
        for piece in pieces:
            feed(piece)
            item = following(words, *self._bounds)
        return self._codec.expression_of(item)


class Plain:
    """pickle, json or msgpack, which carry the values alone."""

    def __init__(self, name: str) -> None:
        self.implementation = name
        if name == "pickle":
            self.dump, self.load = lambda values: pickle.dumps(values, 5), pickle.loads
        elif name == "json":
            self.dump, self.load = _json_dump, json.loads
        else:
            msgpack = importlib.import_module("msgpack")
            self.dump, self.load = msgpack.packb, msgpack.unpackb

    def values(self, payload: str) -> Any:
        values = _values(payload, payloads.record_state)[1]
        if self.implementation == "json" and payload.startswith("bytes"):
            raise ValueError("json does not carry bytes")
        if self.implementation == "json" and payload == "fields":
            return [{**payloads.FIELDS, "digest": payloads.FIELDS["digest"].hex()}]
        return [list(value) if type(value) is tuple else value for value in values]

    def same(self, loaded: Any, values: Any) -> bool:
        return bool(loaded == values)


def _json_dump(values: Any) -> bytes:
    return json.dumps(values).encode("utf-8")


def whole(dumped: Any) -> Any:
    """What was dumped, where it may be in parts, in one piece."""
    return b"".join(dumped) if isinstance(dumped, list) else dumped


def expression(kind: str, size: int) -> Any:
    """What is decoded, of about so many bytes."""
    match kind:
        case "integers":
            return [number % 128 for number in range(size // 2)]
        case "strings":
            return [b"%08d" % number for number in range(size // 10)]
    return bytes(size)


def cut(data: bytes, size: int) -> list[bytes]:
    """The pieces in which bytes arrive."""
    return [data[start : start + size] for start in range(0, len(data), size)] if size else [data]


def _repeat(function: Callable[[Any], Any], argument: Any, count: int) -> float:
    gc.collect()
    numbers = range(count)
    began = time.process_time()
    for _ in numbers:
        function(argument)
    return time.process_time() - began


def make(name: str) -> Any:
    """A contender by its name."""
    if name in ("pickle", "json", "msgpack"):
        return Plain(name)
    return Fused() if name.endswith(FUSED) else Spread()


def instructions(serializer: Any, names: list[str]) -> None:
    """Do each thing a few times and then more often, with a mark before and after, for callgrind."""
    # random() calls MARK in its turn, which callgrind sees by name; nothing else does.
    mark = ctypes.CDLL(None).random
    gc.disable()
    for payload in names:
        values = serializer.values(payload)
        data = whole(serializer.dump(values))
        less, more = counts(payload)
        for function, argument in ((serializer.dump, values), (serializer.load, data)):
            for _ in range(3):
                function(argument)
            for count in (less, more):
                mark()
                for _ in range(count):
                    function(argument)
                mark()


def counts(payload: str) -> tuple[int, int]:
    """How often something is done under callgrind: less and more often."""
    return {"small": (10, 60), "fields": (5, 25)}.get(payload, (1, 2))


def main(name: str, *marked: str) -> None:
    """Serve the command, or do what callgrind counts."""
    serializer = make(name)
    if marked:
        instructions(serializer, list(marked))
        return
    kept: dict[Any, Any] = {}
    used: list[bytes] = []

    def kept_pieces(request: dict[str, Any]) -> list[bytes]:
        key = (request["kind"], request["size"], request["cut"])
        if key not in kept:
            kept.clear()
            data = serializer.encode(expression(request["kind"], request["size"] * 1024))
            kept[key] = cut(data, request["cut"])
        pieces: list[bytes] = kept[key]
        return pieces

    def do(request: dict[str, Any]) -> dict[str, Any]:
        match request["do"]:
            case "check":
                values = serializer.values(request["payload"])
                data = whole(serializer.dump(values))
                return {"right": serializer.same(serializer.load(data), values), "bytes": len(data)}
            case "time":
                values = serializer.values(request["payload"])
                if request["operation"] == "dump":
                    return {"cpu": _repeat(serializer.dump, values, request["count"])}
                return {"cpu": _repeat(serializer.load, whole(serializer.dump(values)), request["count"])}
            case "decode":
                # CPython gives memory back by the mebibyte, where nothing is left in one, and each page costs when it is
                # had again, as much as decoding what it holds.  A process that has run for a while has something in each.
                if not used:
                    used[:] = [b"%08d" % number for number in range(500_000)][::500]
                return {"cpu": _repeat(serializer.decode, kept_pieces(request), request["count"])}
            case "decoded":
                wanted = expression(request["kind"], request["size"] * 1024)
                return {"right": serializer.decode(kept_pieces(request)) == wanted}
        raise ValueError(f"nobody knows how to do {request['do']!r} here")

    control.blocking({"implementation": serializer.implementation}, do)


if __name__ == "__main__":
    importlib.import_module("benchmarks.serializers").main(*sys.argv[1:])
