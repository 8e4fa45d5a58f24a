"""`match-statistics`: a consumer learns how many of its customers a provider has, and the sum and mean of a value over
them, where they are enough; nobody learns which they are.

The functionality is private intersection-sum with cardinality (Ion et al., EuroS&P 2020), by circuit PSI on the
distributed engine: the count is compared with the plan's smallest group inside the circuit, and below it nothing else
comes out. What comes out stays shares, the provider's until the release.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from placet.catalogue import match_statistics
from placet.catalogue.match_statistics import MatchStatisticsParameters
from placet.core.hashing import canonical
from placet.core.trail import Artefact
from placet.jobs.party_run import PartyRun
from placet.jobs.recipe import RecipeRun
from placet.protocols.mpc.linear import quotient
from placet.protocols.spu import choose, count_and_sum, demand_range, open_count_and_sum
from placet.recipes.blocks import distributed
from placet.recipes.blocks.columns import subjects, whole

SECONDS = 600
"""For putting the shares together."""
PROVIDER, PARTIES = 0, (0, 1)
"""The plan's order, which is the engine's too: the provider, then the consumer."""


async def run(job: PartyRun) -> None:
    """The same function at both parties."""
    parameters = job.parameters(MatchStatisticsParameters)
    if job.role == "provider":
        rows, opened = await job.open("accounts")
        values = whole(rows, parameters.value)
        demand_range(values)
        share, _, made = await _compute(job, subjects(rows, parameters.identifier), values, opened)
        return await job.release(share, made)
    rows, opened = await job.open("customers")
    customers = [str(customer).encode() for customer in rows.columns[parameters.identifier]]
    share, counts, made = await _compute(job, customers, None, opened)
    kept = {"share": share.hex(), "rows": list(counts), "smallest_group": _smallest(job)}
    await job.collect(canonical(kept), made)


def _smallest(job: PartyRun) -> int:
    return job.parameters(MatchStatisticsParameters).smallest_group


async def _compute(
    job: PartyRun, identifiers: Sequence[bytes], values: Sequence[int] | None, opened: Artefact
) -> tuple[bytes, tuple[int, int], Artefact]:
    """This party's share, both sides' numbers of rows, and what the last step made. Where one side has fewer rows than
    the smallest group, which both know then, nothing runs and the share is empty."""
    (peer,) = (party for party in PARTIES if party != job.party)
    smallest = _smallest(job)
    engine = choose(len(PARTIES), named=job.parameters(MatchStatisticsParameters).protocol)
    protocol = f"psi.circuit.{engine.protocol}/1"
    told: dict[str, JsonValue] = {
        "engine": distributed.engine_of(job.terms.engine),
        "protocol": engine.protocol,
        "field": engine.field,
        "smallest_group": smallest,
    }
    async with job.context.engine_ports.port() as port:
        async with job.step("statistics-start", protocol, opened, parameters=told) as step:
            theirs = await distributed.numbers_of_rows(step, peer, len(identifiers))
            counts = (len(identifiers), theirs) if job.party == PROVIDER else (theirs, len(identifiers))
            enough = min(counts) >= smallest
            network = await distributed.meet(job, step, PARTIES, b"statistics", port) if enough else None
        if network is None:
            return b"", counts, opened
        async with job.step("statistics", protocol, opened, parameters=told) as step:
            share = await count_and_sum(
                network,
                identifiers,
                values,
                rows=counts,
                amounts_of=PROVIDER,
                smallest=smallest,
                scratch=job.context.engine_ports.scratch,
                seconds=job.seconds_left,
            )
            made = step.output("share", share)
    return share, counts, made


def combine(parts: Mapping[int, bytes], private: bytes, scratch: Path) -> dict[str, Any]:
    """No rows; `report`: {too_few, smallest_group} and, unless too few matched, {count, sum, mean}: sum and mean are
    decimal strings in the unit of the provider's column, the mean with six decimals."""
    kept = json.loads(private)
    smallest, rows = kept["smallest_group"], (kept["rows"][0], kept["rows"][1])
    found = None
    if min(rows) >= smallest:
        shares = (parts[PROVIDER], bytes.fromhex(kept["share"]))
        found = asyncio.run(open_count_and_sum(shares, rows=rows, smallest=smallest, scratch=scratch, seconds=SECONDS))
    report: dict[str, Any] = {"too_few": found is None, "smallest_group": smallest}
    if found is not None:
        count, total = found
        report |= {"count": count, "sum": str(total), "mean": quotient(total, count, 0)}
    return {"rows": [], "report": report}


MATCH_STATISTICS = RecipeRun(spec=match_statistics.SPEC, run=run, combine=combine)
