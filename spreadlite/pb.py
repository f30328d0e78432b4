"""Perspective Broker: objects that are called from the other side of a connection.

`PBServerFactory` publishes a root, or a portal where peers log in; `PBClientFactory` connects to one.  A `Broker` is the
protocol of either side: it joins the tables of what the two sides hold of one another (`core.tables`), the codec
(`core.codec`), and the life of the connection.

`MAX_BROKER_REFS` may be assigned at any time; it is read at each use.
"""

# ruff: noqa: F401 - some names are here because programs import them from here.

from __future__ import annotations

import random
import time
import weakref
from collections.abc import Callable
from functools import cached_property, partial
from hashlib import md5
from threading import get_ident
from types import CoroutineType
from typing import Any, NoReturn

from twisted.cred.credentials import Anonymous, IAnonymous, ICredentials, IUsernameHashedPassword
from twisted.cred.error import UnhandledCredentials
from twisted.cred.portal import Portal
from twisted.internet import defer, error, protocol
from twisted.persisted import styles
from twisted.python import failure, log, reflect, threadable
from twisted.python.compat import cmp, comparable
from twisted.python.components import registerAdapter
from zope.interface import Interface, implementer

from . import _flow, _pages, _seams, _transports, banana
from . import jelly as _jelly
from ._failures import CopiedFailure, CopyableFailure, failure2Copyable, failureOf
from ._journal import Journal
from ._login import (
    AsReferenceable,
    IPerspective,
    IUsernameMD5Password,
    _JellyableAvatarMixin,
    _PortalAuthChallenger,
    _PortalRoot,
    _PortalWrapper,
    asBytes,
    challenge,
    respond,
)
from ._references import RemoteMethod, RemoteReference
from .core import codec, graph, shortcut, tables, vocabulary, wire
from .core.errors import (
    BananaError,
    DeadReferenceError,
    Error,
    InsecureJelly,
    NoSuchMethod,
    PBConnectionLost,
    ProtocolError,
)
from .core.errors import RemoteError as RemoteError
from .core.graph import shortened
from .core.limits import DEFAULT_LIMITS, Limits
from .core.tables import Local as Local
from .core.weights import size_of
from .flavors import (
    Cacheable,
    Copyable,
    IPBRoot,
    Jellyable,
    Referenceable,
    RemoteCache,
    RemoteCacheObserver,
    RemoteCopy,
    Root,
    Serializable,
    Viewable,
    ViewPoint,
    argumentsOf,
    call,
    copyTags,
    serializer,
    setCopierForClass,
    setCopierForClassTree,
    setFactoryForClass,
    setUnjellyableFactoryForClass,
    setUnjellyableForClass,
    setUnjellyableForClassTree,
    textOf,
)
from .interfaces import IJellyable, IUnjellyable
from .jelly import _newInstance, globalSecurity
from .jelly import unjelly as unjelly

__all__ = [
    "AsReferenceable",
    "Avatar",
    "Broker",
    "Cacheable",
    "CopiedFailure",
    "Copyable",
    "CopyableFailure",
    "DeadReferenceError",
    "Error",
    "IPBRoot",
    "IPerspective",
    "IUsernameMD5Password",
    "Jellyable",
    "MAX_BROKER_REFS",
    "NoSuchMethod",
    "PBClientFactory",
    "PBConnectionLost",
    "PBServerFactory",
    "ProtocolError",
    "Referenceable",
    "RemoteCache",
    "RemoteCacheObserver",
    "RemoteCopy",
    "RemoteMethod",
    "RemoteReference",
    "Root",
    "Serializable",
    "ViewPoint",
    "Viewable",
    "challenge",
    "copyTags",
    "failure2Copyable",
    "portno",
    "respond",
    "setCopierForClass",
    "setCopierForClassTree",
    "setFactoryForClass",
    "setUnjellyableFactoryForClass",
    "setUnjellyableForClass",
    "setUnjellyableForClassTree",
]

#: References, and caches, that one connection may hold of this side at the most.  Assign another where that is needed.
MAX_BROKER_REFS = 1024

#: The port that Perspective Broker is served on where no other is named.
portno = 8787

jelly = _jelly.jelly


@implementer(IPerspective)
class Avatar:
    """What a user is to the application: the peer's calls arrive at its ``perspective_`` methods.

    A realm returns one (or anything else that provides `IPerspective`) for a login.
    """

    def perspectiveMessageReceived(self, broker: Any, message: Any, args: Any, kw: Any) -> Any:
        """The peer calls *message*; see `flavors.Referenceable.remoteMessageReceived`."""
        serialize = serializer(broker, args)
        args, kw = argumentsOf(broker.unserialize(args, self), broker.unserialize(kw, self))
        method = getattr(self, "perspective_" + textOf(message))
        return serialize(call(method, args, kw, broker), self, method, args, kw)


_seams.RECEIVERS.add(Avatar.perspectiveMessageReceived)
graph.STOCK["perspective_receive"] = Avatar.perspectiveMessageReceived

#: The number of arguments that each message has; a peer that sends another breaks the protocol.
_ARITY = {
    b"version": 1,
    b"didNotUnderstand": 1,
    b"message": 6,
    b"cachemessage": 6,
    b"answer": 2,
    b"error": 2,
    b"decref": 1,
    b"decache": 1,
    b"uncache": 1,
}

# Those whose arguments may be packed where the methods that get them are ours.
_READ_PACKED = frozenset((b"message", b"cachemessage", b"answer", b"error"))

# What is said because the peer said something: the peer can make us say as much as it likes.
_REPLIES = frozenset((b"answer", b"error", b"didNotUnderstand", b"uncache"))


class Broker(banana.Banana):
    """One end of a connection.

    Args:
        isClient: whether this end connected (true), or was connected to.
        security: what may be sent and received.

    Attributes:
        factory: the factory that made it; set before the connection is made.
        disconnected: whether the connection has gone.
        localObjects: ids (and names) of objects of ours that the peer may call, to `Local`.
        luids: the ``processUniqueID()`` of such an object, to its id.
        remotelyCachedObjects, remotelyCachedLUIDs: the same for objects of ours that the peer has cached.
        locallyCachedObjects: ids of the peer's objects that are cached here, to them.
        waitingForAnswers: request ids of our calls, to their Deferreds.
        serializingPerspective, unserializingPerspective: for whom something is being serialised or unserialised.

    All tables are None once the connection has gone.
    """

    version = 6
    username: Any = None
    factory: Any = None
    maxBrokerRefsViolations = 0
    serializingPerspective: Any = None
    unserializingPerspective: Any = None
    jellyMethod: Any = None
    jellyArgs: Any = None
    jellyKw: Any = None
    waitingForAnswers: Any = None
    disconnected: Any = 0
    currentRequestID = 0
    currentLocalID = 0

    # Here rather than in the constructor are those that stay as they are on most connections, which may be many: Python
    # needs twice the room for more than 21 of their own.

    # What is to be called when there is a connection, until there is one.
    connects: Any = None
    disconnects: Any = cached_property(lambda self: [])
    failures: Any = cached_property(lambda self: [])
    pageProducers: Any = cached_property(lambda self: [])
    localObjects: Any = cached_property(lambda self: self._exports.locals)
    luids: Any = cached_property(lambda self: self._exports.ids)
    _caches: Any = cached_property(lambda self: tables.LocalTable("cached object"))
    remotelyCachedObjects: Any = cached_property(lambda self: self._caches.locals)
    remotelyCachedLUIDs: Any = cached_property(lambda self: self._caches.ids)
    locallyCachedObjects: Any = cached_property(lambda self: {})
    # By processUniqueID: what to call when the object leaves localObjects.
    _localCleanup: Any = cached_property(lambda self: {})
    # Objects that the peer let go of just before an answer which may bring them back; see proto_decref.
    _justReleased: Any = cached_property(lambda self: {})

    # Of the objects that are cached here, those whose state is not there, or could not be read; and what the state of each
    # takes.  See _beginCache.
    _halfMade: Any = frozenset()
    _cacheSizes: Any = None
    _cachedBytes = 0
    # What the serialisation at work has put into the tables.
    _registrations: tables.Registrations | None = None
    # The last result that was serialised, its expression and what that put into the tables, until it is sent.
    _unsent: tuple[Any, Any, tables.Registrations] | None = None
    _negotiation: Any = None
    _idling: Any = None
    # Whether the connection ends as soon as what was said has been sent.
    _parting = False
    # Calls of the peer's whose answer is a Deferred that has not fired.
    _answering = 0
    # Whether it was just seen that every method between a message's bytes and its values is ours; see _seams.
    _stock = False
    # The transport's reactor; None in memory, where nobody waits and there are no turns.
    _reactor: Any = None

    def __init__(self, isClient: Any = 1, security: Any = globalSecurity) -> None:
        banana.Banana.__init__(self, isClient)
        self.security = security
        self.connects = []
        self._exports = tables.LocalTable("object")
        self.waitingForAnswers = tables.Questions()
        self._inflow = _flow.Inflow()
        self._output = _flow.Output()
        # What is asked for with each message is found sooner here than in the class.
        self.limits = self.limits
        self.disconnected = 0
        self._answering = 0

    # The life of the connection.

    def connectionMade(self) -> None:
        """Begin to negotiate; see `Limits.negotiation_seconds`."""
        transport = self.transport
        _transports.no_delay(transport)
        self._reactor = reactor = _transports.reactor_of(transport)
        if reactor is not None:
            self._negotiation = reactor.callLater(self.limits.negotiation_seconds, self._negotiationTimedOut)
            if self.limits.idle_seconds is not None:
                self._heard()
        keepAlive = getattr(self.factory, "keepAlive", None)
        if keepAlive is not None:
            _transports.keep_alive(transport, keepAlive)
        banana.Banana.connectionMade(self)

    def _negotiationTimedOut(self) -> None:
        self._negotiation = None
        if self._deaf or self._parting:
            self._end()
        else:
            self._refuse(f"no dialect was agreed on within {self.limits.negotiation_seconds} seconds")

    def _heard(self) -> None:
        """The peer said something; see `Limits.idle_seconds`."""
        if self._idling is None:
            self._idling = self._reactor.callLater(self.limits.idle_seconds, self._idledOut)
        else:
            self._idling.reset(self.limits.idle_seconds)

    def _idledOut(self) -> None:
        self._idling = None
        self._refuse(f"nothing was heard for {self.limits.idle_seconds} seconds")

    def _stopNegotiation(self) -> None:
        _cancel(self.__dict__.pop("_negotiation", None))

    def connectionReady(self) -> None:
        """A dialect is agreed on: tell our version, the ``notifyOnConnect`` callbacks, and the factory."""
        self._stopNegotiation()
        own = self.__dict__
        connects = own.pop("connects", None)
        # What is there once and for all takes its place last; see _seams.
        own.pop("_attributesSeen", None)
        # Python, which has found that there are many, has made room for three times as many; connections may be many too.
        self.__dict__ = dict(zip(own, own.values()))  # noqa: B905
        self.sendCall(b"version", self.version)
        for notifier in connects or ():
            self._guarded(notifier, "a notifyOnConnect callback")
        self.factory.clientConnectionMade(self)

    def connectionFailed(self) -> None:
        """The connection was never made: tell the ``notifyOnFail`` callbacks.

        Nothing here calls this, as with twisted.spread: whoever makes brokers without a factory may.
        """
        failures, self.failures = self.failures, None
        for notifier in failures or ():
            self._guarded(notifier, "a notifyOnFail callback")

    def connectionLost(self, reason: Any = protocol.connectionDone) -> None:
        """The connection has gone: everything that was set up for it is taken down, once.

        In this order: calls in flight fail with `PBConnectionLost`; the owners of cached objects are told; pages stop;
        the factory is told, so that it knows when the ``notifyOnDisconnect`` callbacks are called; the tables go.

        What the peer had said before it ended the connection in an orderly way is worked on first.
        """
        self._stopNegotiation()
        timer, self._idling = self._idling, None
        _cancel(timer)
        if not self.disconnected and not self._inflow.outlives(self, reason):
            self._connectionGone(reason)

    def _connectionGone(self, reason: Any) -> None:
        if self.disconnected:
            return
        self.disconnected = 1
        self._deaf = True
        # Also one that was set since the peer left; see _part.
        self._stopNegotiation()
        self.luids = None
        waiting, self.waitingForAnswers = self.waitingForAnswers, {}
        for d in list((waiting or {}).values()):
            self._guarded(partial(d.errback, failure.Failure(PBConnectionLost(reason))), "a call's errback")
        # Of what is made when it is needed, nothing is made now.
        own = self.__dict__
        if "_caches" in own:
            for local in list(self._caches.locals.values()):
                # Who has none left is just being told; see proto_decache.
                if local.refcount > 0:
                    self._stopObserving(local)
        for pager in own.pop("pageProducers", ()):
            self._guarded(partial(_pages.stop, pager), "a pager")
        lost = getattr(self.factory, "_brokerLost", None)
        if lost is not None:
            self._guarded(partial(lost, self, reason), "a factory")
        for notifier in own.pop("disconnects", ()):
            self._guarded(notifier, "a notifyOnDisconnect callback")
        own.update(_NOTHING_LEFT)
        for name in ("_unsent", "_justReleased", "_localCleanup"):
            own.pop(name, None)
        # What the peer held refers to this broker in its turn (the root of a portal does): no cycle is to keep it.
        self._exports = self._caches = _NO_TABLE
        self._journal().settle()

    def _guarded(self, function: Callable[[], object], what: str) -> None:
        """Call what the application gave us, whose failure must not keep the rest from being done."""
        try:
            function()
        except Exception:
            # A peer can have some of it called as often as it likes.
            self._journal().error(failure.Failure(), what, kind=what)

    def _stopObserving(self, local: Local) -> None:
        cacheable, perspective = local.object, local.perspective
        self._guarded(
            lambda: cacheable.stoppedObserving(perspective, RemoteCacheObserver(self, cacheable, perspective)),
            "stoppedObserving",
        )

    def notifyOnDisconnect(self, notifier: Callable[[], object]) -> None:
        """Call *notifier* when the connection goes; at once if it has gone.

        Raises:
            TypeError: it cannot be called.
        """
        _mustBeCallable(notifier)
        if self.disconnects is None or self.disconnected:
            self._guarded(notifier, "a notifyOnDisconnect callback")
        else:
            self.disconnects.append(notifier)

    def dontNotifyOnDisconnect(self, notifier: Callable[[], object]) -> None:
        """Take back what `notifyOnDisconnect` was given; nothing happens if it was not."""
        if self.disconnects and notifier in self.disconnects:
            self.disconnects.remove(notifier)

    def notifyOnFail(self, notifier: Callable[[], object]) -> None:
        """Call *notifier* when `connectionFailed` is called; at once if it was.

        Raises:
            TypeError: it cannot be called.
        """
        _mustBeCallable(notifier)
        if self.failures is None:
            self._guarded(notifier, "a notifyOnFail callback")
        else:
            self.failures.append(notifier)

    def notifyOnConnect(self, notifier: Callable[[], object]) -> None:
        """Call *notifier* when the connection is ready; at once if it is.

        Raises:
            TypeError: it cannot be called.
        """
        _mustBeCallable(notifier)
        if self.connects is None:
            self._guarded(notifier, "a notifyOnConnect callback")
        else:
            self.connects.append(notifier)

    # What arrives.

    def dataReceived(self, chunk: bytes) -> None:
        """Take bytes from the transport.

        A peer that breaks the protocol or a limit is refused: one line in the log, and the connection ends at once.
        """
        if self._idling is not None:
            self._heard()
        if len(chunk) >= _transports.READ:
            _transports.read_more(self.transport)
        if not self._deaf:
            try:
                if not codec.read(self, chunk, _STOCK, _SIZES):
                    self._inflow.received(self, chunk)
            except (BananaError, ProtocolError) as broken:
                self._refuse(str(broken))

    def _workOn(self) -> None:
        """Go on with what was received; see `_flow.Inflow`."""
        try:
            self._inflow.work(self)
        except (BananaError, ProtocolError) as broken:
            self._refuse(str(broken))

    def _noCommonDialect(self, what: str) -> None:
        # Not an abort: the application is told, as by twisted.spread, that the connection was closed cleanly.  If the
        # peer does not help to close it, the time for negotiation runs out.
        self._refuse(what, orderly=True)

    def _refuse(self, what: str, orderly: bool = False) -> None:
        """End the connection because of what the peer did; nothing that it sent after that is looked at."""
        if self._deaf:
            return
        self._deaf = True
        lost = self._inflow.close(self)
        self._output.drop()
        transport = self.transport
        peer = transport.getPeer() if hasattr(transport, "getPeer") else None
        self._journal().warn(
            "refused", "PB: {peer} was refused and disconnected: {what}", peer=peer, what=what[:300]
        )
        if lost is not None:
            # The peer has left already, and nobody will say so again.
            self._connectionGone(lost)
        elif orderly:
            transport.loseConnection()
        else:
            self._end()

    def _end(self) -> None:
        """End the connection at once, whether the peer likes it or not."""
        abort = getattr(self.transport, "abortConnection", None) or self.transport.loseConnection
        abort()

    def _journal(self) -> Journal:
        """What is written on the account of the factory's peers."""
        return _journalOf(self if self.factory is None else self.factory, self.limits)

    def _note(self, kind: str, text: str) -> None:
        """Log something that the peer caused."""
        self._journal().note(kind, text)

    def expressionReceived(self, sexp: Any) -> None:
        """The peer says *sexp*: a message's name and its arguments.

        Raises:
            ProtocolError: it is no message, or not one that makes sense.
        """
        if self._parting:
            return
        command = sexp[0] if isinstance(sexp, list) and sexp else None
        if type(command) is not bytes:
            raise ProtocolError(f"not a message: {shortened(sexp)}")
        name = _messages(type(self)).get(command) or self._laterMessage(command)
        if name is None:
            self.sendCall(b"didNotUnderstand", command[:100])
            return
        arity = _ARITY.get(command)
        if arity is not None and len(sexp) != arity + 1:
            raise ProtocolError(f"a message {shortened(command)} with {len(sexp) - 1} arguments, not {arity}")
        arguments = sexp[1:]
        if command not in _READ_PACKED:
            # It may be a message of the application's own.
            arguments = map(codec.expression_of, arguments)
        getattr(self, name)(*arguments)

    def _laterMessage(self, command: bytes) -> str | None:
        """The name of the method for a message that the class did not have when it was looked at: one that was put on this
        broker alone, or on a class while connections were open."""
        if len(command) > 100:
            return None
        name = "proto_" + command.decode("utf-8", "replace")
        return name if callable(getattr(self, name, None)) else None

    def proto_version(self, vnum: Any) -> None:
        """``[version n]``: the first message of either side."""
        if vnum != self.version:
            raise ProtocolError(f"version {shortened(vnum)} of the protocol; this side has {self.version}")

    def proto_didNotUnderstand(self, command: Any) -> None:
        """``[didNotUnderstand name]``: the peer does not know a message that we sent."""
        self._note("didNotUnderstand", f"Didn't understand command: {shortened(command)}")

    def sendCall(self, *exp: Any) -> None:
        """Send a message: its name and its arguments."""
        self.sendEncoded(exp)

    def _say(self, *message: Any) -> None:
        """`sendCall`, with nobody between."""
        if not self._stock and not _STOCK.on(self):
            self.sendCall(*message)
            return
        words = None
        if self.currentDialect == vocabulary.PB_DIALECT:
            words = self.outgoingVocabulary if self._symbols is None else self._symbols
        limit = self.prefixLimit
        if limit is None:
            limit = banana._PREFIX_LIMIT
        output = self._output
        data = codec.encode_parts(message, words, banana.SIZE_LIMIT, limit, self.limits.expression_depth)
        # Of what is an answer, see _write.
        write: Any = output.write if type(data) is bytes else output.write_parts
        write(self.transport, data, _flow.REPLY if message[0] in _REPLIES else self._receiving)

    def _work(self, over: Callable[[], bool] | None) -> bool:
        """See `banana.Banana._work`; the same with fewer calls, where every method that they would reach is ours."""
        decoder = self._decoder
        stock = _STOCK.on(self)
        decoder.shallow = (
            stock
            and self.currentDialect == vocabulary.PB_DIALECT
            and self.incomingVocabulary is banana.Banana.incomingVocabulary
        )
        if not stock:
            return super()._work(over)
        inflow, output, most = self._inflow, self._output, self.limits.unread_output
        self._receiving = self._stock = True
        try:
            while not self._deaf:
                if decoder.shallow:
                    # Most messages are done with in there.
                    item = codec.serve(decoder, self, over, output, inflow.stop, most, _SIZES, time.monotonic)
                    if item is False:
                        return False
                else:
                    words = self.incomingVocabulary if self.currentDialect == vocabulary.PB_DIALECT else None
                    limit = self.prefixLimit
                    item = decoder.next(words, banana.SIZE_LIMIT, banana._PREFIX_LIMIT if limit is None else limit)
                if item is codec.NEED_DATA:
                    return True
                if self._parting:
                    continue
                kind = item[0] if type(item) is list and item else None
                if not self.currentDialect:
                    self.callExpressionReceived(item)
                elif kind == b"message" and len(item) == 7:
                    self._recvMessage(self.localObjectForID, *item[1:])
                elif kind == b"answer" and len(item) == 3:
                    self._answered(item[1], item[2], None)
                elif kind == b"decref" and len(item) == 2:
                    self.proto_decref(item[1])
                elif kind == b"cachemessage" and len(item) == 7:
                    self._recvMessage(self.cachedLocallyAs, *item[1:])
                else:
                    self.expressionReceived(item)
                if over is not None and (time.monotonic() >= inflow.stop or output.answers > most):
                    if not self._deaf and over():
                        return False
            return True
        finally:
            self._receiving = self._stock = False

    def _sendsPacked(self) -> bool:
        """Whether nobody looks at the values in a message after they were serialised."""
        return self.currentDialect == vocabulary.PB_DIALECT and (self._stock or _STOCK.on(self))

    def _write(self, data: bytes, obj: Any) -> None:
        # Also what is said in the course of a call of the peer's, such as calls back, is said because it asked.
        answer = _flow.REPLY if type(obj) is tuple and obj[0] in _REPLIES else self._receiving
        self._output.write(self.transport, data, answer)

    # Pages.

    def registerPageProducer(self, pager: Any) -> None:
        """Send the pages of *pager* as the transport has room for them.

        Raises:
            Error: there are `Limits.outstanding_calls` pagers with pages left.
        """
        _pages.begin(self, pager)

    def resumeProducing(self) -> None:
        """The transport has room: one page of each pager, or of those whose turn it is, if there are very many.

        A page that cannot be made or sent fails whoever makes the pager, if it is the first, and sent in there.  Else
        nothing but the end of the connection can tell the collector that no more comes: there is no word for it.
        """
        _pages.send(self)

    def pauseProducing(self) -> None:
        """Pages are sent one at a time, as they are asked for, so there is nothing to pause."""

    def stopProducing(self) -> None:
        """The transport takes no more; `connectionLost` tells the pagers."""

    # Objects of ours that the peer may call.

    def localObjectForID(self, luid: Any) -> Any:
        """The object of ours that has that id or name, or None."""
        if type(luid) not in _ID_TYPES:
            if not isinstance(luid, str):
                return None
            luid = luid.encode("utf-8")
        local = self._exports.locals.get(luid)
        return None if local is None else local.object

    def _returnedObjectForID(self, luid: Any) -> Any:
        """The object of ours that the peer sends back; also one that it let go of a moment too soon."""
        found = self.localObjectForID(luid)
        if found is None and type(luid) is int and "_justReleased" in self.__dict__:
            found = self._justReleased.get(luid)
        return found

    def registerReference(self, object: Any) -> Any:
        """The peer is given *object*: count it and return its id.

        Raises:
            Error: the peer holds more objects than `Limits.references` says.  At the fourth time the connection ends.
            DeadReferenceError: the connection has gone.
        """
        if self.disconnected:
            raise DeadReferenceError("the connection has gone")
        exports, most = self._exports, self.limits.references
        if most is None:
            most = MAX_BROKER_REFS
        luid = exports.hold(object, most, self.newLocalID, self._registrations)
        if luid is None:
            self._noRoom(exports.locals, "reference")
        return luid

    def _registrar(self, noted: tables.Registrations | None) -> Callable[[Any], Any] | None:
        """What does the same as `registerReference` in one call, and gives None, with nothing done, for what is out of the
        ordinary; None where that method, or what it calls, is not ours.

        Args:
            noted: where it is noted, if anywhere.
        """
        cls, own, exports, hold = type(self), self.__dict__, self._exports, tables.LocalTable.hold
        if (
            cls.registerReference is not graph.STOCK["register_reference"]
            or cls.newLocalID is not graph.STOCK["new_local_id"]
            or hold is not graph.STOCK["table_hold"]
            or type(exports) is not tables.LocalTable
            or "registerReference" in own
            or "newLocalID" in own
            or self.disconnected
        ):
            return None
        locals, ids, most = exports.locals, exports.ids, self.limits.references
        uniqueID = graph.STOCK["unique_id"]

        def register(object: Any) -> Any:
            try:
                stock = object.processUniqueID.__func__ is uniqueID
            except AttributeError:
                stock = False
            if not stock or self._exports is not exports or self.disconnected:
                return None
            puid = id(object)
            luid = ids.get(puid)
            if luid is not None:
                locals[luid].refcount += 1
            elif len(locals) > (MAX_BROKER_REFS if most is None else most):
                return None
            else:
                # As Local(object, None, puid), without the call.
                self.currentLocalID += 1
                luid = self.currentLocalID
                locals[luid] = local = _newLocal(Local)
                local.object = object
                local.perspective = None
                local.refcount = 1
                local.puid = puid
                ids[puid] = luid
            if noted is not None:
                noted.made += (exports, luid)
            return luid

        return register

    def _noRoom(self, table: dict[Any, Local], what: str) -> NoReturn:
        """There are too many in the table already."""
        self.maxBrokerRefsViolations += 1
        message = f"Maximum PB {what} count exceeded."
        if self.maxBrokerRefsViolations > 3:
            self._part(f"it was to hold more than {len(table) - 1} objects, for the fourth time")
            message += "  Goodbye."
        raise Error(message)

    def _part(self, what: str) -> None:
        """End the connection when what is being said is said; nothing that the peer sends after this is looked at."""
        if self._parting or self._deaf:
            return
        self._parting = True
        peer = self.transport.getPeer() if hasattr(self.transport, "getPeer") else None
        self._journal().warn("refused", "PB: {peer} was refused and disconnected: {what}", peer=peer, what=what)
        self.transport.loseConnection()
        if self._reactor is not None and self._inflow.lost is None:
            # The peer may not want to read the rest.
            self._stopNegotiation()
            self._negotiation = self._reactor.callLater(self.limits.negotiation_seconds, self._negotiationTimedOut)

    def setNameForLocal(self, name: Any, object: Any) -> None:
        """Publish *object* under a name on this connection; the root's name is "root".

        Raises:
            TypeError: it is None.
            DeadReferenceError: the connection has gone.
        """
        if object is None:
            raise TypeError("None cannot be published")
        if self.disconnected:
            raise DeadReferenceError("the connection has gone")
        self._exports.locals[asBytes(name)] = Local(object)

    def remoteForName(self, name: Any) -> RemoteReference:
        """A reference to what the peer publishes under that name, whether it does or not."""
        return RemoteReference(None, self, asBytes(name), 0)

    def sendDecRef(self, objectID: Any) -> None:
        """Tell the peer that one reference to its object is gone."""
        if self._stock and not self._deaf and threadable.ioThread == get_ident():
            # As _release.  There may be a great many, when an answer is dropped.
            output, limit = self._output, self.prefixLimit
            if (
                output.gathering
                and type(objectID) is int
                and 0 < objectID < wire.MOST_IDS
                and self._symbols is None
                and self.outgoingVocabulary is vocabulary.WORDS
                and self.currentDialect == vocabulary.PB_DIALECT
                and (banana._PREFIX_LIMIT if limit is None else limit) >= wire.LONGEST_ID
            ):
                # As _say.
                said = shortcut.DECREFS[objectID & 0x7F] + wire.ID_ENDS[objectID >> 7]
                if output._size > _FEW:
                    output.write(self.transport, said, self._receiving)
                    return
                # As that does, without the call.
                size = len(said)
                if self._receiving:
                    output.answers += size
                output._chunks.append(said)
                output._size += size
            else:
                self._say(b"decref", objectID)
        else:
            self._release(b"decref", objectID)

    def proto_decref(self, objectID: Any) -> None:
        """``[decref id]``: the peer let go of one reference to an object of ours."""
        local = _releaseLocal(self._exports, objectID, True)
        if local is not None:
            if self.waitingForAnswers:
                # twisted.spread drops a reference that it has put into an answer before it sends that answer, so the
                # object is still to come back.  It is the next thing that the peer sends, so a call ends the wait too.
                self._justReleased[objectID] = local.object
            if "_localCleanup" in self.__dict__:
                self._cleanUp(local)

    def _forgetReleased(self) -> None:
        """What the peer had let go of a moment too soon has come back by now, or does not."""
        if "_justReleased" in self.__dict__:
            self._justReleased.clear()

    def _cleanUp(self, local: Local) -> None:
        cleanup = self._localCleanup.pop(local.puid, None)
        if cleanup is not None:
            self._guarded(cleanup, "what was to be done when an object was let go of")

    # Objects of ours that the peer has cached, and the other way round.

    def cachedRemotelyAs(self, instance: Any, incref: Any = 0) -> Any:
        """The id under which the peer has *instance* cached, or None; *incref*: count one more."""
        if self.remotelyCachedLUIDs is None:
            return None
        puid = instance.processUniqueID()
        if not incref:
            return self.remotelyCachedLUIDs.get(puid)
        luid = self._caches.again(puid)
        if luid is not None and self._registrations is not None:
            self._registrations.add(self._caches, luid)
        return luid

    def remotelyCachedForLUID(self, luid: Any) -> Any:
        """The object of ours that the peer has cached under that id; also one that it let go of a moment too soon.

        Raises:
            InsecureJelly: there is none.
        """
        local = self._caches.get(luid)
        if local is None:
            if type(luid) is int and luid in self.__dict__.get("_justReleased", ()):
                return self._justReleased[luid]
            raise InsecureJelly(f"no cached object has the id {shortened(luid)}")
        return local.object

    def cacheRemotely(self, instance: Any) -> Any:
        """The peer is to cache *instance*: count it and return its id.

        Raises:
            Error: the peer has more objects cached than `Limits.references` says.  At the fourth time the connection ends.
            DeadReferenceError: the connection has gone.
        """
        if self.remotelyCachedLUIDs is None:
            raise DeadReferenceError("the connection has gone")
        most = self.limits.references
        if len(self._caches.locals) > (MAX_BROKER_REFS if most is None else most):
            self._noRoom(self._caches.locals, "cache")
        luid: int = self.newLocalID()
        self._caches.add(luid, instance.processUniqueID(), instance, self.serializingPerspective)
        if self._registrations is not None:
            self._registrations.add(self._caches, luid)
        return luid

    def cacheLocally(self, cid: Any, instance: Any) -> None:
        """*instance* is the cache of the peer's object with that id.

        Raises:
            InsecureJelly: the id is another's or no id, or too many are cached; see `Limits.references`.
            DeadReferenceError: the connection has gone.
        """
        if self.locallyCachedObjects is None:
            raise DeadReferenceError("the connection has gone")
        if cid in self.locallyCachedObjects:
            raise InsecureJelly(f"the id {shortened(cid)} belongs to another cached object")
        if hash(cid) != cid:
            # No honest peer comes so far, and thousands of such could have one hash.
            raise InsecureJelly(f"not the id of an object: {shortened(cid)}")
        most = self.limits.references
        # Twisted's own peers have this side cache as many as they hold references; some are told to have more.
        if len(self.locallyCachedObjects) >= (max(MAX_BROKER_REFS, 1024) if most is None else most) * 4:
            raise InsecureJelly("too many cached objects")
        self.locallyCachedObjects[cid] = instance

    def _beginCache(self, cid: int, state: Any) -> None:
        """What was given to `cacheLocally` is about to get its *state*; see `Limits.cache_bytes`."""
        if self._cacheSizes is None:
            self._halfMade, self._cacheSizes = set(), {}
        self._halfMade.add(cid)
        size = size_of(state)
        if self._cachedBytes + size > self.limits.cache_bytes:
            raise InsecureJelly(f"cached objects that take more than {self.limits.cache_bytes} bytes")
        self._cacheSizes[cid] = size
        self._cachedBytes += size

    def cachedLocallyAs(self, cid: Any) -> Any:
        """The cache of the peer's object with that id.

        Raises:
            InsecureJelly: there is none.
            DeadReferenceError: the connection has gone.
        """
        if self.locallyCachedObjects is None:
            raise DeadReferenceError("the connection has gone")
        cached = self.locallyCachedObjects.get(cid) if type(cid) is int else None
        if cached is None or cid in self._halfMade:
            raise InsecureJelly(f"no cached object has the id {shortened(cid)}")
        return cached

    def decCacheRef(self, objectID: Any) -> None:
        """Tell the peer that one cache of its object is gone."""
        self._release(b"decache", objectID)

    def proto_decache(self, objectID: Any) -> None:
        """``[decache id]``: the peer let go of one cache of an object of ours; after the last it may forget the id."""
        local = self._caches.release(objectID)
        if local is not None:
            # It leaves the table last: its owner may have something to say to the other side still.
            self._stopObserving(local)
            self._caches.forget(objectID)
            if self.waitingForAnswers:
                # As in proto_decref.
                self._justReleased[objectID] = local.object
            self.sendCall(b"uncache", objectID)

    def proto_uncache(self, objectID: Any) -> None:
        """``[uncache id]``: the owner has let go of an object that is cached here."""
        cached = self.locallyCachedObjects.pop(objectID, None) if type(objectID) is int else None
        if cached is None:
            raise ProtocolError(f"no object is cached under the id {shortened(objectID)}")
        if self._cacheSizes is not None:
            self._halfMade.discard(objectID)
            self._cachedBytes -= self._cacheSizes.pop(objectID, 0)
        cached.broker = None

    def _release(self, message: bytes, objectID: Any) -> None:
        """Tell the peer of a reference or cache that was collected.

        Collection happens in any thread; the transport belongs to the reactor's.
        """
        if self.disconnected or self._deaf:
            return
        if threadable.ioThread is not None and threadable.ioThread != get_ident():
            from twisted.internet import reactor

            reactor.callFromThread(self._release, message, objectID)  # type: ignore[attr-defined]
        else:
            self._say(message, objectID)

    # Objects to expressions and back.

    def serialize(self, object: Any, perspective: Any = None, method: Any = None, args: Any = None, kw: Any = None) -> Any:
        """The expression of *object* for the peer; of a Deferred or a coroutine, a Deferred of that.

        If it fails, what it had registered is taken back.

        Args:
            object: what to send.
            perspective: for whom; hooks find it as ``serializingPerspective``.
            method, args, kw: what the object is the result of; hooks find them as ``jellyMethod`` and so on.

        Raises:
            whatever `jelly.jelly` raises, and hooks do.
        """
        sexp = codec.leaf(object, self.security)
        if sexp is not None:
            self._unsent = None
            return sexp
        if isinstance(object, CoroutineType):
            object = _ofCoroutine(object)
        if isinstance(object, defer.Deferred):
            object.addCallback(self.serialize, perspective=perspective, method=method, args=args, kw=kw)
            return object
        return self._keep(object, jelly, perspective, method, args, kw)

    def _pack(self, object: Any, perspective: Any = None, method: Any = None, args: Any = None, kw: Any = None) -> Any:
        """`serialize` for nobody's eyes but `sendCall`'s."""
        # As _sendsPacked; this is asked once a call.
        if not (self._stock and self.currentDialect == vocabulary.PB_DIALECT) and not self._sendsPacked():
            return self.serialize(object, perspective=perspective, method=method, args=args, kw=kw)
        limit = self.prefixLimit
        if limit is None:
            limit = banana._PREFIX_LIMIT
        sexp = codec.pack_light(object, self.security, self.limits.depth, banana.SIZE_LIMIT, limit)
        if sexp is not None:
            self._unsent = None
            return sexp
        return self._packRest(object, perspective, method, args, kw)

    def _packRest(
        self, object: Any, perspective: Any = None, method: Any = None, args: Any = None, kw: Any = None
    ) -> Any:
        """`_pack`, for what a hook may be asked about."""
        if isinstance(object, CoroutineType):
            object = _ofCoroutine(object)
        if isinstance(object, defer.Deferred):
            object.addCallback(self._pack, perspective, method, args, kw)
            return object
        return self._keep(object, _packed, perspective, method, args, kw)

    def _keep(self, object: Any, make: Callable[..., Any], perspective: Any, method: Any, args: Any, kw: Any) -> Any:
        registrations = tables.Registrations()
        sexp = self._serialize(object, make, perspective, method, args, kw, registrations)
        # The object is kept until its expression is sent: references in it that are collected before that would be
        # let go of before the peer has got its objects back.  See _sendAnswer for what cannot be sent.
        self._unsent = (object, sexp, registrations)
        return sexp

    def _serialize(
        self,
        object: Any,
        make: Callable[..., Any],
        perspective: Any,
        method: Any,
        args: Any,
        kw: Any,
        registrations: tables.Registrations,
    ) -> Any:
        outer = (
            self._registrations,
            self.serializingPerspective,
            self.jellyMethod,
            self.jellyArgs,
            self.jellyKw,
        )
        self._registrations = registrations
        self.serializingPerspective = perspective
        self.jellyMethod, self.jellyArgs, self.jellyKw = method, args, kw
        try:
            return make(object, self.security, None, self, self.limits)
        except BaseException:
            self._takeBack(registrations)
            raise
        finally:
            self._registrations = outer[0]
            self.serializingPerspective, self.jellyMethod, self.jellyArgs, self.jellyKw = outer[1:]

    def _expressionOf(
        self, object: Any, registrations: tables.Registrations, perspective: Any = None, method: Any = None
    ) -> Any:
        """The expression of *object*, by a `serialize` of the application's where there is one."""
        if _SERIALIZING.on(self):
            return self._serialize(object, jelly, perspective, method, None, None, registrations)
        unsent, self._unsent = self._unsent, None
        try:
            return self.serialize(object, perspective=perspective, method=method)
        finally:
            if self._unsent is not None:
                registrations.take_in(self._unsent[2])
            self._unsent = unsent

    def _argumentsAs(self, object: Any, registrations: tables.Registrations, perspective: Any, method: Any) -> Any:
        if self._sendsPacked():
            return self._serialize(object, _packed, perspective, method, None, None, registrations)
        return self._expressionOf(object, registrations, perspective, method)

    def _takeBack(self, registrations: tables.Registrations | None) -> None:
        if registrations is not None and not self.disconnected:
            registrations.take_back(self._takenBack)

    def _takenBack(self, table: tables.LocalTable, luid: int, local: Local) -> None:
        table.forget(luid)
        if table is self._caches:
            self._stopObserving(local)
        else:
            self._cleanUp(local)

    def unserialize(self, sexp: Any, perspective: Any = None) -> Any:
        """The object that an expression of the peer stands for.

        Raises:
            InsecureJelly: something in it is not allowed, or has not the shape that its tag asks for.
        """
        outer = self.unserializingPerspective
        self.unserializingPerspective = perspective
        try:
            return codec.unpack(sexp, self.security, self, self.limits.depth)
        except InsecureJelly as refused:
            # How the reader came to refuse it is of no use to anybody, and a peer chooses how long a traceback it makes.
            raise refused.with_traceback(None) from None
        finally:
            self.unserializingPerspective = outer

    def _unpack(self, args: Any, kw: Any, perspective: Any = None) -> tuple[Any, Any]:
        """`unserialize` of both, where nobody has put another in its place."""
        outer = self.unserializingPerspective
        self.unserializingPerspective = perspective
        try:
            security, depth = self.security, self.limits.depth
            return codec.unpack(args, security, self, depth), codec.unpack(kw, security, self, depth)
        except InsecureJelly as refused:
            raise refused.with_traceback(None) from None
        finally:
            self.unserializingPerspective = outer

    def newLocalID(self) -> int:
        """A new id for an object of ours."""
        self.currentLocalID += 1
        return self.currentLocalID

    def newRequestID(self) -> int:
        """A new id for a call of ours."""
        self.currentRequestID += 1
        return self.currentRequestID

    # Calls that we make.

    def _sendMessage(self, prefix: bytes, perspective: Any, objectID: Any, message: Any, args: Any, kw: Any) -> Any:
        """Call a method of the peer's object; see `RemoteReference.callRemote`."""
        stock = self._stock or _STOCK.on(self)
        if stock and (not kw or type(kw) is dict and kw.keys().isdisjoint(_OWN_KEYWORDS)):
            question = codec.ask(self, self._output, prefix, objectID, message, args, _SIZES, defer.Deferred, kw)
            if question is not None:
                return question
        callback = errback = None
        answerRequired = 1
        if kw:
            callback = kw.pop("pbcallback", None)
            errback = kw.pop("pberrback", None)
            answerRequired = kw.pop("pbanswer", 1)
            if (callback or errback) and not answerRequired:
                raise TypeError("pbcallback and pberrback are for a call that has an answer")
        if self.disconnected:
            raise DeadReferenceError("Calling Stale Broker")
        limits = self.limits
        registrations: tables.Registrations | None = None
        try:
            netArgs = netKw = None
            if stock and type(args) is tuple:
                limit = self.prefixLimit
                if limit is None:
                    limit = banana._PREFIX_LIMIT
                netArgs = codec.pack_light(args, self.security, limits.depth, banana.SIZE_LIMIT, limit)
                if not kw and netArgs is not None:
                    netKw = _NO_KEYWORDS
            if netArgs is None or netKw is None:
                registrations = tables.Registrations()
                if netArgs is None:
                    netArgs = self._argumentsAs(args, registrations, perspective, message)
                if netKw is None:
                    netKw = self._argumentsAs(kw, registrations, perspective, message)
        except BaseException:
            self._takeBack(registrations)
            return defer.fail(failure.Failure())
        if answerRequired and not self.disconnected and len(self.waitingForAnswers) >= limits.outstanding_calls:
            self._takeBack(registrations)
            return defer.fail(Error(f"{limits.outstanding_calls} calls wait for their answer already"))
        requestID = self.newRequestID()
        question = None
        if answerRequired:
            # Before the call is said: a transport may bring the answer at once.
            question = defer.Deferred()
            if callback or errback:
                log.msg('warning! using deprecated "pbcallback"')
                question.addCallbacks(callback or (lambda result: result), errback)
            # Making it may have run finalizers.  Where the connection went, the tables did, and nothing is taken back.
            if self.waitingForAnswers is None or self.disconnected:
                self._unasked(question)
                return question
            self.waitingForAnswers[requestID] = question
        try:
            self._say(prefix + b"message", requestID, objectID, message, answerRequired, netArgs, netKw)
        except BaseException:
            self._takeBack(registrations)
            if question is not None:
                self._unsaid(requestID, question)
            raise
        return question

    def _unasked(self, question: defer.Deferred[Any]) -> None:
        question.errback(failure.Failure(PBConnectionLost("the connection went as the call was sent")))

    def _unsaid(self, requestID: int, question: defer.Deferred[Any]) -> None:
        """A call could not be said: nobody gets its Deferred."""
        waiting = self.waitingForAnswers
        if waiting is None or waiting.pop(requestID, None) is None:
            # It was told that the connection has gone.
            question.addErrback(lambda reason: None)

    def proto_answer(self, requestID: Any, netResult: Any) -> None:
        """``[answer id x]``: the result of a call of ours.  What cannot be read fails that call alone."""
        self._answered(requestID, netResult, None)

    def proto_error(self, requestID: Any, fail: Any) -> None:
        """``[error id x]``: a call of ours failed over there."""
        self._answered(requestID, fail, _failQuestion)

    def _answered(self, requestID: Any, sexp: Any, fail: Callable[[Any, Any], object] | None) -> None:
        """A call of ours has come to an end: give its Deferred what was sent, by way of *fail* if it failed."""
        if self.waitingForAnswers is None:
            # A finalizer has ended the connection as this was read, which has failed all that waited.
            return
        question = self.waitingForAnswers.take(requestID)
        output = self._output
        answers, replied = output.answers, output.replied
        try:
            result = self.unserialize(sexp)
        except BaseException as error:
            self._unread(question, error)
        else:
            if fail is None:
                question.callback(result)
            else:
                fail(question, result)
        finally:
            if output.answers != answers:
                output.heard(self, answers, replied)
            self._forgetReleased()

    def _unread(self, question: defer.Deferred[Any], error: BaseException) -> None:
        """The answer to a call of ours could not be read, for *error*, which is being handled."""
        if error.__traceback__ is None:
            # As in _raised.
            try:
                raise error
            except BaseException:
                del error
                question.errback(failure.Failure())
        else:
            question.errback(failure.Failure())

    # Calls that the peer makes.

    def proto_message(
        self, requestID: Any, objectID: Any, message: Any, answerRequired: Any, netArgs: Any, netKw: Any
    ) -> None:
        """``[message id object name answer? args kw]``: call an object of ours."""
        self._recvMessage(self.localObjectForID, requestID, objectID, message, answerRequired, netArgs, netKw)

    def proto_cachemessage(
        self, requestID: Any, objectID: Any, message: Any, answerRequired: Any, netArgs: Any, netKw: Any
    ) -> None:
        """``[cachemessage id object name answer? args kw]``: call a cache of an object of the peer's."""
        self._recvMessage(self.cachedLocallyAs, requestID, objectID, message, answerRequired, netArgs, netKw)

    def _recvMessage(
        self,
        findObjMethod: Callable[[Any], Any],
        requestID: Any,
        objectID: Any,
        message: Any,
        answerRequired: Any,
        netArgs: Any,
        netKw: Any,
    ) -> None:
        """Call the object that *findObjMethod* finds, and see to it that the peer gets an answer."""
        if type(requestID) is not int or type(message) is not bytes:
            raise ProtocolError(f"a call {shortened(requestID)} of a method {shortened(message)}")
        try:
            name = message.decode("utf-8")
        except UnicodeDecodeError:
            raise ProtocolError(f"the name of a method is not UTF-8: {shortened(message)}") from None
        if type(answerRequired) is not int:
            # As good as a number that is nought, or not.
            answerRequired = bool(codec.expression_of(answerRequired))
        try:
            if self._answering >= self.limits.outstanding_calls:
                raise Error(f"{self.limits.outstanding_calls} calls wait for their answer already")
            object = findObjMethod(objectID)
            if object is None:
                raise Error("Invalid Object ID")
            receive = object.remoteMessageReceived
            if getattr(receive, "__func__", None) not in _seams.RECEIVERS:
                netArgs = codec.expression_of(netArgs)
                netKw = codec.expression_of(netKw)
            netResult = receive(self, name, netArgs, netKw)
        except BaseException as error:
            self._raised(error, requestID, answerRequired)
        else:
            self._returned(netResult, requestID, answerRequired)
        self._unsent = None
        self._forgetReleased()

    def _raised(self, error: BaseException, requestID: Any, answerRequired: Any) -> None:
        """A call of the peer's raised *error*, which is being handled."""
        if error.__traceback__ is None:
            # It comes out of compiled code.  A log that says nowhere where something was looks as if it were broken.
            try:
                raise error
            except BaseException as raised:
                # Else it would refer to itself, by this frame.
                del error
                self._raised(raised, requestID, answerRequired)
            return
        if isinstance(error, Error):
            if answerRequired:
                # Or the error itself, where that may be sent.
                self._sendError(CopyableFailure(error), requestID)  # type: ignore[no-untyped-call]
            return
        if answerRequired:
            self._sendError(CopyableFailure(), requestID)  # type: ignore[no-untyped-call]
        # Where the connection went in the meantime, that is no error of the method's.
        if not (self.disconnected and isinstance(error, DeadReferenceError)):
            self._journal().error(failure.Failure(), before=_FOLLOWS if answerRequired else None, beforeIsError=True)

    def _returned(self, netResult: Any, requestID: Any, answerRequired: Any) -> None:
        """A call of the peer's returned what *netResult* is, or will be, the expression of."""
        kind = type(netResult)
        if kind is not list and kind is not codec.Packed and isinstance(netResult, defer.Deferred):
            # Also one that was called: it may wait for another.
            self._answering += 1
            if answerRequired:
                netResult.addCallbacks(
                    self._noLongerAnswering,
                    self._noLongerAnswering,
                    (self._sendAnswer, requestID),
                    errbackArgs=(self._sendFailureOrError, requestID),
                )
            else:
                # Else it would be reported when it is collected, as often as the peer likes.
                netResult.addCallbacks(
                    self._noLongerAnswering,
                    self._noLongerAnswering,
                    (self._unanswered,),
                    errbackArgs=(self._unansweredFailure,),
                )
        elif answerRequired:
            self._sendAnswer(netResult, requestID)
        else:
            self._unanswered(netResult)

    def _promised(self, promise: defer.Deferred[Any], requestID: Any, *whose: Any) -> None:
        """A call of the peer's returned what will fire: what `_packRest` and `_returned` do about it, as one callback.

        Args:
            promise: the Deferred; it has not fired.
            requestID: of the call, which wants an answer.
            whose: what `_pack` is given besides the result.
        """
        self._answering += 1
        promise.addCallbacks(
            self._kept,
            self._noLongerAnswering,
            (requestID, list(whose)),
            errbackArgs=(self._sendFailureOrError, requestID),
        )

    def _kept(self, result: Any, requestID: Any, whose: list[Any]) -> None:
        # The peer is told of references that end with *whose* before it has its answer.
        self._answering -= 1
        try:
            if (self._stock or _STOCK.on(self)) and codec.answer(
                self, self._output, requestID, result, whose, _SIZES, _flow.REPLY
            ):
                return
            netResult = self._pack(result, *whose)
        except BaseException:
            if not whose:
                # It was just being said.
                raise
            self._sendFailureOrError(failure.Failure(), requestID)
        else:
            whose.clear()
            self._returned(netResult, requestID, 1)

    def _unanswered(self, netResult: Any) -> None:
        """A call that the peer wants no answer to came to something, which the peer does not get, and cannot let go of."""
        unsent, self._unsent = self._unsent, None
        if unsent is not None and unsent[1] is netResult:
            self._takeBack(unsent[2])

    def _unansweredFailure(self, fail: Any) -> None:
        """A call that the peer wants no answer to came to nothing."""
        self._journal().error(fail)

    def _noLongerAnswering(self, outcome: Any, tell: Callable[..., None], *requestID: Any) -> None:
        self._answering -= 1
        tell(outcome, *requestID)

    def _sendAnswer(self, netResult: Any, requestID: Any) -> None:
        """Send a result, or an error where it cannot be sent."""
        unsent, self._unsent = self._unsent, None
        if self.disconnected:
            return
        try:
            self._say(b"answer", requestID, netResult)
        except BananaError:
            if unsent is not None and unsent[1] is netResult:
                self._takeBack(unsent[2])
            self._sendFailure(failure.Failure(), requestID)

    def _sendFailureOrError(self, fail: Any, requestID: Any) -> None:
        """Send a failure; one that is no `Error` is unexpected, and is logged."""
        if _isOne(fail, Error):
            self._sendError(fail, requestID)
        else:
            self._sendFailure(fail, requestID)

    def _sendFailure(self, fail: Any, requestID: Any) -> None:
        """Log an unexpected failure, and send it."""
        if self.disconnected and _isOne(fail, DeadReferenceError, PBConnectionLost):
            # Most likely the method had called the peer, which has left.
            return
        self._sendError(fail, requestID)
        self._journal().error(fail, before=_FOLLOWS)

    def _sendError(self, fail: Any, requestID: Any) -> None:
        """Send an exception or failure as the outcome of a call of the peer's."""
        if self.disconnected:
            return
        registrations = tables.Registrations()
        try:
            if isinstance(fail, failure.Failure):
                value = fail.value
                if isinstance(value, Jellyable) or self.security.isClassAllowed(value.__class__):
                    fail = value
                elif not isinstance(fail, CopyableFailure):
                    fail = failure2Copyable(fail, self.factory.unsafeTracebacks)
            if isinstance(fail, CopyableFailure):
                fail.unsafeTracebacks = self.factory.unsafeTracebacks
            self.sendCall(b"error", requestID, self._expressionOf(fail, registrations))
        except Exception:
            if self.disconnected:
                return
            self._takeBack(registrations)
            self._journal().error(failure.Failure(), "an error that cannot be sent as it is")
            sorry = Error("the error of this call cannot be sent")
            plain = CopyableFailure(sorry)  # type: ignore[no-untyped-call]
            try:
                # Nobody is asked whether that may be sent, or is too deep, or who allows too little would leave the caller
                # waiting.
                self.sendCall(b"error", requestID, jelly(plain, _jelly.DummySecurityOptions(), None, self))
            except BananaError as broken:
                # As little as that is allowed only by limits that hardly anything can be said under.
                self._refuse(f"a call of its cannot be answered: {broken}")
            self._unsent = None


_SERIALIZING = _seams.Stock(Broker, ("serialize",), remembers=False)
_STOCK = _seams.Stock(
    Broker,
    (
        "serialize", "sendCall", "sendEncoded", "_encode", "_write", "gotItem", "callExpressionReceived",
        "expressionReceived", "proto_message", "proto_cachemessage", "proto_answer", "proto_error", "_recvMessage",
        "proto_decref", "_sendAnswer", "_answered", "unserialize", "localObjectForID", "cachedLocallyAs", "newRequestID",
        "_work",
    ),
)  # fmt: skip


_serialize = Broker.serialize


def _serializeTheLongWay(
    self: Any, object: Any, perspective: Any = None, method: Any = None, args: Any = None, kw: Any = None
) -> Any:
    """`Broker.serialize`; that it is another has every broker leave the short ways."""
    return _serialize(self, object, perspective=perspective, method=method, args=args, kw=kw)


def _jellierReplaced(yes: bool) -> None:
    """See `graph.WHEN_REPLACED`: the short ways do not go by `graph.Jellier`."""
    # Unless the application has put something in its place.
    if Broker.serialize is (_serialize if yes else _serializeTheLongWay):
        Broker.serialize = _serializeTheLongWay if yes else _serialize  # type: ignore[method-assign]


graph.WHEN_REPLACED.append(_jellierReplaced)


def _packed(object: Any, security: Any, persistentStore: Any, broker: Any, limits: Limits) -> Any:
    """What `jelly` makes, as bytes."""
    prefix = banana._PREFIX_LIMIT if broker.prefixLimit is None else broker.prefixLimit
    return codec.pack(object, security, broker, limits.depth, banana.SIZE_LIMIT, prefix)


#: Where `banana.SIZE_LIMIT` is found, which may be assigned at any time.
_SIZES = vars(banana)

#: Bytes that may be gathered, and one more message with them, without it being time to send them: half of what `_flow`
#: gathers.
_FEW = 1 << 15

#: What is sent where a call has no keywords.
_NO_KEYWORDS = [vocabulary.DICTIONARY]
# Those of callRemote itself.
_OWN_KEYWORDS = frozenset(("pbanswer", "pbcallback", "pberrback"))

#: What an object's id, or name, is.
_ID_TYPES = frozenset((int, bytes))

#: What twisted.spread logs, for which programs and tests look.
_FOLLOWS = "Peer will receive following PB traceback:"


def _ofCoroutine(coroutine: Any) -> Any:
    """The Deferred of a method that is a coroutine."""
    return defer.Deferred.fromCoroutine(coroutine)


_newLocal: Callable[[type[Local]], Local] = object.__new__

#: `LocalTable.release`, or what the compiled codec does in its place.
_releaseLocal = codec.release if codec.implementation == "compiled" else tables.LocalTable.release

graph.STOCK.update(
    register_reference=Broker.registerReference,
    new_local_id=Broker.newLocalID,
    send_decref=Broker.sendDecRef,
    say=Broker._say,
    broker_work=Broker._work,
    send_message=Broker._sendMessage,
    receive_message=Broker._recvMessage,
    local_object=Broker.localObjectForID,
    cached_locally=Broker.cachedLocallyAs,
    answered=Broker._answered,
    decref=Broker.proto_decref,
    returned_object=Broker._returnedObjectForID,
    deferred=defer.Deferred,
    of_coroutine=_ofCoroutine,
    failure=failure.Failure,
    questions=tables.Questions,
)

#: The table of a connection that has gone.
_NO_TABLE = tables.LocalTable("object")

# What a broker has then in the place of its tables.
_NOTHING_LEFT = dict.fromkeys(
    (
        "disconnects", "waitingForAnswers", "localSecurity", "remoteSecurity", "remotelyCachedObjects",
        "remotelyCachedLUIDs", "locallyCachedObjects", "localObjects",
    )
)  # fmt: skip


def _cancel(timer: Any) -> None:
    if timer is not None and timer.active():
        timer.cancel()


def _journalOf(owner: Any, limits: Limits) -> Journal:
    """The journal of a factory, or of a broker that has none; made when it is first needed, for a factory need not have
    called our constructor."""
    journal = owner.__dict__.get("_peersJournal")
    if journal is None:
        journal = owner._peersJournal = Journal(limits)
    return journal  # type: ignore[no-any-return]


def _isOne(fail: Any, *kinds: type) -> bool:
    """Whether a failure, ours or copied, is of one of these kinds."""
    try:
        return fail.check(*kinds) is not None
    except Exception:
        # It goes by the names of classes, and fails at a ``__module__`` that is no text, or is not there.
        return issubclass(type(fail.value), kinds)


def _mustBeCallable(notifier: Any) -> None:
    if not callable(notifier):
        raise TypeError(f"not something to be called: {shortened(notifier)}")


def _failQuestion(question: Any, reason: Any) -> None:
    """Fail a call with what the peer sent for an error."""
    question.errback(failureOf(reason))


_messageTables: dict[type, dict[bytes, str]] = {}


def _messages(cls: type) -> dict[bytes, str]:
    """The messages that a broker of that class understands, each with the name of its method; made once a class."""
    table = _messageTables.get(cls)
    if table is None:
        table = {
            name[len("proto_") :].encode("utf-8"): name for name in dir(cls) if name.startswith("proto_")
        }
        _messageTables[cls] = table
    return table


class PBClientFactory(protocol.ClientFactory):
    """Connects to a server; use it with an endpoint, or with ``reactor.connectTCP`` and its kin.

    Args:
        unsafeTracebacks: whether the server is sent the tracebacks of exceptions.
        security: what may be sent and received.
        limits: what the server may make this side hold; see `Limits`.
        keepAlive: seconds within which a server that has died is found out, by TCP; None to wait for ever.

    Raises:
        TypeError: *limits* are no `Limits`.
        ValueError: *keepAlive* is no positive number.

    Attributes:
        rootObjectRequests: the Deferreds of `getRootObject` that wait for a connection.
    """

    protocol = Broker  # type: ignore[assignment]
    unsafeTracebacks: Any = False
    keepAlive: float | None = None

    # Whether a connector has us, and will tell of a connection that failed or was lost.  An endpoint does not.
    _hasConnector = False

    # Whether a connection has been ready since the first of those that we have now began.
    _wasReady = False

    def __init__(
        self,
        unsafeTracebacks: Any = False,
        security: Any = globalSecurity,
        limits: Limits = DEFAULT_LIMITS,
        keepAlive: float | None = None,
    ) -> None:
        self.unsafeTracebacks = unsafeTracebacks
        self.security = security
        self.limits = _limits(limits)
        self.keepAlive = _seconds(keepAlive)
        self._reset()

    def startedConnecting(self, connector: Any) -> None:
        """A connector begins to connect."""
        self._hasConnector = True
        super().startedConnecting(connector)

    def buildProtocol(self, addr: Any) -> Any:
        """A broker for a new connection."""
        return _build(self, True)

    def _reset(self) -> None:
        self.rootObjectRequests: list[Any] = []
        self._broker: Any = None
        self._root: Any = None

    def _failAll(self, reason: Any) -> None:
        requests = self.rootObjectRequests
        self._reset()
        for d in requests:
            d.errback(reason)

    def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
        """The connection could not be made: whoever waits for the root is told."""
        self._failAll(reason)

    def clientConnectionLost(self, connector: Any, reason: Any, reconnecting: Any = 0) -> None:
        """The connection has gone.

        Args:
            connector: the connector.
            reason: a failure.
            reconnecting: true in a factory that connects anew: whoever waits for the root goes on waiting.
        """
        if reconnecting:
            self._broker = None
            self._root = None
        else:
            self._failAll(reason)

    def _brokerLost(self, broker: Any, reason: Any) -> None:
        """A broker of ours lost its connection."""
        if not self._tellsItself():
            return
        if self._broker is None:
            self._failAll(reason)
        elif self._broker is broker:
            # Nobody waits for one that was ready: who has asked since it went, in a call's errback, means the next.
            self._broker = self._root = None

    def _tellsItself(self) -> bool:
        """Whether nobody else will say that there is no connection: an endpoint has us, and no subclass of its own
        ways."""
        return not self._hasConnector and type(self).startedConnecting is PBClientFactory.startedConnecting

    def stopFactory(self) -> None:
        """No connection is left, or could be made."""
        # Whoever has asked since a connection was lost, waits for the next: a ClientService is about to make it.
        if self._tellsItself() and not self._wasReady:
            self._failAll(failure.Failure(error.ConnectError(string="no connection to the server was made")))
        self._wasReady = False
        super().stopFactory()  # type: ignore[no-untyped-call]

    def clientConnectionMade(self, broker: Any) -> None:
        """A connection is ready: whoever waits for the root gets it."""
        self._wasReady = True
        self._broker = broker
        root = self._root = broker.remoteForName("root")
        requests = self.rootObjectRequests
        self.rootObjectRequests = []
        for d in requests:
            # The first may end the connection, with which ours goes.
            d.callback(root)

    def getRootObject(self) -> defer.Deferred[RemoteReference]:
        """A Deferred of a reference to the server's root.

        It fails when the connection cannot be made, or goes before it is ready.  A factory that connects anew may let it
        wait for the next connection; see `clientConnectionLost`.  Where there is no connection, and nobody makes one, it
        waits.
        """
        if self._broker and not self._broker.disconnected:
            return defer.succeed(self._root)
        d: defer.Deferred[RemoteReference] = defer.Deferred()
        self.rootObjectRequests.append(d)
        return d

    def disconnect(self) -> None:
        """End the connection, if there is one."""
        if self._broker:
            self._broker.transport.loseConnection()

    def _cbSendUsername(self, root: Any, username: Any, password: Any, client: Any) -> Any:
        return root.callRemote("login", username).addCallback(self._cbResponse, password, client)

    def _cbResponse(self, challenges: Any, password: Any, client: Any) -> Any:
        if not isinstance(challenges, (tuple, list)) or len(challenges) != 2:
            raise InsecureJelly(f"not a challenge: {shortened(challenges)}")
        challenge, challenger = challenges
        if not isinstance(challenge, bytes) or not hasattr(challenger, "callRemote"):
            raise InsecureJelly(f"not a challenge: {shortened(challenges)}")
        return challenger.callRemote("respond", respond(challenge, password), client)

    def _cbLoginAnonymous(self, root: Any, client: Any) -> Any:
        return root.callRemote("loginAnonymous", client)

    def login(self, credentials: Any, client: Any = None) -> defer.Deferred[Any]:
        """Log in at a server that was given a portal.

        Args:
            credentials: an object with ``username`` and ``password``, each str or bytes, or one that provides
                ``IAnonymous``.
            client: the mind: an object for the avatar to call, or None.

        Returns:
            A Deferred of a reference to the avatar; it fails with whatever the server says, with the reasons of
            `getRootObject`, or with ``UnhandledCredentials``.
        """
        if IAnonymous.providedBy(credentials):
            return self.getRootObject().addCallback(self._cbLoginAnonymous, client)
        try:
            username, password = credentials.username, credentials.password
            if not isinstance(username, (str, bytes)) or not isinstance(password, (str, bytes)):
                raise AttributeError("username and password are text")
        except AttributeError as problem:
            return defer.fail(UnhandledCredentials(f"{type(credentials).__name__} cannot be sent to a server: {problem}"))
        return self.getRootObject().addCallback(self._cbSendUsername, username, password, client)


class PBServerFactory(protocol.ServerFactory):
    """Publishes a root, or a portal.

    Args:
        root: provides or can be adapted to `flavors.IPBRoot`: a `flavors.Root`, or a ``twisted.cred.portal.Portal`` whose
            realm gives avatars for `IPerspective`.
        unsafeTracebacks: whether clients are sent the tracebacks of exceptions.
        security: what may be sent and received.
        limits: what a client may make this side hold; see `Limits`.
        keepAlive: seconds within which a client that has died is found out, by TCP; None to wait for ever.

    Raises:
        TypeError: *root* cannot be adapted to `flavors.IPBRoot`, or *limits* are no `Limits`.
        ValueError: *keepAlive* is no positive number.
    """

    protocol = Broker  # type: ignore[assignment]
    unsafeTracebacks: Any = False
    keepAlive: float | None = None

    def __init__(
        self,
        root: Any,
        unsafeTracebacks: Any = False,
        security: Any = globalSecurity,
        limits: Limits = DEFAULT_LIMITS,
        keepAlive: float | None = None,
    ) -> None:
        self.root: Any = IPBRoot(root)
        self.unsafeTracebacks = unsafeTracebacks
        self.security = security
        self.limits = _limits(limits)
        self.keepAlive = _seconds(keepAlive)

    def buildProtocol(self, addr: Any) -> Any:
        """A broker for a new connection, with its root; None, which closes it, if there are too many."""
        limits = getattr(self, "limits", DEFAULT_LIMITS)
        if limits.connections is not None and len(_open(self)) >= limits.connections:
            told = "PB: {peer} was not let in: there are {most} connections"
            _journalOf(self, limits).warn("connections", told, peer=addr, most=limits.connections)
            return None
        made = _build(self, False)
        if limits.connections is not None:
            _open(self).add(made)
        made.setNameForLocal("root", self.root.rootObject(made))
        return made

    def clientConnectionMade(self, protocol: Any) -> None:
        """A client's connection is ready."""

    def _brokerLost(self, broker: Any, reason: Any) -> None:
        """A broker of ours lost its connection."""
        _open(self).discard(broker)


def _open(factory: Any) -> weakref.WeakSet[Any]:
    """The brokers of a factory that counts its connections; weak, for not every broker that is built is connected."""
    brokers = factory.__dict__.get("_openBrokers")
    if brokers is None:
        brokers = factory._openBrokers = weakref.WeakSet()
    return brokers  # type: ignore[no-any-return]


def _limits(limits: Any) -> Limits:
    # Else it would be found out at each connection, when nobody is there to be told.
    if not isinstance(limits, Limits):
        raise TypeError(f"limits is a Limits, not {limits!r}")
    return limits


def _seconds(keepAlive: Any) -> float | None:
    if keepAlive is not None and (
        isinstance(keepAlive, bool) or not isinstance(keepAlive, (int, float)) or not 0 < keepAlive < 2**31 / 1000
    ):
        raise ValueError(f"keepAlive is a number of seconds above 0 and below {2**31 // 1000}, not {keepAlive!r}")
    return keepAlive


def _build(factory: Any, isClient: bool) -> Any:
    """A broker of the class that *factory* names."""
    made = factory.protocol(isClient=isClient, security=factory.security)
    made.factory = factory
    # A subclass need not have called our constructor, nor be of our Broker.
    limits = getattr(factory, "limits", DEFAULT_LIMITS)
    if limits is not DEFAULT_LIMITS and isinstance(made, banana.Banana):
        made.useLimits(limits)
    return made
