"""Which class stands for which tag."""

from __future__ import annotations

from types import ModuleType

from twisted.trial.unittest import SynchronousTestCase

from spreadlite.core.registry import DEFAULT_REGISTRY, Registry, classes_in, tag_of


class Base:
    """What the classes of a module may derive from."""


class Derived(Base):
    """One that does."""

    class Within(Base):
        """One that is in another, and no name of the module."""


class Other:
    """One that does not."""


class Pretender:
    """Its instances say that they are classes."""

    __class__ = property(lambda self: type)  # type: ignore[assignment]


class RegistryTests(SynchronousTestCase):
    """`Registry`, `tag_of`, `classes_in`."""

    def test_tags(self) -> None:
        """A class is known by its module and its name alone, as in twisted.spread; a name is taken as it is."""
        home = __name__.encode()
        self.assertEqual(home + b".Derived", tag_of(Derived))
        self.assertEqual(home + b".Within", tag_of(Derived.Within))
        self.assertEqual((b"any", b"any", b"gr\xc3\xbcn"), (tag_of("any"), tag_of(b"any"), tag_of("grün")))

    def test_tables_apart(self) -> None:
        """A registry of one's own starts empty and stays apart from the process's."""
        mine = Registry()
        mine.classes[b"tag-of-this-test"] = Derived
        mine.factories[b"tag-of-this-test"] = dict
        self.assertEqual(({}, {}), (Registry().classes, Registry().factories))
        self.assertNotIn(b"tag-of-this-test", DEFAULT_REGISTRY.classes)
        self.assertNotIn(b"tag-of-this-test", DEFAULT_REGISTRY.factories)

    def test_classes_of_a_module(self) -> None:
        """A module's subclasses of the base, the base included, by module and name; a prefix replaces the module's."""
        module = ModuleType("some.home")
        module.Base, module.Derived, module.Other = Base, Derived, Other  # type: ignore[attr-defined]
        module.Alias, module.made, module.name = Derived, Derived(), "Derived"  # type: ignore[attr-defined]
        # An alias says that it is a class on Python 3.10, and issubclass does not take it.
        module.alias, module.pretender = list[int], Pretender()  # type: ignore[attr-defined]
        expected = [("some.home.Alias", Derived), ("some.home.Base", Base), ("some.home.Derived", Derived)]
        self.assertEqual(expected, list(classes_in(module, Base, None)))
        self.assertEqual([("p.Alias", Derived), ("p.Derived", Derived)], list(classes_in(module, Derived, "p")))
        self.assertEqual([("Alias", Derived), ("Derived", Derived)], list(classes_in(module, Derived, "")))
