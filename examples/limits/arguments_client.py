"""Sends ``limits_server.py`` what just fits, and what does not.

Usage: python arguments_client.py [PORT]
"""

import sys

from twisted.internet import endpoints, task

from spreadlite import banana, pb


class Thing(pb.Referenceable):
    """Something that the server can hold a reference to."""


async def attempt(what, reference, method, *args):
    """Call, and say how it went.

    An argument that the wire cannot carry is found out here, at once: ``callRemote`` raises, and nothing is sent.
    """
    try:
        print(what, "->", await reference.callRemote(method, *args))
    except (banana.BananaError, pb.Error) as error:
        print(what, "->", type(error).__name__)


async def main(reactor, port=pb.portno):
    """At each limit, and one over; the connection survives all of it."""
    factory = pb.PBClientFactory()
    await endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)
    store = await factory.getRootObject()

    most = banana.SIZE_LIMIT
    await attempt(f"{most} bytes", store, "length", bytes(most))
    await attempt(f"{most + 1} bytes", store, "length", bytes(most + 1))
    # The word "list" that goes before the items is one of them.
    await attempt(f"{most - 1} items", store, "length", [0] * (most - 1))
    await attempt(f"{most} items", store, "length", [0] * most)

    await attempt("2**448 - 1", store, "sign", 2**448 - 1)
    await attempt("2**448", store, "sign", 2**448)

    # What is asked before a new one is made: are there more than that already?
    for _each in range(pb.MAX_BROKER_REFS + 1):
        kept = await store.callRemote("keep", Thing())
    print("references:", kept)
    await attempt("one more reference", store, "keep", Thing())
    await store.callRemote("forget")
    await attempt("after all were let go of", store, "keep", Thing())
    factory.disconnect()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
