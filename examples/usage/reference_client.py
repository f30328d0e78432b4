"""Asks ``reference_server.py`` for two counters and uses both.

Usage: python reference_client.py [PORT]
"""

import sys

from twisted.internet import endpoints, task

from spreadlite import pb


async def main(reactor, port=pb.portno):
    """Two references lead to two objects, each with a state of its own."""
    factory = pb.PBClientFactory()
    await endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)
    counters = await factory.getRootObject()

    sheep = await counters.callRemote("newCounter")
    goats = await counters.callRemote("newCounter", start=10)
    print("got references:", isinstance(sheep, pb.RemoteReference), isinstance(goats, pb.RemoteReference))
    print("sheep:", await sheep.callRemote("add", 1))
    print("sheep:", await sheep.callRemote("add", 1))
    print("goats:", await goats.callRemote("add", 5))
    factory.disconnect()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
