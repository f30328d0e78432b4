"""A server that makes an object for each caller and returns a reference to it.

Usage: python reference_server.py [PORT]
"""

import sys

from twisted.internet import defer, endpoints, task

from spreadlite import pb


class Counter(pb.Referenceable):
    """Stays on the server; a client that is given one can only call it."""

    def __init__(self, start):
        self.value = start

    def remote_add(self, amount):
        """Add, and tell the new value."""
        self.value += amount
        return self.value


class Counters(pb.Root):
    """The root makes counters."""

    def remote_newCounter(self, start=0):
        """A Referenceable in an answer arrives as a RemoteReference."""
        return Counter(start)


async def main(reactor, port=pb.portno):
    """Listen on the loopback interface until the process is told to stop."""
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(pb.PBServerFactory(Counters()))
    print("listening on port", listening.getHost().port, flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
