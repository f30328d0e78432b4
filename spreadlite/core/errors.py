"""Every exception that spreadlite raises by itself.  This module imports nothing.

Names that travel: the dotted name of an exception class is text on the wire (an error's ``type`` and ``parents``), and
old peers compare that text with their own class names.  So the classes that twisted.spread also has say
``twisted.spread.<module>`` as their ``__module__``: a peer that traps ``pb.NoSuchMethod`` traps ours, and the other way
round.  Such a class is pinned.  Pickle would look a pinned class up in the module that it names and find the original
there (or nothing), so pinned exceptions pickle by their home in this module.

No class here has class-level annotations: they would be resolved in the module that the class names.
"""

from __future__ import annotations


def rebuild_exception(name: str, args: tuple[object, ...]) -> BaseException:
    """Make the pinned exception *name* of this module again, without its constructor (the other half of pickling)."""
    cls = globals()[name]
    error: BaseException = cls.__new__(cls, *args)
    error.args = args
    return error


def reduce_by_home(self: BaseException, protocol: object) -> object:
    """Pickle an exception class of this module by its home here; a subclass of the application as exceptions do.

    A function rather than a base class, which would travel among an error's ``parents``.
    """
    cls = type(self)
    if globals().get(cls.__name__) is not cls:
        return object.__reduce_ex__(self, protocol)  # type: ignore[arg-type]
    return rebuild_exception, (cls.__name__, self.args), self.__dict__ or None


class BananaError(Exception):
    """Bytes or an expression that banana does not carry: too long, too deep, too large, or malformed."""

    __module__ = "twisted.spread.banana"
    __reduce_ex__ = reduce_by_home  # type: ignore[assignment]


class UnknownWord(BananaError, KeyError):
    """A word of the vocabulary was sent by a number that no word has; a KeyError too, which twisted.spread raises."""

    __str__ = Exception.__str__


class UnknownElement(BananaError, NotImplementedError):
    """An element that the dialect does not have; a NotImplementedError too, which twisted.spread raises."""


class InsecureJelly(Exception):
    """A jelly was refused: its type, class or module is not allowed, or it has not the shape that its type asks for."""

    __module__ = "twisted.spread.jelly"
    __reduce_ex__ = reduce_by_home  # type: ignore[assignment]


class MethodChanged(InsecureJelly, TypeError):
    """A bound method was sent that its class does not have here; a TypeError too, which twisted.spread raises."""


class NoSuchMethod(AttributeError):
    """The object has no remote method of that name."""

    __module__ = "twisted.spread.flavors"
    __reduce_ex__ = reduce_by_home  # type: ignore[assignment]


class ProtocolError(Exception):
    """The peer said something that Perspective Broker has no meaning for."""

    __module__ = "twisted.spread.pb"
    __reduce_ex__ = reduce_by_home  # type: ignore[assignment]


class DeadReferenceError(ProtocolError):
    """A call was made through a reference whose connection is gone."""

    __module__ = "twisted.spread.pb"
    __reduce_ex__ = reduce_by_home  # type: ignore[assignment]


class Error(Exception):
    """Raise this, or a subclass, in a remote method for an error that is part of the method's contract.

    The caller receives it like any error; the server logs nothing.
    """

    __module__ = "twisted.spread.pb"
    __reduce_ex__ = reduce_by_home  # type: ignore[assignment]


class RemoteError(Exception):
    """Stands for an exception of the other side where a Python exception has to be raised here.

    Attributes:
        remoteType: the dotted name of the exception's class over there (bytes, as it was received).
        remoteTraceback: the traceback's text, where the other side gave it away.

    ``args[0]`` is the text of the remote exception.
    """

    __module__ = "twisted.spread.pb"
    __reduce_ex__ = reduce_by_home  # type: ignore[assignment]

    def __init__(self, remoteType: bytes, value: object, remoteTraceback: object) -> None:
        super().__init__(value)
        self.remoteType = remoteType
        self.remoteTraceback = remoteTraceback


class PBConnectionLost(Exception):
    """The connection went while the call was waiting for its answer."""

    __module__ = "twisted.spread.pb"
    __reduce_ex__ = reduce_by_home  # type: ignore[assignment]


class UnregisteredTypeWarning(UserWarning):
    """An object of a type that Perspective Broker does not carry was sent; the peer gets an `Unpersistable` for it."""


#: The pinned classes of this module, by the names under which they travel.
PINNED = {
    f"{cls.__module__}.{cls.__name__}": cls
    for cls in list(globals().values())
    if isinstance(cls, type) and cls.__module__.startswith("twisted.spread.")
}
