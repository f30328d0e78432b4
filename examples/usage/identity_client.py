"""Leaves two coats at ``identity_server.py`` and fetches them.

Usage: python identity_client.py [PORT]
"""

import sys

from twisted.internet import endpoints, task

from spreadlite import pb


class Coat(pb.Referenceable):
    """An object of the client; the server only ever has a reference to it."""


async def main(reactor, port=pb.portno):
    """Look at identities, not at values: nothing here is a copy."""
    factory = pb.PBClientFactory()
    await endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)
    cloakroom = await factory.getRootObject()

    mine, yours = Coat(), Coat()
    my_ticket = await cloakroom.callRemote("leave", mine)
    your_ticket = await cloakroom.callRemote("leave", yours)

    print("the server knows its own ticket:", await cloakroom.callRemote("isOurs", my_ticket))
    print("a coat is no ticket:", not await cloakroom.callRemote("isOurs", mine))
    print("my ticket, my own coat:", await cloakroom.callRemote("fetch", my_ticket) is mine)
    print("your ticket, your own coat:", await cloakroom.callRemote("fetch", your_ticket) is yours)
    factory.disconnect()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
