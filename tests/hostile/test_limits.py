"""Each of `Limits`, as a server and as a client: what is exactly at it passes, and of one more comes what is documented.

Those of logins are in `tests.hostile.test_logins`, back-pressure is in `test_flow` and `test_tls`, the log in `test_log`.
"""

from __future__ import annotations

import gc
import sys
import time
from typing import Any

from twisted.cred.portal import Portal
from twisted.internet import defer, task
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from spreadlite import _flow, banana, flavors, jelly, pb
from spreadlite.core.errors import BananaError, InsecureJelly
from spreadlite.core.limits import ITEM_COST, LIST_COST, WORD_COST, Limits
from tests.compat.rawcodec import pack, unpack_all
from tests.hostile.bench import Bench, Echo, TimedPipe, logged, lose, understood, unhurried
from tests.hostile.lines import Joined
from tests.pairs import Pair
from tests.vectors.rows import Rows, each

SIDES = ("server", "client")
CUTS = {"whole": None, "byte_by_byte": 1}


def bench_of(side: str, limits: Limits, size: int | None = None, **options: Any) -> Bench:
    """A victim in that role, whom the peer can call: a client has given its object, which has the id 1."""
    bench = Bench("bare" if side == "server" else "client", limits=limits, size=size, **options)
    if side == "client":
        bench.expect(bench.reference.callRemote("object", bench.root))
        bench.peer.heard()
    return bench


def aim_of(side: str) -> Any:
    """What the peer calls."""
    return "root" if side == "server" else 1


def message(side: str, *args: Any) -> list[Any]:
    """A call of ``take``."""
    return ["message", 5, aim_of(side), "take", 1, ["tuple", *args], ["dictionary"]]


def cost(expression: Any) -> int:
    """What an expression takes while it is received, as is documented: 56 for a list, 32 for an item and its bytes, 8 for
    a word."""
    if isinstance(expression, list):
        return LIST_COST + sum(map(cost, expression))
    if isinstance(expression, str) and expression.encode() in banana.Banana.outgoingVocabulary:
        return WORD_COST
    return ITEM_COST + (len(expression) if isinstance(expression, (str, bytes)) else 0)


def kept(expression: Any) -> int:
    """What it takes when it is there: the same, but that nobody can tell words from other strings then."""
    if isinstance(expression, list):
        return LIST_COST + sum(map(kept, expression))
    return ITEM_COST + (len(expression) if isinstance(expression, (str, bytes)) else 0)


class MessageTests(Rows, SynchronousTestCase):
    """What one message may take."""

    @each(SIDES, CUTS)
    def test_expression_bytes(self, side: str, size: str) -> None:
        """`Limits.expression_bytes`: one more byte ends the connection."""
        room = 1_000 - cost(message(side, b""))
        for more, ends in ((0, False), (1, True)):
            bench = bench_of(side, Limits(expression_bytes=1_000), CUTS[size])
            with logged() as written:
                bench.peer.say(message(side, b"x" * (room + more)))
            self.assertEqual((ends, 1 - ends), (bench.ended, len(bench.root.seen)))
            self.assertEqual(int(ends), written.text.count("1000 bytes"), written.text)
            bench.close()
            self.assertEqual([], bench.leftovers())

    @each(SIDES)
    def test_expression_bytes_in_one_message(self, side: str) -> None:
        """The bound is for one message; any number of them may follow one another, also at once."""
        room = 1_000 - cost(message(side, b""))
        bench = bench_of(side, Limits(expression_bytes=1_000))
        bench.peer.say(*[message(side, b"x" * room)] * 20)
        self.assertEqual((False, 20), (bench.ended, len(bench.root.seen)))

    @each(SIDES, CUTS)
    def test_expression_depth(self, side: str, size: str) -> None:
        """`Limits.expression_depth`: one more list within lists ends the connection."""

        def nested(levels: int) -> Any:
            return ["list", nested(levels - 1)] if levels else ["list"]

        # The message, and its tuple of arguments, are lists too.
        for levels, ends in ((10 - 3, False), (10 - 2, True)):
            bench = bench_of(side, Limits(expression_depth=10), CUTS[size])
            bench.peer.say(message(side, nested(levels)))
            self.assertEqual((ends, 1 - ends), (bench.ended, len(bench.root.seen)))

    @each(SIDES)
    def test_depth(self, side: str) -> None:
        """`Limits.depth`: a call with arguments one value deeper fails, made by either side; the connection lives."""
        bench = bench_of(side, Limits(depth=10))
        for levels, kind in ((9, b"answer"), (10, b"error"), (9, b"answer")):
            value: Any = ["list"]
            for _ in range(levels - 1):
                value = ["list", value]
            self.assertEqual(kind, bench.peer.call(aim_of(side), "take", value)[0])
        self.assertFalse(bench.ended)
        self.assertEqual(2, len(bench.root.seen))
        joined = Joined(Echo(), limits=Limits(depth=10))
        aim = joined.root
        if side == "server":
            given: list[Any] = []
            self.patch(Echo, "remote_take", lambda self, it: given.append(it))
            joined.call("take", Echo())
            joined.flush()
            aim = given.pop()
            self.patch(Echo, "remote_take", lambda self, it: None)
        for levels, fails in ((9, False), (10, True)):
            value = []
            for _ in range(levels - 1):
                value = [value]
            result = joined.expect(aim.callRemote("take", value))
            joined.flush()
            self.assertEqual(fails, isinstance(result[0], Failure) and bool(result[0].check(BananaError)), result)
        self.assertEqual([1], [len(results) for results in joined.fired[-1:]])
        self.assertFalse(joined.client.disconnected or joined.server.disconnected)
        self.flushLoggedErrors(InsecureJelly)

    @each(("answer", "error"))
    def test_depth_of_answers(self, kind: str) -> None:
        """An answer or an error that is one value deeper fails its call; the connection lives, and the next is served."""
        for levels, fails in ((10, False), (11, True)):
            bench = Bench("client", limits=Limits(depth=10))
            value: Any = ["list"]
            for _ in range(levels - 1):
                value = ["list", value]
            bench.peer.say([kind, 1, value], ["answer", 2, 5])
            (result,) = bench.fired[1]
            self.assertEqual([5], bench.fired[2])
            if kind == "answer":
                self.assertEqual(fails, isinstance(result, Failure))
            self.assertEqual(fails, isinstance(result, Failure) and bool(result.check(InsecureJelly)))
            self.assertFalse(bench.ended)
            self.flushLoggedErrors()


class CountTests(Rows, SynchronousTestCase):
    """What there may be so many of on one connection."""

    @each(SIDES)
    def test_the_peers_calls(self, side: str) -> None:
        """`Limits.outstanding_calls` of the peer's calls may wait; one more fails; when one is answered there is room."""
        root = Echo()
        waiting: list[Any] = []
        root.remote_wait = lambda: waiting.append(defer.Deferred()) or waiting[-1]  # type: ignore[attr-defined,func-returns-value]
        bench = bench_of(side, Limits(outstanding_calls=3), root=root)
        for _ in range(3):
            self.assertEqual([], bench.peer.call(aim_of(side), "wait"))
        for _ in range(2):
            self.assertEqual(b"error", bench.peer.call(aim_of(side), "wait")[0])
        self.assertFalse(bench.ended)
        waiting[0].callback(None)
        bench.peer.heard()
        self.assertEqual([], bench.peer.call(aim_of(side), "wait"))
        self.assertEqual(4, len(waiting))

    def test_our_calls(self) -> None:
        """`Limits.outstanding_calls` of our own calls may wait, others than those that want no answer; one more fails with
        `pb.Error`, is not sent, and leaves nothing behind."""
        bench = Bench("client", limits=Limits(outstanding_calls=4))
        for _ in range(2):
            bench.expect(bench.reference.callRemote("it"))
        for _ in range(5):
            bench.reference.callRemote("it", pbanswer=False)
        bench.peer.heard()
        (failed,) = bench.expect(bench.reference.callRemote("it", pb.Referenceable()))
        self.assertTrue(failed.check(pb.Error))
        self.assertEqual(([], {}), (bench.peer.heard(), bench.broker.localObjects))
        bench.peer.say(["answer", 1, 5])
        bench.expect(bench.reference.callRemote("it"))
        self.assertEqual([b"message"], [said[0] for said in bench.peer.heard()])
        self.assertFalse(bench.ended)
        bench.close()
        self.assertEqual([], bench.leftovers())

    @each(SIDES, ("reference", "cache"))
    def test_references(self, side: str, kind: str) -> None:
        """`Limits.references`: a peer may hold so many objects, and have as many cached; one more where there is no root
        among them, as with twisted.spread.  A call for more fails, and leaves nothing; at the fourth the connection ends.
        There is room again when the peer lets go of some."""
        cls = pb.Referenceable if kind == "reference" else flavors.Cacheable
        root = Echo()
        root.remote_new = lambda: cls()  # type: ignore[attr-defined]
        bench = bench_of(side, Limits(references=4), root=root)
        # The object of the client that is called is one of them.
        most = 5 if kind == "cache" else 4
        for _ in range(most):
            self.assertEqual(b"answer", bench.peer.call(aim_of(side), "new")[0])
        table = bench.broker.localObjects if kind == "reference" else bench.broker.remotelyCachedObjects
        self.assertEqual(5, len(table))
        for _ in range(3):
            self.assertEqual(b"error", bench.peer.call(aim_of(side), "new")[0])
            self.assertEqual(5, len(table))
        last = max(table, key=lambda key: key if isinstance(key, int) else 0)
        bench.peer.say(["decref" if kind == "reference" else "decache", last])
        bench.peer.heard()
        self.assertEqual(b"answer", bench.peer.call(aim_of(side), "new")[0])
        self.assertFalse(bench.ended)
        bench.peer.call(aim_of(side), "new")
        self.assertTrue(bench.ended)
        bench.close()
        self.assertEqual([], bench.leftovers())

    @each(SIDES)
    def test_caches_kept(self, side: str) -> None:
        """Four times `Limits.references` of the peer's objects are cached, and `Limits.cache_bytes` of their states; one
        more fails its call, and there is room when the peer lets go of some."""
        understood(self, "limits.Cached", flavors.RemoteCache)
        state = ["dictionary", [["unicode", "x"], b"y" * 100]]
        for limits, most in ((Limits(references=2), 8), (Limits(cache_bytes=3 * kept(state)), 3)):
            bench = bench_of(side, limits)

            def cached(number: int, bench: Bench = bench) -> list[bytes]:
                replies = bench.peer.call(aim_of(side), "take", ["limits.Cached", number, state])
                return [reply[0] for reply in (replies if isinstance(replies[0], list) else [replies])]

            for number in range(most):
                self.assertEqual([b"answer"], cached(number))
            self.assertIn(b"error", cached(most))
            self.assertFalse(bench.ended)
            bench.peer.say(["uncache", 0])
            self.assertEqual([b"answer"], cached(most + 1))
            bench.root.seen.clear()
            bench.close()
            self.assertEqual([], [left for left in bench.leftovers() if "Deferred" not in left])
        self.flushLoggedErrors(InsecureJelly)

    def test_connections(self) -> None:
        """`Limits.connections` of a server may be open at one time; one more is closed at once with one line in the log,
        and when one has gone another is let in."""
        factory = pb.PBServerFactory(Echo(), limits=Limits(connections=2))
        open_ones = [factory.buildProtocol(None) for _ in range(2)]
        with logged() as written:
            self.assertIs(None, factory.buildProtocol("a peer"))
        self.assertEqual(["PB: a peer was not let in: there are 2 connections"], written.lines)
        for broker in open_ones:
            broker.makeConnection(TimedPipe(task.Clock()))
        lose(open_ones.pop())
        self.assertIsNot(None, last := factory.buildProtocol(None))
        self.assertIs(None, factory.buildProtocol(None))
        del last


class TimeTests(Rows, SynchronousTestCase):
    """Times, with a clock of the test's."""

    def connected(self, side: str, limits: Limits) -> tuple[Any, TimedPipe, task.Clock]:
        """A broker that has shaken hands."""
        clock = task.Clock()
        pipe = TimedPipe(clock)
        limits = unhurried(limits)
        factory: Any = pb.PBServerFactory(Echo(), limits=limits) if side == "server" else pb.PBClientFactory(limits=limits)
        broker = factory.buildProtocol(None)
        broker.makeConnection(pipe)
        broker.dataReceived((pack("pb") if side == "server" else pack(["pb"])) + pack(["version", 6], True))
        return broker, pipe, clock

    @each(SIDES)
    def test_idle(self, side: str) -> None:
        """`Limits.idle_seconds` of silence end the connection, with one line in the log; a word begins them anew."""
        broker, pipe, clock = self.connected(side, Limits(idle_seconds=10))
        clock.advance(9.9)
        broker.dataReceived(pack(["didNotUnderstand", "it"], True))
        clock.advance(9.9)
        self.assertFalse(pipe.disconnecting)
        with logged() as written:
            clock.advance(0.2)
        self.assertTrue(pipe.aborted)
        self.assertEqual(1, len(written.lines))
        lose(broker)
        self.assertEqual([], clock.getDelayedCalls())

    @each(SIDES)
    def test_negotiation_is_over(self, side: str) -> None:
        """`Limits.negotiation_seconds` have no bearing on a connection that has agreed on a dialect."""
        _, pipe, clock = self.connected(side, Limits(negotiation_seconds=10))
        clock.advance(1e6)
        self.assertFalse(pipe.disconnecting)
        self.assertEqual([], clock.getDelayedCalls())

    @each(SIDES)
    def test_last_word(self, side: str) -> None:
        """A peer has `Limits.negotiation_seconds` to read its last error, and to close; then it is cut off.  The log says
        once what for."""
        broker, pipe, clock = self.connected(side, Limits(negotiation_seconds=10, references=1))
        pipe.out = b""
        if side == "client":
            broker.callRemote = broker.remoteForName("root").callRemote("it", Echo())
        self.patch(Echo, "remote_take", lambda self: [pb.Referenceable() for _ in range(5)])
        with logged() as written:
            broker.dataReceived(pack(["message", 1, aim_of(side), "take", 1, ["tuple"], ["dictionary"]], True) * 4)
        # This transport takes nothing more once it is told to close; the reactor's would send the fourth.
        self.assertEqual(3, len([said for said in unpack_all(pipe.out) if said[0] == b"error"]))
        self.assertTrue(pipe.disconnecting)
        with logged() as later:
            clock.advance(9.9)
            self.assertFalse(pipe.aborted)
            clock.advance(0.2)
        self.assertTrue(pipe.aborted)
        self.assertEqual((1, []), (written.text.count("for the fourth time"), later.lines))
        if side == "client":
            broker.callRemote.addErrback(lambda reason: None)
            del broker.callRemote
        lose(broker)
        self.assertEqual([], clock.getDelayedCalls())

    @each((1, 2, 4))
    def test_slices(self, number: int) -> None:
        """`Limits.slice_seconds` of each turn belong to one connection; it is divided by the number of those that have
        more to do, so that whoever has little to do waits no longer when there are many of them."""
        now = 0.0

        class Time:
            """Goes on while a call is worked on, and only then."""

            @staticmethod
            def monotonic() -> float:
                """The time."""
                return now

        def take(self: Any) -> None:
            nonlocal now
            now += 1
            self.seen.append(now)

        self.patch(_flow, "time", Time)
        self.patch(pb, "time", Time)
        self.patch(Echo, "remote_take", take)
        class Turns(task.Clock):
            """What is to be done at once is done in the next turn, a second later."""

            def callLater(self, delay: float, *args: Any, **kw: Any) -> Any:
                """Later."""
                return super().callLater(max(delay, 1), *args, **kw)

        clock = Turns()
        root = Echo()
        factory = pb.PBServerFactory(root, limits=Limits(slice_seconds=12))
        data = pack(["message", 1, "root", "take", 0, ["tuple"], ["dictionary"]], True)
        brokers = []
        for _ in range(number):
            broker = factory.buildProtocol(None)
            broker.makeConnection(TimedPipe(clock))
            broker.dataReceived(pack("pb") + pack(["version", 6], True))
            brokers.append(broker)
        for broker in brokers:
            broker.dataReceived(data * 100)
        turns = []
        for _ in range(5):
            before = len(root.seen)
            clock.advance(1)
            turns.append(len(root.seen) - before)
        self.assertEqual([12] * 5, turns)
        for _ in range(100):
            clock.advance(1)
        self.assertEqual(100 * number, len(root.seen))
        for broker in brokers:
            lose(broker, ConnectionDone)
        self.assertEqual(set(), _flow._busy)

    def test_end_of_a_slice_and_of_a_connection(self) -> None:
        """Nothing is left to be done later of a connection that a called method has ended, where its slice is over too."""
        data = pack(["message", 1, "root", "take", 0, ["tuple"], ["dictionary"]], True)
        for end in (lose, lambda broker: broker._refuse("enough")):
            clock, root = task.Clock(), Echo()
            broker = pb.PBServerFactory(root, limits=Limits(slice_seconds=1e-9)).buildProtocol(None)
            broker.makeConnection(TimedPipe(clock))
            broker.dataReceived(pack("pb") + pack(["version", 6], True))
            clock.pump([0] * 5)

            def take(self: Any, broker: Any = broker, end: Any = end) -> None:
                self.seen.append(1)
                end(broker)

            self.patch(Echo, "remote_take", take)
            broker.dataReceived(data + data)
            self.assertEqual(([1], []), (root.seen, clock.getDelayedCalls()))

    def test_slices_of_each(self) -> None:
        """A slice is as long as `Limits.slice_seconds` of its own connection says, also where a method that it calls uses
        another connection, which has others, as more comes meanwhile, and the peer has much to read."""
        root, clock, brokers = Echo(), task.Clock(), []
        data = pack(["message", 1, "root", "take", 0, ["tuple"], ["dictionary"]], True)

        def take(self: Any) -> None:
            self.seen.append(len(self.seen))
            if len(self.seen) == 1:
                brokers[0].dataReceived(data * 99)
                waits.extend(broker.remoteForName("it").callRemote("it", b"x" * 99) for broker in brokers)

        waits: list[Any] = []
        self.patch(Echo, "remote_take", take)
        for seconds in (1e-9, 3600):
            broker = pb.PBServerFactory(root, limits=Limits(slice_seconds=seconds, unread_output=50)).buildProtocol(None)
            broker.makeConnection(TimedPipe(clock))
            broker.dataReceived(pack("pb") + pack(["version", 6], True))
            brokers.append(broker)
        clock.pump([0] * 5)
        brokers[0].dataReceived(data)
        self.assertLess(len(root.seen), 4)
        clock.pump([0] * 100)
        self.assertEqual(100, len(root.seen))
        for broker in brokers:
            lose(broker, ConnectionDone)
        for each_one in waits:
            self.failureResultOf(each_one, pb.PBConnectionLost)


def crowd(bits: int, filled: int, more: int) -> list[int]:
    """Numbers that crowd a dictionary of ``2 ** bits`` places, or a set: *filled* that have places of their own, one after
    the other in the order in which places are looked for, and *more* of which each has to pass by these."""
    mask = (1 << bits) - 1
    taken = bytearray(mask + 1)
    numbers = []
    place = 0
    for _ in range(filled):
        taken[place] = 1
        numbers.append(place)
        place = (5 * place + 1) & mask
    candidate = 0
    while len(numbers) < filled + more:
        candidate += mask + 1
        rest, place = candidate, 0
        while rest and taken[place]:
            rest >>= 5
            place = (5 * place + rest + 1) & mask
        if taken[place]:
            numbers.append(candidate)
    return numbers


class FixedTests(Rows, SynchronousTestCase):
    """Bounds that have no field."""

    @each(("set", "frozenset", "dictionary"))
    def test_collisions(self, kind: str) -> None:
        """No more than 64 keys or members of more than 256 have the same hash; whatever fewer than that have, passes."""
        modulus = 2**61 - 1

        def call(alike: int, others: int) -> bytes:
            numbers = [*[k * modulus for k in range(1, alike + 1)], *range(1, others + 1)]
            parts: list[Any] = [[number, 1] for number in numbers] if kind == "dictionary" else numbers
            bench = Bench("bare")
            answer: bytes = bench.peer.call("root", "take", [kind, *parts])[0]
            self.assertFalse(bench.ended)
            return answer

        self.assertEqual((b"answer", b"error"), (call(64, 200), call(65, 200)))
        self.assertEqual((b"answer", b"error"), (call(256, 0), call(257, 0)))
        self.flushLoggedErrors(InsecureJelly)

    @each(("set", "frozenset", "dictionary", "late set", "late dictionary"))
    def test_crowds(self, kind: str) -> None:
        """Keys that have hashes of their own, but are chosen so that each has to pass by most of the others, fail their
        call; keys and members of any other kind pass."""
        sets = kind.endswith("set")

        def call(keys: Any) -> bytes:
            keys = list(keys)
            which = [["dereference", number] for number in range(1, len(keys) + 1)] if kind.startswith("late") else keys
            values: list[Any] = [kind.split()[-1], *(which if sets else [[key, 1] for key in which])]
            if kind.startswith("late"):
                values = ["list", values, *[["reference", number, key] for number, key in enumerate(keys, 1)]]
            bench = Bench("bare")
            answer: bytes = bench.peer.call("root", "take", values)[0]
            self.assertFalse(bench.ended)
            return answer

        if not sets:
            self.assertEqual(b"error", call(crowd(13, 3_000, 1_900)))
        number = 3_000
        for keys in (
            range(number), range(-number, 0), [key << 20 for key in range(number)], [key << 48 for key in range(number)],
            [key / 1024 for key in range(number)], [1.7e9 + key / 1000 for key in range(number)],
            [(key % 50 << 32) + key // 50 for key in range(number)], [["tuple", key, key] for key in range(number)],
            [["unicode", str(key)] for key in range(number)],
        ):  # fmt: skip
            self.assertEqual(b"answer", call(keys))
        self.flushLoggedErrors(InsecureJelly)

    @each(("read", "met again", "not there"))
    def test_ids(self, what: str) -> None:
        """What a peer has for the ids by which a message refers to its own parts costs nothing: not if they share one
        hash, and not if they are as in `test_crowds`."""

        def spent(numbers: list[int]) -> float:
            parts: list[Any] = []
            if what != "not there":
                parts += [["reference", number, ["list"]] for number in numbers]
            if what != "read":
                parts += [["dereference", number] for number in numbers]
            data = pack(["message", 1, "root", "take", 1, ["tuple", ["list", *parts]], ["dictionary"]], True)
            expected = b"error" if what == "not there" else b"answer"
            times = []
            for _ in range(3):
                bench = Bench("bare")
                # What a collection takes depends on what other tests have left.
                gc.disable()
                start = time.thread_time()
                bench.peer.raw(data)
                times.append(time.thread_time() - start)
                gc.enable()
                self.assertEqual(expected, bench.peer.heard()[0][0])
            return min(times)

        # Else they would take some 40 to 400 times as long.
        usual = spent(list(range(1, 10_001)))
        self.assertLess(spent([number * (2**61 - 1) for number in range(1, 10_001)]) / usual, 10)
        self.assertLess(spent(crowd(14, 7_000, 2_000)) / usual, 10)
        self.flushLoggedErrors(InsecureJelly)

    def test_ids_of_caches(self) -> None:
        """An id under which this side is to cache an object is not so large that thousands could share a hash."""
        understood(self, "limits.Cache", flavors.RemoteCache)
        for number, expected in ((2**61 - 2, b"answer"), (2**61 - 1, b"error"), (2**62, b"error"), (-(2**61), b"error")):
            bench = Bench("bare")
            replies = bench.peer.call("root", "take", ["limits.Cache", number, ["dictionary"]])
            replies = replies if isinstance(replies[0], list) else [replies]
            self.assertIn(expected, [reply[0] for reply in replies])
            self.assertFalse(bench.ended)
        self.flushLoggedErrors(InsecureJelly)

    def test_names(self) -> None:
        """Of the names that peers and programs use (keys, methods, objects, tags, messages), some thousands are remembered
        at the most, however many there are."""

        def tables() -> dict[str, int]:
            return {
                f"{module}.{name}": len(table)
                for module, found in list(sys.modules.items())
                if module.startswith("spreadlite")
                for name, table in vars(found).items()
                if isinstance(table, (dict, set, list)) and not name.startswith("__")
            }

        class Anything(Echo):
            """Has whatever method is asked for, which calls back with a dictionary, and gives one."""

            def __getattr__(self, name: str) -> Any:
                if not name.startswith("remote_"):
                    raise AttributeError(name)
                return lambda other, *args: other.callRemote(name, {name: 1}) and {name: pb.Copyable()}

        bench = Bench("bare", root=Anything())
        before = tables()
        for number in range(6_000):
            name = f"name{number}"
            keys = ["dictionary", [["unicode", name], 1], [name.encode() + b"2", 2]]
            value = ["list", keys, [f"tests.nonesuch.{name}", ["dictionary"]]] if number % 8 == 0 else keys
            bench.peer.say(["message", 2 * number, "root", name, 1, ["tuple", ["remote", number], value], ["dictionary"]])
            if number % 8 == 0:
                bench.peer.say([name, 1])
                bench.broker.remoteForName(name).callRemote("it").addErrback(lambda reason: None)
            bench.peer.heard()
            jelly.unjelly(banana.decode(banana.encode(jelly.jelly({name: 1}))))
        for name, length in tables().items():
            self.assertLessEqual(length - before.get(name, 0), 4_000, name)
        self.flushLoggedErrors()

    def within(self, where: str, value: Any) -> Any:
        """*value*, held in some way."""
        return {
            "argument": value,
            "list": ["list", 1, value],
            "dictionary": ["dictionary", [1, value]],
            "copy": ["limits.Copied", ["dictionary", [["unicode", "x"], value]]],
            "copy that waits": [
                "list", ["limits.Copied", ["dictionary", [["unicode", "x"], ["list", value, ["dereference", 99]]]]],
                ["reference", 99, ["list"]],
            ],
        }[where]  # fmt: skip

    @each(("argument", "list", "dictionary", "copy", "copy that waits"))
    def test_members(self, where: str) -> None:
        """A tuple that refers to its own parts, wherever it is, may have some 67 million members, itself and its parts
        included; its call fails if it has more."""
        understood(self, "limits.Copied", flavors.RemoteCopy)
        for levels, expected in ((24, b"answer"), (26, b"error")):
            value: Any = ["tuple", 1, 2]
            for number in range(1, levels):
                value = ["tuple", ["reference", number, value], ["dereference", number]]
            bench = Bench("bare")
            self.assertEqual(expected, bench.peer.call("root", "take", self.within(where, value))[0])
            bench.root.seen.clear()
        # One that is flat, and another of which it is all parts.
        big, parts = ["reference", 1, ["tuple", *range(70_000)]], [["dereference", 1]] * 1_000
        bench = Bench("bare")
        self.assertEqual(b"error", bench.peer.call("root", "take", self.within(where, ["tuple", big, *parts]))[0])
        self.assertEqual(b"answer", bench.peer.call("root", "take", self.within(where, ["tuple", big, *parts[:900]]))[0])
        bench.root.seen.clear()
        self.flushLoggedErrors(InsecureJelly)


class Failing(pb.Root):
    """What fails."""

    def remote_now(self) -> None:
        """At once."""
        raise pb.Error("no")

    def remote_later(self) -> Any:
        """Later."""
        self.begun: defer.Deferred[None] = defer.Deferred()
        return self.begun


class UnanswerableTests(Rows, SynchronousTestCase):
    """Limits under which nothing can be said to a caller."""

    @each(("now", "later"))
    def test_no_error_can_be_sent(self, when: str) -> None:
        """A caller that cannot even be told that its call failed is not left waiting: its connection ends."""
        root = Failing()
        pair = Pair(serving=pb.PBServerFactory(root, limits=Limits(expression_depth=4)))
        outcomes: list[Any] = []
        pair.root.callRemote(when).addBoth(outcomes.append)
        with logged() as log:
            pair.flush()
            if when == "later":
                self.assertEqual([], outcomes)
                root.begun.errback(pb.Error("no"))
                pair.flush()
        self.assertEqual([True], [outcome.check(pb.PBConnectionLost) is not None for outcome in outcomes])
        self.assertIn("cannot be answered: lists nested more than 4 deep are not sent", log.text)
        self.flushLoggedErrors(BananaError)


class FactoryTests(Rows, SynchronousTestCase):
    """The limits that a factory is given."""

    @each((None, 3, {"depth": 100}, Limits))
    def test_wrong(self, limits: Any) -> None:
        """What is no `Limits` is a TypeError as the factory is made, not with each of its connections."""
        for make in (lambda: pb.PBServerFactory(Echo(), limits=limits), lambda: pb.PBClientFactory(limits=limits)):
            self.assertIn(repr(limits), str(self.assertRaises(TypeError, make)))


class KeepAliveTests(Rows, SynchronousTestCase):
    """``keepAlive``, which is off unless it is asked for."""

    @each((0, -1, float("nan"), float("inf"), True, "60", 2**31))
    def test_wrong(self, seconds: Any) -> None:
        """What is no number of seconds, or more than the system can be told, is a ValueError, in both factories."""
        for make in (lambda: pb.PBServerFactory(Echo(), keepAlive=seconds), lambda: pb.PBClientFactory(keepAlive=seconds)):
            self.assertIn(repr(seconds), str(self.assertRaises(ValueError, make)))

    def test_without(self) -> None:
        """A transport that has none, or not TCP, is left as it is."""
        for factory in (pb.PBServerFactory(Echo(), keepAlive=60), pb.PBClientFactory(keepAlive=60)):
            broker = factory.buildProtocol(None)
            broker.makeConnection(TimedPipe(task.Clock()))
            self.assertEqual((False, []), (bool(broker.disconnected), self.flushLoggedErrors()))


class FunctionTests(SynchronousTestCase):
    """`jelly` and `banana`, which take limits too."""

    def test_banana_decode(self) -> None:
        """`banana.decode` looks at ``expression_bytes`` and ``expression_depth``."""
        data = banana.encode([b"x" * 100, [1]])
        most = 2 * LIST_COST + 2 * ITEM_COST + 100
        self.assertEqual([b"x" * 100, [1]], banana.decode(data, limits=Limits(expression_bytes=most, expression_depth=2)))
        self.assertRaises(BananaError, banana.decode, data, limits=Limits(expression_bytes=most - 1))
        self.assertRaises(BananaError, banana.decode, data, limits=Limits(expression_depth=1))

    def test_jelly(self) -> None:
        """`jelly.jelly` and `jelly.unjelly` look at ``depth``."""
        for value in ([[1]], ([],), {1: {2: 3}}, [{b"x": 1}]):
            sexp = jelly.jelly(value, limits=Limits(depth=2))
            self.assertEqual(value, jelly.unjelly(sexp, limits=Limits(depth=2)))
            self.assertRaises(BananaError, jelly.jelly, value, limits=Limits(depth=1))
            self.assertRaises(InsecureJelly, jelly.unjelly, sexp, limits=Limits(depth=1))
        # What is a list on the wire is one more where it is read.
        for value in ("text", None, True):
            sexp = jelly.jelly([value], limits=Limits(depth=1))
            self.assertRaises(InsecureJelly, jelly.unjelly, sexp, limits=Limits(depth=1))
            self.assertEqual([value], jelly.unjelly(sexp, limits=Limits(depth=2)))

    def test_before_a_login(self) -> None:
        """A portal's peer has the stranger's bounds from its first byte on, and never more than others."""
        given = Limits(expression_bytes=50, login_expression_bytes=100, cache_bytes=70)
        limits = pb.PBServerFactory(Portal(None), limits=given).buildProtocol(None).limits
        self.assertEqual((50, 70), (limits.expression_bytes, limits.cache_bytes))
