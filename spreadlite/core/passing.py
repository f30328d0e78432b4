"""References among plain values: what is written of them and read, where nothing about them is an application's own.

`graph`, and the hooks of `spreadlite.flavors` and `spreadlite.pb`, are the specification.  What is in any way out of the
ordinary is left to them, with nothing done, or with what was done taken back.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from .graph import GIVES_ID, STOCK, reference_class
from .policy import Taster, allowed_names
from .registry import DEFAULT_REGISTRY
from .vocabulary import LIST, REMOTE, VOCAB, WORDS
from .wire import ID_ENDS, MOST_IDS

LOCAL = b"local"
REMOTE_WORD, LOCAL_WORD = WORDS[REMOTE], WORDS[LOCAL]

# What is written of an id that is, by the word before it and by its first digit.
_REMOTES, _LOCALS = (
    tuple(bytes((2, LIST, word, VOCAB, digit)) for digit in range(0x80)) for word in (REMOTE_WORD, LOCAL_WORD)
)
_plain: Any = object
# What a reference has that says where it goes back to.
_IDENTITY = ("luid", "broker")


class Giver:
    """Gives a peer references to objects of ours, and its own back.

    Args:
        broker: the connection.
    """

    __slots__ = ("_broker", "_first", "_given", "_giving", "_register", "_registrations")
    _first: int
    _register: Any

    def __init__(self, broker: Any) -> None:
        self._broker = broker
        self._registrations: Any = None
        # The classes of which one was given, or given back, last: nothing that is done here changes a class.
        self._giving: Any = None
        self._given: Any = None

    def said(self, value: Any) -> bytes | None:
        """What is written for *value*; None if that is out of the ordinary."""
        kind = type(value)
        if kind is not self._giving:
            if kind is self._given or _has_hook(kind, (STOCK["reference_jelly"],)) and not _computes(kind, _IDENTITY):
                self._given = kind
                return self._said_back(value)
            if not _has_hook(kind, GIVES_ID):
                return None
            if self._registrations is None:
                self._begin()
            if self._register is None:
                return None
            self._giving = kind
        try:
            stock = value.jellyFor.__func__ in GIVES_ID
        except AttributeError:
            stock = False
        luid = self._register(value) if stock else None
        if type(luid) is not int or not 0 <= luid < MOST_IDS:
            return None
        return _REMOTES[luid & 0x7F] + ID_ENDS[luid >> 7]

    def _begin(self) -> None:
        broker = self._broker
        self._first = broker.currentLocalID
        self._registrations = STOCK["registrations"]()
        # Else somebody would see that ids are taken, and taken back.
        plain = type(getattr(type(broker), "currentLocalID", None)) is int
        self._register = broker._registrar(self._registrations) if plain else None

    def _said_back(self, value: Any) -> bytes | None:
        own = value.__dict__
        luid = own.get("luid")
        if (
            "jellyFor" in own
            or own.get("broker") is not self._broker
            or type(luid) is not int
            or not 0 <= luid < MOST_IDS
        ):
            return None
        return _LOCALS[luid & 0x7F] + ID_ENDS[luid >> 7]

    def take_back(self) -> None:
        """Nothing is sent: it is as if nothing had been registered."""
        broker, registrations = self._broker, self._registrations
        if registrations is not None and registrations.made:
            new = {luid for luid in registrations.made[1::2] if luid > self._first}
            locals = registrations.made[0].locals
            broker._takeBack(registrations)
            if broker.currentLocalID == self._first + len(new) and locals.keys().isdisjoint(new):
                # Else somebody else has taken an id since, or was given one of these: a finalizer may call the peer.
                broker.currentLocalID = self._first


def _has_hook(kind: Any, hooks: Any) -> bool:
    """Whether the class *kind* has one of these for ``jellyFor``, and looking at its instances has no effects."""
    if type(kind) is not type or kind.__getattribute__ is not _plain.__getattribute__:
        return False
    hook = getattr(kind, "jellyFor", None)
    return type(hook) is FunctionType and hook in hooks


def _computes(kind: Any, names: tuple[str, ...]) -> bool:
    """Whether the class *kind* has a say about what its instances have under these names."""
    return any(hasattr(getattr(kind, name, None), "__get__") for name in names)


def referrer(broker: Any, security: Taster, perspective: Any, made: list[Any]) -> Callable[[int, int], Any] | None:
    """What gives the object that a word and an id stand for, or None if that is out of the ordinary; None where all is.

    Args:
        broker: the connection.
        security: what may be received.
        perspective: for whom it is.
        made: gets the references that are made.  The peer is told of the end of none of them until they are given to
            `keep`, when nothing more can come between.
    """
    allowed = allowed_names(security)
    cls = reference_class(allowed, DEFAULT_REGISTRY)
    if cls is not None and _hashed_by(cls) != _hashed_by(STOCK["reference"]):
        cls = None
    kind, own = type(broker), broker.__dict__
    returns = (
        allowed is not None
        and LOCAL in allowed
        and DEFAULT_REGISTRY.classes.get(LOCAL) is STOCK["unjelly_local"]
        and kind._returnedObjectForID is STOCK["returned_object"]
        and kind.localObjectForID is STOCK["local_object"]
        and "_returnedObjectForID" not in own
        and "localObjectForID" not in own
    )
    if cls is None and not returns:
        return None
    new = _plain.__new__

    def refer(word: int, luid: int) -> Any:
        if word == REMOTE_WORD:
            if cls is None:
                return None
            # As RemoteReference.unjellyFor and __init__, without the calls.
            reference = new(cls)
            reference.luid = luid
            reference.broker = broker
            reference.doRefCount = 0
            reference.perspective = perspective
            made.append(reference)
            return reference
        found = broker._returnedObjectForID(luid) if returns else None
        # Somebody might want to know that it is there.
        return None if found is None or _may_listen(found) else found

    return refer


def keep(made: list[Any]) -> None:
    """The references that `referrer` made are the application's from now on: the peer is told when they are collected."""
    for reference in made:
        reference.doRefCount = 1
    made.clear()


def _hashed_by(kind: Any) -> tuple[Any, Any]:
    """What is called for an instance that is put into a set, or is a key of a dictionary."""
    return kind.__hash__, kind.__eq__


def _may_listen(found: Any) -> bool:
    """Whether anything of *found* may be called as it is read."""
    kind = type(found)
    return (
        type(kind) is not type
        or kind.__getattribute__ is not _plain.__getattribute__
        or hasattr(kind, "__getattr__")
        or hasattr(kind, "postUnjelly")
        or _hashed_by(kind) != _hashed_by(_plain)
        or "postUnjelly" in getattr(found, "__dict__", ())
    )
