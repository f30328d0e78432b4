"""A contender whose answers are wrong."""

import sys

from benchmarks import control

if __name__ == "__main__":
    control.blocking(
        {"port": 0, "implementation": "liar"},
        lambda request: {"check": {"right": False}, "count": {"sent": 1, "received": 1}}.get(request["do"], {"cpu": 1.0}),
    )
    sys.exit()
