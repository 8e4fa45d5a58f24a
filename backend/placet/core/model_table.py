"""A model that no job made, as a table of its institution's own: its document in pieces, as a cell is not so long."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from placet.core.errors import InputError

PIECE, DOCUMENT = MODEL_TABLE = ("piece", "document")
"""The table's columns: their order, and pieces of the document's base64."""
PIECE_LENGTH = 4_000
"""Characters of a cell."""


def pieces_of(document: bytes) -> list[tuple[str, str]]:
    """(piece, document): the rows of a table that holds a model's document, which is longer than a cell may be."""
    text = base64.b64encode(document).decode()
    return [
        (f"{place:04}", text[start : start + PIECE_LENGTH])
        for place, start in enumerate(range(0, len(text), PIECE_LENGTH))
    ]


def document_of(pieces: Sequence[Any], texts: Sequence[Any]) -> bytes:
    """InputError for rows that are no document in pieces."""
    rows = sorted(zip(map(str, pieces), map(str, texts), strict=True))
    try:
        if [piece for piece, _ in rows] != [f"{place:04}" for place in range(len(rows))]:
            raise ValueError
        return base64.b64decode("".join(text for _, text in rows), validate=True)
    except ValueError:
        raise InputError(
            "the table is no model in pieces",
            expected="each piece once, as placet model table writes them",
            found=f"{len(rows)} rows",
            code="transfer.model",
        ) from None
