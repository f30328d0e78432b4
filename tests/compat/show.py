"""Values, failures and tables as JSON says them, so that two processes can compare what they saw."""

from __future__ import annotations

import datetime
import decimal
import struct
from typing import Any

_ATOMS = (bool, int, bytes, str, datetime.datetime, datetime.date, datetime.time, datetime.timedelta)
#: What a reference or a cache holds of its connection.
_OF_THE_BROKER = ("broker", "luid", "_activationListeners")


def shown(value: Any) -> Any:
    """*value* in a form that shows types, bits and sharing, and that is the same whoever's classes it has."""
    return _show(value, {})


def _show(value: Any, seen: dict[int, int]) -> Any:
    kind = type(value)
    name = kind.__name__
    if value is None or kind in _ATOMS:
        return repr(value)
    if kind is float:
        return f"{value!r} {struct.pack('!d', value).hex()}"
    if kind is decimal.Decimal:
        return str(value.as_tuple())
    if isinstance(value, type):
        return f"class {value.__qualname__}"
    known = seen.get(id(value))
    if known is not None:
        return f"again {known}"
    seen[id(value)] = number = len(seen)
    if kind in (list, tuple, set, frozenset):
        items = [_show(item, seen) for item in value]
        return [name, number, *(items if kind in (list, tuple) else sorted(items, key=str))]
    if kind is dict:
        return [name, number, *([_show(key, seen), _show(item, seen)] for key, item in value.items())]
    if name == "RemoteReference":
        return [name, number]
    state = {str(key): item for key, item in getattr(value, "__dict__", {}).items() if key not in _OF_THE_BROKER}
    return [name, number, *([key, _show(state[key], seen)] for key in sorted(state))]


def failed(failure: Any) -> list[Any]:
    """A failure: its type's name, its message, and what can be found out about it by name."""
    kind = failure.type
    if isinstance(kind, bytes):
        text = kind.decode()
    elif isinstance(kind, str):
        text = kind
    else:
        text = f"{kind.__module__}.{kind.__qualname__}"
    return ["failed", type(failure).__name__, text, _without_address(failure.getErrorMessage())]


def raised(error: BaseException) -> list[Any]:
    """An exception that was raised here."""
    kind = type(error)
    return ["raised", f"{kind.__module__}.{kind.__qualname__}", _without_address(str(error))]


def _without_address(text: str) -> str:
    """*text* up to what differs from one process to the next."""
    return text.partition(" at 0x")[0][:300]


def tables(broker: Any) -> dict[str, Any]:
    """How many entries a broker's tables have, and the counts of its references."""
    names = ("localObjects", "luids", "remotelyCachedObjects", "locallyCachedObjects", "waitingForAnswers")
    sizes: dict[str, Any] = {name: _size(getattr(broker, name)) for name in names}
    for name in ("localObjects", "remotelyCachedObjects"):
        if getattr(broker, name) is not None:
            sizes[f"counts of {name}"] = sorted(local.refcount for local in getattr(broker, name).values())
    return sizes


def _size(table: Any) -> Any:
    return None if table is None else len(table)
