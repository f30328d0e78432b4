"""Something else to do for the machine, so that no processor sleeps between the messages of those who are measured."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from . import control


@contextmanager
def beside(number: int) -> Iterator[list[control.Process]]:
    """So many processes compute as long as this lasts, and give way to any other."""
    processes: list[control.Process] = []
    try:
        for _ in range(number):
            processes.append(control.Process("benchmarks.busy"))
        yield processes
    finally:
        for process in processes:
            process.stop()


def main() -> None:
    """Compute, until nobody is there who would want it."""
    os.nice(19)
    print(json.dumps({}), flush=True)
    there = threading.Thread(target=sys.stdin.read)
    there.start()
    while there.is_alive():
        pass


if __name__ == "__main__":
    main()
