"""Jelly: objects to expressions and back, under a policy.

`jelly` makes an expression of an object, `unjelly` an object of an expression; a taster (`SecurityOptions`) says what may
be in it.  `setUnjellyableForClass` and its kin say which class stands here for a type of the other side.  The grammar of
expressions is in `spreadlite.core.graph`.
"""

# ruff: noqa: F401 - some names are here because programs import them from here.

from __future__ import annotations

import copy
import datetime
import decimal
import sys
import types
import warnings
from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING, Any

from incremental import Version
from twisted.persisted.crefutil import NotKnown
from twisted.python.compat import nativeString
from twisted.python.deprecate import deprecatedModuleAttribute
from twisted.python.reflect import namedAny, namedObject, qual
from zope.interface import implementer

from .core import codec, graph
from .core.errors import InsecureJelly
from .core.graph import Jellier as _Jellier
from .core.graph import Jellyable, Unjellyable, Unpersistable
from .core.graph import Unjellier as _Unjellier
from .core.graph import create_blank as _createBlank
from .core.limits import DEFAULT_LIMITS, Limits
from .core.policy import DummySecurityOptions, SecurityOptions
from .core.registry import DEFAULT_REGISTRY, classes_in
from .core.registry import tag_of as _maybeClass
from .interfaces import IJellyable, IUnjellyable

__all__ = [
    "DictTypes",
    "DummySecurityOptions",
    "IJellyable",
    "IUnjellyable",
    "InsecureJelly",
    "Jellyable",
    "SecurityOptions",
    "Unjellyable",
    "Unpersistable",
    "None_atom",
    "class_atom",
    "dereference_atom",
    "dictionary_atom",
    "frozenset_atom",
    "function_atom",
    "getInstanceState",
    "list_atom",
    "module_atom",
    "persistent_atom",
    "reference_atom",
    "set_atom",
    "tuple_atom",
    "unpersistable_atom",
    "globalSecurity",
    "jelly",
    "setInstanceState",
    "setUnjellyableFactoryForClass",
    "setUnjellyableForClass",
    "setUnjellyableForClassTree",
    "unjelly",
    "unjellyableFactoryRegistry",
    "unjellyableRegistry",
]

DictTypes = (dict,)

None_atom = b"None"
class_atom = b"class"
module_atom = b"module"
function_atom = b"function"
dereference_atom = b"dereference"
persistent_atom = b"persistent"
reference_atom = b"reference"
dictionary_atom = b"dictionary"
list_atom = b"list"
set_atom = b"set"
tuple_atom = b"tuple"
frozenset_atom = b"frozenset"
unpersistable_atom = b"unpersistable"


def __getattr__(name: str) -> Any:
    """``instance_atom`` is there as long as twisted.spread has it, and warns under its name."""
    if name == "instance_atom":
        warnings.warn(
            "twisted.spread.jelly.instance_atom was deprecated in Twisted 15.0.0: "
            "instance_atom is unused within Twisted.",
            DeprecationWarning,
            stacklevel=2,
        )
        return b"instance"
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


#: Tag to class, tag to factory: the tables of the process.
unjellyableRegistry = DEFAULT_REGISTRY.classes
unjellyableFactoryRegistry = DEFAULT_REGISTRY.factories


class _Module(types.ModuleType):
    """This module: a table that is assigned to it (tests of applications put a copy in its place for a while) is the one
    that is read."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "unjellyableRegistry":
            DEFAULT_REGISTRY.classes = value
        elif name == "unjellyableFactoryRegistry":
            DEFAULT_REGISTRY.factories = value
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Module

#: The security options of the process, in force where none are given.
globalSecurity = SecurityOptions()
globalSecurity.allowBasicTypes()


def setUnjellyableForClass(classname: Any, unjellyable: Any) -> None:
    """Say which class here stands for a type of the other side, and allow that type.

    Args:
        classname: the type's tag (str or bytes): the class's dotted name over there, unless it chooses another; or a
            class, for its own dotted name.
        unjellyable: the class; a subclass of `flavors.RemoteCopy` or `flavors.RemoteCache`, in most cases.
    """
    tag = _maybeClass(classname)
    unjellyableRegistry[tag] = unjellyable
    globalSecurity.allowTypes(tag)


def setUnjellyableFactoryForClass(classname: Any, copyFactory: Any) -> None:
    """Say which callable makes what stands here for a type of the other side, and allow that type.

    Args:
        classname: as in `setUnjellyableForClass`.
        copyFactory: called with the state alone; returns the object.
    """
    tag = _maybeClass(classname)
    unjellyableFactoryRegistry[tag] = copyFactory
    globalSecurity.allowTypes(tag)


def setUnjellyableForClassTree(module: types.ModuleType, baseClass: type, prefix: str | None = None) -> None:
    """Do what `setUnjellyableForClass` does for every subclass of *baseClass* that *module* holds.

    The tags are *prefix* (the module's name where it is None), a dot, and the class's name there; with an empty prefix,
    the name alone.
    """
    for tag, cls in classes_in(module, baseClass, prefix):
        setUnjellyableForClass(tag, cls)


def _newInstance(cls: Any, state: Any) -> Any:
    """An instance of *cls* made without its constructor, with that state."""
    instance = _createBlank(cls)
    graph.set_state(instance, state or {} if isinstance(state, dict) else state)
    return instance


def getInstanceState(inst: Any, jellier: Any) -> Any:
    """The expression of an instance by the usual rules: the class's dotted name, and ``__getstate__`` or ``__dict__``."""
    sexp = jellier.prepare(inst)
    state = graph.get_state(inst)
    sexp.extend([qual(inst.__class__).encode("utf-8"), jellier.jelly(state)])
    return jellier.preserve(inst, sexp)


def setInstanceState(inst: Any, unjellier: Any, jellyList: Any) -> Any:
    """Give a blank instance the state that *jellyList* has, by the usual rules, and return it."""
    state = unjellier.unjelly(graph.item_of(jellyList, 1))
    unjellier.when_whole(lambda: graph.set_state(inst, graph.known(state)))
    return inst


def jelly(
    object: Any,
    taster: Any = DummySecurityOptions(),  # noqa: B008
    persistentStore: Any = None,
    invoker: Any = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Any:
    """The expression of *object*.

    Args:
        object: what to send.
        taster: says which types may be sent; an instance of a class that it does not allow becomes unpersistable.
        persistentStore: see `core.graph.Jellier`.
        invoker: the broker for which this is done, or None.
        limits: ``depth`` is looked at.

    Raises:
        InsecureJelly: a type is not allowed.
        core.errors.BananaError: values are nested too deep.
        NotImplementedError: a datetime or time has a time zone.
        ValueError: a Decimal is infinite or no number; or a text has no UTF-8 (UnicodeEncodeError).
    """
    return codec.jelly(object, taster, persistentStore, invoker, limits.depth)


def unjelly(
    sexp: Any,
    taster: Any = DummySecurityOptions(),  # noqa: B008
    persistentLoad: Any = None,
    invoker: Any = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Any:
    """The object that the expression *sexp* stands for.

    The default taster allows every class that can be imported: give another for what comes from a peer.

    Args:
        sexp: the expression.
        taster: says which types, modules and classes may be in it.
        persistentLoad: see `core.graph.Unjellier`.
        invoker: the broker for which this is done, or None.
        limits: ``depth`` is looked at.

    Raises:
        InsecureJelly: something in it is not allowed, has not the shape that its tag asks for, or is nested too deep.
    """
    return codec.unjelly(sexp, taster, persistentLoad, invoker, DEFAULT_REGISTRY, limits.depth)
