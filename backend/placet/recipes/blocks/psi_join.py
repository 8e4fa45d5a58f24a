"""Rows of several providers brought to the same places, which the consumer's list has in a secret order, by PSI."""

from __future__ import annotations

from collections.abc import Sequence

from placet.core.hashing import canonical
from placet.core.trail import Artefact
from placet.jobs.party_run import PartyRun, together
from placet.jobs.step_recorder import name_of
from placet.protocols import psi
from placet.protocols.order import secret_permutation
from placet.protocols.psi import Placement

PROTOCOL = "psi.ecdh-ristretto255/1"


async def provider(
    job: PartyRun, to: int, people: Sequence[bytes], opened: Artefact, *, most: int
) -> tuple[Placement, Artefact]:
    """A provider's side: where its people stand among the consumer's, of whom there are `most` at the most."""
    async with job.step("psi-place", PROTOCOL, opened) as step:
        with job.working(f"finding {len(people)} rows in the list of {job.name(to)}") as work:
            placement = await psi.place(
                step,
                name_of(to),
                people,
                context=_context(job, job.party),
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

        async def arrange(party: int) -> None:
            with job.working(f"showing {len(identifiers)} customers to {job.name(party)}, hidden") as work:
                numbers[party] = await psi.arrange(
                    step,
                    name_of(party),
                    identifiers,
                    order,
                    context=_context(job, party),
                    max_rows=most,
                    entropy=job.entropy(b"psi", party.to_bytes(4, "big")),
                    progress=work.count,
                )
            await job.say_rows_of(party, numbers[party])

        await together(*map(arrange, providers))
        made = step.output("order", canonical(list(order)))
    return list(order), [numbers[party] for party in providers], made


def _context(job: PartyRun, provider: int) -> bytes:
    return job.record.job + job.attempt.to_bytes(4, "big") + provider.to_bytes(4, "big")
