"""What sums over rows can be: totals that no rows within the plan's bounds add up to are refused by their name.

Each place takes its own numbers away from a total and holds *the rest* against what follows from the number of the
others' rows, from bounds, and from the other sums. A place that adds more than all the others' rows together could is
told of so, and where the sums of its own do not fit each other. Which place it was, totals do not tell; and a place
that lies as rows could is in no way different from one that has such rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from placet.core.errors import ProtocolError
from placet.models.pooled import FRACTION, STEPS, symmetric
from placet.models.regression import MAX_LOGIT

IMPOSSIBLE = "sums.impossible"


def demand(what: str, lawful: bool) -> None:
    """ProtocolError by the sum's name unless `lawful`."""
    if not lawful:
        raise ProtocolError(
            f"the sums of {what} are of no rows",
            expected="totals that rows within the plan's bounds can have",
            found="another one: a party added what its rows can't be",
            code=IMPOSSIBLE,
        )


def rest_of(totals: Sequence[int], own: Sequence[int]) -> list[int]:
    """What all other places added."""
    return [total - number for total, number in zip(totals, own, strict=True)]


def demand_counts(what: str, rest: Sequence[int], most: int) -> None:
    """Of places, or of people: none below zero, none above `most`."""
    demand(what, all(0 <= number <= most for number in rest))


@dataclass(frozen=True)
class Seat:
    """One of so many places, counted from 0."""

    number: int
    places: int

    @property
    def most(self) -> int:
        """The largest total of all places' marks."""
        return (1 << self.places) - 1

    def marks(self, answers: Sequence[int]) -> list[int]:
        """Each answer, 0 or 1, as a bit that no other place has."""
        return [answer << self.number for answer in answers]

    def counted(self, what: str, answers: Sequence[int], totals: Sequence[int]) -> list[int]:
        """How many places say 1, by the totals of all marks. ProtocolError where this place's own bit is another one in
        a total. All others look at theirs too, so a place that adds what is no mark of its own can at the most say 1
        itself: two that have enough are one other at the least."""
        own = all(total >> self.number & 1 == answer for answer, total in zip(answers, totals, strict=True))
        demand(what, own and all(0 <= total <= self.most for total in totals))
        return [total.bit_count() for total in totals]


def demand_moments(column: str, rest: Sequence[int], people: int) -> None:
    """Of a column of numbers, as of `pooled.moments`."""
    known, total, squares = rest
    lawful = 0 <= known <= people and 0 <= total <= known * STEPS and total**2 <= known * squares
    demand(f"column {column}", lawful and squares <= STEPS * total)


@dataclass(frozen=True)
class Slopes:
    """Holds `pooled.Design.sums` against each other. `limits`: how far from zero each number of a row can be, 1 last;
    `squares`: what those of all rows can sum to; `places`: how many round their sums; `hidden`: numbers
    that have a curvature with another one which is not summed."""

    limits: Sequence[float]
    squares: Sequence[float]
    people: int
    places: int
    hidden: frozenset[int] = frozenset()

    def demand(self, what: str, rest: Sequence[int]) -> None:
        demand(what, all(self._holds(rest)))

    def _holds(self, rest: Sequence[int]) -> Iterator[bool]:
        size, people, slack = len(self.limits), self.people, self.places + 1
        scaled = [number / FRACTION for number in rest]
        (loss, first, second), slope, curvature = scaled[:3], scaled[3 : 3 + size], scaled[3 + size :]
        rounding = slack / FRACTION
        # a row's residual is at most 1, and at most its loss: 1 − p ≤ −log p
        pulled = min(people, loss) + rounding
        yield -rounding <= loss <= people * (MAX_LOGIT + 1) + rounding
        yield abs(first) <= people * MAX_LOGIT + rounding
        yield first**2 <= (people + rounding) * (16 * second + 32 * rounding) + 2 * rounding * (abs(first) + 1)
        yield all(abs(one) <= limit * pulled + rounding for one, limit in zip(slope, self.limits, strict=True))
        if curvature:
            matrix = np.array(symmetric(curvature, size))
            ends = np.minimum(np.array(self.squares) / 4, np.array(self.limits) ** 2 * loss)
            yield bool((np.diag(matrix) <= ends + 17 * rounding).all())
            whole = [place for place in range(size) if place not in self.hidden]
            yield float(np.linalg.eigvalsh(matrix[np.ix_(whole, whole)]).min()) >= -rounding * size * 2
