"""A short run of the fuzzer without coverage, the same each time, and what longer runs have found."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.compat.rawcodec import pack
from tests.fuzz.conversations import check, check_broker, check_decoder, corpus
from tests.hostile.bench import MESSAGES, ODD, ROLES
from tests.strategies import BYTES, CUTS, EXPRESSION, STREAM, cut, searched
from tests.vectors.rows import Rows, each

HEAD = st.sampled_from(
    "None boolean unicode list tuple set frozenset dictionary datetime decimal reference dereference remote local cached "
    "lcache unpersistable class instance".split()
).map(str.encode)
NUMBER = st.one_of(st.integers(-2, 12), st.integers(-(2**447), 2**447), st.floats())
#: Something like jelly.
JELLY = st.recursive(
    st.one_of(NUMBER, BYTES, HEAD.map(lambda head: [head])),
    lambda inner: st.builds(lambda head, rest: [head, *rest], HEAD, st.lists(inner, max_size=4)),
    max_leaves=12,
)
MESSAGE = st.one_of(
    st.builds(
        lambda kind, number, target, name, answer, args: [
            kind, number, target, name, answer, [b"tuple", *args], [b"dictionary"],
        ],
        st.sampled_from([b"message", b"cachemessage"]),
        NUMBER,
        st.one_of(st.just(b"root"), NUMBER),
        st.sampled_from([b"echo", b"take", b"login", b"loginAnonymous", b"respond", b""]),
        st.integers(0, 1),
        st.lists(JELLY, max_size=3),
    ),
    st.builds(lambda kind, number, value: [kind, number, value], st.sampled_from([b"answer", b"error"]), NUMBER, JELLY),
    st.builds(lambda kind, number: [kind, number], st.sampled_from([b"decref", b"decache", b"uncache"]), NUMBER),
    EXPRESSION,
)


class ConversationTests(Rows, SynchronousTestCase):
    """Whole conversations."""

    def tearDown(self) -> None:
        self.flushLoggedErrors()

    @each(ROLES)
    def test_messages(self, role: str) -> None:
        """Whatever messages a peer sends: it is answered or refused, and nothing is left of it."""

        @searched(60)
        @given(st.lists(MESSAGE, max_size=6), CUTS)
        def conversation(messages: list[object], cuts: list[int]) -> None:
            data = b"".join(pack(message, True) for message in messages)
            check_broker(data, role)
            check_broker(b"".join(cut(data, cuts)[:2]), role, 5)
            self.flushLoggedErrors()

        conversation()

    @each(ROLES)
    def test_streams(self, role: str) -> None:
        """The same of bytes that are hardly banana."""

        @searched(60)
        @given(STREAM)
        def conversation(data: bytes) -> None:
            check_broker(data, role)
            self.flushLoggedErrors()

        conversation()

    def test_decoder(self) -> None:
        """However bytes are cut, the decoder makes the same of them."""
        searched(150)(given(STREAM)(check_decoder))()

    def test_mutants(self) -> None:
        """Recorded sessions and odd messages, changed in a few places."""
        chance = random.Random(20)
        seeds = corpus()
        self.assertGreater(len(seeds), 100)
        for _ in range(400):
            data = bytearray(chance.choice(seeds))
            for _ in range(chance.randrange(4)):
                place = chance.randrange(len(data))
                if chance.random() < 0.3:
                    data[place:place] = bytes(chance.choice((0x80, 0x82, 0x87, chance.randrange(256))) for _ in range(2))
                elif chance.random() < 0.3:
                    del data[place : place + chance.randrange(1, 9)]
                    data = data or bytearray(1)
                else:
                    data[place] = chance.randrange(256)
            check(bytes(data))
            self.flushLoggedErrors()

    def test_seeds(self) -> None:
        """The messages that the fuzzer starts from."""
        for kind in range(5):
            for name, arguments in MESSAGES.items():
                for odd in ODD.values():
                    check(bytes((kind,)) + pack([name, *arguments[:-1], odd], True))
            self.flushLoggedErrors()


class RegressionTests(Rows, SynchronousTestCase):
    """What was found, by longer runs and on the bench."""

    FOUND = {
        f"a failure whose {name} is a number": b"\x03"
        + pack(["error", 1, ["twisted.spread.pb.CopyableFailure", ["dictionary", [["unicode", name], 5]]]], True)
        for name in ("tb", "stack", "frames", "captureVars", "parents", "cleanFailure")
    } | {
        "a failure without a connection, whose state is text": b"\x04"
        + pack(["twisted.spread.pb.CopyableFailure", "dictionary"], True)
    }

    @each(FOUND)
    def test_found(self, name: str) -> None:
        """It is answered or refused, as anything else."""
        check(self.FOUND[name])
        self.flushLoggedErrors()
