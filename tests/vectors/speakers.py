"""A Banana that speaks a dialect, got by the handshake that any peer goes through."""

from __future__ import annotations

from typing import Any

from twisted.internet.testing import StringTransport

from tests.vectors.spreads import Spread

DIALECTS = ("pb", "none")


def _offer(dialect: str) -> bytes:
    """What a server sends that knows *dialect* only."""
    return bytes((1, 0x80, len(dialect), 0x82)) + dialect.encode()


class Speaker:
    """One end of a banana conversation whose other end is the test.

    Args:
        spread: whose Banana it is.
        dialect: ``"pb"`` or ``"none"``.
    """

    def __init__(self, spread: Spread, dialect: str) -> None:
        self.heard: list[Any] = []
        heard = self.heard

        class Ear(spread.banana.Banana):  # type: ignore[misc]
            """Keeps what it hears."""

            def expressionReceived(self, lst: Any) -> None:
                heard.append(lst)

        self.transport = StringTransport()
        self.protocol = Ear(isClient=True)
        self.protocol.makeConnection(self.transport)
        self.protocol.dataReceived(_offer(dialect))
        assert self.transport.value()[2:] == dialect.encode()
        self.transport.clear()

    def say(self, expression: Any) -> bytes:
        """The bytes of *expression*."""
        self.transport.clear()
        self.protocol.sendEncoded(expression)
        return self.transport.value()

    def hear(self, data: bytes, size: int | None = None) -> list[Any]:
        """The expressions that *data* holds, taken in at once or in pieces of *size* bytes."""
        self.heard.clear()
        step = size or max(len(data), 1)
        for start in range(0, len(data), step):
            self.protocol.dataReceived(data[start : start + step])
        return list(self.heard)

    def refuses(self, data: bytes) -> bool:
        """Whether *data* ends the conversation, by an exception or a lost connection, with nothing heard of it."""
        self.heard.clear()
        try:
            self.protocol.dataReceived(data)
        except Exception:
            return not self.heard
        return not self.heard and bool(self.transport.disconnecting or self.transport.disconnected)
