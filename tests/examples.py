"""How many examples hypothesis draws."""

from __future__ import annotations

from hypothesis import settings

FEW, ALL = 30, 100
"""Of a test that says nothing else: by default, and with --slow."""


def is_slow() -> bool:
    """Does this run have --slow?"""
    return settings().max_examples >= ALL


def examples(wholly: int) -> int:
    """Of a test that draws so many with --slow: the same share of them by default, and five or more."""
    return max(min(wholly, 5), wholly * settings().max_examples // ALL)
