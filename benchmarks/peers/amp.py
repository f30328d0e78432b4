"""AMP, Twisted's own protocol for calls with named arguments.  What is nested goes as JSON."""

from __future__ import annotations

import gc
import json
import sys
from typing import Any

from twisted.internet import protocol, reactor
from twisted.protocols import amp

from .. import payloads, turning


class Echo(amp.Command):
    arguments = [(b"value", amp.Unicode())]
    response = [(b"value", amp.Unicode())]


class Server(amp.AMP):
    @Echo.responder
    def echo(self, value: str) -> dict[str, str]:
        return {"value": json.dumps(json.loads(value)) if value.startswith("{") else value}


class Client:
    def __init__(self, port: int) -> None:
        self.port = port
        self.peer: Any = None

    async def connect(self) -> Any:
        return await protocol.ClientCreator(reactor, amp.AMP).connectTCP("127.0.0.1", self.port)

    def small(self) -> Any:
        return self.peer.callRemote(Echo, value=payloads.SMALL)

    def fields(self) -> Any:
        d = self.peer.callRemote(Echo, value=json.dumps(PLAIN))
        return d.addCallback(lambda answer: json.loads(answer["value"]))

    async def visit(self) -> None:
        peer = await self.connect()
        await peer.callRemote(Echo, value=payloads.SMALL)
        peer.transport.loseConnection()

    async def do(self, request: dict[str, Any]) -> dict[str, Any]:
        if self.peer is None:
            self.peer = await self.connect()
        workload = request["workload"]
        call = self.fields if workload == "fields" else self.small
        if request["do"] == "check":
            if workload == "connections":
                await self.visit()
                return {"right": True}
            answer = await call()
            return {"right": answer == (PLAIN if workload == "fields" else {"value": payloads.SMALL})}
        gc.collect()
        match workload:
            case "outstanding":
                return await turning.timed(turning.outstanding(call, request["calls"]))
            case "connections":
                return await turning.timed(turning.connecting(self.visit, request["calls"]))
        return await turning.timed(turning.in_turn(call, request["calls"]))


#: The dictionary, as far as JSON carries it.
PLAIN = {**payloads.FIELDS, "digest": payloads.FIELDS["digest"].hex()}


def main(side: str, port: str = "0") -> None:
    if side == "server":
        factory = protocol.ServerFactory.forProtocol(Server)
        turning.run({"port": turning.listen(factory)}, turning.nothing)
    else:
        turning.run({}, Client(int(port)).do)


if __name__ == "__main__":
    main(*sys.argv[1:])
