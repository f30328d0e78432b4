"""Where scenarios are played: the server's process, the client's, and the control connection between them."""

from __future__ import annotations

import argparse
import gc
import json
import sys
import traceback
import warnings
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.protocol import ClientFactory, ServerFactory
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python import log

from tests.compat.scenario import SCENARIOS, Scenario
from tests.compat.side import ClientSide, ServerSide, Side
from tests.vectors.spreads import TWISTED, load

reactor: Any = _reactor

#: Seconds that one scenario may take.
LONGEST = 60.0


class Network:
    """How the two reach each other: TCP, a UNIX socket, or TLS with a certificate made for the occasion."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.kind = options.transport
        self.folder = options.folder
        self.count = 0

    def listen(self, factory: Any) -> tuple[Any, Any]:
        """Listen for *factory*: the port, and what a client has to know."""
        if self.kind == "unix":
            self.count += 1
            path = str(self.folder / f"socket{self.count}")
            return reactor.listenUNIX(path, factory), path
        if self.kind == "tls":
            from twisted.internet.ssl import PrivateCertificate

            certificate = PrivateCertificate.loadPEM((self.folder / "peer.pem").read_bytes())
            port = reactor.listenSSL(0, factory, certificate.options(), interface="127.0.0.1")
        else:
            port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        return port, port.getHost().port

    def dial(self, where: Any, factory: Any) -> Any:
        """Connect *factory* to what `listen` said."""
        if self.kind == "unix":
            return reactor.connectUNIX(where, factory)
        if self.kind == "tls":
            from twisted.internet.ssl import Certificate, optionsForClientTLS

            trusted = Certificate.loadPEM((self.folder / "peer.pem").read_bytes())
            return reactor.connectSSL("127.0.0.1", where, factory, optionsForClientTLS("localhost", trusted))
        return reactor.connectTCP("127.0.0.1", where, factory)


class Control(LineOnlyReceiver):
    """The control connection: a JSON value a line, each answered by another, in order."""

    delimiter = b"\n"
    MAX_LENGTH = 2**24

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.waiting: list[Deferred[Any]] = []
        self.ready: Deferred[Control] = Deferred()

    def connectionMade(self) -> None:
        """Nothing is said until somebody asks."""
        self.transport.setTcpNoDelay(True)
        self.ready.callback(self)

    def ask(self, *question: Any) -> Deferred[Any]:
        """Put a question; the Deferred fires with its answer."""
        self.waiting.append(Deferred())
        self.sendLine(json.dumps(question).encode())
        return self.waiting[-1]

    def lineReceived(self, line: bytes) -> None:
        """A question, or an answer."""
        value = json.loads(line)
        if self.answer is None:
            self.waiting.pop(0).callback(value)
        else:
            try:
                answer = json.dumps(self.answer(*value))
            except BaseException:
                traceback.print_exc()
                raise
            self.sendLine(answer.encode())

    def connectionLost(self, reason: Any = None) -> None:
        """The other process has gone; so does this one."""
        for waiting in self.waiting:
            waiting.errback(reason)
        if self.answer is not None and reactor.running:
            reactor.stop()


class _Log:
    """Gives each error that is logged to the side whose scenario is on."""

    def __init__(self) -> None:
        self.side: Side | None = None

    def __call__(self, event: dict[str, Any]) -> None:
        if event.get("isError") and self.side is not None:
            failure = event.get("failure")
            if failure is None:
                return
            kind = failure.type
            self.side.logged.append(f"{kind.__module__}.{kind.__qualname__}")
            if "-v" in sys.argv:
                failure.printTraceback(sys.stderr)


def _observe() -> _Log:
    observer = _Log()
    # Ours warns of what twisted.spread says nothing about; the warning has tests of its own.
    warnings.filterwarnings("ignore", message=".* is not registered with Perspective Broker")
    log.startLoggingWithObserver(observer, setStdout=False)
    # The collector is run often; it need not look at what was there before.
    getattr(gc, "freeze", gc.collect)()
    return observer


class Server:
    """The server's process.

    Args:
        options: the command line.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.spread = load(options.module)
        self.network = Network(options)
        self.spread.load_all()
        self.log = _observe()
        self.side: ServerSide | None = None
        self.port: Any = None

    def run(self) -> None:
        """Serve until the control connection is lost."""
        factory = ServerFactory.forProtocol(Control)
        factory.noisy = False  # type: ignore[attr-defined]
        factory.buildProtocol = lambda addr: Control(self.answer)  # type: ignore[method-assign]
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        print(port.getHost().port, flush=True)
        reactor.run()

    def answer(self, what: str, name: str = "") -> Any:
        """Answer a question of the client's process."""
        if what == "begin":
            self.side = self.log.side = ServerSide(self.spread, reactor)
            self.port, where = self.network.listen(self.side.serve(SCENARIOS[name].serve(self.side)))
            return where
        if what == "modules":
            return _modules()
        assert self.side is not None
        if what == "count":
            return self.side.count()
        if what == "report":
            return self.side.report()
        assert what == "end"
        self.port.stopListening()
        for tap in self.side.taps:
            if not tap.lost:
                tap.transport.abortConnection()
        report = {**self.side.report(), "said": self.side.said()}
        self.side = self.log.side = None
        gc.collect()
        return report


def _modules() -> list[str]:
    """Which of the two packages' brokers this process holds."""
    return sorted(name for name in (f"{TWISTED}.pb", "spreadlite.pb") if name in sys.modules)


def play(options: argparse.Namespace, chosen: list[Scenario]) -> dict[str, Any]:
    """Play the client's part of each of *chosen*; their transcripts by name."""
    transcripts: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    problems: list[Any] = []

    async def all_of_them() -> None:
        factory = ClientFactory.forProtocol(Control)
        factory.noisy = False  # type: ignore[attr-defined]
        connection = Control()
        factory.buildProtocol = lambda addr: connection  # type: ignore[method-assign]
        reactor.connectTCP("127.0.0.1", options.control, factory)
        await connection.ready
        network, spread = Network(options), load(options.module)
        spread.load_all()
        observer = _observe()
        for scenario in chosen:
            side = _Clients(spread, network, connection)
            observer.side = side
            begun = reactor.seconds()
            transcripts[scenario.name] = await side.play(scenario)
            seconds[scenario.name] = round(reactor.seconds() - begun, 3)
            observer.side = None
        transcripts["seconds"] = seconds
        transcripts["modules"] = {"server": await connection.ask("modules"), "client": _modules()}
        connection.transport.loseConnection()

    def begin() -> None:
        ensureDeferred(all_of_them()).addErrback(problems.append).addBoth(lambda result: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()
    for problem in problems:
        problem.raiseException()
    return transcripts


class _Clients(ClientSide):
    """The client's side on a stage."""

    def __init__(self, spread: Any, network: Network, control: Control) -> None:
        super().__init__(spread, reactor, lambda factory: network.dial(self.where, factory), control.ask)
        self.where: Any = None
        self.control = control

    async def play(self, scenario: Scenario) -> dict[str, Any]:
        """Play *scenario* and give its transcript."""
        self.where = await self.control.ask("begin", scenario.name)
        self.factory = self.connect()
        root: Any = await self.factory.getRootObject()
        part = ensureDeferred(scenario.client(self, root))
        part.addTimeout(LONGEST, reactor)
        transcript: dict[str, Any] = {}
        try:
            transcript["result"] = await part
        except BaseException as error:
            transcript["result"] = ["the scenario failed", traceback.format_exc().splitlines()[-1], repr(error)[:300]]
            if "-v" in sys.argv:
                traceback.print_exc()
        del root, part
        gc.collect()
        await self.settle()
        server = await self.control.ask("report")
        transcript["tables"] = {"server": server["tables"], "client": self.report()["tables"]}
        transcript["lost"] = {"server": server["lost"], "client": self.report()["lost"]}
        transcript["said"] = {"client": self.said()}
        for connector in self.connectors:
            connector.disconnect()
        for _ in range(200):
            report = await self.control.ask("report")
            if all(report["lost"]) and all(tap.lost for tap in self.taps):
                break
            await self.sleep(0.002)
        gc.collect()
        end = await self.control.ask("end")
        transcript["said"]["server"] = end["said"]
        transcript["notes"] = {"server": end["notes"], "client": self.notes}
        transcript["logged"] = {"server": end["logged"], "client": self.logged}
        for factory in self.factories:
            factory.taps.clear()
        return transcript
