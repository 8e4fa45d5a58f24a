"""`asset-view`: a consumer learns each of its customers' total over several providers, and not who holds what.

With the parameter `edges` it learns the total's band instead of the total (`levels`), on the distributed engine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from placet.core.errors import PlanError
from placet.core.hashing import canonical
from placet.core.plan import Plan, Terms
from placet.core.purposes import Operation
from placet.jobs.party_run import PartyRun, name_of
from placet.jobs.recipe import Recipe, register
from placet.protocols.mpc import additive
from placet.protocols.order import restore
from placet.recipes.asset_view import levels
from placet.recipes.blocks.columns import subjects, whole
from placet.recipes.blocks.psi_join import arrange, place

MAX_ROWS = 1_000_000


def check(plan: Plan, terms: Terms) -> None:
    """Two or more providers with one input and an output each, one consumer with its list and no output."""
    providers = [i for i, role in enumerate(terms.roles) if role == "provider"]
    consumers = [i for i, role in enumerate(terms.roles) if role == "consumer"]
    fits = (
        len(providers) >= 2
        and len(consumers) == 1
        and len(providers) + 1 == len(plan.parties)
        and plan.parties[consumers[0]].signer == plan.consumer
        and all(len(p.inputs) == 1 for p in plan.parties)
        and all(p.output == (terms.roles[i] == "provider") for i, p in enumerate(plan.parties))
    )
    if not fits:
        raise PlanError("not a plan for asset-view", expected="two or more providers and the consumer, one input each")
    if set(terms.inputs) != {"accounts", "customers"}:
        raise PlanError("asset-view takes accounts and customers", found=", ".join(sorted(set(terms.inputs))))
    if "edges" in terms.parameters:
        levels.check(terms.parameters, terms.engine, len(providers), MAX_ROWS)
    elif terms.engine != "embedded":
        raise PlanError("totals are added on the embedded engine", found=terms.engine, code="plan.engine")
    if not {"identifier", "value"} <= terms.parameters.keys() or not all(
        isinstance(terms.parameters[name], str) for name in ("identifier", "value")
    ):
        raise PlanError("asset-view names two columns", expected="parameters identifier and value")
    if terms.parameters["identifier"] == terms.parameters["value"]:
        raise PlanError("asset-view adds up no identifiers", found=str(terms.parameters["value"]))


def reads(role: str, parameters: Mapping[str, JsonValue]) -> list[str]:
    """The consumer's list has identifiers alone."""
    names = ("identifier",) if role == "consumer" else ("identifier", "value")
    return [column for name in names if isinstance(column := parameters.get(name), str)]


async def run(job: PartyRun) -> None:
    """The same function at every party."""
    if job.role == "consumer":
        await _consume(job)
    else:
        await _provide(job)


async def _provide(job: PartyRun) -> None:
    (consumer,) = job.others("consumer")
    rows, opened = await job.open("accounts")
    people = subjects(rows, str(job.terms.parameters["identifier"]))
    balances = whole(rows, str(job.terms.parameters["value"]))
    placement, placed = await place(job, consumer, people, opened, most=MAX_ROWS)
    found = [(p, v) for p, v in zip(placement.positions, balances, strict=True) if p is not None]
    if "edges" in job.terms.parameters:
        return await levels.provide(job, [p for p, _ in found], [v for _, v in found], placement.total, placed)
    async with job.step("sum-shares", "mpc.additive-2^128/1", opened, placed) as step:
        vector = additive.scatter([v for _, v in found], [p for p, _ in found], placement.total)
        peers = [name_of(i) for i in job.others("provider")]
        part = additive.to_bytes(await additive.sum_shares(step, peers, vector, entropy=job.entropy(b"share")))
        summed = step.output("share", part)
    await job.release(part, summed)


async def _consume(job: PartyRun) -> None:
    rows, opened = await job.open("customers")
    customers = [str(value) for value in rows.columns[str(job.terms.parameters["identifier"])]]
    order, arranged = await arrange(job, job.others("provider"), customers, opened, most=MAX_ROWS)
    kept = {"customers": customers, "order": order, "parameters": job.terms.parameters}
    await job.collect(canonical(kept), arranged)


def combine(parts: Mapping[int, bytes], private: bytes, scratch: Path) -> dict[str, Any]:
    """One row a customer, in the list's own order: {customer, total}, a decimal string in minor units; or {customer,
    level}, how many of the plan's edges the total reaches."""
    kept = json.loads(private)
    customers, order = kept["customers"], kept["order"]
    if "edges" in kept["parameters"]:
        bands = restore(levels.combine(kept["parameters"], parts, len(customers), scratch), order)
        return {"rows": [{"customer": c, "level": str(b)} for c, b in zip(customers, bands, strict=True)]}
    shares = [additive.from_bytes(part, len(customers), sender=name_of(i)) for i, part in sorted(parts.items())]
    totals = restore(additive.reconstruct(shares), order)
    return {"rows": [{"customer": c, "total": str(t)} for c, t in zip(customers, totals, strict=True)]}


ASSET_VIEW = register(
    Recipe(
        name="asset-view",
        version=1,
        operations=int(Operation.PSI | Operation.MPC),
        on_withdrawal="drop",
        run=run,
        combine=combine,
        check=check,
        reads=reads,
    )
)
