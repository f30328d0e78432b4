"""Asks ``archive_server.py`` for pages that will never come, and is told so.

Usage: python lost_client.py [PORT]
"""

import sys

from twisted.internet import endpoints, task

from spreadlite import pb, util


async def main(reactor, port=pb.portno):
    """``getAllPages`` fails when the method does, or when the connection goes before the last page."""
    factory = pb.PBClientFactory()
    await endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)
    archive = await factory.getRootObject()
    try:
        await util.getAllPages(archive, "lost")
    except pb.RemoteError as error:
        print("no pages:", error)
    fetching = util.getAllPages(archive, "epic")
    factory.disconnect()
    try:
        await fetching
    except pb.PBConnectionLost:
        print("no more pages: the connection went")


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
