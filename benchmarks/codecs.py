"""Codecs alone: the contenders of `serializers`, in turns."""

from __future__ import annotations

import importlib.util
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from . import control, serializers
from .endtoend import BASELINE, COMPILED, ENVIRONMENT, PURE

FUSED = COMPILED + serializers.FUSED
PURE_FUSED = PURE + serializers.FUSED
CONTENDERS = (BASELINE, PURE, PURE_FUSED, COMPILED, FUSED)
#: Beside which they are put.
OTHERS = ("pickle", "json", "msgpack")

#: Microseconds, in each round, by payload, contender and operation.
Times = dict[str, dict[str, dict[str, list[float]]]]
#: Microseconds by kind, contender, cut and size in KiB.
Growth = dict[str, dict[str, dict[str, dict[int, float]]]]


def _environment(name: str) -> dict[str, str]:
    return ENVIRONMENT.get(name.removesuffix(serializers.FUSED), {})


def _start(name: str, tell: Callable[[str], object]) -> control.Process | None:
    if name in OTHERS and importlib.util.find_spec(name) is None:
        tell(f"{name}: left out, it is not installed")
        return None
    process = control.Process("benchmarks.serializers", name, environment=_environment(name))
    if name.startswith(COMPILED) and process.hello["implementation"] == "pure":
        process.stop()
        return None
    return process


def _calibrated(process: control.Process, seconds: float, do: str, **request: Any) -> tuple[int, float]:
    """How often something is done in so many seconds, and what it took at the last."""
    count = 1
    while True:
        took = process.ask(do, count=count, **request)["cpu"]
        if took >= seconds / 4 or count > 1_000_000:
            return max(1, int(count * seconds / max(took, 1e-6))), took / count
        count = int(count * min(10.0, max(2.0, seconds / max(took, 1e-6))))


def measure(
    names: Sequence[str], chosen: Sequence[str], rounds: int, seconds: float, tell: Callable[[str], object]
) -> Times:
    """What it takes to dump and load.

    Raises:
        control.Broken: what one loaded is not what it dumped.
    """
    processes = {name: process for name in names if (process := _start(name, tell)) is not None}
    try:
        times: Times = {payload: {} for payload in chosen}
        counts: dict[Any, int] = {}
        for payload in chosen:
            for name, process in processes.items():
                if name == "json" and payload.startswith("bytes"):
                    continue
                tell(f"codec, warming up: {payload}, {name}")
                if not process.ask("check", payload=payload)["right"]:
                    raise control.Broken(f"{name} does not load {payload} as it was dumped")
                times[payload][name] = {"dump": [], "load": []}
                for operation in ("dump", "load"):
                    counts[payload, name, operation], _ = _calibrated(
                        process, seconds, "time", payload=payload, operation=operation
                    )
        for number in range(rounds):
            for payload, contenders in times.items():
                for name, operations in contenders.items():
                    tell(f"codec, round {number + 1} of {rounds}: {payload}, {name}")
                    for operation, took in operations.items():
                        count = counts[payload, name, operation]
                        cpu = processes[name].ask("time", payload=payload, operation=operation, count=count)["cpu"]
                        took.append(cpu * 1e6 / count)
        return times
    finally:
        for process in processes.values():
            process.stop()


def growth(
    names: Sequence[str], sizes: Sequence[int], seconds: float, most: float, tell: Callable[[str], object]
) -> Growth:
    """What it takes to decode more and more, cut in several ways.

    Args:
        names: the contenders.
        sizes: in KiB, ascending.
        seconds: for one point, about.
        most: seconds for one point at the most; a size that would take longer is left out.
        tell: is told what is being done.
    """
    processes = {name: process for name in names if (process := _start(name, tell)) is not None}
    try:
        found: Growth = {}
        for kind in serializers.KINDS:
            for name, process in processes.items():
                points = found.setdefault(kind, {}).setdefault(name, {})
                for cut, piece in serializers.CUTS.items():
                    seen: list[tuple[int, float]] = []
                    for size in sizes:
                        if _foreseen(seen, size) > most:
                            break
                        tell(f"growth: {kind}, {cut}, {size} KiB, {name}")
                        request = {"kind": kind, "size": size, "cut": piece}
                        if size == sizes[0] and not process.ask("decoded", **request)["right"]:
                            raise control.Broken(f"{name} does not decode {kind} as they were encoded")
                        count, took = _calibrated(process, seconds, "decode", **request)
                        if took < seconds:
                            took = min(took, process.ask("decode", count=count, **request)["cpu"] / count)
                        seen.append((size, took))
                        points.setdefault(cut, {})[size] = took * 1e6
        return found
    finally:
        for process in processes.values():
            process.stop()


def _foreseen(seen: Sequence[tuple[int, float]], size: int) -> float:
    """Seconds that a size will take, if they go on to grow as they did: with the square of the size, for all that one
    point tells."""
    if not seen:
        return 0.0
    last, took = seen[-1]
    power = 2.0
    if len(seen) > 1:
        before, less = seen[-2]
        power = min(2.0, max(1.0, math.log(took / less, last / before) + 0.2))
    return took * (size / last) ** power  # type: ignore[no-any-return]


def instructions(
    names: Sequence[str], chosen: Sequence[str], tell: Callable[[str], object]
) -> dict[str, dict[str, dict[str, float]]]:
    """Instructions for each dump and load, counted by callgrind: exact, where times are not.

    Each is done a few times and then more often, and the difference is divided: what is done once does not count.
    """
    found: dict[str, dict[str, dict[str, float]]] = {payload: {} for payload in chosen}
    for name in names:
        process = _start(name, tell)
        if process is None:
            continue
        process.stop()
        tell(f"instructions: {name}")
        marks = iter(_callgrind(name, chosen))
        for payload in chosen:
            less, more = serializers.counts(payload)
            for operation in ("dump", "load"):
                few, many = next(marks), next(marks)
                found[payload].setdefault(name, {})[operation] = (many - few) / (more - less)
    return found


def _callgrind(name: str, chosen: Sequence[str]) -> list[int]:
    """The instructions between each two marks."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                "valgrind",
                "--tool=callgrind",
                f"--dump-before={serializers.MARK}",
                f"--callgrind-out-file={folder}/out",
                sys.executable,
                "-m",
                "benchmarks.serializers",
                name,
                *chosen,
            ],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, [control.ROOT, os.environ.get("PYTHONPATH")])),
                "PYTHONHASHSEED": "0",
                **_environment(name),
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        parts = {}
        for file in os.listdir(folder):
            part = re.fullmatch(r"out\.(\d+)", file)
            if part:
                with open(os.path.join(folder, file), encoding="utf-8") as lines:
                    for line in lines:
                        if line.startswith("totals:"):
                            parts[int(part[1])] = int(line.split()[1])
    # A part ends where a mark is.  So the first part is what lies before all, then come what is counted and what lies
    # between in turns, and what lies after all.
    counted = [parts[number] for number in sorted(parts)][1::2]
    if len(counted) != 4 * len(chosen):
        raise control.Broken(f"callgrind did not see {serializers.MARK}, which marks what is to be counted")
    return counted
