"""Every kind of message with wrong arguments, whole and byte by byte, in every role."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from spreadlite import flavors, pb
from tests.hostile.bench import MESSAGES, ROLES, Bench, Echo, logged, odd_messages, understood
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

    @each(("server", "client"), (["list"], 1.5, ["None"]))
    def test_reference_to_no_id(self, side: str, number: Any) -> None:
        """A reference to what is no id is refused; that call fails."""
        bench = Bench("bare" if side == "server" else "client")
        aim: Any = "root"
        if side == "client":
            bench.expect(bench.reference.callRemote("object", bench.root))
            bench.peer.heard()
            aim = 1
        self.assertEqual(b"error", bench.peer.call(aim, "take", ["remote", number])[0])
        self.assertEqual(([], False), (bench.root.seen, bench.ended))
        self.flushLoggedErrors()

    @each(ROLES, (5, 7, "6", 6.5))
    def test_version(self, role: str, version: Any) -> None:
        """A peer that has another version of the protocol is refused, with one line in the log that names both."""
        bench = Bench(role)
        with logged() as written:
            bench.peer.say(["version", version])
        self.assertTrue(bench.ended)
        self.assertEqual(1, len(written.lines))
        self.assertIn("of the protocol; this side has 6", written.text)
        bench.close()
        self.assertEqual([], bench.leftovers())

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


class IdTests(Rows, SynchronousTestCase):
    """Ids, where there are some of every sort: each message with another table's id, with one that was given back, and
    with numbers that are none."""

    #: Messages whose id is that of an object of the victim's, of a cached one, of a cache there, or of a call.
    KINDS = ("message", "cachemessage", "answer", "error", "decref", "decache", "uncache")
    NUMBERS: dict[str, Any] = {
        "unknown": 999, "zero": 0, "minus one": -1, "the negative": "negative", "a little more": 2**31, "large": 2**63,
        "less than that": -(2**63) - 1, "huge": 2**447, "huge and negative": -(2**447), "a float": "float", "a half": 0.5,
        "infinite": float("-inf"), "digits": "digits", "a list": "list", "nothing": ["None"], "true": ["boolean", b"true"],
        "the root's name": b"root",
    }  # fmt: skip

    def setUp(self) -> None:
        understood(self, "ids.Cached", flavors.RemoteCache)

    def full(self, side: str) -> tuple[Bench, dict[str, Any]]:
        """A victim whose tables all have something, and the ids: an object that the peer holds once, one that it has
        cached once, one of its own that is cached here, and calls of the victim's that wait."""
        root = Echo()
        made = root.__dict__
        made["remote_new"] = lambda: pb.Referenceable()
        made["remote_shared"] = lambda: flavors.Cacheable()
        bench = Bench("bare" if side == "server" else "client", root=root)
        aim: Any = "root"
        if side == "client":
            bench.expect(bench.reference.callRemote("object", root))
            aim = 1
        else:
            for name in ("first", "second"):
                bench.expect(bench.broker.remoteForName("root").callRemote(name))
        bench.peer.heard()
        held = bench.peer.call(aim, "new")[2][1]
        shared = bench.peer.call(aim, "shared")[2][1]
        self.assertEqual(b"answer", bench.peer.call(aim, "take", ["ids.Cached", 70, ["dictionary"]])[0])
        here = {"message": held, "decref": held, "decache": shared}
        return bench, {"aim": aim, **here, "cachemessage": 70, "uncache": 70, "answer": 1, "error": 1}

    def said(self, kind: str, number: Any) -> list[Any]:
        """A message of that kind."""
        if kind in ("message", "cachemessage"):
            return [kind, 5, number, "nonesuch", 1, ["tuple"], ["dictionary"]]
        return [kind, number, ["unicode", "it"]] if kind in ("answer", "error") else [kind, number]

    def check(self, bench: Bench, kind: str, ids: dict[str, Any], name: str = "") -> None:
        """A call gets an error and the connection lives, or the connection ends; nothing else has changed."""
        heard = bench.peer.heard()
        if kind in ("message", "cachemessage"):
            self.assertEqual(([b"error"], False), ([reply[0] for reply in heard], bench.ended), name)
        else:
            self.assertTrue(bench.ended, name)
        self.assertIn(ids["message"], bench.broker.localObjects)
        self.assertIn(ids["decache"], bench.broker.remotelyCachedObjects)
        self.assertIn(70, bench.broker.locallyCachedObjects)
        self.assertEqual(2 + (ids["aim"] == 1), len(bench.broker.waitingForAnswers))
        bench.root.seen.clear()
        bench.close()
        self.assertEqual([], bench.leftovers())
        self.assertTrue(bench.others_are_served())
        self.flushLoggedErrors()

    @each(("server", "client"), KINDS, SIZES)
    def test_no_id(self, side: str, kind: str, size: str) -> None:
        """What is no id of that table: a call of it fails, with anything else the connection ends, and what the ids stand
        for is still there."""
        for name, number in self.NUMBERS.items():
            bench, ids = self.full(side)
            bench.peer.size = SIZES[size]
            right = ids[kind]
            likewise = {"negative": -right, "float": float(right), "digits": b"%d" % right, "list": [right]}
            number = likewise.get(str(number), number)
            if (kind, name) == ("message", "the root's name"):
                number = b"nobody"
            bench.peer.say(self.said(kind, number))
            self.check(bench, kind, ids, name)

    @each(("server", "client"), KINDS)
    def test_other_tables(self, side: str, kind: str) -> None:
        """The same with the id of something else; ids are looked up in their own table alone."""
        own = {"message": "decref", "cachemessage": "uncache", "error": "answer"}.get(kind, kind)
        for other in ("decref", "decache", "uncache"):
            bench, ids = self.full(side)
            # The calls that wait have numbers of their own, some of which are the same.
            if other != own and not (kind in ("answer", "error") and ids[other] in bench.broker.waitingForAnswers):
                bench.peer.say(self.said(kind, ids[other]))
                self.check(bench, kind, ids)

    @each(("server", "client"), KINDS)
    def test_once_too_often(self, side: str, kind: str) -> None:
        """An id that was right once is no id when what it stood for was given back, or answered."""
        bench, ids = self.full(side)
        first = {"message": "decref", "cachemessage": "uncache"}.get(kind, kind)
        bench.root.seen.clear()
        bench.peer.say(self.said(first, ids[kind]))
        bench.peer.heard()
        self.assertFalse(bench.ended)
        bench.peer.say(self.said(kind, ids[kind]))
        heard = bench.peer.heard()
        if kind in ("message", "cachemessage"):
            self.assertEqual(([b"error"], False), ([reply[0] for reply in heard], bench.ended))
        else:
            self.assertTrue(bench.ended)
        bench.close()
        self.assertEqual([], bench.leftovers())
        self.flushLoggedErrors()
