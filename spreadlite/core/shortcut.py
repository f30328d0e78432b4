"""Messages of plain values: what a broker does with most of what it hears, and most of what it says.

`spreadlite.pb` is the specification: `Broker._work` with what that calls, and `Broker._sendMessage`.  What is here takes
the message of a call, an answer or a decref from a decoder's bytes, if it is there as a whole and nothing about it is out
of the ordinary, and does what those methods do, with none of their frames.  Everything else is left to them, before
anything was done.  They call this only where every method on the way is theirs (`spreadlite._seams.Stock`).

The compiled codec does the same in its own `serve` and `ask`, and takes more messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import CoroutineType
from typing import Any

from . import plain, wire
from .errors import NoSuchMethod
from .graph import STOCK
from .passing import keep, referrer
from .policy import allowed_names, allows_dotted_names
from .registry import DEFAULT_REGISTRY
from .vocabulary import DICTIONARY, INT, LIST, PB_DIALECT, VOCAB, WORDS
from .wire import number_of, numbers_of


def _beginning(word: bytes, items: int) -> bytes:
    """The bytes of a message up to its second item."""
    return bytes((items, LIST, WORDS[word], VOCAB))


MESSAGE = _beginning(b"message", 7)
_CACHE_MESSAGE = _beginning(b"cachemessage", 7)
ANSWER = _beginning(b"answer", 3)
#: What is sent where a call has no keywords.
NO_KEYWORDS = bytes((1, LIST, WORDS[DICTIONARY], VOCAB))
_DECREF = _beginning(b"decref", 2)
_WORD_AT = 2
_INT = bytes((INT,))
# A call of ours up to the first digit of its id, by that; it goes on with `wire.ID_ENDS`.
_MESSAGES = tuple(MESSAGE + bytes((digit,)) for digit in range(0x80))
#: A decref up to the first digit of its id, by that; it goes on with `wire.ID_ENDS`.
DECREFS = tuple(_DECREF + bytes((digit,)) for digit in range(0x80))
_CACHE_WORD = bytes((WORDS[b"cachemessage"],))

_ID = wire.NUMBER
# A call up to its arguments: the word that says what kind it is; its id; and what says who is called, up to the tag of the
# arguments, which are a tuple.
_ARGUMENTS = re.escape(bytes((WORDS[b"tuple"], VOCAB)))
is_call = re.compile(
    rb"%b([%b])%b%b([^\x80]{1,140}\x80%b)"
    % (
        re.escape(MESSAGE[:_WORD_AT]),
        re.escape(MESSAGE[_WORD_AT : _WORD_AT + 1] + _CACHE_WORD),
        re.escape(MESSAGE[_WORD_AT + 1 :]),
        _ID,
        _ARGUMENTS,
    )
).match
# Who is called: the id of the object, or the size and the letters of its name; the size and the letters of the method's
# name; whether an answer is wanted; and the number of items in the list of the arguments.
_NAME = rb"([\x01-\x40])\x82([A-Za-z0-9_]{1,64})"
_is_called = re.compile(
    rb"(?:%b|%b)%b([\x00\x01])\x81([\x01-\x40])\x80%b" % (_ID, _NAME, _NAME, _ARGUMENTS)
).fullmatch

# Decrefs that follow one another, and the ids in them.  No more than some, so that others have their turn in between.
_are_decrefs = re.compile(rb"(?:%b%b){1,64}" % (re.escape(_DECREF), _ID)).match
_ids_of_decrefs = re.compile(re.escape(_DECREF) + _ID).findall

_MOST_NAMES = 2_000
_LONGEST_NAME = 64


class _Callees(dict[tuple[int | bytes, bytes], bytes]):
    """What stands in a call from the id or name of an object to the arguments, by that and the name of the method."""

    def __missing__(self, called: tuple[int | bytes, bytes]) -> bytes:
        callee = b"".join(wire.encode(each, WORDS) for each in (*called, 1))
        if len(callee) <= _LONGEST_NAME:
            if len(self) >= _MOST_NAMES:
                self.clear()
            self[called] = callee
        return callee


#: Programs call the same all the time.
CALLEES = _Callees()


class _Called(dict[bytes, "tuple[int | bytes, bytes, int, int]"]):
    """What stands in a call from the id or name of an object to the tag of the arguments, taken apart: that id or name;
    the name of the method; whether an answer is wanted; and how many arguments there are.

    Raises:
        KeyError: something about it is out of the ordinary.
    """

    def __missing__(self, called: bytes) -> tuple[int | bytes, bytes, int, int]:
        match = _is_called(called)
        if match is None:
            raise KeyError(called)
        luid, root_size, root, size, name, wanted, items = match.groups()
        if len(name) != size[0] or luid is None and len(root) != root_size[0]:
            raise KeyError(called)
        parts = root if luid is None else number_of(luid), name, wanted[0], items[0] - 1
        if len(self) >= _MOST_NAMES:
            self.clear()
        self[called] = parts
        return parts


#: Programs call the same all the time.
CALLED = _Called()


class _Attributes(dict[bytes, str]):
    """The attributes that are methods, by the names under which the peer calls these.

    Args:
        of: the word with which they begin, which says who gets the calls: "remote", "observe" or "perspective".
    """

    def __init__(self, of: str) -> None:
        self.of = of

    def __missing__(self, name: bytes) -> str:
        if len(self) >= _MOST_NAMES:
            self.clear()
        self[name] = attribute = f"{self.of}_{name.decode()}"
        return attribute


# By the functions that receive the calls of the peer, and are stood in for in _take_call: the attributes that are the
# methods, by their names.  Programs call the same all the time.
_RECEIVERS: dict[Any, _Attributes] = {}

#: What takes one kind of message.  It is given a broker, its decoder and its output; the limits and the security of which
#: it was seen that nothing plain breaks them; and where ``SIZE_LIMIT`` is found, of which that was seen too.  It says
#: whether it has taken the message, and done with it what is to be done.
Taker = Callable[[Any, Any, Any, Any, Any, dict[str, Any]], bool]


# The types of most results, which are no Deferreds.  (To ask that of a value takes long: it might be registered as one.)
_NEVER_LATER = frozenset((str, bytes, int, float, bool, type(None), dict, list, tuple, set, frozenset))

# Methods of pb that are stood in for here.  They are not there when this is imported, and so are looked up at first use.
_methods: tuple[Any, ...] = ()
_get_attribute: Any = object.__getattribute__


def _learn() -> tuple[Any, ...]:
    """Look up what is stood in for."""
    global _methods
    for of in ("remote", "observe", "perspective"):
        _RECEIVERS[STOCK[f"{of}_receive"]] = _Attributes(of)
    _methods = tuple(map(STOCK.get, ("receive_message", "local_object", "cached_locally", "answered", "decref")))
    return _methods


# What `_are_wide` was told last, and found to be so.
_wide: tuple[Any, ...] = ()


def _are_wide(limits: Any, size_limit: int, prefix_limit: int, own_limit: int | None) -> bool:
    """Whether nothing that is plain is too much of anything, but perhaps for the memory that a message takes.

    Args:
        limits: the broker's.
        size_limit: bytes of a string, and items of a list, at the most.
        prefix_limit: bytes of a prefix at the most, where the broker has no *own_limit*.
    """
    global _wide
    if (
        size_limit >= plain.LONGEST
        and (prefix_limit if own_limit is None else own_limit) >= plain.LONGEST_PREFIX
        and limits.depth > plain.DEEPEST + 1
        and limits.expression_depth > plain.DEEPEST_EXPRESSION
    ):
        _wide = limits, size_limit, prefix_limit, own_limit
        return True
    return False


def _usual(broker: Any, limits: Any, security: Any, sizes: dict[str, Any]) -> tuple[Any, ...] | None:
    """What allows the peer what is plain, and says what that stands for: the names that are allowed, the classes and the
    factories of the registry, and how many there are of each; None where anything in it, or in the words, the limits or
    the taster, is out of the ordinary."""
    classes, factories = DEFAULT_REGISTRY.classes, DEFAULT_REGISTRY.factories
    allowed = allowed_names(security)
    bounds = limits, sizes["SIZE_LIMIT"], sizes["_PREFIX_LIMIT"], broker.prefixLimit
    if (
        broker.incomingVocabulary == plain.BY_NUMBER
        and len(WORDS) == plain.USUAL_WORDS
        and (bounds == _wide or _are_wide(*bounds))
        and plain.are_usual(allowed, classes, factories)
    ):
        return allowed, classes, factories, len(allowed), len(classes), len(factories)  # type: ignore[arg-type]
    return None


def written(
    broker: Any, chunks: list[bytes], values: tuple[Any, ...], most: int, keywords: dict[str, Any] | None = None
) -> tuple[bytes | list[bytes] | None, Any]:
    """*chunks* and the bytes of *values* and *keywords*, in parts where some are large, and the `passing.Giver` of the
    references among them; None if not all of the values are plain, or references.

    Args:
        broker: the connection.
        chunks, values: what to write; the first is used up.
        keywords: what to write after that, without regard to what has been met before; None if there is no such thing.
        most: bytes of a byte string, and items of a list, at the most.
    """
    notes: list[Any] = [broker, False]
    good = False
    bare = keywords is not None and not keywords
    try:
        good = plain.write(values, chunks, notes, most) and (
            bare or keywords is None or plain.write((keywords,), chunks, notes, most)
        )
    except Exception:
        # A text has no bytes, or an object of the application's raised as it was looked at.  Whoever writes it otherwise
        # says so.
        pass
    finally:
        # Where there was no reference, it still is who might give some.
        giver = notes[0]
        if giver is broker:
            giver = None
        elif not good:
            giver.take_back()
    if not good:
        return None, None
    if bare:
        chunks.append(NO_KEYWORDS)
    return wire.parts_of(chunks) if notes[1] else b"".join(chunks), giver


def _take_call(broker: Any, decoder: Any, output: Any, limits: Any, security: Any, sizes: dict[str, Any]) -> bool:
    """``[message id object name answer? args kw]``, ``[cachemessage ...]``: `Broker._recvMessage`, and what the object
    that is called does by its ``remoteMessageReceived``."""
    data = decoder.data
    start = decoder.position
    match = is_call(data, start)
    if match is None:
        return False
    word, digits, called = match.groups()
    cls = type(broker)
    own = broker.__dict__
    size_limit, own_limit = sizes["SIZE_LIMIT"], broker.prefixLimit
    receive_message, local_object, cached_locally, _, _ = _methods or _learn()
    if (
        cls._recvMessage is not receive_message
        or "_recvMessage" in own
        or broker._answering >= limits.outstanding_calls
    ):
        return False
    try:
        luid, name, wanted, count = CALLED[called]
        if word == _CACHE_WORD:
            if (
                type(luid) is not int
                or cls.cachedLocallyAs is not cached_locally
                or "cachedLocallyAs" in own
                or broker._halfMade
            ):
                return False
            holder = broker.locallyCachedObjects[luid]
        else:
            if cls.localObjectForID is not local_object or "localObjectForID" in own:
                return False
            holder = broker._exports.locals[luid].object
        kind = type(holder)
        # Else somebody could tell how often it is asked for these.
        if (
            kind.remoteMessageReceived not in _RECEIVERS
            or kind.__getattribute__ is not _get_attribute
            or getattr(kind, "perspective", None) is not None
        ):
            return False
        # What the object has need not be what its class shows, nor in its ``__dict__``; and for that it would take memory.
        receive = holder.remoteMessageReceived
        attributes = _RECEIVERS[receive.__func__]
        # It may stand for an avatar.
        target = receive.__self__
        of = attributes.of
        if target is not holder and of != "perspective":
            return False
        made: list[Any] | None = None
        refer = None
        try:
            arguments, stop = plain.read(data, match.end(), count)
        except plain.Refers:
            made = []
            refer = referrer(broker, security, target if of == "perspective" else None, made)
            if refer is None:
                return False
            arguments, stop = plain.read(data, match.end(), count, refer=refer)
        keywords: dict[str, Any] = {}
        if data[stop : stop + 4] == NO_KEYWORDS:
            stop += 4
        else:
            (keywords,), stop = plain.read(data, stop, 1, refer=refer)
            # Names that are bytes, as of very old peers, are left to those who make text of them.
            if type(keywords) is not dict or not plain.TEXT_ALONE.issuperset(map(type, keywords)):
                return False
    except _NOT_HERE:
        return False
    if (stop - start) * plain.COST > limits.expression_bytes:
        return False
    decoder.position = stop
    if made:
        keep(made)
    said = sexp = outcome = promise = None
    whose: tuple[Any, ...] = ()
    try:
        if of == "remote":
            method = getattr(target, attributes[name], None)
            if method is None:
                raise NoSuchMethod(f"No such method: {attributes[name]}")
        else:
            method = getattr(target, attributes[name])
        try:
            result = method(*arguments, **keywords)
        except TypeError:
            STOCK["note_arguments"](method, tuple(arguments), keywords, broker)
            raise
        if wanted:
            if type(result) is CoroutineType:
                result = STOCK["of_coroutine"](result)
            outcome = result
            if type(result) not in _NEVER_LATER and isinstance(result, STOCK["deferred"]):
                if not result.called:
                    promise = result
                elif (
                    type(result) is STOCK["deferred"]
                    and not result.paused
                    and not result._runningCallbacks
                    and not isinstance(result.result, STOCK["failure"])
                ):
                    outcome = result.result
            if (
                promise is None
                and not broker.disconnected
                and broker._symbols is None
                and broker.outgoingVocabulary is WORDS
                and broker.limits is limits
                and broker.security is security
                and broker.prefixLimit is own_limit
                and sizes["SIZE_LIMIT"] is size_limit
            ):
                said, _ = written(broker, [ANSWER, digits, _INT], (outcome,), size_limit)
                if said is not None and outcome is not result:
                    # Whoever keeps the Deferred finds it as if we had added a callback.
                    result.result = None
        elif result is None and broker.security is security:
            said = b""
        if said is None:
            if of == "remote":
                whose = (target.perspective,)
            else:
                whose = (target if of == "perspective" else None, method, tuple(arguments), keywords)
            if promise is None:
                pack = broker._pack if type(result) is bytes else broker._packRest
                sexp = pack(result, *whose)
                whose = ()
    except BaseException as error:
        broker._raised(error, number_of(digits), wanted)
    else:
        # The peer is told of references that end with these before it has its answer; of those in the result, after that.
        del arguments, keywords
        if said is None:
            del result, outcome
            if promise is None:
                broker._returned(sexp, number_of(digits), wanted)
            else:
                broker._promised(promise, number_of(digits), *whose)
        elif said and not broker.disconnected:
            if type(said) is bytes:
                output.write(broker.transport, said, True)
            else:
                output.write_parts(broker.transport, said, True)
    # Nothing is added that was not there, for which there might not be room.
    own = broker.__dict__
    if "_unsent" in own:
        broker._unsent = None
    if "_justReleased" in own:
        broker._justReleased.clear()
    return True


_NOT_HERE = (*plain.UNREADABLE, AttributeError, KeyError, TypeError)


def _take_answer(broker: Any, decoder: Any, output: Any, limits: Any, security: Any, sizes: dict[str, Any]) -> bool:
    """``[answer id x]``: `Broker._answered`."""
    data = decoder.data
    start = decoder.position
    at = start + len(ANSWER)
    waiting = broker.waitingForAnswers
    if (
        data[start:at] != ANSWER
        or type(waiting) is not STOCK["questions"]
        or type(broker)._answered is not (_methods or _learn())[3]
        or "_answered" in broker.__dict__
    ):
        return False
    made: list[Any] | None = None
    try:
        try:
            (number, value), stop = plain.read(data, at, 2)
        except plain.Refers:
            (number,), stop = plain.read(data, at, 1)
            if type(number) is not int or waiting.get(number) is None:
                # Nothing is made for which nobody has asked.
                return False
            made = []
            refer = referrer(broker, security, None, made)
            if refer is None:
                return False
            (value,), stop = plain.read(data, stop, 1, refer=refer)
    except plain.UNREADABLE:
        return False
    if (
        type(number) is not int
        or waiting.get(number) is None
        or (stop - start) * plain.COST > limits.expression_bytes
    ):
        return False
    decoder.position = stop
    if broker.disconnected:
        # A finalizer has ended the connection as this was read, which fails all that wait.
        return True
    # Before another may.
    question = waiting.pop(number)
    if made:
        keep(made)
    answers, replied = output.answers, output.replied
    try:
        question.callback(value)
    finally:
        if output.answers != answers:
            output.heard(broker, answers, replied)
        if "_justReleased" in broker.__dict__:
            broker._justReleased.clear()
    return True


def _take_decrefs(broker: Any, decoder: Any, output: Any, limits: Any, security: Any, sizes: dict[str, Any]) -> bool:
    """``[decref id]``, and those that follow it: `Broker.proto_decref`."""
    match = _are_decrefs(decoder.data, decoder.position)
    exports = broker._exports
    release = (_methods or _learn())[4]
    if (
        match is None
        or limits.expression_bytes < 8 * plain.COST
        or type(broker).proto_decref is not release
        or "proto_decref" in broker.__dict__
        or type(exports) is not STOCK["local_table"]
        or type(exports).release is not STOCK["table_release"]
    ):
        return False
    start, stop = match.span()
    ids = _ids_of_decrefs(decoder.data, start, stop)
    locals, luids, own = exports.locals, exports.ids, broker.__dict__
    taken = 0
    try:
        for luid in numbers_of(ids):
            # As LocalTable.release.
            local = locals.get(luid)
            if local is None:
                break
            taken += 1
            local.refcount = count = local.refcount - 1
            if count <= 0:
                del locals[luid]
                if luids.get(local.puid) == luid:
                    del luids[local.puid]
                if broker.waitingForAnswers:
                    broker._justReleased[luid] = local.object
                if "_localCleanup" in own:
                    broker._cleanUp(local)
                # Now, and not when there is another in its place: it may have something to do as it is collected.
                local = None
                if "_deaf" in own or "_parting" in own:
                    # This was the end of the connection, or is to be.
                    break
    finally:
        # The first too, if there is none that it could mean: that is said below.
        seen = ids[: taken or 1]
        decoder.position = start + (len(_DECREF) + 1) * len(seen) + sum(map(len, seen))
    if not taken:
        broker.proto_decref(luid)
    return True


# By the word with which the message begins.
_TAKERS: dict[int, Taker] = {
    beginning[_WORD_AT]: taker
    for beginning, taker in (
        (MESSAGE, _take_call),
        (_CACHE_MESSAGE, _take_call),
        (ANSWER, _take_answer),
        (_DECREF, _take_decrefs),
    )
}


def _taker(data: bytes, position: int) -> Taker | None:
    """What may take the message that begins there; None if nothing does."""
    return _TAKERS.get(data[position + _WORD_AT]) if position + _WORD_AT < len(data) else None


def serve(
    decoder: Any,
    broker: Any,
    over: Callable[[], bool] | None,
    output: Any,
    stop: float,
    most: int,
    sizes: dict[str, Any],
    monotonic: Callable[[], float],
) -> Any:
    """Work on messages, as `Broker._work` does, until there is one that is out of the ordinary, which is returned, or
    nothing is at hand (`NEED_DATA`), or *over* said that it was enough (False)."""
    size_limit, own_limit, words = sizes["SIZE_LIMIT"], broker.prefixLimit, broker.incomingVocabulary
    taker = _taker(decoder.data, decoder.position) if decoder.between else None
    if taker is not None:
        limits, security = broker.limits, broker.security
        # That these are usual, it is seen again after they have grown or shrunk.
        usual = _usual(broker, limits, security, sizes)
        if usual is None:
            taker = None
        else:
            allowed, classes, factories, names, tags, makers = usual
    while taker is not None and not broker._parting and taker(broker, decoder, output, limits, security, sizes):
        if broker._deaf:
            return wire.NEED_DATA
        if over is not None and (monotonic() >= stop or output.answers > most) and over():
            return False
        if (
            broker.limits is not limits
            or broker.security is not security
            or broker.prefixLimit is not own_limit
            or broker.incomingVocabulary is not words
            or sizes["SIZE_LIMIT"] is not size_limit
            or security.allowedTypes is not allowed
            or len(allowed) != names
            or len(classes) != tags
            or len(factories) != makers
        ):
            # Something in which they are looked at again.
            break
        # As _taker.
        data, at = decoder.data, decoder.position + _WORD_AT
        taker = _TAKERS.get(data[at]) if at < len(data) else None
    # They may be others by now.
    own_limit = broker.prefixLimit
    prefix_limit = sizes["_PREFIX_LIMIT"] if own_limit is None else own_limit
    return decoder.next(broker.incomingVocabulary, sizes["SIZE_LIMIT"], prefix_limit)


def read(broker: Any, chunk: bytes, stock: Any, sizes: dict[str, Any]) -> bool:
    """Do what `_flow.Inflow.received` does with *chunk*, where nothing waits before it and it begins with an ordinary
    message, which most often is all; false if not, and then nothing was done.

    Args:
        broker: the connection.
        chunk: what came.
        stock: says whether all methods on the way are the broker's own (`spreadlite._seams.Stock`).
        sizes: as for `serve`.
    """
    inflow, decoder, output = broker._inflow, broker._decoder, broker._output
    taker = _taker(chunk, 0) if type(chunk) is bytes else None
    if (
        taker is None
        or inflow._call is not None
        or broker._receiving
        or broker._parting
        or decoder.data
        or decoder._items is not None
        or decoder._partial is not None
        or broker.currentDialect != PB_DIALECT
        or not stock.on(broker)
    ):
        return False
    limits, security = broker.limits, broker.security
    if _usual(broker, limits, security, sizes) is None:
        return False
    decoder.data = chunk
    output.gather(broker.transport)
    broker._receiving = broker._stock = True
    more = False
    try:
        if not taker(broker, decoder, output, limits, security, sizes):
            decoder.data = b""
            return False
        limits = broker.limits
        due = broker._reactor is not None and output.answers > limits.unread_output
        if due or inflow._backlog or decoder.position < len(chunk):
            more = True
        else:
            # As Decoder.next.
            decoder.data = b""
            decoder.position = 0
    finally:
        broker._receiving = broker._stock = False
        if not more:
            if broker._deaf:
                output.drop()
            else:
                output.flush(broker.transport)
    if more:
        inflow.begin(broker)
        inflow.work(broker, True, due and not broker._deaf and inflow._over())
    return True


def _writes_plain(broker: Any, sizes: dict[str, Any]) -> bool:
    """Whether nothing keeps *broker* from sending what is plain, as it is."""
    bounds = broker.limits, sizes["SIZE_LIMIT"], sizes["_PREFIX_LIMIT"], broker.prefixLimit
    return (
        not broker.disconnected
        and broker.currentDialect == PB_DIALECT
        and broker._symbols is None
        and broker.outgoingVocabulary is WORDS
        and len(WORDS) == plain.USUAL_WORDS
        and (bounds == _wide or _are_wide(*bounds))
        and allows_dotted_names(broker.security)
    )


def answer(
    broker: Any, output: Any, number: int, value: Any, whose: list[Any], sizes: dict[str, Any], reply: Any
) -> bool:
    """Answer a call of the peer's, as `Broker._sendAnswer` does; false where that has to be done there, and
    nothing was done here.

    Args:
        broker, output: the connection.
        number: the call's.
        value: the result.
        whose: what it is the result of; emptied before it is said.
        sizes: as for `serve`.
        reply: what *output* is told that this is: `_flow.REPLY`.
    """
    if not _writes_plain(broker, sizes):
        return False
    said, _ = written(broker, [ANSWER, wire.encode_int(number, plain.LONGEST_PREFIX)], (value,), sizes["SIZE_LIMIT"])
    if said is None:
        return False
    whose.clear()
    # That may have run finalizers.
    if not broker.disconnected:
        if type(said) is bytes:
            output.write(broker.transport, said, reply)
        else:
            output.write_parts(broker.transport, said, reply)
    return True


def ask(
    broker: Any,
    output: Any,
    prefix: bytes,
    luid: Any,
    name: Any,
    arguments: Any,
    sizes: dict[str, Any],
    deferred: Callable[[], Any],
    keywords: dict[str, Any],
) -> Any:
    """Make a call, as `Broker._sendMessage` does, and return its Deferred; None where that has to be done there, and
    nothing was done here."""
    waiting = broker.waitingForAnswers
    if (
        prefix
        or type(arguments) is not tuple
        or len(arguments) > plain.MOST_ITEMS
        or type(waiting) is not STOCK["questions"]
        or len(waiting) >= broker.limits.outstanding_calls
        or (type(luid) is not int and type(luid) is not bytes)
        or type(name) is not bytes
        or not _writes_plain(broker, sizes)
    ):
        return None
    # Whatever is made here may run finalizers, which may call the peer: this call has its number, from before anything is
    # called.  (So has a call that is made in another thread, which is a mistake, but should not get another's answer.)
    number = broker.currentRequestID + 1
    broker.currentRequestID = number
    if 0 <= number < wire.MOST_IDS:
        head, end = _MESSAGES[number & 0x7F], wire.ID_ENDS[number >> 7]
    else:
        head, end = MESSAGE, wire.encode_int(number, plain.LONGEST_PREFIX)
    begun = [head, end, CALLEES[luid, name], plain.TUPLE_HEADS[len(arguments)]]
    said, giver = written(broker, begun, arguments, sizes["SIZE_LIMIT"], {} if keywords is None else keywords)
    if said is None:
        if broker.currentRequestID == number:
            broker.currentRequestID = number - 1
        return None
    question = deferred()
    waiting = broker.waitingForAnswers
    if waiting is None or broker.disconnected:
        broker._unasked(question)
        return question
    # Before the call is said: a transport may bring the answer at once.
    waiting[number] = question
    try:
        if type(said) is bytes:
            output.write(broker.transport, said, broker._receiving)
        else:
            output.write_parts(broker.transport, said, broker._receiving)
    except BaseException:
        if giver is not None:
            giver.take_back()
        broker._unsaid(number, question)
        raise
    return question
