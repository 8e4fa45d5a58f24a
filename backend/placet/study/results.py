"""The rows of a result as a table: in the files' own unit, and with who consents."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from placet.core.csv_file import written
from placet.study.outcome import StudyOutcome
from placet.study.tables import StudyData


def result_table(data: StudyData, outcome: StudyOutcome) -> bytes | None:
    """CSV of the result's rows; None where it has none."""
    rows = outcome.rows
    if not rows:
        return None
    if data.terms.spec.name == "asset-view":
        consenting = frozenset[str]().union(*(table.willing for table in data.tables.values()))
        return totals(rows, consenting, data.terms.decimals)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return written([names, *([row.get(name, "") for name in names] for row in rows)])


def totals(rows: Sequence[Mapping[str, str]], consenting: Collection[str], decimals: int) -> bytes:
    """Of `asset-view`: totals in the files' own unit, or levels, each with whether the customer consents anywhere."""
    value = "level" if rows and "level" in rows[0] else "total"
    lines = [("customer", "consents", value)]
    for row in rows:
        consents = "yes" if row["customer"] in consenting else "no"
        number = row[value] if value == "level" else f"{Decimal(row[value]).scaleb(-decimals):f}"
        lines.append((row["customer"], consents, number))
    return written(lines)
