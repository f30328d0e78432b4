"""A server that calls an object of its client, as often as it likes, before it answers.

Usage: python callback_server.py [PORT]
"""

import sys

from twisted.internet import defer, endpoints, task

from spreadlite import pb


class Oven(pb.Root):
    """Bakes, and tells whoever asked how it goes."""

    def remote_bake(self, what, watcher):
        """*watcher* is a reference to an object in the client: its methods can be called from here.

        A method that needs time returns a Deferred; the client gets its result as the answer.
        """
        return defer.Deferred.fromCoroutine(self.bake(what, watcher))

    async def bake(self, what, watcher):
        """Three steps, each of which the watcher has seen before the next begins."""
        for percent in (30, 60, 100):
            praise = await watcher.callRemote("progress", percent)
            print(f"{what} at {percent}%: the client says {praise}", flush=True)
        return f"one {what}"


async def main(reactor, port=pb.portno):
    """Listen on the loopback interface until the process is told to stop."""
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(pb.PBServerFactory(Oven()))
    print("listening on port", listening.getHost().port, flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
