"""A chat: users log in, enter rooms, and are told what is said there.

Usage: python chat_server.py [PORT]
"""

import sys

from twisted.cred import checkers, credentials, portal
from twisted.cred.error import UnauthorizedLogin
from twisted.internet import defer, endpoints, task
from zope.interface import implementer

from spreadlite import pb


class NotYours(pb.Error):
    """Only who opened a room may do that."""


class Room(pb.Viewable):
    """Everybody in it holds a reference to it, and none the same: each reference says who calls.

    So nobody can speak in another's name, and the room can tell its owner from its guests.
    """

    def __init__(self, title, owner):
        self.title = title
        self.owner = owner
        self.people = []

    def tell(self, text):
        """Tell everybody in the room; nobody waits for an answer."""
        for user in self.people:
            user.hear(f"[{self.title}] {text}")

    def enter(self, user):
        """Somebody comes in."""
        self.people.append(user)
        self.tell(f"{user.name} comes in")

    def leave(self, user):
        """Somebody goes, or is gone."""
        if user in self.people:
            self.people.remove(user)
            self.tell(f"{user.name} has left")

    def view_say(self, user, text):
        """The user comes from the server's own books: a client cannot choose it."""
        self.tell(f"{user.name}: {text}")

    def view_people(self, user):
        """Who is here."""
        return [each.name for each in self.people]

    def view_rename(self, user, title):
        """For the owner only."""
        if user is not self.owner:
            raise NotYours(f"{self.owner.name} opened this room")
        self.tell(f"this is now {title}")
        self.title = title


class User(pb.Avatar):
    """Somebody who is logged in.  The mind is an object of the client's, by which the server reaches its user."""

    def __init__(self, house, name, mind):
        self.house = house
        self.name = name
        self.mind = mind

    def hear(self, text):
        """Tell the user's program, and want no answer."""
        self.mind.callRemote("hear", text).addErrback(lambda gone: None)

    def perspective_enter(self, title):
        """Enter a room, which is made if it is not there; a Viewable in the answer arrives as a reference to call."""
        room = self.house.rooms.setdefault(title, Room(title, self))
        room.enter(self)
        return room

    def logout(self):
        """The user's program is gone, or has let go of this avatar."""
        for room in self.house.rooms.values():
            room.leave(self)


@implementer(portal.IRealm)
class House:
    """The realm: all rooms, and an avatar for whoever comes."""

    def __init__(self):
        self.rooms = {}

    def requestAvatar(self, avatarId, mind, *interfaces):
        """An avatar for each login."""
        if pb.IPerspective not in interfaces or mind is None:
            raise NotImplementedError("a chat needs somebody to talk to")
        user = User(self, avatarId.decode(), mind)
        return pb.IPerspective, user, user.logout


@implementer(checkers.ICredentialsChecker)
class Doorkeeper:
    """A checker of our own: every name is let in that knows the word of the house."""

    credentialInterfaces = (credentials.IUsernameHashedPassword,)

    async def check(self, given):
        """Whether the word is known; the credentials themselves know how it was proved."""
        if await defer.maybeDeferred(given.checkPassword, b"open sesame"):
            return given.username
        raise UnauthorizedLogin("that is not the word")

    def requestAvatarId(self, given):
        """A Deferred of the identity: here the name, in bytes."""
        return defer.Deferred.fromCoroutine(self.check(given))


async def main(reactor, port=pb.portno):
    """Listen on the loopback interface until the process is told to stop."""
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(pb.PBServerFactory(portal.Portal(House(), [Doorkeeper()])))
    print("listening on port", listening.getHost().port, flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
