"""Hands an object to ``callback_server.py``, which calls it.

Usage: python callback_client.py [PORT]
"""

import sys

from twisted.internet import endpoints, task

from spreadlite import pb


class Watcher(pb.Referenceable):
    """A client can be called just like a server: this needs no second port and no second connection."""

    def remote_progress(self, percent):
        """Called by the server."""
        print("the server is at", percent, flush=True)
        return "done!" if percent == 100 else "go on"


async def main(reactor, port=pb.portno):
    """Order a cake and watch it."""
    factory = pb.PBClientFactory()
    await endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)
    oven = await factory.getRootObject()
    print("received:", await oven.callRemote("bake", "cake", Watcher()))
    factory.disconnect()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
