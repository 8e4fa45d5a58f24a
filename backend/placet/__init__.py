"""Placet: computation over other people's data only where a chain holds their consent, with a trail that a stranger can check."""

__version__ = "0.1.0"
