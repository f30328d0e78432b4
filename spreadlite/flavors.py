"""Flavors: how an object travels.

`Referenceable`, `Root` and `Viewable` stay where they are, and the other side gets a reference to call.  `Copyable` is
copied, and becomes a `RemoteCopy` there.  `Cacheable` is copied once, and becomes a `RemoteCache` that its owner keeps up
to date.
"""

# ruff: noqa: F401 - some names are here because programs import them from here.

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache, total_ordering
from types import FunctionType
from typing import Any

from twisted.python import log, reflect
from twisted.python.compat import cmp, comparable
from zope.interface import Interface, implementer

from . import _seams
from .core import graph
from .core.codec import Packed
from .core.errors import InsecureJelly, NoSuchMethod, ProtocolError
from .core.graph import item_of, shortened
from .core.vocabulary import REMOTE
from .jelly import (
    Jellyable,
    Unjellyable,
    _createBlank,
    setUnjellyableFactoryForClass,
    setUnjellyableForClass,
    setUnjellyableForClassTree,
    unjellyableRegistry,
)
from .jelly import getInstanceState as getInstanceState
from .jelly import setInstanceState as setInstanceState

__all__ = [
    "Cacheable",
    "Copyable",
    "IPBRoot",
    "Jellyable",
    "NoSuchMethod",
    "Referenceable",
    "RemoteCache",
    "RemoteCacheMethod",
    "RemoteCacheObserver",
    "RemoteCopy",
    "Root",
    "Serializable",
    "Unjellyable",
    "ViewPoint",
    "Viewable",
    "cache_atom",
    "cached_atom",
    "copyTags",
    "copy_atom",
    "remote_atom",
    "setCopierForClass",
    "setCopierForClassTree",
    "setFactoryForClass",
    "setUnjellyableFactoryForClass",
    "setUnjellyableForClass",
    "setUnjellyableForClassTree",
    "unjellyCached",
    "unjellyLCache",
    "unjellyLocal",
    "unjellyableRegistry",
]

# Older names of the same.
setCopierForClass = setUnjellyableForClass
setCopierForClassTree = setUnjellyableForClassTree
setFactoryForClass = setUnjellyableFactoryForClass
copyTags = unjellyableRegistry

copy_atom = b"copy"
cache_atom = b"cache"
cached_atom = b"cached"
remote_atom = REMOTE


class IPBRoot(Interface):  # type: ignore[misc]
    """Gives the object that a connection starts from."""

    def rootObject(broker):  # type: ignore[no-untyped-def]
        """Return the root for the connection of *broker*: a `Referenceable`."""


def textOf(message: str | bytes) -> str:
    """A method's name, as a peer sent it, as text."""
    return message if isinstance(message, str) else message.decode("utf-8")


def argumentsOf(args: Any, kw: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and keyword arguments that a peer sent, in the shape that a method takes.

    Peers that run Python 2 send the names of keywords as bytes.

    Raises:
        InsecureJelly: they have not that shape.
    """
    if type(args) is list:
        args = tuple(args)
    if type(args) is not tuple or type(kw) is not dict:
        raise InsecureJelly(f"not the arguments of a call: {shortened(args)}, {shortened(kw)}")
    for name in kw:
        if type(name) is not str:
            kw = _textKeys(kw)
            break
    return args, kw


def _textKeys(kw: dict[Any, Any]) -> dict[str, Any]:
    named = {}
    for name, value in kw.items():
        if isinstance(name, bytes):
            try:
                name = name.decode("utf-8")
            except UnicodeDecodeError:
                raise InsecureJelly(f"not the name of an argument: {shortened(name)}") from None
        if type(name) is not str or name in named:
            raise InsecureJelly(f"not the name of an argument, or given twice: {shortened(name)}")
        named[name] = value
    return named


def call(method: Callable[..., Any], args: tuple[Any, ...], kw: dict[str, Any], broker: Any) -> Any:
    """Call a method that a peer of *broker* asked for, and note in the log when it does not take these arguments."""
    try:
        return method(*args, **kw)
    except TypeError:
        noteArguments(method, args, kw, broker)
        raise


def noteArguments(method: Callable[..., Any], args: tuple[Any, ...], kw: dict[str, Any], broker: Any) -> None:
    """Note that a method which a peer of *broker* asked for raised a TypeError, most likely because of its arguments."""
    name = getattr(method, "__qualname__", None) or shortened(method)
    text = f"{name} didn't accept {shortened(args, 400)} and {shortened(kw, 400)}"
    # An application may bring a broker of its own.
    note = getattr(broker, "_note", None)
    if note is None:
        log.msg(text)
    else:
        note("arguments", text)


def serializer(broker: Any, args: Any) -> Any:
    """How *broker* makes a method's result what is sent: as bytes where the arguments came so, else as an expression."""
    return broker._pack if type(args) is Packed else broker.serialize


class Serializable(Jellyable):
    """What can be sent at all; use one of its subclasses."""

    def processUniqueID(self) -> Any:
        """A key by which this process tells objects apart: hashable, and the same as long as the object lives.

        Override it where several objects stand for the same thing, such as proxies.
        """
        return id(self)


class Referenceable(Serializable):
    """An object that stays here; the other side gets a reference, and calls its ``remote_`` methods.

    Attributes:
        perspective: for whom results are serialised.
    """

    perspective: Any = None

    def remoteMessageReceived(self, broker: Any, message: Any, args: Any, kw: Any) -> Any:
        """The peer calls *message*; *args* and *kw* are expressions.  Returns the expression of the result, or a
        Deferred of it.

        Raises:
            NoSuchMethod: there is no ``remote_`` method of that name.
        """
        if type(args) is Packed:
            serialize = broker._pack
            args, kw = broker._unpack(args, kw)
        else:
            serialize = broker.serialize
            args, kw = broker.unserialize(args), broker.unserialize(kw)
        if kw or type(kw) is not dict or type(args) is not tuple:
            args, kw = argumentsOf(args, kw)
        if type(message) is not str:
            message = textOf(message)
        method = getattr(self, "remote_" + message, None)
        if method is None:
            raise NoSuchMethod(f"No such method: remote_{message[:200]}")
        try:
            result = method(*args, **kw)
        except TypeError:
            noteArguments(method, args, kw, broker)
            raise
        return serialize(result, self.perspective)

    def jellyFor(self, jellier: Any) -> Any:
        """``[remote id]``."""
        return [remote_atom, jellier.invoker.registerReference(self)]


@implementer(IPBRoot)
class Root(Referenceable):
    """The object that a connection starts from; what `PBServerFactory` is given."""

    def rootObject(self, broker: Any) -> Any:
        """The root for the connection of *broker*: this object.  Override it to give each connection its own."""
        return self


class ViewPoint(Referenceable):
    """An object as seen by one perspective.

    Its ``view_`` methods are called with the perspective before the peer's arguments, so that they know who calls.

    Args:
        perspective: who looks at it.
        object: what is looked at.
    """

    def __init__(self, perspective: Any, object: Any) -> None:
        self.perspective = perspective
        self.object = object

    def processUniqueID(self) -> Any:
        """The same for the same object seen by the same perspective."""
        return (id(self.perspective), id(self.object))

    def remoteMessageReceived(self, broker: Any, message: Any, args: Any, kw: Any) -> Any:
        """The peer calls *message*; see `Referenceable.remoteMessageReceived`."""
        serialize = serializer(broker, args)
        args, kw = argumentsOf(broker.unserialize(args, self.perspective), broker.unserialize(kw, self.perspective))
        method = getattr(self.object, "view_" + textOf(message))
        result = call(method, (self.perspective, *args), kw, broker)
        return serialize(result, self.perspective, method, args, kw)


class Viewable(Serializable):
    """An object that stays here, and is sent as a `ViewPoint` for whoever it is sent to."""

    def jellyFor(self, jellier: Any) -> Any:
        """The reference of a `ViewPoint` on this object."""
        return ViewPoint(jellier.invoker.serializingPerspective, self).jellyFor(jellier)


@lru_cache(maxsize=1024)
def _slotNames(cls: Any) -> tuple[str, ...]:
    """The attributes that instances of *cls* have in slots, by the names under which they are found."""
    names = []
    for base in cls.__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name.startswith("__") and not name.endswith("__"):
                name = f"_{base.__name__.lstrip('_')}{name}"
            if name not in ("__dict__", "__weakref__"):
                names.append(name)
    return tuple(names)


@lru_cache(maxsize=1024)
def _tagOf(cls: Any) -> bytes:
    return reflect.qual(cls).encode("utf-8")


class Copyable(Serializable):
    """An object that is copied to the other side, where a `RemoteCopy` may stand for its class."""

    def getStateToCopy(self) -> Any:
        """What to send as the state: the attributes.  Override it to send something else."""
        cls: Any = type(self)
        names = _slotNames(cls)
        if not names:
            return self.__dict__
        state = {name: getattr(self, name) for name in names if hasattr(self, name)}
        return {**getattr(self, "__dict__", {}), **state}

    def getStateToCopyFor(self, perspective: Any) -> Any:
        """What to send as the state to *perspective*: by default, what everybody gets."""
        return self.getStateToCopy()

    def getTypeToCopy(self) -> bytes:
        """The tag under which the other side knows the class: its dotted name."""
        cls: Any = self.__class__
        return _tagOf(cls)

    def getTypeToCopyFor(self, perspective: Any) -> bytes:
        """The tag for *perspective*: by default, the same for everybody."""
        return self.getTypeToCopy()

    def jellyFor(self, jellier: Any) -> Any:
        """``[tag state]``."""
        if jellier.invoker is None:
            return getInstanceState(self, jellier)
        perspective = jellier.invoker.serializingPerspective
        tag = _tagBytes(self.getTypeToCopyFor(perspective))
        state = self.getStateToCopyFor(perspective)
        sexp = jellier.prepare(self)
        sexp.extend([tag, jellier.jelly(state)])
        return jellier.preserve(self, sexp)


graph.PASSES_ON.add(Copyable.jellyFor)
graph.GIVES_ID.add(Referenceable.jellyFor)


def _tagBytes(tag: Any) -> Any:
    return tag.encode("utf-8") if isinstance(tag, str) else tag


class Cacheable(Copyable):
    """An object that is copied to the other side once, and kept up to date there.

    The other side gets a `RemoteCache`.  Whoever sends it gets an observer for it, whose ``callRemote`` calls the
    ``observe_`` methods of the `RemoteCache`.
    """

    def getStateToCacheAndObserveFor(self, perspective: Any, observer: Any) -> Any:
        """What to send as the state to *perspective*; keep *observer* to tell it of every change from now on."""
        return self.getStateToCopyFor(perspective)

    def jellyFor(self, jellier: Any) -> Any:
        """``[tag id state]`` for the first time on a connection, ``[cached id]`` as long as the other side has it."""
        broker = jellier.invoker
        if broker is None:
            return getInstanceState(self, jellier)
        luid = broker.cachedRemotelyAs(self, 1)
        if luid is not None:
            return cached_atom, luid
        luid = broker.cacheRemotely(self)
        perspective = broker.serializingPerspective
        tag = _tagBytes(self.getTypeToCopyFor(perspective))
        observer = RemoteCacheObserver(broker, self, perspective)
        state = self.getStateToCacheAndObserveFor(perspective, observer)
        sexp = jellier.prepare(self)
        sexp.extend([tag, luid, jellier.jelly(state)])
        return jellier.preserve(self, sexp)

    def stoppedObserving(self, perspective: Any, observer: Any) -> None:
        """The other side let go of its `RemoteCache`, or the connection went.

        *observer* is equal to the one that `getStateToCacheAndObserveFor` was given.
        """


class RemoteCopy(Unjellyable):
    """What stands here for a copy of a `Copyable` of the other side; see `jelly.setUnjellyableForClass`.

    It is made without its constructor, and then given its state.
    """

    def setCopyableState(self, state: Any) -> None:
        """Take *state* (what the other side's ``getStateToCopyFor`` returned): a dictionary of attributes, or None."""
        attributes = attributesOf(state, type(self))
        # By way of object, because a frozen dataclass refuses to be assigned to.
        cls: Any = type(self)
        for name in _slotNames(cls):
            if name in attributes:
                object.__setattr__(self, name, attributes.pop(name))
        if attributes or hasattr(self, "__dict__"):
            object.__setattr__(self, "__dict__", attributes)

    def unjellyFor(self, unjellier: Any, jellyList: Any) -> Any:
        """Take the state that *jellyList* has, and return this object."""
        if unjellier.invoker is None:
            return setInstanceState(self, unjellier, jellyList)
        state = unjellier.state(item_of(jellyList, 1))
        unjellier.when_whole(lambda: self.setCopyableState(state))
        return self


graph.RETURNS_ITSELF.add(RemoteCopy.unjellyFor)
graph.READS_PACKED.add(RemoteCopy.unjellyFor)


@lru_cache(maxsize=1024)
def _methodNames(cls: Any) -> frozenset[str]:
    """The names under which instances of *cls* have methods."""
    return frozenset(name for base in cls.__mro__ for name, it in vars(base).items() if isinstance(it, FunctionType))


_TEXT = frozenset((str,))
# What copies of mappings have for the names of attributes, besides text.  It costs next to nothing to hash.
_NAMES = frozenset((str, int, float, bool, type(None)))


def attributesOf(state: Any, cls: Any) -> dict[str, Any]:
    """The attributes that a peer sent for an instance of *cls*; peers that run Python 2 send their names as bytes.

    None, a nought or an empty value stands for none.

    Raises:
        InsecureJelly: they are no dictionary of names, or one of them would take a method's place.
    """
    if not state:
        return {}
    if not isinstance(state, dict):
        raise InsecureJelly(f"not the state of a {cls.__name__}: {shortened(state)}")
    attributes = {}
    if type(state) is dict and _TEXT.issuperset(map(type, state)):
        attributes.update(state)
    else:
        for name, value in state.items():
            if isinstance(name, bytes):
                name = name.decode("utf-8", "replace")
            if type(name) not in _NAMES and not isinstance(name, str):
                raise InsecureJelly(f"not the name of an attribute: {shortened(name)}")
            attributes[name] = value
    methods = _methodNames(cls)
    if not methods.isdisjoint(attributes):
        raise InsecureJelly(f"an attribute in a method's place: {shortened(sorted(methods & attributes.keys()))}")
    return attributes


graph.STOCK.update(
    unique_id=Serializable.processUniqueID,
    referenceable_jelly=Referenceable.jellyFor,
    copyable_jelly=Copyable.jellyFor,
    copyable_type_for=Copyable.getTypeToCopyFor,
    copyable_type=Copyable.getTypeToCopy,
    copyable_state_for=Copyable.getStateToCopyFor,
    copyable_state=Copyable.getStateToCopy,
    copy_unjelly=RemoteCopy.unjellyFor,
    copy_set_state=RemoteCopy.setCopyableState,
    slot_names=_slotNames,
    method_names=_methodNames,
    remote_receive=Referenceable.remoteMessageReceived,
    arguments_of=argumentsOf,
    note_arguments=noteArguments,
)


class RemoteCache(RemoteCopy, Serializable):
    """What stands here for a `Cacheable` of the other side.

    Its owner calls its ``observe_`` methods.  It is made with a constructor without arguments, and then given its state.
    Every time the other side sends it, another object arrives which shares the attributes of the first.  They are equal.
    The other side is told of each that is collected; after the last, the `Cacheable`'s ``stoppedObserving`` is called.

    Attributes:
        broker: the connection by which it came, or None once that side has let go of it.
        luid: its id there.
    """

    broker: Any = None
    luid: Any = None

    def remoteMessageReceived(self, broker: Any, message: Any, args: Any, kw: Any) -> Any:
        """The owner calls *message*; see `Referenceable.remoteMessageReceived`."""
        serialize = serializer(broker, args)
        args, kw = argumentsOf(broker.unserialize(args), broker.unserialize(kw))
        method = getattr(self, "observe_" + textOf(message))
        return serialize(call(method, args, kw, broker), None, method, args, kw)

    def jellyFor(self, jellier: Any) -> Any:
        """``[lcache id]``: the owner gets its own object back.

        Raises:
            AssertionError: it is sent to another connection than the one by which it came (what twisted.spread raises).
        """
        if jellier.invoker is None:
            return getInstanceState(self, jellier)
        if jellier.invoker is not self.broker:
            raise AssertionError("a cached object can be sent only to the side that owns it")
        return b"lcache", self.luid

    def unjellyFor(self, unjellier: Any, jellyList: Any) -> Any:
        """Become the cache of what *jellyList* has, and return an object that shares its attributes."""
        broker = unjellier.invoker
        if broker is None:
            return setInstanceState(self, unjellier, jellyList)
        luid, state = item_of(jellyList, 1), item_of(jellyList, 2)
        if type(luid) is not int:
            raise InsecureJelly(f"not the id of a cache: {shortened(luid)}")
        shared = self._borgify()
        # It is in the table from here on, whatever happens: its owner counts it, and is to be told when it is gone.
        broker.cacheLocally(luid, self)
        self.broker = broker
        self.luid = luid
        begin = getattr(broker, "_beginCache", None)
        if begin is not None:
            begin(luid, state)
        init = getattr(shared, "__init__", None)
        if init:
            init()
        state = unjellier.state(state)

        def fill() -> None:
            shared.setCopyableState(state)
            # setCopyableState may have replaced the dictionary, or filled it.
            self.__dict__ = shared.__dict__
            self.broker = broker
            self.luid = luid
            if begin is not None:
                broker._halfMade.discard(luid)

        unjellier.when_whole(fill)
        return shared

    def __eq__(self, other: object) -> Any:
        if isinstance(other, RemoteCache):
            return self.__dict__ is other.__dict__
        return NotImplemented

    def __hash__(self) -> int:
        return id(self.__dict__) % sys.maxsize

    def __del__(self) -> None:
        try:
            if self.broker:
                self.broker.decCacheRef(self.luid)
        except Exception:
            # As Python ends, modules lose what they have.
            if log is not None:
                log.err(None, "releasing a cached object")

    def _borgify(self) -> Any:
        """Another object of the same class with the same dictionary, whose end is told apart from this one's."""
        blank = _createBlank(self.__class__)
        blank.__dict__ = self.__dict__
        return blank


graph.STOCK["observe_receive"] = RemoteCache.remoteMessageReceived
_seams.RECEIVERS.update(
    (Referenceable.remoteMessageReceived, ViewPoint.remoteMessageReceived, RemoteCache.remoteMessageReceived)
)


def _brokerOf(unjellier: Any) -> Any:
    """The broker that knows what ids stand for; InsecureJelly where an expression with ids is read without one."""
    if unjellier.invoker is None:
        raise InsecureJelly("an id without a connection")
    return unjellier.invoker


def unjellyCached(unjellier: Any, unjellyList: Any) -> Any:
    """``[cached id]``: a cache that this side has already."""
    broker = _brokerOf(unjellier)
    luid = item_of(unjellyList, 1)
    if type(luid) is int and luid in getattr(broker, "_halfMade", ()):
        # It could not be made, which its owner does not know, and has counted it once more.
        broker.decCacheRef(luid)
    return broker.cachedLocallyAs(luid)._borgify()


def unjellyLCache(unjellier: Any, unjellyList: Any) -> Any:
    """``[lcache id]``: a `Cacheable` of ours, which the other side sends back."""
    return _brokerOf(unjellier).remotelyCachedForLUID(item_of(unjellyList, 1))


def unjellyLocal(unjellier: Any, unjellyList: Any) -> Any:
    """``[local id]``: an object of ours, which the other side sends back."""
    luid = item_of(unjellyList, 1)
    broker = _brokerOf(unjellier)
    find = getattr(broker, "_returnedObjectForID", None) or broker.localObjectForID
    found = find(luid)
    if found is None:
        raise InsecureJelly(f"no object has the id {shortened(luid)}")
    return found


setUnjellyableForClass("cached", unjellyCached)
setUnjellyableForClass("lcache", unjellyLCache)
setUnjellyableForClass("local", unjellyLocal)
graph.STOCK["unjelly_local"] = unjellyLocal


@total_ordering
class RemoteCacheMethod:
    """One ``observe_`` method of the `RemoteCache` objects at the other side.  Equal where all of it is."""

    def __init__(self, name: str | bytes, broker: Any, cached: Any, perspective: Any) -> None:
        self.name = name
        self.broker = broker
        self.cached = cached
        self.perspective = perspective

    def _key(self) -> tuple[Any, ...]:
        return (self.name, self.broker, self.perspective, self.cached)

    def __eq__(self, other: object) -> Any:
        return self._key() == other._key() if isinstance(other, RemoteCacheMethod) else NotImplemented

    def __lt__(self, other: object) -> Any:
        return self._key() < other._key() if isinstance(other, RemoteCacheMethod) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __call__(self, *args: Any, **kw: Any) -> Any:
        """Call it; see `RemoteCacheObserver.callRemote`."""
        return _observe(self.broker, self.cached, self.perspective, self.name, args, kw)


@total_ordering
class RemoteCacheObserver:
    """The `RemoteCache` at the other side, as the owner of the `Cacheable` sees it.

    Equal where broker, cacheable and perspective are the same.
    """

    def __init__(self, broker: Any, cached: Any, perspective: Any) -> None:
        self.broker = broker
        self.cached = cached
        self.perspective = perspective

    def __repr__(self) -> str:
        return f"<RemoteCacheObserver({self.broker}, {self.cached}, {self.perspective}) at {id(self)}>"

    def __eq__(self, other: object) -> Any:
        if isinstance(other, RemoteCacheObserver):
            return (
                self.broker is other.broker and self.cached is other.cached and self.perspective is other.perspective
            )
        return NotImplemented

    def __lt__(self, other: object) -> Any:
        if isinstance(other, RemoteCacheObserver):
            return (self.broker, self.perspective, self.cached) < (other.broker, other.perspective, other.cached)
        return NotImplemented

    def __hash__(self) -> int:
        return hash((id(self.broker), id(self.cached), id(self.perspective)))

    def callRemote(self, _name: str | bytes, *args: Any, **kw: Any) -> Any:
        """Call ``observe_NAME`` there; returns a Deferred of what it returns.

        Raises:
            ProtocolError: the other side does not have the object (any more).
        """
        return _observe(self.broker, self.cached, self.perspective, _name, args, kw)

    def remoteMethod(self, key: str | bytes) -> RemoteCacheMethod:
        """The method *key*, to be called later."""
        return RemoteCacheMethod(key, self.broker, self.cached, self.perspective)


def _observe(broker: Any, cached: Any, perspective: Any, name: str | bytes, args: Any, kw: Any) -> Any:
    luid = broker.cachedRemotelyAs(cached)
    if luid is None:
        raise ProtocolError("the peer does not have that cached object, so nothing can be told to it")
    return broker._sendMessage(b"cache", perspective, luid, nameBytes(name), args, kw)


def nameBytes(name: str | bytes) -> bytes:
    """A method's name as it is on the wire."""
    return name if isinstance(name, bytes) else name.encode("utf-8")
