"""One ``trap`` with several kinds of error: it tells which kind it was.

Usage: python trap_client.py [PORT]
"""

import sys

from twisted.internet import defer, endpoints, task
from workshop import Blueprint, NotInStock

from spreadlite import jelly, pb

EXPLANATIONS = {
    NotInStock: "the workshop lacks parts",
    jelly.InsecureJelly: "the workshop does not accept such an object",
    ZeroDivisionError: "the workshop panicked",
    pb.PBConnectionLost: "the connection went before the answer came",
    pb.DeadReferenceError: "the connection had gone before the call",
}


def explain(failure):
    """``trap`` returns the member of its list that fits; were there none, it would pass the failure on."""
    return EXPLANATIONS[failure.trap(*EXPLANATIONS)]


async def main(reactor, port=pb.portno):
    """Safe, refused, insecure, panicking, interrupted and stale calls, in this order."""
    factory = pb.PBClientFactory()
    await endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)
    workshop = await factory.getRootObject()
    for thing in ("bicycle", "car", Blueprint(), "plane"):
        print(await workshop.callRemote("repair", thing).addErrback(explain))

    waiting = workshop.callRemote("wait").addErrback(explain)
    factory.disconnect()
    print(await waiting)
    # On a stale reference ``callRemote`` raises at once; ``maybeDeferred`` makes that a failure like the others.
    print(await defer.maybeDeferred(workshop.callRemote, "repair", "bicycle").addErrback(explain))


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
