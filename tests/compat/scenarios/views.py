"""Viewables, view points and avatars without a login."""

from __future__ import annotations

from typing import Any

from tests.compat.scenario import repaired, scenario
from tests.compat.show import shown


def gallery(side: Any) -> Any:
    """A root that hands out views of one picture to two visitors."""

    class Picture(side.pb.Viewable):  # type: ignore[misc]
        """Something to see."""

        def view_seen(self, visitor: Any, *args: Any, **kw: Any) -> Any:
            """Say who sees it."""
            return [getattr(visitor, "name", None), args, kw]

        def view_itself(self, visitor: Any) -> Any:
            """Hand out another view."""
            return self

        def view_isMe(self, visitor: Any, it: Any) -> Any:
            """What comes home of a view."""
            return [type(it).__name__, getattr(it, "object", None) is self]

    class Visitor(side.pb.Avatar):  # type: ignore[misc]
        """Has a perspective."""

        def __init__(self, name: str) -> None:
            self.name = name

        def perspective_picture(self) -> Any:
            """Show the picture."""
            return picture

        def perspective_name(self, *args: Any, **kw: Any) -> Any:
            """Say who I am."""
            return [self.name, args, kw]

        def perspective_point(self) -> Any:
            """Show the picture as somebody else sees it."""
            return side.pb.ViewPoint(visitors["bob"], picture)

    picture = Picture()
    visitors = {name: Visitor(name) for name in ("alice", "bob")}
    adapters = {name: side.pb.AsReferenceable(visitor, "perspective") for name, visitor in visitors.items()}
    return side.subclass(
        side.pb.Root,
        "Gallery",
        remote_picture=lambda self: picture,
        remote_visit=lambda self, name: adapters[name],
        remote_point=lambda self, name: side.pb.ViewPoint(visitors[name], picture),
    )()


@scenario(gallery)
async def view_without_a_perspective(side: Any, root: Any) -> Any:
    """From a root, a view has no perspective."""
    return await side.call(await root.callRemote("picture"), "seen", 1, k=2)


@scenario(gallery)
async def view_with_a_perspective(side: Any, root: Any) -> Any:
    """From an avatar, the view's methods are given the avatar."""
    results = []
    for name in ("alice", "bob"):
        visitor = await root.callRemote("visit", name)
        results.append(await side.call(await visitor.callRemote("picture"), "seen", name, k=[1]))
    return results


@scenario(gallery)
async def view_passes_its_perspective_on(side: Any, root: Any) -> Any:
    """What a view's method returns is seen from the same perspective."""
    visitor = await root.callRemote("visit", "alice")
    view = await visitor.callRemote("picture")
    return await side.call(await view.callRemote("itself"), "seen")


@scenario(gallery)
async def view_counted_by_perspective_and_object(side: Any, root: Any) -> Any:
    """The same picture from the same perspective is the same view; from another it is another."""
    alice, bob = await root.callRemote("visit", "alice"), await root.callRemote("visit", "bob")
    views = [await who.callRemote("picture") for who in (alice, alice, bob)]
    return [views[0] == views[1], views[0] == views[2], (await side.server())["tables"]]


@scenario(gallery)
async def view_comes_home_as_a_view_point(side: Any, root: Any) -> Any:
    """A view that is passed back is the ViewPoint."""
    visitor = await root.callRemote("visit", "alice")
    view = await visitor.callRemote("picture")
    return await side.call(view, "isMe", view)


@scenario(gallery)
async def view_point_by_hand(side: Any, root: Any) -> Any:
    """A ViewPoint may be made by hand, for any perspective."""
    alice = await root.callRemote("visit", "alice")
    views = [await root.callRemote("point", "alice"), await alice.callRemote("point")]
    return [await side.call(view, "seen") for view in views]


@scenario(gallery)
async def view_without_the_method(side: Any, root: Any) -> Any:
    """A missing view method is an AttributeError."""
    return (await side.call(await root.callRemote("picture"), "absent"))[:3]


@scenario(gallery)
async def view_with_wrong_arguments(side: Any, root: Any) -> Any:
    """A TypeError is the caller's."""
    view = await root.callRemote("picture")
    return [(await side.call(view, "itself", 1))[:3], await side.call(view, "seen")]


@scenario(gallery)
async def avatar_called(side: Any, root: Any) -> Any:
    """An avatar's methods are called with arguments and keywords."""
    visitor = await root.callRemote("visit", "alice")
    return shown(await visitor.callRemote("name", 1, k="v"))


@scenario(gallery)
async def avatar_without_the_method(side: Any, root: Any) -> Any:
    """A missing perspective method is an AttributeError."""
    visitor = await root.callRemote("visit", "alice")
    return [(await side.call(visitor, "absent"))[:3], (await side.call(visitor, "picture", 1))[:3]]


@repaired(gallery, by="either", theirs="NoneType", ours="ViewPoint")
async def viewable_of_the_clients_comes_home(side: Any, root: Any) -> Any:
    """A client's Viewable comes home as the view of it, though the server has dropped it with the answer."""
    mine = side.subclass(side.pb.Viewable, "Mine")()
    view = await root.callRemote("picture")
    return type((await view.callRemote("seen", mine))[1][0]).__name__
