"""Tests of what may be written for a port."""

from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from spreadlite.quotes.ports import PortError, clash, description


class DescriptionTests(SynchronousTestCase):
    """Numbers and endpoint descriptions."""

    def test_taken(self):
        """A number stands for TCP on all interfaces; a description stands for itself."""
        for written, meant in (
            ("8007", "tcp:8007"),
            (" 0 ", "tcp:0"),
            ("65535", "tcp:65535"),
            ("tcp:8787:interface=127.0.0.1", "tcp:8787:interface=127.0.0.1"),
            ("haproxy:tcp:8787", "haproxy:tcp:8787"),
            ("unix:/tmp/quotes", "unix:/tmp/quotes"),
        ):
            self.assertEqual(meant, description(written, MemoryReactor()))

    def test_refused(self):
        """What names no place to listen on is refused, and the error repeats it."""
        for written in ("", "x", "-1", "65536", "tcp:x", "tcp:70000", "tcp:", "bar:1", "unix:", "systemd:index=7"):
            error = self.assertRaises(PortError, description, written, MemoryReactor())
            self.assertIn(repr(written), str(error))


class ClashTests(SynchronousTestCase):
    """Two services on one port."""

    def test_clash(self):
        """The same port is the same however it is written, also where one interface is among all."""
        for one, other in (
            ("tcp:8787", "tcp:8787"),
            ("tcp:8787", "tcp:port=08787:interface=127.0.0.1"),
            ("tcp:8787:interface=0.0.0.0", "ssl:8787:interface=127.0.0.1"),
            ("haproxy:tcp:8787", "tcp:8787"),
            ("unix:/a/b", "unix:/a/../a/b"),
            ("tcp:8787:interface=127.0.0.1", "tcp:8787:interface=127.0.0.1"),
            ("tcp6:8787:interface=\\:\\:", "tcp6:8787:interface=\\:\\:1"),
        ):
            self.assertTrue(clash(one, other), (one, other))
            self.assertTrue(clash(other, one), (other, one))

    def test_no_clash(self):
        """Other ports, other interfaces, and ports that the system chooses are different places."""
        for one, other in (
            ("tcp:8787", "tcp:8788"),
            ("tcp:8787:interface=127.0.0.1", "tcp:8787:interface=127.0.0.2"),
            ("tcp:0", "tcp:0"),
            ("unix:/a", "unix:/b"),
            ("tcp:8787", "unix:8787"),
        ):
            self.assertFalse(clash(one, other), (one, other))
