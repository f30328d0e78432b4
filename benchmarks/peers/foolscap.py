"""foolscap, the other successor of Perspective Broker's first form.  It always speaks TLS."""

from __future__ import annotations

import gc
import sys
from typing import Any

from foolscap.api import Copyable, Referenceable, RemoteCopy, Tub
from foolscap.util import allocate_tcp_port
from twisted.internet import defer, reactor

from .. import payloads, turning
from .common import VALUES


class Part(Referenceable):  # type: ignore[misc]
    def remote_number(self) -> int:
        return 7


class Record(Copyable):  # type: ignore[misc]
    typeToCopy = "benchmarks.Record"

    def __init__(self, number: int) -> None:
        self.__dict__.update(payloads.record_state(number))

    def getStateToCopy(self) -> dict[str, Any]:
        return dict(vars(self))


class RemoteRecord(RemoteCopy):  # type: ignore[misc]
    copytype = "benchmarks.Record"

    def setCopyableState(self, state: Any) -> None:
        self.__dict__ = state


class Root(Referenceable):  # type: ignore[misc]
    def __init__(self) -> None:
        self.records = [Record(number) for number in range(payloads.OBJECTS)]

    def remote_echo(self, value: Any) -> Any:
        return value

    def remote_references(self, number: int) -> list[Part]:
        return [Part() for _ in range(number)]

    def remote_copies(self, number: int) -> list[Record]:
        return self.records[:number]


class Client:
    def __init__(self, url: str) -> None:
        self.url = url
        self.tub: Any = None
        self.root: Any = None

    def call(self, workload: str) -> Any:
        if workload in ("references", "copies"):
            return self.root.callRemote(workload, payloads.OBJECTS)
        return self.root.callRemote("echo", VALUES[workload])

    async def references(self, calls: int) -> None:
        for _ in range(calls):
            answer = await self.call("references")
            del answer
            await turning.pause()
        await self.call("small")

    async def do(self, request: dict[str, Any]) -> dict[str, Any]:
        if self.root is None:
            self.tub = Tub()
            self.tub.startService()
            self.root = await self.tub.getReference(self.url)
        workload = request["workload"]
        if request["do"] == "check":
            answer = await self.call(workload)
            if workload == "references":
                numbers = await defer.gatherResults([part.callRemote("number") for part in answer])
                return {"right": numbers == [7] * payloads.OBJECTS}
            if workload == "copies":
                states = [payloads.record_state(number) for number in range(payloads.OBJECTS)]
                return {"right": [vars(copy) for copy in answer] == states}
            return {"right": answer == VALUES[workload]}
        gc.collect()
        match workload:
            case "outstanding":
                work = turning.outstanding(lambda: self.call(workload), request["calls"])
            case "references":
                work = self.references(request["calls"])
            case _:
                work = turning.in_turn(lambda: self.call(workload), request["calls"])
        return await turning.timed(work)


def main(side: str, url: str = "") -> None:
    if side == "server":
        tub = Tub()
        port = allocate_tcp_port()
        tub.listenOn(f"tcp:{port}:interface=127.0.0.1")
        tub.setLocation(f"tcp:127.0.0.1:{port}")
        tub.startService()
        address = tub.registerReference(Root(), "root")
        reactor.addSystemEventTrigger("before", "shutdown", tub.stopService)
        turning.run({"port": address}, turning.nothing)
    else:
        turning.run({}, Client(url).do)


if __name__ == "__main__":
    main(*sys.argv[1:])
