"""Banana: the protocol that carries expressions over a connection.

`Banana` is a Twisted protocol: the server offers its dialects, the client answers with one, and from then on each side
sends expressions (lists, bytes, integers, floats).  The grammar of the bytes is in `spreadlite.core.wire`.

`SIZE_LIMIT` may be assigned at any time; it is read at each use, by open connections too.
"""

# ruff: noqa: F401 - some names are here because programs import them from here.

from __future__ import annotations

import copy
import struct
from collections.abc import Callable
from functools import cached_property
from io import BytesIO
from typing import Any

from twisted.internet import protocol
from twisted.persisted import styles
from twisted.python import log
from twisted.python.compat import iterbytes
from twisted.python.reflect import fullyQualifiedName

from .core import codec, vocabulary, wire
from .core.errors import BananaError
from .core.limits import DEFAULT_LIMITS, Limits

__all__ = [
    "FLOAT",
    "HIGH_BIT_SET",
    "INT",
    "LIST",
    "LONGINT",
    "LONGNEG",
    "NEG",
    "SIZE_LIMIT",
    "STRING",
    "VOCAB",
    "Banana",
    "BananaError",
    "b1282int",
    "decode",
    "encode",
    "int2b128",
    "setPrefixLimit",
]

LIST = bytes((vocabulary.LIST,))
INT = bytes((vocabulary.INT,))
STRING = bytes((vocabulary.STRING,))
NEG = bytes((vocabulary.NEG,))
FLOAT = bytes((vocabulary.FLOAT,))
LONGINT = bytes((vocabulary.LONGINT,))
LONGNEG = bytes((vocabulary.LONGNEG,))
VOCAB = bytes((vocabulary.VOCAB,))
HIGH_BIT_SET = b"\x80"

#: Bytes of a string, and items of a list, that are sent or received at the most.  Assign another where that is needed.
SIZE_LIMIT = vocabulary.SIZE_LIMIT

_PREFIX_LIMIT = vocabulary.PREFIX_LIMIT


def setPrefixLimit(limit: int) -> None:
    """Set how many bytes a prefix may have, for `encode`, `decode`, and connections that are made from now on.

    A prefix of n bytes makes integers up to 2 ** (7 * n) - 1.
    """
    global _PREFIX_LIMIT
    _PREFIX_LIMIT = limit


def int2b128(integer: int, stream: Callable[[bytes], object]) -> None:
    """Write *integer* in base 128, the least significant digit first, by one call of *stream* with the bytes.

    Raises:
        ValueError: it is less than 0.
    """
    if integer < 0:
        raise ValueError(f"a prefix stands for 0 or more, not for {integer}")
    stream(wire.prefix(integer))


def b1282int(st: bytes) -> int:
    """The integer that the bytes *st* are in base 128, the least significant digit first; 0 if there are none."""
    number = 0
    for byte in reversed(st):
        number = number << 7 | byte
    return number


class Banana(protocol.Protocol, styles.Ephemeral):
    """The protocol for one connection.

    Args:
        isClient: whether this side answers the offer of dialects (true), or makes it (false).

    Subclasses override `expressionReceived` and `connectionReady`, and call `sendEncoded`.

    Attributes:
        knownDialects: the dialects that this side speaks, the one preferred first.
        currentDialect: the one agreed on, or None before that.
        limits: bounds of what one unfinished expression may hold; see `useLimits`.
        outgoingVocabulary, incomingVocabulary: the words of dialect pb.
    """

    knownDialects = [vocabulary.PB_DIALECT, vocabulary.NONE_DIALECT]
    prefixLimit: int | None = None
    sizeLimit = SIZE_LIMIT
    currentDialect: bytes | None = None
    limits = DEFAULT_LIMITS

    outgoingVocabulary = vocabulary.WORDS
    incomingVocabulary = {number: word for word, number in vocabulary.WORDS.items()}

    transport: Any

    # Whether dataReceived is at work, and whether what still comes is not to be looked at.
    _receiving = False
    _deaf = False

    # Here rather than in the constructor is what most connections, which may be many, never have.

    # The lists that are being received, where a subclass's gotItem sees their elements.
    listStack: Any = cached_property(lambda self: [])
    _symbols: dict[bytes, int] | None = None
    outgoingSymbolCount = 0

    def __init__(self, isClient: Any = 1) -> None:
        self.isClient = isClient
        self._decoder = codec.Decoder(self.limits)

    @property
    def outgoingSymbols(self) -> dict[bytes, int]:
        """The words that this connection sends as numbers: a copy of `outgoingVocabulary`, made when it is asked for."""
        if self._symbols is None:
            self._symbols = copy.copy(self.outgoingVocabulary)
        return self._symbols

    @outgoingSymbols.setter
    def outgoingSymbols(self, symbols: dict[bytes, int]) -> None:
        self._symbols = symbols

    def _startAnew(self, data: bytes) -> None:
        """Forget what was received and has not been handed on; *data* is what is to be worked on next.  While something is
        being handed on, nothing is forgotten, as with twisted.spread: what follows would be out of step."""
        if self._receiving:
            return
        shallow, self._decoder = self._decoder.shallow, codec.Decoder(self.limits)
        self._decoder.shallow = shallow
        self._decoder.feed(data)
        self.listStack.clear()

    # Codecs that keep a Banana by them empty it so after each use, as `decode` of twisted.spread does.
    buffer = property(None, _startAnew, doc="What was received and not handed on yet.  It can be assigned, not read.")

    def useLimits(self, limits: Limits) -> None:
        """Have *limits* from now on."""
        self.limits = limits
        self._decoder.bound(limits)

    def setPrefixLimit(self, limit: int) -> None:
        """Set how many bytes a prefix may have on this connection, in both directions."""
        self.prefixLimit = limit

    def connectionMade(self) -> None:
        """Offer the dialects, if this is the server."""
        self.setPrefixLimit(_PREFIX_LIMIT)
        self.currentDialect = None
        if not self.isClient:
            self.sendEncoded(self.knownDialects)

    def connectionReady(self) -> None:
        """Called when a dialect is agreed on.  Override it."""

    def _selectDialect(self, dialect: bytes) -> None:
        self.currentDialect = dialect
        self.connectionReady()

    def dataReceived(self, chunk: bytes) -> None:
        """Take bytes from the transport, and hand on each expression that they complete.

        Raises:
            BananaError: the bytes are not banana, or break a limit.
        """
        self._decoder.feed(chunk)
        if not self._receiving:
            # Else it was called by way of an expression that is being handled; whoever handles it goes on with this.
            self._work(None)

    def _work(self, over: Callable[[], bool] | None) -> bool:
        """Hand on the expressions that are at hand; false if there may be more, for *over* said after one that it was
        enough."""
        decoder = self._decoder
        overridden = type(self).gotItem is not Banana.gotItem or "gotItem" in self.__dict__
        self._receiving = True
        try:
            while not self._deaf:
                words = self.incomingVocabulary if self.currentDialect == vocabulary.PB_DIALECT else None
                limit = self.prefixLimit
                item = decoder.next(words, SIZE_LIMIT, _PREFIX_LIMIT if limit is None else limit)
                if item is codec.NEED_DATA:
                    return True
                if overridden:
                    self._gotParts(item)
                else:
                    self.gotItem(item)
                if over is not None and not self._deaf and over():
                    return False
            return True
        finally:
            self._receiving = False

    def gotItem(self, item: Any) -> None:
        """An item was received: an element of the list that is being received, or a whole expression.

        A subclass that overrides this sees each element before the list that it is in, and may hand on another.
        """
        if self.listStack:
            self.listStack[-1][1].append(item)
        else:
            self.callExpressionReceived(item)

    def _gotParts(self, item: Any) -> None:
        """Give the application's `gotItem` every element of an expression, as a parser would that knows no more."""
        parts = [iter((item,))]
        while True:
            for part in parts[-1]:
                if type(part) is list:
                    self.listStack.append((len(part), []))
                    parts.append(iter(part))
                    break
                self.gotItem(part)
            else:
                parts.pop()
                if not parts:
                    return
                self.gotItem(self.listStack.pop()[1])

    def callExpressionReceived(self, obj: Any) -> None:
        """Negotiate with the first expression, and hand on each later one."""
        if self.currentDialect:
            self.expressionReceived(obj)
        elif self.isClient:
            for dialect in obj if isinstance(obj, list) else ():
                if dialect in self.knownDialects:
                    self.sendEncoded(dialect)
                    self._selectDialect(dialect)
                    return
            self._noCommonDialect("the server offers no dialect that this client speaks")
        elif obj in self.knownDialects:
            self._selectDialect(obj)
        else:
            self._noCommonDialect("the client chose a dialect that it was not offered")

    def _noCommonDialect(self, what: str) -> None:
        log.msg(f"Banana: {what}; disconnecting.")
        self._deaf = True
        self.transport.loseConnection()

    def expressionReceived(self, lst: Any) -> None:
        """An expression was received.  Override this."""
        raise NotImplementedError()

    def sendEncoded(self, obj: Any) -> None:
        """Send an expression.

        Raises:
            BananaError: it has something in it that banana does not carry; nothing was sent then.
        """
        chunks: list[bytes] = []
        self._encode(obj, chunks.append)
        self._write(chunks[0] if len(chunks) == 1 else b"".join(chunks), obj)

    def _write(self, data: bytes, obj: Any) -> None:
        """Send *data*, which is *obj*."""
        self.transport.write(data)

    def _encode(self, obj: Any, write: Callable[[bytes], object]) -> None:
        if isinstance(obj, (list, tuple)) and (type(self)._encode is not Banana._encode or "_encode" in self.__dict__):
            # An application's own, which knows more than banana does, is asked about each element.
            if len(obj) > SIZE_LIMIT:
                raise BananaError(f"a list of {len(obj)} items is too long to send; the limit is {SIZE_LIMIT}")
            write(wire.prefix(len(obj)) + LIST)
            for element in obj:
                self._encode(element, write)
            return
        words = None
        if self.currentDialect == vocabulary.PB_DIALECT:
            words = self.outgoingVocabulary if self._symbols is None else self._symbols
        limit = self.prefixLimit
        write(
            codec.encode(
                obj,
                words,
                SIZE_LIMIT,
                _PREFIX_LIMIT if limit is None else limit,
                self.limits.expression_depth,
            )
        )


def encode(lst: Any) -> bytes:
    """The bytes of an expression, in the dialect that has no words.

    Raises:
        BananaError: it has something in it that banana does not carry.
    """
    return codec.encode(lst, None, SIZE_LIMIT, _PREFIX_LIMIT)


def decode(st: bytes, limits: Limits = DEFAULT_LIMITS) -> Any:
    """The first expression in the bytes *st*, in the dialect that has no words; what follows it is not looked at.

    Raises:
        BananaError: they are not banana, break a limit, or end before the expression does.
        TypeError: they are no bytes.
    """
    decoder = codec.Decoder(limits)
    # Of a number, bytes() would make as many zeros.
    decoder.feed(st if isinstance(st, bytes) else memoryview(st).tobytes())
    item = decoder.next(None, SIZE_LIMIT, _PREFIX_LIMIT)
    if item is codec.NEED_DATA:
        raise BananaError("the bytes end before the expression does")
    return item
