"""grpc.aio, by generic handlers: no schema, values pickled."""

from __future__ import annotations

import asyncio
import gc
import pickle
import sys
import time
from typing import Any

import grpc

from ..workloads import OUTSTANDING
from . import common

_OPTIONS = [("grpc.max_send_message_length", 10_000_000), ("grpc.max_receive_message_length", 10_000_000)]


def _dumps(value: Any) -> bytes:
    return pickle.dumps(value, 5)


async def _serve() -> None:
    async def echo(value: Any, context: Any) -> Any:
        return value

    server = grpc.aio.server(options=_OPTIONS)
    handlers = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo, request_deserializer=pickle.loads, response_serializer=_dumps)
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Root", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()

    async def nothing(request: dict[str, Any]) -> dict[str, Any]:
        return {}

    await common.asynchronous({"port": port}, nothing)
    await server.stop(None)


async def _call(port: str) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=_OPTIONS) as channel:
        call = channel.unary_unary("/Root/Echo", request_serializer=_dumps, response_deserializer=pickle.loads)

        async def echo(value: Any) -> Any:
            # Within a tuple: text by itself, grpc would send its own way.
            (answer,) = await call((value,))
            return answer

        async def work(workload: str, calls: int) -> None:
            value = common.VALUES[workload]
            if workload != "outstanding":
                for _ in range(calls):
                    await echo(value)
                return
            left = iter(range(calls))

            async def worker() -> None:
                for _ in left:
                    await echo(value)

            await asyncio.gather(*[worker() for _ in range(OUTSTANDING)])

        async def do(request: dict[str, Any]) -> dict[str, Any]:
            workload = request["workload"]
            if request["do"] == "check":
                return {"right": await echo(common.VALUES[workload]) == common.VALUES[workload]}
            gc.collect()
            began, spent = time.perf_counter(), time.process_time()
            await work(workload, request["calls"])
            return {"cpu": time.process_time() - spent, "elapsed": time.perf_counter() - began}

        await common.asynchronous({}, do)


def main(side: str, port: str = "0") -> None:
    asyncio.run(_serve() if side == "server" else _call(port))


if __name__ == "__main__":
    main(*sys.argv[1:])
