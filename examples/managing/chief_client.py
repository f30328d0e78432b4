"""Gives an order to all devices that are logged in at ``control_server.py``.

Usage: python chief_client.py [PORT [ORDER]]
"""

import sys

from twisted.cred.credentials import UsernamePassword
from twisted.internet import endpoints, task

from spreadlite import pb


async def main(reactor, port=pb.portno, order="go home"):
    """The server calls its other clients while it works on this call."""
    factory = pb.PBClientFactory()
    await endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)
    chief = await factory.login(UsernamePassword(b"chief", b"halt!"))
    print("obeyed:", await chief.callRemote("order", order))
    factory.disconnect()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
