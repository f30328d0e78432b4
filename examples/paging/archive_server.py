"""An archive, whose texts and files are sent in pages.

Usage: python archive_server.py [PORT [FILE]]
"""

import os
import sys

from twisted.internet import defer, endpoints, task

from spreadlite import pb, util

#: More than fits into one string on the wire.
EPIC = "Sing, goddess. " * 50_000


class Archive(pb.Root):
    """A method that pages takes a collector before its other arguments, and makes a pager that sends to it."""

    def __init__(self, path):
        self.path = path

    def remote_epic(self, collector):
        """A text (or bytes) that is in memory, in pages of 200,000 characters."""
        util.StringPager(collector, EPIC, 200_000)

    def remote_file(self, collector):
        """A file, which is read as the pages go: it may be larger than memory."""
        file = open(self.path, "rb")
        util.FilePager(collector, file, callback=file.close)
        # The result of the method itself arrives before the pages do.
        return os.path.getsize(self.path)

    def remote_lost(self, collector):
        """A method that fails before it has made a pager."""
        raise pb.Error("nobody knows where that is")


async def main(reactor, port=pb.portno, path=__file__):
    """Listen on the loopback interface until the process is told to stop."""
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(pb.PBServerFactory(Archive(path)))
    print("listening on port", listening.getHost().port, flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
