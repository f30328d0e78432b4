"""Which types, classes and modules may be made of what a peer sends: the taster.

A taster is anything with ``isTypeAllowed``, ``isClassAllowed`` and ``isModuleAllowed``; users bring their own, subclass
these, or replace a method on one object.  So a taster is always asked, unless it is known to be stock, and its tables
are never copied.
"""

from __future__ import annotations

import types
from typing import Any, Protocol

from twisted.python.reflect import qual


class Taster(Protocol):
    """What jelly and unjelly ask of security options."""

    def isModuleAllowed(self, moduleName: str) -> object: ...

    def isClassAllowed(self, klass: type) -> object: ...

    def isTypeAllowed(self, typeName: bytes) -> object: ...


def as_bytes(name: str | bytes) -> bytes:
    """A type's or module's name as it is on the wire."""
    return name if isinstance(name, bytes) else name.encode("utf-8")


class DummySecurityOptions:
    """Allows everything.  For expressions that come from this process itself; never for a peer's."""

    def isModuleAllowed(self, moduleName: str | bytes) -> bool:
        """True."""
        return True

    def isClassAllowed(self, klass: type) -> bool:
        """True."""
        return True

    def isTypeAllowed(self, typeName: str | bytes) -> bool:
        """True."""
        return True


class SecurityOptions:
    """Allows scalars and sets, and what it was told to allow.

    Attributes:
        basicTypes: names of the containers and of the plumbing that `allowBasicTypes` allows.
        allowedTypes, allowedModules, allowedClasses: dictionaries whose keys are what is allowed.
    """

    basicTypes = [
        "dictionary", "list", "tuple", "reference", "dereference", "unpersistable", "persistent", "long_int", "long",
        "dict",
    ]  # fmt: skip

    def __init__(self) -> None:
        self.allowedTypes: dict[bytes, int] = dict.fromkeys(
            (
                b"None", b"bool", b"boolean", b"string", b"str", b"int", b"float", b"datetime", b"time", b"date",
                b"timedelta", b"NoneType", b"unicode", b"decimal", b"set", b"frozenset",
            ),
            1,
        )  # fmt: skip
        self.allowedModules: dict[bytes, int] = {}
        self.allowedClasses: dict[type, int] = {}

    def allowBasicTypes(self) -> None:
        """Allow the containers, references within an expression, and values that could not be sent."""
        self.allowTypes(*self.basicTypes)

    def allowTypes(self, *types: str | bytes | type) -> None:
        """Allow types by the names that stand at the head of their expressions; a class stands for its dotted name."""
        for each in types:
            name = each if isinstance(each, (str, bytes)) else qual(each)
            self.allowedTypes[as_bytes(name)] = 1

    def allowInstancesOf(self, *classes: type) -> None:
        """Allow instances of *classes* to be made: their names, their modules, and the basic types."""
        self.allowBasicTypes()
        self.allowTypes("instance", "class", "classobj", "module")
        for each in classes:
            self.allowTypes(qual(each))
            self.allowModules(each.__module__)
            self.allowedClasses[each] = 1

    def allowModules(self, *modules: str | bytes | types.ModuleType) -> None:
        """Allow modules, by name or as they are."""
        for each in modules:
            name = each.__name__ if isinstance(each, types.ModuleType) else each
            self.allowedModules[as_bytes(name)] = 1

    def isModuleAllowed(self, moduleName: str | bytes) -> bool:
        """Whether the module of that name was allowed."""
        return as_bytes(moduleName) in self.allowedModules

    def isClassAllowed(self, klass: type) -> bool:
        """Whether *klass* was allowed; its module is asked about separately."""
        return klass in self.allowedClasses

    def isTypeAllowed(self, typeName: str | bytes) -> bool:
        """Whether an expression may begin with that name.

        A dotted name always may: it names a class, and `isModuleAllowed` and `isClassAllowed` decide on that.
        """
        name = as_bytes(typeName)
        return name in self.allowedTypes or b"." in name


class StrictSecurityOptions(SecurityOptions):
    """Security options under which sending an object of an unregistered type fails, in place of a warning.

    Args:
        like: options whose tables these share from the start (the process-wide ones, say); None for new ones.
    """

    #: Read by the jellier.
    refusesUnregistered = True

    def __init__(self, like: SecurityOptions | None = None) -> None:
        super().__init__()
        if like is None:
            self.allowBasicTypes()
        else:
            self.allowedTypes = like.allowedTypes
            self.allowedModules = like.allowedModules
            self.allowedClasses = like.allowedClasses


_STOCK = (SecurityOptions.isTypeAllowed, DummySecurityOptions.isTypeAllowed)


def allowed_names(taster: Any) -> dict[bytes, int] | None:
    """The names that *taster* allows, if all that it does is to look a name up in these and to allow every dotted one;
    else None, and it is to be asked."""
    if (
        getattr(type(taster), "isTypeAllowed", None) is SecurityOptions.isTypeAllowed
        and "isTypeAllowed" not in taster.__dict__
    ):
        allowed = taster.allowedTypes
        return allowed if type(allowed) is dict else None
    return None


def allows_dotted_names(taster: object) -> bool:
    """Whether *taster* is known to allow every dotted type name, so that it need not be asked about one."""
    try:
        return type(taster).isTypeAllowed in _STOCK and "isTypeAllowed" not in taster.__dict__  # type: ignore[attr-defined]
    except AttributeError:
        return False
