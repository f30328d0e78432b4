"""References, many at a time: what the compiled codec does for those that are stock is what the Python does."""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from spreadlite import pb
from spreadlite.core import codec, graph
from spreadlite.core.errors import BananaError
from spreadlite.core.policy import DummySecurityOptions
from spreadlite.core.tables import Local, Registrations
from tests.vectors.rows import Rows, each

ALL = DummySecurityOptions()
LOCAL = ("object", "perspective", "puid", "refcount")


class Part(pb.Referenceable):
    """An object that stays here."""


class Slotted(pb.Referenceable):
    """One with a slot."""

    __slots__ = ("slot",)


class Proxy(pb.Referenceable):
    """One of several that stand for the same."""

    def processUniqueID(self) -> Any:
        return "the same"


class Asking(Part):
    """One whose methods are found by a function of its own."""

    asked: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if name in ("jellyFor", "processUniqueID"):
            Asking.asked.append(name)
        return super().__getattribute__(name)


class Hooked(pb.Referenceable):
    """One that registers others as it is sent."""

    def jellyFor(self, jellier: Any) -> Any:
        others = [jellier.invoker.registerReference(Part()) for _ in range(3)]
        return [b"remote", jellier.invoker.registerReference(self), others]


class Leaving(pb.Copyable):
    """A copy whose connection goes as it is sent."""

    def getStateToCopyFor(self, perspective: Any) -> Any:
        self.broker.luids = None
        return {}


class Counting(pb.Broker):
    """A broker whose ids go by two."""

    def newLocalID(self) -> int:
        self.currentLocalID += 2
        return self.currentLocalID


class Registering(pb.Broker):
    """A broker that notes what it registers."""

    def registerReference(self, object: Any) -> Any:
        self.__dict__.setdefault("registered", []).append(object)
        return super().registerReference(object)


class Computed(pb.Broker):
    """A broker with a property in the place of an attribute."""

    @property
    def currentLocalID(self) -> int:  # type: ignore[override]
        return self.__dict__.get("count", 10)

    @currentLocalID.setter
    def currentLocalID(self, count: int) -> None:
        self.count = count * 2


class Elsewhere(pb.Broker):
    """A broker whose attributes are looked up by a function of its own."""

    def __getattribute__(self, name: str) -> Any:
        return object.__getattribute__(self, name)


def limited(broker: Any, most: Any) -> None:
    """The peer may hold so many references."""
    broker.limits = SimpleNamespace(**{**vars(broker.limits), "references": most})


def own_method(name: str, broker: Any, objects: list[Any]) -> None:
    """A method of the broker's own, on this one alone."""
    method = getattr(broker, name)
    broker.asked = []

    def asked(*args: Any) -> Any:
        broker.asked.append(args)
        return method(*args)

    setattr(broker, name, asked)


def own_hook(name: str, hook: Any, broker: Any, objects: list[Any]) -> None:
    """A hook of one object's own."""
    setattr(objects[1], name, hook)


def by_hand(key: Any, local: Any, broker: Any, objects: list[Any]) -> None:
    """An application has put an object into the table, and its key."""
    broker.localObjects[key] = local(objects[0])
    broker.luids[id(objects[0])] = key


def setting(name: str, value: Any, broker: Any, objects: list[Any]) -> None:
    """An attribute of the broker's is assigned to."""
    setattr(broker, name, value() if callable(value) else value)


class NotedElsewhere:
    """What a program has in the place of `Registrations`."""

    def __init__(self) -> None:
        self.made: list[Any] = []


Prepare = Callable[[Any, list[Any]], object]

#: How a broker, and what is sent, differ from what is stock.
CASES: dict[str, tuple[type[pb.Broker], Callable[[], list[Any]], Prepare]] = {
    "stock": (pb.Broker, lambda: [Part() for _ in range(20)], lambda broker, objects: None),
    "twice": (pb.Broker, lambda: [Part()] * 3, lambda broker, objects: broker.registerReference(objects[0])),
    "of several kinds": (
        pb.Broker, lambda: [Part(), Slotted(), Proxy(), Proxy(), pb.Root(), Part(), pb.ViewPoint(1, 2), Asking()],
        lambda broker, objects: Asking.asked.clear(),
    ),
    "noted": (pb.Broker, lambda: [Part()] * 2 + [Part()], partial(setting, "_registrations", Registrations)),
    "noted elsewhere": (pb.Broker, lambda: [Part()], partial(setting, "_registrations", NotedElsewhere)),
    "a hook between": (pb.Broker, lambda: [Part(), Hooked(), Part(), Hooked()], lambda broker, objects: None),
    "gone meanwhile": (
        pb.Broker, lambda: [Part(), Leaving(), Part()], lambda broker, objects: setattr(objects[1], "broker", broker),
    ),
    "gone": (pb.Broker, lambda: [Part()], partial(setting, "luids", None)),
    "at the limit": (pb.Broker, lambda: [Part() for _ in range(4)], lambda broker, objects: limited(broker, 3)),
    "over the limit": (pb.Broker, lambda: [Part() for _ in range(5)], lambda broker, objects: limited(broker, 3)),
    "no limit": (pb.Broker, lambda: [Part() for _ in range(5)], lambda broker, objects: limited(broker, float("inf"))),
    "half a limit": (pb.Broker, lambda: [Part() for _ in range(5)], lambda broker, objects: limited(broker, 2.5)),
    "no number": (pb.Broker, lambda: [Part() for _ in range(5)], lambda broker, objects: limited(broker, float("nan"))),
    "not a number": (pb.Broker, lambda: [Part()], lambda broker, objects: limited(broker, "many")),
    "own ids": (Counting, lambda: [Part(), Part()], lambda broker, objects: None),
    "own ids of one": (pb.Broker, lambda: [Part(), Part()], partial(own_method, "newLocalID")),
    "own registration": (Registering, lambda: [Part(), Part()], lambda broker, objects: None),
    "own registration of one": (pb.Broker, lambda: [Part(), Part()], partial(own_method, "registerReference")),
    "a property": (Computed, lambda: [Part(), Part()], lambda broker, objects: None),
    "own lookup": (Elsewhere, lambda: [Part(), Part()], lambda broker, objects: None),
    "an id assigned": (pb.Broker, lambda: [Part(), Part()], partial(setting, "currentLocalID", 2**40)),
    "a huge id": (pb.Broker, lambda: [Part(), Part()], partial(setting, "currentLocalID", 2**70)),
    "a large id": (pb.Broker, lambda: [Part(), Part()], partial(setting, "currentLocalID", 2**63 - 2)),
    "a negative id": (pb.Broker, lambda: [Part(), Part()], partial(setting, "currentLocalID", -2)),
    "half an id": (pb.Broker, lambda: [Part(), Part()], partial(setting, "currentLocalID", 0.5)),
    "by hand": (pb.Broker, lambda: [Part(), Part()], partial(by_hand, 7, Local)),
    "by hand, by name": (pb.Broker, lambda: [Part(), Part()], partial(by_hand, b"name", Local)),
    "by hand, something else": (pb.Broker, lambda: [Part(), Part()], partial(by_hand, 7, lambda thing: thing)),
    "another mapping": (
        pb.Broker, lambda: [Part()], lambda broker, objects: setattr(broker._exports, "locals", OrderedDict()),
    ),
    "own key": (pb.Broker, lambda: [Part(), Part()], partial(own_hook, "processUniqueID", lambda: 5)),
    "own hook": (pb.Broker, lambda: [Part(), Part()], partial(own_hook, "jellyFor", lambda jellier: [b"remote", 99])),
    "a hook that fails": (pb.Broker, lambda: [Part(), Part()], partial(own_hook, "jellyFor", lambda jellier: 1 / 0)),
    "hooks that are no methods": (pb.Broker, lambda: [Part(), Part()], partial(own_hook, "jellyFor", 5)),
}  # fmt: skip


def state(broker: Any, objects: list[Any]) -> Any:
    """What a broker has registered, without the addresses of objects."""
    names = {id(each): f"object {number}" for number, each in reversed(list(enumerate(objects)))}

    def named(value: Any) -> Any:
        if isinstance(value, list):
            return [named(each) for each in value]
        if isinstance(value, pb.Referenceable):
            return names.get(id(value), type(value))
        return names.get(value, "an address" if value > 2**32 else value) if isinstance(value, int) else value

    noted = broker._registrations
    return {
        "locals": [
            (luid, type(local), *(named(getattr(local, name, None)) for name in LOCAL))
            for luid, local in broker._exports.locals.items()
        ],
        "ids": [(names.get(key, type(key)), luid) for key, luid in broker._exports.ids.items()],
        "last": str(broker.currentLocalID),
        "made": noted and [each if isinstance(each, (int, bytes)) else each is broker._exports for each in noted.made],
        "violations": broker.maxBrokerRefsViolations,
        "asked": [named(list(args)) for args in broker.__dict__.get("asked", ())],
        "registered": named(broker.__dict__.get("registered", [])),
    }


def packed(value: Any, taster: Any, store: Any, broker: Any) -> Any:
    """What `jelly` gives, by way of bytes."""
    return codec.expression_of(codec.pack(value, taster, broker))


class RegisteringTests(Rows, SynchronousTestCase):
    """Objects of ours that are sent: they are registered, and counted."""

    @each(CASES)
    def test_alike(self, name: str) -> None:
        """Both codecs give the same ids, keep the same tables, ask the same methods, and fail alike."""
        kind, make, prepare = CASES[name]
        found = []
        for jelly in (graph.jelly, codec.jelly, packed):
            broker, objects = kind(), make()
            broker.makeConnection(StringTransport())
            prepare(broker, objects)
            outcomes: list[Any] = []
            for value in (objects, tuple(objects), objects[0]):
                try:
                    outcomes.append(jelly(value, ALL, None, broker))
                except Exception as error:
                    outcomes.append((type(error), str(error)))
                outcomes.append(state(broker, objects))
            found.append((outcomes, list(Asking.asked)))
            Asking.asked.clear()
        self.assertEqual([found[0]] * 2, found[1:])

    def test_stock(self) -> None:
        """An object is given the next id, and counted once for each time that it is sent."""
        broker, objects = pb.Broker(), [Part(), Part()]
        broker._registrations = noted = Registrations()
        expression = codec.jelly([*objects, objects[0]], ALL, None, broker)
        self.assertEqual([b"list", [b"remote", 1], [b"remote", 2], [b"remote", 1]], expression)
        held = [(each.object, each.refcount) for each in broker.localObjects.values()]
        self.assertEqual([(objects[0], 2), (objects[1], 1)], held)
        self.assertEqual({id(objects[0]): 1, id(objects[1]): 2}, broker.luids)
        gone: list[Any] = []
        noted.take_back(lambda table, luid, local: gone.append((luid, local.object)))
        self.assertEqual([(2, objects[1]), (1, objects[0])], gone)

    def test_patched(self) -> None:
        """Methods that are put in the place of a class's are called from then on, until they are taken away again."""
        broker, asked = pb.Broker(), []
        codec.jelly([Part()], ALL, None, broker)
        for cls, name in (
            (pb.Broker, "registerReference"), (pb.Broker, "newLocalID"), (Part, "processUniqueID"),
            (pb.Serializable, "processUniqueID"), (pb.Referenceable, "jellyFor"),
        ):  # fmt: skip
            method = getattr(cls, name)

            def noted(self: Any, *args: Any, name: str = name, method: Any = method) -> Any:
                asked.append(name)
                return method(self, *args)

            patch = self.patch(cls, name, noted)
            for jelly in (graph.jelly, codec.jelly, packed):
                asked.clear()
                jelly([Part(), Part()], ALL, None, broker)
                self.assertEqual([name] * 2, asked)
            patch.restore()
            if cls is Part:
                del Part.processUniqueID
            codec.jelly([Part()], ALL, None, broker)
            self.assertEqual([name] * 2, asked)

    def test_collected_meanwhile(self) -> None:
        """A collection, and what finalizers do in its course, does not disturb the registering of many."""
        broker = pb.Broker()
        limited(broker, None)

        class Cycle:
            """Something that a collection finds."""

            def __init__(self) -> None:
                self.me = self

            def __del__(self) -> None:
                broker.registerReference(Part())

        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        self.patch(pb, "MAX_BROKER_REFS", 10**6)
        for jelly in (codec.jelly, packed):
            gc.set_threshold(10)
            objects = [Part() for _ in range(500)]
            for _ in range(300):
                Cycle()
            expression = jelly(objects, ALL, None, broker)
            gc.set_threshold(700)
            ids = [each[1] for each in expression[1:]]
            self.assertEqual(objects, [broker.localObjects[luid].object for luid in ids])
            self.assertEqual(ids, [broker.luids[id(each)] for each in objects])

    def test_too_large(self) -> None:
        """An id that the limit of prefixes does not let pass is refused where it is sent, by both."""
        found = []
        for jelly in (graph.jelly, codec.pack):
            broker = pb.Broker()
            broker.currentLocalID = 2**1000
            expression = jelly([Part()], ALL, None, broker) if jelly is graph.jelly else jelly([Part()], ALL, broker)
            found.append(str(self.assertRaises(BananaError, codec.encode, [expression], None)))
        self.assertEqual(found[0], found[1])
