"""The program `scorecard-train` against the fit in the clear: its body on plain arrays, and whole on the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from placet.core.csv_file import read_rows
from placet.core.errors import InputError
from placet.models.binning import fit as fit_bins
from placet.models.choices import Scale
from placet.models.contribution import shapley
from placet.models.scorecard_fit import FitColumn, fit
from placet.protocols.mpc.card_coalitions import TOLERANCE, areas, contributions
from placet.protocols.mpc.cells import CardColumn
from placet.protocols.mpc.program import Size
from placet.protocols.mpc.scorecard import BANDS, ScorecardTrain, TrainedCard
from placet.protocols.spu import Network, evaluate
from plain_arrays import on_plain_arrays

needs_jax = pytest.mark.skipif(find_spec("jax") is None, reason="no jax here: it comes with placet[spu]")
SCALE = Scale(base_score=600, pdo=20, base_odds=1, higher=0)
ROWS = 1500
Networks = Callable[..., list[Network]]


def program(owners: Sequence[int], **changes: Any) -> ScorecardTrain:
    columns = tuple(CardColumn(owner=owner, kind="number", bins=4) for owner in owners)
    values: dict[str, Any] = {
        "providers": max(owners), "columns": columns, "train": 900, "validation": 200, "join": "any", "smallest": 5,
        "scale": SCALE, "steps": 6, "l2": 1,
    }  # fmt: skip
    return ScorecardTrain(**(values | changes))


def sample(separable: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Cells of four columns and labels; `separable`: the sum of all tells the label."""
    luck = np.random.default_rng(1)
    codes = luck.integers(0, 4, (ROWS, 4))
    codes[luck.random((ROWS, 4)) < 0.05] = 5
    codes[codes[:, 1] == 3, 1] = 2
    codes[:3, 1] = 3
    logits = 0.9 * (codes[:, 0] - 1.5) - 0.6 * (codes[:, 3] - 1.5)
    labels = (luck.random(ROWS) < 1 / (1 + np.exp(-logits))).astype(np.int64)
    return codes, (codes.sum(axis=1) >= 6).astype(np.int64) if separable else labels


def brought(
    made: ScorecardTrain, codes: np.ndarray, labels: np.ndarray, present: np.ndarray | None = None
) -> list[np.ndarray]:
    """What each party that computes brings; none of these programs has more."""
    arrays, at = [], 0
    for owner in range(made.providers + 1):
        wide = len(made.of(owner))
        here = np.ones(ROWS, bool) if present is None or owner == made.providers else present[:, owner]
        arrays.append(made.bring(owner, codes[:, at : at + wide], here))
        at += wide
    return [*arrays[:-1], np.concatenate([arrays[-1], labels[:, None]], axis=1)]


def plain(made: ScorecardTrain, arrays: Sequence[np.ndarray]) -> TrainedCard:
    """The card of `body`."""
    return made.opened(body(made, arrays)[0])


def body(made: ScorecardTrain, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What the body of SPU's program gives, on arrays in the clear."""
    from placet.protocols.spu.scorecard import scorecard_train

    given = {f"input-{place}": array for place, array in enumerate(arrays)}
    return on_plain_arrays(scorecard_train, made, arrays=given)


def demand_same(found: TrainedCard, expected: TrainedCard, *, points: int, area: float) -> None:
    """Counts exactly, points and base to within so many, the AUC's part to within `area`."""
    assert (found.people, found.positives) == (expected.people, expected.positives)
    assert abs(found.base - expected.base) <= points
    for own, other in zip(found.points, expected.points, strict=True):
        assert max(abs(a - b) for a, b in zip(own, other, strict=True)) <= points
    assert max(abs(a - b) for a, b in zip(found.iv, expected.iv, strict=True)) <= 40
    falls = [[card.permuted[0] - one for one in card.permuted[1:]] for card in (found, expected)]
    assert all(abs(a - b) <= 60 for a, b in zip(*falls, strict=True))
    if falls[0]:
        worth = [place for place in range(4) if falls[0][place] < -300]
        assert worth == [0, 3], "of the columns that the labels go by; high scores speak for 0"
    for own, other in zip(found.tables, expected.tables, strict=True):
        totals = own[BANDS - 1], own[2 * BANDS - 1]
        assert totals == (other[BANDS - 1], other[2 * BANDS - 1])
        whole = totals[0] * totals[1]
        assert abs(own[-2] - other[-2]) <= 2 * whole * area and abs(own[-1] - other[-1]) <= 7 * whole * area


def demand_near(metrics: Sequence[int] | np.ndarray, expected: np.ndarray) -> None:
    """AUCs of coalitions."""
    assert any(metrics)
    assert max(abs(int(one) - other) for one, other in zip(metrics, expected, strict=True)) <= TOLERANCE


@needs_jax
@pytest.mark.parametrize(
    ("owners", "join", "monotone", "rule"),
    [
        ((0, 1, 1, 2), "any", "rising", "shapley"),
        ((0, 1, 1, 2), "all", None, "leave-one-out"),
        ((0, 0, 0, 1), "any", None, "shapley"),
    ],
)
def test_the_body_gives_what_the_fit_in_the_clear_does(
    owners: Sequence[int], join: str, monotone: str | None, rule: str
) -> None:
    codes, labels = sample()
    made = program(owners, join=join, payout_rule=rule, permutations=2 if join == "all" else None)
    first = made.columns[0].model_copy(update={"monotone": monotone})
    made = made.model_copy(update={"columns": (first, *made.columns[1:])})
    present = np.random.default_rng(2).random((ROWS, made.providers)) < 0.9
    arrays = brought(made, codes, labels, present if join == "all" else None)
    expected = made.opened(made.reference(arrays))
    assert expected.points[1][2] == expected.points[1][3] != expected.points[1][1], (
        "three people count with their neighbours"
    )
    card, metrics = body(made, arrays)
    demand_same(made.opened(card), expected, points=1, area=0.003)
    demand_near(metrics, areas(made, arrays))
    table = contributions(made, [int(metric) for metric in metrics])
    if rule == "leave-one-out":
        assert set(table) == {frozenset({0, 1, 2}) - {left} for left in (0, 1, 2, None)}
    elif made.providers == 2:
        values = shapley(table)
        assert values[0] > values[2] > 100_000 > 20_000 > values[1]


@pytest.mark.parametrize("metrics", [[1_000_001, 1, 1], [-1, 1, 1], [1, 1], [1, 1, 1, 1]])
def test_no_aucs_are_no_contributions(metrics: list[int]) -> None:
    with pytest.raises(InputError) as caught:
        contributions(program((0, 0, 0, 1), payout_rule="shapley"), metrics)
    assert caught.value.code == "contribution.share"


@needs_jax
@pytest.mark.parametrize("positives", [4, 896])
def test_too_few_of_a_label_give_zeros(positives: int) -> None:
    codes, labels = sample()
    labels[:] = 0
    labels[:positives] = 1
    made = program((0, 0, 0, 1), payout_rule="shapley")
    arrays = brought(made, codes, labels)
    assert not any(made.reference(arrays)) and not any(areas(made, arrays))
    card, metrics = body(made, arrays)
    assert not any(card) and not any(metrics)
    assert set(contributions(made, [0, 0, 0]).values()) == {500_000}


@needs_jax
def test_too_few_who_test_tell_nothing_of_coalitions() -> None:
    """Of 400 who test one label has at most 200; of 900 who train either has more."""
    codes, labels = sample()
    made = program((0, 0, 0, 1), payout_rule="leave-one-out", smallest=201)
    arrays = brought(made, codes, labels)
    card, metrics = body(made, arrays)
    assert any(card) and any(made.reference(arrays))
    assert not any(metrics) and not any(areas(made, arrays))


@pytest.mark.slow  # a trap that is kept away from; the fits by default show it
@needs_jax
def test_a_polynomial_without_saturation_diverges() -> None:
    """Where labels can be told apart logits grow with each step: a cubic's expectation leaves [0, 1] and pulls the
    wrong way, ever harder. Between bounds it does not."""
    from placet.protocols.spu import scorecard

    codes, labels = sample(separable=True)
    made = program((0, 0, 0, 1), steps=12)
    arrays = brought(made, codes, labels)
    safe = plain(made, arrays)

    def cubic(logits: Any) -> Any:
        return 0.5 + logits * (0.197 - 0.004 * logits * logits)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scorecard, "quintic", cubic)
        wild = plain(made, arrays)
    assert max(abs(p) for column in safe.points for p in column) < 1000
    positives, negatives = safe.tables[1][BANDS - 1], safe.tables[1][2 * BANDS - 1]
    assert safe.tables[1][-2] < 0.03 * positives * negatives, "almost all who are 1 score below all who are 0"
    largest = max(abs(p) for column in wild.points for p in column)
    assert largest > 10_000 or not largest, "beyond any bound, or no number at all"


async def computed(
    made: ScorecardTrain, arrays: Sequence[np.ndarray], networks: Networks, scratch: Path
) -> tuple[TrainedCard, list[int]]:
    """The card, and the AUCs of coalitions."""
    size = Size(len(arrays[0]))
    parties = len(arrays)
    shares = await asyncio.gather(
        *(
            evaluate.run(network, made, range(parties), array, size=size, scratch=scratch, seconds=600)
            for network, array in zip(networks(parties), arrays, strict=True)
        )
    )
    engine = evaluate.engine_of(made, parties, parties, size)
    cards, *more = zip(*shares, strict=True)
    card = made.opened(await evaluate.combine(made, size, engine, cards, scratch=scratch, seconds=60))
    opening = [
        await evaluate.combine_array((len(made.coalitions),), engine, metrics, scratch=scratch, seconds=60)
        for metrics in more
    ]
    return card, [int(metric) for metrics in opening for metric in metrics]


@pytest.mark.slow
@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(("owners", "join", "points"), [((0, 1, 1, 2), "all", 1), ((0, 0, 0, 1), "any", 6)])
def test_on_shares_as_in_the_clear(
    owners: Sequence[int], join: str, points: int, networks: Networks, scratch: Path
) -> None:
    """ABY3 with its exact sigmoid, Cheetah with the quintic, whose intercept is off by up to a fifth."""
    codes, labels = sample()
    made = program(owners, join=join, payout_rule="shapley", permutations=2)
    present = np.random.default_rng(2).random((ROWS, made.providers)) < 0.9
    arrays = brought(made, codes, labels, present if join == "all" else None)
    card, metrics = asyncio.run(computed(made, arrays, networks, scratch))
    demand_same(card, made.opened(made.reference(arrays)), points=points, area=0.004)
    demand_near(metrics, areas(made, arrays))
    assert list(scratch.iterdir()) == []


DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


def table(path: Path, label: str, skip: Sequence[str]) -> tuple[dict[str, list[str]], np.ndarray]:
    with path.open("rb") as stream:
        lines = [cells for _, cells in read_rows(stream)]
    columns = dict(zip(lines[0], map(list, zip(*lines[1:], strict=True)), strict=True))
    labels = np.array([value in ("1", "yes") for value in columns.pop(label)], dtype=np.int64)
    return {name: values for name, values in columns.items() if name not in skip}, labels


@pytest.mark.slow
@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("file", "label", "skip", "area"),
    [("credit/uci_credit_card.csv", "", ("ID",), 0.76), ("marketing/bank-full.csv", "y", ("duration",), 0.77)],
)
def test_real_data_on_aby3(
    file: str, label: str, skip: Sequence[str], area: float, networks: Networks, scratch: Path
) -> None:
    """AUC within 0.001 and KS within 0.005 of the same scorecard in the clear."""
    path = DATA / file
    if not path.exists():
        pytest.skip(f"{path} is not here")
    with path.open("rb") as stream:
        label = label or next(iter(read_rows(stream)))[1][-1]
    columns, labels = table(path, label, skip)
    order = np.random.default_rng(0).permutation(len(labels))
    labels = labels[order]
    cards, codes = [], []
    for place, values in enumerate(columns.values()):
        try:
            numbers: list[Any] = [float(values[row]) for row in order]
            kind = "number"
        except ValueError:
            numbers, kind = [values[row] for row in order], "category"
        bins = fit_bins(numbers, kind, 10, least=20)  # type: ignore[arg-type]
        owner = 3 * place // len(columns)
        cards.append(CardColumn(owner=owner, kind=kind, bins=10))  # type: ignore[arg-type]
        codes.append(bins.codes(numbers))
    train = len(labels) * 7 // 10
    made = program((0, 1, 2), columns=tuple(cards), train=train, validation=0, smallest=20, payout_rule="shapley")
    whole = np.stack(codes, axis=1)
    arrays, at = [], 0
    for owner in range(3):
        wide = len(made.of(owner))
        arrays.append(made.bring(owner, whole[:, at : at + wide], np.ones(len(labels), bool)))
        at += wide
    arrays[2] = np.concatenate([arrays[2], labels[:, None]], axis=1)
    found, metrics = asyncio.run(computed(made, arrays, networks, scratch))
    demand_near(metrics, areas(made, arrays))
    cells = [FitColumn(column.cells) for column in cards]
    clear = fit(whole[:train], labels[:train], cells, scale=SCALE, smallest=20, steps=6, l2=0.001)
    assert clear is not None
    scores, test = clear.scores(whole[train:]), labels[train:]
    distinct, place = np.unique(scores, return_inverse=True)
    negatives, positives = (np.bincount(place[test == one], minlength=len(distinct)) for one in (0, 1))
    above = negatives.sum() - np.cumsum(negatives) + negatives / 2
    exact = float((positives * above).sum() / positives.sum() / negatives.sum())
    distance = float(np.abs(np.cumsum(positives) / positives.sum() - np.cumsum(negatives) / negatives.sum()).max())
    assert exact > area
    pairs, gap = found.tables[1][-2:]
    whole_pairs = found.tables[1][BANDS - 1] * found.tables[1][2 * BANDS - 1]
    assert abs(1 - pairs / (2 * whole_pairs) - exact) <= 0.001
    assert abs(gap / whole_pairs - distance) <= 0.005
