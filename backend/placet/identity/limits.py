"""How many keys a person may enrol in a day.

Wrong codes are not counted: whoever knows a person's identifier could lock the person out, and codes of 125 random bits
are not found by guessing, however often it is tried.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass

from placet.core.errors import LimitError

DAY = 86_400.0
REMEMBERED = 100_000


@dataclass
class _Person:
    day_began: float = 0.0
    enrolled: int = 0


class EnrolmentLimits:
    """Counts by a keyed hash of the subject, in memory, for at most REMEMBERED persons (the longest quiet go first).
    Only who gave a right code is counted, so that strangers fill neither a person's day nor the memory."""

    def __init__(self, a_day: int) -> None:
        self._a_day = a_day
        self._key = secrets.token_bytes(32)
        self._persons: OrderedDict[bytes, _Person] = OrderedDict()

    def take(self, subject: str, now: float) -> None:
        """Count one more key of the subject, whose code was right; LimitError beyond a day's number. `now` in
        seconds."""
        name = hmac.digest(self._key, subject.encode(), hashlib.sha256)
        person = self._persons.setdefault(name, _Person())
        self._persons.move_to_end(name)
        if len(self._persons) > REMEMBERED:
            self._persons.popitem(last=False)
        if now - person.day_began >= DAY:
            person.day_began, person.enrolled = now, 0
        if person.enrolled >= self._a_day:
            raise LimitError(
                "too many keys enrolled in a day", expected=f"at most {self._a_day}", remedy="try again tomorrow"
            )
        person.enrolled += 1
