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

from pydantic import JsonValue

from placet.core.errors import DataError, InputError, LimitError, PlanError
from placet.core.hashing import canonical
from placet.core.plan import Plan, Terms
from placet.core.purposes import Operation
from placet.jobs.party_run import PartyRun
from placet.jobs.recipe import Recipe, register
from placet.protocols.mpc.linear import quotient
from placet.protocols.mpc.numbers import Integers, Numbers
from placet.protocols.mpc.programs import GroupBy, PairStatistics, Size
from placet.protocols.spu import choose, evaluate
from placet.recipes.blocks import distributed
from placet.recipes.blocks.columns import subjects, whole
from placet.recipes.blocks.psi_join import arrange, place
from placet.vault.rows import Rows

FIRST, SECOND = "first-provider", "second-provider"
PROVIDERS = (0, 1)
"""The plan's order, which is the programs' too."""
MAX_ROWS = 100_000
"""Of the consumer's list: what the two of Cheetah compute in minutes, and what results are bounded for."""
MAX_VALUE = 2**46
"""The largest absolute value; a sum of `MAX_ROWS` of them has less than 63 bits."""
MAX_FACTOR = 2**23
"""The same where products are added up."""
MAX_GROUPS = 64
SECONDS = 600
"""For putting the shares together."""
_BOTH = frozenset({"identifier", "smallest_group", "protocol"})
_PAIR = _BOTH | {"values", "statistics"}
_GROUPS = _BOTH | {"group", "groups", "value"}
_FINAL = frozenset({DataError.code, "joint.list"})


def check(plan: Plan, terms: Terms) -> None:
    """Two providers with one input and an output each, the consumer with its list and no output, on engine spu."""
    fits = (
        terms.roles == (FIRST, SECOND, "consumer")
        and plan.parties[2].signer == plan.consumer
        and all(len(p.inputs) == 1 for p in plan.parties)
        and [p.output for p in plan.parties] == [True, True, False]
        and terms.inputs == ("accounts", "accounts", "customers")
    )
    if not fits:
        raise PlanError(f"not a plan for {terms.recipe}", expected="two providers and the consumer, one input each")
    distributed.demand_secret_counts(terms)
    parameters = terms.parameters
    if parameters.keys() not in (_PAIR, _GROUPS):
        expected = " or ".join(", ".join(sorted(names)) for names in (_PAIR, _GROUPS))
        raise PlanError(f"{terms.recipe} takes other parameters", expected=expected)
    choose(len(PROVIDERS), named=str(parameters["protocol"]))
    distributed.demand_smallest_group(parameters["smallest_group"], MAX_ROWS)
    identifier, own = parameters["identifier"], _own(parameters)
    if len(own) != 2 or not all(isinstance(c, str) for c in (identifier, *own)) or identifier in own:
        raise PlanError(f"{terms.recipe} names a column of either provider", expected="other ones than the identifier")
    evaluate.engine_of(program_of(parameters), len(PROVIDERS), len(PROVIDERS), Size(MAX_ROWS))


def _own(parameters: Mapping[str, JsonValue]) -> Sequence[JsonValue]:
    """What the plan names as the column of the first provider, and of the second."""
    if "values" in parameters:
        values = parameters["values"]
        return values if isinstance(values, list) else []
    return [parameters.get("group"), parameters.get("value")]


def reads(role: str, parameters: Mapping[str, JsonValue]) -> list[str]:
    """Each provider's rows have its own column and not the other's; the consumer's list has identifiers alone."""
    if role not in (FIRST, SECOND, "consumer"):
        raise PlanError("joint-statistics has no such role", expected=f"{FIRST}, {SECOND} or consumer", found=role)
    own = [] if role == "consumer" else _own(parameters)[(FIRST, SECOND).index(role) :][:1]
    return [column for column in (parameters.get("identifier"), *own) if isinstance(column, str)]


def program_of(parameters: Mapping[str, Any]) -> PairStatistics | GroupBy:
    """PlanError for parameters that make no program."""
    try:
        smallest = parameters["smallest_group"]
        if "values" in parameters:
            statistics = parameters["statistics"]
            numbers = Numbers(bound=MAX_FACTOR if "product" in statistics else MAX_VALUE)
            return PairStatistics(first=numbers, second=numbers, smallest=smallest, statistics=statistics)
        groups = _names(parameters["groups"])
        return GroupBy(groups=len(groups), smallest=smallest, values=Numbers(bound=MAX_VALUE))
    except (TypeError, ValueError, InputError):
        raise PlanError(
            "these are no statistics",
            expected="statistics: some of larger, product, sums, each once, in this order; "
            f"groups: 1 to {MAX_GROUPS} different names",
        ) from None


def _names(groups: object) -> list[str]:
    if not isinstance(groups, list) or not all(isinstance(name, str) for name in groups):
        raise TypeError("not a list of names")
    if not 1 <= len(groups) <= MAX_GROUPS or len(set(groups)) < len(groups):
        raise ValueError("too many names, or one twice")
    return groups


async def run(job: PartyRun) -> None:
    """The same function at every party."""
    if job.role == "consumer":
        rows, opened = await job.open("customers")
        customers = [str(value) for value in rows.columns[str(job.terms.parameters["identifier"])]]
        if len(customers) > MAX_ROWS:
            raise LimitError(
                "the list is too long", expected=f"at most {MAX_ROWS}", found=len(customers), code="joint.list"
            )
        _, arranged = await arrange(job, PROVIDERS, customers, opened, most=distributed.MAX_ROWS)
        kept = {"rows": len(customers), "parameters": job.terms.parameters}
        return await job.collect(canonical(kept), arranged)
    parameters = job.terms.parameters
    rows, opened = await job.open("accounts")
    people = subjects(rows, str(parameters["identifier"]))
    program = program_of(parameters)
    values = own_values(job.party, program, parameters, rows)
    placement, made = await place(job, len(PROVIDERS), people, opened, most=MAX_ROWS)
    share = b""
    if placement.total >= program.smallest:
        placed: list[int | None] = [None] * placement.total
        for position, value in zip(placement.positions, values, strict=True):
            if position is not None:
                placed[position] = value
        brought, size = bring(program, job.party, placed), Size(placement.total)
        share, made = await distributed.evaluated(job, "joint", PROVIDERS, program, brought, size=size, made=made)
    await job.release(share, made)


def own_values(
    party: int, program: PairStatistics | GroupBy, parameters: Mapping[str, Any], rows: Rows
) -> list[int | None]:
    """A provider's value of each row, or the number of its group, None where it is in none that the plan names.
    DataError for a value beyond what the recipe takes, in any row: that must not depend on the consumer's list."""
    own = str(_own(parameters)[party])
    if "groups" in parameters and party == 0:
        numbers = {name: number for number, name in enumerate(_names(parameters["groups"]))}
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
    kept = json.loads(private)
    parameters, rows = kept["parameters"], kept["rows"]
    program = program_of(parameters)
    report: dict[str, Any] = {"too_few": True, "smallest_group": program.smallest}
    if rows >= program.smallest:
        size = Size(rows)
        engine = evaluate.engine_of(program, len(PROVIDERS), len(PROVIDERS), size)
        shares = [parts[party] for party in PROVIDERS]
        job = evaluate.combine(program, size, engine, shares, scratch=scratch, seconds=SECONDS)
        report |= told(program, parameters, asyncio.run(job), rows)
    return {"rows": [], "report": report}


def told(
    program: PairStatistics | GroupBy, parameters: Mapping[str, Any], result: Integers, rows: int
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
    found = cast(list[dict[str, Any] | None], read["groups"])
    return {
        "too_few": False,
        "groups": [
            {"group": name, "too_few": one is None}
            | ({} if one is None else one | {"mean": quotient(int(one["sum"]), one["count"], 0)})
            for name, one in zip(parameters["groups"], found, strict=True)
        ],
    }


register(
    Recipe(
        name="joint-statistics",
        version=1,
        operations=int(Operation.PSI | Operation.MPC),
        on_withdrawal="drop",
        run=run,
        combine=combine,
        check=check,
        reads=reads,
        final=_FINAL.__contains__,
        providers=(FIRST, SECOND),
    )
)
