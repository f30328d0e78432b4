"""References, many at a time: what the compiled codec does for those that are stock is what the Python does."""

from __future__ import annotations

import gc
import inspect
import re
import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from threading import get_ident
from types import FunctionType, SimpleNamespace
from typing import Any
from unittest import mock

from twisted.internet import abstract, defer, reactor, task
from twisted.internet.testing import StringTransport
from twisted.python import threadable
from twisted.trial.unittest import SynchronousTestCase

from spreadlite import _flow, banana, jelly, pb
from spreadlite.core import codec, graph
from spreadlite.core.errors import BananaError
from spreadlite.core.policy import DummySecurityOptions
from spreadlite.core.registry import Registry
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
        lambda broker, objects: None,
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
        Asking.asked.clear()
        for jellied in (graph.jelly, codec.jelly, packed):
            broker, objects = kind(), make()
            broker.makeConnection(StringTransport())
            prepare(broker, objects)
            outcomes: list[Any] = []
            for value in (objects, tuple(objects), objects[0]):
                try:
                    outcomes.append(jellied(value, ALL, None, broker))
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
            for jellied in (graph.jelly, codec.jelly, packed):
                asked.clear()
                jellied([Part(), Part()], ALL, None, broker)
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
        for jellied in (codec.jelly, packed):
            gc.set_threshold(10)
            objects = [Part() for _ in range(500)]
            for _ in range(300):
                Cycle()
            expression = jellied(objects, ALL, None, broker)
            gc.set_threshold(700)
            ids = [each[1] for each in expression[1:]]
            self.assertEqual(objects, [broker.localObjects[luid].object for luid in ids])
            self.assertEqual(ids, [broker.luids[id(each)] for each in objects])
        # What is left of them is not to register anything where another test has less room.
        gc.collect()

    def test_too_large(self) -> None:
        """An id that the limit of prefixes does not let pass is refused where it is sent, by both."""
        found = []
        for jellied in (graph.jelly, codec.pack):
            broker = pb.Broker()
            broker.currentLocalID = 2**1000
            expression = jellied([Part()], ALL, *((None, broker) if jellied is graph.jelly else (broker,)))
            found.append(str(self.assertRaises(BananaError, codec.encode, [expression], None)))
        self.assertEqual(found[0], found[1])


class Initialised(pb.RemoteReference):
    """A reference with a constructor of its own."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.initialised = args[2:]


class Guarded(pb.RemoteReference):
    """A reference that is told of its attributes."""

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__[name] = value
        self.__dict__.setdefault("told", []).append(name)


class Kept(pb.RemoteReference):
    """A reference that keeps its id elsewhere."""

    @property
    def luid(self) -> Any:
        return self.kept

    @luid.setter
    def luid(self, luid: Any) -> None:
        self.kept = luid


class InSlots(pb.RemoteReference):
    """A reference with slots."""

    __slots__ = ("luid",)


class Posted(pb.RemoteReference):
    """A reference that does something when it is there."""

    def postUnjelly(self) -> None:
        self.posted = self.luid


class Without(pb.RemoteReference):
    """A reference that nobody is to be told by."""

    disconnectCallbacks = None


class Replaced(pb.RemoteReference):
    """A reference that is something else in the end."""

    def unjellyFor(self, unjellier: Any, jellyList: Any) -> Any:
        super().unjellyFor(unjellier, jellyList)
        return "replaced", self.luid


class Turning(jelly.Unjellyable):
    """What changes for whom its broker reads."""

    def unjellyFor(self, unjellier: Any, jellyList: Any) -> Any:
        unjellier.invoker.unserializingPerspective = jellyList[1]
        return "turned"


class Reader:
    """As much of a broker as references ask for; it notes what is asked."""

    unserializingPerspective: Any = "somebody"

    def sendDecRef(self, luid: Any) -> None:
        pass


class AskedReader(Reader):
    """One that makes out each time for whom it reads."""

    asked = 0

    @property
    def unserializingPerspective(self) -> Any:  # type: ignore[override]
        self.asked += 1
        return self.asked


REMOTE = [b"remote", 5]
#: What is read.
READ: dict[str, Any] = {
    "one": REMOTE,
    "many": [b"list", *([b"remote", number] for number in range(20))],
    "a name": [b"remote", b"root"],
    "more": [b"remote", 5, [b"list"], 6],
    "shared": [b"list", [b"reference", 1, REMOTE], [b"dereference", 1], [b"reference", 2, REMOTE], [b"dereference", 2]],
    "in what is not there yet": [b"reference", 1, [b"tuple", [b"dereference", 1], REMOTE, [b"reference", 2, REMOTE]]],
    "a key": [b"dictionary", [REMOTE, REMOTE]],
    "turning": [b"list", REMOTE, [b"turn", 1], REMOTE, [b"turn", 2], REMOTE, REMOTE],
    "no id": [b"remote"],
    **{f"the id {luid!r}": [b"remote", luid] for luid in (-1, 2**70, 0.5, [b"unicode", b"a"], [b"list"], [b"None"])},
}
KINDS = (pb.RemoteReference, Initialised, Guarded, Kept, InSlots, Posted, Without, Replaced)


class ReadingTests(Rows, SynchronousTestCase):
    """References to the peer's objects that arrive."""

    def look(self, value: Any, seen: dict[int, int]) -> Any:
        """What was read, with what is the same, and without its broker."""
        if id(value) in seen:
            return seen[id(value)]
        if isinstance(value, (list, tuple)):
            seen[id(value)] = len(seen)
            return [type(value), *(self.look(each, seen) for each in value)]
        if isinstance(value, dict):
            return [[self.look(each, seen) for each in pair] for pair in value.items()]
        if isinstance(value, pb.RemoteReference):
            seen[id(value)] = len(seen)
            attributes = [(name, each) for name, each in vars(value).items() if name != "broker"]
            return type(value), value.luid, value.perspective, value.doRefCount, attributes, value.disconnectCallbacks
        return value

    @each({kind.__name__: kind for kind in KINDS})
    def test_alike(self, name: str) -> None:
        """Both codecs make the same of them, whatever class stands for them."""
        registry = Registry()
        registry.classes.update(jelly.unjellyableRegistry)
        registry.classes.update({b"remote": {each.__name__: each for each in KINDS}[name], b"turn": Turning})
        for broker in (Reader, AskedReader, type(None)):
            for expression in READ.values():
                found = []
                for unjelly in (graph.unjelly, codec.unjelly):
                    reader = broker()
                    try:
                        outcome = self.look(unjelly(expression, ALL, None, reader, registry), {})
                    except Exception as error:
                        outcome = type(error), str(error)
                    found.append((outcome, getattr(reader, "asked", 0)))
                self.assertEqual(found[0], found[1], expression)

    def test_packed(self) -> None:
        """They are the same from bytes."""
        broker = pb.Broker()
        decoder = codec.Decoder()
        decoder.shallow = True
        decoder.feed(banana.encode([1, READ["many"]]))
        for reference in codec.unpack(decoder.next(None)[1], ALL, broker):
            self.assertIs(broker, reference.broker)
            self.assertEqual((pb.RemoteReference, None, 1), (type(reference), reference.perspective, reference.doRefCount))
            reference.doRefCount = 0

    def test_patched(self) -> None:
        """A constructor that is put in the place of RemoteReference's is called from then on."""
        asked: list[Any] = []
        init = pb.RemoteReference.__init__

        def noted(self: Any, *args: Any) -> None:
            asked.append(args[2])
            init(self, *args)

        for unjelly in (graph.unjelly, codec.unjelly):
            unjelly(REMOTE, ALL, None, Reader())
            patch = self.patch(pb.RemoteReference, "__init__", noted)
            unjelly(READ["many"], ALL, None, Reader())
            patch.restore()
            self.assertEqual(list(range(20)), asked)
            asked.clear()

    def test_callbacks(self) -> None:
        """Every reference has a list of callbacks of its own, which may be looked at, added to, and replaced."""
        first, second = graph.unjelly([b"list", REMOTE, REMOTE], ALL, None, Reader())
        self.assertEqual(([], []), (first.disconnectCallbacks, second.disconnectCallbacks))
        first.disconnectCallbacks.append(1)
        self.assertEqual(([1], []), (first.disconnectCallbacks, second.disconnectCallbacks))
        second.disconnectCallbacks = None
        self.assertIsNone(second.disconnectCallbacks)
        self.assertRaises(ValueError, graph.unjelly(REMOTE, ALL, None, Reader()).dontNotifyOnDisconnect, 1)


class Refusing(pb.Broker):
    """A broker that lets nothing go."""

    def sendDecRef(self, objectID: Any) -> None:
        self.__dict__.setdefault("refused", []).append(objectID)


class Noting(pb.Broker):
    """A broker that notes what it lets go of, and does as it always did."""

    def sendDecRef(self, objectID: Any) -> None:
        self.__dict__.setdefault("refused", []).append(objectID)
        super().sendDecRef(objectID)


class Failing(pb.Broker):
    """A broker that cannot let go."""

    def sendDecRef(self, objectID: Any) -> None:
        raise ZeroDivisionError


class Words(pb.Broker):
    """A broker with words of its own."""

    outgoingVocabulary = {**banana.Banana.outgoingVocabulary, b"decref": 99}


class Fading(pb.RemoteReference):
    """A reference that does something at its end."""

    def __del__(self) -> None:
        self.broker.faded = True
        super().__del__()


class Uncounted(pb.RemoteReference):
    """A reference that makes out whether it counts."""

    @property
    def doRefCount(self) -> Any:
        self.broker.asked_for_count = True
        return 1

    @doRefCount.setter
    def doRefCount(self, count: Any) -> None:
        pass


def patching(target: Any, name: str, value: Any) -> Callable[[Any, SynchronousTestCase], object]:
    """Something of a module's, or a class's, is replaced."""
    return lambda broker, test: test.patch(target, name, value)


def saying(broker: Any, *message: Any) -> None:
    """What is in the place of `Broker._say`."""
    broker.__dict__.setdefault("refused", []).append(message)


#: How a broker differs from one that is just reading and stock.
ENDS: dict[str, tuple[type[pb.Broker], Callable[[Any, Any], object]]] = {
    "stock": (pb.Broker, lambda broker, test: None),
    "own method": (Refusing, lambda broker, test: None),
    "own method that upcalls": (Noting, lambda broker, test: None),
    "own method that fails": (Failing, lambda broker, test: None),
    "method of this one": (pb.Broker, lambda broker, test: setattr(broker, "sendDecRef", partial(saying, broker))),
    "saying of this one": (pb.Broker, lambda broker, test: setattr(broker, "_say", partial(saying, broker))),
    "saying patched": (pb.Broker, patching(pb.Broker, "_say", saying)),
    "method patched": (pb.Broker, patching(pb.Broker, "sendDecRef", saying)),
    "own words": (Words, lambda broker, test: None),
    "words of this one": (pb.Broker, lambda broker, test: setattr(broker, "outgoingVocabulary", {b"decref": 70})),
    "words as symbols": (pb.Broker, lambda broker, test: broker.outgoingSymbols.update({b"decref": 71})),
    "words copied": (pb.Broker, lambda broker, test: broker.outgoingSymbols),
    "words of the class": (pb.Broker, patching(banana.Banana, "outgoingVocabulary", {b"decref": 72})),
    "another dialect": (pb.Broker, lambda broker, test: setattr(broker, "currentDialect", b"none")),
    "no dialect": (pb.Broker, lambda broker, test: setattr(broker, "currentDialect", None)),
    "deaf": (pb.Broker, lambda broker, test: setattr(broker, "_deaf", True)),
    "not reading": (pb.Broker, lambda broker, test: broker.__dict__.update(_stock=False, _receiving=False)),
    "no answer": (pb.Broker, lambda broker, test: setattr(broker, "_receiving", False)),
    "not gathering": (pb.Broker, lambda broker, test: setattr(broker._output, "gathering", False)),
    "gone": (pb.Broker, lambda broker, test: setattr(broker, "disconnected", 1)),
    "no thread": (pb.Broker, patching(threadable, "ioThread", None)),
    "another thread": (pb.Broker, patching(threadable, "ioThread", -5)),
    "short prefixes": (pb.Broker, lambda broker, test: broker.setPrefixLimit(2)),
    "no prefixes of its own": (pb.Broker, lambda broker, test: broker.setPrefixLimit(None)),
    "short strings": (pb.Broker, patching(banana, "SIZE_LIMIT", 1)),
    "shallow": (pb.Broker, lambda broker, test: setattr(broker, "limits", SimpleNamespace(expression_depth=0))),
    "little gathered": (pb.Broker, patching(_flow, "_GATHERED", 30)),
    "output patched": (pb.Broker, patching(_flow.Output, "write", lambda self, out, *args: out.write(args[0]))),
    "own output": (pb.Broker, lambda broker, test: setattr(broker, "_output", type("Own", (_flow.Output,), {})())),
}  # fmt: skip


class Reading:
    """A broker that is just reading."""

    def begin(self: Any, name: str) -> None:
        """Have one that differs from a stock one as `ENDS` says of *name*."""
        cls, prepare = ENDS[name]
        self.asked: list[Any] = []
        self.patch(threadable, "ioThread", get_ident())
        self.patch(reactor, "callFromThread", lambda function, *args: self.asked.append(args))
        self.broker: Any = cls()
        self.transport: Any = abstract.FileDescriptor(task.Clock())  # type: ignore[arg-type]
        self.transport.reactor.addWriter = lambda descriptor: None
        self.transport.connected = True
        self.out: list[bytes] = []
        self.transport.writeSomeData = lambda data: self.out.append(bytes(data)) or len(data)
        self.broker.transport = self.transport
        self.broker.currentDialect = b"pb"
        self.broker.setPrefixLimit(64)
        self.broker._stock = self.broker._receiving = True
        self.broker._output.gather(self.transport)
        prepare(self.broker, self)
        if name == "own output":
            self.broker._output.gather(self.transport)


class EndTests(Reading, Rows, SynchronousTestCase):
    """References that are collected: the peer is told."""

    def end(
        self,
        name: str,
        plain: bool,
        kind: Any = pb.RemoteReference,
        luids: Any = None,
        counts: Any = (1,),
        queued: bytes = b"",
    ) -> Any:
        """What comes of the end of several references, with what else is said between."""
        method = pb.RemoteReference.__dict__["__del__"]
        if plain:
            self.patch(pb.RemoteReference, "__del__", inspect.unwrap(method))
        self.begin(name)
        broker, transport = self.broker, self.transport
        for count in counts:
            for luid in (1, 300, 70_000, 2**31 - 1) if luids is None else luids:
                reference = kind(None, broker, luid, count)
                del reference
            broker._output.write(transport, b"between", False)
        self.chunks = len(broker._output._chunks)
        gathered = b"".join(broker._output._chunks), broker._output._size, broker._output.answers
        transport.dataBuffer = queued
        broker._output.flush(transport)
        errors = [failure.type for failure in self.flushLoggedErrors()]
        extra = {key: broker.__dict__.get(key) for key in ("refused", "faded", "asked_for_count")}
        waiting = b"".join(transport._tempDataBuffer)
        counted = broker._output.answers, broker._output._size
        result = gathered, b"".join(self.out), waiting, self.asked, errors, extra, counted
        self.doCleanups()
        return result

    @each(ENDS)
    def test_alike(self, name: str) -> None:
        """The same is said by both, in the same order, and counted alike, whatever is not stock."""
        for _ in range(2):
            self.assertEqual(self.end(name, True), self.end(name, False))
            # What was found out about this one is not taken for true of the next.
            self.assertEqual(self.end("stock", True), self.end("stock", False))

    def test_kinds(self) -> None:
        """The same is said of what an application has derived from a reference."""
        counts = (0, 1, True, 2, None, "yes", -1)
        for kind in (Fading, Uncounted, pb.RemoteReference, Fading, Kept):
            self.assertEqual(self.end("stock", True, kind, None, counts), self.end("stock", False, kind, None, counts))

    def test_ids(self) -> None:
        """The same is said of ids that are none, or large."""
        luids = (0, -1, 2**31, 2**63, 2**64, 2**500, b"root", "root", True, None, 1.5, [1])
        self.assertEqual(self.end("stock", True, luids=luids), self.end("stock", False, luids=luids))

    def test_many(self) -> None:
        """The same is said when there are so many that they are passed on before the reading is over."""
        many = range(1, 20_000)
        found = self.end("stock", False, luids=many)
        self.assertEqual(self.end("stock", True, luids=many), found)
        self.assertGreater(len(found[1]), 64 * 1024)
        self.assertLess(len(found[0][0]), 64 * 1024)

    def test_together(self) -> None:
        """The compiled codec gathers one after the other in one place."""
        self.end("stock", False, counts=(1, 1))
        self.assertEqual(4 if codec.implementation == "compiled" else 10, self.chunks)

    def test_queued(self) -> None:
        """The same is left to the reactor, where something waits in the transport."""
        found = self.end("stock", False, queued=b"before")
        self.assertEqual(self.end("stock", True, queued=b"before"), found)
        self.assertEqual((b"", found[0][0]), found[1:3])

    def test_said(self) -> None:
        """Each is a message of its own."""
        words = banana.Banana.outgoingVocabulary
        luids = [luid for bits in (7, 14, 21, 28) for luid in range(2**bits - 2, 2**bits + 2)] + [1, 2**31 - 1]
        expected = b"".join(codec.encode([b"decref", luid], words) for luid in luids)
        for plain in (False, True):
            self.assertEqual(expected + b"between", self.end("stock", plain, luids=luids)[1])

    def test_method(self) -> None:
        """The method can be called, by the class and by the reference, and replaced."""
        broker: Any = SimpleNamespace(sendDecRef=lambda luid: said.append(luid))
        said: list[Any] = []
        reference = pb.RemoteReference(None, broker, 7, 1)
        pb.RemoteReference.__del__(reference)
        reference.__del__()
        self.assertEqual([7, 7], said)
        self.assertRaises(TypeError, pb.RemoteReference.__del__)
        self.assertRaises(TypeError, reference.__del__, 5)
        method = pb.RemoteReference.__dict__["__del__"]
        self.assertIsInstance(getattr(method, "__wrapped__", method), FunctionType)
        self.patch(pb.RemoteReference, "__del__", lambda self: said.append("patched"))
        pb.RemoteReference(None, broker, 7, 1)
        self.assertEqual([7, 7, "patched"], said)

    def rounds(self, number: int) -> None:
        """References are registered, released, read and collected, the odd ones too."""
        for _ in range(number):
            for cls, make, prepare in CASES.values():
                broker, objects = cls(), make()
                prepare(broker, objects)
                for send in (codec.jelly, packed):
                    try:
                        send(objects, ALL, None, broker)
                    except Exception:
                        pass
                for luid in list(broker._exports.locals):
                    for _ in range(3):
                        try:
                            codec.release(broker._exports, luid, True)
                        except Exception:
                            pass
            for expression in READ.values():
                for reader in (Reader, AskedReader):
                    try:
                        codec.unjelly(expression, ALL, None, reader())
                    except Exception:
                        pass
            for name in ("stock", "no thread", "own words", "little gathered"):
                self.end(name, False, luids=(1, 2**40, b"name", -1))

    def test_nothing_is_left(self) -> None:
        """After many rounds there is as much as after two."""
        self.rounds(2)
        gc.collect()
        blocks, objects = sys.getallocatedblocks(), len(gc.get_objects())
        constants = [None, True, 1, 5, pb.RemoteReference, Local, Part, Reader, codec.finalizer]
        counts = [sys.getrefcount(constant) for constant in constants]
        self.rounds(40)
        gc.collect()
        self.assertLess(len(gc.get_objects()) - objects, 40)
        self.assertLess(sys.getallocatedblocks() - blocks, 200)
        for constant, count in zip(constants, counts, strict=True):
            self.assertLess(abs(sys.getrefcount(constant) - count), 40, constant)


class Calling(pb.RemoteReference):
    """A reference that has something to do with each call."""

    def callRemote(self, _name: Any, *args: Any, **kw: Any) -> Any:
        return super().callRemote(_name, *args, "more", **kw)


class Asks(pb.RemoteReference):
    """A reference that asks for its broker."""

    @property
    def broker(self) -> Any:
        return self.kept

    @broker.setter
    def broker(self, broker: Any) -> None:
        self.kept = broker


class Answer(defer.Deferred[Any]):
    """What an application has in a Deferred's place."""


#: What calls are made with.
ARGUMENTS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "nothing": ((), {}),
    "a name": (("echo",), {}),
    "bytes": ((b"echo", b"x", "x", 1, 1.5, None, True), {}),
    "a name that is a word": (("remote", [1, {"a": (2,)}]), {}),
    "a name that is no ASCII": (("\u00e9cho", 1), {}),
    "a name that is no text": (("\ud800", 1), {}),
    "a long name": (("x" * 100, 1), {}),
    "a name of no kind": ((5, 1), {}),
    "a name derived from text": ((type("Name", (str,), {})("echo"), 1), {}),
    "keywords": (("echo", 1), {"key": 2}),
    "no answer": (("echo", 1), {"pbanswer": False}),
    "an object": (("echo", Part()), {}),
    "what cannot be sent": (("echo", object()), {}),
    "many bytes": (("echo", b"x" * 70_000), {}),
    "too many bytes": (("echo", b"x" * 700_000), {}),
    "too large a number": (("echo", 2**600), {}),
}


class CallTests(Reading, Rows, SynchronousTestCase):
    """Calls that are made while the broker reads."""

    def call(self, name: str, plain: bool, kind: Any, luid: Any, args: Any, kw: Any) -> Any:
        """What comes of two calls."""
        if plain:
            self.patch(pb.RemoteReference, "callRemote", inspect.unwrap(pb.RemoteReference.callRemote))
        self.begin(name)
        reference = kind(None, self.broker, luid, 0)
        found = []
        with warnings.catch_warnings():
            # It is told once what cannot be sent.
            warnings.simplefilter("ignore")
            for _ in range(2):
                try:
                    question = reference.callRemote(*args, **kw)
                except Exception as error:
                    found.append((type(error), str(error).replace(repr(args), "")))
                else:
                    waits_for = self.broker.waitingForAnswers.get(self.broker.currentRequestID)
                    found.append((type(question), question is waits_for))
                    if question is not None:
                        question.addErrback(lambda reason: found.append(reason.type))
        waiting = list(self.broker.waitingForAnswers)
        self.broker._output.flush(self.transport)
        waits = b"".join(self.transport._tempDataBuffer)
        extra = self.broker.__dict__.get("refused"), [failure.type for failure in self.flushLoggedErrors()]
        self.doCleanups()
        return found, waiting, b"".join(self.out), waits, self.asked, extra

    @each(ARGUMENTS)
    def test_arguments(self, name: str) -> None:
        """The same is said, returned and raised, whatever they are made with."""
        self.assertEqual(
            self.call("stock", True, pb.RemoteReference, 7, *ARGUMENTS[name]),
            self.call("stock", False, pb.RemoteReference, 7, *ARGUMENTS[name]),
        )

    @each(ENDS)
    def test_brokers(self, name: str) -> None:
        """The same is said, returned and raised by brokers that are not stock."""
        for _ in range(2):
            for broker in (name, "stock"):
                found = self.call(broker, False, pb.RemoteReference, 7, ("echo", 1), {})
                self.assertEqual(self.call(broker, True, pb.RemoteReference, 7, ("echo", 1), {}), found)

    def test_references(self) -> None:
        """The same is said of references of other classes, and to other ids."""
        for kind in (Calling, Asks, Kept, Guarded):
            for luid in (7, b"root", "root", 2**40, None, True):
                found = self.call("stock", False, kind, luid, ("echo", 1), {})
                self.assertEqual(self.call("stock", True, kind, luid, ("echo", 1), {}), found)

    def test_deferred(self) -> None:
        """A call returns what is in the place of `defer.Deferred` at the time."""
        for plain in (False, True):
            self.patch(defer, "Deferred", Answer)
            found = self.call("stock", plain, pb.RemoteReference, 7, ("echo", 1), {})
            self.assertEqual([(Answer, True)] * 2, found[0])

    def test_method(self) -> None:
        """It looks like the function that it stands for, to `inspect` and `mock` too."""
        method: Any = pb.RemoteReference.callRemote
        self.assertEqual("(self, _name, *args, **kw)", re.sub(": '[^']*'| -> .*", "", str(inspect.signature(method))))
        bound = inspect.signature(pb.RemoteReference(None, None, 7, 0).callRemote)
        self.assertEqual(["_name", "args", "kw"], list(bound.parameters))
        self.assertEqual("callRemote", method.__name__)
        self.assertEqual("RemoteReference.callRemote", method.__qualname__)
        self.assertEqual("spreadlite._references", method.__module__)
        self.assertIn("Call a method of the object.", method.__doc__)
        self.assertTrue(inspect.isroutine(method))
        reference = mock.create_autospec(pb.RemoteReference)(None, None, 7, 0)
        reference.callRemote("echo", 1, key=2)
        reference.callRemote.assert_called_once_with("echo", 1, key=2)
