"""Quotes by Perspective Broker: the object that clients get when they ask for the root."""

from __future__ import annotations

from spreadlite import pb
from spreadlite.quotes.interfaces import Quoter

__all__ = ["QuoteReader"]


class QuoteReader(pb.Root):
    """
    The root object of a quote server; `callRemote("nextQuote")` answers with a quote.

    Args:
        quoter: gives the quotes.
    """

    def __init__(self, quoter: Quoter) -> None:
        self.quoter = quoter

    def remote_nextQuote(self) -> str:
        """Return a quote as text."""
        return self.quoter.getQuote()
