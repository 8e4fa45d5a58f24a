"""What a party keeps of a scorecard that stays shared: how it cuts its own columns, and its share of all points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from placet.catalogue.modelling import MAX_FEATURES, Feature
from placet.core.errors import InputError
from placet.core.values import Text, Value
from placet.models.binning import Codes, ColumnBins, one_hot
from placet.protocols.spu import KeptShare

KIND = "scorecard"


class KeptColumn(Value):
    """A column by its name and its bins."""

    column: Text
    bins: ColumnBins


class KeptScorecard(Value):
    """`columns` are the party's own, in the order of the plan that trained. `points`, of who computes: the base and
    each cell's points of all parties' columns, in that plan's order of parties and each one's of columns."""

    columns: Annotated[tuple[KeptColumn, ...], Field(max_length=MAX_FEATURES)]
    points: KeptShare | None

    def cells(self, features: Sequence[Feature], values: Mapping[str, Sequence[Any]], rows: int) -> Codes:
        """(rows, own cells): 1 where a row's value is in the cell; None is missing. InputError where the model reads
        other columns than the plan says, in another order, or cuts them otherwise: points are without names."""
        expected = [(feature.column, feature.kind, feature.bins) for feature in features]
        found = [(one.column, one.bins.kind, one.bins.bins) for one in self.columns]
        if expected != found:
            raise InputError(
                "the model reads other columns than the plan says", expected=expected, found=found, code="model.columns"
            )
        each = [one_hot(one.bins.codes(values[one.column]), one.bins.cells) for one in self.columns]
        return np.concatenate(each, axis=1) if each else np.zeros((rows, 0), dtype=np.int64)
