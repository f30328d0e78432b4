"""What twisted.spread puts on the wire, recorded: record.py says how, tests/test_vectors.py what for."""
