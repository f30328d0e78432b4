"""One process of a pair: a server that plays the server's parts, or a client that plays the client's and reports.

By hand, in two terminals::

    python -m tests.compat.peer --role server --module spreadlite --transport tcp
    python -m tests.compat.peer --role client --module twisted.spread --transport tcp --control PORT [--only NAME]

The server prints the port of its control connection, on which a client names the scenario and asks for reports, a JSON
value a line.  The client prints the transcripts, JSON again.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path

from tests.compat.scenario import SCENARIOS, Scenario


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.compat.peer", description="One process of a pair.")
    parser.add_argument("--role", choices=("server", "client"), required=True)
    parser.add_argument("--module", default="spreadlite", help="the package under test: spreadlite or twisted.spread")
    parser.add_argument("--transport", choices=("tcp", "unix", "tls"), default="tcp")
    parser.add_argument("--reactor", choices=("default", "epoll", "select", "poll", "asyncio"), default="default")
    parser.add_argument("--control", type=int, help="the port that the server printed (client)")
    parser.add_argument("--folder", type=Path, default=Path("."), help="has sockets and peer.pem (TLS)")
    parser.add_argument("--only", action="append", help="the name of a scenario; may be repeated (client)")
    parser.add_argument("--list", action="store_true", help="print the names of the scenarios")
    return parser.parse_args()


def main() -> None:
    """Play."""
    options = arguments()
    if options.reactor != "default":
        import_module(f"twisted.internet.{options.reactor}reactor").install()
    from tests.compat import scenarios
    from tests.compat.stage import Server, play

    scenarios.load()
    if options.list:
        print("\n".join(SCENARIOS))
        return
    if options.role == "server":
        Server(options).run()
    else:
        names = options.only or list(SCENARIOS)
        chosen: list[Scenario] = [SCENARIOS[name] for name in names]
        json.dump(play(options, chosen), sys.stdout)
        sys.stdout.write("\n")


if __name__ == "__main__":
    main()
