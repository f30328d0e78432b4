"""Caches: ``examples/cacheable``, with both peers ours and with either one twisted.spread's."""

from tests.examples.programs import ALL, BOTH_OURS, OUR_SERVER, ExampleCase, pairings


class CacheableTests(ExampleCase):
    """A scoreboard and those who watch it."""

    folder = "cacheable"

    def watcher(self, kind, port, *goals):
        """A client that watches, and has been sent the scoreboard."""
        client = self.start(kind, "watch_client.py", port, *goals)
        client.expect("the score: Reds 0, Blues 0")
        client.expect("comes home as the original: True")
        return client

    @pairings(*ALL)
    def test_one_client(self, server_kind, client_kind):
        """A copy is kept up to date, and its owner hears when it is let go of, though the connection stays."""
        server, port = self.serve(server_kind, "match_server.py")
        watcher = self.watcher(client_kind, port, 1)
        self.assertEqual(["two goals were shown"], self.run_client(client_kind, "referee_client.py", port))
        self.assertEqual(["the score: Reds 0, Blues 1", "seen enough", "still watching: 0"], self.ends_well(watcher))
        self.assertEqual(["watchers: 1", "watchers: 0"], self.stops_well(server))

    # Not with a twisted.spread server: there, observers of two connections cannot be compared, so none leaves a list.
    @pairings(BOTH_OURS, OUR_SERVER)
    def test_two_clients(self, server_kind, client_kind):
        """Each of two clients has a copy and an observer of its own; when one has gone, the other is still told."""
        server, port = self.serve(server_kind, "match_server.py")
        long, short = self.watcher(client_kind, port), self.watcher(client_kind, port, 1)
        self.assertEqual(["two goals were shown"], self.run_client(client_kind, "referee_client.py", port))
        self.assertEqual(["the score: Reds 0, Blues 1", "seen enough"], self.ends_well(short)[:2])
        self.assertEqual(
            ["the score: Reds 0, Blues 1", "the score: Reds 1, Blues 1", "the match is over"], self.ends_well(long)[:3]
        )
        self.assertEqual(["watchers: 1", "watchers: 2", "watchers: 1", "watchers: 0"], self.stops_well(server))
