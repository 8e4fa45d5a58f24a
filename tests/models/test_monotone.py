"""Trees that rise or fall with columns: in the clear, against what the labels say, with values missing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from placet.core.errors import InputError
from placet.models.binning import CategoryBins, NumberBins
from placet.models.boosting import Boosting, Limits, Own
from placet.models.boosting_twin import PlainHost, train
from placet.models.cuts import CodedColumn, candidates
from placet.models.monotone import Directions, demand_monotone
from placet.models.scorecard_fit import Monotone
from placet.models.trees import UNIT, TreeColumn, TreeModel, TreePart, Whole

ROWS, CELLS = 400, 7
NUMBERS = NumberBins(bins=CELLS - 2, edges=("1", "2", "3", "4"))
WORDS = CategoryBins(bins=CELLS - 2, categories=tuple("abcde"))
WAYS: tuple[Monotone | None, ...] = ("rising", "falling", None)


def grown(*ways: Monotone | None) -> tuple[TreeModel, list[TreePart], list[list[Whole]]]:
    """Of labels that rise with the holder's number, fall and rise with the host's, and go by a category at either."""
    chance = np.random.default_rng(8)
    codes = chance.integers(0, CELLS - 2, (4, ROWS))
    codes[chance.random((4, ROWS)) < 0.1] = CELLS - 1
    pull = codes[0] - 1.5 * np.abs(codes[2] - 2) + 2 * (codes[1] % 2) - (codes[3] == 1)
    labels = (pull + chance.normal(0, 1.5, ROWS) > np.median(pull)).astype(np.int64)
    first, second = ways
    own = Own((CodedColumn(codes[0], CELLS, True, first), CodedColumn(codes[1], CELLS, False)))
    host = PlainHost(
        (CodedColumn(codes[2], CELLS, True, second), CodedColumn(codes[3], CELLS, False)), chance.permutation
    )
    model, _ = train(own, [host], labels, ROWS, Boosting(8, 4, 4))
    columns = (TreeColumn(column="number", bins=NUMBERS), TreeColumn(column="word", bins=WORDS))
    parts = [TreePart(columns=columns, cuts=tuple(one)) for one in (own.cuts, host.cuts)]
    return model, parts, [list(codes[:2]), list(codes[2:])]


@pytest.mark.parametrize(("first", "second"), list(itertools.product(WAYS, WAYS)))
def test_scores_stand_in_the_order_of_columns(first: Monotone | None, second: Monotone | None) -> None:
    """Of any rows and all values of a column; what is missing has no place in the order. And each column is cut at, in
    which the labels go both ways, too."""
    model, parts, codes = grown(first, second)
    directions: Directions = [(first, None), (second, None)]
    demand_monotone(model, parts, directions)
    assert {cut.column for part in parts for cut in part.cuts} == {0, 1}
    for party, way in enumerate((first, second)):
        scores = []
        for value in range(CELLS - 2):
            given = [[*columns] for columns in codes]
            given[party][0] = np.full(ROWS, value)
            scores.append(model.score(parts, given))
        steps = np.diff(np.array(scores), axis=0)
        if way is not None:
            assert ((steps if way == "rising" else -steps) >= 0).all()
        elif party == 1:
            assert (steps > 0).any() and (steps < 0).any(), "left alone it goes both ways"


def test_a_model_that_goes_another_way_is_none() -> None:
    model, parts, _ = grown(None, None)
    for second in ("rising", "falling"):
        with pytest.raises(InputError) as caught:
            demand_monotone(model, parts, [(None, None), (second, None)])
        assert caught.value.code == "model.monotone"


def test_who_cuts_sees_which_places_are_to_rise_or_fall() -> None:
    """And nothing else of the columns: within each way places are shuffled. What is there beside what is missing is
    free."""
    codes = np.array([0, 1, 2, 3, 6, 4, 2, 1])
    columns = tuple(CodedColumn(codes, CELLS, True, way) for way in WAYS)
    shape = candidates(columns, len(codes), range).shape
    assert (shape.cuts, shape.rising, shape.falling) == (27, 8, 8)
    assert shape.slopes.tolist() == [0] * 11 + [1] * 8 + [-1] * 8


def test_bounds_pass_down_by_the_mean() -> None:
    limits = Limits(-100, UNIT)
    assert limits.below(1, 10, 21) == (Limits(-100, 15), Limits(15, UNIT))
    assert limits.below(-1, 21, 10) == (Limits(15, UNIT), Limits(-100, 15))
    assert limits.below(0, 10, 21) == (limits, limits)
    assert limits.bounds(50).high == 2
