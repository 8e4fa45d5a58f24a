"""A consumer that asks what columns are worth gets no more than the privacy budget pays, whoever helps it, and nothing
of groups that look small."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.attacks.liars import notebook, send

from declaring import CUSTOMER
from follow import TIMES
from live import LiveConsortium
from placet.chain.calls import Calls
from placet.chain.client import Chain
from placet.core.errors import Reverted
from placet.core.values import from_hex
from placet.sandbox.consortium import NAMESPACE

BUDGET = 50_000_000
PARAMETERS: dict[str, Any] = {
    **CUSTOMER,
    **{"label": "bad", "columns": [{"column": "balance", "edges": [1_000_000, 2_000_000]}]},
    **{"smallest_group": 12, "budget": 30_000_000, "protocol": "cheetah"},
}


@pytest.mark.slow
def test_worth_is_told_once_for_a_budget_and_not_of_a_few(consortium: LiveConsortium) -> None:
    pytest.importorskip("spu", reason="placet[spu] is not installed here")
    made = consortium.made
    labels = {"customer": consortium.customers, "bad": [place % 2 for place in range(len(consortium.customers))]}
    pq.write_table(pa.table(labels), made.folder / "labelled.parquet")
    made.run(
        *("vault", "import", "--config", "consumer-vault/vault.toml", "--name", "worth", "--own"),
        *("--file", "labelled.parquet", "--identifier", "customer", "--namespace", NAMESPACE),
        *("--column", "bad=bad:integer"),
    )
    live = consortium.offering(
        *("value-of-data", "noisy-statistics", "PSI,MPC,DP", ["north"], 12),
        tables={"consumer": ("worth", "customer,bad")},
        budget=BUDGET,
    )
    chain, offer = Chain(made.chain.url, live.deployment), from_hex(live.made.offers["north"])
    north = {"address": made.members["north"].address, "offer": live.made.offers["north"], "reward": "7"}
    request = {"recipe": "value-of-data", "engine": "spu", "parameters": PARAMETERS, "providers": [north]}

    job, result = live.result(**request, **TIMES)
    report, deviation = result["report"], float(result["report"]["deviation"])
    assert result["rows"] == [] and chain.offer(offer).spent == 30_000_000
    shown = [count for one in report["columns"] for line in one["counts"].values() for count in line if count]
    assert all(12 <= count < 16 + 12 * deviation for count in shown), (
        "of 16 people what looks like 12 and more is noise"
    )
    assert live.audited(job)["verdict"] == "intact"

    refusal = live.ask("consumer", "/v1/jobs", method="POST", body=live.made.request(**request))
    assert refusal.json()["code"] == "consent.budget", "the provider's node, before anybody signs"
    plan = notebook(live, "consumer").job(from_hex(job)).plan
    again = plan.model_copy(update={"salt": bytes(31) + b"\1"})
    digest = live.deployment.jobs.digest(again.struct_hash())
    stolen = [live.key(who, "signer").sign(digest) for who in ("north", "consumer")]
    reverted = send(live, live.key("consumer", "recorder"), Calls(live.deployment).open(again, (*stolen, b"", b"")))
    assert isinstance(reverted, Reverted) and reverted.name == "OfferBudgetExceeded", "had all keys been stolen"
    assert chain.offer(offer).spent == 30_000_000
