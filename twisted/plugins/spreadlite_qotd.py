"""Tells twistd of the ``qotd`` service; imports nothing of it until it is asked for."""

from twisted.application.service import ServiceMaker

qotd = ServiceMaker(
    "spreadlite quotes",
    "spreadlite.quotes.service",
    "Quotes of the day: over TCP as text (RFC 865) and, with --pb, over Perspective Broker.",
    "qotd",
)
