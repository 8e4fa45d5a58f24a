"""The recipe `model-transfer` between real processes, as its users come to it: a bank's own model, and one that a job
made, on another bank's few labels."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest

from live import LASTING, LiveConsortium
from placet.core.csv_file import written
from placet.core.evidence import SignedEvidence
from placet.core.values import parse
from placet.models.linear import LinearModel
from placet.models.released import json_of
from placet.sandbox.consortium import NAMESPACE, wait

COLUMNS = ("customer", "defaulted", "income", "branch")
BANKS = ("north", "south", "consumer")
MODEL = LinearModel.model_validate(
    {
        **{"label": "defaulted", "family": "logistic", "centre": "0", "spread": "1", "intercept": "0.25"},
        "columns": [
            {
                **{"party": "consumer", "column": "income", "coefficients": ["-1.25"]},
                "prepared": {
                    **{"kind": "number", "low": "0", "high": "10000", "centre": "5000", "spread": "2000"},
                    "missing": "usual",
                },
            },
            {
                **{"party": "consumer", "column": "branch", "coefficients": ["0.5", "0.125"]},
                "prepared": {"kind": "category", "levels": 2, "categories": ["city", "sea"], "missing": "usual"},
            },
        ],
    }
)
POOLED = {
    "label": "defaulted",
    "features": [
        {"kind": "number", "column": "income", "bounds": [0, 10_000]},
        {"kind": "category", "column": "branch", "values": ["city", "sea"]},
    ],
    **{"train": 60, "smallest_group": 2},
}
PARAMETERS: dict[str, Any] = {"train": 50, "smallest_group": 2, "protocol": "cheetah"}


@pytest.fixture(scope="module")
def banks(consortium: LiveConsortium) -> LiveConsortium:
    """All three have labelled customers of the same columns; half of each label, who differ by income."""
    pytest.importorskip("spu", reason="placet[spu] is not installed here")
    made, chance = consortium.made, random.Random(13)
    people = sorted(made.codes)
    for key in BANKS:
        lines = [(who, n % 2, chance.randrange(1000, 6000) + 3000 * (1 - n % 2), chance.choice(("city", "sea")))
                 for n, who in enumerate(people)]  # fmt: skip
        imported(consortium, key, "labelled", [COLUMNS, *lines], "customer", "defaulted", "income", "branch:text")
    return consortium


def imported(
    live: LiveConsortium, key: str, name: str, rows: Any, identifier: str, *columns: str, own: bool = False
) -> None:
    (live.made.folder / f"{key}-{name}.csv").write_bytes(written(rows))
    whose = ("--own",) if own else ("--namespace", NAMESPACE)
    live.made.run(
        *("vault", "import", "--config", f"{key}-vault/vault.toml", "--name", name, "--file", f"{key}-{name}.csv"),
        *("--identifier", identifier, *whose, *(word for one in columns for word in ("--column", one))),
    )


def offer(live: LiveConsortium, key: str, table: str, columns: str, to: str, *more: str | int) -> str:
    made = live.made
    parties = ",".join(one.address for one in made.members.values())
    answer = made.run(
        *("offer", "make", "--config", f"{key}/node.toml", "--dataset", table, "--purpose", "CreditChecking"),
        *("--consumer", made.members[to].address, "--parties", parties, "--columns", columns, "--json"),
        *("--smallest-group", 2, *more),
    )
    return str(json.loads(answer)["offer"])


TRANSFER = ("--operations", "MPC", "--output", "evaluation", "--recipes", "model-transfer")


def granted(live: LiveConsortium, key: str, of: str, uses: int) -> str:
    words = ("grant", "--config", f"{key}/node.toml", "--offer", of, "--uses", uses, "--json")
    return str(json.loads(live.made.run(*words))["consent"])


def consenting(live: LiveConsortium, offers: dict[str, str]) -> LiveConsortium:
    """The same consortium under these offers, to which everybody in them consents."""
    other = replace(live, made=replace(live.made, offers=live.made.offers | offers), given=[])
    other.give_many([(key, who, 1000, LASTING) for key in offers for who in sorted(live.made.codes)])
    return other


@pytest.mark.slow  # `test_model_transfer` has its parts by default
def test_a_bank_learns_whether_anothers_own_model_helps(banks: LiveConsortium) -> None:
    made = banks.made
    for name, model in {"first": MODEL, "second": MODEL.model_copy(update={"intercept": "0.5"})}.items():
        (made.folder / f"{name}.json").write_bytes(json_of(model))
    shown = json.loads(made.run("model", "table", "first.json", "--out", "north-card.csv"))
    made.run("model", "table", "second.json", "--out", "north-card-2.csv")
    importing = ("vault", "import", "--config", "north-vault/vault.toml", "--name", "card", "--own")
    importing = (*importing, "--identifier", "piece", "--column", "document:text", "--file")
    made.run(*importing, "north-card.csv")
    source = offer(banks, "north", "card", "piece,document", "consumer", "--own", *TRANSFER)
    consent = granted(banks, "north", source, 3)
    live = consenting(
        banks, {"consumer": offer(banks, "consumer", "labelled", ",".join(COLUMNS), "consumer", *TRANSFER)}
    )
    given = PARAMETERS | {"model": {"commitment": shown["commitment"]}, "columns": shown["columns"]}
    given |= {"label": "defaulted"}
    words = [word for name, value in given.items() for word in ("--parameter", f"{name}={json.dumps(value)}")]
    planning = ("job", "plan", "--config", "consumer/node.toml", "--recipe", "model-transfer")
    request = json.loads(made.run(*planning, "--offers", source, "--consent", consent, *words))

    job = made.begin(request)
    assert made.ended(job) == "completed"
    result = banks.consumer.get(f"/v1/jobs/{job}/result")
    report = result["report"]
    assert (result["rows"], result["disclosed_in_protocol"], report["too_few"]) == ([], [], False)
    assert [one["model"] for one in report["models"]] == ["alone", "source", "recalibrated", "map"]
    assert report["accepted"] in ("source", "recalibrated", "map") and len(report["words"]) == 3
    assert live.audited(job)["verdict"] == "intact"
    for key, steps in {
        "north": ["open-model", "shape", "sizes", "transfer-start", "transfer", "mask-output"],
        "consumer": ["open-rows", "split", "shape", "sizes", "prepare", "transfer-start", "transfer", "receive-masked"],
    }.items():
        trail = parse(SignedEvidence, live.ask(key, f"/v1/jobs/{job}/trail").content, limit=1 << 24).evidence.steps
        assert [step.name for step in trail] == steps

    few = made.begin(request | {"parameters": request["parameters"] | {"smallest_group": 400}})
    assert made.ended(few) == "completed"
    told = banks.consumer.get(f"/v1/jobs/{few}/result")["report"]
    assert told["too_few"] and "Too few labels" in told["words"][0]
    assert live.audited(few)["verdict"] == "intact"

    made.run(*importing, "north-card-2.csv")  # another model, under the same name and offer
    changed = made.begin(request)
    assert made.ended(changed) == "aborted"
    assert "model.parts" in live.ask("north", f"/v1/jobs/{changed}/events").text
    fourth = made.begin(request | {"open_seconds": 10})
    assert made.ended(fourth) != "completed"  # the source consented to three uses


@pytest.mark.slow  # as above
def test_a_bank_learns_whether_a_model_that_a_job_made_helps(banks: LiveConsortium) -> None:
    made, columns = banks.made, ",".join(COLUMNS)
    pooling = ("--operations", "FL", "--output", "model", "--recipes", "pooled-model")
    pooled = consenting(banks, {key: offer(banks, key, "labelled", columns, "consumer", *pooling) for key in BANKS})
    providers = [{"address": made.members[key].address, "offer": pooled.made.offers[key]} for key in BANKS[:2]]
    training, result = pooled.result(
        recipe="pooled-model", parameters=POOLED, providers=providers, own={"offer": pooled.made.offers["consumer"]}
    )
    listed = json.loads(made.run("model", "list", "--config", "consumer/node.toml", "--json"))
    (model,) = [one for one in listed if one["job"] == training]
    made.run("model", "register", model["name"], "--config", "consumer/node.toml")
    source = offer(banks, "consumer", model["name"], "model", "north", "--own", *TRANSFER, "--tolerated-withdrawals", 1)
    consent = granted(banks, "consumer", source, 5)
    target = consenting(banks, {"north": offer(banks, "north", "labelled", columns, "north", *TRANSFER)})
    commitment = result["report"]["commitment"]
    request = {
        **{"recipe": "model-transfer", "engine": "spu", "purpose": "https://w3id.org/dpv#CreditChecking"},
        "parameters": PARAMETERS
        | {"model": {"commitment": commitment, "job": training}, "columns": ["income", "branch"], "label": "defaulted"},
        "providers": [{"address": made.members["consumer"].address, "offer": source, "consent": consent}],
        "own": {"offer": target.made.offers["north"]},
    }

    def ended() -> tuple[str, str]:
        answer = target.ask("north", "/v1/jobs", method="POST", body=request)
        assert answer.is_success, answer.text
        job = answer.json()["id"]
        wait(lambda: target.ask("north", f"/v1/jobs/{job}").json()["ended"] is not None, "end of the job", None, 180)
        return job, target.ask("north", f"/v1/jobs/{job}").json()["ended"]

    job, how = ended()
    assert how == "completed"
    report = target.ask("north", f"/v1/jobs/{job}/result").json()["report"]
    assert not report["too_few"] and len(report["models"]) == 4
    assert target.audited(job)["verdict"] == "intact"

    pooled.withdraw(*[one for one in pooled.given if one.provider == "south"][:2])
    refusal = target.ask("north", "/v1/jobs", method="POST", body=request)
    assert refusal.json()["code"] == "model.stale"
