"""Changes the scoreboard of ``match_server.py``: two goals, and the end of the match.

Usage: python referee_client.py [PORT]
"""

import sys

from twisted.internet import endpoints, task

from spreadlite import pb


async def main(reactor, port=pb.portno):
    """Each of these calls is answered when every watcher has been told."""
    factory = pb.PBClientFactory()
    await endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)
    match = await factory.getRootObject()
    await match.callRemote("goal", "Blues")
    await match.callRemote("goal", "Reds")
    await match.callRemote("whistle")
    print("two goals were shown")
    factory.disconnect()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
