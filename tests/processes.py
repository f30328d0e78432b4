"""Fresh interpreters, for what concerns a whole process."""

import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def python(*arguments, patience=120, cwd=None):
    """Run a new Python that finds this package; returns the `subprocess.CompletedProcess`, with its output as text."""
    path = os.pathsep.join(filter(None, [ROOT, os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=patience,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path},
    )
