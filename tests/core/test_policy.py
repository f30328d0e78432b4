"""Who may come in: security options as twisted.spread's applications know them."""

from __future__ import annotations

import collections
import decimal
from typing import Any

from twisted.spread import jelly as twisted_jelly
from twisted.trial.unittest import SynchronousTestCase

from spreadlite.core import codec, graph, policy
from spreadlite.core.errors import InsecureJelly
from spreadlite.core.policy import DummySecurityOptions, SecurityOptions, StrictSecurityOptions
from tests.vectors.rows import Rows, each

KINDS = {"ours": SecurityOptions, "twisted": twisted_jelly.SecurityOptions}
SCALARS = (
    "None", "bool", "boolean", "string", "str", "int", "float", "datetime", "time", "date", "timedelta", "NoneType",
    "unicode", "decimal", "set", "frozenset",
)  # fmt: skip
CONTAINERS = ("dictionary", "list", "tuple", "reference", "dereference", "unpersistable", "persistent", "dict")
PLUMBING = ("instance", "class", "classobj", "module", "function", "method", "copy", "remote", "", "lists")


class SecurityOptionsTests(Rows, SynchronousTestCase):
    """`SecurityOptions`, each test for ours and, so that it tells the truth, for twisted.spread's."""

    @each(KINDS)
    def test_new(self, kind: str) -> None:
        """New options allow scalars and sets, as text or bytes, and nothing else."""
        options = KINDS[kind]()
        for name in SCALARS:
            self.assertTrue(options.isTypeAllowed(name.encode()), name)
        for name in (*CONTAINERS, *PLUMBING):
            self.assertFalse(options.isTypeAllowed(name.encode()), name)
        self.assertFalse(options.isModuleAllowed(b"os"))
        self.assertFalse(options.isClassAllowed(dict))

    @each(KINDS)
    def test_dotted(self, kind: str) -> None:
        """A dotted name may stand at the head: module and class decide."""
        options = KINDS[kind]()
        self.assertTrue(options.isTypeAllowed(b"os.system"))
        self.assertTrue(options.isTypeAllowed(b"."))
        self.assertFalse(options.isModuleAllowed(b"os"))

    @each(KINDS)
    def test_basic_types(self, kind: str) -> None:
        """The basic types are the containers and references, not classes or functions."""
        options = KINDS[kind]()
        options.allowBasicTypes()
        for name in (*SCALARS, *CONTAINERS):
            self.assertTrue(options.isTypeAllowed(name.encode()), name)
        for name in PLUMBING:
            self.assertFalse(options.isTypeAllowed(name.encode()), name)

    @each(KINDS)
    def test_types(self, kind: str) -> None:
        """Types are allowed by name in text or bytes, or by class for its dotted name."""
        options = KINDS[kind]()
        options.allowTypes("une", b"deux", collections.OrderedDict)
        for name in (b"une", b"deux"):
            self.assertTrue(options.isTypeAllowed(name))
        # twisted.spread keeps the class's name as text, which nothing that a peer sends is equal to.
        wanted = "collections.OrderedDict" if kind == "twisted" else b"collections.OrderedDict"
        self.assertIn(wanted, options.allowedTypes)

    @each(KINDS)
    def test_modules(self, kind: str) -> None:
        """Modules are allowed by name in text or bytes, or as they are."""
        options = KINDS[kind]()
        options.allowModules("a.b", b"c", collections)
        for name in (b"a.b", "a.b", b"c", "c", b"collections"):
            self.assertTrue(options.isModuleAllowed(name), name)
        self.assertFalse(options.isModuleAllowed("a"))
        self.assertFalse(options.isModuleAllowed("collections.abc"))

    @each(KINDS)
    def test_instances(self, kind: str) -> None:
        """Allowing instances allows the class, its name, its module, and what else an instance needs."""
        options = KINDS[kind]()
        options.allowInstancesOf(collections.OrderedDict, decimal.Decimal)
        for cls in (collections.OrderedDict, decimal.Decimal):
            self.assertTrue(options.isClassAllowed(cls))
            self.assertTrue(options.isModuleAllowed(cls.__module__))
        self.assertFalse(options.isClassAllowed(dict))
        for name in (b"list", b"instance", b"class", b"classobj", b"module", b"collections.OrderedDict"):
            self.assertTrue(options.isTypeAllowed(name), name)
        self.assertFalse(options.isTypeAllowed(b"function"))

    def test_tables_as_in_twisted(self) -> None:
        """The tables, which applications read, have twisted.spread's keys."""
        ours, theirs = SecurityOptions(), twisted_jelly.SecurityOptions()
        for options in (ours, theirs):
            options.allowInstancesOf(decimal.Decimal)
        self.assertEqual(theirs.allowedModules, ours.allowedModules)
        self.assertEqual(theirs.allowedClasses, ours.allowedClasses)
        self.assertEqual(set(), set(theirs.allowedTypes) - set(ours.allowedTypes))
        self.assertEqual(theirs.basicTypes, SecurityOptions.basicTypes)

    def test_text_for_types(self) -> None:
        """A type's name is asked for as text or bytes alike."""
        options = SecurityOptions()
        self.assertTrue(options.isTypeAllowed("int"))
        self.assertFalse(options.isTypeAllowed("list"))
        self.assertEqual((b"x\xc3\xbc", b"y"), (policy.as_bytes("xü"), policy.as_bytes(b"y")))

    def test_apart(self) -> None:
        """What one object allows, another does not."""
        one = SecurityOptions()
        one.allowInstancesOf(decimal.Decimal)
        self.assertFalse(SecurityOptions().isClassAllowed(decimal.Decimal))
        self.assertNotIn(b"list", SecurityOptions().allowedTypes)


class OtherKindsTests(SynchronousTestCase):
    """Options that allow everything, and those that refuse more."""

    def test_dummy(self) -> None:
        """The dummy allows everything."""
        dummy = DummySecurityOptions()
        answers = (dummy.isModuleAllowed("os"), dummy.isClassAllowed(dict), dummy.isTypeAllowed(b"function"))
        self.assertEqual((True, True, True), answers)

    def test_strict(self) -> None:
        """Strict options allow the basic types, and say that they refuse what is not registered."""
        strict = StrictSecurityOptions()
        self.assertIs(True, strict.refusesUnregistered)
        self.assertTrue(strict.isTypeAllowed(b"list"))
        self.assertFalse(strict.isTypeAllowed(b"function"))
        self.assertFalse(hasattr(SecurityOptions(), "refusesUnregistered"))

    def test_strict_like(self) -> None:
        """Strict options like others follow those: what is allowed there later is allowed here."""
        like = SecurityOptions()
        strict = StrictSecurityOptions(like)
        self.assertFalse(strict.isTypeAllowed(b"list"))
        like.allowInstancesOf(decimal.Decimal)
        self.assertTrue(strict.isTypeAllowed(b"list"))
        self.assertTrue(strict.isModuleAllowed("decimal"))
        self.assertTrue(strict.isClassAllowed(decimal.Decimal))


class AskedTests(SynchronousTestCase):
    """`allows_dotted_names`: a taster is asked unless it is known to be stock."""

    def test_stock(self) -> None:
        """Stock options, also subclassed without a word on types, need not be asked about dotted names."""

        class Louder(SecurityOptions):
            def isClassAllowed(self, klass: type) -> bool:
                return True

        for taster in (SecurityOptions(), DummySecurityOptions(), StrictSecurityOptions(), Louder()):
            self.assertTrue(policy.allows_dotted_names(taster))

    def test_others(self) -> None:
        """Whoever overrides the method, on the class or on the object, or brings a taster of their own, is asked."""

        class Stern(SecurityOptions):
            def isTypeAllowed(self, typeName: Any) -> bool:
                return False

        class Own:
            __slots__ = ()

            def isTypeAllowed(self, typeName: bytes) -> bool:
                return True

        patched = SecurityOptions()
        patched.isTypeAllowed = lambda typeName: False  # type: ignore[method-assign]
        for taster in (Stern(), patched, Own(), object()):
            self.assertFalse(policy.allows_dotted_names(taster))
            self.assertIsNone(policy.allowed_names(taster))

    def test_asked(self) -> None:
        """What such options refuse is neither sent nor read, also where their tables would allow it."""
        for unjelly in (graph.unjelly, codec.unjelly):
            patched = SecurityOptions()
            patched.allowBasicTypes()
            self.assertEqual([1], unjelly([b"list", 1], patched))
            patched.isTypeAllowed = lambda typeName: typeName != b"list"  # type: ignore[method-assign]
            for sexp in ([b"list", 1], [b"tuple", [b"list", 1]]):
                self.assertRaises(InsecureJelly, unjelly, sexp, patched)
            self.assertEqual((1,), unjelly([b"tuple", 1], patched))

    def test_tables_of_another_kind(self) -> None:
        """An application may put a mapping of its own in the place of the table of types; it is asked each time."""

        class Listening(dict[bytes, int]):
            """Allows also what it does not have."""

            def __contains__(self, name: object) -> bool:
                return True

        taster = SecurityOptions()
        taster.allowedTypes = Listening()
        self.assertIsNone(policy.allowed_names(taster))
        for unjelly in (graph.unjelly, codec.unjelly):
            self.assertEqual([(1, "x")], unjelly([b"list", [b"tuple", 1, [b"unicode", b"x"]]], taster))
