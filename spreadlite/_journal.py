"""What is logged on the account of peers: at a bounded rate, cut, and with nothing in it that a terminal would obey."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger
from twisted.python import failure, log

from .core.errors import RemoteError
from .core.graph import shortened
from .core.limits import Limits
from .core.text import cut, escaped
from .core.weights import MOST_SHOWN, within

_log = Logger()

# Kinds are our own words and the names of the application's exceptions: few.  Should there be more, they share one rate.
_MOST_KINDS = 200
_OTHERS = "others"

# Characters of a traceback that is logged: its beginning and, after a cut, its end.
_HEAD = 3000
_TAIL = 1000
# Exceptions of which one is the cause, or came as the other was handled.
_MOST_CAUSES = 100


def _name_of(kind: type) -> str:
    """The dotted name of a class, also of one whose ``__module__`` is no text, or not there, at which Twisted fails."""
    try:
        return f"{kind.__module__}.{kind.__name__}"
    except Exception:
        # Made where nothing had a name, ``type(...)`` gives a class without; and a metaclass may fail at anything.
        return type.__repr__(kind)


def _arguments_of(error: Any) -> Any:
    try:
        return getattr(error, "args", ())
    except Exception:
        return ()


def _kind_of(reason: failure.Failure) -> str:
    """The dotted name of a failure's exception; of one that came from a peer, what the peer says."""
    kind: Any = reason.type
    if isinstance(kind, type):
        return _name_of(kind)
    return kind.decode("utf-8", "replace") if isinstance(kind, bytes) else str(kind)


def _rate_of(reason: failure.Failure) -> str:
    """Among which others a failure is counted.  All that came from peers are one kind, for peers choose what they say."""
    kind: Any = reason.type
    return _name_of(kind if isinstance(kind, type) and not issubclass(kind, RemoteError) else RemoteError)


def _chain(error: Any) -> list[BaseException]:
    """An exception, its cause or that which was being handled when it came, and so on."""
    chain: list[BaseException] = []
    while isinstance(error, BaseException) and len(chain) < _MOST_CAUSES:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


class _Told(failure.Failure):
    """A failure as it is logged: its text is escaped and cut, for a peer has a say in it.

    It has frames while it is being logged, for observers that report errors elsewhere, and none after that.  Logs and what
    looks at them keep failures, and frames keep a connection and all that came by it.
    """

    _text: str

    @classmethod
    def of(cls, reason: failure.Failure) -> _Told:
        """What is told of *reason*."""
        errors = _chain(reason.value)
        if all(within(_arguments_of(error), MOST_SHOWN) for error in errors):
            try:
                text = str(reason.getTraceback())
            except Exception as problem:
                text = f"{_kind_of(reason)}, whose traceback cannot be told: {type(problem).__name__}\n"
        else:
            # What a peer sent may be a container whose text never ends; an application may put it into an exception.
            text = f"{_kind_of(reason)}: {shortened(_arguments_of(reason.value), _TAIL)}\n"
        told = cls.__new__(cls)
        told.__dict__.update(reason.__dict__)
        told.__dict__["_text"] = escaped(cut(text, _HEAD, _TAIL))
        return told

    def forget(self) -> None:
        """Let go of all frames, its exception's too."""
        self.__dict__.update(_frames=[], tb=None, stack=[], pickled=1)
        if "frames" in self.__dict__:
            self.__dict__["frames"] = []
        for error in _chain(self.value):
            error.__traceback__ = None

    def getTraceback(self, *args: Any, **kw: Any) -> str:
        """The traceback's text."""
        return self._text

    def printTraceback(self, file: Any = None, *args: Any, **kw: Any) -> None:
        """Write the traceback's text."""
        (log.logfile if file is None else file).write(self._text)

    printBriefTraceback = printTraceback
    printDetailedTraceback = printTraceback


class Journal:
    """Logs what peers cause, for one factory.

    Args:
        limits: ``log_lines`` and ``log_seconds``.
        clock: gives the time in seconds.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = limits.log_lines
        self._seconds = limits.log_seconds
        self._clock = clock
        # By kind: when its first line was written, how many were, and how many were not.
        self._kinds: dict[str, list[Any]] = {}

    def admits(self, kind: str) -> bool:
        """Whether one more line of that kind may be written now; if not, it is counted."""
        now = self._clock()
        if kind not in self._kinds and len(self._kinds) >= _MOST_KINDS:
            kind = _OTHERS
        record = self._kinds.get(kind)
        if record is None or now - record[0] >= self._seconds:
            self._kinds[kind] = [now, 1, 0]
            if record is not None:
                self._tell(kind, record[2])
            return True
        if record[1] < self._most:
            record[1] += 1
            return True
        record[2] += 1
        return False

    def settle(self) -> None:
        """Tell of what was not written, where that is due."""
        now = self._clock()
        for kind, record in list(self._kinds.items()):
            if now - record[0] >= self._seconds:
                del self._kinds[kind]
                self._tell(kind, record[2])

    def _tell(self, kind: str, number: int) -> None:
        if number:
            _log.warn("PB: {number} more of this kind were not logged: {kind}", number=number, kind=kind)

    def note(self, kind: str, text: str) -> None:
        """Log *text*."""
        if self.admits(kind):
            log.msg(escaped(text))

    def warn(self, kind: str, format: str, **fields: Any) -> None:
        """Log a warning, through ``twisted.logger``."""
        if self.admits(kind):
            _log.warn(
                format, **{name: escaped(value) if isinstance(value, str) else value for name, value in fields.items()}
            )

    def error(
        self,
        reason: failure.Failure,
        why: str | None = None,
        before: str | None = None,
        kind: str | None = None,
        beforeIsError: bool = False,
    ) -> None:
        """Log a failure with its traceback, after the line *before*; it is of no other use after that.

        *beforeIsError*: whether that line is marked as an error too.
        *kind*: among which others it is counted; None for those of its exception.
        """
        if self.admits(_rate_of(reason) if kind is None else kind):
            if before is not None:
                log.msg(before, **({"isError": True} if beforeIsError else {}))
            told = _Told.of(reason)
            try:
                log.err(told, why)
            finally:
                told.forget()
