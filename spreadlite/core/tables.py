"""What the two ends of a connection hold of one another: ids and counts.

Ids are given by the side that owns the object, count up from 1 and are not used twice on a connection.  Each table keeps
its own invariant, here and nowhere else; an id that a peer makes up is a `ProtocolError`, never a KeyError.

The tables' dictionaries are what applications know as ``broker.localObjects``, ``broker.luids`` and so on, and they may
be read and even written by them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from .errors import ProtocolError
from .graph import STOCK, shortened


class Local:
    """An object of ours that the peer holds.

    Attributes:
        object: the object.
        perspective: the perspective for which it was sent, where that matters (caches).
        refcount: how often the peer was given it, less how often it gave it back.
        puid: under which key the table knows the object; None for an object that only has a name.
    """

    __slots__ = ("__weakref__", "object", "perspective", "puid", "refcount")

    def __init__(self, object: Any, perspective: Any = None, puid: Hashable = None) -> None:
        self.object = object
        self.perspective = perspective
        self.refcount = 1
        self.puid = puid

    def __repr__(self) -> str:
        return f"<pb.Local {self.object!r} ref:{self.refcount}>"

    def incref(self) -> int:
        """The peer was given the object once more; returns the new count."""
        self.refcount += 1
        return self.refcount

    def decref(self) -> int:
        """The peer gave the object back once; returns the new count."""
        self.refcount -= 1
        return self.refcount


_new: Callable[[type[Local]], Local] = object.__new__


class LocalTable:
    """Objects of ours that the peer holds, by id, with the id of each.

    Args:
        what: the table's name, for messages.

    Attributes:
        locals: id to `Local`.  A key may also be a name (bytes), which has no count and is never released.
        ids: an object's ``processUniqueID()`` to its id.
    """

    __slots__ = ("_what", "ids", "locals")

    def __init__(self, what: str) -> None:
        self._what = what
        self.locals: dict[Any, Local] = {}
        self.ids: dict[Hashable, Any] = {}

    def again(self, puid: Hashable) -> int | None:
        """Count one more for the object with that key and return its id; None if the table does not have it."""
        luid: int | None = self.ids.get(puid)
        if luid is not None:
            self.locals[luid].refcount += 1
        return luid

    def hold(self, object: Any, most: float, new_id: Callable[[], int], noted: Registrations | None) -> int | None:
        """Count one more for *object*, which is taken in if the table does not have it, and return its id.

        Args:
            object: has a ``processUniqueID()``.
            most: if the table has more than that, it takes in no more, and None is returned.
            new_id: gives the next id; the two tables of a connection share one sequence.
            noted: where this is noted, if anywhere.
        """
        puid = object.processUniqueID()
        luid: int | None = self.ids.get(puid)
        if luid is not None:
            self.locals[luid].refcount += 1
        elif len(self.locals) > most:
            return None
        else:
            luid = new_id()
            # As Local(object, None, puid), without the call, for there may be many.
            self.locals[luid] = local = _new(Local)
            local.object = object
            local.perspective = None
            local.refcount = 1
            local.puid = puid
            self.ids[puid] = luid
        if noted is not None:
            noted.made += (self, luid)
        return luid

    def add(self, luid: int, puid: Hashable, object: Any, perspective: Any = None) -> None:
        """Take in an object that the table does not have, under a new id and with a count of 1.

        The two tables of a connection share one sequence of ids.
        """
        self.locals[luid] = Local(object, perspective, puid)
        self.ids[puid] = luid

    def get(self, luid: object) -> Local | None:
        """What is known under that id or name, whatever the peer sent for one."""
        return self.locals.get(luid) if type(luid) in (int, bytes) else None

    def release(self, luid: object, forget: bool = False) -> Local | None:
        """Count one less for the object with that id; returns it if that was the last.  Then it is to be forgotten, which
        is done here if *forget* is true.

        Raises:
            ProtocolError: no object has that id, or it is a name.
        """
        local = self.locals.get(luid) if type(luid) is int else None
        if local is None:
            raise ProtocolError(f"no {self._what} has the id {shortened(luid)}")
        local.refcount -= 1
        if local.refcount > 0:
            return None
        if forget:
            del self.locals[luid]
            # Where an application put the object in by hand, its key may be another's by now.
            if self.ids.get(local.puid) == luid:
                del self.ids[local.puid]
        return local

    def forget(self, luid: int) -> None:
        """The object with that id leaves the table."""
        local = self.locals.pop(luid, None)
        if local is not None and self.ids.get(local.puid) == luid:
            del self.ids[local.puid]


class Registrations:
    """What one serialisation put into the tables, so that it can be taken back if nothing is sent.

    Attributes:
        made: a table and an id, in turns, for each time that something was counted once more.
    """

    __slots__ = ("made",)

    def __init__(self) -> None:
        self.made: list[Any] = []

    def add(self, table: LocalTable, luid: int) -> None:
        """The object with that id was counted once more."""
        self.made += (table, luid)

    def take_in(self, other: Registrations) -> None:
        """What *other* noted is to be taken back with these."""
        self.made += other.made

    def take_back(self, gone: Callable[[LocalTable, int, Local], None]) -> None:
        """Undo it all, the last first; *gone* is called for each object that is to leave its table."""
        made, self.made = self.made, []
        for table, luid in zip(made[-2::-2], made[::-2], strict=True):
            if luid in table.locals:
                local = table.release(luid)
                if local is not None:
                    gone(table, luid, local)


STOCK.update(
    local=Local,
    local_table=LocalTable,
    table_hold=LocalTable.hold,
    table_release=LocalTable.release,
    registrations=Registrations,
)


class Questions(dict[int, Any]):
    """Calls that wait for their answer: request id to Deferred."""

    def take(self, number: object) -> Any:
        """Take out what waits under that id.

        Raises:
            ProtocolError: nothing does.
        """
        waiting = self.pop(number, None) if type(number) is int else None
        if waiting is None:
            raise ProtocolError(f"an answer to a call that was not made, or has its answer: {shortened(number)}")
        return waiting
