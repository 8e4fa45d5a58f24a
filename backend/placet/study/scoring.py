"""Scores, decisions and reasons of the consumer's customers by a scorecard that it got, in a rehearsal.

A rehearsal holds all files, so it scores in the clear what between institutions another job scores. Where high scores
speak for label 0, reasons are the columns in which somebody loses most points to the best bin, as a refused applicant
is to be told; where they speak for label 1, those that lift him most above all others' mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from placet.catalogue.spec import CONSUMER
from placet.core.csv_file import written
from placet.models.scorecard import Scorecard
from placet.study.document import Decision
from placet.study.tables import StudyData, StudyTable

REASONS = 3


def scored(data: StudyData, card: Scorecard) -> bytes:
    """CSV of customers by descending score: score, the probability of label 1, a decision where the study says how one
    is made, and the reasons."""
    customers = _customers(data)
    values = {(one.party, one.column): _values(data, one.party, one.column, customers) for one in card.columns}
    points = card.points(values)
    scores = card.base + points.sum(axis=1)
    reasons = _reasons(data, card, values, points)
    decision = data.terms.study.decision
    header = ["customer", "score", "probability", *(["decision"] if decision else [])]
    lines: list[list[object]] = [[*header, *(f"reason_{place}" for place in range(1, REASONS + 1))]]
    for row in sorted(range(len(customers)), key=lambda one: (-int(scores[one]), customers[one])):
        probability = card.scale.probability(int(scores[row]))
        line: list[object] = [customers[row], int(scores[row]), f"{probability:.4f}"]
        lines.append([*line, *([decided(decision, probability)] if decision else []), *reasons[row]])
    return written(lines)


def decided(decision: Decision, probability: float) -> str:
    """The study's word for a probability of label 1."""
    yes, no, between = decision.words
    if decision.yes[0] <= probability <= decision.yes[1]:
        return yes
    return no if decision.no[0] <= probability <= decision.no[1] else between


def _customers(data: StudyData) -> list[str]:
    """Those whose rows the job used: all that may be used, or of these those whom every provider has."""
    usable = set(data.consumer.usable)
    if data.terms.joins_all:
        for table in data.providers:
            usable &= table.usable
    return [person for person in data.consumer.identifiers if person in usable]


def _values(data: StudyData, role: str, column: str, customers: list[str]) -> list[Any]:
    table = next(one for one in data.tables.values() if one.part.role.name == role)
    cells = dict(_cells(table, column))
    return [cells.get(person) for person in customers]


def _cells(table: StudyTable, column: str) -> Iterator[tuple[str, Any]]:
    for person, cell in zip(table.identifiers, table.cells[column], strict=True):
        if table.part.key == CONSUMER or person in table.usable:
            yield person, cell


def _reasons(
    data: StudyData, card: Scorecard, values: dict[tuple[str, str], list[Any]], points: Any
) -> list[list[str]]:
    """Of each row the columns that weigh most, in words; empty ones where there are fewer."""
    names = {part.role.name: part.institution.name for part in data.terms.parts.values()}
    best = np.array([max(one.points) for one in card.columns])
    weight = points - points.mean(axis=0) if card.scale.higher else best - points
    codes = np.stack([one.bins.codes(values[one.party, one.column]) for one in card.columns], axis=1)
    words = [one.bins.words() for one in card.columns]
    order = np.argsort(-weight, axis=1, kind="stable")[:, :REASONS]
    return [
        [
            f"{card.columns[place].column} ({names[card.columns[place].party]}): {words[place][codes[row, place]]}"
            if weight[row, place] > 0
            else ""
            for place in places
        ]
        for row, places in enumerate(order)
    ]
