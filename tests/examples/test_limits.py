"""Limits: ``examples/limits``."""

from tests.examples.programs import ALL, BOTH_OURS, OUR_SERVER, TWISTED, ExampleCase, pairings


class LimitsTests(ExampleCase):
    """What just fits, and what does not."""

    folder = "limits"

    @pairings(*ALL)
    def test_arguments(self, server_kind, client_kind):
        """What the wire cannot carry is refused where it is sent, and the connection lives; so with one reference too
        many, and there is room again when the peer has let go."""
        server, port = self.serve(server_kind, "limits_server.py")
        client = self.start(client_kind, "arguments_client.py", port)
        status, lines = client.finish()
        self.assertEqual(
            [
                "655360 bytes -> 655360",
                "655361 bytes -> BananaError",
                "655359 items -> 655359",
                "655360 items -> BananaError",
                "2**448 - 1 -> True",
                "2**448 -> BananaError",
                "references: 1025",
                "one more reference -> Error",
                "after all were let go of -> 1",
            ],
            lines,
        )
        # The original's client keeps the questions that it could not send, and they fail unseen when it ends.
        self.assertEqual((0, client_kind == TWISTED), (status, client.errors != ""))
        self.stops_well(server)

    # Not with a twisted.spread server, which drops the connection.
    @pairings(BOTH_OURS, OUR_SERVER)
    def test_answers(self, server_kind, client_kind):
        """An answer that the wire cannot carry is an error for whoever asked, and the connection lives."""
        server, port = self.serve(server_kind, "limits_server.py")
        self.assertEqual(
            ["zeros 655360 -> arrived", "zeros 655361 -> error", "power 447 -> arrived", "power 448 -> error"],
            self.run_client(client_kind, "answers_client.py", port),
        )
        self.stops_well(server, quiet=False)

    # A twisted.spread server has no Limits.
    @pairings(BOTH_OURS, OUR_SERVER)
    def test_raised(self, server_kind, client_kind):
        """Both sides can raise what the wire carries, and a server can lower what a client may cost it."""
        server, port = self.serve(server_kind, "raised_server.py")
        self.assertEqual(
            [
                "4 MiB: 4194304",
                "2**800: True",
                "10 levels: 1",
                "30 levels: refused",
                "references: 9",
                "references: refused",
                "a fourth call: refused",
                "the three: released, released, released",
            ],
            self.run_client(client_kind, "raised_client.py", port),
        )
        self.stops_well(server, quiet=False)
