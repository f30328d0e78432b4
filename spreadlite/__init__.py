"""Perspective Broker for Python 3: wire-compatible with twisted.spread, and safe by default.

The modules `banana`, `jelly`, `flavors`, `pb`, `publish`, `util` and `interfaces` have the names of twisted.spread's, with
the same meaning.  `install` puts them in its place for the whole process.

Importing this package imports none of them, and no reactor.
"""

from __future__ import annotations

from ._install import TooLateError, install, uninstall

__version__ = "0.1.0"

__all__ = ["TooLateError", "__version__", "install", "uninstall"]
