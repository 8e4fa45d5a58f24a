"""What every engine has to compute alike: programs, what parties bring, and the result, worked out by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from placet.protocols.mpc.numbers import INT64, Integers
from placet.protocols.mpc.programs import (
    Bands,
    Compare,
    Dot,
    GroupBy,
    GroupTotals,
    Levels,
    Mean,
    PairStatistics,
    Program,
    Size,
    Sum,
    WeightedSum,
    parse_program,
)

BIG = 2**61 - 1
"""Two of these and an edge as large still fit 63 bits."""


@dataclass(frozen=True)
class Case:
    """One run: what each party brings, and what must come out."""

    name: str
    program: Program
    size: Size
    brought: tuple[Integers, ...]
    expected: list[Any]

    def to_json(self) -> dict[str, Any]:
        """As it stands in tests/vectors/programs.json: numbers as decimal strings."""
        return {
            "name": self.name,
            "program": self.program.to_json(),
            "brought": [_strings(array.tolist()) for array in self.brought],
            "result": _strings(self.expected),
        }

    def holds(self, result: Integers) -> None:
        assert result.shape == self.program.output_shape(self.size)
        assert [int(value) for value in result.reshape(-1)] == list(np.array(self.expected, dtype=object).reshape(-1))


def _strings(value: Any) -> Any:
    return [_strings(part) for part in value] if isinstance(value, list) else str(value)


def rows_of(name: str, program: dict[str, Any], rows: list[list[int]], expected: list[int]) -> Case:
    """A program that takes a number for each row from every party."""
    parsed = parse_program(program)
    assert isinstance(parsed, Sum | WeightedSum | Compare | Levels)
    return Case(name, parsed, Size(len(rows[0])), tuple(parsed.bring(row) for row in rows), expected)


def _mean(name: str, bound: int, rows: list[list[int]], expected: list[int]) -> Case:
    parsed = parse_program({"program": "mean", "values": {"bound": str(bound), "decimals": 2}})
    assert isinstance(parsed, Mean)
    return Case(name, parsed, Size(max(map(len, rows))), tuple(parsed.bring(row) for row in rows), expected)


def _dot(name: str, bounds: tuple[int, int], vector: list[int], rows: list[list[int]], expected: list[int]) -> Case:
    parsed = parse_program(
        {"program": "dot", "vector": {"bound": str(bounds[0])}, "rows": {"bound": str(bounds[1]), "decimals": 1}}
    )
    assert isinstance(parsed, Dot)
    brought = (parsed.bring_vector(vector), parsed.bring_rows(rows))
    return Case(name, parsed, Size(len(rows), len(vector)), brought, expected)


def _group_by(name: str, smallest: int, groups: list[Any], values: list[Any], expected: list[list[int]]) -> Case:
    parsed = parse_program(
        {"program": "group-by", "groups": len(expected[0]), "smallest": smallest, "values": {"bound": str(2**58)}}
    )
    assert isinstance(parsed, GroupBy)
    brought = (parsed.bring_groups(groups), parsed.bring_values(values))
    return Case(name, parsed, Size(len(groups)), brought, expected)


def _group_totals(name: str, smallest: int, parties: list[list[tuple[Any, int]]], expected: list[list[int]]) -> Case:
    parsed = parse_program(
        {"program": "group-totals", "groups": len(expected[0]), "smallest": smallest, "values": {"bound": str(2**58)}}
    )
    assert isinstance(parsed, GroupTotals)
    brought = tuple(parsed.bring([g for g, _ in rows], [v for _, v in rows]) for rows in parties)
    return Case(name, parsed, Size(max(map(len, parties))), brought, expected)


def _pairs(
    name: str,
    statistics: list[str],
    smallest: int,
    bounds: tuple[int, int],
    rows: list[tuple[Any, Any]],
    expected: list[int],
) -> Case:
    parsed = parse_program(
        {
            "program": "pair-statistics",
            "first": {"bound": str(bounds[0]), "decimals": 1},
            "second": {"bound": str(bounds[1]), "decimals": 1},
            "smallest": smallest,
            "statistics": statistics,
        }
    )
    assert isinstance(parsed, PairStatistics)
    brought = (parsed.bring_first([first for first, _ in rows]), parsed.bring_second([second for _, second in rows]))
    return Case(name, parsed, Size(len(rows)), brought, expected)


def _bands(
    name: str, asked: dict[str, Any], scores: list[list[Any]], labels: list[tuple[int, Any]], expected: list[list[int]]
) -> Case:
    parsed = parse_program({"program": "bands", "values": {"bound": str(2**40)}, **asked})
    assert isinstance(parsed, Bands)
    bring = parsed.bring_scores if len(scores) == 1 else parsed.bring_part
    known = parsed.bring_labels([label for label, _ in labels], [group for _, group in labels])
    return Case(name, parsed, Size(len(labels)), (*map(bring, scores), known), expected)


def _values(bound: int, **more: Any) -> dict[str, Any]:
    return {"values": {"bound": str(bound), "decimals": 2}, **more}


EDGES = ["-100", "0", "100000", "100000000"]

CASES = [
    rows_of(
        "sum of two",
        {"program": "sum", **_values(BIG)},
        [[1, -5, 0, BIG, -BIG, -1], [2, 5, 0, BIG, -BIG, BIG]],
        [3, 0, 0, 2 * BIG, -2 * BIG, BIG - 1],
    ),
    rows_of("sum of three", {"program": "sum", **_values(BIG)}, [[7, -BIG], [8, -BIG], [-20, BIG]], [-5, -BIG]),
    _mean("mean", 2**50, [[1999, 2001, -500], [2**50]], [3500 + 2**50, 4]),
    _mean("mean of nothing", 10, [[], [0]], [0, 1]),
    rows_of(
        "weighted sum",
        {"program": "weighted-sum", **_values(2**40), "weights": ["0.35", "-1.5"], "weight_decimals": 2},
        [[100, 2**40, -(2**40)], [7, -(2**40), 2**40]],
        [3500 - 1050, 185 * 2**40, -185 * 2**40],
    ),
    rows_of(
        "weighted sum of three",
        {"program": "weighted-sum", **_values(2**40), "weights": ["1", "0", "2.0"], "weight_decimals": 1},
        [[3, -3], [999, -999], [5, 6]],
        [130, 90],
    ),
    _dot("dot", (2**30, 2**30), [3, -4, 2**30], [[7, 9, -(2**30)], [0, 0, 0], [1, 1, 1]], [-15 - 2**60, 0, 2**30 - 1]),
    rows_of(
        "count of larger",
        {"program": "compare", **_values(BIG), "output": "count"},
        [[1, 0, -1, BIG, -BIG, -BIG, BIG], [0, 0, 0, BIG - 1, -BIG, BIG, -BIG]],
        [3],
    ),
    rows_of(
        "flags of larger",
        {"program": "compare", **_values(BIG), "output": "flags"},
        [[1, 0, -1, BIG, -BIG, -BIG, BIG], [0, 0, 0, BIG - 1, -BIG, BIG, -BIG]],
        [1, 0, 0, 1, 0, 0, 1],
    ),
    _group_by(
        "group by",
        2,
        [0, 0, 1, 2, 2, None, 2, 3],
        [2**58, 2**58, 5, -1, None, 9, -(2**58), None],
        [[2, 0, 2, 0], [2**59, 0, -1 - 2**58, 0]],
    ),
    _group_totals(
        "group totals",
        3,
        [[(0, 5), (0, -7), (1, 2**58), (None, 3)], [(0, 1), (1, 2**58), (2, 4), (2, 4)]],
        [[3, 0, 0], [-1, 0, 0]],
    ),
    _group_totals(
        "group totals of three", 3, [[(1, 2**58)], [(1, 2**58)], [(1, -3), (0, 1)]], [[0, 3], [0, 2**59 - 3]]
    ),
    rows_of(
        "levels",
        {"program": "levels", **_values(2**60), "edges": EDGES},
        [[-101, -100, -99, -1, 0, 50000, 99999, 2**60, -(2**60)], [0, 0, -1, 0, 0, 50000, 0, 2**60, -(2**60)]],
        [0, 1, 1, 1, 2, 3, 2, 4, 0],
    ),
    rows_of(
        "levels beyond 63 bits",
        {"program": "levels", **_values(INT64), "edges": [str(-INT64), "0", "1", str(INT64)]},
        [[INT64, INT64, -INT64, INT64, -INT64, 0, 1], [INT64, -INT64, -INT64, 1, -1, 0, -1]],
        [4, 2, 0, 4, 0, 2, 2],
    ),
    rows_of(
        "levels of three",
        {"program": "levels", **_values(2**60), "edges": EDGES},
        [[33333, 2**60, 0], [33333, -(2**60), 0], [33334, 99_999_999, -1]],
        [3, 3, 1],
    ),
    _pairs(
        "all pair statistics",
        ["larger", "product", "sums"],
        2,
        (2**30, 2**29),
        [
            (5, 7),
            (None, 2**29),
            (2**30, None),
            (2**30, 2**29),
            (-1, -2),
            (None, None),
            (0, 0),
            (-(2**30), 1),
            (None, -9),
        ],
        [5, 4, 2**29 + 6, 37 + 2**59 - 2**30, 2],
    ),
    _pairs(
        "pair statistics of too few",
        ["larger", "product", "sums"],
        4,
        (9, 9),
        [(5, 7), (9, 9), (9, None), (None, 9), (-9, 9)],
        [0, 0, 0, 0, 0],
    ),
    _pairs(
        "few pairs of which the first is larger",
        ["larger", "product"],
        2,
        (9, 9),
        [(5, 7), (9, 8), (None, -9), (-9, 9), (9, None)],
        [3, 0, 0, 26, 0],
    ),
    _pairs(
        "few pairs of which the first is not larger, beyond 63 bits",
        ["larger"],
        2,
        (INT64, INT64),
        [(INT64, -INT64), (-INT64, INT64), (0, -INT64), (INT64, None)],
        [3, 0, 0, 0, 0],
    ),
    _bands(
        "bands, of which two are merged",
        {"edges": ["0", "10", "20", "30"], "thresholds": ["20"], "smallest": 2, "sums": True, "exact": True},
        [[-5, -(2**40), 0, 9, 10, 19, 20, 29, 30, 2**40, None, 25]],
        [(int(label), 0) for label in "010101010111"],
        [[0, 0, 3, 0, 6], [0, 0, 3, 0, 5], [0, 0, 33 - 2**40, 0, 137], [0, 0, 0, 0, 78]],
    ),
    _bands(
        "bands of too few ones",
        {"edges": ["0"], "smallest": 2, "exact": True},
        [[-1, -2, 3, 4, 5, None]],
        [(int(label), 0) for label in "000011"],
        [[0, 0], [0, 0], [0, 0]],
    ),
    _bands(
        "ranks of sums",
        {"edges": ["0"], "smallest": 2, "exact": True},
        [[5, 5, -7, 1, 2**40, None, 3, -3, -4], [0, -4, 6, 0, 2**40, 9, 2, 4, None]],
        [(int(label), 0) for label in "010110011"],
        [[0, 4], [0, 3], [0, 32]],
    ),
    _bands(
        "bands of sums, by groups",
        {"edges": ["0", "10", "20"], "thresholds": ["10"], "smallest": 2, "groups": 3, "sums": True},
        [
            [5, -5, 0, 5, 9, 2**39, 25, 0, -(2**39), 1, 4, 9, 9, 9, 9, 3, 10, 11, None],
            [-9, 14, 5, 0, 1, 15 - 2**39, 0, 20, 1 + 2**39, 1, 5, 0, 9, 9, 9, None, 9, 0, 4],
        ],
        [
            *((int(label), 0) for label in "01010101"),
            *((int(label), 1) for label in "010101011"),
            *((1, 2), (0, None)),
        ],
        [
            *([0, 4, 0, 8], [0, 4, 0, 8], [0, 36, 0, 179]),
            *[[0, 2, 0, 4]] * 4,
            *[[0, 0, 0, 0]] * 2,
        ],
    ),
    _pairs("sums of pairs", ["sums"], 3, (2**61, 3), [(2**61, 1), (2**61, -3), (-1, 3)], [3, 2**62 - 1, 1, 0, 0]),
]
BY_NAME = {case.name: case for case in CASES}
assert len(BY_NAME) == len(CASES)
