"""``twistd qotd``: its options and its service."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.application import service, strports
from twisted.internet.error import CannotListenError
from twisted.python import usage

from spreadlite import pb

from .fortunes import QuotesFileError
from .interfaces import Quoter
from .ports import PortError, clash, description
from .protocol import QOTDFactory
from .quoters import FortuneQuoter, StaticQuoter
from .reader import QuoteReader

__all__ = ["SHIPPED_QUOTES", "Options", "makeService"]

#: The quotes that come with the package, served where no others are named.
SHIPPED_QUOTES = Path(__file__).with_name("classics.fortune")


class Options(usage.Options):
    """The options of ``twistd qotd``.

    After parsing, ``self["quoter"]`` is the `IQuoter`, and ``self["port"]`` and ``self["pb"]`` are endpoint descriptions
    (``pb`` may be None).
    """

    synopsis = "Usage: twistd [options] qotd [options]"
    longdesc = (
        "Serves quotes: as text to whoever connects (RFC 865) and, with --pb, over Perspective Broker. A PORT is a "
        "number, or the description of a Twisted endpoint, such as tcp:8787:interface=127.0.0.1."
    )
    optParameters = [
        ["port", "p", "8007", "The PORT for quotes as text."],
        ["static", "s", None, "Serve this one quote, always."],
        ["pb", "b", None, "The PORT for quotes over Perspective Broker; without it they are not."],
    ]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self["files"] = []

    def opt_file(self, path: str) -> None:
        """Serve quotes of this file: UTF-8 text, with lines of a single % between the quotes. May be repeated."""
        self["files"].append(path)

    opt_f = opt_file

    def postOptions(self) -> None:
        """See that everything can be used, before anything listens.

        Raises:
            usage.UsageError: something cannot.
        """
        from twisted.internet import reactor

        if self["static"] is not None and self["files"]:
            raise usage.UsageError("--static and --file exclude one another")
        self["quoter"] = self._quoter()
        for name in ("port", "pb"):
            if self[name] is not None:
                try:
                    self[name] = description(self[name], reactor)
                except PortError as error:
                    raise usage.UsageError(f"--{name}: {error}") from error
        if self["pb"] is not None and clash(self["port"], self["pb"]):
            raise usage.UsageError(f"--port and --pb are the same: {self['port']} and {self['pb']}")

    def _quoter(self) -> Quoter:
        if self["static"] is not None:
            if not self["static"].strip():
                raise usage.UsageError("--static: the quote is empty")
            return StaticQuoter(self["static"])
        try:
            return FortuneQuoter(self["files"] or [str(SHIPPED_QUOTES)])
        except QuotesFileError as error:
            raise usage.UsageError(f"--file: {error}") from error


class QuoteService(service.MultiService):
    """The ports of a quote server.  One that cannot be listened on ends the program, with one line that says so."""

    def privilegedStartService(self) -> None:
        """Listen.

        Raises:
            SystemExit: a port is in use, or not ours to have.
        """
        self._start(super().privilegedStartService)

    def startService(self) -> None:
        """Listen where that was not done before; ``twist`` has no privileged start."""
        self._start(super().startService)

    def _start(self, start: Callable[[], object]) -> None:
        try:
            start()
        except (CannotListenError, OSError) as error:
            sys.exit(f"twistd qotd: {error}")


def makeService(options: Any) -> Any:
    """The service for parsed `Options`."""
    quotes: Any = QuoteService()  # type: ignore[no-untyped-call]
    # Any: mypy does not see which interfaces of zope a class implements.
    factories: list[tuple[str, Any]] = [(options["port"], QOTDFactory(options["quoter"]))]
    if options["pb"] is not None:
        factories.append((options["pb"], pb.PBServerFactory(QuoteReader(options["quoter"]))))
    for where, factory in factories:
        strports.service(where, factory).setServiceParent(quotes)
    return quotes
