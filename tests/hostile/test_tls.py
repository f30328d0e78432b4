"""Floods, and peers that do not read, over TLS, where a transport has buffers of its own."""

from __future__ import annotations

import importlib.util
import io
import os
import socket
import ssl
from typing import Any

from twisted.internet import abstract, defer, protocol, reactor
from twisted.internet.ssl import ClientContextFactory, DefaultOpenSSLContextFactory
from twisted.internet.task import deferLater

from spreadlite import pb
from spreadlite.core.limits import Limits
from spreadlite.util import FilePager, StringPager, getAllPages
from tests.compat.rawcodec import pack
from tests.hostile.test_flow import Busy, Sockets, calls
from tests.processes import ROOT
from tests.vectors.rows import Rows, each

#: Bytes of an answer, and how many are asked for.
SIZE, NUMBER = 500_000, 60
LIMITS = Limits(unread_output=200_000)


def certificate() -> bytes:
    """A key, and a certificate for localhost, as PEM."""
    path = os.path.join(ROOT, "examples", "cred", "make_certificate.py")
    spec: Any = importlib.util.spec_from_file_location("make_certificate", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: bytes = module.certificate("localhost")
    return made


def waiting(transport: Any) -> int:
    """Bytes that a transport, and those that it wraps, have not given to the system."""
    size = 0
    while transport is not None:
        size += sum(map(len, getattr(transport, "_appSendBuffer", ())))
        size += sum(map(len, getattr(getattr(transport, "_aggregator", None), "_buffer", ())))
        if isinstance(transport, abstract.FileDescriptor):
            return size + len(transport.dataBuffer) - transport.offset + transport._tempDataLen
        transport = getattr(transport, "transport", None)
    return size


class Big(pb.Referenceable):
    """Gives big answers, and counts them."""

    def __init__(self) -> None:
        self.calls = 0

    def remote_big(self, size: int) -> bytes:
        """A big answer."""
        self.calls += 1
        return b"x" * size


class Silent(protocol.Protocol):
    """A server that asks a client for much, and reads its answers when it is told to."""

    heard = 0
    greeted = b""

    def connectionMade(self) -> None:
        """Offer a dialect."""
        self.transport.write(pack(["pb"]) + pack(["version", 6], True))  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        """The client gives it an object: ask much of that, and read no more."""
        self.heard += len(data)
        self.greeted = (self.greeted + data)[:500]
        if b"object" in self.greeted and self.heard < 500:
            self.transport.pauseProducing()  # type: ignore[union-attr]
            args: list[Any] = ["tuple", SIZE]
            for number in range(NUMBER):
                message = ["message", number, 1, "big", 1, args, ["dictionary"]]
                self.transport.write(pack(message, True))  # type: ignore[union-attr]


class UnreadTests(Rows, Sockets):
    """A TLS peer that does not read."""

    def listen(self, factory: Any) -> int:
        """A port that speaks TLS."""
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(certificate())
        options = DefaultOpenSSLContextFactory(path, path)
        port = reactor.listenSSL(0, factory, options, interface="127.0.0.1")  # type: ignore[attr-defined]
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    async def raw_tls(self, port: int) -> ssl.SSLSocket:
        """A socket that has shaken hands, and says no more."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        plain = socket.create_connection(("127.0.0.1", port))
        plain.setblocking(False)
        made = context.wrap_socket(plain, do_handshake_on_connect=False)
        self.addCleanup(made.close)

        def shaken() -> bool:
            try:
                made.do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return False
            return True

        await self.until(shaken)
        made.sendall(pack("pb") + pack(["version", 6], True))
        return made

    async def connect_tls(self, port: int, factory: Any) -> Any:
        """The root, for a client of ours."""
        connector = reactor.connectSSL("127.0.0.1", port, factory, ClientContextFactory())  # type: ignore[attr-defined]
        root = await factory.getRootObject()
        gone: defer.Deferred[None] = defer.Deferred()
        root.broker.notifyOnDisconnect(lambda: gone.callback(None))

        def leave() -> Any:
            connector.transport.abortConnection()
            return gone

        self.addCleanup(leave)
        return root

    def test_client_does_not_read(self) -> Any:
        """A client that asks for much and reads nothing is not worked for: what waits for it stays near the limit, and
        another is served; when it reads, it gets all."""

        async def run() -> None:
            class Root(Busy):
                """Counts."""

                remote_big = Big.remote_big  # type: ignore[assignment]

            root = Root()
            self.serve(root, limits=LIMITS)
            port = self.listen(self.factory)
            greedy = await self.raw_tls(port)
            greedy.sendall(calls("big", NUMBER, SIZE))
            await self.until(lambda: root.calls)
            other = await self.connect_tls(port, pb.PBClientFactory())
            for _ in range(20):
                await other.callRemote("now")
            await deferLater(reactor, 0.1)
            self.assertLess(waiting(self.brokers[0]().transport), 2_000_000)
            worked = root.calls
            self.assertLess(worked, NUMBER // 2)
            await deferLater(reactor, 0.1)
            self.assertEqual(worked, root.calls)
            got = 0

            def read() -> bool:
                nonlocal got
                try:
                    for _ in range(50):
                        got += len(greedy.recv(1 << 20))
                except (ssl.SSLWantReadError, BlockingIOError):
                    pass
                return got > NUMBER * SIZE

            await self.until(read)
            self.assertEqual(NUMBER, root.calls)

        return defer.ensureDeferred(run())

    @each(("tcp", "tls"))
    def test_server_does_not_read(self, kind: str) -> Any:
        """So is a server that asks a client for much and reads nothing, and a client's other servers are served."""

        async def run() -> None:
            made: list[Silent] = []
            serving = protocol.Factory()
            serving.buildProtocol = lambda addr: made.append(Silent()) or made[-1]  # type: ignore[assignment,return-value,func-returns-value]
            factory, given = pb.PBClientFactory(limits=LIMITS), Big()
            if kind == "tls":
                root = await self.connect_tls(self.listen(serving), factory)
            else:
                port = reactor.listenTCP(0, serving, interface="127.0.0.1")  # type: ignore[attr-defined]
                self.addCleanup(port.stopListening)
                reactor.connectTCP("127.0.0.1", port.getHost().port, factory)  # type: ignore[attr-defined]
                root = await factory.getRootObject()
                self.addCleanup(root.broker.transport.abortConnection)
            lost = root.callRemote("object", given)
            await self.until(lambda: given.calls)
            _, other = await self.connect(self.serve(Busy()))
            for _ in range(20):
                await other.callRemote("now")
            await deferLater(reactor, 0.1)
            self.assertLess(waiting(root.broker.transport), 2_000_000)
            self.assertLess(given.calls, NUMBER // 2)
            made[0].transport.resumeProducing()  # type: ignore[union-attr]
            await self.until(lambda: made[0].heard > NUMBER * SIZE)
            self.assertEqual(NUMBER, given.calls)
            root.broker.transport.abortConnection()
            await self.until(lambda: root.broker.disconnected)
            self.failureResultOf(lost, pb.PBConnectionLost)

        return defer.ensureDeferred(run())

    def test_pages_that_fail(self) -> Any:
        """Whoever waits for pages that cannot be made or sent is told, and a failing callback keeps no others back."""

        async def run() -> None:
            class Pages(Busy):
                """Has pages."""

                def remote_good(self, collector: Any) -> None:
                    """These arrive; then the callback fails."""
                    StringPager(collector, b"x" * 10, 5, "no callback".index, "z")

                def remote_bad(self, collector: Any) -> None:
                    """These do not."""
                    StringPager(collector, b"x" * 1_000_000, 700_000)

            self.serve(Pages())
            root = await self.connect_tls(self.listen(self.factory), pb.PBClientFactory())
            for _ in range(2):
                self.assertEqual([b"xxxxx"] * 2, await getAllPages(root, "good"))
                await self.until(lambda: self.flushLoggedErrors(ValueError))
            with self.assertRaises(pb.PBConnectionLost):
                await getAllPages(root, "bad")
            self.assertEqual(1, len(self.flushLoggedErrors(pb.banana.BananaError)))

        return defer.ensureDeferred(run())

    def test_file_from_a_timer(self) -> Any:
        """A file is paged, by TCP and TLS, also where nothing else is said as its pager is made."""

        async def run() -> None:
            class Pages(Busy):
                """Has pages."""

                def remote_pages(self, collector: Any) -> None:
                    """Send them, in a moment."""
                    reactor.callLater(0.01, FilePager, collector, io.BytesIO(b"x" * 100_000))

            _, root = await self.connect(self.serve(Pages()))
            self.assertEqual(b"x" * 100_000, b"".join(await getAllPages(root, "pages")))
            root = await self.connect_tls(self.listen(self.factory), pb.PBClientFactory())
            self.assertEqual(b"x" * 100_000, b"".join(await getAllPages(root, "pages")))

        return defer.ensureDeferred(run())

    def test_transport_refuses(self) -> Any:
        """A pager for which the transport has no place, as the application gives it something else, fails; later ones send
        their pages."""

        async def run() -> None:
            class Pages(Busy):
                """Has pages."""

                def remote_pages(self, collector: Any) -> None:
                    """Send them at the second try."""
                    transport = collector.broker.transport
                    transport.registerProducer(self, True)
                    try:
                        StringPager(collector, b"x" * 10, 5)
                    except RuntimeError:
                        transport.unregisterProducer()
                        StringPager(collector, b"y" * 10, 5)

            _, root = await self.connect(self.serve(Pages()))
            self.assertEqual([b"yyyyy"] * 2, await getAllPages(root, "pages"))

        return defer.ensureDeferred(run())

    def test_first_page_fails(self) -> Any:
        """Without TLS, a pager sends its first page as it is made: where that fails, so does the method that makes it, and
        no more."""

        async def run() -> None:
            class Pages(Busy):
                """Has pages."""

                def remote_pages(self, collector: Any, size: int) -> None:
                    """Send them."""
                    StringPager(collector, b"x" * 1_000_000, size)

            _, root = await self.connect(self.serve(Pages()))
            with self.assertRaises(pb.RemoteError):
                await getAllPages(root, "pages", 700_000)
            self.assertEqual(1, len(self.flushLoggedErrors(pb.banana.BananaError)))
            self.assertEqual(2, len(await getAllPages(root, "pages", 500_000)))

        return defer.ensureDeferred(run())

    def test_keep_alive(self) -> Any:
        """``keepAlive`` reaches the socket under TLS."""

        async def run() -> None:
            self.serve(Busy(), keepAlive=60)
            root = await self.connect_tls(self.listen(self.factory), pb.PBClientFactory(keepAlive=30))
            for broker in (self.brokers[0](), root.broker):
                handle = broker.transport.transport.socket
                self.assertTrue(handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))

        return defer.ensureDeferred(run())

    def test_too_many_references(self) -> Any:
        """A client that holds too much is told so three times; its fourth call comes to an end as well."""

        async def run() -> None:
            root = Busy()
            root.remote_new = pb.Referenceable  # type: ignore[attr-defined]
            self.serve(root, limits=Limits(references=1))
            server = await self.connect_tls(self.listen(self.factory), pb.PBClientFactory())
            kept = await server.callRemote("new")
            for _ in range(3):
                with self.assertRaises(pb.RemoteError):
                    await server.callRemote("new")
            with self.assertRaises((pb.RemoteError, pb.PBConnectionLost)):
                await server.callRemote("new")
            await self.until(lambda: server.broker.disconnected)
            del kept

        return defer.ensureDeferred(run())

    @defer.inlineCallbacks
    def test_big_answers_both_ways(self) -> Any:
        """Two sides that give one another big answers at the same time do not wait for one another, over TLS either."""
        self.serve(Busy(), limits=LIMITS)
        port = self.listen(self.factory)
        given = type("Given", (pb.Referenceable,), {"remote_big": Busy.remote_big})()
        root = yield defer.ensureDeferred(self.connect_tls(port, pb.PBClientFactory(limits=LIMITS)))
        results = yield defer.gatherResults([root.callRemote("mirror", given, 3_000_000) for _ in range(4)])
        for one, other in results:
            self.assertEqual((6, 6), (len(one), len(other)))
