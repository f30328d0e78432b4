"""The quote service as a Perspective Broker object, as `spreadlite.quotes` has it."""

from spreadlite.quotes.reader import QuoteReader

__all__ = ["QuoteReader"]
