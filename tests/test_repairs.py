"""Where ours answers better than twisted.spread: each row of the list, with twisted.spread's own answer as proof.

Who has to be ours for the better answer is part of each row: the side that reads, the side that writes, or either.  The
other may be twisted.spread's.
"""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import datetime
import decimal
import gc
import os
import warnings
from collections.abc import Callable
from typing import Any

from twisted.cred.checkers import FilePasswordDB, InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import UsernamePassword
from twisted.cred.portal import Portal
from twisted.internet import defer
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.pairs import HANGS, PAIRS, Pair, kind_of
from tests.vectors.rows import Rows, each
from tests.vectors.spreads import OURS, TWISTED, load


def rooted(side: str, **methods: Callable[..., Any]) -> Any:
    """A root of *side*'s with these remote methods, which are not given the root."""

    def method(function: Callable[..., Any]) -> Any:
        return lambda self, *args, **kw: function(*args, **kw)

    members = {f"remote_{name}": method(function) for name, function in methods.items()}
    return type("Root", (load(side).pb.Root,), members)()


def copied(pair: tuple[str, str], tag: str, sent: dict[str, Any], got: dict[str, Any]) -> tuple[Any, Any]:
    """A Copyable of the server's and the RemoteCopy of the client's that stands for it."""
    server, client = map(load, pair)
    members = {"getTypeToCopy": lambda self: tag.encode(), **sent}
    there = type("Sent", (server.pb.Copyable,), members)
    here = type("Got", (client.pb.RemoteCopy,), got)
    client.pb.setUnjellyableForClass(tag, here)
    return there, here


def raised(function: Callable[[], Any]) -> str:
    """The name of the exception that *function* raises, or its result."""
    try:
        return repr(function())
    except BaseException as error:
        return type(error).__name__


class Repairs(Rows, SynchronousTestCase):
    """What the classes of tests below share."""

    def forget_logged(self) -> None:
        """What either side logs about these mistakes is not what is looked at here."""
        self.flushLoggedErrors()

    def tearDown(self) -> None:
        """Forget it."""
        gc.collect()
        self.forget_logged()


class AnswerTests(Repairs):
    """Answers and errors that cannot be read or sent."""

    @each(PAIRS)
    def test_answer_that_cannot_be_read(self, pair: tuple[str, str]) -> None:
        """The call fails with the reason, and the connection lives; a client of twisted.spread's hangs and is dropped."""
        sent = type("Sent", (load(pair[0]).pb.Copyable,), {"getTypeToCopy": lambda self: b"repairs.Nobody"})
        both = Pair(*pair, rooted(pair[0], get=sent))
        found = both.call("get")
        if pair[1] == TWISTED:
            self.assertEqual((HANGS, False), (found, both.alive))
        else:
            self.assertEqual(("twisted.spread.jelly.InsecureJelly", True), (kind_of(found), both.alive))

    @each(PAIRS)
    def test_error_that_cannot_be_read(self, pair: tuple[str, str]) -> None:
        """The same where it is an error."""

        def fail() -> None:
            error = type("Bad", (load(pair[0]).pb.Error, load(pair[0]).pb.Copyable), {})()
            error.getTypeToCopy = lambda: b"repairs.NobodysError"
            error.getStateToCopy = dict
            raise error

        both = Pair(*pair, rooted(pair[0], fail=fail))
        found = both.call("fail")
        if pair[1] == TWISTED:
            self.assertEqual((HANGS, False), (found, both.alive))
        else:
            self.assertEqual(("twisted.spread.jelly.InsecureJelly", True), (kind_of(found), both.alive))

    @each(
        PAIRS,
        (
            "bytes", "integer", "bytes later", "error", "error later", "nameless", "nameless later", "nameless Error",
            "nameless Error later",
        ),
    )
    def test_cannot_be_sent(self, pair: tuple[str, str], what: str) -> None:
        """An answer or error that is too large for banana, or has no text or name, is an error for that caller; a server
        of twisted.spread's drops the connection, or never answers."""

        class Mute(Exception):
            """Has no text."""

            def __str__(self) -> str:
                raise ValueError("none")

        def mute() -> None:
            raise Mute

        def nameless(base: Any = Exception) -> Any:
            return type("Nameless", (base,), {"__module__": None})("x")

        def raise_(error: BaseException) -> None:
            raise error

        method = {
            "bytes": lambda: bytes(700000),
            "integer": lambda: 2**448,
            "bytes later": lambda: defer.succeed(bytes(700000)),
            "error": mute,
            "error later": lambda: defer.fail(Mute()),
            "nameless": lambda: raise_(nameless()),
            "nameless later": lambda: defer.fail(nameless()),
            "nameless Error": lambda: raise_(nameless(load(pair[0]).pb.Error)),
            "nameless Error later": lambda: defer.fail(nameless(load(pair[0]).pb.Error)),
        }[what]
        both = Pair(*pair, rooted(pair[0], get=method, ok=lambda: "ok"))
        found = both.call("get")
        if pair[0] == TWISTED:
            self.assertTrue(found is HANGS or kind_of(found).endswith("PBConnectionLost"))
        else:
            self.assertIsInstance(found, Failure)
            self.assertNotIn("PBConnectionLost", kind_of(found))
            self.assertEqual("ok", both.value("ok"))

    @each(PAIRS)
    def test_taken_back(self, pair: tuple[str, str]) -> None:
        """What an answer that is not sent had registered leaves the tables."""
        there = load(pair[0]).pb.Referenceable()
        both = Pair(*pair, rooted(pair[0], get=lambda: defer.succeed([there, 2**448])))
        both.call("get")
        self.assertEqual(1 if pair[0] == TWISTED else 0, len(both.server.luids))

    @each(PAIRS)
    def test_argument_that_cannot_be_sent(self, pair: tuple[str, str]) -> None:
        """BananaError is raised by `callRemote` either way; with ours, no question and no reference stay behind."""
        both = Pair(*pair, rooted(pair[0]))
        here = load(pair[1]).pb.Referenceable()
        self.assertEqual("BananaError", raised(lambda: both.root.callRemote("get", here, 2**448)))
        left = len(both.client.waitingForAnswers), len(both.client.luids)
        self.assertEqual((1, 1) if pair[1] == TWISTED else (0, 0), left)

    @each(PAIRS, (SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError))
    def test_exceptions_that_are_no_exception(self, pair: tuple[str, str], kind: type[BaseException]) -> None:
        """They fail the call where either side is ours, by their own name where that is the server; else it waits for
        ever."""

        def fail() -> None:
            raise kind("x")

        both = Pair(*pair, rooted(pair[0], fail=fail))
        found = both.call("fail")
        if pair == (TWISTED, TWISTED):
            self.assertEqual((HANGS, False), (found, both.alive))
        else:
            # A server of twisted.spread's sends what nobody may read: the call fails with that.
            name = "InsecureJelly" if pair[0] == TWISTED else kind.__name__
            self.assertEqual((name, True), (kind_of(found).rpartition(".")[2], both.alive))

    @each([TWISTED, OURS])
    def test_get_all_pages(self, side: str) -> None:
        """`getAllPages` fails when the method does, and when the connection goes."""
        for name in ("fail", "silent"):
            both = Pair(TWISTED, side, rooted(TWISTED, fail=lambda collector: 1 / 0, silent=lambda collector: None))
            pages = load(side).util.getAllPages(both.root, name)
            both.flush()
            both.cut()
            results: list[Any] = []
            pages.addBoth(results.append)
            self.assertEqual(0 if side == TWISTED else 1, len(results))
            self.assertTrue(all(isinstance(found, Failure) for found in results))

    @each([TWISTED, OURS])
    def test_get_root_object(self, side: str) -> None:
        """`getRootObject` fails when an endpoint cannot connect (it stops the factory then)."""
        factory = load(side).pb.PBClientFactory()
        results: list[Any] = []
        factory.getRootObject().addBoth(results.append)
        factory.doStart()
        factory.doStop()
        self.assertEqual(0 if side == TWISTED else 1, len(results))

    @each([TWISTED, OURS])
    def test_get_root_object_by_connector(self, side: str) -> None:
        """With a connector it fails either way."""
        factory = load(side).pb.PBClientFactory()
        waiting = factory.getRootObject()
        factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        self.failureResultOf(waiting, ConnectionRefusedError)

    @each(PAIRS)
    def test_never_negotiated(self, pair: tuple[str, str]) -> None:
        """`getRootObject` fails when the two agree on no dialect."""
        server = load(pair[0]).pb.PBServerFactory(rooted(pair[0]))
        server.protocol = type("Odd", (load(pair[0]).pb.Broker,), {"knownDialects": [b"odd"]})
        client = load(pair[1]).pb.PBClientFactory()
        results: list[Any] = []
        client.getRootObject().addBoth(results.append)
        Pair(*pair, serving=server, connecting=client)
        self.assertEqual(0 if pair[1] == TWISTED else 1, len(results))

    @each([TWISTED, OURS])
    def test_never_negotiated_closed(self, side: str) -> None:
        """The connection is then closed, not aborted: the application is told that it ended in an orderly way."""
        ended: list[str] = []
        transport: Any = StringTransport()
        transport.loseConnection = lambda: ended.append("closed")
        transport.abortConnection = lambda: ended.append("aborted")
        broker = load(side).pb.PBClientFactory().buildProtocol(None)
        broker.makeConnection(transport)
        broker.dataReceived(load(side).banana.encode([b"odd"]))
        self.assertEqual(["closed"], ended)


class IdentityTests(Repairs):
    """References and observers compared."""

    @each([TWISTED, OURS])
    def test_equality(self, side: str) -> None:
        """References can be compared with anything, and the root's can be a key."""
        one, other = (Pair(TWISTED, side) for _ in range(2))
        found = [
            raised(lambda: one.root == None),  # noqa: E711
            raised(lambda: one.root == other.client.remoteForName("root")),
            raised(lambda: one.root in {one.root}),
            raised(lambda: one.root.remoteMethod("a") in {one.root.remoteMethod("a")}),
        ]
        self.assertEqual(["TypeError"] * 4 if side == TWISTED else ["False", "False", "True", "True"], found)

    @each([TWISTED, OURS])
    def test_observers_in_lists(self, side: str) -> None:
        """A Cacheable with two clients may keep its observers in a list."""
        observers = [load(side).pb.RemoteCacheObserver(Pair(side, TWISTED).server, "it", None) for _ in range(2)]
        last = copy.copy(observers[1])
        self.assertEqual("TypeError" if side == TWISTED else "None", raised(lambda: observers.remove(last)))


class FailureTests(Repairs):
    """Failures of the other side."""

    @each(PAIRS)
    def test_copied_failure(self, pair: tuple[str, str]) -> None:
        """`trap` of another class, `repr` and `raiseException` behave as with any failure."""
        both = Pair(*pair, rooted(pair[0], fail=lambda: 1 / 0))
        failure = both.call("fail")
        raise_it = raised(failure.raiseException), raised(lambda: failure.trap(KeyError))
        self.assertIs(ZeroDivisionError, failure.trap(KeyError, ZeroDivisionError))
        if pair[1] == TWISTED:
            self.assertEqual(("AttributeError", "AttributeError"), raise_it)
            self.assertEqual("AttributeError", raised(lambda: repr(failure)))
        else:
            self.assertEqual("RemoteError", raise_it[0])
            self.assertRaises(load(pair[1]).pb.RemoteError, failure.trap, KeyError)
            self.assertIn("ZeroDivisionError", repr(failure))

    @each(PAIRS)
    def test_trapped_later(self, pair: tuple[str, str]) -> None:
        """After an errback whose trap misses, a later one finds the same exception, where the caller is ours."""
        failure = Pair(*pair, rooted(pair[0], fail=lambda: {}["it"])).call("fail")
        found: list[Any] = []
        deferred = defer.fail(failure).addErrback(lambda reason: reason.trap(ZeroDivisionError))
        deferred.addErrback(lambda reason: found.append((reason.check(KeyError), reason.check("builtins.LookupError"))))
        self.assertEqual([(None, None) if pair[1] == TWISTED else (KeyError, "builtins.LookupError")], found)

    @each(PAIRS)
    def test_long_text(self, pair: tuple[str, str]) -> None:
        """The text of an exception that is longer than banana sends is cut where the server is ours; the exception is the
        same."""

        def fail() -> None:
            raise KeyboardInterrupt("x" * 700_000) if pair[0] == TWISTED else ValueError("x" * 700_000)

        found = Pair(*pair, rooted(pair[0], fail=fail)).call("fail")
        if pair[0] == OURS:
            self.assertEqual(("builtins.ValueError", True), (kind_of(found), found.getErrorMessage().endswith(" [cut]")))
            self.assertGreater(len(found.getErrorMessage()), 600_000)

    @each(PAIRS)
    def test_await(self, pair: tuple[str, str]) -> None:
        """A call that is awaited raises RemoteError with the name of the remote class."""
        both = Pair(*pair, rooted(pair[0], fail=lambda: 1 / 0))

        async def call() -> Any:
            try:
                await both.root.callRemote("fail")
            except load(pair[1]).pb.RemoteError as error:
                return error.remoteType, str(error)

        self.assertEqual((b"builtins.ZeroDivisionError", "division by zero"), both.outcome(defer.ensureDeferred(call())))


class Plain:
    """An object with a method."""

    def method(self) -> None:
        """Do nothing."""


class ValueTests(Repairs):
    """Values that arrived damaged."""

    @each(PAIRS)
    def test_copy_of_itself(self, pair: tuple[str, str]) -> None:
        """A copy that contains itself arrives whole where the reader is ours."""
        there, here = copied(pair, "repairs.Itself", {}, {})
        made = there()
        made.me = made
        found = Pair(*pair, rooted(pair[0], get=lambda: made)).value("get")
        self.assertEqual(pair[1] == OURS, found.me is found)

    @each(PAIRS)
    def test_slots(self, pair: tuple[str, str]) -> None:
        """So does one with ``__slots__``, where the writer is ours."""
        there, here = copied(pair, "repairs.Slots", {"__slots__": ("a",)}, {})
        made = there()
        made.a, made.b = 1, 2
        found = Pair(*pair, rooted(pair[0], get=lambda: made)).value("get")
        self.assertEqual({"b": 2} if pair[0] == TWISTED else {"a": 1, "b": 2}, vars(found))

    @each(PAIRS)
    def test_frozen(self, pair: tuple[str, str]) -> None:
        """A copy may become a frozen dataclass where the reader is ours."""

        def frozen(self: Any, name: str, value: Any) -> None:
            raise dataclasses.FrozenInstanceError(name)

        there, here = copied(pair, "repairs.Frozen", {}, {"__setattr__": frozen})
        made = there()
        made.a = 1
        found = Pair(*pair, rooted(pair[0], get=lambda: made)).call("get")
        self.assertEqual(HANGS if pair[1] == TWISTED else {"a": 1}, found if found is HANGS else vars(found))

    @each([TWISTED, OURS])
    def test_decimals(self, side: str) -> None:
        """A negative zero keeps its sign; NaN and infinities are refused before banana sees them."""
        jelly = load(side).jelly
        zero = jelly.unjelly(jelly.jelly(decimal.Decimal("-0")))
        self.assertEqual("0" if side == TWISTED else "-0", str(zero))
        kinds = [raised(lambda name=name: jelly.jelly(decimal.Decimal(name))) for name in ("NaN", "Infinity")]  # type: ignore[misc]
        if side == OURS:
            self.assertEqual(["ValueError", "ValueError"], kinds)
        else:
            self.assertEqual("TypeError", kinds[0])
            self.assertNotIn("Error", kinds[1])

    @each([TWISTED, OURS])
    def test_fold(self, side: str) -> None:
        """``fold`` arrives."""
        jelly = load(side).jelly
        for value in (datetime.datetime(2026, 10, 25, 2, 30, fold=1), datetime.time(2, 30, fold=1)):
            self.assertEqual(int(side == OURS), jelly.unjelly(jelly.jelly(value)).fold)

    @each([TWISTED, OURS])
    def test_functions_and_modules(self, side: str) -> None:
        """Functions, modules and methods are what banana carries."""
        jelly, banana = load(side).jelly, load(side).banana
        for value in (os.path.join, os.path, Realm.requestAvatar, Plain().method):
            found = raised(lambda value=value: type(banana.encode(jelly.jelly(value))))  # type: ignore[misc]
            self.assertEqual("BananaError" if side == TWISTED else "<class 'bytes'>", found)

    @each([TWISTED, OURS])
    def test_half_a_message(self, side: str) -> None:
        """`decode` of half a message leaves nothing for the next."""
        banana = load(side).banana
        raised(lambda: banana.decode(banana.encode([1, [2, 3]])[:4]))
        found = raised(lambda: banana.decode(banana.encode([3])))
        if side == OURS:
            self.assertEqual("[3]", found)
        else:
            self.assertNotEqual("[3]", found)
            while banana._i.listStack:
                banana._i.listStack.pop()
            banana._i.buffer = b""

    @each(PAIRS)
    def test_bytes_for_names(self, pair: tuple[str, str]) -> None:
        """A method's name may be bytes for `remoteMethod`, and an observer's `remoteMethod` can be called."""
        both = Pair(*pair, rooted(pair[0], ok=lambda: "ok"))
        found = raised(lambda: both.outcome(both.root.remoteMethod(b"ok")()))
        self.assertEqual("AttributeError" if pair[1] == TWISTED else "'ok'", found)

    @each(PAIRS)
    def test_observers_remote_method(self, pair: tuple[str, str]) -> None:
        """The same for observers."""
        server, client = map(load, pair)

        class Kept(server.pb.Cacheable):  # type: ignore[misc]
            """Keeps its observer."""

            def getTypeToCopy(self) -> bytes:
                """What it is called."""
                return b"repairs.Kept"

            def getStateToCacheAndObserveFor(self, perspective: Any, observer: Any) -> Any:
                """Keep it."""
                self.observer = observer
                return {}

        here = type("Got", (client.pb.RemoteCache,), {"observe_hello": lambda self: "hello"})
        client.pb.setUnjellyableForClass("repairs.Kept", here)
        kept = Kept()
        both = Pair(*pair, rooted(pair[0], get=lambda: kept))
        found = both.value("get")
        answer = raised(lambda: both.outcome(kept.observer.remoteMethod("hello")()))
        self.assertEqual("BananaError" if pair[0] == TWISTED else "'hello'", answer)
        del found

    @each(PAIRS)
    def test_straight_home(self, pair: tuple[str, str]) -> None:
        """A client's object that is given straight back comes home as itself where either side is ours; else as None."""
        both = Pair(*pair, rooted(pair[0], echo=lambda it: it))
        mine = load(pair[1]).pb.Referenceable()
        found = both.value("echo", mine)
        self.assertIs(None if pair == (TWISTED, TWISTED) else mine, found)

    @each(PAIRS, ("echo", "later"))
    def test_cached_straight_home(self, pair: tuple[str, str], how: str) -> None:
        """A Cacheable that a client hands straight back comes home as itself, also where the client lets go of its cache
        before it says so; its owner is told that nobody observes it, once.  With twisted.spread the connection is lost."""
        server, client = map(load, pair)
        told = []

        class Light(server.pb.Cacheable):
            """Is watched."""

            def getTypeToCopy(self) -> bytes:
                return b"repairs.Light"

            def stoppedObserving(self, perspective: Any, observer: Any) -> None:
                told.append(observer.cached)

        class Echo(client.pb.Referenceable):
            """Keeps nothing."""

            def remote_echo(self, it: Any) -> Any:
                return [it]

            def remote_later(self, it: Any) -> Any:
                return defer.succeed(None).addCallback(lambda result: [it])

        client.pb.setUnjellyableForClass("repairs.Light", type("Seen", (client.pb.RemoteCache,), {}))
        light = Light()

        def ask(other: Any) -> Any:
            return other.callRemote(how, light).addCallback(lambda got: got[0] is light)

        both = Pair(*pair, rooted(pair[0], ask=ask))
        for times in (1, 2):
            found = both.call("ask", Echo())
            if pair == (TWISTED, TWISTED):
                self.assertFalse(both.alive)
                return
            self.assertIs(True, found)
            self.assertEqual([light] * times, told)
        self.assertTrue(both.alive)
        self.assertFalse(both.server.remotelyCachedObjects)
        self.assertFalse(both.client.locallyCachedObjects)
        if pair[0] == OURS:
            # It is not kept for longer than that.
            self.assertRaises(server.jelly.InsecureJelly, both.server.remotelyCachedForLUID, 2)

    @each([TWISTED, OURS])
    def test_unregistered_types(self, side: str) -> None:
        """A type that is not registered has the same bytes either way; ours warns, once a type, where it is sent."""
        jelly, banana = load(side).jelly, load(side).banana
        kind = type("Unregistered", (), {})
        written = []
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            for _ in range(2):
                written.append(banana.encode(jelly.jelly(kind(), jelly.globalSecurity)))
        theirs = load(TWISTED).jelly
        self.assertEqual([banana.encode(theirs.jelly(kind(), theirs.globalSecurity))] * 2, written)
        self.assertEqual([] if side == TWISTED else ["UnregisteredTypeWarning"], [one.category.__name__ for one in told])


class Realm:
    """Lets everybody in."""

    def __init__(self, side: str) -> None:
        self.pb = load(side).pb
        self.names: list[Any] = []

    def requestAvatar(self, name: Any, mind: Any, *interfaces: Any) -> Any:
        """A new avatar."""
        self.names.append(name)
        return self.pb.IPerspective, self.pb.Avatar(), lambda: None


class LoginTests(Repairs):
    """Credentials."""

    @each(PAIRS)
    def test_text(self, pair: tuple[str, str]) -> None:
        """A password may be text where the client is ours."""
        checker = InMemoryUsernamePasswordDatabaseDontUse()
        checker.addUser("bob", b"secret")
        both = Pair(*pair, Portal(Realm(pair[0]), [checker]))
        found = both.outcome(both.connecting.login(UsernamePassword("bob", "secret")))
        if pair[1] == TWISTED:
            self.assertIs(TypeError, found.type)
        else:
            self.assertEqual("RemoteReference", type(found).__name__)

    @each(("text", "bytes", "file"))
    def test_names(self, kept: str) -> None:
        """A user is found whose name is text in one place and bytes in the other, and the realm is asked for the avatar by
        what a checker of Twisted's has."""
        checker: Any = InMemoryUsernamePasswordDatabaseDontUse()
        checker.addUser("zoë" if kept == "text" else "zoë".encode(), b"secret")
        if kept == "file":
            path = self.mktemp()
            with open(path, "wb") as file:
                file.write("bob:word\nzoë:secret\n".encode())
            checker = FilePasswordDB(path)
        realm = Realm(OURS)
        both = Pair(OURS, OURS, Portal(realm, [checker]))
        for name in ("zoë", "zoë".encode()):
            found = both.outcome(both.connecting.login(UsernamePassword(name, b"secret")))
            self.assertEqual("RemoteReference", type(found).__name__)
        self.assertEqual(["zoë" if kept == "text" else "zoë".encode()] * 2, realm.names)

    @each([TWISTED, OURS])
    def test_other_credentials(self, side: str) -> None:
        """What cannot be sent gives a failed Deferred, not an exception."""
        both = Pair(TWISTED, side)
        found = raised(lambda: self.failureResultOf(both.connecting.login(object())).type.__name__)
        self.assertEqual("AttributeError" if side == TWISTED else "'UnhandledCredentials'", found)


class PublishTests(Repairs):
    """Files of published objects."""

    @each([TWISTED, OURS])
    def test_inside(self, side: str) -> None:
        """Whatever a peer calls its object, the file is in the working directory."""
        made = load(side).publish.RemotePublished()
        made.service, made.perspective, made.publishedID = "../..", "/", "../../etc/x"
        outside = os.path.dirname(made.getFileName()) != ""
        self.assertEqual(side == TWISTED, outside)
        made.broker = None
