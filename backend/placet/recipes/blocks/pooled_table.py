"""A party's own rows as pooled models read them: columns prepared as the plan says, labels, and which rows train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from placet.catalogue.pooled_model import PooledCategory, PooledFeature, PooledNumber
from placet.core.errors import InputError
from placet.models import pooled_private
from placet.models.binning import numbers_of
from placet.models.preparing import Prepared, PreparedCategory, PreparedNumber
from placet.recipes.blocks.features import known_labels, labels_of, naming
from placet.vault.rows import Rows

Columns = tuple[PreparedNumber | PreparedCategory, ...]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class MemberTable:
    """A party's own rows: values by feature, labels, and which rows train (the others test)."""

    values: tuple[Sequence[Any], ...]
    labels: Whole
    train: Whole
    test: Whole

    def columns(self, rows: Whole) -> list[list[Any]]:
        """Of some of the rows."""
        return [[values[row] for row in rows.tolist()] for values in self.values]


def table_of(
    rows: Rows, label: str, features: Sequence[PooledFeature], order: Sequence[int], train: int, *, noisy: bool = False
) -> MemberTable:
    """`order`: of the rows, of which the first `train` ones train. DataError for what is no label; with noise such rows
    neither train nor test."""
    places = np.array(order, np.int64)
    labels, known = known_labels(rows, label) if noisy else (labels_of(rows, label), np.ones(rows.count, np.bool_))
    columns = tuple(rows.columns[feature.column] for feature in features)
    parts = (np.sort(part[known[part]]) for part in (places[:train], places[train:]))
    return MemberTable(columns, labels, *parts)


def as_numbers(feature: PooledNumber, values: Sequence[Any]) -> npt.NDArray[np.float64]:
    """DataError that names the column."""
    with naming(feature.column):
        return numbers_of(values)


def category(feature: PooledFeature) -> PreparedCategory:
    """It is prepared as the plan says, whatever the rows hold. InputError for what is no category."""
    if not isinstance(feature, PooledCategory):
        raise InputError("a column is no category", found=feature.column)
    return PreparedCategory(levels=len(feature.values), categories=feature.values, missing=feature.missing)


def prepared_of(columns: Columns, table: MemberTable, rows: Whole) -> Prepared:
    """(rows, prepared numbers) of some of a party's rows."""
    values = table.columns(rows)
    return np.concatenate([one.prepare(own) for one, own in zip(columns, values, strict=True)], axis=1)


def positions_of(features: Sequence[PooledFeature], values: Sequence[Sequence[Any]]) -> list[Whole]:
    """Of each column of numbers where its values are between the plan's bounds, as noisy sums have it."""
    return [
        pooled_private.positions(as_numbers(one, own), *one.bounds)
        for one, own in zip(features, values, strict=True)
        if isinstance(one, PooledNumber)
    ]


def standardised_by_sums(
    features: Sequence[PooledFeature], people: int, first: Sequence[int], second: Sequence[int]
) -> Columns:
    """Each column as all prepare it: numbers by noisy sums of `positions_of` and of their squares."""
    sums = iter(zip(first, second, strict=True))
    return tuple(
        pooled_private.standardised_by(people, *next(sums), *one.bounds, one.missing)
        if isinstance(one, PooledNumber)
        else category(one)
        for one in features
    )
