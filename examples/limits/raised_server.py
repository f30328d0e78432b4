"""The server of ``limits_server.py`` with other limits: what the wire carries raised, what a client may cost us lowered.

Usage: python raised_server.py [PORT]
"""

import sys

from limits_server import Store
from twisted.internet import defer, endpoints, task

from spreadlite import banana, pb
from spreadlite.core.limits import Limits

# Of the whole process, and both sides have to: they are asked at each use, so this may be done at any time.
banana.SIZE_LIMIT = 4 * 1024 * 1024
banana.setPrefixLimit(128)

# Of one factory, and nobody else has to know.
LIMITS = Limits(depth=20, outstanding_calls=3, references=10, expression_bytes=16 * 1024 * 1024)


class SlowStore(Store):
    """Also has a method that does not answer until another is called."""

    def __init__(self):
        super().__init__()
        self.waiting = []

    def remote_wait(self):
        """A call in flight: it counts until it is answered."""
        self.waiting.append(defer.Deferred())
        return self.waiting[-1]

    def remote_release(self):
        """Answer all that wait."""
        waiting, self.waiting = self.waiting, []
        for d in waiting:
            d.callback("released")

    def remote_new(self, number):
        """So many objects, of which the caller gets references."""
        return [Store() for each in range(number)]


async def main(reactor, port=pb.portno):
    """Listen on the loopback interface until the process is told to stop."""
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(pb.PBServerFactory(SlowStore(), limits=LIMITS))
    print("listening on port", listening.getHost().port, flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
