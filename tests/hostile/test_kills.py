"""One side is killed, with SIGKILL, at some point."""

from __future__ import annotations

import random
import signal
import sys
from typing import Any

from twisted.internet import defer, protocol, reactor
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from spreadlite import pb
from tests.hostile.bench import Echo
from tests.processes import ROOT
from tests.vectors.rows import Rows, each

SERVER = """
from twisted.internet import reactor
from spreadlite import pb
from tests.hostile.bench import Echo
print(reactor.listenTCP(0, pb.PBServerFactory(Echo()), interface="127.0.0.1").getHost().port, flush=True)
reactor.run()
"""
CLIENT = """
import sys
from twisted.internet import reactor
from spreadlite import pb
factory = pb.PBClientFactory()
reactor.connectTCP("127.0.0.1", int(sys.argv[1]), factory)
def again(root):
    for number in range(20):
        root.callRemote("take", pb.Referenceable(), b"x" * 5000)
    return root.callRemote("echo", 1).addCallback(lambda one: again(root))
factory.getRootObject().addCallback(again)
reactor.run()
"""


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


def started(program: str, *arguments: str) -> Any:
    """A program that runs."""
    watched = Watched()
    reactor.spawnProcess(  # type: ignore[attr-defined]
        watched, sys.executable, [sys.executable, "-c", program, *arguments], env=None, path=ROOT
    )
    return watched


class KillTests(Rows, TestCase):
    """SIGKILL."""

    timeout = 60

    @each(range(4))
    def test_server(self, seed: int) -> Any:
        """Every call in flight fails, once, when the server is killed."""

        async def run() -> None:
            chance = random.Random(seed)
            server = started(SERVER)
            port = int(await server.said)
            factory = pb.PBClientFactory()
            await TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(factory)
            root = await factory.getRootObject()
            fired: list[Any] = []
            asked = 0
            stop = chance.randrange(200, 2_000)
            waiting = []
            while asked < stop:
                for _ in range(100):
                    asked += 1
                    waiting.append(root.callRemote("echo", b"x" * chance.randrange(2_000)).addBoth(fired.append))
                await deferLater(reactor, 0)
            server.transport.signalProcess(signal.SIGKILL)
            await server.ended
            await defer.gatherResults(waiting)
            self.assertEqual(asked, len(fired))
            with self.assertRaises(pb.DeadReferenceError):
                while True:
                    root.callRemote("echo", 1).addErrback(lambda reason: None)
                    await deferLater(reactor, 0)

        return defer.ensureDeferred(run())

    @each(range(3))
    def test_client(self, seed: int) -> Any:
        """A client that is killed leaves nothing with the server."""

        async def run() -> None:
            root = Echo()
            factory = pb.PBServerFactory(root)
            brokers: list[Any] = []
            build = factory.buildProtocol

            def built(addr: Any) -> Any:
                brokers.append(build(addr))
                return brokers[-1]

            factory.buildProtocol = built  # type: ignore[method-assign]
            port = reactor.listenTCP(0, factory, interface="127.0.0.1")  # type: ignore[attr-defined]
            self.addCleanup(port.stopListening)
            client = started(CLIENT, str(port.getHost().port))
            while len(root.seen) < random.Random(seed).randrange(1, 500):
                await deferLater(reactor, 0.001)
            client.transport.signalProcess(signal.SIGKILL)
            await client.ended
            root.seen.clear()
            while not brokers[0].disconnected:
                await deferLater(reactor, 0.001)
            self.assertIs(None, brokers[0].localObjects)
            self.assertIs(None, brokers[0].waitingForAnswers)

        return defer.ensureDeferred(run())
