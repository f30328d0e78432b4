"""Two brokers over a wire in memory, every byte of which is kept."""

from __future__ import annotations

import gc
from typing import Any

from twisted.internet import interfaces
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.vectors.spreads import Spread


@implementer(interfaces.ITransport, interfaces.IConsumer)
class Pipe:
    """The transport of one end: what is written waits here until it is delivered."""

    def __init__(self) -> None:
        self.out = b""
        self.disconnecting = False
        self.disconnected = False
        self.aborted = False
        self.producer: Any = None
        self.streaming = False

    def write(self, data: bytes) -> None:
        """Take bytes for the other end."""
        assert isinstance(data, bytes)
        if not (self.disconnecting or self.disconnected):
            self.out += data

    def writeSequence(self, iovec: Any) -> None:
        """Take bytes in pieces."""
        self.write(b"".join(iovec))

    def loseConnection(self) -> None:
        """Close when what was written has gone."""
        self.disconnecting = True

    def abortConnection(self) -> None:
        """Close at once."""
        self.disconnecting = self.aborted = True

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Take a producer."""
        self.producer, self.streaming = producer, streaming

    def unregisterProducer(self) -> None:
        """Let the producer go."""
        self.producer = None

    def getPeer(self) -> IPv4Address:
        """An address that is as good as any."""
        return IPv4Address("TCP", "192.0.2.1", 8787)

    def getHost(self) -> IPv4Address:
        """An address that is as good as any."""
        return IPv4Address("TCP", "192.0.2.2", 8787)


class Wire:
    """A server and a client, connected.

    Args:
        server: the server's protocol.
        client: the client's.
    """

    def __init__(self, server: Any, client: Any) -> None:
        self.ends = (client, server)
        self.pipes = (Pipe(), Pipe())
        #: What was delivered, from the client and from the server.
        self.sent = [b"", b""]
        self.open = True
        for end, pipe in zip(self.ends, self.pipes, strict=True):
            end.makeConnection(pipe)

    def flush(self) -> None:
        """Deliver until neither end has anything more to say."""
        for _ in range(10000):
            gc.collect(0)
            if not self._deliver():
                return
        raise AssertionError("the two ends talk without end")

    def _deliver(self) -> bool:
        moved = False
        for index, pipe in enumerate(self.pipes):
            if pipe.producer is not None and not pipe.streaming and not pipe.out:
                pipe.producer.resumeProducing()
            data, pipe.out = pipe.out, b""
            if data and self.open:
                moved = True
                self.sent[index] += data
                try:
                    self.ends[1 - index].dataReceived(data)
                except Exception:
                    self.cut(Failure())
                    raise
        if self.open and any(pipe.disconnecting and not pipe.out for pipe in self.pipes):
            self.cut()
            moved = True
        return moved

    def cut(self, reason: Failure | None = None) -> None:
        """Lose the connection at both ends."""
        if self.open:
            self.open = False
            for pipe in self.pipes:
                pipe.disconnected = True
            lost = ConnectionLost if any(pipe.aborted for pipe in self.pipes) else ConnectionDone
            for end in self.ends:
                end.connectionLost(reason or Failure(lost()))


class Conversation:
    """A server's factory and a client's, joined by a wire, and a record of who said what in which step.

    Args:
        server: whose Perspective Broker serves.
        client: whose Perspective Broker calls.
        root: what the server's factory is given.
        dialect: what the two agree on.
    """

    def __init__(self, server: Spread, client: Spread, root: Any, dialect: str = "pb") -> None:
        self.server_spread, self.client_spread = server, client
        self.server_factory = server.pb.PBServerFactory(root)
        self.client_factory = client.pb.PBClientFactory()
        if dialect != "pb":
            knows = {"knownDialects": [dialect.encode()]}
            self.client_factory.protocol = type("Broker", (client.pb.Broker,), knows)
        self.server = self.server_factory.buildProtocol(None)
        self.client = self.client_factory.buildProtocol(None)
        self.wire = Wire(self.server, self.client)
        self.steps: list[tuple[str, bytes, bytes]] = []
        #: What shall live as long as the conversation.
        self.kept: Any = None

    def step(self, name: str) -> None:
        """Let the two talk until they fall silent, and keep what they said as the step *name*."""
        self.wire.sent[:] = [b"", b""]
        self.wire.flush()
        self.steps.append((name, self.wire.sent[0], self.wire.sent[1]))

    def result_of(self, deferred: Any, name: str) -> Any:
        """What *deferred* fires with in the step *name*."""
        self.step(name)
        return self.result(deferred)

    def result(self, deferred: Any) -> Any:
        """What *deferred* has fired with; a Failure is returned, not raised."""
        results: list[Any] = []
        deferred.addBoth(results.append)
        assert results, "no answer yet"
        return results[0]
