"""Tables of what was measured, as text."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from . import serializers
from .codecs import Growth, Times
from .endtoend import BASELINE, FLOOR, Figure, Memory
from .workloads import WORKLOADS


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; the first column is text, the others figures."""
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    lines = []
    for row in [heads, *rows]:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def number(value: float) -> str:
    """A figure, with the digits that mean something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def of_rounds(values: Sequence[float], statistic: str) -> float:
    """The one figure of several rounds."""
    return statistics.median(values) if statistic == "median" else min(values)


def times_of(value: float) -> str:
    """A ratio."""
    return f"x{number(value)}"


def calls(figures: Mapping[str, Mapping[str, Figure]], statistic: str) -> str:
    """CPU of server and client, ratio to twisted.spread, share of the floor."""
    rows = []
    for workload, contenders in figures.items():
        baseline, floor = contenders.get(BASELINE), contenders.get(FLOOR)
        rows.append([f"{WORKLOADS[workload].title} (us per {WORKLOADS[workload].per})", *[""] * 6])
        for name, figure in contenders.items():
            server, client = figure.best(statistic)
            total = server + client
            rows.append(
                [
                    f"   {name}",
                    number(server),
                    number(client),
                    number(total),
                    times_of(baseline.total(statistic) / total) if baseline else "",
                    f"{floor.total(statistic) / total:.2f}" if floor else "",
                    number(1e6 / min(figure.elapsed)),
                ]
            )
    return table(["CPU, end to end", "server", "client", "both", "twisted.spread", "of floor", "per second"], rows)


def codecs(times: Times, statistic: str) -> str:
    """Microseconds to dump and load, and ratios to twisted.spread."""
    titles = {**serializers.PAYLOADS, **serializers.DEPTHS}
    rows = []
    for payload, contenders in times.items():
        rows.append([titles[payload], *[""] * 4])
        base = contenders.get(BASELINE)
        for name, operations in contenders.items():
            dump, load = (of_rounds(operations[operation], statistic) for operation in ("dump", "load"))
            ratios = (
                [
                    times_of(of_rounds(base["dump"], statistic) / dump),
                    times_of(of_rounds(base["load"], statistic) / load),
                ]
                if base
                else ["", ""]
            )
            rows.append([f"   {name}", number(dump), ratios[0], number(load), ratios[1]])
    return table(["codec alone (us)", "dump", "twisted.spread", "load", "twisted.spread"], rows)


def growth(found: Growth, sizes: Sequence[int]) -> str:
    """Nanoseconds a byte, by size and cut."""
    rows = []
    for kind, contenders in found.items():
        for name, cuts in contenders.items():
            rows.append([f"{serializers.KINDS[kind]}, {name}", *[""] * len(sizes)])
            for cut, points in cuts.items():
                figures = [number(points[size] * 1000 / 1024 / size) if size in points else "-" for size in sizes]
                rows.append([f"   {cut}", *figures])
    return table(["decode (ns a byte)", *[f"{size} KiB" for size in sizes]], rows)


def instructions(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Thousands of instructions."""
    rows = []
    for payload, contenders in found.items():
        rows.append([serializers.PAYLOADS[payload], *[""] * 4])
        base = contenders.get(BASELINE)
        for name, counted in contenders.items():
            both = counted["dump"] + counted["load"]
            rows.append(
                [
                    f"   {name}",
                    *[number(value / 1000) for value in (counted["dump"], counted["load"], both)],
                    times_of((base["dump"] + base["load"]) / both) if base else "",
                ]
            )
    return table(["instructions (thousands)", "dump", "load", "both", "twisted.spread"], rows)


def memory(figures: Mapping[str, Memory]) -> str:
    """Memory per connection."""
    baseline = figures.get(BASELINE)
    rows = []
    for name, figure in figures.items():
        idle, active = (sorted(values)[len(values) // 2] for values in (figure.idle, figure.active))
        # Of few connections, the system may have had the memory already.
        base = sorted(baseline.idle)[len(baseline.idle) // 2] if baseline else 0
        of = f"{idle / base:.2f}" if base > 0 else ""
        rows.append([f"   {name}", number(idle / 1024), number(active / 1024), of])
    return table(["server's memory per connection", "idle, KiB", "after 3 calls, KiB", "idle / twisted.spread"], rows)


def as_data(figures: Mapping[str, Mapping[str, Figure]]) -> dict[str, Any]:
    """The same for JSON, with every round."""
    return {
        workload: {name: vars(figure) for name, figure in contenders.items()} for workload, contenders in figures.items()
    }
