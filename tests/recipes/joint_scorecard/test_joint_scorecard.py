"""The recipe `joint-scorecard` by its parts: which plans it runs, who sits where, what is brought, what it tells."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from columned import columned
from declaring import CUSTOMER, declaring
from examples import examples
from placet.catalogue.declared import declared
from placet.catalogue.joint_scorecard import SPEC, cost
from placet.catalogue.modelling import MAX_ROWS, PROVIDERS, Feature, Split
from placet.core.errors import DataError, InputError, LimitError, PlanError
from placet.core.hashing import canonical
from placet.core.values import parse
from placet.jobs.party_run import PartyRun
from placet.models.bands import kept_places
from placet.models.binning import CategoryBins, NumberBins, one_hot
from placet.models.choices import Scale
from placet.models.scorecard import Scorecard
from placet.protocols.mpc.cells import CardColumn
from placet.protocols.mpc.program import Size
from placet.protocols.mpc.scorecard import BANDS, ScorecardTrain
from placet.recipes.blocks import distributed, sharing_out, split
from placet.recipes.blocks.features import cells_of, labels_of
from placet.recipes.blocks.split import RowParts
from placet.recipes.joint_scorecard.alone import alone
from placet.recipes.joint_scorecard.report import opened_report
from placet.recipes.joint_scorecard.run import JOINT_SCORECARD, ProviderPart, columns_of, computing, part_of, program_of
from placet.vault.rows import Rows

FEATURE = {"column": "income", "kind": "number", "bins": 4}
CATEGORY = {"column": "branch", "kind": "category", "bins": 3}
SCALE = Scale(base_score=600, pdo=20, base_odds=50, higher=0)
PLAIN: dict[str, Any] = {
    **CUSTOMER,
    "label": "label",
    "features": {"first-provider": [FEATURE, CATEGORY], "consumer": [{"column": "age", "kind": "number", "bins": 3}]},
    "join": "any",
    "split": {"train": 60, "validation": 20},
    "smallest_group": 5,
    "protocol": "cheetah",
    "model": "consumer",
    "scale": SCALE.to_json(),
    "steps": 6,
    "l2": 1,
}


def of_parties(providers: int, **changes: Any) -> dict[str, Any]:
    features = {role: [FEATURE] for role in PROVIDERS[:providers]} | {"consumer": [FEATURE]}
    return PLAIN | {"features": features, "protocol": "cheetah" if providers == 1 else "aby3"} | changes


def check(parameters: dict[str, Any], parties: int) -> None:
    plan, terms = declaring("joint-scorecard", parameters, "spu", parties)
    JOINT_SCORECARD.demand(declared(plan, terms))


# Which plans it runs.


@pytest.mark.parametrize("providers", range(1, 8))
def test_one_to_seven_providers(providers: int) -> None:
    check(of_parties(providers), providers + 1)
    roles = (*PROVIDERS[:providers], "consumer")
    assert computing(roles) == sorted({0, min(1, providers - 1), providers})


@pytest.mark.parametrize(
    ("changes", "parties", "code"),
    [
        ({"features": {"consumer": [FEATURE]}}, 2, "plan.features"),
        ({"features": {"first-provider": [FEATURE], "second-provider": [FEATURE]}}, 2, "plan.features"),
        ({"protocol": "aby3"}, 2, "spu.protocol"),
        ({"features": {"first-provider": [FEATURE, FEATURE]}}, 2, "plan.parameters"),
        ({"features": {"first-provider": [FEATURE | {"column": "customer"}]}}, 2, "plan.parameters"),
        (
            {"features": {"first-provider": [FEATURE], "consumer": [FEATURE | {"column": "label"}]}},
            2,
            "plan.parameters",
        ),
        ({"features": {"first-provider": [CATEGORY | {"monotone": "rising"}]}}, 2, "plan.parameters"),
        ({"split": {"train": 99, "validation": 1}}, 2, "plan.parameters"),
        ({"split": {"train": 60}}, 2, "plan.parameters"),
        ({"split": {"column": "day", "train_until": 2, "validation_until": 1}}, 2, "plan.parameters"),
        ({"steps": 31}, 2, "plan.parameters"),
        ({"permutations": 11}, 2, "plan.parameters"),
        (
            {
                "permutations": 9,
                "features": {"first-provider": [FEATURE | {"column": f"c{n}"} for n in range(29)]},
            },
            2,
            "plan.parameters",
        ),
        ({"scale": SCALE.to_json() | {"pdo": 0}}, 2, "plan.parameters"),
        ({"smallest_group": 1}, 2, "plan.parameters"),
    ],
)
def test_plans_that_are_refused(changes: dict[str, Any], parties: int, code: str) -> None:
    with pytest.raises(PlanError) as caught:
        check(PLAIN | changes, parties)
    assert caught.value.code == code


def test_the_label_is_read_of_the_consumer_alone() -> None:
    parameters = SPEC.parse(PLAIN | {"split": {"column": "day", "train_until": 1, "validation_until": 2}})
    assert SPEC.reads("consumer", parameters) == ("customer", "label", "day", "age")
    assert SPEC.reads("first-provider", parameters) == ("customer", "income", "branch")


# Columns and labels.


def rows(**columns: list[Any]) -> Rows:
    return Rows(
        columned({"customer": [f"p{n}" for n in range(len(next(iter(columns.values()))))], **columns}), "customer", b""
    )


@pytest.mark.parametrize("label", [2, -1, 2**40])
def test_a_label_is_0_or_1(label: int) -> None:
    with pytest.raises(DataError) as caught:
        labels_of(rows(label=[0, 1, label]), "label")
    assert caught.value.code == "joint.label" and JOINT_SCORECARD.final(caught.value.code)
    assert str(label) not in str(caught.value.found)


def test_a_column_of_texts_is_no_column_of_numbers() -> None:
    with pytest.raises(DataError, match="the column income does not hold numbers") as caught:
        cells_of(rows(income=["much", "little"]), (Feature(column="income"),), 2)
    assert "much" not in str(caught.value)


def test_what_is_missing_has_a_cell_and_no_row_is_dropped() -> None:
    bins, codes = cells_of(
        rows(income=[1.5, None, 3.0, 9.0], branch=["a", "", "b", "a"]),
        (Feature(column="income", bins=2), Feature(column="branch", kind="category", bins=2)),
        1,
    )
    assert codes.shape == (4, 2)
    assert (codes[1] == [column.missing for column in bins]).all()


# The order of rows.

PEOPLE = [f"p{number}" for number in range(200)]


def test_parts_follow_from_the_plan() -> None:
    placed, parts = split.order(PEOPLE, bytes(32), Split(train=70, validation=15), None)
    assert parts == RowParts(140, 30, 30) and sorted(placed) == list(range(200))


def test_another_key_another_split_and_a_dropped_row_moves_no_other() -> None:
    by = Split(train=50, validation=0)
    first, _ = split.order(PEOPLE, bytes(32), by, None)
    other, _ = split.order(PEOPLE, bytes(31) + b"\1", by, None)
    assert set(first[:100]) != set(other[:100])
    fewer, _ = split.order(PEOPLE[:150], bytes(32), by, None)
    assert fewer == [row for row in first if row < 150]


def test_rows_are_split_by_a_column() -> None:
    days = [number % 10 for number in range(200)]
    by = Split(column="day", train_until=5, validation_until=7)
    placed, parts = split.order(PEOPLE, bytes(32), by, days)
    assert parts == RowParts(120, 40, 40)
    assert {days[row] for row in placed[:120]} == set(range(6))
    assert {days[row] for row in placed[160:]} == {8, 9}
    assert placed[:120] != sorted(placed[:120])


# Columns of those that do not compute.


@settings(max_examples=examples(30))
@given(
    numbers=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=4, max_size=4), key=st.binary(min_size=32, max_size=32)
)
def test_two_parts_add_up(numbers: list[int], key: bytes) -> None:
    own = np.array(numbers, dtype=np.int64).reshape(2, 2)
    with np.errstate(over="ignore"):
        assert (sharing_out.expanded(key, (2, 2)) + sharing_out.rest(own, key) == own).all()


# What is brought, and what comes of it in the clear.


def sample(seed: int = 1, rows_: int = 1500) -> tuple[np.ndarray, np.ndarray]:
    luck = np.random.default_rng(seed)
    codes = luck.integers(0, 4, (rows_, 4))
    codes[luck.random((rows_, 4)) < 0.05] = 5
    logits = 0.9 * (codes[:, 0] - 1.5) - 0.6 * (codes[:, 3] - 1.5)
    return codes, (luck.random(rows_) < 1 / (1 + np.exp(-logits))).astype(np.int64)


def program(providers: int, owners: tuple[int, ...], **changes: Any) -> ScorecardTrain:
    columns = tuple(CardColumn(owner=owner, kind="number", bins=4) for owner in owners)
    values: dict[str, Any] = {
        "providers": providers, "columns": columns, "train": 900, "validation": 200, "join": "any", "smallest": 5,
        "scale": SCALE, "steps": 6, "l2": 1,
    }  # fmt: skip
    return ScorecardTrain(**(values | changes))


def brought(
    made: ScorecardTrain, codes: np.ndarray, labels: np.ndarray, present: np.ndarray | None = None
) -> list[np.ndarray]:
    """What the parties that compute bring; `present` (rows, providers)."""
    blocks, at = [], 0
    for owner in range(made.providers + 1):
        wide = len(made.of(owner))
        here = np.ones(len(labels), bool) if present is None or owner == made.providers else present[:, owner]
        blocks.append(made.bring(owner, codes[:, at : at + wide], here))
        at += wide
    for owner in made.shared:
        key = hashlib.sha256(bytes([owner])).digest()
        blocks[0] = np.concatenate([blocks[0], sharing_out.expanded(key, blocks[owner].shape)], axis=1)
        blocks[1] = np.concatenate([blocks[1], sharing_out.rest(blocks[owner], key)], axis=1)
    consumer = np.concatenate([blocks[-1], labels[:, None]], axis=1)
    arrays = [*blocks[: min(made.providers, 2)], consumer]
    for place, array in enumerate(arrays):
        made.brings(place, len(arrays), Size(len(labels)), array)
    return arrays


@pytest.mark.parametrize("join", ["any", "all"])
@pytest.mark.parametrize(
    ("providers", "owners"), [(1, (0, 0, 0, 1)), (2, (0, 1, 1, 2)), (3, (0, 1, 2, 3)), (2, (0, 0, 1, 1))]
)
def test_who_computes_makes_no_difference(join: str, providers: int, owners: tuple[int, ...]) -> None:
    codes, labels = sample()
    made = program(providers, owners, join=join)
    present = np.random.default_rng(2).random((1500, providers)) < 0.9
    found = made.opened(made.reference(brought(made, codes, labels, present if join == "all" else None)))
    there = np.ones(1500, bool) if join == "any" else present.all(axis=1)
    single = program(1, (0, 0, 0, 0), train=int(there[:900].sum()), validation=int(there[900:1100].sum()))
    same = single.opened(single.reference(brought(single, codes[there], labels[there])))
    assert found == same and found.people == there[:900].sum()


def test_an_absent_row_is_missing_or_does_not_count() -> None:
    codes, labels = sample()
    here = np.ones((1500, 1), bool)
    here[::3] = False
    any_of = program(1, (0, 0, 0, 1))
    missing = codes.copy()
    missing[::3, :3] = 5
    absent = any_of.reference(brought(any_of, codes, labels, here))
    assert (absent == any_of.reference(brought(any_of, missing, labels))).all()


@pytest.mark.parametrize("spoilt", [2, -1, 2**62])
@pytest.mark.parametrize("place", [0, -1])
def test_cells_and_labels_are_bits(spoilt: int, place: int) -> None:
    codes, labels = sample()
    made = program(1, (0, 0, 0, 1))
    arrays = brought(made, codes, labels)
    arrays[1][7, place] = spoilt
    with pytest.raises(DataError):
        made.brings(1, 2, Size(1500), arrays[1])


def test_a_row_is_in_one_cell_of_a_column() -> None:
    codes, labels = sample()
    made = program(1, (0, 0, 0, 1))
    arrays = brought(made, codes, labels)
    arrays[0][3, :2] = 1
    with pytest.raises(DataError, match="two cells"):
        made.brings(0, 2, Size(1500), arrays[0])


# What the consumer is told.


def told(made: ScorecardTrain, result: np.ndarray, own: Any = None, **changes: Any) -> dict[str, Any]:
    parameters = SPEC.parse(PLAIN | changes)
    bins = NumberBins(bins=4, edges=("1", "2", "3"))
    columns = [("first-provider", f"c{place}", bins) for place in range(len(made.columns))]
    names = [(party, column) for party, column, _ in columns]
    sizes = RowParts(made.train, made.validation, 1500 - made.train - made.validation)
    return opened_report(parameters, () if made.keeps else columns, made, result, sizes, own, names)


def test_the_report_is_of_the_rows_that_test() -> None:
    codes, labels = sample()
    made = program(1, (0, 0, 0, 1))
    own = alone(made, codes[:, 3:], labels)
    report = told(made, made.reference(brought(made, codes, labels)), own)
    card = parse(Scorecard, report["scorecard"])
    scores = card.base + sum(np.array(one.points)[codes[:, place]] for place, one in enumerate(card.columns))
    test = slice(1100, None)
    higher = scores[test][labels[test] == 0][:, None] - scores[test][labels[test] == 1][None, :]
    exact = (higher > 0).mean() + (higher == 0).mean() / 2
    metrics = report["metrics"]["test"]
    assert abs(float(metrics["auc"]) - exact) < 0.002
    low, high = map(float, metrics["auc_interval"])
    assert low < exact < high
    for part, size in (("validation", 200), ("test", 400)):
        bands = report["bands"][part]
        assert sum(band["people"] for band in bands) == size == report["metrics"][part]["people"]
        assert all(5 <= band["positives"] <= band["people"] - 5 for band in bands)
        assert bands[0]["from"] is None and bands[-1]["to"] is None
        assert float(bands[0]["rate"]) > float(bands[-1]["rate"]), "high scores speak for 0"
        assert report["gains"][part][-1]["positives"] == sum(band["positives"] for band in bands)
        assert float(report["gains"][part][0]["lift"]) > 1
    gain = {name: float(value) for name, value in report["gain"].items()}
    assert 0 < gain["low"] < gain["auc"] < gain["high"]
    assert float(report["alone"]["test"]["auc"]) == pytest.approx(float(metrics["auc"]) - gain["auc"], abs=1e-5)
    assert report["importance"][0]["column"] == "c0"


@pytest.mark.parametrize("keeps", [False, True])
def test_what_a_column_is_worth_is_told_by_moving_its_values(keeps: bool) -> None:
    """By how much the AUC falls on the rows that validate, of a card that stays shared too; nothing of too few."""
    codes, labels = sample()
    made = program(1, (0, 0, 0, 1), permutations=3, keeps=keeps)
    report = told(made, made.reference(brought(made, codes, labels)))
    falls = {row["column"]: float(row["permutation"]) for row in report["importance"]}
    assert falls["c0"] > falls["c3"] > 0.03 > max(abs(falls["c1"]), abs(falls["c2"]))
    assert ("iv" in report["importance"][0]) is not keeps
    few = made.model_copy(update={"validation": 4})
    none = told(few, few.reference(brought(few, codes, labels)))["importance"]
    assert {row["permutation"] for row in none} == {None}
    tested = made.model_copy(update={"validation": 0})
    assert tested.judged == slice(900, None), "where none validate, those that test"


def test_bands_are_merged_as_the_models_room_says() -> None:
    codes, labels = sample()
    made = program(1, (0, 0, 0, 1))
    found = made.opened(made.reference(brought(made, codes, labels)))
    scores = found.base + sum(np.array(points)[codes[:, place]] for place, points in enumerate(found.points))
    for table, part in zip(found.tables, (slice(900, 1100), slice(1100, None)), strict=True):
        lines = [
            np.histogram(
                np.searchsorted(found.edges, scores[part][labels[part] == one], "right"), np.arange(BANDS + 1)
            )[0]
            for one in (1, 0)
        ]
        places = kept_places([line.tolist() for line in lines], 5, (0, BANDS))
        running = [np.cumsum(line) for line in lines]
        for start, total in zip((0, BANDS), running, strict=True):
            assert [int(total[place - 1]) for place in places[1:]] == [
                count for count in table[start : start + BANDS] if count
            ]


@settings(max_examples=examples(60), deadline=None)
@given(place=st.integers(0, 10**6), change=st.sampled_from([2**63 - 1, -(2**63), 2**40, -1]))
def test_a_forged_share_makes_no_scorecard(place: int, change: int) -> None:
    """A word that is random, as a share that is none makes it: nothing of it becomes a report."""
    codes, labels = sample()
    made = program(1, (0, 0, 0, 1))
    result = made.reference(brought(made, codes, labels))
    result[:] = np.random.default_rng(place).integers(-(2**63), 2**63 - 1, len(result))
    result[place % len(result)] = change
    with pytest.raises(InputError):
        told(made, result)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'{"bins": [], "share": "0x00", "more": 1}',
        b'{"bins": [{"kind": "number", "bins": 4, "edges": ["2", "1"]}], "share": "0x"}',
        b'{"bins": [{"kind": "what", "bins": 4}], "share": "0x"}',
        b'{"bins": [], "share": "zz"}',
    ],
)
def test_what_no_provider_releases_is_refused(raw: bytes) -> None:
    with pytest.raises(InputError):
        part_of(raw)


def test_a_part_that_is_one_is_read_again() -> None:
    part = ProviderPart(bins=(NumberBins(bins=4, edges=("1",)),), share=b"share")
    assert part_of(canonical(part.to_json())) == part


@pytest.mark.parametrize(
    "bins",
    [(), (NumberBins(bins=5, edges=()),), (CategoryBins(bins=4, categories=()),), (NumberBins(bins=4, edges=()),) * 2],
)
def test_columns_that_are_cut_otherwise_than_planned_are_refused(bins: tuple[Any, ...]) -> None:
    feature = Feature(column="income", bins=4)
    assert columns_of("consumer", (feature,), (NumberBins(bins=4, edges=()),))[0][:2] == ("consumer", "income")
    with pytest.raises(InputError, match="cut otherwise"):
        columns_of("consumer", (feature,), bins)


def test_too_few_tell_nothing() -> None:
    codes, labels = sample()
    made = program(1, (0, 0, 0, 1))
    for positives in (0, 4):
        few = np.zeros_like(labels)
        few[:positives] = 1
        result = made.reference(brought(made, codes, few))
        assert not any(result) and told(made, result) == {}


def test_the_largest_list_fits() -> None:
    parts = RowParts(MAX_ROWS - 2, 1, 1)
    made = program_of(SPEC.parse(PLAIN), ("first-provider", "consumer"), parts)
    assert made.cells == 6 + 5 + 5 and one_hot(np.zeros(1, np.int64), 3).shape == (1, 3)


# What it takes.


def test_what_it_takes_is_said_from_the_shapes() -> None:
    """About what was measured: 30,000 rows of 23 columns with 10 bins by ABY3, 880 MB a party and 640 MB to send."""
    columns = [{"column": f"c{place}", "kind": "number", "bins": 10} for place in range(23)]
    features = {"first-provider": columns[:9], "second-provider": columns[9:18], "consumer": columns[18:]}
    needs = cost(SPEC.parse(of_parties(2, features=features)), 30_000)
    assert 900 << 20 < needs.memory < 1024 << 20 and 600 << 20 < needs.traffic < 720 << 20 and 15 <= needs.seconds <= 25
    assert "MB of memory a party" in needs.words()
    cheetah = of_parties(1, features={"first-provider": columns[:15], "consumer": columns[15:]})
    assert 3200 << 20 < cost(SPEC.parse(cheetah), 8_000).memory < 3600 << 20, "3.2 GB were measured"
    paid = cost(SPEC.parse(of_parties(2, features=features, payout_rule="shapley")), 30_000)
    assert paid.traffic - needs.traffic > 200 << 20 and paid.seconds > needs.seconds, "8 coalitions of 6,000 rows"
    moved = cost(SPEC.parse(of_parties(2, features=features, permutations=2)), 30_000)
    assert moved.traffic > needs.traffic + 1_000_000_000 and moved.seconds > 2 * needs.seconds, "46 AUCs of 6,000 rows"
    two = SPEC.parse(PLAIN)
    assert cost(two, 1000).memory < cost(two, 100_000).memory


def test_a_machine_without_the_memory_says_so() -> None:
    distributed.demand_memory(1 << 20)
    if not Path("/proc/meminfo").exists():
        pytest.skip("this system does not say how much memory it has")
    with pytest.raises(LimitError) as caught:
        distributed.demand_memory(1 << 60)
    assert caught.value.code == "engine.memory"


@pytest.mark.parametrize(("party", "words"), [(0, ["estimated"]), (2, []), (3, ["estimated"])])
async def test_nothing_is_laid_out_where_there_is_no_room(
    party: int, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who computes needs what the engine takes, who shares its columns out what these weigh."""
    parameters = SPEC.parse(of_parties(3))
    roles = ("first-provider", "second-provider", "third-provider", "consumer")
    parts, said, asked = RowParts(60_000, 0, 40_000), list[str](), list[int]()

    async def say(record: object, status: str, **details: object) -> None:
        said.append(status)

    job = cast(
        PartyRun,
        SimpleNamespace(
            party=party,
            terms=SimpleNamespace(roles=roles),
            parameters=lambda kind: parameters,
            say=say,
            record=None,
            attempt=1,
        ),
    )
    monkeypatch.setattr(distributed, "demand_memory", asked.append)
    made = program_of(parameters, roles, parts)
    await sharing_out.demand_room(job, made, cost(parameters, parts.total), parts.total)
    shared = sharing_out.LAID_OUT * parts.total * made.width(2)
    assert (asked, said) == ([cost(parameters, parts.total).memory if words else shared], words)

    def full(needed: int) -> None:
        raise LimitError("no room")

    monkeypatch.setattr(distributed, "demand_memory", full)
    with pytest.raises(LimitError):
        await sharing_out.demand_room(job, made, cost(parameters, parts.total), parts.total)
