"""What ``trap_server.py`` and its clients have in common."""

from spreadlite import pb


class NotInStock(pb.Error):
    """The workshop lacks a part: an error that clients expect."""


class Blueprint(pb.Copyable):
    """Would travel as a copy, but nobody registered a class to receive it with: no peer lets it in."""
