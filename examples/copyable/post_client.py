"""Posts parcels at ``post_server.py``.

Usage: python post_client.py [PORT]
"""

import sys

from parcels import Address, Advertisement, Parcel
from twisted.internet import endpoints, task

from spreadlite import jelly, pb


def refused(failure):
    """The errback for what the other side does not let in: the call fails, the connection lives."""
    failure.trap(jelly.InsecureJelly)
    return "not let in"


async def main(reactor, port=pb.portno):
    """Send copies, receive copies, and send what is refused."""
    factory = pb.PBClientFactory()
    await endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)
    office = await factory.getRootObject()

    home = Address("1 Mill Lane", "Ambridge")
    small = await office.callRemote("post", Parcel(home, ["tea"], price=12))
    other = await office.callRemote("post", Parcel(home, ["a glass", "glass"], price=30))
    large = await office.callRemote("post", Parcel(home, ["a brick"] * 10, price=1))
    print("stamps:", small.value, other.value, large.value)
    print("made by a factory, the same stamp twice:", small is other)

    print("advertisement:", await office.callRemote("post", Advertisement("buy!")).addErrback(refused))
    print("parcel without an address:", await office.callRemote("post", Parcel("?", [], 0)).addErrback(refused))
    factory.disconnect()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
