"""The program `coalitions`: AUCs of coalitions against plain least squares, and what comes of them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from placet.core.errors import ConfigError, DataError, PlanError
from placet.models.contribution import Contribution, Division, divide
from placet.protocols.mpc.coalitions import STEP, TOLERANCE, Coalitions, Size, auc
from placet.protocols.spu import extra

from .program_cases import Case
from .program_engines import Spu

ROWS, TRAIN = 3_000, 2_000


def program(**changes: Any) -> Coalitions:
    values: dict[str, Any] = {"rule": "shapley", "columns": (2, 3, 0), "train": TRAIN, "smallest": 20}
    return Coalitions(**(values | changes))


def brought(asked: Coalitions, useful: tuple[float, ...], rows: int = ROWS) -> list[np.ndarray]:
    """Owners whose columns say so much of the label."""
    chance = np.random.default_rng(7)
    hidden = chance.normal(size=rows)
    labels = (hidden + chance.normal(size=rows) > 1).astype(np.int64).tolist()
    arrays = []
    for owner, (width, said) in enumerate(zip(asked.columns, useful, strict=True)):
        columns = chance.normal(size=(rows, width)) + said * hidden[:, None]
        arrays.append(asked.bring(columns, labels if owner == len(useful) - 1 else None))
    return arrays


def test_who_knows_something_is_told_from_who_knows_nothing() -> None:
    asked = program()
    arrays = brought(asked, (1.0, 0.0, 0.0))
    for owner, array in enumerate(arrays):
        asked.brings(owner, 3, Size(ROWS), array)
    result = asked.reference(arrays)
    table = dict(asked.table(result))
    assert set(table) == {frozenset(), frozenset({0}), frozenset({1}), frozenset({0, 1})}
    assert table[frozenset({0})] > 750_000
    assert abs(table[frozenset({1})] - 500_000) < 40_000
    shares = divide(1_000, Division("shapley", 2, 100_000), Contribution.of("auc", table), 3)
    assert shares[2] == 100
    assert shares[0] > 780
    leave = program(rule="leave-one-out")
    assert dict(leave.table(leave.reference(arrays))) == {one: v for one, v in table.items() if one}
    assert asked.read(result)["metric"] == "auc"


def test_an_owner_is_not_worth_more_in_other_units() -> None:
    asked = program(columns=(2, 0))
    chance = np.random.default_rng(3)
    values = chance.normal(size=(ROWS, 2))
    labels = (values[:, 0] + chance.normal(size=ROWS) > 0).astype(np.int64)
    plain = asked.reference([asked.bring(values), asked.bring(np.zeros((ROWS, 0)), labels.tolist())])
    turned = values @ np.array([[1e4, 3.0], [0.0, 1e-3]]) + 17
    same = asked.reference([asked.bring(turned), asked.bring(np.zeros((ROWS, 0)), labels.tolist())])
    assert abs(int(plain[0]) - int(same[0])) < 2_000
    doubled = program(columns=(3, 0))
    twice = doubled.bring(np.column_stack([values, values[:, 0]]))
    assert (twice[:, 2] == 0).all(), "a column that follows from others brings nothing"


def test_auc_counts_pairs() -> None:
    chance = np.random.default_rng(5)
    scores, labels = chance.integers(0, 9, 60).astype(float), chance.integers(0, 2, 60).astype(float)
    pairs = [(p > n) + (p == n) / 2 for p in scores[labels == 1] for n in scores[labels == 0]]
    assert auc(scores, labels) == pytest.approx(sum(pairs) / len(pairs))


def test_few_who_judge_tell_nothing() -> None:
    asked = program(smallest=400)
    assert asked.reference(brought(asked, (1.0, 0.5, 0.0))).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "changes",
    [
        {"columns": (2,)},
        {"columns": (0, 2)},
        {"columns": (2, 65)},
        {"columns": (1, 1, 1, 1)},
        {"rule": "equal"},
        {"smallest": 1},
    ],
)
def test_programs_that_are_none(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        program(**changes)


def test_what_is_brought_is_within_bounds() -> None:
    asked, size = program(), Size(ROWS)
    good = brought(asked, (1.0, 0.5, 0.0))
    for owner, place, value in ((0, (5, 1), 4 * STEP + 1), (2, (9, 0), 2), (2, (9, 0), -1)):
        wrong = [array.copy() for array in good]
        wrong[owner][place] = value
        with pytest.raises(DataError):
            asked.brings(owner, 3, size, wrong[owner])
    with pytest.raises(DataError):
        asked.bring(np.full((ROWS, 2), np.nan))
    with pytest.raises(PlanError):
        asked.shapes(2, size)
    with pytest.raises(PlanError):
        asked.magnitudes(3, Size(TRAIN))


def with_spu() -> None:
    try:
        extra.require()
    except ConfigError as error:
        pytest.skip(str(error))


@pytest.mark.slow  # JAX, and 12 tables of thousands of rows
def test_the_circuit_is_near_the_reference_over_random_owners() -> None:
    with_spu()
    script = Path(__file__).with_name("circuit_of_coalitions.py")
    subprocess.run([sys.executable, str(script), "12"], check=True, timeout=900)


@pytest.mark.slow  # real processes, 3 s of imports each
@pytest.mark.parametrize(("columns", "useful"), [((4, 4, 4), (0.6, 0.3, 0.4)), ((3, 3), (0.5, 0.5))])
def test_shares_come_to_what_the_clear_does(
    tmp_path: Path, columns: tuple[int, ...], useful: tuple[float, ...]
) -> None:
    with_spu()
    asked = program(columns=columns, train=1_500)
    arrays = brought(asked, useful, 2_500)
    expected = asked.reference(arrays)
    case: Any = Case("coalitions", asked, Size(2_500), tuple(arrays), [])  # type: ignore[arg-type]
    result = asyncio.run(Spu(len(columns))._compute(case, tmp_path))
    assert np.abs((result - expected).astype(np.int64)).max() <= TOLERANCE
