"""The program `scorecard-score` as the engine traces it, over plain arrays: what comes out, and that the probes decide.

On shares it is in test_kept.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.models.binning import one_hot
from placet.models.preparing import UNIT
from placet.models.probes import probe_cells, probe_codes, trial_weights
from placet.protocols.mpc.scoring import LinearScore, ScorecardScore, TreesScore, kept_of
from placet.protocols.spu.scoring import FIRST_PARTS, MODEL, SECOND_PARTS, trees_score, weighted_score
from placet.protocols.spu.top import largest, largest_places
from placet.recipes.blocks import sharing_out
from plain_arrays import numpy_as_jax

WIDTHS = st.lists(st.integers(2, 6), min_size=1, max_size=9).map(tuple)
ASKED = st.sampled_from(
    [
        {"output": "score"},
        {"output": "band", "edges": [-20, 0, 7]},
        {"output": "decision", "edges": [3]},
        *({"output": "score", "reasons": {"most": most, "against": "best"}} for most in (1, 2, 3, 4)),
        {"output": "score", "reasons": {"most": 4, "against": "neutral"}},
        {"output": "decision", "edges": [3], "reasons": {"most": 2, "against": "neutral"}},
    ]
)


@settings(max_examples=60, deadline=None)
@given(WIDTHS, ASKED, st.integers(0, 2**32 - 1))
def test_what_comes_out_is_what_the_clear_says(bins: tuple[int, ...], asked: dict[str, Any], seed: int) -> None:
    """Also of equal points, of which there are many here; and no 0 behind it where any number kept is another one."""
    rng = np.random.default_rng(seed)
    program = ScorecardScore.model_validate({"bins": bins} | asked)
    points = rng.integers(-5, 6, program.wide)
    model = kept_of(2, points, program.widths)
    codes = np.stack([rng.integers(0, wide, 13) for wide in program.widths], axis=1)
    codes = np.concatenate([codes, probe_codes(program.widths)])
    cells = [one_hot(codes[:, place], wide) for place, wide in enumerate(program.widths)]
    arrays = {f"cells-{place}": block for place, block in enumerate(cells)}
    if len(bins) > 2:
        shared = arrays.pop("cells-1")
        last = {name: arrays.pop(name) for name in [*arrays][1:]}
        parts = {FIRST_PARTS: sharing_out.expanded(bytes(32), shared.shape)}
        arrays |= {**parts, SECOND_PARTS: sharing_out.rest(shared, bytes(32)), **last}
    spoilt = model.copy()
    spoilt[rng.integers(len(model))] += rng.choice([-1, 1, 2**40])
    with numpy_as_jax(), np.errstate(over="ignore"):
        value, flag = weighted_score(program, arrays | {MODEL: model})
        _, changed = weighted_score(program, arrays | {MODEL: spoilt})
    expected = program.reference(np.concatenate(cells, axis=1)[:13], model[: 1 + program.wide])
    assert value.shape == program.shape(13) and (value == expected).all()
    assert int(flag) == 0 != int(changed)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=7).map(tuple), ASKED, st.sampled_from([0, 1]), st.integers(0))
def test_prepared_numbers_are_scored_as_in_the_clear(
    prepared: tuple[int, ...], asked: dict[str, Any], higher: int, seed: int
) -> None:
    """A score is the predictor in ten-thousandths, whichever label it speaks for; the best is what examples come to."""
    rng = np.random.default_rng(seed)
    best = asked.get("reasons", {}).get("against") == "best"
    program = LinearScore.model_validate({"prepared": prepared, "behind": 3 * best, "higher": higher} | asked)
    model = kept_of(UNIT * int(rng.integers(-900, 900)), rng.integers(-4000, 4000, program.wide), prepared, UNIT)
    rows, examples = (rng.integers(-4 * UNIT, 4 * UNIT + 1, (count, program.wide)) for count in (13, program.examples))
    brought = np.concatenate([rows, UNIT * probe_cells(prepared), examples])
    cut = int(rng.integers(0, program.wide + 1))
    arrays = {"columns-0": brought[:, :cut], "columns-2": brought[:, cut:], MODEL: model}
    spoilt = arrays | {MODEL: model + (np.arange(len(model)) == rng.integers(len(model)))}
    with numpy_as_jax():
        value, flag = weighted_score(program, arrays)
        _, changed = weighted_score(program, spoilt)
    expected = program.reference(rows, model[: program.numbers], examples if best else None)
    assert value.shape == program.shape(13) and (value == expected).all()
    assert int(flag) == 0 != int(changed)
    if asked == {"output": "score"}:
        predictors = (model[0] + rows @ model[1 : program.numbers]) / 2**16 * (1 if higher else -1)
        assert np.abs(value - 10_000 * predictors).max() <= 0.5


@settings(max_examples=60, deadline=None)
@given(WIDTHS, st.integers(1, 4), st.integers(1, 4), st.sampled_from([0, 1]), st.integers(0))
def test_rows_go_down_trees_as_in_the_clear(
    bins: tuple[int, ...], trees: int, depth: int, higher: int, seed: int
) -> None:
    """Also where a node has no cut; and whichever cell of whichever node changes, the flag is up."""
    rng = np.random.default_rng(seed)
    asked = [{"output": "score"}, {"output": "band", "edges": [-900, 0, 70]}, {"output": "decision", "edges": [3]}]
    shape = {"bins": bins, "trees": trees, "depth": depth, "higher": higher}
    program = TreesScore.model_validate(shape | asked[seed % 3])
    yes = np.zeros((trees, program.nodes, program.wide), np.int64)
    starts = np.concatenate([[0], np.cumsum(program.widths)])
    for node in yes.reshape(-1, program.wide):
        column = rng.integers(len(bins))
        part = slice(starts[column], starts[column + 1])
        node[part] = rng.integers(0, 2, program.widths[column])
    weights = 1024 * rng.integers(-(2**9), 2**9, trees * program.leaves)  # no node's number makes up for another leaf
    model = program.kept_of(np.concatenate([[2**18], yes.reshape(-1), weights]))
    codes = np.stack([rng.integers(0, wide, 13) for wide in program.widths], axis=1)
    cells = np.concatenate([one_hot(codes[:, place], wide) for place, wide in enumerate(program.widths)], axis=1)
    arrays = {"columns-0": np.concatenate([cells, probe_cells(program.widths)]), MODEL: model}
    spoilt, at = model.copy(), rng.integers(1 + yes.size)
    spoilt[at] = 1 - spoilt[at]
    with numpy_as_jax():
        value, flag = trees_score(program, arrays)
        _, changed = trees_score(program, arrays | {MODEL: spoilt})
    assert len(model) == program.kept[0] and (value == program.reference(cells, model[: program.numbers])).all()
    assert int(flag) == 0 != int(changed)
    if seed % 3 == 0:
        margins = np.array([_margin(yes, weights.reshape(trees, -1), row) for row in cells]) + 1.0
        assert np.abs(value - 1000 * margins * (1 if higher else -1)).max() <= 0.5


def _margin(yes: Any, weights: Any, row: Any) -> float:
    """Down the nodes, one by one."""
    total = 0.0
    for cuts, leaves in zip(yes, weights, strict=True):
        node = 0
        while node < len(cuts):
            node = 2 * node + 1 + int(not cuts[node] @ row)
        total += leaves[node - len(cuts)] / 2**18
    return total


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 70), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_the_largest_few_are_told_by_their_places(columns: int, most: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    numbers = rng.integers(-3, 6, (11, columns)) * rng.choice([1, 2**33 // 6])
    with numpy_as_jax():
        places = largest_places(numbers, most)
        best = largest(numbers)
    for row, line in zip(numbers.tolist(), places.tolist(), strict=True):
        ranked = [place + 1 for place in sorted(range(columns), key=lambda at, row=row: -row[at]) if row[place] > 0]
        assert line == (ranked + [0] * most)[:most]
    assert (best == numbers.max(axis=1)).all()


@settings(max_examples=25, deadline=None)
@given(WIDTHS.map(lambda bins: [one + 2 for one in bins]))
def test_each_cell_of_each_column_is_in_a_probe(widths: list[int]) -> None:
    cells = probe_cells(widths)
    assert cells.shape == (max(widths), sum(widths)) and (cells.sum(axis=0) >= 1).all()
    assert (cells.sum(axis=1) == len(widths)).all()


def test_weights_of_probes_are_no_multiples_of_each_other() -> None:
    """So that what is off in one cell, or alike in two, never cancels out by itself."""
    weights = trial_weights(66)
    assert len(set(weights.tolist())) == 66 and weights.min() > 2**50
    with np.errstate(over="ignore"):
        sums = {int(first + sign * second) for first in weights for second in weights for sign in (-1, 1)} - {0}
    assert all(word % 2**32 for word in sums)
