"""Talks in a room of ``chat_server.py``: what is typed is said, ``/who`` asks who is there, ``/title NEW`` renames the
room, and the end of the input (Ctrl-D) leaves.

Usage: python chat_client.py [PORT [NAME [ROOM]]]
"""

import sys

from twisted.cred.credentials import UsernamePassword
from twisted.internet import defer, endpoints, stdio, task
from twisted.protocols.basic import LineReceiver

from spreadlite import pb


class Ear(pb.Referenceable):
    """The mind: what the server calls when there is something to hear."""

    def remote_hear(self, text):
        """Called by the server."""
        print(text, flush=True)


class Keyboard(LineReceiver):
    """Lines from standard input; ``closed`` fires at their end."""

    delimiter = b"\n"

    def __init__(self, room):
        self.room = room
        self.closed = defer.Deferred()

    def lineReceived(self, line):
        """Somebody pressed Enter."""
        text = line.decode("utf-8", "replace")
        if text == "/who":
            done = self.room.callRemote("people").addCallback(lambda names: print("here:", ", ".join(names), flush=True))
        elif text.startswith("/title "):
            done = self.room.callRemote("rename", text.removeprefix("/title "))
        else:
            done = self.room.callRemote("say", text)
        done.addErrback(lambda failure: print("no:", failure.getErrorMessage(), flush=True))

    def connectionLost(self, reason):
        """There will be no more lines."""
        self.closed.callback(None)


async def main(reactor, port=pb.portno, name="guest", room="hall"):
    """Log in with an ear for a mind, enter, and talk."""
    factory = pb.PBClientFactory()
    await endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)
    user = await factory.login(UsernamePassword(name.encode(), b"open sesame"), client=Ear())
    keyboard = Keyboard(await user.callRemote("enter", room))
    stdio.StandardIO(keyboard)
    await keyboard.closed
    factory.disconnect()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
