"""`asset-view` by levels: the total of a customer never exists in the clear; the consumer gets its band alone.

The providers' vectors are added and compared with the plan's edges under MPC on the distributed engine, two providers
by Cheetah, three by ABY3. What comes out stays shares, which each provider releases like any other output.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from placet.core.errors import InputError, PlanError
from placet.core.trail import Artefact
from placet.jobs.party_run import PartyRun
from placet.protocols.mpc.programs import Levels, Size
from placet.protocols.spu import Engine, choose, evaluate
from placet.recipes.blocks.distributed import evaluated

SECONDS = 600
"""For putting the shares together."""
PARAMETERS = frozenset({"edges", "bound", "protocol"})
"""Edges and the largest absolute balance in the smallest unit, as decimal strings; cheetah or aby3."""


def check(parameters: Mapping[str, Any], engine: str, providers: int, most: int) -> None:
    """PlanError unless so many providers can compute these levels over up to `most` customers without overflow."""
    if engine != "spu":
        raise PlanError(
            "levels need comparisons, which the embedded engine can't do safely",
            expected="engine spu",
            found=engine,
            code="plan.engine",
        )
    engine_of(parameters, providers, most)
    program = program_of(parameters)
    if program.values.bound < max(abs(edge) for edge in program.edges):
        raise PlanError("the bound is below an edge", expected="at least the largest edge", found=program.values.bound)


def program_of(parameters: Mapping[str, Any]) -> Levels:
    """PlanError for edges and a bound that make no program."""
    try:
        return Levels.model_validate({"edges": parameters["edges"], "values": {"bound": parameters["bound"]}})
    except (KeyError, ValueError, InputError):
        raise PlanError(
            "these are no levels", expected="edges: ascending whole numbers as decimal strings; bound: one"
        ) from None


def engine_of(parameters: Mapping[str, Any], providers: int, rows: int) -> Engine:
    """The protocol and ring that the number of providers asks for, which the plan must name."""
    choose(providers, named=str(parameters.get("protocol")))
    return evaluate.engine_of(program_of(parameters), providers, providers, Size(max(rows, 1)))


async def provide(job: PartyRun, places: Sequence[int], balances: Sequence[int], rows: int, placed: Artefact) -> None:
    """A provider's part: its balances at their places among `rows`, zero elsewhere; its shares of the levels go out."""
    parameters = job.terms.parameters
    program = program_of(parameters)
    parties = [i for i, role in enumerate(job.terms.roles) if role == "provider"]
    most = program.values.bound
    vector = np.zeros(max(rows, 1), dtype=np.int64)
    # A refusal here would tell the consumer of one balance beyond a bound that it chose: what is beyond counts as it.
    vector[list(places)] = program.bring([max(-most, min(most, balance)) for balance in balances])
    share, made = await evaluated(job, "levels", parties, program, vector, size=Size(len(vector)), made=placed)
    await job.release(share, made)


def combine(parameters: Mapping[str, Any], parts: Mapping[int, bytes], rows: int, scratch: Path) -> list[int]:
    """Every customer's band, in the order of the places, from the providers' shares."""
    shares = [share for _, share in sorted(parts.items())]
    engine = engine_of(parameters, len(shares), rows)
    bands = asyncio.run(
        evaluate.combine(program_of(parameters), Size(max(rows, 1)), engine, shares, scratch=scratch, seconds=SECONDS)
    )
    return [int(band) for band in bands[:rows]]
