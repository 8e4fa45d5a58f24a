"""Band tables: how many people, and how many of them positive, have a score in which band.

All that a risk committee asks of a score follows from one (`quality`). A score is in the band of the edges that it
reaches: with edges 10 and 20 a score of 10 is in the second of three bands, whatever lies below 10 is in the first.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from placet.core.errors import InputError

MAX_BANDS = 256


def equal_edges(lowest: int, highest: int, bands: int) -> tuple[int, ...]:
    """The edges between so many bands that are equally wide over a range, to the whole number below. Scores outside of
    it count in the first and the last band. InputError where bands would be empty."""
    if not 2 <= bands <= MAX_BANDS or highest - lowest < bands:
        raise InputError(
            "no such bands", expected=f"2 to {MAX_BANDS} bands, one wide at the least", found=f"{bands} over a range"
        )
    return tuple(lowest + place * (highest - lowest) // bands for place in range(1, bands))


@dataclass(frozen=True, slots=True)
class BandTable:
    """`positives` and `negatives` have one more number than `edges`, from the lowest band on; so have `sums`, each
    band's sum of scores, where it was told."""

    edges: tuple[int, ...]
    positives: tuple[int, ...]
    negatives: tuple[int, ...]
    sums: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        lines = (self.positives, self.negatives) + (() if self.sums is None else (self.sums,))
        if any(len(line) != len(self.edges) + 1 for line in lines):
            raise InputError("a band table lacks numbers", expected=f"{len(self.edges) + 1} bands")
        if any(left >= right for left, right in itertools.pairwise(self.edges)):
            raise InputError("a band table's edges", expected="strictly ascending")
        if min(*self.positives, *self.negatives) < 0:
            raise InputError("a band table's counts", expected="none below zero")

    @property
    def counts(self) -> tuple[int, ...]:
        """People by band."""
        return tuple(p + n for p, n in zip(self.positives, self.negatives, strict=True))

    @property
    def all_positives(self) -> int:
        return sum(self.positives)

    @property
    def all_negatives(self) -> int:
        return sum(self.negatives)

    @property
    def people(self) -> int:
        return self.all_positives + self.all_negatives


def tally(edges: Sequence[int], scores: Sequence[int], labels: Sequence[int]) -> BandTable:
    """The table of scores and labels (0 or 1) in the clear, with sums."""
    lines = [[0] * (len(edges) + 1) for _ in range(3)]
    for score, label in zip(scores, labels, strict=True):
        band = band_of(edges, score)
        lines[0 if label else 1][band] += 1
        lines[2][band] += score
    return BandTable(tuple(edges), tuple(lines[0]), tuple(lines[1]), tuple(lines[2]))


def by_score(scores: Sequence[int], labels: Sequence[int]) -> BandTable:
    """The table of scores and labels (0 or 1) in the clear, without sums, where each score has a band of its own."""
    counts = Counter(zip(scores, labels, strict=True))
    distinct = sorted({score for score, _ in counts})
    lines = [tuple(counts[score, label] for score in distinct) for label in (1, 0)]
    return BandTable(tuple(distinct[1:]), *lines)


def band_of(edges: Sequence[int], score: int) -> int:
    """How many of the ascending edges a score reaches."""
    return bisect.bisect_right(edges, score)


def kept_places(lines: Sequence[Sequence[int]], smallest: int, forced: Sequence[int]) -> tuple[int, ...]:
    """Which places between bands stay, so that no band is too small to be told.

    Each line has a count a band. `forced` are places that stay anyway, ascending: 0 and the number of bands at the
    least. From each forced place on, the next place stays as soon as every line has `smallest` since the last one that
    stays, and as many again up to the next forced place; what is left over belongs to the last band before it.
    """
    running = [list(itertools.accumulate(line, initial=0)) for line in lines]

    def enough(low: int, high: int) -> bool:
        return all(total[high] - total[low] >= smallest for total in running)

    kept = {*forced}
    for low, high in itertools.pairwise(forced):
        last = low
        for place in range(low + 1, high):
            if enough(last, place) and enough(place, high):
                kept.add(place)
                last = place
    return tuple(sorted(kept))


def merged(line: Sequence[int], places: Sequence[int]) -> tuple[int, ...]:
    """A line's numbers by the bands between places."""
    return tuple(sum(line[low:high]) for low, high in itertools.pairwise(places))


def stability(reference: Sequence[int], found: Sequence[int]) -> float:
    """PSI, the population stability index of two distributions over the same bands: Σ (f − r)·ln(f / r) over their
    shares. Half a person is added to every band of either, so that an empty one is not infinitely far away. InputError
    for other bands, or nobody. Of merged bands it is no larger than of those that they were merged from, but for that
    half person: a sum of f·ln(f / r) never grows where terms are pooled (the log sum inequality).

    Siddiqi, "Credit Risk Scorecards", Wiley 2006: below 0.1 stable, from 0.25 on a shift.
    """
    if len(reference) != len(found) or not sum(reference) or not sum(found):
        raise InputError("two distributions that can't be compared", expected="the same bands, people in both")
    total = 0.0
    for before, now in zip(reference, found, strict=True):
        r = (before + 0.5) / (sum(reference) + 0.5 * len(reference))
        f = (now + 0.5) / (sum(found) + 0.5 * len(found))
        total += (f - r) * math.log(f / r)
    return total
