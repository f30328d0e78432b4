"""What a Python that is started below ``python -m spreadlite run`` reads first: see ``spreadlite/_children.py``.

Any Python of the machine may come by here, also an old one, of another environment: it goes on as if this were not here.
"""
# mypy: ignore-errors

import importlib
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

if os.environ.get("SPREADLITE_RUN") == sys.prefix:
    # At the end of the path: there it finds this very package, without putting what lies beside it before anything.
    sys.path.append(ROOT)
    try:
        # By name, for no Python but those of this environment may come to the import.
        importlib.import_module("spreadlite._children").follow()
    finally:
        sys.path.remove(ROOT)


def pass_on():
    """Import the sitecustomize that this one stands before, if there is one."""
    path, this = list(sys.path), sys.modules.pop("sitecustomize", None)
    others = [entry for entry in path if os.path.abspath(entry) != HERE]
    sys.path[:] = others
    try:
        __import__("sitecustomize")
    except ImportError as error:
        if getattr(error, "name", "sitecustomize") != "sitecustomize":
            raise
    finally:
        sys.modules.setdefault("sitecustomize", this)
        if sys.path == others:
            sys.path[:] = path


pass_on()
