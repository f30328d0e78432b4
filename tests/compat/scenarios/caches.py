"""Cacheables, the caches that they become, and the observers that keep them up to date."""

from __future__ import annotations

import gc
from typing import Any

from tests.compat.scenario import repaired, scenario
from tests.compat.show import shown


def lake(side: Any) -> Any:
    """A root with one Cacheable and the means to change it."""

    class Lake(side.pb.Cacheable):  # type: ignore[misc]
        """Tells its observers."""

        def __init__(self, level: int = 1) -> None:
            self.level = level
            self.observers: list[Any] = []

        def getTypeToCopy(self) -> bytes:
            """What it is called."""
            return b"compat.Lake"

        def getStateToCacheAndObserveFor(self, perspective: Any, observer: Any) -> Any:
            """State at first, and the observer for the rest."""
            self.observers.append(observer)
            return {"level": self.level, "who": getattr(perspective, "name", None)}

        def stoppedObserving(self, perspective: Any, observer: Any) -> None:
            """Nobody looks any more."""
            side.note("stopped", getattr(perspective, "name", None), len(self.observers))
            self.observers[:] = [one for one in self.observers if one.broker is not observer.broker]

    one = Lake()
    Visitor = side.subclass(side.pb.Avatar, "Visitor", perspective_lake=lambda self: one)
    visitor = Visitor()
    visitor.name = "alice"
    adapter = side.pb.AsReferenceable(visitor, "perspective")

    class Root(side.pb.Root):  # type: ignore[misc]
        """Hands out the lake."""

        def remote_lake(self) -> Any:
            """The lake."""
            return one

        def remote_lakes(self) -> Any:
            """The lake twice, and another."""
            return [one, one, Lake(5)]

        def remote_many(self, number: int) -> Any:
            """Many lakes."""
            return [Lake(index) for index in range(number)]

        def remote_visit(self) -> Any:
            """A perspective."""
            return adapter

        def remote_isLake(self, it: Any) -> bool:
            """Whether it came home."""
            return it is one

        def remote_set(self, level: int) -> int:
            """Change the lake and tell everybody; how many were told."""
            one.level = level
            for observer in one.observers:
                observer.callRemote("level", level).addErrback(lambda failure: None)
            return len(one.observers)

        def remote_tell(self, name: str, *args: Any, **kw: Any) -> Any:
            """Tell the first observer something and pass on what it says."""
            return one.observers[0].callRemote(name, *args, **kw)

        def remote_method(self, *args: Any) -> Any:
            """Hash, equality and form of an observer."""
            observer = one.observers[0]
            return [isinstance(hash(observer), int), observer == observer, type(observer).__name__]

    return Root()


def cached(side: Any, **members: Any) -> Any:
    """Register a cache for lakes on the client's side."""

    class Cached(side.pb.RemoteCache):  # type: ignore[misc]
        """A lake seen from afar."""

        def observe_level(self, level: int) -> int:
            """It changed."""
            side.note("level", level)
            self.level = level
            return level + 1000

        def observe_fail(self) -> None:
            """It fails."""
            raise side.pb.Error("no such level")

        def observe_args(self, *args: Any, **kw: Any) -> Any:
            """All arguments."""
            return [args, kw]

    for name, member in members.items():
        setattr(Cached, name, member)
    side.pb.setUnjellyableForClass("compat.Lake", Cached)
    return Cached


@scenario(lake)
async def cache_received(side: Any, root: Any) -> Any:
    """The first state arrives, and both sides keep the object in their tables."""
    cached(side)
    one = await root.callRemote("lake")
    return [shown(one), (await side.server())["tables"], side.report()["tables"]]


@scenario(lake)
async def cache_updated(side: Any, root: Any) -> Any:
    """What the server tells the observer happens to the cache."""
    cached(side)
    one = await root.callRemote("lake")
    told = await root.callRemote("set", 7)
    await side.settle()
    return [told, one.level, side.notes]


@scenario(lake)
async def cache_answers(side: Any, root: Any) -> Any:
    """What an observer's method returns goes to the server."""
    cached(side)
    one = await root.callRemote("lake")
    return [await side.call(root, "tell", "level", 3), one.level, await side.call(root, "tell", "args", 1, k=[2])]


@scenario(lake)
async def cache_fails(side: Any, root: Any) -> Any:
    """An observer's error goes to the server, and a missing method as well."""
    cached(side)
    one = await root.callRemote("lake")
    return [await side.call(root, "tell", "fail"), (await side.call(root, "tell", "absent"))[:3], shown(one)]


@scenario(lake)
async def cache_updated_without_answer(side: Any, root: Any) -> Any:
    """An observer may be told without an answer."""
    cached(side)
    one = await root.callRemote("lake")
    outcome = await side.call(root, "tell", "level", level=9)
    root.callRemote("tell", "level", 10, pbanswer=False)
    await side.settle()
    return [outcome, one.level]


@scenario(lake)
async def cache_received_twice(side: Any, root: Any) -> Any:
    """The second time only its number travels, and it is the same cache."""
    cached(side)
    one, again = await root.callRemote("lake"), await root.callRemote("lake")
    await root.callRemote("set", 8)
    await side.settle()
    return [one.level, again.level, one.__dict__ is again.__dict__, (await side.server())["tables"]]


@scenario(lake)
async def caches_in_one_answer(side: Any, root: Any) -> Any:
    """Two of the same and another."""
    cached(side)
    one, again, other = await root.callRemote("lakes")
    return [one is again, other is one, shown([one, other]), (await side.server())["tables"]]


@scenario(lake)
async def cache_comes_home(side: Any, root: Any) -> Any:
    """A cache that is passed back is the Cacheable itself."""
    cached(side)
    one = await root.callRemote("lake")
    return [await root.callRemote("isLake", one), await root.callRemote("isLake", None)]


@scenario(lake)
async def cache_dropped(side: Any, root: Any) -> Any:
    """When the last copy of the cache goes, the server stops observing and both sides forget."""
    cached(side)
    one = await root.callRemote("lake")
    again = await root.callRemote("lake")
    tables = [(await side.server())["tables"]]
    del one
    gc.collect()
    tables.append((await side.server())["tables"])
    del again
    gc.collect()
    tables.append((await side.server())["tables"])
    await side.settle()
    return [tables, side.report()["tables"], (await side.server())["notes"]]


@scenario(lake)
async def cache_received_anew(side: Any, root: Any) -> Any:
    """After it was dropped it is sent whole again, with what has changed."""
    cached(side)
    one = await root.callRemote("lake")
    first = shown(one)
    del one
    gc.collect()
    await side.settle()
    told = await root.callRemote("set", 4)
    one = await root.callRemote("lake")
    return [first, told, shown(one), (await side.server())["tables"]]


@scenario(lake)
async def cache_held_until_the_end(side: Any, root: Any) -> Any:
    """A lost connection stops the observing."""
    cached(side)
    side.kept = await root.callRemote("lake")
    return shown(side.kept)


@scenario(lake)
async def caches_of_two_clients(side: Any, root: Any) -> Any:
    """Two clients observe one object; each is told."""
    cached(side)
    other = await side.root()
    one, two = await root.callRemote("lake"), await other.callRemote("lake")
    told = await root.callRemote("set", 6)
    await side.settle()
    return [told, one.level, two.level, one == two, (await side.server())["tables"]]


@scenario(lake)
async def cache_of_a_client_that_left(side: Any, root: Any) -> Any:
    """When one of two clients goes, the other is still told."""
    cached(side)
    other = await side.root()
    one, two = await root.callRemote("lake"), await other.callRemote("lake")
    side.connectors[1].disconnect()
    await side.sleep()
    told = await root.callRemote("set", 5)
    await side.settle()
    return [told, one.level, two.level, (await side.server())["notes"]]


@scenario(lake)
async def cache_for_a_perspective(side: Any, root: Any) -> Any:
    """State and observer may depend on who looks; the end of it too."""
    cached(side)
    one = await (await root.callRemote("visit")).callRemote("lake")
    result = shown(one)
    del one
    gc.collect()
    return [result, (await side.server())["notes"]]


@scenario(lake)
async def observer_itself(side: Any, root: Any) -> Any:
    """An observer has a hash and equals itself."""
    cached(side)
    one = await root.callRemote("lake")
    return [await root.callRemote("method"), shown(one)]


@scenario(lake)
async def cache_with_a_state_of_its_own(side: Any, root: Any) -> Any:
    """``setCopyableState`` may replace the whole state."""

    def set_copyable_state(self: Any, state: Any) -> None:
        self.__dict__ = {"replaced": state["level"]}

    cached(side, setCopyableState=set_copyable_state)
    one = await root.callRemote("lake")
    return [shown(one), await root.callRemote("isLake", one), one.broker is side.broker]


@scenario(lake)
async def cache_with_init(side: Any, root: Any) -> Any:
    """``__init__`` of a RemoteCache is called before its state is set."""

    def init(self: Any) -> None:
        side.note("made")
        self.extra = 1

    cached(side, __init__=init, setCopyableState=lambda self, state: self.__dict__.update(state))
    return [shown(await root.callRemote("lake")), side.notes]


@scenario(lake)
async def many_caches(side: Any, root: Any) -> Any:
    """A hundred caches, dropped together."""
    cached(side)
    many = await root.callRemote("many", 100)
    levels = [one.level for one in many] == list(range(100))
    tables = (await side.server())["tables"]
    many.clear()
    gc.collect()
    return [levels, tables, (await side.server())["tables"]]


def listed(side: Any) -> Any:
    """A lake that keeps its observers in a list and removes them from it, as the tutorial does."""

    class Listed(side.pb.Cacheable):  # type: ignore[misc]
        """As in the tutorial."""

        def __init__(self) -> None:
            self.observers: list[Any] = []

        def getTypeToCopy(self) -> bytes:
            """What it is called."""
            return b"compat.Lake"

        def getStateToCacheAndObserveFor(self, perspective: Any, observer: Any) -> Any:
            """Keep the observer."""
            self.observers.append(observer)
            return {}

        def stoppedObserving(self, perspective: Any, observer: Any) -> None:
            """Remove the observer."""
            self.observers.remove(observer)

    one = Listed()
    return side.subclass(
        side.pb.Root, "Root", remote_lake=lambda self: one, remote_left=lambda self: len(one.observers)
    )()


@scenario(listed)
async def observers_in_a_list_of_one(side: Any, root: Any) -> Any:
    """The only observer is removed when its client lets go."""
    cached(side)
    one = await root.callRemote("lake")
    del one
    gc.collect()
    await side.settle()
    return await root.callRemote("left")


@repaired(listed, by="server", theirs=2, ours=1)
async def observers_in_a_list_of_two(side: Any, root: Any) -> Any:
    """With two clients the second one's observer is found and removed, too."""
    cached(side)
    other = await side.root()
    one, two = await root.callRemote("lake"), await other.callRemote("lake")
    del two
    gc.collect()
    await side.settle()
    left = await root.callRemote("left")
    del one
    return left


@repaired(lake, by="client", theirs=["TypeError", "TypeError"], ours=[False, False])
async def references_of_two_connections_compare(side: Any, root: Any) -> Any:
    """References of two connections are different, and so is a reference and None."""
    other = await side.root()

    def compared(one: Any, two: Any) -> Any:
        try:
            return one == two
        except TypeError:
            return "TypeError"

    return [compared(root, other), compared(await root.callRemote("visit"), None)]
