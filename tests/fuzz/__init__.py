"""Fuzzing: whole conversations, drawn at random or led by coverage."""
