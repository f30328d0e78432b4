"""The conversation that ``docs/wire.rst`` shows byte by byte, as any two peers have it."""

from __future__ import annotations

import gc
from typing import Any

from tests.vectors.memory import Wire
from tests.vectors.spreads import load


def conversation(server_kind: str, client_kind: str) -> list[tuple[str, bytes]]:
    """Who says what, in turns: "S" or "C" and the bytes; whose the peers are is said as in `spreads`."""
    server, client = load(server_kind).pb, load(client_kind).pb

    class Lamp(server.Referenceable):  # type: ignore[misc,name-defined]
        def remote_light(self, on: bool) -> bool:
            return on

    class Room(server.Root):  # type: ignore[misc,name-defined]
        def remote_lamp(self, place: str) -> Lamp:
            return Lamp()

    wire = Wire(server.PBServerFactory(Room()).buildProtocol(None), client.PBClientFactory().buildProtocol(None))
    broker, turns, heard = wire.ends[0], [], [0, 0]

    def talk(deferred: Any = None) -> Any:
        results: list[Any] = []
        if deferred is not None:
            deferred.addCallback(results.append)
        wire.flush()
        # In the handshake the server begins; after it, the client does.
        for index in (0, 1) if turns else (1, 0):
            said = wire.sent[index][heard[index] :]
            heard[index] += len(said)
            if said:
                turns.append(("CS"[index], said))
        return results[0] if results else None

    talk()
    lamp = talk(broker.remoteForName("root").callRemote("lamp", "desk"))
    talk(lamp.callRemote("light", on=True))
    del lamp
    gc.collect()
    talk()
    return turns
