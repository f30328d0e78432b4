"""Tests of `spreadlite.banana`: the protocol by itself, and its two functions."""

from __future__ import annotations

from typing import Any

from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from spreadlite import banana
from spreadlite.banana import Banana, BananaError
from spreadlite.core import vocabulary
from spreadlite.core.limits import Limits
from tests.vectors.rows import Rows, each
from tests.vectors.spreads import OURS, TWISTED, load


class Listening(Banana):
    """Keeps what it hears."""

    def __init__(self, isClient: Any = 1) -> None:
        super().__init__(isClient)
        self.heard: list[Any] = []

    def expressionReceived(self, lst: Any) -> None:
        """Keep it."""
        self.heard.append(lst)


class BananaTests(Rows, SynchronousTestCase):
    """A connection."""

    def made(self, isClient: bool = False, dialect: bytes | None = b"pb") -> Listening:
        """A protocol that has a connection, and has agreed on *dialect*."""
        made = Listening(isClient)
        made.makeConnection(StringTransport())
        if dialect is not None:
            made.dataReceived(banana.encode([dialect] if isClient else dialect))
            made.transport.clear()
        return made

    @each(["server", "client"])
    def test_no_dialect(self, role: str) -> None:
        """Without a dialect in common the connection is ended, and nothing more is listened to."""
        for said in (b"nonesuch", [b"nonesuch"], [], 5, [[b"pb"]], 2.5):
            made = self.made(role == "client", None)
            made.transport.clear()
            right = banana.encode([b"pb"] if role == "client" else b"pb")
            made.dataReceived(banana.encode(said) + right + banana.encode([1]))
            made.dataReceived(right + banana.encode([2]))
            self.assertTrue(made.transport.disconnecting, said)
            self.assertEqual(([], None, b""), (made.heard, made.currentDialect, made.transport.value()))

    def test_first_in_common(self) -> None:
        """A client takes the first dialect that it speaks, and answers once."""
        made = self.made(True, None)
        made.dataReceived(banana.encode([b"other", b"none", b"pb"]))
        self.assertEqual((b"none", banana.encode(b"none")), (made.currentDialect, made.transport.value()))

    def test_another_connection(self) -> None:
        """A protocol that gets another connection has to agree on a dialect again."""
        made = self.made()
        self.assertEqual(b"pb", made.currentDialect)
        made.makeConnection(StringTransport())
        self.assertIsNone(made.currentDialect)
        self.assertEqual(banana.encode([b"pb", b"none"]), made.transport.value())

    def kept(self, module: Any) -> tuple[Any, list[Any]]:
        """A protocol that an application keeps as a codec, and a list for what it hands on."""
        made = module.Banana()
        made.connectionMade()
        made._selectDialect(b"none")
        return made, []

    @each([TWISTED, OURS])
    def test_emptied(self, side: str) -> None:
        """An application that keeps a protocol as a codec empties its ``buffer`` of what is left over after each use."""
        module = load(side).banana
        made, heard = self.kept(module)
        made.expressionReceived = heard.append
        for left in (b"\x07", b"\x05\x01"):
            made.dataReceived(module.encode([1, b"a"]) + left)
            made.buffer = b""
        made.dataReceived(module.encode([2]))
        self.assertEqual([[1, b"a"], [1, b"a"], [2]], heard)

    @each([TWISTED, OURS])
    def test_emptied_while_handed_on(self, side: str) -> None:
        """Emptied in the course of an expression, it loses nothing of what came with that, and after it."""
        module = load(side).banana
        made, heard = self.kept(module)

        def take(expression: Any) -> None:
            heard.append(expression)
            if expression == [1]:
                made.buffer = b""

        made.expressionReceived = take
        data = module.encode([1]) + module.encode([2]) + module.encode([3, b"abc"])
        for piece in (data[:-1], data[-1:], module.encode([4])):
            made.dataReceived(piece)
        self.assertEqual([[1], [2], [3, b"abc"], [4]], heard)

    def test_emptied_within(self) -> None:
        """An expression that had begun is forgotten then."""
        made = self.made()
        made.dataReceived(banana.encode([1, [2, 3]])[:-1])
        made.buffer = b""
        made.dataReceived(banana.encode([4]))
        self.assertEqual([[4]], made.heard)

    def test_own_limits(self) -> None:
        """Limits hold from when they are given, for what has begun to arrive too."""
        made = self.made()
        made.dataReceived(banana.encode([b"x" * 500])[:20])
        made.useLimits(Limits(expression_bytes=300))
        made.dataReceived(banana.encode([b"x" * 500])[20:])
        self.assertEqual([[b"x" * 500]], made.heard)
        self.assertRaises(BananaError, made.dataReceived, banana.encode([b"x" * 500]))

    @each([TWISTED, OURS])
    def test_prefixes(self, side: str) -> None:
        """How long prefixes may be is said for a connection, in both directions, or for all that come."""
        module = load(side).banana
        made = module.Banana(0)
        heard: list[Any] = []
        made.expressionReceived = heard.append
        made.makeConnection(StringTransport())
        made.dataReceived(module.encode(b"pb"))
        made.setPrefixLimit(2)
        made.sendEncoded(2**14 - 1)
        made.dataReceived(module.encode(2**14 - 1))
        self.assertEqual([2**14 - 1], heard)
        for use in (made.sendEncoded, lambda number: made.dataReceived(module.encode(number))):
            with self.assertRaises(module.BananaError):
                use(2**21)

    def test_words_of_one(self) -> None:
        """The words of one connection can be changed, and are no other's then."""
        made, other = self.made(), self.made()
        made.outgoingSymbols[b"mine"] = 99
        made.sendEncoded(b"mine")
        other.sendEncoded(b"mine")
        self.assertEqual((b"\x63\x87", b"\x04\x82mine"), (made.transport.value(), other.transport.value()))
        self.assertNotIn(b"mine", vocabulary.WORDS)
        self.assertNotIn(b"mine", Banana.outgoingVocabulary)

    def test_within(self) -> None:
        """What arrives while an expression is handled has its turn after that; and after one that fails, too."""
        made = self.made()

        def received(lst: Any) -> None:
            made.heard.append(("begin", lst))
            if lst == [1]:
                made.dataReceived(banana.encode([3]))
            if lst == [4]:
                raise ValueError("four")
            made.heard.append(("end", lst))

        made.expressionReceived = received  # type: ignore[method-assign]
        made.dataReceived(banana.encode([1]) + banana.encode([2]))
        self.assertEqual(
            [("begin", [1]), ("end", [1]), ("begin", [2]), ("end", [2]), ("begin", [3]), ("end", [3])], made.heard
        )
        self.assertRaises(ValueError, made.dataReceived, banana.encode([4]))
        made.dataReceived(banana.encode([5]))
        self.assertEqual(("end", [5]), made.heard[-1])

    def test_functions(self) -> None:
        """The two functions hold to the limits of the module, and to those that they are given."""
        self.assertEqual([1, b"x"], banana.decode(banana.encode([1, b"x"]) + b"more"))
        for cut in (b"", b"\x05", b"\x05\x82abc", b"\x02\x80\x01\x81"):
            self.assertRaises(BananaError, banana.decode, cut)
        for kind in (bytearray, memoryview):
            self.assertEqual([1, b"x"], banana.decode(kind(banana.encode([1, b"x"]))))
        for wrong in (None, "", "x", 3, [1, 129]):
            self.assertRaises(TypeError, banana.decode, wrong)
        data = banana.encode([b"x" * 500, 2**70])
        self.assertRaises(BananaError, banana.decode, data, Limits(expression_bytes=300))
        self.patch(banana, "SIZE_LIMIT", 499)
        self.assertRaises(BananaError, banana.encode, b"x" * 500)
        self.assertRaises(BananaError, banana.decode, data)
        self.patch(banana, "SIZE_LIMIT", 500)
        self.assertEqual([b"x" * 500, 2**70], banana.decode(data))
        self.patch(banana, "_PREFIX_LIMIT", 64)
        banana.setPrefixLimit(10)
        self.assertRaises(BananaError, banana.encode, 2**70)
        self.assertRaises(BananaError, banana.decode, data)

    def test_prefix_functions(self) -> None:
        """`int2b128` writes what `b1282int` reads, and no number below 0."""
        for number in (0, 1, 127, 128, 2**14 - 1, 2**14, 2**448 - 1):
            written: list[bytes] = []
            banana.int2b128(number, written.append)
            self.assertEqual(number, banana.b1282int(b"".join(written)))
        self.assertRaises(ValueError, banana.int2b128, -1, lambda data: self.fail("something is written"))
