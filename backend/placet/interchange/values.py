"""What the formats of both systems share: times with a zone, lines of text, members by their standards' names."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

from placet.core.errors import ConsentError
from placet.core.values import Value, line

_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_SECOND = datetime.timedelta(seconds=1)


def _read(value: object) -> datetime.datetime:
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(datetime.UTC)
    if not isinstance(value, str) or not _FORM.fullmatch(value):
        raise ValueError("expected a date and time with its zone (ISO 8601), as in 2027-01-31T09:00:00.000Z")
    try:
        instant = datetime.datetime.fromisoformat(value).astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        raise ValueError("expected a date and time that a calendar has") from None
    if instant < _EPOCH:
        raise ValueError("expected a time from 1970 on")
    return instant


def _written(instant: datetime.datetime) -> str:
    """With milliseconds, which Account Aggregators expect; with more digits where there are more."""
    spec = "microseconds" if instant.microsecond % 1000 else "milliseconds"
    return instant.astimezone(datetime.UTC).isoformat(timespec=spec).replace("+00:00", "Z")


Instant = Annotated[
    datetime.datetime,
    BeforeValidator(_read),
    PlainSerializer(_written, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A time of ISO 8601 with its zone, in UTC, to the microsecond."""


def first_second(instant: datetime.datetime) -> int:
    """The first whole Unix second that is not before it: what begins then begins no earlier."""
    return -((_EPOCH - instant) // _SECOND)


def last_second(instant: datetime.datetime) -> int:
    """The last whole Unix second that is not after it: what ends then ends no later."""
    return (instant - _EPOCH) // _SECOND


def written_second(seconds: int) -> str:
    """Unix seconds as an `Instant` is written."""
    return _written(_EPOCH + datetime.timedelta(seconds=seconds))


Word = Annotated[str, *line(128)]
"""An identifier or a name of another system."""


class Foreign(Value):
    """A value of another system, by its own names: aliases alone name members in JSON, and what is absent is left out.
    Made by `model_validate` of a mapping with these names."""

    model_config = ConfigDict(populate_by_name=False)

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def no_counterpart(what: str, there: str, found: object) -> ConsentError:
    """What one side says and the other has no word for, where a word is demanded."""
    return ConsentError(
        f"{what} has no counterpart in {there}",
        expected="something that both sides can say: see docs/reference/consent-systems.md",
        found=found,
        code="consent.counterpart",
    )
