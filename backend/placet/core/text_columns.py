"""Columns of text as Arrow lays them out, UTF-8 one value after the other: canonical JSON and lists of whole columns.

What is said of a whole column is what `core.hashing.canonical` says of its list, some ten times faster.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeAlias, overload

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view as window
from numpy.typing import NDArray

from placet.core.hashing import canonical

Places: TypeAlias = NDArray[np.int64]
"""Numbers of rows."""
Marks: TypeAlias = NDArray[np.bool_]
_ESCAPED = np.zeros(256, np.bool_)
_ESCAPED[:32] = True
_ESCAPED[list(b'"\\')] = True
_CONTINUES, _OF_TWO_BITS = 0x80, 0xC0
"""How a byte of UTF-8 begins that is not the first of its character."""


@dataclass(frozen=True, eq=False)
class TextColumn(Sequence[str | None]):
    """`starts`: where each value begins in `octets`, from 0, and where the last one ends. `there`: is there a value in
    this row? None where there is one in each."""

    starts: Places = field(repr=False)
    octets: NDArray[np.uint8] = field(repr=False)
    there: Marks | None = field(default=None, repr=False)

    @classmethod
    def of(cls, values: Iterable[str | None]) -> TextColumn:
        """UnicodeEncodeError for text that is no Unicode."""
        listed = list(values)
        there = None
        if None in listed:
            there = np.array([value is not None for value in listed], np.bool_)
        texts = [value or "" for value in listed]
        whole = "".join(texts)
        if whole.isascii():
            return cls(_starts(map(len, texts), len(texts)), _octets(whole.encode()), there)
        return cls.of_bytes([text.encode() for text in texts], there)

    @classmethod
    def of_bytes(cls, values: Sequence[bytes], there: Marks | None = None) -> TextColumn:
        """From values in UTF-8."""
        return cls(_starts(map(len, values), len(values)), _octets(b"".join(values)), there)

    @classmethod
    def of_lengths(cls, lengths: NDArray[Any], content: bytes, there: Marks | None) -> TextColumn:
        """From each value's length in bytes, and all values. ValueError for what is no UTF-8, or does not fit."""
        starts = _ends_of(lengths)
        if starts[-1] != len(content) or (there is not None and len(there) != len(lengths)):
            raise ValueError("a column of text of another length")
        octets = _octets(content)
        if not content.isascii():
            content.decode()
            inner = starts[starts < len(content)]
            if ((octets[inner] & _OF_TWO_BITS) == _CONTINUES).any():
                raise ValueError("a text begins within a character")
        return cls(starts, octets, there)

    @classmethod
    def joined(cls, parts: Sequence[TextColumn]) -> TextColumn:
        """One part behind the other; one or more."""
        if len(parts) == 1:
            return parts[0]
        there = None
        if any(part.there is not None for part in parts):
            there = np.concatenate([part.filled for part in parts])
        lengths = np.concatenate([np.diff(part.starts) for part in parts])
        return cls(_ends_of(lengths), np.concatenate([part.octets for part in parts]), there)

    @property
    def filled(self) -> Marks:
        """Is there a value, row by row?"""
        return np.ones(len(self), np.bool_) if self.there is None else self.there

    @property
    def null_count(self) -> int:
        return 0 if self.there is None else int((~self.there).sum())

    def __len__(self) -> int:
        return len(self.starts) - 1

    @overload
    def __getitem__(self, place: int) -> str | None: ...
    @overload
    def __getitem__(self, place: slice) -> TextColumn: ...
    def __getitem__(self, place: int | slice) -> str | TextColumn | None:
        if not isinstance(place, slice):
            return next(iter(self.take(np.array([range(len(self))[place]]))))
        rows = range(len(self))[place]
        if rows.step != 1:
            return self.take(np.array(rows, np.int64))
        starts = self.starts[rows.start : max(rows.start, rows.stop) + 1]
        there = None if self.there is None else self.there[place]
        return TextColumn(starts - starts[0], self.octets[starts[0] : starts[-1]], there)

    def __iter__(self) -> Iterator[str | None]:
        texts = map(bytes.decode, listed(self))
        if self.there is None:
            return texts
        return (text if there else None for text, there in zip(texts, self.there.tolist(), strict=True))

    def take(self, places: Places) -> TextColumn:
        """The rows at these places, in their order."""
        if len(places) == len(self) and (places == np.arange(len(self))).all():
            return self
        there = None if self.there is None else self.there[places]
        width = len(self.octets) // len(self) if len(self) else 0
        if width and (np.diff(self.starts) == width).all():
            taken = self.octets.reshape(-1, width)[places].reshape(-1)
            return TextColumn(width * np.arange(len(places) + 1), taken, there)
        begins, lengths = self.starts[places], np.diff(self.starts)[places]
        starts = _ends_of(lengths)
        taken = np.empty(starts[-1], np.uint8)
        order = np.argsort(lengths, kind="stable")
        sizes, firsts = np.unique(lengths[order], return_index=True)
        for size, rows in zip(sizes.tolist(), np.split(order, firsts[1:]), strict=False):  # of one length: a matrix
            if size:
                window(taken, size, writeable=True)[starts[:-1][rows]] = window(self.octets, size)[begins[rows]]
        return TextColumn(starts, taken, there)

    def without(self, marks: Marks) -> TextColumn:
        """The same without the values of the marked rows, which stay in place."""
        values = [b"" if out else value for value, out in zip(listed(self), marks.tolist(), strict=True)]
        return TextColumn.of_bytes(values, self.filled & ~marks)

    def equals(self, other: TextColumn) -> bool:
        """Has it the same values?"""
        return (
            np.array_equal(self.starts, other.starts)
            and np.array_equal(self.octets, other.octets)
            and np.array_equal(self.filled, other.filled)
        )

    def repeated(self) -> Marks | None:
        """The rows whose value another row has too; None where there are none."""
        values = listed(self)
        filled = values if self.there is None else listed(self.take(np.flatnonzero(self.there)))
        if len(set(filled)) == len(filled):
            return None
        often = {value for value, count in Counter(filled).items() if count > 1}
        return among(values, often) & self.filled


def among(values: Sequence[bytes], known: set[bytes]) -> Marks:
    """Is each value one of these?"""
    return np.fromiter(map(known.__contains__, values), np.bool_, len(values))


def bits(places: Sequence[int] | Places, count: int) -> bytes:
    """A bit for each of so many rows, the first of a byte first: is it among these?"""
    marks = np.zeros(count, np.bool_)
    marks[np.asarray(places, np.intp)] = True
    return np.packbits(marks).tobytes()


def written(column: TextColumn) -> bytes:
    """Canonical JSON of the list of texts and nulls."""
    if not len(column):
        return b"[]"
    if _ESCAPED[column.octets].any():
        return canonical(list(column))
    if column.there is None:
        return b'["' + _joined(column, b'","') + b'"]'
    rows = zip(listed(column), column.there.tolist(), strict=True)
    return b"[" + b",".join([b'"%b"' % value if there else b"null" for value, there in rows]) + b"]"


def written_places(places: Places) -> bytes:
    """Canonical JSON of the list of numbers."""
    return str(places.tolist()).replace(" ", "").encode()


def written_objects(name: str, column: TextColumn) -> bytes:
    """Canonical JSON of a list of objects, each with one of the texts, of which none may be null, under `name`."""
    if not len(column):
        return b"[]"
    if _ESCAPED[column.octets].any():
        return canonical([{name: value} for value in column])
    key = canonical(name)
    return b"[{" + key + b':"' + (b'"},{' + key + b':"').join(listed(column)) + b'"}]'


def listed(column: TextColumn) -> list[bytes]:
    """Every value in UTF-8; nothing where there is none."""
    if len(column) and not (column.octets == ord("\n")).any():
        return _joined(column, b"\n").split(b"\n")
    whole, places = column.octets.tobytes(), column.starts.tolist()
    return [whole[begin:end] for begin, end in pairwise(places)]


def _joined(column: TextColumn, between: bytes) -> bytes:
    """All values, of which there is one or more, with some bytes between each two."""
    ends = column.starts[1:-1] + len(between) * np.arange(len(column) - 1)
    whole = np.empty(len(column.octets) + len(between) * len(ends), np.uint8)
    content = np.ones(len(whole), np.bool_)
    for place, byte in enumerate(between):
        whole[ends + place], content[ends + place] = byte, False
    whole[content] = column.octets
    return whole.tobytes()


def _starts(lengths: Iterable[int], count: int) -> Places:
    return _ends_of(np.fromiter(lengths, np.int64, count))


def _ends_of(lengths: NDArray[Any]) -> Places:
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


def _octets(content: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(content, np.uint8)
