"""The types of the compiled codec; see `spreadlite.core.codec`."""

from collections.abc import Callable, Mapping
from typing import Any, final

from .limits import Limits
from .policy import Taster
from .registry import Registry
from .tables import Local, LocalTable
from .wire import Expression

@final
class Packed:
    def expression(self) -> list[Any]: ...

@final
class Decoder:
    shallow: bool
    def __new__(cls, limits: Limits = ...) -> Decoder: ...
    def feed(self, data: bytes) -> None: ...
    def bound(self, limits: Limits) -> None: ...
    @property
    def unfinished(self) -> bool: ...
    def next(self, words: Mapping[int, bytes] | None, size_limit: int = ..., prefix_limit: int = ...) -> Any: ...

class Tally:
    _size: int
    answers: int
    replied: int
    spared: int

def release(table: LocalTable, luid: object, forget: bool = ...) -> Local | None: ...
def finalizer(function: Callable[[Any], None]) -> Callable[[Any], None]: ...
def caller(
    function: Callable[..., Any], sizes: dict[str, Any], deferreds: dict[str, Any], /
) -> Callable[..., Any]: ...
def class_version(cls: type) -> int | None: ...
def encode(
    expression: object,
    words: Mapping[bytes, int] | None,
    size_limit: int = ...,
    prefix_limit: int = ...,
    depth: int = ...,
) -> bytes: ...
def encode_parts(
    expression: object,
    words: Mapping[bytes, int] | None,
    size_limit: int = ...,
    prefix_limit: int = ...,
    depth: int = ...,
) -> bytes | list[bytes]: ...
def jelly(
    obj: Any, taster: Taster, persistentStore: Any = ..., invoker: Any = ..., depth: int = ...
) -> Any: ...
def unjelly(
    sexp: Any,
    taster: Taster,
    persistentLoad: Any = ...,
    invoker: Any = ...,
    registry: Registry = ...,
    depth: int = ...,
) -> Any: ...
def pack(
    obj: Any, taster: Taster, invoker: Any = ..., depth: int = ..., size_limit: int = ..., prefix_limit: int = ...
) -> Packed | Expression: ...
def pack_light(
    obj: Any, taster: Taster, depth: int = ..., size_limit: int = ..., prefix_limit: int = ...
) -> Packed | Expression | None: ...
def unpack(
    packed: Any, taster: Taster, invoker: Any = ..., depth: int = ..., registry: Registry = ...
) -> Any: ...
def serve(
    decoder: Decoder,
    broker: Any,
    over: Callable[[], bool] | None,
    output: Any,
    stop: float,
    most: float,
    names: dict[str, Any],
    monotonic: Callable[[], float],
    /,
) -> Any: ...
def read(broker: Any, chunk: bytes, stock: Any, names: dict[str, Any], /) -> bool: ...
def answer(
    broker: Any, output: Any, number: int, value: Any, whose: list[Any], names: dict[str, Any], reply: Any, /
) -> bool: ...
def ask(
    broker: Any,
    output: Any,
    prefix: bytes,
    object: int | bytes,
    name: bytes,
    args: tuple[Any, ...],
    names: dict[str, Any],
    deferred: Callable[[], Any],
    keywords: dict[str, Any],
    /,
) -> Any: ...
