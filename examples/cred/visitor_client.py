"""Visits ``library_server.py`` without a name, then with one.

Usage: python visitor_client.py [PORT]
"""

import sys

from twisted.cred.credentials import Anonymous, UsernamePassword
from twisted.internet import endpoints, task

from spreadlite import pb


def told(failure):
    """An errback: what a visitor may not do, a visitor's avatar has no method for."""
    return "no such thing for you"


async def main(reactor, port=pb.portno):
    """Two avatars of different classes, on one connection."""
    factory = pb.PBClientFactory()
    await endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)

    visitor = await factory.login(Anonymous())
    print("a visitor sees:", ", ".join(await visitor.callRemote("titles")))
    print("a visitor borrows:", await visitor.callRemote("borrow", "Emma").addErrback(told))

    reader = await factory.login(UsernamePassword(b"peter", b"pumpkin"))
    loan = await reader.callRemote("borrow", "Emma")
    print("a reader borrows:", await loan.callRemote("whose"))
    factory.disconnect()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
