"""The one place that chooses the codec."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from spreadlite.core import codec, graph, wire
from spreadlite.core.policy import DummySecurityOptions
from spreadlite.core.vocabulary import WORDS


class CodecTests(SynchronousTestCase):
    """`codec`."""

    def test_choice(self) -> None:
        """``implementation`` says truly which codec runs."""
        self.assertEqual("pure", codec.implementation)
        for name in ("NEED_DATA", "Decoder", "encode"):
            self.assertIs(getattr(wire, name), getattr(codec, name), name)
        for name in ("jelly", "unjelly"):
            self.assertIs(getattr(graph, name), getattr(codec, name), name)

    def test_there_and_back(self) -> None:
        """What it gives out is enough to send an object and to have it again."""
        shared = ["a", 1]
        expression = codec.jelly({"k": (shared, shared)}, DummySecurityOptions())
        data = codec.encode(expression, WORDS)
        decoder = codec.Decoder()
        decoder.feed(data)
        words = {number: word for word, number in WORDS.items()}
        arrived = codec.unjelly(decoder.next(words), DummySecurityOptions())
        self.assertEqual({"k": (["a", 1], ["a", 1])}, arrived)
        self.assertIs(arrived["k"][0], arrived["k"][1])
        self.assertIs(codec.NEED_DATA, decoder.next(words))

    def test_packed(self) -> None:
        """An expression, or what stands for one in bytes, is read the same way."""
        packed = codec.pack(["a", 1], DummySecurityOptions(), None, 10, 100, 64)
        self.assertEqual([b"list", [b"unicode", b"a"], 1], codec.expression_of(packed))
        self.assertEqual(["a", 1], codec.unpack(packed, DummySecurityOptions(), None, 10))
        self.assertEqual([b"tuple"], codec.expression_of([b"tuple"]))
        self.assertEqual((), codec.unpack([b"tuple"], DummySecurityOptions(), None, 10))

    def test_names(self) -> None:
        """It gives out these names and no others."""
        self.assertEqual(
            [
                "Decoder", "NEED_DATA", "PACKS", "Packed", "encode", "expression_of", "implementation", "jelly", "leaf",
                "leaves", "pack", "unjelly", "unpack",
            ],
            sorted(codec.__all__),
        )  # fmt: skip
