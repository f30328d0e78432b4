"""What it costs to hash, to compare and to copy the values of one expression, found out before it is done.

Tuples and frozensets that are keys or members are hashed with all that they hold, and compared so where hashes are equal.
An expression may refer to one value many times (``[dereference n]``), so a few bytes can stand for a tuple of tuples whose
hash takes for ever, or that is nested so deep that hashing it ends the process: CPython looks after no stack there.
Without such references nothing costs more than what was sent, and none of this is called.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from itertools import compress
from typing import Any

from .errors import InsecureJelly
from .limits import ITEM_COST, LIST_COST

#: Members that may be hashed or compared in one expression, before what it has of its own: about a millisecond.
_BASE = 100_000
#: Members that may be, for each key of the expression.
_EACH = 64
#: Members of one tuple or frozenset, those of what it holds counted as often as they occur.  An application may hash it.
_MOST = 1 << 26

#: Members that are copied for nothing: a copy that has so many costs little more than one that has none.
_FEW = 16
#: Members beyond those that may be copied again in one expression: about ten megabytes.
_COPIED = 100_000

#: Bytes, or characters, of texts and strings that one expression may have more than once by referring to them.
_AGAIN = 1 << 24

#: Members of a value that is referred to, beyond which all that may hold it is weighed.
HEAVY = 1000

_PLAIN = frozenset((str, int, bytes, float, bool, type(None)))

#: ``__hash__`` methods that do not look at an object's attributes.  `flavors` adds its own.
LIGHT: set[Any] = {object.__hash__}


def _held(value: Any) -> Iterable[Any]:
    """What is hashed when *value* is."""
    kind = type(value)
    if kind in _PLAIN:
        return ()
    if kind is tuple or kind is frozenset:
        return value  # type: ignore[no-any-return]
    if kind.__hash__ is None or kind.__hash__ in LIGHT or kind.__module__ == "builtins":
        return ()
    # A class of the application's: in most cases it hashes its attributes.
    return tuple(getattr(value, "__dict__", {}).values())


class Scale:
    """Weighs the values of one expression.

    Args:
        depth: tuples and frozensets within one another at the most.
    """

    __slots__ = ("_again", "_copies", "_depth", "_known", "_left")

    def __init__(self, depth: int) -> None:
        self._depth = depth
        # By id: the value (kept, so that its id is not used anew), its members and its depth.
        self._known: dict[int, tuple[Any, int, int]] = {}
        self._left = _BASE
        self._copies = _COPIED
        self._again = _AGAIN

    def weigh(self, value: Any) -> int:
        """The members of *value*, itself included.

        Raises:
            InsecureJelly: they are too many, or nested too deep.
        """
        held = _held(value)
        if not held:
            return 1
        known = self._known
        found = known.get(id(value))
        if found is None:
            # Not by recursion: how deep it goes is what is to be found out.
            todo = [(value, held, iter(held))]
            known[id(value)] = (value, 1, 1)
            while todo:
                outer, held, items = todo[-1]
                for item in items:
                    inner = _held(item)
                    if inner and id(item) not in known:
                        # For now; what is met within itself has no hash in the end.
                        known[id(item)] = (item, 1, 1)
                        todo.append((item, inner, iter(inner)))
                        break
                else:
                    todo.pop()
                    members = depth = 1
                    for item in held:
                        _, weight, levels = known.get(id(item), (item, 1, 0))
                        members += weight
                        depth = max(depth, levels + 1)
                    known[id(outer)] = found = (outer, members, depth)
            assert found is not None
        if found[1] > _MOST or found[2] > self._depth:
            raise InsecureJelly("a tuple or frozenset that refers to its own parts too often, or too deep")
        return found[1]

    def within(self, value: Any, classes: Container[Any]) -> None:
        """Weigh all in *value* that an application may hash: in containers, and in attributes of instances of *classes*,
        of which this is given the ids.

        Raises:
            InsecureJelly: something has too many members, or is nested too deep.
        """
        seen = set()
        todo = [value]
        while todo:
            item = todo.pop()
            kind = type(item)
            if kind in _PLAIN or id(item) in seen:
                continue
            seen.add(id(item))
            if kind is tuple or kind is frozenset:
                self.weigh(item)
            if kind is tuple or kind is frozenset or kind is list or kind is set:
                todo += item
            elif kind is dict:
                todo += item
                todo += item.values()
            elif id(kind) in classes:
                todo += getattr(item, "__dict__", {}).values()

    def plain(self, count: int) -> None:
        """So many keys were hashed that hold nothing: what `keys` does for such."""
        self._left += _EACH * count

    def copied(self, state: dict[Any, Any]) -> None:
        """The members of *state*, which is another's too, are about to be copied.

        Raises:
            InsecureJelly: too much is copied so: a few bytes stand for each copy.
        """
        self._copies -= max(0, len(state) - _FEW)
        if self._copies < 0:
            raise InsecureJelly("a state that too many copies share")
        for value in state.values():
            self.again(value)

    def again(self, value: Any) -> None:
        """*value* is met again, by a reference to it.

        No honest peer refers to a text or to bytes: they are sent each time.  So would ours be, if the application sent
        on what it was given, and a few bytes would make us send a great many.

        Raises:
            InsecureJelly: too many of them are met so.
        """
        if type(value) is str or type(value) is bytes:
            self._again -= len(value)
            if self._again < 0:
                raise InsecureJelly("long texts or strings that are referred to too often")

    def keys(self, values: Any) -> None:
        """*values* are about to be hashed, and to be compared where their hashes are equal.

        Raises:
            InsecureJelly: that would cost too much, or one of them has no hash.
        """
        # By the hash, as text: numbers could crowd this dictionary.
        heavy: dict[str, list[int]] = {}
        left = self._left + _EACH * len(values)
        for value in values:
            weight = self.weigh(value)
            if weight > 1:
                left -= weight
                if left < 0:
                    break
                heavy.setdefault(str(hash(value)), []).append(weight)
        for same in heavy.values():
            if len(same) > 1:
                # Each may be compared with every other.
                left -= len(same) * sum(same)
        self._left = left
        if left < 0:
            raise InsecureJelly("keys or members that cost too much to hash and to compare")


#: Places of a dictionary or set that are taken already, which may be looked at for each of its keys before it has one of
#: its own, through all its growth.  Keys that are not chosen for that have some 30 at the worst.
_LOOKS = 64
#: Keys below which it makes no difference.
_FEW_KEYS = 256
#: Entries of a set that are looked at in a row.
_IN_A_ROW = 9

#: What is said of them.
COLLIDE = "the members of a set, or the keys of a dictionary, collide"


class Places:
    """The places that CPython finds for keys in a dictionary, or for members in a set, by their hashes.

    Numbers are their own hashes, so a peer can choose keys that are all different, and for each of which every other has
    to be passed by.  Nothing tells such keys from others but to do the same, in a table of our own, and to stop in time.

    Args:
        sets: whether it is a set, which looks at entries in a row, and grows faster.
    """

    __slots__ = ("_at", "_each", "_hashes", "_left", "_mask", "_sets", "_taken")

    def __init__(self, sets: bool) -> None:
        self._sets = sets
        # In the order in which they came; and, of a set, the hash at each place.
        self._hashes: list[int] = []
        self._at: list[int] = [0] * 8
        self._taken = bytearray(8)
        self._mask = 7
        # A set looks at more at once.
        self._each = _LOOKS // 2 if sets else _LOOKS
        self._left = self._each * _FEW_KEYS

    def add(self, hashes: list[int] | tuple[int, ...]) -> None:
        """Keys with these hashes are about to be put in.

        Raises:
            InsecureJelly: finding places for them costs too much.
        """
        known = self._hashes
        self._left += self._each * max(0, len(known) + len(hashes) - max(_FEW_KEYS, len(known)))
        start = 0
        while start < len(hashes):
            size = self._mask + 1
            room = (-(-self._mask * 3 // 5) if self._sets else size * 2 // 3) - len(known)
            if room <= 0:
                self._grow()
                continue
            more = hashes[start : start + room]
            self._place(more)
            known += more
            start += room

    def _grow(self) -> None:
        """It grows, and all that is in there gets another place."""
        count = len(self._hashes)
        if self._sets:
            least = count * (2 if count > 50_000 else 4) + 1
            held = list(compress(self._at, self._taken))
        else:
            least = count * 3
            held = self._hashes
        size = 1 << (least - 1).bit_length()
        self._mask = size - 1
        self._taken = bytearray(size)
        self._at = [0] * size if self._sets else []
        self._place(held)

    def _place(self, hashes: Iterable[int]) -> None:
        taken, at, mask, left = self._taken, self._at, self._mask, self._left
        row = _IN_A_ROW if self._sets else 0
        for number in hashes:
            place = number & mask
            if taken[place]:
                rest = number & 0xFFFF_FFFF_FFFF_FFFF
                while taken[place]:
                    left -= 1
                    if left < 0:
                        raise InsecureJelly(COLLIDE)
                    if row and place + row <= mask:
                        free = taken.find(0, place, place + row + 1)
                        if free >= 0:
                            place = free
                            break
                    rest >>= 5
                    place = (place * 5 + rest + 1) & mask
            taken[place] = 1
            if row:
                at[place] = number
        self._left = left


def size_of(sexp: Any) -> int:
    """The bytes that an expression is taken to cost, as `Limits.expression_bytes` counts them, but words as strings."""
    size = 0
    todo = [sexp]
    while todo:
        item = todo.pop()
        if type(item) is list:
            size += LIST_COST
            todo += item
        else:
            size += ITEM_COST + (len(item) if type(item) is bytes else 0)
    return size


#: For `within`: members of what an exception has for arguments, beyond which its text is not made.
MOST_SHOWN = 100_000


def within(value: Any, most: int) -> bool:
    """Whether *value* and all that it holds, each as often as it occurs, are no more than *most*."""
    todo = [value]
    while todo:
        most -= 1
        if most < 0:
            return False
        item = todo.pop()
        kind = type(item)
        if kind in (list, tuple, set, frozenset):
            if len(item) > most:
                return False
            todo += item
        elif kind is dict:
            if len(item) > most:
                return False
            todo += item
            todo += item.values()
    return True
