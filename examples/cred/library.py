"""A lending library, as its readers see it when they have logged in.  The servers of this folder share it."""

from twisted.cred import checkers, portal
from zope.interface import implementer

from spreadlite import pb


class NotAvailable(pb.Error):
    """Somebody else has the book: expected, so it is a ``pb.Error`` and no accident."""


class Library:
    """The books, and who has them; knows nothing of connections."""

    def __init__(self, *titles):
        self.holders = {title: None for title in titles}


class Visitor(pb.Avatar):
    """What somebody without a name can do: an avatar's ``perspective_`` methods are what its user may call."""

    def __init__(self, library):
        self.library = library

    def perspective_titles(self):
        """All titles."""
        return sorted(self.library.holders)


class Reader(Visitor):
    """What somebody who logged in can do; the avatar knows who that is, so the methods need not be told."""

    def __init__(self, library, name):
        super().__init__(library)
        self.name = name

    def perspective_borrow(self, title):
        """Take a book."""
        holder = self.library.holders[title]
        if holder not in (None, self.name):
            raise NotAvailable(f"{holder} has it")
        self.library.holders[title] = self.name
        return Loan(title, self.name)


class Loan(pb.Viewable):
    """A book that somebody has; each reader who is given it calls it as himself."""

    def __init__(self, title, name):
        self.title = title
        self.name = name

    def view_whose(self, reader):
        """The first argument of a ``view_`` method is the avatar of whoever calls."""
        return f"{self.title} is lent to {'you' if reader.name == self.name else self.name}"


@implementer(portal.IRealm)
class LibraryRealm:
    """Makes the avatars.  The portal calls it when a checker has found out who somebody is."""

    def __init__(self, library):
        self.library = library

    def requestAvatar(self, avatarId, mind, *interfaces):
        """Returns the interface, the avatar, and what to call when its user has gone."""
        if pb.IPerspective not in interfaces:
            raise NotImplementedError("this realm is for Perspective Broker")
        if avatarId is checkers.ANONYMOUS:
            return pb.IPerspective, Visitor(self.library), lambda: print("a visitor has gone", flush=True)
        # The identity that the checker found: here the name, in bytes as it was sent.
        name = avatarId.decode()
        print(name, "has come", flush=True)
        return pb.IPerspective, Reader(self.library, name), lambda: print(name, "has gone", flush=True)


def open_library():
    """A portal: the realm, and checkers for those who come.

    The names and passwords are bytes, because that is what every kind of peer understands.
    """
    known = checkers.InMemoryUsernamePasswordDatabaseDontUse()
    known.addUser(b"mary", b"little lamb")
    known.addUser(b"peter", b"pumpkin")
    library = Library("Emma", "Ivanhoe", "Ulysses")
    return portal.Portal(LibraryRealm(library), [known, checkers.AllowAnonymousAccess()])
