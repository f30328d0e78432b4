"""What a stranger may do at a port that a portal guards."""

from __future__ import annotations

from typing import Any

from twisted.cred.checkers import AllowAnonymousAccess, ICredentialsChecker, InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import IUsernameHashedPassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet import defer
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from spreadlite import pb
from spreadlite.core.limits import Limits
from tests.compat.rawpeer import RawPeer, response_to
from tests.hostile.bench import Bench
from tests.vectors.rows import Rows, each


@implementer(ICredentialsChecker)
class Slow:
    """A checker that takes its time."""

    credentialInterfaces = (IUsernameHashedPassword,)

    def __init__(self) -> None:
        self.waiting: list[Any] = []

    def requestAvatarId(self, credentials: Any) -> Any:
        """Some time."""
        self.waiting.append(defer.Deferred())
        return self.waiting[-1]


def guarded(limits: Limits, checkers: Any = None) -> Bench:
    """A server whose portal has those checkers."""
    bench = Bench("stranger", limits=limits)
    if checkers is not None:
        bench.factory = pb.PBServerFactory(Portal(bench.realm, checkers), limits=limits)
        bench.peer = bench.client()
    return bench


def begun(peer: RawPeer, name: Any = "joe") -> Any:
    """The challenge and the challenger's id."""
    answer = peer.call("root", "login", name)
    assert answer[0] == b"answer", answer
    return answer[2][1], answer[2][2][1]


def message_of(answer: Any) -> bytes:
    """The text of an error."""
    assert answer[0] == b"error", answer
    pairs = {pair[0][1]: pair[1] for pair in answer[2][1][1:]}
    return pairs[b"value"][1]  # type: ignore[no-any-return]


class NameTests(Rows, SynchronousTestCase):
    """User names."""

    @each((None, 1))
    def test_length(self, size: int | None) -> None:
        """A name of `Limits.name_bytes` bytes is taken, one more fails that call; text is counted as UTF-8."""
        bench = guarded(Limits(name_bytes=10))
        bench.peer.size = size
        for name in (b"x" * 10, ["unicode", "x" * 10], ["unicode", "é" * 5]):
            self.assertEqual(b"answer", bench.peer.call("root", "login", name)[0])
        for name in (b"x" * 11, ["unicode", "x" * 11], ["unicode", "é" * 6]):
            self.assertIn(b"at most 10 bytes", message_of(bench.peer.call("root", "login", name)))
        self.assertFalse(bench.ended)

    @each((5, 1.5, ["None"], ["list", b"joe"], ["dictionary"], ["tuple"]))
    def test_type(self, name: Any) -> None:
        """A name that is no text fails that call."""
        bench = guarded(Limits())
        self.assertIn(b"a user name is text", message_of(bench.peer.call("root", "login", name)))


class TryTests(Rows, SynchronousTestCase):
    """Challenges, tries and avatars."""

    def test_open_challenges(self) -> None:
        """`Limits.open_challenges` logins may be begun; one more fails its call, until one has come to its end or its
        challenge was let go of."""
        bench = guarded(Limits(open_challenges=3))
        challenges = [begun(bench.peer) for _ in range(3)]
        self.assertIn(b"3 logins are begun", message_of(bench.peer.call("root", "login", "joe")))
        bench.peer.say(["decref", challenges[0][1]])
        begun(bench.peer)
        self.assertEqual(b"error", bench.peer.call("root", "login", "joe")[0])
        answer = bench.peer.call(challenges[1][1], "respond", response_to(challenges[1][0], b"secret"), ["None"])
        self.assertEqual(b"answer", answer[0])
        begun(bench.peer)

    def test_challenges_differ_and_are_answered_once(self) -> None:
        """No challenge comes twice, and a second answer to one is refused, right or wrong."""
        bench = guarded(Limits())
        found = [begun(bench.peer) for _ in range(10)]
        self.assertEqual(10, len({challenge for challenge, _ in found}))
        challenge, challenger = found[0]
        bench.peer.call(challenger, "respond", b"wrong", ["None"])
        answer = bench.peer.call(challenger, "respond", response_to(challenge, b"secret"), ["None"])
        self.assertEqual((b"error", []), (answer[0], bench.realm.inside))
        self.flushLoggedErrors()

    @each((b"", b"x", 5, ["None"], ["unicode", "x"], ["list"], 1.5))
    def test_responses(self, response: Any) -> None:
        """Whatever is sent for a response, it is a login that failed."""
        bench = guarded(Limits())
        _, challenger = begun(bench.peer)
        answer = bench.peer.call(challenger, "respond", response, ["None"])
        self.assertEqual(b"error", answer[0])
        self.assertIn(b"twisted.cred.error.UnauthorizedLogin", str(answer).encode())
        self.flushLoggedErrors()

    @each(("joe", b"joe", "nobody", b"nobody"))
    def test_asked_once(self, name: Any) -> None:
        """A checker of the application's is asked once for each login, for the name as it came; as often for an unknown
        user as for a wrong password."""
        asked: list[Any] = []

        @implementer(ICredentialsChecker)
        class Checker:
            """Knows joe."""

            credentialInterfaces = (IUsernameHashedPassword,)

            def requestAvatarId(self, credentials: Any) -> Any:
                asked.append(credentials.username)
                if credentials.username == "joe" and credentials.checkPassword(b"secret"):
                    return "joe"
                raise UnauthorizedLogin("no")

        bench = guarded(Limits(), [Checker()])
        challenge, challenger = begun(bench.peer, name if type(name) is bytes else ["unicode", name])
        answer = bench.peer.call(challenger, "respond", response_to(challenge, b"wrong"), ["None"])
        self.assertEqual((b"error", [name]), (answer[0], asked))
        self.flushLoggedErrors()

    @each((False, True))
    def test_unknown_user(self, tracebacks: bool) -> None:
        """An unknown user and a wrong password get the very same error, byte for byte."""
        errors = []
        for name in ("joe", "nobody"):
            bench = Bench("stranger", unsafeTracebacks=tracebacks)
            challenge, challenger = begun(bench.peer, name)
            answer = bench.peer.call(challenger, "respond", response_to(challenge, b"wrong"), ["None"])
            state = {pair[0][1]: pair[1] for pair in answer[2][1][1:]}
            # Counts the failures of the process.
            state.pop(b"count", None)
            errors.append(state)
        self.assertEqual(*errors)
        self.flushLoggedErrors()

    def test_refusals_are_explained_to_the_server(self) -> None:
        """The server's own log has how the checker came to refuse a login, as it has with twisted.spread."""


        def knows_nobody(checker: Any, credentials: Any) -> Any:
            raise UnauthorizedLogin

        self.patch(InMemoryUsernamePasswordDatabaseDontUse, "requestAvatarId", knows_nobody)
        bench = guarded(Limits())
        _, challenger = begun(bench.peer)
        answer = bench.peer.call(challenger, "respond", b"wrong", ["None"])
        self.assertNotIn(b"knows_nobody", str(answer).encode())
        (error,) = self.flushLoggedErrors()
        self.assertIn("in knows_nobody", error.getTraceback())

    def test_refusals_are_not_explained_to_the_peer(self) -> None:
        """The peer is not told how the checker came to refuse it, not even where it is sent tracebacks."""

        def knows_nobody(checker: Any, credentials: Any) -> Any:
            raise UnauthorizedLogin

        self.patch(InMemoryUsernamePasswordDatabaseDontUse, "requestAvatarId", knows_nobody)
        bench = Bench("stranger", unsafeTracebacks=True)
        _, challenger = begun(bench.peer)
        answer = str(bench.peer.call(challenger, "respond", b"wrong", ["None"]))
        self.assertIn("UnauthorizedLogin", answer)
        self.assertNotIn("knows_nobody", answer)
        self.flushLoggedErrors()

    def test_avatar_that_is_none(self) -> None:
        """A realm's object that no message can be delivered to is logged out at once; that is no login in force."""
        bench = guarded(Limits(logins=1, failed_logins=10))
        left: list[str] = []
        bench.realm.requestAvatar = lambda *args: (  # type: ignore[method-assign]
            pb.IPerspective, object(), lambda: left.append("left"),
        )  # fmt: skip
        for number in range(1, 4):
            challenge, challenger = begun(bench.peer)
            answer = bench.peer.call(challenger, "respond", response_to(challenge, b"secret"), ["None"])
            self.assertIn(b"MessageReceived", message_of(answer))
            self.assertEqual(number, len(left))
        self.flushLoggedErrors(AttributeError)

    def test_name_that_is_no_text(self) -> None:
        """A name that is not UTF-8 is nobody's: the login is refused, and nothing is logged as a mistake of ours."""
        bench = guarded(Limits())
        challenge, challenger = begun(bench.peer, b"\xff")
        answer = bench.peer.call(challenger, "respond", response_to(challenge, b"secret"), ["None"])
        self.assertIn(b"UnauthorizedLogin", repr(answer).encode())
        self.assertEqual(1, len(self.flushLoggedErrors(UnauthorizedLogin)))

    def test_failed_logins(self) -> None:
        """`Limits.failed_logins` wrong passwords are answered; with one more the connection ends, and what comes after
        it is not looked at.  (This transport takes nothing then; of the answer to that one, see `tests.test_wild`.)"""
        bench = guarded(Limits(failed_logins=2))
        for _ in range(2):
            _, challenger = begun(bench.peer)
            self.assertEqual(b"error", bench.peer.call(challenger, "respond", b"wrong", ["None"])[0])
        self.assertFalse(bench.ended)
        _, challenger = begun(bench.peer)
        challenge, other = begun(bench.peer)
        bench.peer.call(challenger, "respond", b"wrong", ["None"])
        self.assertTrue(bench.ended)
        self.assertEqual([], bench.peer.call(other, "respond", response_to(challenge, b"secret"), ["None"]))
        self.assertEqual([], bench.realm.inside)
        self.assertTrue(bench.others_are_served())
        self.flushLoggedErrors()

    def test_anonymous(self) -> None:
        """Logins without a name that are refused count like others."""
        bench = guarded(Limits(failed_logins=2))
        for _ in range(2):
            self.assertEqual(b"error", bench.peer.call("root", "loginAnonymous", ["None"])[0])
        bench.peer.call("root", "loginAnonymous", ["None"])
        self.assertTrue(bench.ended)
        self.flushLoggedErrors()

    def test_logins(self) -> None:
        """A connection has `Limits.logins` avatars at one time; one more fails its call, until one is let go of."""
        bench = guarded(Limits(logins=2), [AllowAnonymousAccess()])
        avatars = [bench.peer.call("root", "loginAnonymous", ["None"])[2][1] for _ in range(2)]
        self.assertIn(b"2 logins are in force", message_of(bench.peer.call("root", "loginAnonymous", ["None"])))
        self.assertEqual(2, len(bench.realm.inside))
        bench.peer.say(["decref", avatars[0]])
        self.assertEqual((1, 1), (len(bench.realm.inside), bench.realm.logouts))
        self.assertEqual(b"answer", bench.peer.call("root", "loginAnonymous", ["None"])[0])
        bench.close()
        self.assertEqual(([], 3), (bench.realm.inside, bench.realm.logouts))

    def test_portal_that_waits(self) -> None:
        """Logins that a portal is at work on count as begun, and as avatars; whoever has left by then is logged out."""
        slow = Slow()
        bench = guarded(Limits(open_challenges=9, logins=2), [slow])
        for _ in range(2):
            _, challenger = begun(bench.peer)
            self.assertEqual([], bench.peer.call(challenger, "respond", b"it", ["None"]))
        _, challenger = begun(bench.peer)
        self.assertEqual(b"error", bench.peer.call(challenger, "respond", b"it", ["None"])[0])
        bench.close()
        for waiting in slow.waiting:
            waiting.callback(b"joe")
        self.assertEqual(([], 2), (bench.realm.inside, bench.realm.logouts))

    @each(range(6))
    def test_leaves_at_any_point(self, point: int) -> None:
        """A peer that leaves at any point of a login leaves nothing behind."""
        bench = guarded(Limits())
        peer = bench.peer
        data: list[Any] = [["message", 1, "root", "login", 1, ["tuple", b"joe"], ["dictionary"]]]
        for step in range(point):
            if step == 0:
                peer.raw(b"\x07")
            elif step == 1:
                challenge, challenger = begun(bench.peer) if not peer.broker._decoder.unfinished else (b"", 0)
            elif step == 2:
                peer.say(*data)
            elif step == 3:
                bench = guarded(Limits())
                bench.log_in(bench.peer)
            elif step == 4:
                bench.peer.say(["decref", 99])
        bench.close()
        self.assertEqual([], bench.leftovers())
        self.assertTrue(bench.others_are_served())
        self.flushLoggedErrors()


class BoundTests(Rows, SynchronousTestCase):
    """What a message may take, before and after a login."""

    LIMITS = Limits(login_expression_bytes=2000, expression_bytes=20_000)

    def test_before(self) -> None:
        """Before a login, one message takes `Limits.login_expression_bytes`; with one more byte the connection ends."""
        # As the decoder counts: a list or word or number, and a string with its bytes.
        fixed = 56 + 8 + 32 + (32 + 4) + 8 + 32 + (56 + 8 + 32) + (56 + 8)
        for size, ends in ((2000 - fixed, False), (2001 - fixed, True)):
            for step in (None, 1):
                bench = guarded(self.LIMITS)
                bench.peer.size = step
                bench.peer.call("root", "login", b"n" * size)
                self.assertEqual(ends, bench.ended, (size, step))

    def test_after(self) -> None:
        """After a login, one message takes `Limits.expression_bytes`; when the last avatar is let go of, less again."""
        bench = guarded(self.LIMITS)
        avatar = bench.log_in(bench.peer)
        self.assertEqual(b"answer", bench.peer.call(avatar, "take", b"x" * 10_000)[0])
        bench.peer.say(["decref", avatar])
        bench.peer.call("root", "login", b"x" * 10_000)
        self.assertTrue(bench.ended)

    def test_bare(self) -> None:
        """Where no portal guards the port, the larger bound holds from the start."""
        bench = Bench("bare", limits=self.LIMITS)
        self.assertEqual(b"answer", bench.peer.call("root", "take", b"x" * 10_000)[0])
