"""Owns a scoreboard, which any number of clients watch.

Usage: python match_server.py [PORT]
"""

import sys

from scores import Scoreboard
from twisted.internet import defer, endpoints, task

from spreadlite import pb


class Match(pb.Root):
    """Gives out the scoreboard, and changes it."""

    def __init__(self):
        self.board = Scoreboard("Reds", "Blues")

    def remote_board(self):
        """A Cacheable in an answer: a peer gets its state once, and after that only what changes."""
        return self.board

    def remote_isBoard(self, thing):
        """A copy that comes home is the original."""
        return thing is self.board

    def remote_watchers(self):
        """How many peers have a copy."""
        return len(self.board.observers)

    def remote_goal(self, team):
        """A Deferred that fires with None when all watchers know."""
        return self.board.goal(team).addCallback(lambda told: None)

    def remote_whistle(self):
        """The same, for the end of the match."""
        return self.board.whistle().addCallback(lambda told: None)


async def main(reactor, port=pb.portno):
    """Listen on the loopback interface until the process is told to stop."""
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(pb.PBServerFactory(Match()))
    print("listening on port", listening.getHost().port, flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
