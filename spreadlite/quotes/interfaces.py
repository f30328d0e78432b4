"""What the quote services ask of the object that chooses the quotes."""

from __future__ import annotations

from typing import Protocol

from zope.interface import Interface

__all__ = ["IQuoter", "Quoter"]


class IQuoter(Interface):  # type: ignore[misc]  # zope.interface has no types
    """Something that has quotes to give; the form that zope.interface can look up and adapt to."""

    def getQuote() -> str:  # type: ignore[misc, empty-body]  # an interface's methods take no self
        """Return one quote as text, without a line end after it; called once for each request."""


class Quoter(Protocol):
    """The same promise as `IQuoter`, in the form that type checkers understand."""

    def getQuote(self) -> str:
        """Return one quote as text, without a line end after it; called once for each request."""
