"""Values whose jelly is recorded: a builder for each, so that sharing and cycles are made anew every time.

Sets hold one element, because the order of more is the hash's.  A value that twisted.spread carries but changes has no
row here: DESIGN.md's repairs have tests of their own.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import struct
from collections.abc import Callable
from typing import Any

from tests.vectors.expressions import WORDS

Builder = Callable[[], Any]

#: Carried by jelly with its default (permissive) taster, there and back.
CARRIED: dict[str, Builder] = {}

#: Written with PB's default security; these arrive as an Unpersistable with a text.
UNPERSISTABLE: dict[str, Builder] = {}


class Point:
    """A plain class."""

    def __init__(self, x: Any = 0, y: Any = 0) -> None:
        self.x = x
        self.y = y


class Keeper:
    """A class that says itself what its state is."""

    def __init__(self, secret: Any) -> None:
        self.secret = secret

    def __getstate__(self) -> Any:
        return {"kept": self.secret}

    def __setstate__(self, state: Any) -> None:
        self.secret = state["kept"]


class Stateful:
    """A class whose state is no dict."""

    def __init__(self, parts: list[Any]) -> None:
        self.parts = parts

    def __getstate__(self) -> Any:
        return tuple(self.parts)

    def __setstate__(self, state: Any) -> None:
        self.parts = list(state)


class Outer:
    """A class that holds another."""

    class Inner:
        """A class whose qualified name has more dots than its module."""


class Number(int):
    """An int that is more than an int."""


class Text(str):
    """A str that is more than a str."""


class Colour(enum.IntEnum):
    """An enum."""

    RED = 1


Pair = collections.namedtuple("Pair", "one two")


def carried(build: Builder) -> Builder:
    """Register a function under its name."""
    CARRIED[build.__name__.replace("_", " ")] = build
    return build


def _fixed(prefix: str, **values: Any) -> None:
    for name, value in values.items():
        CARRIED[f"{prefix} {name.replace('_', ' ')}"] = lambda value=value: value


_fixed("None", itself=None)
_fixed("bool", true=True, false=False)
_fixed("int", zero=0, one=1, minus_one=-1, top=2**31 - 1, above=2**31, bottom=-(2**31), below=-(2**31) - 1)
_fixed("int", huge=2**448 - 1, minus_huge=-(2**448) + 1, ten_digits=9876543210)
_fixed("float", zero=0.0, minus_zero=-0.0, pi=3.141592653589793, inf=float("inf"), minus_inf=float("-inf"))
_fixed("float", nan=float("nan"), payload=struct.unpack("!d", bytes.fromhex("7ff8000000c0ffee"))[0], least=5e-324)
_fixed("bytes", empty=b"", some=b"some", nul=b"\0", high=bytes(range(128, 256)), utf8="ü".encode(), many=b"m" * 300)
_fixed("str", empty="", ascii="hello", umlaut="grün", nul="a\0b", astral="\U0001f350", combining="e\u0301")
_fixed("str", many="s" * 300)
_fixed("str", bom="\ufeff", newline="a\r\nb", highest="\U0010ffff", private="\ue000")
for _word in WORDS:
    CARRIED[f"str {_word.decode()}"] = lambda word=_word: word.decode()
    CARRIED[f"bytes {_word.decode()}"] = lambda word=_word: word
_fixed("list", empty=[], one=[1], mixed=[None, True, 1, 1.5, b"b", "s"], bools=[True, False], nested=[[[1], []], [[]]])
_fixed("tuple", empty=(), one=(1,), mixed=(None, False, -1, b"", ""), nested=((1, (2,)), ()))
_fixed("dict", empty={}, str_key={"a": 1}, bytes_key={b"a": 1}, int_key={1: "one", 2: "two"}, none_key={None: None})
_fixed("dict", tuple_key={(1, "a"): []}, bool_key={True: 1}, float_key={0.5: "half"}, nested={"a": {"b": {"c": {}}}})
_fixed("dict", order={"z": 1, "a": 2, "m": 3}, frozen_key={frozenset([1]): 2}, date_key={datetime.date(2026, 1, 2): 1})
_fixed("set", empty=set(), one={1}, str_one={"s"}, none={None}, tuple_one={(1, 2)}, frozen={frozenset([3])})
_fixed("frozenset", empty=frozenset(), one=frozenset([1]), bytes_one=frozenset([b"b"]), tuple_one=frozenset([("a",)]))
_fixed("datetime", some=datetime.datetime(2026, 11, 24, 12, 15, 57, 123456), least=datetime.datetime.min)
_fixed("datetime", most=datetime.datetime.max, midnight=datetime.datetime(2000, 1, 1))
_fixed("date", some=datetime.date(2024, 2, 29), least=datetime.date.min, most=datetime.date.max)
_fixed("time", some=datetime.time(23, 59, 58, 7), least=datetime.time.min, most=datetime.time.max)
_fixed("timedelta", zero=datetime.timedelta(), some=datetime.timedelta(3, 4, 5), negative=datetime.timedelta(-1, 2, 3))
_fixed("timedelta", least=datetime.timedelta.min, most=datetime.timedelta.max)
_fixed("decimal", zero=decimal.Decimal(0), one=decimal.Decimal(1), cents=decimal.Decimal("9.99"))
_fixed("decimal", negative=decimal.Decimal("-1.50"), small=decimal.Decimal("1E-30"), large=decimal.Decimal("1E+30"))
_fixed("decimal", zeros=decimal.Decimal("0.000"), digits=decimal.Decimal("123456789012345678901234567890.123"))
_fixed("decimal", widest=decimal.Decimal(2**448 - 1))
_fixed("class", int=int, str=str, ours=Point, exception=ValueError, list=list, type=type)
_fixed("class", elsewhere=collections.OrderedDict, plain_object=object)


@carried
def instance() -> Any:
    """An object of a plain class."""
    return Point(1, "two")


@carried
def instance_with_getstate() -> Any:
    """An object that says its own state."""
    return Keeper([1, 2])


@carried
def instance_whose_state_is_a_tuple() -> Any:
    """An object whose state is no dict."""
    return Stateful([1, b"2", "3"])


@carried
def instance_within_instance() -> Any:
    """Objects in each other."""
    return Point(Point(1, 2), [Point(3, Keeper(4))])


@carried
def list_twice() -> Any:
    """One list in two places."""
    shared = [1]
    return [shared, shared]


@carried
def list_thrice() -> Any:
    """One list in three places, the first nested."""
    shared = [1]
    return [[shared], shared, (shared,)]


@carried
def two_lists_shared_in_turn() -> Any:
    """References are numbered as they are met again, not as they are made."""
    one, other = ["one"], ["other"]
    return [one, other, other, one, one, other]


@carried
def equal_but_not_shared() -> Any:
    """Equal values are not one value."""
    return [[1], [1], {}, {}]


@carried
def list_in_itself() -> Any:
    """The shortest cycle."""
    cycle: list[Any] = []
    cycle.append(cycle)
    return cycle


@carried
def list_in_itself_twice() -> Any:
    """A cycle with something in between."""
    cycle: list[Any] = [1]
    cycle += [cycle, 2, cycle]
    return cycle


@carried
def two_lists_in_each_other() -> Any:
    """A cycle of two."""
    one: list[Any] = []
    other: list[Any] = [one]
    one.append(other)
    return one


@carried
def dict_twice() -> Any:
    """One dict as two values."""
    shared = {"k": "v"}
    return {"one": shared, "other": shared}


@carried
def dict_in_itself() -> Any:
    """A cycle through a dict's value."""
    cycle: dict[str, Any] = {"before": 1}
    cycle["me"] = cycle
    cycle["after"] = 2
    return cycle


@carried
def tuple_twice() -> Any:
    """One tuple in two places."""
    shared = tuple([1, 2])
    return [shared, shared]


@carried
def tuple_as_key_and_value() -> Any:
    """What was a key comes again."""
    shared = tuple(["key"])
    return {shared: shared}


@carried
def tuple_in_itself() -> Any:
    """A cycle through a tuple: it is made after what it holds."""
    inner: list[Any] = []
    cycle = (inner,)
    inner.append(cycle)
    return cycle


@carried
def tuple_in_itself_by_a_dict() -> Any:
    """A cycle through a tuple and a dict."""
    inner: dict[str, Any] = {}
    cycle = (1, inner, 2)
    inner["back"] = cycle
    return cycle


@carried
def tuples_in_each_other() -> Any:
    """A cycle through two tuples and a list."""
    inner: list[Any] = []
    low = (inner,)
    high = (low, low)
    inner.append(high)
    return high


@carried
def set_twice() -> Any:
    """One set in two places."""
    shared = {1}
    return [shared, shared]


@carried
def frozenset_twice() -> Any:
    """One frozenset in two places."""
    shared = frozenset([7])
    return (shared, [shared])


@carried
def instance_twice() -> Any:
    """One object in two places."""
    shared = Point(1, 2)
    return [shared, shared]


@carried
def instance_in_itself() -> Any:
    """A cycle through an object's attribute."""
    cycle = Point()
    cycle.x = cycle
    return cycle


@carried
def instance_in_its_own_list() -> Any:
    """A cycle through an object, a list and a tuple."""
    cycle = Point()
    cycle.x = [cycle]
    cycle.y = (cycle, cycle.x)
    return cycle


@carried
def instance_in_its_own_set() -> Any:
    """A cycle through a set."""
    cycle = Point()
    cycle.x = {cycle}
    return cycle


@carried
def values_that_are_never_shared() -> Any:
    """Text, bytes, numbers, dates: each is written out as often as it comes."""
    day, cents, text, data, big = datetime.date(2026, 1, 1), decimal.Decimal("0.01"), "text" * 5, b"data" * 5, 2**40
    return [day, day, cents, cents, text, text, data, data, big, big, 0.5, 0.5, None, None, int, int]


@carried
def empties_twice() -> Any:
    """Empty containers are shared like any other."""
    none: list[Any] = []
    nothing: dict[Any, Any] = {}
    return [none, none, nothing, nothing]


def _deep(wrap: Callable[[Any], Any], depth: int) -> Any:
    inside: Any = "bottom"
    for _ in range(depth):
        inside = wrap(inside)
    return inside


@carried
def lists_300_deep() -> Any:
    """A deep list."""
    return _deep(lambda inside: [inside], 300)


@carried
def tuples_300_deep() -> Any:
    """A deep tuple."""
    return _deep(lambda inside: (inside,), 300)


@carried
def dicts_150_deep() -> Any:
    """A deep dict."""
    return _deep(lambda inside: {"d": inside}, 150)


@carried
def records() -> Any:
    """What a table of a database looks like."""
    return [{"id": number, "name": f"row {number}", "tags": ["a", "b"], "score": number / 2} for number in range(20)]


UNPERSISTABLE.update(
    {
        "instance": lambda: Point(1, 2),
        "complex": lambda: 1 + 2j,
        "bytearray": lambda: bytearray(b"x"),
        "int subclass": lambda: Number(1),
        "str subclass": lambda: Text("x"),
        "enum": lambda: Colour.RED,
        "namedtuple": lambda: Pair(1, 2),
        "ordered dict": lambda: collections.OrderedDict(a=1),
        "defaultdict": lambda: collections.defaultdict(list, a=[1]),
        "deque": lambda: collections.deque([1]),
        "nested class": lambda: Outer.Inner(),
        "exception": lambda: ValueError("v"),
        "generic": lambda: range(3),
        "within a list, twice": lambda: [Number(1)] * 2,
        "as a value": lambda: {"a": Point()},
    }
)


def described(value: Any) -> Any:
    """*value* as plain data in which types, bits and sharing show: equal for values that nobody can tell apart."""
    return _describe(value, {})


def _describe(value: Any, seen: dict[int, int]) -> Any:
    kind = type(value)
    name = kind.__name__
    if kind is float:
        return [name, struct.pack("!d", value).hex()]
    if kind is decimal.Decimal:
        return [name, str(value.as_tuple())]
    if isinstance(value, type):
        return ["class", f"{value.__module__}.{value.__qualname__}"]
    if value is None or kind in _ATOMS:
        return [name, repr(value)]
    known = seen.get(id(value))
    if known is not None:
        return ["again", known]
    seen[id(value)] = number = len(seen)
    if kind in (list, tuple, set, frozenset):
        return [name, number, [_describe(item, seen) for item in value]]
    if kind is dict:
        return [name, number, [[_describe(key, seen), _describe(item, seen)] for key, item in value.items()]]
    state = vars(value)
    return [kind.__qualname__, number, [[key, _describe(state[key], seen)] for key in sorted(state)]]


_ATOMS = (bool, int, bytes, str, datetime.datetime, datetime.date, datetime.time, datetime.timedelta)
