"""A short soak: what a connection makes is gone with it."""

from __future__ import annotations

from typing import Any

from twisted.internet import defer, reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.soak.rounds import CALLS, ROUNDS, live, serve, soak


class SoakTests(TestCase):
    """Some connections, one after the other."""

    timeout = 90

    def test_nothing_grows(self) -> Any:
        """After many calls, references, caches, errors and connections there are as many live objects as after few."""

        async def run() -> None:
            # Other tests of this process may have left some.
            before = live()
            port = serve()
            self.addCleanup(port.stopListening)
            counts: list[dict[str, int]] = []
            for _ in range(3):
                await soak(port.getHost().port, CALLS * ROUNDS * 2, lambda made: None)
                for _ in range(5):
                    await deferLater(reactor, 0.01)
                counts.append(live())
            self.assertEqual(counts[0], counts[1])
            self.assertEqual(counts[0], counts[2])
            for name in ("Broker", "Local", "SharedHere"):
                self.assertLessEqual(counts[0][name], before[name], name)

        return defer.ensureDeferred(run())
