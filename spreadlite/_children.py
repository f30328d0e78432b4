"""How the Pythons that a program starts follow ``python -m spreadlite run``.

`lead` sets two variables.  ``PYTHONPATH`` begins with a folder whose ``sitecustomize`` every Python imports as it starts.
``SPREADLITE_RUN`` names the environment (by its ``sys.prefix``) that is meant, so that Pythons of others, which have
Twisteds of their own or none, stay what they are.  A Python that is started without these variables, or with -E, -I or -S,
does not follow.

`follow` does not install at once, for most Pythons that a program starts never come to twisted.spread: it waits for the
import of the package.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from ._install import PACKAGE, install

#: The folder of the sitecustomize, and the variable that names the environment meant.
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_site")
VARIABLE = "SPREADLITE_RUN"


def lead() -> None:
    """Have the Pythons of this environment that this process starts, and those that they start, follow."""
    os.environ[VARIABLE] = sys.prefix
    old = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry and entry != FOLDER]
    os.environ["PYTHONPATH"] = os.pathsep.join([FOLDER, *old])
    if FOLDER not in sys.path:
        # For programs that hand on their own path, as trial does to its workers.
        sys.path.append(FOLDER)


def follow() -> None:
    """Install as soon as twisted.spread is imported."""
    sys.meta_path.insert(0, Follower())


class Follower(MetaPathFinder):
    """Finds the package twisted.spread as it would be found, and sees to it that `install` is called after it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        if fullname != PACKAGE:
            return None
        for finder in sys.meta_path:
            if finder is not self and (spec := finder.find_spec(fullname, path, target)) is not None:
                if spec.loader is not None:
                    spec.loader = ThenInstall(spec.loader)
                return spec
        return None


class ThenInstall(Loader):
    """Loads a module with another loader, and installs."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """See `importlib.abc.Loader`."""
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """See `importlib.abc.Loader`.  What is asked of the module's loader later is for the real one."""
        module.__loader__ = self.loader
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        self.loader.exec_module(module)
        install()
