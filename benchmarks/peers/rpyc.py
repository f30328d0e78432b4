"""RPyC.  It would send references to dictionaries; sent are copies, pickled, which is what one does who wants speed."""

from __future__ import annotations

import pickle
import sys
import threading
from collections.abc import Callable
from typing import Any

import rpyc
from rpyc.utils.server import ThreadedServer

from .. import control
from . import common


class Root(rpyc.Service):  # type: ignore[misc]
    def exposed_echo(self, value: Any) -> Any:
        return value

    def exposed_pickled(self, value: bytes) -> bytes:
        return pickle.dumps(pickle.loads(value), 5)


def main(side: str, port: str = "0") -> None:
    if side == "server":
        server = ThreadedServer(Root, hostname="127.0.0.1", port=0)
        threading.Thread(target=server.start, daemon=True).start()
        control.blocking({"port": server.port}, lambda request: {})
        return
    connection = rpyc.connect("127.0.0.1", int(port))
    root = connection.root
    later = rpyc.async_(root.echo)

    def echo(value: Any) -> Any:
        if isinstance(value, (str, bytes)):
            return root.echo(value)
        return pickle.loads(root.pickled(pickle.dumps(value, 5)))

    def begin(value: Any) -> Callable[[], Any]:
        result = later(value)
        return lambda: result.value

    common.blocking_client(echo, begin)


if __name__ == "__main__":
    main(*sys.argv[1:])
