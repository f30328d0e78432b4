"""Logins: ``examples/cred``, with both peers ours and with either one twisted.spread's."""

import os
import tempfile

from tests.examples.programs import ALL, OURS, ExampleCase, pairings


class CredTests(ExampleCase):
    """A library, its readers and visitors."""

    folder = "cred"

    @pairings(*ALL)
    def test_one_client(self, server_kind, client_kind):
        """A reader logs in and is somebody to the server until the connection goes; the logout is then called."""
        server, port = self.serve(server_kind, "library_server.py")
        client = self.start(client_kind, "reader_client.py", port)
        self.assertEqual(["books: Emma, Ivanhoe, Ulysses", "Emma is lent to you"], [client.line(), client.line()])
        self.assertEqual("mary has come", server.line())
        client.say("")
        self.assertEqual([], self.ends_well(client))
        self.assertEqual("mary has gone", server.line())
        self.assertEqual([], self.stops_well(server))

    @pairings(*ALL)
    def test_several_clients(self, server_kind, client_kind):
        """Two programs are two users, and what one has the other cannot have."""
        server, port = self.serve(server_kind, "library_server.py")
        mary = self.start(client_kind, "reader_client.py", port, "mary", "little lamb", "Ivanhoe")
        mary.expect("Ivanhoe is lent to you")
        peter = self.start(client_kind, "reader_client.py", port, "peter", "pumpkin", "Ivanhoe")
        peter.expect("cannot have Ivanhoe: mary has it")
        peter.say("")
        self.assertEqual([], self.ends_well(peter))
        server.expect("peter has gone")
        mary.say("")
        self.assertEqual([], self.ends_well(mary))
        self.assertEqual(["mary has gone"], self.stops_well(server))

    @pairings(*ALL)
    def test_several_logins(self, server_kind, client_kind):
        """Two logins on one connection are two users; who lets go of an avatar is logged out."""
        server, port = self.serve(server_kind, "library_server.py")
        self.assertEqual(
            [
                "mary is told: Ulysses is lent to you",
                "peter is told: mary has it",
                "peter is told: Emma is lent to you",
                "mary is told: Emma, Ivanhoe, Ulysses",
            ],
            self.run_client(client_kind, "readers_client.py", port),
        )
        lines = self.stops_well(server)
        self.assertEqual(["mary has come", "peter has come"], lines[:2])
        self.assertEqual(["mary has gone", "peter has gone"], sorted(lines[2:]))

    @pairings(*ALL)
    def test_anonymous(self, server_kind, client_kind):
        """A visitor has another avatar than a reader has, also on the same connection."""
        server, port = self.serve(server_kind, "library_server.py")
        self.assertEqual(
            [
                "a visitor sees: Emma, Ivanhoe, Ulysses",
                "a visitor borrows: no such thing for you",
                "a reader borrows: Emma is lent to you",
            ],
            self.run_client(client_kind, "visitor_client.py", port),
        )
        lines = self.stops_well(server, quiet=False)
        self.assertEqual(["a visitor has gone", "peter has come", "peter has gone"], sorted(lines))

    @pairings(*ALL)
    def test_refused(self, server_kind, client_kind):
        """A wrong password and an unknown name are refused alike."""
        server, port = self.serve(server_kind, "library_server.py")
        for name in ("mary", "wolf"):
            client = self.start(client_kind, "reader_client.py", port, name, "?")
            self.assertEqual(["not let in"], self.ends_well(client))
        self.assertEqual([], self.stops_well(server, quiet=False))
        self.assertIn("UnauthorizedLogin", server.errors)

    @pairings(*ALL)
    def test_tls(self, server_kind, client_kind):
        """The same login over TLS needs no more than other endpoints; a client trusts one certificate and no other."""
        with tempfile.TemporaryDirectory() as folder:
            right, other = os.path.join(folder, "right.pem"), os.path.join(folder, "other.pem")
            for path in (right, other):
                self.assertEqual([], self.run_client(OURS, "make_certificate.py", path))
            server, port = self.serve(server_kind, "tls_server.py", right)
            self.assertEqual(
                ["books: Emma, Ivanhoe, Ulysses"], self.run_client(client_kind, "tls_client.py", port, right)
            )
            if client_kind == OURS:
                # The original's client waits for ever when the handshake fails.
                client = self.start(client_kind, "tls_client.py", port, other)
                self.assertEqual((1, []), client.finish())
                self.assertIn("certificate verify failed", client.errors)
            self.stops_well(server, quiet=client_kind != OURS)
