"""``python -m spreadlite run PROGRAM``: run a program with spreadlite in the place of twisted.spread.

The program finds what it would find if Python ran it: a ``__main__`` of its own (which stays, so that pickles, threads and
functions called at exit find it too), ``sys.argv``, ``sys.path`` and exit status.  A traceback begins with its own lines.

A program may start others: ``buildbot start`` starts a Python that becomes the master, ``trial -j`` some that run tests.
Those of the same environment follow, see ``_children``.
"""

from __future__ import annotations

import argparse
import builtins
import importlib.util
import io
import os
import shutil
import sys
import zipfile
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader, SourcelessFileLoader
from importlib.metadata import entry_points
from types import CodeType, ModuleType
from typing import Any, NoReturn

from ._children import lead
from ._install import TooLateError, install

_DESCRIPTION = """\
Run a program unchanged, with spreadlite in the place of twisted.spread.

PROGRAM is a console script (twistd, trial, buildbot-worker), or the path of a Python file, folder or zip file; with -m,
it is a module.  What stands after it is the program's.

Pythons of this environment that PROGRAM starts do the same, unless --alone is given.
"""

#: Python's own __main__; held here, because the program's takes its place.
_this = sys.modules[__name__]


def main(argv: Sequence[str] | None = None) -> None:
    """The command line.

    Exits with 2 where no program can be made out, and otherwise as the program does.
    """
    parser = argparse.ArgumentParser(
        prog="python -m spreadlite", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="run")
    run = commands.add_parser(
        "run",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [--alone] [-m] PROGRAM [ARG ...]",
    )
    run.add_argument("--alone", action="store_true", help="leave the Pythons that PROGRAM starts as they are")
    run.add_argument("-m", dest="module", action="store_true", help="PROGRAM is a module, as for python -m")
    run.add_argument("program", metavar="PROGRAM")
    words = list(sys.argv[1:] if argv is None else argv)
    count = _own(words)
    given, arguments = parser.parse_args(words[:count]), words[count:]
    try:
        install()
    except TooLateError as error:
        _refuse(str(error))
    if not given.alone:
        lead()
    if given.module:
        run_module(given.program, arguments)
    else:
        run_program(given.program, arguments)


def _own(words: list[str]) -> int:
    """How many of the words are ours: up to the program, which is the first after ``run`` that is no option.

    What follows is never shown to argparse, which takes a ``--`` out of it or not, as its version goes.
    """
    count = 1
    while count < len(words) and words[count].startswith("-"):
        count += 1
    return count + 1


def run_module(module: str, arguments: list[str]) -> None:
    """Run a module as ``python -m`` does."""
    sys.argv = ["-m", *arguments]
    _search(os.getcwd())
    spec = _hide(_find, module)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = _hide(_find, f"{module}.__main__")
    if spec is None:
        _refuse(f"no module named {module}, or it is a package without a __main__")
    sys.argv[0] = spec.origin or module
    _run_spec(spec)


def run_program(program: str, arguments: list[str]) -> None:
    """Run a file, folder or zip file, or the console script of that name."""
    script = _script(program, arguments)
    if script is None:
        _refuse(f"there is no program {program}")
    sys.argv = [script, *arguments]
    path = os.path.abspath(script)
    if os.path.isdir(script) or zipfile.is_zipfile(script):
        _search(script, anyway=True)
        spec = PathFinder.find_spec("__main__", [script])
        if spec is None:
            _refuse(f"there is no __main__ in {script}")
        _run_spec(spec)
    elif not _is_python(script):
        _refuse(f"{script} is not a program in Python")
    else:
        _search(os.path.dirname(os.path.realpath(script)))
        kind = SourcelessFileLoader if script.endswith(".pyc") else SourceFileLoader
        loader = kind("__main__", path)
        if isinstance(loader, SourcelessFileLoader):
            code = _hide(loader.get_code, "__main__")
        else:
            # Not by the loader, which would leave a __pycache__ beside the program.
            with io.open_code(path) as file:
                source = file.read()
            code = _hide(compile, source, path, "exec", dont_inherit=True)
        _run(code, path, None, loader)


def _script(program: str, arguments: list[str]) -> str | None:
    """The path of a program; one that is found only as an entry point is run here."""
    if os.path.isfile(program) or os.path.basename(program) != program:
        return program if os.path.exists(program) else None
    # The scripts of this very Python first: others may be made for another.
    script = shutil.which(program, path=os.path.dirname(sys.executable))
    if script is None or not _is_python(script):
        for point in entry_points(group="console_scripts", name=program):
            sys.argv = [script or program, *arguments]
            sys.exit(_hide(lambda: point.load()()))  # noqa: B023 (called at once)
    return script or shutil.which(program) or (program if os.path.isdir(program) else None)


def _find(module: str) -> ModuleSpec | None:
    """What `find_spec` finds; None also where a package on the way is missing."""
    try:
        return importlib.util.find_spec(module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            return None
        raise


def _search(folder: str, anyway: bool = False) -> None:
    """Have imports look where the program's would look first, instead of where ours do."""
    if not (getattr(sys.flags, "safe_path", False) or sys.flags.isolated):
        sys.path[0] = folder
    elif anyway:
        sys.path.insert(0, folder)


def _run_spec(spec: ModuleSpec) -> None:
    get_code = getattr(spec.loader, "get_code", None)
    code = None if get_code is None else _hide(get_code, spec.name)
    if code is None:
        _refuse(f"{spec.name} has no code that can be run")
    _run(code, spec.origin, spec, spec.loader)


def _run(code: CodeType, file: str | None, spec: ModuleSpec | None, loader: object) -> None:
    """Run code as ``__main__``."""
    main = ModuleType("__main__")
    names = vars(main)
    names.update(__builtins__=builtins, __file__=file, __spec__=spec, __loader__=loader)
    names["__package__"] = None if spec is None else spec.parent
    names["__cached__"] = None if spec is None else spec.cached
    if "__annotations__" in vars(_this):
        # Python makes one for __main__, though not in all versions.
        names["__annotations__"] = {}
    sys.modules["__main__"] = main
    _hide(exec, code, names)


def _hide(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """Call a function; where that raises, leave our own lines out of what is printed of it."""
    try:
        return function(*arguments, **keywords)
    except SystemExit:
        raise
    except BaseException as error:
        hook = sys.excepthook
        trace = error.__traceback__
        while trace is not None and _is_ours(trace.tb_frame.f_code.co_filename):
            trace = trace.tb_next
        # Raised all the same, so that Python ends as it ends for this kind of exception.
        sys.excepthook = lambda kind, value, _: hook(kind, value.with_traceback(trace), trace)
        raise


def _is_ours(filename: str) -> bool:
    return filename == __file__ or filename.startswith("<frozen importlib") or filename == importlib.util.__file__


def _is_python(path: str) -> bool:
    """Whether the file looks like Python: by its name, or by its first line."""
    if path.endswith((".py", ".pyw", ".pyc")):
        return True
    with open(path, "rb") as file:
        first = file.readline(500)
        # A long path to the interpreter is written as a shell's second line.
        second = file.readline(500)
    return b"python" in first or b"pypy" in first or (first.startswith(b"#!/bin/sh") and b"python" in second)


def _refuse(why: str) -> NoReturn:
    sys.stderr.write(f"python -m spreadlite run: {why}\n")
    sys.exit(2)


if __name__ == "__main__":
    main()
