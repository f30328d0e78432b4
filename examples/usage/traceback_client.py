"""Asks ``errors_server.py`` for a mistake, and prints what the server lets it know of it.

Usage: python traceback_client.py [PORT]
"""

import sys

from twisted.internet import endpoints, task

from spreadlite import pb


def show(failure):
    """An errback: the failure has the text of the server's traceback, or a text that there is none."""
    failure.trap(ZeroDivisionError)
    print(failure.traceback.strip())


async def main(reactor, port=pb.portno):
    """For servers under development only: see ``errors_server.py``."""
    factory = pb.PBClientFactory()
    await endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)
    bank = await factory.getRootObject()
    await bank.callRemote("split", 0).addErrback(show)
    factory.disconnect()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
