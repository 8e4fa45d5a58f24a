"""An opened result as it is kept: what is told of the job as a whole, and apart from it its rows, which may be many.

A frame (8 bytes of length) of JSON, and behind it the JSON of `rows`, where the result has them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

from placet.core.framing import FrameReader, frame

if TYPE_CHECKING:
    from placet.core.text_columns import TextColumn

ROWS = "rows"
PERSON = "customer"
"""Under which name a row of a result says whose it is."""
_WIDTH, _MOST = 8, 1 << 32


@dataclass(frozen=True, eq=False)
class PersonRows(Sequence[dict[str, str]]):
    """Rows of one text each, under a name."""

    name: str
    column: TextColumn = field(repr=False)

    def __len__(self) -> int:
        return len(self.column)

    @overload
    def __getitem__(self, place: int) -> dict[str, str]: ...
    @overload
    def __getitem__(self, place: slice) -> PersonRows: ...
    def __getitem__(self, place: int | slice) -> dict[str, str] | PersonRows:
        if isinstance(place, slice):
            return PersonRows(self.name, self.column[place])
        return {self.name: str(self.column[place])}

    def written(self) -> bytes:
        """Canonical JSON."""
        from placet.core.text_columns import written_objects  # numpy with it, for a node that computes

        return written_objects(self.name, self.column)


def encoded(result: Mapping[str, Any]) -> bytes:
    """A result as it is kept."""
    whole = frame(json.dumps({name: value for name, value in result.items() if name != ROWS}).encode(), _WIDTH)
    if ROWS not in result:
        return whole
    rows = result[ROWS]
    return whole + (rows.written() if isinstance(rows, PersonRows) else json.dumps(rows).encode())


def without_rows(content: bytes) -> dict[str, Any]:
    """All of a kept result but its rows."""
    return _parts(content)[0]


def decoded(content: bytes) -> dict[str, Any]:
    """A kept result."""
    result, rows = _parts(content)
    return {ROWS: json.loads(rows), **result} if rows else result


def without_person(content: bytes, is_person: Callable[[str], bool]) -> bytes | None:
    """A kept result without the rows of a person; None where it has none of them."""
    result = decoded(content)
    rows = result.get(ROWS) or []
    left = [row for row in rows if not is_person(str(row.get(PERSON)))]
    return None if len(left) == len(rows) else encoded(result | {ROWS: left})


def _parts(content: bytes) -> tuple[dict[str, Any], bytes]:
    reader = FrameReader(content, "a kept result")
    return json.loads(reader.frame(_MOST, _WIDTH)), reader.rest()
