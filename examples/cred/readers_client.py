"""Two readers on one connection to ``library_server.py``: every login gives a reference that speaks for its own user.

Usage: python readers_client.py [PORT]
"""

import sys

from twisted.cred.credentials import UsernamePassword
from twisted.internet import endpoints, task

from spreadlite import pb


async def main(reactor, port=pb.portno):
    """Who calls is told by the reference that is called, not by an argument."""
    factory = pb.PBClientFactory()
    await endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)
    mary = await factory.login(UsernamePassword(b"mary", b"little lamb"))
    peter = await factory.login(UsernamePassword(b"peter", b"pumpkin"))

    loan = await mary.callRemote("borrow", "Ulysses")
    print("mary is told:", await loan.callRemote("whose"))
    try:
        await peter.callRemote("borrow", "Ulysses")
    except pb.RemoteError as error:
        print("peter is told:", error)
    own = await peter.callRemote("borrow", "Emma")
    print("peter is told:", await own.callRemote("whose"))

    # To let go of an avatar is to log out; the connection, and the other reader, stay.
    del peter, own
    print("mary is told:", ", ".join(await mary.callRemote("titles")))
    factory.disconnect()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
