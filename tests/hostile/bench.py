"""The bench: a victim of ours, a peer written by hand that attacks it, and an honest one beside them.

The attacker has a codec of its own (`tests.compat.rawcodec`).  Everything is in memory here; where the reactor matters,
see `tests.hostile.sessions`.
"""

from __future__ import annotations

import dataclasses
import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import IRealm, Portal
from twisted.internet import task
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.logger import eventAsText, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from spreadlite import jelly, pb
from spreadlite.core.limits import DEFAULT_LIMITS, Limits
from tests.compat.rawpeer import RawPeer, response_to
from tests.vectors.memory import Pipe

#: What the victim is: a server with a bare root, with a portal and the attacker not logged in, or logged in, or a client.
ROLES = ("bare", "stranger", "user", "client")

#: A message of each kind that would make sense, but for the ids: its name and its arguments.
MESSAGES: dict[str, list[Any]] = {
    "version": [6],
    "didNotUnderstand": ["what"],
    "message": [7, "root", "echo", 1, ["tuple"], ["dictionary"]],
    "cachemessage": [7, 1, "echo", 1, ["tuple"], ["dictionary"]],
    "answer": [1, ["unicode", "it"]],
    "error": [1, ["unicode", "it"]],
    "decref": [1],
    "decache": [1],
    "uncache": [1],
}

#: What a peer may put in the place of anything.
ODD: dict[str, Any] = {
    "unknown": 12345,
    "zero": 0,
    "negative": -1,
    "huge": 2**447,
    "float": 1.0,
    "nan": float("nan"),
    "infinite": float("inf"),
    "bytes": b"nonesuch",
    "empty": b"",
    "binary": b"\xff\xfe\x00\x1b[2J",
    "long": b"x" * 5000,
    "list": [],
    "lists": [[[]]],
    "text": ["unicode", "\u202eevil"],
    "none": ["None"],
    "true": ["boolean", "true"],
}


def odd_messages() -> Iterator[tuple[str, Any]]:
    """Every kind of message with every argument replaced by every odd value, and with too few and too many."""
    for kind, arguments in MESSAGES.items():
        for number in {0, len(arguments) - 1, len(arguments) + 1, 100}:
            yield f"{kind} of {number}", [kind, *(arguments * 100)[:number]]
        for place in range(len(arguments)):
            for name, odd in ODD.items():
                changed = list(arguments)
                changed[place] = odd
                yield f"{kind}, {name} at {place}", [kind, *changed]
    for name, odd in ODD.items():
        yield f"{name} for a message", odd
        yield f"{name} for a kind", [odd, 1]
    yield "unknown", ["nonesuch", 1, 2]
    yield "private", ["__class__", 1]


@implementer(IRealm)
class Realm:
    """Gives every user an avatar, and keeps account of them."""

    def __init__(self) -> None:
        self.inside: list[Any] = []
        self.logouts = 0

    def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> Any:
        """An avatar."""
        avatar = Avatar()
        avatar.mind = mind
        self.inside.append(avatarId)

        def logout() -> None:
            self.inside.remove(avatarId)
            self.logouts += 1

        return pb.IPerspective, avatar, logout


class Avatar(pb.Avatar):
    """What a user may call."""

    mind: Any = None

    def perspective_echo(self, *args: Any, **kw: Any) -> Any:
        """Give it back."""
        return [args, kw] if kw else args[0] if len(args) == 1 else list(args)


    def perspective_take(self, *args: Any, **kw: Any) -> None:
        """Take it."""


class Echo(pb.Root):
    """What anybody may call."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def remote_echo(self, *args: Any, **kw: Any) -> Any:
        """Give it back."""
        self.seen.append((args, kw))
        return [args, kw] if kw else args[0] if len(args) == 1 else list(args)

    def remote_take(self, *args: Any, **kw: Any) -> None:
        """Take it."""
        self.seen.append((args, kw))


def unhurried(limits: Limits = DEFAULT_LIMITS) -> Limits:
    """*limits*, but where they do not say how long a slice is, it takes as long as it may: what a test finds to be done as
    soon as the bytes are there is not to depend on how busy the machine is."""
    usual = limits.slice_seconds == DEFAULT_LIMITS.slice_seconds
    return dataclasses.replace(limits, slice_seconds=3600) if usual else limits


class TimedPipe(Pipe):
    """A transport with a clock for its reactor."""

    def __init__(self, clock: task.Clock) -> None:
        super().__init__()
        self.reactor = clock
        self.paused = False

    def pauseProducing(self) -> None:
        """Read no more."""
        self.paused = True

    def resumeProducing(self) -> None:
        """Read again."""
        self.paused = False


class Written:
    """What was logged."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, event: Any) -> None:
        self.lines.append(eventAsText(event, includeTraceback=True, includeTimestamp=False, includeSystem=False))

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(self.lines)


@contextmanager
def logged() -> Iterator[Written]:
    """Listen to the log."""
    written = Written()
    globalLogPublisher.addObserver(written)
    try:
        yield written
    finally:
        globalLogPublisher.removeObserver(written)


def understood(test: Any, name: str, cls: type) -> None:
    """Until *test* is over, objects that are sent under that name are received as *cls*."""
    before = dict(jelly.globalSecurity.allowedTypes)
    jelly.setUnjellyableForClass(name, cls)

    def undo() -> None:
        jelly.unjellyableRegistry.pop(name.encode("utf-8"), None)
        jelly.globalSecurity.allowedTypes.clear()
        jelly.globalSecurity.allowedTypes.update(before)

    test.addCleanup(undo)


class Bench:
    """A victim and its attacker.

    Args:
        role: one of `ROLES`.
        limits: the victim's.
        size: bytes that the attacker delivers at a time.
        root: what a bare server publishes.
    """

    def __init__(
        self, role: str, limits: Limits = DEFAULT_LIMITS, size: int | None = None, root: Any = None, **options: Any
    ) -> None:
        self.role = role
        self.realm = Realm()
        self.root = Echo() if root is None else root
        self.outcomes: list[Any] = []
        self.fired: list[list[Any]] = []
        if role == "client":
            self.factory: Any = pb.PBClientFactory(limits=limits, **options)
            self.peer = RawPeer(self.factory.buildProtocol(None), size=None)
            self.expect(self.factory.getRootObject())
            self.peer.greet_client()
            # The calls 1 and 2 are in flight.
            self.reference = self.fired[0][0]
            self.expect(self.reference.callRemote("first"))
            self.expect(self.reference.callRemote("second"))
        else:
            if role == "bare":
                self.factory = pb.PBServerFactory(self.root, limits=limits, **options)
            else:
                portal = Portal(self.realm, [InMemoryUsernamePasswordDatabaseDontUse(joe=b"secret")])
                self.factory = pb.PBServerFactory(portal, limits=limits, **options)
            self.peer = self.client()
            if role == "user":
                self.target = self.log_in(self.peer)
        self.peer.size = size
        self.peer.heard()

    def expect(self, deferred: Any) -> list[Any]:
        """Keep account of what *deferred* fires with."""
        results: list[Any] = []
        deferred.addBoth(results.append)
        self.fired.append(results)
        return results

    def client(self) -> RawPeer:
        """Another client of the same factory."""
        peer = RawPeer(self.factory.buildProtocol(None))
        peer.greet_server()
        return peer

    def log_in(self, peer: RawPeer, name: Any = "joe", password: bytes = b"secret") -> Any:
        """The id of the avatar that *peer* gets."""
        begun = peer.call("root", "login", name)
        if begun[0] != b"answer":
            return begun
        challenge, challenger = begun[2][1:]
        ended = peer.call(challenger[1], "respond", response_to(challenge, password), ["None"])
        return ended[2][1] if ended[0] == b"answer" else ended

    @property
    def broker(self) -> Any:
        """The victim's end."""
        return self.peer.broker

    @property
    def ended(self) -> bool:
        """Whether the victim has ended the connection."""
        return self.peer.pipe.disconnecting

    @property
    def aim(self) -> Any:
        """What the attacker calls."""
        return self.target if self.role == "user" else "root"

    def others_are_served(self) -> bool:
        """Whether another peer gets on."""
        if self.role == "client":
            factory = pb.PBClientFactory()
            peer = RawPeer(factory.buildProtocol(None))
            peer.greet_client()
            results: list[Any] = []
            factory.getRootObject().addCallback(lambda root: root.callRemote("it")).addBoth(results.append)
            peer.say(["answer", 1, ["unicode", "fine"]])
            return results == ["fine"]
        peer = self.client()
        if self.role == "bare":
            answered = peer.call("root", "echo", 5) == [b"answer", 1, 5]
        else:
            avatar = self.log_in(peer)
            answered = peer.call(avatar, "echo", 5) == [b"answer", 3, 5]
        lose(peer.broker)
        return answered

    def close(self) -> None:
        """The connection goes."""
        lose(self.broker, ConnectionLost if self.peer.pipe.aborted else ConnectionDone)

    def leftovers(self) -> list[str]:
        """What is left after the connection has gone, that should not be; `close` was called."""
        left = []
        broker = self.broker
        for name in ("localObjects", "luids", "remotelyCachedObjects", "remotelyCachedLUIDs", "locallyCachedObjects"):
            if getattr(broker, name) is not None:
                left.append(name)
        if broker.waitingForAnswers:
            left.append("waitingForAnswers")
        if self.realm.inside:
            left.append("avatars")
        left += [f"a Deferred that fired {len(results)} times" for results in self.fired if len(results) != 1]
        return left

    def forgotten(self) -> bool:
        """Whether the broker goes with its last reference, without the help of the garbage collector; the last thing that
        is asked."""
        reference = weakref.ref(self.broker)
        enabled = gc.isenabled()
        gc.disable()
        try:
            self.fired = []
            self.reference: Any = None
            self.peer.broker = None
            del broker_holder(self.factory)[:]
            return reference() is None
        finally:
            if enabled:
                gc.enable()


def broker_holder(factory: Any) -> list[Any]:
    """A client's factory keeps its last broker for its programs to look at."""
    if hasattr(factory, "_broker"):
        factory._broker = factory._root = None
    return []


def lose(broker: Any, why: Any = ConnectionDone) -> None:
    """The connection of *broker* goes."""
    broker.connectionLost(Failure(why()))


def served(root: Any, **options: Any) -> RawPeer:
    """A peer of a server with that root, before it has said anything."""
    peer = RawPeer(pb.PBServerFactory(root, **options).buildProtocol(None))
    peer.greet_server()
    return peer


def said(name: str, wanted: int, *args: Any) -> list[Any]:
    """A call of the root's method *name*."""
    return ["message", 1, "root", name, wanted, ["tuple", *args], ["dictionary"]]
