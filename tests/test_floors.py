"""A test that reads every import of the package, and holds the floors of docs/architecture.rst."""

import ast
import os

from twisted.trial.unittest import SynchronousTestCase

from tests.processes import ROOT

#: The rooms of each floor, from the ground up.  A room may import from lower floors, and from no others.
FLOORS = (
    ("interfaces", "core.errors", "core.limits", "core.text", "core.vocabulary"),
    ("core.wire", "core.policy", "core.registry", "core.weights"),
    ("core.graph",),
    ("core.passing",),
    ("core.plain",),
    ("core.shortcut", "core._compiled"),
    ("core.tables", "core.codec"),
    ("jelly", "banana"),
    ("_seams",),
    ("flavors",),
    ("_references", "_failures", "_login", "_journal", "_transports"),
    ("_flow", "_pages"),
    ("pb",),
    ("util", "publish", "options"),
    ("quotes.interfaces", "quotes.fortunes", "quotes.ports"),
    ("quotes.quoters", "quotes.protocol", "quotes.reader"),
    ("quotes.service", "quotes.client"),
    ("_install",),
    ("_children",),
    ("_site.sitecustomize",),
    ("", "__main__", "core", "quotes"),
)
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
FORBIDDEN_IN_CORE = ("twisted.internet", "twisted.cred", "twisted.protocols", "twisted.application")


def rooms():
    """Every module of the package: its name within it, and its tree."""
    top = os.path.join(ROOT, "spreadlite")
    for folder, _, files in os.walk(top):
        for file in files:
            if file.endswith(".py"):
                path = os.path.join(folder, file)
                name = os.path.relpath(path, top)[:-3].replace(os.sep, ".")
                with open(path, encoding="utf-8") as source:
                    yield name.removesuffix("__init__").rstrip("."), file == "__init__.py", ast.parse(source.read())


def imported(name, is_package, node):
    """The modules that an import statement names, in full."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        parts = ("spreadlite." + name).rstrip(".").split(".")
        parts = parts[: len(parts) - node.level + is_package]
        base = ".".join([*parts, *filter(None, [base])])
    return [f"{base}.{alias.name}" for alias in node.names]


def room_of(full):
    """The room of ours that an imported name belongs to, or None."""
    if full.split(".")[0] != "spreadlite":
        return None
    name = full[len("spreadlite") :].lstrip(".")
    while name and name not in LEVEL:
        name = name.rpartition(".")[0]
    return name


class FloorTests(SynchronousTestCase):
    """Imports go down."""

    def test_every_room_has_a_floor(self):
        """A new module finds its floor before it lands."""
        self.assertEqual(set(LEVEL), {"core._compiled", *(name for name, _, _ in rooms())})

    def test_compiled(self):
        """The compiled codec is chosen in one place, and nobody else imports it."""
        for name, is_package, tree in rooms():
            for node in ast.walk(tree):
                if isinstance(node, (ast.Import, ast.ImportFrom)) and name != "core.codec":
                    for full in imported(name, is_package, node):
                        self.assertNotIn("_compiled", full.split("."), name)

    def test_imports(self):
        """A room imports from lower floors alone."""
        for name, is_package, tree in rooms():
            for node in ast.walk(tree):
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    for full in imported(name, is_package, node):
                        room = room_of(full)
                        if room is not None:
                            self.assertLess(LEVEL[room], LEVEL[name], f"{name or '__init__'} imports {full}")

    def test_no_hidden_imports(self):
        """Within functions nothing is imported but the reactor, which must not be imported before it is chosen."""
        for name, is_package, tree in rooms():
            for function in ast.walk(tree):
                if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.If)):
                    for node in ast.walk(function):
                        if isinstance(node, (ast.Import, ast.ImportFrom)):
                            self.assertEqual(["twisted.internet.reactor"], imported(name, is_package, node), name)

    def test_core_is_pure(self):
        """The core knows no reactor, transport, Deferred or login."""
        for name, is_package, tree in rooms():
            if name.startswith("core"):
                for node in ast.walk(tree):
                    if isinstance(node, (ast.Import, ast.ImportFrom)):
                        for full in imported(name, is_package, node):
                            self.assertFalse(full.startswith(FORBIDDEN_IN_CORE), f"{name} imports {full}")
