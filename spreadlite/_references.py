"""References to objects of the other side."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, total_ordering
from typing import Any

from twisted.internet import defer
from twisted.persisted import styles
from twisted.python import log
from zope.interface import implementer

from . import banana
from .core import codec, graph
from .core.errors import InsecureJelly
from .core.graph import item_of, shortened
from .flavors import Serializable, nameBytes
from .interfaces import IUnjellyable
from .jelly import setUnjellyableForClass

# Where `banana.SIZE_LIMIT` is found, which may be assigned at any time.
_SIZES = vars(banana)


@total_ordering
class RemoteMethod:
    """One method of an object of the other side, to be called later.  Equal where object and name are.

    Args:
        obj: the `RemoteReference`.
        name: the method's name.
    """

    def __init__(self, obj: Any, name: str | bytes) -> None:
        self.obj = obj
        self.name = name

    def __eq__(self, other: object) -> Any:
        if isinstance(other, RemoteMethod):
            return nameBytes(self.name) == nameBytes(other.name) and self.obj == other.obj
        return NotImplemented

    def __lt__(self, other: object) -> Any:
        if isinstance(other, RemoteMethod):
            return (self.obj, nameBytes(self.name)) < (other.obj, nameBytes(other.name))
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.obj, nameBytes(self.name)))

    def __call__(self, *args: Any, **kw: Any) -> Any:
        """Call it; see `RemoteReference.callRemote`."""
        obj = self.obj
        return obj.broker._sendMessage(b"", obj.perspective, obj.luid, nameBytes(self.name), args, kw)


@implementer(IUnjellyable)
@total_ordering
class RemoteReference(Serializable, styles.Ephemeral):
    """An object of the other side, to be called.

    References to the same object of the same connection are equal, and can be keys of a dictionary.  Each time that the
    other side sends one, another arrives.  It is told of each that is collected, and after the last lets the object go.

    Attributes:
        broker: the connection.
        luid: the object's id there, or its name.
        perspective: for whom arguments are serialised.
        disconnectCallbacks: what `notifyOnDisconnect` was given; None once they were called.
    """

    broker: Any
    # Made when it is needed: most references, of which there may be very many, have none.
    disconnectCallbacks: Any = cached_property(lambda self: [])
    # For an object whose __init__ never ran, whose end is nobody's business.
    doRefCount: Any = 0

    def __init__(self, perspective: Any, broker: Any, luid: Any, doRefCount: Any) -> None:
        self.luid = luid
        self.broker = broker
        self.doRefCount = doRefCount
        self.perspective = perspective

    def notifyOnDisconnect(self, callback: Callable[[RemoteReference], object]) -> None:
        """Call ``callback(reference)`` when the connection goes; at once if it has gone.

        Raises:
            TypeError: it cannot be called.
        """
        if not callable(callback):
            raise TypeError(f"not something to be called: {shortened(callback)}")
        if self.disconnectCallbacks is None:
            self.disconnectCallbacks = []
        self.disconnectCallbacks.append(callback)
        if len(self.disconnectCallbacks) == 1:
            self.broker.notifyOnDisconnect(self._disconnected)

    def dontNotifyOnDisconnect(self, callback: Callable[[RemoteReference], object]) -> None:
        """Take back what `notifyOnDisconnect` was given.

        Raises:
            ValueError: it was not given that, and its callbacks have not been called.
        """
        if self.disconnectCallbacks is None:
            return
        self.disconnectCallbacks.remove(callback)
        if not self.disconnectCallbacks:
            self.broker.dontNotifyOnDisconnect(self._disconnected)

    def _disconnected(self) -> None:
        callbacks, self.disconnectCallbacks = self.disconnectCallbacks, None
        for callback in callbacks or ():
            try:
                callback(self)
            except Exception:
                log.err(None, "a notifyOnDisconnect callback of a reference")

    def jellyFor(self, jellier: Any) -> Any:
        """``[local id]``: the owner gets its own object back.

        Raises:
            AssertionError: it is sent to another connection than its own (what twisted.spread raises).
        """
        if not jellier.invoker:
            return b"unpersistable", b"References cannot be serialized"
        if self.broker is not jellier.invoker:
            raise AssertionError("a reference can be sent only to the side that owns its object")
        return b"local", self.luid

    def unjellyFor(self, unjellier: Any, unjellyList: Any) -> Any:
        """Become the reference that ``[remote id]`` stands for."""
        broker = unjellier.invoker
        luid = item_of(unjellyList, 1)
        if broker is None:
            raise InsecureJelly("a reference without a connection")
        if type(luid) not in (int, bytes):
            raise InsecureJelly(f"not the id of an object: {shortened(luid)}")
        self.__init__(broker.unserializingPerspective, broker, luid, 1)  # type: ignore[misc]
        return self

    @codec.caller(_SIZES, vars(defer))
    def callRemote(self, _name: str | bytes, *args: Any, **kw: Any) -> Any:
        """Call a method of the object.

        The keywords ``pbanswer`` (false: no answer is wanted, None is returned), ``pbcallback`` and ``pberrback`` (both
        deprecated) do not reach it.

        Returns:
            A Deferred of the result; it fails with a `CopiedFailure` or whatever else the other side sends as an error,
            with `PBConnectionLost` when the connection goes first, or with the reason for which the arguments cannot be
            serialised or the answer not be read.

        Raises:
            DeadReferenceError: the connection has gone.
            BananaError: an argument is too large for banana.
            TypeError: there is a ``pbcallback`` or ``pberrback``, and no answer is wanted.
        """
        name = _name.encode() if type(_name) is str else nameBytes(_name)
        return self.broker._sendMessage(b"", self.perspective, self.luid, name, args, kw)

    def remoteMethod(self, key: str | bytes) -> RemoteMethod:
        """The method *key*, to be called later."""
        return RemoteMethod(self, key)

    def __eq__(self, other: object) -> Any:
        if isinstance(other, RemoteReference):
            return self.broker is other.broker and self.luid == other.luid
        return NotImplemented

    def __lt__(self, other: object) -> Any:
        if isinstance(other, RemoteReference) and self.broker is other.broker:
            return self.luid < other.luid
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.luid)

    @codec.finalizer
    def __del__(self) -> None:
        if self.doRefCount:
            try:
                self.broker.sendDecRef(self.luid)
            except Exception:
                # As Python ends, modules lose what they have, and there is nobody left to be told.
                if log is not None:
                    log.err(None, "releasing a reference")


setUnjellyableForClass("remote", RemoteReference)
graph.STOCK.update(
    reference=RemoteReference,
    reference_jelly=RemoteReference.jellyFor,
    reference_unjelly=RemoteReference.unjellyFor,
    reference_init=RemoteReference.__init__,
    reference_callbacks=RemoteReference.disconnectCallbacks,
)
graph.TAKES_ID.add(RemoteReference.unjellyFor)

