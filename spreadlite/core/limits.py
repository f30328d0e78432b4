"""`Limits`: how much a peer may make us hold or compute.

Limits are local: they are never negotiated, and two peers may have different ones.  The defaults lie far above what
honest peers of twisted.spread send, and are in force when none are given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

#: What an item of an unfinished expression is taken to cost, in bytes, beside the bytes of a string itself.  Near to
#: what CPython 3.11 allocates, with the slot in the list that holds the item.
ITEM_COST = 32
#: What a word of the vocabulary is taken to cost: the slot alone, for the word itself is there already.
WORD_COST = 8
#: What an opened list is taken to cost, in bytes: the list and the decoder's own record of it.
LIST_COST = 56
#: What one expression may take of memory when nothing else is said, in bytes.
EXPRESSION_BYTES = 64 * 1024 * 1024
#: What goes with a string that is as long as may be, in bytes, where that is more.
BESIDE_STRING = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """The bounds for one connection, or for one call of `jelly.jelly`, `jelly.unjelly` or `banana.decode`.

    Of each it is said what happens when it is reached.  *That call fails*: its caller gets an error, and the connection
    lives.  *The connection ends*: at once, with a line in the log.

    Args:
        expression_bytes: bytes of memory that one expression may take while it is received, before any object is made
            of it: the bytes of its strings and a fixed cost for each item and list.  twisted.spread has no bound (one
            connection could hold gigabytes); one message of many strings may well have 25 MiB.  An application that has
            assigned more than this default to ``banana.SIZE_LIMIT`` means a string to be that long, which may take a
            MiB more then, unless another bound is given here.  One more: the connection ends.
        login_expression_bytes: the same, for a peer that a portal has not let in yet: what it has to say until then is
            short.  One more: the connection ends.
        expression_depth: lists within lists in one received expression.  A value one level deep takes at most three
            lists (a reference, a dictionary, a pair), so this follows ``depth``.  One more: the connection ends.
        depth: values within values when objects are made of an expression, or expressions of objects.  twisted.spread
            reaches Python's recursion limit between 330 and 400.  One more: that call fails.
        outstanding_calls: calls on one connection whose answer is a Deferred that has not fired; ours and the peer's
            are counted each for themselves.  One costs about 1.5 KB.  As many pagers may have pages left.  One more: that
            call fails.
        references: objects of ours that the peer holds, and again as many that it has cached; None for
            ``pb.MAX_BROKER_REFS``, which is read at each use.  As with twisted.spread, one more passes; after that, the
            call fails, and at the fourth such call the connection ends.
        cache_bytes: bytes of the states of the peer's objects that are cached here, counted as in ``expression_bytes``;
            there may be four times as many such objects as ``references``.  They are held until the peer lets go of them
            too.  One more: that call fails.
        unread_output: bytes of what was said because the peer asked, that the transport holds because the peer does not
            read them.  Beyond it, no more of the peer's calls are worked on until half of them are gone, and soon no more
            are read; nothing fails.  Where calls of ours wait meanwhile, more is read, for it may be their answers: four
            times ``expression_bytes``, and then the connection ends.
        open_challenges: logins of a connection that wait for the answer to their challenge, or for the portal.  One
            more: that call fails.
        failed_logins: logins of a connection that the portal refuses.  One more: the connection ends.
        logins: avatars that a connection has at one time, or has asked the portal for.  One more: that call fails.
        name_bytes: bytes of a user name.  One more: that call fails.
        negotiation_seconds: seconds that a new connection may take to agree on a dialect.  twisted.spread waits for
            ever.  Longer: the connection ends.
        slice_seconds: seconds for which the calls of one connection are worked on before others have their turn; it is
            divided by the number of connections that have more to do.  Nothing fails.
        log_lines: lines of one kind that are logged on the account of the peers of one factory in ``log_seconds``; the
            rest is counted, and one line tells of it.
        log_seconds: see ``log_lines``.
        idle_seconds: seconds for which nothing is heard of a peer, after which the connection ends; None, the default,
            for ever: an idle peer is an honest one.
        connections: connections of one server factory at one time, beyond which new ones are closed at once; None, the
            default, for any number.
    """

    expression_bytes: int = EXPRESSION_BYTES
    login_expression_bytes: int = 8 * 1024 * 1024
    expression_depth: int = 1250
    depth: int = 400
    outstanding_calls: int = 10_000
    references: int | None = None
    cache_bytes: int = 256 * 1024 * 1024
    unread_output: int = 1024 * 1024
    open_challenges: int = 16
    failed_logins: int = 5
    logins: int = 64
    name_bytes: int = 1024
    negotiation_seconds: float = 30.0
    slice_seconds: float = 0.02
    log_lines: int = 20
    log_seconds: float = 10.0
    idle_seconds: float | None = None
    connections: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is no positive number: ValueError, with the field's name."""
        for name, value in vars(self).items():
            if value is None and name in _MAY_BE_NONE:
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
                raise ValueError(f"Limits.{name} must be a positive number, not {value!r}")

    def before_login(self) -> Limits:
        """These limits, as they hold for a peer that has not logged in."""
        return replace(
            self,
            expression_bytes=min(self.login_expression_bytes, self.expression_bytes),
            cache_bytes=min(self.login_expression_bytes, self.cache_bytes),
        )


_MAY_BE_NONE = frozenset(("references", "idle_seconds", "connections"))

#: The limits in force when none are given.
DEFAULT_LIMITS = Limits()
