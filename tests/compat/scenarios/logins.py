"""Logins: by challenge and response, without a name, with a mind; refused; ended."""

from __future__ import annotations

import gc
import hashlib
from typing import Any

from twisted.cred.checkers import AllowAnonymousAccess, InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import Anonymous, UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from tests.compat.scenario import repaired, scenario
from tests.compat.show import shown

ALICE = UsernamePassword(b"alice", b"wonderland")
BOB = UsernamePassword(b"bob", b"builder")


def realm_of(side: Any, later: bool = False) -> Any:
    """A realm whose avatars know their names and are noted when they come and go."""

    class Citizen(side.pb.Avatar):  # type: ignore[misc]
        """Somebody."""

        def __init__(self, name: str, mind: Any) -> None:
            self.name, self.mind = name, mind

        def perspective_name(self, *args: Any, **kw: Any) -> Any:
            """Who I am."""
            return [self.name, args, kw]

        def perspective_mind(self, *args: Any) -> Any:
            """Ask my mind."""
            return self.mind.callRemote("ask", *args)

        def perspective_fail(self) -> None:
            """Fail."""
            raise side.pb.Error("the avatar fails")

        def perspective_me(self) -> Any:
            """Hand out myself."""
            return side.pb.AsReferenceable(self, "perspective")

        def perspective_is(self, it: Any) -> Any:
            """What comes home."""
            return type(it).__name__

    @implementer(IRealm)
    class Realm:
        """Everybody is welcome."""

        def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> Any:
            """An avatar."""
            side.note("login", avatarId, mind is None, [interface.__name__ for interface in interfaces])
            name = avatarId.decode() if avatarId else "nobody"
            result = interfaces[0], Citizen(name, mind), lambda: side.note("logout", name)
            return _soon(side, result) if later else result

    return Realm()


def _soon(side: Any, result: Any) -> Any:
    waiting: Deferred[Any] = Deferred()
    side.reactor.callLater(0.01, waiting.callback, result)
    return waiting


def checker_of() -> Any:
    """Knows Alice and Bob."""
    checker = InMemoryUsernamePasswordDatabaseDontUse()
    for credentials in (ALICE, BOB):
        checker.addUser(credentials.username, credentials.password)
    return checker


def city(side: Any) -> Any:
    """A portal for Alice, Bob and anybody."""
    return Portal(realm_of(side), [checker_of(), AllowAnonymousAccess()])


def slow_city(side: Any) -> Any:
    """A portal whose realm takes its time."""
    return Portal(realm_of(side, later=True), [checker_of()])


def closed_city(side: Any) -> Any:
    """A portal where nobody comes without a name."""
    return Portal(realm_of(side), [checker_of()])


def md5_city(side: Any) -> Any:
    """A portal whose checker keeps digests and asks `checkMD5Password`."""

    class Checker:
        """Keeps digests only."""

        credentialInterfaces = (side.pb.IUsernameMD5Password,)

        def requestAvatarId(self, credentials: Any) -> Any:
            """Check a digest."""
            digest = hashlib.md5(b"wonderland").digest()
            side.note("checked", side.pb.IUsernameMD5Password.providedBy(credentials))
            if credentials.username == b"alice" and credentials.checkMD5Password(digest):
                return succeed(credentials.username)
            raise UnauthorizedLogin("by digest")

    return Portal(realm_of(side), [Checker()])


@scenario(city)
async def login(side: Any, root: Any) -> Any:
    """A name and a password get an avatar."""
    avatar = await side.factory.login(ALICE)
    return [shown(avatar), shown(await avatar.callRemote("name", 1, k=2)), (await side.server())["notes"]]


@scenario(slow_city)
async def login_that_takes_time(side: Any, root: Any) -> Any:
    """The realm may answer later."""
    return shown(await (await side.factory.login(ALICE)).callRemote("name"))


@scenario(md5_city)
async def login_by_digest(side: Any, root: Any) -> Any:
    """A checker that keeps digests can check them."""
    wrong = UsernamePassword(b"alice", b"wrong")
    avatar = await side.factory.login(ALICE)
    return [shown(await avatar.callRemote("name")), await side.outcome(side.factory.login(wrong))]


@scenario(city)
async def login_with_a_wrong_password(side: Any, root: Any) -> Any:
    """Refused, and the connection lives."""
    refused = await side.outcome(side.factory.login(UsernamePassword(b"alice", b"x")))
    return [refused, shown(await side.factory.login(BOB))]


@scenario(city)
async def login_of_an_unknown_user(side: Any, root: Any) -> Any:
    """Refused in the same words."""
    return await side.outcome(side.factory.login(UsernamePassword(b"carol", b"x")))


@scenario(city)
async def login_refused_can_be_trapped(side: Any, root: Any) -> Any:
    """A refused login is an UnauthorizedLogin by class and by name."""
    failure = await side.failure(side.factory.login(UsernamePassword(b"alice", b"x")))
    return [str(failure.check(UnauthorizedLogin)), str(failure.check("twisted.cred.error.UnauthorizedLogin"))]


@scenario(city)
async def login_with_an_empty_password(side: Any, root: Any) -> Any:
    """Nothing is not a password."""
    return await side.outcome(side.factory.login(UsernamePassword(b"alice", b"")))


@scenario(city)
async def login_anonymously(side: Any, root: Any) -> Any:
    """Without a name, where that is allowed."""
    avatar = await side.factory.login(Anonymous())
    return [shown(await avatar.callRemote("name")), (await side.server())["notes"]]


@scenario(closed_city)
async def login_anonymously_refused(side: Any, root: Any) -> Any:
    """Without a name, where that is not allowed."""
    return [(await side.outcome(side.factory.login(Anonymous())))[:3], shown(await side.factory.login(ALICE))]


@scenario(city)
async def login_with_a_mind(side: Any, root: Any) -> Any:
    """The avatar can call the client's mind."""
    mind = side.subclass(side.pb.Referenceable, "Mind", remote_ask=lambda self, *args: ["mind", *args])()
    avatar = await side.factory.login(ALICE, mind)
    return [await side.call(avatar, "mind", 1), (await side.server())["notes"]]


@scenario(city)
async def login_anonymously_with_a_mind(side: Any, root: Any) -> Any:
    """The same without a name."""
    mind = side.subclass(side.pb.Referenceable, "Mind", remote_ask=lambda self, *args: ["mind", *args])()
    return await side.call(await side.factory.login(Anonymous(), mind), "mind", 1)


@scenario(city)
async def logins_on_one_connection(side: Any, root: Any) -> Any:
    """Several avatars live side by side."""
    avatars = [await side.factory.login(who) for who in (ALICE, BOB, ALICE)]
    return [shown(await avatar.callRemote("name")) for avatar in avatars]


@scenario(city)
async def logins_at_once(side: Any, root: Any) -> Any:
    """Logins may overlap."""
    waiting = [side.factory.login(who) for who in (ALICE, BOB, Anonymous())]
    return [shown(await (await one).callRemote("name")) for one in waiting]


@scenario(city)
async def logout_by_dropping_the_avatar(side: Any, root: Any) -> Any:
    """When the client drops the avatar, the realm is told once, and not again when the connection goes."""
    avatar = await side.factory.login(ALICE)
    other = await side.factory.login(BOB)
    del avatar
    gc.collect()
    return [(await side.server())["notes"], shown(await other.callRemote("name"))]


@scenario(city)
async def logout_by_disconnecting(side: Any, root: Any) -> Any:
    """When the connection goes, every avatar is logged out."""
    side.kept = [await side.factory.login(ALICE), await side.factory.login(BOB)]
    side.factory.disconnect()
    await side.sleep()
    return (await side.server())["notes"]


@scenario(city)
async def login_before_connecting(side: Any, root: Any) -> Any:
    """A login may be asked for before there is a connection."""
    factory = side.pb.PBClientFactory()
    waiting = factory.login(ALICE)
    side.dial(factory)
    return shown(await (await waiting).callRemote("name"))


@scenario(city)
async def avatar_fails(side: Any, root: Any) -> Any:
    """An avatar's error is an error like others; a missing method is an AttributeError."""
    avatar = await side.factory.login(ALICE)
    return [await side.call(avatar, "fail"), (await side.call(avatar, "absent"))[:3]]


@scenario(city)
async def avatar_passed_back(side: Any, root: Any) -> Any:
    """An avatar comes home as what stands for it."""
    avatar = await side.factory.login(ALICE)
    return [await avatar.callRemote("is", avatar), shown(await avatar.callRemote("me"))]


@scenario(city, bytes=False)
async def login_by_hand(side: Any, root: Any) -> Any:
    """The two steps of a login are calls like others, and `respond` makes the response."""
    challenge, challenger = await root.callRemote("login", b"alice")
    response = side.pb.respond(challenge, b"wonderland")
    avatar = await challenger.callRemote("respond", response, None)
    return [len(challenge), type(challenge).__name__, len(response), shown(await avatar.callRemote("name"))]


@scenario(city)
async def login_overridden(side: Any, root: Any) -> Any:
    """``_cbSendUsername`` may be the factory's own."""

    class Factory(side.pb.PBClientFactory):  # type: ignore[misc]
        """Sends another name."""

        def _cbSendUsername(self, root: Any, username: Any, password: Any, client: Any) -> Any:
            return super()._cbSendUsername(root, b"bob", b"builder", client)

    avatar = await side.dial(Factory()).login(ALICE)
    return shown(await avatar.callRemote("name"))


def jellyable_city(side: Any) -> Any:
    """A portal whose avatars are Referenceables."""
    Own = side.subclass(side.pb.Referenceable, "Own", remote_name=lambda self: "own")

    @implementer(IRealm)
    class Realm:
        """Gives out a Referenceable."""

        def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> Any:
            """One that can travel by itself."""
            return interfaces[0], Own(), lambda: side.note("logout")

    return Portal(Realm(), [checker_of()])


@scenario(jellyable_city)
async def avatar_that_is_referenceable(side: Any, root: Any) -> Any:
    """An avatar that can travel by itself is sent as it is."""
    avatar = await side.factory.login(ALICE)
    result = await side.call(avatar, "name")
    del avatar
    gc.collect()
    return [result, (await side.server())["notes"]]


async def _name_or_error(side: Any, username: Any, password: Any) -> Any:
    outcome = await side.result(side.factory.login(UsernamePassword(username, password)))
    if isinstance(outcome, list):
        return outcome[2]
    return (await outcome.callRemote("name"))[0]


@repaired(city, by="client", theirs="builtins.TypeError", ours="alice")
async def login_with_a_password_of_text(side: Any, root: Any) -> Any:
    """A password may be text, whoever's the server is."""
    return await _name_or_error(side, b"alice", "wonderland")


@repaired(city, by="both", theirs=None, ours="alice")
async def login_with_a_name_of_text(side: Any, root: Any) -> Any:
    """A name may be text too, where the server is ours; twisted.spread's asks its checker for the text."""
    return await _name_or_error(side, "alice", "wonderland")


@repaired(city, by="client", theirs="raised", ours="failed")
async def login_with_other_credentials(side: Any, root: Any) -> Any:
    """Credentials that PB cannot send make a login that fails."""
    try:
        waiting = side.factory.login(object())
    except AttributeError:
        return "raised"
    return (await side.outcome(waiting))[0]
