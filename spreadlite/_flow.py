"""The flow of bytes through one connection: when what arrives is worked on, and when what is said is written.

In: one peer's flood is worked off in slices (`Limits.slice_seconds`), others being served in between; and a peer that does
not read its answers is not worked for (`Limits.unread_output`).  What arrives meanwhile waits, and when much waits, the
transport is asked to read no more.

Nobody is deadlocked by that.  Two sides that have asked much of one another, and do not work for one another until their
answers are read, still *read*: each up to as much as one message may take, or as it had unsent itself, whichever is more;
and more than that where nothing moves any more and calls of our own wait, whose answers may be behind what the peer
asked for.  There is an end to that too (`_TIMES`), which is the end of the connection: no Deferred waits for ever.

Out: what one reading causes is gathered, and written once and straight through where nothing is queued before it.  What is
said first after a reading goes straight through too, for it may be all, such as a change that many observers are told of.
What follows that is left to the reactor, which sends it together.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

from twisted.internet import error
from twisted.python import failure, log

from ._transports import is_plain, send_several, sends_itself, socket_type, takes_several, unsent
from .core.codec import Tally
from .core.graph import STOCK

#: Bytes that wait while a flood is worked off, beyond which no more are read.
_WAITING = 64 * 1024
#: Bytes of what is kept together with what came before it.
_CRUMB = 1024
#: Bytes that are gathered at the most.
_GATHERED = 64 * 1024
#: Bytes that Twisted's transports give to the system at once.
_SENT = 128 * 1024
#: Bytes beyond which something is large, and bytes at its ends that are copied.
_LARGE = 64 * 1024
_END = 16 * 1024
#: Bytes from which chunks are given to the system as they are, if they are not more than so many: fewer are joined sooner.
_APART, _FEW = 16 * 1024, 16
#: Seconds after which it is looked again whether a peer has read its answers: at first, and at the most.
_FIRST_WAIT, _LAST_WAIT = 0.001, 1.0
#: Seconds of such waiting, from which on it is a standstill if nothing goes out.
_STANDSTILL = 0.05
#: How often as much as one message may take is let in beyond that.
_TIMES = 4

#: For `Output.write`: this is an answer.
REPLY: Final = 2

# The connections that have more to do than their slice allowed.
_busy: set[Inflow] = set()


class Inflow:
    """What a broker received and has not worked on.

    A broker is given to each method, not kept, so that the two are no cycle.
    """

    __slots__ = (
        "_backlog", "_call", "_left", "_limits", "_output", "_paused", "_room", "_times", "_transport", "_wait",
        "_waiting", "lost", "stop",
    )  # fmt: skip

    def __init__(self) -> None:
        # Made when there is something to keep, for most connections never have.
        self._backlog: deque[bytes] | None = None
        self._waiting = 0
        # The DelayedCall that goes on, and what it waits for: seconds between looks at a peer that does not read, or 0.
        self._call: Any = None
        self._wait = 0.0
        # While it waits for a peer that does not read: bytes that may be kept meanwhile.
        self._room = 0
        # How much of what was said the system had not taken at the last look; and how often more was let in since little
        # waited.
        self._left = 0
        self._times = 0
        self._paused = False
        # Why the connection went, if there was still something to work off.
        self.lost: Any = None
        # When the slice is over.
        self.stop = 0.0
        self._transport: Any = None
        self._output: Any = None
        self._limits: Any = None

    def received(self, broker: Any, chunk: bytes) -> None:
        """Bytes came: work on them, or keep them until it is their turn."""
        if broker._receiving or self._call is not None:
            if self._backlog is None:
                self._backlog = deque()
            if self._backlog and len(chunk) <= _CRUMB and len(self._backlog[-1]) <= 4 * _CRUMB:
                # As objects of their own, crumbs would take many times what is in them.
                self._backlog[-1] += chunk
            else:
                self._backlog.append(bytes(chunk))
            self._waiting += len(chunk)
            if self._call is not None:
                if self._wait and not broker._output.clogged(broker.transport, broker.limits.unread_output // 2):
                    # It has read its answers, and need not wait until that is looked at again.
                    self._call.reset(0)
                self._pause_if_full(broker)
            return
        broker._decoder.feed(chunk)
        self.work(broker)

    def begin(self, broker: Any) -> None:
        """A slice begins, if there are others who may want their turn."""
        if broker._reactor is not None:
            self._transport, self._output, self._limits = broker.transport, broker._output, broker.limits
            others = len(_busy) - (self in _busy) if _busy else 0
            self.stop = time.monotonic() + self._limits.slice_seconds / (1 + others)

    def work(self, broker: Any, begun: bool = False, enough: bool = False) -> None:
        """Work on what is at hand, until it is done or the slice is over.

        Args:
            broker: the broker.
            begun: whether `codec.read` has begun, which leaves here what is out of the ordinary.
            enough: whether it has found that the slice is over.
        """
        output = broker._output
        reactor = broker._reactor
        over = None if reactor is None else self._over
        if not begun:
            self.begin(broker)
            output.gather(broker.transport)
        try:
            while not enough and broker._work(over):
                if not self._backlog or broker._deaf:
                    self._wait = 0.0
                    break
                chunk = self._backlog.popleft()
                self._waiting -= len(chunk)
                broker._decoder.feed(chunk)
            else:
                # Where the peer is to read first, also when nothing is at hand: it may send its calls one by one.
                if self._wait or self._backlog or broker._decoder.unfinished:
                    if self._wait:
                        _busy.discard(self)
                    else:
                        _busy.add(self)
                    self._call = reactor.callLater(self._wait, self._go_on, broker)
                    self._pause_if_full(broker)
                    return
                self._wait = 0.0
        finally:
            if broker._deaf:
                output.drop()
            else:
                output.flush(broker.transport)
        if _busy:
            _busy.discard(self)
        if self.lost is not None or self._paused:
            self._done(broker)

    def _over(self) -> bool:
        """Whether others are to have their turn, or the peer is to read first."""
        if self.lost is None and self._output.clogged(self._transport, self._limits.unread_output):
            self._wait = _FIRST_WAIT
            return True
        return time.monotonic() >= self.stop

    def _go_on(self, broker: Any) -> None:
        self._call = None
        if self._wait and self.lost is None:
            if broker._output.clogged(broker.transport, broker.limits.unread_output // 2):
                self._wait = min(self._wait * 2, _LAST_WAIT)
                left = unsent(broker.transport)
                if left != self._left:
                    self._left = left
                elif self._paused and self._wait > _STANDSTILL and broker.waitingForAnswers:
                    # Neither side reads, and each may be waiting for what the other was asked for.
                    if self._times == _TIMES:
                        broker._refuse("it does not read its answers, and asks for more")
                        return
                    self._times += 1
                    self._room += broker.limits.expression_bytes
                self._call = broker._reactor.callLater(self._wait, self._go_on, broker)
                self._pause_if_full(broker)
                return
        self._wait = 0.0
        try:
            broker._workOn()
        except Exception:
            # As the reactor would do, had that been raised out of dataReceived.
            log.err(None, "working on what a peer sent")
            broker._deaf = True
            lost = self.close(broker)
            if lost is None:
                broker.transport.loseConnection()
            else:
                broker._connectionGone(lost)

    def _done(self, broker: Any) -> None:
        """Nothing is left to work on, for which somebody waits."""
        if self.lost is not None:
            lost, self.lost = self.lost, None
            broker._connectionGone(lost)
        elif self._paused:
            self._paused = False
            broker.transport.resumeProducing()

    def _pause_if_full(self, broker: Any) -> None:
        if self.lost is not None:
            return
        room = _WAITING
        if self._wait:
            # What the peer has to say may be in the way of its reading.
            most = max(broker.limits.expression_bytes, broker.limits.unread_output + unsent(broker.transport))
            self._room = room = max(self._room, most)
        elif self._waiting <= _WAITING:
            # Not before what was let in then is worked off: there would be no room for the answers that the peer has to
            # send before it can go on with that.
            self._room = self._times = 0
        if self._waiting > room:
            if not self._paused:
                self._paused = True
                broker.transport.pauseProducing()
        elif self._paused and (self._wait or self._waiting <= room // 2):
            self._paused = False
            broker.transport.resumeProducing()

    def outlives(self, broker: Any, reason: failure.Failure) -> bool:
        """Whether there is still something to work on, now that the connection has gone; `Broker._connectionGone` is
        called after that.

        Only where the peer ended it in an orderly way, and so may count on having said what it said.
        """
        if self._call is None or broker._deaf or not reason.check(error.ConnectionDone):
            self.close(broker)
            return False
        self.lost = reason
        if self._wait:
            self._call.cancel()
            self._wait = 0.0
            self._call = broker._reactor.callLater(0, self._go_on, broker)
        return True

    def close(self, broker: Any) -> Any:
        """What has not been worked on is forgotten.

        Returns:
            Why the connection went, if it has, and that is still to be told to `Broker._connectionGone`.
        """
        _busy.discard(self)
        self._backlog = None
        self._waiting = 0
        self._transport = self._output = self._limits = None
        call, self._call = self._call, None
        if call is not None and call.active():
            call.cancel()
        lost, self.lost = self.lost, None
        return lost


class Output(Tally):
    """What a broker says, on its way to the transport."""

    __slots__ = ("_chunks", "_first", "_passing", "gathering")

    def __init__(self) -> None:
        # Bytes; and bytearrays, in which the compiled codec gathers what is short.
        self._chunks: list[Any] = []
        self._size = 0
        # Whether what was gathered is being given to the transport.
        self._passing = False
        # Whether what is written waits for `flush`.
        self.gathering = False
        # Whether nothing was written since a reading.
        self._first = False
        # Bytes of answers, and of what else was said in the course of a call of the peer's, that the transport may not
        # have sent.
        self.answers = 0
        # Bytes of answers since ever, but for those that the codecs say in the course of the call.
        self.replied = 0
        # Bytes that were said in the course of answers of the peer's, some of which the transport may not have sent.
        self.spared = 0

    def write(self, transport: Any, data: bytes, answer: bool | int) -> None:
        """Send *data*, now or when `flush` is called.

        Args:
            transport: takes it.
            data: the bytes.
            answer: whether it was said in the course of a call of the peer's; `REPLY` for an answer, whenever it is said.
        """
        size = len(data)
        if answer:
            self.answers += size
            if answer is REPLY:
                self.replied += size
        if self.gathering:
            self._chunks.append(data)
            self._size += size
            if self._size > _GATHERED:
                self._pass_on(transport)
        elif self._first and is_plain(transport):
            # The reactor would ask the system when it may write, write in its next turn, and ask it no more.
            self._chunks.append(data)
            self._size += size
            self._first = False
            # Not before that has succeeded: nobody else would end it.
            self.gathering = True
            self.flush(transport)
        else:
            transport.write(data)

    def heard(self, broker: Any, answers: int, replied: int) -> None:
        """An answer of the peer's was handled, before which `answers` and `replied` were these: for what was said in the
        course of that, answers apart, it had not asked.

        But where as much of that waits already as one message may take, it has asked all the same: who has not read what
        it is asked can say one answer after the other, and have more said with each.
        """
        own = self.answers - answers - self.replied + replied
        if own <= 0:
            return
        spared = self.spared + own
        if spared > broker.limits.expression_bytes:
            # Some of it has been sent by now.
            spared = min(self.spared, max(0, unsent(broker.transport) + self._size - own))
            if spared > broker.limits.expression_bytes:
                return
            spared += own
        self.spared = spared
        self.answers -= own

    def write_parts(self, transport: Any, parts: list[bytes], answer: bool | int) -> None:
        """Send what comes in parts; while *gathering*, they are not copied more than has to be."""
        if not self.gathering:
            self.write(transport, b"".join(parts), answer)
            return
        size = sum(map(len, parts))
        if answer:
            self.answers += size
            if answer is REPLY:
                self.replied += size
        self._chunks += parts
        self._size += size
        if self._size > _GATHERED:
            self._pass_on(transport)

    def gather(self, transport: Any) -> None:
        """From now on until `flush`, gather.

        Only where that cannot be noticed: another transport than Twisted's own might drop, or send before, what is
        written after the connection was told to close.
        """
        self._first = self.gathering = is_plain(transport)

    def flush(self, transport: Any) -> None:
        """Send what was gathered."""
        if self._passing:
            return
        try:
            while self._chunks:
                self._give(transport)
        finally:
            self.gathering = False

    def drop(self) -> None:
        """Forget what was gathered; the connection has been ended."""
        self.gathering = False
        self._chunks = []
        self._size = 0

    def _pass_on(self, transport: Any) -> None:
        """Send what was gathered so far."""
        if not self._passing:
            self._give(transport)

    def _give(self, transport: Any) -> None:
        # What a finalizer says meanwhile comes after it, not into the middle of it.
        self._passing = True
        try:
            # The new list first, for making one may run finalizers.
            self._chunks, chunks = [], self._chunks
            size, self._size = self._size, 0
            if "write" in transport.__dict__:
                # An application has put its own in its place since this began to gather.
                transport.write(b"".join(chunks))
                return
            if (
                transport.dataBuffer
                or transport._tempDataBuffer
                or transport.producer is not None
                or not transport.connected
                or transport.disconnecting
                or transport._writeDisconnected
                # As nothing is sent then.
                or getattr(transport, "_aborting", False)
                # It was plain when this began to gather, but TLS may have begun since.
                or getattr(transport, "TLS", False)
            ):
                transport.writeSequence(list(map(bytes, chunks)))
                return
            # Nothing is queued before it: what the system takes at once need not wait for the reactor's next turn.
            if size <= _SENT:
                if size > _APART and 1 < len(chunks) <= _FEW and takes_several(transport):
                    sent = send_several(transport, chunks)
                    if sent == size:
                        return
                    data = b"".join(chunks)
                else:
                    data = b"".join(chunks)
                    sent = transport.writeSomeData(data)
                    if sent == size:
                        return
                self._rest(transport, data, sent)
                return
            else:
                sent = 0
                for portion in _portions(chunks):
                    done = _send(transport, portion, transport.writeSomeData(portion))
                    sent += done
                    if done < len(portion):
                        break
            if sent < size:
                transport.writeSequence(list(map(bytes, _after(chunks, sent))))
        finally:
            self._passing = False

    def _rest(self, transport: Any, data: bytes, sent: Any) -> None:
        """Send what is left of *data*, of which the system took *sent* bytes at first."""
        sent = _send(transport, data, sent)
        if sent < len(data):
            transport.writeSequence(list(map(bytes, _after([data], sent))))

    def clogged(self, transport: Any, most: int) -> bool:
        """Whether more than *most* bytes of answers, and more of them than of anything else, wait in the transport."""
        if self.answers <= most:
            return False
        waiting = unsent(transport) + self._size
        if waiting < self.answers:
            self.answers = waiting
        return self.answers > most and self.answers * 2 > waiting


STOCK.update(
    inflow=Inflow,
    inflow_received=Inflow.received,
    inflow_work=Inflow.work,
    inflow_over=Inflow._over,
    inflow_done=Inflow._done,
    output=Output,
    output_write=Output.write,
    output_write_parts=Output.write_parts,
    output_gather=Output.gather,
    output_flush=Output.flush,
    output_drop=Output.drop,
    output_give=Output._give,
    output_heard=Output.heard,
    is_plain=is_plain,
    sends_itself=sends_itself,
    socket_type=socket_type,
)


def _send(transport: Any, data: bytes | memoryview, sent: Any) -> int:
    """How many of these bytes the system takes, which took *sent* of them at first."""
    size = len(data)
    done = 0
    # Else the system takes no more now, or the connection is broken, which the reactor finds out by itself.
    while type(sent) is int and sent > 0:
        done += sent
        if done == size:
            break
        sent = transport.writeSomeData(memoryview(data)[done:])
    return done


def _after(chunks: list[bytes], start: int) -> list[bytes]:
    """What *chunks* are from the byte *start* on."""
    for index, chunk in enumerate(chunks):
        if start < len(chunk):
            return [chunk[start:], *chunks[index + 1 :]]
        start -= len(chunk)
    return []


def _portions(chunks: list[bytes]) -> Iterator[bytes | memoryview]:
    """What *chunks* are, as much at a time as is sent at once: copies of what is short, together, and views of what is
    large, but for its ends, which go with what is short beside it."""
    waiting: list[bytes | memoryview] = []
    size = 0
    for chunk in chunks:
        if len(chunk) <= _LARGE:
            if size + len(chunk) > _SENT:
                yield b"".join(waiting)
                waiting, size = [], 0
            waiting.append(chunk)
            size += len(chunk)
            continue
        view = memoryview(chunk)
        start, end = 0, len(chunk) - _END
        if waiting:
            yield b"".join((*waiting, view[:_END]))
            start = _END
        while start < end:
            stop = min(start + _SENT, end)
            yield view[start:stop]
            start = stop
        waiting, size = [view[end:]], _END
    if waiting:
        yield b"".join(waiting)
