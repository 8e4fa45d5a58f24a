"""The program `linear-train` against the fit in the clear: its body on plain arrays, and whole on the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from placet.core.errors import DataError, PlanError
from placet.models.choices import Family
from placet.models.preparing import UNIT
from placet.protocols.mpc.design import DesignColumn
from placet.protocols.mpc.program import Size
from placet.protocols.mpc.regression import LinearTrain, TrainedLine
from placet.protocols.mpc.scoring import LinearScore
from placet.protocols.spu import Network, evaluate
from plain_arrays import on_plain_arrays

needs_jax = pytest.mark.skipif(find_spec("jax") is None, reason="no jax here: it comes with placet[spu]")
ROWS = 1500
Networks = Callable[..., list[Network]]
OWNERS = {1: (0, 0, 0, 1), 2: (0, 1, 1, 2), 3: (0, 1, 2, 3)}


def program(providers: int, family: Family = "logistic", **changes: Any) -> LinearTrain:
    """Two numbers with an indicator for what is missing, one without, and a category."""
    kinds = ("number", "category", "number", "number")
    columns = tuple(
        DesignColumn(owner=owner, kind=kind, levels=3 if kind == "category" else 2, missing=missing)
        for owner, kind, missing in zip(OWNERS[providers], kinds, ("own", "own", "usual", "own"), strict=True)
    )
    values: dict[str, Any] = {
        "family": family, "providers": providers, "columns": columns, "train": 900, "validation": 200, "join": "any",
        "smallest": 5, "steps": 8, "l2": 1, "statistics": "also",
    }  # fmt: skip
    return LinearTrain(**(values | changes))


def sample(family: Family = "logistic", rows: int = ROWS) -> tuple[list[np.ndarray], np.ndarray]:
    """Prepared columns, of which the first and the last go together and the second has three people of a kind; and
    labels on their own scale."""
    luck = np.random.default_rng(1)
    numbers = luck.normal(size=(rows, 4))
    numbers[:, 3] = 0.8 * numbers[:, 0] + 0.5 * numbers[:, 3]
    lacking = luck.random((rows, 4)) < 0.05
    whole = np.where(lacking, 0, np.rint(UNIT * np.clip(numbers, -4, 4))).astype(np.int64)
    kind = luck.integers(0, 3, rows)
    kind[:3] = 3
    indicators = UNIT * (kind[:, None] == np.arange(1, 5)[None, :]).astype(np.int64)
    blocks = [
        np.stack([whole[:, 0], UNIT * lacking[:, 0]], axis=1),
        indicators,
        whole[:, 2:3],
        np.stack([whole[:, 3], UNIT * lacking[:, 3]], axis=1),
    ]
    predictors = 0.9 * numbers[:, 0] - 0.6 * (kind == 1) + 0.3 * numbers[:, 2] - 0.8
    if family == "logistic":
        return blocks, (luck.random(rows) < 1 / (1 + np.exp(-predictors))).astype(np.float64)
    if family == "linear":
        labels = predictors + luck.normal(size=rows)
        return blocks, (labels - labels.mean()) / labels.std()
    counts = luck.poisson(np.exp(0.7 * predictors)).astype(np.float64)
    return blocks, counts / counts.mean()


def brought(
    line: LinearTrain, blocks: Sequence[np.ndarray], labels: np.ndarray, present: np.ndarray | None = None
) -> list[np.ndarray]:
    """What each party that computes brings; `present` (rows, providers)."""
    arrays, owners = [], [column.owner for column in line.columns]
    for owner in range(line.providers + 1):
        own = [block for block, whose in zip(blocks, owners, strict=True) if whose == owner]
        last = owner == line.providers
        there = np.ones(len(labels), bool) if present is None or last else present[:, owner]
        arrays.append(line.whole(owner, np.concatenate(own, axis=1), there, labels if last else None))
    for owner in line.shared:
        mask = np.random.default_rng(owner).integers(-(2**62), 2**62, arrays[owner].shape)
        arrays[0] = np.concatenate([arrays[0], mask], axis=1)
        arrays[1] = np.concatenate([arrays[1], arrays[owner] - mask], axis=1)
    computing = [*arrays[: min(line.providers, 2)], arrays[-1]]
    for place, array in enumerate(computing):
        line.brings(place, len(computing), Size(len(labels)), array)
    return computing


def body(line: LinearTrain, arrays: Sequence[np.ndarray]) -> TrainedLine:
    """What the body of SPU's program gives, on arrays in the clear."""
    return line.opened(outputs(line, arrays)[0])


def outputs(line: LinearTrain, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The result, and what stays with who computes."""
    from placet.protocols.spu.regression import linear_train

    given = {f"input-{place}": array for place, array in enumerate(arrays)}
    return on_plain_arrays(linear_train, line, arrays=given)


def demand_same(told: TrainedLine, expected: TrainedLine, *, steps: int, area: float) -> None:
    """Counts exactly, coefficients, correlations and edges to within so many steps, sums and areas nearly."""
    assert (told.people, told.positives, told.counts) == (expected.people, expected.positives, expected.counts)
    for name in ("coefficients", "correlations", "edges"):
        own, other = np.array(getattr(told, name), int), np.array(getattr(expected, name), int)
        assert np.abs(own - other).max(initial=0) <= steps, name
    assert np.abs(np.array(told.vif) - expected.vif).max(initial=0) <= 2
    for own, other in zip(told.parts, expected.parts, strict=True):
        if len(own) > 4:
            whole = max(other[: len(other) // 2 - 1]) * max(other[len(other) // 2 - 1 : -2])
            assert whole and abs(own[-2] - other[-2]) <= 2 * whole * area
        else:
            assert np.abs(np.array(own) - other).max() <= 4 + area * max(other)


CASES: Any = [
    ("logistic", "all", 3, {}),
    pytest.param("linear", "any", 1, {"train": 20, "validation": 8}, marks=pytest.mark.slow),
    pytest.param("poisson", "all", 2, {"statistics": "none"}, marks=pytest.mark.slow),
    pytest.param("logistic", "any", 1, {}, marks=pytest.mark.slow),
    pytest.param("linear", "all", 1, {"validation": 0}, marks=pytest.mark.slow),
    pytest.param("logistic", "all", 2, {"statistics": "only"}, marks=pytest.mark.slow),
]


@needs_jax
@pytest.mark.parametrize(("family", "join", "providers", "changes"), CASES)
def test_the_body_gives_what_the_fit_in_the_clear_does(
    family: Family, join: str, providers: int, changes: dict[str, Any]
) -> None:
    line = program(providers, family, join=join, **changes)
    blocks, labels = sample(family, 1500 if line.train > 20 else 60)
    present = np.random.default_rng(2).random((len(labels), providers)) < 0.9
    arrays = brought(line, blocks, labels, present)
    expected = line.opened(line.reference(arrays))
    assert expected.people == (line.train if join == "any" else present[: line.train].all(axis=1).sum())
    demand_same(body(line, arrays), expected, steps=4 if providers == 1 else 1, area=0.003)
    if line.train > 20:
        rare = 4  # of the category's indicators the one for others, which three people have
        assert expected.counts[rare] == 0 and not any(expected.coefficients[rare : rare + 1])


@needs_jax
@pytest.mark.parametrize(("family", "unusual"), [("logistic", 1), pytest.param("poisson", 4, marks=pytest.mark.slow)])
def test_labels_that_few_have_tell_nothing(family: Family, unusual: int) -> None:
    """A consumer that trains on one person: all are alike but him."""
    line = program(2, family)
    blocks, _ = sample()
    labels = np.zeros(ROWS) if family == "logistic" else np.ones(ROWS)
    labels[:unusual] = 1 if family == "logistic" else 30
    arrays = brought(line, blocks, labels)
    assert not any(line.reference(arrays))
    told = body(line, arrays)
    assert told == line.opened(np.zeros_like(line.reference(arrays)))


@needs_jax
def test_no_number_is_told_of_few_people() -> None:
    """A column of numbers in which four people differ from all others, and an indicator that four lack, are 0 for
    everybody: neither coefficient, nor correlation, nor count says who they are."""
    line = program(1, smallest=5)
    blocks, labels = sample()
    blocks[2][:] = 0
    blocks[2][[1, 50, 300, 700], 0] = 3 * UNIT
    blocks[0][:, 1] = UNIT
    blocks[0][[2, 60, 310, 710], 1] = 0
    arrays = brought(line, blocks, labels)
    for told in (line.opened(line.reference(arrays)), body(line, arrays)):
        for place in (1, 6):
            assert told.counts[place] == told.coefficients[place] == told.vif[place] == 0
            row = told.correlations[place * (place - 1) // 2 :][:place]
            assert not any(row)
        assert told.counts[0] and told.coefficients[0] and told.vif[0]


@pytest.mark.slow  # a trap that is kept away from; the fits by default show it
@needs_jax
def test_a_polynomial_without_saturation_diverges_in_silence() -> None:
    from placet.protocols.spu import regression

    line = program(1, steps=30)
    blocks, _ = sample()
    labels = (blocks[0][:, 0] > 0).astype(np.float64)
    arrays = brought(line, blocks, labels)
    safe = body(line, arrays)

    def cubic(logits: Any) -> Any:
        return 0.5 + logits * (0.197 - 0.004 * logits * logits)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(regression, "quintic", cubic)
        wild = body(line, arrays)
    unit = 2**line.step_bits
    assert max(map(abs, safe.coefficients)) < 32 * unit
    positives, negatives = max(safe.parts[1][: line.bands]), max(safe.parts[1][line.bands : -2])
    assert safe.parts[1][-2] > 1.9 * positives * negatives, "almost all who are 1 score above all who are 0"
    largest = max(map(abs, wild.coefficients))
    assert largest > 1000 * unit or not largest, "beyond any bound, or no number at all"


def test_two_parties_bring_the_sums_that_they_know() -> None:
    line = program(1)
    blocks, labels = sample()
    arrays = brought(line, blocks, labels)
    assert [array.shape[0] for array in arrays] == [ROWS + 7, ROWS + 2]
    arrays[0][ROWS, 0] += 1
    with pytest.raises(DataError):
        line.brings(0, 2, Size(ROWS), arrays[0])


@pytest.mark.parametrize(("row", "column", "value"), [(0, 0, 129), (0, 1, 1), (0, 7, 2), (5, -1, 7)])
def test_numbers_that_there_can_not_be(row: int, column: int, value: int) -> None:
    line = program(1, join="all")
    arrays = brought(line, *sample())
    arrays[0][row, column] = value
    with pytest.raises(DataError):
        line.brings(0, 2, Size(ROWS), arrays[0])


def test_a_label_far_from_all_others_is_refused() -> None:
    line = program(1, "linear")
    with pytest.raises(DataError) as caught:
        line.bring_label(np.array([0.0, 65.0]))
    assert caught.value.code == "joint.label"
    with pytest.raises(PlanError):
        program(1, train=1501).magnitudes(2, Size(ROWS))


async def computed(line: LinearTrain, arrays: Sequence[np.ndarray], networks: Networks, scratch: Path) -> TrainedLine:
    size, parties = Size(ROWS), len(arrays)
    shares = await asyncio.gather(
        *(
            evaluate.run(network, line, range(parties), array, size=size, scratch=scratch, seconds=600)
            for network, array in zip(networks(parties), arrays, strict=True)
        )
    )
    engine = evaluate.engine_of(line, parties, parties, size)
    whole = [share for (share,) in shares]
    return line.opened(await evaluate.combine(line, size, engine, whole, scratch=scratch, seconds=60))


@pytest.mark.slow
@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("family", "join", "providers"),
    [
        ("logistic", "any", 1),
        ("linear", "all", 1),
        ("poisson", "any", 1),
        ("logistic", "all", 3),
        ("poisson", "all", 2),
    ],
)
def test_on_shares_as_in_the_clear(
    family: Family, join: str, providers: int, networks: Networks, scratch: Path
) -> None:
    """ABY3 with its exact sigmoid, by which bands lie up to a hundredth further apart; Cheetah with the quintic."""
    line = program(providers, family, join=join)
    blocks, labels = sample(family)
    present = np.random.default_rng(2).random((ROWS, providers)) < 0.9
    arrays = brought(line, blocks, labels, present)
    told = asyncio.run(computed(line, arrays, networks, scratch))
    demand_same(told, line.opened(line.reference(arrays)), steps=6 if providers == 1 else 3, area=0.005)
    assert list(scratch.iterdir()) == []


@needs_jax
@pytest.mark.parametrize(("family", "providers"), [("linear", 1), pytest.param("logistic", 3, marks=pytest.mark.slow)])
def test_a_model_that_stays_shared_is_kept_and_not_told(family: Family, providers: int) -> None:
    """The same coefficients as come out otherwise, as a score adds them up; what is told is how good they are."""
    blocks, labels = sample(family)
    plain, line = (program(providers, family, statistics="none", keeps=keeps) for keeps in (False, True))
    told, (result, stays) = body(plain, brought(plain, blocks, labels)), outputs(line, brought(line, blocks, labels))
    hidden = line.opened(result)
    assert not any(hidden.coefficients) and not any(hidden.counts) and any(told.coefficients)
    assert (hidden.people, hidden.edges, hidden.parts) == (told.people, told.edges, told.parts)
    assert (stays == line.kept(np.array(told.coefficients))).all()
    score = LinearScore(prepared=line.widths, output="score")
    rows = np.concatenate(blocks, axis=1)[:50]
    steps = np.array(told.coefficients) / 2**line.step_bits
    exact = 10_000 * (rows / UNIT @ steps[:-1] + steps[-1])
    assert stays.shape == score.kept and np.abs(score.reference(rows, stays[: score.numbers]) - exact).max() <= 0.51
    few = program(providers, family, statistics="none", keeps=True, smallest=700)
    assert not any(array.any() for array in outputs(few, brought(few, blocks, labels)))
    with pytest.raises(ValueError, match="no statistics"):
        program(providers, keeps=True)
