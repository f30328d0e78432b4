"""The interfaces of objects that make their own expression, or make themselves of one."""

from __future__ import annotations

from zope.interface import Interface

__all__ = ["IJellyable", "IUnjellyable"]


class IJellyable(Interface):  # type: ignore[misc]
    """Makes its own expression."""

    def jellyFor(jellier):  # type: ignore[no-untyped-def]
        """Return the expression of this object.

        *jellier* lives for one expression; its ``jelly``, ``prepare``, ``preserve`` and ``invoker`` are at the
        object's service.
        """


class IUnjellyable(Interface):  # type: ignore[misc]
    """Makes itself of an expression."""

    def unjellyFor(unjellier, jellyList):  # type: ignore[no-untyped-def]
        """Take on what the expression *jellyList* says, and return the object that is to stand for it.

        *unjellier* lives for one expression; its ``unjelly`` and ``invoker`` are at the object's service.
        """
