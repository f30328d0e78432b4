"""What ours does better, each with what twisted.spread does instead; limits, pages and logins have more."""

from __future__ import annotations

import asyncio
import dataclasses
import decimal
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from tests.compat.scenario import repaired, scenario


def workshop(side: Any) -> Any:
    """A root that answers with what makes trouble."""

    def tagged(tag: str, **members: Any) -> Any:
        return side.subclass(side.pb.Copyable, "Sent", getTypeToCopy=lambda self: tag.encode(), **members)

    @dataclasses.dataclass
    class Frozen(side.pb.Copyable):  # type: ignore[misc]
        """A copy."""

        a: int

        def getTypeToCopy(self) -> bytes:
            """What it is called."""
            return b"compat.Frozen"

    class Unprintable(Exception):
        """Cannot be printed."""

        def __str__(self) -> str:
            raise ValueError("no text")

    class Root(side.pb.Root):  # type: ignore[misc]
        """Makes trouble."""

        def remote_ok(self, *args: Any) -> str:
            """Still there."""
            return "ok"

        def remote_unknown(self) -> Any:
            """A copy that nobody knows."""
            return tagged("compat.Nobody.Knows")()

        def remote_unknownLater(self) -> Any:
            """The same later."""
            waiting: Deferred[Any] = Deferred()
            side.reactor.callLater(0.001, lambda: waiting.callback(tagged("compat.Nobody.Knows")()))
            return waiting

        def remote_frozen(self) -> Any:
            """A copy that becomes a frozen dataclass."""
            return Frozen(1)

        def remote_setter(self) -> Any:
            """A copy whose receiver fails."""
            return tagged("compat.Fails")()

        def remote_exit(self) -> None:
            """End the program, so it says."""
            raise SystemExit(3)

        def remote_interrupt(self) -> None:
            """As if by the keyboard."""
            raise KeyboardInterrupt

        def remote_generatorExit(self) -> None:
            """As if closed."""
            raise GeneratorExit

        def remote_cancelled(self) -> None:
            """As asyncio cancels."""
            raise asyncio.CancelledError

        def remote_cancelledLater(self) -> Any:
            """As asyncio cancels, by a Deferred."""
            return fail(asyncio.CancelledError())

        def remote_unprintable(self) -> None:
            """An error without a text."""
            raise Unprintable

        def remote_itself(self) -> Any:
            """A copy that contains itself."""
            made = tagged("compat.Itself")()
            made.me = made
            return made

        def remote_itselfInAList(self) -> Any:
            """A copy that contains itself in a list."""
            made = tagged("compat.Itself")()
            made.mine = [made]
            return made

        def remote_textTag(self) -> Any:
            """A copy whose tag is text."""
            return side.subclass(side.pb.Copyable, "Sent", getTypeToCopy=lambda self: "compat.Itself")()

        def remote_echo(self, it: Any) -> Any:
            """The same again."""
            return it

        def remote_sign(self, it: Any) -> Any:
            """Of a Decimal."""
            return str(it)

    return Root()


async def _then(side: Any, root: Any, outcome: Any) -> Any:
    """What became of the call, and of the connection."""
    kind = outcome[0] if isinstance(outcome, list) and outcome else "value"
    if "PBConnectionLost" in str(outcome):
        kind = "lost"
    after = await side.call(root, "ok")
    return [kind, "alive" if after == "'ok'" else "dead"]


def _trouble(name: str, doc: str, by: str, theirs: Any, ours: Any, prepare: Any = None) -> None:
    async def client(side: Any, root: Any) -> Any:
        if prepare is not None:
            prepare(side)
        return await _then(side, root, await side.call(root, name))

    client.__doc__ = doc
    repaired(workshop, by, theirs, ours, name=f"trouble: {name}")(client)


def _frozen(side: Any) -> None:
    cls = side.subclass(side.pb.RemoteCopy, "Frozen", __setattr__=_refuse)
    side.pb.setUnjellyableForClass("compat.Frozen", cls)


def _refuse(self: Any, name: str, value: Any) -> None:
    raise dataclasses.FrozenInstanceError(name)


def _failing(side: Any) -> None:
    def set_copyable_state(self: Any, state: Any) -> None:
        raise ValueError("I will not have it")

    side.pb.setUnjellyableForClass(
        "compat.Fails", side.subclass(side.pb.RemoteCopy, "Fails", setCopyableState=set_copyable_state)
    )


HANGS = ["hangs", "dead"]
LOST = ["lost", "dead"]
FAILS = ["failed", "alive"]

_trouble("unknown", "An answer that the client does not know fails that call only.", "client", HANGS, FAILS)
_trouble("unknownLater", "The same by a Deferred.", "client", HANGS, FAILS)
_trouble("frozen", "A copy may be frozen.", "client", HANGS, ["Frozen", "alive"], _frozen)
_trouble("setter", "A receiver that fails, fails that call only.", "client", HANGS, FAILS, _failing)
_trouble("exit", "SystemExit is an error like any other.", "either", HANGS, FAILS)
_trouble("interrupt", "KeyboardInterrupt as well.", "either", HANGS, FAILS)
_trouble("generatorExit", "GeneratorExit as well.", "either", HANGS, FAILS)
_trouble("cancelled", "asyncio's CancelledError as well.", "either", HANGS, FAILS)
_trouble("cancelledLater", "The same by a Deferred.", "either", HANGS, FAILS)
_trouble("unprintable", "An error without a text is still an error.", "server", LOST, FAILS)


def _itself(side: Any) -> None:
    side.pb.setUnjellyableForClass("compat.Itself", side.subclass(side.pb.RemoteCopy, "Itself"))


@repaired(workshop, by="client", theirs=False, ours=True)
async def copy_that_contains_itself(side: Any, root: Any) -> Any:
    """A copy may contain itself."""
    _itself(side)
    made = await root.callRemote("itself")
    return made.me is made


@scenario(workshop)
async def copy_that_contains_itself_in_a_list(side: Any, root: Any) -> Any:
    """A copy may contain itself in a list."""
    _itself(side)
    made = await root.callRemote("itselfInAList")
    return made.mine[0] is made


@repaired(workshop, by="both", theirs="0", ours="-0")
async def decimal_minus_zero(side: Any, root: Any) -> Any:
    """Minus zero keeps its sign between two of ours; twisted.spread reads it as zero."""
    return str(await root.callRemote("sign", decimal.Decimal("-0")))


def _compared(name: str, doc: str, compute: Any, theirs: Any, ours: Any) -> None:
    async def client(side: Any, root: Any) -> Any:
        try:
            return await compute(side, root)
        except (TypeError, AttributeError) as error:
            return type(error).__name__

    client.__doc__ = doc
    repaired(workshop, "client", theirs, ours, name=name)(client)


async def _equals_none(side: Any, root: Any) -> Any:
    return root == None  # noqa: E711


async def _hash_of_root(side: Any, root: Any) -> Any:
    return root in {root: 1}


async def _hash_of_method(side: Any, root: Any) -> Any:
    return root.remoteMethod("ok") in {root.remoteMethod("ok")}


async def _bytes_method(side: Any, root: Any) -> Any:
    return await root.remoteMethod(b"ok")()


async def _trap_of_another(side: Any, root: Any) -> Any:
    failure = await side.failure(root.callRemote("missing"))
    try:
        failure.trap(ZeroDivisionError)
    except side.pb.RemoteError:
        return ["RemoteError", str(Failure().check("twisted.spread.flavors.NoSuchMethod"))]
    return "trapped"


async def _repr_of_failure(side: Any, root: Any) -> Any:
    return isinstance(repr(await side.failure(root.callRemote("missing"))), str)


async def _raise_failure(side: Any, root: Any) -> Any:
    try:
        (await side.failure(root.callRemote("missing"))).raiseException()
    except side.pb.RemoteError as error:
        return f"RemoteError {error}"


_compared("reference equals None", "A reference is not None.", _equals_none, "TypeError", False)
_compared("hash of the root", "The root may be a key.", _hash_of_root, "TypeError", True)
_compared("hash of a method of the root", "A method may be a member.", _hash_of_method, "TypeError", True)
_compared("remote method named by bytes", "A method's name may be bytes.", _bytes_method, "AttributeError", "ok")
_compared(
    "trap of another class",
    "`trap` raises what it does not trap, as a RemoteError in which the next errback finds the same names.",
    _trap_of_another,
    "AttributeError",
    ["RemoteError", "twisted.spread.flavors.NoSuchMethod"],
)
_compared("repr of a failure", "A failure has a repr.", _repr_of_failure, "AttributeError", True)
_compared(
    "raising a failure",
    "A failure is raised as RemoteError.",
    _raise_failure,
    "AttributeError",
    "RemoteError No such method: remote_missing",
)


_trouble("textTag", "A tag may be text.", "server", LOST, ["Itself", "alive"], _itself)


@repaired(workshop, by="client", theirs=["raised", "alive"], ours=["failed", "alive"])
async def function_passed(side: Any, root: Any) -> Any:
    """A function is bytes on the wire, and refused by a server that does not allow its module."""
    return await _then(side, root, await side.call(root, "echo", workshop))


@repaired(workshop, by="either", theirs=[None, None], ours=[True, True])
async def object_that_comes_straight_home(side: Any, root: Any) -> Any:
    """An object of the client's that the server gives straight back comes home as itself."""
    mine = side.pb.Referenceable()
    alone = await root.callRemote("echo", mine)
    listed = (await root.callRemote("echo", [mine]))[0]
    return [None if alone is None else alone is mine, None if listed is None else listed is mine]
