"""Helpers: large values in pages, and local objects that are called like remote ones."""

from __future__ import annotations

from typing import Any

from twisted.internet import defer, interfaces
from twisted.protocols import basic
from twisted.python.failure import Failure
from zope.interface import implementer

from . import pb
from .core.errors import PBConnectionLost

__all__ = [
    "CallbackPageCollector",
    "FilePager",
    "LocalAsRemote",
    "LocalAsyncForwarder",
    "LocalMethod",
    "Pager",
    "StringPager",
    "getAllPages",
]


class LocalMethod:
    """One method of a `LocalAsRemote`, to be called later."""

    def __init__(self, local: Any, name: str) -> None:
        self.local = local
        self.name = name

    def __call__(self, *args: Any, **kw: Any) -> Any:
        """Call it; see `LocalAsRemote.callRemote`."""
        return self.local.callRemote(self.name, *args, **kw)


class LocalAsRemote:
    """An object of this process that is called like one of the other side.

    Attributes:
        reportAllTracebacks: whether an exception of an ``async_`` method is also printed.
    """

    reportAllTracebacks = 1

    def callRemote(self, name: str, *args: Any, **kw: Any) -> Any:
        """Call ``sync_NAME`` and return what it returns, or, if there is none, ``async_NAME`` and return a Deferred of
        its result or failure."""
        sync = getattr(self, "sync_" + name, None)
        if sync is not None:
            return sync(*args, **kw)
        try:
            return defer.succeed(getattr(self, "async_" + name)(*args, **kw))
        except Exception:
            reason = Failure()
            if self.reportAllTracebacks:
                reason.printTraceback()
            return defer.fail(reason)

    def remoteMethod(self, name: str) -> LocalMethod:
        """The method *name*, to be called later."""
        return LocalMethod(self, name)


class LocalAsyncForwarder:
    """Calls the methods of one interface of an object of this process, and answers by Deferred.

    Args:
        forwarded: the object.
        interfaceClass: the interface, which it provides.
        failWhenNotImplemented: whether a call of another method fails, rather than giving None.

    Raises:
        TypeError: the object does not provide the interface.
    """

    def __init__(self, forwarded: Any, interfaceClass: Any, failWhenNotImplemented: Any = 0) -> None:
        if not interfaceClass.providedBy(forwarded):
            raise TypeError(f"{forwarded!r} does not provide {interfaceClass!r}")
        self.forwarded = forwarded
        self.interfaceClass = interfaceClass
        self.failWhenNotImplemented = failWhenNotImplemented

    def _callMethod(self, method: str, *args: Any, **kw: Any) -> Any:
        return getattr(self.forwarded, method)(*args, **kw)

    def callRemote(self, method: str, *args: Any, **kw: Any) -> Any:
        """Call *method*; returns a Deferred of its result."""
        if self.interfaceClass.queryDescriptionFor(method):
            return defer.maybeDeferred(self._callMethod, method, *args, **kw)
        if self.failWhenNotImplemented:
            return defer.fail(NotImplementedError(f"{self.interfaceClass.__name__} has no method {method}"))
        return defer.succeed(None)


class Pager:
    """Sends something in pages, each when the transport has room for it.

    Args:
        collector: a reference to what takes the pages: it is told ``gotPage(page)`` and, at the end, ``endedPaging()``.
        callback: called with the remaining arguments when the last page is sent.

    Subclasses override `nextPage`, and call `stopPaging` when they have given the last.
    """

    def __init__(self, collector: Any, callback: Any = None, *args: Any, **kw: Any) -> None:
        self.callback = callback if callable(callback) else None
        self.callbackArgs = args
        self.callbackKeyword = kw
        self._stillPaging: Any = 1
        self.collector = collector
        collector.broker.registerPageProducer(self)

    def stillPaging(self) -> Any:
        """Whether pages are left; the broker asks after each, and when there are none the collector is told."""
        if not self._stillPaging:
            self.collector.callRemote("endedPaging", pbanswer=False)
            if self.callback is not None:
                self.callback(*self.callbackArgs, **self.callbackKeyword)
        return self._stillPaging

    def sendNextPage(self) -> None:
        """Send a page; the broker calls this when there is room."""
        self.collector.callRemote("gotPage", self.nextPage(), pbanswer=False)

    def nextPage(self) -> Any:
        """The next page.  Override it."""
        raise NotImplementedError()

    def stopPaging(self) -> None:
        """There are no more pages."""
        self._stillPaging = 0

    def connectionLost(self) -> None:
        """The connection has gone; the callback is not called."""
        self.stopPaging()


class StringPager(Pager):
    """Sends bytes or a text in pages of *chunkSize* bytes or characters."""

    def __init__(
        self, collector: Any, st: Any, chunkSize: int = 8192, callback: Any = None, *args: Any, **kw: Any
    ) -> None:
        # What has no length would be found out with its first page, which may cost the connection.
        len(st)
        self.string = st
        self.pointer = 0
        self.chunkSize = chunkSize
        Pager.__init__(self, collector, callback, *args, **kw)

    def nextPage(self) -> Any:
        """The next piece; an empty string has one empty page."""
        start = self.pointer
        self.pointer += self.chunkSize
        if self.pointer >= len(self.string):
            self.stopPaging()
        return self.string[start : self.pointer]


@implementer(interfaces.IConsumer)
class FilePager(Pager):
    """Sends a file as it is read; an empty file has no page.

    Args:
        collector, callback: see `Pager`.
        fd: the file, open for reading bytes; whoever opened it closes it (in *callback*, say).
    """

    producer: Any = None
    # Whether it could not begin: nobody is to be told that this was all.
    _failed = False

    def __init__(self, collector: Any, fd: Any, callback: Any = None, *args: Any, **kw: Any) -> None:
        self.chunks: list[bytes] = []
        Pager.__init__(self, collector, callback, *args, **kw)
        try:
            self.startProducing(fd)
        except BaseException:
            # It would wait for ever among those that have pages left.
            self._failed, self.producer = True, None
            self.stopPaging()
            raise
        if not self._stillPaging:
            # The connection had gone already.
            self.connectionLost()

    def stillPaging(self) -> Any:
        """Whether pages are left."""
        return 0 if self._failed else Pager.stillPaging(self)

    def startProducing(self, fd: Any) -> None:
        """Begin to read."""
        self.deferred = basic.FileSender().beginFileTransfer(fd, self)
        self.deferred.addBoth(lambda result: self.stopPaging())

    def registerProducer(self, producer: Any, streaming: Any) -> None:
        """What reads the file: a pull producer."""
        self.producer = producer
        if not streaming:
            self.producer.resumeProducing()

    def unregisterProducer(self) -> None:
        """The file is read."""
        self.producer = None

    def write(self, chunk: bytes) -> None:
        """A piece was read."""
        self.chunks.append(chunk)

    def sendNextPage(self) -> None:
        """Send the piece that was read first, and have another read."""
        if not self.chunks:
            return
        chunk = self.chunks.pop(0)
        if self.producer is not None:
            self.producer.resumeProducing()
        self.collector.callRemote("gotPage", chunk, pbanswer=False)

    def connectionLost(self) -> None:
        """The connection has gone: the file is read no further."""
        if self.producer is not None:
            self.producer.stopProducing()
        Pager.connectionLost(self)


class CallbackPageCollector(pb.Referenceable):
    """Takes the pages of a pager of the other side, and calls *callback* with the list of them at the end.

    One may take the pages of several pagers.  It has one list for all of them, and calls *callback* at the end of each.
    """

    def __init__(self, callback: Any) -> None:
        self.pages: list[Any] = []
        self.callback = callback

    def remote_gotPage(self, page: Any) -> None:
        """A page."""
        if self.callback is not None:
            self.pages.append(page)

    def remote_endedPaging(self) -> None:
        """That was the last; the other side may say so more than once."""
        if self.callback is not None:
            self.callback(self.pages)


def getAllPages(referenceable: Any, methodName: str, *args: Any, **kw: Any) -> defer.Deferred[Any]:
    """Call a method that takes a collector of pages before its other arguments.

    Returns:
        A Deferred of the list of pages.  It fails when the method does, or when the connection goes before the last page.
    """
    pages: defer.Deferred[Any] = defer.Deferred()

    def finish(outcome: Any) -> None:
        # What the other side sends after that is not kept.
        collector.callback = None
        if not pages.called:
            stop = getattr(referenceable, "dontNotifyOnDisconnect", None)
            if stop is not None:
                stop(lost)
            pages.callback(outcome)

    def lost(reference: Any) -> None:
        finish(Failure(PBConnectionLost("the connection went before the last page")))

    watch = getattr(referenceable, "notifyOnDisconnect", None)
    collector = CallbackPageCollector(finish)
    d = referenceable.callRemote(methodName, collector, *args, **kw)
    if watch is not None:
        watch(lost)
    d.addErrback(finish)
    return pages
