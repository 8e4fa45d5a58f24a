"""A model that stays with its makers: trained in one job, it scores in another, and only as its holders said.

On a real chain, with four institutions, of which one shares its columns out, and the distributed engine. What a vault,
a node and the audit refuse one by one is in tests/vault/test_models.py (after too many withdrawals, forged, swapped),
tests/jobs/test_model_parts.py, tests/lawful and tests/audit/test_models.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lenders import APPLICANTS, COLUMNS, IDENTIFIED, MEMBERS, PROVIDERS, PURPOSE, ROLES, Lenders, lending
from placet.core.values import parse
from placet.jobs.messages import JobRequest
from placet.models.binning import one_hot
from placet.protocols.mpc.scoring import ScorecardScore, kept_of
from placet.protocols.spu import choose, reconstruct
from placet.recipes.blocks.kept_cells import KeptCells
from placet.sandbox.consortium import NAMESPACE
from placet.vault.config import VaultSettings
from placet.vault.setup import opened

pytestmark = pytest.mark.slow
OTHER = "https://w3id.org/dpv#DirectMarketing"
FEATURES = {
    role: [{"column": COLUMNS[key], "kind": "number", "bins": 4 + place}]
    for place, (role, key) in enumerate(zip(ROLES, MEMBERS, strict=True))
}
USES = 5
WARM = {"seconds": 3600, "scores": 500}
REASONS = {"most": 2, "against": "best"}


@pytest.fixture(scope="module")
def lenders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lenders]:
    if find_spec("spu") is None:
        pytest.skip("the distributed engine is not installed: placet[spu]")
    with lending(tmp_path_factory.mktemp("lenders")) as lenders:
        lenders.offering("training", "joint-scorecard", "shared-model", "PSI,MPC,FL", "--smallest-group", "5")
        lenders.offering("scoring", "model-score", "explained-score", "PSI,MPC")
        yield lenders


def train(lenders: Lenders) -> None:
    """The model, registered by both, who consent to two uses of their parts, as long as nobody has withdrawn."""
    parameters = {
        **{"features": FEATURES, "protocol": "aby3", "label": "bad", "join": "any"},
        **{"split": {"train": 60, "validation": 0}, "smallest_group": 5, "model": "shared"},
    }
    lenders.training, how = lenders.ended(lenders.asking("training", "joint-scorecard", parameters))
    assert how == "completed"
    report = lenders.ask("consumer", f"/v1/jobs/{lenders.training}/result").json()["report"]
    assert not report["too_few"] and not {"scorecard", "importance"} & report.keys()
    lenders.commitment = report["commitment"]
    name = lenders.keeping("model", lenders.commitment, lenders.training, "explained-score", USES)
    for key in MEMBERS:  # once on chain, however often it is asked
        lenders.made.run("model", "register", name, "--config", f"{key}/node.toml")
        card(lenders, key, name)


def card(lenders: Lenders, key: str, name: str) -> None:
    """The file's hash is on chain; only the consumer was told how good the model is."""
    config = ("--config", f"{key}/node.toml", "--json")
    summary = json.loads(lenders.made.run("model", "card", name, "--out", f"{key}-card", *config))
    document = (lenders.made.folder / f"{key}-card" / "card.json").read_bytes()
    assert summary == {"card": "0x" + hashlib.sha256(document).hexdigest(), "registered": True, "withdrawn_since": 0}
    assert ("metrics" in (json.loads(document)["results"] or {})) == (key == "consumer")
    page = (lenders.made.folder / f"{key}-card" / "card.html").read_text()
    assert summary["card"] in page and "North Bank" in page and "hash on chain" in page
    shown = json.loads(lenders.made.run("model", "show", lenders.training, *config))
    assert (shown["held"], shown["card"], shown["withdrawn_since"]) == ("in parts", summary["card"], 0)
    assert shown["holders"] == [*PROVIDERS.values(), "Lender"] and shown["name"] == name


def planned(lenders: Lenders, model: str) -> dict[str, Any]:
    """The request that nobody writes by hand."""
    words = ("job", "plan", "--config", "consumer/node.toml", "--recipe", "model-score", "--model", model)
    return dict(
        json.loads(
            lenders.made.run(*words, "--parameter", "output=score", "--parameter", f"reasons={json.dumps(REASONS)}")
        )
    )


def retrained(lenders: Lenders, model: str) -> tuple[str, str]:
    """The training again: what it asks is what it asked, and it runs."""
    words = ("model", "retrain", model, "--config", "consumer/node.toml")
    request = json.loads(lenders.made.run(*words))
    assert request["parameters"]["features"] == FEATURES and request["parameters"]["model"] == "shared"
    assert [one["offer"] for one in request["providers"]] == [lenders.offers["training"][key] for key in PROVIDERS]
    job = lenders.made.run(*words, "--start").split()[-1]
    return job, lenders.made.ended(job, 300)


def scoring(lenders: Lenders, **changes: Any) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        **IDENTIFIED,
        **{"features": FEATURES, "protocol": "aby3", "output": "score", "reasons": REASONS},
        "model": {"job": lenders.training, "commitment": lenders.commitment},
    }
    parts = {
        key: {"offer": lenders.offers["model"][key], "consent": lenders.offers["model consents"][key]}
        for key in MEMBERS
    }
    rows = lenders.offers["scoring"]
    wanted = parameters | changes.get("parameters", {})
    return {
        **{"recipe": "model-score", "engine": "spu", "purpose": changes.get("purpose", PURPOSE)},
        "parameters": {name: value for name, value in wanted.items() if value is not None},
        "providers": [
            {"address": lenders.made.members[key].address, "offer": rows[key], "model": parts[key]} for key in PROVIDERS
        ],
        **{"own": {"offer": rows["consumer"]}, "model": parts["consumer"]},
    }


def expected(lenders: Lenders, scratch: Path) -> list[dict[str, str]]:
    """Each applicant's score and reasons in the clear: from the parts of all vaults, which no party has."""
    kept = {}
    for key in MEMBERS:
        with opened(VaultSettings.load(lenders.made.folder / f"{key}-vault" / "vault.toml")) as store:
            (info,) = store.models.infos()
            kept[key] = parse(KeptCells, store.models.named(info.name).part.content)
    assert kept["shop"].numbers is None, "it does not compute"
    shares = [part.numbers.share for part in kept.values() if part.numbers]
    model = asyncio.run(reconstruct(shares, choose(3), scratch=scratch, seconds=240))
    program = ScorecardScore(bins=[4, 5, 6, 7], output="score", reasons=REASONS)  # type: ignore[arg-type]
    points = model[: 1 + program.wide]
    assert (model == kept_of(points[0], points[1:], program.widths)).all() and len(set(points.tolist())) > 4
    cells = []
    for key in MEMBERS:
        (own,) = kept[key].columns
        assert own.column == COLUMNS[key]
        codes = own.bins.codes([lenders.rows[key].get(who) for who in APPLICANTS])
        cells.append(one_hot(codes, own.bins.cells))
    names = ["", *(f"{COLUMNS[key]} ({role})" for key, role in zip(MEMBERS, ROLES, strict=True))]
    return [
        {"customer": who, "score": str(score), "reason_1": names[first], "reason_2": names[second]}
        for who, (score, first, second) in zip(
            APPLICANTS, program.reference(np.concatenate(cells, axis=1), points).tolist(), strict=True
        )
    ]


def test_a_model_scores_as_its_holders_said_and_not_otherwise(lenders: Lenders, tmp_path: Path) -> None:
    """One test, since each step stands on the one before: train, score, then each thing that is not agreed."""
    train(lenders)
    (kept,) = json.loads(lenders.made.run("model", "list", "--config", "consumer/node.toml", "--json"))
    request = planned(lenders, kept["name"])
    assert parse(JobRequest, request) == parse(JobRequest, scoring(lenders))
    job, how = lenders.ended(request)
    assert how == "completed"
    rows = lenders.ask("consumer", f"/v1/jobs/{job}/result").json()["rows"]
    assert rows == expected(lenders, tmp_path) and any(row["reason_2"] for row in rows)
    trained = lenders.verdict(lenders.training)
    assert trained["verdict"] == "intact", [one for one in trained["results"] if one["status"] == "failed"]
    (checked,) = (one for one in trained["results"] if one["name"] == "model.card")
    assert (checked["status"], checked["notes"]) == ("passed", ["the results in the card of Lender are its word"])
    report = lenders.verdict(job)
    assert report["verdict"] == "intact", [one for one in report["results"] if one["status"] == "failed"]
    assert "0 consents of its lineage had ended" in json.dumps(report)

    assert lenders.ended(scoring(lenders, purpose=OTHER)) == ("", "consent.purpose")
    for plain in ({"output": "band", "edges": [600], "reasons": None}, {"reasons": None}):
        assert lenders.ended(scoring(lenders, parameters=plain)) == ("", "consent.output")
    other = {"job": lenders.training, "commitment": "0x" + "5a" * 32}
    assert lenders.ended(scoring(lenders, parameters={"model": other})) == ("", "consent.model")

    skewed(lenders)
    applications(lenders, expected(lenders, tmp_path))
    assert lenders.ended(scoring(lenders))[1] == "completed"
    assert lenders.ended(scoring(lenders))[1] != "completed"  # beyond its count
    again, how = retrained(lenders, kept["name"])
    assert how == "completed" and again != lenders.training
    names = [
        one["name"] for one in json.loads(lenders.made.run("model", "list", "--config", "north/node.toml", "--json"))
    ]
    assert len(set(names)) == 2


def skewed(lenders: Lenders) -> None:
    """A bank whose balances count cents by now, as they did not in training: nobody gets a score of them."""
    known = lenders.rows["north"]
    people = [who for who in APPLICANTS if who in known]
    file = lenders.made.folder / "cents.parquet"
    pq.write_table(pa.table({"customer": people, "balance": [known[who] for who in people]}), file)
    words = ("vault", "import", "--config", "north-vault/vault.toml", "--name", "cents", "--file", file.name)
    amounts = ("--column", "balance=balance:integer", "--decimals", "balance=2")
    lenders.made.run(*words, "--identifier", "customer", "--namespace", NAMESPACE, *amounts)
    offer = lenders.offer("north", "cents", "customer,balance", "explained-score", "model-score", "PSI,MPC")
    lenders.consenting("cents", {"north": offer}, {"north": people})
    body = scoring(lenders)
    body["providers"][0]["offer"] = offer
    job, how = lenders.ended(body)
    assert job and how != "completed"
    assert "model.skew" in lenders.ask("north", f"/v1/jobs/{job}/events").text
    assert lenders.ask("consumer", f"/v1/jobs/{job}/result").status_code >= 400


def applications(lenders: Lenders, rows: list[dict[str, str]]) -> None:
    """A standing plan over a warm session: two openings, the second after one bank's engine was killed; no third."""
    body = {"job": scoring(lenders, parameters={"session": WARM}), "openings": 2, "seconds": 3600}
    standing = lenders.ask("consumer", "/v1/standing", body).json()
    assert standing["missing"] == [] and standing["used"] == 0
    path = f"/v1/standing/{standing['id']}/openings"
    sessions = []
    for number in range(2):
        job = lenders.ask("consumer", path, {}).json()["id"]
        assert lenders.end_of(job) == "completed"
        assert lenders.ask("consumer", f"/v1/jobs/{job}/result").json()["rows"] == rows
        report = lenders.verdict(job)
        assert report["verdict"] == "intact", [one for one in report["results"] if one["status"] == "failed"]
        assert f"opening {number + 1} of at most 2 under the standing plan {standing['id']}" in report["notes"]
        trail = lenders.ask("consumer", f"/v1/jobs/{job}/trail").json()["evidence"]
        sessions += [step["parameters"] for step in trail["steps"] if step["name"] == "score"]
        (engine,) = engines(lenders, "north")  # it stays, for the next one
        os.kill(engine, signal.SIGKILL)
    assert sessions[0]["session"] != sessions[-1]["session"] and sessions[-1]["turn"] == 0
    assert lenders.ask("consumer", path, {}).json()["code"] == "plan.standing"


def engines(lenders: Lenders, key: str) -> list[int]:
    """Processes that work in a folder of this node's engine."""
    folder, at_work = str((lenders.made.folder / key / "engine").resolve()), []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str((entry / "cwd").readlink()).startswith(folder):
                at_work.append(int(entry.name))
    return at_work
