"""Taking twisted.spread's place in a process, and giving it back.

What is replaced is where Python looks a module up: ``sys.modules``, and the attribute of the package.  A module that holds
one of the originals, or something out of it, already has it for good; so `install` looks for such modules first.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from types import FunctionType, ModuleType

PACKAGE = "twisted.spread"
DOORS = ("interfaces", "banana", "jelly", "flavors", "pb", "util", "publish")

_MISSING = object()

#: What stood in each place before `install`: full name to (entry of sys.modules, attribute of the package).
_before: dict[str, tuple[object, object]] = {}


class TooLateError(RuntimeError):
    """Modules were imported that hold twisted.spread's own classes, which `install` cannot take from them.

    Attributes:
        modules: their names.
    """

    def __init__(self, modules: list[str]) -> None:
        super().__init__(
            "spreadlite.install() comes too late: these modules hold the originals of twisted.spread: "
            + ", ".join(modules)
            + ". Call it before they are imported, or install(force=True) to leave them as they are."
        )
        self.modules = modules


def install(force: bool = False) -> None:
    """Have every later import of twisted.spread's modules, in this process, find ours.

    Does nothing where that is so already.  Imports no original and no reactor.

    Args:
        force: go on where it is too late for some modules, with a warning that names them.

    Raises:
        TooLateError: a module holds one of the originals, or something out of it.  Nothing was changed.
    """
    # First, because in a Python that follows another (see _children) its import installs.
    package = importlib.import_module(PACKAGE)
    if _before:
        return
    late = holders()
    if late:
        if not force:
            raise TooLateError(late)
        warnings.warn(
            f"these modules keep the originals of twisted.spread: {', '.join(late)}", RuntimeWarning, stacklevel=2
        )
    ours = {name: importlib.import_module(f"spreadlite.{name}") for name in DOORS}
    for name, module in ours.items():
        full = f"{PACKAGE}.{name}"
        _before[full] = sys.modules.get(full, _MISSING), getattr(package, name, _MISSING)
        sys.modules[full] = module
        setattr(package, name, module)


def uninstall() -> None:
    """Put back what `install` replaced; nothing where it was not called."""
    package = sys.modules.get(PACKAGE)
    for full, (module, attribute) in _before.items():
        if isinstance(module, ModuleType):
            sys.modules[full] = module
        else:
            sys.modules.pop(full, None)
        name = full.rpartition(".")[2]
        if attribute is not _MISSING:
            setattr(package, name, attribute)
        elif hasattr(package, name):
            delattr(package, name)
    _before.clear()


def holders() -> list[str]:
    """The names of the modules that hold one of the originals, or a class or function out of one, or a subclass."""
    originals = [
        module for name in DOORS if isinstance(module := sys.modules.get(f"{PACKAGE}.{name}"), ModuleType)
    ]
    if not originals:
        return []
    held = set(map(id, originals))
    for module in originals:
        for value in vars(module).values():
            if isinstance(value, (type, FunctionType)) and value.__module__ == module.__name__:
                held.add(id(value))
    found = []
    for name, module in list(sys.modules.items()):
        if isinstance(module, ModuleType) and not name.startswith((f"{PACKAGE}.", "spreadlite.")) and name != PACKAGE:
            if any(_holds(value, held) for value in list(vars(module).values())):
                found.append(name)
    return sorted(found)


def _holds(value: object, held: set[int]) -> bool:
    if id(value) in held:
        return True
    # By type(), for objects may say that they are classes: a list[int] of Python 3.10 does.
    return issubclass(type(value), type) and any(id(cls) in held for cls in type.__dict__["__mro__"].__get__(value))
