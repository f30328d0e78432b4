"""Every kind of message with wrong arguments, whole and byte by byte, in every role."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.hostile.bench import MESSAGES, ROLES, Bench, logged, odd_messages
from tests.vectors.rows import Rows, each

#: Characters of log that one bad message may cause.
MOST_LOG = 6000
SIZES = {"whole": None, "byte_by_byte": 1}


class MessageTests(Rows, SynchronousTestCase):
    """One odd message."""

    @each(ROLES, [*MESSAGES, "other"], SIZES)
    def test_odd_message(self, role: str, kind: str, size: str) -> None:
        """Whatever a message has for arguments: other peers are served, the log stays short, everything is taken down, and
        what comes after a refusal has no effect."""
        for name, message in odd_messages():
            if name.split()[0].rstrip(",") != kind and not (kind == "other" and name.split()[0] not in MESSAGES):
                continue
            with logged() as written:
                bench = Bench(role, size=SIZES[size])
                bench.peer.say(message)
                ended = bench.ended
                bench.peer.heard()
                before = len(bench.root.seen)
                bench.peer.say(["message", 99, bench.aim, "echo", 1, ["tuple", 1], ["dictionary"]])
                heard = bench.peer.heard()
                if ended:
                    self.assertEqual(([], before), (heard, len(bench.root.seen)), name)
                elif role == "bare":
                    self.assertEqual([[b"answer", 99, 1]], heard, name)
                self.assertTrue(bench.others_are_served(), name)
                bench.close()
                self.assertEqual([], bench.leftovers(), name)
            self.flushLoggedErrors()
            self.assertLess(len(written.text), MOST_LOG, f"{name}: {written.text[:3000]}")
            self.assertTrue(all(c.isprintable() or c in "\n\t" for c in written.text), f"{name}: {written.text!r}")
            if ended:
                self.assertEqual(1, len([line for line in written.lines if "refused" in line]), name)
            del written
            self.assertTrue(bench.forgotten(), name)

    @each(ROLES)
    def test_all_of_them_on_one_connection(self, role: str) -> None:
        """Odd messages that end no connection may come one after the other: the last is answered like the first."""
        bench = Bench(role)
        for name, message in odd_messages():
            probe = Bench(role)
            probe.peer.say(message)
            if not probe.ended and name.split()[0].rstrip(",") not in ("decref", "decache", "uncache", "answer", "error"):
                bench.peer.say(message)
                self.assertFalse(bench.ended, name)
            probe.close()
        bench.close()
        self.assertEqual([], bench.leftovers())
        self.flushLoggedErrors()
