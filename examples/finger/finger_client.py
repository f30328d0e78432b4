"""Asks the finger service over Perspective Broker, and changes a plan.

Usage: python finger_client.py [PORT [NAME [PLAN]]]
"""

import sys

from twisted.internet import endpoints, task

from spreadlite import pb


class Listener(pb.Referenceable):
    """Is told of changes, also of those that others make."""

    def remote_changed(self, name, plan):
        """Called by the server."""
        print(f"news: {name} is {plan}")


async def main(reactor, port=pb.portno, name="ada", plan="writing notes"):
    """Ask, watch, change, ask again."""
    factory = pb.PBClientFactory()
    await endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)
    finger = await factory.getRootObject()
    print("known:", ", ".join(await finger.callRemote("names")))
    try:
        print(f"{name} is {await finger.callRemote('plan', name)}")
        await finger.callRemote("watch", Listener())
        await finger.callRemote("change", name, plan)
        print(f"{name} is {await finger.callRemote('plan', name)}")
    except pb.RemoteError as error:
        print("nobody is called", error)
    factory.disconnect()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
