"""The program `scorecard-train` as SPU runs it: fixed point of 18 bits in FM64, all of it on shares.

Nothing is opened on the way. Traps, each met: 1/n has too few bits, so sums are of 1/1024 and then times 1024/n; a
sigmoid by a polynomial without saturation diverges in silence, so ABY3 has the exact one and Cheetah a quintic between
bounds; `jnp.max` begins at -2^63, which overflows SPU's comparisons; a ring that overflows says nothing, so weights of
evidence and logits are clipped.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from placet.models.probes import probe_cells
from placet.models.scorecard_fit import INTERCEPT_L2, MAX_LOGIT, MAX_WOE, SMOOTHING
from placet.protocols.mpc.scorecard import IV_UNIT, NORMAL, TABLE, ScorecardTrain
from placet.protocols.spu.card_coalitions import card_areas, card_points

Array = Any
"""A jax array under trace."""
_INVERSE_STEPS = 16
_SHRINK = 1 / 32
"""Of either factor of a product that is added up over rows."""


def scorecard_train(program: ScorecardTrain, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    import jax.numpy as jnp

    cells, labels, present = _brought(program, [*arrays.values()])
    rows, train = labels.shape[0], program.train
    positive = labels if present is None else labels * present
    exact = len(arrays) == 3
    people, positives, count, hits = _counts(
        cells[:train], positive[:train], None if present is None else present[:train]
    )
    enough = _flags(positives >= program.smallest) * _flags(people - positives >= program.smallest)
    woe, value = _evidence(program, people, positives, count, hits)
    spread = _spread(program)
    design = cells[:train] @ (woe[:, None] * spread)
    ones = jnp.ones((train, 1), design.dtype)
    if present is not None:
        ones = present[:train, None] * ones
        design = design * ones
    design = jnp.concatenate([design, ones], axis=1)
    mean_of = _mean_of(people, None if present is not None else train)
    shrunk = design * _SHRINK
    gram = mean_of(shrunk.T @ shrunk)
    weights, centre, width = _regress(program, design, gram, positive[:train], mean_of, exact=exact)
    factor = program.scale.factor
    points = _rounded(factor * woe * (spread @ weights[:-1]))
    base = _rounded(program.scale.offset + factor * weights[-1])
    edges = _rounded(program.scale.offset + factor * centre + abs(factor) * width * np.array(NORMAL, np.float32))
    score = base + cells[train:] @ points
    tables = []
    weight = None if present is None else present[train:]
    for low, high in ((0, program.validation), (program.validation, rows - train)):
        if high > low:
            joined = jnp.ones((high - low,), jnp.int64) if weight is None else weight[low:high]
            hit = positive[train + low : train + high]
            tables += band_table(score[low:high], jnp.stack([hit, joined - hit]), edges, program.smallest)
        else:
            tables.append(jnp.zeros((TABLE,), jnp.int64))
    numbers = [jnp.stack([people, positives, base]), points, _rounded(IV_UNIT * value), edges, *tables]
    results = [jnp.concatenate(numbers) * enough]
    if program.keeps:
        probes = base + probe_cells([column.cells for column in program.columns]) @ points
        card, value = jnp.concatenate([base[None], points, probes]) * enough, jnp.zeros(len(program.columns), jnp.int64)
        numbers = [jnp.stack([people, positives]), jnp.zeros(1 + program.cells, jnp.int64), value, edges, *tables]
        results = [jnp.concatenate(numbers) * enough, card]
    if program.payout_rule is not None:
        products = mean_of(shrunk.T @ (_real(positive[:train]) * _SHRINK))
        by_coalition = card_points(program, gram, products, woe, spread)
        joined = jnp.ones((rows - train,), jnp.int64) if weight is None else weight
        test = slice(train + program.validation, None)
        lines = jnp.stack([positive[test], joined[program.validation :] - positive[test]])
        few = _flags(lines.sum(axis=1) >= program.smallest)
        results.append(card_areas(program, by_coalition, cells[test], lines) * enough * few[0] * few[1])
    return tuple(results)


def quintic(logits: Array) -> Array:
    """Within 0.012 of the sigmoid: a polynomial between ±5 (the minimax one, by exchange), 0 and 1 beyond."""
    import jax.numpy as jnp

    square = logits * logits * 0.04
    inside = 0.5 + logits * (0.229346 + square * (0.124508 * square - 0.252839))
    return jnp.where(logits > 5.0, 1.0, jnp.where(logits < -5.0, 0.0, inside))


def sigmoid(logits: Array) -> Array:
    """Exact to the fixed point. Far below zero the exponential would overflow, so it ends at -`MAX_LOGIT`."""
    import jax
    import jax.numpy as jnp

    return jax.nn.sigmoid(jnp.maximum(logits, -MAX_LOGIT))


def _brought(program: ScorecardTrain, arrays: Sequence[Array]) -> tuple[Array, Array, Array | None]:
    """(rows, cells) of all columns, labels, and 1 for each row that all providers have (None where all rows count)."""
    import jax.numpy as jnp

    *providers, consumer = arrays
    blocks = [array[:, : program.width(owner)] for owner, array in enumerate(providers)]
    at = [program.width(owner) for owner in range(len(providers))]
    for owner in program.shared:
        wide = program.width(owner)
        blocks.append(sum(array[:, low : low + wide] for array, low in zip(providers, at, strict=True)))
        at = [low + wide for low in at]
    blocks.append(consumer)
    cells, present = [], None
    nothing = jnp.zeros((consumer.shape[0], 1), jnp.int64)
    for owner, block in enumerate(blocks):
        has = 1
        if program.join == "all" and owner < program.providers:
            has = block[:, program.width(owner) - 1 :][:, :1]
            present = has[:, 0] if present is None else present * has[:, 0]
        low = 0
        for column in program.of(owner):
            sent = block[:, low : low + len(column.sent)]
            low += len(column.sent)
            first = has - sent.sum(axis=1, keepdims=True)
            if column.kind == "number":
                cells += [first, sent[:, :-1], nothing, sent[:, -1:]]
            else:
                cells += [first, sent]
    return jnp.concatenate(cells, axis=1), consumer[:, -1], present


def _counts(cells: Array, positive: Array, present: Array | None) -> tuple[Array, Array, Array, Array]:
    import jax.numpy as jnp

    positives = positive.sum()
    if present is None:
        return jnp.int64(cells.shape[0]) + 0 * positives, positives, cells.sum(axis=0), positive @ cells
    return present.sum(), positives, present @ cells, positive @ cells


def _spread(program: ScorecardTrain) -> Any:
    """(cells, columns): 1 where a cell is a column's."""
    spread = np.zeros((program.cells, len(program.columns)), np.float32)
    for place, (low, high) in enumerate(itertools.pairwise(program.starts)):
        spread[low:high, place] = 1
    return spread


def _evidence(
    program: ScorecardTrain, people: Array, positives: Array, count: Array, hits: Array
) -> tuple[Array, Array]:
    """WOE of each cell and IV of each column; small cells of a column count together, with `other`."""
    import jax.numpy as jnp

    whole = _spread(program).astype(np.int64)
    unused = np.ones(program.cells, np.int64)
    unused[[high - 2 for high in program.starts[1:]]] = 0
    own = _flags(count >= program.smallest) * unused
    rest = jnp.stack([count, hits]) * (1 - own)[None, :] @ whole
    kept = _flags(rest[0] >= program.smallest)
    odds = _log_odds(
        jnp.concatenate([hits, rest[1], positives[None]]),
        jnp.concatenate([count - hits, rest[0] - rest[1], (people - positives)[None]]),
    )
    prior, cells = odds[-1], program.cells
    woe = _monotone(program, odds[:cells] - prior, count, hits, prior)
    rest_woe = whole @ (_real(kept) * (odds[cells:-1] - prior))
    woe = jnp.clip(rest_woe + _real(own) * (woe - rest_woe), -MAX_WOE, MAX_WOE)
    shares = _share(hits, positives) - _share(count - hits, people - positives)
    return woe, (_spread(program).T @ (shares * woe)) * (1 / 1024)


def _monotone(program: ScorecardTrain, woe: Array, count: Array, hits: Array, prior: Array) -> Array:
    """With the isotonic weights of the columns that are to be monotone (`scorecard_fit`), all of them at once."""
    import jax.numpy as jnp

    for place, column in enumerate(program.columns):
        if column.monotone is None:
            continue
        low, bins = program.starts[place], column.bins
        spans = np.array([[i, j] for i in range(bins) for j in range(i, bins)])
        within = ((np.arange(bins) >= spans[:, :1]) & (np.arange(bins) <= spans[:, 1:])).astype(np.int64)
        c, h = within @ count[low : low + bins], within @ hits[low : low + bins]
        together = (_log_odds(h, c - h) - prior) * (1 if column.monotone == "rising" else -1)
        at = {(int(i), int(j)): number for number, (i, j) in enumerate(spans)}
        least = {(i, bins - 1): together[at[i, bins - 1]] for i in range(bins)}
        for j in reversed(range(bins - 1)):
            line = jnp.minimum(
                jnp.stack([together[at[i, j]] for i in range(j + 1)]),
                jnp.stack([least[i, j + 1] for i in range(j + 1)]),
            )
            least |= {(i, j): line[i] for i in range(j + 1)}
        isotonic = []
        for k in range(bins):
            best = least[0, k]
            for i in range(1, k + 1):
                best = jnp.maximum(best, least[i, k])
            isotonic.append(best * (1 if column.monotone == "rising" else -1))
        woe = jnp.concatenate([woe[:low], jnp.stack(isotonic), woe[low + bins :]])
    return woe


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

    total = lines.sum(axis=1)[:, None]
    running = jnp.concatenate([lines @ _flags(score[:, None] < edges[None, :]), total], axis=1)
    judged = jnp.stack([_pairs(running), _distance(running)])
    kept = _kept(running, smallest)
    return [*(running * kept[None, :]), judged * kept[-1]]


def _kept(running: Array, smallest: int) -> Array:
    """1 for each place that stays. From a place the walk goes on to the first one that is far enough, of those that
    leave enough behind them; powers of that matrix by squaring give all places that it comes to."""
    import jax.numpy as jnp

    bands = running.shape[1]
    start = jnp.concatenate([jnp.zeros((2, 1), jnp.int64), running[:, :-1]], axis=1)
    far = _flags(running[:, None, :] - start[:, :, None] >= smallest)
    reached = far[0] * far[1]
    first = reached - jnp.concatenate([jnp.zeros((bands, 1), jnp.int64), reached[:, :-1]], axis=1)
    ahead = _flags(running[:, -1:] - running >= smallest)
    to = (first * (ahead[0] * ahead[1])[None, :])[:, :-1]
    steps = jnp.concatenate([jnp.zeros((bands, 1), jnp.int64), to], axis=1)
    stays = jnp.array(np.eye(1, bands, dtype=np.int64)[0])
    for doubling in range((bands - 1).bit_length()):
        if doubling:
            steps = steps @ steps
        stays = stays + stays @ steps
    return jnp.concatenate([stays[1:], reached[:1, -1]])


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


def _flags(compared: Array) -> Array:
    return compared.astype("int64")


def _real(whole: Array) -> Array:
    return whole.astype("float32")
