"""The tables of a connection, beside a model of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.trial.unittest import SynchronousTestCase

from spreadlite.core import codec
from spreadlite.core.errors import ProtocolError
from spreadlite.core.tables import Local, LocalTable, Questions, Registrations
from tests.strategies import searched
from tests.vectors.rows import Rows, each

#: Ids as a peer may make them up: never counted, of the wrong type, or equal to a number without being one.
STRANGE: dict[str, Any] = {
    "unknown": 99, "zero": 0, "negative": -1, "float": 1.0, "true": True, "text": "1", "bytes": b"1", "none": None,
    "list": [], "dict": {}, "huge": 2**447, "nan": float("nan"),
}  # fmt: skip


class LocalTests(SynchronousTestCase):
    """`Local`."""

    def test_counts(self) -> None:
        """It starts with one, and each method returns the new count."""
        local = Local("thing", "perspective", 7)
        self.assertEqual(("thing", "perspective", 7, 1), (local.object, local.perspective, local.puid, local.refcount))
        self.assertEqual([2, 3, 2, 1, 0], [local.incref(), local.incref(), local.decref(), local.decref(), local.decref()])
        self.assertEqual("<pb.Local 'thing' ref:0>", repr(local))
        self.assertEqual((None, None), (Local(1).perspective, Local(1).puid))


class LocalTableTests(Rows, SynchronousTestCase):
    """`LocalTable`."""

    def test_life(self) -> None:
        """An object is given an id once, counted with each further sending, and leaves with the last release."""
        objects = LocalTable("object")
        self.assertIsNone(objects.again("key"))
        objects.add(1, "key", "thing", "someone")
        self.assertEqual(1, objects.again("key"))
        local = objects.get(1)
        assert local is not None
        self.assertEqual(("thing", "someone", "key", 2), (local.object, local.perspective, local.puid, local.refcount))
        self.assertIsNone(objects.release(1))
        self.assertIs(local, objects.release(1))
        self.assertIs(local, objects.get(1), "only forget() takes it out")
        objects.forget(1)
        self.assertEqual(({}, {}), (objects.locals, objects.ids))

    def test_held(self) -> None:
        """What is held is given a new id once and counted with each further time, which is noted; where there is no room,
        it is not taken in, but what is there can be had again."""

        class Thing:
            """One of several that stand for the same."""

            def processUniqueID(self) -> str:
                return "key"

        objects, noted, ids = LocalTable("object"), Registrations(), iter((5, 6))
        thing = Thing()
        self.assertIsNone(objects.hold(thing, -1, ids.__next__, noted))
        self.assertEqual(({}, []), (objects.locals, noted.made))
        self.assertEqual(5, objects.hold(thing, 0, ids.__next__, noted))
        self.assertEqual(5, objects.hold(Thing(), -1, ids.__next__, None))
        local = objects.get(5)
        assert local is not None
        self.assertEqual((thing, None, "key", 2), (local.object, local.perspective, local.puid, local.refcount))
        self.assertEqual([objects, 5], noted.made)
        self.assertIsNone(objects.release(5, True))
        self.assertIs(local, objects.release(5, True))
        self.assertEqual(({}, {}), (objects.locals, objects.ids))
        self.assertRaises(ProtocolError, objects.release, 5, True)

    def test_forgotten_twice(self) -> None:
        """Forgetting what is not there does nothing."""
        objects = LocalTable("object")
        objects.add(1, "key", "thing")
        objects.forget(1)
        objects.forget(1)
        self.assertEqual(({}, {}), (objects.locals, objects.ids))

    def test_put_in_by_hand(self) -> None:
        """An application that writes the table itself does not lose another object's key."""
        objects = LocalTable("object")
        objects.add(1, "key", "thing")
        objects.locals[b"root"] = Local("root")
        objects.locals[50] = Local("mine", None, "key")
        objects.forget(50)
        objects.locals[50] = Local("mine", None, "key")
        objects.release(50, True)
        self.assertEqual(1, objects.ids["key"])
        self.assertEqual([1, b"root"], list(objects.locals))

    def test_name(self) -> None:
        """An object under a name is found, and never released."""
        objects = LocalTable("object")
        objects.locals[b"root"] = Local("root")
        found = objects.get(b"root")
        assert found is not None
        self.assertEqual("root", found.object)
        error = self.assertRaises(ProtocolError, objects.release, b"root")
        self.assertEqual("no object has the id b'root'", str(error))
        self.assertEqual(1, found.refcount)

    @each(STRANGE)
    def test_strange(self, name: str) -> None:
        """An id that a peer made up is nobody's: no other object is found or released, and nothing but ours is raised."""
        objects = LocalTable("cached object")
        objects.add(1, "key", "thing")
        self.assertIsNone(objects.get(STRANGE[name]))
        error = self.assertRaises(ProtocolError, objects.release, STRANGE[name])
        self.assertEqual(f"no cached object has the id {STRANGE[name]!r}"[:60], str(error)[:60])
        self.assertEqual(1, objects.locals[1].refcount)


class Negated(int):
    """A number that is not what it seems."""

    def __sub__(self, other: int) -> int:
        return 5


class Counted(Local):
    """What an application puts into the table in place of a `Local`."""

    __slots__ = ("asked",)


#: What may be in a table: by who put it in, its count and key, beside what is known of the key.
HELD: dict[str, Callable[[LocalTable], Any]] = {
    "once": lambda table: table.add(1, "key", "thing"),
    "twice": lambda table: (table.add(1, "key", "thing"), table.again("key")),
    "by hand": lambda table: table.locals.update({1: Local("mine", None, "key")}),
    "another's key": lambda table: (table.add(2, "key", "other"), table.locals.update({1: Local("mine", None, "key")})),
    "own class": lambda table: table.locals.update({1: Counted("thing", None, "key")}),
    "no key": lambda table: table.locals.update({1: Local("thing")}),
    "key without a hash": lambda table: table.locals.update({1: Local("thing", None, [])}),
    "no count": lambda table: delattr(table.locals.setdefault(1, Local("thing")), "refcount"),
    "count of a class": lambda table: setattr(table.locals.setdefault(1, Local("thing")), "refcount", Negated(3)),
    "huge count": lambda table: setattr(table.locals.setdefault(1, Local("thing")), "refcount", 2**64),
    "least count": lambda table: setattr(table.locals.setdefault(1, Local("thing")), "refcount", -(2**63)),
    "count below one": lambda table: setattr(table.locals.setdefault(1, Local("thing")), "refcount", -1),
    "count of text": lambda table: setattr(table.locals.setdefault(1, Local("thing")), "refcount", "1"),
    "not a Local": lambda table: table.locals.update({1: "thing"}),  # type: ignore[dict-item]
    "another mapping": lambda table: (setattr(table, "locals", OrderedDict()), table.add(1, "key", "thing")),
    "another mapping of keys": lambda table: (setattr(table, "ids", OrderedDict()), table.add(1, "key", "thing")),
    "no keys": lambda table: (table.add(1, "key", "thing"), delattr(table, "ids")),
    "no mapping": lambda table: delattr(table, "locals"),
}  # fmt: skip


class ReleaseTests(Rows, SynchronousTestCase):
    """`codec.release` is `LocalTable.release`, whatever an application has put into the table."""

    def outcomes(self, held: str, release: Callable[..., Any], luid: object, forget: bool) -> list[Any]:
        """What comes of giving it back three times, and how the table is left each time."""
        objects = LocalTable("object")
        HELD[held](objects)
        found: list[Any] = []
        for _ in range(3):
            try:
                local = release(objects, luid, forget)
                outcome: Any = local if local is None else (local is objects.locals.get(1), type(local), local.object)
            except Exception as error:
                outcome = type(error), str(error)
            table = {
                luid: (type(each), getattr(each, "object", None), getattr(each, "refcount", None))
                for luid, each in getattr(objects, "locals", {}).items()
            }
            found.append((outcome, table, dict(getattr(objects, "ids", {}))))
        return found

    @each(HELD)
    def test_alike(self, held: str) -> None:
        """The same comes of it with both codecs, errors included."""
        for luid in (1, *STRANGE.values()):
            for forget in (False, True):
                pure = self.outcomes(held, codec.pure_release, luid, forget)
                self.assertEqual(pure, self.outcomes(held, codec.release, luid, forget))

    def test_patched(self) -> None:
        """A method in the place of `LocalTable.release` is what is called, for as long as it is there."""
        asked: list[Any] = []

        def release(table: LocalTable, luid: object, forget: bool = False) -> str:
            asked.append((table, luid, forget))
            return "released"

        objects = LocalTable("object")
        objects.add(1, "key", "thing")
        objects.again("key")
        self.assertIsNone(codec.release(objects, 1))
        patch = self.patch(LocalTable, "release", release)
        self.assertEqual("released", codec.release(objects, 1, True))
        self.assertEqual([(objects, 1, True)], asked)
        patch.restore()
        self.assertEqual("thing", codec.release(objects, 1, True).object)
        self.assertEqual({}, objects.locals)

    def test_finalized(self) -> None:
        """What the end of the object's key does to the table, as it leaves, does no harm."""
        objects = LocalTable("object")

        class Key:
            """A key that empties the table as it goes."""

            def __del__(self) -> None:
                objects.locals.clear()
                objects.ids.clear()

        for luid in range(20):
            key = Key()
            objects.add(luid, key, [key])
        del key
        for luid in range(20):
            try:
                codec.release(objects, luid, True)
            except ProtocolError:
                pass
        self.assertEqual(({}, {}), (objects.locals, objects.ids))


class RegistrationsTests(SynchronousTestCase):
    """`Registrations`: what a failed serialisation had counted is taken back."""

    def test_taken_back(self) -> None:
        """New objects go, the last first; others have their count as before; a second time does nothing."""
        exports, caches = LocalTable("object"), LocalTable("cache")
        kept = 1
        exports.add(kept, "kept", "kept")
        made = Registrations()
        made.add(exports, exports.again("kept") or 0)
        for where, luid, key in ((exports, 2, "a"), (caches, 3, "b"), (exports, 4, "c")):
            where.add(luid, key, key)
            made.add(where, luid)
        made.add(exports, exports.again("c") or 0)
        gone: list[tuple[LocalTable, int, Any]] = []

        def forget(where: LocalTable, luid: int, local: Local) -> None:
            gone.append((where, luid, local.object))
            where.forget(luid)

        made.take_back(forget)
        made.take_back(forget)
        self.assertEqual([(exports, 4, "c"), (caches, 3, "b"), (exports, 2, "a")], gone)
        self.assertEqual(([kept], []), (list(exports.locals), list(caches.locals)))
        self.assertEqual(1, exports.locals[kept].refcount)

    def test_already_gone(self) -> None:
        """What has left its table since is left alone."""
        exports = LocalTable("object")
        made = Registrations()
        exports.add(1, "a", "a")
        made.add(exports, 1)
        exports.forget(1)
        gone: list[int] = []
        made.take_back(lambda where, luid, local: gone.append(luid))
        self.assertEqual([], gone)


class QuestionsTests(Rows, SynchronousTestCase):
    """`Questions`."""

    def test_taken_once(self) -> None:
        """What waits under an id is taken out once; the second answer is the peer's mistake."""
        questions = Questions()
        questions[1] = "waits"
        self.assertEqual("waits", questions.take(1))
        self.assertEqual({}, questions)
        error = self.assertRaises(ProtocolError, questions.take, 1)
        self.assertEqual("an answer to a call that was not made, or has its answer: 1", str(error))

    @each(STRANGE)
    def test_strange(self, name: str) -> None:
        """An answer under an id that a peer made up answers nobody's question."""
        questions = Questions({1: "waits"})
        self.assertRaises(ProtocolError, questions.take, STRANGE[name])
        self.assertEqual({1: "waits"}, questions)


class Sent:
    """An object by its key."""

    def __init__(self, key: int) -> None:
        self.key = key

    def processUniqueID(self) -> int:
        """The key."""
        return self.key


class TablesMachine(RuleBasedStateMachine):
    """Two tables that share one sequence of ids, serialisations that succeed or fail, and a model of plain counts."""

    def __init__(self) -> None:
        super().__init__()
        self.last = 0
        self.tables = [LocalTable("object"), LocalTable("cache")]
        # Of each table: id to key and count.
        self.model: list[dict[int, list[Any]]] = [{}, {}]
        self.made: Registrations | None = None
        self.noted: list[tuple[int, int]] = []

    @rule(which=st.integers(0, 1), key=st.integers(0, 4))
    def send(self, which: int, key: int) -> None:
        """An object is sent."""
        known = [luid for luid, (name, _) in self.model[which].items() if name == key]
        if which:
            luid = self.tables[which].again(key)
            assert luid == (known[0] if known else None)
            if luid is None:
                luid = self.new_id()
                self.tables[which].add(luid, key, Sent(key), which)
            if self.made is not None:
                self.made.add(self.tables[which], luid)
        else:
            luid = self.tables[which].hold(Sent(key), 100, self.new_id, self.made)
        assert luid == (known[0] if known else self.last)
        assert luid is not None
        if not known:
            self.model[which][luid] = [key, 0]
        self.model[which][luid][1] += 1
        if self.made is not None:
            self.noted.append((which, luid))

    def new_id(self) -> int:
        """The next id."""
        self.last += 1
        return self.last

    @precondition(lambda self: self.made is None)
    @rule()
    def begin(self) -> None:
        """A serialisation begins."""
        self.made = Registrations()
        self.noted = []

    @precondition(lambda self: self.made is not None)
    @rule(fails=st.booleans())
    def end(self, fails: bool) -> None:
        """It ends: all is kept, or all is taken back."""
        assert self.made is not None
        if fails:
            for which, luid in reversed(self.noted):
                self.lower(which, luid)
            self.made.take_back(lambda where, luid, local: where.forget(luid))
        self.made = None

    def lower(self, which: int, luid: int) -> bool:
        """Count one less in the model; whether that was the last."""
        if luid in self.model[which]:
            self.model[which][luid][1] -= 1
            if not self.model[which][luid][1]:
                del self.model[which][luid]
                return True
        return False

    @precondition(lambda self: self.made is None)
    @rule(which=st.integers(0, 1), luid=st.integers(-1, 25), release=st.sampled_from((codec.pure_release, codec.release)))
    def give_back(self, which: int, luid: int, release: Callable[..., Any]) -> None:
        """The peer gives an id back, its own or one that it made up."""
        if luid not in self.model[which]:
            try:
                release(self.tables[which], luid)
            except ProtocolError:
                return
            raise AssertionError("an unknown id was released")
        last = self.lower(which, luid)
        local = release(self.tables[which], luid, which == 0)
        assert (local is not None) == last
        if local is not None:
            self.tables[which].forget(luid)

    @invariant()
    def agrees(self) -> None:
        """Ids, keys and counts are the model's, and every key leads to its object and back."""
        for real, model in zip(self.tables, self.model, strict=True):
            counts = {luid: [local.puid, local.refcount] for luid, local in real.locals.items()}
            assert counts == model
            assert real.ids == {key: luid for luid, (key, _) in model.items()}
            for luid, (key, _) in model.items():
                local = real.get(luid)
                assert local is not None and local.object.key == key


class ModelTests(TablesMachine.TestCase):  # type: ignore[misc]
    """Whatever is sent, given back, and taken back, the tables agree with the model."""

    settings = searched(60)
