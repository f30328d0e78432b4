"""What a scenario is: a server's part, a client's part, and what is known to differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

#: Makes the server's root object, given the server's `Side`.
Serve = Callable[[Any], Any]
#: A coroutine function of the client's `Side` and its reference to the root; what it returns is the result.
Client = Callable[..., Any]


class Repair(NamedTuple):
    """A result that is better with ours than with twisted.spread.

    Args:
        by: the side that has to be ours: ``"server"``, ``"client"``, ``"both"`` or ``"either"``.
        theirs: the result where it is twisted.spread's; None if that is not the same in every pairing.
        ours: the result where it is ours.
    """

    by: str
    theirs: Any
    ours: Any


class Scenario(NamedTuple):
    """One scenario.

    Args:
        name: unique; by it the two processes agree on what they do.
        serve: the server's part.
        client: the client's part.
        repair: what is known to differ.
        bytes: whether what was said on the wire is compared; not where chance or a traceback decides it.
        tables: whether the tables of both brokers are compared.
        logs: whether what was logged as an error is compared.
    """

    name: str
    serve: Serve
    client: Client
    repair: Repair | None = None
    bytes: bool = True
    tables: bool = True
    logs: bool = True


SCENARIOS: dict[str, Scenario] = {}


def scenario(serve: Serve, name: str | None = None, **options: Any) -> Callable[[Client], Client]:
    """Register a client's part with the server's part *serve*, under the function's name or *name*."""

    def register(client: Client) -> Client:
        title = name or client.__name__.replace("_", " ")
        assert title not in SCENARIOS, title
        SCENARIOS[title] = Scenario(title, serve, client, **options)
        return client

    return register


def repaired(serve: Serve, by: str, theirs: Any, ours: Any, name: str | None = None) -> Callable[[Client], Client]:
    """Register a scenario whose result is known to differ."""
    return scenario(serve, name, repair=Repair(by, theirs, ours), bytes=False, tables=False, logs=False)
