"""What may be written for a port: a number, or the description of a Twisted endpoint.

`tcp:8787:interface=127.0.0.1`, `unix:/run/quotes`, `ssl:8787:privateKey=key.pem`, `systemd:domain=INET:index=0`,
`haproxy:tcp:8787` and whatever else Twisted and its plugins know.
"""

from __future__ import annotations

import os
import re
from typing import Any

from twisted.internet.endpoints import serverFromString

__all__ = ["PortError", "clash", "description"]

_WITH_PORT = {"tcp": "IPv4", "ssl": "IPv4", "tls": "IPv4", "tcp6": "IPv6"}


class PortError(ValueError):
    """What was written for a port names no place to listen on."""


def description(port: str, reactor: Any) -> str:
    """The endpoint description that *port* stands for.

    Raises:
        PortError: it is neither a number from 0 to 65535 nor a description that Twisted understands.
    """
    written = port.strip()
    if re.fullmatch(r"[+-]?\d+", written, re.ASCII):
        written = f"tcp:{int(written)}"
    elif ":" not in written:
        raise PortError(f"{port!r} is neither a port number nor an endpoint description")
    place = _place(written)
    if place[0] in ("IPv4", "IPv6"):
        number = place[1]
        if not re.fullmatch(r"\d+", number, re.ASCII) or int(number) > 65535:
            raise PortError(f"{port!r} is no port: the number must be from 0 to 65535")
    if place == ("unix", os.getcwd(), ""):
        raise PortError(f"{port!r} names no socket")
    try:
        serverFromString(reactor, written)
    except Exception as error:
        raise PortError(f"{port!r} is no endpoint that can be listened on: {error or type(error).__name__}") from error
    return written


def clash(one: str, other: str) -> bool:
    """Whether two descriptions name the same place, so that only one of them can be listened on."""
    first, second = _place(one), _place(other)
    if first[:2] != second[:2] or first[1] == "0":
        return False
    # Every interface includes each of them.
    return first[2] == second[2] or "" in (first[2], second[2])


def _place(written: str) -> tuple[str, str, str]:
    """What kind of place a description names, which one, and on which interface."""
    kind, positional, named = _fields(written)
    if kind == "haproxy" and positional:
        return _place(written.split(":", 1)[1])
    if kind in _WITH_PORT:
        port = named.get("port", positional[0] if positional else "")
        interface = named.get("interface", positional[1] if len(positional) > 1 else "")
        if interface in ("0.0.0.0", "::"):
            interface = ""
        return _WITH_PORT[kind], str(int(port)) if port.isdecimal() else port, interface
    if kind == "unix":
        address = named.get("address", positional[0] if positional else "")
        return kind, os.path.abspath(address), ""
    return kind, written, ""


def _fields(written: str) -> tuple[str, list[str], dict[str, str]]:
    """The parts of a description: colons separate them, a backslash takes the meaning from the next character."""
    parts = [re.sub(r"\\(.)", r"\1", part) for part in re.split(r"(?<!\\):", written)]
    positional = [part for part in parts[1:] if "=" not in part]
    named = dict(part.split("=", 1) for part in parts[1:] if "=" in part)
    return parts[0].lower(), positional, named
