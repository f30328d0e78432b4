"""Tests of `spreadlite.options`: the strict mode in connections, and in the bytes."""

from __future__ import annotations

import warnings
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from spreadlite import jelly, options
from spreadlite.core import errors, limits, policy
from tests.pairs import Pair, kind_of
from tests.vectors.rows import Rows, each
from tests.vectors.spreads import OURS, TWISTED, load


class Unregistered:
    """Of a type that nobody registered."""


class OptionsTests(Rows, SynchronousTestCase):
    """Names, and what they do."""

    def test_names(self) -> None:
        """The names are those of the classes that the codec uses."""
        self.assertIs(limits.Limits, options.Limits)
        self.assertIs(policy.StrictSecurityOptions, options.StrictSecurityOptions)
        self.assertIs(errors.UnregisteredTypeWarning, options.UnregisteredTypeWarning)
        self.assertEqual(["Limits", "StrictSecurityOptions", "UnregisteredTypeWarning"], options.__all__)

    @each([TWISTED, OURS], ["argument", "answer"])
    def test_strict(self, peer: str, what: str) -> None:
        """A connection with strict options refuses to send the object, whoever the peer is: the call fails with
        InsecureJelly, and the connection lives.  What is registered, and plain values, are sent as ever."""
        strict = options.StrictSecurityOptions(jelly.globalSecurity)
        ours = load(OURS).pb
        if what == "argument":
            root = type("Root", (load(peer).pb.Root,), {"remote_echo": lambda self, it=None: it})()
            both = Pair(peer, OURS, root, connecting=ours.PBClientFactory(security=strict))
            found = both.call("echo", Unregistered())
        else:
            members = {"remote_get": lambda self: [Unregistered()], "remote_echo": lambda self, it: it}
            root = type("Root", (ours.Root,), members)()
            both = Pair(OURS, peer, serving=ours.PBServerFactory(root, security=strict))
            found = both.call("get")
        self.assertEqual("twisted.spread.jelly.InsecureJelly", kind_of(found))
        self.assertIn("Unregistered", found.getErrorMessage())
        self.assertEqual([1, ("a", b"b"), {"c": None}], both.value("echo", [1, ("a", b"b"), {"c": None}]))
        self.flushLoggedErrors()

    @each([TWISTED, OURS])
    def test_lenient(self, peer: str) -> None:
        """Without them the sender is warned, once a type, and the peer gets what it gets from twisted.spread."""
        kind: Any = type("Another", (), {})
        root = type("Root", (load(peer).pb.Root,), {"remote_kind": lambda self, it: type(it).__name__})()
        both = Pair(peer, OURS, root)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            self.assertEqual(["Unpersistable"] * 2, [both.value("kind", kind()) for _ in range(2)])
        self.assertEqual([options.UnregisteredTypeWarning], [warning.category for warning in told])
