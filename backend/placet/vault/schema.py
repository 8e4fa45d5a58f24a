"""What a table looks like: its columns, its id, its row commitments, and what the vault tells about it."""

from __future__ import annotations

import re
from typing import Annotated, Literal, get_args

from pydantic import Field, ValidationError, model_validator

from placet.core.errors import DataError
from placet.core.hashing import document_hash, sha256
from placet.core.ids import DatasetId, JobId
from placet.core.namespace import Namespace
from placet.core.offers import MAX_DECIMALS, Decimals, Subjects
from placet.core.row import MAX_COLUMNS
from placet.core.values import NAME_PATTERN, Bytes32, Name, Value

ColumnType = Literal["integer", "number", "text", "optional-integer", "optional-number", "optional-text"]
Cell = int | float | str | None
"""integer: within ±2^62; number: a finite float64; text: not empty; optional-text: text that may be empty. None where a
cell of a column of the types optional-integer and optional-number is empty: a value that is missing is not 0."""
WHOLE: frozenset[str] = frozenset({"integer", "optional-integer"})
"""Types of columns whose amounts may have decimals."""
COLUMN_TYPES: tuple[ColumnType, ...] = get_args(ColumnType)
MODEL_DIGITS = 32
"""Hexadecimal digits of a job's id in the name of the model that it made."""
_MODEL_NAME = re.compile(rf"model-[0-9a-f]{{{MODEL_DIGITS}}}")


class Column(Value):
    """Where a column comes from in the file, and what it holds. `decimals`: how many digits the amounts of a column of
    integers may have after the point; they become integers of 10^-`decimals`."""

    source: Annotated[str, Field(min_length=1, max_length=200)]
    type: ColumnType
    decimals: Annotated[int, Field(ge=0, le=MAX_DECIMALS, strict=True)] = 0

    @model_validator(mode="after")
    def _whole(self) -> Column:
        if self.decimals and self.type not in WHOLE:
            raise ValueError("only a column of integers has decimals")
        return self

    @classmethod
    def of(cls, source: str, kind: str, decimals: int = 0) -> Column:
        """DataError (`data.mapping`) for what no column is."""
        if kind not in COLUMN_TYPES:
            raise DataError(
                "unknown column type", expected=", ".join(COLUMN_TYPES), found=repr(kind[:40]), code="data.mapping"
            )
        try:
            return cls(source=source, type=kind, decimals=decimals)
        except ValidationError:
            raise DataError(
                f"the column {source[:40]!r} can't be taken",
                expected=f"a name of 1 to 200 characters; 0 to {MAX_DECIMALS} decimals, of an integer column",
                found=f"{len(source)} characters, type {kind}, {decimals} decimals",
                code="data.mapping",
            ) from None

    @classmethod
    def from_text(cls, text: str, decimals: int = 0) -> Column:
        """`SOURCE` (an integer) or `SOURCE:TYPE`, as on a command line."""
        source, colon, kind = text.rpartition(":")
        return cls.of(source, kind, decimals) if colon else cls.of(text, "integer", decimals)


def _none(value: object) -> bool:
    return value is None


class Field_(Value):  # noqa: N801 - `Field` is pydantic's
    """One column as it is hashed into the schema. Its integers count 10^-`decimals`; there is no such field for 0."""

    name: Name
    type: ColumnType
    decimals: Annotated[Decimals | None, Field(exclude_if=_none)] = None

    @model_validator(mode="after")
    def _of_integers(self) -> Field_:
        if self.decimals is not None and self.type not in WHOLE:
            raise ValueError("only a column of integers has decimals")
        return self


class Schema(Value):
    """The document whose hash stands on chain. `identifier` is a text column that names a row's subject, `namespace`
    what kind of identifier its values are; a table of an earlier version that has none serves nothing."""

    type: Literal["placet.schema"] = "placet.schema"
    version: Literal[1] = 1
    identifier: Name
    namespace: Annotated[Namespace | None, Field(exclude_if=lambda value: value is None)] = None
    columns: Annotated[tuple[Field_, ...], Field(min_length=1, max_length=MAX_COLUMNS)]

    @model_validator(mode="after")
    def _identified(self) -> Schema:
        if len({c.name for c in self.columns}) != len(self.columns):
            raise ValueError("a column stands in the schema twice")
        if not any(c.name == self.identifier and c.type == "text" for c in self.columns):
            raise ValueError("the identifier must be one of the columns, of type text")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)


class DatasetInfo(Value):
    """A table for the institution itself, or its part of a model, of which `origin` is the job that made it.
    `dataset`, `schema_hash`, `commitment` are what it registers on chain. `personal` false means that the rows belong
    to the institution: who imported them said so."""

    name: Name
    dataset: DatasetId
    table: Schema
    commitment: Bytes32
    rows: int
    version: int
    personal: bool = True
    origin: JobId | None = None

    @property
    def subjects(self) -> Subjects:
        """As the dataset is registered."""
        return Subjects.of(self.personal) if self.origin is None else Subjects.MODEL

    @property
    def schema_hash(self) -> bytes:
        return document_hash(self.table)

    @property
    def columns(self) -> tuple[str, ...]:
        return self.table.names

    @property
    def decimals(self) -> dict[str, int]:
        """By column of amounts that has any."""
        return {one.name: one.decimals for one in self.table.columns if one.decimals is not None}

    @property
    def identifier(self) -> str:
        return self.table.identifier


def demand_name(name: str, what: str = "table") -> None:
    """DataError (`data.name`) for a name that no table, or no column of one, can have."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise DataError(
            f"a name that no {what} can have",
            expected="1 to 64 small letters, digits, dots, hyphens and underscores, a letter or digit first",
            found=repr(name[:80]),
            remedy="choose another name" if what == "table" else "give it another name: NAME=SOURCE",
            code="data.name",
        )


def demand_no_model(name: str) -> None:
    """DataError (`data.name`) for a table's name that a part of a model may have."""
    if _MODEL_NAME.fullmatch(name):
        raise DataError(
            "a name as parts of models have it",
            found=name,
            remedy="choose another name",
            code="data.name",
        )


def model_name(job: JobId) -> str:
    """What a vault calls its part of the model that a job made: `model-` and the first 32 digits of the job's id. Who
    proposes a job chooses its salt, so a short name could be made to be another model's too; that two of 128 bits are
    alike takes some 2^64 tries, and a vault refuses the second."""
    return f"model-{job.hex()[:MODEL_DIGITS]}"


def dataset_id(institution: bytes, name: str, salt: bytes) -> DatasetId:
    """A dataset's id on chain: SHA-256("placet.dataset/1" ‖ salt(32) ‖ institution(20) ‖ UTF-8 name)."""
    return DatasetId(sha256(b"placet.dataset/1", salt, institution, name.encode()))
