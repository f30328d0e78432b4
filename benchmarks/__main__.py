"""The command: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import shutil
import sys
from typing import Any

from . import about, busy, codecs, endtoend, report, serializers
from .endtoend import COMPILED
from .peers import NOTES
from .workloads import WORKLOADS

#: The parts of a run.
PARTS = ("calls", "memory", "codecs", "growth", "instructions")
#: What is counted by callgrind.
COUNTED = ("small", "fields", "records", "copies")


def count(text: str) -> int:
    """How many there are of something: at least one."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def others(text: str) -> int:
    """How many there are of something that there may be none of."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return number


def duration(text: str) -> float:
    """A time that something can take."""
    number = float(text)
    if not (number > 0 and math.isfinite(number)):
        raise argparse.ArgumentTypeError(f"{text} is no time that a turn can take")
    return number


def writable(text: str) -> str:
    """The name of a file in a folder that is there, so that no long run ends without its figures."""
    if os.path.isdir(text) or not os.path.isdir(os.path.dirname(text) or "."):
        raise argparse.ArgumentTypeError(f"{text} cannot be written")
    return text


def folder(text: str) -> str:
    """The name of a folder that is there, or that can be made."""
    above = os.path.abspath(text)
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    if not os.path.isdir(above):
        raise argparse.ArgumentTypeError(f"{text} cannot be a folder: {above} is a file")
    return text


def parser() -> argparse.ArgumentParser:
    """The command line."""
    line = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="How much CPU spreadlite takes, beside twisted.spread in the same run.",
    )
    line.add_argument("--quick", action="store_true", help="fewer rounds, fewer connections: under two minutes")
    line.add_argument("--rounds", type=count, help="rounds of all workloads (7; quick: 3)")
    line.add_argument("--seconds", type=duration, help="CPU seconds of each turn, about (0.3; quick: 0.1)")
    line.add_argument(
        "--part",
        "-p",
        action="append",
        choices=PARTS,
        help="what to measure; may be given again (all but instructions, which needs valgrind and ten minutes)",
    )
    line.add_argument(
        "--workload", "-w", action="append", choices=WORKLOADS, help="which calls; may be given again (all)"
    )
    line.add_argument("--peers", action="store_true", help="measure calls of AMP, foolscap, Pyro5, RPyC, grpc.aio too")
    line.add_argument(
        "--contender",
        "-c",
        action="append",
        choices=endtoend.CONTENDERS,
        help="whom to measure; may be given again (all that are here)",
    )
    line.add_argument(
        "--busy", type=others, default=0, metavar="N", help="have N processes compute beside, so that no CPU sleeps (0)"
    )
    line.add_argument("--connections", type=count, help="connections whose memory is measured (1000; quick: 300)")
    line.add_argument("--statistic", choices=["minimum", "median"], default="minimum", help="over the rounds (minimum)")
    line.add_argument(
        "--profile", type=folder, metavar="FOLDER", help="measure nothing; write cProfile's profiles to FOLDER"
    )
    line.add_argument("--json", type=writable, metavar="FILE", help="write every figure of every round to FILE")
    return line


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print."""
    line = parser()
    options = line.parse_args(arguments)
    if "instructions" in (options.part or ()) and not shutil.which("valgrind"):
        line.error("instructions are counted by valgrind, which is not here")
    quick = options.quick
    rounds = options.rounds or (3 if quick else 7)
    seconds = options.seconds or (0.1 if quick else 0.3)
    connections = options.connections or (300 if quick else 1000)
    names = options.contender or endtoend.CONTENDERS
    workloads = options.workload or list(WORKLOADS)
    # Who asks for certain workloads wants calls.
    parts = options.part or (["calls"] if options.workload else PARTS[:-1])
    if {*names} == {endtoend.FLOOR} and (options.profile or {"calls", "growth"} & {*parts}):
        line.error("the floor is measured beside another contender only: name one")
    if COMPILED in (options.contender or ()) and not importlib.util.find_spec("spreadlite.core._compiled"):
        line.error("the compiled codec is not built here")
    if options.profile:
        endtoend.profile(names, workloads, seconds, options.profile, tell)
        return 0

    results: dict[str, Any] = {"about": about.machine(), "statistic": options.statistic, "busy": options.busy}
    print(about.line(), flush=True)
    if "calls" in parts:
        with busy.beside(options.busy):
            figures = endtoend.measure(names, workloads, rounds, seconds, tell, options.peers)
        results["calls"] = report.as_data(figures)
        show(report.calls(figures, options.statistic))
        if options.peers:
            show("\n".join(NOTES))
    if "memory" in parts:
        held = endtoend.memory(names, connections, 1 if quick else 3, tell)
        results["memory"] = {name: vars(figure) for name, figure in held.items()}
        if held:
            show(report.memory(held))
    spreads = [name for name in codecs.CONTENDERS if name.removesuffix(serializers.FUSED) in names]
    if "codecs" in parts:
        payloads = [*serializers.PAYLOADS, *serializers.DEPTHS]
        times = codecs.measure([*spreads, *codecs.OTHERS], payloads, rounds, seconds / 5, tell)
        results["codecs"] = times
        show(report.codecs(times, options.statistic))
    if "growth" in parts:
        found = codecs.growth(spreads, serializers.SIZES, seconds / 5, 1 if quick else 5, tell)
        results["growth"] = found
        show(report.growth(found, serializers.SIZES))
    if "instructions" in parts:
        counted = codecs.instructions(spreads, ["small", "fields"] if quick else COUNTED, tell)
        results["instructions"] = counted
        show(report.instructions(counted))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
    return 0


def tell(what: str) -> None:
    """Say what is being done, where somebody looks."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)


def show(text: str) -> None:
    """Print a table."""
    tell("")
    print(f"\n{text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
