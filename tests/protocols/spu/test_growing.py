"""The programs `tree-grow` and `trees-finish` against trees in the clear: their bodies on plain arrays, and on the
engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from placet.core.errors import InputError, PlanError
from placet.models.binning import CategoryBins, NumberBins
from placet.models.boosting import Own, base_of
from placet.models.boosting_twin import train
from placet.models.cuts import CodedColumn
from placet.models.monotone import demand_monotone
from placet.models.trees import UNIT, TreeColumn, TreeCut, TreeFork, TreeLeaf, TreeModel, TreePart
from placet.protocols.mpc.cells import CardColumn
from placet.protocols.mpc.finishing import BASE, CUTS, LABELS, NUMBERS, TreesFinish
from placet.protocols.mpc.growing import MAX_STEP, STATE, OpenedTree, TreeGrow, trees_of
from placet.protocols.mpc.program import Size
from placet.protocols.mpc.scorecard import BANDS, TABLE
from placet.protocols.mpc.scoring import TreesScore
from placet.protocols.spu import KeptShare, Network, Repeated, Secret, evaluate
from placet.protocols.spu import compute as computed_by_spu
from plain_arrays import compiled, on_plain_arrays

needs_jax = pytest.mark.skipif(find_spec("jax") is None, reason="no jax here: it comes with placet[spu]")
Networks = Callable[..., list[Network]]
ROWS, TRAIN, VALIDATION = 400, 260, 60
COLUMNS = (
    CardColumn(owner=0, kind="number", bins=4),
    CardColumn(owner=1, kind="category", bins=3),
    CardColumn(owner=2, kind="number", bins=5),
    CardColumn(owner=2, kind="category", bins=3),
)


def program(**changes: Any) -> TreeGrow:
    values: dict[str, Any] = {
        "providers": 2, "columns": COLUMNS, "train": TRAIN, "validation": VALIDATION, "join": "any", "smallest": 8,
        "depth": 3, "rate": 30,
    }  # fmt: skip
    return TreeGrow(**(values | changes))


def sample() -> tuple[np.ndarray, np.ndarray]:
    """Cells and labels, which numbers, categories and what is missing tell something of."""
    luck = np.random.default_rng(5)
    codes = np.stack([luck.integers(0, column.bins, ROWS) for column in COLUMNS], axis=1)
    for place, column in enumerate(COLUMNS):
        codes[luck.random(ROWS) < 0.08, place] = column.cells - 1
    logits = 0.8 * (codes[:, 0] % 5) - 1.1 * (codes[:, 1] == 1) - 0.4 * codes[:, 2] + 0.9 * (codes[:, 3] == 2) - 0.4
    return codes, (luck.random(ROWS) < 1 / (1 + np.exp(-logits))).astype(np.int64)


EVERYBODY = (np.ones(ROWS, np.bool_),) * 3


def brought(
    made: TreeGrow, codes: np.ndarray, labels: np.ndarray, here: Sequence[np.ndarray] = EVERYBODY
) -> list[np.ndarray]:
    """What each party that computes brings of the rows that are `here`."""
    places = [0, *np.cumsum([len(made.of(owner)) for owner in range(made.providers + 1)])]
    arrays = [made.bring(owner, codes[:, low:high], here[owner]) for owner, (low, high) in enumerate(pairwise(places))]
    return [*arrays[:-1], np.concatenate([arrays[-1], labels[:, None]], axis=1)]


def grown(
    made: TreeGrow, trees: int, codes: np.ndarray, labels: np.ndarray, here: Sequence[np.ndarray] = EVERYBODY
) -> tuple[np.ndarray, list[OpenedTree]]:
    """Margins and trees by the body of SPU's program, on arrays in the clear."""
    from placet.protocols.spu.growing import tree_grow

    given = {f"cells-{place}": array for place, array in enumerate(brought(made, codes, labels, here))}
    margin = base_of(labels[:TRAIN][np.logical_and.reduce(here)[:TRAIN]]) / UNIT
    state = made.first_state(labels)
    state[0], state[1] = margin, np.exp(-margin)
    body, opened = compiled(tree_grow, made, arrays=given | {STATE: state}), []
    for _ in range(trees):
        state, words, numbers = body(given | {STATE: state})
        opened.append(OpenedTree(words, numbers))
    return state[0].astype(np.float64), opened


MONOTONE = (
    COLUMNS[0].model_copy(update={"monotone": "rising"}),
    COLUMNS[1],
    COLUMNS[2].model_copy(update={"monotone": "rising"}),  # against what the labels say
    COLUMNS[3],
)


def demand_same(found: TreeModel, expected: TreeModel) -> None:
    """The same forks by their rows, and weights to within a thousandth; gains to within 2 %."""
    for own, other in zip(found.trees, expected.trees, strict=True):
        assert [(type(node), node.rows) for node in own] == [(type(node), node.rows) for node in other]
        for node, twin in zip(own, other, strict=True):
            if isinstance(node, TreeFork) and isinstance(twin, TreeFork):
                assert node.gain == pytest.approx(twin.gain, rel=0.02, abs=UNIT / 16)
            elif isinstance(node, TreeLeaf) and isinstance(twin, TreeLeaf):
                assert node.weight == pytest.approx(twin.weight, abs=UNIT / 1000)


@needs_jax
def test_the_body_grows_the_trees_of_the_twin() -> None:
    """Numbers, categories and missing values, of three owners; no leaf has fewer rows than the smallest group."""
    codes, labels = sample()
    made = program()
    margins, opened = grown(made, 3, codes, labels)
    model, cuts = trees_of(made, opened, base_of(labels[:TRAIN]))
    expected, twin_margins = made.in_clear(codes, labels, 3)
    demand_same(model, expected)
    train = slice(0, TRAIN)
    assert np.abs(margins[train] - twin_margins[train] / UNIT).max() < 0.005
    leaves = [node.rows for tree in model.trees for node in tree if isinstance(node, TreeLeaf)]
    assert min(leaves) >= made.smallest and any(leaf < 2 * made.smallest for leaf in leaves)
    kinds = {COLUMNS[{0: 2, 1: 0, 2: 1}[party] + cut.column].kind for party, own in enumerate(cuts) for cut in own}
    assert kinds == {"number", "category"}


def parts_of(cuts: Sequence[Sequence[TreeCut]]) -> list[TreePart]:
    """By party, the consumer first."""
    owners = [[column for column in COLUMNS if column.owner == owner] for owner in (2, 0, 1)]
    bins = {
        "number": lambda count: NumberBins(bins=count, edges=tuple(map(str, range(1, count)))),
        "category": lambda count: CategoryBins(bins=count, categories=tuple("abcdef"[:count])),
    }
    return [
        TreePart(
            columns=tuple(TreeColumn(column=f"c{n}", bins=bins[one.kind](one.bins)) for n, one in enumerate(own)),
            cuts=tuple(made),
        )
        for own, made in zip(owners, cuts, strict=True)
    ]


@needs_jax
def test_the_body_keeps_to_the_order_of_columns_and_to_rows_that_all_have() -> None:
    """The trees of the twin over the rows that count, whose bounds bind in a column that the labels go against."""
    codes, labels = sample()
    made = program(columns=MONOTONE, join="all", depth=2)
    luck = np.random.default_rng(2)
    present = [luck.random(ROWS) < 0.95, luck.random(ROWS) < 0.9]
    both = np.logical_and(*present)
    margins, opened = grown(made, 2, codes, labels, (*present, np.ones(ROWS, np.bool_)))
    model, cuts = trees_of(made, opened, base_of(labels[:TRAIN][both[:TRAIN]]))
    counted = program(columns=MONOTONE, train=int(both[:TRAIN].sum()), depth=2)
    expected, twin_margins = counted.in_clear(codes[both], labels[both], 2)
    demand_same(model, expected)
    assert np.abs(margins[both] - twin_margins / UNIT).max() < 0.005
    directions = [["rising", None], ["rising"], [None]]
    demand_monotone(model, parts_of(cuts), directions)
    assert {cut.column for cut in cuts[0]} and len(cuts[1])  # both are cut at
    free, _ = train(Own(columns_of(codes[both])), (), labels[both][: counted.train], int(both.sum()), made.boosting(2))
    assert [node.rows for node in free.trees[0]] != [node.rows for node in model.trees[0]]


def columns_of(codes: np.ndarray) -> tuple[CodedColumn, ...]:
    """In no order."""
    return tuple(CodedColumn(codes[:, n], one.cells, one.kind == "number") for n, one in enumerate(COLUMNS))


@needs_jax
@pytest.mark.parametrize("join", ["any", "all"])
def test_too_few_of_a_label_grow_no_tree(join: str) -> None:
    """Of rows that all have none is told either."""
    codes, _ = sample()
    labels = np.zeros(ROWS, np.int64)
    labels[:7] = 1
    made = program(depth=1, join=join)
    _, (tree,) = grown(made, 1, codes, labels)
    if join == "all":
        assert not tree.numbers.any()
        return
    model, cuts = trees_of(made, [tree], base_of(labels[:TRAIN]))
    assert [type(node) for node in model.trees[0]] == [TreeLeaf]
    assert cuts == ((), (), ())


def plain_tree() -> OpenedTree:
    """A cut of the first column at its first edge, and leaves below."""
    made = program(depth=1)
    words = np.zeros((1, made.words), np.int64)
    words[0, 0] = 1
    return OpenedTree(words, np.array([64 * 3, 100, 160, 1000, -500]))


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: tree.words.__setitem__((0, 0), 0),
        lambda tree: tree.words.__setitem__((0, 0), -1),
        lambda tree: tree.words.__setitem__((0, 0), 1 | 1 << 6),
        lambda tree: tree.words.__setitem__((0, 0), 1 << 31),
        lambda tree: tree.numbers.__setitem__(0, -1),
        lambda tree: tree.numbers.__setitem__(1, 7),
        lambda tree: tree.numbers.__setitem__(2, TRAIN + 1),
        lambda tree: tree.numbers.__setitem__(3, MAX_STEP * UNIT + 1),
    ],
)
def test_numbers_that_no_honest_parties_reach_are_no_tree(change: Callable[[OpenedTree], None]) -> None:
    tree, made = plain_tree(), program(depth=1)
    model, cuts = trees_of(made, [tree], 0)
    assert (len(model.trees[0]), cuts[1][0].left, model.parties) == (3, (0,), 3)
    change(tree)
    with pytest.raises(InputError):
        trees_of(made, [tree], 0)


def test_a_plan_without_rows_to_test_on_is_refused() -> None:
    with pytest.raises(PlanError):
        program().magnitudes(3, Size(TRAIN + VALIDATION))


@needs_jax
@pytest.mark.parametrize(("keeps", "join"), [(False, "any"), (True, "all")])
def test_margins_are_judged_as_in_the_clear(keeps: bool, join: str) -> None:
    from placet.protocols.spu.finishing import trees_finish

    made = TreesFinish(grow=program(keeps=keeps, depth=1, join=join), trees=2)
    luck = np.random.default_rng(1)
    margins = luck.normal(size=ROWS)
    labels = (luck.random(ROWS) < 1 / (1 + np.exp(-2 * margins))).astype(np.int64)
    shapes = made.grow.tree_shapes()
    present = luck.random(ROWS) < 0.8 if join == "all" else np.ones(ROWS, np.bool_)
    arrays = {STATE: np.stack([margins, np.zeros(ROWS), present * 1.0]), LABELS: labels}
    arrays |= {f"{CUTS}-{n}": np.full(shapes[0], n) for n in range(2)}
    if keeps:
        first = np.arange(shapes[0][1]) < made.grow.columns[0].cells
        arrays |= {f"{CUTS}-1": first[None].astype(np.int64), BASE: np.array([77])}
    arrays |= {f"{NUMBERS}-{n}": np.full(shapes[1], 10 + n) for n in range(2)}
    result, *kept = on_plain_arrays(trees_finish, made, arrays=arrays)
    assert result.shape == (made.size,)
    figures = made.opened(result, ROWS)
    expected = made.reference(margins, labels, present).tolist()
    found = [*figures.edges, *figures.tables[0], *figures.tables[1], *figures.fitted]
    tested = int(present[TRAIN + VALIDATION :].sum())
    assert max(figures.tables[1][:BANDS]) + max(figures.tables[1][BANDS : 2 * BANDS]) == tested
    assert figures.fitted == (() if join == "any" else (present[:TRAIN].sum(), labels[:TRAIN][present[:TRAIN]].sum()))
    assert max(abs(a - b) for a, b in zip(found[: BANDS - 1], expected, strict=False)) <= 1
    assert figures.tables[1][-2] == pytest.approx(int(expected[BANDS - 1 + 2 * TABLE - 2]), rel=0.01)
    opened = made.opened_trees(result)
    assert ([tree.words.max() for tree in opened], [array.shape for array in kept]) == (
        ([], [made.kept]) if keeps else ([0, 1], [])
    )
    if keeps:
        bins = tuple(column.bins for column in made.grow.columns)
        score = TreesScore(bins=bins, trees=2, depth=1, output="score")
        model = kept[0][: score.numbers]
        assert model[0] == 77 and model[1 : 1 + 2 * score.wide].sum() == first.sum()
        assert model[-4:].tolist() == [10, 10, 11, 11]
        assert (kept[0] == score.kept_of(model)).all()
    with pytest.raises(InputError):
        made.opened(result + 1, ROWS)


@pytest.mark.slow
@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("changes", [{}, {"columns": MONOTONE, "join": "all"}], ids=["free", "monotone"])
def test_on_shares_as_in_the_clear_and_on_from_a_tree_that_was_sealed(
    changes: dict[str, Any], networks: Networks, scratch: Path
) -> None:
    """Two trees, told one after the other; then a third from the shares of the second alone."""
    codes, labels = sample()
    made = program(**changes)
    opened = asyncio.run(_on_shares(made, codes, labels, networks, scratch))
    model, cuts = trees_of(made, opened, base_of(labels[:TRAIN]))
    demand_same(model, made.in_clear(codes, labels, 3)[0])
    demand_monotone(model, parts_of(cuts), [["rising", None], ["rising"], [None]] if changes else [[None] * 2] * 3)
    assert list(scratch.iterdir()) == []


async def _on_shares(
    made: TreeGrow, codes: np.ndarray, labels: np.ndarray, networks: Networks, scratch: Path
) -> list[OpenedTree]:
    engine, size = evaluate.engine_of(made, 3, 3, Size(ROWS)), Size(ROWS)
    arrays = brought(made, codes, labels)
    told: list[list[tuple[bytes, ...]]] = [[], [], []]

    async def party(network: Network, count: int, kept: Sequence[KeptShare]) -> None:
        rank = network.me
        secrets = [Secret(f"cells-{n}", n, "int64", shape) for n, shape in enumerate(made.shapes(3, size))]
        secrets.append(Secret(STATE, None if kept else 2, "float32", made.output_shape(size)))
        own: dict[str, Any] = {f"cells-{rank}": arrays[rank]}
        if rank == 2 and not kept:
            own[STATE] = made.first_state(labels)

        async def each(shares: tuple[bytes, ...]) -> None:
            told[rank].append(shares)

        repeated = Repeated(count, STATE, 3, each)
        given = {STATE: kept[rank]} if kept else {}
        await computed_by_spu(
            network, engine, made.program, made, secrets, own, given, scratch=scratch, seconds=600, repeated=repeated
        )

    await asyncio.gather(*(party(network, 2, ()) for network in networks(3)))
    kept = [
        KeptShare(engine=engine, rank=rank, dtype="float32", shape=made.output_shape(size), share=told[rank][-1][0])
        for rank in range(3)
    ]
    await asyncio.gather(*(party(network, 1, kept) for network in networks(3)))
    shapes = made.tree_shapes()
    return [
        OpenedTree(
            *[
                await evaluate.combine_array(
                    shape, engine, [told[rank][tree][1 + place] for rank in range(3)], scratch=scratch, seconds=60
                )
                for place, shape in enumerate(shapes)
            ]
        )
        for tree in range(3)
    ]
