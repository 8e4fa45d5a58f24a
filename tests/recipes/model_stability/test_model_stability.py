"""The recipe `model-stability` by its parts: what the provider counts, what the consumer takes and is told."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from declaring import CUSTOMER, declaring
from placet.catalogue.declared import declared
from placet.catalogue.model_stability import SPEC
from placet.core.errors import InputError, PlanError
from placet.core.hashing import canonical
from placet.recipes.model_stability.run import MAX_PART, combine, count

SCORE: dict[str, Any] = {"column": "score", "edges": ["10", "20", "30"], "reference": [25, 25, 25, 25]}
INCOME: dict[str, Any] = {"column": "income", "edges": ["0"], "reference": [50, 50]}
PARAMETERS: dict[str, Any] = {**CUSTOMER, "columns": [SCORE, INCOME], "smallest_group": 5}


def test_a_plan_that_fits() -> None:
    for parameters in (PARAMETERS, PARAMETERS | {"limit": "0.1"}):
        declared(*declaring("model-stability", parameters, "embedded", 2))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"columns": [SCORE, SCORE]}, "do not go together"),
        ({"columns": [SCORE | {"column": "customer"}]}, "do not go together"),
        ({"columns": [SCORE | {"edges": ["20", "10", "30"]}]}, "no such value of columns"),
        ({"columns": [SCORE | {"reference": [1, 2, 3]}]}, "no such value of columns"),
        ({"columns": [SCORE | {"reference": [0, 0, 0, 0]}]}, "no such value of columns"),
        ({"columns": []}, "no such value of columns"),
        ({"limit": "10.5"}, "no such value of limit"),
        ({"smallest_group": 1}, "no such value of smallest_group"),
    ],
)
def test_parameters_that_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        declared(*declaring("model-stability", PARAMETERS | changes, "embedded", 2))


def test_what_is_read() -> None:
    parsed = SPEC.parse(PARAMETERS)
    assert SPEC.reads("provider", parsed) == ("customer", "score", "income")
    assert SPEC.reads("consumer", parsed) == ("customer",)
    assert SPEC.tells(parsed).shows == ("provider",)


def counts(values: list[int]) -> Any:
    return count(SPEC.parse(PARAMETERS).columns[0], values, 5)


def test_small_bands_are_merged_before_they_leave_the_provider() -> None:
    assert counts([5] * 6 + [10] * 5 + [29] * 7 + [30] * 5) == {"places": [0, 1, 2, 3, 4], "counts": [6, 5, 7, 5]}
    assert counts([5] * 4 + [10] * 5 + [30] * 9) == {"places": [0, 2, 4], "counts": [9, 9]}
    assert counts([5] * 9 + [30] * 4) == {"places": [0, 4], "counts": [13]}
    assert counts([5] * 4) is None


def result(score: list[int], income: list[int], **changes: Any) -> dict[str, Any]:
    parameters = PARAMETERS | changes
    columns = SPEC.parse(parameters).columns
    part = canonical([count(one, values, 5) for one, values in zip(columns, (score, income), strict=True)])
    return combine({0: part}, kept(parameters), Path())


def kept(parameters: dict[str, Any] = PARAMETERS, rows: int = 100) -> bytes:
    return canonical({"rows": rows, "provider_rows": [90], "parameters": parameters})


def test_a_batch_like_the_reference_raises_nothing() -> None:
    outcome = result([5, 15, 25, 35] * 10, [-1, 1] * 20)
    assert "alarm" not in outcome
    report = outcome["report"]
    assert (report["people"], report["moved"], report["limit"]) == (40, [], "0.25")
    assert [one["stability"] for one in report["columns"]] == ["0.000000", "0.000000"]
    assert report["columns"][0]["bands"][1] == {"from": "10", "to": "20", "people": 10, "reference": 25}


def test_a_column_that_moved_raises_an_alarm() -> None:
    outcome = result([5] * 32 + [35] * 8, [-1, 1] * 20)
    assert outcome["alarm"] == {"moved": ["score"]} == {"moved": outcome["report"]["moved"]}
    score, income = outcome["report"]["columns"]
    assert [band["people"] for band in score["bands"]] == [32, 8]
    assert Decimal(score["stability"]) > Decimal("0.25") > Decimal(income["stability"])
    slight = [5] * 6 + [15] * 14 + [25] * 10 + [35] * 10
    assert "alarm" not in result(slight, [-1, 1] * 20)
    assert result(slight, [-1, 1] * 20, limit="0.05")["alarm"] == {"moved": ["score"]}


def test_too_few_are_told_as_such() -> None:
    outcome = result([5] * 4, [1] * 4)
    assert outcome == {"rows": [], "report": {"too_few": True, "smallest_group": 5, "provider_rows": [90]}}


GOOD: list[Any] = [{"places": [0, 2, 4], "counts": [9, 9]}, {"places": [0, 2], "counts": [18]}]


@pytest.mark.parametrize(
    "part",
    [
        [GOOD[0]],
        [*GOOD, GOOD[1]],
        [GOOD[0], None],
        [GOOD[0], {"places": [0, 2], "counts": [17]}],
        [GOOD[0], {"places": [0, 1, 2], "counts": [4, 14]}],
        [GOOD[0], {"places": [0, 2, 1], "counts": [9, 9]}],
        [GOOD[0], {"places": [1, 2], "counts": [18]}],
        [GOOD[0], {"places": [0, 2], "counts": [18.5]}],
        [GOOD[0], {"places": [0], "counts": []}],
        [GOOD[0], {"places": [0, 2]}],
        [GOOD[0], 7],
        {"places": [0, 2], "counts": [18]},
        None,
        [{"places": [0, 4], "counts": [91]}, {"places": [0, 2], "counts": [91]}],
    ],
)
def test_counts_that_no_honest_provider_tells_are_refused(part: Any) -> None:
    assert combine({0: canonical(GOOD)}, kept(), Path())["report"]["people"] == 18
    with pytest.raises(InputError, match="of no bands"):
        combine({0: canonical(part)}, kept(), Path())


@pytest.mark.parametrize(
    "part", [canonical(GOOD) + b" " * MAX_PART, b"[" * 200_000, b"[" + b"9" * 5_000 + b"]", b"\xff"]
)
def test_what_is_too_large_or_no_document_is_refused_unread(part: bytes) -> None:
    with pytest.raises(InputError, match="of no bands"):
        combine({0: part}, kept(), Path())
