"""The rows of a result as a table: in the files' own unit, and with who consents."""

from __future__ import annotations

from collections.abc import Iterable
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
        return written(_totals(data, outcome))
    names = list(dict.fromkeys(name for row in rows for name in row))
    return written([names, *([row.get(name, "") for name in names] for row in rows)])


def consenting(data: StudyData) -> frozenset[str]:
    """All persons who consent somewhere."""
    return frozenset().union(*(table.willing for table in data.tables.values()))


def _totals(data: StudyData, outcome: StudyOutcome) -> Iterable[tuple[str, ...]]:
    value = "total" if "total" in outcome.rows[0] else "level"
    willing, decimals = consenting(data), data.terms.decimals if value == "total" else 0
    yield ("customer", "consents", value)
    for row in outcome.rows:
        consents = "yes" if row["customer"] in willing else "no"
        yield row["customer"], consents, f"{Decimal(row[value]).scaleb(-decimals):f}"
