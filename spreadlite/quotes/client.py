"""Asks a quote server for one quote over Perspective Broker, prints it, and exits with 0; or says why not, and exits with
1::

    python -m spreadlite.quotes.client [HOST [PORT]]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from twisted.internet import defer, endpoints, error, task

from spreadlite import pb

__all__ = ["fetch_quote", "main"]

#: Seconds that the whole of it may take.
TIMEOUT = 15.0


async def fetch_quote(endpoint: Any) -> str:
    """A quote from the server at *endpoint*, a Twisted client endpoint.

    Raises:
        ConnectError, ConnectionLost, pb.RemoteError and so on: as connecting and calling do.
        ValueError: what the server gave is no text.
    """
    factory = pb.PBClientFactory()
    root_wanted = factory.getRootObject()
    try:
        await endpoint.connect(factory)
    except BaseException:
        # That it failed says more than that there is no root.
        root_wanted.addErrback(lambda reason: None)
        raise
    try:
        root = await root_wanted
        quote = await root.callRemote("nextQuote")
    finally:
        factory.disconnect()
    if isinstance(quote, bytes):
        quote = quote.decode("utf-8", "replace")
    if not isinstance(quote, str):
        raise ValueError(f"the server gave {type(quote).__name__} for a quote")
    return quote


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Exit with 1, as for anything else that goes wrong."""
        self.exit(1, f"{self.prog}: {message}\n{self.format_usage()}")


def _port(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 < number < 65536:
        raise argparse.ArgumentTypeError(f"no port: {text!r}")
    return number


def printable(text: str) -> str:
    """*text* without what a terminal would take for commands."""
    return "".join(char if char.isprintable() or char in "\n\t" else "�" for char in text.replace("\r\n", "\n"))


def _why(problem: BaseException, host: str, port: int) -> str:
    """One line that says why there is no quote."""
    where = f"{host}:{port}"
    if isinstance(problem, defer.TimeoutError):
        return f"{where} did not answer within {TIMEOUT:.0f} seconds"
    if isinstance(problem, (pb.PBConnectionLost, error.ConnectionClosed)):
        return f"{where} does not speak Perspective Broker, or ended the connection"
    if isinstance(problem, pb.RemoteError):
        return f"{where} answered with an error: {printable(str(problem))}"
    return f"no quote from {where}: {printable(' '.join(str(problem).split())) or type(problem).__name__}"


async def _run(reactor: Any, host: str, port: int) -> None:
    endpoint = endpoints.HostnameEndpoint(reactor, host, port)
    fetching = defer.Deferred.fromCoroutine(fetch_quote(endpoint))
    fetching.addTimeout(TIMEOUT, reactor)
    try:
        quote = await fetching
    except Exception as problem:
        sys.stderr.write(f"{_why(problem, host, port)}\n")
        raise SystemExit(1) from None
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    print(printable(quote), flush=True)


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """The program."""
    parser = _Parser(prog="python -m spreadlite.quotes.client", description="Print a quote from a quote server.")
    parser.add_argument("host", metavar="HOST", nargs="?", default="localhost", help="default: %(default)s")
    parser.add_argument("port", metavar="PORT", nargs="?", default=pb.portno, type=_port, help="default: %(default)s")
    given = parser.parse_args(argv)
    task.react(lambda reactor: defer.Deferred.fromCoroutine(_run(reactor, given.host, given.port)))
    raise AssertionError("react does not return")


if __name__ == "__main__":
    main()
