"""Objects that are cached beyond a session: the other side keeps their state in a file, and asks for it again only when
it has changed."""

from __future__ import annotations

import os
import re
import time
from typing import Any

from twisted.internet import defer
from twisted.python.failure import Failure

from . import banana, flavors, jelly
from ._journal import Journal
from .core.limits import DEFAULT_LIMITS

__all__ = ["Publishable", "RemotePublished", "whenReady"]


class Publishable(flavors.Cacheable):
    """An object whose state the other side keeps.

    Args:
        publishedID: names the object, for good.

    Subclasses override `getStateToPublish` or `getStateToPublishFor`, and call `republish` when the state has changed.
    """

    def __init__(self, publishedID: Any) -> None:
        self.republish()
        self.publishedID = publishedID

    def republish(self) -> None:
        """The state is as of now."""
        self.timestamp = time.time()

    def view_getStateToPublish(self, perspective: Any) -> Any:
        """The other side asks for the state."""
        return self.getStateToPublishFor(perspective)

    def getStateToPublishFor(self, perspective: Any) -> Any:
        """The state for *perspective*: by default, the same for everybody."""
        return self.getStateToPublish()

    def getStateToPublish(self) -> Any:
        """The state: a dictionary of attributes.  Override it."""
        raise NotImplementedError(f"{self.__class__}.getStateToPublishFor")

    def getStateToCacheAndObserveFor(self, perspective: Any, observer: Any) -> Any:
        """What is sent every time: what the other side needs to tell whether its file is good."""
        service = getattr(perspective, "getService", None)
        return {
            "remote": flavors.ViewPoint(perspective, self),
            "publishedID": self.publishedID,
            "perspective": getattr(perspective, "perspectiveName", "None"),
            "service": service().serviceName if service is not None else "None",
            "timestamp": self.timestamp,
        }


class RemotePublished(flavors.RemoteCache):
    """What stands here for a `Publishable`.

    Attributes:
        isActivated: whether the state is there.
        remote: a reference to the original.
    """

    isActivated: Any = 0
    _wasCleanWhenLoaded: Any = 0

    remote: Any
    service: Any
    perspective: Any
    publishedID: Any
    timestamp: Any
    _activationListeners: list[Any]

    def getFileName(self, ext: str = "pub") -> str:
        """The file that keeps the state: in the working directory, whatever the other side calls its object."""
        name = f"{_text(self.service)}-{_text(self.perspective)}-{_text(self.publishedID)}.{ext}"
        return re.sub(r"[/\\:\0]", "_", name)

    def setCopyableState(self, state: Any) -> None:
        """Take the state from the file if that is good, and ask for it otherwise."""
        self.__dict__.update(flavors.attributesOf(state, type(self)))
        self._activationListeners = []
        kept = self._readFile()
        if kept is not None and kept.get("timestamp") == self.timestamp:
            self._cbGotUpdate(kept)
            self._wasCleanWhenLoaded = 1
        else:
            self.remote.callRemote("getStateToPublish").addCallback(self._cbGotUpdate).addErrback(
                self._failed, "the state of a published object"
            )

    def _journal(self) -> Any:
        """Where it is logged, at a bounded rate, what peers cause; a peer may send many of these."""
        of_broker = getattr(getattr(self, "broker", None), "_journal", None)
        return Journal(DEFAULT_LIMITS) if of_broker is None else of_broker()

    def _failed(self, reason: Failure, what: str) -> None:
        self._journal().error(reason, what, kind=what)

    def _readFile(self) -> Any:
        """The attributes that the file has, or None if there is no good file."""
        name = self.getFileName()
        try:
            with open(name, "rb") as file:
                kept: Any = jelly.unjelly(banana.decode(file.read()), _fileOptions(type(self)))
        except OSError:
            return None
        except Exception as problem:
            text = f"{os.path.basename(name)!r} is no kept state of a published object: {problem}"
            self._journal().note("kept state", text)
            return None
        return getattr(kept, "__dict__", None)

    def __getstate__(self) -> Any:
        other = self.__dict__.copy()
        for name in ("broker", "remote", "luid", "_activationListeners", "isActivated"):
            other.pop(name, None)
        return other

    def _cbGotUpdate(self, newState: Any) -> None:
        self.__dict__.update(flavors.attributesOf(newState, type(self)))
        self.isActivated = 1
        listeners, self._activationListeners = self._activationListeners, []
        for listener in listeners:
            listener(self)
        self.activated()
        # Before the file is opened: what it has is better than nothing.
        state = banana.encode(jelly.jelly(self))
        try:
            with open(self.getFileName(), "wb") as file:
                file.write(state)
        except OSError:
            self._failed(Failure(), "keeping the state of a published object")

    def activated(self) -> None:
        """The state is there.  Override it."""

    def callWhenActivated(self, callback: Any) -> None:
        """Call *callback* with this object when the state is there; at once if it is."""
        if self.isActivated:
            callback(self)
        else:
            self._activationListeners.append(callback)


def _text(part: Any) -> str:
    return part.decode("utf-8", "replace") if isinstance(part, bytes) else str(part)


def _fileOptions(cls: type) -> Any:
    """What may be in the file: the class itself, and what may be received anyway."""
    options = jelly.SecurityOptions()
    options.allowInstancesOf(cls)
    return options


def whenReady(d: Any) -> Any:
    """A Deferred of the `RemotePublished` that the Deferred *d* is of, when that has its state."""
    ready: defer.Deferred[Any] = defer.Deferred()
    d.addCallbacks(_pubReady, ready.errback, callbackArgs=(ready,))
    return ready


def _pubReady(result: Any, d2: Any) -> None:
    result.callWhenActivated(d2.callback)
