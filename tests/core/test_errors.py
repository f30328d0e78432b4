"""The exceptions: the names that travel, and that they survive pickling."""

from __future__ import annotations

import copy
import pickle

from twisted.internet import defer
from twisted.python import reflect
from twisted.python.failure import Failure
from twisted.spread import banana, flavors, jelly, pb
from twisted.trial.unittest import SynchronousTestCase

from spreadlite.core import errors
from tests.vectors.rows import Rows, each

PINNED = {
    "BananaError": banana.BananaError,
    "InsecureJelly": jelly.InsecureJelly,
    "NoSuchMethod": flavors.NoSuchMethod,
    "ProtocolError": pb.ProtocolError,
    "DeadReferenceError": pb.DeadReferenceError,
    "Error": pb.Error,
    "RemoteError": pb.RemoteError,
    "PBConnectionLost": pb.PBConnectionLost,
}


class OfTheApplication(errors.Error):
    """An application's own error, with a constructor of its own."""

    def __init__(self, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code

    def __reduce__(self) -> object:
        return type(self), (self.code,), {"also": 1}


class PlainlyDerived(errors.NoSuchMethod):
    """An application's own error that adds nothing."""


def made(name: str) -> BaseException:
    """An exception of that name, with arguments."""
    cls = getattr(errors, name)
    return cls("some.Type", "text", "traceback") if name == "RemoteError" else cls("text", 2)


class NameTests(Rows, SynchronousTestCase):
    """What peers see of our exceptions."""

    @each(PINNED)
    def test_named_as_in_twisted(self, name: str) -> None:
        """A peer of twisted.spread's reads the dotted name that it knows."""
        self.assertEqual(reflect.qual(PINNED[name]), reflect.qual(getattr(errors, name)))

    @each(PINNED)
    def test_parents_as_in_twisted(self, name: str) -> None:
        """The names of the bases, which an error carries as well, are those of twisted.spread's."""
        theirs = [reflect.qual(base) for base in PINNED[name].__mro__]
        self.assertEqual(theirs, [reflect.qual(base) for base in getattr(errors, name).__mro__])

    @each(PINNED)
    def test_trapped_by_either(self, name: str) -> None:
        """A Failure with ours is trapped by name with twisted.spread's class, and the other way round."""
        ours = getattr(errors, name)
        self.assertIs(ours, Failure(made(name)).check(ours))
        self.assertEqual(reflect.qual(PINNED[name]), Failure(made(name)).check(reflect.qual(PINNED[name])))

    def test_kinds(self) -> None:
        """What twisted.spread raises for the same fault can be caught: KeyError, NotImplementedError, TypeError."""
        self.assertEqual((errors.BananaError, KeyError), errors.UnknownWord.__bases__)
        self.assertEqual((errors.BananaError, NotImplementedError), errors.UnknownElement.__bases__)
        self.assertEqual((errors.InsecureJelly, TypeError), errors.MethodChanged.__bases__)
        self.assertEqual((errors.ProtocolError,), errors.DeadReferenceError.__bases__)
        self.assertEqual((AttributeError,), errors.NoSuchMethod.__bases__)
        self.assertTrue(issubclass(errors.UnregisteredTypeWarning, UserWarning))

    def test_text_of_unknown_word(self) -> None:
        """The text of an unknown word is a sentence, not a KeyError's repr of one."""
        self.assertEqual("no word has the number 99", str(errors.UnknownWord("no word has the number 99")))

    def test_remote_error(self) -> None:
        """A RemoteError says what the other side's exception was, and reads as its text."""
        error = errors.RemoteError(b"builtins.ValueError", "no good", b"Traceback")
        self.assertEqual(b"builtins.ValueError", error.remoteType)
        self.assertEqual(b"Traceback", error.remoteTraceback)
        self.assertEqual(("no good",), error.args)
        self.assertEqual("no good", str(error))

    def test_imports_nothing(self) -> None:
        """The errors are there before anything else of the package is: the module holds no module."""
        modules = [name for name, value in vars(errors).items() if type(value) is type(errors)]
        self.assertEqual([], modules)


class PickleTests(Rows, SynchronousTestCase):
    """Exceptions go through a pickle, for queues and processes."""

    @each(PINNED, range(pickle.HIGHEST_PROTOCOL + 1))
    def test_pickled(self, name: str, protocol: int) -> None:
        """A pinned exception comes back as the very class, with its arguments and attributes."""
        error = made(name)
        error.more = ["extra"]  # type: ignore[attr-defined]
        again = pickle.loads(pickle.dumps(error, protocol))
        self.assertIs(type(error), type(again))
        self.assertEqual(error.args, again.args)
        self.assertEqual(vars(error), vars(again))

    def test_copied(self) -> None:
        """`copy.copy` makes an equal exception of the same class."""
        again = copy.copy(errors.RemoteError(b"t", "v", None))
        self.assertIs(errors.RemoteError, type(again))
        self.assertEqual((("v",), {"remoteType": b"t", "remoteTraceback": None}), (again.args, vars(again)))

    def test_without_attributes(self) -> None:
        """An exception with no attributes comes back with none."""
        again = pickle.loads(pickle.dumps(errors.BananaError("x")))
        self.assertEqual((("x",), {}), (again.args, vars(again)))

    def test_unpinned(self) -> None:
        """The classes that twisted.spread has not, too."""
        for cls in (errors.UnknownWord, errors.UnknownElement, errors.MethodChanged, errors.UnregisteredTypeWarning):
            again = pickle.loads(pickle.dumps(cls("why")))
            self.assertIs(cls, type(again))
            self.assertEqual(("why",), again.args)

    def test_of_the_application(self) -> None:
        """A subclass pickles as its own module says: its ``__reduce__`` is asked."""
        again = pickle.loads(pickle.dumps(OfTheApplication(7)))
        self.assertIs(OfTheApplication, type(again))
        self.assertEqual(("code 7",), again.args)
        self.assertEqual({"code": 7, "also": 1}, vars(again))
        plain = pickle.loads(pickle.dumps(PlainlyDerived("x", 1)))
        self.assertIs(PlainlyDerived, type(plain))
        self.assertEqual(("x", 1), plain.args)

    def test_through_a_deferred(self) -> None:
        """A Deferred that fails with one of them fails with that very object."""
        error = errors.DeadReferenceError("gone")
        self.assertIs(error, self.failureResultOf(defer.fail(error), errors.DeadReferenceError).value)
