"""Which codec runs: the one place that chooses.

There are two that do the same: the pure one (`spreadlite.core.wire` and `spreadlite.core.graph`), and the compiled one
(`spreadlite.core._compiled`), which is there where a C compiler was when spreadlite was installed.  Where nobody looks at
an expression between its object and its bytes, either may leave it `Packed`: the pure one, in a spelling with fewer lists;
the compiled one, as bytes.

The environment variable ``SPREADLITE_PURE=1`` has the pure one run even where the other is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, TypeVar, cast

from . import graph, shortcut, wire
from .graph import leaf, leaves
from .limits import DEFAULT_LIMITS
from .policy import Taster
from .registry import DEFAULT_REGISTRY, Registry
from .vocabulary import PREFIX_LIMIT, SIZE_LIMIT
from .wire import NEED_DATA

Function = TypeVar("Function", bound=Callable[..., Any])

compiled: Any
try:
    from . import _compiled as compiled
except ImportError:
    compiled = None

if os.environ.get("SPREADLITE_PURE", "0") in ("", "0") and compiled is not None:
    chosen = compiled
else:
    chosen = None

#: What runs: "pure" or "compiled".
implementation = "pure" if chosen is None else "compiled"


def pure_pack(
    obj: Any,
    taster: Taster,
    invoker: Any = None,
    depth: int = DEFAULT_LIMITS.depth,
    size_limit: int = SIZE_LIMIT,
    prefix_limit: int = PREFIX_LIMIT,
) -> Any:
    """The expression of *obj*, or the same as `Packed`: for `encode`, by itself or as a part of another.

    Args:
        obj, taster, invoker, depth: as for `graph.jelly`.
        size_limit, prefix_limit: as for `wire.encode`.  What breaks them is refused by `encode` when it comes to that,
            and not here.

    Raises:
        InsecureJelly, BananaError: as `graph.jelly`.
    """
    return graph.pack(obj, taster, invoker, depth)


def pure_pack_light(
    obj: Any,
    taster: Taster,
    depth: int = DEFAULT_LIMITS.depth,
    size_limit: int = SIZE_LIMIT,
    prefix_limit: int = PREFIX_LIMIT,
) -> Any:
    """What `pack` makes of something that has nothing in it which a hook, of its own or the taster's, may be asked about;
    None for everything else, and perhaps for some of that too, such as what has very large bytes deep in it.

    Raises:
        InsecureJelly, BananaError: as `graph.jelly`.
    """
    return leaves(obj, taster) if type(obj) is tuple else leaf(obj, taster)


def pure_unpack(
    sexp: Any,
    taster: Taster,
    invoker: Any = None,
    depth: int = DEFAULT_LIMITS.depth,
    registry: Registry = DEFAULT_REGISTRY,
) -> Any:
    """The object that an expression, or a `Packed`, stands for.

    Raises:
        InsecureJelly: as `graph.unjelly`.
    """
    return graph.unpack(sexp, taster, invoker, registry, depth)


def pure_release(table: Any, luid: object, forget: bool = False) -> Any:
    """What `tables.LocalTable.release` does.

    Raises:
        ProtocolError: as that.
    """
    return table.release(luid, forget)


class Tally:
    """Numbers of bytes that `spreadlite._flow.Output` counts; it says what each of them is."""

    __slots__ = ("_size", "answers", "replied", "spared")

    _size: int
    answers: int
    replied: int
    spared: int


def finalizer(function: Function) -> Function:
    """*function*, which is ``RemoteReference.__del__``, or what does the same as a method in less time."""
    return function if chosen is None else cast(Function, update_wrapper(chosen.finalizer(function), function))


def caller(sizes: dict[str, Any], deferreds: dict[str, Any]) -> Callable[[Function], Function]:
    """For a function, which is ``RemoteReference.callRemote``: the same, or what does as much as a method, in less time
    while the broker reads and all is known to be stock.

    Args:
        sizes: where ``SIZE_LIMIT`` is found.
        deferreds: where ``Deferred`` is found, which is made for an answer.
    """

    def instead(function: Function) -> Function:
        if chosen is None:
            return function
        made = update_wrapper(chosen.caller(function, sizes, deferreds), function)
        # What dispatchers of signals look at, to find out what a method takes.
        for name in ("__code__", "__defaults__", "__kwdefaults__"):
            setattr(made, name, getattr(function, name))
        return cast(Function, made)

    return instead


# A number that a class has as long as neither it nor a class that it inherits from is changed, and no other ever has, or
# None where that is not known; the pure codec has no such function.
class_version: Callable[[type], int | None] | None = None if chosen is None else chosen.class_version
Decoder: Any = wire.Decoder if chosen is None else chosen.Decoder
Packed: Any = wire.Packed if chosen is None else chosen.Packed
graph.PACKED.add(Packed)
encode: Callable[..., bytes] = wire.encode if chosen is None else chosen.encode
encode_parts: Callable[..., bytes | list[bytes]] = wire.encode_parts if chosen is None else chosen.encode_parts
jelly: Any = graph.jelly if chosen is None else chosen.jelly
unjelly: Any = graph.unjelly if chosen is None else chosen.unjelly
pack: Any = pure_pack if chosen is None else chosen.pack
pack_light: Any = pure_pack_light if chosen is None else chosen.pack_light
unpack: Any = pure_unpack if chosen is None else chosen.unpack
release: Any = pure_release if chosen is None else chosen.release
# The compiled codec has numbers in it for which it makes no objects.
if not TYPE_CHECKING and chosen is not None:
    Tally = chosen.Tally


def _jellier_replaced(yes: bool) -> None:
    """See `graph.WHEN_REPLACED`: the compiled codec does not go by `graph.Jellier` for every value."""
    global jelly, pack
    jelly = graph.jelly if yes or chosen is None else chosen.jelly
    pack = pure_pack if yes or chosen is None else chosen.pack


graph.WHEN_REPLACED.append(_jellier_replaced)


# What a broker does with the messages that it gets and sends, where that can be had at once; what it is instead of is in
# `spreadlite.pb`, which calls it only where every method on the way is its own.
serve: Callable[..., Any] = shortcut.serve if chosen is None else chosen.serve
ask: Callable[..., Any] = shortcut.ask if chosen is None else chosen.ask
answer: Callable[..., bool] = shortcut.answer if chosen is None else chosen.answer
read: Callable[..., bool] = shortcut.read if chosen is None else chosen.read


def expression_of(sexp: Any) -> Any:
    """The expression that *sexp* is, or has packed."""
    return sexp.expression() if type(sexp) is Packed else sexp


__all__ = [
    "NEED_DATA",
    "Decoder",
    "Packed",
    "Tally",
    "answer",
    "ask",
    "caller",
    "class_version",
    "encode",
    "encode_parts",
    "expression_of",
    "finalizer",
    "implementation",
    "jelly",
    "leaf",
    "leaves",
    "pack",
    "pack_light",
    "read",
    "release",
    "serve",
    "unjelly",
    "unpack",
]
