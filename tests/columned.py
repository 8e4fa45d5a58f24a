"""Tables of rows for tests, out of Python's lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from placet.core.column_table import ColumnTable, Kind, column


def columned(columns: Mapping[str, Sequence[Any]]) -> ColumnTable:
    """Texts, numbers or integers, by what the values are."""
    return ColumnTable({name: column(_kind(values), list(values)) for name, values in columns.items()})


def _kind(values: Sequence[Any]) -> Kind:
    if any(isinstance(value, str) for value in values):
        return "text"
    return "number" if any(isinstance(value, float) for value in values) else "integer"
