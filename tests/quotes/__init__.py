"""Tests of the quote services."""
