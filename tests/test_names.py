"""What the seven modules offer, name by name, beside twisted.spread's: the same names and kinds, called the same way.

Each difference is in a table with its reason, and a difference that is gone must leave its table.
"""

from __future__ import annotations

import inspect
import types
import warnings
from importlib import import_module
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import Interface
from zope.interface.interface import InterfaceClass, Method

from tests.vectors.rows import Rows, each
from tests.vectors.spreads import MODULES, OURS, TWISTED

#: What only twisted.spread's modules have, and why nobody can miss it.
WITHOUT = {
    "banana._i": "the protocol that encode and decode share there, which is how half a message spoilt the next",
    "banana.Banana.k": "left over from a loop in the body of the class",
    "banana.Banana.v": "left over from a loop in the body of the class",
    "jelly._Container": "stands in for a tuple or set that is still to come; ours is core.graph.Pending",
    "jelly._Dereference": "the same",
    "jelly._DictKeyAndValue": "the same",
    "jelly._InstanceMethod": "the same",
    "jelly._Tuple": "the same",
}

#: Comparison in the manner of Python 2, which Python 3 never calls; the comparisons themselves are there.
_CMP = ("RemoteCache", "RemoteCacheMethod", "RemoteCacheObserver", "RemoteMethod", "RemoteReference")

#: Parameters that only ours have: all of them last, and all with defaults.
MORE = {
    "banana.decode": ["limits"],
    "jelly.jelly": ["limits"],
    "jelly.unjelly": ["limits"],
    "jelly._Jellier.__init__": ["depth"],
    "jelly._Unjellier.__init__": ["registry", "depth"],
    "pb.Local.__init__": ["puid"],
    "pb.PBClientFactory.__init__": ["limits", "keepAlive"],
    "pb.PBServerFactory.__init__": ["limits", "keepAlive"],
}

#: Parameters of other names, which nobody gives by name: they are called by jelly's own hooks, in order.
RENAMED = {
    "interfaces.IUnjellyable.unjellyFor": "it is an unjellier, as in twisted.spread's own classes",
    "jelly._Jellier.prepare": "object hides a builtin",
    "jelly._Jellier.preserve": "object hides a builtin",
    "jelly._maybeClass": "private",
}

#: Defaults that differ: what had none may be left out now.
DEFAULTS = {
    "pb.Broker.connectionLost": ["reason"],
    "jelly._Jellier.__init__": ["persistentStore", "invoker"],
    "jelly._Unjellier.__init__": ["persistentLoad", "invoker"],
}

_OF_THE_CLASS = ("__module__", "__doc__", "__dict__", "__weakref__", "__annotations__", "__orig_bases__", "__cmp__")
_OF_PYTHON_3_13 = ("__firstlineno__", "__static_attributes__")


def pair(name: str) -> tuple[Any, Any]:
    """twisted.spread's module of that name, and ours."""
    return import_module(f"{TWISTED}.{name}"), import_module(f"{OURS}.{name}")


def is_native(name: str, value: Any) -> bool:
    """Whether *value* is the work of twisted.spread's module *name*."""
    return getattr(value, "__module__", None) == f"{TWISTED}.{name}"


def classes() -> dict[str, tuple[type, type]]:
    """Every class of twisted.spread's modules with ours."""
    return {
        f"{name}.{member}": (value, getattr(pair(name)[1], member))
        for name in MODULES
        for member, value in vars(pair(name)[0]).items()
        if isinstance(value, type) and is_native(name, value) and f"{name}.{member}" not in WITHOUT
    }


def functions() -> dict[str, tuple[Any, Any]]:
    """Every function, and every method of a class, of twisted.spread's modules with ours."""
    found = {
        f"{name}.{member}": (value, getattr(pair(name)[1], member))
        for name in MODULES
        for member, value in vars(pair(name)[0]).items()
        if isinstance(value, types.FunctionType) and is_native(name, value)
    }
    for name, (theirs, ours) in classes().items():
        for member, value in vars(theirs).items():
            if isinstance(value, types.FunctionType) and hasattr(ours, member) and member not in _COMPARISONS:
                found[f"{name}.{member}"] = value, inspect.getattr_static(ours, member)
    return found


#: Made by a decorator there, and partly by Python here; tests/test_repairs.py and test_order look at what they do.
_COMPARISONS = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__cmp__")


def parameters(function: Any) -> dict[str, inspect.Parameter]:
    """The parameters of *function*."""
    return dict(inspect.signature(function).parameters)


class ModuleTests(Rows, SynchronousTestCase):
    """Names of modules."""

    @each(MODULES)
    def test_names(self, name: str) -> None:
        """Whatever can be imported from twisted.spread's module can be imported from ours, and is of the same kind."""
        theirs, ours = pair(name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            for each_name in dir(theirs):
                if each_name.startswith("__") or f"{name}.{each_name}" in WITHOUT:
                    continue
                self.assertTrue(hasattr(ours, each_name), f"{name}.{each_name}")
                one, other = getattr(theirs, each_name), getattr(ours, each_name)
                if is_native(name, one) or isinstance(one, (int, bytes, str, tuple)):
                    kind = type if isinstance(one, type) else type(one)
                    if not hasattr(kind, "__module__") or not kind.__module__.startswith(TWISTED):
                        self.assertIsInstance(other, kind, f"{name}.{each_name}")
                elif isinstance(one, (type, InterfaceClass, types.FunctionType, types.ModuleType)) and not str(
                    one.__module__ if not isinstance(one, types.ModuleType) else one.__name__
                ).startswith(TWISTED):
                    self.assertIs(one, other, f"{name}.{each_name}")

    @each(MODULES)
    def test_values(self, name: str) -> None:
        """Constants have the same values."""
        theirs, ours = pair(name)
        for each_name, value in vars(theirs).items():
            # The deprecated instance_atom warns; test_homes asks for it.
            plain = type(value) in (int, bytes, str, tuple, type(None))
            if plain and not each_name.startswith("__") and each_name != "instance_atom":
                self.assertEqual(value, getattr(ours, each_name), f"{name}.{each_name}")

    @each(MODULES)
    def test_star(self, name: str) -> None:
        """``from … import *`` gives every name that is the module's own work."""
        theirs, ours = pair(name)
        if hasattr(theirs, "__all__"):
            self.assertEqual(sorted(theirs.__all__), sorted(ours.__all__))
        offered = getattr(ours, "__all__", None) or [each_name for each_name in vars(ours) if each_name[0] != "_"]
        for each_name, value in vars(theirs).items():
            if each_name[0] != "_" and is_native(name, value) and not hasattr(theirs, "__all__"):
                self.assertIn(each_name, offered, name)

    def test_exceptions_are_current(self) -> None:
        """What is said to be missing is there in twisted.spread, and not in ours."""
        for name in WITHOUT:
            module, *path = name.split(".")
            theirs, ours = pair(module)
            for part in path[:-1]:
                theirs, ours = getattr(theirs, part), getattr(ours, part)
            self.assertTrue(hasattr(theirs, path[-1]), name)
            self.assertFalse(hasattr(ours, path[-1]), name)


class ClassTests(Rows, SynchronousTestCase):
    """Classes, their bases and what they have."""

    @each(classes())
    def test_bases(self, name: str) -> None:
        """A class is a subclass of whatever twisted.spread's is one of: of our class of that name, or of the very same."""
        theirs, ours = classes()[name]
        mine = {id(base) for base in ours.__mro__}
        for base in theirs.__mro__[1:]:
            if base.__module__.startswith(f"{TWISTED}."):
                base = getattr(import_module(base.__module__.replace(TWISTED, OURS)), base.__name__)
            self.assertIn(id(base), mine, f"{name} is no {base}")

    @each(classes())
    def test_attributes(self, name: str) -> None:
        """A class has every attribute of twisted.spread's; those that are data have the same values."""
        theirs, ours = classes()[name]
        for each_name, value in vars(theirs).items():
            if each_name in _OF_THE_CLASS + _OF_PYTHON_3_13 or f"{name}.{each_name}" in WITHOUT:
                continue
            if name in ("jelly._Jellier", "jelly._Unjellier") and each_name not in PUBLIC_OF_THE_JELLIERS:
                continue
            self.assertTrue(hasattr(ours, each_name), f"{name}.{each_name}")
            if f"{name}.{each_name}" in ASSIGNED:
                continue
            if type(value) in (int, float, bool, bytes, str, tuple, list, dict, type(None)):
                self.assertEqual(value, inspect.getattr_static(ours, each_name), f"{name}.{each_name}")

    @each(classes())
    def test_interfaces(self, name: str) -> None:
        """A class implements what twisted.spread's does."""
        from zope.interface import implementedBy

        theirs, ours = classes()[name]
        self.assertEqual(
            sorted(one.__name__ for one in implementedBy(theirs).flattened() if one is not Interface),
            sorted(one.__name__ for one in implementedBy(ours).flattened() if one is not Interface),
        )


#: What applications assign; a property with us, whose value nobody reads.
ASSIGNED = ("banana.Banana.buffer",)

#: What hooks are told to use; the rest of the two classes is how they do it.
PUBLIC_OF_THE_JELLIERS = ("jelly", "prepare", "preserve", "unjelly", "unjellyInto", "unjellyFull", "unjellyLater")


class SignatureTests(Rows, SynchronousTestCase):
    """How functions are called."""

    @each(functions())
    def test_signature(self, name: str) -> None:
        """A function takes the parameters of twisted.spread's, by the same names, in the same order, with the same
        defaults."""
        theirs, ours = map(parameters, functions()[name])
        more = MORE.get(name, [])
        self.assertEqual(list(more), list(ours)[len(ours) - len(more) :] if more else [])
        for extra in more:
            self.assertIsNot(ours.pop(extra).default, inspect.Parameter.empty)
        if name in RENAMED:
            self.assertNotEqual(list(theirs), list(ours))
        else:
            self.assertEqual(list(theirs), list(ours))
        for one, other in zip(theirs.values(), ours.values(), strict=True):
            self.assertEqual(one.kind, other.kind, one.name)
            if one.name in DEFAULTS.get(name, ()):
                self.assertIs(one.default, inspect.Parameter.empty)
                self.assertIsNot(other.default, inspect.Parameter.empty)
            elif type(one.default).__module__.startswith(TWISTED):
                self.assertEqual(type(one.default).__name__, type(other.default).__name__, one.name)
            else:
                self.assertEqual(one.default, other.default, one.name)

    def test_interfaces(self) -> None:
        """Interfaces ask for the same methods and attributes, called the same way, on top of the same bases."""
        for module in MODULES:
            theirs, ours = pair(module)
            for name, one in vars(theirs).items():
                if not isinstance(one, InterfaceClass) or one.__module__ != f"{TWISTED}.{module}":
                    continue
                other = getattr(ours, name)
                self.assertEqual([base.__name__ for base in one.__bases__], [base.__name__ for base in other.__bases__])
                self.assertEqual(sorted(one.names()), sorted(other.names()))
                for each_name, described in one.namesAndDescriptions():
                    if isinstance(described, Method) and f"{module}.{name}.{each_name}" not in RENAMED:
                        self.assertEqual(described.getSignatureString(), other[each_name].getSignatureString())


class InstanceTests(Rows, SynchronousTestCase):
    """Attributes that constructors make."""

    @each(["Broker", "PBClientFactory", "PBServerFactory", "RemoteReference", "RemoteMethod", "Local", "ViewPoint"])
    def test_attributes(self, name: str) -> None:
        """A new object has every attribute that twisted.spread's has, with the same value where that is plain data."""
        made = []
        for spread in pair("pb"):
            arguments: tuple[Any, ...] = {
                "PBServerFactory": (spread.Root(),), "RemoteReference": (None, None, 1, 0), "RemoteMethod": (None, "a"),
                "Local": ("object",), "ViewPoint": (None, "object"),
            }.get(name, ())  # fmt: skip
            made.append(getattr(spread, name)(*arguments))
        self._same(*made)

    @each(["jelly.SecurityOptions", "publish.Publishable", "util.StringPager"])
    def test_others(self, name: str) -> None:
        """The same of the other modules."""

        class Collector:
            """Takes no page."""

            class broker:
                """Asks for none."""

                @staticmethod
                def registerPageProducer(pager: Any) -> None:
                    """Do nothing."""

        module, _, cls = name.partition(".")
        arguments: tuple[Any, ...] = {"Publishable": ("id",), "StringPager": (Collector, b"abc")}.get(cls, ())
        self._same(*(getattr(spread, cls)(*arguments) for spread in pair(module)), except_for=("timestamp",))

    def _same(self, theirs: Any, ours: Any, except_for: tuple[str, ...] = ()) -> None:
        for name, value in vars(theirs).items():
            if name.startswith("_") and name != "_localCleanup" and not hasattr(ours, name):
                continue
            self.assertTrue(hasattr(ours, name), name)
            if type(value) in (int, bool, bytes, str, type(None), list, dict) and name not in except_for:
                self.assertEqual(value, getattr(ours, name), name)


class OrderTests(Rows, SynchronousTestCase):
    """What comes before what."""

    @each([TWISTED, OURS])
    def test_order(self, side: str) -> None:
        """References of one connection, methods of them and observers of one cached object are in an order, so that lists
        of them can be sorted."""
        pb, flavors = import_module(f"{side}.pb"), import_module(f"{side}.flavors")
        broker = object()
        one, two, again = (pb.RemoteReference(None, broker, luid, 0) for luid in (1, 2, 1))
        observer = pb.RemoteCacheObserver(broker, "cached", None)
        for less, more, same in (
            (one, two, again),
            (one.remoteMethod("a"), one.remoteMethod("b"), again.remoteMethod("a")),
            (one.remoteMethod("z"), two.remoteMethod("a"), again.remoteMethod("z")),
            (observer, pb.RemoteCacheObserver(broker, "else", None), pb.RemoteCacheObserver(broker, "cached", None)),
            (
                flavors.RemoteCacheMethod("a", broker, "cached", None),
                flavors.RemoteCacheMethod("b", broker, "cached", None),
                flavors.RemoteCacheMethod("a", broker, "cached", None),
            ),
        ):
            self.assertEqual([True, True, False, False], [less < more, less <= more, less > more, less >= more])
            self.assertEqual([False, True, False, True], [less < same, less <= same, less > same, less >= same])
            self.assertEqual([True, False], [less == same, less != same])
            self.assertEqual([less, more], sorted([more, less]))
            self.assertEqual(hash(less), hash(same))

    @each([TWISTED, OURS])
    def test_no_order(self, side: str) -> None:
        """References of two connections are in no order, nor is a reference with anything else."""
        pb = import_module(f"{side}.pb")
        one = pb.RemoteReference(None, object(), 1, 0)
        for other in (pb.RemoteReference(None, object(), 2, 0), 2, None):
            with self.assertRaises(TypeError):
                one < other  # noqa: B015
