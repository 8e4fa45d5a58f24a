"""The program `tree-grow` as SPU runs it: fixed point of 18 bits in FM64, all of it on shares.

A level's histograms are one product of matrices, of left children alone: a right child's is the parent's less its
sibling's. They are over cells; sums of all candidate cuts follow from them by public matrices, and of categories by the
order of G/H among a node's own cells, which stays secret, too. The best candidate is found by halving, and its place
put together backwards from the flags.

No exponential is taken of rows: e to the minus margin is carried on beside the margin, times that of a leaf's weight.
Products of whole numbers with real ones are exact (nothing is cut off), so a node's sums are those of its rows; sums
are divided by a power of two before they are squared.

Where a column is to rise or fall, nodes carry bounds of what leaves below them weigh, and a cut's sides weigh within
them (`models.cuts`). Sides of a cut of such a column differ by `TreeGrow.apart` or more, and bounds keep off the mean
by half of it, so that leaves stand in order still when the rate is applied, which is off by 2^-18.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from placet.models.cuts import LAMBDA, MIN_CURVATURE
from placet.models.trees import UNIT
from placet.protocols.mpc.growing import GAIN_UNIT, MAX_ODDS, MAX_STEP, MIN_GAIN, STATE, WORD, TreeGrow
from placet.protocols.spu.blocks import CellBlocks, blocks_of

Array = Any
"""A jax array under trace."""
_EMPTY = 2**-10
"""Beside a curvature, so that none is 0."""
_AT_A_TIME = 6


def tree_grow(program: TreeGrow, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    import jax.numpy as jnp

    margins, odds = arrays[STATE][:2]
    given = blocks_of(program, [array for name, array in arrays.items() if name != STATE])
    layout = _Layout.of(program)
    train, rate, scale = program.train, program.rate / 100, program.scale
    chance = jnp.reciprocal(1 + odds[:train])
    slopes = jnp.stack([chance - given.labels[:train], chance * (1 - chance)])
    ways = None if given.present is None else given.present[:, None]
    everybody = jnp.ones((train, 1), jnp.int64) if ways is None else ways[:train]
    sums, totals = _histograms(given, layout, slopes, everybody)
    enough = _enough(program, given.labels[:train], everybody)
    bounds = (
        jnp.stack([0 * totals[0] - MAX_STEP / rate, 0 * totals[0] + MAX_STEP / rate]) if layout.slopes.any() else None
    )
    cuts, gains = [], []
    for level in range(program.depth):
        picked = _Picked.best(program, layout, sums, totals, enough, bounds)
        cuts.append(picked.yes)
        gains.append(jnp.minimum(picked.gain, train / scale))
        side = _sides(given, layout, picked.yes)
        left = side if ways is None else ways * side
        right = (1 - side) if ways is None else ways - left
        ways = _paired(left, right, 1)
        if level + 1 < program.depth:
            lower, _ = _histograms(given, layout, slopes, left[:train])
            sums = _paired(lower, sums - lower, 1)
        totals = _paired(picked.totals, totals - picked.totals, 1)
        bounds = picked.bounds
    gradient, curvature, count = totals
    weights = rate * _within(-_steepness(program, gradient, curvature), bounds)
    weights = jnp.clip(weights, -MAX_STEP, MAX_STEP)
    if given.present is not None:
        count, weights = count * enough, weights * enough
    numbers = jnp.concatenate([*[gain * (scale * GAIN_UNIT) for gain in gains], count, weights * UNIT])
    odds = jnp.clip(odds * (ways @ _exponential(-weights)), 1 / MAX_ODDS, MAX_ODDS)
    yes = jnp.concatenate(cuts)
    if not program.keeps:
        yes = _product(yes, _words(program))
    whole = jnp.floor(numbers + 0.5).astype(jnp.int64)
    state = [margins + ways @ weights, odds]
    if given.present is not None:
        state.append(given.present.astype("float32"))
    return jnp.stack(state), yes, whole


def _enough(program: TreeGrow, labels: Array, everybody: Array) -> Array:
    """1 where enough of those who train have either label."""
    import jax.numpy as jnp

    positives = (labels * everybody[:, 0]).sum()
    either = _flags(jnp.stack([positives, everybody.sum() - positives]) >= program.smallest)
    return either[0] * either[1]


def _words(program: TreeGrow) -> Any:
    """(cells, words): of each cell its bit."""
    cells = np.arange(program.cells)
    matrix = np.zeros((program.cells, program.words), np.int64)
    matrix[cells, cells // WORD] = 1 << (cells % WORD)
    return matrix


def _exponential(values: Array) -> Array:
    """Within 0.001 of itself for ±`MAX_STEP`; SPU's own is 0.2 % too low at 1, and more beyond."""
    part = values * (1 / 16)
    series = 1 + part * (1 + part * (1 / 2 + part * (1 / 6 + part * (1 / 24 + part * (1 / 120)))))
    for _ in range(4):
        series = series * series
    return series


@dataclass(frozen=True)
class _Layout:
    """Public matrices. `spread` (brought cells, cells): a cell that is brought counts in it, and no more in its
    column's first one; `first` (cells,): the first cells. `numbers` (cells, candidates): the cells on the left of each
    cut of numbers; `slopes` (candidates,): 1 where its right side is to weigh no less, -1 where no more. `categories`:
    places of the cells of columns of categories (columns, cells), by numbers of cells."""

    spread: Any
    first: Any
    numbers: Any
    slopes: Any
    categories: tuple[Any, ...]

    @classmethod
    def of(cls, program: TreeGrow) -> _Layout:
        brought: list[tuple[int, int]] = []
        prefixes: list[Any] = []
        slopes: list[int] = []
        categories: dict[int, list[Any]] = {}
        for low, column in zip(program.starts, program.columns, strict=False):
            brought += [(low, low + cell) for cell in column.sent]
            if column.kind == "category":
                categories.setdefault(column.cells, []).append(np.arange(low, low + column.cells))
                continue
            slope = {"rising": 1, "falling": -1, None: 0}[column.monotone]
            for cells in _prefixes(column.bins):
                prefixes.append(np.zeros(program.cells, np.int64))
                prefixes[-1][[low + cell for cell in cells]] = 1
                slopes.append(0 if len(cells) == column.bins and cells[-1] < column.bins else slope)
        spread, first = np.zeros((len(brought), program.cells), np.int64), np.zeros(program.cells, np.int64)
        for place, (start, cell) in enumerate(brought):
            spread[place, cell], spread[place, start] = 1, -1
        first[list(program.starts[:-1])] = 1
        matrix = np.stack(prefixes, axis=1) if prefixes else np.zeros((program.cells, 0), np.int64)
        stacked = tuple(np.stack(places) for places in categories.values())
        return cls(spread, first, matrix, np.array(slopes, np.int64), stacked)


def _prefixes(bins: int) -> list[tuple[int, ...]]:
    """Cells on the left of each cut of numbers: up to a bin, with or without what is missing; what is there."""
    missing = bins + 1
    cuts = [(*range(last + 1), *more) for last in range(bins - 1) for more in ((), (missing,))]
    return [*cuts, tuple(range(bins))]


def _histograms(given: CellBlocks, layout: _Layout, slopes: Array, ways: Array) -> tuple[Array, Array]:
    """(3, nodes, cells): gradients, curvatures and rows of the rows of training that are in each node; and (3, nodes):
    of all of the node's."""
    import jax.numpy as jnp

    train, nodes = ways.shape
    lines = jnp.concatenate([ways * slopes[0][:, None], ways * slopes[1][:, None], ways.astype("float32")], axis=1)
    whole = lines.sum(axis=0)
    parts = [_product(lines.T, block[:train]) for block in given.blocks if block.shape[1]]
    cells = _product(jnp.concatenate(parts, axis=1), layout.spread) + whole[:, None] * layout.first
    return cells.reshape(3, nodes, -1), whole.reshape(3, nodes)


def _sides(given: CellBlocks, layout: _Layout, yes: Array) -> Array:
    """(rows, nodes): 1 for each row that goes to `yes`."""
    weights = _product(yes, layout.spread.T).T
    base = (yes @ layout.first)[None, :]
    side, at = base, 0
    for block in given.blocks:
        wide = block.shape[1]
        if wide:
            side = side + block @ weights[at : at + wide]
        at += wide
    return side


@dataclass(frozen=True)
class _Picked:
    """The best cut of each node: cells that go to `yes` (nodes, cells), gains (nodes,), sums of the rows that do
    (3, nodes); where some column is to rise or fall, the bounds of both sides (2, 2 nodes)."""

    yes: Array
    gain: Array
    totals: Array
    bounds: Array | None

    @classmethod
    def best(
        cls, program: TreeGrow, layout: _Layout, sums: Array, totals: Array, enough: Array, bounds: Array | None
    ) -> _Picked:
        """None but where there is `enough`, 0 or 1."""
        import jax.numpy as jnp

        nodes = sums.shape[1]
        left = [_product(sums.reshape(3 * nodes, -1), layout.numbers).reshape(3, nodes, -1)]
        orders = []
        for places in layout.categories:
            cells = sums[:, :, places.reshape(-1)].reshape(3, nodes, *places.shape)
            before = _before(cells)
            orders.append(before)
            prefix = (before[None] * cells[:, :, :, None, :]).sum(axis=4)
            left.append(prefix.reshape(3, nodes, -1))
        lefts = jnp.concatenate(left, axis=2)
        gain, weights = _gains(program, layout, lefts, totals, bounds)
        top, place = _argmax(gain)
        cut = _flags(top > MIN_GAIN / program.scale) * enough
        place = place * cut[:, None]
        all_left = np.zeros(program.cells, np.int64)
        all_left[: program.columns[0].cells] = 1
        count = layout.numbers.shape[1]
        yes = _product(place[:, :count], layout.numbers.T) + (1 - cut)[:, None] * all_left
        for places, before in zip(layout.categories, orders, strict=True):
            columns, cells_each = places.shape
            picked = place[:, count : count + columns * cells_each].reshape(nodes, columns, cells_each, 1)
            count += columns * cells_each
            marks = (picked * before).sum(axis=2).reshape(nodes, -1)
            spread = np.zeros((columns * cells_each, program.cells), np.int64)
            spread[range(columns * cells_each), places.reshape(-1)] = 1
            yes = yes + _product(marks, spread)
        chosen_sums = (place[None] * lefts).sum(axis=2) + (1 - cut)[None] * totals
        if bounds is not None:
            bounds = _bounds_below(program, layout, bounds, place, weights)
        return cls(yes, top * cut, chosen_sums, bounds)


def _before(cells: Array) -> Array:
    """(nodes, columns, cells, cells): for each cell of a column 1 at those which are not behind it in the order of G/H
    and have rows in the node."""
    gradient, curvature, count = cells
    ratio = gradient / (curvature + _EMPTY)
    return _flags(ratio[..., None, :] <= ratio[..., :, None]) * _flags(count > 0.5)[..., None, :]


def _bounds_below(program: TreeGrow, layout: _Layout, bounds: Array, place: Array, weights: Array) -> Array:
    """Of the left and the right side of each node's cut, which stands at `place` (nodes, candidates), by what both
    sides of each would weigh (2, nodes, candidates)."""
    import jax.numpy as jnp

    slopes = layout.slopes
    numbers = place[:, : len(slopes)]
    middle = (numbers[None] * weights[:, :, : len(slopes)]).sum(axis=2).sum(axis=0) * 0.5
    rises, falls = (_product(numbers, (slopes == way).astype(np.int64)[:, None])[:, 0] for way in (1, -1))
    (low, high), half = bounds, program.apart / 2
    lower, upper = middle + half - low, middle - half - high
    left = jnp.stack([low + falls * lower, high + rises * upper])
    right = jnp.stack([low + rises * lower, high + falls * upper])
    return _paired(left, right, 1)


def _gains(
    program: TreeGrow, layout: _Layout, lefts: Array, totals: Array, bounds: Array | None
) -> tuple[Array, Array | None]:
    """(nodes, candidates): by how much each lessens the loss, over `scale`; 0 where a side is too small, or sides weigh
    otherwise than they are to. With bounds, what both sides weigh (2, nodes, candidates)."""
    import jax.numpy as jnp

    both = jnp.stack([lefts, totals[:, :, None] - lefts])
    least = np.array([MIN_CURVATURE / UNIT, program.smallest - 0.5], np.float32)[None, :, None, None]
    large = _flags(both[:, 1:] >= least)
    large = large[0] * large[1]
    large = large[0] * large[1]
    if bounds is None:
        score = _score(program, both[:, 0], both[:, 1])
        return (score[0] + score[1] - _score(program, totals[0], totals[1])[:, None]) * large, None
    weights, score = _bound_score(program, both[:, 0], both[:, 1], bounds[:, None, :, None])
    _, whole = _bound_score(program, totals[0], totals[1], bounds)
    bound = np.flatnonzero(layout.slopes)
    chosen = np.zeros((len(bound), large.shape[1]), np.int64)
    chosen[range(len(bound)), bound] = 1
    apart = (weights[1] - weights[0])[:, bound] * layout.slopes[bound]
    ordered = 1 - _product(_flags(apart < program.apart), chosen)
    return (score[0] + score[1] - whole[:, None]) * large * ordered, weights


def _steepness(program: TreeGrow, gradient: Array, curvature: Array) -> Array:
    """G/(H + λ)."""
    return (gradient * (1 / program.scale)) / (curvature * (1 / program.scale) + LAMBDA / UNIT / program.scale)


def _score(program: TreeGrow, gradient: Array, curvature: Array) -> Array:
    """G²/(H + λ) over `scale`."""
    return gradient * (1 / program.scale) * _steepness(program, gradient, curvature)


def _bound_score(program: TreeGrow, gradient: Array, curvature: Array, bounds: Array) -> tuple[Array, Array]:
    """What leaves of such sums weigh within bounds before the rate is applied, and by how much they lessen the loss,
    over `scale`."""
    best = -_steepness(program, gradient, curvature)
    weights = _within(best, bounds)
    away = weights - best
    large = curvature * (1 / program.scale) + LAMBDA / UNIT / program.scale
    return weights, _score(program, gradient, curvature) - away * (away * large)


def _within(values: Array, bounds: Array | None) -> Array:
    """No less than the first of bounds, and no more than the second."""
    if bounds is None:
        return values
    low, high = bounds
    raised = values + _flags(values < low) * (low - values)
    return raised + _flags(raised > high) * (high - raised)


def _argmax(values: Array) -> tuple[Array, Array]:
    """Of each line (lines, n) the largest value, and a 1 at its place (lines, n)."""
    import jax.numpy as jnp

    steps, line = [], values
    while line.shape[1] > 1:
        half = (line.shape[1] + 1) // 2
        first, second = line[:, : line.shape[1] - half], line[:, half:]
        ahead = _flags(first >= second)
        steps.append(ahead)
        winners = second + ahead * (first - second)
        line = jnp.concatenate([winners, line[:, first.shape[1] : half]], axis=1)
    place = jnp.ones_like(line, dtype=jnp.int64)
    for ahead in reversed(steps):
        pairs = ahead.shape[1]
        won = place[:, :pairs]
        first = won * ahead
        place = jnp.concatenate([first, place[:, pairs:], won - first], axis=1)
    return line[:, 0], place


def _product(lines: Array, matrix: Array) -> Array:
    """Of few long lines with a matrix: by a few lines at a time SPU is tens of times faster than by 8 and more."""
    import jax.numpy as jnp

    starts = range(0, lines.shape[0], _AT_A_TIME)
    return jnp.concatenate([lines[start : start + _AT_A_TIME] @ matrix for start in starts])


def _paired(left: Array, right: Array, axis: int) -> Array:
    """Along an axis left, right, left, right, …"""
    import jax.numpy as jnp

    stacked = jnp.stack([left, right], axis=axis + 1)
    shape = list(left.shape)
    shape[axis] *= 2
    return stacked.reshape(shape)


def _flags(compared: Array) -> Array:
    return compared.astype("int64")
