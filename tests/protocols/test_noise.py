"""The discrete Gaussian: its distribution against the definition, and that it follows from what is drawn alone."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from placet.core.errors import InputError
from placet.jobs.randomness import stream
from placet.protocols.noise import MAX_VARIANCE, _below, discrete_gaussian

SAMPLES = 20_000


@pytest.mark.parametrize("variance", [4, 50])
def test_samples_are_distributed_as_the_definition_says(variance: int) -> None:
    """Pearson's chi-squared over a fixed seed: the same samples on every machine."""
    entropy = stream(bytes(32), b"noise", variance.to_bytes(4, "big"))
    counts = Counter(discrete_gaussian(variance, entropy) for _ in range(SAMPLES))
    width = math.isqrt(variance) * 3
    weights = {x: math.exp(-x * x / (2 * variance)) for x in range(-40 * width, 40 * width + 1)}
    total = sum(weights.values())
    expected = {x: SAMPLES * weights[x] / total for x in range(-width, width + 1)}
    outside = SAMPLES - sum(expected.values())
    chi = sum((counts[x] - e) ** 2 / e for x, e in expected.items())
    chi += (SAMPLES - sum(counts[x] for x in expected) - outside) ** 2 / outside
    freedom = len(expected)
    assert chi < freedom + 4 * math.sqrt(2 * freedom), "beyond four standard deviations of its distribution"


def test_large_variances_have_their_spread() -> None:
    entropy, variance = stream(bytes(32), b"large"), 10**24
    values = [discrete_gaussian(variance, entropy) for _ in range(2_000)]
    assert abs(sum(values) / len(values)) < 5 * 10**12 / math.sqrt(2_000)
    assert 0.85 < sum(v * v for v in values) / len(values) / variance < 1.15


def test_noise_follows_from_what_is_drawn() -> None:
    first, again, other = (
        [discrete_gaussian(10**6, stream(seed, b"x")) for _ in range(1)] for seed in (bytes(32), bytes(32), b"1" * 32)
    )
    assert first == again != other


def test_uniform_below_is_exact_in_its_ends() -> None:
    drawn = iter([b"\xff", b"\x07", b"\x03"])
    assert _below(5, lambda _: next(drawn)) == 3
    assert _below(1, lambda count: b"\x00" * count) == 0


@pytest.mark.parametrize("variance", [0, 3, -1, MAX_VARIANCE + 1])
def test_no_other_variance(variance: int) -> None:
    with pytest.raises(InputError):
        discrete_gaussian(variance)
