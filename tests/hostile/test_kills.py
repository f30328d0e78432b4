"""One side is killed, with SIGKILL, at some point of a session with a little of everything."""

from __future__ import annotations

import gc
import random
import signal
import sys
import warnings
import weakref
from typing import Any

from twisted.internet import defer, protocol, reactor
from twisted.internet.error import ConnectionClosed
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from spreadlite import pb
from tests.hostile.sessions import House, Session
from tests.processes import ROOT
from tests.vectors.rows import Rows, each


class Watched(protocol.ProcessProtocol):
    """A program of which the first line and the end are waited for."""

    def __init__(self) -> None:
        self.said: defer.Deferred[bytes] = defer.Deferred()
        self.ended: defer.Deferred[None] = defer.Deferred()
        self.out = b""

    def outReceived(self, data: bytes) -> None:
        """It says something."""
        self.out += data
        if b"\n" in self.out and not self.said.called:
            self.said.callback(self.out)

    def processEnded(self, reason: Any) -> None:
        """It is gone."""
        self.ended.callback(None)


def started(*arguments: str) -> Any:
    """`tests.hostile.sessions`, running."""
    watched = Watched()
    command = [sys.executable, "-c", "from tests.hostile.sessions import main; main()", *arguments]
    with warnings.catch_warnings():
        # From Python 3.12 on, of a fork where other tests have left threads; this one only begins another program.
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        reactor.spawnProcess(watched, sys.executable, command, env=None, path=ROOT)  # type: ignore[attr-defined]
    return watched


class KillTests(Rows, TestCase):
    """SIGKILL."""

    timeout = 60

    def watch(self, factory: Any) -> None:
        """Keep account of the brokers of *factory*."""
        self.brokers: list[Any] = []
        build = factory.buildProtocol

        def built(addr: Any) -> Any:
            made = build(addr)
            self.brokers.append(weakref.ref(made))
            return made

        factory.buildProtocol = built

    async def gone(self) -> None:
        """The brokers have been told, have taken everything down, and nothing keeps them."""
        while any(ref() is not None and not ref().disconnected for ref in self.brokers):
            await deferLater(reactor, 0.001)
        # This may have gone on in the middle of that, with the failure of a call.
        await deferLater(reactor, 0)
        for broker in [ref() for ref in self.brokers if ref() is not None]:
            self.assertEqual(([], None, None), (broker.pageProducers, broker.waitingForAnswers, broker.localObjects))
            self.assertEqual((None, None), (broker.remotelyCachedObjects, broker.locallyCachedObjects))
            del broker
        await deferLater(reactor, 0)
        gc.collect()
        self.assertEqual([], [ref() for ref in self.brokers if ref() is not None])

    @each(range(10))
    def test_server(self, seed: int) -> Any:
        """When the server is killed, all Deferreds that the client was given fire, each once, whatever was going on;
        further calls fail at once, and nothing keeps the connection."""

        async def run() -> None:
            chance = random.Random(seed)
            server = started("server")
            port = int(await server.said)
            factory = pb.PBClientFactory()
            self.watch(factory)
            connector = reactor.connectTCP("127.0.0.1", port, factory)  # type: ignore[attr-defined]
            session = Session(factory)
            running = defer.ensureDeferred(session.run(10**9))
            # From before the login on to many rounds later.
            for _ in range(chance.choice((2, 10, 100)) + chance.randrange(10)):
                await deferLater(reactor, 0)
            server.transport.signalProcess(signal.SIGKILL)
            await server.ended
            with self.assertRaises((pb.PBConnectionLost, pb.DeadReferenceError, ConnectionClosed)):
                await running
            if self.brokers[0]() is not None:
                with self.assertRaises(pb.DeadReferenceError):
                    self.brokers[0]().remoteForName("root").callRemote("it")
            self.assertEqual([], [results for results in session.fired if len(results) != 1])
            del session, running, factory, connector
            await self.gone()

        return defer.ensureDeferred(run())

    @each(range(10))
    def test_client(self, seed: int) -> Any:
        """When a client is killed, the server has as many logouts as logins, tells every owner of a cached object, once,
        and is left with nothing."""

        async def run() -> None:
            chance = random.Random(seed)
            house = House()
            factory = pb.PBServerFactory(house.portal())
            self.watch(factory)
            port = reactor.listenTCP(0, factory, interface="127.0.0.1")  # type: ignore[attr-defined]
            self.addCleanup(port.stopListening)
            client = started("client", str(port.getHost().port))
            while not (self.brokers if seed % 3 == 0 else house.came):
                await deferLater(reactor, 0.001)
            for _ in range(chance.choice((0, 10, 100)) + chance.randrange(10)):
                await deferLater(reactor, 0)
            client.transport.signalProcess(signal.SIGKILL)
            await client.ended
            await self.gone()
            self.assertEqual([], house.leftovers())

        return defer.ensureDeferred(run())
