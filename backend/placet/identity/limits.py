"""How often a person may try: a lock-out that doubles with each wrong code, and a day's number of enrolments."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass

from placet.core.errors import LimitError

FREE_TRIES = 4
FIRST_LOCK = 15.0
LONGEST_LOCK = 900.0
DAY = 86_400.0
REMEMBERED = 100_000


@dataclass
class _Person:
    failures: int = 0
    locked_until: float = 0.0
    day_began: float = 0.0
    enrolled: int = 0


class EnrolmentLimits:
    """Counts by a keyed hash of the subject, in memory, for at most REMEMBERED persons (the longest quiet go first)."""

    def __init__(self, a_day: int) -> None:
        self._a_day = a_day
        self._key = secrets.token_bytes(32)
        self._persons: OrderedDict[bytes, _Person] = OrderedDict()

    def demand_unlocked(self, subject: str, now: float) -> None:
        """LimitError while the subject is locked out, or has enrolled enough keys today. `now` in seconds."""
        person = self._of(subject)
        if now < person.locked_until:
            raise LimitError(
                "too many wrong codes",
                remedy=f"try again in {int(person.locked_until - now) + 1} seconds",
                code="limit.locked",
            )
        if now - person.day_began >= DAY:
            person.day_began, person.enrolled = now, 0
        if person.enrolled >= self._a_day:
            raise LimitError(
                "too many keys enrolled in a day", expected=f"at most {self._a_day}", remedy="try again tomorrow"
            )

    def failed(self, subject: str, now: float) -> None:
        """A wrong code: beyond FREE_TRIES each one locks for twice as long."""
        person = self._of(subject)
        person.failures += 1
        if (beyond := person.failures - FREE_TRIES) > 0:
            person.locked_until = now + min(FIRST_LOCK * 2 ** min(beyond - 1, 10), LONGEST_LOCK)

    def succeeded(self, subject: str) -> None:
        """A right code and one more enrolled key."""
        person = self._of(subject)
        person.failures = 0
        person.enrolled += 1

    def _of(self, subject: str) -> _Person:
        name = hmac.digest(self._key, subject.encode(), hashlib.sha256)
        person = self._persons.setdefault(name, _Person())
        self._persons.move_to_end(name)
        if len(self._persons) > REMEMBERED:
            self._persons.popitem(last=False)
        return person
