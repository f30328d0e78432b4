"""Calls from end to end: each contender is a server and a client, two processes, over loopback TCP.

All contenders are up for the whole run and take turns within each round, so that whatever the machine does meanwhile
happens to all of them.  What is measured is CPU time of either process, not time: a busy machine makes calls late, and not
(much) dearer.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import control
from .peers import PEERS
from .workloads import OBSERVERS, OUTSTANDING, TOGETHER, WORKLOADS

BASELINE = "twisted.spread"
PURE = "spreadlite pure"
COMPILED = "spreadlite compiled"
FLOOR = "floor"

#: Who is measured, unless the command line says otherwise.
CONTENDERS = (BASELINE, PURE, COMPILED, FLOOR)

ENVIRONMENT: dict[str, dict[str, str]] = {
    BASELINE: {"BENCHMARKS_SPREAD": "twisted.spread"},
    PURE: {"BENCHMARKS_SPREAD": "spreadlite", "SPREADLITE_PURE": "1"},
    COMPILED: {"BENCHMARKS_SPREAD": "spreadlite", "SPREADLITE_PURE": ""},
    FLOOR: {},
}


@dataclass
class Figure:
    """What one contender took for one workload.

    Args:
        server, client: CPU microseconds for one (see `Workload.per`), in each round.
        elapsed: microseconds that passed meanwhile.
    """

    server: list[float] = field(default_factory=list)
    client: list[float] = field(default_factory=list)
    elapsed: list[float] = field(default_factory=list)

    def best(self, statistic: str = "minimum") -> tuple[float, float]:
        """Server and client: of the cheapest round, or the median of each."""
        if statistic == "median":
            return statistics.median(self.server), statistics.median(self.client)
        return min(zip(self.server, self.client, strict=True), key=sum)

    def total(self, statistic: str = "minimum") -> float:
        """Server and client together."""
        return sum(self.best(statistic))


class Contender:
    """A server and a client, and what they are called.

    Args:
        name: what they are called.
        module: the module that either runs.
        environment: what their environment has beside ours.
        workloads: those that they know.
    """

    def __init__(
        self,
        name: str,
        module: str,
        environment: Mapping[str, str] | None = None,
        workloads: Iterable[str] = tuple(WORKLOADS),
    ) -> None:
        self.name = name
        self.workloads = frozenset(workloads)
        self.server = control.Process(module, "server", environment=environment)
        try:
            self.client = control.Process(module, "client", str(self.server.hello["port"]), environment=environment)
        except BaseException:
            self.server.stop()
            raise

    def run(self, workload: str, calls: int, **arguments: Any) -> tuple[float, float, float]:
        """CPU seconds of server and client, and seconds, for so many calls."""
        began = self.server.ask("begin")["cpu"]
        took = self.client.ask("run", workload=workload, calls=calls, **arguments)
        ended = self.server.ask("end")["cpu"]
        return ended - began, took["cpu"], took["elapsed"]

    def stop(self) -> None:
        """End both."""
        self.client.stop()
        self.server.stop()


def start(name: str) -> Contender | None:
    """The processes of a contender of that name; None where that is no other than one that we have anyway."""
    if name == FLOOR:
        return Contender(name, "benchmarks.floor")
    contender = Contender(name, "benchmarks.spread", ENVIRONMENT[name])
    runs = contender.server.hello["implementation"]
    if name == COMPILED and runs == "pure":
        contender.stop()
        return None
    if name == PURE and runs != "pure":
        contender.stop()
        raise control.Broken(f"asked for the pure codec, but the {runs} one runs")
    return contender


def _peers(tell: Callable[[str], object]) -> list[Contender]:
    """The peers that are installed."""
    found = []
    for module, (name, package, workloads) in PEERS.items():
        if importlib.util.find_spec(package) is None:
            tell(f"{name}: left out, it is not installed")
        else:
            found.append(Contender(name, f"benchmarks.peers.{module}", None, workloads))
    return found


def measure(
    names: Sequence[str],
    workloads: Sequence[str],
    rounds: int,
    seconds: float,
    tell: Callable[[str], object],
    with_peers: bool = False,
) -> dict[str, dict[str, Figure]]:
    """Figures by workload and contender.

    Args:
        names: the contenders.
        workloads: what they are to do.
        rounds: how often.
        seconds: what one contender's turn at one workload takes, about; one turn is at least one call.
        tell: is told what is being done.
        with_peers: whether to measure what users might pick instead, too.

    Raises:
        control.Broken: one gave a wrong answer, or none.
    """
    contenders: list[Contender] = []
    try:
        for name in names:
            contender = start(name)
            if contender is None:
                tell(f"{name}: left out, it is not built here")
            else:
                contenders.append(contender)
        if with_peers:
            contenders += _peers(tell)
        sizes = traffic(contenders, workloads)
        figures: dict[str, dict[str, Figure]] = {workload: {} for workload in workloads}
        calls: dict[tuple[str, str], int] = {}
        for workload in workloads:
            for contender in contenders:
                if workload in contender.workloads:
                    tell(f"warming up: {workload}, {contender.name}")
                    if contender.name != FLOOR and not contender.client.ask("check", workload=workload)["right"]:
                        raise control.Broken(f"{contender.name} gave a wrong answer to {workload}")
                    calls[workload, contender.name] = _calibrate(contender, workload, seconds, sizes)
                    figures[workload][contender.name] = Figure()
        for number in range(rounds):
            for workload in workloads:
                # Not always in the same order, for one leaves the caches to the next.
                turn = number % len(contenders)
                for contender in contenders[turn:] + contenders[:turn]:
                    if workload in contender.workloads:
                        tell(f"round {number + 1} of {rounds}: {workload}, {contender.name}")
                        _once(contender, workload, calls, sizes, figures[workload][contender.name])
        return figures
    finally:
        for contender in contenders:
            contender.stop()


def _once(contender: Contender, workload: str, calls: Mapping[Any, int], sizes: Any, figure: Figure) -> None:
    number = calls[workload, contender.name]
    server, client, elapsed = contender.run(workload, number, **_sizes(contender, workload, sizes))
    per = 1e6 / (number * (OBSERVERS if workload == "cache" else 1))
    figure.server.append(server * per)
    figure.client.append(client * per)
    figure.elapsed.append(elapsed * per)


def _sizes(contender: Contender, workload: str, sizes: Mapping[str, tuple[int, int]]) -> dict[str, int]:
    if contender.name != FLOOR:
        return {}
    sent, received = sizes[workload]
    return {"sent": sent, "received": received}


def _calibrate(contender: Contender, workload: str, seconds: float, sizes: Any) -> int:
    """How many calls fill about so many seconds."""
    least = OUTSTANDING if workload in TOGETHER else 10 if workload == "connections" else 1
    calls = least
    while True:
        server, client, _ = contender.run(workload, calls, **_sizes(contender, workload, sizes))
        took = max(server + client, 1e-6)
        if took >= seconds / 4 or calls >= 1_000_000:
            return max(least, int(calls * seconds / took))
        calls = int(calls * min(10.0, max(2.0, seconds / took)))


def traffic(contenders: Sequence[Contender], workloads: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Bytes that twisted.spread's client sends and receives for one of each workload; the floor moves as many."""
    mine = next((contender for contender in contenders if contender.name == BASELINE), None)
    if mine is None:
        mine = next(contender for contender in contenders if contender.name != FLOOR)
    sizes = {}
    for workload in workloads:
        calls = {"records": 1, "copies": 1, "references": 1}.get(workload, 4)
        counted = mine.client.ask("count", workload=workload, calls=calls)
        per = calls * (OBSERVERS if workload == "cache" else 1)
        sizes[workload] = (max(1, round(counted["sent"] / per)), max(1, round(counted["received"] / per)))
    return sizes


@dataclass
class Memory:
    """Bytes of the server's memory for one connection: with nothing said on it, and after three calls."""

    idle: list[float] = field(default_factory=list)
    active: list[float] = field(default_factory=list)


def memory(
    names: Sequence[str], connections: int, rounds: int, tell: Callable[[str], object]
) -> dict[str, Memory]:
    """What a connection takes, by contender; empty where the system does not tell.

    Resident memory moves by pages, and a process that has just begun has some left over.  So each figure is that of many
    connections, after as many were opened that are not counted; and every round has new processes.
    """
    figures: dict[str, Memory] = {}
    for number in range(rounds):
        for name in names:
            contender = start(name)
            if contender is None:
                continue
            try:
                tell(f"memory, round {number + 1} of {rounds}: {name}")
                contender.client.ask("open", connections=connections, calls=3)
                marks = [contender.server.ask("memory")["resident"]]
                if marks[0] is None:
                    tell("memory: left out, this system does not tell")
                    return {}
                for calls in (0, 3):
                    contender.client.ask("open", connections=connections, calls=calls)
                    marks.append(contender.server.ask("memory")["resident"])
            finally:
                contender.stop()
            figure = figures.setdefault(name, Memory())
            figure.idle.append((marks[1] - marks[0]) / connections)
            figure.active.append((marks[2] - marks[1]) / connections)
    return figures


def profile(names: Sequence[str], workloads: Sequence[str], seconds: float, folder: str, tell: Any) -> None:
    """Write profiles (of `cProfile`, in CPU time) of either process at every workload to *folder*."""
    os.makedirs(folder, exist_ok=True)
    for name in names:
        contender = start(name) if name != FLOOR else None
        if contender is None:
            continue
        try:
            for workload in workloads:
                tell(f"profile: {workload}, {name}")
                contender.client.ask("check", workload=workload)
                calls = _calibrate(contender, workload, seconds, {})
                at = os.path.abspath(os.path.join(folder, f"{name} {workload}".replace(" ", "-")))
                contender.server.ask("begin", profile=at + "-server.prof")
                contender.client.ask("begin", profile=at + "-client.prof")
                contender.client.ask("run", workload=workload, calls=calls)
                contender.client.ask("end", profile=at + "-client.prof")
                contender.server.ask("end", profile=at + "-server.prof")
                print(f"{at}: {calls} calls", file=sys.stderr)
        finally:
            contender.stop()
