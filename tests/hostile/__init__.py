"""Peers that mean harm, or are broken, in both roles."""
