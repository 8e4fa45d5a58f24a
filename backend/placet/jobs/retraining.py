"""A request that proposes a job again, over today's consents: what it asked, out of the plan that was signed."""

from __future__ import annotations

from placet.core.errors import PlanError, StateError
from placet.core.plan import Plan, Terms, demand_fit
from placet.core.values import to_hex
from placet.jobs.messages import JobRequest, OwnInput, ProviderRequest


def again(plan: Plan, terms: Terms, purpose: str, own: bytes) -> JobRequest:
    """The same recipe, parameters, parties, payments and time for each part, over the same offers, of a job in which
    each party brought rows. StateError `job.not-consumer` for another institution than the job's consumer and sponsor;
    PlanError where the terms are another plan's, or a party brought other things."""
    if (plan.consumer, plan.sponsor) != (own, own):
        raise StateError(
            "only the job's consumer proposes it again",
            expected=to_hex(plan.consumer),
            found=to_hex(own),
            remedy="ask it to; or propose a job of the same recipe yourself: placet job plan",
            code="job.not-consumer",
        )
    demand_fit(plan, terms)
    if any(len(party.inputs) != 1 for party in plan.parties):
        raise PlanError("a party brought no rows, or more than rows", code="plan.inputs")
    rows = {party.signer: party.inputs[0] for party in plan.parties}
    return JobRequest(
        recipe=terms.recipe,
        engine=terms.engine,
        parameters=terms.parameters,
        purpose=purpose,
        token=plan.token,
        pot=plan.pot,
        deadline_seconds=plan.deadline - plan.open_by,
        settle_seconds=plan.settle_by - plan.deadline,
        providers=tuple(
            ProviderRequest(address=party.signer, offer=rows[party.signer].offer, reward=party.reward)
            for party in plan.parties
            if party.signer != own
        ),
        data_life=terms.data_life,
        own=OwnInput(offer=rows[own].offer, consent=rows[own].consent if rows[own].named else None),
    )
