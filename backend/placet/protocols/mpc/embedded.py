"""Programs on the small engine: sums, means and weighted sums by additive shares, dot products by Paillier.

Every input party calls `run` with what it brings and gets a share of the result: words modulo 2^128, uniform and
independent of it without the other parties' shares. Who has them all puts them together by `combine`.

The engine can't compare numbers that nobody may see. What needs that (`compare`, `group-by`, `group-totals`, `levels`,
`pair-statistics`) it refuses by name: the only way it has is to open the numbers to somebody first. Groups could be
summed, but small ones could not be suppressed before somebody sees them.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence

import numpy as np

from placet.core.errors import InputError, PlanError
from placet.protocols.channel import Channel
from placet.protocols.mpc import additive
from placet.protocols.mpc.additive import Vector
from placet.protocols.mpc.numbers import EMBEDDED, Integers
from placet.protocols.mpc.programs import Dot, Mean, Program, Size, Sum, WeightedSum
from placet.protocols.order import Entropy
from placet.protocols.work import Progress

PAILLIER_BITS = 3072


def require_offered(program: Program, parties: int, size: Size) -> None:
    """PlanError, before anything runs, for what this engine can't do safely or what might overflow it."""
    if not isinstance(program, Sum | Mean | WeightedSum | Dot):
        raise PlanError(
            f"the embedded engine can't do {program.program} safely: it would have to open what it compares",
            expected="sum, mean, weighted-sum or dot",
            found=program.program,
            remedy="name the engine spu in the plan",
            code="plan.engine",
        )
    program.require_range(parties, size, EMBEDDED)
    if isinstance(program, Dot):
        from placet.protocols.mpc import dot

        largest = max(program.vector.bound, program.rows.bound)
        if largest > dot.ENTRY_LIMIT or size.length > dot.MAX_ENTRIES or size.rows > dot.MAX_ROWS:
            raise PlanError(
                "dot is too large for Paillier",
                expected=f"entries within ±2^42, at most {dot.MAX_ENTRIES} of them and {dot.MAX_ROWS} rows",
                found=f"entries up to {largest}, {size.length} of them and {size.rows} rows",
                remedy="name the engine spu in the plan, or lower the declared bounds",
                code="plan.overflow",
            )


async def run(
    program: Program,
    channel: Channel,
    parties: Sequence[str],
    brought: Integers,
    *,
    size: Size,
    entropy: Entropy = secrets.token_bytes,
    progress: Progress | None = None,
) -> Vector:
    """This party's share of the result, `prod(program.output_shape(size))` words.

    `parties` are those that bring something, in the plan's order, this one included; every one of them calls this with
    the same program and size. PlanError or DataError before anything is sent; ProtocolError for a bad peer.
    """
    require_offered(program, len(parties), size)
    if channel.me not in parties or len(set(parties)) != len(parties):
        raise InputError("each party once, this one too", expected=f"{channel.me} and others", found=", ".join(parties))
    place = parties.index(channel.me)
    program.brings(place, len(parties), size, brought)
    if isinstance(program, Dot):
        return await _dot(program.roles(len(parties))[place], channel, parties, brought, size, entropy, progress)
    if isinstance(program, WeightedSum):
        brought = brought.astype(object) * program.scaled[place]
    peers = [party for party in parties if party != channel.me]
    return await additive.sum_shares(channel, peers, additive.encode(brought.tolist()), entropy=entropy)


def combine(program: Program, size: Size, shares: Sequence[Vector]) -> Integers:
    """The result from every party's share, as Python integers; ProtocolError where they don't fit together."""
    return np.array(additive.reconstruct(shares), dtype=object).reshape(program.output_shape(size))


async def _dot(
    role: str,
    channel: Channel,
    parties: Sequence[str],
    brought: Integers,
    size: Size,
    entropy: Entropy,
    progress: Progress | None,
) -> Vector:
    from placet.protocols.mpc import dot, paillier

    if role == "rows":
        return await dot.answer(channel, parties[0], brought.tolist(), entropy=entropy, progress=progress)
    key = await asyncio.to_thread(paillier.generate, PAILLIER_BITS, entropy=entropy)
    return await dot.ask(channel, parties[1], key, brought.tolist(), rows=size.rows, entropy=entropy, progress=progress)
