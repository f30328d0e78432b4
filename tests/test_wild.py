"""What programs in the wild do with ``twisted.spread``, and did not get here.

Each is tried with ours on either side, and with ``twisted.spread`` as proof that it works there.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from twisted.cred import checkers, credentials, portal
from twisted.internet import defer
from twisted.internet import reactor as running
from twisted.internet.task import deferLater
from twisted.trial import unittest
from zope.interface import implementer

from spreadlite import jelly, pb
from spreadlite.options import Limits
from tests.hostile.bench import logged
from tests.pairs import PAIRS, Pair
from tests.vectors.rows import Rows, each
from tests.vectors.spreads import OURS, TWISTED, load

Point = namedtuple("Point", "x y")
reactor: Any = running


@implementer(portal.IRealm)
class Realm:
    """Has an avatar for everybody."""

    def __init__(self, make: Any = pb.Avatar) -> None:
        self.make = make

    def requestAvatar(self, avatarID: Any, mind: Any, *interfaces: Any) -> Any:
        """A new one."""
        return interfaces[0], self.make(), lambda: None


class Wild(Rows, unittest.TestCase):
    """Uses that were found in public programs."""

    @each(PAIRS)
    def test_own_ways_in(self, kinds: tuple[str, str]) -> None:
        """A subclass of ``_PortalWrapper`` with logins of its own, which asks the portal itself (Sage, sshgd, riffle): who
        is in is no stranger, whose messages would have to be small."""
        spread = load(kinds[0])

        class Avatar(spread.pb.Avatar):  # type: ignore[name-defined,misc]
            """Takes much."""

            def perspective_submit(self, parts: list[bytes]) -> int:
                return sum(map(len, parts))

        class Wrapper(spread.pb._PortalWrapper):  # type: ignore[name-defined,misc]
            """Takes a key."""

            def remote_login(self, name: Any, key: Any, mind: Any) -> Any:
                d = self.portal.login(credentials.Anonymous(), mind, spread.pb.IPerspective)
                return d.addCallback(self._loggedIn)

            def _loggedIn(self, result: Any) -> Any:
                self.broker.notifyOnDisconnect(result[2])
                return spread.pb.AsReferenceable(result[1], "perspective")

        class Root(spread.pb._PortalRoot):  # type: ignore[name-defined,misc]
            """Gives that."""

            def rootObject(self, broker: Any) -> Any:
                return Wrapper(self.portal, broker)

        root = Root(portal.Portal(Realm(Avatar), [checkers.AllowAnonymousAccess()]))
        pair = Pair(*kinds, serving=spread.pb.PBServerFactory(root))
        avatar = pair.value("login", "joe", b"key", None)
        parts = [b"x" * 600_000] * 16
        self.assertEqual(9_600_000, pair.outcome(avatar.callRemote("submit", parts)))

    @each(PAIRS)
    def test_messages_of_later(self, kinds: tuple[str, str]) -> None:
        """A message that one broker alone understands, or that its class learns while connections are open."""
        pair, heard = Pair(*kinds), []
        pair.server.proto_hear = lambda *what: heard.append(what)
        pair.client.sendCall(b"hear", 1, b"x")
        pair.flush()
        cls = type(pair.server)
        cls.proto_learn = lambda self, *what: heard.append(what)
        self.addCleanup(delattr, cls, "proto_learn")
        pair.client.sendCall(b"learn", 2)
        pair.flush()
        self.assertEqual([(1, b"x"), (2,)], heard)

    @each(PAIRS)
    def test_jellier_replaced(self, kinds: tuple[str, str]) -> None:
        """Libervia has named tuples travel by putting a function of its own in the place of ``jelly._Jellier.jelly``; also
        while connections are open, and until that is put back."""
        server, client = map(load, kinds)

        class Root(server.pb.Root):  # type: ignore[name-defined,misc]
            """Gives and takes such."""

            def remote_give(self, *points: Any) -> Any:
                return [Point(1, "a"), {"k": (Point(2, None), *points)}]

            def remote_wait(self) -> Any:
                return defer.succeed(Point(3, Point(4, [])))

        pair = Pair(*kinds, root=Root())
        for module in {server.jelly, client.jelly}:
            original = module._Jellier.jelly

            def fixed(self: Any, obj: Any, original: Any = original) -> Any:
                return original(self, tuple(obj) if isinstance(obj, tuple) else obj)

            self.patch(module._Jellier, "jelly", fixed)
        self.assertEqual([(1, "a"), {"k": ((2, None),)}], pair.value("give"))
        self.assertEqual([(1, "a"), {"k": ((2, None), (5, 6))}], pair.value("give", Point(5, 6)))
        self.assertEqual((3, (4, [])), pair.value("wait"))
        for module in {server.jelly, client.jelly}:
            self.assertEqual([b"tuple", 7, 8], module.jelly(Point(7, 8)))

    def test_jellier_of_a_subclass(self) -> None:
        """A subclass's own is its own business."""
        original, serialize = jelly._Jellier.jelly, pb.Broker.serialize

        class Own(jelly._Jellier):
            """Has none yet."""

        Own.jelly = lambda self, obj: original(self, obj)  # type: ignore[method-assign]
        self.assertIs(serialize, pb.Broker.serialize)

        def fixed(self: Any, obj: Any) -> Any:
            return original(self, tuple(obj) if isinstance(obj, tuple) else obj)

        self.patch(jelly._Jellier, "jelly", fixed)
        Own.jelly = original  # type: ignore[method-assign]
        self.assertEqual([b"tuple", 7, 8], jelly.jelly(Point(7, 8)))

    def test_jellier_put_back(self) -> None:
        """After that, all is as it was, the short ways too."""
        original, serialize = jelly._Jellier.jelly, pb.Broker.serialize
        jelly._Jellier.jelly = lambda self, obj: original(self, obj)  # type: ignore[method-assign]
        self.assertIsNot(serialize, pb.Broker.serialize)
        jelly._Jellier.jelly = original  # type: ignore[method-assign]
        self.assertIs(serialize, pb.Broker.serialize)

    @each((OURS, TWISTED))
    def test_login_dialog(self, kind: str) -> Any:
        """Whoever mistypes a password is told so, every time, also when there is no next time."""
        users = checkers.InMemoryUsernamePasswordDatabaseDontUse(user=b"secret")
        server = pb.PBServerFactory(portal.Portal(Realm(), [users]), limits=Limits(failed_logins=2))
        port = reactor.listenTCP(0, server, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        spread = load(kind).pb
        factory = spread.PBClientFactory()
        reactor.connectTCP("127.0.0.1", port.getHost().port, factory)

        async def run() -> None:
            root = await factory.getRootObject()
            gone: defer.Deferred[None] = defer.Deferred()
            root.notifyOnDisconnect(lambda ref: gone.callback(None))
            for _ in range(3):
                login = factory.login(credentials.UsernamePassword(b"user", b"wrong"))
                login.addErrback(lambda reason: reason.trap("twisted.cred.error.UnauthorizedLogin"))
                self.assertEqual("twisted.cred.error.UnauthorizedLogin", await login)
            await gone
            self.flushLoggedErrors()

        return defer.ensureDeferred(run())

    @each([(150_000, 150, 150_000), (10, 120, 150_000), (150_000, 60, 300_000)])
    def test_much_both_ways(self, sizes: tuple[int, int, int]) -> Any:
        """Two sides that ask one another for much at the same time get it, also where it is more than either lets the
        other send while it waits for answers to be read."""
        size, number, answer = sizes

        async def run() -> None:
            self.assertEqual([[answer] * number] * 2, await self.asking_one_another(8 << 20, size, number, answer))

        return defer.ensureDeferred(run())

    def test_much_after_an_answer(self) -> Any:
        """What is said in the course of an answer is not said because the peer asked, and does not have to wait until the
        peer has read it."""

        async def run() -> None:
            answered, limits = 0, Limits(expression_bytes=1 << 20, unread_output=1 << 18)

            class Echo(pb.Root):
                """Answers with much."""

                def remote_echo(self, data: bytes, much: int) -> bytes:
                    return b"z" * much

            port = reactor.listenTCP(0, pb.PBServerFactory(Echo(), limits=limits), interface="127.0.0.1")
            self.addCleanup(port.stopListening)
            factory = pb.PBClientFactory(limits=limits)
            reactor.connectTCP("127.0.0.1", port.getHost().port, factory)
            root = await factory.getRootObject()
            gone: defer.Deferred[None] = defer.Deferred()
            root.notifyOnDisconnect(lambda ref: gone.callback(None))
            await root.callRemote("echo", b"", 1)
            asked = [root.callRemote("echo", b"x" * 100_000, 600_000) for _ in range(200)]
            for each_asked in asked:
                answered += len(await each_asked)
            self.assertEqual(200 * 600_000, answered)
            factory.disconnect()
            await gone

        return defer.ensureDeferred(run())

    def test_too_much_both_ways(self) -> Any:
        """Where it is more than anybody would hold, the connection ends, and nobody waits for ever."""

        async def run() -> None:
            with logged() as written:
                try:
                    await self.asking_one_another(1 << 20, 10, 400, 150_000)
                except defer.FirstError as error:
                    self.assertTrue(error.subFailure.check(pb.PBConnectionLost, pb.DeadReferenceError))
                else:
                    self.fail("it was not too much")
            self.assertEqual(1, written.text.count("does not read its answers"))

        return defer.ensureDeferred(run())

    async def asking_one_another(self, most: int, size: int, number: int, answer: int) -> Any:
        """What two sides get that call one another *number* times with *size* bytes, for *answer* bytes each; one message
        may take *most*."""
        limits = Limits(expression_bytes=most, unread_output=1 << 18)
        gone: list[defer.Deferred[None]] = [defer.Deferred(), defer.Deferred()]

        class Echo(pb.Root):
            """Answers with much, and asks for as much."""

            def remote_echo(self, data: bytes, much: int) -> bytes:
                return b"z" * much

            def remote_mirror(self, other: Any) -> Any:
                other.notifyOnDisconnect(lambda ref: gone[0].callback(None))
                return ask(other)

        def ask(other: Any) -> Any:
            asked = [other.callRemote("echo", b"x" * size, answer) for _ in range(number)]
            return defer.gatherResults(asked, consumeErrors=True).addCallback(lambda got: list(map(len, got)))

        port = reactor.listenTCP(0, pb.PBServerFactory(Echo(), limits=limits), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        factory = pb.PBClientFactory(limits=limits)
        reactor.connectTCP("127.0.0.1", port.getHost().port, factory)
        root = await factory.getRootObject()
        root.notifyOnDisconnect(lambda ref: gone[1].callback(None))
        both = defer.gatherResults([root.callRemote("mirror", Echo()), ask(root)], consumeErrors=True)
        both.addTimeout(10, reactor)
        try:
            return await both
        finally:
            root.broker.transport.abortConnection()
            await defer.gatherResults(gone)
            await deferLater(reactor, 0)
            self.flushLoggedErrors(pb.PBConnectionLost, defer.FirstError)
