"""Quoters: one that knows a single text, one that reads the files of `fortune`, and the quotes that ship with us."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from zope.interface import implementer

from spreadlite.quotes.fortunes import FortuneFile, QuotesFileError
from spreadlite.quotes.interfaces import IQuoter

__all__ = ["SHIPPED_QUOTES", "FortuneQuoter", "QuotesFileError", "StaticQuoter"]

SHIPPED_QUOTES = str(Path(__file__).with_name("quotes.txt"))
"""The file of public-domain quotes that is part of the package; served where nothing else is asked for."""


@implementer(IQuoter)
class StaticQuoter:
    """
    Gives the same quote every time.

    Args:
        quote: the text.
    """

    def __init__(self, quote: str) -> None:
        self.quote = quote

    def getQuote(self) -> str:
        """Return the quote."""
        return self.quote


@implementer(IQuoter)
class FortuneQuoter:
    """
    Gives a quote taken at random from some files; each quote in them is as likely as any other.

    Args:
        filenames: the files, in the format that `spreadlite.quotes.fortunes` describes.
        choose: takes one of several quotes; `random.choice` unless a test wants to know the outcome.

    Raises:
        QuotesFileError: if one of the files cannot be used, or if there are none.  After that, a file that goes
            bad never makes a request fail: its last good quotes stay in use.
    """

    def __init__(
        self,
        filenames: Iterable[str],
        choose: Callable[[Sequence[str]], str] = random.choice,
    ) -> None:
        self.filenames = tuple(filenames)
        if not self.filenames:
            raise QuotesFileError("", "no file is named")
        self._files = [FortuneFile(filename) for filename in self.filenames]
        self._choose = choose

    def getQuote(self) -> str:
        """Return one of the quotes that the files hold now."""
        return self._choose([quote for file in self._files for quote in file.quotes])
