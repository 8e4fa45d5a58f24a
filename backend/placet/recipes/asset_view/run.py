"""`asset-view`: a consumer learns each of its customers' total over several providers, and not who holds what.

With the parameter `edges` it learns the total's band instead of the total (`levels`), on the distributed engine.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from placet.catalogue import asset_view
from placet.catalogue.asset_view import MAX_ROWS, AssetViewParameters
from placet.catalogue.declared import DeclaredTerms
from placet.catalogue.spec import scale
from placet.core.hashing import canonical
from placet.jobs.party_run import PartyRun
from placet.jobs.recipe import UNFIT, RecipeRun
from placet.jobs.results import PERSON
from placet.jobs.step_recorder import name_of
from placet.protocols.mpc import additive
from placet.protocols.order import restore
from placet.recipes.asset_view import levels, verified
from placet.recipes.blocks import psi_join
from placet.recipes.blocks.columns import subjects, whole


def demand(job: DeclaredTerms) -> None:
    """PlanError where totals might not fit the engine's ring."""
    parameters = job.parameters
    if isinstance(parameters, AssetViewParameters) and parameters.edges is not None:
        levels.engine_of(parameters, len(job.seats) - 1, MAX_ROWS)


async def run(job: PartyRun) -> None:
    """The same function at every party."""
    if job.role == "consumer":
        await _consume(job)
    else:
        await _provide(job)


async def _provide(job: PartyRun) -> None:
    (consumer,) = job.others("consumer")
    parameters = job.parameters(AssetViewParameters)
    rows, opened = await job.open("accounts")
    people = subjects(rows, parameters.identifier)
    balances = whole(rows, parameters.value)
    placement, placed = await psi_join.provider(job, consumer, people, opened, most=MAX_ROWS)
    await job.matched("accounts", rows, [row for row, place in enumerate(placement.positions) if place is not None])
    pairs = [(p, v) for p, v in zip(placement.positions, balances, strict=True) if p is not None]
    if parameters.edges is not None:
        return await levels.provide(job, [p for p, _ in pairs], [v for _, v in pairs], placement.total, placed)
    if parameters.verifies:
        places = verified.places_of(placement.total)
        values = additive.scattered([v for _, v in pairs], [p for p, _ in pairs], places)
        used = [row for row, place in enumerate(placement.positions) if place is not None]
        keep = functools.partial(job.keep_sampled, places=[p for p, _ in pairs], rows=rows, used=used)
        return await verified.provide(job, consumer, values, (opened, placed), keep)
    async with job.step("sum-shares", "mpc.additive-2^128/1", opened, placed) as step:
        vector = additive.scatter([v for _, v in pairs], [p for p, _ in pairs], placement.total)
        peers = [name_of(i) for i in job.others("provider")]
        part = additive.to_bytes(await additive.sum_shares(step, peers, vector, entropy=job.entropy(b"share")))
        summed = step.output("share", part)
    await job.release(part, summed)


async def _consume(job: PartyRun) -> None:
    rows, opened = await job.open("customers")
    parameters = job.parameters(AssetViewParameters)
    customers = [str(value) for value in rows.columns[parameters.identifier]]
    providers = job.others("provider")
    order, numbers, arranged = await psi_join.consumer(job, providers, customers, opened, most=MAX_ROWS)
    state = {"customers": customers, "order": order, "parameters": job.terms.parameters, "provider_rows": numbers}
    if not parameters.verifies:
        return await job.collect(canonical(state), arranged)
    places = verified.places_of(len(customers))
    payloads = await verified.receive(job, places)
    await job.collect(canonical(state), arranged)  # the challenge is drawn when all parts are fixed
    checked = await verified.check(job, payloads, places)
    await job.keep_private(canonical(state | {"checked": checked.to_json()}))


def combine(parts: Mapping[int, bytes], private: bytes, scratch: Path) -> dict[str, Any]:
    """One row a customer, in the list's own order: {customer, total}, a decimal string in minor units; or {customer,
    level}, how many of the plan's edges the total reaches. `report`: {customers, provider_rows, decimals, verified}:
    how long the list is, how many consented rows each provider brought, in the plan's order, that totals count
    10^-decimals, and whether they are proven to be the sums of what the providers committed to. WrongParts where they
    were to be, and are not."""
    state = json.loads(private)
    customers, order = state["customers"], state["order"]
    parameters = asset_view.SPEC.parse(state["parameters"])
    report = {
        "customers": len(customers),
        "provider_rows": state["provider_rows"],
        "decimals": scale(parameters.decimals),
        "verified": parameters.verifies,
    }
    if parameters.edges is not None:
        bands = restore(levels.combine(parameters, parts, len(customers), scratch), order)
        return {
            "rows": [{PERSON: c, "level": str(b)} for c, b in zip(customers, bands, strict=True)],
            "report": report,
        }
    if parameters.verifies:
        totals = verified.proven(parts, verified.SumCheck.of(state["checked"]))[: len(customers)]
        return _totals(customers, restore(totals, order), report)
    shares = [additive.from_bytes(part, len(customers), sender=name_of(i)) for i, part in sorted(parts.items())]
    return _totals(customers, restore(additive.reconstruct(shares), order), report)


def _totals(customers: list[str], totals: list[int], report: dict[str, Any]) -> dict[str, Any]:
    rows = [{PERSON: c, "total": str(t)} for c, t in zip(customers, totals, strict=True)]
    return {"rows": rows, "report": report}


def _final(code: str) -> bool:
    """Who falsified one attempt's sums is not asked for another."""
    return code in UNFIT or code.startswith("sums.")


ASSET_VIEW = RecipeRun(spec=asset_view.SPEC, run=run, combine=combine, demand=demand, final=_final)
