"""Connects to the quote server of this machine, prints a quote, and ends; importing it is running it::

    python -c 'import TwistedQuotes.pbquoteclient'
"""

import sys

from twisted.internet import reactor

from spreadlite import pb


def print_quote(quote):
    """Print what the server answered."""
    print(quote)


def failed(reason):
    """Say why there is no quote."""
    sys.stderr.write(f"no quote: {reason.getErrorMessage()}\n")


factory = pb.PBClientFactory()
reactor.connectTCP("localhost", pb.portno, factory)
asking = factory.getRootObject()
asking.addCallback(lambda root: root.callRemote("nextQuote"))
asking.addCallbacks(print_quote, failed)
asking.addBoth(lambda ignored: reactor.stop())
reactor.run()
