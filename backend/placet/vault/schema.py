"""What a table looks like: its columns, its id, its row commitments, and what the vault tells about it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from placet.core.errors import DataError
from placet.core.hashing import canonical, document_hash, sha256
from placet.core.ids import DatasetId
from placet.core.values import Bytes32, Name, Value

ColumnType = Literal["integer", "number", "text"]
Cell = int | float | str
"""integer: within ±2^62; number: a finite float64; text: not empty."""


class Column(Value):
    """Where a column comes from in the file, and what it holds."""

    source: Annotated[str, Field(min_length=1, max_length=200)]
    type: ColumnType

    @classmethod
    def from_text(cls, text: str) -> Column:
        """`SOURCE` (an integer) or `SOURCE:TYPE`, as on a command line."""
        source, colon, kind = text.rpartition(":")
        if not colon:
            return cls(source=text, type="integer")
        for known in ("integer", "number", "text"):
            if kind == known:
                return cls(source=source, type=known)
        raise DataError("unknown column type", expected="integer, number or text", found=kind[:40], code="data.mapping")


class Field_(Value):  # noqa: N801 - `Field` is pydantic's
    """One column as it is hashed into the schema."""

    name: Name
    type: ColumnType


class Schema(Value):
    """The document whose hash stands on chain. `identifier` is a text column that names a row's subject."""

    type: Literal["placet.schema"] = "placet.schema"
    version: Literal[1] = 1
    identifier: Name
    columns: Annotated[tuple[Field_, ...], Field(min_length=1, max_length=64)]

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
    """A table for the institution itself. `dataset`, `schema_hash`, `commitment` are what it
    registers on chain. `personal` false means that the rows belong to the institution: who imported them said so."""

    name: Name
    dataset: DatasetId
    table: Schema
    commitment: Bytes32
    rows: int
    version: int
    personal: bool = True

    @property
    def schema_hash(self) -> bytes:
        return document_hash(self.table)

    @property
    def columns(self) -> tuple[str, ...]:
        return self.table.names

    @property
    def identifier(self) -> str:
        return self.table.identifier


def dataset_id(institution: bytes, name: str, salt: bytes) -> DatasetId:
    """A dataset's id on chain: SHA-256("placet.dataset/1" ‖ salt(32) ‖ institution(20) ‖ UTF-8 name)."""
    return DatasetId(sha256(b"placet.dataset/1", salt, institution, name.encode()))


def row_commitment(salt: bytes, row: dict[str, Cell]) -> bytes:
    """SHA-256("placet.row/1" ‖ salt(32) ‖ canonical JSON of the row); integers as decimal strings."""
    document = {name: str(cell) if isinstance(cell, int) else cell for name, cell in row.items()}
    return sha256(b"placet.row/1", salt, canonical(document))
