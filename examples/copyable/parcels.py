"""What travels between ``post_client.py`` and ``post_server.py``, and what it becomes there.

Both programs import this module.  A class alone lets nobody in: each side registers, by tag, what it is ready to receive.
"""

from spreadlite import jelly, pb


class Address(pb.Copyable, pb.RemoteCopy):
    """The same class at both ends: what arrives is like what was sent, attribute by attribute."""

    def __init__(self, street, town):
        self.street = street
        self.town = town

    def __str__(self):
        return f"{self.street}, {self.town}"


pb.setUnjellyableForClass(Address, Address)


class Parcel(pb.Copyable):
    """The sender's side of a parcel.  It knows more than a post office has to."""

    def __init__(self, address, contents, price):
        self.address = address
        self.contents = contents
        self.price = price

    def getTypeToCopy(self):
        """A tag of our own choice; without this method it would be the class's dotted name, ``parcels.Parcel``."""
        return b"post.parcel"

    def getStateToCopy(self):
        """What is sent in place of the attributes: what it cost is nobody's business."""
        return {"address": self.address, "weight": 100 * len(self.contents), "fragile": "glass" in self.contents}


class ReceivedParcel(pb.RemoteCopy):
    """The post office's side of the same parcel: another class, with other methods."""

    def setCopyableState(self, state):
        """Called in place of the constructor, with whatever ``getStateToCopy`` returned, after its journey."""
        if not isinstance(state["address"], Address):
            raise jelly.InsecureJelly("a parcel needs an address")
        self.address = state["address"]
        self.weight = int(state["weight"])
        self.fragile = bool(state["fragile"])

    def label(self):
        """Text for the outside."""
        return f"{self.weight} g to {self.address}" + (", fragile" if self.fragile else "")


pb.setUnjellyableForClass("post.parcel", ReceivedParcel)


class Stamp(pb.Copyable):
    """A stamp of some value; there are many of each."""

    known = {}

    def __init__(self, value):
        self.value = value


def stamp_of(state):
    """The factory for stamps that arrive: one object for each value, however often it is received."""
    return Stamp.known.setdefault(state["value"], Stamp(state["value"]))


pb.setUnjellyableFactoryForClass(Stamp, stamp_of)


class Advertisement(pb.Copyable):
    """Can be sent, and is received by nobody: no class is registered for it."""

    def __init__(self, text):
        self.text = text
