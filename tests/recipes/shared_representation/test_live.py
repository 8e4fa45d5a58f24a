"""The recipe `shared-representation` between real processes: one message goes from the source to the target, and its
budget is spent on chain."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from live import LASTING, LiveConsortium
from placet.chain.client import Chain
from placet.core.csv_file import written
from placet.core.evidence import SignedEvidence
from placet.core.values import from_hex, parse, to_hex
from placet.models.linear import LinearModel
from placet.sandbox.consortium import NAMESPACE

pytestmark = pytest.mark.slow  # `test_shared_representation` has its parts by default

BUDGET = 50 * 10**9
SHARED, OWN = ("income", "branch"), ("visits",)
PARAMETERS: dict[str, Any] = {
    "source_labels": ["defaulted"],
    "label": "late",
    "shared": [
        {"kind": "number", "column": "income", "bounds": [0, 10_000], "missing": "usual"},
        {"kind": "category", "column": "branch", "values": ["city", "sea"], "missing": "usual"},
    ],
    "own": [{"column": "visits", "kind": "number", "missing": "usual"}],
    "train": 50,
    "smallest_group": 2,
    "budget": BUDGET // 2,
}


@pytest.fixture(scope="module")
def pair(consortium: LiveConsortium) -> LiveConsortium:
    """The consortium under an offer of north's borrowers with a budget, and one of the consumer's few to itself."""
    made, chance = consortium.made, random.Random(13)
    offers, people = {}, sorted(made.codes)
    for key, label, own in (("north", "defaulted", ()), ("consumer", "late", OWN)):
        columns = ("customer", label, *SHARED, *own)
        lines = []
        for who in people:
            income = chance.randrange(1000, 9000)
            late = int(income + chance.randrange(-3000, 3000) < 5000)
            lines.append((who, late, income, chance.choice(("city", "sea")), *(chance.randrange(9) for _ in own)))
        offers[key] = offered(consortium, key, columns, lines)
    other = replace(consortium, made=replace(made, offers=made.offers | offers), given=[])
    other.give_many([(key, who, 1000, LASTING) for key in offers for who in people])
    return other


def offered(consortium: LiveConsortium, key: str, columns: Sequence[str], lines: Sequence[tuple[object, ...]]) -> str:
    """The offer of a new table of theirs."""
    made = consortium.made
    (made.folder / f"{key}-represented.csv").write_bytes(written([columns, *lines]))
    made.run(
        *("vault", "import", "--config", f"{key}-vault/vault.toml", "--name", "represented"),
        *("--file", f"{key}-represented.csv", "--identifier", "customer", "--namespace", NAMESPACE),
        *(word for name in columns[1:] for word in ("--column", name if name != "branch" else "branch:text")),
    )
    budget = ("--budget", BUDGET, "--bounds", "income=0..10000") if key == "north" else ()
    answer = made.run(
        *("offer", "make", "--config", f"{key}/node.toml", "--dataset", "represented", "--purpose", "CreditChecking"),
        *("--consumer", made.members["consumer"].address, "--operations", "FL,DP", "--output", "model", "--json"),
        *("--recipes", "shared-representation", "--columns", ",".join(columns), "--smallest-group", 2, *budget),
        *("--parties", ",".join(made.members[one].address for one in ("north", "consumer"))),
    )
    return str(json.loads(answer)["offer"])


def asked(pair: LiveConsortium, **changes: Any) -> dict[str, Any]:
    made = pair.made
    return {
        "recipe": "shared-representation",
        "engine": "embedded",
        "parameters": PARAMETERS | changes,
        "providers": [{"address": made.members["north"].address, "offer": made.offers["north"], "reward": "7"}],
        "own": {"offer": made.offers["consumer"]},
    }


def test_a_target_gets_a_representation_and_goes_on_at_home(pair: LiveConsortium) -> None:
    job, result = pair.result(**asked(pair))
    report = result["report"]
    assert not report["too_few"] and result["disclosed_in_protocol"] == []
    assert [one["model"] for one in report["compared"]] == ["alone", "representation", "joined"]
    (head,) = map(LinearModel.model_validate, report["representation"])
    assert head.label == "defaulted" and float(head.columns[0].coefficients[0]) < 0
    model = LinearModel.model_validate(report["linear"])
    assert report["commitment"] == to_hex(model.commitment)
    chain = Chain(pair.made.chain.url, pair.deployment)
    assert chain.offer(from_hex(pair.made.offers["north"])).spent == BUDGET // 2
    assert pair.audited(job)["verdict"] == "intact"
    source, target = (
        parse(SignedEvidence, pair.ask(key, f"/v1/jobs/{job}/trail").content, limit=1 << 24).evidence.steps
        for key in ("north", "consumer")
    )
    assert [exchange for step in target for exchange in step.sent] == [], "nothing of the target's leaves it"
    assert [exchange.tag for step in source for exchange in step.sent] == ["output.masked"]
    listed = json.loads(pair.made.run("model", "list", "--config", "consumer/node.toml", "--json"))
    assert [one["commitment"] for one in listed if one["job"] == job] == [report["commitment"]]

    for greedy, code in (
        (asked(pair, budget=BUDGET), "consent.budget"),
        (asked(pair, shared=[PARAMETERS["shared"][0] | {"bounds": [0, 9_999]}]), "consent.bounds"),
    ):
        refusal = pair.ask("consumer", "/v1/jobs", method="POST", body=pair.made.request(**greedy))
        assert refusal.json()["code"] == code
