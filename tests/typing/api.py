"""A program's use of the package, with the types that it may count on."""

from __future__ import annotations

from typing import Any

from twisted.cred.credentials import UsernamePassword
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ClientFactory, ServerFactory
from typing_extensions import assert_type

import spreadlite
from spreadlite import banana, flavors, jelly, pb, util
from spreadlite.options import Limits, StrictSecurityOptions


class Lamp(pb.Referenceable):
    """Served."""

    def remote_on(self, brightness: int) -> str:
        """A method."""
        return "on" * brightness


class Root(pb.Root):
    """Where clients begin."""

    def remote_lamp(self) -> Lamp:
        """An object."""
        return Lamp()

    async def remote_later(self) -> int:
        """A coroutine."""
        return 1


class Moved(pb.Copyable, pb.RemoteCopy):
    """A copy."""

    def getStateToCopyFor(self, perspective: Any) -> dict[str, int]:
        """Its state."""
        return {"x": 1}


class Mine(pb.Broker):
    """A broker of one's own."""

    def connectionReady(self) -> None:
        """Ready."""
        super().connectionReady()


def served() -> ServerFactory:
    """A server."""
    factory = pb.PBServerFactory(
        Root(), unsafeTracebacks=True, security=StrictSecurityOptions(), limits=Limits(depth=100), keepAlive=30
    )
    factory.protocol = Mine
    return factory


async def connected(address: IAddress) -> None:
    """A client."""
    factory = pb.PBClientFactory(limits=Limits(references=10), keepAlive=None)
    as_factory: ClientFactory = factory
    made = as_factory.buildProtocol(address)
    del made
    root = await factory.getRootObject()
    assert_type(root, pb.RemoteReference)
    root.notifyOnDisconnect(print)
    try:
        lamp = await root.callRemote("lamp")
    except pb.RemoteError as error:
        print(error.remoteType.decode(), error.args[0])
        return
    avatar = await factory.login(UsernamePassword(b"a", b"b"))
    print(avatar)
    assert_type(pb.RemoteReference(None, None, 1, 0).remoteMethod("on"), pb.RemoteMethod)
    await lamp.callRemote("on", 3, pbanswer=True)
    pages = await util.getAllPages(root, "pages")
    print(pages)
    factory.disconnect()


def plain() -> None:
    """Functions."""
    assert_type(banana.encode([1, b"x"]), bytes)
    assert_type(Limits().depth, int)
    assert_type(pb.portno, int)
    assert_type(pb.MAX_BROKER_REFS, int)
    assert_type(spreadlite.__version__, str)
    spreadlite.install(force=False)
    jelly.setUnjellyableForClass("lamps.Moved", Moved)
    flavors.setUnjellyableForClass(Moved, Moved)
    jelly.globalSecurity.allowTypes("a", b"b")
    banana.SIZE_LIMIT = 10 * banana.SIZE_LIMIT
    print(jelly.jelly([1], jelly.DummySecurityOptions(), limits=Limits()))
