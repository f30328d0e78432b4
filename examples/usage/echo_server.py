"""A server with one object on it, which gives back whatever it is called with.

Usage: python echo_server.py [PORT]
"""

import sys

from twisted.internet import defer, endpoints, task

from spreadlite import pb


class Echo(pb.Root):
    """The root: the object that every client of this server meets first."""

    def remote_echo(self, value):
        """Only methods whose names begin with ``remote_`` can be called from outside."""
        return value


async def main(reactor, port=pb.portno):
    """Listen on the loopback interface until the process is told to stop."""
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(pb.PBServerFactory(Echo()))
    print("listening on port", listening.getHost().port, flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
