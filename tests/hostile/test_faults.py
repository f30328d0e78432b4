"""Faults of the network between a server and a client of ours, and peers that close their half of a connection."""

from __future__ import annotations

import gc
import random
import socket
import weakref
from typing import Any

from twisted.internet import defer, protocol, reactor
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from spreadlite import pb
from spreadlite.core.limits import Limits
from tests.compat.rawcodec import pack, unpack_all
from tests.hostile.bench import unhurried
from tests.hostile.sessions import House, Session
from tests.hostile.test_flow import calls
from tests.vectors.rows import Rows, each
from tests.vectors.spreads import OURS, TWISTED, load


class Relay(protocol.Protocol):
    """One end of a line through which bytes go slowly, and which breaks."""

    other: Relay

    def __init__(self, line: Line) -> None:
        self.line = line
        self.queue = bytearray()
        self.gone = False

    def connectionMade(self) -> None:
        """Send segments as they come."""
        self.transport.setTcpNoDelay(True)  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        """Bytes for the other end."""
        self.queue += data
        self.line.go()

    def connectionLost(self, reason: Any = None) -> None:
        """The other end hears of it."""
        self.gone = True
        if not self.line.stalled:
            self.other.transport.loseConnection()  # type: ignore[union-attr]


class Line:
    """A line from clients to a server.

    Args:
        port: the server's.
        step: bytes that go in each direction in a turn of the reactor.
        cut: after how many bytes it breaks, and in which direction they are counted; or None.
        how: how it breaks.
    """

    def __init__(self, port: int, step: int, cut: int | None = None, to: str = "server", how: str = "reset") -> None:
        self.port, self.step, self.cut, self.to, self.how = port, step, cut, to, how
        self.ends: list[Relay] = []
        self.sent = {"server": 0, "client": 0}
        self.stalled = self.broken = self.going = False
        self.factory = protocol.Factory()
        self.factory.buildProtocol = self.built  # type: ignore[method-assign,assignment]

    def built(self, addr: Any) -> Relay:
        """A client has come."""
        here, there = Relay(self), Relay(self)
        here.other, there.other = there, here
        onward = protocol.ClientFactory()
        onward.buildProtocol = lambda addr: there  # type: ignore[method-assign,assignment,misc]
        reactor.connectTCP("127.0.0.1", self.port, onward)  # type: ignore[attr-defined]
        self.ends = [here, there]
        return here

    def go(self) -> None:
        """Some bytes in each direction, now and then."""
        if not self.going:
            self.going = True
            reactor.callLater(0, self.went)  # type: ignore[attr-defined]

    def went(self) -> None:
        """Some bytes in each direction."""
        self.going = False
        for to, end in zip(("server", "client"), self.ends, strict=True):
            if self.stalled or not end.queue or end.other.transport is None:
                continue
            size = self.step
            if to == self.to and self.cut is not None:
                size = min(size, self.cut - self.sent[to])
            data, end.queue = bytes(end.queue[:size]), end.queue[size:]
            self.sent[to] += len(data)
            end.other.transport.write(data)  # type: ignore[attr-defined]
            if to == self.to and self.sent[to] == self.cut and not self.broken:
                self.broken = True
                self.broke(end)
        if not self.stalled and any(end.queue and not end.other.gone for end in self.ends):
            self.go()

    def broke(self, end: Relay) -> None:
        """It breaks, after what has gone from *end* to the other."""
        transports: Any = [end.other.transport, end.transport]
        if self.how == "reset":
            self.stalled = True
            for transport in transports:
                transport.abortConnection()
        elif self.how == "half":
            transports[0].loseWriteConnection()
            end.queue.clear()
        elif self.how == "close":
            self.stalled = True
            for transport in transports:
                transport.loseConnection()
        else:
            self.stalled = True


class LineTests(Rows, TestCase):
    """A line between a server and a client, both ours."""

    timeout = 60

    def begin(self, step: int, *fault: Any, limits: Limits) -> None:
        """A server, a line to it, and a client."""
        self.house = House()
        self.brokers: list[Any] = []
        server, self.client = pb.PBServerFactory(self.house.portal(), limits=limits), pb.PBClientFactory(limits=limits)
        for factory in (server, self.client):
            factory.buildProtocol = self.watched(factory.buildProtocol)  # type: ignore[method-assign]
        port = reactor.listenTCP(0, server, interface="127.0.0.1")  # type: ignore[attr-defined]
        self.addCleanup(port.stopListening)
        self.line = Line(port.getHost().port, step, *fault)
        between = reactor.listenTCP(0, self.line.factory, interface="127.0.0.1")  # type: ignore[attr-defined]
        self.addCleanup(between.stopListening)
        self.connector = reactor.connectTCP(  # type: ignore[attr-defined]
            "127.0.0.1", between.getHost().port, self.client
        )

    def watched(self, build: Any) -> Any:
        """A ``buildProtocol`` of whose brokers account is kept."""

        def built(addr: Any) -> Any:
            made = build(addr)
            self.brokers.append(weakref.ref(made))
            return made

        return built

    async def until(self, condition: Any) -> None:
        """Wait for it."""
        for _ in range(4_000):
            if condition():
                return
            await deferLater(reactor, 0.002)
        self.fail("that does not come to pass")

    async def end(self, session: Session) -> None:
        """All has come to its end, and nothing is left."""
        # Who is no longer heard of is still at the relay.
        await self.until(lambda: all(ref() is None or ref().disconnected for ref in self.brokers))
        for end in self.line.ends:
            end.transport.abortConnection()  # type: ignore[union-attr]
        await self.until(lambda: all(end.gone or end.transport is None for end in self.line.ends))
        await deferLater(reactor, 0)
        self.assertEqual([], [results for results in session.fired if len(results) != 1])
        self.assertEqual([], self.house.leftovers())
        for ref in self.brokers:
            broker = ref()
            if broker is not None:
                self.assertEqual(
                    [None] * 5,
                    [broker.localObjects, broker.luids, broker.locallyCachedObjects, broker.remotelyCachedObjects,
                     broker.waitingForAnswers],
                )  # fmt: skip
            del broker
        del self.client, self.connector, session
        gc.collect()
        self.assertEqual([], [ref() for ref in self.brokers if ref() is not None])

    @each((1, 7, 400))
    def test_slow(self, step: int) -> Any:
        """A line that takes a byte at a time, or a few, is slow and nothing else."""

        async def run() -> None:
            self.begin(step, limits=Limits())
            session = Session(self.client)
            await session.run(2 if step == 1 else 4)
            self.client.disconnect()
            await self.end(session)

        return defer.ensureDeferred(run())

    @each(("reset", "close", "half", "stall"), ("server", "client"), range(6))
    def test_broken(self, how: str, to: str, seed: int) -> Any:
        """However a line breaks, in whichever direction, after however many bytes: all Deferreds fire once, there are as
        many logouts as logins, both sides have taken everything down, and nothing keeps them."""

        async def run() -> None:
            # The first bytes are the negotiation and the login, then there is a bit of everything.
            cut = (1, 12, 60, 250, 700, 2_500)[seed] + random.Random(f"{how} {to} {seed}").randrange(1 + 40 * seed)
            limits = Limits(idle_seconds=0.15, negotiation_seconds=0.15)
            self.begin(50, cut, to, how, limits=limits)
            session = Session(self.client)
            with self.assertRaises((pb.PBConnectionLost, pb.DeadReferenceError, ConnectionClosed, ConnectError)):
                await session.run(1_000)
            self.assertTrue(self.line.broken)
            await self.end(session)

        return defer.ensureDeferred(run())


class HalfTests(Rows, TestCase):
    """A peer that has closed its half of the connection."""

    timeout = 60

    @each((OURS, TWISTED), ("answers", "answers that come later"))
    def test_of_a_client(self, side: str, what: str) -> Any:
        """Its calls are made, and answered as far as the answers are there; then the connection ends.  Answers that come
        later are lost, as with twisted.spread."""
        spread = load(side)
        seen: list[Any] = []

        class Root(spread.pb.Root):  # type: ignore[misc]
            """Answers now, or later."""

            def remote_echo(self, it: Any) -> Any:
                """Now."""
                seen.append(it)
                return it

            def remote_later(self, it: Any) -> Any:
                """Later."""
                return deferLater(reactor, 0.02, self.remote_echo, it)

        async def run() -> None:
            factory = spread.pb.PBServerFactory(Root(), **({"limits": unhurried()} if side == OURS else {}))
            port = reactor.listenTCP(0, factory, interface="127.0.0.1")  # type: ignore[attr-defined]
            self.addCleanup(port.stopListening)
            made = socket.create_connection(("127.0.0.1", port.getHost().port))
            self.addCleanup(made.close)
            made.sendall(pack("pb") + pack(["version", 6], True) + calls("echo", 10, b"x" * 3_000))
            if what != "answers":
                made.sendall(calls("later", 3, b"later"))
            made.shutdown(socket.SHUT_WR)
            made.setblocking(False)
            got, ended = b"", False
            while not ended:
                await deferLater(reactor, 0.005)
                try:
                    while data := made.recv(1 << 20):
                        got += data
                    ended = True
                except BlockingIOError:
                    pass
            await deferLater(reactor, 0.05)
            self.assertEqual(10 + 3 * (what != "answers"), len(seen))
            answers = [said for said in unpack_all(got) if said[0] == b"answer"]
            self.assertEqual(list(range(1, 11)), [answer[1] for answer in answers])

        return defer.ensureDeferred(run())

    @each((OURS, TWISTED))
    def test_of_a_server(self, side: str) -> Any:
        """A client's calls are at an end when the server has closed its half, also if it still reads."""
        spread = load(side)

        class Half(protocol.Protocol):
            """Answers one call, and closes its half."""

            heard = b""

            def connectionMade(self) -> None:
                self.transport.write(pack(["pb"]) + pack(["version", 6], True))  # type: ignore[union-attr]

            def dataReceived(self, data: bytes) -> None:
                self.heard += data
                if b"echo" in self.heard:
                    self.transport.write(pack(["answer", 1, 5], True))  # type: ignore[union-attr]
                    self.transport.loseWriteConnection()  # type: ignore[union-attr]

        async def run() -> None:
            serving = protocol.Factory.forProtocol(Half)
            port = reactor.listenTCP(0, serving, interface="127.0.0.1")  # type: ignore[attr-defined]
            self.addCleanup(port.stopListening)
            factory = spread.pb.PBClientFactory()
            reactor.connectTCP("127.0.0.1", port.getHost().port, factory)  # type: ignore[attr-defined]
            root = await factory.getRootObject()
            fired: list[Any] = []
            waiting = [root.callRemote("echo", number).addBoth(fired.append) for number in range(10)]
            await defer.DeferredList(waiting)
            self.assertEqual((10, 5), (len(fired), fired[0]))
            self.assertTrue(all(reason.check(pb.PBConnectionLost, spread.pb.PBConnectionLost) for reason in fired[1:]))

        return defer.ensureDeferred(run())
