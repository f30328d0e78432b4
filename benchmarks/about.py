"""Where a run was made: figures mean little without."""

from __future__ import annotations

import importlib.metadata
import os
import platform


def machine() -> dict[str, str]:
    """The kind of machine, and the versions."""
    return {
        "processor": _processor(),
        "cpus": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "twisted": importlib.metadata.version("Twisted"),
        "spreadlite": importlib.metadata.version("spreadlite"),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def line() -> str:
    """The same, in a line."""
    at = machine()
    return (
        f"{at['python']}, Twisted {at['twisted']}, spreadlite {at['spreadlite']}; "
        f"{at['cpus']} x {at['processor']}, {at['system']}"
    )
