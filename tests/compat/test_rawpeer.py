"""Peers written by hand, byte by byte: odd forms, odd cuts, and the habits of Python 2.

Each test runs against twisted.spread as well, unless it is about something that twisted.spread gets wrong.
"""

from __future__ import annotations

import gc
from typing import Any

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import IRealm, Portal
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.compat.rawpeer import RawPeer, response_to, state_of, text
from tests.vectors.rows import Rows, each
from tests.vectors.spreads import OURS, TWISTED, Spread, load

BOTH = (OURS, TWISTED)
SIZES = (None, 1, 3)


def served(spread: Spread, root: Any, dialect: str = "pb", size: int | None = None) -> RawPeer:
    """A raw client of a server of *spread*'s."""
    peer = RawPeer(spread.pb.PBServerFactory(root).buildProtocol(None), dialect, size)
    assert peer.greet_server()[0] == [b"pb", b"none"]
    return peer


def serving(spread: Spread, dialect: str = "pb", size: int | None = None) -> tuple[RawPeer, Any]:
    """A raw server of a client of *spread*'s, and the client's root."""
    factory = spread.pb.PBClientFactory()
    peer = RawPeer(factory.buildProtocol(None), dialect, size)
    assert peer.greet_client() == [dialect.encode(), [b"version", 6]]
    roots: list[Any] = []
    factory.getRootObject().addCallback(roots.append)
    return peer, roots[0]


def echo_root(spread: Spread) -> Any:
    """A root that gives back what it is given."""

    class Echo(spread.pb.Root):  # type: ignore[misc]
        """Gives back."""

        def remote_all(self, *args: Any, **kw: Any) -> Any:
            """Everything."""
            return [list(args), dict(sorted(kw.items()))]

        def remote_new(self) -> Any:
            """An object."""
            return type("New", (spread.pb.Referenceable,), {"remote_who": lambda self: b"new"})()

        def remote_fail(self) -> None:
            """An error."""
            raise ValueError("unexpected")

    return Echo()


class ServerTests(Rows, SynchronousTestCase):
    """A raw client of a server."""

    @each(BOTH, SIZES)
    def test_call_cut(self, name: str, size: int | None) -> None:
        """A call is understood however its bytes are cut."""
        peer = served(load(name), echo_root(load(name)), size=size)
        self.assertEqual(
            [b"answer", 1, [b"list", [b"list", 1, b"two", [b"unicode", b"three"]], [b"dictionary"]]],
            peer.call("root", "all", 1, b"two", text("three")),
        )

    @each(BOTH, SIZES)
    def test_dialect_none(self, name: str, size: int | None) -> None:
        """A client without the vocabulary is answered without it."""
        peer = served(load(name), echo_root(load(name)), "none", size)
        self.assertEqual([b"answer", 1, [b"list", [b"list"], [b"dictionary"]]], peer.call("root", "all"))
        peer.say(["message", 2, "root", "all", 1, ["tuple"], ["dictionary"]])
        self.assertNotIn(b"\x87", peer.pipe.out)

    @each(BOTH)
    def test_words_spelt_out(self, name: str) -> None:
        """A client that spells the words out although they have numbers is understood."""
        peer = served(load(name), echo_root(load(name)))
        peer.dialect = "none"
        self.assertEqual([b"answer", 1, [b"list", [b"list"], [b"dictionary"]]], peer.call("root", "all"))

    @each(BOTH, SIZES)
    def test_odd_numbers(self, name: str, size: int | None) -> None:
        """Numbers may have longer prefixes than they need, none at all, or the type of a longer one."""
        peer = served(load(name), echo_root(load(name)), size=size)
        message = b"\x07\x00\x80" + b"\x1a\x00\x87" + b"\x05\x00\x85" + b"\x04\x82root"
        message += b"\x03\x00\x82all" + b"\x01\x00\x00\x81"
        arguments = b"\x07\x80\x0b\x87" + b"\x81" + b"\x00\x83" + b"\x05\x86" + b"\x07\x00\x85" + b"\x82" + b"\x80"
        peer.raw(message + arguments[:-1] + b"\x02\x80\x04\x82list" + b"\x00\x85" + b"\x01\x80\x05\x87")
        self.assertEqual(
            [[b"answer", 5, [b"list", [b"list", 0, 0, -5, 7, b"", [b"list", 0]], [b"dictionary"]]]], peer.heard()
        )

    @each(BOTH, SIZES)
    def test_many_in_one_piece(self, name: str, size: int | None) -> None:
        """Several messages in one piece are answered one by one, in order."""
        peer = served(load(name), echo_root(load(name)), size=size)
        peer.say(*(["message", number, "root", "all", 1, ["tuple", number], ["dictionary"]] for number in range(1, 6)))
        self.assertEqual([[b"answer", number] for number in range(1, 6)], [reply[:2] for reply in peer.heard()])

    @each(BOTH)
    def test_python_2_keywords(self, name: str) -> None:
        """Keywords that are bytes, as Python 2 sends them, are keywords; names of methods were bytes always."""
        peer = served(load(name), echo_root(load(name)))
        reply = peer.call("root", "all", keywords=[(b"name", b"Bob"), (b"number", 12)])
        self.assertEqual(
            [b"dictionary", [[b"unicode", b"name"], b"Bob"], [[b"unicode", b"number"], 12]], reply[2][2]
        )

    @each(BOTH)
    def test_arguments_in_a_list(self, name: str) -> None:
        """Arguments may be a list as well as a tuple."""
        peer = served(load(name), echo_root(load(name)))
        peer.say(["message", 1, "root", "all", 1, ["list", 1, b"two"], ["dictionary"]])
        self.assertEqual([[b"answer", 1, [b"list", [b"list", 1, b"two"], [b"dictionary"]]]], peer.heard())

    @each(BOTH)
    def test_mixed_keywords(self, name: str) -> None:
        """Keywords that are text are keywords."""
        peer = served(load(name), echo_root(load(name)))
        reply = peer.call("root", "all", keywords=[(text("name"), 1)])
        self.assertEqual([b"dictionary", [[b"unicode", b"name"], 1]], reply[2][2])

    def test_keywords_twice(self) -> None:
        """A keyword that is there as bytes and as text fails the call, and so does one that is neither."""
        peer = served(load(OURS), echo_root(load(OURS)))
        for number, keywords in enumerate(([(b"name", 1), (text("name"), 2)], [(5, 1)]), 1):
            reply = peer.call("root", "all", keywords=keywords)
            self.assertEqual([b"error", number], reply[:2])
            self.assertEqual(b"twisted.spread.jelly.InsecureJelly", state_of(reply[2])["type"])
        self.assertEqual(2, len(self.flushLoggedErrors()))

    @each(BOTH)
    def test_python_2_copies(self, name: str) -> None:
        """A copy whose attributes have names in bytes has attributes."""
        spread = load(name)
        spread.pb.setUnjellyableForClass("raw.Pond", type("Pond", (spread.pb.RemoteCopy,), {}))
        root = type("Root", (spread.pb.Root,), {"remote_frogs": lambda self, pond: pond.frogs})()
        peer = served(spread, root)
        reply = peer.call("root", "frogs", ["raw.Pond", ["dictionary", [b"frogs", 12]]])
        self.assertEqual([b"answer", 1, 12], reply)

    @each(BOTH)
    def test_reference(self, name: str) -> None:
        """A reference is a number; it is called by it, and gone after as many decrefs as it was handed out."""
        peer = served(load(name), echo_root(load(name)))
        self.assertEqual([b"answer", 1, [b"remote", 1]], peer.call("root", "new"))
        self.assertEqual([b"answer", 2, b"new"], peer.call(1, "who"))
        peer.say(["decref", 1])
        self.assertEqual([], peer.heard())
        reply = peer.call(1, "who")
        self.assertEqual([b"error", 3], reply[:2])
        self.assertEqual(b"twisted.spread.pb.Error", state_of(reply[2])["type"])

    @each(BOTH)
    def test_error(self, name: str) -> None:
        """An error names the type, the message, and the types that it is one of."""
        reply = served(load(name), echo_root(load(name))).call("root", "fail")
        state = state_of(reply[2])
        self.assertEqual(b"builtins.ValueError", state["type"])
        self.assertEqual([b"unicode", b"unexpected"], state["value"])
        self.assertEqual([b"unicode", b"builtins.ValueError"], state["parents"][1])
        self.assertEqual([b"unicode", b"Traceback unavailable\n"], state["traceback"])
        self.assertTrue(self.flushLoggedErrors(ValueError))

    @each(BOTH)
    def test_no_such_method(self, name: str) -> None:
        """A missing method is twisted.spread's NoSuchMethod by name."""
        reply = served(load(name), echo_root(load(name))).call("root", "absent")
        self.assertEqual(b"twisted.spread.flavors.NoSuchMethod", state_of(reply[2])["type"])
        self.flushLoggedErrors()

    @each(BOTH)
    def test_no_answer(self, name: str) -> None:
        """Where no answer is wanted there is none, not of an error either."""
        peer = served(load(name), echo_root(load(name)))
        self.assertEqual([], peer.call("root", "all", answer=0))
        self.assertEqual([], peer.call("root", "fail", answer=0))
        self.assertEqual([b"answer", 3], peer.call("root", "all")[:2])
        # What is neither nought nor one is as good as either.
        for wanted in ([], b"", 0.0):
            self.assertEqual([], peer.call("root", "all", answer=wanted))
        for number, wanted in enumerate(([0], [b"list", 0], b"0", 0.5, -1, 2**70), 7):
            self.assertEqual([b"answer", number], peer.call("root", "all", answer=wanted)[:2])
        self.flushLoggedErrors(ValueError)

    @each(BOTH)
    def test_client_object(self, name: str) -> None:
        """A reference that the client passes is called by its number, and dropped when nobody holds it."""
        spread = load(name)
        root = type("Root", (spread.pb.Root,), {"remote_up": lambda self, it: it.callRemote("up", 1)})()
        peer = served(spread, root)
        said = peer.call("root", "up", ["remote", 42])
        gc.collect()
        said += peer.heard()
        self.assertEqual([[b"message", 1, 42, b"up", 1, [b"tuple", 1], [b"dictionary"]], [b"decref", 42]], said)
        peer.say(["answer", 1, 2])
        self.assertEqual([[b"answer", 1, 2]], peer.heard())

    @each(BOTH)
    def test_cache(self, name: str) -> None:
        """A cache is sent once, then by number; told of changes; and uncached after as many decaches."""
        spread = load(name)
        observers: list[Any] = []

        def observe(self: Any, perspective: Any, observer: Any) -> Any:
            observers.append(observer)
            return {"level": 1}

        members = {"getTypeToCopy": lambda self: b"raw.Lake", "getStateToCacheAndObserveFor": observe}
        lake = type("Lake", (spread.pb.Cacheable,), members)()
        methods = {"remote_get": lambda self: lake, "remote_same": lambda self, it: it is lake}
        peer = served(spread, type("Root", (spread.pb.Root,), methods)())
        state = [b"dictionary", [[b"unicode", b"level"], 1]]
        self.assertEqual([b"answer", 1, [b"raw.Lake", 1, state]], peer.call("root", "get"))
        self.assertEqual([b"answer", 2, [b"cached", 1]], peer.call("root", "get"))
        told: list[Any] = []
        observers[0].callRemote("level", 2).addCallback(told.append)
        self.assertEqual([[b"cachemessage", 1, 1, b"level", 1, [b"tuple", 2], [b"dictionary"]]], peer.heard())
        peer.say(["answer", 1, text("thanks")])
        self.assertEqual(["thanks"], told)
        self.assertEqual([b"answer", 3, [b"boolean", b"true"]], peer.call("root", "same", ["lcache", 1]))
        peer.say(["decache", 1])
        self.assertEqual([], peer.heard())
        peer.say(["decache", 1])
        self.assertEqual([[b"uncache", 1]], peer.heard())

    @each(BOTH)
    def test_login(self, name: str) -> None:
        """A login is two calls: a challenge, and the response that proves the password; then there is an avatar."""
        spread = load(name)
        avatar = type("Citizen", (spread.pb.Avatar,), {"perspective_who": lambda self, *args: [b"citizen", *args]})

        @implementer(IRealm)
        class Realm:
            """Everybody is the same."""

            def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> Any:
                """A citizen."""
                return interfaces[0], avatar(), lambda: None

        checker = InMemoryUsernamePasswordDatabaseDontUse()
        checker.addUser(b"alice", b"wonderland")
        peer = served(spread, Portal(Realm(), [checker]))
        tag, challenge, challenger = peer.call("root", "login", b"alice")[2]
        self.assertEqual((b"tuple", [b"remote", 1]), (tag, challenger))
        reply = peer.call(1, "respond", response_to(challenge, b"wonderland"), ["None"])
        self.assertEqual([b"answer", 2, [b"remote", 2]], reply)
        self.assertEqual([b"answer", 3, [b"list", b"citizen", 7]], peer.call(2, "who", 7))


class ClientTests(Rows, SynchronousTestCase):
    """A raw server of a client."""

    def call(self, peer: RawPeer, root: Any, reply: Any) -> Any:
        """The client's call is given *reply*; what its Deferred comes to."""
        results: list[Any] = []
        root.callRemote("anything", 1).addBoth(results.append)
        ((kind, request, *rest),) = peer.heard()
        self.assertEqual((b"message", [b"root", b"anything", 1, [b"tuple", 1], [b"dictionary"]]), (kind, rest))
        peer.say([reply[0], request, *reply[1:]])
        self.assertEqual(1, len(results))
        return results[0]

    @each(BOTH, SIZES, ("pb", "none"))
    def test_answer(self, name: str, size: int | None, dialect: str) -> None:
        """An answer is understood however it is cut, in either dialect."""
        peer, root = serving(load(name), dialect, size)
        self.assertEqual((1, b"two", "three"), self.call(peer, root, ["answer", ["tuple", 1, b"two", text("three")]]))

    @each(BOTH)
    def test_python_2_text(self, name: str) -> None:
        """A Python 2 server's ``str`` arrives as bytes."""
        peer, root = serving(load(name))
        self.assertEqual({b"key": b"value"}, self.call(peer, root, ["answer", ["dictionary", [b"key", b"value"]]]))

    @each(BOTH)
    def test_error(self, name: str) -> None:
        """A failure with its parents can be checked by class and by name."""
        spread = load(name)
        peer, root = serving(spread)
        parents = ["list", text("builtins.KeyError"), text("builtins.LookupError")]
        failure = self.call(peer, root, ["error", self.failure(text, b"builtins.KeyError", "'k'", parents)])
        self.assertEqual((KeyError, "builtins.LookupError", None), (
            failure.check(KeyError), failure.check("builtins.LookupError"), failure.check(ValueError)
        ))
        self.assertEqual("'k'", failure.getErrorMessage())

    @staticmethod
    def failure(key: Any, kind: bytes, message: str, parents: Any = None) -> list[Any]:
        """A failure as a server sends it whose attributes' names are made by *key*."""
        state: dict[str, Any] = {"type": kind, "value": key(message), "traceback": key("Traceback unavailable\n")}
        state.update(tb=["None"], frames=["list"], stack=["list"], count=1)
        if parents is not None:
            state["parents"] = parents
        pairs = [[key(name), value] for name, value in state.items()]
        return ["twisted.spread.pb.CopyableFailure", ["dictionary", *pairs]]

    @each(("text", "bytes"), ("parents", "no parents"))
    def test_python_2_error(self, key: str, parents: str) -> None:
        """A failure as Python 2 sends it, with names in bytes, with or without its parents, fails the call."""
        peer, root = serving(load(OURS))
        make = text if key == "text" else str.encode
        given = ["list", b"exceptions.ValueError", b"exceptions.StandardError"] if parents == "parents" else None
        failure = self.call(peer, root, ["error", self.failure(make, b"exceptions.ValueError", "oops", given)])
        message = failure.getErrorMessage()
        self.assertEqual("oops", message.decode() if isinstance(message, bytes) else message)
        self.assertIn(failure.type, (b"exceptions.ValueError", "exceptions.ValueError"))
        self.assertEqual("exceptions.ValueError", failure.check("exceptions.ValueError"))
        self.assertIsNone(failure.check(KeyError))
        self.assertIn("oops", repr(failure) + str(failure.getTraceback()))

    @each(BOTH)
    def test_reference(self, name: str) -> None:
        """A reference is called by its number, and its number is given back when it is dropped."""
        peer, root = serving(load(name))
        reference = self.call(peer, root, ["answer", ["remote", 9]])
        reference.callRemote("up", pbanswer=False)
        self.assertEqual([[b"message", 2, 9, b"up", 0, [b"tuple"], [b"dictionary"]]], peer.heard())
        del reference
        gc.collect()
        self.assertEqual([[b"decref", 9]], peer.heard())

    @each(BOTH)
    def test_own_object(self, name: str) -> None:
        """The client's own object is called by the number that it was passed under, also with bytes for keywords."""
        spread = load(name)
        peer, root = serving(spread)
        mine = type("Mine", (spread.pb.Referenceable,), {"remote_up": lambda self, by: by + 1})()
        root.callRemote("take", mine)
        self.assertEqual([b"tuple", [b"remote", 1]], peer.heard()[0][5])
        self.assertEqual([b"answer", 1, 5], peer.call(1, "up", keywords=[(b"by", 4)]))

    @each(BOTH)
    def test_cache(self, name: str) -> None:
        """A cache is made, told of changes, and decached when it is dropped."""
        spread = load(name)
        members = {"observe_level": lambda self, level: setattr(self, "level", level)}
        spread.pb.setUnjellyableForClass("raw.Lake", type("Lake", (spread.pb.RemoteCache,), members))
        peer, root = serving(spread)
        lake = self.call(peer, root, ["answer", ["raw.Lake", 3, ["dictionary", [text("level"), 1]]]])
        peer.say(["cachemessage", 1, 3, "level", 1, ["tuple", 7], ["dictionary"]])
        self.assertEqual([[b"answer", 1, [b"None"]]], peer.heard())
        self.assertEqual(7, lake.level)
        del lake
        gc.collect()
        self.assertEqual([[b"decache", 3]], peer.heard())
        peer.say(["uncache", 3])
        self.assertEqual([], peer.heard())
