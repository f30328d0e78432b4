"""Run a program with ``spreadlite`` meaning ``twisted.spread``: ``python as_twisted.py PROGRAM [ARG…]``.

So the same example can be one peer made with spreadlite and one made with the original.
"""

import importlib
import os
import runpy
import sys
import types

DOORS = ("banana", "flavors", "interfaces", "jelly", "pb", "publish", "util")


def alias():
    """Put twisted.spread's modules where a program looks for spreadlite's."""
    package = types.ModuleType("spreadlite")
    package.__path__ = []
    sys.modules["spreadlite"] = package
    for name in DOORS:
        module = importlib.import_module(f"twisted.spread.{name}")
        sys.modules[f"spreadlite.{name}"] = module
        setattr(package, name, module)


if __name__ == "__main__":
    alias()
    del sys.argv[0]
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name="__main__")
