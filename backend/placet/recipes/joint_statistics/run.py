"""`joint-statistics`: a consumer learns statistics over those of its customers whom both of two providers hold, and
nothing about single people.

Two forms: count, sums and more of a value of either (`pair-statistics`), or counts and sums of the second provider's
value by the first one's groups (`group-by`). Both bring their rows to places in the consumer's secret order, as in
`asset-view`, and compute by Cheetah on the distributed engine. How many rows match is at no time a number anywhere:
groups below the plan's smallest are suppressed inside the circuit. What comes out stays shares until the release.

How large values may be is fixed here, not the consumer's to choose, and nothing is cut: a sum of values that are cut at
a bound of one is a count of people, and could be of one person.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from placet.catalogue import joint_statistics
from placet.catalogue.declared import DeclaredTerms
from placet.catalogue.joint_statistics import MAX_ROWS, JointStatisticsParameters
from placet.core.errors import DataError, InputError, LimitError
from placet.core.hashing import canonical
from placet.jobs.party_run import PartyRun
from placet.jobs.recipe import RecipeRun
from placet.protocols.mpc.linear import quotient
from placet.protocols.mpc.numbers import Integers, Numbers
from placet.protocols.mpc.programs import GroupBy, PairStatistics, Size
from placet.protocols.spu import evaluate
from placet.recipes.blocks import distributed, psi_join
from placet.recipes.blocks.columns import subjects, whole
from placet.vault.rows import Rows

PROVIDERS = (0, 1)
"""The plan's order, which is the programs' too."""
MAX_VALUE = 2**46
"""The largest absolute value; a sum of `MAX_ROWS` of them has less than 63 bits."""
MAX_FACTOR = 2**23
"""The same where products are added up."""
SECONDS = 600
"""For putting the shares together."""
_FINAL = frozenset({DataError.code, "joint.list"})


def program_of(parameters: JointStatisticsParameters) -> PairStatistics | GroupBy:
    """The program that the plan's parameters declare."""
    smallest = parameters.smallest_group
    if parameters.statistics is not None:
        numbers = Numbers(bound=MAX_FACTOR if "product" in parameters.statistics else MAX_VALUE)
        return PairStatistics(first=numbers, second=numbers, smallest=smallest, statistics=parameters.statistics)
    groups = parameters.groups or ()
    return GroupBy(groups=len(groups), smallest=smallest, values=Numbers(bound=MAX_VALUE))


def demand(job: DeclaredTerms) -> None:
    """PlanError where results might not fit the engine's ring."""
    program = program_of(joint_statistics.SPEC.parse(job.terms.parameters))
    evaluate.engine_of(program, len(PROVIDERS), len(PROVIDERS), Size(MAX_ROWS))


async def run(job: PartyRun) -> None:
    """The same function at every party."""
    parameters = job.parameters(JointStatisticsParameters)
    if job.role == "consumer":
        rows, opened = await job.open("customers")
        customers = [str(value) for value in rows.columns[parameters.identifier]]
        if len(customers) > MAX_ROWS:
            raise LimitError(
                "the list is too long", expected=f"at most {MAX_ROWS}", found=len(customers), code="joint.list"
            )
        _, _, arranged = await psi_join.consumer(job, PROVIDERS, customers, opened, most=distributed.MAX_ROWS)
        state = {"rows": len(customers), "parameters": job.terms.parameters}
        return await job.collect(canonical(state), arranged)
    rows, opened = await job.open("accounts")
    people = subjects(rows, parameters.identifier)
    program = program_of(parameters)
    values = own_values(job.party, program, parameters, rows)
    placement, artefact = await psi_join.provider(job, len(PROVIDERS), people, opened, most=MAX_ROWS)
    share = b""
    if placement.total >= program.smallest:
        placed: list[int | None] = [None] * placement.total
        for position, value in zip(placement.positions, values, strict=True):
            if position is not None:
                placed[position] = value
        brought, size = bring(program, job.party, placed), Size(placement.total)
        share, artefact = await distributed.evaluated(
            job, "joint", PROVIDERS, program, brought, size=size, made=artefact
        )
    await job.release(share, artefact)


def own_values(
    party: int, program: PairStatistics | GroupBy, parameters: JointStatisticsParameters, rows: Rows
) -> list[int | None]:
    """A provider's value of each row, or the number of its group, None where it is in none that the plan names.
    DataError for a value beyond what the recipe takes, in any row: that must not depend on the consumer's list."""
    own = parameters.own[party]
    if parameters.groups is not None and party == 0:
        numbers = {name: number for number, name in enumerate(parameters.groups)}
        return [numbers.get(str(value)) for value in rows.columns[own]]
    values = whole(rows, own)
    (program.values if isinstance(program, GroupBy) else (program.first, program.second)[party]).take(values)
    return [*values]


def bring(program: PairStatistics | GroupBy, party: int, placed: Sequence[int | None]) -> Integers:
    """What a provider brings: its value or group at each place, None where it has no row."""
    if isinstance(program, GroupBy):
        return program.bring_values(placed) if party else program.bring_groups(placed)
    return program.bring_second(placed) if party else program.bring_first(placed)


def combine(parts: Mapping[int, bytes], private: bytes, scratch: Path) -> dict[str, Any]:
    """No rows; `report`: {too_few, smallest_group}, and unless all are too few either {count} and what is asked of
    {sums, means, product, larger}, or {groups}: {group, too_few} and, unless it is too small, {count, sum, mean}.

    Sums, means and product are decimal strings in the unit of the columns, means with six decimals; `larger` is None
    where it would tell of too few. InputError for shares of what no honest parties reach.
    """
    state = json.loads(private)
    parameters, rows = joint_statistics.SPEC.parse(state["parameters"]), state["rows"]
    program = program_of(parameters)
    report: dict[str, Any] = {"too_few": True, "smallest_group": program.smallest}
    if rows >= program.smallest:
        size = Size(rows)
        engine = evaluate.engine_of(program, len(PROVIDERS), len(PROVIDERS), size)
        shares = [parts[party] for party in PROVIDERS]
        opening = evaluate.combine(program, size, engine, shares, scratch=scratch, seconds=SECONDS)
        report |= told(program, parameters, asyncio.run(opening), rows)
    return {"rows": [], "report": report}


def told(
    program: PairStatistics | GroupBy, parameters: JointStatisticsParameters, result: Integers, rows: int
) -> dict[str, Any]:
    """What a result says to the report; nothing where all in it are too few."""
    counts = result[0] if isinstance(program, GroupBy) else result[:1]
    fits = all(count == 0 or count >= program.smallest for count in counts) and sum(counts) <= rows
    if not fits or not program.reached(result):
        raise InputError("the shares are of no statistics", expected=f"{program.smallest} to {rows} common rows")
    if not any(counts):
        return {}
    read = program.read(result)
    if isinstance(program, PairStatistics):
        return {"too_few": False, **cast(dict[str, Any], read["statistics"])}
    groups = cast(list[dict[str, Any] | None], read["groups"])
    return {
        "too_few": False,
        "groups": [
            {"group": name, "too_few": one is None}
            | ({} if one is None else one | {"mean": quotient(int(one["sum"]), one["count"], 0)})
            for name, one in zip(parameters.groups or (), groups, strict=True)
        ],
    }


JOINT_STATISTICS = RecipeRun(
    spec=joint_statistics.SPEC, run=run, combine=combine, final=_FINAL.__contains__, demand=demand
)
