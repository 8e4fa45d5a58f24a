"""A program of `mpc.programs` on SPU, as `mpc.embedded` runs it on the small engine: what a party brings, its share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from placet.core.errors import InputError
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.program import Declared, Shape, Size
from placet.protocols.spu.arithmetic import ring_of
from placet.protocols.spu.engine import Engine, choose
from placet.protocols.spu.mpc import Secret, compute, reconstruct
from placet.protocols.spu.network import Network
from placet.protocols.work import Progress


def engine_of(program: Declared, computing: int, owners: int, size: Size) -> Engine:
    """Cheetah for two computing parties, ABY3 for three, in the smaller ring that is safe; PlanError if neither is.

    `owners` is how many parties bring something.
    """
    ring = ring_of(program, owners, size)
    return choose(computing, field="FM64" if ring.name == "FM64" else "FM128")


async def run(
    network: Network,
    program: Declared,
    owners: Sequence[int],
    brought: Integers | None,
    *,
    size: Size,
    scratch: Path,
    seconds: float,
    progress: Progress | None = None,
) -> tuple[bytes, ...]:
    """This party's share of the result, encoded (`shares`), and of all that the program gives besides, which stays with
    the parties; nothing is revealed to anybody.

    `owners` are the ranks of the parties that bring something, in the order of the program's roles, each once. All
    parties of the network call this alike, and those that bring nothing compute with it: `brought` is None there.
    PlanError, DataError or InputError before a process starts; else the errors of `mpc.compute`.
    """
    engine = engine_of(program, len(network.members), len(owners), size)
    if len(set(owners)) != len(owners) or not set(owners) <= set(range(len(network.members))):
        raise InputError("each owner once, by its rank", expected="distinct ranks of the network", found=str(owners))
    if (brought is not None) != (network.me in owners):
        raise InputError("an owner brings something, and nobody else", found=f"rank {network.me}", code="spu.input")
    shapes = program.shapes(len(owners), size)
    secrets = [
        Secret(f"input-{place}", owner, "int64", shape)
        for place, (owner, shape) in enumerate(zip(owners, shapes, strict=True))
    ]
    own = {}
    if brought is not None:
        place = owners.index(network.me)
        program.brings(place, len(owners), size, brought)
        own[secrets[place].name] = brought.astype(np.int64)
    return await compute(
        network, engine, program.program, program, secrets, own, scratch=scratch, seconds=seconds, progress=progress
    )


async def combine(
    program: Declared, size: Size, engine: Engine, shares: Sequence[bytes], *, scratch: Path, seconds: float
) -> Integers:
    """The result from every computing party's share, as Python integers. InputError where it is another shape."""
    return await combine_array(program.output_shape(size), engine, shares, scratch=scratch, seconds=seconds)


async def combine_array(
    shape: Shape, engine: Engine, shares: Sequence[bytes], *, scratch: Path, seconds: float
) -> Integers:
    """An array that a program gives, as `combine` puts its result together."""
    result = await reconstruct(shares, engine, scratch=scratch, seconds=seconds)
    if result.shape != shape or result.dtype != np.int64:
        raise InputError(
            "the shares are of another result",
            expected=f"int64 of shape {shape}",
            found=f"{result.dtype} of shape {result.shape}",
        )
    return result.astype(object)
