"""How the vectors are written: banana's expressions as JSON, a row to a line.

A JSON string stands for bytes, each character for the byte of the same number; a number without a fraction for an int;
``{"float": hex}`` for the eight bytes of a float; a JSON list for a list.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def written(expression: Any) -> Any:
    """What JSON says for *expression*."""
    if isinstance(expression, bytes):
        return expression.decode("latin-1")
    if isinstance(expression, float):
        return {"float": struct.pack("!d", expression).hex()}
    if isinstance(expression, (list, tuple)):
        return [written(item) for item in expression]
    if isinstance(expression, int):
        return int(expression)
    raise TypeError(f"banana has no {type(expression).__name__}")


def read(text: Any) -> Any:
    """The expression that `written` wrote."""
    if isinstance(text, str):
        return text.encode("latin-1")
    if isinstance(text, dict):
        return struct.unpack("!d", bytes.fromhex(text["float"]))[0]
    if isinstance(text, list):
        return [read(item) for item in text]
    return text


def same(one: Any, other: Any) -> bool:
    """Whether two expressions agree in every type and bit; NaN equals itself here, and 1 is not 1.0."""
    return bool(written(one) == written(other)) and _types(one) == _types(other)


def _types(expression: Any) -> Any:
    if isinstance(expression, list):
        return [_types(item) for item in expression]
    return type(expression)


def save(name: str, rows: dict[str, Any]) -> None:
    """Write *rows* to the file *name*.json, each on a line of its own so that a change shows as one."""
    lines = (f"{json.dumps(key)}: {json.dumps(row, ensure_ascii=True)}" for key, row in rows.items())
    (HERE / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="ascii")


def load(name: str) -> dict[str, Any]:
    """The rows of the file *name*.json."""
    rows: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text(encoding="ascii"))
    return rows
