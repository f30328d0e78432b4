"""Calls: names, arguments, keywords, answers now and later, answers that nobody wants."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed

from tests.compat.scenario import scenario
from tests.compat.show import shown


def desk(side: Any) -> Any:
    """A root with a method of every shape."""
    held: list[Deferred[Any]] = []

    class Desk(side.pb.Root):  # type: ignore[misc]
        """Methods of every shape."""

        def remote_nothing(self) -> None:
            """Give nothing."""
            side.note("nothing")

        def remote_all(self, *args: Any, **kw: Any) -> Any:
            """Give everything back."""
            return [args, kw]

        def remote_default(self, first: Any, second: Any = "second") -> Any:
            """Have a default."""
            return [first, second]

        def remote_only(self, *, word: Any) -> Any:
            """Want a keyword."""
            return word

        def remote_later(self) -> Deferred[Any]:
            """Answer when `remote_release` says so."""
            held.append(Deferred())
            return held[-1]

        def remote_release(self, index: int, value: Any) -> None:
            """Answer a call of `remote_later`."""
            held[index].callback(value)

        def remote_already(self) -> Deferred[Any]:
            """A Deferred that has fired."""
            return succeed(["already"])

        def remote_chain(self) -> Deferred[Any]:
            """A Deferred that waits for another."""
            return succeed(None).addCallback(lambda ignored: succeed({"chained": True}))

        def remote_grün(self) -> str:
            """A name that is not ASCII."""
            return "grün"

        def __getattr__(self, name: str) -> Any:
            if name == "remote_dynamic":
                return lambda *args: ["dynamic", *args]
            raise AttributeError(name)

    return Desk()


@scenario(desk)
async def no_arguments(side: Any, root: Any) -> Any:
    """The shortest call; its answer is None."""
    return await side.call(root, "nothing")


@scenario(desk)
async def positional_arguments(side: Any, root: Any) -> Any:
    """Arguments arrive in order, in a tuple."""
    return await side.call(root, "all", 1, "two", b"three", None, [5])


@scenario(desk)
async def keyword_arguments(side: Any, root: Any) -> Any:
    """Keywords arrive as str."""
    return await side.call(root, "all", name="Bob", number=12, list="a word of the vocabulary")


@scenario(desk)
async def keywords_that_are_not_ascii(side: Any, root: Any) -> Any:
    """Any identifier is a keyword."""
    return await side.call(root, "all", **{"größe": 1, "with space": 2})


@scenario(desk)
async def default_arguments(side: Any, root: Any) -> Any:
    """Defaults are the server's."""
    return [await side.call(root, "default", 1), await side.call(root, "default", 1, second=2)]


@scenario(desk)
async def keyword_only_arguments(side: Any, root: Any) -> Any:
    """A method may want keywords."""
    return [await side.call(root, "only", word="w"), (await side.call(root, "only", "w"))[:3]]


@scenario(desk)
async def reserved_keywords_never_arrive(side: Any, root: Any) -> Any:
    """``pbanswer`` is for the caller's side."""
    return await side.call(root, "all", pbanswer=True, other=1)


@scenario(desk)
async def pbcallback_and_pberrback(side: Any, root: Any) -> Any:
    """The old way of taking an answer still works."""
    heard: list[Any] = []
    root.callRemote("all", 1, pbcallback=heard.append, pberrback=heard.append)
    await root.callRemote("nothing")
    return shown(heard)


@scenario(desk)
async def no_answer_wanted(side: Any, root: Any) -> Any:
    """``pbanswer=False`` gives no Deferred, and the call is made."""
    given = root.callRemote("nothing", pbanswer=False)
    return [given, (await side.server())["notes"]]


@scenario(desk)
async def no_answer_wanted_by_zero(side: Any, root: Any) -> Any:
    """``pbanswer=0`` means the same."""
    given = root.callRemote("nothing", pbanswer=0)
    return [given, (await side.server())["notes"]]


@scenario(desk)
async def answers_out_of_order(side: Any, root: Any) -> Any:
    """Each answer finds its own call."""
    first, second = root.callRemote("later"), root.callRemote("later")
    await root.callRemote("release", 1, "for the second")
    await root.callRemote("release", 0, "for the first")
    return [await first, await second]


@scenario(desk)
async def answer_that_has_already_fired(side: Any, root: Any) -> Any:
    """A Deferred with a result is an answer."""
    return await side.call(root, "already")


@scenario(desk)
async def answer_by_a_chain(side: Any, root: Any) -> Any:
    """A Deferred that waits for a Deferred is an answer."""
    return await side.call(root, "chain")


@scenario(desk)
async def name_as_bytes(side: Any, root: Any) -> Any:
    """A method's name may be bytes."""
    return shown(await root.callRemote(b"all", 1))


@scenario(desk)
async def name_that_is_not_ascii(side: Any, root: Any) -> Any:
    """A method's name is text."""
    return await side.call(root, "grün")


@scenario(desk)
async def method_by_getattr(side: Any, root: Any) -> Any:
    """Methods may be made when they are asked for."""
    return await side.call(root, "dynamic", 1)


@scenario(desk)
async def missing_method(side: Any, root: Any) -> Any:
    """NoSuchMethod, and the connection lives."""
    return [await side.call(root, "absent"), await side.call(root, "nothing")]


@scenario(desk)
async def missing_method_without_answer(side: Any, root: Any) -> Any:
    """Nobody is told but the server's log."""
    root.callRemote("absent", pbanswer=False)
    return [(await side.server())["logged"], await side.call(root, "nothing")]


@scenario(desk)
async def too_many_arguments(side: Any, root: Any) -> Any:
    """TypeError, by name."""
    return (await side.call(root, "nothing", 1))[:3]


@scenario(desk)
async def empty_name(side: Any, root: Any) -> Any:
    """No method has no name."""
    return await side.call(root, "")


@scenario(desk)
async def remote_method(side: Any, root: Any) -> Any:
    """A method as an object, called twice."""
    method = root.remoteMethod("all")
    return [shown(await method(1)), shown(await method(x=2))]


@scenario(desk)
async def remote_methods_compare(side: Any, root: Any) -> Any:
    """Two of the same name and object are equal."""
    one, same, other = root.remoteMethod("all"), root.remoteMethod("all"), root.remoteMethod("nothing")
    return [one == same, one != other, one == other]


@scenario(desk)
async def shared_argument(side: Any, root: Any) -> Any:
    """One list as two positional arguments is one list at the server; a keyword's is another."""
    shared: list[Any] = [1]
    return await side.call(root, "all", shared, shared, word=shared)


@scenario(desk)
async def cyclic_argument(side: Any, root: Any) -> Any:
    """A cycle arrives as one."""
    cycle: list[Any] = []
    cycle.append(cycle)
    return await side.call(root, "all", cycle)


@scenario(desk)
async def arguments_with_vocabulary(side: Any, root: Any) -> Any:
    """Words of the vocabulary are bytes like others, in either case."""
    return await side.call(root, "all", b"list", "list", b"decref", b"None", [b"tuple"])


@scenario(desk)
async def two_connections(side: Any, root: Any) -> Any:
    """Each connection has its own numbers."""
    other = await side.root()
    return [await side.call(root, "default", 1), await side.call(other, "default", 2)]


@scenario(desk)
async def root_object_is_kept(side: Any, root: Any) -> Any:
    """The factory gives the same root as long as it is connected."""
    return [await side.factory.getRootObject() is root, await side.factory.getRootObject() == root]


@scenario(desk)
async def root_object_asked_before(side: Any, root: Any) -> Any:
    """All that asked before the connection was there get the root."""
    factory = side.pb.PBClientFactory()
    waiting = [factory.getRootObject() for _ in range(3)]
    side.dial(factory)
    roots = [await one for one in waiting]
    return [roots[0] is roots[1] is roots[2], await side.call(roots[0], "nothing")]


def none_only(side: Any) -> Any:
    """A server whose brokers know dialect none only."""
    side.protocol = side.subclass(side.pb.Broker, "Broker", knownDialects=[b"none"])
    return desk(side)


@scenario(none_only)
async def dialect_none(side: Any, root: Any) -> Any:
    """Where the server offers none only, everything is spelt out."""
    return [await side.call(root, "all", [1], word={"list": b"list"}), await side.call(root, "absent")]


@scenario(desk)
async def dialect_none_by_the_client(side: Any, root: Any) -> Any:
    """The client chooses none where it knows no other."""
    factory = side.pb.PBClientFactory()
    factory.protocol = side.subclass(side.pb.Broker, "Broker", knownDialects=[b"none"])
    root = await side.dial(factory).getRootObject()
    return [await side.call(root, "all", [1], word={"list": b"list"}), side.brokers[1].currentDialect == b"none"]


@scenario(desk)
async def dialect_that_nobody_shares(side: Any, root: Any) -> Any:
    """The client hangs up; its root never comes, and says so."""
    factory = side.pb.PBClientFactory()
    factory.protocol = side.subclass(side.pb.Broker, "Broker", knownDialects=[b"esperanto"])
    return (await side.outcome(side.dial(factory).getRootObject()))[:3]


def named(side: Any) -> Any:
    """A root whose brokers have another object under a name."""

    class Broker(side.pb.Broker):  # type: ignore[misc]
        """Has a second object to offer."""

        def connectionReady(self) -> None:
            """Offer it."""
            second = side.subclass(side.pb.Referenceable, "Second", remote_who=lambda self: "second")()
            self.setNameForLocal("second", second)
            super().connectionReady()

    side.protocol = Broker
    return desk(side)


@scenario(named)
async def object_by_name(side: Any, root: Any) -> Any:
    """Any object can be reached by a name that the server gave it, and a name that it did not give is an error."""
    return [
        await side.call(side.broker.remoteForName("second"), "who"),
        await side.call(side.broker.remoteForName("third"), "who"),
    ]
