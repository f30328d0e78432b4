"""The quote of the day protocol (RFC 865) over TCP: whoever connects gets one quote, and is disconnected."""

from __future__ import annotations

from typing import Any

from twisted.internet import protocol
from twisted.logger import Logger

from .interfaces import Quoter

__all__ = ["QOTD", "QOTDFactory"]


def to_wire(quote: str) -> bytes:
    """A quote as it is sent: UTF-8, every line ended by CR LF."""
    return "\r\n".join(quote.splitlines()).encode("utf-8", "replace") + b"\r\n"


class QOTD(protocol.Protocol):
    """Serves one quote; nothing that the client sends is looked at."""

    factory: Any
    transport: Any
    _log = Logger()

    def connectionMade(self) -> None:
        """Send a quote and disconnect."""
        try:
            self.transport.write(to_wire(self.factory.quoter.getQuote()))
        except Exception:
            self._log.failure("no quote for {peer}", peer=self.transport.getPeer())
        self.transport.loseConnection()


class QOTDFactory(protocol.ServerFactory):
    """Serves the quotes of *quoter*, an `IQuoter`."""

    protocol = QOTD  # type: ignore[assignment]
    # A log line for each of many short connections would tell nothing.
    noisy = False

    def __init__(self, quoter: Quoter) -> None:
        self.quoter = quoter
