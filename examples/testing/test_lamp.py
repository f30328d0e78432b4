"""How to test a server without a network and without waiting: both ends in one process, joined in memory.

Run it with ``python -m twisted.trial test_lamp`` or ``python -m pytest``, in this folder.
"""

from lamp import Broken, Lamp
from twisted.internet.task import Clock
from twisted.test import iosim
from twisted.trial.unittest import SynchronousTestCase

from spreadlite import pb


class Watcher(pb.Referenceable):
    """An object of the client's that writes down what it is told."""

    def __init__(self):
        self.told = []

    def remote_changed(self, burning):
        """Called by the server."""
        self.told.append(burning)


class LampTests(SynchronousTestCase):
    """Everything is done when ``flush`` returns, so nothing here waits, and no test depends on how fast the machine is."""

    def setUp(self):
        """A server and a client with brokers of their own, and a reference to the lamp."""
        self.clock = Clock()
        self.lamp = Lamp(self.clock)
        server = pb.PBServerFactory(self.lamp).buildProtocol(None)
        factory = pb.PBClientFactory()
        self.client = factory.buildProtocol(None)
        self.wire = iosim.connect(server, iosim.makeFakeServer(server), self.client, iosim.makeFakeClient(self.client))
        self.wire.flush()
        self.remote = self.successResultOf(factory.getRootObject())

    def call(self, *args):
        """A call, and all that comes of it; returns its Deferred."""
        d = self.remote.callRemote(*args)
        self.wire.flush()
        return d

    def test_light(self):
        """A lamp burns for as long as it was told to: time passes when the test says so."""
        self.assertIsNone(self.successResultOf(self.call("light", 60)))
        self.assertTrue(self.lamp.burning)
        self.clock.advance(59)
        self.assertTrue(self.lamp.burning)
        self.clock.advance(1)
        self.assertFalse(self.lamp.burning)

    def test_broken(self):
        """An error arrives under the name of its class."""
        self.lamp.broken = True
        failure = self.failureResultOf(self.call("light", 60))
        self.assertTrue(failure.check(Broken))
        self.assertEqual("the filament is gone", failure.getErrorMessage())

    def test_mistake(self):
        """What a server logs is an error of the test, unless the test expects it."""
        self.failureResultOf(self.call("light", "for an hour"))
        self.assertEqual(1, len(self.flushLoggedErrors(TypeError)))

    def test_watch(self):
        """Calls from the server to the client go over the same wire."""
        watcher = Watcher()
        self.successResultOf(self.call("watch", watcher))
        self.call("light", 60)
        self.clock.advance(60)
        self.wire.flush()
        self.assertEqual([True, False], watcher.told)

    def test_connection_lost(self):
        """When the connection goes, the server forgets the watcher, and the client's reference is dead."""
        self.successResultOf(self.call("watch", Watcher()))
        self.assertEqual(1, len(self.lamp.watchers))
        self.client.transport.loseConnection()
        self.wire.flush()
        self.assertEqual([], self.lamp.watchers)
        self.assertRaises(pb.DeadReferenceError, self.remote.callRemote, "light", 60)
