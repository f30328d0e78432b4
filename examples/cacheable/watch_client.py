"""Watches the scoreboard of ``match_server.py`` until the match is over, or for some goals only.

Usage: python watch_client.py [PORT [GOALS]]
"""

import sys

# The import registers the class that is made when a scoreboard arrives.
import scores  # noqa: F401
from twisted.internet import defer, endpoints, task

from spreadlite import pb


async def watch(match, most):
    """Follow the score; when this function returns, nobody here holds the copy any more."""
    board = await match.callRemote("board")
    print("the score:", board)
    print("comes home as the original:", await match.callRemote("isBoard", board), flush=True)
    seen, finished = [], defer.Deferred()

    def changed(over):
        if finished.called:
            return
        if not over:
            seen.append(str(board))
            print("the score:", board, flush=True)
        if over or len(seen) == most:
            # The function that is called for changes refers to the copy: were it kept, so would be the copy.
            board.watch(lambda over: None)
            finished.callback("the match is over" if over else "seen enough")

    board.watch(changed)
    return await finished


async def main(reactor, port=pb.portno, most=0):
    """Watch; let go of the copy, of which the server hears; and end."""
    factory = pb.PBClientFactory()
    await endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)
    match = await factory.getRootObject()
    print(await watch(match, int(most)))
    # When the copy's own method, in which the match ended, has returned, nobody holds the copy.
    await task.deferLater(reactor, 0)
    print("still watching:", await match.callRemote("watchers"))
    factory.disconnect()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
