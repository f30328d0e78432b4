"""Logging in: what a `Portal` is to a peer.

The root of a server that was given a portal answers ``login(username)`` with a challenge, and an object whose
``respond(response, mind)`` takes the answer to it and returns the avatar; ``loginAnonymous(mind)`` asks for no password.
The response is ``md5(md5(password) + challenge)``.  This keeps the password itself off the wire and nothing more: who
reads the wire can try passwords at leisure, and read the rest anyway.  Use TLS.

Until it has logged in, a peer is a stranger, for whom `Limits.before_login` holds; a `_Ledger` counts what it tries.
"""

from __future__ import annotations

import hmac
import secrets
from functools import lru_cache
from hashlib import md5
from typing import Any
from weakref import WeakSet

from twisted.cred.checkers import FilePasswordDB, InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import Anonymous, ICredentials, IUsernameHashedPassword
from twisted.cred.error import LoginFailed, UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet import defer
from twisted.python import failure
from twisted.python.components import registerAdapter
from zope.interface import Interface, implementer

from .core.errors import Error
from .core.graph import shortened
from .core.limits import DEFAULT_LIMITS, Limits
from .flavors import IPBRoot, Referenceable
from .interfaces import IJellyable


class IPerspective(Interface):  # type: ignore[misc]
    """What an avatar is to a peer: an object that messages are delivered to."""

    def perspectiveMessageReceived(broker, message, args, kwargs):  # type: ignore[no-untyped-def]
        """The peer calls the method *message* (str).

        *args* and *kwargs* are expressions; ``broker.unserialize`` makes objects of them.  Return the expression of the
        result (``broker.serialize``), or a Deferred of it.
        """


class IUsernameMD5Password(ICredentials):  # type: ignore[misc]
    """A user name and a proof that the user knows the password, or its MD5 digest.

    Attribute ``username``: the name, as the peer sent it.
    """

    def checkPassword(password):  # type: ignore[no-untyped-def]
        """Whether *password* is the user's (or a Deferred of that)."""

    def checkMD5Password(password):  # type: ignore[no-untyped-def]
        """Whether *password* is the MD5 digest of the user's password (or a Deferred of that)."""


def _digest(*parts: bytes) -> bytes:
    try:
        made = md5(usedforsecurity=False)
    except TypeError:  # pragma: no cover - a hashlib without that argument
        made = md5()
    for part in parts:
        made.update(part)
    return made.digest()


def asBytes(text: str | bytes) -> bytes:
    """A password or name as bytes."""
    return text.encode("utf-8") if isinstance(text, str) else text


def respond(challenge: bytes, password: str | bytes) -> bytes:
    """The answer to *challenge* of one who knows *password*: 16 bytes."""
    return _digest(_digest(asBytes(password)), challenge)


def challenge() -> bytes:
    """A new challenge: 16 bytes that nobody can foresee."""
    return secrets.token_bytes(16)


@implementer(IPBRoot)
class _PortalRoot:
    """A portal as the root of a server."""

    def __init__(self, portal: Any) -> None:
        self.portal = portal

    def rootObject(self, broker: Any) -> Any:
        """What one connection starts from."""
        return _PortalWrapper(self.portal, broker)


registerAdapter(_PortalRoot, Portal, IPBRoot)


@lru_cache(maxsize=64)
def _before_login(limits: Limits) -> Limits:
    return limits.before_login()


class _Ledger:
    """The logins of one connection: those begun, failed and in force.

    Args:
        broker: the connection's.  Its limits are those of a stranger from now on, until a login succeeds.
        guards: whether no other than the logins of this module let the peer in; else its limits stay as they are.
    """

    def __init__(self, broker: Any, guards: bool = True) -> None:
        self._broker = broker
        self._limits: Limits = getattr(broker, "limits", DEFAULT_LIMITS)
        # Weak, for a peer may let go of a challenge and never answer it.
        self._open: WeakSet[Any] = WeakSet()
        self._asked = 0
        self._held = 0
        self._failed = 0
        self._guards = guards
        self._use(_before_login(self._limits))

    def _use(self, limits: Limits) -> None:
        use = getattr(self._broker, "useLimits", None)
        if use is not None and self._guards:
            use(limits)

    def check_name(self, name: Any) -> None:
        """Refuse a user name that is no text, or too long."""
        if not isinstance(name, (str, bytes)):
            raise Error(f"a user name is text, not {shortened(name)}")
        most = self._limits.name_bytes
        if len(name) > most or isinstance(name, str) and len(name.encode("utf-8", "surrogatepass")) > most:
            raise Error(f"a user name has at most {most} bytes")

    def challenged(self, challenger: Any) -> None:
        """A challenge is given out."""
        if len(self._open) >= self._limits.open_challenges:
            raise Error(f"{self._limits.open_challenges} logins are begun and not ended")
        self._open.add(challenger)

    def ask(self, credentials: Any) -> None:
        """The portal is to be asked for an avatar."""
        if self._held + self._asked >= self._limits.logins:
            self._open.discard(credentials)
            raise Error(f"{self._limits.logins} logins are in force, or asked for")
        self._asked += 1

    def refused(self, credentials: Any, reason: failure.Failure) -> failure.Failure:
        """The portal gave no avatar."""
        self._open.discard(credentials)
        self._asked -= 1
        self._failed += 1
        if self._failed > self._limits.failed_logins and not self._broker.disconnected:
            # It is told of this one still.
            part = getattr(self._broker, "_part", self._broker.transport.loseConnection)
            part(f"more than {self._limits.failed_logins} logins failed")
        factory = getattr(self._broker, "factory", None)
        if isinstance(reason.value, LoginFailed) and getattr(factory, "unsafeTracebacks", True):
            # The peer is not to get what tells an unknown user from a wrong password: how the checker came to its answer.
            return failure.Failure(reason.value.with_traceback(None))
        return reason

    def admitted(self, credentials: Any) -> None:
        """The portal gave an avatar, which the peer is about to get."""
        self._open.discard(credentials)
        self._asked -= 1
        self._held += 1
        self._use(self._limits)

    def ended(self) -> None:
        """An avatar was logged out."""
        self._held -= 1
        if not self._held and not self._broker.disconnected:
            self._use(_before_login(self._limits))


class _Logout:
    """Calls *logout* at its first call, and lets go of it then."""

    def __init__(self, broker: Any, logout: Any) -> None:
        self._broker = broker
        self._logout = logout

    def __call__(self) -> None:
        broker, self._broker = self._broker, None
        logout, self._logout = self._logout, None
        if broker is not None:
            broker.dontNotifyOnDisconnect(self)
            logout()


class _JellyableAvatarMixin:
    """Hands an avatar to a peer."""

    broker: Any
    # Made when it is needed: applications make these objects themselves.
    _ledger: Any = None

    def _ask(self, ledger: _Ledger, ask: Any) -> Any:
        """What *ask*, which asks the portal, comes to: the avatar."""
        ledger.ask(self)
        # The application's portal is given this object, or may hold on to its answer: no more than once, in any case.
        d = defer.maybeDeferred(ask)
        d.addCallback(lambda result: self._admit(ledger, result))
        d.addErrback(lambda reason: ledger.refused(self, reason))
        return d

    def _admit(self, ledger: _Ledger, result: Any) -> Any:
        interface, avatar, logout = result
        counted: list[bool] = []

        def leave() -> None:
            if counted:
                ledger.ended()
            logout()

        try:
            avatar = self._cbLogin((interface, avatar, leave))
        except BaseException:
            logout()
            raise
        ledger.admitted(self)
        counted.append(True)
        return avatar

    def _cbLogin(self, result: Any) -> Any:
        """Make the avatar something that can be sent, and see to it that its logout is called once: when the peer lets
        go of it, or when the connection goes."""
        _interface, avatar, logout = result
        broker = self.broker
        logoutOnce = _Logout(broker, logout)
        if broker.disconnected:
            # The peer left while the portal was at work.
            logoutOnce()
            return None
        if not IJellyable.providedBy(avatar):
            avatar = AsReferenceable(avatar, "perspective")
        puid = avatar.processUniqueID()
        earlier = broker._localCleanup.get(puid)
        if earlier is None:
            broker._localCleanup[puid] = logoutOnce
        else:
            # The same avatar by another login on this connection: it goes when both have let go of it.
            def both() -> None:
                earlier()
                logoutOnce()

            broker._localCleanup[puid] = both
        broker.notifyOnDisconnect(logoutOnce)
        return avatar


class AsReferenceable(Referenceable):
    """Any object that has a ``…MessageReceived`` method, as a `Referenceable`.

    Args:
        object: the object, such as an avatar.
        messageType: the part before ``MessageReceived``: "perspective", "remote".
    """

    def __init__(self, object: Any, messageType: str = "remote") -> None:
        self.remoteMessageReceived = getattr(object, messageType + "MessageReceived")  # type: ignore[method-assign]


class _PortalWrapper(Referenceable, _JellyableAvatarMixin):
    """What a connection to a portal starts from."""

    def __init__(self, portal: Any, broker: Any) -> None:
        self.portal = portal
        self.broker = broker
        cls: Any = type(self)
        self._ledger = _Ledger(broker, _guards(cls))

    def remote_login(self, username: Any) -> Any:
        """Begin a login: returns a challenge, and the object that takes the answer."""
        self._ledger.check_name(username)
        made = challenge()
        challenger = _PortalAuthChallenger(self.portal, self.broker, username, made)
        challenger._ledger = self._ledger
        self._ledger.challenged(challenger)
        return made, challenger

    def remote_loginAnonymous(self, mind: Any) -> Any:
        """Log in without a name."""
        return self._ask(self._ledger, lambda: self.portal.login(Anonymous(), mind, IPerspective))


_DOORS = {name: getattr(_PortalWrapper, name) for name in dir(_PortalWrapper) if name.startswith("remote")}


@lru_cache(maxsize=64)
def _guards(cls: Any) -> bool:
    """Whether a peer can be let in by a `_PortalWrapper` of that class in no other way than ours: applications have
    subclasses that take other credentials, and ask the portal themselves, so that nobody would be told of it."""
    return all(_DOORS.get(name) is getattr(cls, name) for name in dir(cls) if name.startswith("remote"))


def _as_kept(portal: Any, name: Any) -> Any:
    """A user's name as text or as bytes, whichever the portal's checker keeps it as, which clients cannot know.

    That is known of Twisted's own checkers: the one has a dictionary of either, the other a file of bytes.  Every other
    checker is asked for the name as it came.
    """
    checkers = getattr(portal, "checkers", {})
    checker: Any = checkers.get(IUsernameHashedPassword) or checkers.get(IUsernameMD5Password)
    asks = getattr(type(checker), "requestAvatarId", None)
    try:
        other = name.encode("utf-8") if isinstance(name, str) else name.decode("utf-8")
    except (AttributeError, UnicodeError):
        return name
    if asks is InMemoryUsernamePasswordDatabaseDontUse.requestAvatarId:
        return other if name not in checker.users and other in checker.users else name
    return other if asks is FilePasswordDB.requestAvatarId and isinstance(name, str) else name


@implementer(IUsernameHashedPassword, IUsernameMD5Password)
class _PortalAuthChallenger(Referenceable, _JellyableAvatarMixin):
    """One login: takes the answer to a challenge, once, and is the credentials that a checker looks at.

    Attributes:
        username: the name, as the peer sent it, or as a checker of Twisted's keeps it.
        challenge, response: what was asked, what was answered.
    """

    response: Any = None

    def __init__(self, portal: Any, broker: Any, username: Any, challenge: bytes) -> None:
        self.portal = portal
        self.broker = broker
        self.username = username
        self.challenge = challenge
        self._answered = False

    def remote_respond(self, response: Any, mind: Any) -> Any:
        """Take the answer; returns the avatar."""
        if self._answered:
            return defer.fail(UnauthorizedLogin("a challenge is answered once"))
        self._answered = True
        self.response = response
        if self._ledger is None:
            self._ledger = _Ledger(self.broker)
        return self._ask(self._ledger, lambda: self._login(mind))

    def _login(self, mind: Any) -> Any:
        self.username = _as_kept(self.portal, self.username)
        return self.portal.login(self, mind, IPerspective)

    def checkPassword(self, password: Any) -> bool:
        """Whether the answer is that of one who knows *password*."""
        return self.checkMD5Password(_digest(asBytes(password)))

    def checkMD5Password(self, md5Password: Any) -> bool:
        """Whether the answer is that of one who knows the password with that MD5 digest."""
        right = _digest(md5Password, self.challenge)
        return isinstance(self.response, bytes) and hmac.compare_digest(self.response, right)
