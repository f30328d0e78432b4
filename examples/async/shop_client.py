"""Sells and buys at ``shop_server.py``.

Usage: python shop_client.py [PORT]
"""

import sys

from twisted.internet import defer, endpoints, task

from spreadlite import pb


class Supplier(pb.Referenceable):
    """An object of ours that the shop calls; its methods may return values or Deferreds."""

    def __init__(self, **prices):
        self.prices = prices

    def remote_offer(self, what):
        """A price, or None."""
        return self.prices.get(what)


class SilentSupplier(pb.Referenceable):
    """Never answers."""

    def __init__(self):
        self.questions = []

    def remote_offer(self, what):
        """The shop will not wait for ever."""
        self.questions.append(defer.Deferred())
        return self.questions[-1]


async def main(reactor, port=pb.portno):
    """Calls one after another, and at a time."""
    factory = pb.PBClientFactory()
    await endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)
    shop = await factory.getRootObject()

    suppliers = [Supplier(kite=12, ball=5), SilentSupplier(), Supplier(kite=10)]
    print("a kite costs", await shop.callRemote("price", "kite", suppliers))
    try:
        await shop.callRemote("price", "unicorn", suppliers)
    except pb.RemoteError as error:
        print("sold out:", error)

    # Both are asked before either is answered; gatherResults waits for both.
    wrapped, price = await defer.gatherResults(
        [shop.callRemote("wrap", "ball"), shop.callRemote("price", "ball", suppliers[:1])]
    )
    print(wrapped, "for", price)
    factory.disconnect()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
