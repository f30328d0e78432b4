"""The seams: what users of twisted.spread subclass, override, patch and assign, used here as they do.

Most tests run with ours on either side, and with twisted.spread on both, which shows that users rely on it today.  The
classes are in the order of the table of seams in the design.
"""

from __future__ import annotations

import copy
import datetime
import weakref
from typing import Any

from twisted.application.internet import ClientService
from twisted.cred.checkers import AllowAnonymousAccess, InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import Anonymous, UsernamePassword
from twisted.cred.portal import IRealm, Portal
from twisted.internet import defer, endpoints, protocol, reactor, task
from twisted.python import log
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import Interface, implementer

from tests.compat.rawpeer import RawPeer, text
from tests.pairs import PAIRS, Link, Pair, collected, kind_of
from tests.processes import python
from tests.vectors.rows import Rows, each
from tests.vectors.spreads import OURS, TWISTED, Spread, load

#: Ours, and the original for proof.
SIDES = (OURS, TWISTED)


def echo(spread: Spread, **members: Any) -> Any:
    """A root that gives back what it is given."""
    return type("Echo", (spread.pb.Root,), {"remote_echo": lambda self, it=None: it, **members})()


class AssignedTests(Rows, SynchronousTestCase):
    """Globals and limits that are assigned while connections are open."""

    @each(PAIRS)
    def test_size_limit_raised(self, pair: tuple[str, str]) -> None:
        """An open connection carries longer strings and lists as soon as `banana.SIZE_LIMIT` is assigned."""
        both = Pair(*pair, echo(load(pair[0])))
        big, many = b"x" * 700_000, [1] * 2_000
        for value, limit, higher in ((big, 655_360, 1_000_000), (many, 1_000, 10_000)):
            for spread in (both.server_spread, both.client_spread):
                self.patch(spread.banana, "SIZE_LIMIT", limit)
            with self.assertRaises(both.client_spread.banana.BananaError):
                both.root.callRemote("echo", value)
            for spread in (both.server_spread, both.client_spread):
                self.patch(spread.banana, "SIZE_LIMIT", higher)
            self.assertEqual(value, both.value("echo", value))

    @each(SIDES)
    def test_size_limit_lowered(self, side: str) -> None:
        """An open connection refuses to send what is longer than the `banana.SIZE_LIMIT` of now."""
        both = Pair(side, side, echo(load(side)))
        self.assertEqual(b"x" * 50, both.value("echo", b"x" * 50))
        self.patch(load(side).banana, "SIZE_LIMIT", 40)
        with self.assertRaises(load(side).banana.BananaError):
            both.root.callRemote("echo", b"x" * 50)
        self.assertEqual(b"x" * 40, both.value("echo", b"x" * 40))

    @each(((OURS, TWISTED), (TWISTED, OURS)))
    def test_size_limit_received(self, pair: tuple[str, str]) -> None:
        """An open connection is dropped when the peer sends what is longer than the `banana.SIZE_LIMIT` of now."""
        both = Pair(*pair, echo(load(pair[0])))
        self.assertTrue(both.alive)
        self.patch(both.server_spread.banana, "SIZE_LIMIT", 40)
        found = both.call("echo", b"x" * 50)
        self.assertEqual("twisted.spread.pb.PBConnectionLost", kind_of(found))
        self.assertFalse(both.alive)
        self.flushLoggedErrors()

    @each(PAIRS)
    def test_max_broker_refs_raised(self, pair: tuple[str, str]) -> None:
        """An open connection holds more references as soon as `pb.MAX_BROKER_REFS` is assigned."""
        spread = load(pair[0])
        both = Pair(*pair, echo(spread, remote_some=lambda self, n: [spread.pb.Referenceable() for _ in range(n)]))
        self.assertIsInstance(Pair(*pair, both.serving.root).call("some", 1100), Failure)
        self.patch(spread.pb, "MAX_BROKER_REFS", 3000)
        self.assertEqual(1100, len(both.value("some", 1100)))
        self.flushLoggedErrors()

    @each(PAIRS)
    def test_max_broker_refs_lowered(self, pair: tuple[str, str]) -> None:
        """An open connection refuses references beyond the `pb.MAX_BROKER_REFS` of now, and ends at the fourth time."""
        spread = load(pair[0])
        both = Pair(*pair, echo(spread, remote_new=lambda self: spread.pb.Referenceable()))
        held = [both.value("new") for _ in range(4)]
        self.patch(spread.pb, "MAX_BROKER_REFS", 4)
        for _ in range(3):
            found = both.call("new")
            self.assertEqual("twisted.spread.pb.Error", kind_of(found))
            self.assertIn("Maximum PB reference count exceeded", found.getErrorMessage())
        self.assertTrue(both.alive)
        both.call("new")
        self.assertFalse(both.alive)
        self.assertEqual(4, len(held))

    @each(PAIRS)
    def test_max_broker_refs_of_caches(self, pair: tuple[str, str]) -> None:
        """`pb.MAX_BROKER_REFS` bounds what the peer has cached, too."""
        server, client = load(pair[0]), load(pair[1])
        cacheable = type("Cacheable", (server.pb.Cacheable,), {"getTypeToCopy": lambda self: b"seams.Cached"})
        client.pb.setUnjellyableForClass("seams.Cached", type("Cached", (client.pb.RemoteCache,), {}))
        both = Pair(*pair, echo(server, remote_new=lambda self: cacheable()))
        self.patch(server.pb, "MAX_BROKER_REFS", 1)
        held = [both.value("new"), both.value("new")]
        self.assertIn("Maximum PB cache count exceeded", both.call("new").getErrorMessage())
        self.assertEqual(2, len(held))

    @each(PAIRS)
    def test_prefix_limit_of_a_broker(self, pair: tuple[str, str]) -> None:
        """`broker.setPrefixLimit` makes room for larger integers on an open connection."""
        both = Pair(*pair, echo(load(pair[0])))
        big = 2**600
        with self.assertRaises(both.client_spread.banana.BananaError):
            both.root.callRemote("echo", big)
        both.server.setPrefixLimit(100)
        both.client.setPrefixLimit(100)
        self.assertEqual(big, both.value("echo", big))
        self.assertEqual(-big, both.value("echo", -big))

    @each(PAIRS)
    def test_prefix_limit_of_the_module(self, pair: tuple[str, str]) -> None:
        """`banana.setPrefixLimit` is in force for connections that are made after it, and for no others."""
        before = Pair(*pair, echo(load(pair[0])))
        for spread in (before.server_spread, before.client_spread):
            self.addCleanup(spread.banana.setPrefixLimit, spread.banana._PREFIX_LIMIT)
            spread.banana.setPrefixLimit(100)
        with self.assertRaises(before.client_spread.banana.BananaError):
            before.root.callRemote("echo", 2**600)
        self.assertEqual(2**600, Pair(*pair, echo(load(pair[0]))).value("echo", 2**600))

    @each(SIDES)
    def test_prefix_limit_in_functions(self, side: str) -> None:
        """`banana.encode` and `banana.decode` have the limit of the module."""
        banana = load(side).banana
        self.assertEqual(2**440, banana.decode(banana.encode(2**440)))
        self.assertRaises(banana.BananaError, banana.encode, 2**600)


class BrokerTests(Rows, SynchronousTestCase):
    """Subclasses of Broker, and of the factories that make it."""

    @each(PAIRS)
    def test_connection_hooks(self, pair: tuple[str, str]) -> None:
        """`connectionMade`, `connectionReady` and `connectionLost` are overridden and upcalled, and come in the order
        that they always had, with what else is told of a connection."""
        for end in (0, 1):
            events: list[str] = []
            spread = load(pair[end])

            def said(name: str, method: Any, events: list[str] = events) -> Any:
                def hook(self: Any, *args: Any) -> None:
                    events.append(name)
                    method(self, *args)
                    events.append(f"{name} done")

                return hook

            broker = spread.pb.Broker
            hooks = {
                name: said(name, getattr(broker, name)) for name in ("connectionMade", "connectionReady", "connectionLost")
            }
            cls = type("Broker", (broker,), hooks)
            factories = [
                load(pair[0]).pb.PBServerFactory(echo(load(pair[0]))),
                load(pair[1]).pb.PBClientFactory(),
            ]
            factories[end].protocol = cls
            made = factories[end].clientConnectionMade

            def factory_told(broker: Any, events: list[str] = events, made: Any = made) -> None:
                events.append("factory")
                made(broker)

            factories[end].clientConnectionMade = factory_told
            both = Pair(*pair, serving=factories[0], connecting=factories[1])
            ours = (both.server, both.client)[end]
            self.assertIsInstance(ours, cls)
            ours.notifyOnConnect(lambda events=events: events.append("told of the connection"))
            ours.notifyOnDisconnect(lambda events=events: events.append("told of the end"))
            both.cut()
            self.assertEqual(
                [
                    "connectionMade", "connectionMade done", "connectionReady", "factory", "connectionReady done",
                    "told of the connection", "connectionLost", "told of the end", "connectionLost done",
                ],
                events,
            )  # fmt: skip

    @each(PAIRS)
    def test_order_at_the_end(self, pair: tuple[str, str]) -> None:
        """When the connection goes, calls in flight fail first, then owners of cached objects are told, then whoever
        asked to be told; `disconnected` is true by then."""
        events: list[Any] = []
        server, client = load(pair[0]), load(pair[1])

        class Kept(server.pb.Cacheable):  # type: ignore[misc]
            """A cached object."""

            def getTypeToCopy(self) -> bytes:
                """What it is called."""
                return b"seams.Kept"

            def stoppedObserving(self, perspective: Any, observer: Any) -> None:
                """Nobody observes."""
                events.append(("stopped", bool(observer.broker.disconnected)))

        client.pb.setUnjellyableForClass("seams.Kept", type("Kept", (client.pb.RemoteCache,), {}))
        kept = Kept()

        class Root(server.pb.Root):  # type: ignore[misc]
            """Calls its caller."""

            def remote_begin(self, other: Any) -> Any:
                """Call *other*, which does not answer."""
                other.callRemote("wait").addErrback(lambda reason: events.append(("call", kind_of(reason))))
                other.notifyOnDisconnect(lambda ref: events.append(("reference", ref is other)))
                self.other = other
                return kept

        waits = type("Waits", (client.pb.Referenceable,), {"remote_wait": lambda self: defer.Deferred()})()
        both = Pair(*pair, Root())
        both.server.notifyOnDisconnect(lambda: events.append("broker"))
        held = both.value("begin", waits)
        both.cut()
        self.assertEqual(
            [("call", "twisted.spread.pb.PBConnectionLost"), ("stopped", True), "broker", ("reference", True)], events
        )
        del held

    @each(PAIRS)
    def test_got_item(self, pair: tuple[str, str]) -> None:
        """`gotItem` sees each element before its list, and what it hands on takes the element's place."""
        seen: list[Any] = []
        received: list[Any] = []

        class Receiver(load(pair[1]).banana.Banana):  # type: ignore[misc]
            """Looks at elements."""

            def gotItem(self, item: Any) -> None:
                """Look."""
                seen.append(item)
                super().gotItem(item + 1 if type(item) is int else item)

            def expressionReceived(self, lst: Any) -> None:
                """Keep it."""
                received.append(lst)

        sender, receiver = load(pair[0]).banana.Banana(0), Receiver(1)
        link = Link(sender, receiver)
        link.flush()
        seen.clear()
        sender.sendEncoded([1, [2, []], b"list"])
        sender.sendEncoded(5)
        link.flush()
        self.assertEqual([1, 2, [], [3, []], b"list", [2, [3, []], b"list"], 5], seen)
        self.assertEqual([[2, [3, []], b"list"], 6], received)

    @each(PAIRS)
    def test_got_item_of_one(self, pair: tuple[str, str]) -> None:
        """So does one that is put on one receiver alone, instead of the class's."""
        seen: list[Any] = []
        sender, receiver = load(pair[0]).banana.Banana(0), load(pair[1]).banana.Banana(1)
        link = Link(sender, receiver)
        link.flush()
        receiver.gotItem = seen.append
        sender.sendEncoded([1, [b"x"]])
        link.flush()
        self.assertEqual(1, seen[0])

    @each(PAIRS)
    def test_encode(self, pair: tuple[str, str]) -> None:
        """An ``_encode`` of a subclass's, or of one sender's, is asked about each element of what is sent, and so can send
        what banana does not know."""
        banana, received = load(pair[0]).banana, []

        def encode(sender: Any, obj: Any, write: Any) -> None:
            """Text is sent as its bytes."""
            banana.Banana._encode(sender, obj.encode() if isinstance(obj, str) else obj, write)

        for own in (True, False):
            sender = type("Sender", (banana.Banana,), {} if own else {"_encode": encode})(0)
            receiver = load(pair[1]).banana.Banana(1)
            receiver.expressionReceived = received.append
            link = Link(sender, receiver)
            link.flush()
            if own:
                sender._encode = lambda obj, write, sender=sender: encode(sender, obj, write)
            sender.sendEncoded(["a", ("list", [b"b", 3, ["c"]]), -1.5])
            self.assertRaises(banana.BananaError, sender.sendEncoded, ["a", [None]])
            self.patch(banana, "SIZE_LIMIT", 5)
            self.assertRaises(banana.BananaError, sender.sendEncoded, ["a", list(range(6))])
            self.patch(banana, "SIZE_LIMIT", 655_360)
            link.flush()
        self.assertEqual([[b"a", [b"list", [b"b", 3, [b"c"]]], -1.5]] * 2, received)

    @each(PAIRS)
    def test_name_that_is_no_text(self, pair: tuple[str, str]) -> None:
        """A method's name that is neither text nor bytes is refused by `callRemote` itself; nothing is sent."""
        both = Pair(*pair)
        for name in (5, None):
            self.assertRaises(AttributeError, both.root.callRemote, name)
        self.assertTrue(both.alive)

    @each(PAIRS)
    def test_own_messages(self, pair: tuple[str, str]) -> None:
        """A subclass's ``proto_`` method takes a message of its own, in either direction."""
        heard: list[Any] = []
        factories = [load(pair[0]).pb.PBServerFactory(echo(load(pair[0]))), load(pair[1]).pb.PBClientFactory()]
        for name, factory in zip(("server", "client"), factories, strict=True):
            members = {"proto_hail": lambda self, *args, name=name: heard.append((name, *args))}
            factory.protocol = type("Broker", (factory.protocol,), members)
        both = Pair(*pair, serving=factories[0], connecting=factories[1])
        both.client.sendCall(b"hail", 1, [b"two", [], [3]])
        both.server.sendCall(b"hail")
        both.flush()
        self.assertEqual([("client",), ("server", 1, [b"two", [], [3]])], sorted(heard))
        self.assertEqual(1, both.value("echo", 1))

    @each(PAIRS, ("version", "message", "answer", "error", "decref", "cachemessage", "decache", "uncache"))
    def test_stock_messages(self, pair: tuple[str, str], name: str) -> None:
        """Every stock ``proto_`` method may be overridden, and upcalled, at either end."""
        heard: list[str] = []
        server, client = load(pair[0]), load(pair[1])
        factories = [server.pb.PBServerFactory(conversation_root(server, client)), client.pb.PBClientFactory()]
        for factory in factories:
            stock = getattr(factory.protocol, f"proto_{name}")

            def method(self: Any, *args: Any, stock: Any = stock) -> None:
                heard.append(name)
                stock(self, *args)

            factory.protocol = type("Broker", (factory.protocol,), {f"proto_{name}": method})
        both = Pair(*pair, serving=factories[0], connecting=factories[1])
        have_conversation(self, both)
        self.assertIn(name, heard)

    @each(PAIRS)
    def test_a_message_that_nobody_knows(self, pair: tuple[str, str]) -> None:
        """``proto_didNotUnderstand`` is told of a message that the peer does not know, where the peer lives to say so."""
        heard: list[Any] = []
        connecting = load(pair[1]).pb.PBClientFactory()
        connecting.protocol = type(
            "Broker", (connecting.protocol,), {"proto_didNotUnderstand": lambda self, name: heard.append(name)}
        )
        both = Pair(*pair, echo(load(pair[0])), connecting=connecting)
        both.client.sendCall(b"strange")
        both.flush()
        # twisted.spread sends its complaint as text, which its own banana refuses.
        self.assertEqual([b"strange"] if pair[0] == OURS else [], heard)
        self.assertEqual(pair[0] == OURS, both.alive)
        self.flushLoggedErrors()

    @each(PAIRS)
    def test_brokers_of_subclassed_factories(self, pair: tuple[str, str]) -> None:
        """Subclasses name their broker with ``protocol``, and override `buildProtocol` with an upcall."""
        made: list[Any] = []

        def factory_of(base: Any) -> Any:
            class Factory(base):  # type: ignore[misc]
                """Counts."""

                protocol = type("Mine", (base.protocol,), {})

                def buildProtocol(self, address: Any) -> Any:
                    """Count one more."""
                    built = super().buildProtocol(address)
                    made.append(type(built))
                    return built

            return Factory

        both = Pair(
            *pair,
            serving=factory_of(load(pair[0]).pb.PBServerFactory)(echo(load(pair[0]))),
            connecting=factory_of(load(pair[1]).pb.PBClientFactory)(),
        )
        self.assertEqual("both", both.value("echo", "both"))
        self.assertEqual([both.serving.protocol, both.connecting.protocol], made)
        self.assertIs(both.serving, both.server.factory)

    @each(SIDES)
    def test_cooperative_constructors(self, side: str) -> None:
        """A class that is mixed in before a factory or broker hands on to it with ``super().__init__``."""
        pb = load(side).pb

        class Named:
            """Has a name."""

            def __init__(self, name: str, *args: Any, **kw: Any) -> None:
                super().__init__(*args, **kw)
                self.name = name

        class Serving(Named, pb.PBServerFactory):  # type: ignore[misc]
            """A factory with a name."""

        class Connecting(Named, pb.PBClientFactory):  # type: ignore[misc]
            """A factory with a name."""

        class Mine(Named, pb.Broker):  # type: ignore[misc]
            """A broker with a name."""

            def __init__(self, isClient: Any = 1, security: Any = None) -> None:
                super().__init__("broker", isClient, security)

        security = pb.globalSecurity
        serving = Serving("server", echo(load(side)), True, security=security)
        connecting = Connecting("client", unsafeTracebacks=True, security=security)
        serving.protocol = connecting.protocol = Mine
        both = Pair(side, side, serving=serving, connecting=connecting)
        self.assertEqual(1, both.value("echo", 1))
        self.assertEqual(
            ("server", "client", "broker", True, True, security),
            (
                serving.name,
                connecting.name,
                both.client.name,
                serving.unsafeTracebacks,
                connecting.unsafeTracebacks,
                both.server.security,
            ),
        )

    @each(SIDES)
    def test_bases(self, side: str) -> None:
        """The classes have the bases that programs test for and mix with."""
        from twisted.persisted import styles
        from twisted.spread.interfaces import IJellyable as theirs

        spread = load(side)
        pb, flavors, jelly, banana = spread.pb, spread.flavors, spread.jelly, spread.banana
        for cls, bases in {
            pb.Broker: (banana.Banana, protocol.Protocol, styles.Ephemeral),
            pb.PBClientFactory: (protocol.ClientFactory,),
            pb.PBServerFactory: (protocol.ServerFactory,),
            pb.Referenceable: (flavors.Serializable, jelly.Jellyable),
            pb.Root: (pb.Referenceable,),
            pb.RemoteReference: (flavors.Serializable, styles.Ephemeral),
            pb.Cacheable: (pb.Copyable, flavors.Serializable),
            pb.RemoteCache: (pb.RemoteCopy, flavors.Serializable, jelly.Unjellyable),
            pb.CopyableFailure: (Failure, pb.Copyable),
            pb.CopiedFailure: (pb.RemoteCopy, Failure),
            pb.AsReferenceable: (pb.Referenceable,),
            pb.ViewPoint: (pb.Referenceable,),
        }.items():
            for base in bases:
                self.assertTrue(issubclass(cls, base), (cls, base))
        wanted = theirs if side == TWISTED else load(OURS).interfaces.IJellyable
        self.assertTrue(wanted.implementedBy(pb.Copyable))


def conversation_root(server: Spread, client: Spread) -> Any:
    """A root whose conversation has every stock message in it."""

    class Shown(server.pb.Cacheable):  # type: ignore[misc]
        """A cached object."""

        observer: Any = None

        def getTypeToCopy(self) -> bytes:
            """What it is called."""
            return b"seams.Shown"

        def getStateToCacheAndObserveFor(self, perspective: Any, observer: Any) -> Any:
            """Nothing."""
            self.observer = observer
            return {}

        def stoppedObserving(self, perspective: Any, observer: Any) -> None:
            """Nobody observes."""
            self.observer = None

    class Root(server.pb.Root):  # type: ignore[misc]
        """Has them all."""

        def __init__(self) -> None:
            self.shown = Shown()

        def remote_new(self) -> Any:
            """An object."""
            return server.pb.Referenceable()

        def remote_shown(self) -> Any:
            """A cached object."""
            return self.shown

        def remote_change(self) -> Any:
            """Tell who observes."""
            return self.shown.observer.callRemote("changed", 5)

        def remote_fail(self) -> None:
            """An error."""
            raise server.pb.Error("expected")

    class Seen(client.pb.RemoteCache):  # type: ignore[misc]
        """What stands for it."""

        def observe_changed(self, number: int) -> int:
            """One more."""
            self.number = number
            return number + 1

    client.pb.setUnjellyableForClass("seams.Shown", Seen)
    return Root()


def have_conversation(case: Any, both: Pair) -> None:
    """All of it, with what must come of it."""
    held = both.value("new")
    seen = both.value("shown")
    case.assertEqual(6, both.value("change"))
    case.assertEqual(5, seen.number)
    case.assertEqual("expected", both.call("fail").getErrorMessage())
    del held, seen
    collected()
    both.flush()
    case.assertEqual([b"root"], list(both.server.localObjects))
    case.assertEqual({}, both.server.remotelyCachedObjects)
    case.assertEqual({}, both.client.locallyCachedObjects)
    case.assertTrue(both.alive)


class DispatchTests(Rows, SynchronousTestCase):
    """The way of a call through methods that users override."""

    @each(PAIRS)
    def test_remote_message_received_replaced(self, pair: tuple[str, str]) -> None:
        """An object that answers every message itself, with `broker.serialize` and `unserialize`; names are text."""

        def received(self: Any, broker: Any, message: Any, args: Any, kw: Any) -> Any:
            args, kw = broker.unserialize(args), broker.unserialize(kw)
            return broker.serialize([message, args, kw])

        root = type("Any", (load(pair[0]).pb.Root,), {"remoteMessageReceived": received})()
        both = Pair(*pair, root)
        self.assertEqual(["whatever", (1, [2]), {"k": "v"}], both.value("whatever", 1, [2], k="v"))

    @each(PAIRS)
    def test_remote_message_received_upcalled(self, pair: tuple[str, str]) -> None:
        """A method that looks at the message, and hands on what it was given."""
        seen: list[Any] = []
        base = load(pair[0]).pb.Root

        class Root(base):  # type: ignore[misc]
            """Looks first."""

            def remoteMessageReceived(self, broker: Any, message: Any, args: Any, kw: Any) -> Any:
                """Look."""
                seen.append((message, broker is both.server, broker.unserialize(args)))
                return base.remoteMessageReceived(self, broker, message, args, kw)

            def remote_double(self, number: int) -> int:
                """Twice."""
                return number * 2

        both = Pair(*pair, Root())
        self.assertEqual(8, both.value("double", 4))
        self.assertEqual([("double", True, (4,))], seen)

    @each(PAIRS)
    def test_remote_message_received_later(self, pair: tuple[str, str]) -> None:
        """A method that returns a Deferred of the upcall's result; the answer goes when it fires."""
        base = load(pair[0]).pb.Root
        gate: defer.Deferred[Any] = defer.Deferred()

        class Root(base):  # type: ignore[misc]
            """Waits."""

            def remoteMessageReceived(self, broker: Any, message: Any, args: Any, kw: Any) -> Any:
                """Wait."""
                return gate.addCallback(lambda _: super(Root, self).remoteMessageReceived(broker, message, args, kw))

            def remote_double(self, number: int) -> int:
                """Twice."""
                return number * 2

        both = Pair(*pair, Root())
        call = both.root.callRemote("double", 4)
        both.flush()
        self.assertNoResult(call)
        gate.callback(None)
        both.flush()
        self.assertEqual(8, self.successResultOf(call))

    @each(PAIRS)
    def test_remote_message_received_fails(self, pair: tuple[str, str]) -> None:
        """What it raises, or its Deferred fails with, is the caller's error."""
        pb = load(pair[0]).pb

        def received(self: Any, broker: Any, message: Any, args: Any, kw: Any) -> Any:
            if message == "now":
                raise pb.Error("not now")
            return defer.fail(pb.Error("not later"))

        both = Pair(*pair, type("Any", (pb.Root,), {"remoteMessageReceived": received})())
        for name in ("now", "later"):
            found = both.call(name)
            self.assertEqual(("twisted.spread.pb.Error", f"not {name}"), (kind_of(found), found.getErrorMessage()))

    @each(PAIRS)
    def test_serialize_a_deferred(self, pair: tuple[str, str]) -> None:
        """`broker.serialize` of a Deferred is that Deferred, of the expression."""
        both = Pair(*pair)
        for broker in (both.server, both.client):
            waiting: defer.Deferred[Any] = defer.Deferred()
            self.assertIs(waiting, broker.serialize(waiting))
            waiting.callback("text")
            self.assertEqual([b"unicode", b"text"], self.successResultOf(waiting))
            self.failureResultOf(broker.serialize(defer.fail(KeyError("x"))), KeyError)

    @each(PAIRS)
    def test_by_hand(self, pair: tuple[str, str]) -> None:
        """What one end serialises by hand, the other unserialises: values, and references in both directions."""
        both = Pair(*pair)
        pb = both.client_spread.pb
        mine = pb.Referenceable()
        value = [1, b"two", "three", None, {"four": (5, 6.5)}]
        value.append(value)
        again = both.server.unserialize(both.client.serialize(value))
        self.assertEqual(value[:5], again[:5])
        self.assertIs(again, again[5])
        reference = both.server.unserialize(both.client.serialize(mine))
        self.assertIsInstance(reference, both.server_spread.pb.RemoteReference)
        home = both.server.serialize(reference)
        self.assertIs(mine, both.client.unserialize(list(home)))

    @each(PAIRS)
    def test_serializing_perspective(self, pair: tuple[str, str]) -> None:
        """State hooks see for whom and for what they are asked: `serializingPerspective`, `jellyMethod` and the like."""
        seen: list[Any] = []
        server, client = load(pair[0]), load(pair[1])

        class Sent(server.pb.Copyable):  # type: ignore[misc]
            """A copy."""

            def getTypeToCopyFor(self, perspective: Any) -> bytes:
                """What it is called."""
                return b"seams.For." + perspective

            def getStateToCopyFor(self, perspective: Any) -> Any:
                """Whom it is for."""
                broker = both.server
                seen.append((broker.serializingPerspective, broker.jellyMethod, broker.jellyArgs, broker.jellyKw))
                return {"name": perspective}

        class Root(server.pb.Root):  # type: ignore[misc]
            """Does it by hand."""

            def remoteMessageReceived(self, broker: Any, message: Any, args: Any, kw: Any) -> Any:
                """A copy."""
                return broker.serialize(Sent(), b"Ann", "method", "args", "kw")

        client.pb.setUnjellyableForClass("seams.For.Ann", type("Got", (client.pb.RemoteCopy,), {}))
        both = Pair(*pair, Root())
        self.assertEqual(b"Ann", both.value("anything").name)
        self.assertEqual([(b"Ann", "method", "args", "kw")], seen)
        self.assertEqual((None, None), (both.server.serializingPerspective, both.server.jellyMethod))

    @each(PAIRS)
    def test_unserializing_perspective(self, pair: tuple[str, str]) -> None:
        """References that arrive are for the perspective that `unserialize` was given."""
        both = Pair(*pair)
        sexp = both.client.serialize(both.client_spread.pb.Referenceable())
        perspective = object()
        self.assertIs(perspective, both.server.unserialize(sexp, perspective).perspective)
        self.assertIsNone(both.server.unserializingPerspective)

    @each(PAIRS, ("replaced", "upcalled", "later"))
    def test_perspective_message_received(self, pair: tuple[str, str], how: str) -> None:
        """An avatar's `perspectiveMessageReceived` is replaced, upcalled, or returns a Deferred."""
        base = load(pair[0]).pb.Avatar
        seen: list[Any] = []

        class Mine(base):  # type: ignore[misc]
            """An avatar."""

            def perspectiveMessageReceived(self, broker: Any, message: Any, args: Any, kw: Any) -> Any:
                """Look, then go on."""
                seen.append(message)
                if how == "replaced":
                    return broker.serialize(sum(broker.unserialize(args, self)), self)
                if how == "upcalled":
                    return base.perspectiveMessageReceived(self, broker, message, args, kw)
                return defer.succeed(None).addCallback(
                    lambda _: base.perspectiveMessageReceived(self, broker, message, args, kw)
                )

            def perspective_add(self, one: int, other: int) -> int:
                """The sum."""
                return one + other

        pb = load(pair[0]).pb
        both = Pair(*pair, echo(load(pair[0]), remote_avatar=lambda self: pb.AsReferenceable(Mine(), "perspective")))
        avatar = both.value("avatar")
        self.assertEqual(5, both.outcome(avatar.callRemote("add", 2, 3)))
        self.assertEqual(["add"], seen)

    @each(PAIRS)
    def test_perspective_of_any_class(self, pair: tuple[str, str]) -> None:
        """Whatever provides `IPerspective` can be an avatar; it need not be a `pb.Avatar`."""
        pb = load(pair[0]).pb

        @implementer(pb.IPerspective)
        class Bare:
            """No Avatar."""

            def perspectiveMessageReceived(self, broker: Any, message: Any, args: Any, kw: Any) -> Any:
                """Tell what came."""
                return broker.serialize([message, broker.unserialize(args)])

        both = Pair(*pair, echo(load(pair[0]), remote_avatar=lambda self: pb.AsReferenceable(Bare(), "perspective")))
        avatar = both.value("avatar")
        self.assertEqual(["any", (1,)], both.outcome(avatar.callRemote("any", 1)))

    @each(PAIRS)
    def test_view_message_received(self, pair: tuple[str, str]) -> None:
        """A `ViewPoint`'s `remoteMessageReceived` is overridden and upcalled; what it sees is for the perspective."""
        pb = load(pair[0]).pb
        seen: list[Any] = []

        class Point(pb.ViewPoint):  # type: ignore[misc]
            """Looks first."""

            def remoteMessageReceived(self, broker: Any, message: Any, args: Any, kw: Any) -> Any:
                """Look."""
                seen.append((message, self.perspective))
                return pb.ViewPoint.remoteMessageReceived(self, broker, message, args, kw)

        thing = type("Thing", (pb.Viewable,), {"view_who": lambda self, perspective, n: [perspective, n]})()
        both = Pair(*pair, echo(load(pair[0]), remote_point=lambda self: Point("Ann", thing)))
        point = both.value("point")
        self.assertEqual(["Ann", 3], both.outcome(point.callRemote("who", 3)))
        self.assertEqual([("who", "Ann")], seen)

    @each(PAIRS)
    def test_observe_message_received(self, pair: tuple[str, str]) -> None:
        """A `RemoteCache`'s `remoteMessageReceived` is overridden and upcalled."""
        server, client = load(pair[0]), load(pair[1])
        root = conversation_root(server, client)
        seen: list[Any] = []

        class Seen(client.pb.RemoteCache):  # type: ignore[misc]
            """Looks first."""

            def remoteMessageReceived(self, broker: Any, message: Any, args: Any, kw: Any) -> Any:
                """Look."""
                seen.append(message)
                return client.pb.RemoteCache.remoteMessageReceived(self, broker, message, args, kw)

            def observe_changed(self, number: int) -> int:
                """One more."""
                self.number = number
                return number + 1

        client.pb.setUnjellyableForClass("seams.Shown", Seen)
        both = Pair(*pair, root)
        held = both.value("shown")
        self.assertEqual((6, 5, ["changed"]), (both.value("change"), held.number, seen))

    @each(PAIRS)
    def test_broker_methods_overridden(self, pair: tuple[str, str]) -> None:
        """A Broker's own `serialize`, `unserialize`, `registerReference` and `localObjectForID` are asked."""
        seen: set[str] = set()
        names = ("serialize", "unserialize", "registerReference", "localObjectForID", "newRequestID", "newLocalID")
        kept: list[Any] = []
        # Kept, because twisted.spread's server lets go of a reference before it has answered with it.
        root = echo(load(pair[0]), remote_echo=lambda self, it: kept.append(it) or it)
        factories = [load(pair[0]).pb.PBServerFactory(root), load(pair[1]).pb.PBClientFactory()]
        for end, factory in enumerate(factories):
            base = factory.protocol

            def noting(name: str, base: Any = base, end: int = end) -> Any:
                def method(self: Any, *args: Any, **kw: Any) -> Any:
                    seen.add(f"{end} {name}")
                    return getattr(base, name)(self, *args, **kw)

                return method

            factory.protocol = type("Broker", (base,), {name: noting(name) for name in names})
        both = Pair(*pair, serving=factories[0], connecting=factories[1])
        mine = both.client_spread.pb.Referenceable()
        self.assertIs(mine, both.value("echo", [mine])[0])
        self.assertEqual(
            {
                "0 serialize", "0 unserialize", "0 localObjectForID", "1 serialize", "1 unserialize",
                "1 registerReference", "1 localObjectForID", "1 newRequestID", "1 newLocalID",
            },
            seen,
        )  # fmt: skip

    @each(SIDES)
    def test_serialize_patched(self, side: str) -> None:
        """`serialize` replaced on one broker is asked for arguments, results and errors."""
        both = Pair(side, side, echo(load(side)))
        seen: list[Any] = []

        def note(broker: Any) -> None:
            stock = broker.serialize

            def serialize(object: Any, *args: Any, **kw: Any) -> Any:
                seen.append(object)
                return stock(object, *args, **kw)

            broker.serialize = serialize

        note(both.client)
        note(both.server)
        self.assertEqual("x", both.value("echo", "x"))
        self.assertEqual([("x",), {}, "x"], seen)
        both.call("missing")
        self.assertIsInstance(seen[-1], both.server_spread.pb.CopyableFailure)
        self.flushLoggedErrors()

    def test_serialize_overridden_and_failed(self) -> None:
        """What an overridden `serialize` had registered is taken back when the call cannot be sent."""
        connecting = load(OURS).pb.PBClientFactory()
        base = connecting.protocol

        class Mine(base):  # type: ignore[misc]
            """Upcalls."""

            def serialize(self, object: Any, *args: Any, **kw: Any) -> Any:
                """Upcall."""
                return base.serialize(self, object, *args, **kw)

        connecting.protocol = Mine
        both = Pair(root=echo(load(OURS)), connecting=connecting)
        mine = load(OURS).pb.Referenceable()
        with self.assertRaises(load(OURS).banana.BananaError):
            both.root.callRemote("echo", [mine, 2**600])
        noon = datetime.datetime(2024, 1, 1, 12, tzinfo=datetime.timezone.utc)
        self.failureResultOf(both.root.callRemote("echo", [mine, noon]), NotImplementedError)
        collected()
        both.flush()
        self.assertEqual(({}, {}), (both.client.localObjects, both.client.luids))


class HookTests(Rows, SynchronousTestCase):
    """What an object does for itself as it is jellied and unjellied."""

    @each(PAIRS)
    def test_jelly_for(self, pair: tuple[str, str]) -> None:
        """`jellyFor` overridden: it makes the expression by hand, with `jellier.jelly` for its parts; `unjellyFor`
        overridden: it reads that by hand, and returns whatever is to stand for it."""
        server, client = load(pair[0]), load(pair[1])

        def jelly_for(self: Any, jellier: Any) -> Any:
            sexp = jellier.prepare(self)
            sexp.extend([b"seams.Pair", jellier.jelly("one"), jellier.jelly([2]), 3])
            return jellier.preserve(self, sexp)

        def unjelly_for(self: Any, unjellier: Any, jellyList: Any) -> Any:
            return tuple(unjellier.unjelly(part) for part in jellyList[1:])

        for base in (server.pb.Jellyable, server.pb.Copyable, server.pb.Referenceable, server.flavors.Serializable):
            sent = type("Sent", (base,), {"jellyFor": jelly_for})()
            read = type("Read", (client.jelly.Unjellyable,), {"unjellyFor": unjelly_for})
            client.pb.setUnjellyableForClass("seams.Pair", read)
            both = Pair(*pair, echo(server, remote_get=lambda self, sent=sent: [sent, sent]))
            one, other = both.value("get")
            self.assertEqual(("one", [2], 3), one)
            self.assertIs(one, other)

    @each(PAIRS)
    def test_jelly_for_may_return_a_tuple(self, pair: tuple[str, str]) -> None:
        """`jellyFor` may return a tuple, and need not `prepare` and `preserve`."""
        server, client = load(pair[0]), load(pair[1])
        sent = type("Sent", (server.pb.Jellyable,), {"jellyFor": lambda self, jellier: (b"seams.Bare", 7)})()
        client.pb.setUnjellyableForClass(
            "seams.Bare",
            type("Read", (client.pb.RemoteCopy,), {"unjellyFor": lambda self, unjellier, sexp: sexp[1] + 1}),
        )
        both = Pair(*pair, echo(server, remote_get=lambda self: [sent, sent]))
        self.assertEqual([8, 8], both.value("get"))

    @each(PAIRS)
    def test_jelly_for_upcalled(self, pair: tuple[str, str]) -> None:
        """`jellyFor` and `unjellyFor` are overridden with an upcall."""
        server, client = load(pair[0]), load(pair[1])
        seen: list[str] = []

        class Sent(server.pb.Copyable):  # type: ignore[misc]
            """A copy."""

            def getTypeToCopy(self) -> bytes:
                """What it is called."""
                return b"seams.Upcalled"

            def jellyFor(self, jellier: Any) -> Any:
                """Upcall."""
                self.count = 5
                return super().jellyFor(jellier)

        class Got(client.pb.RemoteCopy):  # type: ignore[misc]
            """What stands for it."""

            def unjellyFor(self, unjellier: Any, jellyList: Any) -> Any:
                """Upcall."""
                seen.append(jellyList[0])
                made = super().unjellyFor(unjellier, jellyList)
                made.count += 1
                return made

        client.pb.setUnjellyableForClass("seams.Upcalled", Got)
        both = Pair(*pair, echo(server, remote_get=lambda self: Sent()))
        self.assertEqual(6, both.value("get").count)
        self.assertEqual([b"seams.Upcalled"], seen)

    @each(PAIRS)
    def test_register_reference(self, pair: tuple[str, str]) -> None:
        """A hook registers a reference by hand, for any object with a `processUniqueID`; it is called and let go of."""
        server = load(pair[0])

        class Bare:
            """No Referenceable."""

            def processUniqueID(self) -> Any:
                """As good as any."""
                return id(self)

            def remoteMessageReceived(self, broker: Any, message: Any, args: Any, kw: Any) -> Any:
                """Tell what came."""
                return broker.serialize(["bare", message])

        class Stands(server.pb.Jellyable):  # type: ignore[misc]
            """Is sent as another."""

            def jellyFor(self, jellier: Any) -> Any:
                """A reference on the other."""
                return b"remote", jellier.invoker.registerReference(bare)

        bare = Bare()
        both = Pair(*pair, echo(server, remote_get=lambda self: Stands()))
        got, again = both.value("get"), both.value("get")
        self.assertEqual((got, ["bare", "hey"]), (again, both.outcome(got.callRemote("hey"))))
        self.assertEqual(2, both.server.localObjects[got.luid].refcount)
        self.assertEqual(got.luid, both.server.luids[id(bare)])
        del got, again
        collected()
        both.flush()
        self.assertEqual({}, both.server.luids)

    @each(PAIRS)
    def test_prepare_and_preserve(self, pair: tuple[str, str]) -> None:
        """Between `prepare` and `preserve` an object may occur within its own expression; what is preserved is shared."""
        server, client = load(pair[0]), load(pair[1])

        class Node(server.pb.Jellyable):  # type: ignore[misc]
            """Knows itself, by way of a list."""

            def jellyFor(self, jellier: Any) -> Any:
                """By hand."""
                sexp = jellier.prepare(self)
                sexp.append(b"seams.Node")
                sexp.append(jellier.jelly({"parts": [self, self]}))
                return jellier.preserve(self, sexp)

        client.pb.setUnjellyableForClass("seams.Node", type("Got", (client.pb.RemoteCopy,), {}))
        both = Pair(*pair, echo(server, remote_get=lambda self: Node()))
        node = both.value("get")
        self.assertEqual([True, True], [part is node for part in node.parts])

    @each(SIDES)
    def test_instance_state_functions(self, side: str) -> None:
        """`getInstanceState` and `setInstanceState` do the usual for hooks that do a little more."""
        jelly = load(side).jelly

        class Thing(jelly.Jellyable, jelly.Unjellyable):  # type: ignore[misc]
            """Uses them."""

            def jellyFor(self, jellier: Any) -> Any:
                """As usual."""
                return jelly.getInstanceState(self, jellier)

            def unjellyFor(self, unjellier: Any, jellyList: Any) -> Any:
                """As usual, and a little more."""
                made = jelly.setInstanceState(self, unjellier, jellyList)
                made.more = True
                return made

        tag = f"{Thing.__module__}.{Thing.__qualname__}"
        jelly.setUnjellyableForClass(Thing, Thing)
        thing = Thing()
        thing.parts = [thing]
        sexp = jelly.jelly(thing)
        self.assertEqual([b"reference", 1], sexp[:2])
        self.assertIn(tag.rpartition(".")[2].encode(), sexp[2][0])
        flat = Thing()
        flat.number = 4
        again = jelly.unjelly(jelly.jelly(flat))
        self.assertEqual((Thing, 4, True), (type(again), again.number, again.more))

    @each(SIDES)
    def test_instance_state_of_getstate(self, side: str) -> None:
        """They ask ``__getstate__`` and ``__setstate__`` where a class has them."""
        jelly = load(side).jelly

        class Told(jelly.Jellyable, jelly.Unjellyable):  # type: ignore[misc]
            """Has both."""

            jellyFor = jelly.getInstanceState

            def unjellyFor(self, unjellier: Any, jellyList: Any) -> Any:
                """As usual."""
                return jelly.setInstanceState(self, unjellier, jellyList)

            def __getstate__(self) -> Any:
                return [1, "state"]

            def __setstate__(self, state: Any) -> None:
                self.told = state

        jelly.setUnjellyableForClass(Told, Told)
        self.assertEqual([1, "state"], jelly.unjelly(jelly.jelly(Told())).told)

    @each(SIDES)
    def test_without_a_connection(self, side: str) -> None:
        """Copyables and Cacheables jelly and unjelly without a broker, as ordinary instances; `invoker` is None."""
        spread = load(side)
        for base in (spread.pb.Copyable, spread.pb.Cacheable):
            cls = type("Kept", (base,), {"__module__": __name__, "getTypeToCopy": lambda self: b"not.this"})
            kept = cls()
            kept.number = 3
            sexp = spread.jelly.jelly(kept)
            self.assertEqual(f"{__name__}.Kept".encode(), sexp[0])
        got = type("Got", (spread.pb.RemoteCopy,), {})
        spread.pb.setUnjellyableForClass(f"{__name__}.Kept", got)
        self.assertEqual(3, spread.jelly.unjelly(sexp).number)

    @each(SIDES)
    def test_state_for(self, side: str) -> None:
        """`Jellyable.getStateFor(jellier)` and `Unjellyable.setStateFor(unjellier, state)` are overridden."""
        jelly = load(side).jelly

        class Both(jelly.Jellyable, jelly.Unjellyable):  # type: ignore[misc]
            """Has both."""

            def getStateFor(self, jellier: Any) -> Any:
                """What is asked for it."""
                return ["asked", jellier.invoker]

            def setStateFor(self, unjellier: Any, state: Any) -> None:
                """What comes of it."""
                self.state = (state, unjellier.invoker)

        jelly.setUnjellyableForClass(Both, Both)
        self.assertEqual((["asked", None], None), jelly.unjelly(jelly.jelly(Both())).state)

    @each(PAIRS)
    def test_post_unjelly(self, pair: tuple[str, str]) -> None:
        """`postUnjelly` is called once the whole message is there: cycles are closed and every state is set."""
        server, client = load(pair[0]), load(pair[1])
        seen: list[Any] = []

        class Got(client.pb.RemoteCopy):  # type: ignore[misc]
            """Looks around when all is there."""

            def postUnjelly(self) -> None:
                """Look around."""
                seen.append((self.name, self.friends[0].name, self.friends[0].friends[0] is self))

        client.pb.setUnjellyableForClass("seams.Friend", Got)

        def friend(name: str) -> Any:
            made = type("Friend", (server.pb.Copyable,), {"getTypeToCopy": lambda self: b"seams.Friend"})()
            made.name = name
            return made

        one, other = friend("one"), friend("other")
        one.friends, other.friends = [other], [one]
        both = Pair(*pair, echo(server, remote_get=lambda self: one))
        both.value("get")
        self.assertEqual([("one", "other", True), ("other", "one", True)], sorted(seen))

    @each(PAIRS)
    def test_post_unjelly_of_factories(self, pair: tuple[str, str]) -> None:
        """`postUnjelly` of what a factory or a function made is called, too."""
        server, client = load(pair[0]), load(pair[1])
        seen: list[Any] = []

        class Plain:
            """No RemoteCopy."""

            def __init__(self, what: Any) -> None:
                self.what = what

            def postUnjelly(self) -> None:
                """Called."""
                seen.append(self.what)

        client.pb.setUnjellyableFactoryForClass("seams.Factory", lambda state: Plain(state["by"]))
        client.pb.setUnjellyableForClass("seams.Function", lambda unjellier, sexp: Plain(unjellier.unjelly(sexp[1])["by"]))

        def sent(tag: bytes) -> Any:
            made = type("Sent", (server.pb.Copyable,), {"getTypeToCopy": lambda self: tag})()
            made.by = tag.decode()
            return made

        root = echo(server, remote_get=lambda self: [sent(b"seams.Factory"), sent(b"seams.Function")])
        got = Pair(*pair, root).value("get")
        self.assertEqual(["seams.Factory", "seams.Function"], seen)
        self.assertEqual([Plain, Plain], [type(each) for each in got])

    @each(PAIRS)
    def test_set_copyable_state(self, pair: tuple[str, str]) -> None:
        """`setCopyableState` and the four ``get…ToCopy…`` methods are overridden."""
        server, client = load(pair[0]), load(pair[1])

        class Sent(server.pb.Copyable):  # type: ignore[misc]
            """Answers for itself."""

            def getStateToCopyFor(self, perspective: Any) -> Any:
                """With an upcall."""
                return [perspective, self.getStateToCopy()]

            def getStateToCopy(self) -> Any:
                """No dictionary."""
                return "state"

            def getTypeToCopyFor(self, perspective: Any) -> bytes:
                """With an upcall."""
                return self.getTypeToCopy() + b".For"

            def getTypeToCopy(self) -> bytes:
                """The first half."""
                return b"seams.Answers"

        def set_state(self: Any, state: Any) -> None:
            self.got = state

        got = type("Got", (client.pb.RemoteCopy,), {"setCopyableState": set_state})
        client.pb.setUnjellyableForClass("seams.Answers.For", got)
        both = Pair(*pair, echo(server, remote_get=lambda self: Sent()))
        self.assertEqual([None, "state"], both.value("get").got)

    @each(SIDES)
    def test_persistent_store(self, side: str) -> None:
        """`jelly` asks a persistent store for every plain instance, `unjelly` a persistent load."""
        jelly = load(side).jelly
        kept: dict[bytes, Any] = {}

        class Plain:
            """A plain instance."""

        def store(obj: Any, jellier: Any) -> Any:
            if not isinstance(obj, Plain):
                return None
            kept[b"1"] = obj
            return b"1"

        plain = Plain()
        sexp = jelly.jelly([plain], persistentStore=store)
        self.assertEqual([b"list", [b"persistent", b"1"]], sexp)
        self.assertIs(plain, jelly.unjelly(sexp, persistentLoad=lambda key, unjellier: kept[key])[0])

    @each(PAIRS)
    def test_process_unique_id(self, pair: tuple[str, str]) -> None:
        """`processUniqueID` overridden: objects that stand for the same thing are one reference."""
        server = load(pair[0])
        proxy = type("Proxy", (server.pb.Referenceable,), {"processUniqueID": lambda self: ("thing", 7)})
        both = Pair(*pair, echo(server, remote_get=lambda self: [proxy(), proxy()]))
        one, other = both.value("get")
        self.assertEqual(one, other)
        self.assertEqual({("thing", 7): one.luid}, both.server.luids)


class SecurityTests(Rows, SynchronousTestCase):
    """Security options that are copied, patched, replaced and changed."""

    def served(self, pair: tuple[str, str], security: Any) -> Pair:
        """A server with that security, whose root tells what it got."""
        server = load(pair[0])
        root = echo(server, remote_kind=lambda self, it: type(it).__name__)
        return Pair(*pair, serving=server.pb.PBServerFactory(root, security=security))

    @each(PAIRS)
    def test_copied(self, pair: tuple[str, str]) -> None:
        """A deep copy of the options of the process can be narrowed for one factory, and leaves them as they are."""
        pb = load(pair[0]).pb
        options = copy.deepcopy(pb.globalSecurity)
        del options.allowedTypes[b"unicode"]
        both = self.served(pair, options)
        self.assertEqual("bytes", both.value("kind", b"x"))
        self.assertEqual("twisted.spread.jelly.InsecureJelly", kind_of(both.call("kind", "x")))
        self.assertIn(b"unicode", pb.globalSecurity.allowedTypes)
        self.flushLoggedErrors()

    @each(PAIRS)
    def test_changed_later(self, pair: tuple[str, str]) -> None:
        """What is allowed, or put into `allowedTypes`, and taken out again counts at once for open connections."""
        options = copy.deepcopy(load(pair[0]).pb.globalSecurity)
        both = self.served(pair, options)
        self.assertEqual("set", both.value("kind", {1}))
        del options.allowedTypes[b"set"]
        self.assertIsInstance(both.call("kind", {1}), Failure)
        options.allowTypes("set")
        self.assertEqual("set", both.value("kind", {1}))
        options.allowedTypes.pop(b"set")
        options.allowedTypes[b"set"] = 1
        self.assertEqual("set", both.value("kind", {1}))
        self.flushLoggedErrors()

    @each(PAIRS)
    def test_type_check_replaced(self, pair: tuple[str, str]) -> None:
        """`isTypeAllowed` replaced on the instance is asked about every tag, each time."""
        options = copy.copy(load(pair[0]).pb.globalSecurity)
        asked: list[bytes] = []
        refused = {b"set"}

        def allowed(name: Any) -> bool:
            asked.append(name)
            return name not in refused

        options.isTypeAllowed = allowed
        both = self.served(pair, options)
        self.assertIsInstance(both.call("kind", {1}), Failure)
        refused.clear()
        asked.clear()
        self.assertEqual("set", both.value("kind", {1}))
        for name in (b"tuple", b"set", b"dictionary"):
            self.assertIn(name, asked)
        self.flushLoggedErrors()

    @each(PAIRS)
    def test_class_and_module_checks_replaced(self, pair: tuple[str, str]) -> None:
        """`isClassAllowed` and `isModuleAllowed` replaced on the instances of both sides decide on plain instances."""
        asked: set[str] = set()
        both = self.served(pair, copy.copy(load(pair[0]).pb.globalSecurity))
        for end in (both.server, both.client):
            options = end.security = copy.copy(end.security)
            options.isClassAllowed = lambda cls: asked.add(cls.__name__) or cls is Allowed
            options.isModuleAllowed = lambda name: asked.add(str(name)) or True
        self.assertEqual("Allowed", both.value("kind", Allowed()))
        self.assertEqual({"Allowed", __name__}, asked & {"Allowed", __name__})

    @each(PAIRS)
    def test_of_the_users_own_kind(self, pair: tuple[str, str]) -> None:
        """Whatever has the three methods is a taster; it need not be of our classes."""

        class Taster:
            """Allows no lists."""

            def isTypeAllowed(self, name: Any) -> bool:
                """All others."""
                return name != b"list"

            def isClassAllowed(self, cls: Any) -> bool:
                """None."""
                return False

            def isModuleAllowed(self, name: Any) -> bool:
                """None."""
                return False

        both = self.served(pair, Taster())
        found = both.call("kind", [1])
        self.assertEqual("twisted.spread.jelly.InsecureJelly", kind_of(found))
        self.assertEqual("int", both.value("kind", 1))
        self.flushLoggedErrors()

    @each(SIDES)
    def test_too_narrow_for_an_error(self, client: str) -> None:
        """Where the options allow not even what an error consists of, its caller is told that there is one."""
        pb = load(OURS).pb
        options = copy.deepcopy(pb.globalSecurity)
        options.isTypeAllowed = lambda name: name in (b"tuple", b"dictionary")
        root = echo(load(OURS), remote_later=lambda self: defer.fail(ValueError("x")))
        both = Pair(OURS, client, serving=pb.PBServerFactory(root, security=options))
        for call in (both.call("echo", [1]), both.call("later")):
            self.assertEqual("twisted.spread.pb.Error", kind_of(call))
        self.assertTrue(both.alive)
        self.flushLoggedErrors()

    @each(SIDES)
    def test_asked_by_the_functions(self, side: str) -> None:
        """`jelly` and `unjelly` ask the taster that they are given, also one that was patched between two calls."""
        jelly = load(side).jelly
        options = jelly.SecurityOptions()
        options.allowBasicTypes()
        self.assertEqual([1], jelly.unjelly(jelly.jelly([1], options), options))
        options.isTypeAllowed = lambda name: name != b"list"
        self.assertRaises(jelly.InsecureJelly, jelly.unjelly, [b"list", 1], options)
        del options.isTypeAllowed
        self.assertEqual([1], jelly.unjelly([b"list", 1], options))

    @each(PAIRS)
    def test_broker_security(self, pair: tuple[str, str]) -> None:
        """A factory's `security`, and then a broker's, is assigned after construction."""
        pb = load(pair[0]).pb
        serving = pb.PBServerFactory(echo(load(pair[0]), remote_kind=lambda self, it: type(it).__name__))
        serving.security = narrow = copy.deepcopy(pb.globalSecurity)
        del narrow.allowedTypes[b"set"]
        both = Pair(*pair, serving=serving)
        self.assertIs(narrow, both.server.security)
        self.assertIsInstance(both.call("kind", {1}), Failure)
        both.server.security = pb.globalSecurity
        self.assertEqual("set", both.value("kind", {1}))
        self.flushLoggedErrors()


class Allowed:
    """A plain class."""


class FailureTests(Rows, SynchronousTestCase):
    """Failures that users patch, change and show."""

    def failing(self, pair: tuple[str, str], **members: Any) -> Pair:
        """A server that fails."""

        def fails(self: Any) -> None:
            raise KeyError("no such key")

        return Pair(*pair, echo(load(pair[0]), remote_fail=fails, **members))

    @each(PAIRS, ("upcalled", "replaced", "replaced for old peers"))
    def test_set_copyable_state_replaced(self, pair: tuple[str, str], how: str) -> None:
        """`CopiedFailure.setCopyableState` is replaced on the class, with an upcall or without; also where an old peer
        says no more than the exception's own class."""
        cls = load(pair[1]).pb.CopiedFailure
        stock = cls.setCopyableState
        seen: list[Any] = []

        def replaced(self: Any, state: Any) -> None:
            seen.append(state["type"])
            if how == "replaced for old peers":
                del state["parents"]
            if how == "upcalled":
                stock(self, state)
            else:
                self.__dict__ = state
            self.note = "patched"

        self.patch(cls, "setCopyableState", replaced)
        found = self.failing(pair).call("fail")
        self.assertEqual("patched", found.note)
        self.assertEqual(("builtins.KeyError", "'no such key'"), (kind_of(found), found.getErrorMessage()))
        self.assertEqual(1, len(seen))
        if how == "upcalled" or pair[1] == OURS:
            self.assertIs(KeyError, found.check(KeyError))
        self.flushLoggedErrors()

    @each(PAIRS)
    def test_value_assigned(self, pair: tuple[str, str]) -> None:
        """An errback makes a real exception of the text, and the next one finds it, traps it and raises it."""

        def real(failure: Any) -> Any:
            failure.type = KeyError
            failure.value = KeyError(failure.value)
            return failure

        both = self.failing(pair)
        call = both.root.callRemote("fail").addErrback(real)
        found = both.outcome(call)
        self.assertIs(KeyError, found.trap(KeyError))
        self.assertEqual((KeyError, KeyError), (found.type, type(found.value)))
        self.assertRaises(KeyError, found.raiseException)
        self.assertRaises(KeyError, found.trap, ZeroDivisionError)
        self.flushLoggedErrors()

    @each(PAIRS, ("copy", "reference"), ("raised", "later"))
    def test_error_that_is_no_exception_here(self, pair: tuple[str, str], what: str, how: str) -> None:
        """An exception that travels by itself arrives as a copy or a reference; where that is no exception, the failure
        has it as its value all the same, and is trapped by its class.  What is raised for it has it too."""
        server, client = map(load, pair)

        class Overdrawn(server.pb.Error, server.pb.Copyable):
            """Sent with what the caller may want to know."""

            def getTypeToCopy(self) -> bytes:
                return b"tests.seams.Overdrawn"

            def getStateToCopy(self) -> dict[str, Any]:
                return {"by": self.args[0]}

        class Asks(server.pb.Error, server.pb.Referenceable):
            """Stays here, and can be asked."""

            def remote_by(self) -> int:
                return self.args[0]  # type: ignore[no-any-return]

        class Told(client.pb.RemoteCopy):
            """Is told, and cannot be raised."""

        client.pb.setUnjellyableForClass("tests.seams.Overdrawn", Told)

        class Root(server.pb.Root):
            """Refuses."""

            def remote_draw(self) -> Any:
                error = Overdrawn(7) if what == "copy" else Asks(7)
                if how == "later":
                    return defer.fail(error)
                raise error

        both = Pair(*pair, Root())
        failure = both.call("draw")
        kind = Told if what == "copy" else client.pb.RemoteReference
        self.assertIs(kind, failure.type)
        self.assertIs(kind, failure.check(KeyError, kind))
        self.assertIs(kind, failure.trap(kind))
        self.assertIsNone(failure.check(KeyError))
        self.assertIsInstance(failure.value, kind)
        self.assertEqual(7, failure.value.by if what == "copy" else both.outcome(failure.value.callRemote("by")))
        self.assertIsInstance(failure.getErrorMessage() + failure.getTraceback() + repr(failure), str)

        async def wait() -> Any:
            return await both.root.callRemote("draw")

        # twisted.spread has nothing there but an AttributeError, of its own.
        raised = both.outcome(defer.ensureDeferred(wait()))
        if pair[1] == OURS:
            self.assertIsInstance(raised.trap(client.pb.RemoteError) and raised.value.args[0], kind)
            self.assertRaises(client.pb.RemoteError, failure.raiseException)
            self.assertRaises(client.pb.RemoteError, failure.trap, KeyError)

    @each(PAIRS)
    def test_text_assigned(self, pair: tuple[str, str]) -> None:
        """An errback adds to the text, and changes the name of the type."""
        both = self.failing(pair)

        def more(failure: Any) -> Any:
            failure.value += " at all"
            failure.type = failure.type.decode()
            return failure

        found = both.outcome(both.root.callRemote("fail").addErrback(more))
        self.assertEqual("'no such key' at all", found.getErrorMessage())
        self.assertEqual("builtins.KeyError", found.type)
        self.assertIn("builtins.KeyError: 'no such key' at all", found.getTraceback())
        self.flushLoggedErrors()

    @each(PAIRS)
    def test_changed_and_passed_on(self, pair: tuple[str, str]) -> None:
        """A failure that came from one side, and was changed, is sent on to another."""
        behind = self.failing(pair)

        def pass_on(self: Any) -> Any:
            call = behind.root.callRemote("fail")

            def change(failure: Any) -> Any:
                failure.value = "changed"
                return failure

            call.addErrback(change)
            behind.flush()
            return call

        front = Pair(pair[1], pair[0], echo(load(pair[1]), remote_fail=pass_on))
        found = front.call("fail")
        self.assertEqual(("builtins.KeyError", "changed"), (kind_of(found), found.getErrorMessage()))
        self.flushLoggedErrors()

    @each(PAIRS)
    def test_unsafe_tracebacks_of_a_factory(self, pair: tuple[str, str]) -> None:
        """`unsafeTracebacks` of a factory is assigned after construction, and counts for open connections."""
        both = self.failing(pair)
        self.assertEqual("Traceback unavailable\n", both.call("fail").traceback)
        both.serving.unsafeTracebacks = True
        self.assertIn("no such key", both.call("fail").traceback)
        both.serving.unsafeTracebacks = False
        self.assertEqual("Traceback unavailable\n", both.call("fail").traceback)
        self.flushLoggedErrors()

    @each(PAIRS)
    def test_announced(self, pair: tuple[str, str]) -> None:
        """The line before an error that a peer is sent is marked as an error: it is shown where nothing is logged."""
        events: list[Any] = []
        log.addObserver(events.append)
        self.addCleanup(log.removeObserver, events.append)
        self.failing(pair).call("fail")
        self.assertEqual(1, len(self.flushLoggedErrors(KeyError)))
        line = ("Peer will receive following PB traceback:",)
        self.assertEqual([1], [event["isError"] for event in events if event.get("message") == line])

    @each(PAIRS)
    def test_unsafe_tracebacks_of_a_class(self, pair: tuple[str, str]) -> None:
        """A subclass of a factory that never calls the constructor has `unsafeTracebacks` as an attribute of the class."""
        server = load(pair[0])

        def fails(self: Any) -> None:
            raise KeyError("no such key")

        class Serving(server.pb.PBServerFactory):  # type: ignore[misc]
            """No upcall."""

            unsafeTracebacks = True

            def __init__(self, root: Any) -> None:
                self.root = root
                self.security = server.pb.globalSecurity

        both = Pair(*pair, serving=Serving(echo(server, remote_fail=fails)))
        self.assertIn("no such key", both.call("fail").traceback)
        self.flushLoggedErrors()

    @each(PAIRS)
    def test_unsafe_tracebacks_of_a_failure(self, pair: tuple[str, str]) -> None:
        """`unsafeTracebacks` of one failure counts where it is sent by hand."""
        server = load(pair[0])
        try:
            raise KeyError("no such key")
        except KeyError:
            failure = server.pb.failure2Copyable(Failure())
        both = Pair(*pair)
        shown = []
        for unsafe in (False, True):
            failure.unsafeTracebacks = unsafe
            shown.append(both.client.unserialize(both.server.serialize(failure)).traceback)
        self.assertEqual("Traceback unavailable\n", shown[0])
        self.assertIn("no such key", shown[1])

    def test_passed_on(self) -> None:
        """A failure that came from another peer is passed on with the traceback that came with it."""
        both = Pair(OURS, OURS)

        def passed(fail: Any) -> Any:
            copyable = load(OURS).pb.failure2Copyable(fail, unsafeTracebacks=1)
            return both.client.unserialize(both.server.serialize(copyable))

        try:
            raise KeyError("no such key")
        except KeyError:
            first = passed(Failure())
        second = passed(first)
        self.assertEqual((first.type, first.parents, "'no such key'"), (second.type, second.parents, second.value))
        self.assertIn("test_seams.py", second.traceback)
        self.assertEqual(first.traceback, second.traceback)
        first.traceback = None
        self.assertEqual("Traceback unavailable\n", passed(first).traceback)


@implementer(IRealm)
class Realm:
    """Gives everybody an avatar of their own.

    Args:
        spread: whose avatars.
    """

    def __init__(self, spread: Spread) -> None:
        self.spread = spread
        self.minds: list[Any] = []

    def requestAvatar(self, name: Any, mind: Any, *interfaces: Any) -> Any:
        """An avatar that knows its name."""
        pb = self.spread.pb
        self.minds.append(mind)
        avatar = type("User", (pb.Avatar,), {"perspective_whoami": lambda self: name or b"nobody"})()
        return pb.IPerspective, avatar, lambda: None


def portal(spread: Spread) -> Any:
    """A portal where Ann has a password, and strangers are let in."""
    checker = InMemoryUsernamePasswordDatabaseDontUse()
    checker.addUser(b"ann", b"secret")
    return Portal(Realm(spread), [checker, AllowAnonymousAccess()])


class ClientFactoryTests(Rows, SynchronousTestCase):
    """What users override and read of `PBClientFactory`."""

    def connected(self, pair: tuple[str, str], connecting: Any) -> Pair:
        """A client of a server with a portal."""
        serving = load(pair[0]).pb.PBServerFactory(portal(load(pair[0])))
        return Pair(*pair, serving=serving, connecting=connecting)

    @each(PAIRS)
    def test_send_username_overridden(self, pair: tuple[str, str]) -> None:
        """`_cbSendUsername` is overridden, gets root, name, password and mind, and upcalls."""
        base = load(pair[1]).pb.PBClientFactory
        seen: list[Any] = []

        class Connecting(base):  # type: ignore[misc]
            """Sees all logins."""

            def _cbSendUsername(self, root: Any, username: Any, password: Any, client: Any) -> Any:
                seen.append((root is self._root, username, password, client))
                return base._cbSendUsername(self, root, username, password, client)

        both = self.connected(pair, Connecting())
        mind = load(pair[1]).pb.Referenceable()
        avatar = both.outcome(both.connecting.login(UsernamePassword(b"ann", b"secret"), mind))
        self.assertEqual(b"ann", both.outcome(avatar.callRemote("whoami")))
        self.assertEqual([(True, b"ann", b"secret", mind)], seen)

    @each(PAIRS)
    def test_send_username_called(self, pair: tuple[str, str]) -> None:
        """`_cbSendUsername` is called by hand with the root, as Buildbot's reconnecting factory does."""
        both = self.connected(pair, load(pair[1]).pb.PBClientFactory())
        call = both.connecting._cbSendUsername(both.connecting._root, b"ann", b"secret", None)
        self.assertEqual(b"ann", both.outcome(both.outcome(call).callRemote("whoami")))

    @each(PAIRS)
    def test_login_overridden(self, pair: tuple[str, str]) -> None:
        """`login` is overridden and upcalled; `getRootObject` too, and login goes by it."""
        base = load(pair[1]).pb.PBClientFactory
        seen: list[str] = []

        class Connecting(base):  # type: ignore[misc]
            """Notes."""

            def login(self, credentials: Any, client: Any = None) -> Any:
                """Upcall."""
                seen.append("login")
                return super().login(credentials, client)

            def getRootObject(self) -> Any:
                """Upcall."""
                seen.append("root")
                return super().getRootObject()

        both = self.connected(pair, Connecting())
        for credentials, name in ((UsernamePassword(b"ann", b"secret"), b"ann"), (Anonymous(), b"nobody")):
            avatar = both.outcome(both.connecting.login(credentials))
            self.assertEqual(name, both.outcome(avatar.callRemote("whoami")))
        self.assertEqual(["login", "root"] * 2, seen)

    @each(PAIRS)
    def test_root_and_broker(self, pair: tuple[str, str]) -> None:
        """`_root` and `_broker` are the reference and the connection, and None when there is no connection."""
        factory = load(pair[1]).pb.PBClientFactory()
        self.assertEqual((None, None), (factory._root, factory._broker))
        both = Pair(*pair, echo(load(pair[0])), connecting=factory)
        self.assertIs(both.client, factory._broker)
        self.assertEqual("x", both.outcome(factory._root.callRemote("echo", "x")))
        both.cut()
        factory.clientConnectionLost(None, Failure(KeyError()))
        self.assertEqual((None, None), (factory._root, factory._broker))

    @each(SIDES)
    def test_client_connection_made_overridden(self, side: str) -> None:
        """`clientConnectionMade` is overridden in both factories; after the upcall `_root` is there."""
        pb = load(side).pb
        seen: list[Any] = []

        class Connecting(pb.PBClientFactory):  # type: ignore[misc]
            """Notes."""

            def clientConnectionMade(self, broker: Any) -> None:
                """Upcall."""
                seen.append(("before", self._root))
                super().clientConnectionMade(broker)
                seen.append(("after", self._root.broker is broker))

        class Serving(pb.PBServerFactory):  # type: ignore[misc]
            """Notes."""

            def clientConnectionMade(self, protocol: Any) -> None:
                """Upcall."""
                seen.append(("server", isinstance(protocol, pb.Broker)))
                super().clientConnectionMade(protocol)

        Pair(side, side, serving=Serving(echo(load(side))), connecting=Connecting())
        self.assertEqual([("before", None), ("after", True), ("server", True)], seen)

    @each(SIDES)
    def test_client_connection_lost(self, side: str) -> None:
        """`clientConnectionLost(connector, reason)` fails who waits for the root; with `reconnecting` they wait on."""
        for keyword, waits in ({}, False), ({"reconnecting": 1}, True), ({"reconnecting": 0}, False):
            factory = load(side).pb.PBClientFactory()
            waiting = factory.getRootObject()
            factory.clientConnectionLost(None, Failure(KeyError("gone")), **keyword)
            if waits:
                self.assertNoResult(waiting)
                self.assertEqual([waiting], factory.rootObjectRequests)
                both = Pair(side, side, connecting=factory)
                self.assertIs(both.client, self.successResultOf(waiting).broker)
                factory.clientConnectionLost(None, Failure(KeyError("gone")), True)
                self.assertEqual((None, None), (factory._broker, factory._root))
                self.assertNoResult(factory.getRootObject())
            else:
                self.failureResultOf(waiting, KeyError)

    @each(SIDES)
    def test_client_connection_failed(self, side: str) -> None:
        """`clientConnectionFailed` is overridden and upcalled, and fails who waits for the root."""
        base = load(side).pb.PBClientFactory

        class Connecting(base):  # type: ignore[misc]
            """Notes."""

            def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
                """Upcall."""
                self.seen = (connector, reason.type)
                super().clientConnectionFailed(connector, reason)

        factory = Connecting()
        waiting = factory.getRootObject()
        factory.clientConnectionFailed("connector", Failure(KeyError("refused")))
        self.failureResultOf(waiting, KeyError)
        self.assertEqual(("connector", KeyError), factory.seen)


class Served(TestCase):
    """Tests over TCP, whose connections have all ended when they end."""

    def setUp(self) -> None:
        """Nobody is connected."""
        self.brokers: list[Any] = []

    def serve(self, factory: Any) -> Any:
        """Listen on a port, with *factory*."""
        self.keep(factory)
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return port

    def keep(self, factory: Any) -> None:
        """Remember the brokers of *factory*."""
        build = factory.buildProtocol

        def build_and_keep(address: Any) -> Any:
            built = build(address)
            self.brokers.append(built)
            return built

        factory.buildProtocol = build_and_keep

    def connect(self, port: Any, factory: Any) -> Any:
        """Connect *factory* to a port."""
        self.keep(factory)
        connector = reactor.connectTCP("127.0.0.1", port.getHost().port, factory)
        return connector

    @defer.inlineCallbacks
    def end(self) -> Any:
        """End all connections, and wait for that."""
        for broker in self.brokers:
            if broker.transport is not None and not broker.disconnected:
                yield self.ended(broker, broker.transport.loseConnection)

    def ended(self, broker: Any, begin: Any) -> Any:
        """Call *begin*, and wait for the end of that connection."""
        if broker.disconnected:
            begin()
            return defer.succeed(None)
        gone: defer.Deferred[Any] = defer.Deferred()
        broker.notifyOnDisconnect(lambda: reactor.callLater(0, gone.callback, None))
        begin()
        return gone


class TransportTests(Rows, Served):
    """The transport of a reference's broker, by which users look after a connection."""

    @each(SIDES)
    @defer.inlineCallbacks
    def test_transport(self, side: str) -> Any:
        """`reference.broker.transport` tells the peer's address, keeps alive, and ends the connection."""
        pb = load(side).pb
        port = self.serve(pb.PBServerFactory(echo(load(side), remote_who=lambda self, ref: kept.append(ref))))
        kept: list[Any] = []
        factory = pb.PBClientFactory()
        self.connect(port, factory)
        root = yield factory.getRootObject()
        yield root.callRemote("who", pb.Referenceable())
        for reference in (root, kept[0]):
            transport = reference.broker.transport
            self.assertEqual("127.0.0.1", transport.getPeer().host)
            for on in (1, 0):
                transport.setTcpKeepAlive(on)
                self.assertEqual(bool(on), bool(transport.getTcpKeepAlive()))
        self.assertEqual(port.getHost().port, root.broker.transport.getPeer().port)
        yield self.ended(kept[0].broker, root.broker.transport.loseConnection)
        self.assertRaises(pb.DeadReferenceError, root.callRemote, "echo")
        yield self.end()

    @each(SIDES)
    @defer.inlineCallbacks
    def test_buffers(self, side: str) -> Any:
        """A connection with much still to send is ended at once as old Buildbots do: by emptying its buffers."""
        pb = load(side).pb
        port = self.serve(pb.PBServerFactory(echo(load(side))))
        factory = pb.PBClientFactory()
        self.connect(port, factory)
        root = yield factory.getRootObject()
        server = next(broker for broker in self.brokers if broker is not root.broker)
        server.transport.pauseProducing()
        # Not while bytes are being received: what is said then goes straight to the system, as far as it takes it.
        yield task.deferLater(reactor, 0)
        calls = [root.callRemote("echo", b"x" * 600_000) for _ in range(20)]
        transport = root.broker.transport

        def end() -> None:
            transport.loseConnection()
            transport.offset = 0
            transport.dataBuffer = b""
            transport._tempDataBuffer = []
            transport._tempDataLen = 0

        yield self.ended(root.broker, end)
        for call in calls:
            self.failureResultOf(call, pb.PBConnectionLost)
        server.transport.resumeProducing()
        yield self.ended(server, lambda: None)
        self.flushLoggedErrors()

    @each(SIDES)
    @defer.inlineCallbacks
    def test_abort(self, side: str) -> Any:
        """After `transport.abortConnection()` nothing is sent: not even the answer of the method that called it."""
        pb = load(side).pb

        def abort(root: Any, reference: Any, size: int) -> bytes:
            reference.broker.transport.abortConnection()
            return b"x" * size

        port = self.serve(pb.PBServerFactory(echo(load(side), remote_abort=abort)))
        for size in (5, 600_000):
            factory = pb.PBClientFactory()
            self.connect(port, factory)
            root = yield factory.getRootObject()
            yield self.assertFailure(root.callRemote("abort", pb.Referenceable(), size), pb.PBConnectionLost)
        yield self.end()

    @each(SIDES)
    @defer.inlineCallbacks
    def test_disconnect(self, side: str) -> Any:
        """`factory.disconnect()` ends the connection; `connector.disconnect()` too."""
        pb = load(side).pb
        port = self.serve(pb.PBServerFactory(echo(load(side))))
        for by_factory in (True, False):
            factory = pb.PBClientFactory()
            connector = self.connect(port, factory)
            root = yield factory.getRootObject()
            yield self.ended(root.broker, factory.disconnect if by_factory else connector.disconnect)
        yield self.end()


class Prompt:
    """A transport that delivers as soon as it is written to, as applications have for their tests."""

    disconnecting = False

    def __init__(self, fails: bool = False) -> None:
        self.peer: Any = None
        self.fails = fails

    def write(self, data: bytes) -> None:
        """Have the peer receive it, or fail."""
        if self.fails:
            raise OSError("no")
        self.peer.dataReceived(data)

    def writeSequence(self, chunks: list[bytes]) -> None:
        """The same."""
        self.write(b"".join(chunks))

    def loseConnection(self) -> None:
        """The end."""
        self.disconnecting = True

    def getPeer(self) -> Any:
        """Nobody in particular."""
        return None


class LookAlikeTests(Rows, SynchronousTestCase):
    """Values whose expressions look like others."""

    @each(PAIRS)
    def test_pairs(self, pair: tuple[str, str]) -> None:
        """A dictionary arrives whose key and value are bytes, and make a pair that could be a text or a boolean."""
        both = Pair(*pair, echo(load(pair[0])))
        value = {b"unicode": b"0", b"boolean": b"true", b"None": b"", b"list": 1, 5: b"unicode"}
        for it in (value, [value], {"x": [value, (value,)]}, [{b"boolean": b"false"}] * 100):
            self.assertEqual(it, both.value("echo", it))


class PromptTests(Rows, SynchronousTestCase):
    """Transports that deliver within `write`."""

    @each(SIDES)
    def test_answered(self, side: str) -> None:
        """A call that is answered before it was written to the end has its answer."""
        both = Pair(side, side, echo(load(side)))
        both.server.transport, both.client.transport = Prompt(), Prompt()
        both.server.transport.peer, both.client.transport.peer = both.client, both.server
        for value in (5, [b"x" * 70_000], {"a": both.server_spread.pb.Referenceable()}):
            answer = self.successResultOf(both.root.callRemote("echo", value))
            self.assertEqual(type(value), type(answer))
        self.assertFalse(both.client.transport.disconnecting)

    @each(PAIRS)
    def test_not_written(self, pair: tuple[str, str]) -> None:
        """A call that cannot be written raises what the transport does; with ours, nothing waits for its answer."""
        both = Pair(*pair, echo(load(pair[0])))
        both.client.transport = Prompt(fails=True)
        for value in (5, [both.client_spread.pb.Referenceable()]):
            self.assertRaises(OSError, both.root.callRemote, "echo", value)
        self.assertEqual(pair[1] == TWISTED, bool(both.client.waitingForAnswers))


class ReconnectingTests(Rows, Served):
    """A client factory that connects anew, as Buildbot, Jasmin and Zenoss each have their own."""

    def reconnecting(self, spread: Spread) -> Any:
        """Such a factory."""
        pb = spread.pb

        class Reconnecting(pb.PBClientFactory, protocol.ReconnectingClientFactory):  # type: ignore[misc]
            """Logs in whenever it is connected."""

            initialDelay = 0.01
            maxDelay = 0.02

            def __init__(self, *args: Any, **kw: Any) -> None:
                super().__init__(*args, **kw)
                self.events: list[str] = []
                self.avatars: defer.DeferredQueue[Any] = defer.DeferredQueue()

            def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
                """Try again."""
                self.events.append("failed")
                super().clientConnectionFailed(connector, reason)
                protocol.ReconnectingClientFactory.clientConnectionFailed(self, connector, reason)

            def clientConnectionLost(self, connector: Any, reason: Any) -> None:
                """Try again; who waits for the root waits on."""
                self.events.append("lost")
                super().clientConnectionLost(connector, reason, reconnecting=True)
                protocol.ReconnectingClientFactory.clientConnectionLost(self, connector, reason)

            def clientConnectionMade(self, broker: Any) -> None:
                """Log in."""
                self.events.append("made")
                self.resetDelay()
                super().clientConnectionMade(broker)
                call = self._cbSendUsername(self._root, b"ann", b"secret", None)
                call.addCallback(self.avatars.put)

            def startFactory(self) -> None:
                """Notes."""
                self.events.append("start")
                super().startFactory()

            def stopFactory(self) -> None:
                """Notes."""
                self.events.append("stop")
                super().stopFactory()

        return Reconnecting(unsafeTracebacks=True)

    @each(SIDES)
    @defer.inlineCallbacks
    def test_reconnects(self, side: str) -> Any:
        """It connects anew when the connection goes, has a new root then, and stops when it is told."""
        port = self.serve(load(side).pb.PBServerFactory(portal(load(side))))
        factory = self.reconnecting(load(side))
        self.connect(port, factory)
        avatar = yield factory.avatars.get()
        self.assertEqual(b"ann", (yield avatar.callRemote("whoami")))
        avatar.broker.transport.loseConnection()
        later = yield factory.avatars.get()
        self.assertEqual(b"ann", (yield later.callRemote("whoami")))
        self.assertIsNot(avatar.broker, later.broker)
        self.assertIs(later.broker, factory._broker)
        self.assertIs(factory._root, (yield factory.getRootObject()))
        factory.stopTrying()
        yield self.ended(later.broker, later.broker.transport.loseConnection)
        yield task.deferLater(reactor, 0.001)
        self.assertEqual(["start", "made", "lost", "stop"] * 2, factory.events)
        yield self.end()

    @each(SIDES)
    @defer.inlineCallbacks
    def test_waits_for_the_server(self, side: str) -> Any:
        """Who asks for the root while the server is away gets it from the next connection."""
        port = self.serve(load(side).pb.PBServerFactory(portal(load(side))))
        factory = self.reconnecting(load(side))
        factory.clientConnectionMade = lambda broker: type(factory).__mro__[1].clientConnectionMade(factory, broker)
        self.connect(port, factory)
        root = yield factory.getRootObject()
        yield self.ended(root.broker, root.broker.transport.loseConnection)
        yield task.deferLater(reactor, 0)
        self.assertEqual((None, None), (factory._root, factory._broker))
        again = yield factory.getRootObject()
        self.assertIsNot(root.broker, again.broker)
        factory.stopTrying()
        yield self.end()
        yield task.deferLater(reactor, 0.001)

    @each(SIDES)
    @defer.inlineCallbacks
    def test_client_service(self, side: str) -> Any:
        """Under a ClientService, who asks for the root as the connection goes gets it from the next connection: as a
        notifier is called, and as soon as a call that was in flight fails."""
        port = self.serve(load(side).pb.PBServerFactory(echo(load(side))))
        factory = load(side).pb.PBClientFactory()
        endpoint = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
        service = ClientService(endpoint, factory, retryPolicy=lambda attempts: 0.01)
        service.startService()
        root = yield factory.getRootObject()
        for when in ("notifier", "errback", "notifier", "errback"):
            asked: defer.Deferred[Any] = defer.Deferred()
            if when == "notifier":
                root.notifyOnDisconnect(lambda reference, asked=asked: factory.getRootObject().chainDeferred(asked))
            else:
                root.callRemote("echo", 2).addErrback(lambda gone: factory.getRootObject()).chainDeferred(asked)
            root.broker.transport.abortConnection()
            again = yield asked
            self.assertIsNot(root.broker, again.broker)
            self.assertEqual(1, (yield again.callRemote("echo", 1)))
            root = again
        yield service.stopService()
        yield self.end()
        yield task.deferLater(reactor, 0.001)

    @each(SIDES)
    @defer.inlineCallbacks
    def test_stop_factory(self, side: str) -> Any:
        """`stopFactory` of both factories is overridden with an upcall, and called when nothing is left of them."""
        pb = load(side).pb
        seen: list[str] = []

        def noting(base: Any) -> Any:
            class Factory(base):  # type: ignore[misc]
                """Notes."""

                def stopFactory(self) -> None:
                    """Upcall."""
                    seen.append(base.__name__)
                    super().stopFactory()

            return Factory

        port = self.serve(noting(pb.PBServerFactory)(echo(load(side))))
        factory = noting(pb.PBClientFactory)()
        self.connect(port, factory)
        yield factory.getRootObject()
        yield self.end()
        yield port.stopListening()
        yield task.deferLater(reactor, 0.001)
        self.assertEqual(["PBClientFactory", "PBServerFactory"], sorted(seen))


class MadeOtherwiseTests(Rows, SynchronousTestCase):
    """Objects whose methods are made on demand, or whose constructor was never called."""

    @each(PAIRS)
    def test_methods_from_getattr(self, pair: tuple[str, str]) -> None:
        """Remote methods come from ``__getattr__``; what it does not know is no method."""
        base = load(pair[0]).pb.Root

        class Root(base):  # type: ignore[misc]
            """Makes its methods."""

            def __getattr__(self, name: str) -> Any:
                if name.startswith("remote_on_"):
                    return lambda *args, **kw: [name, args, kw]
                raise AttributeError(name)

        both = Pair(*pair, Root())
        self.assertEqual(["remote_on_this", (1,), {"k": 2}], both.value("on_this", 1, k=2))
        self.assertEqual("twisted.spread.flavors.NoSuchMethod", kind_of(both.call("other")))
        self.flushLoggedErrors()

    @each(PAIRS)
    def test_getattr_that_answers_everything(self, pair: tuple[str, str]) -> None:
        """An object that has any attribute one asks for is sent, called, sent home, and let go of."""
        server = load(pair[0])

        class Any_(server.pb.Referenceable):  # type: ignore[misc]
            """Has every attribute."""

            def __getattr__(self, name: str) -> Any:
                return lambda *args, **kw: name

        thing = Any_()
        both = Pair(*pair, echo(server, remote_get=lambda self: thing, remote_same=lambda self, it: it is thing))
        got = both.value("get")
        self.assertEqual("remote_whatever", both.outcome(got.callRemote("whatever")))
        self.assertIs(True, both.value("same", got))
        del got
        collected()
        both.flush()
        self.assertEqual({}, both.server.luids)

    @each(PAIRS)
    def test_views_and_perspectives_from_getattr(self, pair: tuple[str, str]) -> None:
        """``view_``, ``perspective_`` and ``observe_`` methods come from ``__getattr__``, too."""
        server, client = load(pair[0]), load(pair[1])

        class Answers:
            """Makes methods."""

            def __getattr__(self, name: str) -> Any:
                if name.partition("_")[0] in ("view", "perspective", "observe"):
                    return lambda *args: name
                raise AttributeError(name)

        view = type("View", (Answers, server.pb.Viewable), {})()
        avatar = type("User", (Answers, server.pb.Avatar), {})()
        root = conversation_root(server, client)
        type(root).remote_view = lambda self: server.pb.ViewPoint("Ann", view)
        type(root).remote_avatar = lambda self: server.pb.AsReferenceable(avatar, "perspective")
        client.pb.setUnjellyableForClass("seams.Shown", type("Seen", (Answers, client.pb.RemoteCache), {}))
        both = Pair(*pair, root)
        self.assertEqual("view_any", both.outcome(both.value("view").callRemote("any")))
        self.assertEqual("perspective_any", both.outcome(both.value("avatar").callRemote("any")))
        held = both.value("shown")
        self.assertEqual("observe_changed", both.value("change"))
        del held

    @each(PAIRS)
    def test_constructor_not_called(self, pair: tuple[str, str]) -> None:
        """Subclasses of every flavour never call the constructor of their base."""
        server, client = load(pair[0]), load(pair[1])

        class Mine:
            """No upcall."""

            def __init__(self, name: Any) -> None:
                self.name = name

            def getTypeToCopy(self) -> bytes:
                """What it is called."""
                return b"seams.Mine"

            def remote_name(self, *args: Any) -> Any:
                """Its name."""
                return self.name

            view_name = perspective_name = remote_name

        class Got(client.pb.RemoteCache):  # type: ignore[misc]
            """What stands for it, which is made without arguments."""

            def __init__(self) -> None:
                self.made = True

        client.pb.setUnjellyableForClass("seams.Mine", Got)
        made = {
            name: type(name, (Mine, getattr(server.pb, name)), {})(name)
            for name in ("Referenceable", "Viewable", "Cacheable", "Root")
        }
        avatar = type("User", (Mine, server.pb.Avatar), {})("Avatar")
        root = made["Root"]
        type(root).remote_get = lambda self, name: made[name]
        type(root).remote_avatar = lambda self: server.pb.AsReferenceable(avatar, "perspective")
        both = Pair(*pair, root)
        for name in ("Referenceable", "Viewable", "Root"):
            self.assertEqual(name, both.outcome(both.value("get", name).callRemote("name")))
        self.assertEqual("Avatar", both.outcome(both.value("avatar").callRemote("name")))
        cached = both.value("get", "Cacheable")
        self.assertEqual("Cacheable", cached.name)
        del cached

    @each(PAIRS)
    def test_copies_without_constructors(self, pair: tuple[str, str]) -> None:
        """A `RemoteCopy` is made without its constructor; a `Copyable` may never have had its own called."""
        server, client = load(pair[0]), load(pair[1])

        def fails(self: Any, *args: Any) -> None:
            raise AssertionError("the constructor")

        sent = type("Sent", (server.pb.Copyable,), {"__init__": fails, "getTypeToCopy": lambda self: b"seams.Blank"})
        client.pb.setUnjellyableForClass("seams.Blank", type("Got", (client.pb.RemoteCopy,), {"__init__": fails}))

        def get(self: Any) -> Any:
            made = sent.__new__(sent)
            made.number = 3
            return made

        self.assertEqual(3, Pair(*pair, echo(server, remote_get=get)).value("get").number)


class OldPeerTests(Rows, SynchronousTestCase):
    """Peers that run Python 2, or a very old Twisted; `compat.test_rawpeer` has more of them."""

    def served(self, side: str, root: Any) -> RawPeer:
        """A server, and a client written by hand."""
        peer = RawPeer(load(side).pb.PBServerFactory(root).buildProtocol(None))
        peer.greet_server()
        return peer

    @each(SIDES)
    def test_bytes_keywords_everywhere(self, side: str) -> None:
        """Keywords in bytes are understood by objects that users call with keywords."""
        spread = load(side)

        def remote(self: Any, name: Any = None, **others: Any) -> Any:
            return [name, sorted(others)]

        peer = self.served(side, echo(spread, remote_set=remote))
        reply = peer.call("root", "set", keywords=[(b"name", b"Ann"), (b"more", 1)])
        self.assertEqual([b"answer", 1, [b"list", b"Ann", [b"list", [b"unicode", b"more"]]]], reply)

    def test_bytes_keywords_of_all_flavours(self) -> None:
        """Views and avatars take keywords in bytes, too; twisted.spread's answer views with an error."""
        for side in SIDES:
            spread = load(side)
            pb = spread.pb
            methods = {f"{kind}_set": lambda self, *args, name=None: name for kind in ("perspective", "view")}
            avatar, view = type("User", (pb.Avatar,), methods)(), type("View", (pb.Viewable,), methods)()
            root = echo(
                spread,
                remote_avatar=lambda self, avatar=avatar, pb=pb: pb.AsReferenceable(avatar, "perspective"),
                remote_view=lambda self, view=view: view,
            )
            peer = self.served(side, root)
            for name in ("avatar", "view"):
                luid = peer.call("root", name)[2][1]
                reply = peer.call(luid, "set", keywords=[(b"name", b"Ann")])
                if side == OURS:
                    self.assertEqual((b"answer", b"Ann"), (reply[0], reply[2]))
                else:
                    self.assertEqual(b"error", reply[0])
        self.flushLoggedErrors()

    @each(SIDES)
    def test_bytes_keys_of_state(self, side: str) -> None:
        """The state of a copy has keys in bytes; attributes have names in text."""
        spread = load(side)
        spread.pb.setUnjellyableForClass("seams.Python2", type("Got", (spread.pb.RemoteCopy,), {}))
        peer = self.served(side, echo(spread, remote_number=lambda self, it: it.number))
        reply = peer.call("root", "number", ["seams.Python2", ["dictionary", [b"number", 5]]])
        self.assertEqual([b"answer", 1, 5], reply)

    def failed(self, side: str, state: list[Any]) -> Any:
        """What a call fails with that a server written by hand answers with a failure of that state."""
        factory = load(side).pb.PBClientFactory()
        peer = RawPeer(factory.buildProtocol(None))
        peer.greet_client()
        call = self.successResultOf(factory.getRootObject()).callRemote("anything")
        peer.heard()
        peer.say(["error", 1, ["twisted.spread.pb.CopyableFailure", ["dictionary", *state]]])
        return self.failureResultOf(call)

    @each(SIDES)
    def test_failure_with_parents_in_bytes(self, side: str) -> None:
        """A failure of Python 2 has keys, names and text in bytes."""
        state = [
            [b"type", b"exceptions.KeyError"], [b"value", b"no key"], [b"traceback", b"Traceback unavailable\n"],
            [b"parents", ["list", b"exceptions.KeyError", b"exceptions.LookupError"]], [b"frames", ["list"]],
            [b"stack", ["list"]], [b"tb", ["None"]],
        ]  # fmt: skip
        if side == TWISTED:
            # Its setCopyableState looks for the name as text only.
            state[3][0] = text("parents")
        found = self.failed(side, state)
        self.assertEqual("exceptions.KeyError", kind_of(found))
        if side == OURS:
            self.assertEqual("no key", found.getErrorMessage())
            self.assertEqual("exceptions.LookupError", found.check("exceptions.LookupError"))
            self.assertIsNone(found.check(KeyError))

    def test_failure_without_parents(self) -> None:
        """A failure that has no ``parents`` is found by its type; twisted.spread drops that connection."""
        state = [[b"type", b"exceptions.KeyError"], [b"value", b"no key"]]
        found = self.failed(OURS, state)
        self.assertEqual("exceptions.KeyError", found.check(b"exceptions.KeyError", "exceptions.KeyError").decode())
        self.assertEqual("no key", found.getErrorMessage())
        self.assertIsInstance(found.getTraceback(), str)
        self.assertRaises(KeyError, self.failed, TWISTED, state)

    def test_failure_as_bytes(self) -> None:
        """A peer of before failures sends bytes for an error; the call fails with something that says so."""
        factory = load(OURS).pb.PBClientFactory()
        peer = RawPeer(factory.buildProtocol(None))
        peer.greet_client()
        call = self.successResultOf(factory.getRootObject()).callRemote("anything")
        peer.heard()
        peer.say(["error", 1, b"went wrong"])
        self.assertIn("went wrong", str(self.failureResultOf(call, load(OURS).pb.RemoteError).value))


class NameTests(Rows, SynchronousTestCase):
    """Names that Twisted's own tests, and others', reach for although nobody promised them."""

    @each(SIDES)
    def test_select_dialect(self, side: str) -> None:
        """`Banana._selectDialect` agrees on a dialect by hand: words have numbers from then on."""
        banana = load(side).banana
        sent: list[bytes] = []
        end = banana.Banana()
        end.makeConnection(type("Transport", (), {"write": lambda self, data: sent.append(data)})())
        end.sendEncoded(b"remote")
        end._selectDialect(b"pb")
        end.sendEncoded(b"remote")
        self.assertEqual([b"\x06\x82remote", end.outgoingVocabulary[b"remote"].to_bytes(1, "big") + b"\x87"], sent)
        self.assertEqual(b"pb", end.currentDialect)

    @each(PAIRS)
    def test_outgoing_vocabulary(self, pair: tuple[str, str]) -> None:
        """`outgoingVocabulary` and `incomingVocabulary` map words to numbers and back; a subclass may have its own."""
        factories = [load(pair[0]).pb.PBServerFactory(echo(load(pair[0]))), load(pair[1]).pb.PBClientFactory()]
        for factory in factories:
            stock = factory.protocol
            words = {**stock.outgoingVocabulary, b"echo": 100}
            members = {"outgoingVocabulary": words, "incomingVocabulary": {number: word for word, number in words.items()}}
            factory.protocol = type("Broker", (stock,), members)
        both = Pair(*pair, serving=factories[0], connecting=factories[1])
        self.assertEqual("x", both.value("echo", "x"))
        self.assertIn(b"\x64\x87", both.link.sent[0])
        self.assertNotIn(b"echo", both.link.sent[0])

    @each(PAIRS)
    def test_local_cleanup(self, pair: tuple[str, str]) -> None:
        """`Broker._localCleanup` has, by `processUniqueID`, what is called when the peer lets go of an object."""
        server = load(pair[0])
        thing = server.pb.Referenceable()
        both = Pair(*pair, echo(server, remote_get=lambda self: thing))
        gone: list[str] = []
        both.server._localCleanup[thing.processUniqueID()] = lambda: gone.append("gone")
        held = [both.value("get"), both.value("get")]
        held.pop()
        collected()
        both.flush()
        self.assertEqual([], gone)
        held.pop()
        collected()
        both.flush()
        self.assertEqual((["gone"], {}), (gone, both.server._localCleanup))

    @each(PAIRS)
    def test_disconnected_by_hand(self, pair: tuple[str, str]) -> None:
        """`RemoteReference._disconnected` calls the callbacks, which are in `disconnectCallbacks` until then."""
        both = Pair(*pair)
        seen: list[Any] = []
        both.root.notifyOnDisconnect(seen.append)
        self.assertEqual([seen.append], both.root.disconnectCallbacks)
        self.assertEqual([both.root._disconnected], both.client.disconnects)
        both.root._disconnected()
        self.assertEqual(([both.root], None), (seen, both.root.disconnectCallbacks))

    @each(PAIRS)
    def test_not_told(self, pair: tuple[str, str]) -> None:
        """What `RemoteReference.notifyOnDisconnect` was given is taken back: it is not called, and does not keep the
        reference, so that the other side lets go of the object."""
        root = echo(load(pair[0]), remote_new=lambda self: load(pair[0]).pb.Referenceable())
        both = Pair(*pair, root)
        seen: list[Any] = []
        held = both.value("new")
        held.notifyOnDisconnect(seen.append)
        self.assertEqual(2, len(both.server.localObjects))
        held.dontNotifyOnDisconnect(seen.append)
        self.assertRaises(ValueError, held.dontNotifyOnDisconnect, seen.append)
        self.assertEqual([], both.client.disconnects)
        del held
        collected()
        both.flush()
        self.assertEqual([b"root"], list(both.server.localObjects))
        both.cut()
        self.assertEqual([], seen)

    @each([OURS, TWISTED])
    def test_decref_fails(self, server: str) -> None:
        """What a `sendDecRef` of the application's raises when a reference is collected is logged."""
        both = Pair(server, OURS, echo(load(server), remote_new=lambda self: load(server).pb.Referenceable()))

        def fails(luid: int) -> None:
            raise KeyError(luid)

        both.client.sendDecRef = fails
        held = both.value("new")
        del held
        collected()
        self.assertEqual(1, len(self.flushLoggedErrors(KeyError)))

    @each(PAIRS)
    def test_disconnects(self, pair: tuple[str, str]) -> None:
        """`Broker.disconnects` is the list of what is called, and None once the connection has gone."""
        both = Pair(*pair)
        both.client.notifyOnDisconnect(len)
        self.assertIn(len, both.client.disconnects)
        both.client.dontNotifyOnDisconnect(len)
        self.assertEqual([], both.client.disconnects)
        both.cut()
        self.assertIsNone(both.client.disconnects)

    @each(PAIRS)
    def test_tables(self, pair: tuple[str, str]) -> None:
        """`localObjects`, `remotelyCachedObjects`, `locallyCachedObjects`, `luids`, `waitingForAnswers` and `luid`: by id
        what each side holds, as dictionaries; None once the connection has gone."""
        server, client = load(pair[0]), load(pair[1])
        root = conversation_root(server, client)
        thing = server.pb.Referenceable()
        type(root).remote_thing = lambda self: thing
        type(root).remote_never = lambda self: defer.Deferred()
        both = Pair(*pair, root)
        self.assertIs(root, both.server.localObjects[b"root"].object)
        reference, cache = both.value("thing"), both.value("shown")
        both.root.callRemote("never").addErrback(lambda reason: None)
        both.flush()
        local = both.server.localObjects[reference.luid]
        self.assertEqual((thing, 1), (local.object, local.refcount))
        self.assertEqual({thing.processUniqueID(): reference.luid}, both.server.luids)
        self.assertIs(root.shown, both.server.remotelyCachedObjects[cache.luid].object)
        self.assertEqual({root.shown.processUniqueID(): cache.luid}, both.server.remotelyCachedLUIDs)
        self.assertEqual(cache.__dict__, both.client.locallyCachedObjects[cache.luid].__dict__)
        self.assertEqual(1, len(both.client.waitingForAnswers))
        self.assertIsInstance(both.server.localObjects, dict)
        both.cut()
        for broker in (both.server, both.client):
            for name in (
                "localObjects", "luids", "remotelyCachedObjects", "remotelyCachedLUIDs", "locallyCachedObjects",
                "waitingForAnswers",
            ):  # fmt: skip
                self.assertIsNone(getattr(broker, name), name)

    @each(PAIRS)
    def test_tables_are_written(self, pair: tuple[str, str]) -> None:
        """An entry that a program puts into `localObjects` by hand is called, and one that it takes out is gone."""
        server = load(pair[0])
        both = Pair(*pair, echo(server))
        both.server.localObjects[b"other"] = server.pb.Local(echo(server, remote_who=lambda self: "other"))
        other = both.client.remoteForName("other")
        self.assertEqual("other", both.outcome(other.callRemote("who")))
        del both.server.localObjects[b"other"]
        self.assertEqual("twisted.spread.pb.Error", kind_of(both.outcome(other.callRemote("who"))))

    @each(PAIRS)
    def test_published(self, pair: tuple[str, str]) -> None:
        """`Broker.setNameForLocal` publishes an object on one connection, by a name as text or as bytes; None is refused
        at once, not when somebody calls it."""
        server = load(pair[0])
        both = Pair(*pair, echo(server))
        for name in ("text", b"bytes"):
            both.server.setNameForLocal(name, echo(server, remote_who=lambda self, name=name: name))
            self.assertEqual(name, both.outcome(both.client.remoteForName(name).callRemote("who")))
        self.assertRaises((AssertionError, TypeError), both.server.setNameForLocal, "none", None)
        self.assertNotIn(b"none", both.server.localObjects)

    @each(PAIRS)
    def test_given_by_hand(self, pair: tuple[str, str]) -> None:
        """`registerReference`, `cacheRemotely` and `cachedRemotelyAs` count an object for the peer and return its id, also
        where nothing is being serialised."""
        server = load(pair[0])
        broker = Pair(*pair, echo(server)).server
        thing, kept = server.pb.Referenceable(), server.pb.Cacheable()
        luid = broker.registerReference(thing)
        self.assertEqual(luid, broker.registerReference(thing))
        self.assertEqual((thing, 2), (broker.localObjects[luid].object, broker.localObjects[luid].refcount))
        self.assertIsNone(broker.cachedRemotelyAs(kept, 1))
        # In twisted.spread's there is none until something has been serialised.
        broker.serializingPerspective = None
        luid = broker.cacheRemotely(kept)
        self.assertEqual([luid, luid], [broker.cachedRemotelyAs(kept, 1), broker.cachedRemotelyAs(kept)])
        self.assertIs(kept, broker.remotelyCachedForLUID(luid))
        self.assertEqual(2, broker.remotelyCachedObjects[luid].refcount)

    def test_given_too_late(self) -> None:
        """Once the connection has gone, they raise DeadReferenceError, and what they were given is not kept."""
        both = Pair()
        broker = both.server
        both.cut()
        for give in (broker.registerReference, broker.cacheRemotely, lambda it: broker.cacheLocally(1, it)):
            kept = load(OURS).pb.Cacheable()
            gone = weakref.ref(kept)
            self.assertRaises(load(OURS).pb.DeadReferenceError, give, kept)
            del kept
            collected()
            self.assertIsNone(gone())
        self.assertIsNone(broker.cachedRemotelyAs(load(OURS).pb.Cacheable(), 1))

    @each(SIDES)
    def test_local_async_forwarder(self, side: str) -> None:
        """`LocalAsyncForwarder` calls the methods of one interface; a call of another gives None, or fails where that is
        asked for."""

        class IGreeter(Interface):  # type: ignore[misc]
            """Greets."""

            def greet(name: str) -> str:  # type: ignore[no-untyped-def]  # noqa: N805
                """Greet."""

        @implementer(IGreeter)
        class Greeter:
            """Does."""

            def greet(self, name: str) -> str:
                """Greet."""
                return f"Hello, {name}"

            def other(self) -> str:
                """Not of the interface."""
                return "other"

        util = load(side).util
        # twisted.spread's makes a mistake of its own where it is to fail.
        for fails in (0, 1) if side == OURS else (0,):
            forwarder = util.LocalAsyncForwarder(Greeter(), IGreeter, fails)
            self.assertEqual("Hello, Joe", self.successResultOf(forwarder.callRemote("greet", "Joe")))
            if fails:
                self.failureResultOf(forwarder.callRemote("other"), NotImplementedError)
            else:
                self.assertIsNone(self.successResultOf(forwarder.callRemote("other")))

    @each(SIDES)
    def test_security_names(self, side: str) -> None:
        """`broker.security` is what the factory had; `allowedTypes` and its kin are dictionaries with bytes keys."""
        spread = load(side)
        both = Pair(side, side)
        self.assertIs(spread.pb.globalSecurity, both.server.security)
        self.assertIs(spread.jelly.globalSecurity, spread.pb.globalSecurity)
        options = spread.jelly.SecurityOptions()
        options.allowTypes("some.Type", b"more")
        options.allowInstancesOf(Allowed)
        for table in (options.allowedTypes, options.allowedModules, options.allowedClasses):
            self.assertIs(dict, type(table))
        self.assertEqual((1, 1), (options.allowedTypes[b"some.Type"], options.allowedTypes[b"more"]))
        self.assertEqual({__name__.encode(): 1}, options.allowedModules)
        self.assertEqual({Allowed: 1}, options.allowedClasses)

    @each(SIDES)
    def test_chunks(self, side: str) -> None:
        """`FilePager.chunks` has what was read of a file and not sent."""
        import io

        spread = load(side)
        got: list[Any] = []
        both = Pair(side, side, echo(spread, remote_take=lambda self, collector: start(collector)))
        pagers: list[Any] = []

        def start(collector: Any) -> None:
            pagers.append(spread.util.FilePager(collector, io.BytesIO(b"contents")))
            self.assertEqual([b"contents"], pagers[0].chunks)

        spread.util.getAllPages(both.root, "take").addCallback(got.append)
        both.flush()
        self.assertEqual(([[b"contents"]], []), (got, pagers[0].chunks))

    @each(SIDES)
    def test_jelly_with_an_invoker(self, side: str) -> None:
        """`jelly` takes anything with a `serializingPerspective` for an invoker, by name or by place."""
        spread = load(side)

        class Sent(spread.pb.Copyable):  # type: ignore[misc]
            """Sees for whom."""

            def getTypeToCopyFor(self, perspective: Any) -> bytes:
                """The same for all."""
                return b"seams.Seen"

            def getStateToCopyFor(self, perspective: Any) -> Any:
                """For whom."""
                return {"for": perspective}

        invoker = type("Invoker", (), {"serializingPerspective": "Ann"})()
        wanted = [b"seams.Seen", [b"dictionary", [[b"unicode", b"for"], [b"unicode", b"Ann"]]]]
        self.assertEqual(wanted, spread.jelly.jelly(Sent(), invoker=invoker))
        self.assertEqual(wanted, spread.jelly.jelly(Sent(), spread.jelly.DummySecurityOptions(), None, invoker))

    @each(SIDES)
    def test_instance_atom(self, side: str) -> None:
        """The deprecated `jelly.instance_atom` warns under twisted.spread's name, at whoever asks."""
        jelly = load(side).jelly
        self.assertEqual(b"instance", jelly.instance_atom)
        (warning,) = self.flushWarnings()
        self.assertEqual(DeprecationWarning, warning["category"])
        self.assertTrue(warning["message"].startswith("twisted.spread.jelly.instance_atom was deprecated"))
        self.assertEqual(__file__, warning["filename"])

    @each(PAIRS)
    def test_was_clean_when_loaded(self, pair: tuple[str, str]) -> None:
        """`RemotePublished._wasCleanWhenLoaded` says whether the file was still good."""
        server, client = load(pair[0]), load(pair[1])
        file = self.mktemp()

        class Published(server.publish.Publishable):  # type: ignore[misc]
            """Has a state."""

            def getTypeToCopyFor(self, perspective: Any) -> bytes:
                """What it is called."""
                return b"seams.Published"

            def getStateToPublish(self) -> Any:
                """Its state."""
                return {"number": 5}

        class PublishedHere(client.publish.RemotePublished):  # type: ignore[misc]
            """Keeps it there."""

            def getFileName(self, ext: str = "pub") -> str:
                """Where the test says."""
                return file

        # The file has the class by its name.
        globals()["PublishedHere"] = PublishedHere
        self.addCleanup(globals().pop, "PublishedHere")
        client.pb.setUnjellyableForClass("seams.Published", PublishedHere)
        published = Published("seams")
        clean = []
        for _ in range(2):
            both = Pair(*pair, echo(server, remote_get=lambda self: published))
            got = both.value("get")
            both.flush()
            self.assertEqual(5, got.number)
            clean.append(bool(got._wasCleanWhenLoaded))
            both.cut()
            del got
        self.assertEqual([False, True], clean)


#: Makes a Request of twisted.web's a message, with ours in place of twisted.spread.
WEB = """
import spreadlite
spreadlite.install()
from twisted.web import distrib, server
from twisted.web.test.requesthelper import DummyChannel
from twisted.spread import pb
from tests.pairs import Pair
assert pb.__name__ == "spreadlite.pb"
assert issubclass(server.Request, pb.Copyable) and issubclass(distrib.Request, (pb.RemoteCopy, server.Request))
request = server.Request(DummyChannel(), False)
request.gotLength(0)
request.uri = request.path = b"/somewhere"
request.method, request.clientproto, request.prepath, request.postpath = b"GET", b"HTTP/1.1", [], [b"somewhere"]
request.site, request.args = None, {b"a": [b"1"]}
got = []
both = Pair(root=type("Root", (pb.Root,), {"remote_take": lambda self, it: got.append(it)})())
both.value("take", request)
(it,) = got
print(type(it).__name__, it.uri.decode(), it.args, isinstance(it.remote, pb.RemoteReference))
both.outcome(it.remote.callRemote("setHeader", b"x-test", b"yes"))
print(request.responseHeaders.getRawHeaders(b"x-test"))
"""


class MixedTests(Rows, SynchronousTestCase):
    """Classes that are mixed with others, whatever their layout."""

    @each(PAIRS)
    def test_with_an_http_request(self, pair: tuple[str, str]) -> None:
        """A class that is a Copyable, a Request of twisted.web and a Componentized, as `twisted.web.server.Request`."""
        from twisted.python import components
        from twisted.web import http
        from twisted.web.test.requesthelper import DummyChannel

        server, client = load(pair[0]), load(pair[1])

        class Request(server.pb.Copyable, http.Request, components.Componentized):  # type: ignore[misc]
            """Both."""

            def __init__(self, *args: Any, **kw: Any) -> None:
                http.Request.__init__(self, *args, **kw)
                components.Componentized.__init__(self)

            def getTypeToCopy(self) -> bytes:
                """What it is called."""
                return b"seams.Request"

            def getStateToCopyFor(self, perspective: Any) -> Any:
                """A little."""
                return {"uri": self.uri, "remote": server.pb.ViewPoint(perspective, self)}

            def view_write(self, perspective: Any, data: bytes) -> int:
                """How much."""
                return len(data)

        class Got(client.pb.RemoteCopy, http.Request):  # type: ignore[misc]
            """What stands for it."""

            def setCopyableState(self, state: Any) -> None:
                """As in `twisted.web.distrib`."""
                for name, value in state.items():
                    setattr(self, name, value)

        client.pb.setUnjellyableForClass("seams.Request", Got)

        def get(self: Any) -> Any:
            request = Request(DummyChannel(), False)
            request.uri = b"/here"
            return request

        both = Pair(*pair, echo(server, remote_get=get))
        got = both.value("get")
        self.assertEqual(b"/here", got.uri)
        self.assertEqual(5, both.outcome(got.remote.callRemote("write", b"bytes")))

    def test_web_under_install(self) -> None:
        """`twisted.web.server.Request` itself is a Copyable of ours after install(), and travels as one."""
        # twisted.web.distrib imports what twisted.web deprecates; the headers of the response are in nobody's registry.
        known = ("::DeprecationWarning", ":twisted.web.http_headers.Headers is not registered")
        ended = python("-W", "error", *(part for each in known for part in ("-W", f"ignore{each}")), "-c", WEB)
        self.assertEqual("", ended.stderr)
        self.assertEqual("Request /somewhere {b'a': [b'1']} True\n[b'yes']\n", ended.stdout)

    @each(PAIRS)
    def test_with_exceptions(self, pair: tuple[str, str]) -> None:
        """An exception that is a Copyable arrives as whatever stands for it."""
        server, client = load(pair[0]), load(pair[1])

        class Refused(server.pb.Error, server.pb.Copyable):  # type: ignore[misc]
            """Both."""

            def getTypeToCopy(self) -> bytes:
                """What it is called."""
                return b"seams.Refused"

        class Got(client.pb.RemoteCopy, client.pb.Error):  # type: ignore[misc]
            """What stands for it."""

        client.pb.setUnjellyableForClass("seams.Refused", Got)

        def fails(self: Any) -> None:
            error = Refused("no")
            error.code = 7
            raise error

        both = Pair(
            *pair, echo(server, remote_now=fails, remote_later=lambda self: defer.maybeDeferred(fails, self))
        )
        for name in ("now", "later"):
            found = both.call(name)
            self.assertIs(Got, found.type)
            self.assertEqual(7, found.value.code)

    @each(SIDES)
    def test_layouts(self, side: str) -> None:
        """Every flavour mixes with classes of another layout: dictionaries, lists, exceptions, slots, enumerations'."""
        pb = load(side).pb

        class Slotted:
            """Has slots."""

            __slots__ = ("one",)

        for name in (
            "Serializable", "Referenceable", "Root", "ViewPoint", "Viewable", "Copyable", "Cacheable", "RemoteCopy",
            "RemoteCache", "Jellyable", "RemoteReference", "Avatar", "Broker", "PBClientFactory", "PBServerFactory",
        ):  # fmt: skip
            for other in (dict, list, Exception, Slotted, Failure, threading_local(), int):
                for bases in ((getattr(pb, name), other), (other, getattr(pb, name))):
                    self.assertTrue(type("Mixed", bases, {}), (name, other))
        for name in ("Copyable", "Referenceable", "RemoteCopy"):
            self.assertEqual({"x": 1}, _with_attribute(type("Plain", (getattr(pb, name),), {})).__dict__)

    @each(PAIRS)
    def test_dictionaries_that_are_referenced(self, pair: tuple[str, str]) -> None:
        """A dictionary that is a Referenceable is a reference, not a dictionary; a list that is a Copyable, a copy."""
        server, client = load(pair[0]), load(pair[1])
        table = type("Table", (server.pb.Referenceable, dict), {"remote_get": lambda self, key: self[key]})()
        table["k"] = 5
        both = Pair(*pair, echo(server, remote_table=lambda self: table))
        got = both.value("table")
        self.assertIsInstance(got, client.pb.RemoteReference)
        self.assertEqual(5, both.outcome(got.callRemote("get", "k")))


def threading_local() -> Any:
    """A class of C with a layout of its own."""
    import threading

    return threading.local


def _with_attribute(cls: Any) -> Any:
    made = cls()
    made.x = 1
    return made
