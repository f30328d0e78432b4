"""The connection goes in the middle of something: everything that was set up is taken down, once."""

from __future__ import annotations

import functools
import gc
import io
from types import SimpleNamespace
from typing import Any

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import UsernamePassword
from twisted.cred.portal import Portal
from twisted.internet import defer, task
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from spreadlite import flavors, pb, util
from spreadlite.core.limits import Limits
from tests.compat.rawcodec import pack
from tests.compat.rawpeer import RawPeer
from tests.hostile.bench import Echo, Realm, TimedPipe, logged
from tests.hostile.lines import WAYS, Joined
from tests.hostile.test_flow import calls
from tests.vectors.rows import Rows, each

SIDES = ("server", "client")
COLLECTOR = util.CallbackPageCollector


def every_way(method: Any) -> Any:
    """The test, with each way in which a connection may end as its last argument."""

    @functools.wraps(method)
    def test(self: Any, *args: Any) -> None:
        for way in WAYS:
            self.begin_anew()
            try:
                method(self, *args, way)
            except self.failureException as failed:
                raise self.failureException(f"{way}: {failed}") from failed

    return test


class Ending:
    """What a hook does, which has no other way to the connection: see `EndsCase.ending`."""

    at = ""
    act: Any = staticmethod(lambda: None)

    @classmethod
    def here(cls, place: str) -> None:
        """End the connection, if it is to end in this place; once."""
        if cls.at == place:
            cls.at = ""
            cls.act()


class Sent(flavors.Copyable):
    """A copy with a hook in every place; `Got` at the other side."""

    def __init__(self) -> None:
        self.thing = pb.Referenceable()

    def jellyFor(self, jellier: Any) -> Any:
        """Made into an expression."""
        Ending.here("jellyFor")
        made = super().jellyFor(jellier)
        Ending.here("jellyFor, after")
        return made

    def getTypeToCopy(self) -> Any:
        """The tag."""
        Ending.here("getTypeToCopy")
        return b"ends.Sent"

    def getStateToCopy(self) -> Any:
        """The state."""
        Ending.here("getStateToCopy")
        return {"thing": self.thing, "shared": Shared()}


class Got(flavors.RemoteCopy):
    """What stands for a `Sent`."""

    def unjellyFor(self, unjellier: Any, jellyList: Any) -> Any:
        """Made of an expression."""
        Ending.here("unjellyFor")
        made = super().unjellyFor(unjellier, jellyList)
        Ending.here("unjellyFor, after")
        return made

    def setCopyableState(self, state: Any) -> None:
        """Given its state."""
        super().setCopyableState(state)
        Ending.here("setCopyableState")

    def postUnjelly(self) -> None:
        """Made, with all that it refers to."""
        Ending.here("postUnjelly")


class Shared(flavors.Cacheable):
    """Something to cache."""

    stopped: list[Any] = []
    begun = 0

    def getTypeToCopy(self) -> Any:
        """The tag."""
        return b"ends.Shared"

    def getStateToCacheAndObserveFor(self, perspective: Any, observer: Any) -> Any:
        """The first state."""
        Shared.begun += 1
        Ending.here("getStateToCacheAndObserveFor")
        return {"things": [pb.Referenceable()]}

    def stoppedObserving(self, perspective: Any, observer: Any) -> None:
        """The other side is gone, or has let go of it."""
        Shared.stopped.append(self)
        Ending.here("stoppedObserving")


class SharedThere(flavors.RemoteCache):
    """What stands for a `Shared`."""

    def setCopyableState(self, state: Any) -> None:
        """The first state."""
        super().setCopyableState(state)
        Ending.here("setCopyableState of a cache")

    def observe_changed(self) -> str:
        """It changed."""
        Ending.here("observe")
        return "seen"


SENDING = (
    "jellyFor", "jellyFor, after", "getTypeToCopy", "getStateToCopy", "getStateToCacheAndObserveFor",
)  # fmt: skip
READING = ("unjellyFor", "unjellyFor, after", "setCopyableState", "postUnjelly", "setCopyableState of a cache")


class Root(pb.Root):
    """Does what the tests need."""

    made: list[Any] = []

    def __init__(self) -> None:
        Root.made.append(self)
        self.seen: list[Any] = []
        self.waiting: list[Any] = []
        self.shared = Shared()

    def remote_take(self, *args: Any) -> None:
        """Take it."""
        self.seen.append(args)

    def remote_end(self, how: str) -> Any:
        """End the connection, and give an answer of some kind."""
        Ending.here("method")
        self.waiting.append(defer.Deferred())
        if how == "fails":
            raise ValueError("no")
        return {"value": 1, "Deferred": self.waiting[-1], "copy": Sent(), "reference": self}[how]

    async def remote_later(self) -> Any:
        """Wait, end the connection, and give an answer."""
        self.waiting.append(defer.Deferred())
        await self.waiting[-1]
        Ending.here("coroutine")
        return Sent()

    def remote_wait(self) -> Any:
        """Wait."""
        self.waiting.append(defer.Deferred())
        return self.waiting[-1]

    def remote_give(self) -> Any:
        """Give a copy."""
        return Sent()

    def remote_raise(self) -> Any:
        """Give a copy as an error."""
        raise Wrong(Sent())

    def remote_share(self) -> Any:
        """Give a cache."""
        return self.shared


class Wrong(pb.Error, flavors.Copyable):
    """An error that has a copy with it."""

    def getStateToCopy(self) -> Any:
        """The copy."""
        return {"it": self.args[0]}


class EndsCase(SynchronousTestCase):
    """Has the classes registered."""

    def setUp(self) -> None:
        # What was there before is none of the collector's business: it is asked very often here.
        if hasattr(gc, "freeze"):
            gc.freeze()
            self.addCleanup(gc.unfreeze)
        pb.setUnjellyableForClass("ends.Sent", Got)
        pb.setUnjellyableForClass("ends.Shared", SharedThere)
        pb.setUnjellyableForClass(Wrong, pb.RemoteCopy)
        self.begin_anew()

        def undo() -> None:
            Ending.at, Ending.act = "", staticmethod(lambda: None)
            Shared.stopped = []

        self.addCleanup(undo)

    def begin_anew(self) -> None:
        """Nothing has been made yet."""
        Shared.stopped = []
        Shared.begun = 0
        Root.made = []

    def ending(self, joined: Joined, place: str, side: str, way: str) -> None:
        """Have *side* end the connection in that *place*."""
        Ending.at = place
        Ending.act = staticmethod(lambda: joined.end(side, way))

    def taken_down(self, joined: Joined, text: str = "") -> None:
        """Nothing is left of either side, and every `Shared` that was begun to be observed is told its end, once."""
        joined.flush()
        self.assertEqual("", Ending.at, "it did not come to that")
        Ending.act = staticmethod(lambda: None)
        # What an application keeps, or never answers, is its own to let go of.
        for root in Root.made:
            root.waiting.clear()
            root.seen.clear()
        self.assertEqual([], joined.leftovers())
        self.assertEqual(Shared.begun, len(Shared.stopped))
        self.assertEqual(len(Shared.stopped), len({id(each_one) for each_one in Shared.stopped}))
        for word in ("NoneType", "KeyError", "AlreadyCalled", "Unhandled error in", "has gone"):
            self.assertNotIn(word, text)
        self.flushLoggedErrors(ValueError)


class SliceTests(Rows, EndsCase):
    """In the middle of a flood that is worked off in slices."""

    def flooded(self, tail: bytes = b"") -> tuple[Any, TimedPipe, Echo, list[int]]:
        """A server's broker that has more to do than its slice allowed."""
        self.root = Echo()
        self.factory = pb.PBServerFactory(self.root, limits=Limits(slice_seconds=1e-9, references=2))
        broker, pipe, gone = self.factory.buildProtocol(None), TimedPipe(clock := task.Clock()), []
        broker.makeConnection(pipe)
        broker.notifyOnDisconnect(lambda: gone.append(1))
        broker.dataReceived(pack("pb") + pack(["version", 6], True) + calls("echo", 10, 1) + tail)
        self.assertLess(len(self.root.seen), 10)
        self.clock = clock
        return broker, pipe, self.root, gone

    def over(self, broker: Any, gone: list[int]) -> None:
        """The connection has gone, once, with all that belongs to it."""
        for _ in range(40):
            self.clock.advance(0.01)
        self.assertEqual(([1], None), (gone, broker.localObjects))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_reset(self) -> None:
        """What a peer had said before it broke the connection off, and was not worked on yet, is forgotten."""
        broker, _, root, gone = self.flooded()
        made = len(root.seen)
        broker.connectionLost(Failure(ConnectionLost()))
        self.over(broker, gone)
        self.assertEqual(made, len(root.seen))

    @each(("nothing", "half a message", "another call"))
    def test_closed(self, tail: str) -> None:
        """What a peer had said before it closed the connection in an orderly way is worked on, and then everything is
        taken down."""
        data = {"nothing": b"", "half a message": b"\x07\x80\x01", "another call": calls("echo", 1, 2)}[tail]
        broker, _, root, gone = self.flooded(data)
        broker.connectionLost(Failure(ConnectionDone()))
        self.assertEqual([], gone)
        self.over(broker, gone)
        self.assertEqual(10 + (tail == "another call"), len(root.seen))

    @each(("no message", "no banana", "an answer to nothing", "too many references"))
    def test_closed_and_refused(self, tail: str) -> None:
        """Also where the last of it makes no sense, or is over a limit: a peer does not keep a connection in the tables by
        leaving with a flood."""
        Echo.remote_new = lambda self: pb.Referenceable()  # type: ignore[attr-defined]
        self.addCleanup(delattr, Echo, "remote_new")
        data = {
            "no message": pack([5], True),
            "no banana": b"\xff" * 100,
            "an answer to nothing": pack(["answer", 99, 1], True),
            "too many references": calls("new", 10),
        }[tail]
        broker, _, root, gone = self.flooded(data + calls("echo", 5, 2))
        broker.connectionLost(Failure(ConnectionDone()))
        with logged() as written:
            self.over(broker, gone)
        self.assertEqual(10, len(root.seen))
        self.assertEqual(1, len([line for line in written.lines if "was refused" in line]))

    def test_refused_from_outside(self) -> None:
        """The same where the refusal comes of something else than what is being worked on."""
        broker, _, _, gone = self.flooded()
        broker.connectionLost(Failure(ConnectionDone()))
        broker._refuse("the portal has had enough")
        self.over(broker, gone)

    @each(("lose", "abort"), (True, False))
    def test_ended_within_a_slice(self, how: str, at_once: bool) -> None:
        """A method that is called in a slice ends the connection: nothing is left of it; told of that at once, the rest is
        not worked on."""
        joined = Joined(root := Root(), limits=Limits(slice_seconds=1e-9))
        self.ending(joined, "method", "server", f"{how}{' at once' * at_once}")
        for number in range(5):
            joined.call("take", number)
        joined.call("end", "value")
        for number in range(5):
            joined.call("take", number)
        with logged() as written:
            joined.flush()
        self.assertIn(len(root.seen), (5,) if at_once else range(5, 11))
        self.taken_down(joined, written.text)


class MethodTests(Rows, EndsCase):
    """In the middle of a method, and of the hooks of what it takes and gives."""

    @each(("value", "Deferred", "copy", "reference", "fails"))
    @every_way
    def test_method(self, how: str, way: str) -> None:
        """A method ends the connection by which it was called: all calls come to one end, and what it answers, then or
        later, goes nowhere."""
        joined = Joined(root := Root())
        self.ending(joined, "method", "server", way)
        joined.call("wait")
        joined.call("end", how)
        joined.call("wait")
        with logged() as written:
            joined.flush()
            for waiting in root.waiting:
                waiting.callback(Sent())
            self.taken_down(joined, written.text)

    @every_way
    def test_coroutine(self, way: str) -> None:
        """So does one that had waited before."""
        joined = Joined(root := Root())
        self.ending(joined, "coroutine", "server", way)
        joined.call("later")
        joined.flush()
        with logged() as written:
            root.waiting.pop().callback(None)
            self.taken_down(joined, written.text)

    @each(SENDING, ("argument", "answer", "later answer", "error"))
    @every_way
    def test_sending(self, place: str, role: str, way: str) -> None:
        """A hook that makes an expression of a value ends the connection: the call of which it is part, and every other,
        comes to one end."""
        joined = Joined(root := Root())
        joined.call("wait")
        joined.flush()
        self.ending(joined, place, "client" if role == "argument" else "server", way)
        with logged() as written:
            if role == "argument":
                joined.call("take", Sent(), [Sent()])
            elif role == "later answer":
                root.waiting.pop().callback([Sent(), Sent()])
            else:
                joined.call("give" if role == "answer" else "raise")
            self.taken_down(joined, written.text)

    @each(READING, ("argument", "answer", "error"))
    @every_way
    def test_reading(self, place: str, role: str, way: str) -> None:
        """A hook that makes a value of an expression ends the connection: the same."""
        joined = Joined(Root())
        joined.call("wait")
        self.ending(joined, place, "server" if role == "argument" else "client", way)
        with logged() as written:
            if role == "argument":
                joined.call("take", Sent(), [Sent()])
            else:
                joined.call("give" if role == "answer" else "raise")
            self.taken_down(joined, written.text)

    @every_way
    def test_without_an_answer(self, way: str) -> None:
        """A call to which no answer is wanted gives None, also when the connection goes as its arguments are made; or that
        fails, as anything that makes them may."""
        joined = Joined(Root())
        self.ending(joined, "getStateToCopy", "client", way)
        result = joined.root.callRemote("take", Sent(), pbanswer=False)
        if result is not None:
            self.assertTrue(way.endswith("at once"))
            self.failureResultOf(result, pb.DeadReferenceError)
        del result
        self.taken_down(joined)

    @each(SIDES)
    @every_way
    def test_callback(self, side: str, way: str) -> None:
        """What was to be done with an answer ends the connection, and asks for more: that fails at once."""
        joined = Joined(Root())
        for _ in range(2):
            joined.call("wait")

        def more(result: Any) -> Any:
            joined.end(side, way)
            joined.flush()
            with self.assertRaises(pb.DeadReferenceError):
                joined.root.callRemote("take", 1)
            return result

        joined.expect(joined.root.callRemote("take", 1).addBoth(more))
        self.taken_down(joined)


class LoginTests(Rows, EndsCase):
    """In the middle of a login."""

    @each(("before", "challenged", "portal waits", "answered", "logged in"), SIDES)
    @every_way
    def test_login(self, step: str, side: str, way: str) -> None:
        """Whoever leaves, and at whichever step: the login comes to one end, and there are as many logouts as logins."""
        realm, slow = Realm(), defer.Deferred[Any]()
        checker = InMemoryUsernamePasswordDatabaseDontUse(joe=b"secret")
        asked: list[Any] = []

        class Slow(Portal):
            """Waits."""

            def login(self, *args: Any) -> Any:
                asked.append(args)
                d = defer.Deferred[Any]()
                slow.addCallback(lambda result: d.callback(None))
                return d.addCallback(lambda none: Portal.login(self, *args))

        joined = Joined(Slow(realm, [checker]))
        result = joined.expect(joined.connecting.login(UsernamePassword(b"joe", b"secret"), pb.Referenceable()))
        if step in ("before", "challenged"):
            if step == "challenged":
                # The server has said its challenge, which does not arrive.
                joined.lines[0].protocol.dataReceived(joined.lines[1].out)
                joined.lines[1].out = b""
        else:
            joined.flush()
            self.assertEqual(1, len(asked))
            if step == "logged in":
                slow.callback(None)
                joined.flush()
                self.assertIsInstance(result[0], pb.RemoteReference)
            elif step == "answered":
                # As it is told to the peer.
                slow.callback(None)
        joined.end(side, way)
        joined.lines[0].out = joined.lines[1].out = b""
        joined.flush()
        if not slow.called:
            slow.callback(None)
        self.assertEqual([], realm.inside)
        self.assertEqual(1 if step in ("portal waits", "answered", "logged in") else 0, realm.logouts)
        if step != "logged in":
            self.assertTrue(result[0].check(pb.PBConnectionLost), result)
        asked.clear()
        result[0] = None
        self.taken_down(joined)

    @every_way
    def test_within_the_realm(self, way: str) -> None:
        """A realm, and a logout, may end the connection; the logout is called once."""
        for within in ("realm", "logout", "realm and logout"):
            logouts: list[int] = []
            held: list[Joined] = []

            class Ends(Realm):
                """Ends the connection."""

                def requestAvatar(self, *args: Any, within: str = within, held: Any = held, logouts: Any = logouts) -> Any:
                    interface, avatar, logout = super().requestAvatar(*args)
                    if "realm" in within:
                        held[0].end("server", way)

                    def leave() -> None:
                        logouts.append(1)
                        logout()
                        if "logout" in within:
                            held[0].end("server", way)

                    return interface, avatar, leave

            held.append(joined := Joined(Portal(Ends(), [InMemoryUsernamePasswordDatabaseDontUse(joe=b"secret")])))
            joined.expect(joined.connecting.login(UsernamePassword(b"joe", b"secret"), None).addBoth(lambda result: None))
            # The avatar is let go of at once, which logs out.
            joined.flush()
            self.assertEqual([1], logouts)
            self.taken_down(joined)
            held.clear()


class PageTests(Rows, EndsCase):
    """In the middle of a transfer in pages."""

    @each(("page", "before the first", "collector"), SIDES)
    @every_way
    def test_pages(self, place: str, side: str, way: str) -> None:
        """Whoever leaves: the pager stops and is let go of, and whoever waits for the pages is told, once."""
        pagers: list[Any] = []

        class Counted(util.StringPager):
            """Counts its pages."""

            def nextPage(self) -> Any:
                """The next one."""
                if self.pointer >= 2:
                    Ending.here("page")
                return super().nextPage()

        class Pages(pb.Root):
            """Has pages."""

            def remote_pages(self, collector: Any) -> None:
                """Send them."""
                Ending.here("before the first")
                pagers.append(Counted(collector, b"x" * 10, 1))

        class Collects(COLLECTOR):  # type: ignore[misc,valid-type]
            """Takes them."""

            def remote_gotPage(self, page: Any) -> None:
                """A page."""
                super().remote_gotPage(page)
                Ending.here("collector")

        joined = Joined(Pages())
        self.patch(util, "CallbackPageCollector", Collects)
        self.ending(joined, place, side, way)
        joined.expect(util.getAllPages(joined.root, "pages"))
        with logged() as written:
            joined.flush()
            self.assertTrue(joined.fired[0][0].check(pb.PBConnectionLost), joined.fired)
            self.assertFalse(pagers[0]._stillPaging)
            pagers.clear()
            self.taken_down(joined, written.text)
            self.assertNotIn("Traceback", written.text)

    def test_nothing_to_page(self) -> None:
        """A method that makes a pager of what cannot be paged fails, and no more: nothing is kept of it, and other pages
        come after it."""

        class Pages(pb.Root):
            """Has pages."""

            def remote_pages(self, collector: Any, pages: Any) -> None:
                """Send them."""
                util.StringPager(collector, pages, 5)

            def remote_file(self, collector: Any) -> None:
                """A file that is closed."""
                file = io.BytesIO()
                file.close()
                util.FilePager(collector, file)

        joined = Joined(Pages())
        for name, *args in (("pages", None), ("file",)):
            failed = joined.expect(util.getAllPages(joined.root, name, *args))
            joined.flush()
            self.assertTrue(failed[0].check(TypeError, ValueError), failed)
            self.assertEqual([], joined.server.pageProducers)
        fetched = joined.expect(util.getAllPages(joined.root, "pages", b"x" * 10))
        joined.flush()
        self.assertEqual([[b"xxxxx", b"xxxxx"]], fetched)
        joined.end("client", "abort")
        self.assertEqual(2, len(self.flushLoggedErrors(TypeError, ValueError)))
        self.taken_down(joined)

    def test_file_that_cannot_be_read(self) -> None:
        """A file whose first piece cannot be read has no pages, of which nobody is told that they were all; the callback
        is not called."""
        told: list[Any] = []

        class Pages(pb.Root):
            """Has a file."""

            def remote_file(self, collector: Any) -> str:
                """Who makes the pager sees to its failure itself."""
                file = io.BytesIO()
                file.close()
                try:
                    util.FilePager(collector, file, told.append, "callback")
                except ValueError:
                    return "no file"
                return "a file"

        joined = Joined(Pages())
        said = joined.expect(joined.root.callRemote("file", util.CallbackPageCollector(told.append)))
        joined.flush()
        self.assertEqual((["no file"], []), (said, told))
        self.assertEqual([], joined.server.pageProducers)
        joined.end("client", "abort")
        self.taken_down(joined)

    def test_pager_that_cannot_say(self) -> None:
        """A pager that has pages left and fails when it is asked for that ends the connection: no more of them come."""

        class Pages(pb.Root):
            """Has a page producer of its own."""

            def remote_pages(self, collector: Any) -> None:
                """Make it."""

                def stillPaging() -> bool:
                    raise ValueError("cannot say")

                collector.broker.registerPageProducer(
                    SimpleNamespace(sendNextPage=lambda: None, stillPaging=stillPaging)
                )

        joined = Joined(Pages())
        failed = joined.expect(util.getAllPages(joined.root, "pages"))
        joined.flush()
        self.assertTrue(failed[0].check(pb.PBConnectionLost), failed)
        self.assertEqual(1, len(self.flushLoggedErrors(ValueError)))

    def test_class_without_a_module(self) -> None:
        """An exception whose class has no ``__module__`` at all is an error for the caller, and the connection lives."""
        namespace: dict[str, Any] = {"__builtins__": {"type": type}, "bases": (Exception,)}
        exec("Nameless = type('Nameless', bases, {})", namespace)
        nameless = namespace["Nameless"]
        self.assertFalse(hasattr(nameless, "__module__"))

        class Root(pb.Root):
            """Fails."""

            def remote_raise(self) -> None:
                """At once."""
                raise nameless("why")

            def remote_fail(self) -> Any:
                """By a Deferred."""
                return defer.fail(nameless("why"))

            def remote_ping(self) -> str:
                """Not."""
                return "pong"

        joined = Joined(Root())
        for name in ("raise", "fail"):
            failed = joined.expect(joined.root.callRemote(name))
            joined.root.callRemote(name, pbanswer=False)
            alive = joined.expect(joined.root.callRemote("ping"))
            joined.flush()
            self.assertEqual((1, ["pong"]), (len(failed), alive))
        self.flushLoggedErrors()

    def test_later_page_fails(self) -> None:
        """A page that cannot be made or sent after the first ends the connection, with one entry in the log: whoever waits
        for the pages is told."""
        for page in (None, 1 << 500):

            class Failing(util.StringPager):
                """Its third page is none."""

                def nextPage(self, page: Any = page) -> Any:
                    """The next one."""
                    if self.pointer < 2:
                        return super().nextPage()
                    if page is None:
                        raise ValueError("no page")
                    return page

            class Pages(pb.Root):
                """Has pages."""

                def remote_pages(self, collector: Any, kind: Any = Failing) -> None:
                    """Send them."""
                    kind(collector, b"x" * 10, 1)

            joined = Joined(Pages())
            pages = joined.expect(util.getAllPages(joined.root, "pages"))
            with logged() as written:
                joined.flush()
            self.assertTrue(pages[0].check(pb.PBConnectionLost), pages)
            self.assertEqual(1, written.text.count("Traceback"), written.text)
            self.assertEqual(1, len(self.flushLoggedErrors(ValueError, pb.banana.BananaError)))
            self.taken_down(joined)

    def test_callback_fails(self) -> None:
        """A pager's callback that fails is logged; its pages have been sent, and other pages come after it."""

        class Pages(pb.Root):
            """Has pages."""

            def remote_pages(self, collector: Any) -> None:
                """Send them."""
                util.StringPager(collector, b"x" * 10, 5, "no callback".index, "z")

        joined = Joined(Pages())
        for _ in range(2):
            fetched = joined.expect(util.getAllPages(joined.root, "pages"))
            joined.flush()
            self.assertEqual([[b"xxxxx", b"xxxxx"]], fetched)
            self.assertEqual(1, len(self.flushLoggedErrors(ValueError)))
            self.assertEqual([], joined.server.pageProducers)
        joined.end("client", "abort")
        self.taken_down(joined)

    def test_after_the_end(self) -> None:
        """A pager that is made when the connection has gone has nothing to send, and stops."""
        joined = Joined(Root())
        collectors: list[Any] = []
        self.patch(Root, "remote_take", lambda self, it: collectors.append(it))
        joined.call("take", util.CallbackPageCollector(print))
        joined.flush()
        joined.end("client", "abort")
        joined.flush()
        stopped: list[int] = []
        pager = util.StringPager(collectors[0], b"x" * 10, 1, stopped.append, 1)
        self.assertFalse(pager._stillPaging)
        collectors.clear()
        del pager
        self.taken_down(joined)
        self.assertEqual([], stopped)


class CacheTests(Rows, EndsCase):
    """While an object is cached and observed."""

    @each(SIDES)
    @every_way
    def test_observed(self, side: str, way: str) -> None:
        """Whoever leaves: the owner is told once that nobody observes any more, and what it was just telling fails."""
        joined = Joined(root := Root())
        self.patch(root, "shared", Shared())
        kept = joined.call("share")
        joined.flush()
        observer = flavors.RemoteCacheObserver(joined.server, root.shared, None)
        self.assertEqual(["seen"], _flushed(joined, joined.expect(observer.callRemote("changed"))))
        told = joined.expect(observer.callRemote("changed"))
        joined.end(side, way)
        joined.flush()
        self.assertTrue(told == ["seen"] or told[0].check(pb.PBConnectionLost), told)
        self.assertEqual([root.shared], Shared.stopped)
        with self.assertRaises(pb.ProtocolError):
            observer.callRemote("changed")
        del observer
        kept[0] = told[0] = None
        self.taken_down(joined)

    @each(("observe", "stoppedObserving"))
    @every_way
    def test_within(self, place: str, way: str) -> None:
        """A method that is told of a change, or that nobody observes any more, ends the connection."""
        joined = Joined(root := Root())
        kept = joined.call("share")
        joined.flush()
        self.ending(joined, place, "client" if place == "observe" else "server", way)
        if place == "observe":
            joined.expect(flavors.RemoteCacheObserver(joined.server, root.shared, None).callRemote("changed"))
        else:
            kept[0] = None
        joined.flush()
        kept[0] = None
        self.taken_down(joined)


def _flushed(joined: Joined, results: list[Any]) -> list[Any]:
    joined.flush()
    return results


class RawTests(Rows, EndsCase):
    """The same with a peer that is gone in the middle of what it says, after each byte."""

    def test_every_byte(self) -> None:
        """A peer that breaks off after any byte of a conversation leaves nothing."""
        cache = ["ends.Shared", 2, ["dictionary"]]
        data = pack("pb") + b"".join(
            pack(message, True)
            for message in (
                ["version", 6],
                ["message", 1, "root", "take", 1, ["tuple", ["remote", 1], cache], ["dictionary"]],
                ["message", 2, "root", "share", 1, ["tuple"], ["dictionary"]],
                ["message", 3, "root", "wait", 1, ["tuple"], ["dictionary"]],
            )
        )
        for cut in range(len(data) + 1):
            for why in (ConnectionDone, ConnectionLost):
                Shared.stopped = []
                root = Root()
                peer = RawPeer(pb.PBServerFactory(root).buildProtocol(None))
                peer.raw(data[:cut])
                peer.broker.connectionLost(Failure(why()))
                self.assertEqual((None, None), (peer.broker.localObjects, peer.broker.locallyCachedObjects))
                self.assertEqual(min(Shared.begun, 1), len(Shared.stopped))
                Shared.begun = 0
                for waiting in root.waiting:
                    waiting.callback(None)
