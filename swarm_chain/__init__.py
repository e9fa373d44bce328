"""Swarm learning that trusts nobody."""

__version__ = "0.1.0"
