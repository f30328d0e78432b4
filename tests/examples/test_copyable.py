"""Copies: ``examples/copyable``, with both peers ours and with either one twisted.spread's."""

from tests.examples.programs import ALL, ExampleCase, pairings


class CopyableTests(ExampleCase):
    """A post office, its parcels and stamps."""

    folder = "copyable"

    @pairings(*ALL)
    def test_post(self, server_kind, client_kind):
        """A copy has the state that its owner gave, and the class that its receiver chose; what nobody registered, and
        what the receiver's class refuses, fails that call alone."""
        server, port = self.serve(server_kind, "post_server.py")
        self.assertEqual(
            [
                "stamps: 2 2 5",
                "made by a factory, the same stamp twice: True",
                "advertisement: not let in",
                "parcel without an address: not let in",
            ],
            self.run_client(client_kind, "post_client.py", port),
        )
        self.assertEqual(
            [
                "received: 100 g to 1 Mill Lane, Ambridge",
                "knows its price: False",
                "received: 200 g to 1 Mill Lane, Ambridge, fragile",
                "knows its price: False",
                "received: 1000 g to 1 Mill Lane, Ambridge",
                "knows its price: False",
            ],
            self.stops_well(server, quiet=False),
        )
        self.assertIn("parcels.Advertisement", server.errors)
        self.assertIn("a parcel needs an address", server.errors)
