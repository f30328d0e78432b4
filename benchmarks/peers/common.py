"""What the peers' processes have in common."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from .. import control, payloads
from ..workloads import OUTSTANDING

#: What is sent there and back.
VALUES: dict[str, Any] = {
    "small": payloads.SMALL,
    "outstanding": payloads.SMALL,
    "fields": payloads.FIELDS,
    "records": payloads.RECORDS,
    "bytes64": payloads.BYTES_64,
    "bytes600": payloads.BYTES_600,
}


def blocking_client(echo: Callable[[Any], Any], begin: Callable[[Any], Callable[[], Any]] | None = None) -> None:
    """A client that waits for its answers.

    Args:
        echo: sends a value, and returns what came back.
        begin: begins to; what it returns waits for what comes back.
    """

    def run(workload: str, calls: int) -> None:
        value = VALUES[workload]
        if workload != "outstanding":
            for _ in range(calls):
                echo(value)
            return
        assert begin is not None
        waiting = []
        for _ in range(calls):
            waiting.append(begin(value))
            if len(waiting) == OUTSTANDING:
                for answer in waiting:
                    answer()
                waiting.clear()
        for answer in waiting:
            answer()

    def do(request: dict[str, Any]) -> dict[str, Any]:
        workload = request["workload"]
        if request["do"] == "check":
            answer = begin(VALUES[workload])() if workload == "outstanding" and begin else echo(VALUES[workload])
            return {"right": bool(answer == VALUES[workload])}
        gc.collect()
        began, spent = time.perf_counter(), time.process_time()
        run(workload, request["calls"])
        return {"cpu": time.process_time() - spent, "elapsed": time.perf_counter() - began}

    control.blocking({}, do)


async def asynchronous(hello: Mapping[str, Any], do: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]) -> None:
    """Serve the command until it has no more to ask, in a process that runs asyncio's loop."""
    meter = control.Meter()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(json.dumps(hello), flush=True)
    while line := await reader.readline():
        print((await control.answered(meter, line, do)).decode("utf-8"), end="", flush=True)
