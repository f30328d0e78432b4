"""What twisted.spread puts on the wire, recorded: see record.py for how, and tests/test_vectors.py for what it is good for."""
