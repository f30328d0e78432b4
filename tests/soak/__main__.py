"""``python -m tests.soak [CALLS]``: make so many calls (100,000), and tell what memory they leave in use."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from twisted.internet import defer, task

from tests.soak.rounds import live, serve, soak


def resident() -> int:
    """KiB that this process has in memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


async def main(reactor: Any, calls: int) -> None:
    """Soak, and report ten times."""
    port = serve()
    step = max(1, calls // 10)
    due = step

    def report(made: int) -> None:
        nonlocal due
        if made >= due:
            due += step
            print(f"{made:>9} calls  {resident():>8} KiB  {time.process_time():7.1f} s CPU  {live()}", flush=True)

    await soak(port.getHost().port, calls, report)
    await port.stopListening()


task.react(lambda reactor: defer.ensureDeferred(main(reactor, int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)))
