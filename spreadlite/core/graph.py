"""Objects to expressions and back: jelly.

An expression is what banana carries: lists, bytes, integers, floats.  Integers, floats and bytes stand for themselves;
everything else is a list whose head is a tag::

    [None]                                  None
    [boolean true] [boolean false]          bool
    [unicode UTF-8]                         str
    [list x...] [tuple x...]                list, tuple
    [set x...] [frozenset x...]             set, frozenset
    [dictionary [key value]...]             dict
    [datetime "Y M D h m s us"]             datetime; date, time and timedelta (days seconds microseconds) likewise
    [decimal integer exponent]              Decimal
    [class name] [module name]              a class or module, by its dotted name
    [function name]                         a function, by its dotted name
    [method name self class]                a bound method
    [reference id x] [dereference id]       x, met again within the same expression where the id is; also in a cycle
    [persistent x]                          what a persistent store keeps
    [unpersistable text]                    the place of something that could not be sent
    [tag ...]                               whatever the class registered under the tag makes of it
    [module.Class state]                    an instance of a class that the taster allows

Two spellings carry what these forms have no room for, and that twisted.spread loses.  A peer that does not know them
reads the same value as from twisted.spread: the last number of a datetime or time whose ``fold`` is 1 is written with a
plus sign, and a negative zero of Decimal has the float -0.0 for its integer.

Writers are found by type, readers by tag, in two tables; what is not in them goes through the hooks (``jellyFor``,
``unjellyFor``), the registry, or the taster.  A jellier or unjellier lives for one expression.  What it needs of a
connection, it asks of its ``invoker``; without one it works all the same.
"""

from __future__ import annotations

import datetime
import decimal
import operator
import types
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from weakref import WeakSet

from twisted.python.reflect import namedAny, namedObject, qual
from zope.interface import implementer

from spreadlite.interfaces import IJellyable, IUnjellyable

from .errors import PINNED, BananaError, InsecureJelly, MethodChanged, UnregisteredTypeWarning
from .limits import DEFAULT_LIMITS
from .policy import Taster, allowed_names, allows_dotted_names
from .registry import DEFAULT_REGISTRY, Registry
from .vocabulary import DICTIONARY, REMOTE, UNICODE
from .weights import COLLIDE, HEAVY, Places, Scale
from .wire import FLAT, Packed, Plain, spelled_out

Sexp = Any


# What objects do for themselves.


@implementer(IJellyable)
class Jellyable:
    """An object that makes its own expression.  Override `getStateFor`, or `jellyFor` for all of it."""

    def getStateFor(self, jellier: Any) -> Any:
        """What to send as the state of this object: its dictionary."""
        return self.__dict__

    def jellyFor(self, jellier: Any) -> Sexp:
        """The expression of this object: the class's dotted name, then the state.

        Between ``jellier.prepare`` and ``jellier.preserve`` the object may occur within its own state.
        """
        sexp = jellier.prepare(self)
        sexp.extend([qual(self.__class__).encode("utf-8"), jellier.jelly(self.getStateFor(jellier))])
        return jellier.preserve(self, sexp)


@implementer(IUnjellyable)
class Unjellyable:
    """An object that is made blank, without its constructor, and takes its state from an expression."""

    def setStateFor(self, unjellier: Any, state: Any) -> None:
        """Take *state* for this object's dictionary."""
        object.__setattr__(self, "__dict__", state)

    def unjellyFor(self, unjellier: Any, jellyList: Sexp) -> Any:
        """Take the state that *jellyList* has, and return the object that is to stand for it: this one."""
        state = unjellier.unjelly(item_of(jellyList, 1))
        unjellier.when_whole(lambda: self.setStateFor(unjellier, known(state)))
        return self


class Unpersistable:
    """Stands where the sender could not send something.

    Its own name travels, in the reason for which it is not sent on: it is pinned, like those of `core.errors`.

    Attributes:
        reason: text that says why.
    """

    __module__ = "twisted.spread.jelly"

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild_unpersistable, (self.reason,)

    def __repr__(self) -> str:
        return f"Unpersistable({self.reason!r})"


def rebuild_unpersistable(reason: str) -> Unpersistable:
    """An `Unpersistable` from a pickle, which would look for the class in the module that it names."""
    return Unpersistable(reason)


def item_of(sexp: Sexp, index: int) -> Any:
    """Item *index* of an expression that a peer sent; InsecureJelly if there is none."""
    try:
        return sexp[index]
    except (IndexError, TypeError):
        raise InsecureJelly(f"too short an expression: {shortened(sexp)}") from None


def shortened(value: object, most: int = 100) -> str:
    """The repr of *value* for a message, cut to *most* characters.

    No more is looked at than is shown: a container may refer to its own parts so often that its repr never ends.
    """
    try:
        text = "".join(_pieces(value, most))
    except Exception as error:
        text = f"<no repr: {type(error).__name__}>"
    return text if len(text) <= most else text[:most] + "…"


#: The types of what an expression may be left as; `codec` adds its own.
PACKED: set[type] = {Packed}

_BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"), tuple: ("(", ")"), dict: ("{", "}"), set: ("{", "}"), frozenset: ("frozenset({", "})"),
}  # fmt: skip


def _pieces(value: object, most: int) -> list[str]:
    """The beginning of the repr of *value*: *most* characters or a few more."""
    pieces: list[str] = []
    # What is still to be written, the next last: text, or (in a list of one) a value.
    todo: list[Any] = [[value]]
    size = 0
    while todo and size <= most:
        part = todo.pop()
        if type(part) is list:
            item = part[0]
            kind = type(item)
            if kind in PACKED:
                item = item.expression()
                kind = list
            if kind in _BRACKETS and item or kind in (list, tuple, dict):
                inner: list[Any] = []
                for number, member in enumerate(item):
                    if number > most:
                        break
                    inner += [", "] if number else []
                    inner += [[member], ": ", [item[member]]] if kind is dict else [[member]]
                if kind is tuple and len(item) == 1:
                    inner.append(",")
                todo.append(_BRACKETS[kind][1])
                todo += reversed(inner)
                part = _BRACKETS[kind][0]
            elif kind in (bytes, str):
                part = repr(item[: most + 1])
            elif isinstance(kind.__repr__, types.FunctionType):
                # What an application shows of its objects may be all that they hold.
                part = f"<{qual(kind)}>"
            else:
                part = repr(item)
        pieces.append(part)
        size += len(part)
    return pieces


def create_blank(cls: Any) -> Any:
    """An instance of *cls* whose constructor has not run; None where *cls* is no class."""
    if not isinstance(cls, type):
        return None
    make: Any = cls.__new__
    return make(cls)


def set_state(instance: Any, state: Any) -> None:
    """Give a blank instance its state: through ``__setstate__`` where the class has one, else as its dictionary."""
    setter = getattr(instance, "__setstate__", None)
    if setter is not None:
        setter(state)
    elif isinstance(state, dict):
        object.__setattr__(instance, "__dict__", state)
    elif state is not None:
        raise InsecureJelly(f"not the state of an instance of {qual(type(instance))}: {shortened(state)}")


def get_state(instance: Any) -> Any:
    """The state of any instance: what ``__getstate__`` says where there is one, else its dictionary."""
    if hasattr(instance, "__getstate__"):
        return instance.__getstate__()
    return instance.__dict__


#: Methods, functions and classes for which the compiled codec stands in, by a name for each; `tables`, `flavors`, `_flow`,
#: `_references` and `pb` add theirs.  It knows by these that nobody has put others in their place, and then does the same
#: without calling them.
STOCK: dict[str, Any] = {}


# Objects to expressions.


#: What is to be called when an application has put another method in the place of `Jellier.jelly` (true), or that back
#: (false).
WHEN_REPLACED: list[Callable[[bool], None]] = []


def _not_known(taster: object) -> bool:
    return False


class _Replaceable(type):
    """The class of `Jellier`, one method of which applications replace: as ``twisted.spread.jelly._Jellier.jelly`` it is
    asked about every value, and so can have named tuples travel.  As long as it is another's, every value goes by it."""

    def __setattr__(cls, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        # A subclass has one of its own, by which only its instances go.
        if name == "jelly" and cls is Jellier:
            global allows_dotted_names
            replaced = value is not STOCK["jellier_jelly"]
            # Where this is not known of a taster, no value is written at once, but each by way of `jelly`.
            allows_dotted_names = _not_known if replaced else STOCK["allows_dotted_names"]
            for tell in WHEN_REPLACED:
                tell(replaced)


class Jellier(metaclass=_Replaceable):
    """Makes the expression of one object and of all that it holds.

    Args:
        taster: says which types may be sent.
        persistentStore: called with an instance and this jellier; what it returns, if not None, is sent as
            ``[persistent ...]`` in place of the instance.
        invoker: the broker, or None.  Hooks ask it for ids.
        depth: values within values at the most.

    Hooks use `jelly`, `prepare`, `preserve` and `invoker`.

    Attributes:
        packs: whether what is made is spelled as in a `Packed`.
        mixed: whether there is a `Plain` in it.
        register: what does the same as the invoker's ``registerReference`` sooner, for what is usual, and gives None for
            the rest; None until it is needed.
    """

    packs = mixed = False
    register: Callable[[Any], Any] | None = None

    def __init__(
        self, taster: Taster, persistentStore: Any = None, invoker: Any = None, depth: int = DEFAULT_LIMITS.depth
    ) -> None:
        self.taster = taster
        self.persistentStore = persistentStore
        self.invoker = invoker
        # By id of an object: None while its expression is being made, then that expression, which is rewritten in
        # place to a reference when the object is met again.
        self.preserved: dict[int, Any] = {}
        # By id of an object that was met again: what to send for it from then on.
        self.cooked: dict[int, list[Any]] = {}
        # Keeps what state hooks made on the fly alive, or their ids would be used anew.
        self.cooker: list[object] = []
        # Also a subclass may want to be asked about every value.
        self.asks = type(self).jelly is not Jellier.jelly or not allows_dotted_names(taster)
        self.room = depth
        self.depth = depth

    def jelly(self, obj: Any) -> Sexp:
        """The expression of *obj*.

        Raises:
            InsecureJelly: the taster does not allow its type.
            BananaError: values are nested too deep.
        """
        cls = type(obj)
        writer = WRITERS.get(cls) or find_writer(cls)
        if self.asks and writer is not write_jellyable and not self.taster.isTypeAllowed(qual(cls).encode("utf-8")):
            raise InsecureJelly(f"objects of type {qual(cls)} may not be sent: {shortened(obj)}")
        return writer(self, obj)

    def prepare(self, obj: object) -> list[Any]:
        """Announce that the expression of *obj* is being made; returns an empty list to put it into."""
        self.preserved[id(obj)] = None
        self.cooker.append(obj)
        self.room -= 1
        if self.room < 0:
            raise BananaError(f"values nested more than {self.depth} deep are not sent")
        return []

    def preserve(self, obj: object, sexp: Sexp) -> Sexp:
        """Say that *sexp* is the expression of *obj*; returns what to send for it."""
        key = id(obj)
        self.room += 1
        started = self.preserved.get(key)
        if started is None:
            self.preserved[key] = sexp
            return sexp
        # It was met within itself, and has its number already.
        started[2] = sexp
        return started

    def _checkMutable(self, obj: object) -> Sexp | None:
        """What to send for *obj* if it was met before, else None."""
        return self.met_again(id(obj)) if id(obj) in self.preserved else None

    def met_again(self, key: int) -> Sexp:
        """What to send for the object with that id, whose expression is made or being made."""
        sexp = self.cooked.get(key)
        if sexp is None:
            number = len(self.cooked) + 1
            made = self.preserved[key]
            if made is None:
                self.preserved[key] = [b"reference", number, None]
            else:
                # Whoever holds the expression already sees it become a reference.
                made[:] = [b"reference", number, made[:]]
            sexp = self.cooked[key] = [b"dereference", number]
        return sexp

    def plain(self, sexp: Sexp) -> Plain:
        """What stands for *sexp*, which an application made, among what is spelled as in a `Packed`."""
        self.mixed = True
        return Plain(sexp)

    def unpersistable(self, reason: str | bytes, sxp: list[Any] | None = None) -> list[Any]:
        """The expression that stands for what cannot be sent, put into *sxp* if that is given."""
        if sxp is None:
            sxp = []
        sxp.append(b"unpersistable")
        sxp.append(reason.encode("utf-8") if isinstance(reason, str) else reason)
        return sxp


STOCK.update(jellier_jelly=Jellier.jelly, allows_dotted_names=allows_dotted_names)


def write_itself(jellier: Jellier, obj: Any) -> Sexp:
    return obj


def write_none(jellier: Jellier, obj: None) -> Sexp:
    return [b"None"]


def write_bool(jellier: Jellier, obj: bool) -> Sexp:
    return [b"boolean", b"true" if obj else b"false"]


def write_str(jellier: Jellier, obj: str) -> Sexp:
    return [UNICODE, obj.encode("utf-8")]


def leaf(obj: Any, taster: Taster) -> Sexp | None:
    """The expression of what holds nothing; None for what may hold something, or has to be asked about."""
    writer = _LEAVES.get(type(obj))
    return None if writer is None or not allows_dotted_names(taster) else writer(None, obj)


def leaves(arguments: tuple[Any, ...], taster: Taster) -> Sexp | None:
    """The expression of a tuple of `leaf`s; None where one is none."""
    if not allows_dotted_names(taster):
        return None
    sexp: list[Any] = [b"tuple"]
    for each in arguments:
        writer = _LEAVES.get(type(each))
        if writer is None:
            return None
        sexp.append(writer(None, each))
    return sexp


def _numbers(*numbers: int) -> bytes:
    return " ".join(map(str, numbers)).encode("ascii")


def _clock(value: datetime.datetime | datetime.time, *numbers: int) -> bytes:
    """The numbers of a clock's reading, the last with a plus sign where ``fold`` is 1."""
    if value.tzinfo is not None:
        raise NotImplementedError(f"a {type(value).__name__} with a time zone cannot be sent: {shortened(value)}")
    written = _numbers(*numbers)
    if value.fold:
        head, last = written.rsplit(b" ", 1)
        written = head + b" +" + last
    return written


def write_datetime(jellier: Jellier, obj: datetime.datetime) -> Sexp:
    numbers = (obj.year, obj.month, obj.day, obj.hour, obj.minute, obj.second, obj.microsecond)
    return [b"datetime", _clock(obj, *numbers)]


def write_time(jellier: Jellier, obj: datetime.time) -> Sexp:
    return [b"time", _clock(obj, obj.hour, obj.minute, obj.second, obj.microsecond)]


def write_date(jellier: Jellier, obj: datetime.date) -> Sexp:
    return [b"date", _numbers(obj.year, obj.month, obj.day)]


def write_timedelta(jellier: Jellier, obj: datetime.timedelta) -> Sexp:
    return [b"timedelta", _numbers(obj.days, obj.seconds, obj.microseconds)]


def write_decimal(jellier: Jellier, obj: decimal.Decimal) -> Sexp:
    sign, digits, exponent = obj.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"Decimal({str(obj)!r}) cannot be sent: there is no form for it that old peers read")
    value: int | float = 0
    for digit in digits:
        value = value * 10 + digit
    if sign:
        value = -value if value else -0.0
    return [b"decimal", value, exponent]


def write_method(jellier: Jellier, obj: types.MethodType) -> Sexp:
    owner = obj.__self__
    return [b"method", obj.__func__.__name__.encode("utf-8"), jellier.jelly(owner), jellier.jelly(owner.__class__)]


def write_function(jellier: Jellier, obj: types.FunctionType) -> Sexp:
    return [b"function", f"{obj.__module__}.{obj.__qualname__}".encode()]


def write_module(jellier: Jellier, obj: types.ModuleType) -> Sexp:
    return [b"module", obj.__name__.encode("utf-8")]


def write_class(jellier: Jellier, obj: type) -> Sexp:
    return [b"class", qual(obj).encode("utf-8")]


def write_jellyable(jellier: Jellier, obj: Jellyable) -> Sexp:
    if id(obj) in jellier.preserved:
        return jellier.met_again(id(obj))
    if not jellier.packs:
        return obj.jellyFor(jellier)
    hook = obj.jellyFor
    function = getattr(hook, "__func__", None)
    if function in GIVES_ID:
        # It is Referenceable's, and there may be very many.
        register = jellier.register
        if register is None:
            register = jellier.register = registrar(jellier.invoker)
        luid = register(obj)
        if luid is None:
            luid = jellier.invoker.registerReference(obj)
        return [REMOTE, luid] if type(luid) is int else jellier.plain([REMOTE, luid])
    if function in PASSES_ON:
        sexp = hook(jellier)
        # What was met within itself is a reference by now.
        made = sexp[2] if len(sexp) == 3 else sexp
        if type(made[0]) is not bytes:
            # An application's tag, which banana refuses to send.
            made[0] = jellier.plain(made[0])
        return sexp
    jellier.packs = False
    try:
        sexp = hook(jellier)
    finally:
        jellier.packs = True
    if type(sexp) is tuple and len(sexp) == 2 and type(sexp[0]) is bytes and type(sexp[1]) in (int, bytes):
        # The id of an object of the peer's.
        return list(sexp)
    return jellier.plain(sexp)


def registrar(invoker: Any) -> Callable[[Any], Any]:
    """What *invoker* has that does the same as its ``registerReference`` sooner; see `Jellier.register`."""
    make = getattr(invoker, "_registrar", None)
    register = None if make is None else make(invoker._registrations)
    return register or _not_sooner


def _not_sooner(obj: Any) -> None:
    return None


def _write_items(jellier: Jellier, obj: Iterable[Any], tag: bytes) -> Sexp:
    key = id(obj)
    if key in jellier.preserved:
        return jellier.met_again(key)
    sexp = jellier.prepare(obj)
    sexp.append(tag)
    if jellier.asks:
        for item in obj:
            sexp.append(jellier.jelly(item))
    else:
        # The table is asked here rather than in jelly(), which would take a second frame for each level.
        find = WRITERS.get
        packs = jellier.packs
        themselves = _PACKED_AS_THEMSELVES if packs else _THEMSELVES
        for item in obj:
            cls = type(item)
            if cls is str:
                sexp.append(item if packs and item.isascii() else [UNICODE, item.encode()])
            elif cls in themselves:
                sexp.append(item)
            else:
                sexp.append((find(cls) or find_writer(cls))(jellier, item))
    return jellier.preserve(obj, sexp)


def write_list(jellier: Jellier, obj: list[Any]) -> Sexp:
    return _write_items(jellier, obj, b"list")


def write_tuple(jellier: Jellier, obj: tuple[Any, ...]) -> Sexp:
    return _write_items(jellier, obj, b"tuple")


def write_set(jellier: Jellier, obj: set[Any]) -> Sexp:
    return _write_items(jellier, obj, b"set")


def write_frozenset(jellier: Jellier, obj: frozenset[Any]) -> Sexp:
    return _write_items(jellier, obj, b"frozenset")


# The bytes of texts that were keys: programs send the same ones all the time.
_KEYS: dict[str, bytes] = {}
_LONGEST_KEY = 64
_MOST_KEYS = 2_000


def _key(name: str) -> bytes:
    data = name.encode()
    if len(data) <= _LONGEST_KEY:
        if len(_KEYS) >= _MOST_KEYS:
            _KEYS.clear()
        _KEYS[name] = data
    return data


def write_dict(jellier: Jellier, obj: dict[Any, Any]) -> Sexp:
    key = id(obj)
    if key in jellier.preserved:
        return jellier.met_again(key)
    sexp = jellier.prepare(obj)
    find = WRITERS.get
    if jellier.packs and _TEXT_ALONE.issuperset(map(type, obj)):
        sexp.append(FLAT)
        for name, value in obj.items():
            if not name.isascii():
                # Not all text has bytes.
                name.encode()
            sexp.append(name)
            cls = type(value)
            if cls is str:
                sexp.append(value if value.isascii() else [UNICODE, value.encode()])
            elif cls in _PACKED_AS_THEMSELVES:
                sexp.append(value)
            else:
                sexp.append((find(cls) or find_writer(cls))(jellier, value))
        return jellier.preserve(obj, sexp)
    sexp.append(DICTIONARY)
    if jellier.asks:
        for name, value in obj.items():
            sexp.append([jellier.jelly(name), jellier.jelly(value)])
    else:
        for name, value in obj.items():
            cls = type(name)
            if cls is str:
                first: Sexp = [UNICODE, _KEYS.get(name) or _key(name)]
            else:
                first = (find(cls) or find_writer(cls))(jellier, name)
            cls = type(value)
            if cls is str:
                sexp.append([first, [UNICODE, value.encode()]])
            elif cls in _THEMSELVES:
                sexp.append([first, value])
            else:
                sexp.append([first, (find(cls) or find_writer(cls))(jellier, value)])
    return jellier.preserve(obj, sexp)


def write_instance(jellier: Jellier, obj: Any) -> Sexp:
    """Anything else: kept by the persistent store, sent as class and state if the taster allows, or not sent."""
    key = id(obj)
    if key in jellier.preserved:
        return jellier.met_again(key)
    sexp = jellier.prepare(obj)
    kept = jellier.persistentStore(obj, jellier) if jellier.persistentStore else None
    if kept is not None:
        sexp += [b"persistent", kept]
    elif jellier.taster.isClassAllowed(obj.__class__):
        sexp.append(qual(obj.__class__).encode("utf-8"))
        sexp.append(jellier.jelly(get_state(obj)))
    else:
        name = qual(obj.__class__)
        if getattr(jellier.taster, "refusesUnregistered", False):
            raise InsecureJelly(f"objects of the unregistered type {name} are not sent: {shortened(obj)}")
        _warn_unregistered(obj.__class__, name)
        # The peer's programs may look for these words, which are twisted.spread's.
        jellier.unpersistable(f"instance of class {name} deemed insecure", sexp)
    return jellier.preserve(obj, sexp)


_warned: WeakSet[type] = WeakSet()


def _warn_unregistered(cls: type, name: str) -> None:
    """Tell the sender, once for each type: the peer is told nothing that its program would notice."""
    if cls in _warned:
        return
    _warned.add(cls)
    warnings.warn(
        f"{name} is not registered with Perspective Broker: the peer gets an Unpersistable in its place",
        UnregisteredTypeWarning,
        stacklevel=3,
    )


Writer = Callable[[Jellier, Any], Sexp]

#: Functions that serve as ``jellyFor``, and do not look at the expression of the state that they put after a tag.
#: `flavors` adds its own.
PASSES_ON: set[Any] = {Jellyable.jellyFor}
#: Functions that serve as ``jellyFor``, and give ``[remote id]``, the id being the invoker's ``registerReference``'s.
#: `flavors` adds its own.
GIVES_ID: set[Any] = set()

# What stands for itself; and in a `Packed`.
_THEMSELVES = frozenset((bytes, int, float))
_PACKED_AS_THEMSELVES = frozenset((bytes, int, float, bool, type(None)))
_TEXT_ALONE = frozenset((str,))
#: Items of what is first tried to be done without a jellier or unjellier.
_FEW = 16
# What holds nothing, so that a jellier has nothing to remember.
_LEAVES: dict[type, Callable[[Any, Any], Sexp]] = {
    bytes: write_itself,
    int: write_itself,
    float: write_itself,
    str: write_str,
    type(None): write_none,
    bool: write_bool,
}

#: How to write an object of exactly that type.
_STOCK_WRITERS: dict[type, Writer] = {
    bytes: write_itself,
    int: write_itself,
    float: write_itself,
    str: write_str,
    type(None): write_none,
    bool: write_bool,
    list: write_list,
    tuple: write_tuple,
    dict: write_dict,
    set: write_set,
    frozenset: write_frozenset,
    datetime.datetime: write_datetime,
    datetime.date: write_date,
    datetime.time: write_time,
    datetime.timedelta: write_timedelta,
    decimal.Decimal: write_decimal,
    types.MethodType: write_method,
    types.FunctionType: write_function,
    types.ModuleType: write_module,
    type: write_class,
}
#: Writers that look at the object alone, and not at the jellier.
LEAF_WRITERS = frozenset(
    (
        write_datetime,
        write_date,
        write_time,
        write_timedelta,
        write_decimal,
        write_function,
        write_module,
        write_class,
    )
)
#: The stock writers, and the writers found for classes since; it is emptied before it grows beyond `_MOST_WRITERS`, so
#: that a program which makes classes all the time does not keep them.
WRITERS: dict[type, Writer] = dict(_STOCK_WRITERS)
_MOST_WRITERS = 5_000


def find_writer(cls: type) -> Writer:
    """The writer for a type that is not in the table, which is put there."""
    if issubclass(cls, Jellyable):
        writer: Writer = write_jellyable
    else:
        writer = write_instance
        for base, candidate in (
            (types.ModuleType, write_module),
            (type, write_class),
        ):
            if issubclass(cls, base):
                writer = candidate
    if len(WRITERS) >= _MOST_WRITERS:
        WRITERS.clear()
        WRITERS.update(_STOCK_WRITERS)
    WRITERS[cls] = writer
    return writer


def jelly(
    obj: Any,
    taster: Taster,
    persistentStore: Any = None,
    invoker: Any = None,
    depth: int = DEFAULT_LIMITS.depth,
) -> Sexp:
    """The expression of *obj*: a `Jellier`'s work, with Python's own limit of recursion told as ours."""
    kind = type(obj)
    if kind in _LEAVES:
        sexp = leaf(obj, taster)
        if sexp is not None:
            return sexp
    elif depth > 0 and (kind is tuple or kind is dict) and len(obj) <= _FEW and allows_dotted_names(taster):
        # The arguments of most calls hold nothing that holds anything, and most have no keywords.
        sexp = leaves(obj, taster) if kind is tuple else None if obj else [DICTIONARY]
        if sexp is not None:
            return sexp
    try:
        jellier = Jellier(taster, persistentStore, invoker, depth)
        if jellier.asks:
            return jellier.jelly(obj)
        return (WRITERS.get(kind) or find_writer(kind))(jellier, obj)
    except RecursionError as error:
        raise BananaError(f"values nested too deep to be sent: {error}") from error


def pack(obj: Any, taster: Taster, invoker: Any = None, depth: int = DEFAULT_LIMITS.depth) -> Sexp:
    """What `jelly` makes, as a `Packed` where nobody but the hooks of *obj* and of what it holds is to see it."""
    kind = type(obj)
    if kind in _LEAVES or not allows_dotted_names(taster):
        return jelly(obj, taster, None, invoker, depth)
    try:
        jellier = Jellier(taster, None, invoker, depth)
        jellier.packs = True
        sexp = (WRITERS.get(kind) or find_writer(kind))(jellier, obj)
    except RecursionError as error:
        raise BananaError(f"values nested too deep to be sent: {error}") from error
    if jellier.mixed:
        return spelled_out(sexp)
    return Packed(sexp) if type(sexp) is list else sexp


# Expressions to objects.


class Pending:
    """Stands for a value that is not made yet, because it holds something that leads back to it."""

    __slots__ = ("known", "scale", "value", "waiting")

    def __init__(self, scale: Scale) -> None:
        self.scale = scale
        self.known = False
        self.value: Any = None
        self.waiting: list[Callable[[Any], None]] = []

    __hash__ = None  # type: ignore[assignment]

    def when_known(self, put: Callable[[Any], None]) -> None:
        """Call *put* with the value, once it is there."""
        if self.known:
            self.scale.again(self.value)
            put(self.value)
        else:
            self.waiting.append(put)

    def resolve(self, value: Any) -> None:
        """The value is there."""
        if isinstance(value, Pending):
            if value is self:
                raise InsecureJelly("a value that consists of nothing but itself")
            value.when_known(self.resolve)
            return
        self.known = True
        self.value = value
        waiting, self.waiting = self.waiting, []
        for put in waiting:
            self.scale.again(value)
            put(value)


def known(value: Any) -> Any:
    """What *value* stands for, now that it is there."""
    return value.value if isinstance(value, Pending) else value


#: Functions that serve as ``unjellyFor`` and always return the very instance that they were called on.  Such an
#: instance may be known to its own state before it has that state.  `flavors` adds its own.
RETURNS_ITSELF: set[Any] = {Unjellyable.unjellyFor}
#: Those that hand on the expression of the state, and do not look at it.  `flavors` adds its own.
READS_PACKED: set[Any] = {Unjellyable.unjellyFor}
#: Functions that serve as ``unjellyFor``, and look at the id after the tag alone.
TAKES_ID: set[Any] = set()

_MISSING = object()


def reference_key(number: int) -> int | str:
    """Under which key a value is kept that is referred to by *number*, which a peer chooses: of many numbers, it could
    have all in one place of a dictionary."""
    return number if 0 <= number < _MANY else str(number)


class Unjellier:
    """Makes the object that one expression stands for.

    Args:
        taster: says which tags, modules and classes may be read.
        persistentLoad: called with what stands after the head of ``[persistent ...]`` and this unjellier.
        invoker: the broker, or None.  Hooks ask it for the objects that ids stand for.
        registry: the classes and factories by tag.
        depth: values within values at the most.

    Hooks use `unjelly` and `invoker`.

    Attributes:
        packed: whether what is read is spelled as in a `Packed`.
    """

    packed = False

    def __init__(
        self,
        taster: Taster,
        persistentLoad: Any = None,
        invoker: Any = None,
        registry: Registry = DEFAULT_REGISTRY,
        depth: int = DEFAULT_LIMITS.depth,
    ) -> None:
        self.taster = taster
        self.persistentLoad = persistentLoad
        self.invoker = invoker
        self.registry = registry
        # By `reference_key`.
        self.references: dict[int | str, Any] = {}
        self.postCallbacks: list[Callable[[], object]] = []
        self.pending: list[Pending] = []
        # Of those, the ones that were not known when this was last looked at.
        self.unsettled: list[Pending] = []
        # What is to be done when none is left.
        self.delayed: list[Callable[[], object]] = []
        self.scale = Scale(depth)
        self.room = depth
        self.depth = depth
        # The names that the taster allows, where it is known to look them up and to allow those with a dot; else None,
        # and it is asked.
        self.allowed = allowed_names(taster)
        # Whether [unicode bytes] is text and nothing else.
        self.reads_text = (
            self.allowed is not None
            and UNICODE in self.allowed
            and UNICODE not in registry.classes
            and UNICODE not in registry.factories
        )

    def unjellyFull(self, obj: Sexp) -> Any:
        """The object that *obj* stands for, whole: every reference resolved, then every ``postUnjelly`` called.

        Raises:
            InsecureJelly: something in it is not allowed, or not of the shape that its tag asks for.
        """
        return self.finished(self.unjelly(obj))

    def finished(self, value: Any) -> Any:
        """*value*, which was read to its end, with what is to be done then done."""
        if self.pending:
            if isinstance(value, Pending):
                value = value.value
            if not all(pending.known for pending in self.pending):
                raise InsecureJelly("an expression refers to a value that it does not have")
        # An application may want to hash what it is given.
        heaviest = max((self.scale.weigh(known(each)) for each in self.references.values()), default=0)
        for do in self.delayed:
            do()
        if heaviest > HEAVY:
            self.scale.within(value, set(map(id, self.registry.classes.values())))
        for callback in self.postCallbacks:
            callback()
        return value

    def unjelly(self, obj: Sexp) -> Any:
        """The object that *obj* stands for; within a cycle perhaps something that stands for it until it is there."""
        return read(self, obj, None) if type(obj) is list else obj

    def unjellyInto(self, obj: Any, loc: Any, jel: Sexp) -> Any:
        """Put the object that *jel* stands for at ``obj[loc]``, now, and again when it is there if it is not yet."""
        value = self.unjelly(jel)
        if isinstance(value, Pending):
            value.when_known(partial(obj.__setitem__, loc))
        obj[loc] = value
        return value

    def announce(self, number: int | None, value: Any) -> None:
        """*value* is what the id *number* refers to (None: nothing refers to it)."""
        if number is None:
            return
        key = reference_key(number)
        earlier = self.references.get(key, _MISSING)
        self.references[key] = value
        if isinstance(earlier, Pending) and earlier is not value:
            earlier.resolve(value)

    def new_pending(self) -> Pending:
        """A place for a value, which must be known by the end."""
        pending = Pending(self.scale)
        self.pending.append(pending)
        self.unsettled.append(pending)
        return pending

    def waits(self) -> bool:
        """Whether a value that something refers to is not there yet."""
        unsettled = self.unsettled
        while unsettled and unsettled[-1].known:
            unsettled.pop()
        return bool(unsettled)

    def when_whole(self, do: Callable[[], object]) -> None:
        """Call *do* now, or, where some value is still to come, at the end: hooks are shown no place of a value."""
        if self.unsettled and self.waits():
            self.delayed.append(do)
        else:
            do()

    def expect_keys(self, values: Any) -> None:
        """*values* are about to be hashed; see `Scale`."""
        if self.references:
            self.scale.keys(values)

    def state(self, sexp: Sexp) -> Any:
        """What *sexp* stands for, of which a copy is to have the members as its own attributes.

        Raises:
            InsecureJelly: it is still to come, because it consists of the copy itself, or too many copies share it.
        """
        value = self.unjelly(sexp)
        if isinstance(value, Pending):
            raise InsecureJelly("a copy whose state is itself")
        if type(value) is dict:
            while sexp[0] == b"reference":
                sexp = sexp[2]
            if sexp[0] == b"dereference":
                self.scale.copied(value)
        return value

    def finish(self, value: Any) -> Any:
        """What a hook made: its attributes that wait for a value get it, its ``postUnjelly`` is called at the end."""
        if self.pending:
            for name, attribute in list(getattr(value, "__dict__", {}).items()):
                if isinstance(attribute, Pending):
                    attribute.when_known(partial(value.__dict__.__setitem__, name))
        if hasattr(value, "postUnjelly"):
            self.postCallbacks.append(value.postUnjelly)
        return value


def read(unjellier: Unjellier, sexp: list[Any], number: int | None) -> Any:
    """The object that a list stands for.

    Args:
        unjellier: of the whole expression.
        sexp: the list.
        number: the id by which the rest of the expression refers to it, if it does.  Whatever can be made before its
            contents are read is announced under it at once, so that a cycle closes on the object itself.
    """
    tag = sexp[0] if sexp else None
    if type(tag) is not bytes:
        if tag is FLAT:
            tag = DICTIONARY
        elif unjellier.packed:
            return _read_spelled_out(read, unjellier, sexp, number)
        # Banana has no text, so this is no peer's; twisted.spread's callers may spell a tag so.
        elif type(tag) is str:
            tag = tag.encode("utf-8")
            sexp = [tag, *sexp[1:]]
        else:
            raise InsecureJelly(f"an expression without a tag: {shortened(sexp)}")
    allowed = unjellier.allowed
    if (tag not in allowed and b"." not in tag) if allowed is not None else not unjellier.taster.isTypeAllowed(tag):
        raise InsecureJelly(tag)
    unjellier.room -= 1
    if unjellier.room <= 0:
        if unjellier.room < 0:
            raise InsecureJelly(f"values nested more than {unjellier.depth} deep")
        if unjellier.packed:
            # Nothing in it may be more than bytes or a number, and in this spelling that is seen.
            sexp = spelled_out(sexp)
    registry = unjellier.registry
    if tag in registry.classes or tag in registry.factories:
        value = read_registered(unjellier, sexp, number)
    elif tag in _CONTAINERS:
        # Here rather than in readers, which would take a second frame for each level.
        start, finish = _CONTAINERS[tag]
        value = start()
        if number is not None and value is not None:
            unjellier.announce(number, value)
        items: list[Any] = []
        add = items.append
        text = unjellier.reads_text and unjellier.room > 0
        refers: Any = _MISSING if unjellier.room > 0 else None
        for item in sexp[1:]:
            if type(item) is not list:
                add(item)
            elif text and len(item) == 2 and item[0] == UNICODE:
                add(_text_of(item))
            elif refers is not None and len(item) == 2 and item[0] == REMOTE and type(item[1]) is int:
                # There may be very many of these.
                if refers is _MISSING:
                    refers = _references_here(unjellier)
                    if refers is None:
                        add(read(unjellier, item, None))
                        continue
                    make, cls, broker = refers
                # As RemoteReference.unjellyFor and __init__, without the calls.
                reference = make(cls)
                perspective = broker.unserializingPerspective
                reference.luid = item[1]
                reference.broker = broker
                reference.doRefCount = 1
                reference.perspective = perspective
                add(reference)
            else:
                add(read(unjellier, item, None))
        value = finish(unjellier, value, items, number)
    elif tag == DICTIONARY:
        value = {}
        if number is not None:
            unjellier.announce(number, value)
        text = unjellier.reads_text and unjellier.room > 0
        keys: list[Any] = []
        items = []
        if sexp[0] is FLAT:
            keys = sexp[1::2]
            items = sexp[2::2]
            if list in map(type, items):
                for place, item in enumerate(items):
                    if type(item) is list:
                        items[place] = read(unjellier, item, None)
        else:
            add_key = keys.append
            add = items.append
            for pair in sexp[1:]:
                if type(pair) is not list and unjellier.packed:
                    # A pair of bytes may look like a text, or like True.
                    pair = spelled_out(pair)
                if type(pair) is not list or len(pair) != 2:
                    raise InsecureJelly(f"not a key and a value: {shortened(spelled_out(pair))}")
                item, other = pair
                if type(item) is not list:
                    add_key(item)
                elif text and len(item) == 2 and item[0] == UNICODE:
                    add_key(_text_of(item))
                else:
                    add_key(read(unjellier, item, None))
                if type(other) is not list:
                    add(other)
                elif text and len(other) == 2 and other[0] == UNICODE:
                    add(_text_of(other))
                else:
                    add(read(unjellier, other, None))
        if unjellier.references or unjellier.pending or len(keys) > _MANY:
            finish_dictionary(unjellier, value, keys, items)
        else:
            # What finish_dictionary does where nothing refers to anything.
            try:
                value.update(zip(keys, items))  # noqa: B905 - there are as many of both
            except TypeError as error:
                raise InsecureJelly(f"not a member of a set, nor a key: {error}") from error
    else:
        reader = READERS.get(tag, read_instance)
        if not unjellier.packed or reader is read_reference and len(sexp) == 3 and type(sexp[1]) is int:
            value = reader(unjellier, sexp, number)
        else:
            value = _read_spelled_out(reader, unjellier, sexp, number)
    unjellier.room += 1
    return value


def _references_here(unjellier: Unjellier) -> tuple[Any, ...] | None:
    """What ``[remote id]`` becomes, where nothing of that is an application's own: ``__new__``, the class, and the broker;
    else None."""
    cls = reference_class(unjellier.allowed, unjellier.registry)
    return None if cls is None or unjellier.invoker is None else (object.__new__, cls, unjellier.invoker)


def reference_class(allowed: dict[bytes, int] | None, registry: Registry) -> Any:
    """The class of what ``[remote id]`` becomes, where that may be made without a call of anything that is an
    application's own; else None."""
    cls: Any = registry.classes.get(REMOTE)
    plain: Any = object
    if (
        allowed is None
        or REMOTE not in allowed
        or type(cls) is not type
        or (cls.__new__, cls.__getattribute__) != (plain.__new__, plain.__getattribute__)
        or getattr(cls, "__init__", None) is not STOCK["reference_init"]
        or getattr(cls, "unjellyFor", None) is not STOCK["reference_unjelly"]
        or hasattr(cls, "postUnjelly")
    ):
        return None
    return cls


def _read_spelled_out(reader: Callable[..., Any], unjellier: Unjellier, sexp: list[Any], *rest: Any) -> Any:
    """What *reader* makes of *sexp*, a list of a `Packed`, when it is shown an expression."""
    unjellier.packed = False
    try:
        return reader(unjellier, spelled_out(sexp), *rest)
    finally:
        unjellier.packed = True


def read_registered(unjellier: Unjellier, sexp: list[Any], number: int | None) -> Any:
    cls = unjellier.registry.classes.get(sexp[0])
    if cls is None:
        state = unjellier.unjelly(item_of(sexp, 1))
        if unjellier.waits() and not _whole(unjellier, state, number):
            raise InsecureJelly(f"the state of a {shortened(sexp[0])} holds values that are still to come")
        value = unjellier.registry.factories[sexp[0]](state)
    else:
        blank = create_blank(cls)
        hook = getattr(blank, "unjellyFor", cls)
        function = getattr(hook, "__func__", None)
        if number is not None and function in RETURNS_ITSELF:
            unjellier.announce(number, blank)
        if (
            not unjellier.packed
            or function in READS_PACKED
            or function in TAKES_ID
            and len(sexp) > 1
            and type(sexp[1]) is int
        ):
            value = hook(unjellier, sexp)
        else:
            value = _read_spelled_out(hook, unjellier, sexp)
    unjellier.finish(value)
    if number is not None and unjellier.references.get(reference_key(number), _MISSING) is not value:
        unjellier.announce(number, value)
    return value


def _whole(unjellier: Unjellier, state: Any, number: int | None) -> bool:
    """Whether *state* holds no value that is still to come, but for what is to be made of it (which gets it later);
    false, too, where there is too much to look through."""
    own = None if number is None else unjellier.references.get(reference_key(number))
    if len(unjellier.unsettled) < 100 and all(each.known or each is own for each in unjellier.unsettled):
        return True
    todo = [state]
    for _ in range(1000):
        if not todo:
            return True
        value = todo.pop()
        if isinstance(value, Pending):
            if not value.known and value is not own:
                return False
        elif type(value) in (list, tuple, set, frozenset):
            todo += value
        elif type(value) is dict:
            todo += value.values()
    return False


def read_instance(unjellier: Unjellier, sexp: list[Any], number: int | None) -> Any:
    """``[module.Class state]``: an instance of a class that the taster allows."""
    name = _text(sexp[0])
    module = name.rpartition(".")[0]
    if not unjellier.taster.isModuleAllowed(module):
        raise InsecureJelly(f"Module {module} not allowed (in type {name}).")
    cls = _named(name, unjellier.taster)
    if not unjellier.taster.isClassAllowed(cls):
        raise InsecureJelly(f"Class {name} not allowed.")
    return _instance_of(unjellier, cls, item_of(sexp, 1), number)


def _instance_of(unjellier: Unjellier, cls: Any, state: Sexp, number: int | None) -> Any:
    instance = create_blank(cls)
    if instance is None:
        raise InsecureJelly(f"not a class: {shortened(cls)}")
    unjellier.announce(number, instance)
    value = unjellier.unjelly(state)
    unjellier.when_whole(lambda: set_state(instance, known(value)))
    return unjellier.finish(instance)


def _text(name: object) -> str:
    """A dotted name that a peer sent; InsecureJelly if it is none."""
    if isinstance(name, str):
        return name
    if not isinstance(name, bytes):
        raise InsecureJelly(f"not a name: {shortened(name)}")
    try:
        return name.decode("ascii")
    except UnicodeDecodeError:
        raise InsecureJelly(f"not a name: {shortened(name)}") from None


def _named(name: str, taster: Any) -> Any:
    """The class of that dotted name, whose module was allowed.

    Our own exceptions go by names of twisted.spread's, whose module may be another's: they come first, where they are
    allowed.
    """
    pinned = PINNED.get(name)
    if pinned is not None and taster.isClassAllowed(pinned):
        return pinned
    try:
        return namedObject(name)
    except Exception as error:
        raise InsecureJelly(f"there is no {name}: {error}") from error


def read_none(unjellier: Unjellier, sexp: list[Any], number: int | None) -> Any:
    return None


def read_boolean(unjellier: Unjellier, sexp: list[Any], number: int | None) -> Any:
    word = item_of(sexp, 1)
    if word not in (b"true", b"false"):
        raise InsecureJelly(f"neither true nor false: {shortened(word)}")
    return word == b"true"


def _text_of(sexp: list[Any]) -> Any:
    try:
        return sexp[1].decode()
    except (IndexError, AttributeError, UnicodeDecodeError):
        raise InsecureJelly(f"not a text in UTF-8: {shortened(spelled_out(sexp[1:]))}") from None


def read_unicode(unjellier: Unjellier, sexp: list[Any], number: int | None) -> Any:
    return _text_of(sexp)


def read_decimal(unjellier: Unjellier, sexp: list[Any], number: int | None) -> Any:
    digits, exponent = item_of(sexp, 1), item_of(sexp, 2)
    if type(digits) is float:
        # A negative zero: see the top of this module.
        if digits != 0:
            raise InsecureJelly(f"not a decimal: {shortened(sexp)}")
        sign, digits = 1, 0
    elif type(digits) is int:
        sign = 1 if digits < 0 else 0
    else:
        raise InsecureJelly(f"not a decimal: {shortened(sexp)}")
    if type(exponent) is not int:
        raise InsecureJelly(f"not a decimal: {shortened(sexp)}")
    try:
        value = decimal.Decimal((sign, decimal.Decimal(digits).as_tuple().digits, exponent))
    except (ValueError, ArithmeticError):
        raise InsecureJelly(f"not a decimal: {shortened(sexp)}") from None
    return value


def _read_numbers(sexp: list[Any], least: int, most: int, what: str) -> tuple[list[int], bool]:
    """The numbers that the text of a date or time has, and whether the last is written with a plus sign."""
    text = item_of(sexp, 1)
    if isinstance(text, (bytes, str)) and len(text) <= 200:
        parts = text.split()
        if least <= len(parts) <= most:
            try:
                return [int(part) for part in parts], bool(parts) and parts[-1][:1] in (b"+", "+")
            except ValueError:
                pass
    raise InsecureJelly(f"not a {what}: {shortened(text)}")


def _dated(make: Callable[..., Any], least: int, most: int) -> Reader:
    """A reader for numbers in a text, which *make* takes."""
    what = make.__name__
    folds = make in (datetime.datetime, datetime.time)

    def reader(unjellier: Unjellier, sexp: list[Any], number: int | None) -> Any:
        numbers, plus = _read_numbers(sexp, least, most, what)
        try:
            value = make(*numbers, fold=1) if folds and plus and len(numbers) == most else make(*numbers)
        except (ValueError, OverflowError) as error:
            raise InsecureJelly(f"not a {what}: {error}") from error
        return value

    return reader


def read_dereference(unjellier: Unjellier, sexp: list[Any], number: int | None) -> Any:
    wanted = item_of(sexp, 1)
    if type(wanted) is not int:
        raise InsecureJelly(f"not the id of a value: {shortened(wanted)}")
    key = reference_key(wanted)
    value = unjellier.references.get(key, _MISSING)
    if value is _MISSING:
        value = unjellier.references[key] = unjellier.new_pending()
    if isinstance(value, Pending) and value.known:
        value = value.value
    unjellier.scale.again(value)
    return value


def read_reference(unjellier: Unjellier, sexp: list[Any], number: int | None) -> Any:
    own, content = item_of(sexp, 1), item_of(sexp, 2)
    if type(own) is not int:
        raise InsecureJelly(f"not the id of a value: {shortened(own)}")
    key = reference_key(own)
    if not isinstance(unjellier.references.get(key, unjellier), (Pending, Unjellier)):
        raise InsecureJelly(f"two values have the id {shortened(own)}")
    if type(content) is list:
        value = read(unjellier, content, own)
    else:
        value = content
    if unjellier.references.get(key, _MISSING) is not value:
        unjellier.announce(own, value)
    unjellier.announce(number, value)
    return value


def _waiting(items: list[Any]) -> list[int]:
    """The places of *items* whose values are not there yet."""
    return [place for place, item in enumerate(items) if isinstance(item, Pending)]


def finish_list(unjellier: Unjellier, value: list[Any], items: list[Any], number: int | None) -> Any:
    value += items
    for place in _waiting(items) if unjellier.pending else ():
        items[place].when_known(partial(value.__setitem__, place))
    return value


def finish_set(unjellier: Unjellier, value: set[Any], items: list[Any], number: int | None) -> Any:
    waiting = _waiting(items) if unjellier.pending else ()
    late = _Late(value)
    for place in waiting:
        items[place].when_known(lambda known: _hashed(unjellier, value.update, (known,), True, late))
    there = [item for item in items if not isinstance(item, Pending)] if waiting else items
    _hashed(unjellier, value.update, there, True)
    return value


def _finish_whole(
    unjellier: Unjellier, items: list[Any], number: int | None, make: Callable[[list[Any]], Any]
) -> Any:
    """A container that can be made only when all that it holds is there."""
    waiting = _waiting(items) if unjellier.pending else ()
    if not waiting:
        value = make(items)
        unjellier.announce(number, value)
        return value
    whole = unjellier.new_pending()
    missing = len(waiting)

    def put(place: int, known: Any) -> None:
        nonlocal missing
        items[place] = known
        missing -= 1
        if not missing:
            whole.resolve(make(items))

    # Announced first: what it waits for may be itself, through something that can be made before it is whole.
    unjellier.announce(number, whole)
    for place in waiting:
        items[place].when_known(partial(put, place))
    return whole.value if whole.known else whole


def finish_tuple(unjellier: Unjellier, value: None, items: list[Any], number: int | None) -> Any:
    return _finish_whole(unjellier, items, number, tuple)


def finish_frozenset(unjellier: Unjellier, value: None, items: list[Any], number: int | None) -> Any:
    return _finish_whole(unjellier, items, number, lambda members: _hashed(unjellier, frozenset, members, True))


#: From so many members on, a set's or dictionary's hashes are looked at before it is made.
_MANY = 256
#: So many of them may be the same.  Numbers share hashes modulo 2**61 - 1, and a peer can choose numbers.
_SAME = 64
#: Keys whose hashes nobody can foresee.
_UNFORESEEN = frozenset((str, bytes, bool, type(None)))


class _Late:
    """The hashes of what is put into *container* one by one."""

    def __init__(self, container: Any) -> None:
        self._container = container
        self._places: Places | None = None

    def put(self, value: Any) -> None:
        """*value* is about to be put in: InsecureJelly if that costs too much."""
        number = hash(value)
        if self._places is not None:
            self._places.add((number,))
        elif len(self._container) >= _MANY:
            self._places = Places(type(self._container) is not dict)
            self._places.add([*map(hash, self._container), number])


def _hashed(unjellier: Unjellier, make: Callable[[Any], Any], values: Any, sets: bool, late: _Late | None = None) -> Any:
    """``make(values)``, which hashes them; InsecureJelly where they have no hash, or one hash too often, or such hashes as
    cost too much.

    *sets*: whether they are members of a set, not keys.
    *late*: the hashes of what was put, one by one, into the same container.
    """
    try:
        unjellier.expect_keys(values)
        if late is not None:
            for value in values:
                late.put(value)
        elif len(values) > _MANY:
            hashes = list(map(hash, values))
            # Not with a dictionary, which would have what it is to find out.
            alike = sorted(hashes)
            if any(map(operator.eq, alike, alike[_SAME:])):
                raise InsecureJelly(COLLIDE)
            if not _UNFORESEEN.issuperset(map(type, values)):
                Places(sets).add(hashes)
        return make(values)
    except TypeError as error:
        raise InsecureJelly(f"not a member of a set, nor a key: {error}") from error


def finish_dictionary(unjellier: Unjellier, value: dict[Any, Any], keys: list[Any], items: list[Any]) -> None:
    if not unjellier.pending:
        _put(unjellier, value, keys, items)
        return
    waiting = set(_waiting(keys)).union(_waiting(items))
    if waiting:
        pairs = list(zip(keys, items, strict=True))
        there = [place for place in range(len(pairs)) if place not in waiting]
        keys, items = [keys[place] for place in there], [items[place] for place in there]
    _put(unjellier, value, keys, items)
    late = _Late(value)
    for place in sorted(waiting):
        _put_late(unjellier, value, *pairs[place], late)


def _put(unjellier: Unjellier, value: dict[Any, Any], keys: list[Any], items: list[Any]) -> None:
    # They are of one length.
    _hashed(unjellier, lambda hashable: value.update(zip(hashable, items)), keys, False)  # noqa: B905


def _put_late(unjellier: Unjellier, result: dict[Any, Any], key: Any, value: Any, late: _Late) -> None:
    """Put a pair into a dictionary of which the key, the value or both are not there yet."""

    def put(known: Any) -> None:
        _hashed(unjellier, lambda keys: result.__setitem__(keys[0], value), (known,), False, late)
        if isinstance(value, Pending):
            value.when_known(partial(result.__setitem__, known))

    if isinstance(key, Pending):
        key.when_known(put)
    else:
        put(key)


_CONTAINERS: dict[bytes, tuple[Callable[[], Any], Callable[..., Any]]] = {
    b"list": (list, finish_list),
    b"set": (set, finish_set),
    b"tuple": (lambda: None, finish_tuple),
    b"frozenset": (lambda: None, finish_frozenset),
}


def read_module(unjellier: Unjellier, sexp: list[Any], number: int | None) -> Any:
    name = _text(item_of(sexp, 1))
    if not unjellier.taster.isModuleAllowed(name):
        raise InsecureJelly(f"module {name!r} not allowed")
    try:
        return __import__(name, {}, {}, "x")
    except ImportError as error:
        raise InsecureJelly(f"there is no module {name}: {error}") from error


def read_class(unjellier: Unjellier, sexp: list[Any], number: int | None) -> Any:
    name = _text(item_of(sexp, 1))
    module = name.rpartition(".")[0]
    if not unjellier.taster.isModuleAllowed(module):
        raise InsecureJelly(f"module {module} not allowed")
    cls = _named(name, unjellier.taster)
    if type(cls) is not type:
        raise InsecureJelly(f"{name} is no class: {shortened(cls)}")
    if not unjellier.taster.isClassAllowed(cls):
        raise InsecureJelly(f"class not allowed: {name}")
    return cls


def read_function(unjellier: Unjellier, sexp: list[Any], number: int | None) -> Any:
    name = _text(item_of(sexp, 1))
    module = name.rpartition(".")[0]
    if not unjellier.taster.isModuleAllowed(module):
        raise InsecureJelly(f"Module not allowed: {module}")
    try:
        value = namedAny(name)
    except Exception as error:
        raise InsecureJelly(f"there is no {name}: {error}") from error
    # A module's names lead to all that it has imported.
    if not isinstance(value, (types.FunctionType, types.BuiltinFunctionType)) or not unjellier.taster.isModuleAllowed(
        value.__module__
    ):
        raise InsecureJelly(f"{name} is no function of an allowed module")
    return value


def read_method(unjellier: Unjellier, sexp: list[Any], number: int | None) -> Any:
    name = _text(item_of(sexp, 1))
    owner = unjellier.unjelly(item_of(sexp, 2))
    cls = unjellier.unjelly(item_of(sexp, 3))
    if not isinstance(cls, type):
        raise InsecureJelly("a method of something that is no class")
    function = next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)
    if not isinstance(function, types.FunctionType):
        raise MethodChanged(f"{qual(cls)} has no method {name}")
    if isinstance(owner, Pending):
        pending = unjellier.new_pending()
        owner.when_known(lambda known: pending.resolve(_bound(function, known, cls)))
        unjellier.announce(number, pending)
        return pending
    value = function if owner is None else _bound(function, owner, cls)
    unjellier.announce(number, value)
    return value


def _bound(function: types.FunctionType, owner: Any, cls: type) -> types.MethodType:
    if not isinstance(owner, cls):
        raise InsecureJelly(f"a method of {qual(cls)} for an object of another class")
    return types.MethodType(function, owner)


def read_persistent(unjellier: Unjellier, sexp: list[Any], number: int | None) -> Any:
    if unjellier.persistentLoad:
        value = unjellier.persistentLoad(item_of(sexp, 1), unjellier)
    else:
        value = Unpersistable("Persistent callback not found")
    return value


#: Characters of a reason that are kept.
_LONGEST_REASON = 1000


def read_unpersistable(unjellier: Unjellier, sexp: list[Any], number: int | None) -> Any:
    # An honest peer says so in the place of a value of an unregistered type; its words are a bytes.
    value = Unpersistable(f"Unpersistable data: {shortened(item_of(sexp, 1), _LONGEST_REASON)}")
    return value


# What `warnings` has shown of this.
_SHOWN: dict[Any, Any] = {}


def read_deprecated_instance(unjellier: Unjellier, sexp: list[Any], number: int | None) -> Any:
    """``[instance class state]``, as peers before Twisted 15 sent instances."""
    warnings.warn_explicit(
        # twisted.spread's words: programs, and its own suite, filter this warning by them.
        "Unjelly support for the instance atom is deprecated since "
        "Twisted 15.0.0.  Upgrade peer for modern instance support.",
        category=DeprecationWarning,
        filename="",
        lineno=0,
        # A peer can say it as often as it likes: it is shown as often as the filters say, and not each time.
        registry=_SHOWN,
    )
    return _instance_of(unjellier, unjellier.unjelly(item_of(sexp, 1)), item_of(sexp, 2), number)


Reader = Callable[[Unjellier, list[Any], "int | None"], Any]

#: How to read a list with that head, where nothing is registered for it and it is no container.
READERS: dict[bytes, Reader] = {
    b"None": read_none,
    b"boolean": read_boolean,
    b"unicode": read_unicode,
    b"decimal": read_decimal,
    b"datetime": _dated(datetime.datetime, 3, 7),
    b"date": _dated(datetime.date, 3, 3),
    b"time": _dated(datetime.time, 0, 4),
    b"timedelta": _dated(datetime.timedelta, 3, 3),
    b"reference": read_reference,
    b"dereference": read_dereference,
    b"module": read_module,
    b"class": read_class,
    b"function": read_function,
    b"method": read_method,
    b"persistent": read_persistent,
    b"unpersistable": read_unpersistable,
    b"instance": read_deprecated_instance,
}


_EMPTY: dict[Any, Callable[[], Any]] = {b"dictionary": dict, b"tuple": tuple}


def unjelly(
    sexp: Sexp,
    taster: Taster,
    persistentLoad: Any = None,
    invoker: Any = None,
    registry: Registry = DEFAULT_REGISTRY,
    depth: int = DEFAULT_LIMITS.depth,
) -> Any:
    """The object that *sexp* stands for: an `Unjellier`'s work, with Python's own limit of recursion told as ours."""
    if type(sexp) is not list:
        return sexp
    if len(sexp) == 1 and type(sexp[0]) is bytes and sexp[0] in _EMPTY and taster.isTypeAllowed(sexp[0]):
        # Most calls have no keywords, and many no arguments.
        tag = sexp[0]
        if tag not in registry.classes and tag not in registry.factories:
            return _EMPTY[tag]()
    elif sexp and sexp[0] == b"tuple" and len(sexp) <= _FEW and depth > 1:
        # The arguments of most calls, which hold nothing that holds anything.
        arguments = _leaves_of(sexp, taster, registry)
        if arguments is not None:
            return arguments
    return _whole_of(Unjellier(taster, persistentLoad, invoker, registry, depth), sexp)


def unpack(
    sexp: Sexp,
    taster: Taster,
    invoker: Any = None,
    registry: Registry = DEFAULT_REGISTRY,
    depth: int = DEFAULT_LIMITS.depth,
) -> Any:
    """What `unjelly` makes of *sexp*, which may be `Packed`."""
    if type(sexp) is not Packed:
        return unjelly(sexp, taster, None, invoker, registry, depth)
    if len(sexp) == 1 and type(sexp[0]) is bytes:
        return unjelly(sexp.copy(), taster, None, invoker, registry, depth)
    allowed = allowed_names(taster)
    classes, factories = registry.classes, registry.factories
    if (
        allowed is None
        or UNICODE not in allowed
        or b"None" not in allowed
        or b"boolean" not in allowed
        or UNICODE in classes
        or b"None" in classes
        or b"boolean" in classes
        or DICTIONARY in classes
        or b"tuple" in classes
        or factories
        and not factories.keys().isdisjoint((UNICODE, b"None", b"boolean", DICTIONARY, b"tuple"))
    ):
        # Values that have a short spelling are not allowed, or not what they usually are.
        return unjelly(sexp.expression(), taster, None, invoker, registry, depth)
    if depth > 1 and list not in map(type, sexp):
        # What most calls have for arguments and for a result: nothing in it holds anything.
        tag = sexp[0] if sexp else None
        if tag == b"tuple":
            if tag in allowed:
                return tuple(sexp[1:])
        elif tag == UNICODE:
            return _text_of(sexp)
        elif tag is FLAT and DICTIONARY in allowed and len(sexp) <= _MANY:
            return dict(zip(sexp[1::2], sexp[2::2]))  # noqa: B905 - there are as many of both
    unjellier = Unjellier(taster, None, invoker, registry, depth)
    unjellier.packed = True
    return _whole_of(unjellier, sexp)


def _leaves_of(sexp: list[Any], taster: Taster, registry: Registry) -> tuple[Any, ...] | None:
    """What a tuple's expression stands for, if there are but texts, bytes and numbers in it, and they mean the usual."""
    allowed = allowed_names(taster)
    if allowed is None or b"tuple" not in allowed or UNICODE not in allowed:
        return None
    for table in (registry.classes, registry.factories):
        if UNICODE in table or b"tuple" in table:
            return None
    items = []
    for item in sexp:
        if type(item) is list:
            if len(item) != 2 or item[0] != UNICODE:
                return None
            item = _text_of(item)
        items.append(item)
    return tuple(items[1:])


def _whole_of(unjellier: Unjellier, sexp: list[Any]) -> Any:
    try:
        value = read(unjellier, sexp, None)
        if unjellier.references or unjellier.pending or unjellier.postCallbacks:
            return unjellier.finished(value)
        return value
    except RecursionError as error:
        raise InsecureJelly(f"values nested too deep: {error}") from error
