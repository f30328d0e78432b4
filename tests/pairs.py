"""A server and a client in one process, connected in memory; either may be twisted.spread's."""

from __future__ import annotations

import gc
from typing import Any

from twisted.internet import defer
from twisted.python import log
from twisted.python.failure import Failure

from tests.vectors.memory import Wire
from tests.vectors.spreads import OURS, TWISTED, load

#: Whose server and whose client: a seam is tried with ours, with a peer of either kind, and with twisted.spread as proof
#: that it is a seam.
PAIRS = ((OURS, OURS), (OURS, TWISTED), (TWISTED, OURS), (TWISTED, TWISTED))


class Hangs:
    """The outcome of a call that is never answered."""

    def __repr__(self) -> str:
        return "hangs"


HANGS = Hangs()


class Link(Wire):
    """A wire that does what a reactor does with a protocol that raises: it logs that, and drops the connection."""

    def flush(self) -> None:
        """Deliver until neither end has anything more to say."""
        try:
            super().flush()
        except Exception:
            log.err()


class Pair:
    """A server and a client that have shaken hands.

    Args:
        server: whose the server is, `OURS` or `TWISTED`.
        client: whose the client is.
        root: what the server's factory is given; a root without methods if None.
        serving, connecting: factories to use in place of stock ones.
    """

    def __init__(
        self, server: str = OURS, client: str = OURS, root: Any = None, *, serving: Any = None, connecting: Any = None
    ) -> None:
        self.server_spread, self.client_spread = load(server), load(client)
        if serving is None:
            serving = self.server_spread.pb.PBServerFactory(self.server_spread.pb.Root() if root is None else root)
        self.serving = serving
        self.connecting = self.client_spread.pb.PBClientFactory() if connecting is None else connecting
        self.server = self.serving.buildProtocol(None)
        self.client = self.connecting.buildProtocol(None)
        self.link = Link(self.server, self.client)
        self.flush()
        self.root = self.client.remoteForName("root")

    def flush(self) -> None:
        """Let the two talk until they fall silent."""
        self.link.flush()

    def outcome(self, deferred: Any) -> Any:
        """What *deferred* gives: its value, a Failure, or `HANGS`."""
        results: list[Any] = []
        deferred.addBoth(results.append)
        self.flush()
        return results[0] if results else HANGS

    def call(self, name: str, *args: Any, **kw: Any) -> Any:
        """The outcome of a call of the root's method *name*."""
        return self.outcome(self.root.callRemote(name, *args, **kw))

    def value(self, name: str, *args: Any, **kw: Any) -> Any:
        """The result of a call of the root's method *name*, which must not fail."""
        found = self.call(name, *args, **kw)
        if isinstance(found, (Failure, Hangs)):
            raise AssertionError(f"{name}: {found if found is HANGS else found.getErrorMessage()}")
        return found

    @property
    def alive(self) -> bool:
        """Whether the connection is there at both ends."""
        self.flush()
        return self.link.open and not self.server.disconnected and not self.client.disconnected

    def cut(self) -> None:
        """Lose the connection."""
        self.flush()
        self.link.cut()


def collected() -> None:
    """Let objects that nobody holds be collected."""
    for _ in range(3):
        gc.collect()


def kind_of(failure: Any) -> str:
    """The dotted name of a failure's exception, whether it comes from here or from the other side."""
    kind = failure.type
    if isinstance(kind, bytes):
        return kind.decode()
    return kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"


def later() -> tuple[Any, Any]:
    """A Deferred, and what fires it."""
    waiting: defer.Deferred[Any] = defer.Deferred()
    return waiting, waiting.callback
