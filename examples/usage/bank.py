"""The errors that ``errors_server.py`` and its client both know."""

from spreadlite import pb


class Overdrawn(pb.Error):
    """There is not enough money: expected, so it is a ``pb.Error`` and no accident of the server."""
