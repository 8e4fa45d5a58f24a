"""What can be said of a study before it runs: what comes together, what looks wrong, how long it will take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from placet.core.damage import nearly_alike
from placet.core.lawful import Tells
from placet.study.estimate import Estimate, estimate
from placet.study.tables import ALIKE, StudyData, StudyTable

FEW_POSITIVE = 30
"""Positive labels below which no model is worth the name."""


@dataclass(frozen=True)
class ColumnFacts:
    """A column of an institution: in how many of its rows nothing stands there, and how many values there are."""

    name: str
    type: str
    missing: int
    values: int


@dataclass(frozen=True)
class TableFacts:
    """An institution's table: rows, those that a job may use, those of these that are in the consumer's list."""

    name: str
    role: str
    rows: int
    usable: int
    matched: int
    columns: tuple[ColumnFacts, ...]


@dataclass(frozen=True)
class LabelFacts:
    """Of the rows that meet everywhere: how many there are, and how many have the label 1."""

    column: str
    rows: int
    positive: int


@dataclass(frozen=True)
class StudyJudgement:
    """`everywhere`: the consumer's usable rows that all providers have usable ones for; `somewhere`: that any has."""

    tables: tuple[TableFacts, ...]
    everywhere: int
    somewhere: int
    label: LabelFacts | None
    warnings: tuple[str, ...]
    estimate: Estimate

    def to_json(self) -> dict[str, Any]:
        """As a plain JSON object."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """For people, a line each, without the warnings."""
        for table in self.tables:
            missing = [f"{one.name} {one.missing / table.rows:.0%}" for one in table.columns if one.missing]
            yield (
                f"{table.name} ({table.role}): {table.rows:,} rows, {table.usable:,} may be used, "
                f"{table.matched:,} of these are in the consumer's list"
            )
            if missing:
                yield f"  missing values: {', '.join(missing)}"
        yield f"{self.somewhere:,} of the consumer's rows have a row somewhere, {self.everywhere:,} everywhere"
        if self.label is not None:
            share = f" ({self.label.positive / self.label.rows:.1%})" if self.label.rows else ""
            yield f"label {self.label.column}: {self.label.positive:,} of {self.label.rows:,} rows have a 1{share}"
        yield f"estimate: {self.estimate.words}"


def judge(data: StudyData) -> StudyJudgement:
    """All of it."""
    everywhere, somewhere = _meeting(data)
    label = _label(data, everywhere)
    rows = len(everywhere) if data.terms.joins_all else len(data.consumer.usable)
    return StudyJudgement(
        tables=tuple(_facts(data, table) for table in data.tables.values()),
        everywhere=len(everywhere),
        somewhere=len(somewhere),
        label=label,
        warnings=tuple(_warnings(data, len(everywhere), label)),
        estimate=estimate(data, rows),
    )


def _meeting(data: StudyData) -> tuple[frozenset[str], frozenset[str]]:
    everywhere = data.consumer.usable
    somewhere: frozenset[str] = frozenset()
    for table in data.providers:
        everywhere &= table.usable
        somewhere |= table.usable & data.consumer.usable
    return everywhere, somewhere


def _facts(data: StudyData, table: StudyTable) -> TableFacts:
    return TableFacts(
        name=table.part.institution.name,
        role=table.part.role.name,
        rows=len(table.identifiers),
        usable=len(table.usable),
        matched=len(table.usable & data.consumer.known),
        columns=tuple(
            ColumnFacts(name, table.part.institution.columns[name].type, table.missing(name), len(set(cells)))
            for name, cells in table.cells.items()
        ),
    )


def _label(data: StudyData, everywhere: frozenset[str]) -> LabelFacts | None:
    name = data.terms.study.label
    if name is None:
        return None
    rows = everywhere if data.terms.joins_all else data.consumer.usable
    labels = dict(zip(data.consumer.identifiers, data.consumer.cells[name], strict=True))
    return LabelFacts(name, len(rows), sum(labels[person] == 1 for person in rows))


def _warnings(data: StudyData, everywhere: int, label: LabelFacts | None) -> Iterator[str]:
    yield from data.damaged
    tells: Tells = data.terms.tells
    for table in data.providers:
        name = table.part.institution.name
        if data.consumer.usable.isdisjoint(table.usable):
            yield f"{name}: no row that may be used is in the consumer's list"
        if near := nearly_alike(data.consumer.identifiers, table.known):
            yield f"{name}: {near} more of the consumer's would have a row there {ALIKE}"
    if data.terms.joins_all and everywhere < tells.group:
        yield f"{everywhere} rows meet everywhere, fewer than the smallest group of {tells.group}: nothing is told"
    if label is None:
        return
    values = set(data.consumer.cells[label.column])
    if not values <= {0, 1}:
        yield f"label {label.column}: other values than 0 and 1"
    elif min(label.positive, label.rows - label.positive) < FEW_POSITIVE:
        yield f"label {label.column}: fewer than {FEW_POSITIVE} rows of a kind, too few to learn from"
