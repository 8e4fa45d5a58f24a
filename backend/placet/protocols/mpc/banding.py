"""How many positives and negatives have a score in which band, of which none is too small to be told.

A band is told where it holds at least `smallest` positives and as many negatives; smaller ones are merged with their
neighbours inside the circuit. Both, since who brings the labels chooses them: a band with one positive tells the score
of the one person who is labelled so. So is a group of people: it is told with enough of both, and rows of the others,
and of no group, count in nothing, lest a difference tells them. Groups are told at thresholds, which are edges of the
whole table too where all groups have enough on either side: no difference of told numbers is over fewer people than a
told number is.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, JsonValue, model_validator

from placet.core.errors import DataError
from placet.core.values import Whole
from placet.models.bands import MAX_BANDS, BandTable, band_of, kept_places, merged
from placet.protocols.mpc.numbers import Integers, Magnitudes, Numbers
from placet.protocols.mpc.program import Declared, Shape, Size, bring_present, inspect_present, wrong_number

MAX_GROUPS = 16
MAX_THRESHOLDS = 16


class Bands(Declared):
    """One party has each row's score, or two have a part of it each, and another the label, 0 or 1, and the group.

    What comes out has a column for each band, and is 0 where the band's upper edge is not told: how many positives are
    below that edge, and how many negatives; with `sums` the sum of the scores below it; with `exact` twice the sum of
    the positives' ranks among all rows that count, equal scores by their mean rank, in the last column; with two and
    more groups positives and negatives below it of each group in turn, at thresholds.
    """

    program: Literal["bands"] = "bands"
    values: Numbers
    edges: Annotated[tuple[Whole, ...], Field(min_length=1, max_length=MAX_BANDS - 1)]
    thresholds: Annotated[tuple[Whole, ...], Field(max_length=MAX_THRESHOLDS)] = ()
    groups: Annotated[int, Field(strict=True, ge=1, le=MAX_GROUPS)] = 1
    smallest: Annotated[int, Field(strict=True, ge=2, le=2**31)]
    sums: bool = False
    exact: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Bands:
        for edges in (self.edges, self.thresholds):
            if any(left >= right for left, right in itertools.pairwise(edges)):
                raise ValueError("strictly ascending edges")
        if not set(self.thresholds) <= set(self.edges):
            raise ValueError("thresholds that are edges")
        if self.exact and self.groups > 1:
            raise ValueError("ranks of all rows, or groups")
        return self

    @property
    def bands(self) -> int:
        return len(self.edges) + 1

    @property
    def threshold_places(self) -> tuple[int, ...]:
        """Both ends, and between how many bands each threshold is."""
        return (0, *(self.edges.index(edge) + 1 for edge in self.thresholds), self.bands)

    @property
    def lines(self) -> int:
        return 2 + self.sums + self.exact + (2 * self.groups if self.groups > 1 else 0)

    def bring_scores(self, scores: Sequence[int | None]) -> Integers:
        """Of who has the whole score: a line a row with a 1 in its band, with `sums` the score in its band, with
        `exact` twice its rank among the rows that there are; zeros for None."""
        self.values.take([score or 0 for score in scores])
        codes = np.array([-1 if score is None else band_of(self.edges, score) for score in scores], dtype=np.int64)
        flags = np.asarray(codes[:, None] == np.arange(self.bands), dtype=np.int64)
        parts = [flags]
        if self.sums:
            parts.append(flags * np.array([score or 0 for score in scores], dtype=flags.dtype)[:, None])
        if self.exact:
            parts.append(_doubled_ranks(scores)[:, None])
        return np.hstack(parts)

    def bring_part(self, scores: Sequence[int | None]) -> Integers:
        """Of one of two who have a part of it: each row's part, and 1 where there is one; 0 and 0 for None."""
        return bring_present(self.values, scores)

    def bring_labels(self, labels: Sequence[int], groups: Sequence[int | None] | None = None) -> Integers:
        """Two lines a group: 1 for each of its positives, 1 for each of its negatives. A row of group None is in none.
        DataError for another label than 0 and 1, or another group."""
        placed = [0] * len(labels) if groups is None else groups
        lines = np.zeros((2 * self.groups, len(labels)), dtype=np.int64)
        for row, (label, group) in enumerate(zip(labels, placed, strict=True)):
            if type(label) is not int or label not in (0, 1):
                raise DataError("a label is neither 0 nor 1", expected="0 or 1", found=f"row {row}")
            if group is not None and not 0 <= group < self.groups:
                raise DataError("not a group", expected=f"0 to {self.groups - 1}, or None", found=f"row {row}")
            if group is not None:
                lines[2 * group + 1 - label, row] = 1
        return lines

    def roles(self, parties: int) -> tuple[str, ...]:
        if parties not in (2, 3):
            raise wrong_number(self, "2 or 3: scores of one or two, then labels", parties)
        return ("scores",) * (parties - 1) + ("labels",)

    def shapes(self, parties: int, size: Size) -> tuple[Shape, ...]:
        self.roles(parties)
        whole = (size.rows, self.bands * (1 + self.sums) + self.exact)
        labels = (2 * self.groups, size.rows)
        return (whole, labels) if parties == 2 else ((2, size.rows), (2, size.rows), labels)

    def output_shape(self, size: Size) -> Shape:
        return (self.lines, self.bands)

    def magnitudes(self, parties: int, size: Size) -> Magnitudes:
        owners = len(self.roles(parties)) - 1
        edge = max(abs(edge) for edge in self.edges)
        given = max(self.values.bound, edge, 2 * size.rows if self.exact else 1, self.smallest)
        result = size.rows * max(1, owners * self.values.bound if self.sums else 1, 2 * size.rows if self.exact else 1)
        compared = owners * self.values.bound + edge
        if self.exact and owners > 1:
            compared = max(compared, 4 * owners * self.values.bound + 3)
        return Magnitudes(given, max(result, compared, size.rows + self.smallest), result)

    def inspect(self, role: str, size: Size, array: Integers) -> None:
        if role == "labels":
            if not np.isin(array, (0, 1)).all() or (array.sum(axis=0) > 1).any():
                raise DataError("a row has more than one label or group", expected="at most one 1 a row, else 0")
            if self.exact and not array.sum(axis=0).all():
                raise DataError("a row has no label", expected="one, since ranks are among all rows")
            return
        if array.shape == (2, size.rows) != (size.rows, self.bands * (1 + self.sums) + self.exact):
            return inspect_present(self.values, array)
        self._inspect_whole(array)

    def _inspect_whole(self, array: Integers) -> None:
        """Whether `bring_scores` could have made it."""
        flags = array[:, : self.bands]
        there = flags.sum(axis=1)
        if not np.isin(flags, (0, 1)).all() or (there > 1).any():
            raise DataError("a score is in more than one band", expected="at most one 1 a row, else 0")
        if self.sums:
            own = array[:, self.bands : 2 * self.bands]
            self.values.take(own.sum(axis=1))
            if (own[flags == 0] != 0).any():
                raise DataError("a score outside of its band", expected="0 but in the row's band")
        if self.exact:
            ranks = array[:, -1]
            if (ranks[there == 0] != 0).any() or ranks.sum() != there.sum() * (there.sum() + 1):
                raise DataError("no ranks of these rows", expected="twice the mean rank of each row's score")

    def compute(self, brought: Sequence[Integers]) -> Integers:
        table, sums, ranks = self._table(brought)
        enough = [min(table[2 * g].sum(), table[2 * g + 1].sum()) >= self.smallest for g in range(self.groups)]
        result = np.zeros((self.lines, self.bands), dtype=object)
        if not any(enough):
            return result
        groups = list(itertools.compress(table, np.repeat(enough, 2)))
        coarse = self._kept_thresholds(groups)
        whole = [sum(groups[0::2]), sum(groups[1::2])]
        fine = kept_places([list(line) for line in whole], self.smallest, coarse)
        for line, numbers in enumerate(whole):
            _write(result[line], numbers, fine)
        if self.sums:
            _write(result[2], sums[enough].sum(axis=0), fine)
        if self.exact:
            result[2 + self.sums, -1] = ranks
        if self.groups > 1:
            first = 2 + self.sums + self.exact
            for group in np.flatnonzero(enough):
                for line in (2 * group, 2 * group + 1):
                    _write(result[first + line], table[line], coarse)
        return result

    def _table(self, brought: Sequence[Integers]) -> tuple[Integers, Integers, int]:
        """Counts by line and band, sums of scores by group and band, twice the sum of the positives' ranks."""
        *scores, labels = brought
        if len(scores) == 1:
            product = labels @ scores[0]
            counts, sums = product[:, : self.bands], product[:, self.bands : 2 * self.bands]
            ranks = int(product[0, -1])
        else:
            values, there = scores[0] + scores[1]
            lines = labels * (there == 2).astype(object)
            flags = np.array([[band_of(self.edges, v) == band for band in range(self.bands)] for v in values], object)
            counts, sums, ranks = lines @ flags, (lines * values) @ flags, 0
            if self.exact:
                known = [int(value) if both == 2 else None for value, both in zip(values, there, strict=True)]
                ranks = int(labels[0] @ _doubled_ranks(known))
        return counts, sums[0::2] + sums[1::2], ranks

    def _kept_thresholds(self, groups: Sequence[Integers]) -> tuple[int, ...]:
        places = self.threshold_places
        lines = [merged([int(number) for number in line], places) for line in groups]
        return tuple(places[at] for at in kept_places(lines, self.smallest, (0, len(places) - 1)))

    def reached(self, result: Integers) -> bool:
        """Can rows make this result? All is 0, or no band and no group of it is below the smallest."""
        numbers = [[int(number) for number in line] for line in result]
        positives, negatives = numbers[:2]
        fine = [place for place, number in enumerate(positives) if number]
        if not fine:
            return not any(itertools.chain.from_iterable(numbers))
        first = 2 + self.sums + self.exact
        lines = [positives, negatives, *(line for line in numbers[first:] if any(line))]
        coarse = [place for place in fine if any(line[place] for line in numbers[first:])]
        steps = (
            (line, [line[place] for place in (fine if number < 2 else coarse)]) for number, line in enumerate(lines)
        )
        grows = all(
            sum(1 for number in line if number) == len(at)
            and all(high - low >= self.smallest for low, high in itertools.pairwise((0, *at)))
            for line, at in steps
        )
        whole = not numbers[first:] or all(
            sum(line[place] for line in numbers[first + side :: 2]) == lines[side][place]
            for side in (0, 1)
            for place in coarse
        )
        people = positives[-1] + negatives[-1]
        bounded = not self.sums or all(abs(number) <= 2 * people * self.values.bound for number in numbers[2])
        ranked = not self.exact or positives[-1] * (positives[-1] + 1) <= numbers[2 + self.sums][-1] <= 2 * people**2
        return grows and whole and bounded and ranked and fine[-1] == self.bands - 1

    def table(self, result: Integers) -> BandTable | None:
        """The whole, by the bands that are told; None where too few are in it."""
        return _read(self.edges, result[0], result[1], result[2] if self.sums else None)

    def group_tables(self, result: Integers) -> list[BandTable | None]:
        """Each group by the thresholds that are told, of two and more groups; None where too few are in it."""
        first = 2 + self.sums + self.exact
        return [_read(self.edges, result[line], result[line + 1]) for line in range(first, self.lines, 2)]

    def doubled_ranks(self, result: Integers) -> int | None:
        return int(result[2 + self.sums, -1]) if self.exact else None

    def read(self, result: Integers) -> dict[str, JsonValue]:
        table = self.table(result)
        ranks = self.doubled_ranks(result)
        return {
            "decimals": self.values.decimals,
            "smallest": self.smallest,
            "bands": None if table is None else _json(table),
            "groups": [None if one is None else _json(one) for one in self.group_tables(result)],
            "doubled_ranks": None if ranks is None or table is None else str(ranks),
        }


def _json(table: BandTable) -> dict[str, JsonValue]:
    return {
        "edges": [str(edge) for edge in table.edges],
        "positives": [*table.positives],
        "negatives": [*table.negatives],
        "sums": None if table.sums is None else [str(total) for total in table.sums],
    }


def _doubled_ranks(scores: Sequence[int | None]) -> Integers:
    """Twice each row's rank from 1 on among the scores that there are, equal ones by their mean rank; 0 for None."""
    rows = [row for row, score in enumerate(scores) if score is not None]
    there = np.array([scores[row] for row in rows], dtype=object)
    distinct, which, count = np.unique(there, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    doubled = 2 * last - count + 1
    ranks = np.zeros(len(scores), dtype=np.int64)
    if len(distinct):
        ranks[rows] = doubled[which]
    return ranks


def _write(line: Integers, numbers: Integers, places: Sequence[int]) -> None:
    """Running totals at the places that are told, each in the column of the band below it."""
    for place in places[1:]:
        line[place - 1] = int(numbers[:place].sum())


def _read(
    edges: tuple[int, ...], positives: Integers, negatives: Integers, sums: Integers | None = None
) -> BandTable | None:
    at = [band for band, number in enumerate(positives) if number]
    if not at:
        return None

    def steps(line: Integers) -> tuple[int, ...]:
        return tuple(int(line[high]) - low for low, high in zip((0, *(int(line[b]) for b in at)), at, strict=False))

    inner = tuple(edges[band] for band in at[:-1])
    return BandTable(inner, steps(positives), steps(negatives), None if sums is None else steps(sums))
