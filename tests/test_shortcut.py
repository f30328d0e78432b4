"""Most messages are done with in the core, with none of the broker's methods between; nobody can tell.

What `spreadlite.core.codec.serve`, ``ask`` and ``answer`` do is compared with what the methods of `spreadlite.pb.Broker`
do that they stand in for: the same bytes in, and the same calls, bytes, outcomes and lines in the log.
"""

from __future__ import annotations

import contextlib
import datetime
import decimal
import gc
import inspect
import re
import socket
import sys
import time
import tracemalloc
import types
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import defer, tcp
from twisted.internet.error import ConnectionDone
from twisted.python import failure
from twisted.trial.unittest import SynchronousTestCase

from spreadlite import _flow, banana, flavors, jelly, pb
from spreadlite.core import codec, graph, shortcut, tables
from spreadlite.core.limits import Limits
from spreadlite.core.policy import SecurityOptions
from spreadlite.core.vocabulary import WORDS
from tests.compat.rawcodec import pack, unpack_all
from tests.hostile.bench import MESSAGES, ODD, TimedPipe, logged, lose, odd_messages, understood, unhurried
from tests.strategies import CUTS, cut, searched


def serve_nothing(
    decoder: Any, broker: Any, over: Any, output: Any, stop: Any, most: Any, sizes: Any, monotonic: Any
) -> Any:
    """Find every message out of the ordinary."""
    limit = broker.prefixLimit
    return decoder.next(
        broker.incomingVocabulary, sizes["SIZE_LIMIT"], sizes["_PREFIX_LIMIT"] if limit is None else limit
    )


def ask_nothing(*arguments: Any) -> None:
    """Leave every call to the methods."""


class Plain(TimedPipe):
    """A transport that passes for one of Twisted's own, so that what one reading causes is gathered."""

    dataBuffer = b""
    offset = 0
    _tempDataLen = 0
    connected = True
    TLS = False
    _writeDisconnected = False

    def __init__(self) -> None:
        super().__init__(TwistedClock())
        self._tempDataBuffer: list[bytes] = []

    def writeSomeData(self, data: Any) -> int:
        """The system takes it."""
        self.write(bytes(data))
        return len(data)


class Wired(tcp.Connection):
    """One of Twisted's own transports, with a socket whose other end is here.

    Args:
        room: bytes that the system takes, about.
    """

    def __init__(self, room: int) -> None:
        ours, self.end = socket.socketpair()
        for each in (ours, self.end):
            each.setblocking(False)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
        reactor = TwistedClock()
        for name in ("addReader", "addWriter", "removeReader", "removeWriter"):
            setattr(reactor, name, lambda transport: None)
        super().__init__(ours, None, reactor)  # type: ignore[arg-type]
        self.connected = True
        self._read = b""

    @property
    def out(self) -> bytes:
        """All that was written."""
        while True:
            with contextlib.suppress(BlockingIOError):
                while data := self.end.recv(2**16):
                    self._read += data
            if not (self.dataBuffer or self._tempDataBuffer) or self.doWrite() is not None:
                return self._read

    @out.setter
    def out(self, data: bytes) -> None:
        self.out  # noqa: B018 - what was written is read
        self._read = data

    def getPeer(self) -> Any:
        """Nobody."""

    def setTcpNoDelay(self, enabled: Any) -> None:
        """Such a socket has none."""

    def loseConnection(self) -> None:  # type: ignore[override]
        """End the connection."""
        self.disconnecting = True

    abortConnection = loseConnection  # type: ignore[assignment]

    def connectionLost(self, reason: Any) -> None:
        """The test is at an end."""
        self.socket.close()
        self.end.close()


# What is_plain goes by.
Wired.__module__ = tcp.__name__


def TwistedClock() -> Any:
    """A reactor's clock."""
    from twisted.internet import task

    return task.Clock()


class Known(pb.Error):
    """An error that is meant."""


class Worse(BaseException):
    """What is no Exception."""


class Piece(pb.Copyable):
    """What is copied."""

    def __init__(self, held: Any) -> None:
        self.held = held


class Told(pb.Copyable):
    """What is copied with for whom that is, and of what it is the result."""

    def getStateToCopyFor(self, perspective: Any) -> Any:
        """As they are told, and who it is for alone."""
        invoker = perspective if perspective is None else perspective.victim.broker
        call = () if invoker is None else (invoker.jellyMethod, invoker.jellyArgs, invoker.jellyKw)
        return {"for": type(perspective).__name__, "of": [str(shape(each)) for each in call]}


class Raising(pb.Copyable):
    """What cannot be copied."""

    def getStateToCopy(self) -> Any:
        """Fail."""
        raise KeyError("state")


class Seen(pb.RemoteCache):
    """What the peer's object is here."""

    def observe_echo(self, *args: Any, **kw: Any) -> Any:
        """Give it back."""
        return self.victim.heard("observe", args, kw)

    def observe_fail(self, *args: Any) -> Any:
        """Fail."""
        raise Known("observe")

    victim: Any = None


class Deaf(pb.Referenceable):
    """What has a way of its own to be called."""

    victim: Any = None

    def remoteMessageReceived(self, broker: Any, message: Any, args: Any, kw: Any) -> Any:
        """Look at the expressions."""
        self.victim.calls.append(("own", message, repr(args), repr(kw)))
        return broker.serialize(len(args))


class Watched(pb.Referenceable):
    """What is called by way of __getattr__."""

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("remote_"):
            raise AttributeError(name)
        self.seen.append(name)
        return lambda *args: args


class WatchedReceiver(pb.Referenceable):
    """What is asked how it is called."""

    @property
    def remoteMessageReceived(self) -> Any:
        """Referenceable's."""
        self.seen.append("receiver")
        return super().remoteMessageReceived

    def remote_echo(self, *args: Any) -> Any:
        """Give it back."""
        return args


class Named(pb.Referenceable):
    """What has an id of its own."""

    def processUniqueID(self) -> Any:
        """The same for all."""
        return "named"


class Hooked(pb.Referenceable):
    """What is sent in a way of its own."""

    def jellyFor(self, jellier: Any) -> Any:
        """As a text."""
        return [b"unicode", b"hooked"]


class Own(pb.Referenceable):
    """An object with a way of its own."""

    def __init__(self) -> None:
        self.jellyFor = lambda jellier: [b"unicode", b"own"]


class Odd(pb.Referenceable):
    """What has something in the place of its way."""

    jellyFor: Any = [None]


class Quiet(pb.Referenceable):
    """What answers whatever it is asked for."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


class WatchedPerspective(pb.Referenceable):
    """What is asked for whom its results are."""

    @property
    def perspective(self) -> Any:
        """Nobody's."""
        self.seen.append("perspective")

    def remote_echo(self, *args: Any) -> Any:
        """Give it back."""
        return args


class WatchedAll(pb.Referenceable):
    """What is asked for anything."""

    def __getattribute__(self, name: str) -> Any:
        if name != "seen" and not name.startswith("_"):
            self.seen.append(name)
        return super().__getattribute__(name)

    def remote_echo(self, *args: Any) -> Any:
        """Give it back."""
        return args


class Both:
    """The methods that can be called, under each prefix."""

    victim: Any
    later: list[Any]

    def echo(self, *args: Any, **kw: Any) -> Any:
        """Give it back."""
        return self.victim.heard("echo", args, kw)

    def fail(self, *args: Any) -> Any:
        """Fail, as is asked."""
        self.victim.calls.append(("fail", len(args)))
        kinds = (Known("known"), KeyError("k"), TypeError("t"), Worse("w"), pb.Error("pb"), pb.DeadReferenceError("d"))
        raise kinds[len(args) % len(kinds)]

    def one(self, one: Any) -> Any:
        """Take one argument."""
        return one

    def wait(self, *args: Any) -> Any:
        """Answer later."""
        d: Any = defer.Deferred()
        d.kind = args[0] if args and type(args[0]) is int else len(self.victim.later)
        self.victim.later.append(d)
        return d

    def ripe(self, *args: Any) -> Any:
        """Answer what waits longest, with something or other."""
        if self.victim.later:
            self.victim.ripen(self.victim.later.pop(0))
        return args

    def now(self, *args: Any) -> Any:
        """Answer at once, by a Deferred."""
        return defer.succeed(list(args)) if args else defer.fail(Known("now"))

    async def task(self, *args: Any) -> Any:
        """Answer by a coroutine."""
        if not args:
            raise Known("task")
        return args[0]

    def objects(self, *args: Any) -> Any:
        """Give objects that stay here, and copies."""
        return [pb.Referenceable(), Piece(args), self]

    def give(self, *args: Any) -> Any:
        """Give references among plain values: anew, again, within others, and to what has ways of its own."""
        kinds: list[Any] = [
            pb.Referenceable(), self, Named(), Hooked(), Own(), Quiet(), object(), Piece(args), pb.Error("e"), Odd(),
        ]  # fmt: skip
        given = [kinds[value % len(kinds)] if type(value) is int else value for value in args]
        if len(given) != 2:
            return given
        return {"one": (given[0], b"x"), "two": {given[0]: given[1]} if args[0] == 0 else given}

    def large(self, *args: Any) -> Any:
        """Give what is large."""
        return [b"x" * 70_000, "y" * 10, (b"z" * 70_000,)] if args else b"w" * 70_000

    def unsendable(self, *args: Any) -> Any:
        """Give what cannot be sent."""
        return [object(), b"x" * 700_000, 2**500][len(args) % 3]

    def call(self, *args: Any, **kw: Any) -> Any:
        """Call the peer."""
        self.victim.call(*args, **kw)
        return len(args)

    def drop(self, *args: Any) -> Any:
        """End the connection."""
        if args:
            lose(self.victim.broker)
        else:
            self.victim.broker.transport.loseConnection()
        return "gone"

    def publish(self, *args: Any) -> Any:
        """Publish the arguments."""
        for number, value in enumerate(args):
            if isinstance(value, pb.Referenceable):
                self.victim.broker.setNameForLocal(f"published{number}", value)
        return None

    gone = None


class Forgetful(list[Any]):
    """Keeps nothing."""

    def append(self, value: Any) -> None:
        """Forget it."""


NAMES = sorted(name for name in vars(Both) if not name.startswith("_") and name not in ("victim", "later"))


def prefixed(base: type, prefix: str) -> type:
    """A class that has the methods under a prefix."""
    return type(prefix + "Both", (base,), {prefix + name: vars(Both)[name] for name in NAMES})


class Victim:
    """A server of ours, its peer's bytes, and what became of it all.

    Args:
        short: whether the short way is taken.
        plain: whether its transport is like one of Twisted's own; or it is one, and the system takes that many bytes.
        limits: the server's.
    """

    def __init__(self, short: bool, plain: bool | int, limits: Limits) -> None:
        self.short = short
        self.calls: list[Any] = []
        self.later: list[Any] = []
        self.outcomes: list[Any] = []
        root = prefixed(pb.Root, "remote_")()
        root.victim = self  # type: ignore[attr-defined]
        factory = pb.PBServerFactory(root, limits=unhurried(limits))
        self.broker = factory.buildProtocol(None)
        self.pipe: Any = Plain() if plain else TimedPipe(TwistedClock())
        if type(plain) is int:
            self.pipe = Wired(plain)
        self.broker.makeConnection(self.pipe)
        self.broker.dataReceived(pack("pb") + pack(["version", 6], True))
        avatar = prefixed(pb.Avatar, "perspective_")()
        avatar.victim = self  # type: ignore[attr-defined]
        own = Deaf()
        own.victim = self
        view = pb.ViewPoint(avatar, root)
        for name, value in (("avatar", pb.AsReferenceable(avatar, "perspective")), ("own", own), ("view", view)):
            self.broker.setNameForLocal(name, value)
        self.reference = self.broker.remoteForName("theirs")
        for _ in range(3):
            self.call("x", 1)

    def heard(self, what: str, args: Any, kw: Any) -> Any:
        """A call came."""
        for value in args:
            if isinstance(value, Seen):
                value.victim = self
        self.calls.append((what, shape(args), shape(kw), shape(self.broker.unserializingPerspective)))
        return kw or (args[0] if len(args) == 1 else list(args))

    def ripen(self, d: Any) -> None:
        """Answer a call that waits, with an error, or with what is plain, or has to be looked at, or cannot be sent."""
        values: list[Any] = [
            [d.kind, "late"], None, pb.Referenceable(), [Told(), b"x"], Raising(), b"w" * 70_000, "t", 2**500,
            Known("late"), (b"z" * 70_000, self.broker.factory.root),
        ]  # fmt: skip
        value = values[d.kind % len(values)]
        if isinstance(value, Known):
            d.errback(value)
        else:
            d.callback(value)

    def call(self, *args: Any, **kw: Any) -> None:
        """Call the peer."""
        self.expect(self.reference.callRemote, "it", *args, **kw)

    def expect(self, function: Any, /, *args: Any, **kw: Any) -> None:
        """Call *function*, which calls the peer."""
        number = len(self.outcomes)
        self.outcomes.append("waits")

        def fired(result: Any) -> None:
            self.outcomes[number] = (self.outcomes[number], shape(result))

        try:
            d = function(*args, **kw)
        except Exception as error:
            self.outcomes[number] = shape(error)
        else:
            if d is None:
                self.outcomes[number] = None
            else:
                d.addBoth(fired)


def shape(value: Any, around: tuple[int, ...] = ()) -> Any:
    """What two runs have in common of a value, which is in those with these ids."""
    if id(value) in around:
        return "itself"
    around = (*around, id(value))
    if isinstance(value, (list, tuple)):
        return (type(value).__name__, *[shape(each, around) for each in value])
    if isinstance(value, dict):
        return [(shape(key, around), shape(each, around)) for key, each in value.items()]
    if isinstance(value, pb.RemoteReference):
        return ("reference", value.luid, shape(value.perspective))
    if isinstance(value, BaseException):
        return (type(value).__name__, re.sub("0x[0-9a-f]+|/.*[.]py:.*\n", "", str(value)))
    if isinstance(value, failure.Failure):
        told = re.sub("0x[0-9a-f]+", "0x", value.getErrorMessage())
        return (type(value).__name__, getattr(value.type, "__name__", value.type), told)
    if isinstance(value, (set, frozenset)):
        return (type(value).__name__, *sorted(str(shape(each, around)) for each in value))
    if value is None or isinstance(value, (int, float, str, bytes)):
        return repr(value)
    return type(value).__name__


def lines_of(text: str) -> list[str]:
    """The lines of a log, but for those that say in which file something happened, and where in memory something is."""
    kept = []
    for line in text.split("\n"):
        if line.startswith("  ") or " at 0x" in line or "~~~" in line or line.startswith("Traceback"):
            continue
        kept.append(line)
    return kept


@contextlib.contextmanager
def way(test: Any, short: bool, plain: bool | int) -> Iterator[None]:
    """Take the short way, or the other."""
    patches = []
    if type(plain) is bool:
        patches.append(test.patch(_flow, "is_plain", lambda transport: plain))
    if not short:
        patches += [test.patch(codec, "serve", serve_nothing), test.patch(codec, "ask", ask_nothing)]
        patches.append(test.patch(codec, "answer", lambda *_: False))
        function = inspect.unwrap(pb.RemoteReference.callRemote)
        patches += [test.patch(pb.RemoteReference, "callRemote", function), test.patch(codec, "read", lambda *_: False)]
    try:
        yield
    finally:
        for patch in reversed(patches):
            patch.restore()


def transcript(test: Any, short: bool, plain: bool | int, limits: Limits, pieces: list[bytes]) -> list[Any]:
    """What becomes of a server that hears these bytes."""
    # Failures are numbered, and the numbers are sent.
    test.patch(failure, "count", 0)
    with way(test, short, plain), logged() as written, warnings.catch_warnings():
        # What cannot be sent is warned of.
        warnings.simplefilter("ignore")
        # When it collects depends on what went before, and a cache's end is told to the peer.
        gc.disable()
        # What is there already is not looked at each time.
        gc.freeze()
        victim = Victim(short, plain, limits)
        raised = []
        for piece in pieces:
            try:
                victim.broker.dataReceived(piece)
            except Exception as error:
                raised.append(shape(error))
            while victim.pipe.reactor.getDelayedCalls()[1:] or (victim.pipe.reactor.getDelayedCalls() and
                    victim.pipe.reactor.getDelayedCalls()[0].getTime() <= victim.pipe.reactor.seconds() + 0.002):
                victim.pipe.reactor.advance(0.002)
        for d in victim.later:
            victim.ripen(d)
        broker = victim.broker
        state = [
            broker.currentRequestID, broker.currentLocalID, broker._answering, broker._unsent,
            sorted(broker._justReleased),
            broker._receiving, broker._stock, broker.unserializingPerspective, broker._deaf, broker._parting,
            broker._output.answers if not plain else None, broker._output.gathering, broker._output._first,
            broker._output._passing, list(broker._output._chunks), broker._output._size, broker._decoder.unfinished,
        ]  # fmt: skip
        if broker.localObjects is not None:
            state.append([(key, local.refcount) for key, local in broker.localObjects.items()])
            state.append(sorted(broker.waitingForAnswers))
        said = re.sub(b"0x[0-9a-f]+", b"0x", victim.pipe.out)
        lose(broker)
        if type(plain) is int:
            victim.pipe.connectionLost(None)
        gc.enable()
        gc.collect()
        gc.unfreeze()
        test.flushLoggedErrors()
    return [victim.calls, said, victim.outcomes, raised, state, victim.pipe.disconnecting, lines_of(written.text)]


VALUES = [
    5, -7, 2**40, 2.5, b"bytes", b"b" * 1000, ["unicode", "t" * 999],
    ["unicode", "text"], ["None"], ["boolean", "true"], ["list", 1, ["unicode", "a"]],
    ["tuple", 1], ["dictionary", [["unicode", "k"], 1]], ["remote", 9], ["local", b"root"], ["local", 1],
    ["test_shortcut.Seen", 4, ["dictionary"]], ["cached", 4], ["reference", 1, ["list", ["dereference", 1]]],
    ["nonesuch", 1], ["copy"], [], ["set", 1, 2], ["unicode", b"\xff"], ["dictionary", 3],
    ["twisted.spread.pb.CopyableFailure", ["dictionary", [["unicode", "value"], ["unicode", "v"]]]],
    ["date", b"2026 11 28"], ["date", b"tomorrow"], ["datetime", b"2026 11 28 13 0 0 +1"], ["decimal", 5, -1],
    ["frozenset", ["tuple", 1]], ["set", ["list"]], ["dictionary", [1, 2], [b"k", ["set"]]], ["unicode", "t" * 20_000],
]  # fmt: skip
VALUE = st.sampled_from(VALUES)
ODDITY = st.sampled_from(list(ODD.values()))
ARGUMENTS = st.one_of(st.lists(VALUE, max_size=3).map(lambda values: ["tuple", *values]), ODDITY, VALUE)
KEYWORDS = st.one_of(
    st.just(["dictionary"]),
    st.just(["dictionary"]),
    st.just(["dictionary"]),
    st.lists(st.tuples(st.sampled_from([["unicode", "k"], b"k", ["unicode", "pbanswer"], 5]), VALUE), max_size=2).map(
        lambda pairs: ["dictionary", *map(list, pairs)]
    ),
    ODDITY,
)
CALL = st.tuples(
    st.just("message"),
    st.one_of(st.integers(0, 300), st.integers(2**31 - 2, 2**70)),
    st.sampled_from(["root", "root", "avatar", "own", "view", "published0", 1, 2, 3, "nonesuch"]),
    st.sampled_from([*NAMES, *NAMES, "nonesuch", "é", "x" * 70, b"\xff", "version", ""]),
    st.sampled_from([1, 1, 1, 0, 2, -1, 2**80]),
    ARGUMENTS,
    KEYWORDS,
)
GIVEN = st.one_of(
    st.integers(0, 9), st.integers(0, 9),
    st.sampled_from([["remote", 9], ["remote", 9], ["remote", 2**21], ["remote", b"x"], ["remote"], ["remote", 2**30]]),
    st.sampled_from([["local", 1], ["local", 2], ["local", 7], ["local", b"root"], ["local", 300], ["local", 1, 2]]),
    st.lists(st.sampled_from([["remote", 9], ["remote", 10], ["local", 1], 5]), max_size=3).map(lambda of: ["list", *of]),
    st.sampled_from([["set", ["remote", 9], ["remote", 9]], ["dictionary", [["remote", 9], ["remote", 8]]], ["set", 1]]),
    VALUE,
)  # fmt: skip
GIVING = st.tuples(
    st.just("message"), st.integers(1, 9), st.sampled_from(["root", "root", "avatar", "own", "view", 1, 2]),
    st.sampled_from(["give", "give", "give", "echo", "call", "one", "objects", "now", "wait", "wait", "ripe"]),
    st.sampled_from([1, 1, 1, 0]),
    st.lists(GIVEN, max_size=4).map(lambda values: ["tuple", *values]),
    st.one_of(st.just(["dictionary"]), st.just(["dictionary"]), KEYWORDS),
)  # fmt: skip
OBSERVED = st.tuples(
    st.just("cachemessage"), st.integers(0, 300), st.sampled_from([4, 4, 4, 5, b"4"]),
    st.sampled_from(["echo", "echo", "fail", "nonesuch"]), st.sampled_from([1, 0]), ARGUMENTS, KEYWORDS,
)  # fmt: skip
CACHED = st.just(
    ("message", 77, "root", "echo", 1, ["tuple", ["test_shortcut.Seen", 4, ["dictionary"]]], ["dictionary"])
)
ANSWER = st.tuples(st.sampled_from(["answer", "answer", "error"]), st.integers(1, 6), VALUE)
DECREF = st.tuples(st.sampled_from(["decref", "decref", "decache", "uncache"]), st.integers(1, 5))
ANYTHING = st.sampled_from([message for _, message in odd_messages()] + [[kind, *MESSAGES[kind]] for kind in MESSAGES])
WAITING = st.tuples(
    st.just("message"), st.integers(1, 9), st.sampled_from(["root", "avatar", "avatar", "own", "view"]),
    st.sampled_from(["wait", "wait", "ripe", "call"]), st.sampled_from([1, 1, 1, 0]),
    st.lists(st.integers(0, 9), max_size=1).map(lambda values: ["tuple", *values]), st.just(["dictionary"]),
)  # fmt: skip
MESSAGE = st.one_of(CALL, CALL, CALL, OBSERVED, CACHED, ANSWER, ANSWER, DECREF)


class ShortcutTests(SynchronousTestCase):
    """The short way."""

    def setUp(self) -> None:
        understood(self, "test_shortcut.Seen", Seen)

    def same(self, plain: bool | int, limits: Limits, pieces: list[bytes]) -> list[Any]:
        """Both ways come to the same; what they come to."""
        short, other = (transcript(self, which, plain, limits, pieces) for which in (True, False))
        for one, two in zip(short, other, strict=True):
            self.assertEqual(two, one)
        return short

    @searched(400)
    @given(st.lists(MESSAGE, max_size=12), CUTS, st.booleans(), st.sampled_from((1, 3, 1000)))
    def test_sense(self, messages: list[Any], cuts: list[int], plain: bool, most: int) -> None:
        """Of calls, answers and releases that make more or less sense, in whatever pieces they come, the same becomes by
        either way."""
        data = b"".join(pack(list(message), True) for message in messages)
        self.same(plain, Limits(outstanding_calls=max(most, 3)), cut(data, cuts))

    @searched(600)
    @given(
        st.lists(st.one_of(GIVING, GIVING, ANSWER, DECREF), max_size=8), st.booleans(), st.sampled_from((1, 3, 7, None)),
        st.sampled_from((1, 3, 1000)),
    )  # fmt: skip
    def test_references(self, messages: list[Any], plain: bool, held: int | None, most: int) -> None:
        """So it is with references among what is said, in both directions, and where no more may be held."""
        data = b"".join(pack(list(message), True) for message in messages)
        self.same(plain, Limits(references=held, outstanding_calls=max(most, 3)), [data])

    @searched(200)
    @given(st.lists(st.one_of(WAITING, WAITING, DECREF), max_size=9), CUTS, st.booleans(), st.sampled_from((1, 3, None)))
    def test_later(self, messages: list[Any], cuts: list[int], plain: bool, held: int | None) -> None:
        """So it is with what is answered later, in the course of another call or of none, whatever it comes to."""
        data = b"".join(pack(list(message), True) for message in messages)
        self.same(plain, Limits(references=held), cut(data, cuts))

    @searched(300)
    @given(
        st.lists(MESSAGE, max_size=12), CUTS, st.sampled_from((2**12, 2**20)), st.sampled_from((1e-9, 0.02)),
        st.sampled_from((1000, 2**20)),
    )  # fmt: skip
    def test_readings(self, messages: list[Any], cuts: list[int], room: int, seconds: float, unread: int) -> None:
        """So it is where the transport is a socket: the system takes what is sent, or part of it; and where the
        peer's turn is over after each call, or it has to read before more is worked on."""
        data = b"".join(pack(list(message), True) for message in messages)
        self.same(room, Limits(slice_seconds=seconds, unread_output=unread), cut(data, cuts))

    @searched(400)
    @given(st.lists(st.one_of(ANYTHING, CALL), max_size=5), CUTS, st.sampled_from((True, False, 2**20)))
    def test_nonsense(self, messages: list[Any], cuts: list[int], plain: bool | int) -> None:
        """So it is with what makes no sense at all."""
        data = b"".join(pack(list(m) if isinstance(m, tuple) else m, True) for m in messages)
        self.same(plain, Limits(), cut(data, cuts))

    @searched(200)
    @given(st.lists(CALL, min_size=1, max_size=5), st.sampled_from((60, 200, 600, 1500)), st.sampled_from((1, 2, 3, 4, 9)))
    def test_limits(self, messages: list[Any], size: int, depth: int) -> None:
        """So it is near the limits of an expression, and of what is sent."""
        data = b"".join(pack(list(message), True) for message in messages)
        self.same(True, Limits(expression_bytes=size, expression_depth=depth + 3, depth=depth), [data])
        self.patch(banana, "SIZE_LIMIT", 1000)
        self.same(True, Limits(), [data])

    @searched(150)
    @given(
        st.lists(st.one_of(st.integers(1, 9), st.sampled_from((300, 20_000, 2**40, b"root"))), max_size=12),
        st.booleans(), st.booleans(), CUTS,
    )  # fmt: skip
    def test_releases(self, ids: list[Any], waiting: bool, again: bool, cuts: list[int]) -> None:
        """So it is with releases that follow one another, of what was given out once or more often, or never."""
        give = pack(["message", 1, "root", "objects", 1, ["tuple"], ["dictionary"]], True)
        data = give * 6 + b"".join(pack(["decref", each], True) for each in ids)
        if waiting:
            data = pack(["message", 1, "root", "call", 1, ["tuple"], ["dictionary"]], True) + data
        if again:
            data += pack(["message", 1, "root", "echo", 1, ["tuple", ["local", 1]], ["dictionary"]], True)
        self.same(True, Limits(), cut(data, cuts))

    def test_said_in_callbacks(self) -> None:
        """What is said in the callbacks of an answer, answers apart, does not count for `Limits.unread_output`, up to as
        much as one message may take, whatever another connection's limits say that is used there."""
        calls = [pack(["message", each, "root", "wait", 1, ["tuple", 1], ["dictionary"]], True) for each in (1, 2)]
        for most, size in ((400, 100), (500, 100), (1000, 100), (3000, 1200), (4000, 1200), (100_000, 1200)):
            for plain, both in ((True, True), (True, False), (False, True), (False, False)):
                came: list[Any] = []
                for short in (True, False):
                    with way(self, short, plain):
                        victim, other = Victim(short, plain, Limits(expression_bytes=most)), Victim(short, plain, Limits())
                        victim.broker.dataReceived(b"".join(calls))
                        seen: list[Any] = []
                        came.append(seen)

                        def answered(_: Any, use: Any = (victim, other, both), size: Any = size) -> None:
                            victim, other, both = use
                            victim.call(b"x" * size)
                            if victim.later:
                                victim.later.pop().callback(b"y" * size)
                            if both:
                                other.call(5)

                        for _ in range(4, 10):
                            victim.reference.callRemote("it").addCallback(answered)
                        for each in sorted(victim.broker.waitingForAnswers)[3:]:
                            victim.broker.dataReceived(pack(["answer", each, 5], True))
                            seen.append((victim.broker._output.answers, victim.broker._output.spared))
                        for broker in (victim.broker, other.broker):
                            lose(broker, ConnectionDone)
                self.assertEqual(came[1], came[0], (most, size, plain, both))

    def test_tasters_of_any_kind(self) -> None:
        """A taster of an application's own is asked about what is sent, and what it refuses is not sent, in a call and in
        an answer; and about a result that nobody wants."""

        class Taster:
            def __init__(self) -> None:
                self.asked: list[Any] = []

            def isModuleAllowed(self, name: str) -> bool:
                return False

            def isClassAllowed(self, cls: type) -> bool:
                return False

            def isTypeAllowed(self, name: Any) -> bool:
                self.asked.append(name)
                return b"object" not in name and "object" not in str(name)

        calls = b"".join(pack(["message", 1, "root", "fired", each, ["tuple"], ["dictionary"]], True) for each in (1, 0))
        for value in (5, None, [1, "x"], {"k": (1, None)}, object(), [object], int, pb.Referenceable()):
            came = []
            for short in (True, False):
                with way(self, short, False), logged(), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    self.patch(failure, "count", 0)
                    victim = Victim(short, False, Limits())
                    victim.broker.security = taster = Taster()
                    victim.broker.localObjectForID("root").remote_fired = lambda value=value: value
                    victim.pipe.out = b""
                    victim.call(value)
                    victim.broker.dataReceived(calls)
                    came.append((taster.asked, re.sub(b"0x[0-9a-f]+", b"0x", victim.pipe.out)))
                    lose(victim.broker, ConnectionDone)
            self.assertEqual(came[1], came[0])
        self.flushLoggedErrors()

    def test_for_whom_it_is_read(self) -> None:
        """What an application has for whom a connection reads, on its class or its own, is not there while a call is read,
        and is there again after that."""
        call = pack(["message", 1, "root", "echo", 1, ["tuple", ["remote", 9]], ["dictionary"]], True)
        for of_class, own in ((None, "own"), ("class", None), ("class", "own")):
            came = []
            for short in (True, False):
                with way(self, short, False):
                    patched = self.patch(pb.Broker, "unserializingPerspective", of_class)
                    calls = []
                    for _ in range(2):
                        victim = Victim(short, False, Limits())
                        if own:
                            victim.broker.unserializingPerspective = own
                        for _ in range(2):
                            victim.broker.dataReceived(call)
                            self.assertEqual(own or of_class, victim.broker.unserializingPerspective)
                        calls += victim.calls
                        lose(victim.broker, ConnectionDone)
                    came.append(calls)
                    patched.restore()
            self.assertEqual(came[1], came[0])
            self.assertEqual(4, str(came[0]).count("('reference', 9, 'None')"))

    def test_for_whom_after_a_hook(self) -> None:
        """A hook that puts another in the place of for whom the connection reads does so for what is being read alone, in
        a call and in an answer, also where that cannot be read."""

        class Placing(pb.RemoteCopy):
            def setCopyableState(self, state: Any) -> None:
                victims[-1].broker.unserializingPerspective = "placed"
                if state:
                    raise ValueError("odd")

        understood(self, "test_shortcut.Placing", Placing)
        victims: list[Any] = []
        for state in (["dictionary"], ["dictionary", [1, 2]]):
            placing = ["test_shortcut.Placing", state]
            for message in (
                ["message", 1, "root", "echo", 1, ["tuple", placing], ["dictionary"]],
                ["message", 1, "avatar", "echo", 1, ["tuple", placing], ["dictionary"]],
                ["answer", 1, placing],
            ):
                for short in (True, False):
                    with way(self, short, False), logged(), warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        victims.append(victim := Victim(short, False, Limits()))
                        for outer in (None, "outer"):
                            victim.broker.unserializingPerspective = outer
                            victim.broker.dataReceived(pack(message, True))
                            self.assertEqual(outer, victim.broker.unserializingPerspective)
                            message[1] = 2
                        message[1] = 1
                        lose(victim.broker, ConnectionDone)
        self.flushLoggedErrors()

    def test_said_and_gone(self) -> None:
        """What was said in a reading goes to the transport that the connection has at its end; and to none if it has
        gone, of which nothing is kept then either."""
        call = pack(["message", 1, "root", "change", 1, ["tuple"], ["dictionary"]], True)
        for gone in (True, False):
            for short in (True, False):
                with way(self, short, True):
                    victim, other = Victim(short, True, Limits()), Plain()
                    victim.pipe.out = b""

                    given: list[Any] = []

                    def change(victim: Any = victim, other: Any = other, gone: bool = gone, given: Any = given) -> Any:
                        victim.call("first")
                        if gone:
                            lose(victim.broker)
                        else:
                            victim.broker.transport = other
                        result = [pb.Referenceable(), Piece(1)]
                        given.append(weakref.ref(result[0]))
                        return result

                    victim.broker.localObjectForID("root").remote_change = change
                    victim.broker.dataReceived(call)
                    self.assertEqual(b"", victim.pipe.out)
                    self.assertEqual(not gone, bool(other.out))
                    lose(victim.broker, ConnectionDone)
                    gc.collect()
                    self.assertIs(None, given[0]())

    def test_given_at_once(self) -> None:
        """As much as is said in one reading, the transport is given it before it is more than some."""
        call = pack(["message", 1, "root", "call_much", 0, ["tuple"], ["dictionary"]], True)
        for short in (True, False):
            with way(self, short, True):
                victim = Victim(short, True, Limits())
                given: list[int] = []

                def take(data: Any, given: Any = given) -> int:
                    given.append(len(data))
                    return len(data)

                self.patch(victim.pipe, "writeSomeData", take)

                def much(victim: Any = victim) -> None:
                    for _ in range(200):
                        victim.call(b"x" * 2000)

                victim.broker.localObjectForID("root").remote_call_much = much
                victim.broker.dataReceived(call)
                self.assertGreater(sum(given), 400_000)
                self.assertLess(max(given), 70_000)
                lose(victim.broker, ConnectionDone)

    def test_methods_that_cannot_be_found(self) -> None:
        """Where looking for a method raises, that is what the peer is told, and not that there is none."""

        class Odd(pb.Root):
            @property
            def remote_odd(self) -> Any:
                raise ValueError("odd")

            @property
            def remote_none(self) -> Any:
                raise AttributeError("none")

        for name, kind in (("odd", b"ValueError"), ("none", b"NoSuchMethod")):
            said = []
            for short in (True, False):
                with way(self, short, False), logged():
                    self.patch(failure, "count", 0)
                    victim = Victim(short, False, Limits())
                    victim.broker.setNameForLocal("odd", Odd())
                    victim.pipe.out = b""
                    victim.broker.dataReceived(pack(["message", 1, "odd", name, 1, ["tuple"], ["dictionary"]], True))
                    said.append(re.sub(b"0x[0-9a-f]+", b"0x", victim.pipe.out))
                    lose(victim.broker, ConnectionDone)
            self.assertEqual(said[1], said[0])
            self.assertIn(kind, said[0])
        self.flushLoggedErrors()

    def test_deferreds_of_any_result(self) -> None:
        """A Deferred that a method returns and that has a result already is answered with that, also where that has to be
        asked how it is sent, or cannot be sent."""
        call = pack(["message", 1, "root", "fired", 1, ["tuple"], ["dictionary"]], True)
        large = b"x" * 70_000
        for value in (Piece(1), [pb.Referenceable(), Piece(2)], Raising(), 2**500, object(), large, [large]):
            said = []
            for short in (True, False):
                with way(self, short, False), logged(), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    self.patch(failure, "count", 0)
                    victim = Victim(short, False, Limits())
                    victim.broker.localObjectForID("root").remote_fired = lambda value=value: defer.succeed(value)
                    victim.pipe.out = b""
                    victim.broker.dataReceived(call)
                    said.append(re.sub(b"0x[0-9a-f]+", b"0x", victim.pipe.out))
                    self.assertNotIn(pack(["answer", 1, ["None"]], True), said[-1])
                    lose(victim.broker, ConnectionDone)
            self.assertEqual(said[1], said[0])
        self.flushLoggedErrors()

    def test_given_back_late(self) -> None:
        """What the peer has let go of, it may still give back where a call of ours waits, for that may be its answer; and
        where none does, not."""
        give = pack(["message", 1, "root", "one", 1, ["tuple", ["local", 1]], ["dictionary"]], True)
        for waits, late in ((True, False), (True, True), (False, False)):
            said = []
            for short in (True, False):
                with way(self, short, False), logged():
                    self.patch(failure, "count", 0)
                    victim = Victim(short, False, Limits())
                    victim.broker.registerReference(pb.Referenceable())
                    if not waits:
                        victim.broker.dataReceived(b"".join(pack(["answer", each, 1], True) for each in (1, 2, 3)))
                    victim.pipe.out = b""
                    victim.broker.dataReceived(pack(["decref", 1], True) + (give if late else b"") + give)
                    said.append(re.sub(b"0x[0-9a-f]+", b"0x", victim.pipe.out))
                    lose(victim.broker, ConnectionDone)
            self.assertEqual(said[1], said[0])
            answer = pack(["answer", 1], True)[1:6]
            self.assertEqual((waits, not waits or late), (answer in said[0], WORDS[b"error"] in said[0]), (waits, late))
        self.flushLoggedErrors()

    def test_end_within_releases(self) -> None:
        """The end of the connection, which the end of an object may bring, comes between two releases."""
        for ends in (lambda broker: broker.transport.loseConnection(), lose, lambda broker: broker._refuse("enough")):
            seen = []
            for short in (True, False):
                with way(self, short, False):
                    victim = Victim(short, False, Limits())
                    broker = victim.broker

                    class Fateful(pb.Referenceable):
                        def __del__(self, ends: Any = ends, broker: Any = broker) -> None:
                            ends(broker)

                    registered = [broker.registerReference(each) for each in (pb.Root(), Fateful(), pb.Root(), pb.Root())]
                    broker.dataReceived(b"".join(pack(["decref", each], True) for each in registered[:3]))
                    seen.append(None if broker.localObjects is None else sorted(map(repr, broker.localObjects)))
                    lose(broker, ConnectionDone)
            self.assertEqual(seen[1], seen[0])
        self.flushLoggedErrors()

    def test_words_that_there_are_not(self) -> None:
        """A peer that says a word which there is not is refused, wherever it says it, with a line in the log."""
        call = pack(["message", 1, "root", "echo", 1, ["tuple", ["None"], 5], ["dictionary"]], True)
        answer = pack(["answer", 1, "None"], True)
        for message in (call, answer):
            for number in (bytes((0,)), bytes((len(WORDS) + 1,)), b"\x01" * 9):
                odd = message.replace(bytes((WORDS[b"None"], 0x87)), number + b"\x87")
                self.assertNotEqual(message, odd)
                *_, lines = self.same(False, Limits(), [odd + call])
                self.assertIn("was refused", "".join(lines))

    def test_first_word(self) -> None:
        """What begins with anything else than a word is no call, whatever that ends with and came before."""
        call = pack(["message", 1, "root", "echo", 1, ["tuple", 5], ["dictionary"]], True)
        head, word, rest = call[:2], call[2:4], call[4:]
        for first in (b"\1\x82\x87", b"\1\x80" + word, b"\1\x80\1\x80" + word, b"\x84" + b"\x87" * 8, b"\1\x81"):
            self.same(False, Limits(), [call + head + first + rest + call])
        self.patch(banana, "SIZE_LIMIT", 6)
        self.same(False, Limits(), [call])

    def test_words(self) -> None:
        """Words are sent as numbers only where the application has left the vocabulary as it was."""
        call = pack(["message", 1, "root", "call", 1, ["tuple", ["unicode", "x"]], ["dictionary"]], True)
        said = []
        for change in (
            lambda broker: setattr(broker, "outgoingVocabulary", {}),
            lambda broker: broker.outgoingSymbols.pop(b"answer"),
            lambda broker: self.patch(pb.Broker, "outgoingVocabulary", {b"answer": 3}),
        ):
            for short in (True, False):
                with way(self, short, False):
                    victim = Victim(short, False, Limits())
                    victim.broker.dataReceived(call)
                    victim.pipe.out = b""
                    change(victim.broker)
                    victim.broker.dataReceived(call)
                    said.append(victim.pipe.out)
                    lose(victim.broker, ConnectionDone)
        self.assertEqual(said[1::2], said[::2])
        self.assertEqual(3, len(set(said)))

    def test_looked_at(self) -> None:
        """What is called is asked for its attributes as often as ever: a property may do something."""

        class WatchedOwn(pb.Referenceable):
            @property
            def remoteMessageReceived(self) -> Any:
                self.seen.append("own")
                return lambda broker, message, args, kw: len(args)

        looks = []
        for short in (True, False):
            seen: list[str] = []
            with way(self, short, False):
                victim = Victim(short, False, Limits())
                for number, cls in enumerate((Watched, WatchedReceiver, WatchedPerspective, WatchedOwn, WatchedAll)):
                    each = cls()
                    each.seen = seen
                    seen.clear()
                    victim.broker.setNameForLocal(str(number), each)
                    call = ["message", 1, str(number), "echo", 1, ["tuple", 5], ["dictionary"]]
                    victim.broker.dataReceived(pack(call, True))
                    looks.append(tuple(seen))
                lose(victim.broker, ConnectionDone)
        self.assertEqual(looks[5:], looks[:5])
        self.assertEqual([("remote_echo",), ("receiver",), ("perspective",), ("own",)], looks[:4])

    def test_receivers_of_the_object(self) -> None:
        """How an object is called is up to what itself has for ``remoteMessageReceived``, which need not be what its class
        or its ``__dict__`` shows; and the latter is not asked for, whatever it would do."""
        stock: Any = pb.Referenceable.remoteMessageReceived

        def own(broker: Any, message: str, args: Any, kw: Any) -> Any:
            return broker.serialize(f"own {message}", None)

        class Descriptor:
            """What shows one thing by the class, and another by its instances."""

            def __get__(self, instance: Any, cls: type) -> Any:
                return stock if instance is None else own

        class Showing(type):
            """A class of classes that show what their instances do not have."""

            remoteMessageReceived = property(lambda cls: stock)

        class Echoing(pb.Referenceable):
            def remote_echo(self, *args: Any) -> Any:
                return list(args)

        class Described(Echoing):
            remoteMessageReceived = Descriptor()

        class Static(Echoing):
            remoteMessageReceived: Any = staticmethod(stock)

        class Shown(Echoing, metaclass=Showing):
            def remoteMessageReceived(self, *call: Any) -> Any:  # type: ignore[override]
                return own(*call)

        class Hiding(Echoing):
            def __init__(self) -> None:
                self.remoteMessageReceived = own

            @property
            def __dict__(self) -> Any:  # type: ignore[override]
                return {}

        class Failing(Echoing):
            @property
            def __dict__(self) -> Any:  # type: ignore[override]
                raise ValueError

        echo = ["echo", 1, ["tuple", 5], ["dictionary"]]
        came: list[Any] = []
        for short in (True, False):
            self.patch(failure, "count", 0)
            with way(self, short, True), logged() as written:
                victim = Victim(short, True, Limits())
                came.append([])
                for cls in (Echoing, Described, Static, Shown, Hiding, Failing):
                    victim.broker.setNameForLocal(cls.__name__, cls())
                    victim.pipe.out = b""
                    victim.broker.dataReceived(pack(["message", 1, cls.__name__, *echo], True))
                    came[-1].append(victim.pipe.out)
                came.append(lines_of(written.text))
                lose(victim.broker, ConnectionDone)
                self.flushLoggedErrors(TypeError)
        self.assertEqual(came[2:], came[:2])
        echoed, owned = (pack(["answer", 1, said], True) for said in (["list", 5], ["unicode", "own echo"]))
        self.assertEqual([echoed, owned, owned, owned, echoed], came[0][:2] + came[0][3:])
        self.assertIn(b"TypeError", came[0][2])

    def test_references_nobody_asked_for(self) -> None:
        """Of an answer to no call that waits, no reference is made: a class of references of an application's own does
        not hear of any."""
        ended: list[Any] = []

        class Noting(pb.RemoteReference):
            def __del__(self) -> None:
                ended.append(self.luid)
                super().__del__()

        pb.setUnjellyableForClass("remote", Noting)
        self.addCleanup(pb.setUnjellyableForClass, "remote", pb.RemoteReference)
        for short in (True, False):
            for number in (99, 0, -1, 2**40, 1.0, b"1", ["boolean", "true"], ["remote", 9]):
                with way(self, short, True), logged():
                    victim = Victim(short, True, Limits())
                    ended.clear()
                    victim.broker.dataReceived(pack(["answer", number, ["list", ["remote", 9]]], True))
                    self.assertEqual([], ended, number)
                    lose(victim.broker, ConnectionDone)
            with way(self, short, True):
                victim = Victim(short, True, Limits())
                victim.broker.dataReceived(pack(["answer", 2, ["list", ["remote", 9]]], True))
                self.assertEqual(("waits", ("list", ("reference", 9, "None"))), victim.outcomes[1])
                lose(victim.broker, ConnectionDone)

    def test_called_without_a_dictionary(self) -> None:
        """That an object is called has it take no more memory than it did."""

        class Small(pb.Referenceable):
            remote_echo = staticmethod(lambda *args: args)

        victim = Victim(True, True, Limits())
        victim.broker.setNameForLocal("small", small := Small())
        before = gc.get_referents(small)
        for number in (1, 2):
            victim.broker.dataReceived(pack(["message", number, "small", "echo", 1, ["tuple", 5], ["dictionary"]], True))
        self.assertEqual(before, gc.get_referents(small))
        lose(victim.broker, ConnectionDone)

    def test_call_within_a_call(self) -> None:
        """A call that a finalizer makes while a call's Deferred is made has a number and an answer of its own."""
        victim = Victim(True, False, Limits())
        make = defer.Deferred

        def made() -> Any:
            self.patch(defer, "Deferred", make)
            victim.call("inner")
            return make()

        self.patch(defer, "Deferred", made)
        victim.call("outer")
        self.assertEqual([1, 2, 3, 4, 5], sorted(victim.broker.waitingForAnswers))
        victim.broker.dataReceived(pack(["answer", 4, 44], True) + pack(["answer", 5, 55], True))
        self.assertEqual([("waits", "44"), ("waits", "55")], victim.outcomes[3:])
        lose(victim.broker, ConnectionDone)

    def test_call_where_the_attributes_are_replaced(self) -> None:
        """Calls have numbers of their own also where a reference's ``luid`` is a property that puts another dictionary in
        the place of the broker's."""

        class Moving(pb.RemoteReference):
            """Such a reference."""

            moves = 0

            @property
            def luid(self) -> Any:
                """Which it is."""
                if self.moves:
                    self.moves -= 1
                    self.broker.__dict__ = dict(self.broker.__dict__)
                return 7

            @luid.setter
            def luid(self, luid: int) -> None:
                pass

        for short in (True, False):
            with way(self, short, True):
                victim = Victim(short, True, Limits())
                victim.reference = Moving(None, victim.broker, 7, True)
                victim.reference.moves = 2

                def call(victim: Any = victim) -> None:
                    for _ in range(4):
                        victim.call("x")

                victim.broker.localObjectForID("root").remote_calls = call
                victim.broker.dataReceived(pack(["message", 1, "root", "calls", 0, ["tuple"], ["dictionary"]], True))
                for number in range(4, 8):
                    victim.broker.dataReceived(pack(["answer", number, number * 10], True))
                self.assertEqual([("waits", str(number * 10)) for number in range(4, 8)], victim.outcomes[3:])
                lose(victim.broker, ConnectionDone)

    def test_methods_written_in_c(self) -> None:
        """A method may be one of a class that is written in C: it is bound as it is elsewhere, and says whose it is in an
        error."""

        class Listed(pb.Referenceable, list[int]):
            """What is a list, too."""

            __hash__ = object.__hash__
            remote_append = list.append
            remote_count = list.count
            remote_upper = str.upper
            remote_reduced = object.__reduce__

            def __eq__(self, other: object) -> bool:
                return self is other

        came = []
        for short in (True, False):
            self.patch(failure, "count", 0)
            with way(self, short, True), logged() as written:
                victim = Victim(short, True, Limits())
                victim.broker.setNameForLocal("listed", listed := Listed())
                victim.pipe.out = b""
                calls: list[tuple[str, list[Any]]] = [("append", [5]), ("append", []), ("count", [5])]
                for name, arguments in [*calls, ("upper", []), ("reduced", [1])]:
                    call = ["message", 1, "listed", name, 1, ["tuple", *arguments], ["dictionary"]]
                    victim.broker.dataReceived(pack(call, True))
                self.assertEqual([5], list(listed))
                self.assertIn(b"Listed.append() takes exactly one argument", victim.pipe.out)
                self.assertIn(b"Listed.__reduce__() takes no arguments", victim.pipe.out)
                came.append((victim.pipe.out, lines_of(written.text)))
                lose(victim.broker, ConnectionDone)
                self.flushLoggedErrors()
        self.assertEqual(*came)

    def test_bytes_that_are_fewer_than_none(self) -> None:
        """What is said is counted from whatever `Output` was told of it before."""
        echo = pack(["message", 1, "root", "echo", 1, ["tuple", 5], ["dictionary"]], True)
        for short in (True, False):
            with way(self, short, True):
                victim = Victim(short, True, Limits())
                victim.broker._output.answers = -100
                victim.broker.dataReceived(echo)
                self.assertEqual(len(pack(["answer", 1, 5], True)) - 100, victim.broker._output.answers)
                lose(victim.broker, ConnectionDone)

    def test_arguments_among_themselves(self) -> None:
        """A tuple of arguments that is in itself is sent as what it is."""
        inner: list[Any] = []
        arguments = (inner, "a")
        inner.append(arguments)
        for short in (True, False):
            with way(self, short, False):
                victim = Victim(short, False, Limits())
                victim.pipe.out = b""
                victim.expect(victim.broker._sendMessage, b"", None, b"theirs", b"it", arguments, {})
                tuple_of = ["tuple", ["list", ["dereference", 1]], ["unicode", "a"]]
                self.assertEqual(
                    pack(["message", 4, "theirs", "it", 1, ["reference", 1, tuple_of], ["dictionary"]], True),
                    victim.pipe.out,
                )
                lose(victim.broker, ConnectionDone)

    def test_call_within_a_call_that_begins(self) -> None:
        """So has one that a finalizer makes wherever else in a call it is collected, be it before anything is written."""
        for short in (True, False):
            with way(self, short, False):
                victim = Victim(short, False, Limits())

                class Late:
                    def __init__(self) -> None:
                        self.itself = self

                    def __del__(self, victim: Any = victim) -> None:
                        victim.call("inner")

                gc.collect()
                gc.freeze()
                thresholds = gc.get_threshold()
                try:
                    for steps in range(30):
                        Late()
                        gc.set_threshold(gc.get_count()[0] + steps, 1_000_000, 1_000_000)
                        victim.call("outer")
                        gc.set_threshold(0)
                        gc.collect()
                finally:
                    gc.set_threshold(*thresholds)
                    gc.unfreeze()
                self.assertEqual(victim.outcomes.count("waits"), len(victim.broker.waitingForAnswers))
                lose(victim.broker, ConnectionDone)

    def test_deferreds(self) -> None:
        """A method's Deferred that has fired is answered at once, and has None for its result from then on, as any
        callback of ours leaves it; one that waits, or is paused, is answered when it goes on."""
        call = pack(["message", 1, "root", "give", 1, ["tuple"], ["dictionary"]], True)
        for short in (True, False):
            with way(self, short, False):
                victim = Victim(short, False, Limits())
                inner: defer.Deferred[Any] = defer.Deferred()
                kept, paused = defer.succeed("kept"), defer.succeed("paused")
                paused.pause()
                waiting = defer.succeed(None).addCallback(lambda nothing, inner=inner: inner)
                told: list[bytes] = []
                for deferred in (kept, kept, paused, waiting, defer.succeed({"a": [1]})):
                    victim.broker.localObjectForID("root").remote_give = lambda deferred=deferred: deferred
                    victim.pipe.out = b""
                    victim.broker.dataReceived(call)
                    told.append(victim.pipe.out)
                    self.assertIsNone(kept.result)
                answers = [pack(["answer", 1, value], True) for value in (["unicode", "kept"], ["None"])]
                self.assertEqual([*answers, b"", b""], told[:4])
                pair = [["unicode", "a"], ["list", 1]]
                self.assertEqual(pack(["answer", 1, ["dictionary", pair]], True), told[4])
                self.assertEqual(2, victim.broker._answering)
                for deferred, answer in ((paused.unpause, "paused"), (lambda inner=inner: inner.callback("w"), "w")):
                    victim.pipe.out = b""
                    deferred()
                    self.assertEqual(pack(["answer", 1, ["unicode", answer]], True), victim.pipe.out)
                self.assertEqual((0, None, None), (victim.broker._answering, paused.result, waiting.result))
                # A failure that can be copied is no result, for all that it can be.
                failed = defer.fail(pb.CopyableFailure(pb.Error("no")))  # type: ignore[no-untyped-call]
                victim.broker.localObjectForID("root").remote_give = lambda deferred=failed: deferred
                victim.pipe.out = b""
                victim.broker.dataReceived(call)
                self.assertEqual(bytes((3, 0x80, WORDS[b"error"], 0x87)), victim.pipe.out[:4])
                lose(victim.broker, ConnectionDone)

    def test_changed_while_it_waits(self) -> None:
        """A call that is answered later is answered by what is then true of the connection; and what is said is an answer,
        in the course of whatever else it is said."""
        value = [b"x" * 2000, [[[[[[[["deep"]]]]]]]], 2**60]
        call = pack(["message", 1, "root", "wait", 1, ["tuple"], ["dictionary"]], True)
        told = []
        for change in ("nothing", "size", "limits", "prefix", "module", "words", "class", "end"):
            for short in (True, False):
                with way(self, short, False), logged():
                    self.patch(failure, "count", 0)
                    victim = Victim(short, False, Limits())
                    broker = victim.broker
                    broker.dataReceived(call)
                    victim.pipe.out = b""
                    patches = []
                    match change:
                        case "size":
                            patches.append(self.patch(banana, "SIZE_LIMIT", 1000))
                        case "limits":
                            broker.limits = unhurried(Limits(expression_depth=9))
                        case "prefix":
                            broker.prefixLimit = 3
                        case "module":
                            patches.append(self.patch(banana, "_PREFIX_LIMIT", 3))
                            broker.prefixLimit = None
                        case "words":
                            broker.outgoingVocabulary = {}
                        case "class":
                            write = pb.Broker.sendEncoded
                            patches.append(
                                self.patch(pb.Broker, "sendEncoded", lambda self, sexp, write=write: write(self, [sexp]))
                            )
                        case "end":
                            lose(broker, ConnectionDone)
                    victim.later[0].callback(value)
                    output = broker._output
                    told.append((change, victim.pipe.out, output.answers, output.replied, broker._answering))
                    for patch in patches:
                        patch.restore()
                    if change != "end":
                        lose(broker, ConnectionDone)
                    self.flushLoggedErrors()
        self.assertEqual(told[1::2], told[::2])
        said = [each[1] for each in told[::2]]
        # Two of these have the same limit exceeded.
        self.assertEqual(len(said) - 1, len(set(said)))
        self.assertEqual(b"", said[-1])
        self.assertEqual((len(said[0]), 0), told[0][3:])

    def test_handed_back_in_a_set(self) -> None:
        """An object that comes back in a set, or as a key, is hashed and compared as often as ever, by its own methods;
        where these raise, as one that looks for its kind in whatever else is there does, that call fails and no other."""
        seen: list[str] = []

        class Point(pb.Referenceable):
            def __hash__(self) -> int:
                seen.append("hash")
                return 5

            def __eq__(self, other: Any) -> bool:
                seen.append("eq")
                return bool(other.x == 1)

        class Compared(pb.RemoteReference):
            __hash__ = Point.__hash__
            __eq__ = Point.__eq__

        pb.setUnjellyableForClass("remote", Compared)
        self.addCleanup(pb.setUnjellyableForClass, "remote", pb.RemoteReference)
        outcomes = []
        for short in (True, False):
            with way(self, short, False):
                for value in (["local", 1], ["remote", 5]):
                    for holder in (["set", 5, value], ["dictionary", [5, 1], [value, 1]], ["set", value], value):
                        victim = Victim(short, False, Limits())
                        victim.broker.registerReference(Point())
                        seen.clear()
                        victim.broker.dataReceived(pack(["answer", 1, holder], True))
                        victim.broker.dataReceived(
                            b"".join(
                                pack(["message", 1, "root", "one", 1, ["tuple", each], ["dictionary"]], True)
                                for each in (holder, 5)
                            )
                        )
                        answered = victim.pipe.out.endswith(pack(["answer", 1, 5], True))
                        outcomes.append((victim.outcomes[0][1], answered, tuple(seen)))
                        lose(victim.broker, ConnectionDone)
        self.assertEqual(outcomes[8:], outcomes[:8])
        self.assertTrue(all(answered for _, answered, _ in outcomes))
        self.assertEqual(("Failure", ("hash", "eq") * 2), (outcomes[0][0][0], outcomes[0][2]))
        self.flushLoggedErrors()

    def test_end_within_an_answer(self) -> None:
        """An answer may hold a reference twice where there is place for one, so that the peer is told of the end of the
        other; if the connection goes as that is said, the call has its result, and nothing else."""
        outcomes = []
        for short in (True, False):
            with way(self, short, False):
                victim = Victim(short, False, Limits())
                self.patch(victim.pipe, "write", lambda data, broker=victim.broker: lose(broker))
                victim.broker.dataReceived(pack(["answer", 1, ["set", ["remote", 9], ["remote", 9]]], True))
                outcomes.append(victim.outcomes)
        self.assertEqual(outcomes[1], outcomes[0])
        self.assertEqual(("waits", ("set", "('reference', 9, 'None')")), outcomes[0][0])

    def test_end_with_the_arguments(self) -> None:
        """If the connection goes as that is collected with which a method was called, nothing is written any more: not the
        answer, and no object is given with it."""

        class Last(pb.RemoteCopy):
            def __del__(self) -> None:
                lose(self.victim.broker)

        understood(self, "test_shortcut.Last", Last)
        for result in ("text", 5, [pb.Referenceable()], defer.succeed(7), Piece(1), 2**500):
            for plain in (True, False):
                for short in (True, False):
                    with way(self, short, plain):
                        victim = Victim(short, plain, Limits())

                        def give(last: Any, victim: Any = victim, result: Any = result) -> Any:
                            last.victim = victim
                            victim.pipe.out = b""
                            return result

                        victim.broker.localObjectForID("root").remote_give = give
                        last = ["test_shortcut.Last", ["dictionary"]]
                        victim.broker.dataReceived(
                            pack(["message", 1, "root", "give", 1, ["tuple", last], ["dictionary"]], True)
                        )
                        self.assertTrue(victim.broker.disconnected)
                        self.assertEqual(b"", victim.pipe.out)

    def test_end_with_the_arguments_of_a_call_that_waits(self) -> None:
        """The same where the answer came later, and what the call was made with was kept until then."""

        class Last(pb.RemoteCopy):
            def __del__(self) -> None:
                lose(self.victim.broker)

        understood(self, "test_shortcut.Last", Last)
        for result in ("text", [1, None], [pb.Referenceable()], Piece(1)):
            for plain in (True, False):
                for short in (True, False):
                    with way(self, short, plain):
                        victim = Victim(short, plain, Limits())
                        waits: Any = defer.Deferred()

                        def give(last: Any, victim: Any = victim, waits: Any = waits) -> Any:
                            last.victim = victim
                            return waits

                        avatar = victim.broker.localObjectForID("avatar").remoteMessageReceived.__self__
                        avatar.perspective_give = give
                        last = ["test_shortcut.Last", ["dictionary"]]
                        victim.broker.dataReceived(
                            pack(["message", 1, "avatar", "give", 1, ["tuple", last], ["dictionary"]], True)
                        )
                        self.assertFalse(victim.broker.disconnected)
                        victim.pipe.out = b""
                        waits.callback(result)
                        self.assertTrue(victim.broker.disconnected)
                        self.assertEqual(b"", victim.pipe.out)

    def test_said_as_an_answer_is_read(self) -> None:
        """What a hook says as it takes its state out of an answer is said for us, not because the peer asked: it counts
        no more for `Limits.unread_output` than what is said in the callbacks of that answer."""

        class Calling(pb.RemoteCopy):
            def setCopyableState(self, state: Any) -> None:
                victims[-1].call(b"x" * 300)

        understood(self, "test_shortcut.Calling", Calling)
        victims: list[Any] = []
        for plain in (True, False):
            for short in (True, False):
                with way(self, short, plain):
                    victims.append(victim := Victim(short, plain, Limits()))
                    output = victim.broker._output
                    before = output.answers
                    victim.broker.dataReceived(pack(["answer", 1, ["test_shortcut.Calling", ["dictionary"]]], True))
                    self.assertEqual("Calling", victim.outcomes[0][1])
                    self.assertEqual((4, before), (len(victim.outcomes), output.answers))
                    self.assertGreater(output.spared, 300)
                    lose(victim.broker, ConnectionDone)

    def test_asked_as_it_comes_back(self) -> None:
        """What an object of ours that comes back has for ``postUnjelly`` is asked for as ever; where that raises, that
        call fails and no other."""

        class Asked(pb.Referenceable):
            @property
            def postUnjelly(self) -> Any:
                raise KeyError("asked")

        class Called(pb.Referenceable):
            def __init__(self) -> None:
                self.postUnjelly = {}.clear

        calls = [
            pack(["message", each, "root", "one", 1, ["tuple", ["local", each]], ["dictionary"]], True) for each in (1, 2)
        ]
        said = []
        for short in (True, False):
            with way(self, short, False):
                victim = Victim(short, False, Limits())
                for each in (Asked(), Called()):
                    victim.broker.registerReference(each)
                victim.broker.dataReceived(pack(["answer", 1, ["local", 1]], True) + b"".join(calls))
                self.assertIn("KeyError", victim.outcomes[0][1][1])
                self.assertTrue(victim.pipe.out.endswith(pack(["answer", 2, ["remote", 2]], True)))
                said.append(victim.pipe.out)
                lose(victim.broker, ConnectionDone)
        self.assertEqual(len(said[1]), len(said[0]))
        self.flushLoggedErrors()

    def test_given_in_vain(self) -> None:
        """What was registered for a call is taken back, also where something raises as it is written."""
        with way(self, True, False):
            victim = Victim(True, False, Limits())
            broker, kept = victim.broker, pb.Referenceable()
            before = dict(broker.localObjects), broker.currentLocalID, broker.currentRequestID

            def fail(*args: Any) -> Any:
                raise KeyboardInterrupt

            self.patch(shortcut.plain, "encode_int", fail)
            with self.assertRaises(KeyboardInterrupt):
                shortcut.written(broker, [b""], ([kept, kept, pb.Referenceable(), kept, 5_000_000],), 1_000)
            self.assertEqual(before, (dict(broker.localObjects), broker.currentLocalID, broker.currentRequestID))
            lose(broker, ConnectionDone)

    def test_given_within_what_is_written(self) -> None:
        """A hook that is asked for the state of a copy may call the peer, and give it an object with that, also in vain:
        what the message around it gave before, and gives after that, is the peer's all the same, in a call and in an
        answer."""

        class Calls(pb.Copyable):
            def __init__(self, call: Any) -> None:
                self.call = call

            def getStateToCopy(self) -> Any:
                self.call()
                return {}

        given = [pb.Referenceable() for _ in range(4)]
        call = pack(["message", 1, "root", "give", 1, ["tuple"], ["dictionary"]], True)
        for within in ((given[2],), (given[0], given[2]), (given[2], object()), (given[1], given[2], [1])):
            came: list[Any] = []
            for short in (True, False):
                for answers in (True, False):
                    with way(self, short, False), warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        victim = Victim(short, False, Limits())
                        broker = victim.broker
                        victim.pipe.out = b""
                        copy = Calls(lambda victim=victim, within=within: victim.call(*within))
                        values = [given[0], given[1], given[0], copy, given[3], given[1]]
                        if answers:
                            broker.localObjectForID("root").remote_give = lambda values=values: values
                            broker.dataReceived(call)
                        else:
                            victim.call(*values)
                        again = [] if object in map(type, within) else within
                        for each, times in ((given[0], 2), (given[1], 2), (given[3], 1)):
                            local = broker.localObjects[broker.luids[id(each)]]
                            self.assertEqual((each, times + (each in again)), (local.object, local.refcount))
                        came.append((victim.pipe.out, victim.outcomes, broker.currentLocalID, broker.currentRequestID))
                        lose(broker, ConnectionDone)
            self.assertEqual(came[2:], came[:2])
        self.flushLoggedErrors()

    def test_calls_within_what_is_written(self) -> None:
        """A finalizer may call the peer while another call is being written, and give it the same object: each call has a
        number and an answer of its own; the object keeps its id, also where the other call cannot be sent."""
        for short, fails in ((True, False), (True, True), (False, True), (False, False)):
            with way(self, short, False):
                victim = Victim(short, False, Limits())
                broker, given, other = victim.broker, pb.Referenceable(), pb.Referenceable()
                left = [500]

                class Late:
                    def __init__(self) -> None:
                        self.itself = self

                    def __del__(self, victim: Any = victim, given: Any = given, left: Any = left) -> None:
                        # It is collected again and again, until the object has an id.
                        left[0] -= 1
                        if id(given) in victim.broker.luids:
                            left[0] = 0
                            victim.call(given)
                        elif left[0] > 0:
                            Late()

                gc.collect()
                thresholds = gc.get_threshold()
                Late()
                gc.set_threshold(1, 1_000_000, 1_000_000)
                try:
                    victim.call(given, [1], pb.Referenceable(), pb.Referenceable(), "\ud800" if fails else "sent")
                finally:
                    gc.set_threshold(*thresholds)
                    left[0] = 0
                gc.collect()
                victim.call(given, other)
                self.assertEqual(victim.outcomes.count("waits"), len(broker.waitingForAnswers))
                held = [broker.localObjectForID(broker.luids.get(id(each))) for each in (given, other)]
                self.assertEqual([given, other], held)
                lose(broker, ConnectionDone)

    def test_calls_within_what_is_looked_at(self) -> None:
        """What runs as an argument is looked at may call the peer, with an object of ours too: each of the calls has a
        number of its own, and its own answer, also where the other cannot be sent."""

        class Lazy(types.ModuleType):
            @property
            def __name__(self) -> str:  # type: ignore[override]
                while todo:
                    todo.pop()()
                return "lazy"

        todo: list[Any] = []
        rests: Any = ((), (object(),), (pb.Referenceable(),), (pb.Referenceable(), object()), (Piece(1),))
        for rest, shares in ((rest, shares) for rest in rests for shares in (True, False)):
            for short in (True, False):
                with way(self, short, False), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    victim = Victim(short, False, Limits())
                    victim.broker.security = jelly.DummySecurityOptions()
                    victim.pipe.out = b""
                    given, other = pb.Referenceable(), pb.Referenceable()
                    shared = (given, other) if shares else (other,)
                    todo.append(lambda victim=victim, shared=shared: victim.call("within", *shared))
                    victim.call(given, Lazy("lazy"), *rest)
                    victim.call("next", given, pb.Referenceable(), pb.Referenceable())
                    said = [message for message in unpack_all(victim.pipe.out) if message[0] == b"message"]
                    numbers = [message[1] for message in said]
                    self.assertEqual(len(numbers), len(set(numbers)))
                    for message in said:
                        victim.broker.dataReceived(pack(["answer", message[1], message[1]], True))
                    came = [outcome[1] for outcome in victim.outcomes[3:] if outcome[0] == "waits"]
                    self.assertEqual(sorted(map(str, numbers)), sorted(each for each in came if isinstance(each, str)))
                    self.assertNotIn("waits", victim.outcomes[3:])
                    [within] = [message[5] for message in said if [b"unicode", b"within"] in message[5]]
                    held = [victim.broker.localObjectForID(each[1]) for each in within if each[0] == b"remote"]
                    self.assertEqual([*shared], held)
                    lose(victim.broker, ConnectionDone)
        self.flushLoggedErrors()

    def test_end_while_an_answer_is_read(self) -> None:
        """If the connection goes while an answer is read, because something ends it as it is collected, the call fails as
        all others do, or has its answer, and nothing else comes of it."""

        class Late:
            def __init__(self) -> None:
                self.itself = self

            def __del__(self) -> None:
                ends.pop()()

        ends: list[Any] = []
        thresholds = gc.get_threshold()
        # What is there already is not looked at each time.
        gc.collect()
        gc.freeze()
        self.addCleanup(gc.unfreeze)
        for value in (["list", ["list", 1], ["tuple", ["list", 2]]], ["list", ["remote", 9], ["list", 2]]):
            for short in (True, False):
                for steps in range(60):
                    with way(self, short, True):
                        victim = Victim(short, True, Limits())
                        ends.append(lambda broker=victim.broker: lose(broker))
                        Late()
                        # So that what is made next is none that was there.
                        kept = [[] for _ in range(300)]  # type: ignore[var-annotated]
                        gc.set_threshold(gc.get_count()[0] + steps, 1_000_000, 1_000_000)
                        try:
                            victim.broker.dataReceived(pack(["answer", 2, value], True))
                        finally:
                            gc.set_threshold(*thresholds)
                        kept.clear()
                        gc.collect()
                    self.assertEqual([], ends)
                    first, second, third = (outcome[1] for outcome in victim.outcomes)
                    self.assertEqual(["Failure"] * 2, [first[0], third[0]])
                    self.assertIn(second[0], ("Failure", "list"))

    def test_end_after_an_answer_was_read(self) -> None:
        """So it is if the connection goes when an answer has been read, before anything is done with it."""
        victim = Victim(False, False, Limits())

        def serve(*given: Any) -> Any:
            item = serve_nothing(*given)
            if item is not codec.NEED_DATA:
                lose(victim.broker)
            return item

        self.patch(codec, "serve", serve)
        self.patch(codec, "read", lambda *_: False)
        with logged() as written:
            victim.broker.dataReceived(pack(["answer", 2, 5], True))
        self.assertEqual(["Failure"] * 3, [outcome[1][0] for outcome in victim.outcomes])
        self.assertEqual([""], lines_of(written.text))

    def test_end_between_references(self) -> None:
        """If the connection goes between two references of a call's arguments, because something ends it as it is asked
        what it is called, or is collected, the call fails, and no more objects are given."""

        class Lazy(types.ModuleType):
            @property
            def __name__(self) -> str:  # type: ignore[override]
                lose(victim.broker, ConnectionDone)
                return "lazy"

        class Late:
            def __init__(self) -> None:
                self.itself = self

            def __del__(self) -> None:
                lose(victim.broker, ConnectionDone)

        for short in (True, False):
            with way(self, short, False), logged():
                victim = Victim(short, False, Limits())
                victim.broker.security = jelly.DummySecurityOptions()
                victim.call(pb.Referenceable(), Lazy("lazy"), pb.Referenceable())
                self.assertEqual(("waits", "Failure"), (victim.outcomes[-1][0], victim.outcomes[-1][1][0]))
                self.assertIn("DeadReferenceError", str(victim.outcomes[-1]))
                gc.collect()
                thresholds = gc.get_threshold()
                for steps in (1, 4, 8, 16):
                    victim = Victim(short, False, Limits())
                    locals, before = victim.broker.localObjects, len(victim.broker.localObjects)
                    objects = [pb.Referenceable() for _ in range(400)]
                    gc.collect()
                    Late()
                    gc.set_threshold(gc.get_count()[0] + steps, 1_000_000, 1_000_000)
                    try:
                        victim.call(*objects)
                    finally:
                        gc.set_threshold(*thresholds)
                    gc.collect()
                    self.assertRegex(str(victim.outcomes[-1]), "DeadReferenceError|PBConnectionLost")
                    # Newer Pythons do not collect in the middle of what C does.
                    if not short or sys.version_info < (3, 12):
                        self.assertLess(len(locals) - before, 400)

    def test_asked_once_what_it_is_called(self) -> None:
        """A class or a module that has a way of its own to say what it is called is asked once for each time that it is in
        a message; what it raises is what the call fails with, or is answered with."""

        class Lazy(types.ModuleType):
            @property
            def __name__(self) -> str:  # type: ignore[override]
                asked.append(1)
                if raised:
                    raise raised.pop()
                return "lazy"

        asked: list[int] = []
        raised: list[BaseException] = []
        call = pack(["message", 1, "root", "give", 1, ["tuple"], ["dictionary"]], True)
        for error in (None, KeyError("k"), Worse("w"), KeyboardInterrupt("i")):
            came: list[Any] = []
            for short in (True, False):
                with way(self, short, False), logged(), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    victim = Victim(short, False, Limits())
                    victim.broker.security = jelly.DummySecurityOptions()
                    promise: Any = defer.Deferred()
                    values = [Lazy("lazy"), Piece(5), pb.Referenceable()]
                    root = victim.broker.localObjectForID("root")
                    for at_once in (True, False):
                        raised[:] = [error] * (error is not None)
                        root.remote_give = lambda: values if at_once else promise  # noqa: B023
                        victim.pipe.out = b""
                        victim.broker.dataReceived(call)
                        if not at_once:
                            promise.callback(values)
                        came.append(victim.pipe.out[:4])
                    raised[:] = [error] * (error is not None)
                    victim.call(*values)
                    came.append((type(error).__name__ in str(victim.outcomes[-1]), len(asked)))
                    asked.clear()
                    lose(victim.broker, ConnectionDone)
                    self.flushLoggedErrors()
            word = WORDS[b"answer" if error is None else b"error"]
            self.assertEqual([bytes((3, 0x80, word, 0x87))] * 2 + [(error is not None, 3)], came[:3])
            self.assertEqual(came[3:], came[:3])

    def test_interrupted_as_it_is_written(self) -> None:
        """What is no Exception, and comes as a value is written, is not lost: the call raises it, or fails with it; the
        peer's call is answered with it, also where the answer comes later."""

        class Zone(datetime.tzinfo):
            def __repr__(self) -> str:
                if raised:
                    raise raised.pop()
                return "zone"

        raised: list[BaseException] = []
        moment = datetime.datetime(2026, 11, 29, tzinfo=Zone())
        call = pack(["message", 1, "root", "give", 1, ["tuple"], ["dictionary"]], True)
        for error in (KeyboardInterrupt("now"), SystemExit("now"), GeneratorExit("now")):
            for short in (True, False):
                with way(self, short, False), logged():
                    victim = Victim(short, False, Limits())
                    before = victim.broker.localObjects.copy()
                    values, promise = [pb.Referenceable(), moment], defer.Deferred()  # type: ignore[var-annotated]
                    raised[:] = [error]
                    try:
                        victim.call(*values)
                    except BaseException as came:
                        self.assertIs(error, came)
                    else:
                        self.assertIn(type(error).__name__, str(victim.outcomes[-1]))
                    root = victim.broker.localObjectForID("root")
                    for at_once in (True, False):
                        raised[:] = [error]
                        root.remote_give = lambda: values if at_once else promise  # noqa: B023
                        victim.pipe.out = b""
                        victim.broker.dataReceived(call)
                        if not at_once:
                            promise.callback(values)
                        self.assertEqual(bytes((3, 0x80, WORDS[b"error"], 0x87)), victim.pipe.out[:4])
                        self.assertIn(type(error).__name__.encode(), victim.pipe.out)
                    self.assertEqual(before, victim.broker.localObjects)
                    lose(victim.broker, ConnectionDone)
                    self.flushLoggedErrors()

    def test_broken_as_it_is_said_later(self) -> None:
        """An answer that comes later and that the transport does not take is not said again, as an error: whoever fired
        the Deferred has it in there."""
        call = pack(["message", 1, "root", "give", 1, ["tuple"], ["dictionary"]], True)
        for short in (True, False):
            with way(self, short, False):
                victim, promise, said = Victim(short, False, Limits()), defer.Deferred(), []  # type: ignore[var-annotated]
                victim.broker.localObjectForID("root").remote_give = lambda promise=promise: promise
                victim.broker.dataReceived(call)

                def fail(data: bytes, said: Any = said) -> None:
                    said.append(data)
                    raise MemoryError("no room")

                write, victim.pipe.write = victim.pipe.write, fail
                promise.callback([5])
                victim.pipe.write = write
                self.assertEqual([bytes((3, 0x80, WORDS[b"answer"], 0x87))], [data[:4] for data in said])
                self.failureResultOf(promise, MemoryError)
                lose(victim.broker, ConnectionDone)

    def test_looked_at_as_it_is_sent(self) -> None:
        """Where an object raises as it is looked at, or its keys do as they are compared, the same becomes of a call and
        of an answer as ever: the call's Deferred fails, or they are sent, if nothing of it has to be looked at."""

        class Asked(pb.Referenceable):
            @property
            def processUniqueID(self) -> Any:
                raise ValueError("asked")

        class Own(pb.Referenceable):
            def __init__(self) -> None:
                self.jellyFor = types.SimpleNamespace(__func__=[])

        class Kind(type):
            def __hash__(cls) -> int:
                raise ValueError("kind")

        class Key:
            def __hash__(self) -> int:
                return 1

            def __eq__(self, other: object) -> bool:
                if one not in seen:
                    raise ValueError("key")
                return self is other

        one, seen = "one", ["one"]
        keys = {Key(): 1, Key(): 2, Key(): 3}
        del keys[next(iter(keys))]
        seen.clear()
        call = pack(["message", 1, "root", "give", 1, ["tuple"], ["dictionary"]], True)
        came: list[Any] = []
        for short in (True, False):
            with way(self, short, False), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for value in (Asked(), Own(), object.__new__(Kind("Some", (), {})), keys):
                    victim = Victim(short, False, Limits())
                    victim.pipe.out = b""
                    broker, kept = victim.broker, pb.Referenceable()
                    victim.call(kept, value)
                    broker.localObjectForID("root").remote_give = lambda kept=kept, value=value: [kept, value]
                    broker.dataReceived(call)
                    said = victim.pipe.out[:4]
                    came.append((victim.outcomes[3], said, broker.currentLocalID, broker.currentRequestID))
                    lose(broker, ConnectionDone)
        self.assertEqual(came[4:], came[:4])
        self.assertEqual(["Failure"] * 3, [outcome[1][0] for outcome, *_ in came[:3]])
        self.assertEqual("waits", came[3][0])
        self.flushLoggedErrors()

    def test_said_in_vain(self) -> None:
        """Of a call that the transport does not take, nothing is left: no object, and nothing that waits."""
        for short in (True, False):
            with way(self, short, False):
                victim = Victim(short, False, Limits())
                broker = victim.broker
                before = dict(broker.localObjects), sorted(broker.waitingForAnswers)
                write = victim.pipe.write
                # What is done as an object leaves finds the call still waiting.
                given, left = pb.Referenceable(), []
                broker._localCleanup[id(given)] = lambda left=left, broker=broker: left.extend(broker.waitingForAnswers)

                def fail(data: bytes) -> None:
                    raise MemoryError("no room")

                victim.pipe.write = fail
                with self.assertRaises(MemoryError):
                    victim.reference.callRemote("it", [given])
                self.assertEqual([*before[1], broker.currentRequestID], left)
                victim.pipe.write = write
                self.assertEqual(before, (dict(broker.localObjects), sorted(broker.waitingForAnswers)))
                victim.call("next")
                self.assertEqual("waits", victim.outcomes[-1])
                lose(broker, ConnectionDone)

    def test_while_it_is_written(self) -> None:
        """What a finalizer does while a call is written, which may be to call, or to lose the connection: each call has
        a number of its own, and one whose connection has gone fails."""
        written = shortcut.written
        for plain in (True, False):
            for loses in (True, False):
                with way(self, True, False):
                    victim = Victim(True, False, Limits())
                    broker, todo = victim.broker, [1]

                    def write(*args: Any) -> Any:
                        said = written(*args)
                        if todo:  # noqa: B023
                            todo.clear()  # noqa: B023
                            if loses:  # noqa: B023
                                lose(broker, ConnectionDone)  # noqa: B023
                            else:
                                victim.call("within")  # noqa: B023
                            return said if plain else (None, None)  # noqa: B023
                        return said

                    self.patch(shortcut, "written", write)
                    self.patch(codec, "ask", shortcut.ask)
                    function = inspect.unwrap(pb.RemoteReference.callRemote)
                    self.patch(pb.RemoteReference, "callRemote", function)
                    victim.call("outer")
                    if loses:
                        self.assertTrue(all(outcome != "waits" for outcome in victim.outcomes), victim.outcomes)
                    else:
                        self.assertEqual(5, len(broker.waitingForAnswers))
                        victim.call("next")
                        self.assertEqual(6, len(broker.waitingForAnswers))
                        lose(broker, ConnectionDone)
                    self.doCleanups()

    def test_end_as_a_call_is_made(self) -> None:
        """If the connection goes when all that is left to be made of a call is its Deferred, that fails, as one does whose
        call was on its way; it does not wait for ever."""
        for plain in (True, False):
            for short in (True, False):
                with way(self, short, plain):
                    victim = Victim(short, plain, Limits())
                    victim.pipe.out = b""

                    class Losing(defer.Deferred):  # type: ignore[type-arg]
                        def __init__(self, victim: Any = victim) -> None:
                            super().__init__()
                            if not victim.broker.disconnected:
                                lose(victim.broker, ConnectionDone)

                    patched = self.patch(defer, "Deferred", Losing)
                    victim.call(5, pb.Referenceable())
                    patched.restore()
                    self.assertIn("PBConnectionLost", str(victim.outcomes[-1]))
                    self.assertEqual((b"", 0), (victim.pipe.out, len(victim.broker.waitingForAnswers or ())))

    def test_leaves_that_cannot_be_sent(self) -> None:
        """A number in a decimal, or the name of a class, that is too large to be sent fails the call that it is in, or
        whose result it is; nothing is sent that lacks it."""
        call = pack(["message", 1, "root", "one", 1, ["tuple"], ["dictionary"]], True)
        number, named = decimal.Decimal(10**300), type("x" * 200, (), {})
        self.patch(banana, "SIZE_LIMIT", 199)
        for value in (number, [number], (1, number, 2), named, [named], (1, named, 2)):
            came = []
            for short in (True, False):
                with way(self, short, False), logged():
                    self.patch(failure, "count", 0)
                    victim = Victim(short, False, Limits())
                    victim.broker.localObjectForID("root").remote_one = lambda value=value: value
                    victim.pipe.out = b""
                    victim.call(value)
                    self.assertEqual(b"", victim.pipe.out)
                    victim.broker.dataReceived(call)
                    self.assertEqual(bytes((3, 0x80, WORDS[b"error"], 0x87)), victim.pipe.out[:4])
                    came.append((victim.outcomes[-1], re.sub(b"0x[0-9a-f]+", b"0x", victim.pipe.out)))
                    lose(victim.broker, ConnectionDone)
            self.assertEqual(came[1], came[0])
            self.assertEqual("BananaError", came[0][0][0])
        self.flushLoggedErrors()

    def test_of_another_connection(self) -> None:
        """A reference is given to nobody but the peer that it is of: to another, its id would mean something else."""
        for short in (True, False):
            with way(self, short, False):
                victim, other = Victim(short, False, Limits()), Victim(short, False, Limits())
                victim.pipe.out = b""
                reference = pb.RemoteReference(None, other.broker, 9, 0)
                victim.call(reference)
                victim.call([pb.RemoteReference(None, victim.broker, 9, 0), reference])
                victim.broker.localObjectForID("root").remote_give = lambda reference=reference: [reference]
                self.assertEqual(b"", victim.pipe.out)
                victim.broker.dataReceived(pack(["message", 1, "root", "give", 1, ["tuple"], ["dictionary"]], True))
                self.assertEqual(bytes((3, 0x80, WORDS[b"error"], 0x87)), victim.pipe.out[:4])
                self.assertNotIn("waits", victim.outcomes[3:])
                for each in (victim, other):
                    lose(each.broker, ConnectionDone)
        self.flushLoggedErrors()

    def test_ids_of_any_size(self) -> None:
        """A reference with an id that no honest peer would give is given back as it came, by either way."""
        understood(self, "test_shortcut.Seen", Seen)
        for luid in (-1, -(2**40), 0, 127, 128, 2**28 - 1, 2**28, 2**31 - 1, 2**31, 2**40):
            for value in (["remote", luid], ["list", 1, ["remote", luid]]):
                call = pack(["message", 1, "root", "one", 1, ["tuple", value], ["dictionary"]], True)
                said = self.same(False, Limits(), [call])[1]
                self.assertIn(pack(["local", luid], True), said)
            for short in (True, False):
                with way(self, short, False):
                    victim = Victim(short, False, Limits())
                    victim.pipe.out = b""
                    victim.call([pb.RemoteReference(None, victim.broker, luid, 0)])
                    self.assertIn(pack(["local", luid], True), victim.pipe.out)
                    lose(victim.broker, ConnectionDone)

    def test_given_back(self) -> None:
        """A reference goes back to the side that owns its object, and to no other; what has a say of its own about that
        has it."""
        asked: list[Any] = []

        class Computed(pb.RemoteReference):
            """Has its id from elsewhere."""

            @property
            def luid(self) -> Any:  # type: ignore[override]
                """The same always."""
                asked.append("luid")
                return 9

            @luid.setter
            def luid(self, luid: Any) -> None:
                """It is not kept."""

        class Watchful(pb.RemoteReference):
            """Is told of what is looked at."""

            def __getattribute__(self, name: str) -> Any:
                asked.append(name)
                return super().__getattribute__(name)

        class Hiding(pb.RemoteReference):
            """Goes as something else."""

            def jellyFor(self, jellier: Any) -> Any:
                """As a number."""
                return 5

        def own(broker: Any) -> Any:
            reference = pb.RemoteReference(None, broker, 9, 0)
            reference.jellyFor = lambda jellier: [b"unicode", b"own"]  # type: ignore[method-assign]
            return reference

        def unwell(broker: Any) -> Any:
            reference = pb.RemoteReference(None, broker, 9, 0)
            del reference.luid
            return reference

        class Derived(pb.RemoteReference):
            """Adds nothing."""

        makers = [lambda broker, luid=luid: pb.RemoteReference(None, broker, luid, 0) for luid in
                  (9, 0, 2**31, 2**447, 2**449, b"root", "root", True, 9.5, None, [9])]
        makers += [lambda broker, cls=cls: cls(None, broker, 9, 0) for cls in (Computed, Watchful, Hiding, Derived)]
        makers += [own, unwell, lambda broker: pb.RemoteReference(None, None, 9, 0)]
        makers.append(lambda broker: pb.RemoteReference(None, pb.Broker(), 9, 0))
        call = pack(["message", 1, "root", "give", 1, ["tuple"], ["dictionary"]], True)
        for number, make in enumerate(makers):
            came = []
            for short in (True, False):
                with way(self, short, False), logged() as written, warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    self.patch(failure, "count", 0)
                    victim = Victim(short, False, Limits())
                    reference = make(victim.broker)
                    root = victim.broker.localObjectForID("root")
                    root.remote_give = lambda reference=reference: [reference, {"k": reference}]
                    asked.clear()
                    victim.pipe.out = b""
                    victim.broker.dataReceived(call)
                    victim.call(reference, [reference, 5])
                    said = re.sub(b"0x[0-9a-f]+", b"0x", victim.pipe.out)
                    came.append([said, shape(victim.outcomes), sorted({*asked} - {"doRefCount"}), lines_of(written.text)])
                    if number < 3:
                        self.assertEqual(4, said.count(pack(["local", reference.luid], True)))
                    if make is own:
                        self.assertEqual(4, said.count(b"own"))
                    lose(victim.broker, ConnectionDone)
                    self.flushLoggedErrors()
            self.assertEqual(came[1], came[0], number)

    def test_given_back_and_let_go(self) -> None:
        """A reference that the peer gives, and is answered with, is not let go of before the answer: its owner could not
        find the object any more.  One that is not in the answer is let go of before."""
        for name, first in (("echo", False), ("now", False), ("publish", True), ("task", False)):
            call = pack(["message", 1, "root", name, 1, ["tuple", ["remote", 9]], ["dictionary"]], True)
            for short in (True, False):
                with way(self, short, False):
                    victim = Victim(short, False, Limits())
                    victim.calls = Forgetful()
                    victim.pipe.out = b""
                    victim.broker.dataReceived(call)
                    said = victim.pipe.out
                    released, answered = pack(["decref", 9], True), bytes((3, 0x80, WORDS[b"answer"], 0x87))
                    self.assertEqual(first, said.index(released) < said.index(answered), (name, short))
                    lose(victim.broker, ConnectionDone)

    def test_come_back(self) -> None:
        """An object of ours that comes back is the object, wherever it is in a message; who has to be told is told."""
        told: list[Any] = []

        class Posted(pb.Referenceable):
            """Is told."""

            def postUnjelly(self) -> None:
                """It has come."""
                told.append("posted")

        class Alike(pb.Referenceable):
            """Is like others."""

            def __eq__(self, other: Any) -> bool:
                told.append("eq")
                return isinstance(other, Alike)

            def __hash__(self) -> int:
                told.append("hash")
                return 5

        class Asked(pb.Referenceable):
            """Is asked."""

            def __getattr__(self, name: str) -> Any:
                if not name.startswith("__"):
                    told.append(name)
                raise AttributeError(name)

        class Meta(type):
            """Is asked for what a class has."""

            def __getattribute__(cls, name: str) -> Any:
                if name == "postUnjelly":
                    told.append(name)
                return super().__getattribute__(name)

        def own() -> Any:
            made = pb.Referenceable()
            made.postUnjelly = lambda: told.append("own")  # type: ignore[attr-defined]
            return made

        kinds: list[Any] = [
            pb.Referenceable, Posted, Alike, Asked, Meta("Odd", (pb.Referenceable,), {}), own, Named,
            lambda: pb.ViewPoint(None, None),
        ]  # fmt: skip
        places: list[Any] = [
            ["local", b"it"], ["list", ["local", 1], 5], ["dictionary", [["local", 1], ["local", b"it"]]],
            ["set", ["local", 1], ["local", 1]],
            ["list", ["reference", 1, ["local", 1]], ["dereference", 1]],
            ["local", 77], ["local", 1, 2], ["local"], ["local", 1.0], ["local", ["local", 1]], ["local", -1],
            ["tuple", ["local", 2]],
        ]  # fmt: skip
        for kind in kinds:
            for place in places:
                came = []
                call = pack(["message", 1, "root", "take", 1, ["tuple", place], ["dictionary"]], True)
                for short in (True, False):
                    with way(self, short, False), logged() as written:
                        self.patch(failure, "count", 0)
                        victim = Victim(short, False, Limits())
                        objects = [kind(), kind()]
                        for each in objects:
                            victim.broker.registerReference(each)
                        victim.broker.setNameForLocal("it", objects[0])
                        got: list[Any] = []
                        victim.broker.localObjectForID("root").remote_take = got.append
                        told.clear()
                        victim.pipe.out = b""
                        victim.broker.dataReceived(call)
                        seen = told[:]
                        text = repr(got)
                        for number, each in enumerate(objects):
                            text = text.replace(repr(each), f"object {number}")
                        came.append([seen, text, victim.pipe.out, lines_of(written.text)])
                        lose(victim.broker, ConnectionDone)
                        self.flushLoggedErrors()
                self.assertEqual(came[1], came[0], (kind, place))
                if place == places[0]:
                    self.assertEqual("[object 0]", came[0][1])

    def test_found_by_the_application(self) -> None:
        """A broker that has a way of its own to find what comes back is asked, be it its class's or its own."""
        call = pack(["message", 1, "root", "echo", 1, ["tuple", ["local", 1], ["local", b"x"]], ["dictionary"]], True)
        for name in ("localObjectForID", "_returnedObjectForID"):
            for of_class in (True, False):
                with way(self, True, False):
                    victim, asked = Victim(True, False, Limits()), []  # type: ignore[var-annotated]
                    root = victim.broker.localObjectForID("root")
                    found = lambda *args, asked=asked, root=root: asked.append(args[-1]) or root  # noqa: E731
                    if of_class:
                        self.patch(pb.Broker, name, found)
                    else:
                        setattr(victim.broker, name, found)
                    victim.broker.dataReceived(call)
                    self.assertEqual([1, b"x"], [each for each in asked if each != b"root"])
                    lose(victim.broker, ConnectionDone)
                    self.doCleanups()
                    understood(self, "test_shortcut.Seen", Seen)

    def test_called_by_keyword(self) -> None:
        """A call with keyword arguments, made as the peer's is handled, is the one that it is at any other time."""
        shared, given = [1], pb.Referenceable()
        calls: list[Any] = [
            {"a": 5}, {"a": 5, "b": "text", "c": b"bytes", "d": 2.5, "e": None, "f": True, "g": -(2**70)}, {"é": "é"},
            {"pbanswer": 0}, {"pbanswer": 1, "a": 5}, {"pbx": 5}, {"p": 5, "pb": 6, "": 7}, {"a": shared},
            {"a": given, "b": given},
            {"a": b"x" * 70_000}, {"a": "x" * 70_000}, {"a": "\ud800"}, {"a": 2**500}, {"a": object()},
            {"self": 5}, {"_name": 5}, {"pbcallback": lambda result: None}, {"k" * 700_000: 5},
            {str(n): n for n in range(300)}, {"a": Piece(5)},
        ]  # fmt: skip
        for number, keywords in enumerate(calls):
            for values in ((), (5,), (shared, shared), (given, b"x" * 70_000)):
                came = []
                for short in (True, False):
                    with way(self, short, False), logged() as written, warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        self.patch(failure, "count", 0)
                        victim = Victim(short, False, Limits())
                        root, call = victim.broker.localObjectForID("root"), victim.reference.callRemote
                        root.remote_go = lambda v=victim, c=call, a=values, k=keywords: v.expect(c, "it", *a, **k)
                        victim.pipe.out = b""
                        victim.broker.dataReceived(pack(["message", 1, "root", "go", 1, ["tuple"], ["dictionary"]], True))
                        state = [victim.broker.currentRequestID, sorted(victim.broker.waitingForAnswers)]
                        said = victim.pipe.out
                        lose(victim.broker, ConnectionDone)
                        came.append([said, victim.outcomes, state, lines_of(written.text)])
                        self.flushLoggedErrors()
                self.assertEqual(came[1], came[0], (number, len(values)))
                if number < 3:
                    self.assertIn(pack(next(iter(keywords)).encode(), True), came[0][0])

    def test_keywords_among_the_arguments(self) -> None:
        """What hands on its keyword arguments as an argument, too, has them sent twice."""
        keywords = {"a": 5}
        came = []
        for short in (True, False):
            with way(self, short, False):
                victim = Victim(short, False, Limits())
                victim.pipe.out = b""
                arguments = (keywords, [keywords])
                d = victim.broker._sendMessage(b"", None, b"theirs", b"it", arguments, keywords)
                d.addErrback(lambda reason: None)
                came.append(victim.pipe.out)
                lose(victim.broker, ConnectionDone)
        self.assertEqual(came[1], came[0])
        self.assertTrue(came[0].endswith(pack(["dictionary", [["unicode", "a"], 5]], True)))

    def test_ways_of_a_class(self) -> None:
        """A reference whose class computes its id, or has a class of its own, is asked as by the methods; so is an object
        that comes back, which may be let go of meanwhile."""
        asked: list[str] = []

        class Meta(type):
            def __getattribute__(cls, name: str) -> Any:
                if name in ("luid", "broker"):
                    raise ValueError(name)
                return super().__getattribute__(name)

        class Odd(pb.RemoteReference, metaclass=Meta):
            pass

        class Instead(pb.RemoteReference):
            luid = types.DynamicClassAttribute(  # type: ignore[assignment]
                lambda self: asked.append("luid") or b"theirs", lambda self, value: None
            )

        class Moved(pb.RemoteReference):
            luid = property(  # type: ignore[assignment]
                lambda self: 11, lambda self, value: self.__dict__.update(luid=value)
            )

        class Leaving(pb.Referenceable):
            pass

        class Letting:
            def __get__(self, instance: Any, cls: Any) -> Any:
                victim.broker.localObjects.pop(1, None)
                victim.broker.luids.clear()
                raise AttributeError("postUnjelly")

        Leaving.postUnjelly = Letting()  # type: ignore[attr-defined]
        for cls, back in ((Odd, 9), (Instead, b"theirs"), (Moved, 11)):
            for short in (True, False):
                with way(self, short, False):
                    victim = Victim(short, False, Limits())
                    root = victim.broker.localObjectForID("root")
                    reference = cls(None, victim.broker, 9, 0)
                    root.remote_give = lambda reference=reference: [reference]
                    asked.clear()
                    victim.pipe.out = b""
                    victim.broker.dataReceived(pack(["message", 1, "root", "give", 1, ["tuple"], ["dictionary"]], True))
                    self.assertIn(pack(["local", back], True), victim.pipe.out, (cls, short))
                    self.assertEqual(["luid"] * (cls is Instead), asked)
                    lose(victim.broker, ConnectionDone)
        for short in (True, False):
            with way(self, short, False):
                victim, got = Victim(short, False, Limits()), []  # type: ignore[var-annotated]
                victim.broker.localObjectForID("root").remote_take = got.append
                luid = victim.broker.registerReference(Leaving())
                victim.broker.dataReceived(
                    pack(["message", 1, "root", "take", 1, ["tuple", ["local", luid]], ["dictionary"]], True)
                )
                self.assertIsInstance(got[0], Leaving)
                lose(victim.broker, ConnectionDone)

    def test_each_kind(self) -> None:
        """Whatever has a way of its own to be sent is sent by that, also where its class has none."""
        understood(self, "test_shortcut.Seen", Seen)
        for one in range(10):
            for arguments in ((one,), (one, one), (one, 0), (0, one), (0, one, 0)):
                call = ["message", 1, "root", "give", 1, ["tuple", *arguments], ["dictionary"]]
                self.same(False, Limits(), [pack(call, True)])

    def test_bounds_changed_meanwhile(self) -> None:
        """What a called method says of what may be received, or sent, holds from then on: for its own result, for the next
        message of the same reading, and for later ones."""
        change = pack(["message", 1, "root", "change", 1, ["tuple"], ["dictionary"]], True)
        call = pack(["message", 300, "root", "one", 1, ["tuple", ["list", 5, b"x" * 50]], ["dictionary"]], True)
        for name, bound in (
            ("limits", lambda broker: broker.useLimits(Limits(expression_bytes=300))),
            ("depth", lambda broker: broker.useLimits(Limits(depth=1))),
            ("security", lambda broker: setattr(broker, "security", SecurityOptions())),
            ("types", lambda broker: setattr(broker.security, "allowedTypes", {})),
            ("one type", lambda broker: broker.security.allowedTypes.pop(b"list")),
            ("prefixes", lambda broker: broker.setPrefixLimit(1)),
            ("words", lambda broker: setattr(broker, "incomingVocabulary", {1: b"None"})),
            ("sizes", lambda broker: self.patch(banana, "SIZE_LIMIT", 49)),
            ("the end", lambda broker: broker._refuse("enough")),
        ):
            said: list[bytes] = []
            for short in (True, False):
                for late, kind in ((True, bytes), (False, bytes), (False, bytearray)):
                    with way(self, short, False):
                        victim = Victim(short, False, Limits())
                        victim.broker.security = SecurityOptions()
                        victim.broker.security.allowBasicTypes()
                        victim.pipe.out = b""
                        # Failures are numbered, and the numbers are sent.
                        self.patch(failure, "count", 0)
                        heard: list[Any] = []
                        root = victim.broker.localObjectForID("root")
                        root.remote_change = lambda bound=bound, broker=victim.broker: (bound(broker), [7, b"y" * 50])[1]
                        root.remote_one = heard.append
                        with contextlib.suppress(banana.BananaError):
                            victim.broker.dataReceived(kind(call + change + (b"" if late else call)))
                        if late:
                            with contextlib.suppress(banana.BananaError):
                                victim.broker.dataReceived(call)
                        self.assertEqual(1, len(heard), (name, short))
                        said.append(re.sub(b"0x[0-9a-f]+", b"0x", victim.pipe.out))
                        lose(victim.broker, ConnectionDone)
                        self.patch(banana, "SIZE_LIMIT", 640 * 1024)
            self.assertEqual(said[-3:], said[:3], name)
        self.flushLoggedErrors()

    def test_changed_by_the_end_of_a_taster(self) -> None:
        """A taster that is replaced while a message is worked on may change the limits as it is collected: of the next
        message too, nothing is read beyond those that are, or were, in force."""

        class Taster(SecurityOptions):
            def __del__(self) -> None:
                broker, kept = self.said
                broker.prefixLimit = 5
                kept += range(10**9, 10**9 + 1000)

        change = pack(["message", 1, "root", "change", 0, ["tuple"], ["dictionary"]], True)
        # A number of 2100 bits, before which are 300 bytes.
        call = pack(["message", 2, "root", "one", 0, ["tuple", 2**2099], ["dictionary"]], True)
        for short in (True, False):
            with way(self, short, False):
                victim = Victim(short, False, Limits())
                broker, heard = victim.broker, []
                kept: list[int] = []
                broker.security = Taster()
                broker.security.allowBasicTypes()
                broker.security.said = (broker, kept)
                broker.setPrefixLimit(1000)
                root = broker.localObjectForID("root")

                def changed(broker: Any = broker) -> None:
                    broker.setPrefixLimit(int("290"))
                    broker.security = SecurityOptions()
                    broker.security.allowBasicTypes()

                root.remote_change, root.remote_one = changed, heard.append
                broker.dataReceived(call)
                self.assertEqual([2**2099], heard)
                with contextlib.suppress(banana.BananaError):
                    broker.dataReceived(change + call)
                self.assertEqual(([2**2099], 1000, 5), (heard, len(kept), broker.prefixLimit))
                lose(broker, ConnectionDone)

    def test_taster_of_the_method(self) -> None:
        """Of what a method gives, the taster is asked that the method has put in the other's place, also where no answer
        is wanted and None is what it gives."""

        class Refusing(SecurityOptions):
            def isTypeAllowed(self, name: Any) -> bool:
                asked.append(name)
                return False

        asked: list[bytes] = []
        for wanted in (0, 1):
            came = []
            call = pack(["message", 1, "root", "change", wanted, ["tuple"], ["dictionary"]], True)
            for short in (True, False):
                with way(self, short, False), logged() as written:
                    victim = Victim(short, False, Limits())
                    root = victim.broker.localObjectForID("root")
                    root.remote_change = lambda broker=victim.broker: setattr(broker, "security", Refusing())
                    victim.broker.dataReceived(call)
                    came.append((asked[:1], "InsecureJelly" in written.text))
                    asked.clear()
                    lose(victim.broker, ConnectionDone)
                    self.flushLoggedErrors()
            self.assertEqual([([b"builtins.NoneType"], True)] * 2, came)

    def test_limits_of_the_callback(self) -> None:
        """What an answer's callback puts in the place of a broker's attributes holds for what it has said, too."""
        came = []
        for short in (True, False):
            with way(self, short, 2**16):
                victim = Victim(short, 2**16, Limits())
                broker = victim.broker

                def heard(limits: Any, broker: Any = broker, reference: Any = victim.reference) -> None:
                    reference.callRemote("it").addErrback(lambda reason: None)
                    broker.__dict__ = {**broker.__dict__, "limits": limits}

                victim.pipe.dataBuffer = b"x" * 1000
                for limits in (broker.limits, Limits(expression_bytes=10)):
                    before = broker._output.answers
                    victim.reference.callRemote("it").addCallback(lambda _, limits=limits, heard=heard: heard(limits))
                    broker.dataReceived(pack(["answer", broker.currentRequestID, 5], True))
                    came.append((broker._output.answers > before, broker._output.spared > 0))
                lose(broker, ConnectionDone)
                victim.pipe.connectionLost(None)
        self.assertEqual([(False, True), (True, True)] * 2, came)

    def test_limits_of_another_connection(self) -> None:
        """What is done as limits are collected may be to read from another connection: each connection has its own limits,
        then and after that."""
        call = pack(["message", 1, "root", "wait", 1, ["tuple"], ["dictionary"]], True)
        for short in (True, False):
            for calls in (True, False):
                with way(self, short, False):
                    strict, wide = (Victim(short, False, Limits(outstanding_calls=most)) for most in (5, 70))
                    for data in (call, b"", call):
                        last = Victim(short, False, Limits(outstanding_calls=60))
                        last.broker.dataReceived(call)
                        weakref.finalize(last.broker.limits, strict.broker.dataReceived, data)
                        lose(last.broker, ConnectionDone)
                        del last
                        gc.collect()
                        if calls:
                            wide.call(5)
                        else:
                            wide.broker.dataReceived(call)
                    strict.broker.dataReceived(call * 10)
                    wide.broker.dataReceived(call * 10)
                    self.assertEqual((5, 10 if calls else 13), (strict.broker._answering, wide.broker._answering))
                    for victim in (strict, wide):
                        lose(victim.broker, ConnectionDone)
                    self.flushLoggedErrors()

    def test_changed_by_the_end_of_a_limit(self) -> None:
        """A limit that is collected as others are put in its place may have something to do, and put another taster in the
        place of the one that was just put there."""

        class Depth(int):
            def __del__(self) -> None:
                self.broker.security = allowing()
                ends.append(1)

        def allowing() -> Any:
            security = SecurityOptions()
            security.allowBasicTypes()
            return security

        change = pack(["message", 1, "root", "change", 0, ["tuple"], ["dictionary"]], True)
        call = pack(["message", 2, "root", "one", 0, ["tuple", ["list", 1]], ["dictionary"]], True)
        ends: list[int] = []
        for short in (True, False):
            with way(self, short, False), way(self, short, False):
                self.patch(codec, "read", lambda *_: False)
                depth, others, heard = Depth(300), Limits(), []  # type: ignore[var-annotated]
                victim = Victim(short, False, Limits(depth=depth))
                broker = depth.broker = victim.broker
                broker.security = allowing()
                del depth

                def changed(broker: Any = broker, others: Any = others) -> None:
                    broker.security = allowing()
                    broker.useLimits(others)
                    broker._inflow._limits = None
                    broker.factory.limits = others

                root = broker.localObjectForID("root")
                root.remote_change, root.remote_one = changed, heard.append
                broker.dataReceived(change + call)
                broker.dataReceived(call)
                self.assertEqual([[1], [1]], heard)
                lose(broker, ConnectionDone)
                self.doCleanups()
        gc.collect()
        self.assertTrue(ends)

    def test_memory(self) -> None:
        """A message takes no more memory than limits say, also where it is there as a whole."""
        items = ["tuple", *range(1, 40), ["list", *([number] for number in range(9))]]
        for message in (
            ["message", 1, "root", "echo", 1, ["tuple", *range(1, 40)], ["dictionary"]],
            ["message", 1, "root", "echo", 1, ["tuple", ["list", *(["list"] for _ in range(30))]], ["dictionary"]],
            ["answer", 1, items[:40]], ["answer", 1, ["dictionary", [["unicode", "k"], b"x" * 400]]],
        ):  # fmt: skip
            told = set()
            for size in (200, 600, 1000, 1200, 1300, 1400, 1500, 2000, 3000, 20_000):
                calls, _, outcomes, *_ = self.same(False, Limits(expression_bytes=size), [pack(message, True)])
                told.add(repr((calls, outcomes)))
            self.assertEqual(2, len(told), message)

    def test_lengths(self) -> None:
        """A list, a string or a text that is as long as may be received is received, and none that is longer by one."""
        for value in (["list", *range(39)], b"x" * 40, ["unicode", "x" * 40], ["list", b"x" * 40]):
            told = set()
            for size in (39, 40, 41):
                patch = self.patch(banana, "SIZE_LIMIT", size)
                for message in (
                    ["message", 1, "root", "publish", 1, ["tuple", value], ["dictionary"]], ["answer", 1, value],
                    ["answer", 1, ["list", value]],
                ):  # fmt: skip
                    *_, ended, _ = self.same(False, Limits(), [pack(message, True)])
                    told.add((size, ended))
                patch.restore()
            self.assertEqual({(39, True), (40, False), (41, False)}, told)

    def test_results_that_hold_themselves(self) -> None:
        """What a method makes, and nobody else has, may be in itself; and so may what a call has as arguments."""

        def made(kind: int) -> Any:
            value: Any = [[]] if kind else {}
            if kind == 0:
                value["me"] = value
            elif kind == 1:
                value[0] = value
            else:
                value[0].append((value, value[0]))
            return value

        call = pack(["message", 1, "root", "one", 1, ["tuple"], ["dictionary"]], True)
        for kind, again in enumerate((1, 1, 2)):
            said = []
            for short in (True, False):
                with way(self, short, False):
                    victim = Victim(short, False, Limits())
                    victim.broker.localObjectForID("root").remote_one = lambda kind=kind: made(kind)
                    victim.pipe.out = b""
                    victim.broker.dataReceived(call)
                    said.append(victim.pipe.out)
                    victim.pipe.out = b""
                    victim.call(made(kind))
                    said.append(victim.pipe.out)
                    lose(victim.broker, ConnectionDone)
            self.assertEqual(said[2:], said[:2])
            for each in said:
                self.assertEqual(again, each.count(bytes((WORDS[b"dereference"], 0x87))))

    def test_nothing_is_left(self) -> None:
        """Of calls, answers and releases nothing stays but what is referred to yet."""
        victim = Victim(True, False, Limits())
        root = victim.broker.localObjectForID("root")
        root.remote_raise = lambda *args, **kw: defer.fail(Known("known"))
        messages = [
            pack(["message", 1, who, name, wanted, ["tuple", *args], keywords], True)
            for who in ("root", "avatar", "own", "view")
            for name in ("echo", "nonesuch", "objects", "call", "now", "raise")
            for wanted in (1, 0)
            for args in ((), (5, ["unicode", "text"], ["list"]), (["nonesuch"],), (["remote", 9],))
            for keywords in (["dictionary"], ["dictionary", [["unicode", "k"], 1]], ["nonesuch"])
        ]  # fmt: skip
        calls = b"".join(messages)
        values: list[Any] = [5, ["list", 5], ["nonesuch"], ["remote", 9], ["unicode", "x"]]

        def counted() -> list[int]:
            """A round, after which there are so many objects of some kinds, beside what the peer has of ours."""
            readings = [calls]
            waiting = sorted(victim.broker.waitingForAnswers)
            readings += [pack(["answer", number, values[number % 5]], True) for number in waiting]
            for luid, local in victim.broker.localObjects.items():
                if type(luid) is int:
                    readings.append(pack(["decref", luid], True) * local.refcount)
            for each in readings:
                victim.broker.dataReceived(each)
            victim.pipe.out = b""
            for kept in (victim.calls, victim.later):
                kept.clear()
            self.flushLoggedErrors()
            gc.collect()
            counts = [sum(type(each) is kind for each in gc.get_objects()) for kind in (defer.Deferred, tables.Local)]
            return [counts[0], counts[1] - len(victim.broker.localObjects)]

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            counts = [counted() for _ in range(6)]
        self.assertEqual(counts[-2], counts[-1])
        lose(victim.broker, ConnectionDone)
        self.flushLoggedErrors()

    def test_after_what_is_unsent(self) -> None:
        """What is answered goes behind what the transport has of ours, wherever it keeps that."""
        call = pack(["message", 1, "root", "echo", 1, ["tuple", 5], ["dictionary"]], True)
        answer = pack(["answer", 1, 5], True)
        for begun in (False, True):
            victim = Victim(True, 4096, Limits())
            pipe = victim.pipe
            pipe.out = b""
            pipe.write(b"x" * 200_000)
            if begun:
                pipe.doWrite()
            self.assertEqual(begun, bool(pipe.dataBuffer))
            self.assertEqual(not begun, bool(pipe._tempDataBuffer))
            # By now the system takes more.
            with contextlib.suppress(BlockingIOError):
                while data := pipe.end.recv(2**16):
                    pipe._read += data
            victim.broker.dataReceived(call)
            self.assertTrue(pipe.out == b"x" * 200_000 + answer, "the bytes are in another order")
            pipe.connectionLost(None)
            lose(victim.broker, ConnectionDone)

    def test_why_it_was_refused(self) -> None:
        """Who waits for an answer that cannot be read is not told by which functions it was read, and the log neither."""
        for short in (True, False):
            for value in (["list", ["nonesuch", 1]], ["unicode", b"\xff"], ["tuple", ["date", b"tomorrow"]]):
                with way(self, short, False):
                    victim = Victim(short, False, Limits())
                    told: list[Any] = []
                    victim.reference.callRemote("it").addErrback(told.append)
                    victim.broker.dataReceived(pack(["answer", victim.broker.currentRequestID, value], True))
                    self.assertEqual(1, len(told))
                    for reason in told:
                        self.assertNotIn("graph", reason.getTraceback())
                        self.assertIsNone(reason.value.__cause__)
                    lose(victim.broker, ConnectionDone)

    def test_while_callbacks_run(self) -> None:
        """A call that is answered by a Deferred of which the callbacks are just running has what these come to."""
        call = pack(["message", 1, "root", "give", 1, ["tuple"], ["dictionary"]], True)
        for short in (True, False):
            with way(self, short, False):
                victim = Victim(short, False, Limits())
                running: defer.Deferred[Any] = defer.Deferred()
                running.addCallback(lambda result, victim=victim: victim.broker.dataReceived(call))
                running.addCallback(lambda result: "done")
                victim.broker.localObjectForID("root").remote_give = lambda running=running: running
                victim.pipe.out = b""
                running.callback("begun")
                self.assertEqual(pack(["answer", 1, ["unicode", "done"]], True), victim.pipe.out)
                lose(victim.broker, ConnectionDone)

    def test_keywords_of_calls(self) -> None:
        """A call has its keywords, also where it is made in the course of a reading."""
        for keywords in (["dictionary"], ["dictionary", [["unicode", "k"], 1]]):
            for args in ((), (5,), (5, ["unicode", "x"])):
                call = pack(["message", 1, "root", "call", 1, ["tuple", *args], keywords], True)
                self.same(False, Limits(), [call])
                self.same(True, Limits(), [call + call])

    def test_depths_of_what_is_shared(self) -> None:
        """What is referred to twice is deeper by that, and is sent where an expression may be that deep."""
        shared: list[Any] = [[1]]
        chain: list[Any] = [[1]]
        for _ in range(3):
            chain.insert(0, [chain[0]])
        given = pb.Referenceable()
        values: list[Any] = [
            [shared, shared], [[shared], {"k": [shared, [shared[0]]]}], [[[1]]], chain, [[[given]]],
            [given, [shared, shared]],
        ]  # fmt: skip
        call = pack(["message", 1, "root", "one", 1, ["tuple"], ["dictionary"]], True)
        for value in values:
            told = set()
            for depth in range(3, 13):
                said = []
                for short in (True, False):
                    with way(self, short, False), logged():
                        self.patch(failure, "count", 0)
                        victim = Victim(short, False, Limits())
                        victim.broker.useLimits(unhurried(Limits(expression_depth=depth)))
                        victim.broker.localObjectForID("root").remote_one = lambda value=value: value
                        victim.pipe.out = b""
                        victim.broker.dataReceived(call)
                        with warnings.catch_warnings():
                            warnings.simplefilter("ignore")
                            victim.call(value)
                        said.append((re.sub(b"0x[0-9a-f]+", b"0x", victim.pipe.out), victim.outcomes[-1]))
                        lose(victim.broker, ConnectionDone)
                self.assertEqual(said[1], said[0])
                told.add(said[0][1] == "waits")
            self.assertEqual({False, True}, told)
        self.flushLoggedErrors()

    def test_depths(self) -> None:
        """Values may be as deep as limits say, where they are read and written in one go too."""
        value: Any = 5
        messages = []
        for _ in range(20):
            messages.append(pack(["message", 1, "root", "echo", 1, ["tuple", value], ["dictionary"]], True))
            messages.append(pack(["answer", 1, value], True))
            value = ["list", value]
        for limits in (*(Limits(depth=depth) for depth in range(15, 21)), Limits(expression_depth=19)):
            for message in messages[20:]:
                self.same(False, limits, [message])

    def test_order(self) -> None:
        """The peer is told that an argument is not needed any more before it has the answer; and of what is in the result,
        after that."""
        answer, released = (pack(message, True) for message in (["answer", 1, ["None"]], ["decref", 9]))
        given = pack(["answer", 1, ["local", 9]], True)
        for name, order in (("publish", released + answer), ("one", given + released)):
            for short in (True, False):
                with way(self, short, False):
                    victim = Victim(short, False, Limits())
                    victim.pipe.out = b""
                    call = ["message", 1, "root", name, 1, ["tuple", ["remote", 9]], ["dictionary"]]
                    victim.broker.dataReceived(pack(call, True))
                    self.assertEqual(order, victim.pipe.out)
                    # Also where the result has to be asked how it is sent.
                    victim.pipe.out = b""
                    victim.broker.localObjectForID("root").remote_copied = lambda argument: Piece(1)
                    call[3] = "copied"  # by a hook
                    victim.broker.dataReceived(pack(call, True))
                    self.assertEqual(released, victim.pipe.out[: len(released)])
                    self.assertEqual(pack(["answer", 1], True)[1:6], victim.pipe.out[len(released) + 1 :][:5])
                    # And where it comes later, and an avatar gives it.
                    call[2:4] = "avatar", "wait"
                    victim.broker.dataReceived(pack(call, True))
                    victim.pipe.out = b""
                    victim.later.pop().callback(None)
                    self.assertEqual(released + answer, victim.pipe.out)
                    lose(victim.broker, ConnectionDone)

    def test_own_words(self) -> None:
        """A call is made with the words that the connection has by then."""
        for short in (True, False):
            with way(self, short, False):
                victim = Victim(short, False, Limits())
                victim.pipe.out = b""
                victim.call(b"mine")
                victim.broker.outgoingSymbols[b"mine"] = 99
                victim.call(b"mine")
                self.assertEqual((1, 1), (victim.pipe.out.count(b"\x04\x82mine"), victim.pipe.out.count(b"\x63\x87")))
                lose(victim.broker, ConnectionDone)

    def test_watched_ids(self) -> None:
        """A class of brokers may watch how ids are given: it sees the same by either way."""
        seen: list[list[Any]] = [[], []]

        class Watching(pb.Broker):
            watched: Any = None

            @property
            def currentLocalID(self) -> int:  # type: ignore[override]
                """The last that was given."""
                return self.__dict__.get("last", 0)

            @currentLocalID.setter
            def currentLocalID(self, number: int) -> None:
                if self.watched is not None:
                    self.watched.append(number)
                self.__dict__["last"] = number

        self.patch(pb.PBServerFactory, "protocol", Watching)
        for short in (True, False):
            with way(self, short, False):
                victim = Victim(short, False, Limits())
                victim.broker.watched = seen[short]
                victim.call(pb.Referenceable())
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    victim.call([pb.Referenceable(), object()])
                victim.call([pb.Referenceable(), 2**500])
                victim.broker.dataReceived(pack(["message", 1, "root", "objects", 1, ["tuple"], ["dictionary"]], True))
                lose(victim.broker, ConnectionDone)
        self.assertEqual(seen[0], seen[1])
        self.assertTrue(seen[0])

    def test_told_when_whole(self) -> None:
        """An object of ours that the peer gives back is told so, if it has a ``postUnjelly``."""

        class Told(pb.Referenceable):
            times = 0

            def postUnjelly(self) -> None:
                """Count."""
                self.times += 1

        for short in (True, False):
            with way(self, short, False):
                victim, told = Victim(short, False, Limits()), Told()
                luid = victim.broker.registerReference(told)
                call = ["message", 1, "root", "echo", 1, ["tuple", ["local", luid]], ["dictionary"]]
                victim.broker.dataReceived(pack(call, True) + pack(["answer", 1, ["list", ["local", luid]]], True))
                self.assertEqual(2, told.times)
                lose(victim.broker, ConnectionDone)

    def test_sizes_of_names(self) -> None:
        """A name is as long as it says, and what follows it is something else."""
        call = pack(["message", 1, "root", "echo", 1, ["tuple", 5], ["dictionary"]], True)
        for name in (b"root", b"echo"):
            head = bytes((4, 0x82))
            self.assertEqual(1, call.count(head + name))
            for size in (1, 3, 5, 64):
                self.same(False, Limits(), [call.replace(head + name, bytes((size, 0x82)) + name) + call])

    def test_at_the_limit(self) -> None:
        """So many of the peer's calls may wait for their outcome as limits say, and not one more."""
        call = pack(["message", 1, "root", "wait", 1, ["tuple"], ["dictionary"]], True)
        for short in (True, False):
            with way(self, short, False):
                victim = Victim(short, False, Limits(outstanding_calls=3))
                victim.pipe.out = b""
                victim.broker.dataReceived(call * 3)
                self.assertEqual((3, b""), (len(victim.later), victim.pipe.out))
                victim.broker.dataReceived(call)
                self.assertEqual(3, len(victim.later))
                self.assertEqual(bytes((3, 0x80, WORDS[b"error"], 0x87)), victim.pipe.out[:4])
                victim.later[0].callback(1)
                victim.broker.dataReceived(call * 2)
                self.assertEqual(4, len(victim.later))
                lose(victim.broker, ConnectionDone)
        self.flushLoggedErrors()

    def test_names_are_not_kept(self) -> None:
        """However many names a peer calls, and an application, no more than some are kept for the next time, and none
        that is long."""
        victim = Victim(True, False, Limits(log_lines=1))
        for number in range(3000):
            call = ["message", 1, "root", f"none{number}", 0, ["tuple"], ["dictionary"]]
            victim.broker.dataReceived(pack(call, True))
            self.assertIn(b"name", shortcut.CALLEES[number, b"name"])
            self.assertIn(b"%d" % number, shortcut.CALLEES[1, b"name" * 20 + b"%d" % number])
        self.flushLoggedErrors()
        for kept in (shortcut.CALLEES, *shortcut._RECEIVERS.values()):
            self.assertLessEqual(len(kept), 2000)
        self.assertLessEqual(max(len(known) for known in shortcut.CALLEES.values()), 64)
        lose(victim.broker, ConnectionDone)

    def test_first_number(self) -> None:
        """A class of brokers may say from where its calls are numbered."""

        class Counting(pb.Broker):
            currentRequestID = 1000

        broker = Counting()
        broker.makeConnection(TimedPipe(TwistedClock()))
        broker.factory = pb.PBClientFactory()
        broker.dataReceived(pack(["pb", "none"]))
        broker.remoteForName("it").callRemote("one", 1).addErrback(lambda reason: None)
        self.assertEqual([1001], list(broker.waitingForAnswers))
        lose(broker, ConnectionDone)

    def test_attributes_replaced(self) -> None:
        """A method may give the broker other attributes, as a whole: nothing is left behind in them."""
        victim = Victim(True, False, Limits())

        def replace(*args: Any) -> Any:
            victim.broker.__dict__ = dict(victim.broker.__dict__)
            victim.broker._unsent = (1, 2, 3)
            raise Known("replaced")

        victim.broker.localObjectForID("root").remote_replace = replace
        victim.broker.dataReceived(pack(["message", 1, "root", "replace", 0, ["tuple"], ["dictionary"]], True))
        self.assertIsNone(victim.broker._unsent)
        lose(victim.broker, ConnectionDone)

    def test_overridden_meanwhile(self) -> None:
        """What a called method overrides of its broker, or of the broker's class, holds for the next call of the same
        reading."""
        call = pack(["message", 1, "root", "override", 1, ["tuple"], ["dictionary"]], True)
        for cls, kind in ((False, bytes), (True, bytes), (False, bytearray), (True, bytearray)):
            victim = Victim(True, False, Limits())
            root, heard = victim.broker.localObjectForID("root"), []

            def find(luid: Any, root: Any = root, heard: list[Any] = heard) -> Any:
                heard.append(luid)
                return root

            def override(cls: bool = cls, broker: Any = victim.broker) -> None:
                if cls:
                    self.patch(pb.Broker, "localObjectForID", staticmethod(find))
                else:
                    broker.localObjectForID = find

            root.remote_override = override
            victim.broker.dataReceived(kind(call * 6))
            self.assertEqual([b"root"] * 5, heard)
            self.doCleanups()
            lose(victim.broker, ConnectionDone)

    def test_handlers_overridden_meanwhile(self) -> None:
        """So does what it overrides of what is done with messages; and an object that it gives the peer in the place of
        another is the one that is called."""
        override = pack(["message", 1, "root", "override", 0, ["tuple"], ["dictionary"]], True)
        call = pack(["message", 1, "root", "echo", 0, ["tuple", 5], ["dictionary"]], True)
        cache = ["test_shortcut.Seen", 4, ["dictionary"]]
        keep = pack(["message", 1, "root", "keep", 0, ["tuple", cache], ["dictionary"]], True)
        for name, message in (
            ("_recvMessage", call), ("_answered", pack(["answer", 1, 5], True)),
            ("proto_decref", pack(["decref", 1], True)),
            ("localObjectForID", pack(["answer", 1, ["list", ["local", 1]]], True)),
            ("cachedLocallyAs", pack(["cachemessage", 1, 4, "echo", 0, ["tuple", 5], ["dictionary"]], True)),
        ):  # fmt: skip
            for short in (True, False):
                with way(self, short, False):
                    victim = Victim(short, False, Limits())
                    victim.broker.registerReference(pb.Referenceable())
                    root, kept = victim.broker.localObjectForID("root"), []  # type: ignore[var-annotated]
                    root.remote_keep = kept.append
                    victim.broker.dataReceived(keep)
                    self.assertEqual(1, len(kept))
                    heard: list[Any] = []

                    def change(name: str = name, broker: Any = victim.broker, heard: Any = heard) -> None:
                        setattr(broker, name, lambda *args: heard.append(args))

                    root.remote_override = change
                    victim.broker.dataReceived(override + message)
                    self.assertEqual(1, len(heard), (name, short))
                    del victim.broker.__dict__[name]
                    lose(victim.broker, ConnectionDone)
        self.flushLoggedErrors()

    def test_calls_overridden_meanwhile(self) -> None:
        """Who overrides how a broker makes calls, in a called method too, gets the next one that is made."""
        call = pack(["message", 1, "root", "override", 0, ["tuple"], ["dictionary"]], True)
        for cls in (False, True):
            victim = Victim(True, False, Limits())
            asked: list[Any] = []

            def ask(*args: Any, asked: Any = asked) -> Any:
                asked.append(args[-6:])
                return defer.succeed("mine")

            def override(cls: bool = cls, victim: Any = victim, ask: Any = ask) -> None:
                victim.call("before")
                if cls:
                    self.patch(pb.Broker, "_sendMessage", ask)
                else:
                    victim.broker._sendMessage = ask
                victim.call("after")

            victim.broker.localObjectForID("root").remote_override = override
            victim.broker.dataReceived(call)
            self.assertEqual([(b"", None, b"theirs", b"it", ("after",), {})], asked)
            self.assertEqual(["waits"] * 4 + [("waits", "'mine'")], victim.outcomes)
            lose(victim.broker, ConnectionDone)

    def test_short(self) -> None:
        """An ordinary call, its answer and a release need none of the broker's own methods."""
        victim = Victim(True, False, Limits())
        for name in ("_recvMessage", "_answered", "expressionReceived", "_sendAnswer", "_say", "_unpack", "_pack"):
            self.patch(pb.Broker, name, lambda *args: self.fail("not the short way"))
        # These look as if an application had overridden them.
        self.patch(pb, "_STOCK", types.SimpleNamespace(on=lambda broker: True))
        self.patch(shortcut, "_methods", ())
        for name, method in (("receive_message", pb.Broker._recvMessage), ("answered", pb.Broker._answered)):
            self.addCleanup(graph.STOCK.__setitem__, name, graph.STOCK[name])
            graph.STOCK[name] = method
        victim.pipe.out = b""
        call = ["message", 1, "root", "echo", 1, ["tuple", ["unicode", "hello"]], ["dictionary"]]
        victim.broker.dataReceived(pack(call, True) + pack(["answer", 1, 5], True))
        self.assertEqual(pack(["answer", 1, ["unicode", "hello"]], True), victim.pipe.out)
        self.assertEqual(("waits", "5"), victim.outcomes[0])
        # Nor does one that is answered later.
        victim.pipe.out = b""
        victim.broker.dataReceived(pack(["message", 2, "root", "wait", 1, ["tuple"], ["dictionary"]], True))
        victim.later[0].callback("later")
        self.assertEqual(pack(["answer", 2, ["unicode", "later"]], True), victim.pipe.out)

    def test_short_reading(self) -> None:
        """A reading of ordinary calls is done by the codec as a whole; the compiled one sends by the socket itself."""
        read, done = codec.read, []

        def reading(*args: Any) -> bool:
            done.append(read(*args))
            return done[-1]

        self.patch(codec, "read", reading)
        victim = Victim(True, 2**20, Limits())
        answers = victim.pipe.out
        done.clear()
        if codec.implementation == "compiled":
            self.patch(tcp, "untilConcludes", lambda *args: self.fail("not the short way"))
        call = pack(["message", 1, "root", "echo", 1, ["tuple", ["unicode", "hello"]], ["dictionary"]], True)
        victim.broker.dataReceived(call * 3)
        victim.call("x")
        answers, before = victim.pipe.out, answers
        self.assertEqual([True], done)
        asked = pack(["message", 4, "theirs", "it", 1, ["tuple", ["unicode", "x"]], ["dictionary"]], True)
        self.assertEqual(before + pack(["answer", 1, ["unicode", "hello"]], True) * 3 + asked, answers)
        victim.broker.sendCall = lambda *message: None
        victim.broker.dataReceived(call)
        self.assertEqual([True, False], done)
        self.assertEqual(answers, victim.pipe.out)
        lose(victim.broker, ConnectionDone)
        victim.pipe.connectionLost(None)

    def test_where_a_reading_begins(self) -> None:
        """What looks like a call is none in the middle of a message, be it in a list or in a string; before a dialect is
        agreed on; and when the connection is about to end."""
        inner = pack(["message", 2, "root", "echo", 1, ["tuple", 5], ["dictionary"]], True)
        last = pack(["message", 3, "root", "echo", 1, ["tuple", 6], ["dictionary"]], True)
        outer = pack(["message", 1, "root", "echo", 1, ["tuple", b"MARK"], ["dictionary"]], True)
        before, after = outer.split(b"\x04\x82MARK")
        size = bytes((len(inner), 0x82))
        for number, begun in ((1, before), (2, before + size)):
            for cuts in ([], [len(begun)], [len(begun), len(begun) + len(inner)]):
                calls = self.same(False, Limits(), cut(begun + inner + after + last, cuts))[0]
                self.assertEqual((number, ("tuple", "6")), (len(calls), calls[-1][1]))
        for short in (True, False):
            with way(self, short, False):
                victim = Victim(short, False, Limits())
                victim.pipe.out = b""
                victim.broker.currentDialect = None
                victim.broker.dataReceived(inner)
                self.assertEqual(([], b""), (victim.calls, victim.pipe.out))
                victim = Victim(short, False, Limits())
                victim.pipe.out = b""
                victim.broker._part("it was enough")
                victim.broker.dataReceived(inner)
                self.assertEqual(([], b""), (victim.calls, victim.pipe.out))

    def test_other_bytes(self) -> None:
        """A transport may bring bytes in a ``bytearray`` or a ``memoryview``, as it could to twisted.spread, and use it
        for something else after that: also where it brings them while others are being worked on."""
        call = pack(["message", 1, "root", "echo", 1, ["tuple", ["unicode", "hello"]], ["dictionary"]], True)
        answer = pack(["answer", 1, ["unicode", "hello"]], True)
        within = pack(["message", 2, "root", "bring", 0, ["tuple"], ["dictionary"]], True)
        for kind in (bytes, bytearray, lambda data: memoryview(bytearray(data))):
            for cuts in (len(call), 5, 30):
                victim = Victim(True, False, Limits())
                victim.pipe.out = b""
                root = victim.broker.localObjectForID("root")

                def bring(data: bytes, victim: Any = victim, kind: Any = kind) -> None:
                    brought = kind(data)
                    victim.broker.dataReceived(brought)
                    if kind is not bytes:
                        brought[:] = bytes(len(data))

                root.remote_bring = lambda bring=bring: bring(call)
                for piece in (call[:cuts], call[cuts:], within):
                    bring(piece)
                self.assertEqual(answer * 2, victim.pipe.out)
                lose(victim.broker, ConnectionDone)

    def test_own_sending(self) -> None:
        """A transport that was given another way to send, another socket, or a queue, sends by that, from then on."""
        call = pack(["message", 1, "root", "echo", 1, ["tuple", 5], ["dictionary"]], True)
        answer = pack(["answer", 1, 5], True)

        class Socket:
            """Another socket."""

            def __init__(self, inner: Any) -> None:
                self.inner = inner
                self.sent: list[bytes] = []

            def send(self, data: Any) -> int:
                """Send all but the last byte, if there are more."""
                self.sent.append(bytes(data))
                return self.inner.send(data[:-1] or data)  # type: ignore[no-any-return]

            def close(self) -> None:
                """Close."""
                self.inner.close()

        for short in (True, False):
            with way(self, short, 2**20):
                victim = Victim(short, 2**20, Limits())
                pipe, sent = victim.pipe, []
                victim.broker.dataReceived(call)
                pipe.out = b""
                pipe.writeSomeData = lambda data: sent.append(bytes(data)) or len(data)  # noqa: B023
                victim.broker.dataReceived(call)
                self.assertEqual([answer], sent)
                del pipe.writeSomeData
                pipe.socket = other = Socket(pipe.socket)
                victim.broker.dataReceived(call)
                self.assertEqual([answer, answer[-1:]], other.sent)
                pipe.socket = other.inner
                pipe.write(b"before")
                victim.broker.dataReceived(call)
                self.assertEqual(answer + b"before" + answer, pipe.out)
                pipe.write = sent.append
                victim.broker.dataReceived(call)
                self.assertEqual([answer, answer], sent)
                del pipe.write
                pipe.out = b""
                pipe.connected = False
                victim.broker.dataReceived(call)
                self.assertEqual(b"", pipe.out)
                self.assertEqual(b"", pipe.dataBuffer)
                lose(victim.broker, ConnectionDone)
                pipe.connectionLost(None)

    def test_sending_that_a_finalizer_replaces(self) -> None:
        """So does one to which that is given by a finalizer, whenever that runs."""
        answer = pack(["answer", 1, 5], True)

        def spend(pipe: Any, sent: list[bytes], steps: int) -> None:
            class Late:
                def __init__(self) -> None:
                    self.itself = self

                def __del__(self) -> None:
                    pipe.write = sent.append

            Late()
            # So that what is made next is none that was there.
            kept.append([[] for _ in range(300)])
            gc.set_threshold(gc.get_count()[0] + steps, 1_000_000, 1_000_000)

        for short in (True, False):
            for steps in range(-3, 12):
                with way(self, short, 2**20):
                    victim = Victim(short, 2**20, Limits())
                    pipe, sent, kept = victim.pipe, [], []  # type: ignore[var-annotated]
                    root = victim.broker.localObjectForID("root")
                    root.remote_spend = lambda: spend(pipe, sent, steps) or 5  # noqa: B023
                    gc.collect()
                    gc.freeze()
                    thresholds = gc.get_threshold()
                    pipe.out = b""
                    try:
                        victim.broker.dataReceived(
                            pack(["message", 1, "root", "spend", 1, ["tuple"], ["dictionary"]], True)
                        )
                    finally:
                        gc.set_threshold(*thresholds)
                        gc.unfreeze()
                    gc.collect()
                    pipe.end.setblocking(False)
                    with contextlib.suppress(BlockingIOError):
                        sent.insert(0, pipe.end.recv(1000))
                    victim.broker.dataReceived(pack(["message", 1, "root", "echo", 1, ["tuple", 5], ["dictionary"]], True))
                    self.assertEqual([answer, answer], sent)
                    with self.assertRaises(BlockingIOError):
                        pipe.end.recv(1000)
                    lose(victim.broker, ConnectionDone)
                    pipe.connectionLost(None)

    def test_transport_without_a_dictionary(self) -> None:
        """A transport may be of a class that has slots only, and that is changed in a call."""

        class Narrow:
            """Such a transport."""

            __slots__ = ("written",)

            def __init__(self) -> None:
                self.written = b""

            def write(self, data: bytes) -> None:
                """Keep it."""
                self.written += data

        call = pack(["message", 1, "root", "change", 0, ["tuple"], ["dictionary"]], True)
        echo = pack(["message", 1, "root", "echo", 1, ["tuple", 5], ["dictionary"]], True)
        for short in (True, False):
            with way(self, short, 2**20):
                victim = Victim(short, 2**20, Limits())
                victim.broker.localObjectForID("root").remote_change = lambda: setattr(Narrow, "changed", True)
                victim.pipe.connectionLost(None)
                victim.broker.transport = narrow = Narrow()
                for _ in range(3):
                    victim.broker.dataReceived(call)
                    victim.broker.dataReceived(echo)
                self.assertEqual(pack(["answer", 1, 5], True) * 3, narrow.written)

    def test_tls_meanwhile(self) -> None:
        """What was said before a called method began TLS goes by the transport's ``write``, as what is said after it."""
        call = pack(["message", 1, "root", "echo", 1, ["tuple", 5], ["dictionary"]], True)
        begin = pack(["message", 2, "root", "begin", 0, ["tuple"], ["dictionary"]], True)
        for short in (True, False):
            with way(self, short, 2**20):
                victim = Victim(short, 2**20, Limits())
                pipe, written = victim.pipe, []  # type: ignore[var-annotated]

                def start(pipe: Any = pipe, written: Any = written) -> None:
                    pipe.TLS = True
                    pipe.write = written.append
                    pipe.writeSequence = written.extend

                victim.broker.localObjectForID("root").remote_begin = start
                pipe.out = b""
                victim.broker.dataReceived(call + begin + call)
                self.assertEqual(b"", pipe.out)
                self.assertEqual(pack(["answer", 1, 5], True) * 2, b"".join(written))
                lose(victim.broker, ConnectionDone)
                pipe.connectionLost(None)

    def test_gone_while_sending(self) -> None:
        """A connection that is found to be broken as answers are sent is the reactor's to end; nothing is raised."""
        call = pack(["message", 1, "root", "echo", 1, ["tuple", 5], ["dictionary"]], True)
        for short in (True, False):
            with way(self, short, 2**20):
                victim = Victim(short, 2**20, Limits())
                self.assertTrue(victim.pipe.out)
                victim.pipe.end.close()
                victim.broker.dataReceived(call)
                self.assertFalse(victim.broker._deaf)
                self.assertEqual([pack(["answer", 1, 5], True)], victim.pipe._tempDataBuffer)
                lose(victim.broker, ConnectionDone)
                victim.pipe.connectionLost(None)

    def test_patched(self) -> None:
        """A method that is put in another's place while the program runs is called from the next reading on."""
        heard = []
        victim = Victim(True, False, Limits())
        call = pack(["message", 1, "root", "echo", 1, ["tuple", 5], ["dictionary"]], True)
        victim.broker.dataReceived(call)
        find = victim.broker.localObjectForID
        victim.broker.localObjectForID = lambda luid: heard.append(luid) or find(luid)  # type: ignore[func-returns-value]
        victim.broker.dataReceived(call)
        self.assertEqual([b"root"], heard)
        del victim.broker.localObjectForID
        victim.broker.dataReceived(call * 2)
        patched = self.patch(pb.Broker, "localObjectForID", lambda broker, luid: heard.append(b"class") or find(luid))
        victim.broker.dataReceived(call)
        patched.restore()
        victim.broker.dataReceived(call * 2)
        self.assertEqual([b"root", b"class"], heard)
        receive = flavors.Referenceable.remoteMessageReceived

        def received(self: Any, broker: Any, message: Any, args: Any, kw: Any) -> Any:
            heard.append(args)
            return receive(self, broker, message, args, kw)

        self.patch(flavors.Referenceable, "remoteMessageReceived", received)
        victim.broker.dataReceived(call)
        self.assertEqual([b"root", b"class", [b"tuple", 5]], heard)

    def test_own_and_taken_away(self) -> None:
        """A method of one broker's own is called, also where another attribute of it is taken away for it."""
        said: list[Any] = []
        victim = Victim(True, False, Limits())
        victim.broker.other = 1
        call = pack(["message", 1, "root", "echo", 1, ["tuple", 5], ["dictionary"]], True)
        victim.broker.dataReceived(call)
        victim.broker.dataReceived(call)
        del victim.broker.other
        victim.broker.sendCall = lambda *message: said.append(message)
        victim.broker.dataReceived(call)
        victim.call("x")
        victim.broker.dataReceived(call)
        self.assertEqual(3, len(said))
        lose(victim.broker, ConnectionDone)

    def test_names_of_other_kinds_of_calls(self) -> None:
        """A peer calls methods by names that begin with ``remote_``, on an object that is no avatar, whatever it called of
        others before: never one that is for avatars, or for caches, alone."""
        asked: list[str] = []

        class Anything(pb.Referenceable):
            def __getattr__(self, name: str) -> Any:
                if not name.startswith(("remote_", "observe_", "perspective_")):
                    raise AttributeError(name)
                asked.append(name)
                return lambda: None

        victim = Victim(True, False, Limits())
        victim.broker.setNameForLocal("anything", Anything())
        cache = ["test_shortcut.Seen", 4, ["dictionary"]]
        seen = pack(["message", 1, "root", "keep", 0, ["tuple", cache], ["dictionary"]], True)
        kept: list[Any] = []
        victim.broker.localObjectForID("root").remote_keep = kept.append
        victim.broker.dataReceived(seen)
        self.assertEqual(1, len(kept))
        expected = []
        for number in range(400):
            calls = []
            for kind, of, before, name in (
                ("message", "avatar", "tive_", f"e{number}"), ("cachemessage", 4, "_", f"e{number}"),
            ):  # fmt: skip
                calls.append(pack([kind, 1, of, name, 0, ["tuple"], ["dictionary"]], True))
                calls.append(pack(["message", 1, "anything", before + name, 0, ["tuple"], ["dictionary"]], True))
                expected.append("remote_" + before + name)
            victim.broker.dataReceived(b"".join(calls))
        self.assertEqual(expected, asked)
        lose(victim.broker, ConnectionDone)
        self.flushLoggedErrors()

    def test_long_names_are_not_kept(self) -> None:
        """Of methods with long names, which there are none of, nothing is kept for the next time."""
        victim = Victim(True, False, Limits(log_lines=1))

        def call(number: int) -> None:
            name = f"none{number}" + "x" * 50_000
            victim.broker.dataReceived(pack(["message", 1, "root", name, 0, ["tuple"], ["dictionary"]], True))

        call(0)
        self.flushLoggedErrors()
        tracemalloc.start()
        try:
            for number in range(1, 100):
                call(number)
            self.flushLoggedErrors()
            gc.collect()
            self.assertLess(tracemalloc.get_traced_memory()[0], 1_000_000)
        finally:
            tracemalloc.stop()
        lose(victim.broker, ConnectionDone)

    def test_where_a_method_refused(self) -> None:
        """A method that raises InsecureJelly of its own is logged with the place where it did that, as with any error."""

        def check(value: Any) -> None:
            raise jelly.InsecureJelly("not that")

        for short in (True, False):
            with way(self, short, False):
                victim = Victim(short, False, Limits())
                victim.broker.localObjectForID("root").remote_check = check
                victim.broker.dataReceived(pack(["message", 1, "root", "check", 1, ["tuple", 5], ["dictionary"]], True))
                [reason] = self.flushLoggedErrors(jelly.InsecureJelly)
                self.assertIn("in check", reason.getTraceback())
                lose(victim.broker, ConnectionDone)

    def test_answered_already(self) -> None:
        """Where an application has fired a call's Deferred itself, its answer raises AlreadyCalledError, which ends the
        connection; what the peer has let go of is gone by then all the same, and what a hook said as the answer was read
        is said for us."""

        class Calling(pb.RemoteCopy):
            def setCopyableState(self, state: Any) -> None:
                victims[-1].call(b"x" * 300)

        understood(self, "test_shortcut.Calling", Calling)
        victims: list[Any] = []
        for short in (True, False):
            for value in (5, ["test_shortcut.Calling", ["dictionary"]]):
                with way(self, short, False):
                    victims.append(victim := Victim(short, False, Limits()))
                    given = pb.Referenceable()
                    victim.broker.registerReference(given)
                    gone = weakref.ref(given)
                    del given
                    question = victim.reference.callRemote("it")
                    question.callback("mine")
                    messages = (["decref", 1], ["answer", victim.broker.currentRequestID, value])
                    with self.assertRaises(defer.AlreadyCalledError):
                        victim.broker.dataReceived(b"".join(pack(message, True) for message in messages))
                    self.assertIsNone(gone())
                    self.assertEqual(value != 5, victim.broker._output.spared > 300)
                    lose(victim.broker, ConnectionDone)

    def test_words_changed_in_place(self) -> None:
        """A word that is another for all brokers holds for those that were made before, too."""
        call = pack(["message", 1, "root", "one", 1, ["tuple", ["list", 5]], ["dictionary"]], True)
        for short in (True, False):
            with way(self, short, False):
                victim = Victim(short, False, Limits())
                words = dict(pb.Broker.incomingVocabulary)
                victim.pipe.out = b""
                victim.broker.dataReceived(call)
                pb.Broker.incomingVocabulary[WORDS[b"list"]] = b"tuple"
                try:
                    victim.broker.dataReceived(call)
                finally:
                    pb.Broker.incomingVocabulary.update(words)
                victim.broker.dataReceived(call)
                said = [pack(["answer", 1, [kind, 5]], True) for kind in ("list", "tuple", "list")]
                self.assertEqual(b"".join(said), victim.pipe.out)
                lose(victim.broker, ConnectionDone)

    def test_own_ids_of_objects(self) -> None:
        """Objects that were given a ``processUniqueID`` of their own by which they are the same are given by one id, in a
        call and in an answer."""
        call = pack(["message", 1, "root", "give", 1, ["tuple"], ["dictionary"]], True)
        for short in (True, False):
            with way(self, short, False):
                victim = Victim(short, False, Limits())
                given: Any = [pb.Referenceable() for _ in range(3)]
                for each in given[:2]:
                    each.processUniqueID = lambda: "the same"
                victim.broker.localObjectForID("root").remote_give = lambda given=given: given
                victim.pipe.out = b""
                victim.call(*given)
                victim.broker.dataReceived(call)
                message, answer = unpack_all(victim.pipe.out)
                references = [[b"remote", 1], [b"remote", 1], [b"remote", 2]]
                self.assertEqual((references, references), (message[5][1:], answer[2][1:]))
                lose(victim.broker, ConnectionDone)

    def test_grown_as_it_is_sent(self) -> None:
        """A list to which something is added as an object in it is looked at is sent with that; a dictionary to which that
        happens whenever it is gone through is not sent at all, for it has to stay as it is meanwhile."""

        class Lazy(types.ModuleType):
            @property
            def __name__(self) -> str:  # type: ignore[override]
                todo[-1]()
                return "lazy"

        todo: list[Any] = []
        call = pack(["message", 1, "root", "give", 1, ["tuple"], ["dictionary"]], True)
        held: list[Any] = []
        for kind, holds in ((list, False), (list, True), (dict, False), (dict, True)):
            for size in (1, 126, 127, 300):
                came: list[Any] = []
                for short in (True, False):
                    with way(self, short, False), logged(), warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        self.patch(failure, "count", 0)
                        victim = Victim(short, False, Limits())
                        victim.broker.security = jelly.DummySecurityOptions()

                        def made(kind: Any = kind, size: int = size, holds: bool = holds) -> Any:
                            items = [Lazy("lazy"), *range(size - 1)]
                            outer: list[Any] = [items if kind is list else dict(enumerate(items)), 5]
                            if holds:
                                held.append(outer[0])

                            def more() -> None:
                                if kind is dict:
                                    outer[0][len(outer[0])] = b"more"
                                elif b"more" not in outer[0]:
                                    outer[0].append(b"more")

                            todo.append(more)
                            return outer

                        victim.broker.localObjectForID("root").remote_give = made
                        victim.pipe.out = b""
                        victim.call(made())
                        victim.broker.dataReceived(call)
                        came.append((victim.outcomes[3:], re.sub(b"0x[0-9a-f]+", b"0x", victim.pipe.out)))
                        if kind is list:
                            message, answer = unpack_all(victim.pipe.out)
                            for sent in (message[5][1], answer[2]):
                                self.assertEqual(([*range(size - 1), b"more"], 5), (sent[1][2:], sent[2]))
                        lose(victim.broker, ConnectionDone)
                self.assertEqual(came[1], came[0])
                self.assertEqual(kind is list, came[0][0] == ["waits"])
        self.flushLoggedErrors()

    def test_states_of_a_transport(self) -> None:
        """What is answered while the transport has a producer of the application's, or has been told to end, goes by the
        transport's own ``writeSequence``: behind what it has to send, or nowhere."""
        call = pack(["message", 1, "root", "echo", 1, ["tuple", 5], ["dictionary"]], True)
        answer = pack(["answer", 1, 5], True)
        states: Any = {"producer": (None, object())}
        states.update(dict.fromkeys(("disconnecting", "_writeDisconnected", "_aborting"), (False, True)))
        for name, (before, value) in states.items():
            for short, earlier in ((True, 0), (True, 3), (False, 0)):
                with way(self, short, 2**20):
                    victim = Victim(short, 2**20, Limits())
                    pipe = victim.pipe
                    self.assertTrue(pipe.out)
                    for _ in range(earlier):
                        victim.broker.dataReceived(call)
                        self.assertEqual(answer, pipe.end.recv(2**16))
                    setattr(pipe, name, value)
                    victim.broker.dataReceived(call)
                    with self.assertRaises(BlockingIOError):
                        pipe.end.recv(2**16)
                    self.assertEqual([] if name == "_writeDisconnected" else [answer], pipe._tempDataBuffer, name)
                    setattr(pipe, name, before)
                    lose(victim.broker, ConnectionDone)
                    pipe.connectionLost(None)

    def test_transports_that_change(self) -> None:
        """Answers that went straight to the socket go by whatever the transport has from then on: its queue, if something
        waits in it, its own methods, and another socket; and by the queue where it is not to be taken for one of Twisted's
        own."""
        call = pack(["message", 1, "root", "echo", 1, ["tuple", 5], ["dictionary"]], True)
        answer = pack(["answer", 1, 5], True)
        for change in ("waits", "write", "writeSomeData", "socket", "class", "plain"):
            for short in (True, False):
                with way(self, short, 2**20):
                    victim = Victim(short, 2**20, Limits())
                    pipe, own, others = victim.pipe, Wired(2**16), []  # type: ignore[var-annotated]

                    def take(*given: Any, others: Any = others) -> int:
                        others.append(bytes(given[-1]))
                        return len(given[-1])

                    self.assertTrue(pipe.out)
                    for _ in range(3):
                        victim.broker.dataReceived(call)
                    self.assertEqual(answer * 3, pipe.end.recv(2**16))
                    if change == "waits":
                        pipe._tempDataBuffer.append(b"before")
                    elif change == "socket":
                        pipe.socket, own.socket = own.socket, pipe.socket
                    elif change == "class":
                        self.patch(Wired, "writeSomeData", take)
                    elif change == "plain":
                        self.patch(_flow, "is_plain", lambda transport: False)
                    else:
                        setattr(pipe, change, take)
                    victim.broker.dataReceived(call)
                    if change in ("waits", "plain"):
                        self.assertEqual([b"before"] * (change == "waits") + [answer], pipe._tempDataBuffer)
                    elif change == "socket":
                        self.assertEqual(answer, own.out)
                    else:
                        self.assertEqual([answer], others, (change, short))
                    pipe._tempDataBuffer.clear()
                    lose(victim.broker, ConnectionDone)
                    self.doCleanups()
                    for each in (pipe, own):
                        each.connectionLost(None)

    def test_one_by_one_by_tls(self) -> None:
        """By TLS each answer is written at once: what is answered before a method ends the connection arrives."""
        echo, drop = (
            pack(["message", number, "root", name, 1, ["tuple"], ["dictionary"]], True)
            for number, name in ((1, "echo"), (2, "drop"))
        )
        for short in (True, False):
            with way(self, short, 2**20):
                victim = Victim(short, 2**20, Limits())
                pipe, sent, ended = victim.pipe, [], []  # type: ignore[var-annotated]
                self.assertTrue(pipe.out)

                def write(data: bytes, sent: Any = sent, ended: Any = ended) -> None:
                    if not ended:
                        sent.append(data)

                pipe.protocol = types.SimpleNamespace(
                    write=write, writeSequence=lambda parts, write=write: write(b"".join(parts))
                )
                pipe.loseConnection = lambda ended=ended: ended.append(True)
                pipe.TLS = True
                victim.broker.dataReceived(echo + drop)
                self.assertEqual([True], ended)
                self.assertEqual([pack(["answer", 1, ["list"]], True)], sent)
                lose(victim.broker, ConnectionDone)
                pipe.connectionLost(None)

    def test_brought_within_a_call(self) -> None:
        """What a transport brings while a call is worked on is worked on after that."""
        call = pack(["message", 1, "root", "echo", 1, ["tuple", 5], ["dictionary"]], True)
        within = pack(["message", 2, "root", "bring", 1, ["tuple"], ["dictionary"]], True)
        for short in (True, False):
            for plain in (True, False):
                with way(self, short, plain):
                    victim = Victim(short, plain, Limits())

                    def bring(victim: Any = victim) -> str:
                        victim.broker.dataReceived(call)
                        return f"{len(victim.calls)} calls"

                    victim.broker.localObjectForID("root").remote_bring = bring
                    victim.pipe.out = b""
                    victim.broker.dataReceived(within)
                    self.assertEqual(
                        pack(["answer", 2, ["unicode", "0 calls"]], True) + pack(["answer", 1, 5], True), victim.pipe.out
                    )
                    lose(victim.broker, ConnectionDone)

    def test_one_in_a_turn(self) -> None:
        """Of a peer whose turn is over after its first call, or that has more to read then than limits say, no other call
        of the same reading, or of the next, is worked on before the reactor had its turn."""
        calls = [
            pack(["message", 1, "root", "echo", 1, ["tuple", b"x" * size], ["dictionary"]], True) for size in (500, 5000)
        ]
        slices, unread = Limits(slice_seconds=1e-9), Limits(unread_output=400)
        for call, limits, plain in (
            (calls[0], slices, True), (calls[0], slices, False), (calls[0], unread, True), (calls[1], unread, True),
        ):  # fmt: skip
            for short in (True, False):
                with way(self, short, plain):
                    victim = Victim(short, plain, limits)
                    for _ in range(10):
                        victim.pipe.reactor.advance(0.001)
                    for _ in range(3):
                        victim.broker.dataReceived(call * 2)
                        self.assertEqual(1, len(victim.calls))
                    for _ in range(10):
                        victim.pipe.reactor.advance(0.001)
                    self.assertEqual(6, len(victim.calls))
                    lose(victim.broker)

    def test_nothing_of_a_reading_is_kept(self) -> None:
        """The bytes that a transport brought are not kept once all of them were worked on."""
        for name in ("echo", "nonesuch"):
            chunk = pack(["message", 1, "root", name, 0, ["tuple", 5], ["dictionary"]], True) * 2
            victim = Victim(True, False, Limits())
            before = sys.getrefcount(chunk)
            victim.broker.dataReceived(chunk)
            self.flushLoggedErrors()
            self.assertEqual(before, sys.getrefcount(chunk))
            lose(victim.broker, ConnectionDone)

    def test_string_that_is_no_message(self) -> None:
        """A long string that is no part of a message ends the connection as soon as its last byte is there."""
        data = pack(b"x" * 20_000, True)
        for short in (True, False):
            with way(self, short, False):
                victim = Victim(short, False, Limits())
                with logged():
                    for piece in (data[:10_000], data[10_000:-1]):
                        victim.broker.dataReceived(piece)
                        self.assertFalse(victim.broker._deaf)
                    victim.broker.dataReceived(data[-1:])
                self.assertTrue(victim.broker._deaf)
                lose(victim.broker)

    def test_own_registering(self) -> None:
        """A broker that was given a ``registerReference`` or a ``newLocalID`` of its own gives objects by that, in a call
        and in an answer."""
        call = pack(["message", 1, "root", "objects", 1, ["tuple"], ["dictionary"]], True)
        for name in ("registerReference", "newLocalID"):
            came = []
            for short in (True, False):
                with way(self, short, False):
                    victim, seen = Victim(short, False, Limits()), []  # type: ignore[var-annotated]
                    stock = getattr(victim.broker, name)
                    given = [pb.Referenceable() for _ in range(2)]

                    def own(*args: Any, stock: Any = stock, seen: Any = seen) -> Any:
                        seen.append(stock(*args))
                        return seen[-1]

                    setattr(victim.broker, name, own)
                    victim.pipe.out = b""
                    victim.call(*given, given[0])
                    victim.broker.dataReceived(call)
                    came.append((seen, victim.pipe.out))
                    del victim.broker.__dict__[name]
                    lose(victim.broker, ConnectionDone)
            self.assertEqual(came[1], came[0])
            self.assertGreaterEqual(len(came[0][0]), 4 if name == "registerReference" else 3)

    def test_met_in_a_hook(self) -> None:
        """What a hook gives that was written before, in whatever alone refers to it, is the same list over there."""

        class Pointing(pb.Copyable):
            def getStateToCopy(self) -> Any:
                return {"again": values[-1][0]}

        values: list[Any] = []

        def made() -> Any:
            values.append([[1, 2], Pointing()])
            return values[-1]

        call = pack(["message", 1, "root", "give", 1, ["tuple"], ["dictionary"]], True)
        for short in (True, False):
            with way(self, short, False):
                victim = Victim(short, False, Limits())
                victim.broker.localObjectForID("root").remote_give = made
                victim.pipe.out = b""
                victim.call(made())
                victim.broker.dataReceived(call)
                self.assertEqual(2, victim.pipe.out.count(bytes((WORDS[b"dereference"], 0x87))))
                lose(victim.broker, ConnectionDone)

    def test_said_as_it_is_sent(self) -> None:
        """What is said while a transport is given what it could not send at once is sent after that, with nothing else to
        cause it."""
        call = pack(["message", 1, "root", "large", 1, ["tuple"], ["dictionary"]], True)
        for short in (True, False):
            with way(self, short, 4096):
                victim = Victim(short, 4096, Limits())
                victim.broker.localObjectForID("root").remote_large = lambda: ["w" * 15_000, "x" * 15_000, "y" * 15_000]
                todo = [lambda victim=victim: victim.call("late")]
                victim.pipe.out = b""
                victim.pipe.reactor.addWriter = lambda transport, todo=todo: todo and todo.pop()()
                victim.broker.dataReceived(call)
                self.assertEqual([], todo)
                asked = pack(["message", 4, "theirs", "it", 1, ["tuple", ["unicode", "late"]], ["dictionary"]], True)
                texts = (["unicode", letter * 15_000] for letter in "wxy")
                self.assertTrue(victim.pipe.out == pack(["answer", 1, ["list", *texts]], True) + asked, "other bytes")
                lose(victim.broker, ConnectionDone)
                victim.pipe.connectionLost(None)

    def test_no_more_is_gathered(self) -> None:
        """Of what one reading causes, no more than 64 kB is kept until the end of that; the rest is sent before."""
        call = pack(["message", 1, "root", "echo", 1, ["tuple", b"x" * 5000], ["dictionary"]], True)
        look = pack(["message", 2, "root", "look", 0, ["tuple"], ["dictionary"]], True)
        for short in (True, False):
            with way(self, short, True):
                victim, sizes = Victim(short, True, Limits()), []  # type: ignore[var-annotated]
                victim.pipe.out = b""

                def look_at(victim: Any = victim, sizes: Any = sizes) -> None:
                    sizes.append((victim.broker._output._size, len(victim.pipe.out)))

                victim.broker.localObjectForID("root").remote_look = look_at
                victim.broker.dataReceived((call + look) * 40)
                size = len(pack(["answer", 1, b"x" * 5000], True))
                self.assertEqual([(number + 1) * size for number in range(40)], [sum(each) for each in sizes])
                self.assertLessEqual(max(kept for kept, _ in sizes), 2**16)
                self.assertEqual(40 * size, len(victim.pipe.out))
                lose(victim.broker, ConnectionDone)

    def test_limits_of_another_kind(self) -> None:
        """Limits of an application's own making may change, and hold as they are when a call is made."""
        for short in (True, False):
            with way(self, short, False):
                victim = Victim(short, False, Limits())
                names = [name for name in dir(Limits()) if not name.startswith("_")]
                limits = types.SimpleNamespace(**{name: getattr(Limits(), name) for name in names})
                victim.broker.limits = limits
                victim.call("one")
                limits.outstanding_calls = 4
                victim.call("two")
                limits.outstanding_calls = 6
                victim.call("three")
                self.assertEqual(["waits", "Failure", "waits"], [
                    outcome if type(outcome) is str else outcome[1][0] for outcome in victim.outcomes[3:]
                ])  # fmt: skip
                lose(victim.broker, ConnectionDone)

    def test_for_whom_a_result_is(self) -> None:
        """A copy in the result of an avatar's method is asked for its state for that avatar, and in another's for nobody;
        be the result there at once, in a Deferred that has fired, or later."""

        class For(pb.Copyable):
            def getStateToCopyFor(self, perspective: Any) -> Any:
                asked.append(perspective)
                return {}

        asked: list[Any] = []
        for who in ("avatar", "root"):
            call = pack(["message", 1, who, "tell", 1, ["tuple"], ["dictionary"]], True)
            for short in (True, False):
                with way(self, short, False):
                    victim = Victim(short, False, Limits())
                    root = victim.broker.localObjectForID("root")
                    avatar = victim.broker.localObjectForID("avatar").remoteMessageReceived.__self__
                    later: defer.Deferred[Any] = defer.Deferred()
                    for result in (For(), defer.succeed(For()), later):
                        avatar.perspective_tell = root.remote_tell = lambda result=result: result
                        victim.broker.dataReceived(call)
                    later.callback([For()])
                    self.assertEqual([avatar if who == "avatar" else None] * 3, asked)
                    asked.clear()
                    lose(victim.broker, ConnectionDone)

    def test_deferreds_of_another_class(self) -> None:
        """A Deferred of a class of an application's own has its callbacks added, also where it has fired."""

        class Own(defer.Deferred):  # type: ignore[type-arg]
            def addCallbacks(self, *args: Any, **kw: Any) -> Any:
                added.append(self)
                return super().addCallbacks(*args, **kw)

        added: list[Any] = []
        call = pack(["message", 1, "root", "give", 1, ["tuple"], ["dictionary"]], True)
        for short in (True, False):
            with way(self, short, False):
                victim = Victim(short, False, Limits())
                given = Own()
                given.callback("given")
                victim.broker.localObjectForID("root").remote_give = lambda given=given: given
                victim.pipe.out = b""
                victim.broker.dataReceived(call)
                self.assertEqual({given}, set(added))
                self.assertEqual(pack(["answer", 1, ["unicode", "given"]], True), victim.pipe.out)
                added.clear()
                lose(victim.broker, ConnectionDone)

    def test_own_prefix_limit_of_none(self) -> None:
        """A broker whose ``prefixLimit`` is None again has the module's: a longer prefix ends the connection."""
        call = pack(["message", 1, "root", "echo", 1, ["tuple", 5], ["dictionary"]], True)
        long = pack(["message", 1, "root", "echo", 1, ["tuple", 2**600], ["dictionary"]], True)
        for kind in (bytes, bytearray):
            for short in (True, False):
                with way(self, short, False), logged():
                    victim = Victim(short, False, Limits())
                    victim.broker.prefixLimit = None
                    victim.broker.dataReceived(kind(call))
                    self.assertEqual((1, False), (len(victim.calls), victim.broker._deaf))
                    victim.broker.dataReceived(kind(long))
                    self.assertEqual((1, True), (len(victim.calls), victim.broker._deaf))
                    lose(victim.broker)

    def test_sent_together(self) -> None:
        """What one reading causes, short and less short, is sent in its order; and what the system has taken is no reason
        to have the peer wait."""
        for sizes in ((5, 2000, 6, 3000, 7), (500, 600)):
            values = [b"x" * size for size in sizes]
            calls = b"".join(
                pack(["message", 1, "root", "echo", 1, ["tuple", value], ["dictionary"]], True) for value in values
            )
            answers = b"".join(pack(["answer", 1, value], True) for value in values)
            for short in (True, False):
                with way(self, short, 2**20):
                    victim = Victim(short, 2**20, Limits(unread_output=10_000))
                    victim.pipe.out = b""
                    for number in range(1, 60):
                        victim.broker.dataReceived(calls)
                        self.assertEqual(len(sizes) * number, len(victim.calls))
                        self.assertTrue(victim.pipe.out == answers * number, "other bytes")
                    self.assertEqual(0, victim.broker._output._size)
                    lose(victim.broker, ConnectionDone)
                    victim.pipe.connectionLost(None)

    def test_methods_that_are_none(self) -> None:
        """A method for which an object has None is one that it has not, and the peer is told so."""
        call = pack(["message", 1, "root", "gone", 1, ["tuple"], ["dictionary"]], True)
        for short in (True, False):
            with way(self, short, False):
                victim = Victim(short, False, Limits())
                victim.pipe.out = b""
                victim.broker.dataReceived(call)
                self.assertIn(b"No such method: remote_gone", victim.pipe.out)
                [reason] = self.flushLoggedErrors()
                self.assertEqual("NoSuchMethod", reason.type.__name__)
                lose(victim.broker, ConnectionDone)

    def test_refused_by_a_hook(self) -> None:
        """A hook that refuses the state of an argument by InsecureJelly fails that call; the log does not say how it was
        read, of which the peer chooses how much that is."""

        class Refusing(pb.RemoteCopy):
            def setCopyableState(self, state: Any) -> None:
                raise jelly.InsecureJelly("not that state")

        understood(self, "test_shortcut.Refusing", Refusing)
        refusing = ["test_shortcut.Refusing", ["dictionary"]]
        call = pack(["message", 1, "root", "echo", 1, ["tuple", refusing], ["dictionary"]], True)
        for short in (True, False):
            with way(self, short, False):
                victim = Victim(short, False, Limits())
                victim.broker.dataReceived(call)
                [reason] = self.flushLoggedErrors(jelly.InsecureJelly)
                self.assertIn("not that state", reason.getErrorMessage())
                self.assertNotIn("setCopyableState", reason.getTraceback())
                self.assertEqual([], victim.calls)
                lose(victim.broker, ConnectionDone)

    def test_turns_are_shared(self) -> None:
        """Where another connection has more to do than its turn allowed, this one's turns are shorter."""
        now = [0.0]
        call = pack(["message", 1, "root", "tick", 0, ["tuple"], ["dictionary"]], True)
        self.patch(time, "monotonic", lambda: now[0])

        def tick() -> None:
            now[0] += 0.4

        for short in (True, False):
            took = []
            for others in (0, 1):
                with way(self, short, False):
                    victim, other = (Victim(short, False, Limits(slice_seconds=1.0)) for _ in range(2))
                    victim.broker.localObjectForID("root").remote_tick = tick
                    self.assertEqual(set(), _flow._busy)
                    if others:
                        _flow._busy.add(other.broker._inflow)
                    begun = now[0]
                    victim.broker.dataReceived(call * 9)
                    took.append(now[0] - begun)
                    _flow._busy.discard(other.broker._inflow)
                    for _ in range(9):
                        victim.pipe.reactor.advance(0.001)
                    self.assertAlmostEqual(9 * 0.4, now[0] - begun)
                    for each in (victim, other):
                        lose(each.broker)
            self.assertLess(took[1], took[0])
