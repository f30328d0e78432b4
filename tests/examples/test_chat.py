"""Views: ``examples/chat``, with both peers ours and with either one twisted.spread's."""

from tests.examples.programs import ALL, ExampleCase, pairings


class ChatTests(ExampleCase):
    """Rooms, and the people in them."""

    folder = "chat"

    @pairings(*ALL)
    def test_chat(self, server_kind, client_kind):
        """A view knows who calls: lines carry the speaker's name, and only the owner of a room renames it; who leaves
        is gone for those who stay."""
        server, port = self.serve(server_kind, "chat_server.py")
        ann = self.start(client_kind, "chat_client.py", port, "ann", "den")
        self.assertEqual("[den] ann comes in", ann.line())
        bob = self.start(client_kind, "chat_client.py", port, "bob", "den")
        self.both(ann, bob, "[den] bob comes in")

        bob.say("good evening")
        self.both(ann, bob, "[den] bob: good evening")
        ann.say("hello")
        self.both(ann, bob, "[den] ann: hello")
        ann.say("/who")
        self.assertEqual("here: ann, bob", ann.line())

        bob.say("/title attic")
        self.assertEqual("no: ann opened this room", bob.line())
        ann.say("/title attic")
        self.both(ann, bob, "[den] this is now attic")

        bob.process.stdin.close()
        self.assertEqual([], self.ends_well(bob))
        self.assertEqual("[attic] bob has left", ann.line())
        ann.process.stdin.close()
        self.assertEqual([], self.ends_well(ann))
        self.assertEqual([], self.stops_well(server))

    def both(self, one, other, line):
        """Both are told the same."""
        self.assertEqual((line, line), (one.line(), other.line()))
