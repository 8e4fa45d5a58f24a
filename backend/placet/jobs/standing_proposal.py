"""The consumer's side of a standing plan: have it signed by all once, then propose its openings."""

from __future__ import annotations

import asyncio
import secrets

from pydantic import ValidationError

from placet.catalogue.declared import declared_terms, demand_divided
from placet.catalogue.spec import Role
from placet.catalogue.specs import spec_of
from placet.chain.threaded import ask_chain
from placet.core.errors import PlanError, StateError
from placet.core.ids import NO_CONSENT, ConsentId, OfferId
from placet.core.plan import OpeningRef
from placet.core.purposes import purpose_id
from placet.core.standing import Fixed, StandingInput, StandingParty, StandingPlan
from placet.core.values import ZERO20
from placet.jobs.context import JobContext
from placet.jobs.messages import ModelInput, StandingRequest, StandingSigned, StandRequest
from placet.jobs.peer_client import PeerClient
from placet.jobs.proposal import propose, terms_of
from placet.jobs.records import JobRecord
from placet.jobs.standing_store import StandingRecord


async def stand(peer_client: PeerClient, request: StandingRequest) -> StandingRecord:
    """Propose a standing plan to its parties, and keep it with the signatures that there are. Their errors where they
    refuse."""
    context, own = peer_client.context, peer_client.answers.agreement.standing
    now = await ask_chain(context.chain.now)
    plan = _plan(context, request, now)
    await own.store.threaded.add(plan, request.job, agreed=True, at=now)
    try:
        return await _gathered(peer_client, plan)
    except PlanError:
        await own.store.threaded.end(plan.hash)
        raise


def _plan(context: JobContext, request: StandingRequest, now: int) -> StandingPlan:
    job = request.job
    seats = spec_of(job.recipe).seats(len(job.providers) + 1)
    terms, consumer = terms_of(context, job, 0), context.address
    demand_divided(declared_terms(terms, [*(one.address for one in job.providers), consumer], consumer), job.pot)
    providers = [
        _party(seat, one.address, one.reward, one.offer, one.consent, one.model)
        for one, seat in zip(job.providers, seats, strict=False)
    ]
    if job.own is None:
        raise PlanError(
            "no standing plan of a recipe to which the consumer brings nothing",
            expected="an own offer",
            remedy="propose each job: placet job start",
            code="plan.standing",
        )
    own = _party(seats[-1], consumer, 0, job.own.offer, job.own.consent, job.model)
    try:
        return StandingPlan(
            fixed=Fixed(
                terms=terms,
                consumer=consumer,
                purpose=purpose_id(job.purpose),
                operations=int(spec_of(job.recipe).operations),
                sponsor=consumer,
                token=job.token if job.pot or any(one.reward for one in job.providers) else ZERO20,
                pot=job.pot,
                parties=(*providers, own),
            ),
            openings=request.openings,
            not_before=now,
            not_after=now + request.seconds,
            salt=secrets.token_bytes(32),
        )
    except ValidationError as error:
        raise PlanError("no sound standing plan follows", found=str(error.errors()[0]["msg"])[:200]) from None


def _party(
    seat: Role, signer: bytes, reward: int, offer: OfferId, consent: ConsentId | None, model: ModelInput | None
) -> StandingParty:
    inputs = [StandingInput(offer=offer, consent=consent or NO_CONSENT)]
    if model is not None:
        inputs.append(StandingInput(offer=model.offer, consent=model.consent))
    return StandingParty(signer=signer, reward=reward, output=seat.output, inputs=tuple(inputs))


async def _gathered(peer_client: PeerClient, plan: StandingPlan) -> StandingRecord:
    """Ask all parties for their signatures. Once all have given one, each is told of all before it counts here."""
    own = peer_client.answers.agreement.standing
    signers = [party.signer for party in plan.fixed.parties]
    signatures = (*await peer_client.signatures("stand", signers, StandRequest(plan=plan)), b"", b"")
    if all(signatures[: len(signers)]):
        signed = StandingSigned(plan=plan.hash, signatures=signatures)
        await own.keep_signatures(plan, signatures)
        others = [one for one in signers if one != peer_client.context.address]
        await asyncio.gather(*(peer_client.ask(one, "stood", signed, StandingSigned) for one in others))
    return await own.store.threaded.known(plan.hash)


async def propose_opening(peer_client: PeerClient, plan: bytes) -> JobRecord:
    """Have the next opening of a standing plan signed, as any plan. StateError `plan.standing` where not all have
    signed the standing plan yet, or this institution is not its consumer; PlanError where no opening is left."""
    own = peer_client.answers.agreement.standing
    record = await own.store.threaded.known(plan)
    if record.request is None:
        raise StateError("only its consumer opens a standing plan", code="plan.standing")
    if not record.signed:
        record = await _gathered(peer_client, record.plan)
    if not record.signed or record.request is None:
        raise StateError(
            "not all parties have signed the standing plan yet",
            remedy="their operators agree by: placet standing agree",
            code="plan.standing",
        )
    number = await own.store.threaded.take(record.plan)
    return await propose(peer_client, record.request, OpeningRef(plan=plan, number=number))
