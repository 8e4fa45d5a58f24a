"""What a column adds to a score that its buyer has already: the AUC of both together above that of the score alone.

Of noisy counts by the score's band and the column's cell. Together they are a logistic regression with one coefficient
for each band and each group, so a column that says what the score says already adds nothing. Its sums are linear in the
counts, and so is an AUC in those of either class once the order is there: noise alone does not bend them. What is left,
that coefficients and order come from the same counts, is measured and subtracted as in `worth`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from placet.models.worth import SEED, Reals, WorthFigure, area, area_by, between, corrected, grouped, rare, together

DRAWS = 500
STEPS, RIDGE = 8, 1.0
"""Newton's, and a penalty of so many people on each coefficient."""


@dataclass(frozen=True)
class AddedWorth:
    """`own`: the AUC of the buyer's score by its bands; `gain`: by how much that of both is higher."""

    own: WorthFigure
    gain: WorthFigure
    beyond_chance: bool


def added_worth_of(counts: npt.ArrayLike, variance: float, smallest: int, *, ordered: bool) -> AddedWorth | None:
    """Of noisy counts (2, bands, cells), positives first; otherwise as `worth_of`. None where cells are too few to be
    told apart, or a band is too small to be judged: against a coarser score a column would seem to add more. Bands are
    of an ordered score, the last one of who has none."""
    noisy = np.asarray(counts, np.float64)
    _, bands, cells = noisy.shape
    by_cell = grouped(noisy.sum(axis=1), variance * bands, smallest, ordered=ordered)
    by_band = grouped(noisy.sum(axis=2), variance * cells, smallest, ordered=True)
    if len(by_cell) < 2 or len(by_band) < max(2, bands - 1):
        return None
    own = together(together(noisy, by_cell).swapaxes(1, 2), by_band).swapaxes(1, 2)
    widths = variance * np.outer([len(group) for group in by_band], [len(group) for group in by_cell])
    people = np.maximum(own.sum(axis=0), 0)
    rate = own[0].sum(axis=1) / own.sum(axis=(0, 2))
    nothing = people * np.stack([rate, 1 - rate])[:, :, None]
    random = np.random.default_rng(SEED)

    def drawn(centre: Reals) -> Reals:
        noise = random.standard_normal((DRAWS, *centre.shape))
        draws: Reals = centre + np.sqrt(widths + np.maximum(centre, 0)) * noise
        return draws

    value, around_own = float(gained(own)), drawn(own)
    gains = gained(around_own)
    centre = between(nothing, own, value, gains)
    around_centre = drawn(centre)
    worthy = rare(value, gained(drawn(nothing)))
    score, score_centre = float(alone(own)), float(alone(centre))
    return AddedWorth(
        own=corrected(score, score_centre, (alone(around_own), alone(around_centre)), (0.5, 1), worthy=True),
        gain=corrected(value, float(gained(centre)), (gains, gained(around_centre)), (0, 0.5), worthy=worthy),
        beyond_chance=worthy,
    )


def alone(table: Reals) -> Reals:
    """AUC of the bands of (…, 2, bands, groups)."""
    return area(np.maximum(table.sum(axis=-1), 0.5))


def gained(table: Reals) -> Reals:
    """AUC of both above that of the bands."""
    flat = table.reshape(*table.shape[:-2], -1)
    return area_by(_logits(table), flat) - alone(table)


def _logits(table: Reals) -> Reals:
    """(…, bands · groups): the regression's scores."""
    bands, groups = table.shape[-2:]
    design = np.zeros((bands, groups, bands + groups - 1))
    design[range(bands), :, range(bands)] = 1
    for group in range(1, groups):
        design[:, group, bands + group - 1] = 1
    lines = design.reshape(bands * groups, -1)
    positives = table[..., 0, :, :].reshape(*table.shape[:-3], -1)
    people = np.maximum(table.sum(axis=-3).reshape(positives.shape), 0)
    weights = np.zeros((*positives.shape[:-1], lines.shape[1]))
    penalty = RIDGE * np.eye(lines.shape[1])
    for _ in range(STEPS):
        rates = 1 / (1 + np.exp(-np.clip(weights @ lines.T, -20, 20)))
        gradient = (positives - people * rates) @ lines - RIDGE * weights
        curvature = np.einsum("...c,ci,cj->...ij", people * rates * (1 - rates), lines, lines, optimize=True) + penalty
        weights = weights + np.linalg.solve(curvature, gradient[..., None])[..., 0]
    return weights @ lines.T
