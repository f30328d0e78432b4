"""Tests of `spreadlite.util`: pages, by themselves."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

from twisted.internet import defer
from twisted.trial.unittest import SynchronousTestCase

from spreadlite import util
from spreadlite.core.errors import PBConnectionLost
from tests.pairs import PAIRS, Pair
from tests.vectors.rows import Rows, each
from tests.vectors.spreads import OURS, TWISTED, load

#: How a server lets go of the client's second object: ``[decref 2]``.
RELEASED = b"\x02\x80\x1d\x87\x02\x81"


class Collector:
    """What pages are sent to; nobody asks for them but the test."""

    def __init__(self, gone: bool = False) -> None:
        self.said: list[Any] = []
        self.gone = gone
        self.broker = self

    def registerPageProducer(self, pager: Any) -> None:
        """The broker's: a connection that has gone says so at once."""
        if self.gone:
            pager.connectionLost()

    def callRemote(self, name: str, *args: Any, pbanswer: bool = True) -> None:
        """Keep it."""
        self.said.append((name, *args, pbanswer))


class Asked:
    """A reference whose method takes a collector."""

    def __init__(self) -> None:
        self.answer: defer.Deferred[Any] = defer.Deferred()
        self.watching: list[Any] = []
        self.collector: Any = None

    def callRemote(self, name: str, collector: Any, *args: Any, **kw: Any) -> Any:
        """The call."""
        self.collector = collector
        return self.answer

    def notifyOnDisconnect(self, callback: Any) -> None:
        """Keep it."""
        self.watching.append(callback)

    def dontNotifyOnDisconnect(self, callback: Any) -> None:
        """Forget it."""
        self.watching.remove(callback)


class FilePagerTests(SynchronousTestCase):
    """`FilePager`."""

    def all_of(self, pager: Any) -> None:
        """Have it send all, as a broker does."""
        for _ in range(100):
            if not pager.stillPaging():
                return
            pager.sendNextPage()
        self.fail("no end")

    def test_in_order(self) -> None:
        """A file is sent piece by piece, from its beginning to its end; nobody answers a page, and there is a callback."""
        contents = bytes(range(256)) * 1000
        called: list[Any] = []
        collector = Collector()
        pager = util.FilePager(collector, io.BytesIO(contents), called.append, "done")
        self.assertEqual([], collector.said)
        self.all_of(pager)
        self.assertGreater(len(collector.said), 3)
        self.assertEqual(("endedPaging", False), collector.said.pop())
        self.assertEqual(contents, b"".join(page for _, page, _ in collector.said))
        self.assertEqual({("gotPage", False)}, {(name, answer) for name, _, answer in collector.said})
        self.assertEqual(["done"], called)

    def test_pieces_wait(self) -> None:
        """What was read and not sent goes in the order in which it was read."""
        collector = Collector()
        pager = util.FilePager(collector, io.BytesIO(b"0"))
        pager.chunks[:] = [b"1", b"2", b"3"]
        for _ in range(3):
            pager.sendNextPage()
        self.assertEqual([b"1", b"2", b"3"], [page for _, page, _ in collector.said])

    def test_file_that_fails(self) -> None:
        """A file that cannot be read any more ends the pages; the collector is told, and waits for nothing."""
        pieces = [b"one", OSError("unreadable")]

        def read(size: int) -> bytes:
            piece = pieces.pop(0)
            if isinstance(piece, bytes):
                return piece
            raise piece

        collector = Collector()
        pager = util.FilePager(collector, SimpleNamespace(read=read))
        pager.deferred.addErrback(lambda reason: None)
        try:
            self.all_of(pager)
        except OSError:
            pager.deferred.errback(OSError("unreadable"))
            self.all_of(pager)
        self.assertEqual(("endedPaging", False), collector.said[-1])

    def test_gone(self) -> None:
        """With the connection, the reading of the file ends: at once where it had gone before."""
        for gone in (True, False):
            file = io.BytesIO(b"x" * 10**6)
            called: list[Any] = []
            pager = util.FilePager(Collector(gone), file, called.append, "done")
            read = file.tell()
            if not gone:
                pager.connectionLost()
            self.assertFalse(pager._stillPaging)
            self.assertTrue(pager.deferred.called)
            self.assertLess(read, 10**6)
            self.assertEqual((read, []), (file.tell(), called))


class CollectorTests(Rows, SynchronousTestCase):
    """`CallbackPageCollector`."""

    @each((OURS, TWISTED))
    def test_of_several(self, kind: str) -> None:
        """One may take the pages of several pagers, one after the other: the callback is called at the end of each, with
        the same list, from which a program takes what it has seen."""
        called: list[Any] = []

        def take(pages: list[Any]) -> None:
            called.append(pages[:])
            del pages[:1]

        collector = load(kind).util.CallbackPageCollector(take)
        for page in (1, 2, 3):
            collector.remote_gotPage(page)
            collector.remote_gotPage(page * 10)
            collector.remote_endedPaging()
        self.assertEqual([[1, 10], [10, 2, 20], [2, 20, 3, 30]], called)


class ManyPagersTests(Rows, SynchronousTestCase):
    """Several pagers of one connection."""

    @each(PAIRS)
    def test_let_go_of(self, pair: tuple[str, str]) -> None:
        """The collector of a pager that has come to its end is let go of before another pager's page is sent, as the bytes
        of `twisted.spread` have it."""
        spread = load(pair[0])

        class Root(spread.pb.Root):  # type: ignore[name-defined,misc]
            """Sends what it is asked for in pages."""

            def remote_page(self, collector: Any, size: int) -> None:
                """Pages of four bytes."""
                spread.util.StringPager(collector, b"x" * size, 4)

        both = Pair(*pair, Root())
        gets = load(pair[1]).util.getAllPages
        # The first sends a page as it is made; then the one that came last has its turn first, and ends.
        pages = [gets(both.root, "page", size) for size in (16, 8)]
        both.flush()
        self.assertEqual([self.successResultOf(d) for d in pages], [[b"xxxx"] * 4, [b"xxxx"] * 2])
        said = both.link.sent[1]
        self.assertNotIn(b"gotPage", said[said.index(b"endedPaging") : said.index(RELEASED)])


class AllPagesTests(SynchronousTestCase):
    """`getAllPages`."""

    def test_once(self) -> None:
        """The pages come once, whatever comes after them: the end of the connection, the failure of the method, or more
        pages; and the connection is watched no longer."""
        asked = Asked()
        pages = util.getAllPages(asked, "give")
        (lost,) = asked.watching
        asked.collector.remote_gotPage(b"a")
        asked.collector.remote_gotPage(b"b")
        self.assertNoResult(pages)
        asked.collector.remote_endedPaging()
        self.assertEqual([b"a", b"b"], self.successResultOf(pages))
        self.assertEqual([], asked.watching)
        asked.collector.remote_endedPaging()
        asked.collector.remote_gotPage(b"c")
        lost(asked)
        asked.answer.errback(ValueError("after all"))

    def test_fails(self) -> None:
        """It fails with the method, or with the connection, and then what else fails is no matter."""
        asked = Asked()
        pages = util.getAllPages(asked, "give")
        asked.answer.errback(ValueError("no pages"))
        self.failureResultOf(pages, ValueError)
        self.assertEqual([], asked.watching)
        asked = Asked()
        pages = util.getAllPages(asked, "give")
        asked.watching[0](asked)
        self.failureResultOf(pages, PBConnectionLost)
        asked.answer.errback(ValueError("lost"))

    def test_without_a_connection(self) -> None:
        """An object of this process that is called like a remote one gives its pages too."""

        class Local(util.LocalAsRemote):
            def sync_give(self, collector: Any, *pages: Any) -> Any:
                for page in pages:
                    collector.remote_gotPage(page)
                collector.remote_endedPaging()
                return defer.succeed(None)

        self.assertEqual([1, 2], self.successResultOf(util.getAllPages(Local(), "give", 1, 2)))


class LocalTests(SynchronousTestCase):
    """`LocalAsRemote`."""

    def test_tracebacks(self) -> None:
        """An exception is the failure of the Deferred, and is printed where that is wished."""

        class Local(util.LocalAsRemote):
            def async_fail(self) -> None:
                raise ValueError("no")

        for wished in (0, 1):
            local = Local()
            local.reportAllTracebacks = wished
            out = io.StringIO()
            self.patch(util.Failure, "printTraceback", lambda reason, out=out: out.write("printed"))
            self.failureResultOf(local.callRemote("fail"), ValueError)
            self.assertEqual("printed" * wished, out.getvalue())
