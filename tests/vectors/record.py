"""Record the vectors from the installed twisted.spread.

At the top of the repository: ``python -m tests.vectors.record``.  It writes the ``.json`` files beside itself.  They
are committed: a difference after a new recording is a difference of twisted.spread's, and worth a look.
"""

from __future__ import annotations

import platform
from typing import Any

from twisted.python import log

import twisted
from tests.vectors import expressions, notation, sessions, values
from tests.vectors.speakers import DIALECTS, Speaker
from tests.vectors.spreads import TWISTED, Spread, load


def banana(spread: Spread) -> dict[str, Any]:
    """The rows of banana: what is written, what is read, what is refused."""
    speakers = {dialect: Speaker(spread, dialect) for dialect in DIALECTS}
    rows: dict[str, Any] = {}
    for name, expression in expressions.expressions().items():
        row: dict[str, Any] = {"expression": notation.written(expression)}
        for dialect, speaker in speakers.items():
            row[dialect] = speaker.say(expression).hex()
        rows[name] = row
    read: dict[str, Any] = {}
    for forms, dialects in ((expressions.ODD_FORMS, DIALECTS), (expressions.ODD_WORDS, ("pb",))):
        for name, data in forms.items():
            for dialect in dialects:
                heard = speakers[dialect].hear(bytes.fromhex(data))
                read[f"{name} ({dialect})"] = {"dialect": dialect, "bytes": data, "heard": notation.written(heard)}
    refused: dict[str, Any] = {}
    for forms, dialects in (
        (expressions.REFUSED, DIALECTS),
        (expressions.REFUSED_WORDS, ("pb",)),
        (expressions.REFUSED_NONE, ("none",)),
    ):
        for name, data in forms.items():
            for dialect in dialects:
                assert Speaker(spread, dialect).refuses(bytes.fromhex(data)), name
                refused[f"{name} ({dialect})"] = {"dialect": dialect, "bytes": data}
    return {"written": rows, "read": read, "refused": refused}


def jelly(spread: Spread) -> dict[str, Any]:
    """The rows of jelly: a value's expression, and its bytes in each dialect."""
    speakers = {dialect: Speaker(spread, dialect) for dialect in DIALECTS}
    parts: dict[str, Any] = {}
    secured = {"taster": spread.jelly.globalSecurity}
    for part, builders, options in (("carried", values.CARRIED, {}), ("unpersistable", values.UNPERSISTABLE, secured)):
        rows = parts[part] = {}
        for name, build in builders.items():
            expression = spread.jelly.jelly(build(), **options)
            row: dict[str, Any] = {"expression": notation.written(expression)}
            for dialect, speaker in speakers.items():
                row[dialect] = speaker.say(expression).hex()
            rows[name] = row
            if part == "carried":
                heard = speakers["pb"].hear(bytes.fromhex(row["pb"]))
                assert values.described(spread.jelly.unjelly(heard[0])) == values.described(build()), name
    return parts


def conversations(spread: Spread) -> dict[str, Any]:
    """The rows of sessions.json: session, dialect and step, and what the client said in it and the server."""
    rows: dict[str, Any] = {}
    for name in sessions.SESSIONS:
        for dialect in DIALECTS:
            for step, said in sessions.played(name, spread, spread, dialect).items():
                rows[f"{name} ({dialect}): {step}"] = said
    return rows


def main() -> None:
    """Write the files."""
    spread = load(TWISTED)
    log.startLoggingWithObserver(lambda event: None, setStdout=False)
    recorded: dict[str, dict[str, Any]] = {**banana(spread), **jelly(spread), "sessions": conversations(spread)}
    recorded["versions"] = {"twisted": twisted.__version__, "python": platform.python_version()}
    for name, rows in recorded.items():
        notation.save(name, rows)


if __name__ == "__main__":
    main()
