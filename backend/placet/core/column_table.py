"""A table in columns of numbers, of texts and of 32-byte values; and as one row of bytes, column by column, as it is
kept under seal and goes from a vault to its node. Reading it makes no Python object a cell.

Bytes: a frame (8 bytes of length) of JSON: the number of rows, each column's name and kind, whether a value may be
missing, and the texts about the table; and behind it each column: where values may be missing a frame with a bit a row
(is there one?), the first row in a byte's highest bit; for text a frame of lengths (4 bytes each, little-endian) and
one of UTF-8; for anything else one frame of values, numbers little-endian.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from placet.core.errors import InputError
from placet.core.framing import FrameReader, frame
from placet.core.text_columns import Marks, Places, TextColumn
from placet.core.values import Value, parse

Kind: TypeAlias = Literal["integer", "number", "bytes32", "text"]
_TYPES = {"integer": np.dtype("<i8"), "number": np.dtype("<f8"), "bytes32": np.dtype("S32")}
_KINDS = {one: kind for kind, one in _TYPES.items()}
_LENGTH = np.dtype("<u4")
_WIDTH, _MOST = 8, 1 << 40


@dataclass(frozen=True, eq=False)
class FixedColumn(Sequence[Any]):
    """Integers, binary floating point or 32-byte values. `there`: is there a value in this row? None where there is
    one in each."""

    values: NDArray[Any] = field(repr=False)
    there: Marks | None = field(default=None, repr=False)

    @classmethod
    def of(cls, kind: Kind, values: Sequence[Any]) -> FixedColumn:
        """OverflowError for an integer of more than 64 bits, TypeError for a value of another type."""
        if kind == "bytes32":
            return cls(np.frombuffer(b"".join(values), _TYPES[kind]))
        there = None
        if None in values:
            there = np.array([value is not None for value in values], np.bool_)
            values = [0 if value is None else value for value in values]
        return cls(np.asarray(array("q" if kind == "integer" else "d", values), _TYPES[kind]), there)

    @property
    def kind(self) -> Kind:
        return _KINDS[self.values.dtype]  # type: ignore[return-value]

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, place: int) -> Any: ...
    @overload
    def __getitem__(self, place: slice) -> FixedColumn: ...
    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            return FixedColumn(self.values[place], None if self.there is None else self.there[place])
        return next(iter(self.take(np.array([range(len(self))[place]]))))

    def __iter__(self) -> Iterator[Any]:
        values = (self.values.view("V32") if self.kind == "bytes32" else self.values).tolist()
        if self.there is None:
            return iter(values)
        return (value if there else None for value, there in zip(values, self.there.tolist(), strict=True))

    def take(self, places: Places) -> FixedColumn:
        return FixedColumn(self.values[places], None if self.there is None else self.there[places])

    @classmethod
    def joined(cls, parts: Sequence[FixedColumn]) -> FixedColumn:
        """One part behind the other; one or more, of one kind."""
        there = None
        if any(part.there is not None for part in parts):
            filled = (np.ones(len(part), np.bool_) if part.there is None else part.there for part in parts)
            there = np.concatenate(list(filled))
        return cls(np.concatenate([part.values for part in parts]), there)


Column: TypeAlias = TextColumn | FixedColumn


def column(kind: Kind, values: Sequence[Any]) -> Column:
    """Of Python's values; None where there is none."""
    return TextColumn.of(values) if kind == "text" else FixedColumn.of(kind, values)


class _Named(Value):
    name: str
    kind: Kind
    optional: bool


class _Head(Value):
    rows: Annotated[int, Field(ge=0)]
    columns: tuple[_Named, ...]
    about: dict[str, str]


@dataclass(frozen=True, eq=False)
class ColumnTable:
    """Columns of one length, by name, in order."""

    columns: Mapping[str, Column] = field(repr=False)

    def __len__(self) -> int:
        return next((len(one) for one in self.columns.values()), 0)

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def lists(self) -> dict[str, list[Any]]:
        """Python's values, by column; None where there is none."""
        return {name: list(one) for name, one in self.columns.items()}

    def select(self, names: Iterable[str]) -> ColumnTable:
        return ColumnTable({name: self.columns[name] for name in names})

    def take(self, places: Places) -> ColumnTable:
        """The rows at these places, in their order."""
        return ColumnTable({name: one.take(places) for name, one in self.columns.items()})

    def cut(self, first: int, end: int) -> ColumnTable:
        """The rows from `first` on, before `end`."""
        return ColumnTable({name: one[first:end] for name, one in self.columns.items()})

    @classmethod
    def joined(cls, parts: Sequence[ColumnTable]) -> ColumnTable:
        """One part behind the other, of the same columns; one or more."""
        return cls({name: _joined([part.columns[name] for part in parts]) for name in parts[0].columns})

    def encode(self, **about: str) -> bytes:
        """As one row of bytes, with texts about it."""
        named = tuple(
            _Named(name=name, kind=_kind(one), optional=one.there is not None) for name, one in self.columns.items()
        )
        head = _Head(rows=len(self), columns=named, about=about)
        return b"".join([frame(head.model_dump_json().encode(), _WIDTH), *map(_encoded, self.columns.values())])

    @classmethod
    def decode(cls, raw: bytes) -> tuple[ColumnTable, dict[str, str]]:
        """What `encode` gave, and the texts about it. InputError for anything else."""
        reader = FrameReader(raw, "a table")
        head = parse(_Head, reader.frame(_MOST, _WIDTH), limit=_MOST, what="a table")
        columns = {named.name: _decoded(reader, named, head.rows) for named in head.columns}
        reader.end()
        if len(columns) != len(head.columns):
            raise InputError("a table names a column twice")
        return cls(columns), head.about


def _joined(parts: Sequence[Column]) -> Column:
    texts = [part for part in parts if isinstance(part, TextColumn)]
    return (
        TextColumn.joined(texts)
        if texts
        else FixedColumn.joined([part for part in parts if isinstance(part, FixedColumn)])
    )


def _kind(one: Column) -> Kind:
    return "text" if isinstance(one, TextColumn) else one.kind


def _encoded(one: Column) -> bytes:
    parts = [] if one.there is None else [np.packbits(one.there).tobytes()]
    if isinstance(one, TextColumn):
        parts += [np.diff(one.starts).astype(_LENGTH).tobytes(), one.octets.tobytes()]
    else:
        parts.append(one.values.tobytes())
    return b"".join(frame(part, _WIDTH) for part in parts)


def _decoded(reader: FrameReader, named: _Named, rows: int) -> Column:
    there = None
    if named.optional:
        packed = np.frombuffer(_part(reader, -(-rows // 8)), np.uint8)
        there = np.unpackbits(packed, count=rows).astype(np.bool_)
    if named.kind != "text":
        kind = _TYPES[named.kind]
        return FixedColumn(np.frombuffer(_part(reader, rows * kind.itemsize), kind), there)
    lengths = np.frombuffer(_part(reader, rows * _LENGTH.itemsize), _LENGTH)
    try:
        return TextColumn.of_lengths(lengths, reader.frame(_MOST, _WIDTH), there)
    except ValueError:
        raise InputError("a column of a table holds no text", expected="UTF-8", found=named.name) from None


def _part(reader: FrameReader, size: int) -> bytes:
    part = reader.frame(_MOST, _WIDTH)
    if len(part) != size:
        raise InputError("a column of a table has not as many values as rows", expected=size, found=len(part))
    return part
