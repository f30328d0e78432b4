"""Coroutines: ``examples/async``."""

from tests.examples.programs import BOTH_OURS, OUR_SERVER, ExampleCase, pairings


class AsyncTests(ExampleCase):
    """A shop."""

    folder = "async"

    # Not with a twisted.spread server, which would send a coroutine for an answer.
    @pairings(BOTH_OURS, OUR_SERVER)
    def test_shop(self, server_kind, client_kind):
        """A remote method may be a coroutine: what it returns or raises is the answer, and others are answered
        meanwhile."""
        server, port = self.serve(server_kind, "shop_server.py")
        self.assertEqual(
            ["a kite costs 10", "sold out: unicorn", "a ball in paper for 5"],
            self.run_client(client_kind, "shop_client.py", port),
        )
        self.stops_well(server)
