"""Columns of a provider's rows, as recipes read them that count on whole numbers of known people."""

from __future__ import annotations

from placet.core.errors import DataError, LimitError
from placet.vault.rows import Rows


def subjects(rows: Rows, named: str) -> list[bytes]:
    """Whose each row is. DataError where the plan has `named` another column than the one that tells it."""
    if rows.identifier != named:
        raise DataError(
            "the plan compares another column than the one that names a row's person",
            expected=rows.identifier,
            found=named,
        )
    return [str(value).encode() for value in rows.columns[named]]


def demand_at_most(rows: Rows, most: int, code: str = "joint.list") -> None:
    """LimitError for more rows than a recipe takes of one party."""
    if rows.count > most:
        raise LimitError("too many rows", expected=f"at most {most}", found=rows.count, code=code)


def whole(rows: Rows, named: str) -> list[int]:
    """Each row's number in a column. DataError where one is no integer."""
    values = [value for value in rows.columns[named] if isinstance(value, int)]
    if len(values) != len(rows.columns[named]):
        raise DataError("only integers are added up", found=f"column {named}")
    return values
