"""A party's columns of a model, as the plan declares them: cut into bins, read as cells; and the labels."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from placet.catalogue.modelling import MAX_ROWS, Feature, TrainingParameters
from placet.core.errors import DataError, LimitError
from placet.models.binning import CategoryBins, Codes, NumberBins, fit
from placet.recipes.blocks.columns import subjects, whole
from placet.vault.rows import Rows

ColumnCells = NumberBins | CategoryBins


def features_of(parameters: TrainingParameters, role: str) -> tuple[Feature, ...]:
    """A role's columns; none where it has none."""
    return parameters.of(role)


def labels_of(rows: Rows, column: str) -> Codes:
    """DataError `joint.label` for a label that is neither 0 nor 1."""
    labels = np.array(whole(rows, column), dtype=np.int64)
    if not np.isin(labels, (0, 1)).all():
        raise DataError(
            "a label is neither 0 nor 1",
            expected="integers 0 and 1",
            found=f"others in column {column}",
            code="joint.label",
        )
    return labels


def known_labels(rows: Rows, column: str) -> tuple[Codes, npt.NDArray[np.bool_]]:
    """Of rows that spend a privacy budget: each one's label, 0 where it has none, and whether it has one. No row ends
    the job by what stands in it, since the end would tell that row without noise; a column that can hold no label does,
    by its type: DataError."""
    if not rows.holds_integers(column):
        raise DataError("labels are integers", found=f"column {column}")
    values = [-1 if value is None else value for value in rows.columns[column]]
    labels = np.array(values, dtype=np.int64)
    known = np.isin(labels, (0, 1))
    return np.where(known, labels, 0), known


def labelled(rows: Rows, parameters: TrainingParameters) -> tuple[list[str], Codes, list[int] | None]:
    """The consumer's people, their labels, and the values by which rows are split, where they are. DataError
    `joint.label`; LimitError `joint.list` for too long a list."""
    people = [person.decode() for person in subjects(rows, parameters.identifier)]
    if len(people) > MAX_ROWS:
        raise LimitError("the list is too long", expected=f"at most {MAX_ROWS}", found=len(people), code="joint.list")
    by = parameters.split.column
    return people, labels_of(rows, parameters.label), None if by is None else whole(rows, by)


@contextlib.contextmanager
def naming(column: str) -> Iterator[None]:
    """What a column does not hold is said with its name."""
    try:
        yield
    except DataError as error:
        raise DataError(
            f"the column {column} does not hold numbers",
            expected=error.expected,
            found=error.found,
            remedy="say kind: category in the plan",
        ) from None


def cells_of(rows: Rows, features: Sequence[Feature], least: int) -> tuple[list[ColumnCells], Codes]:
    """Each column's bins, none with fewer than `least` of these rows, and each row's cell in each (rows, columns).
    DataError that names a column which does not hold what the plan says."""
    bins, codes = [], []
    for feature in features:
        values = rows.columns[feature.column]
        with naming(feature.column):
            column = fit(values, feature.kind, feature.bins, least=least)
        bins.append(column)
        codes.append(column.codes(values))
    return bins, np.stack(codes, axis=1) if codes else np.zeros((rows.count, 0), np.int64)
