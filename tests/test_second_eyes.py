"""What a second pair of eyes found: own vocabularies and registries, calls that want no answer, floods of the log."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from twisted.internet import defer
from twisted.trial.unittest import SynchronousTestCase

from spreadlite import jelly, pb
from spreadlite.core.limits import Limits
from tests.compat.rawpeer import RawPeer, state_of
from tests.hostile.bench import logged

TASK = """
from spreadlite import banana, jelly, pb
from tests.compat.rawpeer import RawPeer

banana.Banana.outgoingVocabulary[b"hello"] = 40

class Own(jelly.SecurityOptions):
    def isTypeAllowed(self, name):
        return super().isTypeAllowed(name)

class Root(pb.Root):
    def remote_it(self):
        return ["hello", {"hello": b"hello"}]

own = Own()
own.allowBasicTypes()
peer = RawPeer(pb.PBServerFactory(Root(), security=own).buildProtocol(None))
peer.greet_server()
peer.say(["message", 1, "root", "it", 1, ["tuple"], ["dictionary"]])
print(peer.pipe.out.replace(bytes((40, 0x87)), bytes((5, 0x82)) + b"hello"))
"""


class Kept(pb.Cacheable):
    """Something to cache, with a mistake in it."""

    told = 0

    def getStateToCacheAndObserveFor(self, perspective: Any, observer: Any) -> Any:
        """Nothing; the observer is forgotten."""
        return {}

    def stoppedObserving(self, perspective: Any, observer: Any) -> None:
        """Somebody left."""
        self.told += 1
        [].remove(observer)


class Root(pb.Root):
    """What is called."""

    def __init__(self) -> None:
        self.kept = Kept()

    def remote_new(self) -> Any:
        """A new object."""
        return pb.Referenceable()

    def remote_later(self) -> Any:
        """Some more, later."""
        return defer.succeed([pb.Referenceable(), pb.Referenceable()])

    def remote_own(self) -> Any:
        """The same one each time."""
        return self

    def remote_kept(self) -> Any:
        """Something to cache."""
        return self.kept

    def remote_kind(self, it: Any) -> str:
        """What it has become."""
        return type(it).__name__

    def remote_nothing(self) -> None:
        """Nothing."""


def served(**options: Any) -> RawPeer:
    """A peer of a server."""
    peer = RawPeer(pb.PBServerFactory(Root(), **options).buildProtocol(None))
    peer.greet_server()
    return peer


def said(name: str, wanted: int, *args: Any) -> list[Any]:
    """A call."""
    return ["message", 1, "root", name, wanted, ["tuple", *args], ["dictionary"]]


class SecondEyesTests(SynchronousTestCase):
    """All of it."""

    def test_words_of_an_applications_own(self) -> None:
        """Words that are added to Banana's own dictionary are sent, where the taster is an application's too."""
        ran = subprocess.run([sys.executable, "-c", TASK], capture_output=True, text=True, check=False)
        self.assertEqual(3, ran.stdout.count("hello"), ran.stderr[-300:])

    def test_what_nobody_gets(self) -> None:
        """What a call comes to that wants no answer is not held for the peer, which cannot let go of it."""
        for name in ("new", "later", "own"):
            peer = served(limits=Limits(references=10))
            for _ in range(50):
                peer.say(said(name, 0))
            self.assertEqual([b"root"], list(peer.broker.localObjects), name)
            self.assertEqual({}, peer.broker.luids)
            self.assertEqual([], peer.heard())
            self.assertFalse(peer.pipe.disconnecting)
        # What the peer has, it keeps.
        self.assertEqual([b"remote", 51], peer.call("root", "own")[2])
        peer.say(said("own", 0))
        self.assertEqual(1, peer.broker.localObjects[51].refcount)

    def test_caches_that_nobody_gets(self) -> None:
        """So with caches, whose owner is told."""
        peer = served()
        with logged():
            peer.say(said("kept", 0))
        self.assertEqual({}, peer.broker.remotelyCachedObjects)
        self.assertEqual({}, peer.broker.remotelyCachedLUIDs)
        self.assertEqual(1, peer.broker.localObjects[b"root"].object.kept.told)
        self.flushLoggedErrors(ValueError)

    def test_observers_that_fail(self) -> None:
        """An application's mistake that a peer finds is logged at a bounded rate."""
        peer = served(limits=Limits(log_lines=5))
        with logged() as written:
            for _ in range(100):
                luid = peer.call("root", "kept")[2][1]
                peer.say(["decache", luid])
                self.assertEqual([[b"uncache", luid]], peer.heard())
        self.assertEqual(5, len(written.lines))
        self.assertEqual(5, len(self.flushLoggedErrors(ValueError)))

    def test_registry_in_its_place(self) -> None:
        """A table of classes that is put in the place of jelly's, for a test, say, is the one that is read."""
        self.patch(jelly, "unjellyableRegistry", dict(jelly.unjellyableRegistry))
        self.patch(jelly, "unjellyableFactoryRegistry", dict(jelly.unjellyableFactoryRegistry))
        jelly.setUnjellyableForClass("eyes.Thing", type("Thing", (pb.RemoteCopy,), {}))
        jelly.setUnjellyableFactoryForClass("eyes.Made", lambda state: 5)
        peer = served()
        self.assertEqual([b"unicode", b"Thing"], peer.call("root", "kind", ["eyes.Thing", ["dictionary"]])[2])
        self.assertEqual([b"unicode", b"int"], peer.call("root", "kind", ["eyes.Made", ["dictionary"]])[2])
        self.doCleanups()
        with logged():
            self.assertEqual(b"error", peer.call("root", "kind", ["eyes.Thing", ["dictionary"]])[0])
        self.flushLoggedErrors(jelly.InsecureJelly)

    def test_words_about_what_is_no_id(self) -> None:
        """What a peer sent for an id is shown as it was sent, however it was kept."""
        peer = served()
        with logged() as written:
            failed = peer.say(["cachemessage", 1, ["x", 5], "it", 1, ["tuple"], ["dictionary"]]) or peer.heard()[0]
            self.assertEqual([b"unicode", b"no cached object has the id [b'x', 5]"], state_of(failed[2])["value"])
            peer.say(["decref", ["x"]])
        self.assertIn("no object has the id [b'x']", written.text)
        self.assertNotIn("Packed", written.text)
        self.flushLoggedErrors(jelly.InsecureJelly)

    def test_taster_of_nothing(self) -> None:
        """A taster of an application's own is asked about None also where no answer is wanted."""
        asked: list[Any] = []

        class Own(jelly.SecurityOptions):
            def isTypeAllowed(self, name: Any) -> Any:
                asked.append(name)
                return super().isTypeAllowed(name)

        own = Own()
        own.allowBasicTypes()
        peer = served(security=own)
        for wanted in (1, 0):
            asked.clear()
            peer.say(said("nothing", wanted))
            self.assertEqual([b"tuple", b"dictionary", b"builtins.NoneType"], asked)
