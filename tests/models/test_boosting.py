"""Trees in the clear: what they cut at, what they weigh, and that they are the best cuts there are."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import examples
from placet.core.errors import DataError, InputError, ProtocolError
from placet.core.hashing import document_bytes
from placet.core.values import parse
from placet.models.binning import CategoryBins, NumberBins, fit
from placet.models.boosting import Boosting, Own, base_of, gradients, leaf_weight
from placet.models.boosting_twin import PlainHost, train
from placet.models.cuts import LAMBDA, Choice, CodedColumn, CutCandidates, best, candidates, cell_sums, sides_of
from placet.models.trees import (
    UNIT,
    Marks,
    TreeColumn,
    TreeCut,
    TreeFork,
    TreeLeaf,
    TreeModel,
    TreePart,
    Whole,
)

NUMBERS = NumberBins(bins=3, edges=("1", "5"))
WORDS = CategoryBins(bins=2, categories=("a", "b"))


def coded(codes: Sequence[int], cells: int, ordered: bool = True) -> CodedColumn:
    return CodedColumn(np.array(codes, dtype=np.int64), cells, ordered)


def plain_gain(left: Whole, total: Whole) -> float:
    def score(one: Whole) -> float:
        return float(one[1]) ** 2 / (float(one[2]) + LAMBDA)

    return score(left) + score(total - left) - score(total)


@st.composite
def nodes(draw: st.DrawFn) -> tuple[tuple[CodedColumn, ...], Whole, Whole]:
    rows = draw(st.integers(8, 30))
    columns = []
    for ordered in draw(st.lists(st.booleans(), min_size=1, max_size=3)):
        cells = draw(st.integers(4, 7))
        there = [cell for cell in range(cells) if not ordered or cell != cells - 2]
        codes = draw(st.lists(st.sampled_from(there), min_size=rows, max_size=rows))
        columns.append(coded(codes, cells, ordered))
    gradient = draw(st.lists(st.integers(-UNIT, UNIT), min_size=rows, max_size=rows))
    curvature = draw(st.lists(st.integers(UNIT // 8, UNIT // 4), min_size=rows, max_size=rows))
    return tuple(columns), np.array(gradient), np.array(curvature)


@settings(max_examples=examples(40))
@given(nodes(), st.integers(1, 5), st.randoms(use_true_random=False))
def test_the_best_cut_is_the_best_of_all_sets_of_cells(node, smallest, chance) -> None:  # type: ignore[no-untyped-def]
    """Of numbers every prefix with and without the missing; of categories every set: by brute force."""
    columns, gradient, curvature = node
    rows = np.arange(len(gradient))

    def shuffle(count: int) -> list[int]:
        return chance.sample(range(count), count)

    arranged = candidates(columns, len(rows), shuffle)
    sums = arranged.places(cell_sums(columns, rows, (gradient, curvature)))
    total = np.array([len(rows), gradient.sum(), curvature.sum()])
    numbers, sets, free = 0.0, 0.0, 0.0
    for column in columns:
        cells = range(column.cells)
        prefixes = [set(range(last + 1)) for last in range(column.cells - 2)]
        ways = [*prefixes, *(prefix | {column.cells - 1} for prefix in prefixes)]
        if not column.ordered:
            ways = [set(some) for size in cells for some in itertools.combinations(cells, size)]
        for left in ways:
            yes = np.isin(column.codes, list(left))
            part = np.array([yes.sum(), gradient[yes].sum(), curvature[yes].sum()])
            large = min(part[0], total[0] - part[0]) >= smallest and min(part[2], total[2] - part[2]) >= UNIT
            gain = plain_gain(part, total)
            if column.ordered:
                numbers = max(numbers, gain if large else 0)
            else:
                sets, free = max(sets, gain if large else 0), max(free, gain)
    winner = best(arranged.shape, sums, total, smallest)
    reached = 0 if winner is None else winner.gain
    assert numbers - 1.01 <= reached <= max(numbers, sets) + 0.01
    if sets == free:
        assert reached == pytest.approx(max(numbers, sets), rel=1e-9, abs=1.01)
    if winner is None:
        return
    cut = arranged.cut(winner.choice)
    yes = cut.sides(columns[cut.column].codes)
    part = np.array([yes.sum(), gradient[yes].sum(), curvature[yes].sum()])
    assert plain_gain(part, total) == pytest.approx(winner.gain, rel=1e-9, abs=0.01)
    assert min(part[0], len(rows) - part[0]) >= smallest


def small(hosts: int = 1, trees: int = 4, rows: int = 120, seed: int = 3) -> tuple[Own, list[PlainHost], Whole]:
    chance = np.random.default_rng(seed)
    tables = []
    for _ in range(hosts + 1):
        numbers = chance.integers(0, 5, rows)
        tables.append((CodedColumn(numbers, 7, True), CodedColumn(chance.integers(0, 4, rows), 6, False)))
    noise = chance.random(rows)
    odds = sum((columns[0].codes + 2 * (columns[1].codes % 2) for columns in tables), start=np.zeros(rows))
    labels = (odds / odds.max() + noise > 1.1).astype(np.int64)
    return Own(tables[0]), [PlainHost(columns, range) for columns in tables[1:]], labels


def test_the_loss_falls_and_scoring_gives_the_same_margins() -> None:
    own, hosts, labels = small()
    model, margins = train(own, hosts, labels[:90], 120, Boosting(6, 3, 4))
    tables = (own, hosts[0])

    def sides(party: int, number: int) -> Marks:
        return sides_of(tables[party].columns, tables[party].cuts[number])

    losses = []
    for number in range(7):
        part = TreeModel(parties=2, base=model.base, trees=model.trees[:number])
        scores = part.margins(120, sides)
        losses.append(float(np.mean(np.log1p(np.exp(np.where(labels == 1, -scores, scores)[:90] / UNIT)))))
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]
    assert np.array_equal(scores, margins)


def test_the_first_tree_is_of_the_label_holders_columns_alone() -> None:
    own, hosts, labels = small()
    model, _ = train(own, hosts, labels, 120, Boosting(4, 3, 4))
    parties = [{node.party for node in tree if isinstance(node, TreeFork)} for tree in model.trees]
    assert parties[0] == {0}
    assert set().union(*parties[1:]) == {0, 1}


def test_no_leaf_has_fewer_rows_than_the_smallest() -> None:
    for smallest in (2, 11, 30):
        own, hosts, labels = small()
        model, _ = train(own, hosts, labels, 120, Boosting(3, 4, smallest))
        for tree in model.trees:
            leaves = [node.rows for node in tree if isinstance(node, TreeLeaf)]
            assert min(leaves) >= smallest
            assert sum(leaves) == 120


def test_what_hosts_hide_changes_no_more_than_what_is_cut_at_few_rows() -> None:
    """With a smallest leaf of one nothing is hidden."""
    models = []
    for hides in (True, False):
        own, hosts, labels = small()
        models.append(train(own, hosts, labels, 120, Boosting(3, 3, 1), hides=hides)[0])
    assert models[0] == models[1]


def test_leaves_are_whole_numbers_to_the_nearest() -> None:
    total = np.array([10, 3 * UNIT, 2 * UNIT])
    assert leaf_weight(total, 100) == -UNIT
    assert leaf_weight(total, 30) == round(-0.3 * UNIT)
    assert leaf_weight(-total * np.array([1, 1, -1]), 100) == UNIT
    assert base_of(np.array([0, 0, 0, 1])) == round(float(np.log(1 / 3)) * UNIT)


@pytest.mark.parametrize("labels", [[0, 0, 0], [1, 1], []])
def test_one_label_alone_teaches_nothing(labels: list[int]) -> None:
    with pytest.raises(DataError):
        base_of(np.array(labels, dtype=np.int64))


def test_gradients_stay_in_their_bounds() -> None:
    margins = np.array([-(1 << 50), -5 * UNIT, 0, 5 * UNIT, 1 << 50])
    with np.errstate(over="ignore"):
        for label in (0, 1):
            slopes = gradients(margins, np.full(5, label))
            assert np.abs(slopes.gradient).max() <= UNIT
            assert 0 <= slopes.curvature.min() <= slopes.curvature.max() <= UNIT // 4


def cuts_of(columns: Sequence[CodedColumn]) -> CutCandidates:
    return candidates(columns, len(columns[0].codes), range)


def test_candidates_of_numbers_are_prefixes_with_and_without_the_missing() -> None:
    arranged = cuts_of([coded([0, 0, 2, 4, 2], 5)])
    left = [arranged.cut(Choice(place)).left for place in range(arranged.shape.cuts)]
    assert left == [(0,), (0, 4), (0, 1, 2)]
    assert [arranged.cut(Choice(place)).left for place in range(cuts_of([coded([0, 1, 1, 2], 5)]).shape.cuts)][:1] == [
        (0,)
    ]
    assert cuts_of([coded([1, 1, 1], 5)]).shape.places == 0
    assert cuts_of([coded([2, 2, 2], 5, ordered=False)]).shape.places == 0


@pytest.mark.parametrize(
    "choice",
    [
        Choice(3),
        Choice(-1),
        Choice(0, (0, 0)),
        Choice(0, (0, 1, 2)),
        Choice(0, (3,)),
        Choice(1, (0,)),
        Choice(0, (-1,)),
    ],
)
def test_a_place_that_is_not_there(choice: Choice) -> None:
    arranged = cuts_of([coded([0, 1, 2], 5), coded([0, 1, 2], 5, ordered=False)])
    assert (arranged.shape.cuts, arranged.shape.categories) == (2, (3,))
    with pytest.raises(ProtocolError) as caught:
        arranged.cut(choice)
    assert caught.value.code == "boost.choice"


# As data.

PART = TreePart(
    columns=(TreeColumn(column="income", bins=NUMBERS), TreeColumn(column="branch", bins=WORDS)),
    cuts=(TreeCut(column=0, left=(0, 4)), TreeCut(column=1, left=(1, 2))),
)
FORK = TreeFork(party=0, cut=0, yes=1, no=2, gain=7, rows=9)
LEAVES = (TreeLeaf(weight=-5, rows=4), TreeLeaf(weight=6, rows=5))
MODEL = TreeModel(parties=1, base=100, trees=((FORK, *LEAVES), (TreeLeaf(weight=1, rows=9),)))


def test_a_model_scores_by_the_cells_of_its_columns() -> None:
    income, branch = NUMBERS.codes([0, 3, None, 9]), WORDS.codes(["a", "b", "c", None])
    assert MODEL.score([PART], [[income, branch]]).tolist() == [96, 107, 96, 107]
    by_branch = TreeModel(parties=1, base=0, trees=((FORK.model_copy(update={"cut": 1}), *LEAVES),))
    assert by_branch.score([PART], [[income, branch]]).tolist() == [6, -5, -5, 6]


def test_a_model_is_its_bytes() -> None:
    assert parse(TreeModel, document_bytes(MODEL)) == MODEL
    assert parse(TreePart, document_bytes(PART)) == PART
    assert MODEL.commitment != TreeModel(parties=1, base=101, trees=MODEL.trees).commitment
    assert MODEL.importance([PART]) == ((0, "income", 7),)


@pytest.mark.parametrize(
    "tree",
    [
        (FORK,),
        (FORK, LEAVES[0]),
        (FORK, *LEAVES, LEAVES[0]),
        (FORK.model_copy(update={"no": 1}), *LEAVES),
        (FORK.model_copy(update={"party": 1}), *LEAVES),
        (LEAVES[0], *LEAVES),
        (FORK.model_copy(update={"no": 3}), *LEAVES),
        (),
    ],
)
def test_trees_that_are_none(tree: tuple[TreeFork | TreeLeaf, ...]) -> None:
    with pytest.raises(InputError):
        parse(TreeModel, {"parties": 1, "base": 0, "trees": [[node.to_json() for node in tree]]})


@pytest.mark.parametrize(
    "cut",
    [
        *({"column": 2, "left": [0]}, {"column": 0, "left": [5]}, {"column": 0, "left": [1, 0]}),
        *({"column": 0, "left": left} for left in ([], [1], [0, 2], [4], [1, 4])),
    ],
)
def test_cuts_that_are_none(cut: dict[str, object]) -> None:
    with pytest.raises(InputError):
        parse(TreePart, PART.to_json() | {"cuts": [cut]})


def test_parts_of_another_model_do_not_score() -> None:
    for parts in ([], [PART, PART], [PART.model_copy(update={"cuts": ()})]):
        with pytest.raises(InputError) as caught:
            MODEL.score(parts, [[]])
        assert caught.value.code == "model.parts"


def test_columns_that_somebody_may_bring() -> None:
    """Bins as `binning` makes them, with what is missing and what is rare."""
    values = [None, 1.5, 2, 2, 3, 8, 8, 9, None, 4] * 6
    bins = fit(values, "number", 4)
    arranged = cuts_of([CodedColumn(bins.codes(values), bins.cells, True)])
    assert arranged.shape.cuts == 2 * 3 + 1
