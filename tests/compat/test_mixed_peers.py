"""The same scenarios between our peers and twisted.spread's, in every pairing: nobody notices who the other is.

The oracle is twisted.spread with itself, in the same run.  A scenario that is a repair says what either gives.
"""

from __future__ import annotations

import importlib.util
import json
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.compat import scenarios
from tests.compat.pairs import Pairing, begin, transcripts
from tests.compat.scenario import SCENARIOS
from tests.vectors.rows import Rows, each
from tests.vectors.spreads import OURS, TWISTED

scenarios.load()

#: Of each kind enough to try another transport or reactor with: what takes long or waits for nothing is left out.
SHORTER = tuple(
    name
    for name, scenario in SCENARIOS.items()
    if scenario.repair is None and "limits" not in scenario.client.__module__ and "echo of" not in name
)
ORACLE = Pairing(TWISTED, TWISTED)
OURS_TO_OURS = Pairing(OURS, OURS)
OUR_SERVER = Pairing(OURS, TWISTED)
OUR_CLIENT = Pairing(TWISTED, OURS)

#: On Linux the default is epoll, so that the pairings above are with it.
_REACTORS = ["select", "asyncio"]
_TRANSPORTS = ["unix"] + ["tls"] * (importlib.util.find_spec("OpenSSL") is not None)
_MIXED = ((OURS, TWISTED), (TWISTED, OURS))
VARIATIONS = [
    *(Pairing(*sides, transport, only=SHORTER) for transport in _TRANSPORTS for sides in ((OURS, OURS), *_MIXED)),
    *(Pairing(*sides, reactor=reactor, only=SHORTER) for reactor in _REACTORS for sides in _MIXED),
]


#: By TLS pages and answers take turns in another order, whoever sends them.
TLS_ORACLE = Pairing(TWISTED, TWISTED, transport="tls", only=SHORTER)


def oracle_of(pairing: Pairing) -> Pairing:
    """The oracle that *pairing* is compared with."""
    return TLS_ORACLE if pairing.transport == "tls" else ORACLE


def _begin_all() -> None:
    if "tls" in _TRANSPORTS:
        begin(TLS_ORACLE)
    for pairing in (ORACLE, OURS_TO_OURS, OUR_SERVER, OUR_CLIENT, *VARIATIONS):
        begin(pairing)


def _ours_repair(by: str, pairing: Pairing) -> bool:
    server, client = pairing.server == OURS, pairing.client == OURS
    return {"server": server, "client": client, "both": server and client, "either": server or client}[by]


def differences(name: str, pairing: Pairing, oracle: Pairing | None = None) -> list[str]:
    """In what the transcript of the scenario *name* in *pairing* is not as it should be."""
    expected = transcripts(oracle_of(pairing) if oracle is None else oracle)[name]
    scenario, actual = SCENARIOS[name], transcripts(pairing)[name]
    if scenario.repair is not None:
        wanted = scenario.repair.ours if _ours_repair(scenario.repair.by, pairing) else scenario.repair.theirs
        return [] if wanted is None else _difference("result", json.loads(json.dumps(wanted)), actual["result"])
    found = _difference("result", expected["result"], actual["result"])
    found += _difference("notes", expected["notes"], actual["notes"])
    found += _difference("lost", expected["lost"], actual["lost"])
    for part, compared in (("tables", scenario.tables), ("logged", scenario.logs), ("said", scenario.bytes)):
        if compared:
            found += _difference(part, expected[part], actual[part])
    return found


def _difference(part: str, expected: Any, actual: Any) -> list[str]:
    if expected == actual:
        return []
    one, other = json.dumps(expected), json.dumps(actual)
    start = next((index for index, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
    start = max(0, start - 80)
    return [f"{part}: expected {one[start : start + 400]}\n  and not {other[start : start + 400]}"]


class MixedPeersTests(Rows, SynchronousTestCase):
    """Every scenario in every pairing, by TCP."""

    @classmethod
    def setUpClass(cls) -> None:
        """Start all pairings at once, so that they run beside each other."""
        _begin_all()

    def check(self, name: str, pairing: Pairing) -> None:
        """The transcript is as it should be."""
        found = differences(name, pairing)
        if found:
            self.fail("\n".join(found))

    @each([name for name, scenario in SCENARIOS.items() if scenario.repair is not None])
    def test_oracle(self, name: str) -> None:
        """twisted.spread with itself does what the scenario says that it does: there is still something to repair."""
        self.check(name, ORACLE)

    @each(SCENARIOS)
    def test_ours(self, name: str) -> None:
        """Two of ours give the results, identities, counts, errors, log and bytes that two of twisted.spread's do."""
        self.check(name, OURS_TO_OURS)

    @each(SCENARIOS)
    def test_our_server(self, name: str) -> None:
        """A client of twisted.spread's cannot tell that the server is ours."""
        self.check(name, OUR_SERVER)

    @each(SCENARIOS)
    def test_our_client(self, name: str) -> None:
        """A server of twisted.spread's cannot tell that the client is ours."""
        self.check(name, OUR_CLIENT)

    def test_no_scenario_failed_by_itself(self) -> None:
        """What the oracle says is a result, not a mistake in the scenario."""
        mistakes = {
            name: transcript["result"]
            for name, transcript in transcripts(ORACLE).items()
            if name in SCENARIOS and str(transcript["result"]).startswith("['the scenario failed'")
        }
        self.assertEqual({}, mistakes)

    def test_enough_scenarios(self) -> None:
        """There are at least a hundred and fifty."""
        self.assertGreaterEqual(len(SCENARIOS), 150)

    def test_each_process_has_one_broker(self) -> None:
        """It was ours that ran where ours was asked for, and no trace of the other."""
        for pairing in (ORACLE, OURS_TO_OURS, OUR_SERVER, OUR_CLIENT):
            expected = {"server": [f"{pairing.server}.pb"], "client": [f"{pairing.client}.pb"]}
            self.assertEqual(expected, transcripts(pairing)["modules"])


class VariationTests(Rows, SynchronousTestCase):
    """Most scenarios again, by UNIX sockets and TLS, and with other reactors."""

    @classmethod
    def setUpClass(cls) -> None:
        """Start all pairings at once, so that they run beside each other."""
        _begin_all()

    @each([f"{one.server} serves {one.client} by {one.transport} with {one.reactor}" for one in VARIATIONS])
    def test_variation(self, label: str) -> None:
        """Every scenario gives what the oracle gives."""
        labels = [f"{one.server} serves {one.client} by {one.transport} with {one.reactor}" for one in VARIATIONS]
        pairing = VARIATIONS[labels.index(label)]
        problems = [f"{name}: {problem}" for name in SHORTER for problem in differences(name, pairing)]
        if problems:
            self.fail("\n".join(problems))

    def test_tls_is_tried(self) -> None:
        """TLS is left out only where it is not installed."""
        if "tls" not in _TRANSPORTS:
            raise SkipTest("pyOpenSSL is not installed")
        self.assertTrue(any(pairing.transport == "tls" for pairing in VARIATIONS))
