"""Server and client of Perspective Broker: twisted.spread's or spreadlite's, by the variable ``BENCHMARKS_SPREAD``.

Run as ``python -m benchmarks.spread server`` and ``python -m benchmarks.spread client PORT``, by the command.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from typing import Any

from twisted.internet import defer, reactor

from . import payloads, turning
from .workloads import OBSERVERS

PACKAGE = os.environ.get("BENCHMARKS_SPREAD", "spreadlite")
pb: Any = importlib.import_module(PACKAGE + ".pb")


class Part(pb.Referenceable):
    """An object that stays at the server."""

    def remote_number(self) -> int:
        return 7


class Record(pb.Copyable):
    """An object that travels, the plain way."""

    def __init__(self, number: int) -> None:
        self.__dict__.update(payloads.record_state(number))


class RemoteRecord(pb.RemoteCopy):
    """What a record is at the client."""


class Board(pb.Cacheable):
    """A value that every client has a cache of."""

    def __init__(self) -> None:
        self.value = 0
        self.observers: list[Any] = []

    def getStateToCacheAndObserveFor(self, perspective: Any, observer: Any) -> dict[str, Any]:
        self.observers.append(observer)
        return {"value": self.value}

    def stoppedObserving(self, perspective: Any, observer: Any) -> None:
        # All leave at the end, together.  (They cannot be looked for: twisted.spread's fail when they are compared.)
        self.observers.clear()

    def update(self) -> Any:
        """Tell all; a Deferred of when all know."""
        self.value += 1
        value = self.value
        return defer.gatherResults([observer.callRemote("changed", value) for observer in self.observers])


class RemoteBoard(pb.RemoteCache):
    """What the board is at the client."""

    def observe_changed(self, value: int) -> None:
        self.value = value


pb.setUnjellyableForClass(Record, RemoteRecord)
pb.setUnjellyableForClass(Board, RemoteBoard)


class Root(pb.Root):
    """What the server publishes."""

    def __init__(self) -> None:
        self.board = Board()
        # Made once: what making them costs is the application's.
        self.records = [Record(number) for number in range(payloads.OBJECTS)]

    def remote_echo(self, value: Any) -> Any:
        return value

    def remote_later(self, value: Any) -> Any:
        d: defer.Deferred[Any] = defer.Deferred()
        reactor.callLater(0, d.callback, value)
        return d

    def remote_references(self, number: int) -> list[Part]:
        return [Part() for _ in range(number)]

    def remote_copies(self, number: int) -> list[Record]:
        return self.records[:number]

    def remote_board(self) -> Board:
        return self.board

    def remote_update(self) -> Any:
        return self.board.update().addCallback(lambda _: None)


class Client:
    """The client: the connections that it has, and what it does with them."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.root: Any = None
        self.factories: list[Any] = []
        self.boards: list[Any] = []
        self.calls = {
            "small": lambda: self.root.callRemote("echo", payloads.SMALL),
            "outstanding": lambda: self.root.callRemote("echo", payloads.SMALL),
            "later": lambda: self.root.callRemote("later", payloads.SMALL),
            "fields": lambda: self.root.callRemote("echo", payloads.FIELDS),
            "records": lambda: self.root.callRemote("echo", payloads.RECORDS),
            "bytes64": lambda: self.root.callRemote("echo", payloads.BYTES_64),
            "bytes600": lambda: self.root.callRemote("echo", payloads.BYTES_600),
            "references": lambda: self.root.callRemote("references", payloads.OBJECTS),
            "copies": lambda: self.root.callRemote("copies", payloads.OBJECTS),
            "cache": lambda: self.root.callRemote("update"),
        }

    async def connect(self) -> tuple[Any, Any]:
        """A factory with a new connection, and the root there."""
        factory = pb.PBClientFactory()
        reactor.connectTCP("127.0.0.1", self.port, factory)
        return factory, await factory.getRootObject()

    async def observe(self) -> None:
        """Have a cache of the board in as many connections as there are to be."""
        while len(self.boards) < OBSERVERS:
            factory, root = await self.connect()
            self.factories.append(factory)
            self.boards.append(await root.callRemote("board"))

    async def visit(self) -> None:
        """Connect, call, disconnect."""
        factory, root = await self.connect()
        if await root.callRemote("echo", payloads.SMALL) != payloads.SMALL:
            raise ValueError("another answer than was expected")
        factory.disconnect()

    async def _references(self, calls: int) -> None:
        for _ in range(calls):
            answer = await self.calls["references"]()
            del answer
            # Whoever called us back holds the answer until we return; and two answers are more than twisted.spread's
            # limit of references.
            await turning.pause()
        # All that were released are known to be, once this is answered.
        await self.calls["small"]()

    def work(self, workload: str, calls: int) -> Any:
        """Do *calls* of a workload."""
        match workload:
            case "outstanding" | "later":
                return turning.outstanding(self.calls[workload], calls)
            case "references":
                return self._references(calls)
            case "connections":
                return turning.connecting(self.visit, calls)
        return turning.in_turn(self.calls[workload], calls)

    async def check(self, workload: str) -> bool:
        """Whether one call of a workload gives what it should."""
        if workload == "connections":
            await self.visit()
            return True
        answer = await self.calls[workload]()
        match workload:
            case "references":
                numbers = await defer.gatherResults([part.callRemote("number") for part in answer])
                return len({part.luid for part in answer}) == payloads.OBJECTS and set(numbers) == {7}
            case "copies":
                return all(type(record) is RemoteRecord for record in answer) and [vars(record) for record in answer] == [
                    payloads.record_state(number) for number in range(payloads.OBJECTS)
                ]
            case "cache":
                value = self.boards[0].value
                return value > 0 and [board.value for board in self.boards] == [value] * OBSERVERS
        expected = {
            "fields": payloads.FIELDS,
            "records": payloads.RECORDS,
            "bytes64": payloads.BYTES_64,
            "bytes600": payloads.BYTES_600,
        }
        return bool(answer == expected.get(workload, payloads.SMALL))

    async def open(self, number: int, calls: int) -> None:
        """Have *number* more connections, each after so many calls."""
        for _ in range(number):
            factory, root = await self.connect()
            self.factories.append(factory)
            for _ in range(calls):
                await root.callRemote("echo", payloads.SMALL)

    async def do(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the command asks."""
        if self.root is None:
            factory, self.root = await self.connect()
            self.factories.append(factory)
        if request["do"] == "open":
            await self.open(request["connections"], request["calls"])
            return {}
        workload = request["workload"]
        if workload == "cache":
            await self.observe()
        match request["do"]:
            case "check":
                return {"right": await self.check(workload)}
            case "count":
                # Once before, so that what only the first call says is not counted.
                await self.work(workload, 1)
                traffic = turning.Traffic()
                await traffic.of(self.work(workload, request["calls"]))
                return {"sent": traffic.sent, "received": traffic.received}
            case "run":
                gc.collect()
                return await turning.timed(self.work(workload, request["calls"]))
        return await turning.nothing(request)


def implementation() -> str:
    """Which codec runs."""
    codec = sys.modules.get("spreadlite.core.codec")
    return "twisted.spread" if codec is None else str(codec.implementation)


def main(side: str, port: str = "0") -> None:
    """Be one side."""
    if side == "server":
        heard = turning.listen(pb.PBServerFactory(Root()))
        turning.run({"port": heard, "implementation": implementation()}, turning.nothing)
    else:
        turning.run({"implementation": implementation()}, Client(int(port)).do)


if __name__ == "__main__":
    # By its name, not as __main__: the classes' names are on the wire.
    importlib.import_module("benchmarks.spread").main(*sys.argv[1:])
