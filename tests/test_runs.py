"""References, many at a time: what comes and goes in runs is taken as if it came one by one."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from spreadlite import banana, pb
from spreadlite.core import codec, wire
from spreadlite.core.errors import BananaError, InsecureJelly
from spreadlite.core.limits import Limits
from spreadlite.core.policy import SecurityOptions
from spreadlite.core.registry import Registry
from spreadlite.core.vocabulary import WORDS
from spreadlite.core.wire import encode, prefix
from tests.vectors.rows import Rows, each


def decrefs(*ids: Any) -> bytes:
    """Messages that let go of the objects with these ids."""
    return b"".join(encode([b"decref", luid], WORDS) for luid in ids)


class Ending(pb.Referenceable):
    """An object that does something as it ends."""

    def __init__(self, do: Callable[[], object]) -> None:
        self.do = do

    def __del__(self) -> None:
        self.do()


class Overriding(pb.Broker):
    """A broker that notes what is let go of."""

    def proto_decref(self, objectID: Any) -> None:
        self.__dict__.setdefault("noted", []).append(objectID)
        super().proto_decref(objectID)


def held_twice(broker: Any) -> None:
    for luid in (3, 4, 6):
        broker.localObjects[luid].refcount = 2


def by_hand(broker: Any) -> None:
    broker.localObjects[5] = pb.Local("by hand")
    broker.localObjects[6].refcount = 0
    broker.luids[broker.localObjects[7].puid] = 8


def waiting(broker: Any) -> None:
    broker.waitingForAnswers[70] = object()


def cleaned(broker: Any, at: Any, do: Callable[[Any], object]) -> None:
    for luid in at:
        broker._localCleanup[broker.localObjects[luid].puid] = lambda: do(broker)


def ended(broker: Any, at: int, do: Callable[[Any], object]) -> None:
    broker.localObjects[at].object = Ending(lambda: do(broker))


def lost(broker: Any) -> None:
    broker._connectionGone(RuntimeError("gone"))


#: How a broker differs from a stock one, of which nothing is asked meanwhile.
BROKERS: dict[str, tuple[type[pb.Broker], Callable[[Any], object]]] = {
    "stock": (pb.Broker, lambda broker: None),
    "overriding": (Overriding, lambda broker: None),
    "own method": (pb.Broker, lambda broker: setattr(broker, "proto_decref", lambda luid: None)),
    "held twice": (pb.Broker, held_twice),
    "by hand": (pb.Broker, by_hand),
    "waiting": (pb.Broker, waiting),
    "cleaned up": (pb.Broker, lambda broker: cleaned(broker, (2, 5), lambda broker: broker.sendCall(b"decref", 1))),
    "cleaned up badly": (pb.Broker, lambda broker: cleaned(broker, (3,), lambda broker: 1 / 0)),
    "parting": (pb.Broker, lambda broker: cleaned(broker, (3,), lambda broker: broker._part("enough"))),
    "refused": (pb.Broker, lambda broker: cleaned(broker, (3,), lambda broker: broker._refuse("enough"))),
    "gone": (pb.Broker, lambda broker: cleaned(broker, (3,), lost)),
    "an end that refuses": (pb.Broker, lambda broker: ended(broker, 3, lambda broker: broker._refuse("enough"))),
    "an end that parts": (pb.Broker, lambda broker: ended(broker, 3, lambda broker: broker._part("enough"))),
    "an end that lets go": (pb.Broker, lambda broker: ended(broker, 3, lambda broker: broker.localObjects.pop(4, None))),
    "an end that calls": (pb.Broker, lambda broker: ended(broker, 3, waiting)),
    "short prefixes": (pb.Broker, lambda broker: broker.setPrefixLimit(1)),
    "no prefixes of its own": (pb.Broker, lambda broker: broker.setPrefixLimit(None)),
    "little room": (pb.Broker, lambda broker: broker.useLimits(Limits(expression_bytes=90))),
    "no dialect": (pb.Broker, lambda broker: setattr(broker, "currentDialect", b"none")),
    "own words": (pb.Broker, lambda broker: setattr(broker, "incomingVocabulary", {29: b"decref", 30: b"version"})),
    "other words": (pb.Broker, lambda broker: setattr(broker, "incomingVocabulary", {29: b"version"})),
}  # fmt: skip

#: What the peer says.
SAID = {
    "all": decrefs(*range(1, 151)),
    "one": decrefs(7),
    "other order": decrefs(149, 5, 150, 127, 128, 129, 1, 2),
    "twice": decrefs(1, 2, 3, 3, 4, 5),
    "unknown": decrefs(1, 2, 3, 200, 4, 5),
    "large": decrefs(1, 2, 2**14, 2**21, 2**28, 2**35, 3),
    "negative": decrefs(1, 2, -3, 4),
    "a name": decrefs(1, 2, b"root", 4),
    "no id": decrefs(1, 2, [3], 4),
    "long spelling": decrefs(1, 2) + b"\x02\x80\x1d\x87\x03\x00\x81\x02\x80\x1d\x87\x04\x00\x00\x81" + decrefs(5, 6),
    "very long spelling": decrefs(1, 2) + b"\x02\x80\x1d\x87\x03" + bytes(63) + b"\x81" + decrefs(4),
    "no prefix": decrefs(1, 2) + b"\x02\x80\x1d\x87\x81" + decrefs(3),
    "as a string": decrefs(1, 2) + b"\x02\x80\x06\x82decref\x03\x81" + decrefs(4, 5),
    "a long int": decrefs(1, 2) + b"\x02\x80\x1d\x87\x03\x85" + decrefs(4, 5),
    "another message": decrefs(1, 2, 3) + encode([b"didNotUnderstand", b"x"], WORDS) + decrefs(4, 5, 6),
    "no message": decrefs(1, 2, 3) + encode(7, WORDS) + decrefs(4, 5, 6),
    "too many": decrefs(1, 2, 3) + encode([b"decref", 4, 5], WORDS) + decrefs(6, 7),
    "within": decrefs(1, 2) + encode([b"version", [[b"decref", 3], [b"decref", 4]]], WORDS) + decrefs(5),
    "cut": decrefs(*range(1, 20)) + b"\x02\x80\x1d\x87" + prefix(130)[:1],
}  # fmt: skip


class ReleasingTests(Rows, SynchronousTestCase):
    """The peer lets go of objects."""

    def release(self, name: str, said: bytes, size: int) -> Any:
        """What comes of it where so many bytes arrive at a time."""
        cls, prepare = BROKERS[name]
        broker: Any = cls()
        broker.factory = SimpleNamespace(clientConnectionMade=lambda broker: None, unsafeTracebacks=False)
        transport = StringTransport()
        broker.makeConnection(transport)
        broker.dataReceived(encode([b"pb"], None))
        transport.clear()
        objects = [pb.Referenceable() for _ in range(150)]
        for each_of in objects:
            broker.registerReference(each_of)
        names = dict(zip(map(id, objects), range(1, 151), strict=True))
        prepare(broker)
        for start in range(0, len(said), size):
            broker.dataReceived(said[start : start + size])
        left = {
            luid: (names.get(id(local.object), str(local.object)[:10]), local.refcount)
            for luid, local in (broker.localObjects or {}).items()
            if not isinstance(local.object, Ending)
        }
        known = {names.get(puid): luid for puid, luid in (broker.luids or {}).items()}
        late = {luid: names.get(id(found)) for luid, found in broker._justReleased.items()}
        cleanups = len(broker._localCleanup)
        errors = [failure.type for failure in self.flushLoggedErrors()]
        extra = broker.__dict__.get("noted"), broker._deaf, broker._parting, transport.disconnecting
        journal = str(getattr(broker._journal(), "_counts", None))
        for local in (broker.localObjects or {}).values():
            if isinstance(local.object, Ending):
                local.object.do = lambda: None
        return left, known, late, cleanups, errors, extra, journal, transport.value()

    @each(BROKERS)
    def test_alike(self, name: str) -> None:
        """Whether they come one by one or together, the same objects are let go of, the same is called, and the same
        peers are refused."""
        for what, said in SAID.items():
            expected = self.release(name, said, 1)
            for size in (7, 64, len(said)):
                self.assertEqual(expected, self.release(name, said, size), f"{what} in pieces of {size}")

    @each((1, 2**7 - 40, 2**14 - 70, 2**21 - 70, 2**28 - 70, 2**31 - 70))
    def test_digits(self, first: int) -> None:
        """However many digits an id has, its object is let go of, and those before one that nothing has."""
        for size in (1, 64, 10_000):
            broker: Any = pb.Broker()
            broker.transport = StringTransport()
            broker.currentDialect = b"pb"
            broker.currentLocalID = first - 1
            for _ in range(150):
                broker.registerReference(pb.Referenceable())
            said = decrefs(*range(first, first + 130), first + 150)
            for start in range(0, len(said), size):
                broker.dataReceived(said[start : start + size])
            self.assertEqual(list(range(first + 130, first + 150)), list(broker.localObjects))
            self.assertTrue(broker._deaf)

    def test_patched(self) -> None:
        """What `banana.SIZE_LIMIT` allows is asked for by an open connection too."""
        self.patch(banana, "SIZE_LIMIT", 1)
        for size in (1, 64):
            self.assertEqual(150, len(self.release("stock", SAID["all"], size)[0]))

    def test_in_order(self) -> None:
        """An object ends before the next is let go of."""
        seen: list[int] = []
        broker: Any = pb.Broker()
        broker.transport = StringTransport()
        broker.currentDialect = b"pb"
        for _ in range(30):
            broker.registerReference(Ending(lambda: seen.append(len(broker.localObjects))))
        broker.dataReceived(decrefs(*range(1, 31)))
        self.assertEqual(list(range(29, -1, -1)), seen)


#: Expressions with references in them.
REFERRED: dict[str, Any] = {
    "list": [b"answer", 1, [b"list", *([b"remote", luid] for luid in (1, 2, 127, 128, 129, 2**14, 2**21, 2**28, 2**40))]],
    "more digits": [b"x", *([[b"remote", each] for each in range(2**n - 9, 2**n + 9)] for n in (7, 14, 21))],
    "others between": [b"x", [[b"remote", 1], [b"remote", 2], 7, [b"remote", 3], [b"remote", b"name"], [b"remote", -1]]],
    "short lists": [[[b"remote", 1]], [[b"remote", 2], [b"remote", 3]], [b"remote", 4], [b"remote", 5], [b"remote"]],
    "top": [[b"remote", 1], [b"remote", 2]],
    "alone": [b"remote", 1],
    "pairs": [b"x", [b"dictionary", [[b"unicode", b"a"], [b"remote", 1]], [[b"unicode", b"b"], [b"remote", 2]]], 0],
    "within": [b"x", [[b"remote", [b"remote", 3]], [b"remote", 1, 2], [b"decref", 4], [b"remote", 4]], b"the end of it"],
}  # fmt: skip


class DecodingTests(Rows, SynchronousTestCase):
    """References in an expression."""

    @each(REFERRED, (False, True), (10_000, 700, 400, 250))
    def test_alike(self, name: str, shallow: bool, most: int) -> None:
        """The same comes of it, or the same is refused, however it is cut."""

        def outcome(size: int) -> Any:
            decoder = wire.Decoder(Limits(expression_bytes=most))
            decoder.shallow = shallow
            got = []
            for start in range(0, len(data), size):
                decoder.feed(data[start : start + size])
                try:
                    while (item := decoder.next(words)) is not wire.NEED_DATA:
                        # Which of its spellings a `Packed` has, depends on what was at hand.
                        got.append((wire.spelled_out(item), [type(part) for part in item]))
                except BananaError as error:
                    return str(error)
            return got

        data = encode(REFERRED[name], WORDS) * 2
        words = banana.Banana.incomingVocabulary
        expected = outcome(1)
        for size in (3, 20, len(data)):
            self.assertEqual(expected, outcome(size))


class Own(pb.RemoteReference):
    """A reference whose constructor is its own."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.made = True


class Posted(pb.RemoteReference):
    """A reference that wants to be told when all is there."""

    def postUnjelly(self) -> None:
        self.posted = True


class Wary(pb.RemoteReference):
    """A reference that looks at its attributes."""

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__.setdefault("order", []).append(name)
        super().__setattr__(name, value)


class Turning(pb.RemoteReference):
    """A reference that becomes something else."""

    def unjellyFor(self, unjellier: Any, unjellyList: Any) -> Any:
        return "turned", unjellyList[1]


class Counted(pb.Broker):
    """A broker that is asked for the perspective."""

    asked = 0

    @property
    def unserializingPerspective(self) -> Any:  # type: ignore[override]
        self.asked += 1
        return self.asked

    @unserializingPerspective.setter
    def unserializingPerspective(self, perspective: Any) -> None:
        pass


class ReadingTests(Rows, SynchronousTestCase):
    """References in a list."""

    @each({"stock": pb.RemoteReference, "own": Own, "posted": Posted, "wary": Wary, "turning": Turning, "none": None})
    def test_alike(self, name: str) -> None:
        """What is made of many is what is made of each."""
        kinds = {"own": Own, "posted": Posted, "wary": Wary, "turning": Turning, "none": None}
        registry = Registry()
        cls = kinds.get(name, pb.RemoteReference)
        if cls is not None:
            registry.classes[b"remote"] = cls
        for owner in (pb.Broker, Counted):
            for names in ((b"remote", b"list"), (b"list",)):
                seen: list[Any] = []
                for sexps in ([[b"list", [b"remote", 7], [b"remote", 8]]], [[b"remote", 7], [b"remote", 8]]):
                    taster = SecurityOptions()
                    taster.allowTypes(*names)
                    broker: Any = owner()
                    broker.sendDecRef = lambda luid: None
                    try:
                        made = [codec.unjelly(sexp, taster, None, broker, registry) for sexp in sexps]
                    except InsecureJelly as error:
                        seen.append(str(error))
                        continue
                    made = made[0] if len(sexps) == 1 else made
                    states = [{**getattr(one, "__dict__", {}), "broker": None} for one in made]
                    own = [getattr(one, "broker", broker) is broker for one in made]
                    seen.append(([type(one) for one in made], states, own))
                self.assertEqual(seen[1], seen[0])
