"""Clients of perspectives: ``examples/managing``, with both peers ours and with either one twisted.spread's."""

from tests.examples.programs import ALL, ExampleCase, pairings


class ManagingTests(ExampleCase):
    """A control room and its guards."""

    folder = "managing"

    @pairings(*ALL)
    def test_clients(self, server_kind, client_kind):
        """Several clients share an avatar, which knows them, calls them and lets in no more than it wants; they log in
        again when the server has been away, and are logged out once."""
        server, port = self.serve(server_kind, "control_server.py")
        gate = self.start(client_kind, "guard_client.py", port, "gate")
        self.assertEqual("report 1 of gate: all quiet", gate.line())
        spare = self.start(client_kind, "guard_client.py", port, "gate")
        self.assertEqual("report 2 of gate: all quiet", spare.line())
        tower = self.start(client_kind, "guard_client.py", port, "tower")
        self.assertEqual("report 1 of tower: all quiet", tower.line())
        guards = (gate, spare, tower)

        self.assertEqual(
            ["not let in: 2 devices are logged in as gate"], self.run_client(client_kind, "guard_client.py", port)
        )
        self.assertEqual(["obeyed: 3"], self.run_client(client_kind, "chief_client.py", port, "look left"))
        self.assertEqual(["order: look left"] * 3, [guard.line() for guard in guards])
        lines = self.stops_well(server)
        self.assertEqual(["gate: 1 on duty", "gate: 2 on duty", "tower: 1 on duty"], lines[:3])
        self.assertEqual(["gate: 0 on duty", "gate: 1 on duty", "tower: 0 on duty"], sorted(lines[3:]))

        self.assertEqual(["connection lost"] * 3, [guard.line() for guard in guards])
        server = self.start(server_kind, "control_server.py", port)
        server.expect(r"listening on port \d+")
        again = sorted(guard.line() for guard in guards)
        self.assertEqual(
            ["report 1 of gate: all quiet", "report 1 of tower: all quiet", "report 2 of gate: all quiet"], again
        )
        self.assertEqual(["obeyed: 3"], self.run_client(client_kind, "chief_client.py", port))
        for guard in guards:
            self.assertEqual(["order: go home", "going home"], self.ends_well(guard))
        lines = self.stops_well(server)
        self.assertEqual(["gate: 0 on duty", "tower: 0 on duty"], sorted(line for line in lines if ": 0 " in line))
