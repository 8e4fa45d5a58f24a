"""A row's commitment: what stands on chain of it, salted, before any job. Single cells of it can be opened.

    row commitment = SHA-256("placet.row/1" ‖ SHA-256(canonical JSON of the columns' names) ‖ each cell's digest)
    cell's digest  = SHA-256("placet.cell/1" ‖ the cell's salt ‖ canonical JSON of the cell)
    cells' salts   = SHAKE-256("placet.cells/1" ‖ the row's salt), 32 bytes a cell

Columns ascend by code point everywhere. A cell that is not opened is hidden by its own salt (FIPS 202: SHAKE-256 as a
pseudorandom function of the row's), and no cell can take another one's place, since the names fix all of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from json.encoder import encode_basestring

from placet.core.hashing import canonical, sha256

_Cell = int | float | str | None
MAX_COLUMNS = 64
"""Of a table."""
_CELL, _SALT = b"placet.cell/1", 32


def cell_value(cell: _Cell) -> float | str | None:
    """A cell as its digest has it: integers as decimal strings, missing as null."""
    return str(cell) if isinstance(cell, int) else cell


def cell_digest(salt: bytes, cell: _Cell) -> bytes:
    """Of one cell under its own salt. InputError for a number that is not finite."""
    return hashlib.sha256(_CELL + salt + _text(cell)).digest()


def _text(cell: _Cell) -> bytes:
    """Canonical JSON; the same as `canonical(cell_value(cell))`, several times faster for what most cells are."""
    if type(cell) is str:
        return encode_basestring(cell).encode()
    return b'"%d"' % cell if type(cell) is int else canonical(cell_value(cell))


class RowForm:
    """How the rows of one table are committed to; its columns as `names` has them, each once."""

    def __init__(self, names: Collection[str]) -> None:
        self.columns = tuple(sorted(names))
        self._order = sorted(range(len(self.columns)), key=list(names).__getitem__)
        self._head = b"placet.row/1" + sha256(canonical(list(self.columns)))

    def salts(self, salt: bytes) -> list[bytes]:
        """Of a row's cells, in the order of `columns`; `salt`: the row's, 32 bytes."""
        stream = hashlib.shake_256(b"placet.cells/1" + salt).digest(_SALT * len(self.columns))
        return [stream[at : at + _SALT] for at in range(0, len(stream), _SALT)]

    def commitment(self, salt: bytes, row: Sequence[_Cell]) -> bytes:
        """Of a row under its salt, its cells in the order of the names that were given."""
        return self.combined(
            [cell_digest(own, row[place]) for own, place in zip(self.salts(salt), self._order, strict=True)]
        )

    def combined(self, digests: Sequence[bytes]) -> bytes:
        """The row commitment over the cells' digests, in the order of `columns`."""
        return hashlib.sha256(self._head + b"".join(digests)).digest()


def row_commitment(salt: bytes, row: Mapping[str, _Cell]) -> bytes:
    """Of one row by its columns."""
    return RowForm(row).commitment(salt, list(row.values()))
