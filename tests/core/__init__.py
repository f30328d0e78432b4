"""Tests of the pure part: one file for each of its modules."""
