"""A test method for each row of a table, so that a failure names the row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

Method = Callable[..., Any]


def each(*tables: Iterable[Any]) -> Callable[[Method], Method]:
    """Run the test for every combination of a row of each of *tables*, as its arguments; a dict gives its keys."""

    def mark(method: Method) -> Method:
        combinations: list[tuple[Any, ...]] = [()]
        for table in tables:
            rows = list(table)
            combinations = [(*before, row) for before in combinations for row in rows]
        method.rows = combinations  # type: ignore[attr-defined]
        return method

    return mark


class Rows:
    """Mixed into a test case, makes the methods that `each` asks for."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, method in list(vars(cls).items()):
            rows = getattr(method, "rows", None)
            if rows is None:
                continue
            delattr(cls, name)
            for row in rows:
                made = _made(method, name, row)
                assert not hasattr(cls, made.__name__), made.__name__
                setattr(cls, made.__name__, made)


def _made(method: Method, name: str, row: tuple[Any, ...]) -> Method:
    def test(self: Any) -> Any:
        return method(self, *row)

    label = ", ".join(str(part) for part in row)
    test.__name__ = f"{name}_{re.sub(r'[^0-9A-Za-z]+', '_', label.replace('-', 'minus ')).strip('_')}"
    test.__qualname__ = f"{method.__qualname__.rpartition('.')[0]}.{test.__name__}"
    test.__module__ = method.__module__
    test.__doc__ = f"[{label}] {method.__doc__}"
    return test
