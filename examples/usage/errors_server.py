"""A server whose methods fail, some as planned and some not.

Usage: python errors_server.py [PORT [unsafe]], where ``unsafe`` has clients see tracebacks
"""

import sys

from bank import Overdrawn
from twisted.internet import defer, endpoints, task
from twisted.python import log

from spreadlite import pb


class Bank(pb.Root):
    """One account for everybody."""

    balance = 100

    def remote_withdraw(self, amount):
        """Raises a subclass of ``pb.Error``: an answer like any other, and nothing is logged."""
        if amount > self.balance:
            raise Overdrawn(f"only {self.balance} left")
        self.balance -= amount
        return self.balance

    def remote_split(self, heirs):
        """Raises ZeroDivisionError for nobody: a mistake of this program, so its log has the traceback."""
        return self.balance // heirs


async def main(reactor, port=pb.portno, tracebacks=""):
    """Listen on the loopback interface until the process is told to stop; log to standard error."""
    log.startLogging(sys.stderr, setStdout=False)
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(pb.PBServerFactory(Bank(), unsafeTracebacks=tracebacks == "unsafe"))
    print("listening on port", listening.getHost().port, flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
