"""Times as they come in: Unix seconds, and nothing that is another unit of them."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BeforeValidator, Field

LAST: Final = 253_402_300_799
"""The last second of the year 9999 (UTC), up to which a calendar shows a time."""
_UNITS = ((10**3, "milliseconds"), (10**6, "microseconds"), (10**9, "nanoseconds"))
_PLAUSIBLE = range(10**9, 10**10)
"""Seconds from 2001 to 2286."""


def flaw_of_time(value: int) -> str | None:
    """What a number beyond the calendar is instead of Unix seconds, or None."""
    if value <= LAST:
        return None
    for parts, unit in _UNITS:
        if value // parts in _PLAUSIBLE:
            return f"{unit}: divide by {parts:,}"
    return "a time after the year 9999"


def _seconds(value: object) -> object:
    flaw = flaw_of_time(value) if isinstance(value, int) else None
    if flaw is not None:
        raise ValueError(f"expected Unix seconds, not {flaw}")
    return value


UnixTime = Annotated[int, BeforeValidator(_seconds), Field(ge=0, le=LAST, strict=True)]
