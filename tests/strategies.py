"""What Hypothesis draws from, and how: expressions, bytes that look like banana, cuts, graphs of objects."""

from __future__ import annotations

import datetime
import decimal
import os
import struct
import types
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from spreadlite.core.vocabulary import WORDS
from spreadlite.core.wire import prefix

#: How many times more examples are looked at than in a usual run of the tests.
SEARCH = int(os.environ.get("SPREADLITE_SEARCH", "1"))


def searched(examples: int) -> Any:
    """Settings for a property: so many examples, the same in each run, however long one takes."""
    return settings(
        max_examples=examples * SEARCH,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


LARGEST = 2**448 - 1
WORD = st.sampled_from(sorted(WORDS))
INTEGER = st.one_of(
    st.integers(-3, 200),
    st.integers(-LARGEST, LARGEST),
    st.sampled_from([2**31 - 1, 2**31, -(2**31), -(2**31) - 1, LARGEST, -LARGEST, 1023, 1024, -128]),
)
FLOAT = st.floats()
BYTES = st.one_of(st.binary(max_size=12), WORD, st.sampled_from([b"x" * 127, b"x" * 128, b"x" * 1024, b""]))

EXPRESSION = st.recursive(
    st.one_of(INTEGER, FLOAT, BYTES), lambda inner: st.lists(inner, max_size=5), max_leaves=25
)

#: Pieces that break or nearly break the grammar as often as they keep to it.
PIECE = st.one_of(
    st.binary(max_size=9),
    st.builds(
        lambda number, kind: prefix(number) + bytes((kind,)),
        st.one_of(st.integers(0, 40), st.integers(0, LARGEST)),
        st.sampled_from([0x80, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x87, 0x88, 0xFF]),
    ),
    st.builds(lambda length: bytes(length), st.integers(0, 70)),
)
STREAM = st.lists(PIECE, max_size=14).map(b"".join)
CUTS = st.lists(st.integers(0, 400), max_size=12)


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    """*data* in pieces that end at *cuts* (and at its end); some may be empty."""
    places = sorted({place for place in cuts if place <= len(data)})
    starts, ends = [0, *places], [*places, len(data)]
    return [data[start:end] for start, end in zip(starts, ends, strict=True)]


NAIVE_DATETIME = st.datetimes()
DECIMAL = st.builds(
    lambda sign, digits, exponent: decimal.Decimal((sign, decimal.Decimal(digits).as_tuple().digits, exponent)),
    st.sampled_from([0, 1]),
    st.integers(1, 10**30),
    st.integers(-50, 50),
) | st.just(decimal.Decimal(0))
TEXT = st.one_of(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), WORD.map(bytes.decode))
ATOM = st.one_of(
    st.none(),
    st.booleans(),
    INTEGER,
    FLOAT,
    BYTES,
    TEXT,
    NAIVE_DATETIME,
    NAIVE_DATETIME.map(datetime.datetime.date),
    NAIVE_DATETIME.map(datetime.datetime.time),
    st.timedeltas(),
    DECIMAL,
)
#: What may be in a set or be a key, and is the same there when it is made anew.
KEY = st.recursive(
    st.one_of(st.none(), st.booleans(), INTEGER, BYTES, TEXT, st.floats(allow_nan=False), NAIVE_DATETIME),
    lambda inner: st.lists(inner, max_size=2).map(tuple) | st.frozensets(inner, max_size=2),
    max_leaves=3,
)


@dataclass(frozen=True)
class Ref:
    """Stands in a plan for the node of that number."""

    to: int


@dataclass(frozen=True)
class Node:
    """What one object of a graph is, and what it holds: atoms and `Ref`."""

    kind: str
    holds: tuple[Any, ...]
    keys: tuple[Any, ...] = ()


MUTABLE = ("list", "dict", "copy", "jellied", "custom", "remote")


@st.composite
def plans(draw: Any, most: int = 7) -> tuple[Node, ...]:
    """A graph of objects as a plan, so that equal ones can be built twice.  Node 0 leads to the rest, as it may."""
    kinds = draw(st.lists(st.sampled_from([*MUTABLE, "tuple", "tuple", "set", "frozenset"]), min_size=1, max_size=most))
    nodes = []
    for number, kind in enumerate(kinds):
        if kind in ("set", "frozenset"):
            nodes.append(Node(kind, tuple(draw(st.lists(KEY, max_size=3)))))
            continue
        if kind == "remote":
            nodes.append(Node(kind, ()))
            continue
        # A tuple cannot hold what is made after it, unless that can be made empty first.
        open_to = [n for n, other in enumerate(kinds) if kind != "tuple" or n > number or other in MUTABLE]
        part = ATOM if not open_to else st.one_of(ATOM, *[st.sampled_from(open_to).map(Ref)] * 3)
        if kind == "dict":
            keys = tuple(draw(st.lists(KEY, max_size=3, unique=True)))
        elif kind in ("copy", "jellied", "custom"):
            keys = tuple(draw(st.lists(st.sampled_from(["a", "b", "reference", "c d"]), max_size=3, unique=True)))
        else:
            keys = ()
        size = len(keys) if kind not in ("list", "tuple") else draw(st.integers(0, 3))
        nodes.append(Node(kind, tuple(draw(part) for _ in range(size)), keys))
    return tuple(nodes)


def built(plan: tuple[Node, ...], classes: dict[str, type]) -> Any:
    """The graph of *plan*: node 0.  *classes* says what "copy", "jellied", "custom" and "remote" are made of."""
    made: dict[int, Any] = {}
    for number, node in enumerate(plan):
        if node.kind in MUTABLE:
            made[number] = {"list": list, "dict": dict, **classes}[node.kind]()
        elif node.kind in ("set", "frozenset"):
            made[number] = {"set": set, "frozenset": frozenset}[node.kind](node.holds)
    for number in reversed(range(len(plan))):
        if plan[number].kind == "tuple":
            made[number] = tuple(made[part.to] if isinstance(part, Ref) else part for part in plan[number].holds)
    for number, node in enumerate(plan):
        parts = [made[part.to] if isinstance(part, Ref) else part for part in node.holds]
        if node.kind == "list":
            made[number].extend(parts)
        elif node.kind == "dict":
            made[number].update(zip(node.keys, parts, strict=True))
        elif node.kind in ("copy", "jellied", "custom"):
            made[number].__dict__.update(zip(node.keys, parts, strict=True))
    return made[0]


def shape(value: Any) -> Any:
    """*value* as plain data in which types, bits, order and identities show."""
    return _shape(value, {})


def _shape(value: Any, seen: dict[int, int]) -> Any:
    kind = type(value)
    if isinstance(value, (type, types.ModuleType, types.FunctionType, types.MethodType)):
        return [kind.__name__, repr(value)]
    if kind is float:
        return ["float", struct.pack("!d", value).hex()]
    if kind is decimal.Decimal:
        return ["Decimal", value.as_tuple()]
    if kind in (datetime.datetime, datetime.time):
        return [kind.__name__, repr(value), value.fold]
    if kind in (set, frozenset):
        if kind is set and id(value) in seen:
            return ["again", seen[id(value)]]
        seen.setdefault(id(value), len(seen))
        return [kind.__name__, sorted(repr(_shape(member, {})) for member in value)]
    if kind in (tuple, list, dict) or hasattr(value, "__dict__"):
        if value == () and kind is tuple:
            return ["tuple"]
        if id(value) in seen:
            return ["again", seen[id(value)]]
        number = seen[id(value)] = len(seen)
        if kind in (tuple, list):
            return [kind.__name__, number, [_shape(item, seen) for item in value]]
        items = value.items() if kind is dict else vars(value).items()
        return [kind.__name__, number, [[_shape(key, {}), _shape(item, seen)] for key, item in items]]
    return [kind.__name__, repr(value)]
