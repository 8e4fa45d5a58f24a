"""A party's columns of a linear model, prepared as the plan declares; and its labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from placet.catalogue.joint_linear import JointLinearParameters
from placet.catalogue.modelling import MAX_ROWS, LinearFeature
from placet.core.errors import DataError, LimitError
from placet.core.values import Value
from placet.models.binning import category_of, numbers_of
from placet.models.choices import Family
from placet.models.preparing import Prepared, PreparedColumn, fit_category, fit_number
from placet.recipes.blocks.columns import subjects, whole
from placet.recipes.blocks.features import labels_of, naming
from placet.vault.rows import Rows

Reals = npt.NDArray[np.float64]


class ToldColumn(Value):
    """How a column is prepared, and how many percent of it are missing: 0 or 100 where fewer than the smallest group
    lack a value, or have one."""

    prepared: PreparedColumn
    missing: Annotated[int, Field(strict=True, ge=0, le=100)]


@dataclass(frozen=True)
class Labels:
    """Labels by their `spread` around their `centre`, as decimal strings; 0 and 1 as they are."""

    values: Reals
    centre: str = "0"
    spread: str = "1"


def prepare(rows: Rows, features: Sequence[LinearFeature], least: int) -> tuple[list[ToldColumn], Prepared]:
    """Each column as it is prepared, by all of these rows, and what it becomes (rows, prepared numbers). DataError that
    names a column which does not hold what the plan says."""
    columns, blocks = [], [np.zeros((rows.count, 0), np.int64)]
    for feature in features:
        values = rows.columns[feature.column]
        with naming(feature.column):
            column = (
                fit_number(values, feature.missing, clip=feature.clip, least=least)
                if feature.kind == "number"
                else fit_category(values, feature.missing, levels=feature.levels, least=least)
            )
        columns.append(ToldColumn(prepared=column, missing=_percent_missing(values, least)))
        blocks.append(column.prepare(values))
    return columns, np.concatenate(blocks, axis=1)


def _percent_missing(values: Sequence[object], least: int) -> int:
    lacking = sum(category_of(value) is None for value in values)
    if lacking < least:
        return 0
    return 100 if len(values) - lacking < least else round(100 * lacking / len(values))


def labels_by(rows: Rows, column: str, family: Family) -> Labels:
    """DataError `joint.label` for labels that the family does not have, or that are all alike."""
    if family == "logistic":
        return Labels(labels_of(rows, column).astype(np.float64))
    try:
        values = numbers_of(rows.columns[column])
    except DataError:
        values = np.array([np.nan])
    low = 0.0 if family == "poisson" else -np.inf
    if np.isnan(values).any() or (values < low).any():
        expected = "numbers, none below 0" if family == "poisson" else "numbers"
        raise DataError(
            f"a label that {family} regression does not have",
            expected=f"{expected}, and none missing",
            found=f"others in column {column}",
            code="joint.label",
        )
    centre, spread = (0.0, float(values.mean())) if family == "poisson" else (float(values.mean()), float(values.std()))
    if not len(values) or spread <= 1e-12 * max(1.0, abs(centre)):
        raise DataError("labels that are all alike", expected="different ones", found=column, code="joint.label")
    texts = f"{centre:.12g}", f"{spread:.12g}"
    return Labels((values - float(texts[0])) / float(texts[1]), *map(_plain, texts))


def _plain(text: str) -> str:
    """Without an exponent."""
    return f"{Decimal(text):f}"


def listed(rows: Rows, parameters: JointLinearParameters) -> tuple[list[str], Labels, list[int] | None]:
    """The consumer's people, their labels (zeros where none are learned), and the values by which rows are split, where
    they are. DataError `joint.label`; LimitError `joint.list` for too long a list."""
    people = [person.decode() for person in subjects(rows, parameters.identifier)]
    if len(people) > MAX_ROWS:
        raise LimitError("the list is too long", expected=f"at most {MAX_ROWS}", found=len(people), code="joint.list")
    by = parameters.split.column
    labels = Labels(np.zeros(len(people)))
    if parameters.statistics != "only":
        labels = labels_by(rows, parameters.label, parameters.family)
    return people, labels, None if by is None else whole(rows, by)
