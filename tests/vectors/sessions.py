"""Conversations of two brokers, played by any pair of Perspective Brokers; what each side says in a step is recorded.

A session is a function of the server's and the client's `Spread` and of the dialect; it gives back the `Conversation`
with its steps.  Every reference is dropped at a stated place, so that the decref falls into a stated step.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from typing import Any

from twisted.cred.checkers import AllowAnonymousAccess, InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import Anonymous, UsernamePassword
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from zope.interface import implementer

from tests.vectors.memory import Conversation
from tests.vectors.spreads import Spread

Session = Callable[[Spread, Spread, str], Conversation]

SESSIONS: dict[str, Session] = {}

#: Sessions in which a failure travels: its bytes depend on the version of Twisted, whose Failure they spell out.
FAILURES: set[str] = set()


def session(play: Session) -> Session:
    """Register a session under its name."""
    SESSIONS[play.__name__.replace("_", " ")] = play
    return play


def failing(play: Session) -> Session:
    """Mark a session as one in which a failure travels."""
    FAILURES.add(play.__name__.replace("_", " "))
    return play


def subclass(base: type, name: str, **members: Any) -> Any:
    """A class whose dotted name is the same whichever Perspective Broker its base is from."""
    return type(name, (base,), {"__module__": "tests.vectors.sessions", "__qualname__": name, **members})


def begin(server: Spread, client: Spread, dialect: str, **methods: Callable[..., Any]) -> tuple[Conversation, Any]:
    """A conversation past its handshake, with a root that has *methods*; and the client's reference to the root."""
    root = subclass(server.pb.Root, "Root", **{f"remote_{name}": method for name, method in methods.items()})()
    talk = Conversation(server, client, root, dialect)
    talk.step("handshake")
    return talk, talk.result(talk.client_factory.getRootObject())


@session
def handshake(server: Spread, client: Spread, dialect: str) -> Conversation:
    """Nothing but the choice of the dialect and the versions."""
    return begin(server, client, dialect)[0]


@session
def calls(server: Spread, client: Spread, dialect: str) -> Conversation:
    """Calls of every shape, and their answers."""
    talk, root = begin(server, client, dialect, echo=lambda self, *args, **kw: (args, kw), nothing=lambda self: None)
    root.callRemote("nothing")
    talk.step("no arguments")
    root.callRemote("echo", 1, "two", b"three", [4], None)
    talk.step("arguments")
    root.callRemote("echo", name="Bob", number=12)
    talk.step("keywords")
    root.callRemote("echo", 1, list="a word", _x={"y": (0.5, True)})
    talk.step("arguments and keywords")
    root.callRemote("nothing", pbanswer=False)
    talk.step("no answer wanted")
    root.callRemote("nothing")
    root.callRemote("nothing")
    talk.step("two at once")
    root.callRemote(b"nothing")
    talk.step("a name as bytes")
    root.remoteMethod("nothing")()
    talk.step("a remote method")
    shared: list[Any] = []
    root.callRemote("echo", shared, shared, both=shared)
    talk.step("shared arguments")
    return talk


@session
def answers_in_another_order(server: Spread, client: Spread, dialect: str) -> Conversation:
    """Answers that come later than those of later calls."""
    waiting: list[Deferred[Any]] = []

    def later(self: Any) -> Deferred[Any]:
        waiting.append(Deferred())
        return waiting[-1]

    talk, root = begin(server, client, dialect, later=later, now=lambda self: "now")
    root.callRemote("later")
    root.callRemote("later")
    root.callRemote("now")
    talk.step("three calls")
    waiting[1].callback("second")
    talk.step("the second is answered")
    waiting[0].callback(["first"])
    talk.step("the first is answered")
    return talk


@session
def references_out(server: Spread, client: Spread, dialect: str) -> Conversation:
    """A server's objects: handed out, called, handed back, received twice, dropped."""
    ticket = subclass(server.pb.Referenceable, "Ticket", remote_number=lambda self: 7)()
    talk, root = begin(
        server,
        client,
        dialect,
        ticket=lambda self: ticket,
        both=lambda self: [ticket, ticket],
        known=lambda self, it: it is ticket,
    )
    reference = talk.result_of(root.callRemote("ticket"), "handed out")
    reference.callRemote("number")
    talk.step("called")
    root.callRemote("known", reference)
    talk.step("handed back")
    pair = talk.result_of(root.callRemote("both"), "received twice more")
    del pair
    gc.collect()
    talk.step("two dropped")
    del reference
    gc.collect()
    talk.step("the last dropped")
    reference = talk.result_of(root.callRemote("ticket"), "handed out anew")
    del reference
    gc.collect()
    talk.step("dropped anew")
    return talk


@session
def references_in(server: Spread, client: Spread, dialect: str) -> Conversation:
    """A client's object: passed, called by the server, handed back, dropped by the server."""
    kept: list[Any] = []

    def keep(self: Any, it: Any) -> Any:
        kept.append(it)
        return it.callRemote("add", 1)

    coat = subclass(client.pb.Referenceable, "Coat", remote_add=lambda self, number: number + 1)()
    talk, root = begin(server, client, dialect, keep=keep, back=lambda self: kept[0], drop=lambda self: kept.clear())
    root.callRemote("keep", coat)
    talk.step("passed and called")
    root.callRemote("back")
    talk.step("handed back")
    root.callRemote("drop")
    talk.step("dropped")
    return talk


@session
def views(server: Spread, client: Spread, dialect: str) -> Conversation:
    """A Viewable travels as a reference to a view of it."""
    view = subclass(server.pb.Viewable, "View", view_who=lambda self, perspective: [perspective, self is view])()
    talk, root = begin(server, client, dialect, view=lambda self: view)
    reference = talk.result_of(root.callRemote("view"), "handed out")
    reference.callRemote("who")
    talk.step("called")
    return talk


@session
def copies(server: Spread, client: Spread, dialect: str) -> Conversation:
    """A Copyable in both directions, alone, twice, and within another."""
    members = {"getTypeToCopy": lambda self: b"tests.Pond"}
    theirs = subclass(server.pb.Copyable, "Pond", **members)
    ours = subclass(client.pb.Copyable, "Pond", **members)
    for spread in (server, client):
        spread.pb.setUnjellyableForClass("tests.Pond", subclass(spread.pb.RemoteCopy, "RemotePond"))
    pond = theirs()
    pond.frogs, pond.name = 12, "north"
    basin = theirs()
    basin.inner = pond
    talk, root = begin(
        server,
        client,
        dialect,
        get=lambda self: pond,
        two=lambda self: [pond, pond],
        nest=lambda self: basin,
        take=lambda self, it: it.frogs,
    )
    root.callRemote("get")
    talk.step("returned")
    root.callRemote("two")
    talk.step("twice in an answer")
    root.callRemote("nest")
    talk.step("within another")
    mine = ours()
    mine.frogs = 3
    root.callRemote("take", mine)
    talk.step("passed")
    return talk


@session
def caches(server: Spread, client: Spread, dialect: str) -> Conversation:
    """A Cacheable: sent, updated, sent again, handed back, dropped, sent anew."""
    observers: list[Any] = []

    def observe(self: Any, perspective: Any, observer: Any) -> Any:
        observers.append(observer)
        return {"level": 1}

    lake = subclass(
        server.pb.Cacheable,
        "Lake",
        getTypeToCopy=lambda self: b"tests.Lake",
        getStateToCacheAndObserveFor=observe,
        stoppedObserving=lambda self, perspective, observer: observers.clear(),
    )()
    client.pb.setUnjellyableForClass(
        "tests.Lake",
        subclass(client.pb.RemoteCache, "RemoteLake", observe_level=lambda self, level: setattr(self, "level", level)),
    )
    talk, root = begin(server, client, dialect, get=lambda self: lake, same=lambda self, it: it is lake)
    cache = talk.result_of(root.callRemote("get"), "sent")
    observers[0].callRemote("level", 2)
    talk.step("updated")
    observers[0].callRemote("level", level=3, pbanswer=False)
    talk.step("updated without an answer")
    root.callRemote("same", cache)
    talk.step("handed back")
    again = talk.result_of(root.callRemote("get"), "sent again")
    del again
    gc.collect()
    talk.step("one dropped")
    del cache
    gc.collect()
    talk.step("the last dropped")
    talk.kept = talk.result_of(root.callRemote("get"), "sent anew")
    return talk


@session
@failing
def errors(server: Spread, client: Spread, dialect: str) -> Conversation:
    """An error of each kind."""
    refused = subclass(server.pb.Error, "Refused")

    def raising(error: BaseException) -> Callable[..., Any]:
        def method(self: Any) -> Any:
            raise error

        return method

    def failing_later(error: BaseException) -> Callable[..., Any]:
        def method(self: Any) -> Any:
            d: Deferred[Any] = Deferred()
            d.errback(error)
            return d

        return method

    talk, root = begin(
        server,
        client,
        dialect,
        expected=raising(server.pb.Error("expected")),
        refused=raising(refused("refused")),
        unexpected=raising(ValueError("unexpected")),
        fails=failing_later(KeyError("late")),
        fails_expected=failing_later(server.pb.Error("late and expected")),
        unicode=raising(server.pb.Error("grün")),
        nothing=lambda self: None,
    )
    for name in ("expected", "refused", "unexpected", "fails", "fails_expected", "unicode", "missing"):
        root.callRemote(name).addErrback(lambda failure: None)
        talk.step(name)
    root.callRemote("nothing", 1).addErrback(lambda failure: None)
    talk.step("arguments that do not fit")
    root.callRemote("missing", pbanswer=False)
    talk.step("an error that nobody waits for")
    stale = client.pb.RemoteReference(None, talk.client, 99, 0)
    stale.callRemote("nothing").addErrback(lambda failure: None)
    talk.step("an object that is not there")
    return talk


@session
@failing
def errors_with_tracebacks(server: Spread, client: Spread, dialect: str) -> Conversation:
    """The same with ``unsafeTracebacks``; its text has no frames, so it is always the same."""

    def fails(self: Any) -> Any:
        d: Deferred[Any] = Deferred()
        d.errback(ValueError("without frames"))
        return d

    talk, root = begin(server, client, dialect, fails=fails)
    talk.server_factory.unsafeTracebacks = True
    root.callRemote("fails").addErrback(lambda failure: None)
    talk.step("fails")
    return talk


@session
def errors_that_are_copies(server: Spread, client: Spread, dialect: str) -> Conversation:
    """An error that is itself Copyable travels as what it is."""
    members = {"getTypeToCopy": lambda self: b"tests.Flood", "getStateToCopy": lambda self: {"level": 5}}
    flood = type("Flood", (server.pb.Error, server.pb.Copyable), members)
    client.pb.setUnjellyableForClass("tests.Flood", type("Arrived", (client.pb.Error, client.pb.RemoteCopy), {}))

    def raises(self: Any) -> Any:
        raise flood("a flood")

    talk, root = begin(server, client, dialect, raises=raises)
    root.callRemote("raises").addErrback(lambda failure: None)
    talk.step("raised")
    return talk


@session
def pages(server: Spread, client: Spread, dialect: str) -> Conversation:
    """A string in pages, to a collector of the client's."""

    def paged(self: Any, collector: Any) -> None:
        server.util.StringPager(collector, b"0123456789", 4)

    talk, root = begin(server, client, dialect, pages=paged)
    client.util.getAllPages(root, "pages")
    talk.step("paged")
    gc.collect()
    talk.step("afterwards")
    return talk


@implementer(IRealm)
class Realm:
    """Gives every name an avatar."""

    def __init__(self, spread: Spread) -> None:
        self.avatar = subclass(spread.pb.Avatar, "Citizen", perspective_name=lambda self: self.name)

    def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> Any:
        """An avatar that knows its name."""
        avatar = self.avatar()
        avatar.name = avatarId or "nobody"
        return interfaces[0], avatar, lambda: None


def _entrance(server: Spread, client: Spread, dialect: str) -> Conversation:
    checker = InMemoryUsernamePasswordDatabaseDontUse()
    checker.addUser(b"alice", b"wonderland")
    portal = Portal(Realm(server), [checker, AllowAnonymousAccess()])
    talk = Conversation(server, client, portal, dialect)
    talk.step("handshake")
    return talk


@session
def login(server: Spread, client: Spread, dialect: str) -> Conversation:
    """A login by challenge and response, a call of the avatar, and its release."""
    talk = _entrance(server, client, dialect)
    avatar = talk.result_of(talk.client_factory.login(UsernamePassword(b"alice", b"wonderland")), "login")
    avatar.callRemote("name")
    talk.step("called")
    del avatar
    gc.collect()
    talk.step("dropped")
    return talk


@session
def login_with_a_mind(server: Spread, client: Spread, dialect: str) -> Conversation:
    """A login that passes a reference to the client's mind."""
    talk = _entrance(server, client, dialect)
    mind = client.pb.Referenceable()
    avatar = talk.result_of(talk.client_factory.login(UsernamePassword(b"alice", b"wonderland"), mind), "login")
    avatar.callRemote("name")
    talk.step("called")
    return talk


@session
def login_anonymously(server: Spread, client: Spread, dialect: str) -> Conversation:
    """A login without a name."""
    talk = _entrance(server, client, dialect)
    avatar = talk.result_of(talk.client_factory.login(Anonymous()), "login")
    avatar.callRemote("name")
    talk.step("called")
    return talk


@session
@failing
def login_refused(server: Spread, client: Spread, dialect: str) -> Conversation:
    """A wrong password, and a user whom nobody knows."""
    talk = _entrance(server, client, dialect)
    talk.client_factory.login(UsernamePassword(b"alice", b"x")).addErrback(lambda failure: None)
    talk.step("wrong password")
    talk.client_factory.login(UsernamePassword(b"bob", b"x")).addErrback(lambda failure: None)
    talk.step("unknown user")
    return talk


#: What chance puts on the wire: challenges and responses (16 bytes each), and the running number of a Failure.
_DIGEST = re.compile(rb"\x10\x82.{16}", re.DOTALL)
_COUNT = re.compile(rb"(\x05\x82count)[\x00-\x7f]*\x81")


def _masked(name: str, data: bytes) -> str:
    """*data* in hex, with that which chance decides replaced by what is always the same."""
    if name.startswith("login"):
        data = _DIGEST.sub(b"\x10\x82" + b"?" * 16, data)
    return _COUNT.sub(b"\\1\0\x81", data).hex()


def played(name: str, server: Spread, client: Spread, dialect: str) -> dict[str, dict[str, str]]:
    """The steps of the session *name*: what the client said in each and what the server said, in hex."""
    talk = SESSIONS[name](server, client, dialect)
    steps = {
        step: {"client": _masked(name, theirs), "server": _masked(name, ours)} for step, theirs, ours in talk.steps
    }
    talk.wire.cut()
    return steps
