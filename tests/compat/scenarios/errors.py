"""Errors: expected and not, by class and by name, with and without tracebacks, and those that are copies."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from tests.compat.scenario import scenario
from tests.compat.show import shown


class Private(Exception):
    """An exception that the other side cannot import."""


def office(side: Any) -> Any:
    """A root that fails in every way."""
    Refused = side.subclass(side.pb.Error, "Refused")
    Worse = side.subclass(Refused, "Worse")
    Flood = type("Flood", (side.pb.Error, side.pb.Copyable), {"getTypeToCopy": lambda self: b"compat.Flood"})
    Spill = type("Spill", (Exception, side.pb.Copyable), {"getTypeToCopy": lambda self: b"compat.Flood"})

    def flood(cls: Any) -> Any:
        made = cls("a flood")
        made.level = 5
        return made

    errors: dict[str, Any] = {
        "error": lambda: side.pb.Error("expected"),
        "error without a message": lambda: side.pb.Error(),
        "error with two arguments": lambda: side.pb.Error("one", 2),
        "error in umlauts": lambda: side.pb.Error("größer"),
        "error with a word": lambda: side.pb.Error("list"),
        "subclass": lambda: Refused("refused"),
        "subclass of a subclass": lambda: Worse("worse"),
        "value error": lambda: ValueError("unexpected"),
        "key error": lambda: KeyError("key"),
        "os error": lambda: OSError(2, "nothing there"),
        "unicode error": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        "attribute error": lambda: AttributeError("attribute"),
        "assertion error": lambda: AssertionError("assertion"),
        "zero division": lambda: ZeroDivisionError("division"),
        "private": lambda: Private("private"),
        "stop iteration": lambda: StopIteration("stop"),
        "no such method": lambda: side.pb.NoSuchMethod("by hand"),
        "dead reference": lambda: side.pb.DeadReferenceError("dead"),
        "insecure jelly": lambda: side.jelly.InsecureJelly("insecure"),
        "banana error": lambda: side.banana.BananaError("banana"),
        "jellyable error": lambda: flood(Flood),
        "jellyable exception": lambda: flood(Spill),
    }

    class Root(side.pb.Root):  # type: ignore[misc]
        """Fails."""

        def remote_raise(self, name: str) -> None:
            """Fail at once."""
            raise errors[name]()

        def remote_fail(self, name: str) -> Any:
            """Fail by a Deferred that has failed."""
            return fail(errors[name]())

        def remote_failLater(self, name: str) -> Any:
            """Fail later."""
            waiting: Deferred[Any] = Deferred()
            side.reactor.callLater(0.001, waiting.errback, Failure(errors[name]()))
            return waiting

        def remote_chained(self) -> None:
            """Fail for a reason."""
            try:
                raise KeyError("the reason")
            except KeyError as error:
                raise ValueError("for a reason") from error

        def remote_ok(self, *args: Any) -> str:
            """Do not fail."""
            return "ok"

        def remote_pass(self, it: Any) -> Any:
            """Let somebody else fail."""
            return it.callRemote("raise")

    return Root()


NAMES = (
    "error,error without a message,error with two arguments,error in umlauts,error with a word,"
    "subclass,subclass of a subclass,value error,key error,os error,unicode error,attribute error,assertion error,"
    "zero division,private,stop iteration,no such method,dead reference,insecure jelly,banana error"
).split(",")

WANTED = ("twisted.spread.pb.Error", "tests.compat.made.Refused", ValueError, OSError, KeyError)


def _register(way: str, name: str) -> None:
    async def client(side: Any, root: Any) -> Any:
        failure = await side.failure(root.callRemote(way, name))
        checks = [
            str(failure.check(wanted))
            for wanted in (side.pb.Error, *WANTED)
        ]
        return [
            shown(failure.type),
            shown(failure.value),
            failure.getErrorMessage(),
            shown(failure.traceback),
            checks,
            shown(failure.parents),
            await side.call(root, "ok"),
        ]

    scenario(office, f"{way}: {name}")(client)


for _name in NAMES:
    _register("raise", _name)
for _name in ("error", "subclass of a subclass", "value error", "private"):
    _register("fail", _name)
    _register("failLater", _name)


def _register_jellyable(way: str, name: str) -> None:
    async def client(side: Any, root: Any) -> Any:
        arrived = type("Arrived", (side.pb.Error, side.pb.RemoteCopy), {})
        side.pb.setUnjellyableForClass("compat.Flood", arrived)
        failure = await side.failure(root.callRemote(way, name))
        return [type(failure.value).__name__, failure.value.level, type(failure).__name__, await side.call(root, "ok")]

    scenario(office, f"{way}: {name}")(client)


for _way in ("raise", "fail", "failLater"):
    _register_jellyable(_way, "jellyable error")
for _way in ("fail", "failLater"):
    _register_jellyable(_way, "jellyable exception")


@scenario(office)
async def jellyable_exception_raised(side: Any, root: Any) -> Any:
    """An unexpected exception that is Copyable travels as one, or as a failure: as twisted.spread has it."""
    side.pb.setUnjellyableForClass("compat.Flood", type("Arrived", (side.pb.Error, side.pb.RemoteCopy), {}))
    failure = await side.failure(root.callRemote("raise", "jellyable exception"))
    return [type(failure).__name__, type(failure.value).__name__]


@scenario(office)
async def trap_of_the_class(side: Any, root: Any) -> Any:
    """`trap` finds the error by class, by base and by name."""
    failure = await side.failure(root.callRemote("raise", "subclass"))
    return [
        str(failure.trap(side.pb.Error)),
        str(failure.trap("tests.compat.made.Refused")),
        str(failure.trap(ValueError, "twisted.spread.pb.Error")),
        str(failure.trap(Exception)),
    ]


@scenario(office)
async def awaited_error(side: Any, root: Any) -> Any:
    """A failed call raises RemoteError into a coroutine, with the type's name, the message and the traceback."""
    try:
        await root.callRemote("raise", "value error")
    except side.pb.RemoteError as error:
        kind = error.remoteType
        return [str(error), kind.decode() if isinstance(kind, bytes) else kind, error.remoteTraceback]
    return "no error"


@scenario(office)
async def printed_error(side: Any, root: Any) -> Any:
    """A failure prints what is known of it."""
    import io

    failure = await side.failure(root.callRemote("raise", "value error"))
    out = io.StringIO()
    for method in (failure.printTraceback, failure.printBriefTraceback, failure.printDetailedTraceback):
        method(out)
    return out.getvalue()


@scenario(office)
async def error_with_a_cause(side: Any, root: Any) -> Any:
    """Of a chain of exceptions the last travels."""
    return await side.call(root, "chained")


@scenario(office)
async def error_without_an_answer(side: Any, root: Any) -> Any:
    """Where no answer is wanted, the log is told of what was unexpected, and of what was expected nobody."""
    root.callRemote("raise", "value error", pbanswer=False)
    root.callRemote("raise", "error", pbanswer=False)
    root.callRemote("fail", "error", pbanswer=0)
    return [(await side.server())["logged"], await side.call(root, "ok")]


@scenario(office)
async def error_of_the_clients_by_way_of_the_server(side: Any, root: Any) -> Any:
    """A failure that came from one side goes back there as what it was."""

    def raises(self: Any) -> None:
        raise ValueError("mine")

    mine = side.subclass(side.pb.Referenceable, "Mine", remote_raise=raises)()
    return await side.call(root, "pass", mine)


@scenario(office)
async def expected_error_of_the_clients(side: Any, root: Any) -> Any:
    """The same for an expected one."""

    def raises(self: Any) -> None:
        raise side.pb.Error("mine")

    mine = side.subclass(side.pb.Referenceable, "Mine", remote_raise=raises)()
    return await side.call(root, "pass", mine)


def outspoken(side: Any) -> Any:
    """The same root, whose factory sends tracebacks."""
    side.options["unsafeTracebacks"] = True
    return office(side)


@scenario(outspoken, bytes=False)
async def unsafe_tracebacks(side: Any, root: Any) -> Any:
    """With ``unsafeTracebacks`` the client sees where it happened, however it happened."""
    results = []
    for way, name in (("raise", "value error"), ("fail", "value error"), ("raise", "error"), ("fail", "error")):
        failure = await side.failure(root.callRemote(way, name))
        text = failure.traceback
        results.append([way, name, text.startswith("Traceback"), "unavailable" in text, "remote_raise" in text])
    return results


@scenario(outspoken, bytes=False)
async def unsafe_tracebacks_turned_off(side: Any, root: Any) -> Any:
    """The client's own factory has no say in what the server sends."""
    root = await side.connect(unsafeTracebacks=False).getRootObject()
    return "remote_raise" in (await side.failure(root.callRemote("raise", "value error"))).traceback


@scenario(office, bytes=False)
async def unsafe_tracebacks_of_the_clients(side: Any, root: Any) -> Any:
    """A client's factory may send tracebacks as well."""
    root = await side.connect(unsafeTracebacks=True).getRootObject()

    def raises(self: Any) -> None:
        raise ValueError("mine")

    mine = side.subclass(side.pb.Referenceable, "Mine", remote_raise=raises)()
    failure = await side.failure(root.callRemote("pass", mine))
    return [failure.getErrorMessage(), shown(failure.type)]


def strict(side: Any) -> Any:
    """The same root, with security options that allow an exception's class."""
    options = side.jelly.SecurityOptions()
    options.allowBasicTypes()
    options.allowInstancesOf(Private)
    side.options["security"] = options
    return office(side)


@scenario(strict)
async def exception_that_is_allowed(side: Any, root: Any) -> Any:
    """An exception whose class both sides allow travels as an instance of it."""
    options = side.jelly.SecurityOptions()
    options.allowBasicTypes()
    options.allowInstancesOf(Private)
    options.allowTypes("twisted.spread.pb.CopyableFailure")
    root = await side.connect(security=options).getRootObject()
    failure = await side.failure(root.callRemote("fail", "private"))
    return [type(failure).__name__, type(failure.value).__name__, shown(vars(failure.value))]
