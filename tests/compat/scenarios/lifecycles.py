"""Connections that end: who is told, and what becomes of calls and references."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from tests.compat.scenario import repaired, scenario
from tests.compat.show import raised


def hall(side: Any) -> Any:
    """A root that can be left."""
    kept: list[Any] = []

    class Hall(side.pb.Root):  # type: ignore[misc]
        """Can be left."""

        def rootObject(self, broker: Any) -> Any:
            """Take note of the end of each connection."""
            broker.notifyOnDisconnect(lambda: side.note("disconnected"))
            broker.notifyOnConnect(lambda: side.note("connected"))
            return self

        def remote_ok(self, *args: Any) -> str:
            """Be there."""
            return "ok"

        def remote_never(self) -> Deferred[Any]:
            """Never answer."""
            waiting: Deferred[Any] = Deferred()
            kept.append(waiting)
            return waiting

        def remote_hangUp(self) -> Deferred[Any]:
            """Hang up instead of an answer."""
            side.broker.transport.loseConnection()
            return self.remote_never()

        def remote_answerAndHangUp(self) -> str:
            """Hang up after the answer."""
            side.reactor.callLater(0, side.broker.transport.loseConnection)
            return "bye"

        def remote_watch(self, it: Any) -> None:
            """Watch for the end of a client's object."""
            kept.append(it)
            it.notifyOnDisconnect(lambda gone: side.note("gone", gone is it))

        def remote_callKept(self) -> Any:
            """Call every object that was kept; what comes of it."""
            outcomes = []
            for it in kept:
                try:
                    it.callRemote("ok").addErrback(lambda failure: None)
                    outcomes.append("called")
                except Exception as error:
                    outcomes.append(type(error).__name__)
            return outcomes

        def remote_release(self) -> int:
            """Answer what waits, though nobody listens any more."""
            for waiting in kept:
                waiting.callback("too late")
            return len(kept)

        def remote_new(self) -> Any:
            """An object."""
            return side.subclass(side.pb.Referenceable, "New", remote_ok=lambda self: "new ok")()

    return Hall()


@scenario(hall)
async def calls_in_flight(side: Any, root: Any) -> Any:
    """When the connection goes, every call that waits fails with PBConnectionLost."""
    waiting = [root.callRemote("never") for _ in range(3)]
    await side.settle()
    side.factory.disconnect()
    return [(await side.outcome(one))[:3] for one in waiting]


@scenario(hall)
async def calls_in_flight_and_the_server_leaves(side: Any, root: Any) -> Any:
    """The same if it was the server that left."""
    waiting = [root.callRemote("never"), root.callRemote("hangUp")]
    return [(await side.outcome(one))[:3] for one in waiting]


@scenario(hall)
async def call_in_flight_and_aborted(side: Any, root: Any) -> Any:
    """The same if the connection breaks."""
    waiting = root.callRemote("never")
    await side.settle()
    side.taps[0].transport.abortConnection()
    return (await side.outcome(waiting))[:3]


@scenario(hall)
async def answer_and_the_end(side: Any, root: Any) -> Any:
    """What was answered before the end arrives."""
    return await side.call(root, "answerAndHangUp")


@scenario(hall)
async def stale_reference(side: Any, root: Any) -> Any:
    """A call on a lost connection raises at once."""
    one = await root.callRemote("new")
    side.factory.disconnect()
    await side.sleep()
    outcomes = []
    for reference in (root, one):
        try:
            reference.callRemote("ok")
        except Exception as error:
            outcomes.append(raised(error))
    try:
        root.remoteMethod("ok")()
    except Exception as error:
        outcomes.append(raised(error))
    return [outcomes, isinstance(side.pb.DeadReferenceError(), side.pb.ProtocolError)]


@scenario(hall)
async def stale_reference_without_an_answer(side: Any, root: Any) -> Any:
    """Also where no answer is wanted."""
    side.factory.disconnect()
    await side.sleep()
    try:
        root.callRemote("ok", pbanswer=False)
    except Exception as error:
        return raised(error)
    return "nothing was raised"


@scenario(hall)
async def reference_told_of_the_end(side: Any, root: Any) -> Any:
    """``notifyOnDisconnect`` of a reference calls with the reference, in the order in which it was asked."""
    told: list[Any] = []
    root.notifyOnDisconnect(lambda it: told.append(["first", it is root]))
    root.notifyOnDisconnect(lambda it: told.append(["second", it is root]))
    never = lambda it: told.append("never")  # noqa: E731
    root.notifyOnDisconnect(never)
    root.dontNotifyOnDisconnect(never)
    side.factory.disconnect()
    await side.sleep()
    return told


@scenario(hall)
async def reference_told_no_more(side: Any, root: Any) -> Any:
    """Who no longer wants to be told is not."""
    told: list[Any] = []
    root.notifyOnDisconnect(told.append)
    root.dontNotifyOnDisconnect(told.append)
    side.factory.disconnect()
    await side.sleep()
    return told


@scenario(hall)
async def broker_told_of_the_end(side: Any, root: Any) -> Any:
    """``notifyOnDisconnect`` of a broker calls without arguments; one that fails does not stop the others."""
    told: list[Any] = []

    def fails() -> None:
        raise ValueError("in a notifier")

    broker = root.broker
    broker.notifyOnDisconnect(lambda: told.append("first"))
    broker.notifyOnDisconnect(fails)
    broker.notifyOnDisconnect(lambda: told.append("second"))
    side.factory.disconnect()
    await side.sleep()
    return [told, side.logged, bool(broker.disconnected)]


@scenario(hall)
async def broker_told_of_the_beginning(side: Any, root: Any) -> Any:
    """``notifyOnConnect`` of a broker that is connected calls at once."""
    told: list[Any] = []
    root.broker.notifyOnConnect(lambda: told.append("connected"))
    return [told, (await side.server())["notes"]]


@scenario(hall)
async def server_told_of_the_end(side: Any, root: Any) -> Any:
    """The server is told of the end of a connection, and of each reference that it watches."""
    mine = side.pb.Referenceable()
    await root.callRemote("watch", mine)
    other = await side.root()
    await side.settle()
    side.connectors[0].disconnect()
    await side.sleep()
    return [(await side.server())["notes"], await side.call(other, "callKept")]


@scenario(hall)
async def answer_that_comes_too_late(side: Any, root: Any) -> Any:
    """A Deferred that fires after its connection was lost disturbs nobody."""
    root.callRemote("never").addErrback(lambda failure: None)
    other = await side.root()
    await side.settle()
    side.connectors[0].disconnect()
    await side.sleep()
    return [await side.call(other, "release"), (await side.server())["logged"], await side.call(other, "ok")]


@scenario(hall)
async def factory_that_connects_again(side: Any, root: Any) -> Any:
    """A factory that is connected anew gives the new root; the old one stays dead."""
    side.factory.disconnect()
    await side.sleep()
    waiting = side.factory.getRootObject()
    side.connectors[0].connect()
    again = await waiting
    result = [again is root, await side.call(again, "ok"), (await side.call(root, "ok"))[:2]]
    return result


class _Reconnecting:
    """Mixed into a client factory: connects again, once."""

    again = 0

    def clientConnectionLost(self, connector: Any, reason: Any) -> None:
        """Connect again."""
        super().clientConnectionLost(connector, reason, reconnecting=1)  # type: ignore[misc]
        if not self.again:
            self.again = 1
            connector.connect()


@scenario(hall)
async def factory_that_reconnects(side: Any, root: Any) -> Any:
    """With ``reconnecting`` those that wait for the root get it from the next connection."""
    factory = side.dial(type("Factory", (_Reconnecting, side.pb.PBClientFactory), {})())
    first = await factory.getRootObject()
    factory.disconnect()
    await side.sleep(0)
    second = await factory.getRootObject()
    if second is first:
        await side.sleep()
        second = await factory.getRootObject()
    return [second is first, await side.call(second, "ok")]


@scenario(hall)
async def factory_that_fails_to_connect(side: Any, root: Any) -> Any:
    """Where nobody listens, the root fails with the reason."""
    factory = side.pb.PBClientFactory()
    waiting = factory.getRootObject()
    factory.noisy = False
    side.reactor.connectUNIX("/nobody/listens/here", factory)
    return (await side.outcome(waiting))[:3]


@scenario(hall)
async def factory_tells_of_its_connection(side: Any, root: Any) -> Any:
    """A factory's ``clientConnectionMade`` is given the broker."""
    told: list[Any] = []

    class Factory(side.pb.PBClientFactory):  # type: ignore[misc]
        """Takes note."""

        def clientConnectionMade(self, broker: Any) -> None:
            """Take note."""
            told.append(type(broker).__name__)
            super().clientConnectionMade(broker)

    await side.dial(Factory()).getRootObject()
    return told


@scenario(hall)
async def broker_of_ones_own(side: Any, root: Any) -> Any:
    """A subclass of Broker sees its connection come and go, in order."""
    events: list[str] = []

    class Broker(side.pb.Broker):  # type: ignore[misc]
        """Takes note."""

        def connectionMade(self) -> None:
            """Made."""
            events.append("made")
            super().connectionMade()

        def connectionReady(self) -> None:
            """Negotiated."""
            events.append("ready")
            super().connectionReady()

        def connectionLost(self, reason: Any) -> None:
            """Lost."""
            events.append("lost")
            super().connectionLost(reason)

        def proto_answer(self, requestID: Any, netResult: Any) -> Any:
            """Answered."""
            events.append("answer")
            return super().proto_answer(requestID, netResult)

    factory = side.pb.PBClientFactory()
    factory.protocol = Broker
    root = await side.dial(factory).getRootObject()
    await root.callRemote("ok")
    factory.disconnect()
    await side.sleep()
    return events


@scenario(hall)
async def broker_with_a_message_of_ones_own(side: Any, root: Any) -> Any:
    """A subclass of Broker may know more messages: `proto_` and the name."""
    heard: list[Any] = []

    class Broker(side.pb.Broker):  # type: ignore[misc]
        """Knows one more."""

        def proto_version(self, vnum: int) -> Any:
            """The version, seen."""
            heard.append(vnum)
            return super().proto_version(vnum)

    factory = side.pb.PBClientFactory()
    factory.protocol = Broker
    await side.dial(factory).getRootObject()
    await side.settle()
    return heard


@scenario(hall)
async def transport_of_a_reference(side: Any, root: Any) -> Any:
    """A reference's broker has the transport, for who needs it."""
    transport = root.broker.transport
    return [transport is not None, hasattr(transport, "getPeer"), root.broker.factory is side.factory]


def silent(side: Any) -> Any:
    """A server that hangs up as soon as somebody calls."""

    class Broker(side.pb.Broker):  # type: ignore[misc]
        """Hangs up before it has said anything, from the second connection on."""

        def connectionMade(self) -> None:
            """Hang up."""
            if len(side.taps) > 1:
                self.transport.loseConnection()
            else:
                super().connectionMade()

    side.protocol = Broker
    return hall(side)


@repaired(silent, by="client", theirs="ConnectionDone", ours="ConnectionDone")
async def root_of_a_server_that_hangs_up(side: Any, root: Any) -> Any:
    """The root fails if the server hangs up before it has said anything."""
    return (await side.outcome(side.connect().getRootObject()))[2].rpartition(".")[2]
