"""Whom a model were better without: an estimate by a few directions, against the norm itself."""

from __future__ import annotations

import numpy as np
import pytest

from placet.core.errors import InputError
from placet.jobs.randomness import stream
from placet.models.pooled import FRACTION
from placet.models.pooled_pulls import MOST, WEIGHT, Pull, beyond, directions_of, harmful, pulls

SIZE = 20


def curvature(size: int = SIZE) -> np.ndarray:
    root = np.random.default_rng(1).normal(size=(400, size)) * np.geomspace(0.2, 2, size)
    return np.asarray(root.T @ root)


def test_directions_are_at_most_half_of_the_numbers_and_follow_from_the_coin() -> None:
    for size, count in ((2, 1), (5, 2), (SIZE, MOST), (60, MOST)):
        matrix = curvature(size).tolist()
        chosen = directions_of(matrix, stream(bytes(32), b"coin"))
        assert len(chosen) == count and all(0 < sum(map(abs, one)) <= WEIGHT for one in chosen)
        assert chosen == directions_of(matrix, stream(bytes(32), b"coin"))
    assert chosen != directions_of(matrix, stream(bytes(32), b"another"))


def test_the_estimate_is_near_the_norm_on_the_mean() -> None:
    """The others' loss falls by half of g (H − Hᵢ)⁻¹ g, of which directions tell a half more or less."""
    matrix, chance = curvature(), np.random.default_rng(2)
    people = [300, 500, 200]
    gradients = chance.normal(size=(3, SIZE)) @ np.linalg.cholesky(matrix).T * 0.3
    gradients[2] = -gradients[0] - gradients[1]
    ratios = []
    for seed in range(40):
        directions = directions_of(matrix.tolist(), stream(bytes([seed]) * 32))
        values = np.rint(np.array(directions) @ gradients.T * FRACTION).astype(int).T.tolist()
        for place, told in enumerate(pulls(people, values, directions, matrix.tolist())):
            share = people[place] / 1000
            norm = gradients[place] @ np.linalg.solve(matrix, gradients[place])
            exact = norm / (1 - share) / 2 / (1000 - people[place])
            assert told.people == people[place]
            ratios.append(told.harm / exact)
            assert told.pull == pytest.approx(told.harm * 2 * (1000 - people[place]) / SIZE / share)
    assert 0.8 < np.mean(ratios) < 1.2 and np.std(ratios) < 0.75


def test_what_follows_from_the_penalty_alone_is_no_pull() -> None:
    matrix = curvature().tolist()
    directions = directions_of(matrix, stream(bytes(32)))
    values = [[1_000 * place for _ in directions] for place in (3, 5, 2)]
    assert all(told.pull < 1e-6 for told in pulls([300, 500, 200], values, directions, matrix))
    with pytest.raises(InputError):
        pulls([1], [[]], [], matrix)


def test_one_is_named_who_pulls_far_more_than_any_other_and_harms_them() -> None:
    few, much = Pull(100, 2.0, 0.001), Pull(100, 30.0, 0.02)
    assert harmful([few, few, much, few]) == 2
    assert harmful([few, much, few]) is None  # with three, the two others may be the odd ones
    assert harmful([few, few, Pull(100, 30.0, 0.0019), few]) is None
    assert harmful([few, Pull(100, 11.0, 0.009), much, few]) is None
    assert harmful([few] * 5) is None


def test_more_than_rows_can_add_is_seen() -> None:
    directions, limits = [[100, -200], [50, 3]], [4.0, 1.0]
    assert not beyond(10, [10 * 600 * FRACTION, -10 * 203 * FRACTION], directions, limits)
    assert beyond(10, [10 * 600 * FRACTION + 600, 0], directions, limits)
    assert beyond(10, [0, -10 * 203 * FRACTION - 600], directions, limits)
