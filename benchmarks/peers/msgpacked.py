"""msgpack over Twisted's ``Int32StringReceiver``, with a Deferred for each call: what one would write oneself."""

from __future__ import annotations

import gc
import sys
from typing import Any

import msgpack
from twisted.internet import defer, protocol, reactor
from twisted.protocols.basic import Int32StringReceiver

from .. import payloads, turning
from .common import VALUES


class Server(Int32StringReceiver):
    MAX_LENGTH = 10_000_000

    def stringReceived(self, string: bytes) -> None:
        number, name, arguments = msgpack.unpackb(string)
        self.sendString(msgpack.packb([number, getattr(self, "remote_" + name)(*arguments)]))

    def remote_echo(self, value: Any) -> Any:
        return value


class Peer(Int32StringReceiver):
    MAX_LENGTH = 10_000_000

    def __init__(self) -> None:
        self.number = 0
        self.waiting: dict[int, Any] = {}

    def call(self, name: str, *arguments: Any) -> Any:
        self.number += 1
        d: defer.Deferred[Any] = defer.Deferred()
        self.waiting[self.number] = d
        self.sendString(msgpack.packb([self.number, name, arguments]))
        return d

    def stringReceived(self, string: bytes) -> None:
        number, value = msgpack.unpackb(string)
        self.waiting.pop(number).callback(value)


class Client:
    def __init__(self, port: int) -> None:
        self.port = port
        self.peer: Any = None

    async def connect(self) -> Any:
        return await protocol.ClientCreator(reactor, Peer).connectTCP("127.0.0.1", self.port)

    async def visit(self) -> None:
        peer = await self.connect()
        await peer.call("echo", payloads.SMALL)
        peer.transport.loseConnection()

    async def do(self, request: dict[str, Any]) -> dict[str, Any]:
        if self.peer is None:
            self.peer = await self.connect()
        workload = request["workload"]
        value = VALUES.get(workload)
        if request["do"] == "check":
            if workload == "connections":
                await self.visit()
                return {"right": True}
            return {"right": await self.peer.call("echo", value) == value}
        gc.collect()
        match workload:
            case "outstanding":
                work = turning.outstanding(lambda: self.peer.call("echo", value), request["calls"])
            case "connections":
                work = turning.connecting(self.visit, request["calls"])
            case _:
                work = turning.in_turn(lambda: self.peer.call("echo", value), request["calls"])
        return await turning.timed(work)


def main(side: str, port: str = "0") -> None:
    if side == "server":
        turning.run({"port": turning.listen(protocol.ServerFactory.forProtocol(Server))}, turning.nothing)
    else:
        turning.run({}, Client(int(port)).do)


if __name__ == "__main__":
    main(*sys.argv[1:])
