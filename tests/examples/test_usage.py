"""The first steps: ``examples/usage``, each pair with both peers ours and with either one twisted.spread's."""

import socket

from tests.examples.programs import ALL, BOTH_OURS, OUR_CLIENT, OURS, ExampleCase, pairings


class UsageTests(ExampleCase):
    """Roots, references, callbacks and errors."""

    folder = "usage"

    @pairings(*ALL)
    def test_echo(self, server_kind, client_kind):
        """A value of every kind comes back equal and of the same type, and what was shared is shared."""
        server, port = self.serve(server_kind, "echo_server.py")
        self.assertEqual(
            [
                "None the same",
                "True the same",
                "42 the same",
                "-1267650600228229401496703205376 the same",
                "2.5 the same",
                "b'bytes' the same",
                "'text with an umlaut: ü' the same",
                "[1, [2, [3]]] the same",
                "('a', 1) the same",
                "{'key': b'value', 7: None} the same",
                "{'one'} the same",
                "frozenset({1}) the same",
                "datetime.datetime(2026, 2, 3, 4, 5, 6, 7) the same",
                "datetime.date(2026, 2, 3) the same",
                "datetime.time(23, 59) the same",
                "datetime.timedelta(days=1, seconds=2) the same",
                "Decimal('3.14') the same",
                "one list, not two: True",
            ],
            self.run_client(client_kind, "echo_client.py", port),
        )
        self.assertEqual([], self.stops_well(server))

    @pairings(*ALL)
    def test_reference(self, server_kind, client_kind):
        """A Referenceable in an answer can be called by whoever received it, and each keeps its own state."""
        server, port = self.serve(server_kind, "reference_server.py")
        self.assertEqual(
            ["got references: True True", "sheep: 1", "sheep: 2", "goats: 15"],
            self.run_client(client_kind, "reference_client.py", port),
        )
        self.stops_well(server)

    @pairings(*ALL)
    def test_identity(self, server_kind, client_kind):
        """A reference that is given back to the owner of the object is that object, on the server and the client."""
        server, port = self.serve(server_kind, "identity_server.py")
        self.assertEqual(
            [
                "the server knows its own ticket: True",
                "a coat is no ticket: True",
                "my ticket, my own coat: True",
                "your ticket, your own coat: True",
            ],
            self.run_client(client_kind, "identity_client.py", port),
        )
        self.stops_well(server)

    @pairings(*ALL)
    def test_callback(self, server_kind, client_kind):
        """A server can call an object of its client, and get answers, while it works on that client's call."""
        server, port = self.serve(server_kind, "callback_server.py")
        self.assertEqual(
            ["the server is at 30", "the server is at 60", "the server is at 100", "received: one cake"],
            self.run_client(client_kind, "callback_client.py", port),
        )
        self.assertEqual(
            [
                "cake at 30%: the client says go on",
                "cake at 60%: the client says go on",
                "cake at 100%: the client says done!",
            ],
            self.stops_well(server),
        )

    @pairings(*ALL)
    def test_errors(self, server_kind, client_kind):
        """Expected and unexpected errors reach the client; only the unexpected is in the server's log."""
        server, port = self.serve(server_kind, "errors_server.py")
        client = self.start(client_kind, "errors_client.py", port)
        status, lines = client.finish()
        self.assertEqual(0, status, client.errors)
        self.assertEqual(
            [
                "left: 70",
                "left: refused: only 70 left",
                "each gets: the server made a mistake: integer division or modulo by zero",
                "robbed: the server has no such method",
                "awaited: bank.Overdrawn - only 70 left",
                "left: 70",
            ],
            lines,
        )
        self.stops_well(server, quiet=False)
        self.assertIn("Peer will receive following PB traceback:", server.errors)
        self.assertIn("builtins.ZeroDivisionError: ", server.errors)
        self.assertNotIn("Overdrawn", server.errors)

    @pairings(*ALL)
    def test_traceback(self, server_kind, client_kind):
        """A client sees the server's traceback if, and only if, the server's factory was told so."""
        for option, seen in (("", False), ("unsafe", True)):
            server, port = self.serve(server_kind, "errors_server.py", option)
            lines = self.run_client(client_kind, "traceback_client.py", port)
            self.stops_well(server, quiet=False)
            self.assertEqual(seen, any("remote_split" in line for line in lines), lines)
            self.assertEqual(not seen, "Traceback unavailable" in lines, lines)

    @pairings(*ALL)
    def test_trap(self, server_kind, client_kind):
        """One trap tells apart an expected error, a refused argument, a panic, a lost and a stale connection."""
        server, port = self.serve(server_kind, "trap_server.py")
        self.assertEqual(
            [
                "bicycle repaired",
                "the workshop lacks parts",
                "the workshop does not accept such an object",
                "the workshop panicked",
                "the connection went before the answer came",
                "the connection had gone before the call",
            ],
            self.run_client(client_kind, "trap_client.py", port),
        )
        self.stops_well(server, quiet=False)

    # Not with a twisted.spread client: there a trap that does not fit raises AttributeError in place of the failure.
    @pairings(BOTH_OURS, OUR_CLIENT)
    def test_trap_chain(self, server_kind, client_kind):
        """A failure that a trap does not name passes unharmed to the next errback of the chain."""
        server, port = self.serve(server_kind, "trap_server.py")
        self.assertEqual(
            [
                "bicycle repaired",
                "refused, for want of wheels",
                "not let in",
                "workshop panicked: no idea where to begin",
                "connection gone (PBConnectionLost)",
                "connection gone (DeadReferenceError)",
            ],
            self.run_client(client_kind, "trapchain_client.py", port),
        )
        self.stops_well(server, quiet=False)

    def test_no_server(self):
        """A client that finds no server says so and ends with status 1."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        client = self.start(OURS, "echo_client.py", port)
        status, lines = client.finish()
        self.assertEqual((1, []), (status, lines))
        self.assertIn("ConnectionRefusedError", client.errors)
