"""Whether everything on a message's way is stock, so that a shorter way may be taken.

Applications override methods of brokers and of what they publish, on classes and on single objects, and patch them while
a program runs.  What they put in a method's place is called with what it has always been called with: expressions.  The
shorter way goes by what only the codec looks at (`core.codec.Packed`).  It is taken only where every method between the
two ends is ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

from .core import codec
from .core.graph import STOCK

#: What a class has as long as nothing about it is changed; the pure codec cannot tell.
_version_of = codec.class_version


class Stock:
    """The methods of a class as they are in the beginning.

    Args:
        cls: the class.
        names: of its methods.
        remembers: whether to remember which attributes an instance had when it was looked at last.  Only one of those
            that look at the same instances can.
    """

    __slots__ = ("_get", "_methods", "_names", "_remembers", "_version")

    def __init__(self, cls: type, names: Iterable[str], remembers: bool = True) -> None:
        self._names = tuple(names)
        self._remembers = remembers
        # Of at least two names, so that it always gives a tuple.
        self._get = attrgetter(*self._names, self._names[0])
        self._methods = self._get(cls)
        # Of a class that has them all, where that is known.
        self._version: int | None = None

    def on(self, instance: Any) -> bool:
        """Whether *instance* still has all of these methods, and not others of its class's or of its own."""
        cls = type(instance)
        if _version_of is None or self._version is None or _version_of(cls) != self._version:
            if self._get(cls) != self._methods:
                return False
            if _version_of is not None:
                self._version = _version_of(cls)
        own = instance.__dict__
        try:
            if self._remembers and own.get("_attributesSeen") == len(own) and next(reversed(own)) == "_attributesSeen":
                # It has no attribute that it had not when this was asked last: there are as many, and what is added, also
                # in the place of one that was deleted, comes last.
                return True
        except RuntimeError:
            # A finalizer has run in between, and given it one, or taken one.
            pass
        for name in self._names:
            if name in own:
                return False
        if self._remembers:
            own.pop("_attributesSeen", None)
            own["_attributesSeen"] = len(own) + 1
        return True


STOCK.update(seams=Stock, seams_on=Stock.on)

#: What an object of ours does with a call of the peer's when its class has no ``remoteMessageReceived`` of its own:
#: functions that hand arguments and result to the broker, and do not look at them.  `flavors` and `pb` add theirs.
RECEIVERS: set[Any] = set()
