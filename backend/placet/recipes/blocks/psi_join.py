"""Rows of several providers brought to the same places, which the consumer's list has in a secret order, by PSI."""

from __future__ import annotations

from collections.abc import Sequence

from placet.core.hashing import canonical
from placet.core.psi_messages import PROTOCOL
from placet.core.trail import Artefact
from placet.jobs.party_run import PartyRun, together
from placet.jobs.step_recorder import name_of
from placet.protocols import psi
from placet.protocols.order import secret_permutation
from placet.protocols.psi import BlindedList, Placement


async def provider(
    job: PartyRun, to: int, people: Sequence[bytes], opened: Artefact, *, most: int
) -> tuple[Placement, Artefact]:
    """A provider's side: where their people stand among the consumer's, of whom there are `most` at the most. All
    parties but the consumer are providers, and hold the lists that it showed them against each other."""
    others = [name_of(party) for party in job.peers if party != to]
    async with job.step("psi-place", PROTOCOL, opened) as step:
        with job.working(f"finding {len(people)} rows in the list of {job.name(to)}") as work:
            placement = await psi.place(
                step,
                name_of(to),
                others,
                people,
                context=_context(job),
                max_positions=most,
                entropy=job.entropy(b"psi"),
                progress=work.count,
            )
        made = step.output("placement", canonical([-1 if p is None else p for p in placement.positions]))
    met = sum(position is not None for position in placement.positions)
    await job.say_matched(to, rows=len(people), matched=met)
    return placement, made


async def consumer(
    job: PartyRun,
    providers: Sequence[int],
    customers: Sequence[str],
    opened: Artefact,
    *,
    most: int,
    order: Sequence[int] | None = None,
) -> tuple[list[int], list[int], Artefact]:
    """The consumer's side, to all providers at once, of up to `most` rows each: the customer at place i is number
    `order[i]` of its list, which is a random order unless one is given. Then how many rows each provider has, which the
    protocol tells."""
    if order is None:
        order = secret_permutation(len(customers), job.job_entropy(b"permutation"))
    identifiers = [customer.encode() for customer in customers]
    numbers: dict[int, int] = {}
    async with job.step("psi-arrange", PROTOCOL, opened) as step:
        with job.working(f"hiding {len(identifiers)} customers") as work:
            shown = await BlindedList.of(
                identifiers, order, context=_context(job), entropy=job.entropy(b"psi"), progress=work.count
            )

        async def arrange(party: int) -> None:
            with job.working(f"showing {len(identifiers)} customers to {job.name(party)}, hidden") as work:
                numbers[party] = await psi.arrange(step, name_of(party), shown, max_rows=most, progress=work.count)
            await job.say_rows_of(party, numbers[party])

        await together(*map(arrange, providers))
        made = step.output("order", canonical(list(order)))
    return list(order), [numbers[party] for party in providers], made


def _context(job: PartyRun) -> bytes:
    return job.record.job + job.attempt.to_bytes(4, "big")
