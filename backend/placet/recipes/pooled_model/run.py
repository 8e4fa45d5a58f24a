"""`pooled-model`: institutions with the same columns train one model by secure sums over all of their rows.

Each party's rows stay where they are; what it adds to each sum is masked (`blocks.secure_sums`). All of them come to
the same model inside the protocol. What each party starts from it has signed to the others before the first sum, and
the consumer shows the model once the job is sealed and all others have released the same one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from placet.catalogue import pooled_model
from placet.catalogue.pooled_model import PooledModelParameters
from placet.catalogue.spec import CONSUMER
from placet.core.hashing import canonical
from placet.jobs.party_run import PartyRun
from placet.jobs.recipe import RecipeRun
from placet.models.pooled_checks import Seat
from placet.models.pooled_private import Release
from placet.recipes.blocks.noise import PROTOCOL, DeclaredNoise
from placet.recipes.blocks.pooled_opening import FINAL, demand_same, demand_unopened, opened_table
from placet.recipes.blocks.pooled_table import MemberTable
from placet.recipes.blocks.secure_sums import SecureSums
from placet.recipes.pooled_model import card_training, private_card, private_training, tree_training
from placet.recipes.pooled_model.alone import alone, alone_card, alone_trees
from placet.recipes.pooled_model.private_training import Noise
from placet.recipes.pooled_model.report import card_outcome, outcome_of, told_of, tree_outcome
from placet.recipes.pooled_model.training import trained


async def run(job: PartyRun) -> None:
    """The same function at every party."""
    parameters = job.parameters(PooledModelParameters)
    noisy = parameters.budget is not None
    await demand_unopened(job, noisy=noisy)
    table, artefact = await opened_table(job, parameters.label, parameters.features, parameters.train, noisy=noisy)
    await job.started_with(*job.peers)
    sums = SecureSums(job, artefact, keeps=parameters.leave_one_out is not None)
    outcome, own = await _trained(job, parameters, table, sums)
    if job.role != CONSUMER:
        return await job.release(outcome, sums.made)
    state = {"parameters": job.terms.parameters, "outcome": json.loads(outcome), "alone": own}
    await job.collect(canonical(state), sums.made)


async def _trained(
    job: PartyRun, parameters: PooledModelParameters, table: MemberTable, sums: SecureSums
) -> tuple[bytes, dict[str, Any] | None]:
    """What all parties come to, and at the consumer what its own rows do alone."""
    consumes, add, by_party = job.role == CONSUMER, sums.add, sums if parameters.leave_one_out else None
    budget, parties = parameters.budget, len(job.plan.parties)
    seat = Seat(job.party, parties)
    noise = _recorded(job, await DeclaredNoise.of(job)) if budget else None
    if (scale := parameters.scale) is not None:
        if budget is None or noise is None:
            card = await card_training.trained(parameters, scale, table, add, seat, by_party)
        else:
            card = await private_card.trained(parameters, scale, table, add, noise, budget, parties)
        own = alone_card(parameters, scale, table, card) if card and consumes else None
        return canonical(card_outcome(parameters, scale, card)), own
    if (trees := parameters.trees) is not None:
        grown = await tree_training.trained(parameters, trees, table, add, seat)
        own = await asyncio.to_thread(alone_trees, parameters, trees, table, grown) if grown and consumes else None
        return canonical(tree_outcome(grown)), own
    if budget is None or noise is None:
        pooled = await trained(parameters, table, add, seat, by_party)
    else:
        pooled = await private_training.trained(parameters, table, add, noise, budget, parties)
    own = await asyncio.to_thread(alone, parameters, table, pooled) if pooled and consumes else None
    return canonical(outcome_of(parameters, pooled)), own


def _recorded(job: PartyRun, noise: DeclaredNoise) -> Noise:
    """Each release's noise is a step of its own, before the sum that it is in."""

    async def of(release: Release, amount: int) -> Sequence[int]:
        numbers = await asyncio.to_thread(noise.on, len(release.numbers), release.variance(amount))
        async with job.step("noise", PROTOCOL) as step:
            step.drew(noise.drawn[-1])
        return numbers

    return of


def combine(parts: Mapping[int, bytes], private: bytes, _: Path) -> dict[str, Any]:
    """No rows; `report`: {too_few, smallest_group} and, unless too few have either label, what `report.told_of` says.
    InputError where a party released another model than this one came to."""
    state = json.loads(private)
    own = canonical(state["outcome"])
    demand_same(parts, own)
    parameters = pooled_model.SPEC.parse(state["parameters"])
    return {"rows": [], "report": told_of(parameters, from_json(own), state["alone"])}


POOLED_MODEL = RecipeRun(spec=pooled_model.SPEC, run=run, combine=combine, final=FINAL.__contains__)
