"""A server with a call for every way in which a call can end.

Usage: python trap_server.py [PORT]
"""

import sys

from twisted.internet import defer, endpoints, task
from twisted.python import log
from workshop import NotInStock

from spreadlite import pb


class Workshop(pb.Root):
    """Repairs what it is given."""

    def __init__(self):
        self.queue = []

    def remote_repair(self, thing):
        """Repairs bicycles, has no parts for cars and panics at planes."""
        if thing == "car":
            raise NotInStock("wheels")
        if thing == "plane":
            raise ZeroDivisionError("no idea where to begin")
        return f"{thing} repaired"

    def remote_wait(self):
        """Never ready: this call ends when the connection does."""
        self.queue.append(defer.Deferred())
        return self.queue[-1]


async def main(reactor, port=pb.portno):
    """Listen on the loopback interface until the process is told to stop; log to standard error."""
    log.startLogging(sys.stderr, setStdout=False)
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(pb.PBServerFactory(Workshop()))
    print("listening on port", listening.getHost().port, flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
