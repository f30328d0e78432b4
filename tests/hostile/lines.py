"""Two brokers of ours over transports of which the test says when, and how, they end."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from twisted.internet import task
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.python.failure import Failure

from spreadlite import _flow, pb
from spreadlite.core.limits import DEFAULT_LIMITS, Limits
from tests.hostile.bench import TimedPipe, unhurried

#: How a side ends a connection: by which method of its transport, and whether it is told of the end within that call, as
#: by some transports, or in the reactor's next turn.
WAYS = ("lose at once", "abort at once", "lose", "abort")


class Line(TimedPipe):
    """The transport of one end."""

    def __init__(self, clock: task.Clock, protocol: Any) -> None:
        super().__init__(clock)
        self.protocol = protocol
        self.at_once = False
        self.told = False

    def loseConnection(self) -> None:
        """Close when what was written has gone."""
        super().loseConnection()
        self._end(ConnectionDone)

    def abortConnection(self) -> None:
        """Close at once."""
        super().abortConnection()
        self._end(ConnectionAborted)

    def _end(self, why: Any) -> None:
        if self.at_once:
            self.lost(why)
        else:
            self.reactor.callLater(0, self.lost, why)

    def lost(self, why: Any = ConnectionDone) -> None:
        """The connection goes; the protocol is told, once."""
        if not self.told:
            self.told = self.disconnected = True
            self.protocol.connectionLost(Failure(why()))


class Joined:
    """A server and a client that have shaken hands.

    Args:
        root: what the server publishes, or a portal.
        limits: of both.
    """

    def __init__(self, root: Any, limits: Limits = DEFAULT_LIMITS) -> None:
        self.clock = task.Clock()
        limits = unhurried(limits)
        self.serving = pb.PBServerFactory(root, limits=limits)
        self.connecting = pb.PBClientFactory(limits=limits)
        self.fired: list[list[Any]] = []
        ends = self.serving.buildProtocol(None), self.connecting.buildProtocol(None)
        self.lines = [Line(self.clock, end) for end in ends]
        for end, line in zip(ends, self.lines, strict=True):
            end.makeConnection(line)
        self.flush()
        self.root = self.client.remoteForName("root")

    @property
    def server(self) -> Any:
        """The server's broker."""
        return self.lines[0].protocol

    @property
    def client(self) -> Any:
        """The client's broker."""
        return self.lines[1].protocol

    def end(self, side: str, way: str) -> None:
        """*side* ends the connection."""
        line = self.lines[("server", "client").index(side)]
        line.at_once = way.endswith("at once")
        if way.startswith("lose"):
            line.loseConnection()
        else:
            line.abortConnection()

    def expect(self, deferred: Any) -> list[Any]:
        """Keep account of what *deferred* fires with."""
        results: list[Any] = []
        deferred.addBoth(lambda result: results.append(result))
        self.fired.append(results)
        return results

    def call(self, name: str, *args: Any) -> list[Any]:
        """Call a method of the root, and keep account of what comes of it."""
        return self.expect(self.root.callRemote(name, *args))

    def deliver(self) -> bool:
        """Deliver once what either side has written; whether there was something."""
        moved = False
        for here, there in (self.lines, self.lines[::-1]):
            data, here.out = here.out, b""
            if data and not there.told and not here.aborted:
                moved = True
                there.protocol.dataReceived(data)
            if here.producer is not None and not here.told:
                here.producer.resumeProducing()
                moved = True
        return moved

    def flush(self) -> None:
        """Let the two talk until they fall silent; when one has gone, the other hears of it."""
        for _ in range(1000):
            gc.collect(0)
            moved = self.deliver()
            self.clock.advance(0)
            if any(line.told for line in self.lines) and not moved:
                for line in self.lines:
                    line.lost()
            if not moved and not [call for call in self.clock.getDelayedCalls() if call.getTime() <= self.clock.seconds()]:
                return
        raise AssertionError("the two ends talk without end")

    def leftovers(self) -> list[str]:
        """What is left after the connection has gone, that should not be; the last thing that is asked."""
        self.flush()
        left = []
        for side, line in zip(("server", "client"), self.lines, strict=True):
            broker = line.protocol
            if not broker.disconnected:
                left.append(f"the {side} is connected")
            for name in ("localObjects", "luids", "remotelyCachedObjects", "remotelyCachedLUIDs", "locallyCachedObjects"):
                if getattr(broker, name) is not None:
                    left.append(f"{name} of the {side}")
            if broker.waitingForAnswers or broker.pageProducers or broker._localCleanup or broker._unsent:
                left.append(f"calls, pages or logins of the {side}")
        left += [f"a Deferred that fired {len(results)} times" for results in self.fired if len(results) != 1]
        left += [f"{call} is still to come" for call in self.clock.getDelayedCalls()]
        left += ["a connection that has more to do"] * len(_flow._busy)
        brokers = [weakref.ref(line.protocol) for line in self.lines]
        self.lines = []
        self.fired = []
        del line, broker, self.root, self.connecting, self.serving
        if any(broker() is not None for broker in brokers):
            gc.collect()
        left += [f"a broker, held by {gc.get_referrers(broker())}" for broker in brokers if broker() is not None]
        return left
