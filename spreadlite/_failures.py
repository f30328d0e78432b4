"""Failures that travel.

A failure leaves as a `CopyableFailure` and arrives as a `CopiedFailure`.  Both are pinned (see `core.errors`): the tag
``twisted.spread.pb.CopyableFailure`` is what old peers send and know.
"""

from __future__ import annotations

from typing import Any

from twisted.python import failure, log, reflect

from . import banana, flavors
from .core.errors import RemoteError
from .core.graph import shortened
from .core.text import cut, escaped
from .core.weights import MOST_SHOWN, within
from .flavors import Copyable, RemoteCopy, attributesOf
from .interfaces import IUnjellyable
from .jelly import _newInstance, setUnjellyableForClass

# The classes that an exception may have among its own, by the names that they have where they are twisted.spread's.
_FLAVORS = {
    reflect.qual(cls): f"twisted.spread.{'flavors' if cls.__module__ == flavors.__name__ else 'jelly'}.{cls.__name__}"
    for cls in vars(flavors).values()
    if isinstance(cls, type) and issubclass(cls, (flavors.Jellyable, flavors.Unjellyable))
}


def textOfException(value: Any) -> str:
    """``str(value)``, in any case."""
    try:
        arguments = getattr(value, "args", ())
        if type(arguments) is tuple and not within(arguments, MOST_SHOWN):
            # What a peer sent may be a container whose text never ends; an application may put it into an exception.
            return f"{reflect.qual(type(value))}: {shortened(arguments, 1000)}"
        return str(value)
    except BaseException as error:
        return f"<{reflect.qual(type(value))}, whose text cannot be had: {type(error).__name__}>"


def sendable(text: str) -> str:
    """*text*, without what UTF-8 has no form for, and cut to what banana sends."""
    data = text.encode("utf-8", "backslashreplace")
    if len(data) > banana.SIZE_LIMIT:
        data = data[: max(0, banana.SIZE_LIMIT - 32)] + b" [cut]"
    return data.decode("utf-8", "ignore")


class CopyableFailure(failure.Failure, Copyable):
    """A failure that can be sent.

    Attributes:
        unsafeTracebacks: whether the traceback's text is sent too, which tells the peer of the program's insides.
    """

    __module__ = "twisted.spread.pb"

    unsafeTracebacks = 0

    def getStateToCopy(self) -> dict[str, Any]:
        """What is sent of a failure: no frames, and the exception as text."""
        # Before Twisted 24 or so there is no property of that name; a failure that was copied has them all the same.
        parents = getattr(self, "parents", None) or self.__dict__.get("_parents", [])
        # What others keep on a failure for themselves (test runners do) would not be read at the other side.
        state = {name: value for name, value in self.__dict__.items() if name[:1] != "_" or name == "_frames"}
        names = [parent if isinstance(parent, (str, bytes)) else reflect.qual(parent) for parent in parents]
        state["parents"] = [_FLAVORS.get(name, name) for name in names]  # type: ignore[arg-type]
        state["tb"] = None
        state["frames"] = []
        state["stack"] = []
        state["value"] = sendable(textOfException(self.value))
        kind: Any = self.type
        state["type"] = kind if isinstance(kind, bytes) else reflect.qual(kind).encode("utf-8")
        if self.unsafeTracebacks:
            # Twisted cannot print what came from another peer, and is passed on; it has the text that came with it.
            text = state.get("traceback") if isinstance(kind, (bytes, str)) else self.getTraceback()
            state["traceback"] = sendable(text) if isinstance(text, str) else "Traceback unavailable\n"
        else:
            state["traceback"] = "Traceback unavailable\n"
            if "_frames" in state:
                # Under this name Twisted keeps file names and lines, which are no more the peer's business.
                state["_frames"] = []
        return state


# A peer says how many classes an exception has, and what they are called.
_MOST_PARENTS = 64
_LONGEST_NAME = 1000
_OWN_NAMES = {reflect.qual(cls) for cls in RemoteError.__mro__}


class CopiedFailure(RemoteCopy, failure.Failure):
    """A failure of the other side.

    Attributes:
        type: the dotted name of the exception's class there (bytes).
        value: the text of the exception.
        traceback: the text of the traceback, or words that it was not sent.
        parents: the dotted names of the exception's classes, by which `check` and `trap` find it.

    Where an exception has to be raised for it (`raiseException`, ``await``, a generator), that is a `RemoteError`.
    """

    __module__ = "twisted.spread.pb"

    def setCopyableState(self, state: Any) -> None:
        """Take what the other side sent; a peer of before Twisted 1.3 or so sends no ``parents``."""
        state = attributesOf(state, type(self))
        kind = state.setdefault("type", b"unknown")
        if not isinstance(kind, (bytes, str)):
            kind = state["type"] = shortened(kind).encode("utf-8", "replace")
        parents = state.pop("parents", None)
        if not isinstance(parents, (list, tuple)):
            parents = [kind]
        state["_parents"] = [
            parent.decode("utf-8", "replace") if isinstance(parent, bytes) else parent
            for parent in parents[:_MOST_PARENTS]
            if isinstance(parent, (bytes, str))
        ]
        state.setdefault("value", "")
        state.setdefault("traceback", "Traceback unavailable\n")
        for name in ("frames", "_frames", "stack"):
            if type(state.get(name)) is not list:
                state.pop(name, None)
        for name in ("frames", "stack"):
            state.setdefault(name, [])
        # Twisted looks at these when nobody takes care of a failure; frames with variables are not sent.
        state["captureVars"] = False
        state["tb"] = None
        super().setCopyableState(state)

    def __setstate__(self, state: Any) -> None:
        """Take the state of a failure that was serialised without a connection."""
        self.setCopyableState(state)

    def _name(self) -> str:
        kind: Any = self.type
        if isinstance(kind, type):
            return reflect.qual(kind)
        return kind.decode("utf-8", "replace") if isinstance(kind, bytes) else str(kind)

    @property
    def parents(self) -> Any:
        """The dotted names of the exception's classes."""
        names = self.__dict__.get("_parents")
        if names is None:
            # Where an application has replaced setCopyableState, the state is as it was sent.
            names = self.__dict__.get("parents", [self._name()] if "type" in self.__dict__ else [])
        return names

    @parents.setter
    def parents(self, names: Any) -> None:
        self.__dict__["_parents"] = names

    def check(self, *errorTypes: Any) -> Any:
        """The first of *errorTypes* (classes or dotted names) that the exception is one of, else None."""
        for error in errorTypes:
            name: Any = reflect.qual(error) if isinstance(error, type) else error
            if isinstance(name, bytes):
                name = name.decode("utf-8", "replace")
            if name in self.parents:
                return error
        return None

    def trap(self, *errorTypes: Any) -> Any:
        """The first of *errorTypes* that the exception is one of; otherwise a `RemoteError` is raised, in which later
        errbacks find the same classes."""
        error = self.check(*errorTypes)
        if error is None:
            raise self.value if isinstance(self.value, BaseException) else self._namesake()
        return error

    def _namesake(self) -> RemoteError:
        """A `RemoteError` whose class goes by the names of the remote exception's classes.

        A trap that misses in one errback raises it, and Twisted makes a failure of it for the next, which must find in it
        what it would have found here.
        """
        kind: type = RemoteError
        for name in reversed(self.parents[:_MOST_PARENTS]):
            if isinstance(name, str) and name.isprintable() and name not in _OWN_NAMES and len(name) <= _LONGEST_NAME:
                module, _, last = name.rpartition(".")
                kind = type(last or "Remote", (kind,), {"__module__": module})
        made: RemoteError = kind(self.type, self.getErrorMessage(), self.__dict__.get("traceback"))
        return made

    def getErrorMessage(self) -> str:
        """The text of the exception."""
        value: Any = self.value
        # Peers that run Python 2 send bytes.
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        # Whatever else a peer sends for a text may have one that never ends.
        return shortened(value, 1000) if type(value) in (list, tuple, dict, set, frozenset) else str(value)

    def _error(self) -> RemoteError:
        kind: Any = self.type
        return RemoteError(kind, self.getErrorMessage(), self.__dict__.get("traceback"))

    def raiseException(self) -> Any:
        """Raise a `RemoteError` that stands for the exception, or the exception that was assigned to ``value``."""
        raise self.value if isinstance(self.value, BaseException) else self._error()

    def throwExceptionIntoGenerator(self, g: Any) -> Any:
        """Throw a `RemoteError` that stands for the exception into the generator *g*."""
        return g.throw(self._error())

    # Under this name Twisted's coroutines call the same.
    _throwExceptionIntoGenerator = throwExceptionIntoGenerator

    def getTraceback(self, elideFrameworkCode: Any = 0, detail: Any = "default") -> str:
        """What is known of the traceback, as text."""
        text = f"Traceback from remote host -- {self._name()}: {self.getErrorMessage()}\n"
        # This is what is logged of a failure that nobody has taken care of.
        return escaped(cut(text, 3000, 1000))

    def printTraceback(self, file: Any = None, elideFrameworkCode: Any = 0, detail: Any = "default") -> None:
        """Write `getTraceback` to *file*, or to the log."""
        if file is None:
            file = log.logfile
        file.write(self.getTraceback())

    printBriefTraceback = printTraceback
    printDetailedTraceback = printTraceback

    def __repr__(self) -> str:
        text = f"{reflect.qual(type(self))} {self._name()}: {self.getErrorMessage()}"
        return f"<{escaped(cut(text, 3000, 1000))}>"

    def __reduce__(self) -> Any:
        return _rebuildCopied, (dict(self.__dict__),)


def _rebuildCopied(state: dict[str, Any]) -> CopiedFailure:
    """A `CopiedFailure` from a pickle: pickle would look for the class in the module that it names."""
    made = CopiedFailure.__new__(CopiedFailure)
    made.__dict__.update(state)
    return made


setUnjellyableForClass(CopyableFailure, CopiedFailure)


class _ObjectFailure(failure.Failure):
    """A failure whose ``value`` is an object that the other side sent for an error, and which is no exception here.

    A `Copyable` exception arrives so where the class of its copy is none, and so does a `Referenceable` one.  `check`
    and `trap` know it by its class, as they do with twisted.spread.  Where an exception has to be raised for it, that is a
    `RemoteError`, whose ``args[0]`` is the object.
    """

    def _error(self) -> RemoteError:
        return RemoteError(b"unknown", self.value, None)

    def raiseException(self) -> Any:
        """Raise a `RemoteError` that has the object."""
        raise self._error()

    def throwExceptionIntoGenerator(self, g: Any) -> Any:
        """Throw a `RemoteError` that has the object into the generator *g*."""
        return g.throw(self._error())

    # Under this name Twisted's coroutines call the same.
    _throwExceptionIntoGenerator = throwExceptionIntoGenerator


def failureOf(sent: Any) -> failure.Failure:
    """What a call fails with whose error the other side sent as *sent*."""
    if isinstance(sent, failure.Failure):
        return sent
    if isinstance(sent, BaseException):
        return failure.Failure(sent)
    if IUnjellyable.providedBy(sent):
        return _ObjectFailure(sent)  # type: ignore[no-untyped-call]
    return failure.Failure(RemoteError(b"unknown", sent, None))


def failure2Copyable(fail: Any, unsafeTracebacks: Any = 0) -> CopyableFailure:
    """A `CopyableFailure` of the failure *fail*."""
    made: CopyableFailure = _newInstance(CopyableFailure, fail.__getstate__())
    made.unsafeTracebacks = unsafeTracebacks
    return made


