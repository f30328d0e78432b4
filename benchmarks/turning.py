"""A measured process that runs Twisted's reactor; and what its clients have in common."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet import defer, reactor, stdio, task
from twisted.internet.tcp import Connection
from twisted.protocols.basic import LineOnlyReceiver

from . import control
from .workloads import CONNECTING, OUTSTANDING

Do = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class _Control(LineOnlyReceiver):
    """The command, as this process sees it."""

    delimiter = b"\n"

    def __init__(self, hello: dict[str, Any], do: Do) -> None:
        self.hello = hello
        self.do = do
        self.meter = control.Meter()

    def connectionMade(self) -> None:
        self.transport.write(json.dumps(self.hello).encode("utf-8") + b"\n")

    def lineReceived(self, line: bytes) -> None:
        d = defer.ensureDeferred(control.answered(self.meter, line, self.do))
        d.addCallback(self.transport.write)

    def connectionLost(self, reason: Any = None) -> None:
        if reactor.running:
            reactor.stop()


def run(hello: dict[str, Any], do: Do) -> None:
    """Serve the command until it has no more to ask."""
    control.prepare()
    reactor.callWhenRunning(lambda: stdio.StandardIO(_Control(hello, do)))
    reactor.run()


def listen(factory: Any) -> int:
    """Serve on loopback, on a port that the system chooses; returns that."""
    port: int = reactor.listenTCP(0, factory, backlog=512, interface="127.0.0.1").getHost().port
    return port


async def nothing(request: dict[str, Any]) -> dict[str, Any]:
    """What a server does, of which nothing is asked but its figures."""
    raise ValueError(f"nobody knows how to do {request['do']!r} here")


async def in_turn(call: Callable[[], Any], calls: int) -> None:
    """Call, wait for the answer, and so on."""
    for _ in range(calls):
        await call()


def outstanding(call: Callable[[], Any], calls: int, width: int = OUTSTANDING) -> Any:
    """Have *width* calls on their way, until *calls* were answered."""
    done: defer.Deferred[None] = defer.Deferred()
    begun = ended = 0

    def begin() -> None:
        nonlocal begun
        begun += 1
        call().addCallbacks(end, fail)

    def end(_: object) -> None:
        nonlocal ended
        ended += 1
        if begun < calls:
            begin()
        elif ended == calls:
            done.callback(None)

    def fail(reason: Any) -> None:
        if not done.called:
            done.errback(reason)

    for _ in range(min(width, calls)):
        begin()
    return done


def connecting(connect: Callable[[], Any], calls: int) -> Any:
    """Connect, call and disconnect, a few at a time."""
    return outstanding(lambda: defer.ensureDeferred(connect()), calls, CONNECTING)


class Traffic:
    """Counts the bytes that cross this process's sockets, both ways."""

    def __init__(self) -> None:
        self.sent = self.received = 0

    async def of(self, work: Awaitable[object]) -> None:
        """Count while *work* is done."""
        send, receive = Connection.writeSomeData, Connection._dataReceived

        def sending(connection: Any, data: Any) -> Any:
            count = send(connection, data)
            if isinstance(count, int) and count > 0:
                self.sent += count
            return count

        def receiving(connection: Any, data: bytes) -> Any:
            self.received += len(data)
            return receive(connection, data)

        Connection.writeSomeData, Connection._dataReceived = sending, receiving  # type: ignore[method-assign]
        try:
            await work
        finally:
            Connection.writeSomeData, Connection._dataReceived = send, receive  # type: ignore[method-assign]


async def timed(work: Awaitable[object]) -> dict[str, Any]:
    """The CPU time, and the time, that *work* takes."""
    began, spent = time.perf_counter(), time.process_time()
    await work
    return {"cpu": time.process_time() - spent, "elapsed": time.perf_counter() - began}


def pause(seconds: float = 0.0) -> Any:
    """Let the reactor turn."""
    return task.deferLater(reactor, seconds)
