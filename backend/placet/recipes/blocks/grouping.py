"""Which group of a plan's axis each row is in."""

from __future__ import annotations

from placet.catalogue.private_statistics import Axis
from placet.core.errors import DataError
from placet.models.noisy import group_of_number, group_of_text
from placet.vault.rows import Rows


def numbers_of(rows: Rows, column: str) -> list[int | None]:
    """Each row's whole number, None where it is missing. DataError where one is no integer."""
    values: list[int | None] = rows.columns[column]
    if not all(value is None or isinstance(value, int) for value in values):
        raise DataError("only integers are added up or put in order", found=f"column {column}")
    return values


def groups(axis: Axis, rows: Rows) -> list[int | None]:
    """Each row's group, None where it has no value."""
    if axis.edges:
        numbers = numbers_of(rows, axis.column)
        return [None if value is None else group_of_number(axis.edges, value) for value in numbers]
    texts = rows.columns[axis.column]
    return [None if value is None or value == "" else group_of_text(axis.values, str(value)) for value in texts]
