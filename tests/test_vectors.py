"""What we put on the wire and take from it is what twisted.spread does, to the byte: the rows of tests/vectors."""

from __future__ import annotations

import platform
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

import twisted
from tests.vectors import notation, sessions, values
from tests.vectors.rows import Rows, each
from tests.vectors.speakers import DIALECTS, Speaker
from tests.vectors.spreads import OURS, TWISTED, load

WRITTEN = notation.load("written")
READ = notation.load("read")
REFUSED = notation.load("refused")
CARRIED = notation.load("carried")
UNPERSISTABLE = notation.load("unpersistable")
RECORDED = notation.load("sessions")
VERSIONS = notation.load("versions")

#: Whether failures look as they did when they were recorded: they spell out Twisted's Failure and Python's messages.
SAME_VERSIONS = (
    twisted.__version__ == VERSIONS["twisted"]
    and platform.python_version_tuple()[:2] == tuple(VERSIONS["python"].split(".")[:2])
)


class BananaTests(Rows, SynchronousTestCase):
    """Expressions and bytes."""

    def setUp(self) -> None:
        """Take ours."""
        self.spread = load(OURS)

    def expect(self, expected: Any, actual: Any) -> None:
        """Two expressions agree to the bit."""
        self.assertTrue(notation.same(expected, actual), f"{expected!r:.500} was expected, not {actual!r:.500}")

    @each(WRITTEN, DIALECTS)
    def test_written(self, name: str, dialect: str) -> None:
        """The expression is sent as the bytes that twisted.spread sends."""
        expression = notation.read(WRITTEN[name]["expression"])
        self.assertEqual(WRITTEN[name][dialect], Speaker(self.spread, dialect).say(expression).hex())

    @each(WRITTEN, DIALECTS)
    def test_read_back(self, name: str, dialect: str) -> None:
        """The bytes that twisted.spread sends are read as the expression, at once and byte by byte."""
        speaker = Speaker(self.spread, dialect)
        data = bytes.fromhex(WRITTEN[name][dialect])
        expected = [notation.read(WRITTEN[name]["expression"])]
        self.expect(expected, speaker.hear(data))
        self.expect(expected, speaker.hear(data, size=1))

    @each(WRITTEN)
    def test_functions(self, name: str) -> None:
        """``banana.encode`` and ``decode`` do the same in dialect none."""
        expression, data = notation.read(WRITTEN[name]["expression"]), bytes.fromhex(WRITTEN[name]["none"])
        self.assertEqual(data, self.spread.banana.encode(expression))
        self.expect(expression, self.spread.banana.decode(data))

    @each(READ)
    def test_odd_forms(self, name: str) -> None:
        """Bytes in a form that we do not send are understood as twisted.spread understands them."""
        row = READ[name]
        speaker = Speaker(self.spread, row["dialect"])
        expected, data = notation.read(row["heard"]), bytes.fromhex(row["bytes"])
        self.expect(expected, speaker.hear(data))
        self.expect(expected, speaker.hear(data, size=1))
        self.expect(expected * 3, speaker.hear(data * 3))

    @each(REFUSED)
    def test_refused(self, name: str) -> None:
        """Bytes that twisted.spread refuses end the conversation, and nothing is made of them."""
        row = REFUSED[name]
        self.assertTrue(Speaker(self.spread, row["dialect"]).refuses(bytes.fromhex(row["bytes"])))
        self.flushLoggedErrors()


class JellyTests(Rows, SynchronousTestCase):
    """Values, expressions and bytes."""

    def setUp(self) -> None:
        """Take ours."""
        self.spread = load(OURS)

    @each(CARRIED)
    def test_written(self, name: str) -> None:
        """The value becomes the expression that twisted.spread makes of it."""
        actual = self.spread.jelly.jelly(values.CARRIED[name]())
        self.assertEqual(CARRIED[name]["expression"], notation.written(actual))

    @each(CARRIED)
    def test_read(self, name: str) -> None:
        """The expression becomes the value again: types, sharing and cycles included."""
        actual = self.spread.jelly.unjelly(notation.read(CARRIED[name]["expression"]))
        self.assertEqual(values.described(values.CARRIED[name]()), values.described(actual))

    @each(CARRIED, DIALECTS)
    def test_bytes(self, name: str, dialect: str) -> None:
        """The value goes over the wire in twisted.spread's bytes and comes back as it was."""
        speaker = Speaker(self.spread, dialect)
        self.assertEqual(CARRIED[name][dialect], speaker.say(self.spread.jelly.jelly(values.CARRIED[name]())).hex())
        (heard,) = speaker.hear(bytes.fromhex(CARRIED[name][dialect]))
        self.assertEqual(values.described(values.CARRIED[name]()), values.described(self.spread.jelly.unjelly(heard)))

    @each(UNPERSISTABLE)
    def test_unpersistable(self, name: str) -> None:
        """A value of a type that is not allowed keeps twisted.spread's bytes: a text that says so."""
        options = {"taster": self.spread.jelly.globalSecurity}
        with self._warnings_allowed():
            expression = self.spread.jelly.jelly(values.UNPERSISTABLE[name](), **options)
        self.assertEqual(UNPERSISTABLE[name]["expression"], notation.written(expression))
        arrived = self.spread.jelly.unjelly(notation.read(UNPERSISTABLE[name]["expression"]), **options)
        while type(arrived) in (list, dict):
            arrived = arrived[0] if type(arrived) is list else arrived["a"]
        self.assertIsInstance(arrived, self.spread.jelly.Unpersistable)

    def _warnings_allowed(self) -> Any:
        import warnings

        catch = warnings.catch_warnings()
        self.addCleanup(self.flushWarnings)
        return catch

    def test_every_row_has_its_value(self) -> None:
        """No row was left behind by a value that is gone, and no value lacks its row."""
        self.assertEqual(list(CARRIED), list(values.CARRIED))
        self.assertEqual(list(UNPERSISTABLE), list(values.UNPERSISTABLE))


def _steps(name: str, dialect: str) -> dict[str, Any]:
    start = f"{name} ({dialect}): "
    return {step[len(start) :]: said for step, said in RECORDED.items() if step.startswith(start)}


class SessionTests(Rows, SynchronousTestCase):
    """Whole conversations."""

    def tearDown(self) -> None:
        """What a session made a server log is not our concern here."""
        self.flushLoggedErrors()

    def check(self, name: str, dialect: str, server: str, client: str) -> None:
        """The conversation *name* of these two sides has the bytes that two of twisted.spread's have."""
        expected = _steps(name, dialect)
        if name in sessions.FAILURES and not SAME_VERSIONS:
            expected = sessions.played(name, load(TWISTED), load(TWISTED), dialect)
        actual = sessions.played(name, load(server), load(client), dialect)
        self.assertEqual(list(expected), list(actual))
        for step, said in expected.items():
            for side in ("client", "server"):
                wanted, sent = bytes.fromhex(said[side]), bytes.fromhex(actual[step][side])
                self.assertEqual(wanted, sent, f"the {side}, in {step!r}")

    @each(sessions.SESSIONS, DIALECTS)
    def test_twisted(self, name: str, dialect: str) -> None:
        """Two sides of twisted.spread still say what was recorded: the vectors are what they claim to be."""
        self.check(name, dialect, TWISTED, TWISTED)

    @each(sessions.SESSIONS, DIALECTS)
    def test_ours(self, name: str, dialect: str) -> None:
        """Two sides of ours say, in each step, byte for byte what two of twisted.spread's say."""
        self.check(name, dialect, OURS, OURS)

    @each(sessions.SESSIONS, DIALECTS)
    def test_our_server(self, name: str, dialect: str) -> None:
        """Our server and a client of twisted.spread's say the same as well."""
        self.check(name, dialect, OURS, TWISTED)

    @each(sessions.SESSIONS, DIALECTS)
    def test_our_client(self, name: str, dialect: str) -> None:
        """Our client and a server of twisted.spread's say the same as well."""
        self.check(name, dialect, TWISTED, OURS)
