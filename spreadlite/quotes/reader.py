"""The quotes as an object for Perspective Broker."""

from __future__ import annotations

from spreadlite import pb

from .interfaces import Quoter

__all__ = ["QuoteReader"]


class QuoteReader(pb.Root):
    """The root of a quote server.

    Args:
        quoter: an `IQuoter`.
    """

    def __init__(self, quoter: Quoter) -> None:
        self.quoter = quoter

    def remote_nextQuote(self) -> str:
        """A quote."""
        return self.quoter.getQuote()
