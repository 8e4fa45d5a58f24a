"""The recipe `federated-network` by its parts: parties that see nothing but totals come to one network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from columned import columned
from declaring import declaring
from flower_engine import python_with_flower
from placet.catalogue.declared import declared
from placet.catalogue.federated_network import SPEC, FederatedNetworkParameters
from placet.core.errors import InputError, PlanError
from placet.core.hashing import canonical
from placet.models import network, quality
from placet.models.bands import by_score
from placet.models.network import NetworkModel, Whole
from placet.models.pooled_checks import Seat
from placet.models.preparing import UNIT
from placet.protocols.flower import process
from placet.protocols.flower.process import FlowerOutcome, Material
from placet.recipes.blocks.pooled_table import MemberTable, prepared_of, table_of
from placet.recipes.federated_network.report import alone_of, outcome_of, told_of
from placet.recipes.federated_network.run import combine
from placet.recipes.federated_network.training import Engine, Federated, reading, scores_of, trained
from placet.vault.rows import Rows
from pooling import Adding

PLAIN: dict[str, Any] = {
    "label": "label",
    "features": [
        {"kind": "number", "column": "income", "bounds": [0, 100]},
        {"kind": "number", "column": "age", "bounds": [0, 100], "missing": "usual"},
        {"kind": "category", "column": "branch", "values": ["city", "sea"]},
    ],
    "train": 60,
    "smallest_group": 5,
    "hidden": [8],
    "rounds": 12,
    "batch": 32,
    "rate": 100,
}


def parameters(**changes: Any) -> FederatedNetworkParameters:
    return SPEC.parse(PLAIN | changes)


def bank(seed: int, count: int = 500) -> Rows:
    """Income and age count together, on the same side: no linear model sees it."""
    chance = np.random.default_rng(seed)
    income, age = (chance.integers(0, 101, count) for _ in range(2))
    odds = (income - 50) * (age - 50) / 300
    label = (chance.random(count) < 1 / (1 + np.exp(-odds))).astype(int)
    lacking = chance.random(count) < 0.05
    columns = {"income": [None if lacking[row] else int(one) for row, one in enumerate(income)], "age": age.tolist()}
    branch = [("city", "sea")[one] for one in chance.integers(0, 2, count)]
    return Rows(columned(columns | {"branch": branch, "label": label.tolist()}), "customer", b"")


def member(rows: Rows, asked: FederatedNetworkParameters) -> MemberTable:
    return table_of(rows, asked.label, asked.features, range(rows.count), rows.count * asked.train // 100)


def by_numpy(asked: FederatedNetworkParameters, add: Any) -> Engine:
    """Stands in for the engine's process: FedAvg of whole-batch steps."""

    def step(layers: Sequence[Any], design: Any, labels: Any) -> list[Any]:
        signals, grown = [design], design
        for place in range(0, len(layers), 2):
            grown = grown @ layers[place].T + layers[place + 1]
            grown = np.maximum(grown, 0) if place + 2 < len(layers) else grown
            signals.append(grown)
        slope, moved = (1 / (1 + np.exp(-grown)) - labels[:, None]) / len(labels), list(layers)
        for place in range(len(layers) - 2, -1, -2):
            before = signals[place // 2]
            moved[place], moved[place + 1] = layers[place] - slope.T @ before, layers[place + 1] - slope.sum(axis=0)
            slope = (slope @ layers[place]) * (before > 0)
        return moved

    async def run(first: Whole, own: Material) -> FlowerOutcome:
        design, width = own.prepared / UNIT, own.prepared.shape[1]

        def epochs(weights: Whole, count: int) -> Any:
            layers = network.layers_of(weights / network.WEIGHT, width, asked.hidden)
            for _ in range(count):
                layers = step(layers, design, own.labels)
            return np.concatenate([one.reshape(-1) for one in layers])

        weights = first
        for _ in range(asked.rounds):
            words = network.summand(epochs(weights, 10) - weights / network.WEIGHT, len(design))
            totals = np.array(await add("training", words.tolist(), network.largest_sum(own.people)))
            weights = network.snapped(network.mean_of(weights, totals, own.people))
        alone = network.snapped(epochs(first, 10 * asked.rounds)) if own.alone else None
        return FlowerOutcome([], weights, alone, np.zeros(asked.rounds))

    return run


def by_flower(asked: FederatedNetworkParameters, add: Any, python: Path, folder: Path) -> Engine:
    """The engine itself."""

    async def run(first: Whole, own: Material) -> FlowerOutcome:
        async def answer(_: list[bytes], words: Whole) -> Whole:
            return np.array(await add("training", words.tolist(), network.largest_sum(own.people)))

        return await process.train(python, folder, 300, asked.training, first, own, answer)

    return run


def together(
    asked: FederatedNetworkParameters, tables: Sequence[MemberTable], engine: Any = by_numpy
) -> tuple[list[Federated | None], Adding]:
    adding = Adding(len(tables))

    async def party(number: int, table: MemberTable) -> Federated | None:
        add = adding.of(number)
        seat = Seat(number, len(tables))
        return await trained(asked, table, add, seat, engine(asked, add), b"seed of all", alone=number == 0)

    async def run() -> list[Federated | None]:
        return await asyncio.gather(*(party(n, table) for n, table in enumerate(tables)))

    return asyncio.run(run()), adding


def area(asked: FederatedNetworkParameters, one: Federated, weights: Whole, tables: Sequence[MemberTable]) -> float:
    parts = [reading(one.described, prepared_of(one.described.columns, table, table.test)) for table in tables]
    scores = scores_of(asked.hidden, weights, np.concatenate(parts))
    return float(quality.auc(by_score(scores.tolist(), np.concatenate([t.labels[t.test] for t in tables]).tolist())))


@pytest.fixture(scope="module")
def three() -> list[MemberTable]:
    return [member(bank(seed), parameters()) for seed in range(3)]


@pytest.fixture(scope="module")
def outcome(three: list[MemberTable]) -> tuple[list[Federated | None], Adding]:
    return together(parameters(), three)


def test_all_parties_release_the_same_network(
    outcome: tuple[list[Federated | None], Adding], three: list[MemberTable]
) -> None:
    asked, (parties, adding) = parameters(), outcome
    documents = [outcome_of(asked, one) for one in parties]
    assert documents[0] == documents[1] == documents[2] and not documents[0]["too_few"]
    first = parties[0]
    assert first is not None and area(asked, first, first.weights, three) > 0.75
    assert [what for what, _, _ in adding.heard].count("training") == asked.rounds
    model = NetworkModel.model_validate(documents[0]["network"])
    table = three[1]
    values = {("consumer", one.column): own for one, own in zip(asked.features, table.columns(table.test), strict=True)}
    prepared = reading(first.described, prepared_of(first.described.columns, table, table.test))
    scores = np.rint(1e4 * np.clip(model.predictors(values), -30, 30)).astype(np.int64)
    assert (scores == scores_of(asked.hidden, first.weights, prepared)).all()


def test_the_consumer_learns_how_good_it_is_and_whether_it_helps(
    outcome: tuple[list[Federated | None], Adding], three: list[MemberTable]
) -> None:
    asked, (parties, _) = parameters(), outcome
    document, own = outcome_of(asked, parties[0]), alone_of(asked, three[0], parties[0])
    report = told_of(asked, document, own)
    assert report["own"]["test"]["people"] == report["alone"]["test"]["people"] == len(three[0].test)
    assert float(report["metrics"]["test"]["auc"]) > 0.7 and set(report["gain"]) >= {"auc", "low", "high"}
    assert alone_of(asked, three[1], parties[1]) is None
    state = canonical({"parameters": asked.to_json(), "outcome": document, "alone": own})
    part = canonical(document)
    assert combine({0: part, 1: part}, state, Path())["report"] == report
    with pytest.raises(InputError, match="another model"):
        combine({0: part, 1: part.replace(b'"biases":[', b'"biases":[1', 1)}, state, Path())


def test_a_column_that_one_party_alone_has_is_not_read(three: list[MemberTable]) -> None:
    asked = parameters()
    alike = [MemberTable((*one.values[:2], ["city"] * len(one.labels)), one.labels, one.train, one.test)
             for one in three[1:]]  # fmt: skip
    parties, _ = together(parameters(rounds=1), [three[0], *alike])
    first = parties[0]
    assert first is not None
    document = outcome_of(asked, first)
    model = NetworkModel.model_validate(document["network"])
    closed = [place for place, one in enumerate(document["columns"]) if not one["in_model"]]
    assert {document["columns"][place]["column"] for place in closed} == {"branch"}
    assert all(weights[place] == 0 for weights in model.layers[0].weights for place in closed)


def test_too_few_people_end_it_before_anything_is_trained(three: list[MemberTable]) -> None:
    parties, adding = together(parameters(smallest_group=400), three)
    assert parties == [None] * 3 and [what for what, _, _ in adding.heard] == ["parties with enough people"]
    assert told_of(parameters(), outcome_of(parameters(), None), None) == {"too_few": True, "smallest_group": 5}


@pytest.mark.parametrize("kind", ["secaggplus", "SecAggPlusWorkflow", "secagg"])
def test_flowers_own_secure_aggregation_is_refused_by_name(kind: str) -> None:
    for strategy in (kind, {"kind": kind}):
        with pytest.raises(PlanError) as caught:
            parameters(strategy=strategy)
        assert "32 bits" in str(caught.value.found) and "KeyError" in str(caught.value.found)


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden": []},
        {"hidden": [65]},
        {"hidden": [64, 64, 64, 64]},
        {"rounds": 101},
        {"strategy": {"kind": "fedprox"}},
        {"strategy": {"kind": "fedavg", "mu": 1}},
        {"features": [*PLAIN["features"], {"kind": "number", "column": "label", "bounds": [0, 1]}]},
        {"features": [{"kind": "bins", "column": "income", "edges": [1]}]},
    ],
)
def test_parameters_that_make_no_network(changes: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        parameters(**changes)


def test_three_to_eight_parties_and_one_engine() -> None:
    plan, terms = declaring("federated-network", parameters().to_json(), "flower", 3)
    assert declared(plan, terms).use(2).tells.within == ("member", "consumer")
    with pytest.raises(PlanError):
        SPEC.seats(2)


@pytest.mark.slow  # six processes that import PyTorch; the recipe's parts are tried above without
def test_flower_comes_within_a_hundredth_of_all_rows_in_one_place(three: list[MemberTable], tmp_path: Path) -> None:
    asked, python = parameters(rate=50, rounds=40), python_with_flower()
    parties, _ = together(asked, three, lambda asked, add: by_flower(asked, add, python, tmp_path))
    again, _ = together(asked, three, lambda asked, add: by_flower(asked, add, python, tmp_path))
    first, second = parties[0], again[0]
    assert first is not None and second is not None
    assert json.dumps(outcome_of(asked, first)) == json.dumps(outcome_of(asked, second)), "a replay has the same bytes"
    assert all(outcome_of(asked, one) == outcome_of(asked, first) for one in parties)
    assert first.losses[-1] < first.losses[0]
    described = first.described
    everything = np.concatenate([reading(described, prepared_of(described.columns, t, t.train)) for t in three])
    labels = np.concatenate([t.labels[t.train] for t in three])
    start = network.initial(described.reads, asked.hidden, b"seed of all")

    async def echoed(_: list[bytes], words: Whole) -> Whole:
        return words

    own = Material(everything, labels, len(labels), 7, alone=True)
    pooled = asyncio.run(process.train(python, tmp_path, 300, asked.training, start, own, echoed))
    assert pooled.alone is not None
    difference = area(asked, first, first.weights, three) - area(asked, first, pooled.alone, three)
    assert abs(difference) < 0.01
