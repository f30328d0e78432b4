"""The constants of the wire are those that every peer of twisted.spread has built in."""

from __future__ import annotations

from twisted.spread import banana
from twisted.trial.unittest import SynchronousTestCase

from spreadlite.core import vocabulary


class VocabularyTests(SynchronousTestCase):
    """`vocabulary` against twisted.spread's tables and against figures that never change."""

    def test_type_bytes(self) -> None:
        """Each kind of element has the type byte of the specification."""
        names = ("LIST", "INT", "STRING", "NEG", "FLOAT", "LONGINT", "LONGNEG", "VOCAB")
        self.assertEqual(list(range(0x80, 0x88)), [getattr(vocabulary, name) for name in names])
        for name in names:
            self.assertEqual(getattr(banana, name), bytes((getattr(vocabulary, name),)), name)

    def test_words(self) -> None:
        """The 31 words have twisted.spread's numbers, in its order."""
        self.assertEqual(31, len(vocabulary.WORDS))
        self.assertEqual(list(banana.Banana.outgoingVocabulary.items()), list(vocabulary.WORDS.items()))
        self.assertEqual((1, 31), (vocabulary.WORDS[b"None"], vocabulary.WORDS[b"uncache"]))

    def test_dialects(self) -> None:
        """The dialects are named and preferred as twisted.spread does."""
        self.assertEqual(banana.Banana.knownDialects, [vocabulary.PB_DIALECT, vocabulary.NONE_DIALECT])

    def test_bounds(self) -> None:
        """Sizes and the border between short and long integers are twisted.spread's."""
        self.assertEqual((2147483647, -2147483648), (vocabulary.LARGEST_INT, vocabulary.SMALLEST_INT))
        self.assertEqual((655360, banana.SIZE_LIMIT), (vocabulary.SIZE_LIMIT, vocabulary.SIZE_LIMIT))
        self.assertEqual((64, banana._PREFIX_LIMIT), (vocabulary.PREFIX_LIMIT, vocabulary.PREFIX_LIMIT))
