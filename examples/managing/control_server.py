"""A control room: one avatar for each post, however many devices are logged in as that post, and whether any is.

Usage: python control_server.py [PORT]
"""

import sys

from twisted.cred import checkers, portal
from twisted.internet import defer, endpoints, task
from zope.interface import implementer

from spreadlite import pb

#: Devices that may be logged in as one post at a time.
MOST = 2


class TooMany(pb.Error):
    """Enough devices are logged in as that post."""


class Post(pb.Avatar):
    """A post of guards.  It outlives its connections, and knows its clients: the minds of those who are logged in."""

    def __init__(self, name):
        self.name = name
        self.devices = {}
        self.reports = 0

    def attach(self, device):
        """A client has logged in; returns what to call when it is gone."""
        if len(self.devices) >= MOST:
            raise TooMany(f"{MOST} devices are logged in as {self.name}")
        # A key for each login: nothing keeps a device from logging in twice.
        login = object()
        self.devices[login] = device
        self.tell()

        def detach():
            del self.devices[login]
            self.tell()

        return detach

    def tell(self):
        """For the log."""
        print(f"{self.name}: {len(self.devices)} on duty", flush=True)

    def perspective_report(self, text):
        """A number for the report; other devices of the post go on counting where this one stopped."""
        self.reports += 1
        return f"report {self.reports} of {self.name}: {text}"

    async def order(self, text):
        """Call the clients, all of them at a time; returns how many have obeyed."""
        calls = [device.callRemote("order", text) for device in self.devices.values()]
        done = await defer.DeferredList(calls, consumeErrors=True)
        return sum(success for success, result in done)


class Chief(pb.Avatar):
    """Gives orders to all posts."""

    def __init__(self, posts):
        self.posts = posts

    def perspective_order(self, text):
        """Returns how many devices have obeyed."""
        return defer.Deferred.fromCoroutine(self.order(text))

    async def order(self, text):
        """Post by post."""
        return sum([await post.order(text) for post in list(self.posts.values())])


@implementer(portal.IRealm)
class Control:
    """The realm: keeps an avatar for each post, made when it is first needed."""

    def __init__(self):
        self.posts = {}

    def requestAvatar(self, avatarId, mind, *interfaces):
        """The third of what is returned, the logout, is called once for each login, whatever ends it."""
        if pb.IPerspective not in interfaces:
            raise NotImplementedError("this realm is for Perspective Broker")
        name = avatarId.decode()
        if name == "chief":
            return pb.IPerspective, Chief(self.posts), lambda: None
        post = self.posts.setdefault(name, Post(name))
        return pb.IPerspective, post, post.attach(mind)


async def main(reactor, port=pb.portno):
    """Listen on the loopback interface until the process is told to stop."""
    users = checkers.InMemoryUsernamePasswordDatabaseDontUse()
    for name in (b"chief", b"gate", b"tower"):
        users.addUser(name, b"halt!")
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(pb.PBServerFactory(portal.Portal(Control(), [users])))
    print("listening on port", listening.getHost().port, flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
