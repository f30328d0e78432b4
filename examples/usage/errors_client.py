"""Provokes the errors of ``errors_server.py`` and tells them apart.

Usage: python errors_client.py [PORT]
"""

import sys

from bank import Overdrawn
from twisted.internet import endpoints, task

from spreadlite import pb


def describe(failure):
    """An errback: the failure has the name, the ancestors and the message of the exception, not the exception."""
    if failure.check(Overdrawn):
        return f"refused: {failure.getErrorMessage()}"
    if failure.check(pb.NoSuchMethod):
        return "the server has no such method"
    if failure.check(ZeroDivisionError):
        return f"the server made a mistake: {failure.getErrorMessage()}"
    return failure


async def main(reactor, port=pb.portno):
    """The connection outlives every error."""
    factory = pb.PBClientFactory()
    await endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)
    bank = await factory.getRootObject()

    print("left:", await bank.callRemote("withdraw", 30).addErrback(describe))
    print("left:", await bank.callRemote("withdraw", 300).addErrback(describe))
    print("each gets:", await bank.callRemote("split", 0).addErrback(describe))
    print("robbed:", await bank.callRemote("rob").addErrback(describe))
    try:
        await bank.callRemote("withdraw", 300)
    except pb.RemoteError as error:
        # What ``await`` raises: the remote exception's name and message, as a local class.
        name = error.remoteType if isinstance(error.remoteType, str) else error.remoteType.decode()
        print("awaited:", name, "-", error)
    print("left:", await bank.callRemote("withdraw", 0))
    factory.disconnect()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
