"""What noise there is in models by noisy sums, before anybody has a row: of each release how many numbers, what one row
changes them by, and the variance. It is `pooled_private`'s own releases, over no rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from placet.core.privacy import Choice, GaussianRelease
from placet.models import pooled_private
from placet.models.pooled_private import BANDS, Release

Asked = tuple[str, Sequence[Release], int, str]
"""What is released, what it may be, the nano-rho that it may cost, and of which rows."""


def numbered(releases: Iterable[Asked]) -> tuple[Choice, ...]:
    """As a recipe declares them: each under its place and name."""
    return tuple(
        tuple(
            GaussianRelease(f"{place}.{what}", len(one.numbers), one.squared, one.variance(amount), rows)
            for one in choice
        )
        for place, (what, choice, amount, rows) in enumerate(releases)
    )


def described(numbers: int, parts: Mapping[str, int]) -> Iterator[Asked]:
    """What columns are like, of which so many are numbers."""
    yield "people", (pooled_private.people_of(0, 0),), parts["people"], ""
    if numbers:
        sums = pooled_private.moments([np.zeros(0, np.int64)] * numbers, 0)
        for name, release in zip(("positions", "squares"), sums, strict=True):
            yield name, (release,), parts[name], ""


def products(widths: Iterable[int], parts: Mapping[str, int]) -> Iterator[Asked]:
    """Of rows of one of these widths, and a 1."""
    choice = tuple(pooled_private.products(np.zeros((0, width + 1)), 0) for width in widths)
    yield "products", choice, parts["products"], ""


def gradients(widths: Iterable[int], steps: int, parts: Mapping[str, int]) -> Iterator[Asked]:
    """A step each."""
    nobody = np.zeros(0, np.int64)
    choice = tuple(
        pooled_private.gradient(np.zeros((0, width + 1)), nobody, [0.0] * (width + 1), 0) for width in widths
    )
    for _ in range(steps):
        yield "gradients", choice, parts["gradients"], ""


def by_bins(cells: Sequence[int], parts: Mapping[str, int]) -> Iterator[Asked]:
    """People by label in each column's cells."""
    lines = [np.zeros((2, size), np.int64) for size in cells]
    yield "people-by-bins", (pooled_private.counts(lines, 0),), parts["counts"], ""


def by_bands(budget: int) -> Iterator[Asked]:
    """Who tests, by label in bands of the score; edges that are one whole number fall together."""
    yield "people-by-bands", [Release([0] * 2 * bands, 1, 0) for bands in range(2, BANDS + 1)], budget, "test"
