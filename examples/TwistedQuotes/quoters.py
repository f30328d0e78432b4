"""Quoters: `IQuoter`, `StaticQuoter` and `FortuneQuoter`, as `spreadlite.quotes` has them."""

from spreadlite.quotes.interfaces import IQuoter
from spreadlite.quotes.quoters import FortuneQuoter, StaticQuoter

__all__ = ["FortuneQuoter", "IQuoter", "StaticQuoter"]
