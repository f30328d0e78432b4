"""Logging in: what a `Portal` is to a peer.

The root of a server that was given a portal answers ``login(username)`` with a challenge, and an object whose
``respond(response, mind)`` takes the answer to it and returns the avatar; ``loginAnonymous(mind)`` asks for no password.
The response is ``md5(md5(password) + challenge)``.  This keeps the password itself off the wire and nothing more: who
reads the wire can try passwords at leisure, and read the rest anyway.  Use TLS.
"""

from __future__ import annotations

import hmac
import secrets
from hashlib import md5
from typing import Any

from twisted.cred.credentials import Anonymous, ICredentials, IUsernameHashedPassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet import defer
from twisted.python.components import registerAdapter
from zope.interface import Interface, implementer

from .core.errors import Error
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


class _JellyableAvatarMixin:
    """Hands an avatar to a peer."""

    broker: Any

    def _cbLogin(self, result: Any) -> Any:
        """Make the avatar something that can be sent, and see to it that its logout is called once: when the peer lets
        go of it, or when the connection goes."""
        _interface, avatar, logout = result
        broker = self.broker
        pending = [logout]

        def logoutOnce() -> None:
            broker.dontNotifyOnDisconnect(logoutOnce)
            if pending:
                pending.pop()()

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

    def remote_login(self, username: Any) -> Any:
        """Begin a login: returns a challenge, and the object that takes the answer."""
        if not isinstance(username, (str, bytes)):
            raise Error("a user name is text")
        made = challenge()
        return made, _PortalAuthChallenger(self.portal, self.broker, username, made)

    def remote_loginAnonymous(self, mind: Any) -> Any:
        """Log in without a name."""
        d = self.portal.login(Anonymous(), mind, IPerspective)
        d.addCallback(self._cbLogin)
        return d


@implementer(IUsernameHashedPassword, IUsernameMD5Password)
class _PortalAuthChallenger(Referenceable, _JellyableAvatarMixin):
    """One login: takes the answer to a challenge, once, and is the credentials that a checker looks at.

    Attributes:
        username: the name, as the peer sent it.
        challenge, response: what was asked, what was answered.
    """

    response: Any = None

    def __init__(self, portal: Any, broker: Any, username: Any, challenge: bytes) -> None:
        self.portal = portal
        self.broker = broker
        self.username = username
        self.challenge = challenge
        self._asked = False
        self._answered = False

    def remote_respond(self, response: Any, mind: Any) -> Any:
        """Take the answer; returns the avatar."""
        if self._answered:
            return defer.fail(UnauthorizedLogin("a challenge is answered once"))
        self._answered = True
        self.response = response
        d = self.portal.login(self, mind, IPerspective)
        d.addErrback(self._ebOtherSpelling, mind)
        d.addCallback(self._cbLogin)
        return d

    def _ebOtherSpelling(self, reason: Any, mind: Any) -> Any:
        """Ask again with the name as text where it came as bytes, or the reverse.

        Which of the two a checker's table has is the server's choice, which its clients cannot know.  Only where no
        password was looked at, that is, where nobody of that name was found.
        """
        if not reason.check(UnauthorizedLogin) or self._asked:
            return reason
        name = self.username
        try:
            self.username = name.encode("utf-8") if isinstance(name, str) else name.decode("utf-8")
        except UnicodeError:
            return reason
        return self.portal.login(self, mind, IPerspective)

    def checkPassword(self, password: Any) -> bool:
        """Whether the answer is that of one who knows *password*."""
        return self.checkMD5Password(_digest(asBytes(password)))

    def checkMD5Password(self, md5Password: Any) -> bool:
        """Whether the answer is that of one who knows the password with that MD5 digest."""
        self._asked = True
        right = _digest(md5Password, self.challenge)
        return isinstance(self.response, bytes) and hmac.compare_digest(self.response, right)
