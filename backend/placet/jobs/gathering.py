"""The consumer's side of signing: ask for the signatures that a plan lacks, until it has all or somebody refuses.

A party whose people decide first gives no signature yet. What came is kept, so that a restart asks the others alone.
"""

from __future__ import annotations

import asyncio
import contextlib

from placet.chain.threaded import ask_chain
from placet.core.errors import PlacetError
from placet.core.plan import demand_signatures
from placet.jobs.messages import PlanRef, SignRequest
from placet.jobs.peer_client import PeerClient
from placet.jobs.progress import PEOPLE
from placet.jobs.records import JobRecord
from placet.jobs.store import JobStore

_MAY_PASS = frozenset({"chain", "internal", "limit", "peer", "storage", "vault"})
"""What errors begin with that say nothing about the plan."""
_TELLING = 2.0
"""Seconds to tell others that a plan is proposed no more."""


def is_refusal(error: PlacetError) -> bool:
    """Does it say no to the plan? What is not there, or too busy, may be asked again."""
    return error.code.partition(".")[0] not in _MAY_PASS


def refusal_of(error: PlacetError) -> dict[str, object]:
    """Why a plan is not signed, for who follows its job; with the words of the person who refused it."""
    words = {"reason": error.found} if error.code == "plan.refused" else {}
    return {"code": error.code, "why": error.message, **words}


async def drop(peer_client: PeerClient, record: JobRecord) -> None:
    """Tell the others that a refused plan is proposed no more, so that nobody has to decide about it. Who is not there
    lets it expire."""
    context = peer_client.context
    others = [party.signer for party in record.plan.parties if party.signer != context.address]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_TELLING):
            await asyncio.gather(
                *(peer_client.ask(one, "dropped", PlanRef(job=record.job), PlanRef) for one in others),
                return_exceptions=True,
            )


async def gather(peer_client: PeerClient, record: JobRecord) -> JobRecord:
    """Ask those whose signatures a plan lacks, at once, and keep what they give. Who follows the job hears of whom it
    waits for. Their errors where they refuse; SignatureError for what is no signature of theirs."""
    context, store = peer_client.context, peer_client.answers.agreement.store
    plan, job = record.plan, record.job
    lacking = [place for place, _ in enumerate(plan.parties) if not record.signatures[place]]
    question = SignRequest(plan=plan, terms=record.terms)
    answers = await peer_client.signatures("sign", [plan.parties[place].signer for place in lacking], question)
    signatures = dict(enumerate(record.signatures)) | dict(zip(lacking, answers, strict=True))
    verifiers = context.chain.verifiers
    for place, signature in zip(lacking, answers, strict=True):
        if signature:
            signer = plan.parties[place].signer
            await ask_chain(verifiers.demand, f"the plan, signature {place}", signer, job, signature)
    together, names = (
        tuple(signatures.values()),
        [context.trust.name(plan.parties[p].signer) for p in lacking if not signatures[p]],
    )
    if not names:
        await ask_chain(demand_signatures, "the plan", plan.signers, together, job, verifiers)
    store.waits.set(job, PEOPLE, *(f"{name} to agree to the plan" for name in names))
    if names:
        await _tell(store, record, names)
    if together != record.signatures:
        await store.threaded.signed(job, together)
    return await store.threaded.job(job)


async def _tell(store: JobStore, record: JobRecord, names: list[str]) -> None:
    """Once for each set of those whose people decide, also over restarts."""
    before = [moment for _, moment in await store.threaded.moments(record.job) if moment["status"] == "held"]
    if not before or before[-1]["by"] != names:
        await store.threaded.note(record.job, "held", by=names)
