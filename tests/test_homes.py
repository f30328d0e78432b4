"""Tests of the names that travel: where pinned classes say they live, and what that must not break."""

import copy
import importlib
import inspect
import pickle
import pydoc
import typing

import twisted.spread.banana
import twisted.spread.flavors
import twisted.spread.interfaces
import twisted.spread.jelly
import twisted.spread.pb
import twisted.spread.publish
import twisted.spread.util
from twisted.internet import defer, endpoints
from twisted.python.failure import Failure
from twisted.python.reflect import qual
from twisted.trial.unittest import SynchronousTestCase, TestCase

from spreadlite import banana, flavors, jelly, pb
from tests.processes import python

PINNED = {
    "twisted.spread.pb.Error": pb.Error,
    "twisted.spread.pb.RemoteError": pb.RemoteError,
    "twisted.spread.pb.ProtocolError": pb.ProtocolError,
    "twisted.spread.pb.DeadReferenceError": pb.DeadReferenceError,
    "twisted.spread.pb.PBConnectionLost": pb.PBConnectionLost,
    "twisted.spread.pb.CopyableFailure": pb.CopyableFailure,
    "twisted.spread.pb.CopiedFailure": pb.CopiedFailure,
    "twisted.spread.flavors.NoSuchMethod": flavors.NoSuchMethod,
    "twisted.spread.jelly.InsecureJelly": jelly.InsecureJelly,
    "twisted.spread.banana.BananaError": banana.BananaError,
    "twisted.spread.jelly.Unpersistable": jelly.Unpersistable,
}

class Overdrawn(pb.Error):
    """An error of an application."""


class HomeTests(SynchronousTestCase):
    """Pinned classes."""

    def test_homes(self):
        """Each goes by the name that twisted.spread's class has, which is what the wire and programs compare."""
        for name, cls in PINNED.items():
            self.assertEqual(name, qual(cls))

    def test_parents(self):
        """No other class of ours travels among the parents of an error."""
        for name, cls in PINNED.items():
            original = getattr(importlib.import_module(name.rpartition(".")[0]), name.rpartition(".")[2])
            if issubclass(cls, Exception):
                self.assertEqual(list(map(qual, original.__mro__)), list(map(qual, cls.__mro__)))

    def test_parents_that_are_flavors(self):
        """Of an exception that is also something which can be sent, the flavors among its classes travel by the names that
        peers know."""
        found = []
        for module in (pb, twisted.spread.pb):
            for kind in ("Copyable", "Cacheable", "Viewable", "Root", "RemoteCopy", "RemoteCache"):
                cls = type("Refused", (module.Error, getattr(module, kind)), {"__module__": "tests.shop"})
                error = cls("no")
                copy = module.CopyableFailure(error).getStateToCopy()
                found.append(copy["parents"])
        self.assertEqual(found[6:], found[:6])
        self.assertIn("twisted.spread.jelly.Jellyable", found[0])

    def test_instances_that_are_allowed(self):
        """An instance, or the class, of a pinned exception that was allowed arrives as ours, though twisted.spread's is
        there; where that alone was allowed, as that."""
        for cls in (pb.Error, pb.NoSuchMethod, jelly.InsecureJelly, banana.BananaError):
            original = getattr(importlib.import_module(cls.__module__), cls.__name__)
            for allowed in (cls, original):
                security = jelly.SecurityOptions()
                security.allowInstancesOf(allowed)
                for value in (cls("why"), cls):
                    found = jelly.unjelly(jelly.jelly(value), security)
                    self.assertIs(allowed, found if value is cls else type(found))
        script = (
            "import sys; from spreadlite import jelly, pb; jelly.unjelly(jelly.jelly(pb.Error('x')));"
            "sys.exit('twisted.spread.pb' in sys.modules)"
        )
        self.assertEqual(0, python("-c", script).returncode)

    def test_pickle(self):
        """Pinned exceptions pickle, and come back as what they were; so do an application's own."""
        for error in (
            pb.Error("a", 1), pb.RemoteError(b"x.Y", "text", None), flavors.NoSuchMethod("b"), Overdrawn("c"),
            jelly.InsecureJelly("d"), banana.BananaError("e"), pb.PBConnectionLost("f"), pb.DeadReferenceError("g"),
        ):  # fmt: skip
            copy = pickle.loads(pickle.dumps(error))
            self.assertIs(type(error), type(copy))
            self.assertEqual((error.args, vars(error)), (copy.args, vars(copy)))

    def test_copies(self):
        """`copy` and every protocol of pickle give an instance of the same class back, of failures too."""
        failure = pb.CopiedFailure.__new__(pb.CopiedFailure)
        failure.setCopyableState({"type": b"shop.Sold", "value": "out", "parents": ["shop.Sold"]})
        for made in (pb.Error("a"), pb.RemoteError(b"x.Y", "text", None), failure, jelly.Unpersistable("why")):
            copies = [pickle.loads(pickle.dumps(made, number)) for number in range(pickle.HIGHEST_PROTOCOL + 1)]
            for other in (copy.copy(made), copy.deepcopy(made), *copies):
                self.assertIs(type(made), type(other))
                self.assertEqual(str(made), str(other))

    def test_documents_itself(self):
        """Pinned classes have docstrings, can be shown by pydoc, and their type hints can be had."""
        for cls in PINNED.values():
            self.assertTrue(cls.__doc__)
            self.assertIn(cls.__doc__.split("\n")[0], pydoc.plain(pydoc.render_doc(cls)))
            self.assertIsInstance(typing.get_type_hints(cls), dict)
            for value in vars(cls).values():
                if inspect.isfunction(value):
                    self.assertIn("return", typing.get_type_hints(value))

    def test_failures_compare_by_name(self):
        """A failure of ours is trapped by the original class, and the reverse."""
        self.assertIs(twisted.spread.pb.Error, Failure(pb.Error("x")).check(twisted.spread.pb.Error))
        self.assertIs(pb.Error, Failure(twisted.spread.pb.Error("x")).check(pb.Error))

    def test_instance_atom(self):
        """The deprecated name is there, and warns under twisted.spread's name."""
        self.assertEqual(b"instance", jelly.instance_atom)
        (warning,) = self.flushWarnings()
        self.assertIn("twisted.spread.jelly.instance_atom was deprecated in Twisted 15.0.0", warning["message"])


class BothTests(TestCase):
    """Both libraries in one process."""

    def test_either_first(self):
        """They can be imported in either order; a Root or Portal of either is adapted by its own IPBRoot alone."""
        for order in (("twisted.spread", "spreadlite"), ("spreadlite", "twisted.spread")):
            ended = python(
                "-W", "error", "-c",
                f"import {order[0]}.pb, {order[1]}.pb, twisted.cred.portal\n"
                "one, other = twisted.spread.pb, spreadlite.pb\n"
                "assert one.IPBRoot is not other.IPBRoot and one.IPBRoot != other.IPBRoot\n"
                "assert one.IPerspective != other.IPerspective\n"
                "portal = twisted.cred.portal.Portal(None)\n"
                "for each in (one, other):\n"
                "    assert each.PBServerFactory(portal).root.portal is portal\n"
                "    assert type(each.PBServerFactory(portal).root).__module__.startswith(each.__name__.split('.')[0])\n"
                "    root = each.Root()\n    assert each.IPBRoot(root) is root\n"
                "assert one.globalSecurity is not other.globalSecurity and one.copyTags is not other.copyTags",
            )  # fmt: skip
            self.assertEqual((0, "", ""), (ended.returncode, ended.stdout, ended.stderr))

    @defer.inlineCallbacks
    def test_side_by_side(self):
        """Each serves its own objects, and talks to the other."""
        from twisted.internet import reactor

        for server, client in ((pb, twisted.spread.pb), (twisted.spread.pb, pb), (pb, pb)):
            root = type("Root", (server.Root,), {"remote_double": lambda self, number: number * 2})()
            listening = yield endpoints.serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(
                server.PBServerFactory(root)
            )
            factory = client.PBClientFactory()
            port = listening.getHost().port
            yield endpoints.clientFromString(reactor, f"tcp:127.0.0.1:{port}").connect(factory)
            reference = yield factory.getRootObject()
            self.assertEqual(8, (yield reference.callRemote("double", 4)))
            gone = defer.Deferred()
            reference.notifyOnDisconnect(gone.callback)
            factory.disconnect()
            yield gone
            yield listening.stopListening()
