"""Opens to all parties of a job what its metrics are for each coalition of parties, before anybody seals; nothing else.

Those that compute send each other their shares of the metrics, signed, and each puts them together. Then each tells all
parties what came out, and every party takes only what all of them tell. So nobody records another table than the
others: who gets two of them ends the job.
"""

from __future__ import annotations

from collections.abc import Sequence

from placet.core.errors import InputError, ProtocolError
from placet.core.hashing import canonical
from placet.core.json_text import read_json
from placet.core.trail import Artefact
from placet.jobs.party_run import PartyRun
from placet.jobs.step_recorder import StepRecorder, name_of
from placet.models.contribution import MAX_SHAPLEY
from placet.protocols.spu import Engine, evaluate

PROTOCOL = "contribution.open/1"
SHARE, METRICS = "contribution.share", "contribution.metrics"
MAX_SHARE = 1 << 16
MAX_METRICS = 32 << MAX_SHAPLEY
"""Bytes."""
FINAL = frozenset({SHARE, METRICS})
"""Codes that end a job: another attempt would come to the same."""


async def opened(
    job: PartyRun, members: Sequence[int], engine: Engine, share: bytes, count: int, artefact: Artefact
) -> tuple[list[int], Artefact]:
    """The `count` metrics, and their artefact. `members` compute, in the engine's order, and have a `share` of them;
    others give any. ProtocolError `contribution.share` for shares that give no such numbers, `contribution.metrics`
    where two parties tell different ones."""
    async with job.step("open-metrics", PROTOCOL, artefact) as step:
        told = []
        if job.party in members:
            metrics = await _put_together(job, step, members, engine, share, count)
            told.append(canonical(metrics))
            for party in job.peers:
                await step.send(name_of(party), METRICS, told[0])
        for member in members:
            if member != job.party:
                told.append(await step.receive(name_of(member), METRICS, limit=MAX_METRICS))
        return agreed(told, count), step.output("metrics", told[0])


def agreed(told: Sequence[bytes], count: int) -> list[int]:
    """What all tell. ProtocolError `contribution.metrics` where they differ, or tell no `count` whole numbers."""
    if len(set(told)) != 1:
        raise ProtocolError(
            "parties tell different metrics of the coalitions",
            expected="the same of all that compute",
            found=f"{len(set(told))} different tables",
            code=METRICS,
        )
    return _numbers(told[0], count)


def _numbers(raw: bytes, count: int) -> list[int]:
    try:
        numbers = read_json(raw, "metrics")
    except InputError:
        numbers = None
    if not isinstance(numbers, list) or len(numbers) != count or any(type(one) is not int for one in numbers):
        raise ProtocolError(
            "what a party tells are no metrics", expected=f"{count} whole numbers", found=len(raw), code=METRICS
        )
    return numbers


async def _put_together(
    job: PartyRun, step: StepRecorder, members: Sequence[int], engine: Engine, share: bytes, count: int
) -> list[int]:
    shares = {job.party: share}
    for member in members:
        if member != job.party:
            await step.send(name_of(member), SHARE, share)
    for member in members:
        if member != job.party:
            shares[member] = await step.receive(name_of(member), SHARE, limit=MAX_SHARE)
    ordered, seconds = [shares[member] for member in members], job.seconds_left
    with job.working("the engine to put the metrics of coalitions together"):
        try:
            metrics = await evaluate.combine_array(
                (count,), engine, ordered, scratch=job.context.engine_ports.scratch, seconds=seconds
            )
        except (InputError, ProtocolError) as error:
            raise ProtocolError("the shares are of no metrics", found=error.code, code=SHARE) from error
    return [int(metric) for metric in metrics]
