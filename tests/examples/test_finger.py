"""Two protocols, one service: ``examples/finger``, with both peers ours and with either one twisted.spread's."""

import os
import signal
import socket
import sys
import tempfile

from tests.examples.programs import ALL, EXAMPLES, HERE, TWISTED, ExampleCase, pairings

ANY_PORT = "tcp:0:interface=127.0.0.1"
TWISTD = "from twisted.scripts.twistd import run; run()"


def ask(port, line, end=b"\r\n"):
    """What a finger server says to a line."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(line + end)
        with connection.makefile("rb") as answer:
            return answer.read()


class FingerTests(ExampleCase):
    """Who is who."""

    folder = "finger"

    def serve_both(self, kind, folder):
        """Start ``twistd -n -y finger.tac``; return it, the finger port and the Perspective Broker port."""
        alias = f"import sys; sys.path.insert(0, {HERE!r}); import as_twisted; as_twisted.alias(); "
        tac = os.path.join(EXAMPLES, self.folder, "finger.tac")
        words = ["-n", "--pidfile=", "--rundir", folder, "-y", tac]
        server = self.launch(
            [sys.executable, "-c", (alias if kind == TWISTED else "") + TWISTD, *words],
            FINGER_PORT=ANY_PORT,
            PB_PORT=ANY_PORT,
        )
        ports = {}
        while len(ports) < 2:
            match = server.expect(r".*\b(FingerFactory|PBServerFactory) starting on (\d+)")
            ports[match[1]] = int(match[2])
        return server, ports["FingerFactory"], ports["PBServerFactory"]

    @pairings(*ALL)
    def test_both_protocols(self, server_kind, client_kind):
        """One twistd service has the finger protocol and Perspective Broker; a change by one is seen by the other."""
        with tempfile.TemporaryDirectory() as folder:
            server, finger, port = self.serve_both(server_kind, folder)
            self.assertEqual(b"ada, grace\r\n", ask(finger, b""))
            for end in (b"\r\n", b"\n"):
                self.assertEqual(b"computing Bernoulli numbers\r\n", ask(finger, b"ada", end))
            self.assertEqual(
                [
                    "known: ada, grace",
                    "ada is computing Bernoulli numbers",
                    "news: ada is writing notes",
                    "ada is writing notes",
                ],
                self.run_client(client_kind, "finger_client.py", port),
            )
            self.assertEqual(b"writing notes\r\n", ask(finger, b"ada"))
            self.assertEqual(b"no such user\r\n", ask(finger, b"babbage"))
            self.assertEqual(
                ["known: ada, grace", "nobody is called babbage"],
                self.run_client(client_kind, "finger_client.py", port, "babbage"),
            )
            status, lines = server.stop()
            # twistd ends by the signal that it was sent, when it has shut down.
            self.assertEqual((-signal.SIGTERM, ""), (status, server.errors))
            self.assertIn("Server Shut Down.", "\n".join(lines))
