"""``python -m spreadlite run PROGRAM``: run a program with spreadlite in the place of twisted.spread."""

from __future__ import annotations

import argparse
import os
import runpy
import shutil
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import NoReturn

from ._install import install

_DESCRIPTION = """\
Run a program unchanged, with spreadlite in the place of twisted.spread.

PROGRAM is a console script (twistd, trial, buildbot-worker), or the path of a Python file; with -m, it is a module.
What stands after it is the program's.
"""


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
        usage="%(prog)s [-m] PROGRAM [ARG ...]",
    )
    run.add_argument("-m", dest="module", action="store_true", help="PROGRAM is a module, as for python -m")
    run.add_argument("program", metavar="PROGRAM")
    run.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARG")
    given = parser.parse_args(argv)
    if given.module:
        run_module(given.program, given.arguments)
    else:
        run_program(given.program, given.arguments)


def run_module(module: str, arguments: list[str]) -> None:
    """Run a module as ``python -m`` does."""
    install()
    sys.argv = [module, *arguments]
    sys.path[0] = os.getcwd()
    try:
        found = find_spec(module)
    except ModuleNotFoundError:
        found = None
    if found is None:
        _refuse(f"no module named {module}")
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def run_program(program: str, arguments: list[str]) -> None:
    """Run a file, or the console script of that name."""
    script = program if os.path.isfile(program) else None
    if script is None and os.path.basename(program) == program:
        # The scripts of this very Python first: others may be made for another.
        script = shutil.which(program, path=os.path.dirname(sys.executable))
        if script is None:
            for point in entry_points(group="console_scripts", name=program):
                install()
                sys.argv = [program, *arguments]
                sys.exit(point.load()())
        script = script or shutil.which(program)
    if script is None:
        _refuse(f"there is no program {program}")
    if not _is_python(script):
        _refuse(f"{script} is not a program in Python")
    install()
    sys.argv = [script, *arguments]
    sys.path[0] = os.path.dirname(os.path.realpath(script))
    runpy.run_path(script, run_name="__main__")


def _is_python(path: str) -> bool:
    """Whether the file looks like Python: by its name, or by its first line."""
    if path.endswith((".py", ".pyw", ".pyc")):
        return True
    with open(path, "rb") as file:
        first = file.readline(500)
        # A long path to the interpreter is written as a shell's second line.
        second = file.readline(500)
    return b"python" in first or (first.startswith(b"#!/bin/sh") and b"python" in second)


def _refuse(why: str) -> NoReturn:
    sys.stderr.write(f"python -m spreadlite run: {why}\n")
    sys.exit(2)


if __name__ == "__main__":
    main()
