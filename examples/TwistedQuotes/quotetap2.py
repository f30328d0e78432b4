"""What ``twistd qotd`` is made of: its options, and the function that makes its service of them."""

from spreadlite.quotes.service import Options, makeService

__all__ = ["Options", "makeService"]
