"""Every type of value, echoed: passed as an argument, described by the server, and returned."""

from __future__ import annotations

from typing import Any

from tests.compat.scenario import scenario
from tests.compat.show import shown
from tests.vectors import values


def echo(side: Any) -> Any:
    """A root that notes what it is given and gives it back."""

    def method(self: Any, value: Any) -> Any:
        side.note(value)
        return value

    return side.subclass(side.pb.Root, "Echo", remote_echo=method)()


def _kinds() -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {}
    for name in values.CARRIED:
        kind = name.partition(" ")[0]
        if kind in ("class", "values") or name.startswith("instance"):
            continue
        alone = kind in ("lists", "tuples", "dicts", "list", "dict", "tuple") and name.partition(" ")[2] not in _PLAIN
        kinds.setdefault(name if alone else kind, []).append(name)
    return kinds


#: Rows of containers that go together; each shape of sharing has a scenario of its own.
_PLAIN = {"empty", "one", "mixed", "bools", "nested", "str key", "bytes key", "int key", "none key", "tuple key"}
_PLAIN |= {"bool key", "float key", "order", "frozen key", "date key"}


def _register(kind: str, names: list[str]) -> None:
    async def client(side: Any, root: Any) -> Any:
        results = []
        for name in names:
            sent = values.CARRIED[name]()
            received = await root.callRemote("echo", sent)
            results.append([name, shown(received) == shown(sent), shown(received)])
        return results

    scenario(echo, f"echo of {kind}")(client)


for _kind, _names in _kinds().items():
    _register(_kind, _names)


def _register_unpersistable(name: str) -> None:
    async def client(side: Any, root: Any) -> Any:
        value = values.UNPERSISTABLE[name]()
        return await side.call(root, "echo", value)

    scenario(echo, f"unpersistable: {name}")(client)


for _name in values.UNPERSISTABLE:
    _register_unpersistable(_name)


@scenario(echo)
async def classes_are_refused(side: Any, root: Any) -> Any:
    """A class is not passed unless it is allowed: the call fails, and the next works."""
    return [await side.call(root, "echo", int), await side.call(root, "echo", 1)]


def echo_allowing(side: Any) -> Any:
    """A root whose security options allow a class."""
    side.options["security"] = _allowing(side)
    return echo(side)


def _allowing(side: Any) -> Any:
    options = side.jelly.SecurityOptions()
    options.allowBasicTypes()
    options.allowInstancesOf(values.Point, values.Keeper, values.Stateful)
    options.allowTypes("remote", "cached", "lcache", "local", "twisted.spread.pb.CopyableFailure")
    return options


@scenario(echo_allowing)
async def instances_where_they_are_allowed(side: Any, root: Any) -> Any:
    """Instances of allowed classes go both ways when both sides allow them."""
    root = await side.connect(security=_allowing(side)).getRootObject()
    names = [name for name in values.CARRIED if "instance" in name]
    return [[name, shown(await root.callRemote("echo", values.CARRIED[name]()))] for name in names]


@scenario(echo_allowing)
async def classes_where_they_are_allowed(side: Any, root: Any) -> Any:
    """A class that both sides allow is passed, another is not."""
    root = await side.connect(security=_allowing(side)).getRootObject()
    return [await side.call(root, "echo", values.Point), await side.call(root, "echo", values.Outer)]


@scenario(echo_allowing)
async def instances_that_only_the_server_allows(side: Any, root: Any) -> Any:
    """What the sender does not allow arrives as an Unpersistable."""
    return await side.call(root, "echo", values.Point(1, 2))


@scenario(echo)
async def datetime_with_a_timezone_is_refused(side: Any, root: Any) -> Any:
    """The sender's call fails, and nothing goes out."""
    import datetime

    aware = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    return [(await side.call(root, "echo", aware))[:3], await side.call(root, "echo", 1)]


@scenario(echo)
async def lone_surrogate_is_refused(side: Any, root: Any) -> Any:
    """Text that has no UTF-8 fails at the sender."""
    return [(await side.call(root, "echo", "\ud800"))[:3], await side.call(root, "echo", "fine")]


@scenario(echo)
async def a_list_of_ten_thousand(side: Any, root: Any) -> Any:
    """A long list."""
    return await root.callRemote("echo", list(range(10000))) == list(range(10000))


@scenario(echo)
async def text_of_half_a_megabyte(side: Any, root: Any) -> Any:
    """A long text."""
    return await root.callRemote("echo", "grün " * 100000) == "grün " * 100000


@scenario(echo)
async def many_small_calls(side: Any, root: Any) -> Any:
    """A hundred calls at once are answered in order."""
    waiting = [root.callRemote("echo", number) for number in range(100)]
    return [await one for one in waiting]
