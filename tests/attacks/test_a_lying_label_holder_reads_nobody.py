"""A consumer of `joint-scorecard` that labels as it likes, and lists people who are nowhere, reads nobody's bins.

It labels one person 1 whom it wants to read, and up to `smallest_group` less two others; further people whom it labels
as it likes the provider does not have, so that with `join: any` they are missing there. Whatever bins the person is in,
or none: the provider's columns tell the very same.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from placet.models.choices import Scale
from placet.models.scorecard_fit import FitColumn, fit
from placet.protocols.mpc.cells import CardColumn
from placet.protocols.mpc.scorecard import ScorecardTrain
from plain_arrays import on_plain_arrays

SMALLEST, BINS, PEOPLE, NOWHERE = 5, 4, 120, 30
SCALE = Scale(base_score=600, pdo=20, base_odds=1, higher=0)
MISSING = BINS + 1


def program() -> ScorecardTrain:
    columns = (
        CardColumn(owner=0, kind="number", bins=BINS),
        CardColumn(owner=0, kind="category", bins=BINS),
        CardColumn(owner=0, kind="number", bins=BINS, monotone="rising"),
        CardColumn(owner=1, kind="number", bins=BINS),
    )
    return ScorecardTrain(
        providers=1, columns=columns, train=PEOPLE + NOWHERE, validation=0, join="any", smallest=SMALLEST, scale=SCALE,
        steps=6, l2=1,
    )  # fmt: skip


def listed(lie: int, accomplices: int) -> tuple[np.ndarray, np.ndarray]:
    """Cells of four columns, the last one the consumer's own, and labels. Those who test are labelled as they are."""
    luck = np.random.default_rng(7)
    codes = luck.integers(0, BINS, (PEOPLE + NOWHERE + 60, 4))
    codes[PEOPLE : PEOPLE + NOWHERE, :3] = MISSING
    codes[1:accomplices, :3] = luck.integers(0, BINS + 1, (max(0, accomplices - 1), 1))
    labels = luck.integers(0, 2, len(codes))
    labels[:PEOPLE] = 1 - lie
    labels[:accomplices] = lie
    return codes, labels


def arrays_of(made: ScorecardTrain, codes: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    there = np.ones(len(labels), np.bool_)
    there[PEOPLE : PEOPLE + NOWHERE] = False
    own = made.bring(1, codes[:, 3:], np.ones(len(labels), np.bool_))
    return [made.bring(0, codes[:, :3], there), np.concatenate([own, labels[:, None]], axis=1)]


@pytest.mark.parametrize("lie", [1, 0])
@pytest.mark.parametrize("accomplices", [1, SMALLEST - 1])
@pytest.mark.parametrize("nowhere", [(0, NOWHERE), (SMALLEST, NOWHERE - SMALLEST), (NOWHERE, 0)])
def test_a_lying_label_holder_reads_nobodys_bins_in_one_job(
    lie: int, accomplices: int, nowhere: tuple[int, int]
) -> None:
    made = program()
    codes, labels = listed(lie, accomplices)
    labels[PEOPLE : PEOPLE + NOWHERE] = np.repeat([lie, 1 - lie], nowhere)
    labels[PEOPLE + NOWHERE : PEOPLE + NOWHERE + 20] = np.arange(20) % 2
    answers = []
    for cell in (0, 1, BINS - 1, MISSING):
        codes[0, :3] = cell
        if len({*labels[: PEOPLE + NOWHERE].tolist()}) < 2 or min(np.bincount(labels[: PEOPLE + NOWHERE])) < SMALLEST:
            assert not made.reference(arrays_of(made, codes, labels))[: 3 + made.cells].any()
            continue
        answers.append(made.reference(arrays_of(made, codes, labels))[: 3 + made.cells + len(made.columns)].tolist())
    assert all(answer == answers[0] for answer in answers)
    if answers:
        low, high = made.starts[0], made.starts[3]
        assert not any(answers[0][3 + low : 3 + high]), "columns of which one label is too few say nothing"


@pytest.mark.skipif(find_spec("jax") is None, reason="no jax here: it comes with placet[spu]")
def test_nor_on_shares() -> None:
    from placet.protocols.spu.scorecard import scorecard_train

    made = program()
    plain = made.columns[2].model_copy(update={"monotone": None})
    made = made.model_copy(update={"columns": (*made.columns[:2], plain, made.columns[3])})
    codes, labels = listed(1, SMALLEST - 1)
    labels[PEOPLE : PEOPLE + NOWHERE] = np.arange(NOWHERE) < SMALLEST
    answers = []
    for cell in (0, MISSING):
        codes[0, :3] = cell
        given = {f"input-{place}": one for place, one in enumerate(arrays_of(made, codes, labels))}
        result = on_plain_arrays(scorecard_train, made, arrays=given)[0]
        answers.append(result[: 3 + made.cells + len(made.columns)].tolist())
    assert answers[0] == answers[1] and any(answers[0])


def test_enough_people_of_either_label_are_told() -> None:
    """The check above could fail: with one more whom the provider has, bins come out."""
    codes, labels = listed(1, SMALLEST)
    labels[PEOPLE : PEOPLE + NOWHERE] = np.arange(NOWHERE) < SMALLEST
    train = slice(PEOPLE + NOWHERE)
    weights = []
    for cell in (0, MISSING):
        codes[:SMALLEST, 0] = cell
        card = fit(
            codes[train], labels[train], [FitColumn(BINS + 2)] * 4, scale=SCALE, smallest=SMALLEST, steps=6, l2=0.001
        )
        assert card is not None
        weights.append(card.weights[0])
    assert weights[0][MISSING] > 0 and not weights[1].any()
