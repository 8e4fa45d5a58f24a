"""The program `linear-train` as SPU runs it: sums of products exact, the rest fixed point of 18 bits in FM64.

Nothing is opened on the way. Sums over rows become means over a power of two of rows, no fewer than there are: 1/n has
too few bits, and 2^-k is exact. Where that is too small a constant, a whole matrix is shifted before it becomes real:
constant factors, and one that is the same for all, are multiplied beforehand, and what comes of it has too few bits.
Sigmoids saturate (`scorecard`): a polynomial alone diverges in silence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from placet.models.preparing import UNIT
from placet.models.probes import probe_cells
from placet.models.regression import BEND, CURVATURE, FIRST, FLOOR, MOMENTUM
from placet.protocols.mpc.design import LABEL_UNIT
from placet.protocols.mpc.regression import MAX_VIF, SUMS, VIF_RIDGE, VIF_UNIT, LinearTrain
from placet.protocols.mpc.scoring import COEFFICIENT_BITS
from placet.protocols.spu.scorecard import band_table, inverse, quintic, sigmoid

Array = Any
"""A jax array under trace."""
_UNIT_BITS = UNIT.bit_length() - 1
_FINE = 3
"""Bits that standard deviations keep beyond the 18, for columns that few rows have."""
_VIF_STEPS = 20
_LEAST_BITS = 16
"""A constant factor is 2 to the minus this at the least: SPU takes a smaller one for something else, in silence."""


@dataclass(frozen=True)
class _Brought:
    """`design`: prepared numbers and `UNIT` behind them (rows, wide + 1), 0 where a row does not count; `counts` of the
    rows that train by prepared number; `present` None where all rows count."""

    design: Array
    counts: Array
    labels: Array
    present: Array | None


def linear_train(program: LinearTrain, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    import jax.numpy as jnp

    brought = _brought(program, [*arrays.values()])
    products = _products(program, brought, [*arrays.values()])
    spare = max(program.train - 1, 1).bit_length()
    people = program.train + 0 * brought.counts[0]
    if brought.present is not None:
        people = brought.present[: program.train].sum()
    mask, enough, positives = _kept(program, brought, people)
    numbers, results = [jnp.stack([people, positives]), brought.counts * mask], list[Array]()
    gram = _scaled(products, spare + 2 * _UNIT_BITS)
    share = program.train / 2**spare if brought.present is None else gram[-1, -1]
    if program.statistics != "only":
        fit = _Fit(program, brought, gram, jnp.concatenate([mask, jnp.ones((1,), jnp.int64)]), share, spare)
        coefficients, *judged = _model(fit, people, positives, exact=len(arrays) == 3)
        if program.keeps:
            results.append(_kept_of(program, coefficients) * enough)
            numbers, coefficients = [numbers[0], 0 * numbers[1]], 0 * coefficients
        numbers += [coefficients, *judged]
    if program.statistics != "none":
        numbers += _statistics(program, products, mask, share, spare)
    return (jnp.concatenate(numbers) * enough, *results)


def _kept_of(program: LinearTrain, coefficients: Array) -> Array:
    """`LinearTrain.kept`."""
    import jax.numpy as jnp

    fine = coefficients * (1 << (COEFFICIENT_BITS - program.step_bits))
    base, weights = UNIT * fine[-1], fine[:-1]
    return jnp.concatenate([base[None], weights, base + (UNIT * probe_cells(program.widths)) @ weights])


def _brought(program: LinearTrain, arrays: Sequence[Array]) -> _Brought:
    import jax.numpy as jnp

    rows = arrays[-1].shape[0] - program.below(program.providers)
    blocks = program.by_owner([array[:rows] for array in arrays])
    consumer = blocks[-1]
    prepared, unusual, present = [], [], None
    for owner, block in enumerate(blocks):
        wide, more, presence = program.layout(owner)
        prepared.append(block[:, :wide])
        unusual.append(block[:, wide : wide + more])
        if presence:
            has = block[:, wide + more]
            present = has if present is None else present * has
    labels = consumer[:, program.width(program.providers) :]
    ones = jnp.full((consumer.shape[0], 1), UNIT, jnp.int64)
    design, flagged = jnp.concatenate([*prepared, ones], axis=1), jnp.concatenate(unusual, axis=1)
    if present is not None:
        design, flagged, labels = (array * present[:, None] for array in (design, flagged, labels))
    sums = jnp.right_shift(design[: program.train].sum(axis=0), _UNIT_BITS)
    unusual_sums = flagged[: program.train].sum(axis=0)
    counts, flag = [], 0
    for place, number in enumerate(program.numbers):
        counts.append(unusual_sums[flag] if number else sums[place])
        flag += number
    return _Brought(design, jnp.stack(counts), labels, present)


def _products(program: LinearTrain, brought: _Brought, arrays: Sequence[Array]) -> Array:
    """design'design over the rows that train; of two parties only what either does not know by itself is computed."""
    import jax.numpy as jnp

    design = brought.design[: program.train]
    if not program.blocks:
        return design.T @ design
    own = [program.layout(owner)[0] for owner in (0, 1)]
    first, second = (array[array.shape[0] - wide :, :wide] for array, wide in zip(arrays, own, strict=True))
    sums = UNIT * design[:, :-1].sum(axis=0)[:, None]
    if own[1]:
        crossed = design[:, : own[0]].T @ design[:, own[0] : -1]
        first = jnp.concatenate([jnp.concatenate([first, crossed], 1), jnp.concatenate([crossed.T, second], 1)], 0)
    last = jnp.concatenate([sums, jnp.full((1, 1), UNIT * UNIT * program.train, jnp.int64)], axis=0)
    return jnp.concatenate([jnp.concatenate([first, sums], axis=1), last.T], axis=0)


def _kept(program: LinearTrain, brought: _Brought, people: Array) -> tuple[Array, Array, Array]:
    """1 for each prepared number that enough have, and lack if it is an indicator; 1 if there are enough at all; how
    many are positive, of a label that is 0 or 1."""
    import jax.numpy as jnp

    counts = brought.counts
    lacking = jnp.where(np.array(program.numbers), counts, people - counts)
    least = [people - max(2 * program.smallest, program.wide + 1) + program.smallest]
    positives = 0 * people
    if program.labels:
        unusual = brought.labels[: program.train, -1].sum()
        least.append(unusual)
        if program.family == "logistic":
            positives = unusual
            least.append(people - unusual)
    compared = _flags(jnp.concatenate([counts, lacking, jnp.stack(least)]) >= program.smallest)
    wide, enough = program.wide, compared[2 * program.wide]
    for place in range(2 * wide + 1, 2 * wide + len(least)):
        enough = enough * compared[place]
    return compared[:wide] * compared[wide : 2 * wide], enough, positives


@dataclass(frozen=True)
class _Fit:
    """`gram`: the sum of design'design, in 1, over 2^`spare` rows; `mask`: 1 for what is kept; `share`: how many of
    2^`spare` rows train, a constant where all do."""

    program: LinearTrain
    brought: _Brought
    gram: Array
    mask: Array
    share: Any
    spare: int


def _model(fit: _Fit, people: Array, positives: Array, *, exact: bool) -> list[Array]:
    import jax.numpy as jnp

    program, brought = fit.program, fit.brought
    coefficients = _rounded(_regress(fit, people, positives, exact=exact) * 2.0**program.step_bits)
    scores = brought.design[program.train :] @ coefficients
    bounds = (0, program.validation), (program.validation, scores.shape[0])
    parts = []
    if program.family != "logistic":
        predictors = _real(scores) * 2.0 ** -(_UNIT_BITS + program.step_bits)
        for low, high in bounds:
            part = slice(low, high)
            parts.append(_sums(fit, predictors[part], slice(program.train + low, program.train + high)))
        return [coefficients, *parts]
    steps = 2.0**program.step_bits
    weights, once = _real(coefficients) * (1 / steps), jnp.reciprocal(fit.share)
    centre = (fit.gram[-1] @ weights) * once
    variance = (weights @ (fit.gram @ weights)) * once - centre * centre
    width = jnp.sqrt(jnp.where(variance > 0.0001, variance, 0.0001))
    edges = _rounded(steps * (centre + width * np.array(program.quantiles, np.float32)))
    for low, high in bounds:
        if high == low:
            parts.append(jnp.zeros((program.judged,), jnp.int64))
            continue
        hit = brought.labels[program.train + low : program.train + high, 0]
        there = jnp.ones((high - low,), jnp.int64)
        if brought.present is not None:
            there = brought.present[program.train + low : program.train + high]
        lines = jnp.stack([hit, there - hit])
        parts += band_table(scores[low:high], lines, UNIT * edges, program.smallest)
    return [coefficients, edges, *parts]


def _regress(fit: _Fit, people: Array, positives: Array, *, exact: bool) -> Array:
    """Coefficients, intercept last, as `models.regression` says; 0 of what is masked."""
    import jax
    import jax.numpy as jnp

    program, brought, mask = fit.program, fit.brought, _real(fit.mask)
    wide, family = program.wide + 1, program.family
    rows = slice(0, program.train)
    design, label = _real(brought.design[rows]), _real(brought.labels[rows, 0])
    if family != "logistic":
        label = label * (1 / LABEL_UNIT)
    penalty = np.full(wide, program.l2 / 1000, np.float32)
    penalty[-1] = 0
    penalty = penalty * fit.share
    both = mask[:, None] * mask[None, :]
    inverted = inverse(CURVATURE[family] * (fit.gram * both) + np.eye(wide, dtype=np.float32) * penalty)
    inverted = inverted * (1 / UNIT) * both
    start = jnp.zeros((wide,), design.dtype)
    if family == "logistic":
        odds = jnp.log(_real(jnp.stack([positives, people - positives])) + 0.5)
        start = jnp.concatenate([start[:-1], (odds[0] - odds[1])[None]])

    def later(_: int, state: tuple[Array, Array]) -> tuple[Array, Array]:
        now, before = state
        ahead = now + MOMENTUM[family] * (now - before)
        expected = _expected(program, design @ (ahead * (1 / UNIT)), exact=exact)
        if brought.present is not None:
            expected = expected * _real(brought.present[rows])
        gradient = (design.T @ (label - expected)) * 2.0**-fit.spare - UNIT * penalty * ahead
        return ahead + inverted @ gradient, now

    if family == "logistic":
        fitted = start + inverted @ _first_step(fit, design.T @ label, positives)
        fitted, _ = jax.lax.fori_loop(1, program.steps, later, (fitted, start))
    else:
        fitted, _ = jax.lax.fori_loop(0, program.steps, later, (start, start))
    return fitted * mask


def _first_step(fit: _Fit, hit: Array, positives: Array) -> Array:
    """The gradient times the step's length. All rows have the same odds at first, so what is expected of each is the
    share of positives: no row needs a sigmoid. `hit`: the sum over rows of design where the label is 1."""
    import jax.numpy as jnp

    share = _scaled(2 * positives + 1, fit.spare + 1) * jnp.reciprocal(fit.share + 2.0**-fit.spare)
    curvature, least = share * (1.0 - share), CURVATURE["logistic"] / FIRST
    length = CURVATURE["logistic"] * jnp.reciprocal(jnp.where(curvature > least, curvature, least))
    return (hit * 2.0**-fit.spare - UNIT * fit.gram[-1] * share) * length


def _expected(program: LinearTrain, predictors: Array, *, exact: bool) -> Array:
    """The label's mean at each predictor, as `models.regression.mean_of`."""
    import jax.numpy as jnp

    if program.family == "logistic":
        return sigmoid(predictors) if exact else quintic(predictors)
    if program.family == "linear":
        return predictors
    bent = jnp.maximum(predictors - BEND, 0.0)
    return jnp.exp(jnp.maximum(predictors - bent, FLOOR)) + math.exp(BEND) * bent


def _sums(fit: _Fit, predictors: Array, rows: slice) -> Array:
    """`LinearTrain.sums`."""
    import jax.numpy as jnp

    program, labels = fit.program, fit.brought.labels[rows]
    count = labels.shape[0]
    if not count:
        return jnp.zeros((SUMS,), jnp.int64)
    people, there = jnp.int64(count) + 0 * labels[0, 0], None
    if fit.brought.present is not None:
        there = fit.brought.present[rows]
        people = there.sum()
    enough = _flags(jnp.stack([people, labels[:, 2].sum()]) >= program.smallest)
    label, scale = _real(labels[:, 0]) * (1 / LABEL_UNIT), 2.0 ** -program.sum_bits(count)
    expected = _expected(program, predictors, exact=True)
    if program.family == "linear":
        loss = (label - expected) * (label - expected)
    else:
        loss = expected - label - label * jnp.log(expected)
    if there is not None:
        loss = loss * _real(there)
    whole, beside = (_real(labels[:, place].sum()) * (scale / LABEL_UNIT) for place in (0, 1))
    lost = loss.sum() * scale
    if program.family == "poisson":
        lost = lost + beside
    return jnp.concatenate([people[None], _rounded(jnp.stack([whole, beside, lost]))]) * enough[0] * enough[1]


def _statistics(program: LinearTrain, products: Array, mask: Array, share: Any, spare: int) -> list[Array]:
    """Correlations below the diagonal, and VIF: the diagonal of the inverse of all of them. Covariances are times the
    square of `share`, which correlations do not see; it is a matrix there, since a factor would be multiplied with the
    constant before it, and rounded."""
    import jax
    import jax.numpy as jnp

    wide = program.wide
    squares = _scaled(products[:-1, :-1], spare + 2 * (_UNIT_BITS - _FINE))
    means = _scaled(products[-1, :-1], spare + 2 * _UNIT_BITS - _FINE)
    covered = squares @ (np.eye(wide, dtype=np.float32) * share) - means[:, None] * means[None, :]
    norm = jax.lax.rsqrt(jnp.maximum(jnp.diag(covered), 2.0 ** (2 * _FINE) * 1e-5)) * _real(mask)
    apart = 1 - np.eye(wide, dtype=np.float32)
    correlated = (covered * norm[:, None]) * norm[None, :] * apart
    below = np.tril_indices(wide, -1)
    correlations = _rounded(correlated[below] * 2.0**program.step_bits)
    inflated = jnp.diag(inverse(correlated + np.eye(wide, dtype=np.float32) * (1 + VIF_RIDGE), _VIF_STEPS))
    return [correlations, _rounded(jnp.clip(inflated, 1.0, MAX_VIF) * VIF_UNIT) * mask]


def _scaled(whole: Array, bits: int) -> Array:
    """A whole number times 2^-`bits`, in fixed point."""
    import jax.numpy as jnp

    if (shift := bits - _LEAST_BITS) > 0:
        return _real(jnp.right_shift(whole + (1 << shift >> 1), shift)) * 2.0**-_LEAST_BITS
    return _real(whole) * 2.0**-bits


def _flags(compared: Array) -> Array:
    return compared.astype("int64")


def _real(whole: Array) -> Array:
    return whole.astype("float32")


def _rounded(value: Array) -> Array:
    import jax.numpy as jnp

    return jnp.floor(value + 0.5).astype(jnp.int64)
