"""A row's commitment: what stands on chain of it, salted, before any job."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from placet.core.hashing import canonical, sha256


def cells_of(row: Mapping[str, int | float | str | None]) -> dict[str, JsonValue]:
    """A row's cells as its commitment has them: integers as decimal strings, missing as null."""
    return {name: str(cell) if isinstance(cell, int) else cell for name, cell in row.items()}


def row_commitment(salt: bytes, cells: Mapping[str, JsonValue]) -> bytes:
    """SHA-256("placet.row/1" ‖ salt(32) ‖ canonical JSON of the cells)."""
    return sha256(b"placet.row/1", salt, canonical(dict(cells)))
