"""Takes whatever it is sent, and gives whatever it is asked for, up to the limits and beyond.

Usage: python limits_server.py [PORT]
"""

import sys

from twisted.internet import defer, endpoints, task

from spreadlite import pb


class Store(pb.Root):
    """Its methods do nothing; what happens to their arguments and results is the point."""

    def __init__(self):
        self.kept = []

    def remote_length(self, value):
        """How long what arrived is."""
        return len(value)

    def remote_sign(self, number):
        """Whether a number is positive; any size will do."""
        return number > 0

    def remote_keep(self, thing):
        """Hold on to a reference, so that it stays alive at its owner."""
        self.kept.append(thing)
        return len(self.kept)

    def remote_forget(self):
        """Let go of all of them: their owner hears of each."""
        self.kept.clear()

    def remote_zeros(self, number):
        """Bytes, as many as asked for."""
        return bytes(number)

    def remote_power(self, exponent):
        """A number, as large as asked for."""
        return 2**exponent


async def main(reactor, port=pb.portno):
    """Listen on the loopback interface until the process is told to stop."""
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(pb.PBServerFactory(Store()))
    print("listening on port", listening.getHost().port, flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
