"""A shop whose remote methods are coroutines: they await calls to their clients' objects, and timers.

Usage: python shop_server.py [PORT]
"""

import sys

from twisted.internet import defer, endpoints, task

from spreadlite import pb


class SoldOut(pb.Error):
    """Nobody has it."""


class Shop(pb.Root):
    """``async def`` is all that there is to it: the caller gets what is returned or raised, when it is."""

    def __init__(self, reactor):
        self.reactor = reactor

    async def remote_price(self, what, suppliers):
        """The lowest price; the suppliers, objects of the client's, are asked all at a time."""
        asked = [self.offer(supplier, what) for supplier in suppliers]
        offers = [price for price in await defer.gatherResults(asked) if price is not None]
        if not offers:
            raise SoldOut(what)
        return min(offers)

    def offer(self, supplier, what):
        """A Deferred of a supplier's price, or of None if it does not say one in time."""
        d = supplier.callRemote("offer", what)
        d.addTimeout(0.5, self.reactor)
        d.addErrback(lambda failure: None)
        return d

    async def remote_wrap(self, what):
        """Takes its time, in which other calls are answered."""
        await task.deferLater(self.reactor, 0.05)
        return f"a {what} in paper"


async def main(reactor, port=pb.portno):
    """Listen on the loopback interface until the process is told to stop."""
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(pb.PBServerFactory(Shop(reactor)))
    print("listening on port", listening.getHost().port, flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
