"""Logs in at ``library_server.py`` and borrows a book; start it twice, with two names, for two readers.

Usage: python reader_client.py [PORT [NAME PASSWORD [TITLE]]]
"""

import sys

from twisted.cred.credentials import UsernamePassword
from twisted.internet import endpoints, task

from spreadlite import pb


async def main(reactor, port=pb.portno, name="mary", password="little lamb", title="Emma"):
    """Connect, log in, borrow; the reader stays until Enter is pressed."""
    factory = pb.PBClientFactory()
    await endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)
    try:
        # As bytes, which every server understands; one with spreadlite takes text too.
        reader = await factory.login(UsernamePassword(name.encode(), password.encode()))
    except pb.RemoteError:
        # Not who is unknown, nor whose password is wrong: a server does not tell.
        print("not let in")
        factory.disconnect()
        return
    print("books:", ", ".join(await reader.callRemote("titles")))
    try:
        loan = await reader.callRemote("borrow", title)
        print(await loan.callRemote("whose"), flush=True)
    except pb.RemoteError as error:
        print(f"cannot have {title}: {error}", flush=True)
    # As long as this program holds on to the reference, its reader is in the library.
    sys.stdin.readline()
    factory.disconnect()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
