"""Values that no honest peer sends: as arguments of a call, and as the answer or error to one."""

from __future__ import annotations

import decimal
import gc
from typing import Any

from twisted.cred.credentials import UsernamePassword
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from spreadlite import flavors, jelly, pb, publish
from spreadlite.core.errors import InsecureJelly
from spreadlite.core.graph import Pending, shortened
from spreadlite.core.limits import Limits
from spreadlite.util import getAllPages
from tests.compat.rawcodec import pack
from tests.hostile.bench import ODD, Bench, logged
from tests.pairs import collected
from tests.vectors.rows import Rows, each

#: Every head that jelly knows, and some that it does not.
HEADS = (
    "None boolean unicode list tuple set frozenset dictionary datetime date time timedelta decimal reference dereference "
    "remote local cached lcache copy cache persistent unpersistable class module function method instance bytes "
    "hostile.Copied hostile.Cached hostile.Made os.system builtins.eval tests.hostile.bench.Echo "
    "twisted.spread.pb.CopyableFailure nonesuch"
).split()
BODIES: dict[str, list[Any]] = {
    "nothing": [],
    **{name: [odd] for name, odd in ODD.items()},
    **{f"{name} twice": [odd, odd] for name, odd in ODD.items()},
    **{f"an id and {name}": [1, odd] for name, odd in ODD.items()},
    "three": [1, 2, 3],
    "many": [1] * 300,
    "a pair": [["unicode", "a"], ["unicode", "b"]],
    "pairs": [[["unicode", "a"], 1], [["unicode", "a"], 2]],
    "wrong pairs": [[1], [1, 2, 3], []],
    "unhashable": [[["list"], 1]],
    "a name and code": [b"__init__", ["list"], ["class", "builtins.list"]],
    "text for a date": [b"2020 13 45 1 1 1 1"],
    "digits for a date": [b"9" * 190],
    "floats for a date": [b"1.5 2 3"],
    "itself": [["dereference", 1]],
    "an id for itself": [1, ["dereference", 1]],
}


class Published(publish.RemotePublished):
    """What is published over there."""


class Copied(flavors.RemoteCopy):
    """A copy."""

    seen: list[Any] = []

    def setCopyableState(self, state: Any) -> None:
        """Keep account of what was given."""
        self.seen.append(state)
        super().setCopyableState(state)

    def method(self) -> str:
        """Not to be replaced."""
        return "mine"


class Plain(flavors.RemoteCopy):
    """A copy that does nothing of its own."""


class Cached(flavors.RemoteCache):
    """A cache."""


def made(state: Any) -> Any:
    """What a factory makes."""
    return ("made", state)


class ValueCase(SynchronousTestCase):
    """Has the classes registered."""

    def setUp(self) -> None:
        tags = (b"hostile.Copied", b"hostile.Plain", b"hostile.Cached", b"hostile.Published", b"hostile.Made")
        before = dict(jelly.globalSecurity.allowedTypes)
        flavors.setUnjellyableForClass("hostile.Copied", Copied)
        flavors.setUnjellyableForClass("hostile.Cached", Cached)
        flavors.setUnjellyableForClass("hostile.Plain", Plain)
        flavors.setUnjellyableForClass("hostile.Published", Published)
        flavors.setUnjellyableFactoryForClass("hostile.Made", made)

        def undo() -> None:
            for tag in tags:
                jelly.unjellyableRegistry.pop(tag, None)
                jelly.unjellyableFactoryRegistry.pop(tag, None)
            jelly.globalSecurity.allowedTypes.clear()
            jelly.globalSecurity.allowedTypes.update(before)

        self.addCleanup(undo)
        Copied.seen = []


def placeholders(value: Any, depth: int = 0) -> bool:
    """Whether something of the unjellier's own is in *value*."""
    if isinstance(value, Pending):
        return True
    if depth > 20:
        return False
    if isinstance(value, dict):
        return any(placeholders(part, depth + 1) for pair in value.items() for part in pair)
    if isinstance(value, (list, tuple, set, frozenset)):
        return any(placeholders(part, depth + 1) for part in value)
    return isinstance(value, (Copied, Cached)) and placeholders(vars(value), depth + 1)


def dag(kind: str, levels: int, leaf: Any = 1) -> list[Any]:
    """A value of a few bytes a level whose parts, counted as often as they occur, are 2 ** levels."""
    value: Any = [kind, leaf, leaf]
    for number in range(1, levels):
        value = [kind, ["reference", number, value], ["dereference", number]]
    return value  # type: ignore[no-any-return]


def deep(kind: str, levels: int) -> list[Any]:
    """Values that are nested deeper than any of the lists that say so."""
    parts: list[Any] = [["reference", 1, [kind, 1]]]
    for number in range(1, levels):
        parts.append(["reference", number + 1, [kind, ["dereference", number]]])
    return ["list", *parts]


def sharing(copy: Any) -> list[Any]:
    """Many copies that have one state with many attributes."""
    state = ["dictionary", *[[["unicode", f"a{number}"], number] for number in range(3_000)]]
    return ["list", ["reference", 1, state], *map(copy, range(3_000))]


def again(what: str, when: str) -> list[Any]:
    """A long text, or a bytes, that a value has many times, each for a few bytes."""
    long: Any = b"x" * 100_000
    if what == "text":
        long = ["unicode", long]
    reference, dereference = ["reference", 1, long], ["dereference", 1]
    if what == "state of texts":
        reference = ["reference", 1, ["dictionary", *[[["unicode", f"a{number}"], long] for number in range(5)]]]
        dereference = ["hostile.Plain", dereference]
        if when != "as a value":
            # Late, it would be a copy that consists of what is still to come.
            when = "early"
    if when == "late":
        return ["list", *[dereference] * 1_000, reference]
    if when == "as a value":
        return ["list", reference, ["dictionary", *[[number, dereference] for number in range(1_000)]]]
    if when == "from a tuple":
        return ["tuple", *[["tuple", dereference]] * 1_000, reference]
    return ["list", reference, *[dereference] * 1_000]


MODULUS = 2**61 - 1
#: Values that cost more than they look.
COSTLY: dict[str, Any] = {
    "a key of shared tuples": ["dictionary", [dag("tuple", 60), 1]],
    "a member of shared tuples": ["set", dag("tuple", 60)],
    "a member of shared frozensets": ["frozenset", dag("frozenset", 60)],
    "a deep tuple": deep("tuple", 20_000),
    "a deep frozenset": deep("frozenset", 20_000),
    "one big tuple in many sets": [
        "list", ["reference", 1, ["tuple", *range(20_000)]], *[["set", ["dereference", 1]]] * 2_000,
    ],
    "keys that collide": ["dictionary", *[[k * MODULUS, 1] for k in range(1, 20_000)]],
    "negative keys that collide": ["set", *[-k * MODULUS for k in range(1, 20_000)]],
    "tuples that collide": ["set", *[["tuple", k * MODULUS] for k in range(1, 10_000)]],
    "frozensets that collide": ["set", *[["frozenset", k * MODULUS] for k in range(1, 10_000)]],
    "decimals that collide": ["set", *[["decimal", k * MODULUS, 0] for k in range(1, 10_000)]],
    "floats that collide": ["set", *[float(k * 2**61) for k in range(1, 10_000)], *[k * 2**61 for k in range(1, 10_000)]],
    "small sets that collide": ["list", *[["set", *[k * MODULUS for k in range(1, 250)]] for _ in range(40)]],
    "big equal parts in keys that collide": [
        "list",
        ["reference", 1, ["tuple", *range(30_000)]],
        ["reference", 2, ["tuple", *range(30_000)]],
        ["set", *[["tuple", ["dereference", 1 + k % 2], k * MODULUS] for k in range(1, 250)]],
    ],
    "late members that collide": [
        "list", ["set", *[["dereference", k] for k in range(1, 10_000)]],
        *[["reference", k, k * MODULUS] for k in range(1, 10_000)],
    ],
    "late keys that collide": [
        "list", ["dictionary", *[[["dereference", k], 1] for k in range(1, 10_000)]],
        *[["reference", k, k * MODULUS] for k in range(1, 10_000)],
    ],
    "a state of many copies": sharing(lambda number: ["hostile.Plain", ["dereference", 1]]),
    "a state of many copies, by other names": sharing(
        lambda number: ["hostile.Plain", ["reference", number + 2, ["dereference", 1]]]
    ),
    "a state of many copies with hooks": sharing(lambda number: ["hostile.Copied", ["dereference", 1]]),
    "a state of many caches": sharing(lambda number: ["hostile.Cached", number + 1, ["dereference", 1]]),
    "a state of many failures": sharing(
        lambda number: ["twisted.spread.pb.CopyableFailure", ["dereference", 1]]
    ),
    **{
        f"a {what} that is referred to {when}": again(what, when)
        for what in ("text", "string", "state of texts") for when in ("early", "late", "as a value", "from a tuple")
    },
    "a huge exponent": ["decimal", 1, 999_999_999_999_999_999],
    "an impossible exponent": ["decimal", 1, 2**440],
    "an impossible negative exponent": ["decimal", 1, -(2**440)],
}


class ArgumentTests(Rows, ValueCase):
    """A value as an argument, before and after a login, and of calls that a server makes."""

    @each(HEADS)
    def test_shapes(self, head: str) -> None:
        """Whatever stands after a head: the call is answered, the connection lives, and an application gets no place of a
        value, nothing half made, and nothing that was not allowed."""
        for role in ("bare", "user", "client"):
            bench = Bench(role)
            for name, body in BODIES.items():
                with self.subTest(name), logged() as written:
                    if role == "client":
                        bench.expect(bench.reference.callRemote("it"))
                        number = bench.peer.heard()[-1][1]
                        bench.peer.say(["answer", number, [head, *body]])
                        self.assertEqual(1, len(bench.fired[-1]))
                        result = bench.fired[-1][0]
                        self.assertFalse(placeholders(result))
                    else:
                        answer = bench.peer.call(bench.aim, "take", [head, *body])
                        replies = [answer] if answer and answer[0] in (b"answer", b"error") else answer
                        kinds = [reply[0] for reply in replies]
                        self.assertEqual(1, kinds.count(b"answer") + kinds.count(b"error"), answer)
                        self.assertFalse(set(kinds) - {b"answer", b"error", b"decref", b"decache"}, answer)
                    self.assertFalse(bench.ended, name)
                    self.assertLess(len(written.text), 10_000)
            self.assertFalse(placeholders(Copied.seen))
            self.assertFalse(placeholders(bench.root.seen))
            self.assertTrue(bench.others_are_served())
            self.flushLoggedErrors()
            bench.close()
            self.assertEqual([], bench.leftovers())
            gc.collect()

    @each(COSTLY)
    def test_costly(self, name: str) -> None:
        """A value that is dear to hash, to compare or to show costs no more than a few times what its bytes cost: the call
        is answered, and the connection lives."""
        data = pack(["message", 1, "root", "take", 1, ["tuple", COSTLY[name]], ["dictionary"]], True)
        for role in ("bare", "stranger"):
            bench = Bench(role)
            bench.peer.raw(data)
            heard = bench.peer.heard()
            self.assertEqual(1, len([reply for reply in heard if reply[0] in (b"answer", b"error")]))
            self.assertTrue(bench.others_are_served())
            bench.close()
            self.flushLoggedErrors()

    @each([name for name in COSTLY if name.startswith(("late", "a state", "a text", "a string"))])
    def test_refused(self, name: str) -> None:
        """What would cost the square of its bytes is refused: the call fails."""
        bench = Bench("bare")
        bench.peer.call("root", "take", COSTLY[name])
        self.assertEqual([], bench.root.seen)
        self.assertFalse(bench.ended)
        self.flushLoggedErrors(InsecureJelly)

    @each(("tuple", "list"), ("arguments", "keyword", "twice"))
    def test_shown(self, kind: str, where: str) -> None:
        """A value whose repr would never end is not shown in full: not when a method does not take it, nor in errors."""
        value = dag(kind, 25 if kind == "tuple" else 60)
        bench = Bench("bare", root=type("Root", (pb.Root,), {"remote_none": lambda self: None, "seen": []})())
        with logged() as written:
            answer = bench.peer.call(
                "root",
                "none",
                *([value] if where != "keyword" else []),
                keywords=[[["unicode", "it"], value]] if where == "keyword" else [],
            )
        self.assertEqual(b"error", answer[0])
        self.assertIn("didn't accept", written.text)
        self.assertLess(len(written.text), 10_000)
        self.flushLoggedErrors(TypeError)

    def test_text_of_an_exception(self) -> None:
        """An application may raise an exception that holds what a peer sent, whatever that is."""

        def fail(self: Any, it: Any) -> None:
            raise ValueError(it)

        bench = Bench("bare", root=type("Root", (pb.Root,), {"remote_fail": fail, "seen": []})())
        answer = bench.peer.call("root", "fail", dag("list", 60))
        self.assertEqual(b"error", answer[0])
        self.assertLess(len(pack(answer)), 5_000)
        self.flushLoggedErrors(ValueError)

    def test_nothing_unfinished_is_shown(self) -> None:
        """A copy gets its state when all that it refers to is there, and does not get it at all if something is not."""
        bench = Bench("bare")
        bad = ["list", ["hostile.Copied", ["dictionary", [["unicode", "x"], ["dereference", 9]]]]]
        self.assertEqual(b"error", bench.peer.call("root", "take", bad)[0])
        self.assertEqual([], Copied.seen)
        bench.peer.call("root", "take", ["list", bad[1], ["reference", 9, ["unicode", "late"]]])
        self.assertEqual([{"x": "late"}], Copied.seen)
        self.assertEqual("late", bench.root.seen[-1][0][0][0].x)
        self.flushLoggedErrors(InsecureJelly)

    def test_factory_of_the_unfinished(self) -> None:
        """A factory is not called with a state in which something is still to come."""
        bench = Bench("bare")
        state = ["dictionary", [["unicode", "x"], ["list", ["dereference", 9]]]]
        answer = bench.peer.call("root", "take", ["list", ["hostile.Made", state], ["reference", 9, ["unicode", "late"]]])
        self.assertEqual((b"error", []), (answer[0], bench.root.seen))
        self.flushLoggedErrors(InsecureJelly)

    @each(("method", "setCopyableState", "unjellyFor", "jellyFor", "processUniqueID"))
    def test_methods_stay(self, name: str) -> None:
        """Data that a peer sends does not take a method's place: the call fails."""
        bench = Bench("bare")
        state = ["dictionary", [["unicode", "x"], 1], [["unicode", name], 5]]
        for tag in ("hostile.Copied", "hostile.Cached"):
            sexp = [tag, 3, state] if tag.endswith("Cached") else [tag, state]
            if name in dir(Cached if tag.endswith("Cached") else Copied):
                self.assertEqual(b"error", bench.peer.call("root", "take", sexp)[0][0:1] and b"error")
        self.assertEqual([], bench.root.seen)
        self.flushLoggedErrors(InsecureJelly)

    @each(("callWhenActivated", "activated", "getFileName"))
    def test_methods_of_what_is_published_stay(self, name: str) -> None:
        """Neither the state of a published object, nor that for which it asks, puts a value in a method's place."""
        honest = {"publishedID": b"x", "perspective": b"p", "service": b"hostile", "timestamp": 1}

        def pairs(state: dict[str, Any]) -> list[Any]:
            return ["dictionary", *([["unicode", key], value] for key, value in state.items())]

        bench = Bench("bare")
        first = pairs({**honest, "remote": ["remote", 3]})
        self.assertEqual(
            b"error", bench.peer.call("root", "take", ["hostile.Published", 4, [*first, [["unicode", name], 1]]])[-1][0]
        )
        self.assertEqual([], bench.root.seen)
        asked = bench.peer.call("root", "take", ["hostile.Published", 5, first])[0]
        self.assertEqual(b"getStateToPublish", asked[3])
        bench.peer.say(["answer", asked[1], pairs({name: 1})])
        (published,), _ = bench.root.seen[0]
        self.assertNotIn(name, vars(published))
        self.assertFalse(published.isActivated)
        self.flushLoggedErrors(InsecureJelly)

    def test_unpersistable(self) -> None:
        """What an honest peer sends in the place of an object of an unregistered type arrives as an `Unpersistable`, as
        from twisted.spread; its text is bounded, and shown without controls."""
        bench = Bench("bare")
        bench.peer.call("root", "take", ["unpersistable", b"instance of class it.It deemed insecure"])
        honest = bench.root.seen[-1][0][0]
        self.assertEqual("Unpersistable data: b'instance of class it.It deemed insecure'", honest.reason)
        for odd in (b"\x1b[2J\xe2\x80\xae" * 100_000, dag("list", 60)):
            bench.peer.call("root", "take", ["unpersistable", odd])
            found = bench.root.seen[-1][0][0]
            self.assertLess(len(found.reason), 1_100)
            self.assertTrue(repr(found).isprintable())


class SharedStateTests(Rows, ValueCase):
    """Copies that have one state."""

    @each(("hostile.Plain", "hostile.Copied", "hostile.Cached"))
    def test_honest(self, tag: str) -> None:
        """A thousand objects of an honest peer may share their few attributes, and a large one may have a name."""
        few = ["dictionary", *[[["unicode", f"a{number}"], number] for number in range(10)]]
        many = ["dictionary", *[[["unicode", f"a{number}"], number] for number in range(20_000)]]

        def copy(number: int, state: Any) -> list[Any]:
            return [tag, number, state] if tag == "hostile.Cached" else [tag, state]

        bench = Bench("bare")
        bench.peer.call(
            "root", "take", ["reference", 1, few], *[copy(number, ["dereference", 1]) for number in range(1, 1000)],
            copy(1000, ["reference", 2, many]), ["dereference", 2],
        )
        (args, _) = bench.root.seen[0]
        self.assertEqual((1002, args[0]["a9"]), (len(args), args[500].a9))
        self.assertEqual(19_999, args[1000].a19999)


class CacheTests(Rows, ValueCase):
    """Caches that a peer has this side keep."""

    GOOD = ["hostile.Cached", 7, ["dictionary", [["unicode", "x"], 1]]]
    BAD = ["hostile.Cached", 7, ["dictionary", [["unicode", "x"], ["nonesuch"]]]]

    def test_half_made(self) -> None:
        """A cache whose state cannot be read is not to be had; its owner is told that it is not held, may say so in its
        turn, and the id is free then."""
        bench = Bench("bare")
        replies = bench.peer.call("root", "take", self.BAD)
        self.assertEqual([b"decache", b"error"], sorted(reply[0] for reply in replies))
        self.assertIn([b"decache", 7], replies)
        replies = bench.peer.call("root", "take", ["cached", 7])
        self.assertIn([b"decache", 7], replies)
        answer = bench.peer.call("root", "take", self.GOOD)
        self.assertEqual(b"error", answer[0])
        bench.peer.say(["uncache", 7])
        self.assertFalse(bench.ended)
        self.assertEqual([], bench.root.seen)
        self.assertEqual(b"answer", bench.peer.call("root", "take", self.GOOD)[0])
        self.assertEqual(1, bench.root.seen[-1][0][0].x)
        self.flushLoggedErrors(InsecureJelly)

    def test_number(self) -> None:
        """Four times `Limits.references` caches are kept; one more fails its call, and the connection lives."""
        bench = Bench("bare", limits=Limits(references=2))
        for number in range(8):
            answer = bench.peer.call("root", "take", ["hostile.Cached", number, ["dictionary"]])
            self.assertEqual(b"answer", answer[0])
        answer = bench.peer.call("root", "take", ["hostile.Cached", 8, ["dictionary"]])
        self.assertEqual(b"error", answer[0])
        self.assertFalse(bench.ended)
        self.flushLoggedErrors(InsecureJelly)

    def test_bytes(self) -> None:
        """`Limits.cache_bytes` of states are kept; one more byte fails its call; what is let go of counts no more."""
        # A list of two, with the word; a string; twice.
        state = ["list", b"x" * 1000]
        size = 56 + 32 + 4 + 32 + 1000
        cached = [["hostile.Cached", number, ["dictionary", [["unicode", "x"], state]]] for number in range(4)]
        weight = 56 + 32 + 10 + 56 + 56 + 32 + 7 + 32 + 1 + size
        bench = Bench("bare", limits=Limits(cache_bytes=2 * weight))
        for number in (0, 1):
            self.assertEqual(b"answer", bench.peer.call("root", "take", cached[number])[0])
        replies = bench.peer.call("root", "take", cached[2])
        self.assertIn(b"error", [reply[0] for reply in replies])
        bench.peer.say(["uncache", 0], ["uncache", 2])
        self.assertEqual(b"answer", bench.peer.call("root", "take", cached[3])[0])
        self.flushLoggedErrors(InsecureJelly)

    def test_another_with_its_id(self) -> None:
        """A second cache with an id that is in use fails its call, and does not let go of the first."""
        bench = Bench("bare")
        bench.peer.call("root", "take", self.GOOD)
        answer = bench.peer.call("root", "take", self.GOOD)
        self.assertEqual(b"error", answer[0])
        self.assertEqual(b"answer", bench.peer.call("root", "take", ["cached", 7])[0])
        self.flushLoggedErrors(InsecureJelly)

    def test_stranger(self) -> None:
        """Before a login, caches may take no more than `Limits.login_expression_bytes` in all."""
        bench = Bench("stranger", limits=Limits(login_expression_bytes=3000))
        big = ["dictionary", [["unicode", "x"], b"x" * 1000]]
        for number in range(6):
            bench.peer.call("root", "loginAnonymous", ["hostile.Cached", number, big])
        self.assertLess(bench.broker._cachedBytes, 3001)
        self.flushLoggedErrors()


class AnswerTests(Rows, ValueCase):
    """What a server says to a call of ours."""

    @each(COSTLY)
    def test_costly(self, name: str) -> None:
        """A call whose answer is dear gets its outcome at once, and the next one is served."""
        for kind in ("answer", "error"):
            bench = Bench("client")
            bench.peer.say([kind, 1, COSTLY[name]], ["answer", 2, 5])
            self.assertEqual(1, len(bench.fired[1]))
            self.assertEqual([5], bench.fired[2])

    @each(ODD, ("type", "value", "traceback", "parents", "frames", "stack", "tb", "count", "check", "cleanFailure"))
    def test_failures(self, odd: str, attribute: str) -> None:
        """A failure with odd attributes: the call fails, once, and its failure can be shown, trapped and forgotten."""
        bench = Bench("client")
        state = {"type": b"some.Error", "value": ["unicode", "text"], "parents": ["list", ["unicode", "some.Error"]]}
        state[attribute] = ODD[odd]
        pairs = [[["unicode", key], value] for key, value in state.items()]
        with logged() as written:
            bench.peer.say(["error", 1, ["twisted.spread.pb.CopyableFailure", ["dictionary", *pairs]]])
            (failure,) = bench.fired[1]
            self.assertIsInstance(failure, Failure)
            self.assertIsInstance(repr(failure) + failure.getErrorMessage() + failure.getTraceback(), str)
            self.assertIs(None, failure.check(KeyError))
            failure.cleanFailure()
            # Nobody takes care of this one.
            bench.peer.say(["error", 2, ["twisted.spread.pb.CopyableFailure", ["dictionary", *pairs]]])
            bench.fired[2].clear()
            collected()
        self.assertFalse(bench.ended)
        self.assertLess(len(written.text), 10_000)
        self.flushLoggedErrors()

    def test_unhandled(self) -> None:
        """What Twisted logs of a failure that nobody takes care of is short, and has no controls in it."""
        bench = Bench("client")
        failed = bench.reference.callRemote("third")
        state = [[["unicode", "value"], ["unicode", "\x1b[2J\u202e" * 50_000]], [["unicode", "type"], b"a\x1b.B" * 100]]
        with logged() as written:
            bench.peer.say(["error", 3, ["twisted.spread.pb.CopyableFailure", ["dictionary", *state]]])
            del failed
            collected()
        self.assertIn("Unhandled error in Deferred", written.text)
        self.assertLess(len(written.text), 40_000)
        self.assertNotIn("\x1b", written.text)
        self.flushLoggedErrors()

    @each(("nothing", "one", "three", "text", "no reference", "a copy"))
    def test_challenges(self, what: str) -> None:
        """A login with a server whose challenge is none fails, and says why."""
        bench = Bench("client")
        bench.expect(bench.factory.login(UsernamePassword(b"joe", b"secret")))
        challenge = {
            "nothing": ["None"],
            "one": ["tuple", b"x"],
            "three": ["tuple", b"x", b"y", b"z"],
            "text": ["tuple", ["unicode", "x"], ["remote", 1]],
            "no reference": ["tuple", b"x", b"y"],
            "a copy": ["tuple", b"x", ["hostile.Copied", ["dictionary"]]],
        }[what]
        bench.peer.say(["answer", 3, challenge])
        (failure,) = bench.fired[-1]
        self.assertTrue(failure.check(InsecureJelly), failure)
        self.assertNotIn(b"secret", bench.peer.pipe.out)


class PageTests(SynchronousTestCase):
    """Pages that a server sends."""

    def test_after_the_last(self) -> None:
        """`getAllPages` has its pages once; what is sent after the last is not kept."""
        bench = Bench("client")
        pages = bench.expect(getAllPages(bench.reference, "pages"))
        (request,) = [said for said in bench.peer.heard() if said[0] == b"message" and said[3] == b"pages"]
        collector = request[5][1][1]
        bench.peer.say(["answer", request[1], ["None"]])
        for _ in range(3):
            bench.peer.call(collector, "gotPage", b"page", answer=0)
            bench.peer.call(collector, "endedPaging", answer=0)
        self.assertEqual([[b"page"]], pages)
        self.assertFalse(bench.ended)


class ShownTests(SynchronousTestCase):
    """How a value is shown in messages."""

    def test_as_repr(self) -> None:
        """What is short is shown as by repr()."""
        values = [
            [], (), {}, set(), frozenset(), (1,), [1, (2, [3])], {"a": [1], b"b": (1, 2)}, {1}, frozenset([2]), "it's",
            b"\xff", None, True, 1.5, decimal.Decimal("1.50"), [[], {}, ()], {"x": {"y": {"z": None}}},
        ]  # fmt: skip
        for value in values:
            self.assertEqual(repr(value), shortened(value))

    def test_cut(self) -> None:
        """What is long is cut, with no more looked at than is shown."""
        nested: Any = []
        for _ in range(200):
            nested = [nested, nested]
        for value in (nested, "x" * 10**6, b"x" * 10**6, list(range(10**6)), {1: nested}, (nested,) * 10):
            self.assertEqual(101, len(shortened(value)), repr(shortened(value)))
