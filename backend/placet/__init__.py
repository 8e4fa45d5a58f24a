"""Placet: computation over other people's data, with their consent on a chain and a trail that a stranger can check."""

__version__ = "0.1.0"
