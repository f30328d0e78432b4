"""The scenarios with the oldest Twisted that the package promises: on either side, on both, and beside the newest.

Run with a Python whose environment has that Twisted and this package; what is compared is said on standard output::

    python -m tests.compat.oldest OLD_PYTHON

The oracle is twisted.spread with itself, each side with the Twisted that this side of the pairing has, because a failure
that travels has attributes which Twisted itself has changed.  Where the old twisted.spread has a mistake of its own (a
failed Deferred without a traceback is never answered: KeyError), ours gives what the newest gives.
"""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import product

from tests.compat.pairs import TOP, Pairing, begin, transcripts
from tests.compat.test_mixed_peers import ORACLE, SHORTER, differences
from tests.vectors.spreads import OURS, TWISTED


def promised() -> str:
    """The oldest Twisted that the package says it runs with."""
    # By hand, because Python 3.10 reads no TOML.
    text = (TOP / "pyproject.toml").read_text(encoding="utf-8")
    (version,) = re.findall(r'(?m)^dependencies = \[.*"Twisted>=([\d.]+)"', text)
    return str(version)


def version_of(python: str) -> str:
    """The version of the Twisted that *python* has."""
    code = "import twisted; print(twisted.__version__)"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def pairings(old: str) -> list[tuple[Pairing, Pairing]]:
    """Every pairing in which at least one side has the old Twisted, each with its oracle."""
    found = []
    new = sys.executable
    for pythons, joined in (
        *product(((old, new), (new, old), (old, old)), (("tcp", "default"),)),
        ((old, new), ("tls", "select")),
        ((old, old), ("unix", "asyncio")),
    ):
        oracle = Pairing(TWISTED, TWISTED, *joined, SHORTER, *pythons)
        for sides in ((OURS, OURS), (OURS, TWISTED), (TWISTED, OURS)):
            found.append((Pairing(*sides, *joined, SHORTER, *pythons), oracle))
    return found


def problems_of(pairing: Pairing, oracle: Pairing) -> list[str]:
    """In what the transcripts of *pairing* are not as they should be."""
    found = []
    for name in SHORTER:
        expected = transcripts(oracle)[name]
        if pairing.server == OURS and "builtins.KeyError" in expected["logged"]["server"]:
            expected, actual = transcripts(ORACLE)[name]["result"], transcripts(pairing)[name]["result"]
            found += [f"{name}: {actual} and not {expected}"] * (expected != actual)
        else:
            found += [f"{name}: {problem}" for problem in differences(name, pairing, oracle)]
    return found


def main(old: str) -> int:
    """Run all of them; the number of scenarios that are not as they should be."""
    version = version_of(old)
    if not f"{version}.".startswith(f"{promised()}."):
        sys.exit(f"{old} has Twisted {version}; the package promises {promised()}")
    names = {old: f"Twisted {version}", sys.executable: f"Twisted {version_of(sys.executable)}"}
    found = pairings(old)
    begin(ORACLE)
    for pairing, oracle in found:
        begin(oracle)
        begin(pairing)
    wrong = 0
    for pairing, oracle in found:
        problems = problems_of(pairing, oracle)
        assert transcripts(pairing)["modules"] == {"server": [f"{pairing.server}.pb"], "client": [f"{pairing.client}.pb"]}
        wrong += len(problems)
        server = f"{pairing.server} ({names[pairing.server_python]})"
        client = f"{pairing.client} ({names[pairing.client_python]})"
        joined = f"{pairing.transport}, {pairing.reactor} reactor"
        print(f"{server} serves {client} by {joined}: {len(SHORTER)} scenarios, {len(problems)} differences")
        for problem in problems:
            print(f"  {problem}")
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main(*sys.argv[1:]) else 0)
