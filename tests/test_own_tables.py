"""An application's own words, classes and tasters, where they are tables that it changes or puts in the place of ours."""

from __future__ import annotations

import warnings
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from spreadlite import jelly, pb
from tests.compat.rawpeer import state_of
from tests.hostile.bench import logged, said, served
from tests.processes import python

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


class Root(pb.Root):
    """What is called."""

    def remote_kind(self, it: Any) -> str:
        """What it has become."""
        return type(it).__name__

    def remote_nothing(self) -> None:
        """Nothing."""


class Old:
    """An application's."""


class OwnTablesTests(SynchronousTestCase):
    """What is said and read by them."""

    def test_words_of_an_applications_own(self) -> None:
        """Words that are added to Banana's own dictionary are sent, where the taster is an application's too."""
        ran = python("-c", TASK)
        self.assertEqual(3, ran.stdout.count("hello"), ran.stderr[-300:])

    def test_registry_in_its_place(self) -> None:
        """A table of classes that is put in the place of jelly's, for a test, say, is the one that is read."""
        self.patch(jelly, "unjellyableRegistry", dict(jelly.unjellyableRegistry))
        self.patch(jelly, "unjellyableFactoryRegistry", dict(jelly.unjellyableFactoryRegistry))
        jelly.setUnjellyableForClass("eyes.Thing", type("Thing", (pb.RemoteCopy,), {}))
        jelly.setUnjellyableFactoryForClass("eyes.Made", lambda state: 5)
        peer = served(Root())
        self.assertEqual([b"unicode", b"Thing"], peer.call("root", "kind", ["eyes.Thing", ["dictionary"]])[2])
        self.assertEqual([b"unicode", b"int"], peer.call("root", "kind", ["eyes.Made", ["dictionary"]])[2])
        self.doCleanups()
        with logged():
            self.assertEqual(b"error", peer.call("root", "kind", ["eyes.Thing", ["dictionary"]])[0])
        self.flushLoggedErrors(jelly.InsecureJelly)

    def test_words_about_what_is_no_id(self) -> None:
        """What a peer sent for an id is shown as it was sent, however it was kept."""
        peer = served(Root())
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
        peer = served(Root(), security=own)
        for wanted in (1, 0):
            asked.clear()
            peer.say(said("nothing", wanted))
            self.assertEqual([b"tuple", b"dictionary", b"builtins.NoneType"], asked)

    def test_instances_of_old(self) -> None:
        """That ``[instance ...]`` is deprecated is said as often as the filters have it, not for each that comes."""
        security = jelly.SecurityOptions()
        security.allowInstancesOf(Old)
        sexp = [b"instance", [b"class", b"tests.test_own_tables.Old"], [b"dictionary"]]
        with warnings.catch_warnings(record=True) as shown:
            warnings.simplefilter("default")
            for _ in range(5):
                self.assertIs(Old, type(jelly.unjelly(sexp, security)))
        self.assertEqual(1, len(shown))
