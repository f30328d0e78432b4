"""Pages: ``examples/paging``, with both peers ours and with either one twisted.spread's."""

import hashlib
import os
import tempfile

from tests.examples.programs import ALL, BOTH_OURS, OUR_CLIENT, ExampleCase, pairings


class PagingTests(ExampleCase):
    """An archive."""

    folder = "paging"

    @pairings(*ALL)
    def test_pages(self, server_kind, client_kind):
        """A text longer than any string on the wire arrives in pages, and so does a file, page by page."""
        content = bytes(range(256)) * 10_000
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "scroll")
            with open(path, "wb") as file:
                file.write(content)
            server, port = self.serve(server_kind, "archive_server.py", path)
            self.assertEqual(
                [
                    "pages of the epic: 200000 200000 200000 150000",
                    "it ends: Sing, goddess.",
                    "whole file: True",
                    f"sha256: {hashlib.sha256(content).hexdigest()}",
                ],
                self.run_client(client_kind, "archive_client.py", port),
            )
            self.stops_well(server)

    # Not with a twisted.spread client, whose getAllPages waits for ever.
    @pairings(BOTH_OURS, OUR_CLIENT)
    def test_no_pages(self, server_kind, client_kind):
        """Who waits for pages is told that the method failed, or that the connection went."""
        server, port = self.serve(server_kind, "archive_server.py")
        self.assertEqual(
            ["no pages: nobody knows where that is", "no more pages: the connection went"],
            self.run_client(client_kind, "lost_client.py", port),
        )
        self.stops_well(server, quiet=False)
