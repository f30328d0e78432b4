"""A picture of the calls' figures, and the table that docs/performance.rst has of them::

    python -m benchmarks --json results.json
    python -m benchmarks.picture results.json docs/performance.svg docs/performance.rst

Without a document the table is printed.

Each workload has a bar for each contender, as long as the times that it takes less CPU than twisted.spread, on a
logarithmic scale; a mark shows where the floor is.  The file says its colours for light and for dark pages.
"""

from __future__ import annotations

import json
import math
import sys
import textwrap
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from .endtoend import BASELINE, COMPILED, FLOOR, PURE, Figure
from .report import number
from .workloads import WORKLOADS

#: Names short enough for the picture.
TITLES = {
    "small": "small call",
    "outstanding": "small call, 100 outstanding",
    "later": "… answered later",
    "fields": "dict of 20 fields",
    "records": "list of 1,000 dicts",
    "bytes64": "64 KiB of bytes",
    "bytes600": "600 KiB of bytes",
    "references": "1,000 references",
    "copies": "1,000 copies",
    "cache": "Cacheable, 200 clients",
    "connections": "connection made",
}
BARS = {PURE: "pure", COMPILED: "compiled"}

WIDTH, LEFT, RIGHT = 760, 206, 24
TOP, BAR, GAP, BETWEEN = 96, 12, 2, 14

STYLE = """
    text { font: 13px -apple-system, "Segoe UI", "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; fill: #1f2328; }
    .title { font-size: 16px; font-weight: 600; }
    .faint { fill: #656d76; font-size: 12px; }
    .figure { font-size: 11.5px; }
    .pure { fill: #8fb8de; }
    .compiled { fill: #1f6fb5; }
    .grid { stroke: #d0d7de; stroke-width: 1; }
    .base { stroke: #8c959f; stroke-width: 1.5; }
    .floor { stroke: #bf5b04; stroke-width: 2.5; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .faint { fill: #9198a1; }
      .pure { fill: #3d5f80; }
      .compiled { fill: #58a6ff; }
      .grid { stroke: #30363d; }
      .base { stroke: #7d8590; }
      .floor { stroke: #f0883e; }
    }
"""


def total(figure: Mapping[str, list[float]], statistic: str | None) -> float:
    """CPU of client and server."""
    return Figure(**figure).total(statistic or "minimum")


def ratios(results: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """By workload and contender: how many times less CPU than twisted.spread it takes."""
    statistic = results.get("statistic")
    found = {}
    for workload, contenders in results["calls"].items():
        base = total(contenders[BASELINE], statistic)
        found[workload] = {
            name: base / total(contenders[name], statistic) for name in (*BARS, FLOOR) if name in contenders
        }
    return found


def summary(results: Mapping[str, Any]) -> str:
    """A table in reStructuredText: microseconds, and how many times less than twisted.spread."""
    names = [name for name in (BASELINE, *BARS, FLOOR) if any(name in row for row in results["calls"].values())]
    found = ratios(results)
    rows = [["", *names]]
    for workload, contenders in results["calls"].items():
        cells = [TITLES.get(workload, workload)]
        for name in names:
            figure = number(total(contenders[name], results.get("statistic")))
            cells.append(figure if name == BASELINE else f"{figure} ({_figure(found[workload][name])})")
        rows.append(cells)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rule = "  ".join("=" * width for width in widths)
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])


def picture(results: Mapping[str, Any]) -> str:
    """The SVG."""
    return "\n".join(_lines(ratios(results), results["about"])) + "\n"


def _lines(found: Mapping[str, Mapping[str, float]], about: Mapping[str, str]) -> Iterator[str]:
    bars = [name for name in BARS if any(name in row for row in found.values())]
    step = len(bars) * (BAR + GAP) - GAP + BETWEEN
    bottom = TOP + len(found) * step
    height = bottom + 58
    most = 1.25 * max([10.0, *[value for row in found.values() for value in row.values()]])

    def x(ratio: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * math.log10(max(ratio, 1.0)) / math.log10(most), 1)

    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-labelledby="title description">'
    )
    yield f"  <style>{STYLE}  </style>"
    yield '  <title id="title">How many times less CPU a call takes than with twisted.spread</title>'
    told = "; ".join(
        f"{TITLES.get(workload, workload)}: " + ", ".join(f"{name} {_figure(value)}" for name, value in row.items())
        for workload, row in found.items()
    )
    yield f'  <desc id="description">{escape(told)}</desc>'
    yield '  <text class="title" x="16" y="28">Times less CPU than twisted.spread</text>'
    yield (
        '  <text class="faint" x="16" y="48">client and server together, over loopback TCP; longer is better; '
        "the scale is logarithmic</text>"
    )
    yield from _legend(bars)
    tick = 1
    while tick <= most:
        yield (
            f'  <line class="{"base" if tick == 1 else "grid"}" x1="{x(tick)}" y1="{TOP - 10}" x2="{x(tick)}" '
            f'y2="{bottom - BETWEEN + 8}"/>'
        )
        yield f'  <text class="faint" x="{x(tick)}" y="{bottom + 12}" text-anchor="middle">×{tick:,}</text>'
        tick *= 10
    y = TOP
    for workload, row in found.items():
        middle = y + (step - BETWEEN) / 2
        title = escape(TITLES.get(workload, WORKLOADS[workload].title))
        yield f'  <text x="{LEFT - 12}" y="{middle + 4.5}" text-anchor="end">{title}</text>'
        floor = x(row[FLOOR]) if FLOOR in row else None
        for index, name in enumerate(bars):
            if name not in row:
                continue
            at, end = y + index * (BAR + GAP), x(row[name])
            yield (
                f'  <rect class="{BARS[name]}" x="{LEFT}" y="{at}" width="{round(max(end - LEFT, 1.5), 1)}" '
                f'height="{BAR}" rx="2"/>'
            )
            # A figure stands behind its bar, or behind the floor's mark where that is in the way.
            after = floor if floor is not None and end - 4 < floor < end + 40 else end
            yield f'  <text class="figure" x="{after + 6}" y="{at + BAR - 2}">{_figure(row[name])}</text>'
        if floor is not None:
            yield f'  <line class="floor" x1="{floor}" y1="{y - 4}" x2="{floor}" y2="{y + step - BETWEEN + 4}"/>'
        y += step
    made = f"{about['python']}, Twisted {about['twisted']}, {about['processor']}"
    yield f'  <text class="faint" x="16" y="{height - 14}">{escape(made)}; python -m benchmarks</text>'
    yield "</svg>"


def _legend(bars: list[str]) -> Iterator[str]:
    at = 16
    for name in bars:
        yield f'  <rect class="{BARS[name]}" x="{at}" y="61" width="14" height="12" rx="2"/>'
        yield f'  <text class="faint" x="{at + 20}" y="71">{escape(name)}</text>'
        at += 42 + 7 * len(name)
    yield f'  <line class="floor" x1="{at + 4}" y1="59" x2="{at + 4}" y2="75"/>'
    yield f'  <text class="faint" x="{at + 12}" y="71">the floor: Twisted alone, the same bytes</text>'


def _figure(ratio: float) -> str:
    return f"×{ratio:.0f}" if ratio >= 9.95 else f"×{ratio:.1f}"


def machine(about: Mapping[str, str]) -> str:
    """Where the figures were made."""
    return "\n".join(
        textwrap.wrap(
            f"Made with {about['python']} and Twisted {about['twisted']}, on {about['cpus']} CPUs ({about['processor']}) "
            f"under {about['system']}, by ``python -m benchmarks``.",
            120,
        )
    )


def refreshed(document: str, results: Mapping[str, Any]) -> str:
    """A document with new figures between the comments that say where they begin and end."""
    for name, text in (("figures", summary(results)), ("machine", machine(results["about"]))):
        begin, end = f".. {name} begin\n", f".. {name} end\n"
        before, _, rest = document.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"no {name} to refresh in the document")
        document = f"{before}{begin}\n{text}\n\n{end}{after}"
    return document


def main(results: str, target: str, document: str | None = None) -> None:
    """Read results, write the picture of them, and print the table, or put it into a document."""
    with open(results, encoding="utf-8") as file:
        found = json.load(file)
    with open(target, "w", encoding="utf-8") as file:
        file.write(picture(found))
    if document is None:
        print(summary(found))
        return
    with open(document, encoding="utf-8") as file:
        text = refreshed(file.read(), found)
    with open(document, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
