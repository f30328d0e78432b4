"""Calls that want no answer, what they come to, and hooks of the application that fail as often as a peer likes."""

from __future__ import annotations

import os
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from twisted.internet import defer
from twisted.trial.unittest import SynchronousTestCase

from spreadlite import pb, publish
from spreadlite.core.errors import BananaError
from spreadlite.core.limits import Limits
from tests.hostile.bench import logged, said, served
from tests.vectors.rows import Rows, each


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


class UnansweredTests(Rows, SynchronousTestCase):
    """What a peer does not get, it does not have us hold."""

    def test_what_nobody_gets(self) -> None:
        """What a call comes to that wants no answer is not held for the peer, which cannot let go of it."""
        for name in ("new", "later", "own"):
            peer = served(Root(), limits=Limits(references=10))
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
        peer = served(Root())
        with logged():
            peer.say(said("kept", 0))
        self.assertEqual({}, peer.broker.remotelyCachedObjects)
        self.assertEqual({}, peer.broker.remotelyCachedLUIDs)
        self.assertEqual(1, peer.broker.localObjects[b"root"].object.kept.told)
        self.flushLoggedErrors(ValueError)

    def test_caches_that_cannot_be_told_of(self) -> None:
        """A cached object in the arguments of a call that cannot be sent is not counted: it is let go of when the peer has
        given back what it got."""
        peer = served(root := Root())
        luid = peer.call("root", "kept")[2][1]
        there = peer.broker.remoteForName("root")
        self.failureResultOf(there.callRemote("it", root.kept, Decimal("NaN")), ValueError)
        self.assertRaises(BananaError, there.callRemote, "it", root.kept, 2**448)
        self.assertEqual([], peer.heard())
        with logged():
            peer.say(["decache", luid])
        self.assertEqual([[b"uncache", luid]], peer.heard())
        self.assertEqual(1, root.kept.told)
        self.flushLoggedErrors(ValueError)

    def test_observers_that_fail(self) -> None:
        """An application's mistake that a peer finds is logged at a bounded rate."""
        peer = served(Root(), limits=Limits(log_lines=5))
        with logged() as written:
            for _ in range(100):
                luid = peer.call("root", "kept")[2][1]
                peer.say(["decache", luid])
                self.assertEqual([[b"uncache", luid]], peer.heard())
        self.assertEqual(5, len(written.lines))
        self.assertEqual(5, len(self.flushLoggedErrors(ValueError)))

    @each((1, 2, 3))
    def test_errors_too_deep(self, depth: int) -> None:
        """A call that fails is answered, also where limits allow no value that is as deep as an error is."""
        peer = served(Root(), limits=Limits(depth=depth))
        self.assertEqual(b"error", peer.call("root", "nonesuch")[0])
        self.flushLoggedErrors()

    def test_published_objects_that_fail(self) -> None:
        """So is what becomes of published objects whose state is not to be had, or was kept in a file that is no good."""
        peer = served(Root(), limits=Limits(log_lines=5))
        os.makedirs(folder := self.mktemp())
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder)
        with open("a-b-c.pub", "wb") as file:
            file.write(b"nonsense")
        failing = SimpleNamespace(callRemote=lambda name: defer.fail(ValueError(name)))
        with logged() as written:
            for _ in range(30):
                published = publish.RemotePublished()
                published.broker, published.luid = peer.broker, 7
                published.setCopyableState(
                    {"service": "a", "perspective": "b", "publishedID": "c", "timestamp": 1, "remote": failing}
                )
        self.assertEqual(5, len(self.flushLoggedErrors(ValueError)))
        self.assertEqual(5, written.text.count("no kept state"))
