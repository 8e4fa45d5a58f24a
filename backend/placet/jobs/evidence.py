"""What this party shows an auditor about a job."""

from __future__ import annotations

import asyncio

from placet.chain.events import JobAmended, JobSealed
from placet.core.errors import NotFoundError
from placet.core.evidence import Batch, Evidence, InputEvidence, SignedAmendment, SignedSeal
from placet.core.plan import Amendment, Seal
from placet.core.values import parse
from placet.jobs.runner import Runner
from placet.jobs.store import Record


async def gather(runner: Runner, job: bytes) -> Evidence:
    """All that this node and its vault know of a job, outputs and subjects left out. NotFoundError if it is unknown."""
    record = runner.store.job(job)
    inputs, batches = await _inputs(runner, record)
    amended, sealed = await asyncio.to_thread(_on_chain, runner, job)
    amendments = [(parse(Amendment, text), given) for text, given in runner.store.agreed(job, "amendment")]
    seals = [(parse(Seal, text), given) for text, given in runner.store.agreed(job, "seal")]
    return Evidence(
        job=job,
        party=record.party,
        plan=record.plan,
        terms=record.terms,
        plan_signatures=record.signatures,
        inputs=inputs,
        batches=batches,
        steps=tuple(runner.store.steps(job)),
        sent=tuple(runner.store.messages(job, sender=record.party)),
        received=tuple(runner.store.messages(job, receiver=record.party)),
        amendments=tuple(
            SignedAmendment(amendment=amendment, signatures=given)
            for amendment, given in amendments
            if (amendment.attempt, amendment.roots, amendment.epochs) in amended
        ),
        seal=next((SignedSeal(seal=seal, signatures=given) for seal, given in seals if seal == sealed), None),
    )


def _on_chain(runner: Runner, job: bytes) -> tuple[set[tuple[int, tuple[bytes, ...], tuple[int, ...]]], Seal | None]:
    """Attempt, roots and epochs of each amendment on chain, and the seal there: not every one that all signed is."""
    runner.desk.index.sync()
    events = runner.desk.index.job_events(job)
    seals = [
        Seal(job=job, attempt=e.attempt, heads=e.heads, outputs=e.outputs, keys=e.keys, epochs=e.epochs)
        for e in events
        if isinstance(e, JobSealed)
    ]
    amended = {(e.attempt, e.roots, e.epochs) for e in events if isinstance(e, JobAmended)}
    return amended, seals[-1] if seals else None


async def _inputs(runner: Runner, record: Record) -> tuple[tuple[InputEvidence, ...], tuple[Batch, ...]]:
    desk, found = runner.desk, []
    batches: dict[bytes, Batch] = {}
    first = record.plan.input_offset(record.party)
    attempts = runner.store.attempts(record.job)
    used = [(a.attempt, a.roots) for a in attempts] or [(1, tuple(i.lawful_root for i in record.plan.inputs))]
    for attempt, roots in used:
        for number, chosen in enumerate(record.plan.parties[record.party].inputs, first):
            offer = (await asyncio.to_thread(desk.chain.offer, chosen.offer)).offer
            scope = desk.scope(offer)
            if chosen.named:
                named = await desk.vault.named_evidence(chosen.consent)
                found.append(InputEvidence(input=number, attempt=attempt, offer=offer, scope=scope, named=named))
                continue
            try:
                lawful = await desk.vault.evidence(chosen.offer, roots[number])
            except NotFoundError:
                continue
            batches.update((batch.root, batch) for batch in lawful.batches)
            found.append(
                InputEvidence(
                    input=number,
                    attempt=attempt,
                    offer=offer,
                    scope=scope,
                    leaves=lawful.leaves,
                    erased=lawful.erased,
                )
            )
    return tuple(found), tuple(batches.values())
