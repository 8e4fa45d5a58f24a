"""Whether a difference between two documents is told, by an edit or a note."""

from __future__ import annotations

from placet.comparison.compare import compare
from placet.comparison.result import Comparison

OTHER = "the other version"


def compared(a: bytes, b: bytes, form: str) -> Comparison:
    return compare(a, f"a.{form}", b, f"b.{form}")


def edited(a: bytes, b: bytes, form: str) -> bool:
    """By the text itself."""
    return any(entry.statuses != ("same",) for entry in compared(a, b, form).entries)


def noted(a: bytes, b: bytes, form: str) -> bool:
    """By a note that only one side has, or that is about the other one."""
    found = compared(a, b, form)
    notes = (*found.before.notes, *found.after.notes)
    return found.before.notes != found.after.notes or any(OTHER in note for note in notes)


def quiet(a: bytes, form: str) -> bool:
    """Held against itself, a document differs in nothing."""
    return not edited(a, a, form) and not noted(a, a, form)
