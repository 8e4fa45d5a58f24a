"""What a comparison says, as values; as JSON by `to_json`.

Schema: `docs/reference/schemas/contract-comparison.schema.json`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from placet.comparison.facts import Kind
from placet.comparison.reading import Format
from placet.core.values import Value

Status = Literal["same", "edited", "moved", "added", "removed"]
Words = Annotated[str, Field(max_length=100_000_000)]
Short = Annotated[str, Field(max_length=1_000)]
Count = Annotated[int, Field(ge=0)]


class ClauseText(Value):
    """A clause of one side. `label` is its full number; `level` the number of lists around it."""

    label: Short
    level: Count
    heading: bool
    text: Words


class Side(Value):
    """One version: the file, what a reader should know about it, and its clauses in order."""

    name: Short
    format: Format
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    size: Count
    words: Count
    notes: tuple[Short, ...]
    clauses: tuple[ClauseText, ...]


class Segment(Value):
    """Words of an edited clause. `same` and `added` together are the new text."""

    change: Literal["same", "removed", "added"]
    text: Words


class Typed(Value):
    """A value in a form that can be compared, such as `30 days`, and as it is written, such as `thirty (30) days`."""

    value: Words
    text: Words


class Flag(Value):
    """A value that changed (both), came (only `after`) or went (only `before`).

    `left` and `right` are up to five words that stand before and after it: in the later version, if it is there.
    """

    kind: Kind
    before: Typed | None
    after: Typed | None
    left: Short = ""
    right: Short = ""


class ClauseEntry(Value):
    """Clauses that belong together, by their places in the sides' lists; several where a clause was split or merged.

    Every clause of both sides is in exactly one entry. `moved` and `edited` may stand together.
    """

    statuses: Annotated[tuple[Status, ...], Field(min_length=1, max_length=2)]
    before: tuple[Count, ...]
    after: tuple[Count, ...]
    segments: tuple[Segment, ...] = ()
    flags: tuple[Flag, ...] = ()


class Summary(Value):
    """Numbers of entries by status, and of flags by kind."""

    same: Count
    edited: Count
    moved: Count
    added: Count
    removed: Count
    flags: dict[Kind, Count]


class Comparison(Value):
    """Two versions of a contract, compared. Entries stand in the new version's order, removed ones where they were."""

    type: Literal["placet/contract-comparison"] = "placet/contract-comparison"
    version: Literal[1] = 1
    language: Literal["en"] = "en"
    before: Side
    after: Side
    summary: Summary
    entries: tuple[ClauseEntry, ...]

    @model_validator(mode="after")
    def _places_are_there(self) -> Comparison:
        for name, side in (("before", self.before), ("after", self.after)):
            if any(place >= len(side.clauses) for entry in self.entries for place in getattr(entry, name)):
                raise ValueError(f"an entry names a clause that {name} does not have")
        return self


def schema() -> dict[str, Any]:
    """JSON Schema of a comparison, as it is published."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Comparison.model_json_schema(mode="serialization"),
    }
