"""Floods, and peers that do not read, over real sockets; faults of the network."""

from __future__ import annotations

import dataclasses
import gc
import socket
import struct
import sys
import time
import tracemalloc
import weakref
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import abstract, defer, protocol, reactor, task, tcp
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from spreadlite import _flow, pb
from spreadlite.core.limits import Limits
from spreadlite.util import StringPager
from tests.compat.rawcodec import pack, unpack_all
from tests.compat.rawpeer import RawPeer
from tests.hostile.bench import Bench, Echo, TimedPipe, logged, lose, unhurried
from tests.strategies import searched
from tests.vectors.rows import Rows, each


class Busy(pb.Root):
    """Takes some CPU for each call."""

    def __init__(self) -> None:
        self.calls = 0
        self.spent: list[float] = []

    def remote_work(self, *args: Any) -> None:
        """About a millisecond."""
        self.calls += 1
        stop = time.thread_time() + 0.001
        while time.thread_time() < stop:
            pass

    def remote_now(self) -> float:
        """The CPU time that has been used."""
        return time.thread_time()

    def remote_big(self, size: int) -> list[bytes]:
        """A big answer."""
        return [b"x" * 500_000] * (size // 500_000)

    def remote_mirror(self, other: Any, size: int) -> Any:
        """Ask the peer for a big answer, and give a big one."""
        return other.callRemote("big", size).addCallback(lambda got: [got, self.remote_big(size)])


class Reads:
    """Reads what a socket has, and counts the bytes."""

    def __init__(self, raw: socket.socket) -> None:
        self.raw = raw
        self.got = 0

    def __call__(self) -> int:
        """Read, and tell how many it has been in all."""
        for _ in range(50):
            try:
                self.got += len(self.raw.recv(1 << 20))
            except BlockingIOError:
                break
        return self.got


class Sockets(TestCase):
    """Has a server, clients and raw sockets, which are gone in the end."""

    timeout = 90

    def serve(self, root: Any, **options: Any) -> int:
        """A server's port."""
        self.factory = pb.PBServerFactory(root, **options)
        self.brokers: list[Any] = []
        build = self.factory.buildProtocol

        def built(addr: Any) -> Any:
            made = build(addr)
            if made is not None:
                self.brokers.append(weakref.ref(made))
            return made

        self.factory.buildProtocol = built  # type: ignore[method-assign]
        port = reactor.listenTCP(0, self.factory, interface="127.0.0.1")  # type: ignore[attr-defined]
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    async def connect(self, port: int, **options: Any) -> Any:
        """A client's factory and its root."""
        factory = pb.PBClientFactory(**options)
        broker = await TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(factory)
        gone: defer.Deferred[None] = defer.Deferred()
        broker.notifyOnDisconnect(lambda: gone.callback(None))

        def leave() -> Any:
            broker.transport.abortConnection()
            return gone

        self.addCleanup(leave)
        return factory, await factory.getRootObject()

    def raw(self, port: int) -> socket.socket:
        """A socket that has shaken hands, and says no more."""
        made = socket.create_connection(("127.0.0.1", port))
        self.addCleanup(made.close)
        made.setblocking(False)
        made.sendall(pack("pb") + pack(["version", 6], True))
        return made

    async def until(self, condition: Any, turns: int = 4000) -> None:
        """Wait for it."""
        for _ in range(turns):
            if condition():
                return
            await deferLater(reactor, 0.005)
        self.fail("that does not come to pass")


def calls(name: str, number: int, *args: Any, answer: int = 1) -> bytes:
    """So many calls of one method of the root."""
    return b"".join(
        pack(["message", index, "root", name, answer, ["tuple", *args], ["dictionary"]], True)
        for index in range(1, number + 1)
    )


class Flooder(protocol.Protocol):
    """Says much, and does not care."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def connectionMade(self) -> None:
        """Say it."""
        self.transport.write(pack("pb") + pack(["version", 6], True) + self.data)  # type: ignore[union-attr]


class FlowTests(Rows, Sockets):
    """Fairness and back-pressure."""

    #: Calls of which a flood consists, how many of them, and how many peers make them.
    FLOODS: dict[str, tuple[Any, int, int]] = {
        "large strings": (b"x" * 600_000, 60, 1),
        "small calls": (1, 40_000, 1),
        "many items": (["list", *range(5_000)], 60, 1),
        "many lists": (["list", *[["list"]] * 5_000], 40, 1),
        "small calls by four": (1, 20_000, 4),
    }

    @each(FLOODS)
    def test_floods(self, kind: str) -> Any:
        """The same with floods of large strings, of very many small calls at once, of long messages, and of some peers."""

        async def run() -> None:
            value, number, peers = self.FLOODS[kind]
            root = Busy()
            seen = 0

            def take(it: Any) -> None:
                nonlocal seen
                seen += 1

            root.remote_take = take  # type: ignore[attr-defined]
            port = self.serve(root)
            _, other = await self.connect(port)
            await other.callRemote("now")
            flooding = protocol.ClientFactory()
            data = calls("take", number, value, answer=0)
            flooding.buildProtocol = lambda addr: Flooder(data)  # type: ignore[method-assign,assignment,misc]
            connectors = [
                reactor.connectTCP("127.0.0.1", port, flooding) for _ in range(peers)  # type: ignore[attr-defined]
            ]
            await self.until(lambda: seen)
            spent = []
            while seen < number * peers:
                before = time.thread_time()
                await other.callRemote("now")
                spent.append(time.thread_time() - before)
            self.assertTrue(spent)
            self.assertLess(sorted(spent)[len(spent) // 2], 0.2)
            self.assertLess(max(spent), 1)
            for connector in connectors:
                connector.disconnect()
            await self.until(lambda: all(broker() is None or broker().disconnected for broker in self.brokers[1:]))

        return defer.ensureDeferred(run())

    def test_flood(self) -> Any:
        """While one peer's two thousand calls, which came at once, are worked off, another's calls are answered: each
        within a few slices of CPU time."""

        async def run() -> None:
            root = Busy()
            port = self.serve(root)
            _, other = await self.connect(port)
            flooder = self.raw(port)
            flooder.sendall(calls("work", 2000, answer=0))
            await self.until(lambda: root.calls)
            spent = []
            while root.calls < 1000:
                before = time.thread_time()
                await other.callRemote("now")
                spent.append(time.thread_time() - before)
            # What the flood took meanwhile: a slice or two a turn, of 20 ms and one call.
            self.assertLess(sorted(spent)[len(spent) // 2], 0.2)
            self.assertGreater(len(spent), 5)

        return defer.ensureDeferred(run())

    def test_unread(self) -> Any:
        """A peer that asks for much and reads nothing is not worked for: what it does not read stays near the limit, and
        another is served; when it reads, it gets all."""

        async def run() -> None:
            root = Busy()
            port = self.serve(root, limits=Limits(unread_output=200_000))
            greedy = self.raw(port)
            greedy.sendall(calls("big", 300, 500_000))
            await self.until(lambda: len(self.brokers) == 1 and self.brokers[0]() is not None)
            _, other = await self.connect(port)
            for _ in range(20):
                await other.callRemote("now")
            await deferLater(reactor, 0.1)
            transport = self.brokers[0]().transport
            waiting = len(transport.dataBuffer) + transport._tempDataLen
            self.assertLess(waiting, 2_000_000)
            reads = Reads(greedy)
            await self.until(lambda: reads() > 300 * 500_000)

        return defer.ensureDeferred(run())

    def test_unread_one_by_one(self) -> Any:
        """The same for a peer that sends its calls one by one; and it is served at once when it has read."""

        async def run() -> None:
            port = self.serve(Busy(), limits=Limits(unread_output=200_000))
            greedy = self.raw(port)
            greedy.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(40):
                greedy.sendall(calls("big", 1, 500_000))
                await deferLater(reactor, 0.005)
            await deferLater(reactor, 0.1)
            transport = self.brokers[0]().transport
            # What one call more than the system holds comes to.
            self.assertLess(len(transport.dataBuffer) + transport._tempDataLen, 2_000_000)
            reads = Reads(greedy)
            await self.until(lambda: reads() > 40 * 500_000)
            inflow = self.brokers[0]()._inflow
            greedy.sendall(calls("big", 1, 24_000_000))
            await self.until(lambda: inflow._wait > 0)
            # Whether it has read is not looked at again for an hour, unless it speaks.
            inflow._call.reset(3600)
            total = reads.got + 24_000_000
            await self.until(lambda: reads() > total)
            greedy.sendall(calls("now", 1))
            total = reads()
            await self.until(lambda: reads() > total)

        return defer.ensureDeferred(run())

    def test_unread_pages(self) -> Any:
        """Of the pages that a peer asks for and does not read, no more wait than of answers, however many pagers send them
        in turn; when it reads, it gets them all."""

        async def run() -> None:
            root: Any = pb.Root()
            root.remote_get = lambda collector: StringPager(collector, b"x" * 20_000, 10_000) and None
            port = self.serve(root, limits=Limits(unread_output=200_000, outstanding_calls=2_000))
            greedy = self.raw(port)
            greedy.sendall(calls("get", 2_010, ["remote", 1]))
            await self.until(lambda: self.brokers and self.brokers[0]().pageProducers[1_999:])
            await deferLater(reactor, 0.1)
            transport = self.brokers[0]().transport
            got = b""
            for _ in range(4_000):
                self.assertLess(len(transport.dataBuffer) + transport._tempDataLen, 400_000)
                try:
                    got += greedy.recv(1 << 20).replace(b"x", b"")
                except BlockingIOError:
                    if got.count(b"endedPaging") >= 2_000:
                        break
                    await deferLater(reactor, 0.001)
            # Ten calls were too many, at the most: the first pages were sent meanwhile.
            self.assertLessEqual(2_000, got.count(b"endedPaging"))
            self.assertEqual(got.count(b"gotPage"), 2 * got.count(b"endedPaging"))
            self.assertEqual(2_010, got.count(b"endedPaging") + got.count(b"pagers have pages left"))

        return defer.ensureDeferred(run())

    @defer.inlineCallbacks
    def test_big_answers_both_ways(self) -> Any:
        """Two sides that give one another big answers at the same time do not wait for one another."""

        class Big(pb.Referenceable):
            """Gives big answers."""

            remote_big = Busy.remote_big

        port = self.serve(Busy())
        _, root = yield defer.ensureDeferred(self.connect(port))
        results = yield defer.gatherResults([root.callRemote("mirror", Big(), 6_000_000) for _ in range(4)])
        for one, other in results:
            self.assertEqual((12, 12), (len(one), len(other)))

    def test_messages_of_25_mib(self) -> Any:
        """An honest peer may send 25 MiB in one message of many strings, and get them back."""

        async def run() -> None:
            port = self.serve(Echo())
            _, root = await self.connect(port)
            strings = [b"%d" % number * 8_000 for number in range(500)]
            self.assertEqual(strings, await root.callRemote("echo", strings))

        return defer.ensureDeferred(run())

    def test_readings_grow(self) -> Any:
        """Where much comes at once, more is read at once, so that a large string comes in one piece: where transports are
        Twisted's own, and nobody has said how much they are to read."""

        async def run() -> None:
            port = self.serve(Echo())
            sizes = []
            for own in (None, 1_000, 2**17):
                _, root = await self.connect(port)
                client = root.broker.transport
                if own:
                    client.bufferSize = own
                before = client.bufferSize
                self.assertEqual("text", await root.callRemote("echo", "text"))
                for _ in range(3):
                    self.assertEqual(b"x" * 600_000, await root.callRemote("echo", b"x" * 600_000))
                sizes.append((before, client.bufferSize))
            self.assertEqual([(2**16, 2**18), (1_000, 1_000), (2**17, 2**17)], sizes)

        return defer.ensureDeferred(run())

    def test_thousands_in_flight(self) -> Any:
        """An honest peer may have thousands of calls in flight."""

        async def run() -> None:
            port = self.serve(Echo())
            _, root = await self.connect(port)
            results = await defer.gatherResults([root.callRemote("echo", number) for number in range(9_000)])
            self.assertEqual(list(range(9_000)), results)

        return defer.ensureDeferred(run())


class OutputTests(Rows, SynchronousTestCase):
    """What is written straight through, and what waits in the transport."""

    @searched(200)
    @given(
        st.lists(st.one_of(st.integers(0, 100), st.integers(0, 300_000)), min_size=1, max_size=8),
        st.lists(st.one_of(st.integers(-1, 100), st.integers(0, 200_000)), max_size=8),
        st.booleans(),
    )
    def test_all_in_order(self, sizes: list[int], taken: list[int], together: bool) -> None:
        """However much the system takes at a time, and wherever it takes no more, all bytes go out in their order,
        as parts of one message or as messages."""
        clock = task.Clock()
        clock.addWriter = lambda descriptor: None  # type: ignore[attr-defined]
        transport: Any = abstract.FileDescriptor(clock)
        transport.connected = True
        parts = [bytes((65 + place,)) * size for place, size in enumerate(sizes)]
        out = bytearray()
        rest = iter(taken)

        def write_some(data: Any) -> int:
            size = min(len(data), next(rest, 0))
            out.extend(data[: max(size, 0)])
            return size

        transport.writeSomeData = write_some
        output = _flow.Output()
        output.gather(transport)
        self.assertTrue(output.gathering)
        if together:
            output.write_parts(transport, parts, True)
        else:
            for part in parts:
                output.write(transport, part, True)
        output.flush(transport)
        self.assertFalse(output.gathering)
        waiting = b"".join(transport._tempDataBuffer)
        self.assertEqual(b"".join(parts), bytes(out) + waiting)
        self.assertEqual(len(waiting), transport._tempDataLen)
        self.assertEqual(sum(sizes), output.answers)

    @each(("all", "some", "none", "gone", "theirs"), (10, 20_000, 100_000))
    def test_several_pieces_at_once(self, taken: str, size: int) -> None:
        """However much a socket takes of several pieces that it is given at once, all bytes go out in their order; and who
        has put another `writeSomeData` into a transport sees what is sent."""
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        for end in (ours, theirs):
            end.setblocking(False)
        before = 0
        if taken in ("some", "none"):
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            while taken == "none":
                try:
                    before += ours.send(b"x" * 1000)
                except BlockingIOError:
                    break
        elif taken == "gone":
            theirs.close()
        clock: Any = task.Clock()
        clock.addWriter = lambda descriptor: None
        transport: Any = tcp.Connection(ours, None, clock)  # type: ignore[arg-type]
        transport.connected = True
        seen: list[bytes] = []
        if taken == "theirs":
            transport.writeSomeData = lambda data: seen.append(bytes(data)) or len(data)
        parts = [b"head", b"a" * size, b"between", b"b" * (size // 9), b"tail"]
        output = _flow.Output()
        output.gather(transport)
        output.write_parts(transport, parts, True)
        output.flush(transport)
        out = bytearray()
        while taken != "gone":
            try:
                out += theirs.recv(1 << 20) or b"!"
            except BlockingIOError:
                break
        waiting = b"".join(transport._tempDataBuffer)
        self.assertEqual(b"".join(parts), b"".join(seen) + bytes(out[before:]) + waiting)

    def test_first_after_a_reading(self) -> None:
        """What is said first after a reading is sent at once; what follows waits for the reactor, to be sent together."""
        clock = task.Clock()
        clock.addWriter = lambda descriptor: None  # type: ignore[attr-defined]
        transport: Any = abstract.FileDescriptor(clock)  # type: ignore[arg-type]
        transport.connected = True
        sent: list[bytes] = []
        transport.writeSomeData = lambda data: sent.append(data) or len(data)
        output = _flow.Output()
        output.write(transport, b"before", False)
        self.assertEqual(([], [b"before"]), (sent, transport._tempDataBuffer))
        transport._tempDataBuffer.clear()
        output.gather(transport)
        output.flush(transport)
        for data in (b"1", b"2", b"3"):
            output.write(transport, data, False)
        self.assertEqual(([b"1"], [b"2", b"3"]), (sent, transport._tempDataBuffer))
        output.gather(transport)
        output.flush(transport)
        output.write(transport, b"4", False)
        self.assertEqual(([b"1"], [b"2", b"3", b"4"]), (sent, transport._tempDataBuffer), "not before what waits")

    @each((100, 100_000, 300_000), (10, 100_000), (0, 50, 200_000))
    def test_what_finalizers_say(self, size: int, more: int, taken: int) -> None:
        """What is said while the transport is given something, by a finalizer that runs then, comes after all of it."""
        transport: Any = abstract.FileDescriptor(task.Clock())  # type: ignore[arg-type]
        transport.reactor.addWriter = lambda descriptor: None
        transport.connected = True
        output = _flow.Output()
        late = [b"y" * more, b"z"]
        out = bytearray()

        def write_some(data: Any) -> int:
            room = taken - len(out)
            out.extend(data[:room])
            while late:
                output.write(transport, late.pop(0), False)
            return min(room, len(data))

        transport.writeSomeData = write_some
        output.gather(transport)
        output.write(transport, b"x" * size, True)
        output.flush(transport)
        waiting = b"".join(transport._tempDataBuffer)
        self.assertEqual(b"x" * size + b"y" * more + b"z", bytes(out) + waiting)

    def test_large_strings_are_not_copied(self) -> None:
        """What the system is given of a large string is a view of it."""
        transport: Any = abstract.FileDescriptor(task.Clock())  # type: ignore[arg-type]
        transport.connected = True
        given: list[Any] = []
        transport.writeSomeData = lambda data: given.append(data) or len(data)
        large = b"x" * 1_000_000
        output = _flow.Output()
        output.gather(transport)
        output.write_parts(transport, [b"head", large, b"tail"], False)
        output.flush(transport)
        self.assertEqual(b"head" + large + b"tail", b"".join(given))
        copied = sum(len(part) for part in given if getattr(part, "obj", None) is not large)
        self.assertLess(copied, 300_000)


class FaultTests(Rows, Sockets):
    """A peer that leaves in one way or another."""

    @each(("reset", "close", "half", "stall"), (0, 1, 7, 20, 33, 1000))
    def test_left(self, how: str, at: int) -> Any:
        """However a peer leaves, and after however many bytes: nothing of it is left, and others are served."""

        async def run() -> None:
            port = self.serve(Echo(), limits=Limits(idle_seconds=0.2, negotiation_seconds=0.2))
            made = socket.create_connection(("127.0.0.1", port))
            made.sendall((pack("pb") + pack(["version", 6], True) + calls("echo", 20, b"x" * 30))[:at])
            await self.until(lambda: self.brokers)
            if how == "reset":
                made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if how == "half":
                made.shutdown(socket.SHUT_WR)
            elif how != "stall":
                made.close()
            await self.until(lambda: (gc.collect(0), self.brokers[0]() is None or self.brokers[0]().disconnected)[1])
            if self.brokers[0]() is not None:
                self.assertIs(None, self.brokers[0]().localObjects)
            made.close()
            factory = pb.PBClientFactory()
            broker = await TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(factory)
            root = await factory.getRootObject()
            self.assertEqual(5, await root.callRemote("echo", 5))
            gone: defer.Deferred[None] = defer.Deferred()
            broker.notifyOnDisconnect(lambda: gone.callback(None))
            factory.disconnect()
            await gone

        return defer.ensureDeferred(run())

    @each(("work", "timer", "part"))
    def test_left_and_then_refused(self, how: str) -> None:
        """A peer that left in an orderly way, and is refused for what it had said before that, leaves nothing either."""
        clock = task.Clock()
        bench = Bench("bare", limits=Limits(slice_seconds=1e-9))
        broker = bench.factory.buildProtocol(None)
        pipe = TimedPipe(clock)
        broker.makeConnection(pipe)
        broker.dataReceived(pack("pb") + pack(["version", 6], True))
        clock.advance(1)
        broker.dataReceived(calls("echo", 3, 5))
        outcome = bench.expect(broker.remoteForName("theirs").callRemote("it"))
        broker.dataReceived(pack(["decref", 12345], True) + calls("take", 1))
        broker.connectionLost(Failure(ConnectionDone()))
        self.assertEqual([], outcome)
        gone: list[int] = []
        broker.notifyOnDisconnect(lambda: gone.append(1))
        if how == "timer":
            broker._refuse("something that the application found out")
        elif how == "part":
            broker._part("it was to hold too much")
        for _ in range(10):
            clock.advance(1)
        self.assertEqual(3 if how == "work" else 1, len(bench.root.seen))
        self.assertEqual(([1], 1), (gone, len(outcome)))
        self.assertIs(None, outcome[0].check(pb.PBConnectionLost) and broker.localObjects)
        self.assertEqual([], clock.getDelayedCalls())

    def test_client_of_a_server_that_resets(self) -> Any:
        """Calls in flight fail, each once, when the server resets the connection."""

        async def run() -> None:
            class Resets(protocol.Protocol):
                """Offers a dialect, and resets at the first call."""

                heard = b""

                def connectionMade(self) -> None:
                    self.transport.write(pack(["pb"]))  # type: ignore[union-attr]

                def dataReceived(self, data: bytes) -> None:
                    self.heard += data
                    if b"echo" in self.heard:
                        self.transport.abortConnection()  # type: ignore[union-attr]

            serving = protocol.Factory.forProtocol(Resets)
            port = reactor.listenTCP(0, serving, interface="127.0.0.1")  # type: ignore[attr-defined]
            self.addCleanup(port.stopListening)
            factory = pb.PBClientFactory()
            await TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port).connect(factory)
            root = await factory.getRootObject()
            fired: list[Any] = []
            waiting = [root.callRemote("echo", number).addBoth(fired.append) for number in range(50)]
            await defer.gatherResults(waiting)
            self.assertEqual(50, len(fired))
            self.assertTrue(all(failure.check(pb.PBConnectionLost) for failure in fired))

        return defer.ensureDeferred(run())

    def test_keep_alive(self) -> Any:
        """`keepAlive` sets TCP's keep-alive, and the times that the platform has."""

        async def run() -> None:
            port = self.serve(Echo(), keepAlive=60)
            _, root = await self.connect(port, keepAlive=30)
            for transport, seconds in ((self.brokers[0]().transport, 60), (root.broker.transport, 30)):
                handle = transport.socket
                self.assertTrue(handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
                if hasattr(socket, "TCP_USER_TIMEOUT"):
                    found = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
                    self.assertEqual(seconds * 1000, found)

        return defer.ensureDeferred(run())

    def test_no_delay(self) -> Any:
        """At either side what is said is sent at once, and does not wait for what is said next (``TCP_NODELAY``)."""

        async def run() -> None:
            port = self.serve(Echo())
            _, root = await self.connect(port)
            self.assertEqual(1, await root.callRemote("echo", 1))
            for transport in (self.brokers[0]().transport, root.broker.transport):
                self.assertTrue(transport.getTcpNoDelay())

        return defer.ensureDeferred(run())


class Unread(TimedPipe):
    """A transport that says what was written to it and not read by the peer."""

    def __init__(self) -> None:
        super().__init__(task.Clock())
        self._appSendBuffer: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Keep it, and tell of it."""
        super().write(data)
        self._appSendBuffer.append(data)


class LifeTests(Rows, SynchronousTestCase):
    """Time, with a clock of the test's."""

    def connected(self, role: str, limits: Limits) -> tuple[Any, TimedPipe, task.Clock, Any]:
        """A broker that was just connected."""
        clock = task.Clock()
        pipe = TimedPipe(clock)
        limits = unhurried(limits)
        factory: Any = pb.PBServerFactory(Echo(), limits=limits) if role == "server" else pb.PBClientFactory(limits=limits)
        broker = factory.buildProtocol(None)
        broker.makeConnection(pipe)
        return broker, pipe, clock, factory

    @each(("server", "client"))
    def test_negotiation(self, role: str) -> None:
        """A peer that agrees on nothing is there for `Limits.negotiation_seconds`, and not longer."""
        broker, pipe, clock, factory = self.connected(role, Limits(negotiation_seconds=30))
        waiting = [] if role == "server" else [factory.getRootObject()]
        clock.advance(29.9)
        self.assertFalse(pipe.disconnecting)
        with logged() as written:
            clock.advance(0.2)
        self.assertTrue(pipe.aborted)
        self.assertEqual(1, len(written.lines))
        self.assertIn("192.0.2.1", written.text)
        broker.connectionLost(Failure(ConnectionError()))
        for deferred in waiting:
            self.failureResultOf(deferred)
        self.assertEqual([], clock.getDelayedCalls())

    def test_idle(self) -> None:
        """With `Limits.idle_seconds`, a silent peer is there for so long after its last word; without, for ever."""
        broker, pipe, clock, _ = self.connected("server", Limits(idle_seconds=100))
        broker.dataReceived(pack("pb"))
        for _ in range(5):
            clock.advance(99)
            broker.dataReceived(pack(["version", 6], True))
        self.assertFalse(pipe.disconnecting)
        clock.advance(101)
        self.assertTrue(pipe.aborted)
        broker, pipe, clock, _ = self.connected("server", Limits())
        broker.dataReceived(pack("pb"))
        clock.advance(1e7)
        self.assertFalse(pipe.disconnecting)

    @each(("stock", "its own"), ("answer", "failure"))
    def test_unread_later(self, kind: str, what: str) -> None:
        """What a method answers later, or fails with, is an answer too: a peer that does not read it is not worked for
        until it does, also where the broker is of the application's class."""
        clock, pipe, root = task.Clock(), Unread(), Echo()
        pipe.reactor = clock
        waiting: defer.Deferred[Any] = defer.Deferred()
        root.remote_wait = lambda: waiting  # type: ignore[attr-defined]
        factory = pb.PBServerFactory(root, limits=unhurried(Limits(unread_output=5_000)))
        if kind == "its own":
            factory.protocol = type("Own", (pb.Broker,), {"sendCall": lambda self, *exp: pb.Broker.sendCall(self, *exp)})
        broker = factory.buildProtocol(None)
        broker.makeConnection(pipe)
        broker.dataReceived(pack("pb") + pack(["version", 6], True) + calls("wait", 1))
        if what == "answer":
            waiting.callback(b"x" * 10_000)
        else:
            waiting.errback(pb.Error("x" * 10_000))
        for number in range(4):
            broker.dataReceived(calls("take", 1, number))
        # That there is something to wait for is seen after a call.
        self.assertEqual(1, len(root.seen))
        pipe._appSendBuffer.clear()
        clock.pump([1.0] * 10)
        self.assertEqual([0, 1, 2, 3], [args[0] for args, _ in root.seen])

    def unread(self) -> Any:
        """A server whose peer has not read a long answer, and has asked for more four times since, which waits."""
        clock, pipe, root = task.Clock(), Unread(), Echo()
        pipe.reactor = clock
        broker = pb.PBServerFactory(root, limits=unhurried(Limits(unread_output=5_000))).buildProtocol(None)
        broker.makeConnection(pipe)
        broker.dataReceived(pack("pb") + pack(["version", 6], True) + calls("echo", 1, b"x" * 10_000))
        for number in range(4):
            broker.dataReceived(calls("take", 1, number))
        self.assertLess(len(root.seen), 5)
        return broker, pipe, clock, root

    def test_unread_and_gone(self) -> None:
        """Where a peer that was waited for ends the connection in an orderly way, what it had said is worked on in the
        reactor's next turn, and the application is told of the end then."""
        broker, _, clock, root = self.unread()
        clock.pump([1.0] * 10)
        self.assertLess(len(root.seen), 5)
        gone: list[int] = []
        broker.notifyOnDisconnect(lambda: gone.append(len(root.seen)))
        lose(broker)
        self.assertEqual([], gone)
        clock.advance(0)
        self.assertEqual([5], gone)
        self.assertEqual([], clock.getDelayedCalls())

    def test_unread_no_longer(self) -> None:
        """A peer that has read, and says something, is served in the reactor's next turn."""
        broker, pipe, clock, root = self.unread()
        clock.pump([1.0] * 10)
        pipe._appSendBuffer.clear()
        broker.dataReceived(calls("take", 1, 4))
        clock.advance(0)
        self.assertEqual(6, len(root.seen))

    @each(("stock", "its own"))
    def test_unread_of_our_own(self, kind: str) -> None:
        """A peer is worked for that does not read what it was asked, as long as most of what waits is not answers: else
        two that ask much of one another would both wait.  A `sendCall` of the application's makes no difference."""
        pipe, root = Unread(), Echo()
        factory = pb.PBServerFactory(root, limits=unhurried(Limits(unread_output=5_000)))
        if kind == "its own":
            factory.protocol = type("Own", (pb.Broker,), {"sendCall": lambda self, *exp: pb.Broker.sendCall(self, *exp)})
        broker = factory.buildProtocol(None)
        broker.makeConnection(pipe)
        broker.dataReceived(pack("pb") + pack(["version", 6], True))
        broker.remoteForName("root").callRemote("it", b"x" * 50_000).addErrback(lambda reason: None)
        for _ in range(4):
            broker.dataReceived(calls("echo", 1, b"y" * 6_000))
        self.assertEqual(4, len(root.seen))

    @each(("stock", "its own"))
    def test_answers_without_reading(self, kind: str) -> None:
        """A method that calls the peer each time that the peer has answered is not called on for one who answers and reads
        nothing: beyond what one message may take, what it is asked counts as what it asked for.  It goes on when the peer
        reads."""
        clock, pipe, root = task.Clock(), Unread(), Echo()
        pipe.reactor = clock
        asked = []

        def ask(other: Any) -> None:
            asked.append(1)
            other.callRemote("it", b"x" * 10_000).addCallback(lambda answer: ask(other))

        root.remote_ask = ask  # type: ignore[attr-defined]
        factory = pb.PBServerFactory(root, limits=unhurried(Limits(unread_output=20_000, expression_bytes=100_000)))
        if kind == "its own":
            factory.protocol = type("Own", (pb.Broker,), {"sendCall": lambda self, *exp: pb.Broker.sendCall(self, *exp)})
        broker = factory.buildProtocol(None)
        broker.makeConnection(pipe)
        broker.dataReceived(pack("pb") + pack(["version", 6], True) + calls("ask", 1, ["remote", 1]))
        for number in range(1, 101):
            broker.dataReceived(pack(["answer", number, 1], True))
        self.assertGreater(len(asked), 10)
        self.assertLess(len(asked), 30)
        for _ in range(20):
            pipe._appSendBuffer.clear()
            clock.pump([1.0] * 3)
        self.assertEqual(101, len(asked))
        broker.waitingForAnswers.clear()

    @each((1, 2))
    def test_reads_no_more(self, floods: int) -> None:
        """While much waits to be worked on, the transport is asked to read no more; when there is little left, to read
        again; so too at the next flood."""
        root, clock = Echo(), task.Clock()
        broker = pb.PBServerFactory(root, limits=Limits(slice_seconds=1e-9)).buildProtocol(None)
        pipe = TimedPipe(clock)
        broker.makeConnection(pipe)
        broker.dataReceived(pack("pb") + pack(["version", 6], True))
        for flood in range(1, floods + 1):
            # Two at once, of which the second has to wait, and what follows with it.
            broker.dataReceived(calls("take", 2, 1))
            given = 2
            while not pipe.paused:
                broker.dataReceived(calls("take", 1, b"x" * 10_000))
                given += 1
                self.assertLess(given, 12)
            while len(root.seen) < flood * given:
                clock.advance(0)
            self.assertEqual(flood * given, len(root.seen))
            self.assertFalse(pipe.paused)
            # One reading that is more than may wait.
            broker.dataReceived(calls("take", 2, 1))
            broker.dataReceived(calls("take", 1, b"x" * 100_000))
            self.assertTrue(pipe.paused)
            clock.pump([0] * 5)
            self.assertFalse(pipe.paused)
            root.seen[:] = root.seen[: flood * given]

    def test_crumbs(self) -> None:
        """What comes in crumbs while it has to wait takes little more than its bytes, and is read as if it came whole."""
        root, clock = Echo(), task.Clock()
        broker = pb.PBServerFactory(root, limits=Limits(slice_seconds=1e-9)).buildProtocol(None)
        broker.makeConnection(TimedPipe(clock))
        broker.dataReceived(pack("pb") + pack(["version", 6], True))
        broker.dataReceived(calls("take", 2, -1))
        data = b"".join(calls("take", 1, number) for number in range(200))
        for place in range(0, len(data), 2):
            broker.dataReceived((bytes, bytearray, memoryview)[place % 3](data[place : place + 2]))
        self.assertLessEqual(len(broker._inflow._backlog), 1 + len(data) // 4096)
        while len(root.seen) < 202:
            clock.advance(0)
        self.assertEqual([-1, -1, *range(200)], [args[0] for args, _ in root.seen])

    @each((True, False))
    def test_fails_in_a_slice(self, left: bool) -> None:
        """A message of the application's own that raises later than when it was read ends the connection, with its
        traceback in the log, as one that raises at once; also where the peer has left meanwhile."""

        class Own(pb.Broker):
            """Has a message that fails."""

            def proto_own(self) -> None:
                """Fail."""
                raise ValueError("own")

        root, clock = Echo(), task.Clock()
        factory = pb.PBServerFactory(root, limits=Limits(slice_seconds=1e-9))
        factory.protocol = Own
        broker = factory.buildProtocol(None)
        broker.makeConnection(pipe := TimedPipe(clock))
        broker.dataReceived(pack("pb") + pack(["version", 6], True))
        broker.dataReceived(calls("take", 2) + pack(["own"], True) + calls("take", 2))
        if left:
            broker.connectionLost(Failure(ConnectionDone()))
        clock.pump([0] * 10)
        self.assertEqual((2, not left), (len(root.seen), pipe.disconnecting))
        self.assertEqual(["own"], [str(failure.value) for failure in self.flushLoggedErrors(ValueError)])
        if not left:
            broker.connectionLost(Failure(ConnectionDone()))
        self.assertTrue(broker.disconnected)
        self.assertEqual([], clock.getDelayedCalls())

    def test_pagers_in_turn(self) -> None:
        """Where the transport has room for one page at a time, the pagers have it in turn."""
        pipe = Unread()
        pipe.reactor = task.Clock()
        root: Any = pb.Root()
        root.remote_get = lambda collector, name: StringPager(collector, name * 12, 2) and None
        broker = pb.PBServerFactory(root, limits=unhurried(Limits(unread_output=1))).buildProtocol(None)
        broker.makeConnection(pipe)
        broker.dataReceived(pack("pb") + pack(["version", 6], True))
        for name in (b"a", b"b", b"c"):
            broker.dataReceived(calls("get", 1, ["remote", 1], name, answer=0))
        turns = []
        for _ in range(18):
            pipe._appSendBuffer.clear()
            pipe.out = b""
            broker.resumeProducing()
            turns += [said[5][1] for said in unpack_all(pipe.out) if said[0] == b"message" and said[3] == b"gotPage"]
        self.assertEqual([], broker.pageProducers)
        for start in range(0, 18, 3):
            self.assertEqual([b"aa", b"bb", b"cc"], sorted(turns[start : start + 3]))

    def test_very_many_pagers(self) -> None:
        """However many pagers there are, others have their turn after `Limits.slice_seconds` of pages; and where very many
        end at once, none is looked for among the others."""
        compared = []

        class Pager(StringPager):
            """Is seen when it is looked for."""

            __hash__ = StringPager.__hash__

            def __eq__(self, other: object) -> bool:
                compared.append(other)
                return self is other

        limits = Limits()
        root: Any = pb.Root()
        root.remote_get = lambda collector: Pager(collector, b"x") and None
        broker = pb.PBServerFactory(root, limits=unhurried(limits)).buildProtocol(None)
        broker.makeConnection(TimedPipe(task.Clock()))
        broker.dataReceived(pack("pb") + pack(["version", 6], True) + calls("get", 2_000, ["remote", 1], answer=0))
        self.assertEqual(2_000, len(broker.pageProducers))
        broker.useLimits(dataclasses.replace(limits, slice_seconds=1e-9))
        broker.resumeProducing()
        broker.resumeProducing()
        self.assertEqual(1_998, len(broker.pageProducers))
        broker.useLimits(unhurried(limits))
        broker.resumeProducing()
        self.assertEqual(([], []), (broker.pageProducers, compared))
        lose(broker)

    def test_refusals_are_logged_at_a_rate(self) -> None:
        """Of very many refused connections, so many are logged as `Limits.log_lines` says."""
        bench = Bench("bare", limits=Limits(log_lines=5))
        with logged() as written:
            for _ in range(200):
                peer = RawPeer(bench.factory.buildProtocol(None))
                peer.raw(b"GET / HTTP/1.1\r\nHost: " + b"x" * 100 + b"\r\n\r\n")
                self.assertTrue(peer.pipe.disconnecting)
                peer.broker.connectionLost(Failure(ConnectionError()))
        self.assertEqual(5, len(written.lines))

    def test_failures_of_the_peers_are_logged_at_a_rate(self) -> None:
        """Whatever a peer says that its exceptions are: they are of one kind."""
        root = Echo()
        root.remote_ask = lambda peer: peer.callRemote("it")  # type: ignore[attr-defined]
        bench = Bench("bare", limits=Limits(log_lines=5), root=root)
        with logged() as written:
            for number in range(1, 50):
                bench.peer.call("root", "ask", ["remote", 1])
                state = [[["unicode", "type"], b"Kind%d" % number], [["unicode", "value"], ["unicode", "it"]]]
                failure = ["twisted.spread.pb.CopyableFailure", ["dictionary", *state]]
                bench.peer.say(["error", number, failure])
                self.assertEqual(b"error", bench.peer.heard()[0][0])
        # Each with a line before it.
        self.assertEqual(10, len(written.lines))
        self.flushLoggedErrors()

    def test_calls_outstanding(self) -> None:
        """`Limits.outstanding_calls` of a peer's calls may wait for their answer, wanted or not; one more fails."""
        root = Echo()
        waiting: list[Any] = []
        root.remote_wait = lambda: waiting.append(defer.Deferred()) or waiting[-1]  # type: ignore[attr-defined]
        bench = Bench("bare", limits=Limits(outstanding_calls=3), root=root)
        for answer in (1, 0, 1):
            self.assertEqual([], bench.peer.call("root", "wait", answer=answer))
        self.assertEqual(b"error", bench.peer.call("root", "wait")[0])
        self.assertEqual([], bench.peer.call("root", "wait", answer=0))
        self.assertEqual(3, len(waiting))
        for each_one in waiting:
            each_one.callback(None)
        self.assertEqual(2, len(bench.peer.heard()))
        self.assertEqual([], bench.peer.call("root", "wait"))

    def test_calls_outstanding_in_a_chain(self) -> None:
        """A call whose Deferred was called, but waits for another, waits for its answer too."""
        root = Echo()
        waiting: list[Any] = []

        def wait() -> Any:
            waiting.append(defer.Deferred())
            return defer.succeed(None).addCallback(lambda result: waiting[-1])

        root.remote_wait = wait  # type: ignore[attr-defined]
        bench = Bench("bare", limits=Limits(outstanding_calls=2), root=root)
        for answer in (1, 0):
            self.assertEqual([], bench.peer.call("root", "wait", answer=answer))
        self.assertEqual(b"error", bench.peer.call("root", "wait")[0])
        for each_one in waiting:
            each_one.callback(None)
        self.assertEqual([b"answer"], [said[0] for said in bench.peer.heard()])
        self.assertEqual([], bench.peer.call("root", "wait"))

    def test_released(self) -> None:
        """What a peer lets go of while a call of ours waits for its answer is kept for that answer, and not longer than
        until the peer has something else to say."""
        root = Echo()
        made: list[Any] = []

        def new() -> Any:
            thing = pb.Referenceable()
            made.append(weakref.ref(thing))
            return thing

        root.remote_new = new  # type: ignore[attr-defined]
        root.remote_ask = lambda peer: peer.callRemote("it") and None  # type: ignore[attr-defined]
        bench = Bench("bare", root=root)
        bench.peer.call("root", "ask", ["remote", 1])
        for _ in range(20):
            answer = bench.peer.call("root", "new")
            bench.peer.say(["decref", answer[2][1]])
        gc.collect()
        self.assertLess(sum(thing() is not None for thing in made), 3)

    def test_nothing_is_kept_of_a_message(self) -> None:
        """When a large message was worked on, its bytes are not kept until the peer says something else."""
        bench = Bench("bare")
        strings = [b"%04d" % number * 1_000 for number in range(1_000)]
        message = pack(["message", 1, "root", "take", 0, ["tuple", *strings], ["dictionary"]], True)
        del strings
        tracemalloc.start()
        try:
            for start in range(0, len(message), 65_536):
                bench.broker.dataReceived(message[start : start + 65_536])
            self.assertEqual(1, len(bench.root.seen))
            bench.root.seen.clear()
            self.assertLess(tracemalloc.get_traced_memory()[0], 500_000)
        finally:
            tracemalloc.stop()

    def test_nothing_is_kept_of_a_reading(self) -> None:
        """The bytes of a reading go when all its messages were worked on, plain or not; also where a long string begins at
        its end."""
        bench = Bench("bare")
        plain, other = (
            pack(["message", 1, "root", "take", 0, ["tuple", value], ["dictionary"]], True)
            for value in (b"bytes", ["list", ["None"], ["decimal", 5, 0]])
        )
        long = pack(["message", 1, "root", "take", 0, ["tuple", b"x" * 100_000], ["dictionary"]], True)
        for reading in (plain, plain * 9, other, plain + other, other + plain, 2_000 * plain + long[:30_000]):
            held = sys.getrefcount(reading)
            bench.broker.dataReceived(reading)
            self.assertEqual(held, sys.getrefcount(reading), reading[:60])
        bench.broker.dataReceived(long[30_000:])
        self.assertEqual(1 + 9 + 1 + 2 + 2 + 2_000 + 1, len(bench.root.seen))

    def test_nothing_is_kept_of_pieces(self) -> None:
        """Nor do many connections that each took a message in pieces hold more than little of that."""
        strings = [b"%04d" % number * 20 for number in range(500)]
        message = pack(["message", 1, "root", "take", 0, ["tuple", *strings], ["dictionary"]], True)
        benches = [Bench("bare") for _ in range(50)]
        tracemalloc.start()
        try:
            for bench in benches:
                for start in range(0, len(message), 9_000):
                    bench.broker.dataReceived(message[start : start + 9_000])
                self.assertEqual(1, len(bench.root.seen))
                bench.root.seen.clear()
            self.assertLess(tracemalloc.get_traced_memory()[0], len(benches) * 15_000)
        finally:
            tracemalloc.stop()

    def test_references(self) -> None:
        """A peer may hold the root and `Limits.references` objects; at the fourth call for more the connection ends, and
        calls that came with it are not made."""
        root = Echo()
        root.remote_new = lambda: pb.Referenceable()  # type: ignore[attr-defined]
        bench = Bench("bare", limits=Limits(references=2), root=root)
        for _ in range(2):
            self.assertEqual(b"answer", bench.peer.call("root", "new")[0])
        for _ in range(3):
            self.assertEqual(b"error", bench.peer.call("root", "new")[0])
            self.assertFalse(bench.ended)
        message = ["message", 9, "root", "new", 1, ["tuple"], ["dictionary"]]
        after = ["message", 10, "root", "take", 1, ["tuple"], ["dictionary"]]
        bench.peer.say(message, after)
        self.assertTrue(bench.ended)
        self.assertEqual([], root.seen)

    def test_depth(self) -> None:
        """`Limits.depth` levels of values arrive, one more fails the call, `Limits.expression_depth` ends the connection;
        330 levels pass with no configuration."""
        bench = Bench("bare")

        def call(levels: int) -> Any:
            """By hand: the codec of the tests goes by recursion.  The outermost level is the tuple of arguments."""
            head = b"\x07\x80" + b"".join(pack(part, True) for part in ("message", 5, "root", "take", 1))
            values = b"\x02\x80" + pack("tuple", True) + (b"\x02\x80" + pack("list", True)) * (levels - 2)
            bench.peer.raw(head + values + b"\x01\x80" + pack("list", True) + pack(["dictionary"], True))
            return bench.peer.heard()[0][0]

        self.assertEqual([b"answer", b"answer", b"error"], [call(levels) for levels in (331, 400, 401)])
        self.assertFalse(bench.ended)
        bench.peer.raw(b"\x01\x80" * 1250)
        self.assertFalse(bench.ended)
        bench.peer.raw(b"\x01\x80")
        self.assertTrue(bench.ended)
        self.flushLoggedErrors()
