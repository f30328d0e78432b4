"""What a connection holds that has nothing to do: there may be very many of them."""

from __future__ import annotations

import sys
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from spreadlite import pb
from tests.pairs import PAIRS, Pair

#: What applications know of a broker, and most connections never have anything in.
TABLES = (
    "connects", "disconnects", "failures", "pageProducers", "listStack", "localObjects", "luids", "remotelyCachedObjects",
    "remotelyCachedLUIDs", "locallyCachedObjects", "waitingForAnswers", "outgoingSymbolCount", "_localCleanup",
)  # fmt: skip


class Root(pb.Root):
    """What is called."""

    def remote_echo(self, it: Any) -> Any:
        """The same."""
        return it


def tables(broker: Any) -> dict[str, Any]:
    """What is in each of `TABLES`, or that it is not there any more."""
    found = {name: getattr(broker, name) for name in TABLES}
    return {name: value if value is None or isinstance(value, int) else list(value) for name, value in found.items()}


class IdleTests(SynchronousTestCase):
    """What applications see of it is as it has always been; what is not needed is not there."""

    def test_tables(self) -> None:
        """The tables of a broker are there whenever somebody looks at them: before there is a connection, with one, and
        after it, as with twisted.spread."""
        seen = []
        for server, client in PAIRS[::3]:
            pair = Pair(server, client)
            made = pair.serving.buildProtocol(None)
            before = tables(made)
            during = [tables(pair.server), tables(pair.client)]
            pair.link.cut()
            seen.append([before, *during, tables(pair.server), tables(pair.client)])
        self.assertEqual(seen[1], seen[0])
        self.assertEqual([b"root"], seen[0][1]["localObjects"])

    def test_kept(self) -> None:
        """What is put into such a table stays there, and is seen by its broker."""
        pair = Pair()
        for name in ("disconnects", "failures", "pageProducers", "listStack", "locallyCachedObjects", "localObjects"):
            table = getattr(pair.server, name)
            self.assertIs(table, getattr(pair.server, name))
            self.assertIsNot(table, getattr(pair.client, name))
        gone: list[str] = []
        pair.server.disconnects.append(lambda: gone.append("gone"))
        pair.server.localObjects[b"other"] = pb.Local(Root())
        self.assertEqual("hello", pair.outcome(pair.client.remoteForName("other").callRemote("echo", "hello")))
        pair.link.cut()
        self.assertEqual(["gone"], gone)

    def test_size(self) -> None:
        """A broker that was called, and called, has no more attributes of its own than Python makes small room for."""
        small = sys.getsizeof(dict.fromkeys(map(str, range(21))))
        self.assertLess(small, sys.getsizeof(dict.fromkeys(map(str, range(22)))))
        pair = Pair(root=Root())
        for it in (1, "two", [3], {"four": 4.0}):
            self.assertEqual(it, pair.value("echo", it))
        for broker in (pair.server, pair.client):
            self.assertLessEqual(sys.getsizeof(vars(broker)), small, sorted(vars(broker)))

    def test_no_name_when_gone(self) -> None:
        """Nothing is published on a connection that has gone, and no other connection is given it."""
        pair, other = Pair(), Pair()
        pair.link.cut()
        other.link.cut()
        with self.assertRaises(pb.DeadReferenceError):
            pair.server.setNameForLocal("late", Root())
        self.assertIsNone(other.server.localObjectForID(b"late"))
