"""Programs: the plaintext reference against plain Python, what is refused, and every engine against the reference."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.core.errors import ConfigError, DataError, InputError, LimitError, PlanError
from placet.core.hashing import canonical
from placet.core.values import MAX_BOUND
from placet.protocols.mpc.numbers import EMBEDDED, FM64, FM128, Magnitudes, Numbers, Ring, fixed
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
)  # fmt: skip
from placet.protocols.spu import Member, Network, evaluate, extra

from .program_cases import BY_NAME, CASES, Case
from .program_engines import ENGINES, RUNS, certificate_of

NAMES = ["sum", "mean", "weighted-sum", "dot", "compare", "group-by", "group-totals", "levels", "pair-statistics"]
NAMES += ["bands"]
BOUND = 10**6
VALUES = {"bound": str(BOUND)}
whole = st.integers(-BOUND, BOUND)
columns = st.integers(1, 6).flatmap(
    lambda rows: st.lists(st.lists(whole, min_size=rows, max_size=rows), min_size=2, max_size=4)
)


QUICK = ("sum of three",)  # that of two on Cheetah is in spu/test_engine


@pytest.mark.parametrize("name", BY_NAME)
def test_the_reference_gives_what_was_worked_out(name: str) -> None:
    case = BY_NAME[name]
    case.holds(case.program.reference(case.brought))


def _param(name: str, case: Case) -> Any:
    """Processes of SPU take seconds each: a run has sums, a slow one has all."""
    slow = name != "embedded" and case.name not in QUICK
    return pytest.param(name, case, id=f"{name}: {case.name}", marks=[pytest.mark.slow] if slow else [])


@pytest.mark.parametrize(("name", "case"), [_param(*run) for run in RUNS])
def test_every_engine_gives_what_was_worked_out(name: str, case: Case, tmp_path: Path) -> None:
    if name != "embedded":
        try:
            extra.require()
        except ConfigError as error:
            pytest.skip(str(error))
    engine = ENGINES[name]
    if not engine.offers(case):
        with pytest.raises(PlanError, match=engine.refusal):
            engine.compute(case, tmp_path)
        return
    case.holds(engine.compute(case, tmp_path))


def test_the_vectors_hold_the_cases() -> None:
    vectors = json.loads((Path(__file__).parents[1] / "vectors" / "programs.json").read_text(encoding="utf-8"))
    assert vectors["cases"] == [case.to_json() for case in CASES]


def test_every_program_runs_on_every_engine_or_is_refused() -> None:
    for name in ENGINES:
        assert {case.program.program for engine, case in RUNS if engine == name} == set(NAMES)


@given(columns)
def test_sums_and_levels_are_plain_sums(rows: list[list[int]]) -> None:
    totals = [sum(column) for column in zip(*rows, strict=True)]
    program = Sum(values=Numbers(bound=BOUND))
    assert list(program.reference([program.bring(row) for row in rows])) == totals
    levels = parse_program({"program": "levels", "values": VALUES, "edges": ["-7", "0", "500000"]})
    assert isinstance(levels, Levels)
    assert list(levels.reference([levels.bring(row) for row in rows])) == [
        (total >= -7) + (total >= 0) + (total >= 500000) for total in totals
    ]


@given(columns)
def test_weighted_sums_are_exact(rows: list[list[int]]) -> None:
    weights = ["0.1", "-2.25", "3", "0.001"][: len(rows)]
    program = WeightedSum(values=Numbers(bound=BOUND, decimals=2), weights=tuple(weights), weight_decimals=3)
    read = program.read(program.reference([program.bring(row) for row in rows]))
    assert read["decimals"] == 5
    assert [Decimal(str(total)).scaleb(-3) for total in list(read["sums"])] == [  # type: ignore[arg-type]
        sum((Decimal(w) * x for w, x in zip(weights, column, strict=True)), Decimal(0))
        for column in zip(*rows, strict=True)
    ]


@given(st.lists(st.lists(whole, max_size=5), min_size=2, max_size=4))
def test_a_mean_is_the_total_over_the_count(rows: list[list[int]]) -> None:
    program = Mean(values=Numbers(bound=BOUND, decimals=2))
    read = program.read(program.reference([program.bring(row) for row in rows]))
    values = [value for row in rows for value in row]
    assert (read["total"], read["count"]) == (str(sum(values)), len(values))
    if not values:
        assert read["mean"] is None
    else:
        assert abs(Decimal(str(read["mean"])) - Decimal(sum(values)) / len(values) / 100) <= Decimal("5.1e-9")


@given(st.lists(st.tuples(whole, whole), min_size=1, max_size=8))
def test_comparisons_are_strict(rows: list[tuple[int, int]]) -> None:
    left, right = ([pair[i] for pair in rows] for i in (0, 1))
    flags = [x > y for x, y in rows]
    for output, expected in (("flags", {"larger": flags}), ("count", {"larger": sum(flags)})):
        program = parse_program({"program": "compare", "values": VALUES, "output": output})
        assert isinstance(program, Compare)
        assert program.read(program.reference([program.bring(left), program.bring(right)])) == expected


@given(st.lists(st.tuples(st.none() | st.integers(0, 3), st.none() | whole), min_size=1, max_size=20))
def test_groups_are_counted_where_both_have_the_row_and_small_ones_vanish(rows: list[tuple[Any, Any]]) -> None:
    program = GroupBy(groups=4, smallest=3, values=Numbers(bound=BOUND))
    brought = [program.bring_groups([g for g, _ in rows]), program.bring_values([v for _, v in rows])]
    for party, array in enumerate(brought):
        program.brings(party, 2, Size(len(rows)), array)
    expected = []
    for group in range(4):
        found = [value for g, value in rows if g == group and value is not None]
        expected.append({"count": len(found), "sum": str(sum(found))} if len(found) >= 3 else None)
    assert program.read(program.reference(brought))["groups"] == expected

    horizontal = GroupTotals(groups=4, smallest=3, values=Numbers(bound=BOUND))
    kept = [(g, v) for g, v in rows if v is not None]
    halves = [kept[::2], kept[1::2]]
    shared = [horizontal.bring([g for g, _ in half], [v for _, v in half]) for half in halves]
    assert horizontal.read(horizontal.reference(shared))["groups"] == expected


ALL = ["larger", "product", "sums"]


@given(
    st.lists(st.tuples(st.none() | whole, st.none() | whole), min_size=1, max_size=20),
    st.sets(st.sampled_from(ALL), min_size=1),
)
def test_pairs_tell_what_is_asked_over_enough_rows_of_both(rows: list[tuple[Any, Any]], asked: set[str]) -> None:
    program = parse_program(
        {"program": "pair-statistics", **GOOD["pair-statistics"], "smallest": 3, "statistics": sorted(asked)}
    )
    assert isinstance(program, PairStatistics)
    brought = [program.bring_first([f for f, _ in rows]), program.bring_second([s for _, s in rows])]
    for party, array in enumerate(brought):
        program.brings(party, 2, Size(len(rows)), array)
    result = program.reference(brought)
    both = [(f, s) for f, s in rows if f is not None and s is not None]
    if len(both) < 3:
        assert list(result) == [0] * 5
        assert program.read(result) == {"decimals": [0, 0], "smallest": 3, "statistics": None}
        return
    firsts, seconds = zip(*both, strict=True)
    larger = sum(f > s for f, s in both)
    means = [str((Decimal(sum(v)) / len(v)).quantize(Decimal("1.000000"))) for v in (firsts, seconds)]
    expected = {
        "count": len(both),
        "sums": [str(sum(firsts)), str(sum(seconds))],
        "means": means,
        "product": str(sum(f * s for f, s in both)),
        "larger": larger if 3 <= larger <= len(both) - 3 else None,
    }
    told = {"count"} | asked | ({"means"} if "sums" in asked else set())
    assert program.read(result)["statistics"] == {name: expected[name] for name in told}
    assert [bool(value) for value in result[1:3]] == [bool(sum(v)) and "sums" in asked for v in (firsts, seconds)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_program_is_the_same_after_a_plan(case: Case) -> None:
    raw = canonical(case.program.to_json())
    assert parse_program(raw) == parse_program(json.loads(raw)) == case.program
    assert canonical(parse_program(raw).to_json()) == raw


GOOD = {
    "sum": {"values": VALUES},
    "mean": {"values": VALUES},
    "weighted-sum": {"values": VALUES, "weights": ["1", "2"], "weight_decimals": 0},
    "dot": {"vector": VALUES, "rows": VALUES},
    "compare": {"values": VALUES, "output": "count"},
    "group-by": {"values": VALUES, "groups": 3, "smallest": 5},
    "group-totals": {"values": VALUES, "groups": 3, "smallest": 5},
    "levels": {"values": VALUES, "edges": ["0", "10"]},
    "pair-statistics": {"first": VALUES, "second": VALUES, "smallest": 5, "statistics": ["product", "sums"]},
    "bands": {"values": VALUES, "edges": ["0", "10"], "thresholds": ["10"], "smallest": 2, "sums": True},
}
BAD: list[tuple[str, dict[str, Any]]] = [
    ("sum", {"values": {}}),
    ("sum", {"values": {"bound": "0"}}),
    ("sum", {"values": {"bound": "-1"}}),
    ("sum", {"values": {"bound": str(MAX_BOUND + 1)}}),
    ("sum", {"values": {"bound": 1.5}}),
    ("sum", {"values": {"bound": "1.5"}}),
    ("sum", {"values": {"bound": True}}),
    ("sum", {"values": {"bound": "9", "decimals": 19}}),
    ("sum", {"values": {"bound": "9", "unit": "EUR"}}),
    ("sum", {"smallest": 3}),
    ("weighted-sum", {"weights": ["1"]}),
    ("weighted-sum", {"weights": ["0", "0.00"]}),
    ("weighted-sum", {"weights": ["1", "1e3"]}),
    ("weighted-sum", {"weights": ["1", "NaN"]}),
    ("weighted-sum", {"weights": [1, 2]}),
    ("weighted-sum", {"weights": ["1", "0.5"]}),
    ("compare", {"output": "rows"}),
    ("group-by", {"smallest": 1}),
    ("group-by", {"groups": 0}),
    ("group-by", {"groups": 2000}),
    ("group-totals", {"smallest": 0}),
    ("levels", {"edges": []}),
    ("levels", {"edges": ["10", "10"]}),
    ("levels", {"edges": ["10", "0"]}),
    ("levels", {"edges": ["0.5"]}),
    ("levels", {"edges": [str(n) for n in range(65)]}),
    ("pair-statistics", {"smallest": 1}),
    ("pair-statistics", {"smallest": "5"}),
    ("pair-statistics", {"statistics": []}),
    ("pair-statistics", {"statistics": ["sums", "product"]}),
    ("pair-statistics", {"statistics": ["sums", "sums"]}),
    ("pair-statistics", {"statistics": ["squares"]}),
    ("pair-statistics", {"statistics": "sums"}),
    ("pair-statistics", {"first": {**VALUES, "decimals": 2}, "statistics": ["larger"]}),
    ("bands", {"smallest": 1}),
    ("bands", {"edges": ["10", "0"]}),
    ("bands", {"edges": []}),
    ("bands", {"edges": [str(n) for n in range(256)]}),
    ("bands", {"thresholds": ["5"]}),
    ("bands", {"thresholds": ["10", "0"]}),
    ("bands", {"groups": 0}),
    ("bands", {"groups": 17}),
    ("bands", {"groups": 2, "exact": True}),
    ("histogram", {}),
]


@pytest.mark.parametrize(("name", "change"), BAD)
def test_a_program_that_is_none_is_refused(name: str, change: dict[str, Any]) -> None:
    if name in GOOD:
        parse_program({"program": name, **GOOD[name]})
    with pytest.raises((InputError, PlanError)):
        parse_program({"program": name, **GOOD.get(name, {}), **change})


@pytest.mark.parametrize("raw", ["", "{", "[]", "null", '{"program": 1}', b"\xff", "{}"])
def test_what_is_no_program_is_refused(raw: Any) -> None:
    with pytest.raises(InputError):
        parse_program(raw)
    with pytest.raises(LimitError):
        parse_program(" " * (1 << 20))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("parties", [0, 1, 65])
def test_the_wrong_number_of_parties_is_refused(name: str, parties: int) -> None:
    program = parse_program({"program": name, **GOOD[name]})
    with pytest.raises(PlanError, match=f"wrong number of parties for {name}"):
        program.shapes(parties, Size(3))
    with pytest.raises(PlanError, match="wrong number"):
        program.roles(parties)


@pytest.mark.parametrize("name", ["weighted-sum", "dot", "compare", "group-by", "pair-statistics"])
def test_what_takes_two_parties_refuses_three(name: str) -> None:
    with pytest.raises(PlanError, match="wrong number"):
        parse_program({"program": name, **GOOD[name]}).roles(3)


def _pair_program(first: int, second: int, statistic: str) -> dict[str, Any]:
    bounds = {"first": {"bound": str(first)}, "second": {"bound": str(second)}}
    return {"program": "pair-statistics", **bounds, "smallest": 2, "statistics": [statistic]}


@pytest.mark.parametrize(
    ("program", "most"),
    [
        ({"program": "sum", "values": {"bound": str(2**62 - 1)}}, Size(1)),
        ({"program": "mean", "values": {"bound": str(2**52 - 1)}}, Size(2**10)),
        (
            {"program": "weighted-sum", "values": {"bound": str(2**60)}, "weights": ["3", "-4"], "weight_decimals": 0},
            Size(1),
        ),
        ({"program": "dot", "vector": {"bound": str(2**31)}, "rows": {"bound": str(2**31 - 1)}}, Size(5, 2)),
        ({"program": "compare", "values": {"bound": str(2**62 - 1)}, "output": "flags"}, Size(1)),
        ({"program": "group-by", "values": {"bound": str(2**52 - 1)}, "groups": 2, "smallest": 2}, Size(2**11)),
        ({"program": "group-totals", "values": {"bound": str(2**52 - 1)}, "groups": 2, "smallest": 2}, Size(2**10)),
        ({"program": "levels", "values": {"bound": str(2**61)}, "edges": [str(-(2**62) + 1)]}, Size(9)),
        (_pair_program(2**31, 2**31 - 1, "product"), Size(2)),
        (
            {"program": "bands", "values": {"bound": str(2**52 - 1)}, "edges": ["0"], "smallest": 2, "sums": True},
            Size(2**11),
        ),
        (_pair_program(2**52 - 1, 1, "sums"), Size(2**11)),
        (_pair_program(2**62, 2**62 - 1, "larger"), Size(2)),
    ],
)  # fmt: skip
def test_the_range_is_checked_to_the_last_unit(program: dict[str, Any], most: Size) -> None:
    """What fits 63 bits passes; doubling a bound, or the rows where they add up, does not."""
    parsed = parse_program(program)
    parsed.require_range(2, most, FM64)
    larger = json.loads(json.dumps(program))
    for column in ("values", "vector", "first"):
        if column in larger:
            larger[column]["bound"] = str(2 * int(larger[column]["bound"]) + 1)
    with pytest.raises(PlanError, match=f"{parsed.program} over .* could overflow") as caught:
        parse_program(larger).require_range(2, most, FM64)
    assert caught.value.code == "plan.overflow"
    assert caught.value.expected is not None and "9223372036854775807" in caught.value.expected
    assert caught.value.found is not None


@pytest.mark.parametrize("name", NAMES)
def test_no_result_or_step_is_larger_than_its_magnitude(name: str) -> None:
    """The bound that is checked is reached by the largest numbers, and not passed."""
    program, size = parse_program({"program": name, **GOOD[name]}), Size(6, 6)
    given, inside, outside = program.magnitudes(2, size)
    brought = _largest(program, size)
    for party, array in enumerate(brought):
        program.brings(party, 2, size, array)
    result = program.reference(brought)
    reached = max(abs(int(value)) for value in result.reshape(-1))
    assert max(abs(int(value)) for array in brought for value in array.reshape(-1)) <= given
    assert reached <= outside <= inside
    if name not in ("levels", "compare"):
        assert reached == outside


def _largest(program: Program, size: Size) -> list[Any]:
    rows = [BOUND] * size.rows
    if isinstance(program, Dot):
        return [program.bring_vector([BOUND] * size.length), program.bring_rows([[BOUND] * size.length] * size.rows)]
    if isinstance(program, GroupBy):
        return [program.bring_groups([0] * size.rows), program.bring_values(rows)]
    if isinstance(program, GroupTotals):
        return [program.bring([0] * size.rows, rows)] * 2
    if isinstance(program, Bands):
        return [program.bring_scores(rows), program.bring_labels([row % 2 for row in range(size.rows)])]
    if isinstance(program, PairStatistics):
        return [program.bring_first(rows), program.bring_second(rows)]
    return [program.bring(rows)] * 2


def test_only_differences_need_the_wider_field() -> None:
    levels = parse_program({"program": "levels", "values": {"bound": str(2**63 - 1)}, "edges": ["0"]})
    levels.require_range(3, Size(1), FM128)
    with pytest.raises(PlanError, match="on the way"):
        levels.require_range(3, Size(1), FM64)
    with pytest.raises(PlanError, match="among what is given"):
        parse_program({"program": "levels", "values": VALUES, "edges": [str(2**63)]}).require_range(2, Size(1), FM128)
    pairs = parse_program(_pair_program(2**62, 2**62, "larger"))
    pairs.require_range(2, Size(1), FM128)
    with pytest.raises(PlanError, match="on the way"):
        pairs.require_range(2, Size(1), FM64)
    total = parse_program({"program": "sum", "values": {"bound": str(2**63 - 1)}})
    total.require_range(3, Size(1), EMBEDDED)
    with pytest.raises(PlanError, match="in the result"):
        total.require_range(3, Size(1), FM128)
    with pytest.raises(PlanError):
        total.require_range(3, Size(1), Ring("a small one", Magnitudes(2**63, 2**70, 2**60)))


@pytest.mark.parametrize("value", [1.0, "1", None, True, float("nan"), BOUND + 1, -BOUND - 1, 2**63, -(2**63), 2**200])
def test_numbers_that_are_none_or_out_of_bounds_are_refused_without_showing_them(value: Any) -> None:
    with pytest.raises(DataError, match="row 1") as caught:
        Sum(values=Numbers(bound=BOUND)).bring([0, value])
    if isinstance(value, int) and abs(value) > BOUND:
        assert str(value) not in str(caught.value).replace(str(BOUND), "")


def test_arrays_are_taken_as_lists_are() -> None:
    program = Sum(values=Numbers(bound=BOUND))
    assert program.bring(np.array([1, -2])).tolist() == [1, -2]
    assert program.bring(np.array([1, 254], dtype=np.uint8)).tolist() == [1, 254]
    for bad in (np.array([0, BOUND + 1]), np.array([0, -(2**63)]), np.array([0, 2**64 - 1], dtype=np.uint64)):
        with pytest.raises(DataError, match="row 1"):
            program.bring(bad)
    with pytest.raises(DataError, match="not an integer"):
        program.bring(np.array([1.0]))
    with pytest.raises(DataError, match="one dimension"):
        program.bring(np.array([[1]]))


@pytest.mark.parametrize(
    ("name", "party", "array", "reason"),
    [
        ("sum", 0, np.zeros(3, dtype=np.int64), "shape"),
        ("sum", 0, np.zeros((2, 1), dtype=np.int64), "shape"),
        ("sum", 0, np.zeros(2), "float64"),
        ("sum", 1, np.array([0, BOUND + 1]), "beyond"),
        ("mean", 0, np.array([0, 3]), "beyond"),
        ("mean", 0, np.array([BOUND + 1, 1]), "beyond"),
        ("mean", 0, np.array([1, 0]), "beyond"),
        ("mean", 0, np.array([0, -1]), "beyond"),
        ("dot", 1, np.full((2, 1), BOUND + 1), "beyond"),
        ("group-by", 0, np.array([[1, 1, 0], [0, 0, 0]]), "more than one group"),
        ("group-by", 0, np.array([[2, 0, 0], [0, 0, 0]]), "more than one group"),
        ("group-by", 0, np.array([[-1, 1, 1], [0, 0, 0]]), "more than one group"),
        ("group-by", 1, np.array([[5, 5], [1, 0]]), "not there"),
        ("group-by", 1, np.array([[5, 5], [1, 2]]), "not there"),
        ("group-by", 1, np.array([[BOUND + 1, 5], [1, 1]]), "beyond"),
        ("group-totals", 0, np.array([[2, 1, 0], [0, 0, 0]]), "beyond"),
        ("group-totals", 0, np.array([[-1, 1, 0], [0, 0, 0]]), "beyond"),
        ("group-totals", 1, np.array([[1, 0, 0], [BOUND, 1, 0]]), "beyond"),
        ("levels", 1, np.array([-BOUND - 1, 0]), "beyond"),
        ("pair-statistics", 0, np.array([[5, 5], [1, 0]]), "not there"),
        ("pair-statistics", 1, np.array([[5, 5], [1, 2]]), "not there"),
        ("pair-statistics", 1, np.array([[5, BOUND + 1], [1, 1]]), "beyond"),
        ("bands", 0, np.array([[1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]]), "more than one band"),
        ("bands", 0, np.array([[2, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]]), "more than one band"),
        ("bands", 0, np.array([[1, 0, 0, 0, 5, 0], [0, 0, 0, 0, 0, 0]]), "outside of its band"),
        ("bands", 0, np.array([[1, 0, 0, BOUND + 1, 0, 0], [0, 0, 0, 0, 0, 0]]), "beyond"),
        ("bands", 1, np.array([[1, 0], [1, 0]]), "more than one label"),
        ("bands", 1, np.array([[2, 0], [0, 0]]), "more than one label"),
    ],
)
def test_what_a_party_may_not_bring_is_refused(name: str, party: int, array: Any, reason: str) -> None:
    program = parse_program({"program": name, **GOOD[name]})
    with pytest.raises(DataError, match=reason):
        program.brings(party, 2, Size(2), array)


def test_rows_and_groups_that_are_none_are_refused() -> None:
    dot = Dot(vector=Numbers(bound=BOUND), rows=Numbers(bound=BOUND))
    with pytest.raises(DataError, match="different lengths"):
        dot.bring_rows([[1, 2], [1]])
    groups = GroupBy(groups=3, smallest=5, values=Numbers(bound=BOUND))
    for bad in (3, -1, True, 1.0, "0"):
        with pytest.raises(DataError, match="not a group"):
            groups.bring_groups([0, bad])  # type: ignore[list-item]
    with pytest.raises(DataError, match="needs a group"):
        GroupTotals(groups=3, smallest=5, values=Numbers(bound=BOUND)).bring([0], [1, 2])


@pytest.mark.parametrize(("rows", "length"), [(0, 1), (1, 0), (-1, 1)])
def test_nothing_is_no_size(rows: int, length: int) -> None:
    with pytest.raises(InputError, match="nothing"):
        Size(rows, length)


def test_sizes_are_limited() -> None:
    with pytest.raises(LimitError, match="too many"):
        Size(2**20, 2**20)


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [
        ("12.345", 2, 1234), ("12.355", 2, 1236), ("-0.005", 2, 0), ("-0.015", 2, -2), (0.1, 1, 1), (0.1, 20, 10**19),
        (1e-7, 7, 1), (3, 2, 300), (Decimal("1E+3"), 0, 1000), ("+7", 0, 7), (2.5, 0, 2), (3.5, 0, 4),
        (str(10**30) + ".5", 1, 10**31 + 5),
    ],
)  # fmt: skip
def test_decimals_become_integers_to_the_nearest_halves_to_even(value: Any, decimals: int, expected: int) -> None:
    assert fixed([value], decimals) == [expected]


@pytest.mark.parametrize("value", ["", "abc", "1,5", "1.", ".5", "1e999", float("nan"), float("inf"), True, None, "１"])
def test_what_is_no_decimal_is_refused(value: Any) -> None:
    with pytest.raises(DataError, match="row 1"):
        fixed(["1", value], 2)


def test_the_embedded_engine_refuses_by_name_what_it_would_have_to_open() -> None:
    from placet.protocols.mpc.embedded import require_offered

    for name in ("compare", "group-by", "group-totals", "levels", "pair-statistics"):
        with pytest.raises(PlanError, match=f"embedded engine can't do {name} safely") as caught:
            require_offered(parse_program({"program": name, **GOOD[name]}), 2, Size(3))
        assert caught.value.remedy == "name the engine spu in the plan"
        assert caught.value.code == "plan.engine"


def test_the_embedded_engine_checks_the_range_before_it_sends_anything(scripted: Callable[..., Any]) -> None:
    from placet.protocols.mpc import embedded

    channel = scripted({})
    huge = Sum(values=Numbers(bound=2**100))
    with pytest.raises(PlanError, match="could overflow"):
        asyncio.run(embedded.run(huge, channel, ["me", "bank"], huge.bring([1]), size=Size(1)))
    small = Sum(values=Numbers(bound=10))
    for parties, brought, error in (
        (["bank", "shop"], small.bring([1]), InputError),
        (["me", "me"], small.bring([1]), InputError),
        (["me", "bank"], small.bring([1, 2]), DataError),
        (["me", "bank"], huge.bring([11]), DataError),
    ):
        with pytest.raises(error):
            asyncio.run(embedded.run(small, channel, parties, brought, size=Size(1)))
    assert channel.sent == {}


def test_dots_beyond_paillier_are_refused_before_anything_is_sent() -> None:
    pytest.importorskip("phe", reason="no phe here: pip install 'placet[paillier]'")
    from placet.protocols.mpc.embedded import require_offered

    wide = Dot(vector=Numbers(bound=2**43), rows=Numbers(bound=1))
    narrow = Dot(vector=Numbers(bound=2**42), rows=Numbers(bound=2**42))
    require_offered(narrow, 2, Size(1, 2**16))
    for program, size in ((wide, Size(1)), (narrow, Size(2**17)), (Dot(vector=Numbers(bound=1), rows=Numbers(bound=1)), Size(1, 2**17))):  # fmt: skip  # noqa: E501
        with pytest.raises(PlanError, match="too large for Paillier"):
            require_offered(program, 2, size)


@pytest.mark.parametrize(
    ("owners", "brought", "error", "reason"),
    [
        ([0, 0], True, InputError, "each owner once"),
        ([0, 2], True, InputError, "each owner once"),
        ([0, 1], False, InputError, "an owner brings something"),
        ([1, 0], False, InputError, "an owner brings something"),
        ([0], True, PlanError, "wrong number of parties"),
    ],
)
def test_spu_is_not_started_for_inputs_that_do_not_fit(
    tmp_path: Path, owners: list[int], brought: bool, error: type[Exception], reason: str
) -> None:
    program = Sum(values=Numbers(bound=10))
    members = tuple(Member(f"bank-{rank}", "127.0.0.1", 9 + rank, certificate_of(rank)[1]) for rank in range(2))
    with pytest.raises(error, match=reason):
        asyncio.run(
            evaluate.run(
                Network(members, 0, b"", b""),
                program,
                owners,
                program.bring([1]) if brought else None,
                size=Size(1),
                scratch=tmp_path,
                seconds=1,
            )
        )
    assert list(tmp_path.iterdir()) == []


def test_spu_takes_the_smaller_ring_that_is_safe_and_refuses_beyond_both() -> None:
    def field(bound: int) -> str:
        program = parse_program({"program": "levels", "values": {"bound": str(bound)}, "edges": ["0"]})
        return evaluate.engine_of(program, 2, 2, Size(1)).field

    assert field(2**62 - 1) == "FM64"
    assert field(2**62) == field(2**63 - 1) == "FM128"
    with pytest.raises(PlanError, match="among what is given") as caught:
        field(2**63)
    assert caught.value.code == "plan.overflow"
