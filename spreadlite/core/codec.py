"""Which codec runs: the one place that chooses.

So far there is the pure one alone; see `spreadlite.core.wire` and `spreadlite.core.graph`.  It goes by expressions.  A
codec may go from objects to bytes and back without them: what would be an expression is then `Packed`.
"""

from __future__ import annotations

from typing import Any

from .graph import jelly, leaf, leaves, unjelly
from .policy import Taster
from .registry import DEFAULT_REGISTRY, Registry
from .wire import NEED_DATA, Decoder, encode

#: What runs: "pure".
implementation = "pure"

#: Whether the decoder can leave the lists in a message as `Packed`; see its attribute ``shallow``.
PACKS = False


class Packed:
    """An expression (a list) as the bytes that stand for it.  The pure codec makes none."""

    __slots__ = ()

    def expression(self) -> list[Any]:
        """The list."""
        raise NotImplementedError


def pack(obj: Any, taster: Taster, invoker: Any, depth: int, size_limit: int, prefix_limit: int) -> Any:
    """The expression of *obj*, or the same as `Packed`."""
    return jelly(obj, taster, None, invoker, depth)


def unpack(sexp: Any, taster: Taster, invoker: Any, depth: int, registry: Registry = DEFAULT_REGISTRY) -> Any:
    """The object that an expression, or a `Packed`, stands for."""
    return unjelly(expression_of(sexp), taster, None, invoker, registry, depth)


def expression_of(sexp: Any) -> Any:
    """The expression that *sexp* is, or has packed."""
    return sexp.expression() if type(sexp) is Packed else sexp


__all__ = [
    "NEED_DATA",
    "PACKS",
    "Decoder",
    "Packed",
    "encode",
    "expression_of",
    "implementation",
    "jelly",
    "leaf",
    "leaves",
    "pack",
    "unjelly",
    "unpack",
]
