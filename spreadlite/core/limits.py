"""`Limits`: how much a peer may make us hold or compute.

Limits are local: they are never negotiated, and two peers may have different ones.  The defaults lie far above what
honest peers of twisted.spread send, and are in force when none are given.
"""

from __future__ import annotations

from dataclasses import dataclass

#: What an item of an unfinished expression is taken to cost, in bytes, beside the bytes of a string itself.  Near to
#: what CPython 3.11 allocates, with the slot in the list that holds the item.
ITEM_COST = 32
#: What a word of the vocabulary is taken to cost: the slot alone, for the word itself is there already.
WORD_COST = 8
#: What an opened list is taken to cost, in bytes: the list and the decoder's own record of it.
LIST_COST = 56


@dataclass(frozen=True)
class Limits:
    """The bounds for one connection, or for one call of `jelly.unjelly` or `banana.decode`.

    Args:
        expression_bytes: bytes of memory that one expression may take while it is received, before any object is made
            of it: the bytes of its strings and a fixed cost for each item and list.  twisted.spread has no bound (one
            connection could hold gigabytes); one message of many strings may well have 25 MiB.  One more: the
            connection ends.
        expression_depth: lists within lists in one received expression.  A value one level deep takes at most three
            lists (a reference, a dictionary, a pair), so this follows ``depth``.  One more: the connection ends.
        depth: values within values when objects are made of an expression, or expressions of objects.  twisted.spread
            reaches Python's recursion limit between 330 and 400.  One more: that call fails.
        outstanding_calls: calls on one connection whose answer is a Deferred that has not fired.  One more: that call
            fails.
        negotiation_seconds: seconds that a new connection may take to agree on a dialect.  twisted.spread waits for
            ever.  Longer: the connection ends.
    """

    expression_bytes: int = 64 * 1024 * 1024
    expression_depth: int = 1250
    depth: int = 400
    outstanding_calls: int = 10_000
    negotiation_seconds: float = 30.0

    def __post_init__(self) -> None:
        """Refuse what is no positive number: ValueError, with the field's name."""
        for name, value in vars(self).items():
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
                raise ValueError(f"Limits.{name} must be a positive number, not {value!r}")


#: The limits in force when none are given.
DEFAULT_LIMITS = Limits()
