"""Which class, or which callable, stands for a type tag that a peer sends.

A `Registry` is an object; `DEFAULT_REGISTRY` is the one of the process, which `jelly.setUnjellyableForClass` and its
kin fill, and whose two dictionaries are `jelly.unjellyableRegistry` and `jelly.unjellyableFactoryRegistry`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from twisted.python.reflect import qual


def tag_of(name: str | bytes | type) -> bytes:
    """The tag that *name* stands for: a class is known by its dotted name."""
    if isinstance(name, type):
        name = qual(name)
    return name if isinstance(name, bytes) else name.encode("utf-8")


class Registry:
    """Two tables by tag.

    Attributes:
        classes: tag to class (a blank instance's ``unjellyFor`` is called) or to a function of the same arguments.
        factories: tag to a callable that makes an instance from the state alone.
    """

    def __init__(self) -> None:
        self.classes: dict[bytes, Callable[..., Any]] = {}
        self.factories: dict[bytes, Callable[..., Any]] = {}


def classes_in(module: ModuleType, base: type, prefix: str | None) -> Iterator[tuple[str, type]]:
    """The subclasses of *base* that *module* holds, each with its tag: *prefix* (the module's name if None), dot, name."""
    if prefix is None:
        prefix = module.__name__
    for name in dir(module):
        value = getattr(module, name)
        # By type(), for objects may say that they are classes: a list[int] of Python 3.10 does.
        if issubclass(type(value), type) and issubclass(value, base):
            yield (f"{prefix}.{name}" if prefix else name), value


#: The registry of the process.
DEFAULT_REGISTRY = Registry()
