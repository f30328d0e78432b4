"""Pyro5, whose calls block."""

from __future__ import annotations

import importlib.util
import sys
import threading
from typing import Any

import Pyro5.api
from Pyro5 import config

from .. import control
from . import common


@Pyro5.api.expose
class Root:
    def echo(self, value: Any) -> Any:
        return value


def main(side: str, port: str = "0") -> None:
    config.SERIALIZER = "msgpack" if importlib.util.find_spec("msgpack") else "serpent"
    if side == "server":
        daemon = Pyro5.api.Daemon(host="127.0.0.1", port=0)
        daemon.register(Root, "root")
        threading.Thread(target=daemon.requestLoop, daemon=True).start()
        control.blocking({"port": daemon.sock.getsockname()[1]}, lambda request: {})
        daemon.shutdown()
    else:
        proxy = Pyro5.api.Proxy(f"PYRO:root@127.0.0.1:{port}")

        def echo(value: Any) -> Any:
            answer = proxy.echo(value)
            # serpent carries bytes in another form.
            return Pyro5.api.serpent.tobytes(answer) if isinstance(value, bytes) and type(answer) is dict else answer

        common.blocking_client(echo)


if __name__ == "__main__":
    main(*sys.argv[1:])
