"""Asks ``limits_server.py`` for answers that cannot be sent.

Usage: python answers_client.py [PORT]
"""

import sys

from twisted.internet import endpoints, task

from spreadlite import pb


async def main(reactor, port=pb.portno):
    """Each is an error for its caller, and the next call is answered as ever."""
    factory = pb.PBClientFactory()
    await endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)
    store = await factory.getRootObject()
    for method, argument in (("zeros", 640 * 1024), ("zeros", 640 * 1024 + 1), ("power", 447), ("power", 448)):
        try:
            await store.callRemote(method, argument)
            print(method, argument, "-> arrived")
        except pb.RemoteError:
            print(method, argument, "-> error")
    factory.disconnect()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
