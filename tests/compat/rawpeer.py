"""A peer written by hand: it imports neither package, and says exactly what it is told to, cut as it is told to."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.compat.rawcodec import pack, unpack_all
from tests.vectors.memory import Pipe


class RawPeer:
    """The far end of a broker's connection.

    Args:
        broker: the protocol that a factory made.
        dialect: what is agreed on; a client's choice, or the only one that a server offers.
        size: bytes that are delivered at a time; all at once if None.
    """

    def __init__(self, broker: Any, dialect: str = "pb", size: int | None = None) -> None:
        self.broker, self.dialect, self.size = broker, dialect, size
        self.pipe = Pipe()
        self.lost = False
        broker.makeConnection(self.pipe)
        self.requests = 0

    @property
    def words(self) -> bool:
        """Whether words have numbers."""
        return self.dialect == "pb"

    def greet_server(self) -> list[Any]:
        """Choose the dialect and tell the version; what the server said."""
        self.raw(pack(self.dialect))
        self.say(["version", 6])
        return self.heard()

    def greet_client(self) -> list[Any]:
        """Offer the dialect and tell the version; what the client said."""
        self.raw(pack([self.dialect]))
        self.say(["version", 6])
        return self.heard()

    def raw(self, data: bytes) -> None:
        """Deliver bytes."""
        step = self.size or max(1, len(data))
        for start in range(0, len(data), step):
            self.broker.dataReceived(data[start : start + step])

    def say(self, *expressions: Any) -> None:
        """Deliver expressions."""
        self.raw(b"".join(pack(expression, self.words) for expression in expressions))

    def heard(self) -> list[Any]:
        """What the broker has said since this was asked."""
        data, self.pipe.out = self.pipe.out, b""
        return unpack_all(data)

    def call(self, target: Any, name: str, *args: Any, keywords: Any = (), answer: Any = 1) -> Any:
        """Call a method with jellied arguments; the reply, or everything that was said if that is not one reply."""
        self.requests += 1
        pairs = [list(pair) for pair in keywords]
        self.say(["message", self.requests, target, name, answer, ["tuple", *args], ["dictionary", *pairs]])
        replies = self.heard()
        return replies[0] if len(replies) == 1 else replies


def text(value: str) -> list[Any]:
    """Text, jellied."""
    return ["unicode", value]


def state_of(failure: list[Any]) -> dict[str, Any]:
    """The state of a failure as it travels, by the names of its attributes."""
    tag, (kind, *pairs) = failure
    assert (tag, kind) == (b"twisted.spread.pb.CopyableFailure", b"dictionary")
    return {name[1].decode(): value for name, value in pairs}


def response_to(challenge: bytes, password: bytes) -> bytes:
    """What proves that one knows the password."""
    return hashlib.md5(hashlib.md5(password).digest() + challenge).digest()
