"""A cloakroom: objects that travel out and home again are the same objects.

Usage: python identity_server.py [PORT]
"""

import sys

from twisted.internet import defer, endpoints, task

from spreadlite import pb


class Ticket(pb.Referenceable):
    """Has no method at all: to be somebody's is all that it does."""


class Cloakroom(pb.Root):
    """Gives a ticket for what is left here, and the thing for the ticket."""

    def __init__(self):
        self.things = {}

    def remote_leave(self, thing):
        """Keep a thing (here a reference to an object of the client) and give out a ticket."""
        ticket = Ticket()
        self.things[ticket] = thing
        return ticket

    def remote_isOurs(self, ticket):
        """A ticket that comes home is the very object that went out: it can be a key of a dict."""
        return ticket in self.things

    def remote_fetch(self, ticket):
        """Hand the thing back; its owner receives the owner's own object."""
        return self.things[ticket]


async def main(reactor, port=pb.portno):
    """Listen on the loopback interface until the process is told to stop."""
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(pb.PBServerFactory(Cloakroom()))
    print("listening on port", listening.getHost().port, flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
