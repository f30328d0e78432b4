"""Perspective Broker, anew."""

__version__ = "0.1.0"
