"""Which codec runs: the one place that chooses.

So far there is the pure one alone; see `spreadlite.core.wire` and `spreadlite.core.graph`.
"""

from __future__ import annotations

from .graph import jelly, unjelly
from .wire import NEED_DATA, Decoder, encode

#: What runs: "pure".
implementation = "pure"

__all__ = ["NEED_DATA", "Decoder", "encode", "implementation", "jelly", "unjelly"]
