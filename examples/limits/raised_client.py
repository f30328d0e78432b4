"""Meets the limits of ``raised_server.py``.

Usage: python raised_client.py [PORT]
"""

import sys

from twisted.internet import defer, endpoints, task

from spreadlite import banana, pb

banana.SIZE_LIMIT = 4 * 1024 * 1024
banana.setPrefixLimit(128)


def nested(levels):
    """Lists within lists."""
    value = []
    for _each in range(levels - 1):
        value = [value]
    return value


def refused(failure):
    """An errback."""
    return "refused"


async def connect(reactor, port):
    """A connection: its factory and the server's root."""
    factory = pb.PBClientFactory()
    await endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)
    return factory, await factory.getRootObject()


async def main(reactor, port=pb.portno):
    """A refused call is an error for its caller; the connection lives."""
    factory, store = await connect(reactor, port)

    print("4 MiB:", await store.callRemote("length", bytes(banana.SIZE_LIMIT)))
    print("2**800:", await store.callRemote("sign", 2**800))

    print("10 levels:", await store.callRemote("length", nested(10)).addErrback(refused))
    print("30 levels:", await store.callRemote("length", nested(30)).addErrback(refused))

    some = await store.callRemote("new", 9)
    print("references:", len(some))
    print("references:", await store.callRemote("new", 9).addErrback(refused))

    waiting = [store.callRemote("wait") for _each in range(3)]
    print("a fourth call:", await store.callRemote("wait").addErrback(refused))
    # Each connection counts for itself.
    other_factory, other_store = await connect(reactor, port)
    await other_store.callRemote("release")
    print("the three:", ", ".join(await defer.gatherResults(waiting)))
    factory.disconnect()
    other_factory.disconnect()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
