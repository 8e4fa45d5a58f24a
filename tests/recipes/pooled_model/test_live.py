"""The recipe `pooled-model` between real processes: one model of three institutions' rows, which all of them know."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest

from exploring import audited_with_noise
from flower_engine import python_with_flower
from live import LASTING, LiveConsortium
from placet.chain.client import Chain
from placet.core.csv_file import written
from placet.core.evidence import SignedEvidence
from placet.core.values import from_hex, parse, to_hex
from placet.models.linear import LinearModel
from placet.models.network import NetworkModel
from placet.models.released import ReleasedTrees, released_in
from placet.models.scorecard import Scorecard
from placet.sandbox.consortium import NAMESPACE

MEMBERS = ("north", "south")
COLUMNS = ("customer", "defaulted", "income", "branch")
BUDGET = 50 * 10**9
PARAMETERS: dict[str, Any] = {
    "label": "defaulted",
    "features": [
        {"kind": "number", "column": "income", "bounds": [0, 10_000]},
        {"kind": "category", "column": "branch", "values": ["city", "sea"]},
    ],
    "train": 60,
    "smallest_group": 2,
}


@pytest.fixture(scope="module")
def banks(consortium: LiveConsortium) -> LiveConsortium:
    """The consortium under offers of three banks' rows of the same columns, to which everybody consents."""
    made, chance = consortium.made, random.Random(13)
    for key in (*MEMBERS, "consumer"):
        lines = [(who, number % 2, chance.randrange(1000, 9000), chance.choice(("city", "sea")))
                 for number, who in enumerate(sorted(made.codes))]  # fmt: skip
        (made.folder / f"{key}-borrowers.csv").write_bytes(written([COLUMNS, *lines]))
    return offered(consortium, "borrowers")


@pytest.fixture(scope="module")
def noisy_banks(banks: LiveConsortium) -> LiveConsortium:
    """The same under offers that promise noise, and so take no job without."""
    return offered(banks, "noisy-borrowers", "--budget", 2 * BUDGET, "--bounds", "income=0..10000")


def offered(consortium: LiveConsortium, table: str, *more: object) -> LiveConsortium:
    """Under offers of the banks' rows as a table of this name."""
    made = consortium.made
    parties = ",".join(one.address for one in made.members.values())
    offers = {}
    for key in (*MEMBERS, "consumer"):
        made.run(
            *("vault", "import", "--config", f"{key}-vault/vault.toml", "--name", table),
            *("--file", f"{key}-borrowers.csv", "--identifier", "customer", "--namespace", NAMESPACE),
            *("--column", "defaulted", "--column", "income", "--column", "branch:text"),
        )
        answer = made.run(
            *("offer", "make", "--config", f"{key}/node.toml", "--dataset", table, "--purpose", "CreditChecking"),
            *("--consumer", made.members["consumer"].address, "--operations", "FL", "--output", "model"),
            *(
                "--recipes",
                "pooled-model,federated-network",
                "--parties",
                parties,
                "--columns",
                ",".join(COLUMNS),
                "--json",
            ),
            *("--smallest-group", 2, *more),
        )
        offers[key] = json.loads(answer)["offer"]
    other = replace(consortium, made=replace(made, offers=made.offers | offers), given=[])
    other.give_many([(key, who, 1000, LASTING) for key in (*MEMBERS, "consumer") for who in sorted(made.codes)])
    return other


def joined(banks: LiveConsortium, parameters: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    made = banks.made
    providers = [{"address": made.members[key].address, "offer": made.offers[key], "reward": "7"} for key in MEMBERS]
    own = {"offer": made.offers["consumer"]}
    return banks.result(
        recipe="pooled-model", engine="embedded", parameters=parameters, providers=providers, own=own
    )  # fmt: skip


@pytest.mark.slow  # `test_pooled_model` has its parts by default, and `blocks/test_secure_sums` its sums
def test_three_banks_come_to_one_model(banks: LiveConsortium) -> None:
    job, result = joined(banks, PARAMETERS | {"steps": 12, "leave_one_out": "each"})
    report = result["report"]
    assert result["disclosed_in_protocol"] == ["member", "consumer"]
    assert not report["too_few"] and report["steps"] >= 3
    model = LinearModel.model_validate(report["linear"])
    assert report["commitment"] == to_hex(model.commitment)
    assert banks.audited(job)["verdict"] == "intact"
    trails = [
        parse(SignedEvidence, banks.ask(key, f"/v1/jobs/{job}/trail").content, limit=1 << 24).evidence.steps
        for key in (*MEMBERS, "consumer")
    ]
    sums = [[step.parameters for step in trail if step.name.startswith("sum-")] for trail in trails]
    assert sums[0] == sums[1] == sums[2]
    assert [one["round"] for one in sums[0]] == list(range(len(sums[0])))
    judging = ["parties with enough people in bands", "people by bands"]
    before = next(number for number, one in enumerate(sums[0]) if "parts" in one)
    assert sum(one["sums"].startswith("gradients") for one in sums[0][:before]) == report["steps"]
    after = [one.get("sums", one.get("parts")) for one in sums[0]][before:]
    assert after[0] == "people and columns" and after[1].startswith("gradients")  # parts of these
    assert after[2:] in (judging[:1], judging)
    without = report["left_out"]
    assert [one["party"] for one in without["parties"]] == ["party-0", "party-1", "party-2"]
    assert without["harms"] is None and sum(one["people"] for one in without["parties"]) == report["fitted"]["people"]
    listed = json.loads(banks.made.run("model", "list", "--config", "consumer/node.toml", "--json"))
    assert [one["commitment"] for one in listed if one["job"] == job] == [report["commitment"]]


CARD: dict[str, Any] = {
    "features": [
        {"kind": "bins", "column": "income", "edges": [3_000, 6_000]},
        {"kind": "category", "column": "branch", "values": ["city", "sea"]},
    ],
    "scale": {"base_score": 600, "pdo": 20, "base_odds": 1, "higher": 0},
}


@pytest.mark.slow  # `test_card` has its parts by default
def test_three_banks_come_to_one_scorecard(banks: LiveConsortium) -> None:
    job, result = joined(banks, PARAMETERS | CARD)
    card = Scorecard.model_validate(result["report"]["scorecard"])
    assert result["report"]["commitment"] == to_hex(card.commitment) and len(card.columns) == 2
    assert banks.audited(job)["verdict"] == "intact"


@pytest.mark.slow  # `test_trees` has their parts by default
def test_three_banks_come_to_one_model_of_trees(banks: LiveConsortium) -> None:
    job, result = joined(banks, PARAMETERS | {"trees": {"count": 3, "depth": 2}})
    report = result["report"]
    trees = released_in(report)
    assert isinstance(trees, ReleasedTrees) and len(trees.model.trees) == 3 and trees.parties == ("consumer",)
    assert report["commitment"] == to_hex(trees.model.commitment)
    assert any(len(tree) > 1 for tree in trees.model.trees)
    assert banks.audited(job)["verdict"] == "intact"
    listed = json.loads(banks.made.run("model", "list", "--config", "consumer/node.toml", "--json"))
    assert [one["commitment"] for one in listed if one["job"] == job] == [report["commitment"]]


@pytest.mark.slow  # `test_private` and `test_private_card` have its parts by default
def test_noise_spends_the_budget_of_every_banks_rows(noisy_banks: LiveConsortium) -> None:
    chain = Chain(noisy_banks.made.chain.url, noisy_banks.deployment)
    for number, kind in enumerate((PARAMETERS, PARAMETERS | CARD), 1):
        job, result = joined(noisy_banks, kind | {"budget": BUDGET})
        report = result["report"]
        assert not report["too_few"] and report["fitted"]["positives"] is None
        for key in (*MEMBERS, "consumer"):
            assert chain.offer(from_hex(noisy_banks.made.offers[key])).spent == number * BUDGET
        report = audited_with_noise(noisy_banks, job, *MEMBERS, "consumer")
        checks = {one["name"]: one for one in report["results"]}
        assert (report["verdict"], checks["budget.drawn"]["status"]) == ("intact", "passed"), report
        assert checks["budget.drawn"]["looked_at"] >= 3 * 8 and checks["flow.sums"]["status"] == "passed"
        report = audited_with_noise(noisy_banks, job, *MEMBERS)
        assert report["verdict"] == "incomplete" and "Family Office did not open its noise" in report["headline"]


@pytest.mark.slow  # `federated_network/test_federated_network` has its parts by default
def test_three_banks_come_to_one_network(banks: LiveConsortium) -> None:
    """Each bank's node runs Flower in an environment of its own; the messages of the strategy are the same at all."""
    python, made = python_with_flower(), banks.made
    for key in (*MEMBERS, "consumer"):
        settings = made.members[key].folder / "node.toml"
        settings.write_text(f"flower_python = {json.dumps(str(python))}\n" + settings.read_text())
        made.end(f"{key}-node")
        made.start_node(key)
    for key in (*MEMBERS, "consumer"):
        made.wait_healthy(key)
    asked = PARAMETERS | {"hidden": [4], "rounds": 3, "batch": 8, "strategy": {"kind": "fedprox", "mu": 10}}
    providers = [{"address": made.members[key].address, "offer": made.offers[key], "reward": "7"} for key in MEMBERS]
    job, result = banks.result(
        recipe="federated-network", engine="flower", parameters=asked, providers=providers,
        own={"offer": made.offers["consumer"]},
    )  # fmt: skip
    report = result["report"]
    model = NetworkModel.model_validate(report["network"])
    assert report["commitment"] == to_hex(model.commitment) and len(report["losses"]) == 3
    assert banks.audited(job)["verdict"] == "intact"
    trails = [
        parse(SignedEvidence, banks.ask(key, f"/v1/jobs/{job}/trail").content, limit=1 << 24).evidence.steps
        for key in (*MEMBERS, "consumer")
    ]
    messages = [
        [one.commitment for step in trail for one in step.outputs if one.name.startswith("message/")]
        for trail in trails
    ]
    assert messages[0] == messages[1] == messages[2] and len(set(messages[0])) == 6
    training = [[step for step in trail if step.parameters.get("sums") == "training"] for trail in trails]
    assert [len(steps) for steps in training] == [3, 3, 3]
