"""A chain of errbacks: each traps its own kind of error and lets the others pass to the next.

Usage: python trapchain_client.py [PORT]
"""

import sys

from twisted.internet import defer, endpoints, task
from workshop import Blueprint, NotInStock

from spreadlite import jelly, pb


def refused(failure):
    """The error that the workshop documents."""
    failure.trap(NotInStock)
    return f"refused, for want of {failure.getErrorMessage()}"


def insecure(failure):
    """The server's security options did not let the argument in."""
    failure.trap(jelly.InsecureJelly)
    return "not let in"


def gone(failure):
    """Two classes: the connection went during the call, or before it."""
    kind = failure.trap(pb.PBConnectionLost, pb.DeadReferenceError)
    return f"connection gone ({kind.__name__})"


def panicked(failure):
    """The end of the chain takes all that is left, whatever it be."""
    return f"workshop panicked: {failure.getErrorMessage()}"


def repair(workshop, thing):
    """Call, and fasten the whole chain to the call."""
    d = defer.maybeDeferred(workshop.callRemote, "repair", thing)
    for errback in (refused, insecure, gone, panicked):
        d.addErrback(errback)
    return d


async def main(reactor, port=pb.portno):
    """Safe, refused, insecure, panicking, interrupted and stale calls, in this order."""
    factory = pb.PBClientFactory()
    await endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)
    workshop = await factory.getRootObject()
    for thing in ("bicycle", "car", Blueprint(), "plane"):
        print(await repair(workshop, thing))

    waiting = workshop.callRemote("wait").addErrback(refused).addErrback(gone)
    factory.disconnect()
    print(await waiting)
    print(await repair(workshop, "bicycle"))


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
