"""`asset-view` by levels: the total of a customer never exists in the clear; the consumer gets its band alone.

The providers' vectors are added and compared with the plan's edges under MPC on the distributed engine, two providers
by Cheetah, three by ABY3. What comes out stays shares, which each provider releases like any other output.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from placet.catalogue.asset_view import AssetViewParameters
from placet.core.trail import Artefact
from placet.jobs.party_run import PartyRun
from placet.protocols.mpc.numbers import Numbers
from placet.protocols.mpc.programs import Levels, Size
from placet.protocols.spu import Engine, choose, evaluate
from placet.recipes.blocks.distributed import evaluated

SECONDS = 600
"""For putting the shares together."""


def program_of(parameters: AssetViewParameters) -> Levels:
    """The program that the plan's edges and bound declare."""
    assert parameters.edges is not None and parameters.bound is not None  # noqa: S101 - the recipe's form
    return Levels(edges=parameters.edges, values=Numbers(bound=parameters.bound))


def engine_of(parameters: AssetViewParameters, providers: int, rows: int) -> Engine:
    """The protocol and ring that the number of providers asks for. PlanError where totals might not fit."""
    choose(providers, named=parameters.protocol)
    return evaluate.engine_of(program_of(parameters), providers, providers, Size(max(rows, 1)))


async def provide(job: PartyRun, places: Sequence[int], balances: Sequence[int], rows: int, placed: Artefact) -> None:
    """A provider's part: its balances at their places among `rows`, zero elsewhere; its shares of the levels go out."""
    parameters = job.parameters(AssetViewParameters)
    program = program_of(parameters)
    parties = [i for i, role in enumerate(job.terms.roles) if role == "provider"]
    most = program.values.bound
    vector = np.zeros(max(rows, 1), dtype=np.int64)
    # A refusal here would tell the consumer of one balance beyond a bound that it chose: what is beyond counts as it.
    vector[list(places)] = program.bring([max(-most, min(most, balance)) for balance in balances])
    share, artefact = await evaluated(job, "levels", parties, program, vector, size=Size(len(vector)), made=placed)
    await job.release(share, artefact)


def combine(parameters: AssetViewParameters, parts: Mapping[int, bytes], rows: int, scratch: Path) -> list[int]:
    """Every customer's band, in the order of the places, from the providers' shares."""
    shares = [share for _, share in sorted(parts.items())]
    engine = engine_of(parameters, len(shares), rows)
    bands = asyncio.run(
        evaluate.combine(program_of(parameters), Size(max(rows, 1)), engine, shares, scratch=scratch, seconds=SECONDS)
    )
    return [int(band) for band in bands[:rows]]
