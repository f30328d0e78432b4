"""Copyables and what they arrive as."""

from __future__ import annotations

import types
from typing import Any

from tests.compat.scenario import scenario
from tests.compat.show import shown


def tagged(side: Any, tag: str, base: Any = None, **members: Any) -> Any:
    """A Copyable class that says what it is called."""
    return side.subclass(base or side.pb.Copyable, "Sent", getTypeToCopy=lambda self: tag.encode(), **members)


def of(cls: Any, **state: Any) -> Any:
    """An object of *cls* with *state*."""
    made = cls()
    made.__dict__.update(state)
    return made


def pond(side: Any) -> Any:
    """A root that sends and takes copies of every kind."""
    Pond = tagged(side, "compat.Pond")
    Selective = tagged(side, "compat.Pond", getStateToCopy=lambda self: {"chosen": self.a})
    Nothing = tagged(side, "compat.Pond", getStateToCopy=lambda self: None)
    Named = side.subclass(side.pb.Copyable, "Named")
    Unknown = tagged(side, "compat.Unknown")
    Factory = tagged(side, "compat.Factory")
    Tuple = tagged(side, "compat.Tuple", getStateToCopy=lambda self: (1, "two"))
    Hooked = tagged(side, "compat.Hooked")
    Tree = tagged(side, "compat.tree.Leaf")
    Bytes = tagged(side, "compat.Pond", getStateToCopy=lambda self: {b"bytes": 1, "text": 2})

    class ForWhom(side.pb.Copyable):  # type: ignore[misc]
        """Says something else to each perspective."""

        def getTypeToCopyFor(self, perspective: Any) -> bytes:
            """The same type for all."""
            return b"compat.Pond"

        def getStateToCopyFor(self, perspective: Any) -> Any:
            """Who looks."""
            return {"for": getattr(perspective, "name", None)}

    Visitor = side.subclass(side.pb.Avatar, "Visitor", perspective_look=lambda self: of(ForWhom))
    visitor = of(Visitor, name="alice")
    adapter = side.pb.AsReferenceable(visitor, "perspective")

    class Received(side.pb.RemoteCopy):  # type: ignore[misc]
        """What a client's copy arrives as."""

    side.pb.setUnjellyableForClass("compat.ToServer", Received)
    one = of(Pond, frogs=12, name="north", tags=["a"])

    class Root(side.pb.Root):  # type: ignore[misc]
        """Sends and takes copies."""

        def remote_plain(self) -> Any:
            """State and all."""
            return one

        def remote_selective(self) -> Any:
            """Chosen state."""
            return of(Selective, a=1, b=2)

        def remote_nothing(self) -> Any:
            """No state."""
            return of(Nothing)

        def remote_twice(self) -> Any:
            """The same one twice."""
            return [one, one]

        def remote_nested(self) -> Any:
            """One in the other, with a list in common."""
            shared = ["shared"]
            return of(Pond, inner=of(Pond, shared=shared), shared=shared)

        def remote_reference(self) -> Any:
            """A copy that holds a reference."""
            return of(Pond, ref=self, text="grün")

        def remote_named(self) -> Any:
            """By the name of its class."""
            return of(Named, a=1)

        def remote_factory(self) -> Any:
            """For a factory."""
            return of(Factory, a=1)

        def remote_tuple(self) -> Any:
            """State that is no dict."""
            return of(Tuple)

        def remote_hooked(self) -> Any:
            """For a class with hooks."""
            return of(Hooked, a=1)

        def remote_tree(self) -> Any:
            """For a class of a tree."""
            return of(Tree, a=1)

        def remote_bytes(self) -> Any:
            """Attribute names as bytes, as Python 2 sends them."""
            return of(Bytes)

        def remote_visit(self) -> Any:
            """An avatar that looks at copies."""
            return adapter

        def remote_forWhom(self) -> Any:
            """The same without an avatar."""
            return of(ForWhom)

        def remote_take(self, it: Any) -> Any:
            """Describe what was passed."""
            return [type(it).__name__, shown(it)]

        def remote_unknown(self, it: Any) -> Any:
            """Take what nobody knows."""
            side.note("called")

    side.unknown = Unknown
    return Root()


def receiving(side: Any, tag: str, **members: Any) -> Any:
    """Register a RemoteCopy for *tag* on the client's side."""
    cls = side.subclass(side.pb.RemoteCopy, "Received", **members)
    side.pb.setUnjellyableForClass(tag, cls)
    return cls


def _simple(name: str, doc: str) -> None:
    async def client(side: Any, root: Any) -> Any:
        receiving(side, "compat.Pond")
        return await side.call(root, name)

    client.__doc__ = doc
    scenario(pond, f"copy: {name}")(client)


_simple("plain", "A Copyable's attributes arrive.")
_simple("selective", "``getStateToCopy`` says which.")
_simple("nothing", "No state is an empty object.")
_simple("twice", "One copy, twice, is one object.")
_simple("nested", "Copies in copies, and what they share.")
_simple("reference", "A copy may hold references.")
_simple("bytes", "Bytes for attribute names become text.")
_simple("forWhom", "Without a perspective there is none.")


@scenario(pond)
async def copy_for_a_perspective(side: Any, root: Any) -> Any:
    """State may depend on who looks."""
    receiving(side, "compat.Pond")
    return await side.call(await root.callRemote("visit"), "look")


@scenario(pond)
async def copy_by_the_name_of_its_class(side: Any, root: Any) -> Any:
    """Without a tag the class's own name travels."""
    receiving(side, "tests.compat.made.Named")
    return await side.call(root, "named")


@scenario(pond)
async def copy_registered_by_bytes(side: Any, root: Any) -> Any:
    """A tag may be registered as bytes."""
    receiving(side, "compat.other")
    side.pb.setUnjellyableForClass(b"compat.Pond", side.subclass(side.pb.RemoteCopy, "ByBytes"))
    return await side.call(root, "plain")


@scenario(pond)
async def copy_registered_by_class(side: Any, root: Any) -> Any:
    """A class stands for its own name."""
    Named = side.subclass(side.pb.Copyable, "Named")
    side.pb.setUnjellyableForClass(Named, side.subclass(side.pb.RemoteCopy, "ByClass"))
    return await side.call(root, "named")


@scenario(pond)
async def copy_by_the_older_names(side: Any, root: Any) -> Any:
    """``setCopierForClass`` is the same as ``setUnjellyableForClass``."""
    side.pb.setCopierForClass("compat.Pond", side.subclass(side.pb.RemoteCopy, "Older"))
    return [await side.call(root, "plain"), b"compat.Pond" in side.pb.copyTags]


@scenario(pond)
async def copy_by_a_factory(side: Any, root: Any) -> Any:
    """A factory is given the state and makes what it likes."""
    side.pb.setUnjellyableFactoryForClass("compat.Factory", lambda state: ["made of", state])
    return await side.call(root, "factory")


@scenario(pond)
async def copy_by_an_older_factory(side: Any, root: Any) -> Any:
    """``setFactoryForClass`` is the same."""
    side.pb.setFactoryForClass("compat.Factory", lambda state: ("older", state))
    return await side.call(root, "factory")


@scenario(pond)
async def copy_of_a_class_tree(side: Any, root: Any) -> Any:
    """All classes of a module that derive from a base are registered under a prefix."""
    module = types.ModuleType("compat.tree")
    module.Base = side.subclass(side.pb.RemoteCopy, "Base")  # type: ignore[attr-defined]
    module.Leaf = side.subclass(module.Base, "Leaf")  # type: ignore[attr-defined]
    module.number = 7  # type: ignore[attr-defined]
    side.pb.setUnjellyableForClassTree(module, module.Base)  # type: ignore[attr-defined]
    return await side.call(root, "tree")


@scenario(pond)
async def copy_whose_state_is_a_tuple(side: Any, root: Any) -> Any:
    """State is whatever sender and receiver agree on."""
    receiving(side, "compat.Tuple", setCopyableState=lambda self, state: self.__dict__.update(got=state))
    return await side.call(root, "tuple")


@scenario(pond)
async def copy_with_post_unjelly(side: Any, root: Any) -> Any:
    """``postUnjelly`` is called when all has arrived."""
    receiving(side, "compat.Hooked", postUnjelly=lambda self: self.__dict__.update(hooked=True))
    return await side.call(root, "hooked")


@scenario(pond)
async def copy_with_init(side: Any, root: Any) -> Any:
    """``__init__`` of a RemoteCopy is not called."""

    def init(self: Any) -> None:
        side.note("called")

    receiving(side, "compat.Pond", __init__=init)
    return await side.call(root, "plain")


@scenario(pond)
async def copy_by_another_protocol(side: Any, root: Any) -> Any:
    """A class of one's own ``unjellyFor`` takes the list itself."""

    def unjelly_for(self: Any, unjellier: Any, expression: Any) -> Any:
        return ["taken", expression[0], unjellier.unjelly(expression[1])]

    side.pb.setUnjellyableForClass("compat.Pond", side.subclass(side.jelly.Unjellyable, "Own", unjellyFor=unjelly_for))
    return await side.call(root, "plain")


@scenario(pond)
async def copy_by_a_function(side: Any, root: Any) -> Any:
    """A function may stand for a tag."""
    side.pb.setUnjellyableForClass("compat.Pond", lambda unjellier, expression: len(expression))
    return await side.call(root, "plain")


@scenario(pond)
async def copy_to_the_server(side: Any, root: Any) -> Any:
    """A client's copy arrives at the server."""
    mine = of(tagged(side, "compat.ToServer"), a=1, b=[2], c={"d": b"e"})
    return await side.call(root, "take", mine)


@scenario(pond)
async def copy_to_the_server_twice(side: Any, root: Any) -> Any:
    """Twice in one call it is one there."""
    mine = of(tagged(side, "compat.ToServer"), a=1)
    return await side.call(root, "take", [mine, mine])


@scenario(pond)
async def copy_that_the_server_does_not_know(side: Any, root: Any) -> Any:
    """An unknown tag fails the call, which is not made; the next works."""
    mine = of(tagged(side, "compat.Strange"), a=1)
    return [(await side.call(root, "unknown", mine))[:3], await side.call(root, "take", 1)]


@scenario(pond)
async def copy_through_an_override_of_jelly_for(side: Any, root: Any) -> Any:
    """``jellyFor`` may be the class's own."""

    def jelly_for(self: Any, jellier: Any) -> Any:
        expression = jellier.prepare(self)
        expression.extend([b"compat.ToServer", jellier.jelly({"own": [self.a, 1]})])
        return jellier.preserve(self, expression)

    mine = of(side.subclass(side.pb.Copyable, "Own", jellyFor=jelly_for), a=1)
    return await side.call(root, "take", [mine, mine])


@scenario(pond)
async def copy_by_get_state_for(side: Any, root: Any) -> Any:
    """A Jellyable travels by its class's name and ``getStateFor``."""
    cls = side.subclass(side.jelly.Jellyable, "ToServer", getStateFor=lambda self, jellier: {"state": 1})
    cls.__module__ = "compat"
    return await side.call(root, "take", cls())
