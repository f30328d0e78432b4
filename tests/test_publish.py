"""Tests of `spreadlite.publish`: objects of which the other side keeps the state in a file."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

from twisted.internet import defer
from twisted.trial.unittest import SynchronousTestCase

from spreadlite import banana, jelly, publish
from tests.hostile.bench import logged
from tests.vectors.rows import Rows, each
from tests.vectors.spreads import OURS, TWISTED, load


class Note(publish.RemotePublished):
    """What stands here for what is published there."""

    def activated(self) -> None:
        """Count."""
        self.__dict__["times"] = self.__dict__.get("times", 0) + 1


class Other:
    """A class of which nobody has said that files may have instances."""

    timestamp: Any


class PublishTests(Rows, SynchronousTestCase):
    """What is published, and what is kept of it."""

    def setUp(self) -> None:
        os.makedirs(folder := self.mktemp())
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder)
        self.asked: list[defer.Deferred[Any]] = []

    def got(self, timestamp: float = 1, **state: Any) -> Note:
        """What was received, in this folder."""

        def ask(name: str) -> Any:
            self.assertEqual("getStateToPublish", name)
            self.asked.append(defer.Deferred())
            return self.asked[-1]

        note = Note()
        remote = SimpleNamespace(callRemote=ask)
        note.setCopyableState(
            {"service": "a", "perspective": "b", "publishedID": "c", "timestamp": timestamp, "remote": remote, **state}
        )
        return note

    def keep(self, value: Any) -> None:
        """Have *value* for what was kept."""
        with open("a-b-c.pub", "wb") as file:
            file.write(banana.encode(jelly.jelly(value)))

    def test_kept(self) -> None:
        """The state is asked for once, and then taken from the file, which has nothing of the connection."""
        first = self.got()
        first.broker, first.luid = SimpleNamespace(decCacheRef=lambda luid: None), 7
        called: list[Any] = []
        first.callWhenActivated(called.append)
        self.assertEqual(([], 0, None), (called, first.isActivated, first.__dict__.get("times")))
        self.asked[0].callback({"number": 5})
        first.callWhenActivated(called.append)
        self.assertEqual(([first, first], 1, 5, 1), (called, first.isActivated, first.number, first.times))
        self.assertFalse(first._wasCleanWhenLoaded)
        with open("a-b-c.pub", "rb") as file:
            tag, state = banana.decode(file.read())
        self.assertEqual(b"tests.test_publish.Note", tag)
        self.assertEqual(
            {"service", "perspective", "publishedID", "timestamp", "number", "times"}, set(jelly.unjelly(state))
        )

        second = self.got()
        second.callWhenActivated(called.append)
        self.assertEqual((1, 5, 1), (len(self.asked), second.number, second.isActivated))
        self.assertTrue(second._wasCleanWhenLoaded)
        self.assertEqual([first, first, second], called)

    def test_each_listener_once(self) -> None:
        """Whoever waits for the state is called once, however often a state comes."""
        note = self.got()
        called: list[Any] = []
        note.callWhenActivated(called.append)
        note._cbGotUpdate({"number": 1})
        note._cbGotUpdate({"number": 2})
        self.assertEqual([note], called)
        self.assertEqual(2, note.number)

    def test_changed(self) -> None:
        """A file of another time is no good: the state is asked for."""
        self.got()
        self.asked[0].callback({"number": 5})
        again = self.got(timestamp=2)
        self.assertEqual((2, 0), (len(self.asked), again.isActivated))
        self.asked[1].callback({"number": 6})
        self.assertEqual(6, again.number)

    def test_no_good(self) -> None:
        """A file that has something else, an instance of another class above all, is as none, and the log tells of it."""
        other = Other()
        other.timestamp = 1
        for value, told in ((other, 1), (5, 0), ({"timestamp": 1}, 0)):
            self.keep(value)
            with logged() as written:
                note = self.got()
            self.assertEqual((False, told), (bool(note.isActivated), written.text.count("no kept state")))
            self.asked[-1].callback({"number": 5})
            self.assertTrue(note.isActivated)

    def test_no_room(self) -> None:
        """A state that cannot be kept is there all the same, and the log tells why it is not kept."""
        note = self.got(service="x" * 300)
        self.asked[0].callback({"number": 5})
        self.assertEqual((1, 5), (note.isActivated, note.number))
        self.assertEqual(1, len(self.flushLoggedErrors(OSError)))

    def test_too_large(self) -> None:
        """A state that no file can have is there all the same; the log tells why it is not kept, and the file stays as it
        is."""
        self.got()
        self.asked[0].callback({"number": 5})
        with open("a-b-c.pub", "rb") as file:
            before = file.read()
        note = self.got(timestamp=2)
        self.asked[1].callback({"number": b"x" * 700_000})
        self.assertEqual((1, 700_000), (note.isActivated, len(note.number)))
        self.assertEqual(1, len(self.flushLoggedErrors(banana.BananaError)))
        with open("a-b-c.pub", "rb") as file:
            self.assertEqual(before, file.read())

    def test_names(self) -> None:
        """A name in bytes is as the same in text, and one that is no text has a file too."""
        self.assertEqual("s-p-é.pub", self.got(service=b"s", perspective="p", publishedID="é".encode()).getFileName())
        self.assertEqual("s-p-�.txt", self.got(service=b"s", perspective=b"p", publishedID=b"\xff").getFileName("txt"))

    @each([TWISTED, OURS])
    def test_what_is_sent(self, side: str) -> None:
        """It is said who publishes what for whom, since when, and how to ask for the state: as it is for that one."""
        server = load(side)

        class Published(server.publish.Publishable):  # type: ignore[misc]
            def getStateToPublishFor(self, perspective: Any) -> Any:
                return {"for": perspective.perspectiveName}

        class User:
            perspectiveName = "bob"

            def getService(self) -> Any:
                return SimpleNamespace(serviceName="shop")

        published = Published("hat")
        user = User()
        state = published.getStateToCacheAndObserveFor(user, None)
        self.assertEqual(("hat", "bob", "shop"), (state["publishedID"], state["perspective"], state["service"]))
        self.assertIsInstance(state["timestamp"], float)
        self.assertGreater(state["timestamp"], 1e9)
        self.assertIs(user, state["remote"].perspective)
        self.assertIs(published, state["remote"].object)
        self.assertEqual({"for": "bob"}, published.view_getStateToPublish(user))
        nobody = published.getStateToCacheAndObserveFor(None, None)
        self.assertEqual(("None", "None"), (nobody["perspective"], nobody["service"]))

    @each([TWISTED, OURS])
    def test_when_ready(self, side: str) -> None:
        """`whenReady` waits for the state, and fails with the Deferred that it is given."""
        when_ready = load(side).publish.whenReady
        note = self.got()
        ready = when_ready(defer.succeed(note))
        self.assertNoResult(ready)
        self.asked[0].callback({})
        self.assertIs(note, self.successResultOf(ready))
        self.failureResultOf(when_ready(defer.fail(ValueError("no"))), ValueError)
