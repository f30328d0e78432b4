"""References: out, in, back, twice, dropped; and the counts that both sides keep."""

from __future__ import annotations

import gc
from typing import Any

from tests.compat.scenario import scenario
from tests.compat.show import shown


def counter_of(side: Any) -> Any:
    """An object that counts."""

    class Counter(side.pb.Referenceable):  # type: ignore[misc]
        """Counts."""

        count = 0

        def remote_up(self, by: int = 1) -> int:
            """Count."""
            self.count += by
            return self.count

        def remote_fail(self) -> None:
            """Do not count."""
            raise side.pb.Error("no")

    return Counter()


def shop(side: Any) -> Any:
    """A root that hands out objects and takes them back."""

    class Shop(side.pb.Root):  # type: ignore[misc]
        """Hands out objects."""

        def __init__(self) -> None:
            self.one = counter_of(side)
            self.kept: list[Any] = []

        def remote_one(self) -> Any:
            """Always the same object."""
            return self.one

        def remote_new(self) -> Any:
            """Another object each time."""
            return counter_of(side)

        def remote_three(self) -> Any:
            """The same object three times."""
            return [self.one, (self.one,), {"k": self.one}]

        def remote_many(self, number: int) -> Any:
            """Many objects."""
            return [counter_of(side) for _ in range(number)]

        def remote_isOne(self, it: Any) -> bool:
            """Whether it has come back."""
            return it is self.one

        def remote_isRoot(self, it: Any) -> bool:
            """Whether I have come back."""
            return it is self

        def remote_self(self) -> Any:
            """Hand out myself."""
            return self

        def remote_keep(self, it: Any) -> None:
            """Keep something of the client's."""
            self.kept.append(it)

        def remote_kept(self) -> Any:
            """Give back what was kept."""
            return list(self.kept)

        def remote_drop(self) -> None:
            """Keep it no longer."""
            self.kept.clear()

        def remote_equal(self, one: Any, other: Any) -> Any:
            """How two things of the client's compare."""
            return [one is other, one == other]

        def remote_callUp(self, it: Any, *args: Any) -> Any:
            """Call an object of the client's and pass on what it says."""
            return it.callRemote("up", *args)

        def remote_callFail(self, it: Any) -> Any:
            """Call an object of the client's that fails."""
            return it.callRemote("fail")

        def remote_callKept(self, *args: Any) -> Any:
            """Call the object that was kept."""
            return self.kept[0].callRemote("up", *args)

        def remote_bounce(self, it: Any) -> Any:
            """Give it straight back."""
            return it

    return Shop()


@scenario(shop)
async def reference_out(side: Any, root: Any) -> Any:
    """An object arrives as a reference, which can be called."""
    reference = await root.callRemote("one")
    return [shown(reference), await reference.callRemote("up"), await reference.callRemote("up", by=2)]


@scenario(shop)
async def reference_dropped(side: Any, root: Any) -> Any:
    """When the last reference goes, the server lets the object go."""
    reference = await root.callRemote("one")
    held = (await side.server())["tables"]
    del reference
    gc.collect()
    return [held, (await side.server())["tables"]]


@scenario(shop)
async def reference_counted(side: Any, root: Any) -> Any:
    """An object handed out three times is counted three times, and dropped when all three are."""
    references = [await root.callRemote("one") for _ in range(3)]
    counts = [(await side.server())["tables"]]
    while references:
        references.pop()
        gc.collect()
        counts.append((await side.server())["tables"])
    return counts


@scenario(shop)
async def reference_thrice_in_one_answer(side: Any, root: Any) -> Any:
    """Each occurrence in one answer is a reference with a count of its own."""
    found = await root.callRemote("three")
    one, two, three = found[0], found[1][0], found[2]["k"]
    result = [one == two == three, one.luid == three.luid, (await side.server())["tables"]]
    del found, one, two, three
    gc.collect()
    return [*result, (await side.server())["tables"]]


@scenario(shop)
async def reference_handed_out_anew(side: Any, root: Any) -> Any:
    """After an object was let go it gets another number."""
    luids = []
    for _ in range(3):
        reference = await root.callRemote("one")
        luids.append(reference.luid)
        del reference
        gc.collect()
        await side.settle()
    return luids


@scenario(shop)
async def reference_back_is_the_object(side: Any, root: Any) -> Any:
    """What comes home is the object itself, and nothing else is."""
    one, other = await root.callRemote("one"), await root.callRemote("new")
    return [await root.callRemote("isOne", one), await root.callRemote("isOne", other)]


@scenario(shop)
async def reference_back_within_containers(side: Any, root: Any) -> Any:
    """A reference comes home from within a list."""
    one = await root.callRemote("one")
    back = await root.callRemote("bounce", [one, {"k": (one,)}])
    return [back[0] == one, back[1]["k"][0] == one, shown(back)]


@scenario(shop)
async def root_passed_back(side: Any, root: Any) -> Any:
    """The root is the root, also by a reference that was handed out."""
    another = await root.callRemote("self")
    return [await root.callRemote("isRoot", root), await root.callRemote("isRoot", another), shown(another)]


@scenario(shop)
async def references_to_many_objects(side: Any, root: Any) -> Any:
    """Two hundred objects in one answer, each its own."""
    many = await root.callRemote("many", 200)
    ups = [await many[index].callRemote("up", index) for index in (0, 100, 199)]
    held = (await side.server())["tables"]
    del many
    gc.collect()
    return [ups, held, (await side.server())["tables"]]


@scenario(shop)
async def client_object_called(side: Any, root: Any) -> Any:
    """The server can call what the client passes."""
    mine = counter_of(side)
    answers = [await side.call(root, "callUp", mine), await side.call(root, "callUp", mine, 10)]
    return [answers, mine.count]


@scenario(shop)
async def client_object_kept(side: Any, root: Any) -> Any:
    """As long as the server keeps it, the client's broker does; then it lets go."""
    mine = counter_of(side)
    await root.callRemote("keep", mine)
    await side.settle()
    held = side.report()["tables"]
    await root.callRemote("callKept")
    await root.callRemote("drop")
    await side.settle()
    return [held, side.report()["tables"], mine.count]


@scenario(shop)
async def client_object_given_back(side: Any, root: Any) -> Any:
    """What the server kept comes home as the object itself."""
    mine = counter_of(side)
    await root.callRemote("keep", mine)
    return [(await root.callRemote("kept"))[0] is mine, shown(await root.callRemote("kept"))]


@scenario(shop)
async def client_object_twice(side: Any, root: Any) -> Any:
    """One object twice in a call: two references that are equal."""
    mine = counter_of(side)
    return [await root.callRemote("equal", mine, mine), await root.callRemote("equal", mine, counter_of(side))]


@scenario(shop)
async def client_object_fails(side: Any, root: Any) -> Any:
    """An error that the client's own object raises comes back to the client by way of the server."""
    return await side.call(root, "callFail", counter_of(side))


@scenario(shop)
async def client_object_without_the_method(side: Any, root: Any) -> Any:
    """NoSuchMethod by way of the server."""
    return await side.call(root, "callUp", side.pb.Referenceable())


@scenario(shop)
async def client_root_called(side: Any, root: Any) -> Any:
    """A Root of the client's is an object like others."""
    mine = side.subclass(side.pb.Root, "Mine", remote_up=lambda self: "up")()
    return await side.call(root, "callUp", mine)


@scenario(shop)
async def references_compare(side: Any, root: Any) -> Any:
    """References to one object are equal and have one hash; others are not."""
    one, same, other = [await root.callRemote(name) for name in ("one", "one", "new")]
    return [one == same, one is same, hash(one) == hash(same), one == other, one != other, len({one, same, other})]


@scenario(shop)
async def reference_to_an_object_that_is_gone(side: Any, root: Any) -> Any:
    """A call of what was let go is an error of that call."""
    one = await root.callRemote("one")
    stale = side.pb.RemoteReference(None, side.broker, one.luid, 0)
    del one
    gc.collect()
    await side.settle()
    return [await side.call(stale, "up"), await side.call(root, "bounce", 1)]


@scenario(shop)
async def reference_in_an_exception_is_dropped(side: Any, root: Any) -> Any:
    """A failed call leaves no references behind at the server."""
    mine = counter_of(side)
    outcome = await side.call(root, "missing", mine, [mine])
    await side.settle()
    return [outcome, side.report()["tables"]]


@scenario(shop)
async def objects_of_two_connections(side: Any, root: Any) -> Any:
    """The same object on two connections has its own numbers and counts on each."""
    other = await side.root()
    references = [await one.callRemote("one") for one in (root, other, other)]
    ups = [await reference.callRemote("up") for reference in references]
    return [ups, (await side.server())["tables"]]


@scenario(shop)
async def reference_of_another_connection(side: Any, root: Any) -> Any:
    """A reference is for its own connection: to pass it on by another fails at once, and nothing is sent."""
    other = await side.root()
    one = await root.callRemote("one")
    return [(await side.call(other, "bounce", one))[:3], await side.call(other, "bounce", 1)]


def adapted(side: Any) -> Any:
    """A root that hands out AsReferenceable."""

    class Plain:
        """No flavour at all, but it knows what to do with a message."""

        def remoteMessageReceived(self, broker: Any, message: str, args: Any, kw: Any) -> Any:
            """Take any message."""
            args, kw = broker.unserialize(args), broker.unserialize(kw)
            return broker.serialize(["remote", message, args, kw])

        def otherMessageReceived(self, broker: Any, message: str, args: Any, kw: Any) -> Any:
            """Take any message, otherwise."""
            return broker.serialize(["other", message])

    plain = Plain()
    return side.subclass(
        side.pb.Root,
        "Adapted",
        remote_remote=lambda self: side.pb.AsReferenceable(plain),
        remote_other=lambda self: side.pb.AsReferenceable(plain, "other"),
    )()


@scenario(adapted)
async def as_referenceable(side: Any, root: Any) -> Any:
    """An object that takes messages itself is a reference by AsReferenceable."""
    reference = await root.callRemote("remote")
    return [await side.call(reference, "anything", 1, k=2), await side.call(reference, "else")]


@scenario(adapted)
async def as_referenceable_of_another_kind(side: Any, root: Any) -> Any:
    """The kind of message is the caller's choice."""
    return await side.call(await root.callRemote("other"), "anything")


def per_broker(side: Any) -> Any:
    """A root that is another for each connection."""

    class PerBroker(side.pb.Root):  # type: ignore[misc]
        """Counts its connections."""

        made = 0

        def rootObject(self, broker: Any) -> Any:
            """A new object."""
            PerBroker.made += 1
            number = PerBroker.made
            return side.subclass(side.pb.Referenceable, "Own", remote_number=lambda self: number)()

    return PerBroker()


@scenario(per_broker)
async def root_for_each_connection(side: Any, root: Any) -> Any:
    """``rootObject`` is asked for every connection."""
    return [await side.call(root, "number"), await side.call(await side.root(), "number")]


def overriding(side: Any) -> Any:
    """A root that takes its messages itself, and one that upcalls."""

    class Overriding(side.pb.Root):  # type: ignore[misc]
        """Takes note of a message before it is dispatched."""

        def remoteMessageReceived(self, broker: Any, message: str, args: Any, kw: Any) -> Any:
            """Take note."""
            side.note(message, broker.unserialize(args))
            return super().remoteMessageReceived(broker, message, args, kw)

        def remote_double(self, number: int) -> int:
            """Double."""
            return number * 2

    return Overriding()


@scenario(overriding)
async def remote_message_received_overridden(side: Any, root: Any) -> Any:
    """A class may see its messages before they are dispatched."""
    return [await side.call(root, "double", 4), await side.call(root, "absent")]


def unique(side: Any) -> Any:
    """Objects that say that they are one."""

    class Twin(side.pb.Referenceable):  # type: ignore[misc]
        """Has the identity of its name."""

        def processUniqueID(self) -> Any:
            """One for all."""
            return ("twin", 1)

        def remote_who(self) -> str:
            """Anybody."""
            return "twin"

    return side.subclass(side.pb.Root, "Unique", remote_twin=lambda self: Twin())()


@scenario(unique)
async def process_unique_id(side: Any, root: Any) -> Any:
    """Objects with one unique id are one object on the wire."""
    one, other = await root.callRemote("twin"), await root.callRemote("twin")
    return [one == other, one.luid == other.luid, await side.call(other, "who"), (await side.server())["tables"]]
