"""The seven modules of one Perspective Broker, twisted.spread's or ours, as one value that a test can be given."""

from __future__ import annotations

from importlib import import_module
from typing import Any

#: The names of the two packages.
TWISTED = "twisted.spread"
OURS = "spreadlite"

MODULES = ("banana", "flavors", "interfaces", "jelly", "pb", "publish", "util")


class Spread:
    """The modules of a package that has twisted.spread's names; each is imported when it is first asked for.

    Args:
        name: the package, `TWISTED` or `OURS`.
    """

    banana: Any
    flavors: Any
    interfaces: Any
    jelly: Any
    pb: Any
    publish: Any
    util: Any

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, name: str) -> Any:
        if name not in MODULES:
            raise AttributeError(name)
        module = import_module(f"{self.name}.{name}")
        setattr(self, name, module)
        return module

    def load_all(self) -> None:
        """Import all of them now."""
        for name in MODULES:
            getattr(self, name)


def load(name: str) -> Spread:
    """The package *name*, `TWISTED` or `OURS`."""
    return Spread(name)
