"""The recipe `private-statistics` by its parts: what a question costs, what its numbers are, what a report tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from columned import columned
from declaring import declaring
from placet.catalogue.declared import declared
from placet.catalogue.private_statistics import NOISY, SPEC, PrivateStatisticsParameters, released, size_of
from placet.core.column_table import ColumnTable
from placet.core.errors import DataError, InputError, PlanError
from placet.core.hashing import canonical
from placet.core.privacy import cost_of
from placet.jobs.randomness import NoiseSource
from placet.recipes.private_statistics.run import answers, combine, exact, noisy, read, shown, written
from placet.vault.rows import Rows

COUNT: dict[str, Any] = {"ask": "count", "column": "balance", "budget": 10_000_000}
MEAN: dict[str, Any] = {"ask": "mean", "column": "balance", "bounds": [-100, 1_000], "budget": 20_000_000}
AGES = {"column": "age", "edges": [30, 60]}
TOWNS = {"column": "town", "values": ["Köln", "Ulm"]}
HISTOGRAM: dict[str, Any] = {"ask": "histogram", "axis": AGES, "budget": 10_000_000}
TABLE: dict[str, Any] = {"ask": "table", "axes": [AGES, TOWNS], "budget": 10_000_000}
QUANTILES: dict[str, Any] = {"ask": "quantiles", "column": "age", "bounds": [0, 128], "parts": 4, "budget": 50_000_000}
ALL = [COUNT, MEAN, HISTOGRAM, TABLE, QUANTILES]


def parameters(*questions: dict[str, Any], smallest_group: int = 10) -> PrivateStatisticsParameters:
    return SPEC.parse({"questions": list(questions or ALL), "smallest_group": smallest_group})


def rows(count: int) -> Rows:
    table = columned(
        {
            "balance": [(row * 37) % 1_400 - 200 for row in range(count)],
            "age": [row % 90 for row in range(count)],
            "town": [("Köln", "Ulm", "Bonn")[row % 3] for row in range(count)],
        }
    )
    return Rows(table, "customer", b"")


@pytest.mark.parametrize("question", ALL, ids=lambda question: question["ask"])
def test_what_is_released_costs_no_more_than_the_question_says(question: dict[str, Any]) -> None:
    (asked,) = parameters(question).questions
    releases = released(0, asked)
    assert 0 < cost_of((one,) for one in releases) <= asked.budget
    assert sum(one.numbers for one in releases) == size_of(asked)


def test_a_plan_spends_what_its_questions_say_and_the_consumer_brings_nothing() -> None:
    plan, terms = declaring("private-statistics", {"questions": ALL, "smallest_group": 10}, "embedded", 2)
    job = declared(plan, terms)
    assert plan.inputs[0].budget == sum(one["budget"] for one in ALL)
    use = job.use(0)
    assert (use.spends, use.tells.output, use.bounds) == (
        plan.inputs[0].budget,
        NOISY,
        (("balance", (-100, 1000)), ("age", (0, 128))),
    )
    assert plan.parties[1].inputs == ()
    less = plan.inputs[0].model_copy(update={"budget": plan.inputs[0].budget - 1})
    cheaper = plan.model_copy(
        update={"parties": (plan.parties[0].model_copy(update={"inputs": (less,)}), plan.parties[1])}
    )
    with pytest.raises(PlanError) as caught:
        declared(cheaper, terms)
    assert caught.value.code == "plan.budget"


@pytest.mark.parametrize(
    "question",
    [
        COUNT | {"budget": 0},
        MEAN | {"budget": 1},
        MEAN | {"bounds": [5, 5]},
        MEAN | {"bounds": [0, 2**41]},
        HISTOGRAM | {"axis": {"column": "age"}},
        HISTOGRAM | {"axis": AGES | TOWNS},
        HISTOGRAM | {"axis": AGES | {"edges": [60, 30]}},
        HISTOGRAM | {"axis": TOWNS | {"values": ["Ulm", "Ulm"]}},
        TABLE | {"axes": [AGES, AGES]},
        QUANTILES | {"parts": 1},
        {"ask": "median", "column": "age", "budget": 5},
        COUNT | {"more": 1},
    ],
)
def test_questions_that_are_none(question: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        parameters(question)


def test_exact_numbers_are_those_of_the_rows() -> None:
    people = rows(90)
    asked = parameters().questions
    assert exact(asked[0], people) == [90]
    values = [min(max(value, -100), 1_000) for value in people.columns["balance"]]
    assert exact(asked[1], people) == [90, sum(values)]
    assert exact(asked[2], people) == [30, 30, 30]
    assert exact(asked[3], people) == [10] * 9
    bands = exact(asked[4], people)
    assert len(bands) == 256 and sum(bands) == 90 and bands[:4] == [1, 0, 1, 0]
    with pytest.raises(DataError):
        exact(parameters(MEAN | {"column": "town"}).questions[0], people)


def test_who_has_no_value_is_not_counted() -> None:
    table = columned({"balance": [1, None, 3], "age": [None, 40, 50], "town": ["Ulm", "", "Bonn"]})
    people = Rows(table, "customer", b"")
    asked = parameters(*ALL, COUNT | {"column": "town"}).questions
    assert exact(asked[0], people) == [2]
    assert exact(asked[1], people) == [2, 4]
    assert exact(asked[2], people) == [0, 2, 0]
    assert exact(asked[3], people) == [0, 0, 0, 0, 0, 1, 0, 0, 0]
    assert sum(exact(asked[4], people)) == 2
    assert exact(asked[5], people) == [2]


@given(st.integers(0, 199), st.sampled_from(range(5)))
def test_one_row_moves_a_release_by_no_more_than_its_noise_hides(place: int, number: int) -> None:
    """Neighbours: the same table without one row. The change of each release, squared and added up, is within the Δ²
    that the noise is for."""
    whole = rows(200)
    less = Rows(ColumnTable.joined([whole.table.cut(0, place), whole.table.cut(place + 1, 200)]), "customer", b"")
    (question,) = parameters(ALL[number]).questions
    changes = [a - b for a, b in zip(exact(question, whole), exact(question, less), strict=True)]
    for one in released(0, question):
        assert sum(change**2 for change in changes[: one.numbers]) <= one.squared
        changes = changes[one.numbers :]


def test_noise_is_there_and_follows_from_the_seed_alone() -> None:
    asked, people = parameters(HISTOGRAM, HISTOGRAM, TABLE, smallest_group=2), rows(90_000)

    def drawn(block: bytes) -> list[list[int | None]]:
        return answers(asked, people, NoiseSource(bytes(32), bytes(32), 1, block))[0]

    assert drawn(b"1") == drawn(b"1") != drawn(b"2")
    plain = [exact(question, people) for question in asked.questions]
    assert all(with_noise != without for with_noise, without in zip(drawn(b"1"), plain, strict=True))
    assert drawn(b"1")[0] != drawn(b"1")[1], "the same question twice has noise of its own each time"


def test_within_the_widest_bounds_and_for_the_least_budget_there_is_noise() -> None:
    (mean,) = parameters(MEAN | {"bounds": [-(2**40), 2**40], "budget": 2}).questions
    source = NoiseSource(bytes(32), bytes(32), 1, bytes(32))
    numbers = noisy([2**30, 2**70], [source.draw(one) for one in released(0, mean)])
    assert numbers[0] != 2**30 and numbers[1] != 2**70
    assert read(written([[10, numbers[1]]]), [mean]) == [[10, numbers[1]]]


def test_what_looks_too_small_does_not_leave_the_provider() -> None:
    def left(question: dict[str, Any], numbers: list[int]) -> list[int | None]:
        return shown(parameters(question).questions[0], numbers, 10)

    assert left(COUNT, [9]) == [None]
    assert left(MEAN, [9, 4_000]) == [None, None]
    assert left(HISTOGRAM, [9, 10, -3]) == [None, 10, None]
    assert left(TABLE, [9, 10, 11, 12, 13, 14, 0, 1, 20]) == [None, 10, 11, 12, 13, 14, None, None, 20]
    assert left(QUANTILES, [0] * 256) == left(QUANTILES, [9] + [0] * 255) == [None] * 3
    assert left(QUANTILES, [1] * 128 + [0] * 128) == [16, 32, 48], "and not the bands that they are read from"


def told(*questions: dict[str, Any], numbers: list[list[int]], smallest: int = 10) -> list[dict[str, Any]]:
    private = canonical({"parameters": parameters(*questions, smallest_group=smallest).to_json()})
    asked = parameters(*questions, smallest_group=smallest).questions
    left = [shown(question, one, smallest) for question, one in zip(asked, numbers, strict=True)]
    report = combine({0: canonical(left)}, private, Path())["report"]
    assert report["smallest_group"] == smallest
    return list(report["answers"])


def test_a_report_tells_nothing_of_what_looks_too_small() -> None:
    assert told(COUNT, numbers=[[9]])[0]["too_few"] is True
    assert told(COUNT, numbers=[[10]])[0]["people"] == 10
    (mean,) = told(MEAN, numbers=[[9, 4_000]])
    assert mean["too_few"] and not {"people", "sum", "mean"} & mean.keys()
    (mean,) = told(MEAN | {"decimals": 2}, numbers=[[40, 1_000]])
    assert (mean["people"], mean["sum"], mean["mean"]) == (40, "10.00", "0.25000000")
    assert told(HISTOGRAM, numbers=[[9, 10, -3]])[0]["counts"] == [None, 10, None]
    assert told(TABLE, numbers=[[9, 10, 11, 12, 13, 14, 0, 1, 20]])[0]["counts"] == [
        [None, 10, 11],
        [12, 13, 14],
        [None, None, 20],
    ]
    assert told(QUANTILES, numbers=[[0] * 256])[0]["too_few"] is True
    (quantiles,) = told(QUANTILES, numbers=[[1] * 128 + [0] * 128])
    assert quantiles["values"] == ["16", "32", "48"]


@pytest.mark.parametrize(
    "part",
    [
        b"",
        b"{}",
        b"[]",
        b"[[1],[2]]",
        b"[[1.5]]",
        b"[[true]]",
        b'[["1"]]',
        b"[[1,2]]",
        b"[" * 10_000,
        b"[[%d]]" % 2**90,
    ],
)
def test_answers_of_no_honest_provider_are_refused(part: bytes) -> None:
    with pytest.raises(InputError):
        read(part, parameters(COUNT).questions)
    with pytest.raises(InputError):
        read(b"[[" + b"1" * (1 << 21) + b"]]", parameters(COUNT).questions)


@pytest.mark.parametrize(
    ("question", "part"),
    [(MEAN, b"[[0,5]]"), (MEAN, b"[[null,5]]"), (MEAN, b"[[5,null]]"), (QUANTILES, b"[[null,1,2]]")],
)
def test_half_an_answer_is_none(question: dict[str, Any], part: bytes) -> None:
    with pytest.raises(InputError):
        read(part, parameters(question).questions)
