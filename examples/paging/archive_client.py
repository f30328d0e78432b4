"""Fetches what ``archive_server.py`` has, in pages.

Usage: python archive_client.py [PORT]
"""

import hashlib
import sys

from twisted.internet import defer, endpoints, task

from spreadlite import pb, util


class Digest(pb.Referenceable):
    """A collector of our own: it looks at each page as it comes, and keeps none."""

    def __init__(self):
        self.size = 0
        self.digest = hashlib.sha256()
        self.ended = defer.Deferred()

    def remote_gotPage(self, page):
        """The pager calls this for each page, and waits for no answer."""
        self.size += len(page)
        self.digest.update(page)

    def remote_endedPaging(self):
        """That was the last."""
        self.ended.callback(None)


async def main(reactor, port=pb.portno):
    """All pages at once, then page by page."""
    factory = pb.PBClientFactory()
    await endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)
    archive = await factory.getRootObject()

    pages = await util.getAllPages(archive, "epic")
    print("pages of the epic:", *map(len, pages))
    print("it ends:", "".join(pages)[-15:].strip())

    digest = Digest()
    size = await archive.callRemote("file", digest)
    await digest.ended
    print("whole file:", digest.size == size)
    print("sha256:", digest.digest.hexdigest())
    factory.disconnect()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
