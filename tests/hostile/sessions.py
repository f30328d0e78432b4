"""A session in which there is a little of everything at every moment: a login, calls, references, caches and pages."""

from __future__ import annotations

import sys
from typing import Any

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import UsernamePassword
from twisted.cred.portal import IRealm, Portal
from twisted.internet import defer, reactor
from zope.interface import implementer

from spreadlite import pb, util


class Shared(pb.Cacheable):
    """Something to cache."""

    def __init__(self) -> None:
        self.observers: list[Any] = []
        self.stopped = 0

    def getStateToCacheAndObserveFor(self, perspective: Any, observer: Any) -> dict[str, Any]:
        """The state."""
        self.observers.append(observer)
        return {"number": 1}

    def stoppedObserving(self, perspective: Any, observer: Any) -> None:
        """Somebody left."""
        self.observers.remove(observer)
        self.stopped += 1


class SharedThere(pb.RemoteCache):
    """It, at the other side."""

    def observe_changed(self, number: int) -> None:
        """It changed."""
        self.number = number


pb.setUnjellyableForClass(Shared, SharedThere)


class Caller(pb.Avatar):
    """What a user may call."""

    def __init__(self, mind: Any, shared: list[Shared]) -> None:
        self.mind = mind
        self.shared = shared

    def perspective_echo(self, it: Any) -> Any:
        """Give it back."""
        return it

    def perspective_new(self) -> Any:
        """A new object."""
        return pb.Referenceable()

    def perspective_back(self, other: Any) -> Any:
        """Ask the other side."""
        return other.callRemote("here", pb.Referenceable())

    def perspective_shared(self) -> Any:
        """A cache, which changes soon."""
        self.shared.append(shared := Shared())

        def change() -> None:
            for observer in shared.observers:
                observer.callRemote("changed", 2).addErrback(lambda reason: None)

        reactor.callLater(0, change)  # type: ignore[attr-defined]
        return shared

    def perspective_pages(self, collector: Any) -> None:
        """Pages."""
        util.StringPager(collector, b"x" * 1_000, 250)


@implementer(IRealm)
class House:
    """Keeps account of who is in it."""

    def __init__(self) -> None:
        self.inside: list[Caller] = []
        self.shared: list[Shared] = []
        self.came = 0
        self.left = 0

    def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> Any:
        """An avatar."""
        avatar = Caller(mind, self.shared)
        self.inside.append(avatar)
        self.came += 1

        def leave() -> None:
            self.inside.remove(avatar)
            avatar.mind = None
            self.left += 1

        return pb.IPerspective, avatar, leave

    def leftovers(self) -> list[str]:
        """What is left of those who have left, that should not be."""
        left = [f"{len(self.inside)} are inside"] * bool(self.inside)
        left += [f"{self.came} came and {self.left} left"] * (self.came != self.left)
        odd = [shared for shared in self.shared if shared.observers or shared.stopped != 1]
        return left + [f"{len(odd)} caches whose owner was not told, once, that they are gone"] * bool(odd)

    def portal(self) -> Portal:
        """Where one logs in."""
        return Portal(self, [InMemoryUsernamePasswordDatabaseDontUse(joe=b"secret")])


class Here(pb.Referenceable):
    """What is called back."""

    def remote_here(self, it: Any) -> Any:
        """Give it back."""
        return it


class Session:
    """A client's session.

    Attributes:
        fired: what each Deferred that was given out has fired with.
        done: how many rounds are done.
    """

    def __init__(self, factory: Any) -> None:
        self.factory = factory
        self.fired: list[list[Any]] = []
        self.done = 0

    def expect(self, deferred: Any) -> Any:
        """Keep account of it; returns a Deferred that does not fail."""
        results: list[bool] = []
        self.fired.append(results)

        def note(result: Any) -> Any:
            results.append(True)
            return result

        return deferred.addBoth(note)

    async def run(self, rounds: int) -> None:
        """So many rounds.

        Raises:
            Exception: the connection went.
        """
        avatar = await self.expect(self.factory.login(UsernamePassword(b"joe", b"secret"), Here()))
        for number in range(rounds):
            waiting = [self.expect(avatar.callRemote("echo", [number, b"x" * number])) for number in range(5)]
            waiting += [self.expect(avatar.callRemote("back", Here())), self.expect(avatar.callRemote("shared"))]
            waiting += [self.expect(avatar.callRemote("new"))]
            waiting += [self.expect(util.getAllPages(avatar, "pages"))]
            results = await defer.DeferredList(waiting, consumeErrors=True)
            for good, result in results:
                if not good:
                    result.raiseException()
            assert [result for _, result in results[:5]] == [[number, b"x" * number] for number in range(5)]
            assert results[6][1].number in (1, 2)
            assert b"".join(results[8][1]) == b"x" * 1_000
            self.done = number + 1


def main() -> None:
    """As a program: serve, or have a session without end."""
    if sys.argv[1] == "server":
        factory = pb.PBServerFactory(House().portal())
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")  # type: ignore[attr-defined]
        print(port.getHost().port, flush=True)
    else:
        client = pb.PBClientFactory()
        reactor.connectTCP("127.0.0.1", int(sys.argv[2]), client)  # type: ignore[attr-defined]
        defer.ensureDeferred(Session(client).run(10**9))
    reactor.run()  # type: ignore[attr-defined]
