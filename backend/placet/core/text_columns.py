"""Columns of text as Arrow has them: canonical JSON and lists of whole columns, without a Python object a value.

Every function says the same as `core.hashing.canonical` does of the column's list, some ten times faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from placet.core.hashing import canonical

Texts: TypeAlias = pa.LargeStringArray
"""UTF-8 texts; null where there is none."""
Places: TypeAlias = NDArray[np.int64]
"""Numbers of rows."""
_TEXT = pa.large_string()
_ESCAPED = np.zeros(256, np.bool_)
_ESCAPED[:32] = True
_ESCAPED[list(b'"\\')] = True


def bits(places: Sequence[int] | Places, count: int) -> bytes:
    """A bit for each of so many rows, the first of a byte first: is it among these?"""
    marks = np.zeros(count, np.bool_)
    marks[np.asarray(places, np.intp)] = True
    return np.packbits(marks).tobytes()


def texts(column: pa.ChunkedArray | list[str | None]) -> Texts:
    """One array. pa.ArrowInvalid for text that is no Unicode."""
    if isinstance(column, list):
        return pa.array(column, _TEXT)
    whole = column.cast(_TEXT).combine_chunks()
    return whole if isinstance(whole, pa.Array) else pa.concat_arrays([*whole.chunks, pa.array([], _TEXT)])


def octets(column: Texts) -> NDArray[np.uint8]:
    """All values' bytes, one value after the other."""
    _, ends, content = column.buffers()
    if content is None or not len(column):
        return np.empty(0, np.uint8)
    offsets = np.frombuffer(ends, np.int64, len(column) + 1, 8 * column.offset)
    return np.frombuffer(content, np.uint8)[offsets[0] : offsets[-1]]


def starts(column: Texts) -> Places:
    """Where each value begins in `octets`, and where the last one ends."""
    offsets: Places = np.frombuffer(column.buffers()[1], np.int64, len(column) + 1, 8 * column.offset)
    begins: Places = offsets - offsets[0]
    return begins


def written(column: Texts) -> bytes:
    """Canonical JSON of the list of texts and nulls."""
    if not len(column):
        return b"[]"
    if _ESCAPED[octets(column)].any():
        return canonical(column.to_pylist())
    if column.null_count:
        quote = pa.scalar('"', _TEXT)
        quoted = pc.binary_join_element_wise(quote, column, quote, pa.scalar("", _TEXT))
        return b"[" + _joined(quoted.fill_null("null"), ",") + b"]"
    return b'["' + _joined(column, '","') + b'"]'


def written_places(places: Places) -> bytes:
    """Canonical JSON of the list of numbers."""
    return b"[" + _joined(pa.array(places, pa.int64()).cast(_TEXT), ",") + b"]"


def written_objects(name: str, column: Texts) -> bytes:
    """Canonical JSON of a list of objects, each with one of the texts, of which none may be null, under `name`."""
    if not len(column):
        return b"[]"
    if _ESCAPED[octets(column)].any():
        return canonical([{name: value} for value in column.to_pylist()])
    key = canonical(name).decode()
    return f'[{{{key}:"'.encode() + _joined(column, f'"}},{{{key}:"') + b'"}]'


def listed(column: Texts) -> list[bytes]:
    """Every value in UTF-8; none may be null."""
    if not len(column):
        return []
    if (octets(column) == ord("\n")).any():
        return [value.encode() for value in column.to_pylist()]
    return _joined(column, "\n").split(b"\n")


def _joined(column: Texts, between: str) -> bytes:
    """All values, of which none is null, with a text between each two."""
    whole = pa.LargeListArray.from_arrays(pa.array([0, len(column)], pa.int64()), column)
    joined: Any = pc.binary_join(whole, pa.scalar(between, _TEXT))
    return bytes(joined[0].as_buffer())
