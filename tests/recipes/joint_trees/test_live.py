"""The recipe `joint-trees` between real processes: what each side learns."""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
from collections.abc import Sequence
from typing import Any

import pytest

from declaring import CUSTOMER
from live import LASTING, LiveConsortium
from placet.core.csv_file import written
from placet.core.evidence import SignedEvidence
from placet.core.values import from_hex, parse, to_hex
from placet.models.trees import TreeModel, TreePart
from placet.sandbox.consortium import NAMESPACE, wait

PARAMETERS: dict[str, Any] = {
    **CUSTOMER,
    "namespace": NAMESPACE,
    "label": "defaulted",
    "features": {
        "first-provider": [{"column": "income", "bins": 6}, {"column": "branch", "kind": "category", "bins": 3}],
        "consumer": [{"column": "age", "bins": 4}],
    },
    "split": {"train": 70, "validation": 0},
    "smallest_group": 2,
    "trees": 3,
    "depth": 2,
    "rate": 30,
    "model": "consumer",
}


@pytest.fixture(scope="module")
def lenders(consortium: LiveConsortium) -> LiveConsortium:
    """The consortium under offers of north's columns and of the consumer's labels, to which everybody consents."""
    pytest.importorskip("gmpy2", reason="placet[paillier] is not installed here")
    pytest.importorskip("phe", reason="placet[paillier] is not installed here")
    return offered(consortium, ("north",), "tree-model", "PSI,FL,HE")


@pytest.fixture(scope="module")
def sharers(consortium: LiveConsortium) -> LiveConsortium:
    """The same, and south's and fund's columns, for trees on shares; everybody consents everywhere."""
    pytest.importorskip("spu", reason="placet[spu] is not installed here")
    providers = ("north", "south", "fund")
    sharers = offered(consortium, providers, "model", "PSI,MPC,FL")
    known = {(one.provider, one.subject) for one in sharers.given}
    others = [(key, who) for key in providers for who in consortium.made.codes if (key, who) not in known]
    sharers.give_many([(key, who, 1000, LASTING) for key, who in others])
    return sharers


def offered(consortium: LiveConsortium, providers: Sequence[str], output: str, operations: str) -> LiveConsortium:
    """Tables and offers of columns; everybody consents."""
    made, chance = consortium.made, random.Random(7)
    people = sorted(made.codes)
    income = {who: chance.randrange(1000, 9000) for who in people}
    tables = {
        **dict.fromkeys(providers, (f"features-{output}", ("customer", "income", "branch"))),
        "consumer": (f"training-{output}", ("customer", "defaulted", "age")),
    }
    lines = {
        **{key: [(who, income[who], chance.choice(("city", "sea"))) for who in people] for key in providers},
        "consumer": [(who, int(income[who] < 4000), chance.randrange(20, 80)) for who in people],
    }
    for key, (name, columns) in tables.items():
        (made.folder / f"{key}-{name}.csv").write_bytes(written([columns, *lines[key]]))
        made.run(
            *("vault", "import", "--config", f"{key}-vault/vault.toml", "--name", name),
            *("--file", f"{key}-{name}.csv"),
            *("--identifier", "customer", "--namespace", NAMESPACE),
            *(word for one in columns[1:] for word in ("--column", "branch:text" if one == "branch" else one)),
        )
    columns_of = {key: (name, ",".join(columns)) for key, (name, columns) in tables.items()}
    other = consortium.offering("joint-trees", output, operations, providers, 1, columns_of, own=False)
    other.give_many([("consumer", who, 1000, LASTING) for who in people])
    return other


def request(lenders: LiveConsortium, engine: str = "embedded", **changes: Any) -> dict[str, Any]:
    made = lenders.made
    return {
        "recipe": "joint-trees",
        "engine": engine,
        "parameters": PARAMETERS | changes,
        "providers": [{"address": made.members["north"].address, "offer": made.offers["north"], "reward": "7"}],
        "own": {"offer": made.offers["consumer"]},
    }


@pytest.mark.slow  # `protocols/test_boost` and `test_joint_trees` have its parts by default
@pytest.mark.parametrize(
    ("engine", "nodes", "algorithm"),
    [
        ("embedded", "open", "boost.secureboost-paillier-2048/1"),
        ("okamoto-uchiyama", "open", "boost.secureboost-okamoto-uchiyama-2048/1"),
        ("okamoto-uchiyama", "blind", "boost.blind-okamoto-uchiyama-2048/1"),
    ],
)
def test_a_model_of_both_sides_columns(lenders: LiveConsortium, engine: str, nodes: str, algorithm: str) -> None:
    income = {"column": "income", "bins": 6, "monotone": "falling"}
    features = PARAMETERS["features"] | {"first-provider": [income, PARAMETERS["features"]["first-provider"][1]]}
    asked = request(lenders, engine, nodes=nodes, features=features, permutations=2)
    job, result = lenders.result(**asked)
    report = result["report"]
    assert (result["rows"], result["disclosed_in_protocol"]) == ([], ["consumer"])
    assert (report["too_few"], report["rows"]) == (False, {"train": 15, "validation": 0, "test": 7})
    assert report["parties"] == ["consumer", "first-provider"]
    gains = [(int(one["gain"]), one["column"]) for one in report["importance"]]  # of 15 rows, whichever they are
    assert gains == sorted(gains, key=lambda one: -one[0]) and {name for _, name in gains} <= {
        "income",
        "branch",
        "age",
    }
    assert all("permutation" in one for one in report["importance"])
    model, parts = TreeModel.model_validate(report["model"]), [TreePart.model_validate(one) for one in report["parts"]]
    assert report["commitment"] == to_hex(model.commitment)
    rich, poor = ({"income": value, "branch": "city", "age": 40} for value in (8500, 1100))
    codes = [
        [column.bins.codes([poor[column.column], rich[column.column]]) for column in part.columns] for part in parts
    ]
    assert len(model.score(parts, codes)) == 2
    assert lenders.audited(job)["verdict"] == "intact"
    trail = parse(SignedEvidence, lenders.ask("north", f"/v1/jobs/{job}/trail").content, limit=1 << 24).evidence.steps
    assert [step.name for step in trail] == [
        *("open-features", "bin", "split", "psi-place", "trees-start", "tree-1", "tree-2", "judge-sides"),
        "mask-output",
    ]
    assert {step.protocol for step in trail if step.name.startswith("tree")} == {algorithm}
    if engine == "embedded":
        demand_known_in_clear(lenders, job, report["commitment"])


def demand_known_in_clear(lenders: LiveConsortium, job: str, commitment: str) -> None:
    """The model went to the consumer in clear: every party and the audit can say so; the consumer registers it with its
    origin, under a card, and nobody else can."""
    made = lenders.made
    north, own = ("--config", "north/node.toml"), ("--config", "consumer/node.toml")

    def shown(config: tuple[str, str]) -> dict[str, Any]:
        return dict(json.loads(made.run("model", "show", job, *config, "--json")))

    def note() -> str:
        results = lenders.audited(job)["results"]
        return str(next(one["notes"] for one in results if one["name"] == "model.handed-out"))

    assert (shown(north)["held"], shown(north)["registered_by"], shown(north)["card"]) == ("in clear", [], None)
    assert "no lineage binds it" in note()
    assert json.loads(made.run("model", "list", *north, "--json")) == []
    (model,) = [one for one in json.loads(made.run("model", "list", *own, "--json")) if one["job"] == job]
    assert model["commitment"] == commitment
    made.run("model", "register", model["name"], *own)
    assert shown(north)["registered_by"] == shown(north)["holders"] == shown(own)["holders"]
    assert (shown(own)["withdrawn_since"], shown(own)["trained_on_inputs"]) == (0, 2)
    assert "registered it with this job as its origin" in note()
    assert lenders.audited(job)["verdict"] == "intact"


@pytest.mark.slow
@pytest.mark.parametrize("who", ["north", "consumer"])
def test_a_killed_node_goes_on_from_the_trees_that_stand(lenders: LiveConsortium, who: str) -> None:
    """Killed when the consumer has kept two of many trees: the attempt that follows does not begin with the first."""
    made = lenders.made
    job = made.begin(made.request(**request(lenders, trees=40)))

    file = made.members["consumer"].folder / "state.db"
    query = "SELECT count(*) FROM job_moments WHERE job = ? AND status = 'tree'"

    def trees() -> int:
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=60)) as database:
            return int(database.execute(query, (from_hex(job),)).fetchone()[0])

    wait(lambda: trees() >= 3, "three trees", made.folder / "consumer-node.log")
    made.kill(f"{who}-node")
    made.start_node(who)
    made.wait_healthy(who)
    assert made.ended(job, 600) == "completed"
    trail = parse(SignedEvidence, lenders.ask("north", f"/v1/jobs/{job}/trail").content, limit=1 << 24).evidence.steps
    standing = [step.parameters["standing"] for step in trail if step.name == "trees-start"]
    assert standing[0] == 0
    assert int(str(standing[-1])) >= 2
    assert lenders.audited(job)["verdict"] == "intact"


def shared(sharers: LiveConsortium, providers: Sequence[str], **changes: Any) -> dict[str, Any]:
    """A request for stumps on shares of each provider's income."""
    made = sharers.made
    roles = ("first-provider", "second-provider", "third-provider")[: len(providers)]
    features = {role: [{"column": "income", "bins": 4, "monotone": "falling"}] for role in roles}
    return {
        "recipe": "joint-trees",
        "engine": "spu",
        "parameters": PARAMETERS | {"features": features, "depth": 1, "protocol": "aby3"} | changes,
        "providers": [
            {"address": made.members[key].address, "offer": made.offers[key], "reward": "7"} for key in providers
        ],
        "own": {"offer": made.offers["consumer"]},
    }


@pytest.mark.slow
def test_a_fourth_party_shares_its_columns_out(sharers: LiveConsortium) -> None:
    """Three compute, and the fourth's columns and rows count as theirs do, of people whom all four have."""
    job, result = sharers.result(**shared(sharers, ("north", "south", "fund"), trees=2, join="all"))
    report = result["report"]
    assert (result["disclosed_in_protocol"], report["too_few"]) == ([], False)
    assert report["parties"] == ["consumer", "first-provider", "second-provider", "third-provider"]
    assert len(report["model"]["trees"]) == 2 and {one["column"] for one in report["importance"]} == {"income"}
    assert 4 <= report["fitted"]["people"] <= report["rows"]["train"]
    steps = {key: [one.name for one in trail_of(sharers, key, job)] for key in ("north", "fund")}
    assert "tree-1" in steps["north"] and not any(name.startswith("tree") for name in steps["fund"])
    assert sharers.audited(job)["verdict"] == "intact"


def trail_of(sharers: LiveConsortium, who: str, job: str) -> Sequence[Any]:
    """The steps of a party."""
    return parse(SignedEvidence, sharers.ask(who, f"/v1/jobs/{job}/trail").content, limit=1 << 24).evidence.steps


@pytest.mark.slow
def test_trees_on_shares_go_on_where_a_node_was_killed(sharers: LiveConsortium) -> None:
    """`protocols/spu/test_growing`, `test_on_shares` and `test_standing` have its parts by default."""
    made = sharers.made
    asked = shared(sharers, ("north", "south"), trees=6)
    job = made.begin(made.request(**asked))
    file = made.members["consumer"].folder / "state.db"
    query = "SELECT count(*) FROM job_moments WHERE job = ? AND status = 'tree'"

    def trees() -> int:
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=60)) as database:
            return int(database.execute(query, (from_hex(job),)).fetchone()[0])

    wait(lambda: trees() >= 2, "two trees", made.folder / "consumer-node.log", seconds=300)
    made.kill("north-node")
    made.start_node("north")
    made.wait_healthy("north")
    assert made.ended(job, 900) == "completed"
    report = sharers.ask("consumer", f"/v1/jobs/{job}/result").json()["report"]
    assert len(report["model"]["trees"]) == 6
    assert report["parties"] == ["consumer", "first-provider", "second-provider"]
    trail = parse(SignedEvidence, sharers.ask("south", f"/v1/jobs/{job}/trail").content, limit=1 << 24).evidence.steps
    standing = [int(str(step.parameters["standing"])) for step in trail if step.name == "trees-start"]
    assert standing[-1] >= 1
    assert sharers.audited(job)["verdict"] == "intact"
