"""The floor: what the reactor itself takes to move the same bytes, with a Deferred for each message and no codec.

A connection begins with its kind and the bytes of a message each way; thereafter either side counts bytes.
"""

from __future__ import annotations

import gc
import struct
import sys
from collections import deque
from typing import Any

from twisted.internet import defer, protocol, reactor

from . import turning
from .workloads import OBSERVERS, TOGETHER

_START = struct.Struct("!cII")
ECHO, LATER, OBSERVER, TRIGGER = b"e", b"l", b"o", b"t"
_KINDS = {"later": LATER, "cache": TRIGGER}


class Server(protocol.Protocol):
    """Answers each message of so many bytes with so many."""

    kind = b""
    start = b""
    held = 0

    def __init__(self, observers: list[Server]) -> None:
        self.observers = observers
        self.waiting: deque[Any] = deque()

    def dataReceived(self, data: bytes) -> None:
        if not self.kind:
            self.start += data
            if len(self.start) < _START.size:
                return
            data = self.start[_START.size :]
            self.kind, self.size, back = _START.unpack(self.start[: _START.size])
            self.answer = bytes(back)
            if self.kind == OBSERVER:
                self.observers.append(self)
        self.held += len(data)
        while self.held >= self.size:
            self.held -= self.size
            self.message()

    def message(self) -> None:
        if self.kind == ECHO:
            self.transport.write(self.answer)
        elif self.kind == LATER:
            d: defer.Deferred[bytes] = defer.Deferred()
            reactor.callLater(0, d.callback, self.answer)
            d.addCallback(self.transport.write)
        elif self.kind == OBSERVER:
            self.waiting.popleft().callback(None)
        else:
            told = defer.gatherResults([observer.tell() for observer in self.observers])
            told.addCallback(lambda _: self.transport.write(self.answer))

    def tell(self) -> Any:
        d: defer.Deferred[None] = defer.Deferred()
        self.waiting.append(d)
        self.transport.write(self.answer)
        return d

    def connectionLost(self, reason: Any = None) -> None:
        if self in self.observers:
            self.observers.remove(self)


class ServerFactory(protocol.ServerFactory):
    def __init__(self) -> None:
        self.observers: list[Server] = []

    def buildProtocol(self, addr: Any) -> Server:
        return Server(self.observers)


class Peer(protocol.Protocol):
    """The client's end: a Deferred for each message; an observer answers what it is told."""

    held = 0

    def __init__(self, kind: bytes, sent: int, received: int) -> None:
        self.kind, self.sent, self.received = kind, sent, received
        self.message = bytes(sent)
        self.waiting: deque[Any] = deque()
        self.ready: defer.Deferred[Peer] = defer.Deferred()

    def connectionMade(self) -> None:
        self.transport.write(_START.pack(self.kind, self.sent, self.received))
        self.ready.callback(self)

    def call(self) -> Any:
        d: defer.Deferred[None] = defer.Deferred()
        self.waiting.append(d)
        self.transport.write(self.message)
        return d

    def dataReceived(self, data: bytes) -> None:
        self.held += len(data)
        while self.held >= self.received:
            self.held -= self.received
            if self.kind == OBSERVER:
                self.transport.write(self.message)
            else:
                self.waiting.popleft().callback(None)


class ClientFactory(protocol.ClientFactory):
    noisy = False

    def __init__(self, peer: Peer) -> None:
        self.peer = peer

    def buildProtocol(self, addr: Any) -> Peer:
        return self.peer


class Client:
    """The client."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.peers: dict[str, Peer] = {}
        self.others: list[Peer] = []

    async def connect(self, kind: bytes, sent: int, received: int) -> Peer:
        peer = Peer(kind, sent, received)
        reactor.connectTCP("127.0.0.1", self.port, ClientFactory(peer))
        return await peer.ready

    async def visit(self, sent: int, received: int) -> None:
        peer = await self.connect(ECHO, sent, received)
        await peer.call()
        peer.transport.loseConnection()

    async def peer(self, workload: str, sent: int, received: int) -> Peer:
        """The connection for a workload, with so many bytes a call."""
        if workload not in self.peers:
            if workload == "cache":
                for _ in range(OBSERVERS):
                    # What is told is received, and what is answered is sent.
                    self.others.append(await self.connect(OBSERVER, sent, received))
                sent = received = 1
            self.peers[workload] = await self.connect(_KINDS.get(workload, ECHO), sent, received)
        return self.peers[workload]

    async def do(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the command asks."""
        if request["do"] == "open":
            for _ in range(request["connections"]):
                peer = await self.connect(ECHO, 1, 1)
                self.others.append(peer)
                for _ in range(request["calls"]):
                    await peer.call()
            return {}
        workload, calls, sent, received = (request[key] for key in ("workload", "calls", "sent", "received"))
        gc.collect()
        if workload == "connections":
            return await turning.timed(turning.connecting(lambda: self.visit(sent, received), calls))
        call = (await self.peer(workload, sent, received)).call
        if workload in TOGETHER:
            return await turning.timed(turning.outstanding(call, calls))
        return await turning.timed(turning.in_turn(call, calls))


def main(side: str, port: str = "0") -> None:
    """Be one side."""
    if side == "server":
        turning.run({"port": turning.listen(ServerFactory())}, turning.nothing)
    else:
        turning.run({}, Client(int(port)).do)


if __name__ == "__main__":
    main(*sys.argv[1:])
