"""Our peers beside twisted.spread's: the same scenarios in every pairing, and peers written by hand."""
