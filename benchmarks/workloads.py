"""What is measured: the names that all parts of the benchmarks know the workloads by."""

from __future__ import annotations

import os
from dataclasses import dataclass

#: Calls that are on their way at one time, in the workloads where more than one is.
OUTSTANDING = 100
#: Those workloads.
TOGETHER = ("outstanding", "later")
#: Connections that are being made at one time.
CONNECTING = 20


@dataclass(frozen=True)
class Workload:
    """One row of the table.

    Args:
        name: what it is called on the command line and in JSON.
        title: what it is called in tables and pictures.
        per: what the figures are per.
    """

    name: str
    title: str
    per: str = "call"


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("small", "small call, one after another"),
        Workload("outstanding", f"small call, {OUTSTANDING} outstanding"),
        Workload("later", "the same, each answered in the next turn"),
        Workload("fields", "dict of 20 fields, there and back"),
        Workload("records", "list of 1,000 dicts, there and back"),
        Workload("bytes64", "64 KiB of bytes, there and back"),
        Workload("bytes600", "600 KiB of bytes, there and back"),
        Workload("references", "1,000 references, returned and released"),
        Workload("copies", "1,000 copies returned"),
        Workload("cache", "Cacheable, update to each of 200 clients", "update delivered"),
        Workload("connections", "connect, one call, disconnect", "connection"),
    )
}

#: Clients that have the object of workload ``cache``.  The tests have fewer.
OBSERVERS = int(os.environ.get("BENCHMARKS_OBSERVERS", 200))
