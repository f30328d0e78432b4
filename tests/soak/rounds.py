"""One round does a little of everything that a connection can do; rounds are counted, and what is left after them."""

from __future__ import annotations

import gc
from typing import Any

from twisted.internet import defer, reactor
from twisted.internet.endpoints import TCP4ClientEndpoint

from spreadlite import pb
from spreadlite.core.tables import Local

#: Calls of one round, and rounds of one connection.
CALLS, ROUNDS = 25, 20


class Shared(pb.Cacheable):
    """Something to cache."""

    def __init__(self) -> None:
        self.observers: list[Any] = []

    def getStateToCacheAndObserveFor(self, perspective: Any, observer: Any) -> dict[str, Any]:
        """The state."""
        self.observers.append(observer)
        return {"number": 1, "items": list(range(20))}

    def stoppedObserving(self, perspective: Any, observer: Any) -> None:
        """Somebody left."""
        self.observers.remove(observer)


class SharedHere(pb.RemoteCache):
    """It, at the other side."""

    def observe_changed(self, number: int) -> None:
        """It changed."""
        self.number = number


pb.setUnjellyableForClass(Shared, SharedHere)


class Root(pb.Root):
    """What is called."""

    def remote_echo(self, it: Any) -> Any:
        """Give it back."""
        return it

    def remote_new(self) -> Any:
        """A new object."""
        return pb.Referenceable()

    async def remote_back(self, other: Any) -> Any:
        """Call back."""
        return await other.callRemote("here")

    def remote_fail(self) -> None:
        """An error of the contract."""
        raise pb.Error("no")

    async def remote_shared(self) -> Any:
        """A cache, which changes soon."""
        shared = Shared()

        def change() -> None:
            for observer in shared.observers:
                observer.callRemote("changed", 2).addErrback(lambda reason: None)

        reactor.callLater(0, change)  # type: ignore[attr-defined]
        return shared


class Here(pb.Referenceable):
    """What is called back."""

    def remote_here(self) -> str:
        """An answer."""
        return "here"


async def one_round(root: Any) -> int:
    """A little of everything; returns the number of calls."""
    values = [{"number": number, "text": "x" * number, "list": [None, 1.5]} for number in range(CALLS - 5)]
    assert values == await defer.gatherResults([root.callRemote("echo", value) for value in values])
    reference = await root.callRemote("new")
    assert await root.callRemote("echo", reference) is not None
    assert await root.callRemote("back", Here()) == "here"
    assert await root.callRemote("fail").addErrback(lambda reason: reason.check(pb.Error)) is pb.Error
    cache = await root.callRemote("shared")
    assert cache.items == list(range(20))
    return CALLS


def live() -> dict[str, int]:
    """How many there are of what a connection makes."""
    gc.collect()
    counts = dict.fromkeys(("Broker", "Local", "RemoteReference", "SharedHere", "Shared", "Deferred"), 0)
    for each in gc.get_objects():
        kind = type(each)
        if kind is Local:
            counts["Local"] += 1
        elif kind.__name__ in counts and kind.__module__.startswith(("spreadlite", "tests.soak", "twisted.internet")):
            counts[kind.__name__] += 1
    return counts


async def soak(port: int, calls: int, after: Any) -> None:
    """Make so many calls, with a new connection every now and then; ``after(number)`` is called after each connection."""
    made = 0
    while made < calls:
        factory = pb.PBClientFactory()
        broker = await TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(factory)
        root = await factory.getRootObject()
        for _ in range(ROUNDS):
            made += await one_round(root)
        gone: defer.Deferred[None] = defer.Deferred()
        broker.notifyOnDisconnect(lambda gone=gone: gone.callback(None))
        if made // CALLS % 3:
            factory.disconnect()
        else:
            broker.transport.abortConnection()
        await gone
        del broker, root, factory, gone
        after(made)


def serve() -> Any:
    """A listening port."""
    return reactor.listenTCP(0, pb.PBServerFactory(Root()), interface="127.0.0.1")  # type: ignore[attr-defined]
