"""What a job that opens sums of all parties' rows starts from, and the one outcome that all must come to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from placet.catalogue.pooled_model import MAX_POOLED_ROWS, PooledFeature
from placet.core.errors import InputError, StateError
from placet.core.hashing import canonical
from placet.core.trail import Artefact
from placet.jobs.party_run import PartyRun
from placet.jobs.recipe import UNFIT
from placet.models.pooled_checks import IMPOSSIBLE
from placet.recipes.blocks import split
from placet.recipes.blocks.columns import demand_at_most
from placet.recipes.blocks.pooled_table import MemberTable, table_of

MAX_PART = 4 << 20
FINAL = UNFIT | {"joint.label", "joint.list", "sums.opened", IMPOSSIBLE}


async def demand_unopened(job: PartyRun, *, noisy: bool) -> None:
    """StateError `sums.opened` where an earlier attempt may have opened sums over other rows than now: the difference
    would tell those of whoever withdrew. And in any case where they had noise: the opening spent the budget once."""
    for earlier in await job.store.threaded.attempts(job.record.job):
        if earlier.attempt >= job.attempt or (earlier.roots == job.roots and not noisy):
            continue
        steps = await job.store.threaded.steps(job.record.job, earlier.attempt)
        if any(step.name == split.STEP for step in steps):  # the last one before anything is opened
            raise StateError(
                "an earlier attempt may have opened sums, and another one would tell more",
                remedy="a new job",
                code="sums.opened",
            )


async def opened_table(
    job: PartyRun, label: str, features: Sequence[PooledFeature], train: int, *, noisy: bool = False
) -> tuple[MemberTable, Artefact]:
    """The own rows, of which some train: by a keyed hash of their consents, under a key that nobody chose. With noise
    each by its own hash alone: what trains and what tests may each spend the whole budget only if no row is in both,
    whoever else is there."""
    rows, opened = await job.open("rows")
    demand_at_most(rows, MAX_POOLED_ROWS)
    async with split.own_rows(job, rows, opened, train, each_alone=noisy) as (step, order, training):
        table = await asyncio.to_thread(table_of, rows, label, features, order, training, noisy=noisy)
        artefact = step.output("order", canonical(order))
    return table, artefact


def demand_same(parts: Mapping[int, bytes], own: bytes) -> None:
    """InputError where a party released another model than this one came to."""
    for party, part in parts.items():
        if len(part) > MAX_PART or part != own:
            raise InputError(
                "a party came to another model", expected="the same one at all", found=f"another at party {party}"
            )
