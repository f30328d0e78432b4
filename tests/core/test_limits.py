"""The limits: their values, and that a wrong one is told at once."""

from __future__ import annotations

import dataclasses
import decimal

from twisted.trial.unittest import SynchronousTestCase

from spreadlite.core.limits import DEFAULT_LIMITS, ITEM_COST, LIST_COST, Limits
from tests.vectors.rows import Rows, each

DEFAULTS = {
    "expression_bytes": 67_108_864,
    "login_expression_bytes": 8_388_608,
    "expression_depth": 1250,
    "depth": 400,
    "outstanding_calls": 10_000,
    "references": None,
    "cache_bytes": 268_435_456,
    "unread_output": 1_048_576,
    "open_challenges": 16,
    "failed_logins": 5,
    "logins": 64,
    "name_bytes": 1024,
    "negotiation_seconds": 30.0,
    "slice_seconds": 0.02,
    "log_lines": 20,
    "log_seconds": 10.0,
    "idle_seconds": None,
    "connections": None,
}
FIELDS = tuple(DEFAULTS)
#: The limits that are off where they are None.
OFF = ("references", "idle_seconds", "connections")
WRONG = {
    "zero": 0, "negative": -1, "true": True, "nan": float("nan"), "text": "10", "none": None, "minus_inf": -float("inf"),
    "decimal": decimal.Decimal(1),
}  # fmt: skip


class LimitsTests(Rows, SynchronousTestCase):
    """`Limits`."""

    def test_defaults(self) -> None:
        """The figures in force when none are given are the documented ones."""
        self.assertEqual(DEFAULTS, dataclasses.asdict(DEFAULT_LIMITS))
        self.assertEqual(Limits(), DEFAULT_LIMITS)
        self.assertEqual((32, 56), (ITEM_COST, LIST_COST))

    def test_before_login(self) -> None:
        """Who has not logged in may have less held, and never more, than who has."""
        for login in (1000, 9000):
            before = Limits(expression_bytes=5000, cache_bytes=2000, login_expression_bytes=login).before_login()
            self.assertEqual((min(login, 5000), min(login, 2000)), (before.expression_bytes, before.cache_bytes))
        self.assertEqual(DEFAULT_LIMITS.depth, DEFAULT_LIMITS.before_login().depth)

    def test_received_depth_follows_depth(self) -> None:
        """A value as deep as ``depth`` allows fits ``expression_depth``: three lists a level."""
        self.assertGreaterEqual(DEFAULT_LIMITS.expression_depth, 3 * DEFAULT_LIMITS.depth)

    @each(FIELDS)
    def test_frozen(self, name: str) -> None:
        """Limits that a connection was given cannot change under it."""
        with self.assertRaises(dataclasses.FrozenInstanceError):
            setattr(DEFAULT_LIMITS, name, 1)

    @each(FIELDS)
    def test_least(self, name: str) -> None:
        """Any positive number is taken, and only that field is other than by default."""
        for value in (1, 0.5):
            limits = Limits(**{name: value})  # type: ignore[arg-type]
            self.assertEqual({**dataclasses.asdict(DEFAULT_LIMITS), name: value}, dataclasses.asdict(limits))

    @each(FIELDS, WRONG)
    def test_refused(self, name: str, wrong: str) -> None:
        """What is no positive number is a ValueError that names the field and shows the value; some may be None."""
        if WRONG[wrong] is None and name in OFF:
            self.assertIs(None, getattr(Limits(**{name: None}), name))
            return
        error = self.assertRaises(ValueError, Limits, **{name: WRONG[wrong]})
        self.assertEqual(f"Limits.{name} must be a positive number, not {WRONG[wrong]!r}", str(error))
