"""
The quote of the day protocol, RFC 865, over a stream.

Whoever connects is sent one quote and a line end, and the connection is closed; whatever they send is ignored.
The text is UTF-8, which is the ASCII of the RFC as long as the quote is, and every line end is CR LF.  The RFC wishes for
quotes below 512 characters; that is left to the quoter.
"""

from __future__ import annotations

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from spreadlite.quotes.interfaces import Quoter

__all__ = ["QOTD", "QOTDFactory", "encode_quote"]


def encode_quote(quote: str) -> bytes:
    """
    Return the bytes that carry a quote: UTF-8, each line ended by CR LF.

    Lone surrogates, which UTF-8 has no bytes for, become question marks: half a quote is better than none.
    """
    lines = quote.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")
    return b"".join(line.encode("utf-8", "replace") + b"\r\n" for line in lines)


class QOTD(Protocol):
    """
    One connection: writes a quote and closes.

    It takes the quote from `factory.quoter`, so it works under any factory that has one.
    """

    factory: QOTDFactory  # type: ignore[assignment]  # narrower than Protocol's, which may be None

    _log = Logger()

    def connectionMade(self) -> None:
        """Write the quote and close; a quoter that fails is logged, and the connection closed without a quote."""
        transport = self.transport
        assert transport is not None
        try:
            transport.write(encode_quote(self.factory.quoter.getQuote()))
        except Exception:
            self._log.failure("the quoter failed")
        transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Nothing is left to do: the quote was written at once, or never."""


class QOTDFactory(Factory):
    """
    Builds a `QOTD` for each connection.

    Args:
        quoter: gives the quotes.
    """

    protocol = QOTD
    noisy = True  # the line in the log that names the port

    def __init__(self, quoter: Quoter) -> None:
        self.quoter = quoter

    def buildProtocol(self, addr: IAddress | None) -> QOTD | None:
        """Return the protocol for a connection from `addr`."""
        protocol = super().buildProtocol(addr)
        assert protocol is None or isinstance(protocol, QOTD)
        return protocol
