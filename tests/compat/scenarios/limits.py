"""Limits: exactly at them, and one over."""

from __future__ import annotations

import gc
from typing import Any

from tests.compat.scenario import repaired, scenario
from tests.compat.show import raised, shown

SIZE = 640 * 1024
LARGEST = 2**448 - 1


def depot(side: Any) -> Any:
    """A root that takes and gives what is too large."""
    New = side.subclass(side.pb.Referenceable, "New", remote_ok=lambda self: "ok")
    members = {"getTypeToCopy": lambda self: b"compat.Small", "getStateToCopy": lambda self: {}}
    Lake = side.subclass(side.pb.Cacheable, "Lake", **members)

    class Depot(side.pb.Root):  # type: ignore[misc]
        """Takes and gives."""

        def remote_length(self, it: Any) -> int:
            """How long it is."""
            return len(it)

        def remote_equals(self, it: Any, power: int) -> bool:
            """Whether it is a power of two less one."""
            return bool(it == 2**power - 1)

        def remote_bytes(self, size: int) -> bytes:
            """Many bytes."""
            return b"b" * size

        def remote_bytesLater(self, size: int) -> Any:
            """Many bytes, by a Deferred."""
            return _later(side, b"b" * size)

        def remote_int(self, power: int) -> int:
            """A large int."""
            return int(2**power - 1)

        def remote_list(self, size: int) -> Any:
            """A long list."""
            return [0] * size

        def remote_new(self, number: int) -> Any:
            """New objects."""
            return [New() for _ in range(number)]

        def remote_one(self) -> Any:
            """A new object."""
            return New()

        def remote_lakes(self, number: int) -> Any:
            """New Cacheables."""
            return [Lake() for _ in range(number)]

        def remote_loud(self, size: int) -> None:
            """A long complaint."""
            raise side.pb.Error("x" * size)

        def remote_ok(self) -> str:
            """Still there."""
            return "ok"

    return Depot()


def _later(side: Any, value: Any) -> Any:
    from twisted.internet.defer import Deferred

    waiting: Deferred[Any] = Deferred()
    side.reactor.callLater(0.001, waiting.callback, value)
    return waiting


@scenario(depot)
async def bytes_at_the_limit(side: Any, root: Any) -> Any:
    """640 KiB pass, both ways."""
    return [await root.callRemote("length", b"a" * SIZE), len(await root.callRemote("bytes", SIZE))]


@scenario(depot)
async def text_at_the_limit(side: Any, root: Any) -> Any:
    """640 KiB of UTF-8 pass."""
    return await root.callRemote("length", "ü" * (SIZE // 2))


@scenario(depot)
async def list_at_the_limit(side: Any, root: Any) -> Any:
    """A list may have as many items, less one for its tag."""
    return [await root.callRemote("length", [0] * (SIZE - 1)), len(await root.callRemote("list", SIZE - 1))]


@scenario(depot)
async def int_at_the_limit(side: Any, root: Any) -> Any:
    """448 bits pass, both ways."""
    return [await root.callRemote("equals", LARGEST, 448), await root.callRemote("int", 448) == LARGEST]


def _over(name: str, make: Any) -> None:
    async def client(side: Any, root: Any) -> Any:
        value = make()
        try:
            root.callRemote("length", value)
        except Exception as error:
            outcome = raised(error)[:2]
        else:
            outcome = ["nothing was raised"]
        return [outcome, await side.call(root, "ok")]

    scenario(depot, f"{name} over the limit, passed", tables=False, logs=False)(client)

    async def leftovers(side: Any, root: Any) -> Any:
        try:
            root.callRemote("length", make())
        except Exception:
            pass
        return len(side.broker.waitingForAnswers)

    repaired(depot, by="client", theirs=1, ours=0, name=f"{name} over the limit leaves nothing behind")(leftovers)


_over("bytes", lambda: b"a" * (SIZE + 1))
_over("text", lambda: "a" * (SIZE + 1))
_over("list", lambda: [0] * SIZE)
_over("int", lambda: 2**448)
_over("negative int", lambda: -(2**448))


@repaired(depot, by="server", theirs=["lost", "lost"], ours=["failed", "'ok'"])
async def answer_of_bytes_over_the_limit(side: Any, root: Any) -> Any:
    """The caller gets an error, and the connection lives."""
    outcome = await side.call(root, "bytes", SIZE + 1)
    return ["lost" if "PBConnectionLost" in str(outcome) else outcome[0], await _alive(side, root)]


@repaired(depot, by="server", theirs=["hangs", "'ok'"], ours=["failed", "'ok'"])
async def later_answer_of_bytes_over_the_limit(side: Any, root: Any) -> Any:
    """The same by a Deferred."""
    return [(await side.call(root, "bytesLater", SIZE + 1))[0], await _alive(side, root)]


@repaired(depot, by="server", theirs=["lost", "lost"], ours=["failed", "'ok'"])
async def answer_of_an_int_over_the_limit(side: Any, root: Any) -> Any:
    """The same for an int."""
    outcome = await side.call(root, "int", 449)
    return ["lost" if "PBConnectionLost" in str(outcome) else outcome[0], await _alive(side, root)]


@repaired(depot, by="server", theirs=["lost", "lost"], ours=["failed", "'ok'"])
async def answer_of_a_list_over_the_limit(side: Any, root: Any) -> Any:
    """The same for a list."""
    side.patience = 8.0
    outcome = await side.call(root, "list", SIZE)
    return ["lost" if "PBConnectionLost" in str(outcome) else outcome[0], await _alive(side, root)]


@repaired(depot, by="server", theirs=["lost", "lost"], ours=["failed", "'ok'"])
async def error_over_the_limit(side: Any, root: Any) -> Any:
    """An error whose message is too long is still an error."""
    outcome = await side.call(root, "loud", SIZE + 1)
    return ["lost" if "PBConnectionLost" in str(outcome) else outcome[0], await _alive(side, root)]


async def _alive(side: Any, root: Any) -> Any:
    outcome = await side.call(root, "ok")
    return outcome if outcome == "'ok'" else "lost"


@scenario(depot)
async def size_limit_raised(side: Any, root: Any) -> Any:
    """``banana.SIZE_LIMIT`` is read at each use, by open connections too (here: of the sender)."""
    before = side.banana.SIZE_LIMIT
    side.banana.SIZE_LIMIT = 100
    try:
        try:
            root.callRemote("length", b"a" * 101)
        except Exception as error:
            outcome = raised(error)[:2]
        passed = await root.callRemote("length", b"a" * 100)
    finally:
        side.banana.SIZE_LIMIT = before
    side.broker.waitingForAnswers.clear()
    return [before, outcome, passed]


@scenario(depot)
async def prefix_limit_raised(side: Any, root: Any) -> Any:
    """``setPrefixLimit`` of a broker allows larger ints, here to be received."""
    side.broker.setPrefixLimit(10)
    try:
        root.callRemote("length", 2**70)
    except Exception as error:
        outcome = raised(error)[:2]
    side.broker.waitingForAnswers.clear()
    return [outcome, (await side.call(root, "length", 2**69))[:3]]


@scenario(depot)
async def references_at_the_limit(side: Any, root: Any) -> Any:
    """1024 objects may be out on one connection, beside the root."""
    many = await root.callRemote("new", 1024)
    return [len(many), await many[-1].callRemote("ok"), await side.call(root, "ok")]


@scenario(depot, bytes=False)
async def references_over_the_limit(side: Any, root: Any) -> Any:
    """One more is an error of that call."""
    many = await root.callRemote("new", 1024)
    outcome = await side.call(root, "one")
    many.pop()
    gc.collect()
    await side.settle()
    return [outcome, len(many), shown(await root.callRemote("one"))]


@scenario(depot, bytes=False, logs=False)
async def references_over_the_limit_too_often(side: Any, root: Any) -> Any:
    """The fourth time the server hangs up."""
    side.kept = await root.callRemote("new", 1024)
    outcomes = [await side.call(root, "one") for _ in range(3)]
    last = await side.outcome(root.callRemote("one"))
    await side.sleep()
    return [outcomes, last[:3], side.taps[0].lost]


@scenario(depot, tables=False)
async def references_by_a_limit_of_ones_own(side: Any, root: Any) -> Any:
    """``pb.MAX_BROKER_REFS`` is read at each use: here the client's, for what it passes."""
    before = side.pb.MAX_BROKER_REFS
    side.pb.MAX_BROKER_REFS = 3
    try:
        mine = [side.pb.Referenceable() for _ in range(6)]
        outcome = await side.outcome(root.callRemote("length", mine))
    finally:
        side.pb.MAX_BROKER_REFS = before
    return [before, outcome, await side.call(root, "ok")]


@scenario(depot)
async def caches_at_the_limit(side: Any, root: Any) -> Any:
    """1025 Cacheables may be out."""
    side.pb.setUnjellyableForClass("compat.Small", side.subclass(side.pb.RemoteCache, "Small"))
    many = await root.callRemote("lakes", 1025)
    return [len(many), await side.call(root, "ok")]


@scenario(depot, bytes=False)
async def caches_over_the_limit(side: Any, root: Any) -> Any:
    """One more is an error of that call."""
    side.pb.setUnjellyableForClass("compat.Small", side.subclass(side.pb.RemoteCache, "Small"))
    side.kept = await root.callRemote("lakes", 1025)
    return [await side.call(root, "lakes", 1), await side.call(root, "ok")]


@repaired(depot, by="server", theirs=1025, ours=1)
async def references_of_an_answer_that_failed(side: Any, root: Any) -> Any:
    """What an answer that could not be sent had handed out is taken back."""
    await side.call(root, "new", 1025)
    return (await side.server())["tables"][0]["localObjects"]
