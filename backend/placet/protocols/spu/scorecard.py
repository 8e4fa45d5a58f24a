"""The program `scorecard-train` as SPU runs it: fixed point of 18 bits in FM64, all of it on shares.

Nothing is opened on the way. Traps, each met: 1/n has too few bits, so sums are of 1/1024 and then times 1024/n; a
sigmoid by a polynomial without saturation diverges in silence, so ABY3 has one by the exponential and Cheetah a quintic
between bounds; `jnp.max` begins at -2^63, which overflows SPU's comparisons; a ring that overflows says nothing, so
weights of evidence and logits are clipped.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from placet.models.probes import probe_cells
from placet.models.scorecard_fit import INTERCEPT_L2, MAX_LOGIT, MAX_WOE, SMOOTHING, middle
from placet.protocols.mpc.scorecard import IV_UNIT, TABLE, ScorecardTrain
from placet.protocols.spu.blocks import blocks_of
from placet.protocols.spu.card_coalitions import card_areas, card_points
from placet.protocols.spu.cells import Cells, spread_of
from placet.protocols.spu.merging import Array, enough, flags, kept, running_at, together
from placet.protocols.spu.permuting import permuted_areas
from placet.protocols.spu.searching import in_bands, running_totals

_INVERSE_STEPS = 16
_SHRINK = 1 / 32
"""Of either factor of a product that is added up over rows."""


def scorecard_train(program: ScorecardTrain, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    import jax.numpy as jnp

    brought = blocks_of(program, [*arrays.values()])
    cells = Cells(program, [brought.blocks[owner] for owner in program.players])
    labels, present = brought.labels, brought.present
    rows, train = labels.shape[0], program.train
    positive = labels if present is None else labels * present
    exact = len(arrays) == 3
    trained = cells.rows(slice(train))
    people, positives, count, hits = _counts(trained, positive[:train], None if present is None else present[:train])
    trainable = flags(positives >= program.smallest) * flags(people - positives >= program.smallest)
    woe, value = _evidence(program, jnp.stack([hits, count - hits]), jnp.stack([positives, people - positives]))
    spread = spread_of(program)
    design = trained.by_column(woe)
    ones = jnp.ones((train, 1), design.dtype)
    if present is not None:
        ones = present[:train, None] * ones
        design = design * ones
    design = jnp.concatenate([design, ones], axis=1)
    mean_of = _mean_of(people, None if present is not None else train)
    shrunk = design * _SHRINK
    gram = mean_of(_gram(shrunk, by_column=exact))
    weights, centre, width = _regress(program, design, gram, positive[:train], mean_of, exact=exact)
    factor = program.scale.factor
    points = _rounded(factor * woe * (spread @ weights[:-1]))
    base = _rounded(program.scale.offset + factor * weights[-1])
    apart = abs(factor) * width * np.array(program.quantiles, np.float32)
    edges = _rounded(program.scale.offset + factor * centre + apart)
    score, tables = base + cells.rows(slice(train, None)).times(points[:, None])[:, 0], []
    weight = None if present is None else present[train:]
    for low, high in ((0, program.validation), (program.validation, rows - train)):
        if high > low:
            joined = jnp.ones((high - low,), jnp.int64) if weight is None else weight[low:high]
            hit = positive[train + low : train + high]
            tables += band_table(score[low:high], jnp.stack([hit, joined - hit]), edges, program.smallest)
        else:
            tables.append(jnp.zeros((TABLE,), jnp.int64))
    if program.permutations:
        own = cells.rows(program.judged).by_column(points)
        lines = jnp.stack([positive, (1 if present is None else present) - positive])[:, program.judged]
        tables.append(permuted_areas(own, base, edges, lines, program.permutations, program.smallest))
    numbers = [jnp.stack([people, positives, base]), points, _rounded(IV_UNIT * value), edges, *tables]
    results = [jnp.concatenate(numbers) * trainable]
    if program.keeps:
        card = _kept(program, base, points) * trainable
        value = jnp.zeros(len(program.columns), jnp.int64)
        numbers = [jnp.stack([people, positives]), jnp.zeros(1 + program.cells, jnp.int64), value, edges, *tables]
        results = [jnp.concatenate(numbers) * trainable, card]
    if program.payout_rule is not None:
        products = mean_of(shrunk.T @ (_real(positive[:train]) * _SHRINK))
        by_coalition = card_points(program, gram, products, woe, spread)
        joined = jnp.ones((rows - train,), jnp.int64) if weight is None else weight
        test = slice(train + program.validation, None)
        lines = jnp.stack([positive[test], joined[program.validation :] - positive[test]])
        testable = flags(lines.sum(axis=1) >= program.smallest)
        results.append(
            card_areas(program, by_coalition, cells.rows(test), lines) * trainable * testable[0] * testable[1]
        )
    return tuple(results)


def _kept(program: ScorecardTrain, base: Array, points: Array) -> Array:
    """What stays of the card (`scoring.kept_of`)."""
    import jax.numpy as jnp

    probes = base + probe_cells([column.cells for column in program.columns]) @ points
    return jnp.concatenate([base[None], points, probes])


def _gram(design: Array, *, by_column: bool) -> Array:
    """design'design, a column at a time for ABY3: in one, over many rows, it takes the engine ten times as long."""
    import jax.numpy as jnp

    if not by_column:
        return design.T @ design
    return jnp.stack([design.T @ design[:, place] for place in range(design.shape[1])])


def quintic(logits: Array) -> Array:
    """Within 0.012 of the sigmoid: a polynomial between ±5 (the minimax one, by exchange), 0 and 1 beyond."""
    import jax.numpy as jnp

    square = logits * logits * 0.04
    inside = 0.5 + logits * (0.229346 + square * (0.124508 * square - 0.252839))
    return jnp.where(logits > 5.0, 1.0, jnp.where(logits < -5.0, 0.0, inside))


def sigmoid(logits: Array) -> Array:
    """Up to 0.0009 further from a half than it should be: SPU's exponential of x is too low by x²/512. Far below zero
    it would overflow, so it ends at -`MAX_LOGIT`."""
    import jax
    import jax.numpy as jnp

    return jax.nn.sigmoid(jnp.maximum(logits, -MAX_LOGIT))


def _counts(cells: Cells, positive: Array, present: Array | None) -> tuple[Array, Array, Array, Array]:
    """People and positives, of all and by cell."""
    import jax.numpy as jnp

    rows, positives = positive.shape[0], positive.sum()
    joined = np.ones(rows, np.int64) if present is None else present
    people = rows + 0 * positives if present is None else present.sum()
    (count,), (hits,) = (
        cells.counts(line[None, :], jnp.stack([total])) for line, total in ((joined, people), (positive, positives))
    )
    return people, positives, count, hits


def _evidence(program: ScorecardTrain, lines: Array, totals: Array) -> tuple[Array, Array]:
    """WOE of each cell and IV of each column, as `scorecard_fit.weights_of_evidence` has them. `lines` (2, cells) and
    `totals` (2,) are positives and negatives. All columns at once, as wide as the widest: behind its cells a column has
    more that nobody is in, and so belong to its last group."""
    import jax
    import jax.numpy as jnp

    smallest, wide, columns = program.smallest, max(column.cells for column in program.columns) - 1, program.columns
    at_bins, at_missing, at_middle = _layout(program, wide)
    bins, missing = (lines @ at_bins.T).reshape(2, len(columns), wide), lines @ at_missing.T
    few = flags(missing < smallest)
    counts = bins + (missing * few)[:, :, None] * at_middle
    running = running_at(bins.cumsum(axis=2), range(wide + 1)).transpose(1, 0, 2)
    ends = np.zeros((len(columns), wide + 1), np.int64)
    ends[:, [0, -1]] = 1
    stays = jax.vmap(kept)(jnp.array(ends), jax.vmap(lambda one: enough(one, smallest))(running))
    same = jax.vmap(together)(stays)
    grouped = (same @ counts.transpose(1, 2, 0)).transpose(2, 0, 1)
    odds = _log_odds(
        *jnp.concatenate([grouped.reshape(2, -1), missing + few * (smallest - missing), totals[:, None]], axis=1)
    )
    prior = odds[-1]
    by_bin = odds[: len(columns) * wide].reshape(len(columns), wide) - prior
    by_bin = _monotone(program, by_bin, grouped * stays[None, :, 1:], same * stays[:, None, 1:], prior)
    apart = odds[len(columns) * wide : -1] - prior
    below = flags(apart < 0)
    apart = apart * _real(1 - few[0] * (1 - below) - few[1] * below)
    valued = _flags_all(running[:, :, -1] >= smallest)
    woe = (_real(valued)[:, None] * by_bin).reshape(-1) @ at_bins + (_real(valued) * apart) @ at_missing
    woe = jnp.clip(woe, -MAX_WOE, MAX_WOE)
    counts = counts.reshape(2, -1) @ at_bins + (missing * (1 - few)) @ at_missing
    shares = _share(counts[0], totals[0]) - _share(counts[1], totals[1])
    return woe, (spread_of(program).T @ (shares * woe)) * (1 / 1024)


def _layout(program: ScorecardTrain, wide: int) -> tuple[Any, Any, Any]:
    """Where a column's cells but the last one are among so many places a column (columns * wide, cells), its last one
    (columns, cells), and its middle bin (columns, wide)."""
    starts, columns = program.starts, len(program.columns)
    at_bins = np.zeros((columns * wide, program.cells), np.int64)
    at_missing, at_middle = np.zeros((columns, program.cells), np.int64), np.zeros((columns, wide), np.int64)
    for place, (low, high) in enumerate(itertools.pairwise(starts)):
        at_bins[range(place * wide, place * wide + high - low - 1), range(low, high - 1)] = 1
        at_missing[place, high - 1] = at_middle[place, middle(high - low)] = 1
    return at_bins, at_missing, at_middle


def _monotone(program: ScorecardTrain, woe: Array, last: Array, ends: Array, prior: Array) -> Array:
    """(columns, places) with the isotonic weights of the columns that are to be monotone (`scorecard_fit`). `last`
    (2, columns, places): positives and negatives of each group, at its last place alone; `ends` (columns, places,
    places): 1 where the second is the last place of the first one's group."""
    import jax.numpy as jnp

    rows = list(woe)
    for column, declared in enumerate(program.columns):
        if declared.monotone is None:
            continue
        places, sign = declared.cells - 1, 1 if declared.monotone == "rising" else -1
        spans = np.array([[i, j] for i in range(places) for j in range(i, places)])
        within = ((np.arange(places) >= spans[:, :1]) & (np.arange(places) <= spans[:, 1:])).astype(np.int64)
        pooled = (_log_odds(*(last[:, column, :places] @ within.T)) - prior) * sign
        at = {(int(i), int(j)): number for number, (i, j) in enumerate(spans)}
        least = {(i, places - 1): pooled[at[i, places - 1]] for i in range(places)}
        for j in reversed(range(places - 1)):
            line = jnp.minimum(
                jnp.stack([pooled[at[i, j]] for i in range(j + 1)]),
                jnp.stack([least[i, j + 1] for i in range(j + 1)]),
            )
            least |= {(i, j): line[i] for i in range(j + 1)}
        isotonic = []
        for k in range(places):
            best = least[0, k]
            for i in range(1, k + 1):
                best = jnp.maximum(best, least[i, k])
            isotonic.append(best * sign)
        rows[column] = jnp.concatenate(
            [_real(ends[column, :places, :places]) @ jnp.stack(isotonic), woe[column, places:]]
        )
    return jnp.stack(rows)


def _mean_of(people: Array, rows: int | None) -> Callable[[Array], Array]:
    """Makes a sum over rows, of products that are 1/1024 of what they are, a mean. Neither 1/n nor 1/1024 stands beside
    it: a compiler multiplies such factors first, and their product has too few bits."""
    if rows is not None:
        return lambda total: total * (1024 / rows)
    import jax.numpy as jnp

    once = jnp.reciprocal(_real(people) * (1 / 1024))
    return lambda total: total * once


def _regress(
    program: ScorecardTrain,
    design: Array,
    gram: Array,
    positive: Array,
    mean_of: Callable[[Array], Array],
    *,
    exact: bool,
) -> tuple[Array, Array, Array]:
    """Coefficients, intercept last; mean and standard deviation of the logits. `gram`: the mean of design'design."""
    import jax
    import jax.numpy as jnp

    wide = len(program.columns) + 1
    penalty = np.full(wide, program.l2 / 1000, np.float32)
    penalty[-1] = INTERCEPT_L2
    shrunk = design * _SHRINK
    inverted = inverse(gram * 0.25 + np.diag(penalty))
    target, ones = _real(positive), design[:, -1]

    def step(_: int, weights: Array) -> Array:
        expected = (sigmoid if exact else quintic)(design @ weights)
        if program.join == "all":
            expected = expected * ones
        return weights + inverted @ (mean_of(shrunk.T @ ((target - expected) * _SHRINK)) - penalty * weights)

    weights = jax.lax.fori_loop(0, program.steps, step, jnp.zeros((wide,), design.dtype))
    centre = gram[-1] @ weights
    variance = weights @ (gram @ weights) - centre * centre
    return weights, centre, jnp.sqrt(jnp.where(variance > 0.0001, variance, 0.0001))


def inverse(matrix: Array, steps: int = _INVERSE_STEPS) -> Array:
    """By Newton and Schulz, from 1 / trace on: squares the distance to the inverse in each step."""
    import jax
    import jax.numpy as jnp

    unit = np.eye(matrix.shape[0], dtype=np.float32)

    def step(_: int, nearer: Array) -> Array:
        return nearer @ (2 * unit - matrix @ nearer)

    return jax.lax.fori_loop(0, steps, step, unit * jnp.reciprocal(jnp.trace(matrix)))


def band_table(score: Array, lines: Array, edges: Array, smallest: int) -> list[Array]:
    """Running totals of positives and negatives by band, at the upper edges that `models.bands.kept_places` keeps, 0 at
    others; the last are all of them. Then what AUC and KS are made of, from all bands. All are 0 where positives or
    negatives are too few."""
    import jax.numpy as jnp

    running = running_totals(lines, in_bands(score, edges))
    judged = jnp.stack([_pairs(running), _distance(running)])
    bands = edges.shape[0] + 1
    ends = np.zeros(bands + 1, np.int64)
    ends[[0, -1]] = 1
    large = _flags_all(running[:, -1] >= smallest)
    stays = kept(jnp.array(ends), enough(running_at(running, range(bands + 1)), smallest))[1:] * large
    return [*(running * stays[None, :]), judged * large]


def _pairs(running: Array) -> Array:
    """Twice the pairs of a positive and a negative in which the positive's band is higher, equal ones by half."""
    import jax.numpy as jnp

    each = jnp.concatenate([running[:, :1], running[:, 1:] - running[:, :-1]], axis=1)
    return each[0] @ (2 * running[1] - each[1])


def _distance(running: Array) -> Array:
    """The largest distance of both distributions, times positives and negatives."""
    import jax.numpy as jnp

    distance = running[0] * running[1, -1] - running[1] * running[0, -1]
    line = jnp.concatenate([distance, -distance])
    while line.shape[0] > 1:
        half = line.shape[0] // 2
        line = jnp.where(line[:half] > line[half:], line[:half], line[half:])
    return line[0]


def _log_odds(positive: Array, negative: Array) -> Array:
    import jax.numpy as jnp

    return jnp.log(_real(positive) + SMOOTHING) - jnp.log(_real(negative) + SMOOTHING)


def _share(part: Array, whole: Array) -> Array:
    """1024 times a quotient of counts."""
    import jax.numpy as jnp

    return _real(part) * jnp.reciprocal(_real(whole) * (1 / 1024) + 1e-4)


def _rounded(value: Array) -> Array:
    import jax.numpy as jnp

    return jnp.floor(value + 0.5).astype(jnp.int64)


def _flags_all(compared: Array) -> Array:
    """1 where both labels, of the last axis, are so."""
    return flags(compared[..., 0]) * flags(compared[..., 1])


def _real(whole: Array) -> Array:
    return whole.astype("float32")
