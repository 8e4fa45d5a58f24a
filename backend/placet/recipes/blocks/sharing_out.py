"""A party that does not compute shares its numbers out to two that do: two parts that add up to them modulo 2^64.

The first part is a stream of ChaCha20 under a fresh key, so the first receiver gets 32 bytes instead of it; the second
gets the numbers less that stream. Either alone is random.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from placet.catalogue.modelling import computing
from placet.catalogue.spec import Cost
from placet.core.errors import ProtocolError
from placet.core.trail import Artefact
from placet.jobs.party_run import PartyRun
from placet.jobs.randomness import stream
from placet.jobs.step_recorder import StepRecorder, name_of
from placet.protocols.mpc.owners import ColumnsProgram
from placet.recipes.blocks import distributed

PROTOCOL = "shares.additive-2^64/1"
KEY, PART = "shares.key", "shares.part"
KEY_BYTES = 32
PART_BYTES = 1 << 25
"""Of one message."""
LAID_OUT = 40
"""Bytes at the most of a number that a party which does not compute shares out: itself and its copies."""
Words = npt.NDArray[np.int64]


def expanded(key: bytes, shape: tuple[int, ...]) -> Words:
    """The first part."""
    return np.frombuffer(stream(key, b"shares")(8 * math.prod(shape)), dtype="<i8").reshape(shape).astype(np.int64)


def rest(numbers: Words, key: bytes) -> Words:
    """The second part."""
    return (numbers.astype(np.uint64) - expanded(key, numbers.shape).astype(np.uint64)).astype(np.int64)


async def send(job: PartyRun, step: StepRecorder, numbers: Words, first: int, second: int) -> None:
    """Share numbers (rows, columns) out to two parties."""
    key = job.entropy(b"sharing-out")(KEY_BYTES)
    await step.send(name_of(first), KEY, key)
    part = rest(numbers, key).astype("<i8").tobytes()
    for start in range(0, len(part), PART_BYTES):
        await step.send(name_of(second), PART, part[start : start + PART_BYTES])


async def columns(
    job: PartyRun, step: StepRecorder, own: Words, members: Sequence[int], widths: Mapping[int, int]
) -> list[Words]:
    """Each party's part in sharing out columns to the first two `members`, by parties that do not compute, of whom each
    brings so many (`widths`); all have as many rows. Such a party sends its `own`. The two get their parts, in the
    order of the parties."""
    first, second = members[:2]
    if job.party in widths:
        with job.working("sharing its columns out to those that compute"):
            await send(job, step, own, first, second)
    if job.party not in (first, second):
        return []
    receive = receive_first if job.party == first else receive_second
    with job.working("the columns of those that do not compute"):
        return [await receive(step, party, (len(own), wide)) for party, wide in widths.items()]


async def joined(job: PartyRun, own: Words, program: ColumnsProgram[Any], made: Artefact) -> tuple[Words, Artefact]:
    """What this party brings, and behind it, at the two that get them, its parts of the columns of all that do not
    compute; recorded as a step. As it was where all compute."""
    if not program.shared:
        return own, made
    async with job.step("share-columns", PROTOCOL, made) as step:
        widths = {owner: program.width(owner) for owner in program.shared}
        own = np.concatenate([own, *await columns(job, step, own, computing(job.terms.roles), widths)], axis=1)
        made = step.output("columns", own.tobytes())
    return own, made


async def demand_room(job: PartyRun, program: ColumnsProgram[Any], needs: Cost, rows: int) -> None:
    """LimitError `engine.memory` before anything is laid out: a plan's rows times its cells may be more than memory.
    Who computes needs what the recipe costs, and others what their own columns take."""
    if job.party in computing(job.terms.roles):
        await distributed.demand_cost(job, needs)
    else:
        distributed.demand_memory(LAID_OUT * rows * program.width(job.party))


async def receive_first(step: StepRecorder, sender: int, shape: tuple[int, int]) -> Words:
    """The first receiver's part. ProtocolError for a key of another length."""
    key = await step.receive(name_of(sender), KEY, limit=KEY_BYTES)
    if len(key) != KEY_BYTES:
        raise ProtocolError(f"{name_of(sender)} sent no key", expected=f"{KEY_BYTES} bytes", found=len(key))
    return expanded(key, shape)


async def receive_second(step: StepRecorder, sender: int, shape: tuple[int, int]) -> Words:
    """The second receiver's part. ProtocolError unless it is as long as it must be."""
    left, parts = 8 * shape[0] * shape[1], list[bytes]()
    while left:
        part = await step.receive(name_of(sender), PART, limit=PART_BYTES)
        if len(part) != min(left, PART_BYTES):
            raise ProtocolError(f"{name_of(sender)} sent another part", expected=min(left, PART_BYTES), found=len(part))
        parts.append(part)
        left -= len(part)
    return np.frombuffer(b"".join(parts), dtype="<i8").reshape(shape).astype(np.int64)
