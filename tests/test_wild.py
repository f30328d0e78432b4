"""What programs in the wild do with ``twisted.spread``, and did not get here.

Each is tried with ours on either side, and with ``twisted.spread`` as proof that it works there.
"""

from __future__ import annotations

import weakref
from collections import namedtuple
from typing import Any

from twisted.cred import checkers, credentials, portal
from twisted.internet import defer
from twisted.internet import reactor as running
from twisted.internet.task import deferLater
from twisted.python import log
from twisted.python.failure import Failure
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

    @each((OURS, TWISTED))
    def test_jellier_of_ones_own(self, kind: str) -> None:
        """A subclass of ``jelly._Jellier`` that is used by hand is asked about every value, however deep."""
        spread = load(kind).jelly

        class Complex(spread._Jellier):  # type: ignore[name-defined,misc]
            """Knows one type more."""

            def jelly(self, obj: Any) -> Any:
                return [b"complex", obj.real, obj.imag] if isinstance(obj, complex) else super().jelly(obj)

        for taster in (spread.DummySecurityOptions(), spread.globalSecurity):
            sexp = Complex(taster, None, None).jelly([1j, ({"k": (2j,)},), {3j}])
            deep = [b"tuple", [b"dictionary", [[b"unicode", b"k"], [b"tuple", [b"complex", 0.0, 2.0]]]]]
            expected = [b"list", [b"complex", 0.0, 1.0], deep, [b"set", [b"complex", 0.0, 3.0]]]
            self.assertEqual(expected, sexp)

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
    def test_weak_receiver(self, kind: str) -> None:
        """A reference's ``callRemote`` is connected to a signal: dispatchers hold bound methods weakly, and look at what
        their functions take."""
        reference = load(kind).pb.Broker().remoteForName("root")
        receiver: Any = weakref.WeakMethod(reference.callRemote)
        self.assertEqual(reference.callRemote, receiver())
        function = reference.callRemote.__func__
        self.assertEqual(("self", "_name"), function.__code__.co_varnames[: function.__code__.co_argcount])
        self.assertEqual((None, None), (function.__defaults__, function.__kwdefaults__))
        del reference
        self.assertIs(None, receiver())

    @each(PAIRS)
    def test_other_states(self, kinds: tuple[str, str]) -> None:
        """What has no state to be copied says so in any way: None, nought, an empty text or list; and a copy of a mapping
        has the mapping's keys for its attributes' names, be they text or not."""
        server, client = map(load, kinds)

        class Copied(server.pb.Copyable):  # type: ignore[name-defined,misc]
            """Has a state of any kind."""

            def __init__(self, state: Any) -> None:
                self.state = state

            def getStateToCopy(self) -> Any:
                return self.state

            def getTypeToCopy(self) -> bytes:
                return b"tests.wild.Copied"

        class Copy(client.pb.RemoteCopy):  # type: ignore[name-defined,misc]
            """Takes it."""

        client.pb.setUnjellyableForClass("tests.wild.Copied", Copy)
        for registry in (client.jelly.unjellyableRegistry, client.jelly.globalSecurity.allowedTypes):
            self.addCleanup(registry.pop, b"tests.wild.Copied")
        states = [None, 0, 0.0, False, "", b"", (), [], set(), {}, {1: "a", "b": 2, None: 3, 0.5: 4, b"c": 5}]
        pair = Pair(*kinds, root=type("Root", (server.pb.Root,), {"remote_get": lambda self, n: Copied(states[n])})())
        for number, state in enumerate(states):
            expected = {1: "a", "b": 2, None: 3, 0.5: 4, "c": 5} if state else {}
            self.assertEqual(expected, vars(pair.value("get", number)))

    @each((OURS, TWISTED))
    def test_error_tracker(self, kind: str) -> None:
        """A log observer that reports errors elsewhere, as Sentry's do, finds the frames of a method that failed."""
        seen: list[Any] = []

        def observer(event: Any) -> None:
            if event["isError"] and "failure" in event:
                fail = event["failure"]
                tb, names = fail.getTracebackObject(), []
                while tb is not None:
                    names.append(tb.tb_frame.f_code.co_name)
                    tb = tb.tb_next
                seen.append((fail.type, names[-1], fail.frames[-1][0], fail.value.__traceback__ is not None))

        class Root(load(kind).pb.Root):  # type: ignore[name-defined,misc]
            """Fails, at once and later."""

            def remote_fail(self) -> None:
                raise ValueError("at once")

            def remote_later(self) -> Any:
                try:
                    raise ValueError("later")
                except ValueError:
                    return defer.fail(Failure())

        log.addObserver(observer)
        self.addCleanup(log.removeObserver, observer)
        pair = Pair(kind, kind, root=Root())
        for name in ("fail", "later"):
            pair.call(name)
        expected = [(ValueError, name, name, True) for name in ("remote_fail", "remote_later")]
        self.assertEqual(expected, seen)
        self.assertEqual(2, len(self.flushLoggedErrors(ValueError)))

    @each((OURS, TWISTED))
    def test_write_replaced(self, kind: str) -> Any:
        """Who counts what is said by a ``write`` of their own, put on the transport as soon as there is a reference, sees
        all that is said from then on."""
        spread, written = load(kind), []

        async def run() -> None:
            root = type("Root", (spread.pb.Root,), {"remote_echo": lambda self, *values: values})()
            port = reactor.listenTCP(0, spread.pb.PBServerFactory(root), interface="127.0.0.1")
            self.addCleanup(port.stopListening)
            factory = spread.pb.PBClientFactory()
            reactor.connectTCP("127.0.0.1", port.getHost().port, factory)
            reference = await factory.getRootObject()
            transport = reference.broker.transport
            write = transport.write

            def counted(data: bytes) -> None:
                written.append(data)
                write(data)

            transport.write = counted
            gone: defer.Deferred[None] = defer.Deferred()
            reference.notifyOnDisconnect(lambda ref: gone.callback(None))
            for number in range(3):
                self.assertEqual((number,), await reference.callRemote("echo", number))
            self.assertEqual(3, b"".join(written).count(b"echo"))
            factory.disconnect()
            await gone

        return defer.ensureDeferred(run())

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
            # Each side may have found out before it hears that the other has.
            self.assertIn(written.text.count("does not read its answers"), (1, 2))

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
