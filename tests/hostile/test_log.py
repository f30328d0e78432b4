"""What peers can make a program write."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from twisted.internet import task
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from spreadlite import pb
from spreadlite._journal import Journal
from spreadlite.core.limits import DEFAULT_LIMITS, Limits
from tests.compat.rawpeer import RawPeer
from tests.hostile.bench import Bench, Echo, logged
from tests.vectors.rows import Rows, each

#: Controls, a change of the direction of writing, a line end that few know, and length.
EVIL = "\x1b[2J\x07\u202e\u2028\x85" * 3_000
CALL = ["message", 1, "root"]

#: What a peer may do that is worth a line, by the kind that it is counted as.
MISDEEDS: dict[str, list[Any]] = {
    "no banana": [b"GET / HTTP/1.1\r\n\r\n" + b"\xff" * 100],
    "a message that is none": [5, EVIL.encode()],
    "too few arguments": ["message", 1],
    "an answer to nothing": ["answer", EVIL.encode()[:600], 1],
    "a method that is none": [*CALL, EVIL.encode(), 1, ["tuple"], ["dictionary"]],
    "a method that fails": [*CALL, "fail", 1, ["tuple", ["unicode", EVIL]], ["dictionary"]],
    "the same, not to be answered": [*CALL, "fail", 0, ["tuple", ["unicode", EVIL]], ["dictionary"]],
    "arguments that do not fit": [*CALL, "none", 1, ["tuple", ["unicode", EVIL]], ["dictionary"]],
    "a value that cannot be": [*CALL, "take", 1, ["tuple", [EVIL.encode()]], ["dictionary"]],
    "a message that was not understood": ["didNotUnderstand", EVIL.encode()],
}


class Root(Echo):
    """Has methods that fail."""

    def remote_fail(self, it: Any) -> None:
        """Fail with what came."""
        raise ValueError(it)

    def remote_none(self) -> None:
        """Nothing."""

    def remote_back(self, other: Any) -> Any:
        """Ask the peer, and give what it says."""
        return other.callRemote("it")


class Timed:
    """What was logged, and when."""

    def __init__(self, clock: task.Clock, written: Any) -> None:
        self._clock, self._written = clock, written
        self.at: list[tuple[float, str]] = []

    def note(self) -> None:
        """Some time has passed."""
        self.at += [(self._clock.seconds(), line) for line in self._written.lines]
        self._written.lines.clear()

    def most_in(self, seconds: float) -> int:
        """Lines within so many seconds, wherever they are most."""
        times = [at for at, _ in self.at]
        return max((sum(start <= at < start + seconds for at in times) for start in set(times)), default=0)


class RateTests(Rows, SynchronousTestCase):
    """`Limits.log_lines` in `Limits.log_seconds`."""

    def factory(self, clock: task.Clock, limits: Limits) -> Any:
        """A server whose time is the test's."""
        factory = pb.PBServerFactory(Root(), limits=limits)
        factory._peersJournal = Journal(limits, clock.seconds)  # type: ignore[attr-defined]
        return factory

    @each(MISDEEDS)
    def test_one_kind(self, name: str) -> None:
        """Hundreds of peers with a misdeed every few seconds, for a long time: no more lines than `Limits` says, and one
        that tells how many are missing; each is cut, and has no control in it."""
        clock = task.Clock()
        factory = self.factory(clock, Limits(log_lines=20, log_seconds=10))
        misdeeds = MISDEEDS[name]
        made = 0
        # A method that does not take what it was given has a line that says so beside the error.
        kinds = 2 if name == "arguments that do not fit" else 1
        with logged() as written:
            timed = Timed(clock, written)
            for _ in range(60):
                clock.advance(5)
                for _ in range(12 if clock.seconds() > 10 else 200):
                    peer = RawPeer(factory.buildProtocol(None))
                    peer.greet_server()
                    if name == "no banana":
                        peer.raw(misdeeds[0])
                    else:
                        peer.say(misdeeds)
                    made += kinds
                    peer.broker.connectionLost(Failure(ConnectionLost()))
                timed.note()
        lines = [line for _, line in timed.at if "more of this kind" not in line and "Peer will receive" not in line]
        told = [line for _, line in timed.at if "more of this kind" in line]
        # The last that are missing may not be told yet.
        missing = sum(int(re.findall(r"PB: (\d+) more", line)[0]) for line in told)
        self.assertLessEqual(made - 60 * kinds, len(lines) + missing)
        self.assertLessEqual(len(lines) + missing, made)
        self.assertLessEqual(len(lines), 20 * 31 * kinds)
        self.assertLessEqual(len(told), 31 * kinds)
        # A traceback is announced by a line of its own.
        self.assertLessEqual(timed.most_in(10), 2 * kinds * (20 + 1))
        for _, line in timed.at:
            self.assertLess(len(line), 40_000)
            self.assertTrue(all(c.isprintable() or c in "\n\t" for c in line), repr(line[:500]))
        self.flushLoggedErrors()

    def test_all_kinds(self) -> None:
        """Also of all kinds together, by the defaults: so many lines of each."""
        clock = task.Clock()
        factory = self.factory(clock, DEFAULT_LIMITS)
        with logged() as written:
            timed = Timed(clock, written)
            for _ in range(10):
                clock.advance(2)
                for name, misdeeds in MISDEEDS.items():
                    for _ in range(8):
                        peer = RawPeer(factory.buildProtocol(None))
                        peer.greet_server()
                        peer.raw(misdeeds[0]) if name == "no banana" else peer.say(misdeeds)
                        peer.broker.connectionLost(Failure(ConnectionLost()))
                timed.note()
        refused = Counter(line for _, line in timed.at if "was refused" in line)
        self.assertLessEqual(sum(refused.values()), 3 * 20)
        # refused, AttributeError, ValueError, TypeError, InsecureJelly, didNotUnderstand
        self.assertLessEqual(timed.most_in(10), 2 * 6 * 2 * (20 + 1))
        self.flushLoggedErrors()

    def test_settled(self) -> None:
        """What was not logged is told of when a connection ends after that time, once; before it, nothing is."""
        clock = task.Clock()
        journal = Journal(Limits(log_lines=1, log_seconds=10), clock.seconds)
        with logged() as written:
            for _ in range(5):
                journal.note("kind", "it")
            journal.settle()
            self.assertEqual(["it"], written.lines)
            clock.advance(10)
            journal.settle()
            journal.settle()
        self.assertEqual(["it", "PB: 4 more of this kind were not logged: kind"], written.lines)

    def test_very_many_kinds(self) -> None:
        """An application that makes a kind of each line has some hundreds of lines logged, no more: further kinds share
        one rate."""
        journal = Journal(Limits(log_lines=2), task.Clock().seconds)
        with logged() as written:
            for number in range(1_000):
                journal.note(f"kind {number}", "it")
        self.assertEqual(202, len(written.lines))

    def test_kinds_are_not_the_peers_to_choose(self) -> None:
        """Errors that a peer gives for an answer, and that go on to the log, are one kind, however it calls them."""
        clock = task.Clock()
        factory = self.factory(clock, Limits(log_lines=5))
        peer = RawPeer(factory.buildProtocol(None))
        peer.greet_server()
        with logged() as written:
            for number in range(1, 300):
                peer.say(["message", number, "root", "back", 1, ["tuple", ["remote", number]], ["dictionary"]])
                state = [[["unicode", "type"], b"peer.Error%d" % number], [["unicode", "value"], ["unicode", EVIL[:600]]]]
                peer.say(["error", number, ["twisted.spread.pb.CopyableFailure", ["dictionary", *state]]])
        self.assertEqual(299, len([said for said in peer.heard() if said[0] == b"error"]))
        self.assertLessEqual(len(written.lines), 10)
        self.assertLess(len(written.text), 100_000)
        self.assertNotIn("\x1b", written.text)
        self.flushLoggedErrors()

    def test_as_client(self) -> None:
        """So with a server that a client calls."""
        bench = Bench("client", limits=Limits(log_lines=5))
        with logged() as written:
            for _ in range(300):
                bench.peer.say(["didNotUnderstand", EVIL.encode()])
        self.assertEqual(5, len(written.lines))
        with logged() as written:
            for number in range(300):
                bench.expect(bench.reference.callRemote("it"))
                bench.peer.say(["message", number, "nonesuch", "it", 1, ["tuple"], ["dictionary"]])
            bench.peer.raw(b"\xff" * 100)
        self.assertEqual(1, len([line for line in written.lines if "was refused" in line]))
        self.assertLess(len(written.lines), 8)

    def test_connections(self) -> None:
        """So with connections that are one too many."""
        clock = task.Clock()
        factory = self.factory(clock, Limits(connections=1, log_lines=5))
        held = factory.buildProtocol(None)
        with logged() as written:
            for _ in range(200):
                self.assertIs(None, factory.buildProtocol(None))
        self.assertEqual(5, len(written.lines))
        del held
