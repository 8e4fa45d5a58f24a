"""The node's side of a random audit: what it keeps of a job for it, and how it opens the drawn places, to the auditor
whom the plan names and to nobody else.

Kept, sealed, until nothing can be found any more: the commitments, and whose consent covers the row at each place. No
value of a row is: rows come from the vault again, whose gate decides anew, so that what was withdrawn or erased stays
closed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from placet.catalogue.declared import declared
from placet.chain.events import JobSealed
from placet.chain.threaded import ask_chain
from placet.core.draw import drawn
from placet.core.errors import StateError
from placet.core.ids import ConsentId, JobId
from placet.core.plan import RandomAudit
from placet.core.sample import COMMITMENT, MAX_SAMPLE, PlaceOpening, SampleOpening, SealedSample
from placet.core.sample_sealing import seal_sample
from placet.core.values import Octets, Value, parse, to_hex
from placet.core.verified_sums import RANDOMNESS
from placet.jobs.context import JobContext
from placet.jobs.records import JobRecord
from placet.jobs.seat import PartySeat
from placet.jobs.store import JobStore
from placet.vault.responses import OpenedLeaf

log = logging.getLogger("placet.jobs")
KEPT = b"sample"
"""What it is sealed as."""


class KeptPlaces(Value):
    """`places`: at which rows stand, 4 bytes each, big-endian; `consents`: of these rows, 32 bytes each."""

    commitments: Octets
    places: Octets
    consents: Octets

    @classmethod
    def of(cls, commitments: bytes, places: Sequence[int], consents: Sequence[ConsentId]) -> KeptPlaces:
        joined = b"".join(place.to_bytes(4, "big") for place in places)
        return cls(commitments=commitments, places=joined, consents=b"".join(consents))

    def by_place(self) -> dict[int, ConsentId]:
        numbers = (int.from_bytes(self.places[at : at + 4], "big") for at in range(0, len(self.places), 4))
        consents = (ConsentId(self.consents[at : at + 32]) for at in range(0, len(self.consents), 32))
        return dict(zip(numbers, consents, strict=True))


@dataclass(frozen=True)
class Draw:
    """The block that draws, and in which attempt."""

    attempt: int
    number: int
    hash: bytes


def draw_of(context: JobContext, audit: RandomAudit, job: JobId) -> Draw:
    """StateError `sample.early` before the seal and the block that draws are at confirmation depth."""
    context.index.sync()
    sealed = next((event for event in context.index.job_events(job) if isinstance(event, JobSealed)), None)
    confirmed = context.chain.confirmed()
    if sealed is None or sealed.block + audit.delay > confirmed:
        raise StateError(
            "places are drawn by a block after the seal, which is not at confirmation depth yet",
            expected="a seal" if sealed is None else f"block {sealed.block + audit.delay}",
            found=f"block {confirmed}",
            code="sample.early",
        )
    number = sealed.block + audit.delay
    return Draw(sealed.attempt, number, context.chain.block(number).hash)


async def opened_sample(context: JobContext, store: JobStore, job: JobId) -> SampleOpening:
    """This party's drawn places, opened. NotFoundError for an unknown job; StateError `sample.none` where the plan
    draws none of this party, `sample.early`, `sample.lost` where what the attempt kept is gone, `vault.stale` where the
    vault's table is another by now."""
    record = await store.threaded.job(job)
    audit, work = record.terms.audit, declared(record.plan, record.terms)
    column = work.sampled.get(record.party)
    if audit is None or column is None:
        raise StateError("the plan draws no places of this institution", found=record.terms.recipe, code="sample.none")
    draw = await ask_chain(draw_of, context, audit, job)
    attempt = await store.threaded.attempt(job, draw.attempt)
    sealed = await store.threaded.sample(job, draw.attempt)
    if attempt is None or sealed is None:
        raise StateError("what the sealed attempt kept for the random audit is gone", code="sample.lost")
    raw = context.at_rest.open(sealed, KEPT)
    content = await asyncio.to_thread(parse, KeptPlaces, raw, limit=MAX_SAMPLE, what="kept places")
    seat = PartySeat(context, record, work, draw.attempt, attempt.roots)
    total = len(content.commitments) // COMMITMENT
    places = drawn(draw.hash, job, record.party, total, audit.places)
    consents = {place: consent for place, consent in content.by_place().items() if place in set(places)}
    leaves = await _leaves(context, record, draw.attempt, [consents[place] for place in sorted(consents)])
    rows = dict(zip(sorted(consents), leaves, strict=True))
    from placet.protocols.mpc.commitments import scalars  # its room needs numpy

    randomness = await asyncio.to_thread(scalars, total, seat.entropy(RANDOMNESS))
    entries = tuple(_opened(place, rows.get(place), column, randomness[place]) for place in places)
    return SampleOpening(
        job=job, party=record.party, attempt=draw.attempt, commitments=content.commitments, places=entries
    )


async def sealed_sample(record: JobRecord, opening: SampleOpening) -> SealedSample:
    """For the auditor whom the plan names. The log says so: it can't be taken back."""
    audit = record.terms.audit
    if audit is None:
        raise StateError("the plan draws no places", code="sample.none")
    rows = sum(one.row is not None for one in opening.places)
    log.warning("job %s: %d drawn rows are opened to the auditor %s", to_hex(record.job), rows, to_hex(audit.auditor))
    return await asyncio.to_thread(seal_sample, opening, audit.key)


async def _leaves(
    context: JobContext, record: JobRecord, attempt: int, consents: Sequence[ConsentId]
) -> Sequence[OpenedLeaf]:
    """Of the rows of this party's first input: the persons' rows of a role that commits to values."""
    number = record.plan.input_offset(record.party)
    return (
        await context.demand_rows().open_rows(record.job, record.plan, record.terms, attempt, number, consents)
    ).leaves


def _opened(place: int, leaf: OpenedLeaf | None, column: str, randomness: int) -> PlaceOpening:
    word = randomness.to_bytes(32, "big")
    if leaf is None:
        return PlaceOpening(place=place, value=0, randomness=word)
    if leaf.row is None:
        return PlaceOpening(place=place, leaf=leaf.leaf)
    value = int(str(leaf.row.cells[column].value))
    return PlaceOpening(place=place, value=value, randomness=word, leaf=leaf.leaf, row=leaf.row)
