"""What noise costs of a privacy budget: zero-concentrated differential privacy (Bun, Steinke 2016), in nano-rho.

Neighbours differ in one owner's row, there or not there. A sum in which one row moves the result by at most Δ (over
several numbers: by at most Δ in L2) and to which a discrete Gaussian of variance σ² is added costs ρ = Δ² / (2 σ²)
(Canonne, Kamath, Steinke 2020, theorem 4). Costs of several sums, jobs and consumers add up. Everything is integers,
rounded against the consumer, so that whoever recomputes a cost gets the same number.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from placet.core.errors import InputError

NANO = 10**9
LEAST_VARIANCE = 4
"""Of one party's noise: sums of discrete Gaussians are near enough to one from here on (Kairouz, Liu, Steinke 2021)."""
DELTA = 10**-6
"""At which a budget is told to people as an epsilon."""


def cost(squared_sensitivity: int, variance: int) -> int:
    """Nano-rho of one release: ⌈10⁹ Δ² / (2 σ²)⌉. `squared_sensitivity` is Δ²."""
    if squared_sensitivity < 1 or variance < LEAST_VARIANCE:
        expected = f"a change of at least 1 and a variance of at least {LEAST_VARIANCE}"
        raise InputError("no such noise", expected=expected, found=f"{squared_sensitivity}, {variance}")
    return -(-NANO * squared_sensitivity // (2 * variance))


def variance_for(squared_sensitivity: int, budget: int) -> int:
    """The least variance whose cost is within a budget in nano-rho; InputError for a budget of nothing."""
    if budget < 1:
        raise InputError("noise can't cost nothing", expected="at least 1 nano-rho", found=budget)
    return max(LEAST_VARIANCE, -(-NANO * squared_sensitivity // (2 * budget)))


@dataclass(frozen=True, slots=True)
class GaussianRelease:
    """Numbers that come out together, each with a party's own noise of `variance`. `squared` is Δ²: what one row
    changes them by together. `rows`: of which rows they are, where a recipe divides them so that no row is in two
    parts."""

    what: str
    numbers: int
    squared: int
    variance: int
    rows: str = ""

    def to_json(self) -> dict[str, JsonValue]:
        """As a step records it; whole numbers of any size as text."""
        return {
            "what": self.what,
            "numbers": self.numbers,
            "squared": str(self.squared),
            "variance": str(self.variance),
        }


Choice = Sequence[GaussianRelease]
"""What a release may be, one of these: how many numbers there are may hang on noisy ones before."""


def cost_of(releases: Iterable[Choice]) -> int:
    """Nano-rho of all together: they add up, and of parts that share no row the dearest counts."""
    parts: dict[str, int] = defaultdict(int)
    for choice in releases:
        parts[choice[0].rows] += max(cost(one.squared, one.variance) for one in choice)
    return max(parts.values(), default=0)


def epsilon_hundredths(budget: int) -> int:
    """A budget in nano-rho as people read it: ε at δ = 10⁻⁶, in hundredths, rounded up (Bun, Steinke 2016, lemma 3.5:
    ε = ρ + 2 √(ρ ln(1/δ))). Every machine gets the same: IEEE 754 rounds +, ×, / and √ correctly."""
    rho = budget / NANO
    return math.ceil((rho + 2 * math.sqrt(rho * 13.815510557964274)) * 100)


def least_epsilon_hundredths(budget: int) -> int:
    """The same, nearer to the truth: the best conversion that rho alone allows (Canonne, Kamath, Steinke 2020,
    proposition 12), ε = min over α > 1 of α ρ + (ln(1/δ) + (α − 1) ln(1 − 1/α) − ln α) / (α − 1). Each α gives a bound,
    so whichever the search ends at, what it says is one. For reports: logarithms differ in their last bit between
    machines."""
    if budget == 0:
        return 0
    rho = budget / NANO

    def bound(step: float) -> float:
        alpha = 1 + math.exp(step)
        return alpha * rho - math.log(DELTA * alpha) / (alpha - 1) + math.log1p(-1 / alpha)

    step, width = float(min(range(-8, 17), key=bound)), 1.0
    for _ in range(30):
        width /= 2
        step = min((step - width, step, step + width), key=bound)
    return math.ceil(bound(step) * 100)
