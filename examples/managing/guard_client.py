"""A guard's device: logs in at ``control_server.py``, reports, and obeys; when the connection goes, it connects anew.

It ends when it is given the order ``go home``, or is not let in.

Usage: python guard_client.py [PORT [POST]]
"""

import sys

from twisted.application.internet import ClientService
from twisted.cred.credentials import UsernamePassword
from twisted.internet import defer, endpoints, task
from twisted.internet.error import ConnectionClosed

from spreadlite import pb


class Device(pb.Referenceable):
    """The mind: the server holds a reference to it as long as this device is logged in."""

    def __init__(self):
        self.relieved = defer.Deferred()

    def remote_order(self, text):
        """Called by the server.  To answer is to obey."""
        print("order:", text, flush=True)
        if text == "go home":
            self.relieved.callback(None)


async def on_duty(reactor, service, factory, post, device):
    """One connection: log in on it, report, and return when it is gone."""
    await service.whenConnected()
    # The old reference died with the old connection: whatever was reached through it is asked for anew.
    avatar = await factory.login(UsernamePassword(post.encode(), b"halt!"), client=device)
    print(await avatar.callRemote("report", "all quiet"), flush=True)
    gone = defer.Deferred()
    # In another turn of the reactor: now the ClientService does not know of it yet.
    avatar.notifyOnDisconnect(lambda reference: reactor.callLater(0, gone.callback, None))
    await defer.DeferredList([gone, device.relieved], fireOnOneCallback=True)
    print("connection lost" if gone.called else "going home", flush=True)


async def main(reactor, port=pb.portno, post="gate"):
    """A ClientService has the connection; it tries again, first soon and then less often, until it is stopped."""
    factory = pb.PBClientFactory()
    endpoint = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port))
    service = ClientService(endpoint, factory, retryPolicy=lambda attempts: min(0.1 * 2**attempts, 5))
    service.startService()
    device = Device()
    try:
        while not device.relieved.called:
            try:
                await on_duty(reactor, service, factory, post, device)
            except (pb.PBConnectionLost, ConnectionClosed):
                # Gone in the middle of a call, or before the first: the next connection is as good.
                continue
    except pb.RemoteError as error:
        print("not let in:", error)
    await service.stopService()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
