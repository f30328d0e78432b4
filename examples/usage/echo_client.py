"""Sends one value of each kind to ``echo_server.py`` and prints what comes back.

Usage: python echo_client.py [PORT]
"""

import sys
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from twisted.internet import endpoints, task

from spreadlite import pb

VALUES = [
    None,
    True,
    42,
    -(2**100),
    2.5,
    b"bytes",
    "text with an umlaut: ü",
    [1, [2, [3]]],
    ("a", 1),
    {"key": b"value", 7: None},
    {"one"},
    frozenset([1]),
    datetime(2026, 2, 3, 4, 5, 6, 7),
    date(2026, 2, 3),
    time(23, 59),
    timedelta(days=1, seconds=2),
    Decimal("3.14"),
]


async def main(reactor, port=pb.portno):
    """Connect, ask for the root object, call it, and end."""
    factory = pb.PBClientFactory()
    await endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)
    echo = await factory.getRootObject()
    for value in VALUES:
        answer = await echo.callRemote("echo", value)
        print(repr(answer), "the same" if answer == value and type(answer) is type(value) else "CHANGED")

    # A list that is in the message twice arrives as one list, twice.
    shared = ["shared"]
    first, second = await echo.callRemote("echo", [shared, shared])
    print("one list, not two:", first is second)
    factory.disconnect()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
