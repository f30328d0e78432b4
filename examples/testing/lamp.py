"""A small server, to be tested by ``test_lamp.py``: lamps that go out by themselves."""

from spreadlite import pb


class Broken(pb.Error):
    """This lamp will never shine again."""


class Lamp(pb.Root):
    """A lamp with a timer.

    Args:
        clock: what has ``callLater``: the reactor in a program, a ``twisted.internet.task.Clock`` in a test.
    """

    def __init__(self, clock):
        self.clock = clock
        self.burning = False
        self.broken = False
        self.watchers = []

    def remote_light(self, seconds):
        """Switch on, for so long."""
        if self.broken:
            raise Broken("the filament is gone")
        self._set(True)
        self.clock.callLater(seconds, self._set, False)

    def remote_watch(self, watcher):
        """Tell *watcher*, an object of the client's, of every change, as long as it can be told."""
        self.watchers.append(watcher)
        watcher.notifyOnDisconnect(self.watchers.remove)

    def _set(self, burning):
        self.burning = burning
        for watcher in self.watchers:
            watcher.callRemote("changed", burning).addErrback(lambda gone: None)
