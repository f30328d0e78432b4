"""The values that are sent, the same for every contender."""

from __future__ import annotations

import os
from typing import Any

#: How many records, references or copies one answer brings.  The tests have fewer.
OBJECTS = int(os.environ.get("BENCHMARKS_OBJECTS", 1000))

SMALL = "hello"

#: A dictionary of 20 fields, of the kinds that applications send.
FIELDS: dict[str, Any] = {
    "id": 184467,
    "name": "Ada Lovelace",
    "email": "ada@example.org",
    "title": "Notes by the translator",
    "comment": "No one can say when it will be done, but it will be done; ask again in the morning.",
    "language": "français, ελληνικά",
    "balance": -12345,
    "year": 1843,
    "large": 2**40 + 7,
    "score": 0.8125,
    "ratio": -3.5,
    "weight": 6.02e23,
    "active": True,
    "hidden": False,
    "parent": None,
    "digest": bytes(range(32)),
    "tags": ["engine", "notes", "numbers"],
    "position": [51.5, -0.1, 35],
    "limits": {"low": 1, "high": 1000},
    "state": "ready",
}

#: The like of what a database gives: 1,000 dictionaries.
RECORDS: list[dict[str, Any]] = [
    {
        "id": number,
        "name": f"record number {number}",
        "price": number * 1.25,
        "stock": number % 17 - 3,
        "tags": ["new", "sale"] if number % 3 else [],
        "active": number % 2 == 0,
    }
    for number in range(OBJECTS)
]

BYTES_64 = bytes(range(256)) * 256
BYTES_600 = bytes(range(256)) * 2400


def record_state(number: int) -> dict[str, Any]:
    """The attributes of a copied object."""
    return {
        "number": number,
        "name": f"part {number}",
        "price": number * 0.5,
        "colours": ["red", "green"],
        "stored": True,
    }
