"""One side of a scenario: the modules under test, the connections, the notes and the log."""

from __future__ import annotations

import gc
import hashlib
import re
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.protocol import ServerFactory
from twisted.internet.task import deferLater
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory

from tests.compat import show
from tests.compat.rawcodec import unpack_all
from tests.vectors.spreads import Spread

#: Seconds after which a call that was not answered counts as hanging.
PATIENCE = 3.0

#: Bytes beyond which what a side said is compared without being taken apart.
LONG = 300000


class Tap(ProtocolWrapper):
    """Stands between a broker and its transport and keeps what passes."""

    def __init__(self, factory: Any, wrapped: Any) -> None:
        super().__init__(factory, wrapped)
        self.broker = wrapped
        self.received = b""
        self.written: list[bytes] = []
        self.lost = False

    @property
    def sent(self) -> bytes:
        """Everything that the broker wrote."""
        return b"".join(self.written)

    def dataReceived(self, data: bytes) -> None:
        """Pass it on."""
        self.received += data
        super().dataReceived(data)

    def write(self, data: bytes) -> None:
        """Pass it on."""
        if not self.disconnecting and not self.lost:
            self.written.append(data)
        super().write(data)

    def writeSequence(self, data: Any) -> None:
        """Pass it on."""
        self.write(b"".join(data))

    def connectionLost(self, reason: Any) -> None:
        """Pass it on."""
        self.lost = True
        super().connectionLost(reason)


class TapFactory(WrappingFactory):
    """Puts a `Tap` on each connection of a factory and keeps them in the order of their making."""

    protocol = Tap
    noisy = False

    def __init__(self, wrapped: Any) -> None:
        super().__init__(wrapped)
        self.taps: list[Tap] = []

    def buildProtocol(self, addr: Any) -> Any:
        """A tapped broker, or None where the factory makes none."""
        built = self.wrappedFactory.buildProtocol(addr)
        if built is None:
            return None
        tap = Tap(self, built)
        self.taps.append(tap)
        return tap


class Side:
    """What either part of a scenario is given.

    Args:
        spread: the modules under test.
        reactor: the reactor.
    """

    def __init__(self, spread: Spread, reactor: Any) -> None:
        self.spread = spread
        self.banana, self.flavors, self.jelly = spread.banana, spread.flavors, spread.jelly
        self.pb, self.publish, self.util = spread.pb, spread.publish, spread.util
        self.reactor = reactor
        self.notes: list[Any] = []
        self.logged: list[str] = []
        self.factories: list[TapFactory] = []

    def note(self, *what: Any) -> None:
        """Remember something for the transcript."""
        self.notes.append([show.shown(item) for item in what])

    def tapped(self, factory: Any) -> TapFactory:
        """*factory* with taps on its connections."""
        factory.noisy = False
        self.factories.append(TapFactory(factory))
        return self.factories[-1]

    @property
    def taps(self) -> list[Tap]:
        """Every connection of this side."""
        return [tap for factory in self.factories for tap in factory.taps]

    @property
    def brokers(self) -> list[Any]:
        """The broker of every connection of this side."""
        return [tap.broker for tap in self.taps]

    @property
    def broker(self) -> Any:
        """The broker of the first connection."""
        return self.brokers[0]

    def report(self) -> dict[str, Any]:
        """What this side has to show for itself now."""
        gc.collect()
        return {
            "notes": self.notes,
            "logged": self.logged,
            "tables": [show.tables(broker) for broker in self.brokers],
            "lost": [tap.lost for tap in self.taps],
        }

    def count(self) -> list[int]:
        """Bytes that came in and went out on what is still connected."""
        open_taps = [tap for tap in self.taps if not tap.lost]
        return [sum(len(tap.received) for tap in open_taps), sum(len(tap.sent) for tap in open_taps)]

    def said(self) -> list[list[str]]:
        """What this side's brokers said, message by message."""
        return [_messages(tap.sent) for tap in self.taps]

    def subclass(self, base: type, name: str, **members: Any) -> Any:
        """A class whose name is the same whoever's its base is."""
        return type(name, (base,), {"__module__": "tests.compat.made", "__qualname__": name, **members})

    def sleep(self, seconds: float = 0.05) -> Deferred[None]:
        """Fires later."""
        return deferLater(self.reactor, seconds)


#: What a digest never looks like, as good as never.
_NAME = re.compile(rb"[\w .-]*")
_CHANCE = ([b"unicode", b"count"], [b"unicode", b"_frames"])


def _masked(item: Any) -> Any:
    """*item* without what chance decides: challenges and responses, a Failure's running number, frames with paths."""
    if isinstance(item, list):
        if len(item) == 2 and item[0] in _CHANCE:
            return [item[0], "masked"]
        return [_masked(inner) for inner in item]
    if isinstance(item, bytes) and len(item) == 16 and not _NAME.fullmatch(item):
        return b"?" * 16
    return item


def _messages(sent: bytes) -> list[str]:
    if len(sent) > LONG:
        return [f"{len(sent)} bytes {hashlib.sha256(sent).hexdigest()}"]
    return [_message(item) for item in unpack_all(sent)]


def _message(item: Any) -> str:
    text = repr(_masked(item))
    return text if len(text) < 2000 else f"{text[:100]} … {len(text)} {hashlib.sha256(text.encode()).hexdigest()}"


class ServerSide(Side):
    """The server's side; its part may set what its factory is to have.

    Attributes:
        options: keyword arguments of the server factory.
        protocol: a Broker class, if not the usual one.
    """

    def __init__(self, spread: Spread, reactor: Any) -> None:
        super().__init__(spread, reactor)
        self.options: dict[str, Any] = {}
        self.protocol: Any = None
        self.factory: Any = None

    def serve(self, root: Any) -> ServerFactory:
        """The factory that serves *root*."""
        self.factory = self.pb.PBServerFactory(root, **self.options)
        if self.protocol is not None:
            self.factory.protocol = self.protocol
        return self.tapped(self.factory)


class ClientSide(Side):
    """The client's side.

    Args:
        spread: the modules under test.
        reactor: the reactor.
        dial: connects a client factory to the server.
        ask: asks the server for its report.
    """

    def __init__(self, spread: Spread, reactor: Any, dial: Any, ask: Any) -> None:
        super().__init__(spread, reactor)
        self._dial = dial
        self._ask = ask
        #: Seconds; a scenario in which twisted.spread itself is slow takes more.
        self.patience = PATIENCE
        self.connectors: list[Any] = []
        self.factory: Any = None

    def dial(self, factory: Any) -> Any:
        """Connect *factory*, tapped."""
        self.connectors.append(self._dial(self.tapped(factory)))
        return factory

    def connect(self, **options: Any) -> Any:
        """A new client factory, connecting."""
        return self.dial(self.pb.PBClientFactory(**options))

    async def root(self) -> Any:
        """The root by a connection of its own."""
        return await self.connect().getRootObject()

    async def server(self) -> dict[str, Any]:
        """The server's report, when the two sides have heard all that they said."""
        await self.settle()
        report: dict[str, Any] = await self._ask("report")
        return report

    async def settle(self) -> None:
        """Wait until nothing is under way between the sides."""
        before: Any = None
        gc.collect()
        await self._ask("report")
        for _ in range(200):
            received, sent = await self._ask("count")
            mine = self.count()
            now = (received, sent, mine)
            if [sent, received] == mine and now == before:
                return
            before = now
            await self.sleep(0.001)

    async def outcome(self, waiting: Any) -> Any:
        """What a Deferred comes to, as data: a value, a failure, or that it never fires."""
        result = await self.result(waiting)
        return result if isinstance(result, list) and result[:1] in (["failed"], ["hangs"]) else show.shown(result)

    async def result(self, waiting: Any) -> Any:
        """The same, with a value as it is."""
        if waiting is None:
            return "no Deferred"
        outcome: list[Any] = []
        done: Deferred[None] = Deferred()

        def finish(result: Any) -> None:
            outcome.append(result)
            done.callback(None)

        waiting.addErrback(self._failure).addBoth(finish)
        if not outcome:
            done.addTimeout(self.patience, self.reactor)
            try:
                await done
            except (TimeoutError, CancelledError):
                done.addErrback(lambda reason: None)
                done = Deferred()
                return ["hangs"]
        return outcome[0]

    def _failure(self, failure: Any) -> Any:
        return show.failed(failure)

    async def call(self, reference: Any, name: str, /, *args: Any, **kw: Any) -> Any:
        """The outcome of a call, also if `callRemote` itself raises."""
        try:
            waiting = reference.callRemote(name, *args, **kw)
        except Exception as error:
            return show.raised(error)
        return await self.outcome(waiting)

    async def failure(self, waiting: Any) -> Any:
        """The Failure that a Deferred comes to, itself."""
        found: list[Any] = []
        await self.result(waiting.addBoth(lambda result: found.append(result)))
        return found[0]
