"""The QOTD protocol, as `spreadlite.quotes` has it."""

from spreadlite.quotes.interfaces import IQuoter
from spreadlite.quotes.protocol import QOTD, QOTDFactory

__all__ = ["IQuoter", "QOTD", "QOTDFactory"]
