"""Serves the library to readers who log in, and to visitors.

Usage: python library_server.py [PORT]
"""

import sys

from library import open_library
from twisted.internet import defer, endpoints, task

from spreadlite import pb


async def main(reactor, port=pb.portno):
    """A portal in place of a root: what a client gets first is a login, not an object."""
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(pb.PBServerFactory(open_library()))
    print("listening on port", listening.getHost().port, flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
