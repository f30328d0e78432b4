"""Pages: what a broker does for its pagers, which send large values piece by piece as the transport has room.

The pagers that have pages left are the broker's ``pageProducers``; the transport asks the broker for more by way of its
``resumeProducing``.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from twisted.python import failure

from . import _transports
from .core.errors import DeadReferenceError, Error


def begin(broker: Any, pager: Any) -> None:
    """See ``Broker.registerPageProducer``."""
    if broker.disconnected:
        stop(pager)
        return
    pagers, most = broker.pageProducers, broker.limits.outstanding_calls
    if len(pagers) >= most:
        raise Error(f"{most} pagers have pages left to send already")
    pagers.append(pager)
    if len(pagers) > 1:
        return
    broker._beginning = pager
    try:
        broker.transport.registerProducer(broker, 0)
    except BaseException:
        # Else whoever comes after it would wait for pages that the transport asks nobody for.
        _remove(broker, pager)
        raise
    finally:
        broker.__dict__.pop("_beginning", None)
    if broker._reactor is not None and not broker._receiving and pager in broker.pageProducers:
        # A transport that nothing was written to asks no more: a file is not read yet when its pager registers.
        broker._reactor.callLater(0, _asked_again, broker)


def _asked_again(broker: Any) -> None:
    """Send a page of each pager, if the transport waits for one."""
    if broker.pageProducers and not broker.disconnected and not _transports.unsent(broker.transport):
        broker.resumeProducing()


def send(broker: Any) -> None:
    """See ``Broker.resumeProducing``."""
    limits = broker.limits
    over = time.monotonic() + limits.slice_seconds
    # Nothing here keeps a pager that has come to its end: its collector is let go of before another's page is sent.
    queue = list(broker.pageProducers)
    while queue:
        pager = queue.pop()
        try:
            pager.sendNextPage()
        except BaseException as error:
            if isinstance(error, DeadReferenceError) and broker.disconnected:
                # It went as the page was made.
                return
            _give_up(broker, pager)
            if broker.__dict__.get("_beginning") is pager:
                raise
            broker._journal().error(failure.Failure(), "a page, with which the connection ends", kind="a page")
            if not broker.disconnected:
                broker._end()
            return
        left = len(queue)
        if not _has_pages_left(broker, pager):
            if broker.pageProducers[left : left + 1] == [pager]:
                # Else all that are before it would be looked at.
                del broker.pageProducers[left]
            else:
                _remove(broker, pager)
        if _transports.unsent(broker.transport) > limits.unread_output or time.monotonic() >= over:
            # When there is room again, those come first whose turn it was not.
            broker.pageProducers[:] = broker.pageProducers[left:] + broker.pageProducers[:left]
            break
    _leave_if_done(broker)


def _has_pages_left(broker: Any, pager: Any) -> Any:
    """Whether pages are left; none of a pager that fails when it is asked, as it does when its callback fails."""
    try:
        return pager.stillPaging()
    except BaseException:
        if not broker.disconnected:
            broker._journal().error(failure.Failure(), "the end of a pager", kind="the end of a pager")
            if getattr(pager, "_stillPaging", True):
                # It had not come to its end, so that its collector was not told.
                broker._end()
        return False


def _give_up(broker: Any, pager: Any) -> None:
    """Let go of a pager that cannot go on."""
    broker._guarded(partial(stop, pager), "a pager")
    _remove(broker, pager)
    _leave_if_done(broker)


def _remove(broker: Any, pager: Any) -> None:
    if pager in broker.pageProducers:
        broker.pageProducers.remove(pager)


def _leave_if_done(broker: Any) -> None:
    if not broker.pageProducers and not broker.disconnected:
        broker.transport.unregisterProducer()


def stop(pager: Any) -> None:
    """Tell a pager that the connection has gone, if it cares."""
    lost = getattr(pager, "connectionLost", None)
    if lost is not None:
        lost()
