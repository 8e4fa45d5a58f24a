"""Metrics of coalitions in the clear."""

from __future__ import annotations

import numpy as np
import pytest

from placet.protocols.mpc.coalitions import auc


def test_auc_counts_pairs() -> None:
    chance = np.random.default_rng(5)
    scores, labels = chance.integers(0, 9, 60).astype(float), chance.integers(0, 2, 60).astype(float)
    pairs = [(p > n) + (p == n) / 2 for p in scores[labels == 1] for n in scores[labels == 0]]
    assert auc(scores, labels) == pytest.approx(sum(pairs) / len(pairs))
