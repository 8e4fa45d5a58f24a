"""Noise that nobody can tell the value from: the discrete Gaussian, exactly.

Canonne, Kamath, Steinke, *The Discrete Gaussian for Differential Privacy* (2020), algorithms 1 to 3.
Rationals and whole random bytes alone: no floating-point number, so nothing of the value shows in lost bits (Mironov
2012).
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass

from placet.core.errors import InputError
from placet.core.hashing import canonical, commit
from placet.core.privacy import LEAST_VARIANCE, GaussianRelease
from placet.protocols.order import Entropy

MAX_VARIANCE = 2**110
"""Enough for a sum within the widest bounds at a budget of 1 nano-rho."""


SALT = 32


@dataclass(frozen=True, slots=True)
class DrawnNoise:
    """A release's noise, number by number, and what binds to it and tells nothing of it."""

    release: GaussianRelease
    numbers: tuple[int, ...]
    commitment: bytes


def draw(release: GaussianRelease, entropy: Entropy) -> DrawnNoise:
    """`entropy` is this release's alone. The commitment's salt comes first, so that whoever has the entropy gets the
    same commitment, and nobody else can try numbers out on it."""
    salt = entropy(SALT)
    numbers = tuple(discrete_gaussian(release.variance, entropy) for _ in range(release.numbers))
    return DrawnNoise(release, numbers, commit(salt, canonical([str(number) for number in numbers])))


def discrete_gaussian(variance: int, entropy: Entropy = secrets.token_bytes) -> int:
    """An integer x with probability in proportion to exp(−x² / (2 · variance)). InputError for a variance that is none,
    or below the least one that hides anything."""
    if not LEAST_VARIANCE <= variance <= MAX_VARIANCE:
        raise InputError("no variance for noise", expected=f"{LEAST_VARIANCE} to {MAX_VARIANCE}", found=variance)
    scale = math.isqrt(variance) + 1
    while True:
        candidate = _discrete_laplace(scale, entropy)
        # exp(−(|x| − σ²/t)² / (2 σ²)), all times t²
        above = (abs(candidate) * scale - variance) ** 2
        if _exp(above, 2 * variance * scale * scale, entropy):
            return candidate


def _discrete_laplace(scale: int, entropy: Entropy) -> int:
    """With probability in proportion to exp(−|x| / scale)."""
    while True:
        rest = _below(scale, entropy)
        if not _exp(rest, scale, entropy):
            continue
        whole = 0
        while _exp(1, 1, entropy):
            whole += 1
        size = rest + scale * whole
        negative = _below(2, entropy)
        if not (negative and size == 0):
            return -size if negative else size


def _exp(numerator: int, denominator: int, entropy: Entropy) -> bool:
    """True with probability exp(−numerator / denominator)."""
    for _ in range(numerator // denominator):
        if not _exp_within_one(1, 1, entropy):
            return False
    return _exp_within_one(numerator % denominator, denominator, entropy)


def _exp_within_one(numerator: int, denominator: int, entropy: Entropy) -> bool:
    count = 1
    while _below(denominator * count, entropy) < numerator:
        count += 1
    return count % 2 == 1


def _below(bound: int, entropy: Entropy) -> int:
    """Uniform in [0, bound), exactly: what is too large is drawn again."""
    bits = (bound - 1).bit_length()
    size, mask = (bits + 7) // 8, (1 << bits) - 1
    while True:
        value = int.from_bytes(entropy(size), "big") & mask
        if value < bound:
            return value
