"""What a transport can do for us beyond ``ITransport``: tell what it has not sent, time, keep-alive.

Transports differ, and applications bring their own.  Where one cannot do a thing, that thing is left out.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from twisted.internet import abstract, tcp
from twisted.python.util import untilConcludes

# A wrapper (TLS, policies) has what it wraps as its own ``transport``; nobody has a hundred of them.
_MOST_WRAPPERS = 10

# Windows has no such call.
_HAS_SENDMSG = hasattr(socket.socket, "sendmsg")


def layers(transport: Any) -> Iterator[Any]:
    """*transport*, and the transports that it wraps, down to the one with the socket."""
    for _ in range(_MOST_WRAPPERS):
        yield transport
        inner = getattr(transport, "__dict__", {}).get("transport")
        if inner is None:
            return
        transport = inner


def is_plain(transport: Any) -> bool:
    """Whether *transport* is one of Twisted's own, with a socket and without TLS: its buffer is what it seems."""
    kind: Any = type(transport)
    return _has_socket(kind) and not getattr(transport, "TLS", False) and "write" not in transport.__dict__


@lru_cache(maxsize=100)
def _has_socket(kind: Any) -> bool:
    return issubclass(kind, abstract.FileDescriptor) and kind.__module__.startswith("twisted.internet.")


def sends_itself(kind: Any) -> bool:
    """Whether transports of that class are Twisted's own, and ``writeSomeData`` does nothing else than call their socket's
    ``send``."""
    return _has_socket(kind) and kind.writeSomeData is tcp.Connection.writeSomeData


#: The class of sockets whose ``send`` that is.
socket_type = socket.socket


#: Bytes that Twisted's transports read at once; and that they are to read once so many have come, for then there are more.
READ: int = abstract.FileDescriptor.bufferSize
_READ_AFTER = 4 * READ


def read_more(transport: Any) -> None:
    """After a reading that was full: have *transport* read more at once, where it is Twisted's own and as it was made.

    A large string in one piece need not be put together, and takes fewer turns of the reactor.
    """
    if is_plain(transport) and transport.bufferSize == READ and transport.producer is None:
        _have_room()
        transport.bufferSize = _READ_AFTER


@lru_cache(maxsize=1)
def _have_room() -> None:
    """Have the C library keep what so much is read into, once for all.

    Where it is glibc, it takes memory for each such reading from the system and gives it back, page by page, until
    something of that size was given back to it as large as it was had; what is read is made as short as it is before that.
    """
    bytes(_READ_AFTER + READ)


def takes_several(transport: Any) -> bool:
    """Whether several pieces of bytes may be sent by *transport*, a plain one, as they are: nobody is to notice that it is
    not its ``writeSomeData`` that sends them."""
    return (
        _HAS_SENDMSG
        and type(transport).writeSomeData is tcp.Connection.writeSomeData
        and "writeSomeData" not in transport.__dict__
        and type(transport.socket) is socket.socket
    )


def send_several(transport: Any, chunks: list[bytes]) -> int:
    """How many bytes of *chunks* the system takes at once.

    None of them where it takes none, and where the connection is broken, which the reactor finds out by itself.
    """
    try:
        taken: int = untilConcludes(transport.socket.sendmsg, chunks)
    except OSError:
        return 0
    return taken


def unsent(transport: Any) -> int:
    """Bytes that were written to *transport* and have not been given to the system; 0 where it does not tell."""
    size = 0
    for layer in layers(transport):
        for waiting in getattr(layer, "__dict__", {}).get("_appSendBuffer") or ():
            size += len(waiting)
        if isinstance(layer, abstract.FileDescriptor):
            size += len(layer.dataBuffer) - layer.offset + layer._tempDataLen
    return size


def reactor_of(transport: Any) -> Any:
    """The reactor that *transport* belongs to, if it can be asked to wait, and the transport not to read; else None."""
    reactor = getattr(transport, "reactor", None)
    if hasattr(reactor, "callLater") and hasattr(transport, "pauseProducing"):
        return reactor
    return None


def no_delay(transport: Any) -> None:
    """Have each write sent at once: calls are short, and their caller waits."""
    set_it = getattr(transport, "setTcpNoDelay", None)
    if set_it is not None:
        try:
            set_it(True)
        except (OSError, AttributeError):
            # A UNIX socket, or a wrapper of one.
            pass


def keep_alive(transport: Any, seconds: float) -> None:
    """Have the system find out within about *seconds* that the other side is dead, and lose the connection then.

    Where the platform has them, the times of TCP's keep-alive (RFC 9293, section 3.8.4) and the user time-out (RFC 5482)
    are set; else the system's own times hold, which are hours.
    """
    for layer in layers(transport):
        handle = getattr(layer, "socket", None)
        if isinstance(handle, socket.socket):
            break
    else:
        return
    if handle.family not in (socket.AF_INET, socket.AF_INET6):
        return
    # Half of the time in silence, and three probes in the other half.
    idle = max(1, math.ceil(seconds / 2))
    between = max(1, math.ceil(seconds / 6))
    options = (
        ("SO_KEEPALIVE", socket.SOL_SOCKET, 1),
        ("TCP_KEEPIDLE", socket.IPPROTO_TCP, idle),
        ("TCP_KEEPALIVE", socket.IPPROTO_TCP, idle),
        ("TCP_KEEPINTVL", socket.IPPROTO_TCP, between),
        ("TCP_KEEPCNT", socket.IPPROTO_TCP, 3),
        ("TCP_USER_TIMEOUT", socket.IPPROTO_TCP, math.ceil(seconds * 1000)),
    )
    for name, level, value in options:
        option = getattr(socket, name, None)
        if option is not None:
            try:
                handle.setsockopt(level, option, value)
            except OSError:
                # A time that the system does not take: the others still hold.
                pass
