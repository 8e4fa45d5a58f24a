"""How sure an AUC is, and the difference of two over the same people, by resampling them.

Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7(1), 1979; percentile intervals. People
of either label are drawn anew among themselves, the same ones for all scores that are compared, and by a fixed seed:
the same scores have the same intervals at any time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

RESAMPLES = 1000
Reals = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
_ENDS = (2.5, 97.5)


def resampled_aucs(labels: Whole, scores: Sequence[Reals], resamples: int = RESAMPLES) -> Reals:
    """(scores, resamples): the AUC of each score over people drawn anew. `labels` has both 0 and 1."""
    generator = np.random.default_rng(0)
    places = [np.flatnonzero(labels == label) for label in (1, 0)]
    ranked = [np.unique(one, return_inverse=True) for one in scores]
    areas = np.empty((len(scores), resamples))
    for number in range(resamples):
        drawn = [own[generator.integers(len(own), size=len(own))] for own in places]
        for row, (values, ranks) in enumerate(ranked):
            positives, negatives = (np.bincount(ranks[own], minlength=len(values)) for own in drawn)
            below = np.cumsum(negatives) - negatives / 2
            areas[row, number] = positives @ below / (len(places[0]) * len(places[1]))
    return areas


def percentiles(values: Reals) -> tuple[float, float]:
    """Between these are 95 % of the resampled values."""
    low, high = np.percentile(values, _ENDS)
    return float(low), float(high)
