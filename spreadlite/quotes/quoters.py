"""Quoters: objects that choose a quote."""

from __future__ import annotations

import random
from collections.abc import Iterable

from zope.interface import implementer

from .fortunes import FortuneFile
from .interfaces import IQuoter

__all__ = ["FortuneQuoter", "StaticQuoter"]


@implementer(IQuoter)
class StaticQuoter:
    """Always gives the same quote."""

    def __init__(self, quote: str) -> None:
        self.quote = quote

    def getQuote(self) -> str:
        """The quote."""
        return self.quote


@implementer(IQuoter)
class FortuneQuoter:
    """Gives any of the quotes of some files, each as likely as the others.

    Args:
        paths: the files; see `fortunes`.

    Raises:
        QuotesFileError: one of them cannot be used.
        ValueError: there are none.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._files = [FortuneFile(path) for path in paths]
        if not self._files:
            raise ValueError("a FortuneQuoter needs a file")

    def getQuote(self) -> str:
        """A quote.  A file that was changed is read again; see `FortuneFile`."""
        all_quotes = [file.quotes for file in self._files]
        choice = random.randrange(sum(map(len, all_quotes)))
        for quotes in all_quotes:
            if choice < len(quotes):
                break
            choice -= len(quotes)
        return quotes[choice]
