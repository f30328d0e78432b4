"""The scenarios, a module for each part of Perspective Broker."""

from __future__ import annotations

from importlib import import_module

MODULES = (
    "values",
    "calls",
    "references",
    "views",
    "copies",
    "caches",
    "logins",
    "errors",
    "pages",
    "lifecycles",
    "limits",
    "repairs",
)


def load() -> None:
    """Register every scenario."""
    for name in MODULES:
        import_module(f"{__name__}.{name}")
